package coverage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

// A Report says what was seen, and what of a policy has met it.
type Report struct {
	Policy   string    `json:"policy"` // its version
	From     time.Time `json:"from"`   // of the entries; zero: there are none
	To       time.Time `json:"to"`
	Nodes    []string  `json:"nodes"`
	Problems []Problem `json:"problems"` // the worst kinds first
	Routes   []Route   `json:"routes"`   // with problems first
	Fields   []Field   `json:"fields"`   // with problems first
}

// A Problem is a place where something silently does not apply.
type Problem struct {
	Kind  Kind       `json:"kind"`
	Route string     `json:"route,omitempty"`
	Field string     `json:"field,omitempty"`
	Class weir.Class `json:"class,omitempty"`
	Text  string     `json:"text"` // what is so
	Do    string     `json:"do"`   // what to do about it
	// Position in the policy, as file:line:column; "": none.
	Position string    `json:"position,omitempty"`
	Last     time.Time `json:"last"` // zero: never
}

// A Route is one that was seen, or that the policy names.
type Route struct {
	Name      string    `json:"name"`
	Text      string    `json:"text,omitempty"` // as the policy has it
	Declared  bool      `json:"declared"`
	Subject   string    `json:"subject,omitempty"` // as the policy has it
	Mode      string    `json:"mode"`              // enforced or observe
	Roles     []string  `json:"roles"`
	Exchanges int       `json:"exchanges"`
	Read      int64     `json:"read_bytes"`
	Unread    int64     `json:"unread_bytes"`
	Withheld  int       `json:"withheld"`
	Classes   int       `json:"classes"` // different ones found
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"` // zero: never
	Kinds     []Kind    `json:"problems"`
}

// A Field is a place in the answers of a route and one class of what it held.
type Field struct {
	Route string `json:"route"`
	// Field is "" where none of the findings has been looked up yet.
	Field       string     `json:"field"`
	Class       weir.Class `json:"class,omitempty"` // "": nothing was found in it
	Sensitivity string     `json:"sensitivity,omitempty"`
	Declared    bool       `json:"declared"` // the policy knows the class
	Enforced    []Enforced `json:"enforced"`
	N           int        `json:"n"` // of those that were looked up; of all, where Field is ""
	First       time.Time  `json:"first"`
	Last        time.Time  `json:"last"`
	Kinds       []Kind     `json:"problems"`
}

// Enforced says what was done for a role, under the policy that it was last seen
// under.
type Enforced struct {
	Role    string       `json:"role"`
	Purpose weir.Purpose `json:"purpose"`
	Action  string       `json:"action"` // clear, mask or block; observe in front where it was not enforced
	Since   time.Time    `json:"since"`
	Policy  string       `json:"policy"` // the version that it was first seen under
	N       int          `json:"n"`
}

// actionWords are how the policy language calls actions.
var actionWords = map[weir.Action]string{weir.Allow: "clear", weir.Mask: "mask", weir.Block: "block"}

// Report compares what was read with a policy.
func (r *Reader) Report(p *policy.Policy) *Report {
	c := comparer{reader: r, policy: p, report: &Report{Policy: p.Version(), From: r.From, To: r.To, Nodes: slices.Sorted(maps.Keys(r.nodes))}, routes: map[string]*Route{}, classes: map[weir.Class]bool{}, found: map[string]map[weir.Class]bool{}}
	c.seeRoutes()
	c.seeFields()
	c.judgeRoutes()
	c.unused()
	x := c.report
	slices.SortStableFunc(x.Problems, func(a, b Problem) int {
		return cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind))
	})
	for _, at := range c.routes {
		x.Routes = append(x.Routes, *at)
	}
	slices.SortFunc(x.Routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(worst(a.Kinds), worst(b.Kinds)), strings.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(x.Fields, func(a, b Field) int { return cmp.Compare(worst(a.Kinds), worst(b.Kinds)) })
	for _, list := range []*[]string{&x.Nodes} {
		if *list == nil {
			*list = []string{}
		}
	}
	return x
}

// worst gives the place of the worst of kinds among Kinds; behind them, where there
// are none.
func worst(kinds []Kind) int {
	w := len(Kinds)
	for _, k := range kinds {
		w = min(w, slices.Index(Kinds, k))
	}
	return w
}

type comparer struct {
	reader  *Reader
	policy  *policy.Policy
	report  *Report
	routes  map[string]*Route
	classes map[weir.Class]bool            // that were seen
	found   map[string]map[weir.Class]bool // by route
}

func (c *comparer) problem(at *Route, f *Field, pr Problem) {
	c.report.Problems = append(c.report.Problems, pr)
	if at != nil && !slices.Contains(at.Kinds, pr.Kind) {
		at.Kinds = append(at.Kinds, pr.Kind)
	}
	if f != nil && !slices.Contains(f.Kinds, pr.Kind) {
		f.Kinds = append(f.Kinds, pr.Kind)
	}
}

func (c *comparer) seeRoutes() {
	for name, seen := range c.reader.routes {
		c.routes[name] = &Route{
			Name: name, Mode: cmp.Or(seen.Mode, "enforced"), Roles: slices.Sorted(maps.Keys(seen.Roles)), Exchanges: seen.N,
			Read: seen.Read, Unread: seen.Unread, Withheld: seen.Withheld, First: seen.First, Last: seen.Last, Kinds: []Kind{},
		}
	}
	for _, declared := range c.policy.Routes() {
		at := c.routes[declared.Name]
		if at == nil {
			at = &Route{Name: declared.Name, Mode: "", Roles: []string{}, Kinds: []Kind{}}
			c.routes[declared.Name] = at
		}
		at.Declared, at.Subject = true, cmp.Or(at.Subject, declared.Subject)
		if at.Text != "" {
			at.Text += ", "
		}
		at.Text += declared.Text
	}
}

func (c *comparer) seeFields() {
	all := slices.SortedFunc(maps.Keys(c.reader.cells), compare)
	type line struct {
		route string
		class weir.Class
	}
	named := map[line]bool{} // classes of which fields are known
	for _, at := range all {
		if at.Field != "" {
			named[line{at.Route, at.Class}] = true
		}
	}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Route == all[0].Route && all[n].Field == all[0].Field && all[n].Class == all[0].Class {
			n++
		}
		group := all[:n]
		all = all[n:]
		at := group[0]
		if at.Class != "" {
			c.classes[at.Class] = true
			if c.found[at.Route] == nil {
				c.found[at.Route] = map[weir.Class]bool{}
			}
			c.found[at.Route][at.Class] = true
		}
		if at.Field == "" && named[line{at.Route, at.Class}] {
			continue
		}
		c.field(group)
	}
}

// field makes one line of all that was done about a class in a field.
func (c *comparer) field(group []place) {
	at := group[0]
	f := Field{Route: at.Route, Field: at.Field, Class: at.Class, Kinds: []Kind{}, Enforced: []Enforced{}}
	mode := ""
	if seen := c.reader.routes[at.Route]; seen != nil {
		mode = seen.Mode
	}
	type who struct {
		role    string
		purpose weir.Purpose
	}
	newest := map[who]*cell{}
	for _, at := range group {
		cell := c.reader.cells[at]
		if k := (who{at.Role, at.Purpose}); newest[k] == nil || cell.Last.After(newest[k].Last) {
			newest[k] = cell
		}
	}
	for _, at := range group {
		cell := c.reader.cells[at]
		f.N += cell.N
		if f.First.IsZero() || cell.First.Before(f.First) {
			f.First = cell.First
		}
		if cell.Last.After(f.Last) {
			f.Last = cell.Last
		}
		if at.Class == "" || cell.Latest != newest[who{at.Role, at.Purpose}].Latest {
			continue // nothing to enforce, or no longer so
		}
		action := actionWords[at.Action]
		if mode != "" {
			action = mode + ": " + action
		}
		f.Enforced = append(f.Enforced, Enforced{at.Role, at.Purpose, action, cell.First, cell.Policy, cell.N})
	}
	if at.Class == "" {
		f.Declared = true
		c.report.Fields = append(c.report.Fields, f)
		return
	}
	class, declared := c.policy.Class(at.Class)
	f.Declared = declared
	if f.Sensitivity = class.Sensitivity.String(); !declared {
		c.problem(nil, &f, Problem{Kind: Undeclared, Route: at.Route, Field: at.Field, Class: at.Class, Last: f.Last,
			Text: fmt.Sprintf("%s is seen on %s, and no class of the policy covers it: it is blocked for everybody", at.Class, at.Route),
			Do:   fmt.Sprintf("declare %s, or its family, under classes, and say in see which role may see it how", at.Class)})
	}
	c.report.Fields = append(c.report.Fields, f)
}

func (c *comparer) judgeRoutes() {
	for _, name := range slices.Sorted(maps.Keys(c.routes)) {
		at := c.routes[name]
		seen := c.reader.routes[name]
		at.Classes = len(c.found[name])
		if seen == nil {
			continue
		}
		if seen.Mode != "" {
			c.problem(at, nil, Problem{Kind: NotEnforced, Route: name, Last: seen.Last,
				Text: fmt.Sprintf("%s is not enforced (%s): everything passes there, for every role", name, seen.Mode),
				Do:   "take mode: observe from the route or the policy, or start weir serve without --observe"})
		}
		if !at.Declared {
			text := fmt.Sprintf("%s is no route of the policy: %d exchanges", name, seen.N)
			if seen.N == 1 {
				text = fmt.Sprintf("%s is no route of the policy: one exchange", name)
			}
			if at.Classes > 0 {
				text += fmt.Sprintf(", with %s", c.classList(name))
			}
			c.problem(at, nil, Problem{Kind: Undeclared, Route: name, Last: seen.Last, Text: text,
				Do: "name it under routes, with its subject; or refuse what is not named with undeclared-routes: block"})
		}
		if seen.Unread > 0 {
			c.problem(at, nil, Problem{Kind: Unread, Route: name, Last: seen.LastUnread,
				Text: fmt.Sprintf("%d bytes left %s without being read, of %d", seen.Unread, name, seen.Read+seen.Unread),
				Do:   "narrow the route's opaque to the types that hold nothing of customers"})
		}
		if at.Classes > 0 && at.Declared && at.Subject == "" {
			c.problem(at, nil, Problem{Kind: NoSubject, Route: name, Last: seen.Last,
				Text: fmt.Sprintf("%s has %s and the policy does not say whose: customers are counted by what is recognised", name, c.classList(name)),
				Do:   fmt.Sprintf("give the route a subject, such as: {route: %q, subject: \"customer $.id\"}", at.Text)})
		}
		if missing := c.missingSubject(at); missing != "" {
			c.problem(at, nil, Problem{Kind: NoSubject, Route: name, Last: seen.Last, Field: missing,
				Text: fmt.Sprintf("%s has its subject at %s, and no answer that was looked at has such a field", name, missing),
				Do:   "compare the path with the route's fields below; a subject that is not found charges somebody new each time"})
		}
	}
}

// classList names what was found on a route.
func (c *comparer) classList(route string) string {
	all := slices.Sorted(maps.Keys(c.found[route]))
	text := ""
	for i, class := range all {
		if i == 4 {
			return text + fmt.Sprintf(" and %d more", len(all)-4)
		}
		text += [...]string{"", ", "}[min(i, 1)] + string(class)
	}
	return text
}

// missingSubject gives the path of a route's subject, if fields of its answers are
// known and none is that.
func (c *comparer) missingSubject(at *Route) string {
	_, path, ok := strings.Cut(at.Subject, " ")
	if !ok || !strings.HasPrefix(path, "$") {
		return ""
	}
	looked := false
	for seen := range c.reader.cells {
		if seen.Route != at.Name || !strings.HasPrefix(seen.Field, "$") {
			continue
		}
		if sameField(seen.Field, path) {
			return ""
		}
		looked = true
	}
	if !looked {
		return ""
	}
	return path
}

// sameField compares the name of a field with a path of the policy; {id} stands for
// any key.
func sameField(field, path string) bool {
	a, b := strings.Split(field, "."), strings.Split(path, ".")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		key, array, _ := strings.Cut(a[i], "[")
		want, wantArray, _ := strings.Cut(b[i], "[")
		if array != wantArray || key != want && key != "{id}" {
			return false
		}
	}
	return true
}

// unused lists what of the policy has met nothing.
func (c *comparer) unused() {
	for _, declared := range c.policy.Routes() {
		at := c.routes[declared.Name]
		if at.Exchanges == 0 && c.reader.routes[declared.Name] == nil && !slices.Contains(at.Kinds, Unused) {
			c.problem(at, nil, Problem{Kind: Unused, Route: declared.Name, Position: declared.Position.String(),
				Text: fmt.Sprintf("the route %s was never asked for", declared.Text),
				Do:   "look whether the service has it under another path; what asks for that is not judged by this line"})
		}
	}
	for _, class := range c.policy.Classes() {
		seen := false
		for name := range c.classes {
			if of, ok := c.policy.Class(name); ok && of.Name == class.Name {
				seen = true
			}
		}
		if !seen {
			c.problem(nil, nil, Problem{Kind: Unused, Class: class.Name,
				Text: fmt.Sprintf("the class %s was never seen", class.Name),
				Do:   "if it is one of your own detectors, try it with weir policy check; else it does no harm"})
		}
	}
	used := map[string]bool{}
	for at := range c.reader.cells {
		used[at.Role] = true
	}
	for _, at := range c.reader.routes {
		for role := range at.Roles {
			used[role] = true
		}
	}
	for _, role := range c.policy.Roles() {
		if !used[role] {
			c.problem(nil, nil, Problem{Kind: Unused, Text: fmt.Sprintf("the role %s was never seen: nobody has come with it", role),
				Do: "look whether identity gives it to anybody; a role that nobody has is a grant that nobody needs"})
		}
	}
	c.unusedGrants(used)
}

// unusedGrants lists what roles may see and never have.
func (c *comparer) unusedGrants(used map[string]bool) {
	for _, g := range c.policy.Grants() {
		if !used[g.Role] {
			continue // said of the role
		}
		seen := false
		for at := range c.reader.cells {
			if at.Role == g.Role && at.Purpose == g.Purpose && at.Class != "" && within(at.Class, g.Class) {
				seen = true
				break
			}
		}
		if !seen {
			c.problem(nil, nil, Problem{Kind: Unused, Class: g.Class, Position: g.Position.String(),
				Text: fmt.Sprintf("%s may see %s (%s) for %s and never has", g.Role, g.Class, actionWords[g.Action], g.Purpose),
				Do:   "take it away: what is not granted cannot be stolen"})
		}
	}
}

// within reports whether a class is the one that a pattern names, or of its family.
func within(class, pattern weir.Class) bool {
	family, ok := strings.CutSuffix(string(pattern), "*")
	return class == pattern || ok && strings.HasPrefix(string(class), family)
}

package policy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// A Case is something that a policy must decide, as its author wrote it down.
type Case struct {
	Position
	Name    string
	Role    string
	Purpose weir.Purpose // "": the request names none
	Method  string
	Path    string
	Without []weir.NeedKind // what it lacks of what the role needs
	Denied  weir.Reason     // "": it is not
	Sees    []CaseSight
	Takes   []CaseTake
	source  string
}

// A CaseSight is what must happen to findings of a class.
type CaseSight struct {
	Class  weir.Class
	Action weir.Action
}

// A CaseTake is how many different customers one stolen credential can take.
type CaseTake struct {
	Lane   weir.Lane
	Window weir.Window
	Limit  int // weir.Unbounded: any number
}

// ParseCases reads a file of cases. Its errors are those of Parse.
func ParseCases(file string, src []byte) ([]Case, error) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	c := &compiler{mistakes: mistakes{files: []sourceFile{{file, lines(src)}}}, Policy: new(Policy)}
	var all []Case
	if root := readTree(&c.mistakes, src); root != nil {
		all = c.readCases(root)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return all, nil
}

func (c *compiler) readCases(root *node) (all []Case) {
	fields, ok := c.fields(root, inCaseFile)
	if !ok {
		return nil
	}
	if f, ok := c.required(root, fields, "the file", "version"); ok && (f.value.kind != scalar || f.value.text != "1") {
		c.errorf(f.value.at, "the version of the language is 1")
	}
	f, ok := c.required(root, fields, "the file", "cases")
	if !ok {
		return nil
	}
	if f.value.kind != sequence || len(f.value.items) == 0 {
		c.errorf(f.value.at, "here stands a list of cases, each beginning with - case:")
		return nil
	}
	for _, n := range f.value.items {
		all = append(all, c.readCase(n))
	}
	return all
}

// reasons for which Plan may refuse.
var reasons = []string{string(weir.ReasonRole), string(weir.ReasonPurpose), string(weir.ReasonRequest), string(weir.ReasonNeeds), string(weir.ReasonHold)}

func (c *compiler) readCase(n *node) Case {
	position, source := showAt(c.mistakes.files, n.at)
	out := Case{Position: position, source: source}
	fields, ok := c.fields(n, inCase)
	if !ok {
		return out
	}
	text := func(key string) string {
		f, ok := c.required(n, fields, "this case", key)
		if !ok {
			return ""
		}
		s, _ := c.text(f)
		return s
	}
	out.Name, out.Role = text("case"), text("role")
	if request := text("request"); request != "" {
		method, path, ok := strings.Cut(request, " ")
		if out.Method, out.Path = method, path; !ok || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?# {}") || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			c.errorf(fields["request"].value.at, "request: a method and a path, as GET /v1/customers/7")
		}
	}
	if f, ok := fields["purpose"]; ok {
		purpose, _ := c.text(f)
		out.Purpose = weir.Purpose(purpose)
	}
	if f, ok := fields["without"]; ok {
		for _, n := range c.list(f) {
			if kind := weir.NeedKind(n.text); slices.Contains(weir.NeedKinds(), kind) {
				out.Without = append(out.Without, kind)
				continue
			}
			var known []string
			for _, k := range weir.NeedKinds() {
				known = append(known, string(k))
			}
			c.errorf(n.at, "without: %q is none of %s%s", n.text, strings.Join(known, ", "), c.hint(n.text, known))
		}
	}
	if f, ok := fields["denied"]; ok {
		out.Denied = weir.Reason(c.word(f, reasons...))
	}
	if f, ok := fields["sees"]; ok {
		for _, p := range c.entries(f.value, "classes") {
			if !isClassName(p.key) {
				c.errorf(p.at, "%q: a class as contact.email", p.key)
			}
			word := c.word(p, actionWords[weir.Allow], actionWords[weir.Mask], actionWords[weir.Block])
			out.Sees = append(out.Sees, CaseSight{weir.Class(p.key), weir.Action(max(0, slices.Index(actionWords[:], word)))})
		}
	}
	if f, ok := fields["takes"]; ok {
		out.Takes = c.readCaseTakes(f.value)
	}
	switch {
	case out.Denied != "" && len(out.Sees)+len(out.Takes) > 0:
		c.errorf(n.at, "what is denied sees and takes nothing: denied stands alone")
	case out.Denied == "" && len(out.Sees)+len(out.Takes) == 0:
		c.errorf(n.at, "this case says nothing that the policy must decide: denied, sees or takes")
	}
	return out
}

func (c *compiler) readCaseTakes(n *node) (all []CaseTake) {
	lanes, ok := c.fields(n, inTake)
	if !ok {
		return nil
	}
	for lane := weir.Clear; lane < weir.NumLanes; lane++ {
		f, ok := lanes[lane.String()]
		if !ok {
			continue
		}
		windows, _ := c.fields(f.value, inBudget)
		for w := range weir.NumWindows {
			if f, ok := windows[w.String()]; ok {
				if limit, ok := c.limit(f); ok {
					all = append(all, CaseTake{lane, w, limit})
				}
			}
		}
	}
	return all
}

// A CaseFailure is a case that a policy decides otherwise.
type CaseFailure struct {
	Position
	Name string `json:"case"`
	// Text says what is otherwise than it must be.
	Text string `json:"text"`
	// Source is the line of the case.
	Source string `json:"source"`
	// Because is why the policy decides as it does.
	Because []Step `json:"because"`
}

// String is written as an Error is.
func (f CaseFailure) String() string {
	return show(f.Position, f.Name+": "+f.Text, f.Source)
}

// caseTime is when the requests of cases come: no time of any policy's.
var caseTime = time.Unix(0, 0).UTC()

// lacks reports whether the role of an exchange needs any of these.
func (p *Policy) lacks(x *weir.Exchange, without []weir.NeedKind) bool {
	r := p.roles[roleName(&x.Principal)]
	return r != nil && slices.ContainsFunc(without, func(k weir.NeedKind) bool { return r.needs.words(k) != "" })
}

// Try says what of a case the policy decides otherwise; nothing, if all is as it
// must be.
func (p *Policy) Try(c Case) (failures []CaseFailure) {
	x := &weir.Exchange{Method: c.Method, Path: weir.NewPlain(c.Path), Purpose: c.Purpose, Principal: weir.Principal{Role: c.Role, Kind: weir.Staff}}
	if c.Role == AnonymousRole {
		x.Principal = weir.Principal{Kind: weir.Anonymous}
	}
	fail := func(class weir.Class, format string, args ...any) {
		failures = append(failures, CaseFailure{c.Position, c.Name, fmt.Sprintf(format, args...), c.source, p.Explain(x, class, caseTime, nil).Steps})
	}
	pl, denial := p.Plan(x, caseTime, nil)
	if denial != nil && denial.Reason == weir.ReasonNeeds && !p.lacks(x, c.Without) {
		pl, denial = p.supplied(x, caseTime, nil)
	}
	if pl != nil {
		pl.Accounts = p.Accounts(&x.Principal) // a thief may have what raises a budget
	}
	switch {
	case denial != nil && denial.Reason != c.Denied:
		fail("", "denied (%s), and must not be", denial.Reason)
		return failures
	case denial == nil && c.Denied != "":
		fail("", "not denied, and must be (%s)", c.Denied)
		return failures
	case denial != nil:
		return nil
	}
	for _, s := range c.Sees {
		if is := pl.Action(s.Class); is != s.Action {
			fail(s.Class, "%s: %s, and must be %s", s.Class, actionWords[is], actionWords[s.Action])
		}
	}
	for _, t := range c.Takes {
		is := weir.Unbounded
		for i := range pl.Accounts {
			switch a := &pl.Accounts[i]; a.Party.Kind {
			case weir.ByIssuer, weir.ByNetwork: // a case names none
			default:
				if limit := a.Budget(t.Lane)[t.Window]; exceeds(is, limit) {
					is = limit
				}
			}
		}
		if is != t.Limit {
			fail("", "%s %s: one credential can take %s, and must be able to take %s", t.Lane, t.Window, limitText(is), limitText(t.Limit))
		}
	}
	return failures
}

package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

// A draft is a policy before it is written: what the laws below are checked
// against, by rules that are simpler and slower than the compiler's.
type draft struct {
	Classes  []draftClass
	Purposes []string
	Roles    []draftRole
}

type draftClass struct {
	Name        string
	Sensitivity int
	Purposes    []string // nil: any
}

type draftRole struct {
	Name     string
	Purposes []string
	See      []draftLine
	Take     [3]int // of the lane clear, by window
}

type draftLine struct {
	Pattern string
	Action  int // 0 block, 1 mask, 2 clear
}

var (
	// draftNames are what a detector finds; draftFamilies may be declared too.
	draftNames    = []string{"contact.email", "contact.phone", "media.history", "payment.card", "identity.us.ssn", "identity.us.itin", "identity.br.cpf"}
	draftFamilies = []string{"contact.*", "media.*", "identity.*", "identity.us.*"}
	draftPatterns = append([]string{"*", "payment.*", "identity.br.*"}, append(draftFamilies, draftNames...)...)
	draftPurposes = []string{"support", "marketing", "delivery"}
)

func drawDraft(t *rapid.T) draft {
	subset := func(label string, of []string) []string {
		picked := rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, len(of), rapid.ID[string]).Draw(t, label)
		return picked
	}
	d := draft{Purposes: draftPurposes}
	names := subset("classes", append(draftFamilies, draftNames...))
	for _, name := range names {
		c := draftClass{Name: name, Sensitivity: rapid.IntRange(0, 2).Draw(t, "sensitivity")}
		if rapid.Bool().Draw(t, "limited") {
			c.Purposes = subset("class purposes", draftPurposes)
		}
		d.Classes = append(d.Classes, c)
	}
	var patterns []string
	for _, p := range draftPatterns {
		if slices.ContainsFunc(names, func(n string) bool { return draftCovers(p, n) || draftCovers(n, p) }) {
			patterns = append(patterns, p)
		}
	}
	for _, name := range []string{"a", "b"} {
		r := draftRole{Name: name, Purposes: subset("role purposes", draftPurposes)}
		for _, p := range subset("patterns", patterns) {
			r.See = append(r.See, draftLine{p, rapid.IntRange(0, 2).Draw(t, "action")})
		}
		limit := 0
		for w := range r.Take {
			limit += rapid.IntRange(0, 50).Draw(t, "limit")
			r.Take[w] = limit
		}
		d.Roles = append(d.Roles, r)
	}
	return d
}

func draftCovers(pattern, class string) bool {
	return pattern == class || pattern == "*" || strings.HasSuffix(pattern, ".*") && strings.HasPrefix(class, strings.TrimSuffix(pattern, "*"))
}

func (d draft) yaml() string {
	var b strings.Builder
	b.WriteString("version: 1\nclasses:\n")
	for _, c := range d.Classes {
		fmt.Fprintf(&b, "  %s: {sensitivity: %s", c.Name, []string{"high", "moderate", "low"}[c.Sensitivity])
		if c.Purposes != nil {
			fmt.Fprintf(&b, ", purposes: [%s]", strings.Join(c.Purposes, ", "))
		}
		b.WriteString("}\n")
	}
	b.WriteString("purposes:\n")
	for _, p := range d.Purposes {
		fmt.Fprintf(&b, "  %s: {basis: consent}\n", p)
	}
	b.WriteString("roles:\n")
	for _, r := range d.Roles {
		fmt.Fprintf(&b, "  %s:\n    purposes: [%s]\n    see:\n", r.Name, strings.Join(r.Purposes, ", "))
		for _, l := range r.See {
			fmt.Fprintf(&b, "      %q: %s\n", l.Pattern, []string{"block", "mask", "clear"}[l.Action])
		}
		fmt.Fprintf(&b, "    take: {clear: {hour: %d, day: %d, 30 days: %d}}\n", r.Take[0], r.Take[1], r.Take[2])
	}
	b.WriteString("deployment: {take: {clear: {30 days: 100}}}\n")
	return b.String()
}

// declares is the declaration that holds for a class.
func (d draft) declares(class string) (best draftClass) {
	for _, c := range d.Classes {
		if draftCovers(c.Name, class) && len(c.Name) > len(best.Name) || c.Name == class {
			best = c
			if c.Name == class {
				return best
			}
		}
	}
	return best
}

// action is what the language says, straight from its definition.
func (d draft) action(role, purpose, class string) weir.Action {
	c := d.declares(class)
	if c.Name == "" || c.Purposes != nil && !slices.Contains(c.Purposes, purpose) {
		return weir.Block
	}
	best := draftLine{}
	for _, r := range d.Roles {
		for _, l := range r.See {
			if r.Name == role && draftCovers(l.Pattern, class) && (l.Pattern == class || best.Pattern != class && len(l.Pattern) > len(best.Pattern)) {
				best = l
			}
		}
	}
	return weir.Action(best.Action)
}

// granted is what a list of grants says of a class: the nearest of its lines and
// of their exceptions.
func granted(grants []policy.Grant, role, purpose, class string) (action weir.Action) {
	nearest := ""
	for _, g := range grants {
		if g.Role != role || string(g.Purpose) != purpose {
			continue
		}
		nearer := func(c weir.Class, a weir.Action) {
			if name := string(c); draftCovers(name, class) && nearest != class && (len(name) > len(nearest) || name == class) {
				nearest, action = name, a
			}
		}
		nearer(g.Class, g.Action)
		for _, c := range g.Except {
			nearer(c, weir.Block)
		}
	}
	return action
}

func (d draft) clone() draft {
	out := draft{Purposes: d.Purposes}
	for _, c := range d.Classes {
		c.Purposes = slices.Clone(c.Purposes)
		out.Classes = append(out.Classes, c)
	}
	for _, r := range d.Roles {
		r.Purposes, r.See = slices.Clone(r.Purposes), slices.Clone(r.See)
		out.Roles = append(out.Roles, r)
	}
	return out
}

// narrow takes one thing back, in one of the ways that a person would.
func (d draft) narrow(t *rapid.T) draft {
	d = d.clone()
	r := &d.Roles[rapid.IntRange(0, len(d.Roles)-1).Draw(t, "role")]
	c := &d.Classes[rapid.IntRange(0, len(d.Classes)-1).Draw(t, "class")]
	switch rapid.IntRange(0, 4).Draw(t, "way") {
	case 0: // see it less well
		l := &r.See[rapid.IntRange(0, len(r.See)-1).Draw(t, "line")]
		l.Action = rapid.IntRange(0, l.Action).Draw(t, "narrower")
	case 1: // act for fewer purposes
		if len(r.Purposes) > 1 {
			r.Purposes = r.Purposes[:len(r.Purposes)-1]
		}
	case 2: // process it for fewer
		if c.Purposes == nil {
			c.Purposes = slices.Clone(d.Purposes)
		}
		if len(c.Purposes) > 1 {
			c.Purposes = c.Purposes[1:]
		}
	case 3: // take fewer
		for w := range r.Take {
			r.Take[w] /= 2
		}
	case 4: // grade it higher
		c.Sensitivity = rapid.IntRange(0, c.Sensitivity).Draw(t, "graver")
	}
	return d
}

func parseDraft(t *rapid.T, d draft) *policy.Policy {
	p, err := policy.Parse("policy.yaml", []byte(d.yaml()))
	if err != nil {
		t.Fatalf("%v\n%s", err, d.yaml())
	}
	return p
}

func planFor(p *policy.Policy, role, purpose string) (*policy.Plan, *weir.Denial) {
	return p.Plan(exchange(weir.Principal{Kind: weir.Staff, Name: "x", Role: role, Credential: "c"}, weir.Purpose(purpose), "GET", "/"), now, nil)
}

// TestActionsAreAsDefined: the compiled tables, and the list of grants, say what
// the language says.
func TestActionsAreAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDraft(t)
		p := parseDraft(t, d)
		grants := p.Grants()
		for _, r := range d.Roles {
			for _, purpose := range d.Purposes {
				pl, denial := planFor(p, r.Name, purpose)
				if (denial == nil) != slices.Contains(r.Purposes, purpose) {
					t.Fatalf("%s for %s: %v", r.Name, purpose, denial)
				}
				for _, class := range draftNames {
					if denial == nil {
						if got, want := int(pl.Sensitivity(weir.Class(class))), d.declares(class).Sensitivity; got != want {
							t.Fatalf("%s has sensitivity %d, want %d\n%s", class, got, want, d.yaml())
						}
					}
					want := d.action(r.Name, purpose, class)
					if denial != nil {
						want = weir.Block
					} else if got := pl.Action(weir.Class(class)); got != want {
						t.Fatalf("%s for %s sees %s: %s, want %s\n%s", r.Name, purpose, class, got, want, d.yaml())
					}
					if got := granted(grants, r.Name, purpose, class); got != want {
						t.Fatalf("%s for %s is granted %s: %s, want %s\n%s", r.Name, purpose, class, got, want, d.yaml())
					}
				}
			}
		}
	})
}

// TestNarrowerIsNeverWider: whatever is taken back from a policy, nobody gains.
func TestNarrowerIsNeverWider(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wide := drawDraft(t)
		narrow := wide.narrow(t)
		p, q := parseDraft(t, wide), parseDraft(t, narrow)
		for _, r := range wide.Roles {
			for _, purpose := range wide.Purposes {
				before, denied := planFor(p, r.Name, purpose)
				after, deniedAfter := planFor(q, r.Name, purpose)
				if deniedAfter != nil {
					continue
				}
				if denied != nil {
					t.Fatalf("%s for %s: let in by the narrower policy", r.Name, purpose)
				}
				for _, class := range draftNames {
					c := weir.Class(class)
					if after.Action(c) > before.Action(c) || after.Sensitivity(c) > before.Sensitivity(c) {
						t.Fatalf("%s for %s sees more of %s\n%s\n%s", r.Name, purpose, class, wide.yaml(), narrow.yaml())
					}
				}
				for i := range before.Accounts {
					for l := range before.Accounts[i].Budgets {
						for w, limit := range before.Accounts[i].Budgets[l] {
							if after.Accounts[i].Budgets[l][w] > limit {
								t.Fatalf("%s takes more", before.Accounts[i].Party)
							}
						}
					}
				}
			}
		}
	})
}

// TestMostSpecificRouteWins compares the tree of routes with a plain search
// through the list of them.
func TestMostSpecificRouteWins(t *testing.T) {
	parts := rapid.SampledFrom([]string{"a", "b", "{x}", "{y}"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("version: 1\nclasses: {}\npurposes: {support: {basis: contract}}\nroles: {r: {purposes: [support]}}\ndeployment: {take: {}}\nroutes:\n")
		shapes := make(map[string]bool)
		var routes []string
		for range rapid.IntRange(1, 12).Draw(t, "routes") {
			var path []string
			for i, part := range rapid.SliceOfN(parts, 0, 4).Draw(t, "path") {
				if part[0] == '{' {
					part = fmt.Sprintf("{%c%d}", part[1], i)
				}
				path = append(path, part)
			}
			if rapid.Bool().Draw(t, "rest") {
				path = append(path, "{rest...}")
			}
			route := rapid.SampledFrom([]string{"GET", "POST", "*"}).Draw(t, "method") + " /" + strings.Join(path, "/")
			shape := strings.Map(func(r rune) rune {
				if r == 'y' {
					return 'x'
				}
				return r
			}, route)
			if !shapes[shape] {
				shapes[shape] = true
				routes = append(routes, route)
				fmt.Fprintf(&b, "  - route: %q\n", route)
			}
		}
		p, err := policy.Parse("policy.yaml", []byte(b.String()))
		if err != nil {
			t.Fatalf("%v", err)
		}
		for range 20 {
			method := rapid.SampledFrom([]string{"GET", "POST", "HEAD", "PUT"}).Draw(t, "asked")
			path := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 5).Draw(t, "asked path"), "/")
			pl, d := p.Plan(exchange(weir.Principal{Kind: weir.Staff, Name: "n", Role: "r"}, "", method, path), now, nil)
			if d != nil {
				t.Fatal(d)
			}
			if want := mostSpecific(routes, method, path); pl.Route != want {
				t.Fatalf("%s %s: %q, want %q\n%s", method, path, pl.Route, want, b.String())
			}
		}
	})
}

// mostSpecific finds the route by comparing all of them, segment by segment from
// the left.
func mostSpecific(routes []string, method, path string) (best string) {
	var bestRank []int
	for _, route := range routes {
		m, pattern, _ := strings.Cut(route, " ")
		rank, ok := fitRank(strings.FieldsFunc(pattern, slash), strings.FieldsFunc(path, slash))
		switch {
		case !ok:
			continue
		case m == method:
			rank = append(rank, 0)
		case m == "GET" && method == "HEAD":
			rank = append(rank, 1)
		case m == "*":
			rank = append(rank, 2)
		default:
			continue
		}
		if best == "" || slices.Compare(rank, bestRank) < 0 {
			best, bestRank = route, rank
		}
	}
	return best
}

func slash(r rune) bool { return r == '/' }

// fitRank gives, for each segment, 1 for a literal, 2 for a variable, 3 where
// the rest begins; an end of the pattern is better than any rest.
func fitRank(pattern, path []string) (rank []int, ok bool) {
	for i, part := range pattern {
		switch {
		case strings.HasSuffix(part, "...}"):
			return append(rank, 3), true
		case i >= len(path):
			return nil, false
		case part[0] == '{':
			rank = append(rank, 2)
		case part == path[i]:
			rank = append(rank, 1)
		default:
			return nil, false
		}
	}
	return append(rank, 0), len(pattern) == len(path)
}

// FuzzParse: no input makes Parse panic, and whatever it says about one points
// into it.
func FuzzParse(f *testing.F) {
	f.Add(policy.Starter())
	f.Add([]byte(shop))
	f.Add([]byte(withVendors))
	f.Add([]byte(withNeeds("second factor: 1h, networks: [office], hours: sun 01:00-02:00 UTC, ticket: true, approval: true")))
	for _, e := range examples(f) {
		f.Add([]byte(e.src))
	}
	for _, name := range []string{"testdata/mistakes.txtar", "testdata/warnings.txtar"} {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if strings.HasSuffix(file.Name, ".yaml") {
				f.Add(file.Data)
			}
		}
	}
	for _, s := range []string{"? a", "- - a: b", "a: |\n b", "'", "{a: [b, {c: d}]}", "a: !!x", "\ufeff", "%YAML 1.2\n---", "a: b: c", "\t", "...", "a:\n b\n c: d", "\"\\", "{[a]: b}", "? {a: b}\n: c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := policy.Parse("policy.yaml", src)
		lines := strings.Split(strings.TrimPrefix(string(src), "\ufeff"), "\n")
		into := func(at policy.Position) {
			if at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > len([]rune(lines[at.Line-1]))+1 {
				t.Errorf("%s is not in the file", at)
			}
		}
		if err != nil {
			var all *policy.Errors
			if p != nil || !errors.As(err, &all) || len(all.List) == 0 {
				t.Fatalf("%v beside %T", p, err)
			}
			for _, e := range all.List {
				into(e.Position)
				if e.Message == "" {
					t.Error("a mistake without a message")
				}
			}
			return
		}
		for _, w := range p.Warnings() {
			into(w.Position)
		}
		for _, role := range append(p.Roles(), "nobody's") {
			x := exchange(weir.Principal{Kind: weir.Staff, Name: "n", Role: role}, "", "GET", "/a/b/c/")
			pl, denial := p.Plan(x, now, nil)
			if (pl == nil) == (denial == nil) {
				t.Fatal("neither a plan nor a denial, or both")
			}
			if pl == nil {
				pl = p.Unenforced(x)
			}
			for _, c := range p.Classes() {
				pl.Action(c.Name)
			}
			if _, declared := p.Class("no.such_class.at_all"); pl.Action("no.such_class.at_all") != weir.Block && !declared {
				t.Error("undeclared and not blocked")
			}
		}
		p.Notice()
		p.Due(now)
		p.Needs()
		policy.Diff(p, p)
		policy.GrantsText(p.Grants())
		p.Unbounded()
	})
}

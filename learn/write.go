package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// A Role is one of the policy's: what whoever has it was seen with.
type Role struct {
	Name     string
	Kind     weir.Kind
	Purposes []weir.Purpose // the most used first
	Classes  map[weir.Class]int
	Requests int
	People   int // different principals
	// Take is the most that one credential took, Together all of them: at any
	// moment, in each window.
	Take, Together weir.Budgets
}

// A Draft is what a policy is written from.
type Draft struct {
	Roles      []*Role // by name
	Issuers    map[string]weir.Budgets
	Deployment weir.Budgets
	Routes     []*Route
	Purposes   []weir.Purpose
	From, To   time.Time
	Exchanges  int
	// Open: budgets are left without an end, to find out what they must be.
	Open bool
	// Trouble has, by route, why it is to be observed only, for now.
	Trouble map[string]string
}

// Families are the classes that a first policy declares.
var families = []struct{ name, sensitivity string }{
	{"contact.*", "moderate"}, {"person.*", "moderate"}, {"person.birth_date", "high"}, {"payment.*", "high"}, {"identity.*", "high"},
	{"network.*", "low"}, {"device.*", "moderate"}, {"location.*", "high"}, {"media.*", "high"}, {"commerce.*", "moderate"},
	{"message.*", "high"}, {"credential.*", "high"},
}

func sensitivity(c weir.Class) string {
	if c == "person.birth_date" {
		return "high"
	}
	for _, f := range families {
		if strings.HasPrefix(string(c), strings.TrimSuffix(f.name, "*")) && strings.HasSuffix(f.name, "*") {
			return f.sensitivity
		}
	}
	return "high"
}

// Budget gives what would not have stopped whoever took so many at most: half as much
// again, rounded up. Where the traffic is shorter than a window, its figure is an
// estimate: eight of the hours seen make a day, ten of the days 30 days.
func (d *Draft) Budget(peak weir.Budget) weir.Budget {
	if d.Open {
		return weir.Budget{weir.Unbounded, weir.Unbounded, weir.Unbounded}
	}
	span := d.To.Sub(d.From)
	var b weir.Budget
	b[weir.Hour] = margin(peak[weir.Hour])
	b[weir.Day] = margin(peak[weir.Day])
	if span < 24*time.Hour {
		b[weir.Day] = max(b[weir.Day], round(8*b[weir.Hour]))
	}
	b[weir.Month] = margin(peak[weir.Month])
	if span < 30*24*time.Hour {
		b[weir.Month] = max(b[weir.Month], round(10*b[weir.Day]))
	}
	b[weir.Day] = max(b[weir.Day], b[weir.Hour])
	b[weir.Month] = max(b[weir.Month], b[weir.Day])
	return b
}

func margin(n int) int {
	if n == 0 {
		return 0
	}
	return round(n + max(2, (n+1)/2))
}

// round gives the next number that a person would write: of two digits that mean
// something, the second 0 or 5.
func round(n int) int {
	step := 1
	for n/step >= 100 {
		step *= 10
	}
	if n >= 20 {
		step *= 5
	}
	return (n + step - 1) / step * step
}

var lanes = []weir.Lane{weir.Clear, weir.Sensitive, weir.Masked, weir.Probed, weir.Own}

// take gives the budgets of each lane.
func (d *Draft) take(peak weir.Budgets, own bool) (b weir.Budgets) {
	for _, lane := range lanes {
		b[lane] = d.Budget(peak[lane])
	}
	if d.Open {
		return b
	}
	// Whoever masks a class later counts the same customers there.
	for w := range b[weir.Masked] {
		b[weir.Masked][w] = max(b[weir.Masked][w], b[weir.Clear][w])
		b[weir.Sensitive][w] = min(b[weir.Sensitive][w], b[weir.Clear][w])
	}
	if own && peak[weir.Own][weir.Month] <= 1 {
		b[weir.Own] = weir.Budget{1, 1, 1}
	}
	return b
}

// atLeast widens b to what others that it covers may take.
func atLeast(b, of weir.Budgets) weir.Budgets {
	for l := range b {
		for w := range b[l] {
			if b[l][w] != weir.Unbounded && (of[l][w] == weir.Unbounded || of[l][w] > b[l][w]) {
				b[l][w] = of[l][w]
			}
		}
	}
	return b
}

// Taken gives the budgets that Policy writes for a role: of one credential, and of all
// together.
func (d *Draft) Taken(r *Role) (take, together weir.Budgets) {
	take = d.take(r.Take, r.Kind == weir.Customer)
	return take, atLeast(d.take(r.Together, false), twice(take))
}

// twice leaves room for two who take all that one may, so that a thief who spends
// one's budget stops nobody else.
func twice(b weir.Budgets) weir.Budgets {
	for l := range b {
		for w := range b[l] {
			if b[l][w] > 0 {
				b[l][w] *= 2
			}
		}
	}
	return b
}

func (d *Draft) span() string {
	n := fmt.Sprintf("%d exchanges", d.Exchanges)
	if d.From.IsZero() {
		return n
	}
	return fmt.Sprintf("%s in %s", n, spanText(d.To.Sub(d.From)))
}

func spanText(span time.Duration) string {
	switch {
	case span >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(span.Hours()/24))
	case span >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(span.Hours()))
	case span >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(span.Minutes()))
	}
	return fmt.Sprintf("%d seconds", int(span.Seconds()))
}

// Policy writes the policy.
func (d *Draft) Policy() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("# What may flow, to whom, and how much of it: written by weir learn from %s.\n", d.span())
	p("# It permits what was seen, and bounds it. What to do with it:\n")
	p("#   1. weir serve --observe    nothing is enforced; the console says what would have been done\n")
	p("#   2. read it: mask what a role does not need, tighten budgets (weir exposure --tighten)\n")
	p("#   3. enforce route by route: take the # from the next line but one, and say mode: enforce\n")
	p("#      on the routes that are ready; then leave --observe out\n")
	p("# Every key of this language: docs/policy-language.md\n")
	p("# mode: observe\n\nversion: 1\n\n")
	seen := map[weir.Class]int{}
	for _, r := range d.Roles {
		for c, n := range r.Classes {
			seen[c] += n
		}
	}
	p("# What was found, and the families it is in. A class that is not declared is blocked.\nclasses:\n")
	for _, f := range families {
		var found []string
		for _, c := range slices.Sorted(maps.Keys(seen)) {
			if string(c) == f.name || strings.HasSuffix(f.name, ".*") && strings.HasPrefix(string(c), strings.TrimSuffix(f.name, "*")) {
				found = append(found, string(c))
			}
		}
		comment := "not seen"
		if len(found) > 0 {
			comment = strings.Join(found, ", ")
		}
		p("  %-20s {sensitivity: %s}   # %s\n", f.name+":", f.sensitivity, comment)
	}
	p("\n# Why data is processed. The legal basis is for you to say: consent, contract,\n# legal-obligation, vital-interests, public-task or legitimate-interests.\npurposes:\n")
	for _, purpose := range d.Purposes {
		p("  %s: {basis: contract}\n", purpose)
	}
	p("\n# Who sees what was seen in clear, and may take half as much again as the most that one of\n# them took. Masked customers have the same budgets, so that masking a class stops nobody.\n")
	if !d.Open && d.To.Sub(d.From) < 30*24*time.Hour {
		p("# The traffic was shorter than 30 days: a window longer than it is estimated (8 hours make\n# a day, 10 days make 30). Learn again from more, or see weir exposure --tighten.\n")
	}
	p("roles:\n")
	deployment := d.take(d.Deployment, false)
	issuers := map[string]weir.Budgets{}
	for name, peak := range d.Issuers {
		issuers[name] = d.take(peak, false)
	}
	for _, r := range d.Roles {
		take, together := d.Taken(r)
		deployment = atLeast(deployment, together)
		p("  %s:   # %d requests by %d\n", quoted(r.Name), r.Requests, r.People)
		if r.Kind == weir.Customer {
			p("    own: true   # each sees its own record\n")
		}
		var purposes []string
		for _, purpose := range r.Purposes {
			purposes = append(purposes, string(purpose))
		}
		p("    purposes: [%s]\n    see:\n", strings.Join(purposes, ", "))
		rest := "mask"
		if d.Open {
			rest = "clear"
		}
		p("      \"*\": %s\n", rest)
		if !d.Open {
			for _, c := range slices.Sorted(maps.Keys(r.Classes)) {
				comment := fmt.Sprintf("%d times", r.Classes[c])
				if sensitivity(c) == "high" && r.Kind != weir.Customer {
					comment += "; of high sensitivity: mask it, if the role has no need of it"
				}
				p("      %s: clear   # %s\n", c, comment)
			}
		}
		if r.Name == "anonymous" && len(r.Classes) == 0 && !d.Open {
			p("      credential.*: clear   # the answer to a sign-in carries the caller's own token\n")
		}
		writeTake(&b, "    ", "take", take)
		writeTake(&b, "    ", "together", together)
	}
	if len(issuers) > 0 {
		p("\n# What everybody together may take whom one issuer vouches for: the bound on a stolen\n# signing key.\nissuers:\n")
		for _, name := range slices.Sorted(maps.Keys(issuers)) {
			// Whatever its roles may take together, it may.
			of := issuers[name]
			for _, r := range d.Roles {
				if _, together := d.Taken(r); d.of(r, name) {
					of = atLeast(of, together)
				}
			}
			deployment = atLeast(deployment, of)
			p("  %s:\n", quoted(name))
			writeTake(&b, "    ", "take", of)
		}
	}
	p("\n# What everybody together may take: the bound on the worst case.\ndeployment:\n")
	writeTake(&b, "  ", "take", deployment)
	d.routes(&b)
	p("\n# What matches no route is read and judged all the same; block refuses it.\nundeclared-routes: inspect\n")
	p("\n# After a budget was spent the credential is held. So is a customer who asks for others'\n# records.\nwatch:\n  budget-spent: {hold: 15m}\n  id-walking: {strangers: 5, within: 1m, hold: 1h}\n")
	return b.String()
}

// of tells whether an issuer's credentials have a role.
func (d *Draft) of(r *Role, issuer string) bool { return r.Name != "anonymous" && issuer != "" }

func (d *Draft) routes(b *strings.Builder) {
	p := func(format string, args ...any) { fmt.Fprintf(b, format, args...) }
	p("\n# Whose data is where. Where no subject is said, customers are told apart by the identifiers\n# in each record.\nroutes:\n")
	if len(d.Routes) == 0 {
		p("  []\n")
	}
	for _, r := range d.Routes {
		var notes []string
		if r.Seen {
			notes = append(notes, fmt.Sprintf("%d answers", r.Exchanges))
		} else {
			notes = append(notes, "documented, not seen")
		}
		if cs := r.Classes(); len(cs) > 0 {
			var all []string
			for _, c := range cs {
				all = append(all, string(c))
			}
			notes = append(notes, strings.Join(all, ", "))
		}
		p("  - route: %s   # %s\n    name: %s\n", r.Text(), strings.Join(notes, ": "), r.Name)
		if r.Subject != nil {
			p("    subject: %s", subject(r.Subject.Text))
			if r.Subject.Why != "" {
				p("   # %s", r.Subject.Why)
			}
			p("\n")
		} else if r.Personal > 0 {
			p("    # subject: nothing unmistakable names the customer here\n")
		}
		if len(r.Opaque) > 0 {
			p("    opaque: [%s]\n", strings.Join(r.Opaque, ", "))
		}
		if why := d.Trouble[r.Name]; why != "" && !d.Open {
			p("    mode: observe   # %s\n", why)
		}
	}
}

// subject writes a subject so that YAML reads it as one text.
func subject(s string) string {
	if strings.Contains(s, "'") || strings.Contains(s, " #") || strings.Contains(s, ": ") {
		return "\"" + strings.ReplaceAll(s, "\"", "\\\"") + "\""
	}
	return s
}

// quoted writes a name so that YAML takes it for text.
func quoted(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-_") == "" && s != "null" && s != "true" && s != "false" && s != "yes" && s != "no" && s != "on" && s != "off" && s != "y" && s != "n" {
		return s
	}
	return "\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + "\""
}

func writeTake(b *strings.Builder, indent, key string, budgets weir.Budgets) {
	fmt.Fprintf(b, "%s%s:\n", indent, key)
	text := func(n int) string {
		if n == weir.Unbounded {
			return "unbounded"
		}
		return fmt.Sprint(n)
	}
	for _, lane := range lanes {
		budget := budgets[lane]
		if budget == (weir.Budget{}) && lane != weir.Clear && lane != weir.Sensitive {
			continue
		}
		fmt.Fprintf(b, "%s  %-10s {hour: %s, day: %s, 30 days: %s}\n", indent, lane.String()+":", text(budget[weir.Hour]), text(budget[weir.Day]), text(budget[weir.Month]))
	}
}

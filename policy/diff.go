package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// A Change is one difference between two policies, in words.
type Change struct {
	// Position of what is new; of what was there, in the old file, where it is gone.
	Position
	// Widens: somebody may take more than before, or less of what is taken is seen,
	// counted or held. Where only the traffic could tell, it is true: a subject that
	// changed, a route that is new.
	Widens bool `json:"widens"`
	// About is what has changed: "role support", "the deployment", "route GET /v1/me".
	About string `json:"about"`
	Text  string `json:"text"`
}

// Diff lists what differs between two policies in what they permit, by role,
// budget, route, class and rule. What is written otherwise and means the same is
// no difference. If no change widens, then whatever the new policy lets through,
// the old one does too, to as many.
func Diff(from, to *Policy) []Change {
	d := differ{from: from, to: to}
	for _, name := range to.roleNames {
		d.role(name)
	}
	for _, name := range from.roleNames {
		if r := from.roles[name]; to.roles[name] == nil {
			d.gone("role "+name, r.at, false, "is gone: its principals may do nothing")
		}
	}
	d.parties()
	d.classes()
	d.purposes()
	d.routes()
	d.rules()
	d.finders()
	d.vendors()
	d.publics()
	d.mixtures()
	d.holds()
	d.approvals()
	return d.all
}

type differ struct {
	from, to *Policy
	all      []Change
}

func (d *differ) say(about string, where at, widens bool, format string, args ...any) {
	d.all = append(d.all, Change{d.to.position(where), widens, about, fmt.Sprintf(format, args...)})
}

// gone is say of something that only the old file has.
func (d *differ) gone(about string, where at, widens bool, format string, args ...any) {
	d.all = append(d.all, Change{d.from.position(where), widens, about, fmt.Sprintf(format, args...)})
}

func (p *Policy) position(where at) Position {
	position, _ := showAt(p.files, where)
	return position
}

func (d *differ) role(name string) {
	before, after := d.from.roles[name], d.to.roles[name]
	about, where := "role "+name, after.at
	if before == nil {
		// Compared with a role that may do nothing.
		d.say(about, where, true, "is new%s", map[bool]string{true: ": it sees its own record only"}[after.own])
		before = &role{name: name, own: after.own, take: new(weir.Budgets), together: d.from.deployment}
	}
	switch {
	case before.own && !after.own:
		d.say(about, where, true, "may see records of others now, no longer its own only")
	case !before.own && after.own:
		d.say(about, where, false, "sees its own record only now")
	}
	for _, purpose := range after.purposes {
		if !slices.Contains(before.purposes, purpose) {
			d.say(about, where, true, "may act for %s now", purpose)
		}
	}
	for _, purpose := range before.purposes {
		if !slices.Contains(after.purposes, purpose) {
			d.say(about, where, false, "may no longer act for %s", purpose)
		}
	}
	if len(before.purposes) > 0 && len(after.purposes) > 0 && before.purposes[0] != after.purposes[0] {
		d.say(about, where, true, "acts for %s, no longer for %s, where a request names no purpose", after.purposes[0], before.purposes[0])
	}
	d.needs(about, before, after)
	d.sights(about, before, after)
	d.terms(about, after.at, before.terms, after.terms)
	d.terms(about+" together", after.at, before.togetherTerms, after.togetherTerms)
	d.budgets(about, "one credential", after.at, before.take, after.take, d.to.taken("role "+name))
	where = d.to.taken("role " + name + " together").at
	if where.line == 0 {
		where = after.at
	}
	if before.together != d.from.deployment || after.together != d.to.deployment {
		d.budgets(about, "the role", where, before.together, after.together, d.to.taken("role "+name+" together"))
	}
	d.reach(about, after.at, before, after)
}

// taken finds a take of the file by whose it is.
func (p *Policy) taken(whose string) *namedTake {
	for i := range p.takes {
		if p.takes[i].whose == whose {
			return &p.takes[i]
		}
	}
	return new(namedTake)
}

// turn is how the sight of something has changed.
type turn struct{ from, to weir.Action }

// sights compares what a role sees, for each purpose and for each class and family
// that either policy names. What goes the way of the family around it is told with
// that.
func (d *differ) sights(about string, before, after *role) {
	var patterns []string
	for _, p := range []*Policy{d.to, d.from} {
		for i := range p.points {
			if !slices.Contains(patterns, p.points[i].pattern) {
				patterns = append(patterns, p.points[i].pattern)
			}
		}
	}
	turns := make(map[string]map[turn][]weir.Purpose, len(patterns))
	purposes := slices.Clone(after.purposes)
	for _, purpose := range before.purposes {
		if !slices.Contains(purposes, purpose) {
			purposes = append(purposes, purpose)
		}
	}
	for _, pattern := range patterns {
		turns[pattern] = map[turn][]weir.Purpose{}
		for _, purpose := range purposes {
			t := turn{d.from.sees(before, purpose, pattern), d.to.sees(after, purpose, pattern)}
			turns[pattern][t] = append(turns[pattern][t], purpose)
		}
	}
	for _, pattern := range patterns {
		around := enclosing(pattern, patterns)
		for _, t := range slices.SortedFunc(maps.Keys(turns[pattern]), func(a, b turn) int { return int(b.to) - int(a.to) }) {
			if t.from == t.to || around != "" && slices.Equal(turns[around][t], turns[pattern][t]) {
				continue
			}
			which := ""
			if of := turns[pattern][t]; len(of) < len(purposes) {
				which = " for " + joined(of)
			}
			text := fmt.Sprintf("may now see %s %s%s (was: %s)", pattern, sightWords[t.to], which, sightWords[t.from])
			switch {
			case t.to == weir.Block:
				text = fmt.Sprintf("no longer sees %s%s (was: %s)", pattern, which, sightWords[t.from])
			case t.to < t.from:
				text = fmt.Sprintf("now sees %s %s%s (was: %s)", pattern, sightWords[t.to], which, sightWords[t.from])
			}
			where := after.at
			if i := d.to.nearest(pattern); i >= 0 && after.decides[i] > 0 {
				where = after.sees[after.decides[i]-1].at
			}
			d.say(about, where, t.to > t.from, "%s", text)
		}
	}
}

// sightWords are the actions as they follow "sees something".
var sightWords = [...]string{weir.Block: "not at all", weir.Mask: "masked", weir.Allow: "in clear"}

func joined(purposes []weir.Purpose) string {
	words := make([]string, len(purposes))
	for i, p := range purposes {
		words[i] = string(p)
	}
	return strings.Join(words, ", ")
}

// nearest gives the point that holds for a class or a family, or -1.
func (p *Policy) nearest(pattern string) int {
	if i := p.at(pattern); i >= 0 {
		return i
	}
	return p.around(weir.Class(strings.TrimSuffix(pattern, ".*")))
}

// sees gives what a role sees of a class or a family for a purpose.
func (p *Policy) sees(r *role, purpose weir.Purpose, pattern string) weir.Action {
	t, ok := r.find(purpose)
	i := p.nearest(pattern)
	if !ok || i < 0 || i >= len(t) {
		return weir.Block
	}
	return t[i]
}

// enclosing gives the smallest of the families that is around pattern, or "".
func enclosing(pattern string, patterns []string) (best string) {
	name := strings.TrimSuffix(pattern, "*")
	for _, p := range patterns {
		if p != pattern && isFamily(p) && strings.HasPrefix(name, strings.TrimSuffix(p, "*")) && len(p) > len(best) {
			best = p
		}
	}
	return best
}

// spans are the windows as people say them.
var spans = [weir.NumWindows]string{weir.Hour: "an hour", weir.Day: "a day", weir.Month: "in 30 days"}

// laneWords are the lanes as they follow "customers".
var laneWords = [weir.NumLanes]string{
	weir.Clear: "in clear", weir.Sensitive: "with data of high sensitivity in clear", weir.Masked: "masked", weir.Probed: "by naming them", weir.Own: "as themselves",
}

// budgets compares what somebody may take.
func (d *differ) budgets(about, who string, where at, before, after *weir.Budgets, take *namedTake) {
	for lane := weir.Clear; lane < weir.NumLanes; lane++ {
		if before[lane] == after[lane] {
			continue
		}
		// It follows clear where it is not said.
		if lane == weir.Sensitive && before[lane] == before[weir.Clear] && after[lane] == after[weir.Clear] {
			continue
		}
		place := where
		if own := take.lanes[lane]; own.line > 0 {
			place = own
		}
		d.say(about, place, wider(after[lane], before[lane]), "%s may take %s", who, arrows(before[lane], after[lane], laneWords[lane]))
	}
}

// arrows writes a change of a budget: "40 -> 200 customers an hour in clear, ...".
func arrows(before, after weir.Budget, lane string) string {
	var b strings.Builder
	flat := func(b weir.Budget) bool { return b[weir.Hour] == b[weir.Month] }
	for w := range before {
		// One number for all windows is said once.
		if before[w] == after[w] || flat(before) && flat(after) && w != int(weir.Month) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s -> %s", grouped(before[w]), grouped(after[w]))
		if !strings.Contains(b.String(), "customers") {
			b.WriteString(" customers")
		}
		b.WriteString(" " + spans[w])
	}
	return b.String() + " " + lane
}

// grouped writes a limit as people read it: 1,000,000.
func grouped(n int) string {
	if n == weir.Unbounded {
		return unbounded
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// reach compares how many customers one stolen credential of a role could take in
// clear: its budget, the role's and the deployment's, whichever is narrowest, if it
// sees anything in clear at all.
func (d *differ) reach(about string, where at, before, after *role) {
	was, is := d.from.reach(before), d.to.reach(after)
	if was == is {
		return
	}
	text := "exposure of one credential: " + arrows(was, is, "in clear")
	if w := weir.Month; was[w] != weir.Unbounded && is[w] != weir.Unbounded && was[w] != is[w] {
		sign := ""
		if is[w] > was[w] {
			sign = "+"
		}
		n := grouped(max(is[w]-was[w], was[w]-is[w]))
		if is[w] < was[w] {
			sign = "-"
		}
		text += fmt.Sprintf(" (%s%s)", sign, n)
	}
	d.say(about, where, wider(is, was), "%s", text)
}

// reach gives how many customers one credential of a role can take at most in clear,
// or of its own record.
func (p *Policy) reach(r *role) (most weir.Budget) {
	sees := false
	for _, t := range r.tables {
		for i, a := range t {
			sees = sees || a == weir.Allow && !weir.Class(p.points[i].pattern).Secret()
		}
	}
	if !sees {
		return most
	}
	lane := weir.Clear
	if r.own {
		lane = weir.Own
	}
	most = r.most()[lane]
	for _, b := range []*weir.Budgets{r.together, p.deployment} {
		for w := range most {
			if exceeds(most[w], b[lane][w]) {
				most[w] = b[lane][w]
			}
		}
	}
	return most
}

// parties compares the deployment, the issuers and the networks.
func (d *differ) parties() {
	take := d.to.taken("the deployment")
	d.terms("the deployment", take.at, d.from.deploymentTerms, d.to.deploymentTerms)
	d.terms("networks that are not named", d.to.taken("network other").at, d.from.otherTerms, d.to.otherTerms)
	d.budgets("the deployment", "everybody together", take.at, d.from.deployment, d.to.deployment, take)
	for _, kind := range []struct {
		kind        weir.PartyKind
		from, to    map[string]*weir.Budgets
		dflt, ddflt *weir.Budgets
	}{
		{weir.ByIssuer, d.from.issuers, d.to.issuers, d.from.deployment, d.to.deployment},
		{weir.ByNetwork, d.from.networks, d.to.networks, d.from.other, d.to.other},
	} {
		names := slices.Collect(maps.Keys(kind.from))
		for name := range kind.to {
			if kind.from[name] == nil {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			before, after := kind.from[name], kind.to[name]
			if before == nil {
				before = kind.dflt
			}
			if after == nil {
				after = kind.ddflt
			}
			about := kind.kind.String() + " " + name
			take := d.to.taken(about)
			d.terms(about, take.at, d.from.termsOf(kind.kind, name), d.to.termsOf(kind.kind, name))
			d.budgets(about, "all of it together", take.at, before, after, take)
		}
	}
	take = d.to.taken("network other")
	if d.from.other != d.from.deployment || d.to.other != d.to.deployment {
		d.budgets("networks that are not named", "each together", take.at, d.from.other, d.to.other, take)
	}
}

// termsOf gives the terms of an issuer or a network; nil: none.
func (p *Policy) termsOf(kind weir.PartyKind, name string) *weir.Terms {
	switch {
	case kind == weir.ByIssuer && p.issuers[name] != nil:
		return p.issuerTerms[name]
	case kind == weir.ByNetwork && p.networks[name] != nil:
		return p.networkTerms[name]
	case kind == weir.ByNetwork:
		return p.otherTerms
	}
	return p.deploymentTerms
}

// classes compares sensitivity and retention. Who sees a class that is declared or
// no longer is stands with the roles.
func (d *differ) classes() {
	var names []string
	for _, p := range []*Policy{d.to, d.from} {
		for i := range p.classes {
			if name := string(p.classes[i].Name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		before, was := d.from.declared(name)
		after, is := d.to.declared(name)
		about := "class " + name
		switch {
		case was && !is:
			d.gone(about, before.at, false, "is no longer declared: it is blocked for everybody")
			continue
		case !was:
			d.say(about, after.at, false, "is declared now, of %s sensitivity", after.Sensitivity)
			continue
		}
		where := after.at
		if before.Sensitivity != after.Sensitivity {
			d.say(about, where, after.Sensitivity != weir.High && before.Sensitivity == weir.High, "is of %s sensitivity now (was: %s)", after.Sensitivity, before.Sensitivity)
		}
		if before.Retention != after.Retention {
			d.say(about, where, false, "is kept: %s (was: %s)", or(after.Retention, "not said"), or(before.Retention, "not said"))
		}
		if !slices.Equal(before.Purposes, after.Purposes) {
			d.say(about, where, false, "may be processed for %s (was: %s)", or(joined(after.Purposes), "any purpose"), or(joined(before.Purposes), "any purpose"))
		}
	}
}

// declared gives the declaration that holds for a class or a family.
func (p *Policy) declared(pattern string) (Class, bool) {
	i := p.nearest(pattern)
	if i < 0 || p.points[i].class < 0 {
		return Class{}, false
	}
	return p.classes[p.points[i].class], true
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// purposes compares legal bases. Who may act for what stands with the roles.
func (d *differ) purposes() {
	for _, after := range d.to.purposes {
		for _, before := range d.from.purposes {
			if before.Name == after.Name && before.Basis != after.Basis {
				d.say("purpose "+string(after.Name), after.at, false, "has the basis %s now (was: %s)", after.Basis, before.Basis)
			}
		}
	}
}

func (d *differ) routes() {
	find := func(p *Policy, text string) *route {
		for _, r := range p.routes {
			if r.text == text {
				return r
			}
		}
		return nil
	}
	if d.from.blockUndeclared != d.to.blockUndeclared {
		if d.to.blockUndeclared {
			d.say("undeclared routes", at{line: 1, column: 1}, false, "are blocked now (were: inspected)")
		} else {
			d.say("undeclared routes", at{line: 1, column: 1}, true, "are inspected now (were: blocked)")
		}
	}
	switch {
	case d.to.observe && !d.from.observe:
		d.say("mode", at{line: 1, column: 1}, true, "observe: nothing is enforced where no route says otherwise")
	case d.from.observe && !d.to.observe:
		d.say("mode", at{line: 1, column: 1}, false, "enforce: the policy is enforced where no route says otherwise")
	}
	for _, after := range d.to.routes {
		about := "route " + after.text
		before := find(d.from, after.text)
		if before == nil {
			text := "is new"
			if after.subject.From != None {
				text += ", about " + after.about
			}
			if len(after.opaque) > 0 {
				text += "; unread may pass: " + strings.Join(after.opaque, ", ")
			}
			if after.unreadable > 0 {
				text += "; what cannot be inspected passes"
			}
			if after.observe {
				text += "; nothing is enforced on it"
			}
			d.say(about, after.at, true, "%s", text)
			continue
		}
		if before.about != after.about {
			d.say(about, after.at, true, "is about %s (was: %s): customers are told apart otherwise",
				or(after.about, "whoever is found in each record"), or(before.about, "whoever is found in each record"))
		}
		for _, t := range after.opaque {
			if !slices.Contains(before.opaque, t) {
				d.say(about, after.at, true, "lets %s pass unread now", t)
			}
		}
		for _, t := range before.opaque {
			if !slices.Contains(after.opaque, t) {
				d.say(about, after.at, false, "reads %s now, which passed unread", t)
			}
		}
		if before.purpose != after.purpose {
			d.say(about, after.at, true, "is for %s (was: %s)", or(string(after.purpose), "the role's first purpose"), or(string(before.purpose), "the role's first purpose"))
		}
		switch {
		case after.unreadable > 0 && before.unreadable == 0:
			d.say(about, after.at, true, "passes what cannot be inspected now, as %d customers", after.unreadable)
		case before.unreadable > 0 && after.unreadable == 0:
			d.say(about, after.at, false, "withholds now what cannot be inspected")
		case after.unreadable != before.unreadable:
			d.say(about, after.at, after.unreadable < before.unreadable, "counts what cannot be inspected as %d customers now (was: %d)", after.unreadable, before.unreadable)
		}
		switch {
		case after.observe && !before.observe:
			d.say(about, after.at, true, "is only observed now: everything passes (was: enforced)")
		case before.observe && !after.observe:
			d.say(about, after.at, false, "is enforced now (was: only observed)")
		}
		if before.name != after.name {
			d.say(about, after.at, false, "is called %s (was: %s)", after.name, before.name)
		}
	}
	for _, before := range d.from.routes {
		if find(d.to, before.text) == nil {
			d.gone("route "+before.text, before.at, !d.to.blockUndeclared, "is gone")
		}
	}
}

// rules compares the rules of watch.
func (d *differ) rules() {
	before, after := d.from.watch, d.to.watch
	if before.BudgetSpent.Hold != after.BudgetSpent.Hold {
		d.say("watch budget-spent", at{line: 1, column: 1}, after.BudgetSpent.Hold < before.BudgetSpent.Hold, "holds for %s (was: %s)", holdText(after.BudgetSpent.Hold), holdText(before.BudgetSpent.Hold))
	}
	a, b := before.IDWalking, after.IDWalking
	if a.Strangers != b.Strangers || a.Within != b.Within {
		d.say("watch id-walking", at{line: 1, column: 1}, b.Strangers > a.Strangers || b.Within < a.Within, "begins at %d strangers within %s (was: %d within %s)", b.Strangers, b.Within, a.Strangers, a.Within)
	}
	if a.Hold != b.Hold {
		d.say("watch id-walking", at{line: 1, column: 1}, b.Hold < a.Hold, "holds for %s (was: %s)", holdText(b.Hold), holdText(a.Hold))
	}
}

func holdText(d time.Duration) string {
	if d == 0 {
		return "no time"
	}
	return d.String()
}

// finders compares detectors, by class.
func (d *differ) finders() {
	same := func(a, b *Detector) bool {
		return a.Pattern == b.Pattern && a.Literal == b.Literal && a.Checksum == b.Checksum && a.Confidence == b.Confidence && slices.Equal(a.Words, b.Words)
	}
	of := func(p *Policy, class weir.Class) (all []*Detector) {
		for i := range p.detectors {
			if p.detectors[i].Class == class {
				all = append(all, &p.detectors[i])
			}
		}
		return all
	}
	seen := map[weir.Class]bool{}
	for _, p := range []*Policy{d.to, d.from} {
		for i := range p.detectors {
			class := p.detectors[i].Class
			if seen[class] {
				continue
			}
			seen[class] = true
			before, after := of(d.from, class), of(d.to, class)
			about := "detector of " + string(class)
			switch {
			case len(before) == 0:
				d.say(about, after[0].at, false, "is new")
			case len(after) == 0:
				d.gone(about, before[0].at, true, "is gone: what it found flows unseen")
			case !slices.EqualFunc(before, after, same):
				d.say(about, after[0].at, true, "finds otherwise than before")
			}
		}
	}
}

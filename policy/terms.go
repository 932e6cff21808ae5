package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// freshFactor is how old a second factor may be that raises a budget, where the
// role's needs do not say.
const freshFactor = 15 * time.Minute

// maxThresholds bounds the alerts of one budget.
const maxThresholds = 10

// isThreshold reports whether a key is "at 80%".
func isThreshold(key string) bool { _, ok := threshold(key); return ok }

func threshold(key string) (percent int, ok bool) {
	text, ok := strings.CutPrefix(key, "at ")
	text, ok2 := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(text)
	return n, ok && ok2 && err == nil && strconv.Itoa(n) == text
}

// terms reads what stands in a budget beside its windows.
func (c *compiler) terms(t *namedTake, lane weir.Lane, f pair) {
	if f.value.kind != mapping {
		return
	}
	terms := t.terms
	if terms == nil {
		terms = new(weir.Terms)
	}
	some := false
	seen := map[string]bool{}
	for _, p := range f.value.pairs {
		percent, isAt := threshold(p.key)
		if seen[p.key] || !isAt && p.key != "burst" {
			continue
		}
		seen[p.key] = true
		if isAt {
			some = c.end(t, terms, lane, p, percent) || some
			continue
		}
		n, ok := c.limit(p)
		switch {
		case !ok:
		case n == weir.Unbounded || n == 0:
			c.errorf(p.value.at, "burst: a number of customers in any minute, from 1 (leave the key out for no bound)")
		case exceeds(n, t.budgets[lane][weir.Hour]):
			c.warnf(p.at, "%s: the burst of the lane %s is more than its hour, which bounds it", t.whose, lane)
			fallthrough
		default:
			terms.Burst[lane], terms.Bursts, some = n, terms.Bursts.With(lane), true
		}
	}
	slices.Sort(terms.Alerts[lane])
	if some {
		t.terms = terms
	}
}

// end reads one "at 80%".
func (c *compiler) end(t *namedTake, terms *weir.Terms, lane weir.Lane, p pair, percent int) bool {
	words := []string{"alert"}
	if percent == 100 {
		words = append(words, "stop")
		if t.block == inRole {
			words = append(words, "step-up", "approve")
		}
	}
	if percent < 1 || percent > 100 {
		c.errorf(p.at, "%s: a share of the budget, from 1%% to 100%%", p.key)
		return false
	}
	if percent == 100 && t.block != inRole && (p.value.text == "step-up" || p.value.text == "approve") {
		c.errorf(p.value.at, "%s: %s is for what one credential may take (a role's take), not for %s", p.key, p.value.text, t.whose)
		return false
	}
	switch c.word(p, words...) {
	case "alert":
		if len(terms.Alerts[lane]) == maxThresholds {
			c.errorf(p.at, "more than %d alerts for one budget", maxThresholds)
			return false
		}
		terms.Alerts[lane], terms.Alerted = append(terms.Alerts[lane], percent), terms.Alerted.With(lane)
		if t.budgets[lane][weir.Month] == weir.Unbounded && t.budgets[lane][weir.Hour] == weir.Unbounded {
			c.warnf(p.at, "%s: the lane %s is unbounded, so it never comes to %d%%", t.whose, lane, percent)
		}
	case "stop":
		terms.Final = terms.Final.With(lane)
	case "step-up":
		terms.StepUp = terms.StepUp.With(lane)
	case "approve":
		terms.Ask = terms.Ask.With(lane)
	default:
		return false
	}
	return true
}

// raise works out what a fresh second factor makes of the role's take: as much
// again in an hour and a day, never more than the ceiling. It comes after the
// role's needs are read.
func (r *role) raise() {
	if r.terms == nil || r.terms.StepUp == 0 {
		return
	}
	r.terms.Fresh = freshFactor
	if r.needs != nil && r.needs.secondFactor > 0 {
		r.terms.Fresh = r.needs.secondFactor
	}
	raised := *r.take
	for lane := range r.terms.StepUp.All() {
		for _, w := range []weir.Window{weir.Hour, weir.Day} {
			if n := raised[lane][w]; n != weir.Unbounded {
				raised[lane][w] = 2 * n
				if exceeds(2*n, raised[lane][weir.Month]) {
					raised[lane][w] = raised[lane][weir.Month]
				}
			}
		}
		// What is said of clear holds of sensitive where that is not said.
		if lane == weir.Clear && raised[weir.Sensitive] == r.take[weir.Clear] {
			raised[weir.Sensitive] = raised[weir.Clear]
		}
	}
	r.raised = &raised
}

// End words of a lane, for comparing.
func endWord(t *weir.Terms, lane weir.Lane) string {
	switch {
	case t == nil:
	case t.Final.Has(lane):
		return "stop"
	case t.StepUp.Has(lane):
		return "step-up"
	case t.Ask.Has(lane):
		return "approve"
	}
	return ""
}

// terms compares what holds beside the budgets.
func (d *differ) terms(about string, where at, before, after *weir.Terms) {
	if before == after {
		return
	}
	none := new(weir.Terms)
	a, b := before, after
	if a == nil {
		a = none
	}
	if b == nil {
		b = none
	}
	for lane := weir.Clear; lane < weir.NumLanes; lane++ {
		if x, y := a.Burst[lane], b.Burst[lane]; x != y {
			d.say(about, where, y == 0 || x != 0 && y > x, "may take %s in a minute %s (was: %s)", burstText(y), laneWords[lane], burstText(x))
		}
		for _, percent := range b.Alerts[lane] {
			if !slices.Contains(a.Alerts[lane], percent) {
				d.say(about, where, false, "raises an alert at %d%% of the budget %s", percent, lane)
			}
		}
		for _, percent := range a.Alerts[lane] {
			if !slices.Contains(b.Alerts[lane], percent) {
				d.say(about, where, true, "raises no alert any more at %d%% of the budget %s", percent, lane)
			}
		}
		if x, y := endWord(a, lane), endWord(b, lane); x != y {
			d.say(about, where, y == "step-up" || x == "stop", "at the end of the budget %s: %s (was: %s)", lane, or(y, "more only if it is approved"), or(x, "more only if it is approved"))
		}
	}
	if a.StepUp != 0 && b.StepUp != 0 && a.Fresh != b.Fresh {
		d.say(about, where, b.Fresh > a.Fresh, "a second factor raises the budget for %s (was: %s)", spanText(b.Fresh), spanText(a.Fresh))
	}
}

func burstText(n int) string {
	if n == 0 {
		return "any number"
	}
	return fmt.Sprintf("%s customers", grouped(n))
}

// needs compares what roles need.
func (d *differ) needs(about string, before, after *role) {
	for _, kind := range weir.NeedKinds() {
		x, y := before.needs.words(kind), after.needs.words(kind)
		if x == y {
			continue
		}
		where := after.at
		if after.needs != nil {
			where = after.needs.at
		}
		switch {
		case x == "":
			d.say(about, where, false, "needs %s now", y)
		case y == "":
			d.say(about, where, true, "no longer needs %s", x)
		default:
			d.say(about, where, needsLess(before.needs, after.needs, kind), "needs %s now (was: %s)", y, x)
		}
	}
}

// needsLess reports whether a need that both have asks for less than before, as
// far as can be told: where it cannot, it is taken to.
func needsLess(before, after *needs, kind weir.NeedKind) bool {
	switch kind {
	case weir.NeedSecondFactor:
		return after.secondFactor > before.secondFactor
	case weir.NeedNetwork:
		return slices.ContainsFunc(after.networks, func(n string) bool { return !slices.Contains(before.networks, n) })
	case weir.NeedHours:
		return slices.ContainsFunc(after.hours, func(h hours) bool {
			return !slices.ContainsFunc(before.hours, func(b hours) bool { return b.text == h.text })
		})
	}
	return true
}

// vendors compares who else receives data.
func (d *differ) vendors() {
	find := func(p *Policy, name string) *Vendor {
		if i := slices.IndexFunc(p.vendors, func(v Vendor) bool { return v.Name == name }); i >= 0 {
			return &p.vendors[i]
		}
		return nil
	}
	for i := range d.to.vendors {
		after := &d.to.vendors[i]
		before := find(d.from, after.Name)
		about, where := "vendor "+after.Name, after.rules.at
		if before == nil {
			d.say(about, where, true, "is new, at %s", strings.Join(after.Hosts, ", "))
			before = &Vendor{rules: &role{take: new(weir.Budgets)}, policy: d.from, Hosts: after.Hosts, Consent: true, Contract: after.Contract, Review: after.Review}
		}
		list := func(was, is []string, more, less string) {
			for _, s := range is {
				if !slices.Contains(was, s) {
					d.say(about, where, true, "%s %s", more, s)
				}
			}
			for _, s := range was {
				if !slices.Contains(is, s) {
					d.say(about, where, false, "%s %s", less, s)
				}
			}
		}
		list(before.Hosts, after.Hosts, "is reached now at", "is no longer reached at")
		list(names(before.Purposes), names(after.Purposes), "receives data now for", "no longer receives data for")
		list(before.Countries, after.Countries, "holds data now in", "no longer holds data in")
		d.sights(about, before.rules, after.rules)
		d.budgets(about, "it", where, before.rules.take, after.rules.take, d.to.taken(about))
		switch {
		case before.Consent && !after.Consent:
			d.say(about, where, true, "no longer needs customers' consent")
		case after.Consent && !before.Consent:
			d.say(about, where, false, "needs customers' consent now")
		}
		if !before.Contract.Equal(after.Contract) {
			d.say(about, where, after.Contract.IsZero() || !before.Contract.IsZero() && after.Contract.After(before.Contract), "has a contract until %s (was: %s)", dayText(after.Contract), dayText(before.Contract))
		}
		if !before.Review.Equal(after.Review) {
			d.say(about, where, after.Review.IsZero() || !before.Review.IsZero() && after.Review.After(before.Review), "is to be reviewed by %s (was: %s)", dayText(after.Review), dayText(before.Review))
		}
	}
	for i := range d.from.vendors {
		if v := &d.from.vendors[i]; find(d.to, v.Name) == nil {
			d.gone("vendor "+v.Name, v.rules.at, false, "is gone: it receives nothing")
		}
	}
}

func names(purposes []weir.Purpose) (all []string) {
	for _, p := range purposes {
		all = append(all, string(p))
	}
	return all
}

func dayText(t time.Time) string {
	if t.IsZero() {
		return "no day"
	}
	return t.Format(time.DateOnly)
}

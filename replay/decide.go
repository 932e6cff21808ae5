package replay

import (
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// A fate is what becomes of an exchange under the draft.
type fate uint8

const (
	passes  fate = iota
	refused      // nothing of it leaves
	stopped      // what came before has left
	unknown      // nobody can say from here on
)

// An exchange is one that is under way in the ledger.
type exchange struct {
	Counts
	row      *Row
	id       weir.ExchangeID
	plan     *policy.Plan
	accounts []weir.Account
	own      weir.Subject
	fate     fate
	reason   weir.Reason // of refused and stopped
	why      string      // of unknown
	last     time.Time
	stopped  bool // as it really was
	denied   bool // as it really was: nothing of it left
	passed   int  // records that leave under the draft
	left     int  // records that really left
}

// exchange gives the exchange of an entry, and admits a new one.
func (r *Replay) exchange(e *ledger.Entry) *exchange {
	x := r.open[e.Exchange]
	if x == nil {
		x = r.admit(e, true)
		r.open[e.Exchange] = x
	}
	x.last = e.Time
	return x
}

// admit decides whether the draft would admit the exchange of an entry, before what
// it asks about is charged. planned: the old policy had a plan for it, whose route and
// purpose the entry has; else it was refused before.
func (r *Replay) admit(e *ledger.Entry, planned bool) *exchange {
	x := &exchange{row: r.row(e), id: e.Exchange}
	c := r.change(e.Policy)
	who := weir.Principal{
		Kind: e.PrincipalKind, Name: e.Principal, Role: e.Role, Issuer: e.Issuer, Network: e.Network, Credential: e.Credential, Act: e.Act,
	}
	if who.Kind == weir.Anonymous && who.Name == policy.AnonymousRole+"@"+who.Network {
		who.Name = ""
	}
	if who.Kind == weir.Customer {
		x.own, _ = weir.ParseSubject(e.Principal)
	}
	x.accounts = r.draft.Accounts(&who)
	if d := r.holds.Check(x.accounts, e.Time); d != nil {
		x.refuse(d.Reason)
		return x
	}
	if r.doubts.of(x.accounts) && r.draft.Watch().BudgetSpent.Hold > 0 {
		r.lose(x, whyBefore) // it may be held
		return x
	}
	if r.doubts.walking && who.Kind == weir.Customer {
		r.lose(x, whyWalking)
		return x
	}
	if !planned {
		r.unplanned(x, c, &who, e)
		return x
	}
	l := c.none
	if e.Route != "" {
		if l = c.links[e.Route]; l == nil {
			l = &link{why: whyPolicy}
			if c.was != nil {
				l.why = whyRoute
			}
		}
	}
	ask := weir.Exchange{Principal: who, Method: l.method, Path: weir.NewPlain(l.path), Time: e.Time}
	if l.why != "" {
		// Some are refused on every route.
		if d := r.nowhere(&ask, e); d != nil {
			x.refuse(d.Reason)
			return x
		}
		r.lose(x, l.why)
		return x
	}
	if r.needs[r.roleOf(e)] {
		r.lose(x, whyNeeds)
		return x
	}
	plan, d, why := r.planOf(c, l, &ask, e)
	switch {
	case why != "":
		r.lose(x, why)
	case d != nil:
		x.refuse(d.Reason)
	case plan.Route != l.name:
		r.lose(x, whyRoute)
	case plan.Observe:
		r.lose(x, whyObserve)
	case plan.Terms && more(plan.Accounts):
		r.lose(x, whyTerms)
	case plan.Combines():
		r.lose(x, whyCombined)
	case e.Recipient != "":
		r.lose(x, whyVendor)
	default:
		x.plan = plan
		switch {
		case l.whose != "":
			r.lose(x, l.whose)
		case c.finds != "":
			r.lose(x, c.finds)
		}
	}
	return x
}

// unplanned decides an exchange that was refused before it had a plan: its entry names
// no route, and the purpose only where the request did.
func (r *Replay) unplanned(x *exchange, c *change, who *weir.Principal, e *ledger.Entry) {
	ask := weir.Exchange{Principal: *who, Time: e.Time}
	if d := r.nowhere(&ask, e); d != nil {
		x.refuse(d.Reason)
		return
	}
	switch e.Reason {
	case weir.ReasonRole, weir.ReasonPurpose, weir.ReasonHold, weir.ReasonNeeds:
		if e.Purpose != "" && !r.draft.Acts(r.roleOf(e), e.Purpose) {
			x.refuse(weir.ReasonPurpose)
			return
		}
	case weir.ReasonRequest:
		// Either the door refused it, as it will again, or it matched no route.
		if c.was != nil && (!c.was.UndeclaredBlocked() || c.none.why == "" && r.draft.UndeclaredBlocked()) {
			x.refuse(e.Reason)
			return
		}
	default: // by what no policy says
		x.refuse(e.Reason)
		return
	}
	r.lose(x, whyAnswer)
}

// nowhere gives the denial for a principal whose role may do nothing for any purpose
// under the draft.
func (r *Replay) nowhere(ask *weir.Exchange, e *ledger.Entry) *weir.Denial {
	x := *ask
	x.Method, x.Path, x.Purpose = "WEIR", weir.NewPlain("/\x01\x01"), ""
	_, d := r.draft.Plan(&x, e.Time, nil)
	if d != nil && (d.Reason == weir.ReasonRole || d.Reason == weir.ReasonHold) {
		return d
	}
	return nil
}

// more tells whether some account is bound by more than its budgets.
func more(accounts []weir.Account) bool {
	return slices.ContainsFunc(accounts, func(a weir.Account) bool {
		return a.Terms != nil && (a.Terms.Bursts != 0 || a.Terms.StepUp != 0)
	})
}

// roleOf gives the role that the draft would take an entry's principal for.
func (r *Replay) roleOf(e *ledger.Entry) string {
	if e.Role == "" && e.PrincipalKind == weir.Anonymous {
		return policy.AnonymousRole
	}
	return e.Role
}

// planOf gives the draft's plan or denial, or why neither is known: the entry has the
// purpose that was decided on, and not whether the request named it.
func (r *Replay) planOf(c *change, l *link, ask *weir.Exchange, e *ledger.Entry) (*policy.Plan, *weir.Denial, string) {
	plan, d := r.draft.Plan(ask, e.Time, nil)
	if d != nil && d.Reason == weir.ReasonRole || plan != nil && plan.Purpose == e.Purpose {
		return plan, d, ""
	}
	if c.same {
		ask.Purpose = e.Purpose
		plan, d = r.draft.Plan(ask, e.Time, nil)
		return plan, d, ""
	}
	if c.was == nil {
		return nil, nil, whyPurpose
	}
	before := *ask
	before.Path = weir.NewPlain(l.was)
	usual, denial := c.was.Plan(&before, e.Time, nil)
	if denial == nil && usual.Purpose == e.Purpose {
		return nil, nil, whyPurpose
	}
	ask.Purpose = e.Purpose
	plan, d = r.draft.Plan(ask, e.Time, nil)
	return plan, d, ""
}

func (x *exchange) refuse(reason weir.Reason) { x.fate, x.reason = refused, reason }

// lose gives up on an exchange: the draft may have let it take what its budgets allow.
func (r *Replay) lose(x *exchange, why string) {
	if x.fate == unknown {
		return
	}
	x.fate, x.why = unknown, why
	r.doubts.add(x.accounts)
}

// charge charges demands under the draft, and tells what becomes of x where they do
// not fit, or nobody can say whether they do.
func (r *Replay) charge(x *exchange, e *ledger.Entry, demands []meter.Demand) bool {
	if len(demands) == 0 {
		return true
	}
	sure, touched := r.doubts.sure(x.accounts)
	if !touched {
		if _, over := r.low.Charge(e.Time, x.accounts, [][]meter.Demand{demands}); over != nil {
			r.over(x, e, over)
			return false
		}
		return true
	}
	if over := r.low.Afford(e.Time, x.accounts, demands); over != nil {
		r.over(x, e, over)
		return false
	}
	if _, over := r.low.Charge(e.Time, sure, [][]meter.Demand{demands}); over != nil {
		why := whyShared
		if r.doubts.of(x.accounts) {
			why = whyBefore
		}
		r.lose(x, why)
		return false
	}
	return true
}

// over stops an exchange whose budget is spent, and holds whom the draft's rule holds.
func (r *Replay) over(x *exchange, e *ledger.Entry, o *meter.Over) {
	for i := range x.accounts {
		if until, ok := r.allowed[x.accounts[i].Party]; ok && e.Time.Before(until) {
			r.lose(x, whyAllowance)
			return
		}
	}
	x.fate, x.reason = stopped, weir.ReasonBudget
	if x.passed == 0 {
		x.fate = refused
	}
	rule := o.Lane.String() + "/" + o.Window.String()
	who, holdable := holder(e)
	if o.Party.Kind > weir.ByActor {
		who, holdable = o.Party, false
	}
	key := who.String() + " " + rule
	if last, ok := r.spent[key]; !ok || e.Time.Sub(last) >= o.Window.Duration() {
		r.spent[key] = e.Time
		r.report.stop(Stop{
			Time: e.Time, Principal: principal(e), Role: e.Role, Route: e.Route, Party: o.Party.String(), Lane: o.Lane.String(), Window: o.Window.String(),
			After: r.low.Usage(e.Time, o.Party, o.Lane, 0).Taken[o.Window], Limit: o.Limit,
		})
		if hold := r.draft.Watch().BudgetSpent.Hold; hold > 0 && holdable {
			r.holds[who] = policy.Hold{Party: who, Since: e.Time, Until: e.Time.Add(hold)}
		}
	}
}

// holder gives whom a hold on whoever made e falls on, as watch does.
func holder(e *ledger.Entry) (who weir.Party, ok bool) {
	if e.Credential != "" {
		return weir.Party{Kind: weir.ByCredential, Name: e.Credential}, true
	}
	if e.Principal != "" {
		return weir.Party{Kind: weir.ByPrincipal, Name: e.Principal}, e.PrincipalKind != weir.Anonymous
	}
	return weir.Party{Kind: weir.ByNetwork, Name: e.Network}, false
}

// probe charges what the request asked about.
func (r *Replay) probe(x *exchange, e *ledger.Entry) {
	r.restore(r.real, e)
	if x.fate != passes || len(e.Subjects) == 0 {
		return
	}
	r.ask(x, e, e.Subjects[0].Subject)
}

// ask charges the customer that a request names, as Admit does.
func (r *Replay) ask(x *exchange, e *ledger.Entry, who weir.Subject) {
	if x.plan.Own && (who != x.own || x.own == (weir.Subject{})) {
		x.refuse(weir.ReasonNotOwn)
		return
	}
	r.charge(x, e, []meter.Demand{{Subject: who, Lanes: weir.Lanes(0).With(weir.Probed)}})
}

// denied decides an exchange that was refused, or the rest of one.
func (r *Replay) denied(e *ledger.Entry) {
	if r.open[e.Exchange] != nil || r.closed[e.Exchange] || r.older[e.Exchange] || e.Reason == weir.ReasonBudget && !strings.HasPrefix(e.Rule, weir.Probed.String()) {
		return // the rest of an exchange that had begun: its Close says so, too
	}
	n := max(e.N, 1)
	planned := e.Reason == weir.ReasonBudget || e.Reason == weir.ReasonNotOwn
	x := r.admit(e, planned)
	x.denied = true
	defer func() { r.count(x, n) }()
	if x.fate != passes {
		return
	}
	over, fits := 0, 0
	for _, s := range e.Subjects {
		one := *x
		if r.ask(&one, e, s.Subject); one.fate == refused || one.fate == stopped {
			over++
			x.reason = one.reason
		} else {
			fits++
		}
	}
	switch {
	case over > 0 && fits == 0:
		x.refuse(x.reason)
	case over > 0:
		r.lose(x, whySeveral)
	default:
		r.lose(x, whyAnswer)
	}
}

// cut takes in that an exchange that had begun was broken off.
func (r *Replay) cut(x *exchange, e *ledger.Entry) {
	switch e.Reason {
	case weir.ReasonBudget, weir.ReasonHold:
		x.stopped = true
	default:
		return
	}
	if x.fate != passes {
		return
	}
	if e.Reason == weir.ReasonHold {
		if d := r.holds.Check(x.accounts, e.Time); d != nil {
			x.fate, x.reason = stopped, d.Reason
			return
		}
		r.lose(x, whyRest)
		return
	}
	if r.spentToo(x, e) {
		x.fate, x.reason = stopped, weir.ReasonBudget
		// It is recorded as the draft's own stop, for the hold that follows.
		party, _ := weir.ParseParty(e.Party)
		lane, window, _ := laneAndWindow(e.Rule)
		r.over(x, e, &meter.Over{Party: party, Lane: lane, Window: window, Limit: r.limit(x, party, lane, window)})
		x.fate = stopped
		return
	}
	r.lose(x, whyRest)
}

// spentToo tells whether the budget that stopped an exchange stops it under the draft
// for sure, at the same record. What that was is not on the ledger; but where the same
// customers are in the same window, no more of them may be, and the same classes are
// seen in the same way, it is over the one limit as over the other.
func (r *Replay) spentToo(x *exchange, e *ledger.Entry) bool {
	party, err := weir.ParseParty(e.Party)
	lane, window, ok := laneAndWindow(e.Rule)
	c := r.change(e.Policy)
	if err != nil || !ok || c.was == nil || x.plan == nil {
		return false
	}
	limit := r.limit(x, party, lane, window)
	low := r.low.Usage(e.Time, party, lane, 0).Taken[window]
	real := r.real.Usage(e.Time, party, lane, 0).Taken[window]
	if limit == weir.Unbounded || low != real || limit > c.limit(e, party, lane, window) || r.apart[partyLane{party, lane}] {
		return false
	}
	return c.same || r.sameSight(c, x, e)
}

func (r *Replay) limit(x *exchange, party weir.Party, lane weir.Lane, w weir.Window) int {
	for i := range x.accounts {
		if x.accounts[i].Party == party {
			return x.accounts[i].Budget(lane)[w]
		}
	}
	return 0
}

// limit gives what the policy that was in force let a party of e take.
func (c *change) limit(e *ledger.Entry, party weir.Party, lane weir.Lane, w weir.Window) int {
	who := weir.Principal{Kind: e.PrincipalKind, Name: e.Principal, Role: e.Role, Issuer: e.Issuer, Network: e.Network, Credential: e.Credential, Act: e.Act}
	for _, a := range c.was.Accounts(&who) {
		if a.Party == party {
			return a.Budget(lane)[w]
		}
	}
	return 0
}

// sameSight tells whether the two policies do the same with every class for the
// exchange's role and purpose.
func (r *Replay) sameSight(c *change, x *exchange, e *ledger.Entry) bool {
	l := c.none
	if e.Route != "" {
		l = c.links[e.Route]
	}
	who := weir.Principal{Kind: e.PrincipalKind, Name: e.Principal, Role: e.Role, Issuer: e.Issuer, Network: e.Network, Credential: e.Credential, Act: e.Act}
	plan, d := c.was.Plan(&weir.Exchange{Principal: who, Method: l.method, Path: weir.NewPlain(l.was), Purpose: e.Purpose}, e.Time, nil)
	return d == nil && plan.Own == x.plan.Own && plan.Agrees(x.plan)
}

func laneAndWindow(rule string) (weir.Lane, weir.Window, bool) {
	for lane := range weir.NumLanes {
		for w := range weir.NumWindows {
			if rule == lane.String()+"/"+w.String() {
				return lane, w, true
			}
		}
	}
	return 0, 0, false
}

// end counts an exchange that is over.
func (r *Replay) end(x *exchange) { r.count(x, 1) }

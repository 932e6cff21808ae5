// Package replay tells what a draft of a policy would have done with the traffic
// that the ledger has on record.
//
// A Replay reads entries in the order of time. It decides each exchange anew: the
// draft's plan for its principal and route, the draft's action for what each record
// held (ledger.Pieces), the draft's budgets through a meter of its own, the holds
// that the draft's rules would have raised. What comes out otherwise than it was is
// counted by principal, role and route.
//
// It guarantees that nothing is guessed. What the ledger does not hold, such as the
// answer to a request that was refused and would not be, is counted apart, with why
// it cannot be known; and what depends on that, such as what is then left of a budget
// that others share, is unknowable too, unless it comes out the same whatever the
// answer was. Memory does not grow with the ledger, but with the parties that take
// customers, the customers in the longest window, and open exchanges.
//
// It assumes that clients and the service do what they did: a client that is stopped
// sooner may give up or try again, and nobody knows. Requests are taken in the order
// of their entries, which for those within the same moment need not be the order in
// which they were charged; a hold acts at once, where a server takes an instant. Which
// further e-mail address is a customer's own is taken as it was recorded. It does no
// I/O.
package replay

import (
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// Config says what is replayed. Draft is required.
type Config struct {
	Draft *policy.Policy
	// Since is the time of the first entry that is decided anew. What was taken in
	// the 30 days before fills the windows.
	Since time.Time
	// Was gives the policy that a version names, or nil; nil: none is at hand.
	Was func(version string) *policy.Policy
}

// A Replay decides entries anew. For one goroutine.
type Replay struct {
	draft   *policy.Policy
	since   time.Time
	was     func(string) *policy.Policy
	changes map[string]*change // by version
	low     *meter.Meter       // what the draft surely charges
	real    *meter.Meter       // what was charged
	open    map[weir.ExchangeID]*exchange
	holds   policy.Holds             // that the draft would have in force
	needs   map[string]bool          // roles that need what is not on the ledger
	allowed map[weir.Party]time.Time // whose approved requests for more are in force, until when
	spent   map[string]time.Time     // by whom and which budget: when it was last alerted
	doubts  doubts
	apart   map[partyLane]bool       // the draft has charged somebody who was not charged, ever
	closed  map[weir.ExchangeID]bool // the newest exchanges that are over
	older   map[weir.ExchangeID]bool // those before
	parts   []meter.Demand
	wasOf   map[weir.Class]weir.Action // scratch of an entry
	report  Report
	rows    map[rowKey]*Row
	swept   time.Time
	trace   func(*exchange) // for tests; nil: none
}

// New makes a Replay that has read nothing.
func New(c Config) *Replay {
	r := &Replay{
		draft: c.Draft, since: c.Since, was: c.Was, changes: map[string]*change{}, low: meter.New(), real: meter.New(),
		open: map[weir.ExchangeID]*exchange{}, holds: policy.Holds{}, spent: map[string]time.Time{}, allowed: map[weir.Party]time.Time{},
		apart: map[partyLane]bool{}, closed: map[weir.ExchangeID]bool{},
		wasOf: map[weir.Class]weir.Action{}, rows: map[rowKey]*Row{},
	}
	r.doubts = doubts{parties: map[weir.Party]*weir.Budgets{}, from: map[doubt]bool{}}
	r.needs = map[string]bool{}
	for _, n := range c.Draft.Needs() {
		// The others are told by an entry's time and network.
		if n.Needs != weir.NeedHours && n.Needs != weir.NeedNetwork {
			r.needs[n.Role] = true
		}
	}
	r.report.Draft, r.report.Since = c.Draft.Version(), c.Since
	r.report.Unknowable = map[string]int{}
	return r
}

// mostClosed is how many exchanges are remembered that are over, twice: refusals of
// their last second are told behind their end.
const mostClosed = 1 << 14

type partyLane struct {
	party weir.Party
	lane  weir.Lane
}

// longest is for how long an exchange may have no entry before it is forgotten: a
// node that crashed never closed it.
const longest = 24 * time.Hour

// Read takes the next entry. Entries come in the order of time.
func (r *Replay) Read(e *ledger.Entry) {
	if e.Time.Sub(r.swept) > time.Hour {
		r.low.Sweep(e.Time)
		r.real.Sweep(e.Time)
		for id, x := range r.open {
			if e.Time.Sub(x.last) > longest {
				r.end(x)
				delete(r.open, id)
			}
		}
		r.swept = e.Time
	}
	if e.Kind == ledger.Request {
		r.request(e)
	}
	if e.Time.Before(r.since) {
		r.before(e)
		return
	}
	if r.report.Entries == 0 {
		r.report.From = e.Time
	}
	r.report.Entries++
	r.report.To = e.Time
	switch e.Kind {
	case ledger.Intent:
		x := r.exchange(e)
		if e.Would != nil {
			r.lose(x, whyObserved)
		}
		r.probe(x, e)
	case ledger.Release:
		r.release(r.exchange(e), e)
	case ledger.Denied:
		r.denied(e)
	case ledger.Close:
		r.close(e)
	case ledger.Summary:
		r.report.Quiet += e.N
	case ledger.Hold:
		r.held(e)
	case ledger.Lift:
		if party, err := weir.ParseParty(e.Party); err == nil {
			delete(r.holds, party)
		}
	}
}

// request takes in a step of a request for more customers.
func (r *Replay) request(e *ledger.Entry) {
	party, err := weir.ParseParty(e.Party)
	switch {
	case err != nil:
	case e.Rule == ledger.RequestApproved:
		if until := r.allowed[party]; e.Until.After(until) {
			r.allowed[party] = e.Until
		}
	}
}

// before takes in what was taken and held until Since: it was so under any draft.
func (r *Replay) before(e *ledger.Entry) {
	switch e.Kind {
	case ledger.Release, ledger.Intent:
		r.restore(r.real, e)
		r.restore(r.low, e)
	case ledger.Hold:
		if party, err := weir.ParseParty(e.Party); err == nil {
			r.holds[party] = policy.Hold{Party: party, Since: e.Time, Until: e.Until}
		}
	case ledger.Lift:
		if party, err := weir.ParseParty(e.Party); err == nil {
			delete(r.holds, party)
		}
	}
}

func (r *Replay) restore(m *meter.Meter, e *ledger.Entry) {
	if len(e.Subjects) == 0 {
		return
	}
	r.parts = r.parts[:0]
	for _, s := range e.Subjects {
		r.parts = append(r.parts, meter.Demand{Subject: s.Subject, Lanes: s.Lanes})
	}
	m.Restore(e.Time, e.Parties(), r.parts)
}

// held takes over a hold. One for a spent budget was the old policy's doing; the
// draft's own come from what the draft would have stopped.
func (r *Replay) held(e *ledger.Entry) {
	party, err := weir.ParseParty(e.Party)
	if err != nil || e.Rule == ruleBudgetSpent {
		return
	}
	if e.Rule == ruleIDWalking && !r.change(e.Policy).walks {
		// The draft may hold sooner, later or not at all.
		r.doubts.walking = true
		return
	}
	if h, ok := r.holds[party]; !ok || e.Until.IsZero() || !h.Until.IsZero() && e.Until.After(h.Until) {
		r.holds[party] = policy.Hold{Party: party, Since: e.Time, Until: e.Until}
	}
}

// The rules of watch, as entries name them.
const (
	ruleBudgetSpent = "budget-spent"
	ruleIDWalking   = "id-walking"
)

func (r *Replay) change(version string) *change {
	c := r.changes[version]
	if c == nil {
		var was *policy.Policy
		switch {
		case version == r.draft.Version():
			was = r.draft
		case r.was != nil:
			was = r.was(version)
		}
		c = compare(was, r.draft)
		r.changes[version] = c
		r.report.Policies = append(r.report.Policies, Version{version, was != nil})
	}
	return c
}

// Report gives what came out so far.
func (r *Replay) Report() *Report {
	for id, x := range r.open {
		r.end(x)
		delete(r.open, id)
	}
	return r.report.finish(r.rows)
}

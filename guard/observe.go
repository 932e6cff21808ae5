package guard

import (
	"context"
	"sync/atomic"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// Where nothing is enforced (Mode, or the policy's own mode) the five verbs run all
// the same: what is in the answer, and whose, what the policy says to it, whom it
// would be charged to. Then it leaves as it is. The ledger has both: what really left,
// and what would have (ledger.Would).
//
// Against budgets counts what the policy would have let leave, in the lanes in which
// it would have, so that whoever was never stopped while observing is not stopped
// by what was observed when the policy is enforced. What comes after the end of a
// budget has left, and counts as well: a budget that is overdrawn stays so until its
// window has passed.
//
// What the record stands on is no part of it: where the ledger or the subject
// directory fails, nothing leaves (law 1).

// observed is what would have been done since the start.
type observed struct{ stopped, withheld, masked atomic.Int64 }

// Observed tells what would have been done since the guard began, where nothing is
// enforced.
type Observed struct {
	Stopped  int64 // exchanges that would have been refused, or broken off
	Withheld int64 // records
	Masked   int64 // values
}

// Observed gives the numbers.
func (g *Guard) Observed() Observed {
	return Observed{g.watched.stopped.Load(), g.watched.withheld.Load(), g.watched.masked.Load()}
}

// observes tells whether anything at all is only observed under a policy.
func (g *Guard) observes(p *policy.Policy) bool {
	if g.mode == Observe || p.Observe() {
		return true
	}
	for _, r := range p.Routes() {
		if r.Observe {
			return true
		}
	}
	return false
}

// Observed tells whether the exchange is only observed: nothing of the answer is to
// be changed or kept back but what a Release, or PassUnread, itself refuses.
func (p *Pass) Observed() bool { return p.observe }

// Overlook takes note of a refusal that enforcing would have been, in an exchange
// that is only observed. The first ends it, as far as what would have left goes.
func (p *Pass) Overlook(ctx context.Context, d *weir.Denial) {
	if !p.observe || p.overlooked != nil || p.closed {
		return
	}
	p.overlooked = d
	p.guard.watched.stopped.Add(1)
	p.guard.told(ctx, p, d, ledger.WouldDeny)
}

// observable gives the plan of an exchange that is denied for d and is only observed;
// nil: it is enforced.
func (p *Pass) observable(d *weir.Denial) *policy.Plan {
	rules := p.rules.policy
	plan := rules.Unenforced(&p.exchange)
	switch {
	case p.guard.mode == Observe:
	case d.Reason == weir.ReasonRequest:
		// Nobody knows for sure which route the service takes it for.
		if !rules.Observe() {
			return nil
		}
		for _, r := range rules.Routes() {
			if !r.Observe {
				return nil
			}
		}
	case !plan.Observe:
		return nil
	}
	return plan
}

// spend charges segments as pay does. What does not fit is charged all the same where
// the exchange is only observed.
func (p *Pass) spend(ctx context.Context, segments [][]meter.Demand) (fit int, d *weir.Denial, under []*Allowance) {
	if p.observe && p.overlooked != nil {
		if p.overlooked.Reason == weir.ReasonBudget {
			p.overdraw(segments)
		}
		return 0, nil, nil
	}
	fit, d, under = p.pay(ctx, segments)
	if d == nil || !p.observe {
		return fit, d, under
	}
	p.Overlook(ctx, d)
	p.overdraw(segments[fit:])
	return fit, nil, under
}

func (p *Pass) overdraw(segments [][]meter.Demand) {
	now := p.guard.counted(p.guard.now())
	for _, demands := range segments {
		p.guard.meter.Restore(now, partiesOf(p.plan.Accounts), demands)
	}
}

func partiesOf(accounts []weir.Account) []weir.Party {
	all := make([]weir.Party, len(accounts))
	for i := range accounts {
		all[i] = accounts[i].Party
	}
	return all
}

// leave works out, behind judge, who is in what leaves as it is.
func (p *Pass) leave(ctx context.Context, pieces []*piece) *weir.Denial {
	p.leaving = true
	defer func() { p.leaving = false }()
	for _, pc := range pieces {
		judged := pc.crowd.people
		if pc.withheld != nil {
			judged = nil // nobody was looked for, or not to the end
		}
		p.scratch.people = append(p.scratch.people[:0], judged...)
		pc.left = pc.left[:0]
		switch {
		case pc.failed:
			p.unread += int64(len(pc.Segment.Body))
		case pc.unread:
			p.unread += int64(len(pc.Segment.Body))
			pc.crowd.reset()
			if p.plan.Subject.From == policy.URL && !p.failed {
				pc.crowd.people = append(pc.crowd.people, person{Who: p.subject, lanes: weir.Lanes(0).With(weir.Clear)})
			}
		default:
			as := pc.actions
			pc.actions = p.scratch.clear(len(as))
			if p.persons(pc) != nil {
				p.unread += int64(len(pc.Segment.Body)) // too many to tell: at least these
			}
			pc.actions = as
		}
		for i := range pc.crowd.people {
			who := &pc.crowd.people[i]
			switch before := p.scratch.people; {
			case !who.ID.IsZero():
				s, err := p.guard.subjects.Resolve(ctx, []weir.Identifier{who.ID})
				if err != nil {
					return p.guard.unrecordable("subject directory failed", err)
				}
				who.Who = s[0]
			case i < len(before) && before[i].ID.IsZero():
				who.Who = before[i].Who // somebody of whom nothing is known, and the same one
			}
			pc.left = append(pc.left, meter.Demand{Subject: who.Who, Lanes: who.lanes})
		}
		p.ownLanes(pc, pc.left)
		pc.left = distinct(pc.left)
	}
	clear(p.scratch.people)
	return nil
}

// left puts into an entry's parts what leaves of a piece, and what would have.
func (p *Pass) left(pc *piece, taken []ledger.Taken, would *ledger.Would) []ledger.Taken {
	for _, l := range pc.left {
		var charged weir.Lanes
		if pc.withheld == nil && p.charged() {
			for _, d := range pc.demands {
				if d.Subject == l.Subject {
					charged = d.Lanes
				}
			}
		}
		n := len(taken)
		for n--; n >= 0 && taken[n].Subject != l.Subject; n-- {
		}
		if n < 0 {
			taken, would.Lanes = append(taken, ledger.Taken{Subject: l.Subject}), append(would.Lanes, 0)
			n = len(taken) - 1
		}
		taken[n].Lanes |= l.Lanes
		would.Lanes[n] |= charged
	}
	return taken
}

// charged tells whether what is at hand counts against budgets.
func (p *Pass) charged() bool {
	return p.overlooked == nil || p.overlooked.Reason == weir.ReasonBudget
}

// tally counts for the staff what would have been done to a piece.
func (p *Pass) tally(pc *piece) {
	switch {
	case pc.withheld != nil || pc.late:
		if len(pc.report.Findings) > 0 || len(pc.left) > 0 {
			p.guard.watched.withheld.Add(1)
		}
	case pc.masks:
		masked := int64(0)
		for _, a := range pc.actions {
			if a == weir.Mask {
				masked++
			}
		}
		p.guard.watched.masked.Add(masked)
	}
}

// clear gives n times Allow.
func (s *scratch) clear(n int) []weir.Action {
	for len(s.allow) < n {
		s.allow = append(s.allow, weir.Allow)
	}
	return s.allow[:n]
}

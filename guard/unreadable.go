package guard

import (
	"context"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// ruleUnreadable marks the entries of releases in which something passed that could
// not be inspected, because the route says so.
const ruleUnreadable = "on-inspection-failure"

// passesUnread tells whether a segment that cannot be inspected passes: where the
// route says so, and never to somebody who may see its own record only, since nobody
// can say whose the segment is.
func (p *Pass) passesUnread() bool { return p.plan.Unreadable > 0 && !p.plan.Own }

// everybody is who is charged for what cannot be inspected: as many customers as the
// route declares that an answer can hold, once an answer, as if everything of them
// had left in clear.
func (p *Pass) everybody(pc *piece) {
	if p.unreadPaid {
		return
	}
	p.unreadPaid = true
	lanes := weir.Lanes(0).With(weir.Clear).With(weir.Sensitive)
	n := p.plan.Unreadable
	if p.plan.Subject.From == policy.URL {
		pc.crowd.people = append(pc.crowd.people, person{Who: p.subject, lanes: lanes, bare: true})
		n--
	}
	for range n {
		pc.crowd.people = append(pc.crowd.people, person{Who: freshSubject(), lanes: lanes, bare: true})
	}
}

// Uninspected tells the door whether what it cannot cut into records passes all the
// same on this route: see PassUninspected.
func (p *Pass) Uninspected() bool { return p.passesUnread() }

// PassUninspected records that n bytes are about to leave that could not be cut into
// records, on a route that says that such answers pass. The first time in an answer
// it charges as many customers as the route says that one can hold.
func (p *Pass) PassUninspected(ctx context.Context, n int) *weir.Denial {
	if stop := p.standing(ctx); stop != nil {
		return stop
	}
	if !p.passesUnread() {
		return &unreadableSubject
	}
	if p.unreadPaid {
		p.unread += int64(n)
		return nil
	}
	if p.stopped = p.asked(ctx); p.stopped != nil {
		return p.stopped
	}
	charged := p.guard.now()
	pc := new(piece)
	p.everybody(pc)
	var demands []meter.Demand
	var taken []ledger.Taken
	for _, who := range pc.crowd.people {
		demands = append(demands, meter.Demand{Subject: who.Who, Lanes: who.lanes})
		taken = append(taken, ledger.Taken{Subject: who.Who, Lanes: who.lanes})
	}
	_, denial, under := p.spend(ctx, [][]meter.Demand{demands})
	if denial != nil {
		p.stopped = denial
		return denial
	}
	batch := [][]meter.Demand{demands}
	var entries []*ledger.Entry
	if !p.recorded {
		entries = append(entries, p.intent())
		batch = append(batch, p.probes())
	}
	for len(taken) > 0 {
		e := p.entry(ledger.Release)
		e.Rule, e.Subjects = ruleUnreadable, taken[:min(len(taken), ledger.MaxSubjects)]
		if under != nil {
			e.Asked = under[0].asked()
		}
		taken = taken[len(e.Subjects):]
		if p.observe {
			p.guard.left.Restore(p.guard.counted(e.Time), e.Parties(), demandsOf(e))
			e.Would = &ledger.Would{}
			for _, t := range e.Subjects {
				if !p.charged() {
					t.Lanes = 0
				}
				e.Would.Lanes = append(e.Would.Lanes, t.Lanes)
			}
		}
		entries = append(entries, e)
	}
	if err := p.guard.append(ctx, entries...); err != nil {
		p.stopped = p.guard.unrecordable("ledger did not take a release", err)
		return p.stopped
	}
	p.recorded = true
	if p.stopped = p.late(ctx, charged, batch); p.stopped != nil {
		return p.stopped
	}
	p.unread += int64(n)
	return nil
}

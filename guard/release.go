package guard

import (
	"context"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/mask"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// A Pass is one admitted exchange. It is used by one goroutine, and closed.
type Pass struct {
	guard    *Guard
	exchange weir.Exchange
	plan     *policy.Plan
	rules    *rules   // in force when it was admitted
	covered  *covered // where what it held is counted
	began    time.Time

	own         weir.Subject      // the principal's own, for a customer
	subject     weir.Subject      // whose the whole answer is, by the route's address
	Owned       []weir.Identifier // of subject: the first of each kind met in the answer
	probed      []ledger.Taken    // what the request asked about
	probedUnder *Allowance        // what let that through beyond what is ordinary
	strangers   []ledger.Taken    // whose records were withheld from a customer
	failed      bool              // the answer is an error's (see Answered)
	observe     bool              // nothing is enforced: see Overlook
	overlooked  *weir.Denial      // what would have ended it
	leaving     bool              // who is in what leaves is being worked out

	room     policy.Plan // with accounts beside it: one piece of memory for an exchange
	accounts [8]weir.Account

	unreadPaid bool // what cannot be inspected of this answer is charged

	scratch  *scratch
	recorded bool         // the intent is on the ledger
	stopped  *weir.Denial // nothing more may leave
	read     int64        // bytes inspected and released
	unread   int64        // bytes that left without being inspected
	closed   bool
}

// A Release is what may leave of a batch.
type Release struct {
	// Out has, for each segment in order, the bytes that may leave; nil: the
	// segment is withheld. Valid until the next call. It is shorter than the
	// batch when Stop is set.
	Out [][]byte
	// Personal is true if the batch held personal data or a customer's record.
	Personal bool
	// Withheld is why segments of Out are nil; nil if none is.
	Withheld *weir.Denial
	// Stop, if not nil, says why nothing may follow Out, now or later.
	Stop *weir.Denial
	// Would has, for each segment of an exchange that is only observed, why it
	// would have been withheld; nil: it would not have been.
	Would []*weir.Denial
}

// piece is one segment on its way through Release.
type piece struct {
	Segment  *weir.Segment
	report   inspect.Report
	actions  []weir.Action  // one for each of report.Findings
	finds    finds          // what it holds, for the record
	crowd    crowd          // who is in it
	declared bool           // its subject is declared, and is the first of crowd
	demands  []meter.Demand // what it would take
	failed   bool           // it passes without being inspected, because the route says so
	public   []bool         // findings that customers publish themselves; nil: none
	under    *Allowance     // what let it through beyond what is ordinary; nil: nothing had to
	withheld *weir.Denial   // not nil: it stays behind
	masks    bool           // something in it must be masked
	unread   bool           // it could not be inspected
	late     bool           // observed: a budget would have ended before it
	left     []meter.Demand // observed: what it takes, leaving as it is
	from, to int            // where it lies in scratch.masked, if it is masked
}

// Release passes on what may leave of a batch of segments. The order of the five
// verbs is the promise: nothing is masked and handed back before it is recorded,
// nothing recorded before it is paid for, nothing paid for before it is judged.
func (p *Pass) Release(ctx context.Context, segments []weir.Segment) Release {
	if stop := p.standing(ctx); stop != nil {
		return Release{Stop: stop}
	}
	pieces := p.inspect(segments)
	stop := p.judge(ctx, pieces)
	if stop == nil && p.observe {
		stop = p.leave(ctx, pieces)
	}
	if stop == nil {
		stop = p.asked(ctx)
	}
	if stop == nil {
		charged := p.guard.now()
		pieces, stop = p.charge(ctx, pieces)
		batch := p.scratch.batch[:len(pieces)]
		if !p.recorded && len(p.probed) > 0 {
			batch = append(batch, p.probes())
		}
		err := p.record(ctx, pieces)
		if err == nil {
			err = p.late(ctx, charged, batch)
		}
		if err != nil {
			pieces, stop = nil, err
		}
	} else {
		pieces = nil
	}
	if stop != nil {
		p.stopped = stop
	}
	return p.mask(pieces, stop)
}

// standing reports why the exchange may not go on: it was stopped, a hold fell
// on one of its parties, or its credential ran out, since the last batch.
func (p *Pass) standing(ctx context.Context) *weir.Denial {
	g := p.guard
	if p.stopped != nil || p.closed || p.plan == nil {
		if p.stopped == nil {
			p.stopped = &weir.Denial{Reason: weir.ReasonInternal, Message: "The exchange is over."}
		}
		return p.stopped
	}
	now := g.now()
	var stop *weir.Denial
	if e := p.exchange.Principal.Expires; !e.IsZero() && !now.Before(e) {
		stop = &weir.Denial{Reason: weir.ReasonCredential, Message: "The credential has expired."}
	} else if stop = g.inTouch(); stop == nil {
		if stop = g.holds.Load().Check(p.plan.Accounts, now); stop == nil {
			stop = g.Policy().Held(p.plan.Accounts, now)
		}
	}
	if stop != nil && p.observe {
		p.Overlook(ctx, stop)
		return nil
	}
	p.stopped = stop
	return stop
}

// inspect finds what personal data is in each segment, and whose it is declared
// to be. A segment that cannot be read is withheld.
func (p *Pass) inspect(segments []weir.Segment) []*piece {
	if p.scratch == nil {
		p.scratch = p.guard.pool.Get().(*scratch)
	}
	var path []string
	if p.plan.Subject.From == policy.Body {
		path = p.plan.Subject.Path
	}
	pieces := p.scratch.pieces(len(segments))
	for i, pc := range pieces {
		pc.Segment = &segments[i]
		var want []string
		if pc.Segment.Record {
			want = path
		}
		if err := p.rules.inspect.Inspect(&pc.report, pc.Segment, want); err != nil && p.passesUnread() {
			pc.failed = true
			pc.report.Findings = pc.report.Findings[:0]
		} else if err != nil {
			pc.unread, pc.withheld = true, &weir.Denial{Reason: weir.ReasonUnreadable, Message: "The answer is not written as it says, so it cannot be read and is not passed on."}
		}
	}
	return pieces
}

// judge decides each finding by the plan, and works out whose the data is.
func (p *Pass) judge(ctx context.Context, pieces []*piece) *weir.Denial {
	publishes := p.plan.HasPublic()
	var before *finds
	for _, pc := range pieces {
		if pc.withheld != nil {
			pc.finds.reset()
			continue
		}
		if pc.failed {
			pc.finds.reset()
			pc.finds.lost()
			continue
		}
		pc.finds.read(pc.report.Findings, before)
		before = &pc.finds
		if publishes {
			p.publish(pc)
		}
		masked := 0 // where the last masked finding ends: what lies in it is masked with it
		for i := range pc.report.Findings {
			f := &pc.report.Findings[i]
			action := weir.Allow
			if !pc.isPublic(i) {
				action = p.plan.Action(f.Class)
			}
			if action == weir.Allow && f.Start < masked {
				action = weir.Mask
			}
			if action == weir.Mask {
				masked = max(masked, f.End)
			}
			pc.actions = append(pc.actions, action)
			switch action {
			case weir.Mask:
				pc.masks = true
			case weir.Block:
				pc.withheld = &weir.Denial{Reason: weir.ReasonBlocked, Message: "The answer holds data that may not be passed on for this purpose."}
			}
		}
	}
	return p.whose(ctx, pieces)
}

// charge charges the customers of each segment to every party, and keeps the
// longest prefix of the batch that fits.
func (p *Pass) charge(ctx context.Context, pieces []*piece) ([]*piece, *weir.Denial) {
	batch := p.scratch.batch[:0]
	for _, pc := range pieces {
		if pc.withheld != nil {
			batch = append(batch, nil)
		} else {
			batch = append(batch, pc.demands)
		}
	}
	p.scratch.batch = batch
	fit, denial, under := p.spend(ctx, batch)
	for i, a := range under {
		pieces[i].under = a
	}
	if denial == nil && p.observe {
		for _, pc := range pieces[fit:] {
			pc.late = true
		}
		return pieces, nil
	}
	return pieces[:fit], denial
}

// mask makes what is left fit to leave.
func (p *Pass) mask(pieces []*piece, stop *weir.Denial) Release {
	r := Release{Stop: stop}
	if p.scratch == nil {
		return r
	}
	buf := p.scratch.masked[:0]
	for _, pc := range pieces {
		if p.observe {
			r.Would = append(r.Would, pc.withheld)
			pc.withheld, pc.masks = nil, false
		}
		if pc.masks && pc.withheld == nil {
			pc.from = len(buf)
			buf = mask.Append(buf, pc.Segment, pc.report.Findings, pc.actions)
			pc.to = len(buf)
		}
	}
	out := p.scratch.out[:0] // filled when buf has stopped moving
	for _, pc := range pieces {
		if len(pc.report.Findings) > 0 || len(pc.demands) > 0 || pc.failed {
			r.Personal = true
		}
		switch {
		case pc.withheld != nil:
			r.Withheld = pc.withheld
			out = append(out, nil)
		case pc.masks:
			out = append(out, buf[pc.from:pc.to:pc.to])
		default:
			out = append(out, pc.Segment.Body[:len(pc.Segment.Body):len(pc.Segment.Body)])
		}
	}
	p.scratch.out, p.scratch.masked = out, buf
	r.Out = out
	return r
}

// Array tells the door where the answer is to be cut: the keys that lead to the
// array whose elements are records. Nil: none is declared. Empty: the answer
// itself is the array.
func (p *Pass) Array() []string { return p.plan.Subject.Array }

// Declared tells whether the route has declared subjects, so that its answers
// are about somebody even where nothing is found in them.
func (p *Pass) Declared() bool { return p.plan.Subject.From != policy.None }

// Answered tells the guard, before the first Release, that the service answered
// with an error or a redirect: the body of one that holds nothing personal is not
// a record of the customer that the route names.
func (p *Pass) Answered(failed bool) { p.failed = failed }

// scratch is what one exchange works with; reused from exchange to exchange.
type scratch struct {
	all    []*piece
	batch  [][]meter.Demand
	IDs    []weir.Identifier
	out    [][]byte
	masked []byte
	taken  []ledger.Taken
	allow  []weir.Action
	people []person

	assembly assembly
}

// largest is what a scratch may hold when it goes back to the pool, so that one
// large exchange does not cost memory for good.
const largest = 1 << 20

func (s *scratch) pieces(n int) []*piece {
	for len(s.all) < n {
		s.all = append(s.all, new(piece))
	}
	for _, pc := range s.all[:n] {
		pc.Segment, pc.withheld, pc.masks, pc.unread, pc.late, pc.under = nil, nil, false, false, false, nil
		pc.failed, pc.public = false, nil
		pc.actions, pc.demands = pc.actions[:0], pc.demands[:0]
		pc.left = pc.left[:0]
		pc.report.Findings = pc.report.Findings[:0]
	}
	return s.all[:n]
}

func (g *Guard) recycle(s *scratch) {
	if s == nil || cap(s.masked) > largest || len(s.all) > 4096 {
		return
	}
	for _, pc := range s.all {
		pc.Segment = nil // the door's bytes are not ours to keep
	}
	g.pool.Put(s)
}

package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/meter"
)

// A line is what this node knows of an account. The Fleet's lock guards it.
type line struct {
	limits weir.Budget // as last charged

	// told has who counts in every window, and since when at the earliest that is known
	// to the store; young becomes old as it is turned.
	young, old map[weir.Subject]moment
	turned     moment

	granted  int64         // under the lease, in all
	used     int64         // of granted
	reserved int64         // of granted, by charges under way
	leased   moment        // when the lease was asked for
	span     time.Duration // how long it lasts from then on; 0: there is none
	want     int64         // how many more are wanted
	share    int64         // how many are asked for at once
	sealing  bool          // nothing more is taken under it
	barred   bool          // it was for another budget: until it has ended there is no other

	pending []weir.Subject // taken, and not in the store
	last    moment         // of its last charge
}

// mostTold bounds young, and so old, of one line.
const mostTold = 1 << 14

// counts tells whether a customer counts in every window for a whole window more: it
// was told of within the Grace, less a twentieth for clocks that go wrong.
func (l *line) counts(s weir.Subject, now moment) bool {
	at, ok := l.young[s]
	if !ok {
		at, ok = l.old[s]
	}
	return ok && now.since(at) < Grace-Grace/20
}

func (l *line) tell(s weir.Subject, at moment) {
	if l.young == nil || len(l.young) >= mostTold || at.since(l.turned) > Grace {
		l.young, l.old, l.turned = map[weir.Subject]moment{}, l.young, at
	}
	l.young[s] = at
}

// left gives how many more customers may be taken under the lease, which for the
// holder ends a twentieth early.
func (l *line) left(now moment) int64 {
	if l.span == 0 || l.sealing || now.since(l.leased) >= l.span-l.span/20 {
		return 0
	}
	return l.granted - l.used - l.reserved
}

// how an account is charged.
type manner uint8

const (
	inStore   manner = iota
	byLease          // of what was leased
	unbounded        // counted only, afterwards
)

// a part is an account's part of one charge.
type part struct {
	Bound
	line    *line
	manner  manner
	demands []Demand // of those who are not known to count; Bound is not set
	known   []Demand // of the others
}

// Charge charges the segments in order, each to all accounts over all nodes, and stops
// before the first that does not fit into every budget: as meter.Charge.
func (f *Fleet) Charge(ctx context.Context, accounts []weir.Account, segments [][]meter.Demand) (fit int, over *meter.Over, denial *weir.Denial) {
	f.mu.Lock()
	asked := f.now()
	if d := f.standing(asked); d != nil {
		f.mu.Unlock()
		return 0, nil, d
	}
	parts := f.parts(accounts, segments, asked)
	c := &Charge{Log: f.c.Log, Tick: f.tick, Recovery: f.recovery, Segments: len(segments)}
	c.Earliest, c.Latest = f.clock.bounds(asked)
	for i := range parts {
		switch p := &parts[i]; p.manner {
		case byLease:
			p.line.reserved += int64(len(p.demands))
		case inStore:
			if len(p.demands) > 0 {
				for _, d := range p.demands {
					d.Bound = len(c.Bounds)
					c.Demands = append(c.Demands, d)
				}
				c.Bounds = append(c.Bounds, p.Bound)
			}
		}
	}
	f.mu.Unlock()

	done := Charged{Fit: len(segments)}
	var err error
	if len(c.Demands) > 0 {
		slices.SortStableFunc(c.Demands, func(a, b Demand) int { return a.Segment - b.Segment })
		within, cancel := context.WithTimeout(ctx, max(2*f.c.Refresh, answerIn))
		if done, err = f.c.Store.Charge(within, c); err != nil {
			done = Charged{} // what was charged all the same is spent
		}
		cancel()
	}
	f.mu.Lock()
	settle := f.keep(parts, done.Fit, asked)
	f.mu.Unlock()
	if settle {
		wake(f.poke)
	}
	if err != nil {
		if ctx.Err() == nil {
			f.c.Logger.Error("customers were not charged in the shared store", "err", err)
		}
		return 0, nil, &uncharged
	}
	return done.Fit, done.Over, nil
}

// answerIn is how long a charge waits for the store at least.
const answerIn = 3 * time.Second

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// parts says what each account is charged, and how. The lock is held.
func (f *Fleet) parts(accounts []weir.Account, segments [][]meter.Demand, now moment) []part {
	var lanes weir.Lanes
	for _, demands := range segments {
		for _, d := range demands {
			lanes |= d.Lanes
		}
	}
	var parts []part
	for i := range accounts {
		for lane := range weir.NumLanes {
			if !lanes.Has(lane) {
				continue
			}
			b := Bound{Account{accounts[i].Party, lane}, accounts[i].Budget(lane)}
			if k := slices.IndexFunc(parts, func(p part) bool { return p.Account == b.Account }); k >= 0 {
				parts[k].Limits = tighter(parts[k].Limits, b.Limits) // one who acts through itself
				continue
			}
			parts = append(parts, part{Bound: b, line: f.line(b.Account)})
		}
	}
	for i := range parts {
		p := &parts[i]
		l := p.line
		if l.limits != p.Limits {
			// What was leased under another budget is not for this one, and who counts may
			// be more than this one allows: the store knows.
			l.drop()
			l.young, l.old = nil, nil
		}
		l.limits, l.last = p.Limits, now
		p.split(segments, now)
		switch least, bounded := smallest(p.Limits); {
		case !bounded:
			p.manner = unbounded
		case least < f.c.Leased:
		default:
			n := int64(len(p.demands))
			if n == 0 {
				break
			}
			left := l.left(now)
			if n <= left {
				p.manner = byLease
			}
			// Twice as many the next time, if they were gone before their time.
			l.share = max(l.share, wantTimes*n)
			if n > left && l.span > 0 && l.want == 0 && now.since(l.leased) < l.span/2 {
				l.share *= 2
			}
			l.share = min(l.share, int64(least/mostShare))
			l.want = max(l.want, l.share)
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return compare(a.Account, b.Account) })
	return parts
}

// mostShare bounds a lease to one part of this many of a budget.
const mostShare = 32

// wantTimes is how many charges like the last a lease is asked for at first.
const wantTimes = 64

// split finds who of the segments' customers counts already. One who is named by
// several segments is charged with the first.
func (p *part) split(segments [][]meter.Demand, now moment) {
	seen := map[weir.Subject]bool{}
	for i, demands := range segments {
		for _, d := range demands {
			if !d.Lanes.Has(p.Lane) || seen[d.Subject] {
				continue
			}
			seen[d.Subject] = true
			if p.line.counts(d.Subject, now) {
				p.known = append(p.known, Demand{Segment: i, Subject: d.Subject})
			} else {
				p.demands = append(p.demands, Demand{Segment: i, Subject: d.Subject})
			}
		}
	}
}

// keep takes over what was charged: the demands of the first fit segments. It says
// whether there is something to settle soon. The lock is held.
func (f *Fleet) keep(parts []part, fit int, asked moment) (settle bool) {
	for i := range parts {
		p := &parts[i]
		l := p.line
		if p.manner == byLease {
			l.reserved -= int64(len(p.demands))
		}
		for _, d := range p.demands {
			if d.Segment >= fit {
				break // they are in order
			}
			switch p.manner {
			case byLease:
				l.used++
				l.pending = append(l.pending, d.Subject)
			case unbounded:
				l.pending = append(l.pending, d.Subject)
			}
			l.tell(d.Subject, asked)
		}
		settle = settle || l.want > 0 && l.left(asked) < l.want/2 || len(l.pending) > mostPending
	}
	return settle
}

// mostPending is how many takes of an account wait for the next settlement, before one
// is made for their sake.
const mostPending = 500

func (f *Fleet) line(a Account) *line {
	l := f.lines[a]
	if l == nil {
		l = &line{}
		f.lines[a] = l
	}
	return l
}

// drop gives up what is left of the lease. What was taken under it is still told.
func (l *line) drop() {
	if l.span > 0 {
		l.sealing, l.barred = true, true
	}
}

// smallest gives the smallest limit that is one.
func smallest(b weir.Budget) (least int, bounded bool) {
	for _, limit := range b {
		if limit != weir.Unbounded && (!bounded || limit < least) {
			least, bounded = max(limit, 0), true
		}
	}
	return least, bounded
}

func tighter(a, b weir.Budget) weir.Budget {
	for w, limit := range b {
		if limit != weir.Unbounded && (a[w] == weir.Unbounded || limit < a[w]) {
			a[w] = limit
		}
	}
	return a
}

func compare(a, b Account) int {
	if a.Party.Kind != b.Party.Kind {
		return int(a.Party.Kind) - int(b.Party.Kind)
	}
	if a.Party.Name != b.Party.Name {
		if a.Party.Name < b.Party.Name {
			return -1
		}
		return 1
	}
	return int(a.Lane) - int(b.Lane)
}

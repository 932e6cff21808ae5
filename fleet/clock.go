package fleet

import (
	"fmt"
	"sync"
	"time"
)

// A moment is a node's time, twice: by ticks, which nobody can set, and by the wall
// clock, which goes on while the machine sleeps.
type moment struct {
	ticks, wall time.Time
	// passed is how much time had passed at most since the beginning: what stood still
	// while the machine slept, or was set back, takes nothing of it back.
	passed time.Duration
}

// A watch reads the clocks. Its methods may be called from any goroutine.
type watch struct {
	mu   sync.Mutex
	last moment
}

func (w *watch) read(ticks, wall func() time.Time) moment {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := moment{ticks: ticks(), wall: wall()}
	if w.last.ticks.IsZero() {
		now.passed = 1 // no moment is the zero one
	} else {
		now.passed = w.last.passed + max(now.ticks.Sub(w.last.ticks), now.wall.Sub(w.last.wall), 0)
	}
	w.last = now
	return now
}

// since gives how much time has passed at most since an earlier moment, as far as the
// node can tell.
func (m moment) since(earlier moment) time.Duration { return m.passed - earlier.passed }

const (
	// jump is the difference between the node's clock and the store's from which on
	// it needs an explanation, beside what the answer took.
	jump = 2 * time.Second
	// drift is how fast two clocks may part: a part in so many. Clocks are kept within
	// 1 in 2,000 by NTP's own limit (RFC 5905, section 11.3: 500 PPM).
	drift = 1000
	// anchorFor is for how long a pair of readings is compared with.
	anchorFor = 10 * time.Minute
)

// agreement compares the store's clock with the node's. A jump of the store's clock
// would empty windows, or lengthen leases; one of the node's would let it go on with a
// lease that has ended.
type agreement struct {
	set    bool
	store  Stamp
	early  moment // before the store was asked for it
	late   moment // after
	frozen time.Duration
}

// hear takes in a reading of the store's clock, which was asked for at sent and came at
// got, and says whether it is the first of a disagreement or ends one.
func (a *agreement) hear(s Stamp, sent, got moment) (changed bool) {
	if !a.set {
		*a = agreement{set: true, store: s, early: sent, late: got}
		return false
	}
	passed := s.Sub(a.store)
	byTicks := apart(passed, sent.ticks.Sub(a.late.ticks), got.ticks.Sub(a.early.ticks))
	byWall := apart(passed, sent.wall.Sub(a.late.wall), got.wall.Sub(a.early.wall))
	was := a.frozen
	a.frozen = 0
	switch {
	case byTicks == 0:
		if passed > anchorFor {
			*a = agreement{set: true, store: s, early: sent, late: got}
		}
	case byWall == 0: // the machine slept, and both clocks went on
		*a = agreement{set: true, store: s, early: sent, late: got}
	default:
		a.frozen = byTicks
	}
	return (was == 0) != (a.frozen == 0)
}

// apart gives by how much passed is out of what is between least and most, if that
// needs an explanation; else 0.
func apart(passed, least, most time.Duration) time.Duration {
	least, most = max(least, 0), max(most, 0)
	switch {
	case passed < least-jump-least/drift:
		return passed - least
	case passed > most+jump+most/drift:
		return passed - most
	}
	return 0
}

// bounds gives between which two moments the store's clock stands now.
func (a *agreement) bounds(now moment) (earliest, latest Stamp) {
	if !a.set {
		return 0, 0
	}
	least := max(now.ticks.Sub(a.late.ticks), 0)
	most := now.since(a.early)
	return a.store.Add(least - least/drift - jump), a.store.Add(most + most/drift + jump)
}

// says tells of a disagreement, for people.
func (a *agreement) says() string {
	by, way := a.frozen, "ahead of"
	if by < 0 {
		by, way = -by, "behind"
	}
	return fmt.Sprintf("the store's clock has moved %v %s this node's, without an explanation", by.Round(time.Millisecond), way)
}

// Package meter counts how many different customers each party has taken, and
// says where the budget ends.
//
// For each party and lane it keeps the customers of the last 30 days with the
// second in which each was last taken, in a list ordered by that second. A
// cursor for each window (hour, day, 30 days) stands at the oldest customer
// still inside, so that a count is kept, never recomputed, and a charge costs a
// few look-ups whatever has been taken before. A party that takes more than some
// 8,000 is counted by the minute, in less memory.
//
// It guarantees the hard bound: Charge takes from all parties of a segment or
// from none, under one lock, and never lets the distinct customers of any party,
// lane and window pass the limit that it was given, at any concurrency and
// whatever the clock does. Where a limit is lowered below what was taken, nothing passes,
// not even who was taken already, until the window is within it again. Time only moves forward in a Meter; it counts whole
// seconds, of large parties minutes, and lets a customer go from a window up to
// one of those late, never early.
//
// It does no I/O and remembers nothing across restarts: whoever owns it puts
// back what the ledger says (Restore). It gives nothing back after a charge: if
// the release does not happen, the budget is spent all the same. It does not
// know why a limit is what it is; that is the policy's.
package meter

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/getweir/weir"
)

// A Demand is one customer that a segment would take, and in which lanes. The
// demands of one segment name each customer once.
type Demand struct {
	Subject weir.Subject
	Lanes   weir.Lanes
}

// Over says which limit did not allow the next segment.
type Over struct {
	Party  weir.Party
	Lane   weir.Lane
	Window weir.Window
	Limit  int
	// Free is how long until the oldest customer leaves the window; 0: waiting
	// does not help, since the limit is lower than what the segment holds.
	Free time.Duration
}

// Usage is what a party has taken in one lane.
type Usage struct {
	// Taken has the distinct customers in each window.
	Taken [weir.NumWindows]int
	// Staying has those of Taken that will still be in the window when the span
	// asked about has passed: what then limits a thief who begins now.
	Staying [weir.NumWindows]int
}

// Meter is a set of tallies. Its methods may be called from any goroutine.
type Meter struct {
	mu      sync.Mutex
	parties map[weir.Party]*tallies // guarded by mu
	names   interned                // guarded by mu
	now     uint32                  // guarded by mu; latest second seen
	exact   int                     // how many customers a tally holds by the second

	// Scratch of one call, guarded by mu.
	lines []*tallies // for each account
	who   []customer // for each demand of a segment
}

// tallies are those of one party; nil in whose lane nothing was taken yet.
type tallies [weir.NumLanes]*tally

// New gives an empty Meter.
func New() *Meter {
	return &Meter{parties: map[weir.Party]*tallies{}, names: newInterned(), exact: maxExact}
}

// maxExact is how many customers a tally holds by the second.
const maxExact = 1 << 13

// epoch is the second from which a Meter counts, so that 32 bits last until 2156.
const epoch = 1577836800 // 2020-01-01T00:00:00Z

// advance moves the clock forward to t, rounded up; it never goes back.
func (m *Meter) advance(t time.Time) uint32 {
	s := t.Unix() - epoch
	if t.Nanosecond() > 0 {
		s++
	}
	if s > int64(m.now) && s < 1<<32-int64(seconds[weir.Month])-2 {
		m.now = uint32(s)
	}
	return m.now
}

// Charge charges the segments in order, each to all accounts, and stops before
// the first that does not fit into every budget; fit segments are charged in
// full, the rest not at all. over is nil when all fit.
func (m *Meter) Charge(now time.Time, accounts []weir.Account, segments [][]Demand) (fit int, over *Over) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.advance(now)
	var lanes weir.Lanes
	for _, demands := range segments {
		lanes |= used(demands)
	}
	m.lines = m.lines[:0]
	for a := range accounts {
		m.look(at, accounts[a].Party, lanes)
	}
	for i, demands := range segments {
		m.find(demands)
		if over := m.affordable(at, accounts, demands); over != nil {
			return i, over
		}
		for k := range demands {
			for a := range accounts {
				m.take(at, a, accounts[a].Party, &m.who[k], &demands[k])
			}
		}
	}
	return len(segments), nil
}

// Afford reports the first limit that the demands of one segment would pass if they
// were charged now, or nil. It charges nothing.
func (m *Meter) Afford(now time.Time, accounts []weir.Account, demands []Demand) *Over {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.advance(now)
	m.lines = m.lines[:0]
	for a := range accounts {
		m.look(at, accounts[a].Party, used(demands))
	}
	m.find(demands)
	return m.affordable(at, accounts, demands)
}

// used gives the lanes that demands name.
func used(demands []Demand) (lanes weir.Lanes) {
	for _, d := range demands {
		lanes |= d.Lanes
	}
	return lanes
}

// look looks up the tallies of the next account, once for the whole call, drops what
// has left them, and makes crowds of those that have grown large. That comes before
// customers get their numbers: a number whose last tally drops it is given to
// somebody else.
func (m *Meter) look(at uint32, party weir.Party, lanes weir.Lanes) {
	of := m.parties[party]
	m.lines = append(m.lines, of)
	if of == nil {
		return
	}
	for lane := range lanes.All() {
		if t := of[lane]; t != nil {
			t.expire(at, &m.names)
			if t.crowd == nil && t.used >= m.exact {
				t.join(at, &m.names)
			}
		}
	}
}

// find gives the customers of a segment their numbers; none for those not known.
func (m *Meter) find(demands []Demand) {
	m.who = m.who[:0]
	for _, d := range demands {
		m.who = append(m.who, customer{m.names.find(d.Subject), printOf(d.Subject)})
	}
}

// affordable reports the first limit that demands would pass, or nil.
func (m *Meter) affordable(at uint32, accounts []weir.Account, demands []Demand) *Over {
	lanes := used(demands)
	for a := range accounts {
		for lane := range lanes.All() {
			limit := accounts[a].Budget(lane)
			var t *tally
			if of := m.lines[a]; of != nil {
				t = of[lane]
			}
			var fresh [weir.NumWindows]int // customers that would be new in each window
			for k, d := range demands {
				if !d.Lanes.Has(lane) {
					continue
				}
				var in [weir.NumWindows]bool
				var counts [weir.NumWindows]int
				if t != nil {
					counts = *t.taken()
					if t.current(m.who[k]) && kept(counts, limit) {
						continue
					}
					in = t.has(m.who[k])
				}
				for w := range weir.NumWindows {
					taken := counts[w]
					// Whoever is counted in the window costs nothing, unless more are counted
					// than may be: because the limit was lowered, or because a tally that
					// became a crowd took some back in. Letting those pass again would keep
					// them in the window, and the window above its limit, for good.
					if limit[w] == weir.Unbounded || in[w] && taken <= limit[w] {
						continue
					}
					fresh[w]++
					if taken+fresh[w] > max(limit[w], 0) {
						return m.over(at, accounts[a].Party, lane, w, limit[w], t)
					}
				}
			}
		}
	}
	return nil
}

// kept reports whether no window counts more than its limit.
func kept(counts [weir.NumWindows]int, limit weir.Budget) bool {
	for w, n := range counts {
		if n > limit[w] && limit[w] != weir.Unbounded {
			return false
		}
	}
	return true
}

func (m *Meter) over(at uint32, p weir.Party, lane weir.Lane, w weir.Window, limit int, t *tally) *Over {
	o := &Over{Party: p, Lane: lane, Window: w, Limit: limit}
	if limit > 0 && t != nil {
		if free := t.leaves(w); free > at {
			o.Free = time.Duration(free-at) * time.Second
		}
	}
	return o
}

// take puts a customer into the tallies of account a, now.
func (m *Meter) take(at uint32, a int, party weir.Party, c *customer, d *Demand) {
	of := m.lines[a]
	if of == nil {
		if of = m.parties[party]; of == nil { // else: an account of the same party, just before
			of = new(tallies)
			m.parties[party] = of
		}
		m.lines[a] = of
	}
	for lane := range d.Lanes.All() {
		t := of[lane]
		if t == nil {
			t = newTally()
			of[lane] = t
		}
		if c.id == none && t.crowd == nil {
			c.id = m.names.intern(d.Subject)
		}
		t.touch(*c, at, &m.names)
	}
}

// Restore puts back what the ledger says was taken at a time, whatever the
// limits. Calls come in the order of time.
func (m *Meter) Restore(at time.Time, parties []weir.Party, demands []Demand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	second := m.advance(at)
	m.lines = m.lines[:0]
	for _, p := range parties {
		m.look(second, p, used(demands))
	}
	m.find(demands)
	for k := range demands {
		for a, p := range parties {
			m.take(second, a, p, &m.who[k], &demands[k])
		}
	}
}

// Usage reports what party has taken in lane, and what of it will still count
// when the span ahead has passed.
func (m *Meter) Usage(now time.Time, party weir.Party, lane weir.Lane, ahead time.Duration) (u Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.advance(now)
	of := m.parties[party]
	if of == nil || of[lane] == nil {
		return u
	}
	t := of[lane]
	t.expire(at, &m.names)
	return Usage{Taken: *t.taken(), Staying: t.staying(at + uint32(ahead/time.Second))}
}

// Parties lists whoever has something in its tallies, in no order.
func (m *Meter) Parties() []weir.Party {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.parties))
}

// Sweep forgets what has left the longest window. It is to be called now and
// then, so that parties that never come back cost no memory.
func (m *Meter) Sweep(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.advance(now)
	for p, of := range m.parties {
		for lane, t := range of {
			if t == nil {
				continue
			}
			if t.expire(at, &m.names); t.len() == 0 {
				of[lane] = nil
			}
		}
		if *of == (tallies{}) {
			delete(m.parties, p)
		}
	}
}

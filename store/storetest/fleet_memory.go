package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
)

// ErrCut is what a cut Link says.
var ErrCut = errors.New("the way to the store is cut")

// A Fleet is a fleet.Store in memory whose clock and faults a test drives. It counts
// in the plainest way there is, so that others can be held to it. Its methods may be
// called from any goroutine.
type Fleet struct {
	// Now is the store's clock. Set before it is used.
	Now func() time.Time

	mu    sync.Mutex
	state *fleetState // guarded by mu
	links []*Link     // guarded by mu
	logs  map[string]bool
}

type fleetState struct {
	Recovery int64
	Seq      int64
	Policy   string
	Loaded   fleet.Stamp
	Marks    map[string][]fleet.Mark
	Nodes    map[string]*fleetNode
	Acts     map[string]fleet.Act
	Taken    map[fleet.Account]map[weir.Subject]fleet.Stamp
	Leases   map[fleet.Account]map[string]*fleetLease
}

type fleetNode struct {
	Node, Policy            string
	Seen                    fleet.Stamp
	Counted, Acts, Recovery int64
	Tick, Obeyed            int64
}

type fleetLease struct {
	Granted, Used int64
	Ends          fleet.Stamp
	Sealed        bool
}

// NewFleet gives an empty one, whose clock is now.
func NewFleet(now func() time.Time) *Fleet {
	return &Fleet{Now: now, state: newFleetState(), logs: map[string]bool{}}
}

func newFleetState() *fleetState {
	return &fleetState{
		Marks: map[string][]fleet.Mark{}, Nodes: map[string]*fleetNode{}, Acts: map[string]fleet.Act{},
		Taken: map[fleet.Account]map[weir.Subject]fleet.Stamp{}, Leases: map[fleet.Account]map[string]*fleetLease{},
	}
}

// HasLog says that the store has a copy of a ledger, as store/postgres knows by itself.
func (m *Fleet) HasLog(log string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logs[log] = true
}

// Acknowledge says that the store has a ledger's entries up to size, as store/postgres
// knows by itself. What it is not told of counts, after a restart, from then on.
func (m *Fleet) Acknowledge(log string, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := int64(0)
	if marks := m.state.Marks[log]; len(marks) > 0 {
		first = marks[len(marks)-1].Next
	}
	if size > first {
		m.state.Marks[log] = append(m.state.Marks[log], fleet.Mark{First: first, Next: size, At: fleet.Stamp(m.Now().UnixMicro())})
	}
}

// Backup gives what the store knows now; Restore puts it back to that. Restore(nil)
// empties it.
func (m *Fleet) Backup() any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.clone()
}

// Restore puts the store back to what Backup gave.
func (m *Fleet) Restore(backup any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if backup == nil {
		m.state = newFleetState()
		return
	}
	m.state = backup.(*fleetState).clone()
}

func (s *fleetState) clone() *fleetState {
	c := newFleetState()
	c.Policy, c.Loaded = s.Policy, s.Loaded
	c.Recovery, c.Seq, c.Acts = s.Recovery, s.Seq, maps.Clone(s.Acts)
	for k, marks := range s.Marks {
		c.Marks[k] = slices.Clone(marks)
	}
	for k, n := range s.Nodes {
		copied := *n
		c.Nodes[k] = &copied
	}
	for a, taken := range s.Taken {
		c.Taken[a] = maps.Clone(taken)
	}
	for a, leases := range s.Leases {
		c.Leases[a] = map[string]*fleetLease{}
		for k, l := range leases {
			copied := *l
			c.Leases[a][k] = &copied
		}
	}
	return c
}

// A Link is one node's way to a Fleet.
type Link struct {
	store   *Fleet
	changes chan struct{}

	mu     sync.Mutex
	cut    bool                  // guarded by mu
	before func(op string) error // guarded by mu
	after  func(op string) error // guarded by mu
}

var _ fleet.Store = (*Link)(nil)

// Link gives a way to the store.
func (m *Fleet) Link() *Link {
	l := &Link{store: m, changes: make(chan struct{}, 1)}
	m.mu.Lock()
	m.links = append(m.links, l)
	m.mu.Unlock()
	return l
}

// Cut has every method fail with ErrCut, or no more.
func (l *Link) Cut(cut bool) {
	l.mu.Lock()
	l.cut = cut
	l.mu.Unlock()
}

// Fail has before called before each method, named as in fleet.Store, and after behind
// it: an error of before means that nothing was done, one of after that it was done and
// the answer lost. Either may be nil.
func (l *Link) Fail(before, after func(op string) error) {
	l.mu.Lock()
	l.before, l.after = before, after
	l.mu.Unlock()
}

// do carries out one method, whole and alone.
func (l *Link) do(ctx context.Context, op string, work func(s *fleetState, now fleet.Stamp) error) error {
	l.mu.Lock()
	cut, before, after := l.cut, l.before, l.after
	l.mu.Unlock()
	if cut {
		return ErrCut
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if before != nil {
		if err := before(op); err != nil {
			return err
		}
	}
	m := l.store
	m.mu.Lock()
	err := work(m.state, fleet.Stamp(m.Now().UnixMicro()))
	m.mu.Unlock()
	if err == nil && after != nil {
		err = after(op)
	}
	return err
}

var errUnknownNode = errors.New("the store does not know this node")

func (l *Link) Join(ctx context.Context, b fleet.Beat) (j fleet.Joined, err error) {
	log, policy := b.Log, b.Policy
	err = l.do(ctx, "Join", func(s *fleetState, now fleet.Stamp) error {
		if len(s.Nodes) == 0 {
			s.Recovery++
			for other := range l.store.logs {
				if other != log {
					s.Nodes[other] = &fleetNode{Node: other}
				}
			}
		}
		alone := true
		for other, n := range s.Nodes {
			alone = alone && (other == log || now.Sub(n.Seen) > fleet.Alive)
		}
		if alone && s.Policy != policy || s.Loaded == 0 {
			s.Policy, s.Loaded = policy, now
		}
		n := s.Nodes[log]
		if n == nil {
			n = &fleetNode{}
			s.Nodes[log] = n
		}
		if n.Tick < b.Last {
			s.Recovery++
		}
		n.Node, n.Policy, n.Tick, n.Seen = b.Node, policy, max(n.Tick, b.Tick), now
		j = fleet.Joined{Now: now, Counted: n.Counted, Acts: n.Acts, Obeyed: n.Obeyed, Recovery: s.Recovery, Tick: n.Tick}
		return nil
	})
	return j, err
}

func (l *Link) Acknowledged(ctx context.Context, log string, from int64) (all []fleet.Mark, err error) {
	err = l.do(ctx, "Acknowledged", func(s *fleetState, _ fleet.Stamp) error {
		for _, mark := range s.Marks[log] {
			if mark.Next > from {
				all = append(all, mark)
			}
		}
		return nil
	})
	return all, err
}

func (l *Link) Load(ctx context.Context, _, policy string) error {
	return l.do(ctx, "Load", func(s *fleetState, now fleet.Stamp) error {
		if s.Policy != policy {
			s.Policy, s.Loaded = policy, now
		}
		return nil
	})
}

func (l *Link) Ready(ctx context.Context, log string, counted, recovery int64) error {
	return l.do(ctx, "Ready", func(s *fleetState, _ fleet.Stamp) error {
		n := s.Nodes[log]
		if n == nil {
			return errUnknownNode
		}
		n.Counted, n.Recovery = max(n.Counted, counted), recovery
		for _, leases := range s.Leases {
			delete(leases, log)
		}
		return nil
	})
}

func (l *Link) Recover(ctx context.Context, _ string) error {
	return l.do(ctx, "Recover", func(s *fleetState, _ fleet.Stamp) error {
		s.Recovery++
		return nil
	})
}

func (l *Link) Accept(ctx context.Context, log string) error {
	return l.do(ctx, "Accept", func(s *fleetState, _ fleet.Stamp) error {
		n := s.Nodes[log]
		if n == nil {
			return errUnknownNode
		}
		n.Recovery = s.Recovery
		return nil
	})
}

func (l *Link) Sync(ctx context.Context, b fleet.Beat) (news fleet.News, err error) {
	err = l.do(ctx, "Sync", func(s *fleetState, now fleet.Stamp) error {
		news = fleet.News{Now: now, Before: -1, Recovery: s.Recovery, Policy: s.Policy, Loaded: s.Loaded}
		if n := s.Nodes[b.Log]; n != nil {
			if news.Before = n.Tick; n.Tick >= b.Last {
				n.Tick, n.Policy, n.Seen, n.Node = max(n.Tick, b.Tick), b.Policy, now, b.Node
				n.Obeyed = max(n.Obeyed, b.Obeyed)
			}
		}
		for _, a := range s.Acts {
			if a.Seq > b.Seen {
				news.Acts = append(news.Acts, a)
			}
		}
		slices.SortFunc(news.Acts, func(a, b fleet.Act) int { return int(a.Seq - b.Seq) })
		for _, log := range slices.Sorted(maps.Keys(s.Nodes)) {
			n := s.Nodes[log]
			if n.Recovery < s.Recovery {
				news.Missing = append(news.Missing, log)
			}
			news.Nodes = append(news.Nodes, fleet.Node{Log: log, Node: n.Node, Policy: n.Policy, Seen: n.Seen})
		}
		return nil
	})
	return news, err
}

func (l *Link) Publish(ctx context.Context, log string, upto int64, acts []fleet.Act) error {
	err := l.do(ctx, "Publish", func(s *fleetState, _ fleet.Stamp) error {
		n := s.Nodes[log]
		if n == nil {
			return errUnknownNode
		}
		before := n.Acts
		n.Acts = max(n.Acts, upto)
		for _, a := range acts {
			if a.Index < before {
				continue
			}
			old, stands := s.Acts[a.Key]
			if stands && !a.Lifts && !old.Lifts && (old.Until == 0 || a.Until != 0 && old.Until >= a.Until) {
				continue
			}
			b, err := json.Marshal(a.Entry) // nobody changes what others have
			if err != nil {
				return err
			}
			a.Entry = new(ledger.Entry)
			if err := json.Unmarshal(b, a.Entry); err != nil {
				return err
			}
			s.Seq++
			a.Seq = s.Seq
			s.Acts[a.Key] = a
		}
		return nil
	})
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	for _, other := range l.store.links {
		select {
		case other.changes <- struct{}{}:
		default:
		}
	}
	return err
}

// Changes is fleet.Store's.
func (l *Link) Changes() <-chan struct{} { return l.changes }

// count gives how many customers of an account count in each window when what has left
// by free has left.
func (s *fleetState) count(a fleet.Account, free fleet.Stamp) (n [weir.NumWindows]int) {
	for _, at := range s.Taken[a] {
		for w := range n {
			if at > free.Add(-fleet.Kept(weir.Window(w))) {
				n[w]++
			}
		}
	}
	return n
}

func (s *fleetState) leased(a fleet.Account, free fleet.Stamp) (n [weir.NumWindows]int) {
	for _, l := range s.Leases[a] {
		for w := range n {
			ends := l.Ends
			if !l.Sealed {
				ends = ends.Add(fleet.Kept(weir.Window(w)))
			}
			if ends > free {
				n[w] += int(l.Granted - l.Used)
			}
		}
	}
	return n
}

func (s *fleetState) take(a fleet.Account, who weir.Subject, at fleet.Stamp) {
	if s.Taken[a] == nil {
		s.Taken[a] = map[weir.Subject]fleet.Stamp{}
	}
	s.Taken[a][who] = max(s.Taken[a][who], at)
}

// within puts the clock between the bounds that a node knows.
func within(now, earliest, latest fleet.Stamp) (free, stamp fleet.Stamp) {
	free, stamp = now, now
	if latest != 0 {
		free = min(now, latest)
	}
	return free, max(now, earliest)
}

func (l *Link) Charge(ctx context.Context, c *fleet.Charge) (done fleet.Charged, err error) {
	err = l.do(ctx, "Charge", func(s *fleetState, now fleet.Stamp) error {
		if n := s.Nodes[c.Log]; c.Log != "" && (n == nil || n.Tick < c.Tick || s.Recovery != c.Recovery) {
			return fleet.ErrForgotten
		}
		free, stamp := within(now, c.Earliest, c.Latest)
		done = fleet.Charged{Fit: c.Segments, Now: now}
		for i, b := range c.Bounds {
			n, leased := s.count(b.Account, free), s.leased(b.Account, free)
			var fresh [weir.NumWindows]int
			for _, d := range c.Demands {
				if d.Bound != i || d.Segment >= done.Fit {
					continue
				}
				at, known := s.Taken[b.Account][d.Subject]
				for w := range weir.NumWindows {
					if b.Limits[w] == weir.Unbounded {
						continue
					}
					if !known || at <= free.Add(-fleet.Kept(w)) {
						fresh[w]++
					}
					// Who counts may have left in truth: where more count than may, that
					// is no reason to let anybody through.
					if n[w]+leased[w]+fresh[w] > max(b.Limits[w], 0) && d.Segment < done.Fit {
						done.Fit = d.Segment
						done.Over = &meter.Over{Party: b.Party, Lane: b.Lane, Window: w, Limit: b.Limits[w], Free: s.free(b, w, free)}
					}
				}
			}
		}
		for _, d := range c.Demands {
			if d.Segment < done.Fit {
				s.take(c.Bounds[d.Bound].Account, d.Subject, stamp)
			}
		}
		return nil
	})
	return done, err
}

// free gives how long until the oldest customer leaves a window.
func (s *fleetState) free(b fleet.Bound, w weir.Window, now fleet.Stamp) time.Duration {
	edge, oldest := now.Add(-fleet.Kept(w)), fleet.Stamp(0)
	for _, at := range s.Taken[b.Account] {
		if at > edge && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	if oldest == 0 || b.Limits[w] <= 0 {
		return 0
	}
	return max(oldest.Sub(edge), time.Microsecond)
}

func (l *Link) Settle(ctx context.Context, c *fleet.Settlement) (done fleet.Settled, err error) {
	err = l.do(ctx, "Settle", func(s *fleetState, now fleet.Stamp) error {
		n := s.Nodes[c.Log]
		if n == nil {
			return errUnknownNode
		}
		n.Counted = max(n.Counted, c.Counted)
		free, stamp := within(now, c.Earliest, c.Latest)
		done = fleet.Settled{Now: now}
		for _, line := range c.Lines {
			for _, t := range line.Takes {
				at := stamp
				if t.At != 0 {
					at = min(at, t.At)
				}
				s.take(line.Account, t.Subject, at)
			}
			if n.Tick < c.Tick || s.Recovery != c.Recovery {
				line.Want = 0
			}
			done.Leases = append(done.Leases, s.lease(c.Log, &line, now, free))
		}
		return nil
	})
	return done, err
}

func (s *fleetState) lease(log string, line *fleet.Line, now, free fleet.Stamp) fleet.Lease {
	leases := s.Leases[line.Account]
	if leases == nil {
		leases = map[string]*fleetLease{}
		s.Leases[line.Account] = leases
	}
	l := leases[log]
	if l != nil && l.Sealed && l.Ends <= now {
		delete(leases, log)
		l = nil
	}
	if l != nil {
		l.Used = min(max(l.Used, line.Used), l.Granted)
		if l.Ends <= now && line.Want > 0 {
			l.Granted = l.Used // some of it may have ceased to count: it does not come to life again
		}
		if line.Sealed {
			l.Sealed = true
			if l.Ends <= now {
				delete(leases, log)
				l = nil
			}
		}
	}
	if line.Want > 0 && !line.Sealed {
		n, leased := s.count(line.Account, free), s.leased(line.Account, free)
		grant := line.Want
		for w, limit := range line.Limits {
			if limit != weir.Unbounded {
				grant = min(grant, int64(limit-n[w]-leased[w])/fleet.Part)
			}
		}
		if grant = max(grant, 0); l == nil && grant > 0 {
			l = &fleetLease{Granted: line.Used, Used: line.Used}
			leases[log] = l
		}
		if l != nil {
			l.Granted, l.Ends, l.Sealed = l.Granted+grant, now.Add(line.Span), false
		}
	}
	if l == nil {
		return fleet.Lease{}
	}
	return fleet.Lease{Granted: l.Granted, Used: l.Used, Ends: l.Ends}
}

func (l *Link) Usage(ctx context.Context, accounts []fleet.Account) (all []fleet.Usage, err error) {
	err = l.do(ctx, "Usage", func(s *fleetState, now fleet.Stamp) error {
		all = nil
		for _, a := range accounts {
			u := fleet.Usage{
				Taken: s.count(a, now), Leased: s.leased(a, now),
				InHour: s.count(a, now.Add(time.Hour)), InDay: s.count(a, now.Add(24*time.Hour)),
			}
			for w := range weir.NumWindows {
				if w.Duration() <= time.Hour {
					u.InHour[w] = 0
				}
				if w.Duration() <= 24*time.Hour {
					u.InDay[w] = 0
				}
			}
			all = append(all, u)
		}
		return nil
	})
	return all, err
}

func (l *Link) Sweep(ctx context.Context) error {
	return l.do(ctx, "Sweep", func(s *fleetState, now fleet.Stamp) error {
		for a, taken := range s.Taken {
			maps.DeleteFunc(taken, func(_ weir.Subject, at fleet.Stamp) bool { return at <= now.Add(-2*fleet.Kept(weir.Month)) })
			if len(taken) == 0 {
				delete(s.Taken, a)
			}
		}
		return nil
	})
}

package guard

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/shape"
	"github.com/getweir/weir/ledger"
)

// What the traffic held goes to the ledger as entries of kind Coverage: what is new
// soon, and the counts of the rest every hour and at the end, so that a crash costs an
// hour of counts and no first sight of anything. Every finding counts towards its
// class; in which field it was is looked up for the first records of a while and for
// one in so many after them.
const (
	coverPause  = 10 * time.Second
	lookFirst   = 64 // records with findings in a pause whose fields are looked up
	lookOneIn   = 16 // of those beyond
	mostCovered = 2000
	mostFields  = 400 // of one route, role and purpose
	mostKeys    = 50  // different keys of one object: more of them are not names but values
	mostPlaces  = 4096
)

// revealAfter is in records of how many different customers a key must have been met
// before it is written as it is, unless it is made of common words: what stands in
// one customer's records only could be that customer's.
const revealAfter = 3

// coverage is what the traffic has held since New.
type coverage struct {
	mu     sync.RWMutex
	routes map[coverKey]*covered
}

// coverKey tells what is counted apart.
type coverKey struct {
	route, role  string
	purpose      weir.Purpose
	policy, mode string
}

// covered is what one route's answers held, for one role and purpose under one
// policy. A Pass keeps it, so that an exchange looks for it once.
type covered struct {
	key                  coverKey
	exchanges, withheld  atomic.Int64
	read, unread         atomic.Int64
	looked, lookedAtNone atomic.Int32 // records whose fields were looked up in this pause: with findings, and without

	mu      sync.Mutex
	told    bool
	classes []classSeen
	fields  map[uint64]*fieldSeen // by what lookup sums up
	keys    map[uint64]int        // of each object that was met, how many different keys; and each of these
	lost    bool                  // there were more fields
}

type classSeen struct {
	class  weir.Class
	action weir.Action
	n      int
	told   bool
}

// fieldSeen is a field whose name is written as safe until it was met with
// revealAfter customers, and as full then.
type fieldSeen struct {
	class      weir.Class
	action     weir.Action
	safe, full string
	who        [revealAfter]weir.Subject
	met        int
	n          int
	told       bool
}

func (f *fieldSeen) name() string {
	if f.met >= revealAfter {
		return f.full
	}
	return f.safe
}

// sensible reports whether the name is one that will not get better.
func (f *fieldSeen) sensible() bool { return f.met >= revealAfter || f.safe == f.full }

func (f *fieldSeen) meet(s weir.Subject) {
	if f.met >= revealAfter || s == (weir.Subject{}) || slices.Contains(f.who[:f.met], s) {
		return
	}
	f.who[f.met] = s
	f.met++
	if f.met == revealAfter && f.safe != f.full {
		f.told = false // under its own name it is new
	}
}

// beyond is the route under which is counted what there is no room for.
const beyond = "(more)"

// of gives what is counted of a plan.
func (c *coverage) of(k coverKey) *covered {
	c.mu.RLock()
	r := c.routes[k]
	c.mu.RUnlock()
	if r != nil {
		return r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.routes == nil {
		c.routes = map[coverKey]*covered{}
	}
	if len(c.routes) >= mostCovered && c.routes[k] == nil {
		k = coverKey{route: beyond, policy: k.policy, mode: k.mode}
	}
	if r = c.routes[k]; r == nil {
		r = &covered{key: k}
		c.routes[k] = r
	}
	return r
}

// cover finds where the exchange is counted. A route that the policy does not name is
// known by the shape of its path.
func (p *Pass) cover() {
	route := p.plan.Route
	if route == "" {
		var buf [128]byte
		b := append(buf[:0], method(p.exchange.Method)...)
		route = string(shape.AppendPath(append(b, ' '), p.exchange.Path.Reveal()))
	}
	p.covered = p.guard.coverage.of(coverKey{route, p.plan.Role, p.plan.Purpose, p.plan.Version, p.modeText()})
}

// method gives a method that HTTP knows (RFC 9110, section 9, RFC 5789), else {id}.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return shape.ID
}

// modeText says why the policy is not enforced on the exchange; "": it is.
func (p *Pass) modeText() string {
	if p.observe {
		return "observe"
	}
	return ""
}

// sighted takes over what a batch has held: how often each class met each action, and
// of some records, in which fields.
func (p *Pass) sighted(pieces []*piece, counts []ledger.Count) {
	c := p.covered
	if len(counts) > 0 {
		c.count(counts)
	}
	for _, pc := range pieces {
		if pc.withheld != nil && !p.observe {
			c.withheld.Add(1)
			p.guard.withheld.Add(1)
		}
		if len(pc.report.Findings) == 0 && pc.withheld != nil {
			continue // it was not read
		}
		if len(pc.report.Findings) == 0 {
			// One clean record in a while tells which fields there are.
			if c.lookedAtNone.Load() == 0 && c.lookedAtNone.Add(1) == 1 {
				c.look(pc, p.observe)
			}
			continue
		}
		if n := c.looked.Add(1); n <= lookFirst || n%lookOneIn == 0 {
			c.look(pc, p.observe)
		}
	}
}

// closed takes over an exchange that has ended.
func (c *covered) closed(p *Pass) {
	if c == nil {
		return // it was never admitted
	}
	c.exchanges.Add(1)
	c.read.Add(p.read)
	c.unread.Add(p.unread)
}

func (c *covered) count(counts []ledger.Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
next:
	for _, n := range counts {
		for i := range c.classes {
			if s := &c.classes[i]; s.class == n.Class && s.action == n.Action {
				s.n += n.N
				continue next
			}
		}
		c.classes = append(c.classes, classSeen{class: n.Class, action: n.Action, n: n.N})
	}
}

// look finds in which fields of a record its findings are.
func (c *covered) look(pc *piece, observe bool) {
	var who weir.Subject
	if pc.withheld != nil {
		// Nobody has been worked out.
	} else if pc.declared && len(pc.demands) > 0 {
		who = pc.demands[0].Subject
	} else if len(pc.demands) > 0 && len(pc.crowd.people) > 0 && !pc.crowd.people[0].ID.IsZero() {
		who = pc.demands[0].Subject
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := lookup{covered: c, pc: pc, who: who, observe: observe}
	l.fields()
}

// met counts a finding, or a field in which there was none, at a place; name writes
// the place, where it is new.
func (c *covered) met(sum uint64, class weir.Class, action weir.Action, who weir.Subject, name func() (safe, full string)) {
	f := c.fields[sum]
	if f == nil {
		if len(c.fields) >= mostFields {
			c.lost = true
			return
		}
		if c.fields == nil {
			c.fields = map[uint64]*fieldSeen{}
		}
		f = &fieldSeen{class: class, action: action}
		f.safe, f.full = name()
		c.fields[sum] = f
	}
	f.n++
	f.meet(who)
}

// tell gives what has not been told: what is new, or all that was counted.
func (c *covered) tell(whole bool) (all []ledger.Seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked.Store(0)
	c.lookedAtNone.Store(0)
	seen := func() ledger.Seen {
		return ledger.Seen{Route: c.key.route, Role: c.key.role, Purpose: c.key.purpose}
	}
	if n := c.exchanges.Load(); n > 0 && (whole || !c.told) {
		s := seen()
		s.N, s.Read, s.Unread, s.Withheld = int(c.exchanges.Swap(0)), c.read.Swap(0), c.unread.Swap(0), int(c.withheld.Swap(0))
		c.told = true
		all = append(all, s)
	}
	for i := range c.classes {
		k := &c.classes[i]
		if k.n > 0 && (whole || !k.told) {
			s := seen()
			s.Class, s.Action, s.N = k.class, k.action, k.n
			k.n, k.told = 0, true
			all = append(all, s)
		}
	}
	type place struct {
		class  weir.Class
		action weir.Action
		name   string
	}
	places := map[place]int{}
	for _, f := range c.fields {
		if f.n == 0 || !whole && (f.told || !f.sensible()) {
			continue
		}
		places[place{f.class, f.action, f.name()}] += f.n
		f.n, f.told = 0, true
	}
	if c.lost && whole {
		places[place{name: beyond}]++
		c.lost = false
	}
	first := len(all)
	for at, n := range places {
		s := seen()
		s.Class, s.Action, s.Field, s.N = at.class, at.action, at.name, n
		all = append(all, s)
	}
	slices.SortFunc(all[first:], func(a, b ledger.Seen) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Action, b.Action))
	})
	return all
}

// cover writes what the traffic has held to the ledger: what is new, or all.
func (g *Guard) cover(ctx context.Context, whole bool) {
	g.coverage.mu.Lock()
	all := make([]*covered, 0, len(g.coverage.routes))
	for _, c := range g.coverage.routes {
		all = append(all, c)
	}
	g.coverage.mu.Unlock()
	slices.SortFunc(all, func(a, b *covered) int {
		return cmp.Or(cmp.Compare(a.key.policy, b.key.policy), cmp.Compare(a.key.mode, b.key.mode), cmp.Compare(a.key.route, b.key.route),
			cmp.Compare(a.key.role, b.key.role), cmp.Compare(a.key.purpose, b.key.purpose))
	})
	inForce := g.Policy().Version()
	var entries []*ledger.Entry
	for _, c := range all {
		old := c.key.policy != inForce
		seen := c.tell(whole || old)
		if old && len(seen) == 0 {
			// Nothing has come under its policy since the last look.
			g.coverage.mu.Lock()
			delete(g.coverage.routes, c.key)
			g.coverage.mu.Unlock()
		}
		for len(seen) > 0 {
			last := len(entries) - 1
			if last < 0 || entries[last].Policy != c.key.policy || entries[last].Rule != c.key.mode || len(entries[last].Seen) == ledger.MaxSeen {
				entries = append(entries, &ledger.Entry{Kind: ledger.Coverage, Time: g.now(), Policy: c.key.policy, Rule: c.key.mode})
				last++
			}
			n := min(len(seen), ledger.MaxSeen-len(entries[last].Seen))
			entries[last].Seen = append(entries[last].Seen, seen[:n]...)
			seen = seen[n:]
		}
	}
	if len(entries) == 0 {
		return
	}
	if err := g.ledger.Send(ctx, entries...); err != nil && ctx.Err() == nil {
		g.log.Error("ledger did not take what was covered", "err", err)
	}
}

// Withheld gives how many segments were withheld since New.
func (g *Guard) Withheld() int64 { return g.withheld.Load() }

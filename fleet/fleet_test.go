package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
	"github.com/getweir/weir/store/storetest"
)

// memLedger is a ledger in memory that outlives its node.
type memLedger struct {
	node string

	mu      sync.Mutex
	entries []*ledger.Entry
	grown   chan struct{}
}

func newMemLedger(node string) *memLedger {
	return &memLedger{node: node, grown: make(chan struct{})}
}

func (l *memLedger) Append(_ context.Context, entries ...*ledger.Entry) (ledger.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		copied := *e
		if copied.Node == "" {
			copied.Node = l.node
		}
		l.entries = append(l.entries, &copied)
	}
	close(l.grown)
	l.grown = make(chan struct{})
	return ledger.Receipt{}, nil
}

func (l *memLedger) Replay(from int64, each func(int64, *ledger.Entry) error) error {
	l.mu.Lock()
	all := l.entries
	l.mu.Unlock()
	for i := from; i < int64(len(all)); i++ {
		if err := each(i, all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *memLedger) Follow(ctx context.Context, from int64, each func(int64, *ledger.Entry) error) error {
	for {
		l.mu.Lock()
		all, grown := l.entries, l.grown
		l.mu.Unlock()
		for ; from < int64(len(all)); from++ {
			if err := each(from, all[from]); err != nil {
				return err
			}
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// holds gives those in force by the ledger.
func (l *memLedger) holds() (all []policy.Hold) {
	held := map[string]*ledger.Entry{}
	_ = l.Replay(0, func(_ int64, e *ledger.Entry) error {
		ledger.ApplyHold(held, e, time.Unix(0, 0))
		return nil
	})
	for _, e := range held {
		p, _ := weir.ParseParty(e.Party)
		all = append(all, policy.Hold{Party: p, Until: e.Until})
	}
	return all
}

// clocks are of one machine.
type clocks struct{ ticks, wall time.Time }

// world is a deployment whose time stands still until it is told to pass.
type world struct {
	store *storetest.Fleet
	now   time.Time     // true time
	skew  time.Duration // of the store's clock
	nodes []*node
}

type node struct {
	name   string
	ledger *memLedger
	link   *storetest.Link
	fleet  *fleet.Fleet
	clocks *clocks
	world  *world
}

func newWorld(nodes int) *world {
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.store = storetest.NewFleet(func() time.Time { return w.now.Add(w.skew) })
	for i := range nodes {
		name := fmt.Sprintf("node-%d", i+1)
		n := &node{name: name, ledger: newMemLedger(name), link: w.store.Link(), clocks: &clocks{w.now, w.now}, world: w}
		w.nodes = append(w.nodes, n)
	}
	return w
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for _, n := range w.nodes {
		n.clocks.ticks, n.clocks.wall = n.clocks.ticks.Add(d), n.clocks.wall.Add(d)
	}
}

// start begins a process of the node.
func (n *node) start() error {
	var err error
	n.fleet, err = fleet.New(fleet.Config{
		Store: n.link, Ledger: n.ledger, Log: "weir.example/" + n.name, Node: n.name, Leased: 20, Lease: 10 * time.Second,
		Now: func() time.Time { return n.clocks.ticks }, Wall: func() time.Time { return n.clocks.wall },
	})
	if err != nil {
		return err
	}
	n.world.store.HasLog("weir.example/" + n.name)
	if err := n.fleet.Join(context.Background()); err != nil {
		return err
	}
	n.touch()
	return nil
}

func (n *node) touch() { n.fleet.Touch(context.Background(), n.ledger.holds) }

var clear = weir.Lanes(0).With(weir.Clear)

func subject(i int) (s weir.Subject) {
	s[0], s[1] = byte(i>>8)+1, byte(i)
	return s
}

func budget(limits ...int) *weir.Budgets {
	b := new(weir.Budgets)
	for w := range weir.NumWindows {
		b[weir.Clear][w] = limits[min(int(w), len(limits)-1)]
	}
	return b
}

// take asks for customers, one a segment, and releases who was charged: on the
// ledger, and counted by the world's outside.
func (n *node) take(accounts []weir.Account, who ...int) (taken []int, over *meter.Over, d *weir.Denial) {
	var segments [][]meter.Demand
	for _, i := range who {
		segments = append(segments, []meter.Demand{{Subject: subject(i), Lanes: clear}})
	}
	fit, over, d := n.fleet.Charge(context.Background(), accounts, segments)
	if fit == 0 {
		return nil, over, d
	}
	e := &ledger.Entry{Kind: ledger.Release, Time: n.clocks.wall, Principal: n.name}
	if accounts[0].Party.Kind == weir.ByCredential {
		e.Credential = accounts[0].Party.Name
	}
	for _, i := range who[:fit] {
		e.Subjects = append(e.Subjects, ledger.Taken{Subject: subject(i), Lanes: clear})
	}
	_, _ = n.ledger.Append(context.Background(), e)
	return who[:fit], over, d
}

// accounts are of a credential that is shown on every node, of the node, and of all.
func (n *node) accounts(credential, own, all *weir.Budgets) []weir.Account {
	return []weir.Account{
		{Party: weir.Party{Kind: weir.ByCredential, Name: "key:1"}, Budgets: credential},
		{Party: weir.Party{Kind: weir.ByPrincipal, Name: n.name}, Budgets: own},
		{Party: weir.Party{Kind: weir.ByDeployment}, Budgets: all},
	}
}

// received is the outside: who received whom, and when by true time.
type received struct {
	at  time.Time
	who int
}

// most gives the most different customers received in any window, counted at each
// moment at which somebody was.
func most(all []received, window time.Duration) (n int) {
	for end := range all {
		seen := map[int]bool{}
		for i := end; i >= 0 && all[end].at.Sub(all[i].at) < window; i-- {
			seen[all[i].who] = true
		}
		n = max(n, len(seen))
	}
	return n
}

// TestLaw3Fleet has several nodes take from the same budgets, small and leased, while
// nodes are killed and come back, lose the store, lose its answers, sleep and have
// their clocks set; whoever counts outside never counts more than the budget.
func TestLaw3Fleet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(3)
		for _, n := range w.nodes {
			if err := n.start(); err != nil {
				t.Fatal(err)
			}
		}
		small := budget(rapid.IntRange(1, 15).Draw(t, "hour"), 18)
		large := budget(rapid.IntRange(20, 60).Draw(t, "all in an hour"), 80)
		var byKey, byAll []received
		byNode := map[string][]received{}
		steps := rapid.IntRange(20, 120).Draw(t, "steps")
		for range steps {
			n := w.nodes[rapid.IntRange(0, 2).Draw(t, "node")]
			switch rapid.SampledFrom([]string{"take", "take", "take", "take", "touch", "touch", "settle", "pass", "wait", "long", "cut", "mend", "kill", "lose", "wall", "sleep", "sweep"}).Draw(t, "step") {
			case "take":
				if n.fleet == nil {
					continue
				}
				var who []int
				for range rapid.IntRange(1, 6).Draw(t, "batch") {
					who = append(who, rapid.IntRange(0, 150).Draw(t, "who"))
				}
				accounts := n.accounts(small, large, large)
				if rapid.Bool().Draw(t, "not by the key") {
					accounts = accounts[1:]
				}
				taken, _, _ := n.take(accounts, who...)
				for _, i := range taken {
					r := received{w.now, i}
					byAll, byNode[n.name] = append(byAll, r), append(byNode[n.name], r)
					if len(accounts) == 3 {
						byKey = append(byKey, r)
					}
				}
			case "touch":
				for _, n := range w.nodes {
					if n.fleet != nil {
						n.touch()
					}
				}
			case "settle":
				if n.fleet != nil {
					n.fleet.Settle(t.Context())
				}
			case "pass":
				w.pass(time.Duration(rapid.IntRange(1, 900).Draw(t, "ms")) * time.Millisecond)
			case "wait":
				w.pass(time.Duration(rapid.IntRange(1, 120).Draw(t, "s")) * time.Second)
			case "long":
				w.pass(time.Duration(rapid.IntRange(10, 70).Draw(t, "min")) * time.Minute)
			case "cut":
				n.link.Cut(true)
			case "mend":
				n.link.Cut(false)
				n.link.Fail(nil, nil)
			case "kill":
				n.fleet = nil
				if n.link.Cut(false); n.start() != nil {
					n.fleet = nil
				}
			case "lose":
				op := rapid.SampledFrom([]string{"Charge", "Settle", "Sync", "Publish"}).Draw(t, "op")
				n.link.Fail(nil, func(o string) error {
					if o == op {
						return errors.New("the answer was lost")
					}
					return nil
				})
			case "wall":
				n.clocks.wall = n.clocks.wall.Add(time.Duration(rapid.IntRange(-7200, 7200).Draw(t, "s")) * time.Second)
			case "sleep": // all others go on
				d := time.Duration(rapid.IntRange(1, 7200).Draw(t, "s")) * time.Second
				n.clocks.ticks = n.clocks.ticks.Add(-d)
				w.pass(d)
			case "sweep":
				_ = n.link.Sweep(t.Context())
			}
		}
		for _, c := range []struct {
			whose string
			got   []received
			b     *weir.Budgets
		}{{"the credential", byKey, small}, {"the deployment", byAll, large}, {"node 1", byNode["node-1"], large}, {"node 2", byNode["node-2"], large}} {
			for win := range weir.NumWindows {
				if n := most(c.got, win.Duration()); n > c.b[weir.Clear][win] {
					t.Fatalf("%s received %d customers in %s under a budget of %d", c.whose, n, win, c.b[weir.Clear][win])
				}
			}
		}
	})
}

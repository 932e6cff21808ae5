package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

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
	// faulty, if not nil, stands between nodes and store.
	faulty func(fleet.Store) fleet.Store
}

type node struct {
	name   string
	ledger *memLedger
	link   *storetest.Link
	fleet  *fleet.Fleet
	clocks *clocks
	world  *world
	forgot bool
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
	var store fleet.Store = n.link
	if n.world.faulty != nil {
		store = n.world.faulty(store)
	}
	n.fleet, err = fleet.New(fleet.Config{
		Forgot: n.forgot,
		Store:  store, Ledger: n.ledger, Log: "weir.example/" + n.name, Node: n.name, Leased: 20, Lease: 10 * time.Second,
		Now: func() time.Time { return n.clocks.ticks }, Wall: func() time.Time { return n.clocks.wall },
	})
	if err != nil {
		return err
	}
	n.forgot = false
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
	n.world.store.Acknowledge("weir.example/"+n.name, int64(len(n.ledger.entries)))
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
	seeds := uint64(600)
	if text := os.Getenv("SEEDS"); text != "" {
		var err error
		if seeds, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	taken := 0
	for seed := range seeds {
		n, err := play(seed, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		taken += n
	}
	if taken < int(seeds)*20 {
		t.Errorf("only %d takes in %d games: nothing was tried", taken, seeds)
	}
}

// play has chance decide what happens, and gives how many takes there were, and an
// error where a bound did not hold. faulty, if not nil, stands between nodes and store.
func play(seed uint64, faulty func(fleet.Store) fleet.Store) (takes int, err error) {
	r := rand.New(rand.NewPCG(seed, 3))
	ctx := context.Background()
	w := newWorld(3)
	w.faulty = faulty
	for _, n := range w.nodes {
		_, _ = n.ledger.Append(ctx, &ledger.Entry{Kind: ledger.Start, Time: w.now})
		if err := n.start(); err != nil {
			return 0, err
		}
	}
	for _, n := range w.nodes {
		n.touch()
	}
	small := budget(1+r.IntN(12), 14)
	large := budget(20+r.IntN(60), 80)
	var byKey, byAll []received
	byNode := map[string][]received{}
	var backup any
	for range 60 + r.IntN(120) {
		if r.IntN(10) > 0 {
			for _, n := range w.nodes {
				n.touch()
			}
		}
		n := w.nodes[r.IntN(3)]
		switch x := r.IntN(100); {
		case x < 60:
			var who []int
			for range 1 + r.IntN(5) {
				who = append(who, r.IntN(20+r.IntN(150)))
			}
			accounts := n.accounts(small, large, large)
			if r.IntN(4) > 0 {
				accounts = accounts[1:]
			}
			taken, _, _ := n.take(accounts, who...)
			for _, i := range taken {
				one := received{w.now, i}
				byAll, byNode[n.name] = append(byAll, one), append(byNode[n.name], one)
				if len(accounts) == 3 {
					byKey = append(byKey, one)
				}
				takes++
			}
		case x < 70:
			n.fleet.Settle(ctx)
		case x < 76:
			w.pass(time.Duration(1+r.IntN(900)) * time.Millisecond)
		case x < 80:
			w.pass(time.Duration(1+r.IntN(70)) * time.Second)
		case x < 83:
			w.pass(time.Duration(50+r.IntN(15)) * time.Minute)
		case x < 86:
			n.link.Cut(true)
		case x < 89:
			n.link.Cut(false)
			n.link.Fail(nil, nil)
		case x < 92: // kill -9, and a new start
			n.link.Cut(false)
			n.link.Fail(nil, nil)
			if err := n.start(); err != nil {
				return takes, err
			}
		case x < 94:
			op := []string{"Charge", "Settle", "Sync", "Publish"}[r.IntN(4)]
			n.link.Fail(nil, func(o string) error {
				if o == op {
					return errors.New("the answer was lost")
				}
				return nil
			})
		case x < 96:
			// Not in the moment in which it also falls asleep: then nothing could tell it.
			n.clocks.wall = n.clocks.wall.Add(time.Duration(r.IntN(14400)-7200) * time.Second)
			w.pass(1100 * time.Millisecond)
		case x < 98: // it sleeps, and all others go on
			d := time.Duration(1+r.IntN(7200)) * time.Second
			n.clocks.ticks = n.clocks.ticks.Add(-d)
			w.pass(d)
		case x < 99:
			_ = n.link.Sweep(ctx)
		case backup == nil:
			// A node that has heard nothing since cannot know that the store has
			// forgotten; that others do is what helps, a moment later.
			backup = w.store.Backup()
			w.pass(2 * time.Second)
			for _, n := range w.nodes {
				n.link.Cut(false)
				n.link.Fail(nil, nil)

				n.touch()
				n.touch()
			}
		default:
			w.store.Restore(backup)
			backup = nil
			for _, n := range w.nodes {
				n.forgot = true // as its ledger's copy shows, if it begins anew
			}
		}
	}
	for _, c := range []struct {
		whose string
		got   []received
		b     *weir.Budgets
	}{{"the credential", byKey, small}, {"the deployment", byAll, large}, {"node 1", byNode["node-1"], large}, {"node 2", byNode["node-2"], large}} {
		for win := range weir.NumWindows {
			if n := most(c.got, win.Duration()); n > c.b[weir.Clear][win] {
				return takes, fmt.Errorf("%s received %d customers in %s under a budget of %d", c.whose, n, win, c.b[weir.Clear][win])
			}
		}
	}
	return takes, nil
}

package fleet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/ledger"
)

// TestHoldsTravel: what one node holds or lifts, or approves, the others obey, each by
// its own ledger, and nobody writes it twice.
func TestHoldsTravel(t *testing.T) {
	w := newWorld(2)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			if err := n.fleet.Run(ctx, n.ledger.holds); err != nil {
				t.Error(err)
			}
		})
	}
	until := func(n *node, what string, is func(e *ledger.Entry) bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			found := 0
			_ = n.ledger.Replay(0, func(_ int64, e *ledger.Entry) error {
				if is(e) {
					found++
				}
				return nil
			})
			if found == 1 {
				return
			}
			if time.Now().After(deadline) || found > 1 {
				t.Fatalf("%s: %s stands %d times on its ledger", n.name, what, found)
			}
		}
	}
	a, b := w.nodes[0], w.nodes[1]
	append1 := func(n *node, e *ledger.Entry) {
		t.Helper()
		if _, err := n.ledger.Append(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	append1(a, &ledger.Entry{Kind: ledger.Hold, Party: "principal:x", Text: "looks stolen"})
	until(b, "the hold", func(e *ledger.Entry) bool {
		return e.Kind == ledger.Hold && e.Party == "principal:x" && e.Node == "node-1" && e.Text == "looks stolen"
	})
	append1(b, &ledger.Entry{Kind: ledger.Lift, Party: "principal:x", Text: "it was not"})
	until(a, "the lift", func(e *ledger.Entry) bool { return e.Kind == ledger.Lift && e.Node == "node-2" })
	append1(a, &ledger.Entry{Kind: ledger.Request, Rule: ledger.RequestApproved, Party: "principal:x", Asked: &ledger.Asked{ID: [12]byte{7}, Customers: 5}})
	until(b, "the approval", func(e *ledger.Entry) bool {
		return e.Kind == ledger.Request && e.Node == "node-1" && e.Asked.Customers == 5
	})
	if held := a.ledger.holds(); len(held) != 0 {
		t.Errorf("still held: %v", held)
	}
}

// TestOutOfTouch: a node that has not heard for longer than Refresh lets nothing
// through, whatever it has leased, and does again when it hears.
func TestOutOfTouch(t *testing.T) {
	w := newWorld(1)
	n := w.nodes[0]
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	open := budget(1000)
	accounts := []weir.Account{{Party: weir.Party{Kind: weir.ByDeployment}, Budgets: open}}
	n.link.Cut(true)
	w.pass(900 * time.Millisecond)
	n.touch()
	if d := n.fleet.Standing(); d != nil {
		t.Fatalf("closed too early: %v", d)
	}
	w.pass(200 * time.Millisecond)
	if d := n.fleet.Standing(); d == nil || d.Reason != weir.ReasonStore || d.Retry == 0 {
		t.Fatalf("stands by %v", d)
	}
	if got, _, d := n.take(accounts, 1); len(got) != 0 || d == nil {
		t.Fatalf("took %v, %v", got, d)
	}
	n.link.Cut(false)
	n.touch()
	if got, _, d := n.take(accounts, 1); len(got) != 1 {
		t.Fatalf("took %v, %v", got, d)
	}
}

// TestLeaseSavesTheTrip: a node that has leased charges without asking, and is bounded
// by what it leased.
func TestLeaseSavesTheTrip(t *testing.T) {
	w := newWorld(1)
	n := w.nodes[0]
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	charges := 0
	n.link.Fail(func(op string) error {
		if op == "Charge" {
			charges++
		}
		return nil
	}, nil)
	accounts := []weir.Account{{Party: weir.Party{Kind: weir.ByDeployment}, Budgets: budget(3200)}}
	taken := 0
	for i := range 90 {
		got, _, d := n.take(accounts, i)
		if d != nil {
			t.Fatal(d)
		}
		taken += len(got)
		n.fleet.Settle(t.Context())
	}
	if taken != 90 || charges > 3 {
		t.Errorf("%d taken with %d questions", taken, charges)
	}
	// Whoever is told of again asks nothing, of a small budget either.
	small := []weir.Account{{Party: weir.Party{Kind: weir.ByPrincipal, Name: "p"}, Budgets: budget(5)}}
	charges = 0
	for range 20 {
		if got, _, _ := n.take(small, 1); len(got) != 1 {
			t.Fatal("not taken")
		}
	}
	if charges != 1 {
		t.Errorf("%d questions about one customer", charges)
	}
}

// TestGrace: who is taken again without a question counts from then on for a whole
// window.
func TestGrace(t *testing.T) {
	w := newWorld(2)
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	one := []weir.Account{{Party: weir.Party{Kind: weir.ByPrincipal, Name: "p"}, Budgets: budget(1, 10)}}
	a, b := w.nodes[0], w.nodes[1]
	if got, _, _ := a.take(one, 1); len(got) != 1 {
		t.Fatal("not taken")
	}
	w.pass(50 * time.Second)
	a.touch()
	if got, _, _ := a.take(one, 1); len(got) != 1 {
		t.Fatal("not taken again")
	}
	w.pass(time.Hour - time.Second) // less than an hour after the second time
	b.touch()
	if got, over, _ := b.take(one, 2); len(got) != 0 || over == nil {
		t.Fatalf("taken: %v", got)
	}
	w.pass(12 * time.Second)
	b.touch()
	if got, _, _ := b.take(one, 2); len(got) != 1 {
		t.Fatal("the window does not slide")
	}
}

// TestClockJumps: when the store's clock jumps, windows do not empty and nothing is
// leased, until the clocks agree.
func TestClockJumps(t *testing.T) {
	w := newWorld(1)
	n := w.nodes[0]
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	two := []weir.Account{{Party: weir.Party{Kind: weir.ByPrincipal, Name: "p"}, Budgets: budget(2)}}
	large := []weir.Account{{Party: weir.Party{Kind: weir.ByDeployment}, Budgets: budget(3200)}}
	if got, _, _ := n.take(two, 1, 2); len(got) != 2 {
		t.Fatal("not taken")
	}
	w.skew = 2 * time.Hour
	for range 3 {
		w.pass(300 * time.Millisecond)
		n.touch()
	}
	if got, over, d := n.take(two, 3); len(got) != 0 || over == nil {
		t.Errorf("the store's clock was set forward, and %v was taken (%v)", got, d)
	}
	leased := func() int {
		n.take(large, 50)
		n.take(large, 51)
		n.fleet.Settle(t.Context())
		u, err := n.fleet.Usage(t.Context(), []fleet.Account{{Party: weir.Party{Kind: weir.ByDeployment}, Lane: weir.Clear}})
		if err != nil {
			t.Fatal(err)
		}
		return u[0].Leased[weir.Hour]
	}
	if k := leased(); k != 0 {
		t.Errorf("%d leased while the clocks disagree", k)
	}
	w.skew = 0
	w.pass(time.Second)
	n.touch()
	n.take(large, 52)
	if leased() == 0 {
		t.Error("nothing leased when they agree again")
	}
}

// TestStoreForgets: a store that was put back lets nothing through until each node has
// told again; then what was taken counts.
func TestStoreForgets(t *testing.T) {
	w := newWorld(2)
	for _, n := range w.nodes {
		_, _ = n.ledger.Append(t.Context(), &ledger.Entry{Kind: ledger.Start})
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	a, b := w.nodes[0], w.nodes[1]
	a.touch()
	accounts := []weir.Account{{Party: weir.Party{Kind: weir.ByCredential, Name: "key:1"}, Budgets: budget(4)}}
	old := w.store.Backup()
	w.pass(2 * time.Second)
	a.touch()
	b.touch()
	if got, _, _ := a.take(accounts, 1, 2); len(got) != 2 {
		t.Fatal("not taken")
	}
	if got, _, _ := b.take(accounts, 3); len(got) != 1 {
		t.Fatal("not taken")
	}
	w.store.Restore(old)
	b.link.Cut(true) // it comes back later
	if got, _, d := a.take(accounts, 9); len(got) != 0 || d == nil {
		t.Fatalf("taken of a store that has forgotten: %v", got)
	}
	for range 3 {
		w.pass(100 * time.Millisecond)
		a.touch()
	}
	if d := a.fleet.Standing(); d == nil {
		t.Fatal("open, and node 2 has not told")
	}
	b.link.Cut(false)
	for range 3 {
		b.touch()
		a.touch()
	}
	if d := a.fleet.Standing(); d != nil {
		t.Fatal(d)
	}
	if got, over, _ := a.take(accounts, 7, 8); len(got) != 1 || over == nil {
		t.Errorf("%d more under a budget of 4 of which 3 were taken", len(got))
	}
	// Nothing at all is left: the same.
	w.store.Restore(nil)
	for range 4 {
		w.pass(100 * time.Millisecond)
		b.touch()
		a.touch()
	}
	if got, _, d := b.take(accounts, 20); len(got) != 0 {
		t.Errorf("taken of an emptied store: %v, %v", got, d)
	}
}

// TestOtherPolicy: a node with another policy than was loaded last goes on for a moment
// and then lets nothing through; who starts decides nothing for others.
func TestOtherPolicy(t *testing.T) {
	w := newWorld(2)
	version := []string{"p1", "p1"}
	fleets := make([]*fleet.Fleet, 2)
	start := func(i int) {
		t.Helper()
		n := w.nodes[i]
		f, err := fleet.New(fleet.Config{Store: n.link, Ledger: n.ledger, Log: "weir.example/" + n.name, Node: n.name,
			Policy: func() string { return version[i] }, Now: func() time.Time { return n.clocks.ticks }, Wall: func() time.Time { return n.clocks.wall }})
		if err == nil {
			err = f.Join(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		fleets[i] = f
	}
	touch := func() {
		for i, f := range fleets {
			f.Touch(t.Context(), w.nodes[i].ledger.holds)
		}
	}
	start(0)
	start(1)
	touch()
	version[1] = "p2"
	fleets[1].Load()
	touch()
	touch()
	w.pass(500 * time.Millisecond)
	if d := fleets[0].Standing(); d != nil {
		t.Errorf("the file is on its way: %v", d)
	}
	w.pass(11 * time.Second)
	touch()
	if d := fleets[0].Standing(); d == nil || fleets[1].Standing() != nil {
		t.Errorf("%v, %v", d, fleets[1].Standing())
	}
	start(0) // with the old file still
	touch()
	if fleets[0].Standing() == nil || fleets[1].Standing() != nil {
		t.Error("a start decided for others")
	}
	version[0] = "p2"
	touch()
	if d := fleets[0].Standing(); d != nil {
		t.Error(d)
	}
}

// TestNew: what is missing is refused.
func TestNew(t *testing.T) {
	if _, err := fleet.New(fleet.Config{}); err == nil {
		t.Error("made of nothing")
	}
	w := newWorld(1)
	w.nodes[0].link.Fail(func(op string) error {
		if op == "Join" {
			return errors.New("away")
		}
		return nil
	}, nil)
	if err := w.nodes[0].start(); err == nil {
		t.Error("joined a store that is away")
	}
}

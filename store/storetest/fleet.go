package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/ledger"
)

// A Deployment is a store for nodes, of a test's own, and what passes its time: by that
// everything in it is so much older.
type Deployment struct {
	Store fleet.Store
	Pass  func(d time.Duration)
}

func fleetSubject(i int) (s weir.Subject) {
	s[0], s[14], s[15] = 1, byte(i>>8), byte(i)
	return s
}

func fleetBound(name string, limits ...int) fleet.Bound {
	b := fleet.Bound{Account: fleet.Account{Party: weir.Party{Kind: weir.ByCredential, Name: name}, Lane: weir.Clear}}
	for w := range weir.NumWindows {
		b.Limits[w] = limits[min(int(w), len(limits)-1)]
	}
	return b
}

// fleetCharge asks for customers, one a segment, of every bound.
func fleetCharge(bounds []fleet.Bound, who ...int) *fleet.Charge {
	c := &fleet.Charge{Bounds: bounds, Segments: len(who)}
	for seg, i := range who {
		for b := range bounds {
			if slices.Index(who, i) == seg { // with the first only
				c.Demands = append(c.Demands, fleet.Demand{Segment: seg, Bound: b, Subject: fleetSubject(i)})
			}
		}
	}
	return c
}

// FleetStore tests a fleet.Store. open gives an empty one.
func FleetStore(t *testing.T, open func(t *testing.T) Deployment) {
	ctx := context.Background()
	const here, there = "weir.example/node-1", "weir.example/node-2"
	join := func(t *testing.T, d Deployment, logs ...string) {
		t.Helper()
		for _, log := range logs {
			j, err := d.Store.Join(ctx, fleet.Beat{Log: log, Node: log[13:], Policy: "p"})
			if err == nil {
				err = d.Store.Ready(ctx, log, 0, j.Recovery)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	fits := func(t *testing.T, d Deployment, want int, bounds []fleet.Bound, who ...int) fleet.Charged {
		t.Helper()
		done, err := d.Store.Charge(ctx, fleetCharge(bounds, who...))
		if err != nil {
			t.Fatal(err)
		}
		if done.Fit != want || (done.Over == nil) != (want == len(who)) {
			t.Fatalf("%d of %d fit, over %+v; want %d", done.Fit, len(who), done.Over, want)
		}
		return done
	}
	settle := func(t *testing.T, d Deployment, log string, l fleet.Line) fleet.Lease {
		t.Helper()
		done, err := d.Store.Settle(ctx, &fleet.Settlement{Log: log, Recovery: 1, Lines: []fleet.Line{l}})
		if err != nil {
			t.Fatal(err)
		}
		return done.Leases[0]
	}

	t.Run("a customer counts once, and the longest prefix that fits is charged", func(t *testing.T) {
		d := open(t)
		one := []fleet.Bound{fleetBound("a", 3, 10)}
		fits(t, d, 2, one, 1, 2)
		fits(t, d, 4, one, 1, 3, 2, 3)
		done := fits(t, d, 2, one, 3, 1, 4, 2)
		if o := done.Over; o.Party != one[0].Party || o.Lane != weir.Clear || o.Window != weir.Hour || o.Limit != 3 || o.Free <= 50*time.Minute || o.Free > 61*time.Minute {
			t.Errorf("over: %+v", o)
		}
		if off := time.Since(done.Now.At()).Abs(); off > time.Minute && done.Now == 0 {
			t.Errorf("the clock is off by %v", off)
		}
	})

	t.Run("all accounts or none", func(t *testing.T) {
		d := open(t)
		both := []fleet.Bound{fleetBound("a", 5), fleetBound("b", 2)}
		fits(t, d, 2, both, 1, 2, 3)
		fits(t, d, 3, both[:1], 3, 4, 5)
		fits(t, d, 0, both[:1], 6)
		fits(t, d, 0, both, 3)
	})

	t.Run("windows slide", func(t *testing.T) {
		d := open(t)
		b := []fleet.Bound{fleetBound("a", 2, 3, 4)}
		fits(t, d, 2, b, 1, 2)
		d.Pass(40 * time.Minute)
		fits(t, d, 1, b, 1, 3)
		d.Pass(40 * time.Minute) // 1 was taken 40 minutes ago, 2 left the hour
		fits(t, d, 1, b, 3, 4)
		d.Pass(90 * time.Minute)
		fits(t, d, 0, b, 4) // three in the day
		fits(t, d, 2, b, 2, 3)
		d.Pass(25 * time.Hour)
		fits(t, d, 1, b, 4, 5) // four in the month
		d.Pass(31 * 24 * time.Hour)
		fits(t, d, 2, b, 6, 7)
	})

	t.Run("a limit of nothing", func(t *testing.T) {
		d := open(t)
		done := fits(t, d, 0, []fleet.Bound{fleetBound("a", 0)}, 1)
		if done.Over.Free != 0 {
			t.Errorf("waiting does not help, and %v is said", done.Over.Free)
		}
		fits(t, d, 2, []fleet.Bound{fleetBound("a", weir.Unbounded)}, 1, 2)
		fits(t, d, 0, []fleet.Bound{fleetBound("a", 1)}, 1) // more count than may
	})

	t.Run("at once from many sides", func(t *testing.T) {
		d := open(t)
		var mu sync.Mutex
		got := map[int]bool{}
		var wg sync.WaitGroup
		for g := range 6 {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			wg.Go(func() {
				for range 12 {
					b := []fleet.Bound{fleetBound("a", 20), fleetBound(fmt.Sprint("own", g), 100), fleetBound("z", 30)}
					r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
					who := []int{r.IntN(60), 60 + r.IntN(60), 120 + r.IntN(60)}
					done, err := d.Store.Charge(ctx, fleetCharge(b, who...))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, i := range who[:done.Fit] {
						got[i] = true
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(got) != 20 {
			t.Errorf("%d customers under a budget of 20", len(got))
		}
		u, err := d.Store.Usage(ctx, []fleet.Account{fleetBound("a", 1).Account, fleetBound("nobody", 1).Account})
		if err != nil || u[0].Taken[weir.Hour] != 20 || u[0].Taken[weir.Month] != 20 || u[1].Taken[weir.Hour] != 0 {
			t.Errorf("usage %+v, %v", u, err)
		}
	})

	// Whoever comes while another makes the account must not charge beside it.
	t.Run("first charges at once", func(t *testing.T) {
		d := open(t)
		for round := range 40 {
			b := []fleet.Bound{fleetBound(fmt.Sprint("new", round), 5), fleetBound("all", 10000)}
			var got atomic.Int64
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for k := range 2 {
						done, err := d.Store.Charge(ctx, fleetCharge(b, 100*round+2*g+k))
						if err != nil {
							t.Error(err)
							return
						}
						got.Add(int64(done.Fit))
					}
				})
			}
			wg.Wait()
			if got.Load() != 5 {
				t.Fatalf("%d customers under a budget of 5", got.Load())
			}
		}
	})

	t.Run("a lease counts until it has ended", func(t *testing.T) {
		d := open(t)
		join(t, d, here, there)
		b := fleetBound("a", 100)
		l := settle(t, d, here, fleet.Line{Bound: b, Want: 1000, Span: 10 * time.Second})
		if l.Granted != 100/fleet.Part || l.Used != 0 {
			t.Fatalf("granted %+v", l)
		}
		if l2 := settle(t, d, there, fleet.Line{Bound: b, Want: 5, Span: 10 * time.Second}); l2.Granted != 5 {
			t.Fatalf("granted %+v", l2)
		}
		var who []int
		for i := range 80 {
			who = append(who, i)
		}
		fits(t, d, 70, []fleet.Bound{b}, who...)
		// What was taken under it takes its place, and counts once with what others took.
		l = settle(t, d, here, fleet.Line{Bound: b, Used: 3, Takes: []fleet.Take{{Subject: fleetSubject(1)}, {Subject: fleetSubject(200)}, {Subject: fleetSubject(201)}}})
		if l.Used != 3 || l.Granted != 25 {
			t.Fatalf("settled %+v", l)
		}
		fits(t, d, 1, []fleet.Bound{b}, 70, 71)
		// Sealed, it counts on until it has ended; not sealed, as long as anybody who was
		// taken under it.
		settle(t, d, here, fleet.Line{Bound: b, Used: 3, Sealed: true})
		fits(t, d, 0, []fleet.Bound{b}, 71)
		d.Pass(11 * time.Second)
		fits(t, d, 22, []fleet.Bound{b}, append(who[71:], 300, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 312, 313)...)
		d.Pass(62 * time.Minute)
		if got, err := d.Store.Usage(ctx, []fleet.Account{b.Account}); err != nil || got[0].Leased[weir.Hour] != 0 || got[0].Leased[weir.Day] != 5 {
			t.Errorf("%+v, %v", got, err)
		}
		if err := d.Store.Ready(ctx, there, 0, 1); err != nil { // its node has begun anew and told everything
			t.Fatal(err)
		}
		if got, err := d.Store.Usage(ctx, []fleet.Account{b.Account}); err != nil || got[0].Leased[weir.Day] != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})

	t.Run("a lease goes on", func(t *testing.T) {
		d := open(t)
		join(t, d, here)
		b := fleetBound("a", 100)
		settle(t, d, here, fleet.Line{Bound: b, Want: 10, Span: 10 * time.Second})
		l := settle(t, d, here, fleet.Line{Bound: b, Used: 4, Want: 10, Span: 10 * time.Second})
		if l.Granted != 20 || l.Used != 4 {
			t.Fatalf("%+v", l)
		}
		settle(t, d, here, fleet.Line{Bound: b, Used: 6, Sealed: true})
		d.Pass(11 * time.Second)
		// It is gone, and the next has the numbers of its node.
		if l = settle(t, d, here, fleet.Line{Bound: b, Used: 6, Want: 10, Span: 10 * time.Second}); l.Granted != 16 || l.Used != 6 {
			t.Fatalf("%+v", l)
		}
		if l = settle(t, d, here, fleet.Line{Bound: fleetBound("b", 3), Want: 10, Span: time.Second}); l.Granted != 0 {
			t.Fatalf("granted of nothing: %+v", l)
		}
	})

	t.Run("a lease that has ended does not come to life again", func(t *testing.T) {
		d := open(t)
		join(t, d, here)
		b := fleetBound("a", 100)
		settle(t, d, here, fleet.Line{Bound: b, Want: 10, Span: 10 * time.Second})
		d.Pass(2 * time.Hour)
		var who []int
		for i := range 91 {
			who = append(who, i)
		}
		fits(t, d, 90, []fleet.Bound{b}, who...) // it counts in the day still
		if l := settle(t, d, here, fleet.Line{Bound: b, Used: 3, Takes: []fleet.Take{{Subject: fleetSubject(1)}}, Want: 10, Span: 10 * time.Second}); l.Granted != 3+2 || l.Used != 3 {
			t.Fatalf("%+v", l)
		}
	})

	t.Run("what is told twice counts once", func(t *testing.T) {
		d := open(t)
		join(t, d, here)
		b := fleetBound("a", weir.Unbounded)
		now := fits(t, d, 1, []fleet.Bound{b}, 1).Now
		old := now.Add(-2 * time.Hour)
		takes := []fleet.Take{
			{Subject: fleetSubject(1), At: old}, {Subject: fleetSubject(2), At: old}, {Subject: fleetSubject(3)},
			{Subject: fleetSubject(3), At: now}, {Subject: fleetSubject(4), At: now.Add(24 * time.Hour)},
		}
		for range 2 {
			settle(t, d, here, fleet.Line{Bound: b, Takes: takes})
		}
		u, err := d.Store.Usage(ctx, []fleet.Account{b.Account})
		if err != nil || u[0].Taken != [weir.NumWindows]int{weir.Hour: 3, weir.Day: 4, weir.Month: 4} || u[0].InHour[weir.Day] != 4 || u[0].InDay[weir.Month] != 4 || u[0].InHour[weir.Hour] != 0 {
			t.Errorf("%+v, %v", u, err)
		}
	})

	t.Run("acts", func(t *testing.T) {
		d := open(t)
		join(t, d, here, there)
		act := func(party string, until int64, lifts bool) fleet.Act {
			e := &ledger.Entry{Kind: ledger.Hold, Party: party, Text: "because", Time: time.Unix(1, 0).UTC(), Node: "node-1"}
			return fleet.Act{Key: "hold " + party, Until: fleet.Stamp(until), Lifts: lifts, Entry: e}
		}
		publish := func(upto int64, acts ...fleet.Act) {
			t.Helper()
			for i := range acts {
				acts[i].Index = upto - int64(len(acts)-i)
			}
			if err := d.Store.Publish(ctx, here, upto, acts); err != nil {
				t.Fatal(err)
			}
		}
		tick := int64(0)
		news := func(seen int64) fleet.News {
			t.Helper()
			tick++
			n, err := d.Store.Sync(ctx, fleet.Beat{Log: there, Node: "node-2", Tick: tick, Policy: "p", Seen: seen})
			if err != nil {
				t.Fatal(err)
			}
			if n.Before != tick-1 {
				t.Errorf("before tick %d was %d", tick, n.Before)
			}
			return n
		}
		publish(5, act("role:x", 0, false), act("role:y", 1<<60, false))
		n := news(0)
		if len(n.Acts) != 2 || n.Acts[0].Key != "hold role:x" || n.Acts[1].Seq != n.Acts[0].Seq+1 || n.Acts[1].Until != 1<<60 || n.Acts[0].Entry.Text != "because" || n.Acts[0].Entry.Node != "node-1" {
			t.Fatalf("%+v", n.Acts)
		}
		seen := n.Acts[1].Seq
		publish(7, act("role:x", 1<<50, false), act("role:y", 1<<50, false)) // shorter
		if n := news(seen); len(n.Acts) != 0 {
			t.Errorf("shorter holds came: %+v", n.Acts)
		}
		publish(9, act("role:y", 0, false), act("role:x", 0, true))
		if n := news(seen); len(n.Acts) != 2 || n.Acts[0].Until != 0 || !n.Acts[1].Lifts {
			t.Errorf("%+v", n.Acts)
		}
		publish(10, act("role:x", 1<<50, false))
		publish(9, act("role:y", 0, false), act("role:x", 0, true)) // again: the answer was lost
		if n := news(seen); len(n.Acts) != 2 || n.Acts[1].Lifts || n.Acts[1].Until != 1<<50 {
			t.Errorf("%+v", n.Acts)
		}
		j, err := d.Store.Join(ctx, fleet.Beat{Log: here, Node: "node-1", Policy: "p"})
		if err != nil || j.Acts != 10 {
			t.Errorf("%+v, %v", j, err)
		}
		if err := d.Store.Publish(ctx, "weir.example/nobody", 1, nil); err == nil {
			t.Error("a node that did not join has published")
		}
	})

	t.Run("a node is missed until it is ready", func(t *testing.T) {
		d := open(t)
		join(t, d, here, there)
		sync := func() fleet.News {
			t.Helper()
			n, err := d.Store.Sync(ctx, fleet.Beat{Log: here, Node: "node-1", Tick: 1, Policy: "p1"})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		n := sync()
		if len(n.Missing) != 0 || len(n.Nodes) != 2 || n.Nodes[0].Log != here || n.Nodes[1].Node != "node-2" {
			t.Fatalf("%+v", n)
		}
		if n := sync(); n.Nodes[0].Policy != "p1" || n.Before != 1 {
			t.Errorf("%+v", n)
		}
		before := n.Recovery
		if err := d.Store.Recover(ctx, here); err != nil {
			t.Fatal(err)
		}
		n = sync()
		if len(n.Missing) != 2 || n.Recovery == before {
			t.Fatalf("%+v", n)
		}
		if err := d.Store.Ready(ctx, here, 10, n.Recovery); err != nil {
			t.Fatal(err)
		}
		if n = sync(); !slices.Equal(n.Missing, []string{there}) {
			t.Fatalf("%+v", n)
		}
		if err := d.Store.Accept(ctx, there); err != nil {
			t.Fatal(err)
		}
		if n = sync(); len(n.Missing) != 0 {
			t.Fatalf("%+v", n)
		}
		if err := d.Store.Accept(ctx, "weir.example/nobody"); err == nil {
			t.Error("a node that is not known was accepted")
		}
		if j, err := d.Store.Join(ctx, fleet.Beat{Log: here, Node: "node-1", Policy: "p"}); err != nil || j.Counted != 10 || j.Recovery != n.Recovery {
			t.Errorf("%+v, %v", j, err)
		}
		if _, err := d.Store.Settle(ctx, &fleet.Settlement{Log: here, Counted: 12}); err != nil {
			t.Fatal(err)
		}
		if j, err := d.Store.Join(ctx, fleet.Beat{Log: here, Node: "node-1", Policy: "p"}); err != nil || j.Counted != 12 {
			t.Errorf("%+v, %v", j, err)
		}
	})

	t.Run("what was told before is known", func(t *testing.T) {
		d := open(t)
		join(t, d, here)
		c := fleetCharge([]fleet.Bound{fleetBound("a", 5)}, 1, 2)
		c.Log, c.Tick, c.Recovery = here, 3, 1
		if _, err := d.Store.Charge(ctx, c); !errors.Is(err, fleet.ErrForgotten) {
			t.Fatalf("a store that does not know the tick: %v", err)
		}
		s := &fleet.Settlement{Log: here, Tick: 3, Recovery: 1, Lines: []fleet.Line{{Bound: fleetBound("a", 100), Want: 5, Span: time.Minute, Takes: []fleet.Take{{Subject: fleetSubject(9)}}}}}
		if done, err := d.Store.Settle(ctx, s); err != nil || done.Leases[0].Granted != 0 {
			t.Errorf("settled %+v, %v", done, err)
		}
		if _, err := d.Store.Sync(ctx, fleet.Beat{Log: here, Node: "node-1", Tick: 3, Obeyed: 7}); err != nil {
			t.Fatal(err)
		}
		if n, err := d.Store.Sync(ctx, fleet.Beat{Log: here, Node: "node-1", Last: 5, Tick: 6}); err != nil || n.Before != 3 {
			t.Fatalf("%+v, %v", n, err)
		}
		if n, err := d.Store.Sync(ctx, fleet.Beat{Log: here, Node: "node-1", Last: 5, Tick: 6}); err != nil || n.Before != 3 {
			t.Fatalf("what shows that it has forgotten is overwritten: %+v, %v", n, err)
		}
		if done, err := d.Store.Charge(ctx, c); err != nil || done.Fit != 2 {
			t.Fatalf("%+v, %v", done, err)
		}
		if j, err := d.Store.Join(ctx, fleet.Beat{Log: here, Node: "node-1", Last: 3, Tick: 3}); err != nil || j.Recovery != 1 || j.Tick != 3 {
			t.Fatalf("%+v, %v", j, err)
		}
		other := *c
		other.Recovery++
		if _, err := d.Store.Charge(ctx, &other); !errors.Is(err, fleet.ErrForgotten) {
			t.Fatalf("another recovery: %v", err)
		}
		if done, err := d.Store.Settle(ctx, s); err != nil || done.Leases[0].Granted != 5 {
			t.Errorf("settled %+v, %v", done, err)
		}
		if j, err := d.Store.Join(ctx, fleet.Beat{Log: here, Node: "node-1", Policy: "p"}); err != nil || j.Obeyed != 7 {
			t.Errorf("%+v, %v", j, err)
		}
		if j, err := d.Store.Join(ctx, fleet.Beat{Log: here, Node: "node-1", Last: 9, Tick: 9}); err != nil || j.Recovery != 2 || j.Tick != 9 {
			t.Errorf("who knows better joins: %+v, %v", j, err)
		}
	})

	t.Run("the policy of the deployment", func(t *testing.T) {
		d := open(t)
		says := func(want string) {
			t.Helper()
			n, err := d.Store.Sync(ctx, fleet.Beat{Log: here, Node: "node-1", Tick: 1, Policy: "p1"})
			if err != nil || n.Policy != want || n.Loaded == 0 {
				t.Errorf("%q since %d, %v; want %q", n.Policy, n.Loaded, err, want)
			}
		}
		if _, err := d.Store.Join(ctx, fleet.Beat{Log: here, Node: "node-1", Policy: "p1"}); err != nil {
			t.Fatal(err)
		}
		says("p1")
		if _, err := d.Store.Join(ctx, fleet.Beat{Log: there, Node: "node-2", Policy: "p2"}); err != nil {
			t.Fatal(err)
		}
		says("p1") // who joins does not decide for others
		if err := d.Store.Load(ctx, there, "p2"); err != nil {
			t.Fatal(err)
		}
		says("p2")
		d.Pass(2 * fleet.Alive)
		if _, err := d.Store.Join(ctx, fleet.Beat{Log: there, Node: "node-2", Policy: "p3"}); err != nil {
			t.Fatal(err)
		}
		says("p3") // but where no other is alive
	})

	t.Run("what counts no more is swept", func(t *testing.T) {
		d := open(t)
		join(t, d, here)
		b := []fleet.Bound{fleetBound("a", 2)}
		fits(t, d, 2, b, 1, 2)
		settle(t, d, here, fleet.Line{Bound: fleetBound("c", 100), Want: 5, Span: time.Second})
		for range 3 {
			if err := d.Store.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
		}
		fits(t, d, 0, b, 3)
		d.Pass(65 * 24 * time.Hour)
		for range 3 {
			if err := d.Store.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
		}
		fits(t, d, 2, b, 3, 4)
		u, err := d.Store.Usage(ctx, []fleet.Account{b[0].Account, fleetBound("c", 1).Account})
		if err != nil || u[0].Taken[weir.Month] != 2 || u[1].Leased[weir.Month] != 0 {
			t.Errorf("%+v, %v", u, err)
		}
	})

	t.Run("as the model does", func(t *testing.T) {
		for seed := range uint64(2) {
			likeTheModel(t, open(t), seed)
		}
	})
}

// likeTheModel has a store and the one in memory do the same, and say the same.
func likeTheModel(t *testing.T, d Deployment, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 9))
	ctx := context.Background()
	now := time.Now()
	memory := NewFleet(func() time.Time { return now })
	model := memory.Link()
	stores := []fleet.Store{d.Store, model}
	logs := []string{"weir.example/node-1", "weir.example/node-2"}
	for _, s := range stores {
		for _, log := range logs {
			j, err := s.Join(ctx, fleet.Beat{Log: log, Node: log, Policy: "p"})
			if err == nil {
				err = s.Ready(ctx, log, 0, j.Recovery)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	bounds := []fleet.Bound{fleetBound("a", 8, 15, 20), fleetBound("b", 30, 50), fleetBound("c", weir.Unbounded), fleetBound("d", 60, 70)}
	used := map[string]map[int]int64{logs[0]: {}, logs[1]: {}}
	for step := range 80 {
		switch x := r.IntN(10); {
		case x < 5:
			some := slices.Clone(bounds[r.IntN(3) : 3+r.IntN(2)])
			var who []int
			for range 1 + r.IntN(6) {
				who = append(who, r.IntN(70))
			}
			var got [2]fleet.Charged
			for i, s := range stores {
				var err error
				if got[i], err = s.Charge(ctx, fleetCharge(some, who...)); err != nil {
					t.Fatal(err)
				}
			}
			a, b := got[0], got[1]
			if a.Fit != b.Fit || (a.Over == nil) != (b.Over == nil) || a.Over != nil && (a.Over.Party != b.Over.Party || a.Over.Window != b.Over.Window || a.Over.Limit != b.Over.Limit || (a.Over.Free-b.Over.Free).Abs() > 30*time.Second) {
				t.Fatalf("seed %d, step %d: charge %v: %+v %+v, the model %+v %+v", seed, step, who, a, a.Over, b, b.Over)
			}
		case x < 8:
			log := logs[r.IntN(2)]
			s := &fleet.Settlement{Log: log, Recovery: 1}
			for i, b := range bounds {
				if r.IntN(2) == 0 {
					continue
				}
				l := fleet.Line{Bound: b, Span: 10 * time.Minute, Sealed: r.IntN(4) == 0}
				if !l.Sealed && r.IntN(2) == 0 && b.Limits[0] != weir.Unbounded {
					l.Want = int64(r.IntN(10))
				}
				for range r.IntN(3) {
					l.Takes = append(l.Takes, fleet.Take{Subject: fleetSubject(r.IntN(70))})
					used[log][i]++
				}
				l.Used = used[log][i]
				s.Lines = append(s.Lines, l)
			}
			var got [2]fleet.Settled
			for i, st := range stores {
				var err error
				if got[i], err = st.Settle(ctx, s); err != nil {
					t.Fatal(err)
				}
			}
			for i := range s.Lines {
				a, b := got[0].Leases[i], got[1].Leases[i]
				if a.Granted != b.Granted || a.Used != b.Used {
					t.Fatalf("seed %d, step %d: settle %+v: %+v, the model %+v", seed, step, s.Lines[i], a, b)
				}
			}
		case x < 9:
			// Never near the end of a window or lease, since the clocks are not one.
			by := []time.Duration{7 * time.Minute, 23 * time.Minute, 5 * time.Hour, 50 * time.Hour}[r.IntN(4)]
			d.Pass(by)
			now = now.Add(by)
		default:
			for _, s := range stores {
				if err := s.Sweep(ctx); err != nil {
					t.Fatal(err)
				}
			}
			var as []fleet.Account
			for _, b := range bounds {
				as = append(as, b.Account)
			}
			a, err := d.Store.Usage(ctx, as)
			b, berr := model.Usage(ctx, as)
			if err != nil || berr != nil || !slices.Equal(a, b) {
				t.Fatalf("seed %d, step %d: usage %+v, %v; the model %+v", seed, step, a, err, b)
			}
		}
	}
}

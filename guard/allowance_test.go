package guard

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// request is an entry about a request of a principal's, in the lanes clear and
// probed.
func request(rule, principal string, id byte, customers int, until time.Time) *ledger.Entry {
	return &ledger.Entry{
		Kind: ledger.Request, Rule: rule, Party: "principal:" + principal, Until: until,
		Asked: &ledger.Asked{ID: [12]byte{id}, Lanes: weir.Lanes(0).With(weir.Clear).With(weir.Probed), Customers: customers},
	}
}

// says puts an entry on the ledger and has the guard take it over.
func (f *fixture) says(t testing.TB, e *ledger.Entry) {
	t.Helper()
	e.Time = f.now
	if _, err := f.log.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	f.apply(e, f.Guard.now(), 0)
}

// again is a guard that was restarted.
func (f *fixture) again(t testing.TB) *fixture {
	t.Helper()
	g := &fixture{log: f.log, now: f.now}
	var err error
	g.Guard, err = New(Config{Policy: f.Policy(), Inspect: f.rules.Load().inspect, Ledger: f.log, Subjects: f.subjects, Now: func() time.Time { return g.now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g
}

// takes asks for customers one by one, and gives those that came.
func (f *fixture) takes(t testing.TB, x *weir.Exchange, from, n int) (got []int) {
	t.Helper()
	p, denial := f.Admit(t.Context(), x)
	if denial != nil {
		return nil
	}
	var bodies []string
	for i := range n {
		bodies = append(bodies, fmt.Sprintf(`{"id":"c-%d","email":"person%d@example.com"}`, from+i, from+i))
	}
	r := p.Release(t.Context(), records(bodies...))
	for i := range r.Out {
		if r.Out[i] != nil {
			got = append(got, from+i)
		}
	}
	p.Close(t.Context(), Outcome{Status: 200})
	return got
}

// TestAllowance: an approved request lets exactly so many more customers through,
// once, for that principal alone, until it ends; and a restart knows what is left.
func TestAllowance(t *testing.T) {
	f := newFixture(t, Enforce)
	a := exchange("a", "support", "/c")
	if got := f.takes(t, a, 0, 15); len(got) != 10 {
		t.Fatalf("%d within the budget", len(got))
	}
	f.says(t, request(ledger.RequestAsked, "a", 1, 4, f.now.Add(time.Hour)))
	if got := f.takes(t, a, 10, 1); len(got) != 0 {
		t.Fatal("what was only asked for was given")
	}
	f.says(t, request(ledger.RequestApproved, "a", 1, 4, f.now.Add(2*time.Hour)))
	if got := f.takes(t, exchange("b", "support", "/c"), 0, 15); len(got) != 10 {
		t.Errorf("somebody else took %d", len(got))
	}
	if x := f.Exposure(); risk(x, "principal:a").CouldHour != 14 || risk(x, "principal:b").CouldHour != 10 {
		t.Errorf("could take %+v", risk(x, "principal:a"))
	}
	if got := f.takes(t, a, 10, 3); len(got) != 3 {
		t.Errorf("%d of 3 more", len(got))
	}
	if got := f.takes(t, a, 5, 8); len(got) != 8 {
		t.Errorf("who was taken already counts again: %d of 8", len(got))
	}
	f = f.again(t)
	if got := f.takes(t, a, 20, 5); len(got) != 1 {
		t.Errorf("after a restart %d more, of 1 left", len(got))
	}
	f.now = f.now.Add(61 * time.Minute)
	// The hour is over: 10 more, which the 4 beyond take nothing from. Then nothing,
	// though the allowance stands: it is spent.
	if got := f.takes(t, a, 30, 20); len(got) != 10 {
		t.Errorf("%d in the next hour", len(got))
	}
	f.says(t, request(ledger.RequestApproved, "a", 2, 100, f.now.Add(time.Hour)))
	if got := f.takes(t, a, 60, 40); len(got) != 6 {
		t.Errorf("%d up to the ceiling of 30 days", len(got))
	}
	if all := f.Allowances(); len(all) != 2 {
		t.Errorf("in force: %+v", all)
	}
	f.says(t, request(ledger.RequestWithdrawn, "a", 2, 100, time.Time{}))
	f.now = f.now.Add(time.Hour)
	if all := f.Allowances(); len(all) != 0 {
		t.Errorf("in force: %+v", all)
	}

	named := 0 // the record tells what went under which request
	for _, e := range f.log.entries {
		if e.Kind == ledger.Release && e.Asked != nil {
			named += len(e.Subjects)
		}
	}
	if named != 4+6 {
		t.Errorf("%d customers on record as beyond", named)
	}
}

func risk(x Exposure, party string) Risk {
	for _, r := range x.Rows {
		if r.Party.String() == party {
			return r
		}
	}
	return Risk{}
}

// TestAllowanceIsOfItsLanesAndRole: what was approved for names in clear opens no
// card, what was approved in one role nothing in another, and nobody's who is
// charged as well.
func TestAllowanceIsOfItsLanesAndRole(t *testing.T) {
	f := newFixture(t, Enforce)
	f.says(t, request(ledger.RequestApproved, "a", 1, 50, f.now.Add(time.Hour)))
	p := admit(t, f, exchange("a", "support", "/c"))
	r := p.Release(t.Context(), records(`{"id":"c-1","card":"4242 4242 4242 4242"}`, `{"id":"c-2","card":"5555 5555 5555 4444"}`))
	if len(r.Out) != 1 || r.Stop == nil || r.Stop.Lane != weir.Sensitive {
		t.Errorf("%d cards, %+v", len(r.Out), r.Stop)
	}
	in := request(ledger.RequestApproved, "b", 2, 50, f.now.Add(time.Hour))
	in.Role = "bulk"
	f.says(t, in)
	if got := f.takes(t, exchange("b", "support", "/c"), 0, 20); len(got) != 10 {
		t.Errorf("%d in another role", len(got))
	}
	f.says(t, request(ledger.RequestApproved, "c", 3, 50, f.now.Add(time.Hour)))
	through := exchange("c", "support", "/c")
	through.Principal.Act = []string{"somebody"}
	if got := f.takes(t, through, 0, 20); len(got) != 10 {
		t.Errorf("%d through somebody whose own budget is spent", len(got))
	}
	probe := newFixture(t, Enforce)
	probe.says(t, request(ledger.RequestApproved, "a", 1, 2, probe.now.Add(time.Hour)))
	asked := 0
	for i := range 20 {
		if p, denial := probe.Admit(t.Context(), exchange("a", "support", fmt.Sprintf("/c/%d", i))); denial == nil {
			p.Close(t.Context(), Outcome{Status: 404})
			asked++
		}
	}
	if probe = probe.again(t); asked != 12 {
		t.Errorf("%d customers named", asked)
	}
	if _, denial := probe.Admit(t.Context(), exchange("a", "support", "/c/40")); denial == nil {
		t.Error("after a restart one more is named")
	}
}

// TestLaw3WhateverIsApproved: however much is approved, withdrawn and run out, and
// whenever the guard is restarted, what a client received in any hour and day is at
// most its budget and what was approved beside it; the ceiling of 30 days, the
// role's and the deployment's budgets are never passed.
func TestLaw3WhateverIsApproved(t *testing.T) {
	src := strings.Replace(testPolicy, "deployment:\n  take:\n    clear:  {30 days: unbounded}", "deployment:\n  take:\n    clear:  {hour: 70, day: 70, 30 days: 70}", 1)
	p, err := policy.Parse("test", []byte(strings.Replace(src, "  bulk:\n", "    together: {clear: {hour: 28, day: 44, 30 days: 56}, probed: {30 days: unbounded}, masked: {30 days: unbounded}}\n  bulk:\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t, Enforce)
		f.rules.Store(&rules{p, finder})
		type took struct {
			at time.Time
			c  int
		}
		type given struct {
			from, until time.Time
			n           int
		}
		received, approved := map[string][]took{}, map[string][]given{}
		id := byte(0)
		for range rapid.IntRange(5, 30).Draw(rt, "steps") {
			who := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "who")
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0, 1, 2:
				for _, c := range f.takes(t, exchange(who, "support", "/c"), rapid.IntRange(0, 80).Draw(rt, "from"), rapid.IntRange(1, 25).Draw(rt, "n")) {
					received[who] = append(received[who], took{f.now, c})
				}
			case 3:
				id++
				g := given{f.now, f.now.Add(time.Duration(rapid.IntRange(1, 40*60).Draw(rt, "minutes")) * time.Minute), rapid.IntRange(1, 30).Draw(rt, "customers")}
				f.says(t, request(ledger.RequestApproved, who, id, g.n, g.until))
				approved[who] = append(approved[who], g)
			case 4:
				if id > 0 {
					f.says(t, request(ledger.RequestWithdrawn, who, byte(rapid.IntRange(1, int(id)).Draw(rt, "which")), 0, time.Time{}))
				}
			case 5:
				f.now = f.now.Add(time.Duration(rapid.IntRange(1, 30*60).Draw(rt, "pass")) * time.Minute)
			case 6:
				f = f.again(t)
			}
			in := func(who string, w weir.Window) (n int) {
				different := map[int]bool{}
				for _, r := range received[who] {
					if f.now.Sub(r.at) < w.Duration() {
						different[r.c] = true
					}
				}
				return len(different)
			}
			budget := weir.Budget{10, 20, 30}
			for _, who := range []string{"a", "b", "c"} {
				for w := range weir.NumWindows {
					most := budget[w]
					for _, g := range approved[who] {
						if w != weir.Month && f.now.Sub(g.until) < w.Duration() {
							most += g.n
						}
					}
					if n := in(who, w); n > most {
						rt.Fatalf("%s received %d different customers in a window of %s, of %d", who, n, w, most)
					}
				}
			}
			together := map[int]time.Time{}
			for _, all := range received {
				for _, r := range all {
					if r.at.After(together[r.c]) {
						together[r.c] = r.at
					}
				}
			}
			var sum [weir.NumWindows]int
			for _, at := range together {
				for w := range weir.NumWindows {
					if f.now.Sub(at) < w.Duration() {
						sum[w]++
					}
				}
			}
			if sum[weir.Hour] > 28 || sum[weir.Day] > 44 || sum[weir.Month] > 56 {
				rt.Fatalf("the role received %v", sum)
			}
		}
	})
}

// TestLaw3ApprovedInARace: many who take at once under allowances that come and go
// take no more than the budget and what was ever approved.
func TestLaw3ApprovedInARace(t *testing.T) {
	f := newFixture(t, Enforce)
	ctx, cancel := context.WithCancel(t.Context())
	following := make(chan error, 1)
	go func() { following <- f.Run(ctx) }()
	var wg sync.WaitGroup
	var mu sync.Mutex
	received := map[int]bool{}
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				for _, c := range f.takes(t, exchange("a", "support", "/c"), (w*20+i)%40, 2) {
					mu.Lock()
					received[c] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Go(func() {
		for id := range byte(5) {
			rule := ledger.RequestApproved
			if _, err := f.log.Append(ctx, request(rule, "a", id+1, 2, f.now.Add(time.Hour))); err != nil {
				t.Error(err)
			}
			if id%2 == 1 {
				if _, err := f.log.Append(ctx, request(ledger.RequestWithdrawn, "a", id+1, 2, time.Time{})); err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	if len(received) > 10+5*2 || len(received) < 10 {
		t.Errorf("%d different customers", len(received))
	}
	cancel()
	if err := <-following; err != nil {
		t.Error(err)
	}
}

// TestApprovalIsNeeded: a role that needs an approval does nothing without one, and
// where the policy says stop at 100% no approval raises the budget.
func TestApprovalIsNeeded(t *testing.T) {
	f := newFixture(t, Enforce)
	src := strings.Replace(testPolicy, "  support:\n    purposes: [support]\n", "  support:\n    needs: {approval: true}\n    purposes: [support]\n", 1)
	src = strings.Replace(src, "clear:     {hour: 10, day: 20, 30 days: 30}", `clear:     {hour: 10, day: 20, 30 days: 30, "at 100%": stop}`, 1)
	p, err := policy.Parse("test", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	f.rules.Store(&rules{p, f.rules.Load().inspect})
	a := exchange("a", "support", "/c")
	if _, denial := f.Admit(t.Context(), a); denial == nil {
		t.Fatal("admitted without an approval")
	}
	f.says(t, request(ledger.RequestApproved, "a", 1, 5, f.now.Add(time.Hour)))
	if got := f.takes(t, a, 0, 20); len(got) != 10 {
		t.Errorf("%d, and the budget of 10 is not to be raised", len(got))
	}
	if _, denial := f.Admit(t.Context(), exchange("b", "support", "/c")); denial == nil {
		t.Error("somebody else is admitted")
	}
	f.now = f.now.Add(time.Hour)
	if _, denial := f.Admit(t.Context(), a); denial == nil {
		t.Error("admitted after the approval has ended")
	}
}

package meter

import (
	"encoding/binary"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func subject(n int) (s weir.Subject) {
	binary.BigEndian.PutUint64(s[:], uint64(n)+1)
	return s
}

func demand(lane weir.Lane, ns ...int) (d []Demand) {
	for _, n := range ns {
		d = append(d, Demand{subject(n), weir.Lanes(0).With(lane)})
	}
	return d
}

func account(kind weir.PartyKind, name string, hour, day, month int) weir.Account {
	a := weir.Account{Party: weir.Party{Kind: kind, Name: name}, Budgets: new(weir.Budgets)}
	for l := range a.Budgets {
		a.Budgets[l] = weir.Budget{hour, day, month}
	}
	return a
}

// TestChargeStopsAtTheLimit reads as the rules of the meter.
func TestChargeStopsAtTheLimit(t *testing.T) {
	m := New()
	one := []weir.Account{account(weir.ByPrincipal, "agent", 2, 3, 4)}
	charge := func(at time.Duration, n int) bool {
		fit, over := m.Charge(start.Add(at), one, [][]Demand{demand(weir.Clear, n)})
		if (fit == 1) == (over != nil) {
			t.Fatalf("fit %d with over %v", fit, over)
		}
		return fit == 1
	}
	steps := []struct {
		at       time.Duration
		customer int
		want     bool
		why      string
	}{
		{0, 1, true, "the first"},
		{0, 1, true, "the same again is not another customer"},
		{time.Minute, 2, true, "the second"},
		{time.Minute, 3, false, "a third in the hour"},
		{2 * time.Minute, 1, true, "one already taken still passes"},
		{61*time.Minute + time.Second, 3, true, "customer 2 has left the hour; 1, taken again since, has not"},
		{61*time.Minute + time.Second, 4, false, "the hour is full again, and so is the day"},
		{3 * time.Hour, 4, false, "the day is full"},
	}
	for _, s := range steps {
		if got := charge(s.at, s.customer); got != s.want {
			t.Errorf("at %v customer %d: %v, want %v: %s", s.at, s.customer, got, s.want, s.why)
		}
	}
	if !charge(26*time.Hour, 4) || charge(26*time.Hour, 5) && charge(26*time.Hour, 6) {
		t.Error("after a day: one more, and then the 30 days are full")
	}
	if charge(29*24*time.Hour, 7) {
		t.Error("the ceiling of 30 days was passed")
	}
	if !charge(32*24*time.Hour, 7) {
		t.Error("after 30 days the first ones have left")
	}
}

func TestAllPartiesOrNone(t *testing.T) {
	m := New()
	wide, narrow := account(weir.ByPrincipal, "a", 10, 10, 10), account(weir.ByDeployment, "", 1, 1, 1)
	if fit, _ := m.Charge(start, []weir.Account{wide, narrow}, [][]Demand{demand(weir.Clear, 1), demand(weir.Clear, 2)}); fit != 1 {
		t.Fatalf("fit %d, want the prefix of 1", fit)
	}
	if u := m.Usage(start, wide.Party, weir.Clear, 0); u.Taken[weir.Hour] != 1 {
		t.Errorf("the wide party was charged %d although the narrow one refused", u.Taken[weir.Hour])
	}
	// A segment of two customers with room for one is refused whole.
	if fit, over := m.Charge(start, []weir.Account{account(weir.ByPrincipal, "b", 1, 1, 1)}, [][]Demand{demand(weir.Clear, 1, 2)}); fit != 0 || over.Limit != 1 {
		t.Errorf("fit %d over %+v", fit, over)
	}
}

// TestOnePartyTwice: a party that is named twice, as by two actors of one name,
// is one party.
func TestOnePartyTwice(t *testing.T) {
	m := New()
	twice := []weir.Account{account(weir.ByActor, "erin", 2, 2, 2), account(weir.ByActor, "erin", 2, 2, 2)}
	for i := range 4 {
		fit, _ := m.Charge(start, twice, [][]Demand{demand(weir.Clear, i)})
		if want := i < 2; (fit == 1) != want {
			t.Errorf("customer %d: fit %d", i, fit)
		}
	}
}

func TestZeroLimitLetsNothingThrough(t *testing.T) {
	m := New()
	_, over := m.Charge(start, []weir.Account{{Party: weir.Party{Kind: weir.ByRole}}}, [][]Demand{demand(weir.Masked, 1)})
	if over == nil || over.Free != 0 {
		t.Errorf("over %+v", over)
	}
	if fit, over := m.Charge(start, []weir.Account{{Party: weir.Party{Kind: weir.ByRole}}}, [][]Demand{nil, nil}); fit != 2 || over != nil {
		t.Error("segments without customers are free")
	}
}

type key struct {
	party weir.Party
	lane  weir.Lane
}

// model is the obvious meter: every release remembered, every count computed.
type model struct {
	taken map[key]map[weir.Subject]time.Time
}

func (m *model) count(k key, now time.Time, w weir.Window) (n int) {
	for _, at := range m.taken[k] {
		if now.Sub(at) <= w.Duration() {
			n++
		}
	}
	return n
}

// TestAgainstModel charges at random and compares each decision and each count
// with the obvious implementation.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, ref := New(), model{map[key]map[weir.Subject]time.Time{}}
		accounts := []weir.Account{
			account(weir.ByPrincipal, "p", 3, 5, 8),
			account(weir.ByRole, "r", 4, weir.Unbounded, 9),
			account(weir.ByDeployment, "", 6, 7, 10),
		}
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 600, 3600, 20000, 86400, 700000}).Draw(t, "wait")) * time.Second)
			if rapid.IntRange(0, 9).Draw(t, "sweep") == 0 {
				m.Sweep(now)
			}
			use := accounts[rapid.IntRange(0, 2).Draw(t, "from"):]
			lane := weir.Lane(rapid.IntRange(0, int(weir.NumLanes)-1).Draw(t, "lane"))
			customers := rapid.SliceOfNDistinct(rapid.IntRange(0, 14), 1, 3, rapid.ID[int]).Draw(t, "customers")
			want := true
			for _, a := range use {
				k := key{a.Party, lane}
				for w := range weir.NumWindows {
					fresh := 0
					for _, c := range customers {
						if at, ok := ref.taken[k][subject(c)]; !ok || now.Sub(at) > w.Duration() {
							fresh++
						}
					}
					if l := a.Budgets[lane][w]; l != weir.Unbounded && fresh > 0 && ref.count(k, now, w)+fresh > l {
						want = false
					}
				}
			}
			fit, over := m.Charge(now, use, [][]Demand{demand(lane, customers...)})
			if (fit == 1) != want {
				t.Fatalf("charge of %v: fit %d (%+v), want %v", customers, fit, over, want)
			}
			if want {
				for _, a := range use {
					k := key{a.Party, lane}
					if ref.taken[k] == nil {
						ref.taken[k] = map[weir.Subject]time.Time{}
					}
					for _, c := range customers {
						ref.taken[k][subject(c)] = now
					}
				}
			}
			for _, a := range accounts {
				for l := range weir.NumLanes {
					u := m.Usage(now, a.Party, l, time.Hour)
					for w := range weir.NumWindows {
						if got, want := u.Taken[w], ref.count(key{a.Party, l}, now, w); got != want {
							t.Fatalf("%v %v %v: counted %d, want %d", a.Party, l, w, got, want)
						}
						stay := 0
						for _, at := range ref.taken[key{a.Party, l}] {
							if now.Add(time.Hour).Sub(at) <= w.Duration() {
								stay++
							}
						}
						if u.Staying[w] != stay {
							t.Fatalf("%v %v %v: %d staying, want %d", a.Party, l, w, u.Staying[w], stay)
						}
					}
				}
			}
		}
	})
}

// TestCrowdAgainstModel: what is counted by the minute is never less than the
// obvious implementation counts, and never more than it would with windows a
// minute longer.
func TestCrowdAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, ref := New(), model{map[key]map[weir.Subject]time.Time{}}
		m.exact = rapid.IntRange(0, 4).Draw(t, "exact")
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		a := []weir.Account{account(weir.ByRole, "r", limit, 2*limit, 3*limit)}
		k := key{a[0].Party, weir.Clear}
		ref.taken[k] = map[weir.Subject]time.Time{}
		within := func(now time.Time, w weir.Window, longer time.Duration) (n int) {
			for _, at := range ref.taken[k] {
				if now.Sub(at) <= w.Duration()+longer {
					n++
				}
			}
			return n
		}
		now := start
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 29, 60, 600, 3540, 3600, 86400, 700000, 1500000, 2592000, 3932160, 6000000}).Draw(t, "wait")) * time.Second)
			c := rapid.IntRange(0, 30).Draw(t, "customer")
			allowed, mustFit := true, true
			for w := range weir.NumWindows {
				at, known := ref.taken[k][subject(c)]
				if (!known || now.Sub(at) > w.Duration()) && within(now, w, 0)+1 > a[0].Budgets[weir.Clear][w] {
					allowed = false
				}
				if (!known || now.Sub(at) > w.Duration()) && within(now, w, time.Minute)+1 > a[0].Budgets[weir.Clear][w] {
					mustFit = false
				}
			}
			fit, over := m.Charge(now, a, [][]Demand{demand(weir.Clear, c)})
			// While a party becomes a crowd, some of those who have just left are counted
			// again, and more may be refused.
			if fit == 1 && !allowed || fit == 0 && mustFit && m.exact == 0 {
				t.Fatalf("customer %d at %v: fit %d (%+v)", c, now.Sub(start), fit, over)
			}
			if over != nil && over.Free > 0 {
				// Waiting as long as it says does help.
				if n := m.Usage(now.Add(over.Free), a[0].Party, weir.Clear, 0).Taken[over.Window]; m.exact == 0 && n >= over.Limit {
					t.Fatalf("after %v there are still %d in %v", over.Free, n, over.Window)
				}
				now = now.Add(over.Free)
			}
			if fit == 1 {
				ref.taken[k][subject(c)] = now
			}
			u := m.Usage(now, a[0].Party, weir.Clear, time.Hour)
			for w := range weir.NumWindows {
				if n := u.Taken[w]; n < within(now, w, 0) || n > within(now, w, time.Minute) {
					t.Fatalf("%v: counted %d, want %d to %d", w, n, within(now, w, 0), within(now, w, time.Minute))
				}
				later := now.Add(time.Hour)
				most := min(within(later, w, time.Minute), u.Taken[w])
				if n := u.Staying[w]; n < within(later, w, 0) || n > most {
					t.Fatalf("%v: %d staying, want %d to %d", w, n, within(later, w, 0), most)
				}
			}
		}
	})
}

// TestJoin: a party that becomes a crowd keeps its counts, and leaves the numbers
// of its customers to the others.
func TestJoin(t *testing.T) {
	m := New()
	m.exact = 100
	large, small := account(weir.ByRole, "r", 1000, 1000, 1000), account(weir.ByPrincipal, "p", 1000, 1000, 1000)
	for i := range 300 {
		who := []weir.Account{large}
		if i%10 == 0 {
			who = append(who, small)
		}
		at := start.Add(time.Duration(i) * time.Minute)
		if fit, _ := m.Charge(at, who, [][]Demand{demand(weir.Clear, i, i+1), demand(weir.Clear, i)}); fit != 2 {
			t.Fatalf("customer %d: fit %d", i, fit)
		}
		if n := m.Usage(at, large.Party, weir.Clear, 0).Taken; n[weir.Day] != i+2 || n[weir.Hour] < min(i+2, 62) || n[weir.Hour] > min(i+2, 63) {
			t.Fatalf("after %d: %v", i, n)
		}
	}
	if n := m.Usage(start.Add(5*time.Hour), small.Party, weir.Clear, 0).Taken[weir.Month]; n != 60 {
		t.Errorf("the small party has %d", n)
	}
	if len(m.names.ids) != 60 {
		t.Errorf("%d customers have numbers", len(m.names.ids))
	}
	m.Sweep(start.Add(32 * 24 * time.Hour))
	if len(m.Parties()) != 0 || len(m.names.ids) != 0 {
		t.Errorf("%d parties and %d customers kept", len(m.Parties()), len(m.names.ids))
	}
}

// TestClockNeverRunsBack: neither a clock set back nor one far ahead opens a window.
func TestClockNeverRunsBack(t *testing.T) {
	m := New()
	a := []weir.Account{account(weir.ByPrincipal, "p", 1, 1, 1)}
	m.Charge(start, a, [][]Demand{demand(weir.Clear, 1)})
	for _, now := range []time.Time{start.Add(-48 * time.Hour), time.Unix(0, 0), {}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if fit, _ := m.Charge(now, a, [][]Demand{demand(weir.Clear, 2)}); fit != 0 {
			t.Errorf("the clock at %v opened the window", now)
		}
	}
}

// TestLaw3ALoweredLimit: after a limit was lowered nobody passes until the window is
// within it again. If those who were taken before went on passing, they would stay in
// the window, and keep it above its limit, for as long as somebody asks.
func TestLaw3ALoweredLimit(t *testing.T) {
	for _, exact := range []int{maxExact, 0} { // by the second, and by the minute
		m := New()
		m.exact = exact
		wide, narrow := []weir.Account{account(weir.ByPrincipal, "p", 4, 9, 9)}, []weir.Account{account(weir.ByPrincipal, "p", 2, 9, 9)}
		charge := func(after time.Duration, a []weir.Account, n int) bool {
			fit, _ := m.Charge(start.Add(after), a, [][]Demand{demand(weir.Clear, n)})
			return fit == 1
		}
		for n := range 4 {
			if !charge(time.Duration(n)*20*time.Minute, wide, n) {
				t.Fatalf("customer %d of 4 does not pass", n)
			}
		}
		if charge(61*time.Minute, narrow, 3) || charge(61*time.Minute, narrow, 4) {
			t.Error("three are in the window of two, and another passes, or one again")
		}
		if !charge(85*time.Minute, narrow, 3) {
			t.Error("two are left in the window of two, and one of them does not pass again")
		}
		if charge(85*time.Minute, narrow, 4) {
			t.Error("a third passes in the window of two")
		}
	}
}

// TestRestoreEqualsCharge: what is put back counts as it did.
func TestRestoreEqualsCharge(t *testing.T) {
	a := []weir.Account{account(weir.ByPrincipal, "p", 5, 5, 5)}
	live, restored := New(), New()
	for i := range 5 {
		at := start.Add(time.Duration(i) * 10 * time.Minute)
		live.Charge(at, a, [][]Demand{demand(weir.Clear, i)})
		restored.Restore(at, []weir.Party{a[0].Party}, demand(weir.Clear, i))
	}
	now := start.Add(65 * time.Minute)
	if l, r := live.Usage(now, a[0].Party, weir.Clear, time.Hour), restored.Usage(now, a[0].Party, weir.Clear, time.Hour); l != r {
		t.Errorf("live %+v, restored %+v", l, r)
	}
}

func TestSweepForgets(t *testing.T) {
	m := New()
	for i := range 1000 {
		m.Restore(start, []weir.Party{{Kind: weir.ByCredential, Name: strconv.Itoa(i)}}, demand(weir.Clear, i))
	}
	m.Sweep(start.Add(31 * 24 * time.Hour))
	if len(m.Parties()) != 0 || len(m.names.ids) != 0 {
		t.Errorf("%d parties and %d customers kept", len(m.Parties()), len(m.names.ids))
	}
}

// TestBoundUnderConcurrency: many goroutines at the edge of one budget.
func TestBoundUnderConcurrency(t *testing.T) {
	m := New()
	accounts := []weir.Account{account(weir.ByCredential, "stolen", 100, 100, 100), account(weir.ByDeployment, "", 1000, 1000, 1000)}
	var released atomic.Int64
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for i := range 100 {
				fit, _ := m.Charge(start, accounts, [][]Demand{demand(weir.Clear, g*100+i)})
				released.Add(int64(fit))
			}
		})
	}
	wg.Wait()
	if released.Load() != 100 {
		t.Errorf("%d released under a budget of 100", released.Load())
	}
}

func benchAccounts(n int) (as []weir.Account) {
	for k := range n {
		as = append(as, account(weir.PartyKind(k), "party-of-the-benchmark", weir.Unbounded, weir.Unbounded, weir.Unbounded))
	}
	return as
}

// BenchmarkCharge is the cost of charging one customer to one and to six parties.
func BenchmarkCharge(b *testing.B) {
	for _, parties := range []int{1, 6} {
		b.Run(strconv.Itoa(parties), func(b *testing.B) {
			m, as := New(), benchAccounts(parties)
			batch := [][]Demand{demand(weir.Clear, 0)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				batch[0][0].Subject = subject(i % 10000)
				m.Charge(start.Add(time.Duration(i)*time.Millisecond), as, batch)
			}
		})
	}
}

// BenchmarkCrowd is the cost of charging one customer to a service that takes a
// million, and the memory of its window.
func BenchmarkCrowd(b *testing.B) {
	const customers = 1_000_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, as := New(), benchAccounts(1)
	for i := range customers {
		m.Restore(start.Add(time.Duration(i)*time.Millisecond), []weir.Party{as[0].Party}, demand(weir.Clear, i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	batch := [][]Demand{demand(weir.Clear, 0)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		batch[0][0].Subject = subject(i * 7919 % customers)
		m.Charge(start.Add(time.Hour+time.Duration(i)*time.Millisecond), as, batch)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
	runtime.KeepAlive(m)
}

// BenchmarkMemory reports the bytes that a principal with 200 customers costs.
func BenchmarkMemory(b *testing.B) {
	const principals = 2000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := New()
		for p := range principals {
			party := []weir.Party{{Kind: weir.ByPrincipal, Name: strconv.Itoa(p)}}
			for c := range 200 {
				m.Restore(start, party, demand(weir.Clear, (p*7+c)%5000))
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/principals, "B/principal")
		runtime.KeepAlive(m)
	}
}

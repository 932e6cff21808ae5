package guard

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// machine is what a restart finds: a clock that anybody may have set, and a boot with
// its uptime.
type machine struct {
	boot string
	up   time.Duration
	log  Ledger
}

// start begins a guard on the ledger of f, at f's clock.
func (f *fixture) start(t testing.TB, m *machine) *fixture {
	t.Helper()
	again := newFixture(t, Enforce)
	again.now, again.log = f.now, f.log
	rules := f.rules.Load()
	var log Ledger = f.log
	if m.log != nil {
		log = m.log
	}
	var err error
	again.Guard, err = New(Config{
		Policy: rules.policy, Inspect: rules.inspect, Ledger: log, Subjects: f.subjects,
		Now: func() time.Time { return again.now }, Uptime: func() (string, time.Duration) { return m.boot, m.up },
	})
	if err == nil {
		err = again.Restore(t.Context())
	}
	if err == nil {
		err = again.Begin(t.Context(), "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// receives tells how many of n customers from one on an agent receives.
func (f *fixture) receives(from, n int) (taken int) {
	for i := from; i < from+n; i++ {
		p, denial := f.Admit(context.Background(), exchange("a", "support", "/c"))
		if denial != nil {
			continue
		}
		taken += len(p.Release(context.Background(), records(bodyOf(i))).Out)
		p.Close(context.Background(), Outcome{Status: 200})
	}
	return taken
}

// TestLaw3AClockThatIsSetOverARestart: time passes for the windows as far as the
// machine's uptime vouches for it, whatever its clock says.
func TestLaw3AClockThatIsSetOverARestart(t *testing.T) {
	for _, c := range []struct {
		what    string
		by      time.Duration // what the clock shows more at the start
		passed  time.Duration // what the uptime shows more
		reboots bool
		want    int // customers of five
		later   time.Duration
		then    int // of five more
	}{
		{"set forward by two hours", 2 * time.Hour, time.Minute, false, 0, 60 * time.Minute, 5},
		{"set forward by forty days", 40 * 24 * time.Hour, time.Minute, false, 0, 58 * time.Minute, 0},
		{"set back by a day, after a minute", -24 * time.Hour, time.Minute, false, 0, 60 * time.Minute, 5},
		{"set back by a day, after two hours", -24 * time.Hour, 2 * time.Hour, false, 5, 0, 5},
		{"two hours have passed", 2 * time.Hour, 2 * time.Hour, false, 5, 0, 5},
		{"the machine was off, or says so", 2 * time.Hour, 0, true, 0, 61 * time.Minute, 5},
		{"the machine was off, and its clock is behind", -2 * time.Hour, 0, true, 0, 61 * time.Minute, 5},
	} {
		t.Run(c.what, func(t *testing.T) {
			m := &machine{boot: "a", up: time.Hour}
			f := newFixture(t, Enforce).start(t, m)
			if n := f.receives(0, 12); n != 10 {
				t.Fatalf("%d customers under a budget of 10", n)
			}
			for range 3 { // a few restarts more change nothing
				f = f.start(t, m)
			}
			f.now = f.now.Add(c.by)
			if m.up += c.passed; c.reboots {
				m.boot, m.up = "b", time.Minute
			}
			f = f.start(t, m)
			if n := f.receives(20, 5); n != c.want {
				t.Errorf("%d customers after the restart, want %d", n, c.want)
			}
			f.now, m.up = f.now.Add(c.later), m.up+c.later
			f = f.start(t, m)
			if n := f.receives(40, 5); n != c.then {
				t.Errorf("%d customers %v later, want %d", n, c.later, c.then)
			}
		})
	}
}

// TestLaw3AHoldLasts: a hold of an hour lasts an hour, if the clock is set forward over
// a restart.
func TestLaw3AHoldLasts(t *testing.T) {
	m := &machine{boot: "a", up: time.Hour}
	f := newFixture(t, Enforce).start(t, m)
	f.receives(0, 1)
	hold := &ledger.Entry{Kind: ledger.Hold, Time: f.now, Until: f.now.Add(time.Hour), Party: "principal:a", Text: "looked at"}
	if _, err := f.log.Append(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
	f.now, m.up = f.now.Add(30*time.Hour), m.up+20*time.Minute
	f = f.start(t, m)
	if n := f.receives(1, 2); n != 0 || len(f.Holds()) != 1 {
		t.Errorf("%d customers after 20 minutes of a hold of an hour; held: %v", n, f.Holds())
	}
	f.now = f.now.Add(41 * time.Minute)
	if n := f.receives(1, 2); n != 2 {
		t.Errorf("%d customers after the hold, want 2", n)
	}
}

// slow is a ledger that takes its time.
type slow struct {
	*memory
	takes func()
}

func (s *slow) Append(ctx context.Context, entries ...*ledger.Entry) (ledger.Receipt, error) {
	r, err := s.memory.Append(ctx, entries...)
	s.takes()
	return r, err
}

// TestLaw3ASlowLedger: a window counts from when somebody was received, however long
// recording took, and after a restart, too. What took very long is withheld.
func TestLaw3ASlowLedger(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		m := &machine{boot: "a", up: time.Hour}
		f := newFixture(t, Enforce)
		var takes time.Duration
		log := &slow{memory: f.log}
		m.log = log
		log.takes = func() {}
		f = f.start(t, m)
		log.takes = func() { f.now, m.up = f.now.Add(takes), m.up+takes }
		takes = 16 * time.Second
		if n := f.receives(0, 1); n != 0 {
			t.Error("what was recorded after 16 seconds was released")
		}
		takes = 14 * time.Second
		if n := f.receives(0, 1); n != 1 {
			t.Error("what was recorded after 14 seconds was withheld")
		}
		received := f.now
		takes = 0
		if n := f.receives(1, 9); n != 9 {
			t.Fatalf("%d more customers, want 9", n)
		}
		pass := func(to time.Time) {
			if d := to.Sub(f.now); restarts {
				f.now, m.up = to, m.up+d
				f = f.start(t, m)
			} else {
				f.now = to
			}
		}
		pass(received.Add(time.Hour - time.Second))
		if n := f.receives(20, 1); n != 0 {
			t.Errorf("restarts %v: an eleventh within an hour of when the first was received", restarts)
		}
		pass(received.Add(time.Hour + latest + 2*time.Second))
		if n := f.receives(20, 1); n != 1 {
			t.Errorf("restarts %v: none after the hour", restarts)
		}
	}
}

// TestLaw3ALateAnswer: whoever is asked for is learned of when the answer comes.
func TestLaw3ALateAnswer(t *testing.T) {
	f := newFixture(t, Enforce)
	var early []*Pass
	for i := range 10 {
		early = append(early, admit(t, f, exchange("a", "support", fmt.Sprintf("/c/c-%d", i))))
	}
	f.now = f.now.Add(61 * time.Minute)
	for i := range 10 {
		p := admit(t, f, exchange("a", "support", fmt.Sprintf("/c/c-%d", 50+i)))
		p.Answered(true)
		if r := p.Release(t.Context(), records(`{"error":"nobody"}`)); r.Stop != nil {
			t.Fatalf("the answer about customer %d: %v", i, r.Stop)
		}
	}
	for i, p := range early {
		p.Answered(true)
		if r := p.Release(t.Context(), records(`{"error":"nobody"}`)); r.Stop == nil || r.Stop.Lane != weir.Probed {
			t.Errorf("the late answer %d is one more than ten in an hour, and came: %v", i, r.Stop)
		}
	}
}

// FuzzReading holds the text of a reading to what it was made of.
func FuzzReading(f *testing.F) {
	for _, text := range []string{"", "up/a/1", "up/5f0c-22/9223372036854775807", "up//1", "up/a/-1", "up/a", "up/a/1/2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		boot, up := parseReading(text)
		if up < 0 || boot == "" && up != 0 {
			t.Fatalf("%q: %q, %v", text, boot, up)
		}
		if b, u := parseReading(reading(boot, up)); b != boot || u != up {
			t.Fatalf("%q and %v come back as %q and %v", boot, up, b, u)
		}
	})
}

// TestTheMachineVouches: on this system the uptime can be told, and goes on.
func TestTheMachineVouches(t *testing.T) {
	boot, up := machineUptime()
	again, later := machineUptime()
	if boot == "" {
		if up != 0 || later != 0 {
			t.Errorf("an uptime without a boot: %v", up)
		}
		return // another system
	}
	if again != boot || later < up || up <= 0 {
		t.Errorf("boot %q at %v, then %q at %v", boot, up, again, later)
	}
}

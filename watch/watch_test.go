package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	rules = policy.WatchRules{
		BudgetSpent: policy.BudgetSpent{Hold: 15 * time.Minute},
		IDWalking:   policy.IDWalking{Strangers: 5, Within: time.Minute, Hold: time.Hour},
	}
)

// spent is what the guard writes when the party's budget ended an exchange.
func spent(at time.Duration, credential, principal, party string) *ledger.Entry {
	return &ledger.Entry{
		Kind: ledger.Denied, Time: noon.Add(at), Credential: credential, Principal: principal,
		PrincipalKind: weir.Staff, Role: "support", Network: "office",
		Reason: weir.ReasonBudget, Party: party, Exchange: weir.ExchangeID{1, byte(at / time.Second)},
	}
}

// probe is what the guard writes when a customer asked for another's record.
func probe(at time.Duration, principal string, stranger byte) *ledger.Entry {
	return &ledger.Entry{
		Kind: ledger.Denied, Time: noon.Add(at), Credential: "k-" + principal, Principal: principal,
		PrincipalKind: weir.Customer, Role: "customer", Network: "world", Reason: weir.ReasonNotOwn,
		Exchange: weir.ExchangeID{2, stranger, byte(at / time.Second), byte(at / time.Hour)},
		Subjects: []ledger.Taken{{Subject: weir.Subject{stranger}, Lanes: weir.Lanes(0).With(weir.Probed)}},
	}
}

func lift(at time.Duration, party string) *ledger.Entry {
	return &ledger.Entry{Kind: ledger.Lift, Time: noon.Add(at), Party: party}
}

// say writes entries one a line, without what their cause says anyway.
func say(entries []*ledger.Entry) (lines []string) {
	for _, e := range entries {
		line := fmt.Sprintf("%s %s %s %s", e.Time.Sub(noon), e.Kind, e.Rule, e.Party)
		if !e.Until.IsZero() {
			line += fmt.Sprint(" until ", e.Until.Sub(noon))
		}
		lines = append(lines, line)
	}
	return lines
}

// detect gives what the entries call for.
func detect(rules policy.WatchRules, entries ...*ledger.Entry) (raised []*ledger.Entry) {
	d := newDetector(rules, "a")
	for _, e := range entries {
		raised = append(raised, d.observe(e)...)
	}
	return raised
}

func TestRules(t *testing.T) {
	const s = time.Second
	walk := func(from time.Duration, principal string, strangers ...byte) (all []*ledger.Entry) {
		for i, n := range strangers {
			all = append(all, probe(from+time.Duration(i)*s, principal, n))
		}
		return all
	}
	alertOnly := rules
	alertOnly.BudgetSpent.Hold, alertOnly.IDWalking.Hold = 0, 0
	for _, c := range []struct {
		name    string
		rules   policy.WatchRules
		entries []*ledger.Entry
		want    []string
	}{
		{"a spent budget is one alert, however often it denies", rules, []*ledger.Entry{
			spent(0, "k1", "ann", "credential:k1"), spent(1*s, "k1", "ann", "credential:k1"), spent(59*time.Minute, "k1", "ann", "principal:ann"),
		}, []string{"0s alert budget-spent credential:k1", "0s hold budget-spent credential:k1 until 15m0s"}},
		{"and another one when the window has passed", alertOnly, []*ledger.Entry{
			spent(0, "k1", "ann", "credential:k1"), spent(61*time.Minute, "k1", "ann", "credential:k1"),
		}, []string{"0s alert budget-spent credential:k1", "1h1m0s alert budget-spent credential:k1"}},
		{"each credential has its own", alertOnly, []*ledger.Entry{
			spent(0, "k1", "ann", "credential:k1"), spent(1*s, "k2", "bob", "credential:k2"),
		}, []string{"0s alert budget-spent credential:k1", "1s alert budget-spent credential:k2"}},
		{"the close that follows a denial tells no more", alertOnly, []*ledger.Entry{
			spent(0, "k1", "ann", "credential:k1"),
			{Kind: ledger.Close, Time: noon, Credential: "k1", Reason: weir.ReasonBudget},
		}, []string{"0s alert budget-spent credential:k1"}},
		{"each window is a cause of its own, for as long as it is", alertOnly, []*ledger.Entry{
			{Kind: ledger.Denied, Time: noon, Credential: "k1", Reason: weir.ReasonBudget, Rule: "clear/hour"},
			{Kind: ledger.Denied, Time: noon.Add(2 * s), Credential: "k1", Reason: weir.ReasonBudget, Rule: "clear/day"},
			{Kind: ledger.Denied, Time: noon.Add(2 * time.Hour), Credential: "k1", Reason: weir.ReasonBudget, Rule: "clear/day"},
			{Kind: ledger.Denied, Time: noon.Add(25 * time.Hour), Credential: "k1", Reason: weir.ReasonBudget, Rule: "clear/day"},
		}, []string{"0s alert budget-spent credential:k1", "2s alert budget-spent credential:k1", "25h0m0s alert budget-spent credential:k1"}},
		{"a shared budget is alerted once and holds nobody", rules, []*ledger.Entry{
			spent(0, "k1", "ann", "role:support"), spent(1*s, "k2", "bob", "role:support"), spent(2*s, "k2", "bob", "deployment"),
		}, []string{"0s alert budget-spent role:support", "2s alert budget-spent deployment"}},
		{"without a credential nobody is held: it would be the network", rules, []*ledger.Entry{
			{Kind: ledger.Denied, Time: noon, Network: "world", Reason: weir.ReasonBudget, Party: "network:world"},
		}, []string{"0s alert budget-spent network:world"}},
		{"nor is anonymous, who is everybody without a credential there", rules, []*ledger.Entry{
			{Kind: ledger.Denied, Time: noon, Principal: "anonymous@world", PrincipalKind: weir.Anonymous, Network: "world", Reason: weir.ReasonBudget, Party: "principal:anonymous@world"},
		}, []string{"0s alert budget-spent principal:anonymous@world"}},
		{"other denials are no matter of a budget", rules, []*ledger.Entry{
			{Kind: ledger.Denied, Time: noon, Credential: "k1", Reason: weir.ReasonHold, Party: "credential:k1"},
			{Kind: ledger.Denied, Time: noon, Credential: "k1", Reason: weir.ReasonRole},
		}, nil},

		{"five strangers within a minute", rules, walk(0, "c1", 1, 2, 3, 4, 5, 6, 7), []string{
			"4s alert id-walking principal:c1", "4s hold id-walking principal:c1 until 1h0m4s", "4s hold id-walking credential:k-c1 until 1h0m4s",
		}},
		{"the same stranger five times is somebody's bookmark", rules, walk(0, "c1", 1, 1, 1, 1, 1, 1), nil},
		{"four are not five", rules, walk(0, "c1", 1, 2, 3, 4), nil},
		{"five customers with a stranger each", rules, []*ledger.Entry{
			probe(0, "c1", 1), probe(0, "c2", 2), probe(0, "c3", 3), probe(0, "c4", 4), probe(0, "c5", 5),
		}, nil},
		{"five in ten minutes", rules, []*ledger.Entry{
			probe(0, "c1", 1), probe(150*s, "c1", 2), probe(300*s, "c1", 3), probe(450*s, "c1", 4), probe(600*s, "c1", 5),
		}, nil},
		{"five in one request", rules, []*ledger.Entry{{
			Kind: ledger.Denied, Time: noon, Credential: "k-c1", Principal: "c1", PrincipalKind: weir.Customer, Reason: weir.ReasonNotOwn,
			Subjects: []ledger.Taken{{Subject: weir.Subject{1}, Lanes: 8}, {Subject: weir.Subject{2}, Lanes: 8}, {Subject: weir.Subject{3}, Lanes: 8}, {Subject: weir.Subject{4}, Lanes: 8}, {Subject: weir.Subject{5}, Lanes: 8}},
		}}, []string{
			"0s alert id-walking principal:c1", "0s hold id-walking principal:c1 until 1h0m0s", "0s hold id-walking credential:k-c1 until 1h0m0s",
		}},
		{"a lifted hold makes the next walk news", alertOnly, slices.Concat(
			walk(0, "c1", 1, 2, 3, 4, 5), walk(10*s, "c1", 6, 7, 8, 9, 10), []*ledger.Entry{lift(20*s, "credential:k-c1")}, walk(30*s, "c1", 11, 12, 13, 14, 15),
		), []string{"4s alert id-walking principal:c1", "34s alert id-walking principal:c1"}},
		{"the rule that is not in the policy is off", policy.WatchRules{}, walk(0, "c1", 1, 2, 3, 4, 5, 6), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := say(detect(c.rules, c.entries...)); !slices.Equal(got, c.want) {
				t.Errorf("raised\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

// history draws a ledger with spent budgets and walking customers in it.
func history(t *rapid.T) []*ledger.Entry {
	var all []*ledger.Entry
	at := time.Duration(0)
	for range rapid.IntRange(0, 120).Draw(t, "entries") {
		at += time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1, 2:
			n := rapid.IntRange(1, 3).Draw(t, "credential")
			credential := fmt.Sprint("k", n)
			party := rapid.SampledFrom([]string{"credential:" + credential, "role:support", "deployment"}).Draw(t, "party")
			all = append(all, spent(at, credential, fmt.Sprint("staff", n), party))
		case 3:
			all = append(all, lift(at, "principal:c1"))
		case 4:
			all = append(all, &ledger.Entry{Kind: ledger.Release, Time: noon.Add(at), Credential: "k1"})
		default:
			who := fmt.Sprint("c", rapid.IntRange(1, 2).Draw(t, "customer"))
			all = append(all, probe(at, who, byte(rapid.IntRange(1, 12).Draw(t, "stranger"))))
		}
	}
	return all
}

// TestReplaysAgree is law 7: the same ledger gives the same alerts, and what the
// alerts themselves add to it changes nothing.
func TestReplaysAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		first := say(detect(rules, entries...))
		if again := say(detect(rules, entries...)); !slices.Equal(first, again) {
			t.Fatalf("a second replay raised\n%v\nthe first\n%v", again, first)
		}
		d := newDetector(rules, "a")
		var withOwn []string
		for _, e := range entries {
			raised := d.observe(e)
			withOwn = append(withOwn, say(raised)...)
			for _, own := range raised {
				withOwn = append(withOwn, say(d.observe(own))...)
			}
		}
		if !slices.Equal(first, withOwn) {
			t.Fatalf("with its own entries in the ledger it raised\n%v\nwithout\n%v", withOwn, first)
		}
	})
}

// TestRestartsAlertOnce ends the watch at any entry, with or without what it last
// sent being kept, and starts another: in the end the ledger has each alert once.
func TestRestartsAlertOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		want := raisedBy(detect(rules, entries...))
		m := newMemory()
		w := New(Config{Rules: rules, Log: m, Node: "a"})
		for i, e := range entries {
			m.append(e)
			raised := w.observe(int64(i), e)
			lost := rapid.IntRange(0, 9).Draw(t, "crash") == 0
			if lost { // it dies having written any part of what it raised
				raised = raised[:rapid.IntRange(0, len(raised)).Draw(t, "written")]
			}
			m.append(raised...)
			if lost {
				w = New(Config{Rules: rules, Log: m, Node: "a"})
				replay(t, w)
			}
		}
		var got []*ledger.Entry
		for _, e := range m.all() {
			if e.Rule != "" {
				got = append(got, e)
			}
		}
		if have := raisedBy(got); !slices.Equal(have, want) {
			t.Fatalf("the ledger has\n  %s\nwant\n  %s", strings.Join(have, "\n  "), strings.Join(want, "\n  "))
		}
	})
}

// notes are Cursors in memory that sometimes find nothing signed.
type notes struct {
	t       *rapid.T
	next    int64
	state   []byte
	resumed int
}

func (n *notes) Keep(_ string, next int64, state []byte) error {
	if rapid.IntRange(0, 3).Draw(n.t, "unsigned") == 0 {
		return ledger.ErrUnproven
	}
	n.next, n.state = next, slices.Clone(state)
	return nil
}

func (n *notes) Resume(string) (int64, []byte, error) {
	if n.next > 0 {
		n.resumed++
	}
	return n.next, n.state, nil
}

// TestRestartsGoOnFromASnapshot is TestRestartsAlertOnce with a watch that keeps
// what it knows: in the end the ledger has each alert once, the same ones, and no
// start has read what came before the snapshot.
func TestRestartsGoOnFromASnapshot(t *testing.T) {
	resumed := 0
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		want := raisedBy(detect(rules, entries...))
		m := newMemory()
		kept := &notes{t: t}
		defer func() { resumed += kept.resumed }()
		begin := func() *Watch {
			w := New(Config{Rules: rules, Log: m, Node: "a", Cursors: kept})
			w.keepEntries, w.keepPause = int64(rapid.IntRange(1, 9).Draw(t, "every")), 0
			return w
		}
		w, own, next := begin(), &missing{}, int64(0)
		follow := func() {
			for ; next < int64(len(m.all())); next++ {
				if err := w.step(context.Background(), next, m.all()[next], own); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, e := range entries {
			m.append(e)
			n := len(m.all())
			follow()
			if rapid.IntRange(0, 9).Draw(t, "crash") > 0 {
				continue
			}
			// It dies having written any part of what it raised.
			raised := len(m.all()) - n
			m.mu.Lock()
			m.entries = m.entries[:n+rapid.IntRange(0, raised).Draw(t, "written")]
			m.mu.Unlock()
			if kept.next > int64(len(m.all())) {
				kept.next, kept.state = 0, nil // what is not durable is not signed either
			}
			w, own = begin(), &missing{}
			before := w.log.(*memory)
			first := &firstRead{memory: before}
			w.log = first
			from := kept.next
			next = int64(len(m.all()))
			replayInto(t, w, own)
			if first.from != from {
				t.Fatalf("it read from %d, and its snapshot is at %d", first.from, from)
			}
			w.log = before
			follow()
		}
		var got []*ledger.Entry
		for _, e := range m.all() {
			if e.Rule != "" && e.Kind != ledger.Denied {
				got = append(got, e)
			}
		}
		if have := raisedBy(got); !slices.Equal(have, want) {
			t.Fatalf("the ledger has\n  %s\nwant\n  %s", strings.Join(have, "\n  "), strings.Join(want, "\n  "))
		}
	})
	if resumed == 0 {
		t.Error("no start found a snapshot: the test has lost its subject")
	}
}

// firstRead notes where a replay begins.
type firstRead struct {
	*memory
	from int64
}

func (f *firstRead) Replay(from int64, fn func(int64, *ledger.Entry) error) error {
	f.from = from
	return f.memory.Replay(from, fn)
}

// replayInto has w catch up, as Run does.
func replayInto(t rapid.TB, w *Watch, m *missing) {
	if _, err := w.catchUp(context.Background(), m); err != nil {
		t.Fatal(err)
	}
}

// A snapshot of a ledger that is another, or that cannot be read, costs a reading
// from the beginning and nothing else.
func TestASnapshotThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]Cursors{
		"of another ledger": broken{err: ledger.ErrCursor},
		"of another form":   broken{next: 1, state: []byte("{}")},
		"torn":              broken{next: 1, state: []byte(`{"Version":1,"Spent":[`)},
	} {
		m := newMemory(spent(0, "k1", "ann", "credential:k1"), spent(time.Second, "k1", "ann", "credential:k1"))
		w := New(Config{Rules: rules, Log: m, Node: "a", Cursors: c})
		replay(t, w)
		if n := len(m.all()); n != 4 {
			t.Errorf("%s: the ledger has %d entries, want the alert and the hold", name, n)
		}
	}
}

type broken struct {
	next  int64
	state []byte
	err   error
}

func (b broken) Resume(string) (int64, []byte, error) { return b.next, b.state, b.err }
func (b broken) Keep(string, int64, []byte) error     { return b.err }

// raisedBy names alerts and holds by their causes, which no restart changes,
// rather than by when they were written.
func raisedBy(entries []*ledger.Entry) (lines []string) {
	for _, e := range entries {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", e.Kind, e.Rule, e.Party, e.Exchange))
	}
	slices.Sort(lines)
	return lines
}

// replay runs w until it has caught up with its ledger.
func replay(t rapid.TB, w *Watch) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.log = &untilFollow{w.log.(*memory), cancel}
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	w.log = w.log.(*untilFollow).memory
}

// untilFollow ends a run where its replay is over.
type untilFollow struct {
	*memory
	cancel context.CancelFunc
}

func (u *untilFollow) Follow(ctx context.Context, _ int64, _ func(int64, *ledger.Entry) error) error {
	u.cancel()
	return ctx.Err()
}

// TestOldCausesStaySilent: rules made stricter today do not fill the ledger with
// alerts about what happened long ago.
func TestOldCausesStaySilent(t *testing.T) {
	strict := rules
	strict.IDWalking.Strangers = 2
	m := newMemory(probe(0, "c1", 1), probe(time.Second, "c1", 2),
		probe(30*time.Hour, "c2", 1), probe(30*time.Hour, "c2", 2),
		&ledger.Entry{Kind: ledger.Start, Time: noon.Add(40 * time.Hour)})
	for range 3 {
		replay(t, New(Config{Rules: strict, Log: m}))
	}
	want := []string{"40h0m0s alert id-walking principal:c2"} // its hold would be over
	if got := say(m.all()[5:]); !slices.Equal(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestRunFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := newMemory(spent(0, "k1", "ann.example", "credential:k1"))
		w := New(Config{Rules: rules, Log: m, Logger: slog.New(slog.NewTextHandler(&log, nil)), Node: "a"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		for i := range 6 {
			m.append(probe(time.Duration(i)*time.Second, "c1", byte(i)))
		}
		synctest.Wait()
		alerts := w.Alerts()
		if len(alerts) != 2 || alerts[0].Rule != RuleIDWalking || alerts[1].Rule != RuleBudgetSpent {
			t.Fatalf("alerts are %+v", alerts)
		}
		if want := noon.Add(15 * time.Minute); !alerts[1].Until.Equal(want) {
			t.Errorf("the hold that came with the alert ends %v, want %v", alerts[1].Until, want)
		}
		w.SetRules(policy.WatchRules{})
		m.append(probe(2*time.Hour, "c2", 1), probe(2*time.Hour, "c2", 2), probe(2*time.Hour, "c2", 3), probe(2*time.Hour, "c2", 4), probe(2*time.Hour, "c2", 5))
		synctest.Wait()
		if n := len(w.Alerts()); n != 2 {
			t.Errorf("%d alerts after the rule was taken away, want 2", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if strings.Contains(log.String(), "ann.example") || !strings.Contains(log.String(), "k1") {
			t.Errorf("logged %s", log.String())
		}
	})
}

func TestRunEndsWithItsLedger(t *testing.T) {
	broken := errors.New("disk full")
	m := newMemory(spent(0, "k1", "ann", "credential:k1"))
	m.refuse = broken
	if err := New(Config{Log: m}).Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run gave %v, want %v", err, broken)
	}
}

// TestStateIsBounded: a million principals do not make the watch grow for good.
func TestStateIsBounded(t *testing.T) {
	d := newDetector(rules, "a")
	var n int
	for i := range maxSpent + 1000 {
		n += len(d.observe(spent(time.Duration(i), fmt.Sprint("k", i), "ann", fmt.Sprint("credential:k", i))))
		d.observe(probe(time.Duration(i), fmt.Sprint("c", i), 1))
	}
	if n != 2*(maxSpent+1000) {
		t.Errorf("%d entries raised, want %d", n, 2*(maxSpent+1000))
	}
	if len(d.spent.by) != maxSpent || d.spent.order.Len() != maxSpent || len(d.walkers.by) != maxWalkers {
		t.Errorf("it remembers %d and %d", len(d.spent.by), len(d.walkers.by))
	}
	w := New(Config{Log: newMemory()})
	for i := range maxAlerts + 10 {
		w.observe(int64(i), &ledger.Entry{Kind: ledger.Alert, Rule: RuleIDWalking})
	}
	if got := w.Alerts(); len(got) != maxAlerts || got[0].Index != maxAlerts+9 {
		t.Errorf("%d alerts, the newest of index %d", len(got), got[0].Index)
	}
}

// BenchmarkObserve feeds the mix that a busy node writes: mostly releases, some
// denials.
func BenchmarkObserve(b *testing.B) {
	var entries []*ledger.Entry
	for i := range 1000 {
		switch {
		case i%50 == 0:
			entries = append(entries, spent(time.Duration(i)*time.Second, fmt.Sprint("k", i%7), "ann", fmt.Sprint("credential:k", i%7)))
		case i%20 == 0:
			entries = append(entries, probe(time.Duration(i)*time.Second, fmt.Sprint("c", i%13), byte(i)))
		default:
			entries = append(entries, &ledger.Entry{Kind: ledger.Release, Time: noon})
		}
	}
	d := newDetector(rules, "a")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.observe(entries[i%len(entries)])
	}
}

package index_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/sqlite"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testing.T and rapid.T both are one.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// newLog gives a log that runs until the function is called.
func newLog(t tester, dir string) (*ledger.Log, func()) {
	t.Helper()
	key, _, err := ledger.GenerateKey("ledger.example.com/indexed")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(dir, ledger.Options{Key: key, SegmentBytes: 20000, CheckpointEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return l, func() {
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// inMemory gives a directory whose files need not reach a disk, where there is one.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "weir-index-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func subject(i int) weir.Subject { return weir.Subject{15: byte(i), 14: byte(i >> 8), 0: 1} }

// script draws what some exchanges put on the ledger, interleaved as they come.
func script(t *rapid.T) (all []*ledger.Entry) {
	type exchange struct{ left []*ledger.Entry }
	var open []*exchange
	n := rapid.IntRange(0, 30).Draw(t, "exchanges")
	pick := func(name string, list ...string) string { return rapid.SampledFrom(list).Draw(t, name) }
	at := day
	for i := 0; i < n || len(open) > 0; {
		if i < n && (len(open) == 0 || rapid.Bool().Draw(t, "begin")) {
			x := &exchange{}
			who := pick("principal", "ann", "bob", "mailer")
			base := ledger.Entry{
				Exchange: weir.ExchangeID{byte(i), byte(i >> 8), 1}, Principal: who, PrincipalKind: weir.Staff,
				Credential: pick("credential", "k1", "k2"), Role: pick("role", "support", "marketing"), Network: "office",
				Door: "inbound", Route: pick("route", "r1", "r2"), Recipient: pick("recipient", "", "", "vendor-a", "vendor-b"), Purpose: "support",
			}
			if rapid.IntRange(0, 3).Draw(t, "acting") == 0 {
				base.Act = []string{"agent-1", "agent-2"}
			}
			add := func(kind ledger.Kind, subjects int) *ledger.Entry {
				e := base
				e.Kind = kind
				for range subjects {
					lanes := weir.Lanes(rapid.IntRange(1, 31).Draw(t, "lanes"))
					s := subject(rapid.IntRange(0, 12).Draw(t, "subject"))
					if !slices.ContainsFunc(e.Subjects, func(t ledger.Taken) bool { return t.Subject == s }) {
						e.Subjects = append(e.Subjects, ledger.Taken{Subject: s, Lanes: lanes})
					}
				}
				x.left = append(x.left, &e)
				return &e
			}
			if rapid.IntRange(0, 5).Draw(t, "intent") > 0 {
				add(ledger.Intent, rapid.IntRange(0, 1).Draw(t, "probed"))
			}
			for range rapid.IntRange(0, 3).Draw(t, "batches") {
				e := add(ledger.Release, rapid.IntRange(0, 4).Draw(t, "subjects"))
				e.Read = 10
				for _, c := range []weir.Class{"contact.email", "media.viewing_history"} {
					if rapid.Bool().Draw(t, "class") {
						e.Actions = append(e.Actions, ledger.Count{Class: c, Action: weir.Action(rapid.IntRange(0, 2).Draw(t, "action")), N: 1})
					}
				}
			}
			if rapid.IntRange(0, 4).Draw(t, "denied") == 0 {
				e := add(ledger.Denied, rapid.IntRange(0, 2).Draw(t, "probed"))
				e.Reason, e.N = weir.ReasonBudget, 3
			}
			if rapid.IntRange(0, 4).Draw(t, "close") > 0 {
				e := add(ledger.Close, 0)
				e.Outcome = pick("outcome", "", "", "client-left", "stopped")
				e.Unread = int64(rapid.IntRange(0, 1).Draw(t, "unread") * 100)
			}
			if len(x.left) > 0 {
				open = append(open, x)
			}
			i++
			continue
		}
		k := rapid.IntRange(0, len(open)-1).Draw(t, "next")
		e := open[k].left[0]
		if open[k].left = open[k].left[1:]; len(open[k].left) == 0 {
			open = slices.Delete(open, k, k+1)
		}
		at = at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "pause")) * time.Second)
		e.Time = at
		all = append(all, e)
		if rapid.IntRange(0, 9).Draw(t, "other") == 0 {
			all = append(all, &ledger.Entry{Kind: ledger.Summary, Time: at, N: 5})
		}
	}
	return all
}

func question(t *rapid.T) (q index.Question) {
	switch rapid.IntRange(0, 4).Draw(t, "about") {
	case 0:
		q.Parties = []weir.Party{{Kind: weir.ByPrincipal, Name: "ann"}}
	case 1:
		q.Parties = []weir.Party{{Kind: weir.ByCredential, Name: "k1"}, {Kind: weir.ByActor, Name: "agent-2"}}
	case 2:
		q.Recipients = []string{"vendor-a"}
		if rapid.Bool().Draw(t, "and") {
			q.Parties = []weir.Party{{Kind: weir.ByRole, Name: "support"}}
		}
	case 3:
		q.Subject = subject(rapid.IntRange(0, 13).Draw(t, "subject"))
	}
	if rapid.Bool().Draw(t, "bounded") {
		q.From = day.Add(time.Duration(rapid.IntRange(-1, 60).Draw(t, "from")) * time.Second)
	}
	if rapid.Bool().Draw(t, "ended") {
		q.To = day.Add(time.Duration(rapid.IntRange(-1, 100).Draw(t, "to")) * time.Second)
	}
	return q
}

// told is one visit as a line of text, with names instead of numbers.
func told(who *index.Who, where index.Where, batches []string, closed bool, outcome string, unread, at int64) string {
	return fmt.Sprintf("%+v %+v %s closed=%v %q unread=%d close=%d", *who, where, strings.Join(batches, " | "), closed, outcome, unread, at)
}

// oracle answers by reading every entry, with nothing in common with the index.
func oracle(all []*ledger.Entry, q index.Question) (lines []string) {
	type key struct {
		x     weir.ExchangeID
		where index.Where
		who   string
	}
	groups := map[key][]int{}
	var order []key
	for i, e := range all {
		if e.Kind == ledger.Intent || e.Kind == ledger.Release || e.Kind == ledger.Denied || e.Kind == ledger.Close {
			k := key{e.Exchange, index.Where{Door: e.Door, Route: e.Route, Recipient: e.Recipient, Purpose: e.Purpose}, fmt.Sprint(e.Parties())}
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], i)
		}
	}
	for _, k := range order {
		first := all[groups[k][0]]
		asked := len(q.Parties)+len(q.Recipients) == 0
		for _, p := range q.Parties {
			asked = asked || slices.Contains(first.Parties(), p)
		}
		asked = asked || first.Recipient != "" && slices.Contains(q.Recipients, first.Recipient)
		about := q.Subject == weir.Subject{}
		within, closed, outcome, unread, at := false, false, "", int64(0), int64(0)
		var batches []string
		for _, i := range groups[k] {
			e := all[i]
			in := !e.Time.Before(q.From) && (q.To.IsZero() || e.Time.Before(q.To))
			if q.Subject != (weir.Subject{}) {
				in = in && slices.ContainsFunc(e.Subjects, func(t ledger.Taken) bool { return t.Subject == q.Subject })
			}
			within = within || in
			if e.Kind == ledger.Close {
				closed, outcome, unread, at = true, e.Outcome, e.Unread, int64(i)
				continue
			}
			if !in {
				continue
			}
			taken := ""
			for _, s := range e.Subjects {
				if q.Subject == (weir.Subject{}) || s.Subject == q.Subject {
					taken += fmt.Sprintf(" %s/%d", s.Subject, s.Lanes)
					about = true
				}
			}
			treated := ""
			for _, c := range e.Actions {
				treated += fmt.Sprintf(" %s:%s", c.Class, c.Action)
			}
			n := 0
			if e.Kind == ledger.Denied {
				n = e.N
			}
			batches = append(batches, fmt.Sprintf("%d %s %s [%s] %s %d%s", i, e.Kind, e.Time.Format(time.RFC3339Nano), treated, e.Reason, n, taken))
		}
		if asked && about && within {
			who := &index.Who{Credential: first.Credential, Principal: first.Principal, Kind: first.PrincipalKind, Act: first.Act, Role: first.Role, Issuer: first.Issuer, Network: first.Network}
			lines = append(lines, told(who, k.where, batches, closed, outcome, unread, at))
		}
	}
	slices.Sort(lines)
	return lines
}

func ask(t tester, s index.Store, log index.Log, q index.Question) (lines []string, a *index.Answer) {
	t.Helper()
	var later []func() string
	a, err := index.Ask(context.Background(), s, log, q, func(v *index.Visit) error {
		w := *v
		w.Batches = slices.Clone(v.Batches)
		for i := range w.Batches {
			w.Batches[i].Sights = slices.Clone(w.Batches[i].Sights)
		}
		later = append(later, func() string {
			var batches []string
			for _, b := range w.Batches {
				taken := ""
				for _, s := range b.Sights {
					taken += fmt.Sprintf(" %s/%d", a.Subject(s.Subject), s.Lanes)
				}
				treated := ""
				for _, c := range b.Treated {
					treated += fmt.Sprintf(" %s:%s", c.Class, c.Action)
				}
				batches = append(batches, fmt.Sprintf("%d %s %s [%s] %s %d%s", b.Index, b.Kind, b.Time.Format(time.RFC3339Nano), treated, b.Reason, b.N, taken))
			}
			return told(a.Who(w.Who), *w.Where, batches, w.Closed, w.Outcome, w.Unread, w.Close)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range later {
		lines = append(lines, l())
	}
	slices.Sort(lines)
	return lines, a
}

func newStore(t tester, dir string) *sqlite.Index {
	t.Helper()
	s, err := sqlite.CreateIndex(filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An answer is what reading every entry would give: with an index that is up to
// date, with one that lags behind, and without any.
func TestAnswersAreThoseOfTheLedger(t *testing.T) {
	root := inMemory(t)
	serial := 0
	rapid.Check(t, func(t *rapid.T) {
		serial++
		dir := filepath.Join(root, fmt.Sprint(serial))
		defer os.RemoveAll(dir)
		l, end := newLog(t, filepath.Join(dir, "ledger"))
		all := script(t)
		lag := rapid.IntRange(0, len(all)).Draw(t, "behind the index")
		if rapid.Bool().Draw(t, "up to date") {
			lag = len(all)
		}
		add := func(entries []*ledger.Entry) {
			if len(entries) > 0 {
				if _, err := l.Append(context.Background(), entries...); err != nil {
					t.Fatal(err)
				}
			}
		}
		add(all[:lag])
		s := newStore(t, dir)
		defer s.Close()
		log, err := index.Dir(filepath.Join(dir, "ledger"))
		if err != nil {
			t.Fatal(err)
		}
		log.ChunkEntries = 8
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			c, _, err := log.Tree.Checkpoint()
			if err != nil || time.Now().After(deadline) {
				t.Fatal("no checkpoint", err)
			}
			if c.Size == int64(lag) {
				break
			}
		}
		if _, err := index.Rebuild(context.Background(), s, log, nil); err != nil {
			t.Fatal(err)
		}
		add(all[lag:])
		end()
		for range 5 {
			q := question(t)
			want := oracle(all, q)
			got, a := ask(t, s, log, q)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v\nwith an index of %d of %d entries:\n%s\nwant:\n%s", q, a.Reach.Indexed, len(all), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if got, a := ask(t, nil, log, q); !slices.Equal(got, want) || a.Reach.Next != int64(len(all)) {
				t.Fatalf("%+v\nwithout an index, to %d:\n%s\nwant:\n%s", q, a.Reach.Next, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if a.Reach.Indexed != int64(lag/8*8) {
				t.Fatalf("%d entries are indexed of %d", a.Reach.Indexed, lag)
			}
		}
	})
}

// A batch of more customers than an entry holds was treated as its first entry
// says, wherever a chunk begins.
func TestALongBatchIsTreatedAsItsFirstEntrySays(t *testing.T) {
	dir := t.TempDir()
	l, end := newLog(t, filepath.Join(dir, "ledger"))
	var batch []*ledger.Entry
	for i := range 10 {
		e := &ledger.Entry{Kind: ledger.Release, Exchange: weir.ExchangeID{1}, Principal: "ann"}
		for j := range ledger.MaxSubjects {
			e.Subjects = append(e.Subjects, ledger.Taken{Subject: subject(i*ledger.MaxSubjects + j), Lanes: 1})
		}
		if i == 0 {
			e.Actions, e.Read = []ledger.Count{{Class: "contact.email", Action: weir.Allow, N: 9000}}, 5
		}
		batch = append(batch, e)
	}
	// One of the same exchange that goes on with nothing.
	batch = append(batch, &ledger.Entry{Kind: ledger.Release, Exchange: weir.ExchangeID{1}, Principal: "ann", Read: 1, Subjects: []ledger.Taken{{Subject: subject(5), Lanes: 1}}})
	if _, err := l.Append(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	end()
	log, err := index.Dir(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	log.ChunkEntries = 4
	s := newStore(t, dir)
	defer s.Close()
	if _, err := index.Rebuild(t.Context(), s, log, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range []index.Store{s, nil} {
		entries := 0
		if _, err := index.Ask(t.Context(), s, log, index.Question{}, func(v *index.Visit) error {
			for _, b := range v.Batches {
				entries++
				if last := b.Index == 10; (len(b.Treated) == 1) == last {
					t.Errorf("entry %d: %v", b.Index, b.Treated)
				}
			}
			return nil
		}); err != nil || entries != 11 {
			t.Error(entries, err)
		}
	}
}

// An index follows a growing ledger, goes on after a restart, and is refused where
// the ledger is another.
func TestTheIndexFollows(t *testing.T) {
	dir := t.TempDir()
	l, end := newLog(t, filepath.Join(dir, "ledger"))
	s := newStore(t, dir)
	defer s.Close()
	log, err := index.Dir(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	log.ChunkEntries = 16
	written := 0
	grow := func(n int) {
		for range n {
			e := &ledger.Entry{Kind: ledger.Release, Exchange: weir.ExchangeID{byte(written), byte(written >> 8)}, Principal: "ann", Subjects: []ledger.Taken{{Subject: subject(written), Lanes: 1}}}
			if _, err := l.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			written++
		}
	}
	for range 3 {
		grow(40)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		x := index.New(index.Config{Store: s, Log: log, Follow: l.Follow})
		go func() { done <- x.Run(ctx) }()
		grow(10)
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			lines, a := ask(t, s, log, index.Question{})
			if len(lines) != written {
				t.Fatalf("%d visits of %d", len(lines), written)
			}
			if a.Reach.Indexed == int64(written/16*16) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the index does not follow")
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	end()

	other, endOther := newLog(t, filepath.Join(dir, "other"))
	for range 60 {
		if _, err := other.Append(t.Context(), &ledger.Entry{Kind: ledger.Stop}); err != nil {
			t.Fatal(err)
		}
	}
	endOther()
	foreign, err := index.Dir(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.Ask(t.Context(), s, foreign, index.Question{}, nil); !errors.Is(err, ledger.ErrCursor) {
		t.Errorf("an index of another ledger answered: %v", err)
	}
}

// Whoever breaks off a Rebuild keeps the index that there was.
func TestABrokenOffRebuildLeavesTheOldIndex(t *testing.T) {
	dir := t.TempDir()
	l, end := newLog(t, filepath.Join(dir, "ledger"))
	for i := range 100 {
		e := &ledger.Entry{Kind: ledger.Release, Exchange: weir.ExchangeID{byte(i)}, Principal: "ann", Subjects: []ledger.Taken{{Subject: subject(i), Lanes: 1}}}
		if _, err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	end()
	log, err := index.Dir(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	log.ChunkEntries = 10
	s := newStore(t, dir)
	defer s.Close()
	if _, err := index.Rebuild(t.Context(), s, log, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	log.ChunkEntries = 20
	if _, err := index.Rebuild(ctx, s, log, func(done, _ int64) {
		if done >= 60 {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	lines, a := ask(t, s, log, index.Question{})
	if len(lines) != 100 || a.Reach.Indexed != 100 {
		t.Errorf("%d visits, %d entries indexed", len(lines), a.Reach.Indexed)
	}
}

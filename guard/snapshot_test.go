package guard

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// oneCursor keeps one cursor in memory.
type oneCursor struct {
	next  int64
	state []byte
	fails error
}

func (c *oneCursor) Resume(string) (int64, []byte, error) { return c.next, c.state, c.fails }
func (c *oneCursor) Keep(_ string, next int64, state []byte) error {
	if c.fails == nil {
		c.next, c.state = next, state
	}
	return c.fails
}

// from gives a guard that reads the log of f anew.
func (f *fixture) from(t testing.TB, c Cursors) *fixture {
	t.Helper()
	again := newFixture(t, Enforce)
	again.now, again.ledger, again.log, again.cursors = f.now, f.log, f.log, c
	again.base = f.Guard.now()
	if err := again.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	return again
}

// TestASnapshotGoesOn: a guard that goes on from a snapshot knows what one knows
// that reads the whole ledger, wherever the snapshot stands, and refuses what it
// refuses.
func TestASnapshotGoesOn(t *testing.T) {
	f := newFixture(t, Enforce)
	f.keepEntries = 1
	var cursors []*oneCursor
	for i := range 12 {
		who := fmt.Sprintf("agent-%d", i%3)
		p := admit(t, f, exchange(who, "support", "/x"))
		p.Release(t.Context(), records(fmt.Sprintf(`{"email":"c%d@example.com"}`, i), fmt.Sprintf(`{"name":"Jo","email":"d%d@example.com"}`, i%5)))
		if i%4 == 1 {
			hold := &ledger.Entry{Kind: ledger.Hold, Time: f.Guard.now(), Party: "principal:held-" + who, Text: "looked at"}
			if i == 9 {
				hold.Kind = ledger.Lift
				hold.Party = "principal:held-agent-1"
			}
			if _, err := f.log.Append(t.Context(), hold); err != nil {
				t.Fatal(err)
			}
			f.apply(hold, f.Guard.now(), 0)
		}
		n := int64(len(f.log.entries))
		f.followed.Store(&followed{n, f.Guard.now(), timeline{Newest: f.Guard.now()}})
		c := &oneCursor{}
		f.cursors = c
		f.keep()
		if c.next != n {
			t.Fatalf("kept at %d of %d", c.next, n)
		}
		cursors = append(cursors, c)
		f.now = f.now.Add(7 * time.Minute)
	}
	whole := f.from(t, nil)
	for i, c := range append(cursors, &oneCursor{}, &oneCursor{fails: errors.New("of another ledger")}, &oneCursor{next: 3, state: []byte("{}")}, &oneCursor{next: 3, state: []byte(`{"Version":1,"Meter":"AAAA"}`)}) {
		again := f.from(t, c)
		if good := i < len(cursors); (again.kept == c.next) != good && c.next > 0 {
			t.Errorf("snapshot %d: gone on from %d of %d", i, again.kept, c.next)
		}
		if got, want := again.Exposure(), whole.Exposure(); !reflect.DeepEqual(got.Rows, want.Rows) || got.Taken != want.Taken || got.Hour != want.Hour {
			t.Errorf("from snapshot %d:\n%+v\nnot\n%+v", i, got, want)
		}
		if !reflect.DeepEqual(again.Holds(), whole.Holds()) {
			t.Errorf("from snapshot %d: held %v, not %v", i, again.Holds(), whole.Holds())
		}
	}
	// agent-0 has room for as many as before, and no more.
	left := func(g *fixture) (n int) {
		for ; n < 40; n++ {
			p, denial := g.Admit(context.Background(), exchange("agent-0", "support", "/x"))
			if denial != nil {
				return n
			}
			if out := p.Release(context.Background(), records(fmt.Sprintf(`{"email":"new%d@example.com"}`, n))); out.Stop != nil {
				return n
			}
		}
		return n
	}
	if a, b := left(f.from(t, cursors[5])), left(whole); a != b || a == 0 || a == 40 {
		t.Errorf("%d more from a snapshot, %d from the whole ledger", a, b)
	}
}

// BenchmarkRestore is what a start costs for each entry of the ledger: with all of
// them read again, and from a snapshot behind the last.
func BenchmarkRestore(b *testing.B) {
	const entries, customers, principals = 200_000, 20_000, 500
	f := newFixture(b, Enforce)
	for i := range entries {
		c := i * 7919 % customers
		who := fmt.Sprintf("agent-%d", c%principals)
		f.log.entries = append(f.log.entries, &ledger.Entry{Kind: ledger.Release, Time: f.now.Add(time.Duration(i) * time.Second), Credential: "key:" + who, Principal: who, PrincipalKind: weir.Staff, Role: "bulk",
			Issuer: "sso", Network: "office", Subjects: []ledger.Taken{{Subject: weir.Subject{byte(c >> 8), byte(c), 1}, Lanes: weir.Lanes(0).With(weir.Masked)}}})
	}
	f.now = f.now.Add(entries * time.Second)
	c := &oneCursor{}
	f.cursors = c
	if err := f.Restore(b.Context()); err != nil {
		b.Fatal(err)
	}
	f.keep()
	for name, cursors := range map[string]Cursors{"whole": nil, "snapshot": c} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f.from(b, cursors)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
		})
	}
}

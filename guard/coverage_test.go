package guard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/shape"
	"github.com/getweir/weir/ledger"
)

// told gives what the guard writes of what it has covered.
func (f *fixture) told(t testing.TB, whole bool) (all []ledger.Seen) {
	t.Helper()
	f.log.mu.Lock()
	from := len(f.log.entries)
	f.log.mu.Unlock()
	f.cover(context.Background(), whole)
	for _, e := range f.log.entries[from:] {
		if e.Kind != ledger.Coverage || e.Policy == "" {
			t.Errorf("written: %+v", e)
		}
		if _, err := e.AppendTo(nil); err != nil {
			t.Error(err)
		}
		all = append(all, e.Seen...)
	}
	return all
}

func places(all []ledger.Seen) (lines []string) {
	for _, s := range all {
		if s.Class != "" || s.Field != "" {
			lines = append(lines, fmt.Sprintf("%s %s %s %d", s.Class, s.Field, s.Action, s.N))
		}
	}
	slices.Sort(lines)
	return lines
}

func (f *fixture) answer(t testing.TB, role, path string, segments []weir.Segment) {
	t.Helper()
	p := admit(t, f, exchange("agent", role, path))
	p.Release(t.Context(), segments)
	p.Close(t.Context(), Outcome{Status: 200})
}

func TestWhatIsCovered(t *testing.T) {
	f := newFixture(t, Enforce)
	f.answer(t, "support", "/c/c-1", records(`{"id":"c-1","email":"c1@example.com","address":{"phone":"+44 20 7946 0101"},"plan":"gold"}`))
	f.answer(t, "support", "/orders/alice/4711", []weir.Segment{
		{Syntax: weir.CSV, Record: true, Columns: []string{"order", "email", "Anna Example"}, Body: []byte("77,\"c1@example.com\",x")},
		{Syntax: weir.Header, Name: "X-User", Body: []byte("c1@example.com")},
		{Syntax: weir.Text, Body: []byte("mail c1@example.com")},
	})
	all := f.told(t, false)
	want := []string{
		"contact.email  allow 1", "contact.email  allow 3", "contact.email $.items[*].email allow 1", "contact.email column email allow 1",
		"contact.email header X-User allow 1", "contact.email text allow 1", "contact.phone  mask 1", "contact.phone $.items[*].address.phone mask 1",
		" $.items[*].id allow 1", " $.items[*].plan allow 1", " column order allow 1", " column {id} allow 1",
	}
	slices.Sort(want)
	if got := places(all); !slices.Equal(got, want) {
		t.Errorf("covered\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var routes []string
	for _, s := range all {
		if s.Class == "" && s.Field == "" {
			routes = append(routes, fmt.Sprintf("%s %s %s %d", s.Route, s.Role, s.Purpose, s.N))
		}
	}
	if !slices.Equal(routes, []string{"GET /orders/{id}/{id} support support 1", "customer support support 1"}) {
		t.Error(routes)
	}
	if again := f.told(t, false); len(again) > 0 {
		t.Errorf("told twice: %+v", again)
	}
	// What is known waits; what is new does not.
	f.answer(t, "support", "/c/c-1", records(`{"id":"c-1","email":"c1@example.com"}`))
	f.answer(t, "bulk", "/c", records(`{"id":"c-1","email":"c1@example.com"}`))
	if got := places(f.told(t, false)); !slices.Equal(got, []string{" $.items[*].id allow 1", "contact.email  mask 1", "contact.email $.items[*].email mask 1"}) {
		t.Error(got)
	}
	if got := places(f.told(t, true)); !slices.Contains(got, "contact.email  allow 1") {
		t.Error(got)
	}
}

// TestANameNeedsThreeCustomers: a key that could be somebody's is written only after
// it was met in records of three different customers.
func TestANameNeedsThreeCustomers(t *testing.T) {
	f := newFixture(t, Enforce)
	record := func(i int) []weir.Segment {
		return records(fmt.Sprintf(`{"id":"c-%d","quux":{"email":"c%d@example.com"},"user%d":{"zip%d":"x","email":"c%d@example.com"},"c%d@example.com":1}`, i, i, i, i, i, i))
	}
	f.answer(t, "support", "/c/c-1", record(1))
	f.answer(t, "support", "/c/c-1", record(1))
	f.answer(t, "support", "/c/c-2", record(2))
	for _, s := range f.told(t, true) {
		if strings.Contains(s.Field, "quux") {
			t.Errorf("%s after two customers", s.Field)
		}
	}
	f.answer(t, "support", "/c/c-3", record(3))
	got := places(f.told(t, false))
	if !slices.Contains(got, "contact.email $.items[*].quux.email allow 1") {
		t.Error(got)
	}
	for _, s := range f.told(t, true) {
		if strings.Contains(s.Field, "@") {
			t.Error(s.Field)
		}
	}
}

// TestLaw6CoverageHasNoValues: whatever keys and values an answer has, what is written
// of it are words of the list, as long as fewer customers than revealAfter were met.
func TestLaw6CoverageHasNoValues(t *testing.T) {
	outer, f := t, newFixture(t, Observe)
	rapid.Check(t, func(t *rapid.T) {
		f.coverage = coverage{}
		key := rapid.OneOf(rapid.SampledFrom([]string{"email", "items", "ann@example.com", "4111111111111111", "annexample", "Zoë", "c-10001", ""}), rapid.StringMatching(`[a-zé@0-9 ]{1,12}`))
		for range rapid.IntRange(1, revealAfter-1).Draw(t, "records") {
			body := fmt.Sprintf(`{%q:{%q:"secretvalue@example.com",%q:["secretvalue"]}}`, key.Draw(t, "a"), key.Draw(t, "b"), key.Draw(t, "c"))
			f.answer(outer, "support", "/"+key.Draw(t, "path"), []weir.Segment{{Syntax: weir.JSON, Record: true, Body: []byte(body)}})
		}
		for _, s := range f.told(outer, true) {
			for w := range strings.FieldsFuncSeq(s.Field+" "+s.Route, func(r rune) bool { return strings.ContainsRune("$.[*] /", r) }) {
				if w != shape.ID && !shape.Known(w) && w != "GET" {
					t.Fatalf("written: %q", w)
				}
			}
		}
	})
}

// TestCoverageIsBounded: neither routes nor keys without end take memory without end.
func TestCoverageIsBounded(t *testing.T) {
	f := newFixture(t, Enforce)
	for i := range mostCovered + 100 {
		method := [...]string{"GET", "POST", "PUT", "DELETE"}[i%4]
		x := exchange("agent", "bulk", fmt.Sprintf("/%s/%s/%s", words[i%len(words)], words[i/len(words)%len(words)], words[i/31%len(words)]))
		x.Method = method
		p := admit(t, f, x)
		p.Release(t.Context(), records(`{"email":"c1@example.com"}`))
		p.Close(t.Context(), Outcome{Status: 200})
	}
	if n := len(f.coverage.routes); n > mostCovered+1 {
		t.Error(n, "routes")
	}
	var b strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&b, `"%c%c%c%c":{"email":"c1@example.com"},`, 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576)
	}
	f.answer(t, "bulk", "/map", records(`{`+b.String()+`"x":1}`))
	c := f.coverage.of(coverKey{"GET /map", "bulk", "support", f.Policy().Version(), ""})
	if len(c.fields) > mostFields || len(c.keys) > 3*mostPlaces {
		t.Error(len(c.fields), "fields", len(c.keys), "keys")
	}
	if all := f.told(t, true); len(all) < 1000 {
		t.Error(len(all))
	}
}

var words = []string{"orders", "users", "items", "cart", "plans", "search", "admin", "invoice", "export", "profile", "device", "history", "address", "payment", "review", "wishlist"}

// TestCoverageCountsAll: under any interleaving each exchange and finding is told once.
func TestCoverageCountsAll(t *testing.T) {
	f := newFixture(t, Enforce)
	const workers, each = 8, 50
	var wg sync.WaitGroup
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			f.cover(context.Background(), true)
		}
	}()
	for range workers {
		wg.Go(func() {
			for range each {
				p, d := f.Admit(context.Background(), exchange("agent", "bulk", "/x"))
				if d != nil {
					t.Error(d)
					return
				}
				p.Release(context.Background(), records(`{"email":"c1@example.com"}`))
				p.Close(context.Background(), Outcome{Status: 200})
			}
		})
	}
	wg.Wait()
	<-done
	f.cover(context.Background(), true)
	exchanges, emails := 0, 0
	for _, e := range f.log.entries {
		for _, s := range e.Seen {
			if s.Field == "" && s.Class == "" {
				exchanges += s.N
			}
			if s.Field == "" && s.Class == "contact.email" {
				emails += s.N
			}
		}
	}
	if exchanges != workers*each || emails != workers*each {
		t.Errorf("%d exchanges and %d findings were told", exchanges, emails)
	}
}

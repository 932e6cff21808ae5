// Package storetest says what every store must do, as tests that each store
// runs on itself.
//
// A suite is a function that takes the test and a way to open the store, and
// uses nothing but the methods that Weir's rooms ask of a store.
//
// It guarantees that two stores which pass it can stand in for one another.
//
// It does not test speed, nor what a crash of the machine leaves.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getweir/weir"
)

// A Directory is a subject directory.
type Directory interface {
	Resolve(ctx context.Context, ids []weir.Identifier) ([]weir.Subject, error)
	Lookup(ctx context.Context, id weir.Identifier) (weir.Subject, bool, error)
	Erase(ctx context.Context, id weir.Identifier) error
}

func email(i int) weir.Identifier {
	return weir.Identifier{Kind: "email", Value: weir.NewPlain(fmt.Sprintf("customer%d@example.com", i))}
}

func emails(from, to int) (ids []weir.Identifier) {
	for i := from; i < to; i++ {
		ids = append(ids, email(i))
	}
	return ids
}

// Subjects tests a subject directory. open opens the same store each time it is
// called within one test, anew or once more, with a given key of 32 bytes, and
// gives a function that closes it.
func Subjects(t *testing.T, open func(t *testing.T, store string, key []byte) (Directory, func())) {
	key := []byte(strings.Repeat("k", 32))

	resolve := func(t *testing.T, d Directory, ids []weir.Identifier) []weir.Subject {
		t.Helper()
		ss, err := d.Resolve(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		if len(ss) != len(ids) || slices.Contains(ss, weir.Subject{}) {
			t.Fatalf("%d subjects for %d identifiers, or a zero one", len(ss), len(ids))
		}
		return ss
	}

	t.Run("an identifier keeps its subject", func(t *testing.T) {
		store := t.TempDir()
		d, closeIt := open(t, store, key)
		first := resolve(t, d, emails(0, 1200))
		if !slices.Equal(first, resolve(t, d, emails(0, 1200))) {
			t.Error("the second time gave others")
		}
		closeIt()
		d, closeIt = open(t, store, key)
		defer closeIt()
		if !slices.Equal(first[600:], resolve(t, d, emails(600, 1200))) {
			t.Error("reopening gave others")
		}
		mixed := resolve(t, d, append(emails(1190, 1210), email(5), email(5)))
		if !slices.Equal(mixed[:10], first[1190:]) || mixed[20] != first[5] || mixed[21] != first[5] {
			t.Error("old among new got others")
		}
		if slices.Contains(first, mixed[15]) {
			t.Error("a new one got the subject of an old one")
		}
	})

	t.Run("subjects differ", func(t *testing.T) {
		d, closeIt := open(t, t.TempDir(), key)
		defer closeIt()
		ids := append(emails(0, 500),
			weir.Identifier{Kind: "customer", Value: email(1).Value},
			weir.Identifier{Kind: "email", Value: weir.NewPlain("\x00")},
			weir.Identifier{Kind: "emai", Value: weir.NewPlain("l\x00")})
		ss := resolve(t, d, ids)
		seen := map[weir.Subject]bool{}
		for _, s := range ss {
			seen[s] = true
		}
		if len(seen) != len(ids) {
			t.Errorf("%d subjects for %d people", len(seen), len(ids))
		}
	})

	t.Run("nothing wanted", func(t *testing.T) {
		d, closeIt := open(t, t.TempDir(), key)
		defer closeIt()
		resolve(t, d, nil)
	})

	t.Run("an identifier must be whole", func(t *testing.T) {
		d, closeIt := open(t, t.TempDir(), key)
		defer closeIt()
		for _, id := range []weir.Identifier{{}, {Kind: "email"}, {Value: weir.NewPlain("v")}, {Kind: "e\x00", Value: weir.NewPlain("v")}} {
			if _, err := d.Resolve(t.Context(), []weir.Identifier{email(1), id}); err == nil {
				t.Errorf("kind %q was resolved", id.Kind)
			}
		}
	})

	t.Run("looking up makes nothing up", func(t *testing.T) {
		store := t.TempDir()
		d, closeIt := open(t, store, key)
		for range 2 {
			if _, ok, err := d.Lookup(t.Context(), email(1)); ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		want := resolve(t, d, emails(1, 2))[0]
		if s, ok, err := d.Lookup(t.Context(), email(1)); !ok || err != nil || s != want {
			t.Fatal(s, ok, err)
		}
		closeIt()
		d, closeIt = open(t, store, key)
		defer closeIt()
		if s, ok, err := d.Lookup(t.Context(), email(1)); !ok || err != nil || s != want {
			t.Fatal(s, ok, err)
		}
	})

	t.Run("two open at once agree", func(t *testing.T) {
		store := t.TempDir()
		a, closeA := open(t, store, key)
		defer closeA()
		b, closeB := open(t, store, key)
		defer closeB()
		want := resolve(t, a, emails(0, 10))
		if !slices.Equal(want, resolve(t, b, emails(0, 10))) {
			t.Error("the second open gave others")
		}
		if s, ok, err := b.Lookup(t.Context(), email(3)); !ok || err != nil || s != want[3] {
			t.Error(s, ok, err)
		}
	})

	t.Run("erased is forgotten", func(t *testing.T) {
		store := t.TempDir()
		d, closeIt := open(t, store, key)
		was := resolve(t, d, emails(0, 3))
		for range 2 {
			if err := d.Erase(t.Context(), email(1)); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok, err := d.Lookup(t.Context(), email(1)); ok || err != nil {
			t.Fatal(ok, err)
		}
		closeIt()
		d, closeIt = open(t, store, key)
		defer closeIt()
		if _, ok, err := d.Lookup(t.Context(), email(1)); ok || err != nil {
			t.Fatal(ok, err)
		}
		now := resolve(t, d, emails(0, 3))
		if now[0] != was[0] || now[2] != was[2] {
			t.Error("others were erased too")
		}
		if now[1] == was[1] {
			t.Error("the erased one came back")
		}
	})

	t.Run("another key is refused", func(t *testing.T) {
		store := t.TempDir()
		d, closeIt := open(t, store, key)
		resolve(t, d, emails(0, 1))
		closeIt()
		for _, wrong := range [][]byte{[]byte(strings.Repeat("x", 32)), []byte("short"), nil} {
			d, closeIt := open(t, store, wrong)
			if _, err := d.Resolve(t.Context(), emails(0, 1)); err == nil {
				t.Error("resolved under another key")
			}
			if _, _, err := d.Lookup(t.Context(), email(0)); err == nil {
				t.Error("looked up under another key")
			}
			if err := d.Erase(t.Context(), email(0)); err == nil {
				t.Error("erased under another key")
			}
			closeIt()
		}
	})

	t.Run("callers at once get the same", func(t *testing.T) {
		d, closeIt := open(t, t.TempDir(), key)
		defer closeIt()
		const callers = 16
		got := make([][]weir.Subject, callers)
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range 20 {
					ss, err := d.Resolve(t.Context(), emails(i*5, i*5+10))
					if err != nil {
						t.Error(err)
						return
					}
					got[c] = append(got[c], ss...)
				}
			})
		}
		wg.Wait()
		for c := range got {
			if !slices.Equal(got[c], got[0]) {
				t.Fatalf("caller %d was given others", c)
			}
		}
		if got[0][5] != got[0][10] {
			t.Error("one identifier has two subjects")
		}
	})

	t.Run("erasing beside resolving", func(t *testing.T) {
		d, closeIt := open(t, t.TempDir(), key)
		defer closeIt()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range 30 {
					if _, err := d.Resolve(t.Context(), emails(i%5, i%5+3)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			for range 10 {
				if err := d.Erase(t.Context(), email(2)); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Wait()
		if err := d.Erase(t.Context(), email(2)); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := d.Lookup(t.Context(), email(2)); ok || err != nil {
			t.Error("it is still there", err)
		}
	})

	t.Run("an ended context", func(t *testing.T) {
		d, closeIt := open(t, t.TempDir(), key)
		defer closeIt()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.Resolve(ctx, emails(0, 1)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})

	t.Run("errors hold no value", func(t *testing.T) {
		d, closeIt := open(t, t.TempDir(), []byte("short"))
		defer closeIt()
		if _, err := d.Resolve(t.Context(), emails(77, 78)); err == nil || strings.Contains(err.Error(), "customer77") {
			t.Error(err)
		}
	})
}

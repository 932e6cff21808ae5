package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/getweir/weir/ledger"
)

// batch makes n entries from first on, of about size bytes. A store does not look
// into frames.
func batch(first int64, n, size int) *ledger.Batch {
	text := fmt.Sprintf("frames of %d entries from %d on;", n, first)
	frames := bytes.Repeat([]byte(text), 1+size/len(text))
	return &ledger.Batch{First: first, N: n, Frames: frames, Root: sha256.Sum256(frames), Signature: []byte("signature of " + text)}
}

func sameBatch(a, b *ledger.Batch) bool {
	return a.First == b.First && a.N == b.N && a.Root == b.Root && bytes.Equal(a.Frames, b.Frames) && bytes.Equal(a.Signature, b.Signature)
}

func note(size int64) ledger.Note {
	return ledger.Note{Size: size, Text: fmt.Appendf(nil, "log.example.com\n%d\nroot\n", size)}
}

// Copies tests a ledger.Store. open opens the same store each time it is called
// within one test, and gives a function that closes it.
func Copies(t *testing.T, open func(t *testing.T, store string) (ledger.Store, func())) {
	const log = "ledger.example.com/node-1"

	claim := func(t *testing.T, s ledger.Store, log string) ledger.Copy {
		t.Helper()
		c, err := s.Claim(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	put := func(t *testing.T, c ledger.Copy, b *ledger.Batch, notes ...ledger.Note) {
		t.Helper()
		if err := c.Put(t.Context(), b, notes); err != nil {
			t.Fatal(err)
		}
	}
	all := func(t *testing.T, c ledger.Copy, from int64) (out []ledger.Batch) {
		t.Helper()
		for {
			some, err := c.Batches(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			if len(some) == 0 {
				return out
			}
			for _, b := range some {
				if len(out) > 0 && b.First != from {
					t.Fatalf("entry %d comes after %d", b.First, from)
				}
				out = append(out, b)
				from = b.First + int64(b.N)
			}
		}
	}

	t.Run("a new one is empty", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		c := claim(t, s, log)
		defer c.Close()
		if h := c.Head(); h.Size != 0 || h.Root != tlog.Hash(sha256.Sum256(nil)) {
			t.Errorf("%+v", h)
		}
		if n := len(all(t, c, 0)); n != 0 {
			t.Errorf("%d batches", n)
		}
		if notes, err := c.Checkpoints(t.Context(), 0); err != nil || len(notes) != 0 {
			t.Error(notes, err)
		}
	})

	t.Run("what was put is there", func(t *testing.T) {
		store := t.TempDir()
		s, closeIt := open(t, store)
		c := claim(t, s, log)
		var want []*ledger.Batch
		first := int64(0)
		for _, n := range []int{1, 3, 64, 1, 7} {
			b := batch(first, n, 100*n)
			put(t, c, b, note(first+1))
			want = append(want, b)
			first += int64(n)
		}
		last := note(first)
		last.Keys = []byte("a file of keys")
		if c.Keys() != nil {
			t.Errorf("keys %q before there are any", c.Keys())
		}
		put(t, c, nil, last)
		c.Close()
		closeIt()
		s, closeIt = open(t, store)
		defer closeIt()
		c = claim(t, s, log)
		defer c.Close()
		if h := c.Head(); h.Size != first || h.Root != want[4].Root || string(c.Keys()) != "a file of keys" {
			t.Errorf("%+v, keys %q", h, c.Keys())
		}
		got := all(t, c, 0)
		if len(got) != len(want) {
			t.Fatalf("%d batches", len(got))
		}
		for i := range got {
			if !sameBatch(&got[i], want[i]) {
				t.Errorf("batch %d is another", i)
			}
		}
		// From within a batch, that batch comes first.
		for from, i := range map[int64]int{0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 67: 2, 68: 3, 75: 4} {
			if got := all(t, c, from); len(got) != len(want)-i || !sameBatch(&got[0], want[i]) {
				t.Errorf("from %d: %d batches", from, len(got))
			}
		}
		var sizes []string
		for after := int64(0); ; {
			notes, err := c.Checkpoints(t.Context(), after)
			if err != nil {
				t.Fatal(err)
			}
			if len(notes) == 0 {
				break
			}
			for _, n := range notes {
				sizes = append(sizes, string(n))
				fmt.Sscanf(string(n), "log.example.com\n%d", &after)
			}
		}
		var wanted []string
		for _, n := range []int64{1, 2, 5, 69, 70, 76} {
			wanted = append(wanted, string(note(n).Text))
		}
		if fmt.Sprint(sizes) != fmt.Sprint(wanted) {
			t.Errorf("checkpoints %q", sizes)
		}
		put(t, c, batch(first, 2, 10))
	})

	t.Run("much is given in parts", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		c := claim(t, s, log)
		defer c.Close()
		for i := range 12 {
			put(t, c, batch(int64(i), 1, 2<<20))
		}
		some, err := c.Batches(t.Context(), 0)
		if err != nil || len(some) == 0 || len(some) > 11 {
			t.Errorf("%d batches at once, %v", len(some), err)
		}
		if n := len(all(t, c, 0)); n != 12 {
			t.Errorf("%d batches", n)
		}
	})

	t.Run("the same again is no error, something else is", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		c := claim(t, s, log)
		defer c.Close()
		for _, b := range []*ledger.Batch{batch(0, 2, 50), batch(2, 5, 50)} {
			put(t, c, b, note(b.First+1))
			put(t, c, b, note(b.First+1))
		}
		put(t, c, batch(0, 2, 50))
		for name, b := range map[string]*ledger.Batch{
			"other frames":         batch(2, 5, 100),
			"another count":        {First: 2, N: 4, Frames: batch(2, 5, 50).Frames, Root: batch(2, 5, 50).Root, Signature: []byte("s")},
			"another root":         {First: 2, N: 5, Frames: batch(2, 5, 50).Frames, Root: tlog.Hash{1}, Signature: []byte("s")},
			"within a batch":       batch(3, 9, 50),
			"behind what is there": batch(9, 1, 50),
		} {
			if err := c.Put(t.Context(), b, nil); !errors.Is(err, ledger.ErrForked) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := all(t, c, 0); len(got) != 2 || !sameBatch(&got[1], batch(2, 5, 50)) {
			t.Error("something was added or changed")
		}
	})

	t.Run("ledgers do not mix", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		a, b := claim(t, s, log), claim(t, s, log+"1")
		defer a.Close()
		defer b.Close()
		put(t, a, batch(0, 1, 10), note(1))
		put(t, b, batch(0, 2, 20), note(2))
		put(t, a, batch(1, 1, 10))
		if n, m := len(all(t, a, 0)), len(all(t, b, 0)); n != 2 || m != 1 {
			t.Error(n, m)
		}
		if notes, err := b.Checkpoints(t.Context(), 0); err != nil || len(notes) != 1 {
			t.Error(notes, err)
		}
	})

	t.Run("the later claim writes", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		a := claim(t, s, log)
		put(t, a, batch(0, 1, 10))
		b, err := s.Claim(t.Context(), log)
		if errors.Is(err, ledger.ErrLocked) {
			// It can tell that the first is alive, which then goes on.
			put(t, a, batch(1, 1, 10))
			a.Close()
			b, err = s.Claim(t.Context(), log)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		next := b.Head().Size
		if err := a.Put(t.Context(), batch(next, 1, 30), []ledger.Note{note(next + 1)}); !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("the earlier claim: %v", err)
		}
		put(t, b, batch(next, 1, 10))
		if notes, err := b.Checkpoints(t.Context(), 0); err != nil || len(notes) != 0 {
			t.Error("the earlier claim's checkpoint was kept", err)
		}
	})

	t.Run("of many at once one writes", func(t *testing.T) {
		store := t.TempDir()
		s, closeIt := open(t, store)
		defer closeIt()
		const claims = 4
		var wg sync.WaitGroup
		var mu sync.Mutex
		written := map[int64]int{}
		for i := range claims {
			wg.Go(func() {
				c, err := s.Claim(t.Context(), log)
				if errors.Is(err, ledger.ErrLocked) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				for j := range 10 {
					first := c.Head().Size + int64(j)
					b := batch(first, 1, 10)
					b.Signature = fmt.Append(nil, i)
					b.Frames = fmt.Appendf(b.Frames, "by %d", i)
					err := c.Put(t.Context(), b, nil)
					if errors.Is(err, ledger.ErrFenced) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					written[first]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		c := claim(t, s, log)
		defer c.Close()
		got := all(t, c, 0)
		if len(got) == 0 || len(got) != len(written) {
			t.Errorf("%d are there, %d were acknowledged", len(got), len(written))
		}
		for first, n := range written {
			if n != 1 {
				t.Errorf("entry %d was acknowledged to %d", first, n)
			}
		}
	})

	t.Run("an ended context", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		c := claim(t, s, log)
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Put(ctx, batch(0, 1, 10), nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		put(t, c, batch(0, 1, 10))
	})
}

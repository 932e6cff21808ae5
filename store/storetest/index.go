package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/getweir/weir/index"
)

// Index tests a store of an index. open opens the same store each time it is
// called within one test, and gives a function that closes it.
func Index(t *testing.T, open func(t *testing.T, dir string) (index.Store, func())) {
	key := func(i int) (k index.Key) {
		binary.BigEndian.PutUint32(k[:], uint32(i*2654435761))
		return k
	}
	update := func(t *testing.T, s index.Store, fn func(w index.Writer) error) {
		t.Helper()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	view := func(t *testing.T, s index.Store, fn func(r index.Reader) error) {
		t.Helper()
		if err := s.View(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	pages := func(t *testing.T, r index.Reader, table index.Table, bucket int, from, to int64) (all []string) {
		t.Helper()
		if err := r.Pages(table, bucket, from, to, func(chunk int64, body []byte) error {
			all = append(all, fmt.Sprintf("%d %s", chunk, body))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	fill := func(w index.Writer) error {
		errs := []error{w.SetHead([]byte("one")), w.SetHead([]byte("two"))}
		for i := 1; i <= 100; i++ {
			body := fmt.Appendf(nil, "body %d", i)
			errs = append(errs, w.Name(index.Whos, key(i), uint32(i*i), body), w.Name(index.Subjects, key(i), uint32(i), nil))
			errs = append(errs, w.Link("role:support", uint32(i*7%101)), w.Link("role:support", uint32(i*7%101)))
		}
		errs = append(errs, w.Link("role:o'brien \"x\"", 5))
		for _, c := range []int64{0, 1 << 40, 7, 8} {
			errs = append(errs, w.Page(index.Visits, 3, c, fmt.Appendf(nil, "visits %d", c)))
		}
		errs = append(errs, w.Page(index.Visits, 4, 7, []byte("another bucket")), w.Page(index.Sights, 3, 7, []byte("another table")))
		return errors.Join(errs...)
	}
	filled := func(t *testing.T, r index.Reader) {
		t.Helper()
		if h, err := r.Head(); string(h) != "two" || err != nil {
			t.Errorf("head %q %v", h, err)
		}
		ids := []uint32{9, 9, 9}
		if err := r.IDs(index.Whos, []index.Key{key(3), key(1000), key(100)}, ids); err != nil || !slices.Equal(ids, []uint32{9, 0, 10000}) {
			t.Error(ids, err)
		}
		if err := r.IDs(index.Subjects, []index.Key{key(3)}, ids); err != nil || ids[0] != 3 {
			t.Error(ids, err)
		}
		if err := r.IDs(index.Words, []index.Key{key(3)}, ids); err != nil || ids[0] != 0 {
			t.Error("a kind has the names of another", ids, err)
		}
		var wanted []uint32
		for i := 1; i <= 100; i += 3 {
			wanted = append(wanted, uint32(i*i))
		}
		n := 0
		if err := r.Bodies(index.Whos, wanted, func(i int, body []byte) error {
			if i != n || string(body) != fmt.Sprintf("body %d", 1+3*i) {
				t.Errorf("%d: body %d is %q", n, i, body)
			}
			n++
			return nil
		}); err != nil || n != len(wanted) {
			t.Error(n, err)
		}
		if err := r.Bodies(index.Whos, []uint32{4, 5}, func(int, []byte) error { return nil }); err == nil {
			t.Error("a number that stands for nothing has a body")
		}
		all, err := r.Linked("role:support")
		if err != nil || len(all) != 100 || !slices.IsSorted(all) {
			t.Error(len(all), err)
		}
		if all, err := r.Linked("role:o'brien \"x\""); err != nil || !slices.Equal(all, []uint32{5}) {
			t.Error(all, err)
		}
		if all, err := r.Linked("role:sup%"); err != nil || len(all) != 0 {
			t.Error(all, err)
		}
		if got := pages(t, r, index.Visits, 3, 1, 1<<62); !slices.Equal(got, []string{"7 visits 7", "8 visits 8", "1099511627776 visits 1099511627776"}) {
			t.Error(got)
		}
		if got := pages(t, r, index.Visits, 3, 0, 0); !slices.Equal(got, []string{"0 visits 0"}) {
			t.Error(got)
		}
		if got := pages(t, r, index.Roll, 0, 0, 1<<62); len(got) != 0 {
			t.Error(got)
		}
	}

	t.Run("what was written is read", func(t *testing.T) {
		dir := t.TempDir()
		s, closeIt := open(t, dir)
		view(t, s, func(r index.Reader) error {
			if h, err := r.Head(); h != nil || err != nil {
				t.Errorf("an empty store has a head: %q %v", h, err)
			}
			return nil
		})
		update(t, s, fill)
		view(t, s, func(r index.Reader) error { filled(t, r); return nil })
		update(t, s, func(w index.Writer) error { filled(t, w); return nil })
		closeIt()
		s, closeIt = open(t, dir)
		defer closeIt()
		view(t, s, func(r index.Reader) error { filled(t, r); return nil })
	})

	t.Run("all or nothing", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		update(t, s, fill)
		stop := errors.New("stop")
		if err := s.Update(t.Context(), func(w index.Writer) error {
			if err := errors.Join(w.Clear(), w.SetHead([]byte("three")), w.Link("role:support", 7777)); err != nil {
				t.Fatal(err)
			}
			if h, err := w.Head(); string(h) != "three" || err != nil {
				t.Errorf("an Update does not see what it wrote: %q %v", h, err)
			}
			return stop
		}); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Update(ctx, func(w index.Writer) error {
			if err := w.SetHead([]byte("four")); err != nil {
				t.Fatal(err)
			}
			cancel()
			return nil
		}); err == nil {
			t.Error("an Update was committed whose context had ended")
		}
		view(t, s, func(r index.Reader) error { filled(t, r); return nil })
		if err := s.View(t.Context(), func(index.Reader) error { return stop }); !errors.Is(err, stop) {
			t.Error(err)
		}
	})

	t.Run("a second page or name in one place is refused", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		update(t, s, fill)
		for name, again := range map[string]func(w index.Writer) error{
			"page":   func(w index.Writer) error { return w.Page(index.Visits, 3, 7, []byte("x")) },
			"name":   func(w index.Writer) error { return w.Name(index.Whos, key(3), 12345, []byte("x")) },
			"number": func(w index.Writer) error { return w.Name(index.Whos, key(3000), 9, []byte("x")) },
		} {
			if err := s.Update(t.Context(), again); err == nil {
				t.Errorf("a second %s was taken", name)
			}
		}
		view(t, s, func(r index.Reader) error { filled(t, r); return nil })
	})

	t.Run("cleared is empty", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		update(t, s, fill)
		update(t, s, func(w index.Writer) error { return w.Clear() })
		view(t, s, func(r index.Reader) error {
			if h, err := r.Head(); h != nil || err != nil {
				t.Errorf("%q %v", h, err)
			}
			if got := pages(t, r, index.Visits, 3, 0, 1<<62); len(got) != 0 {
				t.Error(got)
			}
			return nil
		})
		update(t, s, fill)
		view(t, s, func(r index.Reader) error { filled(t, r); return nil })
	})

	t.Run("a view is of one moment", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		update(t, s, fill)
		view(t, s, func(r index.Reader) error {
			filled(t, r)
			update(t, s, func(w index.Writer) error {
				return errors.Join(w.Clear(), w.SetHead([]byte("later")))
			})
			filled(t, r)
			return nil
		})
	})

	t.Run("long pages", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		long := bytes.Repeat([]byte{0, 1, 2, 0xff}, 1<<19)
		update(t, s, func(w index.Writer) error { return w.Page(index.Visits, 0, 1, long) })
		view(t, s, func(r index.Reader) error {
			return r.Pages(index.Visits, 0, 0, 5, func(_ int64, body []byte) error {
				if !bytes.Equal(body, long) {
					t.Error("it is another")
				}
				return nil
			})
		})
	})

	t.Run("many at once", func(t *testing.T) {
		s, closeIt := open(t, t.TempDir())
		defer closeIt()
		update(t, s, func(w index.Writer) error { return w.SetHead([]byte{0}) })
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					err := s.Update(t.Context(), func(w index.Writer) error {
						h, err := w.Head()
						if err != nil {
							return err
						}
						return w.SetHead([]byte{h[0] + 1})
					})
					if err == nil {
						err = s.View(t.Context(), func(r index.Reader) error { _, err := r.Head(); return err })
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		view(t, s, func(r index.Reader) error {
			if h, err := r.Head(); err != nil || len(h) != 1 || h[0] != 80 {
				t.Errorf("80 Updates counted to %d: %v", h, err)
			}
			return nil
		})
	})
}

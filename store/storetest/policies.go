package storetest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/policy"
)

// Policies tests a store of whole policies. open opens the same store each time it is
// called within one test, and gives a function that closes it.
func Policies(t *testing.T, open func(t *testing.T, store string) (approval.Versions, func())) {
	sources := []policy.Source{{Name: "policy.yaml", Text: []byte("version: 1 # ü\r\n")}, {Name: "roles/support.yaml", Text: []byte("b")}, {Name: "c.yaml", Text: []byte{0xff, 0}}}
	same := func(t *testing.T, v approval.Versions, digest [32]byte, want []policy.Source) {
		t.Helper()
		got, err := v.Version(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		// Which files are included, and in which order, the first one says.
		byName := func(a, b policy.Source) int { return strings.Compare(a.Name, b.Name) }
		want = slices.Clone(want)
		slices.SortFunc(got[1:], byName)
		slices.SortFunc(want[1:], byName)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}

	t.Run("what is kept is there, also after it was closed", func(t *testing.T) {
		dir := t.TempDir()
		v, end := open(t, dir)
		if _, err := v.Version(t.Context(), [32]byte{1}); !errors.Is(err, approval.ErrNoVersion) {
			t.Errorf("before: %v", err)
		}
		if err := v.Keep(t.Context(), [32]byte{1}, sources); err != nil {
			t.Fatal(err)
		}
		same(t, v, [32]byte{1}, sources)
		end()
		v, end = open(t, dir)
		defer end()
		same(t, v, [32]byte{1}, sources)
		if _, err := v.Version(t.Context(), [32]byte{2}); !errors.Is(err, approval.ErrNoVersion) {
			t.Errorf("another: %v", err)
		}
	})
	t.Run("what is kept never changes", func(t *testing.T) {
		v, end := open(t, t.TempDir())
		defer end()
		for _, text := range []string{"first", "second"} {
			if err := v.Keep(t.Context(), [32]byte{3}, []policy.Source{{Name: "policy.yaml", Text: []byte(text)}}); err != nil {
				t.Fatal(err)
			}
		}
		same(t, v, [32]byte{3}, []policy.Source{{Name: "policy.yaml", Text: []byte("first")}})
	})
	t.Run("many keep the same at once", func(t *testing.T) {
		v, end := open(t, t.TempDir())
		defer end()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := v.Keep(t.Context(), [32]byte{4}, sources); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		same(t, v, [32]byte{4}, sources)
	})
	t.Run("a policy has a file", func(t *testing.T) {
		v, end := open(t, t.TempDir())
		defer end()
		if err := v.Keep(t.Context(), [32]byte{5}, nil); err == nil {
			t.Error("one without is kept")
		}
	})
}

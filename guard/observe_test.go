package guard

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"pgregory.net/rapid"
)

// visit is one exchange of a property.
type visited struct {
	name   string
	role   string
	path   string
	bodies []string
	pause  time.Duration
}

func drawVisit(t *rapid.T) visited {
	v := visited{
		name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), role: rapid.SampledFrom([]string{"support", "support", "bulk"}).Draw(t, "role"),
		path: "/c", pause: time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute,
	}
	n := rapid.IntRange(0, 4).Draw(t, "records")
	if rapid.Bool().Draw(t, "one") {
		i := rapid.IntRange(0, 40).Draw(t, "customer")
		v.path = fmt.Sprintf("/c/c-%d", i)
		v.bodies = []string{bodyOf(i)}
		return v
	}
	for range n {
		i := rapid.IntRange(0, 40).Draw(t, "customer")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0: // masked only, and of high sensitivity
			v.bodies = append(v.bodies, fmt.Sprintf(`{"id":"c-%d","phone":"+1415555%04d"}`, i, 100+i))
		case 1:
			v.bodies = append(v.bodies, fmt.Sprintf(`{"id":"c-%d","email":"p%d@example.com","other":{"email":"q%d@example.com"}}`, i, i, i))
		default:
			v.bodies = append(v.bodies, bodyOf(i))
		}
	}
	return v
}

// acted is what a visit came to: what was done to which class, and why it was stopped.
type acted struct {
	acts   []string
	reason weir.Reason
}

// visit plays an exchange, and reads from the ledger what was done, or would have been.
func (f *fixture) visit(t *rapid.T, v visited) (a acted) {
	f.now = f.now.Add(v.pause)
	f.quiet.drain(f.now) // each denial is told by itself
	from := len(f.log.entries)
	x := exchange(v.name, v.role, v.path)
	x.ID[0] = 1
	p, denial := f.Admit(t.Context(), x)
	if denial == nil {
		r := p.Release(t.Context(), records(v.bodies...))
		if f.mode == Observe && (r.Stop != nil || len(r.Out) != len(v.bodies)) {
			t.Fatalf("observed, and stopped: %v", r.Stop)
		}
		for i, out := range r.Out {
			if f.mode == Observe && string(out) != v.bodies[i] {
				t.Fatalf("observed, and changed: %s", out)
			}
		}
		p.Close(t.Context(), Outcome{Status: 200})
	}
	for _, e := range f.log.entries[from:] {
		acts := e.Actions
		if e.Would != nil {
			acts = e.Would.Actions
		}
		for _, c := range acts {
			a.acts = append(a.acts, fmt.Sprint(c.Class, c.Action, c.N))
		}
		if e.Kind == ledger.Denied || e.Kind == ledger.WouldDeny {
			a.reason = e.Reason
		}
	}
	slices.Sort(a.acts)
	return a
}

// TestObservingForetells: up to the first stop, what is said to have been done while
// observing is what enforcing does. And whoever is enforced behind it, after a
// restart, goes on as if it had been enforced from the beginning.
func TestObservingForetells(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		observed, enforced := newFixture(t, Observe), newFixture(t, Enforce)
		visits := rapid.SliceOfN(rapid.Custom(drawVisit), 1, 25).Draw(rt, "visits")
		turn := rapid.IntRange(0, len(visits)).Draw(rt, "turn")
		for i, v := range visits {
			if i == turn {
				observed.restart(rt)
				enforced.restart(rt)
			}
			would, did := observed.visit(rt, v), enforced.visit(rt, v)
			if would.reason != did.reason {
				rt.Fatalf("visit %d (enforced from %d): stopped for %q, said to be for %q", i, turn, did.reason, would.reason)
			}
			if did.reason != "" && i < turn {
				return // what came behind it has left here, and not there
			}
			if did.reason == "" && !slices.Equal(would.acts, did.acts) {
				rt.Fatalf("visit %d: did %v, would have done %v", i, did.acts, would.acts)
			}
		}
	})
}

// restart makes the guard anew from its ledger, enforcing.
func (f *fixture) restart(t *rapid.T) {
	rules := f.rules.Load()
	now := f.now
	g, err := New(Config{Policy: rules.policy, Inspect: rules.inspect, Ledger: f.log, Subjects: f.subjects, Mode: Enforce, Now: func() time.Time { return f.now }})
	if err != nil {
		t.Fatal(err)
	}
	f.now = now
	if err := g.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Guard = g
}

// TestObservedNumbers: the exposure says what would have been done, and what really
// left, and claims no bound.
func TestObservedNumbers(t *testing.T) {
	f := newFixture(t, Observe)
	for i := range 14 {
		p := admit(t, f, exchange("a", "support", "/c"))
		if r := p.Release(t.Context(), records(bodyOf(i))); len(r.Out) != 1 {
			t.Fatalf("%+v", r)
		}
		p.Close(t.Context(), Outcome{Status: 200})
	}
	x := f.Exposure()
	if x.Observed.Stopped != 4 || x.Observed.Withheld != 4 || x.Observed.Masked != 10 {
		t.Errorf("%+v", x.Observed)
	}
	taken := 0
	for _, r := range x.Rows {
		if r.Party.Kind == weir.ByCredential {
			taken = max(taken, r.Taken[weir.Clear][weir.Hour])
		}
	}
	if taken != 14 || x.Hour != weir.Unbounded {
		t.Errorf("%d taken, %d could be", taken, x.Hour)
	}
	h := NewHabits()
	for _, e := range f.log.entries {
		h.Read(e)
	}
	for _, one := range h.All() {
		if one.Party.Kind == weir.ByCredential && (one.Need[weir.Clear][weir.Hour] != 14 || one.Need[weir.Sensitive][weir.Hour] != 0 || one.Peak[weir.Clear][weir.Hour] != 14) {
			t.Errorf("%+v", one)
		}
	}
}

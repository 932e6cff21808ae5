package guard

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
)

// TestCrowd compares a crowd with what its comment says, done the long way.
func TestCrowd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type known struct {
			group int
			ids   []weir.Identifier
		}
		var want []known
		var c crowd
		c.reset()
	next:
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			id := weir.Identifier{
				Kind:  rapid.SampledFrom([]string{"email", "phone", "card", "iban"}).Draw(t, "kind"),
				Value: weir.NewPlain(rapid.StringMatching("[a-c]{1,2}").Draw(t, "value")),
			}
			group := rapid.IntRange(-2, 3).Draw(t, "group")
			c.claim(id, group, weir.Lanes(0).With(weir.Clear), 0)
			for _, k := range want {
				if slices.ContainsFunc(k.ids, id.Equal) {
					continue next
				}
			}
			for i, k := range want {
				if k.group == group && !slices.ContainsFunc(k.ids, func(o weir.Identifier) bool { return o.Kind == id.Kind }) {
					want[i].ids = append(k.ids, id)
					continue next
				}
			}
			want = append(want, known{group, []weir.Identifier{id}})
		}
		if len(c.people) != len(want) {
			t.Fatalf("%d people, want %d", len(c.people), len(want))
		}
		for i, id := range c.IDs {
			if w := want[c.owner[i]]; w.group != c.people[c.owner[i]].group || !slices.ContainsFunc(w.ids, id.Equal) {
				t.Errorf("a %s belongs to somebody else", id.Kind)
			}
		}
	})
}

// BenchmarkCrowd is the worst that a segment may hold: as many addresses in one
// object as there may be people.
func BenchmarkCrowd(b *testing.B) {
	var ids []weir.Identifier
	for i := range mostCustomers {
		ids = append(ids, weir.Identifier{Kind: "email", Value: weir.NewPlain(fmt.Sprintf("person%d@example.com", i))})
	}
	var c crowd
	for b.Loop() {
		c.reset()
		for _, id := range ids {
			c.claim(id, 0, 0, 0)
		}
	}
}

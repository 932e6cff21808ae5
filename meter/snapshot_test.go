package meter

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
)

// TestSnapshotGoesOn: a meter that was written and read decides, and counts, as the
// one that wrote it, whatever comes then.
func TestSnapshotGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New()
		m.exact = rapid.SampledFrom([]int{1, 3, 8, 1000}).Draw(t, "exact")
		accounts := []weir.Account{account(weir.ByPrincipal, "p", 4, 6, 9), account(weir.ByRole, "r", 8, weir.Unbounded, 14), account(weir.ByDeployment, "", 9, 12, 16)}
		now := start
		step := func(label string, meters ...*Meter) {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 59, 600, 3600, 20000, 86400, 700000, 3000000}).Draw(t, label)) * time.Second)
			use := accounts[rapid.IntRange(0, 2).Draw(t, "from"):]
			lane := weir.Lane(rapid.IntRange(0, int(weir.NumLanes)-1).Draw(t, "lane"))
			who := demand(lane, rapid.SliceOfNDistinct(rapid.IntRange(0, 20), 1, 3, rapid.ID[int]).Draw(t, "who")...)
			fit, over := -1, (*Over)(nil)
			for i, m := range meters {
				f, o := m.Charge(now, use, [][]Demand{who})
				if i > 0 && (f != fit || (o == nil) != (over == nil) || o != nil && *o != *over) {
					t.Fatalf("fit %d (%+v), and %d (%+v)", fit, over, f, o)
				}
				fit, over = f, o
				for _, a := range accounts {
					for l := range weir.NumLanes {
						if i > 0 && m.Usage(now, a.Party, l, time.Hour) != meters[0].Usage(now, a.Party, l, time.Hour) {
							t.Fatalf("%s %s: %+v, and %+v", a.Party, l, meters[0].Usage(now, a.Party, l, time.Hour), m.Usage(now, a.Party, l, time.Hour))
						}
					}
				}
			}
		}
		for range rapid.IntRange(0, 40).Draw(t, "before") {
			step("wait", m)
		}
		again, err := Load(m.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		again.exact = m.exact
		for range rapid.IntRange(0, 40).Draw(t, "after") {
			step("later", m, again)
		}
	})
}

// FuzzLoad: whatever is read as a snapshot, it ends, and a meter that comes of it
// can be used and written again.
func FuzzLoad(f *testing.F) {
	m := New()
	m.exact = 5
	for i := range 30 {
		m.Restore(start.Add(time.Duration(i)*time.Hour), []weir.Party{{Kind: weir.ByPrincipal, Name: strconv.Itoa(i % 2)}, {Kind: weir.ByDeployment}}, demand(weir.Lane(i%3), i%9))
	}
	f.Add(m.Snapshot())
	f.Add(New().Snapshot())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Load(b)
		if err != nil {
			return
		}
		at := time.Unix(int64(m.now)+epoch, 0)
		for _, p := range m.Parties() {
			m.Charge(at, []weir.Account{{Party: p, Budgets: &weir.Budgets{{9, 9, 9}, {9, 9, 9}, {9, 9, 9}}}}, [][]Demand{demand(weir.Clear, 1, 2, 3)})
		}
		m.Sweep(at.Add(20 * 24 * time.Hour))
		if _, err := Load(m.Snapshot()); err != nil {
			t.Fatal(err)
		}
	})
}

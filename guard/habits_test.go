package guard

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// TestHabitsAgainstModel compares peaks and usual hours with what counting anew at
// each entry gives.
func TestHabitsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHabits()
		type sight struct {
			party   string
			subject byte
			at      time.Time
		}
		var seen []sight
		peak := map[string]weir.Budget{}
		hours := map[string]map[int64]int{}
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 40).Draw(t, "entries") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 60, 1800, 5000, 90000, 1000000}).Draw(t, "wait")) * time.Second)
			e := &ledger.Entry{Kind: ledger.Release, Time: now, Principal: rapid.SampledFrom([]string{"ada", "bob"}).Draw(t, "who"), Role: "support", PrincipalKind: weir.Staff}
			e.Credential = "key:" + e.Principal
			for _, s := range rapid.SliceOfNDistinct(rapid.ByteRange(1, 9), 1, 3, rapid.ID[byte]).Draw(t, "subjects") {
				e.Subjects = append(e.Subjects, ledger.Taken{Subject: weir.Subject{s}, Lanes: weir.Lanes(0).With(weir.Clear)})
			}
			h.Read(e)
			h.Read(&ledger.Entry{Kind: ledger.Close, Time: now})
			for _, party := range []string{"principal:" + e.Principal, "role:support"} {
				for _, s := range e.Subjects {
					seen = append(seen, sight{party, s.Subject[0], now})
				}
				b := peak[party]
				if hours[party] == nil {
					hours[party] = map[int64]int{}
				}
				for w := range weir.NumWindows {
					in := map[byte]bool{}
					for _, s := range seen {
						if s.party == party && now.Sub(s.at) <= w.Duration() {
							in[s.subject] = true
						}
					}
					b[w] = max(b[w], len(in))
					if w == weir.Hour {
						hours[party][now.Unix()/3600] = max(hours[party][now.Unix()/3600], len(in))
					}
				}
				peak[party] = b
			}
		}
		for _, got := range h.All() {
			want, ok := peak[got.Party.String()]
			if !ok {
				continue
			}
			if got.Peak[weir.Clear] != want || got.Role != "support" {
				t.Fatalf("%s: %+v, want %v", got.Party, got, want)
			}
			var busy []int
			for _, n := range hours[got.Party.String()] {
				busy = append(busy, n)
			}
			slices.Sort(busy)
			if usual := busy[(99*len(busy)+99)/100-1]; got.Usual[weir.Clear] != usual {
				t.Fatalf("%s: %d in a usual hour, want %d", got.Party, got.Usual[weir.Clear], usual)
			}
			delete(peak, got.Party.String())
		}
		if len(peak) > 0 {
			t.Fatal(fmt.Sprint("nobody tells of ", peak))
		}
	})
}

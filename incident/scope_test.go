package incident_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/incident"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/ledger"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func subject(i int) weir.Subject { return weir.Subject{15: byte(i), 0: 1} }

// record puts entries on a real ledger and gives it to ask.
func record(t interface{ Fatal(...any) }, dir string, all []*ledger.Entry) index.Log {
	key, _, err := ledger.GenerateKey("ledger.example.com/scoped")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(dir, ledger.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	if len(all) > 0 {
		if _, err := l.Append(ctx, all...); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	log, err := index.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func scope(t interface{ Fatal(...any) }, log index.Log, q index.Question, named func([]weir.Subject) ([]bool, error)) *incident.Scope {
	s := incident.NewScoping()
	a, err := index.Ask(context.Background(), nil, log, q, func(v *index.Visit) error { s.Add(v); return nil })
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Scope(a, named)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func draw(t *rapid.T) (all []*ledger.Entry) {
	at := day
	for i := range rapid.IntRange(0, 25).Draw(t, "exchanges") {
		base := ledger.Entry{
			Exchange: weir.ExchangeID{byte(i), 1}, Credential: rapid.SampledFrom([]string{"k1", "k2"}).Draw(t, "credential"), Principal: "ann", PrincipalKind: weir.Staff, Role: "support",
			Door: "inbound", Route: rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "route"), Recipient: rapid.SampledFrom([]string{"", "vendor-a"}).Draw(t, "recipient"), Purpose: "support",
		}
		add := func(kind ledger.Kind, most int) *ledger.Entry {
			at = at.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "pause")) * time.Second)
			e := base
			e.Kind, e.Time = kind, at
			for range rapid.IntRange(0, most).Draw(t, "subjects") {
				s := subject(rapid.IntRange(0, 9).Draw(t, "subject"))
				if !slices.ContainsFunc(e.Subjects, func(t ledger.Taken) bool { return t.Subject == s }) {
					e.Subjects = append(e.Subjects, ledger.Taken{Subject: s, Lanes: weir.Lanes(rapid.IntRange(1, 31).Draw(t, "lanes"))})
				}
			}
			all = append(all, &e)
			return &e
		}
		add(ledger.Intent, 1)
		for range rapid.IntRange(0, 2).Draw(t, "batches") {
			e := add(ledger.Release, 3)
			e.Read = 1
			for _, c := range []weir.Class{"contact.email", "payment.card"} {
				if a := rapid.IntRange(0, 3).Draw(t, "action"); a < 3 {
					e.Actions = append(e.Actions, ledger.Count{Class: c, Action: weir.Action(a), N: 1})
				}
			}
		}
		if rapid.Bool().Draw(t, "denied") {
			e := add(ledger.Denied, 2)
			e.Reason, e.N = weir.ReasonNotOwn, 1
		}
		if rapid.IntRange(0, 3).Draw(t, "close") > 0 {
			e := add(ledger.Close, 0)
			e.Outcome = rapid.SampledFrom([]string{"", "", "stopped", "client-left", "upstream-failed"}).Draw(t, "outcome")
			e.Unread = int64(rapid.IntRange(0, 1).Draw(t, "unread") * 7)
		}
	}
	return all
}

// brute sorts customers by reading each entry by itself, with the definitions of
// the package comment and nothing of its code.
func brute(all []*ledger.Entry, asked func(*ledger.Entry) bool, within func(time.Time) bool, named func(weir.Subject) bool) (lines []string) {
	type fact struct {
		set     string
		why     string
		indices []int
		at      time.Time
		clear   []string
		masked  []string
		shared  bool
	}
	facts := map[weir.Subject][]fact{}
	for i, e := range all {
		if !asked(e) || !within(e.Time) || e.Kind == ledger.Close {
			continue
		}
		end := slices.IndexFunc(all, func(o *ledger.Entry) bool { return o.Kind == ledger.Close && o.Exchange == e.Exchange })
		for _, s := range e.Subjects {
			clear := e.Kind == ledger.Release && (s.Lanes.Has(weir.Clear) || s.Lanes.Has(weir.Sensitive) || s.Lanes.Has(weir.Own))
			f := fact{set: "excluded", indices: []int{i}, at: e.Time, shared: e.Kind == ledger.Release && len(e.Subjects) > 1}
			if end >= 0 {
				f.indices = append(f.indices, end)
			}
			for _, a := range e.Actions {
				if a.Action == weir.Allow {
					f.clear = append(f.clear, string(a.Class))
				} else if a.Action == weir.Mask {
					f.masked = append(f.masked, string(a.Class))
				}
			}
			switch {
			case e.Kind == ledger.Denied:
				f.why = "denied"
			case end < 0 && (clear || e.Kind == ledger.Intent):
				f.set, f.why = "possible", "no-outcome"
			case clear && all[end].Outcome != "" && all[end].Outcome != "stopped":
				f.set, f.why = "possible", "broken-off"
			case clear && named(s.Subject):
				f.set = "confirmed"
			case clear:
				f.set, f.why = "possible", "unnamed"
			case end >= 0 && all[end].Unread > 0:
				f.set, f.why = "possible", "unread"
			case e.Kind == ledger.Release && s.Lanes.Has(weir.Masked):
				f.why = "masked"
			default:
				f.why = "nothing"
			}
			facts[s.Subject] = append(facts[s.Subject], f)
		}
	}
	for s, list := range facts {
		set := "excluded"
		for _, f := range list {
			if f.set == "confirmed" || f.set == "possible" && set == "excluded" {
				set = f.set
			}
		}
		why, clear, masked, indices := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[int]bool{}
		shared, n := false, 0
		var first, last time.Time
		for _, f := range list {
			if f.set != set {
				continue
			}
			n++
			if f.why != "" {
				why[f.why] = true
			}
			for _, c := range f.clear {
				clear[c] = true
			}
			for _, c := range f.masked {
				masked[c] = true
			}
			for _, i := range f.indices {
				indices[i] = true
			}
			shared = shared || f.shared
			if first.IsZero() || f.at.Before(first) {
				first = f.at
			}
			if f.at.After(last) {
				last = f.at
			}
		}
		lines = append(lines, fmt.Sprint(set, " ", s, " ", sorted(why), sorted(clear), sorted(masked), sorted(indices), shared, n, first, last))
	}
	slices.Sort(lines)
	return lines
}

func sorted[K cmp.Ordered](m map[K]bool) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func told(s *incident.Scope) (lines []string) {
	for set, all := range s.Sets {
		for _, c := range all {
			var entries []int
			for _, r := range c.Entries {
				for i := r.First; i <= r.Last; i++ {
					entries = append(entries, int(i))
				}
			}
			text := func(list []weir.Class) (out []string) {
				for _, c := range list {
					out = append(out, string(c))
				}
				return out
			}
			lines = append(lines, fmt.Sprint(incident.Certainty(set), " ", c.Subject, " ", c.Why, text(c.Clear), text(c.Masked), entries, c.Shared, c.Times, c.First, c.Last))
		}
	}
	slices.Sort(lines)
	return lines
}

// The sets are exactly those that reading each entry by itself gives.
func TestScopeIsExact(t *testing.T) {
	root, err := os.MkdirTemp("/dev/shm", "weir-scope-*")
	if err != nil {
		root = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	serial := 0
	rapid.Check(t, func(t *rapid.T) {
		serial++
		dir := filepath.Join(root, fmt.Sprint(serial))
		defer os.RemoveAll(dir)
		all := draw(t)
		log := record(t, dir, all)
		named := func(s weir.Subject) bool { return s[15] != 3 }
		for range 3 {
			var q index.Question
			asked := func(e *ledger.Entry) bool { return e.Credential == "k1" }
			q.Parties = []weir.Party{{Kind: weir.ByCredential, Name: "k1"}}
			if rapid.Bool().Draw(t, "vendor") {
				asked = func(e *ledger.Entry) bool { return e.Recipient == "vendor-a" }
				q = index.Question{Recipients: []string{"vendor-a"}}
			}
			if rapid.Bool().Draw(t, "bounded") {
				q.From = day.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "from")) * time.Second)
				q.To = q.From.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "long")) * time.Second)
			}
			within := func(at time.Time) bool { return !at.Before(q.From) && (q.To.IsZero() || at.Before(q.To)) }
			got := scope(t, log, q, func(all []weir.Subject) (out []bool, err error) {
				for _, s := range all {
					out = append(out, named(s))
				}
				return out, nil
			})
			want := brute(all, asked, within, named)
			if lines := told(got); !slices.Equal(lines, want) {
				t.Fatalf("%+v\ngot\n%s\nwant\n%s", q, strings.Join(lines, "\n"), strings.Join(want, "\n"))
			}
			runs := got.Entries()
			for _, set := range got.Sets {
				for _, c := range set {
					for _, r := range c.Entries {
						if !incident.Holds(runs, r.First) || !incident.Holds(runs, r.Last) {
							t.Fatalf("entry %d of a customer is not among those of the scope", r.First)
						}
					}
				}
			}
		}
	})
}

// What belongs to nobody is said, and by which exchanges.
func TestWhatBelongsToNobody(t *testing.T) {
	x := func(i byte, kind ledger.Kind) *ledger.Entry {
		return &ledger.Entry{Kind: kind, Exchange: weir.ExchangeID{i}, Principal: "ann", Door: "inbound", Route: fmt.Sprint("r", i)}
	}
	clear := []ledger.Count{{Class: "credential.token", Action: weir.Allow, N: 1}}
	unread, silent, secret, quiet, denied := x(1, ledger.Close), x(2, ledger.Intent), x(3, ledger.Release), x(4, ledger.Release), x(5, ledger.Denied)
	unread.Unread, secret.Actions, denied.Reason = 4096, clear, weir.ReasonRole
	quiet.Actions = []ledger.Count{{Class: "contact.email", Action: weir.Block, N: 1}}
	log := record(t, filepath.Join(t.TempDir(), "ledger"), []*ledger.Entry{
		x(1, ledger.Intent), unread, silent, x(3, ledger.Intent), secret, x(3, ledger.Close), x(4, ledger.Intent), quiet, x(4, ledger.Close), denied,
	})
	s := scope(t, log, index.Question{Parties: []weir.Party{{Kind: weir.ByPrincipal, Name: "ann"}}}, nil)
	var got []string
	for _, u := range s.Unattributed {
		got = append(got, fmt.Sprint(u.Why, " ", u.Route, " ", u.Exchanges, " ", u.Bytes, u.Classes, u.Entries))
	}
	want := []string{"no-outcome r2 1 0 [] [{2 2}]", "unnamed r3 1 0 [credential.token] [{3 5}]", "unread r1 1 4096 [] [{0 1}]"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if s.Exchanges != 5 || len(s.Takers) != 1 || s.Takers[0].Exchanges != 5 {
		t.Errorf("%d exchanges by %+v", s.Exchanges, s.Takers)
	}
}

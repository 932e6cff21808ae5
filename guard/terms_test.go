package guard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// under puts a policy in force that has one thing replaced in the one of the tests.
func (f *fixture) under(t testing.TB, old, new string) {
	t.Helper()
	if !strings.Contains(testPolicy, old) {
		t.Fatalf("%q is not in the policy", old)
	}
	f.by(t, strings.Replace(testPolicy, old, new, 1))
}

func (f *fixture) by(t testing.TB, src string) {
	t.Helper()
	p, err := policy.Parse("test", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f.rules.Store(&rules{p, finder})
}

const supportClear = "clear:     {hour: 10, day: 20, 30 days: 30}"

// TestLaw3BurstsAndStepUp: whatever a client does, and whenever it shows a second
// factor, what it received in any minute is at most the burst, in any hour and day
// at most twice the budget, without a fresh factor once, and in 30 days the ceiling.
func TestLaw3BurstsAndStepUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t, Enforce)
		f.under(t, supportClear, "clear: {hour: 6, day: 9, 30 days: 14, burst: 4, at 50%: alert, at 100%: step-up}")
		type took struct {
			at time.Time
			c  int
		}
		var received []took
		within := func(span time.Duration) int {
			seen := map[int]bool{}
			for _, r := range received {
				if f.now.Sub(r.at) < span {
					seen[r.c] = true
				}
			}
			return len(seen)
		}
		var factor time.Time
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				factor = f.now
			case 1:
				f.now = f.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(rt, "seconds")) * time.Second)
			case 2:
				f.now = f.now.Add(time.Duration(rapid.IntRange(1, 30*60).Draw(rt, "minutes")) * time.Minute)
			default:
				x := exchange("a", "support", "/c")
				x.Principal.SecondFactor = factor
				before := within(time.Hour)
				got := f.takes(t, x, rapid.IntRange(0, 30).Draw(rt, "from"), rapid.IntRange(1, 12).Draw(rt, "n"))
				for _, c := range got {
					received = append(received, took{f.now, c})
				}
				fresh := !factor.IsZero() && f.now.Sub(factor) <= 15*time.Minute
				for _, w := range []struct {
					span time.Duration
					most int
				}{{time.Minute, 4}, {time.Hour, 12}, {24 * time.Hour, 14}, {30 * 24 * time.Hour, 14}} {
					if n := within(w.span); n > w.most {
						rt.Fatalf("%d customers in %s, of %d", n, w.span, w.most)
					}
				}
				if n := within(time.Hour); !fresh && n > max(6, before) {
					rt.Fatalf("%d customers in an hour without a second factor", n)
				}
			}
		}
	})
}

// TestThresholds: an alert goes on the ledger when a share of a budget is reached,
// once, and again only after the share was left.
func TestThresholds(t *testing.T) {
	f := newFixture(t, Enforce)
	f.under(t, supportClear, "clear: {hour: 10, day: 20, 30 days: 20, at 50%: alert, at 90%: alert}")
	alerts := func() (all []string) {
		for _, e := range f.log.entries {
			if e.Kind == ledger.Alert && strings.HasPrefix(e.Party, "principal:") {
				all = append(all, e.Rule+": "+e.Text)
			}
		}
		return all
	}
	x := exchange("a", "support", "/c")
	f.takes(t, x, 0, 4)
	if got := alerts(); got != nil {
		t.Errorf("%q", got)
	}
	f.takes(t, x, 4, 3)
	f.takes(t, x, 2, 4)
	f.now = f.now.Add(61 * time.Minute)
	f.takes(t, x, 20, 2) // below the half of an hour again
	f.takes(t, x, 22, 3)
	want := []string{"50% of the budget clear/hour is taken: 7 of 10 customers.", "50% of the budget clear/30 days is taken: 12 of 20 customers.", "50% of the budget clear/hour is taken: 5 of 10 customers."}
	got := alerts()
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for _, w := range want {
		if !strings.Contains(strings.Join(got, "\n"), RuleThreshold+": "+w) {
			t.Errorf("no %q in %q", w, got)
		}
	}
}

// TestNeedsAnApproval: a role that needs an approval does nothing without one, and a
// budget that is final is not raised by any.
func TestNeedsAnApproval(t *testing.T) {
	f := newFixture(t, Enforce)
	f.under(t, "    take:\n      "+supportClear, "    needs: {approval: true}\n    take:\n      clear: {hour: 3, day: 20, 30 days: 30, at 100%: stop}")
	x := exchange("a", "support", "/c")
	if _, d := f.Admit(t.Context(), x); d == nil || d.Reason != weir.ReasonNeeds || d.Needs[0].Kind != weir.NeedApproval {
		t.Fatalf("%v", d)
	}
	f.says(t, request(ledger.RequestApproved, "a", 1, 50, f.now.Add(time.Hour)))
	if got := f.takes(t, x, 0, 9); len(got) != 3 {
		t.Errorf("%d customers, of 3 that nothing raises", len(got))
	}
	if _, d := f.Admit(t.Context(), exchange("b", "support", "/c")); d == nil {
		t.Error("somebody else's approval lets b in")
	}
	f.now = f.now.Add(2 * time.Hour)
	if _, d := f.Admit(t.Context(), x); d == nil {
		t.Error("the approval is over")
	}
}

// TestHoldsOfThePolicy: one that comes with a new policy acts on what runs already.
func TestHoldsOfThePolicy(t *testing.T) {
	f := newFixture(t, Enforce)
	x := exchange("a", "support", "/c")
	p := admit(t, f, x)
	f.by(t, testPolicy+"holds: [{party: \"principal:a\", reason: gone}]\n")
	if r := p.Release(t.Context(), records(`{"id":"c-1","email":"person1@example.com"}`)); len(r.Out) > 0 || r.Stop == nil || r.Stop.Reason != weir.ReasonHold {
		t.Errorf("%+v", r)
	}
	if _, d := f.Admit(t.Context(), x); d == nil || d.Reason != weir.ReasonHold {
		t.Errorf("%v", d)
	}
}

// TestPublicPlaces: where a finding lies is found in any document, and what is not
// where the policy says is not public.
func TestPublicPlaces(t *testing.T) {
	for _, c := range []struct {
		name   string
		seg    weir.Segment
		at     string // what is found begins here
		places string
	}{
		{"member", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"a":1,"profile":{"name":"Ada"}}`)}, `Ada`, "profile name"},
		{"escaped key", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"pro\u0066ile":{"name":"Ada"}}`)}, `Ada`, "profile name"},
		{"after a tree", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"profile":{"x":[{"y":[]}]},"name":"Ada"}`)}, `Ada`, "name"},
		{"in arrays", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"a":[[1],[{"n":"x"},{"n":"Ada"}]]}`)}, `Ada`, "a [] [] n"},
		{"an element", weir.Segment{Syntax: weir.JSON, Record: true, Path: []string{"items", "[]"}, Body: []byte(`{"n":"Ada"}`)}, `Ada`, "items [] n"},
		{"a tree", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"n":["Ada"]}`)}, `["Ada`, "n"},
		{"a key", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"Ada":1}`)}, `Ada`, ""},
		{"an envelope", weir.Segment{Syntax: weir.JSON, Body: []byte(`,"n":"Ada"`)}, `Ada`, ""},
		{"broken", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"n":tru,"m":"Ada"`)}, `Ada`, ""},
		{"text", weir.Segment{Syntax: weir.Text, Record: true, Body: []byte(`n: Ada`)}, `Ada`, ""},
		{"a column", weir.Segment{Syntax: weir.CSV, Record: true, Columns: []string{"id", "nick", "x"}, Body: []byte(`7;"a;b";Ada`)}, `Ada`, "[] x"},
		{"too few fields", weir.Segment{Syntax: weir.CSV, Record: true, Columns: []string{"id", "nick", "x"}, Body: []byte(`7,Ada`)}, `Ada`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s spots
			at := strings.Index(string(c.seg.Body), c.at)
			if got := strings.Join(s.of(&c.seg, &weir.Finding{Start: at, End: at + 3}), " "); got != c.places {
				t.Errorf("%q, want %q", got, c.places)
			}
		})
	}
}

// FuzzPublicPlaces: no body makes the search for places panic or go on for ever.
func FuzzPublicPlaces(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":"c"}],"d":1}`), 9, true)
	f.Add([]byte(`a,"b,c",d`), 3, false)
	f.Fuzz(func(t *testing.T, body []byte, at int, json bool) {
		seg := weir.Segment{Syntax: weir.JSON, Record: true, Body: body}
		if !json {
			seg.Syntax, seg.Columns = weir.CSV, []string{"a", "b", "c"}
		}
		var s spots
		for _, at := range []int{at, at + 1, at} {
			s.of(&seg, &weir.Finding{Start: at, End: at + 1})
		}
	})
}

// BenchmarkFeatures compares one and the same batch on a route that uses none of the
// policy's further features, where the policy has none of them and where it has all.
func BenchmarkFeatures(b *testing.B) {
	const features = `
vendors: {mailer: {hosts: [mail.example], purposes: [support], see: {contact.email: mask}, take: {masked: {30 days: 5}}}}
public-profile: [{route: quiet, field: $.profile}]
combinations: {who: [contact.email, payment.card]}
holds: [{party: "principal:z", reason: r}]
`
	for _, c := range []struct{ name, src string }{
		{"none", strings.Replace(testPolicy, "routes:\n", "routes:\n  - {route: GET /quiet, name: quiet}\n", 1)},
		{"all", strings.Replace(testPolicy, "routes:\n", "routes:\n  - {route: GET /quiet, name: quiet, on-inspection-failure: pass, records: 5}\n", 1) + features},
	} {
		for _, body := range []string{`{"id":7,"title":"The long way round","tags":["drama"]}`, `{"id":"c-1","email":"person1@example.com"}`} {
			b.Run(fmt.Sprintf("%s/%d", c.name, len(body)), func(b *testing.B) {
				f := newFixture(b, Enforce)
				f.by(b, c.src)
				x := exchange("a", "support", "/c")
				segments := records(body, body, body, body)
				b.ReportAllocs()
				for b.Loop() {
					p, d := f.Admit(b.Context(), x)
					if d != nil {
						b.Fatal(d)
					}
					p.Release(b.Context(), segments)
					p.Close(b.Context(), Outcome{Status: 200})
				}
			})
		}
	}
}

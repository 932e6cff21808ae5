package coverage_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

const text = `
version: 1
classes:
  contact.*: {sensitivity: moderate}
  payment.card: {sensitivity: high}
purposes:
  support: {basis: contract}
roles:
  support:
    purposes: [support]
    see: {contact.*: clear, payment.card: mask}
    take: {clear: {30 days: 10}, masked: {30 days: 10}}
  ghost:
    purposes: [support]
    see: {contact.*: mask}
    take: {masked: {30 days: 10}}
deployment:
  take: {clear: {30 days: 10}, masked: {30 days: 10}}
routes:
  - {route: "GET /c/{id}", name: customer, subject: "customer {id}"}
  - {route: GET /c, name: customers, subject: "customer $.items[*].key"}
  - {route: GET /orders, name: orders}
  - {route: GET /never, name: never}
`

func parse(t testing.TB, src string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var day = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func seen(route, role string, class weir.Class, field string, a weir.Action, n int) ledger.Seen {
	return ledger.Seen{Route: route, Role: role, Purpose: "support", Class: class, Field: field, Action: a, N: n}
}

func entries() []*ledger.Entry {
	at := func(h int, version, mode string, all ...ledger.Seen) *ledger.Entry {
		return &ledger.Entry{Kind: ledger.Coverage, Time: day.Add(time.Duration(h) * time.Hour), Node: "node-1", Policy: version, Rule: mode, Seen: all}
	}
	return []*ledger.Entry{
		{Kind: ledger.Release, Time: day.Add(-time.Hour)},
		at(0, "sha256:1", "", seen("customer", "support", "", "", 0, 7), seen("customer", "support", "contact.email", "", weir.Mask, 7),
			seen("customer", "support", "contact.email", "$.email", weir.Mask, 7), seen("customer", "support", "", "$.id", weir.Allow, 1)),
		at(1, "sha256:2", "", seen("customer", "support", "contact.email", "$.email", weir.Allow, 3), seen("customer", "support", "contact.email", "", weir.Allow, 3)),
		at(1, "sha256:2", "", seen("customers", "support", "contact.email", "$.items[*].email", weir.Allow, 3), seen("customers", "support", "", "$.items[*].id", weir.Allow, 3)),
		at(2, "sha256:2", "", ledger.Seen{Route: "orders", Role: "support", Purpose: "support", N: 5, Read: 100, Unread: 50, Withheld: 2},
			seen("orders", "support", "identity.us.ssn", "$.ssn", weir.Block, 2), seen("orders", "support", "identity.us.ssn", "", weir.Block, 2)),
		at(3, "sha256:2", "observe", seen("GET /search/{id}", "support", "", "", 0, 4), seen("GET /search/{id}", "support", "contact.phone", "", weir.Allow, 4)),
	}
}

func problems(r *coverage.Report, kind coverage.Kind) (all []string) {
	for _, p := range r.Problems {
		if p.Kind == kind {
			all = append(all, p.Text)
		}
	}
	return all
}

func TestReport(t *testing.T) {
	var r coverage.Reader
	for _, e := range entries() {
		r.Read(e)
	}
	x := r.Report(parse(t, text))
	for kind, want := range map[coverage.Kind][]string{
		coverage.NotEnforced: {"GET /search/{id} is not enforced (observe): everything passes there, for every role"},
		coverage.Undeclared: {
			"identity.us.ssn is seen on orders, and no class of the policy covers it: it is blocked for everybody",
			"GET /search/{id} is no route of the policy: 4 exchanges, with contact.phone",
		},
		coverage.Unread: {"50 bytes left orders without being read, of 150"},
		coverage.NoSubject: {
			"customers has its subject at $.items[*].key, and no answer that was looked at has such a field",
			"orders has identity.us.ssn and the policy does not say whose: customers are counted by what is recognised",
		},
		coverage.Unused: {
			"the route GET /never was never asked for",
			"the class payment.card was never seen",
			"the role ghost was never seen: nobody has come with it",
			"support may see payment.card (mask) for support and never has",
		},
	} {
		if got := problems(x, kind); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nnot\n%s", kind, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if x.Problems[0].Kind != coverage.NotEnforced || x.Problems[len(x.Problems)-1].Kind != coverage.Unused {
		t.Error("the worst does not stand first")
	}
	if x.Routes[0].Name != "GET /search/{id}" || len(x.Fields[0].Kinds) == 0 {
		t.Errorf("first are %+v, %+v", x.Routes[0], x.Fields[0])
	}
	for _, f := range x.Fields {
		if f.Route == "customer" && f.Field == "$.email" {
			want := []coverage.Enforced{{Role: "support", Purpose: "support", Action: "clear", Since: day.Add(time.Hour), Policy: "sha256:2", N: 3}}
			if !reflect.DeepEqual(f.Enforced, want) || !f.First.Equal(day) || f.N != 10 {
				t.Errorf("%+v", f)
			}
		}
		if f.Route == "customer" && f.Field == "" {
			t.Error("a class is listed twice, though its field is known")
		}
		if f.Route == "GET /search/{id}" && (f.Enforced[0].Action != "observe: clear" || f.Field != "") {
			t.Errorf("%+v", f)
		}
	}
}

func TestNothingIsWrong(t *testing.T) {
	src := strings.ReplaceAll(text, "  - {route: GET /never, name: never}\n", "")
	src = strings.ReplaceAll(src, "  - {route: GET /orders, name: orders}\n", "")
	src = strings.ReplaceAll(src, ".key", ".id")
	src = src[:strings.Index(src, "  ghost:")] + src[strings.Index(src, "deployment:"):]
	var r coverage.Reader
	for _, e := range entries()[:4] {
		r.Read(e)
	}
	r.Read(&ledger.Entry{Kind: ledger.Coverage, Time: day, Policy: "sha256:2", Seen: []ledger.Seen{seen("customer", "support", "payment.card", "$.card", weir.Mask, 1)}})
	if x := r.Report(parse(t, src)); len(x.Problems) > 0 {
		t.Errorf("%+v", x.Problems)
	}
	r = coverage.Reader{After: day.Add(90 * time.Minute)}
	for _, e := range entries()[:4] {
		r.Read(e)
	}
	if x := r.Report(parse(t, src)); len(problems(x, coverage.Unused)) == 0 || !x.From.IsZero() {
		t.Error("entries before the span were read")
	}
}

// TestReadersAgree: a Reader that goes on from a snapshot, and one that reads the
// ledgers of two nodes one after the other, report what one does that reads all.
func TestReadersAgree(t *testing.T) {
	p := parse(t, text)
	rapid.Check(t, func(t *rapid.T) {
		var all []*ledger.Entry
		for i := range rapid.IntRange(0, 30).Draw(t, "entries") {
			e := &ledger.Entry{Kind: ledger.Coverage, Time: day.Add(time.Duration(i) * time.Minute), Node: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node"),
				Policy: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "policy"), Rule: rapid.SampledFrom([]string{"", "observe"}).Draw(t, "mode")}
			for range rapid.IntRange(0, 4).Draw(t, "seen") {
				e.Seen = append(e.Seen, ledger.Seen{
					Route: rapid.SampledFrom([]string{"customer", "orders", "GET /x"}).Draw(t, "route"), Role: rapid.SampledFrom([]string{"support", "ghost"}).Draw(t, "role"), Purpose: "support",
					Class: rapid.SampledFrom([]weir.Class{"", "contact.email", "other.thing"}).Draw(t, "class"), Field: rapid.SampledFrom([]string{"", "$.a"}).Draw(t, "field"),
					Action: weir.Action(rapid.IntRange(0, 2).Draw(t, "action")), N: rapid.IntRange(0, 9).Draw(t, "n"), Unread: int64(rapid.IntRange(0, 1).Draw(t, "unread")),
				})
			}
			all = append(all, e)
		}
		var whole, nodes coverage.Reader
		resumed := &coverage.Reader{}
		at := rapid.IntRange(0, len(all)).Draw(t, "snapshot at")
		for i, e := range all {
			if i == at {
				state, err := resumed.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				if resumed, err = coverage.Load(state); err != nil {
					t.Fatal(err)
				}
			}
			whole.Read(e)
			resumed.Read(e)
		}
		for _, node := range []string{"b", "a"} {
			for _, e := range all {
				if e.Node == node {
					nodes.Read(e)
				}
			}
		}
		want := fmt.Sprintf("%+v", whole.Report(p))
		if got := fmt.Sprintf("%+v", resumed.Report(p)); got != want {
			t.Fatalf("from a snapshot\n%s\nnot\n%s", got, want)
		}
		if got := fmt.Sprintf("%+v", nodes.Report(p)); got != want {
			t.Fatalf("by node\n%s\nnot\n%s", got, want)
		}
	})
}

func FuzzLoad(f *testing.F) {
	var r coverage.Reader
	for _, e := range entries() {
		r.Read(e)
	}
	state, err := r.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Add([]byte(`{"Version":1,"Routes":{"x":null}}`))
	p := parse(f, text)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := coverage.Load(b); err == nil {
			r.Read(entries()[1])
			r.Report(p)
		}
	})
}

package exposure_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

const text = `
version: 1
undeclared-routes: block
classes:
  contact.*: {}
purposes:
  support: {basis: contract}
roles:
  support:
    purposes: [support]
    see: {contact.*: clear}
    take: {clear: {hour: 5, day: 10, 30 days: 20}, sensitive: {hour: 5, day: 10, 30 days: 20}}
deployment:
  take: {clear: {hour: 50, day: 100, 30 days: 200}, sensitive: {hour: 50, day: 100, 30 days: 200}}
routes:
  - {route: "GET /c/{id}", name: customer, subject: "customer {id}"}
`

func parse(t testing.TB, src string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const vendors = `
vendors:
  mailer: {hosts: [api.mail.example], purposes: [support], see: {contact.*: clear}, take: {clear: {30 days: 5}}, contract until: 2026-04-30}
`

var now = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func kinds(all []exposure.Open) string {
	var words []string
	for _, o := range all {
		words = append(words, string(o.Kind))
	}
	return strings.Join(words, " ")
}

// TestWhatIsNotBoundedStandsFirst: each thing that nothing bounds is on the list as
// long as it is so, the worst first.
func TestWhatIsNotBoundedStandsFirst(t *testing.T) {
	p := parse(t, text)
	tried := exposure.Facts{Policy: p, Now: now, Doctor: now.Add(-time.Hour), Witnesses: 1, Upstream: "http://127.0.0.1:9000"}
	for name, c := range map[string]struct {
		change func(*exposure.Facts)
		want   string
	}{
		"a good deployment": {func(*exposure.Facts) {}, "past-weir author keys host"},
		"a server observes": {func(f *exposure.Facts) { f.Mode = guard.Observe }, "not-enforced past-weir author keys host"},
		"observed":          {func(f *exposure.Facts) { f.Policy = parse(t, "mode: observe\n"+text) }, "not-enforced not-enforced past-weir author keys host"},
		"a route observed": {func(f *exposure.Facts) {
			f.Policy = parse(t, strings.Replace(text, "name: customer,", "name: customer, mode: observe,", 1))
		}, "not-enforced past-weir author keys host"},
		"an open budget": {func(f *exposure.Facts) {
			f.Policy = parse(t, strings.Replace(text, "30 days: 200}, s", "30 days: unbounded}, s", 1))
		}, "budget past-weir author keys host"},
		"routes without a rule":  {func(f *exposure.Facts) { f.Policy = parse(t, strings.Replace(text, "block", "inspect", 1)) }, "past-weir undeclared author keys host"},
		"never tried":            {func(f *exposure.Facts) { f.Doctor = time.Time{} }, "past-weir author keys host"},
		"two ways past":          {func(f *exposure.Facts) { f.Past = []exposure.Trouble{{"a", "b"}, {"c", "d"}} }, "past-weir past-weir author keys host"},
		"keys that all can read": {func(f *exposure.Facts) { f.Loose = []exposure.Trouble{{"a", "b"}} }, "past-weir author keys keys host"},
		"no witnesses":           {func(f *exposure.Facts) { f.Witnesses = 0 }, "past-weir author keys host"},
		"something passes unread": {func(f *exposure.Facts) {
			f.Policy = parse(t, text+"  - {route: GET /v, name: v, opaque: [video/mp4]}\n")
		}, "past-weir unread author keys host"},
		"what cannot be read passes": {func(f *exposure.Facts) {
			f.Policy = parse(t, text+"  - {route: GET /v, name: v, on-inspection-failure: pass, records: 5}\n")
		}, "budget past-weir author keys host"},
		"vendors": {func(f *exposure.Facts) {
			f.Policy, f.Vendors = parse(t, text+vendors), []string{"mailer", "printer"}
		}, "past-weir undeclared undeclared author keys host"},
		"fields not declared": {func(f *exposure.Facts) {
			f.Coverage = &coverage.Report{Problems: []coverage.Problem{{Kind: coverage.Undeclared}, {Kind: coverage.Unread}, {Kind: coverage.NoSubject}, {Kind: coverage.Unused}}}
		}, "past-weir undeclared unread undeclared author keys host"},
	} {
		f := tried
		c.change(&f)
		got := kinds(exposure.Unbounded(f))
		if name == "observed" {
			got = strings.Replace(got, "not-enforced past", "not-enforced not-enforced past", 1)
		}
		if got != c.want {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
	}
	many := tried
	many.Coverage = &coverage.Report{}
	for range 100 {
		many.Coverage.Problems = append(many.Coverage.Problems, coverage.Problem{Kind: coverage.Undeclared})
	}
	if all := exposure.Unbounded(many); len(all) > 20 || !strings.Contains(all[11].Text, "90 more") {
		t.Errorf("%d lines: %+v", len(all), all)
	}
	stale := tried
	stale.Doctor = now.Add(-60 * 24 * time.Hour)
	if all := exposure.Unbounded(stale); !strings.Contains(all[0].Text, "tried last on 2026-03-02") {
		t.Errorf("%+v", all[0])
	}
}

func TestReport(t *testing.T) {
	p := parse(t, text)
	took := exposure.NewTook()
	for i := range 3 {
		took.Read(&ledger.Entry{Kind: ledger.Release, Time: now.Add(time.Duration(i) * time.Minute), Credential: "key:a", Principal: "ann", PrincipalKind: weir.Staff, Role: "support", Network: "office",
			Door: "egress", Recipient: [...]string{"mailer", "mailer", "printer"}[i], Actions: []ledger.Count{{Class: "contact.email", Action: weir.Allow, N: 1}, {Class: "contact.phone", Action: weir.Mask, N: 1}},
			Subjects: []ledger.Taken{{Subject: weir.Subject{byte(i)}, Lanes: weir.Lanes(0).With(weir.Clear)}}})
	}
	x := guard.Exposure{At: now, Rows: []guard.Risk{
		{Party: weir.Party{Kind: weir.ByCredential, Name: "key:a"}, Role: "support", Who: "ann", CouldHour: 5, CouldDay: 10, CouldMonth: 20},
		{Party: weir.Party{Kind: weir.ByRole, Name: "support"}, CouldHour: 50, CouldDay: 100, CouldMonth: 200},
		{Party: weir.Party{Kind: weir.ByDeployment}, CouldHour: 50, CouldDay: 100, CouldMonth: 200},
	}}
	r := exposure.Of(exposure.Facts{Policy: p, Now: now}, x, took, false)
	if r.Hour != 5 || r.Day != 10 || r.Month != 20 || r.Total != [...]exposure.Limit{50, 100, 200} || r.Mode != "enforced" {
		t.Errorf("%+v", r)
	}
	byParty := map[string]exposure.Row{}
	for _, row := range r.Rows {
		byParty[row.Party] = row
	}
	if m := byParty["vendor:mailer"]; m.Peak["hour"] != 2 || m.Hour != 50 || strings.Join(m.Classes, " ") != "contact.email" || m.Kind != "vendor" {
		t.Errorf("%+v", m)
	}
	if d := byParty["door:egress"]; d.Peak["day"] != 3 {
		t.Errorf("%+v", d)
	}
	if c := byParty["credential:key:a"]; c.Peak["hour"] != 3 || c.Usual != 3 || c.Who != "ann" || strings.Join(c.Classes, " ") != "contact.*" {
		t.Errorf("%+v", c)
	}
	if r.Rows[0].Kind != "deployment" || !strings.Contains(r.Tightest, "clear: {hour: 3, day: 3, 30 days: 3}") {
		t.Errorf("%+v\n%s", r.Rows[0], r.Tightest)
	}
	r = exposure.Of(exposure.Facts{Policy: parse(t, text+strings.ReplaceAll(vendors, "mailer", "courier")), Now: now}, x, took, false)
	for _, row := range r.Rows {
		if row.Party == "vendor:courier" && (row.Hour != 50 || row.Peak["hour"] != 0 || strings.Join(row.Classes, " ") != "contact.*") {
			t.Errorf("%+v", row)
		}
	}
	if !strings.Contains(kinds(r.Unbounded), "undeclared undeclared undeclared author") { // the contract, and two that nobody has declared
		t.Error(kinds(r.Unbounded))
	}
	// No figure claims a bound where nothing is enforced.
	for _, f := range []exposure.Facts{{Policy: p, Now: now, Mode: guard.Observe}, {Policy: parse(t, "mode: observe\n"+text), Now: now}} {
		r := exposure.Of(f, x, took, false)
		for _, row := range r.Rows {
			if row.Hour != weir.Unbounded || row.Day != weir.Unbounded || row.Month != weir.Unbounded {
				t.Errorf("%s claims %+v", r.Mode, row)
			}
		}
		if r.Hour != weir.Unbounded || r.Total[weir.Day] != weir.Unbounded {
			t.Errorf("%+v", r)
		}
		b, err := json.Marshal(r)
		if err != nil || !strings.Contains(string(b), `"hour":"unbounded","day":"unbounded","month":"unbounded","total":["unbounded","unbounded","unbounded"]`) {
			t.Errorf("%v %s", err, b)
		}
	}
}

// TestWhatObservingForetells: the report counts what enforcing would have done.
func TestWhatObservingForetells(t *testing.T) {
	took := exposure.NewTook()
	took.Read(&ledger.Entry{Kind: ledger.Release, Time: now, Would: &ledger.Would{Actions: []ledger.Count{
		{Class: "contact.email", Action: weir.Mask, N: 3}, {Class: "payment.card", Action: weir.Block, N: 2}, {Class: "contact.phone", Action: weir.Allow, N: 9}}}})
	took.Read(&ledger.Entry{Kind: ledger.Release, Time: now})
	took.Read(&ledger.Entry{Kind: ledger.WouldDeny, Time: now, Reason: weir.ReasonBudget})
	took.Read(&ledger.Entry{Kind: ledger.Denied, Time: now, Reason: weir.ReasonBudget})
	got := exposure.Of(exposure.Facts{Policy: parse(t, text), Now: now}, guard.Exposure{At: now}, took, false).Observed
	if want := (exposure.Observed{Stopped: 1, Withheld: 2, Masked: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

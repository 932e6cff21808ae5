package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

// withNeeds is a policy whose one role needs something.
func withNeeds(needs string) string {
	return `
version: 1
classes: {contact.email: {}}
purposes: {support: {basis: contract}}
roles:
  support: {purposes: [support], needs: {` + needs + `}, see: {"*": mask}, take: {masked: {hour: 5, day: 6, 30 days: 20, at 100%: step-up}}}
  other: {purposes: [support], see: {"*": mask}, take: {masked: {30 days: 5}}}
deployment: {take: {masked: {30 days: 10}}}
`
}

// TestNeeds: what a request lacks is named, all of it, and only that.
func TestNeeds(t *testing.T) {
	at := func(text string) time.Time {
		now, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	for _, c := range []struct {
		needs, now string
		factor     time.Duration // before now; 0: never
		network    string
		ticket     string
		approved   bool
		lacks      string
	}{
		{needs: "second factor: 15m", now: "2026-03-02T12:00:00Z", lacks: "second-factor"},
		{needs: "second factor: 15m", now: "2026-03-02T12:00:00Z", factor: 16 * time.Minute, lacks: "second-factor"},
		{needs: "second factor: 15m", now: "2026-03-02T12:00:00Z", factor: 15 * time.Minute},
		{needs: "second factor: 15m", now: "2026-03-02T12:00:00Z", factor: -time.Hour, lacks: "second-factor"}, // from the future
		{needs: "networks: [office, vpn]", now: "2026-03-02T12:00:00Z", network: "vpn"},
		{needs: "networks: [office, vpn]", now: "2026-03-02T12:00:00Z", network: "198.51.100.0/24", lacks: "network"},
		// Summer time begins on 29 March 2026: 08:00 in Berlin is 07:00 UTC before and
		// 06:00 UTC after it.
		{needs: "hours: mon-fri 08:00-18:00 Europe/Berlin", now: "2026-03-27T06:59:00Z", lacks: "hours"},
		{needs: "hours: mon-fri 08:00-18:00 Europe/Berlin", now: "2026-03-27T07:00:00Z"},
		{needs: "hours: mon-fri 08:00-18:00 Europe/Berlin", now: "2026-03-27T16:59:59Z"},
		{needs: "hours: mon-fri 08:00-18:00 Europe/Berlin", now: "2026-03-27T17:00:00Z", lacks: "hours"},
		{needs: "hours: mon-fri 08:00-18:00 Europe/Berlin", now: "2026-03-30T06:00:00Z"},
		{needs: "hours: mon-fri 08:00-18:00 Europe/Berlin", now: "2026-03-29T12:00:00Z", lacks: "hours"}, // a Sunday
		// Over midnight: what begins on Friday ends on Saturday.
		{needs: `hours: ["fri 22:00-06:00 UTC", "sat,sun 12:00-24:00 UTC"]`, now: "2026-03-27T23:00:00Z"},
		{needs: `hours: ["fri 22:00-06:00 UTC", "sat,sun 12:00-24:00 UTC"]`, now: "2026-03-28T05:59:00Z"},
		{needs: `hours: ["fri 22:00-06:00 UTC", "sat,sun 12:00-24:00 UTC"]`, now: "2026-03-28T06:00:00Z", lacks: "hours"},
		{needs: `hours: ["fri 22:00-06:00 UTC", "sat,sun 12:00-24:00 UTC"]`, now: "2026-03-29T23:59:00Z"},
		{needs: `hours: ["fri 22:00-06:00 UTC", "sat,sun 12:00-24:00 UTC"]`, now: "2026-03-27T05:00:00Z", lacks: "hours"},
		{needs: "hours: fri-mon 00:00-24:00 UTC", now: "2026-03-29T00:00:00Z"}, // a week goes round
		{needs: "hours: fri-mon 00:00-24:00 UTC", now: "2026-03-31T00:00:00Z", lacks: "hours"},
		{needs: "ticket: true", now: "2026-03-02T12:00:00Z", lacks: "ticket"},
		{needs: "ticket: true", now: "2026-03-02T12:00:00Z", ticket: "INC-7"},
		{needs: "ticket: true", now: "2026-03-02T12:00:00Z", ticket: "ada@example.com", lacks: "ticket"},
		{needs: "ticket: false", now: "2026-03-02T12:00:00Z"},
		{needs: "ticket: 'INC-[0-9]+'", now: "2026-03-02T12:00:00Z", ticket: "INC-7"},
		{needs: "ticket: 'INC-[0-9]+'", now: "2026-03-02T12:00:00Z", ticket: "xINC-7", lacks: "ticket"},
		{needs: "ticket: 'INC|.+'", now: "2026-03-02T12:00:00Z", ticket: "Ada Okafor", lacks: "ticket"}, // not on the record
		{needs: "approval: true", now: "2026-03-02T12:00:00Z", lacks: "approval"},
		{needs: "approval: true", now: "2026-03-02T12:00:00Z", approved: true},
		{needs: "second factor: 1h, networks: [office], hours: sun 01:00-02:00 UTC, ticket: true, approval: true", now: "2026-03-02T12:00:00Z",
			lacks: "second-factor network hours ticket approval"},
	} {
		p := parse(t, withNeeds(c.needs))
		x := exchange(weir.Principal{Kind: weir.Staff, Name: "pat", Role: "support", Network: c.network}, "", "GET", "/")
		x.Ticket, x.Approved = c.ticket, c.approved
		if c.factor != 0 {
			x.Principal.SecondFactor = at(c.now).Add(-c.factor)
		}
		_, d := p.Plan(x, at(c.now), nil)
		got := ""
		if d != nil {
			for _, n := range d.Needs {
				got += " " + string(n.Kind)
			}
			if d.Reason != weir.ReasonNeeds || d.Message == "" || strings.Contains(d.Message, "office") || strings.Contains(d.Message, "INC") {
				t.Errorf("%s: %+v", c.needs, d)
			}
		}
		if strings.TrimSpace(got) != c.lacks {
			t.Errorf("%s at %s: lacks%s, want %s", c.needs, c.now, got, c.lacks)
		}
		if e := p.Explain(x, "contact.email", at(c.now), nil); strings.Join(kinds(e.Needs), " ") != c.lacks || e.Denied != "" || e.Sees != "mask" {
			t.Errorf("%s: explained as %+v", c.needs, e)
		}
		x.Principal.Role = "other"
		if _, d := p.Plan(x, at(c.now), nil); d != nil {
			t.Errorf("a role that needs nothing: %v", d)
		}
	}
}

func kinds(needs []weir.NeedKind) (all []string) {
	for _, k := range needs {
		all = append(all, string(k))
	}
	return all
}

// TestWhenItOpens: whoever comes at the wrong hour is told when the right one is.
func TestWhenItOpens(t *testing.T) {
	p := parse(t, withNeeds("hours: mon-fri 08:00-18:00 Europe/Berlin"))
	for from, want := range map[string]string{
		"2026-03-27T16:00:00Z": "", // within
		"2026-03-27T17:00:00Z": "2026-03-30T06:00:00Z",
		"2026-03-30T01:00:00Z": "2026-03-30T06:00:00Z",
	} {
		now, _ := time.Parse(time.RFC3339, from)
		_, d := p.Plan(exchange(weir.Principal{Kind: weir.Staff, Role: "support"}, "", "GET", "/"), now, nil)
		got := ""
		if d != nil {
			got = now.Add(d.Retry).Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: opens at %s, want %s", from, got, want)
		}
	}
}

// TestStepUp: a fresh second factor makes an hour and a day as large again, and no
// ceiling larger; how large they may become is what exposure is told.
func TestStepUp(t *testing.T) {
	p := parse(t, withNeeds(""))
	x := exchange(weir.Principal{Kind: weir.Staff, Name: "pat", Role: "support", Credential: "c"}, "", "GET", "/")
	masked := func(accounts []weir.Account) string { return fmt.Sprint(accounts[0].Budget(weir.Masked)) }
	pl, _ := p.Plan(x, now, nil)
	if masked(pl.Accounts) != "[5 6 20]" || pl.SteppedUp || !pl.Terms {
		t.Errorf("%v", masked(pl.Accounts))
	}
	x.Principal.SecondFactor = now.Add(-14 * time.Minute)
	pl, _ = p.Plan(x, now, nil)
	if masked(pl.Accounts) != "[10 12 20]" || !pl.SteppedUp || masked(p.Accounts(&x.Principal)) != "[10 12 20]" {
		t.Errorf("%v", masked(pl.Accounts))
	}
	x.Principal.SecondFactor = now.Add(-16 * time.Minute)
	if pl, _ = p.Plan(x, now, nil); masked(pl.Accounts) != "[5 6 20]" || masked(p.Accounts(&x.Principal)) != "[10 12 20]" {
		t.Errorf("%v", masked(pl.Accounts))
	}
	if g := p.Grants(); g[0].Most() != (weir.Budget{10, 10, 10}) { // the deployment's
		t.Errorf("%+v", g[0].Most())
	}
}

const withVendors = `
version: 1
classes: {contact.*: {sensitivity: moderate}, person.name: {}}
purposes: {support: {basis: contract}, news: {basis: consent, about: News}}
roles: {support: {purposes: [support], see: {person.name: mask}, take: {masked: {30 days: 5}}}}
vendors:
  mailer:
    about: Sends letters
    hosts: [api.mail.example, "*.eu.mail.example"]
    purposes: [news]
    see: {contact.email: clear, person.*: mask}
    take: {clear: {30 days: 50}, masked: {30 days: 50}}
    contract until: 2027-03-31
    review by: 2026-12-31
    countries: [DE]
  books: {hosts: ["*.mail.example"], purposes: [support], see: {contact.phone: mask}, take: {masked: {30 days: 5}}, contract until: 2026-01-31, countries: [US]}
deployment: {take: {masked: {30 days: 10}}}
`

// TestVendors: what a vendor is declared to receive, where, and until when.
func TestVendors(t *testing.T) {
	p := parse(t, withVendors)
	all := p.Vendors()
	if len(all) != 2 || all[0].Line != 7 || !all[0].Consent || all[1].Consent || all[0].Take[weir.Clear][weir.Hour] != 50 {
		t.Fatalf("%+v", all)
	}
	for host, want := range map[string]string{
		"api.mail.example": "mailer", "API.mail.example.": "mailer", "a.b.eu.mail.example": "mailer",
		"x.mail.example": "books", "eu.mail.example": "books", "mail.example": "", "mail.example.org": "", "": "", "example": "",
	} {
		if v, ok := p.VendorAt(host); v.Name != want || ok != (want != "") {
			t.Errorf("%s is %q", host, v.Name)
		}
	}
	for _, c := range []struct {
		purpose weir.Purpose
		class   weir.Class
		want    weir.Action
	}{
		{"news", "contact.email", weir.Allow}, {"news", "person.name", weir.Mask}, {"news", "contact.phone", weir.Block},
		{"support", "contact.email", weir.Block}, {"news", "no.such", weir.Block}, {"", "contact.email", weir.Block},
	} {
		if got := all[0].Action(c.purpose, c.class); got != c.want {
			t.Errorf("%s for %s: %s", c.class, c.purpose, got)
		}
	}
	due := p.Due(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	if len(due) != 2 || !strings.Contains(due[0].Message, "reviewed by 2026-12-31") || !strings.Contains(due[1].Message, "ended on 2026-01-31") || due[1].Line != 16 {
		t.Errorf("%v", due)
	}
	if due := p.Due(time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)); len(due) != 0 {
		t.Errorf("on the last day: %v", due)
	}
	rows := p.Notice().Rows
	if len(rows) != 2 || len(rows[0].Vendors) != 2 || rows[0].Vendors[0].Vendor != "mailer" || !rows[0].Vendors[0].Consent || rows[0].Vendors[1].Countries[0] != "US" ||
		!slices.ContainsFunc(rows[0].Purposes, func(p policy.NoticePurpose) bool { return p.Basis == "consent" }) {
		t.Errorf("%+v", rows)
	}
}

// TestRetention: a retention is an event and a time.
func TestRetention(t *testing.T) {
	day := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"account closed + 30 days": "2026-03-02", "last order + 10 years": "2036-01-31", "collected + 1 month": "2026-03-03",
		"consent withdrawn": "2026-01-31", "last sign-in + 2 weeks": "2026-02-14", "payment settled  +  6 months": "2026-07-31",
	} {
		p := parse(t, strings.Replace(withVendors, "person.name: {}", "person.name: {retention: "+text+"}", 1))
		c, _ := p.Class("person.name")
		if got := c.Keep.End(day).Format(time.DateOnly); got != want || c.Keep.IsZero() || c.Retention != text {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if c, _ := p.Class("contact.email"); !c.Keep.IsZero() {
			t.Errorf("%+v", c.Keep)
		}
	}
}

// TestDiffOfTheRest: each of the smaller parts of the language, changed, says so, and
// says whether it widens.
func TestDiffOfTheRest(t *testing.T) {
	base := strings.Replace(withVendors, "deployment:", `routes:
  - {route: GET /a, name: a, on-inspection-failure: pass, records: 9}
public-profile: [{class: person.name, key: nick}, {route: a, field: $.p}]
combinations: {who: [person.name, contact.postcode]}
holds: [{party: "role:support", reason: r, until: 2027-01-01}]
deployment:`, 1)
	base = strings.Replace(base, "see: {person.name: mask}, take: {masked: {30 days: 5}}", "needs: {second factor: 1h, networks: [a], hours: daily 08:00-18:00 UTC, ticket: true}, see: {person.name: mask}, take: {masked: {30 days: 5, burst: 2, at 50%: alert, at 100%: stop}}", 1)
	for _, c := range []struct{ old, new, want string }{
		{"second factor: 1h", "second factor: 2h", "+ role support: needs a second factor not older than 2 hours now (was: a second factor not older than 1 hour)\n"},
		{"second factor: 1h, ", "", "+ role support: no longer needs a second factor not older than 1 hour\n"},
		{"networks: [a]", "networks: [a, b]", "+ role support: needs one of the networks a, b now (was: one of the networks a)\n"},
		{"daily 08:00-18:00 UTC", "mon 08:00-18:00 UTC", "+ role support: needs the hours mon 08:00-18:00 UTC now (was: the hours daily 08:00-18:00 UTC)\n"},
		{"ticket: true}", "ticket: 'X-.+'}", "+ role support: needs a ticket like X-.+ now (was: a ticket)\n"},
		{"ticket: true}", "ticket: true, approval: true}", "- role support: needs the approval of a second person now\n"},
		{"burst: 2", "burst: 3", "+ role support: may take 3 customers in a minute masked (was: 2 customers)\n"},
		{"burst: 2, ", "", "+ role support: may take any number in a minute masked (was: 2 customers)\n"},
		{"at 50%: alert, ", "", "+ role support: raises no alert any more at 50% of the budget masked\n"},
		{"at 50%", "at 60%", "- role support: raises an alert at 60% of the budget masked\n+ role support: raises no alert any more at 50% of the budget masked\n"},
		{"at 100%: stop", "at 100%: approve", "+ role support: at the end of the budget masked: approve (was: stop)\n"},
		{"at 100%: stop", "at 100%: step-up", "+ role support: at the end of the budget masked: step-up (was: stop)\n"},
		{`"*.eu.mail.example"`, `"*.us.mail.example"`, "+ vendor mailer: is reached now at *.us.mail.example\n- vendor mailer: is no longer reached at *.eu.mail.example\n"},
		{"contact.email: clear, person.*: mask", "contact.email: mask, person.*: clear", "+ vendor mailer: may now see person.name in clear (was: masked)\n- vendor mailer: now sees contact.email masked (was: in clear)\n"},
		{"{clear: {30 days: 50}", "{clear: {30 days: 60}", "+ vendor mailer: it may take 50 -> 60 customers in 30 days in clear\n"},
		{"contract until: 2027-03-31", "contract until: 2028-03-31", "+ vendor mailer: has a contract until 2028-03-31 (was: 2027-03-31)\n"},
		{"review by: 2026-12-31", "review by: 2026-11-30", "- vendor mailer: is to be reviewed by 2026-11-30 (was: 2026-12-31)\n"},
		{"countries: [DE]", "countries: [DE, IE]", "+ vendor mailer: holds data now in IE\n"},
		{"countries: [US]", "consent: required, countries: [US]", "- vendor books: needs customers' consent now\n"},
		{"pass, records: 9", "withhold, records: 9", "- route GET /a: withholds now what cannot be inspected\n"},
		{"records: 9", "records: 5", "+ route GET /a: counts what cannot be inspected as 5 customers now (was: 9)\n"},
		{"{class: person.name, key: nick}, ", "", "- public profile: person.name under the key nick is no longer public\n"},
		{"field: $.p}", "field: $.q}", "+ public profile: $.q of a passes in clear to everybody and is charged to nobody\n- public profile: $.p of a is no longer public\n"},
		{"combinations: {who: [person.name, contact.postcode]}", "", "+ combination who: no longer counts as clear: contact.postcode, person.name\n"},
		{"[person.name, contact.postcode]", "[contact.postcode, person.name]", ""},
		{"until: 2027-01-01", "until: 2026-01-01", "+ hold on role:support: until 2026-01-01T00:00:00Z now (was: until 2027-01-01T00:00:00Z)\n"},
		{", until: 2027-01-01", "", "- hold on role:support: until the policy is changed now (was: until 2027-01-01T00:00:00Z)\n"},
		{`holds: [{party: "role:support", reason: r, until: 2027-01-01}]`, "", "+ hold on role:support: is gone\n"},
	} {
		if !strings.Contains(base, c.old) {
			t.Fatalf("%q is not in the policy", c.old)
		}
		if got := differ(parse(t, base), parse(t, strings.Replace(base, c.old, c.new, 1))); got != c.want {
			t.Errorf("%q -> %q:\n%swant:\n%s", c.old, c.new, got, c.want)
		}
	}
}

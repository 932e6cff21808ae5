package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

// differ writes the changes as a reviewer reads them.
func differ(from, to *policy.Policy) string {
	var b strings.Builder
	for _, c := range policy.Diff(from, to) {
		fmt.Fprintf(&b, "%s %s: %s\n", map[bool]string{true: "+", false: "-"}[c.Widens], c.About, c.Text)
	}
	return b.String()
}

// TestDiffInWords: one thing is changed in a policy, and the difference says it.
func TestDiffInWords(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{"      contact.*: clear\n", "      contact.*: clear\n      contact.phone: mask\n", "- role support: now sees contact.phone masked (was: in clear)\n"},
		{"      payment.card: block\n", "      payment.card: clear\n", "+ role support: may now see payment.card in clear (was: not at all)\n"},
		{`see: {network.ip: mask}`, `see: {network.ip: block}`, "- role anonymous: no longer sees network.ip (was: masked)\n"},
		{"purposes: [support, marketing]}\n", "purposes: [support]}\n", "- role support: no longer sees contact.email for marketing (was: in clear)\n- class contact.email: may be processed for support (was: support, marketing)\n"},
		{"clear: {hour: 40, day: 200, 30 days: 1000}\n      sens", "clear: {hour: 200, day: 200, 30 days: 5000}\n      sens",
			"+ role support: one credential may take 40 -> 200 customers an hour, 1,000 -> 5,000 in 30 days in clear\n+ role support: exposure of one credential: 40 -> 200 customers an hour, 1,000 -> 4,000 in 30 days in clear (+3,000)\n"},
		{"clear: {30 days: 4000}", "clear: {30 days: 400}",
			"- role support: the role may take 4,000 -> 400 customers in 30 days in clear\n- role support: exposure of one credential: 1,000 -> 400 customers in 30 days in clear (-600)\n"},
		{"probed: unbounded", "probed: {30 days: 9}", "- the deployment: everybody together may take unbounded -> 9 customers in 30 days by naming them\n"},
		{"staff-sso: {take: {clear: {30 days: 6000}}}", "sso: {take: {clear: {30 days: 10000}, masked: {30 days: 10000}, probed: unbounded, own: {30 days: 500}}}",
			"+ issuer staff-sso: all of it together may take 6,000 -> 10,000 customers in 30 days in clear\n" +
				"+ issuer staff-sso: all of it together may take 0 -> 10,000 customers in 30 days masked\n" +
				"+ issuer staff-sso: all of it together may take 0 -> unbounded customers in 30 days by naming them\n" +
				"+ issuer staff-sso: all of it together may take 0 -> 500 customers in 30 days as themselves\n"},
		{"    own: true\n", "", "+ role customer: may see records of others now, no longer its own only\n- role customer: exposure of one credential: 1 -> 0 customers in 30 days in clear (-1)\n"},
		{"  - route: GET /v1/me\n    subject: customer $.account.id\n", "", "+ route GET /v1/me: is gone\n"},
		{"subject: customer $.account.id", "subject: customer $.id", "+ route GET /v1/me: is about customer $.id (was: customer $.account.id): customers are told apart otherwise\n"},
		{"opaque: [image/*, VIDEO/mp4]", "opaque: [image/*, audio/mp4]", "+ route GET /media/{file...}: lets audio/mp4 pass unread now\n- route GET /media/{file...}: reads video/mp4 now, which passed unread\n"},
		{"payment.card: {sensitivity: high}", "payment.card: {sensitivity: low, retention: collected + 1 year}", "+ class payment.card: is of low sensitivity now (was: high)\n- class payment.card: is kept: collected + 1 year (was: not said)\n"},
		{"  marketing: {basis: consent}", "  marketing: {basis: contract}", "- purpose marketing: has the basis contract now (was: consent)\n"},
		{"routes:\n", "undeclared-routes: block\nroutes:\n", "- undeclared routes: are blocked now (were: inspected)\n"},
		{"routes:\n", "mode: observe\nroutes:\n", "+ mode: observe: nothing is enforced where no route says otherwise\n@"},
		{"subject: customer $.account.id", "subject: customer $.account.id\n    mode: observe", "+ route GET /v1/me: is only observed now: everything passes (was: enforced)\n"},
		{"routes:\n", "watch: {budget-spent: {hold: 15m}, id-walking: {strangers: 9, within: 1m}}\nroutes:\n", "- watch budget-spent: holds for 15m0s (was: no time)\n+ watch id-walking: begins at 9 strangers within 1m0s (was: 5 within 1m0s)\n"},
	} {
		from := parse(t, shop)
		to := parse(t, strings.Replace(shop, c.old, c.new, 1))
		if c.old != "" && !strings.Contains(shop, c.old) {
			t.Fatalf("%q is not in the policy", c.old)
		}
		got, want := differ(from, to), c.want
		if first, more := strings.CutSuffix(want, "@"); more { // and the same for each route
			want, got = first, got[:min(len(first), len(got))]
		}
		if got != want {
			t.Errorf("%q -> %q:\n%swant:\n%s", c.old, c.new, got, c.want)
		}
	}
}

// TestDiffOfRolesAndDetectors: what is there in one policy only.
func TestDiffOfRolesAndDetectors(t *testing.T) {
	const with = shop + `
detectors:
  - {class: contact.phone, pattern: 'T-[0-9]+', literal: T-, cases: {match: ["T-1"]}}
`
	more := strings.Replace(with, "issuers:\n", "  audit:\n    purposes: [support]\n    see: {contact.*: mask}\n    take: {masked: {30 days: 5}}\nissuers:\n", 1)
	want := "+ role audit: is new\n+ role audit: may act for support now\n+ role audit: may now see contact.email masked (was: not at all)\n+ role audit: may now see contact.phone masked (was: not at all)\n" +
		"+ role audit: one credential may take 0 -> 5 customers in 30 days masked\n- detector of contact.phone: is new\n"
	if got := differ(parse(t, shop), parse(t, more)); got != want {
		t.Errorf("%swant:\n%s", got, want)
	}
	want = "- role audit: is gone: its principals may do nothing\n+ detector of contact.phone: is gone: what it found flows unseen\n"
	if got := differ(parse(t, more), parse(t, shop)); got != want {
		t.Errorf("%swant:\n%s", got, want)
	}
}

// outreach says what q permits that p does not; "" for nothing.
func outreach(p, q *policy.Policy, d draft) string {
	for _, r := range d.Roles {
		for _, purpose := range d.Purposes {
			before, denied := planFor(p, r.Name, purpose)
			after, deniedAfter := planFor(q, r.Name, purpose)
			switch {
			case deniedAfter != nil:
				continue
			case denied != nil:
				return fmt.Sprintf("%s may act for %s", r.Name, purpose)
			}
			for _, class := range draftNames {
				c := weir.Class(class)
				if after.Action(c) > before.Action(c) {
					return fmt.Sprintf("%s sees more of %s for %s", r.Name, class, purpose)
				}
				// Of no sensitivity that is counted apart, and of one that is.
				if before.Sensitivity(c) == weir.High && after.Sensitivity(c) != weir.High && after.Action(c) != weir.Block && before.Action(c) != weir.Block {
					return fmt.Sprintf("%s is no longer counted as sensitive", class)
				}
			}
			for i := range before.Accounts {
				for l := range before.Accounts[i].Budgets {
					for w, limit := range before.Accounts[i].Budgets[l] {
						if after.Accounts[i].Budgets[l][w] > limit {
							return fmt.Sprintf("%s takes more", before.Accounts[i].Party)
						}
					}
				}
			}
		}
	}
	return ""
}

// TestDiffHidesNothing: where no change is said to widen, nothing does; of what
// reaches further, something is said to; and a policy does not differ from itself.
func TestDiffHidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDraft(t), drawDraft(t)
		if rapid.Bool().Draw(t, "narrower") {
			b = a.narrow(t)
		}
		p, q := parseDraft(t, a), parseDraft(t, b)
		if all := policy.Diff(p, p); len(all) > 0 {
			t.Fatalf("it differs from itself: %v", all)
		}
		changes := policy.Diff(p, q)
		widens := slices.ContainsFunc(changes, func(c policy.Change) bool { return c.Widens })
		if more := outreach(p, q, a); more != "" && !widens {
			t.Fatalf("%s, and nothing is said to widen: %v\n%s\n%s", more, changes, a.yaml(), b.yaml())
		}
		if less := outreach(q, p, a); less != "" && len(changes) == 0 {
			t.Fatalf("once %s, and no change is told\n%s\n%s", less, a.yaml(), b.yaml())
		}
	})
}

// TestNarrowerIsToldSo: what only takes back is not said to widen.
func TestNarrowerIsToldSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wide := drawDraft(t)
		narrow := wide.narrow(t)
		for _, c := range policy.Diff(parseDraft(t, wide), parseDraft(t, narrow)) {
			if c.Widens {
				t.Fatalf("%s: %s\n%s\n%s", c.About, c.Text, wide.yaml(), narrow.yaml())
			}
		}
	})
}

// TestExplainAgrees: an explanation decides as the policy does, and names lines of
// the file.
func TestExplainAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDraft(t)
		p := parseDraft(t, d)
		lines := strings.Split(d.yaml(), "\n")
		for _, role := range []string{"a", "b", "nobody"} {
			for _, purpose := range d.Purposes {
				pl, denial := planFor(p, role, purpose)
				for _, class := range draftNames {
					x := exchange(weir.Principal{Kind: weir.Staff, Name: "x", Role: role, Credential: "c"}, weir.Purpose(purpose), "GET", "/")
					e := p.Explain(x, weir.Class(class), now, nil)
					for _, s := range e.Steps {
						if s.Line > 0 && lines[s.Line-1] != s.Source {
							t.Fatalf("line %d is not %q", s.Line, s.Source)
						}
					}
					switch {
					case denial != nil && (e.Denied != denial.Reason || e.Sees != ""):
						t.Fatalf("denied %s, explained as %+v", denial.Reason, e)
					case denial == nil && (e.Denied != "" || e.Sees != [...]string{"block", "mask", "clear"}[pl.Action(weir.Class(class))]):
						t.Fatalf("%s for %s: %s: %s, explained as %+v", role, purpose, class, pl.Action(weir.Class(class)), e)
					}
				}
			}
		}
	})
}

// TestExplainInWords: the lines that decide, in the order in which they are asked.
func TestExplainInWords(t *testing.T) {
	p := parse(t, shop)
	for _, c := range []struct {
		x     *weir.Exchange
		class weir.Class
		holds policy.Holds
		want  []string
	}{
		{exchange(agent(), "", "GET", "/v1/customers/7"), "contact.phone", nil, []string{
			"the request is one of this route", "about customer {id}", "the role", "the purpose support is the role's first",
			"each credential and principal of the role support may take 40 customers an hour, 200 a day and 1,000 in 30 days in clear",
			"role support together may take 4,000 customers in 30 days in clear", "issuer staff-sso may take 6,000", "network office may take 7,000", "the deployment may take 10,000",
			"declared here, of moderate", "this line of the role decides: clear"}},
		{exchange(agent(), "", "GET", "/v1/customers"), "media.viewing_history", nil, []string{"the purpose marketing is the route's", "may not be processed for marketing"}},
		{exchange(agent(), "support", "GET", "/x"), "identity.us.ssn", nil, []string{"no route matches GET", "is the request's own", "is not declared"}},
		{exchange(agent(), "recommendation", "GET", "/x"), "contact.email", nil, []string{"the role may not act for it"}},
		{exchange(agent(), "", "GET", "/x"), "contact.email", policy.Holds{{Kind: weir.ByRole, Name: "support"}: {}}, []string{"role:support is on hold"}},
		{exchange(weir.Principal{Kind: weir.Customer, Name: "7", Role: "customer"}, "", "GET", "/v1/me"), "contact.phone", nil, []string{"only of its own record"}},
		{exchange(weir.Principal{Role: "ghost", Kind: weir.Staff}, "", "GET", "/v1/me"), "contact.phone", nil, []string{"no role is named ghost"}},
	} {
		e := p.Explain(c.x, c.class, now, c.holds)
		var text strings.Builder
		for _, s := range e.Steps {
			text.WriteString(s.String() + "\n")
		}
		rest := text.String()
		for _, want := range c.want {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("%s: %q is missing, or not in its place:\n%s", c.class, want, text.String())
				break
			}
			rest = after
		}
	}
}

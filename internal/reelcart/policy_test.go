package reelcart_test

import (
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/policy"
)

func TestPolicyHolds(t *testing.T) {
	p, err := policy.Parse("policy.yaml", reelcart.Policy())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range p.Warnings() {
		t.Errorf("%s", w)
	}
	see := func(kind weir.Kind, role, method, path string) *policy.Plan {
		t.Helper()
		x := &weir.Exchange{Method: method, Path: weir.NewPlain(path),
			Principal: weir.Principal{Kind: kind, Name: "x", Role: role, Issuer: "staff-sso", Credential: "f", Network: "n"}}
		pl, d := p.Plan(x, time.Now(), nil)
		if d != nil {
			t.Fatalf("%s %s: %v", role, path, d)
		}
		return pl
	}
	for _, tc := range []struct {
		role   string
		class  weir.Class
		action weir.Action
	}{
		{"support", "contact.email", weir.Allow},
		{"support", "payment.card", weir.Mask},
		{"support", "media.viewing_history", weir.Mask},
		{"recommender", "media.viewing_history", weir.Allow},
		{"recommender", "person.name", weir.Mask},
		{"recommender", "contact.email", weir.Mask},
		{"marketing", "contact.email", weir.Allow},
		{"marketing", "payment.card", weir.Mask},
		{"marketing", "media.viewing_history", weir.Block},
		{"customer", "contact.address", weir.Allow},
		{"customer", "payment.card", weir.Mask},
		{"anonymous", "contact.email", weir.Block},
	} {
		if got := see(weir.Staff, tc.role, "GET", "/v1/customers").Action(tc.class); got != tc.action {
			t.Errorf("%s sees %s: %s, want %s", tc.role, tc.class, got, tc.action)
		}
	}
	for path, want := range map[string]policy.From{
		"/v1/customers/c-10001": policy.URL, "/v1/customers/c-10001/history": policy.URL, "/account/c-10001": policy.URL,
		"/v1/customers": policy.Body, "/v1/orders": policy.Body, "/v1/histories": policy.Body, "/v1/search": policy.Body,
		"/v1/debug/sessions": policy.Body, "/export/customers.csv": policy.Body, "/v1/catalogue": policy.None,
	} {
		if got := see(weir.Staff, "support", "GET", path).Subject.From; got != want {
			t.Errorf("%s: subject from %s, want %s", path, got, want)
		}
	}
	if !see(weir.Customer, "customer", "GET", "/account/c-10001").Own {
		t.Error("customers are not kept to their own")
	}
}

// A thief who spends what one support credential may take must leave enough to
// everybody else who is charged to the same role, issuer, network or deployment.
func TestThiefStopsNobodyElse(t *testing.T) {
	p, err := policy.Parse("policy.yaml", reelcart.Policy())
	if err != nil {
		t.Fatal(err)
	}
	agent := &weir.Principal{Kind: weir.Staff, Name: "a", Role: "support", Issuer: "staff-sso", Credential: "f", Network: "n"}
	accounts := p.Accounts(agent)
	for _, lane := range []weir.Lane{weir.Clear, weir.Sensitive, weir.Masked, weir.Probed} {
		for w := range weir.NumWindows {
			one := accounts[0].Budgets[lane][w]
			for _, a := range accounts {
				shared := a.Party.Kind != weir.ByCredential && a.Party.Kind != weir.ByPrincipal
				if shared && a.Budgets[lane][w] < 2*one {
					t.Errorf("%s may take %d (%s, %s): less than two agents' %d", a.Party.Kind, a.Budgets[lane][w], lane, w, one)
				}
			}
		}
	}
	for _, role := range []string{"recommender", "marketing"} {
		service := &weir.Principal{Kind: weir.Service, Name: "s", Role: role, Issuer: "services", Credential: "f", Network: "n"}
		for _, a := range p.Accounts(service) {
			want := reelcart.Customers
			if role == "marketing" {
				want = 500
			}
			if a.Budgets[weir.Clear][weir.Hour] < want || a.Budgets[weir.Masked][weir.Hour] < want || a.Budgets[weir.Sensitive][weir.Hour] < want {
				t.Errorf("%s of %s: less than it needs", a.Party.Kind, role)
			}
		}
	}
}

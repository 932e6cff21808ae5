package policy

import (
	"testing"
	"time"

	"github.com/getweir/weir"
)

// TestWhoseByOtherSpellings: a path in other case, and another method, are about
// the same customer as the route that is declared.
func TestWhoseByOtherSpellings(t *testing.T) {
	p, err := Parse("p", []byte(`
version: 1
classes: {contact.email: {}}
purposes: {support: {basis: contract}}
roles:
  customer: {own: true, purposes: [support], see: {"*": clear}, take: {own: {30 days: 1}}}
deployment: {take: {own: {30 days: 10}}}
routes:
  - {route: "GET /v1/customers/{id}", name: customer, subject: "customer {id}"}
  - {route: GET /v1/customers/me, name: me}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, path, route, subject string }{
		{"GET", "/v1/customers/c-2", "customer", "c-2"},
		{"GET", "/V1/Customers/c-2", "customer", "c-2"},
		{"GET", "/v1/CUSTOMERS/C-2/", "customer", "C-2"},
		{"POST", "/v1/customers/c-2", "", "c-2"},
		{"PUT", "/V1/customers/c-2", "", "c-2"},
		{"OPTIONS", "/v1/customers/c-2", "", ""},
		{"GET", "/v1/customers/ME", "customer", "ME"}, // to the letter it is an {id}
		{"GET", "/v1/other/c-2", "", ""},
	} {
		x := &weir.Exchange{Method: c.method, Path: weir.NewPlain(c.path), Principal: weir.Principal{Kind: weir.Customer, Role: "customer"}}
		pl, denial := p.Plan(x, time.Time{}, nil)
		if denial != nil {
			t.Fatal(denial)
		}
		if pl.Route != c.route || pl.Subject.Value.Value.Reveal() != c.subject {
			t.Errorf("%s %s: route %q about %q, want %q about %q", c.method, c.path, pl.Route, pl.Subject.Value.Value.Reveal(), c.route, c.subject)
		}
	}
}

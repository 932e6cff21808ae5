package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

// TestMode: a route's own mode goes before the file's, what matches no route has
// the file's, and whoever was denied is observed all the same.
func TestMode(t *testing.T) {
	const file = `
version: 1
classes: {contact.email: {}}
purposes: {support: {basis: contract}}
roles: {support: {purposes: [support], see: {"*": mask}, take: {masked: {30 days: 1}}}}
deployment: {take: {masked: {30 days: 10}}}
routes:
  - {route: GET /as-the-file}
  - {route: GET /enforced, mode: enforce}
  - {route: GET /observed, mode: observe}
`
	for _, c := range []struct {
		mode     string
		path     string
		observed bool
	}{
		{"", "/as-the-file", false}, {"", "/enforced", false}, {"", "/observed", true}, {"", "/elsewhere", false},
		{"mode: enforce", "/observed", true}, {"mode: enforce", "/elsewhere", false},
		{"mode: observe", "/as-the-file", true}, {"mode: observe", "/enforced", false}, {"mode: observe", "/observed", true}, {"mode: observe", "/elsewhere", true},
	} {
		p := parse(t, c.mode+file)
		x := &weir.Exchange{Method: "GET", Path: weir.NewPlain(c.path), Principal: weir.Principal{Kind: weir.Staff, Role: "support"}}
		pl, denial := p.Plan(x, time.Time{}, nil)
		if denial != nil || pl.Observe != c.observed {
			t.Errorf("%q %s: %v, %v", c.mode, c.path, pl, denial)
		}
		x.Principal.Role = "nobody"
		if _, denial = p.Plan(x, time.Time{}, nil); denial == nil || p.Unenforced(x).Observe != c.observed {
			t.Errorf("%q %s: denied %v, observed %v", c.mode, c.path, denial, p.Unenforced(x).Observe)
		}
		e := p.Explain(x, "", time.Time{}, nil)
		if e.Observed != c.observed || c.observed != strings.Contains(e.Steps[1].Text, "nothing is enforced") {
			t.Errorf("%q %s: %+v", c.mode, c.path, e)
		}
		if p.Observe() != (c.mode == "mode: observe") || !p.Routes()[2].Observe {
			t.Errorf("%q: %+v", c.mode, p.Routes())
		}
	}
	var zero policy.Plan
	if zero.Observe {
		t.Error("the zero plan is not enforced")
	}
}

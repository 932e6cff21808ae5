package main

import (
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

// TestCoverage: what went through a real server is told by weir coverage, with the
// route that nobody has named first, and without a value.
func TestCoverage(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy+"  - {route: GET /gone, name: gone}\n")
	end := s.start(t)
	s.get(t.Context(), "/c/c-1")
	s.get(t.Context(), "/c?from=0")
	s.get(t.Context(), "/c/c-2/orders/ann.example")
	end(syscall.SIGTERM)
	out, code := s.weir(t, "coverage", "--all")
	for _, want := range []string{
		"! undeclared    GET /{id}/{id}/orders/{id} is no route of the policy",
		"! unused        the route GET /gone was never asked for",
		"customer", "contact.email", "$.email", "$[*].email", "support: clear",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "@example") || strings.Contains(out, "c-1") || strings.Contains(out, "ann.example") || code != 0 {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if strings.Index(out, "! undeclared") > strings.Index(out, "ENFORCED") {
		t.Error("problems do not stand first")
	}
	for kinds, want := range map[string]int{"undeclared": 3, "unread,not-enforced": 0, "unused": 3, "nothing": 2} {
		if out, code := s.weir(t, "coverage", "--json", "--fail-on", kinds); code != want {
			t.Errorf("--fail-on %s: exit %d, not %d\n%s", kinds, code, want, out)
		}
	}
}

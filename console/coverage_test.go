package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir/coverage"
)

// TestCoveragePage: what does not apply stands first, hostile names are text, and
// nobody sees it without a session.
func TestCoveragePage(t *testing.T) {
	const evil = `<script>alert(1)</script>`
	w := newWorld()
	c := start(t, w, "")
	client := visitor(t)
	if r, _ := ask(t, client, "GET", at(c, "/coverage"), nil); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %s", r.Status)
	}
	enter(t, c, client)
	if r, body := ask(t, client, "GET", at(c, "/coverage"), nil); r.StatusCode != http.StatusOK || !strings.Contains(body, "Nothing is known yet") {
		t.Errorf("%s %s", r.Status, body)
	}
	seen := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	w.mu.Lock()
	w.coverage = &coverage.Report{
		Problems: []coverage.Problem{{Kind: coverage.Undeclared, Text: "GET /search is no route of the policy", Do: "name it " + evil, Last: seen}, {Kind: coverage.Unused, Text: "never asked for"}},
		Routes:   []coverage.Route{{Name: evil, Mode: "enforced", Unread: 2048, Exchanges: 1234, Kinds: []coverage.Kind{coverage.Undeclared}, Last: seen}},
		Fields: []coverage.Field{{Route: "GET /search", Field: "$.items[*].email", Class: "contact.email", Last: seen,
			Enforced: []coverage.Enforced{{Role: "support", Action: "mask", Since: seen, Policy: "sha256:1"}}}, {Route: "x", Field: evil}},
	}
	w.mu.Unlock()
	r, body := ask(t, client, "GET", at(c, "/coverage"), nil)
	for _, want := range []string{"GET /search is no route", "never asked for", "1,234", "2.0 KiB", "$.items[*].email", "support: mask, 1 May 2026 10:00", "&lt;script&gt;"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	if r.StatusCode != http.StatusOK || strings.Contains(body, "<script>") || strings.Contains(body, "style=") || r.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%s\n%s", r.Status, body)
	}
	if strings.Index(body, "silently does not apply") > strings.Index(body, "routes-title") {
		t.Error("the gaps do not stand first")
	}
}

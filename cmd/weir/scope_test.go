package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// TestScopeIsWhatTheClientReceived: a thief with a real key scrapes through the
// real server until its budget is spent. The scope has exactly the customers whose
// records arrived as confirmed, those it was denied as excluded, and a bundle that
// proves it.
func TestScopeIsWhatTheClientReceived(t *testing.T) {
	service := weakService()
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/c/c-9") { // asked about, and not there
			http.NotFound(w, r)
			return
		}
		service.ServeHTTP(w, r)
	}))
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	end := s.start(t)
	got := map[string]bool{}
	arrived := regexp.MustCompile(`person(\d+)@example\.com`)
	get := func(path string) {
		_, body := s.get(t.Context(), path)
		for _, m := range arrived.FindAllSubmatch(body, -1) {
			got["c-"+string(m[1])] = true
		}
	}
	for i := range 20 {
		get(fmt.Sprintf("/c/c-%d", i))
	}
	for i := range 5 { // a customer each, who is not there
		get(fmt.Sprintf("/c/c-9%d", i))
	}
	for i := 20; i < 70; i += 10 { // the last ones do not fit into the budget of 60
		get(fmt.Sprintf("/c?from=%d", i))
	}
	for i := range 3 {
		get(fmt.Sprintf("/c/c-%d", 80+i))
	}
	if len(got) != 60 {
		t.Fatalf("%d customers were received under a budget of 60", len(got))
	}
	out := t.TempDir()
	state := filepath.Join(s.dir, "state")
	var scope struct {
		Covers    struct{ Last int64 }
		Customers map[string]int
		Sets      map[string][]struct {
			Subject string
			Why     []string
			Clear   []string   `json:"classes_clear"`
			AtMost  bool       `json:"classes_at_most"`
			Entries [][2]int64 `json:"entries"`
		}
	}
	run := func(more ...string) []byte {
		t.Helper()
		cmd := program(t.Context(), t, append([]string{"scope", "--principal", "thief", "--state", state}, more...)...)
		cmd.Stderr = os.Stderr
		b, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return b
	}
	// The last outcomes are queued: the scope may be asked while they are on the way.
	eventually(t, "the scope is complete", func() bool {
		scope.Sets, scope.Customers = nil, nil
		if err := json.Unmarshal(run("--json"), &scope); err != nil {
			t.Fatal(err)
		}
		return scope.Customers["possible"] == 0 && scope.Customers["excluded"] >= 5
	})
	end(syscall.SIGTERM)

	store, subjects, err := openSubjects(state)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	subject := func(id string) string {
		t.Helper()
		s, known, err := subjects.Lookup(t.Context(), weir.Identifier{Kind: "customer", Value: weir.NewPlain(id)})
		if err != nil || !known {
			t.Fatal(id, known, err)
		}
		return s.String()
	}
	var want, confirmed, excluded []string
	for id := range got {
		want = append(want, subject(id))
	}
	for _, c := range scope.Sets["confirmed"] {
		confirmed = append(confirmed, c.Subject)
		if !slices.Equal(c.Clear, []string{"contact.email"}) {
			t.Errorf("%s: classes %v", c.Subject, c.Clear)
		}
	}
	slices.Sort(want)
	slices.Sort(confirmed)
	if !slices.Equal(confirmed, want) {
		t.Errorf("%d customers are confirmed, %d were received:\n%v\n%v", len(confirmed), len(want), confirmed, want)
	}
	for _, c := range scope.Sets["excluded"] {
		excluded = append(excluded, c.Subject)
	}
	for i := range 5 {
		if !slices.Contains(excluded, subject(fmt.Sprintf("c-9%d", i))) {
			t.Errorf("c-9%d was asked about, was not there, and is not excluded", i)
		}
	}

	// What it says is proven, in a table, and on a page; nothing is overwritten.
	bundle, page := filepath.Join(out, "proof.zip"), filepath.Join(out, "scope.html")
	text := string(run("-o", bundle, "--html", page))
	if !strings.Contains(text, "confirmed      60 customers") || !strings.Contains(text, "are proven under the checkpoint") {
		t.Errorf("%s", text)
	}
	f, err := os.Open(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	proven := map[int64]bool{}
	key, err := os.ReadFile(filepath.Join(state, "ledger", "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.VerifyBundle(f, st.Size(), ledger.VerifyOptions{Key: strings.TrimSpace(string(key))}, func(index int64, _ *ledger.Entry) error {
		proven[index] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, set := range scope.Sets {
		for _, c := range set {
			for _, r := range c.Entries {
				for i := r[0]; i <= r[1]; i++ {
					if !proven[i] {
						t.Fatalf("entry %d of %s is not in the bundle", i, c.Subject)
					}
				}
			}
		}
	}
	html, err := os.ReadFile(page)
	if err != nil || strings.Count(string(html), "<code>s-") < 65 || strings.Contains(string(html), "example.com") {
		t.Errorf("the page has %d customers: %v", strings.Count(string(html), "<code>s-"), err)
	}
	for _, more := range [][]string{{"-o", bundle}, {"--html", page}} {
		cmd := program(t.Context(), t, append([]string{"scope", "--principal", "thief", "--state", state}, more...)...)
		if b, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(b), "nothing is overwritten") {
			t.Errorf("%v: %v\n%s", more, err, b)
		}
	}
	// Before it began there is nobody in it.
	scope.Sets = nil
	if err := json.Unmarshal(run("--json", "--to", "2020-01-01"), &scope); err != nil || len(scope.Sets["confirmed"]) != 0 {
		t.Error(len(scope.Sets["confirmed"]), err)
	}
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01T14:30":          time.Date(2026, 3, 1, 14, 30, 0, 0, time.UTC),
		"2026-03-01T14:30:00+02:00": time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC),
		"36h":                       time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC),
		"30d":                       time.Date(2026, 2, 8, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := moment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, want %v: %v", text, got, want, err)
		}
	}
	for _, text := range []string{"yesterday", "-3h", "-3d", "d", "1.3.2026", "99999999999d"} {
		if got, err := moment(text, now); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

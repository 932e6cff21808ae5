package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir/assure"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// TestReview carries an access review through beside a running server, and a second
// one without a server.
func TestReview(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy+"# the end\n")
	config := filepath.Join(s.dir, "weir.yaml")
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("review: {every: 90d}\n"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	weir := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(append([]string{"review"}, args...), "-c", config), nil, &out, &errs); code != want {
			t.Fatalf("review %v: exit %d\n%s%s", args, code, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	draft := filepath.Join(s.dir, "draft.yaml")
	by := []string{"--by", "Alma Example"}
	decide := func(row, what, reason string) []string {
		return append([]string{"decide", row, what, "--reason", reason}, by...)
	}
	end := s.start(t)
	if status, body := s.get(t.Context(), "/c/c-1"); status != 200 {
		t.Fatal(status, string(body))
	}
	eventually(t, "the request is on the ledger", func() bool { return strings.Contains(weir(0), "thief") })
	if out := weir(0); strings.Contains(out, "overdue") || !strings.Contains(out, "No review is open") {
		t.Error(out)
	}
	weir(1, decide("1", "keep", "needed")...)
	if out := weir(2, "finish", "--by", "Alma Example", "-o", draft); !strings.Contains(out, "weir review start") {
		t.Error(out)
	}
	weir(0, append([]string{"start"}, by...)...)
	if out := weir(1, append([]string{"start"}, by...)...); !strings.Contains(out, "is open, begun by Alma Example") {
		t.Error(out)
	}
	weir(2, decide("1", "delete", "needed")...)
	weir(1, decide("99", "keep", "needed")...)
	weir(1, decide("1", "keep", "two\nlines")...)
	weir(0, decide("role:support", "narrow", "nobody takes more")...)
	if out := weir(1, "finish", "--by", "Alma Example", "-o", draft); !strings.Contains(out, "not decided yet") {
		t.Error(out)
	}
	if _, err := os.Stat(draft); !os.IsNotExist(err) {
		t.Error("there is a draft before the end")
	}
	var shown struct{ *assure.Review }
	if err := json.Unmarshal([]byte(weir(0, "--json")), &shown); err != nil || len(shown.Open()) != len(shown.Rows)-1 {
		t.Fatal(err, len(shown.Rows))
	}
	end(syscall.SIGKILL) // what was decided is kept
	for _, row := range shown.Open() {
		weir(0, decide(row.Party, "keep", "needed")...)
	}
	out := weir(0, "finish", "--by", "Alma Example", "-o", draft)
	if !strings.Contains(out, "role support") || !strings.Contains(out, "weir policy replay") {
		t.Error(out)
	}
	text, err := os.ReadFile(draft)
	if err != nil || !strings.Contains(string(text), "# the end") {
		t.Error(err, string(text))
	}
	if _, err := policy.Parse("draft.yaml", text); err != nil {
		t.Error(err)
	}
	if out := weir(2, "finish", "--by", "Alma Example", "-o", draft); !strings.Contains(out, "--force") {
		t.Error(out)
	}

	rules := map[string]int{}
	err = ledger.Read(filepath.Join(s.dir, "state", "ledger"), 0, func(_ int64, e *ledger.Entry) error {
		if e.Kind == ledger.Staff {
			rules[e.Rule]++
			if e.Principal != "Alma Example" || !strings.HasPrefix(e.Credential, "local:") {
				t.Errorf("%+v", e)
			}
		}
		return nil
	})
	if err != nil || rules[reviewBegun] != 1 || rules[reviewDecided] != len(shown.Rows) || rules[reviewEnded] != 1 {
		t.Error(err, rules)
	}
	page := filepath.Join(s.dir, "review.html")
	weir(0, "--review", shown.ID, "--html", page)
	if b, err := os.ReadFile(page); err != nil || !strings.Contains(string(b), "nobody takes more") || strings.Contains(string(b), "example.com") {
		t.Error(err, string(b))
	}
	weir(2, "--review", "2020-01-01")

	// A second one on the same day has another name, and is due in time.
	if out := weir(0, append([]string{"start"}, by...)...); !strings.Contains(out, shown.ID+"-2") {
		t.Error(out)
	}
	cfg, err := loadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	all, err := readReviews(cfg.State)
	if err != nil || len(all) != 2 {
		t.Fatal(err, len(all))
	}
	for days, want := range map[int]bool{0: false, 89: false, 91: true} {
		due, err := reviewDue(cfg, all, time.Now().AddDate(0, 0, days))
		if err != nil || (due != "") != want {
			t.Errorf("in %d days: %q %v", days, due, err)
		}
	}
}

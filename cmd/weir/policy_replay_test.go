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

	"github.com/getweir/weir/replay"
)

// TestPolicyReplay replays what a real server has recorded, beside the server, from one
// ledger and from two.
func TestPolicyReplay(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	end := s.start(t)
	for _, path := range []string{"/c/c-1", "/c/c-2", "/c?from=0", "/c/c-3"} {
		if status, body := s.get(t.Context(), path); status != 200 {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	draft := filepath.Join(s.dir, "draft.yaml")
	text := strings.Replace(killPolicy, "contact.email: clear", "contact.email: mask", 1)
	text = strings.Replace(text, "clear:  {hour: 60, day: 60, 30 days: 60}", "clear:  {hour: 2, day: 60, 30 days: 60}\n      masked: {30 days: 60}", 1)
	text = strings.Replace(text, "clear:  {hour: 1000, day: 1000, 30 days: 1000}", "clear:  {30 days: 1000}\n    masked: {30 days: 1000}", 1)
	if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	play := func(args ...string) (r replay.Report) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"policy", "replay", "--json", "--since", "1h"}, args...), nil, &out, &errs); code != 0 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	config := []string{"-c", filepath.Join(s.dir, "weir.yaml")}
	var r replay.Report
	eventually(t, "the requests are on the ledger", func() bool {
		r = play(append(config, draft)...)
		return r.Total.Requests == 4
	})
	if r.Total.Masked == 0 || r.Total.Unknowable != 0 || len(r.Policies) != 1 || !r.Policies[0].AtHand {
		t.Errorf("%+v", r)
	}
	same := play(append(config, filepath.Join(s.dir, "policy.yaml"))...)
	if c := same.Total; c.Records == 0 || c.Same != c.Records || c.Unknowable+c.NewlyRefused > 0 {
		t.Errorf("under the policy in force: %+v", c)
	}
	end(syscall.SIGTERM)

	folder := filepath.Join(s.dir, "state", "ledger")
	policyFile := filepath.Join(s.dir, "policy.yaml")
	twice := play("--ledger", folder, "--ledger", folder, "--was", policyFile, policyFile)
	if twice.Entries != 2*play("--ledger", folder, "--was", policyFile, policyFile).Entries {
		t.Errorf("two ledgers have %d entries", twice.Entries)
	}
	lost := play("--ledger", folder, draft)
	if lost.Total.Unknowable != 4 || lost.Policies[0].AtHand {
		t.Errorf("without the policy that was in force: %+v", lost.Total)
	}

	page := filepath.Join(s.dir, "replay.html")
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"policy", "replay", "--since", "1h", "--html", page, draft}, config...), nil, &out, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.String(), string(html)} {
		if !strings.Contains(text, "masked further") || !strings.Contains(text, "contact.email") || strings.Contains(text, "example.com") {
			t.Errorf("the report:\n%s", text)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--ledger", s.dir + "/nowhere", draft}, "no ledger in"},
		{[]string{"--since", "soon", draft}, "is not a time"},
		{append(config, s.dir+"/nothing.yaml"), "there is no"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"policy", "replay"}, c.args...), nil, &out, &errs); code != int(exitUsage) || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%v: exit %d, %s", c.args, code, errs.String())
		}
	}
}

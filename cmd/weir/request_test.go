package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/ledger"
)

// member adds somebody's API key to the site's configuration, and gives it in a file.
func (s *site) member(t *testing.T, name, kind string) (file, key string) {
	t.Helper()
	key, hash := identity.NewKey()
	path := filepath.Join(s.dir, "weir.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "  keys: [", fmt.Sprintf("  keys: [{name: %s, role: support, kind: %s, hashes: [%q]}, ", name, kind, hash), 1)
	file = filepath.Join(s.dir, name+".key")
	for path, text := range map[string]string{path: text, file: key + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file, key
}

// TestAskForMore: whoever has spent a budget asks, at the door or on the node; somebody
// else agrees; so many more customers come, counted by the client, and not one more,
// also after a kill; and all of it is on record.
func TestAskForMore(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	who := newSigners(t, "ada", "ben")
	s := newSite(t, back.URL, strings.Replace(killPolicy, "hour: 60, day: 60, 30 days: 60", "hour: 6, day: 8, 30 days: 12", 1)+
		"approvers:\n  ada: {keys: ["+who.public["ada"]+"], approves: [requests]}\n  ben: {keys: ["+who.public["ben"]+"], approves: [requests]}\n")
	agentFile, agentKey := s.member(t, "agent-8", "staff")
	adaFile, _ := s.member(t, "ada", "staff")
	botFile, _ := s.member(t, "ben", "service")
	end := s.start(t)

	emails := regexp.MustCompile(`person\d+@example\.com`)
	received := map[string]bool{}
	take := func(from, to int) (n int) {
		t.Helper()
		for i := from; i < to; i++ {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/c/c-%d", s.url, i), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-API-Key", agentKey)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body := make([]byte, 64<<10)
			k, _ := resp.Body.Read(body)
			resp.Body.Close()
			for _, found := range emails.FindAllString(string(body[:k]), -1) {
				if !received[found] {
					n++
				}
				received[found] = true
			}
		}
		return n
	}
	if n := take(1, 20); n != 6 {
		t.Fatalf("%d within the budget", n)
	}
	door := []string{"--door", s.url}
	ask := func(args ...string) approval.Request {
		t.Helper()
		code, out := s.does(t, append([]string{"request", "more", "--json", "--for", "2h", "--reason", "recall of product 7"}, args...)...)
		var r approval.Request
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
			t.Fatalf("exit %d, %s", code, out)
		}
		return r
	}
	r := ask(append(door, "--customers", "3", "--credential", agentFile)...)
	if r.Principal != "agent-8" || r.Role != "support" || r.State != approval.Waiting || strings.Join(r.LaneNames(), " ") != "clear probed" {
		t.Errorf("%+v", r)
	}
	if n := take(20, 22); n != 0 {
		t.Errorf("%d on a request that nobody has agreed to", n)
	}
	refused := func(why string, args ...string) {
		t.Helper()
		if code, out := s.does(t, append([]string{"request"}, args...)...); code == 0 || !strings.Contains(out, why) {
			t.Errorf("%v: exit %d, %s", args, code, out)
		}
	}
	id := r.ID.String()
	refused("does not name you", "approve", id, "--door", s.url, "--credential", agentFile)
	refused("a person approves, not a service", "approve", id, "--door", s.url, "--credential", botFile)
	refused("a person approves, not a service", "approve", id, "--credential", botFile)
	refused("no request", "approve", strings.Repeat("0", 24), "--door", s.url, "--credential", adaFile)
	refused("personal data", "more", "--customers", "3", "--for", "2h", "--reason", "for ada@example.com", "--credential", agentFile)
	refused("1 to 1000000", "more", "--customers", "0", "--for", "2h", "--reason", "none at all", "--credential", agentFile)
	refused("show your own credential", "more", "--customers", "1", "--for", "2h", "--reason", "for nobody")
	own := ask("--customers", "3", "--credential", adaFile)
	refused("asked for themselves", "approve", own.ID.String(), "--credential", adaFile)
	refused("asked for themselves", "approve", own.ID.String(), "--key", who.key("ada"))
	if code, out := s.does(t, "request", "refuse", own.ID.String(), "--reason", "not needed", "--by", "ben"); code != 0 || !strings.Contains(out, "refused") {
		t.Errorf("exit %d, %s", code, out)
	}

	if code, out := s.does(t, "request", "approve", id, "--door", s.url, "--credential", adaFile); code != 0 || !strings.Contains(out, "Approved by ada") {
		t.Fatalf("exit %d, %s", code, out)
	}
	var n int
	eventually(t, "the approval is in force", func() bool { n += take(22, 23); return n > 0 })
	end(syscall.SIGKILL)
	end = s.start(t)
	if n += take(23, 40); n != 3 {
		t.Errorf("%d more customers, and 3 were approved", n)
	}
	// On the node, with a signature, for the role that is asked in: up to the ceiling.
	r = ask("--customers", "500", "--credential", agentFile)
	if code, out := s.does(t, "request", "approve", r.ID.String(), "--key", who.key("ben")); code != 0 || !strings.Contains(out, "Approved by ben") {
		t.Fatalf("exit %d, %s", code, out)
	}
	n = 0
	eventually(t, "the approval is in force", func() bool { n += take(40, 41); return n > 0 })
	take(41, 80)
	if len(received) != 12 {
		t.Errorf("%d customers in all; the ceiling is 12", len(received))
	}
	if code, out := s.does(t, "request", "withdraw", r.ID.String(), "--door", s.url, "--credential", agentFile, "--reason", "done early"); code != 0 || !strings.Contains(out, "withdrawn") {
		t.Errorf("exit %d, %s", code, out)
	}
	code, out := s.does(t, "request", "list")
	if code != 0 || strings.Count(out, "agent-8") != 5 || !strings.Contains(out, "withdrawn") || !strings.Contains(out, "approved") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out := s.does(t, "request", "list", "--json", "--door", s.url, "--credential", botFile); code != 0 || strings.TrimSpace(out) != "[]" {
		t.Errorf("somebody else's: exit %d, %s", code, out)
	}
	end(syscall.SIGTERM)
	if _, err := ledger.Verify(filepath.Join(s.dir, "state/ledger"), ledger.VerifyOptions{}); err != nil {
		t.Error(err)
	}
	under := map[ledger.Kind]int{}
	if err := ledger.Read(filepath.Join(s.dir, "state/ledger"), 0, func(_ int64, e *ledger.Entry) error {
		if e.Asked != nil {
			under[e.Kind]++
		}
		return nil
	}); err != nil || under[ledger.Request] != 7 || under[ledger.Release] != 6 {
		t.Errorf("on record: %v, %v", under, err)
	}
}

// TestOwnPathsAreClosed: without a credential, from another site's page, or with a
// body that is none, the door's own paths do nothing.
func TestOwnPathsAreClosed(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	end := s.start(t)
	defer end(syscall.SIGTERM)
	post := func(path, body string, header ...string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 4096)
		n, _ := resp.Body.Read(b)
		return resp.StatusCode, string(b[:n])
	}
	good := `{"lanes":["clear"],"customers":5,"for":"1h","reason":"a recall"}`
	for _, c := range []struct {
		path, body string
		header     []string
		status     int
	}{
		{"/.weir/requests", good, nil, 401},
		{"/.weir/requests", good, []string{"X-API-Key", "weir_none"}, 401},
		{"/.weir/requests", good, []string{"X-API-Key", s.key, "Sec-Fetch-Site", "cross-site"}, 403},
		{"/.weir/requests", good, []string{"X-API-Key", s.key}, 403}, // nobody may approve
		{"/.weir/requests", `{"lanes":["all"]}`, []string{"X-API-Key", s.key}, 403},
		{"/.weir/requests", `{"who":"me"}`, []string{"X-API-Key", s.key}, 403},
		{"/.weir/requests", "{" + strings.Repeat(" ", maxRequestBody+1) + "}", []string{"X-API-Key", s.key}, 400},
		{"/.weir/requests", "not JSON", []string{"X-API-Key", s.key}, 400},
		{"/.weir/requests/zz/approve", "", []string{"X-API-Key", s.key}, 404},
		{"/.weir/other", "", []string{"X-API-Key", s.key}, 404},
	} {
		if status, body := post(c.path, c.body, c.header...); status != c.status {
			t.Errorf("%s %.40s: %d %s, want %d", c.path, c.body, status, body, c.status)
		}
	}
}

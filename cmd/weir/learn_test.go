package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/internal/actors"
	"github.com/getweir/weir/internal/mint"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/internal/reelcart"
)

// recorder is a transport that writes a HAR of what passes, of some actors.
type recorder struct {
	mu      sync.Mutex
	entries []any
	only    func(agent string) bool
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func pairs(h http.Header) (all []pair) {
	for name, values := range h {
		for _, v := range values {
			all = append(all, pair{name, v})
		}
	}
	return all
}

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	began := time.Now()
	q.Header.Del("Accept-Encoding") // the transport undoes what it asks for itself
	res, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	if r.only != nil && !r.only(strings.TrimPrefix(q.Header.Get("User-Agent"), "reel-and-cart-")) {
		return res, nil
	}
	content := map[string]any{"size": len(body), "mimeType": res.Header.Get("Content-Type"), "text": string(body)}
	if len(body)%2 == 0 {
		content["encoding"], content["text"] = "base64", base64.StdEncoding.EncodeToString(body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, map[string]any{
		"startedDateTime": began.Format(time.RFC3339Nano), "time": 1.5,
		"request":  map[string]any{"method": q.Method, "url": q.URL.String(), "httpVersion": "HTTP/1.1", "headers": pairs(q.Header), "queryString": []any{}},
		"response": map[string]any{"status": res.StatusCode, "headers": pairs(res.Header), "content": content},
	})
	return res, nil
}

func (r *recorder) write(t *testing.T, path string) {
	t.Helper()
	b, err := json.Marshal(map[string]any{"log": map[string]any{"version": "1.2", "creator": pair{"test", "1"}, "entries": r.entries}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLearnThenEnforce drives the sample platform with nobody in the way, learns from
// the recording of the honest ones, and puts a Weir with just the written files before the
// platform: everybody honest gets what they got, nobody of them is denied anything, and the
// thief, whom nobody had recorded, is bounded.
func TestLearnThenEnforce(t *testing.T) {
	const customers = 250
	platform := reelcart.New(reelcart.Seed, customers)
	bare := httptest.NewServer(platform.Handler())
	defer bare.Close()
	issuers := map[string]*mint.Issuer{}
	for _, name := range []string{actors.StaffIssuer, actors.CustomerIssuer, actors.ServiceIssuer} {
		issuer, err := mint.NewIssuer(name, "EdDSA")
		if err != nil {
			t.Fatal(err)
		}
		issuers[name] = issuer
	}
	honest := map[string]bool{}
	for _, a := range actors.Cast(people.New(reelcart.Seed, customers)) {
		honest[a.Name] = a.Honest
	}
	rec := &recorder{only: func(agent string) bool { return honest[agent] }}
	play := actors.New(actors.Config{Base: bare.URL, Population: platform.Population(), Header: credentials(issuers), Transport: rec})
	if err := play.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := play.Tallies()
	dir := t.TempDir()
	har := filepath.Join(dir, "monday.har")
	rec.write(t, har)

	site, page := filepath.Join(dir, "site"), filepath.Join(dir, "exposure.html")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"learn", har, "--upstream", bare.URL, "-o", site, "--html", page, "--json"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	var report learnReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if report.Stopped != 0 || report.Played != len(rec.entries) {
		t.Errorf("of %d exchanges %d were played, and %d would have been stopped: %v", len(rec.entries), report.Played, report.Stopped, report.Notes)
	}
	subjects := map[string]string{}
	for _, r := range report.Routes {
		subjects[r.Route] = r.Subject
	}
	for route, want := range map[string]string{
		"GET /v1/customers/{id}": "customer {id}", "GET /v1/customers/{id}/orders": "customer {id}", "GET /v1/customers/{id}/history": "customer {id}",
		"GET /v1/customers": "customer $.data.items[*].id", "GET /v1/histories": "customer $.data.items[*].customer_id",
		"GET /account/{id}": "customer {id}", "GET /export/customers.csv": "customer $[*].customer_id", "GET /v1/catalogue": "", "GET /v1/catalogue/{id}": "",
	} {
		if got, is := subjects[route]; !is || got != want {
			t.Errorf("%s: %q instead of %q (found: %v)", route, got, want, is)
		}
	}

	// Nothing of any customer is in what was written.
	wrote := out.Bytes()
	for _, path := range []string{filepath.Join(site, "weir.yaml"), filepath.Join(site, "policy.yaml"), page} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		wrote = append(wrote, b...)
	}
	for i := range platform.Population().Customers {
		c := &platform.Population().Customers[i]
		for _, v := range []string{c.ID, c.Email, c.Phone, c.Card.Number, c.Address.Street, c.IBAN, c.LastName + ","} {
			if v != "" && bytes.Contains(wrote, []byte(v)) {
				t.Fatalf("a value of customer %d is in what was written", i)
			}
		}
	}
	if bytes.Contains(wrote, []byte("agent-3")) || bytes.Contains(wrote, []byte("Bearer")) {
		t.Error("who asked, or a credential, is in what was written")
	}

	cfg, err := loadConfig(filepath.Join(site, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, issuer := range issuers {
		if err := issuer.WriteKeySet(filepath.Join(site, "weir-state", "keys", name+".jwks")); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Listen, cfg.Console = "127.0.0.1:0", ""
	srv, err := newServer(t.Context(), cfg, guard.Enforce, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- srv.run(ctx) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	again := actors.New(actors.Config{Base: srv.URL(), Population: platform.Population(), Header: credentials(issuers)})
	if err := again.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, a := range again.Actors() {
		got, had := again.Tallies()[i], before[i]
		switch {
		case a.Honest && (got.Denied > 0 || got.GotClear != had.GotClear):
			t.Errorf("%s: %d denied, %d customers in clear instead of %d", a.Name, got.Denied, got.GotClear, had.GotClear)
		case a.Name == thief && (got.GotClear == 0 || got.GotClear > 60 || had.GotClear < customers):
			t.Errorf("the thief got %d of %d in clear, and %d with nobody in the way", got.GotClear, customers, had.GotClear)
		case !a.Honest && a.Kind == weir.Customer && got.GotClear > 1:
			t.Errorf("%s got %d", a.Name, got.GotClear)
		}
	}
}

// TestLearnMirror: requests that are mirrored are asked again, GETs alone, and Ctrl-C
// writes what was learnt until then.
func TestLearnMirror(t *testing.T) {
	platform := reelcart.New(reelcart.Seed, 50)
	var mu sync.Mutex
	var methods []string
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		methods = append(methods, r.Method)
		mu.Unlock()
		platform.Handler().ServeHTTP(w, r)
	}))
	defer back.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	site := filepath.Join(t.TempDir(), "site")
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"learn", "--mirror", addr, "--replay", back.URL, "--rate", "500", "-o", site, "--json"}, strings.NewReader(""), &out, &errs)
	}()
	const asked = 12
	for i := range asked {
		for _, method := range []string{"GET", "POST"} {
			q, err := http.NewRequest(method, "http://"+addr+"/v1/customers/"+people.ID(i), strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			q.Host = "shop.example-shadow"
			sent := false
			for range 500 {
				res, err := http.DefaultClient.Do(q)
				if err == nil {
					res.Body.Close()
					sent = res.StatusCode == http.StatusNoContent
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			if !sent {
				t.Fatal("the mirror does not answer")
			}
		}
	}
	eventually(t, "what was asked for is asked again", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(methods) >= asked
	})
	interrupt()
	if code := <-ended; code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	for _, m := range methods {
		if m != "GET" {
			t.Errorf("the service was asked a %s", m)
		}
	}
	var report learnReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Routes) != 1 || report.Routes[0].Subject != "customer {id}" || report.Routes[0].Open == 0 {
		t.Errorf("%+v", report.Routes)
	}
	if _, err := os.Stat(filepath.Join(site, "policy.yaml")); err != nil {
		t.Error(err)
	}
}

// TestLearnOverwritesNothing: a file that is there stays, unless it is said.
func TestLearnOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	har := filepath.Join(dir, "x.har")
	const text = `{"log":{"entries":[{"startedDateTime":"2026-03-01T12:00:00Z","request":{"method":"GET","url":"http://shop.example/v1/customers/c-10001","headers":[]},"response":{"status":200,"headers":[],"content":{"mimeType":"application/json","text":"{\"id\":\"c-10001\",\"email\":\"ada@example.com\"}"}}}]}}`
	for path, content := range map[string]string{har: text, filepath.Join(dir, "policy.yaml"): "mine\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	learn := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"learn", har, "-o", dir}, args...), strings.NewReader(""), &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, text := learn(); code == 0 || !strings.Contains(text, "--force") {
		t.Errorf("%d: %s", code, text)
	}
	if code, text := learn("--dry-run"); code != 0 || !strings.Contains(text, "GET /v1/customers/{id}") || strings.Contains(text, "ada@") {
		t.Errorf("%d: %s", code, text)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "policy.yaml")); string(b) != "mine\n" {
		t.Error("it was overwritten")
	}
	if code, text := learn("--force"); code != 0 {
		t.Errorf("%d: %s", code, text)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "policy.yaml")); !bytes.Contains(b, []byte("customer {id}")) {
		t.Errorf("%s", b)
	}
	if err := os.WriteFile(har, []byte(`{"lag":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text := learn("--force"); code != 2 || !strings.Contains(text, "HAR") {
		t.Errorf("%d: %s", code, text)
	}
}

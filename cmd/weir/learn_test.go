package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
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
	const customers = 400
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

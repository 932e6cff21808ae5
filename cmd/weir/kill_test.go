package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/ledger"
)

const killPolicy = `
version: 1
classes:
  contact.*: {sensitivity: moderate}
  person.*: {sensitivity: moderate}
  payment.*: {sensitivity: high}
  identity.*: {sensitivity: high}
  network.*: {sensitivity: low}
  device.*: {sensitivity: moderate}
  location.*: {sensitivity: high}
  media.*: {sensitivity: high}
  commerce.*: {sensitivity: moderate}
  message.*: {sensitivity: high}
  credential.*: {sensitivity: high}
purposes:
  support: {basis: contract}
roles:
  support:
    purposes: [support]
    see: {"*": clear, contact.email: clear}
    take:
      clear:  {hour: 60, day: 60, 30 days: 60}
      probed: {hour: 100000, day: 100000, 30 days: 100000}
deployment:
  take:
    clear:  {hour: 1000, day: 1000, 30 days: 1000}
    probed: {hour: 100000, day: 100000, 30 days: 100000}
routes:
  - {route: "GET /c/{id}", name: customer, subject: "customer {id}"}
  - {route: GET /c, name: customers, subject: "customer $[*].id"}
`

// site is a running weir serve, made by the tests as a user would make it.
type site struct {
	dir, url, key string
}

// newSite writes a configuration before a service, and its state.
func newSite(t *testing.T, upstream, policyText string) *site {
	t.Helper()
	addrs, err := freeAddresses(1)
	if err != nil {
		t.Fatal(err)
	}
	key, hash := identity.NewKey()
	s := &site{dir: t.TempDir(), url: "http://" + addrs[0], key: key}
	config := fmt.Sprintf("version: 1\nlisten: %s\nupstream: %s\npolicy: policy.yaml\nstate: state\nnode: test\nidentity:\n  keys: [{name: thief, role: support, kind: staff, hashes: [%q]}]\n", addrs[0], upstream, hash)
	for name, text := range map[string]string{"weir.yaml": config, "policy.yaml": policyText} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := createState(filepath.Join(s.dir, "state"), "test"); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs weir serve; end sends it a signal and waits for it.
func (s *site) start(t *testing.T) (end func(syscall.Signal) (stderr string)) {
	t.Helper()
	var errs bytes.Buffer
	cmd := program(context.Background(), t, "serve", "--config", filepath.Join(s.dir, "weir.yaml"))
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	end = func(sig syscall.Signal) string {
		_ = cmd.Process.Signal(sig)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("it did not end by %v:\n%s", sig, errs.String())
		}
		return errs.String()
	}
	t.Cleanup(func() { end(syscall.SIGKILL) })
	if err := waitFor(t.Context(), s.url); err != nil {
		t.Fatalf("%v\n%s", err, end(syscall.SIGKILL))
	}
	return end
}

// get asks with the site's key and gives what came, whole or not.
func (s *site) get(ctx context.Context, path string) (status int, body []byte) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return 0, nil
	}
	req.Header.Set("X-API-Key", s.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body)
	return resp.StatusCode, body
}

func weakService() http.Handler {
	mux := http.NewServeMux()
	one := func(i int) string { return fmt.Sprintf(`{"id":"c-%d","email":"person%d@example.com"}`, i, i) }
	mux.HandleFunc("GET /c/{id}", func(w http.ResponseWriter, r *http.Request) {
		var i int
		_, _ = fmt.Sscanf(r.PathValue("id"), "c-%d", &i)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, one(i))
	})
	mux.HandleFunc("GET /c", func(w http.ResponseWriter, r *http.Request) {
		var from int
		_, _ = fmt.Sscan(r.URL.Query().Get("from"), &from)
		var items []string
		for i := from; i < from+10; i++ {
			items = append(items, one(i))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "[%s]", strings.Join(items, ",\n"))
	})
	return mux
}

// TestKilledAtAnyMoment kills the real server by SIGKILL again and again, under
// a scrape: whoever was received is on the ledger, the ledger holds, and the
// bound holds over all restarts together.
func TestKilledAtAnyMoment(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	person := regexp.MustCompile(`person(\d+)@example\.com`)
	var mu sync.Mutex
	got := map[string]bool{}
	rounds := 8
	if text := os.Getenv("KILLS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 8 {
			t.Fatalf("KILLS is %q", text)
		}
	}
	for round := range rounds {
		end := s.start(t)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for g := range 6 {
			r := rand.New(rand.NewPCG(uint64(round), uint64(g)))
			wg.Go(func() {
				for ctx.Err() == nil {
					path := fmt.Sprintf("/c/c-%d", r.IntN(3000))
					if r.IntN(2) == 0 {
						path = fmt.Sprintf("/c?from=%d", r.IntN(3000))
					}
					_, body := s.get(ctx, path)
					mu.Lock()
					for _, m := range person.FindAllSubmatch(body, -1) {
						got[string(m[1])] = true
					}
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Duration(10+rand.IntN(150)) * time.Millisecond)
		end(syscall.SIGKILL)
		cancel()
		wg.Wait()
		if len(got) > 60 {
			t.Fatalf("round %d: %d customers received under a budget of 60", round, len(got))
		}
	}
	// A last start, which ends in order; by now the bound must have been reached.
	end := s.start(t)
	for i := range 70 {
		_, body := s.get(t.Context(), fmt.Sprintf("/c/c-%d", 4000+i))
		for _, m := range person.FindAllSubmatch(body, -1) {
			got[string(m[1])] = true
		}
	}
	stderr := end(syscall.SIGTERM)
	if len(got) == 0 || len(got) > 60 {
		t.Fatalf("%d customers received in all, under a budget of 60", len(got))
	}
	if bytes.Contains([]byte(stderr), []byte("@example.com")) || strings.Contains(stderr, "/c/c-") {
		t.Errorf("the log names customers:\n%s", stderr)
	}
	report, err := ledger.Verify(filepath.Join(s.dir, "state/ledger"), ledger.VerifyOptions{})
	if err != nil {
		t.Fatalf("the ledger does not hold after %d kills: %v\n%v", rounds, err, report)
	}
	recorded := map[weir.Subject]bool{}
	if err := ledger.Read(filepath.Join(s.dir, "state/ledger"), 0, func(_ int64, e *ledger.Entry) error {
		for _, taken := range e.Subjects {
			if e.Kind == ledger.Release && taken.Lanes.Has(weir.Clear) {
				recorded[taken.Subject] = true
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	store, subjects, err := openSubjects(filepath.Join(s.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for id := range got {
		subject, known, err := subjects.Lookup(t.Context(), weir.Identifier{Kind: "customer", Value: weir.NewPlain("c-" + id)})
		if err != nil || !known || !recorded[subject] {
			t.Errorf("customer c-%s was received and is not on the ledger (known %v, %v)", id, known, err)
		}
	}
	t.Logf("%d kills, %d customers received, %d on the ledger, %d entries", rounds, len(got), len(recorded), report.Entries)
}

// TestServeRefuses what it cannot stand on.
func TestServeRefusesARolledBackLedger(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	state := filepath.Join(s.dir, "state")
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(filepath.Join(state, "ledger"))); err != nil {
		t.Fatal(err)
	}
	end := s.start(t)
	for i := range 30 {
		s.get(t.Context(), fmt.Sprintf("/c/c-%d", i))
	}
	end(syscall.SIGTERM)
	// The segments of before, under the checkpoint of after.
	checkpoint, err := os.ReadFile(filepath.Join(state, "ledger", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(state, "ledger")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(state, "ledger"), os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "ledger", "checkpoint"), checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd := program(t.Context(), t, "serve", "--config", filepath.Join(s.dir, "weir.yaml"))
	cmd.Stderr = &errs
	if err := cmd.Run(); err == nil || !strings.Contains(errs.String(), "lost signed entries") {
		t.Errorf("a ledger that is older than its checkpoint was opened: %v\n%s", err, errs.String())
	}
}

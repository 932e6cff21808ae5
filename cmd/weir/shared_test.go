package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/pgtest"
	"github.com/getweir/weir/ledger"
)

// sharePostgres gives the site a store on a private PostgreSQL, as a user would.
func (s *site) sharePostgres(t *testing.T) *pgtest.Server {
	t.Helper()
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	url, err := server.Database()
	if err != nil {
		t.Fatal(err)
	}
	s.configure(t, fmt.Sprintf("store: {postgres: %q, patience: 1m}\n", url))
	if out, code := s.weir(t, "serve"); code != 1 || !strings.Contains(out, "weir store init") {
		t.Fatalf("with a store that is not prepared: %d\n%s", code, out)
	}
	for _, want := range []string{"is made.\nThe node's own subject directory is moved there", "is up to date."} {
		if out, code := s.weir(t, "store", "init"); code != 0 || !strings.Contains(out, want) {
			t.Fatalf("weir store init: %d\n%s", code, out)
		}
	}
	return server
}

// configure adds to weir.yaml.
func (s *site) configure(t *testing.T, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "weir.yaml"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// weir runs a command with the site's configuration.
func (s *site) weir(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := program(ctx, t, append(args, "--config", filepath.Join(s.dir, "weir.yaml"))...)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return b.String(), cmd.ProcessState.ExitCode()
}

// TestDiskIsLost kills the real server in the middle of a scrape and removes its
// ledger; what is made anew from the real PostgreSQL has everybody that the
// client received, and serve goes on with it. In between it refuses to start: with
// no ledger, and with an older copy of it.
func TestDiskIsLost(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	person := regexp.MustCompile(`person(\d+)@example\.com`)
	got := map[string]bool{}
	// A first life alone, whose ledger and subjects the store is then given.
	end := s.start(t)
	for i := range 5 {
		_, body := s.get(t.Context(), fmt.Sprintf("/c/c-%d", 7000+i))
		for _, m := range person.FindAllSubmatch(body, -1) {
			got[string(m[1])] = true
		}
	}
	end(syscall.SIGTERM)
	if len(got) != 5 {
		t.Fatalf("%d customers received", len(got))
	}
	server := s.sharePostgres(t)
	if got := asksStore(t, s); got["store"] != fine || got["clock"] != fine {
		t.Errorf("weir doctor says %v", got)
	}
	state := filepath.Join(s.dir, "state")
	dir := filepath.Join(state, "ledger")
	old := filepath.Join(t.TempDir(), "old")
	var mu sync.Mutex
	scrape := func(round uint64) {
		end := s.start(t)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for g := range 6 {
			r := rand.New(rand.NewPCG(round, uint64(g)))
			wg.Go(func() {
				for ctx.Err() == nil {
					_, body := s.get(ctx, fmt.Sprintf("/c/c-%d", r.IntN(3000)))
					mu.Lock()
					for _, m := range person.FindAllSubmatch(body, -1) {
						got[string(m[1])] = true
					}
					mu.Unlock()
				}
			})
		}
		// In the middle of traffic: when some have come, and more are on their way.
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			mu.Lock()
			n := len(got)
			mu.Unlock()
			if n >= 5+10*int(round+1) {
				break
			}
		}
		end(syscall.SIGKILL)
		cancel()
		wg.Wait()
	}
	const rounds = 3
	for round := range uint64(rounds) {
		scrape(round)
		if err := os.RemoveAll(old); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			// A copy of the folder, to be put back when it is old.
			if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(state, "index.db")); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if out, code := s.weir(t, "serve"); code != 1 || !strings.Contains(out, "weir ledger rebuild --from-store") {
			t.Fatalf("without its ledger: %d\n%s", code, out)
		}
		out, code := s.weir(t, "ledger", "rebuild", "--from-store")
		if code != 0 || !strings.Contains(out, "which is what the store had acknowledged") {
			t.Fatalf("rebuild: %d\n%s", code, out)
		}
		if out, code := s.weir(t, "ledger", "rebuild", "--from-store"); code != 2 {
			t.Fatalf("rebuild over a ledger: %d\n%s", code, out)
		}
	}
	if len(got) == 0 || len(got) > 60 {
		t.Fatalf("%d customers received under a budget of 60", len(got))
	}
	s.everybodyIsOn(t, dir, got)

	// The folder of long ago is refused, and rebuilt beside.
	end = s.start(t)
	end(syscall.SIGTERM)
	if err := os.RemoveAll(old); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	end = s.start(t)
	for i := range 20 {
		s.get(t.Context(), fmt.Sprintf("/c/c-%d", 5000+i))
	}
	end(syscall.SIGTERM)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	if out, code := s.weir(t, "serve"); code != 1 || !strings.Contains(out, "weir ledger rebuild") {
		t.Fatalf("with an older ledger: %d\n%s", code, out)
	}
	if out, code := s.weir(t, "ledger", "rebuild", "--from-store", "--set-aside"); code != 0 || !strings.Contains(out, ".before-") {
		t.Fatalf("rebuild of an older ledger: %d\n%s", code, out)
	}
	end = s.start(t)
	// A second process with the same ledger is told who has it.
	second := *s
	second.dir = t.TempDir()
	// os.CopyFS stops at a socket.
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", s.dir+"/.", second.dir).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if out, code := second.weir(t, "serve"); code != 1 || !strings.Contains(out, "in use by another process") {
		t.Errorf("two at once: %d\n%s", code, out)
	}
	out, code := s.weir(t, "store", "check", "--json")
	var check struct {
		Ledgers []struct {
			Entries int64
			Held    bool
			Holder  string
		}
	}
	if err := json.Unmarshal([]byte(out), &check); err != nil || code != 0 || len(check.Ledgers) != 1 || !check.Ledgers[0].Held || check.Ledgers[0].Holder != "test" {
		t.Errorf("store check: %d, %v\n%s", code, err, out)
	}
	if out, code := s.weir(t, "who-saw", "customer:c-7003"); code != 0 || !strings.Contains(out, "thief") {
		t.Errorf("who-saw: %d\n%s", code, out)
	}
	// Nothing is released without the store.
	before := len(got)
	server.Stop(syscall.SIGINT)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	status, body := s.get(ctx, "/c/c-2999")
	cancel()
	if status == 200 || person.Match(body) {
		t.Errorf("status %d while the store is away:\n%s", status, body)
	}
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	again := false
	for deadline := time.Now().Add(time.Minute); !again && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		status, _ := s.get(t.Context(), "/c/c-2999")
		again = status == 200 || status == 429 || status == 403
	}
	if !again {
		t.Error("it does not come back when the store does")
	}
	end(syscall.SIGTERM)
	report, err := ledger.Verify(dir, ledger.VerifyOptions{})
	if err != nil {
		t.Fatalf("%v\n%v", err, report)
	}
	t.Logf("%d customers received in %d lives, %d entries", before, rounds, report.Entries)
}

// everybodyIsOn holds the ledger to what a client received.
func (s *site) everybodyIsOn(t *testing.T, dir string, got map[string]bool) {
	t.Helper()
	recorded := map[weir.Subject]bool{}
	if err := ledger.Read(dir, 0, func(_ int64, e *ledger.Entry) error {
		for _, taken := range e.Subjects {
			if e.Kind == ledger.Release && taken.Lanes.Has(weir.Clear) {
				recorded[taken.Subject] = true
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(filepath.Join(s.dir, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	store, subjects, err := openShared(t.Context(), cfg, nil)
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
}

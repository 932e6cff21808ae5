package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/getweir/weir/internal/adminsock"
	"github.com/getweir/weir/ledger"
)

// TestStatus asks a server that runs, and one that does not.
func TestStatus(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	ask := func() (code int, out, errs string) {
		var o, e bytes.Buffer
		code = run(t.Context(), []string{"status", "--json", "-c", filepath.Join(s.dir, "weir.yaml")}, nil, &o, &e)
		return code, o.String(), e.String()
	}
	if code, _, errs := ask(); code != int(exitFailure) || !strings.Contains(errs, "no server is running") {
		t.Errorf("before the start: exit %d, %s", code, errs)
	}
	end := s.start(t)
	code, out, errs := ask()
	var got nodeStatus
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit %d, %s%s: %v", code, out, errs, err)
	}
	if got.Node != "test" || got.Mode != "policy enforced" || len(got.Policy) != 64 && got.Policy == "" || got.Entries == 0 || got.Ledger != "" {
		t.Errorf("%+v", got)
	}
	end(syscall.SIGTERM)
	if code, _, errs := ask(); code != int(exitFailure) || !strings.Contains(errs, "no server is running") {
		t.Errorf("after the end: exit %d, %s", code, errs)
	}
}

// TestDesk: what commands write is on the ledger, in one history, whether a server
// runs or not and however many commands there are at once.
func TestDesk(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	cfg, err := loadConfig(filepath.Join(s.dir, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	local := 0
	ask := func() {
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				var errs bytes.Buffer
				err := atDesk(t.Context(), &streams{ctx: t.Context(), err: &errs}, cfg, func(c *adminsock.Client) error {
					n, err := adminsock.Call[nodeStatus](t.Context(), c, "status", statusAsk{})
					if err == nil && n.Node != "test" {
						t.Errorf("%+v", n)
					}
					mu.Lock()
					defer mu.Unlock()
					if c.Local() {
						local++
					}
					return err
				})
				if err != nil {
					t.Error(err, errs.String())
				}
			})
		}
		all.Wait()
	}
	ask()
	if local != 4 {
		t.Errorf("%d of 4 commands were answered here, with no server", local)
	}
	end := s.start(t)
	ask()
	if local != 4 {
		t.Error("with a server, a command opened the state itself")
	}
	end(syscall.SIGKILL)
	ask()
	if local != 8 {
		t.Error("after a kill, the socket left behind was taken for a server's")
	}
	if _, err := ledger.Verify(filepath.Join(s.dir, "state/ledger"), ledger.VerifyOptions{}); err != nil {
		t.Error(err)
	}
}

// TestActs: what somebody did stands on the ledger under the name that was given
// and the user of the system.
func TestActs(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	cfg, err := loadConfig(filepath.Join(s.dir, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := openState(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- st.ledger.Run(ctx) }()
	d := &desk{cfg: cfg, state: st}
	at, err := d.append(t.Context(), act(adminsock.Self(), "Alma Example", "looked"))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := st.close(); err != nil {
		t.Error(err)
	}
	var got *ledger.Entry
	if err := ledger.Read(filepath.Join(s.dir, "state/ledger"), at, func(_ int64, e *ledger.Entry) error { got = e; return nil }); err != nil {
		t.Fatal(err)
	}
	if got == nil || got.Kind != ledger.Staff || got.Principal != "Alma Example" || got.Credential != "local:"+adminsock.Self().String() || got.Text != "looked" {
		t.Errorf("%+v", got)
	}
}

package main

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir/ledger"
)

// command runs weir in this process.
func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// TestRotateKeyOfARunningServer: the server takes the new key at once, goes on
// serving, and whoever knows the old key still believes what it records.
func TestRotateKeyOfARunningServer(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	state := filepath.Join(s.dir, "state")
	dir := filepath.Join(state, "ledger")
	old, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	end := s.start(t)
	if code, body := s.get(t.Context(), "/c/c-1"); code != 200 {
		t.Fatal(code, string(body))
	}
	code, out, errs := command(t, "ledger", "rotate-key", "--state", state, "--overlap", "1h")
	if code != 0 || !strings.Contains(out, "signs beside it until") {
		t.Fatal(code, out, errs)
	}
	if code, body := s.get(t.Context(), "/c/c-2"); code != 200 {
		t.Fatal(code, string(body))
	}
	ring, err := readKeyring(state)
	if err != nil || len(ring.keys) != 2 {
		t.Fatal(ring, err)
	}
	// The overlap ends: the old key is removed.
	ring.until[1] = time.Now().Add(-time.Minute)
	if err := ring.write(state); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old key is removed", func() bool {
		ring, err := readKeyring(state)
		return err == nil && len(ring.keys) == 1
	})
	end(syscall.SIGTERM)
	end = s.start(t)
	if code, body := s.get(t.Context(), "/c/c-3"); code != 200 {
		t.Fatal(code, string(body))
	}
	end(syscall.SIGKILL)
	for _, key := range []string{strings.TrimSpace(string(old)), ring.keys[0].Verifier()} {
		if code, out, errs := command(t, "ledger", "verify", "--key", key, dir); code != 0 || !strings.Contains(out, "changed the key") {
			t.Fatal(code, out, errs)
		}
	}
	if code, _, errs := command(t, "ledger", "verify", "--key", "a+1+b", dir); code == 0 || errs == "" {
		t.Fatal(code, errs)
	}
}

// TestRotationIsCompleted: a command that was killed after it wrote the key is
// completed by the next start.
func TestRotationIsCompleted(t *testing.T) {
	s := newSite(t, "http://127.0.0.1:1", killPolicy)
	state := filepath.Join(s.dir, "state")
	ring, err := readKeyring(state)
	if err != nil {
		t.Fatal(err)
	}
	key, secret, err := ledger.GenerateKey(ring.keys[0].Origin())
	if err != nil {
		t.Fatal(err)
	}
	ring.put(key, secret, time.Now().Add(time.Hour))
	if err := ring.write(state); err != nil {
		t.Fatal(err)
	}
	end := s.start(t)
	eventually(t, "the new key is in force", func() bool {
		now, err := newestKey(filepath.Join(state, "ledger"))
		return err == nil && now.Key == key.Verifier()
	})
	end(syscall.SIGTERM)
}

func TestKeyring(t *testing.T) {
	key := func(origin string) (ledger.Key, string) {
		k, secret, err := ledger.GenerateKey(origin)
		if err != nil {
			t.Fatal(err)
		}
		return k, secret
	}
	_, a := key("x.example/1")
	b, bs := key("x.example/1")
	_, foreign := key("x.example/2")
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		a + "\n": "",
		"# a comment\n" + a + "\n\n" + bs + " until 2026-05-01T12:00:00Z\n": "",
		"":                                  "holds no key",
		"nonsense\n":                        "line 1",
		a + "\n" + bs + "\n":                "line 2",
		a + "\n" + bs + " until tomorrow\n": "line 2",
		a + " until 2026-05-01T12:00:00Z\n": "line 1",
		a + "\n" + foreign + " until 2026-05-01T12:00:00Z": "another ledger",
	} {
		_, err := parseKeyring(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
		if err != nil && (strings.Contains(err.Error(), a) || strings.Contains(err.Error(), bs)) {
			t.Error("the error holds a secret")
		}
	}
	r, err := parseKeyring(a + "\n")
	if err != nil {
		t.Fatal(err)
	}
	r.put(b, bs, noon)
	again, err := parseKeyring(string(r.text()))
	if err != nil || len(again.keys) != 2 || again.keys[0].Verifier() != b.Verifier() || !again.overlap().Equal(noon) {
		t.Fatal(again, err)
	}
	if again.prune(noon.Add(-time.Second)) || !again.prune(noon) || len(again.keys) != 1 || again.overlap() != (time.Time{}) {
		t.Fatal(again)
	}
}

// A state folder whose key file has vanished says what is missing.
func TestRotateWithoutAState(t *testing.T) {
	code, _, errs := command(t, "ledger", "rotate-key", "--state", t.TempDir())
	if code != 1 || errs == "" {
		t.Fatal(code, errs)
	}
	if _, err := readKeyring(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

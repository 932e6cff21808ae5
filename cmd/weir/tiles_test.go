package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir/identity"
)

// TestServesTheLedger: at an address of its own the ledger is open to whoever
// wants to verify it, and its entries to those who are named.
func TestServesTheLedger(t *testing.T) {
	s := newSite(t, "http://127.0.0.1:1", killPolicy)
	addrs, err := freeAddresses(1)
	if err != nil {
		t.Fatal(err)
	}
	token, hash := identity.NewKey()
	file := filepath.Join(s.dir, "weir.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "ledger:\n  listen: "+addrs[0]+"\n  readers: [\""+hash+"\"]\n"...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	end := s.start(t)
	get := func(path, token string) (int, string) {
		r, err := http.NewRequest("GET", "http://"+addrs[0]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	eventually(t, "a checkpoint covers the start", func() bool {
		code, text := get("/checkpoint", "")
		return code == 200 && strings.HasPrefix(text, "weir.example/test\n2\n")
	})
	for _, c := range []struct {
		path, token string
		want        int
	}{
		{"/tile/0/000.p/1", "", 200},
		{"/tile/entries/000.p/1", "", 401},
		{"/tile/entries/000.p/1", s.key, 401},
		{"/tile/entries/000.p/1", token, 200},
		{"/", "", 404},
	} {
		if code, _ := get(c.path, c.token); code != c.want {
			t.Errorf("%s: %d, want %d", c.path, code, c.want)
		}
	}
	end(syscall.SIGTERM)
}

func TestLedgerConfig(t *testing.T) {
	const rest = "version: 1\nlisten: 127.0.0.1:1\nupstream: http://127.0.0.1:2\npolicy: p\nstate: s\nledger:\n"
	for text, want := range map[string]string{
		"  listen: 127.0.0.1:3\n": "",
		"  listen: nowhere\n":     "ledger.listen",
		"  readers: [secret]\n":   "ledger.readers",
		"  threshold: 1\n":        "ledger.threshold",
		"  witnesses: [{key: k, url: \"http://w.example\"}]\n  threshold: 1\n  every: 30s\n": "",
		"  witnesses: [{key: k, url: \"http://w.example\"}]\n  threshold: 2\n":               "ledger.threshold",
		"  every: -1s\n": "ledger.every",
	} {
		c, err := parseConfig([]byte(rest + text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
		if strings.Contains(text, "30s") && err == nil && c.Ledger.options(nil).Every != 30*time.Second {
			t.Error(c.Ledger)
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir/identity"
)

// twoNodes gives two nodes that serve their ledgers and are on one roster.
func twoNodes(t *testing.T) (of [2]*site, urls [2]string, token string) {
	t.Helper()
	addrs, err := freeAddresses(2)
	if err != nil {
		t.Fatal(err)
	}
	token, hash := identity.NewKey()
	for i := range of {
		s := newSite(t, "http://127.0.0.1:1", killPolicy)
		name := []string{"node-1", "node-2"}[i]
		if err := os.RemoveAll(filepath.Join(s.dir, "state")); err != nil {
			t.Fatal(err)
		}
		if err := createState(filepath.Join(s.dir, "state"), name); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(s.dir, "weir.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, "ledger:\n  listen: "+addrs[i]+"\n  readers: [\""+hash+"\"]\n  heartbeat: 200ms\n"...)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		of[i], urls[i] = s, "http://"+addrs[i]
	}
	return of, urls, token
}

func (s *site) state() string { return filepath.Join(s.dir, "state") }

// must runs a command that has to succeed.
func mustCommand(t *testing.T, args ...string) (out string) {
	t.Helper()
	code, out, errs := command(t, args...)
	if code != 0 {
		t.Fatalf("weir %s: %d\n%s\n%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// TestARosterOfTwoNodes: nodes remember each other's ledgers, a missing one and one
// that was put back are noticed, and both are followed as one stream.
func TestARosterOfTwoNodes(t *testing.T) {
	of, urls, token := twoNodes(t)
	t.Setenv(tokenVariable, token)
	a, b := of[0].state(), of[1].state()
	mustCommand(t, "ledger", "roster", "init", "--state", a, "--url", urls[0])
	if code, _, errs := command(t, "ledger", "roster", "init", "--state", a); code != 1 || !strings.Contains(errs, "nothing is overwritten") {
		t.Fatal(code, errs)
	}
	key, err := os.ReadFile(filepath.Join(b, "ledger/key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	mustCommand(t, "ledger", "roster", "add", "--state", a, "node-2", "--key", string(key))
	if code, _, errs := command(t, "ledger", "roster", "add", "--state", b, "node-3", "--key", string(key)); code != 1 || !strings.Contains(errs, "where its key is") {
		t.Fatal(code, errs)
	}
	for _, file := range []string{rosterFile, rosterPublic} {
		text, err := os.ReadFile(filepath.Join(a, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// An older copy of node 2, to be put back later.
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(filepath.Join(b, "ledger"))); err != nil {
		t.Fatal(err)
	}
	ends := [2]func(syscall.Signal) string{of[0].start(t), of[1].start(t)}
	// The address of node 2 becomes known while both run, and spreads.
	mustCommand(t, "ledger", "roster", "add", "--state", a, "node-2", "--key", string(key), "--url", urls[1])
	roster := filepath.Join(b, rosterFile)
	eventually(t, "the newer roster is at the other node", func() bool {
		return strings.Contains(mustCommand(t, "ledger", "roster", "show", roster), urls[1])
	})
	eventually(t, "each remembers the other", func() bool {
		code, out, _ := command(t, "ledger", "verify", "--json", "--roster", roster)
		var v struct {
			Nodes []struct{ Continues int }
		}
		return code == 0 && json.Unmarshal([]byte(out), &v) == nil && v.Nodes[0].Continues > 0 && v.Nodes[1].Continues > 0
	})
	cursor := filepath.Join(t.TempDir(), "cursor")
	follow := []string{"ledger", "follow", "--once", "--roster", roster, "--cursor", cursor, "--kind", "start"}
	if out := mustCommand(t, follow...); strings.Count(out, "  start") != 2 || !strings.Contains(out, "node-1 ") || !strings.Contains(out, "node-2 ") {
		t.Fatal(out)
	}
	if out := mustCommand(t, follow...); out != "" {
		t.Fatal("it is printed twice: ", out)
	}
	// Node 2 is down: its ledger is missing. Copies of the folders hold as well.
	ends[1](syscall.SIGTERM)
	if code, out, _ := command(t, "ledger", "verify", "--roster", roster); code != 3 || !strings.Contains(out, "the log of node node-2 is missing") {
		t.Fatal(code, out)
	}
	mustCommand(t, "ledger", "verify", "--roster", roster, urls[0], filepath.Join(b, "ledger"))
	// It is put back to an older state, and says so instead of serving.
	if err := os.Rename(filepath.Join(b, "ledger"), filepath.Join(b, "newer")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(b, "ledger"), os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := program(soon, t, "serve", "--config", filepath.Join(of[1].dir, "weir.yaml"))
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "node-1 remembers") {
		t.Fatal(string(said), err)
	}
	if code, out, _ := command(t, "ledger", "verify", "--roster", roster, urls[0], filepath.Join(b, "ledger")); code != 3 || !strings.Contains(out, "rolled back") {
		t.Fatal(code, out)
	}
	if code, _, errs := command(t, append(follow, urls[0], filepath.Join(b, "ledger"))...); code != 3 || !strings.Contains(errs, "ALARM") {
		t.Fatal(code, errs)
	}
	// With its newer files it is retired.
	mustCommand(t, "ledger", "roster", "retire", "--state", a, "node-2", "--from", filepath.Join(b, "newer"))
	if out := mustCommand(t, "ledger", "verify", "--roster", filepath.Join(a, rosterFile), urls[0], filepath.Join(b, "newer")); !strings.Contains(out, "retired") {
		t.Fatal(out)
	}
	ends[0](syscall.SIGTERM)
}

func TestFollowNeedsAKey(t *testing.T) {
	for want, args := range map[string][]string{
		"name the ledgers":             {},
		"believed by a key":            {"http://127.0.0.1:1"},
		"there is no ledger in":        {t.TempDir()},
		"one ledger at a time":         {},
		"no such file":                 {"--roster", filepath.Join(t.TempDir(), "none")},
		"not a file of positions":      {"--cursor", filepath.Join(t.TempDir(), "cursor"), t.TempDir()},
		"only scheme, host, port and ": {"--key", "k", "http://user:pass@127.0.0.1:1"},
	} {
		full := append([]string{"ledger", "follow", "--once"}, args...)
		switch want {
		case "one ledger at a time":
			full = []string{"ledger", "verify", "a", "b"}
		case "not a file of positions":
			if err := os.WriteFile(args[1], []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		code, _, errs := command(t, full...)
		if code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s, want %q", full, code, errs, want)
		}
		if strings.Contains(errs, "pass@") {
			t.Error("a password is printed")
		}
	}
}

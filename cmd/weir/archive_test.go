package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// weirRun runs a command of the program in this process.
func weirRun(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, nil, &o, &e)
	return code, o.String(), e.String()
}

// TestALostLedgerIsFollowed: the disk under the ledger is lost and the archive is
// not. Everybody who was received is in what is restored, and the bound holds over
// the loss: the ledger that follows knows what the old one had recorded.
func TestALostLedgerIsFollowed(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	config := filepath.Join(s.dir, "weir.yaml")
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprint(f, "ledger:\n  archive: {to: copies, every: 50ms}\n  keep: 400d\n")
	if cerr := f.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	person := regexp.MustCompile(`person(\d+)@example\.com`)
	got := map[string]bool{}
	take := func(from, n int) {
		for i := from; i < from+n; i++ {
			_, body := s.get(t.Context(), fmt.Sprintf("/c/c-%d", i))
			for _, m := range person.FindAllSubmatch(body, -1) {
				got[string(m[1])] = true
			}
		}
	}
	end := s.start(t)
	take(0, 40)
	// While it runs, all that was signed gets there by itself.
	bucket := ledger.NewFolder(filepath.Join(s.dir, "copies"))
	restored := filepath.Join(s.dir, "restored")
	recorded := func(dir string) map[weir.Subject]bool {
		all := map[weir.Subject]bool{}
		if err := ledger.Read(dir, 0, func(_ int64, e *ledger.Entry) error {
			for _, taken := range e.Subjects {
				if e.Kind == ledger.Release && taken.Lanes.Has(weir.Clear) {
					all[taken.Subject] = true
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	tries := 0
	eventually(t, "the archive has what was released", func() bool {
		tries++
		dir := fmt.Sprint(restored, tries)
		if r, err := ledger.Restore(t.Context(), bucket, dir, ledger.RestoreOptions{}); err != nil || r.Missing() > 0 {
			return false
		}
		return len(recorded(dir)) == len(got)
	})
	end(syscall.SIGKILL)
	end = s.start(t)
	take(40, 5)
	end(syscall.SIGTERM) // the end is archived, too
	if len(got) != 45 {
		t.Fatalf("%d customers received", len(got))
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "state", "ledger")); err != nil {
		t.Fatal(err)
	}
	code, out, errs := weirRun(t, "ledger", "restore", "--from", filepath.Join(s.dir, "copies"), restored)
	if code != 0 || !strings.Contains(out, "all whole and in order") {
		t.Fatal(code, out, errs)
	}
	if all := recorded(restored); len(all) != 45 {
		t.Fatalf("%d customers are in the restored ledger", len(all))
	}
	code, out, errs = weirRun(t, "ledger", "succeed", "--state", filepath.Join(s.dir, "state"), restored)
	if code != 0 || !strings.Contains(out, "weir.example/test/2 goes on") {
		t.Fatal(code, out, errs)
	}
	// The new ledger needs a place of its own.
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.Replace(text, []byte("to: copies"), []byte("to: copies2"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	end = s.start(t)
	take(100, 30)
	stderr := end(syscall.SIGTERM)
	if len(got) != 60 {
		t.Fatalf("%d customers received in all, under a budget of 60\n%s", len(got), stderr)
	}
	if strings.Contains(stderr, "ERROR") {
		t.Error(stderr)
	}
	if _, err := ledger.Verify(filepath.Join(s.dir, "state", "ledger"), ledger.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestArchiveAndKeepAreChecked: mistakes in weir.yaml are told at once.
func TestArchiveAndKeepAreChecked(t *testing.T) {
	base := "version: 1\nlisten: 127.0.0.1:1\nupstream: http://127.0.0.1:2\npolicy: p\nstate: s\nledger:\n  "
	for text, want := range map[string]string{
		"keep: 30d":                         "at least 31d",
		"keep: soon":                        "is not a span",
		"keep: 2026-01-01x":                 "is not a span",
		"archive: {region: eu-1}":           "ledger.archive.to",
		"archive: {to: x, every: -1s}":      "ledger.archive.every",
		"archive: {to: x, bucket: y}":       "bucket",
		"keep: 400d":                        "",
		"archive: {to: s3://b/x}":           "",
		"archive: {to: x, credentials: yy}": "",
	} {
		_, err := parseConfig([]byte(base + text + "\n"))
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What the console says of the archive.
func TestArchiveText(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 5, 7, 0, time.UTC)
	for want, is := range map[string]ledger.ArchiveStatus{
		"not brought up to date yet":                                 {},
		"90 entries at 10:05:07 UTC, 10 behind":                      {Entries: 90, Time: at},
		"failing since 10:05 UTC; the last 10 entries are not in it": {Entries: 90, Time: at, Since: at, Err: errors.New("no answer")},
	} {
		if got, fails := archiveText(is, 100); got != want || fails != (is.Err != nil) {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

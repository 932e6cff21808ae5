package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir/ledger"
)

// eventually waits until something holds, and fails if it does not within ten
// seconds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// TestReload: a changed policy acts on the next exchange; one with a mistake
// changes nothing, and the log shows the line.
func TestReload(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	end := s.start(t)
	clear := func() bool {
		_, body := s.get(t.Context(), "/c/c-1")
		return bytes.Contains(body, []byte("person1@example.com"))
	}
	if !clear() {
		t.Fatal("the policy allows e-mail addresses")
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(s.dir, "policy.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	masked := strings.Replace(killPolicy, "contact.email: clear", "contact.email: mask", 1)
	masked = strings.ReplaceAll(masked, "clear:  {", "masked: {")
	write(masked)
	eventually(t, "the new policy is in force", func() bool { return !clear() })
	write(strings.Replace(masked, "roles:", "rolls:", 1))
	refused := func() bool {
		found := false
		_ = ledger.Read(filepath.Join(s.dir, "state/ledger"), 0, func(_ int64, e *ledger.Entry) error {
			found = found || e.Kind == ledger.Staff && strings.Contains(e.Text, "refused")
			return nil
		})
		return found
	}
	eventually(t, "the bad policy is refused", refused)
	if clear() {
		t.Error("a policy with a mistake changed what is in force")
	}
	// The first one again, from another file, whose changes are followed as well.
	include := func(text string) {
		if err := os.WriteFile(filepath.Join(s.dir, "rest.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	include(killPolicy)
	write("version: 1\ninclude: [rest.yaml]\n")
	eventually(t, "the first policy is back", clear)
	include(masked)
	eventually(t, "a changed file that is included is in force", func() bool { return !clear() })
	// A detector of the policy's own comes into force with it.
	own := strings.Replace(killPolicy, "contact.email: clear", "contact.email: clear, member.number: mask", 1)
	own = strings.Replace(own, "classes:", "classes:\n  member.number: {sensitivity: low}", 1) +
		"detectors:\n  - {class: member.number, pattern: 'c-[0-9]+', literal: c-, confidence: high, cases: {match: [c-1]}}\n"
	own = strings.ReplaceAll(own, "      clear:  {", "      masked: {30 days: 60}\n      clear:  {")
	write(own)
	eventually(t, "the policy's own detector is at work", func() bool {
		_, body := s.get(t.Context(), "/c/c-1")
		return bytes.Contains(body, []byte(`"id":"*-*"`)) && bytes.Contains(body, []byte("person1@example.com"))
	})
	write(strings.Replace(own, "match: [c-1]", "match: [d-1]", 1))
	eventually(t, "a detector that does not do what its case says is refused", func() bool {
		n := 0
		_ = ledger.Read(filepath.Join(s.dir, "state/ledger"), 0, func(_ int64, e *ledger.Entry) error {
			if e.Kind == ledger.Staff && strings.Contains(e.Text, "refused") {
				n++
			}
			return nil
		})
		return n == 2
	})
	stderr := end(syscall.SIGTERM)
	if !strings.Contains(stderr, "the old one stays in force") || !strings.Contains(stderr, "rolls") {
		t.Errorf("the log does not show what was wrong:\n%s", stderr)
	}
}

// TestDiskFull runs the server where files may not grow beyond a few blocks: when
// the ledger cannot be written any more, requests get 503 with a plain reason and
// nothing is released; started again with room, it goes on with all it had.
func TestDiskFull(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	wide := strings.ReplaceAll(killPolicy, "60", "100000")
	wide = strings.ReplaceAll(wide, "1000,", "100000,")
	wide = strings.ReplaceAll(wide, "1000}", "100000}")
	s := newSite(t, back.URL, wide)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	// ulimit -f counts blocks of 512 or 1024 bytes, by shell.
	cmd := exec.CommandContext(context.Background(), "sh", "-c", fmt.Sprintf("ulimit -f 512; exec %q serve --config %q", self, filepath.Join(s.dir, "weir.yaml")))
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill(); <-ended }()
	if err := waitFor(t.Context(), s.url); err != nil {
		t.Fatal(err, errs.String())
	}
	person := regexp.MustCompile(`person\d+@example\.com`)
	got := map[string]bool{}
	full := 0
	for i := 0; i < 4000 && full < 20; i++ {
		status, body := s.get(t.Context(), fmt.Sprintf("/c?from=%d", i*10))
		found := person.FindAllString(string(body), -1)
		switch {
		case status == http.StatusServiceUnavailable:
			full++
			if len(found) > 0 || !strings.Contains(string(body), "cannot be recorded") {
				t.Fatalf("with the disk full: %s", body)
			}
		case len(found) > 0:
			// The subject directory met the limit and found room again by itself,
			// which is no fault; the ledger, once it fails, writes no more.
			full = 0
		}
		for _, p := range found {
			got[p] = true
		}
	}
	if full == 0 || len(got) == 0 {
		t.Fatalf("%d refusals, %d customers: the disk never filled", full, len(got))
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-ended
	// With room again, it goes on.
	end := s.start(t)
	if status, body := s.get(t.Context(), "/c?from=99990"); status != http.StatusOK || !person.Match(body) {
		t.Errorf("after the restart: %d %s", status, body)
	}
	end(syscall.SIGTERM)
	customers := 0
	if err := ledger.Read(filepath.Join(s.dir, "state/ledger"), 0, func(_ int64, e *ledger.Entry) error {
		customers += len(e.Subjects)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if customers < len(got) {
		t.Errorf("%d customers received, %d on the ledger", len(got), customers)
	}
	if report, err := ledger.Verify(filepath.Join(s.dir, "state/ledger"), ledger.VerifyOptions{}); err != nil {
		t.Errorf("%v\n%v", err, report)
	}
}

// TestEndsInOrder: a request that runs when the server is told to end gets its
// whole answer, and the ledger its outcome.
func TestEndsInOrder(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/c/c-1" {
			close(asked)
			<-answer
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"c-1","email":"person1@example.com"}`)
	}))
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	end := s.start(t)
	got := make(chan string, 1)
	go func() {
		_, body := s.get(context.Background(), "/c/c-1")
		got <- string(body)
	}()
	<-asked
	done := make(chan string, 1)
	go func() { done <- end(syscall.SIGTERM) }()
	eventually(t, "it takes no new connections", func() bool {
		_, err := http.Get(s.url)
		return err != nil
	})
	close(answer)
	if body := <-got; !strings.Contains(body, "person1@example.com") {
		t.Errorf("the running request got %q", body)
	}
	<-done
	var last []ledger.Kind
	if err := ledger.Read(filepath.Join(s.dir, "state/ledger"), 0, func(_ int64, e *ledger.Entry) error {
		if e.Kind != ledger.Coverage { // the last one comes between
			last = append(last, e.Kind)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(last); n < 2 || last[n-1] != ledger.Stop || last[n-2] != ledger.Close {
		t.Errorf("the ledger ends with %v", last)
	}
}

// TestUpstreamDown: the service behind the door is not there.
func TestUpstreamDown(t *testing.T) {
	back := httptest.NewServer(weakService())
	addr := back.URL
	back.Close()
	s := newSite(t, addr, killPolicy)
	end := s.start(t)
	if status, body := s.get(t.Context(), "/c/c-1"); status != http.StatusBadGateway || !strings.Contains(string(body), `"reason":"upstream"`) {
		t.Errorf("%d %s", status, body)
	}
	if stderr := end(syscall.SIGTERM); strings.Contains(stderr, "c-1") {
		t.Errorf("the log holds the path:\n%s", stderr)
	}
}

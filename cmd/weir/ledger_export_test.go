package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// exported is a buffer that a command writes to while the test looks.
type exported struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *exported) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *exported) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// events checks that lines are the events from..to, each once and in order.
func events(t *testing.T, text, origin string, from, to int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = nil
	}
	if len(lines) != to-from {
		t.Fatalf("%d events, want %d", len(lines), to-from)
	}
	for i, l := range lines {
		var ev struct {
			Metadata struct{ UID, Version string }
			Class    int `json:"class_uid"`
		}
		if err := json.Unmarshal([]byte(l), &ev); err != nil || ev.Metadata.UID != fmt.Sprint(origin, "/", from+i) || ev.Metadata.Version != "1.8.0" || ev.Class != 6003 {
			t.Fatalf("line %d is %s: %v", i, l, err)
		}
	}
}

func TestExport(t *testing.T) {
	const origin = "weir.example/exported"
	dir := filepath.Join(t.TempDir(), "ledger")
	key, _, err := ledger.GenerateKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	grow := func(n int) {
		t.Helper()
		open := ledger.Open
		if written == 0 {
			open = ledger.Create
		}
		l, err := open(dir, ledger.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		for range n {
			if err := l.Send(t.Context(), &ledger.Entry{Kind: ledger.Release, Exchange: weir.ExchangeID{1}, Principal: "ann", Subjects: []ledger.Taken{{Subject: weir.Subject{byte(written)}, Lanes: 1}}}); err != nil {
				t.Fatal(err)
			}
			written++
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	weirRun := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), append([]string{"ledger", "export"}, append(args, dir)...), strings.NewReader(""), &out, &errs); got != code {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	grow(700)
	events(t, weirRun(0), origin, 0, 700)
	events(t, weirRun(0, "--from", "300"), origin, 300, 700)
	events(t, weirRun(0, "--until", "2020-01-01"), origin, 0, 0)
	events(t, weirRun(0, "--since", "1h"), origin, 0, 700)
	if text := weirRun(0, "--format", "json", "--from", "699"); !strings.HasPrefix(text, `{"index":699,`) {
		t.Error(text)
	}

	// A cursor on standard output: what was written is not written again.
	events(t, weirRun(0, "--cursor", "siem"), origin, 0, 700)
	events(t, weirRun(0, "--cursor", "siem"), origin, 0, 0)
	grow(10)
	events(t, weirRun(0, "--cursor", "siem"), origin, 700, 710)

	// A file: each event once, also after a crash behind the last note.
	file := filepath.Join(t.TempDir(), "events.ndjson")
	read := func() string {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	weirRun(0, "--cursor", "file", "-o", file)
	events(t, read(), origin, 0, 710)
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"metadata":{"uid":"half an ev`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	grow(5)
	weirRun(0, "--cursor", "file", "-o", file)
	events(t, read(), origin, 0, 715)
	// One that was put away begins anew, with what is new.
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	grow(5)
	weirRun(0, "--cursor", "file", "-o", file)
	events(t, read(), origin, 715, 720)

	// Nothing is overwritten, and mistakes are told.
	if text := weirRun(2, "-o", file); !strings.Contains(text, "nothing is overwritten") {
		t.Error(text)
	}
	weirRun(2, "--cursor", "No Name")
	weirRun(2, "--cursor", "siem", "--since", "1h")
	weirRun(2, "--since", "yesterday")

	// Following ends with its context, in order.
	ctx, cancel := context.WithCancel(t.Context())
	var out exported
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"ledger", "export", "--follow", "--cursor", "siem", dir}, strings.NewReader(""), &out, &out)
	}()
	grow(20)
	eventually(t, "the new entries come", func() bool { return strings.Count(out.String(), "\n") == 30 })
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
	events(t, out.String(), origin, 710, 740)

	// The cursor of another ledger is refused.
	other := filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(other, "cursors", "siem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cursors", "siem"), bytes.Replace(b, []byte("next 7"), []byte("next 6"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := weirRun(1, "--cursor", "siem"); !strings.Contains(text, "does not belong to this ledger") {
		t.Error(text)
	}
}

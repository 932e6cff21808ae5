package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the program: as weir in scripts, and as what
// the demonstration and the kill tests start as processes of their own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	if err := os.Setenv(asProgram, "1"); err != nil { // for processes that the tests' own start
		panic(err)
	}
	testscript.Main(m, map[string]func(){
		"weir": func() { main() },
	})
}

// asProgram is set for processes that are to be weir rather than its tests.
const asProgram = "WEIR_TEST_AS_PROGRAM"

// TestScripts drives the real command line; testdata/script reads as a manual.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != ""})
}

// program runs weir as a process of its own.
func program(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(ctx, self, args...)
}

// TestDemoOnce plays the demonstration both ways: enforcing, all of it holds;
// observing, the same check says that it does not.
func TestDemoOnce(t *testing.T) {
	play := func(t *testing.T, code int, args ...string) (r demoResult) {
		var out, errs bytes.Buffer
		cmd := program(t.Context(), t, append([]string{"demo", "--once", "--json"}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		var exited *exec.ExitError
		if got := cmd.ProcessState.ExitCode(); got != code || err != nil && !errors.As(err, &exited) {
			t.Fatalf("exit code %d, want %d: %v\n%s\n%s", got, code, err, out.String(), errs.String())
		}
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		return r
	}
	find := func(t *testing.T, r demoResult, name string) demoPrincipal {
		for _, p := range r.Principals {
			if p.Name == name {
				return p
			}
		}
		t.Fatalf("no %s in %+v", name, r)
		return demoPrincipal{}
	}
	t.Run("enforced", func(t *testing.T) {
		r := play(t, 0)
		stolen := find(t, r, thief)
		if stolen.Asked < 5000 || stolen.GotClear == 0 || stolen.GotClear > stolen.Budget {
			t.Errorf("the thief: %+v", stolen)
		}
		if walker := find(t, r, "id-walker"); walker.GotClear > 1 {
			t.Errorf("the walker has %d customers, and only one is its own", walker.GotClear)
		}
		if r.Alerts < 2 || r.Holds < 2 || !r.Ledger.Verified {
			t.Errorf("%d alerts, %d holds, ledger %+v", r.Alerts, r.Holds, r.Ledger)
		}
	})
	t.Run("policy off", func(t *testing.T) {
		r := play(t, 3, "--policy", "off") // which is what --observe is
		if stolen := find(t, r, thief); stolen.GotClear < 5000 || r.BoundHeld {
			t.Errorf("while Weir only observes the thief must get everybody: %+v, bound held: %v", stolen, r.BoundHeld)
		}
	})
}

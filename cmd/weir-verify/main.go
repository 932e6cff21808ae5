// Command weir-verify checks a ledger, or a bundle of entries with their proofs,
// for somebody who does not trust whoever keeps it.
//
// It reads files and nothing else: no network, no configuration, no state. Of
// Weir it is made of packages weir and ledger alone, so that it can be read in an
// afternoon and built by the auditor. It says in plain words what holds and exits
// with 0 where all of it does, 3 where something does not, and 2 where the
// question was wrong or the files could not be read.
//
// It does not know which keys are to be trusted: whoever asks has to bring them.
package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/getweir/weir/ledger"
)

const (
	holds   = 0
	unclear = 2 // wrong usage, or files that cannot be read
	refuted = 3
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, isTerminal(os.Stderr))) }

func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

const usage = `Usage: weir-verify [-key KEY]... [-witness KEY]... [-threshold N] [-checkpoint FILE] [-entries] DIRECTORY | BUNDLE.zip

Checks a ledger's directory, or a bundle that weir ledger prove has written.
Exit code 0: all of it holds; 3: it does not; 2: it could not be checked.

`

// keys is a flag that may be given more than once.
type keys []string

func (k *keys) String() string       { return strings.Join(*k, " ") }
func (k *keys) Set(key string) error { *k = append(*k, key); return nil }

func run(args []string, out, errw io.Writer, terminal bool) int {
	var o ledger.VerifyOptions
	var trusted, witnesses keys
	flags := flag.NewFlagSet("weir-verify", flag.ContinueOnError)
	flags.SetOutput(errw)
	flags.Usage = func() { fmt.Fprint(errw, usage); flags.PrintDefaults() }
	flags.Var(&trusted, "key", "a public `key` of the log that you trust, old or new, as text; repeatable; else its own is believed")
	flags.Var(&witnesses, "witness", "the public `key` of a witness that you trust, as text; repeatable")
	flags.IntVar(&o.Threshold, "threshold", 0, "how many of the witnesses must have signed (default all)")
	checkpoint := flags.String("checkpoint", "", "a `file` with an older checkpoint of the ledger that was kept elsewhere")
	entries := flags.Bool("entries", false, "print the entries of a bundle")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return holds
		}
		return unclear
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return unclear
	}
	o.Key, o.Witnesses = strings.Join(trusted, "\n"), witnesses
	if *checkpoint != "" {
		text, err := os.ReadFile(*checkpoint)
		if err != nil {
			fmt.Fprintln(errw, "weir-verify:", err)
			return unclear
		}
		o.Checkpoint = string(text)
	}
	if terminal {
		o.Progress = bar(errw)
		defer fmt.Fprint(errw, "\r\033[K")
	}
	path := flags.Arg(0)
	bundle, err := ledger.IsBundle(path)
	if err == nil && bundle {
		if o.Checkpoint != "" {
			fmt.Fprintln(errw, "weir-verify: -checkpoint is for a ledger's directory; a bundle has its own")
			return unclear
		}
		err = verifyBundle(path, o, *entries, out)
	} else if err == nil {
		var report *ledger.VerifyReport
		report, err = ledger.Verify(path, o)
		if report != nil {
			fmt.Fprint(out, verdict(err), report)
		}
	}
	switch {
	case err == nil:
		return holds
	case errors.Is(err, ledger.ErrBroken):
		fmt.Fprintln(errw, "weir-verify:", err)
		return refuted
	default:
		fmt.Fprintln(errw, "weir-verify:", err)
		return unclear
	}
}

func verdict(err error) string {
	if err != nil {
		return "DOES NOT HOLD.\n"
	}
	return "HOLDS.\n"
}

func verifyBundle(path string, o ledger.VerifyOptions, show bool, out io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	var each func(int64, *ledger.Entry) error
	if show {
		each = func(index int64, e *ledger.Entry) error {
			_, err := fmt.Fprintln(out, line(index, e))
			return err
		}
	}
	report, err := ledger.VerifyBundle(f, st.Size(), o, each)
	if err == nil {
		fmt.Fprint(out, verdict(nil), report)
	} else if errors.Is(err, ledger.ErrBroken) {
		fmt.Fprint(out, verdict(err))
	}
	return err
}

// line tells an entry: who received what of whom. Texts are quoted, because the
// log's keeper chose them and they go to a terminal.
func line(index int64, e *ledger.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %s", index, e.Time.Format(time.RFC3339Nano), e.Kind)
	add := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, " %s=%q", name, text)
		}
	}
	add("principal", e.Principal)
	add("credential", e.Credential)
	for _, a := range e.Act {
		add("via", a)
	}
	add("role", e.Role)
	add("network", e.Network)
	add("purpose", string(e.Purpose))
	add("door", e.Door)
	add("route", e.Route)
	add("to", e.Recipient)
	add("policy", e.Policy)
	if e.Exchange != [12]byte{} {
		add("exchange", hex.EncodeToString(e.Exchange[:]))
	}
	for _, a := range e.Actions {
		add("data", fmt.Sprintf("%s %s*%d", a.Class, a.Action, a.N))
	}
	for _, t := range e.Subjects {
		add("subject", t.Subject.String())
	}
	add("outcome", e.Outcome)
	add("reason", string(e.Reason))
	add("text", e.Text)
	add("rule", e.Rule)
	add("key", e.Keys.New)
	add("before", e.Keys.Old)
	for _, h := range e.Heads {
		add("saw", fmt.Sprintf("%s %d", h.Origin, h.Size))
	}
	return b.String()
}

// bar draws how much is done, a step at a time.
func bar(w io.Writer) func(done, total int64) {
	drawn := int64(-1)
	return func(done, total int64) {
		if total <= 0 || done*100/total == drawn {
			return
		}
		drawn = min(100, done*100/total)
		full := int(drawn * 30 / 100)
		fmt.Fprintf(w, "\rverifying [%s%s] %3d %%", strings.Repeat("#", full), strings.Repeat(" ", 30-full), drawn)
	}
}

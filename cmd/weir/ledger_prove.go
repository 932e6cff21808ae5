package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/getweir/weir/ledger"
)

type ledgerProveCommand struct {
	Subject string        `help:"Entries about this customer: a pseudonym (s-...), or an identifier: customer:ID, email:ADDRESS." placeholder:"S"`
	Since   time.Duration `help:"Only entries of the last, such as 720h." placeholder:"SPAN"`
	State   string        `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Config  string        `short:"c" type:"path" help:"weir.yaml, where the subject directory is in a store that nodes share." placeholder:"FILE"`
	Key     string        `help:"The ledger's public key that you trust, as text; else its own is believed." placeholder:"KEY"`
	Out     string        `short:"o" required:"" type:"path" help:"The zip file to write; it must not exist." placeholder:"FILE"`
}

func (ledgerProveCommand) Help() string {
	return `Writes entries, a proof for each, and the signed checkpoint that they lead to, for an auditor who has nothing else: weir-verify checks the file offline. The README in it says how, also by hand.

The entries hold pseudonyms, names of staff and services, and counts; no personal values. Entries of the last second, which nothing covers yet, are left out, and the command says how many.

Examples:
  weir ledger prove --subject customer:c-10001 -o bundle.zip
  weir ledger prove --subject s-0f3c5e8a9b7d6c5e4f3a2b1c0d9e8f7a --since 720h -o bundle.zip`
}

func (c *ledgerProveCommand) Run(s *streams) (err error) {
	after := since(c.Since)
	about := "All entries of the ledger"
	want := func(*ledger.Entry) bool { return true }
	if c.Subject != "" {
		subject, err := (&whoSawCommand{Subject: c.Subject, State: c.State, Config: c.Config}).find(s)
		if err != nil {
			return err
		}
		about = "The entries about " + subject.String()
		want = func(e *ledger.Entry) bool {
			for _, t := range e.Subjects {
				if t.Subject == subject {
					return true
				}
			}
			return false
		}
	}
	if !after.IsZero() {
		about += " since " + after.UTC().Format(time.RFC3339)
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usageError{fmt.Errorf("%s is there already, and nothing is overwritten", c.Out)}
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(c.Out))
		}
	}()
	done, err := ledger.WriteBundle(f, filepath.Join(c.State, "ledger"), ledger.BundleOptions{
		Key: c.Key, About: about + ".",
		Want: func(_ int64, e *ledger.Entry) bool { return !e.Time.Before(after) && want(e) },
	})
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return usageError{fmt.Errorf("%s holds no state of Weir; name the folder with --state", c.State)}
		}
		return err
	}
	fmt.Fprintf(s.out, "%s: %d entries, proven under the checkpoint of %d.\n", c.Out, done.Entries, done.Checkpoint.Size)
	if done.Uncovered > 0 {
		fmt.Fprintf(s.out, "%d more are not covered by a checkpoint yet and are left out.\n", done.Uncovered)
	}
	if done.First > 0 {
		fmt.Fprintf(s.out, "Entries 0 to %d were dropped by retention and can no longer be shown; weir ledger show --kind dropped says when.\n", done.First-1)
	}
	if !done.Witnessed {
		fmt.Fprintln(s.out, "The checkpoint has no signatures of witnesses.")
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/getweir/weir/ledger"
)

type ledgerRotateCommand struct {
	State   string        `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Overlap time.Duration `default:"720h" help:"How long the old key signs beside the new one. Default: 720h."`
	Lost    bool          `help:"The old key is lost or stolen: replace it without its signature."`
	Reason  string        `help:"With --lost: why, for the record." placeholder:"TEXT"`
}

func (ledgerRotateCommand) Help() string {
	return `Gives the ledger a new signing key. The old key signs for the new one in an entry of the ledger, so that whoever knows either of them can follow to the other; nobody has to be told at once. For the overlap both sign, for witnesses and tools that know only the old one. Then the old key is removed from the state folder.

A running server takes the new key within seconds; without one the command does it itself. A command that was cut short is completed by calling it again, or by the next start.

With --lost the new key is put in force without the old one, while no server runs. Nobody who knows the old key has a reason in the ledger to believe the new one: verify tells them of a break of trust. Tell auditors, witnesses and the roster of the new key by another way.

Examples:
  weir ledger rotate-key
  weir ledger rotate-key --overlap 0s              # the old key may be known to others: it signs once more
  weir ledger rotate-key --lost --reason "disk of node-1 was stolen"`
}

func (c *ledgerRotateCommand) Run(s *streams) error {
	if c.Lost != (c.Reason != "") {
		return usageError{errors.New("--lost and --reason belong together")}
	}
	if c.Overlap < 0 {
		return usageError{errors.New("--overlap must not be negative")}
	}
	ring, err := readKeyring(c.State)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.State, "ledger")
	before, err := newestKey(dir)
	if err != nil {
		return err
	}
	if c.Lost {
		return c.replace(s, ring, dir, before)
	}
	if ring.keys[0].Verifier() == before.Key {
		key, secret, err := ledger.GenerateKey(ring.keys[0].Origin())
		if err != nil {
			return err
		}
		ring.prune(time.Now())
		ring.put(key, secret, time.Now().Add(c.Overlap).UTC().Truncate(time.Second))
		// Before the ledger is asked: once it has the key it needs it.
		if err := ring.write(c.State); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(s.err, "The keys hold one that is not in force yet; it is taken now.")
	}
	if err := c.turn(s, ring, dir); err != nil {
		return err
	}
	return c.tell(s, dir, ring.overlap())
}

// turn has the key changed by the server that holds the ledger, or changes it.
func (c *ledgerRotateCommand) turn(s *streams, ring *keyring, dir string) error {
	want := ring.keys[0].Verifier()
	for end := time.Now().Add(30 * time.Second); ; {
		log, err := ledger.Open(dir, ring.options())
		switch {
		case err == nil:
			return rotateAlone(s.ctx, log, ring)
		case !errors.Is(err, ledger.ErrLocked):
			return err
		}
		if now, err := newestKey(dir); err == nil && now.Key == want {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the process that has the ledger open has not taken the key within 30 seconds; its log may say why. The key stands in %s and comes in force at the next start", filepath.Join(c.State, keyringFile))
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// rotateAlone changes the key of a ledger that nobody else has open.
func rotateAlone(ctx context.Context, log *ledger.Log, ring *keyring) error {
	if ring.keys[0].Verifier() == log.PublicKey() {
		return log.Close() // a change that was cut short: Open has completed it
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan error, 1)
	go func() { done <- log.Run(running) }()
	_, err := log.Rotate(ctx, ring.keys[0], ring.overlap())
	stop()
	return errors.Join(err, <-done)
}

func (c *ledgerRotateCommand) replace(s *streams, ring *keyring, dir string, before ledger.KeyUse) error {
	// Who holds the ledger would not know the new key's file.
	if log, err := ledger.Open(dir, ring.options()); errors.Is(err, ledger.ErrLocked) {
		return errors.New("a server has the ledger open: stop it first")
	} else if err == nil {
		if err := log.Close(); err != nil {
			return err
		}
	}
	if ring.keys[0].Verifier() == before.Key {
		key, secret, err := ledger.GenerateKey(ring.keys[0].Origin())
		if err != nil {
			return err
		}
		ring = &keyring{keys: []ledger.Key{key}, secrets: []string{secret}, until: make([]time.Time, 1)}
		if err := ring.write(c.State); err != nil {
			return err
		}
	}
	if _, err := ledger.Replace(dir, ring.options(), c.Reason); err != nil {
		return err
	}
	return c.tell(s, dir, time.Time{})
}

func (c *ledgerRotateCommand) tell(s *streams, dir string, until time.Time) error {
	now, err := newestKey(dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "In force since entry %d:\n  %s\n", now.Entry, now.Key)
	switch {
	case now.Replaced:
		fmt.Fprintln(s.out, "The key before has not signed for it. Tell auditors, witnesses and the roster by another way;\nto those who know only the old key, weir ledger verify shows a break of trust here.")
	case until.After(time.Now()):
		fmt.Fprintf(s.out, "The key before signs beside it until %s. Tell witnesses by then; auditors' tools follow by themselves.\n", until.Local().Format("2006-01-02 15:04 MST"))
	default:
		fmt.Fprintln(s.out, "The key before signs no more. Tell witnesses now; auditors' tools follow by themselves.")
	}
	return nil
}

func newestKey(dir string) (ledger.KeyUse, error) {
	all, err := ledger.Keys(dir)
	if errors.Is(err, os.ErrNotExist) {
		return ledger.KeyUse{}, fmt.Errorf("there is no ledger in %s", dir)
	}
	if err != nil {
		return ledger.KeyUse{}, err
	}
	return all[len(all)-1], nil
}

type ledgerKeysCommand struct {
	Dir  string `arg:"" optional:"" default:"weir-state/ledger" type:"path" help:"The ledger's folder. Default: weir-state/ledger."`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (ledgerKeysCommand) Help() string {
	return `Lists every key that the ledger has had, the entry that put it in force, and the sizes of the first and the last checkpoint that it has signed.

Example:
  weir ledger keys weir-state/ledger`
}

func (c *ledgerKeysCommand) Run(s *streams) error {
	all, err := ledger.Keys(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no ledger in %s", c.Dir)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		type use struct {
			Key         string     `json:"key"`
			InForce     bool       `json:"in_force"`
			Entry       *int64     `json:"entry,omitempty"`
			Since       *time.Time `json:"since,omitempty"`
			Until       *time.Time `json:"signs_until,omitempty"`
			Replaced    bool       `json:"replaced_without_signature"`
			First       int64      `json:"first_checkpoint"`
			Last        int64      `json:"last_checkpoint"`
			Checkpoints int        `json:"checkpoints"`
		}
		list := make([]use, len(all))
		for i, k := range all {
			list[i] = use{Key: k.Key, InForce: k.InForce, Replaced: k.Replaced, First: k.First, Last: k.Last, Checkpoints: k.Checkpoints}
			if k.Entry >= 0 {
				list[i].Entry, list[i].Since = &k.Entry, &k.Since
			}
			if !k.Until.IsZero() {
				list[i].Until = &k.Until
			}
		}
		return printJSON(s, list)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "since entry\tsince\tfirst checkpoint\tlast\tcheckpoints\tkey")
	for _, k := range all {
		entry, since, note := "the first", "", ""
		if k.Entry >= 0 {
			entry, since = fmt.Sprint(k.Entry), k.Since.Local().Format("2006-01-02 15:04")
		}
		if k.Replaced {
			note = "  (replaced the one before without its signature)"
		}
		if k.InForce {
			note += "  (in force)"
		} else if k.Until.After(time.Now()) {
			note += "  (signs until " + k.Until.Local().Format("2006-01-02 15:04") + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s%s\n", entry, since, k.First, k.Last, k.Checkpoints, k.Key, note)
	}
	return w.Flush()
}

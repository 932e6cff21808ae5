package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/sqlite"
)

// pastDir holds the ledgers that came before, each closed, in folders 1, 2, ...
const pastDir = "past"

// pastLedgers gives their folders in order.
func pastLedgers(state string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(state, pastDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 && strconv.Itoa(n) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var dirs []string
	for _, n := range numbers {
		dirs = append(dirs, filepath.Join(state, pastDir, strconv.Itoa(n)))
	}
	return dirs, nil
}

// A successor is a ledger with those before it. What customers were taken in the
// last 30 days counts whichever of them has it.
type successor struct {
	*ledger.Log
	past []string
}

// Replay gives what the past ones have, too, if from is 0. Their entries have no
// index in this one: they come as -1.
func (s successor) Replay(from int64, fn func(index int64, e *ledger.Entry) error) error {
	if from == 0 {
		old := time.Now().Add(-ledger.LeastKeep)
		for _, dir := range s.past {
			err := ledger.Read(dir, 0, func(_ int64, e *ledger.Entry) error {
				if e.Time.Before(old) && e.Kind != ledger.Hold && e.Kind != ledger.Lift && e.Kind != ledger.PolicyLoaded {
					return nil
				}
				return fn(-1, e)
			})
			if err != nil {
				return err
			}
		}
	}
	return s.Log.Replay(from, fn)
}

type ledgerSucceedCommand struct {
	Dir   string `arg:"" type:"path" help:"The restored ledger's folder. It moves into the state folder."`
	State string `default:"weir-state" type:"path" help:"The state folder, which is made where it is missing. Its ledger must be gone or moved away. Default: weir-state."`
}

func (ledgerSucceedCommand) Help() string {
	return `A restored ledger may lack its newest entries, so nothing goes on from it: whoever remembers more of it would see a forgery. This begins another ledger, under a new name and a new key, whose first entry names the old one's last checkpoint. The old one moves to past/ in the state folder, where it can be shown, verified and proven from. What it says was taken in the last 30 days counts against budgets as before, and holds that were in force stay in force.

What the lost entries had recorded counts no longer: right after the loss budgets may be wider by that much. Tell auditors and witnesses the new name and key.

Example:
  weir ledger restore --from s3://ledgers/node-1 restored
  weir ledger succeed restored`
}

func (c *ledgerSucceedCommand) Run(s *streams) error {
	if _, err := os.Stat(filepath.Join(c.Dir, "restored")); err != nil {
		return usageError{fmt.Errorf("%s is no restored ledger: make it with weir ledger restore", c.Dir)}
	}
	dir := filepath.Join(c.State, "ledger")
	if _, err := os.Stat(dir); err == nil {
		return usageError{fmt.Errorf("%s is there. If it is whole, go on with it; if it is not, move it away first", dir)}
	}
	tell, clear := percent(s, "verifying")
	report, err := ledger.Verify(c.Dir, ledger.VerifyOptions{Progress: tell})
	clear()
	if err != nil {
		return err
	}
	holds, err := heldIn(c.Dir)
	if err != nil {
		return err
	}
	past, err := pastLedgers(c.State)
	if err != nil {
		return err
	}
	// A succession that was cut short has moved it already.
	to := filepath.Join(c.State, pastDir, strconv.Itoa(len(past)+1))
	if slices.Contains(past, filepath.Clean(c.Dir)) {
		to = filepath.Clean(c.Dir)
	}
	key, secret, err := ledger.GenerateKey(nextOrigin(report.Origin))
	if err != nil {
		return err
	}
	if err := prepareState(c.State, secret); err != nil {
		return err
	}
	if to != filepath.Clean(c.Dir) {
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.Rename(c.Dir, to); err != nil {
			return fmt.Errorf("%w; restore it into %s itself and run this again", err, to)
		}
	}
	// Made beside its place, so that a server never finds it without its first
	// entries, and this command can be run again.
	tmp := dir + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := begin(s.ctx, tmp, key, report, holds); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	fmt.Fprintf(s.out, `%s goes on where %s ends, at entry %d.
Its public key, for auditors and witnesses:
  %s
%d holds were in force and are recorded again. The old ledger is in %s.
`, key.Origin(), report.Origin, report.Signed.Size, key.Verifier(), len(holds), to)
	return nil
}

// nextOrigin gives the name of the ledger behind one: with /2 at the end, or one
// more than the number there.
func nextOrigin(origin string) string {
	if i := strings.LastIndex(origin, "/"); i > 0 {
		if n, err := strconv.Atoi(origin[i+1:]); err == nil && n > 1 {
			return origin[:i+1] + strconv.Itoa(n+1)
		}
	}
	return origin + "/2"
}

// prepareState puts a new ledger key into the state folder, beside the old one,
// and makes what is missing in it.
func prepareState(dir, secret string) error {
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, keyringFile)
	if _, err := os.Stat(file); err == nil {
		if err := os.Rename(file, file+"."+time.Now().UTC().Format("20060102T150405.000")); err != nil {
			return err
		}
	}
	if err := writeNew(file, []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	for _, name := range []string{"keys/subjects.key", namesKeyFile} {
		if err := writeNew(filepath.Join(dir, name), []byte(randomHex(32)+"\n"), 0o600); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "subjects.db")); errors.Is(err, os.ErrNotExist) {
		db, err := sqlite.Create(filepath.Join(dir, "subjects.db"))
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	// It is made from the ledger, and this one is another.
	for _, name := range []string{"index.db", "index.db-wal", "index.db-shm"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// heldIn gives the holds that are in force at the end of a ledger.
func heldIn(dir string) ([]*ledger.Entry, error) {
	held := map[string]*ledger.Entry{}
	now := time.Now()
	err := ledger.Read(dir, 0, func(_ int64, e *ledger.Entry) error {
		ledger.ApplyHold(held, e, now)
		return nil
	})
	var all []*ledger.Entry
	for _, e := range held {
		again := *e
		again.Salt, again.Time, again.Node = [16]byte{}, time.Time{}, ""
		all = append(all, &again)
	}
	slices.SortFunc(all, func(a, b *ledger.Entry) int { return strings.Compare(a.Party, b.Party) })
	return all, err
}

// begin makes the new ledger with its first entries.
func begin(ctx context.Context, dir string, key ledger.Key, old *ledger.VerifyReport, holds []*ledger.Entry) error {
	log, err := ledger.Create(dir, ledger.Options{Key: key})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	first := &ledger.Entry{
		Kind: ledger.Succession, Text: "restored from an archive; what was recorded behind its last entry is lost",
		Keys:  ledger.KeyPair{Old: old.Key, New: key.Verifier()},
		Heads: []ledger.Head{{Origin: old.Origin, Size: old.Signed.Size, Root: old.Signed.Root}},
	}
	_, err = log.Append(ctx, append([]*ledger.Entry{first}, holds...)...)
	stop()
	return errors.Join(err, <-ended)
}

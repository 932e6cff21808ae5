package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir/index"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/sqlite"
)

// indexFile is the index of the ledger in a state folder. It is made from the
// ledger and may be deleted.
const indexFile = "index.db"

// openIndex opens the index of a state folder; nil where there is none.
func openIndex(state string) (*sqlite.Index, error) {
	x, err := sqlite.OpenIndex(filepath.Join(state, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return x, err
}

// makeIndex opens the index of a state folder, or makes an empty one.
func makeIndex(state string) (*sqlite.Index, error) {
	x, err := openIndex(state)
	if x == nil && err == nil {
		x, err = sqlite.CreateIndex(filepath.Join(state, indexFile))
	}
	return x, err
}

// askLedger puts a question to the ledger of a state folder, with the help of the index
// where there is one.
func askLedger(ctx context.Context, state string, q index.Question, fn func(*index.Visit) error) (*index.Answer, error) {
	dir := filepath.Join(state, "ledger")
	log, err := index.Dir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usageError{fmt.Errorf("there is no ledger in %s; name the folder with --state", dir)}
	}
	if err != nil {
		return nil, err
	}
	var store index.Store
	x, err := openIndex(state)
	if err != nil {
		return nil, indexError(state, err)
	}
	if x != nil {
		defer x.Close()
		store = x
	}
	a, err := index.Ask(ctx, store, log, q, fn)
	return a, indexError(state, err)
}

// indexError says what to do about an index that cannot be used.
func indexError(state string, err error) error {
	file := filepath.Join(state, indexFile)
	switch {
	case errors.Is(err, ledger.ErrCursor):
		return fmt.Errorf("%s was made from other entries than the ledger has. See what is wrong with: weir ledger verify %s. If the ledger is the right one, make the index anew with: weir ledger reindex --state %s (%w)", file, filepath.Join(state, "ledger"), state, err)
	case errors.Is(err, index.ErrFormat), errors.Is(err, sqlite.ErrForeign):
		return fmt.Errorf("%s is not an index of this version of weir. Delete it, or make it anew with: weir ledger reindex --state %s (%w)", file, state, err)
	}
	return err
}

// reachLine says which entries an answer covers.
func reachLine(r index.Reach) string {
	if r.Next == r.First {
		return "The ledger has no entries yet."
	}
	text := fmt.Sprintf("Entries %d to %d, up to %s", r.First, r.Next-1, r.Last.Format("2006-01-02 15:04:05"))
	if r.Kept > r.First {
		text += fmt.Sprintf("; those before %d are no longer in the ledger's files, only in the index", r.Kept)
	}
	return text + "."
}

// reachJSON is what answers in JSON say about the entries that they cover.
type reachJSON struct {
	First   int64     `json:"first"`
	Last    int64     `json:"last"`    // -1: there is none
	Time    time.Time `json:"time"`    // of the last
	Indexed int64     `json:"indexed"` // entries before this one came from the index
	Kept    int64     `json:"kept"`    // entries before this one are no longer in the ledger's files
}

func toReachJSON(r index.Reach) reachJSON {
	return reachJSON{r.First, r.Next - 1, r.Last, r.Indexed, r.Kept}
}

// moment reads a time of the command line: a date, a date and time, or a span
// back from now, such as 24h or 30d.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usageError{fmt.Errorf("%q is not a time: write 2026-03-01, 2026-03-01T14:30 (UTC), 2026-03-01T14:30:00+01:00, or how long ago: 36h, 30d", text)}
}

type ledgerReindexCommand struct {
	State string `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	JSON  bool   `name:"json" help:"Print as JSON."`
}

func (ledgerReindexCommand) Help() string {
	return `Makes the index anew from the ledger's files. weir serve keeps it up to date by itself; this is for an index that was deleted, damaged, or made from another ledger. It may run beside weir serve. Until it is done, and if it is interrupted, the old index stays.

Where the ledger has dropped old entries, the new index does not have them either, while the old one still may.

Examples:
  weir ledger reindex
  weir ledger reindex --state /var/lib/weir`
}

func (c *ledgerReindexCommand) Run(s *streams) error {
	dir := filepath.Join(c.State, "ledger")
	log, err := index.Dir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("there is no ledger in %s; name the folder with --state", dir)}
	}
	if err != nil {
		return err
	}
	x, err := makeIndex(c.State)
	if err != nil {
		return indexError(c.State, err)
	}
	defer x.Close()
	var progress func(done, of int64)
	if f, ok := s.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		progress = func(done, of int64) { fmt.Fprintf(s.err, "\rindexing %3d %% ", done*100/of) }
		defer fmt.Fprint(s.err, "\r\033[K")
	}
	began := time.Now()
	reach, err := index.Rebuild(s.ctx, x, log, progress)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, struct {
			Entries int64   `json:"entries"`
			From    int64   `json:"from"`
			Seconds float64 `json:"seconds"`
		}{reach.Next - reach.First, reach.First, time.Since(began).Seconds()})
	}
	fmt.Fprintf(s.out, "%d entries are in the index; those behind are read from the ledger until there are enough.\n", reach.Next-reach.First)
	return nil
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/getweir/weir/export"
	"github.com/getweir/weir/ledger"
)

type ledgerExportCommand struct {
	Dir    string `arg:"" optional:"" default:"weir-state/ledger" type:"path" help:"The ledger's folder. Default: weir-state/ledger."`
	Format string `default:"ocsf" enum:"ocsf,json" help:"ocsf: events of OCSF 1.8.0; json: entries as weir ledger show --json prints them."`
	From   int64  `default:"0" help:"The first entry, by number."`
	Since  string `help:"Only entries since then: a date, a time, or how long ago, such as 24h or 30d." placeholder:"WHEN"`
	Until  string `help:"Only entries before then." placeholder:"WHEN"`
	Follow bool   `short:"f" help:"Go on with what is recorded, until interrupted."`
	Cursor string `help:"Go on where the export of this name has ended, and remember where this one does." placeholder:"NAME"`
	Out    string `short:"o" type:"path" help:"The file to write: with --cursor it is added to, else it must not exist. Default: standard output." placeholder:"FILE"`
}

func (ledgerExportCommand) Help() string {
	return `Writes entries for log stores and security tools, one JSON object a line. Only entries that a signed checkpoint covers are written, each checked against it: the newest are there a second later. The ledger may be in use.

With --cursor an export begins where the one before of that name has ended. To standard output an entry comes at least once: after a crash in between some come again, and metadata.uid tells (o.origin/number). To a file (-o) it comes exactly once: what a crash left behind the remembered end is cut off.

Customers are pseudonyms. The cursor is kept in the ledger's folder, and is refused by another ledger.

Examples:
  weir ledger export --since 24h -o day.ndjson
  weir ledger export --follow --cursor siem | shipper
  weir ledger export --cursor archive -o events.ndjson     # from cron`
}

// exportPage is how many entries are written between two notes of the cursor.
const exportPage = 100_000

func (c *ledgerExportCommand) Run(s *streams) error {
	x := &exporting{c: c}
	now := time.Now()
	var err error
	if x.since, err = moment(c.Since, now); err != nil {
		return err
	}
	if x.until, err = moment(c.Until, now); err != nil {
		return err
	}
	switch {
	case c.Cursor != "" && !ledger.CursorName(c.Cursor):
		return usageError{fmt.Errorf("--cursor %q: a name has lower-case letters, digits and hyphens", c.Cursor)}
	case c.Cursor != "" && (c.From != 0 || c.Since != "" || c.Until != ""):
		return usageError{errors.New("--cursor says by itself where to begin: leave out --from, --since and --until")}
	}
	if x.tree, err = ledger.OpenTree(c.Dir, ""); errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("there is no ledger in %s", c.Dir)}
	} else if err != nil {
		return err
	}
	origin, err := x.tree.Cursor(0)
	if err != nil {
		return err
	}
	x.ocsf = export.OCSF{Origin: origin.Origin, Version: weirVersion()}
	x.next = c.From
	if c.Cursor != "" {
		var state []byte
		if x.next, state, err = x.tree.Resume(c.Cursor); err != nil {
			return fmt.Errorf("%w. If the ledger is the right one, begin anew by deleting %s", err, filepath.Join(c.Dir, "cursors", c.Cursor))
		}
		if err := json.Unmarshal(orEmpty(state), &x.end); err != nil {
			return fmt.Errorf("resume cursor %s: %w", c.Cursor, err)
		}
	}
	if err := x.open(s); err != nil {
		return err
	}
	err = x.run(s.ctx)
	if x.file != nil {
		err = errors.Join(err, x.file.Close())
		if err != nil && c.Cursor == "" {
			err = errors.Join(err, os.Remove(c.Out))
		}
	}
	return err
}

func orEmpty(state []byte) []byte {
	if len(state) == 0 {
		return []byte("{}")
	}
	return state
}

// exporting is one export under way.
type exporting struct {
	c            *ledgerExportCommand
	since, until time.Time
	tree         *ledger.Tree
	ocsf         export.OCSF
	next         int64
	out          *bufio.Writer
	file         *os.File // nil: standard output
	end          exportEnd
}

// exportEnd is what the cursor remembers of the file that was written.
type exportEnd struct {
	File string `json:"file,omitempty"`
	Size int64  `json:"size,omitempty"`
}

// open opens what is written to.
func (x *exporting) open(s *streams) error {
	var w io.Writer = s.out
	if x.c.Out != "" {
		flag := os.O_WRONLY | os.O_CREATE
		if x.c.Cursor == "" {
			flag |= os.O_EXCL
		}
		f, err := os.OpenFile(x.c.Out, flag, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return usageError{fmt.Errorf("%s is there already, and nothing is overwritten; with --cursor it is added to", x.c.Out)}
		}
		if err != nil {
			return err
		}
		end, err := f.Seek(0, io.SeekEnd)
		if err == nil && x.c.Cursor != "" && x.end.File == x.c.Out && end > x.end.Size {
			// Written after the cursor was kept for the last time, and written again now.
			end = x.end.Size
			if err = f.Truncate(end); err == nil {
				_, err = f.Seek(end, io.SeekStart)
			}
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		x.file, w = f, f
	}
	x.out = bufio.NewWriterSize(w, 1<<20)
	return nil
}

// run writes what is signed, and with --follow what will be.
func (x *exporting) run(ctx context.Context) error {
	for {
		signed, _, err := x.tree.Checkpoint()
		if err != nil {
			return err
		}
		for x.next < signed.Size {
			if err := x.page(ctx, min(signed.Size, x.next+exportPage)); err != nil {
				if errors.Is(err, errPast) || x.c.Follow && ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		if !x.c.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // being interrupted is how following ends
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// errPast: an entry is later than what is wanted.
var errPast = errors.New("past the end")

// page writes the entries up to to, makes them durable and moves the cursor.
func (x *exporting) page(ctx context.Context, to int64) error {
	enc := json.NewEncoder(x.out)
	enc.SetEscapeHTML(false)
	past := false
	err := x.tree.Entries(x.next, to, func(index int64, e *ledger.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !x.until.IsZero() && !e.Time.Before(x.until) {
			past = true
			return errPast
		}
		if e.Time.Before(x.since) {
			return nil
		}
		if x.c.Format == "json" {
			return enc.Encode(entryJSON(index, e))
		}
		return enc.Encode(x.ocsf.Event(index, e))
	})
	if err != nil && !past {
		return err
	}
	if err := x.out.Flush(); err != nil {
		return err
	}
	x.next = to
	if x.file != nil {
		if err := x.file.Sync(); err != nil {
			return err
		}
	}
	if x.c.Cursor != "" {
		x.end = exportEnd{}
		if x.file != nil {
			size, err := x.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			x.end = exportEnd{x.c.Out, size}
		}
		state, err := json.Marshal(x.end)
		if err != nil {
			return err
		}
		if err := x.tree.Keep(x.c.Cursor, to, state); err != nil {
			return err
		}
	}
	if past {
		return errPast
	}
	return nil
}

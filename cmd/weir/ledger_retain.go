package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/getweir/weir/ledger"
)

// keep gives for how long weir.yaml says that entries are kept; 0: for ever.
func (c ledgerConfig) keep() (time.Duration, error) {
	if c.Keep == "" {
		return 0, nil
	}
	d, err := span(c.Keep)
	if err == nil && d < ledger.LeastKeep {
		err = fmt.Errorf("%s is too short: budgets of 30 days are counted from the ledger, so at least 31d are kept", c.Keep)
	}
	return d, err
}

// span reads how long something is, such as 400d or 36h.
func span(text string) (time.Duration, error) {
	now := time.Now().UTC()
	at, err := moment(text, now)
	if d := now.Sub(at); err == nil && text != "" && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a span of time, such as 400d or 36h", text)
}

// retainEvery is how often a server looks whether something is old enough to go.
const retainEvery = time.Hour

// retain drops what is older than weir.yaml keeps, until ctx ends. With an archive
// only what is in it goes.
func (s *server) retain(ctx context.Context) error {
	keep, err := s.cfg.Ledger.keep()
	if err != nil || keep == 0 {
		return err
	}
	o := ledger.RetainOptions{Keep: keep, Text: "kept for " + s.cfg.Ledger.Keep}
	if s.archive != nil {
		o.Archived = s.archive.Holds
		o.Text += "; archived in " + s.archive.Status().Where
	}
	wait := time.NewTimer(time.Minute) // after the archive's first round
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		done, err := s.state.ledger.Retain(ctx, o)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.Error("ledger: old entries are not dropped, will be tried again", "err", err)
		case done.Segments > 0:
			s.log.Info("ledger: old entries dropped", "from", done.Span.From, "to", done.Span.To-1, "bytes", done.Bytes, "entry", done.Index)
		}
		wait.Reset(retainEvery)
	}
}

type ledgerRetainCommand struct {
	Before   string `required:"" help:"Drop what is older: a date, or how long ago, such as 400d; at least 31d." placeholder:"TIME"`
	State    string `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Archived string `help:"Drop only what is in this archive: a folder, or s3://BUCKET/PREFIX." placeholder:"PLACE"`
	Reason   string `help:"A sentence for the record." placeholder:"TEXT"`
	DryRun   bool   `help:"Say what would go, and change nothing."`
	JSON     bool   `name:"json" help:"Print as JSON."`
	archiveConfig
}

func (ledgerRetainCommand) Help() string {
	return `Drops whole segment files at the beginning of the ledger. An entry says which, and when; holds that are in force are recorded again; the hashes of what goes are kept, so that everything that is kept can be proven as before, and a copy of what went can still be checked against the ledger. What is gone cannot be shown any more: who saw whom in that time is no longer known from here.

A running server has the ledger open and drops by itself, with ledger: keep: 400d in weir.yaml; this command is for one that is stopped.

Examples:
  weir ledger retain --before 400d --dry-run
  weir ledger retain --before 2025-01-01 --archived /mnt/backup/node-1`
}

func (c *ledgerRetainCommand) Run(s *streams) error {
	now := time.Now().UTC()
	before, err := moment(c.Before, now)
	if err != nil {
		return err
	}
	o := ledger.RetainOptions{Keep: now.Sub(before), Text: c.Reason}
	if o.Keep < ledger.LeastKeep {
		return usageError{fmt.Errorf("%s is too late: budgets of 30 days are counted from the ledger, so at least 31d are kept", c.Before)}
	}
	ring, err := readKeyring(c.State)
	if errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("%s holds no state of Weir; name the folder with --state", c.State)}
	}
	if err != nil {
		return err
	}
	dir := filepath.Join(c.State, "ledger")
	if c.Archived != "" {
		b, err := c.bucket(c.Archived)
		if err != nil {
			return err
		}
		a := ledger.NewArchiver(dir, b, ledger.ArchiveOptions{Timeout: 24 * time.Hour})
		if err := a.Once(s.ctx); err != nil {
			return err
		}
		o.Archived = a.Holds
		if o.Text != "" {
			o.Text += "; "
		}
		o.Text += "archived in " + b.String()
	}
	log, err := ledger.Open(dir, ring.options())
	if errors.Is(err, ledger.ErrLocked) {
		return errors.New("a server has the ledger open: put ledger: keep: into weir.yaml and it drops by itself, or stop it first")
	}
	if err != nil {
		return err
	}
	if c.DryRun {
		done, err := log.Retention(o)
		if err := errors.Join(err, log.Close()); err != nil {
			return err
		}
		return c.print(s, done, "would go")
	}
	running, stop := context.WithCancel(context.WithoutCancel(s.ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	done, err := log.Retain(s.ctx, o)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	return c.print(s, done, "are dropped")
}

func (c *ledgerRetainCommand) print(s *streams, r *ledger.Retained, what string) error {
	if c.JSON {
		return printJSON(s, struct {
			From     int64     `json:"from"`
			To       int64     `json:"to"` // not among them
			Since    time.Time `json:"since"`
			Until    time.Time `json:"until"`
			Segments int       `json:"segments"`
			Bytes    int64     `json:"bytes"`
			Entry    int64     `json:"entry"`
			Holds    int       `json:"holds_recorded_again"`
			DryRun   bool      `json:"dry_run"`
		}{r.Span.From, r.Span.To, r.Span.Since, r.Span.Until, r.Segments, r.Bytes, r.Index, r.Holds, c.DryRun})
	}
	if r.Segments == 0 {
		_, err := fmt.Fprintln(s.out, "No whole segment is that old, signed and, where asked for, archived: nothing goes.")
		return err
	}
	fmt.Fprintf(s.out, "Entries %d to %d, of %s to %s, %s: %d segments, %s.\n", r.Span.From, r.Span.To-1,
		r.Span.Since.Format(time.DateOnly), r.Span.Until.Format(time.DateOnly), what, r.Segments, size(r.Bytes))
	if !c.DryRun {
		fmt.Fprintf(s.out, "Entry %d says so; %d holds in force were recorded again.\n", r.Index, r.Holds)
	}
	return nil
}

type ledgerDuCommand struct {
	State  string `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Before string `help:"Say what dropping entries would free that are older: a date, or how long ago. Default: 400d." default:"400d" placeholder:"TIME"`
	JSON   bool   `name:"json" help:"Print as JSON."`
}

func (ledgerDuCommand) Help() string {
	return `Says what the ledger takes of the disk: by file, month and kind of entry; how fast it grows; and what retention would free. It reads all entries once, also while a server writes.

Examples:
  weir ledger du
  weir ledger du --before 90d --json`
}

func (c *ledgerDuCommand) Run(s *streams) error {
	before, err := moment(c.Before, time.Now().UTC())
	if err != nil {
		return err
	}
	o := ledger.UsageOptions{Before: before}
	var clear func()
	o.Progress, clear = percent(s, "reading")
	u, err := ledger.ReadUsage(s.ctx, filepath.Join(c.State, "ledger"), o)
	clear()
	if errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("%s holds no ledger; name the folder with --state", c.State)}
	}
	if err != nil {
		return err
	}
	beside := map[string]int64{}
	for _, name := range []string{"index.db", "index.db-wal", "subjects.db", "subjects.db-wal"} {
		if info, err := os.Stat(filepath.Join(c.State, name)); err == nil {
			beside[name] = info.Size()
		}
	}
	daily := 0.0
	if u.LastWeekDays > 0 {
		daily = float64(u.LastWeek) / max(u.LastWeekDays, 1)
	}
	if c.JSON {
		return c.json(s, u, beside, int64(daily))
	}
	err = table(s, "what\tbytes\tentries", func(row func(...any)) {
		row("entries, in "+count(u.Segments, "segment"), size(u.Frames), u.Entries)
		row("hashes of the tree", size(u.Tiles), "")
		row("checkpoints", size(u.Checkpoints), "")
		row("written ahead, keys, other", size(u.Ahead+u.Other), "")
		row("index", size(beside["index.db"]+beside["index.db-wal"]), "")
		row("pseudonyms", size(beside["subjects.db"]+beside["subjects.db-wal"]), "")
	})
	if err != nil || u.Entries == 0 {
		return err
	}
	fmt.Fprintln(s.out)
	if err := table(s, "month\tbytes\tentries", func(row func(...any)) {
		for _, m := range u.Months {
			row(m.Month, size(m.Bytes), m.Entries)
		}
	}); err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	if err := table(s, "kind\tbytes\tentries", func(row func(...any)) {
		for _, k := range u.Kinds {
			row(k.Kind, size(k.Bytes), k.Entries)
		}
	}); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nEntries %d to %d, of %s to %s.", u.First, u.First+u.Entries-1, u.From.Format(time.DateOnly), u.To.Format(time.DateOnly))
	if daily > 0 {
		fmt.Fprintf(s.out, " It grows by %s a day.", size(int64(daily)))
	}
	fmt.Fprintf(s.out, "\nDropping what is older than %s would free %s (%s, %d entries).\n", before.Format(time.DateOnly), size(u.Freed), count(u.FreedSegments, "segment"), u.FreedEntries)
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (c *ledgerDuCommand) json(s *streams, u *ledger.Usage, beside map[string]int64, daily int64) error {
	type part struct {
		Name    string `json:"name"`
		Bytes   int64  `json:"bytes"`
		Entries int64  `json:"entries"`
	}
	months, kinds := []part{}, []part{}
	for _, m := range u.Months {
		months = append(months, part{m.Month, m.Bytes, m.Entries})
	}
	for _, k := range u.Kinds {
		kinds = append(kinds, part{k.Kind.String(), k.Bytes, k.Entries})
	}
	return printJSON(s, struct {
		Entries     int64     `json:"entries"`
		First       int64     `json:"first"`
		From        time.Time `json:"from"`
		To          time.Time `json:"to"`
		Segments    int       `json:"segments"`
		Total       int64     `json:"total"`
		Frames      int64     `json:"segment_bytes"`
		Tiles       int64     `json:"tile_bytes"`
		Checkpoints int64     `json:"checkpoint_bytes"`
		Other       int64     `json:"other_bytes"`
		Index       int64     `json:"index_bytes"`
		Pseudonyms  int64     `json:"pseudonym_bytes"`
		Months      []part    `json:"months"`
		Kinds       []part    `json:"kinds"`
		Daily       int64     `json:"bytes_a_day"`
		Freed       int64     `json:"would_free_bytes"`
		FreedNumber int64     `json:"would_free_entries"`
	}{u.Entries, u.First, u.From, u.To, u.Segments, u.Total(), u.Frames, u.Tiles, u.Checkpoints, u.Ahead + u.Other,
		beside["index.db"] + beside["index.db-wal"], beside["subjects.db"] + beside["subjects.db-wal"], months, kinds, daily, u.Freed, u.FreedEntries})
}

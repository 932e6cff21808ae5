package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir/internal/s3"
	"github.com/getweir/weir/ledger"
)

// archiveConfig is where a ledger's archive is and how it is reached: part of
// weir.yaml, and flags of the commands.
type archiveConfig struct {
	// To is a folder, or s3://BUCKET/PREFIX. Each ledger needs one of its own.
	To string `yaml:"to" kong:"-"`
	// Endpoint is the base URL of an S3 server other than Amazon's.
	Endpoint string `yaml:"endpoint" help:"The base URL of an S3 server other than Amazon's." placeholder:"URL"`
	// Region of the bucket. Default: us-east-1.
	Region string `yaml:"region" help:"The bucket's region. Default: us-east-1." placeholder:"REGION"`
	// Credentials is a file with the keys, as the AWS tools keep them. Default:
	// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment.
	Credentials string `yaml:"credentials" type:"path" help:"A file with the keys, as the AWS tools keep them. Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment." placeholder:"FILE"`
	// Profile is the section of that file. Default: default.
	Profile string `yaml:"profile" help:"The section of that file. Default: default." placeholder:"NAME"`
	// Every is how often the archive is brought up to date. Default: 1m.
	Every time.Duration `yaml:"every" kong:"-"`
}

// bucket gives what a place names.
func (c archiveConfig) bucket(place string) (ledger.Bucket, error) {
	rest, remote := strings.CutPrefix(place, "s3://")
	if !remote {
		if c.Endpoint != "" || c.Region != "" || c.Credentials != "" || c.Profile != "" {
			return nil, usageError{fmt.Errorf("an endpoint, a region and credentials are for s3://BUCKET/PREFIX, and %s is a folder", place)}
		}
		if strings.Contains(place, "://") {
			return nil, usageError{fmt.Errorf("%s is neither a folder nor s3://BUCKET/PREFIX", place)}
		}
		return ledger.NewFolder(place), nil
	}
	name, prefix, _ := strings.Cut(rest, "/")
	credentials := s3.FromEnvironment
	if c.Credentials != "" {
		credentials = s3.FromFile(c.Credentials, c.Profile)
	}
	if _, err := credentials(); err != nil {
		return nil, usageError{err}
	}
	b, err := s3.New(s3.Config{Bucket: name, Prefix: path.Clean("/" + prefix)[1:], Region: c.Region, Endpoint: c.Endpoint, Credentials: credentials})
	if err != nil {
		return nil, usageError{err}
	}
	return b, nil
}

// archiver prepares archiving, nil where no archive is configured.
func (c *config) archiver(logger *slog.Logger) (*ledger.Archiver, error) {
	a := c.Ledger.Archive
	if a.To == "" {
		return nil, nil
	}
	b, err := a.bucket(a.To)
	if err != nil {
		return nil, usageError{fmt.Errorf("ledger.archive: %w", err)}
	}
	return ledger.NewArchiver(filepath.Join(c.State, "ledger"), b, ledger.ArchiveOptions{Every: a.Every, Log: logger}), nil
}

// lastRound is how long the end of the server waits for the archive.
const lastRound = 30 * time.Second

// archiveEnd archives what was signed at the end.
func (s *server) archiveEnd() {
	if s.archive == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastRound)
	defer cancel()
	if err := s.archive.Once(ctx); err != nil {
		s.log.Error("the end of the ledger is not archived; it will be after the next start", "err", err)
	}
}

type ledgerArchiveCommand struct {
	To    string        `arg:"" help:"Where to: a folder, or s3://BUCKET/PREFIX. Each ledger needs one of its own."`
	Dir   string        `arg:"" optional:"" default:"weir-state/ledger" type:"path" help:"The ledger's folder. Default: weir-state/ledger."`
	Once  bool          `help:"Bring the archive up to date and end; else it goes on until Ctrl-C."`
	Every time.Duration `default:"1m" help:"How often. Default: 1m." placeholder:"SPAN"`
	JSON  bool          `name:"json" help:"Print how the archive stands as JSON."`
	archiveConfig
}

func (ledgerArchiveCommand) Help() string {
	return `Copies the ledger's entries, checkpoints and proofs, compressed: each full segment, and what the last one has grown by since. Also while a server writes to it. Nothing in the archive is ever changed or deleted, and what is there is not copied again, so that the command may be interrupted, repeated, and given credentials that can only put, get and list.

weir serve does this by itself with ledger: archive: to: in weir.yaml.

Examples:
  weir ledger archive --once /mnt/backup/node-1
  weir ledger archive --once --credentials s3.ini --region eu-central-1 s3://ledgers/node-1
  weir ledger archive --endpoint https://minio.example.net --credentials s3.ini s3://ledgers/node-1`
}

func (c *ledgerArchiveCommand) Run(s *streams) error {
	b, err := c.bucket(c.To)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "key.pub")); errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("there is no ledger in %s", c.Dir)}
	}
	o := ledger.ArchiveOptions{Every: c.Every, Timeout: 24 * time.Hour, Log: slog.New(slog.NewTextHandler(s.err, nil))}
	var clear func()
	o.Progress, clear = percent(s, "archiving")
	a := ledger.NewArchiver(c.Dir, b, o)
	err = a.Once(s.ctx)
	clear()
	if err != nil {
		return err
	}
	if err := c.print(s, a.Status()); err != nil || c.Once {
		return err
	}
	err = a.Run(s.ctx)
	return errors.Join(err, c.print(s, a.Status()))
}

func (c *ledgerArchiveCommand) print(s *streams, is ledger.ArchiveStatus) error {
	if c.JSON {
		return printJSON(s, struct {
			Where   string    `json:"where"`
			Entries int64     `json:"entries"`
			Signed  int64     `json:"signed"`
			Pieces  int       `json:"pieces_written"`
			Bytes   int64     `json:"bytes_written"`
			Time    time.Time `json:"time"`
		}{is.Where, is.Entries, is.Signed, is.Pieces, is.Bytes, is.Time})
	}
	_, err := fmt.Fprintf(s.out, "%s: the first %d of the %d signed entries are archived; %d pieces, %s, were written.\n", is.Where, is.Entries, is.Signed, is.Pieces, size(is.Bytes))
	return err
}

// percent gives what tells how far something is on a terminal, and what removes
// it again; both do nothing elsewhere.
func percent(s *streams, what string) (tell func(done, total int64), clear func()) {
	f, ok := s.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	last := int64(-1)
	return func(done, total int64) {
		if total > 0 && done*100/total != last {
			last = done * 100 / total
			fmt.Fprintf(s.err, "\r%s %3d %% ", what, last)
		}
	}, func() { fmt.Fprint(s.err, "\r\033[K") }
}

type ledgerRestoreCommand struct {
	From       string   `required:"" help:"The archive: a folder, or s3://BUCKET/PREFIX." placeholder:"PLACE"`
	Dir        string   `arg:"" type:"path" help:"The folder to make; it must not exist."`
	Key        []string `sep:"none" help:"A public key of the ledger that you trust, old or new, as text; repeatable. Without any, the archive's own is believed." placeholder:"KEY"`
	Checkpoint string   `help:"A file with a checkpoint of this ledger that was kept elsewhere." placeholder:"FILE" type:"path"`
	Witness    []string `sep:"none" help:"The public key of a witness that you trust, as text; repeatable." placeholder:"KEY"`
	Threshold  int      `help:"How many of the witnesses must have signed. Default: all." placeholder:"N"`
	UpToFault  bool     `help:"Where a piece is missing or does not hold, restore what lies before it."`
	JSON       bool     `name:"json" help:"Print as JSON."`
	archiveConfig
}

func (ledgerRestoreCommand) Help() string {
	return `Makes a ledger's folder from its archive. Every entry, hash and checkpoint is checked, and all of it is verified once more before the folder has its name. A restore that was interrupted is gone on from by the same command. Exit code 3: the archive does not hold; the message says which piece and entries.

What the ledger recorded behind the last archived entry is not in the archive, and whether there was anything only others can know: witnesses, auditors, a checkpoint that was kept. The restored ledger is therefore closed: it can be shown, verified and proven from, and a server refuses to go on with it. weir ledger succeed begins the one that follows.

Examples:
  weir ledger restore --from /mnt/backup/node-1 restored
  weir ledger restore --from s3://ledgers/node-1 --credentials s3.ini --key "$KEY" restored`
}

func (c *ledgerRestoreCommand) Run(s *streams) error {
	b, err := c.bucket(c.From)
	if err != nil {
		return err
	}
	o := ledger.RestoreOptions{UpToFault: c.UpToFault, Verify: ledger.VerifyOptions{Key: strings.Join(c.Key, "\n"), Witnesses: c.Witness, Threshold: c.Threshold}}
	if c.Checkpoint != "" {
		text, err := os.ReadFile(c.Checkpoint)
		if err != nil {
			return usageError{err}
		}
		o.Verify.Checkpoint = string(text)
	}
	var clear func()
	o.Progress, clear = percent(s, "restoring")
	r, err := ledger.Restore(s.ctx, b, c.Dir, o)
	clear()
	switch {
	case errors.Is(err, fs.ErrExist):
		return usageError{err}
	case errors.Is(err, ledger.ErrArchive) || errors.Is(err, ledger.ErrBroken):
		fmt.Fprintln(s.err, "weir:", err)
		return exitRefuted
	case s.ctx.Err() != nil:
		return errors.New("interrupted; the same command goes on from here")
	case err != nil:
		return err
	}
	if c.JSON {
		return printJSON(s, struct {
			Dir     string    `json:"dir"`
			Entries int64     `json:"entries"`
			First   int64     `json:"first"`
			From    time.Time `json:"from"`
			To      time.Time `json:"to"`
			Pieces  int       `json:"pieces"`
			Bytes   int64     `json:"bytes"`
			Missing int64     `json:"known_missing"`
			Fault   string    `json:"fault,omitempty"`
			Ledger  any       `json:"ledger"`
		}{c.Dir, r.Report.Entries, r.Report.First, r.Report.From, r.Report.To, r.Pieces, r.Bytes, r.Missing(), text(r.Fault), verifiedJSON(r.Report)})
	}
	fmt.Fprintf(s.out, "%s: restored from %d pieces, %s.\n%s", c.Dir, r.Pieces, size(r.Bytes), r.Report)
	if r.Fault != nil {
		fmt.Fprintf(s.out, "It ends there because of a fault: %v.\n", r.Fault)
	}
	if n := r.Missing(); n > 0 {
		fmt.Fprintf(s.out, "At least %d entries that the ledger had recorded behind these are missing.\n", n)
	}
	fmt.Fprintf(s.out, "What was recorded after %s, if anything, is not in it. It is closed: weir ledger succeed begins the ledger that follows.\n", r.Report.To.Format(time.RFC3339))
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// archiveText says in a few words how an archive stands beside so many entries.
func archiveText(is ledger.ArchiveStatus, entries int64) (text string, fails bool) {
	behind := max(0, entries-is.Entries)
	switch {
	case is.Err != nil:
		return fmt.Sprintf("failing since %s UTC; the last %d entries are not in it", is.Since.UTC().Format("15:04"), behind), true
	case is.Time.IsZero():
		return "not brought up to date yet", false
	}
	return fmt.Sprintf("%d entries at %s UTC, %d behind", is.Entries, is.Time.UTC().Format("15:04:05"), behind), false
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir/ledger"
)

type ledgerRebuildCommand struct {
	FromStore bool   `required:"" name:"from-store" help:"Make it of what the shared store has acknowledged."`
	Config    string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the store and the state folder. Default: weir.yaml."`
	SetAside  bool   `name:"set-aside" help:"Where the state folder still has a ledger: rename that, and keep it."`
	JSON      bool   `name:"json" help:"Print as JSON."`
}

func (ledgerRebuildCommand) Help() string {
	return `Makes the ledger of this node anew from the shared store, after its disk was lost or the files turned out to be older than what the store has. It checks every entry, every checkpoint that the store has kept, and the signatures of what is behind the newest of them; the ledger appears only when its tree is the one that the store had acknowledged. Then weir serve goes on with it. Interrupted, it leaves nothing behind, and is begun again.

It needs the keys in the state folder, of which keep a copy elsewhere: the store has none. It takes the ledger over: a node that still wrote to it is refused from then on.

Examples:
  weir ledger rebuild --from-store
  weir ledger rebuild --from-store --set-aside     # the files are there, but old or damaged`
}

func (c *ledgerRebuildCommand) Run(s *streams) (err error) {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	if !cfg.Store.shared() {
		return usageError{fmt.Errorf("%s names no store to make the ledger of", c.Config)}
	}
	ring, err := readKeyring(cfg.State)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is missing. Put the copy of the folder keys back first: without the ledger's own key it cannot go on under its name", filepath.Join(cfg.State, keyringFile))
	}
	if err != nil {
		return err
	}
	store, _, err := openShared(s.ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	dir := filepath.Join(cfg.State, "ledger")
	var aside string
	if names, derr := os.ReadDir(dir); derr == nil && len(names) > 0 {
		if !c.SetAside {
			return usageError{fmt.Errorf("%s is not empty. If it is what is to be replaced, say --set-aside: it is renamed and kept", dir)}
		}
		// The lock of a running server would go with the folder.
		if err := unused(dir, ring.options()); err != nil {
			return err
		}
		aside = dir + ".before-" + time.Now().UTC().Format("20060102T150405Z")
		if err := os.Rename(dir, aside); err != nil {
			return err
		}
	}
	o := ring.options()
	o.Node = cfg.Node
	var ro ledger.RebuildOptions
	if f, ok := s.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		var told time.Time
		ro.Progress = func(done, total int64) {
			if now := time.Now(); now.Sub(told) > 100*time.Millisecond {
				told = now
				fmt.Fprintf(s.err, "\r%3d %%  %d of %d entries ", done*100/total, done, total)
			}
		}
		defer fmt.Fprint(s.err, "\r\033[K")
	}
	r, err := ledger.Rebuild(s.ctx, dir, o, store, ro)
	if err != nil {
		if aside != "" {
			err = errors.Join(err, os.Rename(aside, dir))
		}
		if errors.Is(err, context.Canceled) {
			return errors.New("interrupted; nothing was changed")
		}
		return err
	}
	if c.JSON {
		return printJSON(s, struct {
			Entries     int64  `json:"entries"`
			Root        string `json:"root"`
			Bytes       int64  `json:"bytes"`
			Checkpoints int    `json:"checkpoints"`
			Signed      int64  `json:"signed"`
			Aside       string `json:"aside,omitempty"`
		}{r.Head.Size, r.Head.Root.String(), r.Bytes, r.Checkpoints, r.Signed.Size, aside})
	}
	fmt.Fprintf(s.out, "Made anew: %d entries, %d bytes. Their root is %s, which is what the store had acknowledged.\n", r.Head.Size, r.Bytes, r.Head.Root)
	fmt.Fprintf(s.out, "%d signed checkpoints of the store match; the newest covers %d entries. The signature of each batch behind it holds.\n", r.Checkpoints, r.Signed.Size)
	if aside != "" {
		fmt.Fprintf(s.out, "What was there is kept as %s.\n", aside)
	}
	fmt.Fprintf(s.out, "Next: weir serve --config %s\n", c.Config)
	return nil
}

// unused reports whether no process has the ledger in dir open.
func unused(dir string, o ledger.Options) error {
	l, err := ledger.Open(dir, o)
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, ledger.ErrLocked) {
		return fmt.Errorf("%w: stop weir serve first", err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil // whatever is wrong with it, it is to be replaced
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/store/postgres"
	"github.com/getweir/weir/store/sqlite"
)

// storeConfig says where nodes keep what they share. Without it a node keeps all
// of it in its state folder, and is alone.
type storeConfig struct {
	// Postgres is the connection string of a PostgreSQL database that weir store
	// init has prepared: postgres://user@host/database?sslmode=verify-full.
	Postgres string `yaml:"postgres"`
	// PasswordFile holds the password, if it is not to stand in the string.
	PasswordFile string `yaml:"password-file"`
	// Patience is how long the ledger waits for a store that does not answer
	// before the server ends; nothing is released meanwhile. Default: 2m.
	Patience time.Duration `yaml:"patience"`
	// Refresh is how long the node may be without word from the store before it lets
	// nothing through; it asks four times as often. Default: 1s.
	Refresh time.Duration `yaml:"refresh"`
}

func (c storeConfig) shared() bool { return c.Postgres != "" }

func (c storeConfig) check() error {
	switch {
	case c.Postgres == "" && c != (storeConfig{}):
		return errors.New("store: postgres, a connection string, belongs to it")
	case c.Postgres != "" && !strings.HasPrefix(c.Postgres, "postgres://") && !strings.HasPrefix(c.Postgres, "postgresql://"):
		return errors.New("store.postgres: must be a connection string, such as postgres://weir@db.internal/weir?sslmode=verify-full")
	case c.Refresh != 0 && (c.Refresh < 100*time.Millisecond || c.Refresh > time.Minute):
		return errors.New("store.refresh: must be a span from 100ms to 1m; so long may a hold take to act on this node")
	case c.Patience < 0:
		return errors.New("store.patience: must be a span such as 2m")
	}
	return nil
}

// postgres gives what the store's functions take.
func (c storeConfig) postgres(node string, log *slog.Logger) (postgres.Config, error) {
	pc := postgres.Config{URL: c.Postgres, Node: node, Log: log}
	if c.PasswordFile != "" {
		b, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return pc, fmt.Errorf("store.password-file: %w", err)
		}
		if pc.Password = strings.TrimSpace(string(b)); pc.Password == "" {
			return pc, fmt.Errorf("store.password-file: %s is empty", c.PasswordFile)
		}
	}
	return pc, nil
}

// subjectsFile is the subject directory of a node that shares none.
const subjectsFile = "subjects.db"

// openShared opens the store that cfg names, and the subject directory in it.
func openShared(ctx context.Context, cfg *config, log *slog.Logger) (*postgres.Store, *directory.Directory, error) {
	key, err := readHexKey(filepath.Join(cfg.State, "keys/subjects.key"))
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.State, subjectsFile)); err == nil {
		return nil, nil, fmt.Errorf("%s is there, and weir.yaml names a shared store: move what it holds there with: weir store init", filepath.Join(cfg.State, subjectsFile))
	}
	pc, err := cfg.Store.postgres(cfg.Node, log)
	if err != nil {
		return nil, nil, usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	s, err := postgres.Open(ctx, pc)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, postgres.ErrForeign) {
		return nil, nil, fmt.Errorf("%w. Prepare it with: weir store init", err)
	}
	if err != nil {
		return nil, nil, err
	}
	return s, s.Subjects(key), nil
}

type storeCommand struct {
	Init  storeInitCommand  `cmd:"" help:"Prepare the database that weir.yaml names, or bring it up to date."`
	Check storeCheckCommand `cmd:"" help:"Say what the shared store holds, and whether it can be relied on."`
	// Accept is for what no node can tell any more.
	Accept storeAcceptCommand `cmd:"" help:"Say that a node which is missed is gone for good."`
}

type storeInitCommand struct {
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration. Default: weir.yaml."`
	Owner  string `help:"Connection string of the role that owns the schema, where the node's own may not make it." placeholder:"URL"`
	Grant  string `help:"Give this role the rights that a node needs, and no others." placeholder:"ROLE"`
}

func (storeInitCommand) Help() string {
	return `Makes the schema weir in the PostgreSQL database that weir.yaml names under store:, or brings an older one up to date; then moves this node's own subject directory there, if it has one. Call it once on every node, while weir serve does not run there. What is in the store already stays as it is.

All nodes of one store need the same keys/subjects.key in their state folders: copy it from the first. Each needs a name of its own (weir init --node).

With --owner the schema belongs to another role, and the nodes' role, named by --grant, may add to ledgers and not change or remove what is in them.

Examples:
  weir store init
  weir store init --owner "postgres://owner@db.internal/weir?sslmode=verify-full" --grant weir_node`
}

func (c *storeInitCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	if !cfg.Store.shared() {
		return usageError{fmt.Errorf("%s names no store. Add to it:\nstore:\n  postgres: postgres://weir@db.internal/weir?sslmode=verify-full", c.Config)}
	}
	pc, err := cfg.Store.postgres(cfg.Node, nil)
	if err != nil {
		return usageError{err}
	}
	owner := pc
	if c.Owner != "" {
		owner = postgres.Config{URL: c.Owner, Node: cfg.Node}
	}
	err = postgres.Create(s.ctx, owner)
	made := "made"
	if errors.Is(err, fs.ErrExist) {
		made = "up to date"
		err = postgres.Upgrade(s.ctx, owner)
	}
	if err != nil {
		return err
	}
	if c.Grant != "" {
		if err := postgres.Grant(s.ctx, owner, c.Grant); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "The schema weir is %s.\n", made)
	return c.moveSubjects(s, cfg, pc)
}

// moveSubjects puts the rows of the node's own directory into the shared one, and
// the file aside.
func (c *storeInitCommand) moveSubjects(s *streams, cfg *config, pc postgres.Config) error {
	path := filepath.Join(cfg.State, subjectsFile)
	from, own, err := openSubjects(cfg.State)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() {
		if from != nil {
			from.Close()
		}
	}()
	if err := holdsNoVault(s.ctx, from); err != nil {
		return err
	}
	to, err := postgres.Open(s.ctx, pc)
	if err != nil {
		return err
	}
	defer to.Close()
	key, err := readHexKey(filepath.Join(cfg.State, "keys/subjects.key"))
	if err != nil {
		return err
	}
	// Both must be hashed under this key; asking for anybody says so.
	nobody := weir.Identifier{Kind: "nobody", Value: weir.NewPlain("nobody")}
	for _, d := range []*directory.Directory{own, to.Subjects(key)} {
		_, _, err := d.Lookup(s.ctx, nobody)
		if errors.Is(err, directory.ErrKey) {
			return fmt.Errorf("the shared store was begun with another keys/subjects.key than the one in %s: copy it from the first node (%w)", cfg.State, err)
		}
		if err != nil {
			return err
		}
	}
	var added, there, other int
	err = from.Rows(s.ctx, func(rows []directory.Row) error {
		n, same, err := to.Import(s.ctx, rows)
		added, there, other = added+n, there+same, other+len(rows)-n-same
		return err
	})
	if err != nil {
		return err
	}
	err = from.Close()
	from = nil
	if err != nil {
		return err
	}
	aside := path + ".moved"
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The node's own subject directory is moved there: %d identifiers added, %d were there. It stands aside as %s: delete it, since it would bring back whoever is erased.\n", added, there, aside)
	if other > 0 {
		fmt.Fprintf(s.out, "%d identifiers had another pseudonym there, which stays: on this node's ledger they go by two names, and count as two customers until the windows have passed.\n", other)
	}
	return nil
}

// holdsNoVault refuses to leave customers' records behind in a file that is put
// aside.
func holdsNoVault(ctx context.Context, from *sqlite.Store) error {
	v, err := from.Vault(ctx)
	if err != nil {
		return err
	}
	there, err := v.Exists(ctx)
	if err == nil && there {
		err = errors.New("this node's own store holds a vault, which is not moved to a shared one: nothing was moved, and weir.yaml has to go on without store: until its customers are deleted there")
	}
	return err
}

type storeCheckCommand struct {
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration. Default: weir.yaml."`
	JSON   bool   `name:"json" help:"Print as JSON."`
}

func (storeCheckCommand) Help() string {
	return `Connects as weir serve does, and with the same demands: an encrypted way to another machine, a server that syncs what it commits. Lists the ledgers that it has copies of.

Examples:
  weir store check
  weir store check --json | jq .ledgers`
}

func (c *storeCheckCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	if !cfg.Store.shared() {
		return usageError{fmt.Errorf("%s names no store", c.Config)}
	}
	store, _, err := openShared(s.ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	about, err := store.About(s.ctx)
	if err != nil {
		return err
	}
	all, err := store.Ledgers(s.ctx)
	if err != nil {
		return err
	}
	nodes, err := store.Nodes(s.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if all == nil {
			all = []postgres.Ledger{}
		}
		if nodes == nil {
			nodes = []postgres.Node{}
		}
		return printJSON(s, struct {
			Server  string            `json:"server"`
			Ledgers []postgres.Ledger `json:"ledgers"`
			Nodes   []postgres.Node   `json:"nodes"`
		}{about, all, nodes})
	}
	fmt.Fprintln(s.out, about)
	if len(all) == 0 {
		fmt.Fprintln(s.out, "It has no ledger yet.")
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nLEDGER\tENTRIES\tBYTES\tCHECKPOINTS\tNODE\tIN USE\tNEWEST")
	for _, l := range all {
		used, newest := "no", "never"
		if l.Held {
			used = "yes"
		}
		if l.Acknowledged != nil {
			newest = l.Acknowledged.UTC().Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", l.Log, l.Entries, l.Bytes, l.Checkpoints, l.Holder, used, newest)
	}
	if len(nodes) > 0 {
		fmt.Fprintln(w, "\nNODE\tLEDGER\tPOLICY\tOF ALL\tLAST HEARD\tTOLD WHAT WAS TAKEN")
	}
	for _, n := range nodes {
		same, told := "yes", "yes"
		if !n.Same {
			same = "no"
		}
		if n.Missing {
			told = "no: nothing is released until it has, or weir store accept"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", n.Node, n.Log, n.Policy, same, n.Seen.Format("2006-01-02 15:04:05"), told)
	}
	return w.Flush()
}

type storeAcceptCommand struct {
	Ledger string `arg:"" help:"The ledger of the node that is gone, as weir store check lists it."`
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration of a node of the deployment. Default: weir.yaml."`
}

func (storeAcceptCommand) Help() string {
	return `When the database was put back to an older state, or its counts were lost, no node releases anything until each has told again what its ledger says was taken. A node that will never come back is missed for ever; this says that it is not to be waited for.

Whom that node let through in the time that the database has lost counts no more: for up to 30 days the bound is wider by so many. If its disk or its archive is left, bring the node back instead.

Example:
  weir store accept weir.example/node-3`
}

func (c *storeAcceptCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	if !cfg.Store.shared() {
		return usageError{fmt.Errorf("%s names no store", c.Config)}
	}
	store, _, err := openShared(s.ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Accept(s.ctx, c.Ledger); err != nil {
		return fmt.Errorf("%w. The names stand in: weir store check", err)
	}
	fmt.Fprintf(s.out, "%s is not waited for any more.\n", c.Ledger)
	return nil
}

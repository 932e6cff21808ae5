package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
	"github.com/getweir/weir/store/postgres"
	"github.com/getweir/weir/store/sqlite"
	"github.com/getweir/weir/vault"
)

type vaultCommand struct {
	Init   vaultInitCommand   `cmd:"" help:"Begin a vault, and make its key file."`
	Status vaultStatusCommand `cmd:"" help:"Say what the vault holds, and under which keys."`
	Rotate vaultRotateCommand `cmd:"" help:"Give the vault a new key-encryption key."`
	Put    vaultPutCommand    `cmd:"" help:"Create or replace customers from JSON."`
	Get    vaultGetCommand    `cmd:"" help:"Read a customer, on record."`
	Match  vaultMatchCommand  `cmd:"" help:"Say whether a customer has a value, on record."`
	Delete vaultDeleteCommand `cmd:"" help:"Delete a customer."`
}

// vaultConfig says where the vault's keys are and what it keeps. Without it the
// keys are in keys/vault.keys in the state folder.
type vaultConfig struct {
	// Keys is the key file. Default: keys/vault.keys in the state folder.
	Keys string `yaml:"keys"`
	// PassphraseFile holds the passphrase of the key file. Default: the systemd
	// credential weir-vault, else the terminal.
	PassphraseFile string `yaml:"passphrase-file"`
	// Transit names a key of HashiCorp Vault or OpenBao, in place of a key file.
	Transit *vault.Transit `yaml:"transit"`
	// Tenant names whose customers these are. Default: main.
	Tenant string `yaml:"tenant"`
	// Fields are kept beside the default ones.
	Fields []vault.Field `yaml:"fields"`
}

// vaultCredential is the systemd credential that holds the passphrase
// (LoadCredential= or LoadCredentialEncrypted= of systemd.exec(5)).
const vaultCredential = "weir-vault"

func (c *vaultConfig) check() error {
	if c.Transit == nil {
		return nil
	}
	if c.Keys != "" || c.PassphraseFile != "" {
		return errors.New("vault: keys and passphrase-file are for a key file, and transit is in its place")
	}
	if err := c.Transit.Check(); err != nil {
		return fmt.Errorf("vault.transit: %w", err)
	}
	return nil
}

func (c *vaultConfig) keyFile(state string) string {
	if c.Keys != "" {
		return c.Keys
	}
	return filepath.Join(state, "keys/vault.keys")
}

// passphrase reads the passphrase from where it is kept. twice asks a person for
// it two times.
func (c *vaultConfig) passphrase(s *streams, twice bool) ([]byte, error) {
	from := c.PassphraseFile
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); from == "" && dir != "" {
		if path := filepath.Join(dir, vaultCredential); exists(path) {
			from = path
		}
	}
	if from != "" {
		b, err := os.ReadFile(from)
		if err != nil {
			return nil, fmt.Errorf("passphrase of the vault's keys: %w", err)
		}
		return []byte(strings.TrimRight(string(b), "\r\n")), nil
	}
	in, ok := s.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, usageError{fmt.Errorf("the passphrase of the vault's keys is needed: give a file with --passphrase-file or vault: passphrase-file: in weir.yaml, the systemd credential %s, or call this from a terminal", vaultCredential)}
	}
	ask := func(what string) ([]byte, error) {
		fmt.Fprint(s.err, what)
		b, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(s.err)
		return b, err
	}
	first, err := ask("Passphrase of the vault's keys: ")
	if err != nil || !twice {
		return first, err
	}
	second, err := ask("Once more: ")
	if err == nil && string(first) != string(second) {
		err = usageError{errors.New("the two are not the same")}
	}
	return first, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// vaultFlags are those of every command of the vault.
type vaultFlags struct {
	Config         string `short:"c" default:"weir.yaml" type:"path" help:"The configuration. Default: weir.yaml."`
	PassphraseFile string `type:"path" help:"Where the passphrase of the key file is. Default: what weir.yaml says, the systemd credential weir-vault, or the terminal." placeholder:"FILE"`
}

// An openedVault is a vault, and what is closed with it.
type openedVault struct {
	*vault.Vault
	cfg     *config
	keyFile *vault.KeyFile // nil: a key service
	ledger  *ledger.Log    // nil: nothing is read or written
	stop    func() error
}

func (c *vaultFlags) load() (*config, error) {
	cfg, err := loadConfig(c.Config)
	if err == nil && c.PassphraseFile != "" {
		cfg.Vault.PassphraseFile = c.PassphraseFile
	}
	return cfg, err
}

// vaultParts gives the store and the directory of a vault, and what closes them.
func vaultParts(ctx context.Context, cfg *config) (vault.Store, *directory.Directory, io.Closer, error) {
	if cfg.Store.shared() {
		s, d, err := openShared(ctx, cfg, nil)
		if err != nil {
			return nil, nil, nil, err
		}
		return s.Vault(), d, s, nil
	}
	s, d, err := openSubjects(cfg.State)
	if err != nil {
		return nil, nil, nil, err
	}
	v, err := s.Vault(ctx)
	if err != nil {
		return nil, nil, nil, errors.Join(err, s.Close())
	}
	return v, d, s, nil
}

// vaultOptions gives what the policy allows the vault to store.
func vaultOptions(cfg *config) (vault.Config, error) {
	p, err := loadPolicy(cfg.Policy)
	if err != nil {
		return vault.Config{}, err
	}
	looks, err := looksPersonal()
	if err != nil {
		return vault.Config{}, err
	}
	return vault.Config{
		LooksPersonal: looks,
		Tenant:        cfg.Vault.Tenant, Fields: append(vault.DefaultFields(), cfg.Vault.Fields...),
		Allowed: func(class weir.Class) bool {
			_, ok := p.Class(class)
			return ok
		},
		Cards: cardsAllowed(p),
	}, nil
}

// looksPersonal gives what tells whether a card-shaped token would be taken for
// data where a card number stood.
func looksPersonal() (func(token string) bool, error) {
	in, err := inspect.New(inspect.Config{Unsure: true})
	if err != nil {
		return nil, err
	}
	return func(token string) bool {
		for _, seg := range []weir.Segment{
			{Syntax: weir.JSON, Body: fmt.Appendf(nil, `{"card_number":%q}`, token), Record: true},
			{Syntax: weir.Text, Body: []byte(token)},
		} {
			var r inspect.Report
			if err := in.Inspect(&r, &seg, nil); err != nil || len(r.Findings) > 0 {
				return true
			}
		}
		return false
	}, nil
}

// cardsAllowed tells whether a policy lets full card numbers be stored: it has to
// declare their class by its own name, and not only in a family.
func cardsAllowed(p *policy.Policy) bool {
	for _, c := range p.Classes() {
		if string(c.Name) == string(vault.ClassCard) {
			return true
		}
	}
	return false
}

// open opens the vault. With record it opens the ledger, too, which a running
// server does not let go of: what is read or written is on record, by one process.
func (c *vaultFlags) open(s *streams, record bool) (_ *openedVault, err error) {
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	o, err := vaultOptions(cfg)
	if err != nil {
		return nil, err
	}
	v := &openedVault{cfg: cfg}
	var closers []func() error
	v.stop = func() error {
		var errs []error
		for i := len(closers) - 1; i >= 0; i-- {
			errs = append(errs, closers[i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.stop())
		}
	}()
	if cfg.Vault.Transit != nil {
		o.Keys = cfg.Vault.Transit
	} else {
		path := cfg.Vault.keyFile(cfg.State)
		if !exists(path) {
			return nil, usageError{fmt.Errorf("there is no %s. Begin a vault with: weir vault init. If there was one, put the file back from its copy: without it nothing in the vault can be read", path)}
		}
		passphrase, err := cfg.Vault.passphrase(s, false)
		if err != nil {
			return nil, err
		}
		v.keyFile, err = vault.OpenKeyFile(path, passphrase)
		clear(passphrase)
		if err != nil {
			return nil, err
		}
		o.Keys = v.keyFile
	}
	if record {
		if v.ledger, err = v.openLedger(s, &closers); err != nil {
			return nil, err
		}
		o.Ledger = v.ledger
	}
	store, subjects, closer, err := vaultParts(s.ctx, cfg)
	if err != nil {
		return nil, err
	}
	closers = append(closers, closer.Close)
	o.Store, o.Directory = store, subjects
	v.Vault, err = vault.Open(s.ctx, o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usageError{fmt.Errorf("the store has no vault. Begin one with: weir vault init")}
	}
	return v, err
}

func (v *openedVault) openLedger(s *streams, closers *[]func() error) (*ledger.Log, error) {
	if v.cfg.Store.shared() {
		return nil, usageError{errors.New("where nodes share a store, customers are read and written through weir serve, whose ledger the store acknowledges")}
	}
	ring, err := readKeyring(v.cfg.State)
	if err != nil {
		return nil, err
	}
	o := ring.options()
	o.Node = v.cfg.Node
	log, err := ledger.Open(filepath.Join(v.cfg.State, "ledger"), o)
	if errors.Is(err, ledger.ErrLocked) {
		return nil, fmt.Errorf("weir serve has the ledger, on which this has to be recorded: stop it first (%w)", err)
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(s.ctx))
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	*closers = append(*closers, func() error {
		stop()
		return errors.Join(<-ended, log.Close())
	})
	return log, nil
}

// close closes all of it, and adds what fails to err.
func (v *openedVault) close(err *error) { *err = errors.Join(*err, v.stop()) }

var (
	_ guard.Resolver = (*vault.Vault)(nil)

	_ vault.Store = (*sqlite.Vault)(nil)
	_ vault.Store = (*postgres.Vault)(nil)
)

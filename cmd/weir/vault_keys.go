package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir/vault"
)

type vaultInitCommand struct {
	vaultFlags
}

func (vaultInitCommand) Help() string {
	return `Begins a vault in the store that weir.yaml names: the state folder's own, or the PostgreSQL that nodes share. Customers' values are encrypted there one by one, each customer's under a key of its own; what wraps those keys is either

  a key file, keys/vault.keys in the state folder, sealed by a passphrase that is hashed 600,000 times (PBKDF2-HMAC-SHA-256), or
  a key of the transit engine of HashiCorp Vault or OpenBao, which never leaves it: vault: transit: in weir.yaml.

Keep a copy of the key file, and the passphrase, apart from the copies of the store: with both together everything can be read, without them nothing. On other nodes of a shared store copy the key file from the first; do not call init again.

The passphrase is read from --passphrase-file, from vault: passphrase-file: in weir.yaml, from the systemd credential weir-vault (LoadCredentialEncrypted=), or from the terminal.

Examples:
  weir vault init
  systemd-creds encrypt --name=weir-vault - /etc/credstore.encrypted/weir-vault   # then start it with LoadCredentialEncrypted=weir-vault`
}

func (c *vaultInitCommand) Run(s *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	o, err := vaultOptions(cfg)
	if err != nil {
		return err
	}
	store, subjects, closer, err := vaultParts(s.ctx, cfg)
	if err != nil {
		return err
	}
	defer closer.Close()
	o.Store, o.Directory = store, subjects
	path := cfg.Vault.keyFile(cfg.State)
	if cfg.Vault.Transit != nil {
		o.Keys = cfg.Vault.Transit
	} else if o.Keys, err = c.keys(s, cfg, path); err != nil {
		return err
	}
	if err := vault.Create(s.ctx, o); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w. To look at it: weir vault status", err)
	} else if err != nil {
		return err
	}
	v, err := vault.Open(s.ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The vault of tenant %s has begun.\n", v.Tenant())
	if cfg.Vault.Transit == nil {
		fmt.Fprintf(s.out, "Its key-encryption key is in %s: keep a copy of it and the passphrase, apart from copies of the store.\n", path)
	}
	stored := map[string]bool{}
	for _, f := range v.Fields() {
		stored[f.Name] = true
	}
	for _, f := range append(vault.DefaultFields(), cfg.Vault.Fields...) {
		switch {
		case stored[f.Name]:
		case f.Class == vault.ClassCard:
			fmt.Fprintf(s.out, "Field %s is not kept: the policy has to declare %s by that name.\n", f.Name, f.Class)
		default:
			fmt.Fprintf(s.out, "Field %s is not kept: the policy does not declare %s.\n", f.Name, f.Class)
		}
	}
	return nil
}

// keys makes the key file, or takes one that an init which was cut short has left.
func (c *vaultInitCommand) keys(s *streams, cfg *config, path string) (vault.Keys, error) {
	fresh := !exists(path)
	passphrase, err := cfg.Vault.passphrase(s, fresh)
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	if fresh {
		return vault.CreateKeyFile(path, passphrase, 0)
	}
	return vault.OpenKeyFile(path, passphrase)
}

type vaultStatusCommand struct {
	vaultFlags
	JSON bool `name:"json" help:"Print as JSON."`
}

func (vaultStatusCommand) Help() string {
	return `Says how many customers there are, under which versions of the key-encryption key their keys are wrapped, and which fields may be written by the policy in force. It reads no value, and may be called while weir serve runs.

Examples:
  weir vault status
  weir vault status --json | jq .keys`
}

type vaultVersion struct {
	Version   int   `json:"version"`
	Customers int64 `json:"customers"`
	Newest    bool  `json:"newest"`
}

func (c *vaultStatusCommand) Run(s *streams) (err error) {
	v, err := c.open(s, false)
	if err != nil {
		return err
	}
	defer v.close(&err)
	counts, newest, err := v.Keys(s.ctx)
	if err != nil {
		return err
	}
	if _, ok := counts[newest]; !ok {
		counts[newest] = 0
	}
	versions := []vaultVersion{}
	total := int64(0)
	for _, n := range slices.Sorted(maps.Keys(counts)) {
		versions = append(versions, vaultVersion{n, counts[n], n == newest})
		total += counts[n]
	}
	type field struct {
		Name   string `json:"name"`
		Class  string `json:"class"`
		Kind   string `json:"kind,omitempty"`
		Unique bool   `json:"unique"`
		Many   bool   `json:"many"`
	}
	fields := []field{}
	for _, f := range v.Fields() {
		fields = append(fields, field{f.Name, string(f.Class), f.Kind, f.Unique, f.Many})
	}
	if c.JSON {
		return printJSON(s, struct {
			Tenant    string         `json:"tenant"`
			Customers int64          `json:"customers"`
			Keys      []vaultVersion `json:"keys"`
			Fields    []field        `json:"fields"`
		}{v.Tenant(), total, versions, fields})
	}
	fmt.Fprintf(s.out, "The vault of tenant %s holds %d customers.\n\n", v.Tenant(), total)
	if err := table(s, "KEY VERSION\tCUSTOMERS\t", func(row func(...any)) {
		for _, one := range versions {
			note := ""
			switch {
			case one.Newest:
				note = "the newest"
			case one.Customers > 0:
				note = "weir vault rotate brings them under the newest"
			}
			row(one.Version, one.Customers, note)
		}
	}); err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	return table(s, "FIELD\tCLASS\tFOUND BY\tUNIQUE\tSEVERAL", func(row func(...any)) {
		for _, f := range fields {
			row(f.Name, f.Class, f.Kind, yesNo(f.Unique), yesNo(f.Many))
		}
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type vaultRotateCommand struct {
	vaultFlags
	Reencrypt bool `help:"Give every customer a new data key, too, and encrypt the values anew."`
	New       bool `help:"Make another version even if customers are left under older ones."`
	JSON      bool `name:"json" help:"Print as JSON."`
}

func (vaultRotateCommand) Help() string {
	return `Makes a new version of the key-encryption key and wraps every customer's key anew under it; values stay as they are. If an earlier call was cut short it goes on with that and makes no version. It may be called while weir serve runs, which reads and writes on, and may be interrupted at any time.

With --reencrypt each customer gets a new data key and every value is encrypted anew: for when somebody may have had both the store and the keys. Tokens stay as they are.

Old versions stay in the key file, since copies of the store need them. With a transit engine the service makes the version; the token needs update on keys/NAME/rotate. When all is done, raise min_decryption_version there, if no copy of the store is to be read any more.

Examples:
  weir vault rotate
  weir vault rotate --reencrypt
  weir vault status                 # what is left under older versions`
}

func (c *vaultRotateCommand) Run(s *streams) (err error) {
	v, err := c.open(s, false)
	if err != nil {
		return err
	}
	defer v.close(&err)
	counts, newest, err := v.Keys(s.ctx)
	if err != nil {
		return err
	}
	left := int64(0)
	for version, n := range counts {
		if version < newest {
			left += n
		}
	}
	switch {
	case left > 0 && !c.New:
		fmt.Fprintf(s.err, "Going on: %d customers are left under older versions than %d.\n", left, newest)
	case v.keyFile != nil:
		if _, err := v.keyFile.Add(); err != nil {
			return err
		}
	default:
		if err := v.cfg.Vault.Transit.Add(s.ctx); err != nil {
			return fmt.Errorf("make a version: %w", err)
		}
	}
	began := time.Now()
	r := vault.Rotation{Reencrypt: c.Reencrypt}
	shown := false
	if f, ok := s.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		last := time.Time{}
		r.Progress = func(done, total int64) {
			if now := time.Now(); now.Sub(last) > 100*time.Millisecond {
				last, shown = now, true
				progress(s, "%d of %d customers", done, total)
			}
		}
	}
	done, err := v.Rotate(s.ctx, r)
	if shown {
		progress(s, "")
	}
	if err != nil {
		return fmt.Errorf("%w\n%d customers are done; the same command goes on", err, done.Done)
	}
	if c.JSON {
		return printJSON(s, struct {
			Version   int     `json:"version"`
			Customers int64   `json:"customers"`
			Seconds   float64 `json:"seconds"`
		}{done.Version, done.Done, time.Since(began).Seconds()})
	}
	fmt.Fprintf(s.out, "%d customers' keys are under version %d now (%s).\n", done.Done, done.Version, time.Since(began).Round(10*time.Millisecond))
	return nil
}

package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/ledger"
)

// Config is what a Vault is made of. Store, Keys, Directory and Ledger are needed
// to read and write; Create needs no Ledger.
type Config struct {
	Store Store
	Keys  Keys
	// Directory is the subject directory, in the same database as Store.
	Directory *directory.Directory
	// Ledger is whose permits are believed. nil: nobody reads.
	Ledger *ledger.Log
	// Tenant names whose customers these are. It is bound to every value and cannot
	// be changed. Create: "" is "main". Open: "" is whatever Create was given.
	Tenant string
	// Fields are what records may have; nil: DefaultFields.
	Fields []Field
	// Allowed tells whether the policy allows a class to be stored; nil: every
	// class. What is stored already can still be read, and erased.
	Allowed func(weir.Class) bool
	// Cards: full card numbers may be stored (PCI DSS v4.0.1, requirement 3). Codes
	// of verification never are.
	Cards bool
	// LooksPersonal tells whether a card-shaped token would be taken for data: for
	// another number of as many digits, whose check digits it happens to have. Then
	// another is made. nil: nobody looks. Tokens of the other shapes are known by
	// their form.
	LooksPersonal func(token string) bool
	// KeyTimeout bounds one question to Keys. Default 3 seconds.
	KeyTimeout time.Duration
	// CachedKeys is how many data keys are remembered, about 2 KB each, and KeyLife
	// for how long. Defaults: 10,000; 5 minutes. Negative: none.
	CachedKeys int
	KeyLife    time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// A Vault keeps customers' records. Its methods may be called concurrently.
type Vault struct {
	store     Store
	ring      keyring
	directory *directory.Directory
	ledger    *ledger.Log
	tenant    string
	fields    *schema // that may be written
	declared  *schema // that may be read
	cards     bool
	allowed   func(weir.Class) bool
	looks     func(token string) bool
	now       func() time.Time
	roots     roots
	index     map[weir.Class][]byte // keys of the blind index
	cursors   sealer
	tokens    tokenKeys
}

// head is what stands in the store under metaName.
type head struct {
	Format string `json:"format"`
	Tenant string `json:"tenant"`
	KEK    int    `json:"kek"`
	Root   []byte `json:"root"` // wrapped
}

const (
	headFormat = "weir vault 1"
	metaName   = "vault"
)

func (c *Config) fill() error {
	if c.Store == nil || c.Keys == nil || c.Directory == nil {
		return errors.New("store, keys and directory are all needed")
	}
	if c.Fields == nil {
		c.Fields = DefaultFields()
	}
	if c.KeyTimeout <= 0 {
		c.KeyTimeout = 3 * time.Second
	}
	if c.CachedKeys == 0 {
		c.CachedKeys = 10_000
	}
	if c.KeyLife <= 0 {
		c.KeyLife = 5 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if strings.ContainsRune(c.Tenant, 0) || len(c.Tenant) > 256 {
		return fmt.Errorf("%w: the name of a tenant has at most 256 bytes, none of them zero", ErrInput)
	}
	return nil
}

// Create begins a vault in c.Store. It fails with an error that is fs.ErrExist
// where there is one.
func Create(ctx context.Context, c Config) error {
	if err := create(ctx, c); err != nil {
		return fmt.Errorf("create vault: %w", err)
	}
	return nil
}

func create(ctx context.Context, c Config) error {
	if err := c.fill(); err != nil {
		return err
	}
	if c.Tenant == "" {
		c.Tenant = "main"
	}
	if was, err := c.Store.Meta(ctx, metaName); err != nil {
		return err
	} else if was != nil {
		return fmt.Errorf("%w: the store has a vault", fs.ErrExist)
	}
	ring := keyring{keys: c.Keys, timeout: c.KeyTimeout}
	wrapped, version, err := ring.wrap(ctx, randomBytes(keySize))
	if err != nil {
		return err
	}
	text, err := json.Marshal(head{headFormat, c.Tenant, version, wrapped[0]})
	if err != nil {
		return err
	}
	done, err := c.Store.SetMeta(ctx, metaName, nil, text)
	if err == nil && !done {
		err = fmt.Errorf("%w: the store has a vault", fs.ErrExist)
	}
	return err
}

// Open opens what Create began. It fails with an error that is fs.ErrNotExist
// where there is none, with ErrWrongKey where c.Keys are another vault's, and
// changes nothing.
func Open(ctx context.Context, c Config) (*Vault, error) {
	v, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	return v, nil
}

func open(ctx context.Context, c Config) (*Vault, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	v := &Vault{
		store: c.Store, directory: c.Directory, ledger: c.Ledger, cards: c.Cards, allowed: c.Allowed, looks: c.LooksPersonal, now: c.Now,
		ring: keyring{keys: c.Keys, timeout: c.KeyTimeout, cache: keyCache{limit: c.CachedKeys, life: c.KeyLife}},
	}
	h, _, err := v.head(ctx)
	if err != nil {
		return nil, err
	}
	if c.Tenant != "" && c.Tenant != h.Tenant {
		return nil, fmt.Errorf("%w: the vault is tenant %q's, not %q's", ErrInput, h.Tenant, c.Tenant)
	}
	v.tenant = h.Tenant
	if v.fields, err = newSchema(c.Fields, c.Allowed, c.Cards); err != nil {
		return nil, err
	}
	if v.declared, err = newSchema(c.Fields, nil, true); err != nil {
		return nil, err
	}
	root, err := v.ring.unwrap(ctx, h.KEK, h.Root)
	if err != nil {
		return nil, err
	}
	if len(root[0]) != keySize {
		return nil, fmt.Errorf("%w: the root key has another length", ErrDamaged)
	}
	v.roots = roots{root[0]}
	v.index = make(map[weir.Class][]byte)
	for _, f := range v.declared.fields {
		if f.Kind == "" || v.index[f.Class] != nil {
			continue
		}
		if v.index[f.Class], err = v.roots.derive("blind index", string(f.Class)); err != nil {
			return nil, err
		}
	}
	if v.cursors, err = v.roots.sealer("cursors"); err != nil {
		return nil, err
	}
	return v, v.tokens.open(v.roots)
}

// head reads what Create wrote, and gives its bytes, too.
func (v *Vault) head(ctx context.Context) (h head, text []byte, err error) {
	text, err = v.store.Meta(ctx, metaName)
	if err != nil {
		return h, nil, err
	}
	if text == nil {
		return h, nil, fmt.Errorf("%w: the store has no vault", fs.ErrNotExist)
	}
	if err := json.Unmarshal(text, &h); err != nil || h.Format != headFormat {
		return h, nil, fmt.Errorf("%w: its head is not one of this version", ErrDamaged)
	}
	return h, bytes.Clone(text), nil
}

// Tenant tells whose customers these are.
func (v *Vault) Tenant() string { return v.tenant }

// Fields gives the fields that may be written now, by name.
func (v *Vault) Fields() (all []Field) {
	for _, n := range v.fields.names {
		all = append(all, v.fields.fields[n])
	}
	return all
}

// Run forgets data keys when their time has come, until ctx ends, and returns nil
// then. Without it they are forgotten when others take their place or when they
// are asked for.
func (v *Vault) Run(ctx context.Context) error {
	tick := time.NewTicker(max(v.ring.cache.life/4, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			v.ring.cache.sweep(now)
		}
	}
}

// Resolve gives the pseudonym of each identifier, as the subject directory does:
// a customer's, for those that a record has. It is what guard asks for.
func (v *Vault) Resolve(ctx context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	return v.directory.Resolve(ctx, ids)
}

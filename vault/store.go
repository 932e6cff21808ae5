package vault

import (
	"context"
	"errors"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/directory"
)

// What callers compare. Errors name fields and customers' pseudonyms, never a
// value.
var (
	ErrNotFound = errors.New("the vault has no such customer")
	ErrExists   = errors.New("the vault has it already")
	// ErrVersion: the record was changed since it was read.
	ErrVersion = errors.New("the record has another version")
	// ErrInput: what was given cannot be stored.
	ErrInput = errors.New("this cannot be kept in the vault")
	// ErrDamaged: a row is not what the vault has written.
	ErrDamaged = errors.New("a row of the vault is damaged")
	// ErrKeys: the key-encryption keys cannot be had now. Nothing can be read
	// until they can.
	ErrKeys = errors.New("the vault's keys cannot be reached")
	// ErrWrongKey: the keys are not those of this vault.
	ErrWrongKey = errors.New("these are not the keys of this vault")
	// ErrToken: no token of that name can be opened. It was never made, or has
	// expired, was used, or belongs to another scope: which of these is not told.
	ErrToken = errors.New("the vault has no such token")
)

// A Store keeps the vault's rows. What a method has done is durable when it
// returns. Methods may be called concurrently.
type Store interface {
	// Meta gives what stands under a name, nil for nothing.
	Meta(ctx context.Context, name string) ([]byte, error)
	// SetMeta puts value under a name where was stands (nil: nothing), and tells
	// whether it did.
	SetMeta(ctx context.Context, name string, was, value []byte) (bool, error)

	// Apply carries out a change as one. It fails with ErrExists where a unique
	// mark or a new row is there already, and with ErrVersion where the row's
	// revision is another.
	Apply(ctx context.Context, c *Change) error
	// Rows gives the rows of subjects that have one, in no order.
	Rows(ctx context.Context, subjects []weir.Subject) ([]*Row, error)
	// Marked gives the subjects that have each mark. A mark nobody has is left out.
	Marked(ctx context.Context, marks []Mac) (map[Mac][]weir.Subject, error)
	// List gives up to limit rows in the order of their subjects, from behind after.
	List(ctx context.Context, after weir.Subject, limit int) ([]*Row, error)

	// Keys gives the wrapped keys of subjects that have one, in no order.
	Keys(ctx context.Context, subjects []weir.Subject) ([]WrappedKey, error)
	// Stale gives up to limit wrapped keys of versions before kek, in the order of
	// their subjects, from behind after.
	Stale(ctx context.Context, kek int, after weir.Subject, limit int) ([]WrappedKey, error)
	// Count tells how many keys there are of each version.
	Count(ctx context.Context) (map[int]int64, error)
	// Rewrap replaces keys, each where its old one still stands, and tells how
	// many it has.
	Rewrap(ctx context.Context, old, new []WrappedKey) (int, error)

	TokenStore
}

// TokenStore is the part of a Store that keeps tokens.
type TokenStore interface {
	// AddTokens adds rows whose Mac, and whose Same if it is not zero, is free, and
	// tells which it has added.
	AddTokens(ctx context.Context, rows []TokenRow) (added []bool, err error)
	// Tokens gives the rows of macs that have one, in no order.
	Tokens(ctx context.Context, macs []Mac) ([]TokenRow, error)
	// Same gives the rows of the same values, in no order.
	Same(ctx context.Context, same []Mac) ([]TokenRow, error)
	// UseToken removes a row, and tells whether it was this call that did.
	UseToken(ctx context.Context, mac Mac) (bool, error)
	// AddTokenPage adds a page; pages are never changed.
	AddTokenPage(ctx context.Context, p TokenPage) error
	// TokenPages gives the pages of ids that there are, in no order.
	TokenPages(ctx context.Context, ids [][8]byte) ([]TokenPage, error)
	// DropTokens removes up to limit rows and pages that expired before now (Unix
	// seconds), and tells how many.
	DropTokens(ctx context.Context, now int64, limit int) (int, error)
}

// A Mac is an HMAC-SHA-256.
type Mac = directory.Mac

// A Row is what a store keeps of a customer.
type Row struct {
	Subject   weir.Subject
	Version   int64 // of the content; begins with 1
	Revision  int64 // of the row; each change takes another. Begins with 1
	Residence string
	Created   int64  // Unix nanoseconds
	Updated   int64  // Unix nanoseconds
	Aliases   []byte // older pseudonyms of the customer, 16 bytes each
	Cells     []byte
	Key       WrappedKey // kept apart from the rest
}

// A WrappedKey is a customer's data key, wrapped under version KEK of the
// key-encryption keys.
type WrappedKey struct {
	Subject weir.Subject
	KEK     int
	Wrapped []byte
}

// A Mark is an entry of the blind index.
type Mark struct {
	Mac    Mac
	Unique bool // nobody else may have it
}

// A Bind makes an identifier lead to the customer in the subject directory.
type Bind struct {
	Mac directory.Mac
	// Known: it may have led to somebody before, whom other nodes remember.
	Known bool
}

// A Change is what happens to one customer's rows, all of it or nothing.
type Change struct {
	Subject  weir.Subject
	Revision int64 // which the row must have; 0: there must be none
	Row      *Row  // the row afterwards; nil: key, row, marks and tokens are removed
	Rekey    bool  // its key is written, too; always for a new one
	Drop     []Mark
	Add      []Mark
	Unbind   []directory.Mac
	Bind     []Bind
}

// A TokenRow is one token.
type TokenRow struct {
	Mac     Mac          // of the token's text
	Same    Mac          // of the value in its scope, for deterministic ones; else zero
	Subject weir.Subject // whose value it is
	Counter int          // which try gave a free text
	Class   weir.Class
	Scope   string
	Shape   string
	Expires int64 // Unix seconds; 0: never
	Once    bool  // it can be opened one time
	Sealed  []byte
}

// A TokenPage holds many tokens that were made at once.
type TokenPage struct {
	ID      [8]byte
	Expires int64 // Unix seconds; 0: never
	Slots   []byte
}

// Package directory is the part of the subject directory that is the same in
// every store: it gives each identifier a random pseudonym and keeps it in a
// Table.
//
// An identifier is hashed under the directory's key (HMAC-SHA-256); the table
// has hashes and pseudonyms only. Callers who come together share one trip to
// the table, and what was resolved lately is remembered.
//
// It guarantees that one identifier has one pseudonym, however many callers
// bring it at once, and that a pseudonym which was erased through a Directory, or
// of whose erasure it was told by Forget, is given out by it no more.
//
// It does not hold identifiers, does not speak to any database, and cannot see
// what others erase unless it is told.
package directory

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/getweir/weir"
)

// ErrKey: the key is not 32 bytes long, or not the one that the directory was
// begun with.
var ErrKey = errors.New("key of the subject directory does not fit")

// ErrRow: a row of the table is not what was put there.
var ErrRow = errors.New("a row of the subject directory is malformed")

// A Mac is what the directory knows of an identifier: HMAC-SHA-256 (RFC 2104)
// under the directory's key over kind, a zero byte and value.
type Mac [sha256.Size]byte

// A Table keeps the rows. Its methods may be called concurrently.
type Table interface {
	// Find puts into found those of wanted that have a row.
	Find(ctx context.Context, wanted []Mac, found map[Mac]weir.Subject) error
	// Insert adds rows, passing over those whose Mac has one already, and puts
	// into found what stands there for each. What it puts there is durable.
	Insert(ctx context.Context, rows []Row, found map[Mac]weir.Subject) error
	// Delete removes the row of k, if there is one, and what is left of it.
	Delete(ctx context.Context, k Mac) error
	// Check gives what the directory was begun with, which is proof if it is new.
	Check(ctx context.Context, proof []byte) ([]byte, error)
}

// A Row links an identifier to its pseudonym.
type Row struct {
	Mac     Mac
	Subject weir.Subject
}

// ReadRow reads a row as a database gives it.
func ReadRow(mac, subject []byte) (Row, error) {
	if len(mac) != len(Mac{}) || len(subject) != len(weir.Subject{}) {
		return Row{}, ErrRow
	}
	return Row{Mac(mac), weir.Subject(subject)}, nil
}

// Directory is the subject directory. Its methods may be called concurrently.
// Where several of them, in one process or many, use one table, each has to be
// told by Forget what another one erases, or must not be trusted.
type Directory struct {
	table  Table
	bad    error     // why the key cannot be used
	macs   sync.Pool // *macer
	cached cache
	// distrusted keeps the cache from being used.
	distrusted atomic.Bool

	// writer holds a token while somebody writes.
	writer chan struct{}
	// checked is set once the key was compared with the table's.
	checked atomic.Bool

	mu    sync.Mutex
	round *round // those who wait for the next trip to the table; nil: nobody
}

// A round is one trip for everybody who came while the one before was under way.
type round struct {
	macs map[Mac]weir.Subject // zero until the round is done
	done chan struct{}
	err  error // set before done is closed
}

// New gives the directory in table, with identifiers hashed under key: 32 bytes
// that are kept apart from the table. A key of another length, or another key
// than the directory was begun with, makes every method fail with ErrKey: under
// a different key every customer would be somebody new, and every budget whole.
func New(table Table, key []byte) *Directory {
	d := &Directory{table: table, writer: make(chan struct{}, 1)}
	if len(key) != 32 {
		d.bad = fmt.Errorf("%w: it has %d bytes, not 32", ErrKey, len(key))
	}
	key = bytes.Clone(key)
	d.macs.New = func() any { return &macer{hash: hmac.New(sha256.New, key)} }
	return d
}

// Distrust keeps d from giving out what it remembers: every question goes to the
// table until Trust is called, which is when d is told of every erasure again.
func (d *Directory) Distrust() {
	d.distrusted.Store(true)
	d.cached.forgetAll()
}

// Trust ends what Distrust began.
func (d *Directory) Trust() {
	d.cached.forgetAll()
	d.distrusted.Store(false)
}

// Forget is told of an erasure by somebody else.
func (d *Directory) Forget(k Mac) { d.cached.forget(k) }

func (d *Directory) remembered(k Mac) (weir.Subject, bool) {
	if d.distrusted.Load() {
		return weir.Subject{}, false
	}
	return d.cached.get(k)
}

// A macer hashes identifiers without allocating.
type macer struct {
	hash hash.Hash
	text []byte
	sum  Mac
}

var errIdentifier = errors.New("identifier has no kind, no value, or a zero byte in its kind")

func (m *macer) mac(id weir.Identifier) (out Mac, err error) {
	value := id.Value.Reveal()
	if id.Kind == "" || value == "" || strings.IndexByte(id.Kind, 0) >= 0 {
		return out, errIdentifier
	}
	m.text = append(append(append(m.text[:0], id.Kind...), 0), value...)
	m.hash.Reset()
	m.hash.Write(m.text)
	clear(m.text) // personal: it shall not outlive the call in the pool
	m.hash.Sum(m.sum[:0])
	return m.sum, nil
}

func (d *Directory) mac(id weir.Identifier) (Mac, error) {
	m := d.macs.Get().(*macer)
	defer d.macs.Put(m)
	return m.mac(id)
}

// Resolve gives the pseudonym of each identifier, in their order, and makes one
// up for each that is new. Everything that it gives is durable. However many
// callers bring the same new identifier at once, it gets one pseudonym. Callers
// who come together share a trip to the table, which the end of one caller's
// context does not undo.
func (d *Directory) Resolve(ctx context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	if d.bad != nil {
		return nil, fmt.Errorf("resolve subjects: %w", d.bad)
	}
	out := make([]weir.Subject, len(ids))
	var missing map[int]Mac
	m := d.macs.Get().(*macer)
	for i, id := range ids {
		k, err := m.mac(id)
		if err != nil {
			d.macs.Put(m)
			return nil, fmt.Errorf("resolve subjects: %w", err)
		}
		var ok bool
		if out[i], ok = d.remembered(k); !ok {
			if missing == nil {
				missing = make(map[int]Mac)
			}
			missing[i] = k
		}
	}
	d.macs.Put(m)
	if missing == nil {
		return out, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("resolve subjects: %w", err)
	}
	r, leads := d.join(missing)
	if leads {
		d.lead(context.WithoutCancel(ctx))
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("resolve subjects: %w", ctx.Err())
	}
	if r.err != nil {
		return nil, fmt.Errorf("resolve subjects: %w", r.err)
	}
	for i, k := range missing {
		out[i] = r.macs[k]
	}
	return out, nil
}

// join adds macs to the next round. Whoever opens the round leads it.
func (d *Directory) join(missing map[int]Mac) (r *round, leads bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.round == nil {
		d.round = &round{macs: make(map[Mac]weir.Subject), done: make(chan struct{})}
		leads = true
	}
	for _, k := range missing {
		d.round.macs[k] = weir.Subject{}
	}
	return d.round, leads
}

// lead waits for the round before, closes this one to others and carries it out.
func (d *Directory) lead(ctx context.Context) {
	d.writer <- struct{}{}
	defer func() { <-d.writer }()
	d.mu.Lock()
	r := d.round
	d.round = nil
	d.mu.Unlock()
	defer close(r.done)
	if r.err = d.checkKey(ctx); r.err != nil {
		return
	}
	erasures := d.cached.erasures.Load()
	if r.err = d.resolve(ctx, r.macs); r.err != nil {
		return
	}
	for k, s := range r.macs {
		d.cached.put(k, s, erasures)
	}
}

// checkKey compares the key with the one that the directory was begun with.
func (d *Directory) checkKey(ctx context.Context) error {
	if d.checked.Load() {
		return nil
	}
	m := d.macs.Get().(*macer)
	defer d.macs.Put(m)
	// No identifier has an empty kind, so that this is no identifier's mac.
	m.hash.Reset()
	m.hash.Write([]byte("\x00weir subject directory"))
	mine := m.hash.Sum(nil)
	kept, err := d.table.Check(ctx, mine)
	if err != nil {
		return err
	}
	if !hmac.Equal(mine, kept) {
		return fmt.Errorf("%w: the directory was begun with another", ErrKey)
	}
	d.checked.Store(true)
	return nil
}

// resolve fills in macs, from rows that are there and by new ones.
func (d *Directory) resolve(ctx context.Context, macs map[Mac]weir.Subject) error {
	wanted := make([]Mac, 0, len(macs))
	for k := range macs {
		wanted = append(wanted, k)
	}
	// After a restart most are known: reading costs no sync.
	if err := d.table.Find(ctx, wanted, macs); err != nil {
		return err
	}
	var fresh []Row
	for _, k := range wanted {
		if macs[k] == (weir.Subject{}) {
			row := Row{Mac: k}
			rand.Read(row.Subject[:])
			fresh = append(fresh, row)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := d.table.Insert(ctx, fresh, macs); err != nil {
		return err
	}
	for _, row := range fresh {
		if macs[row.Mac] == (weir.Subject{}) {
			return errors.New("a subject that was stored cannot be read")
		}
	}
	return nil
}

// Lookup gives the pseudonym of id, if it has one, and never makes one up.
func (d *Directory) Lookup(ctx context.Context, id weir.Identifier) (weir.Subject, bool, error) {
	s, ok, err := d.lookup(ctx, id)
	if err != nil {
		return weir.Subject{}, false, fmt.Errorf("look up subject: %w", err)
	}
	return s, ok, nil
}

func (d *Directory) lookup(ctx context.Context, id weir.Identifier) (s weir.Subject, ok bool, err error) {
	if d.bad != nil {
		return s, false, d.bad
	}
	k, err := d.mac(id)
	if err != nil {
		return s, false, err
	}
	if s, ok := d.remembered(k); ok {
		return s, true, nil
	}
	if err := d.checkKey(ctx); err != nil {
		return s, false, err
	}
	found := map[Mac]weir.Subject{}
	if err := d.table.Find(ctx, []Mac{k}, found); err != nil {
		return s, false, err
	}
	s, ok = found[k]
	return s, ok, nil
}

// Mac gives what the table knows id by, for whoever keeps rows of the table beside
// others in one transaction: the vault.
func (d *Directory) Mac(id weir.Identifier) (Mac, error) {
	if d.bad != nil {
		return Mac{}, d.bad
	}
	return d.mac(id)
}

// LookupAll gives the pseudonym of each identifier that has one, in their order,
// and the zero Subject for others. It asks the table once, and remembers nothing.
func (d *Directory) LookupAll(ctx context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	out, err := d.lookupAll(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("look up subjects: %w", err)
	}
	return out, nil
}

func (d *Directory) lookupAll(ctx context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	if d.bad != nil {
		return nil, d.bad
	}
	if len(ids) == 0 {
		return nil, nil
	}
	macs := make([]Mac, len(ids))
	for i, id := range ids {
		var err error
		if macs[i], err = d.mac(id); err != nil {
			return nil, err
		}
	}
	if err := d.checkKey(ctx); err != nil {
		return nil, err
	}
	found := make(map[Mac]weir.Subject, len(ids))
	if err := d.table.Find(ctx, macs, found); err != nil {
		return nil, err
	}
	out := make([]weir.Subject, len(ids))
	for i, m := range macs {
		out[i] = found[m]
	}
	return out, nil
}

// Erase removes the link between id and its pseudonym, from the table and from
// memory. Entries of the ledger about the pseudonym then lead to nobody, and id,
// if it comes again, gets another. Erasing what is not there is no error. After
// an error it must be called again: the link may be gone for readers but still
// stand somewhere.
func (d *Directory) Erase(ctx context.Context, id weir.Identifier) error {
	if err := d.erase(ctx, id); err != nil {
		return fmt.Errorf("erase subject: %w", err)
	}
	return nil
}

func (d *Directory) erase(ctx context.Context, id weir.Identifier) error {
	if d.bad != nil {
		return d.bad
	}
	k, err := d.mac(id)
	if err != nil {
		return err
	}
	select {
	case d.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.writer }()
	if err := d.checkKey(ctx); err != nil {
		return err
	}
	d.cached.forget(k)
	return d.table.Delete(ctx, k)
}

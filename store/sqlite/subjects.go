package sqlite

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/getweir/weir"
)

// A mac is what the directory knows of an identifier: HMAC-SHA-256 (RFC 2104)
// under the directory's key over kind, a zero byte and value.
type mac [sha256.Size]byte

// Subjects is the subject directory: it gives each identifier a random pseudonym
// and keeps it. The database holds no identifier, and without the key nobody can
// test a guess at one. Its methods may be called concurrently. A Store needs one
// Subjects: a second one would not see what the first erases from its cache.
type Subjects struct {
	store  *Store
	bad    error     // why the key cannot be used
	macs   sync.Pool // *macer
	cached cache

	// writer holds a token while somebody writes or fills the cache from the
	// database. So an erased pseudonym cannot return to the cache.
	writer chan struct{}
	// checked is set once the key was compared with the database's.
	checked atomic.Bool

	mu    sync.Mutex
	round *round // those who wait for the next transaction; nil: nobody
}

// A round is one transaction for everybody who came while the one before was
// under way.
type round struct {
	macs map[mac]weir.Subject // zero until the round is done
	done chan struct{}
	err  error // set before done is closed
}

// Subjects gives the directory, with identifiers hashed under key: 32 bytes that
// are kept apart from the database. A key of another length, or another key than
// the directory was begun with, makes every method fail with ErrKey: under a
// different key every customer would be somebody new, and every budget whole.
func (s *Store) Subjects(key []byte) *Subjects {
	d := &Subjects{store: s, writer: make(chan struct{}, 1)}
	if len(key) != 32 {
		d.bad = fmt.Errorf("%w: it has %d bytes, not 32", ErrKey, len(key))
	}
	key = bytes.Clone(key)
	d.macs.New = func() any { return &macer{hash: hmac.New(sha256.New, key)} }
	return d
}

// A macer hashes identifiers without allocating.
type macer struct {
	hash hash.Hash
	text []byte
	sum  mac
}

var errIdentifier = errors.New("identifier has no kind, no value, or a zero byte in its kind")

func (m *macer) mac(id weir.Identifier) (out mac, err error) {
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

func (d *Subjects) mac(id weir.Identifier) (mac, error) {
	m := d.macs.Get().(*macer)
	defer d.macs.Put(m)
	return m.mac(id)
}

// Resolve gives the pseudonym of each identifier, in their order, and makes one
// up for each that is new. Everything that it gives is durable. However many
// callers bring the same new identifier at once, it gets one pseudonym. Callers
// who come together share a transaction, which the end of one caller's context
// does not undo.
func (d *Subjects) Resolve(ctx context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	if d.bad != nil {
		return nil, fmt.Errorf("resolve subjects: %w", d.bad)
	}
	out := make([]weir.Subject, len(ids))
	var missing map[int]mac
	m := d.macs.Get().(*macer)
	for i, id := range ids {
		k, err := m.mac(id)
		if err != nil {
			d.macs.Put(m)
			return nil, fmt.Errorf("resolve subjects: %w", err)
		}
		var ok bool
		if out[i], ok = d.cached.get(k); !ok {
			if missing == nil {
				missing = make(map[int]mac)
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
func (d *Subjects) join(missing map[int]mac) (r *round, leads bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.round == nil {
		d.round = &round{macs: make(map[mac]weir.Subject), done: make(chan struct{})}
		leads = true
	}
	for _, k := range missing {
		d.round.macs[k] = weir.Subject{}
	}
	return d.round, leads
}

// lead waits for the round before, closes this one to others and carries it out.
func (d *Subjects) lead(ctx context.Context) {
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
	if r.err = d.resolve(ctx, r.macs); r.err != nil {
		return
	}
	for k, s := range r.macs {
		d.cached.put(k, s)
	}
}

// checkKey compares the key with the one that the directory was begun with.
func (d *Subjects) checkKey(ctx context.Context) error {
	if d.checked.Load() {
		return nil
	}
	m := d.macs.Get().(*macer)
	defer d.macs.Put(m)
	// No identifier has an empty kind, so that this is no identifier's mac.
	m.hash.Reset()
	m.hash.Write([]byte("\x00weir subject directory"))
	mine := m.hash.Sum(nil)
	var kept []byte
	err := d.store.write.QueryRowContext(ctx, `SELECT value FROM checks WHERE name = 'subjects'`).Scan(&kept)
	if errors.Is(err, sql.ErrNoRows) {
		err = d.store.write.QueryRowContext(ctx, `INSERT INTO checks (name, value) VALUES ('subjects', ?)
			ON CONFLICT (name) DO UPDATE SET name = name RETURNING value`, mine).Scan(&kept)
	}
	if err != nil {
		return err
	}
	if !hmac.Equal(mine, kept) {
		return fmt.Errorf("%w: the directory was begun with another", ErrKey)
	}
	d.checked.Store(true)
	return nil
}

// chunk is how many rows one statement handles. SQLite takes 32,766 parameters.
const chunk = 500

// resolve fills in macs, from rows that are there and by new ones.
func (d *Subjects) resolve(ctx context.Context, macs map[mac]weir.Subject) error {
	wanted := make([]mac, 0, len(macs))
	for k := range macs {
		wanted = append(wanted, k)
	}
	// After a restart most are known: reading costs no sync.
	if err := find(ctx, d.store.write, wanted, macs); err != nil {
		return err
	}
	fresh := wanted[:0]
	for _, k := range wanted {
		if macs[k] == (weir.Subject{}) {
			fresh = append(fresh, k)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	tx, err := d.store.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for rest := fresh; len(rest) > 0; {
		n := min(len(rest), chunk)
		if err := insert(ctx, tx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	// Read back: another process may have put one in since.
	if err := find(ctx, tx, fresh, macs); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, k := range fresh {
		if macs[k] == (weir.Subject{}) {
			return errors.New("a subject that was stored cannot be read")
		}
	}
	return nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// find fills in those of macs that have a row.
func find(ctx context.Context, q querier, wanted []mac, macs map[mac]weir.Subject) error {
	for len(wanted) > 0 {
		n := min(len(wanted), chunk)
		args := make([]any, n)
		for i := range n {
			args[i] = wanted[i][:]
		}
		wanted = wanted[n:]
		rows, err := q.QueryContext(ctx, `SELECT mac, subject FROM subjects WHERE mac IN (?`+strings.Repeat(`,?`, n-1)+`)`, args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var k, s sql.RawBytes
			if err := rows.Scan(&k, &s); err != nil {
				rows.Close()
				return err
			}
			if len(k) != len(mac{}) || len(s) != len(weir.Subject{}) {
				rows.Close()
				return errors.New("a row of the subject directory is malformed")
			}
			macs[mac(k)] = weir.Subject(s)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

func insert(ctx context.Context, tx *sql.Tx, macs []mac) error {
	random := make([]byte, len(macs)*len(weir.Subject{}))
	rand.Read(random)
	args := make([]any, 0, 2*len(macs))
	for i := range macs {
		args = append(args, macs[i][:], random[i*16:(i+1)*16])
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO subjects (mac, subject) VALUES (?,?)`+strings.Repeat(`,(?,?)`, len(macs)-1)+
		` ON CONFLICT (mac) DO NOTHING`, args...)
	return err
}

// Lookup gives the pseudonym of id, if it has one, and never makes one up.
func (d *Subjects) Lookup(ctx context.Context, id weir.Identifier) (weir.Subject, bool, error) {
	s, ok, err := d.lookup(ctx, id)
	if err != nil {
		return weir.Subject{}, false, fmt.Errorf("look up subject: %w", err)
	}
	return s, ok, nil
}

func (d *Subjects) lookup(ctx context.Context, id weir.Identifier) (s weir.Subject, ok bool, err error) {
	if d.bad != nil {
		return s, false, d.bad
	}
	k, err := d.mac(id)
	if err != nil {
		return s, false, err
	}
	if s, ok := d.cached.get(k); ok {
		return s, true, nil
	}
	if err := d.checkKey(ctx); err != nil {
		return s, false, err
	}
	var b []byte
	err = d.store.read.QueryRowContext(ctx, `SELECT subject FROM subjects WHERE mac = ?`, k[:]).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	if err == nil && len(b) != len(s) {
		err = errors.New("a row of the subject directory is malformed")
	}
	if err != nil {
		return s, false, err
	}
	return weir.Subject(b), true, nil
}

// Erase removes the link between id and its pseudonym, from the file, from its
// write-ahead log and from memory. Entries of the ledger about the pseudonym
// then lead to nobody, and id, if it comes again, gets another. Erasing what is
// not there is no error. After an error it must be called again: the link may
// be gone for readers but still stand in the write-ahead log.
func (d *Subjects) Erase(ctx context.Context, id weir.Identifier) error {
	if err := d.erase(ctx, id); err != nil {
		return fmt.Errorf("erase subject: %w", err)
	}
	return nil
}

func (d *Subjects) erase(ctx context.Context, id weir.Identifier) error {
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
	d.cached.delete(k)
	if _, err := d.store.write.ExecContext(ctx, `DELETE FROM subjects WHERE mac = ?`, k[:]); err != nil {
		return err
	}
	// secure_delete has overwritten the row in its page; the page as it was
	// before still stands in the write-ahead log until that is cut.
	var busy, pages, moved int
	if err := d.store.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("the write-ahead log is in use and still holds it")
	}
	return nil
}

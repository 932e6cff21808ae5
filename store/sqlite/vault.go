package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/vault"
)

// Vault is the vault's part of the store: vault.Store. It is in the file of the
// subject directory, so that a customer and what leads to them change at once.
type Vault struct {
	store   *Store
	commits *committer
}

// Vault gives it. A Store needs one.
func (s *Store) Vault(ctx context.Context) (*Vault, error) {
	v := &Vault{store: s, commits: newCommitter(s.write)}
	if err := v.commits.prepare(ctx, savepoint, rollbackTo, release, insertCustomer, updateCustomer, deleteCustomer,
		insertKey, updateKey, deleteKey, insertMark, deleteMark, bindSubject, unbindSubject, deleteTokens, deleteTokenValues, rewrapKey,
		insertToken, insertTokenValue, deleteToken, deleteTokenValue, insertTokenPage, setMeta, newMeta); err != nil {
		return nil, fmt.Errorf("open vault's store: %w", err)
	}
	return v, nil
}

const (
	insertCustomer = `INSERT INTO vault_customers (subject, version, revision, residence, created, updated, aliases, cells) VALUES (?,?,?,?,?,?,?,?)
		ON CONFLICT (subject) DO NOTHING`
	updateCustomer = `UPDATE vault_customers SET version = ?, revision = ?, residence = ?, updated = ?, aliases = ?, cells = ? WHERE subject = ? AND revision = ?`
	deleteCustomer = `DELETE FROM vault_customers WHERE subject = ? AND revision = ?`
	insertKey      = `INSERT INTO vault_keys (subject, kek, wrapped) VALUES (?,?,?) ON CONFLICT (subject) DO NOTHING`
	updateKey      = `UPDATE vault_keys SET kek = ?, wrapped = ? WHERE subject = ?`
	deleteKey      = `DELETE FROM vault_keys WHERE subject = ?`
	insertMark     = `INSERT INTO vault_index (mac, slot, subject) VALUES (?,?,?) ON CONFLICT (mac, slot) DO NOTHING`
	deleteMark     = `DELETE FROM vault_index WHERE mac = ? AND slot = ? AND subject = ?`
	bindSubject    = `INSERT INTO subjects (mac, subject) VALUES (?,?) ON CONFLICT (mac) DO UPDATE SET subject = excluded.subject`
	unbindSubject  = `DELETE FROM subjects WHERE mac = ? AND subject = ?`
	rewrapKey      = `UPDATE vault_keys SET kek = ?, wrapped = ? WHERE subject = ? AND wrapped = ?`
	newMeta        = `INSERT INTO vault_meta (name, value) VALUES (?,?) ON CONFLICT (name) DO NOTHING`
	setMeta        = `UPDATE vault_meta SET value = ? WHERE name = ? AND value = ?`
)

// Meta is that of vault.Store.
func (v *Vault) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = v.store.read.QueryRowContext(ctx, `SELECT value FROM vault_meta WHERE name = ?`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, wrapError("read vault", err)
}

// Exists tells whether the file holds customers' keys.
func (v *Vault) Exists(ctx context.Context) (there bool, err error) {
	err = v.store.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM vault_keys)`).Scan(&there)
	return there, wrapError("read vault", err)
}

// SetMeta is that of vault.Store.
func (v *Vault) SetMeta(ctx context.Context, name string, was, value []byte) (done bool, err error) {
	err = v.commits.write(ctx, func(run runner) error {
		var n int64
		var err error
		if was == nil {
			n, err = run.exec(newMeta, name, value)
		} else {
			n, err = run.exec(setMeta, value, name, was)
		}
		done = n == 1
		return err
	})
	return done && err == nil, wrapError("write vault", err)
}

func wrapError(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Apply is that of vault.Store.
func (v *Vault) Apply(ctx context.Context, c *vault.Change) error {
	err := v.commits.write(ctx, func(run runner) error { return apply(run, c) })
	if err == nil && len(c.Unbind)+len(c.Drop) > 0 && c.Row == nil {
		err = v.store.cut(ctx)
	}
	return wrapError("write vault", err)
}

// cut takes what was overwritten out of the write-ahead log.
func (s *Store) cut(ctx context.Context) error {
	var busy, pages, moved int
	if err := s.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("the write-ahead log is in use and still holds it")
	}
	return nil
}

func apply(run runner, c *vault.Change) error {
	if err := applyRow(run, c); err != nil {
		return err
	}
	slot := func(m vault.Mark) []byte {
		if m.Unique {
			return []byte{}
		}
		return c.Subject[:]
	}
	for _, m := range c.Drop {
		if _, err := run.exec(deleteMark, m.Mac[:], slot(m), c.Subject[:]); err != nil {
			return err
		}
	}
	for _, m := range c.Add {
		n, err := run.exec(insertMark, m.Mac[:], slot(m), c.Subject[:])
		if err != nil {
			return err
		}
		if n == 0 && m.Unique {
			return vault.ErrExists
		}
	}
	for _, m := range c.Unbind {
		if _, err := run.exec(unbindSubject, m[:], c.Subject[:]); err != nil {
			return err
		}
	}
	for _, b := range c.Bind {
		if _, err := run.exec(bindSubject, b.Mac[:], c.Subject[:]); err != nil {
			return err
		}
	}
	return nil
}

func applyRow(run runner, c *vault.Change) error {
	r := c.Row
	var n int64
	var err error
	switch {
	case r == nil:
		// The key first: without it the rest is noise.
		if _, err := run.exec(deleteKey, c.Subject[:]); err != nil {
			return err
		}
		if _, err := run.exec(deleteTokenValues, c.Subject[:]); err != nil {
			return err
		}
		if _, err := run.exec(deleteTokens, c.Subject[:]); err != nil {
			return err
		}
		n, err = run.exec(deleteCustomer, c.Subject[:], c.Revision)
	case c.Revision == 0:
		n, err = run.exec(insertCustomer, c.Subject[:], r.Version, r.Revision, r.Residence, r.Created, r.Updated, bytesOf(r.Aliases), r.Cells)
	default:
		n, err = run.exec(updateCustomer, r.Version, r.Revision, r.Residence, r.Updated, bytesOf(r.Aliases), r.Cells, c.Subject[:], c.Revision)
	}
	if err != nil {
		return err
	}
	if n != 1 {
		return vault.ErrVersion
	}
	if r == nil || !c.Rekey {
		return nil
	}
	if c.Revision == 0 {
		n, err = run.exec(insertKey, c.Subject[:], r.Key.KEK, r.Key.Wrapped)
	} else {
		n, err = run.exec(updateKey, r.Key.KEK, r.Key.Wrapped, c.Subject[:])
	}
	if err == nil && n != 1 {
		return vault.ErrVersion
	}
	return err
}

// bytesOf gives what a column that is never NULL takes.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// list gives a list of n parameters, each written as one.
func list(one string, n int) string { return one + strings.Repeat(","+one, n-1) }

const customerColumns = `SELECT c.subject, c.version, c.revision, c.residence, c.created, c.updated, c.aliases, c.cells, k.kek, k.wrapped
	FROM vault_customers c JOIN vault_keys k ON k.subject = c.subject `

func customers(rows *sql.Rows, err error) ([]*vault.Row, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*vault.Row
	for rows.Next() {
		r := new(vault.Row)
		var who []byte
		if err := rows.Scan(&who, &r.Version, &r.Revision, &r.Residence, &r.Created, &r.Updated, &r.Aliases, &r.Cells, &r.Key.KEK, &r.Key.Wrapped); err != nil {
			return nil, err
		}
		if r.Subject, err = subjectOf(who); err != nil {
			return nil, err
		}
		r.Key.Subject = r.Subject
		out = append(out, r)
	}
	return out, rows.Err()
}

func subjectOf(b []byte) (weir.Subject, error) {
	if len(b) != len(weir.Subject{}) {
		return weir.Subject{}, fmt.Errorf("%w: the name of a row is malformed", vault.ErrDamaged)
	}
	return weir.Subject(b), nil
}

// Rows is that of vault.Store.
func (v *Vault) Rows(ctx context.Context, subjects []weir.Subject) (out []*vault.Row, err error) {
	for len(subjects) > 0 {
		n := min(len(subjects), chunk)
		some, err := customers(v.store.ask(ctx, customerColumns+`WHERE c.subject IN (`+list("?", n)+`)`, subjectArgs(subjects[:n])...))
		if err != nil {
			return nil, wrapError("read vault", err)
		}
		out, subjects = append(out, some...), subjects[n:]
	}
	return out, nil
}

func subjectArgs(subjects []weir.Subject) []any {
	args := make([]any, len(subjects))
	for i := range subjects {
		args[i] = subjects[i][:]
	}
	return args
}

func macArgs(macs []vault.Mac) []any {
	args := make([]any, len(macs))
	for i := range macs {
		args[i] = macs[i][:]
	}
	return args
}

// Marked is that of vault.Store.
func (v *Vault) Marked(ctx context.Context, marks []vault.Mac) (map[vault.Mac][]weir.Subject, error) {
	found := make(map[vault.Mac][]weir.Subject)
	for len(marks) > 0 {
		n := min(len(marks), chunk)
		rows, err := v.store.ask(ctx, `SELECT mac, subject FROM vault_index WHERE mac IN (`+list("?", n)+`)`, macArgs(marks[:n])...)
		if err != nil {
			return nil, wrapError("read vault", err)
		}
		marks = marks[n:]
		err = pairs(rows, func(mac, subject []byte) error {
			who, err := subjectOf(subject)
			if err != nil || len(mac) != len(vault.Mac{}) {
				return vault.ErrDamaged
			}
			found[vault.Mac(mac)] = append(found[vault.Mac(mac)], who)
			return nil
		})
		if err != nil {
			return nil, wrapError("read vault", err)
		}
	}
	return found, nil
}

// pairs reads rows of two columns of bytes, and closes them.
func pairs(rows *sql.Rows, each func(a, b []byte) error) error {
	defer rows.Close()
	for rows.Next() {
		var a, b sql.RawBytes
		if err := rows.Scan(&a, &b); err != nil {
			return err
		}
		if err := each(a, b); err != nil {
			return err
		}
	}
	return rows.Err()
}

// List is that of vault.Store.
func (v *Vault) List(ctx context.Context, after weir.Subject, limit int) ([]*vault.Row, error) {
	out, err := customers(v.store.ask(ctx, customerColumns+`WHERE c.subject > ? ORDER BY c.subject LIMIT ?`, after[:], limit))
	return out, wrapError("read vault", err)
}

const keyColumns = `SELECT subject, kek, wrapped FROM vault_keys `

func wrappedKeys(rows *sql.Rows, err error) ([]vault.WrappedKey, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []vault.WrappedKey
	for rows.Next() {
		var k vault.WrappedKey
		var who sql.RawBytes
		if err := rows.Scan(&who, &k.KEK, &k.Wrapped); err != nil {
			return nil, err
		}
		if k.Subject, err = subjectOf(who); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// Keys is that of vault.Store.
func (v *Vault) Keys(ctx context.Context, subjects []weir.Subject) (out []vault.WrappedKey, err error) {
	for len(subjects) > 0 {
		n := min(len(subjects), chunk)
		some, err := wrappedKeys(v.store.ask(ctx, keyColumns+`WHERE subject IN (`+list("?", n)+`)`, subjectArgs(subjects[:n])...))
		if err != nil {
			return nil, wrapError("read vault", err)
		}
		out, subjects = append(out, some...), subjects[n:]
	}
	return out, nil
}

// Stale is that of vault.Store.
func (v *Vault) Stale(ctx context.Context, kek int, after weir.Subject, limit int) ([]vault.WrappedKey, error) {
	out, err := wrappedKeys(v.store.ask(ctx, keyColumns+`WHERE subject > ? AND kek < ? ORDER BY subject LIMIT ?`, after[:], kek, limit))
	return out, wrapError("read vault", err)
}

// Count is that of vault.Store.
func (v *Vault) Count(ctx context.Context) (map[int]int64, error) {
	rows, err := v.store.ask(ctx, `SELECT kek, count(*) FROM vault_keys GROUP BY kek`)
	if err != nil {
		return nil, wrapError("read vault", err)
	}
	defer rows.Close()
	counts := make(map[int]int64)
	for rows.Next() {
		var kek int
		var n int64
		if err := rows.Scan(&kek, &n); err != nil {
			return nil, wrapError("read vault", err)
		}
		counts[kek] = n
	}
	return counts, wrapError("read vault", rows.Err())
}

// Rewrap is that of vault.Store.
func (v *Vault) Rewrap(ctx context.Context, old, new []vault.WrappedKey) (done int, err error) {
	err = v.commits.write(ctx, func(run runner) error {
		done = 0
		for i := range old {
			n, err := run.exec(rewrapKey, new[i].KEK, new[i].Wrapped, old[i].Subject[:], old[i].Wrapped)
			if err != nil {
				return err
			}
			done += int(n)
		}
		return nil
	})
	return done, wrapError("write vault", err)
}

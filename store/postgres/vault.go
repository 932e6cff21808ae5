package postgres

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/getweir/weir"
	"github.com/getweir/weir/vault"
)

// Vault is the vault's part of the store: vault.Store. All nodes share it.
type Vault struct{ store *Store }

// Vault gives it.
func (s *Store) Vault() *Vault { return &Vault{s} }

// ask carries out do, again where it had to give way to another transaction
// (40001 and its class) or its connection broke. Whatever do does may be done
// twice: a change of a row is told from its repetition by the row's revision.
func (v *Vault) ask(ctx context.Context, doing string, do func(ctx context.Context) error) error {
	err := (*table)(v.store).ask(ctx, do)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

const (
	reading = "read vault"
	writing = "write vault"
)

// Meta is that of vault.Store.
func (v *Vault) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = v.ask(ctx, reading, func(ctx context.Context) error {
		err := v.store.pool.QueryRow(ctx, `SELECT value FROM weir.vault_meta WHERE name = $1`, name).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			value, err = nil, nil
		}
		return err
	})
	return value, err
}

// SetMeta is that of vault.Store.
func (v *Vault) SetMeta(ctx context.Context, name string, was, value []byte) (done bool, err error) {
	err = v.ask(ctx, writing, func(ctx context.Context) error {
		var tag pgconn.CommandTag
		var err error
		if was == nil {
			tag, err = v.store.pool.Exec(ctx, `INSERT INTO weir.vault_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value)
		} else {
			tag, err = v.store.pool.Exec(ctx, `UPDATE weir.vault_meta SET value = $3 WHERE name = $1 AND value = $2`, name, was, value)
		}
		done = tag.RowsAffected() == 1
		return err
	})
	return done && err == nil, err
}

const (
	insertCustomer = `INSERT INTO weir.vault_customers (subject, version, revision, residence, created, updated, aliases, cells) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`
	updateCustomer = `UPDATE weir.vault_customers SET version = $3, revision = $4, residence = $5, updated = $6, aliases = $7, cells = $8 WHERE subject = $1 AND revision = $2`
	deleteCustomer = `DELETE FROM weir.vault_customers WHERE subject = $1 AND revision = $2`
	insertKey      = `INSERT INTO weir.vault_keys (subject, kek, wrapped) VALUES ($1,$2,$3)`
	updateKey      = `UPDATE weir.vault_keys SET kek = $2, wrapped = $3 WHERE subject = $1`
	deleteKey      = `DELETE FROM weir.vault_keys WHERE subject = $1`
	insertUnique   = `INSERT INTO weir.vault_index (mac, slot, subject) VALUES ($1,$2,$3)`
	insertMark     = insertUnique + ` ON CONFLICT (mac, slot) DO NOTHING`
	deleteMark     = `DELETE FROM weir.vault_index WHERE mac = $1 AND slot = $2 AND subject = $3`
	freeSubject    = `DELETE FROM weir.subjects WHERE mac = $1`
	bindSubject    = `INSERT INTO weir.subjects (mac, subject) VALUES ($1,$2)`
	unbindSubject  = `DELETE FROM weir.subjects WHERE mac = $1 AND subject = $2`
	tellErased     = `SELECT pg_notify($1, $2)`
	tokenValues    = `SELECT same FROM weir.vault_tokens WHERE subject = $1 AND same IS NOT NULL`
	deleteValues   = `DELETE FROM weir.vault_token_values WHERE same = ANY ($1)`
	deleteTokens   = `DELETE FROM weir.vault_tokens WHERE subject = $1`
)

// Apply is that of vault.Store. A new customer is one round trip. A change of one
// that is there locks its row first, and goes on only if the revision is right.
func (v *Vault) Apply(ctx context.Context, c *vault.Change) error {
	again := false
	return v.ask(ctx, writing, func(ctx context.Context) error {
		err := v.apply(ctx, c)
		if again && (errors.Is(err, vault.ErrVersion) || errors.Is(err, vault.ErrExists)) && v.stands(ctx, c) {
			return nil
		}
		again = true
		return err
	})
}

// stands tells whether a change was carried out by a try whose answer was lost.
func (v *Vault) stands(ctx context.Context, c *vault.Change) bool {
	rows, err := v.Rows(ctx, []weir.Subject{c.Subject})
	if err != nil {
		return false
	}
	if c.Row == nil || len(rows) == 0 {
		return c.Row == nil && len(rows) == 0
	}
	return rows[0].Revision == c.Row.Revision && bytes.Equal(rows[0].Cells, c.Row.Cells) // no two seals are alike
}

func (v *Vault) apply(ctx context.Context, c *vault.Change) (err error) {
	if c.Revision == 0 {
		var b pgx.Batch // without a transaction around it, it is one
		r := c.Row
		b.Queue(insertCustomer, c.Subject[:], r.Version, r.Revision, r.Residence, r.Created, r.Updated, bytesOf(r.Aliases), r.Cells)
		b.Queue(insertKey, c.Subject[:], r.Key.KEK, r.Key.Wrapped)
		queueRest(&b, c)
		err = v.store.pool.SendBatch(ctx, &b).Close()
	} else {
		err = pgx.BeginFunc(ctx, v.store.pool, func(tx pgx.Tx) error { return change(ctx, tx, c) })
	}
	return judge(err)
}

func change(ctx context.Context, tx pgx.Tx, c *vault.Change) error {
	var tag pgconn.CommandTag
	var err error
	if r := c.Row; r != nil {
		tag, err = tx.Exec(ctx, updateCustomer, c.Subject[:], c.Revision, r.Version, r.Revision, r.Residence, r.Updated, bytesOf(r.Aliases), r.Cells)
	} else {
		tag, err = tx.Exec(ctx, deleteCustomer, c.Subject[:], c.Revision)
	}
	if err != nil {
		return err
	}
	if tag.RowsAffected() != 1 {
		return vault.ErrVersion
	}
	var b pgx.Batch
	switch {
	case c.Row == nil:
		rows, err := tx.Query(ctx, tokenValues, c.Subject[:])
		if err != nil {
			return err
		}
		values, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return err
		}
		b.Queue(deleteKey, c.Subject[:])
		b.Queue(deleteValues, values)
		b.Queue(deleteTokens, c.Subject[:])
	case c.Rekey:
		b.Queue(updateKey, c.Subject[:], c.Row.Key.KEK, c.Row.Key.Wrapped)
	}
	queueRest(&b, c)
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, &b).Close()
}

// queueRest adds what a change does to the index and the directory, always in the
// order of the hashes, so that two changes do not wait for each other in a circle.
func queueRest(b *pgx.Batch, c *vault.Change) {
	slot := func(m vault.Mark) []byte {
		if m.Unique {
			return []byte{}
		}
		return c.Subject[:]
	}
	inOrder := func(marks []vault.Mark) []vault.Mark {
		marks = slices.Clone(marks)
		slices.SortFunc(marks, func(a, b vault.Mark) int { return bytes.Compare(a.Mac[:], b.Mac[:]) })
		return marks
	}
	for _, m := range inOrder(c.Drop) {
		b.Queue(deleteMark, m.Mac[:], slot(m), c.Subject[:])
	}
	for _, m := range inOrder(c.Add) {
		if m.Unique {
			b.Queue(insertUnique, m.Mac[:], slot(m), c.Subject[:])
		} else {
			b.Queue(insertMark, m.Mac[:], slot(m), c.Subject[:])
		}
	}
	unbind, bind := slices.Clone(c.Unbind), slices.Clone(c.Bind)
	slices.SortFunc(unbind, func(a, b vault.Mac) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(bind, func(a, b vault.Bind) int { return bytes.Compare(a.Mac[:], b.Mac[:]) })
	for _, m := range unbind {
		b.Queue(unbindSubject, m[:], c.Subject[:])
		b.Queue(tellErased, erased, hex.EncodeToString(m[:]))
	}
	for _, one := range bind {
		if one.Known {
			b.Queue(freeSubject, one.Mac[:])
		}
		b.Queue(bindSubject, one.Mac[:], c.Subject[:])
		if one.Known {
			b.Queue(tellErased, erased, hex.EncodeToString(one.Mac[:]))
		}
	}
}

// judge gives what a violated key means. One of the subject directory's is that
// traffic met the identifier just now: the change is to be worked out anew.
func judge(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "23505" { // unique_violation
		return err
	}
	// A table of a cluster may be a piece with a number behind the name.
	if strings.HasPrefix(pg.TableName, "vault_index") || strings.HasPrefix(pg.ConstraintName, "vault_index") {
		return vault.ErrExists
	}
	return vault.ErrVersion
}

// bytesOf gives what a column that is never NULL takes.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

const customerColumns = `SELECT c.subject, c.version, c.revision, c.residence, c.created, c.updated, c.aliases, c.cells, k.kek, k.wrapped
	FROM weir.vault_customers c JOIN weir.vault_keys k ON k.subject = c.subject `

func (v *Vault) customers(ctx context.Context, query string, args ...any) (out []*vault.Row, err error) {
	err = v.ask(ctx, reading, func(ctx context.Context) error {
		rows, err := v.store.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*vault.Row, error) {
			r := new(vault.Row)
			var who []byte
			err := row.Scan(&who, &r.Version, &r.Revision, &r.Residence, &r.Created, &r.Updated, &r.Aliases, &r.Cells, &r.Key.KEK, &r.Key.Wrapped)
			if err == nil {
				r.Subject, err = subjectOf(who)
				r.Key.Subject = r.Subject
			}
			return r, err
		})
		return err
	})
	return out, err
}

func subjectOf(b []byte) (weir.Subject, error) {
	if len(b) != len(weir.Subject{}) {
		return weir.Subject{}, fmt.Errorf("%w: the name of a row is malformed", vault.ErrDamaged)
	}
	return weir.Subject(b), nil
}

func subjectArgs(subjects []weir.Subject) [][]byte {
	args := make([][]byte, len(subjects))
	for i := range subjects {
		args[i] = subjects[i][:]
	}
	return args
}

func macArgs(macs []vault.Mac) [][]byte {
	args := make([][]byte, len(macs))
	for i := range macs {
		args[i] = macs[i][:]
	}
	return args
}

// Rows is that of vault.Store.
func (v *Vault) Rows(ctx context.Context, subjects []weir.Subject) ([]*vault.Row, error) {
	return v.customers(ctx, customerColumns+`WHERE c.subject = ANY ($1)`, subjectArgs(subjects))
}

// List is that of vault.Store.
func (v *Vault) List(ctx context.Context, after weir.Subject, limit int) ([]*vault.Row, error) {
	return v.customers(ctx, customerColumns+`WHERE c.subject > $1 ORDER BY c.subject LIMIT $2`, after[:], limit)
}

// Marked is that of vault.Store.
func (v *Vault) Marked(ctx context.Context, marks []vault.Mac) (found map[vault.Mac][]weir.Subject, err error) {
	err = v.ask(ctx, reading, func(ctx context.Context) error {
		found = make(map[vault.Mac][]weir.Subject)
		rows, err := v.store.pool.Query(ctx, `SELECT mac, subject FROM weir.vault_index WHERE mac = ANY ($1)`, macArgs(marks))
		if err != nil {
			return err
		}
		var mac, subject []byte
		_, err = pgx.ForEachRow(rows, []any{&mac, &subject}, func() error {
			who, err := subjectOf(subject)
			if err != nil || len(mac) != len(vault.Mac{}) {
				return vault.ErrDamaged
			}
			found[vault.Mac(mac)] = append(found[vault.Mac(mac)], who)
			return nil
		})
		return err
	})
	return found, err
}

const keyColumns = `SELECT subject, kek, wrapped FROM weir.vault_keys `

func (v *Vault) keys(ctx context.Context, query string, args ...any) (out []vault.WrappedKey, err error) {
	err = v.ask(ctx, reading, func(ctx context.Context) error {
		rows, err := v.store.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k vault.WrappedKey, err error) {
			var who []byte
			if err = row.Scan(&who, &k.KEK, &k.Wrapped); err == nil {
				k.Subject, err = subjectOf(who)
			}
			return k, err
		})
		return err
	})
	return out, err
}

// Keys is that of vault.Store.
func (v *Vault) Keys(ctx context.Context, subjects []weir.Subject) ([]vault.WrappedKey, error) {
	return v.keys(ctx, keyColumns+`WHERE subject = ANY ($1)`, subjectArgs(subjects))
}

// Stale is that of vault.Store.
func (v *Vault) Stale(ctx context.Context, kek int, after weir.Subject, limit int) ([]vault.WrappedKey, error) {
	return v.keys(ctx, keyColumns+`WHERE subject > $1 AND kek < $2 ORDER BY subject LIMIT $3`, after[:], kek, limit)
}

// Count is that of vault.Store.
func (v *Vault) Count(ctx context.Context) (counts map[int]int64, err error) {
	err = v.ask(ctx, reading, func(ctx context.Context) error {
		counts = make(map[int]int64)
		rows, err := v.store.pool.Query(ctx, `SELECT kek, count(*) FROM weir.vault_keys GROUP BY kek`)
		if err != nil {
			return err
		}
		var kek int
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&kek, &n}, func() error {
			counts[kek] = n
			return nil
		})
		return err
	})
	return counts, err
}

const rewrapKey = `UPDATE weir.vault_keys SET kek = $3, wrapped = $4 WHERE subject = $1 AND wrapped = $2`

// Rewrap is that of vault.Store.
func (v *Vault) Rewrap(ctx context.Context, old, new []vault.WrappedKey) (done int, err error) {
	changed := make([]bool, len(old))
	err = v.ask(ctx, writing, func(ctx context.Context) error {
		var b pgx.Batch
		for i := range old {
			b.Queue(rewrapKey, old[i].Subject[:], old[i].Wrapped, new[i].KEK, new[i].Wrapped)
		}
		return affected(v.store.pool.SendBatch(ctx, &b), changed)
	})
	for _, c := range changed {
		if c {
			done++
		}
	}
	return done, err
}

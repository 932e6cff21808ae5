package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/getweir/weir"
	"github.com/getweir/weir/vault"
)

const (
	insertToken = `INSERT INTO weir.vault_tokens (mac, same, subject, counter, class, scope, shape, expires, once, sealed) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)
		ON CONFLICT (mac) DO NOTHING`
	insertTokenValue = `INSERT INTO weir.vault_token_values (same, mac) VALUES ($1,$2) ON CONFLICT (same) DO NOTHING`
)

// AddTokens is that of vault.Store.
func (v *Vault) AddTokens(ctx context.Context, rows []vault.TokenRow) (added []bool, err error) {
	err = v.ask(ctx, writing, func(ctx context.Context) error {
		added = make([]bool, len(rows))
		return pgx.BeginFunc(ctx, v.store.pool, func(tx pgx.Tx) error { return addTokens(ctx, tx, rows, added) })
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

func addTokens(ctx context.Context, tx pgx.Tx, rows []vault.TokenRow, added []bool) error {
	var b pgx.Batch
	for i := range rows {
		r := &rows[i]
		b.Queue(insertToken, r.Mac[:], sameOf(r), r.Subject[:], r.Counter, string(r.Class), r.Scope, r.Shape, r.Expires, r.Once, r.Sealed)
	}
	if err := affected(tx.SendBatch(ctx, &b), added); err != nil {
		return err
	}
	// Which values had a token already is known only now.
	var values pgx.Batch
	var places []int
	for i := range rows {
		if same := sameOf(&rows[i]); added[i] && same != nil {
			values.Queue(insertTokenValue, same, rows[i].Mac[:])
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return nil
	}
	first := make([]bool, len(places))
	if err := affected(tx.SendBatch(ctx, &values), first); err != nil {
		return err
	}
	for j, i := range places {
		if first[j] {
			continue
		}
		added[i] = false
		if _, err := tx.Exec(ctx, `DELETE FROM weir.vault_tokens WHERE mac = $1`, rows[i].Mac[:]); err != nil {
			return err
		}
	}
	return nil
}

// affected tells of each statement of a batch whether it changed a row.
func affected(res pgx.BatchResults, changed []bool) error {
	for i := range changed {
		tag, err := res.Exec()
		if err != nil {
			res.Close()
			return err
		}
		changed[i] = tag.RowsAffected() == 1
	}
	return res.Close()
}

func sameOf(r *vault.TokenRow) []byte {
	if r.Same == (vault.Mac{}) {
		return nil
	}
	return r.Same[:]
}

const tokenColumns = `SELECT t.mac, t.same, t.subject, t.counter, t.class, t.scope, t.shape, t.expires, t.once, t.sealed FROM weir.vault_tokens t `

func (v *Vault) tokens(ctx context.Context, query string, macs []vault.Mac) (out []vault.TokenRow, err error) {
	err = v.ask(ctx, reading, func(ctx context.Context) error {
		rows, err := v.store.pool.Query(ctx, query, macArgs(macs))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r vault.TokenRow, err error) {
			var mac, same, who []byte
			var class string
			if err = row.Scan(&mac, &same, &who, &r.Counter, &class, &r.Scope, &r.Shape, &r.Expires, &r.Once, &r.Sealed); err != nil {
				return r, err
			}
			if len(mac) != len(r.Mac) || len(same) != 0 && len(same) != len(r.Same) {
				return r, vault.ErrDamaged
			}
			copy(r.Mac[:], mac)
			copy(r.Same[:], same)
			r.Class = weir.Class(class)
			r.Subject, err = subjectOf(who)
			return r, err
		})
		return err
	})
	return out, err
}

// Tokens is that of vault.Store.
func (v *Vault) Tokens(ctx context.Context, macs []vault.Mac) ([]vault.TokenRow, error) {
	return v.tokens(ctx, tokenColumns+`WHERE t.mac = ANY ($1)`, macs)
}

// Same is that of vault.Store.
func (v *Vault) Same(ctx context.Context, same []vault.Mac) ([]vault.TokenRow, error) {
	var macs []vault.Mac
	err := v.ask(ctx, reading, func(ctx context.Context) error {
		macs = nil
		rows, err := v.store.pool.Query(ctx, `SELECT mac FROM weir.vault_token_values WHERE same = ANY ($1)`, macArgs(same))
		if err != nil {
			return err
		}
		var mac []byte
		_, err = pgx.ForEachRow(rows, []any{&mac}, func() error {
			if len(mac) != len(vault.Mac{}) {
				return vault.ErrDamaged
			}
			macs = append(macs, vault.Mac(mac))
			return nil
		})
		return err
	})
	if err != nil || len(macs) == 0 {
		return nil, err
	}
	return v.Tokens(ctx, macs)
}

// UseToken is that of vault.Store. Where the answer of the server is lost, nobody
// has used the token and it is gone: it is not opened twice.
func (v *Vault) UseToken(ctx context.Context, mac vault.Mac) (used bool, err error) {
	err = v.ask(ctx, writing, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, v.store.pool, func(tx pgx.Tx) error {
			var same []byte
			err := tx.QueryRow(ctx, `DELETE FROM weir.vault_tokens WHERE mac = $1 RETURNING same`, mac[:]).Scan(&same)
			if used = err == nil; errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil || same == nil {
				return err
			}
			_, err = tx.Exec(ctx, deleteValues, [][]byte{same})
			return err
		})
	})
	return used && err == nil, err
}

// AddTokenPage is that of vault.Store.
func (v *Vault) AddTokenPage(ctx context.Context, p vault.TokenPage) error {
	again := false
	return v.ask(ctx, writing, func(ctx context.Context) error {
		tag, err := v.store.pool.Exec(ctx, `INSERT INTO weir.vault_token_pages (id, expires, slots) VALUES ($1,$2,$3) ON CONFLICT (id) DO NOTHING`, p.ID[:], p.Expires, p.Slots)
		if err == nil && tag.RowsAffected() == 0 && !again {
			return fmt.Errorf("%w: a page of tokens of that number", vault.ErrExists)
		}
		again = true
		return err
	})
}

// TokenPages is that of vault.Store.
func (v *Vault) TokenPages(ctx context.Context, ids [][8]byte) (out []vault.TokenPage, err error) {
	wanted := make([][]byte, len(ids))
	for i := range ids {
		wanted[i] = ids[i][:]
	}
	err = v.ask(ctx, reading, func(ctx context.Context) error {
		rows, err := v.store.pool.Query(ctx, `SELECT id, expires, slots FROM weir.vault_token_pages WHERE id = ANY ($1)`, wanted)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p vault.TokenPage, err error) {
			var id []byte
			if err = row.Scan(&id, &p.Expires, &p.Slots); err == nil && copy(p.ID[:], id) != len(p.ID) {
				err = vault.ErrDamaged
			}
			return p, err
		})
		return err
	})
	return out, err
}

// DropTokens is that of vault.Store. What is to go is read first: not every
// database takes a question within a deletion.
func (v *Vault) DropTokens(ctx context.Context, now int64, limit int) (dropped int, err error) {
	err = v.ask(ctx, writing, func(ctx context.Context) error {
		dropped = 0
		return pgx.BeginFunc(ctx, v.store.pool, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `SELECT mac, same FROM weir.vault_tokens WHERE expires > 0 AND expires <= $1 ORDER BY expires, mac LIMIT $2`, now, limit)
			if err != nil {
				return err
			}
			var macs, values [][]byte
			var mac, same []byte
			if _, err = pgx.ForEachRow(rows, []any{&mac, &same}, func() error {
				macs = append(macs, bytes.Clone(mac))
				if same != nil {
					values = append(values, bytes.Clone(same))
				}
				return nil
			}); err != nil {
				return err
			}
			if rows, err = tx.Query(ctx, `SELECT id FROM weir.vault_token_pages WHERE expires > 0 AND expires <= $1 ORDER BY expires, id LIMIT $2`, now, limit); err != nil {
				return err
			}
			pages, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
			if err != nil {
				return err
			}
			var b pgx.Batch
			b.Queue(deleteValues, values)
			b.Queue(`DELETE FROM weir.vault_tokens WHERE mac = ANY ($1)`, macs)
			b.Queue(`DELETE FROM weir.vault_token_pages WHERE id = ANY ($1)`, pages)
			dropped = len(macs) + len(pages)
			return tx.SendBatch(ctx, &b).Close()
		})
	})
	return dropped, err
}

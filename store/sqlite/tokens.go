package sqlite

import (
	"context"
	"database/sql"

	"github.com/getweir/weir"
	"github.com/getweir/weir/vault"
)

const (
	insertToken = `INSERT INTO vault_tokens (mac, same, subject, counter, class, scope, shape, expires, once, sealed) VALUES (?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (mac) DO NOTHING`
	insertTokenValue  = `INSERT INTO vault_token_values (same, mac) VALUES (?,?) ON CONFLICT (same) DO NOTHING`
	deleteToken       = `DELETE FROM vault_tokens WHERE mac = ?`
	deleteTokenValue  = `DELETE FROM vault_token_values WHERE mac = ? AND same = (SELECT same FROM vault_tokens WHERE vault_tokens.mac = vault_token_values.mac)`
	deleteTokens      = `DELETE FROM vault_tokens WHERE subject = ?`
	deleteTokenValues = `DELETE FROM vault_token_values WHERE same IN (SELECT same FROM vault_tokens WHERE subject = ? AND same IS NOT NULL)`
	insertTokenPage   = `INSERT INTO vault_token_pages (id, expires, slots) VALUES (?,?,?)`
)

// AddTokens is that of vault.Store.
func (v *Vault) AddTokens(ctx context.Context, rows []vault.TokenRow) (added []bool, err error) {
	err = v.commits.write(ctx, func(run runner) error {
		added = make([]bool, len(rows))
		for i := range rows {
			var err error
			if added[i], err = addToken(run, &rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrapError("write vault", err)
	}
	return added, nil
}

func addToken(run runner, r *vault.TokenRow) (bool, error) {
	var same []byte
	if r.Same != (vault.Mac{}) {
		same = r.Same[:]
	}
	n, err := run.exec(insertToken, r.Mac[:], same, r.Subject[:], r.Counter, string(r.Class), r.Scope, r.Shape, r.Expires, r.Once, r.Sealed)
	if err != nil || n == 0 || same == nil {
		return n == 1, err
	}
	if n, err = run.exec(insertTokenValue, same, r.Mac[:]); err != nil || n == 1 {
		return n == 1, err
	}
	_, err = run.exec(deleteToken, r.Mac[:])
	return false, err
}

const tokenColumns = `SELECT t.mac, t.same, t.subject, t.counter, t.class, t.scope, t.shape, t.expires, t.once, t.sealed FROM vault_tokens t `

func tokens(rows *sql.Rows, err error) ([]vault.TokenRow, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []vault.TokenRow
	for rows.Next() {
		var r vault.TokenRow
		var mac, same, who sql.RawBytes
		var class string
		if err := rows.Scan(&mac, &same, &who, &r.Counter, &class, &r.Scope, &r.Shape, &r.Expires, &r.Once, &r.Sealed); err != nil {
			return nil, err
		}
		if len(mac) != len(r.Mac) || len(same) != 0 && len(same) != len(r.Same) {
			return nil, vault.ErrDamaged
		}
		copy(r.Mac[:], mac)
		copy(r.Same[:], same)
		r.Class = weir.Class(class)
		if r.Subject, err = subjectOf(who); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Tokens is that of vault.Store.
func (v *Vault) Tokens(ctx context.Context, macs []vault.Mac) (out []vault.TokenRow, err error) {
	return v.tokens(ctx, tokenColumns+`WHERE t.mac IN `, macs)
}

// Same is that of vault.Store.
func (v *Vault) Same(ctx context.Context, same []vault.Mac) (out []vault.TokenRow, err error) {
	return v.tokens(ctx, tokenColumns+`JOIN vault_token_values s ON s.mac = t.mac WHERE s.same IN `, same)
}

func (v *Vault) tokens(ctx context.Context, query string, macs []vault.Mac) (out []vault.TokenRow, err error) {
	for len(macs) > 0 {
		n := min(len(macs), chunk)
		some, err := tokens(v.store.ask(ctx, query+`(`+list("?", n)+`)`, macArgs(macs[:n])...))
		if err != nil {
			return nil, wrapError("read vault", err)
		}
		out, macs = append(out, some...), macs[n:]
	}
	return out, nil
}

// UseToken is that of vault.Store.
func (v *Vault) UseToken(ctx context.Context, mac vault.Mac) (used bool, err error) {
	err = v.commits.write(ctx, func(run runner) error {
		if _, err := run.exec(deleteTokenValue, mac[:]); err != nil {
			return err
		}
		n, err := run.exec(deleteToken, mac[:])
		used = n == 1
		return err
	})
	return used && err == nil, wrapError("write vault", err)
}

// AddTokenPage is that of vault.Store.
func (v *Vault) AddTokenPage(ctx context.Context, p vault.TokenPage) error {
	return wrapError("write vault", v.commits.write(ctx, func(run runner) error {
		_, err := run.exec(insertTokenPage, p.ID[:], p.Expires, p.Slots)
		return err
	}))
}

// TokenPages is that of vault.Store.
func (v *Vault) TokenPages(ctx context.Context, ids [][8]byte) (out []vault.TokenPage, err error) {
	for len(ids) > 0 {
		n := min(len(ids), chunk)
		args := make([]any, n)
		for i := range n {
			args[i] = ids[i][:]
		}
		ids = ids[n:]
		rows, err := v.store.ask(ctx, `SELECT id, expires, slots FROM vault_token_pages WHERE id IN (`+list("?", n)+`)`, args...)
		if err != nil {
			return nil, wrapError("read vault", err)
		}
		for rows.Next() {
			var p vault.TokenPage
			var id sql.RawBytes
			if err = rows.Scan(&id, &p.Expires, &p.Slots); err != nil {
				break
			}
			copy(p.ID[:], id)
			out = append(out, p)
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			return nil, wrapError("read vault", err)
		}
	}
	return out, nil
}

// DropTokens is that of vault.Store.
func (v *Vault) DropTokens(ctx context.Context, now int64, limit int) (dropped int, err error) {
	err = v.commits.write(ctx, func(run runner) error {
		dropped = 0
		for i, q := range []string{
			`DELETE FROM vault_token_values WHERE same IN (SELECT same FROM vault_tokens WHERE expires > 0 AND expires <= ? AND same IS NOT NULL ORDER BY expires, mac LIMIT ?)`,
			`DELETE FROM vault_tokens WHERE mac IN (SELECT mac FROM vault_tokens WHERE expires > 0 AND expires <= ? ORDER BY expires, mac LIMIT ?)`,
			`DELETE FROM vault_token_pages WHERE id IN (SELECT id FROM vault_token_pages WHERE expires > 0 AND expires <= ? ORDER BY expires, id LIMIT ?)`,
		} {
			res, err := run.tx.ExecContext(run.ctx, q, now, limit)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if i > 0 {
				dropped += int(n)
			}
		}
		return nil
	})
	return dropped, wrapError("write vault", err)
}

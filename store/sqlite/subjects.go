package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/directory"
)

// ErrKey: the key is not 32 bytes long, or not the one that the directory was
// begun with.
var ErrKey = directory.ErrKey

// Subjects is the subject directory: it gives each identifier a random pseudonym
// and keeps it. The database holds no identifier, and without the key nobody can
// test a guess at one. Its methods may be called concurrently. A Store needs one
// Subjects: a second one would not see what the first erases from its cache.
type Subjects = directory.Directory

// Subjects gives the directory, with identifiers hashed under key: 32 bytes that
// are kept apart from the database. A key of another length, or another key than
// the directory was begun with, makes every method fail with ErrKey.
func (s *Store) Subjects(key []byte) *Subjects { return directory.New((*table)(s), key) }

// A table is the rows of the directory.
type table Store

// chunk is how many rows one statement handles. SQLite takes 32,766 parameters.
const chunk = 500

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (t *table) Find(ctx context.Context, wanted []directory.Mac, found map[directory.Mac]weir.Subject) error {
	if len(wanted) <= fewWanted {
		return find(ctx, prepared{(*Store)(t)}, wanted, found)
	}
	return find(ctx, t.read, wanted, found)
}

// fewWanted bounds the questions whose statements are kept prepared: those about
// what one record or one customer has.
const fewWanted = 8

// prepared asks by statements that are prepared once.
type prepared struct{ store *Store }

func (p prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.store.ask(ctx, query, args...)
}

// find fills in those of macs that have a row.
func find(ctx context.Context, q querier, wanted []directory.Mac, found map[directory.Mac]weir.Subject) error {
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
		if err := each(rows, func(r directory.Row) error {
			found[r.Mac] = r.Subject
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// each reads rows of a hash and a pseudonym, and closes them.
func each(rows *sql.Rows, fn func(directory.Row) error) error {
	for rows.Next() {
		var k, s sql.RawBytes
		err := rows.Scan(&k, &s)
		if err == nil {
			var row directory.Row
			if row, err = directory.ReadRow(k, s); err == nil {
				err = fn(row)
			}
		}
		if err != nil {
			rows.Close()
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (t *table) Insert(ctx context.Context, rows []directory.Row, found map[directory.Mac]weir.Subject) error {
	tx, err := t.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	macs := make([]directory.Mac, len(rows))
	for i := range rows {
		macs[i] = rows[i].Mac
	}
	for rest := rows; len(rest) > 0; {
		n := min(len(rest), chunk)
		args := make([]any, 0, 2*n)
		for i := range n {
			args = append(args, rest[i].Mac[:], rest[i].Subject[:])
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO subjects (mac, subject) VALUES (?,?)`+strings.Repeat(`,(?,?)`, n-1)+
			` ON CONFLICT (mac) DO NOTHING`, args...); err != nil {
			return err
		}
		rest = rest[n:]
	}
	// Read back: another process may have put one in since.
	if err := find(ctx, tx, macs, found); err != nil {
		return err
	}
	return tx.Commit()
}

func (t *table) Check(ctx context.Context, proof []byte) (kept []byte, err error) {
	err = t.write.QueryRowContext(ctx, `SELECT value FROM checks WHERE name = 'subjects'`).Scan(&kept)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.write.QueryRowContext(ctx, `INSERT INTO checks (name, value) VALUES ('subjects', ?)
			ON CONFLICT (name) DO UPDATE SET name = name RETURNING value`, proof).Scan(&kept)
	}
	return kept, err
}

// Delete removes a row from the file and from its write-ahead log.
func (t *table) Delete(ctx context.Context, k directory.Mac) error {
	if _, err := t.write.ExecContext(ctx, `DELETE FROM subjects WHERE mac = ?`, k[:]); err != nil {
		return err
	}
	// secure_delete has overwritten the row in its page; the page as it was
	// before still stands in the write-ahead log until that is cut.
	var busy, pages, moved int
	if err := t.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("the write-ahead log is in use and still holds it")
	}
	return nil
}

// Named says of each subject whether an identifier leads to it. One that has none
// was made for data without an identifier, or was erased.
func (s *Store) Named(ctx context.Context, subjects []weir.Subject) ([]bool, error) {
	place := make(map[weir.Subject][]int, len(subjects))
	for i, who := range subjects {
		place[who] = append(place[who], i)
	}
	named := make([]bool, len(subjects))
	rows, err := s.read.QueryContext(ctx, `SELECT mac, subject FROM subjects`)
	if err == nil {
		err = each(rows, func(r directory.Row) error {
			for _, i := range place[r.Subject] {
				named[i] = true
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read subjects: %w", err)
	}
	return named, nil
}

// Rows calls fn with all rows, some at a time, for whoever moves them to another
// store.
func (s *Store) Rows(ctx context.Context, fn func([]directory.Row) error) error {
	rows, err := s.read.QueryContext(ctx, `SELECT mac, subject FROM subjects`)
	if err != nil {
		return err
	}
	var some []directory.Row
	err = each(rows, func(r directory.Row) error {
		if some = append(some, r); len(some) < 10*chunk {
			return nil
		}
		err := fn(some)
		some = some[:0]
		return err
	})
	if err == nil && len(some) > 0 {
		err = fn(some)
	}
	return err
}

package postgres

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/vault"
)

// Subjects is the subject directory. All nodes that use one database share it,
// and must have the same key.
type Subjects = directory.Directory

// Subjects gives the directory, with identifiers hashed under key: 32 bytes that
// are kept apart from the database. A key of another length, or another key than
// the directory was begun with, makes every method fail with ErrKey. A Store has
// one directory; it remembers what it has resolved only while Run runs.
func (s *Store) Subjects(key []byte) *Subjects {
	d := directory.New((*table)(s), key)
	d.Distrust()
	s.mu.Lock()
	s.subjects = d
	s.mu.Unlock()
	return d
}

// erased is the channel on which nodes tell each other what they erase.
const erased = "weir_erased"

// Between two signs of life of the connection that hears of erasures, and how
// long one may take. Their sum bounds how long a node that is cut off may still
// give out a pseudonym that was erased elsewhere.
const (
	heartbeat  = time.Second
	heartbeats = 2 * time.Second
)

// Run hears of what other nodes erase, until ctx ends, and returns nil then.
// While it cannot, the directory asks the database every time.
func (s *Store) Run(ctx context.Context) error {
	s.mu.Lock()
	d := s.subjects
	s.mu.Unlock()
	if d == nil {
		<-ctx.Done()
		return nil
	}
	away := false
	for pause := 100 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 5*time.Second) {
		err := s.hear(ctx, d, func() {
			if away {
				s.config.Log.Info("store: hears of erasures again")
			}
			pause, away = 100*time.Millisecond, false
		})
		d.Distrust()
		if ctx.Err() != nil {
			break
		}
		if !away {
			away = true
			s.config.Log.Warn("store: does not hear of erasures; every identifier is looked up until it does", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// hear listens on one connection until that fails.
func (s *Store) hear(ctx context.Context, d *directory.Directory, begun func()) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(c)
	for _, channel := range []string{erased, acted} {
		if _, err := c.Exec(ctx, `LISTEN `+channel); err != nil {
			return err
		}
	}
	d.Trust()
	begun()
	for {
		beat, cancel := context.WithTimeout(ctx, heartbeat)
		n, err := c.WaitForNotification(beat)
		cancel()
		switch {
		case err == nil && n.Channel == acted:
			s.changed()
		case err == nil:
			if k, err := hex.DecodeString(n.Payload); err == nil && len(k) == len(directory.Mac{}) {
				d.Forget(directory.Mac(k))
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case !pgconn.Timeout(err):
			return err
		default:
			alive, cancel := context.WithTimeout(ctx, heartbeats)
			err := c.Ping(alive)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// A table is the rows of the directory.
type table Store

// answerIn bounds one trip to the database: others wait for it.
const answerIn = 10 * time.Second

// tries bounds how often a statement that lost to another is tried again.
const tries = 5

// ask carries out do, again where it had to give way to another transaction or
// its connection broke. Whatever do does may be done twice.
func (t *table) ask(ctx context.Context, do func(ctx context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	for i := range tries {
		if err = do(ctx); err == nil || ctx.Err() != nil || !passes(err) {
			return err
		}
		select {
		case <-time.After(time.Duration(i+1) * 10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
	return err
}

// passes reports whether an error may be gone the next time: the server has undone
// a statement for the sake of another (class 40, and 22012 by allLocked), ends or begins
// (57P01 to 57P03), or was not there to say anything.
func passes(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		for _, stays := range []error{directory.ErrRow, fleet.ErrForgotten, errNode, vault.ErrVersion, vault.ErrExists, vault.ErrDamaged} {
			if errors.Is(err, stays) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(pg.Code, "40") || pg.Code == "22012" || strings.HasPrefix(pg.Code, "57P0")
}

func (t *table) Find(ctx context.Context, wanted []directory.Mac, found map[directory.Mac]weir.Subject) error {
	return t.ask(ctx, func(ctx context.Context) error { return t.find(ctx, wanted, found) })
}

func (t *table) find(ctx context.Context, wanted []directory.Mac, found map[directory.Mac]weir.Subject) error {
	macs := make([][]byte, len(wanted))
	for i := range wanted {
		macs[i] = wanted[i][:]
	}
	rows, err := t.pool.Query(ctx, `SELECT mac, subject FROM weir.subjects WHERE mac = ANY ($1)`, macs)
	if err != nil {
		return err
	}
	return collect(rows, found)
}

// collect reads rows of a hash and a pseudonym.
func collect(rows pgx.Rows, found map[directory.Mac]weir.Subject) error {
	defer rows.Close()
	for rows.Next() {
		var k, subject []byte
		if err := rows.Scan(&k, &subject); err != nil {
			return err
		}
		row, err := directory.ReadRow(k, subject)
		if err != nil {
			return err
		}
		found[row.Mac] = row.Subject
	}
	return rows.Err()
}

// Insert commits one statement, and reads what another node was faster with. All
// nodes insert in the order of the hashes, so that they do not wait for each
// other in a circle.
func (t *table) Insert(ctx context.Context, rows []directory.Row, found map[directory.Mac]weir.Subject) error {
	slices.SortFunc(rows, func(a, b directory.Row) int { return bytes.Compare(a.Mac[:], b.Mac[:]) })
	macs, subjects := make([][]byte, len(rows)), make([][]byte, len(rows))
	for i := range rows {
		macs[i], subjects[i] = rows[i].Mac[:], rows[i].Subject[:]
	}
	return t.ask(ctx, func(ctx context.Context) error {
		added, err := t.pool.Query(ctx, `INSERT INTO weir.subjects (mac, subject)
			SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT (mac) DO NOTHING RETURNING mac, subject`, macs, subjects)
		if err != nil {
			return err
		}
		fresh := make(map[directory.Mac]weir.Subject, len(rows))
		if err := collect(added, fresh); err != nil {
			return err
		}
		var others []directory.Mac
		for i := range rows {
			if s, ok := fresh[rows[i].Mac]; ok {
				found[rows[i].Mac] = s
			} else {
				others = append(others, rows[i].Mac)
			}
		}
		if len(others) == 0 {
			return nil
		}
		return t.find(ctx, others, found)
	})
}

func (t *table) Check(ctx context.Context, proof []byte) (kept []byte, err error) {
	err = t.ask(ctx, func(ctx context.Context) error {
		err := t.pool.QueryRow(ctx, `SELECT value FROM weir.checks WHERE name = 'subjects'`).Scan(&kept)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := t.pool.Exec(ctx, `INSERT INTO weir.checks (name, value) VALUES ('subjects', $1) ON CONFLICT DO NOTHING`, proof); err != nil {
			return err
		}
		return t.pool.QueryRow(ctx, `SELECT value FROM weir.checks WHERE name = 'subjects'`).Scan(&kept)
	})
	return kept, err
}

// Delete removes a row and tells the other nodes in one transaction. The server
// overwrites the row when it next vacuums the table.
func (t *table) Delete(ctx context.Context, k directory.Mac) error {
	return t.ask(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM weir.subjects WHERE mac = $1`, k[:]); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, erased, hex.EncodeToString(k[:]))
			return err
		})
	})
}

// Named says of each subject whether an identifier leads to it. One that has none
// was made for data without an identifier, or was erased. It reads the table once.
func (s *Store) Named(ctx context.Context, subjects []weir.Subject) ([]bool, error) {
	wanted := make([][]byte, len(subjects))
	for i := range subjects {
		wanted[i] = subjects[i][:]
	}
	found := make(map[directory.Mac]weir.Subject)
	err := (*table)(s).ask(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT mac, subject FROM weir.subjects WHERE subject = ANY ($1)`, wanted)
		if err != nil {
			return err
		}
		return collect(rows, found)
	})
	if err != nil {
		return nil, fmt.Errorf("read subjects: %w", err)
	}
	has := make(map[weir.Subject]bool, len(found))
	for _, subject := range found {
		has[subject] = true
	}
	named := make([]bool, len(subjects))
	for i := range subjects {
		named[i] = has[subjects[i]]
	}
	return named, nil
}

// Import adds rows of another store's directory, which must have the same key.
// It tells how many are new, and how many of the others have the same
// pseudonym here; what is here is not changed.
func (s *Store) Import(ctx context.Context, rows []directory.Row) (added, same int, err error) {
	found := make(map[directory.Mac]weir.Subject, len(rows))
	macs := make([]directory.Mac, len(rows))
	for i := range rows {
		macs[i] = rows[i].Mac
	}
	t := (*table)(s)
	if err := t.Find(ctx, macs, found); err != nil {
		return 0, 0, err
	}
	var fresh []directory.Row
	for _, r := range rows {
		switch here, ok := found[r.Mac]; {
		case !ok:
			fresh = append(fresh, r)
		case here == r.Subject:
			same++
		}
	}
	if len(fresh) == 0 {
		return 0, same, nil
	}
	if err := t.Insert(ctx, fresh, found); err != nil {
		return 0, same, err
	}
	for _, r := range fresh {
		if found[r.Mac] == r.Subject {
			added++
		}
	}
	return added, same, nil
}

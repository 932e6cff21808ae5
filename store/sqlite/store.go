// Package sqlite keeps Weir's state in SQLite files: the subject directory,
// which links identifiers to pseudonyms, with the vault's rows beside it, and, in
// a file of its own that can be made again, the index of the ledger.
//
// The files are in WAL mode, and every commit of directory and vault is synced
// (synchronous=FULL); changes of the vault that come at once share one. One connection writes; others read beside it, in this
// process and in others. Migrations are steps of SQL whose count stands in
// user_version.
//
// It guarantees that what directory and vault have returned as stored survives a
// crash of the process and of the machine, and that what was erased from them is
// overwritten in the file and gone from the write-ahead log when the method
// returns. The index is whole after a crash, and may be shorter.
//
// It does not encrypt anything (the vault has, before it comes here), does not hold
// identifiers (only keyed hashes of them), and does not reach copies of the file that somebody has made.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// ErrForeign: the file is a database, but not one of Weir's, or of a newer
// version of Weir.
var ErrForeign = errors.New("not a database of this version of weir")

// A kind is what a file can be.
type kind struct {
	applicationID int      // marks the file (PRAGMA application_id)
	pageSize      int      // of the file; 0: SQLite's own choice
	pragmas       []string // beside those of every file
	steps         []string // migrations; one that was released is never changed
}

// readers is how many connections read at once.
const readers = 4

// A Store is an open database. Its methods may be called concurrently.
type Store struct {
	write *sql.DB // one connection
	read  *sql.DB

	mu    sync.Mutex
	asked map[string]*sql.Stmt // of read; guarded by mu
}

// mostAsked bounds how many statements are kept prepared. Those for many
// parameters at once come in too many lengths.
const mostAsked = 64

// ask reads rows by a statement that is prepared once.
func (s *Store) ask(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s.mu.Lock()
	stmt := s.asked[query]
	full := len(s.asked) >= mostAsked
	s.mu.Unlock()
	if stmt == nil && full {
		return s.read.QueryContext(ctx, query, args...)
	}
	if stmt == nil {
		var err error
		if stmt, err = s.read.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		s.mu.Lock()
		if s.asked == nil {
			s.asked = make(map[string]*sql.Stmt)
		}
		if other := s.asked[query]; other != nil {
			defer stmt.Close()
			stmt = other
		} else {
			s.asked[query] = stmt
		}
		s.mu.Unlock()
	}
	return stmt.QueryContext(ctx, args...)
}

// Create makes a new database at path. It fails with an error that is
// fs.ErrExist where there is a file.
func Create(path string) (*Store, error) { return create(path, &stateFile) }

func create(path string, k *kind) (*Store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	}
	if err := k.size(path); err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	}
	s, err := open(path, k)
	if err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	}
	// The name of a new file is durable only when its directory is.
	d, err := os.Open(filepath.Dir(path))
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("create store: %w", err)
	}
	return s, nil
}

// size gives an empty file the size of its pages, which has to be done before the
// file is in WAL mode. It is as empty afterwards.
func (k *kind) size(path string) error {
	if k.pageSize == 0 {
		return nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs}).String())
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	// PRAGMAs take no parameters; the number is ours.
	_, err = db.Exec(fmt.Sprintf(`PRAGMA page_size = %d; CREATE TABLE begun (one INTEGER); DROP TABLE begun`, k.pageSize))
	return err
}

// Open opens the database at path and brings its schema up to date. It fails
// with an error that is fs.ErrNotExist where there is no file, and with
// ErrForeign where the file is something else.
func Open(path string) (*Store, error) { return openExisting(path, &stateFile) }

func openExisting(path string, k *kind) (*Store, error) {
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s, err := open(path, k)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func open(path string, k *kind) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := func(more ...string) string {
		q := url.Values{"_pragma": slices.Concat([]string{"busy_timeout(10000)", "journal_mode(WAL)"}, k.pragmas, more)}
		if len(more) == 0 {
			q.Set("_txlock", "immediate")
		}
		return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String()
	}
	s := new(Store)
	if s.write, err = sql.Open("sqlite", dsn()); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(context.Background(), s.write, k); err != nil {
		s.Close()
		return nil, err
	}
	if s.read, err = sql.Open("sqlite", dsn("query_only(ON)")); err != nil {
		s.Close()
		return nil, err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s, nil
}

// Close closes the database. Nothing may use it at the same time.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	errs = append(errs, s.write.Close()) // last: it folds the write-ahead log in
	return errors.Join(errs...)
}

var stateFile = kind{
	applicationID: 0x77656972, // "weir"
	pragmas:       []string{"synchronous(FULL)", "secure_delete(ON)"},
	steps: []string{
		`CREATE TABLE subjects (
			mac     BLOB NOT NULL PRIMARY KEY, -- HMAC-SHA-256 of the identifier
			subject BLOB NOT NULL              -- its pseudonym, 16 random bytes
		) STRICT, WITHOUT ROWID;
		CREATE TABLE checks (
			name  TEXT NOT NULL PRIMARY KEY,
			value BLOB NOT NULL                -- what a key makes of a fixed text
		) STRICT, WITHOUT ROWID;`,
		// Keys stand apart from records: they are wrapped anew far more often than
		// records are written. Records are in the order of their creation, so that
		// a new one does not open a page in the middle.
		`CREATE TABLE vault_meta (
			name  TEXT NOT NULL PRIMARY KEY,
			value BLOB NOT NULL
		) STRICT, WITHOUT ROWID;
		CREATE TABLE vault_keys (
			subject BLOB    NOT NULL PRIMARY KEY,
			kek     INTEGER NOT NULL,             -- version of the key that wraps it
			wrapped BLOB    NOT NULL
		) STRICT, WITHOUT ROWID;
		CREATE TABLE vault_customers (
			subject   BLOB    NOT NULL PRIMARY KEY,
			version   INTEGER NOT NULL,
			revision  INTEGER NOT NULL,
			residence TEXT    NOT NULL,
			created   INTEGER NOT NULL,           -- Unix nanoseconds
			updated   INTEGER NOT NULL,
			aliases   BLOB    NOT NULL,
			cells     BLOB    NOT NULL
		) STRICT;
		CREATE TABLE vault_index (
			mac     BLOB NOT NULL,                -- HMAC-SHA-256 of the identifier
			slot    BLOB NOT NULL,                -- empty: nobody else may have it; else the subject
			subject BLOB NOT NULL,
			PRIMARY KEY (mac, slot)
		) STRICT, WITHOUT ROWID;
		CREATE TABLE vault_tokens (
			mac     BLOB    NOT NULL PRIMARY KEY, -- HMAC-SHA-256 of the token
			same    BLOB,                         -- of the value in its scope
			subject BLOB    NOT NULL,
			counter INTEGER NOT NULL,
			class   TEXT    NOT NULL,
			scope   TEXT    NOT NULL,
			shape   TEXT    NOT NULL,
			expires INTEGER NOT NULL,             -- Unix seconds; 0: never
			once    INTEGER NOT NULL,
			sealed  BLOB    NOT NULL
		) STRICT, WITHOUT ROWID;
		CREATE INDEX vault_tokens_subject ON vault_tokens (subject);
		CREATE INDEX vault_tokens_expires ON vault_tokens (expires) WHERE expires > 0;
		CREATE TABLE vault_token_values (
			same BLOB NOT NULL PRIMARY KEY,
			mac  BLOB NOT NULL                    -- of the token
		) STRICT, WITHOUT ROWID;
		CREATE TABLE vault_token_pages (
			id      BLOB    NOT NULL PRIMARY KEY,
			expires INTEGER NOT NULL,
			slots   BLOB    NOT NULL
		) STRICT;
		CREATE INDEX vault_token_pages_expires ON vault_token_pages (expires) WHERE expires > 0;`,
	},
}

// migrate brings a database from whatever version it has to the newest, all in
// one transaction.
func migrate(ctx context.Context, db *sql.DB, k *kind) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version, id, tables int
	if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	switch fresh := version == 0 && id == 0 && tables == 0; {
	case !fresh && id != k.applicationID:
		return ErrForeign
	case version > len(k.steps):
		return fmt.Errorf("%w: schema %d is newer", ErrForeign, version)
	case version == len(k.steps):
		return nil
	}
	for _, step := range k.steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
	// PRAGMAs take no parameters; both numbers are ours.
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, k.applicationID, len(k.steps))); err != nil {
		return err
	}
	return tx.Commit()
}

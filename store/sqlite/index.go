package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/getweir/weir/index"
)

// An Index keeps the pages of an index.Index in a file of its own. Its methods may
// be called concurrently, and by several processes.
//
// Commits are not synced one by one (synchronous=NORMAL): after a crash of the
// machine the index may have forgotten its last chunks, with the cursor that said
// that it had them, and follows the ledger from there again.
type Index struct{ store *Store }

// CreateIndex makes a new file at path. It fails with an error that is
// fs.ErrExist where there is a file.
func CreateIndex(path string) (*Index, error) {
	s, err := create(path, &indexFile)
	if err != nil {
		return nil, fmt.Errorf("create index: %w", err)
	}
	return &Index{s}, nil
}

// OpenIndex opens the file at path. It fails with an error that is
// fs.ErrNotExist where there is none, and with ErrForeign where it is something
// else.
func OpenIndex(path string) (*Index, error) {
	s, err := openExisting(path, &indexFile)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return &Index{s}, nil
}

// Close closes the file. Nothing may use it at the same time.
func (x *Index) Close() error { return x.store.Close() }

var indexFile = kind{
	applicationID: 0x77656978, // "weix"
	// Pages of the index are a few kilobytes long: larger ones of the file keep
	// each in one piece.
	pageSize: 16384,
	pragmas:  []string{"synchronous(NORMAL)", "cache_size(-32768)"},
	steps: []string{
		`CREATE TABLE head (
			one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
			body BLOB NOT NULL
		) STRICT;
		CREATE TABLE ids (
			kind INTEGER NOT NULL,
			key  BLOB NOT NULL,  -- 16 bytes
			id   INTEGER NOT NULL,
			PRIMARY KEY (kind, key)
		) STRICT, WITHOUT ROWID;
		CREATE TABLE bodies (
			kind INTEGER NOT NULL,
			id   INTEGER NOT NULL,
			body BLOB NOT NULL,
			PRIMARY KEY (kind, id)
		) STRICT, WITHOUT ROWID;
		CREATE TABLE links (
			party TEXT NOT NULL,
			id    INTEGER NOT NULL,
			PRIMARY KEY (party, id)
		) STRICT, WITHOUT ROWID;
		CREATE TABLE pages (
			tab    INTEGER NOT NULL,
			bucket INTEGER NOT NULL,
			chunk  INTEGER NOT NULL,
			body   BLOB NOT NULL,
			PRIMARY KEY (tab, bucket, chunk)
		) STRICT, WITHOUT ROWID;`,
	},
}

// View is index.Store's.
func (x *Index) View(ctx context.Context, fn func(index.Reader) error) error {
	tx, err := x.store.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	t := &indexTx{ctx: ctx, tx: tx}
	defer t.end()
	return fn(t)
}

// Update is index.Store's.
func (x *Index) Update(ctx context.Context, fn func(index.Writer) error) error {
	tx, err := x.store.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	t := &indexTx{ctx: ctx, tx: tx}
	defer t.end()
	if err := fn(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

// indexTx is the index within one transaction. Statements are prepared once in it.
type indexTx struct {
	ctx      context.Context
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
}

func (t *indexTx) end() {
	for _, s := range t.prepared {
		s.Close()
	}
	_ = t.tx.Rollback() // does nothing after a commit
}

func (t *indexTx) stmt(query string) (*sql.Stmt, error) {
	if s := t.prepared[query]; s != nil {
		return s, nil
	}
	s, err := t.tx.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	if t.prepared == nil {
		t.prepared = map[string]*sql.Stmt{}
	}
	t.prepared[query] = s
	return s, nil
}

func (t *indexTx) exec(query string, args ...any) error {
	s, err := t.stmt(query)
	if err == nil {
		_, err = s.ExecContext(t.ctx, args...)
	}
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

// each calls scan for each row.
func (t *indexTx) each(query string, args []any, scan func(*sql.Rows) error) error {
	s, err := t.stmt(query)
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	rows, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	return nil
}

func (t *indexTx) Head() (body []byte, err error) {
	err = t.each(`SELECT body FROM head`, nil, func(r *sql.Rows) error { return r.Scan(&body) })
	return body, err
}

func (t *indexTx) IDs(kind index.Kind, keys []index.Key, ids []uint32) error {
	s, err := t.stmt(`SELECT id FROM ids WHERE kind = ? AND key = ?`)
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	for i := range keys {
		ids[i] = 0
		err := s.QueryRowContext(t.ctx, int(kind), keys[i][:]).Scan(&ids[i])
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read index: %w", err)
		}
	}
	return nil
}

func (t *indexTx) Bodies(kind index.Kind, ids []uint32, fn func(i int, body []byte) error) error {
	n := 0
	for n < len(ids) {
		// Neighbours come with one query, if not too much lies between them.
		end := n + 1
		for end < len(ids) && ids[end]-ids[end-1] < 16 {
			end++
		}
		err := t.each(`SELECT id, body FROM bodies WHERE kind = ? AND id BETWEEN ? AND ? ORDER BY id`, []any{int(kind), ids[n], ids[end-1]}, func(r *sql.Rows) error {
			var id uint32
			var body sql.RawBytes
			if err := r.Scan(&id, &body); err != nil {
				return fmt.Errorf("read index: %w", err)
			}
			if n == end || id != ids[n] {
				return nil
			}
			n++
			return fn(n-1, body)
		})
		if err != nil {
			return err
		}
		if n != end {
			return fmt.Errorf("read index: %w: number %d stands for nothing", index.ErrFormat, ids[n])
		}
	}
	return nil
}

func (t *indexTx) Linked(party string) (ids []uint32, err error) {
	err = t.each(`SELECT id FROM links WHERE party = ? ORDER BY id`, []any{party}, func(r *sql.Rows) error {
		var id uint32
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

func (t *indexTx) Pages(table index.Table, bucket int, from, to int64, fn func(chunk int64, body []byte) error) error {
	return t.each(`SELECT chunk, body FROM pages WHERE tab = ? AND bucket = ? AND chunk BETWEEN ? AND ? ORDER BY chunk`,
		[]any{int(table), bucket, from, to}, func(r *sql.Rows) error {
			var chunk int64
			var body sql.RawBytes
			if err := r.Scan(&chunk, &body); err != nil {
				return fmt.Errorf("read index: %w", err)
			}
			return fn(chunk, body)
		})
}

func (t *indexTx) SetHead(head []byte) error {
	return t.exec(`INSERT INTO head (one, body) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET body = excluded.body`, head)
}

func (t *indexTx) Name(kind index.Kind, key index.Key, id uint32, body []byte) error {
	if err := t.exec(`INSERT INTO ids (kind, key, id) VALUES (?, ?, ?)`, int(kind), key[:], id); err != nil || body == nil {
		return err
	}
	return t.exec(`INSERT INTO bodies (kind, id, body) VALUES (?, ?, ?)`, int(kind), id, body)
}

func (t *indexTx) Link(party string, id uint32) error {
	return t.exec(`INSERT INTO links (party, id) VALUES (?, ?) ON CONFLICT DO NOTHING`, party, id)
}

func (t *indexTx) Page(table index.Table, bucket int, chunk int64, body []byte) error {
	return t.exec(`INSERT INTO pages (tab, bucket, chunk, body) VALUES (?, ?, ?, ?)`, int(table), bucket, chunk, body)
}

func (t *indexTx) Clear() error {
	for _, table := range []string{"head", "ids", "bodies", "links", "pages"} {
		if err := t.exec(`DELETE FROM ` + table); err != nil {
			return err
		}
	}
	return nil
}

package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/getweir/weir/ledger"
)

// A ledgerCopy is a claimed copy of a ledger: ledger.Copy. It has a connection
// of its own, which holds an advisory lock so that a second process is told at
// once, and an epoch, which is what in truth keeps an older claim from writing: a
// lock ends with its connection, the epoch stands in the row that every batch
// changes.
type ledgerCopy struct {
	store  *Store
	log    string
	epoch  int64
	head   ledger.CopyHead
	keys   []byte
	conn   *pgx.Conn // nil: to be opened
	locked bool
}

// lockClass is the first half of the advisory locks' names: "weir".
const lockClass = 0x77656972

// Claim makes the caller the one writer of a ledger: ledger.Store.
func (s *Store) Claim(ctx context.Context, origin string) (ledger.Copy, error) {
	c := &ledgerCopy{store: s, log: origin}
	if err := c.claim(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("claim ledger in store: %w", err), c.Close())
	}
	return c, nil
}

func (c *ledgerCopy) claim(ctx context.Context) error {
	deadline := time.Now().Add(c.store.config.ClaimWait)
	for {
		if err := c.connect(ctx); err != nil {
			return err
		}
		if c.locked {
			break
		}
		if time.Now().After(deadline) {
			return c.heldBy(ctx)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	empty := sha256.Sum256(nil) // RFC 6962, section 2.1: the hash of the empty tree
	var root []byte
	err := c.conn.QueryRow(ctx, `INSERT INTO weir.ledger_heads AS h (log, size, root, epoch, holder, claimed) VALUES ($1, 0, $2, 1, $3, now())
		ON CONFLICT (log) DO UPDATE SET epoch = h.epoch + 1, holder = $3, claimed = now() RETURNING size, root, keys, epoch`,
		c.log, empty[:], c.store.config.Node).Scan(&c.head.Size, &root, &c.keys, &c.epoch)
	if err != nil {
		return err
	}
	if len(root) != len(c.head.Root) {
		return fmt.Errorf("%w: the head of the ledger is malformed", ledger.ErrDamaged)
	}
	c.head.Root = tlog.Hash(root)
	return nil
}

// heldBy says who is in the way.
func (c *ledgerCopy) heldBy(ctx context.Context) error {
	var holder string
	var claimed time.Time
	err := c.conn.QueryRow(ctx, `SELECT holder, claimed FROM weir.ledger_heads WHERE log = $1`, c.log).Scan(&holder, &claimed)
	if err != nil {
		return fmt.Errorf("%w: %s", ledger.ErrLocked, c.log)
	}
	return fmt.Errorf("%w: node %q has %s since %s. If it is another node, one of the two needs another name (weir init --node); if its machine has died, the claim ends within half a minute",
		ledger.ErrLocked, holder, c.log, claimed.UTC().Format(time.RFC3339))
}

// connect opens the connection, if there is none, and takes the lock, if it can
// be had. Without the lock the epoch still decides.
func (c *ledgerCopy) connect(ctx context.Context) (err error) {
	if c.conn != nil && c.conn.IsClosed() {
		c.conn, c.locked = nil, false
	}
	if c.conn == nil {
		if c.conn, err = c.store.connect(ctx); err != nil {
			c.conn = nil
			return err
		}
	}
	if c.locked {
		return nil
	}
	return c.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, hashtext($2))`, lockClass, c.log).Scan(&c.locked)
}

// Head tells how much was acknowledged at the claim.
func (c *ledgerCopy) Head() ledger.CopyHead { return c.head }

// Keys gives how the ledger came by its newest key.
func (c *ledgerCopy) Keys() []byte { return c.keys }

// Close gives up the claim.
func (c *ledgerCopy) Close() error {
	if c.conn == nil {
		return nil
	}
	err := closeConn(c.conn)
	c.conn = nil
	return err
}

// The batch and the head that covers it are one statement: neither is without
// the other, and an older epoch changes nothing.
const putBatch = `WITH head AS (
		UPDATE weir.ledger_heads SET size = $2 + $3, root = $5, acknowledged = now()
		WHERE log = $1 AND epoch = $7 AND size = $2 RETURNING log)
	INSERT INTO weir.ledger_batches (log, first, n, frames, root, signature, stored)
	SELECT log, $2, $3, $4, $5, $6, now() FROM head`

const putNote = `INSERT INTO weir.ledger_checkpoints (log, size, note)
	SELECT log, $2, $3 FROM weir.ledger_heads WHERE log = $1 AND epoch = $4 ON CONFLICT DO NOTHING`

const putKeys = `UPDATE weir.ledger_heads SET keys = $2 WHERE log = $1 AND epoch = $3`

// Put adds a batch and notes in one transaction and one round trip.
func (c *ledgerCopy) Put(ctx context.Context, b *ledger.Batch, notes []ledger.Note) error {
	if err := c.put(ctx, b, notes); err != nil {
		return fmt.Errorf("put into store: %w", err)
	}
	return nil
}

func (c *ledgerCopy) put(ctx context.Context, b *ledger.Batch, notes []ledger.Note) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	var all pgx.Batch // without a transaction around it, it is one
	if b != nil {
		all.Queue(putBatch, c.log, b.First, b.N, b.Frames, b.Root[:], b.Signature, c.epoch)
	}
	for _, n := range notes {
		all.Queue(putNote, c.log, n.Size, n.Text, c.epoch)
		if n.Keys != nil {
			all.Queue(putKeys, c.log, n.Keys, c.epoch)
		}
	}
	res := c.conn.SendBatch(ctx, &all)
	added := int64(-1)
	var err error
	for i := 0; i < all.Len() && err == nil; i++ {
		var tag pgconn.CommandTag
		if tag, err = res.Exec(); i == 0 && b != nil {
			added = tag.RowsAffected()
		}
	}
	// What the first error was says more than what Close makes of it; but only
	// Close sees the commit.
	if cerr := res.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return c.judge(ctx, b, err)
	}
	if added == 0 {
		return c.stands(ctx, b)
	}
	return nil
}

// judge tells an error that will stay from one that may pass.
func (c *ledgerCopy) judge(ctx context.Context, b *ledger.Batch, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" && b != nil { // unique_violation
		if serr := c.stands(ctx, b); serr != nil {
			return serr
		}
	}
	return err
}

// stands finds out why a batch was not added: it is there already, which is well,
// or another process has the ledger, or the store has something else.
func (c *ledgerCopy) stands(ctx context.Context, b *ledger.Batch) error {
	var epoch, size int64
	var same *bool
	err := c.conn.QueryRow(ctx, `SELECT h.epoch, h.size, b.n = $3 AND b.root = $4 AND b.frames = $5
		FROM weir.ledger_heads h LEFT JOIN weir.ledger_batches b ON b.log = h.log AND b.first = $2 WHERE h.log = $1`,
		c.log, b.First, b.N, b.Root[:], b.Frames).Scan(&epoch, &size, &same)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%w: the store knows %s no more", ledger.ErrForked, c.log)
	case err != nil:
		return err
	case epoch != c.epoch:
		return ledger.ErrFenced
	case same != nil && *same && size >= b.First+int64(b.N):
		return nil
	case size < b.First:
		return fmt.Errorf("%w: it had acknowledged %d entries and has %d. It was put back to an older state; the next start gives it what it lost", ledger.ErrForked, b.First, size)
	}
	return fmt.Errorf("%w: it has another batch at entry %d", ledger.ErrForked, b.First)
}

// batchesBytes is about how much Batches gives at once.
const batchesBytes = 8 << 20

// Batches gives batches in order, from the one that holds entry from on.
func (c *ledgerCopy) Batches(ctx context.Context, from int64) ([]ledger.Batch, error) {
	out, err := c.batches(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("read from store: %w", err)
	}
	return out, nil
}

func (c *ledgerCopy) batches(ctx context.Context, from int64) (out []ledger.Batch, err error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	rows, err := c.conn.Query(ctx, `WITH sized AS MATERIALIZED (
			SELECT first, sum(octet_length(frames)) OVER (ORDER BY first) - octet_length(frames) AS before
			FROM (SELECT first, frames FROM weir.ledger_batches
				WHERE log = $1 AND first + n > $2
				AND first >= coalesce((SELECT max(first) FROM weir.ledger_batches WHERE log = $1 AND first <= $2), 0)
				ORDER BY first LIMIT 2000) few)
		SELECT b.first, b.n, b.frames, b.root, b.signature FROM weir.ledger_batches b
		JOIN sized USING (first) WHERE b.log = $1 AND sized.before < $3 ORDER BY first`, c.log, from, batchesBytes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b ledger.Batch
		var root []byte
		if err := rows.Scan(&b.First, &b.N, &b.Frames, &root, &b.Signature); err != nil {
			return nil, err
		}
		if len(root) != len(b.Root) {
			return nil, fmt.Errorf("%w: the batch of entry %d is malformed", ledger.ErrDamaged, b.First)
		}
		b.Root = tlog.Hash(root)
		out = append(out, b)
	}
	return out, rows.Err()
}

// Checkpoints gives notes that cover more than size entries.
func (c *ledgerCopy) Checkpoints(ctx context.Context, size int64) (out [][]byte, err error) {
	if err := c.connect(ctx); err != nil {
		return nil, fmt.Errorf("read from store: %w", err)
	}
	rows, err := c.conn.Query(ctx, `SELECT note FROM weir.ledger_checkpoints WHERE log = $1 AND size > $2 ORDER BY size LIMIT 1000`, c.log, size)
	if err == nil {
		out, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
	}
	if err != nil {
		return nil, fmt.Errorf("read from store: %w", err)
	}
	return out, nil
}

// A Ledger tells how a ledger's copy stands, for people.
type Ledger struct {
	Log          string     `json:"log"`
	Entries      int64      `json:"entries"`
	Batches      int64      `json:"batches"`
	Bytes        int64      `json:"bytes"`
	Checkpoints  int64      `json:"checkpoints"`
	Holder       string     `json:"holder"`
	Held         bool       `json:"held"` // by a process that is connected
	Claimed      time.Time  `json:"claimed"`
	Acknowledged *time.Time `json:"acknowledged"` // the newest batch; nil: none
}

// Ledgers tells of every ledger in the store. It reads the sizes of all batches.
func (s *Store) Ledgers(ctx context.Context) ([]Ledger, error) {
	rows, err := s.pool.Query(ctx, `SELECT h.log, h.size, b.batches, b.bytes,
			(SELECT count(*) FROM weir.ledger_checkpoints c WHERE c.log = h.log),
			h.holder, EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
				AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND l.classid = $1::bigint::oid AND l.objid = (hashtext(h.log)::bigint & 4294967295)::oid),
			h.claimed, h.acknowledged
		FROM weir.ledger_heads h LEFT JOIN LATERAL (
			SELECT count(*) AS batches, coalesce(sum(octet_length(frames)), 0)::bigint AS bytes
			FROM weir.ledger_batches b WHERE b.log = h.log) b ON true ORDER BY h.log`, lockClass)
	if err == nil {
		var out []Ledger
		if out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Ledger]); err == nil {
			return out, nil
		}
	}
	return nil, fmt.Errorf("ask store: %w", err)
}

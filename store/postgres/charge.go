package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/meter"
)

// accountID is the name of an account in the tables. Two that had the same would be
// counted as one, which errs on the side of the bound.
func accountID(a fleet.Account) int64 {
	h := sha256.Sum256(append([]byte{byte(a.Lane), byte(a.Party.Kind), 0}, a.Party.Name...))
	return int64(binary.BigEndian.Uint64(h[:8]) >> 1)
}

// bounds are the arrays that statements about accounts take.
type bounds struct {
	ids     []int64 // of each account, in the order of the bounds
	parties []string
	lanes   []int16
	// of each account and window:
	places, windows []int32
	spans, limits   []int64 // a limit of -1 bounds nothing
}

func newBounds(n int) *bounds {
	b := &bounds{ids: make([]int64, 0, n), parties: make([]string, 0, n), lanes: make([]int16, 0, n)}
	b.places, b.windows = make([]int32, 0, 3*n), make([]int32, 0, 3*n)
	b.spans, b.limits = make([]int64, 0, 3*n), make([]int64, 0, 3*n)
	return b
}

func (b *bounds) add(x *fleet.Bound) {
	b.ids = append(b.ids, accountID(x.Account))
	b.parties, b.lanes = append(b.parties, x.Party.String()), append(b.lanes, int16(x.Lane))
	for w := range weir.NumWindows {
		limit := int64(x.Limits[w])
		if x.Limits[w] != weir.Unbounded {
			limit = max(limit, 0)
		}
		b.places, b.windows = append(b.places, int32(len(b.ids))), append(b.windows, int32(w))
		b.spans, b.limits = append(b.spans, int64(fleet.Kept(w)/time.Microsecond)), append(b.limits, limit)
	}
}

// All who change an account hold its row, which they lock in the order of the ids so
// that nobody waits in a circle. How many there were to lock is noted for the rest of
// the transaction: an account that somebody makes right after is not held, though the
// next statement sees it.
const lockAccounts = `SELECT set_config('weir.locked', count(*)::text, true)
	FROM (SELECT id FROM weir.accounts WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE) held`

// allLocked fails (22012, division by zero) unless all accounts are held.
const allLocked = `SELECT 1 / CASE WHEN current_setting('weir.locked', true) = cardinality($1::bigint[])::text THEN 1 ELSE 0 END`

const makeAccounts = `INSERT INTO weir.accounts (id, party, lane)
	SELECT * FROM unnest($1::bigint[], $2::text[], $3::smallint[]) AS a(id, party, lane) ORDER BY id ON CONFLICT DO NOTHING`

// makeCounts counts what there is, where nothing was counted yet.
const makeCounts = `INSERT INTO weir.counts (account, span, edge, n)
	SELECT a.id, w.span, now.c - w.span, (SELECT count(*) FROM weir.taken t WHERE t.account = a.id AND t.at > now.c - w.span)
	FROM (SELECT ` + clock + ` AS c) now CROSS JOIN unnest($1::bigint[]) a(id) CROSS JOIN unnest($2::bigint[]) w(span)
	WHERE EXISTS (SELECT FROM weir.accounts x WHERE x.id = a.id) AND NOT EXISTS (SELECT FROM weir.counts k WHERE k.account = a.id AND k.span = w.span)
	ON CONFLICT DO NOTHING`

// clockWithin gives, as clk, the clock c, what leaves by it, free, and what is taken
// at it, stamp: see fleet.Charge. $1 and $2 are Earliest and Latest.
const clockWithin = `clk AS MATERIALIZED (
		SELECT c, CASE WHEN $2::bigint > 0 THEN least(c, $2::bigint) ELSE c END AS free, greatest(c, $1::bigint) AS stamp
		FROM (SELECT ` + clock + ` AS c) now)`

// standing gives, as b, how each account and window stands, if all are held: edge is
// where the window begins, n how many count in it, leased how many more are leased. $3 are the
// accounts; $4 to $7 the places, windows, spans and limits.
const standing = `a AS (SELECT id, place FROM unnest($3::bigint[]) WITH ORDINALITY u(id, place)),
	b AS MATERIALIZED (
		SELECT a.place, a.id, l.win, l.span, l.lim, greatest(k.edge, clk.free - l.span) AS edge,
			k.n - (SELECT count(*) FROM weir.taken t WHERE t.account = a.id AND t.at > k.edge AND t.at <= clk.free - l.span) AS n,
			(SELECT coalesce(sum(x.granted - x.used), 0)::bigint FROM weir.leases x
				WHERE x.account = a.id AND CASE WHEN x.sealed THEN x.ends ELSE x.ends + l.span END > clk.free) AS leased
		FROM clk CROSS JOIN unnest($4::int[], $5::int[], $6::bigint[], $7::bigint[]) l(place, win, span, lim)
		JOIN a USING (place) JOIN weir.counts k ON k.account = a.id AND k.span = l.span
		WHERE current_setting('weir.locked', true) = cardinality($3::bigint[])::text)`

// charge adds the demands of the longest prefix of segments that fits. Where an account
// is not held, or a count is missing, nothing is charged.
const charge = `WITH ` + clockWithin + `, ` + standing + `,
	d AS MATERIALIZED (
		SELECT q.seg, a.place, a.id, q.subject, t.at
		FROM unnest($8::int[], $9::int[], $10::bytea[]) q(seg, place, subject) JOIN a USING (place)
		LEFT JOIN weir.taken t ON t.account = a.id AND t.subject = q.subject),
	would AS (
		SELECT d.seg, b.place, b.win, b.lim, b.id, b.edge, b.n + b.leased
			+ sum(count(*) FILTER (WHERE d.at IS NULL OR d.at <= b.edge)) OVER (PARTITION BY b.place, b.win ORDER BY d.seg) AS n
		FROM b JOIN d USING (place) WHERE b.lim >= 0 GROUP BY d.seg, b.place, b.win, b.lim, b.id, b.edge, b.n, b.leased),
	over AS MATERIALIZED (SELECT * FROM would WHERE n > lim ORDER BY seg, place, win LIMIT 1),
	fit AS MATERIALIZED (
		SELECT CASE WHEN (SELECT count(*) FROM b) = cardinality($4::int[]) THEN coalesce((SELECT seg FROM over), $11::int) ELSE -1 END AS n
		WHERE $12::text = '' OR EXISTS (SELECT FROM weir.nodes x, weir.fleet f WHERE x.log = $12 AND x.tick >= $13::bigint AND f.recovery = $14::bigint)),
	put AS (
		INSERT INTO weir.taken AS t (account, subject, at) SELECT d.id, d.subject, clk.stamp FROM d, clk, fit WHERE d.seg < fit.n
		ON CONFLICT (account, subject) DO UPDATE SET at = greatest(t.at, excluded.at)),
	counted AS (
		UPDATE weir.counts k SET edge = b.edge, n = b.n
			+ (SELECT count(*) FROM d, fit WHERE d.place = b.place AND d.seg < fit.n AND (d.at IS NULL OR d.at <= b.edge))
		FROM b WHERE k.account = b.id AND k.span = b.span)
	SELECT coalesce(fit.n, -2), clk.c, over.place, over.win, over.lim,
		(SELECT min(t.at) FROM weir.taken t WHERE t.account = over.id AND t.at > over.edge) - over.edge
	FROM clk LEFT JOIN fit ON true LEFT JOIN over ON true`

// Charge is one round trip and one transaction: the accounts' rows are locked, and then
// one statement, which sees what whoever had them before has left, does the rest.
func (s *Store) Charge(ctx context.Context, c *fleet.Charge) (done fleet.Charged, err error) {
	b := newBounds(len(c.Bounds))
	for i := range c.Bounds {
		b.add(&c.Bounds[i])
	}
	segments, places, subjects := make([]int32, len(c.Demands)), make([]int32, len(c.Demands)), make([][]byte, len(c.Demands))
	for i := range c.Demands {
		d := &c.Demands[i]
		segments[i], places[i], subjects[i] = int32(d.Segment), int32(d.Bound+1), d.Subject[:]
	}
	var fit int
	var place, window *int
	var limit, free *int64
	try := func(ctx context.Context, missing bool) error {
		var all pgx.Batch // without a transaction around it, it is one
		if missing {
			all.Queue(makeAccounts, b.ids, b.parties, b.lanes)
		}
		all.Queue(lockAccounts, b.ids)
		if missing {
			all.Queue(makeCounts, b.ids, windowSpans())
		}
		all.Queue(charge, int64(c.Earliest), int64(c.Latest), b.ids, b.places, b.windows, b.spans, b.limits, segments, places, subjects, c.Segments, c.Log, c.Tick, c.Recovery).
			QueryRow(func(row pgx.Row) error { return row.Scan(&fit, &done.Now, &place, &window, &limit, &free) })
		return s.pool.SendBatch(ctx, &all).Close()
	}
	err = s.ask(ctx, "charge in store", func(ctx context.Context) error {
		err := try(ctx, false)
		if err == nil && fit == uncounted { // an account is new, or was swept
			err = try(ctx, true)
		}
		if err != nil {
			return err
		}
		switch fit {
		case uncounted:
			return errCounts
		case forgotten:
			return fleet.ErrForgotten
		}
		done.Fit, done.Over = fit, nil
		if place != nil {
			bound := &c.Bounds[*place-1]
			done.Over = &meter.Over{Party: bound.Party, Lane: bound.Lane, Window: weir.Window(*window), Limit: int(*limit)}
			if free != nil && *limit > 0 {
				done.Over.Free = max(time.Duration(*free)*time.Microsecond, time.Microsecond)
			}
		}
		return nil
	})
	return done, err
}

// What charge says in place of how many segments fit.
const (
	uncounted = -1
	forgotten = -2
)

// errCounts: an account was swept between two statements. The next try makes it anew.
var errCounts = errors.New("an account is not counted")

func windowSpans() (spans []int64) {
	for w := range weir.NumWindows {
		spans = append(spans, int64(fleet.Kept(w)/time.Microsecond))
	}
	return spans
}

// A cursor is where the next sweep goes on.
type cursor struct {
	mu sync.Mutex
	at int64
}

// sweepAccounts is how many accounts one sweep looks at, and sweepRows how many rows it
// removes of one at most.
const (
	sweepAccounts = 500
	sweepRows     = 20000
)

// Sweep looks at some accounts, in the order of their ids, and goes on behind them the
// next time.
func (s *Store) Sweep(ctx context.Context) error {
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	month := int64(fleet.Kept(weir.Month) / time.Microsecond)
	var ids []int64
	err := s.ask(ctx, "sweep store", func(ctx context.Context) error {
		// An account that was charged today has let go of the others by itself, but for
		// the rows.
		rows, err := s.pool.Query(ctx, `SELECT id FROM weir.accounts WHERE id > $1 ORDER BY id LIMIT $2`, s.sweep.at, sweepAccounts)
		if err == nil {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.ask(ctx, "sweep store", func(ctx context.Context) error {
			var old bool
			err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM weir.taken WHERE account = $1 AND at <= `+clock+` - $2::bigint)
				OR NOT EXISTS (SELECT FROM weir.taken WHERE account = $1)
				OR EXISTS (SELECT FROM weir.leases WHERE account = $1 AND ends + CASE WHEN sealed THEN 0 ELSE $2::bigint END <= `+clock+`)`, id, month).Scan(&old)
			if err != nil || !old {
				return err
			}
			return s.sweepOne(ctx, id, month)
		})
		if err != nil {
			return err
		}
		s.sweep.at = id
	}
	if len(ids) < sweepAccounts {
		s.sweep.at = 0
	}
	return nil
}

// sweepOne moves the windows of an account on, then removes what has left the longest,
// and the account if nothing is left.
func (s *Store) sweepOne(ctx context.Context, id, month int64) error {
	var all pgx.Batch
	one := []int64{id}
	all.Queue(lockAccounts, one)
	all.Queue(`UPDATE weir.counts k SET edge = x.edge, n = k.n - x.gone
		FROM (SELECT c.account, c.span, now.c - c.span AS edge,
				(SELECT count(*) FROM weir.taken t WHERE t.account = c.account AND t.at > c.edge AND t.at <= now.c - c.span) AS gone
			FROM weir.counts c CROSS JOIN (SELECT `+clock+` AS c) now WHERE c.account = $1) x
		WHERE k.account = x.account AND k.span = x.span AND x.edge > k.edge`, id)
	all.Queue(`DELETE FROM weir.taken WHERE account = $1 AND subject IN (
			SELECT subject FROM weir.taken WHERE account = $1 AND at <= (SELECT edge FROM weir.counts WHERE account = $1 AND span = $2::bigint) ORDER BY at LIMIT $3)`,
		id, month, sweepRows)
	all.Queue(`DELETE FROM weir.leases WHERE account = $1 AND ends + CASE WHEN sealed THEN 0 ELSE $2::bigint END <= `+clock, id, month)
	empty := `AND NOT EXISTS (SELECT FROM weir.taken WHERE account = $1) AND NOT EXISTS (SELECT FROM weir.leases WHERE account = $1)`
	all.Queue(`DELETE FROM weir.counts WHERE account = $1 `+empty, id)
	all.Queue(`DELETE FROM weir.accounts WHERE id = $1 `+empty, id)
	return s.pool.SendBatch(ctx, &all).Close()
}

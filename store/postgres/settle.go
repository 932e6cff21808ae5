package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/getweir/weir/fleet"
)

// put adds what was taken, at the moment said or now. The parameters before $8 are
// those of charge; $8 to $10 are place, subject and moment of each take.
const put = `WITH ` + clockWithin + `, ` + standing + `,
	d AS MATERIALIZED (
		SELECT a.place, a.id, q.subject, t.at AS old, greatest(t.at, least(q.at, clk.stamp)) AS at
		FROM clk CROSS JOIN (
			SELECT place, subject, max(CASE WHEN at > 0 THEN at ELSE 9223372036854775807 END) AS at
			FROM unnest($8::int[], $9::bytea[], $10::bigint[]) u(place, subject, at) GROUP BY place, subject) q
		JOIN a USING (place)
		LEFT JOIN weir.taken t ON t.account = a.id AND t.subject = q.subject),
	put AS (
		INSERT INTO weir.taken AS t (account, subject, at) SELECT id, subject, at FROM d
		ON CONFLICT (account, subject) DO UPDATE SET at = greatest(t.at, excluded.at))
	UPDATE weir.counts k SET edge = b.edge, n = b.n
		+ (SELECT count(*) FROM d WHERE d.place = b.place AND d.at > b.edge AND (d.old IS NULL OR d.old <= b.edge))
	FROM b WHERE k.account = b.id AND k.span = b.span`

// useLeases takes over what was used. Of a lease that has ended some may have ceased to
// count: what is left does not come to life again with the next.
const useLeases = `UPDATE weir.leases l SET used = least(greatest(l.used, i.used), l.granted), sealed = l.sealed OR i.sealed,
		granted = CASE WHEN i.want > 0 AND l.ends <= ` + clock + ` THEN least(greatest(l.used, i.used), l.granted) ELSE l.granted END
	FROM unnest($2::bigint[], $3::bigint[], $4::boolean[], $5::bigint[]) i(id, used, sealed, want) WHERE l.account = i.id AND l.log = $1`

const endLeases = `DELETE FROM weir.leases WHERE log = $1 AND account = ANY ($2) AND sealed AND ends <= ` + clock

// grant leases a part of what is left. $8 is the log; $9 to $11 what each account's
// line says was used, is wanted, and for how long.
const grant = `WITH ` + clockWithin + `, ` + standing + `,
	g AS (
		SELECT b.place, b.id, i.used, i.span, greatest(0, least(i.want, min((b.lim - b.n - b.leased) / $12::bigint) FILTER (WHERE b.lim >= 0))) AS n
		FROM b JOIN unnest($9::bigint[], $10::bigint[], $11::bigint[]) WITH ORDINALITY i(used, want, span, place) USING (place)
		WHERE i.want > 0 AND EXISTS (SELECT FROM weir.nodes x, weir.fleet f WHERE x.log = $8 AND x.tick >= $13::bigint AND f.recovery = $14::bigint) GROUP BY b.place, b.id, i.used, i.want, i.span)
	INSERT INTO weir.leases AS l (account, log, granted, used, ends, sealed)
	SELECT g.id, $8, g.used + g.n, g.used, clk.c + g.span, false FROM g CROSS JOIN clk
	WHERE g.n > 0 OR EXISTS (SELECT FROM weir.leases x WHERE x.account = g.id AND x.log = $8)
	ON CONFLICT (account, log) DO UPDATE SET granted = l.granted + excluded.granted - excluded.used, ends = excluded.ends, sealed = false`

// Settle is one round trip and one transaction.
func (s *Store) Settle(ctx context.Context, c *fleet.Settlement) (done fleet.Settled, err error) {
	b := newBounds(len(c.Lines))
	used, want, span, sealed := make([]int64, len(c.Lines)), make([]int64, len(c.Lines)), make([]int64, len(c.Lines)), make([]bool, len(c.Lines))
	var places []int32
	var subjects [][]byte
	var moments []int64
	wanted := false
	for i := range c.Lines {
		line := &c.Lines[i]
		b.add(&line.Bound)
		used[i], want[i], span[i], sealed[i] = line.Used, line.Want, int64(line.Span/time.Microsecond), line.Sealed
		if sealed[i] {
			want[i] = 0
		}
		wanted = wanted || want[i] > 0
		for k := range line.Takes {
			places, subjects, moments = append(places, int32(i+1)), append(subjects, line.Takes[k].Subject[:]), append(moments, int64(line.Takes[k].At))
		}
	}
	err = s.ask(ctx, "settle in store", func(ctx context.Context) error {
		done = fleet.Settled{Leases: make([]fleet.Lease, len(c.Lines))}
		known := int64(0)
		var all pgx.Batch
		if len(c.Lines) > 0 {
			all.Queue(makeAccounts, b.ids, b.parties, b.lanes)
			all.Queue(lockAccounts, b.ids)
			all.Queue(allLocked, b.ids)
			all.Queue(makeCounts, b.ids, windowSpans())
		}
		these := []any{int64(c.Earliest), int64(c.Latest), b.ids, b.places, b.windows, b.spans, b.limits}
		if len(places) > 0 {
			all.Queue(put, append(these[:7:7], places, subjects, moments)...)
		}
		if len(c.Lines) > 0 {
			all.Queue(useLeases, c.Log, b.ids, used, sealed, want)
			all.Queue(endLeases, c.Log, b.ids)
		}
		if wanted {
			all.Queue(grant, append(these[:7:7], c.Log, used, want, span, int64(fleet.Part), c.Tick, c.Recovery)...)
		}
		all.Queue(`UPDATE weir.nodes SET counted = greatest(counted, $2) WHERE log = $1 RETURNING `+clock, c.Log, c.Counted).QueryRow(func(row pgx.Row) error {
			known++
			return row.Scan(&done.Now)
		})
		all.Queue(`SELECT a.place, l.granted, l.used, l.ends FROM unnest($2::bigint[]) WITH ORDINALITY a(id, place)
			JOIN weir.leases l ON l.account = a.id WHERE l.log = $1`, c.Log, b.ids).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var place int
				var l fleet.Lease
				if err := rows.Scan(&place, &l.Granted, &l.Used, &l.Ends); err != nil {
					return err
				}
				done.Leases[place-1] = l
			}
			return rows.Err()
		})
		return s.pool.SendBatch(ctx, &all).Close()
	})
	return done, err
}

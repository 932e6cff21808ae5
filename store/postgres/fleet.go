package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/ledger"
)

var _ fleet.Store = (*Store)(nil)

// clock is the server's, in microseconds: of the moment, not of the transaction.
const clock = `floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// errNode: the database does not know the node, or no more.
var errNode = errors.New("the store does not know this node")

// ask carries out do as the directory's questions are.
func (s *Store) ask(ctx context.Context, what string, do func(ctx context.Context) error) error {
	if err := (*table)(s).ask(ctx, do); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// recent is how long a ledger may have been without a batch for its node still to be
// missed by others: what is older counts no more.
const recent = 32 * 24 * time.Hour

// Join is fleet.Store's.
func (s *Store) Join(ctx context.Context, b fleet.Beat) (j fleet.Joined, err error) {
	log, policy := b.Log, b.Policy
	err = s.ask(ctx, "join in store", func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO weir.fleet (one, recovery, seq, policy, loaded) VALUES (true, 0, 0, '', 0) ON CONFLICT DO NOTHING`); err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, `SELECT recovery FROM weir.fleet FOR UPDATE`).Scan(&j.Recovery); err != nil {
				return err
			}
			var known bool
			if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM weir.nodes)`).Scan(&known); err != nil {
				return err
			}
			if !known {
				j.Recovery++
				if _, err := tx.Exec(ctx, `UPDATE weir.fleet SET recovery = $1`, j.Recovery); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, `INSERT INTO weir.nodes (log, node, policy, seen, tick, counted, obeyed, acts, recovery)
					SELECT log, holder, '', 0, 0, 0, 0, 0, 0 FROM weir.ledger_heads
					WHERE log <> $1 AND size > 0 AND acknowledged > clock_timestamp() - make_interval(secs => $2)`, log, recent.Seconds()); err != nil {
					return err
				}
			}
			var behind bool
			err := tx.QueryRow(ctx, `SELECT coalesce((SELECT tick FROM weir.nodes WHERE log = $1), 0) < $2`, log, b.Last).Scan(&behind)
			if err != nil {
				return err
			}
			if behind {
				j.Recovery++
				if _, err := tx.Exec(ctx, `UPDATE weir.fleet SET recovery = $1`, j.Recovery); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, `UPDATE weir.fleet SET policy = $2, loaded = `+clock+` WHERE loaded = 0 OR policy <> $2
					AND NOT EXISTS (SELECT FROM weir.nodes WHERE log <> $1 AND seen > `+clock+` - $3::bigint)`,
				log, policy, fleet.Alive.Microseconds()); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `INSERT INTO weir.nodes AS n (log, node, policy, seen, tick, counted, obeyed, acts, recovery)
				VALUES ($1, $2, $3, `+clock+`, $4, 0, 0, 0, 0)
				ON CONFLICT (log) DO UPDATE SET node = $2, policy = $3, tick = greatest(n.tick, $4), seen = `+clock+` RETURNING `+clock+`, counted, acts, obeyed, tick`,
				log, b.Node, policy, b.Tick).Scan(&j.Now, &j.Counted, &j.Acts, &j.Obeyed, &j.Tick)
		})
	})
	return j, err
}

// Acknowledged is fleet.Store's.
func (s *Store) Acknowledged(ctx context.Context, log string, from int64) (all []fleet.Mark, err error) {
	err = s.ask(ctx, "ask store what it acknowledged", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT first, first + n, floor(extract(epoch FROM stored) * 1000000)::bigint FROM weir.ledger_batches
			WHERE log = $1 AND first >= coalesce((SELECT max(first) FROM weir.ledger_batches WHERE log = $1 AND first <= $2), 0) AND first + n > $2
			ORDER BY first LIMIT 10000`, log, from)
		if err == nil {
			all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[fleet.Mark])
		}
		return err
	})
	return all, err
}

// Load is fleet.Store's.
func (s *Store) Load(ctx context.Context, _, policy string) error {
	return s.ask(ctx, "tell store of a policy", func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `UPDATE weir.fleet SET policy = $1, loaded = `+clock+` WHERE policy <> $1`, policy)
		return err
	})
}

// Ready is fleet.Store's.
func (s *Store) Ready(ctx context.Context, log string, counted, recovery int64) error {
	return s.ask(ctx, "tell store that a node is ready", func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `UPDATE weir.nodes SET counted = greatest(counted, $2), recovery = $3 WHERE log = $1`, log, counted, recovery)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return errNode
			}
			_, err = tx.Exec(ctx, `DELETE FROM weir.leases WHERE log = $1`, log)
			return err
		})
	})
}

// Recover is fleet.Store's.
func (s *Store) Recover(ctx context.Context, _ string) error {
	return s.ask(ctx, "tell store that it has forgotten", func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `INSERT INTO weir.fleet AS f (one, recovery, seq, policy, loaded) VALUES (true, 1, 0, '', 0)
			ON CONFLICT (one) DO UPDATE SET recovery = f.recovery + 1`)
		return err
	})
}

// Accept is fleet.Store's.
func (s *Store) Accept(ctx context.Context, log string) error {
	return s.ask(ctx, "accept in store", func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, `UPDATE weir.nodes SET recovery = (SELECT recovery FROM weir.fleet) WHERE log = $1`, log)
		if err == nil && tag.RowsAffected() == 0 {
			return fmt.Errorf("%w: %s", errNode, log)
		}
		return err
	})
}

// Sync is one round trip.
func (s *Store) Sync(ctx context.Context, b fleet.Beat) (news fleet.News, err error) {
	err = s.ask(ctx, "ask store what is new", func(ctx context.Context) error {
		news = fleet.News{Before: -1, Recovery: -1}
		var all pgx.Batch // without a transaction around it, it is one
		all.Queue(`SELECT tick FROM weir.nodes WHERE log = $1`, b.Log).Query(func(rows pgx.Rows) error {
			before, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if len(before) > 0 {
				news.Before = before[0]
			}
			return err
		})
		all.Queue(`UPDATE weir.nodes SET tick = $2, policy = $3, node = $4, obeyed = greatest(obeyed, $5), seen = `+clock+` 
			WHERE log = $1 AND tick >= $6 AND (tick < $2 OR policy <> $3)`, b.Log, b.Tick, b.Policy, b.Node, b.Obeyed, b.Last)
		all.Queue(`SELECT coalesce(f.recovery, -1), coalesce(f.policy, ''), coalesce(f.loaded, 0), now.c
			FROM (SELECT ` + clock + ` AS c) now LEFT JOIN weir.fleet f ON true`).QueryRow(func(row pgx.Row) error {
			return row.Scan(&news.Recovery, &news.Policy, &news.Loaded, &news.Now)
		})
		all.Queue(`SELECT key, seq, until, lifts, entry FROM weir.acts WHERE seq > $1 ORDER BY seq`, b.Seen).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				a := fleet.Act{Entry: new(ledger.Entry)}
				var entry []byte
				if err := rows.Scan(&a.Key, &a.Seq, &a.Until, &a.Lifts, &entry); err != nil {
					return err
				}
				if err := json.Unmarshal(entry, a.Entry); err != nil {
					return fmt.Errorf("%w: the act %d is malformed", ErrForeign, a.Seq)
				}
				news.Acts = append(news.Acts, a)
			}
			return rows.Err()
		})
		all.Queue(`SELECT log, node, policy, seen, recovery FROM weir.nodes ORDER BY log`).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var n fleet.Node
				var recovery int64
				if err := rows.Scan(&n.Log, &n.Node, &n.Policy, &n.Seen, &recovery); err != nil {
					return err
				}
				if recovery < news.Recovery {
					news.Missing = append(news.Missing, n.Log)
				}
				news.Nodes = append(news.Nodes, n)
			}
			return rows.Err()
		})
		return s.pool.SendBatch(ctx, &all).Close()
	})
	return news, err
}

// acted is the channel on which nodes tell each other that there are new acts.
const acted = "weir_acted"

// Changes is fleet.Store's. It is fed while Run runs.
func (s *Store) Changes() <-chan struct{} { return s.changes }

func (s *Store) changed() {
	select {
	case s.changes <- struct{}{}:
	default:
	}
}

// Publish numbers acts under the lock of one row, so that whoever sees a number sees
// all lower ones.
func (s *Store) Publish(ctx context.Context, log string, upto int64, acts []fleet.Act) error {
	return s.ask(ctx, "publish in store", func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			var seq int64
			if err := tx.QueryRow(ctx, `SELECT seq FROM weir.fleet FOR UPDATE`).Scan(&seq); err != nil {
				return err
			}
			var before int64
			err := tx.QueryRow(ctx, `SELECT acts FROM weir.nodes WHERE log = $1 FOR UPDATE`, log).Scan(&before)
			if errors.Is(err, pgx.ErrNoRows) {
				return errNode
			}
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE weir.nodes SET acts = $2 WHERE log = $1`, log, max(before, upto)); err != nil {
				return err
			}
			for i := range acts {
				a := &acts[i]
				if a.Index < before {
					continue
				}
				entry, err := json.Marshal(a.Entry)
				if err != nil {
					return err
				}
				tag, err := tx.Exec(ctx, `INSERT INTO weir.acts AS a (key, seq, until, lifts, entry) VALUES ($1, $2, $3, $4, $5)
					ON CONFLICT (key) DO UPDATE SET seq = $2, until = $3, lifts = $4, entry = $5
					WHERE $4 OR a.lifts OR a.until <> 0 AND ($3 = 0 OR $3 > a.until)`, a.Key, seq+1, int64(a.Until), a.Lifts, entry)
				if err != nil {
					return err
				}
				seq += tag.RowsAffected()
			}
			if _, err := tx.Exec(ctx, `UPDATE weir.fleet SET seq = $1`, seq); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `SELECT pg_notify($1, '')`, acted)
			return err
		})
	})
}

// Usage is fleet.Store's.
func (s *Store) Usage(ctx context.Context, accounts []fleet.Account) (all []fleet.Usage, err error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(accounts))
	for i := range accounts {
		ids[i] = accountID(accounts[i])
	}
	var spans []int64
	for w := range weir.NumWindows {
		spans = append(spans, int64(fleet.Kept(w)/time.Microsecond))
	}
	err = s.ask(ctx, "ask store what was taken", func(ctx context.Context) error {
		all = make([]fleet.Usage, len(accounts))
		rows, err := s.pool.Query(ctx, `WITH now AS MATERIALIZED (SELECT `+clock+` AS c)
			SELECT a.place, w.place, k.n - gone.now,
				CASE WHEN w.span > 7200000000 THEN k.n - gone.hour ELSE 0 END, CASE WHEN w.span > 172800000000 THEN k.n - gone.day ELSE 0 END,
				(SELECT coalesce(sum(l.granted - l.used), 0)::bigint FROM weir.leases l
					WHERE l.account = a.id AND CASE WHEN l.sealed THEN l.ends ELSE l.ends + w.span END > now.c)
			FROM now CROSS JOIN unnest($1::bigint[]) WITH ORDINALITY a(id, place) CROSS JOIN unnest($2::bigint[]) WITH ORDINALITY w(span, place)
			JOIN weir.counts k ON k.account = a.id AND k.span = w.span
			CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE t.at <= now.c - w.span) AS now,
					count(*) FILTER (WHERE t.at <= now.c - w.span + 3600000000) AS hour, count(*) AS day
				FROM weir.taken t WHERE t.account = a.id AND t.at > k.edge AND t.at <= now.c - w.span
					+ CASE WHEN w.span > 172800000000 THEN 86400000000 WHEN w.span > 7200000000 THEN 3600000000 ELSE 0 END) gone`, ids, spans)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var account, window, n, hour, day, leased int
			if err := rows.Scan(&account, &window, &n, &hour, &day, &leased); err != nil {
				return err
			}
			u := &all[account-1]
			u.Taken[window-1], u.InHour[window-1], u.InDay[window-1], u.Leased[window-1] = n, hour, day, leased
		}
		return rows.Err()
	})
	return all, err
}

// A Node tells how a node stands, for people.
type Node struct {
	Node    string    `json:"node"`
	Log     string    `json:"ledger"`
	Policy  string    `json:"policy"`
	Same    bool      `json:"same"` // its policy is the deployment's
	Seen    time.Time `json:"seen"`
	Missing bool      `json:"missing"` // it has not told again what was taken
}

// Nodes tells of every node that has ever joined.
func (s *Store) Nodes(ctx context.Context) (all []Node, err error) {
	err = s.ask(ctx, "ask store", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT n.node, n.log, n.policy, n.policy = f.policy, to_timestamp(n.seen / 1000000.0), n.recovery < f.recovery
			FROM weir.nodes n, weir.fleet f ORDER BY n.log`)
		if err == nil {
			all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Node])
		}
		for i := range all {
			all[i].Seen = all[i].Seen.UTC()
		}
		return err
	})
	return all, err
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// A committer gathers changes that come at once into one transaction, since what
// takes time is the sync. The first who comes carries out the next round for all
// that come until the round before is done. Each change is whole or undone,
// whatever the others of its round do.
type committer struct {
	db *sql.DB // one connection

	// writer holds a token while somebody writes.
	writer chan struct{}

	mu         sync.Mutex
	round      *commitRound // those who wait for the next one; guarded by mu; nil: nobody
	statements map[string]*sql.Stmt
}

type commitRound struct {
	changes []*commitChange
	done    chan struct{}
	err     error // of the commit; set before done is closed
}

type commitChange struct {
	do  func(run runner) error
	err error // set before done of its round is closed
}

// roundLimit bounds how many changes one transaction has.
const roundLimit = 256

func newCommitter(db *sql.DB) *committer {
	return &committer{db: db, writer: make(chan struct{}, 1), statements: make(map[string]*sql.Stmt)}
}

// A runner carries out statements within a transaction, prepared once.
type runner struct {
	ctx context.Context
	c   *committer
	tx  *sql.Tx
}

func (r runner) statement(query string) (*sql.Stmt, error) {
	r.c.mu.Lock()
	s := r.c.statements[query]
	r.c.mu.Unlock()
	if s == nil {
		// By the transaction's connection, the only one there is: the database's own
		// Prepare would wait for it.
		s, err := r.tx.PrepareContext(r.ctx, query)
		return s, err
	}
	return r.tx.StmtContext(r.ctx, s), nil
}

func (r runner) exec(query string, args ...any) (int64, error) {
	s, err := r.statement(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(r.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// prepare makes a statement once, while no transaction has the connection.
func (c *committer) prepare(ctx context.Context, queries ...string) error {
	for _, q := range queries {
		s, err := c.db.PrepareContext(ctx, q)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.statements[q] = s
		c.mu.Unlock()
	}
	return nil
}

// write carries out do in a transaction with others, and returns when it is
// durable or undone. Whatever do does may be done twice. The end of ctx ends the
// wait; the change may then be there or not.
func (c *committer) write(ctx context.Context, do func(run runner) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mine := &commitChange{do: do}
	c.mu.Lock()
	leads := c.round == nil || len(c.round.changes) >= roundLimit
	if leads {
		c.round = &commitRound{done: make(chan struct{})}
	}
	r := c.round
	r.changes = append(r.changes, mine)
	c.mu.Unlock()
	if leads {
		c.lead(context.WithoutCancel(ctx), r)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return errors.Join(mine.err, r.err)
}

func (c *committer) lead(ctx context.Context, r *commitRound) {
	c.writer <- struct{}{}
	defer func() { <-c.writer }()
	c.mu.Lock()
	if c.round == r {
		c.round = nil
	}
	c.mu.Unlock()
	defer close(r.done)
	// Most rounds have no change that fails, and points to go back to cost a copy of
	// every page that is changed: they are set only when one has.
	failed, err := c.carryOut(ctx, r.changes, false)
	if failed && len(r.changes) > 1 {
		_, err = c.carryOut(ctx, r.changes, true)
	}
	r.err = err
}

// carryOut carries changes out in one transaction. Without points to go back to,
// none is there if one has failed.
func (c *committer) carryOut(ctx context.Context, changes []*commitChange, points bool) (failed bool, err error) {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	run := runner{ctx, c, tx}
	for _, one := range changes {
		if points {
			if _, err := run.exec(savepoint); err != nil {
				return false, err
			}
		}
		one.err = one.do(run)
		if one.err != nil && !points {
			return true, nil
		}
		if one.err != nil {
			if _, err := run.exec(rollbackTo); err != nil {
				return false, err
			}
		}
		if points {
			if _, err := run.exec(release); err != nil {
				return false, err
			}
		}
	}
	return false, tx.Commit()
}

const (
	savepoint  = `SAVEPOINT one`
	rollbackTo = `ROLLBACK TO one`
	release    = `RELEASE one`
)

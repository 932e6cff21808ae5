package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// covering follows the ledger for the console and the exposure, from where the last
// start had kept what it knew.
type covering struct {
	log    *ledger.Log
	logger *slog.Logger
	each   int64         // entries after which what is known is kept,
	pause  time.Duration // and the least time between

	mu     sync.Mutex
	reader *coverage.Reader
	next   int64

	last   *coverage.Report // made at madeAt, from entries before madeOf, under policy
	open   []exposure.Open
	madeAt time.Time
	madeOf int64
	policy string
}

const (
	coveringCursor = "coverage"
	coveringPause  = 5 * time.Minute
	coveringEach   = 50_000 // entries
)

func newCovering(log *ledger.Log, logger *slog.Logger) *covering {
	c := &covering{log: log, logger: logger, each: coveringEach, pause: coveringPause, reader: &coverage.Reader{}}
	next, state, err := log.Resume(coveringCursor)
	if err == nil && next > 0 {
		var r *coverage.Reader
		if r, err = coverage.Load(state); err == nil {
			c.reader, c.next = r, next
		}
	}
	if err != nil {
		logger.Warn("the coverage's cursor cannot be used; the ledger is read from the beginning", "err", err)
	}
	return c
}

// run follows until ctx ends.
func (c *covering) run(ctx context.Context) {
	kept, at := c.next, time.Now()
	err := c.log.Follow(ctx, c.next, func(index int64, e *ledger.Entry) error {
		c.mu.Lock()
		c.reader.Read(e)
		c.next = index + 1
		var state []byte
		var err error
		keep := index+1-kept >= c.each && time.Since(at) >= c.pause
		if keep {
			state, err = c.reader.Snapshot()
		}
		c.mu.Unlock()
		if !keep {
			return nil
		}
		at = time.Now()
		if err == nil {
			err = c.log.Keep(coveringCursor, index+1, state)
		}
		if err == nil {
			kept = index + 1
		} else if !errors.Is(err, ledger.ErrUnproven) {
			c.logger.Warn("the coverage's cursor cannot be kept", "err", err)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		c.logger.Error("coverage cannot follow the ledger", "err", err)
	}
}

// A report is good for so long: the console asks several times a second.
const coveringFresh = 5 * time.Second

// report gives what was covered of late, compared with a policy.
func (c *covering) report(p *policy.Policy) *coverage.Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest(p)
}

func (c *covering) newest(p *policy.Policy) *coverage.Report {
	if c.last == nil || c.policy != p.Version() || time.Since(c.madeAt) > coveringFresh {
		if c.last == nil || c.policy != p.Version() || c.madeOf != c.next {
			c.last = c.reader.Report(p)
		}
		c.open, c.madeAt, c.madeOf, c.policy = nil, time.Now(), c.next, p.Version()
	}
	return c.last
}

// unbounded gives what no budget bounds, the worst first.
func (c *covering) unbounded(s *server) []exposure.Open {
	p := s.guard.Policy()
	c.mu.Lock()
	defer c.mu.Unlock()
	report := c.newest(p)
	if c.open == nil {
		f := exposureFacts(s.cfg, s.cfg.State)
		f.Policy, f.Mode, f.Coverage = p, s.guard.Mode(), report
		c.open = exposure.Unbounded(f)
	}
	return c.open
}

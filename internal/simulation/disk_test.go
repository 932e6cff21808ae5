package simulation_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/getweir/weir/ledger"
)

// A disk keeps a node's ledger: entries as they are written, those that a sync has
// reached, and those that wait.
type disk struct {
	entries [][]byte // durable
	waiting [][]byte // sent, and not synced yet
	last    time.Time
}

// each reads the durable entries from an index on.
func (d *disk) each(from int64, fn func(int64, *ledger.Entry) error) error {
	for i := from; i < int64(len(d.entries)); i++ {
		e, err := ledger.Decode(d.entries[i])
		if err != nil {
			return err
		}
		if err := fn(i, e); err != nil {
			return err
		}
	}
	return nil
}

// trouble is what becomes of an Append.
type trouble uint8

const (
	none       trouble = iota
	lost               // an error, and nothing was written
	kept               // an error, and yet it was written
	stalled            // it takes long
	diesBefore         // the process ends, and nothing was written
	diesAfter          // the process ends when it was written, and before anybody knows
	troubles
)

// A journal is one process's ledger on a disk, as ledger.Log is one: what Append has
// returned for is durable, what Send has taken soon is, time never runs backwards in
// it, and after an error nothing is taken any more.
type journal struct {
	disk  *disk
	node  string
	away  func() bool      // the store that keeps a copy does not answer
	clock func() time.Time // the machine's
	truth func() time.Time // nobody's
	rng   *rand.Rand
	next  trouble             // of the next Append
	stall func(time.Duration) // lets time pass
	die   func()              // ends the process
	early bool                // sabotage: Append returns before anything is durable
	blank bool                // sabotage: intents lose whom they are about

	mu      sync.Mutex
	stopped bool
	cause   time.Time                          // of the newest entry that watch may act on
	wrote   time.Time                          // when that was written, by true time
	follow  []func(int64, *ledger.Entry) error // whoever follows
	ready   chan struct{}                      // has something for each that has begun to
}

var errGone = errors.New("the ledger has stopped")

func (j *journal) write(entries []*ledger.Entry) error {
	now := j.clock()
	for _, e := range entries {
		c := *e
		if c.Time.IsZero() {
			c.Time = now
		}
		if c.Node == "" {
			c.Node = j.node
		}
		if c.Time.Before(j.disk.last) {
			c.Time = j.disk.last
		}
		for i := range 2 {
			binary.BigEndian.PutUint64(c.Salt[8*i:], rand.Uint64()) // not the run's: see world.time
		}
		e.Time, e.Salt = c.Time, c.Salt
		if c.Kind == ledger.Release || c.Kind == ledger.Denied {
			j.cause, j.wrote = c.Time, j.truth()
		}
		if j.blank && c.Kind == ledger.Intent {
			c.Subjects = nil
		}
		j.disk.last = c.Time
		b, err := c.AppendTo(nil)
		if err != nil {
			return err
		}
		j.disk.waiting = append(j.disk.waiting, b)
	}
	return nil
}

// sync makes durable what waits, and tells who follows.
func (j *journal) sync() {
	from := int64(len(j.disk.entries))
	j.disk.entries = append(j.disk.entries, j.disk.waiting...)
	j.disk.waiting = nil
	for _, fn := range j.follow {
		_ = j.disk.each(from, fn)
	}
}

func (j *journal) Append(_ context.Context, entries ...*ledger.Entry) (r ledger.Receipt, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return r, errGone
	}
	what := j.next
	j.next = none
	if j.away() && what != diesBefore && what != diesAfter {
		what = [...]trouble{lost, kept}[j.rng.IntN(2)] // its patience ends
	}
	switch what {
	case lost, diesBefore:
		// Of what was sent before, some may have come through.
		j.disk.waiting = j.disk.waiting[:j.rng.IntN(len(j.disk.waiting)+1)]
		j.sync()
		j.stopped = true
	default:
		if err := j.write(entries); err != nil {
			return r, err
		}
		if what == stalled {
			j.stall(time.Duration(j.rng.Int64N(int64(longestStall))))
		}
		if !j.early {
			j.sync()
		}
		j.stopped = what == kept || what == diesAfter
	}
	if what == diesBefore || what == diesAfter {
		j.die()
	}
	if j.stopped {
		return r, errGone
	}
	return r, nil
}

// longestStall is how long an Append may take: as long as a ledger waits for its store.
const longestStall = 2 * time.Minute

// newest gives the time of the newest entry that somebody may act on, and when it came
// by true time.
func (j *journal) newest() (cause, truth time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cause, j.wrote
}

func (j *journal) Send(_ context.Context, entries ...*ledger.Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return errGone
	}
	return j.write(entries)
}

func (j *journal) Replay(from int64, fn func(int64, *ledger.Entry) error) error {
	return j.disk.each(from, fn)
}

func (j *journal) Follow(ctx context.Context, from int64, fn func(int64, *ledger.Entry) error) error {
	j.mu.Lock()
	err := j.disk.each(from, fn)
	j.follow = append(j.follow, fn)
	j.mu.Unlock()
	j.ready <- struct{}{}
	if err == nil {
		<-ctx.Done()
		err = ctx.Err()
	}
	return err
}

// stop ends it, orderly or by a crash, of which some of what was sent survives.
func (j *journal) stop(orderly bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		j.disk.waiting = nil
		return
	}
	if !orderly {
		j.disk.waiting = j.disk.waiting[:j.rng.IntN(len(j.disk.waiting)+1)]
	}
	j.follow = nil
	j.sync()
	j.stopped = true
}

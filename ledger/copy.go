package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A copier sends what a log writes to its copy in a store. Its methods but keep
// are called by the owner of the log alone.
type copier struct {
	log      *Log
	copy     Copy
	patience time.Duration
	ending   context.Context // of Run; nil before

	mu    sync.Mutex
	notes []Note // signed, and not in the store yet
	keys  *chain // the last that went along with one of them
}

const (
	// attempt is how long one try may take. A try that is given up is made again,
	// which is what ends the wait for a connection that died without a word.
	attempt = 10 * time.Second
	// firstPause is the pause after a try that failed; each one that follows is
	// twice as long, up to lastPause.
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
	// parting is how long a log that is asked to end still tries.
	parting = 5 * time.Second
)

// sending is a group on its way to the store.
type sending struct {
	cancel context.CancelFunc
	done   chan error
}

// send begins to put g into the store, beside the write to the disk; nil where
// the log has no store. wait must be called before the tree grows.
func (c *copier) send(g *group) *sending {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &sending{cancel: cancel, done: make(chan error, 1)}
	go func() {
		g.hashing.Wait()
		tree := c.log.tree
		b := &Batch{First: tree.size, N: int(g.n), Frames: g.buf}
		for _, part := range g.batches {
			for _, h := range part.leaves {
				tree.push(h)
			}
		}
		b.Root = tree.root()
		s.done <- c.put(ctx, b)
	}()
	return s
}

// wait waits until the store has acknowledged. After an error of the disk's it
// only sees to it that nothing is under way any more, and gives that error.
func (s *sending) wait(err error) error {
	if s == nil {
		return err
	}
	if err != nil {
		s.cancel()
		<-s.done
		return err
	}
	err = <-s.done
	s.cancel()
	return err
}

// put signs b and puts it, again and again until the store has it, says that it
// never will, or patience ends.
func (c *copier) put(ctx context.Context, b *Batch) error {
	key, _, err := c.log.signers(c.log.o.now())
	if err != nil {
		return err
	}
	if err := b.sign(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	if c.ending != nil {
		stop := context.AfterFunc(c.ending, func() { time.AfterFunc(parting, cancel) })
		defer stop()
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := c.try(ctx, b)
		if err == nil {
			return nil
		}
		if permanent(err) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("the store has not acknowledged what was written: %w", err)
		}
	}
}

// permanent reports whether trying again cannot help.
func permanent(err error) bool {
	return errors.Is(err, ErrFenced) || errors.Is(err, ErrForked) || errors.Is(err, ErrDamaged)
}

// try puts b, which may be nil, and the notes that wait, once.
func (c *copier) try(ctx context.Context, b *Batch) error {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	c.mu.Lock()
	notes := c.notes
	c.mu.Unlock()
	err := c.copy.Put(ctx, b, notes)
	if err == nil {
		c.mu.Lock()
		c.notes = c.notes[len(notes):]
		c.mu.Unlock()
	}
	c.tell(b, err)
	return err
}

// tell keeps the status, and says once when the store goes away and comes back.
func (c *copier) tell(b *Batch, err error) {
	l := c.log
	l.mu.Lock()
	s := &l.stored
	before := *s
	switch {
	case err != nil:
		if s.Err = err; s.Away.IsZero() {
			s.Away = l.o.now()
		}
	default:
		s.Err, s.Away = nil, time.Time{}
		if b != nil {
			s.Entries = b.First + int64(b.N)
		}
	}
	l.mu.Unlock()
	switch {
	case err != nil && before.Err == nil:
		l.o.Log.Error("ledger: the store does not acknowledge; nothing is released until it does", "err", err)
	case err == nil && before.Err != nil:
		l.o.Log.Info("ledger: the store acknowledges again", "away", l.o.now().Sub(before.Away))
	}
}

// keep takes a checkpoint along with what is put next.
func (c *copier) keep(size int64, msg []byte) {
	if c == nil {
		return
	}
	n, keys := Note{Size: size, Text: msg}, c.log.keys()
	c.mu.Lock()
	defer c.mu.Unlock()
	if keys != c.keys {
		n.Keys, c.keys = keys.file(), keys
	}
	c.notes = append(c.notes, n)
}

// flush puts checkpoints that nothing has taken along. They are of entries that
// the store has; it may have them later.
func (c *copier) flush() {
	if c == nil {
		return
	}
	c.mu.Lock()
	n := len(c.notes)
	c.mu.Unlock()
	if n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.try(ctx, nil)
}

func (c *copier) close() error {
	if c == nil {
		return nil
	}
	return c.copy.Close()
}

package ledger

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
)

// A MemStore is a store in memory. With a memDisk each Put that adds a batch is
// one of the disk's calls, so that it can go wrong as those do.
type MemStore struct {
	Disk *memDisk // nil: nothing goes wrong

	mu   sync.Mutex
	logs map[string]*memLog
}

type memLog struct {
	head    CopyHead
	batches []Batch
	notes   [][]byte
	sizes   []int64
	keys    []byte
	claim   *memCopy
}

// ErrNoAnswer is what a MemStore that goes wrong says.
var ErrNoAnswer = errors.New("the store does not answer")

func (s *MemStore) Claim(_ context.Context, origin string) (Copy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs == nil {
		s.logs = map[string]*memLog{}
	}
	l := s.logs[origin]
	if l == nil {
		l = &memLog{head: CopyHead{Root: (&frontier{}).root()}}
		s.logs[origin] = l
	}
	l.claim = &memCopy{store: s, log: l, head: l.head}
	return l.claim, nil
}

// size gives how much all logs together have.
func (s *MemStore) size() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.logs {
		n += l.head.Size
	}
	return n
}

type memCopy struct {
	store *MemStore
	log   *memLog
	head  CopyHead
}

func (c *memCopy) Head() CopyHead { return c.head }
func (c *memCopy) Keys() []byte   { return c.log.keys }
func (c *memCopy) Close() error   { return nil }

func (c *memCopy) Put(ctx context.Context, b *Batch, notes []Note) (err error) {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if c.log.claim != c {
		return ErrFenced
	}
	f := noFault
	if d := c.store.Disk; d != nil && b != nil {
		d.mu.Lock()
		f = d.call(putIntoStore)
		defer func() {
			d.dead = d.dead || f == killedAfter
			d.mu.Unlock()
		}()
	}
	if f == killed || f == killedAfter {
		// The process that would try again is dead.
		defer func() { err = ErrFenced }()
	}
	if f.does() {
		if err := c.put(b, notes); err != nil {
			return err
		}
	}
	if f != noFault {
		return ErrNoAnswer
	}
	return nil
}

func (c *memCopy) put(b *Batch, notes []Note) error {
	l := c.log
	if b != nil && b.First == l.head.Size {
		kept := *b
		kept.Frames, kept.Signature = bytes.Clone(b.Frames), bytes.Clone(b.Signature)
		l.batches = append(l.batches, kept)
		l.head = CopyHead{Size: b.First + int64(b.N), Root: b.Root}
	} else if b != nil {
		i := slices.IndexFunc(l.batches, func(k Batch) bool { return k.First == b.First })
		if i < 0 || l.batches[i].N != b.N || l.batches[i].Root != b.Root || !bytes.Equal(l.batches[i].Frames, b.Frames) {
			return ErrForked
		}
	}
	for _, n := range notes {
		if n.Keys != nil {
			l.keys = bytes.Clone(n.Keys)
		}
		if !slices.Contains(l.sizes, n.Size) {
			l.notes, l.sizes = append(l.notes, bytes.Clone(n.Text)), append(l.sizes, n.Size)
		}
	}
	return nil
}

func (c *memCopy) Batches(_ context.Context, from int64) (out []Batch, err error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for _, b := range c.log.batches {
		if b.First+int64(b.N) > from && len(out) < 3 {
			b.Frames = bytes.Clone(b.Frames)
			out = append(out, b)
		}
	}
	return out, nil
}

func (c *memCopy) Checkpoints(_ context.Context, size int64) (out [][]byte, err error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for i, n := range c.log.sizes {
		if n > size && len(out) < 2 {
			out = append(out, c.log.notes[i])
		}
	}
	return out, nil
}

package ledger

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/note"
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

type memCopy struct {
	store *MemStore
	log   *memLog
	head  CopyHead
}

func (c *memCopy) Head() CopyHead { return c.head }
func (c *memCopy) Close() error   { return nil }

func (c *memCopy) Put(_ context.Context, b *Batch, notes [][]byte) (err error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if c.log.claim != c {
		return ErrFenced
	}
	f := noFault
	if d := c.store.Disk; d != nil && b != nil {
		d.mu.Lock()
		f = d.call("put into store")
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

func (c *memCopy) put(b *Batch, notes [][]byte) error {
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
	for _, msg := range notes {
		n := noteSize(msg)
		if !slices.Contains(l.sizes, n) {
			l.notes, l.sizes = append(l.notes, bytes.Clone(msg)), append(l.sizes, n)
		}
	}
	return nil
}

// noteSize reads the size of a checkpoint, whoever signed it.
func noteSize(msg []byte) int64 {
	n, err := note.Open(msg, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		n = unverified.Note
	}
	c, err := parseCheckpointText(string(n.Text[:bytes.IndexByte([]byte(n.Text), '\n')]), n.Text)
	if err != nil {
		panic(err)
	}
	return c.Size
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

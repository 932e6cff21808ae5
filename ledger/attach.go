package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// AttachOptions say how a log is kept in a store. The zero value is usable.
type AttachOptions struct {
	// Patience is how long a written group waits for a store that does not answer
	// before the log stops. Nothing is released meanwhile. Default two minutes.
	Patience time.Duration
}

// Attach claims the log's copy in a store, brings log and copy to the same end,
// and has every group acknowledged by the store, too, before there is a Receipt
// for it. It is called after Open and before everything else.
//
// A store that has less is given the rest: entries without a Receipt, or all of a
// log that had no store before. A store that has more by one batch has what a
// crash kept from the disk, which is appended after it was checked. A store that
// has more than that remembers entries that had been durable: Attach fails with
// ErrRolledBack, and Rebuild makes the log anew. It fails with ErrForked if the
// store holds other entries, and with ErrLocked while another process writes
// there.
func (l *Log) Attach(ctx context.Context, s Store, o AttachOptions) error {
	if o.Patience <= 0 {
		o.Patience = 2 * time.Minute
	}
	l.mu.Lock()
	busy := l.running || l.stopped != nil || l.copier != nil
	l.mu.Unlock()
	if busy {
		return errors.New("attach ledger to store: the log runs, or has ended, or has a store")
	}
	kept, err := s.Claim(ctx, l.o.Key.Origin())
	if err != nil {
		return fmt.Errorf("attach ledger to store: %w", err)
	}
	c := &copier{log: l, copy: kept, patience: o.Patience}
	if err := c.align(ctx); err != nil {
		return errors.Join(fmt.Errorf("attach ledger to store: %w", err), kept.Close())
	}
	l.copier = c
	// What the store had may have been a change of the key.
	if err := l.finishTurn(); err != nil {
		return fmt.Errorf("attach ledger to store: %w", err)
	}
	c.flush()
	return nil
}

// align makes log and copy end with the same entry.
func (c *copier) align(ctx context.Context) error {
	l, head := c.log, c.copy.Head()
	if err := l.tiles.flush(); err != nil {
		return err
	}
	if head.Size > l.tree.size {
		if err := c.fetchLast(ctx, head); err != nil {
			return err
		}
	} else if root, err := l.rootAt(head.Size); err != nil {
		return err
	} else if root != head.Root {
		return fmt.Errorf("%w: the first %d entries of %s differ. It is another log by that name, or one of the two was written anew",
			ErrForked, head.Size, l.o.Key.Origin())
	}
	l.mu.Lock()
	note, signed := l.note, l.newest.Size
	// A log that is new to the store has been signed without it.
	l.stored = StoreStatus{On: true, Entries: head.Size, Forgot: head.Size > 0 && head.Size < signed}
	l.mu.Unlock()
	// The store may have missed the newest notes of the process before.
	if last := l.chain.last(); last.cover.Size < signed && last.index >= 0 {
		c.keep(last.cover.Size, last.proof.Note)
	}
	c.keep(signed, note)
	if err := c.bring(ctx, head.Size); err != nil {
		return err
	}
	c.flush()
	return nil
}

// fetchLast appends what the store has and the disk does not, if it is of one
// batch: the next one is only sent when the disk has the one before.
func (c *copier) fetchLast(ctx context.Context, head CopyHead) error {
	l := c.log
	lost := fmt.Errorf("%w: the store has %d entries, the files have %d. They are an older copy, or were cut: have them made anew from the store with weir ledger rebuild",
		ErrRolledBack, head.Size, l.tree.size)
	batches, err := c.copy.Batches(ctx, l.tree.size)
	if err != nil {
		return err
	}
	if len(batches) != 1 || batches[0].First+int64(batches[0].N) != head.Size {
		return lost
	}
	b := &batches[0]
	if b.Root != head.Root || !l.chain.signed(b) {
		return fmt.Errorf("%w: the batch of entry %d in the store is not signed by this ledger's key", ErrDamaged, b.First)
	}
	tree := l.tree
	frames, n, _, err := b.read(&tree, l.last)
	if errors.Is(err, ErrDamaged) {
		return errors.Join(lost, err)
	} else if err != nil {
		return err
	}
	l.o.Log.Warn("ledger: appended what the store had and the disk had not", "entries", n)
	if err := l.adopt(frames); err != nil {
		return err
	}
	return l.unsigned(frames, l.tree.size-int64(n))
}

// bring gives the store everything from entry from on.
func (c *copier) bring(ctx context.Context, from int64) error {
	l := c.log
	if from == l.tree.size {
		return nil
	}
	tree, err := l.tiles.frontier(from)
	if err != nil {
		return err
	}
	told := l.o.now()
	send := func(b *Batch) error {
		b.Root = tree.root()
		if err := c.put(ctx, b); err != nil {
			return err
		}
		if now := l.o.now(); now.Sub(told) > 5*time.Second {
			told = now
			l.o.Log.Info("ledger: the store is given what it has not", "entries", b.First+int64(b.N), "of", l.tree.size)
		}
		return nil
	}
	b := &Batch{First: from}
	err = l.frames(from, func(frame []byte) error {
		b.Frames = append(b.Frames, frame...)
		b.N++
		tree.push(leafHash(frame))
		if len(b.Frames) < bringBytes {
			return nil
		}
		if err := send(b); err != nil {
			return err
		}
		*b = Batch{First: tree.size, Frames: b.Frames[:0]}
		return nil
	})
	if err == nil && b.N > 0 {
		err = send(b)
	}
	return err
}

// bringBytes is how large batches are that are made of what is on the disk.
const bringBytes = 1 << 20

// rootAt gives the root of the tree of the first size entries.
func (l *Log) rootAt(size int64) (tlog.Hash, error) {
	if size == l.tree.size {
		return l.tree.root(), nil
	}
	tree, err := l.tiles.frontier(size)
	if err != nil {
		return tlog.Hash{}, err
	}
	return tree.root(), nil
}

// frames calls fn with each frame from entry from on. Only before Run.
func (l *Log) frames(from int64, fn func(frame []byte) error) error {
	segs := append(l.view.sealed[:len(l.view.sealed):len(l.view.sealed)], l.view.tail)
	for i, s := range segs {
		if i+1 < len(segs) && segs[i+1].first <= from {
			continue
		}
		if i == 0 && s.first > from {
			return fmt.Errorf("%w: entry %d is wanted for the store and is not kept any more", ErrRolledBack, from)
		}
		if err := l.segmentFrames(s, from, fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) segmentFrames(s segment, from int64, fn func(frame []byte) error) error {
	f, err := l.o.disk.open(l.path(segmentName(s.first)), readOnly)
	if err != nil {
		return err
	}
	defer f.Close()
	r := newFrameReader(f, segmentHeader, s.bytes)
	for index := s.first; ; index++ {
		frame, _, err := r.next()
		if err == io.EOF {
			return nil
		}
		if brokenFrame(err) {
			return fmt.Errorf("%w: %s, byte %d, entry %d", ErrDamaged, segmentName(s.first), r.at, index)
		}
		if err != nil {
			return err
		}
		if index < from {
			continue
		}
		if err := fn(frame); err != nil {
			return err
		}
	}
}

// adopt appends frames that were checked, and makes them durable. Only before
// Run.
func (l *Log) adopt(frames []byte) error {
	v := l.view
	if err := l.write(&v, frames); err != nil {
		return err
	}
	l.buf = nil // the frames are the caller's
	at := v.tail.bytes - int64(len(frames))
	for r := newFrameReader(bytes.NewReader(frames), 0, int64(len(frames))); ; {
		frame, _, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if l.last, err = check(frame[headSize:]); err != nil {
			return err
		}
		l.tiles.place(l.tree.size, at+r.at-int64(len(frame)))
		l.tree.grow(leafHash(frame), l.tiles)
	}
	v.size = l.tree.size
	l.mu.Lock()
	l.view = v
	l.mu.Unlock()
	return l.tiles.flush()
}

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Run owns the files of the log until ctx ends: it alone writes. It returns nil
// after everything that had been taken is durable and signed, or the error that
// has stopped the log. A Log runs once.
//
// Whatever happens, nobody is told that an entry is durable before the sync that
// made it so has returned without an error. After a write or a sync that failed
// nothing is tried again: the kernel may have dropped the pages that it could
// not write, and a second sync would then succeed without them.
func (l *Log) Run(ctx context.Context) (err error) {
	l.mu.Lock()
	if l.running || l.stopped != nil {
		l.mu.Unlock()
		return fmt.Errorf("run ledger: %w", ErrStopped)
	}
	l.running = true
	l.mu.Unlock()
	if l.copier != nil {
		l.copier.ending = ctx
	}
	defer close(l.ended)

	tick := time.NewTicker(l.o.CheckpointEvery)
	defer tick.Stop()
	for err == nil && ctx.Err() == nil {
		select {
		case <-l.wake:
			err = l.commit()
		case <-tick.C:
			if err = l.checkpoint(); err == nil {
				l.copier.flush()
				err = l.age()
			}
		case do := <-l.asked:
			do()
		case <-ctx.Done():
		}
	}
	if err == nil {
		// Nobody comes in any more; whoever is in is served.
		l.mu.Lock()
		l.stopped = fmt.Errorf("%w: closed", ErrStopped)
		l.mu.Unlock()
		if err = l.commit(); err == nil {
			err = l.checkpoint()
		}
		if err == nil {
			l.copier.flush()
		}
	}
	if err != nil {
		l.o.Log.Error("ledger: stopped, nothing can be recorded until it is opened anew", "err", err)
		err = fmt.Errorf("run ledger: %w", err)
	}
	l.stop(fmt.Errorf("%w: closed", ErrStopped))
	return errors.Join(err, l.closeFiles())
}

// commit makes the pending group durable and lets its callers go. Its error has
// stopped the log.
func (l *Log) commit() error {
	l.gather()
	l.mu.Lock()
	g := l.pending
	if g.n == 0 {
		l.mu.Unlock()
		return nil
	}
	l.served = g.n
	l.pending = newGroup()
	l.pending.buf, l.buf = l.buf[:0], nil
	v := l.view
	l.mu.Unlock()
	close(g.taken)

	// The store takes the group while the disk does. Nobody is let go, and nobody
	// follows, before both have it.
	sending := l.copier.send(g)
	err := sending.wait(l.write(&v, g.buf))
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrStopped, err)
		l.stop(err)
		g.err = err
		close(g.done)
		return err
	}
	g.hashing.Wait()
	g.first = l.tree.size
	at := v.tail.bytes - int64(len(g.buf)) // of the frames of b
	for _, b := range g.batches {
		start := 0
		for i, h := range b.leaves {
			l.tiles.place(l.tree.size, at+int64(start))
			l.tree.grow(h, l.tiles)
			start = b.ends[i]
		}
		at += int64(start)
	}
	l.mu.Lock()
	grown := v.grown
	v.size, v.grown = l.tree.size, make(chan struct{})
	l.view = v
	l.mu.Unlock()
	if cap(g.buf) <= groupLimit {
		l.buf = g.buf
	}
	if g.turn != nil {
		// Before anything else is signed.
		g.turn.index += g.first
		if err := l.finish(g.turn); err != nil {
			err = fmt.Errorf("%w: %w", ErrStopped, err)
			l.stop(err)
			g.err = err
			close(g.done)
			return err
		}
	}
	close(g.done)
	close(grown)
	if l.tiles.full() {
		if err := l.tiles.flush(); err != nil {
			err = fmt.Errorf("%w: %w", ErrStopped, err)
			l.stop(err)
			return err
		}
	}
	return nil
}

// gather lets those come in whom the commit before has let go, who are likely to
// be back at once: else they would always just miss a sync, and wait for two. It
// waits for nobody who is not already running.
func (l *Log) gather() {
	for before := int64(-1); ; runtime.Gosched() {
		l.mu.Lock()
		n := l.pending.n
		l.mu.Unlock()
		if n >= l.served || n == before {
			return
		}
		before = n
	}
}

// write appends frames to the last segment, or to a new one where that is full,
// syncs, and brings v up to that.
func (l *Log) write(v *view, frames []byte) error {
	if v.tail.bytes > segmentHeader && v.tail.bytes+int64(len(frames)) > l.o.SegmentBytes {
		if err := l.roll(v); err != nil {
			return err
		}
	}
	if v.tail.bytes == segmentHeader {
		l.began = l.o.now()
	}
	if _, err := l.tail.WriteAt(frames, v.tail.bytes); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if err := l.tail.sync(); err != nil {
		return fmt.Errorf("sync segment: %w", err)
	}
	v.tail.bytes += int64(len(frames))
	return nil
}

// roll begins the next segment. All of the one before is durable, and before
// there is a next one its hashes are, too: Open goes on from there.
func (l *Log) roll(v *view) error {
	if err := l.tiles.sync(); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	name := l.path(segmentName(l.tree.size))
	f, err := l.o.disk.open(name, createWrite)
	if err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	if err := l.tail.Close(); err != nil {
		f.Close()
		return fmt.Errorf("end segment: %w", err)
	}
	l.tail = f
	if _, err := f.WriteAt(appendSegmentHeader(nil, l.tree.size), 0); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	if err := f.sync(); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	if err := l.o.disk.syncDir(l.dir); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	// Readers hold the slice, but never look behind its length.
	v.sealed = append(v.sealed, v.tail)
	v.tail = segment{first: l.tree.size, bytes: segmentHeader}
	return nil
}

// age begins a new segment where the last one has been written to for long
// enough. Its error has stopped the log.
func (l *Log) age() error {
	l.mu.Lock()
	v := l.view
	l.mu.Unlock()
	if v.tail.bytes == segmentHeader || l.o.now().Sub(l.began) < l.o.SegmentAge {
		return nil
	}
	if err := l.roll(&v); err != nil {
		err = fmt.Errorf("%w: %w", ErrStopped, err)
		l.stop(err)
		return err
	}
	l.mu.Lock()
	l.view = v
	l.mu.Unlock()
	return nil
}

// checkpoint signs the tree as it is, if it has grown, and keeps the signature.
// Only durable entries are in the tree. Its error has stopped the log: one that
// cannot sign what it records would look, at the next start, like one that has
// signed less than it has.
func (l *Log) checkpoint() error {
	if l.tree.size == l.signed {
		return nil
	}
	if err := l.keepCheckpoint(); err != nil {
		err = fmt.Errorf("%w: %w", ErrStopped, err)
		l.stop(err)
		return err
	}
	return nil
}

func (l *Log) keepCheckpoint() error {
	c := Checkpoint{Size: l.tree.size, Root: l.tree.root(), Time: l.o.now().UTC()}
	key, older, err := l.signers(c.Time)
	if err != nil {
		return err
	}
	msg, err := key.signWith(c, older)
	if err != nil {
		return err
	}
	return l.keep(c, msg)
}

// keep makes a signed checkpoint durable and shows it.
func (l *Log) keep(c Checkpoint, msg []byte) error {
	// Whoever sees the checkpoint finds the hashes that prove what is under it.
	if err := l.tiles.flush(); err != nil {
		return err
	}
	if err := l.appendHistory(msg); err != nil {
		return err
	}
	l.signed = c.Size
	// The two that follow can be made again from the history and the
	// segments: they need to be whole, and not to be durable.
	if err := replaceFile(l.o.disk, l.path(frontierFile), l.resumeText(c), false); err != nil {
		return fmt.Errorf("keep frontier: %w", err)
	}
	if err := replaceFile(l.o.disk, l.path(checkpointFile), msg, false); err != nil {
		return fmt.Errorf("publish checkpoint: %w", err)
	}
	l.copier.keep(msg)
	l.mu.Lock()
	l.newest, l.note = c, msg
	l.mu.Unlock()
	return nil
}

func (l *Log) appendHistory(msg []byte) error {
	kept := append(bytes.Clone(msg), '\n')
	if _, err := l.past.WriteAt(kept, l.pastAt); err != nil {
		return fmt.Errorf("keep checkpoint: %w", err)
	}
	if err := l.past.sync(); err != nil {
		return fmt.Errorf("keep checkpoint: %w", err)
	}
	l.pastAt += int64(len(kept))
	return nil
}

// resumeText is called by Run only, which alone changes the view.
func (l *Log) resumeText(c Checkpoint) []byte {
	l.mu.Lock()
	v, last := l.view, l.last
	l.mu.Unlock()
	return resume{tree: l.tree, segs: append(v.sealed[:len(v.sealed):len(v.sealed)], v.tail), last: last, signed: c.Time}.text()
}

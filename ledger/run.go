package ledger

import (
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

	signing := make(chan snapshot)
	signed := make(chan error, 1)
	go func() { signed <- l.signAll(signing) }()
	tick := time.NewTicker(l.o.CheckpointEvery)
	defer tick.Stop()
	joined := false
	for err == nil && !joined && ctx.Err() == nil {
		select {
		case <-l.wake:
			err = l.commit()
		case <-tick.C:
			if err = l.hand(signing); err == nil {
				l.copier.flush()
				err = l.age()
			}
		case do := <-l.asked:
			do()
		case err = <-signed:
			joined = true
		case <-ctx.Done():
		}
	}
	if err == nil {
		// Nobody comes in any more; whoever is in is served.
		l.mu.Lock()
		l.stopped = fmt.Errorf("%w: closed", ErrStopped)
		l.mu.Unlock()
		err = l.commit()
	}
	close(signing)
	if !joined {
		if serr := <-signed; err == nil {
			err = serr
		}
	}
	if err == nil {
		if err = l.checkpoint(); err == nil {
			err = l.trim(l.view.tail.bytes)
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
		err = l.fail(err)
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
	if cap(l.buf) > groupLimit+writeAhead {
		l.buf = nil
	}
	if g.turn != nil {
		// Before anything else is signed.
		g.turn.index += g.first
		if err := l.finish(g.turn); err != nil {
			err = l.fail(err)
			g.err = err
			close(g.done)
			return err
		}
	}
	close(g.done)
	close(grown)
	if l.tiles.full() {
		if err := l.tiles.flush(); err != nil {
			return l.fail(err)
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

// write appends frames to the last segment, or to a new one where that is
// full, syncs, and brings v up to that.
func (l *Log) write(v *view, frames []byte) error {
	n := int64(len(frames))
	if v.tail.bytes > segmentHeader && v.tail.bytes+n > l.o.SegmentBytes {
		if err := l.roll(v); err != nil {
			return err
		}
	}
	if v.tail.bytes == segmentHeader {
		l.began = l.o.now()
	}
	end := v.tail.bytes + n
	b := frames
	if end > l.length {
		l.length = end + l.ahead(end, n)
		b = append(b, make([]byte, l.length-end)...)
	}
	l.buf = b
	if _, err := l.tail.WriteAt(b, v.tail.bytes); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if err := l.tail.sync(); err != nil {
		return fmt.Errorf("sync segment: %w", err)
	}
	v.tail.bytes = end
	return nil
}

// ahead gives how many zeros to write behind a group of n bytes that ends a file
// at end. The groups that follow overwrite them: then neither the length of the
// file nor where its blocks lie has changed, and a sync need not wait for the
// journal of the file system, which is most of what one costs. One group in many
// writes the zeros for the others and does wait; large groups gain nothing.
func (l *Log) ahead(end, n int64) int64 {
	if n > writeAhead/8 {
		return 0
	}
	return max(0, min(writeAhead, 64*n, l.o.SegmentBytes-end))
}

// trim cuts off the zeros that were written ahead, behind end.
func (l *Log) trim(end int64) error {
	if l.length <= end {
		return nil
	}
	l.length = end
	if err := l.tail.truncate(end); err != nil {
		return fmt.Errorf("cut segment: %w", err)
	}
	return nil
}

// roll begins the next segment. All of the one before is durable, and before there
// is a next one its length and its hashes are, too: Open goes on from there.
func (l *Log) roll(v *view) error {
	if l.length > v.tail.bytes {
		if err := l.trim(v.tail.bytes); err != nil {
			return err
		}
		if err := l.tail.sync(); err != nil {
			return fmt.Errorf("end segment: %w", err)
		}
	}
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
	l.tail, l.length = f, segmentHeader
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
		return l.fail(err)
	}
	l.mu.Lock()
	l.view = v
	l.mu.Unlock()
	return nil
}

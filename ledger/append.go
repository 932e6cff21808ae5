package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// A Receipt is the proof, for the rest of the program, that entries are durable.
// Only Append makes valid ones; the zero Receipt is not.
type Receipt struct {
	first int64
	n     int
}

// Valid reports whether the receipt is one of Append's.
func (r Receipt) Valid() bool { return r.n > 0 }

// Index gives the position in the log of the first entry.
func (r Receipt) Index() int64 { return r.first }

// N gives how many entries there are, one behind the other.
func (r Receipt) N() int { return r.n }

// groupLimit bounds what waits for the next write. Whoever would exceed it
// waits for the write to begin.
const groupLimit = 4 << 20

// appendLimit bounds the entries of one Append, in bytes.
const appendLimit = 16 << 20

// A group is what is written and synced at once.
type group struct {
	buf     []byte   // frames; guarded by Log.mu until the group is taken, then Run's
	batches []*batch // the same
	n       int64    // entries; the same
	turn    *turn    // the change of keys that is among them, if any; the same
	// hashing counts the batches whose leaves are not hashed yet: their
	// callers do that while the sync before is under way.
	hashing sync.WaitGroup
	taken   chan struct{} // closed when Run takes it: there is room again
	done    chan struct{} // closed when first or err is set, for good
	first   int64
	err     error
}

func newGroup() *group {
	return &group{taken: make(chan struct{}), done: make(chan struct{})}
}

// A batch is the entries of one Append on their way. It belongs to its caller
// until it is in a group, but for leaves, and again once the group is done.
type batch struct {
	frames []byte // one behind the other, as they are written, but for time and checksum
	ends   []int  // where each ends in frames
	times  []int  // where the eight bytes of each one's time are
	leaves []tlog.Hash
	rank   int64 // position in the group of the first

	random [32 * 16]byte // for salts, drawn for several at once
	unused int           // how many bytes at its end are
}

// salt fills in a salt that was never used.
func (b *batch) salt(to *[16]byte) {
	if b.unused < len(to) {
		rand.Read(b.random[:])
		b.unused = len(b.random)
	}
	at := len(b.random) - b.unused
	b.unused -= copy(to[:], b.random[at:])
	clear(b.random[at : at+len(to)])
}

// Append records entries, in order and one behind the other, and returns when
// they are durable. It sets Salt and, as the fields say, Time and Node of each.
// Several entries in one call cost one wait. While more than a few megabytes
// wait for the disk it waits for its turn.
//
// It fails with ErrEntry if an entry cannot be written (then none is), with
// ErrStopped, or with the context's error. In the latter two cases the entries
// may or may not be in the log; there is no receipt, and nothing may be
// released on their account.
func (l *Log) Append(ctx context.Context, entries ...*Entry) (Receipt, error) {
	b, g, err := l.enter(ctx, entries)
	if err != nil {
		return Receipt{}, fmt.Errorf("append to ledger: %w", err)
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("append to ledger: %w", ctx.Err())
	}
	if g.err != nil {
		return Receipt{}, fmt.Errorf("append to ledger: %w", g.err)
	}
	r := Receipt{first: g.first + b.rank, n: len(entries)}
	l.spare.Put(b)
	return r, nil
}

// Send records entries as Append does, but returns once they are queued. They
// are durable soon, or the log stops. It is for what releases nothing: denials,
// alerts, summaries. A full queue makes it wait.
func (l *Log) Send(ctx context.Context, entries ...*Entry) error {
	if _, _, err := l.enter(ctx, entries); err != nil {
		return fmt.Errorf("send to ledger: %w", err)
	}
	return nil
}

// enter encodes entries, puts them into the pending group and hashes them.
func (l *Log) enter(ctx context.Context, entries []*Entry) (*batch, *group, error) {
	if len(entries) == 0 {
		return nil, nil, fmt.Errorf("%w: no entry given", ErrEntry)
	}
	if slices.ContainsFunc(entries, func(e *Entry) bool { return e.Kind == KeyChange }) {
		return nil, nil, fmt.Errorf("%w: only Rotate changes the key", ErrEntry)
	}
	return l.admit(ctx, entries, nil)
}

// admit does so for a change of keys, too.
func (l *Log) admit(ctx context.Context, entries []*Entry, t *turn) (*batch, *group, error) {
	b, err := l.encode(entries)
	if err != nil {
		return nil, nil, err
	}
	g, err := l.queue(ctx, b, entries, t)
	if err != nil {
		l.spare.Put(b)
		return nil, nil, err
	}
	start := 0
	for i, end := range b.ends {
		b.leaves[i] = leafHash(b.frames[start:end])
		start = end
	}
	g.hashing.Done()
	return b, g, nil
}

// encode does all that needs no order among callers.
func (l *Log) encode(entries []*Entry) (*batch, error) {
	b, _ := l.spare.Get().(*batch)
	if b == nil {
		b = new(batch)
	}
	b.frames, b.ends, b.times, b.leaves = b.frames[:0], b.ends[:0], b.times[:0], b.leaves[:0]
	now := l.o.now()
	for _, e := range entries {
		b.salt(&e.Salt)
		if e.Time.IsZero() {
			e.Time = now
		}
		e.Time = e.Time.UTC()
		if e.Node == "" {
			e.Node = l.o.Node
		}
		var head [headSize]byte
		b.frames = append(b.frames, head[:]...)
		frames, timeAt, err := e.appendTo(b.frames)
		if err == nil && len(frames) > appendLimit {
			err = fmt.Errorf("%w: more than %d bytes at once", ErrEntry, appendLimit)
		}
		if err != nil {
			l.spare.Put(b)
			return nil, err
		}
		b.frames = frames
		b.ends = append(b.ends, len(frames))
		b.times = append(b.times, timeAt)
		b.leaves = append(b.leaves, tlog.Hash{})
	}
	return b, nil
}

// queue gives b its place in the log: times that do not run backwards, and a
// copy of its frames in the pending group.
func (l *Log) queue(ctx context.Context, b *batch, entries []*Entry, t *turn) (*group, error) {
	l.mu.Lock()
	for {
		if l.stopped != nil {
			err := l.stopped
			l.mu.Unlock()
			return nil, err
		}
		g := l.pending
		if g.n == 0 || len(g.buf)+len(b.frames) <= groupLimit {
			break
		}
		l.mu.Unlock()
		select {
		case <-g.taken:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		l.mu.Lock()
	}
	g := l.pending
	start := 0
	for i, end := range b.ends {
		e := entries[i]
		if e.Time.Before(l.last) {
			e.Time = l.last
			binary.BigEndian.PutUint64(b.frames[b.times[i]:], uint64(e.Time.UnixNano()))
		}
		l.last = e.Time
		sealFrame(b.frames[start:end], g.n == 0 && i == 0)
		start = end
	}
	b.rank = g.n
	if t != nil {
		t.index, t.entry, g.turn = b.rank, bytes.Clone(b.frames[headSize:]), t
	}
	g.n += int64(len(b.ends))
	g.buf = append(g.buf, b.frames...)
	g.batches = append(g.batches, b)
	g.hashing.Add(1)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return g, nil
}

// stop makes every present and later caller fail with err.
func (l *Log) stop(err error) {
	l.mu.Lock()
	if l.stopped == nil {
		l.stopped = err
	}
	g := l.pending
	l.pending = newGroup()
	l.mu.Unlock()
	g.err = err
	close(g.taken)
	close(g.done)
}

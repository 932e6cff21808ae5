package ledger

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
)

// Each reading function below calls fn with every entry from index from on, in
// order, and gives back the first error that fn gives. The *Entry is fn's to
// keep. A from beyond the end is no error: there is nothing to read yet. Nor is
// one before the first entry that is kept: reading begins with that one.

// Follow reads the durable entries and then waits for more until ctx ends, whose
// error it gives. It is woken by the commit itself.
func (l *Log) Follow(ctx context.Context, from int64, fn func(index int64, e *Entry) error) error {
	r := l.reader(from)
	defer r.close()
	for {
		l.mu.Lock()
		v := l.view
		l.mu.Unlock()
		if err := r.read(ctx, v, fn); err != nil {
			return fmt.Errorf("follow ledger: %w", err)
		}
		select {
		case <-v.grown:
		case <-ctx.Done():
			return fmt.Errorf("follow ledger: %w", ctx.Err())
		}
	}
}

// Replay reads what is durable now, and returns.
func (l *Log) Replay(from int64, fn func(index int64, e *Entry) error) error {
	l.mu.Lock()
	v := l.view
	l.mu.Unlock()
	r := l.reader(from)
	defer r.close()
	if err := r.read(context.Background(), v, fn); err != nil {
		return fmt.Errorf("replay ledger: %w", err)
	}
	return nil
}

// Read reads the log in dir from outside, also while a server writes to it, up
// to the last whole entry. The last few may not be durable yet. It takes no lock
// and checks the checksums, not the tree: that is what Verify is for.
func Read(dir string, from int64, fn func(index int64, e *Entry) error) error {
	return read(osDisk{}, dir, from, fn)
}

func read(d disk, dir string, from int64, fn func(index int64, e *Entry) error) error {
	segs, err := listSegments(d, dir)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	n := len(segs) - 1
	r := &reader{disk: d, dir: dir, want: max(0, from), outside: true}
	r.kept = func() (int64, error) {
		segs, err := listSegments(d, dir)
		if err != nil {
			return 0, err
		}
		return segs[0].first, nil
	}
	defer r.close()
	if err := r.read(context.Background(), view{size: 1<<63 - 1, sealed: segs[:n], tail: segs[n]}, fn); err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	return nil
}

func (l *Log) reader(from int64) *reader {
	return &reader{disk: l.o.disk, dir: l.dir, want: max(0, from), kept: func() (int64, error) { return l.kept(), nil }}
}

// A reader stands at a place in the segment files. For one goroutine.
type reader struct {
	disk    disk
	dir     string
	outside bool // another process may be writing: the end may be half a frame
	// kept gives the first entry that is kept now, where a segment may be
	// dropped between the listing and the reading.
	kept func() (int64, error)

	want   int64   // the first entry that is wanted
	next   int64   // index of the entry at the place
	seg    segment // the file it is in
	f      file    // open on it; nil before the first
	frames *frameReader
	names  interner
}

func (r *reader) close() {
	if r.f != nil {
		r.f.Close()
	}
}

// read reads on to the end of v.
func (r *reader) read(ctx context.Context, v view, fn func(int64, *Entry) error) error {
	for i := 0; i <= len(v.sealed); i++ {
		s, isLast := v.tail, i == len(v.sealed)
		if !isLast {
			s = v.sealed[i]
		}
		// Skip files that lie wholly before the place or before what is wanted.
		if r.f != nil && s.first < r.seg.first {
			continue
		}
		if !isLast {
			after := v.tail.first
			if i+1 < len(v.sealed) {
				after = v.sealed[i+1].first
			}
			if after <= r.want {
				continue
			}
		}
		err := r.enter(s)
		if isMissing(err) && r.kept != nil {
			first, kerr := r.kept()
			if kerr == nil && s.first < first {
				continue
			}
		}
		if err != nil {
			return err
		}
		if err := r.readSegment(ctx, isLast, fn); err != nil {
			return err
		}
	}
	return nil
}

// enter goes to the start of s, or stays where the reader is in it.
func (r *reader) enter(s segment) error {
	if r.f != nil && r.seg.first == s.first {
		r.seg = s
		r.frames.limit = s.bytes
		return nil
	}
	f, err := r.disk.open(filepath.Join(r.dir, segmentName(s.first)), readOnly)
	if err != nil {
		return err
	}
	r.close()
	r.f, r.seg, r.next = f, s, s.first
	header := make([]byte, segmentHeader)
	n, err := f.ReadAt(header, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if n == segmentHeader && !checkSegmentHeader(header, s.first) {
		return fmt.Errorf("%w: %s does not begin as a segment", ErrDamaged, segmentName(s.first))
	}
	if r.frames == nil {
		r.frames = newFrameReader(f, segmentHeader, s.bytes)
	} else {
		r.frames.reset(f, segmentHeader, s.bytes)
	}
	return nil
}

func (r *reader) readSegment(ctx context.Context, isLast bool, fn func(int64, *Entry) error) error {
	r.frames.ahead = r.outside && isLast
	for {
		frame, _, err := r.frames.next()
		if err == io.EOF {
			return nil
		}
		if err == errTorn {
			return nil
		}
		if brokenFrame(err) {
			return fmt.Errorf("%w: %s, byte %d, entry %d", ErrDamaged, segmentName(r.seg.first), r.frames.at, r.next)
		}
		if err != nil {
			return err
		}
		index := r.next
		r.next++
		if index < r.want {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		e := new(Entry)
		if err := decode(frame[headSize:], e, &r.names); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrDamaged, index, err)
		}
		r.want = r.next
		if err := fn(index, e); err != nil {
			return err
		}
	}
}

package ledger

import (
	"io"
	"math"
	"runtime"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// What a verification does with an entry alone, which is nearly all of it, is
// done ahead and on all processors: checksum, encoding, hash of the leaf. Only the
// tree, the order of times and the checkpoints need one entry after the other.
// Blocks of which anything is out of the ordinary are read again, entry by entry,
// by whoever puts them into the tree: there is one place that says what is wrong.

// blockSize is how much of a segment is read at once.
const blockSize = 256 << 10

// A block is some whole frames of a segment.
type block struct {
	at, end int64 // in the file
	buf     []byte
	ends    []int       // of each frame, in buf
	times   []int64     // of each entry, in nanoseconds
	leaves  []tlog.Hash // of each
	holds   bool        // all of it holds, and in itself the times do not run backwards
	done    chan struct{}
}

// blocks are the blocks of one segment on their way. stop must be called.
type blocks struct {
	f       io.ReaderAt
	limit   int64
	size    int
	ordered chan *block
	jobs    chan *block
	free    chan *block
	quit    chan struct{}
	all     sync.WaitGroup
}

// readAhead begins to read the blocks of f, which ends at limit; nil where that is
// not worth the effort.
func (v *verification) readAhead(f io.ReaderAt, limit int64) *blocks {
	size, workers := blockSize, runtime.GOMAXPROCS(0)
	if v.o.block > 0 {
		size = v.o.block
	} else if limit < 2*blockSize || workers == 1 {
		return nil
	}
	n := workers + 2
	a := &blocks{
		f: f, limit: limit, size: size,
		ordered: make(chan *block, n), jobs: make(chan *block, n), free: make(chan *block, n), quit: make(chan struct{}),
	}
	for range n {
		a.free <- &block{}
	}
	a.all.Go(a.read)
	for range workers {
		a.all.Go(func() {
			for b := range a.jobs {
				b.work()
				close(b.done)
			}
		})
	}
	return a
}

// read cuts the file into blocks, up to the first place that is no frame.
func (a *blocks) read() {
	defer close(a.jobs)
	defer close(a.ordered)
	for at := int64(segmentHeader); at < a.limit; {
		var b *block
		select {
		case b = <-a.free:
		case <-a.quit:
			return
		}
		if b.buf == nil {
			b.buf = make([]byte, a.size)
		}
		k, err := a.f.ReadAt(b.buf[:min(int64(a.size), a.limit-at)], at)
		if err != nil && err != io.EOF {
			return
		}
		end := 0
		b.ends = b.ends[:0]
		for end+headSize <= k {
			n, _, ok := frameLength(b.buf[end:])
			if !ok || end+n > k {
				break
			}
			end += n
			b.ends = append(b.ends, end)
		}
		if end == 0 {
			return
		}
		b.at, b.end, b.done = at, at+int64(end), make(chan struct{})
		at = b.end
		a.jobs <- b // as roomy as there are blocks
		a.ordered <- b
	}
}

// next gives the next block when it has been worked on; nil behind the last one.
func (a *blocks) next() *block {
	if a == nil {
		return nil
	}
	b := <-a.ordered
	if b != nil {
		<-b.done
	}
	return b
}

// stop waits until nothing is under way any more.
func (a *blocks) stop() {
	if a != nil {
		close(a.quit)
		a.all.Wait()
	}
}

func (b *block) work() {
	b.holds = false
	b.times, b.leaves = b.times[:0], b.leaves[:0]
	start, last := 0, int64(math.MinInt64)
	for _, end := range b.ends {
		frame := b.buf[start:end]
		start = end
		if !frameHolds(frame) {
			return
		}
		entry := frame[headSize:]
		ns, ok := plain(entry)
		if !ok {
			t, err := check(entry)
			if err != nil {
				return
			}
			ns = t.UnixNano()
		}
		if k := kindOf(entry); ns < last || k == Dropped || k == KeyChange {
			return
		}
		last = ns
		b.times = append(b.times, ns)
		b.leaves = append(b.leaves, leafHash(frame))
	}
	b.holds = true
}

// follows reports whether b holds and may stand behind what was verified.
func (v *verification) follows(b *block) bool {
	return b.holds && !time.Unix(0, b.times[0]).Before(v.last)
}

// take puts a block that follows into the tree. It gives false where the log
// breaks.
func (v *verification) take(name string, b *block) bool {
	start := 0
	for i, h := range b.leaves {
		if v.tree.size == v.report.First {
			v.report.From = time.Unix(0, b.times[i]).UTC()
		}
		v.tree.push(h)
		v.report.Bytes += int64(b.ends[i] - start)
		if signed := len(v.claims) > 0 && v.claims[0].size == v.tree.size; signed || i == len(b.leaves)-1 {
			v.last = time.Unix(0, b.times[i]).UTC()
			v.report.Entries, v.report.To = v.tree.size, v.last
			if signed && !v.claimed(name, b.at+int64(start)) {
				return false
			}
		}
		start = b.ends[i]
	}
	if v.done += b.end - b.at; v.o.Progress != nil {
		v.o.Progress(v.done, v.total)
	}
	return true
}

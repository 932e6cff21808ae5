package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/getweir/weir/internal/cut"
)

// A scan is one Scan.
//
// Each worker reads one file at a time, block by block. Of files of many blocks it
// passes blocks on to whichever reader is free, and reads them itself where none is,
// so that one large file is read by all cores and nobody waits for a hand.
type scan struct {
	o       Options
	wanted  *classes
	readers chan *block // unbuffered: taken only by a reader that waits
	floor   floor
	start   time.Time

	mu  sync.Mutex
	sum Summary
}

// A job is a file to read.
type job struct {
	seq   int64 // its place in the order
	path  string
	named bool // by the caller, not found in a folder
}

func newScan(o Options, found func(Finding)) *scan {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	s := &scan{o: o, wanted: newClasses(o.Classes), readers: make(chan *block), start: time.Now()}
	s.floor.start(found, o.Progress)
	return s
}

func (s *scan) run(ctx context.Context, paths []string) (Summary, error) {
	defer context.AfterFunc(ctx, s.floor.end)()
	jobs := make(chan job, 64)
	var workers, readers sync.WaitGroup
	for range s.o.Workers {
		readers.Go(func() {
			r := s.newReader()
			for b := range s.readers {
				r.read(b)
				b.done <- struct{}{}
			}
		})
		workers.Go(func() {
			w := worker{scan: s, ctx: ctx, reader: s.newReader()}
			for j := range jobs {
				w.file(j)
				s.floor.leave(j.seq, w.held)
				w.held = nil
			}
		})
	}
	s.walk(ctx, paths, jobs)
	close(jobs)
	workers.Wait()
	close(s.readers)
	readers.Wait()
	s.sum.Findings = s.floor.n
	s.sum.Elapsed = time.Since(s.start)
	s.sum.Interrupted = ctx.Err() != nil
	return s.sum, ctx.Err()
}

func (s *scan) newReader() *reader {
	return &reader{inspector: s.o.Inspector, wanted: s.wanted, reveal: s.o.Reveal}
}

// walk puts the files under paths in order.
func (s *scan) walk(ctx context.Context, paths []string, jobs chan<- job) {
	seq := int64(0)
	put := func(path string, named bool) error {
		if err := s.floor.near(seq); err != nil {
			return err
		}
		select {
		case jobs <- job{seq, path, named}:
		case <-ctx.Done():
			return ctx.Err()
		}
		seq++
		return nil
	}
	for _, path := range paths {
		if path == "-" {
			if put(path, true) != nil {
				return
			}
			continue
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			if put(path, true) != nil {
				return
			}
			continue
		} else if err == nil {
			path, err = filepath.EvalSymlinks(path)
			if err != nil {
				s.failed(path, err)
				continue
			}
		}
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				s.failed(path, err)
				return nil
			case d.IsDir():
				return nil
			case d.Type()&fs.ModeSymlink != 0:
				s.skipped(SkipLink, path, 0)
				return nil
			case !d.Type().IsRegular():
				s.skipped(SkipSpecial, path, 0)
				return nil
			}
			return put(path, false)
		})
		if err != nil {
			return
		}
	}
}

func (s *scan) failed(path string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum.fail(path, err)
}

func (s *scan) skipped(reason, path string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum.skip(reason, path, size)
}

// A worker reads files, one at a time.
type worker struct {
	*scan
	ctx    context.Context
	reader *reader
	free   []*block // its own, not in use
	large  []byte   // the same, of more than blockSize

	// Of the file being read.
	job     job
	size    int64    // as the file system says; 0: not known
	queue   []*block // in order; with readers, or read
	held    []Finding
	line    int // reached
	column  int
	failure error
	bytes   int64
	unread  int64
	asText  int64
}

// file reads one file.
func (w *worker) file(j job) {
	w.job, w.line, w.column, w.failure = j, 1, 1, nil
	w.bytes, w.unread, w.asText = 0, 0, 0
	if w.ctx.Err() != nil {
		return
	}
	in, size, err := w.open()
	w.size = size
	if err != nil {
		w.failed(j.path, err)
		return
	}
	if in == nil {
		return
	}
	if c, ok := in.(io.Closer); ok && j.path != "-" {
		defer c.Close()
	}
	reason := w.content(in, size)
	for len(w.queue) > 0 {
		w.settle()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum.Bytes += w.bytes
	w.sum.Unread += w.unread
	w.sum.AsText += w.asText
	switch {
	case w.ctx.Err() != nil:
	case w.failure != nil:
		w.sum.fail(j.path, w.failure)
	case reason != "":
		w.sum.skip(reason, j.path, size)
	default:
		w.sum.Files++
		w.o.Progress.Files.Add(1)
	}
}

// open opens the file. It gives nil for one that is not to be read.
func (w *worker) open() (io.Reader, int64, error) {
	if w.job.path == "-" {
		if w.o.Input == nil {
			return bytes.NewReader(nil), 0, nil
		}
		return w.o.Input, 0, nil
	}
	flags := os.O_RDONLY | syscall.O_NONBLOCK // a pipe that has come in its place must not hold us
	if !w.job.named {
		flags |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(w.job.path, flags, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, 0, err
	case !info.Mode().IsRegular():
		f.Close()
		w.skipped(SkipSpecial, w.job.path, 0)
		return nil, 0, nil
	}
	return f, info.Size(), nil
}

// counted counts what is read of a packed file.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// Bounds on what a packed file may hold: so much for each byte, beyond so much.
const (
	maxRatio  = 200
	freeRatio = 64 << 20
)

// errRatio is why a packed file is not read to its end.
var errRatio = errors.New("what is packed in it is out of all proportion to it")

// unpacked reads what is packed, as long as it is in proportion.
type unpacked struct {
	*gzip.Reader
	packed *counted
	n      int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.n > freeRatio && u.n > maxRatio*u.packed.n {
		return 0, errRatio
	}
	n, err := u.Reader.Read(p)
	u.n += int64(n)
	return n, err
}

// content reads what is in a file, and gives a reason if it is none to be read.
func (w *worker) content(in io.Reader, size int64) (skip string) {
	b := w.take(0)
	in, err := w.fill(b, in)
	if len(b.t) > 2 && string(b.t[:3]) == "\x1f\x8b\x08" {
		packed := &counted{Reader: in}
		if in == nil {
			packed.Reader = bytes.NewReader(nil)
		}
		head := &counted{Reader: io.MultiReader(bytes.NewReader(bytes.Clone(b.t)), packed.Reader)}
		z, zerr := gzip.NewReader(head)
		if zerr != nil {
			w.failure, w.unread = zerr, int64(len(b.t))
			w.put(b)
			return ""
		}
		defer z.Close()
		defer func() {
			if w.failure != nil && w.job.path != "-" {
				w.unread += max(0, size-head.n)
			}
		}()
		b.t, w.size = b.t[:0], 0
		in, err = w.fill(b, &unpacked{Reader: z, packed: head})
	}
	if err != nil {
		w.failure = err
	}
	format := w.o.Format
	if found := detect(w.job.path, b.t, in == nil); format == Auto || found == utf16 {
		format = found
	}
	switch format {
	case binary:
		w.put(b)
		return SkipBinary
	case archive:
		w.put(b)
		return SkipArchive
	case JSON, HTML, Form, Multipart, HTTP:
		w.whole(b, in, format)
	default:
		w.blocks(b, in, format)
	}
	return ""
}

// take gives a block to fill from offset base on.
func (w *worker) take(base int64) *block {
	if n := len(w.free); n > 0 {
		b := w.free[n-1]
		w.free = w.free[:n-1]
		b.reset(base)
		return b
	}
	b := newBlock()
	b.base = base
	return b
}

// put takes a block back that is not in use. Of large ones it keeps the memory of one.
func (w *worker) put(b *block) {
	if cap(b.t) > blockSize {
		if cap(b.t) > cap(w.large) {
			w.large = b.t
		}
		b.t = nil
	}
	w.free = append(w.free, b)
}

// fill reads into b as much as it holds. It gives nil for in at the end.
func (w *worker) fill(b *block, in io.Reader) (io.Reader, error) {
	for in != nil && len(b.t) < cap(b.t) {
		if w.ctx.Err() != nil {
			return nil, nil
		}
		n, err := in.Read(b.t[len(b.t):cap(b.t)])
		b.t = b.t[:len(b.t)+n]
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return in, nil
}

// more is fill, with errors noted as what ended the file.
func (w *worker) more(b *block, in io.Reader) io.Reader {
	in, err := w.fill(b, in)
	if err != nil {
		w.failure = err
	}
	return in
}

// grow makes room in b, as far as a record may be long, and reads on. It reports
// whether there was more.
func (w *worker) grow(b *block, in io.Reader) (io.Reader, bool) {
	if in == nil || cap(b.t) >= maxRecord {
		return in, false
	}
	n := min(maxRecord, 4*cap(b.t))
	if w.size >= int64(cap(b.t)) {
		n = min(maxRecord, int(w.size)+512) // and room to see that it ends
	}
	t := w.large
	w.large = nil
	if cap(t) < n {
		t = make([]byte, 0, n)
	}
	b.t = append(t[:0], b.t...)
	return w.more(b, in), true
}

// whole reads a file that is one document.
func (w *worker) whole(b *block, in io.Reader, format Format) {
	for grew := true; in != nil && grew; {
		in, grew = w.grow(b, in)
	}
	if in == nil {
		b.format, b.to = format, len(b.t)
		w.give(b, false)
		return
	}
	switch format {
	case JSON:
		w.pieces(b, in)
	case HTML:
		w.blocks(b, in, HTML)
	default:
		w.blocks(b, in, Text)
		w.asText += w.bytes
	}
}

// pieces reads a JSON document that is too long to be read as a whole, by its
// elements.
func (w *worker) pieces(b *block, in io.Reader) {
	c := cut.NewJSON(cut.Options{MaxSegment: maxRecord})
	first := b // whose bytes are fed first
	feed := b.t
	const step = blockSize / 2
	var buf []byte
	out := w.take(0)
	offset := int64(0) // of what was given out
	index := 0
	for w.ctx.Err() == nil {
		p := feed[:min(len(feed), step)]
		feed = feed[len(p):]
		eof := len(feed) == 0 && in == nil
		for again := true; again; again = c.More() {
			all, err := c.Feed(p, eof)
			p = nil
			for i := range all {
				seg := &all[i].Segment
				out.t = append(out.t, all[i].Lead...)
				lo := len(out.t)
				out.t = append(out.t, seg.Body...)
				offset += int64(len(all[i].Lead) + len(seg.Body))
				out.add(piece{lo, len(out.t), seg.Record, seg.Path, index})
				if index++; !seg.Record {
					index = 0
				}
			}
			if len(out.t) >= blockSize || err != nil || eof {
				out.format, out.to = JSON, len(out.t)
				w.give(out, true)
				out = w.take(offset)
			}
			if err != nil {
				// It is no JSON from here on, or not to be had in pieces.
				rest := io.Reader(bytes.NewReader(bytes.Clone(c.Rest())))
				rest = io.MultiReader(rest, bytes.NewReader(feed))
				if in != nil {
					rest = io.MultiReader(rest, in)
				}
				w.broken(out, rest)
				w.put(first)
				return
			}
		}
		if eof {
			break
		}
		if len(feed) == 0 {
			if buf == nil {
				buf = make([]byte, 0, step)
			}
			window := block{t: buf}
			in = w.more(&window, in)
			feed = window.t
		}
	}
	w.put(out)
	w.put(first)
}

// broken reads the rest of a document as text.
func (w *worker) broken(b *block, in io.Reader) {
	in = w.more(b, in)
	before := b.base
	w.blocks(b, in, Text)
	w.asText += w.bytes - before
}

// blocks reads a file that has records all along, in blocks that end where one
// does. What is too long for a block is read in windows that overlap.
func (w *worker) blocks(b *block, in io.Reader, format Format) {
	var columns []string
	var comma byte
	if format == CSV {
		columns, comma, b.header = head(b.t)
	}
	from := 0       // where in b its own part begins
	midway := false // b begins within a line
	var mark []byte // the byte order mark that each window of UTF-16 begins with
	if format == utf16 && len(b.t) >= 2 && b.t[0]^b.t[1] == 1 {
		mark = bytes.Clone(b.t[:2])
	}
	for {
		b.format, b.columns, b.comma, b.from = format, columns, comma, from
		t := b.t
		end, next, keep := len(t), len(t), 0
		switch {
		case midway:
			b.format = Text
			n := bytes.IndexByte(t[from:], '\n')
			switch {
			case n >= 0:
				end = from + n + 1
				next, midway = end, false
			case in != nil:
				end, next, keep = len(t)-overlap/2, len(t)-overlap, overlap/2
			}
			if format != Text {
				w.asText += int64(end - from)
			}
		case in == nil:
		case format == utf16:
			end, next, keep = len(t)-overlap/2, len(t)-overlap, overlap/2
		default:
			end = boundary(format, t)
			next = end
			if end == 0 {
				if format != Text {
					var grew bool
					if in, grew = w.grow(b, in); grew {
						continue
					}
				}
				midway = true
				b.format = Text
				end, next, keep = len(t)-overlap/2, len(t)-overlap, overlap/2
				if format != Text {
					w.asText += int64(end - from)
				}
			}
		}
		b.to = end
		last := next == len(t) && in == nil || w.ctx.Err() != nil
		var following *block
		if !last {
			base := b.base + int64(next)
			following = w.take(base - int64(len(mark)))
			following.t = append(following.t, mark...)
			following.t = append(following.t, t[next:]...)
			from = keep + len(mark)
			if keep == 0 {
				b.t = t[:end]
				from = 0
			}
		}
		w.give(b, !last)
		if last {
			return
		}
		b = following
		in = w.more(b, in)
	}
}

// boundary gives where the last record of t ends; 0: none does.
func boundary(format Format, t []byte) int {
	switch format {
	case CSV:
		return lastRow(t)
	case HTML:
		if n := bytes.LastIndex(t, []byte("</")); n > len(t)/2 {
			return n
		}
		return max(0, bytes.LastIndexByte(t, '<'))
	}
	return bytes.LastIndexByte(t, '\n') + 1
}

// give has b read: by another, where somebody is free and there is more to do here,
// else here.
func (w *worker) give(b *block, more bool) {
	w.bytes += int64(b.to - b.from)
	w.o.Progress.Bytes.Add(int64(b.to - b.from))
	w.queue = append(w.queue, b)
	if b.last = !more; more || len(w.queue) > 1 {
		select {
		case w.readers <- b:
			b.lent = true
			for len(w.queue) > 2*w.o.Workers {
				w.settle()
			}
			return
		default:
		}
	}
	w.reader.read(b)
	for len(w.queue) > 0 && !w.queue[0].lent {
		w.settle()
	}
}

// settle takes the result of the first block of the queue, when it is read.
func (w *worker) settle() {
	b := w.queue[0]
	w.queue = append(w.queue[:0], w.queue[1:]...)
	if b.lent {
		<-b.done
	}
	w.unread += b.unread
	w.asText += b.asText
	for i := range b.found {
		f := &b.found[i]
		f.File = w.job.path
		if f.Line == 0 {
			f.Column += w.column - 1
		}
		f.Line += w.line
		f.Column++
	}
	if b.lines > 0 {
		w.line += b.lines
		w.column = 1
	}
	w.column += b.tail
	if len(b.found) > 0 {
		w.held = w.floor.say(w.job.seq, w.held, b.found)
	}
	w.put(b)
}

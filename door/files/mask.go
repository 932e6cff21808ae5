package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/cut"
	"github.com/getweir/weir/mask"
)

// Why a stream cannot be masked to its end. What has come out before is right.
var (
	// ErrTooLong is given for a record or page beyond 8 MiB.
	ErrTooLong = errors.New("a record is too long to be masked")
	// ErrMalformed is given for a stream that breaks the grammar of its format.
	ErrMalformed = errors.New("the stream breaks the grammar of its format")
	// ErrUnread is given for a record of which a part cannot be read.
	ErrUnread = errors.New("a part of the stream cannot be read")
)

// MaskOptions say what is masked. Only Inspector is needed.
type MaskOptions struct {
	// Inspector says what is personal data.
	Inspector *inspect.Inspector
	// Format of the stream. The zero value finds it out from its first two lines, or
	// as much of them as lies in the first 8 KiB.
	Format Format
	// Classes are those that are masked: names, or families such as "identity.*".
	// nil: all.
	Classes []string
}

// masking turns a stream into the same stream with its findings blanked. What it has
// ready is in out.
type masking struct {
	format Format
	wanted *classes
	reader reader
	block  block

	in     []byte      // what has come and is not cut yet, where no cutter holds it
	cutter *cut.Cutter // of JSON and CSV
	check  *cut.Cutter // of single values
	began  bool        // the format is known
	midway bool        // in begins within a line that is too long to be read at once
	from   int         // where in it what has not gone out begins
	seen   int         // how much of in holds no LF
	base   int64       // offset of in[0] in the stream
	err    error

	out  []byte
	done int // of the block being masked, how much has gone to out
	acts []weir.Action
	form bool // what is masked is in a form's escapes
}

func newMasking(o MaskOptions) *masking {
	m := &masking{format: o.Format, wanted: newClasses(o.Classes)}
	m.reader = reader{inspector: o.Inspector, masking: m}
	return m
}

// feed takes the next bytes; eof says that they are the last.
func (m *masking) feed(p []byte, eof bool) error {
	if m.err != nil {
		return m.err
	}
	if m.cutter != nil {
		m.err = m.cut(p, eof)
		return m.err
	}
	m.in = append(m.in, p...)
	if !m.began && !m.begin(eof) {
		return m.err
	}
	switch {
	case m.cutter != nil:
		rest := m.in
		m.in = nil
		m.err = m.cut(rest, eof)
	case m.format == NDJSON || m.format == Text || m.format == Events:
		m.err = m.lines(eof)
	case len(m.in) > maxRecord:
		m.err = ErrTooLong
	case eof:
		m.err = m.record(m.in, m.format)
	}
	return m.err
}

// begin finds the format out, as soon as there is enough of the stream: always the
// same amount, however it comes.
func (m *masking) begin(eof bool) bool {
	sample := m.in[:min(len(m.in), sampleSize)]
	whole := eof && len(m.in) <= sampleSize
	if m.format == Auto {
		lead := len(sample) - len(bytes.TrimLeft(sample, " \t\r\n"+bom))
		first := lineEnd(sample[lead:])
		second := lineEnd(sample[lead+first:])
		if n := lead + first + second; second > 0 && sample[n-1] == '\n' {
			sample, whole = sample[:n], false
		} else if !eof && len(sample) < sampleSize {
			return false
		}
		m.format = detect("", sample, whole)
	} else {
		if len(sample) < 2 && !eof {
			return false
		}
		if bytes.HasPrefix(sample, []byte("\xff\xfe")) || bytes.HasPrefix(sample, []byte("\xfe\xff")) {
			m.format = utf16
		}
	}
	m.began = true
	switch m.format {
	case utf16:
		m.err = fmt.Errorf("%w: it is in UTF-16, which is not masked", ErrUnread)
		return false
	case binary, archive:
		m.err = ErrBinary
		return false
	case JSON:
		m.cutter = cut.NewJSON(cut.Options{MaxSegment: maxRecord})
	case CSV:
		m.cutter = cut.NewCSV(cut.Options{MaxSegment: maxRecord})
	}
	return true
}

// cut feeds the cutter and masks the pieces it gives.
func (m *masking) cut(p []byte, eof bool) error {
	for again := true; again; again = m.cutter.More() {
		pieces, err := m.cutter.Feed(p, eof)
		p = nil
		for i := range pieces {
			seg := &pieces[i].Segment
			m.out = append(m.out, pieces[i].Lead...)
			m.base += int64(len(pieces[i].Lead))
			if len(seg.Body) == 0 {
				continue
			}
			r := &m.reader
			r.b, r.Seg = &m.block, *seg
			m.block.t, m.block.unread, m.done = seg.Body, 0, 0
			if r.inspector.Inspect(&r.report, &r.Seg, nil) != nil {
				return m.wrong(ErrMalformed)
			}
			if r.report.Unread > 0 {
				return m.wrong(ErrUnread)
			}
			m.segment(r, 0)
			m.out = append(m.out, seg.Body[m.done:]...)
			m.base += int64(len(seg.Body))
		}
		switch {
		case errors.Is(err, cut.ErrTooLong):
			return m.wrong(ErrTooLong)
		case err != nil:
			return m.wrong(fmt.Errorf("%w: %w", ErrMalformed, err))
		}
	}
	return nil
}

// wrong says where the stream ends for us.
func (m *masking) wrong(err error) error {
	return fmt.Errorf("%w (in what follows byte %d)", err, m.base)
}

// lines masks the lines that are whole.
func (m *masking) lines(eof bool) error {
	at := 0
	for at < len(m.in) {
		t := m.in[at:]
		if m.midway {
			n, err := m.window(t, eof)
			if n == 0 || err != nil {
				m.drop(at)
				return err
			}
			at += n
			continue
		}
		n := bytes.IndexByte(t[min(m.seen, len(t)):], '\n')
		if n >= 0 {
			n += min(m.seen, len(t)) + 1
		} else if eof {
			n = len(t)
		}
		if n > 0 && n <= blockSize && m.format == Text {
			n = cut.KeyBlock(t, n, eof)
		}
		switch {
		case n > maxRecord || n < 0 && len(t) > maxRecord:
			if m.format != Text {
				return m.wrong(ErrTooLong)
			}
			fallthrough
		case m.format == Text && (n > blockSize || n < 0 && len(t) > blockSize):
			m.midway, m.from, m.seen = true, 0, 0
			continue
		case n < 0:
			m.drop(at)
			m.seen = len(m.in)
			return nil
		}
		m.seen = 0
		if err := m.record(t[:n], m.format); err != nil {
			return err
		}
		m.base += int64(n)
		at += n
	}
	m.drop(at)
	return nil
}

// drop forgets the first n bytes of what has come.
func (m *masking) drop(n int) {
	if n > 0 {
		m.in = m.in[:copy(m.in, m.in[n:])]
	}
}

// window masks the next part of a line that is too long to be read at once, where t
// holds it, and gives how much of t is not needed any more. t begins m.from bytes
// before what has not gone out.
func (m *masking) window(t []byte, eof bool) (n int, err error) {
	look := min(max(m.from, m.seen), blockSize)
	end := bytes.IndexByte(t[look:max(look, min(len(t), blockSize))], '\n') + 1
	last := end > 0
	m.seen = 0
	switch {
	case last:
		end += look
	case len(t) >= blockSize:
		end = blockSize
	case eof:
		end, last = len(t), true
	default:
		m.seen = len(t)
		return 0, nil
	}
	r := &m.reader
	m.block.t, m.block.unread = t[:end], 0
	r.b, r.Seg = &m.block, weir.Segment{Syntax: weir.Text, Record: true}
	if !r.inspect(0, end) {
		return 0, m.wrong(ErrMalformed)
	}
	if m.block.unread > 0 {
		return 0, m.wrong(ErrUnread)
	}
	to := end
	fs := r.report.Findings
	if !last {
		to -= overlap / 2
		for i := range fs {
			if f := &fs[i]; f.Start < to && f.End > to && f.Start > m.from {
				to = f.Start // whole in the next
			}
		}
	}
	// What goes out is masked as a segment of its own.
	own := fs[:0]
	for _, f := range fs {
		if f.End <= m.from || f.Start >= to {
			continue
		}
		if f.Start < m.from || f.End > to {
			f.Class = "" // of a part of a value nothing is kept
		}
		f.Start, f.End = max(f.Start, m.from)-m.from, min(f.End, to)-m.from
		own = append(own, f)
	}
	r.report.Findings = own
	r.Seg.Body = t[m.from:to]
	m.block.t, m.done = r.Seg.Body, 0
	m.segment(r, 0)
	m.out = append(m.out, r.Seg.Body[m.done:]...)
	m.base += int64(to - m.from)
	if last {
		m.midway, m.from = false, 0
		return end, nil
	}
	n = max(0, to-overlap/2)
	m.from = to - n
	return n, nil
}

// valid reports whether t is one JSON value: the inspector follows JSON, and relies
// on others to check it.
func (m *masking) valid(t []byte) bool {
	o := cut.Options{MaxSegment: maxRecord}
	if m.check == nil {
		m.check = cut.NewJSON(o)
	}
	m.check.Reset(o)
	_, err := m.check.Feed(t, true)
	for err == nil && m.check.More() {
		_, err = m.check.Feed(nil, true)
	}
	return err == nil
}

// record masks t, which is written in the given format.
func (m *masking) record(t []byte, format Format) error {
	m.block = block{format: format, t: t, to: len(t), last: true}
	m.done, m.form = 0, format == Form
	m.reader.read(&m.block)
	if m.block.unread > 0 {
		return m.wrong(ErrUnread)
	}
	m.out = append(m.out, t[m.done:]...)
	return nil
}

// segment masks the segment that r has read, which begins at offset lo of its block.
func (m *masking) segment(r *reader, lo int) {
	fs := r.report.Findings
	if len(fs) == 0 {
		return
	}
	m.acts = m.acts[:0]
	for i := range fs {
		act := weir.Mask
		if m.wanted != nil && fs[i].Class != "" && !m.wanted.has(fs[i].Class) {
			act = weir.Allow
		}
		m.acts = append(m.acts, act)
	}
	m.out = append(m.out, r.b.t[m.done:lo]...)
	begin := len(m.out)
	m.out = mask.Append(m.out, &r.Seg, fs, m.acts)
	if m.form {
		// What was an escape is none any more.
		for t := m.out[begin:]; ; {
			i := bytes.IndexByte(t, '%')
			if i < 0 {
				break
			}
			if i+1 < len(t) && t[i+1] == '*' || i+2 < len(t) && t[i+2] == '*' {
				t[i] = '*'
			}
			t = t[i+1:]
		}
	}
	m.done = lo + len(r.Seg.Body)
}

// A Filter is a reader that gives what another gives, masked. It is not safe for
// concurrent use.
type Filter struct {
	from io.Reader
	m    *masking
	buf  []byte
	out  []byte // of m, not read yet
	end  error
}

// NewFilter masks what r gives.
func NewFilter(r io.Reader, o MaskOptions) *Filter {
	return &Filter{from: r, m: newMasking(o), buf: make([]byte, 64<<10)}
}

// Read gives the next masked bytes: of whole records, as soon as they have come in.
// When the stream cannot be read on it gives an error that wraps ErrBinary,
// ErrTooLong, ErrMalformed or ErrUnread, or the reader's own, after what came before.
func (f *Filter) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		if f.end != nil {
			return 0, f.end
		}
		if len(p) == 0 {
			return 0, nil
		}
		f.m.out = f.m.out[:0]
		n, err := f.from.Read(f.buf)
		f.end = err
		if err != nil && err != io.EOF {
			// What has not come in whole does not leave.
			if n > 0 {
				if wrong := f.m.feed(f.buf[:n], false); wrong != nil {
					f.end = wrong
				}
			}
		} else if n > 0 || err == io.EOF {
			if wrong := f.m.feed(f.buf[:n], err == io.EOF); wrong != nil {
				f.end = wrong
			}
		}
		f.out = f.m.out
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

// A Writer writes to another what is written to it, masked. It is not safe for
// concurrent use.
type Writer struct {
	to     io.Writer
	m      *masking
	closed bool
}

// NewWriter masks what is written to w. The caller must Close it: what is not a
// whole record until then has not gone out.
func NewWriter(w io.Writer, o MaskOptions) *Writer { return &Writer{to: w, m: newMasking(o)} }

// Write takes the next bytes. Its errors are those of Filter.Read.
func (w *Writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	if err := w.feed(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what is left. It does not close the writer behind it.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.feed(nil, true)
}

func (w *Writer) feed(p []byte, eof bool) error {
	w.m.out = w.m.out[:0]
	wrong := w.m.feed(p, eof)
	if len(w.m.out) > 0 {
		if _, err := w.to.Write(w.m.out); err != nil {
			w.m.err = err
			return err
		}
	}
	return wrong
}

package inbound

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/cut"
)

// first gets the header's values and the first batch of the body released.
func (a *answer) first(head *header) *refusal {
	if a.kind == none {
		return a.headOnly(head)
	}
	if trouble := a.decode(head.codings); trouble != nil {
		return trouble
	}
	switch a.kind {
	case opaque:
		a.fill(atLeast(sniffed))
		if a.cause != nil {
			return a.cause
		}
		if !looksLike(head.media, a.held) {
			return unreadable("The answer is not of the type that it says.")
		}
		if !a.coded {
			a.length = a.size
		}
		a.encoded()
		if trouble := a.headOnly(head); trouble != nil {
			return trouble
		}
		// What goes unread may not go at all, and that can still be told.
		if block := a.held; len(block) > 0 {
			if a.held = nil; !a.unread(len(block)) {
				return a.trouble
			}
			a.put(block)
			a.encode()
		}
		return nil
	case undecided:
		a.fill(func(b []byte) bool { return len(b) >= sniffed || head.media != "" && notJSON(b) })
		if a.cause != nil && len(a.held) == 0 {
			return a.cause
		}
		var named string
		if a.kind, named = sniff(head.media, a.held, a.ended); head.media == "" {
			a.media = named
		}
		if a.kind == unknown {
			return unreadable("The answer does not say what it is, and does not look like anything that can be read.")
		}
	case events:
		// A stream of events may have none for a long time, and its client
		// waits for the header.
		a.cutter = a.e.door.cutter(a.kind, nil)
		a.encoded()
		a.e.w.eager = true
		return a.headOnly(head)
	}
	a.cutter = a.e.door.cutter(a.kind, a.e.pass.Array())
	a.next(head)
	if a.trouble != nil && !a.records {
		return a.trouble
	}
	a.encoded()
	a.encode()
	if a.complete() {
		a.length = 0
		for _, p := range a.queue {
			a.length += int64(len(p))
		}
	}
	return nil
}

// headOnly releases the header's values alone.
func (a *answer) headOnly(head *header) *refusal {
	a.batch(head, nil)
	return a.trouble
}

// Read serves what was released, and gets more when that is out.
func (a *answer) Read(p []byte) (int, error) {
	for {
		a.goOn()
		n := 0
		for a.at < len(a.queue) && n < len(p) {
			m := copy(p[n:], a.queue[a.at][a.served:])
			n, a.served = n+m, a.served+m
			if a.served == len(a.queue[a.at]) {
				a.at, a.served = a.at+1, 0
			}
		}
		switch {
		case n > 0:
			return n, nil
		case a.trouble != nil:
			a.e.note(a.trouble)
			a.e.broken = true
			return 0, a.trouble
		case a.kind == none || a.ended && !a.more && len(a.held) == 0:
			if a.zip != nil && !a.closed {
				a.encode()
				continue
			}
			return 0, io.EOF
		case a.kind == opaque && a.zip == nil && len(a.held) == 0 && a.cause == nil:
			n, err := a.src.Read(p)
			if err != nil {
				a.stop(err)
			}
			if n > 0 && a.unread(n) {
				return n, nil
			}
			continue
		}
		a.next(nil)
		a.encode()
	}
}

// Close is called when the body was read, and puts the trailer in place of the
// upstream's own, which nobody has read.
func (a *answer) Close() error {
	if a.e.observed {
		return nil // the trailer is the service's own
	}
	a.res.Trailer = nil
	if a.announced {
		a.res.Trailer = http.Header{withheldHeader: {strconv.Itoa(a.withheld)}}
	}
	return nil
}

// next reads, cuts and gets released until something may leave, or nothing more
// will. head is not nil for the first batch.
func (a *answer) next(head *header) {
	a.queue, a.at, a.served = a.queue[:0], 0, 0
	for len(a.queue) == 0 && a.trouble == nil || head != nil {
		if len(a.held) == 0 && !a.more && !a.ended && a.cause == nil {
			a.fill(atLeast(1))
		}
		block := a.held
		a.held = nil
		if a.kind == opaque {
			if len(block) > 0 && a.unread(len(block)) {
				a.put(block)
			}
			if a.trouble == nil && len(block) == 0 {
				a.trouble = a.cause
			}
			if a.ended {
				return
			}
			continue
		}
		var pieces []cut.Piece
		var err error
		if len(block) > 0 || a.more || a.ended && a.started {
			a.started = true
			pieces, err = a.cutter.Feed(block, a.ended)
			a.more = a.cutter.More()
		}
		over := err != nil || (a.ended || a.cause != nil) && !a.more
		if len(pieces) > 0 || head != nil && over {
			a.batch(head, pieces)
			head = nil
		}
		switch {
		case a.trouble != nil:
		case err != nil && !a.e.observed && a.e.pass.Uninspected():
			a.uninspected()
			return
		case err != nil:
			a.trouble = uncut(err)
		case over: // what came before the upstream failed counts
			a.trouble = a.cause
		}
		if over {
			return
		}
	}
}

// uninspected has the rest of the body pass as it is: what was not cut, and all that
// comes.
func (a *answer) uninspected() {
	a.kind, a.fails, a.personal, a.more = opaque, true, true, false
	a.length = -1
	if rest := slices.Clone(a.cutter.Rest()); len(rest) > 0 && a.unread(len(rest)) {
		a.put(rest)
	}
}

// uncut says why a body cannot be cut.
func uncut(err error) *refusal {
	switch {
	case errors.Is(err, cut.ErrTooLong):
		return unreadable("The answer holds a record that is too long to be read.")
	case errors.Is(err, cut.ErrTruncated):
		return unreadable("The answer ends in the middle.")
	}
	return unreadable("The answer is not written as it says, so it cannot be read and is not passed on.")
}

// batch has the guard release the values of head, if it is not nil, and pieces,
// and queues what may leave.
func (a *answer) batch(head *header, pieces []cut.Piece) {
	segments := a.Segments[:0]
	heads := 0
	if head != nil {
		segments = append(segments, head.Segments...)
		heads = len(segments)
	}
	for i := range pieces {
		if len(pieces[i].Segment.Body) > 0 {
			segments = append(segments, pieces[i].Segment)
		}
	}
	a.Segments, a.most = segments, max(a.most, len(segments))
	r := a.e.pass.Release(a.e.request.Context(), segments)
	if head != nil {
		a.personal = r.Personal
		if a.trouble = head.released(r.Out[:min(heads, len(r.Out))], r.Withheld); a.trouble != nil {
			return
		}
	}
	if a.e.observed {
		a.overlook(pieces, r.Would[min(heads, len(r.Would)):])
	}
	out := r.Out[min(heads, len(r.Out)):]
	for i := range pieces {
		p := &pieces[i]
		if len(p.Segment.Body) == 0 {
			a.put(p.Lead)
			continue
		}
		if len(out) == 0 {
			break // Stop says why
		}
		body := out[0]
		out = out[1:]
		switch {
		case body == nil && p.Element:
			a.withheld++
			continue
		case body == nil:
			denial := r.Withheld
			if denial == nil {
				denial = &weir.Denial{Reason: weir.ReasonInternal, Message: "The answer was not released."}
			}
			a.trouble = &refusal{denial: denial}
			return
		case !p.Element:
			a.elements = false
			a.put(p.Lead)
		case a.elements:
			a.put(p.Lead)
		default:
			a.elements = true
			a.put(uncomma(p.Lead))
		}
		a.put(body)
		a.records = a.records || p.Segment.Record
	}
	switch {
	case r.Stop != nil:
		a.trouble = &refusal{denial: r.Stop, guards: true}
	case len(r.Out) < len(segments):
		a.trouble = &refusal{denial: &weir.Denial{Reason: weir.ReasonInternal, Message: "The answer was not released."}}
	}
}

func (a *answer) put(p []byte) {
	if len(p) > 0 {
		a.queue = append(a.queue, p)
	}
}

// uncomma gives the white space of a lead from its comma on, since the elements
// before it were left out.
func uncomma(lead []byte) []byte {
	for i, x := range lead {
		if x == ',' {
			return lead[i+1:]
		}
	}
	return lead
}

// unread tells the guard of opaque bytes that are about to leave.
func (a *answer) unread(n int) bool {
	pass := a.e.pass.PassUnread
	if a.fails {
		pass = a.e.pass.PassUninspected
	}
	if denial := pass(a.e.request.Context(), n); denial != nil {
		a.trouble = &refusal{denial: denial, guards: true}
		return false
	}
	return true
}

// atLeast is enough for fill when it has so many bytes.
func atLeast(n int) func([]byte) bool { return func(b []byte) bool { return len(b) >= n } }

// fill reads into held until that is enough, or all. Where the upstream has said
// how much will come, it waits for a whole buffer, since that is on its way: so
// most answers are one batch.
func (a *answer) fill(enough func([]byte) bool) {
	buf := a.buffer()
	gather := a.size > 0 && a.kind != opaque
	n := 0
	for n < len(buf) && (n == 0 || gather || !enough(buf[:n])) {
		m, err := a.src.Read(buf[n:])
		n += m
		if err != nil {
			a.stop(err)
			break
		}
	}
	if a.large == nil && n == len(buf) {
		a.filled++
	}
	a.held = buf[:n]
}

// buffer gives what to read into: a small one until the upstream is known to
// have more.
func (a *answer) buffer() []byte {
	d := a.e.door
	if a.large == nil && (a.size > smallRead || a.filled > 0) {
		a.large = d.large.Get().(*[]byte)
		if a.small != nil {
			d.small.Put(a.small)
			a.small = nil
		}
	}
	if a.large != nil {
		return *a.large
	}
	if a.small == nil {
		a.small = d.small.Get().(*[]byte)
	}
	return *a.small
}

// stop takes note of how src ended.
func (a *answer) stop(err error) {
	switch {
	case err == io.EOF:
		a.ended = true
	case a.failed == nil:
		a.cause = unreadable("The answer's encoding is broken, or grows beyond measure.")
	default:
		a.cause = upstreamTrouble(a.e.ctx, a.e.request, a.failed)
		if a.cause.outcome == upstreamFailed {
			a.cause.outcome = upstreamStopped
		}
	}
}

// upstreamReader reads the upstream's body, and gives it only so long.
type upstreamReader struct{ a *answer }

func (u upstreamReader) Read(p []byte) (int, error) {
	a := u.a
	if wait := a.e.door.config.BodyTimeout; a.slow == nil {
		cancel := a.e.cancel
		a.slow = time.AfterFunc(wait, func() { cancel(errSlow) })
	} else {
		a.slow.Reset(wait)
	}
	n, err := a.up.Read(p)
	a.slow.Stop()
	if err != nil && err != io.EOF {
		a.failed = err
	}
	return n, err
}

// encoded decides whether the client gets the body encoded.
func (a *answer) encoded() {
	if !a.e.gzip || !a.coded && !(a.e.door.config.Compress && a.kind != opaque) {
		return
	}
	if a.complete() && a.kind != opaque {
		n := 0
		for _, p := range a.queue {
			n += len(p)
		}
		if n < worthEncoding {
			return
		}
	}
	a.zip = newGzip(&a.zipped)
	a.length = -1
}

// encode turns the queue into its encoded form. Each batch can be decoded when it
// arrives.
func (a *answer) encode() {
	if a.zip == nil || a.closed {
		return
	}
	a.zipped.Reset()
	a.plain = a.plain[:0]
	for _, p := range a.queue {
		// What is written at once is encoded on its own: not too little, and
		// what is much need not be copied first.
		if len(a.plain)+len(p) > encodeAtOnce {
			_, _ = a.zip.Write(a.plain) // into memory
			a.plain = a.plain[:0]
		}
		if len(p) > encodeAtOnce {
			_, _ = a.zip.Write(p)
		} else {
			a.plain = append(a.plain, p...)
		}
	}
	if len(a.plain) > 0 {
		_, _ = a.zip.Write(a.plain)
	}
	if a.trouble == nil && a.ended && !a.more && len(a.held) == 0 {
		_ = a.zip.Close()
		a.closed = true
	}
	a.queue, a.at, a.served = a.queue[:0], 0, 0
	a.put(a.zipped.Bytes())
}

// encodeAtOnce is what is gathered before it is encoded, in bytes.
const encodeAtOnce = 64 << 10

// worthEncoding is the length from which on a whole body is encoded, in bytes.
const worthEncoding = 1 << 10

func newGzip(w io.Writer) *gzip.Writer {
	// Without state between writes: nothing is held while a stream waits, and
	// what is written is flushed.
	z, err := gzip.NewWriterLevel(w, gzip.StatelessCompression)
	if err != nil {
		panic(err) // a constant
	}
	return z
}

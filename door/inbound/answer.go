package inbound

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/cut"
)

const (
	// smallRead is what an exchange that waits for its upstream holds to read
	// into, and largeRead what one does of which more is known to come.
	smallRead = 16 << 10
	largeRead = 128 << 10
)

// answer is the body of an answer on its way through the door. The client's side
// reads it; each read that finds nothing left takes the next bytes from the
// upstream, cuts them, has them released, and serves what came back.
type answer struct {
	e   *exchange
	res *http.Response
	up  io.ReadCloser // the upstream's body

	kind     kind
	media    string // the Content-Type that is sent
	personal bool   // the first batch holds personal data
	length   int64  // what is sent in all; -1: not known

	src    io.Reader // up, decoded
	coded  bool      // up is gzip
	gunzip *gunzip
	size   int64 // what up says it has, in bytes; -1: it does not say
	slow   *time.Timer
	small  *[]byte
	large  *[]byte
	filled int    // how often the small one was too small
	held   []byte // read, and not yet cut
	ended  bool   // src is at its end
	failed error  // what up failed with

	cutter   *cut.Cutter
	started  bool           // the cutter has been fed
	fails    bool           // what comes could not be cut, and passes
	more     bool           // the cutter has more pieces of what it was fed
	Segments []weir.Segment // of the batch
	most     int            // the longest batch
	elements bool           // an element of the array at hand has left
	withheld int

	queue      [][]byte // what may leave, to be served in order
	at, served int      // queue[:at] and queue[at][:served] are out
	cause      *refusal // how src ended, if not well
	trouble    *refusal // what ends the transfer when the queue is served
	records    bool     // a record may leave
	announced  bool     // the header has announced a trailer

	zip    *gzip.Writer // nil: sent as it is
	closed bool         // zip is
	plain  []byte       // what is encoded at once
	zipped bytes.Buffer
}

func (a *answer) begin(e *exchange, res *http.Response) {
	*a = answer{
		e: e, res: res, up: res.Body, size: res.ContentLength, length: -1,
		Segments: a.Segments[:0], queue: a.queue[:0], plain: a.plain[:0], zipped: a.zipped, zip: nil,
		gunzip: a.gunzip,
	}
	a.src = upstreamReader{a}
}

// release lets go of everything that was borrowed.
func (a *answer) release() {
	d := a.e.door
	a.up.Close()
	if a.slow != nil {
		a.slow.Stop()
	}
	if a.cutter != nil {
		a.cutter.Reset(cut.Options{})
		d.cutters[a.kind].Put(a.cutter)
	}
	if a.small != nil {
		d.small.Put(a.small)
	}
	if a.large != nil {
		d.large.Put(a.large)
	}
	if a.gunzip != nil {
		a.gunzip.release()
	}
	clear(a.Segments[:min(a.most, cap(a.Segments))])
	clear(a.queue)
	a.zipped.Reset()
	if cap(a.plain) > 2*largeRead || a.zipped.Cap() > 2*largeRead {
		a.plain, a.zipped = nil, bytes.Buffer{}
	}
	*a = answer{Segments: a.Segments[:0], queue: a.queue[:0], plain: a.plain[:0], zipped: a.zipped, gunzip: a.gunzip}
	d.answers.Put(a)
}

// complete reports whether all that will be sent is in the queue.
func (a *answer) complete() bool {
	return a.kind == none || a.kind == opaque && a.length >= 0 || a.ended && !a.more && a.trouble == nil && a.cause == nil && a.kind != opaque
}

// announces reports whether a trailer will tell how much was withheld.
func (a *answer) announces() bool { return !a.complete() && a.kind != opaque && a.kind != page }

// open decides how the body is to be read, by what the header says of it.
func (a *answer) open(head *header) *refusal {
	res, e := a.res, a.e
	a.media = head.media
	if charset := head.params["charset"]; charset != "" {
		a.media += "; charset=" + charset
		if !readableCharset(charset) {
			a.media = head.media
		}
	}
	switch {
	case e.request.Method == http.MethodHead, res.StatusCode == http.StatusNoContent,
		res.StatusCode == http.StatusResetContent, res.StatusCode == http.StatusNotModified:
		a.kind = none
		return nil
	case res.ContentLength == 0:
		a.kind, a.length = none, 0
		return nil
	case e.pass.Opaque(head.media):
		a.kind = opaque
	default:
		a.kind = kindOf(head.media)
	}
	if a.kind == unknown {
		return unreadable("The answer is of a type that cannot be read.")
	}
	if a.kind != opaque && !readableCharset(head.params["charset"]) {
		return unreadable("The answer is in a charset that cannot be read.")
	}
	return nil
}

// decode undoes the content coding. It is called once, before the first read.
func (a *answer) decode(codings []string) *refusal {
	var ok bool
	if a.coded, ok = coding(codings); !ok {
		return unreadable("The answer is in an encoding that cannot be read.")
	}
	if a.coded {
		if a.gunzip == nil {
			a.gunzip = new(gunzip)
		}
		a.gunzip.reset(a.src)
		a.src = a.gunzip
	}
	return nil
}

// Package cut divides the bodies that pass a door into segments: documents,
// elements of arrays, rows, lines and events, each of which is released or
// withheld whole.
//
// A [Cutter] is fed the bytes of one body as they come and gives back the
// pieces that have become whole. JSON is read by a state machine that keeps its
// place between feeds, looks at each byte once and checks the grammar of RFC
// 8259 as it goes; lines, rows and events are found by their ends.
//
// It guarantees that pieces, put together in order, are the input byte for
// byte; that the same bytes give the same pieces and the same error however
// they are divided into feeds; and that it holds no more than one segment and
// one feed in memory.
//
// It does not know what personal data is, decodes nothing, and does not repair:
// what breaks the grammar of its syntax is an error, and no piece that begins
// at or after the break is given.
package cut

import (
	"errors"
	"fmt"

	"github.com/getweir/weir"
)

// What can be wrong with a body. Errors from Feed wrap one of these.
var (
	ErrSyntax    = errors.New("the body breaks the grammar of its syntax")
	ErrTruncated = errors.New("the body ends too early")
	ErrTooLong   = errors.New("a segment is longer than is allowed")
	ErrDepth     = errors.New("the body is nested too deeply")
)

// An Error says where a body could not be cut. It holds no byte of it.
type Error struct {
	Err    error // one of the sentinels above
	Offset int64 // bytes of the body before the place
}

func (e *Error) Error() string { return fmt.Sprintf("%v (byte %d)", e.Err, e.Offset) }

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Err }

const (
	// DefaultMaxSegment is the bound on one segment where none is given.
	DefaultMaxSegment = 256 << 10
	// MaxPieces bounds what one Feed gives, and with it the memory that a body
	// of very many very small segments can take.
	MaxPieces = 1024
	// MaxDepth bounds the nesting of JSON.
	MaxDepth = 512
)

// Options say how a body is cut. The zero value cuts with the default bound and
// no declared array.
type Options struct {
	// MaxSegment bounds one segment together with its Lead, in bytes. 0:
	// DefaultMaxSegment.
	MaxSegment int
	// Array holds the keys from the root of a JSON document to the array whose
	// elements are records, such as ["data" "items"]. Empty but not nil: the
	// document is that array. nil: none is declared.
	Array []string
}

// A Piece is a part of the body that has become whole.
type Piece struct {
	// Segment.Body is empty where the piece is nothing but Lead.
	Segment weir.Segment
	// Lead stands before Segment.Body: a byte order mark, or the white space
	// and commas before an element. It belongs to no segment.
	Lead []byte
	// Element says that the piece may be left out of the output on its own,
	// with its Lead, and leaves a well-formed body. If no element of the array
	// has been put out yet, the comma in the Lead of the next must go too.
	Element bool
}

// A Cutter cuts one body. It is not safe for concurrent use.
type Cutter struct {
	opt  Options
	step func(c *Cutter, eof bool)

	view  []byte // what is fed and not yet given out; the caller's bytes, or own
	lent  bool   // view is the caller's
	own   []byte // keeps a rest from one Feed to the next
	start int    // in view: where the piece in the making begins, Lead and all
	pos   int    // in view: how far it has been read
	base  int64  // bytes of the body before view
	bom   int    // length of a byte order mark at start
	began bool   // the byte order mark has been looked for

	pieces []Piece
	most   int // the most pieces that a Feed gave
	more   bool
	err    error

	syntax weir.Syntax // of a whole body
	json   machine
	csv    rows
	last   int // events, text: where, counted from start, the last line begins
}

// NewJSON cuts a JSON document (RFC 8259). With a declared array each of its
// elements is a record, and what stands around it is given in pieces of the
// envelope; where the declared array does not appear, the document is one
// record. Without one, the elements of a top-level array are records, any other
// document is one record if it fits into MaxSegment, and else it is cut at its
// outermost arrays.
func NewJSON(o Options) *Cutter { return newCutter(o, (*Cutter).stepJSON) }

// NewNDJSON cuts lines that are each one JSON value. A line's end belongs to
// its record; an empty line is a piece of Lead only.
func NewNDJSON(o Options) *Cutter { return newCutter(o, (*Cutter).stepNDJSON) }

// NewCSV cuts comma-separated values (RFC 4180). The first row names the
// columns and is a piece of the envelope. Where the first row holds more
// semicolons, tabs or vertical bars outside quotes than commas, that is what
// separates the fields.
func NewCSV(o Options) *Cutter { return newCutter(o, (*Cutter).stepCSV) }

// NewText cuts lines that end with LF.
func NewText(o Options) *Cutter { return newCutter(o, (*Cutter).stepText) }

// NewEvents cuts a stream of server-sent events (WHATWG HTML, 9.2.5): an event
// is everything up to and with its empty line.
func NewEvents(o Options) *Cutter { return newCutter(o, (*Cutter).stepEvents) }

// NewWhole takes the body as one record of the given syntax.
func NewWhole(o Options, syntax weir.Syntax) *Cutter {
	c := newCutter(o, (*Cutter).stepWhole)
	c.syntax = syntax
	return c
}

func newCutter(o Options, step func(*Cutter, bool)) *Cutter {
	c := &Cutter{step: step}
	c.Reset(o)
	return c
}

// Reset makes c ready for another body of the same kind, and lets go of the
// last one.
func (c *Cutter) Reset(o Options) {
	if o.MaxSegment <= 0 {
		o.MaxSegment = DefaultMaxSegment
	}
	c.opt = o
	c.view, c.lent, c.own = nil, false, c.own[:0]
	c.start, c.pos, c.base, c.bom, c.began = 0, 0, 0, 0, false
	clear(c.pieces[:c.most])
	c.pieces, c.most, c.more, c.err = c.pieces[:0], 0, false, nil
	c.json.reset(o.Array)
	c.csv = rows{}
	c.last = 0
}

// Feed takes the next bytes of the body and gives the pieces that they make
// whole, at most MaxPieces. If [Cutter.More] then says so, Feed is to be called
// again, without new bytes. eof says that p ends the body.
//
// Pieces point into p or into memory of the Cutter. They hold until the next
// Feed that brings new bytes, and until p is changed, which it may be when More
// says no. Pieces that come with an error precede it. After an error Feed gives
// nothing more.
func (c *Cutter) Feed(p []byte, eof bool) ([]Piece, error) {
	c.pieces, c.more = c.pieces[:0], false
	if c.err != nil {
		return nil, c.err
	}
	c.take(p)
	if c.mark(eof) {
		c.step(c, eof)
	}
	if c.lent && !c.more {
		c.keep()
	}
	c.most = max(c.most, len(c.pieces))
	return c.pieces, c.err
}

// More reports whether the last Feed stopped at MaxPieces.
func (c *Cutter) More() bool { return c.more }

// Rest gives what was fed and is in no piece. After an error that is everything from
// the piece on that could not be made. It holds until the next Feed or Reset.
func (c *Cutter) Rest() []byte { return c.view[c.start:] }

// take puts p behind what is left. A rest in own is moved to its front only
// after a piece was given out of it, so that each byte is moved once or twice,
// however small the feeds are.
func (c *Cutter) take(p []byte) {
	if len(p) == 0 {
		return
	}
	switch {
	case c.start == len(c.view):
		c.base += int64(c.start)
		c.pos -= c.start
		c.view, c.lent, c.start = p, true, 0
		return
	case c.lent:
		c.keep()
	case c.start > 0:
		c.own = c.own[:copy(c.own, c.view[c.start:])]
		c.base += int64(c.start)
		c.pos -= c.start
		c.start = 0
	}
	c.own = append(c.own, p...)
	c.view = c.own
}

// keep copies what is left of the caller's bytes, whose turn it is to be used
// again. No piece points into own as long as the view is lent.
func (c *Cutter) keep() {
	c.own = append(c.own[:0], c.view[c.start:]...)
	c.view, c.lent = c.own, false
	c.base += int64(c.start)
	c.pos -= c.start
	c.start = 0
}

// mark looks for a byte order mark and reports whether the body can be read
// from here.
func (c *Cutter) mark(eof bool) bool {
	if c.began {
		return true
	}
	const bom = "\xef\xbb\xbf"
	n := min(len(c.view), len(bom))
	if string(c.view[:n]) == bom[:n] {
		if n < len(bom) && !eof {
			return false
		}
		if n == len(bom) {
			c.bom, c.pos = n, n
		}
	}
	c.began = true
	return true
}

// window is the part of the view in which the piece in the making must end.
func (c *Cutter) window() []byte {
	return c.view[c.start:min(len(c.view), c.start+c.opt.MaxSegment)]
}

// tooLong reports whether the piece in the making goes beyond its window.
func (c *Cutter) tooLong() bool { return len(c.view)-c.start > c.opt.MaxSegment }

// emit gives out the piece that ends at end, of which the first lead bytes
// belong to no segment.
func (c *Cutter) emit(end, lead int, element bool, seg weir.Segment) {
	seg.Body = c.view[c.start+lead : end : end]
	c.pieces = append(c.pieces, Piece{
		Segment: seg,
		Lead:    c.view[c.start : c.start+lead : c.start+lead],
		Element: element,
	})
	c.start, c.pos, c.bom = end, end, 0
}

// full reports whether the Feed has to stop here, and remembers it.
func (c *Cutter) full() bool {
	c.more = len(c.pieces) >= MaxPieces
	return c.more
}

func (c *Cutter) fail(err error) {
	c.err = &Error{Err: err, Offset: c.base + int64(c.pos)}
}

// stepWhole waits for the end.
func (c *Cutter) stepWhole(eof bool) {
	if i := nul(c.window()[c.pos-c.start:]); i >= 0 {
		c.pos += i
		c.fail(ErrSyntax)
		return
	}
	if c.tooLong() {
		c.pos = c.start + c.opt.MaxSegment
		c.fail(ErrTooLong)
		return
	}
	c.pos = len(c.view)
	if eof && c.pos > c.start {
		c.emit(c.pos, c.bom, false, weir.Segment{Syntax: c.syntax, Record: true})
	}
}

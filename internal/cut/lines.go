package cut

import (
	"bytes"

	"github.com/getweir/weir"
)

// each is the path of a record that is an element of the body itself.
var each = []string{"[]"}

// nul finds a NUL, which no text holds: UTF-16, or something else that is not
// what it is said to be.
func nul(b []byte) int { return bytes.IndexByte(b, 0) }

// line finds the end of the line in the making. ok says that c.pos is just
// after it; else more is needed, or c.err says why there will be none.
func (c *Cutter) line(eof bool) (ok bool) {
	b := c.window()
	i := c.pos - c.start
	n := bytes.IndexByte(b[i:], '\n') + 1
	if ok = n > 0; !ok {
		n = len(b) - i
	}
	if at := nul(b[i : i+n]); at >= 0 {
		c.pos += at
		c.fail(ErrSyntax)
		return false
	}
	c.pos += n
	if !ok && c.tooLong() {
		c.fail(ErrTooLong)
		return false
	}
	return ok || eof && c.pos > c.start
}

// stepText cuts lines, but leaves the private key of a PEM block (RFC 7468) in one
// piece: no line of it tells what it is by itself.
func (c *Cutter) stepText(eof bool) {
	for !c.full() && c.line(eof) {
		last := c.view[c.start+c.last : c.pos]
		if (c.last > 0 && pemLine(last) || opensKey(last)) && c.pos-c.start < min(maxPEM, c.opt.MaxSegment/2) && !(eof && c.pos == len(c.view)) {
			c.last = c.pos - c.start
			continue
		}
		c.last = 0
		c.emit(c.pos, c.bom, true, weir.Segment{Syntax: weir.Text, Record: true, Path: each})
	}
}

var pemBegin, pemEnd, pemKey = []byte("-----BEGIN "), []byte("-----END "), []byte("PRIVATE KEY")

// maxPEM is how long a block is that is kept together.
const maxPEM = 64 << 10

// opensKey reports whether a line begins the PEM block of a private key and does not
// end it.
func opensKey(line []byte) bool {
	at := bytes.Index(line, pemBegin)
	return at >= 0 && bytes.Contains(line[at:], pemKey) && !bytes.Contains(line[at:], pemEnd)
}

// KeyBlock gives the end of the private key in a PEM block that the line t[:n] begins, as
// NewText keeps it in one piece: n where it begins none, -1 where more of t is needed to
// tell. eof says that t is all.
func KeyBlock(t []byte, n int, eof bool) int {
	if !opensKey(t[:n]) {
		return n
	}
	for n < maxPEM {
		k := bytes.IndexByte(t[n:], '\n')
		switch {
		case k < 0 && !eof:
			return -1
		case k < 0:
			return len(t)
		}
		line := t[n : n+k+1]
		if n += k + 1; !pemLine(line) {
			return n
		}
	}
	return n
}

// pemLine reports whether a line can be one within a PEM block: base64, a header of RFC
// 1421, or nothing.
func pemLine(line []byte) bool {
	line = bytes.TrimSpace(line)
	if i := bytes.Index(line, []byte(": ")); i > 0 {
		line = line[:i]
	}
	for _, c := range line {
		if c-'0' >= 10 && c|0x20-'a' >= 26 && c != '+' && c != '/' && c != '=' && c != '-' {
			return false
		}
	}
	return !bytes.HasPrefix(line, pemEnd[:5])
}

func (c *Cutter) stepNDJSON(eof bool) {
	for !c.full() && c.line(eof) {
		b := c.view[c.start:c.pos]
		lead := c.bom
		lead += blanks(b[lead:])
		if lead == len(b) { // an empty line keeps a stream alive: let it go on
			c.emit(c.pos, lead, true, weir.Segment{})
			continue
		}
		c.json.reset(nil)
		c.json.auto = false
		i, ev := c.json.run(b, lead)
		if ev == evMore {
			ev = c.json.end()
		}
		switch ev {
		case evDone:
		case evDeep:
			c.pos = c.start + i
			c.fail(ErrDepth)
			return
		case evShort:
			c.pos = c.start + i
			if eof && c.pos == len(c.view) && b[len(b)-1] != '\n' {
				c.fail(ErrTruncated)
			} else {
				c.fail(ErrSyntax)
			}
			return
		default:
			c.pos = c.start + i
			c.fail(ErrSyntax)
			return
		}
		c.emit(c.pos, lead, true, weir.Segment{Syntax: weir.JSON, Record: true, Path: each})
	}
}

// stepEvents ends an event at an empty line. Lines end with LF or CRLF; the CR
// alone, which the standard also allows, is used by nobody and ends nothing.
func (c *Cutter) stepEvents(eof bool) {
	for !c.full() && c.line(eof) {
		last := c.view[c.start+c.last : c.pos]
		empty := string(last) == "\n" || string(last) == "\r\n"
		c.last = c.pos - c.start
		switch {
		case empty && len(last) == c.last-c.bom: // keeps a stream alive: let it go on
			c.emit(c.pos, c.last, true, weir.Segment{})
		case empty || eof && c.pos == len(c.view):
			c.emit(c.pos, c.bom, true, weir.Segment{Syntax: weir.Text, Record: true, Path: each})
		default:
			continue
		}
		c.last = 0
	}
}

// blanks counts the white space of RFC 8259 at the start of b.
func blanks(b []byte) int {
	for i, x := range b {
		if x != ' ' && x != '\t' && x != '\n' && x != '\r' {
			return i
		}
	}
	return len(b)
}

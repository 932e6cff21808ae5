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

func (c *Cutter) stepText(eof bool) {
	for !c.full() && c.line(eof) {
		c.emit(c.pos, c.bom, true, weir.Segment{Syntax: weir.Text, Record: true, Path: each})
	}
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

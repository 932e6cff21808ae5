package guard

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/jsonlex"
	"github.com/getweir/weir/internal/shape"
)

// maxFieldName is how long the name of a field may be; a longer one ends in an ellipsis.
const maxFieldName = 200

// fieldSeed makes the sums of places differ from process to process.
var fieldSeed = maphash.MakeSeed()

// A lookup finds the fields that a record's findings are in. It is told which
// findings there are, and reads the record once more.
type lookup struct {
	covered *covered
	pc      *piece
	who     weir.Subject
	observe bool // it leaves as it is
	next    int  // of the findings, the first that is not placed
	levels  []level
}

// level is one open object or array on the way to where the lookup is.
type level struct {
	array bool
	sum   uint64 // of the way to it
	at    uint64 // of the way to what is read in it
	key   []byte // of the member being read; nil: one that is not shown
}

func (l *lookup) fields() {
	seg := l.pc.Segment
	switch seg.Syntax {
	case weir.JSON:
		l.json(seg)
	case weir.CSV:
		l.csv(seg)
	case weir.Header:
		name := shape.ID
		if shape.Names(seg.Name) {
			name = seg.Name
		}
		l.whole("header " + name)
	case weir.HTML:
		l.whole("html")
	default:
		l.whole("text")
	}
}

// whole places all findings in the one field that there is.
func (l *lookup) whole(name string) {
	sum := maphash.String(fieldSeed, name)
	for l.next < len(l.pc.report.Findings) {
		l.place(sum, func() (string, string) { return name, name })
	}
}

// place puts the next finding into a field.
func (l *lookup) place(sum uint64, name func() (safe, full string)) {
	f := &l.pc.report.Findings[l.next]
	action := weir.Block
	if l.pc.withheld == nil && l.next < len(l.pc.actions) {
		action = l.pc.actions[l.next]
	}
	if l.observe {
		action = weir.Allow
	}
	l.next++
	l.covered.met(join(sum, []byte(f.Class), byte(action)), f.Class, action, l.who, name)
}

// empty notes a field in which nothing was found.
func (l *lookup) empty(sum uint64, name func() (safe, full string)) {
	l.covered.met(join(sum, nil, 0), "", weir.Allow, l.who, name)
}

// join gives the sum of a place within another.
func join(sum uint64, name []byte, tag byte) uint64 {
	var h maphash.Hash
	h.SetSeed(fieldSeed)
	var b [9]byte
	binary.LittleEndian.PutUint64(b[:], sum)
	b[8] = tag
	_, _ = h.Write(b[:]) // never fails
	_, _ = h.Write(name)
	return h.Sum64()
}

// json follows the tokens of a document or a piece of one. The inspector has read it,
// so that what the lexer does not take ends the lookup and nothing else.
func (l *lookup) json(seg *weir.Segment) {
	var lex jsonlex.Lexer
	for _, k := range seg.Path {
		l.enter(k == "[]")
		if k != "[]" {
			l.member([]byte(k))
		}
	}
	if seg.Record {
		lex.Reset(seg.Body)
	} else if lex.ResetPiece(seg.Body, seg.Path) != nil {
		return
	}
	findings := l.pc.report.Findings
	for {
		t, err := lex.Next()
		if err != nil {
			return
		}
		switch t.Kind {
		case jsonlex.End:
			return
		case jsonlex.Key:
			a, b := t.Inner()
			l.member(seg.Body[a:b])
			if l.next < len(findings) && findings[l.next].Start < t.End {
				l.hide() // the key itself is the data
			}
			for l.next < len(findings) && findings[l.next].Start < t.End {
				l.place(l.at(), l.names)
			}
		case jsonlex.ObjectClose, jsonlex.ArrayClose:
			if n := len(l.levels); n > 0 && l.levels[n-1].array == (t.Kind == jsonlex.ArrayClose) {
				l.levels = l.levels[:n-1]
			}
		case jsonlex.ObjectOpen, jsonlex.ArrayOpen:
			for l.next < len(findings) && findings[l.next].Start <= t.Start {
				l.place(l.at(), l.names)
			}
			l.enter(t.Kind == jsonlex.ArrayOpen)
		default:
			if l.next == len(findings) || findings[l.next].Start >= t.End {
				l.empty(l.at(), l.names)
			}
			for l.next < len(findings) && findings[l.next].Start < t.End {
				l.place(l.at(), l.names)
			}
		}
	}
}

// at gives the sum of the way to what is being read.
func (l *lookup) at() uint64 {
	if len(l.levels) == 0 {
		return 0
	}
	return l.levels[len(l.levels)-1].at
}

func (l *lookup) enter(array bool) {
	v := level{array: array, sum: join(l.at(), nil, 1)}
	if v.at = v.sum; array {
		v.at = join(v.sum, nil, 2)
	}
	l.levels = append(l.levels, v)
}

// member begins a member of the innermost object. A key that is no name, or one of
// too many in its object, is not told apart from the others of its kind.
func (l *lookup) member(key []byte) {
	if len(l.levels) == 0 {
		return
	}
	top := &l.levels[len(l.levels)-1]
	top.key, top.at = key, join(top.sum, key, 3)
	if !shape.Names(string(key)) || !l.covered.knows(top.sum, top.at, key) {
		l.hide()
	}
}

func (l *lookup) hide() {
	if len(l.levels) > 0 {
		top := &l.levels[len(l.levels)-1]
		top.key, top.at = nil, join(top.sum, nil, 4)
	}
}

// knows reports whether a key of an object is to be told apart from the others.
func (c *covered) knows(object, at uint64, key []byte) bool {
	if c.keys == nil {
		c.keys = map[uint64]int{}
	}
	if _, met := c.keys[at]; met {
		return true
	}
	if n := c.keys[object]; (n >= mostKeys || len(c.keys) >= mostPlaces) && !shape.Known(string(key)) {
		return false
	}
	if len(c.keys) < 2*mostPlaces {
		c.keys[object]++
		c.keys[at] += 0
	}
	return true
}

// names writes the way to what is being read: with keys of common words only, and
// with all that are shown once enough customers have them.
func (l *lookup) names() (safe, full string) {
	var s, f strings.Builder
	s.WriteByte('$')
	f.WriteByte('$')
	for i := range l.levels {
		v := &l.levels[i]
		if v.array {
			s.WriteString("[*]")
			f.WriteString("[*]")
			continue
		}
		s.WriteByte('.')
		f.WriteByte('.')
		if v.key == nil {
			s.WriteString(shape.ID)
			f.WriteString(shape.ID)
			continue
		}
		s.WriteString(shape.Key(string(v.key)))
		f.Write(v.key)
	}
	return cutName(s.String()), cutName(f.String())
}

func cutName(s string) string {
	if len(s) <= maxFieldName {
		return s
	}
	end := maxFieldName
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// csv follows the fields of a row. A column is shown by its name where that is made
// of common words: where a file has no header, its first row is data.
func (l *lookup) csv(seg *weir.Segment) {
	if len(seg.Columns) == 0 {
		l.whole("header row")
		return
	}
	sep := separator(seg.Body, len(seg.Columns))
	column, from, quoted := 0, 0, false
	for i := 0; i <= len(seg.Body); i++ {
		if i < len(seg.Body) && seg.Body[i] == '"' {
			quoted = !quoted
		}
		if i < len(seg.Body) && (quoted || seg.Body[i] != sep) {
			continue
		}
		at := column
		name := func() (string, string) {
			name := shape.ID
			if at < len(seg.Columns) {
				name = shape.Key(seg.Columns[at])
			}
			return "column " + name, "column " + name
		}
		sum := join(uint64(column), nil, 5)
		findings := l.pc.report.Findings
		if (l.next == len(findings) || findings[l.next].Start > i) && i > from {
			l.empty(sum, name)
		}
		for l.next < len(findings) && findings[l.next].Start <= i {
			l.place(sum, name)
		}
		column, from = column+1, i+1
	}
}

// separator gives what separates the fields of a row: of those in use, the first that
// gives as many fields as there are columns.
func separator(row []byte, columns int) byte {
	for _, sep := range []byte(",;\t|") {
		n, quoted := 1, false
		for _, c := range bytes.TrimRight(row, "\r\n") {
			if c == '"' {
				quoted = !quoted
			} else if c == sep && !quoted {
				n++
			}
		}
		if n == columns {
			return sep
		}
	}
	return ','
}

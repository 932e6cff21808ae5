package cut

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/getweir/weir"
)

// maxPath bounds how deep below the root an array may lie at which an
// undeclared document is cut: each cut names the keys that lead to it.
const maxPath = 32

// stepJSON gives out what the machine says is whole.
func (c *Cutter) stepJSON(eof bool) {
	m := &c.json
	for !c.full() {
		b := c.window()
		i, ev := m.run(b, c.pos-c.start)
		c.pos = c.start + i
		switch ev {
		case evOpened:
			seg := weir.Segment{Syntax: weir.JSON, Path: m.path}
			m.opened(b)
			c.emit(c.pos, c.bom, false, seg)
		case evElement:
			lead := c.bom
			for blank[b[lead]] || b[lead] == ',' {
				lead++
			}
			c.emit(c.pos, lead, true, weir.Segment{Syntax: weir.JSON, Record: true, Path: m.element})
		case evMore:
			switch {
			case c.tooLong() && m.auto && !m.outermost && !m.cutOnce:
				// Too long to be one record. It is read again from its start,
				// which is done once a document and for MaxSegment bytes.
				m.reset(nil)
				m.outermost = true
				c.pos = c.start + c.bom
				continue
			case c.tooLong():
				c.fail(ErrTooLong)
				return
			case !eof:
				return
			}
			if m.end() != evDone {
				c.fail(ErrTruncated)
				return
			}
			if c.start == len(c.view) {
				return
			}
			c.emit(len(c.view), c.bom, false, weir.Segment{Syntax: weir.JSON, Record: !m.cutOnce, Path: m.path})
			return
		case evDeep:
			c.fail(ErrDepth)
			return
		default:
			c.fail(ErrSyntax)
			return
		}
	}
}

// state is what the grammar allows next.
type state uint8

const (
	sValue    state = iota
	sFirst          // a value, or the end of an array that is still empty
	sFirstKey       // a key, or the end of an object that is still empty
	sKey
	sColon
	sAfter  // a comma, or the end of the container
	sString // inside a string, key or value
	sNumber
	sDone // after the document
)

// event is what made the machine stop.
type event uint8

const (
	evMore    event = iota // it has read all that there is
	evOpened               // just after the [ of an array that is to be cut
	evElement              // just after an element of that array
	evDone                 // the document is whole (only from end)
	evShort                // the document is not whole (only from end)
	evBad
	evDeep
)

// machine reads JSON. It keeps its place in a few words and can stop before any
// byte. Positions are counted from the start of the piece in the making, so
// that they hold when the bytes are moved.
type machine struct {
	state state
	num   numState
	key   bool // the string being read is a key
	depth int
	stack [MaxDepth + 1]byte // of each open container, its first byte

	auto      bool     // no array is declared
	outermost bool     // cut at the outermost arrays
	array     []string // the declared array
	match     int      // how many keys of array the innermost container on its path has behind it
	hit       bool     // the last key continues the path

	cut     int      // depth of the array being cut; 0: none
	cutOnce bool     // an array was cut
	path    []string // of the piece of envelope in the making
	element []string // of the elements of the array being cut

	keyAt int // where the key being read begins, or began
	names [maxPath + 1]name
}

// name is the last key of the object that is open at some depth: in the bytes
// of the piece in the making, or kept from an earlier piece.
type name struct {
	from, to int // 0, 0: kept
	kept     string
}

func (m *machine) reset(array []string) {
	m.state, m.depth, m.match, m.cut = sValue, 0, 0, 0
	m.hit, m.cutOnce, m.outermost = false, false, false
	m.array, m.auto = array, array == nil
	m.path, m.element = nil, nil
}

// end says whether the document may end here.
func (m *machine) end() event {
	if m.state == sNumber && m.depth == 0 && m.num.whole() {
		m.state = sDone
	}
	if m.state == sDone {
		return evDone
	}
	return evShort
}

// cuts reports whether the array that opens at depth is one to cut.
func (m *machine) cuts(depth int) bool {
	switch {
	case m.cut != 0:
		return false
	case m.outermost:
		return depth <= maxPath
	case m.auto:
		return depth == 0
	case depth == 0:
		return m.array != nil && len(m.array) == 0
	}
	return m.hit && depth == len(m.array)
}

// opened works out the path of the array that is to be cut, whose [ ends b.
func (m *machine) opened(b []byte) {
	m.cutOnce, m.hit = true, false
	switch {
	case m.outermost:
		path := make([]string, 0, m.cut)
		for d := 1; d < m.cut; d++ {
			n := &m.names[d]
			if n.to > 0 {
				*n = name{kept: unquote(b[n.from:n.to])}
			}
			path = append(path, n.kept)
		}
		m.path, m.element = path, append(path, "[]")
	case m.element == nil:
		m.path = slices.Clip(m.array)
		m.element = append(m.path, "[]")
	}
}

// keyed takes note of the key b[from:to] of the object at depth.
func (m *machine) keyed(b []byte, from, to, depth int) {
	if m.outermost {
		if depth <= maxPath {
			m.names[depth].from, m.names[depth].to = from, to
		}
		return
	}
	m.hit = m.match == depth-1 && depth <= len(m.array) && same(b[from:to], m.array[depth-1])
}

// same compares the inside of a JSON string with a key.
func same(b []byte, key string) bool {
	for _, x := range b {
		if x == '\\' {
			return unquote(b) == key
		}
	}
	return string(b) == key
}

// unquote gives what the inside of a JSON string stands for.
func unquote(b []byte) string {
	for _, x := range b {
		if x == '\\' {
			var s string
			q := append(append([]byte{'"'}, b...), '"')
			if json.Unmarshal(q, &s) != nil {
				return "" // cannot be: the machine has read it
			}
			return s
		}
	}
	return string(b)
}

// run reads b from i on and says where it stopped and why. b begins with the
// piece in the making. The labels are the states; what is usual falls through
// from one to the next without going by the switch.
func (m *machine) run(b []byte, i int) (int, event) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	var (
		x     byte
		w, t  uint64
		n     int
		j     int
		key   = m.key
		keyAt = m.keyAt
		depth = m.depth
		cut   = m.cut
		track = cut == 0 && (m.outermost || len(m.array) > 0)
	)
	switch m.state {
	case sFirst:
		goto first
	case sFirstKey:
		goto firstKey
	case sKey:
		goto name
	case sColon:
		goto colon
	case sAfter:
		goto next
	case sString:
		goto text
	case sNumber:
		goto number
	case sDone:
		goto done
	}

value:
	if i >= len(b) {
		m.state = sValue
		goto more
	}
	x = b[i]
	switch x {
	case ' ', '\t', '\n', '\r':
		i = skip(b, i+1)
		goto value
	case '"':
		i++
		key = false
		goto text
	case '{':
		if depth == MaxDepth {
			return i, evDeep
		}
		i++
		if m.hit {
			m.hit = false
			if m.match == depth-1 && depth < len(m.array) {
				m.match = depth
			}
		}
		depth++
		m.stack[depth] = '{'
		goto firstKey
	case '[':
		if depth == MaxDepth {
			return i, evDeep
		}
		i++
		if m.cuts(depth) {
			depth++
			m.stack[depth] = '['
			m.state, m.depth, m.cut = sFirst, depth, depth
			return i, evOpened
		}
		m.hit = false
		depth++
		m.stack[depth] = '['
		goto first
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		// Most numbers are nothing but digits.
		for j = i + 1; j < len(b) && b[j]-'0' <= 9; j++ {
		}
		if j < len(b) && (b[j] == ',' || b[j] == '}') {
			i = j
			goto after
		}
		m.num = numStart
		goto number
	case '-', '0':
		m.num = numStart
		goto number
	case 't':
		n = literal(b[i:], "true")
	case 'f':
		n = literal(b[i:], "false")
	case 'n':
		n = literal(b[i:], "null")
	default:
		return i, evBad
	}
	if n < 0 {
		return i, evBad
	}
	if n == 0 {
		m.state = sValue
		goto more
	}
	i += n
	goto after

first:
	if i < len(b) && b[i] != ']' {
		if !blank[b[i]] {
			goto value
		}
		i = skip(b, i+1)
	}
	if i >= len(b) {
		m.state = sFirst
		goto more
	}
	if b[i] == ']' {
		goto pop
	}
	goto value

firstKey:
	if i < len(b) && blank[b[i]] {
		i = skip(b, i+1)
	}
	if i >= len(b) {
		m.state = sFirstKey
		goto more
	}
	if b[i] == '}' {
		goto pop
	}
	goto quote

name:
	if i < len(b) && blank[b[i]] {
		i = skip(b, i+1)
	}
	if i >= len(b) {
		m.state = sKey
		goto more
	}
quote:
	if b[i] != '"' {
		return i, evBad
	}
	i++
	key = true
	keyAt = i

text:
	// Eight bytes at a time: the lowest set bit of t marks the first byte that
	// is a quote, a backslash, a control character or not ASCII. (Borrows make
	// wrong marks only above a true one.)
	for i+8 <= len(b) {
		w = binary.LittleEndian.Uint64(b[i:])
		t = w | (w - 0x20*ones)
		t |= (w ^ '"'*ones) - ones
		t |= (w ^ '\\'*ones) - ones
		t &= highs
		if t != 0 {
			i += bits.TrailingZeros64(t) >> 3
			goto special
		}
		i += 8
	}
	for i < len(b) && plain[b[i]] {
		i++
	}
	if i >= len(b) {
		m.state = sString
		goto more
	}
special:
	x = b[i]
	switch {
	case x == '"':
		i++
		if !key {
			goto after
		}
		if track {
			m.keyed(b, keyAt, i-1, depth)
		}
		goto colon
	case x == '\\':
		n = escape(b[i:])
	case x < 0x20:
		return i, evBad
	default:
		n = runes(b[i:])
	}
	if n < 0 {
		return i, evBad
	}
	if n == 0 {
		m.state = sString
		goto more
	}
	i += n
	goto text

colon:
	if i+2 < len(b) && b[i] == ':' {
		i++
		if b[i] == ' ' {
			i++
		}
		if b[i] == '"' {
			i++
			key = false
			goto text
		}
		goto value
	}
	if i < len(b) && blank[b[i]] {
		i = skip(b, i+1)
	}
	if i >= len(b) {
		m.state = sColon
		goto more
	}
	if b[i] != ':' {
		return i, evBad
	}
	i++
	goto value

number:
	i, m.num = m.num.read(b, i)
	if i >= len(b) {
		m.state = sNumber
		goto more
	}
	if !m.num.whole() {
		return i, evBad
	}

after:
	if depth == cut {
		if depth == 0 {
			goto done
		}
		m.state, m.depth = sAfter, depth
		return i, evElement
	}
	if depth == 0 {
		goto done
	}
next:
	if i >= len(b) {
		m.state = sAfter
		goto more
	}
	x = b[i]
	if x == ',' {
		i++
		if m.stack[depth] == '{' {
			if i < len(b) && b[i] == '"' {
				goto quote
			}
			goto name
		}
		goto value
	}
	if blank[x] {
		i = skip(b, i+1)
		goto next
	}
	if x != '}' && x != ']' {
		return i, evBad
	}

pop: // b[i] closes something
	if m.stack[depth]+2 != b[i] { // '[' and ']', '{' and '}' lie two apart
		return i, evBad
	}
	i++
	if depth == cut {
		cut, m.cut = 0, 0
		track = m.outermost || len(m.array) > 0
	}
	if m.match == depth-1 && m.match > 0 {
		m.match--
	}
	depth--
	goto after

done:
	i = skip(b, i)
	m.state = sDone
	if i < len(b) {
		return i, evBad
	}

more:
	m.depth, m.key, m.keyAt = depth, key, keyAt
	return i, evMore
}

// blank has the white space of JSON, and plain what may stand in a string as
// it is and takes one byte.
var blank, plain = func() (ws, p [256]bool) {
	for _, x := range " \t\n\r" {
		ws[x] = true
	}
	for x := 0x20; x < 0x80; x++ {
		p[x] = x != '"' && x != '\\'
	}
	return ws, p
}()

// skip gives the first place from i on that holds no white space.
func skip(b []byte, i int) int {
	for i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:]) == 0x2020202020202020 {
		i += 8
	}
	for i < len(b) && blank[b[i]] {
		i++
	}
	return i
}

// literal gives the length of word if b begins with it, 0 if b is too short to
// tell, and -1 if it does not.
func literal(b []byte, word string) int {
	n := min(len(b), len(word))
	switch {
	case string(b[:n]) != word[:n]:
		return -1
	case n < len(word):
		return 0
	}
	return n
}

// escape gives the length of the escape at the start of b, 0 if b is too short
// to tell, and -1 if it is none.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		for i := 2; i < 6; i++ {
			if i >= len(b) {
				return 0
			}
			x := b[i] | 0x20
			if !(b[i] >= '0' && b[i] <= '9' || x >= 'a' && x <= 'f') {
				return -1
			}
		}
		return 6
	}
	return -1
}

// runes gives the length of the characters beyond ASCII at the start of b, 0 if
// b is too short to tell, and -1 if it begins with none.
func runes(b []byte) int {
	i := 0
	for i < len(b) && b[i] >= utf8.RuneSelf {
		_, n := utf8.DecodeRune(b[i:])
		if n == 1 {
			if i > 0 {
				return i // whatever is wrong is met at the start the next time
			}
			if !utf8.FullRune(b) {
				return 0
			}
			return -1
		}
		i += n
	}
	return i
}

// numState is how much of a number has been read (RFC 8259, section 6).
type numState uint8

const (
	numStart numState = iota
	numMinus
	numZero
	numInt
	numPoint
	numFrac
	numExp
	numSign
	numPower
)

// whole reports whether the number may end here.
func (s numState) whole() bool {
	return s == numZero || s == numInt || s == numFrac || s == numPower
}

// read goes on with a number at b[i] and stops at the first byte that cannot
// belong to it.
func (s numState) read(b []byte, i int) (int, numState) {
	for i < len(b) {
		x := b[i]
		switch {
		case x-'0' <= 9:
			switch s {
			case numStart, numMinus:
				s = numInt
				if x == '0' {
					s = numZero
				}
			case numZero:
				return i, numStart // a second digit after 0: not a number
			case numPoint:
				s = numFrac
			case numExp, numSign:
				s = numPower
			}
			i++
			for s != numZero && i < len(b) && b[i]-'0' <= 9 {
				i++
			}
			continue
		case x == '-' && s == numStart:
			s = numMinus
		case x == '.' && (s == numInt || s == numZero):
			s = numPoint
		case (x == 'e' || x == 'E') && (s == numInt || s == numZero || s == numFrac):
			s = numExp
		case (x == '+' || x == '-') && s == numExp:
			s = numSign
		default:
			return i, s
		}
		i++
	}
	return i, s
}

// Package jsonlex reads JSON (RFC 8259) as a stream of tokens that point into
// the bytes they were read from.
//
// A Lexer is a pull tokenizer with its nesting held in a fixed bit set: Next
// gives the kind and the offsets of one token, and no byte is copied. A Lexer
// may begin inside a document, under a given stack of keys, and may end inside
// it, so that a document that was cut up can be read piece by piece.
//
// It guarantees that it allocates nothing, that it looks at each byte a bounded
// number of times, that it accepts of a whole document exactly what the RFC's
// grammar accepts down to MaxDepth levels, and that it never gives a token
// outside the bytes.
//
// It does not convert numbers, does not check that strings are valid UTF-8 (the
// RFC leaves that to the encoding of the text), and looks for duplicate keys
// only in Find, on the path asked for.
package jsonlex

import (
	"errors"
	"fmt"
)

// MaxDepth is how many arrays and objects may be open at once.
const MaxDepth = 512

// ErrSyntax is given for bytes that are not JSON.
var ErrSyntax = errors.New("not JSON")

// ErrDepth is given for a document nested deeper than MaxDepth.
var ErrDepth = errors.New("nested too deeply")

// Kind is the kind of a Token.
type Kind uint8

const (
	End         Kind = iota // no more bytes
	ObjectOpen              // {
	ObjectClose             // }
	ArrayOpen               // [
	ArrayClose              // ]
	Key                     // a string that names a member of an object
	String                  // a string that is a value
	Number
	True
	False
	Null
)

var kindNames = [...]string{"end", "{", "}", "[", "]", "key", "string", "number", "true", "false", "null"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Scalar reports whether k is a value that holds no others.
func (k Kind) Scalar() bool { return k >= String }

// A Token is one token: the bytes [Start, End) of the body, quotes included.
type Token struct {
	Kind       Kind
	Escaped    bool // a Key or String with a backslash in it
	Start, End int
}

// Inner gives the offsets of what stands between the quotes of a Key or String,
// and of the whole token for any other kind.
func (t Token) Inner() (start, end int) {
	if t.Kind == Key || t.Kind == String {
		return t.Start + 1, t.End - 1
	}
	return t.Start, t.End
}

// expect says what may come next.
type expect uint8

const (
	value        expect = iota // a value
	valueOrClose               // a value or ]: an array was just opened
	keyOrClose                 // a key or }: an object was just opened
	key                        // a key: after a comma
	comma                      // a comma or the close of what is open
	over                       // nothing but white space
	piece                      // the start of a piece: a value, or the comma or close after one
)

// A Lexer reads one body. The zero Lexer is to be Reset before use. It is not
// safe for concurrent use.
type Lexer struct {
	body  []byte
	pos   int
	want  expect
	whole bool // a whole document: it may not end inside
	depth int
	below int                   // levels that were open at the start and still are
	arr   [MaxDepth / 64]uint64 // bit d: level d is an array
}

// Reset begins to read body, a whole document or value.
func (l *Lexer) Reset(body []byte) {
	*l = Lexer{body: body, whole: true}
}

// ResetPiece begins to read body, a piece of a document: it starts between two
// tokens somewhere under path (keys from the root; "[]" for an array level) and
// may end between any two. The innermost array may have been left out of path.
func (l *Lexer) ResetPiece(body []byte, path []string) error {
	*l = Lexer{body: body, want: piece}
	for _, k := range path {
		if err := l.push(k == "[]"); err != nil {
			return err
		}
	}
	l.below = l.depth
	return nil
}

// Depth gives how many arrays and objects are open.
func (l *Lexer) Depth() int { return l.depth }

// Offset gives the offset of the next byte to be read.
func (l *Lexer) Offset() int { return l.pos }

func (l *Lexer) push(array bool) error {
	if l.depth == MaxDepth {
		return ErrDepth
	}
	if array {
		l.arr[l.depth>>6] |= 1 << (l.depth & 63)
	} else {
		l.arr[l.depth>>6] &^= 1 << (l.depth & 63)
	}
	l.depth++
	return nil
}

func (l *Lexer) inArray() bool {
	d := l.depth - 1
	return l.arr[d>>6]&(1<<(d&63)) != 0
}

// after sets what may follow a complete value.
func (l *Lexer) after() {
	l.want = comma
	if l.depth == 0 && l.whole {
		l.want = over
	}
}

func (l *Lexer) fail(at int) (Token, error) {
	return Token{Start: at, End: at}, fmt.Errorf("%w at byte %d", ErrSyntax, at)
}

// space is the white space of RFC 8259 section 2.
func space(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// Next gives the next token; of Kind End when there is none. After an error it
// gives no further tokens of use.
func (l *Lexer) Next() (Token, error) {
	b := l.body
	for {
		for l.pos < len(b) && space(b[l.pos]) {
			l.pos++
		}
		if l.pos == len(b) {
			if l.whole && l.want != over {
				return l.fail(l.pos)
			}
			return Token{Kind: End, Start: l.pos, End: l.pos}, nil
		}
		start := l.pos
		switch c := b[start]; c {
		case ',':
			if l.want != comma && l.want != piece {
				return l.fail(start)
			}
			l.pos++
			switch {
			case l.depth > 0 && l.inArray():
				l.want = value
			case !l.whole && l.depth == l.below:
				// After a member, or inside an array that path left out: what
				// comes tells.
				l.want = piece
			default:
				l.want = key
			}
		case ']', '}':
			return l.close(start, c == ']')
		case '"':
			return l.text(start)
		default:
			return l.open(start, c)
		}
	}
}

// close reads the end of an array or object.
func (l *Lexer) close(start int, array bool) (Token, error) {
	t := Token{Kind: ObjectClose, Start: start, End: start + 1}
	ok := l.want == comma || l.want == piece
	if array {
		t.Kind = ArrayClose
		ok = ok || l.want == valueOrClose
	} else {
		ok = ok || l.want == keyOrClose
	}
	if !ok {
		return l.fail(start)
	}
	switch {
	case l.depth > 0 && l.inArray() == array:
		l.depth--
		l.below = min(l.below, l.depth)
	case !l.whole && l.depth == l.below && array:
		// The array that path left out, or one above the root of the piece.
	default:
		return l.fail(start)
	}
	l.pos = start + 1
	l.after()
	return t, nil
}

// open reads the start of an array or object, a number or a literal.
func (l *Lexer) open(start int, c byte) (Token, error) {
	if l.want != value && l.want != valueOrClose && l.want != piece {
		return l.fail(start)
	}
	t := Token{Start: start, End: start + 1}
	switch c {
	case '{', '[':
		if err := l.push(c == '['); err != nil {
			return t, err
		}
		t.Kind, l.want = ObjectOpen, keyOrClose
		if c == '[' {
			t.Kind, l.want = ArrayOpen, valueOrClose
		}
		l.pos = start + 1
		return t, nil
	case 't':
		t.Kind, t.End = True, literal(l.body, start, "true")
	case 'f':
		t.Kind, t.End = False, literal(l.body, start, "false")
	case 'n':
		t.Kind, t.End = Null, literal(l.body, start, "null")
	default:
		t.Kind, t.End = Number, number(l.body, start)
	}
	if t.End < 0 {
		return l.fail(start)
	}
	l.pos = t.End
	l.after()
	return t, nil
}

// text reads a string, and the colon after it where it is a key.
func (l *Lexer) text(start int) (Token, error) {
	if l.want == comma || l.want == over {
		return l.fail(start)
	}
	end, escaped := str(l.body, start)
	if end < 0 {
		return l.fail(start)
	}
	t := Token{Kind: String, Escaped: escaped, Start: start, End: end}
	isKey := l.want == key || l.want == keyOrClose
	after := end
	if isKey || l.want == piece {
		for after < len(l.body) && space(l.body[after]) {
			after++
		}
		colon := after < len(l.body) && l.body[after] == ':'
		if isKey && !colon {
			return l.fail(min(after, len(l.body)))
		}
		isKey = colon
	}
	if isKey {
		t.Kind = Key
		l.pos = after + 1
		l.want = value
		return t, nil
	}
	l.pos = end
	l.after()
	return t, nil
}

// Skip passes over the rest of the value that t opens: to the end of the array
// or object where t is ArrayOpen or ObjectOpen, which must be the last token
// given; over the value where t is a Key; nothing otherwise. It gives the offset
// after the value.
func (l *Lexer) Skip(t Token) (int, error) {
	end := t.End
	if t.Kind == Key {
		v, err := l.Next()
		if err != nil {
			return v.End, err
		}
		t, end = v, v.End
	}
	if t.Kind != ObjectOpen && t.Kind != ArrayOpen {
		return end, nil
	}
	for d := l.depth - 1; l.depth > d; {
		v, err := l.Next()
		if err != nil {
			return v.End, err
		}
		if v.Kind == End {
			return v.End, nil
		}
		end = v.End
	}
	return end, nil
}

func literal(b []byte, at int, word string) int {
	if len(b)-at < len(word) || string(b[at:at+len(word)]) != word {
		return -1
	}
	return at + len(word)
}

func digit(c byte) bool { return c-'0' < 10 }

// number gives the end of the number at b[at:], -1 for none (RFC 8259 section 6).
func number(b []byte, at int) int {
	i := at
	if b[i] == '-' {
		i++
	}
	if i == len(b) || !digit(b[i]) {
		return -1
	}
	if b[i] == '0' {
		i++
	} else {
		for i < len(b) && digit(b[i]) {
			i++
		}
	}
	if i < len(b) && b[i] == '.' {
		i++
		if i == len(b) || !digit(b[i]) {
			return -1
		}
		for i < len(b) && digit(b[i]) {
			i++
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i == len(b) || !digit(b[i]) {
			return -1
		}
		for i < len(b) && digit(b[i]) {
			i++
		}
	}
	return i
}

package inspect

import (
	"bytes"

	"github.com/getweir/weir"
)

// pairs reads t as text in which values stand under keys: key=value of logs, key="a
// value of words", the pairs of a query or a form (WHATWG URL, section 5), of a
// cookie (RFC 6265 section 4.2.1), and JSON objects on one line, as in server-sent
// events and logs. What has no key, or one that says nothing, is read as before.
//
// The pairs of a line, a query or a cookie are one object: a name in one supports an
// address in another.
func (w *walk) pairs(t []byte) {
	w.text, w.read = t, 0
	pos := 0 // what comes before has been read
	equals := next(t, 0, '=')
	braces := nextObject(t, 0)
	for equals < len(t) || braces < len(t) {
		if braces < equals {
			i := braces
			end := objectEnd(t, i)
			if end < 0 {
				// Not closed on its line: no other on that line is looked for.
				braces = nextObject(t, next(t, i, '\n'))
				continue
			}
			w.scan(t, pos, i)
			if w.nested(t, i, end) {
				pos = end
				w.last = end
				w.read = end
				if equals < end {
					equals = next(t, end, '=')
				}
			} else {
				pos = i
				w.read = i
			}
			braces = nextObject(t, end)
			continue
		}
		p := equals
		equals = next(t, p+1, '=')
		if lo, hi := plusValue(t, pos, p); hi > lo {
			// In a query + is a space, also in a number.
			if _, m := w.keyBefore(t, pos, p); m == mNone {
				w.scan(t, pos, lo)
				w.written, w.text = asPercent|asPlus, nil
				w.value(mText, t, lo, hi)
				w.written, w.text = 0, t
				pos, w.read = hi, hi
				equals = next(t, max(hi, p+1), '=')
				if braces < hi {
					braces = nextObject(t, hi)
				}
				continue
			}
		}
		if unknownKey(t, pos, p) {
			continue
		}
		a, m := w.keyBefore(t, pos, p)
		if !m.personal() {
			continue // it stays among the text, of which it may be a part
		}
		lo, hi, as := pairValue(t, a, p)
		if lo == hi || as == 0 && code(m, t[lo:hi]) {
			equals = next(t, max(hi, p+1), '=') // looked at once
			continue
		}
		if bytes.IndexByte(t[pos:a], '\n') >= 0 {
			w.settle()
		}
		w.scan(t, pos, lo)
		w.written, w.text = as, nil
		w.value(m, t, lo, hi)
		w.written, w.text = 0, t
		pos = hi
		w.read = hi
		if equals < hi {
			equals = next(t, hi, '=')
		}
		if braces < hi {
			braces = nextObject(t, hi)
		}
	}
	w.scan(t, pos, len(t))
	w.text = nil
	w.settle()
	w.quotedPrintable(t)
}

// personal reports whether a key of meaning m makes its value data of a person, and not
// only tells what it is not.
func (m meaning) personal() bool {
	switch m {
	case mEmail, mCard, mIBAN, mIP:
		return true
	case mID, mNumber:
		return false
	}
	return m.asks()
}

// code reports whether the value v of a name or an address is rather an expression of
// a program, whose text has = too.
func code(m meaning, v []byte) bool {
	switch m {
	case mName, mNameWeak, mNamePart, mHolder, mAddress, mStreet, mLine, mCity, mPostcode:
		return bytes.ContainsAny(v, "()[]{}`$\\<>=|%") || len(v) > 0 && v[0] == ','
	}
	return false
}

// unknownKey reports whether the = at t[p] has a key before it that means nothing, at
// first sight: by its last three letters.
func unknownKey(t []byte, lo, p int) bool {
	if p-lo < 5 {
		return false
	}
	k := t[p-5 : p]
	return alnum(k[2]) && alnum(k[3]) && alpha(k[4]) && k[0] != '%' && k[1] != '%' && !endings.may(k[2:])
}

// hinted gives what the key of the value says that t[a] is in, mNone outside of one.
// A key that nobody knows says at least that the words before it do not speak of its
// number.
func (w *walk) hinted(a int) meaning {
	if w.text == nil {
		return mNone
	}
	if w.origin != nil {
		a = int(w.origin[a])
	}
	t := w.text
	for i := a - 1; i >= max(w.read, a-maxKey); i-- {
		switch c := t[i]; {
		case c <= ' ' || c == '&' || c == ';' || c == '|':
			return mNone
		case c != '=':
			continue
		}
		k, m := w.keyBefore(t, w.read, i)
		switch {
		case m.personal():
			return mNone
		case m != mNone:
			return m
		case k < i && digit(t[i+1]):
			return mText
		}
	}
	return mNone
}

// settle decides what waited for the pairs of a line, and forgets them.
func (w *walk) settle() {
	root := &w.frames[len(w.frames)-1]
	w.resolve(root)
	root.has, root.parts = 0, 0
}

// next gives the offset of c in t from i on, or the end.
func next(t []byte, i int, c byte) int {
	n := bytes.IndexByte(t[i:], c)
	if n < 0 {
		return len(t)
	}
	return i + n
}

// nextObject gives the offset of the next {" in t from i on, or the end.
func nextObject(t []byte, i int) int {
	for {
		if i = next(t, i, '{'); i+1 >= len(t) {
			return len(t)
		}
		if t[i+1] == '"' {
			return i
		}
		i++
	}
}

// objectEnd gives the end of the JSON object at t[i], which must lie on one line; -1
// for none.
func objectEnd(t []byte, i int) int {
	depth, quoted := 0, false
	for ; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\n':
			return -1
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// nested reads the JSON value t[a:b] among text, and reports whether it is one.
func (w *walk) nested(t []byte, a, b int) bool {
	// With a report of its own: what it takes back is measured from a.
	in := w.in.walks.Get().(*walk)
	r := &in.nest
	r.Findings = r.Findings[:0]
	r.Unread = 0
	in.start(r, &weir.Segment{})
	in.objects, in.depth = w.objects, w.depth
	err := in.json(t[a:b], nil, false, nil)
	if err == nil {
		for _, f := range r.Findings {
			f.Start += a
			f.End += a
			w.r.Findings = append(w.r.Findings, f)
		}
		w.r.Unread += r.Unread
	}
	w.objects = in.objects
	in.r = nil
	in.release()
	w.in.walks.Put(in)
	return err == nil
}

// keyByte reports whether c can be in a key: letters, digits, what joins them, and
// what the keys of forms have (address[city], address%5Bcity%5D).
func keyByte(c byte) bool {
	return wordByte(c) || c == '-' || c == '.' || c == '[' || c == ']' || c == '%'
}

// maxEncoded bounds a key whose bytes are percent escapes.
const maxEncoded = 3 * maxKey

// keyBefore gives where the key before the = at t[p] begins, and what it means.
func (w *walk) keyBefore(t []byte, lo, p int) (a int, m meaning) {
	if p+1 < len(t) && t[p+1] == '=' || p == lo {
		return p, mNone
	}
	escapes := false
	a = p
	for floor := max(lo, p-maxEncoded); a > floor && keyByte(t[a-1]); a-- {
		escapes = escapes || t[a-1] == '%'
	}
	switch {
	case a == p || p-a > maxKey && !escapes:
		return p, mNone
	case escapes:
		var buf [maxEncoded]byte
		n := 0
		for i := a; i < p; n++ {
			if t[i] == '%' && i+2 < p && hex(t[i+1]) && hex(t[i+2]) {
				buf[n] = nibble(t[i+1])<<4 | nibble(t[i+2])
				i += 3
				continue
			}
			buf[n] = t[i]
			i++
		}
		m = means(buf[:n])
	default:
		b := p
		for b > a && t[b-1] == ']' {
			b--
		}
		m = w.keys.of(t, a, b, means)
	}
	// A short word of a street (addr, via) is one of machines too.
	if m == mStreet && p-a <= 4 {
		m = mLine
	}
	// Credentials have rules of their own for text.
	if m >= firstKnown && !stories[m] {
		m = mNone
	}
	return a, m
}

// stories are the meanings of what households watch, wish and give.
var stories = func() (t [256]bool) {
	for _, m := range storyWords {
		t[m] = true
	}
	return t
}()

// written says how the value of a pair is written.
type written uint8

const (
	asPercent written = 1 << iota // percent escapes
	asPlus                        // + for a space
)

// plusValue gives the number in groups with + between them behind the = at t[p], if the
// two are a pair of a query.
func plusValue(t []byte, floor, p int) (lo, hi int) {
	lo = p + 1
	if lo >= len(t) || !digit(t[lo]) {
		return lo, lo
	}
	plus := false
	for hi = lo; hi < len(t) && t[hi] > ' ' && t[hi] != '&' && t[hi] != '#' && t[hi] != '"'; hi++ {
		if hi-lo == maxKey {
			return lo, lo
		}
		plus = plus || t[hi] == '+'
	}
	a := p
	for a > max(floor, p-maxKey) && keyByte(t[a-1]) {
		a--
	}
	if !plus || a == floor || t[a-1] != '?' && t[a-1] != '&' {
		return lo, lo
	}
	return lo, hi
}

// pairValue gives the value behind the = at t[p], whose key begins at t[a].
func pairValue(t []byte, a, p int) (lo, hi int, as written) {
	lo = p + 1
	if lo == len(t) {
		return lo, lo, 0
	}
	if q := t[lo]; q == '"' || q == '\'' {
		for hi = lo + 1; hi < len(t) && t[hi] != '\n'; hi++ {
			if t[hi] == '\\' {
				hi++
			} else if t[hi] == q {
				return lo + 1, hi, 0
			}
		}
		return lo, lo, 0
	}
	before := byte(0)
	if a > 0 {
		before = t[a-1]
	}
	within := before == '?' || before == '&' || before == '#'
	url := false
	for hi = lo; hi < len(t); hi++ {
		switch c := t[hi]; {
		case c == ':' && hi+2 < len(t) && t[hi+1] == '/' && t[hi+2] == '/':
			url = true
			continue
		case c == '&' && url && !within:
			continue // of the query of a URL that is the value
		case c <= ' ' || c == '&' || c == ';' || c == '"' || c == '>' || c == '{' || c == '}' || c == '|':
		case c == ',' && (hi+1 == len(t) || t[hi+1] <= ' '):
		default:
			continue
		}
		break
	}
	after := byte(0)
	if hi < len(t) {
		after = t[hi]
	}
	switch {
	case within || after == '&':
		as = asPercent | asPlus
	case after == ';' || before == ' ' && a > 1 && t[a-2] == ';':
		as = asPercent
	}
	return lo, hi, as
}

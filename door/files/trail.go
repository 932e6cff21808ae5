package files

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// A trail follows a JSON segment from finding to finding and tells where it stands.
// It is as tolerant as the inspector was.
type trail struct {
	t     []byte
	at    int
	steps []step

	// The string that was looked at last, so that one with many findings is measured
	// once.
	str, strEnd int
	strKey      bool
	hidden      int // where the last key begins that holds a finding; -1: none
}

// A step is an object or array that is open.
type step struct {
	key    []byte // the last key, as written; nil: none yet
	index  int    // of an array's element; -1: an object
	hidden bool   // the key holds personal data
}

// start makes ready for t, which begins under path; index is the number of the
// element that it is in the innermost array of path.
func (r *trail) start(t []byte, path []string, index int) {
	*r = trail{t: t, steps: r.steps[:0], str: -1, hidden: -1}
	for _, k := range path {
		if k == "[]" {
			r.steps = append(r.steps, step{index: index})
		} else {
			r.steps = append(r.steps, step{key: []byte(k), index: -1})
		}
	}
}

// within notes that the segment begins inside the array that its path leads to, not
// before it.
func (r *trail) within(index int) { r.steps = append(r.steps, step{index: index}) }

// to goes on to offset p, which is where a finding begins. key says that it lies in
// a key.
func (r *trail) to(p int) (key bool) {
	if r.str >= 0 && p < r.strEnd && p >= r.str {
		return r.mark()
	}
	t := r.t
	for i := r.at; ; {
		if i >= p || i >= len(t) {
			r.at = i
			return false
		}
		switch t[i] {
		case '"':
			end := quoted(t, i+1)
			k := end + 1
			for k < len(t) && (t[k] == ' ' || t[k] == '\n' || t[k] == '\t' || t[k] == '\r') {
				k++
			}
			key := k < len(t) && t[k] == ':'
			if p < end {
				r.at, r.str, r.strEnd, r.strKey = i, i, end, key
				return r.mark()
			}
			if n := len(r.steps); key && n > 0 {
				r.steps[n-1].key, r.steps[n-1].hidden = t[i+1:end], r.hidden == i
			}
			i = max(k, i+1)
			continue
		case '{':
			r.steps = append(r.steps, step{index: -1})
		case '[':
			r.steps = append(r.steps, step{})
		case '}', ']':
			if n := len(r.steps); n > 0 {
				r.steps = r.steps[:n-1]
			}
		case ',':
			if n := len(r.steps); n > 0 && r.steps[n-1].index >= 0 {
				r.steps[n-1].index++
			}
		}
		i++
	}
}

func (r *trail) mark() bool {
	if r.strKey {
		r.hidden = r.str
	}
	return r.strKey
}

// quoted gives the end of the string that begins at t[i], where its quote is.
func quoted(t []byte, i int) int {
	for i < len(t) {
		n := bytes.IndexByte(t[i:], '"')
		if n < 0 {
			break
		}
		i += n
		back := 0
		for i-1-back >= 0 && t[i-1-back] == '\\' {
			back++
		}
		if back&1 == 0 {
			return i
		}
		i++
	}
	return len(t)
}

// maxShown bounds a path: how many steps it has, and how long a key is.
const (
	maxShown = 64
	maxName  = 64
)

// append writes the path to where the trail stands. inKey says that what is meant
// is a key of the innermost object.
func (r *trail) append(dst []byte, inKey bool) []byte {
	dst = append(dst, '$')
	for i, s := range r.steps {
		if i == maxShown {
			return append(dst, "..."...)
		}
		switch {
		case s.index >= 0:
			dst = append(dst, '[')
			dst = strconv.AppendInt(dst, int64(s.index), 10)
			dst = append(dst, ']')
		case inKey && i == len(r.steps)-1, s.hidden, s.key != nil && telling(s.key):
			dst = append(dst, ".*"...)
		case s.key == nil:
		case simple(s.key):
			dst = append(append(dst, '.'), s.key...)
		default:
			dst = append(dst, '[')
			dst = appendQuoted(dst, s.key)
			dst = append(dst, ']')
		}
	}
	return dst
}

// simple reports whether a key can be written after a dot.
func simple(key []byte) bool {
	if len(key) == 0 || len(key) > maxName || key[0]-'0' < 10 {
		return false
	}
	for _, c := range key {
		if !letter(c) && c-'0' >= 10 && c != '_' && c != '-' && c != '$' {
			return false
		}
	}
	return true
}

// telling reports whether a name looks like data more than like a name: an address,
// or a long number. Such a name is not shown, found or not.
func telling(name []byte) bool {
	digits := 0
	for _, c := range name {
		switch {
		case c == '@':
			return true
		case c-'0' < 10:
			digits++
		}
	}
	return digits > 6
}

// appendQuoted writes a key in single quotes (RFC 9535, section 2.3.1.2), as it is
// written in the file, and no further than maxName bytes.
func appendQuoted(dst, key []byte) []byte {
	dst = append(dst, '\'')
	for i := 0; i < len(key); {
		c, n := utf8.DecodeRune(key[i:])
		if i+n > maxName {
			dst = append(dst, "..."...)
			break
		}
		switch {
		case c == '\'':
			dst = append(dst, `\'`...)
		case c == utf8.RuneError && n == 1, c < ' ', c == 0x7f:
			dst = append(dst, '?')
		default:
			dst = append(dst, key[i:i+n]...)
		}
		i += n
	}
	return append(dst, '\'')
}

// A place counts lines and characters on the way from finding to finding.
type place struct {
	at     int // offset reached
	line   int // LFs before it
	column int // characters between the last LF, or the start, and it
}

// to goes on to t[p].
func (l *place) to(t []byte, p int) {
	if p <= l.at {
		return
	}
	between := t[l.at:p]
	if n := bytes.Count(between, []byte{'\n'}); n > 0 {
		l.line += n
		l.column = 0
		between = between[bytes.LastIndexByte(between, '\n')+1:]
	}
	l.column += utf8.RuneCount(between)
	l.at = p
}

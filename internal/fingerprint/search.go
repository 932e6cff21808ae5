package fingerprint

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"unicode/utf8"

	"github.com/getweir/weir"
)

// A Match is a value that one of the customers has.
type Match struct {
	Start, End int // in the text: [Start, End)
	Class      weir.Class
	// Holders are the customers who have it; none: more than can be told apart.
	// Valid until the next search.
	Holders []weir.Subject
}

// A Search looks for customers. It holds scratch and is used by one goroutine; the
// zero Search is ready.
type Search struct {
	buf  []byte
	ends [most]int // of the words in buf
	rows []uint32
	who  []weir.Subject

	// Pairs of words, by their sum, that were nobody's in the Set of: texts repeat
	// themselves.
	of   *Set
	seed maphash.Seed
	none [512]uint64
}

// Code gives who has the identifier v of a class, valid until the next search, and
// whether anybody has.
func (s *Search) Code(set *Set, class weir.Class, v []byte) (who []weir.Subject, known bool) {
	s.buf = AppendCode(s.buf[:0], v)
	s.who = s.who[:0]
	for _, x := range set.Indexes {
		hash := x.hash.sum(s.buf)
		for c := range x.columns {
			if x.Columns[c].Class == class && x.Columns[c].Kind == Code && x.columns[c].has(hash) {
				known = s.holders(set, x, c, hash) || known
			}
		}
	}
	return s.who, known
}

// holders appends to s.who who has the value in column c, and reports whether anybody
// has, or too many have it to be told apart.
func (s *Search) holders(set *Set, x *Index, c int, hash uint64) bool {
	var shared bool
	s.rows, shared = x.columns[c].holders(s.rows[:0], hash)
	before := len(s.who)
	for _, r := range s.rows {
		if who := x.subject(r); !set.Gone[who] {
			s.who = append(s.who, who)
		}
	}
	return shared || len(s.who) > before
}

// Text looks for names and streets in t, which has no escapes in it, and gives each to
// found, in the order of their starts. Of matches of one class that begin at the same
// place only the longest counts.
func (s *Search) Text(set *Set, t []byte, found func(Match)) {
	if len(set.Indexes) == 0 {
		return
	}
	if s.of != set {
		s.of, s.seed = set, maphash.MakeSeed()
	}
	before := -1 // where the last word that was looked at began
	for i := capital(t, 0); i < len(t); i = capital(t, i+1) {
		if i > 0 {
			c := t[i-1]
			if letter(c) || c == '\'' && i > 1 && letter(t[i-2]) {
				continue
			}
			if c >= utf8.RuneSelf {
				if i == before || t[i] >= utf8.RuneSelf && !utf8.RuneStart(t[i]) {
					continue
				}
				if r, _ := utf8.DecodeLastRune(t[:i]); wordRune(r) {
					continue
				}
			}
		}
		before = i
		s.at(set, t, i, found)
	}
}

// capital gives the next place from i on of a capital letter or a byte of another
// script, eight bytes at a time.
func capital(t []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
		lows  = 0x7f7f7f7f7f7f7f7f
	)
	for ; i+8 <= len(t); i += 8 {
		x := binary.LittleEndian.Uint64(t[i:])
		lo := x & lows
		// From 'A' up and not from '[' up; or the top bit is set.
		if m := (lo+(0x80-'A')*ones)&^(lo+(0x80-'[')*ones)&highs | x&highs; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(t); i++ {
		if c := t[i]; c-'A' < 26 || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// at looks for what begins with the word at t[i].
func (s *Search) at(set *Set, t []byte, i int, found func(Match)) {
	nb, ne := numberBefore(t, i) // a house's, before its street
	// Nearly all words end here: nothing follows that could belong to them, or it was
	// nobody's a moment ago. That is seen without reading them.
	var seen *uint64 // where it is noted that they are nobody's
	var sum uint64
	if nb == ne {
		end, next := wordEnd(t, i)
		if next < 0 {
			return
		}
		if stop, _ := wordEnd(t, next); end > 0 && stop > 0 {
			sum = maphash.Bytes(s.seed, t[i:stop])
			if seen = &s.none[sum%uint64(len(s.none))]; *seen == sum {
				return
			}
		}
	}
	var end int
	s.buf, end = word(s.buf[:0], t, i)
	if end == i {
		return
	}
	s.ends[0] = len(s.buf)
	next := follows(t, end)
	n, stops := 1, [most]int{end}
	read := func() bool {
		if next < 0 || n == most {
			return false
		}
		w, stop := word(append(s.buf, ' '), t, next)
		if stop == next {
			return false
		}
		s.buf = w
		s.ends[n], stops[n] = len(w), stop
		n++
		next = follows(t, stop)
		return true
	}
	if !read() && nb == ne {
		return
	}
	for _, x := range set.Indexes {
		two := n >= 2 && x.gate.has(x.hash.sum(s.buf[:s.ends[1]]))
		if two || nb < ne {
			seen = nil
			for read() {
			}
		}
		if two {
			s.longest(set, x, t, i, n, stops, false, 0, 0, found)
		}
		if nb < ne {
			s.longest(set, x, t, i, n, stops, true, nb, ne, found)
		}
	}
	if seen != nil {
		*seen = sum
	}
}

// wordEnd gives where the word at t[i] ends, if it is of ASCII letters and digits, and
// where the next one that may belong to it begins. end is 0 where a closer look is
// needed, next -1 where none follows.
func wordEnd(t []byte, i int) (end, next int) {
	for end = i; end < len(t) && letter(t[end]); end++ {
	}
	if end == i || end < len(t) && (t[end] >= utf8.RuneSelf || t[end] == '\'') {
		return 0, 0
	}
	return end, follows(t, end)
}

// longest gives for each column of x the longest of the values that t[i:] begins with.
// numbered: those with the number t[nb:ne] behind them.
func (s *Search) longest(set *Set, x *Index, t []byte, i, n int, stops [most]int, numbered bool, nb, ne int, found func(Match)) {
	least := 2
	size := len(s.buf)
	defer func() { s.buf = s.buf[:size] }()
	if numbered {
		least = 1
		// The gate is asked for the first two words, of which the number is one where
		// the street has one word only.
		n = min(n, most-1)
	}
	var done [256]bool
	for k := n; k >= least; k-- {
		key := s.buf[:s.ends[k-1]]
		start := i
		if numbered {
			// Behind all words, where it overwrites none.
			key = append(append(s.buf[:size], 0), key...)[size+1:]
			key = append(key, ' ')
			key, _ = word(key, t[:ne], nb)
			start = nb
			if k == 1 && !x.gate.has(x.hash.sum(key)) || k > 1 && !x.gate.has(x.hash.sum(s.buf[:s.ends[1]])) {
				continue
			}
		}
		hash := x.hash.sum(key)
		for c := range x.columns {
			if kind := x.Columns[c].Kind; done[c] || kind == Code || numbered && kind != Street || !x.columns[c].has(hash) {
				continue
			}
			s.who = s.who[:0]
			if s.holders(set, x, c, hash) {
				done[c] = true
				found(Match{start, stops[k-1], x.Columns[c].Class, s.who})
			}
		}
	}
}

// follows gives where the next word begins, if it follows the one that ends at t[i]
// close enough to belong to it, and has a capital, or a digit, or is short as "de" and
// "van" are; -1: none does.
func follows(t []byte, i int) int {
	for k := i; k < len(t) && k-i <= 3; k++ {
		c := t[k]
		switch {
		case c < utf8.RuneSelf && letter(c):
			if k == i || c-'a' < 26 && k+particle < len(t) && t[k+1]-'a' < 26 && t[k+2]-'a' < 26 && t[k+3]-'a' < 26 {
				return -1
			}
			return k
		case c == ' ', c == ',', c == '.', c == '-', c == '\n', c == '\r', c == '\t', c == '+', c == '_':
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(t[k:])
			if wordRune(r) {
				return k
			}
			if r != '\u00a0' && r != '\u2010' && r != '\u2011' && r != '\u202f' && r != '\u3000' {
				return -1
			}
			k += n - 1
		default:
			return -1
		}
	}
	return -1
}

// particle is how many letters those words of a name have that are written without a
// capital.
const particle = 3

// numberBefore gives the house's number that stands before the word at t[i], if one
// does.
func numberBefore(t []byte, i int) (a, b int) {
	b = i
	for b > 0 && i-b < 3 && (t[b-1] == ' ' || t[b-1] == ',' || t[b-1] == '+' || t[b-1] == '_') {
		b--
	}
	if b == i {
		return 0, 0
	}
	a = b
	for a > 0 && b-a < 8 && letter(t[a-1]) {
		a--
	}
	if a == b || t[a]-'0' >= 10 || a > 0 && (letter(t[a-1]) || t[a-1] >= utf8.RuneSelf) {
		return 0, 0
	}
	return a, b
}

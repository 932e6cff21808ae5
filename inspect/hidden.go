package inspect

import (
	"unicode/utf16"
	"unicode/utf8"
)

// zeros are the digits zero of the scripts that write numbers with others than
// ASCII's, each followed by its nine (Unicode Standard, category Nd).
var zeros = [...]rune{0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040, 0x17e0, 0x1810}

// plainDigit gives the ASCII digit of a digit of another script, -1 for what is
// none.
func plainDigit(r rune) rune {
	if r < zeros[0] {
		return -1
	}
	for _, z := range zeros {
		if r-z >= 0 && r-z < 10 {
			return '0' + r - z
		}
	}
	if r-0x1d7ce >= 0 && r-0x1d7ce < 50 {
		return '0' + (r-0x1d7ce)%10 // mathematical
	}
	return -1
}

// wideOrder reports whether a text is written in UTF-16 (RFC 2781), and whether its
// lower bytes come first: it begins with a byte order mark, or each second of its
// first bytes is zero.
func wideOrder(t []byte) (little, ok bool) {
	if len(t) < 4 {
		return false, false
	}
	switch {
	case t[0] == 0xff && t[1] == 0xfe:
		return true, true
	case t[0] == 0xfe && t[1] == 0xff:
		return false, true
	}
	const looked = 32
	if len(t) < looked {
		return false, false
	}
	var zero [2]int
	for i, c := range t[:looked] {
		if c == 0 {
			zero[i&1]++
		}
	}
	return zero[1] == looked/2, zero[0] == 0 && zero[1] == looked/2 || zero[1] == 0 && zero[0] == looked/2
}

// scanWide reads a whole text in UTF-16. A last byte that has no other is not read.
func (w *walk) scanWide(t []byte, little bool) (unread int) {
	w.buf, w.back = w.buf[:0], w.back[:0]
	unit := func(i int) rune {
		if little {
			return rune(t[i]) | rune(t[i+1])<<8
		}
		return rune(t[i])<<8 | rune(t[i+1])
	}
	i := 0
	for i+1 < len(t) {
		r, n := unit(i), 2
		if utf16.IsSurrogate(r) && i+3 < len(t) {
			if both := utf16.DecodeRune(r, unit(i+2)); both != utf8.RuneError {
				r, n = both, 4
			}
		}
		if r = plainer(r); r >= 0 {
			was := len(w.buf)
			w.buf = utf8.AppendRune(w.buf, r)
			for range len(w.buf) - was {
				w.back = append(w.back, int32(i))
			}
		}
		i += n
	}
	w.back = append(w.back, int32(i))
	w.origin = w.back
	w.scan(w.buf, 0, len(w.buf))
	w.origin = nil
	return len(t) - i
}

// What base64 is undone: of at least codedMin characters, and no more than codedMax
// at a time; what is longer is not read, and counted.
const (
	codedMin = 16
	codedMax = 64 << 10
)

// coded looks at the base64 or base64url (RFC 4648 sections 4 and 5) in which t[p]
// stands, within t[lo:hi], reads what it holds if that is text, and gives where to
// go on; 0 where it is none.
func (w *walk) coded(t []byte, lo, hi, p int) int {
	a, b := p, p+1
	for floor := max(lo, w.last, p-codedMax); a > floor && sextets[t[a-1]] >= 0; {
		a--
	}
	for b < hi && sextets[t[b]] >= 0 {
		b++
	}
	end := b
	for end < hi && end < b+2 && t[end] == '=' {
		end++
	}
	// A path, or a name before a dash, may come before it.
	for !printable(t, a, b) {
		next := a
		for next < p && t[next] != '/' && t[next] != '-' && t[next] != '_' && t[next] != '+' {
			next++
		}
		if next == p || b-next-1 < codedMin {
			return 0
		}
		a = next + 1
	}
	if b-a > codedMax {
		w.r.Unread += b - a
		return end
	}
	w.buf, w.back = w.buf[:0], w.back[:0]
	for i := a; i+1 < b; i += 4 {
		var q [4]int8
		n := copy4(&q, t[i:min(i+4, b)])
		bytes := [3]byte{byte(q[0])<<2 | byte(q[1])>>4, byte(q[1])<<4 | byte(q[2])>>2, byte(q[2])<<6 | byte(q[3])}
		for k := range n - 1 {
			w.buf, w.back = append(w.buf, bytes[k]), append(w.back, int32(i+k))
		}
	}
	if !utf8.Valid(w.buf) {
		return 0
	}
	w.back = append(w.back, int32(end))
	w.origin = w.back
	last, found := w.last, len(w.r.Findings)
	w.last = 0
	w.scan(w.buf, 0, len(w.buf))
	w.origin = nil
	// A character holds bits of two bytes: what is found is the whole.
	for i := found; i < len(w.r.Findings); i++ {
		w.r.Findings[i].Start, w.r.Findings[i].End = a, end
	}
	if w.last = last; found < len(w.r.Findings) {
		w.last = end
	}
	return end
}

func allAlnum(t []byte) bool {
	for _, c := range t {
		if !alnum(c) {
			return false
		}
	}
	return true
}

// sextets has the values of the characters of both alphabets, -1 for others.
var sextets = func() (s [256]int8) {
	for c := range s {
		s[c] = -1
		switch c := byte(c); {
		case c-'A' < 26:
			s[c] = int8(c - 'A')
		case c-'a' < 26:
			s[c] = int8(c-'a') + 26
		case digit(c):
			s[c] = int8(c-'0') + 52
		case c == '+' || c == '-':
			s[c] = 62
		case c == '/' || c == '_':
			s[c] = 63
		}
	}
	return s
}()

func copy4(q *[4]int8, t []byte) int {
	for i, c := range t {
		q[i] = sextets[c]
	}
	return len(t)
}

// printable reports whether the first characters of the base64 t[a:b] stand for
// printable text: what is drawn at random does not get far.
func printable(t []byte, a, b int) bool {
	if b-a < codedMin {
		return false
	}
	for i := a; i < a+codedMin; i += 4 {
		q := uint32(sextets[t[i]])<<18 | uint32(sextets[t[i+1]])<<12 | uint32(sextets[t[i+2]])<<6 | uint32(sextets[t[i+3]])
		for _, c := range [3]byte{byte(q >> 16), byte(q >> 8), byte(q)} {
			if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
				return false
			}
		}
	}
	return true
}

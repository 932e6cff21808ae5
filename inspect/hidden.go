package inspect

import (
	"bytes"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/getweir/weir"
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
	i := w.units(t, little)
	w.inner(w.buf, w.back)
	return len(t) - i
}

// units writes the text t in UTF-16 to w.buf, its characters in their plain form, and
// gives how much of it that was.
func (w *walk) units(t []byte, little bool) int {
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
	return i
}

// maxInner is how many things may be hidden in one another: base64 in base64, JSON in a
// string of JSON.
const maxInner = 2

// inner reads t, which has been undone and of whose bytes, and of its end, back says
// where each was, as a text or a JSON document of its own, with keys and all.
func (w *walk) inner(t []byte, back []int32) {
	in := w.in.walks.Get().(*walk)
	r := &in.nest
	try := func(read func() error) bool {
		r.Findings, r.Unread = r.Findings[:0], 0
		in.start(r, &weir.Segment{})
		in.objects, in.depth = w.objects, w.depth+1
		return read() == nil
	}
	if !holdsJSON(t) || !try(func() error { return in.json(t, nil, false, nil) }) {
		try(func() error { in.pairs(t); return nil })
	}
	for _, f := range r.Findings {
		f.Start, f.End, f.Form = int(back[f.Start]), int(back[f.End]), w.form
		w.r.Findings = append(w.r.Findings, f)
	}
	w.r.Unread += r.Unread
	w.objects = in.objects
	in.r = nil
	in.release()
	w.in.walks.Put(in)
}

// holdsJSON reports whether t looks like an object or array of JSON.
func holdsJSON(t []byte) bool {
	i := skipSpace(t, 0)
	if i+1 >= len(t) || t[i] != '{' && t[i] != '[' {
		return false
	}
	c := t[skipSpace(t, i+1):]
	return len(c) > 0 && (c[0] == '"' || c[0] == '{' || c[0] == '[')
}

// quotedPrintable reads t a second time if it is written in quoted-printable (RFC 2045
// section 6.7): what it says of itself, or lines that go on behind a =, or escapes that
// little else has. What is found lies apart from what was found before.
func (w *walk) quotedPrintable(t []byte) {
	if w.depth >= maxInner || w.origin != nil || !isQuoted(t) {
		return
	}
	w.unquote(t)
	before := len(w.r.Findings)
	w.inner(w.buf, w.back)
	kept, more := w.r.Findings[:before], w.r.Findings[before:]
	slices.SortStableFunc(kept, order)
	slices.SortStableFunc(more, order)
	i, reach := 0, 0 // the end of those that begin before
	for _, f := range more {
		for ; i < before && kept[i].Start < f.End; i++ {
			reach = max(reach, kept[i].End)
		}
		if reach <= f.Start {
			kept = append(kept, f)
		}
	}
	w.r.Findings = kept
}

// unquote writes t to w.buf with the escapes of quoted-printable undone.
func (w *walk) unquote(t []byte) {
	w.buf, w.back = w.buf[:0], w.back[:0]
	for i := 0; i < len(t); {
		c, n := t[i], 1
		if c == '=' && i+1 < len(t) {
			switch {
			case t[i+1] == '\n':
				i += 2
				continue
			case i+2 < len(t) && t[i+1] == '\r' && t[i+2] == '\n':
				i += 3
				continue
			case i+2 < len(t) && hex(t[i+1]) && hex(t[i+2]):
				c, n = nibble(t[i+1])<<4|nibble(t[i+2]), 3
			}
		}
		w.buf, w.back = append(w.buf, c), append(w.back, int32(i))
		i += n
	}
	w.back = append(w.back, int32(len(t)))
}

// isQuoted reports whether t shows that it is written in quoted-printable: every =, of
// the first of them, ends a line or begins an escape, and one is no chance.
func isQuoted(t []byte) bool {
	const looks = 64
	sure := false
	i := bytes.IndexByte(t, '=')
	for range looks {
		if i < 0 || i+2 >= len(t) {
			break
		}
		a, b, after := t[i+1], t[i+2], byte(0)
		if i+3 < len(t) {
			after = t[i+3]
		}
		escape := hex(a) && hex(b) && a < 'a' && b < 'a'
		switch {
		case a == '\n', a == '\r' && b == '\n', escape && (a == '3' && b == 'D' || a == '2' && b == '0' && after <= ' ' || a == 'C' && after == '='):
			sure = true
		case a == '4' && b == '0':
			sure = sure || i > 0 && alnum(t[i-1]) && alpha(after) && bytes.IndexByte(t[i+3:min(len(t), i+64)], '.') > 0
		case !escape:
			return false
		}
		k := bytes.IndexByte(t[i+1:], '=')
		if k < 0 {
			break
		}
		i += 1 + k
	}
	return sure
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
	if end := w.ibanWord(t, lo, hi, p); end > 0 {
		return end
	}
	if w.depth >= maxInner {
		return 0
	}
	end := b
	for end < hi && end < b+2 && t[end] == '=' {
		end++
	}
	// A path, or a name before a dash, may come before it.
	says := opening(t[a:b])
	for says == sayNothing {
		next := a
		for next < p && t[next] != '/' && t[next] != '-' && t[next] != '_' && t[next] != '+' {
			next++
		}
		if next == p || b-next-1 < codedMin {
			return 0
		}
		a = next + 1
		says = opening(t[a:b])
	}
	if b-a > codedMax {
		w.r.Unread += b - a
		return end
	}
	if says == sayBytes {
		return 0
	}
	w.decode(t[a:b], a)
	if !w.in.close && isGlobalID(w.buf) {
		return end
	}
	if !utf8.Valid(w.buf) {
		return 0
	}
	w.back = append(w.back, int32(end))
	last, found := w.last, len(w.r.Findings)
	w.inner(w.buf, w.back)
	// A character holds bits of two bytes: what is found is the whole.
	for i := found; i < len(w.r.Findings); i++ {
		w.r.Findings[i].Start, w.r.Findings[i].End = a, end
	}
	w.r.Findings = w.r.Findings[:found+len(distinct(w.r.Findings[found:]))]
	if w.last = last; found < len(w.r.Findings) {
		w.last = end
	}
	return end
}

// distinct leaves of findings that have the same place one of each class: the surest.
func distinct(fs []weir.Finding) []weir.Finding {
	out := fs[:0]
	for _, f := range fs {
		if i := slices.IndexFunc(out, func(o weir.Finding) bool { return o.Class == f.Class }); i < 0 {
			out = append(out, f)
		} else if f.Confidence > out[i].Confidence {
			out[i] = f
		}
	}
	return out
}

// ibanWord looks for an account number in the letters and digits around t[p], in which
// few digits need stand together, and gives where to go on; 0 for none.
func (w *walk) ibanWord(t []byte, lo, hi, p int) int {
	a := p
	for floor := max(lo, w.last, p-ibanMax); a > floor && alnum(t[a-1]); {
		a--
	}
	if a+ibanMin > hi || a > lo && wordByte(t[a-1]) || !alpha(t[a]) || !alpha(t[a+1]) || !digit(t[a+2]) || !digit(t[a+3]) {
		return 0
	}
	end, ok := ibanAt(t, a, hi)
	if !ok || end <= p {
		return 0
	}
	w.emit(IBAN, a, end, weir.SureMatch, true, "iban")
	w.besideIBAN(t, hi, end)
	return max(end, w.last)
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

// decode undoes the base64 v, which stands at a, into w.buf and w.back.
func (w *walk) decode(v []byte, a int) {
	w.buf, w.back = slices.Grow(w.buf[:0], len(v)), slices.Grow(w.back[:0], len(v)+1)
	buf, back, n := w.buf[:len(v)], w.back[:len(v)+1], 0
	for ; len(v) >= 4; v = v[4:] {
		q := quartet(v)
		to := buf[n : n+3 : n+3]
		to[0], to[1], to[2] = byte(q>>16), byte(q>>8), byte(q)
		at := back[n : n+3 : n+3]
		at[0], at[1], at[2] = int32(a), int32(a+1), int32(a+2)
		n, a = n+3, a+4
	}
	if len(v) > 1 {
		last := [4]byte{'A', 'A', 'A', 'A'} // zeros
		copy(last[:], v)
		q := quartet(last[:])
		buf[n], back[n] = byte(q>>16), int32(a)
		if n++; len(v) > 2 {
			buf[n], back[n] = byte(q>>8), int32(a+1)
			n++
		}
	}
	w.buf, w.back = buf[:n], back[:n]
}

// quartet gives the 24 bits that the first four characters of v stand for.
func quartet(v []byte) uint32 {
	_ = v[3]
	return uint32(sextets[v[0]])<<18 | uint32(sextets[v[1]])<<12 | uint32(sextets[v[2]])<<6 | uint32(sextets[v[3]])
}

// What the first characters of something in the alphabet of base64 stand for.
const (
	sayNothing = iota // less than printable text is
	sayBytes          // bytes that are no UTF-8
	sayText           // the beginning of a text
)

// opening tells what the base64 v may be by its first codedMin characters: what is drawn
// at random does not get far, and most of what is hexadecimal is no UTF-8.
func opening(v []byte) int {
	if len(v) < codedMin {
		return sayNothing
	}
	var buf [codedMin / 4 * 3]byte
	high := uint32(0)
	for i, n := 0, 0; i < codedMin; i, n = i+4, n+3 {
		q := quartet(v[i : i+4 : i+4])
		buf[n], buf[n+1], buf[n+2] = byte(q>>16), byte(q>>8), byte(q)
		if unfit[buf[n]] || unfit[buf[n+1]] || unfit[buf[n+2]] {
			return sayNothing
		}
		high |= q & 0x808080
	}
	if high == 0 {
		return sayText
	}
	for i := 0; i < len(buf); {
		r, n := utf8.DecodeRune(buf[i:])
		if r == utf8.RuneError && n == 1 {
			if utf8.FullRune(buf[i:]) {
				return sayBytes
			}
			break
		}
		i += n
	}
	return sayText
}

// unfit are the bytes that no printable text has.
var unfit = func() (t [256]bool) {
	for c := range byte(' ') {
		t[c] = c != '\n' && c != '\t' && c != '\r'
	}
	t[0x7f] = true
	return t
}()

// isGlobalID reports whether v, which was written in base64, is what many interfaces name
// their objects by (GraphQL Global Object Identification; GitHub's node ids): a kind of
// object and the object's number, as in 04:User583231. Of those nothing can be found as
// long as no country was chosen: the digits have a word before them without a space, a
// word with small letters.
func isGlobalID(v []byte) bool {
	i := 0
	for i < len(v) && i < 4 && digit(v[i]) {
		i++
	}
	if i == 0 || i == 4 || i+4 > len(v) || v[i] != ':' || v[i+1]-'A' >= 26 || v[i+2]-'a' >= 26 {
		return false
	}
	word := v[i+1:]
	n := 0
	for n < len(word) && alpha(word[n]) {
		n++
	}
	if n < 4 || n == len(word) || !digits(word[n:]) {
		return false
	}
	// It may be base64 in its turn.
	return len(word) < codedMin || opening(word) != sayText
}

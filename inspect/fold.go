package inspect

import (
	"html"
	"unicode/utf8"

	"github.com/getweir/weir/internal/jsonlex"
)

// folding says which ways of writing are undone.
type folding uint8

const (
	foldJSON    folding = 1 << iota // \u0040
	foldCSV                         // ""
	foldMarkup                      // &#64;
	foldPercent                     // %40
	foldPlus                        // + for a space, but where a number begins
)

// maxPercent is how often percent escapes may be escaped themselves (%2540).
const maxPercent = 3

// fold writes t[lo:hi] to w.buf with its escapes undone, full-width characters as
// their ASCII ones (U+FF01 to U+FF5E, by the Unicode compatibility decomposition),
// digits of other scripts as ASCII's,
// spaces and dashes of other kinds as the plain ones, and characters without width
// left out. w.origin then leads from each byte back to t. The result is valid
// until the next fold.
func (w *walk) fold(t []byte, lo, hi int, how folding) []byte {
	w.buf, w.back = w.buf[:0], w.back[:0]
	for i := lo; i < hi; {
		c := t[i]
		r, n := rune(c), 1
		switch {
		case c == '\\' && how&foldJSON != 0:
			if r, n, _ = jsonlex.Unescape(t[i:hi]); n == 0 {
				r, n = '\\', 1
			}
		case c == '"' && how&foldCSV != 0 && i+1 < hi && t[i+1] == '"':
			n = 2
		case c == '&' && how&foldMarkup != 0:
			r, n = entity(t[i:hi])
		case c == '%' && how&foldPercent != 0:
			r, n = percent(t[i:hi])
			if r >= 0x80 {
				// A byte of a longer sequence.
				if whole, size := sequence(t[i:hi]); size > 0 {
					r, n = whole, size
					break
				}
				w.buf, w.back = append(w.buf, byte(r)), append(w.back, int32(i))
				i += n
				continue
			}
		case c == '+' && how&foldPlus != 0 && !(i == lo && i+1 < hi && digit(t[i+1])):
			r = ' '
		case c >= 0x80:
			if r, n = utf8.DecodeRune(t[i:hi]); r == utf8.RuneError && n == 1 {
				w.buf, w.back = append(w.buf, c), append(w.back, int32(i))
				i++
				continue
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
	w.back = append(w.back, int32(hi))
	w.origin = w.back
	return w.buf
}

// plainer gives the plain form of a character, -1 for one that takes no width.
func plainer(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case 0xff01 <= r && r <= 0xff5e:
		return r - 0xfee0
	case r == 0xad || 0x200b <= r && r <= 0x200f || r == 0x2060 || r == 0xfeff:
		return -1
	case r == 0xa0 || 0x2000 <= r && r <= 0x200a || r == 0x202f || r == 0x3000:
		return ' '
	case 0x2010 <= r && r <= 0x2015 || r == 0x2212:
		return '-'
	}
	if d := plainDigit(r); d >= 0 {
		return d
	}
	return r
}

// percent reads the percent escape (RFC 3986 section 2.1) at the start of t, which
// may be escaped itself a few times.
func percent(t []byte) (r rune, n int) {
	i := 0
	for depth := 0; depth < maxPercent; depth++ {
		if i+2 >= len(t) || !hex(t[i+1]) || !hex(t[i+2]) {
			break
		}
		r = rune(nibble(t[i+1])<<4 | nibble(t[i+2]))
		i += 2
		if r != '%' {
			return r, i + 1
		}
	}
	return '%', i + 1
}

// sequence reads the character of several bytes that the percent escapes at the start
// of t stand for; n is 0 where they stand for none.
func sequence(t []byte) (r rune, n int) {
	var b [utf8.UTFMax]byte
	for k := range b {
		c, size := percent(t[n:])
		if c < 0x80 || n == len(t) {
			return 0, 0
		}
		b[k] = byte(c)
		if n += size; utf8.FullRune(b[:k+1]) {
			if r, size = utf8.DecodeRune(b[:k+1]); r == utf8.RuneError || size != k+1 {
				return 0, 0
			}
			return r, n
		}
		if n >= len(t) || t[n] != '%' {
			return 0, 0
		}
	}
	return 0, 0
}

func nibble(c byte) byte {
	if digit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// entity reads the character reference at the start of t (HTML, section 13.5); of
// the named ones those that can stand in an address, a number or a name.
func entity(t []byte) (r rune, n int) {
	const longest = 10
	end := 1
	for end < len(t) && end < longest && t[end] != ';' {
		end++
	}
	if end == len(t) || t[end] != ';' || end < 3 {
		return '&', 1
	}
	body := t[1:end]
	if body[0] != '#' {
		if r, ok := entities[string(body)]; ok {
			return r, end + 1
		}
		// The rarer ones: all that HTML has for one character.
		if whole := html.UnescapeString(string(t[:end+1])); whole[0] != '&' {
			if r, n := utf8.DecodeRuneInString(whole); n == len(whole) {
				return r, end + 1
			}
		}
		return '&', 1
	}
	body = body[1:]
	base := rune(10)
	if len(body) > 1 && body[0]|0x20 == 'x' {
		base, body = 16, body[1:]
	}
	for _, c := range body {
		if !hex(c) || base == 10 && !digit(c) {
			return '&', 1
		}
		if r = r*base + rune(nibble(c)); r > utf8.MaxRune {
			return utf8.RuneError, end + 1
		}
	}
	return r, end + 1
}

var entities = map[string]rune{
	"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "nbsp": ' ', "commat": '@', "period": '.', "plus": '+', "lpar": '(', "rpar": ')',
	"sol": '/', "dash": '-', "hyphen": '-', "lowbar": '_', "percnt": '%', "colon": ':', "comma": ',', "num": '#', "shy": 0xad, "ZeroWidthSpace": 0x200b,
	"auml": 'ä', "ouml": 'ö', "uuml": 'ü', "Auml": 'Ä', "Ouml": 'Ö', "Uuml": 'Ü', "szlig": 'ß', "eacute": 'é', "egrave": 'è', "aacute": 'á',
	"iacute": 'í', "oacute": 'ó', "uacute": 'ú', "ntilde": 'ñ', "ccedil": 'ç', "oslash": 'ø', "aring": 'å', "aelig": 'æ',
}

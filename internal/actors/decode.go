package actors

import "unicode/utf8"

// A decoder undoes, as bytes go by, the ways in which text is escaped in JSON
// (RFC 8259 section 7), URLs (RFC 3986 section 2.1) and HTML (character
// references). It does not ask which of them it is looking at: whoever looks for
// a stolen value tries them all. Two decoders in a row undo escapes within
// escapes, such as JSON in a JSON string.
type decoder struct {
	held []byte // an escape that has begun and not ended; at most longestEscape
	out  []byte // reused
}

// longestEscape fits the surrogate pairs of JSON and references as &#x0010ffff;
const longestEscape = 12

// references are the named characters that stand in values or between them.
var references = map[string]rune{
	"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "nbsp": ' ', "commat": '@', "period": '.',
	"plus": '+', "lowbar": '_', "hyphen": '-', "dash": '-', "sol": '/', "colon": ':', "comma": ',', "num": '#',
	"lpar": '(', "rpar": ')', "equals": '=', "semi": ';', "Tab": '\t', "NewLine": '\n',
}

// decode gives the bytes of p with escapes undone. What it gives is valid until
// the next call. last says that nothing follows.
func (d *decoder) decode(p []byte, last bool) []byte {
	if len(d.held) > 0 {
		p = append(d.held, p...)
		d.held = nil
	}
	i := plain(p)
	if i == len(p) {
		return p
	}
	out := append(d.out[:0], p[:i]...)
	for i < len(p) {
		if n := plain(p[i:]); n > 0 {
			out = append(out, p[i:i+n]...)
			i += n
			continue
		}
		n, r, raw := unescape(p[i:], last)
		if n == 0 { // more bytes must come
			d.held = append([]byte(nil), p[i:]...)
			break
		}
		if raw {
			out = append(out, byte(r))
		} else {
			out = utf8.AppendRune(out, r)
		}
		i += n
	}
	d.out = out
	return out
}

// plain gives how many bytes come before the first that may begin an escape.
func plain(p []byte) int {
	for i, c := range p {
		if c == '\\' || c == '%' || c == '&' {
			return i
		}
	}
	return len(p)
}

// unescape reads what stands at the beginning of p: how many bytes, and the
// character or, if raw, the byte. What is no escape stands for its first byte.
// n is 0 if it cannot be told yet.
func unescape(p []byte, last bool) (n int, r rune, raw bool) {
	short := !last && len(p) < longestEscape
	itself := func() (int, rune, bool) { return 1, rune(p[0]), true }
	switch p[0] {
	case '%':
		if len(p) < 3 {
			if short {
				return 0, 0, false
			}
			return itself()
		}
		if v, ok := hexes(p[1:3]); ok {
			return 3, v, true
		}
		return itself()
	case '\\':
		if len(p) < 2 {
			if short {
				return 0, 0, false
			}
			return itself()
		}
		switch p[1] {
		case 'n', 'r', 't', 'b', 'f':
			return 2, '\n', true
		case '"', '\\', '/', '\'':
			return 2, rune(p[1]), true
		case 'x':
			if len(p) < 4 && short {
				return 0, 0, false
			}
			if len(p) >= 4 {
				if v, ok := hexes(p[2:4]); ok {
					return 4, v, false
				}
			}
			return itself()
		case 'u':
			if len(p) < 6 {
				if short {
					return 0, 0, false
				}
				return itself()
			}
			v, ok := hexes(p[2:6])
			if !ok {
				return itself()
			}
			if v >= 0xd800 && v < 0xdc00 { // the first half of a pair
				if len(p) < 12 && short {
					return 0, 0, false
				}
				if len(p) >= 12 && p[6] == '\\' && p[7] == 'u' {
					if low, ok := hexes(p[8:12]); ok && low >= 0xdc00 && low < 0xe000 {
						return 12, 0x10000 + (v-0xd800)<<10 + low - 0xdc00, false
					}
				}
			}
			return 6, v, false
		}
		return itself()
	}
	// A character reference: &name; &#64; &#x40;
	end := 1
	for end < len(p) && end < longestEscape && p[end] != ';' {
		if c := p[end]; !isWord(c) && c != '#' {
			return itself()
		}
		end++
	}
	if end == longestEscape || end == len(p) {
		if end == len(p) && short {
			return 0, 0, false
		}
		return itself()
	}
	name := p[1:end]
	if len(name) > 1 && name[0] == '#' {
		var v rune
		ok := true
		if name[1] == 'x' || name[1] == 'X' {
			v, ok = hexes(name[2:])
		} else {
			for _, c := range name[1:] {
				ok = ok && c >= '0' && c <= '9'
				v = min(v*10+rune(c-'0'), utf8.MaxRune+1)
			}
		}
		if ok && v > 0 && v <= utf8.MaxRune {
			return end + 1, v, false
		}
		return itself()
	}
	if v, ok := references[string(name)]; ok {
		return end + 1, v, false
	}
	return itself()
}

func hexes(p []byte) (rune, bool) {
	if len(p) == 0 || len(p) > 6 {
		return 0, false
	}
	var v rune
	for _, c := range p {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 + rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			v = v<<4 + rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	return v, true
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

package jsonlex

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// str gives the end of the string whose opening quote is b[at], and whether it
// has an escape in it; -1 where it does not end, holds a control character or an
// escape that is none (RFC 8259 section 7). Eight bytes are looked at at once;
// the bit tricks for "some byte is below n" and "some byte is n" are those of
// Anderson, Bit Twiddling Hacks: exact for the lowest byte that they mark.
func str(b []byte, at int) (end int, escaped bool) {
	for i := at + 1; ; {
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			q := x ^ '"'*ones
			s := x ^ '\\'*ones
			if ((q-ones)&^q|(s-ones)&^s|(x-0x20*ones)&^x)&highs != 0 {
				break
			}
			i += 8
		}
		for n := min(i+8, len(b)); ; i++ {
			if i == n {
				break
			}
			c := b[i]
			if c == '"' {
				return i + 1, escaped
			}
			if c < 0x20 {
				return -1, escaped
			}
			if c == '\\' {
				escaped = true
				n := escape(b[i:])
				if n == 0 {
					return -1, escaped
				}
				i += n
				break
			}
		}
		if i >= len(b) {
			return -1, escaped
		}
	}
}

// escape gives the length of the escape that b begins with, 0 for none.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if unit(b) >= 0 {
			return 6
		}
	}
	return 0
}

// unit gives the UTF-16 code unit of the \uXXXX that b begins with, -1 for none.
func unit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case digit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// Unescape gives the character that inner begins with and how many bytes of
// inner it takes. A byte that is not an escape stands for itself; a surrogate
// without its other half is U+FFFD, as RFC 8259 section 8.2 leaves open and
// encoding/json does. n is 0 for an escape that is none. plain is true where r
// is the byte itself, which may be a part of a UTF-8 sequence.
func Unescape(inner []byte) (r rune, n int, plain bool) {
	if inner[0] != '\\' {
		return rune(inner[0]), 1, true
	}
	n = escape(inner)
	if n == 0 {
		return 0, 0, false
	}
	switch inner[1] {
	case 'b':
		return '\b', n, false
	case 'f':
		return '\f', n, false
	case 'n':
		return '\n', n, false
	case 'r':
		return '\r', n, false
	case 't':
		return '\t', n, false
	case 'u':
		r = unit(inner)
		if utf16.IsSurrogate(r) {
			if full := utf16.DecodeRune(r, unit(inner[6:])); full != utf8.RuneError {
				return full, 12, false
			}
			return utf8.RuneError, n, false
		}
		return r, n, false
	}
	return rune(inner[1]), n, false
}

// Append appends to dst what inner, the bytes between the quotes of a string,
// stands for. It allocates only where dst has no room.
func Append(dst, inner []byte) ([]byte, error) {
	for i := 0; i < len(inner); {
		r, n, plain := Unescape(inner[i:])
		if n == 0 {
			return dst, ErrSyntax
		}
		if plain {
			dst = append(dst, byte(r))
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		i += n
	}
	return dst, nil
}

// Equal reports whether inner, the bytes between the quotes of a string, stands
// for s.
func Equal(inner []byte, s string) bool {
	if string(inner) == s {
		return true
	}
	at := 0
	for i := 0; i < len(inner); {
		r, n, plain := Unescape(inner[i:])
		if n == 0 {
			return false
		}
		var buf [utf8.UTFMax]byte
		c := buf[:1]
		if plain {
			buf[0] = byte(r)
		} else {
			c = buf[:utf8.EncodeRune(buf[:], r)]
		}
		if len(s)-at < len(c) || s[at:at+len(c)] != string(c) {
			return false
		}
		at += len(c)
		i += n
	}
	return at == len(s)
}

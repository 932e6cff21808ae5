package inspect

import (
	"bytes"
	"hash/crc32"
	"strings"

	"github.com/getweir/weir"
)

// kinds is a set of kinds of bytes.
type kinds uint16

const (
	kDigit kinds = 1 << iota
	kLower
	kUpper
	kHexLow // 0-9 a-f
	kHexUp  // 0-9 A-F
	kDash
	kUnder
	kDot
	kPlus // + and /
	kEqual
	kOther // signs that some keys have

	kAlnum  = kDigit | kLower | kUpper
	kURL    = kAlnum | kDash | kUnder // base64url, RFC 4648 section 5
	kBase64 = kAlnum | kPlus | kEqual // RFC 4648 section 4
	kHex    = kHexLow | kHexUp
	kToken  = kURL | kDot | kPlus | kEqual
)

// kindsOf gives the kinds of each byte.
var kindsOf = func() (t [256]kinds) {
	for c := range t {
		b := byte(c)
		switch {
		case digit(b):
			t[c] = kDigit | kHexLow | kHexUp
		case 'a' <= b && b <= 'f':
			t[c] = kLower | kHexLow
		case 'A' <= b && b <= 'F':
			t[c] = kUpper | kHexUp
		case 'g' <= b && b <= 'z':
			t[c] = kLower
		case 'G' <= b && b <= 'Z':
			t[c] = kUpper
		case b == '-':
			t[c] = kDash
		case b == '_':
			t[c] = kUnder
		case b == '.':
			t[c] = kDot
		case b == '+' || b == '/':
			t[c] = kPlus
		case b == '=':
			t[c] = kEqual
		case b == '$' || b == '*' || b == '!' || b == '#' || b == '%' || b == '^' || b == '(' || b == ')' || b == '}' || b == '{' || b == '~' || b == '@':
			t[c] = kOther
		}
	}
	return t
}()

// while gives the end of the bytes of t[i:hi] that are of the kinds, at most most
// of them.
func (k kinds) while(t []byte, i, hi, most int) int {
	for end := min(hi, i+most); i < end && kindsOf[t[i]]&k != 0; {
		i++
	}
	return i
}

// A family is a kind of credential that shows by how it begins.
type family struct {
	class    weir.Class
	prefix   string
	kinds    kinds // of what follows
	min, max int   // how many bytes of that there are
	// check says whether what follows the prefix is written as it must be, and
	// whether a checksum says so. nil: it only has to look drawn at random.
	check func(prefix string, v []byte) (ok, checked bool)
	about string
	// source is the vendor's own page about it.
	source string
}

// drawn are the confidences of what looks drawn at random behind its prefix, and of
// what fails its checksum.
const (
	drawn   = weir.SureMatch
	spoiled = weir.Unsure
)

// family looks for a credential that begins at t[p] with a prefix of its kind, and
// gives its end; 0 for none.
func (w *walk) family(t []byte, lo, hi, p int) int {
	first := byInitial[t[p]]
	for i := int(first.lo); i < int(first.hi); i++ {
		f := &families[i]
		b := f.match(t, lo, hi, p)
		if b == 0 {
			continue
		}
		v := t[p+len(f.prefix) : b]
		c, checked := drawn, false
		switch {
		case placeholder(v):
			continue
		case f.check != nil:
			var ok bool
			if ok, checked = f.check(f.prefix, v); !ok && !checked {
				continue
			} else if !ok {
				c, checked = spoiled, false
			}
		case !random(v):
			continue
		}
		if f.class == PaymentToken {
			c = weir.LikelyMatch
		}
		w.emit(f.class, p, b, c, checked, detector(f.class))
		return b
	}
	return 0
}

// match gives the end of what begins at t[p] and has the form of the family; 0 if
// it has another.
func (f *family) match(t []byte, lo, hi, p int) int {
	a := p + len(f.prefix)
	if hi-p < len(f.prefix)+f.min || string(t[p:a]) != f.prefix || p > lo && !opens(f.prefix, t[p-1]) {
		return 0
	}
	b := f.kinds.while(t, a, hi, f.max+1)
	for b > a && (t[b-1] == '.' || t[b-1] == '-') && f.kinds&kURL != kURL { // the end of a sentence
		b--
	}
	if b-a < f.min || b-a > f.max || b < hi && wordByte(t[b]) {
		return 0
	}
	return b
}

// opens reports whether a token that begins with prefix may stand after c.
func opens(prefix string, c byte) bool {
	if wordByte(c) || c == '*' {
		return false
	}
	last := prefix[len(prefix)-1]
	return last != '-' && last != '.' || c != '-' && c != '.'
}

// detector gives the name of what finds a class by its form: the word after the
// dot.
func detector(c weir.Class) string { return string(c[strings.IndexByte(string(c), '.')+1:]) }

// crcBase62 checks the last six characters of a token: the CRC-32 (IEEE 802.3) of
// those before them, in base 62 (GitHub Engineering, "Behind GitHub's new
// authentication token formats").
func crcBase62(_ string, v []byte) (ok, checked bool) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body, sum := v[:len(v)-6], v[len(v)-6:]
	n := crc32.ChecksumIEEE(body)
	for i := 5; i >= 0; i-- {
		if sum[i] != alphabet[n%62] {
			return false, true
		}
		n /= 62
	}
	return true, true
}

// parts checks that v has parts of the given lengths with sep between them.
func parts(v []byte, sep byte, lengths ...int) bool {
	for i, n := range lengths {
		if i > 0 {
			if len(v) == 0 || v[0] != sep {
				return false
			}
			v = v[1:]
		}
		k := bytes.IndexByte(v, sep)
		if k < 0 {
			k = len(v)
		}
		if k != n {
			return false
		}
		v = v[k:]
	}
	return len(v) == 0
}

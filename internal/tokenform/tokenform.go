// Package tokenform is what tokens look like: the texts that stand for values.
//
// Three forms can be told without a key, by a check within them: a plain one
// (wt_ and 28 letters and digits), one that passes for an e-mail address, in the
// domain token.invalid (which RFC 6761, section 6.4, keeps from ever being
// registered), and one that passes for a telephone number, under the country
// code 999 (which ITU-T E.164 has assigned to nobody). A fourth, of digits, passes
// for a card number and is told from one by its check digit only: it has the
// wrong one (ISO/IEC 7812-1, annex B).
//
// It guarantees that Is knows every text that Plain, Email and Phone give, that
// none of them is anybody's address or number, and that no text of Card is a card
// number.
//
// It does not know what a token stands for, nor whether there is such a token.
package tokenform

import (
	"bytes"
	"encoding/base32"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

var letters = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

const (
	prefix   = "wt_"
	bodySize = 26 // letters for 16 bytes
	sumSize  = 2
	domain   = "@token.invalid"
	country  = "+999"
	national = 12 // digits behind the code: 10 and 2 of check
)

// sum gives two letters that make a slip, or a text that only looks so, show.
func sum(body string) string {
	h := fnv.New32a()
	h.Write([]byte("weir token " + body))
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	n := h.Sum32()
	return string([]byte{alphabet[n>>5&31], alphabet[n>>15&31]})
}

// Plain gives the plain form of 16 bytes.
func Plain(id [16]byte) string {
	body := letters.EncodeToString(id[:])
	return prefix + body + sum(body)
}

// ParsePlain reads what Plain writes.
func ParsePlain(s string) (id [16]byte, ok bool) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || !core(rest) {
		return id, false
	}
	n, err := letters.Decode(id[:], []byte(rest[:bodySize]))
	return id, err == nil && n == len(id) && letters.EncodeToString(id[:]) == rest[:bodySize]
}

// core tells whether s is a body and its sum.
func core(s string) bool {
	return len(s) == bodySize+sumSize && sum(s[:bodySize]) == s[bodySize:]
}

// Email gives the form of an e-mail address.
func Email(id [16]byte) string { return "wt-" + Plain(id)[len(prefix):] + domain }

// Phone gives the form of a telephone number, of which there are 10^10.
func Phone(n uint64) string {
	n %= 1e10
	return fmt.Sprintf("%s%010d%02d", country, n, 98-(n*100)%97)
}

// Card gives the form of a card number of n digits, at least 12: first and last
// are kept as they are, and what is between is filled from digits of fill. A text
// that would have the right check digit has its middle changed.
func Card(n int, first, last string, fill uint64) string {
	between := n - len(first) - len(last)
	text := strconv.FormatUint(fill, 10)
	if len(text) < between {
		text = strings.Repeat("0", between-len(text)) + text
	}
	b := []byte(first + text[len(text)-between:] + last)
	if luhn(b) {
		at := len(first) // one digit that differs makes the sum wrong
		b[at] = '0' + (b[at]-'0'+1)%10
	}
	return string(b)
}

func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// Longest is the length of the longest text that Is knows.
const Longest = len("wt-") + bodySize + sumSize + len(domain)

// Is tells whether s is a token in one of the three forms that show it.
func Is(s []byte) bool {
	switch {
	case len(s) == len(prefix)+bodySize+sumSize && string(s[:len(prefix)]) == prefix:
		return core(string(s[len(prefix):]))
	case len(s) == Longest && string(s[:3]) == "wt-" && string(s[len(s)-len(domain):]) == domain:
		return core(string(s[3 : len(s)-len(domain)]))
	case len(s) == len(country)+national && string(s[:len(country)]) == country:
		n := uint64(0)
		for _, c := range s[len(country):] {
			if c < '0' || c > '9' {
				return false
			}
			n = n*10 + uint64(c-'0')
		}
		return n%100 == 98-(n/100*100)%97
	}
	return false
}

// Covers tells whether the bytes from start to end lie within a token of text.
func Covers(text []byte, start, end int) bool {
	for start < end && !part(text[start]) { // quotes and the like
		start++
	}
	lo := start
	for lo > 0 && start-lo < Longest && part(text[lo-1]) {
		lo--
	}
	// Nearly everything ends here.
	if rest := text[lo:]; len(rest) < len(country)+national || rest[0] != 'w' && rest[0] != '+' || rest[1] != 't' && rest[1] != '9' {
		return false
	}
	for end > start && !part(text[end-1]) {
		end--
	}
	hi := end
	for hi < len(text) && hi-end < Longest && part(text[hi]) {
		hi++
	}
	return hi-lo <= Longest+1 && Is(bytes.TrimRight(text[lo:hi], "."))
}

func part(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '@' || c == '.' || c == '+'
}

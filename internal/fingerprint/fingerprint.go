// Package fingerprint tells whether a name, an address or an identifier is one of
// the company's own customers', and whose, without holding any of them.
//
// A Builder takes the customers' values, column by column, brings each into a
// canonical form, and keeps of it a keyed hash of 64 bits and the number of the row
// it came from. An Index is what it wrote: for each column a filter that answers
// most questions from memory, a sorted list that leads to rows, the rows'
// pseudonyms, and a map of the first two words of whatever can stand in running
// text, so that a text is searched by looking where a word begins with a capital. A
// Set is some Indexes, of which the later ones hold who came since, less the
// customers who were erased; Live holds the one in force and swaps it whole.
//
// It guarantees that a file holds no value and, without the key, answers nothing:
// each part of it is made of hashes under the key; that a file which was damaged,
// or made with another key, is refused; and that who is in a Set's Gone is never
// named. Lookups may be made from any goroutine.
//
// Two values with one hash are taken for the same: with 64 bits that is one chance
// in 10^11 for a lookup among a hundred million. It finds no name that is written
// without capitals (short words apart, such as "de"), misspelt, or cut by other words,
// and no name of one word.
package fingerprint

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"unicode"
	"unicode/utf8"

	"github.com/dchest/siphash"
	"golang.org/x/text/unicode/norm"

	"github.com/getweir/weir"
)

// What callers compare.
var (
	// ErrKey: the file was made with another key.
	ErrKey = errors.New("fingerprints of another key")
	// ErrFile: it is no file of fingerprints, or damaged.
	ErrFile = errors.New("not a file of fingerprints, or a damaged one")
)

// A Key is the secret that values are hashed with. Who has it and a file can try
// values; who has the file alone cannot.
type Key [32]byte

// ID tells keys apart without telling anything of them.
func (k Key) ID() string { return hex.EncodeToString(k.derive("key id", 8)) }

// Subject gives the pseudonym of the customer that has a number of its own in some
// list: for those who have no vault that gives them one.
func (k Key) Subject(id string) weir.Subject {
	m := hmac.New(sha256.New, k.derive("subjects", 32))
	m.Write([]byte(id))
	return weir.Subject(m.Sum(nil)[:len(weir.Subject{})])
}

// derive gives n bytes for one use (HKDF, RFC 5869, with SHA-256).
func (k Key) derive(use string, n int) []byte {
	out, err := hkdf.Key(sha256.New, k[:], nil, "weir fingerprints: "+use, n)
	if err != nil {
		panic(err) // a length that HKDF cannot give
	}
	return out
}

// A hasher hashes canonical values: SipHash-2-4 (Aumasson and Bernstein, 2012), a
// keyed hash of short texts.
type hasher struct{ a, b uint64 }

func (k Key) hasher() hasher {
	s := k.derive("values", 16)
	return hasher{binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])}
}

func (h hasher) sum(v []byte) uint64 { return siphash.Hash(h.a, h.b, v) }

// Kind says what the values of a column are like.
type Kind uint8

const (
	// Code: identifiers, of which case, spaces and signs mean nothing: found where a
	// detector finds one.
	Code Kind = iota
	// Name: a person's, found in running text, first name first or last name first.
	Name
	// Street: a street with its number, found in running text, the number before or
	// after it.
	Street
	kinds
)

var kindNames = [kinds]string{"code", "name", "street"}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "unknown"
}

// most is how many words of a text are taken together.
const most = 6

// letter reports whether an ASCII byte belongs to a word.
func letter(c byte) bool { return c|0x20-'a' < 26 || c-'0' < 10 }

// word reads the word at t[i:], in canonical form, behind dst: letters without case
// and marks, and digits. end is where it ends; i: none begins there.
func word(dst, t []byte, i int) (out []byte, end int) {
	out = dst
	for j := i; j < len(t); {
		c := t[j]
		switch {
		case c < utf8.RuneSelf && letter(c):
			if c-'A' < 26 {
				c |= 0x20
			}
			out = append(out, c)
			j++
			end = j
			continue
		case c == '\'' && j > i && j+1 < len(t) && (letter(t[j+1]) || t[j+1] >= utf8.RuneSelf):
			j++ // O'Neil is one word
			continue
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(t[j:])
			if r == '’' && j > i {
				j += n
				continue
			}
			if !wordRune(r) {
				return out, max(end, i)
			}
			out = plain(out, r)
			j += n
			end = j
			continue
		}
		break
	}
	return out, max(end, i)
}

// plain writes a letter of any script without its case and marks. Letters that have
// no plain one by decomposition have the ones that people write in their place.
func plain(dst []byte, r rune) []byte {
	switch r = unicode.ToLower(r); r {
	case 'ß':
		return append(dst, "ss"...)
	case 'ø':
		return append(dst, 'o')
	case 'æ':
		return append(dst, "ae"...)
	case 'œ':
		return append(dst, "oe"...)
	case 'ł':
		return append(dst, 'l')
	case 'đ', 'ð':
		return append(dst, 'd')
	case 'þ':
		return append(dst, "th"...)
	case 'ı':
		return append(dst, 'i')
	}
	if unicode.IsMark(r) {
		return dst
	}
	var buf [utf8.UTFMax]byte
	d := norm.NFKD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition()
	if d == nil {
		return utf8.AppendRune(dst, r)
	}
	for _, r := range string(d) {
		if !unicode.IsMark(r) {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
	}
	return dst
}

// words gives the words of a value in canonical form.
func words(v []byte) (all [][]byte) {
	for i := 0; i < len(v); {
		w, end := word(nil, v, i)
		if end == i {
			_, n := utf8.DecodeRune(v[i:])
			i += n
			continue
		}
		all = append(all, w)
		i = end
	}
	return all
}

// AppendCode appends the canonical form of an identifier: its letters and digits,
// without case, and the signs of addresses that tell one from another.
func AppendCode(dst, v []byte) []byte {
	for len(v) > 0 {
		c := v[0]
		switch {
		case c < utf8.RuneSelf && letter(c) || c == '@' || c == '.' || c == '+':
			if c-'A' < 26 {
				c |= 0x20
			}
			dst, v = append(dst, c), v[1:]
		case c < utf8.RuneSelf:
			v = v[1:]
		default:
			r, n := utf8.DecodeRune(v)
			dst, v = plain(dst, r), v[n:]
		}
	}
	return dst
}

// number reports whether a canonical word is a house's number: 12, 12a.
func number(w []byte) bool { return len(w) > 0 && w[0]-'0' < 10 }

// wordRune reports whether a character of any script belongs to a word.
func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

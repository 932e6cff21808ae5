// Package mask makes a segment fit to leave: it writes it again with personal
// values replaced by blanks.
//
// A blank has the shape of what it stands for: each letter and digit becomes a
// "*", what separates them stays, so that programs and people still see an e-mail
// address where one was. A card keeps its last four digits, a phone number its
// country code and last two, an IBAN its country, but where another number may stand
// right behind. A bare JSON number becomes 0. A
// whole JSON array or object keeps its keys and its structure: its strings become
// "*", its numbers 0, its booleans null.
//
// It guarantees that what it writes is still written in the segment's syntax (JSON
// stays JSON, with no key made equal to another; a CSV field stays one field), that
// the bytes between findings are the original ones, and that a blank is nobody's:
// it passes no checksum and is not found again by package inspect.
//
// It does not decide what is masked, and a blank cannot be turned back. What is
// masked still tells that a value was there, and about how long it was.
package mask

import (
	"bytes"
	"unicode/utf8"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/jsonlex"
)

// Append writes the body of seg to dst with each finding of fs blanked, unless its
// action is Allow: acts[i] belongs to fs[i], and what has no action is blanked. fs
// must be as package inspect gives it: in order, nested or apart. A finding within
// a blanked one is covered by it; one within an allowed one is not covered by that.
func Append(dst []byte, seg *weir.Segment, fs []weir.Finding, acts []weir.Action) []byte {
	p := pen{body: seg.Body, json: seg.Syntax == weir.JSON}
	return p.stretch(dst, 0, len(seg.Body), fs, acts)
}

// A pen writes one segment.
type pen struct {
	body []byte
	json bool
	keys int // keys of objects blanked so far
}

// stretch writes body[a:b] with the findings in it blanked.
func (p *pen) stretch(dst []byte, a, b int, fs []weir.Finding, acts []weir.Action) []byte {
	for i := 0; i < len(fs); i++ {
		f := fs[i]
		if f.End > b || f.Start < 0 || f.End <= a || f.Start >= f.End || i < len(acts) && acts[i] == weir.Allow {
			continue
		}
		start := max(f.Start, a)
		dst = append(dst, p.body[a:start]...)
		// Those within, or as long: where one of another class must go too, nothing
		// of the value is kept.
		j, keep := i+1, kept(f.Class)
		for ; j < len(fs) && fs[j].Start < f.End; j++ {
			if fs[j].Class != f.Class && (j >= len(acts) || acts[j] != weir.Allow) {
				keep = nothing
			}
		}
		if start > f.Start || p.crowded(f.End) {
			keep = nothing
		}
		dst = p.blank(dst, f.Form, keep, start, f.End, fs[i+1:j], acts[min(i+1, len(acts)):min(j, len(acts))])
		a = f.End
	}
	return append(dst, p.body[a:b]...)
}

// crowded reports whether a number may stand right behind a value that ends at
// body[i]: with it, what is kept of the value could be read as one.
func (p *pen) crowded(i int) bool {
	const gap = 3
	for _, c := range p.body[i:min(len(p.body), i+gap)] {
		switch {
		case digit(c) || c >= utf8.RuneSelf || c == '\\' || c == '%' || c == '&':
			return true
		case alpha(c) || c == '"' || c == '<':
			return false
		}
	}
	return false
}

// keeping says what of a value stays.
type keeping uint8

const (
	nothing  keeping = iota
	lastFour         // digits
	phoneEnds
	country // the first two letters
)

func kept(c weir.Class) keeping {
	switch c {
	case "payment.card":
		return lastFour
	case "contact.phone":
		return phoneEnds
	case "payment.iban":
		return country
	}
	return nothing
}

// blank writes the blank of body[a:b].
func (p *pen) blank(dst []byte, form weir.Form, keep keeping, a, b int, inner []weir.Finding, acts []weir.Action) []byte {
	switch form {
	case weir.FormTree:
		return p.tree(dst, a, b, inner, acts)
	case weir.FormScalar:
		return append(dst, '0')
	}
	dst = shape(dst, p.body[a:b], form, keep)
	if form == weir.FormString && isKey(p.body, b) {
		dst = distinct(dst, p.keys)
		p.keys++
	}
	return dst
}

// tree writes the blank of the JSON array or object body[a:b].
func (p *pen) tree(dst []byte, a, b int, inner []weir.Finding, acts []weir.Action) []byte {
	var l jsonlex.Lexer
	body := p.body[a:b]
	l.Reset(body)
	from, begin := 0, len(dst)
	for {
		t, err := l.Next()
		if err != nil {
			// Not JSON, whatever the finding says: nothing of it leaves.
			return append(dst[:begin], "null"...)
		}
		if t.Kind == jsonlex.End {
			return append(dst, body[from:]...)
		}
		dst = append(dst, body[from:t.Start]...)
		from = t.End
		switch t.Kind {
		case jsonlex.Key:
			// The names of keys stay, but not a person's data in them.
			for len(inner) > 0 && inner[0].End <= a+t.Start {
				inner, acts = inner[1:], acts[min(1, len(acts)):]
			}
			n := 0
			for n < len(inner) && inner[n].Start < a+t.End {
				n++
			}
			dst = p.stretch(dst, a+t.Start, a+t.End, inner[:n], acts[:min(n, len(acts))])
		case jsonlex.String:
			dst = append(dst, `"*"`...)
		case jsonlex.Number:
			dst = append(dst, '0')
		case jsonlex.True, jsonlex.False, jsonlex.Null:
			dst = append(dst, "null"...)
		default:
			dst = append(dst, body[t.Start:t.End]...)
		}
	}
}

// shape writes v with "*" for each of its letters and digits but those kept. What
// is written in an escape stays only where it is a separator of the syntax's own;
// what is not ASCII never does.
func shape(dst, v []byte, form weir.Form, keep keeping) []byte {
	digits, code := 0, 0
	if keep != nothing {
		digits = count(v, form)
	}
	if keep == phoneEnds {
		code = callingCode(v)
	}
	seen, letters := 0, 0
	for i := 0; i < len(v); {
		c, n := unit(v[i:], form)
		stays := false
		switch {
		case c == 0:
		case digit(c):
			seen++
			stays = n == 1 && (keep == lastFour && seen > digits-4 && digits >= 12 || keep == phoneEnds && (seen <= code || seen > digits-2) && digits >= 7)
		case alpha(c):
			letters++
			stays = n == 1 && keep == country && letters <= 2 && seen == 0
		default:
			stays = true
		}
		if stays {
			dst = append(dst, v[i:i+n]...)
		} else {
			dst = append(dst, '*')
		}
		i += n
	}
	return dst
}

func digit(c byte) bool { return c-'0' < 10 }
func alpha(c byte) bool { return c|0x20-'a' < 26 }

// unit gives the character that v begins with and how many bytes it takes; 0 for
// one that cannot stay.
func unit(v []byte, form weir.Form) (c byte, n int) {
	switch {
	case v[0] >= utf8.RuneSelf:
		_, n = utf8.DecodeRune(v)
		return 0, n
	case v[0] == '\\' && form == weir.FormString:
		r, n, _ := jsonlex.Unescape(v)
		if n == 0 {
			return 0, 1
		}
		if n > 2 || r >= utf8.RuneSelf {
			return 0, n
		}
		return byte(r), n
	case v[0] == '"' && form == weir.FormField && len(v) > 1 && v[1] == '"':
		return '"', 2
	case v[0] == '&' && form == weir.FormMarkup:
		// A character reference, as long as they get.
		if end := bytes.IndexByte(v[:min(len(v), 34)], ';'); end > 1 {
			return 0, end + 1
		}
	}
	return v[0], 1
}

// count gives how many digits v has, however they are written.
func count(v []byte, form weir.Form) (digits int) {
	for i := 0; i < len(v); {
		c, n := unit(v[i:], form)
		if digit(c) {
			digits++
		}
		i += n
	}
	return digits
}

// callingCode gives how many digits of a number that begins with + are its country
// calling code (ITU-T E.164, list of assigned codes).
func callingCode(v []byte) int {
	if len(v) < 4 || v[0] != '+' {
		return 0
	}
	const two = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
	switch {
	case !digit(v[1]) || !digit(v[2]):
		return 1
	case v[1] == '1' || v[1] == '7':
		return 1
	case bytes.Contains([]byte(two), v[1:3]):
		return 2
	}
	return 3
}

// isKey reports whether the string that body[i] is in, or ends at, is a key. What
// is longer than keys are is none.
func isKey(body []byte, i int) bool {
	const longest = 512
	body = body[:min(len(body), i+longest)]
	for i < len(body) && body[i] != '"' {
		if body[i] == '\\' {
			i++
		}
		i++
	}
	for i++; i < len(body); i++ {
		switch body[i] {
		case ' ', '\t', '\n', '\r':
			continue
		}
		return body[i] == ':'
	}
	return false
}

// distinct appends the number n in two signs that blanks are made of, so that the
// blanked keys of one object stay different: a pair for each binary digit, the
// second of which says whether there are more pairs to its left. Read from the
// right it is n and nothing else, whatever stands before.
func distinct(dst []byte, n int) []byte {
	sign := func(b bool) byte {
		if b {
			return '*'
		}
		return '-'
	}
	for first := true; first || n > 0; n >>= 1 {
		dst = append(dst, sign(n&1 == 1), sign(first))
		first = false
	}
	return dst
}

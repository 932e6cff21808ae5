package labelled

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/getweir/weir"
)

// The forms that hide a value from who reads the bytes as they stand.
const (
	jsonHidden    = "json escapes"
	percentHidden = "percent"
	twiceHidden   = "percent twice"
	entityHidden  = "entities"
	wideHidden    = "full width"
	scriptHidden  = "other digits"
	zeroHidden    = "zero width"
	base64Hidden  = "base64"
	base64uHidden = "base64url"
	utf16Hidden   = "utf-16"
)

// hiding draws the form that the body's values may be hidden in.
func (m *maker) hiding(f Format) string {
	if !m.chance(0.25) {
		return ""
	}
	any := []string{wideHidden, zeroHidden, scriptHidden}
	switch f {
	case JSON, NDJSON:
		return pick(m, append(any, jsonHidden, jsonHidden, jsonHidden, base64Hidden, base64uHidden))
	case HTML:
		return pick(m, append(any, entityHidden, entityHidden, entityHidden))
	case Form, Query:
		return pick(m, []string{percentHidden, twiceHidden})
	case Header:
		return pick(m, []string{percentHidden, base64Hidden, base64uHidden})
	case Log:
		return pick(m, append(any, percentHidden, base64Hidden, utf16Hidden))
	case Prose:
		return pick(m, append(any, utf16Hidden))
	}
	return pick(m, any)
}

// numeral reports whether a class is told by its digits or its shape, so that it
// can be looked for where it is hidden.
func numeral(c weir.Class) bool {
	switch c {
	case "contact.email", "contact.phone", "payment.card", "payment.iban", "device.imei":
		return true
	}
	return strings.HasPrefix(string(c), "identity.") && c != "identity.passport"
}

// bySight reports whether a class needs no key: what is in base64 has none.
func bySight(r run) bool {
	switch r.class {
	case "contact.email", "payment.card", "payment.iban":
		return true
	case "contact.phone":
		return r.text[0] == '+'
	}
	return false
}

// disguise writes the digits and signs of a value in characters that look like
// them or are not seen.
func (m *maker) disguise(s, how string) string {
	zeros := []rune{0x0660, 0x06f0, 0x0966} // Arabic-Indic, Persian, Devanagari
	zero := pick(m, zeros)
	var b strings.Builder
	seen := 0
	for i, r := range s {
		switch {
		case how == wideHidden && ('0' <= r && r <= '9' || r == '@' || r == '+'):
			r += 0xfee0
		case how == scriptHidden && '0' <= r && r <= '9':
			r += zero - '0'
		case how == zeroHidden && i > 0 && (seen == 0 && i >= len(s)/3 || m.chance(0.15)):
			b.WriteRune(pick(m, []rune{0x200b, 0x200c, 0x200d, 0x2060}))
			seen++
		}
		b.WriteRune(r)
	}
	return b.String()
}

// An escape writes one character of a value.
type escape func(b []byte, r rune) []byte

func verbatim(b []byte, r rune) []byte { return append(b, string(r)...) }

func escapeJSON(b []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r < 0x20:
		return fmt.Appendf(b, `\u%04x`, r)
	}
	return append(b, string(r)...)
}

func allJSON(b []byte, r rune) []byte {
	if r > 0xffff {
		hi, lo := utf16.EncodeRune(r)
		return fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

func escapeCSV(b []byte, r rune) []byte {
	if r == '"' {
		return append(b, `""`...)
	}
	return append(b, string(r)...)
}

func escapeHTML(b []byte, r rune) []byte {
	switch r {
	case '&':
		return append(b, "&amp;"...)
	case '<':
		return append(b, "&lt;"...)
	case '"':
		return append(b, "&quot;"...)
	}
	return append(b, string(r)...)
}

func allHTML(b []byte, r rune) []byte {
	if r == '@' && len(b)%3 == 0 {
		return append(b, "&commat;"...)
	}
	if len(b)%2 == 0 {
		return fmt.Appendf(b, "&#%d;", r)
	}
	return fmt.Appendf(b, "&#x%x;", r)
}

// unreserved are the characters that need no escape in a query (RFC 3986 section
// 2.3).
func unreserved(r rune) bool {
	return 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_' || r == '~'
}

func escapeQuery(b []byte, r rune) []byte {
	switch {
	case unreserved(r):
		return append(b, byte(r))
	case r == ' ':
		return append(b, '+')
	}
	return allPercent(b, r)
}

// escapeCookie writes a space as an escape, as the functions for cookies do.
func escapeCookie(b []byte, r rune) []byte {
	if r == ' ' {
		return append(b, "%20"...)
	}
	return escapeQuery(b, r)
}

func allPercent(b []byte, r rune) []byte {
	for _, c := range []byte(string(r)) {
		b = fmt.Appendf(b, "%%%02X", c)
	}
	return b
}

func twicePercent(b []byte, r rune) []byte {
	if unreserved(r) {
		return append(b, byte(r))
	}
	for _, c := range []byte(string(r)) {
		b = fmt.Appendf(b, "%%25%02x", c)
	}
	return b
}

// mixed writes some characters of a value by all, and the others by some: the first
// sign or, where there is none, a digit in the middle is always among those.
func (m *maker) mixed(s string, all, some escape) escape {
	i, must := 0, strings.IndexAny(s, "@+")
	if must < 0 {
		must = len(s) / 2
	}
	p := pick(m, []float64{0, 0.2, 1})
	return func(b []byte, r rune) []byte {
		at := i
		i += len(string(r))
		if at <= must && must < i || m.chance(p) {
			return all(b, r)
		}
		return some(b, r)
	}
}

// coded gives base64 (RFC 4648) of a value among others.
func (m *maker) coded(s, how string) string {
	var inner string
	switch m.IntN(3) {
	case 0:
		inner = `{"sub":"` + m.digits(6) + `","v":"` + s + `","iat":` + m.epoch() + `}`
	case 1:
		inner = "v=" + s + "&exp=" + m.epoch() + "&f=" + m.hexes(8)
	default:
		inner = s + "|" + m.epoch() + "|" + m.hexes(12)
	}
	if how == base64uHidden {
		return base64.RawURLEncoding.EncodeToString([]byte(inner))
	}
	return base64.StdEncoding.EncodeToString([]byte(inner))
}

// widen writes the whole body in UTF-16 behind a byte order mark.
func (w *writer) widen() {
	b := w.body
	at := make([]int, len(b.Bytes)+1)
	big := w.chance(0.5)
	out := []byte{0xff, 0xfe}
	if big {
		out = []byte{0xfe, 0xff}
	}
	for i, r := range string(b.Bytes) {
		at[i] = len(out)
		for _, u := range utf16.Encode([]rune{r}) {
			if big {
				out = append(out, byte(u>>8), byte(u))
			} else {
				out = append(out, byte(u), byte(u>>8))
			}
		}
	}
	at[len(b.Bytes)] = len(out)
	for i := range b.Labels {
		l := &b.Labels[i]
		l.Start, l.End, l.Hidden = at[l.Start], at[l.End], utf16Hidden
	}
	for i := range b.Decoys {
		d := &b.Decoys[i]
		d.Start, d.End = at[d.Start], at[d.End]
	}
	b.Bytes, b.wide = out, true
}

package inspect

import (
	"bytes"

	"github.com/getweir/weir"
)

// Identifier gives the canonical identifier that a finding of seg holds: "email" in
// lower case, "phone" in digits (with + where the country is known), "card" in
// digits, "iban" in capitals without spaces. The same address, number or card gives
// the same identifier however it is written. ok is false for classes that point at
// nobody by themselves.
func (in *Inspector) Identifier(seg *weir.Segment, f weir.Finding) (id weir.Identifier, ok bool) {
	if f.Start < 0 || f.End > len(seg.Body) || f.Start >= f.End {
		return id, false
	}
	switch f.Class {
	case Email, Phone, Card, IBAN:
	default:
		return id, false
	}
	w := in.walks.Get().(*walk)
	defer in.walks.Put(w)
	w.form = f.Form
	raw := seg.Body[f.Start:f.End]
	how := w.syntax()
	if f.Class != Email || bytes.IndexByte(raw, '@') < 0 {
		how |= foldPercent
	}
	v := w.fold(seg.Body, f.Start, f.End, how)
	w.origin = nil
	if little, wide := wideOrder(seg.Body); wide && seg.Syntax == weir.Text {
		w.units(seg.Body[f.Start:f.End], little)
		v = w.buf
	}
	out := make([]byte, 0, len(v))
	kind := ""
	switch f.Class {
	case Email:
		kind = "email"
		out = bytes.ToLower(v)
	case Phone:
		kind = "phone"
		out = phoneDigits(out, v)
	case Card:
		kind = "card"
		for _, c := range v {
			if digit(c) {
				out = append(out, c)
			}
		}
	case IBAN:
		kind = "iban"
		for _, c := range v {
			if alnum(c) {
				out = append(out, upper(c))
			}
		}
	}
	if f.Class == Email && bytes.IndexByte(out, '@') < 0 && bytes.IndexByte(raw, '=') > 0 {
		w.unquote(raw)
		out = bytes.ToLower(w.buf)
	}
	if !w.points(f.Class, out) {
		// The whole of what it is hidden in: what is within is looked for again.
		out = w.hiddenIdentifier(out[:0], seg.Body[f.Start:f.End], f.Class)
	}
	w.release()
	if len(out) == 0 {
		return id, false
	}
	return weir.Identifier{Kind: kind, Value: weir.NewPlain(string(out))}, true
}

// points reports whether the canonical value v can be of its class.
func (w *walk) points(c weir.Class, v []byte) bool {
	switch c {
	case Email:
		return bytes.IndexByte(v, '@') > 0
	case IBAN:
		return len(v) >= ibanMin && len(v) <= ibanMax && mod97(v[4:], v[:4]) == 1
	case Card:
		return len(v) >= 12 && len(v) <= 19
	}
	return len(v) >= 5 && len(v) <= 24
}

// hiddenIdentifier appends the identifier of the first finding of a class in the base64
// v.
func (w *walk) hiddenIdentifier(out, v []byte, c weir.Class) []byte {
	end := len(v)
	for end > 0 && v[end-1] == '=' {
		end--
	}
	for _, x := range v[:end] {
		if sextets[x] < 0 {
			return out
		}
	}
	if end < codedMin || end > codedMax {
		return out
	}
	w.decode(v[:end], 0)
	text := &weir.Segment{Syntax: weir.Text, Body: bytes.Clone(w.buf)}
	var r Report
	if w.in.Inspect(&r, text, nil) != nil {
		return out
	}
	for _, f := range r.Findings {
		if f.Class != c {
			continue
		}
		if id, ok := w.in.Identifier(text, f); ok {
			return append(out, id.Value.Reveal()...)
		}
	}
	return out
}

// phoneDigits appends the digits of a phone number: after a +, or 00 that stands
// for it, without a trunk 0 in parentheses; up to an extension.
func phoneDigits(out, v []byte) []byte {
	v = bytes.TrimSpace(v)
	if len(v) > 0 && v[0] == '+' || len(v) > 2 && v[0] == '0' && v[1] == '0' {
		out = append(out, '+')
	}
	for i, c := range v {
		switch {
		case alpha(c):
			return out
		case digit(c):
			if out = append(out, c); len(out) >= 3 && out[0] == '+' {
				if c == '0' && v[i-1] == '(' && i+1 < len(v) && v[i+1] == ')' {
					out = out[:len(out)-1]
				}
			}
		}
	}
	if len(out) > 3 && out[0] == '+' && out[1] == '0' && out[2] == '0' {
		out = append(out[:1], out[3:]...)
	}
	return out
}

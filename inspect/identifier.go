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
	w.release()
	if len(out) == 0 {
		return id, false
	}
	return weir.Identifier{Kind: kind, Value: weir.NewPlain(string(out))}, true
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

package vault

import (
	"strings"

	"github.com/getweir/weir"
)

// Canonical gives the one way in which an identifier of a kind is written when it
// is looked for: "email" in lower case, "phone" in digits (with + where the
// country is known), "card" in digits, "iban" in capitals and digits; others
// without space around. It is how package inspect names what it finds, so that
// traffic and vault mean the same customer. ok is false for what cannot be one.
func Canonical(kind, value string) (canonical string, ok bool) {
	v := strings.TrimSpace(value)
	switch kind {
	case "email":
		at := strings.LastIndexByte(v, '@')
		return strings.ToLower(v), at > 0 && at < len(v)-1 && len(v) <= 320 && !strings.ContainsAny(v, " \t\r\n")
	case "phone":
		return canonicalPhone(v)
	case "card":
		var b strings.Builder
		for _, c := range []byte(v) {
			switch {
			case c >= '0' && c <= '9':
				b.WriteByte(c)
			case c != ' ' && c != '-':
				return "", false
			}
		}
		return b.String(), b.Len() >= 12 && b.Len() <= 19 && luhn(b.String())
	case "iban":
		var b strings.Builder
		for _, c := range []byte(v) {
			switch {
			case c >= 'a' && c <= 'z':
				b.WriteByte(c - 'a' + 'A')
			case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
				b.WriteByte(c)
			case c != ' ' && c != '-':
				return "", false
			}
		}
		return b.String(), b.Len() >= 15 && b.Len() <= 34 && mod97(b.String())
	}
	return v, v != "" && len(v) <= 1024
}

// canonicalPhone keeps the digits of a number: after a +, or 00 that stands for
// it, without a trunk 0 in parentheses; up to an extension.
func canonicalPhone(v string) (string, bool) {
	var b strings.Builder
	if strings.HasPrefix(v, "00") {
		v = "+" + v[2:]
	}
	if strings.HasPrefix(v, "+") {
		b.WriteByte('+')
		v = strings.Replace(v[1:], "(0)", "", 1)
	}
	for _, c := range []byte(v) {
		switch {
		case c >= '0' && c <= '9':
			b.WriteByte(c)
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			return b.String(), b.Len() >= 5 && b.Len() <= 24
		case !strings.ContainsRune(" -./()", rune(c)):
			return "", false
		}
	}
	return b.String(), b.Len() >= 5 && b.Len() <= 24
}

// luhn checks the digit of ISO/IEC 7812-1, annex B.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
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

// mod97 checks the digits of ISO 13616-1, by ISO/IEC 7064 MOD 97-10.
func mod97(iban string) bool {
	r := 0
	for _, c := range []byte(iban[4:] + iban[:4]) {
		if c >= 'A' {
			r = (r*100 + int(c-'A') + 10) % 97
		} else {
			r = (r*10 + int(c-'0')) % 97
		}
	}
	return r == 1
}

// canonicalID gives an identifier in its canonical form.
func canonicalID(id weir.Identifier) (weir.Identifier, bool) {
	v, ok := Canonical(id.Kind, id.Value.Reveal())
	return weir.Identifier{Kind: id.Kind, Value: weir.NewPlain(v)}, ok
}

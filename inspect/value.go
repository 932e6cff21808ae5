package inspect

import (
	"bytes"
	"strings"

	"github.com/getweir/weir"
)

// byKey is the detector of what is known by what a key says.
const byKey = "key"

// value reads the value t[lo:hi] of the body, of which a key, a column or a label
// says m.
func (w *walk) value(m meaning, t []byte, lo, hi int) {
	if m == mNumber {
		m = w.numbers()
	}
	v := t[lo:hi]
	if blank(v) {
		return
	}
	if present.has(m) || m == mID {
		w.frames[len(w.frames)-1].has |= 1 << m
	}
	w.ctx = m.context()
	if w.escapes(v) || (m == mIBAN || m == mCard || named(m) != 0) && wider(v) {
		v = w.fold(t, lo, hi, w.folding(v))
		if holdsJSON(v) && w.depth < maxInner {
			w.origin = nil
			w.inner(v, w.back)
			w.last, w.ctx = hi, mNone
			return
		}
		w.last = 0
		w.keyed(m, v, lo, hi)
		w.scan(v, 0, len(v))
		w.origin = nil
	} else {
		w.last = lo
		if w.keyed(m, v, lo, hi) {
			w.last = hi
		} else {
			w.scan(t, lo, hi)
		}
	}
	w.last = hi
	w.ctx = mNone
}

// wider reports whether v has bytes that are not ASCII.
func wider(v []byte) bool {
	for _, c := range v {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// numbers gives what a key like "number" means: what the key of its object means.
func (w *walk) numbers() meaning {
	top := &w.frames[len(w.frames)-1]
	switch top.parent {
	case mPhone, mCard, mIBAN, mIP, mEmail, mDevice:
		return top.parent
	}
	if top.parent >= mGeo {
		return top.parent
	}
	return mText
}

// found notes in the object being read that it has a value of meaning m.
func (w *walk) found(m meaning) { w.frames[len(w.frames)-1].has |= 1 << m }

// keyed reports the value v, which stands at [lo, hi) of the body and has its
// escapes undone, if it is what m says, and whether nothing else can be in it.
func (w *walk) keyed(m meaning, v []byte, lo, hi int) bool {
	at := span{lo, hi}
	trimmed := v
	if len(v) == 0 || valueBytes[v[0]]&valueBytes[v[len(v)-1]]&edge == 0 {
		trimmed = bytes.TrimSpace(v)
	}
	if len(trimmed) == 0 {
		return true
	}
	if len(trimmed) < len(v) && w.origin == nil {
		at.a += bytes.Index(v, trimmed)
		at.b = at.a + len(trimmed)
	}
	v = trimmed
	switch m {
	case mPhone:
		if phoneValue(v) {
			w.found(m)
			w.report(Phone, at, weir.SureMatch)
			return true
		}
	case mName, mHolder:
		if nameValue(v) {
			w.found(m)
			w.report(Name, at, weir.SureMatch)
		}
	case mNameWeak, mNamePart:
		if nameValue(v) {
			w.found(m)
			w.wait(m, at)
		}
	case mStreet, mAddress:
		if m == mStreet && lineValue(v) && !hostValue(v) || addressValue(v) {
			w.found(m)
			w.report(Address, at, weir.SureMatch)
		}
	case mLine, mCity, mPostcode:
		if lineValue(v) {
			w.found(m)
			w.wait(m, at)
			w.pending[len(w.pending)-1].postcode = m == mPostcode && postcodeValue(v)
		}
	case mIBAN:
		// One with few digits is met by its key alone.
		w.found(m)
		if len(v) >= ibanMin && alpha(v[0]) && alpha(v[1]) {
			if end, ok := ibanAt(v, 0, len(v)); ok && end == len(v) {
				w.keyedAs(IBAN, at, true)
				return true
			}
		}
	case mBirth:
		if dateValue(v) {
			w.found(m)
			w.report(BirthDate, at, weir.SureMatch)
			return true
		}
	case mDevice:
		if deviceValue(v) {
			w.report(Device, at, weir.SureMatch)
			return true
		}
	case mID:
		if w.frames[len(w.frames)-1].parent == mDevices && deviceValue(v) {
			w.report(Device, at, weir.SureMatch)
			return true
		}
	default:
		if m >= mGeo && m <= lastRules {
			return w.byNumber(m, v, at)
		}
		return m >= firstKnown && w.known(m, v, at)
	}
	return false
}

// report reports a value of the body by its key.
func (w *walk) report(class weir.Class, at span, c weir.Confidence) {
	origin := w.origin
	w.origin = nil
	w.whole(class, at.a, at.b, c, false, byKey)
	w.origin = origin
}

// wait keeps a value until its object is known.
func (w *walk) wait(m meaning, at span) {
	w.pending = append(w.pending, pending{span: at, m: m, form: w.form, object: w.object})
}

// blank reports whether nothing is left in v that could be data: it has no letter
// and no digit.
func blank(v []byte) bool {
	for _, c := range v {
		if wordByte(c) && c != '_' {
			return false
		}
	}
	return true
}

// What bytes can be in values.
const (
	inName   = 1 << iota // a person's name
	letter               // a letter, of any script
	inDevice             // a device's identifier
	edge                 // surely no white space
)

// valueBytes says it of each byte.
var valueBytes = func() (t [256]uint8) {
	for c := range t {
		c := byte(c)
		if alpha(c) || c >= 0x80 {
			t[c] |= letter | inName
		}
		if digit(c) || strings.IndexByte(" -.',()`\"&*", c) >= 0 {
			t[c] |= inName
		}
		if alnum(c) || strings.IndexByte("-:_.+/=*", c) >= 0 {
			t[c] |= inDevice
		}
		if c > ' ' && c < 0x80 {
			t[c] |= edge
		}
	}
	return t
}()

// nameValue reports whether v can be a person's name: letters, and no sign that
// only other things have.
func nameValue(v []byte) bool {
	if len(v) == 0 || len(v) > 128 {
		return false
	}
	all, any := uint8(inName), uint8(0)
	for _, c := range v {
		all &= valueBytes[c]
		any |= valueBytes[c]
	}
	return all&inName != 0 && any&letter != 0 && !digit(v[0]) && v[0] != '(' && v[0] != ')'
}

// lineValue reports whether v can be a line of an address.
func lineValue(v []byte) bool {
	return len(v) <= 256 && !blank(v) && bytes.IndexByte(v, '@') < 0 && !bytes.Contains(v, []byte("://"))
}

// hostValue reports whether v is an address of the network, with its port or without:
// what is named addr may be.
func hostValue(v []byte) bool {
	marks := 0
	for _, c := range v {
		switch {
		case c == '.' || c == ':':
			marks++
		case !hex(c) && c != '[' && c != ']' && c != '%' && c != '/':
			return false
		}
	}
	return marks >= 2
}

// addressValue reports whether v can be a whole postal address and not one of
// another kind: of a host, a wallet, a memory.
func addressValue(v []byte) bool {
	if len(v) > 512 || !lineValue(v) {
		return false
	}
	letters := false
	for _, c := range v {
		if c >= 0x80 {
			return true
		}
		letters = letters || alpha(c)
	}
	return letters && bytes.IndexByte(v, ' ') > 0
}

// deviceValue reports whether v can be an identifier of a device: one word of six
// characters or more.
func deviceValue(v []byte) bool {
	if len(v) < 6 || len(v) > 256 {
		return false
	}
	for _, c := range v {
		if valueBytes[c]&inDevice == 0 {
			return false
		}
	}
	return true
}

// dateValue reports whether v is a plausible date of birth: year, month and day in
// one of the usual orders, in digits or with a month in letters, of a person who
// can be alive. Times after the date are taken along.
func dateValue(v []byte) bool {
	var n [3]int
	var width [3]int
	k, letters := 0, 0
	for i := 0; i < len(v) && k < 3; {
		switch c := v[i]; {
		case digit(c):
			for i < len(v) && digit(v[i]) && width[k] < 9 {
				n[k] = n[k]*10 + int(v[i]-'0')
				width[k]++
				i++
			}
			k++
			continue
		case alpha(c) || c >= 0x80:
			letters++
		case c == '-' || c == '/' || c == '.' || c == ' ' || c == ',':
		default:
			return false
		}
		i++
	}
	year := func(i int) bool { return width[i] == 4 && 1900 <= n[i] && n[i] <= 2100 }
	month := func(i int) bool { return width[i] <= 2 && 1 <= n[i] && n[i] <= 12 }
	day := func(i int) bool { return width[i] <= 2 && 1 <= n[i] && n[i] <= 31 }
	switch {
	case k == 1 && width[0] == 8:
		y, m, d := n[0]/10000, n[0]/100%100, n[0]%100
		return 1900 <= y && y <= 2100 && 1 <= m && m <= 12 && 1 <= d && d <= 31
	case k == 2 && letters >= 3:
		return day(0) && year(1) || year(0) && day(1)
	case k == 3 && letters == 0, k == 3 && letters <= 12:
		// 1990-02-28, 28.2.1990, 2/28/1990, 28 Feb 1990 (1990年2月28日)
		return year(0) && month(1) && day(2) || year(2) && (month(0) && day(1) || day(0) && month(1)) ||
			letters == 0 && width[2] == 2 && (month(0) && day(1) || day(0) && month(1)) ||
			letters >= 3 && (day(0) && year(1) || year(0) && day(1))
	}
	return false
}

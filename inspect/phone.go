package inspect

import (
	"bytes"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

//go:generate go run ../internal/phonegen -o plans.go

// A calling is a country calling code (ITU-T E.164, list of assigned codes) and where
// in stretches, counted in sixes, those of its numbers end.
type calling struct {
	code uint16
	end  uint16
}

// A region is a country or territory, by its ISO 3166-1 alpha-2 code, with what is
// dialled before its national numbers.
type region struct {
	name  string
	code  uint16
	trunk string
}

// regionOf gives the place in regions of the region named, -1 for none.
func regionOf(name string) int {
	i, ok := slices.BinarySearchFunc(regions[:], name, func(r region, n string) int { return strings.Compare(r.name, n) })
	if !ok {
		return -1
	}
	return i
}

// callingCode gives how many of the digits are a calling code, and its place in
// callings. None begins another.
func callingCode(d []byte) (digits, at int) {
	for n := 1; n <= min(3, len(d)); n++ {
		if i, ok := callingAt(uint16(decimal(d[:n]))); ok && d[0] != '0' {
			return n, i
		}
	}
	return 0, 0
}

func callingAt(code uint16) (at int, ok bool) {
	return slices.BinarySearchFunc(callings[:], code, func(c calling, n uint16) int { return int(c.code) - int(n) })
}

// numbering says what a national number is by the plan of its code.
type numbering uint8

const (
	unknown  numbering = iota
	possible           // some number has so many digits
	assigned           // numbers that begin so have
)

// planned tells what the national number d is by the plan at callings[at] (the
// metadata of libphonenumber: possible lengths, and for each length the first four
// digits).
func planned(at int, d []byte) numbering {
	const shortest = 4
	if len(d) < shortest || len(d) > 17 {
		return unknown
	}
	from := 0
	if at > 0 {
		from = int(callings[at-1].end)
	}
	lead, bit := decimal(d[:4]), 1<<(len(d)-shortest)
	word := func(i, k int) int { return int(stretches[6*i+2*k])<<8 | int(stretches[6*i+2*k+1]) }
	// The last stretch that begins at lead or before.
	lo, hi := from, int(callings[at].end)
	for lo < hi {
		if mid := (lo + hi) / 2; word(mid, 0) <= lead {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo > from && lead <= word(lo-1, 1) && word(lo-1, 2)&bit != 0 {
		return assigned
	}
	for i := from; i < int(callings[at].end); i++ {
		if word(i, 2)&bit != 0 {
			return possible
		}
	}
	return unknown
}

// international looks at the + at t[p] for a number in the international form, and
// gives where to go on (ITU-T E.123 section 2: spaces, and a trunk prefix in
// parentheses that is not dialled).
func (w *walk) international(t []byte, lo, hi, p int) int {
	if p > lo && p != w.last && (wordByte(t[p-1]) || t[p-1] == '+' || t[p-1] == ']' || t[p-1] == '/' || t[p-1] == '=' && p-1 > lo && t[p-2] == '=') {
		return p + 1
	}
	var buf [16]byte
	digits := buf[:0]
	code, at := 0, 0
	best, is, i := 0, unknown, p+1
	dot := 0 // how many digits stand before the only separator, a dot
	if i < hi && t[i] == '(' {
		i++
	}
	for runs := 0; i < hi && digit(t[i]) && runs < 8; runs++ {
		if runs > 0 && t[i] == '0' && t[i-1] == '(' && i+1 < hi && t[i+1] == ')' {
			i++ // (0)
		}
		for i < hi && digit(t[i]) && len(digits) < len(buf) {
			digits = append(digits, t[i])
			i++
		}
		if len(digits) == len(buf) {
			break
		}
		if code == 0 && len(digits) >= 3 {
			if code, at = callingCode(digits); code == 0 {
				return i
			}
		}
		if code > 0 && len(digits) >= 7 && !(i < hi && wordByte(t[i])) {
			if n := planned(at, digits[code:]); n >= is && n > unknown {
				best, is = i, n
			}
		}
		sep, next := gap(t, i, hi)
		if next < 0 {
			break
		}
		if dot = 0; sep == '.' && runs == 0 {
			dot = len(digits)
		}
		i = next
	}
	// A dot after more than a country code begins decimals (after one, RFC 5733 section
	// 2.5 writes it).
	if best == 0 || dot > 3 {
		return max(i, p+1)
	}
	c := weir.LikelyMatch
	if is == assigned || w.ctx == mPhone {
		c = weir.SureMatch
	}
	w.emit(Phone, p, best, c, false, "phone-international")
	return best
}

// countries are those whose national layouts are known, one bit each.
type countries uint32

const (
	us countries = 1 << iota
	gb
	de
	fr
	es
	it
	nl
	br
	in
	jp
	au
	ca
	mx
	pl
	se
)

var countryNames = [...]string{"US", "GB", "DE", "FR", "ES", "IT", "NL", "BR", "IN", "JP", "AU", "CA", "MX", "PL", "SE"}

// national looks for a phone number without a country code that begins with the
// first run. A key or a word beside it that says phone makes any number of a
// phone's length one; without, only a layout that little else has.
func (w *walk) national(t []byte, lo, hi int, runs []run) int {
	first := runs[0]
	context := w.ctx
	if (notPhones | of(mCard, mIBAN, mIP, mPostcode, mBirth)).has(context) || context >= mGeo && context <= lastRules || context >= firstKnown && context != mMessageText {
		return 0
	}
	used, digits := 0, 0
	for i, r := range runs {
		// A group of one digit is a prefix, and comes first.
		if digits+r.len() > 15 || i == maxGroups || r.len() == 1 && (i > 0 || t[r.a] != '0' && t[r.a] != '1' && t[r.a] != '8') {
			break
		}
		used, digits = i+1, digits+r.len()
	}
	if digits < 7 {
		return 0
	}
	// The words beside the first of the runs are beside them all. A part of a path
	// is named by the path.
	near := w.nearby(t, lo, first.a)
	said := context == mPhone || near == mPhone
	if !said && (near == mOpaque || near == mVersion || near >= mGeo && near <= lastRules) {
		return 0
	}
	for ; digits >= 7; used-- {
		a, b := first.a, runs[used-1].b
		if used == 3 && runs[2].sep == runs[1].sep && dateValue(t[a:b]) {
			digits -= runs[used-1].len()
			continue
		}
		if (said || w.layout(t, lo, hi, runs, used, digits) || w.chosenNumber(t, runs, used)) && w.standsAlone(t, lo, hi, a, b) {
			c := weir.LikelyMatch
			if said {
				c = weir.SureMatch
			}
			if a > lo && t[a-1] == '(' {
				a--
			}
			w.emit(Phone, a, b, c, false, "phone-national")
			return used
		}
		digits -= runs[used-1].len()
	}
	return 0
}

// chosenNumber reports whether the first runs, as many as used, are a number of a
// region that was chosen, in groups with the same separator, and with the trunk
// prefix where there is one.
func (w *walk) chosenNumber(t []byte, runs []run, used int) bool {
	if len(w.in.regions) == 0 || used < 2 || used < len(runs) && runs[used].sep == runs[used-1].sep || runs[0].sep != 0 && runs[0].sep == runs[1].sep {
		return false
	}
	d := w.plain[:0]
	for i, r := range runs[:used] {
		if i > 1 && r.sep != runs[1].sep && runs[1].sep != ')' {
			return false
		}
		if r.sep == '.' && len(d) == 0 {
			return false
		}
		d = append(d, t[r.a:r.b]...)
	}
	for _, i := range w.in.regions {
		r := &regions[i]
		national := d
		if r.trunk != "" && r.code != 1 {
			if !bytes.HasPrefix(d, []byte(r.trunk)) {
				continue
			}
			national = d[len(r.trunk):]
		}
		if at, ok := callingAt(r.code); ok && planned(at, national) == assigned {
			return true
		}
	}
	return false
}

// notPhones are what numbers of the system's own are called, and what else has digits
// in groups.
var notPhones = of(mDevice, mDevices, mTitleID, mWatched, mProgress, mVisited, mSearched, mOrders, mOrderID, mTotal, mID, mOpaque, mVersion, mPage, mNational, mBanking)

// maxGroups is into how many groups a phone number is divided at most.
const maxGroups = 6

// layout reports whether the first runs, as many as used, are laid out as national
// numbers of the enabled countries are, in a manner that dates, prices and ids are
// not; and are no part of a longer row of numbers.
func (w *walk) layout(t []byte, lo, hi int, runs []run, used, digits int) bool {
	on := w.in.countries
	var n [5]int
	opened := runs[0].a > lo && t[runs[0].a-1] == '('
	if used < 2 || used > len(n) {
		return false
	}
	if !opened && runs[0].sep != 0 && runs[0].sep == runs[1].sep || used < len(runs) && runs[used].sep == runs[used-1].sep ||
		!opened && inTable(t, lo, hi, runs[:used]) {
		w.barred = runs[0].a
		return false
	}
	if !opened && runs[0].a-1 > lo && t[runs[0].a-1] == ':' && digit(t[runs[0].a-2]) {
		return false
	}
	// Characters are numbered by four hexadecimal digits.
	if used == 3 && t[runs[0].a] == '0' && t[runs[1].a] == '0' && t[runs[2].a] == '0' {
		return false
	}
	runs = runs[:used]
	for i, r := range runs {
		n[i] = r.len()
	}
	parens := opened && runs[1].sep == ')'
	same := true
	for _, r := range runs[2:] {
		same = same && r.sep == runs[1].sep
	}
	sep := runs[1].sep
	c := t[runs[0].a]
	// North America: area and exchange codes begin with 2 to 9 (NANP).
	if on&(us|ca) != 0 {
		k := 0
		if n[0] == 1 && c == '1' && len(runs) == 4 {
			k = 1
			same = same || runs[2].sep == runs[3].sep
		}
		if len(runs) == k+3 && n[k] == 3 && n[k+1] == 3 && n[k+2] == 4 && t[runs[k].a] > '1' && t[runs[k+1].a] > '1' {
			if runs[k+1].sep == ')' && t[max(lo, runs[k].a-1)] == '(' || same && (sep == '-' || sep == '.') {
				return true
			}
		}
	}
	// Brazil: the area code in parentheses.
	if on&br != 0 && parens && len(runs) == 3 && n[0] == 2 && n[2] == 4 && (n[1] == 4 || n[1] == 5) && runs[2].sep == '-' {
		return true
	}
	// Trunk prefix 0, then an area or network code.
	if c != '0' || t[runs[0].a+1] == '0' || n[0] < 2 || n[0] > 5 || digits < 9 || digits > 12 || !same && !parens {
		return false
	}
	if sep == '.' {
		return on&fr != 0 && len(runs) == 5 && n == [5]int{2, 2, 2, 2, 2}
	}
	for _, k := range n[1:len(runs)] {
		if k < 2 || k > 8 {
			return false
		}
	}
	switch {
	case sep == '/' && !(on&de != 0 && len(runs) == 2 && n[1] >= 5):
		return false
	case on&fr != 0 && n == [5]int{2, 2, 2, 2, 2},
		on&gb != 0 && (digits == 11 || digits == 10) && n[0] >= 3,
		on&de != 0 && n[0] >= 3 && digits >= 10,
		on&nl != 0 && digits == 10,
		on&jp != 0 && sep == '-' && len(runs) == 3 && n[2] == 4 && digits >= 10 && digits <= 11,
		on&au != 0 && digits == 10 && (n == [5]int{2, 4, 4} || n == [5]int{4, 3, 3}),
		on&se != 0 && digits >= 9 && digits <= 10 && len(runs) >= 3 && n[0] <= 4,
		on&it != 0 && digits >= 9 && digits <= 11 && len(runs) == 2 && n[1] >= 6:
		return true
	}
	return false
}

// phoneValue reports whether a whole value that a key calls a phone is one: digits
// in a phone's number, and what is written between them.
func phoneValue(v []byte) bool {
	digits, letters := 0, 0
	for _, c := range v {
		switch {
		case digit(c):
			digits++
		case separator(c) || c == '+' || c == ',' || c == '#':
		case alpha(c):
			letters++
		default:
			return false
		}
	}
	// Letters: an extension (x12, ext. 12).
	return digits >= 7 && digits <= 20 && (letters == 0 || letters <= 10 && !alpha(v[0]) && !alpha(v[len(v)-1]))
}

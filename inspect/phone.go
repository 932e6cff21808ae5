package inspect

import "github.com/getweir/weir"

// callingCode gives how many of the digits are the country calling code, and how
// long the national number after it may be (ITU-T E.164, list of assigned codes;
// lengths by the countries' plans where they are known, else by the 15 digits
// that E.164 section 6.2.1 allows in all).
func callingCode(d []byte) (code, low, high int) {
	if len(d) < 3 {
		return 0, 0, 0
	}
	switch d[0] {
	case '0':
		return 0, 0, 0
	case '1':
		return 1, 10, 10
	case '7':
		return 1, 10, 10
	}
	switch string(d[:2]) {
	case "20":
		return 2, 8, 10
	case "27":
		return 2, 9, 10
	case "30", "57":
		return 2, 10, 11
	case "31":
		return 2, 7, 11
	case "32":
		return 2, 8, 9
	case "33":
		return 2, 9, 9
	case "34":
		return 2, 9, 9
	case "36":
		return 2, 8, 9
	case "39":
		return 2, 6, 12
	case "40":
		return 2, 9, 9
	case "41":
		return 2, 9, 12
	case "43":
		return 2, 4, 13
	case "44":
		return 2, 9, 10
	case "45":
		return 2, 8, 8
	case "46":
		return 2, 7, 13
	case "47":
		return 2, 5, 12
	case "48":
		return 2, 9, 10
	case "49":
		return 2, 6, 14
	case "51", "56", "58", "60", "61", "62", "63", "64", "65", "66":
		return 2, 6, 13
	case "52":
		return 2, 10, 11
	case "53", "84", "90", "91", "92", "93", "94", "95", "98":
		return 2, 6, 13
	case "54":
		return 2, 10, 11
	case "55":
		return 2, 8, 11
	case "81":
		return 2, 8, 13
	case "82":
		return 2, 5, 13
	case "86":
		return 2, 7, 12
	}
	// Three digits: what is not assigned is no number.
	switch string(d[:2]) {
	case "28", "83", "89":
		return 0, 0, 0
	}
	switch string(d[:3]) {
	case "210", "214", "215", "217", "219", "259", "292", "293", "294", "295", "296", "384", "388", "422",
		"693", "694", "695", "696", "697", "698", "699", "801", "802", "803", "804", "805", "806", "807",
		"851", "854", "857", "858", "859", "871", "872", "873", "874", "875", "876", "877", "879",
		"884", "885", "887", "889", "969", "978", "990", "997", "999":
		return 0, 0, 0
	}
	return 3, 4, 12
}

// international looks at the + at t[p] for a number in the international form, and
// gives where to go on (ITU-T E.123 section 2: spaces, and a trunk prefix in
// parentheses that is not dialled).
func (w *walk) international(t []byte, lo, hi, p int) int {
	if p > lo && p != w.last && (wordByte(t[p-1]) || t[p-1] == '+' || t[p-1] == '/' || t[p-1] == '=' && p-1 > lo && t[p-2] == '=') {
		return p + 1
	}
	var buf [16]byte
	digits := buf[:0]
	code, low, high := 0, 0, 0
	best, i := 0, p+1
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
			if code, low, high = callingCode(digits); code == 0 {
				return i
			}
		}
		if n := len(digits) - code; code > 0 && n >= low && n <= high && !(i < hi && wordByte(t[i])) && len(digits) >= 7 {
			best = i
		}
		_, next := gap(t, i, hi)
		if next < 0 {
			break
		}
		i = next
	}
	if best == 0 {
		return max(i, p+1)
	}
	w.emit(Phone, p, best, weir.SureMatch, false, "phone-international")
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
	if context != mPhone && context != mNone && context != mText {
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
	said := context == mPhone || w.nearby(t, lo, first.a) == mPhone
	for ; digits >= 7; used-- {
		a, b := first.a, runs[used-1].b
		if (said || w.layout(t, lo, runs, used, digits)) && w.standsAlone(t, lo, hi, a, b) {
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

// maxGroups is into how many groups a phone number is divided at most.
const maxGroups = 6

// layout reports whether the first runs, as many as used, are laid out as national
// numbers of the enabled countries are, in a manner that dates, prices and ids are
// not; and are no part of a longer row of numbers.
func (w *walk) layout(t []byte, lo int, runs []run, used, digits int) bool {
	on := w.in.countries
	var n [5]int
	opened := runs[0].a > lo && t[runs[0].a-1] == '('
	if used < 2 || used > len(n) || !opened && runs[0].sep != 0 && runs[0].sep == runs[1].sep ||
		used < len(runs) && runs[used].sep == runs[used-1].sep {
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

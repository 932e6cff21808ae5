package inspect

import "github.com/getweir/weir"

// passport is a number that its key calls one: two letters at most, in front,
// and digits.
var passport = rule{
	class:   Passport,
	about:   "a machine-readable zone of a passport, visa or identity card, checked; or a passport's number by key",
	source:  "ICAO Doc 9303 parts 3 to 7 (check digits 7 3 1)",
	keys:    "passport passport_number passport_no passport_num passportnumber passportno pasaporte numero_pasaporte numero_de_pasaporte passeport numero_passeport numéro_passeport numero_de_passeport reisepass reisepassnummer passnummer passaporto numero_passaporto passaporte paspoort paspoortnummer paszport numer_paszportu パスポート パスポート番号 旅券番号 护照 护照号 护照号码 여권번호",
	forms:   "Adddddddd|AAddddddd|AAdddddd|Addddddd|Adddddd|ddddddddd|dddddddd|NNNNNNNNN|NNNNNNNNNd|NNNNNNNNNdA",
	valid:   []string{"L01X00T47", "C01234567", "533401234", "AB1234567", "C01X00T478", "C01X00T478D"},
	invalid: []string{"PASSPORT1", "12345", "ABCDEFGHI", "AB12345678901", "C01X00T470"},
	check: func(v []byte) proof {
		n := 0
		for _, c := range v {
			if digit(c) {
				n++
			}
		}
		// Germany's are printed with their check digit, and with a D behind it.
		if len(v) == 11 && v[10] == 'D' {
			v = v[:10]
		}
		if len(v) == 10 && mrz(v[:9], v[9]) {
			return plausible
		}
		if len(v) < 6 || len(v) > 9 || n < 4 || uniform(v) {
			return refuted
		}
		return plausible
	},
}

// zone looks for a line of a machine-readable zone around t[from:to], and gives its
// end.
func (w *walk) zone(t []byte, lo, hi, from, to int) (end int, ok bool) {
	const longest = 44
	a, b := from, to
	for floor := max(lo, w.last, from-longest); a > floor && zoned(t[a-1]); {
		a--
	}
	for end := min(hi, a+longest+1); b < end && zoned(t[b]); {
		b++
	}
	line := t[a:b]
	if hasSmall(line) || !zoneLine(line) {
		return 0, false
	}
	// The line before has the names.
	if c := a - 1 - len(line); c >= max(lo, w.last) && t[a-1] == '\n' && len(line) > 30 && namesLine(t[c:a-1]) && (c == lo || !zoned(t[c-1])) {
		a = c
	}
	w.emit(Passport, a, b, weir.SureMatch, true, "mrz")
	return b, true
}

// zoneLine reports whether line is one that has check digits, and they hold.
func zoneLine(line []byte) bool {
	switch len(line) {
	case 44: // TD3, the second line
		if !mrz(line[:9], line[9]) || !mrz(line[13:19], line[19]) || !mrz(line[21:27], line[27]) {
			return false
		}
		var all [39]byte
		copy(all[copy(all[:], line[:10]):], line[13:20])
		copy(all[17:], line[21:43])
		if !mrz(all[:], line[43]) {
			return false
		}
	case 36: // TD2, the second line
		if !mrz(line[:9], line[9]) || !mrz(line[13:19], line[19]) || !mrz(line[21:27], line[27]) {
			return false
		}
		var all [31]byte
		copy(all[copy(all[:], line[:10]):], line[13:20])
		copy(all[17:], line[21:35])
		if !mrz(all[:], line[35]) {
			return false
		}
	case 30: // TD1, the first line, or the second
		switch line[0] {
		case 'A', 'C', 'I':
			if !mrz(line[5:14], line[14]) {
				return false
			}
		default:
			if !mrz(line[:6], line[6]) || !mrz(line[8:14], line[14]) {
				return false
			}
		}
	default:
		return false
	}
	return true
}

// zoneValue reports whether v is a zone, or a line of one that has check digits,
// whatever is between the lines.
func zoneValue(v []byte) bool {
	var buf [90]byte
	n := 0
	for _, c := range v {
		switch {
		case c <= ' ' || c == '|':
			continue
		case !zoned(c) || n == len(buf):
			return false
		}
		buf[n] = c
		n++
	}
	switch n {
	case 88, 72:
		return zoneLine(buf[n/2 : n])
	case 90:
		return zoneLine(buf[:30]) && zoneLine(buf[30:60])
	}
	return zoneLine(buf[:n])
}

func zoned(c byte) bool { return c-'A' < 26 || digit(c) || c == '<' }

// namesLine reports whether line can be the first of a zone: a kind of document, a
// state, and names.
func namesLine(line []byte) bool {
	for _, c := range line {
		if c-'A' >= 26 && c != '<' {
			return false
		}
	}
	switch line[0] {
	case 'P', 'V', 'I', 'A', 'C':
		return true
	}
	return false
}

// mrz reports whether c is the check digit of v (ICAO Doc 9303-3 section 4.9).
func mrz(v []byte, c byte) bool {
	sum := 0
	for i, b := range v {
		k := 0
		switch {
		case digit(b):
			k = int(b - '0')
		case b != '<':
			k = int(b-'A') + 10
		}
		sum += k * int("731"[i%3]-'0')
	}
	if c == '<' {
		c = '0'
	}
	return byte('0'+sum%10) == c
}

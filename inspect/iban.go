package inspect

import "github.com/getweir/weir"

const (
	ibanMin = 15
	ibanMax = 34
	// ibanReach is how far before a digit of one it may begin, with separators.
	ibanReach = ibanMax + ibanMax/4
)

// ibanLengths has the lengths of each country's account numbers: by its two letters,
// the one in the registry first, then the one used before or besides it (SWIFT IBAN
// registry, ISO 13616-1; and the countries that use the form without being
// registered).
var ibanLengths = func() (table [26 * 26][2]uint8) {
	const lengths = "AD24AE23AL28AO25AT20AX18AZ28BA20BE16BF28BG22BH22BI27BJ28BL27BR29BY28CF27CG27CH21CI28CM27CR22CV25CY28CZ24DE22DJ27DK18DO28DZ26" +
		"EE20EG29ES24FI18FK18FO18FR27GA27GB22GE22GF27GI23GL18GP27GQ27GR27GT28GW25HN28HR21HU28IE22IL23IQ23IR26IS26IT27JO30KM27KW30KZ20LB28LC32LI21LT20LU20LV21LY25" +
		"MA28MC27MD24ME22MF27MG27MK19ML28MN20MQ27MR27MT31MU30MZ25NC27NE28NI28NL18NO15OM23PF27PK24PL28PM27PS29PT25QA29RE27RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SN28SO23ST25SV28TD27TF27TG28TL23TN24TR26" +
		"BF27BI16DZ24NI32UA29VA22VG24WF27XK20YE30YT27"
	for i := 0; i < len(lengths); i += 4 {
		e := &table[int(lengths[i]-'A')*26+int(lengths[i+1]-'A')]
		n := (lengths[i+2]-'0')*10 + lengths[i+3] - '0'
		if e[0] == 0 {
			e[0] = n
		} else {
			e[1] = n
		}
	}
	return table
}()

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 0x20
	}
	return c
}

// iban looks for an account number whose bytes lie around t[p], which is a digit
// of it. It gives the end of the one it found.
func (w *walk) iban(t []byte, lo, hi, p int) (end int, ok bool) {
	// From p back to where a word begins with two letters and two digits; words
	// may be groups of four.
	floor := max(lo, w.last, p-ibanReach)
	for i := p; i >= floor; {
		for i > floor && alnum(t[i-1]) {
			i--
		}
		if i+4 <= hi && alpha(t[i]) && alpha(t[i+1]) && digit(t[i+2]) && digit(t[i+3]) && (i == lo || !wordByte(t[i-1])) {
			if end, ok = ibanAt(t, i, hi); ok && end > p {
				w.emit(IBAN, i, end, weir.SureMatch, true, "iban")
				w.besideIBAN(t, hi, end)
				return end, true
			}
		}
		// One separator, then the group before.
		if i-5 < floor || !(t[i-1] == ' ' || t[i-1] == '-') || !alnum(t[i-2]) {
			return 0, false
		}
		i -= 2
	}
	return 0, false
}

// named looks for the account number or the bank's code that the word at t[p] names,
// and gives its end, 0 for none: those that have few digits show by nothing else.
func (w *walk) named(t []byte, lo, hi, p int) int {
	const reach = 24
	if p > lo && wordByte(t[p-1]) || p < w.last {
		return 0
	}
	for i := p + 3; i < min(hi, p+reach); i++ {
		if t[i] == '\n' || t[i] == '@' || digit(t[i]) && !wordByte(t[i-1]) {
			return 0
		}
		if !alpha(t[i]) || wordByte(t[i-1]) || i+4 > hi {
			continue
		}
		if t[p]|0x20 == 'i' && alpha(t[i+1]) && digit(t[i+2]) && digit(t[i+3]) {
			if end, ok := ibanAt(t, i, hi); ok {
				w.emit(IBAN, i, end, weir.SureMatch, true, "iban")
				w.besideIBAN(t, hi, end)
				return max(end, w.last)
			}
		}
		if t[p]|0x20 != 'i' {
			if end := bicAt(t, hi, i); end > 0 {
				w.emit(BIC, i, end, weir.SureMatch, false, "words")
				return end
			}
			b := i
			for b < hi && wordByte(t[b]) {
				b++
			}
			switch word, _ := compact(w.plain[:], t[i:b]); string(word) {
			case "CODE", "IS", "NUMBER", "NO", "SWIFT", "BIC":
			default:
				return 0 // of another thing
			}
		}
	}
	return 0
}

// bicAt gives the end of the bank's code that begins at t[i], 0 for none.
func bicAt(t []byte, hi, i int) int {
	end := i
	for end < hi && end < i+12 && wordByte(t[end]) {
		end++
	}
	if end < hi && wordByte(t[end]) || hasSmall(t[i:end]) || bic.check(t[i:end]) == refuted {
		return 0
	}
	return end
}

// besideIBAN looks for the bank's code that stands within a few words after the
// account number that ends at t[i].
func (w *walk) besideIBAN(t []byte, hi, i int) {
	const reach = 40
	asked := false
	for p := i; p < min(hi, i+reach); {
		if !wordByte(t[p]) {
			if t[p] == '\n' || t[p] == '@' || t[p] == '+' || t[p] == '*' {
				return
			}
			p++
			continue
		}
		b := p
		for b < hi && wordByte(t[b]) {
			b++
		}
		switch word, _ := compact(w.plain[:], t[p:b]); {
		case string(word) == "BIC" || string(word) == "SWIFT":
			asked = true
		case asked && bicAt(t, hi, p) == b:
			w.emit(BIC, p, b, weir.SureMatch, false, "iban")
			return
		case hasDigit(t[p:b]):
			return
		}
		p = b
	}
}

// ibanAt checks the account number that begins at t[i]: its country's length, and
// the remainder 1 modulo 97 (ISO 13616-1, ISO/IEC 7064 MOD 97-10).
func ibanAt(t []byte, i, hi int) (end int, ok bool) {
	for _, n := range ibanLengths[int(upper(t[i])-'A')*26+int(upper(t[i+1])-'A')] {
		if n == 0 {
			return 0, false
		}
		if end, ok = ibanOf(t, i, hi, int(n)); ok {
			return end, true
		}
	}
	return 0, false
}

// ibanOf checks an account number of so many characters.
func ibanOf(t []byte, i, hi, want int) (end int, ok bool) {
	var s [ibanMax]byte
	n := 0
	for end = i; end < hi && n < want; end++ {
		c := t[end]
		switch {
		case alnum(c):
			s[n] = upper(c)
			n++
		case (c == ' ' || c == '-') && end+1 < hi && alnum(t[end+1]):
		default:
			return 0, false
		}
	}
	if n < want || end < hi && wordByte(t[end]) {
		return 0, false
	}
	return end, mod97(s[4:n], s[:4]) == 1
}

func mod97(parts ...[]byte) int {
	r := 0
	for _, p := range parts {
		for _, c := range p {
			if digit(c) {
				r = (r*10 + int(c-'0')) % 97
			} else {
				r = (r*100 + int(c-'A') + 10) % 97
			}
		}
	}
	return r
}

package inspect

// issuer is a range of first digits that an issuer has, and the lengths of its
// numbers as bits.
type issuer struct {
	low, high int // of the first six digits
	lengths   uint32
}

func lengths(n ...int) (set uint32) {
	for _, k := range n {
		set |= 1 << k
	}
	return set
}

// issuers are the ranges in use, by the issuers' published ranges under ISO/IEC
// 7812-1, in order.
var issuers = [...]issuer{
	{220000, 220499, lengths(16, 17, 18, 19)},     // Mir
	{222100, 272099, lengths(16)},                 // Mastercard
	{300000, 305999, lengths(14, 16, 17, 18, 19)}, // Diners Club
	{309500, 309599, lengths(14, 16)},             // Diners Club
	{340000, 349999, lengths(15)},                 // American Express
	{352800, 358999, lengths(16, 17, 18, 19)},     // JCB
	{360000, 369999, lengths(14, 16, 17, 18, 19)}, // Diners Club
	{370000, 379999, lengths(15)},                 // American Express
	{380000, 399999, lengths(14, 16, 17, 18, 19)}, // Diners Club
	{400000, 499999, lengths(13, 16, 19)},         // Visa
	{500000, 509999, lengths(16, 18, 19)},         // Maestro, Elo, Verve, RuPay
	{510000, 559999, lengths(16)},                 // Mastercard
	{560000, 589999, lengths(16, 18, 19)},         // Maestro
	{601100, 601199, lengths(16, 17, 18, 19)},     // Discover
	{604000, 609999, lengths(16)},                 // RuPay, Hipercard
	{620000, 629999, lengths(16, 17, 18, 19)},     // UnionPay
	{630000, 639999, lengths(16, 18, 19)},         // Maestro, Elo, InstaPayment
	{644000, 659999, lengths(16, 17, 18, 19)},     // Discover, RuPay
	{670000, 679999, lengths(16, 18, 19)},         // Maestro
	{810000, 827999, lengths(16, 17, 18, 19)},     // UnionPay, RuPay
	{979200, 979299, lengths(16)},                 // Troy
}

// issuerLengths are the lengths of all issuers whose numbers begin with two digits.
var issuerLengths = func() (t [10][10]uint32) {
	for _, r := range issuers {
		for n := r.low / 10000; n <= r.high/10000; n++ {
			t[n/10][n%10] |= r.lengths
		}
	}
	return t
}()

// luhn reports whether the digits pass the check of ISO/IEC 7812-1 annex B.
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i&1 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// cardNumber reports whether the digits are a card number of a known issuer.
func cardNumber(digits []byte) bool {
	if len(digits) < 13 || len(digits) > 19 {
		return false
	}
	if issuerLengths[digits[0]-'0'][digits[1]-'0']&(1<<len(digits)) == 0 {
		return false
	}
	iin := 0
	for _, c := range digits[:6] {
		iin = iin*10 + int(c-'0')
	}
	for _, r := range issuers {
		if iin < r.low {
			return false
		}
		if iin <= r.high {
			return r.lengths&(1<<len(digits)) != 0 && luhn(digits)
		}
	}
	return false
}

// cardGroups reports whether card numbers are written in groups of these
// lengths: by fours or eights, or as American Express (4-6-5) and Diners Club
// (4-6-4) are.
func cardGroups(runs []run) bool {
	n := len(runs)
	if n == 2 {
		return runs[0].len() == 8 && runs[1].len() == 8
	}
	if n < 3 || n > 5 || runs[0].len() != 4 {
		return false
	}
	if n == 3 {
		return runs[1].len() == 6 && (runs[2].len() == 5 || runs[2].len() == 4)
	}
	for _, r := range runs[1 : n-1] {
		if r.len() != 4 {
			return false
		}
	}
	return runs[n-1].len() <= 4
}

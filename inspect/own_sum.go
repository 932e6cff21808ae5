package inspect

import (
	"maps"
	"slices"
)

// Checksums lists the checksums that a Detector may name, in order:
//
//   - ean: weights of 3 and 1 from the right (GS1 General Specifications 7.9.1);
//   - luhn: ISO/IEC 7812-1 annex B;
//   - mod11: weights of 2 to 7 from the right, again and again; the last character
//     makes the sum a multiple of 11, X stands for 10;
//   - mod11_10: ISO/IEC 7064, MOD 11,10;
//   - mod11_2: ISO/IEC 7064, MOD 11-2, X stands for 10;
//   - mod97: ISO/IEC 7064, MOD 97-10, letters count from 10 up;
//   - verhoeff: J. Verhoeff, Error Detecting Decimal Codes.
//
// Each is reckoned on the letters and digits alone, the check included.
func Checksums() []string { return slices.Sorted(maps.Keys(checksums)) }

// checksums are given letters and digits, letters as capitals, one at least.
var checksums = map[string]func([]byte) bool{
	"ean":      func(v []byte) bool { return len(v) > 1 && digits(v) && threes(v)%10 == 0 },
	"luhn":     func(v []byte) bool { return len(v) > 1 && digits(v) && luhn(v) },
	"mod11":    sevens,
	"mod11_10": func(v []byte) bool { return len(v) > 1 && digits(v) && mod11And10(v) },
	"mod11_2":  mod11And2,
	"mod97":    func(v []byte) bool { return len(v) > 2 && mod97(v) == 1 },
	"verhoeff": func(v []byte) bool { return len(v) > 1 && digits(v) && verhoeff(v) },
}

// threes gives the sum of the digits, every other from the last but one times 3.
func threes(v []byte) (sum int) {
	for i := range v {
		d := int(v[len(v)-1-i] - '0')
		if i%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return sum
}

// tens gives the value of a last character, of which X is 10; -1 for another.
func tens(c byte) int {
	switch {
	case digit(c):
		return int(c - '0')
	case c == 'X':
		return 10
	}
	return -1
}

func sevens(v []byte) bool {
	n := len(v) - 1
	if n < 1 || !digits(v[:n]) {
		return false
	}
	sum := 0
	for i := range n {
		sum += int(v[n-1-i]-'0') * (2 + i%6)
	}
	return (11-sum%11)%11 == tens(v[n])
}

func mod11And2(v []byte) bool {
	n := len(v) - 1
	if n < 1 || !digits(v[:n]) {
		return false
	}
	p := 0
	for _, c := range v[:n] {
		p = (p + int(c-'0')) * 2 % 11
	}
	return (12-p)%11 == tens(v[n])
}

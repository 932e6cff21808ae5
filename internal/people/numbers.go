package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A block is a run of telephone numbers that reach nobody.
type block struct {
	prefix string // E.164, with plus sign
	digits int    // how many more digits follow, all of them free to choose
}

// room gives the number of telephone numbers in a block.
func (b block) room() int {
	n := 1
	for range b.digits {
		n *= 10
	}
	return n
}

// landAndPhone draws a country and a telephone number in it. A country that has
// no number left is passed over.
func (d *drawer) landAndPhone() (*land, string) {
	for {
		l := &lands[pick(d.rnd, landDraw[:])]
		// A country with a hundred thousand numbers is soon hit; one with a
		// few thousand may be full, so the draw ends after some misses.
		for range 64 {
			b := pick(d.rnd, l.phones)
			number := fmt.Sprintf("%s%0*d", b.prefix, b.digits, d.rnd.IntN(b.room()))
			if d.take("phone ", number) {
				return l, number
			}
		}
	}
}

// northAmerica lists the blocks 555-0100 to 555-0199 of area codes: the one
// hundred numbers that the North American Numbering Plan keeps for fiction in
// each (ATIS-0300115, "555 NXX Line Number Reference"). One area code is too
// small a place for a population, so there are many.
func northAmerica(areas string) []block {
	var bs []block
	for _, a := range strings.Fields(areas) {
		bs = append(bs, block{"+1" + a + "55501", 2})
	}
	return bs
}

func blocks(digits int, prefixes ...string) []block {
	var bs []block
	for _, p := range prefixes {
		bs = append(bs, block{p, digits})
	}
	return bs
}

// testIssuers are the issuer numbers of the cards that payment services publish
// for tests (4242 4242 4242 4242, 5555 5555 5555 4444, 3782 822463 10005,
// 6011 1111 1111 1117).
var testIssuers = [...]struct {
	brand, prefix string
	length        int
}{
	{"visa", "424242", 16}, {"visa", "424242", 16}, {"mastercard", "555555", 16},
	{"mastercard", "222300", 16}, {"amex", "378282", 15}, {"discover", "601111", 16},
}

func (d *drawer) card() Card {
	for {
		is := testIssuers[d.rnd.IntN(len(testIssuers))]
		number := WithLuhn(is.prefix + digits(d.rnd, is.length-len(is.prefix)-1))
		if d.take("card ", number) {
			return Card{Brand: is.brand, Number: number, Month: 1 + d.rnd.IntN(12), Year: 2027 + d.rnd.IntN(5)}
		}
	}
}

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

// WithLuhn appends to a run of digits the digit that makes it pass the Luhn
// check (ISO/IEC 7812-1, annex B).
func WithLuhn(s string) string {
	sum := luhn(s, true)
	return s + string(rune('0'+(10-sum%10)%10))
}

// Luhn reports whether a run of digits passes the Luhn check (ISO/IEC 7812-1,
// annex B).
func Luhn(s string) bool { return s != "" && luhn(s, false)%10 == 0 }

// luhn sums the digits from the right, every second one doubled: beginning with
// the last one where first is set, with the one before it otherwise.
func luhn(s string, first bool) int {
	sum, double := 0, first
	for i := len(s) - 1; i >= 0; i-- {
		v := int(s[i] - '0')
		if double {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
		double = !double
	}
	return sum
}

// checkedIBAN puts the check digits before an account's number (ISO 13616,
// ISO/IEC 7064 MOD 97-10).
func checkedIBAN(country, bban string) string {
	return fmt.Sprintf("%s%02d%s", country, 98-mod97(bban+country+"00"), bban)
}

// ValidIBAN reports whether the check digits of an IBAN without spaces hold
// (ISO 13616).
func ValidIBAN(s string) bool {
	return len(s) >= 15 && len(s) <= 34 && mod97(s[4:]+s[:4]) == 1
}

// mod97 gives the remainder of a number in which A stands for 10 and Z for 35.
// Anything else than digits and capital letters gives 97, which is no remainder.
func mod97(s string) int {
	m := 0
	for _, ch := range []byte(s) {
		switch {
		case ch >= '0' && ch <= '9':
			m = (m*10 + int(ch-'0')) % 97
		case ch >= 'A' && ch <= 'Z':
			m = (m*100 + int(ch-'A') + 10) % 97
		default:
			return 97
		}
	}
	return m
}

// The account numbers below follow the structures of the SWIFT IBAN registry,
// with national check digits where the country has them. The bank is "TEST" or
// zeros, which no registry of banks assigns.

func ibanGB(r *rand.Rand) string { return "TEST" + "000000" + digits(r, 8) }

func ibanDE(r *rand.Rand) string { return "00000000" + digits(r, 10) }

func ibanNL(r *rand.Rand) string { return "TEST" + digits(r, 10) }

func ibanBR(r *rand.Rand) string { return "00000000" + "00001" + digits(r, 10) + "C1" }

// ibanFR ends with the clé RIB: what makes 89 banks, 15 branches and 3 accounts
// together divisible by 97.
func ibanFR(r *rand.Rand) string {
	account := digits(r, 11)
	return "00000" + "00000" + account + fmt.Sprintf("%02d", 97-3*mod97(account)%97)
}

// ibanES has two control digits before the account: one over bank and branch
// (zeros, so zero) and one over the account, both modulo 11.
func ibanES(r *rand.Rand) string {
	account, sum := digits(r, 10), 0
	for i, w := range [...]int{1, 2, 4, 8, 5, 10, 9, 7, 3, 6} {
		sum += w * int(account[i]-'0')
	}
	control := 11 - sum%11
	switch control {
	case 11:
		control = 0
	case 10:
		control = 1
	}
	return "0000" + "0000" + "0" + string(rune('0'+control)) + account
}

// ibanIT begins with the CIN: a letter over bank, branch and account in which
// the characters at odd places count by a table.
func ibanIT(r *rand.Rand) string {
	rest := "00000" + "00000" + digits(r, 12)
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21}
	sum := 0
	for i, ch := range []byte(rest) {
		if i%2 == 0 {
			sum += odd[ch-'0']
		} else {
			sum += int(ch - '0')
		}
	}
	return string(rune('A'+sum%26)) + rest
}

var mailDomains = [...]string{"example.com", "example.com", "example.org", "example.net", "mail.example", "inbox.example", "post.example"}

// email draws an address made of the name. Common names soon run out of the
// plain forms; a number makes the others unique.
func (d *drawer) email(first, last string) string {
	f, l := ascii(first), ascii(last)
	for try := 0; ; try++ {
		var local string
		switch d.rnd.IntN(5) {
		case 0:
			local = f + "." + l
		case 1:
			local = f[:1] + l
		case 2:
			local = f + "_" + l
		case 3:
			local = l + "." + f
		default:
			local = f + "." + l + fmt.Sprint(40+d.rnd.IntN(70))
		}
		if try > 3 {
			local += fmt.Sprint(d.rnd.IntN(10 << min(try, 24)))
		}
		if a := local + "@" + mailDomains[d.rnd.IntN(len(mailDomains))]; d.take("email ", a) {
			return a
		}
	}
}

var asciiLetters = strings.NewReplacer("á", "a", "à", "a", "â", "a", "ã", "a", "ä", "ae", "å", "a", "ç", "c",
	"é", "e", "è", "e", "ê", "e", "ë", "e", "í", "i", "ì", "i", "î", "i", "ï", "i", "ñ", "n", "ó", "o", "ò", "o",
	"ô", "o", "õ", "o", "ö", "oe", "ú", "u", "ù", "u", "ü", "ue", "ß", "ss", "'", "", " ", "", "-", "")

// ascii writes a name with the 26 letters alone.
func ascii(name string) string { return asciiLetters.Replace(strings.ToLower(name)) }

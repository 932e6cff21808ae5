package labelled

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/getweir/weir"
)

func (m *maker) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + m.IntN(10))
	}
	return string(b)
}

func (m *maker) hexes(n int) string { return m.from("0123456789abcdef", n) }

func (m *maker) from(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[m.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	base62   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// shaped fills a shape: see land.
func (m *maker) shaped(shape string) string {
	b := []byte(shape)
	for i, c := range b {
		switch c {
		case '0':
			b[i] = byte('0' + m.IntN(10))
		case '1':
			b[i] = byte('1' + m.IntN(9))
		case '@':
			b[i] = "ABCDEFGHJKLMNPRSTUWXY"[m.IntN(21)]
		}
	}
	return string(b)
}

func (m *maker) uuid() string {
	h := []byte(m.hexes(32))
	h[12], h[16] = '4', "89ab"[m.IntN(4)]
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

func (m *maker) epoch() string { return strconv.FormatInt(m.now-m.Int64N(1e8), 10) }
func (m *maker) epochMS() string {
	return strconv.FormatInt((m.now-m.Int64N(1e8))*1000+m.Int64N(1000), 10)
}

func (m *maker) stamp() string {
	t := time.Unix(m.now-m.Int64N(1e8), m.Int64N(1e9)).UTC()
	return t.Format(pick(m, []string{time.RFC3339, "2006-01-02T15:04:05.000Z", "2006-01-02 15:04:05", "2006-01-02T15:04:05.000000Z"}))
}

func (m *maker) cents() string { return fmt.Sprintf("%d.%02d", m.IntN(400), m.IntN(100)) }

// A person is an invented customer.
type person struct{ first, last, full, email string }

func (m *maker) person() person {
	p := person{first: pick(m, m.land.first), last: pick(m, m.land.last)}
	p.full = p.first + " " + p.last
	if m.land.family {
		p.full = p.last + pick(m, []string{"", " "}) + p.first
	}
	p.email = m.email(p)
	return p
}

// plainLetters writes a name with the 26 letters, or gives "" for a name that has
// none of them.
func plainLetters(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if i := strings.IndexRune("áàâãäåăçćčéèêëęíìîïñńóòôõöøőúùûüýžżźłśșşțğæðßı", r); i >= 0 {
			r = rune("aaaaaaaccceeeeeiiiinnooooooouuuuyzzzlsssstgadsi"[len([]rune("áàâãäåăçćčéèêëęíìîïñńóòôõöøőúùûüýžżźłśșşțğæðßı"[:i]))])
		}
		if r < unicode.MaxASCII && unicode.IsLetter(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (m *maker) email(p person) string {
	f, l := plainLetters(p.first), plainLetters(p.last)
	if f == "" || l == "" {
		f, l = own(m, 0, words("hanako minjun wei taro seoyeon fang")), own(m, 0, words("aoyagi namgung ouyang nishizono hwangbo sima"))
	}
	local := ""
	switch m.IntN(8) {
	case 0:
		local = f + "." + l
	case 1:
		local = f[:1] + l
	case 2:
		local = f + "_" + l + m.digits(2)
	case 3:
		local = f + "." + l + "+" + own(m, 0, words("news shop tv orders promo stream"))
	case 4:
		local = l + "-" + f
	case 5:
		local = strings.ToUpper(f[:1]) + f[1:] + "." + strings.ToUpper(l[:1]) + l[1:]
	case 6:
		local = f + m.digits(4)
	default:
		local = "c" + m.digits(7)
	}
	if m.chance(0.03) {
		local = p.first + "." + plainLetters(l)
		local = strings.ReplaceAll(strings.ReplaceAll(local, " ", ""), "'", "")
	}
	return local + "@" + own(m, 2, []string{"example.com", "example.org", "example.net", "mail.example", "inbox.example", "eu-west.mail.example", "post.example", "kunden.firma.example", "münchen.example",
		"xn--mnchen-3ya.example", "sub.domain.example.com", "a.b.c.example.net", "mail-1.example.org", "9to5.example", "例え.example", "почта.example"})
}

const emailClass, phoneClass, cardClass, ibanClass = weir.Class("contact.email"), weir.Class("contact.phone"), weir.Class("payment.card"), weir.Class("payment.iban")

// A phoneStyle says how a number is written.
func (m *maker) phone(international bool) string {
	l := m.land
	n := pick(m, l.phones)
	b := []byte(n)
	// The last digits are free; 555-01xx and the like stay as they are.
	for k, i := 0, len(b)-1; i >= 0 && k < 3; i-- {
		if b[i] != '0' {
			if b[i] >= '1' && b[i] <= '9' {
				break
			}
			continue
		}
		b[i] = byte('0' + m.IntN(10))
		k++
		if strings.Contains(n, "555-01") && k == 2 {
			break
		}
	}
	n = string(b)
	if !international {
		if l.trunk != "" && n[0] != '(' {
			n = l.trunk + n
		}
		switch m.IntN(5) {
		case 0:
			n = strings.Map(onlyDigits, n)
		case 1:
			n = strings.ReplaceAll(n, " ", "-")
		case 2:
			if !strings.Contains(n, "(") {
				n = strings.NewReplacer(" ", ".", "-", ".").Replace(n)
			}
		}
		return n
	}
	switch m.IntN(6) {
	case 0, 1, 2:
		return "+" + l.calling + strings.Map(onlyDigits, n)
	case 3:
		return "+" + l.calling + "-" + strings.NewReplacer(" ", "-", "(", "", ")", "").Replace(n)
	case 4:
		if l.trunk != "" && n[0] != '(' {
			return "+" + l.calling + " (" + l.trunk + ")" + n
		}
	}
	return "+" + l.calling + " " + n
}

func onlyDigits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}

// sum10 is the weight of a row of digits by ISO/IEC 7812-1 annex B, from the right,
// every second digit doubled, beginning with the last.
func sum10(s string) int {
	doubled := [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}
	n := 0
	for i, c := range []byte(s) {
		if d := int(c - '0'); (len(s)-i)%2 == 1 {
			n += doubled[d]
		} else {
			n += d
		}
	}
	return n
}

// with10 appends the check digit of ISO/IEC 7812-1 annex B.
func with10(s string) string { return s + strconv.Itoa((10-sum10(s)%10)%10) }

// off changes the last digit of a number, so that no check over it holds.
func (m *maker) off(s string) string {
	for i := len(s) - 1; i >= 0; i-- {
		if c := s[i]; c >= '0' && c <= '9' {
			return s[:i] + string('0'+(c-'0'+byte(1+m.IntN(9)))%10) + s[i+1:]
		}
	}
	return s
}

// testIssuers are the first digits of the cards that payment services publish for
// tests, and how many digits those have. The first are of all parts.
var testIssuers = []struct {
	prefix string
	n      int
}{{"424242", 16}, {"555555", 16}, {"378282", 15}, {"601111", 16}, {"401288", 16}, {"510510", 16}, {"371449", 15}, {"222300", 16}, {"400000", 16}, {"520082", 16},
	{"356600", 16}, {"620000", 16}, {"305693", 14}, {"362272", 14}, {"601198", 16}, {"411111", 16}, {"507803", 16}, {"630490", 16}, {"400000", 19}, {"622126", 19}}

// card gives a number in one of the ways that people and systems write it.
func (m *maker) card() string {
	is := ownOf(m, 4, testIssuers)
	s := with10(is.prefix + m.digits(is.n-len(is.prefix)-1))
	return m.cardGroups(s)
}

func (m *maker) cardGroups(s string) string {
	if m.chance(0.5) {
		return s
	}
	sep := pick(m, []string{" ", " ", " ", "-", "-", "\u00a0", "\u2009", "\u2011", "."})
	switch len(s) {
	case 15:
		return s[:4] + sep + s[4:10] + sep + s[10:]
	case 14:
		return s[:4] + sep + s[4:10] + sep + s[10:]
	}
	var groups []string
	for len(s) > 4 {
		groups = append(groups, s[:4])
		s = s[4:]
	}
	return strings.Join(append(groups, s), sep)
}

// bbans are the shapes of account numbers in the SWIFT IBAN registry: 0 a digit, A a
// capital letter, X either. The first are of all parts.
var bbans = []string{"GB AAAA00000000000000", "DE 000000000000000000", "FR 0000000000XXXXXXXXXXX00", "NL AAAA0000000000", "ES 00000000000000000000", "IT A0000000000XXXXXXXXXXXX",
	"PL 000000000000000000000000", "BE 000000000000", "AT 0000000000000000", "CH 00000XXXXXXXXXXXX", "SE 00000000000000000000", "DK 00000000000000", "FI 00000000000000", "NO 00000000000",
	"PT 000000000000000000000", "IE AAAA00000000000000", "RO AAAAXXXXXXXXXXXXXXXX", "CZ 00000000000000000000", "HU 000000000000000000000000", "GR 0000000XXXXXXXXXXXXXXXX",
	"LU 000XXXXXXXXXXXXX", "MT AAAA00000XXXXXXXXXXXXXXXXXX", "HR 00000000000000000", "BG AAAA000000XXXXXXXX", "LT 0000000000000000", "LV AAAAXXXXXXXXXXXXX", "EE 0000000000000000", "SK 00000000000000000000",
	"SI 000000000000000", "CY 00000000XXXXXXXXXXXXXXXX", "TR 000000XXXXXXXXXXXXXXXX", "SA 00XXXXXXXXXXXXXXXXXX", "AE 0000000000000000000", "BR 00000000000000000000000AX", "IL 0000000000000000000", "UA 000000XXXXXXXXXXXXXXXXXXX",
	"MC 0000000000XXXXXXXXXXX00", "LI 00000XXXXXXXXXXXX", "IS 0000000000000000000000", "QA AAAAXXXXXXXXXXXXXXXXXXXXX"}

// remainder97 is the remainder of a number in which A stands for 10 and Z for 35.
func remainder97(s string) int {
	r := 0
	for _, c := range []byte(s) {
		v := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
		if v > 9 {
			r = (r*100 + v) % 97
		} else {
			r = (r*10 + v) % 97
		}
	}
	return r
}

func (m *maker) ibanPlain() string {
	shape := own(m, 6, bbans)
	b := []byte(shape[3:])
	for i, c := range b {
		switch c {
		case '0':
			b[i] = byte('0' + m.IntN(10))
		case 'A':
			b[i] = capitals[m.IntN(26)]
		case 'X':
			// Letters are allowed there, and rare.
			b[i] = m.from("01234567890123456789012345678901234567890123456789ABCDEFGHJKLMNPQRSTUV", 1)[0]
		}
	}
	bban := string(b)
	return fmt.Sprintf("%s%02d%s", shape[:2], 98-remainder97(bban+shape[:2]+"00"), bban)
}

func (m *maker) ibanWritten(s string) string {
	switch m.IntN(8) {
	case 0, 1, 2:
		sep := pick(m, []string{" ", " ", "-", "\u00a0"})
		var groups []string
		for len(s) > 4 {
			groups = append(groups, s[:4])
			s = s[4:]
		}
		return strings.Join(append(groups, s), sep)
	case 3:
		return strings.ToLower(s)
	}
	return s
}

func (m *maker) ip() string {
	if m.chance(0.3) {
		if m.chance(0.4) {
			return "2001:db8:" + m.hex16() + ":" + m.hex16() + ":" + m.hex16() + ":" + m.hex16() + ":" + m.hex16() + ":" + m.hex16()
		}
		return "2001:db8:" + m.hex16() + "::" + m.hex16()
	}
	return own(m, 0, []string{"192.0.2.", "198.51.100.", "203.0.113.", "192.0.2.", "198.51.100.", "203.0.113."}) + strconv.Itoa(1+m.IntN(254))
}

func (m *maker) hex16() string { return strconv.FormatInt(1+m.Int64N(0xffff), 16) }

func (m *maker) born() time.Time {
	return time.Date(1941+m.IntN(66), time.Month(1+m.IntN(12)), 1+m.IntN(28), 0, 0, 0, 0, time.UTC)
}

func (m *maker) birthDate() string {
	t := m.born()
	layout := pick(m, []string{"2006-01-02", "2006-01-02", "2006-01-02", "2006/01/02", "20060102", "2006-01-02T00:00:00Z"})
	switch m.land.lang {
	case "de", "pl", "fi", "nb", "ro", "da":
		layout = pick(m, []string{layout, "02.01.2006", "2.1.2006"})
	case "ja", "zh":
		layout = pick(m, []string{layout, "2006年1月2日"})
	case "ko":
		layout = pick(m, []string{layout, "2006.01.02"})
	case "en":
		layout = pick(m, []string{layout, "02/01/2006", "Jan 2, 2006", "2 January 2006", "01/02/2006"})
	default:
		layout = pick(m, []string{layout, "02/01/2006", "02-01-2006"})
	}
	return t.Format(layout)
}

// A place is an invented postal address.
type place struct{ street, line2, city, region, postcode string }

func (m *maker) place() place {
	l := m.land
	p := place{street: fmt.Sprintf(pick(m, l.streets), 1+m.IntN(180)), city: pick(m, l.cities), postcode: m.shaped(l.postcode)}
	if len(l.regions) > 0 {
		p.region = pick(m, l.regions)
	}
	if m.chance(0.3) && l.lang != "ja" && l.lang != "zh" && l.lang != "ko" {
		p.line2 = own(m, 0, []string{"Apt 4B", "Floor 2", "c/o Reception", "Building C", "Unit 12", "Rear entrance"})
	}
	return p
}

func (p place) line() string {
	return p.street + ", " + p.postcode + " " + p.city
}

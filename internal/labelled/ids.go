package labelled

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/getweir/weir"
)

// A kind of number that a state or an authority gives.
type id struct {
	class   weir.Class
	country string // of which it is; "": of every one
	keys    string // as in keysOf
	make    func(m *maker) string
	wrong   func(m *maker, s string) string // nil: the last digit changed
	checked bool                            // it has check digits
}

func weighted(s string, w ...int) int {
	n := 0
	for i, k := range w {
		n += k * int(s[i]-'0')
	}
	return n
}

func (m *maker) date2() (y, mo, d string) {
	t := m.born()
	return t.Format("06"), t.Format("01"), t.Format("02")
}

// sepOr writes s with its separators, or now and then without.
func (m *maker) sepOr(s string) string {
	if m.chance(0.4) {
		return strings.NewReplacer("-", "", " ", "", ".", "", "/", "").Replace(s)
	}
	return s
}

func offLetter(alphabet string) func(m *maker, s string) string {
	return func(m *maker, s string) string {
		i := len(s) - 1
		k := strings.IndexByte(alphabet, s[i])
		return s[:i] + string(alphabet[(k+1+m.IntN(len(alphabet)-1))%len(alphabet)])
	}
}

// ids are the numbers of persons, each made after its published rule.
var ids = []id{
	{class: "identity.us.ssn", country: "US", keys: "ssn; social security number | social security no; ssn number; us ssn; tax ssn", make: func(m *maker) string {
		area := 1 + m.IntN(898)
		for area == 666 {
			area = 1 + m.IntN(898)
		}
		return m.sepOr(fmt.Sprintf("%03d-%02d-%04d", area, 1+m.IntN(99), 1+m.IntN(9999)))
	}, wrong: func(m *maker, s string) string { return pick(m, []string{"000", "666"}) + s[3:] }},
	{class: "identity.us.itin", country: "US", keys: "itin | itin number; taxpayer itin", make: func(m *maker) string {
		group := pick(m, []int{50, 57, 65, 70, 78, 88, 90, 92, 94, 99})
		return m.sepOr(fmt.Sprintf("9%02d-%02d-%04d", m.IntN(100), group, 1+m.IntN(9999)))
	}, wrong: func(m *maker, s string) string {
		if s[3] == '-' {
			return s[:4] + "93" + s[6:]
		}
		return s[:3] + "93" + s[5:]
	}},
	{class: "identity.gb.nhs", country: "GB", keys: "nhs number; nhs no | nhs; patient nhs number", checked: true, make: func(m *maker) string {
		for {
			s := pick(m, []string{"999", "999", "485", "701"}) + m.digits(6)
			if c := 11 - weighted(s, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11; c != 10 {
				s += strconv.Itoa(c % 11)
				return m.sepOr(s[:3] + " " + s[3:6] + " " + s[6:])
			}
		}
	}},
	{class: "identity.gb.nino", country: "GB", keys: "nino; national insurance number | ni number; national insurance no", make: func(m *maker) string {
		return m.sepOr(m.from("ABCEGHJKLMNPRSTWXYZ", 1) + m.from("ACEHJLMPRSWXY", 1) + " " + m.digits(2) + " " + m.digits(2) + " " + m.digits(2) + " " + m.from("ABCD", 1))
	}, wrong: func(m *maker, s string) string { return pick(m, []string{"DA", "QQ", "BG", "ZZ"}) + s[2:] }},
	{class: "identity.ie.pps", country: "IE", keys: "pps; pps number; ppsn | pps no; personal public service number", checked: true, make: func(m *maker) string {
		s := m.digits(7)
		sum, tail := weighted(s, 8, 7, 6, 5, 4, 3, 2), ""
		if m.chance(0.4) {
			tail = m.from("AH", 1)
			sum += 9 * int(tail[0]-'A'+1)
		}
		return s + string("WABCDEFGHIJKLMNOPQRSTUV"[sum%23]) + tail
	}, wrong: func(m *maker, s string) string {
		alphabet := "WABCDEFGHIJKLMNOPQRSTUV"
		k := strings.IndexByte(alphabet, s[7])
		return s[:7] + string(alphabet[(k+1+m.IntN(22))%23]) + s[8:]
	}},
	{class: "identity.fr.nir", country: "FR", keys: "nir; numéro de sécurité sociale | numero securite sociale; insee", checked: true, make: func(m *maker) string {
		y, mo, _ := m.date2()
		s := m.from("12", 1) + y + mo + fmt.Sprintf("%02d", 1+m.IntN(95)) + fmt.Sprintf("%03d", 1+m.IntN(900)) + fmt.Sprintf("%03d", 1+m.IntN(998))
		if s[5:7] == "20" {
			s = s[:5] + "21" + s[7:]
		}
		n, _ := strconv.ParseInt(s, 10, 64)
		s += fmt.Sprintf("%02d", 97-n%97)
		return m.sepOr(s[:1] + " " + s[1:3] + " " + s[3:5] + " " + s[5:7] + " " + s[7:10] + " " + s[10:13] + " " + s[13:])
	}},
	{class: "identity.de.tax_id", country: "DE", keys: "steuer id; tax id; steueridentifikationsnummer | steuerliche identifikationsnummer; idnr; steuer identifikationsnummer", checked: true, make: func(m *maker) string {
		for {
			p := m.Perm(10)[:9]
			p = append(p, p[m.IntN(9)])
			m.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
			if p[0] == 0 {
				continue
			}
			carry, s := 10, ""
			for _, d := range p {
				v := (d + carry) % 10
				if v == 0 {
					v = 10
				}
				carry = v * 2 % 11
				s += strconv.Itoa(d)
			}
			s += strconv.Itoa((11 - carry) % 10)
			return m.sepOr(s[:2] + " " + s[2:5] + " " + s[5:8] + " " + s[8:])
		}
	}},
	{class: "identity.es.dni", country: "ES", keys: "dni | número de dni; dni number; documento nacional de identidad", checked: true, make: func(m *maker) string {
		n := 1000000 + m.IntN(98000000)
		return fmt.Sprintf("%08d", n) + pick(m, []string{"", "", "-"}) + string("TRWAGMYFPDXBNJZSQVHLCKE"[n%23])
	}, wrong: offLetter("TRWAGMYFPDXBNJZSQVHLCKE")},
	{class: "identity.es.nie", country: "ES", keys: "nie | número de nie; nie number", checked: true, make: func(m *maker) string {
		k, n := m.IntN(3), m.IntN(10000000)
		return fmt.Sprintf("%c%07d", "XYZ"[k], n) + pick(m, []string{"", "", "-"}) + string("TRWAGMYFPDXBNJZSQVHLCKE"[(k*10000000+n)%23])
	}, wrong: offLetter("TRWAGMYFPDXBNJZSQVHLCKE")},
	{class: "identity.it.codice_fiscale", country: "IT", keys: "codice fiscale | cf; tax code; codicefiscale", checked: true, make: func(m *maker) string {
		t := m.born()
		day := t.Day() + 40*m.IntN(2)
		s := m.from("BCDFGLMNPRSTVZ", 6) + t.Format("06") + string("ABCDEHLMPRST"[t.Month()-1]) + fmt.Sprintf("%02d", day) + m.from("ABCDEFGHIL", 1) + fmt.Sprintf("%03d", 1+m.IntN(999))
		odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
		sum := 0
		for i, c := range []byte(s) {
			v := int(c - '0')
			if v > 9 {
				v = int(c - 'A')
			}
			if i%2 == 0 {
				v = odd[v]
			}
			sum += v
		}
		return s + string(capitals[sum%26])
	}, wrong: offLetter(capitals)},
	{class: "identity.nl.bsn", country: "NL", keys: "bsn; burgerservicenummer | bsn nummer; sofinummer", checked: true, make: func(m *maker) string {
		for {
			s := pick(m, []string{"1", "2", "3", "5", "8"}) + m.digits(7)
			if c := weighted(s, 9, 8, 7, 6, 5, 4, 3, 2) % 11; c < 10 {
				s += strconv.Itoa(c)
				return m.sepOr(s[:4] + "." + s[4:6] + "." + s[6:])
			}
		}
	}},
	{class: "identity.be.nn", country: "BE", keys: "rijksregisternummer; national number; numéro national | rrn; insz; niss", checked: true, make: func(m *maker) string {
		t := m.born()
		s := t.Format("060102") + fmt.Sprintf("%03d", 1+m.IntN(997))
		whole := s
		if t.Year() >= 2000 {
			whole = "2" + s
		}
		n, _ := strconv.ParseInt(whole, 10, 64)
		s += fmt.Sprintf("%02d", 97-n%97)
		return m.sepOr(s[:2] + "." + s[2:4] + "." + s[4:6] + "-" + s[6:9] + "." + s[9:])
	}},
	{class: "identity.pl.pesel", country: "PL", keys: "pesel; numer pesel | nr pesel; pesel number", checked: true, make: func(m *maker) string {
		t := m.born()
		mo := int(t.Month())
		if t.Year() >= 2000 {
			mo += 20
		}
		s := fmt.Sprintf("%s%02d%02d%s", t.Format("06"), mo, t.Day(), m.digits(4))
		return s + strconv.Itoa((10-weighted(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10)
	}},
	{class: "identity.se.personnummer", country: "SE", keys: "personnummer; personal identity number | person nummer; samordningsnummer", checked: true, make: func(m *maker) string {
		t := m.born()
		s := with10(t.Format("060102") + m.digits(3))
		if m.chance(0.4) {
			return m.sepOr(t.Format("20060102") + "-" + s[6:])
		}
		return s[:6] + "-" + s[6:]
	}},
	{class: "identity.dk.cpr", country: "DK", keys: "cpr; cpr nummer; personnummer | cpr nr; cpr number", checked: true, make: func(m *maker) string {
		for {
			t := m.born()
			seventh := m.IntN(4)
			if t.Year() >= 2000 {
				seventh = 4 + m.IntN(2)
			}
			s := t.Format("020106") + strconv.Itoa(seventh) + m.digits(2)
			if c := (11 - weighted(s, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11; c < 10 {
				return m.sepOr(s[:6] + "-" + s[6:] + strconv.Itoa(c))
			}
		}
	}, wrong: func(m *maker, s string) string { return "39" + s[2:] }},
	{class: "identity.fi.hetu", country: "FI", keys: "hetu; henkilötunnus | henkilotunnus; personal identity code", checked: true, make: func(m *maker) string {
		t := m.born()
		sign := "-"
		if t.Year() >= 2000 {
			sign = "A"
		}
		three := fmt.Sprintf("%03d", 2+m.IntN(898))
		n, _ := strconv.Atoi(t.Format("020106") + three)
		return t.Format("020106") + sign + three + string("0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31])
	}, wrong: offLetter("0123456789ABCDEFHJKLMNPRSTUVWXY")},
	{class: "identity.no.fodselsnummer", country: "NO", keys: "fødselsnummer; fodselsnummer; personnummer | fnr; national identity number", checked: true, make: func(m *maker) string {
		for {
			t := m.born()
			three := fmt.Sprintf("%03d", m.IntN(500))
			if t.Year() >= 2000 {
				three = fmt.Sprintf("%03d", 500+m.IntN(500))
			}
			s := t.Format("020106") + three
			a := (11 - weighted(s, 3, 7, 6, 1, 8, 9, 4, 5, 2)%11) % 11
			if a == 10 {
				continue
			}
			s += strconv.Itoa(a)
			c := (11 - weighted(s, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
			if c == 10 {
				continue
			}
			s += strconv.Itoa(c)
			return m.sepOr(s[:6] + " " + s[6:])
		}
	}},
	{class: "identity.pt.nif", country: "PT", keys: "nif; número de contribuinte | numero contribuinte; contribuinte; nif number", checked: true, make: func(m *maker) string {
		s := m.from("123", 1) + m.digits(7)
		c := 11 - weighted(s, 9, 8, 7, 6, 5, 4, 3, 2)%11
		if c > 9 {
			c = 0
		}
		s += strconv.Itoa(c)
		return m.sepOr(s[:3] + " " + s[3:6] + " " + s[6:])
	}},
	{class: "identity.ro.cnp", country: "RO", keys: "cnp; cod numeric personal | numar cnp; cod numeric", checked: true, make: func(m *maker) string {
		t := m.born()
		sex := 1 + m.IntN(2)
		if t.Year() >= 2000 {
			sex += 4
		}
		s := strconv.Itoa(sex) + t.Format("060102") + fmt.Sprintf("%02d", 1+m.IntN(46)) + fmt.Sprintf("%03d", 1+m.IntN(999))
		c := weighted(s, 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9) % 11
		if c == 10 {
			c = 1
		}
		return s + strconv.Itoa(c)
	}},
	{class: "identity.ch.ahv", country: "CH", keys: "ahv nummer; ahv; ahvn13 | sozialversicherungsnummer; numéro avs; ahv nr", checked: true, make: func(m *maker) string {
		s := "756" + m.digits(9)
		s += strconv.Itoa((10 - weighted(s, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)%10) % 10)
		return m.sepOr(s[:3] + "." + s[3:7] + "." + s[7:11] + "." + s[11:])
	}},
	{class: "identity.in.aadhaar", country: "IN", keys: "aadhaar; aadhaar number | aadhar; aadhaar no; uidai number", checked: true, make: func(m *maker) string {
		s := m.from("23456789", 1) + m.digits(10)
		for c := range 10 {
			if t := s + strconv.Itoa(c); dihedral(t) == 0 {
				return m.sepOr(t[:4] + " " + t[4:8] + " " + t[8:])
			}
		}
		return s
	}},
	{class: "identity.in.pan", country: "IN", keys: "pan number; pan card | pan no; permanent account number; income tax pan", make: func(m *maker) string {
		return m.from(capitals, 3) + "P" + m.from(capitals, 1) + fmt.Sprintf("%04d", 1+m.IntN(9998)) + m.from(capitals, 1)
	}, wrong: func(m *maker, s string) string { return s[:3] + m.from("DIMNOQRSUVWXYZ", 1) + s[4:] }},
	{class: "identity.cn.resident_id", country: "CN", keys: "身份证; 身份证号; id card number | 身份证号码; resident identity number", checked: true, make: func(m *maker) string {
		s := pick(m, []string{"110105", "310104", "440106", "330102", "510107", "420111"}) + m.born().Format("20060102") + fmt.Sprintf("%03d", 1+m.IntN(998))
		sum := 0
		for i, c := range []byte(s) {
			w := 1
			for range 17 - i {
				w = w * 2 % 11
			}
			sum += w * int(c-'0')
		}
		return s + string("10X98765432"[sum%11])
	}, wrong: offLetter("10X98765432")},
	{class: "identity.jp.my_number", country: "JP", keys: "マイナンバー; 個人番号; my number | mynumber; マイナンバーカード番号", checked: true, make: func(m *maker) string {
		s := m.digits(11)
		sum := 0
		for n := 1; n <= 11; n++ {
			q := n + 1
			if n > 6 {
				q = n - 5
			}
			sum += q * int(s[11-n]-'0')
		}
		c := 0
		if r := sum % 11; r > 1 {
			c = 11 - r
		}
		s += strconv.Itoa(c)
		return m.sepOr(s[:4] + " " + s[4:8] + " " + s[8:])
	}},
	{class: "identity.kr.rrn", country: "KR", keys: "주민등록번호; 주민번호; resident registration number | rrn; resident number", checked: true, make: func(m *maker) string {
		t := m.born()
		sex := 1 + m.IntN(2)
		if t.Year() >= 2000 {
			sex += 2
		}
		s := t.Format("060102") + strconv.Itoa(sex) + m.digits(5)
		s += strconv.Itoa((11 - weighted(s, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)%11) % 10)
		return m.sepOr(s[:6] + "-" + s[6:])
	}, wrong: func(m *maker, s string) string { return s[:2] + "13" + s[4:] }},
	{class: "identity.br.cpf", country: "BR", keys: "cpf; número do cpf | numero cpf; cpf titular; documento cpf", checked: true, make: func(m *maker) string {
		s := m.digits(9)
		for n := 10; n <= 11; n++ {
			sum := 0
			for i := range s {
				sum += (n - i) * int(s[i]-'0')
			}
			s += strconv.Itoa(sum * 10 % 11 % 10)
		}
		return m.sepOr(s[:3] + "." + s[3:6] + "." + s[6:9] + "-" + s[9:])
	}},
	{class: "identity.br.cnpj", country: "BR", keys: "cnpj | cnpj empresa; número cnpj", checked: true, make: func(m *maker) string {
		s := m.digits(8) + fmt.Sprintf("%04d", 1+m.IntN(40))
		for range 2 {
			sum, w := 0, 2
			for i := len(s) - 1; i >= 0; i-- {
				sum += w * int(s[i]-'0')
				if w++; w > 9 {
					w = 2
				}
			}
			c := 11 - sum%11
			if c > 9 {
				c = 0
			}
			s += strconv.Itoa(c)
		}
		return m.sepOr(s[:2] + "." + s[2:5] + "." + s[5:8] + "/" + s[8:12] + "-" + s[12:])
	}},
	{class: "identity.mx.curp", country: "MX", keys: "curp; clave curp | curp number; clave única de registro de población", checked: true, make: func(m *maker) string {
		t := m.born()
		extra := m.digits(1)
		if t.Year() >= 2000 {
			extra = m.from(capitals[:10], 1)
		}
		s := m.from("BCDFGHJKLM", 1) + m.from("AEIOU", 1) + m.from("BCDFGHJKLM", 2) + t.Format("060102") + m.from("HM", 1) + pick(m, words("AS BC CS DF JC NL OC PL YN ZS")) + m.from("BCDFGHJKLMNPQRSTVWXYZ", 3) + extra
		sum := 0
		for i, r := range s {
			v := strings.IndexRune("0123456789ABCDEFGHIJKLMN", r)
			if v < 0 {
				v = 25 + strings.IndexRune("OPQRSTUVWXYZ", r) // Ñ is 24
			}
			sum += v * (18 - i)
		}
		return s + strconv.Itoa((10-sum%10)%10)
	}},
	{class: "identity.au.tfn", country: "AU", keys: "tfn; tax file number | tfn number; tax file no", checked: true, make: func(m *maker) string {
		for {
			s := m.from("123456789", 1) + m.digits(7)
			for c := range 10 {
				if t := s + strconv.Itoa(c); weighted(t, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 {
					return m.sepOr(t[:3] + " " + t[3:6] + " " + t[6:])
				}
			}
		}
	}},
	{class: "identity.au.medicare", country: "AU", keys: "medicare number; medicare | medicare card number; medicare no", checked: true, make: func(m *maker) string {
		s := m.from("23456", 1) + m.digits(7)
		s += strconv.Itoa(weighted(s, 1, 3, 7, 9, 1, 3, 7, 9)%10) + m.from("123456789", 1)
		return m.sepOr(s[:4] + " " + s[4:9] + " " + s[9:])
	}, wrong: func(m *maker, s string) string {
		i := len(s) - 2
		if s[i] == ' ' {
			i--
		}
		return s[:i] + string('0'+(s[i]-'0'+byte(1+m.IntN(9)))%10) + s[i+1:]
	}},
}

// dihedral is the check of J. Verhoeff (Error Detecting Decimal Codes, 1969), by
// the group of the pentagon instead of a table: 0 for a number that passes.
func dihedral(s string) int {
	perm := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range s {
		d := int(s[len(s)-1-i] - '0')
		for range i % 8 {
			d = perm[d]
		}
		// Rotations 0 to 4, reflections 5 to 9.
		switch {
		case c < 5 && d < 5:
			c = (c + d) % 5
		case c < 5:
			c = (c+d-5)%5 + 5
		case d < 5:
			c = (c-5-d+5)%5 + 5
		default:
			c = (c - d + 5) % 5
		}
	}
	return c
}

package inspect

// roCNP is sex and century, date of birth, county, serial and a digit that checks
// them modulo 11 (10 counts as 1).
var roCNP = rule{
	class: "identity.ro.cnp", country: "RO", checked: true,
	about:   "a personal numeric code of Romania (CNP): a day of birth, checked",
	source:  "OUG 97/2005 art. 6; HG 1375/2006 annex 2",
	keys:    "{cod,codul}_{numeric,numeric_personal,personal} cnp cod_numeric_personal cnp_number codnumericpersonal cod_personal cnp_client cnp_titular numar_cnp număr_cnp romanian_cnp " + nationalKeys,
	forms:   "ddddddddddddd",
	valid:   []string{"1800101221144", "2960229410017"},
	invalid: []string{"1800101221145", "0800101221144", "1801301221144", "1800101991144", "180010122114"},
	check: func(v []byte) proof {
		if len(v) != 13 || !digits(v) || v[0] == '0' {
			return refuted
		}
		year := decimal(v[1:3])
		switch v[0] {
		case '1', '2':
			year += 1900
		case '3', '4':
			year += 1800
		case '5', '6':
			year += 2000
		}
		county := decimal(v[7:9])
		if !day(year, decimal(v[3:5]), decimal(v[5:7])) || county < 1 || county > 52 && county != 70 && (county < 80 || county > 83) {
			return refuted
		}
		c := weighted(v, "279146358279") % 11
		if c == 10 {
			c = 1
		}
		if c != int(v[12]-'0') {
			return refuted
		}
		return checked
	},
}

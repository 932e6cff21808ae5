package inspect

// itCodiceFiscale is six letters of the names, year, letter of the month, day (41 on
// for women), four characters of the place of birth, and a letter that checks them.
// Digits may stand as letters (omocodia).
var itCodiceFiscale = rule{
	class: "identity.it.codice_fiscale", country: "IT", checked: true,
	about:   "a tax code of Italy (codice fiscale), checked",
	source:  "Decreto del Ministero delle finanze 23 dicembre 1976",
	keys:    "codice_fiscale codicefiscale cod_fiscale cf fiscal_code tax_code " + taxKeys + " " + nationalKeys,
	forms:   "AAAAAANNANNANNNA!",
	valid:   []string{"RSSMRA85T10A562S", "BNCLRA80A41H501D"},
	invalid: []string{"RSSMRA85T10A562T", "RSSMRA85F10A562S", "RSSMRA85T32A562S", "RSSMRA85T10A562"},
	check: func(v []byte) proof {
		if len(v) != 16 || !capitals(v[:6]) || v[8]-'A' >= 26 || v[11]-'A' >= 26 || v[15]-'A' >= 26 {
			return refuted
		}
		var d [16]byte
		for _, i := range [...]int{6, 7, 9, 10, 12, 13, 14} {
			if d[i] = itDigit(v[i]); d[i] == 0 {
				return refuted
			}
		}
		switch v[8] {
		case 'A', 'B', 'C', 'D', 'E', 'H', 'L', 'M', 'P', 'R', 'S', 'T':
		default:
			return refuted
		}
		if day := decimal(d[9:11]); day < 1 || day > 31 && day < 41 || day > 71 {
			return refuted
		}
		// Odd places, counted from one, have values of their own.
		const odd = "\x01\x00\x05\x07\x09\x0d\x0f\x11\x13\x15\x02\x04\x12\x14\x0b\x03\x06\x08\x0c\x0e\x10\x0a\x16\x19\x18\x17"
		sum := 0
		for i, c := range v[:15] {
			k := int(c - 'A')
			if digit(c) {
				k = int(c - '0')
			}
			if i%2 == 0 {
				k = int(odd[k])
			}
			sum += k
		}
		if byte('A'+sum%26) != v[15] {
			return refuted
		}
		return checked
	},
}

// itDigit gives the digit that c stands for; 0 for none.
func itDigit(c byte) byte {
	if digit(c) {
		return c
	}
	const letters = "LMNPQRSTUV"
	for i := range letters {
		if letters[i] == c {
			return byte('0' + i)
		}
	}
	return 0
}

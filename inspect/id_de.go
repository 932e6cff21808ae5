package inspect

// deTaxID has eleven digits. Of the first ten, one occurs twice or three times (and
// then not three times in a row) and the others once at most; the last checks them.
var deTaxID = rule{
	class: "identity.de.tax_id", country: "DE", checked: true,
	about:   "a tax identification number of Germany (IdNr), checked",
	source:  "§ 139b AO, § 1 StIdV; ISO/IEC 7064 MOD 11,10",
	keys:    "{persönliche_,deutsche_,}{steuer,steuerliche,steuerlich}_{id,idnr,id_nr,id_nummer,identnummer,ident_nr,identifikationsnummer,identifikations_nr,identifikation} steuer_id steuerid steuer_identifikationsnummer steueridentifikationsnummer steuer_idnr steuer_nummer steuernummer steuerliche_identifikationsnummer idnr steuer_identnummer " + taxKeys,
	forms:   "ddddddddddd|dd ddd ddd ddd",
	valid:   []string{"86 095 742 719", "86095742719", "47036892816", "65929970489"},
	invalid: []string{"86095742718", "06095742719", "12345678903", "11111111111", "8609574271"},
	check: func(v []byte) proof {
		if len(v) != 11 || !digits(v) || v[0] == '0' || !mod11And10(v) {
			return refuted
		}
		var seen [10]int
		for _, c := range v[:10] {
			seen[c-'0']++
		}
		many := 0
		for _, n := range seen {
			if n > 3 {
				return refuted
			}
			if n > 1 {
				many++
			}
		}
		if many != 1 {
			return refuted
		}
		for i := range v[:8] {
			if v[i] == v[i+1] && v[i] == v[i+2] {
				return refuted
			}
		}
		return checked
	},
}

package inspect

// noFodselsnummer is the date of birth, a serial and two digits that check modulo 11.
// 40 is added to the day in D numbers, 40 or 65 or 80 to the month in test numbers.
var noFodselsnummer = rule{
	class: "identity.no.fodselsnummer", country: "NO", checked: true,
	about:   "a birth or D number of Norway: a day of birth, checked twice",
	source:  "Folkeregisterforskriften § 2-2-1; Skatteetaten, fødselsnummer (modulus 11)",
	keys:    "fodselsnummer fødselsnummer foedselsnummer fodselsnr fødselsnr fnr personnummer d_nummer dnummer norwegian_national_id " + nationalKeys,
	forms:   "ddddddddddd|dddddd ddddd!",
	valid:   []string{"01010750160", "010107 50160", "15021951940"},
	invalid: []string{"01010750161", "01130750160", "32010750160", "0101075016"},
	check: func(v []byte) proof {
		if len(v) != 11 || !digits(v) {
			return refuted
		}
		date, month := decimal(v[:2]), decimal(v[2:4])
		if date > 40 {
			date -= 40
		}
		switch {
		case month > 80:
			month -= 80
		case month > 65:
			month -= 65
		case month > 40:
			month -= 40
		}
		if !day(decimal(v[4:6]), month, date) || weighted(v, "3761894521")%11 != 0 || weighted(v, "54327654321")%11 != 0 {
			return refuted
		}
		return checked
	},
}

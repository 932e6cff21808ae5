package inspect

// sePersonnummer is the date of birth, a serial and a digit by the Luhn check over
// the ten digits without the century. 60 is added to the day in coordination numbers.
var sePersonnummer = rule{
	class: "identity.se.personnummer", country: "SE", checked: true,
	about:   "a personal or coordination number of Sweden: a day of birth, checked",
	source:  "Folkbokföringslagen (1991:481) 18 §; Skatteverket SKV 704",
	keys:    "personnummer person_nummer personnr pnr personal_identity_number samordningsnummer swedish_personal_number " + nationalKeys,
	forms:   "dddddd-dddd!|dddddddd-dddd!|dddddddddd|dddddddddddd",
	valid:   []string{"811218-9876", "19811218-9876", "8112189876", "198112189876", "701063-2391", "220090-2399"},
	invalid: []string{"811218-9875", "811318-9876", "811232-9876", "81121898"},
	check: func(v []byte) proof {
		year := 0
		if len(v) == 12 {
			if c := decimal(v[:2]); c < 18 || c > 20 {
				return refuted
			}
			year, v = 100*decimal(v[:2]), v[2:]
		}
		if len(v) != 10 || !digits(v) {
			return refuted
		}
		year += decimal(v[:2])
		date, month := decimal(v[4:6]), decimal(v[2:4])
		if date > 60 {
			date -= 60
			month = max(month, 1) // 00: not known
		}
		if !day(year, month, date) || !luhn(v) {
			return refuted
		}
		return checked
	},
}

package inspect

// fiHETU is the date of birth, a sign of the century, a serial, and a character by
// the nine digits modulo 31. Without separators the sign - or + is left out.
var fiHETU = rule{
	class: "identity.fi.hetu", country: "FI", checked: true,
	about:   "a personal identity code of Finland: a day of birth, checked",
	source:  "Valtioneuvoston asetus väestötietojärjestelmästä 128/2010 2 §; 690/2022 (signs of the century)",
	keys:    "hetu henkilötunnus henkilotunnus personal_identity_code finnish_ssn sosiaaliturvatunnus personbeteckning social_security_number social_security_no " + nationalKeys,
	forms:   "dddddd-dddN!|ddddddAdddN!|dddddd-dddd",
	valid:   []string{"131052-308T", "010594Y9032", "120464-126J", "131052A308T"},
	invalid: []string{"131052-308U", "321052-308T", "131352-308T", "131052G308T", "131052-308"},
	check: func(v []byte) proof {
		if len(v) == 11 {
			if c := v[6]; c-'A' > 5 && c-'U' > 4 {
				return refuted
			}
			var joined [10]byte
			copy(joined[copy(joined[:], v[:6]):], v[7:])
			v = joined[:]
		}
		if len(v) != 10 || !digits(v[:9]) || !day(decimal(v[4:6]), decimal(v[2:4]), decimal(v[:2])) || decimal(v[6:9]) < 2 {
			return refuted
		}
		if "0123456789ABCDEFHJKLMNPRSTUVWXY"[decimal(v[:9])%31] != v[9] {
			return refuted
		}
		return checked
	},
}

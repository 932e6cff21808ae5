package inspect

// plPESEL is the date of birth (80 is added to the month for the 1800s, 20, 40 and
// 60 for the 2000s on), a serial, and a digit that checks them.
var plPESEL = rule{
	class: "identity.pl.pesel", country: "PL", checked: true,
	about:   "a PESEL of Poland: a day of birth, checked",
	source:  "Ustawa o ewidencji ludności (2010) art. 15; weights 1 3 7 9",
	keys:    "pesel numer_pesel nr_pesel pesel_number numer_ewidencyjny " + nationalKeys,
	forms:   "ddddddddddd",
	valid:   []string{"44051401359", "02070803628", "90010112349"},
	invalid: []string{"44051401358", "44131401359", "00000000000", "4405140135"},
	check: func(v []byte) proof {
		if len(v) != 11 || !digits(v) {
			return refuted
		}
		century := [...]int{1900, 2000, 2100, 2200, 1800}[(v[2]-'0')>>1]
		if !day(century+decimal(v[:2]), decimal(v[2:4])%20, decimal(v[4:6])) || weighted(v, "13791379131")%10 != 0 {
			return refuted
		}
		return checked
	},
}

package inspect

// dkCPR is the date of birth and a serial. Until 2007 the whole was divisible by 11
// with weights; since then that cannot be relied on.
var dkCPR = rule{
	class: "identity.dk.cpr", country: "DK", checked: true,
	about:   "a civil registration number of Denmark: a day of birth; checked where the check holds, which it need not since 2007",
	source:  "CPR-kontoret, Personnummeret i CPR; CPR-numre uden kontrol (modulus 11)",
	keys:    "cpr cpr_number cpr_nummer cpr_nr cprnr cprnummer personnummer",
	forms:   "dddddd-dddd!|dddddddddd|dddddd dddd",
	valid:   []string{"211062-5629", "2110625629", "010107-4001"},
	invalid: []string{"321062-5629", "211362-5629", "21106256"},
	check: func(v []byte) proof {
		if len(v) != 10 || !digits(v) {
			return refuted
		}
		date := decimal(v[:2])
		if date > 60 {
			date -= 60
		}
		if !day(decimal(v[4:6]), decimal(v[2:4]), date) || decimal(v[6:]) == 0 {
			return refuted
		}
		if weighted(v, "4327654321")%11 != 0 {
			return plausible
		}
		return checked
	},
}

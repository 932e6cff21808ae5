package inspect

// nlBSN has nine digits that pass the test of eleven: weights 9 to 2, and -1.
var nlBSN = rule{
	class: "identity.nl.bsn", country: "NL", checked: true,
	about:   "a citizen service number of the Netherlands (BSN), checked",
	source:  "Besluit burgerservicenummer; Logisch Ontwerp BSN (elfproef)",
	keys:    "bsn bsn_nummer bsn_number burgerservicenummer burger_service_nummer sofinummer sofi_nummer citizen_service_number " + nationalKeys,
	forms:   "ddddddddd|dddd.dd.ddd|ddd ddd ddd",
	valid:   []string{"111222333", "1234.56.782", "123456782"},
	invalid: []string{"111222334", "000000000", "111111111", "111222"},
	check: func(v []byte) proof {
		var padded [9]byte
		if len(v) == 7 || len(v) == 8 {
			// Written as a number, without zeros in front.
			copy(padded[:], "00")
			copy(padded[9-len(v):], v)
			v = padded[:]
		}
		if len(v) != 9 || !digits(v) || uniform(v) || (descending(v[:8], 9)-int(v[8]-'0'))%11 != 0 {
			return refuted
		}
		return checked
	},
}

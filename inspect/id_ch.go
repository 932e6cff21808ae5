package inspect

// chAHV is 756, nine digits, and the check digit of EAN-13.
var chAHV = rule{
	class: "identity.ch.ahv", country: "CH", checked: true,
	about:   "a social security number of Switzerland (AHV number), checked",
	source:  "AHVV art. 133; GS1 General Specifications section 7.9 (check digit)",
	keys:    "ahv avs ahv_nummer ahv_nr ahvnr ahv_number ahvn_13 navs_13 numero_avs numéro_avs avs_number numero_ahv oasi_number sozialversicherungsnummer swiss_ssn social_security_number social_security_no " + nationalKeys,
	forms:   "ddd.dddd.dddd.dd!|ddddddddddddd!|ddd dddd dddd dd!",
	valid:   []string{"756.9217.0769.85", "7569217076985", "756.1234.5678.97"},
	invalid: []string{"756.9217.0769.84", "757.9217.0769.85", "756921707698"},
	check: func(v []byte) proof {
		if len(v) != 13 || !digits(v) || string(v[:3]) != "756" || uniform(v[3:12]) || weighted(v, "1313131313131")%10 != 0 {
			return refuted
		}
		return checked
	},
}

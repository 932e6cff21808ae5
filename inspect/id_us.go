package inspect

// usSSN follows 20 CFR 422.103 and the Social Security Administration's notes on
// randomization (2011): the area is not 000, 666 or 9xx, the group not 00, the
// serial not 0000. Numbers known from advertisements are nobody's.
var usSSN = rule{
	class: "identity.us.ssn", country: "US",
	about:   "a social security number of the United States: areas, groups and serials that are issued",
	source:  "20 CFR 422.103; SSA, Social Security Number Randomization (2011)",
	keys:    "{social_security,soc_sec,socsec,social_sec,ss}_{number,no,num,nbr,nr} ssn us_ssn ssn_number social_security social_security_number social_security_no social_security_num soc_sec_no socialsecuritynumber socialsecurity seguro_social numero_de_seguro_social",
	forms:   "ddd-dd-dddd!|ddd dd dddd|ddddddddd",
	valid:   []string{"536-22-1234", "536221234", "219-09-9998"},
	invalid: []string{"000-12-3456", "666-12-3456", "900-12-3456", "536-00-1234", "536-22-0000", "078-05-1120", "219-09-9999", "123-45-6789", "111-11-1111"},
	check: func(v []byte) proof {
		if len(v) != 9 || !digits(v) || v[0] == '9' || uniform(v) {
			return refuted
		}
		switch string(v[:3]) {
		case "000", "666":
			return refuted
		}
		switch string(v) {
		case "078051120", "219099999", "123456789", "987654321":
			return refuted
		}
		if string(v[3:5]) == "00" || string(v[5:]) == "0000" {
			return refuted
		}
		return plausible
	},
}

// usITIN has 9 in front, and a group of 50 to 65, 70 to 88, 90 to 92 or 94 to 99.
var usITIN = rule{
	class: "identity.us.itin", country: "US",
	about:   "an individual taxpayer identification number of the United States: groups that are issued",
	source:  "IRS, Internal Revenue Manual 3.21.263.2",
	keys:    "itin itin_number individual_taxpayer_identification_number taxpayer_identification_number " + taxKeys,
	forms:   "ddd-dd-dddd!|ddd dd dddd|ddddddddd",
	valid:   []string{"912-70-1234", "900-94-0001", "999881234"},
	invalid: []string{"812-70-1234", "912-49-1234", "912-66-1234", "912-89-1234", "912-93-1234", "91270123"},
	check: func(v []byte) proof {
		if len(v) != 9 || !digits(v) || v[0] != '9' || uniform(v) {
			return refuted
		}
		if g := decimal(v[3:5]); g < 50 || g > 65 && g < 70 || g == 89 || g == 93 {
			return refuted
		}
		return plausible
	},
}

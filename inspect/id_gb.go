package inspect

// gbNHS has ten digits, the last of which checks the others modulo 11.
var gbNHS = rule{
	class: "identity.gb.nhs", country: "GB", checked: true,
	about:   "an NHS number of England, Wales and the Isle of Man, checked",
	source:  "NHS Data Model and Dictionary, NHS NUMBER (modulus 11)",
	keys:    "{nhs,nhs_patient,national_health_service,health_service}_{number,no,num,id} nhs nhs_number nhs_no nhsnumber nhs_num national_health_service_number",
	forms:   "ddd ddd dddd|ddd-ddd-dddd|dddddddddd",
	valid:   []string{"943 476 5919", "9434765919", "987-654-3210"},
	invalid: []string{"943 476 5918", "0000000000", "1111111111", "943476591"},
	check: func(v []byte) proof {
		if len(v) != 10 || !digits(v) || uniform(v) {
			return refuted
		}
		if c := (11 - descending(v[:9], 10)%11) % 11; c != int(v[9]-'0') {
			return refuted
		}
		return checked
	},
}

// gbNINO is two letters, six digits and a letter of A to D. D, F, I, Q, U and V are
// not used in front, O not second, and some pairs not at all.
var gbNINO = rule{
	class: "identity.gb.nino", country: "GB",
	about:   "a national insurance number of the United Kingdom: prefixes that are issued",
	source:  "HMRC, National Insurance Manual NIM39110",
	keys:    "{national_insurance,national_ins,nat_ins,nat_insurance}_{number,no,num} nino ni_number ni_no national_insurance national_insurance_number national_insurance_no nationalinsurancenumber",
	forms:   "AA dd dd dd A!|AAddddddA!|AA-dd-dd-dd-A!|AA dddddd A!",
	valid:   []string{"AB123456C", "JG 10 37 59 A", "AA-12-34-56-D"},
	invalid: []string{"QQ123456C", "DA123456A", "AO123456A", "BG123456A", "ZZ123456A", "AB123456E", "AB12345C"},
	check: func(v []byte) proof {
		if len(v) != 9 || !capitals(v[:2]) || !digits(v[2:8]) || v[8]-'A' > 3 {
			return refuted
		}
		for _, c := range v[:2] {
			switch c {
			case 'D', 'F', 'I', 'Q', 'U', 'V':
				return refuted
			}
		}
		switch string(v[:2]) {
		case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
			return refuted
		}
		if v[1] == 'O' {
			return refuted
		}
		return plausible
	},
}

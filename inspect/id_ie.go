package inspect

// iePPS is seven digits, a letter that checks them modulo 23, and since 2013 a
// further letter, which counts nine times.
var iePPS = rule{
	class: "identity.ie.pps", country: "IE", checked: true,
	about:   "a personal public service number of Ireland, checked",
	source:  "Social Welfare Consolidation Act 2005 s. 262; Revenue, PPSN check character (modulus 23)",
	keys:    "{pps,personal_public_service}_{number,no,num} pps ppsn pps_number pps_no ppsnumber personal_public_service_number rsi_number",
	forms:   "dddddddA|dddddddAA|ddddddd A|ddddddd AA",
	valid:   []string{"1234567T", "1234567FA", "6433435F"},
	invalid: []string{"1234567A", "1234567TA", "6433435E", "643343F", "0000000W"},
	check: func(v []byte) proof {
		if len(v) < 8 || len(v) > 9 || !digits(v[:7]) || !capitals(v[7:]) || uniform(v[:7]) {
			return refuted
		}
		sum := descending(v[:7], 8)
		if len(v) == 9 && v[8] != 'W' {
			if v[8] > 'I' && v[8] != 'T' && v[8] != 'X' {
				return refuted
			}
			sum += 9 * int(v[8]-'A'+1)
		}
		if "WABCDEFGHIJKLMNOPQRSTUV"[sum%23] != v[7] {
			return refuted
		}
		return checked
	},
}

package inspect

// krRRN is the date of birth, a digit for sex and century, and until October 2020
// the place and a check; since then the rest is random.
var krRRN = rule{
	class: "identity.kr.rrn", country: "KR", checked: true,
	about:   "a resident or foreigner registration number of Korea: a day of birth; checked where it has a check, which those since October 2020 have not",
	source:  "주민등록법 시행규칙 제2조 (modulus 11); its revision of 2020",
	keys:    "{resident,resident_registration,alien_registration,foreigner_registration}_{number,no,num,id} rrn resident_registration_number resident_registration_no jumin jumin_number jumin_no 주민등록번호 주민번호 주민등록 주민 resident_number resident_no 외국인등록번호 " + nationalKeys,
	forms:   "dddddd-ddddddd!|ddddddddddddd",
	valid:   []string{"820701-2409181", "8207012409181", "201105-3123456"},
	invalid: []string{"821301-2409184", "820701-0409184", "82070124091"},
	check: func(v []byte) proof {
		if len(v) != 13 || !digits(v) || v[6] == '0' || v[6] == '9' {
			return refuted
		}
		year := 1900 + decimal(v[:2])
		if s := v[6]; s == '3' || s == '4' || s == '7' || s == '8' {
			year += 100
		}
		if !day(year, decimal(v[2:4]), decimal(v[4:6])) {
			return refuted
		}
		c := 11 - weighted(v, "234567892345")%11
		switch own := int(v[12] - '0'); {
		case c%10 == own, v[6] > '4' && (c+2)%10 == own: // foreigners: two more
			return checked
		}
		return plausible
	},
}

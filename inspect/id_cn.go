package inspect

// cnResidentID is the place of registration, the date of birth, a serial and a
// character by ISO/IEC 7064 MOD 11-2.
var cnResidentID = rule{
	class: "identity.cn.resident_id", country: "CN", checked: true,
	about:   "a resident identity number of China: a known province, a day of birth, checked",
	source:  "GB 11643-1999; GB/T 2260 (provinces); ISO/IEC 7064 MOD 11-2",
	keys:    "resident_id resident_identity_number resident_identity_card id_card id_card_number id_card_no idcard idcardno id_card_num shenfenzheng sfz 身份证 身份证号 身份证号码 公民身份号码 证件号码 " + nationalKeys,
	forms:   "dddddddddddddddddd!|dddddddddddddddddA!",
	valid:   []string{"11010519491231002X", "440524188001010014", "110101199003070628"},
	invalid: []string{"110105194912310021", "990105194912310025", "11010519491331002X", "1101051949123100"},
	check: func(v []byte) proof {
		if len(v) != 18 || !digits(v[:17]) || !digit(v[17]) && v[17] != 'X' {
			return refuted
		}
		const provinces = " 11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91 "
		known := false
		for i := 1; i < len(provinces); i += 3 {
			known = known || provinces[i] == v[0] && provinces[i+1] == v[1]
		}
		year := decimal(v[6:10])
		if !known || year < 1850 || year > 2100 || !day(year, decimal(v[10:12]), decimal(v[12:14])) {
			return refuted
		}
		p := 0
		for _, c := range v[:17] {
			p = (p + int(c-'0')) * 2 % 11
		}
		last := int(v[17] - '0')
		if v[17] == 'X' {
			last = 10
		}
		if (p+last)%11 != 1 {
			return refuted
		}
		return checked
	},
}

package inspect

// auTFN has nine digits, or eight in old ones, whose weighted sum is divisible by 11.
var auTFN = rule{
	class: "identity.au.tfn", country: "AU", checked: true,
	about:   "a tax file number of Australia, checked",
	source:  "Australian Taxation Office, TFN algorithm (modulus 11); Privacy (Tax File Number) Rule 2015",
	keys:    "tax_file_{number,no,num} tfn tfn_number tax_file_number tax_file_no taxfilenumber",
	forms:   "ddd ddd ddd|ddddddddd|ddd-ddd-ddd|dddddddd",
	valid:   []string{"123 456 782", "123456782", "37118629"},
	invalid: []string{"123 456 783", "000000000", "1234567"},
	check: func(v []byte) proof {
		if !digits(v) || len(v) == 0 || uniform(v) {
			return refuted
		}
		switch {
		case len(v) == 9 && (weighted(v[:8], "14375869")+10*int(v[8]-'0'))%11 == 0:
			return checked
		case len(v) == 8 && (10*int(v[0]-'0')+weighted(v[1:], "7846351"))%11 == 0:
			return checked
		}
		return refuted
	},
}

// auMedicare is eight digits, one that checks them, mostly the issue of the card, and
// often the person's number on it.
var auMedicare = rule{
	class: "identity.au.medicare", country: "AU", checked: true,
	about:   "a Medicare card number of Australia, checked",
	source:  "Services Australia, Medicare card number: weights 1 3 7 9, modulus 10; AIHW METeOR 270101",
	keys:    "medicare_{card_,}{number,no,num,id} medicare medicare_number medicare_no medicare_card medicare_card_number medicare_card_no medicarenumber",
	forms:   "dddd ddddd d|dddddddddd|ddddddddddd|dddd-ddddd-d",
	valid:   []string{"2123 45670 1", "2123456701", "21234567011"},
	invalid: []string{"2123 45671 1", "1123 45670 1", "2123 45670 0", "21234567"},
	check: func(v []byte) proof {
		if len(v) < 9 || len(v) > 11 || !digits(v) || v[0] < '2' || v[0] > '6' || len(v) > 9 && v[9] == '0' || uniform(v) {
			return refuted
		}
		if weighted(v, "13791379")%10 != int(v[8]-'0') {
			return refuted
		}
		return checked
	},
}

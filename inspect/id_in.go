package inspect

// inAadhaar has twelve digits, the first not 0 or 1, and passes Verhoeff's check. One
// that reads the same backwards is not issued.
var inAadhaar = rule{
	class: "identity.in.aadhaar", country: "IN", checked: true,
	about:   "an Aadhaar number of India, checked",
	source:  "UIDAI, A UID Numbering Scheme (2010): Verhoeff's check",
	keys:    "aadhaar aadhar adhaar aadhaar_number aadhaar_no aadhar_number aadhar_no aadhaar_card aadhaar_id uidai uidai_number आधार " + nationalKeys,
	forms:   "dddd dddd dddd|dddd-dddd-dddd|dddddddddddd",
	valid:   []string{"2341 2341 2346", "234123412346", "9999 4105 7058"},
	invalid: []string{"2341 2341 2347", "1341 2341 2346", "222222222222", "23412341234"},
	check: func(v []byte) proof {
		if len(v) != 12 || !digits(v) || v[0] < '2' || !verhoeff(v) {
			return refuted
		}
		for i := range 6 {
			if v[i] != v[11-i] {
				return checked
			}
		}
		return refuted
	},
}

// inPAN is five letters, four digits and a letter; the fourth letter says whose it
// is. How the last is made is not published.
var inPAN = rule{
	class: "identity.in.pan", country: "IN",
	about:   "a permanent account number of India: five letters of which the fourth is a known kind, four digits, a letter",
	source:  "Income-tax Rules 1962 rule 114; Income Tax Department, structure of PAN",
	keys:    "permanent_account_{number,no,num} pan_{number,no,num,card} pan pan_number pan_no pan_card pan_card_number pan_card_no permanent_account_number income_tax_pan pannumber",
	forms:   "AAAAAddddA",
	valid:   []string{"ABCPE1234F", "AAACT2727Q"},
	invalid: []string{"ABCXE1234F", "ABCPE123F", "ABCPE0000F", "1BCPE1234F"},
	check: func(v []byte) proof {
		if len(v) != 10 || !capitals(v[:5]) || !digits(v[5:9]) || v[9]-'A' >= 26 || decimal(v[5:9]) == 0 {
			return refuted
		}
		switch v[3] {
		case 'A', 'B', 'C', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'P', 'T':
			return plausible
		}
		return refuted
	},
}

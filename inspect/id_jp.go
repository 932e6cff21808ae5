package inspect

// jpMyNumber has twelve digits, the last of which checks the others modulo 11.
var jpMyNumber = rule{
	class: "identity.jp.my_number", country: "JP", checked: true,
	about:   "an individual number of Japan (My Number), checked",
	source:  "行政手続における特定の個人を識別するための番号の利用等に関する法律; 総務省令第八十五号 第五条 (modulus 11)",
	keys:    "{個人,マイ}_番号 my_number mynumber individual_number kojin_bango マイナンバー 個人番号 my_number_card mynumber_card my_no individual_no kojinbango マイナンバーカード マイナンバーカード番号 個人番号カード",
	forms:   "dddddddddddd|dddd dddd dddd|dddd-dddd-dddd",
	valid:   []string{"123456789018", "1234-5678-9018"},
	invalid: []string{"123456789012", "000000000000", "12345678901"},
	check: func(v []byte) proof {
		if len(v) != 12 || !digits(v) || uniform(v) {
			return refuted
		}
		c := 11 - weighted(v, "65432765432")%11
		if c >= 10 {
			c = 0
		}
		if c != int(v[11]-'0') {
			return refuted
		}
		return checked
	},
}

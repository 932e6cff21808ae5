package inspect

// ptNIF has nine digits, the last of which checks the others modulo 11. The first
// ones say whose it is.
var ptNIF = rule{
	class: "identity.pt.nif", country: "PT", checked: true,
	about:   "a tax number of Portugal (NIF), checked",
	source:  "Decreto-Lei 14/2013; Autoridade Tributária, controlo do NIF (modulus 11)",
	keys:    "nif nif_number numero_nif contribuinte numero_de_contribuinte número_de_contribuinte numero_contribuinte numero_fiscal número_fiscal numero_de_identificacao_fiscal " + taxKeys,
	forms:   "ddddddddd|ddd ddd ddd",
	valid:   []string{"123456789", "123 456 789", "501442600", "299999998"},
	invalid: []string{"123456788", "400000000", "000000000", "12345678"},
	check: func(v []byte) proof {
		if len(v) != 9 || !digits(v) || v[0] == '0' || v[0] == '4' && v[1] != '5' {
			return refuted
		}
		c := 11 - descending(v[:8], 9)%11
		if c >= 10 {
			c = 0
		}
		if c != int(v[8]-'0') {
			return refuted
		}
		return checked
	},
}

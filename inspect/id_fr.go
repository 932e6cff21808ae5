package inspect

// frNIR is sex, year, month, department (2A and 2B in Corsica), commune and order,
// and two digits that make the whole divisible by 97. Months from 20 on stand for
// births whose month is not known.
var frNIR = rule{
	class: "identity.fr.nir", country: "FR", checked: true,
	about: "a social security number of France (NIR), checked",
	source: "Code de la sécurité sociale R115-1; INSEE, numéro d'inscription au répertoire (clé: 97 minus " +
		"the number modulo 97)",
	keys:    "insee nir nir_number numero_nir securite_sociale sécurité_sociale numero_secu numéro_sécu num_secu insee_number numero_insee numéro_insee carte_vitale numero_ss num_ss nss numero_securite secu n_secu social_security_number social_security_no " + nationalKeys,
	forms:   "ddddddddddddddd!|d dd dd dd ddd ddd dd!|d dd dd NN ddd ddd dd!|dddddNNdddddddd!|d.dd.dd.dd.ddd.ddd.dd!|ddddddddddddd dd!",
	valid:   []string{"1 85 05 78 006 084 91", "255081416802538", "2 69 05 49 588 157 80", "1 84 12 2A 004 005 44"},
	invalid: []string{"1 85 05 78 006 084 37", "955081416802538", "255151416802538", "25508141680253"},
	check: func(v []byte) proof {
		if len(v) != 15 || !digits(v[:5]) || !digits(v[7:]) || v[0] == '0' || v[0] == '5' || v[0] == '6' || v[0] == '9' {
			return refuted
		}
		if m := decimal(v[3:5]); m < 1 || m > 12 && m < 20 || m > 42 && m < 50 {
			return refuted
		}
		department := 0
		switch {
		case v[5] == '2' && v[6] == 'A':
			department = 19
		case v[5] == '2' && v[6] == 'B':
			department = 18
		case digits(v[5:7]) && string(v[5:7]) != "00":
			department = decimal(v[5:7])
		default:
			return refuted
		}
		if key := 97 - ((decimal(v[:5])*100+department)*1000000+decimal(v[7:13]))%97; key != decimal(v[13:]) {
			return refuted
		}
		return checked
	},
}

package inspect

// beNN is the date of birth, an order number, and 97 less the rest of these nine
// digits modulo 97; from 2000 on with a 2 in front of them. Months from 20 or 40 on
// belong to bis numbers, of whom the sex is not or is known.
var beNN = rule{
	class: "identity.be.nn", country: "BE", checked: true,
	about:   "a national number of Belgium, checked",
	source:  "Arrêté royal du 3 avril 1984 (numéro d'identification du Registre national); arrêté royal du 8 février 1991 (numéro bis)",
	keys:    "rijksregisternummer rijksregister_nummer rijksregister numero_national numéro_national registre_national niss insz nrn rrn nationalnummer nn_number national_register_number numero_de_registre_national social_security_number social_security_no " + nationalKeys,
	forms:   "dd.dd.dd-ddd.dd!|dd.dd.dd-ddd-dd!|ddddddddddd|dddddd-ddd-dd!|dddddd ddd dd",
	valid:   []string{"85.07.30-033.28", "85073003328", "00.01.01-001.05"},
	invalid: []string{"85.07.30-033.29", "85.13.30-033.28", "00000000097", "8507300332"},
	check: func(v []byte) proof {
		if len(v) != 11 || !digits(v) {
			return refuted
		}
		year, month, date := decimal(v[:2]), decimal(v[2:4])%20, decimal(v[4:6])
		if decimal(v[2:4]) > 52 || month > 12 || date > 31 || month > 0 && date > 0 && !day(year, month, date) || decimal(v[6:9]) == 0 {
			return refuted
		}
		if n, key := decimal(v[:9]), decimal(v[9:]); key != 97-n%97 && key != 97-(2000000000+n)%97 {
			return refuted
		}
		return checked
	},
}

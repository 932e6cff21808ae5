package inspect

// esLetter is the letter that the number of a DNI or NIE ends in, by its remainder
// modulo 23.
func esLetter(n int) byte { return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] }

// esDNI is eight digits and a letter that checks them modulo 23.
var esDNI = rule{
	class: "identity.es.dni", country: "ES", checked: true,
	about:   "the number of a national identity document of Spain (DNI), checked",
	source:  "Real Decreto 1553/2005; Ministerio del Interior, cálculo del dígito de control del NIF/NIE",
	keys:    "dni dni_number numero_dni numero_de_dni número_de_dni documento_nacional_de_identidad nif nif_number dni_nie dni_nif nif_nie " + nationalKeys,
	forms:   "ddddddddA|dddddddd-A!|dddddddd A|dd.ddd.ddd-A!|dd.ddd.ddd A",
	valid:   []string{"12345678Z", "12345678-Z", "12.345.678-Z", "00000001R"},
	invalid: []string{"12345678A", "1234567Z", "00000000T", "123456789"},
	check: func(v []byte) proof {
		if len(v) != 9 || !digits(v[:8]) || v[8] != esLetter(decimal(v[:8])) || decimal(v[:8]) == 0 {
			return refuted
		}
		return checked
	},
}

// esNIE is a DNI for foreigners: X, Y or Z stands for 0, 1 or 2 in front.
var esNIE = rule{
	class: "identity.es.nie", country: "ES", checked: true,
	about:   "the identity number of a foreigner in Spain (NIE), checked",
	source:  "Orden INT/2058/2008; Ministerio del Interior, cálculo del dígito de control del NIF/NIE",
	keys:    "nie nie_number numero_nie numero_de_identidad_de_extranjero dni_nie nif nif_nie " + nationalKeys,
	forms:   "AdddddddA!|A-ddddddd-A!|Addddddd-A!",
	valid:   []string{"X1234567L", "Y-1234567-X", "Z1234567R"},
	invalid: []string{"X1234567A", "W1234567L", "X123456L"},
	check: func(v []byte) proof {
		if len(v) != 9 || v[0]-'X' > 2 || !digits(v[1:8]) || v[8] != esLetter(int(v[0]-'X')*10000000+decimal(v[1:8])) {
			return refuted
		}
		return checked
	},
}

package inspect

// mxCURP is four letters of the names, the date of birth, sex, state, three
// consonants of the names, a sign against doubles, and a digit that checks them.
var mxCURP = rule{
	class: "identity.mx.curp", country: "MX", checked: true,
	about:   "a population registry code of Mexico (CURP): a day of birth, a known state, checked",
	source:  "RENAPO, Instructivo normativo para la asignación de la CURP (DOF 18 October 2021)",
	keys:    "curp clave_curp clave_unica curp_number " + nationalKeys,
	forms:   "AAAAddddddAAAAAANd!",
	valid:   []string{"HEGG560427MVZRRL04", "BOXW310820HNERXN09"},
	invalid: []string{"HEGG560427MVZRRL05", "HEGG561327MVZRRL04", "HEGG560427QVZRRL04", "HEGG560427MXXRRL04"},
	check: func(v []byte) proof {
		if len(v) != 18 || !capitals(v[:4]) || !digits(v[4:10]) || !capitals(v[10:16]) || !digit(v[17]) || !digit(v[16]) && v[16]-'A' >= 26 {
			return refuted
		}
		if v[10] != 'H' && v[10] != 'M' && v[10] != 'X' || !day(decimal(v[4:6]), decimal(v[6:8]), decimal(v[8:10])) {
			return refuted
		}
		const states = "ASBCBSCCCLCMCSCHDFDGGTGRHGJCMCMNMSNTNLOCPLQTQRSPSLSRTCTSTLVZYNZSNE"
		known := false
		for i := 0; i < len(states); i += 2 {
			known = known || states[i] == v[11] && states[i+1] == v[12]
		}
		if !known {
			return refuted
		}
		sum := 0
		for i, c := range v[:17] {
			k := int(c - '0')
			if c >= 'A' {
				if k = int(c-'A') + 10; c > 'N' {
					k++ // Ñ stands after N
				}
			}
			sum += k * (18 - i)
		}
		if (10-sum%10)%10 != int(v[17]-'0') {
			return refuted
		}
		return checked
	},
}

package inspect

// brCPF has eleven digits, of which two check the others modulo 11.
var brCPF = rule{
	class: "identity.br.cpf", country: "BR", checked: true,
	about:   "a taxpayer number of persons in Brazil (CPF), checked twice",
	source:  "Receita Federal, IN RFB 2172/2024: dígitos verificadores (modulus 11)",
	keys:    "cpf cpf_number cpf_numero numero_cpf numero_do_cpf número_do_cpf cpf_cnpj cpf_cliente cpf_titular cpf_usuario cpf_do_cliente cpf_do_titular cpf_comprador nr_cpf cadastro_de_pessoas_fisicas " + nationalKeys,
	forms:   "ddd.ddd.ddd-dd!|ddddddddddd|ddddddddd-dd!|ddd ddd ddd dd",
	valid:   []string{"123.456.789-09", "12345678909", "529.982.247-25"},
	invalid: []string{"123.456.789-00", "111.111.111-11", "1234567890"},
	check: func(v []byte) proof {
		if len(v) != 11 || !digits(v) || uniform(v) || brCheck(v[:9], 10) != v[9] || brCheck(v[:10], 11) != v[10] {
			return refuted
		}
		return checked
	},
}

// brCheck gives the check digit of a CPF: weights from down to 2.
func brCheck(v []byte, from int) byte {
	if c := descending(v, from) * 10 % 11; c < 10 {
		return byte('0' + c)
	}
	return '0'
}

// brCNPJ has twelve characters and two digits that check them modulo 11. Since July
// 2026 letters are given out too; each counts as its code less that of "0".
var brCNPJ = rule{
	class: "identity.br.cnpj", country: "BR", checked: true,
	about:   "a register number of legal entities, also of one person, in Brazil (CNPJ), with letters too, checked twice",
	source:  "Receita Federal, IN RFB 2119/2022 and 2229/2024 (letters): modulus 11",
	keys:    "cnpj cnpj_number cnpj_numero numero_cnpj numero_do_cnpj número_do_cnpj cnpj_empresa cnpj_da_empresa cpf_cnpj",
	forms:   "dd.ddd.ddd/dddd-dd!|dddddddddddddd|NN.NNN.NNN/NNNN-dd!|NNNNNNNNNNNNdd|dddddddd/dddd-dd!",
	valid:   []string{"11.222.333/0001-81", "11222333000181", "12.ABC.345/01DE-35", "12ABC34501DE35"},
	invalid: []string{"11.222.333/0001-80", "00000000000000", "12.ABC.345/01DE-36", "1122233300018"},
	check: func(v []byte) proof {
		if len(v) != 14 || !digits(v[12:]) || uniform(v) {
			return refuted
		}
		for k, weights := range [...]string{"543298765432", "6543298765432"} {
			if c := (11 - weighted(v, weights)%11) % 11 % 10; c != int(v[12+k]-'0') {
				return refuted
			}
		}
		return checked
	},
}

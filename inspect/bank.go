package inspect

import "github.com/getweir/weir"

// usRouting has nine digits; those in use begin with 01 to 12, 21 to 32, 61 to 72 or
// 80.
var usRouting = rule{
	class: BankAccount, country: "US", checked: true,
	about:   "an account at a bank: a routing number of the United States, checked; a sort code of the United Kingdom; an account's number by key",
	source:  "American Bankers Association, Routing Number Policy (weights 3 7 1); ISO 9362 excluded",
	keys:    "{bank_,ach_,aba_,wire_,}routing_{number,no,num,code,transit_number} {bank,ach,aba,wire}_routing aba_{number,no,code} routing_number routing_no routing_num routing aba aba_number aba_no aba_routing aba_routing_number rtn routing_transit_number bank_routing_number routingnumber ach_routing",
	forms:   "ddddddddd|dddd-dddd-d",
	valid:   []string{"121000248", "314074269", "071004200", "275982005"},
	invalid: []string{"123456789", "000000000", "121000249", "451000248"},
	check: func(v []byte) proof {
		if len(v) != 9 || !digits(v) {
			return refuted
		}
		if p := decimal(v[:2]); p == 0 || p > 12 && p < 21 || p > 32 && p < 61 || p > 72 && p != 80 {
			return refuted
		}
		if weighted(v, "371371371")%10 != 0 {
			return refuted
		}
		return checked
	},
}

// gbSortCode is six digits in pairs.
var gbSortCode = rule{
	class: BankAccount, country: "GB",
	source:  "Pay.UK, Vocalink: Validating account numbers",
	keys:    "sort_code sortcode bank_sort_code sort_codes",
	forms:   "dd-dd-dd|dd dd dd",
	valid:   []string{"12-34-56", "12 34 56"},
	invalid: []string{"000000", "12345", "1234567"},
	check: func(v []byte) proof {
		if len(v) != 6 || !digits(v) || uniform(v) {
			return refuted
		}
		return plausible
	},
}

// bankAccount is what its key calls one: national numbers of accounts have four to
// 20 digits.
var bankAccount = rule{
	class:  BankAccount,
	source: "ISO 13616 registry, lengths of domestic account numbers",
	keys: "{bank,banking}_{account,acct,konto}_{number,no,num,nr,} {numer,nr,numero,número,num,nro}_{konta,rachunku,cuenta,cuenta_bancaria,conta,conto,compte,compte_bancaire,de_cuenta,de_conta,di_conto,de_compte} {bank_konto,bankkonto,bankrekening,compte_bancaire,conto_bancario,konto_bankowe,bankkontonummer,bank_rekening,cuenta_bancaria,conta_bancaria} bank_account bank_account_number bank_account_no bank_acct bank_acct_number bankaccount bankaccountnumber bank_account_num iban_or_account direct_debit_account kontonummer konto_nummer kontonr numero_de_compte numéro_de_compte " +
		"numero_compte numero_de_cuenta numero_cuenta número_de_cuenta cuenta_bancaria conto_corrente numero_conto conta_bancaria conta_corrente numero_da_conta rekeningnummer numer_konta numer_rachunku clabe 口座番号 银行账号 계좌번호",
	forms:   "dddddddd|ddddddddd|dddddddddd|ddddddddddd|dddddddddddd",
	valid:   []string{"12345678", "000123456789"},
	invalid: []string{"123", "00000000", "ba_1234567"},
	check: func(v []byte) proof {
		if len(v) < 4 || len(v) > 20 || !digits(v) || uniform(v) {
			return refuted
		}
		return plausible
	},
}

// bic is four letters of a party, a country, and two or five more characters.
var bic = rule{
	class: BIC, capitals: true,
	about:   "a business identifier code of a bank, by key: a known country in it",
	source:  "ISO 9362:2022; ISO 3166-1",
	keys:    "{bic,swift,bank_swift,bank_bic,swift_bic,bic_swift}_{code,number,no,id} bic bic_code swift swift_code swift_bic bic_swift bank_bic swiftcode biccode bic_number swift_number",
	valid:   []string{"DEUTDEFF", "DEUTDEFF500", "NWBKGB2L"},
	invalid: []string{"DEUTQQFF", "DEUTDEF", "DEUTDEFF50", "1EUTDEFF"},
	check: func(v []byte) proof {
		if len(v) != 8 && len(v) != 11 || !capitals(v[:6]) || v[6] == '0' || !isCountry(v[4], v[5]) {
			return refuted
		}
		return plausible
	},
}

// isCountry reports whether a and b are a country's code.
func isCountry(a, b byte) bool {
	return a == 'X' && b == 'K' || regionOf(string([]byte{a, b})) >= 0 || territories[[2]byte{a, b}]
}

// territories are codes of ISO 3166-1 that have no telephone numbers of their own.
var territories = map[[2]byte]bool{{'A', 'Q'}: true, {'B', 'V'}: true, {'G', 'S'}: true, {'H', 'M'}: true, {'P', 'N'}: true, {'T', 'F'}: true, {'U', 'M'}: true}

// cvv is three digits, four on cards of American Express.
var cvv = rule{
	class:   CVV,
	about:   "the security code of a payment card, by key or beside a card",
	source:  "PCI DSS v4.0.1 requirement 3.3.1.2; ISO/IEC 7813",
	keys:    "{card,cc,credit_card,debit_card}_{cvv,cvc,csc,cvn,cvv_2,cvc_2} card_{verification,security,validation,identification}_{code,number,value,digits} cvv cvc cvv_2 cvc_2 cvv_code cvc_code cvn csc cvv_number card_cvv card_cvc card_cvv_2 card_verification_value card_verification_code card_verification_number card_security_code security_code securitycode kartenprüfnummer prüfziffer_karte codigo_seguridad código_de_seguridad cryptogramme cryptogramme_visuel",
	valid:   []string{"123", "1234", "007"},
	invalid: []string{"12", "12345", "12a"},
	check: func(v []byte) proof {
		if len(v) < 3 || len(v) > 4 || !digits(v) {
			return refuted
		}
		return plausible
	},
}

// besideCard looks for the expiry and the security code that stand within a few
// words after the card number that ends at t[i].
func (w *walk) besideCard(t []byte, hi, i int) {
	const reach = 60
	end := min(hi, i+reach)
	// What the last word asked for, and whether the number before was an expiry.
	expires, secures, follows := false, false, false
	for p := i; p < end; {
		switch c := t[p]; {
		case c == '\n' || c == '@' || c == '+' || c == '*' || c == '{' || c == '}' || c >= 0x80:
			return
		case alpha(c) && !wordByte(t[p-1]):
			b := p
			for b < end && alpha(t[b]) {
				b++
			}
			switch word, _ := compact(w.plain[:], t[p:b]); string(word) {
			case "EXP", "EXPIRY", "EXPIRES", "EXPIRATION", "VALID", "THRU", "VTO", "SCAD", "CAD", "VALIDADE":
				expires, secures = true, false
			case "CVV", "CVC", "CVN", "CSC":
				expires, secures = false, true
			case "DATE", "CODE", "IS", "END":
			default:
				expires, secures = false, false
			}
			p, follows = b, false
		case digit(c) && !wordByte(t[p-1]):
			b := p
			for b < hi && (digit(t[b]) || !secures && (t[b] == '/' || t[b] == '-')) {
				b++
			}
			near := p-max(i, w.last) <= 3
			switch {
			case b < hi && wordByte(t[b]):
				return
			case (secures || follows && near) && (b-p == 3 || b-p == 4):
				w.emit(CVV, p, b, weir.SureMatch, false, "card")
				return
			case (expires || near) && b-p >= 5 && expiryValue(t[p:b]):
				w.emit(Expiry, p, b, weir.SureMatch, false, "card")
				expires, follows = false, true
			default:
				return // another number
			}
			p = b
		case digit(c):
			return
		default:
			p++
		}
	}
}

// expiryValue reports whether v is a month and a year as cards have them: MM/YY,
// MM/YYYY or YYYY-MM, the separator / or -.
func expiryValue(v []byte) bool {
	switch {
	case len(v) == 5 && digits(v[:2]) && (v[2] == '/' || v[2] == '-') && digits(v[3:]):
		return monthValue(v[:2])
	case len(v) == 7 && digits(v[:2]) && (v[2] == '/' || v[2] == '-') && digits(v[3:]):
		return monthValue(v[:2]) && v[3] == '2' && v[4] == '0'
	case len(v) == 7 && digits(v[:4]) && (v[4] == '/' || v[4] == '-') && digits(v[5:]):
		return monthValue(v[5:]) && v[0] == '2' && v[1] == '0'
	case len(v) == 4 && digits(v):
		return monthValue(v[:2]) && v[2] >= '1' && v[2] <= '4'
	}
	return false
}

func monthValue(v []byte) bool { m := decimal(v); return 1 <= m && m <= 12 }

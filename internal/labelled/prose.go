package labelled

import "strings"

// sayings are sentences in which values stand; % and a letter stands for one.
// Common ones first, then those of the parts but HeldOut.
var sayings = []string{
	"You can write to me at %e.", "Please call %p after six.", "My new number is %i, thanks.", "I paid with card %c last week.", "Refund it to %b please.",
	"Contact: %e, %i", "Mail %e or phone: %p", "Phone %p", "Telephone number: %p (evenings)", "The card number was %c, valid until next year.", "Credit card: %c", "The transfer came from IBAN %b.", "Send the invoice to <%e>.",
	"She can be reached at %i or %e;", "Login from IP address %a failed.", "Your client IP was %a.", "%e (work), %i (mobile)", "mailto:%e?subject=hello", "Forwarded by \"Shop\" <%e>", "tel: %p",
	"My %n", "The number of my papers, %n, was asked for.", "For the tax office: %n", "As requested, %n.",
}

// saysOf are sentences in which a national phone number is announced in the
// country's language.
var saysOf = map[string][]string{
	"de": {"Bitte rufen Sie mich an, Telefon %p.", "Tel. %p", "Handy: %p"}, "fr": {"Appelez-moi au téléphone %p.", "Tél. : %p", "Téléphone : %p"}, "es": {"Llame al teléfono %p.", "Tel. %p", "Móvil: %p"},
	"it": {"Telefono: %p", "Il mio cellulare: %p", "Tel. %p"}, "pt": {"Telefone: %p", "Ligue para o celular %p", "Tel. %p"}, "nl": {"Telefoon: %p", "Tel. %p", "Bel mij, telefoonnummer %p"}, "pl": {"Telefon: %p", "Tel. %p", "Numer telefonu: %p"},
	"ja": {"電話番号：%p", "電話: %p", "TEL %p"}, "zh": {"电话：%p", "手机号: %p", "手机: %p"}, "ko": {"전화번호: %p", "전화 %p", "전화번호 %p"},
}

// remarks hold nothing personal.
var remarks = []string{
	"Order %o has not arrived.", "The parcel %t is late.", "It stopped at 00:42:17 on version %v.", "Error 0x80070005 at 1767225600123.", "See page 12-15, chapter 3.4.5.6, ISBN 978-0-306-40615-7.", "It costs 1.234,56 and not 1 234 567.",
	"Ticket 2024-0001234567 is closed.", "Try logo@2x.png and @weirshop instead.", "Invoice %o of 2024-11-02 10:11:12 is paid.", "The box is 120-450-900 mm.", "Block %k is corrupt.", "Trace 4bf92f3577b34da6a3ce929d0e0e4736 ended.",
	"Meeting 10:30-11:45, room 204.", "Article 4242-1111 is out of stock.", "Serial number %o.", "The film runs 2 h 14 min (1987-2024 edition).",
}

// sentences draws a few sentences with values and without.
func (m *maker) sentences() []*node {
	var out []*node
	for range 3 + m.IntN(5) {
		said, of, remarked := sayings, saysOf[m.land.lang], remarks
		if m.part == HeldOut {
			said, of, remarked = heldOutSayings, heldOutSaysOf[m.land.lang], heldOutRemarks
		}
		s := ownOf(m, 5, said)
		switch {
		case m.chance(0.35):
			s = ownOf(m, 4, remarked)
		case m.chance(0.3):
			if of != nil {
				s = pick(m, of)
			}
		}
		out = append(out, m.filled(s))
	}
	return out
}

func (m *maker) filled(s string) *node {
	var rs []run
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			break
		}
		rs = append(rs, plain(s[:i]))
		switch s[i+1] {
		case 'e':
			rs = append(rs, personal(emailClass, m.person().email))
		case 'p':
			rs = append(rs, personal(phoneClass, m.phone(false)))
		case 'i':
			rs = append(rs, personal(phoneClass, m.phone(true)))
		case 'c':
			rs = append(rs, personal(cardClass, m.card()))
		case 'b':
			rs = append(rs, personal(ibanClass, m.ibanWritten(m.ibanPlain())))
		case 'a':
			rs = append(rs, personal(ipClass, m.ip()))
		case 'n':
			d := &ids[m.IntN(len(ids))]
			keys, _, _ := strings.Cut(d.keys, "|")
			if m.part == HeldOut {
				keys = heldOutIDs[string(d.class)]
			}
			rs = append(rs, plain(pick(m, parts(keys))+pick(m, []string{" ", ": ", " is "})), personal(d.class, d.make(m)))
		case 'o':
			rs = append(rs, decoy(cardClass, "order number", pick(m, []string{with10("424242" + m.digits(9)), m.digits(12), m.digits(10)})))
		case 't':
			rs = append(rs, decoy(cardClass, "tracking number", m.tracking()))
		case 'v':
			rs = append(rs, decoy(ipClass, "version", "3."+m.digits(1)+".41."+m.digits(2)))
		case 'k':
			rs = append(rs, decoy(cardClass, "block id", "blk_-"+with10("4"+m.digits(17))))
		}
		s = s[i+2:]
	}
	return runs(append(rs, plain(s))...)
}

package inspect

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A part is what a word can add to a name that other words say, as bits.
type part uint16

const (
	pWho    part = 1 << iota // whose it is: customer, kunde; in a language in which that comes last, too
	pOf                      // joins: of, do, et
	pNumber                  // says that it is a number: no, nummer
	pCode                    // says so of what has a form of its own: id, code
	pKind                    // which of several: home, fijo
	pBirth                   // birth
	pDate                    // date
	pThing                   // what a business or a machine numbers: parcel, batch
	pLast                    // of a language in which the one who has it comes last
	pFirm                    // a business: whose number it may be, but not whose name
)

// composed gives what a key says whose last words are no name by themselves: the words
// in buf[:end], n of them, which begin at starts. weak is what its last words say, or
// mNone, and what is given where the whole says no more.
//
// It reads a key as people make them: a name, then whose it is, which of several, and
// that it is a number (cpf_do_cliente, phone_home, pesel_nr); a name written without
// its spaces (dateofbirth), or with a number's word at its end (cprnr); and words for
// birth and date in any order.
func composed(buf []byte, starts *[maxWords + 1]int, n, end int, weak meaning) meaning {
	if m := glued(buf, starts, n, end); m != mNone {
		return m
	}
	last := partsOf(buf[starts[n-1]:end])
	if last == 0 && weak == mNone {
		return mNone
	}
	// The number of a thing.
	if n > 1 && last&(pNumber|pCode) != 0 && partsOf(buf[starts[n-2]:starts[n-1]-1])&pThing != 0 {
		return mOpaque
	}
	said := part(0)
	for k, e := n-1, end; k > 0; k-- {
		p := partsOf(buf[starts[k]:e])
		if p&(pWho|pOf|pNumber|pCode|pKind|pFirm) == 0 {
			break
		}
		said |= p
		e = starts[k] - 1
		core, ok := suffix(buf, starts, k, e)
		if !ok {
			core = glued(buf, starts, k, e)
		}
		if core == mOpaque && weak == mNumber {
			return mOpaque // a ref_no
		}
		if core == mNameWeak || core == mName {
			if said&pWho != 0 || core == mName && said&pKind != 0 {
				return mName
			}
			return weak
		}
		if m := qualified(core, said); m != mNone {
			return m
		}
	}
	if weak == mNone && born(buf, starts, n, end) {
		return mBirth
	}
	return weak
}

// whose reports whether the words before the ith say who has what it says, or name a
// person too: naam_klant the other way round, prénom_nom.
func whose(buf []byte, starts *[maxWords + 1]int, i int) bool {
	for k := i - 1; k >= 0; k-- {
		w := buf[starts[k] : starts[k+1]-1]
		if p := partsOf(w); p&pWho == 0 && p&pOf != 0 {
			continue
		} else {
			return p&pWho != 0 || phrases[string(w)] == mName
		}
	}
	return false
}

// qualified gives what a key says whose first words say core and the others said.
func qualified(core meaning, said part) meaning {
	personal := said&(pOf|pLast) != 0 // of a customer: in English the last word alone is what it is
	switch set := named(core); {
	case said&pFirm != 0 && set == 0 && core != mIBAN:
		return mNone
	case set != 0:
		if said&pWho != 0 && !personal && !set.checked() {
			return mNone // the holder of a passport is a person
		}
		return core
	case core == mIBAN || core == mZone:
		return core
	case core == mEmail || core == mIP:
		if said&pCode == 0 && (said&pWho == 0 || personal) {
			return core
		}
	case core == mPhone || core == mCard:
		if said&pWho != 0 && core == mCard {
			return mHolder
		}
		if said&pCode == 0 && (said&pWho == 0 || personal) {
			return core
		}
	case core == mAddress || core == mStreet || core == mCity || core == mPostcode || core == mLine:
		if said&(pCode|pNumber) == 0 && (said&pWho == 0 || personal) {
			return core
		}
	case core == mBirth || core == mExpiry || core == mGeo:
		if said&(pCode|pNumber) == 0 {
			return core
		}
	case core == mLoyalty || core == mGiftCard:
		return core
	}
	return mNone
}

// checked reports whether numbers of all rules of the set pass a check.
func (s ruleSet) checked() bool {
	for i, r := range rules {
		if s&(1<<i) != 0 && !r.checked {
			return false
		}
	}
	return true
}

// born reports whether all words of a key together say date of birth.
func born(buf []byte, starts *[maxWords + 1]int, n, end int) bool {
	const noun = 5 // a shorter word for birth is an abbreviation of other words too
	birth, date := n == 1 && end >= noun && partsOf(buf[:end])&pBirth != 0, false
	if birth {
		return true
	}
	for k := n - 1; k >= 0; k-- {
		p := partsOf(buf[starts[k]:end])
		switch {
		case p&pBirth != 0:
			birth = true
		case p&pDate != 0:
			date = true
		case p&(pOf|pWho|pKind) == 0:
			return birth && date
		}
		end = starts[k] - 1
	}
	return birth && date
}

// glued gives what the last words of a key say that are written as one word, or in two
// where the name is one: dateofbirth, sofi_nummer, cprnr.
func glued(buf []byte, starts *[maxWords + 1]int, n, end int) meaning {
	if end-starts[n-1] > maxKey {
		return mNone
	}
	var one [2 * maxKey]byte
	for k := max(0, n-3); k < n; k++ {
		w := one[:0]
		for _, c := range buf[starts[k]:end] {
			if c != '_' {
				w = append(w, c)
			}
		}
		if k < n-1 {
			if m, ok := phrases[string(w)]; ok && m != mNone && !m.loose() {
				return m
			}
		}
		if m, ok := joins[string(w)]; ok {
			return m
		}
		for _, tail := range numberTails {
			if len(w) < len(tail)+3 || !bytes.HasSuffix(w, []byte(tail)) {
				continue
			}
			stem := w[:len(w)-len(tail)]
			m := phrases[string(stem)]
			if m == mNone {
				m = stems[string(stem)]
			}
			if m == mPhone || m == mCard || m == mIBAN || named(m) != 0 {
				return m
			}
		}
	}
	// whose it is or which of several, and what it is, as one word: kundenadresse, homephone.
	if w := buf[starts[n-1]:end]; len(w) >= 8 && len(w) <= 32 && w[0] < 0x80 {
		for i := 4; i <= len(w)-4; i++ {
			m := phrases[string(w[i:])]
			if m == mNone || m.loose() && m != mNameWeak {
				continue
			}
			p := partsOf(w[:i])
			if p&(pWho|pKind) == 0 && (w[i-1] == 's' || w[i-1] == 'n') {
				p = partsOf(w[:i-1])
			}
			switch {
			case p&(pWho|pKind) == 0:
			case m == mNameWeak && p&pWho != 0:
				return mName
			case m != mNameWeak && (m <= mBirth || named(m) != 0):
				return m
			}
		}
	}
	// Scripts without spaces: the name is the end of the word.
	for w := buf[starts[n-1]:end]; len(w) > 6 && ideograph(w[0]); {
		_, size := utf8.DecodeRune(w)
		if w = w[size:]; len(w) < 6 {
			break
		}
		if m, ok := phrases[string(w)]; ok && !m.loose() {
			if m == mNameWeak {
				return mNone
			}
			return m
		}
	}
	return mNone
}

// loose reports whether a meaning says only what holds a value or that it is a number.
func (m meaning) loose() bool {
	switch m {
	case mNone, mPerson, mHolder, mID, mNumber, mOpaque, mNameWeak, mNamePart:
		return true
	}
	return false
}

// numberTails are words for a number that end a compound.
var numberTails = [...]string{"nummer", "number", "nr", "num", "no", "numero"}

// stems are the beginnings of compounds for a number that are no name by themselves.
var stems = map[string]meaning{
	"telefon": mPhone, "mobil": mPhone, "mobilfunk": mPhone, "festnetz": mPhone, "ruf": mPhone, "handy": mPhone, "telefoon": mPhone, "mobiel": mPhone,
	"karten": mCard, "kreditkarten": mCard, "bankkarten": mCard, "kaart": mCard, "creditcard": mCard, "betaalkaart": mCard, "kort": mCard, "kredittkort": mCard,
	"kreditkort": mCard, "betalingskort": mCard, "bankkort": mCard,
}

// joins are the phrases of several words by what they are when written as one, but for
// those that are phrases too.
var joins = func() map[string]meaning {
	all := map[string]meaning{}
	for p, m := range phrases {
		if w := strings.ReplaceAll(p, "_", ""); len(w) >= 7 && w != p && !m.loose() {
			if _, ok := phrases[w]; !ok {
				all[w] = m
			}
		}
	}
	return all
}()

// partsOf gives what a word can add to a name.
func partsOf(w []byte) part {
	p := wordParts[string(w)]
	if m := phrases[string(w)]; m == mPerson || m == mHolder {
		p |= pWho
	}
	return p
}

// wordParts are what words can add to names, in the languages of words.
var wordParts = func() map[string]part {
	all := map[string]part{}
	for _, l := range [...]struct {
		p     part
		words string
	}{
		{pOf, `of the to for on at by and in de du des la le les l d et au aux del los las el y en da do dos das e o a della dello dei degli di il
			van der den het een von vom dem und zum zur im für i w na do z dla og och av af til ved`},
		{pNumber, "number numbers no nr num nbr nummer numero número numéro numer numarul numărul numret nro n"},
		{pCode, "id ids code identifier identification ident ref reference code codigo código codice kod cod kennung clave tunnus"},
		{pDate, "date day dt datum fecha fec data tag jour giorno día dia dzień dzien dato dag päivä paiva"},
		{pBirth, "birth born naissance naiss naissances nacimiento nac nacim nascimento nasc nascita geburt geburts geb urodzenia ur geboorte nașterii nasterii født fødsel fødsels född födelse syntymä"},
		{pKind, `home house work office business private personal own primary secondary main alternate alternative other additional emergency daytime day evening
			night mobile cell landline fixed direct new old current previous former permanent temporary default billing shipping delivery mailing postal invoice
			residential registered legal contact login signup account notification recovery backup preferred confirmed verified full complete
			domicile travail bureau professionnel professionnelle personnel personnelle privé prive portable fixe principal principale secondaire postale livraison
			facturation résidence residence usuel usuelle complet complète
			casa trabajo oficina particular móvil movil celular fijo secundario envío envio entrega facturación facturacion fiscal completo completa contacto residencia alternativo
			lavoro ufficio personale privato mobile cellulare fisso principale postale spedizione consegna fatturazione residenza domicilio contatto
			trabalho escritório pessoal residencial comercial móvel fixo cobrança cobranca contato
			privat geschäftlich dienstlich mobil zuhause dienst
			mobiel thuis werk zakelijk vast
			domowy domowe służbowy sluzbowy prywatny komórkowy komorkowy stacjonarny kontaktowy główny korespondencyjny zamieszkania zameldowania dostawy wysyłki
			serviciu domiciliu livrare facturare hem arbete jobb koti työ
			wohn liefer rechnungs rechnung versand zustell post melde heim firmen geschäfts kontakt haupt zweit not factuur bezorg aflever verzend woon leverings fakturerings leverans faktura bostads hjemme kontakt`},
		{pWho, `employee worker contractor candidate donor voter citizen taxpayer debtor creditor signatory signer witness mother father child dependent heir insured policyholder
			traveler traveller visitor resident tenant student pupil teacher consumer purchaser receiver nominee caller respondent claimant individual household driver rider attendee`},
		{pWho | pLast, `kunde kunden kundin käufer besteller empfänger absender inhaber halter antragsteller versicherter versicherten patient patienten mitglied mitarbeiter arbeitnehmer benutzer nutzer schüler mieter ehepartner vertreter schuldner gläubiger
			client cliente clients acheteur payeur bénéficiaire beneficiaire titulaire destinataire expéditeur assuré assure salarié salarie employé employe utilisateur adhérent abonné membre demandeur porteur personne conjoint enfant locataire voyageur élève étudiant
			clientes comprador pagador beneficiario titular destinatario remitente asegurado paciente empleado trabajador usuario socio miembro solicitante persona cónyuge conyuge hijo inquilino viajero alumno estudiante contribuyente representante
			acquirente intestatario mittente assicurato paziente dipendente utente richiedente coniuge figlio inquilino viaggiatore studente titolare
			beneficiário destinatário remetente segurado funcionário funcionario empregado usuário utilizador requerente pessoa cônjuge filho viajante aluno portador responsável responsavel
			klant koper betaler houder kaarthouder rekeninghouder ontvanger afzender verzekerde patiënt werknemer medewerker gebruiker aanvrager persoon huurder reiziger
			klient klienta kupującego płatnika posiadacz posiadacza odbiorca odbiorcy nadawcy ubezpieczony ubezpieczonego pacjent pacjenta pracownik pracownika użytkownika członka wnioskodawcy osoba osoby małżonka dziecka
			kund köpare betalare mottagare sökande søker ansøger ansatt ansat bruker bruger användare asiakas potilas hakija omistaja
			clientului titularul titularului angajat angajatului pacient persoana beneficiar asigurat`},
		{pFirm | pLast, `company business firm supplier vendor issuer provider organization organisation firma lieferant aussteller entreprise société societe fournisseur émetteur emetteur
			empresa proveedor emisor fornecedor prestador emitente azienda fornitore emittente bedrijf leverancier dostawca dostawcy firmy företag foretak yritys firmei`},
		{pThing, `purchase po batch lot shipment parcel package consignment waybill article item product part model stock style case job run task process asset equipment unit
			machine document receipt transaction booking confirmation quote return rma contract sequence version build revision order invoice serial ticket shelf rack slot
			flight gate seat room vehicle chip board firmware tracking catalogue catalog lottery race page row line port channel`},
	} {
		for _, w := range strings.Fields(l.words) {
			all[w] |= l.p
			if plain, changed := unsigned(nil, []byte(w)); changed {
				all[string(plain)] |= l.p
			}
		}
	}
	return all
}()

// unsigned writes the Latin letters of a key that have signs without them, in small
// letters, and reports whether there were any.
func unsigned(buf, key []byte) (out []byte, changed bool) {
	out = buf[:0]
	for i := 0; i < len(key); {
		c := key[i]
		if c < 0x80 {
			out = append(out, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(key[i:])
		switch {
		case r >= 0x300 && r < 0x370: // a sign by itself
			changed = true
		case r < 0x250 && r >= 0xc0 && latin[r-0xc0] != ' ':
			out = append(out, latin[r-0xc0])
			if r == 'ß' {
				out = append(out, 's')
			}
			changed = true
		default:
			out = append(out, key[i:i+size]...)
		}
		i += size
	}
	return out, changed
}

// latin has the letter of each character from U+00C0 to U+024F, without its sign, in
// small letters; a space where there is none.
var latin = func() (t [0x250 - 0xc0]byte) {
	for i := range t {
		t[i] = ' '
	}
	for letter, signed := range map[byte]string{
		'a': "ÀÁÂÃÄÅàáâãäåĀāĂăĄąÆæ", 'c': "ÇçĆćĈĉĊċČč", 'd': "ĎďĐđÐð", 'e': "ÈÉÊËèéêëĒēĔĕĖėĘęĚě", 'g': "ĜĝĞğĠġĢģ", 'h': "ĤĥĦħ", 'i': "ÌÍÎÏìíîïĨĩĪīĬĭĮįİı", 'j': "Ĵĵ", 'k': "Ķķ",
		'l': "ĹĺĻļĽľŁł", 'n': "ÑñŃńŅņŇň", 'o': "ÒÓÔÕÖØòóôõöøŌōŎŏŐőŒœ", 'r': "ŔŕŖŗŘř", 's': "ŚśŜŝŞşŠšȘșß", 't': "ŢţŤťŦŧȚț", 'u': "ÙÚÛÜùúûüŨũŪūŬŭŮůŰűŲų", 'w': "Ŵŵ", 'y': "ÝýÿŶŷŸ", 'z': "ŹźŻżŽž",
	} {
		for _, r := range signed {
			t[r-0xc0] = letter
		}
	}
	return t
}()

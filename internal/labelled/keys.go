package labelled

import "strings"

// A concept is what a key is for.
type concept uint8

const (
	cEmail concept = iota
	cPhone
	cFirst
	cLast
	cFull
	cAddress
	cStreet
	cLine2
	cCity
	cRegion
	cPostcode
	cCountry
	cBirth
	cCard
	cHolder
	cIP
	cIBAN
	numConcepts
)

// keysOf are the common keys of a language for a concept, in words. Those before
// the bar belong to all parts; of those behind it Tuning and Checking have every other
// one each, and HeldOut those of heldOutKeys.
// Languages that a concept is not listed in take the English ones.
var keysOf = map[string][numConcepts]string{
	"en": {
		cEmail: "email; email address; mail | user email; contact email; primary email; login email; e mail; e mail address", cPhone: "phone; phone number; mobile; telephone; mobile phone | mobile number; contact phone; home phone; tel; cell phone; work phone; phone no; contact number; msisdn; day phone",
		cFirst: "first name; given name | forename; first names; customer first name; billing first name", cLast: "last name; family name; surname | billing last name; customer last name; last names; contact surname",
		cFull: "full name | legal name; customer name; contact name; recipient name; holder name; account holder name", cAddress: "address; shipping address; billing address | delivery address; home address; postal address; mailing address; residential address; full address",
		cStreet: "line1; street; address line1; street address | address1; address line 1; billing street; street line 1; shipping street; line 1", cLine2: "line2 | address line2; address2; address line 2; street line 2", cCity: "city; town | locality; billing city; address city; city name",
		cRegion: "state; region; province | county", cPostcode: "postcode; zip; postal code; zip code | post code; billing zip; zip postal code; shipping postcode", cCountry: "country; country code",
		cBirth: "birth date; date of birth; dob; birthday | birthdate; born on; customer dob; bday", cCard: "card number; pan; number | cc number; credit card number; card no; debit card number", cHolder: "cardholder name; name on card; cardholder | card holder; holder name; account holder",
		cIP: "ip; ip address; client ip | remote ip; last ip; source ip; remote addr; signup ip; login ip", cIBAN: "iban | bank iban; iban number; account iban; payout iban",
	},
	"de": {cEmail: "email; e mail | e mail adresse; email adresse", cPhone: "telefon; telefonnummer; mobilnummer | handynummer; rufnummer; mobiltelefon; festnetz", cFirst: "vorname", cLast: "nachname | familienname; zuname", cFull: "vollständiger name | kundenname; name des kunden", cAddress: "adresse; anschrift; lieferadresse | rechnungsadresse; lieferanschrift",
		cStreet: "straße; strasse | strasse hausnummer; adresszeile 1", cCity: "ort; stadt | wohnort", cRegion: "bundesland", cPostcode: "plz; postleitzahl", cCountry: "land", cBirth: "geburtsdatum | geburtstag; geboren am", cCard: "kartennummer; kreditkartennummer", cHolder: "karteninhaber; kontoinhaber", cIBAN: "iban", cIP: "ip adresse"},
	"fr": {cEmail: "email; courriel | adresse email; adresse e mail", cPhone: "téléphone; telephone; numéro de téléphone | portable; mobile; tel; téléphone portable", cFirst: "prénom; prenom", cLast: "nom de famille | nom", cFull: "nom complet", cAddress: "adresse; adresse postale | adresse de livraison; adresse de facturation", cStreet: "rue | adresse ligne 1; voie",
		cCity: "ville", cRegion: "région", cPostcode: "code postal", cCountry: "pays", cBirth: "date de naissance; date naissance", cCard: "numéro de carte; numero carte", cHolder: "titulaire de la carte; titulaire", cIBAN: "iban", cIP: "adresse ip"},
	"es": {cEmail: "correo; email; correo electronico | correo electrónico", cPhone: "teléfono; telefono; móvil | celular; número de teléfono; telefono movil", cFirst: "nombre | nombre de pila", cLast: "apellidos; apellido; primer apellido | segundo apellido; apellido paterno", cFull: "nombre completo", cAddress: "dirección; direccion; domicilio | dirección de envío",
		cStreet: "calle", cCity: "ciudad | localidad; población", cRegion: "provincia; estado", cPostcode: "código postal; codigo postal", cCountry: "país", cBirth: "fecha de nacimiento; fecha nacimiento", cCard: "número de tarjeta; numero tarjeta", cHolder: "titular de la tarjeta; titular", cIBAN: "iban", cIP: "dirección ip"},
	"it": {cEmail: "email | indirizzo email; posta elettronica", cPhone: "telefono; cellulare | numero di telefono; numero di cellulare", cFirst: "nome", cLast: "cognome", cFull: "nome completo | nominativo; nome e cognome", cAddress: "indirizzo | indirizzo di spedizione; indirizzo di fatturazione", cStreet: "via", cCity: "città; citta | comune", cRegion: "provincia",
		cPostcode: "cap; codice postale", cCountry: "paese", cBirth: "data di nascita; data nascita", cCard: "numero carta; numero di carta", cHolder: "titolare carta; intestatario", cIBAN: "iban", cIP: "indirizzo ip"},
	"pt": {cEmail: "email; e mail | correio eletronico", cPhone: "telefone; celular; telemóvel | telemovel; número de telefone", cFirst: "primeiro nome; nome", cLast: "sobrenome; apelido", cFull: "nome completo", cAddress: "endereço; endereco | morada; endereço de entrega", cStreet: "rua; logradouro", cCity: "cidade", cRegion: "estado; bairro", cPostcode: "cep; código postal",
		cCountry: "país", cBirth: "data de nascimento; data nascimento", cCard: "número do cartão; numero cartao", cHolder: "titular do cartão; titular", cIBAN: "iban", cIP: "endereço ip"},
	"nl": {cEmail: "email; e mail | e mailadres; emailadres", cPhone: "telefoon; telefoonnummer | mobiel; mobiel nummer; gsm", cFirst: "voornaam", cLast: "achternaam | familienaam", cFull: "volledige naam", cAddress: "adres | bezorgadres; factuuradres; woonadres", cStreet: "straat | straatnaam; straat en huisnummer", cCity: "plaats; woonplaats; stad", cPostcode: "postcode", cCountry: "land",
		cBirth: "geboortedatum", cCard: "kaartnummer; creditcardnummer", cHolder: "kaarthouder; rekeninghouder", cIBAN: "iban", cIP: "ip adres"},
	"pl": {cEmail: "email | adres email; adres e mail", cPhone: "telefon; numer telefonu | komórka; telefon komórkowy", cFirst: "imię; imie", cLast: "nazwisko", cFull: "imię i nazwisko; imie i nazwisko", cAddress: "adres | adres dostawy; adres zamieszkania", cStreet: "ulica", cCity: "miasto | miejscowość", cRegion: "województwo", cPostcode: "kod pocztowy", cCountry: "kraj", cBirth: "data urodzenia",
		cCard: "numer karty", cHolder: "posiadacz karty; właściciel konta", cIBAN: "iban | numer iban", cIP: "adres ip"},
	"ja": {cEmail: "メールアドレス; メール", cPhone: "電話番号; 電話 | 携帯電話; 携帯番号", cFirst: "名", cLast: "姓 | 名字", cFull: "氏名; お名前", cAddress: "住所", cStreet: "番地 | 町名番地", cCity: "市区町村", cRegion: "都道府県", cPostcode: "郵便番号", cCountry: "国", cBirth: "生年月日", cCard: "カード番号; クレジットカード番号", cHolder: "カード名義; カード名義人", cIBAN: "iban", cIP: "ipアドレス"},
	"zh": {cEmail: "邮箱; 电子邮件 | 电子邮箱; 邮箱地址", cPhone: "手机号; 电话; 手机 | 手机号码; 联系电话; 电话号码", cFirst: "名", cLast: "姓 | 姓氏", cFull: "姓名 | 真实姓名; 收件人姓名", cAddress: "地址; 住址 | 收货地址; 详细地址", cStreet: "街道", cCity: "城市", cRegion: "省份", cPostcode: "邮编; 邮政编码", cCountry: "国家", cBirth: "出生日期; 生日", cCard: "卡号; 银行卡号 | 信用卡号", cHolder: "持卡人", cIBAN: "iban", cIP: "ip地址"},
	"ko": {cEmail: "이메일 | 이메일 주소; 메일", cPhone: "전화번호; 휴대폰; 전화 | 휴대전화; 핸드폰; 연락처; 휴대폰번호", cFirst: "이름", cLast: "성", cFull: "성명; 이름 | 고객명; 받는사람", cAddress: "주소 | 배송지; 배송주소", cStreet: "도로명", cCity: "도시", cRegion: "시도", cPostcode: "우편번호", cCountry: "국가", cBirth: "생년월일 | 생일", cCard: "카드번호", cHolder: "카드소유자; 예금주", cIBAN: "iban", cIP: "ip주소"},
}

// key draws a key for a concept.
func (m *maker) key(c concept) string {
	lang := "en"
	if m.local && keysOf[m.land.lang][c] != "" {
		lang = m.land.lang
	}
	return m.named(keysOf[lang][c], heldOutKeys[lang][c])
}

// named draws from names with a bar between those of all parts and those of each, and
// for HeldOut from those of all parts and its own.
func (m *maker) named(names, heldOut string) string {
	front, back, _ := strings.Cut(names, "|")
	all := parts(front)
	common := len(all)
	switch {
	case m.part == HeldOut && heldOut != "":
		return pick(m, append(all, parts(heldOut)...))
	case back == "":
		return pick(m, all)
	}
	return ownOf(m, common, append(all, parts(back)...))
}

package labelled

// The lists of this file are drawn from by HeldOut alone. They are of names that
// services and authorities publish for their own fields (the claims of OpenID Connect,
// SCIM, vCard, FHIR, schema.org and HTML's autocomplete; the objects of payment, shop
// and customer software; the forms and interfaces of tax, health and social insurance
// offices), of how people shorten such names, and of how they say them. They were put in
// at once, before any figure of them was known, and no rule may be written after
// looking at what is missed of them: a name that turns out to be missing in inspect
// is noted as a share in docs/accuracy.md and by nothing else.

// heldOutKeys are what keysOf has for the other parts behind its bar.
var heldOutKeys = map[string][numConcepts]string{
	"en": {
		cEmail: "shopper email; payer email; person email; buyer email; receipt email; recovery email; notification email; email id", cPhone: "telephone number; mobile no; evening phone; ship to phone; whatsapp number; mobile phone number; cellular; daytime telephone; contact mobile",
		cFirst: "fname; firstname; given names; preferred first name; recipient first name; passenger first name; person given name", cLast: "lname; lastname; maiden name; recipient last name; passenger last name; second last name",
		cFull: "formatted name; complete name; buyer name; payer name; ship to name; signatory name; beneficiary name; receiver name; display name", cAddress: "ship to address; correspondence address; permanent address; bill to address; invoice address; current address; residence address",
		cStreet: "street1; address line one; street address 1; first line; addr1; mailing street; house number and street; thoroughfare", cLine2: "street2; extended address; second line; address line two; addr2; apartment", cCity: "mailing city; suburb; post town; city or town; locality name; shipping city",
		cRegion: "state or province; state or region; state code; province code; administrative area; mailing state", cPostcode: "zipcode; mailing postal code; ship postal code; postalcode; zip5; addr zip", cCountry: "country name; mailing country",
		cBirth: "dateofbirth; birth day; birth dt; patient birth date; person birthdate; date birth; traveler dob", cCard: "card num; cardnumber; primary account number; cc num; payment card number; bank card number; card pan", cHolder: "name of cardholder; card owner; cc name; nameoncard; cardholder full name; card name",
		cIP: "remote address; client address; user ip; peer ip; ip addr; browser ip; shopper ip; customer ip", cIBAN: "iban no; beneficiary iban; creditor iban; debtor iban; iban code; refund iban",
	},
	"de": {cEmail: "mailadresse; kontakt email; e mail kunde; elektronische post", cPhone: "telefon privat; telefon mobil; telefonnr; tel nr; mobil; mobilfunknummer; festnetznummer", cFirst: "rufname; vornamen; vorname kunde", cLast: "nachname kunde; geburtsname; nachnamen", cFull: "vor und nachname; empfängername; ansprechpartner; vorname nachname",
		cAddress: "wohnanschrift; wohnadresse; postanschrift; rechnungsanschrift; meldeadresse; kundenadresse", cStreet: "straße und hausnummer; straßenname; str; strasse nr", cCity: "ortsname; stadtname; gemeinde", cRegion: "kanton; bundesland name", cPostcode: "plz wohnort; postleitzahl ort", cCountry: "staat",
		cBirth: "geb datum; gebdatum; tag der geburt; geboren", cCard: "karten nr; kreditkarten nr; nummer der karte", cHolder: "name auf karte; name auf der karte; kreditkarteninhaber", cIBAN: "iban nummer; iban kunde", cIP: "ip des kunden"},
	"fr": {cEmail: "adresse mail; mail; adresse électronique; courrier électronique", cPhone: "numéro de portable; tél mobile; numéro mobile; téléphone fixe; num tel; téléphone domicile", cFirst: "prénoms; prenom client; prénom usuel", cLast: "nom de naissance; nom client; patronyme; nom usage", cFull: "nom et prénom; prénom nom; nom du client; nom du destinataire",
		cAddress: "adresse du domicile; adresse livraison; lieu de résidence; adresse client", cStreet: "adresse 1; numéro et rue; libellé de voie; nom de la voie", cCity: "commune; nom de la commune; localité", cRegion: "département", cPostcode: "cp; codepostal", cBirth: "né le; ddn; date de naiss; datenaissance",
		cCard: "numéro de carte bancaire; num carte; numéro cb; carte bancaire", cHolder: "nom du titulaire; nom sur la carte; porteur", cIBAN: "iban client; numéro iban; code iban", cIP: "ip client"},
	"es": {cEmail: "correo e; email de contacto; dirección de correo; correo cliente", cPhone: "teléfono móvil; número de celular; tel fijo; teléfono de contacto; número móvil; teléfono fijo", cFirst: "nombres; primer nombre; segundo nombre", cLast: "apellido materno; apellido 1; apellido cliente", cFull: "nombre y apellidos; nombre del cliente; nombres y apellidos; nombre del destinatario",
		cAddress: "dirección postal; dirección de facturación; domicilio particular; dirección de entrega", cStreet: "calle y número; vía; nombre de la calle", cCity: "municipio; ciudad de residencia", cRegion: "comunidad autónoma; departamento", cPostcode: "cp; cód postal; codigopostal", cBirth: "nacimiento; fecha de nac; f nacimiento; fec nacimiento",
		cCard: "número de la tarjeta; num tarjeta; tarjeta de crédito", cHolder: "nombre en la tarjeta; nombre del titular; titular tarjeta", cIBAN: "cuenta iban; código iban", cIP: "ip del cliente"},
	"it": {cEmail: "e mail; indirizzo e mail; mail; indirizzo mail", cPhone: "tel; numero telefonico; numero cellulare; recapito telefonico; telefono fisso; cell", cFirst: "nome di battesimo; primo nome", cLast: "cognome cliente; secondo cognome", cFull: "cognome e nome; nome cognome; nome intestatario; nome del destinatario",
		cAddress: "indirizzo di residenza; residenza; domicilio; indirizzo di consegna", cStreet: "indirizzo 1; via e numero civico; nome via", cCity: "località; comune di residenza", cRegion: "regione; sigla provincia", cPostcode: "codice avviamento postale; cap residenza", cBirth: "nato il; giorno di nascita; datanascita; dt nascita",
		cCard: "numero carta di credito; numero della carta; carta di credito", cHolder: "titolare della carta; nome sulla carta; intestatario carta", cIBAN: "codice iban; iban conto; coordinate iban", cIP: "ip cliente"},
	"pt": {cEmail: "correio eletrônico; e mail de contato; endereço de email; email do cliente", cPhone: "telefone celular; número de celular; fone; telefone fixo; telefone de contato; telefone residencial", cFirst: "prenome; nome próprio", cLast: "último nome; apelidos; nome de família", cFull: "nome do cliente; nome e sobrenome; nome do titular; nome do destinatário; nome civil",
		cAddress: "endereço completo; endereço residencial; endereço de cobrança; morada de entrega", cStreet: "nome da rua; endereço linha 1; rua e número", cCity: "município; localidade", cRegion: "uf; unidade federativa; distrito", cPostcode: "código de endereçamento postal; codigo postal", cBirth: "nascimento; dt nascimento; data de nasc; datanascimento",
		cCard: "número do cartão de crédito; num cartao; cartão de crédito", cHolder: "nome no cartão; nome impresso no cartão; portador", cIBAN: "número iban; iban conta", cIP: "ip do cliente"},
	"nl": {cEmail: "emailadres klant; mailadres; e mail adres", cPhone: "telefoon mobiel; mobiele telefoon; telefoonnr; mobiele nummer; vast nummer; tel nr", cFirst: "roepnaam; voornamen", cLast: "geslachtsnaam; geboortenaam; meisjesnaam", cFull: "naam klant; voor en achternaam; naam ontvanger", cAddress: "verzendadres; afleveradres; postadres; huisadres",
		cStreet: "straatnaam en huisnummer; adresregel 1", cCity: "gemeente; plaatsnaam", cPostcode: "postcode klant", cBirth: "geboren op; geb datum; geboortedag", cCard: "kaart nummer; nummer kaart; betaalkaart nummer", cHolder: "naam op kaart; naam kaarthouder", cIBAN: "iban nummer; iban rekening", cIP: "ip van klant"},
	"pl": {cEmail: "poczta elektroniczna; e mail; mail; email klienta", cPhone: "tel; nr telefonu; telefon kontaktowy; nr tel; telefon stacjonarny; numer komórkowy", cFirst: "imię klienta; pierwsze imię; drugie imię; imiona", cLast: "nazwisko klienta; nazwisko rodowe; nazwisko panieńskie", cFull: "imię nazwisko; nazwisko i imię", cAddress: "adres zameldowania; adres korespondencyjny; adres klienta",
		cStreet: "ulica i numer; ulica nr; nazwa ulicy", cCity: "nazwa miasta; miejscowość zamieszkania", cPostcode: "kod poczt; kodpocztowy", cBirth: "data ur; dataurodzenia; dzień urodzenia", cCard: "nr karty; numer karty kredytowej; numer karty płatniczej", cHolder: "imię i nazwisko na karcie; właściciel karty", cIBAN: "nr iban; konto iban", cIP: "ip klienta"},
	"ja": {cEmail: "eメール; 連絡先メール; 電子メール", cPhone: "携帯; 連絡先電話番号; 自宅電話; tel", cFirst: "名前; 下の名前", cLast: "苗字", cFull: "お客様名; 顧客名; 受取人名; 宛名; フルネーム", cAddress: "お届け先; 届け先住所; 送付先住所; 現住所; ご住所", cStreet: "丁目番地; 住所1; 町域", cCity: "市町村", cRegion: "都道府県名", cPostcode: "郵便コード", cBirth: "誕生日; お誕生日", cCard: "クレカ番号; クレジット番号", cHolder: "名義人; カード名義人名", cIP: "接続元ip"},
	"zh": {cEmail: "电邮; 邮件地址; 联系邮箱; 注册邮箱", cPhone: "联系手机; 移动电话; 固定电话; 座机; 收货人电话; 联系方式", cFirst: "名字", cFull: "客户姓名; 用户姓名; 收货人; 联系人姓名; 全名", cAddress: "家庭住址; 通讯地址; 配送地址; 联系地址; 居住地址", cStreet: "街道地址; 路名", cCity: "所在城市", cRegion: "省; 所在省份", cPostcode: "邮政编号; 邮递区号", cBirth: "出生年月日; 出生日", cCard: "信用卡号码; 银行卡号码; 付款卡号", cHolder: "持卡人姓名; 卡主姓名", cIP: "客户端ip"},
	"ko": {cEmail: "이메일주소; 전자우편; 연락 이메일", cPhone: "휴대전화번호; 핸드폰번호; 집전화; 전화 번호", cFull: "고객 이름; 회원명; 수령인; 수취인명; 구매자명", cAddress: "배송 주소; 집주소; 상세주소; 거주지; 도로명주소", cStreet: "도로명 번지", cCity: "시군구; 도시명", cRegion: "광역시도", cPostcode: "우편 번호; 새우편번호", cBirth: "출생일; 태어난 날", cCard: "신용카드번호; 카드 번호; 신용카드 번호", cHolder: "카드명의자; 카드 소유자; 명의자", cIP: "접속 ip"},
}

// heldOutIDs are what the keys of ids have for the other parts behind their bar.
var heldOutIDs = map[string]string{
	"identity.us.ssn":            "employee ssn; applicant social security number; soc sec no; social security; spouse ssn; ss number",
	"identity.us.itin":           "individual taxpayer identification number; itin no; applicant itin; irs itin",
	"identity.gb.nhs":            "nhs patient number; nhs identifier; patients nhs no; health service number",
	"identity.gb.nino":           "national insurance; nat ins no; employee nino; national ins number; ni no",
	"identity.ie.pps":            "pps reference; pps num; personal public service no; employee ppsn; pps identifier",
	"identity.fr.nir":            "numéro insee; num secu; numéro sécu; no securite sociale; matricule insee; nss; nir assuré",
	"identity.de.tax_id":         "steuer identnummer; steuer idnr; steuerliche id; identifikationsnummer steuer; steueridnr",
	"identity.es.dni":            "documento de identidad; nif; numero documento; dni titular; dni cliente; num dni",
	"identity.es.nie":            "nie titular; numero de identidad de extranjero; documento nie; nie cliente",
	"identity.it.codice_fiscale": "codice fiscale cliente; cod fiscale; cod fisc; codice fiscale intestatario; fiscal code",
	"identity.nl.bsn":            "burger service nummer; bsn nr; bsn klant; citizen service number; sofi nummer",
	"identity.be.nn":             "rijksregister nr; national register number; numéro de registre national; registre national; numéro niss; insz nummer",
	"identity.pl.pesel":          "pesel klienta; nr ewidencyjny pesel; pesel osoby; numer ewidencyjny; pesel nr",
	"identity.se.personnummer":   "personnr; pers nr; svenskt personnummer; person nr; personal identity no",
	"identity.dk.cpr":            "cprnr; cpr no; civil registration number; danish cpr; borger cpr",
	"identity.fi.hetu":           "hetu tunnus; asiakkaan hetu; finnish personal identity code; sosiaaliturvatunnus; sotu",
	"identity.no.fodselsnummer":  "fødselsnr; fodselsnr; norsk personnummer; fnr søker; norwegian national id; fødselsnummer kunde",
	"identity.pt.nif":            "contribuinte nif; nif cliente; num contribuinte; número fiscal; nif do titular; número de identificação fiscal",
	"identity.ro.cnp":            "cnp client; cod numeric pers; cnp titular; codul numeric personal; cnp angajat; personal numeric code",
	"identity.ch.ahv":            "avs; numero avs; avs nummer; numéro ahv; oasi number; ahvnr; navs13",
	"identity.in.aadhaar":        "aadhaar id; aadhaar card number; uid aadhaar; aadhar card no; adhaar; adhar number",
	"identity.in.pan":            "pan card number; pan of customer; customer pan; income tax number; pan card no",
	"identity.cn.resident_id":    "身份证件号; 证件号码; 居民身份证; 居民身份证号码; 公民身份号码; idcard; id card no",
	"identity.jp.my_number":      "個人番号12桁; mynumber card; kojin bango; 社会保障税番号; individual number; my number card",
	"identity.kr.rrn":            "주민등록 번호; 주민등록; 주민 번호; jumin number; juminno; 실명번호; resident reg no",
	"identity.br.cpf":            "cpf do cliente; cpf cliente; nr cpf; cpf pagador; cpf cnpj; cpf beneficiário; inscrição cpf",
	"identity.br.cnpj":           "cnpj do emitente; cnpj prestador; cnpj fornecedor; nr cnpj; cadastro nacional da pessoa jurídica",
	"identity.mx.curp":           "curp titular; clave única; curp del cliente; clave de registro de población; curp beneficiario",
	"identity.au.tfn":            "tax file; employee tfn; tfn no; ato tax file number",
	"identity.au.medicare":       "medicare card; patient medicare; medicare num; medicare card no; medicare reference",
}

// heldOutLists are what the other lists of names have for the other parts, by the
// first of each list. A list that is not here (of values, where no name tells) is
// drawn from as a whole.
var heldOutLists = map[string]string{
	// Payment.
	"cvv": "csc; card cvc; cc cvv; cvn; card identification number; cvv number", "card expiry": "card expires; expiry of card; card valid until; card exp; credit card expiry date; card expiration date",
	"bic": "bic swift; swift bic code; bank identifier code; swift number; bank swift code; creditor bic", "routing number": "aba number; bank routing; routing code; aba routing; bank routing number",
	"bank account number": "bank acct no; bank acct number; bankkonto; konto nr; número de cuenta bancaria; bankrekening; nr konta; 銀行口座", "payment token": "payment token id; vault token; card reference token; stored card token; billing token",
	// Devices and places.
	"mac address": "hw address; wlan mac; hardware address; bssid; macaddr; physical address", "imei": "imei code; phone imei; handset imei; imeinumber; terminal imei", "serial number": "job number; run id; asset tag",
	"idfa": "apple idfa; android advertising id; advertiser id; rdid; oaid; mobile ad id; maid", "latitude": "gps lat; user lat; geo latitude; last lat; position latitude", "longitude": "gps lon; user lng; geo longitude; last lng; position longitude; lng",
	"gps": "latlng; lat lng; geo point; gps position; gps coords; coords; user location; current location; home location; geolocation", "mrz": "passport zone; mrz line 2; mrz code; travel document mrz; mrz2",
	"device id": "device guid; device identifier; dev id; client device id; udid; device udid",
	// Records and their shapes.
	"customer": "shopper; client; payer; patient; consumer; guest", "order id": "order key; order code; order uid; sales order number; web order id; ordernumber", "total": "order amount; total amount; total gross; total due; total paid",
	"recipient": "ship to name; receiver; receiver name; addressee", "watched at": "last played at; resume position ms; playhead ms; played at; watch position; completion percent", "title id": "asset id; program id; show id; media id; film id; series id",
	"watch history": "viewing activity; watched titles; play history; recently played; watched items", "visited at": "page visited at; hit at; landed at; last page view at", "page": "page location; landing page; page uri; document location; visited url",
	"searched at": "search timestamp; search made at; search performed at; query time", "query": "search string; keywords; search keyword; search words; searched for",
	// Streaming and shops.
	"parental pin": "parent pin; family pin; child lock pin; pin for kids; age gate pin; purchase pin", "manifest url": "dash url; video url; media url; hls manifest", "licence token": "drm licence; drm license token; entitlement token",
	"esn": "widevine device id; player uuid; drm client id; fairplay id", "gift note": "card message; gift wrap message; note to recipient; gift comment; gift greeting", "loyalty number": "frequent flyer number; club card number; loyalty id; rewards id; bonus card; member card number; clubcard",
	"gift card number": "gift code; giftcard code; gift voucher; gift certificate code; giftcard number; store credit code; prepaid card code", "wish list": "favorites list; wishlist items; wanted items; gift registry", "payout id": "payout number; payout uid; payout key",
	"amount": "net amount; payout amount; total net", "payout": "payouts; vendor payout; host payout", "direct message": "private chat; dm content; dm message; private msg; direct msg; chat text; inbox message",
	"profile name": "viewer name; profile title; sub profile id", "is kid": "kids profile; child profile; kid mode",
	// Credentials.
	"value": "auth key; secret key; apikey; bearer; app secret; service token; signing secret", "database url": "db url; connection uri; postgres url; amqp url", "password": "pass; pwd; root password; smtp password; db pass; passphrase",
	"password hash": "pw hash; hashed password; passwordhash; pass hash", "private key": "private key pem; rsa key; tls key; key pem; ssh private key",
	"commit": "git sha; head; merge commit", "idempotency id": "traceparent; w3c trace", "publishable": "publishable key; pk", "sample": "example; placeholder; demo", "slug": "permalink; path slug", "pixel": "logo data; favicon; src", "integrity": "sri; subresource integrity",
	"home page": "site; website; link", "node id": "cursor; gid; opaque id", "template": "env; value from; placeholder ref",
	// What is nobody's.
	"order number": "purchase number; po number; batch number; shipment number; case number; article number; ean; consignment number", "created": "last sync; cached until; epoch sec; unix time; nbf", "created ms": "sent ms; ts ms; last update ms; time millis",
	"recorded at": "observed at; logged at; when; ingest time; occurred at", "micros": "usec; ts usec; event micros", "sku": "article no; product code; style code; mpn", "tracking number": "waybill number; parcel no; shipment tracking; consignment no; awb",
	"block": "block ref; hdfs block; blockid", "snowflake": "message id; tweet id; guild id; status id str; comment id", "reference": "merchant reference; document number; model number; ref no", "ratio": "probability; factor; lambda; similarity; rank score",
	"trace id": "span ref; operation id; activity id", "hash": "md5; sha1; blob id; tree hash; object hash", "version": "release; runtime version; driver version; os version; bios version; client version", "oid": "mib; clause; chapter; tree path",
	"bind": "listen addr; gateway host; admin bind", "icon": "asset; sprite; retina image; poster file", "repository": "git url; origin; source repo", "dependency": "npm package; lib; requires; plugin", "handle": "instagram; social handle", "object": "java object; bean",
	"principal host": "login host; remote target; scp target", "product name": "article name; playlist name; bucket name; queue name; role name; font name; table name; store name", "company name": "organisation name; department name; workspace name; group name; network name",
	"release date": "effective date; due date; invoice date; premiere; modified on; renewal date", "active": "running; stopped; draining; healthy", "eu-west-1": "us-west-2; sa-east-1; northeurope; asia-east1", "wallet address": "eth address; deposit address; heap address; load address",
	"store position": "store coordinates; branch position; venue pin", "dimensions": "measure; package size; l w h", "price list": "gross sales; volume eur; budget", "window": "valid period; term; school year", "quantity": "hits; file size; rows; play count",
	"uuid": "external uuid; sync id; resource id; entity guid", "latency": "took; seconds; load avg; p99", "schedule": "run every; timer; frequency", "digest ref": "image digest; oci ref; pull spec", "serial": "asset no; unit serial; chip id; equipment number",
	"color": "svg path; d; polyline; clip path", "license plate region": "rack code; slot; aisle; zone code", "time": "local time; start time; tod; departs", "namespace": "cpp symbol; type name; class path",
}

// heldOutSayings, heldOutSaysOf and heldOutRemarks are as sayings, saysOf and remarks.
var heldOutSayings = []string{
	"My email is %e", "Could you ring me back on %p?", "Reach me under %i any time.", "I used the card %c for this purchase.", "The money went to %b yesterday.", "Signed in from %a at noon.", "%e wrote on Tuesday:", "Cell: %p", "Mobile %i or %i",
	"Text me at %p", "The full number is %c.", "It was charged to %c on Friday.", "My IBAN is %b", "Account: %b", "Please wire it to %b, thanks.", "I was blocked, my address is %a.", "Cc: <%e>, <%e>", "(%i)", "Mail me: %e.", "The customer quoted %n on the form.", "They asked for my %n and I sent it.",
}

var heldOutSaysOf = map[string][]string{
	"de": {"Sie erreichen mich unter der Nummer %p.", "Mobil: %p", "Rufnummer %p", "Fon: %p"}, "fr": {"Portable : %p", "Mon téléphone est le %p.", "Joignable au %p."}, "es": {"Celular: %p", "Mi teléfono es el %p.", "Mi móvil: %p"},
	"it": {"Cell. %p", "Il mio telefono è %p.", "Chiamatemi al %p."}, "pt": {"Celular: %p", "Meu telefone é %p.", "Fone %p", "Telemóvel: %p"}, "nl": {"Mobiel: %p", "Mijn telefoonnummer is %p.", "Bel %p"}, "pl": {"Kom. %p", "Mój telefon: %p", "Nr tel. %p"},
	"ja": {"携帯：%p", "電話番号は%pです。", "連絡先 %p"}, "zh": {"联系电话：%p", "我的手机是%p", "请拨打%p"}, "ko": {"휴대폰: %p", "연락처 %p", "휴대폰번호 %p"},
}

var heldOutRemarks = []string{
	"Case no. %o is open.", "Waybill %t was scanned at 14:05.", "Upgrade to version %v soon.", "Exit status 139 after 1767225600 s.", "Room 12-340, floor 3, desk 0042.", "EAN 4006381333931, item 12.345.678.", "The ratio is 0.4242424242424242 of 1.", "See RFC 9110 section 8.8.3.2.",
	"GET /v2/items/424242424242 took 123.456 ms.", "The meter showed 0012345678 kWh.", "Sizes 36-38-40-42 and 10/12/14.", "Score: 6-4 3-6 7-5.", "Flight at 06:45, gate 22, seat 14C.", "Tracking: %t", "Revision %k failed.",
}

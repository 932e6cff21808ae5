package inspect

// localWords are names of persons, places and cards as services of a country call
// them, beside the plain ones of words.
var localWords = map[string]meaning{
	// Names. A family name and a given name alone are short words that mean other
	// things too, so that they need a person's data beside them.
	"姓": mNameWeak, "名": mNameWeak, "姓氏": mName, "真实姓名": mName, "收货人": mHolder, "收件人": mHolder, "持卡人": mHolder, "户名": mHolder, "客户姓名": mName,
	"苗字": mName, "名義人": mHolder, "カード名義": mHolder, "カード名義人": mHolder, "口座名義": mHolder, "受取人": mHolder, "お届け先氏名": mName, "セイ": mNameWeak, "メイ": mNameWeak,
	"성": mNameWeak, "고객명": mName, "예금주": mHolder, "카드소유자": mHolder, "수령인": mHolder, "받는분": mHolder, "받는사람": mHolder,
	"familienaam": mName, "volledige_naam": mName, "kaarthouder": mHolder, "rekeninghouder": mHolder, "naam_ontvanger": mName, "tussenvoegsel": mName,
	"karteninhaber": mHolder, "kontoinhaber": mHolder, "kundenname": mName, "zuname": mName, "rufname": mName, "geburtsname": mName,
	"titulaire": mHolder, "titulaire_de_la_carte": mHolder, "titulaire_du_compte": mHolder, "nom_du_client": mName, "nom_d_usage": mName,
	"titular": mHolder, "titular_de_la_tarjeta": mHolder, "titular_de_la_cuenta": mHolder, "nombre_de_pila": mName, "primer_nombre": mName, "segundo_apellido": mName, "apellido_paterno": mName, "apellido_materno": mName, "nombre_del_cliente": mName,
	"intestatario": mHolder, "titolare": mHolder, "titolare_carta": mHolder, "titolare_della_carta": mHolder, "nome_e_cognome": mName, "nominativo": mName,
	"titular_do_cartão": mHolder, "titular_do_cartao": mHolder, "titular_da_conta": mHolder, "primeiro_nome": mName, "último_nome": mName, "apelido": mName, "nome_do_cliente": mName,
	"posiadacz_karty": mHolder, "właściciel_konta": mHolder, "wlasciciel_konta": mHolder, "drugie_imię": mName, "nazwa_odbiorcy": mName,
	"förnamn": mName, "efternamn": mName, "fornavn": mName, "etternavn": mName, "efternavn": mName, "etunimi": mName, "sukunimi": mName, "prenume": mName, "nume_de_familie": mName,
	// Addresses and their parts.
	"省份": mLine, "省": mLine, "城市": mCity, "区县": mLine, "街道": mStreet, "详细地址": mAddress, "收货地址": mAddress, "收件地址": mAddress, "住址": mAddress, "邮政编码": mPostcode,
	"都道府県": mLine, "番地": mStreet, "町名番地": mStreet, "町名": mStreet, "建物名": mLine, "お届け先住所": mAddress, "市町村": mCity,
	"시도": mLine, "도시": mCity, "시군구": mCity, "도로명": mStreet, "도로명주소": mAddress, "상세주소": mLine, "배송지": mAddress, "배송주소": mAddress,
	"straatnaam": mStreet, "straat_en_huisnummer": mStreet, "huisnummer": mLine, "woonplaats": mCity, "gemeente": mCity, "provincie": mLine, "woonadres": mAddress, "bezorgadres": mAddress, "factuuradres": mAddress, "verzendadres": mAddress,
	"lieferadresse": mAddress, "rechnungsadresse": mAddress, "lieferanschrift": mAddress, "rechnungsanschrift": mAddress, "adresszusatz": mLine, "kanton": mLine,
	"adresse_de_livraison": mAddress, "adresse_de_facturation": mAddress, "voie": mStreet, "complément_d_adresse": mLine, "région": mLine, "département": mLine, "commune": mCity,
	"localidad": mCity, "población": mCity, "municipio": mCity, "provincia": mLine, "estado": mLine, "colonia": mLine, "dirección_de_envío": mAddress, "direccion_de_envio": mAddress,
	"comune": mCity, "località": mCity, "indirizzo_di_spedizione": mAddress, "indirizzo_di_fatturazione": mAddress,
	"morada": mAddress, "endereço_de_entrega": mAddress, "endereco_de_entrega": mAddress, "município": mCity, "complemento": mLine, "distrito": mLine,
	"miejscowość": mCity, "miejscowosc": mCity, "województwo": mLine, "adres_dostawy": mAddress, "adres_zamieszkania": mAddress, "adres_korespondencyjny": mAddress, "ulica_i_numer": mStreet,
	"gatuadress": mStreet, "postort": mCity, "postnummer": mPostcode, "poststed": mCity, "katuosoite": mStreet, "postinumero": mPostcode, "strada": mStreet, "localitate": mCity, "cod_postal": mPostcode,
	// Telephones and dates of birth.
	"手机号码": mPhone, "电话号码": mPhone, "联系电话": mPhone, "携帯電話": mPhone, "携帯番号": mPhone, "連絡先": mPhone, "휴대폰": mPhone, "휴대전화": mPhone, "휴대폰번호": mPhone, "핸드폰": mPhone, "연락처": mPhone,
	"rufnummer": mPhone, "festnetz": mPhone, "portable": mPhone, "mobiel": mPhone, "gsm": mPhone, "telemóvel": mPhone, "telefon_komórkowy": mPhone, "telefon_komorkowy": mPhone, "número_de_teléfono": mPhone, "numero_de_telefono": mPhone, "número_de_telefone": mPhone, "numero_di_cellulare": mPhone,
	"生日": mBirth, "생일": mBirth, "誕生日": mBirth, "geboren_am": mBirth, "né_le": mBirth, "fødselsdato": mBirth, "födelsedatum": mBirth, "syntymäaika": mBirth, "data_nașterii": mBirth,
	// Cards.
	"カード番号": mCard, "クレジットカード番号": mCard, "卡号": mCard, "信用卡号": mCard, "카드번호": mCard, "신용카드번호": mCard, "creditcardnummer": mCard, "kaartnummer": mCard, "numero_carta": mCard, "numero_di_carta": mCard,
	"número_de_tarjeta": mCard, "numéro_de_carte": mCard, "número_do_cartão": mCard, "numero_cartao": mCard, "numero_do_cartao": mCard, "numer_karty": mCard,
}

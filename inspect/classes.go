package inspect

import "github.com/getweir/weir"

// The classes that an Inspector finds.
const (
	Email     weir.Class = "contact.email"
	Phone     weir.Class = "contact.phone"
	Address   weir.Class = "contact.address"
	Card      weir.Class = "payment.card"
	IBAN      weir.Class = "payment.iban"
	IP        weir.Class = "network.ip"
	Name      weir.Class = "person.name"
	BirthDate weir.Class = "person.birth_date"
	Viewing   weir.Class = "media.viewing_history"
	Browsing  weir.Class = "media.browsing_history"
	Searches  weir.Class = "media.search_history"
	Order     weir.Class = "commerce.order"
	Device    weir.Class = "device.id"

	BankAccount   weir.Class = "payment.bank_account"
	BIC           weir.Class = "payment.bic"
	CVV           weir.Class = "payment.cvv"
	Expiry        weir.Class = "payment.expiry"
	Passport      weir.Class = "identity.passport"
	Postcode      weir.Class = "contact.postcode"
	Location      weir.Class = "location.gps"
	MAC           weir.Class = "network.mac"
	IMEI          weir.Class = "device.imei"
	AdvertisingID weir.Class = "device.advertising_id"
)

// A Class describes one kind of personal data that an Inspector finds.
type Class struct {
	Name    weir.Class
	About   string // what it is, and what it takes to be found
	Example string // invented
	Source  string // where the rule comes from
}

// Classes lists everything that an Inspector can find, in a fixed order. The
// slice is the caller's.
func Classes() []Class {
	classes := []Class{
		{Email, "an e-mail address, also with the @ escaped", "jo@example.com", "RFC 5321 section 4.1.2, RFC 6531"},
		{Phone, "a phone number: international with +, national by key, by a word beside it or by an unmistakable layout", "+44 7700 900123", "ITU-T E.164; national numbering plans by ITU-T E.129"},
		{Address, "a postal address or a line of it, by key", "1 Example Street", "CLDR address fields; vCard ADR, RFC 6350 section 6.3.1"},
		{Card, "a payment card number of a known issuer range, checked", "4242 4242 4242 4242", "ISO/IEC 7812-1 annex B (Luhn)"},
		{IBAN, "an international bank account number, checked", "GB29 NWBK 6016 1331 9268 19", "ISO 13616; SWIFT IBAN registry"},
		{IP, "an IPv4 or IPv6 address that is not of the host itself", "192.0.2.7", "RFC 1123, RFC 4291 section 2.2, RFC 6890"},
		{Name, "a person's name, by key", "Jo Example", "schema.org Person; vCard N, RFC 6350 section 6.2.2"},
		{BirthDate, "a date of birth, by key", "1990-02-28", "vCard BDAY, RFC 6350 section 6.2.5"},
		{Viewing, "what somebody watched and when, by key or by shape", `{"title_id":"t-1","watched_at":"2026-01-02T20:15:00Z"}`, "Video Privacy Protection Act, 18 U.S.C. 2710(a)(3)"},
		{Browsing, "which pages somebody looked at and when, by key or by shape", `{"page":"/shoes","visited_at":"2026-01-02T20:15:00Z"}`, "GDPR recital 30"},
		{Searches, "what somebody searched for, by key or by shape", `{"query":"boots","searched_at":"2026-01-02T20:15:00Z"}`, "GDPR recital 30"},
		{Order, "an order: its number with its lines, total or recipient", `{"order_id":"o-1","total":12.5}`, "schema.org Order"},
		{Device, "an identifier of somebody's device, by key", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "GDPR recital 30"},
		{Postcode, "a postal code that stands without the rest of an address, by key", "EX1 1EX", "UPU S42; CLDR address fields"},
		{Expiry, "the month in which a payment card expires, by key or beside a card", "08/27", "ISO/IEC 7813; PCI DSS v4.0.1 requirement 3"},
		{Location, "a latitude and a longitude, by keys or words", "51.4779,-0.0015", "ISO 6709; GDPR article 4(1)"},
	}
	for _, r := range rules {
		if r.about != "" {
			classes = append(classes, Class{r.class, r.about, r.valid[0], r.source})
		}
	}
	return append(classes, knownClasses()...)
}

package labelled

import (
	"fmt"
	"strings"

	"github.com/getweir/weir"
)

const (
	bicClass      weir.Class = "payment.bic"
	cvvClass      weir.Class = "payment.cvv"
	expiryClass   weir.Class = "payment.expiry"
	accountClass  weir.Class = "payment.bank_account"
	macClass      weir.Class = "network.mac"
	gpsClass      weir.Class = "location.gps"
	imeiClass     weir.Class = "device.imei"
	adsClass      weir.Class = "device.advertising_id"
	passportClass weir.Class = "identity.passport"
)

// banking adds what stands beside cards and accounts. An expiry that does not say of
// what needs a card beside it.
func (m *maker) banking(n *node, card bool) {
	if m.chance(0.4) {
		n.with(own(m, 3, []string{"cvv", "cvc", "security code", "card cvv", "cvc2", "cvv2", "card verification value", "cvv code", "card security code"}), runs(personal(cvvClass, m.digits(3))).numeric(m.chance(0.3)))
	}
	if m.chance(0.4) {
		keys := []string{"card expiry", "card expiration", "card exp date"}
		if card {
			keys = append(keys, "expiry", "expiry date", "exp date", "expiration date", "valid thru", "expiration")
		}
		n.with(own(m, 1, keys),
			personal(expiryClass, fmt.Sprintf(pick(m, []string{"%02d/%02d", "%02d/20%02d", "%02d-%02d"}), 1+m.IntN(12), 27+m.IntN(6))))
	}
	if m.chance(0.3) {
		country := pick(m, words("DE FR GB NL ES IT US CH BE AT PL SE"))
		v := m.from(capitals, 4) + country + m.from("23456789ABCDEFGHJKLMNPQRSTUVWXYZ", 2) + pick(m, []string{"", "", strings.Repeat("X", 3), "500"})
		n.with(own(m, 2, []string{"bic", "swift code", "swift", "bank bic", "bic code", "swift bic"}), personal(bicClass, v))
	}
	if m.chance(0.3) {
		switch m.IntN(3) {
		case 0:
			s := pick(m, words("01 03 05 07 09 11 12 21 26 30 32 61 72 80")) + m.digits(6)
			sum := 0
			for i, c := range []byte(s) {
				sum += int(c-'0') * [...]int{3, 7, 1}[i%3]
			}
			s += fmt.Sprint((10 - sum%10) % 10)
			key := own(m, 2, []string{"routing number", "aba", "aba routing number", "ach routing", "routing no", "routing transit number"})
			if m.chance(0.25) {
				n.with(key, decoy(accountClass, "routing number with a wrong check", m.off(s)))
			} else {
				n.with(key, personal(accountClass, s))
			}
		case 1:
			n.with("sort code", personal(accountClass, m.from("123456789", 1)+m.digits(1)+"-"+m.digits(2)+"-"+m.digits(2)))
		default:
			n.with(own(m, 2, []string{"bank account number", "bank account", "kontonummer", "numero de cuenta", "rekeningnummer", "numer rachunku", "bank account no", "口座番号"}), personal(accountClass, m.from("123456789", 1)+m.digits(7+m.IntN(3))))
		}
	}
}

// network adds what tells of a device and where it is.
func (m *maker) network(n *node) {
	if m.chance(0.4) {
		s := m.hexes(12)
		s = "02" + s[2:] // locally administered
		var pairs []string
		for i := 0; i < 12; i += 2 {
			pairs = append(pairs, s[i:i+2])
		}
		v := strings.Join(pairs, pick(m, []string{":", ":", "-"}))
		if m.chance(0.4) {
			v = strings.ToUpper(v)
		}
		n.with(own(m, 2, []string{"mac address", "mac", "wifi mac", "device mac", "mac addr", "ethernet mac"}), personal(macClass, v))
	}
	if m.chance(0.4) {
		s := with10("35" + m.digits(12))
		key := own(m, 2, []string{"imei", "imei number", "device imei", "imei1", "imei no", "imei2"})
		if m.chance(0.3) {
			// Under its own key a wrong one would still be of a device.
			n.with(own(m, 1, []string{"serial number", "batch", "lot number"}), decoy(imeiClass, "number of the system's that passes a check", s))
		} else {
			n.with(key, runs(personal(imeiClass, s)).numeric(m.chance(0.2)))
		}
	}
	if m.chance(0.3) {
		n.with(own(m, 3, []string{"idfa", "advertising id", "gaid", "aaid", "google advertising id", "ad id", "ifa"}), personal(adsClass, m.uuid(), deviceClass))
	}
	if m.chance(0.4) {
		lat, lon := fmt.Sprintf("%d.%s", m.IntN(80), m.digits(5)+"7"), fmt.Sprintf("%s%d.%s", pick(m, []string{"", "-"}), m.IntN(170), m.digits(5)+"3")
		switch m.IntN(3) {
		case 0:
			a := runs(personal(gpsClass, lat))
			b := runs(personal(gpsClass, lon))
			a.bare, b.bare = true, true
			n.with(own(m, 1, []string{"latitude", "lat", "geo lat"}), a, own(m, 1, []string{"longitude", "lon", "geo lon"}), b)
		default:
			n.with(own(m, 1, []string{"gps", "coordinates", "geo location", "last location", "location"}), personal(gpsClass, lat+pick(m, []string{",", ", "})+lon))
		}
	}
	if m.chance(0.15) {
		key := own(m, 2, []string{"mrz", "machine readable zone", "passport mrz", "document mrz"})
		line := m.zone()
		if m.chance(0.3) {
			n.with(key, decoy(passportClass, "zone with a wrong check", m.off(line)))
		} else {
			n.with(key, personal(passportClass, line))
		}
	}
}

// zone gives the second line of a passport's machine-readable zone (ICAO Doc
// 9303-4), for the state Utopia, which the specification invents.
func (m *maker) zone() string {
	check := func(s string) string {
		sum := 0
		for i, c := range []byte(s) {
			v := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
			if v < 0 {
				v = 0
			}
			sum += v * [...]int{7, 3, 1}[i%3]
		}
		return fmt.Sprint(sum % 10)
	}
	number := m.from(capitals, 1) + m.digits(8)
	born := m.born().Format("060102")
	expires := fmt.Sprintf("%02d%02d%02d", 27+m.IntN(8), 1+m.IntN(12), 1+m.IntN(28))
	personalNo := strings.Repeat("<", 14)
	number += check(number)
	born += check(born)
	expires += check(expires)
	optional := personalNo + "<"
	return number + "UTO" + born + m.from("MF", 1) + expires + optional + check(number+born+expires+personalNo+"0")
}

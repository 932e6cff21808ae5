package inspect

import "github.com/getweir/weir"

// imei has fifteen digits that pass the Luhn check.
var imei = rule{
	class: IMEI, checked: true,
	about:   "an equipment identity of a mobile device (IMEI), checked, by key or word",
	source:  "3GPP TS 23.003 section 6.2 and annex B (Luhn)",
	keys:    "imei imei_number imei_no imei_1 imei_2 device_imei imeis",
	forms:   "ddddddddddddddd|dd-dddddd-dddddd-d!|dd dddddd dddddd d!|dddddd-dd-dddddd-d!",
	valid:   []string{"490154203237518", "35-209900-176148-1", "352099001761481"},
	invalid: []string{"490154203237519", "000000000000000", "49015420323751"},
	check: func(v []byte) proof {
		if len(v) != 15 || !digits(v) || uniform(v) || !luhn(v) {
			return refuted
		}
		return checked
	},
}

// advertisingID is a UUID that its key calls one.
var advertisingID = rule{
	class:   AdvertisingID,
	about:   "an advertising identifier of a device (IDFA, GAID, AAID): a UUID, by key",
	source:  "RFC 9562 section 4; IAB Tech Lab, Guidelines for Identifier for Advertising on OTT platforms",
	keys:    "{advertising,ad,ads,advertiser,mobile_ad,google_ad,google_ads,google_advertising,android_ad,android_advertising,apple_ad,apple_advertising,ios_advertising,device_advertising}_{id,identifier} {google,android,apple,ios,mobile}_{gaid,aaid,idfa} idfa gaid aaid rida tifa lgudid adid ad_id advertising_id advertisingid advertiser_id advertising_identifier google_advertising_id google_ad_id apple_idfa ios_idfa android_advertising_id fire_advertising_id roku_advertising_id device_ifa ifa afai msai maid mobile_ad_id mobile_advertising_id",
	valid:   []string{"7c9e6679-7425-40de-944b-e07fc1f90ae7", "7C9E6679-7425-40DE-944B-E07FC1F90AE7"},
	invalid: []string{"00000000-0000-0000-0000-000000000000", "7c9e6679-7425-40de-944b", "campaign-17"},
	check: func(v []byte) proof {
		if !uuid(v) {
			return refuted
		}
		return plausible
	},
}

// macAddress is twelve hexadecimal digits; groups and broadcast are nobody's.
var macAddress = rule{
	class:   MAC,
	about:   "a hardware address of a network interface, in pairs with : or -, or by key",
	source:  "IEEE 802-2014 section 8.2",
	keys:    "{wifi,wlan,bluetooth,ethernet,lan,eth,eth_0,device,client,station,router,adapter,nic,interface}_mac {hw,hardware,physical,ethernet,lan,wlan,link_layer}_{addr,address} mac mac_address mac_addr macaddress macaddr mac_addresses wifi_mac bluetooth_mac ethernet_mac bssid hwaddr hw_addr hardware_address physical_address",
	valid:   []string{"00:00:5e:00:53:01", "00-00-5E-00-53-01", "0000.5e00.5301", "00005e005301"},
	invalid: []string{"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "00:00:5e:00:53", "00:00:5e:00:53:0g"},
	check: func(v []byte) proof {
		if len(v) != 12 || uniform(v) || nibble(v[1])&1 == 1 {
			return refuted
		}
		for _, c := range v {
			if !hex(c) {
				return refuted
			}
		}
		return plausible
	},
}

// mac looks for six pairs of hexadecimal digits with colons between them around the
// third of those, t[p], and gives their end. More pairs are a fingerprint, fewer a
// time.
func (w *walk) mac(t []byte, lo, hi, p int) (end int, ok bool) {
	a := p - 8
	end = a + 17
	if a < max(lo, w.last) || end > hi || a > lo && (wordByte(t[a-1]) || t[a-1] == ':' || t[a-1] == '-') || end < hi && (wordByte(t[end]) || t[end] == ':' || t[end] == '-') {
		return 0, false
	}
	for i := range 17 {
		if i%3 == 2 {
			if t[a+i] != ':' {
				return 0, false
			}
		} else if !hex(t[a+i]) {
			return 0, false
		}
	}
	var buf [12]byte
	if v, _ := compact(buf[:], t[a:end]); macAddress.check(v) == refuted {
		return 0, false
	}
	c := weir.LikelyMatch
	if named(w.ctx) != 0 || named(w.beside(t, lo, a)) != 0 {
		c = weir.SureMatch
	}
	w.emit(MAC, a, end, c, false, "mac")
	return end, true
}

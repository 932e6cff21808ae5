package inspect

import (
	"bytes"

	"github.com/getweir/weir"
)

// numberWords are the phrases of what is known by its key and a number, beside those
// of rules.
var numberWords = map[string]meaning{
	"location": mGeo, "loc": mGeo, "geoloc": mGeo, "whereabouts": mGeo, "standort": mGeo, "ubicación": mGeo, "posizione": mGeo, "localização": mGeo, "位置": mGeo, "위치": mGeo,
	"gps": mGeo, "coordinates": mGeo, "coordinate": mGeo, "coords": mGeo, "geo": mGeo, "geolocation": mGeo, "geo_location": mGeo, "latlng": mGeo,
	"lat_lng": mGeo, "lat_lon": mGeo, "latlon": mGeo, "lat_long": mGeo, "gps_coordinates": mGeo, "gps_location": mGeo, "geo_point": mGeo, "geopoint": mGeo,
	"last_location": mGeo, "home_location": mGeo, "current_location": mGeo, "user_location": mGeo, "device_location": mGeo, "geocode": mGeo, "geo_coordinates": mGeo, "geo_coords": mGeo, "gps_coords": mGeo, "gps_position": mGeo, "geo_position": mGeo, "coordenadas": mGeo, "coordonnées": mGeo, "koordinaten": mGeo, "lat_lngs": mGeo,
	"座標": mGeo, "坐标": mGeo, "좌표": mGeo,
	"mrz": mZone, "mrz_line": mZone, "mrz_code": mZone, "passport_mrz": mZone, "machine_readable_zone": mZone, "document_mrz": mZone,
	"lat": mLatitude, "latitude": mLatitude, "geo_lat": mLatitude, "breitengrad": mLatitude, "latitud": mLatitude, "latitudine": mLatitude, "緯度": mLatitude, "纬度": mLatitude, "위도": mLatitude,
	"lon": mLongitude, "lng": mLongitude, "longitude": mLongitude, "geo_lon": mLongitude, "geo_lng": mLongitude, "längengrad": mLongitude, "laengengrad": mLongitude,
	"longitud": mLongitude, "longitudine": mLongitude, "経度": mLongitude, "经度": mLongitude, "경도": mLongitude,
	"银行卡号": mCard, "exp": mExpiry, "expiry": mExpiry, "expires": mExpiry, "exp_date": mExpiry, "expiry_date": mExpiry, "expiration": mExpiry, "expiration_date": mExpiry, "valid_thru": mExpiry,
	"valid_through": mExpiry, "card_exp": mExpiry, "card_expiry": mExpiry, "card_expiration": mExpiry, "card_expiry_date": mExpiry, "card_expiration_date": mExpiry, "cc_exp": mExpiry, "cc_expiry": mExpiry,
	"ablaufdatum": mExpiry, "gültig_bis": mExpiry, "date_expiration": mExpiry, "fecha_de_caducidad": mExpiry, "fecha_caducidad": mExpiry, "scadenza": mExpiry, "validade": mExpiry, "有効期限": mExpiry, "有效期": mExpiry,
	"exp_month": mExpiryMonth, "expiry_month": mExpiryMonth, "expiration_month": mExpiryMonth, "card_exp_month": mExpiryMonth, "expmonth": mExpiryMonth,
	"exp_year": mExpiryYear, "expiry_year": mExpiryYear, "expiration_year": mExpiryYear, "card_exp_year": mExpiryYear, "expyear": mExpiryYear,
	"account_number": mAccountNo, "account_no": mAccountNo, "acct_number": mAccountNo, "acct_no": mAccountNo, "account_num": mAccountNo, "accountnumber": mAccountNo,
	"bank_name": mBanking, "bank": mBanking, "bank_code": mBanking, "bank_id": mBanking, "bank_branch": mBanking, "bankname": mBanking, "institution_number": mBanking, "bsb": mBanking,
}

// anyPlaces are the names of places that shops and machines have too: a person's only by
// themselves, or with who has it before.
var anyPlaces = map[string]bool{"location": true, "loc": true, "standort": true, "ubicación": true, "ubicacion": true, "posizione": true, "localização": true, "localizacao": true}

// byNumber reports the value v, which stands at at and has its escapes undone, if it
// is what its key says of numbers, and whether nothing else can be in it.
func (w *walk) byNumber(m meaning, v []byte, at span) bool {
	switch m {
	case mGeo:
		if placeValue(v) {
			w.keyedAs(Location, at, false)
			return true
		}
	case mLatitude, mLongitude:
		if degreesValue(v, m) {
			w.wait(m, at)
			return true
		}
	case mZone:
		if zoneValue(v) {
			w.keyedAs(Passport, at, true)
			return true
		}
	case mExpiry:
		// What else expires does so on a day.
		switch {
		case len(v) > 4 && digits(v[:2]) && expiryValue(v):
			w.report(Expiry, at, weir.SureMatch)
			return true
		case expiryValue(v):
			w.wait(m, at)
			return true
		}
	case mExpiryMonth:
		if len(v) <= 2 && digits(v) && monthValue(v) {
			w.wait(m, at)
			return true
		}
	case mExpiryYear:
		if (len(v) == 2 || len(v) == 4 && v[0] == '2' && v[1] == '0') && digits(v) {
			w.wait(m, at)
			return true
		}
	case mAccountNo:
		plain, _ := compact(w.plain[:], v)
		if len(v) < 24 && bankAccount.check(plain) != refuted {
			w.wait(m, at)
		}
	default:
		if w.byRule(m, v, at) {
			return true
		}
		if isDevices(m) && deviceValue(v) {
			w.report(Device, at, weir.SureMatch)
			return true
		}
	}
	return false
}

// degrees reports the JSON number v, of which the key says that it is a latitude, a
// longitude or one of the two, if it can be.
func (w *walk) degrees(m meaning, v []byte, at span) {
	switch {
	case m != mGeo && degreesValue(v, m):
		w.wait(m, at)
	case m == mGeo && degreesValue(v, mLongitude) && decimals(v) >= 3:
		w.report(Location, at, weir.SureMatch)
	}
}

// decide reports what waited for its object, if the rest of the object says that it
// is what its key may mean.
func (w *walk) decide(f *frame, p pending) {
	switch p.m {
	case mLatitude, mLongitude:
		if w.single {
			w.report(Location, p.span, weir.LikelyMatch)
			return
		}
		for _, q := range w.pending[f.wait:] {
			if q.object == p.object && q.m != p.m && (q.m == mLatitude || q.m == mLongitude) {
				w.report(Location, p.span, weir.SureMatch)
				return
			}
		}
	case mExpiry, mExpiryMonth, mExpiryYear:
		of := f.parent == mCard || f.has.has(mCard) || f.has.has(mSecured)
		for _, q := range w.pending[f.wait:] {
			of = of || p.m == mExpiryMonth && q.m == mExpiryYear || p.m == mExpiryYear && q.m == mExpiryMonth
		}
		if of {
			w.report(Expiry, p.span, weir.SureMatch)
		}
	case mAccountNo:
		if f.has.has(mBanking) || f.parent == mBanking || named(f.parent) != 0 {
			w.report(BankAccount, p.span, weir.SureMatch)
		}
	}
}

// placeValue reports whether v is a latitude and a longitude, with at least three
// decimals each: some hundred metres (ISO 6709 annex H writes them so for people).
func placeValue(v []byte) bool {
	i := bytes.IndexAny(v, ",; ")
	if i < 0 {
		return false
	}
	a, b := v[:i], bytes.TrimLeft(v[i+1:], ", ")
	return degreesValue(a, mLatitude) && degreesValue(b, mLongitude) && decimals(a) >= 3 && decimals(b) >= 3
}

func decimals(v []byte) int {
	if i := bytes.IndexByte(v, '.'); i >= 0 {
		return len(v) - i - 1
	}
	return 0
}

// degreesValue reports whether v is a number of degrees with decimals, of a latitude
// or a longitude.
func degreesValue(v []byte, m meaning) bool {
	if len(v) > 0 && (v[0] == '-' || v[0] == '+') {
		v = v[1:]
	}
	i := bytes.IndexByte(v, '.')
	if i < 1 || i > 3 || i+1 == len(v) || len(v) > 24 || !digits(v[:i]) || !digits(v[i+1:]) {
		return false
	}
	limit := 180
	if m == mLatitude {
		limit = 90
	}
	return decimal(v[:i]) <= limit
}

// place looks for a latitude and a longitude around the digit t[p] in text that
// speaks of a place, and gives their end.
func (w *walk) place(t []byte, lo, hi, p int) (end int, ok bool) {
	degree := func(c byte) bool { return digit(c) || c == '.' || c == '-' || c == '+' }
	a := p
	for floor := max(lo, w.last, p-30); a > floor && (degree(t[a-1]) || t[a-1] == ',' || t[a-1] == ' ' && t[max(a-2, 0)] == ','); {
		a--
	}
	for end = p; end < hi && end < p+20 && degree(t[end]); {
		end++
	}
	for end > p && t[end-1] == '.' {
		end--
	}
	if end-a < 11 || a > lo && wordByte(t[a-1]) || end < hi && wordByte(t[end]) || !placeValue(t[a:end]) {
		return 0, false
	}
	if m := w.ctx; m != mGeo && w.beside(t, lo, a) != mGeo {
		return 0, false
	}
	w.emit(Location, a, end, weir.SureMatch, false, "place")
	return end, true
}

// born looks for a date of birth, of which a word before it tells, that the digit
// t[p] is in, and gives its end.
func (w *walk) born(t []byte, lo, hi, a, b int) bool {
	if !dateValue(t[a:b]) || a > lo && wordByte(t[a-1]) || w.ctx != mNone && w.ctx != mText {
		return false
	}
	if w.beside(t, lo, a) != mBirth {
		return false
	}
	w.emit(BirthDate, a, b, weir.SureMatch, false, "words")
	return true
}

// postcodeValue reports whether v has the form of a postal code: three to ten
// letters and digits, a digit among them (UPU S42; national forms differ widely).
func postcodeValue(v []byte) bool {
	n, has := 0, false
	for _, c := range v {
		switch {
		case digit(c):
			has = true
			n++
		case alpha(c):
			n++
		case c != ' ' && c != '-':
			return false
		}
	}
	return has && n >= 3 && n <= 10 && len(v) <= 12
}

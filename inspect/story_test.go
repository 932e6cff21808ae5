package inspect

import (
	"strings"
	"testing"

	"github.com/getweir/weir"
)

func TestStoriesInJSON(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ body, want string }{
		{`{"parental_pin":"4316"}`, `parental_pin=4316`},
		{`{"parentalPin":4316}`, `parental_pin=4316`},
		{`{"parental_controls":{"enabled":true,"pin":"0042"}}`, `parental_pin=0042`},
		{`{"profiles":[{"name":"Mia","pin":"7731"}]}`, `name=Mia | parental_pin=7731`},
		{`{"household_profiles":[{"name":"Mia","avatar":"a-3"},{"name":"Ben"}]}`, `household_profile=[{"name":"Mia","avatar":"a-3"},{"name":"Ben"}] | name=Mia | name=Ben`},
		{`{"profile_id":"p-2","profile_name":"Kids","is_kid":true}`, `household_profile={"profile_id":"p-2","profile_name":"Kids","is_kid":true}`},
		{`{"profiles":[{"name":"Mia","is_kids":true}]}`, `household_profile={"name":"Mia","is_kids":true} | name=Mia`},
		{`{"licence_token":"aZ3kQ9xV7bT1mR5wY8cN2dF4gH6jL0p"}`, `playback_licence=aZ3kQ9xV7bT1mR5wY8cN2dF4gH6jL0p`},
		{`{"manifest_url":"https://cdn.example/t-1/master.m3u8?hdnts=exp=1767225600~acl=/*~hmac=9f2c47b1d0e8"}`, `playback_licence=https://cdn.example/t-1/master.m3u8?hdnts=exp=1767225600~acl=/*~hmac=9f2c47b1d0e8`},
		{`{"x":"https://cdn.example/t-1/stream.mpd?token=9f2c47b1d0e8a63b"}`, `playback_licence=https://cdn.example/t-1/stream.mpd?token=9f2c47b1d0e8a63b`},
		{`{"esn":"EXPLAYER-01-0042AB77"}`, `player_id=EXPLAYER-01-0042AB77`},
		{`{"rokuDeviceId":"S0E4-77AB-0042"}`, `player_id=S0E4-77AB-0042`},
		{`{"gift_note":"Happy birthday, with love"}`, `gift_note=Happy birthday, with love`},
		{`{"gift_message":"Alles Gute, schreib an jo@example.com"}`, `gift_note=Alles Gute, schreib an jo@example.com | email=jo@example.com`},
		{`{"loyalty_number":"6035 1142 0817"}`, `loyalty_card=6035 1142 0817`},
		{`{"loyaltyCard":{"number":"AB-1142-0817"}}`, `loyalty_card=AB-1142-0817`},
		{`{"membership_number":60351142}`, `loyalty_card=60351142`},
		{`{"gift_card_code":"XK4F-9PTQ-22LM"}`, `gift_card=XK4F-9PTQ-22LM`},
		{`{"gift_card":{"number":"6006 4912 3456 7890","balance":20}}`, `gift_card=6006 4912 3456 7890`},
		{`{"wish_list":[{"sku":"s-1"},{"sku":"s-2"}]}`, `wish_list=[{"sku":"s-1"},{"sku":"s-2"}]`},
		{`{"wishlist":["Boots","Tent"]}`, `wish_list=["Boots","Tent"]`},
		{`{"direct_messages":[{"text":"see you at eight"}]}`, `direct=[{"text":"see you at eight"}]`},
		{`{"sender_id":"c-1","recipient_id":"c-2","text":"see you at eight"}`, `direct={"sender_id":"c-1","recipient_id":"c-2","text":"see you at eight"}`},
		{`{"dm":"see you at eight"}`, `direct=see you at eight`},
		{`{"payouts":[{"amount":120.5,"currency":"EUR"}]}`, `payout={"amount":120.5,"currency":"EUR"}`},
		{`{"payout_id":"p-1","amount":12}`, `payout={"payout_id":"p-1","amount":12}`},
		{`{"payout_amount":120.5}`, `payout=120.5`},
		{`{"payment_token":"ptok-0042-77f1-ab90"}`, `token=ptok-0042-77f1-ab90`},
		{`{"x":"pm_1Nf7aB2eZvKYlo2C0bQ9xR4t"}`, `token=pm_1Nf7aB2eZvKYlo2C0bQ9xR4t`},
		{`{"body":"Please call 020 7946 0018"}`, `phone=020 7946 0018`},
		{`{"sender_id":2125550123,"recipient_id":"2125550123","loyalty":"2125550123 now"}`, ``},
		{`{"household_members":[{"name":"Mia Example","age_band":"7-11"}]}`, `household_profile=[{"name":"Mia Example","age_band":"7-11"}] | name=Mia Example`},
		// None.
		{`{"parental_pin":"****","payout_amount":0,"payouts":[],"wish_list":[],"gift_note":"","loyalty_number":null,"gift_card":false}`, ``},
		{`{"pin":"4316","pinned":true,"pin_count":4,"customer":{"pin":"560001"}}`, ``},
		{`{"gift_card":true,"gift_card_balance":2000,"gift_note":true,"gift_notes_count":3,"loyalty":{"tier":"gold","points":1200}}`, ``},
		{`{"manifest_url":"https://cdn.example/t-1/master.m3u8","stream_url":"https://cdn.example/live?quality=hd","manifest":"package.json"}`, ``},
		{`{"wishlist_count":3,"wish_list":4,"payouts_enabled":true,"payouts":{"schedule":{"interval":"daily"}},"dms":0}`, ``},
		{`{"name":"Blue Boots","kids":true,"maturity_level":7,"sku":"s-1"}`, ``},
		{`{"title":"The Sea","profile_id":"p-1","avatar":"a"}`, ``},
		{`{"sender":"noreply","message":"welcome","recipient":null}`, ``},
		{`{"player_id":true,"esn":"","payment_token":"none","card_token":"pending"}`, ``},
		{`{"wish_list":[{"sku":"*","qty":0}],"direct_messages":[{"text":"*"}],"household_profiles":[{"name":"*","is_kid":null}]}`, ``},
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(c.body), Record: true}); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

func TestStoriesInCSVAndHTML(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ column, value, want string }{
		{"parental_pin", "4316", "parental_pin"},
		{"Gift note", "Happy birthday, with love", "gift_note"},
		{"loyalty_card_number", "6035114208", "loyalty_card"},
		{"Gift card code", "XK4F-9PTQ-22LM", "gift_card"},
		{"Wish list", "Boots, Tent", "wish_list"},
		{"ESN", "EXPLAYER-01-0042AB77", "player_id"},
		{"Payout amount", "120.50 EUR", "payout"},
		{"Direct message", "see you at eight", "direct"},
		{"payment token", "ptok-0042-77f1-ab90", "token"},
		{"playback token", "aZ3kQ9xV7bT1mR5wY8cN2dF4gH6jL0p", "playback_licence"},
	} {
		want := c.want + "=" + c.value
		for _, seg := range []weir.Segment{
			{Syntax: weir.CSV, Record: true, Columns: []string{"id", c.column}, Body: []byte("c-1,\"" + c.value + "\"\r\n")},
			{Syntax: weir.HTML, Body: []byte("<dl><dt>" + c.column + "</dt><dd>" + c.value + "</dd></dl>")},
			{Syntax: weir.HTML, Body: []byte("<table><tr><th>" + c.column + "</th><th>x</th></tr><tr><td>" + c.value + "</td><td>-</td></tr></table>")},
			{Syntax: weir.HTML, Body: []byte(`<input name="` + strings.ReplaceAll(c.column, " ", "_") + `" value="` + c.value + `">`)},
		} {
			if got := show(t, in, seg); got != want {
				t.Errorf("%s: %s\n got %s\nwant %s", seg.Syntax, seg.Body, got, want)
			}
		}
	}
	if got := show(t, in, weir.Segment{Syntax: weir.HTML, Body: []byte(`<h2>Wish list</h2><ul><li>Boots</li><li>***</li></ul><h2>News</h2><ul><li>Boats</li></ul>`)}); got != "wish_list=Boots" {
		t.Errorf("a list under a heading: %s", got)
	}
}

// TestNumbersOfThings: what shops and machines number is nobody's card, phone or
// number.
func TestNumbersOfThings(t *testing.T) {
	in := inspector(t, Config{})
	for _, v := range []string{
		"1Z999AA10123456784",          // UPS
		"1Z 999 AA1 01 2345 6784",     // the same in groups
		"9400110200881234567890",      // USPS
		"9400 1102 0088 1234 5678 90", // the same in groups
		"420 90210 9400110200881234567890",
		"JD0002 2345 6789 0123", // DHL
		"RR123456785GB",         // UPU S10
		"SKU-0042-1177-4242", "AB4242424242424242",
		"978-3-16-148410-0", "9783161484100", "4006381333931", "036000291452",
		"7c9e6679-7425-40de-944b-e07fc1f90ae7", "00000000-4242-4242-4242-424242424242",
		"da39a3ee5e6b4b0d3255bfef95601890afd80709", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"ord-2026-000424242424242", "INV-4242424242424242", "#1042", "408-4242424-4242424", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "507f1f77bcf86cd799439011",
	} {
		for _, seg := range []weir.Segment{
			{Syntax: weir.JSON, Record: true, Body: []byte(`{"x":"` + v + `"}`)},
			{Syntax: weir.JSON, Record: true, Body: []byte(`{"tracking_number":"` + v + `","order_id":"` + v + `","sku":"` + v + `","trace_id":"` + v + `"}`)},
			{Syntax: weir.Text, Body: []byte("shipped " + v + " today")},
			{Syntax: weir.CSV, Record: true, Columns: []string{"id", "tracking"}, Body: []byte("1," + v + "\n")},
			{Syntax: weir.HTML, Body: []byte("<td>" + v + "</td>")},
		} {
			if got := show(t, in, seg); got != "" {
				t.Errorf("%s: %s\n got %s", seg.Syntax, seg.Body, got)
			}
		}
	}
	for _, body := range []string{
		`{"tracking_number":"4242424242424242","waybill":"4242424242424242","parcel_number":"4242424242424242","consignment_number":"4242424242424242"}`,
		`{"order_number":4242424242424242,"sku":4242424242424242,"ean":4242424242424242,"shipment_id":"4242424242424242"}`,
		`{"tracking_number":"02079460123","order_id":"2125550123","tracking":"2125550123"}`,
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(body)}); got != "" {
			t.Errorf("%s\n got %s", body, got)
		}
	}
	for _, line := range []string{"tracking no 4242424242424242", "FedEx 424242424242", "Sendungsnummer: 4242424242424242", "parcel 4242424242424242 left", "order #4242424242424242", "AWB 4242424242424242"} {
		if got := show(t, in, weir.Segment{Syntax: weir.Text, Body: []byte(line)}); got != "" {
			t.Errorf("%s\n got %s", line, got)
		}
	}
}

// weigh gives the check digit of digits whose places weigh 3 and 1, beginning with
// 3 at the right (USPS Publication 199; GS1 General Specifications section 7.9.1).
func weigh(digits string) string {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return string(rune('0' + (10-sum%10)%10))
}

// ups gives the check digit of what follows 1Z: letters count as their place in the
// alphabet and two, and every other place twice.
func ups(v string) string {
	sum := 0
	for i, c := range []byte(v) {
		d := int(c - '0')
		if c >= 'A' {
			d = (int(c-'A') + 2) % 10
		}
		if i%2 == 1 {
			d *= 2
		}
		sum += d
	}
	return string(rune('0' + (10-sum%10)%10))
}

// TestParcelsAreNoCards draws tracking numbers, with their checks.
func TestParcelsAreNoCards(t *testing.T) {
	in := inspector(t, Config{})
	d := newDice(3)
	cards, phones, n := 0, 0, 0
	for range 3000 {
		usps := "9" + d.of("1234", 1) + d.of(numerals, 19)
		usps += weigh(usps)
		one := d.of(numerals, 6) + d.of(numerals, 2) + d.of(numerals, 7)
		fedex := "96" + d.of(numerals, 19)
		fedex += weigh(fedex)
		sscc := "00" + d.of(numerals, 17)
		sscc += weigh(sscc)
		var groups []string
		for s := usps; s != ""; {
			k := min(4, len(s))
			groups, s = append(groups, s[:k]), s[k:]
		}
		for _, v := range []string{usps, strings.Join(groups, " "), "1Z" + one + ups(one), fedex, sscc} {
			for _, seg := range []weir.Segment{
				{Syntax: weir.JSON, Record: true, Body: []byte(`{"x":"` + v + `"}`)},
				{Syntax: weir.Text, Body: []byte("left the hub: " + v + " at 10:20")},
			} {
				n++
				if len(spans(t, in, seg, Card)) > 0 {
					cards++
				}
				if len(spans(t, in, seg, Phone)) > 0 {
					phones++
				}
			}
		}
	}
	if cards > 0 || phones > 0 {
		t.Errorf("of %d tracking numbers %d have cards and %d phones in them", n, cards, phones)
	}
}

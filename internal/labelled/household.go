package labelled

import (
	"fmt"
	"strconv"

	"github.com/getweir/weir"
)

const (
	profileClass weir.Class = "media.household_profile"
	pinClass     weir.Class = "media.parental_pin"
	licenceClass weir.Class = "media.playback_licence"
	playerClass  weir.Class = "device.player_id"
	noteClass    weir.Class = "commerce.gift_note"
	loyaltyClass weir.Class = "commerce.loyalty_card"
	giftClass    weir.Class = "commerce.gift_card"
	wishClass    weir.Class = "commerce.wish_list"
	payoutClass  weir.Class = "commerce.payout"
	directClass  weir.Class = "message.direct"
	tokenClass   weir.Class = "payment.token"
)

// household draws what a streaming service and its shop know of a household, and
// what they know of everybody's.
func (m *maker) household() *node {
	n := object("household ref", m.hexes(8))
	for range 3 {
		switch m.IntN(11) {
		case 0:
			n.with(own(m, 2, []string{"parental pin", "profile pin", "parental control pin", "kids pin", "maturity pin", "adult pin"}), runs(personal(pinClass, m.digits(4))).numeric(m.chance(0.3)))
		case 1:
			if m.chance(0.5) {
				n.with(own(m, 1, []string{"manifest url", "playback url", "stream url", "license url", "hls url"}), personal(licenceClass, "https://cdn.example/v/"+m.hexes(12)+"/master.m3u8?Expires="+m.epoch()+"&Signature="+m.from(urlSafe, 60)))
			} else {
				n.with(own(m, 1, []string{"licence token", "license token", "drm token", "playback token"}), personal(licenceClass, m.from(base62, 48), "credential."))
			}
		case 2:
			n.with(own(m, 1, []string{"esn", "widevine id", "player device id", "drm device id", "player id", "playready device id"}), personal(playerClass, pick(m, []string{m.hexes(32), m.uuid(), "NFANDROID1-PRV-P-" + m.from(capitals+"0123456789", 24)}), deviceClass))
		case 3:
			n.with(own(m, 2, []string{"gift note", "gift message", "gift card message", "gift text", "greeting text", "personal message"}), personal(noteClass, own(m, 0, []string{"Happy birthday from all of us!", "Enjoy the sea, grandma.", "For the long winter evenings", "With love to the best brother", "Get well soon, and read slowly", "Congratulations on the new house"})))
		case 4:
			n.with(own(m, 2, []string{"loyalty number", "loyalty card", "loyalty card number", "membership number", "bonus card number", "rewards number"}), personal(loyaltyClass, pick(m, []string{"LC-" + m.digits(10), m.digits(12), "29" + m.digits(11)})))
		case 5:
			n.with(own(m, 2, []string{"gift card number", "gift card code", "gift card", "voucher code", "gift voucher code", "egift code"}), personal(giftClass, m.from(capitals, 4)+"-"+m.digits(4)+"-"+m.from(capitals+"0123456789", 4)+"-"+m.digits(4)))
		case 6:
			if m.trees {
				w := array(text(pick(m, m.cat.Products).Name), text(pick(m, m.cat.Products).Name))
				w.class, w.loose = wishClass, true
				n.with(own(m, 1, []string{"wish list", "wishlist", "wished items", "saved items"}), w)
			}
		case 7:
			if m.trees {
				p := object(own(m, 1, []string{"payout id", "payout reference", "payout ref"}), "po-"+m.digits(8), own(m, 1, []string{"amount", "total", "total amount"}), number(strconv.Itoa(10+m.IntN(9000))+".50"), "currency", "EUR")
				p.class = payoutClass
				n.with(own(m, 1, []string{"payout", "creator payout", "seller payout"}), p)
			}
		case 8:
			n.with(own(m, 2, []string{"direct message", "private message", "dm text", "dm", "chat message", "dm body"}), personal(directClass, own(m, 0, []string{"see you at the harbour on friday then", "did you like the second season?", "thank you for the lamp, it is lovely", "call me when the parcel is there"})))
		case 9:
			n.with(own(m, 2, []string{"payment token", "card token", "payment method token", "source token", "payment method id", "token ref"}), personal(tokenClass, pick(m, []string{"tok_", "pm_", "pi_"})+"1"+m.from(base62, 23)))
		default:
			if m.trees {
				p := object(own(m, 1, []string{"profile name", "profile id", "avatar id"}), own(m, 0, words("Mia Leo Zoe Sam Kids Ben")), own(m, 1, []string{"is kid", "is kids", "kids mode", "is child"}), number("true"), "maturity", "7+")
				p.class = profileClass
				n.with("viewer", p)
			}
		}
	}
	// What looks so and is not.
	switch m.IntN(6) {
	case 0:
		n.with("message", decoy(directClass, "what an API says", own(m, 0, []string{"Not found", "Request accepted", "Validation failed for field", "Rate limit exceeded"})))
	case 1:
		n.with("manifest", decoy(licenceClass, "manifest for everybody", "https://cdn.example/v/"+m.hexes(12)+"/master.m3u8"))
	case 2:
		n.with("points", decoy(loyaltyClass, "points", m.digits(5)))
	case 3:
		n.with("product", decoy(giftClass, "gift card as a product", fmt.Sprintf("Gift card %d EUR", 10*(1+m.IntN(20)))))
	case 4:
		n.with("description", decoy(noteClass, "description of a product", "A gift for lovers of the sea"))
	default:
		n.with("connector", decoy(pinClass, "pins of a plug", "pin "+m.digits(2)))
	}
	m.noise(n, 1+m.IntN(3))
	return n
}

package inspect

import (
	"bytes"

	"github.com/getweir/weir"
)

// The classes of what households watch, wish, give and are paid.
const (
	HouseholdProfile weir.Class = "media.household_profile"
	ParentalPIN      weir.Class = "media.parental_pin"
	PlaybackLicence  weir.Class = "media.playback_licence"
	PlayerID         weir.Class = "device.player_id"
	GiftNote         weir.Class = "commerce.gift_note"
	LoyaltyCard      weir.Class = "commerce.loyalty_card"
	GiftCard         weir.Class = "commerce.gift_card"
	WishList         weir.Class = "commerce.wish_list"
	Payout           weir.Class = "commerce.payout"
	DirectMessage    weir.Class = "message.direct"
	PaymentToken     weir.Class = "payment.token"
)

// judgeStory says what the value v of the meaning m is.
func judgeStory(m meaning, v []byte) (weir.Class, weir.Confidence) {
	switch m {
	case mPIN:
		if len(v) >= 4 && len(v) <= 8 && digitsOnly(v) {
			return ParentalPIN, weir.SureMatch
		}
	case mGiftPIN:
		if len(v) >= 3 && len(v) <= 12 && numberLike(v) {
			return GiftCard, weir.SureMatch
		}
	case mLicence:
		if len(v) >= 16 && bytes.IndexByte(v, ' ') < 0 && !placeholder(v) {
			if c, ok := signedURL(v); ok {
				return PlaybackLicence, max(c, weir.LikelyMatch)
			}
			if !address(v) && random(v) {
				return PlaybackLicence, weir.SureMatch
			}
		}
	case mPlayer:
		if deviceValue(v) && hasDigit(v) {
			return PlayerID, weir.SureMatch
		}
	case mGiftNote:
		if sentence(v) {
			return GiftNote, weir.SureMatch
		}
	case mMessage, mMessages:
		if sentence(v) {
			return DirectMessage, weir.SureMatch
		}
	case mWish:
		if sentence(v) {
			return WishList, weir.SureMatch
		}
	case mLoyalty:
		if len(v) >= 6 && len(v) <= 30 && numberLike(v) {
			return LoyaltyCard, weir.SureMatch
		}
	case mGiftCard:
		if len(v) >= 8 && len(v) <= 40 && numberLike(v) {
			return GiftCard, weir.SureMatch
		}
	case mPayoutSum:
		if sum(v) {
			return Payout, weir.SureMatch
		}
	case mPayToken:
		if len(v) >= 8 && len(v) <= 512 && bytes.IndexByte(v, ' ') < 0 && hasDigit(v) && !digitsOnly(v) && !address(v) {
			return PaymentToken, weir.SureMatch
		}
	}
	return "", 0
}

func digitsOnly(v []byte) bool {
	for _, c := range v {
		if !digit(c) {
			return false
		}
	}
	return true
}

// numberLike reports whether v is a number of a card, as they are written: digits and
// letters in groups, of letters alone at most four capitals; four digits at least.
func numberLike(v []byte) bool {
	digits, letters, small, group := 0, 0, false, 0 // of all; of the group
	for i := 0; i <= len(v); i++ {
		switch {
		case i == len(v) || v[i] == '-' || v[i] == ' ':
			if group == 0 || letters == group && (small || letters > 4) {
				return false
			}
			letters, small, group = 0, false, 0
		case digit(v[i]):
			digits++
			group++
		case alpha(v[i]):
			letters++
			group++
			small = small || v[i] >= 'a'
		default:
			return false
		}
	}
	return digits >= 4 || digits == len(v)
}

// sentence reports whether v is something written: letters, and no address, flag or
// identifier.
func sentence(v []byte) bool {
	if len(v) < 2 || len(v) > 8192 || address(v) || label(v) {
		return false
	}
	letters := 0
	for _, c := range v {
		if alpha(c) || c >= 0x80 {
			letters++
		}
	}
	if bytes.IndexByte(v, ' ') < 0 {
		// One word: no identifier.
		return letters == len(bytes.TrimRight(v, ".!?"))
	}
	return letters*2 > len(v)
}

// sum reports whether v is an amount of money other than none.
func sum(v []byte) bool {
	some := false
	for _, c := range v {
		switch {
		case digit(c):
			some = some || c != '0'
		case alpha(c) || c >= 0x80 || c == '$':
			if len(v) > 24 {
				return false
			}
		case c != '.' && c != ',' && c != ' ' && c != '-' && c != '\'':
			return false
		}
	}
	return some
}

// signedURL reports whether v is a URL that lets one player play something.
func signedURL(v []byte) (weir.Confidence, bool) {
	i := bytes.Index(v, []byte("://"))
	if i < 0 {
		return 0, false
	}
	v = v[i+3:]
	k := bytes.IndexByte(v, '/')
	if k < 0 {
		return 0, false
	}
	return signed(v[k:], bytes.IndexByte(v[k:], '?'))
}

// manifests are what the paths of manifests and licences have in them (RFC 8216
// for HLS; ISO/IEC 23009-1 for DASH; EME's licence servers).
var manifests = [...]string{".m3u8", ".mpd", ".ism", "/manifest", "/license", "/licence", "/widevine", "/playready", "/fairplay", "/drm", ".m4s", ".ts"}

// signatures are the parameters by which a URL is signed: of Amazon CloudFront,
// Akamai, Google Media CDN, Fastly and the like.
var signatures = map[string]bool{
	"signature": true, "policy": true, "key-pair-id": true, "hdnts": true, "hdnea": true, "hdntl": true, "token": true, "x-amz-signature": true,
	"x-goog-signature": true, "edge-cache-token": true, "sig": true, "hmac": true, "jwt": true, "auth": true, "verify": true, "hash": true, "st": true, "acl": true,
	"cdntoken": true, "playback_token": true, "access_token": true, "md5": true, "urlprefix": true,
}

// signed reports whether a URL's path and query v, whose ? is at query, is one of a
// manifest or licence signed for somebody.
func signed(v []byte, query int) (weir.Confidence, bool) {
	if query <= 0 || query >= len(v) {
		return 0, false
	}
	media := false
	for i, c := range v[:query] {
		if c != '.' && c != '/' {
			continue
		}
		for _, m := range manifests {
			if i+len(m) <= query && v[i] == m[0] && is(v[i:i+len(m)], m) && (i+len(m) == query || !alnum(v[i+len(m)])) {
				media = true
			}
		}
	}
	if !media {
		return 0, false
	}
	for q := v[query+1:]; len(q) > 0; {
		pair := q
		if k := bytes.IndexByte(q, '&'); k >= 0 {
			pair, q = q[:k], q[k+1:]
		} else {
			q = nil
		}
		k := bytes.IndexByte(pair, '=')
		var buf [24]byte
		if k > 0 && k <= len(buf) && len(pair)-k > 12 && signatures[string(lower(buf[:0], pair[:k]))] && !blank(pair[k+1:]) {
			return weir.SureMatch, true
		}
	}
	return 0, false
}

// storyShape gives the class that an object has by the keys in it; "" for none.
func (f *frame) storyShape() weir.Class {
	p := f.parts
	switch {
	case p.has(mKid) && (p.has(mProfile) || f.has.has(mNameWeak) && (f.parent == mPerson || f.parent == mHousehold)):
		return HouseholdProfile
	case p.has(mSender) && p.has(mReceiver) && p.has(mMessageText):
		return DirectMessage
	case (f.parent == mPayout || p.has(mPayoutID)) && (f.has.has(mTotal) || f.has.has(mIBAN)):
		return Payout
	}
	return ""
}

// storyWords are the names of what households watch, wish, give and are paid.
var storyWords = map[string]meaning{
	"parental_pin": mPIN, "parental_control_pin": mPIN, "parental_controls_pin": mPIN, "parental_controls": mPIN, "parental_control": mPIN, "parental": mPIN, "kids_pin": mPIN, "child_pin": mPIN,
	"profile_pin": mPIN, "adult_pin": mPIN, "purchase_pin": mPIN, "parentalpin": mPIN, "jugendschutz_pin": mPIN, "jugendschutzpin": mPIN, "code_parental": mPIN, "pin_parental": mPIN,
	"maturity_pin": mPIN, "lock_pin": mPIN, "profile_lock_pin": mPIN, "viewing_pin": mPIN, "pin": mPINWeak,
	"licence_token": mLicence, "license_token": mLicence, "drm_token": mLicence, "playback_token": mLicence, "playback_licence": mLicence, "playback_license": mLicence,
	"manifest_url": mLicence, "license_url": mLicence, "licence_url": mLicence, "playback_url": mLicence, "stream_url": mLicence, "streaming_url": mLicence, "hls_url": mLicence,
	"dash_url": mLicence, "manifest": mLicence, "signed_url": mLicence, "widevine_license": mLicence, "entitlement_token": mLicence, "stream_token": mLicence,
	"concurrency_token": mLicence, "playback_session_token": mLicence, "offline_licence": mLicence, "offline_license": mLicence, "licence_challenge": mLicence,
	"esn": mPlayer, "player_id": mPlayer, "player_device_id": mPlayer, "widevine_id": mPlayer, "widevine_device_id": mPlayer, "playready_id": mPlayer, "playready_device_id": mPlayer,
	"roku_id": mPlayer, "roku_device_id": mPlayer, "roku_channel_client_id": mPlayer, "fire_tv_id": mPlayer, "firetv_id": mPlayer, "fire_tv_device_id": mPlayer,
	"apple_tv_id": mPlayer, "appletv_id": mPlayer, "chromecast_id": mPlayer, "cast_device_id": mPlayer, "drm_device_id": mPlayer, "drm_id": mPlayer, "stb_id": mPlayer,
	"set_top_box_id": mPlayer, "settop_id": mPlayer, "smart_tv_id": mPlayer, "smarttv_id": mPlayer, "tv_id": mPlayer, "tv_device_id": mPlayer, "console_id": mPlayer,
	"smart_card_number": mPlayer, "smartcard_number": mPlayer, "viewing_card_number": mPlayer, "tizen_duid": mPlayer, "duid": mPlayer,
	"household_profiles": mHousehold, "household_profile": mHousehold, "viewer_profiles": mHousehold, "viewer_profile": mHousehold, "viewing_profiles": mHousehold,
	"kids_profiles": mHousehold, "kids_profile": mHousehold, "kid_profile": mHousehold, "child_profiles": mHousehold, "child_profile": mHousehold, "household_members": mHousehold,
	"family_profiles": mHousehold, "streaming_profiles": mHousehold, "sub_profiles": mHousehold,
	"gift_note": mGiftNote, "gift_message": mGiftNote, "gift_text": mGiftNote, "gift_card_message": mGiftNote, "gift_greeting": mGiftNote, "giftmessage": mGiftNote, "giftnote": mGiftNote,
	"greeting_card_text": mGiftNote, "card_message": mGiftNote, "greeting_text": mGiftNote, "personal_message": mGiftNote, "dedication": mGiftNote, "geschenknachricht": mGiftNote,
	"grußtext": mGiftNote, "grusstext": mGiftNote, "geschenktext": mGiftNote, "message_cadeau": mGiftNote, "mensaje_de_regalo": mGiftNote, "mensagem_de_presente": mGiftNote,
	"messaggio_regalo": mGiftNote, "cadeaubericht": mGiftNote, "ギフトメッセージ": mGiftNote, "선물_메시지": mGiftNote, "礼品留言": mGiftNote,
	"loyalty_card": mLoyalty, "loyalty_card_number": mLoyalty, "loyalty_number": mLoyalty, "loyalty_no": mLoyalty, "loyalty_id": mLoyalty, "loyalty_account": mLoyalty,
	"loyalty_account_number": mLoyalty, "rewards_number": mLoyalty, "reward_number": mLoyalty, "rewards_card": mLoyalty, "rewards_card_number": mLoyalty, "rewards_id": mLoyalty,
	"club_card": mLoyalty, "clubcard": mLoyalty, "club_card_number": mLoyalty, "clubcard_number": mLoyalty, "membership_number": mLoyalty, "membership_card": mLoyalty,
	"membership_card_number": mLoyalty, "bonus_card": mLoyalty, "bonus_card_number": mLoyalty, "frequent_flyer_number": mLoyalty, "frequent_flyer": mLoyalty, "payback_number": mLoyalty,
	"kundenkarte": mLoyalty, "kundenkartennummer": mLoyalty, "carte_fidelite": mLoyalty, "carte_de_fidélité": mLoyalty, "carte_de_fidelite": mLoyalty,
	"tarjeta_de_fidelidad": mLoyalty, "cartao_fidelidade": mLoyalty, "carta_fedeltà": mLoyalty, "carta_fedelta": mLoyalty, "klantenkaart": mLoyalty, "karta_stałego_klienta": mLoyalty,
	"ポイントカード": mLoyalty, "会员卡号": mLoyalty, "会員番号": mLoyalty, "loyalty": mLoyalty,
	"gift_card": mGiftCard, "gift_card_number": mGiftCard, "gift_card_code": mGiftCard, "giftcard": mGiftCard, "giftcard_number": mGiftCard, "giftcard_code": mGiftCard,
	"gift_cards": mGiftCard, "gift_certificate": mGiftCard, "gift_certificate_number": mGiftCard, "gift_certificate_code": mGiftCard, "gift_voucher": mGiftCard,
	"gift_voucher_code": mGiftCard, "gift_code": mGiftCard, "geschenkkarte": mGiftCard, "geschenkkartennummer": mGiftCard, "geschenkgutschein": mGiftCard, "gutscheinkarte": mGiftCard,
	"carte_cadeau": mGiftCard, "tarjeta_regalo": mGiftCard, "tarjeta_de_regalo": mGiftCard, "cartao_presente": mGiftCard, "cartão_presente": mGiftCard, "carta_regalo": mGiftCard,
	"cadeaukaart": mGiftCard, "cadeaubon": mGiftCard, "karta_podarunkowa": mGiftCard, "ギフトカード": mGiftCard, "礼品卡": mGiftCard, "기프트카드": mGiftCard,
	"gift_card_pin": mGiftPIN, "giftcard_pin": mGiftPIN, "gift_card_security_code": mGiftPIN, "gift_card_cvv": mGiftPIN,
	"wish_list": mWish, "wishlist": mWish, "wish_lists": mWish, "wishlists": mWish, "wished_items": mWish, "wish_list_items": mWish, "wishlist_items": mWish, "saved_items": mWish,
	"saved_for_later": mWish, "favourite_items": mWish, "favorite_items": mWish, "gift_registry": mWish, "baby_registry": mWish, "wedding_registry": mWish, "wunschliste": mWish,
	"wunschzettel": mWish, "merkzettel": mWish, "merkliste": mWish, "liste_de_souhaits": mWish, "liste_d_envies": mWish, "lista_de_deseos": mWish, "lista_de_desejos": mWish,
	"lista_desideri": mWish, "lista_dei_desideri": mWish, "verlanglijst": mWish, "verlanglijstje": mWish, "lista_życzeń": mWish, "欲しいものリスト": mWish, "ほしい物リスト": mWish,
	"心愿单": mWish, "위시리스트": mWish,
	"direct_messages": mMessages, "private_messages": mMessages, "dms": mMessages, "chat_messages": mMessages, "inbox_messages": mMessages, "message_thread": mMessages,
	"chat_history": mMessages, "message_history": mMessages, "direktnachrichten": mMessages, "messages_privés": mMessages, "messages_prives": mMessages, "mensajes_directos": mMessages,
	"mensajes_privados": mMessages, "mensagens_diretas": mMessages, "messaggi_privati": mMessages, "privéberichten": mMessages,
	"direct_message": mMessage, "private_message": mMessage, "dm": mMessage, "dm_text": mMessage, "dm_body": mMessage, "chat_message": mMessage, "direct_message_text": mMessage,
	"private_message_text": mMessage, "message_to_seller": mMessage, "message_to_creator": mMessage, "direktnachricht": mMessage, "message_privé": mMessage, "message_prive": mMessage,
	"mensaje_directo": mMessage, "mensaje_privado": mMessage, "mensagem_direta": mMessage, "messaggio_privato": mMessage, "privébericht": mMessage,
	"payout": mPayout, "payouts": mPayout, "creator_payout": mPayout, "creator_payouts": mPayout, "seller_payout": mPayout, "seller_payouts": mPayout, "royalties": mPayout,
	"creator_earnings": mPayout, "auszahlung": mPayout, "auszahlungen": mPayout, "versement": mPayout, "versements": mPayout,
	"payout_amount": mPayoutSum, "payout_total": mPayoutSum, "payout_sum": mPayoutSum, "royalty_amount": mPayoutSum, "royalty_payment": mPayoutSum, "creator_payout_amount": mPayoutSum,
	"amount_paid_out": mPayoutSum, "auszahlungsbetrag": mPayoutSum, "earnings_amount": mPayoutSum,
	"payment_token": mPayToken, "payment_tokens": mPayToken, "payment_method_id": mPayToken, "payment_method_token": mPayToken, "payment_source": mPayToken, "payment_source_id": mPayToken,
	"card_token": mPayToken, "cardtoken": mPayToken, "network_token": mPayToken, "payment_method_nonce": mPayToken, "payment_nonce": mPayToken, "billing_agreement_id": mPayToken,
	"billing_token": mPayToken, "vault_token_id": mPayToken, "stored_payment_method_id": mPayToken, "recurring_detail_reference": mPayToken, "payment_instrument_token": mPayToken,
	"is_kid": mKid, "is_kids": mKid, "kids": mKid, "is_child": mKid, "kids_mode": mKid, "kid_mode": mKid, "is_kids_profile": mKid, "is_kid_profile": mKid, "kidsprofile": mKid,
	"maturity_level": mKid, "max_maturity_rating": mKid, "parental_level": mKid, "maturity_setting": mKid, "child_age": mKid, "age_band": mKid, "viewing_restriction": mKid,
	"profile_name": mProfile, "profile_id": mProfile, "profile_avatar": mProfile, "avatar": mProfile, "avatar_id": mProfile,
	"sender_id": mSender, "from_user_id": mSender, "from_id": mSender, "sender_user_id": mSender, "from_profile_id": mSender,
	"recipient_id": mReceiver, "to_user_id": mReceiver, "to_id": mReceiver, "receiver_id": mReceiver, "recipient_user_id": mReceiver, "to_profile_id": mReceiver,
	"recipient_ids": mReceiver,
	"message":       mMessageText, "message_text": mMessageText, "message_body": mMessageText, "body": mMessageText, "text": mMessageText, "message_content": mMessageText,
	"payout_id": mPayoutID, "payout_reference": mPayoutID, "payout_ref": mPayoutID,
}

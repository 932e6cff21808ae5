package mask_test

import (
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"pgregory.net/rapid"
)

// token draws n characters that look drawn at random: rapid prefers plain ones, so
// the place turns each of them further.
func token(t *rapid.T, alphabet string, n int) string {
	seed := rapid.Uint64().Draw(t, "seed")
	b := make([]byte, n)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = alphabet[(seed>>33)%uint64(len(alphabet))]
	}
	return string(b)
}

const (
	lowHex  = "0123456789abcdef"
	alnum   = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	capital = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// sealed appends a CRC-32 in base 62.
func sealed(v string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n := crc32.ChecksumIEEE([]byte(v))
	var b [6]byte
	for i := 5; i >= 0; i-- {
		b[i] = digits[n%62]
		n /= 62
	}
	return v + string(b[:])
}

func text(v string) func(*rapid.T) any { return func(*rapid.T) any { return v } }

// known are credentials, made of parts, and what households watch, wish and give.
var known = []struct {
	class weir.Class
	key   string
	draw  func(*rapid.T) any
}{
	{inspect.AWSAccessKey, "x", func(t *rapid.T) any { return "AK" + "IA" + token(t, capital, 16) }},
	{inspect.GitHubToken, "x", func(t *rapid.T) any { return "gh" + "p_" + sealed(token(t, alnum, 30)) }},
	{inspect.GoogleKey, "x", func(t *rapid.T) any { return "AI" + "za" + token(t, alnum, 35) }},
	{inspect.SlackToken, "x", func(t *rapid.T) any {
		return "xo" + "xb-" + token(t, "123456789", 12) + "-" + token(t, "123456789", 12) + "-" + token(t, alnum, 24)
	}},
	{inspect.StripeKey, "x", func(t *rapid.T) any { return "sk_" + "live_" + token(t, alnum, 32) }},
	{inspect.SendGridKey, "x", func(t *rapid.T) any { return "S" + "G." + token(t, alnum, 22) + "." + token(t, alnum, 43) }},
	{inspect.AnthropicKey, "x", func(t *rapid.T) any { return "sk-" + "ant-" + token(t, alnum, 95) }},
	{inspect.JWT, "x", func(t *rapid.T) any {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`)) + "." + token(t, alnum, 40) + "." + token(t, alnum, 86)
	}},
	{inspect.PrivateKey, "x", func(t *rapid.T) any {
		return "-----BEGIN " + "PRIVATE KEY-----\n" + token(t, alnum, 64) + "\n" + token(t, alnum, 64) + "\n-----END " + "PRIVATE KEY-----"
	}},
	{inspect.ConnectionString, "x", func(t *rapid.T) any { return "postgres://app:" + token(t, alnum, 16) + "@db.example:5432/shop" }},
	{inspect.URLPassword, "x", func(t *rapid.T) any { return "https://jo:" + token(t, alnum, 16) + "@api.example/v1" }},
	{inspect.BasicAuth, "authorization", func(t *rapid.T) any {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("jo:"+token(t, alnum, 12)))
	}},
	{inspect.BearerToken, "authorization", func(t *rapid.T) any { return "Bearer " + token(t, alnum, 40) + "7" }},
	{inspect.PasswordHash, "x", func(t *rapid.T) any { return "$2b" + "$12$" + token(t, alnum, 53) }},
	{inspect.PasswordHash, "x", func(t *rapid.T) any {
		return "$argon2id" + "$v=19$m=65536,t=3,p=4$" + token(t, alnum, 22) + "$" + token(t, alnum, 43)
	}},
	{inspect.SessionCookie, "session_token", func(t *rapid.T) any { return token(t, alnum, 32) }},
	{inspect.Password, "password", func(t *rapid.T) any { return token(t, alnum, 12) + "!7" }},
	{inspect.Password, "password", func(t *rapid.T) any { return json.Number("1" + digits(t, 7)) }},
	{inspect.APIKey, "api_key", func(t *rapid.T) any { return token(t, lowHex, 32) + "a1" }},
	{inspect.AccessToken, "access_token", func(t *rapid.T) any { return token(t, alnum, 40) + "a1" }},
	{inspect.AWSSecretKey, "aws_secret_access_key", func(t *rapid.T) any { return token(t, alnum+"+/", 40) }},
	{inspect.TelegramToken, "x", func(t *rapid.T) any { return token(t, "123456789", 9) + ":A" + "A" + token(t, alnum, 33) }},
	{inspect.MailchimpKey, "x", func(t *rapid.T) any { return token(t, lowHex, 32) + "-us" + "21" }},
	{inspect.SlackWebhook, "x", func(t *rapid.T) any {
		return "https://hooks." + "slack.com/services/T" + token(t, capital, 9) + "/B" + token(t, capital, 9) + "/" + token(t, alnum, 24)
	}},
	{inspect.SentryDSN, "x", func(t *rapid.T) any { return "https://" + token(t, lowHex, 32) + "@o12.ingest.sentry.example/3" }},
	{inspect.ParentalPIN, "parental_pin", func(t *rapid.T) any { return digits(t, 4) }},
	{inspect.ParentalPIN, "parental_pin", func(t *rapid.T) any { return json.Number("1" + digits(t, 3)) }},
	{inspect.PlaybackLicence, "manifest_url", func(t *rapid.T) any {
		return "https://cdn.example/t-1/master.m3u8?Policy=" + token(t, alnum, 20) + "&Signature=" + token(t, alnum, 40) + "&Key-Pair-Id=K" + token(t, capital, 12)
	}},
	{inspect.PlaybackLicence, "licence_token", func(t *rapid.T) any { return token(t, alnum, 32) }},
	{inspect.PlayerID, "esn", func(t *rapid.T) any { return "EXPLAYER-01-" + token(t, capital, 12) + "42" }},
	{inspect.GiftNote, "gift_note", func(t *rapid.T) any {
		return "Dear " + letters(t, 2, 9) + " and " + letters(t, 2, 9) + ", happy birthday!"
	}},
	{inspect.LoyaltyCard, "loyalty_number", func(t *rapid.T) any { return groups(digits(t, 12), " ", 4) }},
	{inspect.GiftCard, "gift_card_code", func(t *rapid.T) any { return groups(digits(t, 8)+token(t, capital, 8), "-", 4) }},
	{inspect.GiftCard, "gift_card", func(t *rapid.T) any { return map[string]any{"number": "6006" + digits(t, 12)} }},
	{inspect.WishList, "wish_list", func(t *rapid.T) any { return []any{map[string]any{"title": letters(t, 2, 9), "qty": 1}, "Boots"} }},
	{inspect.DirectMessage, "direct_messages", func(t *rapid.T) any { return []any{map[string]any{"text": letters(t, 2, 9), "read": true}} }},
	{inspect.DirectMessage, "x", func(t *rapid.T) any {
		return map[string]any{"sender_id": "c-" + digits(t, 4), "recipient_id": "c-" + digits(t, 4), "body": letters(t, 2, 9)}
	}},
	{inspect.Payout, "payouts", func(t *rapid.T) any { return []any{map[string]any{"amount": 12.5, "iban": iban(t)}} }},
	{inspect.Payout, "payout_amount", text("120.50 EUR")},
	{inspect.HouseholdProfile, "household_profiles", func(t *rapid.T) any { return []any{map[string]any{"name": letters(t, 2, 9), "is_kid": true}} }},
	{inspect.HouseholdProfile, "x", func(t *rapid.T) any {
		return map[string]any{"profile_id": "p-" + digits(t, 3), "profile_name": letters(t, 2, 9), "is_kid": true}
	}},
	{inspect.PaymentToken, "payment_token", func(t *rapid.T) any { return "ptok-" + token(t, lowHex, 12) + "7" }},
	{inspect.PaymentToken, "x", func(t *rapid.T) any { return "pm_" + "1" + token(t, alnum, 21) + "42" }},
	{inspect.SessionCookie, "cookie", func(t *rapid.T) any {
		return "theme=dark; PHPSESSID=" + token(t, strings.ToLower(alnum[:36]), 26) + "; lang=en"
	}},
}

package inspect

// knownClasses lists the credentials, and what is known of households by its key or
// its shape. No example of a credential is one: what would be drawn is left out.
func knownClasses() []Class {
	all := []Class{
		{HouseholdProfile, "a profile of a household or of a child in it: a tree by key or by shape", `{"profile_name":"Kids","is_kid":true,"maturity_level":7}`, "GDPR article 8; COPPA, 16 CFR 312.2"},
		{ParentalPIN, "the code that opens what children may not watch, by key", `{"parental_pin":"4316"}`, "Ofcom Broadcasting Code, rules 1.24 and 1.25"},
		{PlaybackLicence, "a manifest or licence that is signed for one player, and its token, by key or by shape", "https://cdn.example/t-1/master.m3u8?token=…", "RFC 8216; ISO/IEC 23009-1; W3C Encrypted Media Extensions"},
		{PlayerID, "an identifier of somebody's television, box or player, by key or by shape", `{"esn":"EXPLAYER-01-0042AB77"}`, "GDPR recital 30; W3C Encrypted Media Extensions section 11.4"},
		{GiftNote, "what a giver writes to the one who gets a gift, by key", `{"gift_note":"Happy birthday, with love"}`, "GDPR article 4(1)"},
		{LoyaltyCard, "the number of a loyalty card, by key", `{"loyalty_number":"6035 1142 0817"}`, "ISO/IEC 7812-1"},
		{GiftCard, "the number of a gift card or voucher and its code, by key", `{"gift_card_code":"XK4F-9PTQ-22LM"}`, "EMVCo; PCI DSS v4.0.1 section 3"},
		{WishList, "what somebody wishes for: a list by key", `{"wish_list":[{"sku":"s-1","title":"Boots"}]}`, "GDPR recital 30"},
		{DirectMessage, "what one person writes to another, by key or by shape", `{"sender_id":"c-1","recipient_id":"c-2","text":"see you at eight"}`, "GDPR article 4(1); Directive 2002/58/EC article 5"},
		{Payout, "what a creator or seller is paid, by key or by shape", `{"payout_id":"p-1","amount":120.5}`, "GDPR article 4(1)"},
		{PaymentToken, "a token that stands for somebody's means of payment, by key or by prefix", `{"payment_token":"ptok-0042-77f1-ab90"}`, "EMVCo Payment Tokenisation; Stripe API Reference, Tokens and PaymentMethods"},
		{Password, "a password, by key", `{"password":"…"}`, "OWASP Password Storage Cheat Sheet"},
		{PasswordHash, "a password's hash: crypt, bcrypt, argon2, scrypt, PBKDF2", "$2b$12$…", "crypt(5); Provos and Mazières 1999; RFC 9106; the PHC string format"},
		{SessionCookie, "a session's cookie or token, by name", "PHPSESSID=…", "RFC 6265; OWASP Session Management Cheat Sheet"},
		{APIKey, "a key or a secret of an interface, by key", `{"api_key":"…"}`, "RFC 6749 section 2.3.1"},
		{AccessToken, "a token of access, by key", `{"access_token":"…"}`, "RFC 6749 section 1.4"},
		{BearerToken, "a bearer token of an Authorization field", "Bearer …", "RFC 6750 section 2.1"},
		{BasicAuth, "a user and password of an Authorization field", "Basic …", "RFC 7617 section 2"},
		{JWT, "a JSON Web Token, whose header decodes", "eyJ….…", "RFC 7519; RFC 7515 section 3.1"},
		{PrivateKey, "a private key in textual encoding", "-----BEGIN … PRIVATE KEY-----", "RFC 7468 sections 10 and 11; RFC 9580 section 6.2; OpenSSH PROTOCOL.key"},
		{ConnectionString, "a password in the URL of a database, a queue, a directory or a mail server", "postgres://app:…@db.example/x", "RFC 3986 section 3.2.1; PostgreSQL, Connection URIs"},
		{URLPassword, "a password or a key before the host of a URL", "https://jo:…@api.example/", "RFC 3986 section 3.2.1"},
		{AWSSecretKey, "a secret access key of Amazon Web Services, by key", `{"aws_secret_access_key":"…"}`, "AWS Identity and Access Management User Guide, Manage access keys for IAM users"},
		{GoogleAccount, "a key of a service account of Google Cloud, by key", `{"private_key_id":"…"}`, "Google Cloud IAM, Create and delete service account keys"},
		{AzureKey, "a key of Azure Storage or Service Bus, by key", "AccountKey=…", "Azure Storage, Configure connection strings"},
		{DatadogKey, "a key of Datadog, by key", `{"dd_api_key":"…"}`, "Datadog Docs, API and application keys"},
		{TelegramToken, "a bot's token of Telegram", "…:AA…", "Telegram Bot API, Authorizing your bot"},
		{TerraformToken, "a token of HCP Terraform", "….atlasv1.…", "HCP Terraform, API tokens"},
		{MailchimpKey, "an API key of Mailchimp", "…-us1", "Mailchimp, About API keys"},
		{SlackWebhook, "the path of an incoming webhook of Slack", "hooks.slack.com/services/…", "Slack Developer Docs, Sending messages using incoming webhooks"},
		{DiscordToken, "a bot's token of Discord, by key or behind Bot", "Bot …", "Discord Developer Docs, API reference: authentication"},
		{DiscordWebhook, "the path of a webhook of Discord", "discord.com/api/webhooks/…", "Discord Developer Docs, Webhook resource"},
		{SentryDSN, "the key in a client's address of Sentry", "https://…@o1.ingest.sentry.example/2", "Sentry Docs, Data source name"},
	}
	for _, f := range families {
		if f.about != "" {
			all = append(all, Class{f.class, f.about, f.prefix + "…", f.source})
		}
	}
	return all
}

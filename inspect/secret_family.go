package inspect

import (
	"bytes"
	"slices"

	"github.com/getweir/weir"
)

// The classes of credentials.
const (
	AWSAccessKey     weir.Class = "credential.aws_access_key"
	AWSSecretKey     weir.Class = "credential.aws_secret_key"
	GoogleKey        weir.Class = "credential.google_api_key"
	GoogleOAuth      weir.Class = "credential.google_oauth"
	GoogleAccount    weir.Class = "credential.google_service_account"
	FirebaseKey      weir.Class = "credential.firebase_key"
	AzureKey         weir.Class = "credential.azure_key"
	AlibabaKey       weir.Class = "credential.alibaba_key"
	DigitalOcean     weir.Class = "credential.digitalocean_token"
	HerokuKey        weir.Class = "credential.heroku_key"
	CloudflareKey    weir.Class = "credential.cloudflare_token"
	VercelToken      weir.Class = "credential.vercel_token"
	SupabaseToken    weir.Class = "credential.supabase_token"
	PlanetScale      weir.Class = "credential.planetscale_token"
	DatabricksToken  weir.Class = "credential.databricks_token"
	GitHubToken      weir.Class = "credential.github_token"
	GitLabToken      weir.Class = "credential.gitlab_token"
	AtlassianToken   weir.Class = "credential.atlassian_token"
	NPMToken         weir.Class = "credential.npm_token"
	PyPIToken        weir.Class = "credential.pypi_token"
	RubyGemsKey      weir.Class = "credential.rubygems_key"
	DockerToken      weir.Class = "credential.docker_token"
	VaultToken       weir.Class = "credential.vault_token"
	TerraformToken   weir.Class = "credential.terraform_token"
	PulumiToken      weir.Class = "credential.pulumi_token"
	DopplerToken     weir.Class = "credential.doppler_token"
	SlackToken       weir.Class = "credential.slack_token"
	SlackWebhook     weir.Class = "credential.slack_webhook"
	DiscordToken     weir.Class = "credential.discord_token"
	DiscordWebhook   weir.Class = "credential.discord_webhook"
	TelegramToken    weir.Class = "credential.telegram_token"
	TwilioKey        weir.Class = "credential.twilio_key"
	SendGridKey      weir.Class = "credential.sendgrid_key"
	MailchimpKey     weir.Class = "credential.mailchimp_key"
	MailgunKey       weir.Class = "credential.mailgun_key"
	BrevoKey         weir.Class = "credential.brevo_key"
	StripeKey        weir.Class = "credential.stripe_key"
	ShopifyToken     weir.Class = "credential.shopify_token"
	SquareToken      weir.Class = "credential.square_token"
	BraintreeToken   weir.Class = "credential.braintree_token"
	RazorpayKey      weir.Class = "credential.razorpay_key"
	AdyenKey         weir.Class = "credential.adyen_key"
	ShippoToken      weir.Class = "credential.shippo_token"
	OpenAIKey        weir.Class = "credential.openai_key"
	AnthropicKey     weir.Class = "credential.anthropic_key"
	HuggingFaceToken weir.Class = "credential.huggingface_token"
	GroqKey          weir.Class = "credential.groq_key"
	ReplicateToken   weir.Class = "credential.replicate_token"
	LinearKey        weir.Class = "credential.linear_key"
	NotionToken      weir.Class = "credential.notion_token"
	FigmaToken       weir.Class = "credential.figma_token"
	AirtableToken    weir.Class = "credential.airtable_token"
	PostmanKey       weir.Class = "credential.postman_key"
	NewRelicKey      weir.Class = "credential.new_relic_key"
	DatadogKey       weir.Class = "credential.datadog_key"
	SentryDSN        weir.Class = "credential.sentry_dsn"
	SentryToken      weir.Class = "credential.sentry_token"
	GrafanaToken     weir.Class = "credential.grafana_token"
	DynatraceToken   weir.Class = "credential.dynatrace_token"
)

// kB64Any are the bytes of base64 in either alphabet.
const kB64Any = kURL | kPlus | kEqual

// families are the credentials that show by their prefix, in order of that, the
// longer of two that begin alike first.
var families = func() []family {
	all := []family{
		{AWSAccessKey, "AKIA", kDigit | kUpper, 16, 16, base32, "an access key id of Amazon Web Services", "AWS Identity and Access Management User Guide, IAM identifiers: unique ID prefixes"},
		{AWSAccessKey, "ASIA", kDigit | kUpper, 16, 16, base32, "", ""},
		{AWSAccessKey, "ABIA", kDigit | kUpper, 16, 16, base32, "", ""},
		{AWSAccessKey, "ACCA", kDigit | kUpper, 16, 16, base32, "", ""},
		{GoogleKey, "AIza", kURL, 35, 35, nil, "an API key of Google Cloud or Firebase", "Google Cloud, Authenticate using API keys"},
		{GoogleOAuth, "GOCSPX-", kURL, 28, 28, nil, "an OAuth client secret or token of Google", "Google Identity, Using OAuth 2.0 to access Google APIs"},
		{GoogleOAuth, "ya29.", kURL, 30, 512, nil, "", ""},
		{GoogleOAuth, "1//0", kURL, 40, 256, nil, "", ""},
		{FirebaseKey, "APA91b", kURL, 128, 160, nil, "a server key or registration token of Firebase Cloud Messaging", "Firebase, About FCM messages: credentials"},
		{AlibabaKey, "LTAI", kAlnum, 12, 26, nil, "an access key id of Alibaba Cloud", "Alibaba Cloud, Create an AccessKey pair"},
		{DigitalOcean, "dop_v1_", kHexLow, 64, 64, nil, "a token of DigitalOcean", "DigitalOcean API, Authentication"},
		{DigitalOcean, "doo_v1_", kHexLow, 64, 64, nil, "", ""},
		{DigitalOcean, "dor_v1_", kHexLow, 64, 64, nil, "", ""},
		{HerokuKey, "HRKU-", kURL, 36, 70, nil, "an API key of Heroku, by prefix or by key", "Heroku Platform API Reference, Authentication"},
		{CloudflareKey, "v1.0-", kHexLow | kDash, 140, 180, nil, "a token of Cloudflare, by prefix or by key", "Cloudflare Fundamentals, Create API token; Origin CA keys"},
		{VercelToken, "vcp_", kURL, 24, 80, nil, "a token of Vercel, by prefix or by key", "Vercel, Account management: access tokens"},
		{VercelToken, "vci_", kURL, 24, 80, nil, "", ""},
		{VercelToken, "vercel_blob_rw_", kURL, 30, 80, nil, "", ""},
		{SupabaseToken, "sbp_", kHexLow, 40, 40, nil, "a token or secret key of Supabase", "Supabase, Management API: authentication; Understanding API keys"},
		{SupabaseToken, "sb_secret_", kURL, 22, 60, nil, "", ""},
		{PlanetScale, "pscale_tkn_", kURL | kDot, 32, 64, nil, "a token or password of PlanetScale", "PlanetScale, Service tokens"},
		{PlanetScale, "pscale_pw_", kURL | kDot, 32, 64, nil, "", ""},
		{PlanetScale, "pscale_oauth_", kURL | kDot, 32, 64, nil, "", ""},
		{DatabricksToken, "dapi", kHexLow | kDash, 32, 34, databricks, "a personal access token of Databricks", "Databricks, Personal access token authentication"},
		{GitHubToken, "ghp_", kAlnum, 36, 36, crcBase62, "a token of GitHub; the older kinds have a checksum", "GitHub Docs, About authentication to GitHub: token formats; GitHub Engineering, Behind GitHub's new authentication token formats"},
		{GitHubToken, "gho_", kAlnum, 36, 36, crcBase62, "", ""},
		{GitHubToken, "ghu_", kAlnum, 36, 36, crcBase62, "", ""},
		{GitHubToken, "ghs_", kAlnum, 36, 36, crcBase62, "", ""},
		{GitHubToken, "ghr_", kAlnum, 36, 36, crcBase62, "", ""},
		{GitHubToken, "ghr_", kAlnum, 76, 76, crcBase62, "", ""},
		{GitHubToken, "github_pat_", kAlnum | kUnder, 82, 82, finePAT, "", ""},
		{GitLabToken, "glpat-", kURL, 20, 20, nil, "a token of GitLab", "GitLab, Token overview: token prefixes"},
		{GitLabToken, "glpat-", kURL | kDot, 40, 300, nil, "", ""},
		{GitLabToken, "glrt-", kURL, 20, 20, nil, "", ""},
		{GitLabToken, "glptt-", kHexLow, 40, 40, nil, "", ""},
		{GitLabToken, "gldt-", kURL, 20, 20, nil, "", ""},
		{GitLabToken, "gloas-", kHexLow, 64, 64, nil, "", ""},
		{GitLabToken, "glcbt-", kURL, 20, 40, nil, "", ""},
		{GitLabToken, "glsoat-", kURL, 20, 20, nil, "", ""},
		{AtlassianToken, "ATATT3", kB64Any, 60, 320, atlassian, "an API token of Atlassian", "Atlassian Support, Manage API tokens for your Atlassian account"},
		{AtlassianToken, "ATCTT3", kB64Any, 60, 320, atlassian, "", ""},
		{AtlassianToken, "ATBB", kAlnum, 32, 32, nil, "", ""},
		{NPMToken, "npm_", kAlnum, 36, 36, crcBase62, "an access token of npm, with a checksum", "npm Docs, About access tokens; GitHub Blog, Announcing npm's new access token format"},
		{PyPIToken, "pypi-AgEIcHlwaS5vcmc", kURL, 50, 512, nil, "an API token of the Python Package Index", "PyPI, Help: API tokens"},
		{PyPIToken, "pypi-AgENdGVzdC5weXBpLm9yZ", kURL, 50, 512, nil, "", ""},
		{RubyGemsKey, "rubygems_", kHexLow, 48, 48, nil, "an API key of RubyGems", "RubyGems Guides, API key scopes"},
		{DockerToken, "dckr_pat_", kURL, 27, 27, nil, "an access token of Docker Hub", "Docker Docs, Personal access tokens"},
		{DockerToken, "dckr_oat_", kURL, 27, 40, nil, "", ""},
		{VaultToken, "hvs.", kURL, 24, 200, nil, "a token of HashiCorp Vault", "HashiCorp Vault, Tokens: token prefixes"},
		{VaultToken, "hvb.", kURL, 24, 300, nil, "", ""},
		{VaultToken, "hvr.", kURL, 24, 300, nil, "", ""},
		{PulumiToken, "pul-", kHexLow, 40, 40, nil, "an access token of Pulumi Cloud", "Pulumi Cloud, Access tokens"},
		{DopplerToken, "dp.pt.", kAlnum, 40, 44, nil, "a token of Doppler", "Doppler API Reference, Auth token formats"},
		{DopplerToken, "dp.st.", kURL | kDot, 40, 90, nil, "", ""},
		{DopplerToken, "dp.ct.", kAlnum, 40, 44, nil, "", ""},
		{DopplerToken, "dp.sa.", kAlnum, 40, 44, nil, "", ""},
		{SlackToken, "xoxb-", kAlnum | kDash, 24, 120, slack, "a token of Slack", "Slack Developer Docs, Tokens: token types"},
		{SlackToken, "xoxp-", kAlnum | kDash, 24, 160, slack, "", ""},
		{SlackToken, "xoxa-", kAlnum | kDash, 24, 160, slack, "", ""},
		{SlackToken, "xoxr-", kAlnum | kDash, 24, 160, slack, "", ""},
		{SlackToken, "xoxs-", kAlnum | kDash, 24, 160, slack, "", ""},
		{SlackToken, "xoxe-", kAlnum | kDash, 24, 240, slack, "", ""},
		{SlackToken, "xoxe.", kAlnum | kDash | kDot, 24, 240, slack, "", ""},
		{SlackToken, "xoxc-", kAlnum | kDash, 24, 160, slack, "", ""},
		{SlackToken, "xoxd-", kURL | kPlus | kEqual | kOther, 40, 400, nil, "", ""},
		{SlackToken, "xapp-", kAlnum | kDash, 40, 160, slack, "", ""},
		{TwilioKey, "SK", kHexLow, 32, 32, nil, "an API key of Twilio", "Twilio Docs, API keys overview"},
		{SendGridKey, "SG.", kURL | kDot, 66, 66, sendgrid, "an API key of SendGrid", "Twilio SendGrid Docs, API keys"},
		{MailgunKey, "key-", kHexLow, 32, 32, nil, "an API key of Mailgun", "Mailgun Docs, API keys"},
		{BrevoKey, "xkeysib-", kHexLow | kAlnum | kDash, 81, 81, brevo, "an API key of Brevo", "Brevo Developers, Create and manage API keys"},
		{BrevoKey, "xsmtpsib-", kHexLow | kAlnum | kDash, 81, 81, brevo, "", ""},
		{StripeKey, "sk_live_", kAlnum, 20, 247, nil, "a secret or restricted key, or a webhook secret, of Stripe", "Stripe Docs, API keys; Receive Stripe events in your webhook endpoint"},
		{StripeKey, "rk_live_", kAlnum, 20, 247, nil, "", ""},
		{StripeKey, "sk_test_", kAlnum, 20, 247, nil, "", ""},
		{StripeKey, "rk_test_", kAlnum, 20, 247, nil, "", ""},
		{StripeKey, "sk_org_", kAlnum, 20, 247, nil, "", ""},
		{StripeKey, "whsec_", kBase64, 24, 80, nil, "", ""},
		{ShopifyToken, "shpat_", kHex, 32, 32, nil, "an access token or shared secret of Shopify", "Shopify Dev Docs, About access tokens"},
		{ShopifyToken, "shpss_", kHex, 32, 32, nil, "", ""},
		{ShopifyToken, "shpca_", kHex, 32, 32, nil, "", ""},
		{ShopifyToken, "shppa_", kHex, 32, 32, nil, "", ""},
		{ShopifyToken, "shptka_", kHex, 32, 32, nil, "", ""},
		{SquareToken, "EAAA", kURL, 60, 60, nil, "an access token or secret of Square", "Square Developer, Access tokens"},
		{SquareToken, "sq0atp-", kURL, 22, 22, nil, "", ""},
		{SquareToken, "sq0csp-", kURL, 43, 43, nil, "", ""},
		{BraintreeToken, "access_token$production$", kAlnum | kOther, 49, 49, braintree, "an access token of PayPal Braintree", "PayPal Braintree, Gateway credentials"},
		{BraintreeToken, "access_token$sandbox$", kAlnum | kOther, 49, 49, braintree, "", ""},
		{RazorpayKey, "rzp_live_", kAlnum, 14, 14, nil, "an API key of Razorpay", "Razorpay Docs, API keys"},
		{RazorpayKey, "rzp_test_", kAlnum, 14, 14, nil, "", ""},
		{AdyenKey, "AQE", kURL | kPlus | kEqual | kDot | kOther, 80, 300, nil, "an API key of Adyen", "Adyen Docs, API credentials: generate an API key"},
		{ShippoToken, "shippo_live_", kHexLow, 40, 40, nil, "an API token of Shippo", "Shippo Docs, Authentication"},
		{OpenAIKey, "sk-proj-", kURL, 40, 200, nil, "an API key of OpenAI", "OpenAI API Reference, Authentication"},
		{OpenAIKey, "sk-svcacct-", kURL, 40, 200, nil, "", ""},
		{OpenAIKey, "sk-admin-", kURL, 40, 200, nil, "", ""},
		{OpenAIKey, "sk-", kAlnum, 40, 64, nil, "", ""},
		{AnthropicKey, "sk-ant-", kURL, 80, 130, nil, "an API key of Anthropic", "Claude Docs, API overview: authentication"},
		{HuggingFaceToken, "hf_", kAlnum, 34, 40, nil, "an access token of Hugging Face", "Hugging Face Hub, User access tokens"},
		{HuggingFaceToken, "api_org_", kAlnum, 34, 34, nil, "", ""},
		{GroqKey, "gsk_", kAlnum, 48, 56, nil, "an API key of Groq", "GroqCloud Docs, API keys"},
		{ReplicateToken, "r8_", kAlnum, 37, 40, nil, "an API token of Replicate", "Replicate Docs, API tokens"},
		{LinearKey, "lin_api_", kAlnum, 40, 40, nil, "an API key or token of Linear", "Linear Developers, Getting started: authentication"},
		{LinearKey, "lin_oauth_", kHexLow, 64, 64, nil, "", ""},
		{NotionToken, "ntn_", kAlnum, 43, 50, nil, "an integration token of Notion", "Notion Developers, Authorization"},
		{NotionToken, "secret_", kAlnum, 43, 43, nil, "", ""},
		{FigmaToken, "figd_", kURL, 38, 44, nil, "an access token of Figma", "Figma Developers, Personal access tokens"},
		{FigmaToken, "figo_", kURL, 38, 44, nil, "", ""},
		{AirtableToken, "pat", kAlnum | kDot, 79, 79, airtable, "a personal access token of Airtable", "Airtable, Personal access tokens"},
		{PostmanKey, "PMAK-", kHexLow | kDash, 59, 59, postman, "an API key of Postman", "Postman Docs, Generate and use Postman API keys"},
		{NewRelicKey, "NRAK-", kDigit | kUpper, 27, 27, nil, "a key of New Relic", "New Relic, API keys"},
		{NewRelicKey, "NRII-", kURL, 32, 32, nil, "", ""},
		{NewRelicKey, "NRJS-", kHexLow, 19, 19, nil, "", ""},
		{SentryToken, "sntrys_", kB64Any, 80, 400, nil, "an auth token of Sentry", "Sentry Docs, Auth tokens"},
		{SentryToken, "sntryu_", kHexLow, 64, 64, nil, "", ""},
		{GrafanaToken, "glsa_", kAlnum | kUnder, 41, 41, grafana, "a service account or access policy token of Grafana", "Grafana Docs, Service accounts; Grafana Cloud, Access policies"},
		{GrafanaToken, "glc_", kBase64, 40, 400, nil, "", ""},
		{DynatraceToken, "dt0c01.", kDigit | kUpper | kDot, 89, 89, dynatrace, "an API token of Dynatrace", "Dynatrace Docs, Access tokens: token format"},
		{PaymentToken, "tok_", kAlnum, 14, 32, mixed, "", ""},
		{PaymentToken, "pm_", kAlnum, 14, 32, mixed, "", ""},
		{PaymentToken, "pi_", kAlnum, 14, 32, mixed, "", ""},
		{PaymentToken, "src_", kAlnum, 14, 32, mixed, "", ""},
	}
	slices.SortStableFunc(all, func(a, b family) int {
		if a.prefix[0] != b.prefix[0] {
			return int(a.prefix[0]) - int(b.prefix[0])
		}
		return len(b.prefix) - len(a.prefix)
	})
	return all
}()

// byInitial says where in families those are that begin with a byte.
var byInitial = func() (t [256]struct{ lo, hi uint8 }) {
	for i, f := range families {
		e := &t[f.prefix[0]]
		if e.hi == 0 {
			e.lo = uint8(i)
		}
		e.hi = uint8(i) + 1
	}
	return t
}()

func base32(_ string, v []byte) (ok, checked bool) {
	for _, c := range v {
		if c == '0' || c == '1' || c == '8' || c == '9' {
			return false, false
		}
	}
	return spread(v), false
}

func databricks(_ string, v []byte) (ok, checked bool) {
	return (len(v) == 32 || len(v) == 34 && v[32] == '-' && digit(v[33])) && bytes.IndexByte(v[:32], '-') < 0 && random(v), false
}

func finePAT(_ string, v []byte) (ok, checked bool) {
	return parts(v, '_', 22, 59) && random(v), false
}

// atlassian: a checksum of eight hexadecimal digits follows the last =. How it is
// reckoned is not published.
func atlassian(_ string, v []byte) (ok, checked bool) {
	n := bytes.LastIndexByte(v, '=')
	return n == len(v)-9 && kHexUp.while(v, n+1, len(v), 8) == len(v) && random(v[:n]), false
}

// slack: parts joined by dashes, the first of digits or of a short word, the last
// drawn at random.
func slack(_ string, v []byte) (ok, checked bool) {
	n := bytes.LastIndexByte(v, '-')
	digits := 0
	for _, c := range v {
		if digit(c) {
			digits++
		}
	}
	return len(v)-n > 16 && digits >= 8 && random(v[n+1:]), false
}

func sendgrid(_ string, v []byte) (ok, checked bool) {
	return parts(v, '.', 22, 43) && random(v), false
}
func brevo(_ string, v []byte) (ok, checked bool) { return parts(v, '-', 64, 16) && random(v), false }
func braintree(_ string, v []byte) (ok, checked bool) {
	return parts(v, '$', 16, 32) && random(v), false
}
func airtable(_ string, v []byte) (ok, checked bool) {
	return parts(v, '.', 14, 64) && kHexLow.while(v, 15, len(v), 64) == len(v) && random(v), false
}
func postman(_ string, v []byte) (ok, checked bool) { return parts(v, '-', 24, 34) && random(v), false }
func grafana(_ string, v []byte) (ok, checked bool) { return parts(v, '_', 32, 8) && random(v), false }
func dynatrace(_ string, v []byte) (ok, checked bool) {
	return parts(v, '.', 24, 64) && random(v), false
}

// mixed: digits and letters, as drawn identifiers have, and no name.
func mixed(_ string, v []byte) (ok, checked bool) {
	digits := 0
	for _, c := range v {
		if digit(c) {
			digits++
		}
	}
	return digits >= 2 && digits < len(v) && random(v), false
}

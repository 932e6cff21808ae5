package inspect

import (
	"bytes"

	"github.com/getweir/weir"
)

// firstKnown is the first of the meanings whose values are known by their key
// alone: credentials, and what households watch, wish and give. No set holds them.
const firstKnown meaning = 128

const (
	mPassword meaning = firstKnown + iota
	mHash
	mAPIKey
	mToken
	mAWSSecret
	mAzure
	mDatadog
	mCloudflare
	mHeroku
	mTwilio
	mDiscord
	mVercel
	mGoogleKeyID
	mSession
	mSessionID // of a session, which may be one of analytics only
	// What is said from here on is no credential.
	firstStory
)

const (
	mPIN meaning = firstStory + iota
	mPINWeak
	mLicence
	mPlayer
	mHousehold // holds the profiles of a household
	mGiftNote
	mLoyalty
	mGiftCard
	mGiftPIN
	mWish     // holds wishes
	mMessages // holds messages
	mMessage
	mPayout
	mPayoutSum
	mPayToken
	// Those make up shapes, and say nothing of their own values.
	firstPart
)

const (
	mKid meaning = firstPart + iota
	mProfile
	mSender
	mReceiver
	mMessageText
	mPayoutID
)

// A partSet has the meanings that an object's shape is made of, as bits from
// firstPart on.
type partSet uint16

func (s partSet) has(m meaning) bool { return s&(1<<(m-firstPart)) != 0 }

// known reports the value v at [at.a, at.b) of the body if it is what m says, and
// whether nothing else can be in it.
func (w *walk) known(m meaning, v []byte, at span) bool {
	top := &w.frames[len(w.frames)-1]
	switch {
	case m >= firstPart:
		return false
	case m == mPINWeak:
		if top.parent != mPIN && top.parent != mHousehold && (top.parent != mPerson || len(v) != 4) {
			return false
		}
		m = mPIN
	case (m == mWish || m == mMessages) && top.kind == arrayFrame:
		return false // the array is one finding
	case m < firstStory && w.form != weir.FormScalar && w.specific(v, 0, len(v)):
		return false
	}
	class, c := judge(m, v, false)
	if class == "" {
		return false
	}
	w.report(class, at, c)
	return class != GiftNote && class != DirectMessage && class != WishList && class != Password
}

// context gives what a meaning says about the numbers in its value: those beyond say
// nothing, or that it is text, or that the number is the system's own.
func (m meaning) context() meaning {
	switch {
	case m < firstKnown:
		return m
	case m == mGiftNote, m == mMessage, m == mMessages, m == mWish, m == mMessageText:
		return mText
	case m == mKid, m == mHousehold, m == mPayout:
		return mNone
	}
	return mOpaque
}

// judge says what the value v of the meaning m is, and how sure that is. In text
// less can be made of what says so.
func judge(m meaning, v []byte, text bool) (weir.Class, weir.Confidence) {
	if m >= firstStory {
		return judgeStory(m, v)
	}
	if placeholder(v) || len(v) > 4096 || bytes.IndexByte(v, ' ') >= 0 && m != mPassword {
		return "", 0
	}
	long := len(v) >= 16 && random(v) && !address(v)
	switch m {
	case mPassword:
		return password(v, text)
	case mHash:
		if len(v) >= 16 && random(v) {
			return PasswordHash, weir.SureMatch
		}
	case mAPIKey, mToken:
		class := APIKey
		if m == mToken {
			class = AccessToken
		}
		if long && hasDigit(v) {
			return class, weir.SureMatch
		}
		if long && len(v) >= 24 {
			return class, weir.LikelyMatch
		}
	case mAWSSecret:
		if len(v) == 40 && kBase64.while(v, 0, 40, 40) == 40 && random(v) {
			return AWSSecretKey, weir.SureMatch
		}
	case mAzure:
		if (len(v) == 88 || len(v) == 44) && v[len(v)-1] == '=' && random(v) {
			return AzureKey, weir.SureMatch
		}
		if long && hasDigit(v) {
			return AzureKey, weir.LikelyMatch
		}
	case mDatadog:
		if (len(v) == 32 || len(v) == 40) && kHexLow.while(v, 0, len(v), 40) == len(v) && random(v) {
			return DatadogKey, weir.SureMatch
		}
	case mCloudflare:
		if (len(v) == 40 || len(v) == 37) && kURL.while(v, 0, len(v), 40) == len(v) && random(v) {
			return CloudflareKey, weir.SureMatch
		}
	case mHeroku:
		if parts(v, '-', 8, 4, 4, 4, 12) && random(v) {
			return HerokuKey, weir.SureMatch
		}
	case mTwilio:
		if len(v) == 32 && kHexLow.while(v, 0, 32, 32) == 32 && random(v) {
			return TwilioKey, weir.SureMatch
		}
	case mDiscord:
		if discordToken(v) {
			return DiscordToken, weir.SureMatch
		}
	case mVercel:
		if len(v) == 24 && kAlnum.while(v, 0, 24, 24) == 24 && random(v) {
			return VercelToken, weir.SureMatch
		}
	case mGoogleKeyID:
		if len(v) == 40 && kHexLow.while(v, 0, 40, 40) == 40 && random(v) {
			return GoogleAccount, weir.SureMatch
		}
	case mSession:
		if len(v) >= 12 && random(v) && !bytes.HasPrefix(v, []byte("S-1-")) {
			return SessionCookie, weir.SureMatch
		}
	case mSessionID:
		if long && hasDigit(v) && !bytes.HasPrefix(v, []byte("S-1-")) { // a security id of Windows
			return SessionCookie, weir.LikelyMatch
		}
	}
	return "", 0
}

// address reports whether v is a URL or a path, which is none that opens anything.
func address(v []byte) bool {
	return bytes.Contains(v, []byte("://")) || v[0] == '/' || v[0] == '.'
}

// password judges the value of a key that says password: no label, no sentence, no
// setting.
func password(v []byte, text bool) (weir.Class, weir.Confidence) {
	if len(v) < 4 || len(v) > 256 || address(v) || label(v) || v[0] == '$' && len(v) > 20 {
		return "", 0
	}
	if text && v[0] == '+' {
		return "", 0 // an expression
	}
	if bytes.IndexByte(v, ' ') >= 0 {
		// A phrase, if it is no sentence of a form.
		if text || !hasDigit(v) || bytes.IndexByte(v, ':') >= 0 {
			return "", 0
		}
		return Password, weir.LikelyMatch
	}
	if mixedValue(v) && !wordsOnly(v) {
		return Password, weir.SureMatch
	}
	if text {
		return Password, weir.Unsure
	}
	return Password, weir.LikelyMatch
}

// wordsOnly reports whether v is made of letters, dashes and dots only: a name.
func wordsOnly(v []byte) bool {
	for _, c := range v {
		if !alpha(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// passwordLabels are what stands for a password in forms, schemas and manuals.
var passwordLabels = map[string]bool{
	"password": true, "passwort": true, "string": true, "required": true, "optional": true, "none": true, "null": true, "true": true, "false": true,
	"nil": true, "secret": true, "pass": true, "passwd": true, "text": true, "hash": true, "hashed": true, "invalid": true, "unset": true, "never": true,
	"always": true, "enabled": true, "disabled": true, "default": true, "empty": true, "mot de passe": true, "contraseña": true, "forgot": true,
	"incorrect": true, "wrong": true, "reset": true, "env": true, "vault": true, "file": true, "prompt": true, "pwd": true, "user": true, "root": true, "admin": true,
	"postgres": true, "bar": true, "foo": true, "hunter": true, "guest": true, "xyz": true, "abc": true, "anonymous": true, "test": true, "weak": true, "strong": true, "changed": true, "expired": true, "confirm": true, "basic": true, "plain": true, "bcrypt": true,
}

// label reports whether v is one of them, with digits or signs behind.
func label(v []byte) bool {
	var buf [24]byte
	if len(v) > len(buf) {
		return false
	}
	b := lower(buf[:0], v)
	return passwordLabels[string(b)]
}

// secretWords are the names of credentials.
var secretWords = map[string]meaning{
	"password": mPassword, "passwords": mPassword, "passwd": mPassword, "pwd": mPassword, "passphrase": mPassword, "pass_phrase": mPassword, "passcode": mPassword,
	"db_pass": mPassword, "smtp_pass": mPassword, "user_pass": mPassword, "mysql_pass": mPassword, "ftp_pass": mPassword, "admin_pass": mPassword, "passwort": mPassword,
	"kennwort": mPassword, "mot_de_passe": mPassword, "motdepasse": mPassword, "contraseña": mPassword, "contrasena": mPassword, "senha": mPassword,
	"wachtwoord": mPassword, "hasło": mPassword, "haslo": mPassword, "parola_d_ordine": mPassword, "パスワード": mPassword, "密码": mPassword, "비밀번호": mPassword,
	"forgot_password": mNone, "change_password": mNone, "reset_password": mNone, "has_password": mNone, "require_password": mNone, "requires_password": mNone,
	"show_password": mNone, "needs_password": mNone, "no_password": mNone, "confirm_password_label": mNone,
	"password_hash": mHash, "password_digest": mHash, "encrypted_password": mHash, "hashed_password": mHash, "passwd_hash": mHash, "pw_hash": mHash, "crypted_password": mHash,
	"password_hashes": mHash, "pwhash": mHash,
	"api_key": mAPIKey, "apikey": mAPIKey, "x_api_key": mAPIKey, "api_secret": mAPIKey, "apisecret": mAPIKey, "client_secret": mAPIKey, "clientsecret": mAPIKey,
	"app_secret": mAPIKey, "consumer_secret": mAPIKey, "secret_key": mAPIKey, "secretkey": mAPIKey, "shared_secret": mAPIKey, "signing_secret": mAPIKey,
	"webhook_secret": mAPIKey, "jwt_secret": mAPIKey, "session_secret": mAPIKey, "cookie_secret": mAPIKey, "master_key": mAPIKey, "encryption_key": mAPIKey,
	"signing_key": mAPIKey, "access_key_secret": mAPIKey, "accesskeysecret": mAPIKey, "secret": mAPIKey, "hmac_key": mAPIKey, "hmac_secret": mAPIKey, "private_key": mAPIKey,
	"totp_secret": mAPIKey, "otp_secret": mAPIKey, "mfa_secret": mAPIKey, "recovery_code": mAPIKey,
	"access_token": mToken, "accesstoken": mToken, "refresh_token": mToken, "refreshtoken": mToken, "auth_token": mToken, "authtoken": mToken, "api_token": mToken,
	"apitoken": mToken, "bearer_token": mToken, "id_token": mToken, "idtoken": mToken, "oauth_token": mToken, "oauth_token_secret": mToken, "private_token": mToken,
	"personal_access_token": mToken, "service_token": mToken, "reset_token": mToken, "password_reset_token": mToken, "verification_token": mToken,
	"confirmation_token": mToken, "login_token": mToken, "user_token": mToken, "secret_token": mToken, "access_key_token": mToken, "security_token": mToken,
	"aws_secret_access_key": mAWSSecret, "secret_access_key": mAWSSecret, "secretaccesskey": mAWSSecret, "aws_secret_key": mAWSSecret, "aws_secret": mAWSSecret,
	"account_key": mAzure, "accountkey": mAzure, "shared_access_key": mAzure, "sharedaccesskey": mAzure, "storage_account_key": mAzure, "azure_storage_key": mAzure,
	"azure_client_secret": mAzure, "shared_access_signature": mAzure,
	"dd_api_key": mDatadog, "datadog_api_key": mDatadog, "dd_app_key": mDatadog, "datadog_app_key": mDatadog, "dd_application_key": mDatadog,
	"cloudflare_api_token": mCloudflare, "cf_api_token": mCloudflare, "cloudflare_api_key": mCloudflare, "cf_api_key": mCloudflare, "cloudflare_token": mCloudflare,
	"heroku_api_key": mHeroku, "heroku_api_token": mHeroku, "heroku_key": mHeroku,
	"twilio_auth_token": mTwilio, "twilio_token": mTwilio,
	"discord_token": mDiscord, "discord_bot_token": mDiscord, "bot_token": mDiscord,
	"vercel_token": mVercel, "private_key_id": mGoogleKeyID,
	"session_cookie": mSession, "session_token": mSession, "sessiontoken": mSession, "sessionid": mSession, "phpsessid": mSession, "jsessionid": mSession,
	"asp_net_session_id": mSession, "aspsessionid": mSession, "connect_sid": mSession, "laravel_session": mSession, "ci_session": mSession,
	"rails_session": mSession, "remember_token": mSession, "remember_user_token": mSession, "auth_cookie": mSession, "auth_session": mSession, "host_session": mSession,
	"session_key": mSession, "sessionkey": mSession, "csrf_token": mNone, "xsrf_token": mNone,
	"session_id": mSessionID, "sid": mSessionID,
}

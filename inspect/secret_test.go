package inspect

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"pgregory.net/rapid"
	"strings"
	"testing"

	"github.com/getweir/weir"
)

// Secrets are made here from parts, so that nothing in this file looks like one.

// dice draws what secrets are made of.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 7))} }

func (d dice) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	lowers   = "abcdefghijklmnopqrstuvwxyz"
	uppers   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numerals = "0123456789"
	alnums   = lowers + uppers + numerals
	urlSafe  = alnums + "-_"
	base64s  = alnums + "+/"
	lowHex   = "0123456789abcdef"
)

func (d dice) alnum(n int) string { return d.of(alnums, n) }
func (d dice) hex(n int) string   { return d.of(lowHex, n) }

// alphabet gives the bytes that a family's tokens are drawn from.
func (k kinds) alphabet() string {
	switch {
	case k&kURL == kURL:
		return urlSafe
	case k&kAlnum == kAlnum:
		return alnums
	case k&kHexLow != 0 && k&kLower == 0:
		return lowHex
	}
	var b []byte
	for c, of := range kindsOf {
		if of&k&^(kDash|kUnder|kDot|kPlus|kEqual|kOther) != 0 {
			b = append(b, byte(c))
		}
	}
	return string(b)
}

// sum62 gives the checksum of v in six characters of base 62.
func sum62(v string) string {
	const alphabet = numerals + uppers + lowers
	n := crc32.ChecksumIEEE([]byte(v))
	var b [6]byte
	for i := 5; i >= 0; i-- {
		b[i] = alphabet[n%62]
		n /= 62
	}
	return string(b[:])
}

// token draws one of a family.
func (d dice) token(f *family) string {
	body := ""
	switch p := f.prefix; p {
	case "AKIA", "ASIA", "ABIA", "ACCA":
		body = d.of(uppers+"234567", 16)
	case "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_":
		body = d.alnum(f.min - 6)
		body += sum62(body)
	case "github_pat_":
		body = d.alnum(22) + "_" + d.alnum(59)
	case "dapi":
		body = d.hex(32)
	case "ATATT3", "ATCTT3":
		body = d.of(urlSafe, 170) + "=" + d.of(numerals+"ABCDEF", 8)
	case "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.", "xoxc-", "xoxd-":
		body = d.of(numerals, 12) + "-" + d.of(numerals, 12) + "-" + d.alnum(24)
	case "xapp-":
		body = "1-A" + d.of(uppers+numerals, 10) + "-" + d.of(numerals, 13) + "-" + d.hex(64)
	case "SG.":
		body = d.of(urlSafe, 22) + "." + d.of(alnums, 43)
	case "xkeysib-", "xsmtpsib-":
		body = d.hex(64) + "-" + d.alnum(16)
	case "access_token$production$", "access_token$sandbox$":
		body = d.of(lowers+numerals, 16) + "$" + d.hex(32)
	case "pat":
		body = d.alnum(14) + "." + d.hex(64)
	case "PMAK-":
		body = d.hex(24) + "-" + d.hex(34)
	case "glsa_":
		body = d.alnum(32) + "_" + d.hex(8)
	case "dt0c01.":
		body = d.of(uppers+"234567", 24) + "." + d.of(uppers+"234567", 64)
	case "tok_", "pm_", "pi_", "src_":
		body = "1" + d.alnum(11) + d.of(numerals, 2) + d.alnum(10)
	default:
		body = d.of(f.kinds.alphabet(), f.min) // ends in a letter or digit
		if last := body[len(body)-1]; last == '-' || last == '_' {
			body = body[:len(body)-1] + "a"
		}
	}
	return f.prefix + body
}

// wrapped puts v into every syntax.
func wrapped(key, v string) []weir.Segment {
	return []weir.Segment{
		{Syntax: weir.JSON, Record: true, Body: []byte(`{"a":1,"` + key + `":"` + v + `","b":[true]}`)},
		{Syntax: weir.JSON, Record: true, Body: []byte(`["see\n` + v + `","x"]`)},
		{Syntax: weir.Text, Body: []byte("2026-03-01T10:20:30Z INFO " + key + "=" + v + " took 12ms")},
		{Syntax: weir.CSV, Record: true, Columns: []string{"id", key}, Body: []byte("c-1,\"" + v + "\"\r\n")},
		{Syntax: weir.HTML, Body: []byte("<p>at <code>" + v + "</code></p>")},
		{Syntax: weir.Header, Name: "X-" + key, Body: []byte(v)},
	}
}

// spans gives what is found of a class in seg.
func spans(t testing.TB, in *Inspector, seg weir.Segment, class weir.Class) (found []string) {
	t.Helper()
	var r Report
	if err := in.Inspect(&r, &seg, nil); err != nil {
		t.Fatalf("%s: %v", seg.Body, err)
	}
	check(t, &seg, &r)
	for _, f := range r.Findings {
		if f.Class == class {
			found = append(found, string(seg.Body[f.Start:f.End]))
		}
	}
	return found
}

func TestFamilies(t *testing.T) {
	in := inspector(t, Config{})
	for i := range families {
		f := &families[i]
		d := newDice(uint64(i))
		lost := 0
		for range 100 {
			v := d.token(f)
			for _, seg := range wrapped("x", v) {
				if got := spans(t, in, seg, f.class); len(got) != 1 || got[0] != v {
					lost++
					if lost == 7 {
						t.Errorf("%s %s in %s: %q, got %q", f.class, f.prefix, seg.Syntax, seg.Body, got)
					}
				}
			}
		}
	}
}

// TestFamiliesRefuse writes what stands where secrets belong.
func TestFamiliesRefuse(t *testing.T) {
	in := inspector(t, Config{})
	for i := range families {
		f := &families[i]
		d := newDice(uint64(i))
		v := d.token(f)
		n := len(f.prefix)
		for _, bad := range []string{
			f.prefix + strings.Repeat("x", len(v)-n),
			f.prefix + strings.Repeat("0", len(v)-n),
			v[:n] + strings.Repeat("EXAMPLE", 80)[:len(v)-n],
			v[:n] + strings.Repeat("your_key_here_", 50)[:len(v)-n],
			v[:n] + strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789", 20)[:len(v)-n],
			f.prefix + "${TOKEN}", f.prefix + "…", f.prefix + strings.Repeat("*", len(v)-n), f.prefix,
			"a" + v, v + strings.Repeat("a", f.max-f.min+1),
		} {
			for _, seg := range wrapped("x", bad) {
				if got := spans(t, in, seg, f.class); len(got) > 0 && !strings.Contains(got[0], "-") {
					t.Errorf("%s: %q, got %q", f.class, seg.Body, got)
				}
			}
		}
	}
}

func TestShapesOfSecrets(t *testing.T) {
	in := inspector(t, Config{})
	d := newDice(1)
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	jwt := b64(`{"alg":"RS256","typ":"JWT"}`) + "." + b64(`{"sub":"c-1","exp":1767225600}`) + "." + d.of(urlSafe, 85) + "Q"
	pw := "tR" + d.alnum(10) + "7!"
	hex32 := d.hex(32)
	user := base64.StdEncoding.EncodeToString([]byte("jo:" + pw))
	tg := d.of("123456789", 9) + ":AA" + d.of(alnums, 33)
	tf := d.alnum(14) + ".atlasv1." + d.alnum(64)
	mc := d.hex(32) + "-us" + "12"
	slack := "T" + d.of(uppers, 9) + "/B" + d.of(uppers, 9) + "/" + d.alnum(24)
	dw := d.of("123456789", 18) + "/" + d.alnum(68)
	dt := base64.RawURLEncoding.EncodeToString([]byte(d.of("123456789", 18))) + "." + d.alnum(6) + "." + d.alnum(38)
	key := func(label string) string {
		lines := "-----BEGIN " + label + "-----\n"
		for range 6 {
			lines += d.of(base64s, 64) + "\n"
		}
		return lines + "-----END " + label + "-----"
	}
	pem := key("RSA " + "PRIVATE KEY")
	bcrypt := "$2b" + "$12$" + d.of(alnums, 53)
	argon := "$argon2id" + "$v=19$m=65536,t=3,p=4$" + d.of(alnums, 22) + "$" + d.of(alnums, 43)
	sha := "$6" + "$" + d.alnum(12) + "$" + d.alnum(86)
	pb := "pbkdf2_sha" + "256$600000$" + d.alnum(22) + "$" + d.alnum(43) + "="
	esn := "NFANDROID1-" + "PRV-P-" + d.of(uppers+numerals, 24)
	manifest := "https://cdn.example/v/t-1/master.m3u8?Policy=" + d.alnum(40) + "&Signature=" + d.alnum(60) + "&Key-Pair-Id=" + d.of(uppers, 14)
	for _, c := range []struct {
		class      weir.Class
		text, want string
	}{
		{JWT, "token " + jwt + ", and", jwt},
		{JWT, "Authorization: Bearer " + jwt, jwt},
		{BearerToken, "Authorization: Bearer " + hex32, hex32},
		{BasicAuth, "Authorization: Basic " + user, user},
		{TelegramToken, "https://api.telegram.example/bot/" + tg + "/x", tg},
		{TerraformToken, "token = \"" + tf + "\"", tf},
		{MailchimpKey, "key " + mc, mc},
		{SlackWebhook, "https://" + "hooks.slack.com/" + "services/" + slack, "services/" + slack},
		{DiscordWebhook, "https://" + "discord.com/api/webhooks/" + dw, dw},
		{DiscordToken, "Authorization: Bot " + dt, dt},
		{PrivateKey, "a\n" + pem + "\nb", pem},
		{PasswordHash, "jo:" + bcrypt + ":1", bcrypt},
		{PasswordHash, "x " + argon + " y", argon},
		{PasswordHash, "root:" + sha + ":19000:0:99999:7:::", sha},
		{PasswordHash, "hash is " + pb, pb},
		{PasswordHash, "x " + sha[:len(sha)-1] + ". y", sha[:len(sha)-1] + "."},
		{ConnectionString, "DSN postgres://app:" + pw + "@db.example:5432/x?sslmode=require", pw},
		{ConnectionString, "mongodb+srv://app:" + pw + "@db.example/x", pw},
		{URLPassword, "curl https://jo:" + pw + "@api.example/v1", pw},
		{SentryDSN, "https://" + hex32 + "@o12345.ingest.sentry.example/67", hex32},
		{Password, "login password=" + pw + "&x=1", pw},
		{Password, "DB_PASSWORD: " + pw, pw},
		{Password, "Server=db.example;User Id=app;Password=" + pw + ";", pw},
		{APIKey, "GET /x?api_key=" + hex32 + "&y=2", hex32},
		{AzureKey, "AccountName=x;AccountKey=" + d.of(alnums, 86) + "==;EndpointSuffix=core.example", ""},
		{SessionCookie, "Cookie: a=b; PHPSESSID=" + d.of(lowers+numerals, 26) + "; c=d", ""},
		{SessionCookie, "Set-Cookie: connect.sid=s%3A" + d.alnum(32) + "; Path=/", ""},
		{PlayerID, "esn " + esn, esn},
		{PlaybackLicence, "GET " + manifest + " 200", manifest},
	} {
		for _, seg := range []weir.Segment{
			{Syntax: weir.Text, Body: []byte(c.text)},
			{Syntax: weir.HTML, Body: []byte("<pre>" + strings.ReplaceAll(c.text, "&", "&amp;") + "</pre>")},
			{Syntax: weir.JSON, Record: true, Body: fmt.Appendf(nil, `{"message":%q}`, c.text)},
		} {
			got := spans(t, in, seg, c.class)
			if len(got) != 1 || seg.Syntax == weir.Text && c.want != "" && got[0] != c.want {
				t.Errorf("%s in %s: %q\n got %q\nwant %q", c.class, seg.Syntax, seg.Body, got, c.want)
			}
		}
	}
}

func TestSecretsByKey(t *testing.T) {
	in := inspector(t, Config{})
	d := newDice(2)
	for _, c := range []struct {
		class  weir.Class
		key, v string
	}{
		{Password, "password", "tr0ub4dor!3"},
		{Password, "userPassword", "correct-h0rse"},
		{Password, "Passwort", "geheim99!"},
		{PasswordHash, "password_hash", d.hex(64)},
		{APIKey, "api_key", d.alnum(32)},
		{APIKey, "clientSecret", d.alnum(40)},
		{AccessToken, "access_token", d.alnum(40)},
		{AccessToken, "refreshToken", d.of(urlSafe, 64)},
		{AWSSecretKey, "aws_secret_access_key", d.of(base64s, 40)},
		{AWSSecretKey, "SecretAccessKey", d.of(base64s, 40)},
		{AzureKey, "AccountKey", d.of(base64s, 86) + "=="},
		{DatadogKey, "DD_API_KEY", d.hex(32)},
		{CloudflareKey, "cloudflare_api_token", d.of(alnums, 40)},
		{HerokuKey, "heroku_api_key", d.hex(8) + "-" + d.hex(4) + "-" + d.hex(4) + "-" + d.hex(4) + "-" + d.hex(12)},
		{TwilioKey, "twilio_auth_token", d.hex(32)},
		{VercelToken, "VERCEL_TOKEN", d.alnum(24)},
		{GoogleAccount, "private_key_id", d.hex(40)},
		{SessionCookie, "session_token", d.alnum(32)},
		{SessionCookie, "JSESSIONID", d.of(uppers+numerals, 32)},
	} {
		for _, seg := range wrapped(c.key, c.v) {
			if seg.Syntax == weir.HTML || seg.Body[0] == '[' {
				continue // nothing says what it is
			}
			if got := spans(t, in, seg, c.class); len(got) != 1 || got[0] != c.v {
				t.Errorf("%s in %s: %q, got %q", c.class, seg.Syntax, seg.Body, got)
			}
		}
	}
	for _, body := range []string{
		`{"password":"Password","passwords":["string"],"forgot_password":"https://a.example/x?y=1","password_url":"/reset"}`,
		`{"password":"Enter your password","password_hint":"at least 8 characters","has_password":true,"password":null,"pwd":"/home/jo"}`,
		`{"password":"${DB_PASSWORD}","api_key":"<your key>","secret":"{{ secret }}","token":"xxxxxxxxxxxxxxxxxxxxxxxx","api_secret":"changeme"}`,
		`{"api_key":"YOUR_API_KEY_GOES_HERE_1","secret_key":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","access_token":"https://a.example/token/12345678"}`,
		`{"uuid":"7c9e6679-7425-40de-944b-e07fc1f90ae7","sha":"da39a3ee5e6b4b0d3255bfef95601890afd80709","etag":"4bf92f3577b34da6a3ce929d0e0e4736","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
		`{"x":"the basic understanding of bearer tokens is a key: simple","y":"a secret: never tell","z":"token=req.body","w":"password=password"}`,
		`{"x":"postgres://user:password@localhost/db","y":"https://example.com/@jo:x","z":"http://a.example:8080/","u":"git@code.example:a/b"}`,
		`{"x":"desk-top-publishing-in-three-easy-steps-for-all-of-us","y":"risk-management-and-other-interesting-things-to-read-here"}`,
		`{"x":"append(env, \"PWD=\"+dir)","y":"PWD=/home/jo","z":"SID: S-1-5-21domain-513","w":"password=os.getenv(KEY1)","v":"file://directory.  The second","u":"tries https://, then git+ssh://."}`,
		`{"x":"password=credentials[1]","y":"password: Optional[str]","z":"password=self.auth_cache[key]","w":"private_key: ed25519.Ed25519PrivateKey","v":"api_key=x509.Thing1234567890Abc"}`,
		`{"x":"see Basic Options","y":"ftp://a:b@c.example/","z":"http://foo:bar@c.example/","w":"https://user:password@c.example/"}`,
		`{"x":"tok_visa","y":"pm_card_visa","z":"pi_value","w":"src_directory_listing_for_all"}`,
	} {
		for _, seg := range []weir.Segment{{Syntax: weir.JSON, Record: true, Body: []byte(body)}, {Syntax: weir.Text, Body: []byte(body)}} {
			if got := show(t, in, seg); got != "" {
				t.Errorf("%s: %s\n got %s", seg.Syntax, body, got)
			}
		}
	}
}

// said reports whether a phrase is among the words of values with a form.
func said(p string) bool {
	_, a := words[p]
	_, b := numberWords[p]
	_, c := ruleTab.phrases[p]
	_, d := localWords[p]
	return a || b || c || d
}

// TestPhrasesStandOnce: a phrase of one table does not change what another says.
func TestPhrasesStandOnce(t *testing.T) {
	for p := range secretWords {
		if said(p) {
			t.Errorf("%q is among the words and the names of credentials", p)
		}
		if _, ok := storyWords[p]; ok {
			t.Errorf("%q is among the names of credentials and of stories", p)
		}
	}
	for p := range storyWords {
		switch p {
		case "esn", "widevine_id", "playready_id", "drm_device_id", "player_device_id", "profile_name": // more exact than a device's, or a part of a shape
			continue
		}
		if said(p) {
			t.Errorf("%q is among the words and the names of stories", p)
		}
	}
}

func TestAnchorsMissNone(t *testing.T) {
	for _, a := range anchors {
		if len(a.window) < 3 {
			t.Errorf("%q is too short", a.window)
		}
		for pad := range 140 {
			body := []byte(strings.Repeat(" ", pad) + a.window + "   ")
			var s sheet
			s.begin()
			s.mark(body, 0)
			if s.anchor[pad/64]>>(pad%64)&1 == 0 {
				t.Fatalf("%q is not marked at %d", a.window, pad)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("sk_live-ghp=: ä$2a?eyJ")), 1, 400, -1).Draw(t, "body"))
		var s sheet
		s.begin()
		s.mark(body, 0)
		body = append(body, make([]byte, 128)...)
		last := uint64(0) // there are no backslashes
		for k := range (len(body) - 65) / 64 {
			shut, open := anchorSifter.anchorAny((*[64 + anchorBytes - 1]byte)(body[64*k:]))
			if want := sure(body[64*k:], open|shut&^(s.alnum[k]<<1|last)); s.anchor[k] != want {
				t.Fatalf("%q, block %d: %x, want %x", body, k, s.anchor[k], want)
			}
			last = s.alnum[k] >> 63
		}
	})
}

func TestEveryClassIsListedOnce(t *testing.T) {
	listed := map[weir.Class]bool{}
	for _, c := range Classes() {
		if listed[c.Name] {
			t.Errorf("%s is listed twice", c.Name)
		}
		listed[c.Name] = true
	}
	for _, f := range families {
		if !listed[f.class] {
			t.Errorf("%s is not listed", f.class)
		}
	}
	n := 0
	for c := range listed {
		if c.Secret() {
			n++
		}
	}
	if n < 60 {
		t.Errorf("%d kinds of credentials", n)
	}
}

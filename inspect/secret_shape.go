package inspect

import (
	"bytes"
	"encoding/base64"

	"github.com/getweir/weir"
)

// The classes of credentials that are known by more than a prefix, or by their key.
const (
	JWT              weir.Class = "credential.jwt"
	PrivateKey       weir.Class = "credential.private_key"
	ConnectionString weir.Class = "credential.connection_string"
	URLPassword      weir.Class = "credential.url_password"
	BasicAuth        weir.Class = "credential.basic_auth"
	BearerToken      weir.Class = "credential.bearer_token"
	PasswordHash     weir.Class = "credential.password_hash"
	SessionCookie    weir.Class = "credential.session_cookie"
	Password         weir.Class = "credential.password"
	APIKey           weir.Class = "credential.api_key"
	AccessToken      weir.Class = "credential.access_token"
)

// special is a shape that takes more than an alphabet and a length.
type special uint8

const (
	asJWT special = iota
	asPEM
	asHash
	asTelegram
	asTerraform
	asMailchimp
	asSlackHook
	asDiscordHook
	asBearer
	asBasic
	asBot
	asPair
	asESN
	asNamed
)

// specials are the beginnings of those shapes.
var specials = func() (all []struct {
	prefix string
	as     special
}) {
	for as, prefixes := range [...][]string{
		asJWT:         {"eyJ"},
		asPEM:         {"-----BEGIN "},
		asHash:        {"$2a$", "$2b$", "$2y$", "$argon2", "$1$", "$5$", "$6$", "$y$", "$7$", "$apr1$", "$P$", "$pbkdf2", "$scrypt$", "pbkdf2_sha", "pbkdf2:sha", "{SSHA"},
		asTelegram:    {":AA"},
		asTerraform:   {".atlasv1."},
		asMailchimp:   {"-us"},
		asSlackHook:   {"hooks.slack.com/"},
		asDiscordHook: {"discord.com/api/webhooks/", "discordapp.com/api/webhooks/"},
		asBearer:      {"Bearer ", "bearer ", "BEARER "},
		asBasic:       {"Basic ", "basic ", "BASIC "},
		asBot:         {"Bot "},
		asPair: {"rd=", "wd=", "ey=", "en=", "et=", "id=", "ss=", "se=", "de=", "st=", "sh=", "on=", "ie=", "er=", "in=", "te=", "ge=", "sn=", "rt=", "RD=", "WD=", "EY=", "EN=", "ET=", "ID=", "SS=", "IN=",
			"rd: ", "wd: ", "ey: ", "en: ", "et: ", "id: ", "ss: ", "se: ", "de: ", "st: ", "sh: ", "on: ", "ie: ", "er: ", "in: ", "te: ", "ge: ", "sn: ", "rt: ", "RD: ", "WD: ", "EY: ", "EN: ", "ET: ", "ID: ", "SS: ", "IN: "},
		asNamed: {"IBAN", "iban", "BIC ", "BIC:", "SWIFT"},
		asESN:   {"NFANDROID", "NFCDCH-", "NFAPPL-", "NFPS4-", "NFPS5-", "NFXBOX-"},
	} {
		for _, p := range prefixes {
			all = append(all, struct {
				prefix string
				as     special
			}{p, special(as)})
		}
	}
	return all
}()

// specialsAt has, for each first byte, which of the specials begin with it.
var specialsAt = func() (t [256][]uint8) {
	for i, s := range specials {
		t[s.prefix[0]] = append(t[s.prefix[0]], uint8(i))
	}
	return t
}()

// secret looks for a credential that begins at t[p] or shows there, within t[lo:hi],
// and gives where to go on; 0 where there is none.
func (w *walk) secret(t []byte, lo, hi, p int) int {
	if byInitial[t[p]].hi > 0 {
		if end := w.family(t, lo, hi, p); end > 0 {
			return end
		}
	}
	for _, i := range specialsAt[t[p]] {
		s := specials[i]
		if hi-p < len(s.prefix) || string(t[p:p+len(s.prefix)]) != s.prefix {
			continue
		}
		if end := w.special(s.as, t, lo, hi, p, p+len(s.prefix)); end > 0 {
			return end
		}
	}
	return 0
}

// special looks for one shape whose prefix is t[p:i].
func (w *walk) special(as special, t []byte, lo, hi, p, i int) int {
	switch as {
	case asNamed:
		return w.named(t, lo, hi, p)
	case asJWT:
		return w.jwt(t, lo, hi, p)
	case asPEM:
		return w.pem(t, hi, p, i)
	case asHash:
		return w.passwordHash(t, lo, hi, p, i)
	case asTelegram:
		// The bot's number, a colon, 35 characters.
		a := p
		for a > max(lo, p-12) && digit(t[a-1]) {
			a--
		}
		b := kURL.while(t, p+1, hi, 36)
		if p-a >= 8 && p-a <= 10 && b-p-1 == 35 && !(a > lo && wordByte(t[a-1])) && random(t[p+1:b]) && !placeholder(t[p+1:b]) {
			if a < w.last {
				a = p + 1 // the number has been taken for another
			}
			return w.secretAt(TelegramToken, a, b, weir.SureMatch)
		}
	case asTerraform:
		a := p
		for a > max(lo, w.last, p-15) && alnum(t[a-1]) {
			a--
		}
		b := kURL.while(t, i, hi, 71)
		if p-a == 14 && b-i >= 60 && b-i <= 70 && random(t[i:b]) && !placeholder(t[i:b]) {
			return w.secretAt(TerraformToken, a, b, weir.SureMatch)
		}
	case asMailchimp:
		// 32 hexadecimal digits, and which data centre.
		a := p
		for a > max(lo, w.last, p-33) && kindsOf[t[a-1]]&kHexLow != 0 {
			a--
		}
		b := kDigit.while(t, i, hi, 3)
		if p-a == 32 && b > i && b-i <= 2 && !(b < hi && wordByte(t[b])) && !(a > lo && wordByte(t[a-1])) && random(t[a:p]) && !placeholder(t[a:p]) {
			return w.secretAt(MailchimpKey, a, b, weir.SureMatch)
		}
	case asSlackHook:
		return w.hook(SlackWebhook, t, hi, i, 40)
	case asDiscordHook:
		return w.hook(DiscordWebhook, t, hi, i, 60)
	case asBearer:
		return w.bearer(t, lo, hi, p, i)
	case asBasic:
		return w.basic(t, lo, hi, p, i)
	case asBot:
		b := (kURL | kDot).while(t, i, hi, 90)
		if discordToken(t[i:b]) {
			return w.secretAt(DiscordToken, i, b, weir.SureMatch)
		}
	case asPair:
		return w.pair(t, lo, hi, p+1)
	case asESN:
		// An electronic serial number of a player: its kind, and what was drawn.
		b := (kDigit | kUpper | kDash | kUnder | kEqual).while(t, p, hi, 128)
		if b-p >= 20 && !(p > lo && wordByte(t[p-1])) && !(b < hi && wordByte(t[b])) && bytes.IndexByte(t[p:b], '-') > 0 {
			return w.secretAt(PlayerID, p, b, weir.SureMatch)
		}
	}
	return 0
}

// secretAt reports t[a:b] and gives b.
func (w *walk) secretAt(class weir.Class, a, b int, c weir.Confidence) int {
	w.emit(class, a, b, c, false, detector(class))
	return b
}

// jwt looks for a JSON Web Token (RFC 7519; RFC 7515 section 3.1 and RFC 7516
// section 3.1 for its parts): the header, decoded, names its algorithm.
func (w *walk) jwt(t []byte, lo, hi, p int) int {
	const longest = 16 << 10
	if p > lo && (kindsOf[t[p-1]]&(kURL|kDot) != 0 || t[p-1] == '*') {
		return 0 // not the beginning of it
	}
	b := (kURL | kDot).while(t, p, hi, longest)
	v := t[p:b]
	for len(v) > 0 && v[len(v)-1] == '.' && bytes.Count(v, []byte(".")) > 2 {
		v = v[:len(v)-1]
	}
	dots := bytes.Count(v, []byte("."))
	if dots != 2 && dots != 4 {
		return 0
	}
	head := v[:bytes.IndexByte(v, '.')]
	body := v[len(head)+1:]
	var decoded [1024]byte
	if len(head) < 16 || len(head) > len(decoded) || len(body) < 8 {
		return 0
	}
	n, err := base64.RawURLEncoding.Decode(decoded[:], head)
	if err != nil || !bytes.Contains(decoded[:n], []byte(`"alg"`)) || decoded[n-1] != '}' {
		return 0
	}
	return w.secretAt(JWT, p, p+len(v), weir.SureMatch)
}

// pem looks for a private key in textual encoding (RFC 7468 sections 10 and 11; RFC
// 9580 section 6.2; OpenSSH's PROTOCOL.key), whose label begins at t[i]. A key that
// is cut off is one as far as it goes, and its first line alone likely is.
func (w *walk) pem(t []byte, hi, p, i int) int {
	const longest = 64 << 10
	hi = min(hi, p+longest)
	k := i
	for k < min(hi, i+40) && (t[k]-'A' < 26 || t[k] == ' ' || digit(t[k])) {
		k++
	}
	if !bytes.HasPrefix(t[k:hi], []byte("-----")) || !bytes.Contains(t[i:k], []byte("PRIVATE KEY")) {
		return 0
	}
	a := k + 5
	end := bytes.Index(t[a:hi], []byte("-----"))
	whole := end >= 0 && bytes.HasPrefix(t[a+end+5:hi], []byte("END "))
	if end < 0 {
		end = hi - a
	}
	// What is in it: base64, of which a few bytes decide.
	var some [64]byte
	n := 0
	for _, c := range t[a : a+end] {
		if kindsOf[c]&kBase64 != 0 && n < len(some) {
			some[n] = c
			n++
		}
	}
	b := a + end
	switch {
	case n == len(some) && random(some[:]) && !placeholder(some[:]):
		if whole {
			b += 5 + len("END ")
			for b < hi && (t[b]-'A' < 26 || t[b] == ' ' || digit(t[b])) {
				b++
			}
			for b < hi && t[b] == '-' {
				b++
			}
		} else {
			for b > a && t[b-1] <= ' ' {
				b--
			}
		}
		return w.secretAt(PrivateKey, p, b, weir.SureMatch)
	case n == 0 && !whole && len(bytes.TrimSpace(t[a:b])) == 0:
		return w.secretAt(PrivateKey, p, a, weir.LikelyMatch)
	}
	return 0
}

// databases are the schemes of URLs by which programs connect to what stores and
// carries data.
var databases = map[string]bool{
	"postgres": true, "postgresql": true, "mysql": true, "mariadb": true, "mongodb": true, "mongodb+srv": true, "redis": true, "rediss": true,
	"amqp": true, "amqps": true, "mssql": true, "sqlserver": true, "oracle": true, "cockroachdb": true, "clickhouse": true, "cassandra": true, "nats": true,
	"ldap": true, "ldaps": true, "smtp": true, "smtps": true, "imap": true, "imaps": true, "neo4j": true, "couchdb": true, "elasticsearch": true,
	"kafka": true, "mqtt": true, "mqtts": true, "memcached": true, "influxdb": true, "snowflake": true, "mysql2": true, "postgis": true, "valkey": true,
}

// url looks at the URL whose "://" is t[p:i]: for a password before its host (RFC
// 3986 section 3.2.1), and for a manifest or licence signed for one player.
func (w *walk) url(t []byte, lo, hi, p, i int) int {
	const longest = 4 << 10
	a := p
	for a > max(lo, w.last, p-20) && (alnum(t[a-1]) || t[a-1] == '+') {
		a--
	}
	host := i
	for end := min(hi, i+512); host < end && !urlEnd[t[host]] && t[host] != '/' && t[host] != '?' && t[host] != '#'; {
		host++
	}
	if at := bytes.LastIndexByte(t[i:host], '@'); at > 0 {
		user, pass := i, i+at
		if k := bytes.IndexByte(t[i:i+at], ':'); k >= 0 {
			user = i + k + 1
		}
		if end := w.urlPassword(t, a, p, user, pass, host, user > i); end > 0 {
			return end
		}
	}
	// Up to the next URL, so that URLs in a row are read once.
	b := host
	query := 0
	for end := min(hi, i+longest); b < end && !urlEnd[t[b]] && !(t[b] == ':' && b+2 < end && t[b+1] == '/' && t[b+2] == '/'); b++ {
		if t[b] == '?' && query == 0 {
			query = b
		}
	}
	for b > host && (t[b-1] == '.' || t[b-1] == ',' || t[b-1] == ';') {
		b--
	}
	if c, ok := signed(t[host:b], query-host); ok && a < p {
		return w.secretAt(PlaybackLicence, a, b, c)
	}
	return 0
}

// urlEnd are the bytes that end a URL in text.
var urlEnd = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '\\' || c == '`' || c == '|'
	}
	return t
}()

// urlPassword reports the password t[user:pass] of a URL with the scheme t[a:p], or,
// where there is none, a user that is a key.
func (w *walk) urlPassword(t []byte, a, p, user, pass, host int, named bool) int {
	v := t[user:pass]
	var buf [20]byte
	scheme := string(lower(buf[:0], t[a:p]))
	web := scheme == "http" || scheme == "https"
	switch {
	case web && bytes.Contains(t[pass:host], []byte("sentry")) && len(v) == 32 && kHexLow.while(t, user, pass, 32) == pass && random(v):
		return w.secretAt(SentryDSN, user, pass, weir.SureMatch)
	case len(v) == 0 || placeholder(v) || v[0] == ':' || blank(v):
		return 0
	case !named:
		if w.specific(t, user, pass) || len(v) < 20 || !random(v) || !web {
			return 0
		}
		return w.secretAt(URLPassword, user, pass, weir.LikelyMatch)
	case w.specific(t, user, pass):
		return 0
	}
	class := URLPassword
	if databases[scheme] {
		class = ConnectionString
	}
	c := weir.SureMatch
	switch {
	case label(v), len(v) < 4:
		c = weir.Unsure // user:password@, as manuals have it
	case len(v) < 8 && !mixedValue(v), wordsOnly(v) && len(v) < 12:
		c = weir.LikelyMatch
	}
	return w.secretAt(class, user, pass, c)
}

func lower(dst, v []byte) []byte {
	for _, c := range v {
		if c-'A' < 26 {
			c += 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// specific reports whether t[a:b] begins with a shape of its own, that says more
// than what stands beside it.
func (w *walk) specific(t []byte, a, b int) bool {
	if b-a >= 3 && string(t[a:a+3]) == "eyJ" || b-a > 11 && string(t[a:a+11]) == "-----BEGIN " {
		return true
	}
	if b == a {
		return false
	}
	if t[a] == '$' || t[a] == '{' || t[a] == 'p' {
		for _, i := range specialsAt[t[a]] {
			if s := specials[i]; s.as == asHash && bytes.HasPrefix(t[a:b], []byte(s.prefix)) {
				return true
			}
		}
	}
	first := byInitial[t[a]]
	for i := int(first.lo); i < int(first.hi); i++ {
		f := &families[i]
		if f.match(t, a, b, a) > 0 {
			return true
		}
	}
	return false
}

// passwordHash looks for a password's hash in crypt(3)'s format (crypt(5); Provos
// and Mazières, A Future-Adaptable Password Scheme; RFC 9106; the PHC string
// format), Django's and Werkzeug's, or LDAP's (RFC 2307 section 5.3).
func (w *walk) passwordHash(t []byte, lo, hi, p, i int) int {
	if p > lo && (wordByte(t[p-1]) || t[p-1] == '$' || t[p-1] == '*') {
		return 0
	}
	b := i
	for end := min(hi, i+512); b < end && (kindsOf[t[b]]&(kAlnum|kDot|kPlus|kEqual|kDash|kUnder) != 0 || t[b] == '$' || t[b] == ',' || t[b] == ':' && t[p] == 'p' || t[b] == '}'); {
		b++
	}
	if n := b - 1 - bytes.LastIndexByte(t[p:b], '$') - p; t[p] != '$' || cryptLengths&(uint64(1)<<min(63, max(0, n))) == 0 {
		for b > i && (t[b-1] == '.' || t[b-1] == ',' || t[b-1] == ':') {
			b--
		}
	}
	v := t[p:b]
	last := bytes.LastIndexAny(v, "$}:") + 1
	sum := v[last:]
	if t[p] == '$' && t[p+1] == '2' {
		// $2b$, the cost, $, 22 of salt and 31 of hash: what follows is not of it.
		if len(v) < 60 || v[6] != '$' || !digit(v[4]) || !digit(v[5]) || !random(v[7:60]) {
			return 0
		}
		return w.secretAt(PasswordHash, p, p+60, weir.SureMatch)
	}
	if len(sum) < 20 || !random(sum) || placeholder(sum) || t[p] == '$' && bytes.Count(v, []byte("$")) < 3 && t[p+1] != 'P' {
		return 0
	}
	return w.secretAt(PasswordHash, p, b, weir.SureMatch)
}

// cryptLengths are how long the last parts of hashes in crypt's base 64 are, whose
// last character may be a dot: MD5, SHA-256 and SHA-512 (63 stands for 63 and more).
const cryptLengths uint64 = 1<<22 | 1<<43 | 1<<63

// hook looks for the path of a webhook's URL that begins at t[i]: who knows it may
// post.
func (w *walk) hook(class weir.Class, t []byte, hi, i, least int) int {
	b := (kURL | kPlus).while(t, i, hi, 200)
	k := bytes.LastIndexByte(t[i:b], '/')
	if b-i < least || k < 0 || !random(t[i+k+1:b]) || placeholder(t[i+k+1:b]) {
		return 0
	}
	return w.secretAt(class, i, b, weir.SureMatch)
}

// bearer looks for the token of an Authorization field (RFC 6750 section 2.1) at
// t[i].
func (w *walk) bearer(t []byte, lo, hi, p, i int) int {
	if p > lo && wordByte(t[p-1]) {
		return 0
	}
	b := (kToken | kOther).while(t, i, hi, 4096)
	for b > i && t[b-1] == '.' {
		b--
	}
	if v := t[i:b]; len(v) < 16 || w.specific(t, i, b) || placeholder(v) || !random(v) || !hasDigit(v) {
		return 0
	}
	return w.secretAt(BearerToken, i, b, weir.SureMatch)
}

func hasDigit(v []byte) bool {
	for _, c := range v {
		if digit(c) {
			return true
		}
	}
	return false
}

// basic looks for the user and password of an Authorization field (RFC 7617 section
// 2) at t[i].
func (w *walk) basic(t []byte, lo, hi, p, i int) int {
	if p > lo && wordByte(t[p-1]) {
		return 0
	}
	b := kBase64.while(t, i, hi, 513)
	v := t[i:b]
	for len(v) > 0 && v[len(v)-1] == '=' {
		v = v[:len(v)-1]
	}
	var decoded [512]byte
	if len(v) < 6 || b-i > 512 {
		return 0
	}
	n, err := base64.RawStdEncoding.Decode(decoded[:], v)
	colon := bytes.IndexByte(decoded[:n], ':')
	if err != nil || colon < 0 || colon == n-1 {
		return 0
	}
	for _, c := range decoded[:n] {
		if c < ' ' || c >= 0x7f {
			return 0
		}
	}
	return w.secretAt(BasicAuth, i, b, weir.SureMatch)
}

// discordToken reports whether v is a bot's token: the bot's number in base64, the
// time, a code.
func discordToken(v []byte) bool {
	k := bytes.IndexByte(v, '.')
	if k < 23 || k > 28 || len(v) < k+7+28 || v[k+7] != '.' || bytes.IndexByte(v[k+8:], '.') >= 0 {
		return false
	}
	var id [32]byte
	n, err := base64.RawURLEncoding.Decode(id[:], v[:k])
	if err != nil {
		return false
	}
	for _, c := range id[:n] {
		if !digit(c) {
			return false
		}
	}
	return true
}

// pair looks at a name and its value in a log, a query, a form, a cookie or a
// settings file: t[p] is the name's last letter.
func (w *walk) pair(t []byte, lo, hi, p int) int {
	const longest = 4096
	a := p
	for floor := max(lo, w.last, p-maxKey); a > floor && (wordByte(t[a-1]) || t[a-1] == '-' || t[a-1] == '.'); {
		a--
	}
	if p+1-a < 3 || !endings.may(t[p-2:p+1]) {
		return 0
	}
	m := w.keys.of(t, a, p+1, look)
	if m < firstKnown {
		return 0
	}
	i := p + 2
	spoken := t[p+1] == ':'
	if k := t[a : p+1]; string(k) == "PWD" || string(k) == "OLDPWD" {
		return 0 // where a shell is
	}
	for i < hi && i < p+4 && t[i] == ' ' {
		i++
	}
	if i == hi || t[i] == '=' {
		return 0
	}
	b := i
	if q := t[i]; q == '"' || q == '\'' {
		i++
		for b = i; b < min(hi, i+longest) && t[b] != q && t[b] != '\n'; {
			b++
		}
	} else {
		// Up to the next pair, so that pairs in a row are read once.
		for end := min(hi, i+longest); b < end && !pairEnd[t[b]] && !(t[b] == '=' && b+1 < end && wordByte(t[b+1])); {
			b++
		}
		if spoken && b < hi && t[b] == ' ' && m >= firstStory {
			return 0 // prose
		}
	}
	v := t[i:b]
	if blank(v) || w.specific(t, i, b) {
		return 0
	}
	quoted := i > 0 && b < hi && (t[i-1] == '"' || t[i-1] == '\'') && t[b] == t[i-1]
	if m < firstStory && !quoted && expression(v) {
		return 0
	}
	class, c := judge(m, v, true)
	if class == "" {
		return 0
	}
	if spoken {
		if !mixedValue(v) {
			return 0
		}
		c = min(c, weir.LikelyMatch)
	}
	w.emit(class, i, b, c, false, "pair")
	return b
}

// expression reports whether v is code: it has a call or an index in it, or is made of
// names joined by dots.
func expression(v []byte) bool {
	if bytes.ContainsAny(v, "()[]{}") {
		return true
	}
	dots, start := 0, true // start: a name begins here
	for _, c := range v {
		switch {
		case c == '.' && !start:
			dots++
			start = true
		case alpha(c) || c == '_' || digit(c) && !start:
			start = false
		default:
			return false
		}
	}
	return dots > 0 && !start && len(v) < 64
}

// mixedValue reports whether v has letters and something else, as prose has not.
func mixedValue(v []byte) bool {
	letters, others := false, false
	for _, c := range v {
		if alpha(c) {
			letters = true
		} else if c != ' ' && c != '-' && c != '.' {
			others = true
		}
	}
	return letters && others || !letters
}

// pairEnd are the bytes that end a value.
var pairEnd = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' ' || c == '&' || c == ';' || c == ',' || c == '"' || c == '\'' || c == '<' || c == '>' || c == ')' || c == ']' || c == '}' || c == '|' || c == '\\' || c == '`'
	}
	return t
}()

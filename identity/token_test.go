package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/go-jose/go-jose/v4"
)

func TestTokensOfEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []string{"EdDSA", "ES256", "RS256", "PS256"} {
		t.Run(algorithm, func(t *testing.T) {
			i := newIssuer(t, issuerName, algorithm)
			d := openDoor(t, Config{Tokens: []TokenIssuer{tokensBy(t, i)}})
			p := d.admitted(nil, bearer(sign(t, i, d.claims(nil))))
			want := weir.Principal{
				Kind: weir.Staff, Name: "agent-7", Role: "support", Issuer: issuerName,
				Network: "other:127.0.0.0/24", Credential: p.Credential, Expires: p.Expires,
			}
			if fmt.Sprint(p) != fmt.Sprint(want) {
				t.Errorf("got %+v", p)
			}
			if !strings.HasPrefix(p.Credential, "jwt:") || len(p.Credential) != 20 {
				t.Errorf("credential %q", p.Credential)
			}
			if got := p.Expires.Sub(d.clock.now()); got < 4*time.Minute || got > 5*time.Minute {
				t.Errorf("expires in %v", got)
			}
		})
	}
}

// Claims that make a token somebody's, or nobody's.
func TestClaims(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	c := tokensBy(t, i)
	c.Roles = []string{"admin", "support", "subscriber"}
	d := openDoor(t, Config{Tokens: []TokenIssuer{c}})
	act := func(names ...string) any {
		var chain any
		for _, n := range slices.Backward(names) {
			link := map[string]any{"sub": n}
			if chain != nil {
				link["act"] = chain
			}
			chain = link
		}
		return chain
	}
	tests := []struct {
		name   string
		claims map[string]any
		denied string // "": let in
		check  func(weir.Principal) bool
	}{
		{"a customer is known by its own record", map[string]any{"kind": "customer", "role": "subscriber", "customer_id": secretCustomer}, "",
			func(p weir.Principal) bool {
				return p.Kind == weir.Customer && p.Name == "" && p.Own.Equal(weir.Identifier{Kind: "customer", Value: weir.NewPlain(secretCustomer)})
			}},
		{"a customer's number keeps its digits", map[string]any{"kind": "customer", "role": "subscriber", "customer_id": uint64(12345678901234567)}, "",
			func(p weir.Principal) bool { return p.Own.Value.Reveal() == "12345678901234567" }},
		{"a customer without identifier", map[string]any{"kind": "customer", "role": "subscriber"}, "names no customer", nil},
		{"a customer's number with a fraction", map[string]any{"kind": "customer", "customer_id": 1.5}, "names no customer", nil},
		{"an e-mail address is not a name", map[string]any{"sub": secretSubject}, "",
			func(p weir.Principal) bool { return strings.HasPrefix(p.Name, "p-") && len(p.Name) == 18 }},
		{"a telephone number is not a name", map[string]any{"sub": "+15555550100"}, "",
			func(p weir.Principal) bool { return strings.HasPrefix(p.Name, "p-") }},
		{"nobody's pseudonym can be taken", map[string]any{"sub": "p-0123456789abcdef"}, "",
			func(p weir.Principal) bool { return p.Name != "p-0123456789abcdef" }},
		{"no subject", map[string]any{"sub": nil}, "names nobody", nil},
		{"an empty subject", map[string]any{"sub": ""}, "names nobody", nil},
		{"a subject that is an object", map[string]any{"sub": map[string]any{"a": 1}}, "names nobody", nil},
		{"a long subject", map[string]any{"sub": strings.Repeat("x", 257)}, "names nobody", nil},
		{"no kind", map[string]any{"kind": nil}, "names no kind", nil},
		{"anonymous by token", map[string]any{"kind": "anonymous"}, "names no kind", nil},
		{"an unknown kind", map[string]any{"kind": "root"}, "unknown kind", nil},
		{"a kind that is a number", map[string]any{"kind": 2}, "cannot be read", nil},
		{"the best of several roles", map[string]any{"role": []string{"support", "other", "admin"}}, "",
			func(p weir.Principal) bool { return p.Role == "admin" }},
		{"a role that is not this issuer's", map[string]any{"role": "root"}, "no role that is accepted", nil},
		{"no role", map[string]any{"role": nil}, "names no role", nil},
		{"an empty list of roles", map[string]any{"role": []string{}}, "names no role", nil},
		{"a role that is a number", map[string]any{"role": []any{1}}, "cannot be read", nil},
		{"a role that is null", map[string]any{"role": []any{nil}}, "cannot be read", nil},

		{"acting through", map[string]any{"act": act("desk-1")}, "",
			func(p weir.Principal) bool { return p.Name == "agent-7" && slices.Equal(p.Act, []string{"desk-1"}) }},
		{"acting through others, the outermost first", map[string]any{"act": act("now", "before", "first")}, "",
			func(p weir.Principal) bool { return slices.Equal(p.Act, []string{"now", "before", "first"}) }},
		{"staff signed in as a customer", map[string]any{"kind": "customer", "role": "subscriber", "customer_id": secretCustomer, "act": act(secretSubject)}, "",
			func(p weir.Principal) bool {
				return p.Kind == weir.Customer && len(p.Act) == 1 && strings.HasPrefix(p.Act[0], "p-")
			}},
		{"an actor of another issuer is somebody else", map[string]any{"act": map[string]any{"sub": "agent-7", "iss": "https://other.example.net"}}, "",
			func(p weir.Principal) bool { return p.Act[0] == "https://other.example.net|agent-7" }},
		{"eight actors", map[string]any{"act": act("1", "2", "3", "4", "5", "6", "7", "8")}, "",
			func(p weir.Principal) bool { return len(p.Act) == 8 }},
		{"ten actors", map[string]any{"act": act("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")}, "Too many act", nil},
		{"an actor without a name", map[string]any{"act": map[string]any{"client_id": "x"}}, "chain of actors", nil},
		{"an actor that is a string", map[string]any{"act": "desk-1"}, "chain of actors", nil},

		{"a second factor", map[string]any{"amr": []string{"pwd", "otp"}, "auth_time": 1000}, "",
			func(p weir.Principal) bool { return p.SecondFactor.Equal(time.Unix(1000, 0)) }},
		{"mfa in one word", map[string]any{"amr": []string{"mfa"}, "auth_time": 1000}, "",
			func(p weir.Principal) bool { return p.SecondFactor.Equal(time.Unix(1000, 0)) }},
		{"two of one sort are one factor", map[string]any{"amr": []string{"pwd", "pin", "kba"}, "auth_time": 1000}, "",
			func(p weir.Principal) bool { return p.SecondFactor.IsZero() }},
		{"a method that is no factor", map[string]any{"amr": []string{"otp", "geo", "user"}, "auth_time": 1000}, "",
			func(p weir.Principal) bool { return p.SecondFactor.IsZero() }},
		{"a second factor, and not when", map[string]any{"amr": []string{"mfa"}}, "",
			func(p weir.Principal) bool { return p.SecondFactor.IsZero() }},
		{"a level that the issuer has not told", map[string]any{"acr": "gold", "auth_time": 1000}, "",
			func(p weir.Principal) bool { return p.SecondFactor.IsZero() && p.Levels == nil }},
		{"a second factor tomorrow", map[string]any{"amr": []string{"mfa"}, "auth_time": time.Now().Add(24 * time.Hour).Unix()}, "time of sign-in", nil},

		{"another audience", map[string]any{"aud": "https://shop.example.com"}, "another audience", nil},
		{"one of several audiences", map[string]any{"aud": []string{"https://shop.example.com", audience}}, "", nil},
		{"no audience", map[string]any{"aud": nil}, "another audience", nil},
		{"an audience that is an object", map[string]any{"aud": map[string]any{audience: true}}, "another audience", nil},
		{"another issuer", map[string]any{"iss": "https://evil.example.net"}, "issuer is not known", nil},
		{"no issuer", map[string]any{"iss": ""}, "issuer is not known", nil},
		{"expired", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, "has expired", nil},
		{"expired within the leeway", map[string]any{"exp": time.Now().Add(-10 * time.Second).Unix()}, "", nil},
		{"no expiry", map[string]any{"exp": nil}, "when it ends", nil},
		{"an expiry that is a string", map[string]any{"exp": "tomorrow"}, "when it ends", nil},
		{"an expiry beyond reason", map[string]any{"exp": 1e300}, "when it ends", nil},
		{"an expiry that is not a number", map[string]any{"exp": []int{1}}, "when it ends", nil},
		{"not before", map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}, "not valid yet", nil},
		{"not before, within the leeway", map[string]any{"nbf": time.Now().Add(10 * time.Second).Unix()}, "", nil},
		{"issued tomorrow", map[string]any{"iat": time.Now().Add(24 * time.Hour).Unix(), "exp": time.Now().Add(48 * time.Hour).Unix()}, "not valid yet", nil},
		{"bound to a key", map[string]any{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, "cannot be checked", nil},
		{"bound to a certificate that is not there", map[string]any{"cnf": map[string]any{"x5t#S256": "abc"}}, "not shown", nil},
		{"bound to nothing readable", map[string]any{"cnf": "x"}, "cannot be checked", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			token := sign(t, i, d.claims(tt.claims))
			for range 2 { // the second time from memory
				p, denial := d.ask(nil, bearer(token))
				switch {
				case tt.denied == "" && denial != nil:
					t.Fatalf("denied: %v", denial)
				case tt.denied != "" && denial == nil:
					t.Fatal("let in")
				case tt.denied != "" && !strings.Contains(denial.Message, tt.denied):
					t.Fatalf("denied with %q", denial.Message)
				case tt.check != nil && !tt.check(p):
					t.Fatalf("got %+v", p)
				}
			}
		})
	}
}

func TestClaimsByPointer(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	c := tokensBy(t, i)
	c.Claims = Claims{Name: "https://example.com/name", Role: "/realm_access/roles", Kind: "/a~1b/c~0d"}
	d := openDoor(t, Config{Tokens: []TokenIssuer{c}})
	p := d.admitted(nil, bearer(sign(t, i, d.claims(map[string]any{
		"https://example.com/name": "robot-1",
		"realm_access":             map[string]any{"roles": []string{"recommender"}},
		"a/b":                      map[string]any{"c~d": "service"},
		"role":                     "admin",
	}))))
	if p.Name != "robot-1" || p.Role != "recommender" || p.Kind != weir.Service {
		t.Errorf("got %+v", p)
	}
}

func TestATokenEndsWhileItIsRemembered(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	d := openDoor(t, Config{Tokens: []TokenIssuer{tokensBy(t, i)}})
	token := sign(t, i, d.claims(map[string]any{"exp": d.clock.unix(20 * time.Second)}))
	d.admitted(nil, bearer(token))
	d.clock.forward(40 * time.Second)
	d.admitted(nil, bearer(token))
	d.clock.forward(11 * time.Second)
	d.refused("has expired", nil, bearer(token))
}

func TestMaxLifetime(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	c := tokensBy(t, i)
	c.MaxLifetime = 10 * time.Minute
	d := openDoor(t, Config{Tokens: []TokenIssuer{c}})
	d.admitted(nil, bearer(sign(t, i, d.claims(nil))))
	d.refused("for too long", nil, bearer(sign(t, i, d.claims(map[string]any{"exp": d.clock.unix(time.Hour)}))))
	d.refused("for too long", nil, bearer(sign(t, i, d.claims(map[string]any{"iat": nil}))))
}

// What is a credential of its own, and what is the same one again.
func TestCredentialsOfTokens(t *testing.T) {
	i := newIssuer(t, issuerName, "ES256")
	d := openDoor(t, Config{Tokens: []TokenIssuer{tokensBy(t, i)}})
	credential := func(more map[string]any) string {
		return d.admitted(nil, bearer(sign(t, i, d.claims(more)))).Credential
	}
	if credential(map[string]any{"sid": "s1", "jti": "a"}) != credential(map[string]any{"sid": "s1", "jti": "b"}) {
		t.Error("a token renewed within a session is a new credential")
	}
	if credential(map[string]any{"jti": "a"}) == credential(map[string]any{"jti": "b"}) {
		t.Error("two tokens are one credential")
	}
	if credential(map[string]any{"sid": "a"}) == credential(map[string]any{"jti": "a"}) {
		t.Error("a session and a token are one credential")
	}

	// ECDSA: (r, n-s) is a signature whenever (r, s) is one.
	token := sign(t, i, d.claims(nil))
	at := strings.LastIndexByte(token, '.') + 1
	sig, err := base64.RawURLEncoding.DecodeString(token[at:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(sig[32:])
	twin := token[:at] + base64.RawURLEncoding.EncodeToString(sig)
	if d.admitted(nil, bearer(token)).Credential != d.admitted(nil, bearer(twin)).Credential {
		t.Error("turning the signature makes a new credential")
	}
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Forged tokens, each as a known attack has it.
func TestForgedTokens(t *testing.T) {
	i := newIssuer(t, issuerName, "RS256")
	d := openDoor(t, Config{Tokens: []TokenIssuer{tokensBy(t, i)}})
	set, err := i.KeySet()
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(set, &keys); err != nil {
		t.Fatal(err)
	}
	public := keys.Keys[0]
	der, err := x509.MarshalPKIXPublicKey(public.Key)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mine, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := d.claims(map[string]any{"iss": issuerName})

	hs256 := func(key []byte) string {
		input := encode(map[string]any{"alg": "HS256", "kid": public.KeyID}) + "." + encode(claims)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	rs256 := func(head map[string]any) string {
		input := encode(head) + "." + encode(claims)
		sum := sha256.Sum256([]byte(input))
		sig, err := rsa.SignPKCS1v15(rand.Reader, mine, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	good := sign(t, i, claims)
	parts := strings.Split(good, ".")
	myKey := jose.JSONWebKey{Key: &mine.PublicKey, KeyID: "mine", Algorithm: "RS256"}

	// The issuer's own signer, with headers that must not be there.
	tests := map[string]string{
		"no signature":                encode(map[string]any{"alg": "none", "kid": public.KeyID}) + "." + encode(claims) + ".",
		"no signature, other letters": encode(map[string]any{"alg": "nOnE"}) + "." + encode(claims) + ".",
		"HS256 with the public key":   hs256(pemKey),
		"HS256 with the DER key":      hs256(der),
		"HS256 with the modulus":      hs256(public.Key.(*rsa.PublicKey).N.Bytes()),
		"HS256 with an empty key":     hs256(nil),
		"another's key":               rs256(map[string]any{"alg": "RS256", "kid": public.KeyID}),
		"a key that it brings":        rs256(map[string]any{"alg": "RS256", "kid": "mine", "jwk": myKey}),
		"a key by address":            rs256(map[string]any{"alg": "RS256", "kid": "mine", "jku": "https://evil.example.net/jwks"}),
		"a kid that is a path":        rs256(map[string]any{"alg": "RS256", "kid": "../../../../dev/null"}),
		"a kid that is SQL":           rs256(map[string]any{"alg": "RS256", "kid": "x' UNION SELECT 'key"}),
		"a kid that is an object":     rs256(map[string]any{"alg": "RS256", "kid": map[string]any{"a": 1}}),
		"a very long kid":             rs256(map[string]any{"alg": "RS256", "kid": strings.Repeat("k", 5000)}),
		"RS384":                       rs256(map[string]any{"alg": "RS384", "kid": public.KeyID}),
		"PS256 with RS256's key":      rs256(map[string]any{"alg": "PS256", "kid": public.KeyID}),
		"other claims":                parts[0] + "." + encode(d.claims(map[string]any{"iss": issuerName, "role": "admin"})) + "." + parts[2],
		"cut signature":               good[:len(good)-10],
		"no signature part":           parts[0] + "." + parts[1],
		"empty payload":               parts[0] + ".." + parts[2],
		"four parts":                  good + ".x",
		"JSON serialization":          `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"standard base64":             strings.NewReplacer("-", "+", "_", "/").Replace(good) + "==",
		"alg twice":                   base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","alg":"none"}`)) + "." + parts[1] + "." + parts[2],
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			d.t = t
			d.refused("", nil, bearer(token))
		})
	}
	d.t = t
	d.admitted(nil, bearer(good))
}

// Headers that the issuer itself signed, and that are refused all the same.
func TestSignedHeaders(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	d := openDoor(t, Config{Tokens: []TokenIssuer{{
		Issuer: issuerName, Audience: []string{audience}, KeysFile: write(t, "jwks.json", string(set)), Kind: "staff",
	}}})
	for _, tt := range []struct {
		name   string
		more   map[string]any
		denied string // "": let in
	}{
		{"nothing more", nil, ""},
		{"a type", map[string]any{"typ": "JWT"}, ""},
		{"an access token", map[string]any{"typ": "at+jwt"}, ""},
		{"an access token, in full", map[string]any{"typ": "application/AT+JWT"}, ""},
		{"a logout token", map[string]any{"typ": "logout+jwt"}, "another type"},
		{"a security event", map[string]any{"typ": "secevent+jwt"}, "another type"},
		{"a type that is a number", map[string]any{"typ": 1}, "another type"},
		{"a critical extension", map[string]any{"crit": []string{"exp"}, "exp": 1}, "not understood"},
		{"an empty list of critical extensions", map[string]any{"crit": []string{}}, "not understood"},
		{"an unencoded payload", map[string]any{"crit": []string{"b64"}, "b64": true}, "not understood"},
		{"another algorithm", map[string]any{"alg": "ES512"}, "not accepted"},
		{"an algorithm of another key", map[string]any{"alg": "ES256"}, "unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			head := map[string]any{"alg": "EdDSA", "kid": "k"}
			maps.Copy(head, tt.more)
			input := encode(head) + "." + encode(d.claims(map[string]any{"iss": issuerName}))
			token := input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(input)))
			if tt.denied == "" {
				d.admitted(nil, bearer(token))
			} else {
				d.refused(tt.denied, nil, bearer(token))
			}
		})
	}
}

// TestDuplicateClaims: two readers of {"sub":1,"sub":2} may each take another.
func TestDuplicateClaims(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	d := openDoor(t, Config{Tokens: []TokenIssuer{{
		Issuer: issuerName, Audience: []string{audience}, KeysFile: write(t, "jwks.json", string(set)), Kind: "staff",
	}}})
	raw := func(payload string) string {
		input := encode(map[string]any{"alg": "EdDSA", "kid": "k"}) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(input)))
	}
	base := fmt.Sprintf(`"iss":%q,"aud":%q,"role":"support","exp":%d`, issuerName, audience, d.clock.unix(time.Minute))
	d.admitted(nil, bearer(raw(`{"sub":"agent-7",`+base+`}`)))
	d.refused("", nil, bearer(raw(`{"sub":"agent-7","sub":"admin-1",`+base+`}`)))
	d.refused("", nil, bearer(raw(`{"SUB":"agent-7",`+base+`}`)))
	d.refused("", nil, bearer(raw(`{"sub":"agent-7",`+base+`}{}`)))
	d.refused("", nil, bearer(raw(`["sub"]`)))
	d.refused("", nil, bearer(raw(`null`)))
	d.refused("", nil, bearer(raw(`{"sub":"agent-7","act":{"sub":"a","sub":"b"},`+base+`}`)))
	d.refused("", nil, bearer(raw(strings.Repeat(`{"a":`, 1000)+`1`+strings.Repeat(`}`, 1000))))
}

func TestKeysThatAreNotForTokens(t *testing.T) {
	rsa1024, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak := rsa1024.PublicKey
	weak.N = new(big.Int).Rsh(weak.N, 1024)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := func(k jose.JSONWebKey) map[string]any {
		b, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	with := func(m map[string]any, name string, v any) map[string]any { m[name] = v; return m }
	tests := []struct {
		name string
		key  any
		want int // keys; -1: the set is refused
	}{
		{"P-256", jwk(jose.JSONWebKey{Key: &p256.PublicKey, KeyID: "a"}), 1},
		{"to verify", with(jwk(jose.JSONWebKey{Key: &p256.PublicKey}), "key_ops", []string{"verify"}), 1},
		{"to encrypt", jwk(jose.JSONWebKey{Key: &p256.PublicKey, Use: "enc"}), 0},
		{"to wrap keys", with(jwk(jose.JSONWebKey{Key: &p256.PublicKey}), "key_ops", []string{"wrapKey"}), 0},
		{"P-384", jwk(jose.JSONWebKey{Key: &p384.PublicKey}), 0},
		{"short RSA", jwk(jose.JSONWebKey{Key: &weak}), 0},
		{"RS512", jwk(jose.JSONWebKey{Key: &rsa1024.PublicKey, Algorithm: "RS512"}), 0},
		{"unknown type", map[string]any{"kty": "XYZ"}, 0},
		{"point off the curve", with(jwk(jose.JSONWebKey{Key: &p256.PublicKey}), "x", "AAAA"), 0},
		{"a shared key", map[string]any{"kty": "oct", "k": "c2VjcmV0"}, -1},
		{"a private key", jwk(jose.JSONWebKey{Key: p256}), -1},
		{"a string", "key", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := json.Marshal(map[string]any{"keys": []any{tt.key}})
			k, err := parseKeySet(b)
			if tt.want < 0 {
				if err == nil {
					t.Error("accepted")
				}
				return
			}
			if err != nil || len(k.all) != tt.want {
				t.Errorf("%+v, error %v", k, err)
			}
		})
	}
	for _, set := range []string{"", "{}", "[]", "null", `{"keys":{}}`, `{"keys":[],"keys":[]}`, `{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`} {
		if _, err := parseKeySet([]byte(set)); err == nil {
			t.Errorf("%.30s is accepted as a key set", set)
		}
	}
}

func TestWithoutKeyIdentifier(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	jwks := func(keys ...ed25519.PrivateKey) string {
		var set jose.JSONWebKeySet
		for i, k := range keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: fmt.Sprint(i)})
		}
		b, _ := json.Marshal(set)
		return write(t, "jwks.json", string(b))
	}
	for _, tt := range []struct {
		name string
		file string
		ok   bool
	}{{"one key", jwks(key), true}, {"two keys", jwks(key, other), false}} {
		t.Run(tt.name, func(t *testing.T) {
			d := openDoor(t, Config{Tokens: []TokenIssuer{{
				Issuer: issuerName, Audience: []string{audience}, KeysFile: tt.file, Kind: "staff",
			}}})
			input := encode(map[string]any{"alg": "EdDSA"}) + "." + encode(d.claims(map[string]any{"iss": issuerName}))
			token := input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(input)))
			if _, denial := d.ask(nil, bearer(token)); (denial == nil) != tt.ok {
				t.Errorf("denial %v", denial)
			}
		})
	}
}

func TestTokenInACookie(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	other := newIssuer(t, "https://shop.example.com", "EdDSA")
	c, c2 := tokensBy(t, i), tokensBy(t, other)
	c.Cookie = "weir_session"
	d := openDoor(t, Config{Tokens: []TokenIssuer{c, c2}})
	token := sign(t, i, d.claims(nil))
	p := d.admitted(nil, header("Cookie", "theme=dark; weir_session="+token+"; lang=en"))
	if p.Name != "agent-7" {
		t.Errorf("got %+v", p)
	}
	d.admitted(nil, header("Cookie", `weir_session="`+token+`"`))
	d.admitted(nil, header("Cookie", "weir_session="+token), bearer(token))
	foreign := sign(t, other, d.claims(nil))
	d.admitted(nil, bearer(foreign)) // and now remembered
	d.refused("another issuer", nil, header("Cookie", "weir_session="+foreign))
	d.refused("shown twice", nil, header("Cookie", "weir_session="+token+"; weir_session="+token))
	d.refused("empty", nil, header("Cookie", "weir_session="))
	d.refused("not known", nil, header("Cookie", "weir_session=x"))
	d.refused("not known", nil, header("Cookie", "Weir_Session=x"))
	d.refused("cannot be told", nil, header("Cookie", "a=b, weir_session="+token))
	if p := d.admitted(nil, header("Cookie", "theme=weir_session")); p.Kind != weir.Anonymous {
		t.Errorf("got %+v", p)
	}
}

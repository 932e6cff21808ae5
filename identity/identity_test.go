package identity

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
)

func TestNoCredentialIsAnonymous(t *testing.T) {
	d := openDoor(t, Config{})
	want := weir.Principal{Kind: weir.Anonymous, Role: "anonymous", Network: "other:127.0.0.0/24"}
	if p := d.admitted(nil); p.Kind != want.Kind || p.Role != want.Role || p.Network != want.Network || p.Credential != "" || p.Issuer != "" {
		t.Errorf("got %+v", p)
	}
}

// TestAWrongCredentialIsNeverAnonymous: with and without sources that could know
// it, what is shown and does not hold is refused.
func TestAWrongCredentialIsNeverAnonymous(t *testing.T) {
	s := newSessionServer(t)
	i := newIssuer(t, issuerName, "EdDSA")
	_, hash := NewKey()
	tokens := tokensBy(t, i)
	tokens.Cookie = "session"
	stranger, _ := NewKey()
	for name, c := range map[string]Config{
		"no source": {},
		"all sources": {
			Tokens: []TokenIssuer{tokens}, Introspection: []Introspection{s.config()},
			Keys: []Key{{Name: "robot", Hashes: []string{hash}, Role: "recommender"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := openDoor(t, c)
			for _, show := range [][]ask{
				{header("Authorization", "")},
				{header("Authorization", "Bearer")},
				{header("Authorization", "Bearer ")},
				{header("Authorization", "Basic dXNlcjpwYXNz")},
				{header("Authorization", "DPoP abc")},
				{header("Authorization", "bearer abc")},
				{header("Authorization", "Bearer abc def")},
				{header("Authorization", "Bearer "+stranger)},
				{header("Authorization", "Bearer "+strings.Repeat("x", maxToken+1))},
				{header("Authorization", "Bearer eyJ"+strings.Repeat("x", maxToken)+".a.b")},
				{header("Authorization", "Bearer a.b.c")},
				{header("Authorization", "Bearer abc"), header("Authorization", "Bearer abc")},
				{header("X-Api-Key", "")},
				{header("X-Api-Key", stranger)},
				{header("X-Api-Key", strings.Repeat("k", maxToken+1))},
				{header("X_Api_Key", stranger)},
				{header(behalfHeader, "x")},
				{func(r *http.Request) { r.URL.RawQuery = "access_token=abc" }},
				{func(r *http.Request) { r.URL.RawQuery = "a=b;access%5Ftoken=abc" }},
			} {
				d.refused("", nil, show...)
			}
			if len(c.Tokens) > 0 {
				d.refused("", nil, header("Cookie", "session=abc"))
				d.refused("", nil, header("Cookie", "sid=abc\\\"def"))
			}
		})
	}
}

func TestKeys(t *testing.T) {
	key, hash := NewKey()
	next, nextHash := NewKey()
	brief, briefHash := NewKey()
	d := openDoor(t, Config{KeyHeader: "X-Service-Key", Keys: []Key{
		{Name: "recommender", Hashes: []string{hash, nextHash}, Role: "recommender"},
		{Name: "night", Hashes: []string{briefHash}, Role: "support", Kind: "staff", Expires: time.Now().Add(time.Hour)},
	}})
	for _, show := range []ask{header("X-Service-Key", key), header("X-Service-Key", next), bearer(key)} {
		p := d.admitted(nil, show)
		if p.Name != "recommender" || p.Role != "recommender" || p.Kind != weir.Service || p.Credential != "key:recommender" || p.Issuer != "api-keys" {
			t.Errorf("got %+v", p)
		}
	}
	p := d.admitted(nil, header("X-Service-Key", brief))
	if p.Kind != weir.Staff || p.Expires.IsZero() {
		t.Errorf("got %+v", p)
	}
	d.clock.forward(time.Hour)
	d.refused("not known", nil, header("X-Service-Key", brief))
	d.refused("not known", nil, header("X-Service-Key", strings.ToUpper(key)))
	d.refused("not known", nil, header("X-Service-Key", hash))
	if p := d.admitted(nil, header("X-Api-Key", "x")); p.Kind != weir.Anonymous {
		t.Errorf("a field that is none of ours: %+v", p)
	}
}

func TestNewKey(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		key, hash := NewKey()
		if !IsKey(key) || len(key) != 44 || seen[key] || hash != HashKey(key) {
			t.Fatalf("key of %d bytes, IsKey %v", len(key), IsKey(key))
		}
		seen[key] = true
		for i := range key {
			other := "a"
			if key[i] == 'a' {
				other = "b"
			}
			if changed := key[:i] + other + key[i+1:]; IsKey(changed) {
				t.Fatalf("with another character at %d it is still a key", i)
			}
		}
	}
	for _, s := range []string{"", "weir_", "weir_abc", strings.Repeat("a", 44)} {
		if IsKey(s) {
			t.Errorf("%q is a key", s)
		}
	}
}

func TestSeveralCredentials(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	key, hash := NewKey()
	ca := newAuthority(t, "services")
	d := openDoor(t, Config{
		Tokens: []TokenIssuer{tokensBy(t, i)},
		Keys:   []Key{{Name: "robot", Hashes: []string{hash}, Role: "recommender"}},
		Certificates: []CertificateIssuer{{Issuer: "services-ca", CAFile: ca.file, Clients: []CertificateClient{
			{CN: "robot", Name: "robot", Role: "recommender"},
		}}},
	})
	same := bearer(sign(t, i, d.claims(map[string]any{"sub": "robot", "role": "recommender", "kind": "service"})))
	cert := ca.issue("robot")

	if p := d.admitted(cert, header("X-Api-Key", key), same); p.Name != "robot" || p.Issuer != issuerName {
		t.Errorf("got %+v", p)
	}
	if p := d.admitted(cert, header("X-Api-Key", key)); p.Issuer != keyIssuer {
		t.Errorf("got %+v", p)
	}
	for what, more := range map[string]map[string]any{
		"name": {"sub": "robot-2", "role": "recommender", "kind": "service"},
		"role": {"sub": "robot", "role": "support", "kind": "service"},
		"kind": {"sub": "robot", "role": "recommender", "kind": "staff"},
		"act":  {"sub": "robot", "role": "recommender", "kind": "service", "act": map[string]any{"sub": "x"}},
		"own":  {"customer_id": "c-1", "role": "recommender", "kind": "customer"},
	} {
		t.Run("another "+what, func(t *testing.T) {
			d.t = t
			show := bearer(sign(t, i, d.claims(more)))
			d.refused("disagree", cert, show)
			d.refused("disagree", nil, show, header("X-Api-Key", key))
		})
	}
	d.t = t
	// One that holds does not make up for one that does not.
	d.refused("not known", cert, header("X-Api-Key", "weir_nonsense"))
	d.refused("has expired", cert, bearer(sign(t, i, d.claims(map[string]any{"exp": d.clock.unix(-time.Hour)}))))
}

// TestPersonalDataNeverPrints is law 6 here: the helpers check all that is printed
// after each request; this one makes sure that they would notice.
func TestPersonalDataNeverPrints(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	d := openDoor(t, Config{Tokens: []TokenIssuer{tokensBy(t, i)}})
	for _, claims := range []map[string]any{
		{"sub": secretSubject},
		{"sub": secretSubject, "exp": d.clock.unix(-time.Hour)},
		{"sub": secretSubject, "aud": secretSubject},
		{"sub": secretSubject, "role": secretSubject},
		{"sub": secretSubject, "kind": secretSubject},
		{"sub": secretSubject, "act": map[string]any{"sub": secretSubject}},
		{"sub": secretSubject, "jti": secretSubject},
		{"sub": secretSubject, "amr": secretSubject},
		{"iss": secretSubject},
		{"kind": "customer", "customer_id": secretCustomer},
		{"kind": "customer", "customer_id": secretCustomer, "act": secretCustomer},
	} {
		d.ask(nil, bearer(sign(t, i, d.claims(claims))))
	}
	if !strings.Contains(d.logs.String(), "credential refused") {
		t.Error("nothing was logged, so nothing was shown")
	}
}

func TestPseudonyms(t *testing.T) {
	keyed := namer{key: []byte(strings.Repeat("k", 32))}
	bare := namer{}
	for _, n := range []namer{bare, keyed} {
		a := n.name("x", secretSubject)
		if a != n.name("x", secretSubject) || a == n.name("y", secretSubject) || a == n.name("x", secretSubject+" ") {
			t.Errorf("%q is not stable within one issuer", a)
		}
	}
	if bare.name("x", secretSubject) == keyed.name("x", secretSubject) {
		t.Error("the key makes no difference")
	}
	for name, plain := range map[string]bool{
		"agent-7": true, "auth0|507f1f77bcf8": true, "spiffe://example.org/a": true, strings.Repeat("x", 128): true,
		"": false, "a@example.com": false, "Jane Roe": false, "+15555550100": false, "jané": false,
		"p-0123456789abcdef": false, "a\nb": false, strings.Repeat("x", 129): false,
	} {
		if got := bare.name("x", name) == name; got != plain {
			t.Errorf("%q is kept: %v", name, got)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newSessionServer(t)
	keys := newKeyServer(t, "EdDSA")
	key, hash := NewKey()
	c := keys.config(t)
	c.Refresh = time.Second
	d := openDoor(t, Config{
		Tokens: []TokenIssuer{c}, Introspection: []Introspection{s.config()},
		Keys: []Key{{Name: "robot", Hashes: []string{hash}, Role: "recommender"}},
	})
	d.run()
	s.set("opaque-session-token-1", active(nil))
	token := sign(t, keys.issuer, d.claims(nil))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				d.admitted(nil, bearer(token))
				d.admitted(nil, bearer("opaque-session-token-1"))
				d.admitted(nil, header("X-Api-Key", key))
				d.admitted(nil)
				d.refused("not active", nil, bearer("opaque-session-token-2"))
			}
		})
	}
	wg.Wait()
}

package identity

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getweir/weir"
)

// FuzzAuthenticate: whatever the headers are, the request is refused or
// anonymous, and nothing panics. (No fuzzer signs a token.)
func FuzzAuthenticate(f *testing.F) {
	i := newIssuer(f, issuerName, "EdDSA")
	_, hash := NewKey()
	c := tokensBy(f, i)
	c.Cookie = "session"
	a, err := New(Config{
		Tokens: []TokenIssuer{c}, Keys: []Key{{Name: "robot", Hashes: []string{hash}, Role: "recommender"}},
		OnBehalfOf: OnBehalfOf{Issuers: []TokenIssuer{{
			Issuer: issuerName, Audience: []string{behalfAudience}, KeysFile: c.KeysFile, Kind: "staff",
		}}},
		Forwarded: Forwarded{From: []string{"192.0.2.0/24"}, Header: "Forwarded"},
	}, nil)
	if err != nil {
		f.Fatal(err)
	}
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + issuerName + `","sub":"x"}`))
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"k"}`))
	f.Add("Bearer "+head+"."+body+".AAAA", "", "session="+head+"."+body+".AAAA", "", "for=192.0.2.1")
	f.Add("Basic x", "weir_abc", "a=b; c", "x", `for="[2001:db8::1]:1";by=x, for=_y`)
	f.Add("", "", `session="a\";b`, "", `for="\`)
	f.Fuzz(func(t *testing.T, authorization, key, cookie, behalf, forwarded string) {
		r := httptest.NewRequest("GET", "/", nil)
		shown := false
		for name, value := range map[string]string{
			"Authorization": authorization, "X-Api-Key": key, "Cookie": cookie, behalfHeader: behalf, "Forwarded": forwarded,
		} {
			if value == "" {
				continue
			}
			r.Header[name] = []string{value}
			shown = shown || name != "Cookie" && name != "Forwarded"
		}
		p, denial := a.Authenticate(r)
		switch {
		case denial == nil && shown:
			t.Errorf("let in as %+v", p)
		case denial == nil && (p.Kind != weir.Anonymous || p.Role != RoleAnonymous || p.Credential != ""):
			t.Errorf("let in as %+v", p)
		case !isPlain(strings.TrimSuffix(p.Network, "/24")) && !isPlain(strings.TrimSuffix(p.Network, "/48")):
			t.Errorf("network %q", p.Network)
		}
	})
}

// FuzzClaims: a payload that an issuer signed still cannot make a principal whose
// names do not print.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"sub":"agent-7","role":"support"}`, `{"sub":"a@example.com","role":["a","b"],"act":{"sub":"x","act":{"sub":"y","iss":"z"}}}`,
		`{"sub":1,"role":"x","amr":["pwd","otp"],"auth_time":1.5e3}`, `{"r":{"x/y":["a"]},"sub":"p-00"}`, `[]`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s), "/r/x~1y")
	}
	f.Fuzz(func(t *testing.T, payload []byte, role string) {
		c, ok := parseClaims(payload)
		if !ok {
			return
		}
		now := (&clock{}).now()
		rd := reader{issuer: issuerName, kind: weir.Staff, claims: Claims{Name: "sub", Role: role, Customer: "sub"}}
		p, denial := rd.principal(c, now)
		if denial != nil {
			return
		}
		if !isPlain(p.Name) || !isPlain(p.Role) || p.SecondFactor.After(now) || len(p.Act) > maxAct {
			t.Errorf("%+v", p)
		}
		for _, actor := range p.Act {
			for part := range strings.SplitSeq(actor, "|") {
				if part != "" && !isPlain(part) {
					t.Errorf("actor %q", actor)
				}
			}
		}
	})
}

func FuzzKeySet(f *testing.F) {
	set, err := newIssuer(f, issuerName, "ES256").KeySet()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(set)
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"},{"kty":"RSA","n":"","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKeySet(b)
		if err != nil {
			return
		}
		for _, v := range k.all {
			if len(k.find(v.id, "HS256"))+len(k.find(v.id, "none"))+len(k.find(v.id, "")) > 0 {
				t.Error("a key for no accepted algorithm")
			}
		}
	})
}

// FuzzCookies: a cookie that net/http sees is seen here too.
func FuzzCookies(f *testing.F) {
	f.Add("a=b; session=x", "session")
	f.Add(`session="x y"; session`, "session")
	f.Add("session =x, session=y;;=", "session")
	f.Fuzz(func(t *testing.T, field, name string) {
		if fieldName("", name) != nil {
			return
		}
		found, denial := readCookies([]string{field}, []string{name})
		if denial != nil {
			return
		}
		r := http.Request{Header: http.Header{"Cookie": {field}}}
		for _, c := range r.CookiesNamed(name) {
			if found[name] != c.Value {
				t.Errorf("net/http reads %q where we read %q", c.Value, found[name])
			}
		}
	})
}

func FuzzForwarded(f *testing.F) {
	for _, s := range []string{`for="[2001:db8::1]:1";by=x, for=_y`, `for=192.0.2.1`, `for="a\"b,c"`, `"`, `for=;for=`, `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Join(splitList(s), ",") != s {
			t.Error("the parts are not the whole")
		}
		for _, element := range splitList(s) {
			addr := parseHop(forwardedFor(element))
			if addr.Is4In6() || addr.Zone() != "" {
				t.Errorf("%v is written in two ways", addr)
			}
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	i := newIssuer(b, issuerName, "ES256")
	key, hash := NewKey()
	a, err := New(Config{
		Tokens: []TokenIssuer{tokensBy(b, i)}, Keys: []Key{{Name: "robot", Hashes: []string{hash}, Role: "recommender"}},
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	now := (&clock{})
	token := sign(b, i, map[string]any{
		"sub": "agent-7", "aud": audience, "role": "support", "kind": "staff", "exp": now.unix(3600e9),
	})
	request := func(name, value string) *http.Request {
		r := httptest.NewRequest("GET", "/v1/customers", nil)
		if name != "" {
			r.Header.Set(name, value)
		}
		r.Body = io.NopCloser(strings.NewReader(""))
		return r
	}
	for _, bb := range []struct {
		name string
		r    *http.Request
	}{
		{"anonymous", request("", "")},
		{"key", request("X-API-Key", key)},
		{"token/seen", request("Authorization", "Bearer "+token)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, denial := a.Authenticate(bb.r); denial != nil {
					b.Fatal(denial)
				}
			}
		})
	}
	b.Run("token/new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, denial := a.tokens[0].verify(context.Background(), token, now.now()); denial != nil {
				b.Fatal(denial)
			}
		}
	})
}

package identity

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
)

const behalfAudience = "https://weir.example.com/behalf"

func TestOnBehalfOf(t *testing.T) {
	sso := newIssuer(t, "https://sso.example.com", "ES256")
	tokens := newIssuer(t, issuerName, "EdDSA")
	deskKey, deskHash := NewKey()
	robotKey, robotHash := NewKey()
	otherKey, otherHash := NewKey()
	d := openDoor(t, Config{
		Tokens: []TokenIssuer{tokensBy(t, tokens)},
		Keys: []Key{
			{Name: "desk", Hashes: []string{deskHash}, Role: "support", Kind: "staff"},
			{Name: "robot", Hashes: []string{robotHash}, Role: "assistant"},
			{Name: "other", Hashes: []string{otherHash}, Role: "support"},
		},
		OnBehalfOf: OnBehalfOf{
			Issuers: []TokenIssuer{{
				Issuer: sso.Name(), Audience: []string{behalfAudience}, KeysFile: keysFile(t, sso),
				Claims: Claims{Kind: "kind", Customer: "customer_id"},
			}},
			Actors:   []string{"robot", "agent-7"},
			Required: []string{"desk"},
		},
	})
	person := func(more map[string]any) string {
		c := d.claims(map[string]any{"sub": "jane", "aud": behalfAudience, "role": "admin"})
		for k, v := range more {
			c[k] = v
		}
		return sign(t, sso, c)
	}
	desk, robot, other := header("X-Api-Key", deskKey), header("X-Api-Key", robotKey), header("X-Api-Key", otherKey)
	on := func(token string) ask { return header(behalfHeader, token) }

	p := d.admitted(nil, desk, on(person(nil)))
	if p.Name != "jane" || p.Kind != weir.Staff || p.Issuer != sso.Name() || !slices.Equal(p.Act, []string{"desk"}) {
		t.Errorf("got %+v", p)
	}
	if p.Role != "support" || p.Credential != "key:desk" {
		t.Errorf("the header gave rights: %+v", p)
	}
	p = d.admitted(nil, robot, on(person(map[string]any{"kind": "customer", "customer_id": secretCustomer})))
	if p.Kind != weir.Customer || p.Name != "" || p.Own.Value.Reveal() != secretCustomer || p.Role != "assistant" || !slices.Equal(p.Act, []string{"robot"}) {
		t.Errorf("got %+v", p)
	}
	p = d.admitted(nil, robot, on(person(map[string]any{"sub": secretSubject, "amr": []string{"mfa"}, "auth_time": 1000})))
	if !strings.HasPrefix(p.Name, "p-") || p.SecondFactor.IsZero() {
		t.Errorf("got %+v", p)
	}
	// Remembered in one place, a token is still nothing in the other.
	once := person(nil)
	d.admitted(nil, desk, on(once))
	d.refused("issuer is not known", nil, bearer(once))
	agent := sign(t, tokens, d.claims(nil))
	d.admitted(nil, bearer(agent))
	d.refused("not known", nil, robot, on(agent))
	// From the wire inwards: who acts through the account, the account, who
	// acted for the person before.
	account := sign(t, tokens, d.claims(map[string]any{"act": map[string]any{"sub": "script"}, "exp": d.clock.unix(time.Minute)}))
	p = d.admitted(nil, bearer(account), on(person(map[string]any{"act": map[string]any{"sub": "portal"}})))
	if !slices.Equal(p.Act, []string{"script", "agent-7", "portal"}) {
		t.Errorf("got %+v", p)
	}
	if p.Expires.After(d.clock.now().Add(time.Minute)) {
		t.Errorf("outlives the account's own token: %v", p.Expires)
	}
	d.admitted(nil, desk, on(person(map[string]any{"may_act": map[string]any{"sub": "desk"}})))
	d.admitted(nil, desk, on(person(map[string]any{"may_act": map[string]any{"sub": "desk", "iss": keyIssuer}})))

	customer := sign(t, tokens, d.claims(map[string]any{"kind": "customer", "customer_id": "c-1"}))
	chain := map[string]any{"sub": "1"}
	for range 7 {
		chain = map[string]any{"sub": "x", "act": chain}
	}
	for _, tt := range []struct {
		words string
		asks  []ask
	}{
		{"shared", []ask{desk}},
		{"Only staff and services", []ask{on(person(nil))}},
		{"Only staff and services", []ask{bearer(customer), on(person(nil))}},
		{"cannot act", []ask{other, on(person(nil))}},
		{"shown twice", []ask{desk, on(person(nil)), on(person(nil))}},
		{"empty", []ask{desk, on("")}},
		{"not known", []ask{desk, on("nonsense")}},
		{"not known", []ask{desk, on(account)}},
		{"another audience", []ask{desk, on(person(map[string]any{"aud": audience}))}},
		{"has expired", []ask{desk, on(person(map[string]any{"iat": d.clock.unix(-time.Hour), "exp": d.clock.unix(-58 * time.Minute)}))}},
		{"for too long", []ask{desk, on(person(map[string]any{"exp": d.clock.unix(time.Hour)}))}},
		{"another account", []ask{desk, on(person(map[string]any{"may_act": map[string]any{"sub": "robot"}}))}},
		{"another account", []ask{desk, on(person(map[string]any{"may_act": map[string]any{"sub": "desk", "iss": "https://x.example.com"}}))}},
		{"another account", []ask{desk, on(person(map[string]any{"may_act": "desk"}))}},
		{"names no customer", []ask{robot, on(person(map[string]any{"kind": "customer"}))}},
		{"Too many", []ask{desk, on(person(map[string]any{"act": chain}))}},
		{"issuer is not known", []ask{bearer(person(nil))}}, // not a credential by itself
		{"looks like a credential", []ask{desk, header("Weir_On_Behalf_Of", person(nil))}},
	} {
		t.Run(tt.words, func(t *testing.T) {
			d.t = t
			d.refused(tt.words, nil, tt.asks...)
		})
	}
}

func TestOnBehalfOfIsRefusedWithoutConfiguration(t *testing.T) {
	key, hash := NewKey()
	d := openDoor(t, Config{Keys: []Key{{Name: "desk", Hashes: []string{hash}, Role: "support"}}})
	d.refused("not accepted", nil, header("X-Api-Key", key), header(behalfHeader, "x"))
}

package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getweir/weir"
)

// A sessionServer answers questions about tokens (RFC 7662).
type sessionServer struct {
	*httptest.Server
	t      *testing.T
	asked  atomic.Int64
	mu     sync.Mutex
	tokens map[string]any // JSON values, or http.HandlerFunc
}

func newSessionServer(t *testing.T) *sessionServer {
	s := &sessionServer{t: t, tokens: make(map[string]any)}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		id, secret, _ := r.BasicAuth()
		if id != "weir" || secret != "p%40ss+word" || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.mu.Lock()
		answer, ok := s.tokens[r.PostFormValue("token")]
		s.mu.Unlock()
		switch a := answer.(type) {
		case http.HandlerFunc:
			a(w, r)
		default:
			if !ok {
				a = map[string]any{"active": false}
			}
			json.NewEncoder(w).Encode(a)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sessionServer) set(token string, answer any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = answer
}

func (s *sessionServer) config() Introspection {
	return Introspection{
		Issuer: "sessions", URL: s.URL + "/introspect", CAFile: caFile(s.t, s.Server),
		ClientID: "weir", ClientSecretFile: write(s.t, "secret", "p@ss word\n"),
		Bearer: true, Cookie: "sid", Claims: Claims{Kind: "kind", Customer: "customer_id"}, Timeout: 500 * time.Millisecond,
	}
}

func active(more map[string]any) map[string]any {
	a := map[string]any{"active": true, "sub": "agent-7", "role": "support", "kind": "staff"}
	for k, v := range more {
		a[k] = v
	}
	return a
}

func TestIntrospection(t *testing.T) {
	s := newSessionServer(t)
	c := s.config()
	c.Audience = []string{audience}
	d := openDoor(t, Config{Introspection: []Introspection{c}})
	aud := func(more map[string]any) map[string]any {
		a := active(more)
		if _, there := a["aud"]; !there {
			a["aud"] = audience
		}
		return a
	}
	handler := func(f func(http.ResponseWriter, *http.Request)) any { return http.HandlerFunc(f) }
	tests := []struct {
		name   string
		answer any
		denied string
		check  func(weir.Principal) bool
	}{
		{"active", aud(nil), "", func(p weir.Principal) bool {
			return p.Name == "agent-7" && p.Issuer == "sessions" && p.Kind == weir.Staff && strings.HasPrefix(p.Credential, "session:")
		}},
		{"a customer", aud(map[string]any{"kind": "customer", "customer_id": secretCustomer}), "", func(p weir.Principal) bool {
			return p.Name == "" && p.Own.Value.Reveal() == secretCustomer
		}},
		{"an e-mail address", aud(map[string]any{"sub": secretSubject}), "", func(p weir.Principal) bool { return strings.HasPrefix(p.Name, "p-") }},
		{"with an end", aud(map[string]any{"exp": time.Now().Add(time.Hour).Unix()}), "", func(p weir.Principal) bool { return !p.Expires.IsZero() }},
		{"with an actor", aud(map[string]any{"act": map[string]any{"sub": "desk-1"}}), "", func(p weir.Principal) bool { return len(p.Act) == 1 }},
		{"inactive", map[string]any{"active": false, "sub": "agent-7"}, "not active", nil},
		{"active in a string", aud(map[string]any{"active": "true"}), "not active", nil},
		{"active by number", aud(map[string]any{"active": 1}), "not active", nil},
		{"without active", map[string]any{"sub": "agent-7"}, "not active", nil},
		{"lying: expired", aud(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}), "has expired", nil},
		{"lying: not yet", aud(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), "not valid yet", nil},
		{"for another audience", aud(map[string]any{"aud": "https://shop.example.com"}), "another audience", nil},
		{"of nobody", aud(map[string]any{"sub": ""}), "names nobody", nil},
		{"an error", handler(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), "cannot be checked now", nil},
		{"a list", handler(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`[{"active":true}]`)) }), "cannot be checked now", nil},
		{"active twice", handler(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"active":false,"active":true}`)) }), "cannot be checked now", nil},
		{"huge", handler(func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"active":true,"x":"` + strings.Repeat("x", maxAnswer) + `"}`))
		}), "cannot be checked now", nil},
		{"slow", handler(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "cannot be checked now", nil},
		{"redirecting", handler(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}), "cannot be checked now", nil},
		{"cut short", handler(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte(`{"active":true}`))
		}), "cannot be checked now", nil},
	}
	for n, tt := range tests {
		for _, way := range []string{"bearer", "cookie"} {
			t.Run(tt.name+" by "+way, func(t *testing.T) {
				d.t = t
				token := fmt.Sprintf("opaque-session-token-%s-%d", way, n)
				s.set(token, tt.answer)
				show := bearer(token)
				if way == "cookie" {
					show = header("Cookie", "a=b; sid="+token)
				}
				p, denial := d.ask(nil, show)
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
			})
		}
	}
}

func TestIntrospectionIsRemembered(t *testing.T) {
	s := newSessionServer(t)
	c := s.config()
	c.Cache = 30 * time.Second
	d := openDoor(t, Config{Introspection: []Introspection{c}})
	s.set("opaque-session-token-1", active(nil))
	for range 5 {
		d.admitted(nil, bearer("opaque-session-token-1"))
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	s.set("opaque-session-token-1", map[string]any{"active": false}) // signed out
	d.clock.forward(31 * time.Second)
	d.refused("not active", nil, bearer("opaque-session-token-1"))
	d.refused("not active", nil, bearer("opaque-session-token-1"))
	if n := s.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}

	// Never past the expiry.
	s.set("opaque-session-token-2", active(map[string]any{"exp": d.clock.unix(10 * time.Second)}))
	d.admitted(nil, bearer("opaque-session-token-2"))
	d.clock.forward(11 * time.Second)
	d.refused("has expired", nil, bearer("opaque-session-token-2"))
}

func TestIntrospectionDown(t *testing.T) {
	s := newSessionServer(t)
	d := openDoor(t, Config{Introspection: []Introspection{s.config()}})
	s.set("opaque-session-token-1", active(nil))
	d.admitted(nil, bearer("opaque-session-token-1"))
	s.Close()
	d.admitted(nil, bearer("opaque-session-token-1")) // for as long as it is remembered
	d.clock.forward(11 * time.Second)
	for range 3 {
		d.refused("cannot be checked now", nil, bearer("opaque-session-token-1"))
	}
	if n := strings.Count(d.logs.String(), "introspection does not answer"); n != 1 {
		t.Errorf("one outage gave %d errors in the log", n)
	}
}

func TestIntrospectionOfOneTokenAtOnce(t *testing.T) {
	s := newSessionServer(t)
	d := openDoor(t, Config{Introspection: []Introspection{s.config()}})
	d.auth.sessions[0].timeout = 5 * time.Second
	gate := make(chan struct{})
	s.set("opaque-session-token-1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-gate
		json.NewEncoder(w).Encode(active(nil))
	}))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { d.admitted(nil, bearer("opaque-session-token-1")) })
	}
	for s.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(gate)
	wg.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache[int](100)
	now := time.Now()
	for i := range 1000 {
		var sum [32]byte
		copy(sum[:], fmt.Sprint(i))
		c.put(sum, i, now, now.Add(time.Minute))
		if v, ok := c.get(sum, now); !ok || v != i {
			t.Fatalf("%d is not there", i)
		}
		if _, ok := c.get(sum, now.Add(time.Minute)); ok {
			t.Fatalf("%d is there for too long", i)
		}
	}
	if len(c.entries) != 100 {
		t.Errorf("%d entries", len(c.entries))
	}
}

func TestSignedTokensAreIntrospectedWithoutIssuers(t *testing.T) {
	s := newSessionServer(t)
	i := newIssuer(t, issuerName, "EdDSA")
	d := openDoor(t, Config{Introspection: []Introspection{s.config()}})
	token := sign(t, i, d.claims(nil))
	d.refused("not active", nil, bearer(token))
	known := sign(t, i, d.claims(map[string]any{"jti": "known"}))
	s.set(known, active(nil))
	d.admitted(nil, bearer(known))
}

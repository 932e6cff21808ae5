package learn

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getweir/weir"
)

// Scheme is the manner in which a credential is shown.
type Scheme string

const (
	Token  Scheme = "token"  // a signed token (JWT)
	Key    Scheme = "key"    // a secret in a header of its own
	Opaque Scheme = "opaque" // a bearer token that says nothing by itself
	Basic  Scheme = "basic"
	Cookie Scheme = "cookie" // a session
)

// A Who is what a request's credential says. None of it was checked.
type Who struct {
	Scheme Scheme
	Place  string // the header field, or the cookie
	Issuer string // of a token
	// Print tells credentials apart, Person whoever stands behind them.
	Print, Person string

	claims map[string]json.RawMessage
}

// maxIssuers bounds the issuers, and the places of keys, that are told apart.
const maxIssuers = 50

// credentials gathers who asks.
type credentials struct {
	l       *Learner
	issuers map[string]*Issuer
}

func (p *credentials) init(l *Learner) {
	p.l, p.issuers = l, map[string]*Issuer{}
}

// An Issuer is where credentials come from: who signed tokens, or the header or cookie
// that they are shown in.
type Issuer struct {
	Scheme   Scheme
	Name     string // "iss" of tokens; else the place
	Place    string // the header field, or the cookie
	Audience []string
	// Claim holds the role, as identity takes it; "": no token says it.
	Claim string
	Roles []string // that tokens name, the rarest first
	Kind  weir.Kind
	// Customer is the claim that names the customer, for that kind.
	Customer string
	// Several: tokens name several roles at once.
	Several  bool
	Requests int
	People   int // different ones

	people   sums
	names    map[string]*sums // what stands in claims that may name a customer
	claims   map[string]*claim
	services int // tokens that look like a program's
}

type claim struct {
	roles   map[string]int
	several bool
}

// roleClaims are the claims that roles stand in, the likeliest first.
var roleClaims = []string{"role", "roles", "/realm_access/roles", "cognito:groups", "groups", "permissions_role", "https://schemas/role"}

// keyFields are the header fields that keys are shown in.
var keyFields = []string{"X-Api-Key", "Api-Key", "Apikey", "X-Apikey", "X-Auth-Token", "X-Access-Token", "X-Service-Key"}

// Identify reads the credential of a request; nil: it shows none.
func (l *Learner) Identify(x *Exchange) *Who {
	if v := x.Request.Get("Authorization"); v != "" {
		scheme, secret, _ := strings.Cut(strings.TrimSpace(v), " ")
		secret = strings.TrimSpace(secret)
		switch {
		case strings.EqualFold(scheme, "Basic"):
			user := secret
			if b, err := base64.StdEncoding.DecodeString(secret); err == nil {
				user, _, _ = strings.Cut(string(b), ":")
			}
			return &Who{Scheme: Basic, Place: "Authorization", Print: l.print(secret), Person: l.print(user)}
		case strings.EqualFold(scheme, "Bearer"):
			if w := l.token(secret); w != nil {
				w.Place = "Authorization"
				return w
			}
			return &Who{Scheme: Opaque, Place: "Authorization", Print: l.print(secret), Person: l.print(secret)}
		}
		return &Who{Scheme: Opaque, Place: "Authorization", Print: l.print(v), Person: l.print(v)}
	}
	for _, f := range keyFields {
		if v := x.Request.Get(f); v != "" {
			if w := l.token(v); w != nil {
				w.Place = f
				return w
			}
			return &Who{Scheme: Key, Place: f, Print: l.print(v), Person: l.print(v)}
		}
	}
	for _, c := range cookies(x.Request) {
		if w := l.token(c.Value); w != nil {
			w.Scheme, w.Place = Token, "cookie "+c.Name
			return w
		}
	}
	for _, c := range cookies(x.Request) {
		if name := strings.ToLower(c.Name); len(c.Value) >= 12 && (strings.Contains(name, "sess") || strings.Contains(name, "sid") || strings.Contains(name, "auth") || strings.Contains(name, "token")) && !strings.Contains(name, "csrf") && !strings.Contains(name, "xsrf") {
			return &Who{Scheme: Cookie, Place: "cookie " + c.Name, Print: l.print(c.Value), Person: l.print(c.Value)}
		}
	}
	return nil
}

func cookies(h http.Header) []*http.Cookie { return (&http.Request{Header: h}).Cookies() }

// print gives a fingerprint that means nothing outside of this run.
func (l *Learner) print(secret string) string { return fmt.Sprintf("%016x", l.sumText(secret)) }

// token reads a signed token, whose signature nobody has checked.
func (l *Learner) token(text string) *Who {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > 16<<10 {
		return nil
	}
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	var alg struct{ Alg string }
	if err != nil || json.Unmarshal(head, &alg) != nil || alg.Alg == "" {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	w := &Who{Scheme: Token, Print: l.print(text)}
	if err != nil || json.Unmarshal(payload, &w.claims) != nil {
		return nil
	}
	w.Issuer = w.text("iss")
	if sub := w.text("sub"); sub != "" {
		w.Person = l.print(w.Issuer + "\x00" + sub)
	} else {
		w.Person = w.Print
	}
	// A token that is renewed is the same credential as long as its session is.
	if sid := cmp.Or(w.text("sid"), w.text("session_state")); sid != "" {
		w.Print = l.print(w.Issuer + "\x00" + sid)
	}
	return w
}

func (w *Who) text(name string) string {
	var s string
	if json.Unmarshal(w.claims[name], &s) != nil {
		s = string(w.claims[name])
		if _, err := strconv.ParseInt(s, 10, 64); err != nil {
			return ""
		}
	}
	return s
}

// Own gives the customer that a credential names, where its issuer's are customers'.
func (w *Who) Own(is *Issuer) weir.Identifier {
	if is == nil || is.Customer == "" || w.text(is.Customer) == "" {
		return weir.Identifier{}
	}
	return weir.Identifier{Kind: "customer", Value: weir.NewPlain(w.text(is.Customer))}
}

// list gives the strings at a claim, or at a JSON pointer of two parts.
func (w *Who) list(name string) (all []string) {
	raw := w.claims[name]
	if outer, inner, ok := strings.Cut(strings.TrimPrefix(name, "/"), "/"); ok && name[0] == '/' {
		var m map[string]json.RawMessage
		if json.Unmarshal(w.claims[outer], &m) != nil {
			return nil
		}
		raw = m[inner]
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	if json.Unmarshal(raw, &all) != nil || len(all) > 64 {
		return nil
	}
	return all
}

// add takes a request's credential in.
func (p *credentials) add(x *Exchange) *Who {
	w := p.l.Identify(x)
	if w == nil {
		return nil
	}
	at := string(w.Scheme) + " " + w.Issuer + " " + w.Place
	is := p.issuers[at]
	if is == nil {
		if len(p.issuers) >= maxIssuers {
			return w
		}
		is = &Issuer{Scheme: w.Scheme, Name: w.Issuer, Place: w.Place, claims: map[string]*claim{}, names: map[string]*sums{}}
		p.issuers[at] = is
	}
	is.Requests++
	is.people.add(p.l.sumText(w.Person))
	if w.Scheme != Token {
		return w
	}
	for _, aud := range w.list("aud") {
		if len(is.Audience) < 8 && !slices.Contains(is.Audience, aud) && len(aud) <= 256 {
			is.Audience = append(is.Audience, aud)
		}
	}
	for name := range w.claims {
		if v := w.text(name); v != "" && identifies(name) {
			if is.names[name] == nil && len(is.names) < 16 {
				is.names[name] = new(sums)
			}
			if s := is.names[name]; s != nil {
				s.add(p.l.sumText(v))
			}
		}
	}
	for _, name := range roleClaims {
		roles := w.list(name)
		if len(roles) == 0 {
			continue
		}
		c := is.claims[name]
		if c == nil {
			c = &claim{roles: map[string]int{}}
			is.claims[name] = c
		}
		c.several = c.several || len(roles) > 1
		for _, r := range roles {
			if len(c.roles) < 64 || c.roles[r] > 0 {
				c.roles[r]++
			}
		}
	}
	if sub := w.text("sub"); w.text("gty") == "client-credentials" || sub != "" && (sub == w.text("azp") || sub == w.text("client_id")) {
		is.services++
	}
	return w
}

// settle decides of each issuer whose credentials it gives.
func (p *credentials) settle(customers map[uint64]struct{}) {
	for _, is := range p.issuers {
		is.People = len(is.people)
		for _, name := range roleClaims {
			c := is.claims[name]
			if c == nil {
				continue
			}
			is.Claim, is.Several = name, c.several
			is.Roles = slices.SortedFunc(maps.Keys(c.roles), func(a, b string) int {
				return cmp.Or(cmp.Compare(c.roles[a], c.roles[b]), cmp.Compare(a, b))
			})
			break
		}
		is.Kind = weir.Staff
		best := 0.3
		for _, name := range slices.Sorted(maps.Keys(is.names)) {
			if share := is.names[name].shared(customers); share > best || share == best && name == "sub" {
				best, is.Kind, is.Customer = share, weir.Customer, name
			}
		}
		if is.Kind == weir.Customer {
			maps.Copy(customers, *is.names[is.Customer])
			continue
		}
		switch {
		case is.Scheme == Key, is.services*2 > is.Requests:
			is.Kind = weir.Service
		}
	}
}

// Issuers gives where credentials come from, the most used first.
func (l *Learner) Issuers() []*Issuer {
	return slices.SortedFunc(maps.Values(l.people.issuers), func(a, b *Issuer) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name+a.Place, b.Name+b.Place))
	})
}

// From gives the issuer of a credential.
func (l *Learner) IssuerOf(w *Who) *Issuer {
	return l.people.issuers[string(w.Scheme)+" "+w.Issuer+" "+w.Place]
}

// Role gives the role that the credential names at its issuer; "": none.
func (w *Who) Role(is *Issuer) string {
	if is == nil || is.Claim == "" {
		return ""
	}
	has := w.list(is.Claim)
	for _, r := range is.Roles {
		if slices.Contains(has, r) {
			return r
		}
	}
	return ""
}

package identity

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/getweir/weir"
)

// behalfHeader holds the signed token of the person whom an account acts for.
const behalfHeader = "Weir-On-Behalf-Of"

// behalf says who may act for others.
type behalf struct {
	issuers  []*tokenSource
	byIssuer map[string]*tokenSource
	seen     *cache[seen] // apart from that of tokens: neither can stand for the other
	actors   []string     // empty: all staff and services
	required []string
}

// onBehalf gives whom p acts for, with p as the first to act, as OnBehalfOf
// says; or p itself if it acts for nobody.
func (a *Authenticator) onBehalf(r *http.Request, p weir.Principal) (weir.Principal, *weir.Denial) {
	values, there := r.Header[behalfHeader]
	if !there {
		if a.behalf != nil && len(p.Act) == 0 && slices.Contains(a.behalf.required, p.Name) {
			return p, refuse("This account is shared: the request has to say who acts.")
		}
		return p, nil
	}
	switch {
	case a.behalf == nil:
		return p, refuse("Acting for somebody else is not accepted.")
	case p.Kind != weir.Staff && p.Kind != weir.Service:
		// A customer's own credential would gain by it, and without a
		// credential the header would be one by itself.
		return p, refuse("Only staff and services can act for somebody else.")
	case len(a.behalf.actors) > 0 && !slices.Contains(a.behalf.actors, p.Name) && !slices.Contains(a.behalf.required, p.Name):
		return p, refuse("This account cannot act for somebody else.")
	}
	if d := bounded(values[0]); d != nil {
		return p, d
	}
	person, d := a.behalf.person(r.Context(), values[0], a.now())
	if d != nil {
		return p, d
	}
	if !person.mayBeActedForBy(a.names, p) {
		return p, refuse("The token of the person acted for is for another account.")
	}
	return combine(p, person.Principal)
}

// person checks the token of the person acted for. It cannot be bound to the
// certificate of the connection, which is the account's.
func (b *behalf) person(ctx context.Context, token string, now time.Time) (shown, *weir.Denial) {
	if s, ok := recall(b.seen, token, now); ok {
		return s.shown.confirm(peer{})
	}
	source := b.byIssuer[issuerOf(token)]
	if source == nil {
		return shown{}, refuse("The issuer of the token of the person acted for is not known here.")
	}
	return source.authenticate(ctx, token, peer{}, now)
}

// combine gives the principal that a token exchange (RFC 8693) would make, of
// person as the subject and account as the actor.
func combine(account, person weir.Principal) (weir.Principal, *weir.Denial) {
	p := person
	p.Role = account.Role
	p.Credential = account.Credential
	if !account.Expires.IsZero() && account.Expires.Before(p.Expires) {
		p.Expires = account.Expires
	}
	p.Act = slices.Concat(account.Act, []string{account.Name}, person.Act)
	if len(p.Act) > maxAct {
		return p, refuse("Too many act through this credential.")
	}
	return p, nil
}

// mayBeActedForBy checks "may_act" (RFC 8693 section 4.4).
func (s shown) mayBeActedForBy(n namer, account weir.Principal) bool {
	if s.mayAct == nil {
		return true
	}
	c, ok := parseClaims(s.mayAct)
	if !ok {
		return false
	}
	sub, named := c.identifier("sub")
	iss, ok := c.text("iss")
	return named && ok && (iss == "" || iss == account.Issuer) &&
		n.name(account.Issuer, sub) == account.Name
}

func (a *Authenticator) openBehalf(c OnBehalfOf, tokens []TokenIssuer) []error {
	if len(c.Issuers) == 0 {
		if len(c.Actors)+len(c.Required) > 0 {
			return []error{fmt.Errorf("on-behalf-of.issuers: somebody has to sign the tokens")}
		}
		return nil
	}
	var errs []error
	b := &behalf{actors: c.Actors, required: c.Required, byIssuer: make(map[string]*tokenSource), seen: newCache[seen](seenSize)}
	issuers, err := a.openTokens("on-behalf-of.issuers", c.Issuers, b.seen, true)
	errs = append(errs, err,
		plainFields("on-behalf-of.actors", c.Actors),
		plainFields("on-behalf-of.required", c.Required))
	b.issuers = issuers
	for i, t := range issuers {
		b.byIssuer[t.issuer] = t
		for _, other := range tokens {
			if other.Issuer == t.issuer && slices.ContainsFunc(t.audience, func(aud string) bool {
				return slices.Contains(other.Audience, aud)
			}) {
				errs = append(errs, fmt.Errorf("on-behalf-of.issuers[%d].audience: tokens of this issuer have the same audience", i))
			}
		}
	}
	a.behalf = b
	return errs
}

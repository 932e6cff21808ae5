package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/go-jose/go-jose/v4"
)

// algorithms are the signatures that are ever accepted. A key that verifies one
// of them cannot make one, which rules out HS*; and none is no signature.
var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA}

// tokenTypes are the values of "typ", in lower case, of tokens that show who
// somebody is. Issuers sign other things too with the same keys: logout tokens,
// security events, proofs of possession.
var tokenTypes = []string{"", "jwt", "at+jwt", "application/at+jwt"}

const (
	// seenSize and seenFor bound for how many tokens, and for how long, it is
	// remembered that the signature was right.
	seenSize = 4096
	seenFor  = time.Minute
)

// A tokenSource checks the signed tokens of one issuer.
type tokenSource struct {
	reader
	audience    []string
	algorithms  []jose.SignatureAlgorithm
	cookie      string // "": none
	maxLifetime time.Duration
	keys        *keySet
	seen        *cache[seen] // shared with the other sources of its section
}

// seen is a token of source that was checked against keys, and what it showed.
type seen struct {
	source *tokenSource
	keys   *keys
	shown  shown
}

// recall gives what token was found to show, if the keys that it was checked with
// are still the issuer's. It saves checking the signature and reading the token
// for each request but the first.
func recall(c *cache[seen], token string, now time.Time) (seen, bool) {
	s, ok := c.get(sha256.Sum256([]byte(token)), now)
	return s, ok && s.keys == s.source.keys.usable(now)
}

// isSigned reports whether token is in the form of a signed token: three parts,
// the first a JSON object that says how it is signed.
func isSigned(token string) bool {
	head, rest, ok := strings.Cut(token, ".")
	if !ok || strings.Count(rest, ".") != 1 {
		return false
	}
	header, ok := decodePart(head)
	if !ok {
		return false
	}
	_, ok = header["alg"]
	return ok
}

// issuerOf gives the issuer that a token names, which nothing vouches for yet: it
// only says whose keys are to be tried.
func issuerOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	c, ok := decodePart(parts[1])
	if !ok {
		return ""
	}
	iss, _ := c.text("iss")
	return iss
}

func decodePart(part string) (claims, bool) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, false
	}
	return parseClaims(b)
}

// authenticate checks token and gives who it speaks of.
func (t *tokenSource) authenticate(ctx context.Context, token string, cert peer, now time.Time) (shown, *weir.Denial) {
	c, used, d := t.verify(ctx, token, now)
	if d != nil {
		return shown{}, d
	}
	p, d := t.principal(c, now)
	if d != nil {
		return shown{}, d
	}
	if p.Credential, d = t.credential(c, token); d != nil {
		return shown{}, d
	}
	p.Expires, _ = c.date("exp")
	s := shown{Principal: p, cnf: c["cnf"], mayAct: c["may_act"]}
	until := now.Add(seenFor)
	if last := p.Expires.Add(t.leeway); last.Before(until) {
		until = last
	}
	t.seen.put(sha256.Sum256([]byte(token)), seen{t, used, s}, now, until)
	return s.confirm(cert)
}

// verify gives the claims of a token that is signed by the issuer, for us, and
// valid now, and the keys that it was verified with.
func (t *tokenSource) verify(ctx context.Context, token string, now time.Time) (claims, *keys, *weir.Denial) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, refuse("The token cannot be read.")
	}
	header, ok := decodePart(parts[0])
	if !ok {
		return nil, nil, refuse("The token cannot be read.")
	}
	if _, ok := header["crit"]; ok {
		// RFC 7515 section 4.1.11: whoever does not understand what is
		// critical must refuse. Nothing that can stand here is understood.
		return nil, nil, refuse("The token asks for something that is not understood.")
	}
	if typ, ok := header.text("typ"); !ok || !slices.Contains(tokenTypes, strings.ToLower(typ)) {
		return nil, nil, refuse("The token is of another type.")
	}
	kid, ok := header.text("kid")
	if !ok || len(kid) > maxIdentifier {
		return nil, nil, refuse("The token cannot be read.")
	}
	signed, err := jose.ParseSignedCompact(token, t.algorithms)
	if err != nil {
		return nil, nil, refuse("The token cannot be read, or is signed in a way that is not accepted.")
	}
	alg := jose.SignatureAlgorithm(signed.Signatures[0].Protected.Algorithm)
	used, candidates, err := t.keys.find(ctx, kid, alg, now)
	switch {
	case errors.Is(err, errNoKeys):
		return nil, nil, unavailable(onDemand)
	case err != nil:
		return nil, nil, refuse("The token is signed with an unknown key.")
	}
	for _, key := range candidates {
		payload, err := signed.Verify(key)
		if err != nil {
			continue
		}
		c, ok := parseClaims(payload)
		if !ok {
			return nil, nil, refuse("The token cannot be read.")
		}
		return c, used, t.validate(c, now)
	}
	return nil, nil, refuse("The token's signature is not right.")
}

// validate checks the registered claims of RFC 7519 section 4.1.
func (t *tokenSource) validate(c claims, now time.Time) *weir.Denial {
	if iss, ok := c.text("iss"); !ok || iss != t.issuer {
		return refuse("The token is of another issuer.")
	}
	if !meant(c, t.audience) {
		return refuse("The token is for another audience.")
	}
	exp, ok := c.date("exp")
	if !ok || exp.IsZero() {
		return refuse("The token does not say when it ends.")
	}
	if !now.Before(exp.Add(t.leeway)) {
		return refuse("The token has expired.")
	}
	for _, name := range []string{"nbf", "iat"} {
		at, ok := c.date(name)
		if !ok || at.After(now.Add(t.leeway)) {
			return refuse("The token is not valid yet.")
		}
		if name == "iat" && t.maxLifetime > 0 && (at.IsZero() || exp.Sub(at) > t.maxLifetime) {
			return refuse("The token is valid for too long.")
		}
	}
	return nil
}

// meant reports whether one of audience is among c's.
func meant(c claims, audience []string) bool {
	has, ok := c.list("aud")
	return ok && slices.ContainsFunc(has, func(aud string) bool { return slices.Contains(audience, aud) })
}

// credential names what could be stolen: the session where the token tells it, so
// that a token renewed within it is no new credential; else this token by its
// identifier, else by what is signed. The signature is left out, because ECDSA
// lets anybody turn one valid signature into another.
func (t *tokenSource) credential(c claims, token string) (string, *weir.Denial) {
	for _, name := range []string{"sid", "jti"} {
		if _, there := c.at(name); !there {
			continue
		}
		id, ok := c.identifier(name)
		if !ok {
			return "", refuse("The token cannot be read.")
		}
		return fingerprint("jwt", t.issuer, name, id), nil
	}
	return fingerprint("jwt", t.issuer, "token", token[:strings.LastIndexByte(token, '.')]), nil
}

// confirm checks the confirmation of RFC 7800: a token that is bound to the key
// of its holder is nothing without it. Only the binding to a client certificate
// (RFC 8705 section 3.1) can be checked here.
func (s shown) confirm(cert peer) (shown, *weir.Denial) {
	if s.cnf == nil {
		return s, nil
	}
	cnf, ok := parseClaims(s.cnf)
	want, isText := cnf.text("x5t#S256")
	if !ok || len(cnf) != 1 || !isText || want == "" {
		return shown{}, refuse("The token is bound to something that cannot be checked.")
	}
	if cert.leaf == nil || cert.proxy != nil {
		return shown{}, refuse("The token is bound to a certificate that is not shown.")
	}
	sum := sha256.Sum256(cert.leaf.Raw)
	if want != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return shown{}, refuse("The token is bound to another certificate.")
	}
	s.bound = true
	return s, nil
}

// openTokens checks the configuration of issuers, of the section at.
func (a *Authenticator) openTokens(at string, issuers []TokenIssuer, memory *cache[seen], behalf bool) ([]*tokenSource, error) {
	var all []*tokenSource
	var errs []error
	for i, c := range issuers {
		t, err := a.openToken(fmt.Sprintf("%s[%d]", at, i), c, behalf)
		t.seen = memory
		errs = append(errs, err)
		if slices.ContainsFunc(all, func(other *tokenSource) bool { return other.issuer == t.issuer }) {
			errs = append(errs, fmt.Errorf("%s[%d].issuer: the issuer stands twice", at, i))
		}
		all = append(all, t)
	}
	return all, errors.Join(errs...)
}

func (a *Authenticator) openToken(at string, c TokenIssuer, behalf bool) (*tokenSource, error) {
	var errs []error
	rd, err := openReader(a.names, at, c.Issuer, c.Claims, c.Kind, c.Role, c.Roles)
	errs = append(errs, err,
		durationField(at+".leeway", &c.Leeway, 30*time.Second, 0, 2*time.Minute))
	rd.leeway = c.Leeway
	if len(c.Audience) == 0 || slices.Contains(c.Audience, "") {
		errs = append(errs, fmt.Errorf("%s.audience: say whom the tokens are for", at))
	}
	t := &tokenSource{
		reader:   *rd,
		audience: c.Audience,
		cookie:   c.Cookie,
	}
	for i, name := range c.Algorithms {
		alg := jose.SignatureAlgorithm(name)
		if !slices.Contains(algorithms, alg) {
			errs = append(errs, fmt.Errorf("%s.algorithms[%d]: write one of %v", at, i, algorithms))
		}
		t.algorithms = append(t.algorithms, alg)
	}
	if len(t.algorithms) == 0 {
		t.algorithms = algorithms
	}
	if c.Cookie != "" {
		errs = append(errs, fieldName(at+".cookie", c.Cookie))
	}
	if behalf {
		t.roleless = true
		errs = append(errs, durationField(at+".max-lifetime", &c.MaxLifetime, 5*time.Minute, time.Second, 15*time.Minute))
		if c.Cookie != "" || c.Role != "" || len(c.Roles) > 0 || c.Claims.Role != "" {
			errs = append(errs, fmt.Errorf("%s: cookie, role, roles and claims.role have no use here", at))
		}
	} else if c.MaxLifetime < 0 {
		errs = append(errs, fmt.Errorf("%s.max-lifetime: write a time, or 0 for any", at))
	}
	t.maxLifetime = c.MaxLifetime
	t.keys, err = a.openKeySet(at, c)
	return t, errors.Join(append(errs, err)...)
}

// Package identity says who stands behind an HTTP request.
//
// An Authenticator reads every credential that a request shows (a signed token,
// an API key, a client certificate, a session or opaque token that its issuer is
// asked about, a name that a trusted proxy vouches for), checks each one, and
// gives one weir.Principal with everyone who acts through it and the network it
// comes from.
//
// It guarantees that a credential that is shown and does not hold is a denial:
// it never makes a request anonymous, and neither does a source that cannot be
// asked. Two credentials that disagree are a denial. A principal holds a
// fingerprint of its credential, never the credential; a customer's identifier
// only as a weir.Plain; and no denial, error or log line holds any of them.
//
// It does not decide what a principal may do, and it does not verify
// certificates (the TLS server does, against ClientCAs) or ask whether they were
// revoked. It sees the credentials that it is told of: a session cookie that the
// configuration does not name, or a key in a query parameter of the service's
// own invention, is no credential to it, and the request is anonymous.
package identity

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/go-jose/go-jose/v4/json"
)

// RoleAnonymous is the role of a request that shows no credential.
const RoleAnonymous = "anonymous"

const (
	// maxToken bounds the bytes of one presented credential.
	maxToken = 16 << 10
	// maxAct bounds how many may act through one principal.
	maxAct = 8
)

// An Authenticator tells who stands behind a request. It is safe for concurrent
// use. Its configuration does not change; its key sets do, while Run runs.
type Authenticator struct {
	tokens    []*tokenSource
	byIssuer  map[string]*tokenSource // of tokens, by the "iss" they carry
	seen      *cache[seen]            // of tokens
	keys      []apiKey
	keyHeader string // canonical
	sessions  []*introspector
	opaque    *introspector // the one of sessions that takes opaque bearer tokens; nil: none
	clients   []certificateIssuer
	proxies   []trustedProxy
	behalf    *behalf // nil: nobody may act for somebody by header
	networks  networks
	names     namer
	cas       []*x509.Certificate // see ClientCAs
	asking    []*client
	cookies   []string        // names of the cookies that hold credentials
	guarded   map[string]bool // header fields that hold credentials, canonical
	now       func() time.Time
	log       *slog.Logger
}

// Run keeps the key sets fresh until ctx ends, then returns nil with all that it
// started ended. It is to be called once. Without it, keys are still fetched
// when a token needs them.
func (a *Authenticator) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, s := range a.keySets() {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
	<-ctx.Done()
	for _, c := range a.asking {
		c.http.CloseIdleConnections()
	}
	return nil
}

func (a *Authenticator) keySets() []*keySet {
	var sets []*keySet
	for _, t := range a.tokens {
		sets = append(sets, t.keys)
	}
	if a.behalf != nil {
		for _, t := range a.behalf.issuers {
			sets = append(sets, t.keys)
		}
	}
	return sets
}

// Authenticate gives the principal behind r, which is an anonymous one when r
// shows no credential at all. It may have to ask an issuer over the network, which
// takes no longer than the timeouts of the configuration. r's body is not read.
//
// The principal's Act may be shared with other requests, and is not to be changed.
// On a denial the principal says nothing but the network, for the record. The
// denial's reason is weir.ReasonCredential.
func (a *Authenticator) Authenticate(r *http.Request) (weir.Principal, *weir.Denial) {
	network := a.networks.of(r)
	p, d := a.principal(r)
	if d != nil {
		a.log.LogAttrs(r.Context(), slog.LevelDebug, "credential refused", slog.String("why", d.Message))
		return weir.Principal{Network: network}, d
	}
	p.Network = network
	return p, nil
}

// Strip removes from the headers of a request that is passed on what is not for
// the service behind: the on-behalf-of token, which is for Weir alone, and what
// the client says of its own address (Forwarded, X-Forwarded-*, X-Real-Ip). The
// door sets anew what the service needs to know. The credential itself stays,
// since the service checks it too; so does the name that a trusted proxy gave,
// which Authenticate refuses from anybody else.
func (a *Authenticator) Strip(h http.Header) {
	for name := range h {
		if a.guarded[name] && name != behalfHeader {
			continue
		}
		plain := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if plain == strings.ToLower(behalfHeader) || plain == "forwarded" ||
			plain == "x-real-ip" || strings.HasPrefix(plain, "x-forwarded-") {
			delete(h, name)
		}
	}
}

// shown is a credential that holds, and who it says that it is.
type shown struct {
	weir.Principal
	// bound is true when the credential holds only together with the client
	// certificate of this connection, which was found to be the right one.
	bound  bool
	cnf    json.RawMessage // what it is bound to; nil: nothing
	mayAct json.RawMessage // who may act for the principal; nil: it does not say
}

// principal collects every credential that r shows and makes one of them.
func (a *Authenticator) principal(r *http.Request) (weir.Principal, *weir.Denial) {
	if d := a.unambiguous(r); d != nil {
		return weir.Principal{}, d
	}
	cert, d := a.certificate(r)
	if d != nil {
		return weir.Principal{}, d
	}

	var all []shown
	for _, read := range []func(*http.Request, peer) ([]shown, *weir.Denial){
		a.fromAuthorization, a.fromKeyHeader, a.fromCookies, a.fromProxy,
	} {
		some, d := read(r, cert)
		if d != nil {
			return weir.Principal{}, d
		}
		all = append(all, some...)
	}

	// A certificate counts as a credential of its own, unless it only carries
	// the request (a trusted proxy's) or only completes a token bound to it.
	bound := slices.ContainsFunc(all, func(s shown) bool { return s.bound })
	if cert.leaf != nil && cert.proxy == nil && !bound {
		if cert.client == nil {
			return weir.Principal{}, refuse("The client certificate is of nobody known here.")
		}
		all = append(all, shown{Principal: *cert.client})
	}

	for i := 1; i < len(all); i++ {
		if !agree(all[0].Principal, all[i].Principal) {
			return weir.Principal{}, refuse("The request shows credentials that disagree about who it is.")
		}
	}
	p := weir.Principal{Kind: weir.Anonymous, Role: RoleAnonymous}
	if len(all) > 0 {
		p = all[0].Principal
	}
	return a.onBehalf(r, p)
}

// agree reports whether two credentials speak of the same principal. Who vouches
// for it, and until when, may differ.
func agree(p, q weir.Principal) bool {
	return p.Kind == q.Kind && p.Name == q.Name && p.Role == q.Role &&
		p.Own.Equal(q.Own) && slices.Equal(p.Act, q.Act)
}

// unambiguous refuses requests that two readers could understand differently:
// the service behind may read the second of two fields where Weir reads the
// first, or take X_Remote_User for X-Remote-User as CGI does.
func (a *Authenticator) unambiguous(r *http.Request) *weir.Denial {
	for name, values := range r.Header {
		if a.guarded[name] {
			if len(values) > 1 {
				return refuse("A credential is shown twice.")
			}
			continue
		}
		if strings.Contains(name, "_") &&
			a.guarded[http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))] {
			return refuse("A header field looks like a credential and is none.")
		}
	}
	if queryHas(r.URL.RawQuery, "access_token") {
		// RFC 6750 section 2.3 lets services read a token from here; it would
		// be one that nobody has checked.
		return refuse("A credential in the address is not accepted.")
	}
	return nil
}

// fromAuthorization reads the Authorization field: a signed token, an API key or
// an opaque token, by the Bearer scheme (RFC 6750 section 2.1). Another scheme is
// a credential that cannot be checked.
func (a *Authenticator) fromAuthorization(r *http.Request, cert peer) ([]shown, *weir.Denial) {
	values, there := r.Header["Authorization"]
	if !there {
		return nil, nil
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, refuse("This way of showing a credential is not accepted.")
	}
	if d := bounded(token); d != nil {
		return nil, d
	}
	if s, ok := recall(a.seen, token, a.now()); ok {
		return one(s.shown.confirm(cert))
	}
	if isSigned(token) && (len(a.tokens) > 0 || a.opaque == nil) {
		return one(a.signed(r.Context(), token, nil, cert))
	}
	if p, ok := a.findKey(token); ok {
		return one(shown{Principal: p}, nil)
	}
	if a.opaque == nil || strings.HasPrefix(token, keyPrefix) {
		return nil, refuse("The credential is not known here.")
	}
	return one(a.opaque.ask(r.Context(), token, cert))
}

func (a *Authenticator) fromKeyHeader(r *http.Request, _ peer) ([]shown, *weir.Denial) {
	values, there := r.Header[a.keyHeader]
	if !there {
		return nil, nil
	}
	if d := bounded(values[0]); d != nil {
		return nil, d
	}
	p, ok := a.findKey(values[0])
	if !ok {
		return nil, refuse("The API key is not known here.")
	}
	return one(shown{Principal: p}, nil)
}

func (a *Authenticator) fromCookies(r *http.Request, cert peer) ([]shown, *weir.Denial) {
	if len(a.cookies) == 0 || len(r.Header["Cookie"]) == 0 {
		return nil, nil
	}
	found, d := readCookies(r.Header["Cookie"], a.cookies)
	if d != nil {
		return nil, d
	}
	var all []shown
	read := func(cookie string, check func(token string) (shown, *weir.Denial)) *weir.Denial {
		token, there := found[cookie]
		if !there {
			return nil
		}
		if d := bounded(token); d != nil {
			return d
		}
		s, d := check(token)
		if d != nil {
			return d
		}
		all = append(all, s)
		return nil
	}
	for _, t := range a.tokens {
		if d := read(t.cookie, func(token string) (shown, *weir.Denial) {
			return a.signed(r.Context(), token, t, cert)
		}); d != nil {
			return nil, d
		}
	}
	for _, s := range a.sessions {
		if d := read(s.cookie, func(token string) (shown, *weir.Denial) {
			return s.ask(r.Context(), token, cert)
		}); d != nil {
			return nil, d
		}
	}
	return all, nil
}

// signed checks a signed token. source is the only issuer that it may be of;
// nil: whichever of the configured issuers it names.
func (a *Authenticator) signed(ctx context.Context, token string, source *tokenSource, cert peer) (shown, *weir.Denial) {
	if s, ok := recall(a.seen, token, a.now()); ok && s.source == source {
		return s.shown.confirm(cert)
	}
	named := a.byIssuer[issuerOf(token)]
	switch {
	case named == nil:
		return shown{}, refuse("The token's issuer is not known here.")
	case source != nil && source != named:
		return shown{}, refuse("The token is of another issuer.")
	}
	return named.authenticate(ctx, token, cert, a.now())
}

func one(s shown, d *weir.Denial) ([]shown, *weir.Denial) {
	if d != nil {
		return nil, d
	}
	return []shown{s}, nil
}

func bounded(token string) *weir.Denial {
	switch {
	case token == "":
		return refuse("The credential is empty.")
	case len(token) > maxToken:
		return refuse("The credential is too long.")
	}
	return nil
}

// refuse denies. Each message is a constant: it cannot hold anything that the
// request brought.
func refuse(message string) *weir.Denial {
	return &weir.Denial{Reason: weir.ReasonCredential, Message: message}
}

// unavailable denies because the credential cannot be checked now.
func unavailable(retry time.Duration) *weir.Denial {
	return &weir.Denial{
		Reason:  weir.ReasonCredential,
		Message: "The credential cannot be checked now.",
		Retry:   retry,
	}
}

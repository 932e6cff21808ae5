package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// New checks c and makes an Authenticator of it. An error names every field that
// is wrong, by its name in YAML. Files are read now; keys at a URL are not
// fetched before Run or the first token. log may be nil.
func New(c Config, log *slog.Logger) (*Authenticator, error) {
	a, errs := open(c, log, time.Now)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return a, nil
}

func open(c Config, log *slog.Logger, now func() time.Time) (*Authenticator, []error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := &Authenticator{
		byIssuer: make(map[string]*tokenSource),
		seen:     newCache[seen](seenSize),
		guarded:  map[string]bool{"Authorization": true, behalfHeader: true},
		now:      now,
		log:      log,
	}
	var errs []error
	add := func(err error) { errs = append(errs, err) }

	if c.KeyHeader == "" {
		c.KeyHeader = "X-Api-Key"
	}
	var err error
	a.keyHeader, err = a.guard("key-header", c.KeyHeader)
	add(err)
	a.names, err = openNamer(c.PseudonymKeyFile)
	if err != nil {
		add(fmt.Errorf("pseudonym-key-file: %w", err))
	}
	a.keys, err = openKeys(c.Keys)
	add(err)
	a.tokens, err = a.openTokens("tokens", c.Tokens, a.seen, false)
	add(err)
	for _, t := range a.tokens {
		a.byIssuer[t.issuer] = t
	}
	add(a.openIntrospection(c.Introspection))
	add(a.openCertificates(c.Certificates))
	add(a.openProxies(c.Proxies))
	errs = append(errs, a.openBehalf(c.OnBehalfOf, c.Tokens)...)
	a.networks, err = openNetworks(c.Networks, c.Forwarded)
	add(err)
	add(a.openCookies())
	return a, errs
}

// openCookies gathers the cookies that hold credentials: one for each source.
func (a *Authenticator) openCookies() error {
	var errs []error
	take := func(field, name string) {
		if name == "" {
			return
		}
		for _, other := range a.cookies {
			if strings.EqualFold(other, name) {
				errs = append(errs, fmt.Errorf("%s: another source has this cookie", field))
			}
		}
		a.cookies = append(a.cookies, name)
	}
	for i, t := range a.tokens {
		take(fmt.Sprintf("tokens[%d].cookie", i), t.cookie)
	}
	for i, s := range a.sessions {
		take(fmt.Sprintf("introspection[%d].cookie", i), s.cookie)
	}
	return errors.Join(errs...)
}

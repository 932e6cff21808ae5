package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/getweir/weir"
	"golang.org/x/sync/singleflight"
)

const (
	// maxAnswer bounds the bytes of an introspection answer.
	maxAnswer = 64 << 10
	// maxAsking bounds how many tokens one server is asked about at a time.
	maxAsking = 64
	// askAgain is when a credential that could not be checked may be tried again.
	askAgain = 5 * time.Second
)

// An introspector asks one server about tokens.
type introspector struct {
	reader
	url      string
	id       string
	secret   string // "" if there is no id
	audience []string
	cookie   string // "": none
	cacheFor time.Duration
	timeout  time.Duration
	client   *client
	now      func() time.Time
	log      *slog.Logger
	failing  atomic.Bool // the last question was not answered

	flight  singleflight.Group
	asking  chan struct{}        // a place for each who asks
	active  *cache[shown]        // tokens that hold
	refused *cache[*weir.Denial] // tokens that do not: apart, so that guesses cannot push out sessions
}

// reply is what became of a question.
type reply struct {
	shown  shown
	denial *weir.Denial
}

// ask gives who the token speaks of. Those who show the same token at once wait
// for one answer.
func (s *introspector) ask(ctx context.Context, token string, cert peer) (shown, *weir.Denial) {
	sum := sha256.Sum256([]byte(token))
	now := s.now()
	if who, ok := s.active.get(sum, now); ok {
		return who.confirm(cert)
	}
	if d, ok := s.refused.get(sum, now); ok {
		return shown{}, d
	}
	v, _, _ := s.flight.Do(string(sum[:]), func() (any, error) {
		// Others wait for this answer too: one of them leaving does not end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		return s.question(ctx, token, sum), nil
	})
	r := v.(reply)
	if r.denial != nil {
		return shown{}, r.denial
	}
	return r.shown.confirm(cert)
}

// question asks the server, and remembers its answer.
func (s *introspector) question(ctx context.Context, token string, sum [sha256.Size]byte) reply {
	c, err := s.post(ctx, token)
	if err != nil {
		if !s.failing.Swap(true) {
			s.log.LogAttrs(ctx, slog.LevelError, "introspection does not answer",
				slog.String("issuer", s.issuer), slog.Any("error", err))
		}
		return reply{denial: unavailable(askAgain)}
	}
	if s.failing.Swap(false) {
		s.log.LogAttrs(ctx, slog.LevelInfo, "introspection answers again", slog.String("issuer", s.issuer))
	}
	now := s.now()
	until := now.Add(s.cacheFor)
	p, d := s.judge(c, now)
	if d != nil {
		s.refused.put(sum, d, now, until)
		return reply{denial: d}
	}
	p.Credential = fingerprint("session", s.issuer, token)
	who := shown{Principal: p, cnf: c["cnf"]}
	if !p.Expires.IsZero() && p.Expires.Before(until) {
		until = p.Expires
	}
	s.active.put(sum, who, now, until)
	return reply{shown: who}
}

// post sends the token to the server (RFC 7662 section 2.1). An error tells
// nothing of the token, which travels in the body.
func (s *introspector) post(ctx context.Context, token string) (claims, error) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, errors.New("too many questions at a time")
	}
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if s.id != "" {
		req.SetBasicAuth(url.QueryEscape(s.id), url.QueryEscape(s.secret))
	}
	b, err := s.client.do(req, maxAnswer)
	if err != nil {
		return nil, err
	}
	c, ok := parseClaims(b)
	if !ok {
		return nil, errors.New("the answer is not a JSON object")
	}
	return c, nil
}

// judge reads an answer (RFC 7662 section 2.2). Active is what says true, and
// nothing else; and what has ended is not, even if the server calls it so.
func (s *introspector) judge(c claims, now time.Time) (weir.Principal, *weir.Denial) {
	if string(c["active"]) != "true" {
		return weir.Principal{}, refuse("The session or token is not active.")
	}
	if len(s.audience) > 0 && !meant(c, s.audience) {
		return weir.Principal{}, refuse("The token is for another audience.")
	}
	exp, ok := c.date("exp")
	if !ok || !exp.IsZero() && !now.Before(exp) {
		return weir.Principal{}, refuse("The session or token has expired.")
	}
	if at, ok := c.date("nbf"); !ok || at.After(now.Add(s.leeway)) {
		return weir.Principal{}, refuse("The session or token is not valid yet.")
	}
	p, d := s.principal(c, now)
	if d != nil {
		return weir.Principal{}, d
	}
	p.Expires = exp
	return p, nil
}

func (a *Authenticator) openIntrospection(servers []Introspection) error {
	var errs []error
	for i, c := range servers {
		at := fmt.Sprintf("introspection[%d]", i)
		rd, err := openReader(a.names, at, c.Issuer, c.Claims, c.Kind, c.Role, c.Roles)
		errs = append(errs, err,
			urlField(at+".url", c.URL),
			durationField(at+".cache", &c.Cache, 10*time.Second, 0, time.Minute),
			durationField(at+".timeout", &c.Timeout, 2*time.Second, time.Millisecond, 10*time.Second))
		rd.leeway = 30 * time.Second
		if c.CacheSize == 0 {
			c.CacheSize = 10000
		}
		if c.CacheSize < 0 || c.CacheSize > 1000000 {
			errs = append(errs, fmt.Errorf("%s.cache-size: write a number from 1 to 1000000", at))
		}
		s := &introspector{
			reader:   *rd,
			url:      c.URL,
			id:       c.ClientID,
			audience: c.Audience,
			cookie:   c.Cookie,
			cacheFor: c.Cache,
			timeout:  c.Timeout,
			now:      func() time.Time { return a.now() },
			log:      a.log,
			asking:   make(chan struct{}, maxAsking),
			active:   newCache[shown](c.CacheSize),
			refused:  newCache[*weir.Denial](c.CacheSize),
		}
		if (c.ClientID == "") != (c.ClientSecretFile == "") {
			errs = append(errs, fmt.Errorf("%s.client-id: client-id and client-secret-file go together", at))
		}
		if c.ClientSecretFile != "" {
			secret, err := readFile(c.ClientSecretFile, maxToken)
			s.secret = strings.TrimRight(string(secret), " \t\r\n")
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.client-secret-file: %w", at, err))
			} else if s.secret == "" {
				errs = append(errs, fmt.Errorf("%s.client-secret-file: the file is empty", at))
			}
		}
		if s.client, err = a.newClient(c.CAFile); err != nil {
			errs = append(errs, fmt.Errorf("%s.ca-file: %w", at, err))
		}
		if c.Cookie != "" {
			errs = append(errs, fieldName(at+".cookie", c.Cookie))
		} else if !c.Bearer {
			errs = append(errs, fmt.Errorf("%s.bearer: bearer or cookie is needed", at))
		}
		if slices.Contains(c.Audience, "") {
			errs = append(errs, fmt.Errorf("%s.audience: an audience cannot be empty", at))
		}
		if slices.ContainsFunc(a.sessions, func(other *introspector) bool { return other.issuer == c.Issuer }) {
			errs = append(errs, fmt.Errorf("%s.issuer: the issuer stands twice", at))
		}
		if c.Bearer {
			if a.opaque != nil {
				errs = append(errs, fmt.Errorf("%s.bearer: another server has it", at))
			}
			a.opaque = s
		}
		a.sessions = append(a.sessions, s)
	}
	return errors.Join(errs...)
}

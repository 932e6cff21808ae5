// Package actors plays the demonstration: people and programs who use the sample
// platform, some of whom should not, and the judge who counts what they got.
//
// Each Actor is a client of its own that sends plain HTTP requests to a base
// address, be it the platform or a door before it. All bytes that it receives go
// to the judge (Truth, Count), who knows every customer.
//
// The judge takes nobody's word: it counts from bodies, header fields and
// trailers as they arrived, broken off or not, and knows nothing of what the door
// meant to do. The numbers say how many customers' data left, at least.
//
// It undoes the escapes of JSON, URLs and HTML, and gzip; it does not undo
// encodings that an attacker agrees on with a helper inside, such as base64 or
// reversed text. And it drives nothing but the sample: it checks for the sample's
// mark before it begins.
package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/internal/reelcart"
)

// ErrNotSample says that the base address is not the sample platform's. The
// scripts are those of thieves, and are played against nothing else.
var ErrNotSample = errors.New("the address is not that of the sample platform")

// An Actor is somebody who uses the platform.
type Actor struct {
	Name    string    // "app-1", "support-agent", "stolen-support", ...
	Role    string    // of the demonstration's policy
	Kind    weir.Kind // Customer, Staff or Service
	Issuer  string    // who vouches for the credential: an issuer of the policy
	Subject string    // whom the credential names: the customer's identifier, or an account
	Purpose weir.Purpose
	// Honest is false for thieves.
	Honest bool
	// Permitted is how many customers' records the policy lets the actor have,
	// of those that its script asks for.
	Permitted int

	script func(context.Context, *session) error
}

// A Tally is what an actor has asked for and got, in customers.
type Tally struct {
	Name      string
	Role      string
	Asked     int // different customers that its requests were about
	Permitted int
	GotClear  int // of whom any value arrived in clear
	GotMasked int // of whom a record arrived, and nothing in clear
	Denied    int // requests refused (401, 403, 429, 451, 503) or broken off
	Broken    int // of those, answers that broke off before their end
	Requests  int
	Bytes     int64 // of bodies, as on the wire
}

// Received is how many customers' records arrived.
func (t Tally) Received() int { return t.GotClear + t.GotMasked }

// A Config says how the play is given. The zero values of Transport, Live and
// Log are usable.
type Config struct {
	// Base is the address to use, as "http://127.0.0.1:8080".
	Base string
	// Population is the truth: the customers that the platform serves.
	Population *people.Population
	// Header gives the header fields that an actor shows, its credential among
	// them. It is asked before each request, so that credentials may be
	// renewed, and by several goroutines at once.
	Header func(*Actor) (http.Header, error)
	// Transport carries the requests; nil: one connection pool for each actor.
	Transport http.RoundTripper
	// Live slows the actors down to what can be watched, and has them begin
	// again when they are through. Otherwise each plays its script once, as
	// fast as it can.
	Live bool
	// Log hears of actors who could not play; nil: nobody does.
	Log *slog.Logger
}

// A Play is all actors at work.
type Play struct {
	config   Config
	truth    *Truth
	sessions []*session
}

// New prepares a play with the whole cast.
func New(c Config) *Play {
	c.Base = strings.TrimSuffix(c.Base, "/")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &Play{config: c, truth: NewTruth(c.Population.Customers)}
	for _, a := range Cast(c.Population) {
		p.sessions = append(p.sessions, p.session(a))
	}
	return p
}

// Truth gives what the play judges by.
func (p *Play) Truth() *Truth { return p.truth }

// Actors gives the cast, in the order of Tallies.
func (p *Play) Actors() []*Actor {
	var as []*Actor
	for _, s := range p.sessions {
		as = append(as, s.actor)
	}
	return as
}

// Tallies gives what each actor has got so far. It may be called at any time.
func (p *Play) Tallies() []Tally {
	ts := make([]Tally, 0, len(p.sessions))
	for _, s := range p.sessions {
		ts = append(ts, s.tally())
	}
	return ts
}

// Run plays until all scripts are through or, live, until ctx ends. It gives an
// error if the base address is not the sample's, or if an actor could not play:
// refusals and answers that break off are part of the play, but that nobody is
// there is not. The end of ctx is no error.
func (p *Play) Run(ctx context.Context) error {
	if err := p.check(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(p.sessions))
	for i, s := range p.sessions {
		wg.Go(func() { errs[i] = s.play(ctx) })
	}
	wg.Wait()
	for _, s := range p.sessions {
		s.client.CloseIdleConnections()
	}
	return errors.Join(errs...)
}

// check makes sure that the base address is the sample's, with the population
// that the judge knows.
func (p *Play) check(ctx context.Context) error {
	s := p.sessions[0]
	req, err := s.request(ctx, reelcart.Marker)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("look for the sample platform: %w", err)
	}
	defer res.Body.Close()
	var mark struct {
		Sample    string `json:"sample"`
		Customers int    `json:"customers"`
	}
	if res.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(res.Body, 4096)).Decode(&mark) != nil ||
		mark.Sample != reelcart.MarkerName || mark.Customers != p.truth.customers {
		return ErrNotSample
	}
	return nil
}

// A session is one actor at work.
type session struct {
	actor  *Actor
	config *Config
	client *http.Client
	count  *Count

	denied, broken, requests atomic.Int64
	// unanswered is how many requests in a row got no answer at all.
	unanswered atomic.Int64

	mu    sync.Mutex
	asked set // guarded by mu
}

func (p *Play) session(a *Actor) *session {
	t := p.config.Transport
	if t == nil {
		t = &http.Transport{MaxIdleConns: hands, MaxIdleConnsPerHost: hands, DisableCompression: true, ResponseHeaderTimeout: 30 * time.Second}
	}
	return &session{
		actor: a, config: &p.config, count: p.truth.NewCount(), asked: make(set, (p.truth.customers+63)/64),
		client: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

func (s *session) tally() Tally {
	s.mu.Lock()
	asked := s.asked.len()
	s.mu.Unlock()
	// Denials are read first, so that a tally never shows fewer requests than
	// denials.
	denied, broken := s.denied.Load(), s.broken.Load()
	return Tally{
		Name: s.actor.Name, Role: s.actor.Role, Asked: asked, Permitted: s.actor.Permitted,
		GotClear: s.count.Clear(), GotMasked: s.count.Masked(),
		Denied: int(denied), Broken: int(broken), Requests: int(s.requests.Load()), Bytes: s.count.Bytes(),
	}
}

// play acts the script, live again and again.
func (s *session) play(ctx context.Context) error {
	for {
		err := s.actor.script(ctx, s)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.config.Log.Error("an actor could not play", "actor", s.actor.Name, "error", err)
			return fmt.Errorf("%s: %w", s.actor.Name, err)
		}
		if !s.config.Live || !s.pause(ctx, 5*time.Second) {
			return nil
		}
	}
}

// pause waits, when live; it reports whether the play goes on.
func (s *session) pause(ctx context.Context, d time.Duration) bool {
	if !s.config.Live {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *session) request(ctx context.Context, path string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.Base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if s.config.Header != nil {
		h, err := s.config.Header(s.actor)
		if err != nil {
			return nil, fmt.Errorf("credential: %w", err)
		}
		for k, v := range h {
			req.Header[k] = v
		}
	}
	req.Header.Set("User-Agent", "reel-and-cart-"+s.actor.Name)
	return req, nil
}

// A span is a range of customers by position: [from, to).
type span struct{ from, to int }

func only(i int) span { return span{i, i + 1} }

var nobody = span{0, 0}

// patience is how many requests in a row may go without any answer before an
// actor takes it that nobody is there. A door may well hang up on a thief.
const patience = 50

// get asks for a path, which is about some customers, and has the judge read the
// answer. It gives an error if nobody seems to be there any more; everything else
// is play.
func (s *session) get(ctx context.Context, path string, about span) error {
	s.mu.Lock()
	for i := about.from; i < min(about.to, s.count.truth.customers); i++ {
		s.asked.put(int32(i))
	}
	s.mu.Unlock()
	req, err := s.request(ctx, path)
	if err != nil {
		return err
	}
	// Every other request asks for gzip: what the wire carries must not matter.
	n := s.requests.Add(1)
	if n%2 == 0 {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	res, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		s.broken.Add(1)
		s.denied.Add(1)
		if s.unanswered.Add(1) >= patience {
			return fmt.Errorf("no answer to %d requests: %w", patience, withoutURL(err))
		}
		return nil
	}
	s.unanswered.Store(0)
	defer res.Body.Close()
	who := -1
	if about.to-about.from == 1 {
		who = about.from
	}
	broken := s.count.Receive(res, who) != nil
	if ctx.Err() != nil {
		return nil // broken off by the end of the play
	}
	if broken {
		s.broken.Add(1)
	}
	if broken || refused(res.StatusCode) {
		s.denied.Add(1)
	}
	return nil
}

// withoutURL leaves out what net/http puts before an error: the address may name
// a customer.
func withoutURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

func refused(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusUnavailableForLegalReasons, http.StatusServiceUnavailable:
		return true
	}
	return false
}

// hands is how many requests a thief has under way at once.
const hands = 12

// each does something for 0 to n-1, with as many hands as are given, resting
// between a hand's turns when live. It ends with the first error.
func (s *session) each(ctx context.Context, n, hands int, rest time.Duration, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(hands, n) {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
				if !s.pause(ctx, rest) {
					return
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

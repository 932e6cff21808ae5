package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"golang.org/x/sync/singleflight"
)

const (
	// maxKeySet and maxKeys bound what an issuer can make us read.
	maxKeySet = 512 << 10
	maxKeys   = 100
	// onDemand is how often an unknown key may have a set fetched.
	onDemand = 10 * time.Second
	// fetchTimeout bounds one fetch, from the dial to the last byte.
	fetchTimeout = 3 * time.Second
	// minRSA is the least size of an RSA key, in bits (RFC 7518 section 3.3).
	minRSA = 2048
)

var (
	errNoKeys     = errors.New("no keys that are fresh enough")
	errUnknownKey = errors.New("unknown key")
	errKeySet     = errors.New("not a JWK set")
)

// A keySet holds the public keys of one issuer, and fetches them anew.
type keySet struct {
	issuer  string
	load    func(context.Context) ([]byte, error)
	every   time.Duration // between fetches by run
	keep    time.Duration // after the last fetch that succeeded
	now     func() time.Time
	start   time.Time // what keys.loaded counts from
	log     *slog.Logger
	flight  singleflight.Group
	current atomic.Pointer[keys] // nil: none yet; written within flight only

	mu      sync.Mutex
	asked   time.Time // under mu: when a key was last asked for on demand
	failing bool      // under mu: the last fetch failed
}

// keys is one state of a set. The keys do not change.
type keys struct {
	all    []verificationKey
	source string       // what they were read from
	loaded atomic.Int64 // when they were last found so, in nanoseconds since the set's start
}

type verificationKey struct {
	id        string
	algorithm string // the only one that it is for; "": any that fits
	key       any
}

// usable gives the keys, or nil when they were last seen too long ago.
func (s *keySet) usable(now time.Time) *keys {
	k := s.current.Load()
	if k == nil || now.Sub(s.start)-time.Duration(k.loaded.Load()) > s.keep {
		return nil
	}
	return k
}

// find gives the keys that a token with this key identifier and algorithm can be
// signed with. A token that names none is accepted if there is only one.
func (s *keySet) find(ctx context.Context, kid string, alg jose.SignatureAlgorithm, now time.Time) (*keys, []any, error) {
	k := s.usable(now)
	if k != nil {
		if found := k.find(kid, alg); len(found) > 0 {
			return k, found, nil
		}
		if kid == "" {
			return nil, nil, errUnknownKey
		}
	}
	s.demand(ctx, now)
	if k = s.usable(now); k == nil {
		return nil, nil, errNoKeys
	}
	if found := k.find(kid, alg); len(found) > 0 {
		return k, found, nil
	}
	return nil, nil, errUnknownKey
}

func (k *keys) find(kid string, alg jose.SignatureAlgorithm) []any {
	if kid == "" && len(k.all) != 1 {
		return nil
	}
	var found []any
	for _, v := range k.all {
		if (kid == "" || v.id == kid) && v.fits(alg) {
			found = append(found, v.key)
		}
	}
	return found
}

// fits reports whether the key is one for that algorithm. A key is never used in
// another manner than its own type's, whatever a token says.
func (v *verificationKey) fits(alg jose.SignatureAlgorithm) bool {
	if v.algorithm != "" && v.algorithm != string(alg) {
		return false
	}
	switch key := v.key.(type) {
	case *rsa.PublicKey:
		return alg == jose.RS256 || alg == jose.PS256
	case *ecdsa.PublicKey:
		return alg == jose.ES256 && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}

// demand fetches the set because somebody asks for a key that it does not have.
// Anybody can ask for any key, so this is done once in a while; all who ask
// meanwhile wait for the same answer.
func (s *keySet) demand(ctx context.Context, now time.Time) {
	s.flight.Do("", func() (any, error) {
		s.mu.Lock()
		early := !s.asked.IsZero() && now.Sub(s.asked) < onDemand
		if !early {
			s.asked = now
		}
		s.mu.Unlock()
		if !early {
			s.fetch(ctx)
		}
		return nil, nil
	})
}

// run fetches the set again and again until ctx ends.
func (s *keySet) run(ctx context.Context) {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		s.flight.Do("", func() (any, error) {
			s.fetch(ctx)
			return nil, nil
		})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// fetch reads the set. What is read replaces all that was, so that a key taken
// back is gone; what cannot be read changes nothing. Within flight only.
func (s *keySet) fetch(ctx context.Context) error {
	// Others wait for this fetch too: one of them leaving does not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	b, err := s.load(ctx)
	var fresh *keys
	if err == nil {
		if k := s.current.Load(); k != nil && k.source == string(b) {
			fresh = k
		} else {
			fresh, err = parseKeySet(b)
		}
	}
	if err == nil {
		fresh.loaded.Store(int64(s.now().Sub(s.start)))
	}
	s.mu.Lock()
	failed := s.failing
	s.failing = err != nil
	s.mu.Unlock()
	if err != nil {
		if !failed {
			s.log.LogAttrs(ctx, slog.LevelError, "keys of an issuer cannot be fetched",
				slog.String("issuer", s.issuer), slog.Any("error", err))
		}
		return err
	}
	if s.current.Swap(fresh) != fresh || failed {
		s.log.LogAttrs(ctx, slog.LevelInfo, "keys of an issuer fetched",
			slog.String("issuer", s.issuer), slog.Int("keys", len(fresh.all)))
	}
	return nil
}

// parseKeySet reads a JWK set (RFC 7517 section 5). Keys that cannot verify an
// accepted signature are passed over, as the RFC has it. A set with a private or
// shared key in it is refused as a whole: its issuer is giving away what signs.
func parseKeySet(b []byte) (*keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil || set.Keys == nil {
		return nil, errKeySet
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the JWK set has more than %d keys", maxKeys)
	}
	k := &keys{source: string(b)}
	for _, raw := range set.Keys {
		members, ok := parseClaims(raw)
		if !ok {
			return nil, errKeySet
		}
		for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
			if _, there := members[secret]; there {
				return nil, errors.New("the JWK set holds a secret key")
			}
		}
		if use, ok := members.text("use"); !ok || use != "" && use != "sig" {
			continue
		}
		if ops, ok := members.list("key_ops"); !ok || ops != nil && !slices.Contains(ops, "verify") {
			continue
		}
		var jwk jose.JSONWebKey
		if json.Unmarshal(raw, &jwk) != nil || !jwk.Valid() || len(jwk.KeyID) > maxIdentifier {
			continue
		}
		if key, ok := jwk.Key.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
			continue
		}
		v := verificationKey{id: jwk.KeyID, algorithm: jwk.Algorithm, key: jwk.Key}
		if v.algorithm == "Ed25519" { // RFC 9864's name for EdDSA with this curve
			v.algorithm = string(jose.EdDSA)
		}
		if slices.ContainsFunc(algorithms, v.fits) {
			k.all = append(k.all, v)
		}
	}
	return k, nil
}

// openKeySet checks where keys come from. A file must be readable at once; a URL
// may be down when Weir starts.
func (a *Authenticator) openKeySet(at string, c TokenIssuer) (*keySet, error) {
	s := &keySet{issuer: c.Issuer, now: func() time.Time { return a.now() }, start: a.now(), log: a.log}
	var errs []error
	refresh := 5 * time.Minute
	switch {
	case (c.KeysFile == "") == (c.KeysURL == ""):
		return nil, fmt.Errorf("%s.keys-file: either keys-file or keys-url is needed", at)
	case c.KeysFile != "":
		refresh = 5 * time.Second
		s.load = func(context.Context) ([]byte, error) { return readFile(c.KeysFile, maxKeySet) }
		if c.CAFile != "" {
			errs = append(errs, fmt.Errorf("%s.ca-file: there is no server to verify", at))
		}
		if err := s.fetch(context.Background()); err != nil {
			errs = append(errs, fmt.Errorf("%s.keys-file: %w", at, err))
		}
	default:
		errs = append(errs, urlField(at+".keys-url", c.KeysURL))
		client, err := a.newClient(c.CAFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.ca-file: %w", at, err))
		}
		s.load = func(ctx context.Context) ([]byte, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.KeysURL, nil)
			if err != nil {
				return nil, err
			}
			req.Header.Set("Accept", "application/jwk-set+json, application/json")
			return client.do(req, maxKeySet)
		}
	}
	errs = append(errs, durationField(at+".refresh", &c.Refresh, refresh, time.Second, 24*time.Hour))
	errs = append(errs, durationField(at+".keep-keys", &c.KeepKeys, max(time.Hour, c.Refresh), max(c.Refresh, time.Second), 24*time.Hour))
	s.every, s.keep = c.Refresh, c.KeepKeys
	return s, errors.Join(errs...)
}

// readFile reads a file of at most size bytes.
func readFile(name string, size int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, size)
}

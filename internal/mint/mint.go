// Package mint issues signed tokens as an authorization server would: for the
// demonstration and for tests.
//
// An Issuer holds one key that signs and the public keys that it still vouches
// for, which it publishes as a JWK set in a file or over HTTP.
//
// It guarantees that what it signs verifies against what it publishes until the
// key is retired.
//
// It authenticates nobody and keeps its keys in memory only: it is not for
// production.
package mint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// An Issuer signs tokens (JWT, RFC 7519) in its name. It is safe for concurrent
// use.
type Issuer struct {
	name      string
	algorithm jose.SignatureAlgorithm

	mu     sync.Mutex
	signer jose.Signer       // under mu
	public []jose.JSONWebKey // under mu: all that still verify, the newest last
}

// NewIssuer makes an issuer of that name (the "iss" of its tokens) with a fresh
// key for algorithm: EdDSA, ES256, RS256 or PS256.
func NewIssuer(name, algorithm string) (*Issuer, error) {
	i := &Issuer{name: name, algorithm: jose.SignatureAlgorithm(algorithm)}
	if err := i.Rotate(); err != nil {
		return nil, err
	}
	return i, nil
}

// Name gives the "iss" of the issuer's tokens.
func (i *Issuer) Name() string { return i.name }

// Rotate signs with a fresh key from now on. The older keys stay published until
// Retire.
func (i *Issuer) Rotate() error {
	key, err := generate(i.algorithm)
	if err != nil {
		return fmt.Errorf("make signing key: %w", err)
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(i.algorithm), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: i.algorithm, Key: jwk},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return fmt.Errorf("make signer: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signer = signer
	i.public = append(i.public, jwk.Public())
	return nil
}

// Retire stops vouching for all keys but the one that signs.
func (i *Issuer) Retire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.public = i.public[len(i.public)-1:]
}

func generate(algorithm jose.SignatureAlgorithm) (crypto.Signer, error) {
	switch algorithm {
	case jose.EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.RS256, jose.PS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("unknown algorithm %q", algorithm)
}

// Sign gives a token with these claims, in the compact form of RFC 7515. "iss" is
// the issuer's name unless claims say otherwise. Times are whole seconds since
// 1970, as time.Time.Unix gives them. claims is not changed.
func (i *Issuer) Sign(claims map[string]any) (string, error) {
	all := map[string]any{"iss": i.name}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	i.mu.Lock()
	signer := i.signer
	i.mu.Unlock()
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed.CompactSerialize()
}

// KeySet gives the public keys as a JWK set (RFC 7517).
func (i *Issuer) KeySet() ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return json.Marshal(jose.JSONWebKeySet{Keys: i.public})
}

// WriteKeySet writes the JWK set to a file, in one step: a reader sees the set
// before or the set after.
func (i *Issuer) WriteKeySet(file string) error {
	set, err := i.KeySet()
	if err != nil {
		return fmt.Errorf("encode key set: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".keys-*")
	if err != nil {
		return fmt.Errorf("write key set: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(set)
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write key set: %w", err)
	}
	return nil
}

// ServeHTTP answers with the JWK set.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	set, err := i.KeySet()
	if err != nil {
		http.Error(w, "no keys", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Write(set)
}

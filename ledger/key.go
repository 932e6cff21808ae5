package ledger

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ErrKey is what Open, Create and Verify say of a key that is missing, badly
// written, or not the one that the log was made with.
var ErrKey = errors.New("ledger key does not fit")

// A Key signs checkpoints: Ed25519 in the form of a C2SP signed note. Its name
// is the log's origin, which stands in the first line of every checkpoint. The
// zero Key is not valid. A Key may be used concurrently if its signer may.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
	sealing  []byte // keys the seals of the log's own cursors; secret
}

// GenerateKey makes a fresh key for the log named origin, and gives its secret
// text, which ParseKey reads back and which belongs in a file that only the
// server can read. An origin is a host and path without spaces or plus signs,
// such as "weir.example.com/ledger/node-1".
func GenerateKey(origin string) (k Key, secret string, err error) {
	if origin == "" || strings.ContainsAny(origin, "+ \t\r\n") {
		return Key{}, "", fmt.Errorf("%w: an origin is a name without spaces or +", ErrKey)
	}
	secret, _, err = note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return Key{}, "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	k, err = ParseKey(secret)
	return k, secret, err
}

// ParseKey reads the secret text of a key, as GenerateKey and other tools for
// signed notes write it: PRIVATE+KEY+name+hash+data.
func ParseKey(secret string) (Key, error) {
	secret = strings.TrimSpace(secret)
	signer, err := note.NewSigner(secret)
	if err != nil {
		// The cause may quote the text: it is not passed on.
		return Key{}, fmt.Errorf("%w: not a private note key", ErrKey)
	}
	// NewSigner has found five parts: PRIVATE, KEY, name, hash, data. Base64 may
	// itself hold a plus sign, so the data is all behind the fourth.
	seed, err := base64.StdEncoding.DecodeString(strings.SplitN(secret, "+", 5)[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return Key{}, fmt.Errorf("%w: not an Ed25519 note key", ErrKey)
	}
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	text, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return joinKey(signer, text, seed[1:])
}

// sealInfo is the HKDF info (RFC 5869) under which the key of seals is derived: from
// the seed or, where that is kept elsewhere, from a signature on sealInfo, which is
// no text of a checkpoint. Ed25519 signs the same text in the same way (RFC 8032,
// section 5.1.6); a signer that does not only makes seals that are refused.
const sealInfo = "weir ledger cursor seal 1\n"

// NewKey joins a signer that keeps its secret elsewhere, such as a key
// management service, with the text of its public half.
func NewKey(signer note.Signer, verifier string) (Key, error) {
	secret, err := signer.Sign([]byte(sealInfo))
	if err != nil {
		return Key{}, fmt.Errorf("%w: its signer does not sign: %w", ErrKey, err)
	}
	return joinKey(signer, verifier, secret)
}

func joinKey(signer note.Signer, verifier string, secret []byte) (Key, error) {
	v, err := note.NewVerifier(strings.TrimSpace(verifier))
	if err != nil || v.Name() != signer.Name() || v.KeyHash() != signer.KeyHash() {
		return Key{}, fmt.Errorf("%w: signer and verifier are not of one key", ErrKey)
	}
	sealing, err := hkdf.Key(sha256.New, secret, nil, sealInfo, sha256.Size)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return Key{signer: signer, verifier: v, public: strings.TrimSpace(verifier), sealing: sealing}, nil
}

// Verifier gives the public half as text (name+hash+data). It is what an auditor
// gives to Verify, and is not secret.
func (k Key) Verifier() string { return k.public }

// Origin names the log that the key signs for.
func (k Key) Origin() string {
	if k.signer == nil {
		return ""
	}
	return k.signer.Name()
}

// String gives the public half.
func (k Key) String() string { return k.public }

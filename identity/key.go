package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// keyIssuer vouches for the principals of API keys: the configuration itself.
const keyIssuer = "api-keys"

const (
	keyPrefix  = "weir_"
	hashPrefix = "sha256:"
	keyRandom  = 20 // bytes
)

// keyEncoding writes keys in characters that survive a double click, a URL and
// being read aloud.
var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewKey makes an API key and the hash of it that Key.Hashes takes. The key is
// "weir_", 160 random bits and their checksum (IsKey), in 44 characters; it is to
// be shown once, and kept nowhere.
func NewKey() (key, hash string) {
	random := make([]byte, keyRandom)
	rand.Read(random)
	key = keyPrefix + keyEncoding.EncodeToString(random)
	key += keyChecksum(key)
	return key, HashKey(key)
}

// HashKey gives the hash of a key that Key.Hashes takes. The key must be as hard
// to guess as one of NewKey's.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// IsKey reports whether s is in the form of a key of NewKey, and its checksum
// (CRC-32, IEEE) right: whoever finds it in a log or a repository can tell it
// from other strings without asking anybody.
func IsKey(s string) bool {
	body := len(keyPrefix) + keyEncoding.EncodedLen(keyRandom)
	return strings.HasPrefix(s, keyPrefix) &&
		len(s) == body+keyEncoding.EncodedLen(crc32.Size) &&
		s[body:] == keyChecksum(s[:body])
}

func keyChecksum(s string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s)))
	return keyEncoding.EncodeToString(sum)
}

// apiKey is one hash of a Key.
type apiKey struct {
	hash      [sha256.Size]byte
	principal weir.Principal
}

// findKey looks among all keys, in the same time wherever it is found: how long
// it takes tells nothing about the hashes.
func (a *Authenticator) findKey(presented string) (weir.Principal, bool) {
	sum := sha256.Sum256([]byte(presented))
	at := -1
	for i := range a.keys {
		if subtle.ConstantTimeCompare(sum[:], a.keys[i].hash[:]) == 1 {
			at = i
		}
	}
	if at < 0 {
		return weir.Principal{}, false
	}
	p := a.keys[at].principal
	if !p.Expires.IsZero() && !a.now().Before(p.Expires) {
		return weir.Principal{}, false
	}
	return p, true
}

func openKeys(keys []Key) ([]apiKey, error) {
	var all []apiKey
	var errs []error
	names := make(map[string]bool)
	hashes := make(map[[sha256.Size]byte]bool)
	for i, k := range keys {
		at := fmt.Sprintf("keys[%d]", i)
		errs = append(errs, plainField(at+".name", k.Name), plainField(at+".role", k.Role))
		if names[k.Name] {
			errs = append(errs, fmt.Errorf("%s.name: another key has this name", at))
		}
		names[k.Name] = true
		kind, err := kindField(at+".kind", k.Kind, weir.Service, weir.Staff, weir.Service)
		errs = append(errs, err)
		if len(k.Hashes) < 1 || len(k.Hashes) > 2 {
			errs = append(errs, fmt.Errorf("%s.hashes: one hash is needed, or two while the key is exchanged", at))
		}
		for j, h := range k.Hashes {
			sum, err := parseHash(h)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.hashes[%d]: %w", at, j, err))
				continue
			}
			if hashes[sum] {
				errs = append(errs, fmt.Errorf("%s.hashes[%d]: the same hash stands twice", at, j))
			}
			hashes[sum] = true
			all = append(all, apiKey{sum, keyPrincipal(k, kind, k.Expires)})
		}
	}
	return all, errors.Join(errs...)
}

func keyPrincipal(k Key, kind weir.Kind, expires time.Time) weir.Principal {
	return weir.Principal{
		Kind:       kind,
		Name:       k.Name,
		Role:       k.Role,
		Issuer:     keyIssuer,
		Credential: "key:" + k.Name,
		Expires:    expires,
	}
}

// parseHash reads what HashKey writes. What is not a hash is not repeated in the
// error: it could be the key itself, put in the wrong place.
func parseHash(s string) (sum [sha256.Size]byte, err error) {
	digits, ok := strings.CutPrefix(s, hashPrefix)
	if !ok || len(digits) != 2*len(sum) {
		return sum, fmt.Errorf("write %s and %d hexadecimal digits", hashPrefix, 2*len(sum))
	}
	if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
		return sum, fmt.Errorf("write %s and %d hexadecimal digits", hashPrefix, 2*len(sum))
	}
	return sum, nil
}

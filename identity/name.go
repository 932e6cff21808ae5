package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"strings"
)

// maxName bounds the bytes of a name that is kept as it is.
const maxName = 128

// pseudonymPrefix marks names that stand for others. A name that begins so by
// itself is replaced too, so that nobody can take the pseudonym of another.
const pseudonymPrefix = "p-"

// A namer gives the names that principals are known by.
type namer struct {
	key []byte // nil: hashes without a key
}

func openNamer(file string) (namer, error) {
	if file == "" {
		return namer{}, nil
	}
	key, err := os.ReadFile(file)
	if err != nil {
		return namer{}, err
	}
	if len(key) < 32 {
		return namer{}, fmt.Errorf("%s holds fewer than 32 bytes", file)
	}
	return namer{key}, nil
}

// name gives name itself if it is plain, and else its pseudonym, which is the
// same each time within one issuer.
func (n namer) name(issuer, name string) string {
	if isPlain(name) && !strings.HasPrefix(name, pseudonymPrefix) {
		return name
	}
	h := sha256.New()
	if n.key != nil {
		h = hmac.New(sha256.New, n.key)
	}
	return pseudonymPrefix + digest(h, "name", issuer, name)
}

// isPlain reports whether s may be printed as the name of a principal, role or
// issuer. What is left out keeps e-mail addresses, names with spaces, and
// control characters from logs and ledger.
func isPlain(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("._-:/|", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// fingerprint names a credential of the given sort without giving it away.
func fingerprint(sort string, parts ...string) string {
	return sort + ":" + digest(sha256.New(), append([]string{sort}, parts...)...)
}

// digest gives 16 hexadecimal digits of h over parts. Each part is preceded by
// its length, so that no two lists of parts are the same bytes.
func digest(h hash.Hash, parts ...string) string {
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

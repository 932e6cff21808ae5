package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A cosigner verifies cosignatures of one witness: C2SP tlog-cosignature,
// cosignature/v1 with Ed25519.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

const (
	cosignatureType   = 0x04 // of the key of a signed note
	cosignatureLength = 8 + ed25519.SignatureSize
)

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

// Verify checks sig, a time and a signature over it and msg.
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != cosignatureLength || sig[0]&0x80 != 0 {
		return false
	}
	return ed25519.Verify(c.key, cosigned(binary.BigEndian.Uint64(sig), msg), sig[8:])
}

// cosigned gives what a witness signs: that at a time, in seconds since 1970,
// msg was the largest consistent checkpoint that it had seen.
func cosigned(seconds uint64, msg []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", seconds), msg...)
}

func cosignerHash(name string, key ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{cosignatureType})
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// parseCosigner reads the public key of a witness: name+hash+data, of type 4.
func parseCosigner(text string) (*cosigner, error) {
	bad := fmt.Errorf("%w: not the public key of a witness (name+hash+data, of type 4)", ErrKey)
	parts := strings.SplitN(strings.TrimSpace(text), "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsAny(parts[0], " \t\r\n") || len(parts[1]) != 8 {
		return nil, bad
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return nil, bad
	}
	b, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(b) != 1+ed25519.PublicKeySize || b[0] != cosignatureType {
		return nil, bad
	}
	c := &cosigner{name: parts[0], hash: uint32(hash), key: ed25519.PublicKey(b[1:])}
	if cosignerHash(c.name, c.key) != c.hash {
		return nil, bad
	}
	return c, nil
}

// A quorum is how many of which witnesses make a checkpoint a witnessed one. The
// zero quorum is met by nothing.
type quorum struct {
	of   []*cosigner
	need int
}

// newQuorum reads keys; need 0 stands for all of them.
func newQuorum(keys []string, need int) (quorum, error) {
	q := quorum{need: need}
	for _, text := range keys {
		c, err := parseCosigner(text)
		if err != nil {
			return quorum{}, err
		}
		for _, other := range q.of {
			if bytes.Equal(other.key, c.key) {
				return quorum{}, fmt.Errorf("%w: two witnesses have one key", ErrKey)
			}
		}
		q.of = append(q.of, c)
	}
	if q.need == 0 {
		q.need = len(q.of)
	}
	if q.need < 0 || q.need > len(q.of) {
		return quorum{}, fmt.Errorf("%w: %d of %d witnesses cannot be met", ErrKey, need, len(q.of))
	}
	return q, nil
}

// A Witnessed says who vouches for a checkpoint besides the log itself.
type Witnessed struct {
	Checkpoint Checkpoint // zero: none; Time is that of the last cosignature
	By         int        // how many of the witnesses that were named
	Of         int        // how many were named
	Need       int        // how many are needed
}

// Holds reports whether enough witnesses have signed.
func (w Witnessed) Holds() bool { return w.By > 0 && w.By >= w.Need }

// String says it in words.
func (w Witnessed) String() string {
	if w.Of == 0 {
		return "no witnesses are named"
	}
	if w.By == 0 {
		return fmt.Sprintf("witnessed by none of %d", w.Of)
	}
	return fmt.Sprintf("witnessed by %d of %d (%d needed), %d entries, last at %s",
		w.By, w.Of, w.Need, w.Checkpoint.Size, w.Checkpoint.Time.UTC().Format(time.RFC3339))
}

// open checks the log's signature of a note and counts the cosignatures. One
// that is given under a witness's name and does not hold makes the note invalid.
func (q quorum) open(msg []byte, log *chain) (Witnessed, error) {
	var list []note.Verifier
	for _, l := range log.links {
		list = append(list, l.key)
	}
	for _, c := range q.of {
		list = append(list, c)
	}
	w := Witnessed{Of: len(q.of), Need: q.need}
	c, err := log.opened(msg, note.VerifierList(list...), func(n *note.Note) error {
		for _, c := range q.of {
			i := slices.IndexFunc(n.Sigs, func(s note.Signature) bool { return s.Name == c.name && s.Hash == c.hash })
			if i < 0 {
				continue
			}
			b, err := base64.StdEncoding.DecodeString(n.Sigs[i].Base64)
			if err != nil || len(b) != 4+cosignatureLength {
				return errNote
			}
			w.By++
			if at := time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0).UTC(); at.After(w.Checkpoint.Time) {
				w.Checkpoint.Time = at
			}
		}
		return nil
	})
	if err != nil {
		return Witnessed{}, err
	}
	w.Checkpoint.Size, w.Checkpoint.Root = c.Size, c.Root
	return w, nil
}

// cosignature gives the line of answer, what a witness said of the note msg,
// that is its cosignature. Lines by others are passed over.
func (c *cosigner) cosignature(msg, answer []byte) (line []byte, ok bool) {
	for len(answer) > 0 {
		one, rest, found := bytes.Cut(answer, []byte("\n"))
		answer = rest
		if !found || !bytes.HasPrefix(one, []byte("— ")) {
			return nil, false
		}
		one = append(bytes.Clone(one), '\n')
		text, _, found := bytes.Cut(msg, []byte("\n\n"))
		if !found {
			return nil, false
		}
		alone := append(append(bytes.Clone(text), "\n\n"...), one...)
		if n, err := note.Open(alone, note.VerifierList(c)); err == nil && len(n.Sigs) == 1 {
			return one, true
		}
	}
	return nil, false
}

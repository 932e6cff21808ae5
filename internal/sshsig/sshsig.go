// Package sshsig makes and checks SSH signatures of messages, as ssh-keygen -Y
// sign and -Y verify do, with Ed25519 keys: those of files and those of security
// keys (FIDO), which have to be touched.
//
// The formats are OpenSSH's PROTOCOL.sshsig (the signature), PROTOCOL.u2f (what a
// security key signs) and PROTOCOL.key (a key's file), and RFC 8709 (Ed25519 in
// SSH).
//
// It guarantees that a signature holds for one key, one namespace and one message
// only; that every length is checked before it is believed; and that no error
// holds a key or a message. It knows no other kinds of keys, no certificates and
// no encrypted files: for those there is ssh-keygen.
package sshsig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// The kinds of keys that are known, as they begin a line.
const (
	KindFile     = "ssh-ed25519"
	KindSecurity = "sk-ssh-ed25519@openssh.com"
)

var (
	// ErrKey is what is said of a key that cannot be read or is of another kind.
	ErrKey = errors.New("not an Ed25519 key of SSH")
	// ErrEncrypted is what is said of a private key behind a passphrase.
	ErrEncrypted = errors.New("the key is encrypted")
	// ErrSignature is what is said of a signature that does not hold.
	ErrSignature = errors.New("the signature does not hold")
)

// A Key is a public key. The zero Key verifies nothing. Keys compare with ==.
type Key struct {
	kind        string
	public      [ed25519.PublicKeySize]byte
	application string // of a security key
}

// ParseKey reads a line of an id_ed25519.pub or of authorized_keys without
// options: kind, base64, comment.
func ParseKey(line string) (Key, error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return Key{}, fmt.Errorf("%w: it is written as a line of id_ed25519.pub, %s and base64", ErrKey, KindFile)
	}
	if fields[0] != KindFile && fields[0] != KindSecurity {
		return Key{}, fmt.Errorf("%w: the kind must be %s or %s", ErrKey, KindFile, KindSecurity)
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return Key{}, fmt.Errorf("%w: behind the kind stands base64", ErrKey)
	}
	k, err := parseBlob(blob)
	if err == nil && k.kind != fields[0] {
		err = fmt.Errorf("%w: the line says another kind than the key", ErrKey)
	}
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

func parseBlob(blob []byte) (k Key, err error) {
	r := reader{b: blob}
	k.kind = string(r.string())
	public := r.string()
	if k.kind == KindSecurity {
		k.application = string(r.string())
	}
	if r.bad || len(r.b) > 0 || len(public) != len(k.public) || k.kind != KindFile && k.kind != KindSecurity {
		return Key{}, ErrKey
	}
	copy(k.public[:], public)
	return k, nil
}

func (k Key) blob() []byte {
	b := appendString(appendString(nil, []byte(k.kind)), k.public[:])
	if k.kind == KindSecurity {
		b = appendString(b, []byte(k.application))
	}
	return b
}

// String gives kind and base64, as ParseKey reads them.
func (k Key) String() string { return k.kind + " " + base64.StdEncoding.EncodeToString(k.blob()) }

// Fingerprint gives what ssh-keygen -l shows: "SHA256:" and base64.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256(k.blob())
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

const (
	magic      = "SSHSIG"
	pemType    = "SSH SIGNATURE"
	maxArmored = 16 << 10 // bytes; a signature has some 300
)

// A Signature is one taken apart. Whose Key is says nothing until Verify.
type Signature struct {
	Key       Key
	namespace string
	hash      string
	kind      string
	bytes     []byte
	flags     byte // of a security key
	counter   uint32
}

// Parse reads a signature as ssh-keygen -Y sign writes it.
func Parse(armored []byte) (*Signature, error) {
	if len(armored) > maxArmored {
		return nil, fmt.Errorf("%w: it is too long", ErrSignature)
	}
	block, rest := pem.Decode(armored)
	if block == nil || block.Type != pemType || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%w: it is not written as ssh-keygen -Y sign does", ErrSignature)
	}
	raw, ok := bytes.CutPrefix(block.Bytes, []byte(magic))
	r := reader{b: raw, bad: !ok}
	version := r.uint32()
	public := r.string()
	s := &Signature{namespace: string(r.string())}
	r.string() // reserved
	s.hash = string(r.string())
	inner := reader{b: r.string()}
	s.kind, s.bytes = string(inner.string()), bytes.Clone(inner.string())
	if s.kind == KindSecurity {
		s.flags, s.counter = inner.byte(), inner.uint32()
	}
	if r.bad || inner.bad || len(r.b) > 0 || len(inner.b) > 0 || version != 1 {
		return nil, fmt.Errorf("%w: it is malformed", ErrSignature)
	}
	var err error
	if s.Key, err = parseBlob(public); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return s, nil
}

// touched is the flag of a security key that somebody was there (WebAuthn: user
// present).
const touched = 1

// Verify reports whether s is the key's signature of the message in the
// namespace; else it fails with ErrSignature.
func (s *Signature) Verify(k Key, namespace string, message []byte) error {
	signed, ok := preimage(s.namespace, s.hash, message)
	switch {
	case k == Key{} || s.Key != k || s.kind != k.kind:
		return fmt.Errorf("%w: it is another key's", ErrSignature)
	case namespace == "" || s.namespace != namespace:
		return fmt.Errorf("%w: it is for another purpose than %s", ErrSignature, namespace)
	case !ok:
		return fmt.Errorf("%w: its hash is neither sha256 nor sha512", ErrSignature)
	case len(s.bytes) != ed25519.SignatureSize:
		return fmt.Errorf("%w: it is malformed", ErrSignature)
	}
	if k.kind == KindSecurity {
		if s.flags&touched == 0 {
			return fmt.Errorf("%w: the security key was not touched", ErrSignature)
		}
		application, sum := sha256.Sum256([]byte(k.application)), sha256.Sum256(signed)
		signed = append(application[:], s.flags)
		signed = append(binary.BigEndian.AppendUint32(signed, s.counter), sum[:]...)
	}
	if !ed25519.Verify(k.public[:], signed, s.bytes) {
		return ErrSignature
	}
	return nil
}

// preimage gives what is signed of a message.
func preimage(namespace, hash string, message []byte) ([]byte, bool) {
	b := appendString([]byte(magic), []byte(namespace))
	b = appendString(appendString(b, nil), []byte(hash))
	switch hash {
	case "sha512":
		sum := sha512.Sum512(message)
		return appendString(b, sum[:]), true
	case "sha256":
		sum := sha256.Sum256(message)
		return appendString(b, sum[:]), true
	}
	return nil, false
}

// Sign signs a message as ssh-keygen -Y sign -n namespace does.
func Sign(secret ed25519.PrivateKey, namespace string, message []byte) []byte {
	k := PublicKey(secret)
	signed, _ := preimage(namespace, "sha512", message)
	inner := appendString(appendString(nil, []byte(KindFile)), ed25519.Sign(secret, signed))
	b := binary.BigEndian.AppendUint32([]byte(magic), 1)
	b = appendString(appendString(b, k.blob()), []byte(namespace))
	b = appendString(appendString(b, nil), []byte("sha512"))
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: appendString(b, inner)})
}

// PublicKey gives the public key of a private one.
func PublicKey(secret ed25519.PrivateKey) Key {
	k := Key{kind: KindFile}
	copy(k.public[:], secret.Public().(ed25519.PublicKey))
	return k
}

// ParsePrivateKey reads an id_ed25519 as ssh-keygen writes it, without a
// passphrase; with one it fails with ErrEncrypted.
func ParsePrivateKey(file []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(file)
	if block == nil || block.Type != "OPENSSH PRIVATE KEY" {
		return nil, fmt.Errorf("%w: a private key begins with BEGIN OPENSSH PRIVATE KEY", ErrKey)
	}
	raw, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	r := reader{b: raw, bad: !ok}
	cipher := string(r.string())
	r.string() // kdf
	r.string() // its options
	n := r.uint32()
	r.string() // the public key, which stands in the other part too
	if r.bad || n != 1 {
		return nil, fmt.Errorf("%w: the file is malformed", ErrKey)
	}
	if cipher != "none" {
		return nil, ErrEncrypted
	}
	in := reader{b: r.string()}
	check, again := in.uint32(), in.uint32()
	kind := string(in.string())
	public, secret := in.string(), in.string()
	if r.bad || in.bad || check != again || kind != KindFile || len(public) != ed25519.PublicKeySize || len(secret) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: only keys of the kind %s are read", ErrKey, KindFile)
	}
	key := ed25519.NewKeyFromSeed(secret[:ed25519.SeedSize])
	if !bytes.Equal(key, secret) || !bytes.Equal(public, key[ed25519.SeedSize:]) {
		return nil, fmt.Errorf("%w: its two halves do not belong together", ErrKey)
	}
	return key, nil
}

// A reader takes SSH's encoding apart (RFC 4251, section 5). Once bad, it reads
// nothing any more.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) uint32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) byte() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) string() []byte { return r.take(uint64(r.uint32())) }

func appendString(b, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

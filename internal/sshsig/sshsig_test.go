package sshsig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func newKey(t testing.TB) (ed25519.PrivateKey, Key) {
	t.Helper()
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return secret, PublicKey(secret)
}

// TestHoldsForOneOnly: one key, one namespace, one message.
func TestHoldsForOneOnly(t *testing.T) {
	secret, key := newKey(t)
	_, other := newKey(t)
	s, err := Parse(Sign(secret, "weir-policy", []byte("a message")))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(key, "weir-policy", []byte("a message")); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"another key":       s.Verify(other, "weir-policy", []byte("a message")),
		"no key":            s.Verify(Key{}, "weir-policy", []byte("a message")),
		"another namespace": s.Verify(key, "git", []byte("a message")),
		"no namespace":      s.Verify(key, "", []byte("a message")),
		"another message":   s.Verify(key, "weir-policy", []byte("another message")),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnyByteChangedDoesNotHold: whatever is changed in a signature, it no longer
// holds, or is the same one.
func TestAnyByteChangedDoesNotHold(t *testing.T) {
	secret, key := newKey(t)
	block, _ := pem.Decode(Sign(secret, "weir-policy", []byte("a message")))
	for i := range block.Bytes {
		changed := bytes.Clone(block.Bytes)
		changed[i] ^= 1
		s, err := Parse(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: changed}))
		if err == nil {
			err = s.Verify(key, "weir-policy", []byte("a message"))
		}
		if err == nil {
			t.Errorf("byte %d changed, and it holds", i)
		}
	}
}

// TestAsSSHKeygenDoes: what ssh-keygen signs is believed, and what is signed here
// ssh-keygen believes; private and public keys of its making are read.
func TestAsSSHKeygenDoes(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Fatal("ssh-keygen is needed: apt-get install openssh-client (make tools does)")
	}
	dir := t.TempDir()
	run := func(stdin string, args ...string) {
		t.Helper()
		c := exec.Command(keygen, args...)
		c.Dir, c.Stdin = dir, bytes.NewReader([]byte(stdin))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
		}
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	run("", "-q", "-t", "ed25519", "-N", "", "-C", "ada@staff.example", "-f", "id")
	run("", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", "locked")
	run("", "-q", "-t", "ecdsa", "-N", "", "-f", "ec")

	key, err := ParseKey(string(read("id.pub")))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := ParsePrivateKey(read("id"))
	if err != nil || PublicKey(secret) != key {
		t.Fatalf("private key: %v", err)
	}
	if _, err := ParsePrivateKey(read("locked")); !errors.Is(err, ErrEncrypted) {
		t.Errorf("a key behind a passphrase: %v", err)
	}
	if _, err := ParsePrivateKey(read("ec")); !errors.Is(err, ErrKey) {
		t.Errorf("a key of another kind: %v", err)
	}
	if _, err := ParseKey(string(read("ec.pub"))); !errors.Is(err, ErrKey) {
		t.Errorf("a public key of another kind: %v", err)
	}

	message := "a message\nof two lines\n"
	if err := os.WriteFile(filepath.Join(dir, "m"), []byte(message), 0o600); err != nil {
		t.Fatal(err)
	}
	run("", "-q", "-Y", "sign", "-f", "id", "-n", "weir-policy", "m")
	s, err := Parse(read("m.sig"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(key, "weir-policy", []byte(message)); err != nil {
		t.Error(err)
	}

	if err := os.WriteFile(filepath.Join(dir, "ours.sig"), Sign(secret, "weir-policy", []byte(message)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "allowed"), []byte("ada "+key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(message, "-Y", "verify", "-f", "allowed", "-I", "ada", "-n", "weir-policy", "-s", "ours.sig")
}

// TestSecurityKeyMustBeTouched: a security key's signature counts only if somebody
// was there.
func TestSecurityKeyMustBeTouched(t *testing.T) {
	secret, plain := newKey(t)
	key := Key{kind: KindSecurity, public: plain.public, application: "ssh:"}
	sign := func(flags byte) *Signature {
		signed, _ := preimage("weir-policy", "sha512", []byte("a message"))
		application, sum := sha256.Sum256([]byte("ssh:")), sha256.Sum256(signed)
		b := append(application[:], flags)
		b = append(binary.BigEndian.AppendUint32(b, 7), sum[:]...)
		inner := appendString(appendString(nil, []byte(KindSecurity)), ed25519.Sign(secret, b))
		inner = binary.BigEndian.AppendUint32(append(inner, flags), 7)
		raw := binary.BigEndian.AppendUint32([]byte(magic), 1)
		raw = appendString(appendString(raw, key.blob()), []byte("weir-policy"))
		raw = appendString(appendString(raw, nil), []byte("sha512"))
		s, err := Parse(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: appendString(raw, inner)}))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := sign(touched).Verify(key, "weir-policy", []byte("a message")); err != nil {
		t.Error(err)
	}
	if err := sign(0).Verify(key, "weir-policy", []byte("a message")); !errors.Is(err, ErrSignature) {
		t.Errorf("untouched: %v", err)
	}
	if err := sign(touched).Verify(plain, "weir-policy", []byte("a message")); !errors.Is(err, ErrSignature) {
		t.Errorf("as a key of a file: %v", err)
	}
	if read, err := ParseKey(key.String() + " ada@staff.example"); err != nil || read != key {
		t.Errorf("%v, %v", read, err)
	}
}

// TestKeysAreReadAsWritten: a key is its text and back.
func TestKeysAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Key{kind: KindFile}
		if rapid.Bool().Draw(t, "security") {
			k.kind, k.application = KindSecurity, rapid.String().Draw(t, "application")
		}
		copy(k.public[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "public"))
		if read, err := ParseKey(k.String()); err != nil || read != k {
			t.Fatalf("%v, %v", read, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	secret, key := newKey(f)
	f.Add(Sign(secret, "weir-policy", []byte("a message")))
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Parse(b); err == nil && s.Verify(key, "weir-policy", []byte("another message")) == nil {
			t.Error("it holds for a message that was never signed")
		}
		_, _ = ParseKey(string(b))
		_, _ = ParsePrivateKey(b)
	})
}

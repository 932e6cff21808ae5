package vault

import (
	"context"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Iterations is how often a passphrase is hashed, unless told otherwise: what the
// OWASP Password Storage Cheat Sheet recommends for PBKDF2-HMAC-SHA-256. NIST SP
// 800-132, section 5.2, asks for 1,000 at least, and for as many as can be borne.
// (scrypt is not among the approved algorithms of FIPS 140.)
const Iterations = 600_000

// minIterations keeps a file that was tampered with from making guesses cheap.
const minIterations = 1000

// ErrPassphrase: the passphrase does not open the key file.
var ErrPassphrase = errors.New("wrong passphrase")

// A KeyFile is Keys in a file, sealed by a passphrase: the key-encryption keys,
// each under AES-256-GCM with a key made from the passphrase by PBKDF2 (NIST SP
// 800-132). The keys are in memory while it is open.
//
// Versions that another process adds to the file are found when a row asks for
// them.
type KeyFile struct {
	path string

	mu      sync.Mutex // guards all below
	sealing cipher.AEAD
	file    keyFile
	keks    map[int]kek
	stamp   fs.FileInfo // of the file when it was last read or written
}

type kek struct {
	aead   cipher.AEAD
	secret []byte
}

// keyFile is what stands in the file, as JSON.
type keyFile struct {
	Format     string      `json:"format"`
	KDF        string      `json:"kdf"`
	Iterations int         `json:"iterations"`
	Salt       []byte      `json:"salt"`
	Keys       []sealedKey `json:"keys"` // oldest first
}

type sealedKey struct {
	Version int       `json:"version"`
	Made    time.Time `json:"made"`
	Sealed  []byte    `json:"sealed"`
}

const (
	keyFileFormat = "weir vault keys 1"
	keyFileKDF    = "pbkdf2-hmac-sha256"
)

// CreateKeyFile makes a key file with one version. It fails with an error that is
// fs.ErrExist where there is a file. iterations: 0 for Iterations.
func CreateKeyFile(path string, passphrase []byte, iterations int) (*KeyFile, error) {
	if iterations == 0 {
		iterations = Iterations
	}
	if len(passphrase) < 8 {
		return nil, fmt.Errorf("create key file: %w: a passphrase has at least 8 characters", ErrPassphrase)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("create key file: %w", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist})
	}
	k := &KeyFile{path: path, keks: make(map[int]kek), file: keyFile{
		Format: keyFileFormat, KDF: keyFileKDF, Iterations: iterations, Salt: randomBytes(16),
	}}
	var err error
	if k.sealing, err = k.file.sealing(passphrase); err == nil {
		if err = k.add(); err == nil {
			err = k.write(true)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	return k, nil
}

// OpenKeyFile opens what CreateKeyFile made. It fails with ErrPassphrase where the
// passphrase is another, and changes nothing.
func OpenKeyFile(path string, passphrase []byte) (*KeyFile, error) {
	k := &KeyFile{path: path, keks: make(map[int]kek)}
	f, err := readKeyFile(path)
	if err == nil {
		if k.sealing, err = f.sealing(passphrase); err == nil {
			err = k.take(f)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	return k, nil
}

func readKeyFile(path string) (f keyFile, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	f, err = parseKeyFile(b)
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func parseKeyFile(b []byte) (f keyFile, err error) {
	if err := json.Unmarshal(b, &f); err != nil {
		return f, errors.New("this is no key file of a vault")
	}
	switch {
	case f.Format != keyFileFormat || f.KDF != keyFileKDF:
		return f, errors.New("this is no key file of a vault, or one of another version")
	case f.Iterations < minIterations || f.Iterations > 100_000_000 || len(f.Salt) < 16 || len(f.Keys) == 0:
		return f, errors.New("the key file is damaged")
	}
	for i, s := range f.Keys {
		if s.Version < 1 || i > 0 && s.Version <= f.Keys[i-1].Version {
			return f, errors.New("the key file is damaged: its versions are not in order")
		}
	}
	return f, nil
}

func (f *keyFile) sealing(passphrase []byte) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha256.New, string(passphrase), f.Salt, f.Iterations, keySize)
	if err != nil {
		return nil, err
	}
	return newAEAD(key)
}

func kekBinding(version int) []byte {
	return []byte("weir vault 1 key-encryption key " + strconv.Itoa(version))
}

// take unseals the versions of f that are not known yet. The caller holds mu or
// is alone.
func (k *KeyFile) take(f keyFile) error {
	for _, s := range f.Keys {
		if _, known := k.keks[s.Version]; known {
			continue
		}
		secret, err := k.sealing.Open(nil, nil, s.Sealed, kekBinding(s.Version))
		if err != nil && len(k.keks) == 0 {
			return fmt.Errorf("%w for %s (or the file is damaged); nothing was changed", ErrPassphrase, k.path)
		}
		if err != nil {
			return fmt.Errorf("%s: version %d was sealed by another passphrase, or is damaged", k.path, s.Version)
		}
		aead, err := newAEAD(secret)
		if err != nil {
			return err
		}
		k.keks[s.Version] = kek{aead, secret}
	}
	k.file = f
	return nil
}

// add makes the next version, in memory.
func (k *KeyFile) add() error {
	version := 1
	if n := len(k.file.Keys); n > 0 {
		version = k.file.Keys[n-1].Version + 1
	}
	secret := randomBytes(keySize)
	aead, err := newAEAD(secret)
	if err != nil {
		return err
	}
	k.keks[version] = kek{aead, secret}
	k.file.Keys = append(k.file.Keys[:len(k.file.Keys):len(k.file.Keys)], sealedKey{version, time.Now().UTC().Truncate(time.Second), k.sealing.Seal(nil, nil, secret, kekBinding(version))})
	return nil
}

// write makes what is in memory durable: after a crash the file is the old one or
// the new one.
func (k *KeyFile) write(fresh bool) error {
	b, err := json.MarshalIndent(&k.file, "", "  ")
	if err != nil {
		return err
	}
	tmp := k.path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if fresh { // a link, unlike a renaming, does not overwrite
		err = errors.Join(os.Link(tmp, k.path), os.Remove(tmp))
	} else {
		err = os.Rename(tmp, k.path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(k.path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Add makes a new version, which is the newest when the file is durable. One
// process at a time may call it.
func (k *KeyFile) Add() (version int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := readKeyFile(k.path)
	if err == nil {
		if err = k.take(f); err == nil {
			if err = k.add(); err == nil {
				err = k.write(false)
			}
		}
	}
	if err != nil {
		return 0, fmt.Errorf("add to key file: %w", err)
	}
	return k.newest(), nil
}

// Seal seals the file by another passphrase. Processes that have it open go on
// until they meet a version that they do not know.
func (k *KeyFile) Seal(passphrase []byte) error {
	if len(passphrase) < 8 {
		return fmt.Errorf("seal key file: %w: a passphrase has at least 8 characters", ErrPassphrase)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.file
	f.Salt = randomBytes(16)
	sealing, err := f.sealing(passphrase)
	if err != nil {
		return fmt.Errorf("seal key file: %w", err)
	}
	f.Keys = append([]sealedKey(nil), f.Keys...)
	for i := range f.Keys {
		f.Keys[i].Sealed = sealing.Seal(nil, nil, k.keks[f.Keys[i].Version].secret, kekBinding(f.Keys[i].Version))
	}
	k.sealing, k.file = sealing, f
	if err := k.write(false); err != nil {
		return fmt.Errorf("seal key file: %w", err)
	}
	return nil
}

func (k *KeyFile) newest() int { return k.file.Keys[len(k.file.Keys)-1].Version }

// find gives a version, from the file if it was added since.
func (k *KeyFile) find(version int) (kek, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e, ok := k.keks[version]; ok {
		return e, nil
	}
	f, err := readKeyFile(k.path)
	if err == nil {
		err = k.take(f)
	}
	if err != nil {
		return kek{}, err
	}
	e, ok := k.keks[version]
	if !ok {
		return kek{}, fmt.Errorf("%s has no version %d of the key-encryption keys: copy the file from the node that made it", k.path, version)
	}
	return e, nil
}

// Version is that of Keys. It looks at the file, where another process may have
// added one.
func (k *KeyFile) Version(context.Context) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.look(); err != nil {
		return 0, err
	}
	return k.newest(), nil
}

// look reads the file if another process has written it. The caller holds mu.
func (k *KeyFile) look() error {
	now, err := os.Stat(k.path)
	if err != nil {
		return err
	}
	if k.stamp != nil && os.SameFile(k.stamp, now) && k.stamp.ModTime().Equal(now.ModTime()) {
		return nil
	}
	f, err := readKeyFile(k.path)
	if err == nil {
		if err = k.take(f); err == nil {
			k.stamp = now
		}
	}
	return err
}

// Wrap is that of Keys.
func (k *KeyFile) Wrap(_ context.Context, keys [][]byte) ([][]byte, int, error) {
	k.mu.Lock()
	if err := k.look(); err != nil {
		k.mu.Unlock()
		return nil, 0, err
	}
	version := k.newest()
	e := k.keks[version]
	k.mu.Unlock()
	wrapped := make([][]byte, len(keys))
	for i := range keys {
		wrapped[i] = e.aead.Seal(nil, nil, keys[i], kekBinding(version))
	}
	return wrapped, version, nil
}

// Unwrap is that of Keys.
func (k *KeyFile) Unwrap(_ context.Context, wrapped [][]byte, version int) ([][]byte, error) {
	e, err := k.find(version)
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, len(wrapped))
	for i := range wrapped {
		if keys[i], err = e.aead.Open(nil, nil, wrapped[i], kekBinding(version)); err != nil {
			return nil, fmt.Errorf("%w: version %d of %s did not wrap this", ErrWrongKey, version, k.path)
		}
	}
	return keys, nil
}

package vault_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/store/storetest"
	"github.com/getweir/weir/vault"
)

var passphrase = []byte("correct horse battery")

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.keys")
	if _, err := vault.CreateKeyFile(path, []byte("short"), 1000); !errors.Is(err, vault.ErrPassphrase) {
		t.Error(err)
	}
	k, err := vault.CreateKeyFile(path, passphrase, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vault.CreateKeyFile(path, passphrase, 1000); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	secrets := [][]byte{[]byte(strings.Repeat("a", 64)), []byte(strings.Repeat("b", 32))}
	wrapped, version, err := k.Wrap(t.Context(), secrets)
	if err != nil || version != 1 {
		t.Fatal(version, err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(before), "aaaa") {
		t.Error("a key stands in the file")
	}
	if _, err := vault.OpenKeyFile(path, []byte("another passphrase")); !errors.Is(err, vault.ErrPassphrase) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if _, err := vault.OpenKeyFile(path+"x", passphrase); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Error("a wrong passphrase has changed the file", err)
	}

	// A version that another process adds is found.
	other, err := vault.OpenKeyFile(path, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := other.Add(); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	newer, version, err := other.Wrap(t.Context(), secrets)
	if err != nil || version != 2 {
		t.Fatal(version, err)
	}
	for v, w := range map[int][][]byte{1: wrapped, 2: newer} {
		got, err := k.Unwrap(t.Context(), w, v)
		if err != nil || string(got[0]) != string(secrets[0]) || string(got[1]) != string(secrets[1]) {
			t.Error(v, err)
		}
	}
	if _, version, err := k.Wrap(t.Context(), secrets); err != nil || version != 2 {
		t.Error("it goes on with the old version:", version, err)
	}
	if n, err := k.Version(t.Context()); err != nil || n != 2 {
		t.Error(n, err)
	}
	newer[0][20] ^= 1
	for _, c := range []struct {
		wrapped []byte
		version int
	}{{newer[0], 2}, {wrapped[0], 2}, {nil, 1}} {
		if _, err := k.Unwrap(t.Context(), [][]byte{c.wrapped}, c.version); !errors.Is(err, vault.ErrWrongKey) {
			t.Error(err)
		}
	}
	if _, err := k.Unwrap(t.Context(), wrapped, 3); err == nil || !strings.Contains(err.Error(), "no version 3") {
		t.Error(err)
	}

	// Another passphrase for the same keys.
	if err := k.Seal([]byte("a new passphrase")); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.OpenKeyFile(path, passphrase); !errors.Is(err, vault.ErrPassphrase) {
		t.Error("the old passphrase still opens:", err)
	}
	again, err := vault.OpenKeyFile(path, []byte("a new passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Unwrap(t.Context(), wrapped, 1); err != nil || string(got[0]) != string(secrets[0]) {
		t.Error(err)
	}
}

func TestWrongKeysTouchNothing(t *testing.T) {
	f := newVault(t, nil)
	create(t, f, jo(1))
	c := f.Config
	var err error
	if c.Keys, err = vault.CreateKeyFile(filepath.Join(t.TempDir(), "other.keys"), passphrase, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open(t.Context(), c); !errors.Is(err, vault.ErrWrongKey) {
		t.Error(err)
	}
	if _, err := vault.Open(t.Context(), f.Config); err != nil {
		t.Error(err)
	}
}

// A bao is a faithful transit engine: as HashiCorp Vault and OpenBao answer,
// batches and errors included. It keeps AES-256-GCM keys by version.
type bao struct {
	mu       sync.Mutex
	versions []cipher.AEAD
	least    int // oldest version that decrypts
	sealed   bool
	requests int
	hang     chan struct{} // if not nil, requests wait until it is closed
}

func (b *bao) rotate() {
	key := make([]byte, 32)
	rand.Read(key)
	block, _ := aes.NewCipher(key)
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	b.versions = append(b.versions, aead)
}

func (b *bao) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	hang := b.hang
	b.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests++
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	fail := func(status int, errs ...string) { answer(status, map[string]any{"errors": errs}) }
	switch {
	case b.sealed:
		fail(503, "Vault is sealed")
		return
	case r.Header.Get("X-Vault-Token") != "s.good":
		fail(403, "permission denied")
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/transit/keys/weir":
		answer(200, map[string]any{"data": map[string]any{"latest_version": len(b.versions), "type": "aes256-gcm96", "derived": false}})
	case "POST /v1/transit/keys/weir/rotate":
		b.rotate()
		answer(200, map[string]any{"data": map[string]any{"latest_version": len(b.versions)}})
	case "POST /v1/transit/encrypt/weir", "POST /v1/transit/decrypt/weir":
		var in struct {
			Items []map[string]string `json:"batch_input"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Items) == 0 {
			fail(400, "missing batch input to process")
			return
		}
		status, results := 200, make([]map[string]any, len(in.Items))
		for i, item := range in.Items {
			var err error
			if strings.Contains(r.URL.Path, "encrypt") {
				var plain []byte
				if plain, err = base64.StdEncoding.DecodeString(item["plaintext"]); err == nil {
					n := len(b.versions)
					results[i] = map[string]any{"ciphertext": fmt.Sprintf("vault:v%d:%s", n, base64.StdEncoding.EncodeToString(b.versions[n-1].Seal(nil, nil, plain, nil))), "key_version": n}
				}
			} else {
				var plain []byte
				if plain, err = b.decrypt(item["ciphertext"]); err == nil {
					results[i] = map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}
				}
			}
			if err != nil {
				status, results[i] = 400, map[string]any{"error": err.Error()}
			}
		}
		answer(status, map[string]any{"data": map[string]any{"batch_results": results}})
	default:
		fail(404)
	}
}

func (b *bao) decrypt(text string) ([]byte, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 || parts[0] != "vault" {
		return nil, errors.New("invalid ciphertext: no prefix")
	}
	n, err := strconv.Atoi(strings.TrimPrefix(parts[1], "v"))
	if err != nil || n < 1 || n > len(b.versions) {
		return nil, errors.New("invalid ciphertext: version could not be decoded")
	}
	if n < b.least {
		return nil, errors.New("ciphertext or signature version is disallowed by policy (too old)")
	}
	sealed, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errors.New("invalid ciphertext: could not decode base64")
	}
	return b.versions[n-1].Open(nil, nil, sealed, nil)
}

func newBao(t *testing.T) (*bao, *vault.Transit) {
	b := &bao{}
	b.rotate()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s.good\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return b, &vault.Transit{URL: server.URL, Key: "weir", TokenFile: token, Client: server.Client()}
}

func TestTransit(t *testing.T) {
	b, keys := newBao(t)
	f := newVault(t, func(c *vault.Config) { c.Keys, c.KeyTimeout, c.CachedKeys = keys, 300*time.Millisecond, -1 })
	var who []weir.Subject
	for i := range 5 {
		who = append(who, create(t, f, jo(i)).Subject)
	}
	read := func(want error, says string) {
		t.Helper()
		began := time.Now()
		rec, err := f.Read(t, who[0])
		if want == nil && (err != nil || rec.Values["name"][0].Reveal() != "Jo Example") {
			t.Fatal(err)
		}
		if want != nil && (!errors.Is(err, want) || rec != nil || !strings.Contains(err.Error(), says)) {
			t.Fatalf("%v, want %v: %s", err, want, says)
		}
		if time.Since(began) > deadline {
			t.Error("it took too long")
		}
	}
	read(nil, "")

	// Away, in every manner: closed, and open again when it is back.
	b.mu.Lock()
	b.sealed = true
	b.mu.Unlock()
	read(vault.ErrKeys, "sealed")
	if _, _, err := f.Create(t.Context(), jo(77)); !errors.Is(err, vault.ErrKeys) {
		t.Error(err)
	}
	b.mu.Lock()
	b.sealed, b.hang = false, make(chan struct{})
	b.mu.Unlock()
	read(vault.ErrKeys, "no answer within 300ms")
	b.mu.Lock()
	close(b.hang)
	b.hang = nil
	b.mu.Unlock()
	read(nil, "")
	if err := os.WriteFile(keys.TokenFile, []byte("s.stolen"), 0o600); err != nil {
		t.Fatal(err)
	}
	read(vault.ErrKeys, "refuses the token")
	if err := os.WriteFile(keys.TokenFile, []byte("s.good"), 0o600); err != nil {
		t.Fatal(err)
	}
	where := keys.URL
	keys.URL = "http://127.0.0.1:1"
	read(vault.ErrKeys, "refused")
	keys.URL = where
	read(nil, "")

	// A new version, and no use of the old one.
	if err := keys.Add(t.Context()); err != nil {
		t.Fatal(err)
	}
	done, err := f.Rotate(t.Context(), vault.Rotation{})
	if err != nil || done.Version != 2 || done.Done != 5 {
		t.Fatal(done, err)
	}
	b.mu.Lock()
	b.least = 2
	b.mu.Unlock()
	read(nil, "")
	if _, err := vault.Open(t.Context(), f.Config); err != nil {
		t.Error("the vault's own key was left behind:", err)
	}

	for what, change := range map[string]func(*vault.Transit){
		"no https":  func(c *vault.Transit) { c.URL = "http://bao.example.com:8200" },
		"no url":    func(c *vault.Transit) { c.URL = "bao" },
		"a path":    func(c *vault.Transit) { c.Key = "../sys" },
		"no token":  func(c *vault.Transit) { c.TokenFile = "" },
		"bad mount": func(c *vault.Transit) { c.Mount = "a/../../sys" },
	} {
		c := *keys
		change(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s passes", what)
		}
		if _, err := c.Version(t.Context()); err == nil {
			t.Errorf("%s is asked", what)
		}
	}
}

func TestKeysAreCachedWithinBounds(t *testing.T) {
	b, keys := newBao(t)
	f := newVault(t, func(c *vault.Config) { c.Keys, c.CachedKeys, c.KeyLife = keys, 8, time.Hour })
	var who []weir.Subject
	for i := range 20 {
		who = append(who, create(t, f, jo(i)).Subject)
	}
	asked := func(w weir.Subject) int {
		b.mu.Lock()
		before := b.requests
		b.mu.Unlock()
		if _, err := f.Describe(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.requests - before
	}
	if asked(who[0]) != 1 || asked(who[0]) != 0 {
		t.Error("a key is not remembered")
	}
	for _, w := range who[1:] {
		asked(w)
	}
	if asked(who[0]) != 1 {
		t.Error("a key is remembered beyond the bound")
	}
	short := f.Config
	short.KeyLife = time.Nanosecond
	v, err := vault.Open(t.Context(), short)
	if err != nil {
		t.Fatal(err)
	}
	f.Vault = v
	for range 2 {
		if asked(who[0]) != 1 {
			t.Error("a key is remembered beyond its time")
		}
	}
	// Run ends with its context.
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := v.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	f := newVault(t, nil)
	keys := f.Config.Keys.(*vault.KeyFile)
	const n = 50
	var who []weir.Subject
	for i := range n {
		who = append(who, create(t, f, jo(i)).Subject)
	}
	tok, err := f.Tokenise(t.Context(), vault.Tokenising{Class: "contact.email", Scope: "v"}, []vault.Owned{{Who: who[0], Value: weir.NewPlain("jo0@example.com")}})
	if err != nil {
		t.Fatal(err)
	}
	for i, reencrypt := range []bool{false, true} {
		if _, err := keys.Add(); err != nil {
			t.Fatal(err)
		}
		var last int64
		ctx, stop := context.WithCancel(t.Context())
		done, err := f.Rotate(ctx, vault.Rotation{Reencrypt: reencrypt, Progress: func(done, total int64) {
			if done < last || done > total || total != n {
				t.Errorf("%d of %d after %d", done, total, last)
			}
			last = done
		}})
		stop()
		if err != nil || done.Done != n || last != n || done.Version != i+2 {
			t.Fatalf("%+v, %v", done, err)
		}
		if again, err := f.Rotate(t.Context(), vault.Rotation{Reencrypt: reencrypt}); err != nil || again.Done != 0 {
			t.Error("it was not at its end", again, err)
		}
		for j, w := range who {
			if rec, err := f.Read(t, w); err != nil || values(rec.Values) != values(jo(j).Values) || rec.Version != 1 {
				t.Fatal(err, "a record has changed")
			}
		}
		p := f.Permit(t, who[:1], "contact.email")
		if got, err := f.Detokenise(t.Context(), p, storetest.FixtureExchange, "v", tok); err != nil || got[0].Reveal() != "jo0@example.com" {
			t.Error("a token was lost:", err)
		}
	}
	counts, newest, err := f.Keys(t.Context())
	if err != nil || newest != 3 || len(counts) != 1 || counts[3] != n {
		t.Error(counts, newest, err)
	}
}

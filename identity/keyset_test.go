package identity

import (
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getweir/weir/internal/mint"
)

// A keyServer publishes keys, well or badly.
type keyServer struct {
	*httptest.Server
	issuer *mint.Issuer
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc] // nil: the issuer's keys
}

func newKeyServer(t *testing.T, algorithm string) *keyServer {
	s := &keyServer{issuer: newIssuer(t, issuerName, algorithm)}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if h := s.answer.Load(); h != nil {
			(*h)(w, r)
			return
		}
		s.issuer.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) answers(h http.HandlerFunc) {
	if h == nil {
		s.answer.Store(nil)
		return
	}
	s.answer.Store(&h)
}

// caFile writes the certificate of a test server.
func caFile(t *testing.T, s *httptest.Server) string {
	return write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
}

func (s *keyServer) config(t *testing.T) TokenIssuer {
	return TokenIssuer{
		Issuer: issuerName, Audience: []string{audience}, KeysURL: s.URL + "/jwks.json", CAFile: caFile(t, s.Server),
		Claims: Claims{Kind: "kind"},
	}
}

func TestKeysFromAURL(t *testing.T) {
	s := newKeyServer(t, "ES256")
	d := openDoor(t, Config{Tokens: []TokenIssuer{s.config(t)}})
	if n := s.asked.Load(); n != 0 {
		t.Errorf("New asked %d times", n)
	}
	first := sign(t, s.issuer, d.claims(nil))
	d.admitted(nil, bearer(first)) // without Run: when a token needs it
	d.admitted(nil, bearer(first))
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times for one key", n)
	}

	// The issuer signs with a new key: it is fetched, but not at anybody's will.
	if err := s.issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	second := sign(t, s.issuer, d.claims(nil))
	d.refused("unknown key", nil, bearer(second))
	d.clock.forward(onDemand)
	d.admitted(nil, bearer(second))
	d.admitted(nil, bearer(first))
	for range 20 {
		d.refused("", nil, bearer(sign(t, newIssuer(t, issuerName, "ES256"), d.claims(nil))))
	}
	if n := s.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}

	// The old key is taken back: what it signed is not believed any more, not
	// even where it is remembered.
	s.issuer.Retire()
	d.clock.forward(onDemand)
	d.refused("unknown key", nil, bearer(sign(t, newIssuer(t, issuerName, "ES256"), d.claims(nil))))
	d.refused("unknown key", nil, bearer(first))
	d.admitted(nil, bearer(second))
}

func TestKeyServerFails(t *testing.T) {
	big := strings.Repeat(" ", maxKeySet+1)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write([]byte(`{"keys":[]` + big + `}`))
	z.Close()
	failures := map[string]http.HandlerFunc{
		"500":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"not JSON":   func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"no keys":    func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) },
		"secret key": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)) },
		"too long":   func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]` + big + `}`)) },
		"empty":      func(http.ResponseWriter, *http.Request) {},
		"hangs up":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"lies long": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("{"))
		},
		"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"huge headers": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) },
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			s := newKeyServer(t, "EdDSA")
			c := s.config(t)
			c.KeepKeys = 20 * time.Minute
			d := openDoor(t, Config{Tokens: []TokenIssuer{c}})
			claims := d.claims(map[string]any{"exp": d.clock.unix(24 * time.Hour)})
			good := sign(t, s.issuer, claims)

			s.answers(failure) // from the start
			d.refused("cannot be checked now", nil, bearer(good))
			s.answers(nil)
			d.clock.forward(onDemand)
			d.admitted(nil, bearer(good))

			s.answers(failure) // after it was well: the keys are kept
			d.clock.forward(19 * time.Minute)
			d.refused("unknown key", nil, bearer(sign(t, newIssuer(t, issuerName, "EdDSA"), claims)))
			d.admitted(nil, bearer(good))

			d.clock.forward(2 * time.Minute) // but not for ever
			d.refused("cannot be checked now", nil, bearer(good))
			s.answers(nil)
			d.clock.forward(onDemand)
			d.admitted(nil, bearer(good))
			if n := strings.Count(d.logs.String(), "cannot be fetched"); n != 2 {
				t.Errorf("two failures gave %d errors in the log", n)
			}
		})
	}
}

func TestAnIssuerWithoutKeysIsBelieved(t *testing.T) {
	s := newKeyServer(t, "EdDSA")
	d := openDoor(t, Config{Tokens: []TokenIssuer{s.config(t)}})
	token := sign(t, s.issuer, d.claims(nil))
	d.admitted(nil, bearer(token))
	s.answers(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) })
	d.clock.forward(onDemand)
	d.refused("unknown key", nil, bearer(sign(t, newIssuer(t, issuerName, "EdDSA"), d.claims(nil))))
	d.refused("unknown key", nil, bearer(token))
}

// The address in the configuration is trusted, and not where it leads.
func TestRedirectedKeys(t *testing.T) {
	s := newKeyServer(t, "EdDSA")
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			s.issuer.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	d := openDoor(t, Config{Tokens: []TokenIssuer{s.config(t)}})
	d.refused("cannot be checked now", nil, bearer(sign(t, s.issuer, d.claims(nil))))
}

// A slow server holds up nobody for longer than the timeout, and all who wait
// ask once.
func TestSlowKeyServer(t *testing.T) {
	s := newKeyServer(t, "EdDSA")
	release := make(chan struct{})
	s.answers(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	d := openDoor(t, Config{Tokens: []TokenIssuer{s.config(t)}})
	token := sign(t, s.issuer, d.claims(nil))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { d.refused("cannot be checked now", nil, bearer(token)) })
	}
	wg.Wait()
	close(release)
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestRunFetchesKeys(t *testing.T) {
	s := newKeyServer(t, "EdDSA")
	c := s.config(t)
	c.Refresh = time.Second
	d := openDoor(t, Config{Tokens: []TokenIssuer{c}})
	d.run()
	for s.asked.Load() < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	d.admitted(nil, bearer(sign(t, s.issuer, d.claims(nil))))
}

func TestKeysFromAFile(t *testing.T) {
	i := newIssuer(t, issuerName, "EdDSA")
	c := tokensBy(t, i)
	c.Refresh = time.Second
	d := openDoor(t, Config{Tokens: []TokenIssuer{c}})
	d.run()
	first := sign(t, i, d.claims(nil))
	d.admitted(nil, bearer(first))

	// Rotated, by the reader of the file or by a token that needs the key.
	if err := i.Rotate(); err != nil {
		t.Fatal(err)
	}
	i.Retire()
	if err := i.WriteKeySet(c.KeysFile); err != nil {
		t.Fatal(err)
	}
	second := sign(t, i, d.claims(nil))
	d.admitted(nil, bearer(second))
	d.refused("unknown key", nil, bearer(first))

	// Broken or gone: the keys are kept.
	if err := os.WriteFile(c.KeysFile, []byte(`{"keys":[{"kty`), 0o600); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(d.logs.String(), "cannot be fetched") {
		time.Sleep(10 * time.Millisecond)
	}
	d.admitted(nil, bearer(second))
	if err := os.Remove(c.KeysFile); err != nil {
		t.Fatal(err)
	}
	d.admitted(nil, bearer(second))
}

func TestKeysFileMustBeThere(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.json")
	if err := os.WriteFile(long, bytes.Repeat([]byte(" "), maxKeySet+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{filepath.Join(dir, "none.json"), long, dir} {
		_, err := New(Config{Tokens: []TokenIssuer{{
			Issuer: issuerName, Audience: []string{audience}, Kind: "staff", KeysFile: file,
		}}}, nil)
		if err == nil || !strings.Contains(err.Error(), "tokens[0].keys-file") {
			t.Errorf("%s: error %v", filepath.Base(file), err)
		}
	}
}

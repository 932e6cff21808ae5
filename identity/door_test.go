package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/mint"
)

const (
	issuerName = "https://login.example.com"
	audience   = "https://api.example.com"
	// secretSubject and secretCustomer must never print.
	secretSubject  = "jane.roe@example.com"
	secretCustomer = "cust-55501-secret"
)

// A clock goes on from now and can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }
func (c *clock) unix(d time.Duration) int64 {
	return c.now().Add(d).Unix()
}

// lockedBuffer takes log lines from many requests.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A door is a real TLS server that does nothing but authenticate.
type door struct {
	t      *testing.T
	auth   *Authenticator
	clock  *clock
	logs   *lockedBuffer
	server *httptest.Server

	mu   sync.Mutex
	last map[string]result // by X-Test
	next int
}

type result struct {
	principal weir.Principal
	denial    *weir.Denial
}

func openDoor(t *testing.T, c Config) *door {
	t.Helper()
	d := &door{t: t, clock: &clock{}, logs: &lockedBuffer{}, last: make(map[string]result)}
	log := slog.New(slog.NewTextHandler(d.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	auth, errs := open(c, log, d.clock.now)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	d.auth = auth
	d.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, denial := auth.Authenticate(r)
		d.mu.Lock()
		d.last[r.Header.Get("X-Test")] = result{p, denial}
		d.mu.Unlock()
	}))
	d.server.EnableHTTP2 = true
	d.server.TLS = &tls.Config{ClientCAs: auth.ClientCAs()}
	if d.server.TLS.ClientCAs != nil {
		d.server.TLS.ClientAuth = tls.VerifyClientCertIfGiven
	}
	d.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	d.server.StartTLS()
	t.Cleanup(d.server.Close)
	return d
}

// run has the door's Authenticator refresh its keys until the test ends.
func (d *door) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.auth.Run(ctx) }()
	d.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
	})
}

// An ask changes a request before it is sent.
type ask func(*http.Request)

func bearer(token string) ask { return header("Authorization", "Bearer "+token) }
func header(name string, values ...string) ask {
	return func(r *http.Request) { r.Header[name] = append(r.Header[name], values...) }
}

// ask sends a request and gives what the door made of it. Whatever it is, it must
// hold nothing of the credential (law 6).
func (d *door) ask(cert *tls.Certificate, asks ...ask) (weir.Principal, *weir.Denial) {
	d.t.Helper()
	d.mu.Lock()
	d.next++
	id := fmt.Sprint(d.next)
	d.mu.Unlock()

	client := d.server.Client()
	if cert != nil {
		tr := client.Transport.(*http.Transport).Clone()
		tr.TLSClientConfig.Certificates = []tls.Certificate{*cert}
		client = &http.Client{Transport: tr}
		defer tr.CloseIdleConnections()
	}
	req, err := http.NewRequest(http.MethodGet, d.server.URL+"/v1/customers", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("X-Test", id)
	for _, a := range asks {
		a(req)
	}
	resp, err := client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	d.mu.Lock()
	got, ok := d.last[id]
	d.mu.Unlock()
	if !ok {
		d.t.Fatalf("the door was not reached: %s", resp.Status)
	}
	d.printsNothing(req, got)
	return got.principal, got.denial
}

// printsNothing checks all that could be printed after a request.
func (d *door) printsNothing(req *http.Request, got result) {
	d.t.Helper()
	secrets := []string{secretSubject, secretCustomer, "jane.roe"}
	const short = 20 // of words that a message may have too
	for name, values := range req.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Cookie", d.auth.keyHeader, behalfHeader:
			for _, v := range values {
				for _, s := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" =;.,\"", r) }) {
					if len(s) > short {
						secrets = append(secrets, s)
					}
				}
			}
		}
	}
	printed := map[string]string{
		"principal": fmt.Sprintf("%v %+v %#v", got.principal, got.principal, got.principal),
		"denial":    fmt.Sprintf("%v %+v", got.denial, got.denial),
		"logs":      d.logs.String(),
	}
	for where, text := range printed {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				d.t.Errorf("%s holds %.12s...", where, s)
			}
		}
	}
	if got.denial != nil && got.denial.Reason != weir.ReasonCredential {
		d.t.Errorf("reason %q", got.denial.Reason)
	}
	if got.denial != nil && (got.principal.Name != "" || got.principal.Kind != weir.Anonymous || got.principal.Role != "") {
		d.t.Errorf("a denial came with a principal: %+v", got.principal)
	}
}

// refused asserts that what is asked is denied with these words.
func (d *door) refused(words string, cert *tls.Certificate, asks ...ask) {
	d.t.Helper()
	_, denial := d.ask(cert, asks...)
	if denial == nil {
		d.t.Errorf("let in; want a denial with %q", words)
	} else if !strings.Contains(denial.Message, words) {
		d.t.Errorf("denied with %q; want %q", denial.Message, words)
	}
}

// admitted asserts that what is asked is let in.
func (d *door) admitted(cert *tls.Certificate, asks ...ask) weir.Principal {
	d.t.Helper()
	p, denial := d.ask(cert, asks...)
	if denial != nil {
		d.t.Errorf("denied: %v", denial)
	}
	return p
}

// Claims of a token of staff that is valid for five minutes.
func (d *door) claims(more map[string]any) map[string]any {
	c := map[string]any{
		"sub": "agent-7", "aud": audience, "role": "support", "kind": "staff",
		"iat": d.clock.unix(0), "exp": d.clock.unix(5 * time.Minute),
	}
	for k, v := range more {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func newIssuer(t testing.TB, name, algorithm string) *mint.Issuer {
	t.Helper()
	i, err := mint.NewIssuer(name, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func sign(t testing.TB, i *mint.Issuer, claims map[string]any) string {
	t.Helper()
	token, err := i.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// keysFile writes the issuer's keys and gives the file.
func keysFile(t testing.TB, i *mint.Issuer) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := i.WriteKeySet(file); err != nil {
		t.Fatal(err)
	}
	return file
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tokensBy is the configuration of one issuer.
func tokensBy(t testing.TB, i *mint.Issuer) TokenIssuer {
	return TokenIssuer{
		Issuer: i.Name(), Audience: []string{audience}, KeysFile: keysFile(t, i),
		Claims: Claims{Kind: "kind", Customer: "customer_id"},
	}
}

// An authority signs client certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &authority{t, cert, key, write(t, "ca.pem", string(text))}
}

// issue signs a client certificate for a common name and subject alternative
// names, which are URIs if they have a scheme.
func (a *authority) issue(cn string, sans ...string) *tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, san := range sans {
		if u, err := url.Parse(san); err == nil && u.Scheme != "" {
			template.URIs = append(template.URIs, u)
		} else {
			template.DNSNames = append(template.DNSNames, san)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func spkiHash(c *tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

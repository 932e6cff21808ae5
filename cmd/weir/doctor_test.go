package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// doctored runs weir doctor on a site and gives the checks by name and state.
func doctored(t *testing.T, s *site) (map[string]string, int) {
	t.Helper()
	out, code := s.weir(t, "doctor", "--json")
	var r doctorResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	states := map[string]string{}
	for _, c := range r.Checks {
		if states[c.Name] == "" || states[c.Name] == fine {
			states[c.Name] = c.State
		}
		if c.State != fine && c.Do == "" || c.Text == "" {
			t.Errorf("%+v does not say what to do", c)
		}
	}
	return states, code
}

// TestDoctor breaks a deployment in one way after the other; each is found, and
// nothing else turns bad with it.
func TestDoctor(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	end := s.start(t)
	s.get(t.Context(), "/c/c-1")
	eventually(t, "entries are signed", func() bool {
		states, _ := doctored(t, s)
		return states["ledger"] == fine && states["in force"] == fine
	})
	good, code := doctored(t, s)
	for name, state := range good {
		if state == failed && name != checkUpstream { // that is this machine's matter
			t.Errorf("%s failed where nothing is wrong", name)
		}
	}
	if r := lastDoctor(filepath.Join(s.dir, "state")); r == nil || len(r.Checks) < 10 {
		t.Errorf("kept: %+v", r)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "state", doctorFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if good[checkUpstream] != failed && code != 0 {
		t.Error("exit", code)
	}
	end(syscall.SIGTERM)

	file := func(name string) string { return filepath.Join(s.dir, name) }
	read := func(name string) []byte {
		b, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := func(name string, b []byte) {
		if err := os.WriteFile(file(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	segment := "state/ledger/" + firstSegment(t, file("state/ledger"))
	for name, c := range map[string]struct {
		spoil, mend func()
		check       string
		state       string
	}{
		"a key that all can read":     {func() { _ = os.Chmod(file("state/keys/ledger.key"), 0o644) }, func() { _ = os.Chmod(file("state/keys/ledger.key"), 0o600) }, "key files", failed},
		"a folder that all can write": {func() { _ = os.Chmod(file("state/ledger"), 0o777) }, func() { _ = os.Chmod(file("state/ledger"), 0o700) }, "state files", failed},
		"a policy with a mistake":     {func() { write("policy.yaml", []byte(strings.Replace(killPolicy, "roles:", "rolls:", 1))) }, func() { write("policy.yaml", []byte(killPolicy)) }, "policy", failed},
		"a policy not in force":       {func() { write("policy.yaml", []byte(killPolicy+"# other\n")) }, func() { write("policy.yaml", []byte(killPolicy)) }, "in force", warned},
		"a ledger that was changed":   {func() { b := read(segment); b[len(b)/1000+200] ^= 1; write(segment, b) }, func() { b := read(segment); b[len(b)/1000+200] ^= 1; write(segment, b) }, "ledger", failed},
	} {
		c.spoil()
		states, code := doctored(t, s)
		c.mend()
		if states[c.check] != c.state || (code == 3) != (c.state == failed || states[checkUpstream] == failed) {
			t.Errorf("%s: %s is %q, exit %d; %v", name, c.check, states[c.check], code, states)
		}
	}
	// A server that only observes.
	cmd := program(t.Context(), t, "serve", "--observe", "--config", file("weir.yaml"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(t.Context(), s.url); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it says that nothing is enforced", func() bool { states, _ := doctored(t, s); return states[checkMode] == failed })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func firstSegment(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "0000000000") {
			return e.Name()
		}
	}
	t.Fatalf("no segment in %v", entries)
	return ""
}

// TestDoctorFindsTheWayPast: a service that listens on more than the address that
// Weir was given is reached past it.
func TestDoctorFindsTheWayPast(t *testing.T) {
	for listen, want := range map[string]string{"0.0.0.0:0": failed, "127.0.0.1:0": fine} {
		l, err := net.Listen("tcp4", listen)
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		d := &doctor{ctx: t.Context(), now: time.Now(), cfg: &config{Upstream: fmt.Sprintf("http://127.0.0.1:%d", port)},
			addresses: []netip.Addr{netip.MustParseAddr("127.0.0.2")}} // stands for an address of the network
		d.upstream([]string{"office"})
		l.Close()
		if got := states(d)[checkUpstream]; got != want {
			t.Errorf("a service at %s: %s, not %s: %+v", listen, got, want, d.result.Checks)
		}
		if len(d.result.Try) != 1 || !strings.Contains(d.result.Try[0], "from office: curl") || !strings.Contains(d.result.Try[0], fmt.Sprintf("127.0.0.2:%d", port)) {
			t.Error(d.result.Try)
		}
	}
	u, _ := url.Parse("http://shop.internal.example:1")
	d := &doctor{ctx: t.Context(), now: time.Now(), cfg: &config{Upstream: u.String()}}
	d.upstream(nil)
	if s := states(d); s[checkUpstream] != warned || s["service"] != failed {
		t.Error(d.result.Checks)
	}
}

func states(d *doctor) map[string]string {
	all := map[string]string{}
	for _, c := range d.result.Checks {
		all[c.Name] = c.State
	}
	return all
}

func TestDoctorReadsCertificates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := tlsConfig{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	put := func(path, kind string, b []byte) {
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(c.Key, "EC PRIVATE KEY", der)
	now := time.Now()
	for left, want := range map[time.Duration]string{-time.Hour: failed, 24 * time.Hour: warned, 90 * 24 * time.Hour: fine} {
		cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(left)},
			&x509.Certificate{}, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		put(c.Certificate, "CERTIFICATE", cert)
		d := &doctor{ctx: t.Context(), now: now, cfg: &config{TLS: c}}
		d.certificates()
		if got := states(d)["tls"]; got != want {
			t.Errorf("%s left: %s, not %s", left, got, want)
		}
	}
	d := &doctor{ctx: t.Context(), now: now, cfg: &config{Listen: "0.0.0.0:8080"}}
	d.certificates()
	if states(d)["tls"] != warned {
		t.Error("plain HTTP to everybody passes")
	}
}

// TestDoctorSeesWhatIsBehind: what an archive or a witness has not reached is
// measured by its age.
func TestDoctorSeesWhatIsBehind(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	s.configure(t, "ledger: {archive: {to: archive}}\n")
	end := s.start(t)
	s.get(t.Context(), "/c/c-1")
	end(syscall.SIGTERM)
	cfg, err := loadConfig(filepath.Join(s.dir, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	look := func(later time.Duration) map[string]string {
		d := &doctor{ctx: t.Context(), now: time.Now().Add(later), cfg: cfg}
		d.vouched()
		d.copies()
		return states(d)
	}
	// The end of the server has archived all of it, however long ago.
	if got := look(48 * time.Hour); got["archive"] != fine || got["copy"] != fine || got["witnesses"] != warned {
		t.Error(got)
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "archive")); err != nil {
		t.Fatal(err)
	}
	cfg.Ledger.Witnesses = []witnessConfig{{Key: "witness.example+1+x", URL: "http://127.0.0.1:9"}} // that has signed nothing
	for later, want := range map[time.Duration]string{0: fine, time.Hour: warned, 48 * time.Hour: failed} {
		if got := look(later); got["archive"] != want || got["witnesses"] != want {
			t.Errorf("after %s: %v", later, got)
		}
	}
}

// asksStore tells what weir doctor says of a site's store.
func asksStore(t *testing.T, s *site) map[string]string {
	t.Helper()
	cfg, err := loadConfig(filepath.Join(s.dir, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d := &doctor{ctx: t.Context(), now: time.Now(), cfg: cfg}
	d.store()
	return states(d)
}

// TestDoctorMissesTheStore: a shared store that does not answer is a failure.
func TestDoctorMissesTheStore(t *testing.T) {
	s := newSite(t, "http://127.0.0.1:9", killPolicy)
	s.configure(t, "store: {postgres: \"postgres://weir@127.0.0.1:1/weir?connect_timeout=2\"}\n")
	if err := os.Rename(filepath.Join(s.dir, "state", subjectsFile), filepath.Join(s.dir, "moved")); err != nil {
		t.Fatal(err)
	}
	if got := asksStore(t, s); got["store"] != failed {
		t.Error(got)
	}
}

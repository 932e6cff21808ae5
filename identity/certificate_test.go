package identity

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
)

func TestClientCertificates(t *testing.T) {
	ca, other := newAuthority(t, "services"), newAuthority(t, "partners")
	d := openDoor(t, Config{Certificates: []CertificateIssuer{
		{Issuer: "services-ca", CAFile: ca.file, Clients: []CertificateClient{
			{URI: "spiffe://example.org/recommender", Name: "recommender", Role: "recommender"},
			{DNS: "export.example.com", Name: "export", Role: "marketing"},
			{CN: "ops", Name: "ops-1", Role: "support", Kind: "staff"},
		}},
		{Issuer: "partners-ca", CAFile: other.file, Clients: []CertificateClient{
			{CN: "partner", Name: "partner", Role: "partner"},
		}},
	}})
	for _, tt := range []struct {
		name   string
		cert   *tls.Certificate
		who    string // "": denied
		kind   weir.Kind
		issuer string
	}{
		{"by URI", ca.issue("x", "spiffe://example.org/recommender"), "recommender", weir.Service, "services-ca"},
		{"by DNS name", ca.issue("x", "export.example.com"), "export", weir.Service, "services-ca"},
		{"by common name", ca.issue("ops"), "ops-1", weir.Staff, "services-ca"},
		{"of another authority", other.issue("partner"), "partner", weir.Service, "partners-ca"},
		{"of nobody", ca.issue("nobody"), "", 0, ""},
		{"a name of another authority's", other.issue("ops"), "", 0, ""},
		{"a URI as a common name", ca.issue("spiffe://example.org/recommender"), "", 0, ""},
		{"a longer name", ca.issue("x", "a.export.example.com"), "", 0, ""},
		{"of two clients", ca.issue("ops", "export.example.com"), "", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			p, denial := d.ask(tt.cert)
			if tt.who == "" {
				if denial == nil {
					t.Errorf("let in as %+v", p)
				}
				return
			}
			if denial != nil {
				t.Fatal(denial)
			}
			if p.Name != tt.who || p.Kind != tt.kind || p.Issuer != tt.issuer ||
				p.Credential != "cert:"+spki(tt.cert.Leaf) || !p.Expires.Equal(tt.cert.Leaf.NotAfter) {
				t.Errorf("got %+v", p)
			}
		})
	}
	d.t = t
	if p := d.admitted(nil); p.Kind != weir.Anonymous || p.Role != RoleAnonymous || p.Credential != "" {
		t.Errorf("without a certificate: %+v", p)
	}
	d.clock.forward(2 * time.Hour) // on a connection that lives on
	d.refused("has expired", ca.issue("ops"))
}

// A server that asks for certificates and does not verify them proves nothing.
func TestUnverifiedCertificate(t *testing.T) {
	ca := newAuthority(t, "services")
	a, err := New(Config{Certificates: []CertificateIssuer{{
		Issuer: "services-ca", CAFile: ca.file, Clients: []CertificateClient{{CN: "ops", Name: "ops-1", Role: "support"}},
	}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{}
	r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, ca.issue("ops").Leaf)
	if _, denial := a.Authenticate(r); denial == nil || !strings.Contains(denial.Message, "not verified") {
		t.Errorf("denial %v", denial)
	}
}

func TestTokensBoundToACertificate(t *testing.T) {
	ca := newAuthority(t, "services")
	i := newIssuer(t, issuerName, "EdDSA")
	d := openDoor(t, Config{
		Tokens:       []TokenIssuer{tokensBy(t, i)},
		Certificates: []CertificateIssuer{{Issuer: "services-ca", CAFile: ca.file}},
	})
	mine, thief := ca.issue("app"), ca.issue("thief")
	sum := sha256.Sum256(mine.Leaf.Raw)
	bound := sign(t, i, d.claims(map[string]any{
		"cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])},
	}))
	for range 2 { // the second time from memory
		if p := d.admitted(mine, bearer(bound)); p.Name != "agent-7" {
			t.Errorf("got %+v", p)
		}
		d.refused("another certificate", thief, bearer(bound))
		d.refused("not shown", nil, bearer(bound))
	}
	// A token that is not bound does not make up for an unknown certificate.
	d.refused("nobody known", thief, bearer(sign(t, i, d.claims(nil))))
}

func TestTrustedProxies(t *testing.T) {
	ca := newAuthority(t, "edge")
	edge, pinned, stranger := ca.issue("x", "edge.example.com"), ca.issue("y"), ca.issue("z", "other.example.com")
	partners := newAuthority(t, "partners")
	i := newIssuer(t, issuerName, "EdDSA")
	d := openDoor(t, Config{
		Tokens: []TokenIssuer{tokensBy(t, i)},
		Certificates: []CertificateIssuer{{Issuer: "partners-ca", CAFile: partners.file}, {Issuer: "services-ca", CAFile: ca.file, Clients: []CertificateClient{
			{DNS: "other.example.com", Name: "other", Role: "support"},
		}}},
		Proxies: []Proxy{
			{Name: "edge", CAFile: ca.file, SAN: []string{"edge.example.com"}, UserHeader: "X-Remote-User", RoleHeader: "X-Remote-Role",
				Kind: "staff", Roles: []string{"support", "admin"}},
			{Name: "shop", CAFile: ca.file, SPKI: []string{spkiHash(pinned)}, UserHeader: "X-Shop-Customer",
				Kind: "customer", Role: "subscriber"},
		},
	})
	staff := []ask{header("X-Remote-User", "agent-7"), header("X-Remote-Role", "support")}

	p := d.admitted(edge, staff...)
	if p.Name != "agent-7" || p.Role != "support" || p.Kind != weir.Staff || p.Issuer != "edge" || !strings.HasPrefix(p.Credential, "proxy:") {
		t.Errorf("got %+v", p)
	}
	p = d.admitted(edge, header("X-Remote-User", secretSubject), header("X-Remote-Role", "support"))
	if !strings.HasPrefix(p.Name, "p-") {
		t.Errorf("got %+v", p)
	}
	p = d.admitted(pinned, header("X-Shop-Customer", secretCustomer))
	if p.Kind != weir.Customer || p.Name != "" || p.Own.Value.Reveal() != secretCustomer || p.Role != "subscriber" {
		t.Errorf("got %+v", p)
	}
	if p = d.admitted(edge); p.Kind != weir.Anonymous {
		t.Errorf("a proxy that names nobody: %+v", p)
	}
	if p = d.admitted(edge, append(staff, bearer(sign(t, i, d.claims(nil))))...); p.Issuer != issuerName {
		t.Errorf("a proxy and a token that agree: %+v", p)
	}

	const spoofed = "only a trusted proxy"
	d.refused(spoofed, nil, staff...)
	d.refused(spoofed, stranger, staff...)
	d.refused(spoofed, partners.issue("x", "edge.example.com"), staff...) // its name, by another authority
	d.refused(spoofed, nil, header("X-Remote-Role", "admin"))
	d.refused(spoofed, nil, header("X-Remote-User", ""))
	d.refused(spoofed, nil, append(staff, bearer(sign(t, i, d.claims(nil))))...)
	d.refused(spoofed, pinned, staff...)
	d.refused(spoofed, edge, append(staff, header("X-Shop-Customer", "1"))...)
	d.refused("looks like a credential", nil, header("X_Remote_User", "agent-7"))
	d.refused("looks like a credential", edge, append(staff, header("X_Remote_user", "admin-1"))...)
	d.refused("shown twice", edge, header("X-Remote-User", "agent-7", "admin-1"))
	d.refused("nobody who has it", edge, header("X-Remote-Role", "support"))
	d.refused("names nobody", edge, header("X-Remote-User", ""), header("X-Remote-Role", "support"))
	d.refused("names no role", edge, header("X-Remote-User", "agent-7"))
	d.refused("no role that is accepted", edge, header("X-Remote-User", "agent-7"), header("X-Remote-Role", "root"))
	d.refused("disagree", edge, header("X-Remote-User", "admin-1"), header("X-Remote-Role", "support"), bearer(sign(t, i, d.claims(nil))))
}

func TestReadCertificates(t *testing.T) {
	ca := newAuthority(t, "x")
	if _, err := readCertificates(ca.file); err != nil {
		t.Error(err)
	}
	for _, content := range []string{
		"", "no PEM",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		if _, err := readCertificates(write(t, "ca.pem", content)); err == nil {
			t.Errorf("%q is read as certificates", content)
		}
	}
}

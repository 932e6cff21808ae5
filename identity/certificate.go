package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// maxCertificates bounds the bytes of a file of certificates.
const maxCertificates = 1 << 20

// A certificateIssuer is an authority and whom its certificates stand for.
type certificateIssuer struct {
	cas     []*x509.Certificate
	clients []certificateClient
}

type certificateClient struct {
	uri, dns, cn string // one of them is given
	principal    weir.Principal
}

// A trustedProxy is believed about who sends a request.
type trustedProxy struct {
	name       string
	cas        []*x509.Certificate
	keys       [][sha256.Size]byte // SHA-256 of SubjectPublicKeyInfo
	sans       []string
	userHeader string // canonical
	roleHeader string // canonical; "": none
	kind       weir.Kind
	role       string
	roles      []string
}

// A peer is who holds the other end of the connection, as its certificate says.
type peer struct {
	leaf   *x509.Certificate // nil: it shows none
	client *weir.Principal   // nil: the certificate is of no client
	proxy  *trustedProxy     // nil: the certificate is of no proxy
}

// ClientCAs gives the authorities of all clients and proxies, for a server's
// tls.Config.ClientCAs, together with ClientAuth: tls.VerifyClientCertIfGiven. It
// is nil if there are none: the server is then not to ask for certificates.
func (a *Authenticator) ClientCAs() *x509.CertPool {
	if len(a.cas) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	for _, c := range a.cas {
		pool.AddCert(c)
	}
	return pool
}

// certificate reads the client certificate, which the TLS server has verified. It
// is checked once more for its time, since connections live long.
func (a *Authenticator) certificate(r *http.Request) (peer, *weir.Denial) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return peer{}, nil
	}
	if len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return peer{}, refuse("The client certificate was not verified.")
	}
	leaf := r.TLS.VerifiedChains[0][0]
	now := a.now()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return peer{}, refuse("The client certificate has expired or is not valid yet.")
	}
	p := peer{leaf: leaf}
	for i := range a.proxies {
		proxy := &a.proxies[i]
		if chainsTo(r.TLS.VerifiedChains, proxy.cas) && proxy.is(leaf) {
			if p.proxy != nil {
				return peer{}, refuse("The client certificate is of two proxies.")
			}
			p.proxy = proxy
		}
	}
	if p.proxy != nil {
		return p, nil
	}
	for _, issuer := range a.clients {
		if !chainsTo(r.TLS.VerifiedChains, issuer.cas) {
			continue
		}
		for _, c := range issuer.clients {
			if !c.is(leaf) {
				continue
			}
			if p.client != nil {
				return peer{}, refuse("The client certificate is of two clients.")
			}
			who := c.principal
			who.Credential = "cert:" + spki(leaf)
			who.Expires = leaf.NotAfter
			p.client = &who
		}
	}
	return p, nil
}

// spki names a certificate by its key, so that a renewed one with the same key is
// the same credential: who stole one has the other.
func spki(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:8])
}

func chainsTo(chains [][]*x509.Certificate, cas []*x509.Certificate) bool {
	for _, chain := range chains {
		for _, c := range chain {
			if slices.ContainsFunc(cas, func(ca *x509.Certificate) bool { return bytes.Equal(ca.Raw, c.Raw) }) {
				return true
			}
		}
	}
	return false
}

func hasURI(leaf *x509.Certificate, want string) bool {
	for _, u := range leaf.URIs {
		if u.String() == want {
			return true
		}
	}
	return false
}

func (c *certificateClient) is(leaf *x509.Certificate) bool {
	switch {
	case c.uri != "":
		return hasURI(leaf, c.uri)
	case c.dns != "":
		return slices.Contains(leaf.DNSNames, c.dns)
	default:
		return leaf.Subject.CommonName == c.cn
	}
}

func (p *trustedProxy) is(leaf *x509.Certificate) bool {
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return slices.Contains(p.keys, sum) || slices.ContainsFunc(p.sans, func(san string) bool {
		return slices.Contains(leaf.DNSNames, san) || hasURI(leaf, san)
	})
}

// fromProxy reads the principal that a trusted proxy names. The fields of all
// proxies are refused from everybody but the proxy that sets them.
func (a *Authenticator) fromProxy(r *http.Request, cert peer) ([]shown, *weir.Denial) {
	for i := range a.proxies {
		p := &a.proxies[i]
		for _, field := range []string{p.userHeader, p.roleHeader} {
			_, there := r.Header[field]
			if there && (cert.proxy == nil || field != cert.proxy.userHeader && field != cert.proxy.roleHeader) {
				return nil, refuse("A header field that only a trusted proxy may set.")
			}
		}
	}
	if cert.proxy == nil {
		return nil, nil
	}
	p := cert.proxy
	user, named := r.Header[p.userHeader]
	role, ranked := r.Header[p.roleHeader]
	if !named {
		if ranked {
			return nil, refuse("The proxy names a role and nobody who has it.")
		}
		return nil, nil
	}
	return one(p.principal(a.names, user[0], role))
}

func (p *trustedProxy) principal(n namer, user string, role []string) (shown, *weir.Denial) {
	if user == "" || len(user) > maxIdentifier {
		return shown{}, refuse("The proxy names nobody.")
	}
	who := weir.Principal{
		Kind:       p.kind,
		Role:       p.role,
		Issuer:     p.name,
		Credential: fingerprint("proxy", p.name, user),
	}
	if p.kind == weir.Customer {
		who.Own = weir.Identifier{Kind: "customer", Value: weir.NewPlain(user)}
	} else {
		who.Name = n.name(p.name, user)
	}
	if len(role) > 0 || p.role == "" {
		var d *weir.Denial
		if who.Role, d = pickRole(role, p.roles); d != nil {
			return shown{}, d
		}
	}
	return shown{Principal: who}, nil
}

// readCertificates reads the certificates of a PEM file. Anything else in it is a
// mistake: most likely a private key.
func readCertificates(file string) ([]*x509.Certificate, error) {
	b, err := readFile(file, maxCertificates)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s holds something other than certificates", file)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return all, nil
}

func (a *Authenticator) openCertificates(issuers []CertificateIssuer) error {
	var errs []error
	for i, c := range issuers {
		at := fmt.Sprintf("certificates[%d]", i)
		cas, err := readCertificates(c.CAFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.ca-file: %w", at, err))
		}
		errs = append(errs, plainField(at+".issuer", c.Issuer))
		issuer := certificateIssuer{cas: cas}
		for j, cl := range c.Clients {
			at := fmt.Sprintf("%s.clients[%d]", at, j)
			given := 0
			for _, s := range []string{cl.URI, cl.DNS, cl.CN} {
				if s != "" {
					given++
				}
			}
			if given != 1 {
				errs = append(errs, fmt.Errorf("%s: one of uri, dns and cn is needed", at))
			}
			kind, err := kindField(at+".kind", cl.Kind, weir.Service, weir.Staff, weir.Service)
			errs = append(errs, err, plainField(at+".name", cl.Name), plainField(at+".role", cl.Role))
			issuer.clients = append(issuer.clients, certificateClient{
				uri: cl.URI, dns: cl.DNS, cn: cl.CN,
				principal: weir.Principal{Kind: kind, Name: cl.Name, Role: cl.Role, Issuer: c.Issuer},
			})
		}
		a.clients = append(a.clients, issuer)
		a.cas = append(a.cas, cas...)
	}
	return errors.Join(errs...)
}

func (a *Authenticator) openProxies(proxies []Proxy) error {
	var errs []error
	for i, c := range proxies {
		at := fmt.Sprintf("proxies[%d]", i)
		cas, err := readCertificates(c.CAFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.ca-file: %w", at, err))
		}
		p := trustedProxy{name: c.Name, cas: cas, sans: c.SAN, role: c.Role, roles: c.Roles}
		for j, text := range c.SPKI {
			sum, err := parseHash(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.spki[%d]: %w", at, j, err))
			}
			p.keys = append(p.keys, sum)
		}
		if len(c.SPKI)+len(c.SAN) == 0 || slices.Contains(c.SAN, "") {
			errs = append(errs, fmt.Errorf("%s.spki: spki or san is needed, to know the proxy by", at))
		}
		p.kind, err = kindField(at+".kind", c.Kind, weir.Anonymous, weir.Customer, weir.Staff, weir.Service)
		errs = append(errs, err, plainField(at+".name", c.Name), plainFields(at+".roles", c.Roles))
		if c.Role != "" || c.RoleHeader == "" {
			errs = append(errs, plainField(at+".role", c.Role))
		}
		p.userHeader, err = a.guard(at+".user-header", c.UserHeader)
		errs = append(errs, err)
		if c.RoleHeader != "" {
			p.roleHeader, err = a.guard(at+".role-header", c.RoleHeader)
			errs = append(errs, err)
			if p.roleHeader == p.userHeader {
				errs = append(errs, fmt.Errorf("%s.role-header: user and role need fields of their own", at))
			}
		}
		a.proxies = append(a.proxies, p)
		a.cas = append(a.cas, cas...)
	}
	return errors.Join(errs...)
}

// guard makes field one that holds a credential, and gives its canonical name.
func (a *Authenticator) guard(at, field string) (string, error) {
	if err := fieldName(at, field); err != nil {
		return "", err
	}
	name := http.CanonicalHeaderKey(field)
	switch {
	case strings.Contains(name, "_"):
		return "", fmt.Errorf("%s: write - instead of _", at)
	case slices.Contains([]string{"Authorization", "Cookie", "Host", "Forwarded", "X-Forwarded-For", behalfHeader, a.keyHeader}, name):
		return "", fmt.Errorf("%s: this field has another meaning", at)
	}
	a.guarded[name] = true
	return name, nil
}

package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

var errTooLong = errors.New("longer than is accepted")

// A client asks the servers of issuers. It follows no redirect: the address in
// the configuration is the one that is trusted.
type client struct{ http http.Client }

func (a *Authenticator) newClient(caFile string) (*client, error) {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    maxAsking,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if caFile != "" {
		certs, err := readCertificates(caFile)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		for _, c := range certs {
			t.TLSClientConfig.RootCAs.AddCert(c)
		}
	}
	c := &client{http.Client{
		Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
	a.asking = append(a.asking, c)
	return c, nil
}

// do gives the body of a 200 answer of at most size bytes, once decompressed. The
// request's context bounds the time.
func (c *client) do(req *http.Request, size int64) ([]byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	return readBounded(resp.Body, size)
}

func readBounded(r io.Reader, size int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, size+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > size {
		return nil, errTooLong
	}
	return b, nil
}

// Package s3 speaks the few calls of the S3 protocol that an archive needs: put
// an object that must not exist yet, get one, list names. Requests are signed with
// AWS Signature Version 4, each with the hash of its body, so that a server takes
// either just these bytes or nothing. It works with every server of that protocol
// (Amazon S3, MinIO, Ceph, Cloudflare R2, ...).
//
// It guarantees that no credential appears in an error, and that entries do not
// travel in clear: plain HTTP is refused but on the machine itself. It does not
// cut objects into parts: one is at most 5 GiB long. It deletes nothing.
//
// Sources: Amazon S3 API Reference, "Authenticating Requests (AWS Signature
// Version 4)", PutObject, GetObject, ListObjectsV2.
package s3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// MaxObject is the length in bytes of the longest object that one PUT takes.
const MaxObject = 5 << 30

// Config says which bucket is meant and who asks.
type Config struct {
	Bucket string
	// Prefix goes before every name, with a slash behind it.
	Prefix string
	// Region of the bucket. Default us-east-1, which servers other than Amazon's
	// mostly take.
	Region string
	// Endpoint is the server's base URL; the bucket is then the first part of the
	// path. Empty: Amazon's for the region.
	Endpoint string
	// Credentials are asked for before each request, so that they may change.
	Credentials func() (Credentials, error)
	// Client sends the requests. Default: one without a time limit of its own;
	// the context has one.
	Client *http.Client
	// Tries is how often a request is sent that fails with what may pass: a
	// broken connection, a busy or failing server. Default 4.
	Tries int
	// Wait is how long is waited before the second try; before each further one
	// twice as long. Default 300 ms.
	Wait time.Duration

	now func() time.Time
}

// Credentials sign requests. Its String and Format give nothing away.
type Credentials struct {
	Key     string // the access key's id
	Secret  string
	Session string // the token of temporary credentials, or empty
}

// String hides all of it.
func (Credentials) String() string { return "(credentials)" }

// Format hides all of it from every verb.
func (Credentials) Format(s fmt.State, _ rune) { io.WriteString(s, "(credentials)") }

// A Bucket puts, gets and lists objects. Its methods may be called concurrently.
type Bucket struct {
	c    Config
	base *url.URL // of the bucket
}

// New checks c; it asks nobody.
func New(c Config) (*Bucket, error) {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Client == nil {
		c.Client = &http.Client{}
	}
	// A redirect would take the signed request elsewhere.
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Client = &client
	if c.Tries <= 0 {
		c.Tries = 4
	}
	if c.Wait <= 0 {
		c.Wait = 300 * time.Millisecond
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.Bucket == "" || strings.ContainsAny(c.Bucket, "/?#@: ") {
		return nil, errors.New("s3: the bucket has no name, or one that no bucket has")
	}
	if c.Credentials == nil {
		return nil, errors.New("s3: credentials are needed")
	}
	c.Prefix = strings.Trim(c.Prefix, "/")
	b := &Bucket{c: c}
	switch {
	case c.Endpoint != "":
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("s3: the endpoint must be the base URL of the server, such as https://s3.example.net")
		}
		if u.Scheme == "http" && !loopback(u.Hostname()) {
			return nil, errors.New("s3: the endpoint must be an https one: entries would travel in clear")
		}
		b.base = u.JoinPath(c.Bucket)
	case strings.Contains(c.Bucket, "."): // no certificate is for such a host
		b.base = &url.URL{Scheme: "https", Host: "s3." + c.Region + ".amazonaws.com", Path: "/" + c.Bucket}
	default:
		b.base = &url.URL{Scheme: "https", Host: c.Bucket + ".s3." + c.Region + ".amazonaws.com", Path: "/"}
	}
	return b, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// String tells where the objects are, as an s3 URL.
func (b *Bucket) String() string { return "s3://" + path.Join(b.c.Bucket, b.c.Prefix) }

// Put writes an object of size bytes with the SHA-256 hash sum. It fails with an
// error that is fs.ErrExist where there is one of that name, whatever is in it,
// and changes nothing then.
func (b *Bucket) Put(ctx context.Context, name string, content io.ReaderAt, size int64, sum [32]byte) error {
	if size > MaxObject {
		return fmt.Errorf("put %s: longer than %d bytes", name, int64(MaxObject))
	}
	// Servers that do not know the condition would write over what is there.
	if err := b.head(ctx, name); err == nil {
		return fmt.Errorf("put %s: %w", name, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put %s: %w", name, err)
	}
	resp, err := b.do(ctx, request{
		method: http.MethodPut, name: name, body: content, size: size, sum: sum,
		header: http.Header{
			"If-None-Match":         {"*"},
			"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(sum[:])}, // a bucket with Object Lock asks for one
			"Content-Type":          {"application/octet-stream"},
		},
	})
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	drain(resp)
	return nil
}

func (b *Bucket) head(ctx context.Context, name string) error {
	resp, err := b.do(ctx, request{method: http.MethodHead, name: name, sum: emptySum})
	if err == nil {
		drain(resp)
	}
	return err
}

// Get opens an object for reading. It fails with an error that is fs.ErrNotExist
// where there is none.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	resp, err := b.do(ctx, request{method: http.MethodGet, name: name, sum: emptySum})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	return resp.Body, nil
}

// maxPage bounds what is read of one page of a listing: 1,000 names of at most
// 1,024 bytes, and what is said of each.
const maxPage = 4 << 20

// List calls each with the names that begin with prefix, in order, and the
// lengths of the objects.
func (b *Bucket) List(ctx context.Context, prefix string, each func(name string, size int64) error) error {
	full := b.full(prefix)
	var next string
	for {
		q := url.Values{"list-type": {"2"}, "prefix": {full}, "max-keys": {"1000"}}
		if next != "" {
			q.Set("continuation-token", next)
		}
		resp, err := b.do(ctx, request{method: http.MethodGet, query: q, sum: emptySum})
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		var page struct {
			XMLName     xml.Name `xml:"ListBucketResult"`
			IsTruncated bool
			Next        string `xml:"NextContinuationToken"`
			Contents    []struct {
				Key  string
				Size int64
			}
		}
		err = xml.NewDecoder(io.LimitReader(resp.Body, maxPage)).Decode(&page)
		drain(resp)
		if err != nil {
			return fmt.Errorf("list %s: the server answered with something else than a listing", prefix)
		}
		for _, o := range page.Contents {
			name, ok := strings.CutPrefix(o.Key, b.full(""))
			if !ok || !strings.HasPrefix(name, prefix) {
				return fmt.Errorf("list %s: the server listed what was not asked for", prefix)
			}
			if err := each(name, o.Size); err != nil {
				return err
			}
		}
		if !page.IsTruncated {
			return nil
		}
		if page.Next == "" || page.Next == next {
			return fmt.Errorf("list %s: the server says that there is more and not where", prefix)
		}
		next = page.Next
	}
}

func (b *Bucket) full(name string) string {
	if b.c.Prefix == "" {
		return name
	}
	return b.c.Prefix + "/" + name
}

// A request is one call, as often as it is tried.
type request struct {
	method string
	name   string // "": the bucket itself
	query  url.Values
	header http.Header
	body   io.ReaderAt
	size   int64
	sum    [32]byte
}

// do sends r until it is answered for good. An answer that is no success is an
// error; of what the server says about it only the code is passed on, since the
// rest may quote the request.
func (b *Bucket) do(ctx context.Context, r request) (*http.Response, error) {
	wait := b.c.Wait
	for try := 1; ; try++ {
		resp, err := b.once(ctx, r)
		if err == nil {
			return resp, nil
		}
		var passing *passingError
		if try == b.c.Tries || !errors.As(err, &passing) || ctx.Err() != nil {
			return nil, err
		}
		timer := time.NewTimer(wait + rand.N(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
		}
		wait *= 2
	}
}

// A passingError may be gone when the request is sent again.
type passingError struct{ error }

func (e *passingError) Unwrap() error { return e.error }

func (b *Bucket) once(ctx context.Context, r request) (*http.Response, error) {
	u := *b.base
	if r.name != "" {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/" + b.full(r.name)
	}
	u.RawPath = escapePath(u.Path)
	u.RawQuery = canonicalQuery(r.query)
	var body io.Reader
	if r.body != nil {
		body = io.NewSectionReader(r.body, 0, r.size)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, errors.New("s3: the name makes no address")
	}
	if req.ContentLength = r.size; r.size == 0 && r.body != nil {
		req.Body = http.NoBody
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	creds, err := b.c.Credentials()
	if err != nil {
		return nil, err
	}
	sign(req, creds, b.c.Region, hex.EncodeToString(r.sum[:]), b.c.now())
	resp, err := b.c.Client.Do(req)
	if err != nil {
		// The URL in it has nothing secret; the cause may be a cut connection.
		return nil, &passingError{err}
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer drain(resp)
	code := ""
	var said struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&said) == nil {
		code = " " + word(said.Code)
	}
	err = fmt.Errorf("%s answered %d%s", u.Host, resp.StatusCode, code)
	switch s := resp.StatusCode; {
	case s == http.StatusNotFound && said.Code != "NoSuchBucket":
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case s == http.StatusPreconditionFailed:
		return nil, fmt.Errorf("%w: %w", fs.ErrExist, err)
	case s >= 500 && s != http.StatusNotImplemented, s == http.StatusTooManyRequests, s == http.StatusConflict, s == http.StatusRequestTimeout, said.Code == "RequestTimeout":
		return nil, &passingError{err}
	case s == http.StatusForbidden || s == http.StatusUnauthorized:
		return nil, fmt.Errorf("%w: check the credentials, what they may do, the region and this machine's clock", err)
	}
	return nil, err
}

// word lets only what codes are made of through.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 64)]
}

// drain lets the connection be used again.
func drain(resp *http.Response) {
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	resp.Body.Close()
}

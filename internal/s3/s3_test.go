package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The examples that Amazon publishes with their signatures: S3 API Reference,
// "Authenticating Requests: Using the Authorization Header (AWS Signature Version
// 4)", section "Examples: Signature Calculations".
func TestPublishedSignatures(t *testing.T) {
	creds := Credentials{Key: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	for _, c := range []struct {
		method, url, body string
		header            map[string]string
		signed, signature string
	}{
		{"GET", "/test.txt", "", map[string]string{"Range": "bytes=0-9"},
			"host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"PUT", "/test%24file.text", "Welcome to Amazon S3.", map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY"},
			"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"GET", "/?lifecycle=", "", nil,
			"host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"GET", "/?max-keys=2&prefix=J", "", nil,
			"host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		req, err := http.NewRequest(c.method, "https://examplebucket.s3.amazonaws.com"+c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		sum := sha256.Sum256([]byte(c.body))
		sign(req, creds, "us-east-1", hex.EncodeToString(sum[:]), time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
		want := "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=" + c.signed + ", Signature=" + c.signature
		if got := req.Header.Get("Authorization"); got != want {
			t.Errorf("%s %s\n got %s\nwant %s", c.method, c.url, got, want)
		}
	}
	if got := escapePath("/test$file.text"); got != "/test%24file.text" {
		t.Error(got)
	}
}

const secret = "wJalr-invented-secret"

func fixed() (Credentials, error) {
	return Credentials{Key: "AKIDINVENTED", Secret: secret, Session: "token-invented"}, nil
}

// A server keeps objects as an S3 server does, and checks that what it is told
// about each request is so.
type server struct {
	t  *testing.T
	mu sync.Mutex

	objects map[string][]byte
	trouble []func(w http.ResponseWriter, r *http.Request) bool // for the next requests; true: answered
	ignore  bool                                                // If-None-Match
	pages   int                                                 // names on a page of a listing
	seen    []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method)
	body, err := io.ReadAll(r.Body)
	if len(s.trouble) > 0 {
		next := s.trouble[0]
		if s.trouble = s.trouble[1:]; next(w, r) {
			return
		}
	}
	fail := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said %s</Message></Error>", code, r.Header.Get("Authorization"))
	}
	sum := sha256.Sum256(body)
	again := r.Clone(context.Background())
	again.URL.Host, again.URL.Scheme = r.Host, "http"
	again.Header = http.Header{}
	for _, name := range strings.Split(strings.TrimPrefix(strings.Split(r.Header.Get("Authorization"), ", ")[1], "SignedHeaders="), ";") {
		if name != "host" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	at, terr := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	creds, _ := fixed()
	sign(again, creds, "eu-test-1", r.Header.Get("X-Amz-Content-Sha256"), at)
	if err != nil || terr != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") || hex.EncodeToString(sum[:]) != r.Header.Get("X-Amz-Content-Sha256") {
		fail(http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	key, ok := strings.CutPrefix(r.URL.Path, "/bucket/")
	switch {
	case r.URL.Path == "/bucket" && r.Method == http.MethodGet:
		s.list(w, r)
	case !ok:
		fail(http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodPut:
		if _, there := s.objects[key]; there && r.Header.Get("If-None-Match") == "*" && !s.ignore {
			fail(http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		if r.Header.Get("X-Amz-Checksum-Sha256") != base64.StdEncoding.EncodeToString(sum[:]) {
			fail(http.StatusBadRequest, "BadDigest")
			return
		}
		s.objects[key] = body
	default:
		b, there := s.objects[key]
		if !there {
			fail(http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Write(b)
	}
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) && key > r.URL.Query().Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	type object struct {
		Key  string
		Size int
	}
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []object
	}{}
	for _, key := range keys {
		if len(page.Contents) == s.pages {
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[len(page.Contents)-1].Key
			break
		}
		page.Contents = append(page.Contents, object{key, len(s.objects[key])})
	}
	_ = xml.NewEncoder(w).Encode(page)
}

func start(t *testing.T) (*server, *Bucket) {
	t.Helper()
	s := &server{t: t, objects: map[string][]byte{}, pages: 3}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	b, err := New(Config{Bucket: "bucket", Prefix: "/archive of/node+1/", Region: "eu-test-1", Endpoint: web.URL, Credentials: fixed, Wait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func put(t *testing.T, b *Bucket, name, content string) error {
	t.Helper()
	return b.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), sha256.Sum256([]byte(content)))
}

func TestPutGetList(t *testing.T) {
	s, b := start(t)
	if b.String() != "s3://bucket/archive of/node+1" {
		t.Fatal(b)
	}
	want := map[string]string{"m/empty": "", "other": "x"}
	for i := range 8 {
		want[fmt.Sprintf("m/%02d", i)] = strings.Repeat("y", 100000*i)
	}
	for name, content := range want {
		if err := put(t, b, name, content); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := s.objects["archive of/node+1/m/03"]; !ok {
		t.Fatal("not where it should be")
	}
	for name, content := range want {
		r, err := b.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != content {
			t.Fatal(name, len(got), err)
		}
		r.Close()
	}
	var names []string
	if err := b.List(t.Context(), "m/", func(name string, size int64) error {
		if int(size) != len(want[name]) {
			t.Error(name, size)
		}
		names = append(names, name)
		return nil
	}); err != nil || len(names) != 9 || !slices.IsSorted(names) {
		t.Fatal(names, err)
	}
	if _, err := b.Get(t.Context(), "m/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	if err := b.List(t.Context(), "", func(string, int64) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
}

// Nothing is written over, also not on a server that knows no conditions, and
// not when a name comes up between the question and the writing.
func TestNothingIsOverwritten(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		s, b := start(t)
		s.ignore = ignore
		if err := put(t, b, "a", "first"); err != nil {
			t.Fatal(err)
		}
		if err := put(t, b, "a", "second"); !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		if got := string(s.objects["archive of/node+1/a"]); got != "first" {
			t.Fatal(got)
		}
	}
	s, b := start(t)
	s.trouble = append(s.trouble, func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusNotFound)
		s.objects["archive of/node+1/a"] = []byte("somebody's")
		return true
	})
	if err := put(t, b, "a", "mine"); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

func answer(status int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		io.WriteString(w, body)
		return true
	}
}

func cut(w http.ResponseWriter, _ *http.Request) bool {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
	return true
}

// What may pass is tried again; what will not is told at once, and told without
// anything of the credentials.
func TestTroubles(t *testing.T) {
	s, b := start(t)
	s.trouble = append(s.trouble, answer(503, "<Error><Code>SlowDown</Code></Error>"), cut, answer(500, ""))
	if err := put(t, b, "a", "content"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		s.trouble = append(s.trouble, answer(503, "<Error><Code>SlowDown</Code></Error>"))
	}
	if _, err := b.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "503 SlowDown") {
		t.Fatal(err)
	}
	// The write came through and the answer did not: it is there, says the next try.
	s.trouble = append(s.trouble, func(http.ResponseWriter, *http.Request) bool { return false },
		func(w http.ResponseWriter, r *http.Request) bool {
			s.objects["archive of/node+1/b"] = []byte("content")
			return cut(w, r)
		})
	if err := put(t, b, "b", "content"); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	for name, trouble := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"403 AccessDenied": answer(403, "<Error><Code>AccessDenied</Code><AWSAccessKeyId>AKIDINVENTED</AWSAccessKeyId></Error>"),
		"302": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
			return true
		},
		"404 NoSuchBucket":     answer(404, "<Error><Code>NoSuchBucket</Code></Error>"),
		"400 scriptalert":      answer(400, "<Error><Code>&lt;script>alert</Code></Error>"),
		"than a listing":       answer(200, "<html>"),
		"more and not where":   answer(200, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
		"what was not asked f": answer(200, "<ListBucketResult><Contents><Key>../x</Key></Contents></ListBucketResult>"),
	} {
		before := len(s.seen)
		s.trouble = append(s.trouble, trouble)
		err := b.List(t.Context(), "", func(string, int64) error { return nil })
		if err == nil || !strings.Contains(err.Error(), name) || len(s.seen) != before+1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s reads as an empty archive", name)
		}
		for _, hidden := range []string{"AKIDINVENTED", secret, "token-invented", "Signature="} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s is told: %v", hidden, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{
		{Credentials: fixed},
		{Bucket: "b"},
		{Bucket: "b/c", Credentials: fixed},
		{Bucket: "b", Credentials: fixed, Endpoint: "ftp://x"},
		{Bucket: "b", Credentials: fixed, Endpoint: "http://s3.example.net"},
		{Bucket: "b", Credentials: fixed, Endpoint: "https://user:pass@s3.example.net"},
	} {
		if _, err := New(c); err == nil || strings.Contains(err.Error(), "pass") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for region, want := range map[string]string{"": "b.s3.us-east-1.amazonaws.com", "eu-central-1": "b.s3.eu-central-1.amazonaws.com"} {
		b, err := New(Config{Bucket: "b", Region: region, Credentials: fixed})
		if err != nil || b.base.Host != want || b.base.Scheme != "https" {
			t.Error(b.base, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	name := filepath.Join(t.TempDir(), "credentials")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# comment\n[default]\naws_access_key_id = AKID1\naws_secret_access_key=s3c=ret\n[other]\naws_access_key_id=AKID2\naws_secret_access_key=two\naws_session_token=tok\n")
	c, err := FromFile(name, "")()
	if err != nil || c != (Credentials{"AKID1", "s3c=ret", ""}) {
		t.Fatal(err)
	}
	other := FromFile(name, "other")
	if c, err = other(); err != nil || c != (Credentials{"AKID2", "two", "tok"}) {
		t.Fatal(err)
	}
	write("[other]\naws_access_key_id=AKID3\naws_secret_access_key=three\n")
	if c, err = other(); err != nil || c.Key != "AKID3" {
		t.Fatal("a changed file was not read")
	}
	for _, text := range []string{"", "[default]\naws_access_key_id=AKID1\n", "aws_access_key_id=AK ID\naws_secret_access_key=very\tsecret\n"} {
		write(text)
		if _, err := FromFile(name, "")(); !errors.Is(err, ErrCredentials) || strings.Contains(err.Error(), "secret\t") || strings.Contains(err.Error(), "AK ID") {
			t.Error(err)
		}
	}
	if _, err := FromFile(name+".none", "")(); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "three") || got != "(credentials)" {
			t.Error(verb, got)
		}
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID4")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := FromEnvironment(); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "four")
	if c, err := FromEnvironment(); err != nil || c.Secret != "four" {
		t.Error(err)
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add("[default]\naws_access_key_id = AKID1\naws_secret_access_key=secret\n", "default")
	f.Add("[", "")
	f.Add("]=\n=\n", "x")
	f.Fuzz(func(t *testing.T, text, profile string) {
		c, err := parseCredentials(text, profile)
		if err == nil && (c.Key == "" || c.Secret == "" || strings.ContainsAny(c.Key+c.Secret+c.Session, "\r\n ")) {
			t.Fatal("taken")
		}
	})
}

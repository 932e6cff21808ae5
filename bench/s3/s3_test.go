// Package s3 holds Weir's S3 client, and an archive through it, to a server that
// others have written: gofakes3, which checks signatures and checksums.
package s3

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/getweir/weir/internal/s3"
	"github.com/getweir/weir/ledger"
)

func start(t *testing.T, secret string) *s3.Bucket {
	t.Helper()
	back := s3mem.New()
	if err := back.CreateBucket(t.Context(), "ledgers"); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(gofakes3.New(back, gofakes3.WithV4Auth(map[string]string{"AKIDINVENTED": "invented-secret"})).Server())
	t.Cleanup(web.Close)
	b, err := s3.New(s3.Config{
		Bucket: "ledgers", Prefix: "a place/with+signs=and&more", Endpoint: web.URL,
		Credentials: func() (s3.Credentials, error) { return s3.Credentials{Key: "AKIDINVENTED", Secret: secret}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCalls(t *testing.T) {
	b := start(t, "invented-secret")
	put := func(name, content string) error {
		return b.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), sha256.Sum256([]byte(content)))
	}
	for i := range 1100 { // more than a page of a listing
		if err := put(fmt.Sprintf("m/%04d", i), strings.Repeat("x", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("m/0007", "another"); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	n := 0
	if err := b.List(t.Context(), "m/", func(name string, size int64) error {
		if name != fmt.Sprintf("m/%04d", n) || size != int64(n) {
			t.Fatal(name, size)
		}
		n++
		return nil
	}); err != nil || n != 1100 {
		t.Fatal(n, err)
	}
	r, err := b.Get(t.Context(), "m/0009")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "xxxxxxxxx" {
		t.Fatal(string(got), err)
	}
	if _, err := b.Get(t.Context(), "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	content := "other bytes"
	if err := b.Put(t.Context(), "wrong", strings.NewReader(content), int64(len(content)), sha256.Sum256([]byte("x"))); err == nil {
		t.Fatal("a body of another hash was taken")
	}
}

func TestAWrongSecretIsRefused(t *testing.T) {
	b := start(t, "another-secret")
	_, err := b.Get(t.Context(), "x")
	if err == nil || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "secret") {
		t.Fatal(err)
	}
}

func TestArchiveAndRestore(t *testing.T) {
	b := start(t, "invented-secret")
	dir := t.TempDir()
	key, _, err := ledger.GenerateKey("ledger.example.com/node-1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(dir, ledger.Options{Key: key, SegmentBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	for i := range 50 {
		entries := make([]*ledger.Entry, 10)
		for j := range entries {
			entries[j] = &ledger.Entry{Kind: ledger.Denied, Text: fmt.Sprint(i, j)}
		}
		if _, err := l.Append(t.Context(), entries...); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ledger.NewArchiver(dir, b, ledger.ArchiveOptions{}).Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ledger.Restore(t.Context(), b, filepath.Join(t.TempDir(), "back"), ledger.RestoreOptions{Verify: ledger.VerifyOptions{Key: key.Verifier()}})
	if err != nil || r.Report.Entries != 500 || r.Missing() != 0 || r.Pieces < 3 {
		t.Fatalf("%+v %v", r, err)
	}
}

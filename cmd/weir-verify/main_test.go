package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir/ledger"
)

func newLog(t *testing.T) (dir string, key ledger.Key) {
	t.Helper()
	key, _, err := ledger.GenerateKey("ledger.example.com/verify")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "ledger")
	log, err := ledger.Create(dir, ledger.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	for i := range 20 {
		if _, err := log.Append(ctx, &ledger.Entry{Kind: ledger.Staff, N: i, Text: "\x1b[2Jsomebody did something"}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return dir, key
}

func TestVerify(t *testing.T) {
	dir, key := newLog(t)
	other, otherKey := newLog(t)
	bundle := filepath.Join(t.TempDir(), "bundle.zip")
	f, err := os.Create(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.WriteBundle(f, dir, ledger.BundleOptions{Want: func(i int64, _ *ledger.Entry) bool { return i%7 == 0 }}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.zip")
	if err := os.WriteFile(bad, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(other, "0000000000000000000.seg")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[40] ^= 1
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	const witness = "w.example.net/1+a91a0b2c+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{dir}, 0, "HOLDS.\nlog ledger.example.com/verify: 20 entries"},
		{[]string{"-key", key.Verifier(), dir}, 0, "Self-attested"},
		{[]string{"-key", otherKey.Verifier(), dir}, 2, "key"},
		{[]string{bundle}, 0, "HOLDS.\nlog ledger.example.com/verify: 3 entries"},
		{[]string{"-key", key.Verifier(), "-entries", bundle}, 0, `text="\x1b[2Jsomebody did something"`},
		{[]string{"-key", otherKey.Verifier(), bundle}, 2, "key"},
		{[]string{bad}, 3, "DOES NOT HOLD"},
		{[]string{other}, 3, "DOES NOT HOLD"},
		{[]string{"-witness", witness, dir}, 2, "witness"},
		{[]string{"-checkpoint", filepath.Join(dir, "checkpoint"), dir}, 0, "older checkpoint"},
		{[]string{"-checkpoint", filepath.Join(dir, "checkpoint"), bundle}, 2, "directory"},
		{[]string{filepath.Join(dir, "nothing")}, 2, "no such file"},
		{nil, 2, "Usage"},
		{[]string{"-nonsense"}, 2, "Usage"},
		{[]string{"-help"}, 0, "Usage"},
	} {
		var out, errs bytes.Buffer
		if code := run(c.args, &out, &errs, false); code != c.code || !strings.Contains(out.String()+errs.String(), c.want) {
			t.Errorf("%q: %d, want %d\n%s%s", c.args, code, c.code, &out, &errs)
		}
	}
	var out, errs bytes.Buffer
	draw := bar(&errs)
	draw(1, 2)
	draw(2, 2)
	if run([]string{dir}, &out, &errs, true) != 0 || !strings.Contains(errs.String(), "[###############               ]  50 %") {
		t.Errorf("%q", errs.String())
	}
}

// Any key that a log ever had is enough; a key that was replaced is told so.
func TestVerifyAcrossChangesOfTheKey(t *testing.T) {
	dir, first := newLog(t)
	next, _, err := ledger.GenerateKey(first.Origin())
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Open(dir, ledger.Options{Key: first})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	if _, err := log.Rotate(ctx, next, time.Time{}); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(args, &out, &errs, false)
		return code, out.String() + errs.String()
	}
	for _, k := range []ledger.Key{first, next} {
		if code, said := ask("-key", k.Verifier(), dir); code != holds || !strings.Contains(said, "Entry 20 changed the key") {
			t.Error(code, said)
		}
	}
	last, _, err := ledger.GenerateKey(first.Origin())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Replace(dir, ledger.Options{Key: last}, "lost"); err != nil {
		t.Fatal(err)
	}
	if code, said := ask("-key", first.Verifier(), dir); code != refuted || !strings.Contains(said, "break of trust") {
		t.Error(code, said)
	}
	if code, said := ask("-key", first.Verifier(), "-key", last.Verifier(), dir); code != holds || !strings.Contains(said, "replaced the key") {
		t.Error(code, said)
	}
}

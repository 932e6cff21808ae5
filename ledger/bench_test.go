package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/getweir/weir"
)

// sized gives an entry of about n encoded bytes, of the kind that fills a log.
func sized(n int) *Entry {
	e := &Entry{
		Kind: Release, Node: "node-1", Exchange: weir.ExchangeID{1}, Credential: "key:4f1e88aa", Principal: "support-7",
		PrincipalKind: weir.Staff, Role: "support", Issuer: "sso", Network: "office", Door: "inbound",
		Route: "customer", Purpose: "support", Policy: "sha256:0123456789ab", Read: 65536,
		Actions: []Count{{"contact.email", weir.Mask, 1}, {"person.name", weir.Allow, 1}},
	}
	for size := 0; size < n; {
		e.Subjects = append(e.Subjects, Taken{weir.Subject{byte(len(e.Subjects))}, 1})
		e.Time = day
		b, err := e.AppendTo(nil)
		if err != nil {
			panic(err)
		}
		size = len(b)
	}
	e.Time = time.Time{}
	return e
}

func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{300, 130 * 19} {
		e := sized(n)
		e.Time = day
		buf, _ := e.AppendTo(nil)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = e.AppendTo(buf[:0])
			}
		})
		b.Run(fmt.Sprint("check/", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				check(buf)
			}
		})
		b.Run(fmt.Sprint("decode/", n), func(b *testing.B) {
			b.ReportAllocs()
			var names interner
			for b.Loop() {
				decode(buf, new(Entry), &names)
			}
		})
		b.Run(fmt.Sprint("hash/", n), func(b *testing.B) {
			frame := append(make([]byte, headSize), buf...)
			for b.Loop() {
				leafHash(frame)
			}
		})
	}
}

// filled makes a log of n entries of 300 bytes.
func filled(b *testing.B, n int) (dir string, k Key) {
	dir, k = b.TempDir(), testKey(b)
	l, err := Create(dir, Options{Key: k})
	if err != nil {
		b.Fatal(err)
	}
	end := run(b, l)
	batch := make([]*Entry, 1000)
	for i := range batch {
		batch[i] = sized(300)
	}
	for range n / len(batch) {
		if _, err := l.Append(context.Background(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	if err := end(); err != nil {
		b.Fatal(err)
	}
	return dir, k
}

func BenchmarkVerify(b *testing.B) {
	const n = 300_000
	dir, k := filled(b, n)
	for b.Loop() {
		if _, err := Verify(dir, VerifyOptions{Key: k.Verifier()}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkRead(b *testing.B) {
	const n = 300_000
	dir, _ := filled(b, n)
	b.ReportAllocs()
	for b.Loop() {
		if err := Read(dir, 0, func(int64, *Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "entries/s")
}

// Opening with the frontier at hand, and without: then all is hashed again.
func BenchmarkOpen(b *testing.B) {
	const n = 300_000
	dir, k := filled(b, n)
	for _, kept := range []bool{true, false} {
		b.Run(fmt.Sprintf("frontier=%v", kept), func(b *testing.B) {
			if !kept {
				os.Remove(filepath.Join(dir, frontierFile))
			}
			for b.Loop() {
				l, err := Open(dir, Options{Key: k})
				if err != nil {
					b.Fatal(err)
				}
				l.Close()
			}
		})
	}
}

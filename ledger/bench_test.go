package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
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

// A bare log is what the ledger is measured against: a group commit of one write
// and one fdatasync, without encoding, checksum, tree or signature.
type bare struct {
	f    *os.File
	mu   sync.Mutex
	cur  *bareGroup
	wake chan struct{}
	end  chan struct{}
}

type bareGroup struct {
	buf  []byte
	done chan struct{}
}

func newBare(b *testing.B) *bare {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	l := &bare{f: f, cur: &bareGroup{done: make(chan struct{})}, wake: make(chan struct{}, 1), end: make(chan struct{})}
	go func() {
		var spare []byte
		var at int64
		for range l.wake {
			l.mu.Lock()
			g := l.cur
			l.cur = &bareGroup{buf: spare[:0], done: make(chan struct{})}
			l.mu.Unlock()
			if _, err := f.WriteAt(g.buf, at); err != nil {
				panic(err)
			}
			if err := (osFile{f}).sync(); err != nil {
				panic(err)
			}
			at += int64(len(g.buf))
			spare = g.buf
			close(g.done)
		}
		close(l.end)
	}()
	b.Cleanup(func() { close(l.wake); <-l.end; f.Close() })
	return l
}

func (l *bare) append(p []byte) {
	l.mu.Lock()
	g := l.cur
	g.buf = append(g.buf, p...)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-g.done
}

// from calls do from a number of goroutines, b.N times in all, and reports the
// rate and the median of its duration.
func from(b *testing.B, writers int, do func(worker int)) {
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, writers)
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for w := range writers {
		took[w] = make([]time.Duration, 0, b.N/writers*2)
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				t := time.Now()
				do(w)
				took[w] = append(took[w], time.Since(t))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1000, "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds())/1000, "p99-µs")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name          string
		writers, size int
	}{{"1", 1, 300}, {"64", 64, 300}, {"1000", 1000, 300}, {"64/130subjects", 64, 130 * 19}} {
		payload, err := func() ([]byte, error) { e := sized(c.size); e.Time = day; return e.AppendTo(make([]byte, headSize)) }()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/group-commit", func(b *testing.B) {
			l := newBare(b)
			from(b, c.writers, func(int) { l.append(payload) })
		})
		b.Run(c.name+"/ledger", func(b *testing.B) {
			l, err := Create(b.TempDir(), Options{Key: testKey(b)})
			if err != nil {
				b.Fatal(err)
			}
			end := run(b, l)
			entries := make([]*Entry, c.writers)
			for i := range entries {
				entries[i] = sized(c.size)
			}
			from(b, c.writers, func(w int) {
				entries[w].Time = time.Time{}
				if _, err := l.Append(context.Background(), entries[w]); err != nil {
					panic(err)
				}
			})
			end()
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{300, 130 * 19} {
		e := sized(n)
		e.Time = day
		var buf []byte
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

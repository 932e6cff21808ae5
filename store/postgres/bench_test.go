package postgres_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// BenchmarkAcknowledgement measures what it costs that the store acknowledges
// every group: two logs on one disk, one with a store and one without, are written
// to in turn, a second each, and the medians count. Run it with -benchtime 1x.
func BenchmarkAcknowledgement(b *testing.B) {
	for _, writers := range []int{1, 64, 1000} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			var d databases
			s := open(b, d.config(b, "one"))
			defer s.Close()
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var logs [2]*ledger.Log
			ended := make(chan error, 2)
			for i := range logs {
				key, _, err := ledger.GenerateKey("ledger.example.com/node-1")
				if err != nil {
					b.Fatal(err)
				}
				if logs[i], err = ledger.Create(filepath.Join(b.TempDir(), "ledger"), ledger.Options{Key: key}); err != nil {
					b.Fatal(err)
				}
				if i == 1 {
					if err := logs[i].Attach(b.Context(), s, ledger.AttachOptions{}); err != nil {
						b.Fatal(err)
					}
				}
				go func() { ended <- logs[i].Run(ctx) }()
			}
			var rates, waits [2][]float64
			for range 7 {
				for i, l := range logs {
					rate, p50 := appending(b, ctx, l, writers)
					rates[i], waits[i] = append(rates[i], rate), append(waits[i], p50)
				}
			}
			cancel()
			for range logs {
				if err := <-ended; err != nil {
					b.Fatal(err)
				}
			}
			median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
			alone, with := median(rates[0]), median(rates[1])
			entries := logs[1].Status().Entries
			err := server.Rows(database(d.config(b, "one").URL), `SELECT pg_total_relation_size('weir.ledger_batches')`, func(line string) {
				if n, err := strconv.ParseInt(line, 10, 64); err == nil {
					b.ReportMetric(float64(n)/float64(entries), "store-bytes/entry")
				}
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(logs[1].Status().Bytes)/float64(entries), "disk-bytes/entry")
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(alone, "alone/s")
			b.ReportMetric(with, "acknowledged/s")
			b.ReportMetric(with/alone, "ratio")
			b.ReportMetric(median(waits[0]), "alone-p50-µs")
			b.ReportMetric(median(waits[1]), "acknowledged-p50-µs")
		})
	}
}

// appending writes entries of some 300 bytes from many sides for a second.
func appending(b *testing.B, ctx context.Context, l *ledger.Log, writers int) (perSecond, p50 float64) {
	var wg sync.WaitGroup
	all := make([][]time.Duration, writers)
	begun := time.Now()
	for w := range writers {
		wg.Go(func() {
			for at := time.Now(); at.Sub(begun) < time.Second; {
				e := &ledger.Entry{Kind: ledger.Release, Principal: "support-agent", Role: "support", Route: "customer", Door: "inbound",
					Subjects: []ledger.Taken{{Subject: weir.Subject{1}, Lanes: 1}}, Text: strings.Repeat("x", 180)}
				if _, err := l.Append(ctx, e); err != nil {
					b.Error(err)
					return
				}
				now := time.Now()
				all[w] = append(all[w], now.Sub(at))
				at = now
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	flat := slices.Concat(all...)
	slices.Sort(flat)
	if len(flat) == 0 {
		return 0, 0
	}
	return float64(len(flat)) / took.Seconds(), float64(flat[len(flat)/2].Microseconds())
}

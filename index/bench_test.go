package index_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/sqlite"
)

// Sizes of the synthetic ledger, besides its entries.
const (
	benchSubjects   = 200_000
	benchPrincipals = 2_000
)

// benchLog gives a ledger of n entries over 400 days (intent, release of one
// customer, close), made once if WEIR_BENCH_DIR keeps it.
func benchLog(b *testing.B, dir string, n int) index.Log {
	b.Helper()
	path := filepath.Join(dir, "ledger")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		key, _, err := ledger.GenerateKey("ledger.example.com/synthetic")
		if err != nil {
			b.Fatal(err)
		}
		l, err := ledger.Create(path, ledger.Options{Key: key, Node: "node-1"})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		dice := rand.New(rand.NewPCG(1, 2))
		roles := []string{"support", "marketing", "recommender", "billing", "partner"}
		var batch []*ledger.Entry
		for i := 0; i < n; i += 3 {
			who := dice.IntN(benchPrincipals)
			base := ledger.Entry{
				Time: day.Add(time.Duration(float64(i) / float64(n) * 400 * 24 * float64(time.Hour))), Exchange: weir.ExchangeID{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24), 1},
				Credential: fmt.Sprintf("token:%032x", who), Principal: fmt.Sprint("agent-", who), PrincipalKind: weir.Staff, Role: roles[who%len(roles)],
				Issuer: "https://id.example.com", Network: fmt.Sprint("office-", who%20), Door: "inbound", Route: fmt.Sprint("GET /v1/records/", who%30), Purpose: "support", Policy: "p-1",
			}
			if who%5 == 4 {
				base.Recipient = fmt.Sprint("vendor-", who%7)
			}
			intent, release, end := base, base, base
			intent.Kind, release.Kind, end.Kind = ledger.Intent, ledger.Release, ledger.Close
			var s weir.Subject
			k := dice.IntN(benchSubjects)
			s[0], s[5], s[9], s[15] = byte(k), byte(k>>8), byte(k>>16), 1
			release.Subjects = []ledger.Taken{{Subject: s, Lanes: weir.Lanes(0).With(weir.Clear)}}
			release.Actions, release.Read = []ledger.Count{{Class: "contact.email", Action: weir.Allow, N: 1}, {Class: "payment.card", Action: weir.Mask, N: 1}}, 900
			end.Read, end.Status = 900, 200
			batch = append(batch, &intent, &release, &end)
			if len(batch) >= 3000 || i+3 >= n {
				if _, err := l.Append(ctx, batch...); err != nil {
					b.Fatal(err)
				}
				batch = batch[:0]
			}
		}
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	log, err := index.Dir(path)
	if err != nil {
		b.Fatal(err)
	}
	return log
}

// BenchmarkAsk measures questions to a synthetic ledger of WEIR_BENCH_ENTRIES
// entries (300,000 without it), 200,000 customers and 2,000 principals. With
// WEIR_BENCH_DIR the ledger is kept for the next run.
func BenchmarkAsk(b *testing.B) {
	n := 300_000
	if text := os.Getenv("WEIR_BENCH_ENTRIES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	dir := os.Getenv("WEIR_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	log := benchLog(b, dir, n)
	path := filepath.Join(dir, "index.db")
	s, err := sqlite.OpenIndex(path)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = sqlite.CreateIndex(path)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.Run("reindex", func(b *testing.B) {
		for b.Loop() {
			if _, err := index.Rebuild(context.Background(), s, log, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		size := int64(0)
		if st, err := os.Stat(path); err == nil {
			size = st.Size()
		}
		b.ReportMetric(float64(size)/float64(n), "index-B/entry")
		size = 0
		segments, _ := filepath.Glob(filepath.Join(dir, "ledger", "*.seg"))
		for _, name := range segments {
			if st, err := os.Stat(name); err == nil {
				size += st.Size()
			}
		}
		b.ReportMetric(float64(size)/float64(n), "ledger-B/entry")
	})
	from, to := day.Add(100*24*time.Hour), day.Add(130*24*time.Hour)
	var some weir.Subject
	some[15], some[0], some[5] = 1, 77, 7
	for _, q := range []struct {
		name string
		q    index.Question
	}{
		{"who-saw", index.Question{Subject: some}},
		{"saw-principal", index.Question{Parties: []weir.Party{{Kind: weir.ByPrincipal, Name: "agent-77"}}}},
		{"saw-role", index.Question{Parties: []weir.Party{{Kind: weir.ByRole, Name: "support"}}}},
		{"saw-everybody", index.Question{}},
		{"credential-30-days", index.Question{Parties: []weir.Party{{Kind: weir.ByCredential, Name: fmt.Sprintf("token:%032x", 77)}}, From: from, To: to}},
		{"role-30-days", index.Question{Parties: []weir.Party{{Kind: weir.ByRole, Name: "support"}}, From: from, To: to}},
		{"vendor", index.Question{Recipients: []string{"vendor-3"}}},
	} {
		b.Run(q.name, func(b *testing.B) {
			visits := 0
			for b.Loop() {
				visits = 0
				if _, err := index.Ask(context.Background(), s, log, q.q, func(v *index.Visit) error {
					for _, x := range v.Batches {
						visits += len(x.Sights)
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(visits), "sights")
		})
	}
}

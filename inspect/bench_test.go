package inspect

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getweir/weir"
)

// catalogue is clean JSON: titles, prices, times, ids.
func catalogue() []byte {
	return []byte(`{"data":{"items":[` + strings.Repeat(`{"title_id":"t-1042","title":"The Long Way to the Sea","year":2019,"genres":["drama","travel"],`+
		`"poster":"https://img.example/t-1042/poster@2x.png","updated_at":"2026-03-01T10:20:30Z","added_ms":1767225600123,`+
		`"price":{"amount":12.99,"currency":"EUR"},"sku":"SKU-0042-117","rating":4.5,"uuid":"7c9e6679-7425-40de-944b-e07fc1f90ae7"},`, 180) + `null]}}`)
}

// dense is JSON that is personal through and through.
func dense() []byte {
	return []byte(`{"data":{"items":[` + strings.Repeat(customer+",", 60) + `null]}}`)
}

const customer = `{"id":"c-10001","name":{"first":"Ada","last":"Example"},"email":"ada@example.com","phone":"+44 7700 900123","birth_date":"1990-02-28",` +
	`"addresses":[{"line1":"1 Example Street","city":"Exampleton","postcode":"EX1 1EX","country":"GB"}],"cards":[{"brand":"visa","number":"4242 4242 4242 4242","exp":"12/30"}],` +
	`"devices":[{"device_id":"dev-7c9e6679","ip":"192.0.2.7"}],"orders":[{"order_id":"o-1","recipient":"Bo Example","items":[{"sku":"s-1","qty":1}],"total":12.5}],` +
	`"watch_history":[{"title_id":"t-1","title":"The Sea","watched_at":"2026-01-02T20:15:00Z","position_s":1203}],"searches":[{"query":"boots","at":"2026-01-02T20:15:00Z"}],` +
	`"browsing":[{"page":"/shoes","at":"2026-01-02T20:15:00Z"}]}`

func text() []byte {
	return []byte(strings.Repeat(`2026-03-01T10:20:30.123Z INFO  web-7 GET /v1/titles/t-1042?page=3 200 1532 0.012 "curl/8.5.0" trace=4bf92f3577b34da6a3ce929d0e0e4736 took 12ms`+"\n", 400))
}

func benchmark(b *testing.B, syntax weir.Syntax, blocks ...[]byte) {
	in, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	var r Report
	n, found := 0, 0
	for _, x := range blocks {
		n += len(x)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		found = 0
		for _, x := range blocks {
			if err := in.Inspect(&r, &weir.Segment{Syntax: syntax, Body: x, Record: true}, nil); err != nil {
				b.Fatal(err)
			}
			found += len(r.Findings)
		}
	}
	b.ReportMetric(float64(found), "findings")
}

func BenchmarkCatalogue(b *testing.B) { benchmark(b, weir.JSON, catalogue()) }
func BenchmarkDense(b *testing.B)     { benchmark(b, weir.JSON, dense()) }
func BenchmarkRecord(b *testing.B)    { benchmark(b, weir.JSON, []byte(customer)) }
func BenchmarkLog(b *testing.B)       { benchmark(b, weir.Text, text()) }

func BenchmarkMark(b *testing.B) {
	t := catalogue()
	b.SetBytes(int64(len(t)))
	var s sheet
	for b.Loop() {
		for off := 0; off < len(t); off += batchBytes {
			s.mark(t, off)
		}
	}
}

// BenchmarkFiles reads the .ndjson files that WEIR_BENCH names, line by line.
func BenchmarkFiles(b *testing.B) {
	for _, path := range filepath.SplitList(os.Getenv("WEIR_BENCH")) {
		body, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		lines := [][]byte{body}
		if strings.HasSuffix(path, ".ndjson") {
			lines = bytes.Split(bytes.TrimSpace(body), []byte("\n"))
		}
		b.Run(filepath.Base(path), func(b *testing.B) { benchmark(b, weir.JSON, lines...) })
	}
}

package cut

import (
	"fmt"
	"strings"
	"testing"
)

// catalogue writes a document of about size bytes in the manner of a shop's
// API: short keys and values, some long texts, some beyond ASCII.
func catalogue(size int, open, shut string) []byte {
	var b strings.Builder
	b.WriteString(open)
	for i := 0; b.Len() < size-len(shut); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"sku":"RC-%06d","title":"The long way round, part %d","price":{"amount":%d.99,"currency":"EUR"},"tags":["drama","new","4k"],"in_stock":true,"rating":4.%d,"about":"A quiet village, a lost letter and 7 days to find out who wrote it. „Großartig“ – says everybody.","updated_at":"2026-11-%02dT10:00:00Z"}`,
			i, i*7, i, i%90, i%10, i%28+1)
	}
	b.WriteString(shut)
	return []byte(b.String())
}

func BenchmarkJSON(b *testing.B) {
	for _, bm := range []struct {
		name string
		body []byte
		o    Options
	}{
		{"document/64KiB", catalogue(64<<10, `{"data":{"items":[`, `],"total":130}}`), Options{}},
		{"declared/64KiB", catalogue(64<<10, `{"data":{"items":[`, `],"total":130}}`), Options{Array: []string{"data", "items"}}},
		{"array/64KiB", catalogue(64<<10, `[`, `]`), Options{}},
		{"numbers/64KiB", []byte("{\"n\":[" + strings.Repeat("1,23,456,-7.5e3,", 4<<10) + "0]}"), Options{}},
		{"pretty/64KiB", []byte(`{"a":[` + strings.Repeat("\n        {\n            \"id\": 17,\n            \"ok\": true\n        },", 900) + `0]}`), Options{}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			c := NewJSON(bm.o)
			b.SetBytes(int64(len(bm.body)))
			b.ReportAllocs()
			for b.Loop() {
				c.Reset(bm.o)
				for p := bm.body; ; p = nil {
					if _, err := c.Feed(p, true); err != nil {
						b.Fatal(err)
					}
					if !c.More() {
						break
					}
				}
			}
		})
	}
}

func BenchmarkLines(b *testing.B) {
	rows := []byte("id,name,city\n" + strings.Repeat("1234,Ada Example,\"Port, Old\"\n", 2000))
	lines := catalogue(64<<10, "", "\n")
	for name, bm := range map[string]struct {
		c    *Cutter
		body []byte
	}{
		"csv":    {NewCSV(Options{}), rows},
		"text":   {NewText(Options{}), rows},
		"ndjson": {NewNDJSON(Options{}), []byte(strings.ReplaceAll(string(lines), "},{", "}\n{"))},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(bm.body)))
			for b.Loop() {
				bm.c.Reset(Options{})
				for p := bm.body; ; p = nil {
					if _, err := bm.c.Feed(p, true); err != nil {
						b.Fatal(err)
					}
					if !bm.c.More() {
						break
					}
				}
			}
		})
	}
}

package inspect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"pgregory.net/rapid"
)

// TestHexHidesNothing proves, of all fours of hexadecimal digits, what passes takes for
// granted: as base64 they stand for nothing in which something could be found.
func TestHexHidesNothing(t *testing.T) {
	const hexes = "0123456789abcdef"
	for n := range 1 << 16 {
		four := []byte{hexes[n>>12], hexes[n>>8&15], hexes[n>>4&15], hexes[n&15]}
		q := quartet(four)
		for i, c := range [3]byte{byte(q >> 16), byte(q >> 8), byte(q)} {
			// A digit or colon in the last place alone has none beside it.
			if c == '@' || c == '%' || c == '+' || c == '?' || i < 2 && (c == ':' || digit(c)) || i == 0 && hex(c) {
				t.Fatalf("%s stands for a %q", four, c)
			}
		}
	}
	for _, f := range families {
		if strings.Trim(f.prefix, hexes) == "" {
			t.Errorf("a secret that begins with %q may be a hash", f.prefix)
		}
	}
	for _, s := range specials {
		if strings.Trim(s.prefix, hexes) == "" {
			t.Errorf("a secret that begins with %q may be a hash", s.prefix)
		}
	}
}

// TestWordsThatAreNone proves what isCode and triggered take for granted of the tables.
func TestWordsThatAreNone(t *testing.T) {
	for p, m := range phrases {
		if len(p) <= 2 && m >= mGeo && m <= lastRules && p != "cf" {
			t.Errorf("%q names a number", p)
		}
	}
	for p := range spoken {
		if len(p) <= 2 && p != "cc" {
			t.Errorf("%q says what a number is", p)
		}
	}
	for _, f := range families {
		if n := len(f.prefix) + f.min; n < shortestSecret {
			t.Errorf("a secret that begins with %q may have %d bytes", f.prefix, n)
		}
	}
}

// TestPassedIsNothing compares strings that JSON passes at first sight with the same
// values in CSV, which passes none: neither must find anything.
func TestPassedIsNothing(t *testing.T) {
	in, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	find := func(seg weir.Segment) []weir.Finding {
		var r Report
		if err := in.Inspect(&r, &seg, nil); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(r.Findings)
	}
	passed := 0
	keys := []string{"ref", "sku", "ean", "order_id", "title_id", "version", "created_at", "trace_id"}
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom(keys).Draw(t, "key")
		v := rapid.OneOf(
			rapid.StringMatching(`[0-9a-f]{16,40}`),
			rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`),
			rapid.StringMatching(`(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-]0[0-9]:00)`),
			rapid.StringMatching(`[A-Z]{0,2}[-_]?[0-9]{6,10}([-_][A-Z]{1,2})?`),
			rapid.StringMatching(`[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}`),
			rapid.StringMatching(`[0-9]{13,14}`),
		).Draw(t, "value")
		body := fmt.Appendf(nil, `{"%s":"%s"}`, key, v)
		r := reader{walk: in.walks.New().(*walk), t: body}
		r.frames = append(r.frames, frame{kind: objectFrame, key: means([]byte(key))})
		r.top, r.strEnd = &r.frames[0], len(body)-2
		if !r.passes([]byte(v)) {
			return
		}
		passed++
		if f := find(weir.Segment{Syntax: weir.JSON, Body: body, Record: true}); len(f) > 0 {
			t.Fatalf("%s: %+v", body, f)
		}
		if f := find(weir.Segment{Syntax: weir.CSV, Body: []byte(v), Columns: []string{key}, Record: true}); len(f) > 0 {
			t.Fatalf("%s passes in JSON, and in CSV is %+v", body, f)
		}
	})
	if passed == 0 {
		t.Error("nothing passes")
	}
}

// TestNumbersStillCount tries what looks like something that passes and is none.
func TestNumbersStillCount(t *testing.T) {
	in, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]weir.Class{
		`{"x":"4242424242424242"}`:                        Card,
		`{"x":"be68539007547034"}`:                        IBAN,
		`{"sku":"write to ada@example.com"}`:              Email,
		`{"sku":"192.0.2.7 4242424242424242"}`:            IP,
		`{"birth_date":"1990-02-28T00:00:00Z"}`:           BirthDate,
		`{"x":"Tom \u0026 ada@example.com"}`:              Email,
		`{"x":"\u003cada@example.com\u003e"}`:             Email,
		`{"x":"call \u002b44 7700 900123"}`:               Phone,
		`{"x":"7c9e6679-7425-40de-944b +44 7700 900123"}`: Phone,
	} {
		var r Report
		if err := in.Inspect(&r, &weir.Segment{Syntax: weir.JSON, Body: []byte(body), Record: true}, nil); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(r.Findings, func(f weir.Finding) bool { return f.Class == want }) {
			t.Errorf("%s: %+v, want a %s", body, r.Findings, want)
		}
	}
}

// TestOrder compares the order of findings with a stable sort, of a few that are late
// and of many that are far off.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, late := rapid.IntRange(0, 300).Draw(t, "n"), rapid.IntRange(0, 100).Draw(t, "late")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var f []weir.Finding
		for i := range n {
			start := i
			if r.IntN(100) < late {
				start = r.IntN(i + 1)
			}
			f = append(f, weir.Finding{Start: start, End: start + r.IntN(3), Object: i})
		}
		want := slices.Clone(f)
		slices.SortStableFunc(want, order)
		if sortFindings(f); !slices.Equal(f, want) {
			t.Fatalf("got %v, want %v", f, want)
		}
	})
}

// TestMeaningsAreKept asks for the keys of a document over and over: each is looked for
// once.
func TestMeaningsAreKept(t *testing.T) {
	c := newMeanings(4096)
	looked := 0
	for range 50 {
		for i := range 400 {
			key := fmt.Appendf(nil, "key_%d_%s", i*i, strings.Repeat("x", i%20))
			c.of(key, 0, len(key), func(k []byte) meaning { looked++; return look(k) })
		}
	}
	// Five whose places are the same drive each other out: there may be some.
	if looked > 2*400 {
		t.Errorf("400 keys are looked for %d times", looked)
	}
}

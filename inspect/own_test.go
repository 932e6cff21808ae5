package inspect

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
)

const staff weir.Class = "identity.staff_number"

// badge is the numbers of a staff: EX-, eight digits, checked.
func badge() Detector {
	return Detector{Class: staff, Pattern: `\bEX-(\d{4}-?\d{4})\b`, Literal: "EX-", Checksum: "luhn", Confidence: weir.SureMatch,
		Cases: []Case{{"of EX-4242-4242 and EX-42424242", []string{"EX-4242-4242", "EX-42424242"}}, {"EX-4242-4243, ZEX-4242-4242, EX-****-****", nil}}}
}

// owned shows what a detector finds in seg.
func owned(t testing.TB, seg weir.Segment, ds ...Detector) string {
	t.Helper()
	in := inspector(t, Config{Unsure: true, Detectors: ds})
	var r Report
	if err := in.Inspect(&r, &seg, nil); err != nil {
		t.Fatal(err)
	}
	check(t, &seg, &r)
	var out []string
	for _, f := range r.Findings {
		if f.Detector == ownDetector {
			out = append(out, fmt.Sprintf("%s %s %d", seg.Body[f.Start:f.End], f.Confidence, f.Object))
		}
	}
	return strings.Join(out, " | ")
}

func TestOwnDetectors(t *testing.T) {
	for _, c := range []struct {
		seg  weir.Segment
		want string
	}{
		{weir.Segment{Body: []byte("by EX-4242-4242, of EX-4242-4243\nEX-42424242")}, "EX-4242-4242 high -1 | EX-42424242 high -1"},
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"a":"EX-4242-4242","b":[{"c":"EX-\u0034242-4242"},{"EX-42424242":1}]}`)},
			`EX-4242-4242 high 0 | EX-\u0034242-4242 high 1 | EX-42424242 high 2`},
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"a":"\u0045X-4242-4242 \"EX-4242-4242\""}`)}, `\u0045X-4242-4242 high 0 | EX-4242-4242 high 0`},
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"a":"EX-","b":"4242-4242"}`)}, ""},
		{weir.Segment{Syntax: weir.CSV, Record: true, Columns: []string{"a", "b"}, Body: []byte("EX-4242-4242,\"x \"\"EX-42424242\"\"\"\n")}, "EX-4242-4242 high 0 | EX-42424242 high 0"},
		{weir.Segment{Syntax: weir.HTML, Body: []byte(`<a title="EX-4242-4242">EX&#45;4242-4242</a>`)}, `EX-4242-4242 high -1 | EX&#45;4242-4242 high -1`},
		{weir.Segment{Syntax: weir.Header, Name: "X-Staff", Body: []byte("EX-4242-4242")}, "EX-4242-4242 high -1"},
		{weir.Segment{Body: []byte("/x?s=EX%2D4242-4242")}, "EX%2D4242-4242 high -1"},
		{weir.Segment{Body: []byte("EX-****-****")}, ""},
	} {
		if got := owned(t, c.seg, badge()); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.seg.Syntax, c.seg.Body, got, c.want)
		}
	}
	number := Detector{Class: "identity.till", Pattern: `77\d{4}`, Literal: "77"}
	if got := owned(t, weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"till":771234,"x":"2"}`)}, number); got != "771234 medium 0" {
		t.Errorf("a bare number: %s", got)
	}
	// Longer than the bound, and across a whole value of literals.
	if got := owned(t, weir.Segment{Body: []byte("ab" + strings.Repeat("x", 300) + "z")}, Detector{Class: "x.y", Pattern: `abx*z`, Literal: "ab"}); got != "" {
		t.Errorf("too long: %s", got)
	}
	if got := owned(t, weir.Segment{Body: []byte(strings.Repeat("ab1 ", 1000))}, Detector{Class: "x.y", Pattern: `ab\d`, Literal: "ab"}); strings.Count(got, "|") != 999 {
		t.Errorf("%d of 1000", strings.Count(got, "|")+1)
	}
}

func TestOwnWords(t *testing.T) {
	d := Detector{Class: "identity.crew", Pattern: `C\d{5}`, Literal: "C1", Words: []string{"crew", "flight deck"}, Confidence: weir.SureMatch}
	for _, c := range []struct {
		seg  weir.Segment
		want string
	}{
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"crewId":"C12345"}`)}, "C12345 high 0"},
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"screwId":"C12345"}`)}, "C12345 medium 0"},
		{weir.Segment{Syntax: weir.CSV, Record: true, Columns: []string{"flight_deck"}, Body: []byte("C12345")}, "C12345 high 0"},
		{weir.Segment{Syntax: weir.HTML, Body: []byte("<dt>Flight deck</dt><dd>C12345</dd>")}, "C12345 high -1"},
		{weir.Segment{Syntax: weir.Header, Name: "X-Crew", Body: []byte("C12345")}, "C12345 high -1"},
		{weir.Segment{Body: []byte("part C12345")}, "C12345 medium -1"},
	} {
		if got := owned(t, c.seg, d); got != c.want {
			t.Errorf("%s: got %s, want %s", c.seg.Body, got, c.want)
		}
	}
	d.Unsure = true
	if got := owned(t, weir.Segment{Body: []byte("crew C12345")}, d); got != "C12345 low -1" {
		t.Errorf("unsure: %s", got)
	}
}

func TestOwnBesideOthers(t *testing.T) {
	// Overlaps another finding partly: both are covered.
	d := Detector{Class: "x.y", Pattern: `[a-z]+ jo@ex`, Literal: "jo@"}
	seg := weir.Segment{Body: []byte("to jo@example.com now")}
	if got := show(t, inspector(t, Config{Detectors: []Detector{d}}), seg); got != "y=to jo@example.com | email=jo@example.com" {
		t.Error(got)
	}
	if got := show(t, inspector(t, Config{Detectors: []Detector{d, d}}), seg); got != "y=to jo@example.com | email=jo@example.com" {
		t.Error(got)
	}
}

func TestOwnMistakes(t *testing.T) {
	good := badge()
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for field, spoil := range map[string]func(*Detector){
		"class":    func(d *Detector) { d.Class = "Staff" },
		"pattern":  func(d *Detector) { d.Pattern = `EX-(` },
		"literal":  func(d *Detector) { d.Literal = "" },
		"checksum": func(d *Detector) { d.Checksum = "crc" },
		"words":    func(d *Detector) { d.Words = []string{"--"} },
		"cases":    func(d *Detector) { d.Cases[1].Want = []string{"x"} },
	} {
		d := badge()
		spoil(&d)
		err := d.Check()
		var wrong *DetectorError
		if !errors.As(err, &wrong) || wrong.Field != field || wrong.Class != d.Class {
			t.Errorf("%s: %v", field, err)
		}
		if _, err := New(Config{Detectors: []Detector{d}}); (err == nil) != (field == "cases") {
			t.Errorf("%s: New says %v", field, err)
		}
	}
	d := badge()
	d.Literal = "E"
	if d.Check() == nil {
		t.Error("a literal of one byte is taken")
	}
}

func TestOwnChecksums(t *testing.T) {
	for name, v := range map[string][2]string{
		"luhn": {"4242424242424242", "4242424242424241"}, "mod97": {"79444", "79443"}, "mod11": {"0306406159", "0306406152"}, "mod11_2": {"0000000218250097", "0000000218250098"},
		"mod11_10": {"07945", "07946"}, "verhoeff": {"2363", "2364"}, "ean": {"4006381333931", "4006381333932"},
	} {
		sum := checksums[name]
		if !sum([]byte(v[0])) || sum([]byte(v[1])) || sum([]byte("A1")) {
			t.Errorf("%s: %v %v", name, sum([]byte(v[0])), sum([]byte(v[1])))
		}
	}
	if len(Checksums()) != 7 {
		t.Error("not all are listed")
	}
}

func TestOwnTimeIsLinear(t *testing.T) {
	in := inspector(t, Config{Unsure: true, Detectors: []Detector{{Class: "x.y", Pattern: `(a|ab)*b(\d+,)*ab`, Literal: "ab"}, badge()}})
	for _, unit := range []string{"ab", "ab ", "EX-", "EX-4242-4242", "%25", `\\`, "ab1,"} {
		once := func(n int) time.Duration {
			seg := weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"x":"` + strings.Repeat(unit, n/len(unit)) + `"}`)}
			best := time.Hour
			for range 3 {
				var r Report
				start := time.Now()
				_ = in.Inspect(&r, &seg, nil)
				best = min(best, time.Since(start))
			}
			return best
		}
		var few, many time.Duration
		ok := false
		for try := 0; try < 5 && !ok; try++ {
			few, many = once(4<<10), once(64<<10)
			ok = many < few*16*6+time.Millisecond
		}
		if !ok {
			t.Errorf("%q: %v, and %v for 16 times as many", unit, few, many)
		}
	}
}

func FuzzOwn(f *testing.F) {
	f.Add([]byte(`{"a":"EX-4242-4242 jo@example.com"}`), `EX-\d+`, "EX-")
	f.Add([]byte("ab%61b \\u0061b \"\"ab"), `a?b+.{0,9}`, "ab")
	f.Add([]byte("<a b='ab'>ab&#97;b</a>"), `ab|b`, "ab")
	f.Fuzz(func(t *testing.T, body []byte, pattern, literal string) {
		d := Detector{Class: "x.y", Pattern: pattern, Literal: literal}
		in, err := New(Config{Unsure: true, Detectors: []Detector{d, badge()}})
		if err != nil {
			return
		}
		for _, seg := range []weir.Segment{
			{Syntax: weir.JSON, Body: body, Record: true},
			{Syntax: weir.CSV, Body: body, Columns: []string{"id", "name"}, Record: true},
			{Syntax: weir.HTML, Body: body},
			{Syntax: weir.Text, Body: body},
			{Syntax: weir.Header, Body: body, Name: "X"},
		} {
			var r Report
			if in.Inspect(&r, &seg, nil) == nil {
				check(t, &seg, &r)
			}
		}
	})
}

// TestEndlessOverlapsAreRefused: text that a customer can write must not get past
// detectors by overlapping without end.
func TestEndlessOverlapsAreRefused(t *testing.T) {
	in, err := New(Config{Detectors: []Detector{
		{Class: "own.ab", Pattern: "AB-CD", Literal: "AB-"}, {Class: "own.cd", Pattern: "CD-AB", Literal: "CD-"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 5, 10, 40, 400} {
		body := []byte(strings.Repeat("AB-CD-", n))
		var r Report
		err := in.Inspect(&r, &weir.Segment{Syntax: weir.Text, Body: body, Record: true}, nil)
		if err == nil && len(r.Findings) == 0 {
			t.Errorf("%d times: nothing found and nothing refused", n)
		}
	}
}

package inspect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"pgregory.net/rapid"
)

// TestGlancesAgree compares the ways of taking a glance, on this machine and on any,
// with the obvious one.
func TestGlancesAgree(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, b *surroundings) {
		var want glance
		for i, c := range b {
			set := func(to *[2]uint64, is bool) {
				if is {
					to[i/glanced] |= 1 << (i % glanced)
				}
			}
			set(&want.digit, digit(c))
			set(&want.alnum, alnum(c))
			set(&want.upper, c >= 'A' && c <= 'Z')
			set(&want.sep, separator(c))
			set(&want.stop, c == '\n' || c == '*' || c >= 0x80)
		}
		for i, how := range append(glances, (*glance).plain, (*glance).look) {
			var g glance
			if how(&g, b); g != want {
				t.Errorf("%q: way %d gives %x, want %x", b, i, g, want)
			}
		}
	}
	var b surroundings
	for c := range 256 {
		for i := range b {
			b[i] = byte(c + i*(c%3))
		}
		check(t, &b)
	}
	rapid.Check(t, func(t *rapid.T) {
		copy(b[:], rapid.SliceOfN(rapid.Byte(), len(b), len(b)).Draw(t, "bytes"))
		check(t, &b)
	})
}

// TestDullIsNothing reads rows of numbers and words with all numbers looked at closely,
// and as usual: what is passed over at a glance must be nothing.
func TestDullIsNothing(t *testing.T) {
	in, thorough := inspector(t, Config{}), inspector(t, Config{})
	thorough.close = true
	pieces := strings.Fields("call phone card credit ssn nhs iban from host version born birthday lat customerPhone PANcard pid took id block _ Mozilla/5.0 Chrome/ rt= t= GB29 DE A z x # : , ( ) [ \" * . .. + +49 +1 - -- / // % = é 电话 ： < >")
	pieces = append(pieces, " ", " ", " ", "\n", ", ", ") ", " (", "-", ".", "/")
	var all strings.Builder
	for _, r := range rules {
		for _, v := range r.valid {
			// What nothing marks is found only where something beside it is looked at.
			if !strings.Contains(v, "ABC.345/") {
				pieces = append(pieces, v)
			}
		}
	}
	pieces = append(pieces, "4242424242424242", "4242 4242 4242 4242", "3782 822463 10005", "415-555-2671", "(415) 555-2671", "030/12345678", "020 7946 0958", "01.23.45.67.89", "192.0.2.7",
		"10.1.2.3", "136.0.800.190", "1990-02-28", "28.02.1990", "1772359200123", "Quill1339", "passport ", "no. ab123456c", "ex/ab12345678", "blk_-2156430161101027603", "50.123, -8.456")
	r := rand.New(rand.NewPCG(3, 4))
	var usual, close Report
	for range 10_000 {
		all.Reset()
		for range 2 + r.IntN(12) {
			if r.IntN(3) == 0 {
				all.WriteString(fmt.Sprint(r.Uint64N(1 << (4 + r.IntN(60)))))
				continue
			}
			all.WriteString(pieces[r.IntN(len(pieces))])
			if r.IntN(3) == 0 {
				all.WriteByte(' ')
			}
		}
		for _, seg := range []weir.Segment{{Syntax: weir.Text, Body: []byte(all.String())}, {Syntax: weir.Header, Name: "X-Birth-Date", Body: []byte(all.String())}} {
			if err := in.Inspect(&usual, &seg, nil); err != nil {
				t.Fatal(err)
			}
			if err := thorough.Inspect(&close, &seg, nil); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(usual.Findings) != fmt.Sprint(close.Findings) {
				t.Fatalf("%q\nfound %v\nlooking closely, %v", all.String(), usual.Findings, close.Findings)
			}
		}
	}
}

// TestShapesFit in the sets that tell which may begin somewhere.
func TestShapesFit(t *testing.T) {
	if n := len(ruleTab.shapes); n > 64 {
		t.Errorf("there are %d shapes, and bits for 64", n)
	}
	if n := len(rules); n > maxRules {
		t.Errorf("there are %d rules, and bits for %d", n, maxRules)
	}
}

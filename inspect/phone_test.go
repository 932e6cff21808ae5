package inspect

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/getweir/weir"
)

// e164 reads a number in the international form by the plans.
func e164(t testing.TB, number string) numbering {
	t.Helper()
	d := []byte(strings.TrimPrefix(number, "+"))
	code, at := callingCode(d)
	if code == 0 {
		return unknown
	}
	return planned(at, d[code:])
}

// TestPlans compares the plans with libphonenumber's own reading of its metadata: each
// region's example numbers, and numbers that nobody made up for the purpose.
func TestPlans(t *testing.T) {
	n := 0
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			x := phonenumbers.GetExampleNumberForType(region, kind)
			if x == nil || !phonenumbers.IsValidNumber(x) {
				continue
			}
			text := phonenumbers.Format(x, phonenumbers.E164)
			if len(text) < len("+1234567") {
				continue
			}
			n++
			if e164(t, text) != assigned {
				t.Errorf("%s %s is valid and has no plan", region, text)
			}
			seg := &weir.Segment{Syntax: weir.Text, Body: []byte("to " + phonenumbers.Format(x, phonenumbers.INTERNATIONAL) + ", he said")}
			var r Report
			in := inspector(t, Config{})
			if err := in.Inspect(&r, seg, nil); err != nil || len(r.Findings) != 1 || r.Findings[0].Class != Phone || r.Findings[0].Confidence != weir.SureMatch {
				t.Errorf("%s: %v %v", seg.Body, r.Findings, err)
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d examples", n)
	}
	// What libphonenumber takes is taken, and little that it does not.
	rnd := rand.New(rand.NewPCG(1, 2))
	valid, more := 0, 0
	for range 20000 {
		c := callings[rnd.IntN(len(callings))].code
		text := "+" + strconv.Itoa(int(c)) + strconv.Itoa(1e6+rnd.IntN(1e9))
		x, err := phonenumbers.Parse(text, "ZZ")
		is := err == nil && phonenumbers.IsValidNumber(x) && phonenumbers.Format(x, phonenumbers.E164) == text
		switch got := e164(t, text) == assigned; {
		case is && !got:
			t.Errorf("%s is valid and has no plan", text)
		case is:
			valid++
		case got:
			more++
		}
	}
	if valid < 500 || more > valid/4 {
		t.Errorf("of random numbers %d are valid, and %d more are taken", valid, more)
	}
	t.Logf("%d examples; of random numbers %d are valid, and %d more are taken", n, valid, more)
}

func TestChosenNumbers(t *testing.T) {
	for _, c := range []struct{ country, text, want string }{
		{"PT", "diz 912 345 678 hoje", "phone=912 345 678"},
		{"FI", "soita 040 123 4567", "phone=040 123 4567"},
		{"FI", "912 345 678", ""},
		{"PT", "112 345 678", ""},
		{"DK", "21 12 34 56", "phone=21 12 34 56"},
		{"DK", "row 21 12 34 56 78 90", ""},
	} {
		in := inspector(t, Config{Countries: []string{c.country}})
		if got := show(t, in, weir.Segment{Syntax: weir.Text, Body: []byte(c.text)}); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.country, c.text, got, c.want)
		}
	}
	if got := show(t, inspector(t, Config{}), weir.Segment{Syntax: weir.Text, Body: []byte("912 345 678 and +999 123 4567")}); got != "" {
		t.Errorf("nothing chosen: %s", got)
	}
}

package inspect

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/getweir/weir"
	"pgregory.net/rapid"
)

func wideText(s string, little bool) []byte {
	var b []byte
	for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(s))...) {
		if little {
			b = append(b, byte(u), byte(u>>8))
		} else {
			b = append(b, byte(u>>8), byte(u))
		}
	}
	return b
}

// TestHidden finds what is written in other alphabets and encodings.
func TestHidden(t *testing.T) {
	in := inspector(t, Config{})
	const text = "write to ada@example.com or pay with 4242 4242 4242 4242 today"
	for name, c := range map[string]struct {
		syntax weir.Syntax
		body   string
		want   []weir.Class
	}{
		"UTF-16, little end first":  {weir.Text, string(wideText(text, true)), []weir.Class{Email, Card}},
		"UTF-16, big end first":     {weir.Text, string(wideText(text, false)), []weir.Class{Email, Card}},
		"UTF-16 without a mark":     {weir.Text, string(wideText(text, true)[2:]), []weir.Class{Email, Card}},
		"base64":                    {weir.JSON, `{"v":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}`, []weir.Class{Email, Card}},
		"base64url, in a path":      {weir.Text, "GET /x/" + base64.RawURLEncoding.EncodeToString([]byte("mail=ada@example.com>?")) + " 200", []weir.Class{Email}},
		"base64, one in a log":      {weir.Text, "state=" + base64.StdEncoding.EncodeToString([]byte("u=ada@example.com")) + " ok", []weir.Class{Email}},
		"Devanagari digits":         {weir.Text, "कार्ड ४२४२ ४२४२ ४२४२ ४२४२", []weir.Class{Card}},
		"Arabic-Indic digits":       {weir.JSON, `{"v":"+٤٤ ٧٧٠٠ ٩٠٠١٢٣"}`, []weir.Class{Phone}},
		"Persian digits":            {weir.Text, "۴۲۴۲۴۲۴۲۴۲۴۲۴۲۴۲", []weir.Class{Card}},
		"narrow spaces between":     {weir.JSON, `{"v":"4242` + "\u2009" + `4242` + "\u2009" + `4242` + "\u2009" + `4242"}`, []weir.Class{Card}},
		"dashes that do not break":  {weir.Text, "5555\u20115555\u20115555\u20114444", []weir.Class{Card}},
		"a hash is no base64":       {weir.Text, "da39a3ee5e6b4b0d3255bfef95601890afd80709", nil},
		"random bytes are no text":  {weir.JSON, `{"v":"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}`, nil},
		"a name that is not hidden": {weir.Text, "internationalization", nil},
	} {
		var r Report
		if err := in.Inspect(&r, &weir.Segment{Syntax: c.syntax, Body: []byte(c.body), Record: true}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []weir.Class
		for _, f := range r.Findings {
			got = append(got, f.Class)
			if f.Start < 0 || f.End > len(c.body) || f.Start >= f.End {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestGlobalIDs: what is passed as an object's global id has nothing in it.
func TestGlobalIDs(t *testing.T) {
	for v, want := range map[string]bool{"04:User583231": true, "011:PullRequest279147437": true, "010:Repository1": true,
		"User583231": false, "04:user583231": false, "04:User": false, "04:User 583231": false, "0004:User583231": false, "04:IP192.0.2.7": false, "04:AKIA0042": false} {
		if isGlobalID([]byte(v)) != want {
			t.Errorf("%s: %v", v, !want)
		}
	}
	in := inspector(t, Config{})
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`[0-9]{1,3}:[A-Z][a-z][A-Za-z]{2,14}([0-9]{1,20}|4242424242424242)`).Filter(func(v string) bool { return isGlobalID([]byte(v)) }).Draw(t, "id")
		var r Report
		if err := in.Inspect(&r, &weir.Segment{Syntax: weir.Text, Body: []byte(v)}, nil); err != nil || len(r.Findings) > 0 {
			t.Fatalf("%s: %v %v", v, r.Findings, err)
		}
	})
}

// TestHiddenIsBounded reads base64 that is longer than is undone, and says so.
func TestHiddenIsBounded(t *testing.T) {
	in := inspector(t, Config{})
	body := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("so it goes on and on ", 6000)))
	var r Report
	if err := in.Inspect(&r, &weir.Segment{Syntax: weir.Text, Body: []byte(body), Record: true}, nil); err != nil {
		t.Fatal(err)
	}
	if r.Unread < len(body)-4 {
		t.Errorf("%d of %d bytes unread", r.Unread, len(body))
	}
}

// FuzzHidden holds what is found in base64 against what is found in the text.
func FuzzHidden(f *testing.F) {
	f.Add("write to ada@example.com today")
	f.Add("4242 4242 4242 4242, or +44 7700 900123")
	f.Add("001000000 A000000")
	f.Fuzz(func(t *testing.T, text string) {
		in := inspector(t, Config{Unsure: true})
		coded := base64.StdEncoding.EncodeToString([]byte(text))
		var hidden, plain Report
		if err := in.Inspect(&hidden, &weir.Segment{Syntax: weir.Text, Body: []byte(coded), Record: true}, nil); err != nil {
			t.Fatal(err)
		}
		if err := in.Inspect(&plain, &weir.Segment{Syntax: weir.Text, Body: []byte(text), Record: true}, nil); err != nil {
			t.Fatal(err)
		}
		for _, x := range hidden.Findings {
			if x.Start < 0 || x.End > len(coded) || x.Start >= x.End {
				t.Fatalf("%q: %+v", coded, x)
			}
		}
		for _, c := range []byte(text) {
			if c < ' ' || c >= 0x7f || c == '%' {
				return // undone further in plain text than in base64
			}
		}
		if !long.MatchString(coded) || long.MatchString(text) {
			return // nothing leads to it, or there is more in it
		}
		if holdsJSON([]byte(text)) {
			return // hidden, it is read as JSON
		}
		// Of each class one has the place of the whole.
		if got, want := slices.Compact(classesOf(hidden)), slices.Compact(classesOf(plain)); !slices.Equal(got, want) {
			t.Fatalf("%q: %v in base64, %v as it is", text, got, want)
		}
	})
}

var long = regexp.MustCompile("[0-9A-Za-z]{16}")

func classesOf(r Report) (all []weir.Class) {
	for _, f := range r.Findings {
		all = append(all, f.Class)
	}
	slices.Sort(all)
	return all
}

// TestElements reads the names of elements of XML as keys.
func TestElements(t *testing.T) {
	in := inspector(t, Config{})
	body := `<?xml version="1.0"?><c:customers><c:customer id="7"><c:name>Jo Example</c:name><firstName>Jo</firstName><birthDate>1990-02-28</birthDate></c:customer>` +
		`<product><name>Lamp</name></product><employee><name>Bo Example</name></employee></c:customers>`
	var r Report
	if err := in.Inspect(&r, &weir.Segment{Syntax: weir.HTML, Body: []byte(body), Record: true}, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, string(f.Class)+" "+body[f.Start:f.End])
	}
	want := []string{"person.name Jo Example", "person.name Jo", "person.birth_date 1990-02-28", "person.name Bo Example"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestTextAmongJSON refuses what would else pass unread.
func TestTextAmongJSON(t *testing.T) {
	in := inspector(t, Config{})
	var r Report
	for body, ok := range map[string]bool{
		"{\"a\":1}\nfor jo@example.com\n{\"b\":2}": false, `{"a": jo@example.com}`: false, `{"a": +442079460000}`: false, `{"a": 1e+5, "b": 1.5E+10}`: true,
	} {
		if err := in.Inspect(&r, &weir.Segment{Syntax: weir.JSON, Body: []byte(body), Record: true}, nil); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestHiddenWithKeys reads what is hidden as a document of its own.
func TestHiddenWithKeys(t *testing.T) {
	in := inspector(t, Config{})
	doc := `{"full_name":"Jo Example","email":"jo@example.com"}`
	once := base64.StdEncoding.EncodeToString([]byte(doc))
	twice := base64.StdEncoding.EncodeToString([]byte("p=" + once + "&q=1"))
	thrice := base64.StdEncoding.EncodeToString([]byte(twice))
	for _, c := range []struct {
		name string
		seg  weir.Segment
		want map[weir.Class]string // and the identifier's value, where it has one
	}{
		{"UTF-16", weir.Segment{Body: wideText("full_name=\"Jo Example\" email=Jo@example.com\n", true)}, map[weir.Class]string{Name: "", Email: "jo@example.com"}},
		{"JSON in UTF-16", weir.Segment{Body: wideText(doc, false)}, map[weir.Class]string{Name: "", Email: "jo@example.com"}},
		{"base64", weir.Segment{Body: []byte("v=" + once)}, map[weir.Class]string{Name: "", Email: "jo@example.com"}},
		{"base64 in base64", weir.Segment{Body: []byte("v=" + twice)}, map[weir.Class]string{Name: "", Email: "jo@example.com"}},
		{"base64 three times", weir.Segment{Body: []byte("v=" + thrice)}, nil},
		{"JSON in a string", weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"payload":` + strconv.Quote(doc) + `}`)}, map[weir.Class]string{Name: "", Email: "jo@example.com"}},
		{"JSON in a field", weir.Segment{Syntax: weir.CSV, Record: true, Columns: []string{"id", "data"}, Body: []byte(`1,"` + strings.ReplaceAll(doc, `"`, `""`) + `"` + "\n")}, map[weir.Class]string{Name: "", Email: "jo@example.com"}},
		{"quoted-printable", weir.Segment{Body: []byte("Caf=C3=A9: jo=40example.com, card 4242 4242=\n 4242 4242\n")}, map[weir.Class]string{Email: "jo@example.com", Card: "4242424242424242"}},
		{"a program", weir.Segment{Body: []byte("width=40px; x=40.5; from=40example")}, nil},
	} {
		var r Report
		if err := in.Inspect(&r, &c.seg, nil); err != nil {
			t.Fatal(c.name, err)
		}
		got := map[weir.Class]string{}
		for _, f := range r.Findings {
			got[f.Class] = ""
			if id, ok := in.Identifier(&c.seg, f); ok {
				got[f.Class] = id.Value.Reveal()
			}
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: found %v, want %v", c.name, got, c.want)
		}
	}
}

package cut

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/getweir/weir"
)

// piece is a Piece that can be kept and compared.
type piece struct {
	Lead, Body      string
	Syntax          weir.Syntax
	Path            string
	Record, Element bool
	Columns         string
}

func kept(p Piece) piece {
	return piece{
		Lead: string(p.Lead), Body: string(p.Segment.Body), Syntax: p.Segment.Syntax,
		Path: strings.Join(p.Segment.Path, "."), Record: p.Segment.Record, Element: p.Element,
		Columns: strings.Join(p.Segment.Columns, "|"),
	}
}

// drain feeds one chunk and everything that follows from it.
func drain(c *Cutter, all []piece, p []byte, eof bool) ([]piece, error) {
	for {
		ps, err := c.Feed(p, eof)
		for _, x := range ps {
			all = append(all, kept(x))
		}
		if err != nil || !c.More() {
			return all, err
		}
		p = nil
	}
}

// whole feeds body at once; chunked feeds it in pieces of the sizes that next
// gives, each in memory that is overwritten afterwards.
func whole(c *Cutter, body string) ([]piece, error) {
	return drain(c, nil, []byte(body), true)
}

func chunked(c *Cutter, body string, next func() int) ([]piece, error) {
	var all []piece
	var err error
	for {
		n := min(next(), len(body))
		buf := []byte(body[:n])
		body = body[n:]
		all, err = drain(c, all, buf, false)
		if err != nil {
			return all, err
		}
		for i := range buf {
			buf[i] = 0xee // Feed has promised not to need it any more
		}
		if len(body) == 0 {
			return drain(c, all, nil, true)
		}
	}
}

func show(ps []piece) string {
	var b strings.Builder
	for _, p := range ps {
		kind := "envelope"
		switch {
		case p.Body == "":
			kind = "lead"
		case p.Record && p.Element:
			kind = "element"
		case p.Record:
			kind = "record"
		case p.Element:
			kind = "droppable"
		}
		fmt.Fprintf(&b, "%s", kind)
		if p.Path != "" {
			fmt.Fprintf(&b, " @%s", p.Path)
		}
		if p.Lead != "" {
			fmt.Fprintf(&b, " %q+", p.Lead)
		} else {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%q\n", p.Body)
	}
	return b.String()
}

func TestCutsJSON(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		o          Options
		want       string
	}{
		{"a document", ` {"id": 7, "tags": ["a"]} `, Options{}, `
record " {\"id\": 7, \"tags\": [\"a\"]} "
`},
		{"a scalar", `-12.5e+3`, Options{}, `
record "-12.5e+3"
`},
		{"a top-level array", "[ {\"id\":1} ,\n2, \"x,]\" ]\n", Options{}, `
envelope "["
element @[] " "+"{\"id\":1}"
element @[] " ,\n"+"2"
element @[] ", "+"\"x,]\""
envelope " ]\n"
`},
		{"an empty array", `[ ]`, Options{}, `
envelope "["
envelope " ]"
`},
		{"a declared array", `{"data":{"more":[1],"items":[{"items":[1]},[2]],"total":3}}`, Options{Array: []string{"data", "items"}}, `
envelope "{\"data\":{\"more\":[1],\"items\":["
element @data.items.[] "{\"items\":[1]}"
element @data.items.[] ","+"[2]"
envelope @data.items "],\"total\":3}}"
`},
		{"the key of a declared array, escaped", `{"d\u0061ta":[1]}`, Options{Array: []string{"data"}}, `
envelope "{\"d\\u0061ta\":["
element @data.[] "1"
envelope @data "]}"
`},
		{"a declared array twice", `{"items":[1],"x":{"items":[0]},"items":[2]}`, Options{Array: []string{"items"}}, `
envelope "{\"items\":["
element @items.[] "1"
envelope @items "],\"x\":{\"items\":[0]},\"items\":["
element @items.[] "2"
envelope @items "]}"
`},
		{"a declared array that does not appear", `{"items":{"data":[1]},"error":[2]}`, Options{Array: []string{"data", "items"}}, `
record "{\"items\":{\"data\":[1]},\"error\":[2]}"
`},
		{"a declared top-level array", `[1]`, Options{Array: []string{}}, `
envelope "["
element @[] "1"
envelope "]"
`},
		{"a declared array where a top-level array comes", `[{"items":[1]}]`, Options{Array: []string{"items"}}, `
record "[{\"items\":[1]}]"
`},
		{"too long to be one record", `{"a":{"b\n":[1,{"c":[2]}]},"d":["` + strings.Repeat("x", 30) + `"],"e":[]}`, Options{MaxSegment: 40}, `
envelope "{\"a\":{\"b\\n\":["
element @a.b
.[] "1"
element @a.b
.[] ","+"{\"c\":[2]}"
envelope @a.b
 "]},\"d\":["
element @d.[] "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""
envelope @d "],\"e\":["
envelope @e "]}"
`},
		{"a byte order mark", "\xef\xbb\xbf{}", Options{}, `
record "\ufeff"+"{}"
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ps, err := whole(NewJSON(tt.o), tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(ps); got != tt.want[1:] {
				t.Errorf("got\n%swant\n%s", got, tt.want[1:])
			}
		})
	}
}

func TestCutsLines(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		new        func(Options) *Cutter
		want       string
	}{
		{"NDJSON", "{\"id\":1}\r\n\n [2]\n\"x\"", NewNDJSON, `
element @[] "{\"id\":1}\r\n"
lead "\n"+""
element @[] " "+"[2]\n"
element @[] "\"x\""
`},
		{"text", "one\n\ntwo", NewText, `
element @[] "one\n"
element @[] "\n"
element @[] "two"
`},
		{"private keys", "a\nkey=-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE KEY-----\nb\n-----BEGIN PRIVATE KEY-----\nno key!\n-----BEGIN PRIVATE KEY-----\nMII=", NewText, `
element @[] "a\n"
element @[] "key=-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE KEY-----\n"
element @[] "b\n"
element @[] "-----BEGIN PRIVATE KEY-----\nno key!\n"
element @[] "-----BEGIN PRIVATE KEY-----\nMII="
`},
		{"events", "\n: hello\n\nevent: a\ndata: 1\r\n\r\ndata: 2\n", NewEvents, `
lead "\n"+""
element @[] ": hello\n\n"
element @[] "event: a\ndata: 1\r\n\r\n"
element @[] "data: 2\n"
`},
		{"CSV", "\xef\xbb\xbfid,\"na\"\"me\"\r\n1,\"a\nb,\"\"c\"\"\"\r\n\n2,d", NewCSV, `
envelope "\ufeff"+"id,\"na\"\"me\"\r\n"
element @[] "1,\"a\nb,\"\"c\"\"\"\r\n"
lead "\n"+""
element @[] "2,d"
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ps, err := whole(tt.new(Options{}), tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(ps); got != tt.want[1:] {
				t.Errorf("got\n%swant\n%s", got, tt.want[1:])
			}
		})
	}
}

func TestCSVColumns(t *testing.T) {
	for head, want := range map[string]string{
		"id,name,\"e \"\"mail\"\"\"": `id|name|e "mail"`,
		"id; name;city, country":     "id|name|city, country",
		"id\tname\"":                 "", // an error
		"only":                       "only",
		" a , b ":                    "a|b",
	} {
		ps, err := whole(NewCSV(Options{}), head+"\n1\n")
		if want == "" {
			if !errors.Is(err, ErrSyntax) {
				t.Errorf("%q: %v", head, err)
			}
			continue
		}
		if err != nil || len(ps) != 2 || ps[1].Columns != want || ps[0].Columns != "" {
			t.Errorf("%q: got %+v, %v", head, ps, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+1)
	for _, tt := range []struct {
		name, body string
		new        func(Options) *Cutter
		want       error
		offset     int64
	}{
		{"nothing", "", NewJSON, ErrTruncated, 0},
		{"white space only", " \n", NewJSON, ErrTruncated, 2},
		{"cut in a value", `{"a":[1,2`, NewJSON, ErrTruncated, 9},
		{"cut in a string", `"ab`, NewJSON, ErrTruncated, 3},
		{"cut in an escape", `"ab\u00`, NewJSON, ErrTruncated, 3},
		{"cut in a word", `[tru`, NewJSON, ErrTruncated, 1},
		{"cut in a number", `-`, NewJSON, ErrTruncated, 1},
		{"something after the document", `{} {}`, NewJSON, ErrSyntax, 3},
		{"a comma too many", `[1,]`, NewJSON, ErrSyntax, 3},
		{"a comma too many in an object", `{"a":1,}`, NewJSON, ErrSyntax, 7},
		{"a comma too few", `[1 2]`, NewJSON, ErrSyntax, 3},
		{"the wrong end", `[1}`, NewJSON, ErrSyntax, 2},
		{"an end without a beginning", `]`, NewJSON, ErrSyntax, 0},
		{"a key without a value", `{"a"}`, NewJSON, ErrSyntax, 4},
		{"a key that is no string", `{1:2}`, NewJSON, ErrSyntax, 1},
		{"a leading zero", `01`, NewJSON, ErrSyntax, 1},
		{"a plus sign", `+1`, NewJSON, ErrSyntax, 0},
		{"a point without digits", `[1.]`, NewJSON, ErrSyntax, 3},
		{"NaN", `NaN`, NewJSON, ErrSyntax, 0},
		{"a wrong word", `nulL`, NewJSON, ErrSyntax, 0},
		{"a NUL", "[1,\x002]", NewJSON, ErrSyntax, 3},
		{"a NUL in a string", "\"a\x00\"", NewJSON, ErrSyntax, 2},
		{"a line end in a string", "\"a\n\"", NewJSON, ErrSyntax, 2},
		{"a wrong escape", `"a\x"`, NewJSON, ErrSyntax, 2},
		{"a wrong hexadecimal escape", `"a\u00g0"`, NewJSON, ErrSyntax, 2},
		{"Latin-1 in a string", "\"caf\xe9\"", NewJSON, ErrSyntax, 4},
		{"half a surrogate in UTF-8", "\"\xed\xa0\x80\"", NewJSON, ErrSyntax, 1},
		{"single quotes", `{'a':1}`, NewJSON, ErrSyntax, 1},
		{"HTML", `<html>`, NewJSON, ErrSyntax, 0},
		{"nested too deeply", deep, NewJSON, ErrDepth, MaxDepth},
		{"objects nested too deeply", strings.Repeat(`{"a":`, MaxDepth+1), NewJSON, ErrDepth, 5 * MaxDepth},
		{"a value over two lines", "{\n}", NewNDJSON, ErrSyntax, 2},
		{"two values in a line", "1 2\n", NewNDJSON, ErrSyntax, 2},
		{"a last line cut", "1\n[2", NewNDJSON, ErrTruncated, 4},
		{"a last line broken", "1\n}", NewNDJSON, ErrSyntax, 2},
		{"a deep line", "1\n" + deep + "\n", NewNDJSON, ErrDepth, MaxDepth + 2},
		{"UTF-16 text", "h\x00i\x00\n\x00", NewText, ErrSyntax, 1},
		{"UTF-16 events", "h\x00i\x00", NewEvents, ErrSyntax, 1},
		{"a NUL in a row", "a\n\x00", NewCSV, ErrSyntax, 2},
		{"a quote that does not end", "a\n\"b", NewCSV, ErrTruncated, 4},
		{"a quote inside a field", "a\nb\"c\"\n", NewCSV, ErrSyntax, 3},
		{"something after a quoted field", "a\n\"b\"c\n", NewCSV, ErrSyntax, 5},
		{"CR after a quoted field", "a\n\"b\"\rc\n", NewCSV, ErrSyntax, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := whole(tt.new(Options{}), tt.body)
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if e.Offset != tt.offset {
				t.Errorf("at byte %d, want %d", e.Offset, tt.offset)
			}
		})
	}
}

func TestAcceptsTheDeepestAllowed(t *testing.T) {
	body := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	if _, err := whole(NewJSON(Options{}), body); err != nil {
		t.Error(err)
	}
}

func TestTooLong(t *testing.T) {
	long := strings.Repeat("x", 100)
	o := Options{MaxSegment: 64}
	for name, tt := range map[string]struct {
		c      *Cutter
		body   string
		pieces int // before the error
	}{
		"an element":         {NewJSON(o), `[1,"` + long + `"]`, 2},
		"a string":           {NewJSON(o), `"` + long + `"`, 0},
		"white space":        {NewJSON(o), `[` + strings.Repeat(" ", 100) + `]`, 1},
		"an envelope":        {NewJSON(o), `{"a":"` + long + `","b":[1]}`, 0},
		"a declared array":   {NewJSON(Options{MaxSegment: 64, Array: []string{"b"}}), `{"a":"` + long + `","b":[1]}`, 0},
		"a line of NDJSON":   {NewNDJSON(o), "1\n\"" + long + "\"\n", 1},
		"a line":             {NewText(o), "a\n" + long + "\n", 1},
		"a row":              {NewCSV(o), "a\n\"" + long + "\"\n", 1},
		"an event":           {NewEvents(o), "a\n\n" + long + "\n\n", 1},
		"a page":             {NewWhole(o, weir.HTML), long, 0},
		"an array too deep":  {NewJSON(o), strings.Repeat(`{"a":`, maxPath) + `{"a":["` + long, 0},
		"a number":           {NewJSON(o), strings.Repeat("1", 100), 0},
		"a line without end": {NewText(o), long, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ps, err := whole(tt.c, tt.body)
			if !errors.Is(err, ErrTooLong) {
				t.Fatal(err)
			}
			if len(ps) != tt.pieces {
				t.Errorf("got %d pieces:\n%s", len(ps), show(ps))
			}
		})
	}
	exact := strings.Repeat("x", 62)
	for name, c := range map[string]*Cutter{`"` + exact + `"`: NewJSON(o), exact + "x\n": NewText(o), exact + "xx": NewWhole(o, weir.HTML)} {
		if ps, err := whole(c, name); err != nil || len(ps) != 1 {
			t.Errorf("64 bytes of %v: %d pieces, %v", ps, len(ps), err)
		}
	}
}

func TestFeedIsBounded(t *testing.T) {
	body := []byte("[" + strings.Repeat("1,", 3*MaxPieces) + "1]")
	c := NewJSON(Options{})
	var out []byte
	for p, more := body, true; more; p = nil {
		ps, err := c.Feed(p, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(ps) > MaxPieces {
			t.Fatalf("%d pieces at once", len(ps))
		}
		for _, x := range ps {
			out = append(append(out, x.Lead...), x.Segment.Body...)
		}
		more = c.More()
	}
	if !bytes.Equal(out, body) {
		t.Error("the pieces are not the body")
	}
}

// kinds are the cutters by number, for tests over all of them.
var kinds = []func(Options) *Cutter{
	NewJSON, NewNDJSON, NewCSV, NewText, NewEvents,
	func(o Options) *Cutter { return NewWhole(o, weir.HTML) },
	func(o Options) *Cutter { o.Array = []string{"data", "items"}; return NewJSON(o) },
	func(o Options) *Cutter { o.Array = []string{}; return NewJSON(o) },
}

func checkCuts(t *testing.T, kind int, max int, seed uint64, body string) {
	t.Helper()
	make := kinds[kind%len(kinds)]
	o := Options{MaxSegment: max}
	want, wantErr := whole(make(o), body)

	var joined strings.Builder
	for _, p := range want {
		joined.WriteString(p.Lead)
		joined.WriteString(p.Body)
		if len(p.Lead)+len(p.Body) > max {
			t.Fatalf("a piece of %d bytes, with a bound of %d", len(p.Lead)+len(p.Body), max)
		}
	}
	if !strings.HasPrefix(body, joined.String()) || wantErr == nil && joined.Len() != len(body) {
		t.Fatalf("the pieces are not the body:\n%q\n%s", body, show(want))
	}

	c := make(o)
	r := rand.New(rand.NewPCG(seed, 0))
	for round, next := range []func() int{
		func() int { return 1 },
		func() int { return 1 + r.IntN(7) },
		func() int { return 1 + r.IntN(40) },
	} {
		if round > 0 {
			c.Reset(o2(c, o))
		}
		got, err := chunked(c, body, next)
		if !slices.Equal(got, want) {
			t.Fatalf("cuts matter (round %d, %q):\nwhole\n%schunked\n%s", round, body, show(want), show(got))
		}
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("cuts matter (round %d, %q): %v, whole %v", round, body, err, wantErr)
		}
	}
}

// o2 gives the options with the declared array that the cutter has.
func o2(c *Cutter, o Options) Options { o.Array = c.opt.Array; return o }

func FuzzLaw4CutsDontMatter(f *testing.F) {
	for _, s := range []string{
		`{"data":{"items":[{"id":1,"name":"Ada"},{"id":2}],"total":2},"items":[]}`,
		"[1,2,{\"a\":[true,false,null,-1.5e-7,\"\\u00e9\\n\xc3\xa9\xf0\x9f\x8e\xac\"]}]\n",
		"\xef\xbb\xbfid,name\r\n1,\"a\nb\"\r\n", "a,b\n\"x\"\"y\",2\n\n3,4",
		"{\"id\":1}\n\n[2]\r\n\"x\"", "data: 1\n\n: x\n\r\ndata: 2\n\n",
		`{"a":{"b":[1,[2],{"c":[]}]},"d":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","e":[[],{}]}`,
		`{"data":{"items":[1]},"data":{"items":[2]}}`, "\xef\xbb", "", "  ", "[", `"\ud800"`, "0", "[1e5,-0.0]",
	} {
		for kind := range kinds {
			f.Add(kind, 64, uint64(1), s)
		}
		f.Add(0, 16, uint64(2), s)
	}
	f.Fuzz(func(t *testing.T, kind, max int, seed uint64, body string) {
		if kind < 0 || max < 8 || max > 1<<16 || len(body) > 1<<14 {
			return
		}
		checkCuts(t, kind, max, seed, body)
	})
}

// FuzzJSONAgainstStandard holds the machine to the grammar of encoding/json,
// which differs in two points: it takes invalid UTF-8 and has another depth.
func FuzzJSONAgainstStandard(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e7,true,"x\u0041"]}`, `[]`, `{}`, `-0`, `1.`, `"\`, `[1,]`, `{"a":1,}`, ` [ null , false ] `, "\"\xff\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 1<<12 || strings.HasPrefix(body, "\xef\xbb\xbf") {
			return
		}
		ps, err := whole(NewJSON(Options{}), body)
		valid := json.Valid([]byte(body))
		switch {
		case err == nil && !valid:
			t.Fatalf("took %q", body)
		case err != nil && valid && strings.ToValidUTF8(body, "") == body && !errors.Is(err, ErrDepth):
			t.Fatalf("refused %q: %v", body, err)
		}
		for _, p := range ps {
			if p.Record && !json.Valid([]byte(p.Body)) {
				t.Fatalf("a record that is not JSON: %q of %q", p.Body, body)
			}
		}
	})
}

// randomJSON writes a document with arrays, escapes and white space.
func randomJSON(r *rand.Rand, depth int) string {
	ws := func() string { return []string{"", "", " ", "\n  "}[r.IntN(4)] }
	switch n := r.IntN(8); {
	case n < 2 && depth > 0:
		var b strings.Builder
		b.WriteString("{" + ws())
		for i, n := 0, r.IntN(5); i < n; i++ {
			if i > 0 {
				b.WriteString("," + ws())
			}
			b.WriteString([]string{`"data"`, `"items"`, `"x"`, `"d\u0061ta"`}[r.IntN(4)] + ws() + ":" + ws() + randomJSON(r, depth-1) + ws())
		}
		return b.String() + "}"
	case n < 4 && depth > 0:
		var b strings.Builder
		b.WriteString("[" + ws())
		for i, n := 0, r.IntN(6); i < n; i++ {
			if i > 0 {
				b.WriteString("," + ws())
			}
			b.WriteString(randomJSON(r, depth-1) + ws())
		}
		return b.String() + "]"
	}
	return []string{`"a\"b\\"`, `"` + strings.Repeat("lörem ", r.IntN(6)) + `"`, "-1.5e+10", "0", "12345678901", "true", "null", `"😀"`}[r.IntN(8)]
}

func TestLaw4OverRandomDocuments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		body := randomJSON(r, 6)
		if i%3 == 0 { // broken somewhere
			at := r.IntN(len(body))
			body = body[:at] + string(body[at]^byte(1<<r.IntN(7))) + body[at+1:]
		}
		for _, kind := range []int{0, 6, 7} {
			checkCuts(t, kind, 16+r.IntN(200), uint64(i), body)
		}
	}
}

// The time for small feeds must not grow with the square of the body: a string
// of 256 KiB byte by byte would take minutes.
func TestSmallFeedsAreLinear(t *testing.T) {
	body := `{"a":"` + strings.Repeat("x", 200<<10) + `","n":` + strings.Repeat("1", 40<<10) + `}`
	ps, err := chunked(NewJSON(Options{}), body, func() int { return 1 })
	if err != nil || len(ps) != 1 {
		t.Fatal(len(ps), err)
	}
}

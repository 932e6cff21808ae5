package jsonlex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// tokens writes the tokens of body one after the other, and the error if any.
func tokens(l *Lexer, body []byte) string {
	var out strings.Builder
	for {
		t, err := l.Next()
		if err != nil {
			fmt.Fprintf(&out, "! %v", err)
			return out.String()
		}
		if t.Kind == End {
			return strings.TrimSpace(out.String())
		}
		if t.Kind == Key {
			out.WriteString("k:")
		}
		out.Write(body[t.Start:t.End])
		out.WriteByte(' ')
	}
}

func TestTokens(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{}`, `{ }`},
		{` [ ] `, `[ ]`},
		{`"x"`, `"x"`},
		{`-0.5e+3`, `-0.5e+3`},
		{`{"a":[1,true,null,"b\"\u0041"],"c":{"d":false}}`,
			`{ k:"a" [ 1 true null "b\"\u0041" ] k:"c" { k:"d" false } }`},
		{``, `! not JSON at byte 0`},
		{`{`, `{ ! not JSON at byte 1`},
		{`[1,]`, `[ 1 ! not JSON at byte 3`},
		{`{"a":1,}`, `{ k:"a" 1 ! not JSON at byte 7`},
		{`{"a" 1}`, `{ ! not JSON at byte 5`},
		{`01`, `0 ! not JSON at byte 1`},
		{`1 2`, `1 ! not JSON at byte 2`},
		{`[}`, `[ ! not JSON at byte 1`},
		{`"a`, `! not JSON at byte 0`},
		{"\"a\nb\"", `! not JSON at byte 0`},
		{`"\x"`, `! not JSON at byte 0`},
		{`,`, `! not JSON at byte 0`},
		{`]`, `! not JSON at byte 0`},
	} {
		var l Lexer
		l.Reset([]byte(c.body))
		if got := tokens(&l, []byte(c.body)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

func TestPieces(t *testing.T) {
	for _, c := range []struct {
		path       []string
		body, want string
	}{
		{nil, `{"data":{"items":[`, `{ k:"data" { k:"items" [`},
		{[]string{"data", "items"}, `],"total":3}}`, `] k:"total" 3 } }`},
		{[]string{"data", "items", "[]"}, `],"total":3}}`, `] k:"total" 3 } }`},
		{[]string{"a"}, `],"b":[`, `] k:"b" [`},
		{[]string{"a"}, `,{"x":1},{"x":2}`, `{ k:"x" 1 } { k:"x" 2 }`},
		{[]string{"a"}, `"v","b":1}`, `"v" k:"b" 1 }`},
		{nil, `]`, `]`},
		{nil, `[`, `[`},
		{[]string{"[]"}, `{"a":1}`, `{ k:"a" 1 }`},
		{[]string{"a"}, `}}`, `} ! not JSON at byte 1`},
	} {
		var l Lexer
		if err := l.ResetPiece([]byte(c.body), c.path); err != nil {
			t.Fatal(err)
		}
		if got := tokens(&l, []byte(c.body)); got != c.want {
			t.Errorf("%v %s\n got %s\nwant %s", c.path, c.body, got, c.want)
		}
	}
}

func TestDepth(t *testing.T) {
	for _, n := range []int{1, MaxDepth, MaxDepth + 1, 10000} {
		body := strings.Repeat("[", n) + strings.Repeat("]", n)
		var l Lexer
		l.Reset([]byte(body))
		var err error
		for tok := (Token{Kind: Null}); err == nil && tok.Kind != End; {
			tok, err = l.Next()
		}
		if n <= MaxDepth && err != nil || n > MaxDepth && !errors.Is(err, ErrDepth) {
			t.Errorf("%d levels: %v", n, err)
		}
	}
	if err := new(Lexer).ResetPiece(nil, make([]string, MaxDepth+1)); !errors.Is(err, ErrDepth) {
		t.Errorf("path too long: %v", err)
	}
}

func TestSkip(t *testing.T) {
	body := []byte(`{"a":{"b":[1,{"c":2}]},"d":[],"e":5}`)
	var l Lexer
	l.Reset(body)
	var keys []string
	for {
		tok, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		if tok.Kind == End {
			break
		}
		if tok.Kind == Key {
			end, err := l.Skip(tok)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, string(body[tok.Start:end]))
		}
	}
	if got, want := strings.Join(keys, " "), `"a":{"b":[1,{"c":2}]} "d":[] "e":5`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		body, path, want string
		state            Presence
	}{
		{`{"id":"c-1"}`, "id", `"c-1"`, Found},
		{`{"x":{"id":2},"id":1}`, "id", `1`, Found},
		{`{"customer":{"id":7,"x":1}}`, "customer id", `7`, Found},
		{`{"customer":{"id":7},"id":9}`, "customer id", `7`, Found},
		{`{"customer":{"x":{"id":7}}}`, "customer id", ``, Absent},
		{`{"customer":[{"id":7}]}`, "customer id", ``, Absent},
		{`{"customer":3}`, "customer id", ``, Absent},
		{`{"id":1,"id":1}`, "id", ``, Duplicate},
		{`{"id":1,"\u0069d":2}`, "id", ``, Duplicate},
		{`{"customer":{"id":7},"customer":{}}`, "customer id", ``, Duplicate},
		{`{"customer":3,"customer":{"id":7}}`, "customer id", ``, Duplicate},
		{`{"customer":{"id":7,"id":8}}`, "customer id", ``, Duplicate},
		{`{"customer":{"id":7},"other":{"id":8,"id":9}}`, "customer id", `7`, Found},
		{`{"x":1,"x":2,"id":3}`, "id", `3`, Found},
		{`{"id":{"a":1}}`, "id", `{`, Found},
		{` "c-1"`, "", `"c-1"`, Found},
		{`[{"id":1}]`, "id", ``, Absent},
	} {
		tok, state, err := Find([]byte(c.body), strings.Fields(c.path))
		if err != nil || state != c.state {
			t.Errorf("%s: state %v, %v", c.body, state, err)
			continue
		}
		if state == Found && c.body[tok.Start:tok.End] != c.want {
			t.Errorf("%s: got %s", c.body, c.body[tok.Start:tok.End])
		}
	}
	if _, _, err := Find([]byte(`{"id":1,}`), []string{"id"}); !errors.Is(err, ErrSyntax) {
		t.Errorf("broken body: %v", err)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`plain`:              "plain",
		`\"\\\/\b\f\n\r\t`:   "\"\\/\b\f\n\r\t",
		`a\u0040b`:           "a@b",
		`\ud83d\ude00`:       "😀",
		`\ud83d`:             "\ufffd",
		`\ude00\ud83d\u0041`: "\ufffd\ufffdA",
		"ü\xff":              "ü\xff",
	} {
		got, err := Append(nil, []byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
		if !Equal([]byte(in), want) || Equal([]byte(in), want+"x") || Equal([]byte(in), "x"+want) {
			t.Errorf("%s: Equal is wrong", in)
		}
	}
	for _, in := range []string{`\`, `\x`, `\u12`, `\u12g4`} {
		if _, err := Append(nil, []byte(in)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	body := []byte(`{"a":[1,true,null,"b\"\u0041"],"c":{"d":false},"e":"` + strings.Repeat("x", 100) + `"}`)
	path := []string{"c", "d"}
	if n := testing.AllocsPerRun(100, func() {
		if _, state, err := Find(body, path); state != Found || err != nil {
			t.Fatal(state, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAgainstStandardLibrary(f *testing.F) {
	for _, s := range []string{`{"a":[1,true,null,"b\"\u0041"],"c":{"d":false}}`, `[1,]`, `1e5`, `"\ud83d\ude00"`, ` {"a":{}} `, "\"\xff\"", `-`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var l Lexer
		l.Reset(body)
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		valid := json.Valid(body)
		last := 0
		for {
			tok, err := l.Next()
			if err != nil {
				if valid && !errors.Is(err, ErrDepth) {
					t.Fatalf("refused valid JSON: %v", err)
				}
				return
			}
			if tok.Start < last || tok.End < tok.Start || tok.End > len(body) {
				t.Fatalf("token %v out of order", tok)
			}
			last = tok.End
			if tok.Kind == End {
				break
			}
			if !valid {
				continue
			}
			want, err := dec.Token()
			if err != nil {
				t.Fatalf("token %v, where there is %v", tok, err)
			}
			a, b := tok.Inner()
			switch w := want.(type) {
			case json.Delim:
				if string(body[a:b]) != w.String() {
					t.Fatalf("got %s, want %s", body[a:b], w)
				}
			case string:
				got, err := Append(nil, body[a:b])
				if err != nil || strings.ToValidUTF8(string(got), "\ufffd") != strings.ToValidUTF8(w, "\ufffd") && bytes.Equal(body, bytes.ToValidUTF8(body, nil)) {
					t.Fatalf("got %q, want %q", got, w)
				}
			case json.Number:
				if string(body[a:b]) != w.String() {
					t.Fatalf("got %s, want %s", body[a:b], w)
				}
			}
		}
		if !valid {
			t.Fatalf("took what is not JSON: %q", body)
		}
	})
}

func FuzzPieces(f *testing.F) {
	f.Add([]byte(`],"total":3}}`), "data items")
	f.Add([]byte(`{"data":[`), "")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		var l Lexer
		if l.ResetPiece(body, strings.Fields(path)) != nil {
			return
		}
		for last := 0; ; {
			tok, err := l.Next()
			if err != nil || tok.Kind == End {
				return
			}
			if tok.Start < last || tok.End <= tok.Start || tok.End > len(body) {
				t.Fatalf("token %v out of order", tok)
			}
			last = tok.End
		}
	})
}

func BenchmarkNext(b *testing.B) {
	body := []byte(`[` + strings.Repeat(`{"title_id":"t-1042","title":"The Long Way to the Sea","year":2019,"genres":["drama","travel"],"price":12.99},`, 500) + `null]`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var l Lexer
		l.Reset(body)
		for {
			t, err := l.Next()
			if err != nil {
				b.Fatal(err)
			}
			if t.Kind == End {
				break
			}
		}
	}
}

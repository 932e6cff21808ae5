//go:build !race

// These read hundreds of megabytes and look at memory, which the race detector
// multiplies; make test runs them without it.

package files

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// TestHostile reads what is made to break readers: every byte is read or counted,
// what lies behind it is found, and memory stays bounded.
func TestHostile(t *testing.T) {
	const size = 2*maxRecord + 1<<20
	tests := map[string]struct {
		format Format
		in     *endless
		findsT bool // it finds the address at the end
	}{
		"a line without end":       {Auto, &endless{pattern: "some words and more of them ", n: 100 << 20, end: " jo@example.com"}, true},
		"a string without end":     {Auto, &endless{pattern: "yyyyyyyy", n: size, end: ` jo@example.com"}`}, true},
		"an array without end":     {JSON, &endless{pattern: `{"a":1,"b":["c"]},`, n: size / 18 * 18, end: `{"email":"jo@example.com"}]`}, true},
		"a row without end":        {CSV, &endless{pattern: `"a ""b"" `, n: size, end: "jo@example.com"}, true},
		"lines of JSON, one long":  {NDJSON, &endless{pattern: `{"a":1},`, n: size, end: "\n" + `{"email":"jo@example.com"}`}, true},
		"a page without end":       {HTML, &endless{pattern: "<p>words<br>", n: size, end: "<p>jo@example.com"}, true},
		"a form without end":       {Form, &endless{pattern: "a=1&bb=2&", n: size, end: "email=jo@example.com"}, true},
		"nothing but opening":      {JSON, &endless{pattern: "[", n: 1 << 20, end: "jo@example.com"}, true},
		"nothing but quotes":       {CSV, &endless{pattern: `"`, n: 1 << 20, end: "\njo@example.com"}, true},
		"nothing but NUL":          {Text, &endless{pattern: "\x00", n: 1 << 20, end: "\njo@example.com"}, true},
		"nothing but wrong UTF-8":  {Text, &endless{pattern: "\xff\xc0\x80", n: 1 << 20, end: "\njo@example.com"}, true},
		"nothing but line ends":    {Text, &endless{pattern: "\n", n: 1 << 20, end: "jo@example.com"}, true},
		"nothing but percents":     {Text, &endless{pattern: "%25", n: 1 << 20, end: "\njo@example.com"}, true},
		"boundaries of no part":    {Multipart, &endless{pattern: "--b\n", n: 1 << 20, end: "\njo@example.com"}, true},
		"header fields, no body":   {HTTP, &endless{pattern: "a: b\n", n: 1 << 20, end: "x: jo@example.com\n"}, true},
		"closing what never opens": {JSON, &endless{pattern: "]}", n: 1 << 20, end: "\njo@example.com"}, true},
	}
	in := inspector(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all := test.in.n + len(test.in.end)
			var r io.Reader = test.in
			switch name {
			case "a string without end":
				r = io.MultiReader(strings.NewReader(`{"a":"`), r)
				all += 6
			case "an array without end":
				r = io.MultiReader(strings.NewReader(`[`), r)
				all++
			case "a row without end":
				r = io.MultiReader(strings.NewReader("a,b\n"), r)
				all += 4
			}
			// The limit keeps what the collector has not got to yet out of the figure.
			var before, after runtime.MemStats
			debug.FreeOSMemory()
			runtime.ReadMemStats(&before)
			const most = 96 << 20
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(before.Sys-before.HeapReleased) + most))
			found := false
			sum, err := Scan(context.Background(), []string{"-"}, Options{Inspector: in, Format: test.format, Input: r, Workers: 2}, func(f Finding) {
				found = found || f.Class == "contact.email"
			})
			runtime.ReadMemStats(&after)
			if err != nil || sum.Bytes != int64(all) || found != test.findsT && sum.Unread == 0 {
				t.Errorf("found %v, %v, %+v, of %d bytes", found, err, sum, all)
			}
			if grew := int64(after.Sys-after.HeapReleased) - int64(before.Sys-before.HeapReleased); grew > most*3/2 {
				t.Errorf("%d MB more of memory, of %d", grew>>20, most>>20)
			}
		})
	}
}

// TestMaskHostile masks a line without end in bounded memory.
func TestMaskHostile(t *testing.T) {
	f := NewFilter(&endless{pattern: "some words and more of them ", n: 100 << 20, end: " jo@example.com\n"}, MaskOptions{Inspector: inspector(t)})
	var last []byte
	n := 0
	buf := make([]byte, 64<<10)
	for {
		k, err := f.Read(buf)
		n += k
		last = append(last[max(0, len(last)-30):], buf[:k]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != 100<<20+16 || !bytes.HasSuffix(last, []byte(" **@*******.***\n")) {
		t.Errorf("%d bytes, ending in %q", n, last[len(last)-20:])
	}
}

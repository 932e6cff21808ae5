package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	tests := []struct {
		format   Format
		in, want string
	}{
		{Auto, `{"email":"jo@example.com","n":1}`, `{"email":"**@*******.***","n":1}`},
		{Auto, "{\"a\":1}\n{\"email\":\"jo@example.com\"}\nplain jo@example.com\n", "{\"a\":1}\n{\"email\":\"**@*******.***\"}\nplain **@*******.***\n"},
		{Auto, "2026-01-01 in for jo@example.com\n2026-01-02 out\n", "2026-01-01 in for **@*******.***\n2026-01-02 out\n"},
		{CSV, "id,mail\n1,jo@example.com\n", "id,mail\n1,**@*******.***\n"},
		{Auto, "a=1&email=jo%40example.com&b=2", "a=1&email=*****" + "*******.***&b=2"},
		{HTML, "<b>jo@example.com</b>", "<b>**@*******.***</b>"},
		{Auto, "data: {\"email\":\"jo@example.com\"}\n\n", "data: {\"email\":\"**@*******.***\"}\n\n"},
		{Auto, "GET /?m=jo@example.com HTTP/1.1\r\nCookie: a=1; m=jo@example.com\r\n\r\n", "GET /?m=**@*******.*** HTTP/1.1\r\nCookie: a=1; m=**@*******.***\r\n\r\n"},
		{Auto, "", ""},
		{Auto, "\n\n", "\n\n"},
	}
	for _, test := range tests {
		got, err := masked(t, []byte(test.in), MaskOptions{Format: test.format})
		if err != nil || string(got) != test.want {
			t.Errorf("%q: %q, %v; want %q", test.in, got, err, test.want)
		}
		again, err := masked(t, got, MaskOptions{Format: test.format})
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("masked again: %q, %v", again, err)
		}
	}
}

// TestMaskRefuses gives nothing of what it cannot read.
func TestMaskRefuses(t *testing.T) {
	tests := map[string]struct {
		format Format
		in     string
		err    error
	}{
		"binary":     {Auto, strings.Repeat("\x00\x01\x02\x03", 100), ErrBinary},
		"utf-16":     {Text, "\xff\xfej\x00o\x00", ErrUnread},
		"not json":   {JSON, `{"a":1} jo@example.com`, ErrMalformed},
		"cut off":    {JSON, `{"email":"jo@example.com"`, ErrMalformed},
		"a long key": {JSON, `{"a":"` + strings.Repeat("y", maxRecord) + `"}`, ErrTooLong},
		"page":       {HTML, strings.Repeat("y", maxRecord+1), ErrTooLong},
		"a line":     {NDJSON, `{"a":"` + strings.Repeat("y", maxRecord) + `"}`, ErrTooLong},
		"a table":    {CSV, "a,b\n\"jo@example.com", ErrMalformed},
	}
	for name, test := range tests {
		got, err := masked(t, []byte(test.in), MaskOptions{Format: test.format})
		if !errors.Is(err, test.err) || bytes.Contains(got, []byte("jo")) {
			t.Errorf("%s: %v, %d bytes out", name, err, len(got))
		}
	}
}

// TestMaskLongLine masks a line that is longer than any buffer, wherever in it the
// data lies.
func TestMaskLongLine(t *testing.T) {
	for _, at := range []int{0, 1, blockSize - overlap/2 - 20, blockSize - overlap/2 - 5, blockSize - overlap/2, blockSize - 7, blockSize, blockSize + 3, 2*blockSize - overlap, 3 * blockSize} {
		in := []byte(strings.Repeat("some words ", (4*blockSize)/11))
		copy(in[at:], " jo.public@example.com ")
		want := bytes.ReplaceAll(in, []byte("jo.public@example.com"), []byte("**.******@*******.***"))
		for _, tail := range []string{"", "\nnext a@example.com\n"} {
			got, err := masked(t, append(bytes.Clone(in), tail...), MaskOptions{Format: Text}, 1000, 70000, 3)
			if err != nil || !bytes.Equal(got, append(bytes.Clone(want), strings.ReplaceAll(tail, "a@example.com", "*@*******.***")...)) {
				t.Errorf("at %d: wrong (%v)", at, err)
			}
		}
	}
}

var streams = []struct {
	format Format
	in     string
}{
	{Auto, `{"data":{"items":[{"email":"jo@example.com","card":"4242 4242 4242 4242"},{"name":"Jo Example","phone":"+44 7700 900123"}]}}`},
	{Auto, `[{"email":"jo@example.com"},{"x":"a\u0040example.com"},` + "\n" + `3,"+1 202 555 0123"]`},
	{Auto, "{\"email\":\"jo@example.com\"}\nnot json jo@example.com\n{\"a\":\n"},
	{CSV, "id,mail,note\n1,jo@example.com,\"a \"\"b\"\"\n c\"\n2,,x\n"},
	{CSV, "mail;note\njo@example.com;x\n"},
	{Auto, "a line for jo@example.com\r\nanother 192.0.2.7 \xff\xfe\x00 end"},
	{Auto, "email=jo%40example.com&phone=%2B44+7700+900123&name=Jo"},
	{Auto, "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njo@example.com\r\n--b--\r\n"},
	{Auto, "event: x\ndata: {\"email\":\"jo@example.com\"}\n\ndata: jo@example.com\n\n"},
	{Auto, "HTTP/1.1 200 OK\r\nSet-Cookie: m=jo@example.com; Path=/\r\nContent-Type: text/html\r\n\r\n<b>jo@example.com</b>"},
	{Auto, "<html><dl><dt>Name</dt><dd>Jo Example</dd></dl>"},
	{Text, strings.Repeat("word ", 70000) + "jo@example.com"},
}

// FuzzMaskLaw4 holds law 4, and that what is masked stays what it was otherwise: of
// the same format, with nothing left in it to mask.
func FuzzMaskLaw4(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s.in), uint8(s.format), uint16(1), uint16(7))
	}
	in := inspector(f)
	f.Fuzz(func(t *testing.T, stream []byte, format uint8, a, b uint16) {
		o := MaskOptions{Inspector: in, Format: Format(format) % utf16}
		want, wrong := masked(t, stream, o)
		got, err := masked(t, stream, o, int(a), int(b))
		if !bytes.Equal(got, want) || (err == nil) != (wrong == nil) || err != nil && err.Error() != wrong.Error() {
			t.Fatalf("in pieces %q, %v; whole %q, %v", got, err, want, wrong)
		}
		var w bytes.Buffer
		writer := NewWriter(&w, o)
		_, err = writer.Write(stream)
		if err == nil {
			err = writer.Close()
		}
		if !bytes.Equal(w.Bytes(), want) || (err == nil) != (wrong == nil) {
			t.Fatalf("written %q, %v; read %q, %v", w.Bytes(), err, want, wrong)
		}
		if o.Format == JSON && wrong == nil && json.Valid(stream) && !json.Valid(got) {
			t.Fatalf("no JSON any more: %q", got)
		}
	})
}

// FuzzDetect tells formats apart without fault, and text from what is none: nothing
// that is plain text is taken for binary.
func FuzzDetect(f *testing.F) {
	for _, s := range streams {
		f.Add("", []byte(s.in))
		f.Add("a.json", []byte(s.in))
	}
	f.Add("a.csv", []byte("PK\x03\x04 but a table"))
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		_, ok := Detect(name, head)
		plain := len(head) > 0
		for _, c := range head {
			plain = plain && (c >= ' ' && c < 0x7f || c == '\n')
		}
		if plain && !ok && !bytes.HasPrefix(head, []byte("%PDF-")) && !bytes.HasPrefix(head, []byte("GIF8")) && !bytes.HasPrefix(head, []byte("wOF")) &&
			!bytes.HasPrefix(head, []byte("OggS")) && !bytes.HasPrefix(head, []byte("fLaC")) && !bytes.HasPrefix(head, []byte("!<arch>\n")) && string(head[min(257, len(head)):min(262, len(head))]) != "ustar" && !bytes.HasPrefix(head, []byte("BZh")) {
			t.Fatalf("%q is no text", head)
		}
	})
}

func TestDetect(t *testing.T) {
	tests := []struct {
		name, head string
		want       Format
	}{
		{"", `{"a":1}`, JSON}, {"", "{\n \"a\": 1}", JSON}, {"a.json", "{\"a\":1}\n{\"a\":2}\n", NDJSON}, {"", "[1,2]", JSON},
		{"a.log", "{\"a\":1}\n{\"a\":2}\n", NDJSON}, {"a.log", "[2026-01-02 10:00] started\n", Text}, {"", "[info] x\n", Text},
		{"", "id,name\n1,a\n2,b\n", CSV}, {"", "id\tname\n1\ta\n", CSV}, {"", "2026-01-02 10:20:30,123 INFO\n2026-01-02 10:20:30,124 INFO\n", Text},
		{"", "<!doctype html>", HTML}, {"a.xml", "<?xml version=\"1.0\"?>", HTML}, {"", "a < b", Text}, {"", "a=1&b=2", Form}, {"", "a=1 & b=2", Text},
		{"", "https://x.example/?a=1&b=2", Text}, {"", "--x\r\nContent-Type: text/plain\r\n\r\n", Multipart}, {"", "-- a comment\nselect 1;\n", Text},
		{"", "HTTP/1.1 200 OK\r\n", HTTP}, {"", "GET / HTTP/1.1\r\n", HTTP}, {"", "data: x\n\n", Events}, {"", "id: 1\ndata: x\n", Events}, {"", "name: x\n", Text},
		{"", "\xff\xfeh\x00i\x00", utf16}, {"", "h\x00e\x00l\x00l\x00o\x00", utf16}, {"", "\x7fELF\x02\x01", binary}, {"", "PK\x03\x04\x00", archive},
		{"", "caf\xe9 cr\xe8me br\xfbl\xe9e and a good many words of plain text beside it", Text}, {"a.txt", "a line with one \x00 in it, as happens when something was killed", Text},
		{"", "", Text}, {"", "BZh is a word", Text}, {"", "RIFF is not RAFF, and this is a text", Text},
	}
	for _, test := range tests {
		if got := detect(test.name, []byte(test.head), true); got != test.want {
			t.Errorf("%s %q is %v, want %v", test.name, test.head, got, test.want)
		}
	}
	for _, n := range FormatNames() {
		if _, err := ParseFormat(n); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseFormat("binary"); err == nil {
		t.Error("binary is no format to ask for")
	}
}

package files

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/getweir/weir/internal/cut"
)

// Format says how a file or stream is written.
type Format uint8

const (
	Auto      Format = iota
	JSON             // one document
	NDJSON           // a JSON value a line; lines that are none are read as text
	CSV              // also with semicolons, tabs or vertical bars
	HTML             // and XML
	Text             // lines
	Form             // application/x-www-form-urlencoded
	Multipart        // RFC 2046
	HTTP             // messages or header fields, RFC 9112
	Events           // server-sent events
	utf16            // text; only found, never asked for
	binary
	archive
)

var formatNames = [...]string{"auto", "json", "ndjson", "csv", "html", "text", "form", "multipart", "http", "sse", "utf-16", "binary", "archive"}

func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return "unknown"
}

// FormatNames are the names that ParseFormat knows.
func FormatNames() []string {
	return append(append([]string{}, formatNames[:utf16]...), "jsonl", "tsv", "xml", "log", "headers")
}

// ParseFormat reads what Format.String writes, and some other usual names.
func ParseFormat(s string) (Format, error) {
	switch s {
	case "jsonl":
		return NDJSON, nil
	case "tsv":
		return CSV, nil
	case "xml":
		return HTML, nil
	case "log":
		return Text, nil
	case "headers":
		return HTTP, nil
	}
	for i, n := range formatNames[:utf16] {
		if s == n {
			return Format(i), nil
		}
	}
	return Auto, fmt.Errorf("unknown format (known: %s)", strings.Join(FormatNames(), ", "))
}

// extensions are what names say.
var extensions = map[string]Format{
	".json": JSON, ".geojson": JSON, ".har": JSON, ".ipynb": JSON, ".webmanifest": JSON, ".avsc": JSON,
	".ndjson": NDJSON, ".jsonl": NDJSON,
	".csv": CSV, ".tsv": CSV, ".tab": CSV, ".psv": CSV,
	".html": HTML, ".htm": HTML, ".xhtml": HTML, ".xml": HTML, ".svg": HTML, ".rss": HTML, ".atom": HTML, ".kml": HTML, ".plist": HTML,
	".txt": Text, ".log": Text, ".md": Text, ".yaml": Text, ".yml": Text, ".toml": Text, ".ini": Text, ".conf": Text, ".env": Text, ".sql": Text,
	".http": HTTP, ".sse": Events, ".form": Form,
}

// sampleSize is how much of a file's beginning tells its format.
const sampleSize = 8 << 10

// Detect tells the format of a file by its name, which may be empty, and the
// beginning of its content: 8 KiB, or all of a shorter file. It gives ok false for
// what is not text. What a name says counts only as far as the content does not say
// otherwise.
func Detect(name string, head []byte) (f Format, ok bool) {
	f = detect(name, head, len(head) < sampleSize)
	return f, f <= utf16
}

// detect is Detect, where whole says that head is all.
func detect(name string, head []byte, whole bool) Format {
	sample := head[:min(len(head), sampleSize)]
	switch f := encoding(sample); f {
	case Auto:
	default:
		return f
	}
	said := extensions[strings.ToLower(filepath.Ext(strings.TrimSuffix(name, ".gz")))]
	t := bytes.TrimLeft(bytes.TrimPrefix(sample, []byte(bom)), " \t\r\n")
	whole = whole && len(head) <= sampleSize
	switch {
	case len(t) == 0:
		return Text
	case said == CSV, said == Events, said == Form, said == NDJSON:
		return said
	case t[0] == '{' || t[0] == '[':
		if f := braces(t, whole); f != Auto {
			return f
		}
		if said == JSON {
			return NDJSON // lines, each read as what it is
		}
	}
	switch {
	case said == HTML && t[0] == '<', said == HTTP && message(t):
		return said
	case said == Text:
		return Text
	}
	switch {
	case said == JSON && (t[0] == '"' || whole && json.Valid(t)):
		return JSON
	case len(t) > 1 && t[0] == '<' && (t[1] == '!' || t[1] == '?' || letter(t[1])):
		return HTML
	case multipart(t):
		return Multipart
	case message(t):
		return HTTP
	case events(t):
		return Events
	case form(t, whole):
		return Form
	case table(t, whole):
		return CSV
	}
	return Text
}

const bom = "\xef\xbb\xbf"

// magics begin files that are no text though their first bytes may look like it.
var magics = [...]struct {
	magic string
	is    Format
}{
	{"PK\x03\x04", archive}, {"PK\x05\x06", archive}, {"7z\xbc\xaf\x27\x1c", archive}, {"Rar!\x1a\x07", archive}, {"BZh", archive},
	{"\xfd7zXZ\x00", archive}, {"\x28\xb5\x2f\xfd", archive}, {"\x04\x22\x4d\x18", archive}, {"\x1f\x9d", archive},
	{"%PDF-", binary}, {"\x7fELF", binary}, {"\x89PNG\r\n\x1a\n", binary}, {"\xff\xd8\xff", binary}, {"GIF87a", binary}, {"GIF89a", binary},
	{"RIFF", binary}, {"OggS", binary}, {"fLaC", binary}, {"ID3", binary}, {"\xca\xfe\xba\xbe", binary}, {"\x00asm", binary}, {"MZ\x90", binary},
	{"SQLite format 3\x00", binary}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", binary}, {"wOFF", binary}, {"wOF2", binary}, {"!<arch>\n", archive},
	{"PAR1", binary}, {"Obj\x01", binary},
}

// encoding tells text from what is none: Auto for text in UTF-8 or a code of a byte
// a character, utf16, archive or binary. Some NULs and wrong bytes may be in a text.
func encoding(b []byte) Format {
	for _, m := range magics {
		if len(b) > len(m.magic) && string(b[:len(m.magic)]) == m.magic {
			if m.magic == "BZh" && (len(b) < 10 || string(b[4:10]) != "1AY&SY") || (m.magic == "ID3" || m.magic == "RIFF" || m.magic == "PAR1") && bytes.IndexByte(b, 0) < 0 {
				continue
			}
			return m.is
		}
	}
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return utf16
	}
	if len(b) > 262 && string(b[257:262]) == "ustar" {
		return archive
	}
	var nul [2]int
	control, wrong := 0, 0
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == 0:
			nul[i&1]++
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 && i+utf8.UTFMax < len(b) {
				wrong++
			}
			i += n
			continue
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\b' && c != 0x1b:
			control++
		}
		i++
	}
	nuls := nul[0] + nul[1]
	switch n := len(b); {
	case nuls*10 > n*3 && max(nul[0], nul[1]) > 20*min(nul[0], nul[1]):
		return utf16
	case nuls*20 > n, (nuls+control)*10 > n, (nuls+control+wrong)*10 > n*3:
		return binary
	}
	return Auto
}

func letter(c byte) bool { return c|0x20-'a' < 26 }

// braces tells a JSON document, which t begins, from lines of JSON; Auto for
// neither.
func braces(t []byte, whole bool) Format {
	first, rest, ended := bytes.Cut(t, []byte("\n"))
	if ended && json.Valid(first) {
		if rest = bytes.TrimLeft(rest, " \t\r\n"); len(rest) > 0 || !whole {
			return NDJSON
		}
		return JSON
	}
	if _, err := cut.NewJSON(cut.Options{}).Feed(t, whole); err != nil {
		return Auto
	}
	return JSON
}

// multipart reports whether t begins a body of parts (RFC 2046, section 5.1.1).
func multipart(t []byte) bool {
	line, rest, ok := bytes.Cut(t, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	return ok && len(line) > 2 && len(line) <= 72 && string(line[:2]) == "--" && bytes.HasPrefix(bytes.ToLower(rest[:min(len(rest), 8)]), []byte("content-"))
}

// message reports whether t begins an HTTP message: with a request's or a status
// line (RFC 9112, sections 3 and 4).
func message(t []byte) bool {
	line, _, ok := bytes.Cut(t, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if !ok || len(line) > 4096 {
		return false
	}
	if bytes.HasPrefix(line, []byte("HTTP/")) {
		return len(line) > 5 && line[5]-'0' < 10
	}
	i := bytes.LastIndexByte(line, ' ')
	return i > 0 && bytes.HasPrefix(line[i+1:], []byte("HTTP/")) && bytes.Count(line, []byte(" ")) == 2
}

// events reports whether t begins a stream of events.
func events(t []byte) bool {
	seen := false
	for n := 0; n < 4 && len(t) > 0; n++ {
		line, rest, ended := bytes.Cut(t, []byte("\n"))
		t = rest
		name, _, ok := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(":"))
		switch {
		case string(name) == "data" && ok:
			return true
		case ok && (string(name) == "event" || string(name) == "retry" || string(name) == ""), string(name) == "id" && ok && seen:
			seen = true
		case len(bytes.TrimSpace(line)) == 0 && ended, string(name) == "id" && ok:
		default:
			return false
		}
	}
	return false
}

// form reports whether t is a form's fields: name=value&name=value and nothing else.
func form(t []byte, whole bool) bool {
	t = bytes.TrimRight(t, "\r\n")
	if bytes.IndexByte(t, '&') < 0 {
		return false
	}
	names := 0
	for len(t) > 0 {
		pair, rest, more := bytes.Cut(t, []byte("&"))
		eq := bytes.IndexByte(pair, '=')
		if eq <= 0 && (more || whole) {
			return false
		}
		for _, c := range pair {
			if c <= ' ' || c >= utf8.RuneSelf || c == '"' || c == '<' || c == '{' || c == '/' && eq < 0 {
				return false
			}
		}
		if name := pair[:max(eq, 0)]; bytes.ContainsAny(name, ":/?#@") {
			return false
		}
		names++
		t = rest
	}
	return names >= 2
}

// table reports whether t begins a table with names in its first row: lines with
// the same number of fields.
func table(t []byte, whole bool) bool {
	first, _, _ := bytes.Cut(t, []byte("\n"))
	comma := separator(first)
	columns := split(first, comma)
	if len(columns) < 2 || !headed(columns) {
		return false
	}
	rows := 0
	for len(t) > 0 && rows < 20 {
		n := rowEnd(t, comma)
		if n < 0 {
			if !whole {
				break
			}
			n = len(t)
		}
		if row := bytes.TrimRight(t[:n], "\r\n"); len(row) > 0 && len(split(row, comma)) != len(columns) {
			return false
		}
		t = t[n:]
		rows++
	}
	return rows >= 2
}

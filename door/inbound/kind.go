package inbound

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/cut"
)

// kind is how a body is cut.
type kind uint8

const (
	none kind = iota // there is no body
	document
	lines
	table
	text
	events
	page
	opaque
	undecided // text or no type at all: see sniff
	unknown
	kinds
)

var mediaKinds = map[string]kind{
	"":                          undecided,
	"application/json":          document,
	"text/json":                 document,
	"application/x-json":        document,
	"application/x-ndjson":      lines,
	"application/ndjson":        lines,
	"application/jsonl":         lines,
	"application/x-jsonl":       lines,
	"application/jsonlines":     lines,
	"application/x-jsonlines":   lines,
	"application/json-lines":    lines,
	"text/csv":                  table,
	"application/csv":           table,
	"text/tab-separated-values": table,
	"text/html":                 page,
	"application/xhtml+xml":     page,
	"application/xml":           page,
	"text/xml":                  page,
	"text/event-stream":         events,
	"application/javascript":    text,
	"application/x-javascript":  text,
	"application/ecmascript":    text,
	"application/yaml":          text,
	"application/x-yaml":        text,
	"application/toml":          text,
}

// kindOf tells by the media type how a body is to be cut.
func kindOf(media string) kind {
	if k, ok := mediaKinds[media]; ok {
		return k
	}
	switch {
	case strings.HasSuffix(media, "+json"):
		return document
	case strings.HasSuffix(media, "+xml"):
		return page // markup: read for its texts and attributes
	case strings.HasPrefix(media, "text/"):
		return undecided
	}
	return unknown
}

// readableCharset reports whether bytes of a charset can be read as they are:
// the ASCII characters, of which all that is looked for is made, are the same.
func readableCharset(charset string) bool {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252", "cp1252":
		return true
	}
	return false
}

// sniffed is how much of a body of no clear type is looked at. What is decided
// depends on these bytes alone, however they come in.
const sniffed = 512

// sniff tells from the beginning of a body of type media how it is to be cut,
// and gives its type if it has none. JSON hides in text/plain and in nothing at
// all; and text that begins like JSON is often none, such as a log line.
func sniff(media string, b []byte, eof bool) (kind, string) {
	start := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		if _, err := cut.NewJSON(cut.Options{}).Feed(b, eof); !errors.Is(err, cut.ErrSyntax) && !errors.Is(err, cut.ErrDepth) {
			return document, named(media, "application/json")
		}
		if line, _, more := bytes.Cut(start, []byte("\n")); more {
			if _, err := cut.NewJSON(cut.Options{}).Feed(line, true); err == nil {
				return lines, named(media, "application/x-ndjson")
			}
		}
	}
	if media != "" || len(b) == 0 {
		return text, media
	}
	switch found := http.DetectContentType(b); {
	case strings.HasPrefix(found, "text/html"), strings.HasPrefix(found, "text/xml"):
		return page, found
	case found == "text/plain; charset=utf-8":
		return text, found
	}
	return unknown, media
}

// notJSON reports whether what begins like b is certainly not JSON, so that a
// stream of text need not wait until there is enough to tell by.
func notJSON(b []byte) bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(start) > 0 && start[0] != '{' && start[0] != '[' && start[0] != 0xef
}

func named(media, otherwise string) string {
	if media == "" {
		return otherwise
	}
	return media
}

// cutter lends a cutter for a body.
func (d *Door) cutter(k kind, array []string) *cut.Cutter {
	o := cut.Options{MaxSegment: d.config.MaxSegment}
	switch k {
	case document:
		o.Array = array
	case page:
		o.MaxSegment = d.config.MaxExchange / 2
	}
	if c, ok := d.cutters[k].Get().(*cut.Cutter); ok {
		c.Reset(o)
		return c
	}
	switch k {
	case document:
		return cut.NewJSON(o)
	case lines:
		return cut.NewNDJSON(o)
	case table:
		return cut.NewCSV(o)
	case events:
		return cut.NewEvents(o)
	case page:
		return cut.NewWhole(o, weir.HTML)
	}
	return cut.NewText(o)
}

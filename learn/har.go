package learn

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/getweir/weir"
)

// Read reads a recording and gives each exchange in it: HTTP Archives (HAR 1.2), and
// what the HTTP tap of Envoy writes (buffered traces, one JSON object after the other).
// Which of them it is, it says itself. The exchange, but not its body and headers, may be
// kept.
//
// What is broken off in the middle, as by a browser that was closed, gives what was
// read, and an error behind it that is io.ErrUnexpectedEOF, too.
func Read(r io.Reader, each func(*Exchange) error) error {
	s := newStream(r)
	known := false
	for first := true; first || s.more(); first = false {
		c, err := s.peek()
		if err != nil {
			return err
		}
		if c != '{' {
			return s.fail("it is no JSON object")
		}
		if err := s.object(func(key string) error {
			switch key {
			case "log":
				known = true
				return s.log(each)
			case "http_buffered_trace", "httpBufferedTrace":
				known = true
				return s.tap(each)
			case "http_streamed_trace_segment", "httpStreamedTraceSegment":
				return fmt.Errorf("%w: a tap that streams. Set its output to buffered traces (no streaming: true)", ErrRecording)
			}
			return s.skip()
		}); err != nil {
			return err
		}
	}
	if !known {
		return s.fail("neither a HAR (log) nor a tap of Envoy (http_buffered_trace)")
	}
	return nil
}

// log reads the member "log" of a HAR.
func (s *stream) log(each func(*Exchange) error) error {
	return s.object(func(key string) error {
		if key != "entries" {
			return s.skip()
		}
		return s.array(func() error {
			x, err := s.entry()
			if err != nil {
				return err
			}
			return each(x)
		})
	})
}

// The most of what a recording gives of each thing, in bytes.
const (
	maxText   = 64 << 10
	maxFields = 200 // of a header
)

// entry reads one of a HAR's (http://www.softwareishard.com/blog/har-12-spec/, entries).
func (s *stream) entry() (*Exchange, error) {
	x := &Exchange{Request: http.Header{}, Response: http.Header{}}
	media := ""
	err := s.object(func(key string) error {
		switch key {
		case "startedDateTime":
			text, err := s.scalar(64)
			x.Time, _ = time.Parse(time.RFC3339, text)
			return err
		case "request":
			return s.object(func(key string) (err error) {
				switch key {
				case "method":
					x.Method, err = s.scalar(32)
				case "url":
					var text string
					text, err = s.scalar(maxText)
					if u, uerr := url.Parse(text); uerr == nil {
						x.Host, x.Target = u.Host, weir.NewPlain(u.RequestURI())
					}
				case "headers":
					err = s.fields(x.Request, "name")
				default:
					err = s.skip()
				}
				return err
			})
		case "response":
			return s.object(func(key string) (err error) {
				switch key {
				case "status":
					var text string
					text, err = s.scalar(8)
					x.Status, _ = strconv.Atoi(text)
				case "headers":
					err = s.fields(x.Response, "name")
				case "content":
					media, err = s.content(x)
				default:
					err = s.skip()
				}
				return err
			})
		}
		return s.skip()
	})
	if media != "" && x.Response.Get("Content-Type") == "" {
		x.Response.Set("Content-Type", media)
	}
	// The body was decoded by whoever recorded it.
	x.Response.Del("Content-Encoding")
	x.Response.Del("Content-Length")
	return x, err
}

// fields reads a list of header fields into h.
func (s *stream) fields(h http.Header, name string) error {
	n := 0
	return s.array(func() error {
		var field, value string
		err := s.object(func(key string) (err error) {
			switch key {
			case name, "key":
				field, err = s.scalar(256)
			case "value":
				value, err = s.scalar(maxText)
			default:
				err = s.skip()
			}
			return err
		})
		if n++; n <= maxFields && field != "" {
			if field[0] == ':' {
				h[field] = []string{value} // of HTTP/2; not canonical, so that none is taken for it
			} else {
				h.Add(field, value)
			}
		}
		return err
	})
}

// content reads the body of an answer.
func (s *stream) content(x *Exchange) (media string, err error) {
	coded := ""
	err = s.object(func(key string) (err error) {
		switch key {
		case "mimeType":
			media, err = s.scalar(256)
		case "encoding":
			coded, err = s.scalar(32)
		case "text":
			c, perr := s.peek()
			if perr != nil {
				return perr
			}
			if c != '"' {
				return s.skip()
			}
			x.Body, x.Cut, err = s.text(MaxBody * 4 / 3)
		default:
			err = s.skip()
		}
		return err
	})
	if strings.EqualFold(coded, "base64") {
		x.decode()
	}
	if len(x.Body) > MaxBody {
		x.Body, x.Cut = x.Body[:MaxBody], true
	}
	return media, err
}

// decode undoes base64, as far as it holds.
func (x *Exchange) decode() {
	b := bytes.TrimRight(x.Body, "= \r\n")
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(b, "-_") {
		enc = base64.RawURLEncoding
	}
	out := make([]byte, enc.DecodedLen(len(b)))
	n, err := enc.Decode(out, b)
	x.Body, x.Cut = out[:n], x.Cut || err != nil
}

// tap reads a buffered trace (envoy.data.tap.v3.HttpBufferedTrace).
func (s *stream) tap(each func(*Exchange) error) error {
	x := &Exchange{Request: http.Header{}, Response: http.Header{}}
	side := func(h http.Header, body *[]byte, cut *bool) error {
		return s.object(func(key string) error {
			switch key {
			case "headers":
				return s.fields(h, "key")
			case "body":
				return s.object(func(key string) (err error) {
					switch key {
					case "as_bytes", "asBytes":
						y := &Exchange{}
						if y.Body, y.Cut, err = s.text(MaxBody * 4 / 3); err == nil {
							y.decode()
						}
						*body, *cut = y.Body, y.Cut
					case "as_string", "asString":
						*body, *cut, err = s.text(MaxBody)
					case "truncated":
						var text string
						text, err = s.scalar(8)
						*cut = *cut || text == "true"
					default:
						err = s.skip()
					}
					return err
				})
			}
			return s.skip()
		})
	}
	var unused []byte
	var no bool
	err := s.object(func(key string) error {
		switch key {
		case "request":
			return side(x.Request, &unused, &no)
		case "response":
			return side(x.Response, &x.Body, &x.Cut)
		}
		return s.skip()
	})
	if err != nil {
		return err
	}
	pseudo := func(h http.Header, name string) string {
		defer delete(h, name)
		if v := h[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	x.Method, x.Host, x.Target = pseudo(x.Request, ":method"), pseudo(x.Request, ":authority"), weir.NewPlain(pseudo(x.Request, ":path"))
	pseudo(x.Request, ":scheme")
	x.Status, _ = strconv.Atoi(pseudo(x.Response, ":status"))
	x.Time, _ = http.ParseTime(x.Response.Get("Date"))
	x.unzip()
	return each(x)
}

// unzip undoes the content coding of a body as it was on the wire, up to MaxBody.
func (x *Exchange) unzip() {
	switch coding := x.Response.Get("Content-Encoding"); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(x.Body))
		if err == nil {
			var b []byte
			b, err = io.ReadAll(io.LimitReader(z, MaxBody+1))
			x.Body, x.Cut = b[:min(len(b), MaxBody)], x.Cut || len(b) > MaxBody
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && len(x.Body) == 0 {
			x.Body, x.Cut = nil, true
		}
		x.Response.Del("Content-Encoding")
	default:
		x.Body, x.Cut = nil, true // an encoding that is not read here
	}
	x.Response.Del("Content-Length")
}

package inbound

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/getweir/weir"
)

// maxHeader bounds the header of an answer, in bytes.
const maxHeader = 256 << 10

// transport asks the upstream in the exchange's own context. That the proxy's is
// left out also keeps informational answers (1xx) from the client: their header
// fields would leave before anybody has read them.
type transport struct{ door *Door }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	e := r.Context().Value(exchangeKey{}).(*exchange)
	return t.door.wire.RoundTrip(r.WithContext(e.ctx))
}

// respond makes of the upstream's answer what the client gets. The header leaves
// only after the first batch of the body was released, so that most refusals can
// still be told.
func (d *Door) respond(res *http.Response) error {
	e := res.Request.Context().Value(exchangeKey{}).(*exchange)
	if e.observed {
		return d.passOn(e, res)
	}
	switch {
	case res.StatusCode < 200 || res.StatusCode > 599:
		return unreadable("The service answered with a status that is not passed on.")
	case res.StatusCode == http.StatusPartialContent:
		return unreadable("The service answered with a part of a document, which cannot be read.")
	}
	e.pass.Answered(res.StatusCode >= 300)
	head, trouble := readHeader(res)
	if trouble != nil {
		return trouble
	}
	head.homeward(d.config.Upstream)
	a := d.answers.Get().(*answer)
	e.answer = a
	a.begin(e, res)
	if trouble := a.open(head); trouble != nil {
		return trouble
	}
	if trouble := a.first(head); trouble != nil {
		return trouble
	}
	if !a.complete() && !e.request.ProtoAtLeast(1, 1) {
		// To HTTP/1.0 a broken transfer looks like the end.
		return unreadable("The answer is too long for HTTP/1.0.")
	}
	head.write(a)
	res.Body = a
	if res.Trailer = nil; a.announces() {
		a.announced = true
		res.Trailer = http.Header{withheldHeader: nil}
	}
	res.ContentLength = a.length
	e.status = res.StatusCode
	return nil
}

// withheldHeader tells the client how many records were left out.
const withheldHeader = "Weir-Withheld"

// header is the header of an answer on its way out.
type header struct {
	res      *http.Response
	media    string            // media type, "": none given
	params   map[string]string // of the media type
	codings  []string          // as Content-Encoding has them
	names    []string          // of Segments[i]
	Segments []weir.Segment    // values that have to be released
	personal bool
}

// dropped from every answer: what no longer holds for what is sent on, what
// speaks of ranges, and what would lead clients around the door.
var dropped = []string{
	"Accept-Ranges", "Content-Range", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest",
	"Content-Length", "Content-Encoding", "Content-Type", "Trailer", "Transfer-Encoding", "Connection", "Keep-Alive",
	"Upgrade", "Alt-Svc", "Proxy-Authenticate", "Proxy-Connection", withheldHeader, exchangeHeader,
}

// structural header fields need not be released as long as they are written in
// the few characters that structure needs.
var structural = map[string]bool{
	"Date": true, "Expires": true, "Last-Modified": true, "Age": true,
	"Server": true, "Vary": true, "Allow": true, "Cache-Control": true, "Pragma": true,
	"X-Content-Type-Options": true, "Strict-Transport-Security": true, "Content-Language": true,
}

// plainStructure reports whether a structural field's value is nothing but that.
func plainStructure(name, v string) bool {
	switch name {
	case "Date", "Expires", "Last-Modified":
		_, err := http.ParseTime(v)
		return err == nil || v == "0" || v == "-1"
	}
	if len(v) > 256 {
		return false
	}
	digits := 0
	for _, x := range []byte(v) {
		switch {
		case x >= '0' && x <= '9':
			if digits++; digits > 9 {
				return false
			}
		case x|0x20 >= 'a' && x|0x20 <= 'z', x == '-', x == '_', x == ',', x == ' ', x == '=', x == '/', x == '.', x == '*', x == ';', x == '(', x == ')':
		default:
			return false
		}
	}
	return true
}

// readHeader sorts the header of an answer into what is dropped, what is
// structure, and what has to be released.
func readHeader(res *http.Response) (*header, *refusal) {
	h := res.Header
	head := &header{res: res, codings: h["Content-Encoding"]}
	switch types := h["Content-Type"]; {
	case len(types) > 1:
		return nil, unreadable("The service gave the answer two media types.")
	case len(types) == 1 && types[0] != "":
		var err error
		head.media, head.params, err = mime.ParseMediaType(types[0])
		if err != nil && err != mime.ErrInvalidMediaParameter || !strings.Contains(head.media, "/") {
			return nil, unreadable("The service gave the answer a media type that is none.")
		}
	}
	for _, name := range dropped {
		delete(h, name)
	}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "Weir-"):
			delete(h, name)
		case structural[name] && !slices.ContainsFunc(values, func(v string) bool { return !plainStructure(name, v) }):
		default:
			head.names = append(head.names, name)
		}
	}
	slices.Sort(head.names) // so that the same answer is released in the same order
	names := head.names
	head.names = nil
	for _, name := range names {
		for _, v := range h[name] {
			head.names = append(head.names, name)
			head.Segments = append(head.Segments, weir.Segment{Syntax: weir.Header, Name: name, Body: []byte(v)})
		}
		delete(h, name)
	}
	return head, nil
}

// homeward makes redirects to the service's own address relative, so that they
// lead through the door again and not around it.
func (head *header) homeward(upstream *url.URL) {
	for i, name := range head.names {
		if name != "Location" && name != "Content-Location" {
			continue
		}
		u, err := url.Parse(string(head.Segments[i].Body))
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, upstream.Host) || u.User != nil {
			continue
		}
		u.Scheme, u.Host = "", ""
		prefix := strings.TrimSuffix(upstream.Path, "/")
		if p, ok := strings.CutPrefix(u.Path, prefix); ok && (p == "" || p[0] == '/') {
			u.Path, u.RawPath = p, strings.TrimPrefix(u.RawPath, prefix)
		}
		if u.Path == "" {
			u.Path = "/"
		}
		head.Segments[i].Body = []byte(u.String())
	}
}

// released takes over what the guard made of the values, in order. A value that
// is withheld is left out; a redirect that would lead nowhere is refused.
func (head *header) released(out [][]byte, why *weir.Denial) *refusal {
	h := head.res.Header
	for i, v := range out {
		name := head.names[i]
		if v == nil || !httpguts.ValidHeaderFieldValue(string(v)) {
			if name == "Location" {
				if why == nil {
					why = &weir.Denial{Reason: weir.ReasonUnreadable, Message: "The redirect cannot be passed on."}
				}
				return &refusal{denial: why}
			}
			continue
		}
		h[name] = append(h[name], string(v))
	}
	return nil
}

// write puts into the header what depends on the body's first batch.
func (head *header) write(a *answer) {
	h := head.res.Header
	if a.media != "" {
		h["Content-Type"] = []string{a.media}
	}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h[exchangeHeader] = []string{a.e.id.String()}
	if a.zip != nil {
		h["Content-Encoding"] = []string{"gzip"}
	}
	if a.zip != nil || a.coded || a.e.door.config.Compress {
		varies(h)
	}
	if a.length >= 0 {
		h["Content-Length"] = []string{strconv.FormatInt(a.length, 10)}
	}
	if a.withheld > 0 && a.complete() {
		h[withheldHeader] = []string{strconv.Itoa(a.withheld)}
	}
	// Nothing is known yet of the rest of a body that did not come whole with
	// its first batch, and the header cannot be called back. So it is taken to
	// hold personal data.
	if a.kind != opaque && !a.complete() || a.personal || head.personal || a.e.pass.Declared() {
		h["Cache-Control"] = []string{"private, no-store"}
		for _, name := range []string{"Etag", "Last-Modified", "Expires", "Pragma", "Age", "Surrogate-Control"} {
			delete(h, name)
		}
		for name := range h {
			if strings.HasSuffix(name, "-Cache-Control") {
				delete(h, name)
			}
		}
	} else if a.zip != nil || a.coded {
		// The bytes are others than the validator was made for.
		if tag := h["Etag"]; len(tag) == 1 && !strings.HasPrefix(tag[0], "W/") {
			h["Etag"] = []string{"W/" + tag[0]}
		}
	}
}

// varies makes sure that caches know of the content coding.
func varies(h http.Header) {
	for _, v := range h["Vary"] {
		if strings.Contains(v, "*") || strings.Contains(strings.ToLower(v), "accept-encoding") {
			return
		}
	}
	h["Vary"] = append(h["Vary"], "Accept-Encoding")
}

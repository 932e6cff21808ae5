package inbound

import (
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"github.com/getweir/weir"
)

// undecidable refuses a request of which Weir and the service behind it could
// hold different things to be true.
func undecidable(message string) *weir.Denial {
	return &weir.Denial{Reason: weir.ReasonRequest, Message: message}
}

// decidable gives the decoded path of a request, or says why it is not one that
// can be decided. Servers differ in which of these they undo, merge or ignore
// before they look a path up; the policy's routes are looked up as it stands.
func decidable(r *http.Request) (string, *weir.Denial) {
	switch {
	case r.Method == http.MethodTrace || r.Method == http.MethodConnect || strings.Trim(r.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "":
		// Some servers take get for GET (RFC 9110, 9.1: the case matters), and a
		// route is declared for one of them.
		return "", undecidable("This method is not passed on.")
	case r.URL.Scheme != "" || r.URL.Host != "" || r.URL.User != nil || r.URL.Opaque != "":
		return "", undecidable("The request must name a path, not a whole address.")
	case !strings.HasPrefix(r.URL.Path, "/"):
		return "", undecidable("The request must name a path.")
	case r.URL.Fragment != "":
		return "", undecidable("The path must hold no fragment.")
	}
	for _, v := range r.Header["Upgrade"] {
		for i := range len(v) {
			if v[i] < 0x20 || v[i] > 0x7e {
				return "", undecidable("The request names a protocol that is none.")
			}
		}
	}
	p := r.URL.Path
	if !utf8.ValidString(p) {
		return p, undecidable("The path must be UTF-8.")
	}
	for i := 0; i < len(p); i++ {
		if p[i] < 0x20 || p[i] == 0x7f || p[i] == '\\' {
			return p, undecidable("The path holds a character that is not passed on.")
		}
	}
	if coded(r.URL.RawPath) {
		return p, undecidable("The path holds an encoded slash, backslash, dot or NUL.")
	}
	if twice(p) {
		return p, undecidable("The path is encoded twice.")
	}
	if strings.Contains(p, ";") {
		// Some servers drop it and what follows in its segment: to them
		// /v1;a/customers/7 is a path that the policy has a route for.
		return p, undecidable("The path holds a semicolon.")
	}
	for segment := range strings.SplitSeq(p[1:], "/") {
		if segment == "." || segment == ".." {
			return p, undecidable("The path holds dot segments.")
		}
	}
	if strings.Contains(p, "//") {
		return p, undecidable("The path holds an empty segment.")
	}
	return p, nil
}

// coded reports whether s holds %2e, %2f, %5c or %00.
func coded(s string) bool {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 || len(s) < i+3 {
			return false
		}
		switch strings.ToLower(s[i+1 : i+3]) {
		case "2e", "2f", "5c", "00":
			return true
		}
		s = s[i+1:]
	}
}

// twice reports whether a decoded path could be decoded again, as a chain of two
// servers would.
func twice(p string) bool {
	for i := 0; i+2 < len(p); i++ {
		if p[i] == '%' && hexDigit(p[i+1]) && hexDigit(p[i+2]) {
			return true
		}
	}
	return false
}

func hexDigit(x byte) bool { return x >= '0' && x <= '9' || x|0x20 >= 'a' && x|0x20 <= 'f' }

// purpose reads the purpose that the request states.
func purpose(h http.Header) (weir.Purpose, *weir.Denial) {
	values := h["Weir-Purpose"]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || len(values[0]) > 64:
		return "", undecidable("The request must state one purpose.")
	}
	for _, x := range []byte(values[0]) {
		if x != '-' && x != '_' && x != '.' && (x < '0' || x > '9') && (x|0x20 < 'a' || x|0x20 > 'z') {
			return "", undecidable("The purpose is not written as one.")
		}
	}
	return weir.Purpose(values[0]), nil
}

// ticketHeader is the field in which a request names its ticket.
const ticketHeader = "Weir-Ticket"

// ticket reads the ticket that the request names; name "": in ticketHeader.
func ticket(h http.Header, name string) (string, *weir.Denial) {
	if name == "" {
		name = ticketHeader
	}
	values := h.Values(name)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || len(values[0]) > 64:
		return "", undecidable("The request must name one ticket.")
	}
	return values[0], nil
}

// kept from the service. A part of a document cannot be read, and an answer that
// was masked is not the one that a validator stands for; an upgraded connection
// would not be HTTP any more. The others make some servers take another method
// or path than the one that was decided.
var keptBack = []string{
	"Range", "If-Range", "If-None-Match", "If-Modified-Since",
	"Connection", "Upgrade", "Http2-Settings", "Te",
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override",
	"X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-Uri",
}

// ownKey begins the API keys that are Weir's own, which are worth nothing to the
// service and something to whoever reads its logs.
const ownKey = "weir_"

// rewrite makes the request that the service gets.
func (d *Door) rewrite(pr *httputil.ProxyRequest) {
	pr.SetURL(d.config.Upstream)
	if d.config.KeepHost {
		pr.Out.Host = pr.In.Host
	}
	h := pr.Out.Header
	e, known := pr.In.Context().Value(exchangeKey{}).(*exchange)
	observed := known && e.observed
	if d.strip != nil && !observed {
		d.strip(h)
	}
	if !observed {
		for _, name := range keptBack {
			delete(h, name)
		}
	}
	for name, values := range h {
		if strings.HasPrefix(name, "Weir-") {
			delete(h, name)
			continue
		}
		for _, v := range values {
			if len(v) > 7 && strings.EqualFold(v[:7], "Bearer ") {
				v = strings.TrimLeft(v[7:], " ")
			}
			if strings.HasPrefix(v, ownKey) {
				delete(h, name)
				break
			}
		}
	}
	if observed {
		pr.Out.URL.RawQuery = pr.In.URL.RawQuery // with what cannot be parsed in it
		forwarded(pr)
	} else {
		pr.SetXForwarded()
	}
	coding := "identity"
	if known && e.gzip {
		coding = "gzip"
	}
	h["Accept-Encoding"] = []string{coding}
}

// accepts reports whether a client takes a content coding (RFC 9110, 12.5.3).
func accepts(h http.Header, coding string) bool {
	for _, v := range h["Accept-Encoding"] {
		for part := range strings.SplitSeq(v, ",") {
			name, params, _ := strings.Cut(part, ";")
			if name = textproto.TrimString(name); !strings.EqualFold(name, coding) && name != "*" {
				continue
			}
			q := strings.ReplaceAll(strings.ToLower(params), " ", "")
			return !(strings.HasPrefix(q, "q=0") && strings.Trim(q[3:], ".0") == "")
		}
	}
	return false
}

package files

import (
	"errors"
	"mime"
	"net/http"
	"strings"
)

// NewHandler wraps a handler so that the bodies of its answers go out masked, as they
// come. Their format is what their Content-Type says. Pictures, sound, video and fonts
// pass as they are; what is compressed is refused, and handlers behind it are not told
// that the client would take it. Header fields pass unmasked.
//
// Where an answer turns out unreadable the transfer is broken off: by a 502 where
// nothing has gone out yet, else by http.ErrAbortHandler.
func NewHandler(next http.Handler, o MaskOptions) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		for _, name := range []string{"Accept-Encoding", "Range", "If-Range"} {
			r.Header.Del(name)
		}
		a := &answer{ResponseWriter: w, o: o, bodyless: r.Method == http.MethodHead}
		next.ServeHTTP(a, r)
		a.end()
	})
}

// An answer is the response to one request, on its way out.
type answer struct {
	http.ResponseWriter
	o        MaskOptions
	bodyless bool
	status   int
	body     *Writer // nil: as it is
	wrong    error
	sent     bool // something of the body has gone out
}

// through is the way from the Writer to the client.
type through struct{ *answer }

func (t through) Write(p []byte) (int, error) {
	if !t.sent {
		t.sent = true
		t.ResponseWriter.WriteHeader(t.status)
	}
	return t.ResponseWriter.Write(p)
}

func (a *answer) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	if a.status != 0 {
		return
	}
	a.status = status
	h := a.Header()
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	family, _, _ := strings.Cut(media, "/")
	switch {
	case a.bodyless, status == http.StatusNoContent, status == http.StatusNotModified, status == http.StatusSwitchingProtocols,
		family == "image" && media != "image/svg+xml", family == "audio", family == "video", family == "font":
		a.sent = true
		a.ResponseWriter.WriteHeader(status)
		return
	}
	for _, name := range []string{"Content-Length", "Etag", "Last-Modified", "Accept-Ranges", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
		h.Del(name)
	}
	if packed := h.Get("Content-Encoding"); packed != "" && !strings.EqualFold(packed, "identity") {
		a.wrong = ErrUnread
		return
	}
	o := a.o
	if o.Format == Auto {
		o.Format = ofMedia(media)
	}
	a.body = NewWriter(through{a}, o)
}

// ofMedia gives the format that a media type says.
func ofMedia(media string) Format {
	switch {
	case media == "application/json", strings.HasSuffix(media, "+json"), media == "text/json":
		return JSON
	case strings.HasSuffix(media, "ndjson"), strings.HasSuffix(media, "jsonl"), media == "application/json-seq":
		return NDJSON
	case media == "text/csv", media == "text/tab-separated-values":
		return CSV
	case media == "text/html", strings.HasSuffix(media, "/xml"), strings.HasSuffix(media, "+xml"):
		return HTML
	case media == "text/event-stream":
		return Events
	case media == "application/x-www-form-urlencoded":
		return Form
	case strings.HasPrefix(media, "multipart/"):
		return Multipart
	case strings.HasPrefix(media, "text/"):
		return Text
	}
	return Auto
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	switch {
	case a.wrong != nil:
		return 0, a.wrong
	case a.body == nil:
		return a.ResponseWriter.Write(p)
	}
	n, err := a.body.Write(p)
	a.wrong = err
	return n, err
}

// Flush sends what is whole.
func (a *answer) Flush() {
	if f, ok := a.ResponseWriter.(http.Flusher); ok && a.sent {
		f.Flush()
	}
}

// end sends what is left.
func (a *answer) end() {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.body != nil && a.wrong == nil {
		a.wrong = a.body.Close()
	}
	switch {
	case a.wrong == nil && !a.sent:
		a.ResponseWriter.WriteHeader(a.status)
	case a.wrong == nil:
	case a.sent || !errors.Is(a.wrong, ErrUnread) && !errors.Is(a.wrong, ErrMalformed) && !errors.Is(a.wrong, ErrTooLong) && !errors.Is(a.wrong, ErrBinary):
		panic(http.ErrAbortHandler)
	default:
		h := a.Header()
		h.Del("Content-Encoding")
		http.Error(a.ResponseWriter, "the answer could not be read and was withheld", http.StatusBadGateway)
	}
}

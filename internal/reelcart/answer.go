package reelcart

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/getweir/weir/internal/people"
)

// marked puts the headers on that every answer has. The request's number is a
// hash: 32 hexadecimal digits that are about nobody.
func marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.Method + " " + r.URL.RequestURI()))
		h := w.Header()
		h.Set("Server", MarkerName)
		h.Set("X-Request-Id", hex.EncodeToString(sum[:16]))
		next.ServeHTTP(w, r)
	})
}

// compressed answers in gzip whoever asks for it.
func compressed(next http.Handler) http.Handler {
	var writers sync.Pool // of *gzip.Writer, which are large
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header.Get("Accept-Encoding")) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z, ok := writers.Get().(*gzip.Writer)
		if !ok {
			z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
		}
		z.Reset(w)
		defer writers.Put(z)
		g := &gzipWriter{ResponseWriter: w, z: z}
		next.ServeHTTP(g, r)
		// An error here means that the client has gone, whom nobody can tell.
		z.Close()
	})
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110 12.5.3), as far as gzip
// goes: named, and not with a weight of zero.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, q, ok := strings.Cut(weight, "q=")
			f, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			return !ok || err == nil && f > 0
		}
	}
	return false
}

type gzipWriter struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (g *gzipWriter) Write(b []byte) (int, error) { return g.z.Write(b) }

// FlushError sends what was written so far.
func (g *gzipWriter) FlushError() error {
	if err := g.z.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(g.ResponseWriter).Flush()
}

// flushEvery is how many records go out between two flushes of a long answer.
const flushEvery = 25

// A list writes a long JSON answer record by record, so that the first leaves
// before the last is made. Its methods do nothing after an error.
type list struct {
	w   http.ResponseWriter
	n   int
	err error
}

func (p *Platform) list(w http.ResponseWriter, head string) *list {
	w.Header().Set("Content-Type", "application/json")
	l := &list{w: w}
	l.raw(head)
	return l
}

func (l *list) raw(s string) {
	if l.err == nil {
		_, l.err = io.WriteString(l.w, s)
	}
}

// add writes one record.
func (l *list) add(record any) {
	if l.n > 0 {
		l.raw(",")
	}
	l.raw(string(encode(record)))
	if l.n++; l.n%flushEvery == 0 && l.err == nil {
		l.err = http.NewResponseController(l.w).Flush()
	}
}

// encode writes a value of this package's own types, which always can be.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("reelcart: a wire type cannot be encoded: " + err.Error())
	}
	return b
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(encode(v)) // an error means that the client has gone
}

// fail answers with an error. The message never repeats what was asked for.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	answer(w, map[string]map[string]string{"error": {"code": code, "message": message}})
}

// one looks up the customer of the path.
func (p *Platform) one(serve func(http.ResponseWriter, *people.Customer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := p.pop.Find(r.PathValue("id"))
		if c == nil {
			fail(w, http.StatusNotFound, "not_found", "There is no such customer.")
			return
		}
		serve(w, c)
	}
}

// page reads cursor and limit: the range [from, to) of total records. Cursors
// count from 0: they are easily guessed, as cursors are.
func page(w http.ResponseWriter, r *http.Request, total, limit, most int) (from, to int, ok bool) {
	q := r.URL.Query()
	from, err := strconv.Atoi(orZero(q.Get("cursor")))
	if err != nil || from < 0 {
		fail(w, http.StatusBadRequest, "bad_cursor", "The cursor is not one of ours.")
		return 0, 0, false
	}
	if s := q.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 {
			fail(w, http.StatusBadRequest, "bad_limit", "The limit is a number of records.")
			return 0, 0, false
		}
	}
	from = min(from, total)
	return from, min(total, from+min(limit, most)), true
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// end closes a list whose records stand in data.items, with the next cursor.
func (l *list) end(to, total int) {
	l.raw(`],"total":` + strconv.Itoa(total) + `},"next":` + next(to, total) + "}\n")
}

func next(to, total int) string {
	if to >= total {
		return "null"
	}
	return `"` + strconv.Itoa(to) + `"`
}

// Package inbound is the door before a company's own services: an HTTP gateway
// (HTTP/1.1 and HTTP/2) that whoever uses them has to pass.
//
// It refuses requests that two servers could read in two ways, asks identity who
// is asking and the guard whether it may, passes the request on, cuts the answer
// into segments as it comes, hands them to the guard in batches, and lets out
// what the guard gives back. The answer is pulled through by the client's own
// reading: there is no goroutine and no queue in between.
//
// It guarantees that no byte of a body, and no value of a header field that could
// hold one, leaves that the guard has not released or, where the policy declares
// a media type opaque, been told of. What cannot be read (an encoding, a type, a
// charset, a grammar) is not passed on. An answer that is not passed on to its end
// does not look like one that is: it is a problem document (RFC 9457) as long as
// nothing has left, and a broken transfer after that. Memory for an exchange is
// bounded whatever the service sends.
//
// It knows nothing of personal data, decides nothing about it, and logs no path,
// query or value. It does not carry WebSockets, gRPC or parts of documents
// (ranges), and it does not cache.
package inbound

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/internal/cut"
)

// An Authenticator says who stands behind a request. If it also has a method
// Strip(http.Header), that is called with the header fields of each request that
// is passed on, to take out the credentials that are not for the service.
type Authenticator interface {
	Authenticate(*http.Request) (weir.Principal, *weir.Denial)
}

// Config is what a Door is made of. Upstream, Guard and Auth are required.
type Config struct {
	// Upstream is the service behind the door: scheme http or https, a host,
	// and a path that is put before each request's.
	Upstream *url.URL
	Guard    *guard.Guard
	Auth     Authenticator
	Log      *slog.Logger // nil: none

	// MaxSegment bounds one record or piece of envelope, in bytes; a longer one
	// is not passed on. 0: 256 KiB.
	MaxSegment int
	// MaxExchange bounds what the door holds of the body of one answer, in
	// bytes. A page that is read whole (HTML) may be half as long. 0: four times
	// MaxSegment, and at least 1 MiB.
	MaxExchange int

	// TicketHeader is the field in which a request names the ticket that it is about.
	// "": Weir-Ticket.
	TicketHeader string

	// KeepHost passes the client's Host on, instead of the upstream's own.
	KeepHost bool
	// Compress encodes answers for clients that take gzip even where the service
	// did not. Answers that come encoded are always encoded again.
	Compress bool

	// DialTimeout bounds connecting to the upstream, TLS included. 0: 10 s.
	DialTimeout time.Duration
	// HeaderTimeout bounds the wait for the upstream's header. 0: 1 min.
	HeaderTimeout time.Duration
	// BodyTimeout bounds the wait for the next bytes of its body. 0: 5 min.
	BodyTimeout time.Duration
	// ClientTimeout bounds how long a client may leave one block of at most
	// 64 KiB lying. 0: 1 min.
	ClientTimeout time.Duration
	// MaxIdle is how many idle connections to the upstream are kept. 0: 256.
	MaxIdle int
	// Transport takes the place of the door's own connections to the upstream,
	// whose settings above are then its affair. It must not decode bodies
	// (http.Transport.DisableCompression). nil: the door's own.
	Transport http.RoundTripper
}

// A Door is an http.Handler. It is safe for concurrent use.
type Door struct {
	config Config
	guard  admission
	strip  func(http.Header) // nil: Auth takes nothing out
	proxy  *httputil.ReverseProxy
	wire   http.RoundTripper
	log    *slog.Logger

	buffers      buffers
	small, large sync.Pool // *[]byte of smallRead and largeRead bytes
	answers      sync.Pool // *answer
	cutters      [kinds]sync.Pool

	mu   sync.Mutex
	open int        // exchanges begun and not ended; under mu
	none *sync.Cond // on mu: open is 0
}

// New makes a Door.
func New(c Config) (*Door, error) {
	if c.Guard == nil {
		return nil, errors.New("inbound: a guard is needed")
	}
	return newDoor(c, guarded{c.Guard})
}

func newDoor(c Config, g admission) (*Door, error) {
	switch {
	case c.Auth == nil:
		return nil, errors.New("inbound: an authenticator is needed")
	case c.Upstream == nil || c.Upstream.Host == "" || c.Upstream.Scheme != "http" && c.Upstream.Scheme != "https":
		return nil, errors.New("inbound: the upstream must be an http or https address")
	case c.Upstream.User != nil || c.Upstream.RawQuery != "" || c.Upstream.Fragment != "":
		return nil, errors.New("inbound: the upstream's address must hold no user, query or fragment")
	}
	if c.MaxSegment <= 0 {
		c.MaxSegment = cut.DefaultMaxSegment
	}
	if c.MaxExchange <= 0 {
		c.MaxExchange = max(4*c.MaxSegment, 1<<20)
	}
	if c.MaxExchange < 2*c.MaxSegment {
		return nil, errors.New("inbound: MaxExchange must be at least twice MaxSegment")
	}
	orElse(&c.DialTimeout, 10*time.Second)
	orElse(&c.HeaderTimeout, time.Minute)
	orElse(&c.BodyTimeout, 5*time.Minute)
	orElse(&c.ClientTimeout, time.Minute)
	if c.MaxIdle <= 0 {
		c.MaxIdle = 256
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if !strings.HasPrefix(c.Upstream.Path, "/") {
		u := *c.Upstream
		u.Path, u.RawPath = "/"+u.Path, ""
		c.Upstream = &u
	}
	d := &Door{config: c, guard: g, wire: c.Transport, log: c.Log}
	d.none = sync.NewCond(&d.mu)
	if d.wire == nil {
		d.wire = newTransport(c)
	}
	if s, ok := c.Auth.(interface{ Strip(http.Header) }); ok {
		d.strip = s.Strip
	}
	d.small.New = func() any { b := make([]byte, smallRead); return &b }
	d.large.New = func() any { b := make([]byte, largeRead); return &b }
	d.answers.New = func() any { return new(answer) }
	d.proxy = &httputil.ReverseProxy{
		Rewrite:        d.rewrite,
		Transport:      transport{d},
		ModifyResponse: d.respond,
		ErrorHandler:   d.failed,
		BufferPool:     &d.buffers,
		ErrorLog:       log.New(io.Discard, "", 0), // its lines quote errors that quote addresses
	}
	return d, nil
}

func orElse(d *time.Duration, otherwise time.Duration) {
	if *d <= 0 {
		*d = otherwise
	}
}

// newTransport makes the connections to the upstream. Compression is the door's:
// a transport that decoded bodies by itself would do so without bounds.
func newTransport(c Config) *http.Transport {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: c.DialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   c.DialTimeout,
		ResponseHeaderTimeout: c.HeaderTimeout,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          c.MaxIdle,
		MaxIdleConnsPerHost:   c.MaxIdle,
		// Larger than usual, so that what has come in comes over in one piece
		// and makes one batch.
		ReadBufferSize:         64 << 10,
		WriteBufferSize:        16 << 10,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	t.Protocols.SetHTTP2(true)
	return t
}

// Wait returns when no exchange is under way. It is for after the server has
// stopped taking new ones.
func (d *Door) Wait() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.open > 0 {
		d.none.Wait()
	}
}

// ServeHTTP carries one exchange.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.open++
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		if d.open--; d.open == 0 {
			d.none.Broadcast()
		}
		d.mu.Unlock()
	}()

	e := &exchange{door: d, request: r}
	rand.Read(e.id[:]) // never fails (crypto/rand, Go 1.24)
	e.w = &writer{ResponseWriter: w, control: http.NewResponseController(w), timeout: d.config.ClientTimeout, buffers: &d.buffers}
	defer e.end()

	x := weir.Exchange{ID: e.id, Time: time.Now(), Door: "inbound", Method: r.Method}
	path, denial := decidable(r)
	x.Path = weir.NewPlain(path)
	if denial == nil {
		x.Purpose, denial = purpose(r.Header)
	}
	if denial == nil {
		x.Ticket, denial = ticket(r.Header, d.config.TicketHeader)
	}
	// Who asks is found out even when what is asked cannot be decided: for the
	// record.
	var who *weir.Denial
	x.Principal, who = d.config.Auth.Authenticate(r)
	e.levels = x.Principal.Levels
	if denial == nil {
		denial = who
	}
	if denial != nil {
		e.pass, denial = d.guard.Deny(r.Context(), &x, denial)
	} else {
		e.pass, denial = d.guard.Admit(r.Context(), &x)
	}
	if denial != nil {
		e.refuse(denial, 0)
		return
	}
	e.observed = e.pass.Observed()
	e.gzip = accepts(r.Header, "gzip")
	e.ctx, e.cancel = context.WithCancelCause(context.WithValue(r.Context(), exchangeKey{}, e))
	d.proxy.ServeHTTP(e.w, r.WithContext(e.ctx))
}

// exchange is one request and its answer, on the goroutine that serves it.
type exchange struct {
	door     *Door
	id       weir.ExchangeID
	request  *http.Request
	w        *writer
	pass     pass     // nil: not admitted
	gzip     bool     // the client takes gzip
	observed bool     // nothing is enforced: see observed.go
	levels   []string // what its issuer calls a sign-in with a second factor

	ctx      context.Context // of the request to the upstream
	cancel   context.CancelCauseFunc
	answer   *answer   // nil: none has come
	upgraded *upgraded // nil: it is HTTP

	status int          // what the client was answered; 0: nothing yet
	err    string       // how it ended, if not well
	denial *weir.Denial // what the door itself refused
	noted  bool         // err and denial say why
	broken bool         // the transfer must not end cleanly
}

type exchangeKey struct{}

// How an exchange can end, for the record.
const (
	clientLeft      = "client-left"
	upstreamFailed  = "upstream-failed"
	upstreamSlow    = "upstream-slow"
	upstreamStopped = "upstream-closed-early"
	brokenOff       = "broken-off"
	panicked        = "internal-error"
)

var (
	errSlow = errors.New("the upstream sends nothing")
	errOver = errors.New("the exchange is over")
)

// end tells the guard how the exchange ended, whatever way it did, and breaks
// off the transfer if what left is not all.
func (e *exchange) end() {
	p := recover()
	switch {
	case p != nil && p != http.ErrAbortHandler && e.status == 0:
		e.err = panicked
		e.refuse(&weir.Denial{Reason: weir.ReasonInternal, Message: "Something went wrong at the door."}, 0)
	case p != nil:
		e.broken = true
		if p != http.ErrAbortHandler && e.err == "" {
			e.err = panicked
		}
		if e.err == "" && !e.noted && (e.w.failed || e.request.Context().Err() != nil) {
			e.err = clientLeft
		}
		if e.err == "" && !e.noted {
			e.err = brokenOff
		}
	}
	if e.answer != nil {
		e.answer.release()
		e.answer = nil
	}
	if e.upgraded != nil {
		e.upgraded.end()
	}
	if e.pass != nil {
		e.pass.Close(e.request.Context(), guard.Outcome{Status: e.status, Err: e.err, Denial: e.denial})
	}
	if e.cancel != nil {
		e.cancel(errOver)
	}
	switch log := e.door.log; {
	case e.err == panicked:
		log.LogAttrs(context.Background(), slog.LevelError, "exchange panicked", slog.String("exchange", e.id.String()))
	case e.err != "":
		log.LogAttrs(context.Background(), slog.LevelInfo, "exchange did not end well",
			slog.String("exchange", e.id.String()), slog.Int("status", e.status), slog.String("outcome", e.err))
	}
	if e.broken {
		panic(http.ErrAbortHandler)
	}
}

// writer gives a client only so long to take each block.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	last    time.Time // when the deadline was last moved
	buffers *buffers
	failed  bool // the client did not take a block
	eager   bool // the header leaves before there is anything else
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(code int) {
	w.ResponseWriter.WriteHeader(code)
	if w.eager {
		_ = w.control.Flush()
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(w.last) > time.Second {
		w.last = now
		_ = w.control.SetWriteDeadline(now.Add(w.timeout)) // a connection without deadlines has none to miss
	}
	n, err := w.ResponseWriter.Write(p)
	if err != nil {
		w.failed = true
		if len(p) > 0 {
			w.buffers.spoil(p)
		}
	}
	return n, err
}

// Flush is for writers that ask for it directly.
func (w *writer) Flush() { _ = w.control.Flush() }

// buffers lends what the proxy copies through. A buffer whose Write failed is not
// lent again: the HTTP/2 server gives up a Write when its stream ends, and may
// still be reading the buffer, which by then could hold somebody else's answer.
type buffers struct {
	pool    sync.Pool // *[]byte
	spoiled sync.Map  // by the first byte's address
}

const copySize = 64 << 10

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, copySize)
}

func (b *buffers) Put(p []byte) {
	if _, spoiled := b.spoiled.LoadAndDelete(&p[0]); !spoiled {
		b.pool.Put(&p)
	}
}

// spoil keeps the buffer that p begins out of the pool.
func (b *buffers) spoil(p []byte) { b.spoiled.Store(&p[0], nil) }

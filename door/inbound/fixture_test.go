package inbound

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
)

// keeper is a guard in memory. It masks SECRET, withholds what holds BLOCK, and
// charges a customer for each record that holds PERSON.
type keeper struct {
	array    []string
	declared bool
	opaque   []string
	refuse   *weir.Denial // of every exchange

	uninspected bool // what cannot be cut passes
	panics      bool // in Release
	forget      bool // what was released

	mu       sync.Mutex
	budget   int // customers left; -1: any number
	unread   int // opaque bytes left; -1: any number
	released bytes.Buffer
	paths    []string
	purposes []weir.Purpose
	denied   []weir.Reason
	outcomes []guard.Outcome
	passed   int // opaque bytes
}

func newKeeper() *keeper { return &keeper{budget: -1, unread: -1} }

func (k *keeper) Admit(_ context.Context, x *weir.Exchange) (pass, *weir.Denial) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.paths = append(k.paths, x.Path.Reveal())
	k.purposes = append(k.purposes, x.Purpose)
	if k.refuse != nil {
		return nil, k.refuse
	}
	return &keeperPass{k: k}, nil
}

func (k *keeper) Deny(_ context.Context, _ *weir.Exchange, d *weir.Denial) (pass, *weir.Denial) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.denied = append(k.denied, d.Reason)
	return nil, d
}

// last waits for the door's exchanges to end and gives the last outcome.
func (h *hall) last() guard.Outcome {
	h.t.Helper()
	h.door.Wait()
	h.keeper.mu.Lock()
	defer h.keeper.mu.Unlock()
	if len(h.keeper.outcomes) == 0 {
		h.t.Fatal("no exchange was closed")
	}
	return h.keeper.outcomes[len(h.keeper.outcomes)-1]
}

type keeperPass struct {
	k      *keeper
	closed bool
	stop   *weir.Denial
}

func (p *keeperPass) Observed() bool                         { return false }
func (p *keeperPass) Overlook(context.Context, *weir.Denial) {}

func (p *keeperPass) Array() []string { return p.k.array }
func (p *keeperPass) Declared() bool  { return p.k.declared }
func (p *keeperPass) Answered(bool)   {}
func (p *keeperPass) Opaque(media string) bool {
	return slices.Contains(p.k.opaque, media)
}

func (p *keeperPass) Release(ctx context.Context, segments []weir.Segment) guard.Release {
	k := p.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.panics {
		panic("jane.roe@example.com")
	}
	var r guard.Release
	if p.closed || p.stop != nil {
		r.Stop = &weir.Denial{Reason: weir.ReasonInternal, Message: "over"}
		return r
	}
	for i := range segments {
		s := &segments[i]
		person := bytes.Contains(s.Body, []byte("PERSON"))
		switch {
		case bytes.Contains(s.Body, []byte("BLOCK")):
			r.Out = append(r.Out, nil)
			r.Withheld = &weir.Denial{Reason: weir.ReasonBlocked, Message: "blocked"}
			continue
		case person && k.budget == 0:
			p.stop = &weir.Denial{Reason: weir.ReasonBudget, Message: "spent", Retry: 90 * time.Second}
			r.Stop = p.stop
			return r
		case person && k.budget > 0:
			k.budget--
		}
		out := bytes.ReplaceAll(s.Body, []byte("SECRET"), []byte("******"))
		r.Personal = r.Personal || person || !bytes.Equal(out, s.Body)
		r.Out = append(r.Out, out)
		if !k.forget {
			k.released.Write(out)
		}
	}
	return r
}

func (p *keeperPass) PassUnread(_ context.Context, n int) *weir.Denial {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if p.k.unread >= 0 && p.k.passed+n > p.k.unread {
		return &weir.Denial{Reason: weir.ReasonBudget, Message: "volume"}
	}
	p.k.passed += n
	return nil
}

func (p *keeperPass) Uninspected() bool { return p.k.uninspected }

func (p *keeperPass) PassUninspected(ctx context.Context, n int) *weir.Denial {
	return p.PassUnread(ctx, n)
}

func (p *keeperPass) Close(_ context.Context, o guard.Outcome) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if p.closed {
		panic("closed twice")
	}
	p.closed = true
	p.k.outcomes = append(p.k.outcomes, o)
}

// anybody authenticates everybody.
type anybody struct{ denial *weir.Denial }

func (a anybody) Authenticate(*http.Request) (weir.Principal, *weir.Denial) {
	return weir.Principal{Kind: weir.Staff, Name: "agent-7"}, a.denial
}

// hall is a door between a real server and real clients.
type hall struct {
	t      testing.TB
	keeper *keeper
	door   *Door
	front  *httptest.Server
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newHall stands a door before the server at upstream. Everything is closed, and
// every goroutine gone, when the test ends.
func newHall(t testing.TB, upstream string, k *keeper, change ...func(*Config)) *hall {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		for until := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(until) {
				buf := make([]byte, 1<<20)
				t.Errorf("goroutines left behind:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{t: t, keeper: k, log: &lockedBuffer{}}
	c := Config{Upstream: target, Auth: anybody{}, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range change {
		f(&c)
	}
	if h.door, err = newDoor(c, k); err != nil {
		t.Fatal(err)
	}
	h.front = httptest.NewUnstartedServer(nil)
	h.front.Config = h.door.Server()
	h.front.Start()
	t.Cleanup(func() {
		h.front.CloseClientConnections()
		h.front.Close()
		if tr, ok := h.door.wire.(*http.Transport); ok {
			tr.CloseIdleConnections()
		}
	})
	return h
}

// serve starts a service that answers by f.
func serve(t testing.TB, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// rawServer starts a service that is no more than a function on a connection.
func rawServer(t testing.TB, f func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				f(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

// got is what a client received.
type got struct {
	*http.Response
	body   string
	broken bool // the transfer did not end as one that is whole
}

func (h *hall) do(r *http.Request) got {
	h.t.Helper()
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	g := take(h.t, tr, r)
	h.door.Wait()
	return g
}

func take(t testing.TB, rt http.RoundTripper, r *http.Request) got {
	t.Helper()
	res, err := rt.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	return got{res, string(b), err != nil}
}

func (h *hall) get(path string, fields ...string) got {
	h.t.Helper()
	r, err := http.NewRequest("GET", h.front.URL+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	return h.do(r)
}

// raw sends a request as it is written and reads the answer's status.
func (h *hall) raw(request string) (int, string) {
	h.t.Helper()
	c, err := net.Dial("tcp", h.front.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		h.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

// protocols are the ways in which clients reach a door.
var protocols = []struct {
	name string
	set  func(*hall) (base string, rt *http.Transport)
}{
	{"HTTP/1.1", func(h *hall) (string, *http.Transport) {
		return h.front.URL, &http.Transport{DisableCompression: true}
	}},
	{"h2c", func(h *hall) (string, *http.Transport) {
		rt := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
		rt.Protocols.SetUnencryptedHTTP2(true)
		return h.front.URL, rt
	}},
	{"h2", func(h *hall) (string, *http.Transport) {
		s := httptest.NewUnstartedServer(nil)
		s.Config = h.door.Server()
		s.EnableHTTP2 = true
		s.StartTLS()
		h.t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return s.URL, &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}}
	}},
}

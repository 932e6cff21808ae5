package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/learn"
)

// mirrored bounds what one mirrored request may bring.
const mirroredBody = 64 << 10

// mirror listens for mirrored requests until it is told to end. A mirror throws answers
// away, so each is answered at once with 204; what they asked for is asked again from
// --replay, if it is a GET, no faster than --rate.
func (c *learnCommand) mirror(s *streams, l *learn.Learner, spool *learn.Spool) (notes []string, err error) {
	var upstream *url.URL
	if c.Replay != "" {
		upstream, err = url.Parse(c.Replay)
		if err != nil || upstream.Host == "" || upstream.Scheme != "http" && upstream.Scheme != "https" || upstream.User != nil {
			return nil, usageError{errors.New("--replay must be the base URL of the service, such as http://127.0.0.1:9000")}
		}
	}
	ctx := s.ctx
	if c.For > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, c.For)
		defer stop()
	}
	listen, err := net.Listen("tcp", c.Mirror)
	if err != nil {
		return nil, fmt.Errorf("listen for mirrored requests: %w", err)
	}
	if host, _, _ := net.SplitHostPort(c.Mirror); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		fmt.Fprintln(s.err, "What is mirrored holds credentials and travels here in clear: let only the mirror reach this address.")
	}
	fmt.Fprintf(s.err, "Listening for mirrored requests at http://%s. Ctrl-C ends it and writes what was learnt.\n", listen.Addr())
	r := &replayer{rate: c.Rate, upstream: upstream, queue: make(chan *learn.Exchange, 1000), ctx: ctx, took: s.pace("mirrored requests", 0), add: func(x *learn.Exchange) error {
		l.Add(x)
		return spool.Add(x)
	}}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listen) }()
	var wg sync.WaitGroup
	wg.Go(r.run)
	select {
	case err = <-served:
	case <-ctx.Done():
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(late) != nil {
			_ = server.Close()
		}
		if err = <-served; errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
	}
	r.close()
	wg.Wait()
	r.took.done()
	if r.failed != nil {
		return nil, r.failed
	}
	notes = append(notes, fmt.Sprintf("%s were mirrored; %s asked again for an answer.", plural(r.seen, "request"), plural(r.asked, "GET")))
	if r.dropped > 0 {
		notes = append(notes, fmt.Sprintf("%d requests came faster than they could be asked again (--rate), and were counted without an answer.", r.dropped))
	}
	if r.lost > 0 {
		notes = append(notes, fmt.Sprintf("%d requests were not answered by %s.", r.lost, upstream.Host))
	}
	if upstream == nil {
		notes = append(notes, "A mirror brings no answers: without --replay, a tap or weir serve --observe nothing is known of whose data is where.")
	}
	return notes, err
}

// replayer takes mirrored requests, and asks again for what GETs asked for.
type replayer struct {
	ctx      context.Context
	rate     float64
	upstream *url.URL // nil: nothing is asked
	queue    chan *learn.Exchange
	took     *pace

	mu      sync.Mutex // of all below, and of add
	add     func(*learn.Exchange) error
	failed  error
	closed  bool
	seen    int
	asked   int
	dropped int
	lost    int
}

func (r *replayer) take(x *learn.Exchange) {
	if err := r.add(x); err != nil && r.failed == nil {
		r.failed = err
	}
}

// ServeHTTP takes a mirrored request.
func (r *replayer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	_, _ = io.CopyN(io.Discard, q.Body, mirroredBody)
	w.WriteHeader(http.StatusNoContent)
	target := q.URL.RequestURI()
	// nginx keeps the address as it was asked for here, where it is set so.
	if o := q.Header.Get("X-Original-Uri"); strings.HasPrefix(o, "/") {
		target = o
	}
	// Envoy marks whom it mirrors to.
	x := &learn.Exchange{Time: time.Now(), Method: q.Method, Host: strings.TrimSuffix(q.Host, "-shadow"), Target: weir.NewPlain(target), Request: q.Header.Clone(), Response: http.Header{}}
	if o := q.Header.Get("X-Original-Method"); o != "" && len(o) < 10 {
		x.Method = o
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.seen++
	r.took.add(1)
	if r.upstream == nil || x.Method != http.MethodGet {
		r.take(x)
		return
	}
	select {
	case r.queue <- x:
	default:
		r.dropped++
		r.take(x)
	}
}

func (r *replayer) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	close(r.queue)
}

// run asks again, one after the other.
func (r *replayer) run() {
	client := &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 2, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	every := time.NewTicker(time.Duration(float64(time.Second) / r.rate))
	defer every.Stop()
	for x := range r.queue {
		ok := false
		select {
		case <-r.ctx.Done(): // what is left is counted, and not asked
		case <-every.C:
			ok = r.ask(client, x)
		}
		r.mu.Lock()
		if ok {
			r.asked++
		} else if r.ctx.Err() == nil {
			r.lost++
		}
		r.take(x)
		r.mu.Unlock()
	}
}

// ask fetches the answer to a GET, with the credential of the request.
func (r *replayer) ask(client *http.Client, x *learn.Exchange) bool {
	target, err := url.ParseRequestURI(x.Target.Reveal())
	if err != nil || target.Host != "" {
		return false
	}
	target.Scheme, target.Host = r.upstream.Scheme, r.upstream.Host
	if base := strings.TrimSuffix(r.upstream.Path, "/"); base != "" {
		target.Path, target.RawPath = base+target.Path, ""
	}
	q, err := http.NewRequestWithContext(r.ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return false
	}
	for name, v := range x.Request {
		switch name {
		case "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Upgrade", "Te", "Trailer", "Host", "Accept-Encoding", "Range", "If-None-Match", "If-Modified-Since", "If-Range":
		default:
			q.Header[name] = v
		}
	}
	q.Host = x.Host
	res, err := client.Do(q)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	x.Body, err = io.ReadAll(io.LimitReader(res.Body, learn.MaxBody+1))
	if len(x.Body) > learn.MaxBody {
		x.Body, x.Cut = x.Body[:learn.MaxBody], true
	}
	x.Status, x.Response, x.Cut = res.StatusCode, res.Header, x.Cut || err != nil
	x.Response.Del("Content-Encoding") // the transport has undone gzip; it asked for no other
	x.Response.Del("Content-Length")
	return true
}

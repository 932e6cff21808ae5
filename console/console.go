// Package console is the web page for staff: how exposed the customers are, what
// flows now, which alerts and holds there are, and whether the ledger holds.
//
// The one mechanism is a page in regions, rendered on the server by html/template
// from a Source and from the ledger that it follows, and pushed over server-sent
// events: at most four times a second a region that has changed is rendered once
// for all, and each browser is sent the newest state of what it has not seen. A
// slow browser skips states, and one that takes nothing for a while is let go.
//
// It guarantees that the page is reached through the loopback interface alone, by
// a browser that opened a one-time link, under a Content-Security-Policy without
// inline script or style; that nothing changes anything without a token of that
// session; and that its memory is bounded whatever the traffic. It shows
// pseudonyms, names of the policy and counts: never a personal value, never a
// URL.
//
// It does not decide anything, it does not sign staff in by name, and it does not
// keep other processes of the same machine out once they hold the link or the
// cookie (a cookie of 127.0.0.1 is sent to every port of it).
package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/getweir/weir/ledger"
)

// ErrNotLoopback is what New says of an address that others could reach.
var ErrNotLoopback = errors.New("the console listens on a loopback address only")

// How the console keeps its pace.
const (
	tick         = 250 * time.Millisecond // between two looks at what has changed
	busyRate     = 40                     // exchanges a second that are too many to read
	busyTicks    = 4                      // above it, the lists of exchanges follow every so many ticks
	backlog      = 5000                   // entries read at start, to fill the page
	beat         = 5 * time.Second        // between signs of life to a browser
	writeTimeout = 5 * time.Second        // for a browser to take what it is sent
	maxClients   = 32                     // browsers connected at once
)

// Config says what the console shows and where. Source is required.
type Config struct {
	Source Source
	// Listen is a loopback address and port; "": 127.0.0.1 and any free port.
	Listen string
	// VerifyEvery is how often the ledger is verified without being asked, the
	// first time at the start. 0: only when asked.
	VerifyEvery time.Duration
	Logger      *slog.Logger // nil: none
}

// A Console is one page and its listener. Its methods may be called at any time
// from any goroutine; Run is called once.
type Console struct {
	source   Source
	logger   *slog.Logger
	listener net.Listener
	hosts    map[string]bool // values of the Host header that are ours
	cookie   string          // its name: cookies do not tell ports apart
	door     *doorkeeper
	pages    *template.Template
	live     *hub
	handler  http.Handler
	verify   chan struct{} // asks Run for a verification; holds one
	every    time.Duration // between verifications that nobody asks for; 0: none

	mu      sync.Mutex // guards what follows
	stream  *stream
	reading string // why the ledger cannot be followed; "": it is
	check   check
}

// check is the state of the last verification.
type check struct {
	running  bool
	done, of int64
	at       time.Time // when the last one ended; zero: none since start
	result   Verification
	err      bool // it could not look
}

// New takes the listening address and gives a Console that answers once Run has
// been called. Run closes it.
func New(c Config) (*Console, error) {
	address := c.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := listenLoopback(address)
	if err != nil {
		return nil, fmt.Errorf("listen for the console: %w", err)
	}
	pages, err := parsePages()
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("read the console's pages: %w", err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	k := &Console{
		source:   c.Source,
		logger:   c.Logger,
		listener: listener,
		hosts:    map[string]bool{"localhost:" + port: true, listener.Addr().String(): true},
		cookie:   "weir_console_" + port,
		door:     newDoorkeeper(time.Now),
		pages:    pages,
		live:     newHub(),
		verify:   make(chan struct{}, 1),
		every:    c.VerifyEvery,
		stream:   newStream(),
	}
	if k.logger == nil {
		k.logger = slog.New(slog.DiscardHandler)
	}
	k.handler = k.routes()
	return k, nil
}

func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "localhost" {
		address = "127.0.0.1" + address[len(host):]
	} else if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return nil, ErrNotLoopback
	}
	return net.Listen("tcp", address)
}

// Addr gives the address it listens on.
func (c *Console) Addr() net.Addr { return c.listener.Addr() }

// Link makes a one-time link to the page. It opens one session, within 15
// minutes, and is void after that. It is a secret until then.
func (c *Console) Link() string {
	u := url.URL{Scheme: "http", Host: c.listener.Addr().String(), Path: "/enter", RawQuery: url.Values{"token": {c.door.link()}}.Encode()}
	return u.String()
}

// Run serves the page and follows the ledger until ctx ends, which is no error.
func (c *Console) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{
		Handler:           c.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(c.logger.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	var parts sync.WaitGroup
	parts.Go(func() { served <- server.Serve(c.listener) })
	parts.Go(func() { c.follow(ctx) })
	parts.Go(func() { c.verifyOnDemand(ctx) })
	parts.Go(func() { c.refresh(ctx) })

	var failed error
	select {
	case <-ctx.Done():
	case failed = <-served:
	}
	cancel() // ends the event streams too, which Shutdown would wait for
	patience, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer done()
	if err := server.Shutdown(patience); err != nil {
		server.Close()
	}
	parts.Wait()
	if failed != nil && !errors.Is(failed, http.ErrServerClosed) {
		return fmt.Errorf("serve the console: %w", failed)
	}
	return nil
}

// follow reads the ledger from a little before its end.
func (c *Console) follow(ctx context.Context) {
	take := func(index int64, e *ledger.Entry) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stream.observe(index, e)
		return nil
	}
	from := max(0, c.source.Ledger().Entries-backlog)
	err := c.source.Replay(from, take)
	if err == nil {
		c.mu.Lock()
		from = max(from, c.stream.next)
		c.mu.Unlock()
		err = c.source.Follow(ctx, from, take)
	}
	if err != nil && ctx.Err() == nil {
		c.logger.Error("console cannot follow the ledger", "error", err)
		c.mu.Lock()
		c.reading = "The ledger cannot be followed: exchanges below are no longer live."
		c.mu.Unlock()
	}
}

// verifyOnDemand runs one verification at a time, when asked, and when it is time.
func (c *Console) verifyOnDemand(ctx context.Context) {
	var due <-chan time.Time
	if c.every > 0 {
		c.askVerify()
		clock := time.NewTicker(c.every)
		defer clock.Stop()
		due = clock.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
			c.askVerify()
			continue
		case <-c.verify:
		}
		result, err := c.source.Verify(ctx, func(done, of int64) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.check.done, c.check.of = done, of
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.logger.Error("console could not verify the ledger", "error", err)
		}
		c.mu.Lock()
		c.check = check{at: time.Now(), result: result, err: err != nil}
		c.mu.Unlock()
	}
}

// askVerify has a verification begin; one that is under way is enough.
func (c *Console) askVerify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.check.running {
		return
	}
	c.check.running, c.check.done, c.check.of = true, 0, 0
	c.verify <- struct{}{} // has room: nobody else sends while one is running
}

// refresh renders what has changed, while somebody looks.
func (c *Console) refresh(ctx context.Context) {
	beats := time.NewTicker(tick)
	defer beats.Stop()
	for n := 0; ; n++ {
		all := n%busyTicks == 0
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
		case <-c.live.arrived:
			all = true
		}
		if c.live.empty() {
			continue
		}
		if err := c.render(all); err != nil {
			c.logger.Error("console could not render", "error", err)
		}
	}
}

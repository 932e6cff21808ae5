package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/console"
	"github.com/getweir/weir/door/inbound"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/internal/adminsock"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
	"github.com/getweir/weir/watch"
)

type serveCommand struct {
	Config  string `short:"c" default:"weir.yaml" type:"path" help:"The configuration. Default: weir.yaml."`
	Observe bool   `help:"Change nothing and refuse nobody: only record what would have been done. The exposure is then unbounded."`
	Policy  string `default:"on" enum:"on,off" help:"off: the same as --observe."`
	JSON    bool   `name:"json" help:"Log in JSON."`
}

func (serveCommand) Help() string {
	return `Stands before the service that weir.yaml names, and guards what leaves it. The policy is read again when its file changes, or on SIGHUP; a policy with a mistake is refused and the old one stays in force. SIGUSR1 prints a fresh link to the console. SIGINT and SIGTERM let running exchanges finish.

Examples:
  weir serve
  weir serve --config /etc/weir/weir.yaml
  weir serve --observe           # look first: everything passes as it is

With --observe every request passes and every answer leaves as it is, also what cannot be read and whoever shows a credential that is not known here. It is inspected, judged, charged and recorded all the same, with what would have been done: masked, withheld, stopped. The console and weir exposure say how much that was. Only what the record stands on can still refuse: where the ledger cannot be written, nothing leaves. To enforce route by route, leave --observe out and write mode: observe into the policy, at the top and mode: enforce on the routes that are ready.`
}

func (c *serveCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	mode := guard.Enforce
	if c.Observe || c.Policy == "off" {
		mode = guard.Observe
	}
	var handler slog.Handler = slog.NewTextHandler(s.err, nil)
	if c.JSON {
		handler = slog.NewJSONHandler(s.err, nil)
	}
	srv, err := newServer(s.ctx, cfg, mode, slog.New(handler))
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Weir stands at %s before %s\n", srv.URL(), cfg.Upstream)
	switch {
	case mode == guard.Observe:
		fmt.Fprintln(s.err, "Weir only observes: everything passes, what would have been done is recorded, and the exposure is unbounded.")
	case len(observedRoutes(srv.guard.Policy())) > 0:
		fmt.Fprintf(s.err, "The policy is only observed on: %s. There everything passes, and the exposure is unbounded.\n", strings.Join(observedRoutes(srv.guard.Policy()), ", "))
	}
	if srv.console != nil {
		fmt.Fprintf(s.err, "Console, once and within 15 minutes: %s\n", srv.console.Link())
	}
	return srv.run(s.ctx)
}

// server is one running Weir: every room, wired.
type server struct {
	cfg      *config
	log      *slog.Logger
	state    *state
	auth     *identity.Authenticator
	book     *approval.Book
	note     fileNote       // why the policy's file is not what is in force
	before   *policy.Policy // in force before the start, where another took its place; else nil
	agreed   chan struct{}  // asks for another look at the policy's file; holds one
	guard    *guard.Guard
	requests *requestDesk
	fleet    *fleet.Fleet // nil: the node is alone
	files    policyFiles  // of the policy last read; followPolicy's, once it runs
	watch    *watch.Watch
	index    *index.Index     // nil: it cannot be opened
	console  *console.Console // nil: none configured
	http     *http.Server
	secure   bool // by HTTPS; http.Server sets a TLSConfig of its own later
	listen   net.Listener
	tiles    *tileServer        // nil: the ledger is not served
	witness  *ledger.Witnessing // nil: no witnesses
	archive  *ledger.Archiver   // nil: no archive
	peers    *ledger.Peers      // nil: no roster
	admin    *adminsock.Server

	covering *covering
	metrics  *metrics
}

// newServer opens the state, restores what was taken and held, and listens; run
// then serves. Whoever calls newServer calls run, which closes everything.
func newServer(ctx context.Context, cfg *config, mode guard.Mode, log *slog.Logger) (_ *server, err error) {
	s := &server{cfg: cfg, log: log, agreed: make(chan struct{}, 1)}
	rules, files, err := readPolicy(cfg.Policy)
	if err != nil {
		return nil, usageError{err}
	}
	s.files = files
	if _, err := newInspector(rules, cfg.Limits.Countries); err != nil {
		return nil, usageError{err}
	}
	if s.auth, err = identity.New(cfg.Identity, log); err != nil {
		return nil, usageError{fmt.Errorf("identity: %w", err)}
	}
	upstream, err := url.Parse(cfg.Upstream)
	if err != nil {
		return nil, usageError{fmt.Errorf("upstream: %w", err)}
	}
	if s.state, err = openState(ctx, cfg, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.state.close())
		}
	}()
	if s.book, err = newBook(ctx, cfg, s.state, log); err != nil {
		return nil, err
	}
	var waits *approval.Verdict
	if rules, s.before, waits, err = startWith(ctx, cfg, s.book, rules); err != nil {
		return nil, err
	}
	if waits != nil {
		s.waits(waits)
	}
	finder, err := newInspector(rules, cfg.Limits.Countries)
	if err != nil {
		return nil, usageError{err}
	}
	if s.metrics, err = newMetrics(cfg.Metrics, log); err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.metrics.close())
		}
	}()
	if s.fleet, err = s.newFleet(mode); err != nil {
		return nil, err
	}
	s.guard, err = guard.New(guard.Config{
		Shared: orNil(s.fleet),
		Policy: rules, Inspect: finder, Ledger: metered{s.state.whole(), s.metrics}, Cursors: s.state.ledger, Subjects: s.state.subjects, Mode: mode, Log: log,
	})
	if err != nil {
		return nil, err
	}
	if err = s.guard.Restore(context.Background()); err != nil {
		return nil, err
	}
	if err = s.join(ctx); err != nil {
		return nil, err
	}
	looseModes(cfg, log)
	s.covering = newCovering(s.state.ledger, log)
	s.metrics.watch(s)
	if s.state.index != nil {
		s.index = index.New(index.Config{
			Store: s.state.index, Log: index.Log{Tree: s.state.ledger.Tree()}, Follow: s.state.ledger.Follow, Logger: log,
		})
	}
	s.watch = watch.New(watch.Config{Rules: rules.Watch(), Log: s.state.ledger, Cursors: s.state.ledger, Logger: log, Node: cfg.Node})
	door, err := inbound.New(inbound.Config{
		Upstream: upstream, Guard: s.guard, Auth: s.auth, Log: log, MaxSegment: cfg.Limits.Segment, TicketHeader: cfg.TicketHeader,
	})
	if err != nil {
		return nil, err
	}
	s.http = door.Server()
	if s.requests, err = newRequestDesk(s.book, s.auth, s.isHeld); err != nil {
		return nil, err
	}
	s.http.Handler = s.requests.before(s.http.Handler)
	if s.http.TLSConfig, err = cfg.TLS.load(s.auth.ClientCAs()); err != nil {
		return nil, usageError{err}
	}
	s.secure = s.http.TLSConfig != nil
	if s.listen, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if cfg.Console != "" {
		if s.console, err = console.New(console.Config{Source: (*consoleSource)(s), Listen: cfg.Console, VerifyEvery: time.Hour, Logger: log}); err != nil {
			return nil, errors.Join(fmt.Errorf("console: %w", err), s.listen.Close())
		}
	}
	if s.witness, err = witnessed(cfg, s.state.ledger, log); err != nil {
		return nil, errors.Join(err, s.listen.Close())
	}
	if s.archive, err = cfg.archiver(log); err != nil {
		return nil, errors.Join(err, s.listen.Close())
	}
	if s.peers, err = s.watchPeers(); err != nil {
		return nil, errors.Join(err, s.listen.Close())
	}
	if s.tiles, err = newTileServer(cfg, s.state.ledger, s.peers, s.http.TLSConfig, log); err != nil {
		return nil, errors.Join(err, s.listen.Close())
	}
	if s.admin, err = adminsock.Listen(cfg.State, s.desk().calls(), log); err != nil {
		return nil, errors.Join(err, s.listen.Close(), s.tiles.close())
	}
	return s, nil
}

// URL gives where clients reach the door.
func (s *server) URL() string {
	scheme := "http"
	if s.secure {
		scheme = "https"
	}
	return scheme + "://" + s.listen.Addr().String()
}

// drain is how long exchanges may take to finish when the server is asked to end.
const drain = 20 * time.Second

// run serves until ctx ends or something fails that must not fail; then it lets
// exchanges finish, and only after the last of them stops what they stand on.
func (s *server) run(ctx context.Context) error {
	// The rooms behind the door end after it: the ledger last, since all write to it.
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	ledgerCtx, stopLedger := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLedger()
	ledgerDone := make(chan error, 1)
	go func() { ledgerDone <- s.state.ledger.Run(ledgerCtx) }()

	if err := s.begin(ledgerCtx, s.before); err != nil {
		stopLedger()
		return errors.Join(err, <-ledgerDone, s.listen.Close(), s.tiles.close(), s.admin.Close(), s.state.close())
	}
	s.warnOverdue()
	front, ctx := errgroup.WithContext(ctx)
	rooms, behind := errgroup.WithContext(behind)
	rooms.Go(func() error { return s.guard.Run(behind) })
	rooms.Go(func() error { return s.book.Run(behind) })
	rooms.Go(func() error { return s.watch.Run(behind) })
	rooms.Go(func() error {
		// A ledger that has stopped takes nothing any more: whoever started the
		// server starts it anew.
		select {
		case err := <-ledgerDone:
			ledgerDone <- err
			return errors.New("the ledger has stopped")
		case <-behind.Done():
			return nil
		}
	})
	if s.state.shared != nil {
		rooms.Go(func() error { return s.state.shared.Run(behind) })
	}
	if s.fleet != nil {
		rooms.Go(func() error { return s.fleet.Run(behind, s.guard.Holds) })
	}
	rooms.Go(func() error { return s.auth.Run(behind) })
	rooms.Go(func() error { return s.admin.Run(behind) })
	rooms.Go(func() error { s.covering.run(behind); return nil })
	rooms.Go(func() error { return s.metrics.run(behind) })
	if s.index != nil {
		rooms.Go(func() error { return s.index.Run(behind) })
	}
	if s.console != nil {
		rooms.Go(func() error { return s.console.Run(behind) })
	}
	if s.witness != nil {
		rooms.Go(func() error { return s.witness.Run(behind) })
	}
	if s.archive != nil {
		rooms.Go(func() error { return s.archive.Run(behind) })
	}
	rooms.Go(func() error { return s.retain(behind) })
	if s.peers != nil {
		rooms.Go(func() error { return s.peers.Run(behind) })
		rooms.Go(func() error { s.followRoster(behind); return nil })
	}
	if s.tiles != nil {
		rooms.Go(func() error { return s.tiles.run(behind) })
	}
	front.Go(func() error { s.followPolicy(ctx); return nil })
	front.Go(func() error { s.followKeys(ctx); return nil })
	front.Go(func() error {
		if s.secure {
			return served(s.http.ServeTLS(s.listen, "", ""))
		}
		return served(s.http.Serve(s.listen))
	})
	front.Go(func() error {
		select {
		case <-ctx.Done():
		case <-behind.Done(): // a room has failed: no exchange may go on without it
		}
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if err := s.http.Shutdown(late); err != nil {
			s.log.Warn("exchanges were cut off at the end", "after", drain)
			return s.http.Close()
		}
		return nil
	})
	err := front.Wait()
	stopBehind()
	err = errors.Join(err, rooms.Wait())
	_ = s.record(ledgerCtx, &ledger.Entry{Kind: ledger.Stop})
	stopLedger()
	err = errors.Join(err, <-ledgerDone)
	s.archiveEnd()
	return errors.Join(err, s.state.close())
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *server) record(ctx context.Context, e *ledger.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := s.state.ledger.Append(ctx, e); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

func modeText(m guard.Mode) string {
	if m == guard.Observe {
		return "policy observed"
	}
	return "policy enforced"
}

// observedRoutes names the routes on which a policy is only observed.
func observedRoutes(p *policy.Policy) (all []string) {
	for _, r := range p.Routes() {
		if r.Observe {
			all = append(all, r.Text)
		}
	}
	if p.Observe() {
		all = append(all, "all that match no route")
	}
	return all
}

// followPolicy puts the policy in force anew when its file changes or on SIGHUP,
// and prints a console link on SIGUSR1. A policy with a mistake changes nothing.
func (s *server) followPolicy(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(signals)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	s.reload(ctx) // it may have changed since the start read it, or wait to be recorded
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			if sig == syscall.SIGUSR1 {
				if s.console != nil {
					fmt.Fprintf(os.Stderr, "Console, once and within 15 minutes: %s\n", s.console.Link())
				}
				continue
			}
		case <-s.agreed:
		case <-tick.C:
			if !s.files.changed() {
				continue
			}
		}
		s.reload(ctx)
	}
}

// fileStamp tells versions of a file apart.
func fileStamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

// load gives the configuration for HTTPS; nil: plain HTTP. Clients may show a
// certificate of one of the authorities, if there are any.
func (t tlsConfig) load(authorities *x509.CertPool) (*tls.Config, error) {
	if t.Certificate == "" {
		if authorities != nil {
			return nil, errors.New("identity names client certificates or proxies, which are only known over HTTPS: set tls: certificate and key")
		}
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	if authorities != nil {
		c.ClientCAs, c.ClientAuth = authorities, tls.VerifyClientCertIfGiven
	}
	return c, nil
}

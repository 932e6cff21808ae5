package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/internal/actors"
	"github.com/getweir/weir/internal/mint"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/ledger"
)

type demoCommand struct {
	Once      bool          `help:"Play the script once, as fast as it goes, and say whether the promise held."`
	JSON      bool          `name:"json" help:"With --once: print the result as one JSON object."`
	For       time.Duration `placeholder:"SPAN" help:"End by itself after this long, such as 2m."`
	Keep      string        `placeholder:"DIR" type:"path" help:"Keep the state there; the ledger is then in DIR/ledger."`
	Observe   bool          `help:"Weir only observes: it lets everything through and records what it would have done."`
	Policy    string        `default:"on" enum:"on,off" help:"off: the same as --observe."`
	Console   string        `default:"127.0.0.1:0" help:"The console's address."`
	Customers int           `default:"5000" help:"How many customers the sample platform has."`
}

func (demoCommand) Help() string {
	return `Runs a sample streaming service with a shop, "Reel & Cart", as a process of its own, puts Weir before it, and lets customers' apps, a support agent, a recommender, a newsletter, a stolen support credential and a customer who walks other customers' ids loose on it, over real HTTP. What each received is counted from the bytes that arrived.

Exit codes with --once: 0 the bound held and everybody honest got their work done; 3 it did not (as with --observe, or --policy off).

Examples:
  weir demo
  weir demo --for 2m --keep /tmp/weir-demo
  weir demo --once --json
  weir demo --once --observe     # the same theft, with nobody in its way`
}

// stage is a running demonstration.
type stage struct {
	dir    string
	server *server
	play   *actors.Play
	truth  *people.Population
	end    []func() error // in reverse order
}

func (c *demoCommand) Run(s *streams) (err error) {
	if c.JSON && !c.Once {
		return usageError{errors.New("--json goes with --once")}
	}
	if c.Customers < 1 || c.Customers > 1_000_000 {
		return usageError{errors.New("--customers: from 1 to 1000000")}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	if c.For > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	st, err := c.set(ctx, s)
	if err != nil {
		if st != nil {
			err = errors.Join(err, st.strike())
		}
		return err
	}
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	served := make(chan error, 1)
	go func() { served <- st.server.run(serving) }()
	st.end = append(st.end, func() error { stopServing(); return <-served })

	if c.Once {
		err = c.once(ctx, s, st)
	} else {
		err = c.live(ctx, s, st)
	}
	struck := st.strike()
	if c.Keep != "" && !c.JSON {
		fmt.Fprintf(s.out, "\nKept in %s. Look at it with:\n  weir ledger verify %s\n  weir saw agent-8 --state %s\n", c.Keep, filepath.Join(c.Keep, "ledger"), c.Keep)
	}
	return errors.Join(err, struck)
}

// set builds the stage. What it started is in the stage even where it fails.
func (c *demoCommand) set(ctx context.Context, s *streams) (*stage, error) {
	st := &stage{dir: c.Keep}
	if st.dir == "" {
		dir, err := os.MkdirTemp("", "weir-demo-")
		if err != nil {
			return nil, err
		}
		st.dir = dir
		st.end = append(st.end, func() error { return os.RemoveAll(dir) })
	}
	if err := createState(st.dir, "demo"); err != nil {
		return st, err
	}
	policyFile := filepath.Join(st.dir, "policy.yaml")
	if err := writeNew(policyFile, reelcart.Policy(), 0o644); err != nil {
		return st, err
	}
	platform, end, err := startPlatform(ctx, c.Customers)
	if err != nil {
		return st, fmt.Errorf("sample platform: %w", err)
	}
	st.end = append(st.end, end)
	cfg := &config{
		Version: 1, Listen: "127.0.0.1:0", Upstream: platform, Policy: policyFile, State: st.dir, Console: c.Console, Node: "demo",
		Identity: identity.Config{PseudonymKeyFile: filepath.Join(st.dir, namesKeyFile)},
	}
	issuers := map[string]*mint.Issuer{}
	for name, kind := range map[string]weir.Kind{actors.StaffIssuer: weir.Staff, actors.CustomerIssuer: weir.Customer, actors.ServiceIssuer: weir.Service} {
		issuer, err := mint.NewIssuer(name, "EdDSA")
		if err != nil {
			return st, err
		}
		keys := filepath.Join(st.dir, "keys", name+".jwks")
		if err := issuer.WriteKeySet(keys); err != nil {
			return st, err
		}
		issuers[name] = issuer
		cfg.Identity.Tokens = append(cfg.Identity.Tokens, identity.TokenIssuer{
			Issuer: name, Audience: []string{"reel-and-cart"}, KeysFile: keys, Kind: kind.String(),
		})
	}
	mode := guard.Enforce
	if c.Observe || c.Policy == "off" {
		mode = guard.Observe
	}
	// The play is on the screen; the log goes beside the state.
	logFile, err := os.Create(filepath.Join(st.dir, "weir.log"))
	if err != nil {
		return st, err
	}
	st.end = append(st.end, logFile.Close)
	log := slog.New(slog.NewTextHandler(logFile, nil))
	if st.server, err = newServer(ctx, cfg, mode, log); err != nil {
		return st, err
	}
	st.truth = people.New(reelcart.Seed, c.Customers)
	st.play = actors.New(actors.Config{
		Base: st.server.URL(), Population: st.truth, Header: credentials(issuers), Live: !c.Once, Log: log,
	})
	return st, nil
}

// strike takes the stage down, last built first.
func (st *stage) strike() error {
	var errs []error
	for i := len(st.end) - 1; i >= 0; i-- {
		errs = append(errs, st.end[i]())
	}
	return errors.Join(errs...)
}

// credentials gives each actor a token of its issuer, good for a while.
func credentials(issuers map[string]*mint.Issuer) func(*actors.Actor) (http.Header, error) {
	type held struct {
		token string
		until time.Time
	}
	var mu sync.Mutex
	tokens := map[string]held{}
	return func(a *actors.Actor) (http.Header, error) {
		mu.Lock()
		defer mu.Unlock()
		h := tokens[a.Name]
		if now := time.Now(); now.After(h.until) {
			token, err := issuers[a.Issuer].Sign(map[string]any{
				"sub": a.Subject, "role": a.Role, "aud": "reel-and-cart", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "sid": a.Name,
			})
			if err != nil {
				return nil, err
			}
			h = held{token, now.Add(50 * time.Minute)}
			tokens[a.Name] = h
		}
		return http.Header{"Authorization": {"Bearer " + h.token}, "Weir-Purpose": {string(a.Purpose)}}, nil
	}
}

// startPlatform runs the sample platform as a process of its own.
func startPlatform(ctx context.Context, customers int) (base string, end func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "platform", "--listen", "127.0.0.1:0", "--customers", fmt.Sprint(customers))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // Ctrl-C ends it through end; it does not outlive the demo
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end, so how it ends says nothing
		return nil
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", nil, errors.Join(err, end())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return strings.TrimSpace(line), end, nil
}

// platformCommand is the sample platform; hidden, since it protects nothing.
type platformCommand struct {
	Listen    string `default:"127.0.0.1:9000"`
	Customers int    `default:"5000"`
}

func (c *platformCommand) Run(s *streams) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "http://%s\n", l.Addr())
	return reelcart.New(reelcart.Seed, c.Customers).Run(s.ctx, l)
}

// once plays the script through and judges it.
func (c *demoCommand) once(ctx context.Context, s *streams, st *stage) error {
	if !c.JSON {
		fmt.Fprintf(s.out, "%d customers, %d principals, %s. Playing the script once ...\n\n", c.Customers, len(st.play.Actors()), modeText(st.server.guard.Mode()))
	}
	if err := st.play.Run(ctx); err != nil {
		return fmt.Errorf("the play broke off: %w", err)
	}
	if ctx.Err() != nil {
		return exitFailure
	}
	result, err := st.judge(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(s, result); err != nil {
			return err
		}
	} else {
		printResult(s, result)
	}
	if !result.holds() {
		return exitRefuted
	}
	return nil
}

// live plays until it is told to end, and shows what everybody has.
func (c *demoCommand) live(ctx context.Context, s *streams, st *stage) error {
	f, ok := s.out.(*os.File)
	tty := ok && term.IsTerminal(int(f.Fd()))
	fmt.Fprintf(s.out, "Reel & Cart, a sample service with %d invented customers, at %s\n", c.Customers, st.server.cfg.Upstream)
	fmt.Fprintf(s.out, "Weir stands before it at %s, %s\n", st.server.URL(), modeText(st.server.guard.Mode()))
	fmt.Fprintf(s.out, "Console, once and within 15 minutes: %s\n", st.server.console.Link())
	fmt.Fprintf(s.out, "Ctrl-C ends it.\n\n")
	playing, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan error, 1)
	go func() { played <- st.play.Run(playing) }()
	every := 500 * time.Millisecond
	if !tty {
		every = 5 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	screen := &liveTable{out: s.out, tty: tty}
	for {
		screen.show(st)
		select {
		case err := <-played:
			screen.show(st)
			if err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		case <-tick.C:
		}
	}
}

// records gives, for each actor, the customers that the ledger says it has: in
// clear or of its own, and masked only.
func (st *stage) records(ctx context.Context) (clear, masked map[string]int, alerts, holds, entries int, err error) {
	clear, masked = map[string]int{}, map[string]int{}
	lanes := map[string]map[weir.Subject]weir.Lanes{}
	err = st.server.state.ledger.Replay(0, func(_ int64, e *ledger.Entry) error {
		entries++
		switch e.Kind {
		case ledger.Alert:
			alerts++
		case ledger.Hold:
			holds++
		case ledger.Release:
			if lanes[e.Principal] == nil {
				lanes[e.Principal] = map[weir.Subject]weir.Lanes{}
			}
			for _, t := range e.Subjects {
				lanes[e.Principal][t.Subject] |= t.Lanes
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return
	}
	for _, a := range st.play.Actors() {
		principal := a.Subject
		if a.Kind == weir.Customer {
			subject, known, lerr := st.server.state.subjects.Lookup(ctx, weir.Identifier{Kind: "customer", Value: weir.NewPlain(a.Subject)})
			if err = lerr; err != nil {
				return
			}
			if !known {
				continue
			}
			principal = subject.String()
		}
		for _, l := range lanes[principal] {
			switch {
			case l.Has(weir.Clear) || l.Has(weir.Own):
				clear[a.Name]++
			case l.Has(weir.Masked):
				masked[a.Name]++
			}
		}
	}
	return
}

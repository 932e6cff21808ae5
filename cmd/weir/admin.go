package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/internal/adminsock"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// A desk is what staff act on from the command line: a node's state, whether a
// server runs on it or not. Its calls are the only way in which commands write to
// the ledger of a node that may be running.
type desk struct {
	cfg    *config
	log    *slog.Logger
	state  *state
	policy func() (*policy.Policy, error) // in force, or what a server would put in force
	guard  *guard.Guard                   // nil: no server runs, nothing is released
	since  time.Time

	opening sync.Mutex     // guards book
	book    *approval.Book // nil: not read yet, where no server runs
	asked   *requestDesk   // nil: no server runs
	agreed  func()         // has the server look at the policy's file again; nil: no server runs
	reviews sync.Mutex     // one call at a time changes a review
}

// calls gives what the admin socket answers, a line a call.
func (d *desk) calls() *adminsock.Mux {
	m := &adminsock.Mux{}
	adminsock.Handle(m, "status", d.status)
	adminsock.Handle(m, "policy-propose", d.propose)
	adminsock.Handle(m, "policy-proposals", d.proposals)
	adminsock.Handle(m, "policy-sign", d.sign)
	adminsock.Handle(m, "policy-withdraw", d.withdraw)
	adminsock.Handle(m, "request-more", d.requestMore)
	adminsock.Handle(m, "request-list", d.requestList)
	adminsock.Handle(m, "request-approve", d.requestApprove)
	adminsock.Handle(m, "request-refuse", d.requestRefuse)
	adminsock.Handle(m, "request-withdraw", d.requestWithdraw)
	adminsock.Handle(m, "review-start", d.startReview)
	adminsock.Handle(m, "review-decide", d.decideReview)
	adminsock.Handle(m, "review-finish", d.finishReview)
	return m
}

// desk gives the server's.
func (s *server) desk() *desk {
	return &desk{
		cfg: s.cfg, log: s.log, state: s.state, guard: s.guard, book: s.book, asked: s.requests, agreed: s.lookAgain, since: time.Now().UTC(),
		policy: func() (*policy.Policy, error) { return s.guard.Policy(), nil },
	}
}

// How long, and how often, a state folder that somebody has open is tried.
const (
	deskPatience = 10 * time.Second
	deskPoll     = 50 * time.Millisecond
)

// atDesk hands fn a way to make the desk's calls: to the server that runs on
// cfg's state folder, or, where none runs, answered here with the state open for
// as long as fn takes, which keeps a server from starting meanwhile.
func atDesk(ctx context.Context, s *streams, cfg *config, fn func(*adminsock.Client) error) error {
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var st *state
	for wait := time.Duration(0); st == nil; wait += deskPoll {
		c, err := adminsock.Dial(cfg.State)
		if err == nil {
			defer c.Close()
			return fn(c)
		}
		if !errors.Is(err, adminsock.ErrNoServer) {
			return err
		}
		st, err = openState(ctx, cfg, log)
		switch {
		case err == nil:
		case !errors.Is(err, ledger.ErrLocked):
			return err
		case wait >= deskPatience:
			return fmt.Errorf("a server or another command has %s open, and no admin socket answers there: %w", cfg.State, err)
		default: // another command, or a server that is starting or ending
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(deskPoll):
			}
		}
	}
	// What was begun is finished in order, whatever ends ctx.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 2)
	parts := 1
	go func() { ended <- st.ledger.Run(running) }()
	if st.shared != nil {
		parts++
		go func() { ended <- st.shared.Run(running) }()
	}
	d := &desk{cfg: cfg, log: log, state: st, policy: func() (*policy.Policy, error) { return loadPolicy(cfg.Policy) }}
	err := fn(d.calls().Client(adminsock.Self()))
	stop()
	for range parts {
		err = errors.Join(err, <-ended)
	}
	return errors.Join(err, st.close())
}

// append puts entries on the ledger and waits until they are durable.
func (d *desk) append(ctx context.Context, entries ...*ledger.Entry) (first int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	receipt, err := d.state.ledger.Append(ctx, entries...)
	if err != nil {
		return 0, fmt.Errorf("the ledger did not record it, so it is not done: %w", err)
	}
	return receipt.Index(), nil
}

// act begins an entry about what somebody did: by is the name that was given, and
// stands beside the user of the system that the kernel named.
func act(who adminsock.Caller, by, text string) *ledger.Entry {
	return &ledger.Entry{Kind: ledger.Staff, PrincipalKind: weir.Staff, Principal: by, Credential: "local:" + who.String(), Text: text}
}

type statusCommand struct {
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
	JSON   bool   `name:"json" help:"Print as JSON."`
}

func (statusCommand) Help() string {
	return `Asks the server that runs on the configured state folder how it stands: which policy is in force, since when, the ledger, holds. It asks through the admin socket in that folder, as the user that the server runs as or as root. Exit code 1 where no server runs.

Example:
  weir status --json`
}

type statusAsk struct{}

type nodeStatus struct {
	Node    string    `json:"node"`
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	Mode    string    `json:"mode"`
	Policy  string    `json:"policy"`
	Entries int64     `json:"entries"`
	Signed  int64     `json:"signed"` // entries under the newest checkpoint
	Ledger  string    `json:"ledger"` // "": well; else why it takes nothing
	Holds   []string  `json:"holds"`
}

func (d *desk) status(context.Context, adminsock.Caller, *statusAsk) (nodeStatus, error) {
	st := d.state.ledger.Status()
	n := nodeStatus{
		Node: d.cfg.Node, PID: os.Getpid(), Version: weirVersion(), Since: d.since,
		Entries: st.Entries, Signed: st.Checkpoint.Size, Holds: []string{},
	}
	if err := cmp.Or(st.Err, st.Store.Err); err != nil {
		n.Ledger = err.Error()
	}
	if d.guard != nil {
		n.Mode, n.Policy = modeText(d.guard.Mode()), d.guard.Policy().Version()
		for _, h := range d.guard.Holds() {
			n.Holds = append(n.Holds, h.Party.String())
		}
	}
	return n, nil
}

func (c *statusCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	client, err := adminsock.Dial(cfg.State)
	if errors.Is(err, adminsock.ErrNoServer) {
		return fmt.Errorf("%w: %s. Start one with: weir serve", err, cfg.State)
	}
	if err != nil {
		return err
	}
	defer client.Close()
	n, err := adminsock.Call[nodeStatus](s.ctx, client, "status", statusAsk{})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, n)
	}
	fmt.Fprintf(s.out, "%s serves since %s (process %d, weir %s)\n%s, version %s\n", n.Node, n.Since.Format(time.RFC3339), n.PID, n.Version, n.Mode, n.Policy)
	fmt.Fprintf(s.out, "ledger: %d entries, %d of them signed\n", n.Entries, n.Signed)
	if n.Ledger != "" {
		fmt.Fprintln(s.out, "the ledger takes nothing, so nothing is released:", n.Ledger)
	}
	if len(n.Holds) > 0 {
		fmt.Fprintln(s.out, "held:", strings.Join(n.Holds, ", "))
	}
	return nil
}

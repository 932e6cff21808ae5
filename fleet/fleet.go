package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// Ledger is what a node needs of its own ledger.
type Ledger interface {
	Append(ctx context.Context, entries ...*ledger.Entry) (ledger.Receipt, error)
	Replay(from int64, each func(index int64, e *ledger.Entry) error) error
	Follow(ctx context.Context, from int64, each func(index int64, e *ledger.Entry) error) error
}

// ErrMissing: a node is missed that may know of what the store has forgotten.
var ErrMissing = errors.New("what was taken is not known whole")

// Config says what a Fleet is made of. Store, Ledger, Log and Node are required.
type Config struct {
	Store  Store
	Ledger Ledger
	Log    string // the origin of Ledger
	Node   string // the name of this node
	// Policy gives the version of the policy in force here, for the others to see. Nil:
	// it is not told.
	Policy func() string
	// Forgot: the store's copy of Ledger was found to lack entries that it had
	// acknowledged.
	Forgot bool
	// Refresh is for how long the node goes on without hearing from the store. Default:
	// a second.
	Refresh time.Duration
	// Every is how often it asks. Default: a quarter of Refresh.
	Every time.Duration
	// Lease is how long a lease lasts. Default: ten seconds.
	Lease time.Duration
	// Leased is the smallest budget of which shares are leased. Default: 1000.
	Leased int
	Logger *slog.Logger
	// Now is the clock that nobody sets, Wall the one that goes on while the machine
	// sleeps. Default: the monotonic and the wall clock's reading of time.Now.
	Now, Wall func() time.Time
	// Time is the time that entries have here, and that the guard's holds end by.
	// Default: Wall.
	Time func() time.Time
}

// Fleet is one node among those of its deployment. Its methods may be called from any
// goroutine.
type Fleet struct {
	c Config

	mu     sync.Mutex
	lines  map[Account]*line // guarded by mu
	clock  agreement         // guarded by mu
	heard  moment            // guarded by mu; when the newest answered Sync was asked
	joined bool              // guarded by mu
	closed *weir.Denial      // guarded by mu; not nil: why nothing may pass, by the newest Sync
	nodes  []Node            // guarded by mu; as of the newest Sync
	silent bool              // guarded by mu; it was said that the node is out of touch
	news   bool              // guarded by mu; there has been a Sync since Join

	settling sync.Mutex // held by Settle

	tick     int64  // of Sync; guarded by mu
	ticked   moment // when it was last moved on
	seen     int64  // the newest act known; Sync's goroutine's
	obeyed   int64  // the newest act that the ledger has; Sync's goroutine's
	load     bool   // guarded by mu; the store is to be told of a policy that was loaded
	recovery int64  // guarded by mu; as Join was told

	watch  watch
	follow followed
	poke   chan struct{} // there is something to settle
	act    chan struct{} // there are acts to publish
}

// New makes a Fleet that has not joined its deployment.
func New(c Config) (*Fleet, error) {
	if c.Store == nil || c.Ledger == nil || c.Log == "" || c.Node == "" {
		return nil, errors.New("fleet: store, ledger, log and node are all needed")
	}
	if c.Refresh <= 0 {
		c.Refresh = time.Second
	}
	if c.Every <= 0 {
		c.Every = c.Refresh / 4
	}
	if c.Lease <= 0 {
		c.Lease = 10 * time.Second
	}
	if c.Leased <= 0 {
		c.Leased = 1000
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wall == nil {
		now := c.Now
		c.Wall = func() time.Time { return now().Round(0) }
	}
	if c.Time == nil {
		c.Time = c.Wall
	}
	return &Fleet{c: c, lines: map[Account]*line{}, poke: make(chan struct{}, 1), act: make(chan struct{}, 1)}, nil
}

func (f *Fleet) now() moment { return f.watch.read(f.c.Now, f.c.Wall) }

// retry is what a client is told to wait while a node is closed.
const retry = 2 * time.Second

var (
	starting = weir.Denial{Reason: weir.ReasonStore, Retry: retry,
		Message: "This node has not heard yet what the others have counted, so nothing is released. Try again in a moment."}
	outOfTouch = weir.Denial{Reason: weir.ReasonStore, Retry: retry,
		Message: "This node has not heard from the others' shared store for a moment, so nothing is released. Try again when it is back."}
	forgotten = weir.Denial{Reason: weir.ReasonStore, Retry: retry,
		Message: "The nodes' shared store has forgotten what was taken, and not every node has told it again, so nothing is released."}
	otherPolicy = weir.Denial{Reason: weir.ReasonStore, Retry: retry,
		Message: "This node has not the policy that the others have, so nothing is released here. Give it the same file."}
	uncharged = weir.Denial{Reason: weir.ReasonStore, Retry: retry,
		Message: "The customers could not be counted in the nodes' shared store, so nothing is released. Try again when it answers."}
)

// Standing says why nothing may pass here; nil: the node is in touch.
func (f *Fleet) Standing() *weir.Denial {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.standing(f.now())
}

func (f *Fleet) standing(now moment) *weir.Denial {
	switch {
	case !f.joined || !f.news:
		return &starting
	case now.since(f.heard) > f.c.Refresh:
		return &outOfTouch
	}
	return f.closed
}

// Nodes lists the nodes of the deployment, as of the newest Sync.
func (f *Fleet) Nodes() []Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes
}

// Join makes the node part of its deployment: it tells the store all that its own
// ledger says was taken and the store does not know yet. It comes before Run and after
// the ledger and its copy in the store have been brought to the same end; the ledger
// grows meanwhile by nothing that takes.
func (f *Fleet) Join(ctx context.Context) error {
	if f.c.Forgot {
		if err := f.c.Store.Recover(ctx, f.c.Log); err != nil {
			return fmt.Errorf("tell the shared store that it has forgotten: %w", err)
		}
		f.c.Logger.Error("the shared store was put back to an older state; every node tells again what its ledger says was taken")
		f.c.Forgot = false
	}
	f.mu.Lock()
	b := Beat{Log: f.c.Log, Node: f.c.Node, Policy: f.policy(), Last: f.tick, Tick: f.tick}
	f.mu.Unlock()
	j, err := f.c.Store.Join(ctx, b)
	if err != nil {
		return fmt.Errorf("join the other nodes: %w", err)
	}
	end, err := f.recount(ctx, &j)
	if err == nil {
		err = f.c.Store.Ready(ctx, f.c.Log, end, j.Recovery)
	}
	if err != nil {
		return fmt.Errorf("join the other nodes: tell what was taken: %w", err)
	}
	f.mu.Lock()
	f.joined, f.news, f.recovery, f.tick = true, false, j.Recovery, max(f.tick, j.Tick)
	f.mu.Unlock()
	f.seen, f.obeyed = 0, j.Obeyed
	f.follow.from(min(end, j.Acts), j.Acts)
	return nil
}

func (f *Fleet) policy() string {
	if f.c.Policy == nil {
		return ""
	}
	return f.c.Policy()
}

// Load says that this node has put another policy in force, which is the deployment's
// from now on: nodes that do not have it soon let nothing through. The store is told
// with the next Touch.
func (f *Fleet) Load() {
	f.mu.Lock()
	f.load = true
	f.mu.Unlock()
	wake(f.act)
}

// What a node brings that was alone until now counts from the time that its ledger
// says, later by what its clock is behind the store's now and by skew. What was
// acknowledged within soon of that counts from when it was.
const (
	skew = time.Minute
	soon = 10 * time.Minute
)

// marks find when the store acknowledged an entry.
type marks struct {
	store Store
	log   string
	have  []Mark
	end   int64 // what is before it was asked for
}

// at gives the moment; 0: the store does not know the entry. Indexes do not fall.
func (m *marks) at(ctx context.Context, index int64) (Stamp, error) {
	for {
		for len(m.have) > 0 && m.have[0].Next <= index {
			m.have = m.have[1:]
		}
		if len(m.have) > 0 {
			if m.have[0].First > index {
				return 0, nil
			}
			return m.have[0].At, nil
		}
		if m.end > index {
			return 0, nil
		}
		var err error
		if m.have, err = m.store.Acknowledged(ctx, m.log, index); err != nil {
			return 0, err
		}
		m.end = index + 1
		if n := len(m.have); n > 0 {
			m.end = max(m.end, m.have[n-1].Next)
		} else {
			m.end = math.MaxInt64
		}
	}
}

// recount tells the store what the ledger says was taken from the entry on up to which
// the store knows it, and gives the end.
func (f *Fleet) recount(ctx context.Context, j *Joined) (end int64, err error) {
	behind := max(j.Now.At().Sub(f.c.Wall()), 0) + skew
	acknowledged := marks{store: f.c.Store, log: f.c.Log}
	oldest := j.Now.Add(-Kept(weir.Month))
	lines := map[Account]map[weir.Subject]Stamp{}
	n, told := 0, 0
	flush := func() error {
		s := Settlement{Log: f.c.Log}
		for a, takes := range lines {
			l := Line{Bound: Bound{Account: a}}
			for subject, at := range takes {
				l.Takes = append(l.Takes, Take{subject, at})
			}
			s.Lines = append(s.Lines, l)
		}
		clear(lines)
		told += n
		n = 0
		if len(s.Lines) == 0 {
			return nil
		}
		_, err := f.c.Store.Settle(ctx, &s)
		return err
	}
	end = j.Counted
	err = f.c.Ledger.Replay(j.Counted, func(index int64, e *ledger.Entry) error {
		end = index + 1
		says := Stamp(e.Time.UnixMicro()).Add(behind)
		if e.Kind != ledger.Release && e.Kind != ledger.Intent || len(e.Subjects) == 0 {
			return ctx.Err()
		}
		at, err := acknowledged.at(ctx, max(index, 0))
		if err != nil {
			return err
		}
		switch {
		case index < 0 || j.Counted == 0 && (at == 0 || at.Sub(says) > soon):
			at = says
		case at == 0:
			at = j.Now
		}
		if at < oldest {
			return ctx.Err()
		}
		for _, p := range e.Parties() {
			for _, t := range e.Subjects {
				for lane := range weir.NumLanes {
					if t.Lanes.Has(lane) {
						a := Account{p, lane}
						if lines[a] == nil {
							lines[a] = map[weir.Subject]Stamp{}
						}
						lines[a][t.Subject] = max(lines[a][t.Subject], at)
						n++
					}
				}
			}
		}
		if n < recountBatch {
			return ctx.Err()
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if told > 0 {
		f.c.Logger.Info("the store was told what this node's ledger says was taken", "takes", told)
	}
	return end, err
}

// recountBatch is about how many takes go into one step of a recount.
const recountBatch = 4000

// Run keeps in touch until ctx ends. Join comes before it. holds gives the holds that
// are in force by this node's own ledger, as its guard has them.
func (f *Fleet) Run(ctx context.Context, holds func() []policy.Hold) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { f.keepInTouch(ctx, holds) })
	wg.Go(func() { f.keepSettling(ctx) })
	wg.Go(func() { f.keepSweeping(ctx) })
	err := f.Follow(ctx)
	gone := ctx.Err() != nil
	cancel()
	wg.Wait()
	if gone {
		return nil
	}
	return err
}

// Follow reads the node's own ledger, for what the others have to hear of, until ctx
// ends. Run does so.
func (f *Fleet) Follow(ctx context.Context) error {
	err := f.c.Ledger.Follow(ctx, f.follow.next(), func(index int64, e *ledger.Entry) error {
		f.hearOwn(index, e)
		return nil
	})
	return fmt.Errorf("follow ledger: %w", err)
}

// every calls do at least once a pause and whenever one of the channels has something,
// until ctx ends.
func every(ctx context.Context, pause time.Duration, a, b <-chan struct{}, do func()) {
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-a:
		case <-b:
		}
	}
}

// sweepEvery is how often a node has the store forget what counts no more. What one
// sweep leaves the next finds, of this node or another.
const sweepEvery = 20 * time.Second

func (f *Fleet) keepSweeping(ctx context.Context) {
	every(ctx, sweepEvery, nil, nil, func() {
		if err := f.c.Store.Sweep(ctx); err != nil && ctx.Err() == nil {
			f.c.Logger.Debug("the shared store was not swept", "err", err)
		}
		f.tidy()
	})
}

// Usage tells what was taken by each account over all nodes.
func (f *Fleet) Usage(ctx context.Context, accounts []Account) ([]Usage, error) {
	all, err := f.c.Store.Usage(ctx, accounts)
	if err != nil {
		return nil, fmt.Errorf("ask the shared store what was taken: %w", err)
	}
	return all, nil
}

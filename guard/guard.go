// Package guard conducts one exchange. It admits it, and then, for each batch of
// segments that the door has cut from the answer: inspects what personal data is
// in it and whose, judges by the policy what may be done with each finding,
// charges the customers to everybody who takes part, records the release in the
// ledger, and masks what may not leave in clear. Release is those five verbs.
//
// It guarantees that a segment comes out of Release only after the entry that
// tells of it is durable, only after all parties could afford its customers, and
// only with every finding decided: what is not decided, not readable, not
// affordable or not recorded stays behind. After a restart, Restore puts back
// from the ledger what was taken and what is held.
//
// It finds nothing, permits nothing, counts nothing and stores nothing itself;
// inspect, policy, meter and ledger do. It knows no protocol: doors cut segments
// and carry them. It does not stop what it is not shown.
package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// Ledger is what the guard needs of the ledger.
type Ledger interface {
	// Append returns when the entries are durable.
	Append(ctx context.Context, entries ...*ledger.Entry) (ledger.Receipt, error)
	// Send returns when the entries are queued.
	Send(ctx context.Context, entries ...*ledger.Entry) error
	// Replay gives every entry there is from index from.
	Replay(from int64, each func(index int64, e *ledger.Entry) error) error
	// Follow gives every entry from index from, and then those to come, until
	// ctx ends.
	Follow(ctx context.Context, from int64, each func(index int64, e *ledger.Entry) error) error
}

// A Resolver knows the pseudonyms of customers. Resolve gives one for each
// identifier, the same for the same, and makes those that are new durable
// before it returns.
type Resolver interface {
	Resolve(ctx context.Context, ids []weir.Identifier) ([]weir.Subject, error)
}

// Mode says whether the policy is enforced.
type Mode uint8

const (
	Enforce Mode = iota
	// Observe changes nothing and refuses nobody, whatever mode the policy itself
	// names: what would have been done is recorded. The exposure is unbounded.
	Observe
)

// Config is what a Guard is made of. All but Cursors, Log and Now are required.
type Config struct {
	Policy   *policy.Policy
	Inspect  *inspect.Inspector
	Ledger   Ledger
	Subjects Resolver
	Mode     Mode
	// Shared is what the node counts and decides with others; nil: it is alone.
	Shared Shared
	// Cursors let a start go on from what was known a while ago; nil: it reads the
	// whole ledger.
	Cursors Cursors
	Log     *slog.Logger
	// Now is the clock; nil: time.Now. Time passes by its monotonic reading, if
	// it has one, so that setting the machine's clock does not open a window.
	Now func() time.Time
	// Uptime vouches for the time from one start to the next; nil: the machine's. With
	// a Now of its own: nobody does.
	Uptime Uptime
}

// Guard conducts exchanges. Its methods may be called from any goroutine.
type Guard struct {
	ledger   Ledger
	subjects Resolver
	mode     Mode
	shared   Shared // nil: alone
	log      *slog.Logger
	meter    *meter.Meter // what counts against budgets
	left     *meter.Meter // what really left where nothing is enforced

	rules atomic.Pointer[rules]        // replaced whole by SetPolicy, never changed
	holds atomic.Pointer[policy.Holds] // replaced whole, never changed; written by apply only

	allowed atomic.Pointer[allowances] // the same

	clock   func() time.Time
	uptime  Uptime
	began   time.Time     // the clock at New
	base    time.Time     // what that moment is taken to be: began, or later if that was set back
	lag     time.Duration // how much of the time up to then does not count, see timeline
	times   timeline      // of the ledger; Restore's, then Run's
	follows bool          // there were others' entries before
	begun   atomic.Bool   // the Start entry is on the ledger
	next    int64         // the first ledger index that Run has to follow

	cursors  Cursors
	kept     int64                    // where the last snapshot stands; Restore's, then Run's
	followed atomic.Pointer[followed] // how far Restore, then Run has come

	keepEntries int64

	bonds   bonds        // which identifiers are whose
	known   knownParties // who has been seen, for the exposure
	watched observed     // what would have been done
	bursts  *bursts      // what was taken in the last minutes
	alerted alerted      // of which shares of budgets an alert tells
	quiet   quiet        // what is told once a second instead of each time
	pool    sync.Pool    // *scratch

	coverage coverage     // what the traffic has held
	withheld atomic.Int64 // segments
}

// rules are a policy and who finds what it judges, which has the policy's own
// detectors: an exchange has both of one or both of the other.
type rules struct {
	policy  *policy.Policy
	inspect *inspect.Inspector
}

// New makes a Guard that has seen nothing yet.
func New(c Config) (*Guard, error) {
	if c.Policy == nil || c.Inspect == nil || c.Ledger == nil || c.Subjects == nil {
		return nil, errors.New("guard: policy, inspector, ledger and subjects are all needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Uptime != nil:
	case c.Now == nil:
		c.Uptime = machineUptime
	default:
		c.Uptime = func() (string, time.Duration) { return "", 0 }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	g := &Guard{
		ledger: c.Ledger, subjects: c.Subjects, mode: c.Mode, shared: c.Shared, log: c.Log,
		meter: meter.New(), left: meter.New(), cursors: c.Cursors, keepEntries: keepEntries, clock: c.Now, uptime: c.Uptime, began: c.Now(),
	}
	g.base = g.began.Round(0) // without the monotonic reading: this one is written down
	g.bursts = newBursts(g.base)
	g.rules.Store(&rules{c.Policy, c.Inspect})
	g.holds.Store(&policy.Holds{})
	g.allowed.Store(&allowances{})
	g.pool.New = func() any { return new(scratch) }
	return g, nil
}

// now gives the guard's time.
func (g *Guard) now() time.Time { return g.base.Add(g.clock().Sub(g.began)) }

// Now gives the guard's time, which its entries have and by which holds end. It is not
// always the machine's: it does not go back when that is set back.
func (g *Guard) Now() time.Time { return g.now() }

// counted gives a time of the guard's as the meter counts it.
func (g *Guard) counted(t time.Time) time.Time { return t.Add(-g.lag) }

// Restore reads the ledger and puts back what was taken in the last 30 days and
// what is held. It comes once, before Begin and the first Admit.
func (g *Guard) Restore(ctx context.Context) error {
	next, last := g.resume()
	g.next = next
	err := g.ledger.Replay(next, func(index int64, e *ledger.Entry) error {
		if e.Time.After(last) {
			last = e.Time
		}
		g.next = index + 1
		at := g.times.read(e)
		g.apply(e, g.times.now(), g.times.Lag)
		if len(e.Subjects) > 0 && (e.Kind == ledger.Release || e.Kind == ledger.Intent) {
			g.meter.Restore(at.Add(latest), e.Parties(), chargedIn(e))
			if e.Would != nil {
				g.left.Restore(at.Add(latest), e.Parties(), demandsOf(e))
			}
			g.known.restore(e, g.Policy())
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("restore from ledger: %w", err)
	}
	g.begin(last)
	g.delay(g.lag)
	g.meter.Sweep(g.counted(g.now()))
	g.left.Sweep(g.counted(g.now()))
	g.followed.Store(&followed{g.next, last, g.times})
	return nil
}

// Begin records that the guard begins. It comes after Restore, and before anything
// else of this process is on the ledger.
func (g *Guard) Begin(ctx context.Context, text string) error {
	if _, err := g.ledger.Append(ctx, g.started(text)); err != nil {
		return fmt.Errorf("record start: %w", err)
	}
	g.begun.Store(true)
	return nil
}

// append records entries, and send those that release nothing, behind the one that
// says that the guard has begun.
func (g *Guard) append(ctx context.Context, entries ...*ledger.Entry) error {
	_, err := g.ledger.Append(ctx, g.withStart(entries)...)
	if err == nil {
		g.begun.Store(true)
	}
	return err
}

func (g *Guard) send(ctx context.Context, entries ...*ledger.Entry) error {
	err := g.ledger.Send(ctx, g.withStart(entries)...)
	if err == nil {
		g.begun.Store(true)
	}
	return err
}

// Run follows the ledger for holds, writes the summary of each second and sweeps
// the meter, until ctx ends.
func (g *Guard) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() {
		second, while, hour := time.NewTicker(time.Second), time.NewTicker(keepPause), time.NewTicker(time.Hour)
		news := time.NewTicker(coverPause)
		defer news.Stop()
		defer second.Stop()
		defer while.Stop()
		defer hour.Stop()
		kept := false // what a start took long to read is kept at once
		for {
			select {
			case <-ctx.Done():
				g.flush(context.WithoutCancel(ctx))
				g.cover(context.WithoutCancel(ctx), true)
				return
			case <-news.C:
				g.cover(ctx, false)
			case <-second.C:
				g.flush(ctx)
				kept = kept || g.keep()
			case <-while.C:
				g.keep()
			case <-hour.C:
				g.meter.Sweep(g.counted(g.now()))
				g.left.Sweep(g.counted(g.now()))
				g.bursts.meter.Sweep(g.bursts.fast(g.now()))
				g.cover(ctx, true)
			}
		}
	})
	err := g.ledger.Follow(ctx, g.next, func(index int64, e *ledger.Entry) error {
		g.apply(e, g.now(), 0)
		g.times.read(e)
		g.followed.Store(&followed{index + 1, e.Time, g.times})
		return nil
	})
	wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("follow ledger: %w", err)
}

// apply takes over what an entry changes: holds and allowances come to the guard as
// data on the ledger, from whoever put them there. A hold ends when as much time has
// passed as it says: lag is what does not count of the time up to the entry.
func (g *Guard) apply(e *ledger.Entry, now time.Time, lag time.Duration) {
	if e.Kind == ledger.Request {
		g.allow(e)
		return
	}
	if e.Kind != ledger.Hold && e.Kind != ledger.Lift {
		return
	}
	party, err := weir.ParseParty(e.Party)
	if err != nil {
		return // an entry of a later version about a party of another kind
	}
	until := later(e.Until, -lag)
	holds := policy.Holds{}
	for p, h := range *g.holds.Load() {
		if inForce(h, now) {
			holds[p] = h
		}
	}
	if e.Kind == ledger.Lift {
		delete(holds, party)
	} else if h, held := holds[party]; !held || until.IsZero() || !h.Until.IsZero() && until.After(h.Until) {
		holds[party] = policy.Hold{Party: party, Reason: e.Text, Since: e.Time, Until: until}
	}
	g.holds.Store(&holds)
}

// delay lets all holds end later by d.
func (g *Guard) delay(d time.Duration) {
	holds := policy.Holds{}
	for p, h := range *g.holds.Load() {
		h.Until = later(h.Until, d)
		holds[p] = h
	}
	g.holds.Store(&holds)
}

// later gives t moved by d; the zero time, which is never, stays.
func later(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(d)
}

// Holds lists the holds in force.
func (g *Guard) Holds() []policy.Hold {
	now := g.now()
	var all []policy.Hold
	for _, h := range *g.holds.Load() {
		if inForce(h, now) {
			all = append(all, h)
		}
	}
	return all
}

// inForce tells whether a hold has not ended by itself.
func inForce(h policy.Hold, now time.Time) bool { return h.Until.IsZero() || now.Before(h.Until) }

// Policy gives the policy in force.
func (g *Guard) Policy() *policy.Policy { return g.rules.Load().policy }

// SetPolicy puts another policy in force, with the inspector that has its
// detectors, once the ledger has it on record. Exchanges that were admitted
// finish under the policy, and with the inspector, that they began with.
func (g *Guard) SetPolicy(ctx context.Context, p *policy.Policy, finder *inspect.Inspector) error {
	if p == nil || finder == nil {
		return errors.New("guard: policy and inspector are both needed")
	}
	e := PolicyLoaded(g.Policy(), p)
	e.Time = g.now()
	if err := g.append(ctx, e); err != nil {
		return fmt.Errorf("record policy: %w", err)
	}
	g.rules.Store(&rules{p, finder})
	return nil
}

// PolicyLoaded is the entry that says that a policy is in force in the place of
// another; from nil: of none that is known.
func PolicyLoaded(from, to *policy.Policy) *ledger.Entry {
	e := &ledger.Entry{Kind: ledger.PolicyLoaded, Policy: to.Version(), Rule: ledger.First, Change: &ledger.Change{To: to.Digest()}}
	if from == nil {
		e.Text = "the first that is known"
		return e
	}
	e.Change.From, e.Rule = from.Digest(), ledger.Narrows
	changes, wider := policy.Diff(from, to), 0
	for _, c := range changes {
		if c.Widens {
			wider++
		}
	}
	if wider > 0 {
		e.Rule = ledger.Widens
	}
	e.Text = fmt.Sprintf("%d changes, %d of them widen", len(changes), wider)
	return e
}

// Mode tells whether the policy is enforced.
func (g *Guard) Mode() Mode { return g.mode }

// freshSubject is somebody of whom nothing is known but that data is about them.
func freshSubject() (s weir.Subject) {
	rand.Read(s[:]) // never fails (crypto/rand, Go 1.24)
	return s
}

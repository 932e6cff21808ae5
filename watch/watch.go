// Package watch follows the ledger and raises alerts: somebody has spent a
// budget, a customer walks through other customers' identifiers.
//
// The one mechanism is a detector that is fed the ledger's entries in order and
// answers each with the Alert and Hold entries that it calls for. Watch appends
// those to the same ledger; a hold is data that the policy reads at the next
// admission, never a call.
//
// It guarantees that the same entries give the same alerts (law 7): the detector
// has no clock but the entries' own times, and its state is bounded. And it
// guarantees that one cause is alerted once, across restarts: on start it reads
// the ledger from where it last kept all that it knew, or from the beginning,
// takes back whatever it finds already written, and appends only what is missing.
//
// It does not decide what may pass, it reads no personal value (an entry has
// none), and it tells nobody outside the ledger: sending alerts on is the work of
// those who follow it.
package watch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// Bounds on what a Watch remembers.
const (
	maxAlerts  = 256  // recent alerts kept for Alerts
	maxMissing = 1024 // entries that a start may find missing from the ledger
)

// lookback is how far behind the newest entry a cause may lie for its missing
// alert to be written at a start. What is older was either alerted under the
// rules of its time, or those rules did not ask for it: a rule changed today does
// not fill the ledger with alerts about last month.
const lookback = 24 * time.Hour

// Ledger is what a Watch needs of a ledger. *ledger.Log satisfies it.
type Ledger interface {
	// Replay calls fn with each durable entry from the index on, and returns.
	Replay(from int64, fn func(index int64, e *ledger.Entry) error) error
	// Follow does the same and then waits for more, until ctx ends.
	Follow(ctx context.Context, from int64, fn func(index int64, e *ledger.Entry) error) error
	// Send queues entries, in order and as one batch.
	Send(ctx context.Context, entries ...*ledger.Entry) error
}

// Config says what is watched, and how. Log is required.
type Config struct {
	Rules policy.WatchRules // the zero value: alert on spent budgets, hold nobody
	Log   Ledger
	// Cursors keep what it knows from start to start; nil: each start reads the
	// ledger from the beginning.
	Cursors Cursors
	// Logger gets a line for each alert, with the rule, the fingerprint of the credential and
	// nothing else. nil: none.
	Logger *slog.Logger
	Node   string // the node's name, written into the entries
}

// An Alert is an Alert entry of the ledger, as people read it.
type Alert struct {
	Index      int64 // of its entry in the ledger
	Time       time.Time
	Rule       string
	Party      string // weir.Party text: whom it is about
	Credential string
	Principal  string
	Role       string
	Text       string
	Until      time.Time // the end of the hold that came with it; zero: none
}

// A Watch follows one ledger. Its methods may be called at any time from any
// goroutine; Run is called once.
type Watch struct {
	log     Ledger
	logger  *slog.Logger
	cursors Cursors // nil: none

	// Run's own.
	kept        int64     // the place of the last snapshot
	keptAt      time.Time // when that was
	keepEntries int64
	keepPause   time.Duration
	newest      time.Time // of the entries read

	mu     sync.Mutex // guards what follows
	detect *detector
	recent []Alert // oldest first, at most maxAlerts
}

// New gives a Watch that does nothing until Run.
func New(c Config) *Watch {
	w := &Watch{
		log: c.Log, logger: c.Logger, cursors: c.Cursors, keepEntries: keepEntries, keepPause: keepPause,
		detect: newDetector(c.Rules, c.Node),
	}
	if w.logger == nil {
		w.logger = slog.New(slog.DiscardHandler)
	}
	return w
}

// SetRules has the rules apply to the entries read from now on.
func (w *Watch) SetRules(rules policy.WatchRules) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.detect.rules = rules
}

// Alerts gives the recent alerts of the ledger, newest first. They are there
// once they are durable.
func (w *Watch) Alerts() []Alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Alert, 0, len(w.recent))
	for i := len(w.recent) - 1; i >= 0; i-- {
		all = append(all, w.recent[i])
	}
	return all
}

// Run reads the ledger from its last snapshot, or its beginning, writes the alerts
// and holds that an interrupted run left out, and then follows until ctx ends,
// which is no error.
// It returns early only when the ledger can be neither read nor written.
func (w *Watch) Run(ctx context.Context) error {
	var missing missing
	next, err := w.catchUp(ctx, &missing)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	err = w.log.Follow(ctx, next, func(index int64, e *ledger.Entry) error { return w.step(ctx, index, e, &missing) })
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("follow the ledger: %w", err)
	}
	return nil
}

// catchUp reads what is on the ledger, from the snapshot on, and sends what is
// missing of it.
func (w *Watch) catchUp(ctx context.Context, m *missing) (next int64, err error) {
	next = w.resume(m)
	w.kept = next
	err = w.log.Replay(next, func(index int64, e *ledger.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		next = index + 1
		m.strike(e)
		m.add(w.observe(index, e))
		return nil
	})
	if err != nil {
		return next, fmt.Errorf("replay the ledger: %w", err)
	}
	m.entries = m.since(w.newest.Add(-lookback), w.newest)
	return next, w.send(ctx, m.entries)
}

// step takes in an entry that was just recorded.
func (w *Watch) step(ctx context.Context, index int64, e *ledger.Entry, m *missing) error {
	m.strike(e)
	raised := w.observe(index, e)
	m.add(raised)
	if err := w.send(ctx, raised); err != nil {
		return err
	}
	w.keep(index+1, m)
	return nil
}

// observe feeds one entry to the detector and gives what it calls for.
func (w *Watch) observe(index int64, e *ledger.Entry) []*ledger.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Time.After(w.newest) {
		w.newest = e.Time
	}
	w.remember(index, e)
	return w.detect.observe(e)
}

// remember keeps e for Alerts, if it is an alert or the hold that came with one.
// w.mu is held.
func (w *Watch) remember(index int64, e *ledger.Entry) {
	switch {
	case e.Kind == ledger.Alert:
		if len(w.recent) == maxAlerts {
			copy(w.recent, w.recent[1:])
			w.recent = w.recent[:maxAlerts-1]
		}
		w.recent = append(w.recent, Alert{
			Index: index, Time: e.Time, Rule: e.Rule, Party: e.Party,
			Credential: e.Credential, Principal: e.Principal, Role: e.Role, Text: e.Text,
		})
	case e.Kind == ledger.Hold && e.Rule != "":
		for i := len(w.recent) - 1; i >= 0; i-- {
			if a := &w.recent[i]; a.Rule == e.Rule && a.Time.Equal(e.Time) && a.Credential == e.Credential && a.Principal == e.Principal {
				a.Until = e.Until
				return
			}
		}
	}
}

func (w *Watch) send(ctx context.Context, entries []*ledger.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := w.log.Send(ctx, entries...); err != nil {
		return fmt.Errorf("append alerts: %w", err)
	}
	for _, e := range entries {
		w.logger.Warn("watch raised", "entry", e.Kind.String(), "rule", e.Rule, "credential", e.Credential)
	}
	return nil
}

// near is how far apart in time two alerts of one cause may be.
const near = time.Hour

// missing holds what the detector called for during a replay and the ledger was
// not yet seen to have.
type missing struct{ entries []*ledger.Entry }

func (m *missing) add(entries []*ledger.Entry) {
	m.entries = append(m.entries, entries...)
	if over := len(m.entries) - maxMissing; over > 0 {
		m.entries = append(m.entries[:0], m.entries[over:]...)
	}
}

// strike takes out what e already says. The exchange tells, since the log may
// have moved the time of an alert that was written late; and so does being near
// in time, since under rules that have changed in between the same walk may have
// been noticed some exchanges sooner or later.
func (m *missing) strike(e *ledger.Entry) {
	if e.Kind != ledger.Alert && e.Kind != ledger.Hold || e.Rule == "" {
		return
	}
	for i, mine := range m.entries {
		if mine.Kind != e.Kind || mine.Rule != e.Rule || mine.Party != e.Party {
			continue
		}
		if mine.Exchange == e.Exchange || apart(mine.Time, e.Time) < near {
			m.entries = append(m.entries[:i], m.entries[i+1:]...)
			return
		}
	}
}

// since gives what is missing from t on, without holds that would be over by now.
func (m *missing) since(t, now time.Time) []*ledger.Entry {
	var due []*ledger.Entry
	for _, e := range m.entries {
		if e.Time.Before(t) || e.Kind == ledger.Hold && !e.Until.After(now) {
			continue
		}
		due = append(due, e)
	}
	return due
}

func apart(a, b time.Time) time.Duration { return a.Sub(b).Abs() }

package watch

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/getweir/weir/ledger"
)

// Cursors keep how far a Watch has read, with what it knew there. *ledger.Log
// satisfies it.
type Cursors interface {
	// Resume gives the place and the state that Keep was given for a name; 0 and
	// nil where there is none. It fails where they were kept on another ledger.
	Resume(name string) (next int64, state []byte, err error)
	// Keep fails with ledger.ErrUnproven where the entries before next are not
	// signed yet.
	Keep(name string, next int64, state []byte) error
}

// cursorName is that of a Watch's cursor.
const cursorName = "watch"

// How often a snapshot is kept: not before so many entries, and not before so
// long. A start reads again what came since.
const (
	keepEntries = 10_000
	keepPause   = time.Minute
)

// A snapshot is all that a Watch knows behind some entry: what comes after is
// judged from it as from the entries themselves.
type snapshot struct {
	Version int
	Newest  time.Time     // of the entries read
	Spent   []spentState  // least recently used first
	Walkers []walkerState // the same
	Recent  []Alert
	// Missing are the entries that were called for and not seen on the ledger yet.
	Missing []*ledger.Entry
}

type spentState struct {
	Key  string
	Last time.Time
}

type walkerState struct {
	Principal  string
	Credential string
	Strangers  []strangerState
	Alerted    time.Time
}

type strangerState struct {
	Subject [16]byte
	Seen    time.Time
}

const snapshotVersion = 1

var errSnapshot = errors.New("not a snapshot of this version")

// snapshot writes what w knows. w.mu is held.
func (w *Watch) snapshot(m *missing) ([]byte, error) {
	s := snapshot{Version: snapshotVersion, Newest: w.newest, Recent: w.recent, Missing: m.entries}
	w.detect.spent.eachOldest(func(key string, last time.Time) { s.Spent = append(s.Spent, spentState{key, last}) })
	w.detect.walkers.eachOldest(func(principal string, k *walker) {
		state := walkerState{Principal: principal, Credential: k.credential, Alerted: k.alerted}
		for _, x := range k.strangers {
			state.Strangers = append(state.Strangers, strangerState{x.subject, x.seen})
		}
		s.Walkers = append(s.Walkers, state)
	})
	return json.Marshal(&s)
}

// restore takes over what snapshot wrote. w.mu is held.
func (w *Watch) restore(b []byte, m *missing) error {
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil || s.Version != snapshotVersion {
		return errSnapshot
	}
	d := newDetector(w.detect.rules, w.detect.node)
	for _, x := range s.Spent {
		d.spent.put(x.Key, x.Last)
	}
	for _, x := range s.Walkers {
		k := &walker{credential: x.Credential, alerted: x.Alerted}
		for _, y := range x.Strangers {
			k.strangers = append(k.strangers, stranger{y.Subject, y.Seen})
		}
		d.walkers.put(x.Principal, k)
	}
	w.detect, w.newest, w.recent, m.entries = d, s.Newest, s.Recent, s.Missing
	return nil
}

// resume gives where to begin, after taking over what was known there. A cursor
// that cannot be used costs a reading of everything, and nothing else.
func (w *Watch) resume(m *missing) int64 {
	if w.cursors == nil {
		return 0
	}
	next, state, err := w.cursors.Resume(cursorName)
	if err == nil && next > 0 {
		w.mu.Lock()
		err = w.restore(state, m)
		w.mu.Unlock()
	}
	if err != nil {
		w.logger.Warn("watch: its cursor cannot be used; the ledger is read from the beginning", "err", err)
		return 0
	}
	return next
}

// keep notes what is known behind the entries before next, if it is time to.
func (w *Watch) keep(next int64, m *missing) {
	if w.cursors == nil || next-w.kept < w.keepEntries || time.Since(w.keptAt) < w.keepPause {
		return
	}
	w.mu.Lock()
	state, err := w.snapshot(m)
	w.mu.Unlock()
	if err == nil {
		err = w.cursors.Keep(cursorName, next, state)
	}
	switch {
	case errors.Is(err, ledger.ErrUnproven):
		return // the next entries find it signed
	case err != nil:
		// Nothing depends on it but the time of the next start.
		w.logger.Warn("watch: its cursor cannot be kept", "err", err)
	}
	w.kept, w.keptAt = next, time.Now()
}

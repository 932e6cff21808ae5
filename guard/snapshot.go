package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// Cursors keep how far the guard has read the ledger, with what it knew there.
// *ledger.Log satisfies it.
type Cursors interface {
	// Resume gives the place and the state that Keep was given for a name; 0 and
	// nil where there is none. It fails where they were kept on another ledger.
	Resume(name string) (next int64, state []byte, err error)
	// Keep fails with ledger.ErrUnproven where the entries before next are not
	// signed yet.
	Keep(name string, next int64, state []byte) error
}

// cursorName is that of the guard's cursor.
const cursorName = "guard"

// How often a snapshot is kept: after so long, if so many entries have come, which
// are read again in a moment. Charges wait while the meter is written, some tenths of
// a second where it counts millions.
const (
	keepPause   = 5 * time.Minute
	keepEntries = 50_000
)

// A snapshot is what the entries before some index say about what comes: what was
// taken, what is held, who was seen. It may know of later entries, too: a charge
// comes before its entry, and what an entry says twice counts once.
type snapshot struct {
	Version int
	Newest  time.Time // of the entries
	Times   timeline
	Lag     time.Duration // of the guard that kept it
	Meter   []byte
	Left    []byte // what really left where nothing is enforced; nil: nothing did
	Holds   []policy.Hold
	Allowed []Allowance
	Seen    []*ledger.Entry // that knownParties are restored from
}

const snapshotVersion = 2

var errSnapshot = errors.New("not a snapshot of this version")

// resume takes over what was known behind a cursor, and gives the first entry to
// read and the time of the one before. A cursor that cannot be used costs a reading
// of everything, and nothing else.
func (g *Guard) resume() (next int64, newest time.Time) {
	if g.cursors == nil {
		return 0, newest
	}
	next, state, err := g.cursors.Resume(cursorName)
	if err == nil && next == 0 {
		return 0, newest
	}
	var s snapshot
	if err == nil {
		err = json.Unmarshal(state, &s)
	}
	if err == nil && s.Version != snapshotVersion {
		err = errSnapshot
	}
	var m *meter.Meter
	if err == nil {
		m, err = meter.Load(s.Meter)
	}
	if err != nil {
		g.log.Warn("the guard's cursor cannot be used; the ledger is read from the beginning", "err", err)
		return 0, newest
	}
	if len(s.Left) > 0 && err == nil {
		if l, lerr := meter.Load(s.Left); lerr == nil {
			g.left = l // shown to people; nothing is decided by it
		}
	}
	g.meter = m
	holds := policy.Holds{}
	for _, h := range s.Holds {
		h.Until = later(h.Until, -s.Lag)
		holds[h.Party] = h
	}
	g.times = s.Times
	g.holds.Store(&holds)
	allowed := allowances{}
	for _, a := range s.Allowed {
		allowed[a.Principal] = append(allowed[a.Principal], &a)
	}
	g.allowed.Store(&allowed)
	for _, e := range s.Seen {
		g.known.restore(e, g.Policy())
	}
	g.kept = next
	return next, s.Newest
}

// keep notes what is known behind the entries that Run has followed, if enough have
// come since it last did. It gives false where those are not signed yet.
func (g *Guard) keep() bool {
	f := g.followed.Load() // first: what follows knows at least of what is before it
	if g.cursors == nil || f == nil || f.next-g.kept < g.keepEntries {
		return true
	}
	s := snapshot{Version: snapshotVersion, Newest: f.newest, Times: f.times, Lag: g.lag, Holds: g.Holds(), Allowed: g.Allowances(), Meter: g.meter.Snapshot(), Seen: g.known.entries()}
	if len(g.left.Parties()) > 0 {
		s.Left = g.left.Snapshot()
	}
	state, err := json.Marshal(&s)
	if err == nil {
		err = g.cursors.Keep(cursorName, f.next, state)
	}
	switch {
	case errors.Is(err, ledger.ErrUnproven):
		return false // soon they are
	case err != nil:
		// Nothing depends on it but the time of the next start.
		g.log.Warn("the guard's cursor cannot be kept; the next start reads the ledger from the one before", "err", fmt.Errorf("keep: %w", err))
	}
	g.kept = f.next
	return true
}

// followed is how far Run has read.
type followed struct {
	next   int64
	newest time.Time
	times  timeline
}

// entries gives an entry for each credential, principal and actor that is known, of
// which restore makes the same, in the order of time.
func (k *knownParties) entries() (all []*ledger.Entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	type who struct{ credential, principal string }
	done := map[who]bool{}
	for party, known := range k.parties {
		pr := &known.Principal
		if known.accounts == nil || done[who{pr.Credential, pr.Name}] || party.Kind > weir.ByActor {
			continue
		}
		done[who{pr.Credential, pr.Name}] = true
		all = append(all, &ledger.Entry{Kind: ledger.Release, Time: known.seen, PrincipalKind: pr.Kind, Principal: pr.Name, Role: known.role,
			Issuer: pr.Issuer, Network: pr.Network, Credential: pr.Credential, Act: pr.Act})
	}
	slices.SortFunc(all, func(a, b *ledger.Entry) int { return a.Time.Compare(b.Time) })
	return all
}

package guard

import (
	"context"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/meter"
)

// Shared is what the nodes of one deployment count and decide together. *fleet.Fleet
// satisfies it.
type Shared interface {
	// Charge is Meter.Charge over all nodes. A denial says why nothing could be
	// charged.
	Charge(ctx context.Context, accounts []weir.Account, segments [][]meter.Demand) (fit int, over *meter.Over, denial *weir.Denial)
	// Standing says why nothing may pass here: this node does not know what the others
	// have decided. Nil: it does.
	Standing() *weir.Denial
	// Usage tells what was taken by each account over all nodes.
	Usage(ctx context.Context, accounts []fleet.Account) ([]fleet.Usage, error)
}

// tallies say what parties have taken: over all nodes, where there are others.
type tallies struct {
	guard  *Guard
	now    time.Time
	shared map[fleet.Account]fleet.Usage // nil: this node's alone
}

// askIn bounds how long the exposure waits for the store, and askFor how many accounts
// it asks about at once.
const (
	askIn  = 3 * time.Second
	askFor = 5000
)

// tallies asks about parties, once for all.
func (g *Guard) tallies(now time.Time, parties map[weir.Party]bool) tallies {
	t := tallies{guard: g, now: now}
	if g.shared == nil || g.mode == Observe {
		return t
	}
	ctx, cancel := context.WithTimeout(context.Background(), askIn)
	defer cancel()
	accounts := make([]fleet.Account, 0, len(parties)*int(weir.NumLanes))
	for p := range parties {
		for lane := range weir.NumLanes {
			accounts = append(accounts, fleet.Account{Party: p, Lane: lane})
		}
	}
	shared := make(map[fleet.Account]fleet.Usage, len(accounts))
	for some := range slices.Chunk(accounts, askFor) {
		usage, err := g.shared.Usage(ctx, some)
		if err != nil {
			g.log.Warn("the exposure shows what this node has released alone", "err", err)
			return t
		}
		for i, u := range usage {
			shared[some[i]] = u
		}
	}
	t.shared = shared
	return t
}

// of gives what a party has taken, and of it what will still count when ahead, which is
// nothing, an hour or a day, has passed.
func (t *tallies) of(party weir.Party, lane weir.Lane, ahead time.Duration) meter.Usage {
	u, known := t.shared[fleet.Account{Party: party, Lane: lane}]
	if !known {
		return t.guard.meter.Usage(t.guard.counted(t.now), party, lane, ahead)
	}
	switch {
	case ahead >= 24*time.Hour:
		return meter.Usage{Taken: u.Taken, Staying: u.InDay}
	case ahead >= time.Hour:
		return meter.Usage{Taken: u.Taken, Staying: u.InHour}
	}
	return meter.Usage{Taken: u.Taken, Staying: u.Taken}
}

// charge charges the segments in order, each to all accounts, and says how many fit,
// and why the next does not.
func (g *Guard) charge(ctx context.Context, now time.Time, accounts []weir.Account, segments [][]meter.Demand) (fit int, denial *weir.Denial) {
	var over *meter.Over
	now = g.counted(now)
	if g.shared == nil || g.mode == Observe {
		fit, over = g.meter.Charge(now, accounts, segments)
	} else if !empty(segments) {
		if fit, over, denial = g.shared.Charge(ctx, accounts, segments); denial != nil {
			return 0, denial
		}
		// What this node has seen of it, for its own views.
		parties := make([]weir.Party, len(accounts))
		for i := range accounts {
			parties[i] = accounts[i].Party
		}
		for _, demands := range segments[:fit] {
			g.meter.Restore(now, parties, demands)
		}
	} else {
		fit = len(segments)
	}
	if over != nil {
		return fit, spent(over)
	}
	return fit, nil
}

func empty(segments [][]meter.Demand) bool {
	for _, demands := range segments {
		if len(demands) > 0 {
			return false
		}
	}
	return true
}

// inTouch says why nothing may pass on this node, whoever asks.
func (g *Guard) inTouch() *weir.Denial {
	if g.shared == nil || g.mode == Observe {
		return nil
	}
	return g.shared.Standing()
}

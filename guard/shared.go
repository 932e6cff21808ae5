package guard

import (
	"context"
	"time"

	"github.com/getweir/weir"
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

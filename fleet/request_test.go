package fleet_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir/ledger"
)

// TestRequestsAreHeardEverywhere: what was agreed to on one node stands on the ledgers
// of all, and so does that it was withdrawn.
func TestRequestsAreHeardEverywhere(t *testing.T) {
	w := newWorld(3)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := n.fleet.Run(ctx, n.ledger.holds); err != nil {
				t.Error(err)
			}
		})
	}
	tell := func(rule string, until time.Time, want ...string) {
		t.Helper()
		_, err := w.nodes[0].ledger.Append(ctx, &ledger.Entry{
			Kind: ledger.Request, Rule: rule, Party: "principal:agent-8", Time: w.now, Until: until,
			Asked: &ledger.Asked{ID: [12]byte{1}, Lanes: clear, Customers: 50},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range w.nodes {
			var rules []string
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
				rules = nil
				_ = n.ledger.Replay(0, func(_ int64, e *ledger.Entry) error {
					if e.Kind == ledger.Request {
						rules = append(rules, e.Rule)
					}
					return nil
				})
				if slices.Equal(rules, want) {
					break
				}
			}
			if !slices.Equal(rules, want) {
				t.Errorf("%s says %v, not %v", n.name, rules, want)
			}
		}
	}
	tell(ledger.RequestApproved, w.now.Add(time.Hour), ledger.RequestApproved)
	tell(ledger.RequestWithdrawn, time.Time{}, ledger.RequestApproved, ledger.RequestWithdrawn)
	cancel()
	wg.Wait()
}

package main

import (
	"context"
	"time"

	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/guard"
)

// newFleet gives this node's part in what nodes of one store do together; nil where
// there is no store, or nothing is enforced, and so nothing charged there.
func (s *server) newFleet(mode guard.Mode) (*fleet.Fleet, error) {
	if s.state.shared == nil || mode == guard.Observe {
		return nil, nil
	}
	return fleet.New(fleet.Config{
		Store: s.state.shared, Ledger: s.state.whole(), Log: s.state.origin, Node: s.cfg.Node,
		Policy:  func() string { return s.guard.Policy().Version() },
		Time:    func() time.Time { return s.guard.Now() },
		Forgot:  s.state.ledger.Status().Store.Forgot,
		Refresh: s.cfg.Store.Refresh, Logger: s.log,
	})
}

// join tells the others what this node's ledger says was taken.
func (s *server) join(ctx context.Context) error {
	if s.fleet == nil {
		return nil
	}
	return s.fleet.Join(ctx)
}

// orNil keeps a nil *fleet.Fleet from being an interface that is not nil.
func orNil(f *fleet.Fleet) guard.Shared {
	if f == nil {
		return nil
	}
	return f
}

// loaded says to the other nodes that the policy in force here was put in force.
func (s *server) loaded() {
	if s.fleet != nil {
		s.fleet.Load()
	}
}

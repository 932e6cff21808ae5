package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// TestCoveringGoesOn: what is followed is what the ledger says, also from where the
// last start had kept it, and from the beginning where that was written by another.
func TestCoveringGoesOn(t *testing.T) {
	key, _, err := ledger.GenerateKey("ledger.example.com/covering")
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Create(filepath.Join(t.TempDir(), "ledger"), ledger.Options{Key: key, CheckpointEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	defer func() { stop(); <-ended; log.Close() }()
	p, err := policy.Parse("policy.yaml", []byte(killPolicy))
	if err != nil {
		t.Fatal(err)
	}
	add := func(n int) {
		for i := range n {
			e := &ledger.Entry{Kind: ledger.Coverage, Policy: "1", Seen: []ledger.Seen{{Route: "customer", Role: "support", N: 1}, {Route: "customer", Role: "support", Class: "contact.email", Field: fmt.Sprintf("$.f%d", i%7), Action: weir.Mask, N: 1}}}
			if _, err := log.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	exchanges := func(c *covering) int {
		for _, at := range c.report(p).Routes {
			if at.Name == "customer" {
				return at.Exchanges
			}
		}
		return 0
	}
	follow := func(c *covering, until int64) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.run(ctx) }()
		eventually(t, "it has read all", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.next >= until })
		stop()
		<-done
	}
	add(30)
	eventually(t, "entries are signed", func() bool { return log.Status().Checkpoint.Size >= 30 })
	first := newCovering(log, slog.New(slog.DiscardHandler))
	first.each, first.pause = 10, 0
	follow(first, 30)
	second := newCovering(log, slog.New(slog.DiscardHandler))
	if second.next == 0 || second.next > 30 {
		t.Fatalf("goes on from %d", second.next)
	}
	add(5)
	follow(second, 35)
	if a, b := exchanges(first), exchanges(second); a != 30 || b != 35 {
		t.Errorf("%d and %d exchanges", a, b)
	}
	// Whoever has no key of the ledger makes nothing uncovered covered.
	if err := log.Tree().Keep(coveringCursor, 30, []byte(`{"Version":1}`)); err != nil {
		t.Fatal(err)
	}
	third := newCovering(log, slog.New(slog.DiscardHandler))
	if follow(third, 35); exchanges(third) != 35 {
		t.Error(exchanges(third))
	}
}

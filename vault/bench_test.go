package vault_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/storetest"
	"github.com/getweir/weir/vault"
)

// BenchmarkCreate makes customers from 64 goroutines, each durable.
func BenchmarkCreate(b *testing.B) {
	f := newVault(b, nil)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := f.Create(context.Background(), jo(int(n.Add(1)))); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkOpen reads one customer again and again, each time on record.
func BenchmarkOpen(b *testing.B) {
	f := newVault(b, nil)
	who := create(b, f, jo(1)).Subject
	var counts []ledger.Count
	for _, one := range vault.DefaultFields() {
		counts = append(counts, ledger.Count{Class: one.Class, Action: weir.Allow, N: 1})
	}
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := &ledger.Entry{
				Kind: ledger.Release, Exchange: storetest.FixtureExchange, Principal: "agent-7", Purpose: "support", Text: "ticket 4711",
				Actions: counts, Subjects: []ledger.Taken{{Subject: who, Lanes: 1}},
			}
			p, err := f.Ledger.Permit(context.Background(), e)
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := f.Open(context.Background(), vault.Reading{Permit: p, Exchange: e.Exchange, Who: who}); err != nil {
				b.Error(err)
			}
		}
	})
}

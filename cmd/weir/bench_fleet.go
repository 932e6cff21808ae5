package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
	"github.com/getweir/weir/store/postgres"
)

// noLedger is a ledger that nobody writes to.
type noLedger struct{}

func (noLedger) Append(context.Context, ...*ledger.Entry) (ledger.Receipt, error) {
	return ledger.Receipt{}, errors.New("the benchmark has no ledger")
}

func (noLedger) Replay(int64, func(int64, *ledger.Entry) error) error { return nil }

func (noLedger) Follow(ctx context.Context, _ int64, _ func(int64, *ledger.Entry) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// benchFleet measures a charge over a store, of a budget that is charged there and of
// one that is leased, with one worker and with 16.
func benchFleet(ctx context.Context, url string, span time.Duration) (all []measurement, err error) {
	pc := postgres.Config{URL: url, Node: "bench"}
	if err := postgres.Create(ctx, pc); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	store, err := postgres.Open(ctx, pc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	run := strconv.FormatInt(time.Now().UnixNano(), 36) // what other runs have charged counts for them
	f, err := fleet.New(fleet.Config{Store: store, Ledger: noLedger{}, Log: "weir.example/bench-" + run, Node: "bench", Refresh: 10 * time.Second})
	if err != nil {
		return nil, err
	}
	if err := f.Join(ctx); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { _ = f.Run(ctx, func() []policy.Hold { return nil }) })
	for f.Standing() != nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	accounts := func(kind string, party, limit int) (as []weir.Account) {
		b := new(weir.Budgets)
		for l := range b {
			b[l] = weir.Budget{limit, limit, limit}
		}
		for k := range 6 {
			as = append(as, weir.Account{Party: weir.Party{Kind: weir.PartyKind(k), Name: fmt.Sprintf("%s-%s-%d-%d", run, kind, k, party)}, Budgets: b})
		}
		return as
	}
	const small = 999
	for _, figure := range []struct {
		name    string
		workers int
		limit   int
	}{{"charge/shared", 1, small}, {"charge/shared/16", 16, small}, {"charge/lease", 1, 1 << 40}, {"charge/lease/16", 16, 1 << 40}} {
		var wg sync.WaitGroup
		calls, failed := make([]int, figure.workers), make([]error, figure.workers)
		charge := func(w, i int) error {
			party := w
			if figure.limit == small {
				party += i / small * figure.workers // the next, when its budget is spent
			}
			n := i*figure.workers + w
			fit, over, denial := f.Charge(ctx, accounts(figure.name, party, figure.limit),
				[][]meter.Demand{{{Subject: benchSubject(n), Lanes: weir.Lanes(0).With(weir.Clear)}}})
			if fit != 1 {
				return fmt.Errorf("%s: not charged: %v %v", figure.name, over, denial)
			}
			return nil
		}
		begin := time.Now()
		for w := range figure.workers {
			wg.Go(func() {
				for i := 0; time.Since(begin) < span && failed[w] == nil; i++ {
					failed[w] = charge(w, i)
					calls[w]++
				}
			})
		}
		wg.Wait()
		took := time.Since(begin)
		n := 0
		for _, k := range calls {
			n += k
		}
		if err := errors.Join(failed...); err != nil {
			return nil, err
		}
		all = append(all, measurement{Name: figure.name, Value: float64(took.Microseconds()) * float64(figure.workers) / float64(n), Unit: "µs"})
	}
	return all, nil
}

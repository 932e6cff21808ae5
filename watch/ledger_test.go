package watch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
	"github.com/getweir/weir/watch"
)

// TestOnLedger runs a watch on a ledger of files, kills both, and runs them again:
// the alert and its hold are there once.
func TestOnLedger(t *testing.T) {
	key, _, err := ledger.GenerateKey("weir.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	serve := func(open func(string, ledger.Options) (*ledger.Log, error), work func(*ledger.Log)) {
		log, err := open(dir, ledger.Options{Key: key, Node: "a"})
		if err != nil {
			t.Fatal(err)
		}
		logging, stopLog := context.WithCancel(context.Background())
		watching, stopWatch := context.WithCancel(logging)
		done := make(chan error, 2)
		go func() { done <- log.Run(logging) }()
		w := watch.New(watch.Config{Rules: policy.WatchRules{BudgetSpent: policy.BudgetSpent{Hold: time.Hour}}, Log: log, Node: "a"})
		go func() { done <- w.Run(watching) }()
		work(log)
		for len(w.Alerts()) == 0 || w.Alerts()[0].Until.IsZero() { // until both are durable
			time.Sleep(time.Millisecond)
		}
		stopWatch()
		if err := <-done; err != nil {
			t.Errorf("watch: %v", err)
		}
		stopLog()
		if err := <-done; err != nil {
			t.Errorf("ledger: %v", err)
		}
	}
	deny := func(log *ledger.Log) {
		for i := range 50 {
			e := &ledger.Entry{
				Kind: ledger.Denied, Exchange: weir.ExchangeID{byte(i)}, Credential: "k1", Principal: "ann", Role: "support",
				Reason: weir.ReasonBudget, Party: "credential:k1",
			}
			if err := log.Send(context.Background(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	serve(ledger.Create, deny)
	serve(ledger.Open, deny)

	var raised []string
	err = ledger.Read(dir, 0, func(_ int64, e *ledger.Entry) error {
		if e.Rule != "" {
			raised = append(raised, e.Kind.String()+" "+e.Rule+" "+e.Party)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"alert budget-spent credential:k1", "hold budget-spent credential:k1"}; !slices.Equal(raised, want) {
		t.Errorf("the ledger has %q, want %q", raised, want)
	}
}

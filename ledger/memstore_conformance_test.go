package ledger_test

import (
	"testing"

	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/storetest"
)

// The store in memory, on which the faults are played, is one like the others.
func TestMemStoreIsAStore(t *testing.T) {
	stores := map[string]*ledger.MemStore{}
	storetest.Copies(t, func(_ *testing.T, name string) (ledger.Store, func()) {
		if stores[name] == nil {
			stores[name] = new(ledger.MemStore)
		}
		return stores[name], func() {}
	})
}

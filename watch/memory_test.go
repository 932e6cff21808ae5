package watch

import (
	"context"
	"sync"

	"github.com/getweir/weir/ledger"
)

// memory is a ledger without files: what is appended is durable at once, and
// time never runs backwards, as in the real one.
type memory struct {
	mu      sync.Mutex
	entries []*ledger.Entry
	grown   chan struct{} // closed and replaced at each append
	refuse  error         // what Send says, if not nil
}

func newMemory(entries ...*ledger.Entry) *memory {
	m := &memory{grown: make(chan struct{})}
	m.append(entries...)
	return m
}

func (m *memory) append(entries ...*ledger.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		kept := *e
		if n := len(m.entries); n > 0 && kept.Time.Before(m.entries[n-1].Time) {
			kept.Time = m.entries[n-1].Time
		}
		m.entries = append(m.entries, &kept)
	}
	close(m.grown)
	m.grown = make(chan struct{})
}

func (m *memory) all() []*ledger.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[:len(m.entries):len(m.entries)]
}

func (m *memory) Replay(from int64, fn func(int64, *ledger.Entry) error) error {
	all := m.all()
	for i := from; i < int64(len(all)); i++ {
		if err := fn(i, all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Follow(ctx context.Context, from int64, fn func(int64, *ledger.Entry) error) error {
	for {
		m.mu.Lock()
		grown := m.grown
		all := m.entries[:len(m.entries):len(m.entries)]
		m.mu.Unlock()
		for ; from < int64(len(all)); from++ {
			if err := fn(from, all[from]); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

func (m *memory) Send(_ context.Context, entries ...*ledger.Entry) error {
	if m.refuse != nil {
		return m.refuse
	}
	m.append(entries...)
	return nil
}

package guard

import (
	"hash/maphash"
	"sync"

	"github.com/getweir/weir"
)

// bonds remember which identifier of each kind was first met in the record of a
// declared customer, from exchange to exchange. By them an address under which
// the service shows one person after another, such as /customers/search?page=2
// on a route /customers/{id}, is not one customer for all of them.
//
// They are kept as keyed sums, in memory alone and for a bounded number of
// customers: after a restart, or when so many others have been met since, the
// first is met anew. Its methods may be called from any goroutine.
type bonds struct {
	mu         sync.Mutex
	seed       maphash.Seed      // made at the first use
	young, old map[uint64]uint64 // the sum of customer and kind, to that of the value; old is replaced by young when that is full
}

// mostBonds bounds young, and so old.
const mostBonds = 1 << 17

// holds tells whether id is the first of its kind met with the customer.
func (b *bonds) holds(customer, id weir.Identifier) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.young == nil {
		b.seed, b.young = maphash.MakeSeed(), map[uint64]uint64{}
	}
	key, value := b.sum(customer.Kind, customer.Value.Reveal(), id.Kind), b.sum(id.Value.Reveal())
	if first, met := b.young[key]; met {
		return first == value
	}
	first, met := b.old[key]
	if !met {
		first = value
	}
	if len(b.young) >= mostBonds {
		b.young, b.old = map[uint64]uint64{}, b.young
	}
	b.young[key] = first
	return first == value
}

func (b *bonds) sum(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(b.seed)
	for _, p := range parts {
		_, _ = h.WriteString(p) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

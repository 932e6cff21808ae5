package directory

import (
	"sync"
	"sync/atomic"

	"github.com/getweir/weir"
)

// A cache remembers the subjects that were resolved most recently, in shards, so
// that exchanges do not wait for one another. A shard has two generations: what
// is used goes into the young one, and when that is full it becomes the old one,
// whose unused rest is forgotten. The zero cache is empty.
type cache struct {
	shards [16]shard
	// erasures counts what was forgotten. What was read from the table before the
	// newest of them is not put in after it.
	erasures atomic.Uint64
}

// half is how many subjects a generation of one shard holds: at most 2 x 16 x
// 4,096 are remembered, some 12 MB.
const half = 4096

type shard struct {
	mu         sync.Mutex
	young, old map[Mac]weir.Subject // guarded by mu
}

// A Mac is evenly distributed: any of its bits pick a shard.
func (c *cache) shard(k Mac) *shard { return &c.shards[k[0]&15] }

func (c *cache) get(k Mac) (weir.Subject, bool) {
	h := c.shard(k)
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.young[k]; ok {
		return s, true
	}
	s, ok := h.old[k]
	if ok {
		h.put(k, s)
	}
	return s, ok
}

// put remembers what was read when erasures were as many as given.
func (c *cache) put(k Mac, s weir.Subject, erasures uint64) {
	h := c.shard(k)
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.erasures.Load() == erasures {
		h.put(k, s)
	}
}

func (h *shard) put(k Mac, s weir.Subject) {
	if len(h.young) >= half {
		h.young, h.old = h.old, h.young
		clear(h.young)
	}
	if h.young == nil {
		h.young = make(map[Mac]weir.Subject)
	}
	h.young[k] = s
}

// forget removes k. The count comes first: whoever puts k in after it has seen
// the old count does so before the lock is free.
func (c *cache) forget(k Mac) {
	c.erasures.Add(1)
	h := c.shard(k)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.young, k)
	delete(h.old, k)
}

func (c *cache) forgetAll() {
	c.erasures.Add(1)
	for i := range c.shards {
		h := &c.shards[i]
		h.mu.Lock()
		clear(h.young)
		clear(h.old)
		h.mu.Unlock()
	}
}

package sqlite

import (
	"sync"

	"github.com/getweir/weir"
)

// A cache remembers the subjects that were resolved most recently, in shards, so
// that exchanges do not wait for one another. A shard has two generations: what
// is used goes into the young one, and when that is full it becomes the old one,
// whose unused rest is forgotten. The zero cache is empty.
type cache [16]shard

// generation is how many subjects a generation of one shard holds: at most
// 2 x 16 x 4,096 are remembered, some 12 MB.
const generation = 4096

type shard struct {
	mu         sync.Mutex
	young, old map[mac]weir.Subject // guarded by mu
}

// A mac is evenly distributed: any of its bits pick a shard.
func (c *cache) shard(k mac) *shard { return &c[k[0]&15] }

func (c *cache) get(k mac) (weir.Subject, bool) {
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

func (c *cache) put(k mac, s weir.Subject) {
	h := c.shard(k)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.put(k, s)
}

func (h *shard) put(k mac, s weir.Subject) {
	if len(h.young) >= generation {
		h.young, h.old = h.old, h.young
		clear(h.young)
	}
	if h.young == nil {
		h.young = make(map[mac]weir.Subject)
	}
	h.young[k] = s
}

func (c *cache) delete(k mac) {
	h := c.shard(k)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.young, k)
	delete(h.old, k)
}

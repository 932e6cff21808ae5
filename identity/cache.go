package identity

import (
	"crypto/sha256"
	"sync"
	"time"
)

// A cache remembers what was found out about tokens, by their hash, for a bounded
// number of tokens and a bounded time.
type cache[T any] struct {
	size int

	mu      sync.Mutex
	entries map[[sha256.Size]byte]cached[T] // under mu
}

type cached[T any] struct {
	value T
	until time.Time
}

func newCache[T any](size int) *cache[T] {
	return &cache[T]{size: size, entries: make(map[[sha256.Size]byte]cached[T])}
}

func (c *cache[T]) get(sum [sha256.Size]byte, now time.Time) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[sum]
	if !ok || !now.Before(e.until) {
		var none T
		return none, false
	}
	return e.value, true
}

// put keeps value until then. When the cache is full, one of a few entries has to
// go, rather one that is over: which ones are looked at is random, so that nobody
// can choose whose.
func (c *cache[T]) put(sum [sha256.Size]byte, value T, now, until time.Time) {
	if !now.Before(until) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.entries[sum]; !there && len(c.entries) >= c.size {
		var victim [sha256.Size]byte
		looked := 0
		for other, e := range c.entries {
			victim = other
			if looked++; looked == 8 || !now.Before(e.until) {
				break
			}
		}
		delete(c.entries, victim)
	}
	c.entries[sum] = cached[T]{value, until}
}

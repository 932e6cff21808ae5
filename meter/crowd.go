package meter

import (
	"encoding/binary"
	"math/bits"

	"github.com/getweir/weir"
)

// A crowd is a tally of very many customers, in some fourteen bytes each. It knows
// the minute in which each was last taken, not the second, and how many were last
// taken in each minute: a count is a sum over minutes that is kept as they pass.
//
// It errs on the side of the bound: a minute leaves a window as a whole, when its
// last second does, so that a customer is counted up to 59 seconds too long and
// never too short. It tells customers apart by 64 bits of their pseudonyms, which
// are random: among a million, a new one is taken for another in one case out of
// 2*10^13.
type crowd struct {
	prints  []uint64 // open addressing, linear probing; 0: free
	minutes []uint16 // of each print: the minute modulo 2^16
	used    int      // places that are not free, those of customers who have left too

	last   [ring]uint32            // how many customers were last taken in each minute
	edges  [weir.NumWindows]uint32 // the oldest minute that is in the window
	counts [weir.NumWindows]int
	swept  uint32 // the minute of the last rehash, which lets go who has left
}

const (
	// minutesKept is how many minutes may be in the longest window.
	minutesKept = 30*24*60 + 2
	// ring is the next power of two, which is what 16 bits of a minute can tell apart.
	ring = 1 << 16
	// sweepEvery is how many minutes may pass between two sweeps: then no print has a
	// minute that could be taken for a later one.
	sweepEvery = (ring - minutesKept) / 2
)

// printOf gives what a crowd knows a customer by; never 0.
func printOf(s weir.Subject) uint64 {
	// Pseudonyms are random; the product keeps apart those that are not, of tests.
	p := (binary.BigEndian.Uint64(s[:8]) ^ bits.RotateLeft64(binary.BigEndian.Uint64(s[8:]), 32)) * 0x9e3779b97f4a7c15
	if p == 0 {
		p = 1
	}
	return p
}

func newCrowd(n int) *crowd {
	c := new(crowd)
	c.make(n + n/4 + 16)
	return c
}

func (c *crowd) make(size int) {
	c.prints, c.minutes, c.used = make([]uint64, size), make([]uint16, size), 0
}

// slot gives the place of a print, or the free place where it would go.
func (c *crowd) slot(print uint64) int {
	hi, _ := bits.Mul64(print, uint64(len(c.prints)))
	for i := int(hi); ; {
		if p := c.prints[i]; p == print || p == 0 {
			return i
		}
		if i++; i == len(c.prints) {
			i = 0
		}
	}
}

// minute gives the whole minute of the place i, if it is in the longest window.
func (c *crowd) minute(i int) (m uint32, ok bool) {
	if c.prints[i] == 0 {
		return 0, false
	}
	since := c.minutes[i] - uint16(c.edges[weir.Month])
	return c.edges[weir.Month] + uint32(since), since < minutesKept
}

// has says in which windows the customer is counted, where it may stay up to a
// minute longer than it is inside.
func (c *crowd) has(print uint64) (in [weir.NumWindows]bool) {
	if m, ok := c.minute(c.slot(print)); ok {
		for w := range in {
			in[w] = m >= c.edges[w]
		}
	}
	return in
}

func (c *crowd) touch(print uint64, at uint32) {
	now := at / 60
	i := c.slot(print)
	if m, ok := c.minute(i); ok {
		if m == now {
			return
		}
		c.last[m%ring]--
		for w := range c.counts {
			if m < c.edges[w] {
				c.counts[w]++
			}
		}
	} else {
		if c.prints[i] == 0 {
			if (c.used+1)*5 > len(c.prints)*4 { // probing stays short up to a load of 4/5
				c.rehash(c.edges[weir.Month], now)
				i = c.slot(print)
			}
			c.prints[i] = print
			c.used++
		}
		for w := range c.counts {
			c.counts[w]++
		}
	}
	c.minutes[i] = uint16(now)
	c.last[now%ring]++
}

// oldest gives the oldest minute that is in the window at second at: the one whose
// last second is.
func oldest(at uint32, w weir.Window) uint32 {
	if at <= seconds[w] {
		return 0
	}
	return (at - seconds[w]) / 60
}

func (c *crowd) expire(at uint32) {
	before := c.edges[weir.Month]
	for w := range weir.NumWindows {
		edge := &c.edges[w]
		// Behind the last customer there is nothing to count, and the ring may begin anew.
		for end := oldest(at, w); *edge < end; *edge++ {
			if c.counts[w] == 0 {
				*edge = end
				break
			}
			c.counts[w] -= int(c.last[*edge%ring])
			if w == weir.Month {
				c.last[*edge%ring] = 0
			}
		}
	}
	if now := at / 60; now-c.swept > sweepEvery {
		c.rehash(before, now)
	}
}

// rehash lets go who has left, and makes the table as large as the rest needs.
// Minutes are told by an edge as it was when each could be.
func (c *crowd) rehash(edge, now uint32) {
	prints, minutes := c.prints, c.minutes
	n := c.counts[weir.Month]
	c.make(n + n/2 + 16)
	for i, p := range prints {
		since := minutes[i] - uint16(edge)
		if p == 0 || since >= minutesKept || edge+uint32(since) < c.edges[weir.Month] {
			continue
		}
		k := c.slot(p)
		c.prints[k], c.minutes[k] = p, minutes[i]
		c.used++
	}
	c.swept = now
}

func (c *crowd) staying(then uint32) (n [weir.NumWindows]int) {
	n = c.counts
	for w := range weir.NumWindows {
		for m := c.edges[w]; n[w] > 0 && m < oldest(then, w); m++ {
			n[w] -= int(c.last[m%ring])
		}
	}
	return n
}

func (c *crowd) leaves(w weir.Window) uint32 {
	if c.counts[w] == 0 {
		return 0
	}
	m := c.edges[w]
	for c.last[m%ring] == 0 {
		m++
	}
	return m*60 + 59 + seconds[w] + 1
}

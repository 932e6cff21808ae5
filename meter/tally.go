package meter

import "github.com/getweir/weir"

// seconds has the length of each window.
var seconds = [weir.NumWindows]uint32{weir.Hour: 3600, weir.Day: 24 * 3600, weir.Month: 30 * 24 * 3600}

// inside reports whether something taken in second last is still in the window
// at second at. The last second counts in full, so that rounding never frees a
// customer early.
func inside(last, at uint32, w weir.Window) bool { return at-last <= seconds[w] }

const none = ^uint32(0)

// A customer is one of a call's, as tallies know it.
type customer struct {
	id    uint32 // its number in interned; none: no tally that is exact holds it
	print uint64 // see printOf
}

// An event is that a customer was taken.
type event struct {
	id uint32 // the customer's number in interned; none: it was taken again since
	at uint32 // the second
}

// A tally is what one party has taken in one lane. The Meter's lock guards it.
//
// It holds an event for each customer, in the order of time, and a cursor for each
// window at the oldest that is still inside. Who is taken again gets a new event at
// the end; the one before becomes void, and is squeezed out when there is no room.
type tally struct {
	events  []event
	index   []uint32             // open addressing, linear probing: position in events + 1; 0: free
	used    int                  // events that are not void
	cursors [weir.NumWindows]int // positions: what comes before has left the window, or is void
	counts  [weir.NumWindows]int
	crowd   *crowd // not nil: it has become too many for all of that
}

func newTally() *tally { return &tally{index: make([]uint32, 4)} }

// len is how many customers are in it.
func (t *tally) len() int { return t.taken()[weir.Month] }

// taken gives how many customers are in each window.
func (t *tally) taken() *[weir.NumWindows]int {
	if t.crowd != nil {
		return &t.crowd.counts
	}
	return &t.counts
}

// home is where the search for id begins: Fibonacci hashing (Knuth, The Art of
// Computer Programming, vol. 3, section 6.4), since ids are small and in order.
func (t *tally) home(id uint32) uint32 { return (id * 2654435769) >> 7 & uint32(len(t.index)-1) }

// slot gives the place of id in the index, or the free place where it would go.
func (t *tally) slot(id uint32) uint32 {
	mask := uint32(len(t.index) - 1)
	for i := t.home(id); ; i = (i + 1) & mask {
		if p := t.index[i]; p == 0 || t.events[p-1].id == id {
			return i
		}
	}
}

// has says in which windows the customer is counted. expire came before.
func (t *tally) has(c customer) (in [weir.NumWindows]bool) {
	if t.crowd != nil {
		return t.crowd.has(c.print)
	}
	if c.id == none {
		return in
	}
	if p := t.index[t.slot(c.id)]; p != 0 {
		for w := range in {
			if int(p-1) >= t.cursors[w] {
				in[w] = true
			}
		}
	}
	return in
}

// current reports whether the customer is within every window, and so costs nothing,
// as far as that is to be had by one look: of a crowd it never says so.
func (t *tally) current(c customer) bool {
	if t.crowd != nil || c.id == none {
		return false
	}
	p := t.index[t.slot(c.id)]
	// Windows are in order of length: the cursor of the first is the furthest.
	return p != 0 && int(p-1) >= t.cursors[0]
}

// touch records that the customer was taken now. at is not before any earlier
// one, and expire(at) came before.
func (t *tally) touch(c customer, at uint32, names *interned) {
	if t.crowd != nil {
		t.crowd.touch(c.print, at)
		return
	}
	if len(t.events) == cap(t.events) {
		t.room()
	}
	s := t.slot(c.id)
	if p := t.index[s]; p == 0 {
		t.used++
		names.hold(c.id)
		for w := range t.counts {
			t.counts[w]++
		}
	} else {
		e := &t.events[p-1]
		if e.at == at {
			return
		}
		for w := range t.counts {
			if int(p-1) < t.cursors[w] {
				t.counts[w]++ // it comes back into the window
			}
		}
		e.id = none
	}
	t.events = append(t.events, event{c.id, at})
	t.index[s] = uint32(len(t.events))
	if t.used*8 > len(t.index)*7 { // probing stays short up to a load of 7/8
		t.rehash(2 * len(t.index))
	}
}

// expire moves the cursors on to second at and drops what left the last window.
func (t *tally) expire(at uint32, names *interned) {
	if t.crowd != nil {
		t.crowd.expire(at)
		return
	}
	for w := range weir.NumWindows {
		i := t.cursors[w]
		for ; i < len(t.events); i++ {
			e := &t.events[i]
			if e.id == none {
				continue
			}
			if inside(e.at, at, w) {
				break
			}
			t.counts[w]--
			if w == weir.Month {
				t.remove(e.id)
				names.drop(e.id)
				e.id = none
				t.used--
			}
		}
		t.cursors[w] = i
	}
}

// room makes place for another event: by squeezing out the void ones, if they are
// many, else by growing by a quarter, since most tallies are small and many.
func (t *tally) room() {
	if void := len(t.events) - t.used; void <= len(t.events)/4 {
		grown := make([]event, len(t.events), len(t.events)+len(t.events)/4+2)
		copy(grown, t.events)
		t.events = grown
		return
	}
	n, before := 0, t.cursors
	for w := range t.cursors {
		if before[w] == len(t.events) {
			t.cursors[w] = t.used
		}
	}
	for i, e := range t.events {
		for w := range t.cursors {
			if before[w] == i {
				t.cursors[w] = n
			}
		}
		if e.id != none {
			t.events[n] = e
			n++
		}
	}
	t.events = t.events[:n]
	t.rehash(len(t.index))
}

func (t *tally) rehash(size int) {
	if size == len(t.index) {
		clear(t.index)
	} else {
		t.index = make([]uint32, size)
	}
	mask := uint32(size - 1)
	for p, e := range t.events {
		if e.id == none {
			continue
		}
		i := t.home(e.id)
		for t.index[i] != 0 {
			i = (i + 1) & mask
		}
		t.index[i] = uint32(p + 1)
	}
}

// remove takes a customer out of the index by backward shift (Knuth, vol. 3,
// section 6.4, algorithm R), so that no tombstones pile up.
func (t *tally) remove(id uint32) {
	mask := uint32(len(t.index) - 1)
	hole := t.slot(id)
	for j := (hole + 1) & mask; t.index[j] != 0; j = (j + 1) & mask {
		home := t.home(t.events[t.index[j]-1].id)
		if (j-home)&mask >= (j-hole)&mask {
			t.index[hole] = t.index[j]
			hole = j
		}
	}
	t.index[hole] = 0
}

// staying gives how many of the customers will still be in each window at second
// then.
func (t *tally) staying(then uint32) (n [weir.NumWindows]int) {
	if t.crowd != nil {
		return t.crowd.staying(then)
	}
	n = t.counts
	for w := range weir.NumWindows {
		for i := t.cursors[w]; i < len(t.events); i++ {
			if e := t.events[i]; e.id != none {
				if inside(e.at, then, w) {
					break
				}
				n[w]--
			}
		}
	}
	return n
}

// leaves gives the second in which the oldest customer leaves the window; 0 where
// there is none in it.
func (t *tally) leaves(w weir.Window) uint32 {
	if t.crowd != nil {
		return t.crowd.leaves(w)
	}
	for _, e := range t.events[t.cursors[w]:] {
		if e.id != none {
			return e.at + seconds[w] + 1
		}
	}
	return 0
}

// join makes a crowd of the tally.
func (t *tally) join(at uint32, names *interned) {
	c := newCrowd(t.used)
	for _, e := range t.events {
		if e.id != none {
			c.expire(e.at)
			c.touch(printOf(names.subjects[e.id]), e.at)
			names.drop(e.id)
		}
	}
	c.expire(at)
	*t = tally{crowd: c}
}

// interned numbers the customers that are in any exact tally, so that a tally holds
// four bytes of each instead of sixteen. The Meter's lock guards it.
type interned struct {
	ids      map[weir.Subject]uint32
	subjects []weir.Subject
	holds    []uint32 // how many tallies hold each
	free     []uint32
}

func newInterned() interned { return interned{ids: map[weir.Subject]uint32{}} }

// find gives the number of s, or none.
func (n *interned) find(s weir.Subject) uint32 {
	if id, ok := n.ids[s]; ok {
		return id
	}
	return none
}

// intern gives s a number. Until a tally holds it, the number may be reused.
func (n *interned) intern(s weir.Subject) uint32 {
	if id, ok := n.ids[s]; ok {
		return id
	}
	var id uint32
	if k := len(n.free); k > 0 {
		id, n.free = n.free[k-1], n.free[:k-1]
		n.subjects[id] = s
	} else {
		id = uint32(len(n.subjects))
		n.subjects, n.holds = append(n.subjects, s), append(n.holds, 0)
	}
	n.ids[s] = id
	return id
}

func (n *interned) hold(id uint32) { n.holds[id]++ }

func (n *interned) drop(id uint32) {
	if n.holds[id]--; n.holds[id] == 0 {
		delete(n.ids, n.subjects[id])
		n.free = append(n.free, id)
	}
}

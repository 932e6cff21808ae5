package meter

import "github.com/getweir/weir"

// seconds has the length of each window.
var seconds = [weir.NumWindows]uint32{weir.Hour: 3600, weir.Day: 24 * 3600, weir.Month: 30 * 24 * 3600}

// inside reports whether something taken in second last is still in the window
// at second at. The last second counts in full, so that rounding never frees a
// customer early.
func inside(last, at uint32, w weir.Window) bool { return at-last <= seconds[w] }

const none = ^uint32(0)

// entry is one customer in a tally: a node of the list ordered by time.
type entry struct {
	id         uint32 // the customer's number in interned
	at         uint32 // the second in which it was last taken
	prev, next uint32 // neighbours in the list, older and newer; none at the ends. next also links free entries
}

// tally is what one party has taken in one lane. The Meter's lock guards it.
type tally struct {
	entries []entry
	index   []uint32 // open addressing, linear probing: position in entries + 1; 0: free
	used    int      // entries in use
	free    uint32   // first unused entry; none
	oldest  uint32
	newest  uint32
	cursors [weir.NumWindows]uint32 // the oldest entry inside each window; none
	counts  [weir.NumWindows]int
}

func newTally() *tally {
	t := &tally{free: none, oldest: none, newest: none, index: make([]uint32, 4)}
	for w := range t.cursors {
		t.cursors[w] = none
	}
	return t
}

func (t *tally) len() int { return t.used }

// home is where the search for id begins: Fibonacci hashing (Knuth, The Art of
// Computer Programming, vol. 3, section 6.4), since ids are small and in order.
func (t *tally) home(id uint32) uint32 { return (id * 2654435769) >> 7 & uint32(len(t.index)-1) }

// slot gives the place of id in the index, or the free place where it would go.
func (t *tally) slot(id uint32) uint32 {
	mask := uint32(len(t.index) - 1)
	for i := t.home(id); ; i = (i + 1) & mask {
		if p := t.index[i]; p == 0 || t.entries[p-1].id == id {
			return i
		}
	}
}

// last gives the second in which the customer was last taken.
func (t *tally) last(id uint32) (at uint32, known bool) {
	if id == none {
		return 0, false
	}
	if p := t.index[t.slot(id)]; p != 0 {
		return t.entries[p-1].at, true
	}
	return 0, false
}

// touch records that the customer was taken now. at is not before any earlier
// one, and expire(at) came before.
func (t *tally) touch(id, at uint32, names *interned) {
	s := t.slot(id)
	p := t.index[s]
	if p == 0 {
		i := t.add(id, at, s)
		names.hold(id)
		t.append(i)
		for w := range t.counts {
			t.counts[w]++
			if t.cursors[w] == none {
				t.cursors[w] = i
			}
		}
		return
	}
	i := p - 1
	e := &t.entries[i]
	for w := range weir.NumWindows {
		if !inside(e.at, at, w) {
			t.counts[w]++ // it comes back into the window
		} else if t.cursors[w] == i {
			t.cursors[w] = e.next
		}
	}
	t.unlink(i)
	e.at = at
	t.append(i)
	for w := range t.cursors {
		if t.cursors[w] == none {
			t.cursors[w] = i
		}
	}
}

// expire moves the cursors on to second at and drops what left the last window.
func (t *tally) expire(at uint32, names *interned) {
	for w := range weir.NumWindows {
		for t.cursors[w] != none && !inside(t.entries[t.cursors[w]].at, at, w) {
			t.counts[w]--
			t.cursors[w] = t.entries[t.cursors[w]].next
		}
	}
	for t.oldest != none && !inside(t.entries[t.oldest].at, at, weir.Month) {
		i := t.oldest
		t.unlink(i)
		t.remove(i)
		names.drop(t.entries[i].id)
		t.entries[i].next = t.free
		t.free = i
		t.used--
	}
}

// add stores a new entry at index place s and returns its position.
func (t *tally) add(id, at, s uint32) uint32 {
	i := t.free
	if i != none {
		t.free = t.entries[i].next
	} else {
		if len(t.entries) == cap(t.entries) { // grow by a quarter: most tallies are small and many
			grown := make([]entry, len(t.entries), len(t.entries)+len(t.entries)/4+2)
			copy(grown, t.entries)
			t.entries = grown
		}
		i = uint32(len(t.entries))
		t.entries = append(t.entries, entry{})
	}
	t.entries[i] = entry{id: id, at: at, prev: none, next: none}
	t.index[s] = i + 1
	t.used++
	if t.used*8 > len(t.index)*7 { // probing stays short up to a load of 7/8
		t.rehash(2 * len(t.index))
	}
	return i
}

func (t *tally) rehash(size int) {
	old := t.index
	t.index = make([]uint32, size)
	for _, p := range old {
		if p != 0 {
			t.index[t.slot(t.entries[p-1].id)] = p
		}
	}
}

// remove takes entry i out of the index by backward shift (Knuth, vol. 3,
// section 6.4, algorithm R), so that no tombstones pile up.
func (t *tally) remove(i uint32) {
	mask := uint32(len(t.index) - 1)
	hole := t.slot(t.entries[i].id)
	for j := (hole + 1) & mask; t.index[j] != 0; j = (j + 1) & mask {
		home := t.home(t.entries[t.index[j]-1].id)
		if (j-home)&mask >= (j-hole)&mask {
			t.index[hole] = t.index[j]
			hole = j
		}
	}
	t.index[hole] = 0
}

func (t *tally) append(i uint32) {
	t.entries[i].prev, t.entries[i].next = t.newest, none
	if t.newest != none {
		t.entries[t.newest].next = i
	} else {
		t.oldest = i
	}
	t.newest = i
}

func (t *tally) unlink(i uint32) {
	e := t.entries[i]
	if e.prev != none {
		t.entries[e.prev].next = e.next
	} else {
		t.oldest = e.next
	}
	if e.next != none {
		t.entries[e.next].prev = e.prev
	} else {
		t.newest = e.prev
	}
}

// interned numbers the customers that are in any tally, so that a tally holds
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

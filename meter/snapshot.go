package meter

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/getweir/weir"
)

// ErrSnapshot is given for what Snapshot did not write.
var ErrSnapshot = errors.New("not a snapshot of a meter")

const snapshotMagic = "weir meter 1\n"

// Snapshot writes all that the Meter has counted, at the second that it has come
// to. Charges wait while it does.
//
// Numbers are unsigned varints: the second; the customers, how many and 16 bytes
// each; the tallies, how many, and for each the kind and the name of its party, its
// lane, and either 0, how many events, and for each the customer's place in the list
// and the seconds since the one before, or 1, how many customers, and for each eight
// bytes of its print and the minutes since the oldest that counts.
func (m *Meter) Snapshot() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := binary.AppendUvarint([]byte(snapshotMagic), uint64(m.now))
	n := uint32(0)
	for _, of := range m.parties {
		for _, t := range of {
			if t != nil {
				t.expire(m.now, &m.names)
				n++
			}
		}
	}
	all := n
	places := make([]uint32, len(m.names.subjects))
	n = 0
	for id, holds := range m.names.holds {
		if holds > 0 {
			places[id] = n
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for id, holds := range m.names.holds {
		if holds > 0 {
			b = append(b, m.names.subjects[id][:]...)
		}
	}
	b = binary.AppendUvarint(b, uint64(all))
	for p, of := range m.parties {
		for lane, t := range of {
			if t != nil {
				b = append(b, byte(p.Kind))
				b = binary.AppendUvarint(b, uint64(len(p.Name)))
				b = append(b, p.Name...)
				b = t.appendTo(append(b, byte(lane)), places)
			}
		}
	}
	return b
}

// appendTo writes what of a tally does not say whose it is.
func (t *tally) appendTo(b []byte, places []uint32) []byte {
	if c := t.crowd; c != nil {
		b = append(b, 1)
		b = binary.AppendUvarint(b, uint64(c.counts[weir.Month]))
		for i, p := range c.prints {
			if minute, ok := c.minute(i); ok {
				b = binary.BigEndian.AppendUint64(b, p)
				b = binary.AppendUvarint(b, uint64(minute-c.edges[weir.Month]))
			}
		}
		return b
	}
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(t.used))
	before := uint32(0)
	for _, e := range t.events {
		if e.id != none {
			b = binary.AppendUvarint(b, uint64(places[e.id]))
			b = binary.AppendUvarint(b, uint64(e.at-before))
			before = e.at
		}
	}
	return b
}

// Load gives the Meter that wrote a snapshot, as it was then.
func Load(b []byte) (*Meter, error) {
	r := reader{b: b}
	if string(r.bytes(len(snapshotMagic))) != snapshotMagic {
		return nil, ErrSnapshot
	}
	m := New()
	m.now = uint32(r.number(1<<32 - 1))
	n := r.number(uint64(len(r.b) / len(weir.Subject{})))
	for range n {
		m.names.intern(weir.Subject(r.bytes(len(weir.Subject{}))))
	}
	if len(m.names.subjects) != int(n) {
		return nil, ErrSnapshot // one of them stands twice
	}
	for range r.number(uint64(len(r.b))) {
		var p weir.Party
		p.Kind = weir.PartyKind(r.byte())
		p.Name = string(r.bytes(int(r.number(uint64(len(r.b))))))
		lane := weir.Lane(r.byte())
		t := newTally()
		if r.byte() == 1 {
			t = &tally{crowd: r.crowd(m.now)}
		} else {
			r.events(t, m)
		}
		of := m.parties[p]
		if of == nil {
			of = new(tallies)
			m.parties[p] = of
		}
		if r.wrong || lane >= weir.NumLanes || of[lane] != nil {
			return nil, ErrSnapshot
		}
		of[lane] = t
	}
	// A number that nobody holds would never be free again.
	if r.wrong || len(r.b) > 0 || slices.Contains(m.names.holds, 0) {
		return nil, ErrSnapshot
	}
	return m, nil
}

// events reads an exact tally.
func (r *reader) events(t *tally, m *Meter) {
	n := int(r.number(uint64(len(r.b) / 2)))
	t.events = make([]event, 0, n)
	seen := make(map[uint32]bool, n)
	at := uint32(0)
	for range n {
		id := uint32(r.number(1<<32 - 1))
		at += uint32(r.number(uint64(m.now - at)))
		if r.wrong || int(id) >= len(m.names.subjects) || seen[id] || !inside(at, m.now, weir.Month) {
			r.wrong = true
			return
		}
		seen[id] = true
		m.names.hold(id)
		t.events = append(t.events, event{id, at})
	}
	t.used = n
	size := 4
	for n*8 > size*7 {
		size *= 2
	}
	t.rehash(size)
	for w := range weir.NumWindows {
		i := 0
		for i < n && !inside(t.events[i].at, m.now, w) {
			i++
		}
		t.cursors[w], t.counts[w] = i, n-i
	}
}

// crowd reads one.
func (r *reader) crowd(now uint32) *crowd {
	n := int(r.number(uint64(len(r.b) / 9)))
	c := newCrowd(n)
	for w := range weir.NumWindows {
		c.edges[w] = oldest(now, w)
	}
	c.swept = now / 60
	for range n {
		b := r.bytes(8)
		if r.wrong {
			return c
		}
		print := binary.BigEndian.Uint64(b)
		minute := c.edges[weir.Month] + uint32(r.number(minutesKept))
		i := c.slot(print)
		if r.wrong || print == 0 || c.prints[i] != 0 || minute > now/60 {
			r.wrong = true
			return c
		}
		c.prints[i], c.minutes[i] = print, uint16(minute)
		c.used++
		c.last[minute%ring]++
		for w := range c.counts {
			if minute >= c.edges[w] {
				c.counts[w]++
			}
		}
	}
	return c
}

// A reader takes a snapshot apart. After the first thing that is wrong it gives
// zeros.
type reader struct {
	b     []byte
	wrong bool
}

func (r *reader) bytes(n int) []byte {
	if r.wrong || n < 0 || n > len(r.b) {
		r.wrong = true
		return make([]byte, min(max(n, 0), 16)) // of no more than is asked for at a fixed length
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if r.wrong || len(r.b) == 0 {
		r.wrong = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// number reads a number of at most most.
func (r *reader) number(most uint64) uint64 {
	x, n := binary.Uvarint(r.b)
	if r.wrong || n <= 0 || x > most {
		r.wrong = true
		return 0
	}
	r.b = r.b[n:]
	return x
}

package index

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	mathbits "math/bits"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// How pages and bodies are written: unsigned varints (encoding/binary), texts and
// lists behind their length. A page of visits:
//
//	8 bytes  time of the chunk's first entry, in ns
//	for each who, ascending:
//	  who      difference to the one before, divided by VisitBuckets
//	  length   in bytes, of its visits:
//	  where
//	  flags    closed, has an outcome, has unread bytes, started; goes on elsewhere
//	  exchange 12 bytes, if it goes on elsewhere
//	  batches  how many, and each:
//	    kind
//	    index  difference to the one before (the first: to the chunk's first)
//	    time   the same
//	    set    (Release), or reason and N (Denied)
//	    sights how many, and each: subject, lanes
//	  if closed: index and time, as differences to the last batch; outcome; unread

const (
	flagClosed = 1 << iota
	flagOutcome
	flagUnread
	flagStarted
	flagElsewhere
)

// page writes visits of one chunk, which have numbers of the index.
func page(visits []*visit, first int64, begin int64) []byte {
	slices.SortStableFunc(visits, func(a, b *visit) int { return cmp.Compare(a.who, b.who) })
	b := binary.BigEndian.AppendUint64(nil, uint64(begin))
	last := uint32(0)
	var group []byte
	for i, v := range visits {
		group = v.append(group, first, begin)
		if i+1 < len(visits) && visits[i+1].who == v.who {
			continue
		}
		b = binary.AppendUvarint(b, uint64(v.who/VisitBuckets-last))
		b = binary.AppendUvarint(b, uint64(len(group)))
		b = append(b, group...)
		last, group = v.who/VisitBuckets, group[:0]
	}
	return b
}

// append writes one visit.
func (v *visit) append(b []byte, first, begin int64) []byte {
	put := func(n int64) { b = binary.AppendUvarint(b, uint64(n)) }
	put(int64(v.where))
	flags := byte(0)
	for _, f := range []struct {
		is   bool
		flag byte
	}{{v.closed, flagClosed}, {v.outcome != 0, flagOutcome}, {v.unread != 0, flagUnread}, {v.started, flagStarted}, {!v.whole(), flagElsewhere}} {
		if f.is {
			flags |= f.flag
		}
	}
	b = append(b, flags)
	if flags&flagElsewhere != 0 {
		b = append(b, v.exchange[:]...)
	}
	put(int64(len(v.batches)))
	index, at := first, begin
	for i := range v.batches {
		x := &v.batches[i]
		b = append(b, byte(x.kind))
		put(x.index - index)
		put(x.at - at)
		index, at = x.index, x.at
		switch x.kind {
		case ledger.Release:
			put(int64(x.set))
		case ledger.Denied:
			put(int64(x.reason))
			put(int64(x.n))
		}
		put(int64(x.to - x.from))
		for _, s := range v.sightsOf(x) {
			put(int64(s.Subject))
			b = append(b, byte(s.Lanes))
		}
	}
	if v.closed {
		put(v.close - index)
		put(v.closeAt - at)
		if v.outcome != 0 {
			put(int64(v.outcome))
		}
		if v.unread != 0 {
			put(v.unread)
		}
	}
	return b
}

// cuts reads what is written so. After the first thing that does not hold, bad is
// set and all that follows is zero.
type cuts struct {
	b   []byte
	bad bool
}

func (c *cuts) uint() uint64 {
	n, rest := uvarint(c.b)
	if rest == nil {
		c.fail()
	}
	c.b = rest
	return n
}

// uvarint reads a number; rest is nil, and n 0, where none is written.
func uvarint(b []byte) (n uint64, rest []byte) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:]
	}
	return longUvarint(b)
}

func longUvarint(b []byte) (n uint64, rest []byte) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > 1<<62 {
		return 0, nil
	}
	return n, b[k:]
}

func (c *cuts) id() uint32 {
	n := c.uint()
	if n >= 1<<32 {
		c.fail()
		return 0
	}
	return uint32(n)
}

// count reads how many things follow, each of at least one byte.
func (c *cuts) count() int {
	n := c.uint()
	if n > uint64(len(c.b)) {
		c.fail()
		return 0
	}
	return int(n)
}

func (c *cuts) byte() byte {
	if len(c.b) == 0 {
		c.fail()
		return 0
	}
	x := c.b[0]
	c.b = c.b[1:]
	return x
}

func (c *cuts) take(n int) []byte {
	if n > len(c.b) {
		c.fail()
		return make([]byte, min(n, 16))
	}
	x := c.b[:n]
	c.b = c.b[n:]
	return x
}

func (c *cuts) text() string { return string(c.take(c.count())) }
func (c *cuts) fail()        { c.b, c.bad = nil, true }

// A pageReader gives the visits of a page one after the other, in memory that it
// uses again.
type pageReader struct {
	rest   []byte // the page, behind the visits of who
	group  []byte // the rest of the visits of who
	first  int64
	begin  int64
	bucket uint32
	who    uint32 // divided by VisitBuckets
	v      visit
}

func (r *pageReader) reset(body []byte, bucket int, first int64) {
	r.first, r.bucket, r.who, r.group = first, uint32(bucket), 0, nil
	if r.rest = nil; len(body) >= 8 {
		r.begin, r.rest = int64(binary.BigEndian.Uint64(body)), body[8:]
	}
}

var errVisits = fmt.Errorf("%w: a page of visits cannot be read", ErrFormat)

// next gives the next visit, valid until it is called again; nil at the end. With
// want, the visits of whom it does not have are passed over.
func (r *pageReader) next(want *bits) (*visit, error) {
	for len(r.group) == 0 {
		if len(r.rest) == 0 {
			return nil, nil
		}
		who, b := uvarint(r.rest)
		n, b := uvarint(b)
		if b == nil || n > uint64(len(b)) || who > 1<<32 {
			return nil, errVisits
		}
		r.who += uint32(who)
		r.group, r.rest = b[:n], b[n:]
		if want != nil && !want.has(r.number()) {
			r.group = nil
		}
	}
	b, ok := r.v.read(r.group, r.first, r.begin)
	if !ok {
		return nil, errVisits
	}
	r.v.who, r.group = r.number(), b
	return &r.v, nil
}

func (r *pageReader) number() uint32 { return r.who*VisitBuckets + r.bucket }

// read takes over what append has written and gives what stands behind.
func (v *visit) read(b []byte, first, begin int64) (rest []byte, ok bool) {
	*v = visit{batches: v.batches[:0], sights: v.sights[:0]}
	where, b := uvarint(b)
	if len(b) == 0 {
		return nil, false
	}
	flags := b[0]
	b = b[1:]
	v.where = uint32(where)
	v.started, v.closed = flags&flagStarted != 0, flags&flagClosed != 0
	if flags&flagElsewhere != 0 {
		if len(b) < len(v.exchange) {
			return nil, false
		}
		b = b[copy(v.exchange[:], b):]
	}
	n, b := uvarint(b)
	if n > uint64(len(b)) {
		return nil, false
	}
	index, at := uint64(first), uint64(begin)
	var x, y uint64
	for range n {
		if len(b) == 0 {
			return nil, false
		}
		c := batch{kind: ledger.Kind(b[0]), from: int32(len(v.sights))}
		x, b = uvarint(b[1:])
		y, b = uvarint(b)
		index, at = index+x, at+y
		c.index, c.at = int64(index), int64(at)
		switch c.kind {
		case ledger.Release:
			x, b = uvarint(b)
			c.set = uint32(x)
		case ledger.Denied:
			x, b = uvarint(b)
			y, b = uvarint(b)
			c.reason, c.n = uint32(x), int32(y)
		}
		x, b = uvarint(b)
		if x > uint64(len(b)) {
			return nil, false
		}
		for range x {
			y, b = uvarint(b)
			if len(b) == 0 {
				return nil, false
			}
			v.sights = append(v.sights, Sight{uint32(y), weir.Lanes(b[0])})
			b = b[1:]
		}
		c.to = int32(len(v.sights))
		v.batches = append(v.batches, c)
	}
	if v.closed {
		x, b = uvarint(b)
		y, b = uvarint(b)
		v.close, v.closeAt = int64(index+x), int64(at+y)
		if flags&flagOutcome != 0 {
			x, b = uvarint(b)
			v.outcome = uint32(x)
		}
		if flags&flagUnread != 0 {
			x, b = uvarint(b)
			v.unread = int64(x)
		}
	}
	return b, b != nil
}

// A sighting says that a party saw a customer.
type sighting struct{ subject, who uint32 }

// sightsPage writes the sightings of one bucket, which it sorts: subject, as
// difference to the one before, divided by SightBuckets, and who.
func sightsPage(all []sighting) []byte {
	slices.SortFunc(all, func(a, b sighting) int {
		if a.subject != b.subject {
			return cmp.Compare(a.subject, b.subject)
		}
		return cmp.Compare(a.who, b.who)
	})
	all = slices.Compact(all)
	var b []byte
	last := uint32(0)
	for _, s := range all {
		b = binary.AppendUvarint(b, uint64(s.subject/SightBuckets-last))
		b = binary.AppendUvarint(b, uint64(s.who))
		last = s.subject / SightBuckets
	}
	return b
}

// whoSaw gives those who saw a subject, from a page of its bucket.
func whoSaw(body []byte, subject uint32) (whos []uint32, err error) {
	c := cuts{b: body}
	last := uint32(0)
	for len(c.b) > 0 {
		last += c.id()
		who := c.id()
		if last == subject/SightBuckets {
			whos = append(whos, who)
		}
	}
	if c.bad {
		return nil, fmt.Errorf("%w: a page of sights cannot be read", ErrFormat)
	}
	return whos, nil
}

// timesPage writes when a chunk begins and ends.
func timesPage(begin, end time.Time) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(begin.UnixNano()))
	return binary.BigEndian.AppendUint64(b, uint64(end.UnixNano()))
}

func readTimes(body []byte) (begin, end time.Time, err error) {
	if len(body) != 16 {
		return begin, end, fmt.Errorf("%w: a page of times cannot be read", ErrFormat)
	}
	at := func(b []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC() }
	return at(body), at(body[8:]), nil
}

// rollPage writes the customers that were numbered from first on.
func rollPage(first uint32, all []weir.Subject) []byte {
	b := binary.AppendUvarint(nil, uint64(first))
	for _, s := range all {
		b = append(b, s[:]...)
	}
	return b
}

func readRoll(body []byte, fn func(id uint32, s weir.Subject)) error {
	c := cuts{b: body}
	id := c.id()
	if c.bad || len(c.b)%16 != 0 {
		return fmt.Errorf("%w: a page of customers cannot be read", ErrFormat)
	}
	for ; len(c.b) > 0; id++ {
		fn(id, weir.Subject(c.take(16)))
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func encodeWho(w *Who) []byte {
	b := []byte{byte(w.Kind)}
	for _, s := range []string{w.Credential, w.Principal, w.Role, w.Issuer, w.Network} {
		b = appendText(b, s)
	}
	for _, a := range w.Act {
		b = appendText(b, a)
	}
	return b
}

func decodeWho(body []byte) (*Who, error) {
	c := cuts{b: body}
	w := &Who{Kind: weir.Kind(c.byte())}
	for _, s := range []*string{&w.Credential, &w.Principal, &w.Role, &w.Issuer, &w.Network} {
		*s = c.text()
	}
	for len(c.b) > 0 {
		w.Act = append(w.Act, c.text())
	}
	return w, c.end()
}

func encodeWhere(w *Where) []byte {
	var b []byte
	for _, s := range []string{w.Door, w.Route, w.Recipient, string(w.Purpose)} {
		b = appendText(b, s)
	}
	return b
}

func decodeWhere(body []byte) (*Where, error) {
	c := cuts{b: body}
	w := &Where{Door: c.text(), Route: c.text(), Recipient: c.text(), Purpose: weir.Purpose(c.text())}
	return w, c.end()
}

func encodeTreated(all []Treated) (b []byte) {
	for _, t := range all {
		b = append(appendText(b, string(t.Class)), byte(t.Action))
	}
	return b
}

func decodeTreated(body []byte) (all []Treated, err error) {
	c := cuts{b: body}
	for len(c.b) > 0 {
		all = append(all, Treated{weir.Class(c.text()), weir.Action(c.byte())})
	}
	return all, c.end()
}

func (c *cuts) end() error {
	if c.bad || len(c.b) > 0 {
		return fmt.Errorf("%w: a name cannot be read", ErrFormat)
	}
	return nil
}

// keyOf gives what a body is looked up by.
func keyOf(body []byte) Key {
	sum := sha256.Sum256(body)
	return Key(sum[:16])
}

// bits is a set of numbers.
type bits struct{ words []uint64 }

func (s *bits) add(n uint32) {
	for int(n/64) >= len(s.words) {
		s.words = append(s.words, make([]uint64, max(64, len(s.words)))...)
	}
	s.words[n/64] |= 1 << (n % 64)
}

func (s *bits) has(n uint32) bool { return int(n/64) < len(s.words) && s.words[n/64]&(1<<(n%64)) != 0 }

// bucket reports whether the set has a number that belongs to a bucket of visits.
func (s *bits) bucket(b int) bool {
	for id := range s.all() {
		if int(id%VisitBuckets) == b {
			return true
		}
	}
	return false
}

// all gives the numbers in ascending order.
func (s *bits) all() func(func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for i, w := range s.words {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i*64 + mathbits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

package guard

import (
	"math/bits"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// What a batch was made of is recorded with its release (ledger.Pieces), so that it
// can be decided anew under another policy. It is told apart by the places of classes
// in words of 64 bits; a segment with more classes, or findings that overlap each
// other further than that, makes its batch one whose pieces are not recorded.
const mostFinds = 64

// mostPieces bounds in bytes, roughly, what the pieces of one batch add to its entry.
const mostPieces = 24 << 10

// finds are what a segment holds, each class once; twice where it is found both by
// itself and within another finding.
type finds struct {
	n       int          // kinds; -1: lost
	classes []weir.Class // of the segment
	kinds   []find
	kind    []uint8 // of each finding, its place in kinds
	nested  bool    // some finding overlaps one before
}

type find struct {
	class  uint8
	within uint64 // classes, without its own, with any of which it is masked
}

// lost gives up on the segment.
func (f *finds) lost() { f.n = -1 }

// of gives the bit of a finding.
func (f *finds) of(i int) uint64 {
	if f.n < 0 {
		return 0
	}
	return 1 << f.kind[i]
}

// all gives the bits of all findings.
func (f *finds) all() uint64 { return 1<<max(f.n, 0) - 1 }

func (f *finds) reset() {
	f.n, f.nested = 0, false
	f.classes, f.kinds, f.kind = f.classes[:0], f.kinds[:0], f.kind[:0]
}

// read takes in a segment's findings, which come in the order of judge. like is the
// segment before, which is usually made in the same way.
func (f *finds) read(findings []weir.Finding, like *finds) {
	f.reset()
	if like != nil && like.fits(findings) {
		f.classes, f.kinds, f.kind, f.n = append(f.classes, like.classes...), append(f.kinds, like.kinds...), append(f.kind, like.kind...), like.n
		return
	}
	end, run := 0, 0 // up to where those before reach; the first that may reach as far as this one
	for i := range findings {
		class, ok := f.place(findings[i].Class)
		if !ok {
			f.lost()
			return
		}
		var within uint64
		if findings[i].Start < end {
			f.nested = true
			if i-run >= mostFinds {
				f.lost()
				return
			}
			for j := run; j < i; j++ {
				if findings[j].End > findings[i].Start {
					before := f.kinds[f.kind[j]]
					within |= 1<<before.class | before.within
				}
			}
			within &^= 1 << class
		} else {
			run = i
		}
		end = max(end, findings[i].End)
		if !f.add(find{class, within}) {
			f.lost()
			return
		}
	}
	f.n = len(f.kinds)
}

// fits tells whether findings are of the same classes in the same order, none within
// another.
func (f *finds) fits(findings []weir.Finding) bool {
	if f.n < 0 || f.nested || len(findings) != len(f.kind) {
		return false
	}
	end := 0
	for i := range findings {
		if findings[i].Start < end || findings[i].Class != f.classes[f.kinds[f.kind[i]].class] {
			return false
		}
		end = findings[i].End
	}
	return true
}

func (f *finds) place(c weir.Class) (uint8, bool) {
	for i := range f.classes {
		if f.classes[i] == c {
			return uint8(i), true
		}
	}
	if len(f.classes) == mostFinds {
		return 0, false
	}
	f.classes = append(f.classes, c)
	return uint8(len(f.classes) - 1), true
}

func (f *finds) add(k find) bool {
	for i := range f.kinds {
		if f.kinds[i] == k {
			f.kind = append(f.kind, uint8(i))
			return true
		}
	}
	if len(f.kinds) == mostFinds {
		return false
	}
	f.kinds, f.kind = append(f.kinds, k), append(f.kind, uint8(len(f.kinds)))
	return true
}

// assembly builds the Pieces of a batch. It is kept from batch to batch for its
// memory; what it gives is new.
type assembly struct {
	to     *ledger.Pieces
	finds  map[string]int // by how they are written in key
	shapes map[string]int
	places map[weir.Subject]int // among the subjects and the others, from 1
	next   int
	size   int
	key    []byte
	local  [mostFinds]int
}

// pieces gives what the batch was made of, or nil where that is not recorded. taken
// are the subjects of its entry.
func (p *Pass) pieces(pieces []*piece, taken []ledger.Taken) *ledger.Pieces {
	a := &p.scratch.assembly
	if len(taken) > ledger.MaxSubjects {
		return nil
	}
	for _, pc := range pieces {
		if pc.finds.n < 0 {
			return nil
		}
	}
	a.begin(taken)
	for _, pc := range pieces {
		people := pc.crowd.people
		if pc.withheld == nil && len(pc.report.Findings) == 0 && len(people) == 0 {
			continue
		}
		if pc.withheld != nil && pc.withheld.Reason == weir.ReasonUnreadable {
			people = nil
		}
		if a.add(pc, people); a.size > mostPieces || len(taken)+len(a.to.Others) > ledger.MaxSubjects {
			return nil
		}
	}
	if len(a.to.Runs) == 0 {
		return nil
	}
	return a.to
}

func (a *assembly) begin(taken []ledger.Taken) {
	if a.finds == nil {
		a.finds, a.shapes, a.places = map[string]int{}, map[string]int{}, map[weir.Subject]int{}
	}
	clear(a.finds)
	clear(a.shapes)
	clear(a.places)
	a.to, a.next, a.size = &ledger.Pieces{}, 0, 0
	for i := range taken {
		a.places[taken[i].Subject] = i + 1
	}
}

func (a *assembly) add(pc *piece, people []person) {
	shape := a.shape(pc, people)
	inOrder := true
	for i := range people {
		at := a.places[people[i].Who]
		if at == 0 {
			a.to.Others = append(a.to.Others, people[i].Who)
			a.size += 17
			at = len(a.places) + 1
			a.places[people[i].Who] = at
		}
		inOrder = inOrder && at == a.next+i+1
	}
	if inOrder {
		a.next += len(people)
	}
	runs := a.to.Runs
	if n := len(runs); inOrder && n > 0 && runs[n-1].Shape == shape && runs[n-1].Who == nil {
		runs[n-1].N++
		return
	}
	r := ledger.Run{N: 1, Shape: shape}
	if !inOrder {
		for i := range people {
			r.Who = append(r.Who, a.places[people[i].Who])
		}
	}
	a.size += 4 + 2*len(r.Who)
	a.to.Runs = append(runs, r)
}

// shape gives the place of the segment's shape.
func (a *assembly) shape(pc *piece, people []person) int {
	var reason weir.Reason
	if pc.withheld != nil {
		reason = pc.withheld.Reason
	}
	for i, k := range pc.finds.kinds {
		a.local[i] = a.find(pc, k)
	}
	key := append(a.key[:0], reason...)
	key = append(key, 0, flag(pc.declared))
	for i := range pc.finds.kinds {
		key = append(key, byte(a.local[i]), byte(a.local[i]>>8))
	}
	for i := range people {
		key = append(key, 0xff, 0xff, flag(people[i].bare))
		for b := people[i].finds; b != 0; b &= b - 1 {
			at := a.local[bits.TrailingZeros64(b)]
			key = append(key, byte(at), byte(at>>8))
		}
	}
	a.key = key
	if at, ok := a.shapes[string(key)]; ok {
		return at
	}
	s := ledger.Shape{Withheld: reason, Declared: pc.declared}
	for i := range pc.finds.kinds {
		s.Finds = append(s.Finds, a.local[i])
	}
	for i := range people {
		one := ledger.Person{Bare: people[i].bare}
		for b := people[i].finds; b != 0; b &= b - 1 {
			one.Finds = append(one.Finds, a.local[bits.TrailingZeros64(b)])
		}
		s.People = append(s.People, one)
	}
	a.size += 24 + 2*len(key)
	a.to.Shapes = append(a.to.Shapes, s)
	a.shapes[string(key)] = len(a.to.Shapes) - 1
	return len(a.to.Shapes) - 1
}

func (a *assembly) find(pc *piece, k find) int {
	f := ledger.Find{Class: pc.finds.classes[k.class]}
	key := append(a.key[:0], f.Class...)
	for b := k.within; b != 0; b &= b - 1 {
		key = append(append(key, ' '), pc.finds.classes[bits.TrailingZeros64(b)]...)
	}
	a.key = key
	if at, ok := a.finds[string(key)]; ok {
		return at
	}
	for b := k.within; b != 0; b &= b - 1 {
		f.Within = append(f.Within, pc.finds.classes[bits.TrailingZeros64(b)])
	}
	a.size += len(key) + 4
	a.to.Finds = append(a.to.Finds, f)
	a.finds[string(key)] = len(a.to.Finds) - 1
	return len(a.to.Finds) - 1
}

func flag(t bool) byte {
	if t {
		return 1
	}
	return 0
}

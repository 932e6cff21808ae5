package ledger

import (
	"fmt"

	"github.com/getweir/weir"
)

// Pieces say what a batch was before anything was decided about it: which segments
// it had, what was found in each, and whose that was. They are what it takes to
// decide anew, under another policy. The customers of what left are those of the
// entry's Subjects; Others are those of whom only something that was withheld was in
// the batch.
type Pieces struct {
	Others []weir.Subject
	Finds  []Find
	Shapes []Shape
	Runs   []Run // of segments, in the order of the answer
}

// A Find is a class that was found, with the classes that it was found in or
// overlapped by: where one of those is masked, it is masked with them.
type Find struct {
	Class  weir.Class
	Within []weir.Class
}

// A Shape is what segments of one kind hold.
type Shape struct {
	// Withheld is why such a segment was withheld; "": it left. Of what is
	// ReasonUnreadable nobody knows what it holds.
	Withheld weir.Reason
	Declared bool     // the first of People is whom the route declares
	Finds    []int    // of Pieces.Finds, all in it, each once
	People   []Person // whom it is about
}

// A Person is one whom a segment is about, as what was found in it says.
type Person struct {
	Bare  bool  // something of it that no detector knows left in clear with it
	Finds []int // of Pieces.Finds, what is its own
}

// A Run is N segments of one Shape, one behind the other. Who has, for each person
// of each of them, 0 for the next customer that no Run before has named, or 1 and
// the place of the customer among the entry's Subjects with Others behind them. It
// is empty where all are 0.
type Run struct {
	N     int
	Shape int
	Who   []int
}

// A Segment is what Entry.Segments tells of one. It is valid until the next.
type Segment struct {
	*Shape
	Who []weir.Subject // for each of People
	At  []int          // for each of People, its place among the entry's Subjects, and behind them the Others
}

// Segments calls fn with each segment of the batch in order. It fails with ErrEntry
// where the entry's Pieces name what is not there.
func (e *Entry) Segments(fn func(s Segment) error) error {
	p := e.Pieces
	if p == nil {
		return nil
	}
	all := len(e.Subjects) + len(p.Others)
	subject := func(i int) weir.Subject {
		if i < len(e.Subjects) {
			return e.Subjects[i].Subject
		}
		return p.Others[i-len(e.Subjects)]
	}
	next, total := 0, 0
	var who []weir.Subject
	var places []int
	for i := range p.Runs {
		r := &p.Runs[i]
		if r.Shape >= len(p.Shapes) {
			return fmt.Errorf("%w: pieces of a shape that is not there", ErrEntry)
		}
		shape := &p.Shapes[r.Shape]
		if err := shape.check(len(p.Finds)); err != nil {
			return err
		}
		if len(r.Who) > 0 && len(r.Who) != len(shape.People) {
			return fmt.Errorf("%w: pieces with another number of people than their shape", ErrEntry)
		}
		if total += r.N; total > MaxEntry {
			return fmt.Errorf("%w: more pieces than any batch has", ErrEntry)
		}
		for range r.N {
			who, places = who[:0], places[:0]
			for k := range shape.People {
				at := 0
				if len(r.Who) > 0 {
					at = r.Who[k]
				}
				if at == 0 {
					next++
					at = next
				}
				if at > all {
					return fmt.Errorf("%w: pieces of a customer who is not there", ErrEntry)
				}
				who, places = append(who, subject(at-1)), append(places, at-1)
			}
			if err := fn(Segment{shape, who, places}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Shape) check(finds int) error {
	bad := func(list []int) bool {
		for _, f := range list {
			if f >= finds {
				return true
			}
		}
		return false
	}
	if bad(s.Finds) {
		return fmt.Errorf("%w: a shape of finds that are not there", ErrEntry)
	}
	for i := range s.People {
		if bad(s.People[i].Finds) {
			return fmt.Errorf("%w: a shape of finds that are not there", ErrEntry)
		}
	}
	return nil
}

func (w *encoder) list(n int) { w.b = appendHead(w.b, majorArray, uint64(n)) }

func (w *encoder) number(n int) {
	if n < 0 {
		w.fail(keyPieces, "is negative")
		n = 0
	}
	w.b = appendHead(w.b, majorUint, uint64(n))
}

func (w *encoder) numbers(all []int) {
	w.list(len(all))
	for _, n := range all {
		w.number(n)
	}
}

func (w *encoder) truth(t bool) {
	if t {
		w.number(1)
	} else {
		w.number(0)
	}
}

func (w *encoder) pieces(p *Pieces) {
	w.array(keyPieces, 4)
	w.list(len(p.Others))
	for i := range p.Others {
		w.b = append(append(w.b, majorBytes|16), p.Others[i][:]...)
	}
	w.list(len(p.Finds))
	for _, f := range p.Finds {
		w.list(1 + len(f.Within))
		w.string(keyPieces, string(f.Class))
		for _, c := range f.Within {
			w.string(keyPieces, string(c))
		}
	}
	w.list(len(p.Shapes))
	for i := range p.Shapes {
		s := &p.Shapes[i]
		w.list(4)
		w.string(keyPieces, string(s.Withheld))
		w.truth(s.Declared)
		w.numbers(s.Finds)
		w.list(len(s.People))
		for _, one := range s.People {
			w.list(2)
			w.truth(one.Bare)
			w.numbers(one.Finds)
		}
	}
	w.list(len(p.Runs))
	for _, r := range p.Runs {
		w.list(3)
		w.number(r.N)
		w.number(r.Shape)
		w.numbers(r.Who)
	}
}

// list reads the head of an array that may be empty.
func (r *decoder) list() int {
	n := r.head(majorArray)
	if n > uint64(len(r.b)) {
		r.fail("holds an array of impossible length")
		return 0
	}
	return int(n)
}

func (r *decoder) numbers() (all []int) {
	n := r.list()
	if r.keep && n > 0 && r.err == nil {
		all = make([]int, 0, n)
	}
	for ; n > 0 && r.err == nil; n-- {
		v := int(r.uint(maxInt))
		if r.keep {
			all = append(all, v)
		}
	}
	return all
}

func (r *decoder) truth() bool { return r.uint(1) == 1 }

func (r *decoder) pieces() *Pieces {
	r.tuple(4)
	p := &Pieces{}
	for n := r.list(); n > 0 && r.err == nil; n-- {
		var s weir.Subject
		r.fixed(s[:])
		if r.keep {
			p.Others = append(p.Others, s)
		}
	}
	for n := r.list(); n > 0 && r.err == nil; n-- {
		within := r.array(MaxEntry) - 1
		f := Find{Class: weir.Class(r.string())}
		for ; within > 0 && r.err == nil; within-- {
			c := weir.Class(r.string())
			if r.keep {
				f.Within = append(f.Within, c)
			}
		}
		if r.keep {
			p.Finds = append(p.Finds, f)
		}
	}
	for n := r.list(); n > 0 && r.err == nil; n-- {
		r.tuple(4)
		s := Shape{Withheld: weir.Reason(r.string()), Declared: r.truth(), Finds: r.numbers()}
		for m := r.list(); m > 0 && r.err == nil; m-- {
			r.tuple(2)
			one := Person{Bare: r.truth(), Finds: r.numbers()}
			if r.keep {
				s.People = append(s.People, one)
			}
		}
		if r.keep {
			p.Shapes = append(p.Shapes, s)
		}
	}
	for n := r.list(); n > 0 && r.err == nil; n-- {
		r.tuple(3)
		run := Run{N: int(r.uint(MaxEntry)), Shape: int(r.uint(maxInt)), Who: r.numbers()}
		if r.keep {
			p.Runs = append(p.Runs, run)
		}
	}
	return p
}

package replay

import (
	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
)

// A sight is what the draft does with segments of one shape in one exchange.
type sight struct {
	of      *ledger.Shape
	blocked int           // which of the entry's finds is; -1: none
	now     []weir.Action // for each of the shape's finds
	was     []weir.Action
	lanes   []weir.Lanes // for each of the shape's people, without regard to whose own it is
}

// release decides a batch anew, record by record.
func (r *Replay) release(x *exchange, e *ledger.Entry) {
	r.restore(r.real, e)
	if e.Would != nil {
		r.lose(x, whyObserved)
	}
	if e.Asked != nil {
		r.lose(x, whyAllowance)
	}
	if e.Pieces == nil {
		if x.fate == passes && (len(e.Subjects) > 0 || len(e.Actions) > 0) {
			r.lose(x, whyPieces)
		}
		return
	}
	clear(r.wasOf)
	for _, c := range e.Actions {
		if c.Action >= r.wasOf[c.Class] {
			r.wasOf[c.Class] = c.Action
		}
	}
	var seen sight
	err := e.Segments(func(s ledger.Segment) error {
		x.Records++
		if s.Withheld == "" {
			x.left++
		}
		switch x.fate {
		case refused, stopped:
			if s.Withheld == "" {
				x.Stopped++
			}
		case unknown:
			x.Unknown++
		case passes:
			if seen.of != s.Shape {
				seen = r.look(x, e.Pieces, s.Shape)
			}
			r.record(x, e, s, &seen)
		}
		return nil
	})
	if err != nil {
		r.lose(x, whyBroken)
	}
}

// look decides what the draft does with a shape.
func (r *Replay) look(x *exchange, p *ledger.Pieces, shape *ledger.Shape) sight {
	s := sight{of: shape, blocked: -1}
	if shape.Withheld == weir.ReasonUnreadable {
		return s
	}
	do := func(i int, action func(weir.Class) weir.Action) weir.Action {
		f := &p.Finds[i]
		a := action(f.Class)
		for _, c := range f.Within {
			if a == weir.Allow && action(c) == weir.Mask {
				a = weir.Mask
			}
		}
		return a
	}
	was := func(c weir.Class) weir.Action { return r.wasOf[c] }
	by := map[int]weir.Action{}
	for _, i := range shape.Finds {
		now := do(i, x.plan.Action)
		if now == weir.Block && s.blocked < 0 {
			s.blocked = i
		}
		by[i] = now
		s.now, s.was = append(s.now, now), append(s.was, do(i, was))
	}
	for _, one := range shape.People {
		var lanes weir.Lanes
		if one.Bare {
			lanes = lanes.With(weir.Clear)
		}
		for _, i := range one.Finds {
			switch by[i] {
			case weir.Allow:
				lanes = lanes.With(weir.Clear)
				if x.plan.Sensitivity(p.Finds[i].Class) == weir.High {
					lanes = lanes.With(weir.Sensitive)
				}
			case weir.Mask:
				lanes = lanes.With(weir.Masked)
			}
		}
		if lanes.Has(weir.Clear) {
			lanes &^= weir.Lanes(0).With(weir.Masked)
		}
		s.lanes = append(s.lanes, lanes)
	}
	return s
}

// record decides one segment anew.
func (r *Replay) record(x *exchange, e *ledger.Entry, s ledger.Segment, seen *sight) {
	row, left := &x.Counts, s.Withheld == ""
	switch {
	case s.Withheld == weir.ReasonUnreadable:
		row.Same++
		return
	case seen.blocked >= 0:
		if !left {
			row.Same++
			return
		}
		row.Blocked++
		for k, i := range s.Finds {
			if seen.now[k] == weir.Block {
				x.row.turn(e.Pieces.Finds[i].Class, seen.was[k], weir.Block)
			}
		}
		return
	}
	demands, foreign := r.demands(x, s, seen)
	if foreign {
		if left {
			row.NotOwn++
		} else {
			row.Same++
		}
		return
	}
	if !r.charge(x, e, demands) {
		switch {
		case x.fate == unknown:
			row.Unknown++
		case left:
			row.Stopped++
		default:
			row.Same++
		}
		return
	}
	x.passed++
	r.differ(x, e, s, demands)
	if !left {
		row.LetThrough++
		return
	}
	masked, unmasked := false, false
	for k, i := range s.Finds {
		was, now := seen.was[k], seen.now[k]
		if was == now {
			continue
		}
		masked, unmasked = masked || now == weir.Mask, unmasked || now == weir.Allow
		x.row.turn(e.Pieces.Finds[i].Class, was, now)
	}
	switch {
	case masked:
		row.Masked++
	case unmasked:
		row.Unmasked++
	default:
		row.Same++
	}
}

// demands gives what a segment takes; foreign: it is somebody else's, and whoever
// asks may see its own only.
func (r *Replay) demands(x *exchange, s ledger.Segment, seen *sight) (all []meter.Demand, foreign bool) {
	r.parts = r.parts[:0]
next:
	for k, who := range s.Who {
		for i := range r.parts {
			if r.parts[i].Subject == who {
				r.parts[i].Lanes |= seen.lanes[k]
				continue next
			}
		}
		r.parts = append(r.parts, meter.Demand{Subject: who, Lanes: seen.lanes[k]})
	}
	if len(r.parts) == 0 {
		return nil, false
	}
	if x.own != (weir.Subject{}) && s.Declared && s.Who[0] == x.own {
		for i := range r.parts {
			r.parts[i].Lanes = weir.Lanes(0).With(weir.Own)
		}
		return r.parts, false
	}
	return r.parts, x.plan.Own
}

// differ remembers whose tallies have somebody under the draft who was not charged to
// them.
func (r *Replay) differ(x *exchange, e *ledger.Entry, s ledger.Segment, demands []meter.Demand) {
	for i := range demands {
		var real weir.Lanes
		for k, who := range s.Who {
			if who == demands[i].Subject && s.At[k] < len(e.Subjects) {
				real |= e.Subjects[s.At[k]].Lanes
			}
		}
		for lane := range (demands[i].Lanes &^ real).All() {
			for a := range x.accounts {
				r.apart[partyLane{x.accounts[a].Party, lane}] = true
			}
		}
	}
}

// close ends an exchange, with what broke it off.
func (r *Replay) close(e *ledger.Entry) {
	x := r.exchange(e)
	if e.Reason == weir.ReasonBudget || e.Reason == weir.ReasonHold {
		r.cut(x, e)
	}
	r.end(x)
	delete(r.open, e.Exchange)
	if len(r.closed) >= mostClosed {
		r.closed, r.older = map[weir.ExchangeID]bool{}, r.closed
	}
	r.closed[e.Exchange] = true
}

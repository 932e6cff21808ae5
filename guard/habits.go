package guard

import (
	"cmp"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
)

// Habits says from the ledger how many different customers each party has really
// taken. Entries are given to Read in their order. It is for one goroutine.
type Habits struct {
	From, To time.Time // of the entries that it has read

	meter   *meter.Meter
	charged *meter.Meter // what counts against budgets: another where nothing was enforced
	parties map[weir.Party]*habit
}

// A Habit is what one party has taken, in each lane.
type Habit struct {
	Party weir.Party
	Role  string // that it had last; "" for an issuer, a network, the deployment
	// Peak is the most that were in each window at any moment: the tightest budget
	// that would not have stopped it.
	Peak weir.Budgets
	// Need is the same of what counts against budgets, which differs from what left
	// where nothing was enforced.
	Need weir.Budgets
	// Usual is the 99th percentile (nearest rank) of what it took in an hour, over the
	// hours in which it took anything.
	Usual [weir.NumLanes]int
}

type habit struct {
	Habit
	hour  int64 // Unix time of the hour being counted
	now   [weir.NumLanes]int
	hours [weir.NumLanes][]int
}

// NewHabits gives Habits that have read nothing.
func NewHabits() *Habits {
	return &Habits{meter: meter.New(), charged: meter.New(), parties: map[weir.Party]*habit{}}
}

// Read takes an entry over.
func (h *Habits) Read(e *ledger.Entry) {
	if h.From.IsZero() {
		h.From = e.Time
	}
	h.To = e.Time
	if len(e.Subjects) == 0 || e.Kind != ledger.Release && e.Kind != ledger.Intent {
		return
	}
	parties := e.Parties()
	var lanes weir.Lanes
	for i, s := range e.Subjects {
		lanes |= s.Lanes | e.Charged(i)
	}
	h.meter.Restore(e.Time, parties, demandsOf(e))
	h.charged.Restore(e.Time, parties, chargedIn(e))
	hour := e.Time.Unix() / 3600
	for _, party := range parties {
		p := h.parties[party]
		if p == nil {
			p = &habit{Habit: Habit{Party: party}, hour: hour}
			h.parties[party] = p
		}
		if party.Kind <= weir.ByRole {
			p.Role = e.Role
		}
		if p.hour != hour {
			p.turn()
			p.hour = hour
		}
		for lane := range weir.NumLanes {
			if !lanes.Has(lane) {
				continue
			}
			taken := h.meter.Usage(e.Time, party, lane, 0).Taken
			for w, n := range taken {
				p.Peak[lane][w] = max(p.Peak[lane][w], n)
			}
			for w, n := range h.charged.Usage(e.Time, party, lane, 0).Taken {
				p.Need[lane][w] = max(p.Need[lane][w], n)
			}
			p.now[lane] = max(p.now[lane], taken[weir.Hour])
		}
	}
}

// demandsOf gives what an entry says was taken.
func demandsOf(e *ledger.Entry) []meter.Demand {
	demands := make([]meter.Demand, len(e.Subjects))
	for i, s := range e.Subjects {
		demands[i] = meter.Demand{Subject: s.Subject, Lanes: s.Lanes}
	}
	return demands
}

// chargedIn gives what of it counts against budgets.
func chargedIn(e *ledger.Entry) []meter.Demand {
	demands := demandsOf(e)
	for i := range demands {
		demands[i].Lanes = e.Charged(i)
	}
	return demands
}

// turn ends an hour.
func (p *habit) turn() {
	for lane, n := range p.now {
		if n > 0 {
			p.hours[lane] = append(p.hours[lane], n)
		}
		p.now[lane] = 0
	}
}

// All gives the habits of everybody, by kind and name.
func (h *Habits) All() []Habit {
	all := make([]Habit, 0, len(h.parties))
	for _, p := range h.parties {
		p.turn()
		for lane, hours := range p.hours {
			if n := len(hours); n > 0 {
				slices.Sort(hours)
				p.Usual[lane] = hours[(99*n+99)/100-1]
			}
		}
		all = append(all, p.Habit)
	}
	slices.SortFunc(all, func(a, b Habit) int {
		return cmp.Or(cmp.Compare(a.Party.Kind, b.Party.Kind), cmp.Compare(a.Party.Name, b.Party.Name))
	})
	return all
}

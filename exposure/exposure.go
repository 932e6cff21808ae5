// Package exposure says what would be lost if a credential were stolen now: for each
// party the most customers that could leave in an hour, a day and 30 days, what it
// really took, the tightest budgets that would have bothered nobody, and, first, what
// nothing bounds.
//
// A Report is made of what others have found: the guard's figures, the policy, the
// coverage and the last visit of weir doctor. The list of what is not bounded is one,
// for the terminal, JSON, HTML, the console and the metric.
//
// It guarantees that a figure is called bounded only where a budget in force bounds
// it, and that what is not known is listed as such and never left out.
//
// It counts nothing, does no I/O and decides nothing. Whoever owns the host, holds the
// keys or reaches the service past Weir is on the list because no figure holds there.
package exposure

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/policy"
)

// Limit is a number of different customers; weir.Unbounded: there is no most. In JSON
// it is a number or "unbounded".
type Limit int

// String gives the number, or "unbounded".
func (l Limit) String() string {
	b, _ := l.MarshalJSON() // never fails
	if l == weir.Unbounded {
		return "unbounded"
	}
	return string(b)
}

// MarshalJSON writes a number or "unbounded".
func (l Limit) MarshalJSON() ([]byte, error) {
	if l == weir.Unbounded {
		return []byte(`"unbounded"`), nil
	}
	return json.Marshal(int(l))
}

// A Row is what one party could take, and took.
type Row struct {
	Party string `json:"party"`
	Kind  string `json:"kind"` // credential, principal, actor, role, issuer, network, door, vendor, deployment
	Role  string `json:"role,omitempty"`
	Who   string `json:"principal,omitempty"` // for a credential: the principal it was last seen with
	Own   bool   `json:"own"`                 // a customer, who sees its own record
	// Hour, Day and Month are the most that could yet leave in clear to it.
	Hour  Limit `json:"hour"`
	Day   Limit `json:"day"`
	Month Limit `json:"month"`
	// Classes that it sees in clear; of an issuer, a network and the like: that
	// somebody of it may see.
	Classes []string `json:"classes"`
	// Peak is the most that it took in each window, Usual the 99th percentile of its
	// busy hours.
	Peak  map[string]int `json:"peak"`
	Usual int            `json:"usual"`
	Held  bool           `json:"held"`
}

// A Report is the exposure at one moment.
type Report struct {
	Policy string    `json:"policy"` // its version
	At     time.Time `json:"at"`
	Mode   string    `json:"mode"` // enforced or observe
	// Hour, Day and Month are the most that any single credential could take.
	Hour  Limit `json:"hour"`
	Day   Limit `json:"day"`
	Month Limit `json:"month"`
	// Total is what the deployment could lose to all credentials together.
	Total     [weir.NumWindows]Limit `json:"total"` // in an hour, a day, 30 days
	Unbounded []Open                 `json:"unbounded"`
	Rows      []Row                  `json:"rows"`
	Tightest  string                 `json:"tightest"` // budgets, as a policy has them
	// Observed is what enforcing would have done of what was only observed.
	Observed Observed `json:"observed"`
}

// Observed counts what the policy would have done, had it been enforced.
type Observed struct {
	Stopped  int `json:"stopped"`  // requests and answers that would have been refused or broken off
	Withheld int `json:"withheld"` // values that would have stayed behind
	Masked   int `json:"masked"`   // values
}

// Took is what the ledger says that everybody took.
type Took struct {
	parties, doors, vendors *guard.Habits
	seen                    map[string]map[string]bool // classes in clear, by door and vendor
	observed                Observed
}

// NewTook gives a Took that has read nothing. It is for one goroutine.
func NewTook() *Took {
	return &Took{parties: guard.NewHabits(), doors: guard.NewHabits(), vendors: guard.NewHabits(), seen: map[string]map[string]bool{}}
}

// Of makes the report. customers: list every customer's credential, too.
func Of(f Facts, x guard.Exposure, took *Took, customers bool) *Report {
	habits := took.parties.All()
	for _, h := range took.vendors.All() {
		if h.Party.Kind == weir.ByNetwork {
			f.Vendors = append(f.Vendors, h.Party.Name)
		}
	}
	r := &Report{Policy: f.Policy.Version(), At: x.At, Mode: f.mode(), Unbounded: Unbounded(f), Tightest: Tightest(f.Policy, habits), Observed: took.observed}
	r.Rows = rows(f.Policy, x, habits, customers)
	r.Rows = append(r.Rows, took.places("door", took.doors, x)...)
	r.Rows = append(r.Rows, declared(f.Policy, took.places("vendor", took.vendors, x), x)...)
	open := r.Mode != "enforced"
	for i := range r.Rows {
		row := &r.Rows[i]
		if open {
			row.Hour, row.Day, row.Month = weir.Unbounded, weir.Unbounded, weir.Unbounded
		}
		switch row.Kind {
		case "credential", "principal":
			r.Hour, r.Day, r.Month = most(r.Hour, row.Hour), most(r.Day, row.Day), most(r.Month, row.Month)
		case "deployment":
			r.Total = [weir.NumWindows]Limit{row.Hour, row.Day, row.Month}
		}
	}
	slices.SortStableFunc(r.Rows, func(a, b Row) int {
		return cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind))
	})
	return r
}

// kinds are those of rows, in their order.
var kinds = []string{"deployment", "role", "vendor", "door", "issuer", "network", "credential", "principal", "actor"}

// most treats Unbounded as more than any number.
func most(a, b Limit) Limit {
	if a == weir.Unbounded || b == weir.Unbounded {
		return weir.Unbounded
	}
	return max(a, b)
}

// rows gives a line for each party: of customers, whose credentials open one record
// each, only for the one that could take most, unless all are wanted.
func rows(p *policy.Policy, x guard.Exposure, habits []guard.Habit, customers bool) (all []Row) {
	took := map[weir.Party]*guard.Habit{}
	for i := range habits {
		took[habits[i].Party] = &habits[i]
	}
	sees, anybody := map[string][]string{}, []string{}
	for _, g := range p.Grants() {
		if g.Action == weir.Allow {
			sees[g.Role] = include(sees[g.Role], string(g.Class))
			if !g.Own {
				anybody = include(anybody, string(g.Class))
			}
		}
	}
	listed := map[string]bool{}
	for _, r := range x.Rows {
		if r.Own && r.Party.Kind <= weir.ByActor && !customers {
			if key := r.Party.Kind.String() + r.Role; listed[key] {
				continue
			} else {
				listed[key] = true
			}
		}
		role := r.Role
		if r.Party.Kind == weir.ByRole {
			role = r.Party.Name
		}
		row := Row{Party: r.Party.String(), Kind: r.Party.Kind.String(), Role: r.Role, Who: r.Who, Own: r.Own, Hour: Limit(r.CouldHour), Day: Limit(r.CouldDay), Month: Limit(r.CouldMonth),
			Classes: sees[role], Held: r.Held, Peak: map[string]int{}}
		if r.Party.Kind > weir.ByRole {
			row.Classes = anybody
		}
		if row.Classes == nil {
			row.Classes = []string{}
		}
		lane := weir.Clear
		if r.Own {
			lane = weir.Own
		}
		row.took(took[r.Party], lane)
		all = append(all, row)
	}
	return all
}

func (r *Row) took(h *guard.Habit, lane weir.Lane) {
	if h == nil {
		return
	}
	r.Usual = h.Usual[lane]
	for w, n := range h.Peak[lane] {
		r.Peak[weir.Window(w).String()] = n
	}
}

// include adds s to a sorted list.
func include(list []string, s string) []string {
	i, there := slices.BinarySearch(list, s)
	if there {
		return list
	}
	return slices.Insert(list, i, s)
}

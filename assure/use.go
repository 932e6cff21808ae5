package assure

import (
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
)

// A Use gathers from the ledger what roles and principals made of what they are
// granted. Entries are given to Read in their order. It is for one goroutine.
type Use struct {
	From, To time.Time // of the entries that it has read

	habits *guard.Habits
	roles  map[string]*used
	whose  map[taker]*used
}

// taker is one whose access is looked at: a principal with a credential, in a role.
type taker struct {
	kind                        weir.Kind
	role, principal, credential string
}

// used is what one role or principal did.
type used struct {
	requests int
	refused  int
	last     time.Time
	routes   []string
	classes  map[weir.Class][3]int // findings, by action
}

// mostTakers bounds the principals that are told apart; those beyond count for their
// role only.
const mostTakers = 100_000

// NewUse gives a Use that has read nothing.
func NewUse() *Use {
	return &Use{habits: guard.NewHabits(), roles: map[string]*used{}, whose: map[taker]*used{}}
}

// Read takes an entry over.
func (u *Use) Read(e *ledger.Entry) {
	if u.From.IsZero() {
		u.From = e.Time
	}
	u.To = e.Time
	u.habits.Read(e)
	switch e.Kind {
	case ledger.Intent, ledger.Release, ledger.Denied:
	default:
		return
	}
	of := []*used{u.role(e.Role)}
	// Customers see themselves: their role says all there is to decide.
	if e.PrincipalKind != weir.Customer && e.PrincipalKind != weir.Anonymous {
		if one := u.taker(taker{e.PrincipalKind, e.Role, e.Principal, e.Credential}); one != nil {
			of = append(of, one)
		}
	}
	for _, x := range of {
		switch e.Kind {
		case ledger.Intent:
			x.requests++
		case ledger.Denied:
			x.refused += max(e.N, 1)
		}
		x.last = e.Time
		if e.Route != "" && !slices.Contains(x.routes, e.Route) {
			x.routes = append(x.routes, e.Route)
		}
		for _, c := range e.Actions {
			if int(c.Action) < 3 {
				n := x.classes[c.Class]
				n[c.Action] += c.N
				x.classes[c.Class] = n
			}
		}
	}
}

func (u *Use) role(name string) *used {
	x := u.roles[name]
	if x == nil {
		x = &used{classes: map[weir.Class][3]int{}}
		u.roles[name] = x
	}
	return x
}

func (u *Use) taker(t taker) *used {
	x := u.whose[t]
	if x == nil && len(u.whose) < mostTakers {
		x = &used{classes: map[weir.Class][3]int{}}
		u.whose[t] = x
	}
	return x
}

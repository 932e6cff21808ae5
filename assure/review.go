// Package assure holds what a company answers for at set times, with an owner, a due
// date and evidence. Its one kind so far is the access review: who is granted what,
// what was made of it, and what a person decides about it.
//
// A Review is made from the policy and from the ledger (Use): a row for each role, and
// one for each principal and credential that is no customer's, with what it is granted,
// what it used, how many customers it took at most against its budget, and what the use
// speaks for: keep, narrow or revoke, with why. A person decides each row. Draft turns
// the decisions into a policy file, by changing the lines that they are about and no
// others, so that comments and layout stay.
//
// It guarantees that nothing is decided by itself: a recommendation changes nothing, and
// a draft is a file that somebody has to put in force like any other. It recommends
// against an access only where the ledger covers enough of the time that is reviewed.
//
// It does no I/O. It does not know who a principal is, whether a person still works in
// the company, or what a role is for; and it sees use only as far as the ledger goes.
package assure

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/policy"
)

// Errors of this package.
var (
	ErrReview = errors.New("the review does not allow it")
)

// A Decision is what a person says about a row, or what its use speaks for.
type Decision string

const (
	Keep   Decision = "keep"
	Narrow Decision = "narrow"
	Revoke Decision = "revoke"
)

// ParseDecision reads a Decision.
func ParseDecision(s string) (Decision, error) {
	switch d := Decision(s); d {
	case Keep, Narrow, Revoke:
		return d, nil
	}
	return "", fmt.Errorf("%w: %q is no decision: keep, narrow or revoke", ErrReview, s)
}

// A Review is the rows that somebody has to decide on.
type Review struct {
	ID      string    `json:"id"`
	Policy  string    `json:"policy"` // version that the grants are of
	By      string    `json:"by"`     // who began it
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
	Span    int       `json:"days"`           // that are reviewed
	Covered int       `json:"days_on_record"` // of them
	Rows    []*Row    `json:"rows"`
	Notes   []string  `json:"notes,omitempty"`
}

// A Row is one access.
type Row struct {
	N          int          `json:"row"`   // from 1
	Party      string       `json:"party"` // as role:support, credential:key:4f1e
	Kind       string       `json:"kind"`  // role, staff or service
	Role       string       `json:"role"`
	Principal  string       `json:"principal,omitempty"`
	Granted    []string     `json:"granted"` // in words
	Used       []ClassUse   `json:"used"`
	Routes     []string     `json:"routes"`
	Requests   int          `json:"requests"`
	Refused    int          `json:"refused"`
	Last       time.Time    `json:"last,omitzero"`
	Budgets    []BudgetUse  `json:"budgets"`
	Recommends Decision     `json:"recommends"`
	Why        []string     `json:"why"`
	See        []SeeChange  `json:"see,omitempty"`  // what narrow would change
	Take       []TakeChange `json:"take,omitempty"` // the same

	Decision Decision  `json:"decision,omitempty"`
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Entry    int64     `json:"entry,omitempty"` // of the ledger
}

// A ClassUse is how often a class was met, and what was done.
type ClassUse struct {
	Class  weir.Class `json:"class"`
	Clear  int        `json:"clear"`
	Masked int        `json:"masked"`
	Block  int        `json:"withheld"`
}

// A BudgetUse is the most customers that were in a window, against the budget.
type BudgetUse struct {
	Lane   string `json:"lane"`
	Window string `json:"window"`
	Peak   int    `json:"peak"`
	Budget int    `json:"budget"` // -1: unbounded
}

// A SeeChange is a line of see that narrow would change.
type SeeChange struct {
	Class weir.Class `json:"class"`
	Now   string     `json:"now"` // mask
}

// A TakeChange is a number of a budget that narrow would change.
type TakeChange struct {
	Lane   string `json:"lane"`
	Window string `json:"window"`
	Was    int    `json:"was"`
	Now    int    `json:"now"`
}

// Begin makes a review of so many days up to now. configured are principals that the
// configuration names and that need not have asked for anything, by name, with their
// roles.
func Begin(id string, now time.Time, days int, p *policy.Policy, u *Use, configured map[string]string) *Review {
	r := &Review{ID: id, Policy: p.Version(), Begun: now.UTC(), Span: days}
	if !u.From.IsZero() {
		r.Covered = min(days, int(now.Sub(u.From).Hours()/24))
	}
	short := r.Covered*2 < days
	if short {
		r.Notes = append(r.Notes, fmt.Sprintf("The ledger covers %d of the %d days, so nothing is recommended against: what was not used yet may be needed.", r.Covered, days))
	}
	habits := map[weir.Party]*guard.Habit{}
	all := u.habits.All()
	for i := range all {
		habits[all[i].Party] = &all[i]
	}
	grants := map[string][]policy.Grant{}
	for _, g := range p.Grants() {
		grants[g.Role] = append(grants[g.Role], g)
	}
	tightest := peaks(all)
	for _, name := range p.Roles() {
		row := r.add(weir.Party{Kind: weir.ByRole, Name: name}, "role", name, "", u.roles[name], grants[name])
		row.role(grants[name], tightest[name], u.roles[name], days)
		row.settle(short)
	}
	takers := slices.SortedFunc(maps.Keys(u.whose), func(a, b taker) int {
		return cmp.Or(strings.Compare(a.role, b.role), strings.Compare(a.principal, b.principal), strings.Compare(a.credential, b.credential))
	})
	met := map[string]bool{}
	for _, t := range takers {
		met[t.principal] = true
		party := weir.Party{Kind: weir.ByCredential, Name: t.credential}
		if t.credential == "" {
			party = weir.Party{Kind: weir.ByPrincipal, Name: t.principal}
		}
		x := u.whose[t]
		row := r.add(party, t.kind.String(), t.role, t.principal, x, grants[t.role])
		if h := habits[party]; h != nil {
			row.budgets(grants[t.role], &h.Peak)
		}
		switch idle := int(now.Sub(x.last).Hours() / 24); {
		case len(grants[t.role]) == 0:
			row.want(Revoke, "its role is granted nothing")
		case x.requests == 0:
			row.want(Revoke, fmt.Sprintf("%d requests, and every one was refused", x.refused))
		case idle > days/3:
			row.want(Revoke, fmt.Sprintf("not used for %d days", idle))
		}
		row.settle(short)
	}
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		if met[name] {
			continue
		}
		row := r.add(weir.Party{Kind: weir.ByPrincipal, Name: name}, "configured", configured[name], name, nil, grants[configured[name]])
		row.want(Revoke, fmt.Sprintf("not used in %d days", days))
		row.settle(short)
	}
	return r
}

func (r *Review) add(party weir.Party, kind, role, principal string, x *used, grants []policy.Grant) *Row {
	row := &Row{N: len(r.Rows) + 1, Party: party.String(), Kind: kind, Role: role, Principal: principal,
		Granted: granted(grants), Used: []ClassUse{}, Routes: []string{}, Budgets: []BudgetUse{}, Why: []string{}}
	if x != nil {
		row.Requests, row.Refused, row.Last = x.requests, x.refused, x.last
		row.Routes = slices.Sorted(slices.Values(x.routes))
		for _, c := range slices.Sorted(maps.Keys(x.classes)) {
			n := x.classes[c]
			row.Used = append(row.Used, ClassUse{c, n[weir.Allow], n[weir.Mask], n[weir.Block]})
		}
	}
	r.Rows = append(r.Rows, row)
	return row
}

// granted says in words what a role may see.
func granted(grants []policy.Grant) []string {
	words := []string{}
	for _, g := range grants {
		how := "clear"
		if g.Action == weir.Mask {
			how = "masked"
		}
		text := fmt.Sprintf("%s %s for %s", g.Class, how, g.Purpose)
		if g.Own {
			text += ", its own"
		}
		words = append(words, text)
	}
	return words
}

// peaks gives for each role the most that one of its credentials or principals took.
func peaks(all []guard.Habit) map[string]*weir.Budgets {
	most := map[string]*weir.Budgets{}
	for i := range all {
		h := &all[i]
		if h.Party.Kind > weir.ByActor {
			continue
		}
		b := most[h.Role]
		if b == nil {
			b = new(weir.Budgets)
			most[h.Role] = b
		}
		for l := range b {
			for w := range b[l] {
				b[l][w] = max(b[l][w], h.Peak[l][w])
			}
		}
	}
	return most
}

func (row *Row) budgets(grants []policy.Grant, peak *weir.Budgets) {
	if len(grants) == 0 {
		return
	}
	for lane := range weir.NumLanes {
		for w := range weir.NumWindows {
			if limit := grants[0].Take[lane][w]; limit != 0 || peak[lane][w] > 0 {
				row.Budgets = append(row.Budgets, BudgetUse{lane.String(), w.String(), peak[lane][w], limit})
			}
		}
	}
}

// role judges the use of a role.
func (row *Row) role(grants []policy.Grant, peak *weir.Budgets, x *used, days int) {
	if peak == nil {
		peak = new(weir.Budgets)
	}
	row.budgets(grants, peak)
	if x == nil || x.requests == 0 {
		row.want(Revoke, fmt.Sprintf("no exchange of it held anything personal in %d days", days))
		return
	}
	var never []string
	for _, class := range unseen(grants, x) {
		row.See = append(row.See, SeeChange{class, "mask"})
		never = append(never, string(class))
	}
	if len(never) > 0 {
		row.want(Narrow, "may see in clear and never did: "+strings.Join(never, ", "))
	}
	lane, least := "", 0 // no window may hold more than a longer one
	for _, b := range row.Budgets {
		if b.Lane != lane {
			lane, least = b.Lane, 0
		}
		// Own records are one each; and what was needed once may be needed again.
		enough := max(least, b.Peak+max(b.Peak/2, 5))
		if b.Lane == weir.Own.String() || b.Budget != weir.Unbounded && enough*2 > b.Budget {
			least = b.Budget
			continue
		}
		least = enough
		row.Take = append(row.Take, TakeChange{b.Lane, b.Window, b.Budget, enough})
		limit := "unbounded"
		if b.Budget != weir.Unbounded {
			limit = fmt.Sprint(b.Budget)
		}
		row.want(Narrow, fmt.Sprintf("took at most %d of %s customers, %s in %s", b.Peak, limit, b.Lane, b.Window))
	}
}

// unseen gives the lines of a role that let it see something in clear, of which it saw
// nothing in clear.
func unseen(grants []policy.Grant, x *used) (all []weir.Class) {
	for _, g := range grants {
		if g.Action != weir.Allow || slices.Contains(all, g.Class) {
			continue
		}
		met := false
		for class, n := range x.classes {
			if n[weir.Allow] > 0 && nearest(grants, class) == g.Class {
				met = true
			}
		}
		if !met {
			all = append(all, g.Class)
		}
	}
	return all
}

// nearest gives the grant's class or family that holds for a class.
func nearest(grants []policy.Grant, class weir.Class) (best weir.Class) {
	for _, g := range grants {
		family, ok := strings.CutSuffix(string(g.Class), ".*")
		if (g.Class == class || ok && strings.HasPrefix(string(class), family+".")) && len(g.Class) > len(best) || g.Class == class {
			best = g.Class
		}
	}
	return best
}

func (row *Row) want(d Decision, why string) {
	if row.Recommends != Revoke {
		row.Recommends = d
	}
	row.Why = append(row.Why, why)
}

func (row *Row) settle(short bool) {
	if row.Recommends == "" || short {
		row.Recommends = Keep
	}
}

// Row gives a row by its number or its party.
func (r *Review) Row(name string) (*Row, error) {
	for _, row := range r.Rows {
		if fmt.Sprint(row.N) == name || row.Party == name {
			return row, nil
		}
	}
	return nil, fmt.Errorf("%w: it has no row %q", ErrReview, name)
}

// Open gives the rows that nobody has decided.
func (r *Review) Open() (all []*Row) {
	for _, row := range r.Rows {
		if row.Decision == "" {
			all = append(all, row)
		}
	}
	return all
}

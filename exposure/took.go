package exposure

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// Read takes an entry of the ledger over, in the ledger's order.
func (t *Took) Read(e *ledger.Entry) {
	t.parties.Read(e)
	if e.Kind == ledger.WouldDeny {
		t.observed.Stopped++
	}
	if e.Would != nil {
		for _, a := range e.Would.Actions {
			switch a.Action {
			case weir.Mask:
				t.observed.Masked += a.N
			case weir.Block:
				t.observed.Withheld += a.N
			}
		}
	}
	if len(e.Subjects) == 0 || e.Kind != ledger.Release && e.Kind != ledger.Intent {
		return
	}
	t.at("door", e.Door, t.doors, e)
	t.at("vendor", e.Recipient, t.vendors, e)
}

// at counts what went through a door or to a vendor, which nobody charges: as if it
// were a network.
func (t *Took) at(kind, name string, habits *guard.Habits, e *ledger.Entry) {
	if name == "" {
		return
	}
	habits.Read(&ledger.Entry{Kind: e.Kind, Time: e.Time, Subjects: e.Subjects, Network: name})
	key := kind + ":" + name
	if t.seen[key] == nil {
		t.seen[key] = map[string]bool{}
	}
	for _, a := range e.Actions {
		if a.Action == weir.Allow {
			t.seen[key][string(a.Class)] = true
		}
	}
}

// places gives a line for each door or vendor. No budget is theirs: what could leave
// there is what the deployment may lose, and the classes are those that did leave.
func (t *Took) places(kind string, habits *guard.Habits, x guard.Exposure) (all []Row) {
	var deployment guard.Risk
	for _, r := range x.Rows {
		if r.Party.Kind == weir.ByDeployment {
			deployment = r
		}
	}
	for _, h := range habits.All() {
		if h.Party.Kind != weir.ByNetwork {
			continue
		}
		key := kind + ":" + h.Party.Name
		row := Row{Party: key, Kind: kind, Hour: Limit(deployment.CouldHour), Day: Limit(deployment.CouldDay), Month: Limit(deployment.CouldMonth),
			Classes: slices.Sorted(maps.Keys(t.seen[key])), Peak: map[string]int{}}
		if row.Classes == nil {
			row.Classes = []string{}
		}
		row.took(&h, weir.Clear)
		all = append(all, row)
	}
	return all
}

// declared puts the policy's vendors to those that took something: what they may
// receive in clear, and that nothing went to them yet. Until a door carries the policy's
// vendors out, what one of them may take is no bound.
func declared(p *policy.Policy, rows []Row, x guard.Exposure) []Row {
	for _, v := range p.Vendors() {
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Party == "vendor:"+v.Name })
		if i < 0 {
			i = len(rows)
			row := Row{Party: "vendor:" + v.Name, Kind: "vendor", Classes: []string{}, Peak: map[string]int{}}
			for _, r := range x.Rows {
				if r.Party.Kind == weir.ByDeployment {
					row.Hour, row.Day, row.Month = Limit(r.CouldHour), Limit(r.CouldDay), Limit(r.CouldMonth)
				}
			}
			rows = append(rows, row)
		}
		for _, class := range p.Classes() {
			for _, purpose := range v.Purposes {
				if v.Action(purpose, class.Name) == weir.Allow {
					rows[i].Classes = include(rows[i].Classes, string(class.Name))
				}
			}
		}
	}
	return rows
}

// Tightest writes the budgets that would have stopped nobody, as a policy has them.
func Tightest(p *policy.Policy, habits []guard.Habit) string {
	take, together := map[string]weir.Budgets{}, map[string]weir.Budgets{}
	deployment := weir.Budgets{}
	widen := func(to map[string]weir.Budgets, role string, peak *weir.Budgets) {
		b := to[role]
		for l := range b {
			for w := range b[l] {
				b[l][w] = max(b[l][w], peak[l][w])
			}
		}
		to[role] = b
	}
	for i := range habits {
		h := &habits[i]
		switch h.Party.Kind {
		case weir.ByCredential, weir.ByPrincipal, weir.ByActor:
			widen(take, h.Role, &h.Need)
		case weir.ByRole:
			widen(together, h.Party.Name, &h.Need)
		case weir.ByDeployment:
			deployment = h.Need
		}
	}
	var b strings.Builder
	b.WriteString("# The tightest budgets that would have stopped nobody so far. Whoever took nothing has none.\nroles:\n")
	for _, role := range p.Roles() {
		fmt.Fprintf(&b, "  %s:\n", role)
		writeTake(&b, "    ", "take", take[role])
		writeTake(&b, "    ", "together", together[role])
	}
	b.WriteString("deployment:\n")
	writeTake(&b, "  ", "take", deployment)
	return b.String()
}

func writeTake(b *strings.Builder, indent, key string, budgets weir.Budgets) {
	if budgets == (weir.Budgets{}) {
		fmt.Fprintf(b, "%s%s: {}\n", indent, key)
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, key)
	for _, lane := range []weir.Lane{weir.Clear, weir.Sensitive, weir.Masked, weir.Probed, weir.Own} {
		budget := budgets[lane]
		// What follows clear where it is not said must be said where it is less.
		if budget == (weir.Budget{}) && !(lane == weir.Sensitive && budgets[weir.Clear] != weir.Budget{}) {
			continue
		}
		fmt.Fprintf(b, "%s  %s: {hour: %d, day: %d, 30 days: %d}\n", indent, lane, budget[weir.Hour], budget[weir.Day], budget[weir.Month])
	}
}

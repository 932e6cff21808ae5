package policy

import (
	"encoding/json"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/getweir/weir"
)

// A Grant is one thing that the policy permits: a role sees a class in clear or
// masked for a purpose, of as many customers as the budgets say.
type Grant struct {
	Role    string
	Purpose weir.Purpose
	// Class, or a family of them: "identity.*". For what is inside a family and
	// has a grant of its own, that one holds.
	Class weir.Class
	// Except are classes and families inside of Class that are blocked.
	Except      []weir.Class
	Sensitivity weir.Sensitivity
	Action      weir.Action // Allow or Mask
	// Own: of its own record only.
	Own bool
	// Take is what one credential, one principal or one actor may take at most: after
	// a fresh second factor, where that raises it.
	Take weir.Budgets
	// Together is what the whole role may take.
	Together weir.Budgets
	// Position of the line that grants it.
	Position
}

// Grants lists everything that the policy permits, by role and purpose, and by
// class in the order of the file; what a role names inside of a declared family
// comes last. What it does not list is blocked.
func (p *Policy) Grants() (all []Grant) {
	for _, name := range p.roleNames {
		r := p.roles[name]
		for k, purpose := range r.purposes {
			for i, action := range r.tables[k] {
				if action == weir.Block || !p.concerns(i, r) {
					continue
				}
				class := &p.classes[p.points[i].class]
				all = append(all, Grant{
					Role: name, Purpose: purpose,
					Class: weir.Class(p.points[i].pattern), Except: p.blockedInside(i, r, r.tables[k]),
					Sensitivity: class.Sensitivity,
					Action:      action, Own: r.own,
					Take: *r.most(), Together: *r.together,
					Position: p.position(r.sees[r.decides[i]-1].at),
				})
			}
		}
	}
	return all
}

// concerns reports whether a point is declared, or named by a role itself: what
// only other roles name is no line of this role's.
func (p *Policy) concerns(i int, r *role) bool {
	if i < len(p.classes) {
		return true
	}
	line := r.decides[i]
	return line > 0 && r.sees[line-1].pattern == p.points[i].pattern
}

// blockedInside lists what is blocked within a point that is not.
func (p *Policy) blockedInside(i int, r *role, t table) (all []weir.Class) {
	if !isFamily(p.points[i].pattern) {
		return nil
	}
	for k := range p.points {
		if t[k] != weir.Block || !p.concerns(k, r) {
			continue
		}
		around := p.points[k].within
		for around >= 0 && around != i && !p.concerns(around, r) {
			around = p.points[around].within
		}
		if around == i {
			all = append(all, weir.Class(p.points[k].pattern))
		}
	}
	return all
}

// Lanes are those that a customer is counted in when data leaves under the
// grant.
func (g *Grant) Lanes() weir.Lanes {
	var none weir.Lanes
	switch {
	case g.Own:
		return none.With(weir.Own)
	case g.Action == weir.Mask:
		return none.With(weir.Masked)
	case g.Action == weir.Allow && g.Sensitivity == weir.High:
		return none.With(weir.Clear).With(weir.Sensitive)
	case g.Action == weir.Allow:
		return none.With(weir.Clear)
	}
	return none
}

// Most is how many different customers one credential can take at most under
// the grant: the narrowest of the budgets that count it. The issuer's, the
// network's and the deployment's may be narrower still.
func (g *Grant) Most() weir.Budget {
	lanes := g.Lanes()
	if lanes == 0 {
		return weir.Budget{}
	}
	most := weir.Budget{weir.Unbounded, weir.Unbounded, weir.Unbounded}
	for l := weir.Clear; l < weir.NumLanes; l++ {
		if !lanes.Has(l) {
			continue
		}
		for w := range most {
			for _, limit := range [...]int{g.Take[l][w], g.Together[l][w]} {
				if exceeds(most[w], limit) {
					most[w] = limit
				}
			}
		}
	}
	return most
}

// MarshalJSON writes the grant in the words of the language. Lanes that let
// nobody through are left out.
func (g Grant) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Role        string        `json:"role"`
		Purpose     weir.Purpose  `json:"purpose"`
		Class       weir.Class    `json:"class"`
		Except      []weir.Class  `json:"except,omitempty"`
		Sensitivity string        `json:"sensitivity"`
		Sees        string        `json:"sees"`
		Own         bool          `json:"own"`
		Most        windowsJSON   `json:"most"`
		Take        budgetsByLane `json:"take"`
		Together    budgetsByLane `json:"together"`
		File        string        `json:"file"`
		Line        int           `json:"line"`
	}{
		g.Role, g.Purpose, g.Class, g.Except, g.Sensitivity.String(), actionWords[g.Action], g.Own,
		windows(g.Most()), byLane(g.Take), byLane(g.Together), g.File, g.Line,
	})
}

// windowsJSON is a Budget in JSON: a number for each window, or "unbounded".
type windowsJSON map[string]any

type budgetsByLane map[string]windowsJSON

func windows(b weir.Budget) windowsJSON {
	out := make(windowsJSON, len(b))
	for w, limit := range b {
		if limit == weir.Unbounded {
			out[weir.Window(w).String()] = unbounded
		} else {
			out[weir.Window(w).String()] = limit
		}
	}
	return out
}

func byLane(b weir.Budgets) budgetsByLane {
	out := make(budgetsByLane)
	for l, budget := range b {
		if budget != (weir.Budget{}) {
			out[weir.Lane(l).String()] = windows(budget)
		}
	}
	return out
}

// GrantsText writes grants as a table for people: who sees what for which
// purpose, and how many customers one credential can take at most.
func GrantsText(grants []Grant) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	// Writes to a strings.Builder do not fail.
	row := func(cells ...string) { _, _ = w.Write([]byte(strings.Join(cells, "\t") + "\n")) }
	row("ROLE", "PURPOSE", "CLASS", "SEES", "AN HOUR", "A DAY", "30 DAYS", "LINE")
	for i := range grants {
		g := &grants[i]
		sees := actionWords[g.Action]
		if g.Own {
			sees += ", own"
		}
		class := string(g.Class)
		for i, c := range g.Except {
			class += [...]string{" but ", ", "}[min(i, 1)] + string(c)
		}
		most := g.Most()
		row(g.Role, string(g.Purpose), class, sees,
			limitText(most[weir.Hour]), limitText(most[weir.Day]), limitText(most[weir.Month]), strconv.Itoa(g.Line))
	}
	_ = w.Flush()
	return b.String()
}

// An Open is a limit that the policy leaves open.
type Open struct {
	Position
	// Whose it is: "role support", "the deployment".
	Whose string `json:"whose"`
	Lane  string `json:"lane"`
	// Windows in which any number may be taken.
	Windows []string `json:"windows"`
}

// Unbounded lists every budget that lets any number of customers through in some
// window, in the order of the file, and then every route that passes what cannot be
// inspected.
func (p *Policy) Unbounded() (all []Open) {
	for _, t := range p.takes {
		for l, budget := range t.budgets {
			var open []string
			for w, limit := range budget {
				if limit == weir.Unbounded {
					open = append(open, weir.Window(w).String())
				}
			}
			if open == nil {
				continue
			}
			where := t.lanes[l]
			if where == (at{}) { // sensitive, which follows clear
				where = t.lanes[weir.Clear]
			}
			all = append(all, Open{p.position(where), t.whose, weir.Lane(l).String(), open})
		}
	}
	for _, r := range p.routes {
		if r.unreadable > 0 {
			every := []string{weir.Hour.String(), weir.Day.String(), weir.Month.String()}
			all = append(all, Open{p.position(r.at), "route " + r.name + ", where an answer cannot be inspected,", weir.Clear.String(), every})
		}
	}
	return all
}

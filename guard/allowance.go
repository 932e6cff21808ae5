package guard

import (
	"context"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
)

// An Allowance lets one principal take more different customers than its budgets for
// an hour and a day allow: so many, all together, until it ends. It comes to the
// guard as data on the ledger, as a hold does.
//
// It is an account of its own, charged with each customer that goes beyond what is
// ordinary, and with nobody else's. The ceiling of 30 days stays what it is, and so
// do the budgets of everybody else who is charged: actors, the role, the issuer, the
// network, the deployment. When it ends, what went beyond still counts in the hour and
// the day that it was taken in: nothing passes until the window is within the budget
// again.
type Allowance struct {
	ID        [12]byte
	Principal string
	Role      string // in which role; "": in any
	Lanes     weir.Lanes
	Customers int
	Until     time.Time
}

// Party is the account that what goes beyond is charged to.
func (a *Allowance) Party() weir.Party {
	return weir.Party{Kind: weir.ByAllowance, Name: weir.ExchangeID(a.ID).String()}
}

// allowances are those in force by principal. Replaced whole, never changed.
type allowances map[string][]*Allowance

// Allowances lists those in force.
func (g *Guard) Allowances() (all []Allowance) {
	now := g.now()
	for _, of := range *g.allowed.Load() {
		for _, a := range of {
			if now.Before(a.Until) {
				all = append(all, *a)
			}
		}
	}
	slices.SortFunc(all, func(a, b Allowance) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return all
}

// allow takes over what an entry says of a request.
func (g *Guard) allow(e *ledger.Entry) {
	party, err := weir.ParseParty(e.Party)
	if err != nil || party.Kind != weir.ByPrincipal || e.Asked == nil {
		return
	}
	now := g.now()
	all := allowances{}
	for name, of := range *g.allowed.Load() {
		for _, a := range of {
			if now.Before(a.Until) && a.ID != e.Asked.ID {
				all[name] = append(all[name], a)
			}
		}
	}
	if e.Rule == ledger.RequestApproved && now.Before(e.Until) {
		all[party.Name] = append(all[party.Name], &Allowance{
			ID: e.Asked.ID, Principal: party.Name, Role: e.Role, Lanes: e.Asked.Lanes, Customers: e.Asked.Customers, Until: e.Until,
		})
		// What ends first is used first.
		slices.SortStableFunc(all[party.Name], func(a, b *Allowance) int { return a.Until.Compare(b.Until) })
	}
	g.allowed.Store(&all)
}

// allowancesOf gives those that are in force for a principal in a role. Customers
// and who shows no credential have none.
func (g *Guard) allowancesOf(pr *weir.Principal, role string, now time.Time) (all []*Allowance) {
	of := (*g.allowed.Load())[pr.Name]
	if len(of) == 0 || pr.Kind != weir.Staff && pr.Kind != weir.Service {
		return nil
	}
	for _, a := range of {
		if now.Before(a.Until) && (a.Role == "" || a.Role == role) {
			all = append(all, a)
		}
	}
	return all
}

// raised gives the accounts that are charged under an allowance: those of the
// credential and of the principal have their ceiling as the limit in each window,
// and the allowance's own has the number of customers.
func (a *Allowance) raised(accounts []weir.Account) []weir.Account {
	raised := slices.Clone(accounts)
	for i := range raised {
		if kind := raised[i].Party.Kind; kind > weir.ByPrincipal || raised[i].Budgets == nil {
			continue
		}
		b := *raised[i].Budgets
		for lane := range weir.NumLanes {
			if a.Lanes.Has(lane) && !final(&raised[i], lane) {
				ceiling := b[lane][weir.Month]
				b[lane] = weir.Budget{ceiling, ceiling, ceiling}
			}
		}
		raised[i].Budgets = &b
	}
	own := new(weir.Budgets)
	for lane := range weir.NumLanes {
		n := weir.Unbounded // what it does not raise, it does not bound
		if a.Lanes.Has(lane) {
			n = a.Customers
		}
		own[lane] = weir.Budget{n, n, n}
	}
	return append(raised, weir.Account{Party: a.Party(), Budgets: own})
}

// final tells whether the policy says that no approval raises the account's budget of
// a lane (at 100%: stop).
func final(a *weir.Account, lane weir.Lane) bool { return a.Terms != nil && a.Terms.Final.Has(lane) }

// eased gives the accounts with what allowances in force have let through on top of
// the budgets of an hour and a day, so that it takes nothing from what is ordinary.
// The ceiling stays.
func (g *Guard) eased(now time.Time, accounts []weir.Account, standing []*Allowance) []weir.Account {
	var extra weir.Budgets
	used := false
	for _, a := range standing {
		for lane := range weir.NumLanes {
			if !a.Lanes.Has(lane) {
				continue
			}
			for w, n := range g.meter.Usage(g.counted(now), a.Party(), lane, 0).Taken {
				extra[lane][w] += n
				used = used || n > 0
			}
		}
	}
	if !used {
		return accounts
	}
	eased := slices.Clone(accounts)
	for i := range eased {
		if eased[i].Party.Kind > weir.ByPrincipal || eased[i].Budgets == nil {
			continue
		}
		b := *eased[i].Budgets
		for lane := range b {
			if final(&eased[i], weir.Lane(lane)) {
				continue
			}
			for _, w := range []weir.Window{weir.Hour, weir.Day} {
				if n := b[lane][w]; n != weir.Unbounded && n+extra[lane][w] > n {
					b[lane][w] = least(n+extra[lane][w], b[lane][weir.Month])
				}
			}
		}
		eased[i].Budgets = &b
	}
	return eased
}

// pay charges the segments in order, each to all accounts, and says how many fit, and
// why the next does not. Where an allowance lets that one through, under gives it at
// the segment's place, and the charge goes on. under is nil where none was used.
func (p *Pass) pay(ctx context.Context, batch [][]meter.Demand) (fit int, denial *weir.Denial, under []*Allowance) {
	if p.plan.Terms {
		return p.payByTerms(ctx, batch)
	}
	return p.payBudgets(ctx, batch)
}

// payBudgets is pay without what the policy says beside budgets.
func (p *Pass) payBudgets(ctx context.Context, batch [][]meter.Demand) (fit int, denial *weir.Denial, under []*Allowance) {
	g := p.guard
	now := g.now()
	standing := g.allowancesOf(&p.exchange.Principal, p.plan.Role, now)
	if len(standing) == 0 {
		fit, denial = g.charge(ctx, now, p.plan.Accounts, batch)
		return fit, denial, nil
	}
	for {
		more, d := g.charge(ctx, now, g.eased(now, p.plan.Accounts, standing), batch[fit:])
		fit += more
		if d == nil || d.Reason != weir.ReasonBudget {
			return fit, d, under
		}
		a := p.beyond(ctx, now, standing, d, batch[fit])
		if a == nil {
			return fit, d, under
		}
		if under == nil {
			under = make([]*Allowance, len(batch))
		}
		under[fit] = a
		fit++
	}
}

// beyond charges one segment under the first allowance that lets it through.
func (p *Pass) beyond(ctx context.Context, now time.Time, standing []*Allowance, d *weir.Denial, demands []meter.Demand) *Allowance {
	if d.Party.Kind > weir.ByPrincipal {
		return nil // no allowance raises anybody else's
	}
	for _, a := range standing {
		if !a.Lanes.Has(d.Lane) {
			continue
		}
		if _, denial := p.guard.charge(ctx, now, a.raised(p.plan.Accounts), [][]meter.Demand{demands}); denial == nil {
			return a
		}
	}
	return nil
}

// asked names the allowance on an entry; nil: it was within what is ordinary.
func (a *Allowance) asked() *ledger.Asked {
	if a == nil {
		return nil
	}
	return &ledger.Asked{ID: a.ID, Lanes: a.Lanes, Customers: a.Customers}
}

// beyond adds to what accounts of a principal could yet take in an hour and a day
// what its allowances in force would let through, below the ceiling.
func (o *outlook) beyond(pr *weir.Principal, role string, accounts []weir.Account, lane weir.Lane, hour, day int) (int, int) {
	var widest *Allowance
	n := 0
	standing := o.guard.allowancesOf(pr, role, o.now)
	for _, a := range standing {
		if a.Lanes.Has(lane) {
			widest = a
			n += max(0, a.Customers-o.guard.meter.Usage(o.guard.counted(o.now), a.Party(), lane, 0).Taken[weir.Month])
		}
	}
	if widest == nil {
		return hour, day
	}
	hour, day, _ = o.could(o.guard.eased(o.now, accounts, standing), lane)
	raised := widest.raised(accounts)
	ceilingHour, ceilingDay, _ := o.could(raised[:len(accounts)], lane)
	if hour != weir.Unbounded {
		hour = least(hour+n, ceilingHour)
	}
	if day != weir.Unbounded {
		day = least(day+n, ceilingDay)
	}
	return hour, day
}

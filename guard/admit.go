package guard

import (
	"context"
	"fmt"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// Admit decides whether the exchange may happen at all. On a denial, which it
// has recorded, nothing is to be asked of the service behind the door.
func (g *Guard) Admit(ctx context.Context, x *weir.Exchange) (*Pass, *weir.Denial) {
	p := &Pass{guard: g, exchange: *x, began: g.now(), rules: g.rules.Load()}
	p.room.Accounts = p.accounts[:0]
	return p.enter(ctx, nil)
}

// enter admits the exchange, which the door would refuse for refused, or records
// why it is not.
func (p *Pass) enter(ctx context.Context, refused *weir.Denial) (*Pass, *weir.Denial) {
	denial := p.admit(ctx, refused)
	if denial != nil {
		p.guard.told(ctx, p, denial, ledger.Denied)
		return nil, denial
	}
	p.guard.known.saw(p)
	p.cover()
	return p, nil
}

func (p *Pass) admit(ctx context.Context, denial *weir.Denial) *weir.Denial {
	g, x := p.guard, &p.exchange
	now := g.now()
	if e := x.Principal.Expires; denial == nil && !e.IsZero() && !now.Before(e) {
		denial = &weir.Denial{Reason: weir.ReasonCredential, Message: "The credential has expired."}
	}
	if denial == nil {
		denial = g.inTouch()
	}
	if x.Principal.Kind == weir.Customer && !x.Principal.Own.IsZero() {
		own, err := g.resolve(ctx, x.Principal.Own)
		if err != nil {
			return err
		}
		p.own = own
		x.Principal.Name = own.String() // a customer is known by its pseudonym, here and in the ledger
	}
	x.Approved = len(g.allowancesOf(&x.Principal, x.Principal.Role, now)) > 0
	var plan *policy.Plan
	if denial == nil {
		plan = &p.room
		denial = p.rules.policy.PlanInto(plan, x, now, *g.holds.Load())
	}
	if denial != nil {
		if plan = p.observable(denial); plan == nil {
			return denial
		}
	}
	p.plan, p.observe = plan, denial != nil || plan.Observe || g.mode == Observe
	if denial != nil {
		p.Overlook(ctx, denial)
	}
	if plan.Subject.From != policy.URL {
		return nil
	}
	subject, err := g.resolve(ctx, plan.Subject.Value)
	if err != nil {
		return err
	}
	p.subject = subject
	if subject == p.own && p.own != (weir.Subject{}) {
		return nil // one's own record is no probe
	}
	p.probed = []ledger.Taken{{Subject: subject, Lanes: weir.Lanes(0).With(weir.Probed)}}
	if plan.Own {
		d := &weir.Denial{Reason: weir.ReasonNotOwn, Message: "This record belongs to another customer."}
		if !p.observe {
			return d
		}
		p.Overlook(ctx, d)
	}
	_, denial, under := p.spend(ctx, [][]meter.Demand{{{Subject: subject, Lanes: p.probed[0].Lanes}}})
	if under != nil {
		p.probedUnder = under[0]
	}
	return denial
}

func (g *Guard) resolve(ctx context.Context, id weir.Identifier) (weir.Subject, *weir.Denial) {
	s, err := g.subjects.Resolve(ctx, []weir.Identifier{id})
	if err != nil {
		return weir.Subject{}, g.unrecordable("subject directory failed", err)
	}
	return s[0], nil
}

// unrecordable is the denial for whatever keeps the record from being written.
func (g *Guard) unrecordable(message string, err error) *weir.Denial {
	g.log.Error(message, "err", err)
	return &weir.Denial{Reason: weir.ReasonRecord, Message: "The release cannot be recorded, so nothing is released. Try again when the ledger can be written.", Retry: 5 * time.Second}
}

func spent(o *meter.Over) *weir.Denial {
	d := &weir.Denial{Reason: weir.ReasonBudget, Party: o.Party, Lane: o.Lane, Window: o.Window, Retry: o.Free}
	switch {
	case o.Limit == 0:
		d.Message = fmt.Sprintf("No customers may be taken here (%s).", o.Lane)
	case o.Lane == weir.Probed:
		d.Message = fmt.Sprintf("The number of different customers that may be asked for in %s is reached.", span(o.Window))
	default:
		d.Message = fmt.Sprintf("The number of different customers that may be taken in %s is reached.", span(o.Window))
	}
	return d
}

func span(w weir.Window) string {
	return [...]string{"an hour", "a day", "30 days"}[w]
}

// Deny records a denial that the door itself decided, such as a credential that
// does not hold, and gives it back. Where the exchange is only observed, it admits
// it all the same.
func (g *Guard) Deny(ctx context.Context, x *weir.Exchange, d *weir.Denial) (*Pass, *weir.Denial) {
	if x.Principal.Kind == weir.Customer {
		x.Principal.Name = "" // known only after its identifier is resolved
	}
	p := &Pass{guard: g, exchange: *x, began: g.now(), rules: g.rules.Load()}
	if p.observable(d) == nil {
		g.told(ctx, p, d, ledger.Denied)
		return nil, d
	}
	return p.enter(ctx, d)
}

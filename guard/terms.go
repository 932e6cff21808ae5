package guard

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
)

// RuleThreshold is the rule of alerts that a share of a budget is taken, as
// Entry.Rule names it.
const RuleThreshold = "threshold"

// bursts counts different customers in any minute. It is a meter whose hour is a
// minute, because its clock runs sixty times as fast; begun is when that was started.
type bursts struct {
	meter *meter.Meter
	begun time.Time
}

// burstEpoch is where the fast clock begins. A Meter's seconds last 136 years from
// 2020, and so a process that runs for two.
var burstEpoch = time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)

func newBursts(now time.Time) *bursts { return &bursts{meter.New(), now} }

func (b *bursts) fast(now time.Time) time.Time {
	return burstEpoch.Add(now.Sub(b.begun) * time.Duration(weir.Hour.Duration()/time.Minute))
}

// charge charges the segments against what accounts may take in a minute.
func (b *bursts) charge(now time.Time, accounts []weir.Account, batch [][]meter.Demand) (fit int, denial *weir.Denial) {
	var bounded []weir.Account
	for _, a := range accounts {
		if a.Terms == nil || a.Terms.Bursts == 0 {
			continue
		}
		limits := new(weir.Budgets)
		for lane := range weir.NumLanes {
			limits[lane] = weir.Budget{weir.Unbounded, weir.Unbounded, weir.Unbounded}
			if a.Terms.Bursts.Has(lane) {
				limits[lane][weir.Hour] = a.Terms.Burst[lane]
			}
		}
		bounded = append(bounded, weir.Account{Party: a.Party, Budgets: limits})
	}
	if bounded == nil {
		return len(batch), nil
	}
	fit, over := b.meter.Charge(b.fast(now), bounded, batch)
	if over == nil {
		return fit, nil
	}
	return fit, &weir.Denial{
		Reason: weir.ReasonBudget, Party: over.Party, Lane: over.Lane, Burst: true, Retry: max(time.Second, over.Free/60),
		Message: "The number of different customers that may be taken in a minute is reached.",
	}
}

// payByTerms is pay for accounts that have more than budgets: what may be taken in a
// minute, alerts at shares of a budget, and what would help at its end. A minute is
// paid for before the budget, so that what the budget refuses has spent of the minute.
func (p *Pass) payByTerms(ctx context.Context, batch [][]meter.Demand) (fit int, denial *weir.Denial, under []*Allowance) {
	g := p.guard
	now := g.now()
	n, burst := g.bursts.charge(now, p.plan.Accounts, batch)
	fit, denial, under = p.payBudgets(ctx, batch[:n])
	if denial == nil {
		denial = burst
	}
	var lanes weir.Lanes
	for _, demands := range batch[:fit] {
		for _, d := range demands {
			lanes |= d.Lanes
		}
	}
	g.alert(ctx, p, now, lanes)
	if denial != nil && denial.Reason == weir.ReasonBudget && !denial.Burst {
		p.advise(denial)
	}
	return fit, denial, under
}

// advise says what would help at the end of a budget.
func (p *Pass) advise(d *weir.Denial) {
	for i := range p.plan.Accounts {
		a := &p.plan.Accounts[i]
		if a.Party != d.Party || a.Terms == nil || d.Window == weir.Month {
			continue
		}
		switch {
		case a.Terms.StepUp.Has(d.Lane) && !p.plan.SteppedUp:
			d.Needs = []weir.Need{{Kind: weir.NeedSecondFactor, MaxAge: a.Terms.Fresh}}
			d.Message += " Sign in again with a second factor to go on."
		case a.Terms.Ask.Has(d.Lane) && a.Party.Kind <= weir.ByPrincipal:
			d.Needs = []weir.Need{{Kind: weir.NeedApproval}}
			d.Message += " Ask for more, and have a second person approve it."
		}
	}
}

// alerted are the shares of budgets of which an alert tells already.
type alerted struct {
	mu    sync.Mutex
	known map[share]bool
}

type share struct {
	party   weir.Party
	lane    weir.Lane
	window  weir.Window
	percent int
}

// mostShares bounds what is remembered; beyond it, an alert may come twice.
const mostShares = 1 << 16

// alert puts an alert on the ledger for each share of a budget that was reached just
// now. Several nodes each look at what they let through themselves.
func (g *Guard) alert(ctx context.Context, p *Pass, now time.Time, lanes weir.Lanes) {
	var entries []*ledger.Entry
	for i := range p.plan.Accounts {
		a := &p.plan.Accounts[i]
		if a.Terms == nil {
			continue
		}
		for lane := range (a.Terms.Alerted & lanes).All() {
			taken := g.meter.Usage(g.counted(now), a.Party, lane, 0).Taken
			budget := a.Budget(lane)
			for w := range weir.NumWindows {
				// A window that is as large as the next says nothing of its own.
				if limit := budget[w]; limit <= 0 || w < weir.Month && limit == budget[w+1] {
					continue
				}
				for _, percent := range a.Terms.Alerts[lane] {
					if g.alerted.first(share{a.Party, lane, w, percent}, taken[w]*100 >= budget[w]*percent) {
						entries = append(entries, p.thresholdEntry(a.Party, lane, w, percent, taken[w], budget[w]))
					}
				}
			}
		}
	}
	if len(entries) == 0 {
		return
	}
	if err := g.ledger.Send(context.WithoutCancel(ctx), entries...); err != nil {
		g.log.Error("ledger did not take an alert", "err", err)
	}
}

// first reports whether a share is reached and was not before.
func (a *alerted) first(s share, reached bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !reached {
		delete(a.known, s)
		return false
	}
	if a.known[s] {
		return false
	}
	if a.known == nil || len(a.known) >= mostShares {
		a.known = map[share]bool{}
	}
	a.known[s] = true
	return true
}

func (p *Pass) thresholdEntry(party weir.Party, lane weir.Lane, w weir.Window, percent, taken, limit int) *ledger.Entry {
	e := p.entry(ledger.Alert)
	e.Party, e.Rule, e.N = party.String(), RuleThreshold, percent
	e.Text = fmt.Sprintf("%d%% of the budget %s/%s is taken: %d of %d customers.", percent, lane, w, taken, limit)
	return e
}

// needWords names needs on an entry.
func needWords(needs []weir.Need) string {
	var all []string
	for _, n := range needs {
		all = append(all, string(n.Kind))
	}
	return strings.Join(all, ",")
}

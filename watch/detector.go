package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// The rules, as Entry.Rule names them.
const (
	RuleBudgetSpent = "budget-spent" // a budget of distinct customers is spent
	RuleIDWalking   = "id-walking"   // a customer asks for one stranger after the other
)

// Bounds on what the detector remembers: parties that it has alerted about, and
// customers that are being denied. The least recently seen is forgotten first,
// and forgetting one can only mean a second alert, never a missing one.
const (
	maxSpent   = 1 << 16
	maxWalkers = 1 << 14
)

// spentWindow is how long a spent budget is not alerted again: as long as the
// window that was full, which the entry's Rule names behind the lane ("clear/day").
func spentWindow(e *ledger.Entry) time.Duration {
	for w := range weir.NumWindows {
		if strings.HasSuffix(e.Rule, "/"+w.String()) {
			return w.Duration()
		}
	}
	return weir.Hour.Duration()
}

// detector turns entries into alerts. It does no I/O, has no clock and is not
// safe for concurrent use.
type detector struct {
	rules   policy.WatchRules
	node    string
	spent   *recency[string, time.Time] // by whose budget: when it was last alerted
	walkers *recency[string, *walker]   // by principal
}

func newDetector(rules policy.WatchRules, node string) *detector {
	return &detector{rules, node, newRecency[string, time.Time](maxSpent), newRecency[string, *walker](maxWalkers)}
}

// observe gives the entries that e calls for, in the order in which they are to
// be appended: nil for nearly every e.
func (d *detector) observe(e *ledger.Entry) []*ledger.Entry {
	switch e.Kind {
	case ledger.Denied: // the Close that follows tells no more
		switch e.Reason {
		case weir.ReasonBudget:
			return d.budgetSpent(e)
		case weir.ReasonNotOwn:
			return d.idWalking(e)
		}
	case ledger.Lift:
		d.lifted(e.Party)
	}
	return nil
}

// budgetSpent alerts once for each window of whoever's budget is spent. A budget
// that a credential shares with others (its role's, the deployment's) is alerted
// once for all of them and holds nobody: whoever comes next is not the one who
// spent it.
func (d *detector) budgetSpent(e *ledger.Entry) []*ledger.Entry {
	who, holdable := holder(e)
	if p, err := weir.ParseParty(e.Party); err == nil && p.Kind > weir.ByActor {
		who, holdable = p, false
	}
	burst := strings.HasSuffix(e.Rule, "/burst")
	key := who.String() + " " + e.Rule
	if last, ok := d.spent.get(key); ok && apart(last, e.Time) < spentWindow(e) {
		return nil
	}
	d.spent.put(key, e.Time)

	text := "The budget of customers is spent: nobody new leaves until some of those taken have left the window."
	if burst { // over in a minute, so it is told and holds nobody
		text, holdable = "More customers were asked for in a minute than may be taken in one.", false
	}
	raised := []*ledger.Entry{d.alert(e, RuleBudgetSpent, who, text)}
	if hold := d.rules.BudgetSpent.Hold; hold > 0 && holdable {
		raised = append(raised, d.hold(e, RuleBudgetSpent, who, "It spent its budget of customers.", hold))
	}
	return raised
}

// A walker is a customer that was denied the records of others.
type walker struct {
	credential string
	strangers  []stranger // different subjects, oldest first; fewer than the rule's number
	alerted    time.Time  // zero: not yet, or the hold was lifted since
}

type stranger struct {
	subject weir.Subject
	seen    time.Time
}

// idWalking alerts when a customer was denied the records of so many different
// others within so long.
func (d *detector) idWalking(e *ledger.Entry) []*ledger.Entry {
	rule := d.rules.IDWalking
	if rule.Strangers <= 0 || e.PrincipalKind != weir.Customer {
		return nil
	}
	who, ok := party(e, weir.ByPrincipal)
	if !ok {
		return nil
	}
	w, ok := d.walkers.get(who.String())
	if !ok {
		w = &walker{}
		d.walkers.put(who.String(), w)
	}
	w.credential = e.Credential
	quiet := max(rule.Within, rule.Hold, weir.Hour.Duration())
	if !w.alerted.IsZero() && apart(w.alerted, e.Time) < quiet {
		return nil
	}
	w.strangers = slices.DeleteFunc(w.strangers, func(s stranger) bool { return apart(s.seen, e.Time) > rule.Within })
	for _, taken := range e.Subjects {
		if taken.Lanes.Has(weir.Probed) {
			w.strangers = slices.DeleteFunc(w.strangers, func(s stranger) bool { return s.subject == taken.Subject })
			w.strangers = append(w.strangers, stranger{taken.Subject, e.Time})
		}
	}
	n := len(w.strangers)
	if n < rule.Strangers {
		return nil
	}
	w.strangers, w.alerted = nil, e.Time

	text := fmt.Sprintf("A customer asked for the records of %d others within %s and got none of them.", n, words(rule.Within))
	alert := d.alert(e, RuleIDWalking, who, text)
	alert.N = n
	raised := []*ledger.Entry{alert}
	if rule.Hold > 0 {
		const why = "It walked through other customers' identifiers."
		raised = append(raised, d.hold(e, RuleIDWalking, who, why, rule.Hold))
		if credential, ok := party(e, weir.ByCredential); ok {
			raised = append(raised, d.hold(e, RuleIDWalking, credential, why, rule.Hold))
		}
	}
	return raised
}

// words writes a duration as the policy does.
func words(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprint(int(d.Hours()), "h")
	case d%time.Minute == 0:
		return fmt.Sprint(int(d.Minutes()), "m")
	}
	return d.String()
}

// lifted forgets that a customer was alerted about, once a person has lifted its
// hold: should it go on walking, that is news.
func (d *detector) lifted(text string) {
	p, err := weir.ParseParty(text)
	if err != nil {
		return
	}
	d.walkers.each(func(principal string, w *walker) {
		if principal == text || p.Kind == weir.ByCredential && p.Name == w.credential {
			w.alerted = time.Time{}
		}
	})
}

func (d *detector) alert(cause *ledger.Entry, rule string, who weir.Party, text string) *ledger.Entry {
	e := d.about(cause, rule, who, text)
	e.Kind = ledger.Alert
	return e
}

func (d *detector) hold(cause *ledger.Entry, rule string, who weir.Party, text string, long time.Duration) *ledger.Entry {
	e := d.about(cause, rule, who, text)
	e.Kind, e.Until = ledger.Hold, cause.Time.Add(long)
	return e
}

// about gives an entry that points at its cause: the same time, exchange and
// principal. It names no subjects, which would read as if they had been taken
// again.
func (d *detector) about(cause *ledger.Entry, rule string, who weir.Party, text string) *ledger.Entry {
	return &ledger.Entry{
		Time: cause.Time, Node: d.node, Exchange: cause.Exchange,
		Credential: cause.Credential, Principal: cause.Principal, PrincipalKind: cause.PrincipalKind,
		Act: cause.Act, Role: cause.Role, Issuer: cause.Issuer, Network: cause.Network,
		Door: cause.Door, Route: cause.Route, Policy: cause.Policy,
		Reason: cause.Reason, Party: who.String(), Rule: rule, Text: text,
	}
}

// holder gives the party that a hold on whoever made e falls on: the credential,
// which is what can be stolen, else the principal. ok is false where there is
// neither, or nobody but "anonymous", and a hold would fall on a whole network.
func holder(e *ledger.Entry) (who weir.Party, ok bool) {
	if p, ok := party(e, weir.ByCredential); ok {
		return p, true
	}
	if p, ok := party(e, weir.ByPrincipal); ok {
		return p, e.PrincipalKind != weir.Anonymous // who is its whole network
	}
	p, _ := party(e, weir.ByNetwork)
	return p, false
}

// party gives the one of e's parties that is of the kind and has a name.
func party(e *ledger.Entry, kind weir.PartyKind) (weir.Party, bool) {
	for _, p := range e.Parties() {
		if p.Kind == kind && p.Name != "" {
			return p, true
		}
	}
	return weir.Party{Kind: kind}, false
}

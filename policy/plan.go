package policy

import (
	"time"

	"github.com/getweir/weir"
)

// AnonymousRole is the role of a principal that shows no credential.
const AnonymousRole = "anonymous"

// A Plan is what the policy says about one exchange. Its zero value withholds
// everything and charges nobody.
type Plan struct {
	Version string // of the policy
	Route   string // its name; "": no route of the policy matches
	Role    string
	Purpose weir.Purpose
	Subject Subject
	// Own: the principal may see its own subject only.
	Own bool
	// Accounts are all that are charged, in this order: credential, principal,
	// each actor, role, issuer, network, deployment. All or none of them pay.
	Accounts []weir.Account
	// Opaque has the media types that may pass unread: "image/*", "video/mp4".
	// Not to be changed.
	Opaque []string
	// Observe: nothing is to be withheld, masked or refused; what would have been
	// is recorded. A plan that was denied says so too: see Unenforced.
	Observe bool

	// Unreadable is how many customers an answer that cannot be inspected is charged
	// as, and passes; 0: it is withheld.
	Unreadable int
	// Terms reports whether any of Accounts has terms, and SteppedUp whether their
	// budgets are what a fresh second factor makes of them.
	Terms, SteppedUp bool
	// Ticket: the role needs one, so that the request's is to be recorded.
	Ticket bool

	policy *Policy
	table  table
	public [][]string // what customers publish in these answers
	value  *string    // where Subject.Value stands; kept when the plan is used again
}

// A Hold refuses everything to a party for a time.
type Hold struct {
	Party  weir.Party
	Reason string // for the people who look into it; never shown to the party
	Since  time.Time
	Until  time.Time // zero: until it is lifted
}

// Holds are those that are known, by party.
type Holds map[weir.Party]Hold

// Plan says what may be done in an exchange, or why nothing may. The order is
// fixed: a hold on any of the parties; the role; the purpose, which is the
// exchange's own, else the route's, else the role's first; the route.
//
// The path of the exchange must be percent-decoded and cleaned ("//", "." and
// ".." resolved) by the door: the policy matches what the service behind the
// door will serve, and does not guess at spellings. A slash at the end is of no
// meaning here.
func (p *Policy) Plan(x *weir.Exchange, now time.Time, holds Holds) (*Plan, *weir.Denial) {
	// One piece of memory for the plan and the accounts of most principals.
	room := new(struct {
		Plan
		accounts [maxAccounts]weir.Account
	})
	room.Accounts = room.accounts[:0]
	if d := p.PlanInto(&room.Plan, x, now, holds); d != nil {
		return nil, d
	}
	return &room.Plan, nil
}

// PlanInto is Plan into a plan that may have been used before, of which it keeps
// the memory: what that said of its subject is no longer to be used. After a denial
// the plan is the zero one, but for its memory.
func (p *Policy) PlanInto(pl *Plan, x *weir.Exchange, now time.Time, holds Holds) *weir.Denial {
	r := p.roles[roleName(&x.Principal)]
	steppedUp := r != nil && r.raised != nil && fresh(&x.Principal, r.terms.Fresh, now)
	accounts := p.appendAccounts(pl.Accounts[:0], &x.Principal, r, steppedUp)
	*pl = Plan{value: pl.value}
	if d := p.Held(accounts, now); d != nil {
		return d
	}
	if d := holds.Check(accounts, now); d != nil {
		return d
	}
	if r == nil {
		return &weir.Denial{Reason: weir.ReasonRole, Message: "This role may do nothing here."}
	}
	path := cutSlashes(x.Path.Reveal())
	matched, about := p.route(x.Method, path)
	purpose := choosePurpose(x, matched, r)
	actions, ok := r.find(purpose)
	if !ok {
		return &weir.Denial{Reason: weir.ReasonPurpose, Message: "This role may not act for this purpose."}
	}
	if matched == nil && p.blockUndeclared {
		return &weir.Denial{Reason: weir.ReasonRequest, Message: "No such route is open."}
	}
	if r.needs != nil {
		if d := r.needs.missing(x, now); d != nil {
			return d
		}
	}
	p.fill(pl, r, x, matched, about, path)
	pl.Purpose, pl.Accounts, pl.table, pl.SteppedUp = purpose, accounts, actions, steppedUp
	return nil
}

// Unenforced gives what the policy knows of an exchange without deciding on it:
// its route, its subject, its parties, whether it is only observed, and the
// sensitivity of classes, whether or not Plan would deny it. Every action of it is Block: whoever lets something
// pass all the same decides that for itself.
func (p *Policy) Unenforced(x *weir.Exchange) *Plan {
	pl := new(Plan)
	path := cutSlashes(x.Path.Reveal())
	matched, about := p.route(x.Method, path)
	r := p.roles[roleName(&x.Principal)]
	if r == nil {
		r = &role{name: roleName(&x.Principal)}
	}
	p.fill(pl, r, x, matched, about, path)
	pl.Purpose, pl.Accounts = choosePurpose(x, matched, r), p.Accounts(&x.Principal)
	return pl
}

func choosePurpose(x *weir.Exchange, matched *route, r *role) weir.Purpose {
	switch {
	case x.Purpose != "":
		return x.Purpose
	case matched != nil && matched.purpose != "":
		return matched.purpose
	case len(r.purposes) > 0:
		return r.purposes[0]
	}
	return ""
}

func (p *Policy) fill(pl *Plan, r *role, x *weir.Exchange, matched, about *route, path string) {
	pl.Version, pl.Role, pl.policy = p.version, r.name, p
	// A role that forgets to say own opens nobody's records to customers.
	pl.Own = r.own || x.Principal.Kind == weir.Customer
	pl.Ticket = r.needs != nil && r.needs.ticket != nil
	pl.Terms = p.hasTerms || r.terms != nil || r.togetherTerms != nil
	pl.Observe = p.observe
	if matched != nil {
		pl.Observe, pl.Unreadable, pl.public = matched.observe, matched.unreadable, matched.public
		pl.Route, pl.Subject, pl.Opaque = matched.name, matched.subject, matched.opaque
	} else if matched = about; matched != nil {
		pl.Subject = matched.subject
	}
	if pl.Subject.From == URL {
		if pl.value == nil {
			pl.value = new(string)
		}
		*pl.value = nthSegment(path, matched.segment)
		pl.Subject.Value = weir.Identifier{Kind: pl.Subject.Kind, Value: weir.PlainAt(pl.value)}
	}
}

// Action says what happens to a finding of a class. A class that no declaration
// of the policy covers is blocked.
func (pl *Plan) Action(class weir.Class) weir.Action {
	if pl.policy == nil {
		return weir.Block
	}
	i := pl.policy.find(class)
	if i < 0 || i >= len(pl.table) {
		return weir.Block
	}
	return pl.table[i]
}

// Sensitivity grades a class. One that no declaration of the policy covers is
// High.
func (pl *Plan) Sensitivity(class weir.Class) weir.Sensitivity {
	if pl.policy == nil {
		return weir.High
	}
	c, ok := pl.policy.Class(class)
	if !ok {
		return weir.High
	}
	return c.Sensitivity
}

// Accounts gives the parties that a release to a principal is charged to, in the
// order of Plan.Accounts, with the most that they may take at any time: as after a
// fresh second factor, where that raises a budget. A role that the policy does not
// know takes nothing.
func (p *Policy) Accounts(pr *weir.Principal) []weir.Account {
	r := p.roles[roleName(pr)]
	return p.appendAccounts(nil, pr, r, r != nil && r.raised != nil)
}

// Budgets gives what a role, an issuer, a network or the deployment may take as a
// whole. What a credential, a principal or an actor may take depends on its role:
// see Accounts.
func (p *Policy) Budgets(party weir.Party) weir.Budgets {
	switch party.Kind {
	case weir.ByRole:
		if r := p.roles[party.Name]; r != nil {
			return *r.together
		}
	case weir.ByIssuer:
		if b := p.issuers[party.Name]; b != nil {
			return *b
		}
	case weir.ByNetwork:
		if b := p.networks[party.Name]; b != nil {
			return *b
		}
		return *p.other
	case weir.ByDeployment:
	default:
		return weir.Budgets{}
	}
	return *p.deployment
}

// maxAccounts fits a principal with two in its act chain.
const maxAccounts = 8

// appendAccounts gives the accounts of a principal in a role, which is nil if there
// is none of its name; raised: with the budgets that a fresh second factor gives.
func (p *Policy) appendAccounts(to []weir.Account, pr *weir.Principal, r *role, raised bool) []weir.Account {
	if to == nil {
		to = make([]weir.Account, 0, maxAccounts)
	}
	take, together := nobody, p.deployment
	var terms, togetherTerms *weir.Terms
	if r != nil {
		take, together, terms, togetherTerms = r.take, r.together, r.terms, r.togetherTerms
	}
	if raised {
		take = r.raised
	}
	// Without a credential there is nothing to steal: the principal's account is
	// the one that counts.
	if pr.Kind != weir.Anonymous || pr.Credential != "" {
		to = append(to, weir.Account{Party: weir.Party{Kind: weir.ByCredential, Name: pr.Credential}, Budgets: take, Terms: terms})
	}
	to = append(to, weir.Account{Party: weir.Party{Kind: weir.ByPrincipal, Name: PrincipalName(pr)}, Budgets: take, Terms: terms})
	for _, actor := range pr.Act {
		to = append(to, weir.Account{Party: weir.Party{Kind: weir.ByActor, Name: actor}, Budgets: take, Terms: terms})
	}
	to = append(to, weir.Account{Party: weir.Party{Kind: weir.ByRole, Name: roleName(pr)}, Budgets: together, Terms: togetherTerms})
	// Nobody's principals may take what the deployment may, and are charged there.
	if pr.Issuer != "" {
		budgets := p.issuers[pr.Issuer]
		if budgets == nil {
			budgets = p.deployment
		}
		to = append(to, weir.Account{Party: weir.Party{Kind: weir.ByIssuer, Name: pr.Issuer}, Budgets: budgets})
		if p.issuerTerms != nil {
			to[len(to)-1].Terms = p.issuerTerms[pr.Issuer]
		}
	}
	budgets, named := p.networks[pr.Network]
	if !named {
		to = append(to, weir.Account{Party: weir.Party{Kind: weir.ByNetwork, Name: pr.Network}, Budgets: p.other, Terms: p.otherTerms})
	} else {
		to = append(to, weir.Account{Party: weir.Party{Kind: weir.ByNetwork, Name: pr.Network}, Budgets: budgets})
		if p.networkTerms != nil {
			to[len(to)-1].Terms = p.networkTerms[pr.Network]
		}
	}
	return append(to, weir.Account{Party: weir.Party{Kind: weir.ByDeployment}, Budgets: p.deployment, Terms: p.deploymentTerms})
}

// nobody may take nothing. Not to be changed.
var nobody = new(weir.Budgets)

// PrincipalName is the name that a principal is charged and held under: its own,
// or for one without a credential "anonymous@" and its network.
func PrincipalName(pr *weir.Principal) string {
	if pr.Name == "" && pr.Kind == weir.Anonymous {
		return AnonymousRole + "@" + pr.Network
	}
	return pr.Name
}

func roleName(pr *weir.Principal) string {
	if pr.Role == "" && pr.Kind == weir.Anonymous {
		return AnonymousRole
	}
	return pr.Role
}

// Check gives the denial for the hold on any of the accounts that lasts longest,
// or nil.
func (h Holds) Check(accounts []weir.Account, now time.Time) *weir.Denial {
	if len(h) == 0 {
		return nil
	}
	var worst weir.Party
	var until time.Time
	found := false
	for i := range accounts {
		hold, ok := h[accounts[i].Party]
		if !ok || !hold.Until.IsZero() && !now.Before(hold.Until) {
			continue
		}
		if !found || !until.IsZero() && (hold.Until.IsZero() || hold.Until.After(until)) {
			worst, until, found = accounts[i].Party, hold.Until, true
		}
	}
	if !found {
		return nil
	}
	d := &weir.Denial{Reason: weir.ReasonHold, Message: "Access is on hold.", Party: worst}
	if !until.IsZero() {
		d.Retry = until.Sub(now)
	}
	return d
}

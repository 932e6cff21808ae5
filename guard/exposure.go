package guard

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// Exposure is how many customers could be lost now, and to whom.
type Exposure struct {
	At   time.Time
	Mode Mode
	// Observed is what would have been done since the start, where nothing is
	// enforced.
	Observed Observed
	// Hour and Day are the most customers that any single credential could take
	// in clear in the next hour and day, seen or not yet seen; weir.Unbounded if
	// nothing bounds it.
	Hour, Day int
	// Taken is the most that a single credential has taken in clear in the last
	// day.
	Taken int
	Rows  []Risk // by kind of party, those who could take most first
}

// Unseen is the name of the credential in the Risk that stands for all those of a
// role that nobody has shown yet: a thief's could be one of them.
const Unseen = "(not seen yet)"

// Risk is what one party could take, and has taken. All numbers are of different
// customers.
type Risk struct {
	Party  weir.Party
	Role   string
	Who    string // for a credential: the principal it was last seen with
	Own    bool   // a customer, who sees its own record
	Budget weir.Budgets
	Taken  [weir.NumLanes][weir.NumWindows]int
	// CouldHour and CouldDay are the most that it could yet take in clear (for
	// customers: of records given as their own), by the tightest budget of all
	// that would be charged with it. weir.Unbounded: no budget bounds it.
	CouldHour, CouldDay int
	// CouldMonth is the same for 30 days: all that counts now has left by then.
	CouldMonth int
	Denied     int  // denials since the start
	Held       bool // a hold is in force
	Seen       time.Time
}

// mostKnown bounds the parties that the exposure lists apart.
const mostKnown = 20000

// knownParties remembers who was seen with which accounts.
type knownParties struct {
	mu      sync.Mutex
	parties map[weir.Party]*knownParty
}

type knownParty struct {
	Principal weir.Principal
	role      string
	who       string
	own       bool
	accounts  []weir.Account // nil: a role, an issuer, a network, the deployment
	under     *policy.Policy // of accounts
	denied    int
	seen      time.Time
}

// is takes over who a credential, principal or actor was last seen as, and the
// accounts that it has under a policy.
func (k *knownParty) is(pr *weir.Principal, accounts []weir.Account, role string, under *policy.Policy) {
	k.role, k.who, k.own, k.accounts, k.under = role, policy.PrincipalName(pr), pr.Kind == weir.Customer, accounts, under
	k.Principal = *pr
	k.Principal.Own = weir.Identifier{} // the pseudonym is enough
}

// now has the accounts be those under the policy that is in force now.
func (k *knownParty) now(p *policy.Policy) {
	if k.accounts != nil && k.under != p {
		k.accounts, k.under = p.Accounts(&k.Principal), p
	}
}

func (k *knownParties) get(p weir.Party) *knownParty {
	if k.parties == nil {
		k.parties = map[weir.Party]*knownParty{}
	}
	known := k.parties[p]
	if known == nil {
		if len(k.parties) >= mostKnown {
			k.forget()
		}
		known = &knownParty{}
		k.parties[p] = known
	}
	return known
}

// forget makes room by half: those go first who see nothing but their own record
// or show no credential, of whom there may be any number, and the longest unseen
// of them. Whoever floods the door with names does not push out the staff.
func (k *knownParties) forget() {
	type candidate struct {
		party weir.Party
		many  bool
		seen  time.Time
	}
	all := make([]candidate, 0, len(k.parties))
	for party, known := range k.parties {
		named := party.Kind == weir.ByCredential || party.Kind <= weir.ByActor && !strings.HasPrefix(party.Name, policy.AnonymousRole+"@")
		all = append(all, candidate{party, known.own || !named, known.seen})
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.many != b.many {
			if a.many {
				return -1
			}
			return 1
		}
		return a.seen.Compare(b.seen)
	})
	for _, c := range all[:len(all)/2] {
		if c.party.Kind != weir.ByDeployment && c.party.Kind != weir.ByRole {
			delete(k.parties, c.party)
		}
	}
}

func (k *knownParties) saw(p *Pass) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range p.plan.Accounts {
		known := k.get(a.Party)
		known.seen = p.began
		if a.Party.Kind <= weir.ByActor {
			known.is(&p.exchange.Principal, p.plan.Accounts, p.plan.Role, p.rules.policy)
		}
	}
}

func (k *knownParties) denied(p *Pass) {
	pol := p.guard.Policy()
	accounts := pol.Accounts(&p.exchange.Principal)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range accounts {
		known := k.get(a.Party)
		known.denied++
		if known.accounts == nil && a.Party.Kind <= weir.ByActor {
			known.is(&p.exchange.Principal, accounts, p.exchange.Principal.Role, pol)
		}
	}
}

func (k *knownParties) restore(e *ledger.Entry, p *policy.Policy) {
	principal := weir.Principal{
		Kind: e.PrincipalKind, Name: e.Principal, Role: e.Role, Issuer: e.Issuer, Network: e.Network, Credential: e.Credential, Act: e.Act,
	}
	accounts := p.Accounts(&principal)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range accounts {
		known := k.get(a.Party)
		known.seen = e.Time
		if a.Party.Kind <= weir.ByActor {
			known.is(&principal, accounts, e.Role, p)
		}
	}
}

// Exposure computes what could be lost, from the policy's budgets and what the
// meter has counted. A thief who begins now and has an hour can take what the
// hour allows, less what the longer windows will still hold against it when the
// hour is over.
func (g *Guard) Exposure() Exposure {
	x := Exposure{At: g.now(), Mode: g.mode, Observed: g.Observed()}
	holds := *g.holds.Load()
	pol := g.Policy()

	ahead := outlook{guard: g, now: x.At, tallies: tallies{guard: g, now: x.At}, seen: map[outlookKey]ahead{}, observes: g.observes(pol)}
	g.known.mu.Lock()
	g.known.get(weir.Party{Kind: weir.ByDeployment}) // listed from the beginning
	type listed struct {
		party weir.Party
		knownParty
	}
	all := make([]listed, 0, len(g.known.parties))
	for party, known := range g.known.parties {
		known.now(pol)
		all = append(all, listed{party, *known})
	}
	g.known.mu.Unlock() // no admission waits for what follows
	parties := map[weir.Party]bool{}
	for i := range all {
		parties[all[i].party] = true
		for _, a := range all[i].accounts {
			parties[a.Party] = true
		}
	}
	for _, role := range pol.Roles() {
		for _, a := range pol.Accounts(&weir.Principal{Kind: weir.Staff, Role: role, Name: Unseen, Credential: Unseen}) {
			parties[a.Party] = true
		}
	}
	ahead.tallies = g.tallies(x.At, parties)
	for i := range all {
		party, known := all[i].party, &all[i].knownParty
		r := Risk{Party: party, Role: known.role, Who: known.who, Own: known.own, Denied: known.denied, Seen: known.seen}
		accounts := known.accounts
		for _, a := range accounts {
			if a.Party == party {
				r.Budget = *a.Budgets
			}
		}
		if accounts == nil { // a role, an issuer, a network, the deployment: by themselves
			r.Budget = pol.Budgets(party)
			accounts = []weir.Account{{Party: party, Budgets: &r.Budget}}
		}
		for lane := range weir.NumLanes {
			r.Taken[lane] = ahead.tallies.of(party, lane, 0).Taken
			for w, n := range g.left.Usage(g.counted(x.At), party, lane, 0).Taken {
				r.Taken[lane][w] = max(r.Taken[lane][w], n)
			}
		}
		r.Held = holds.Check(accounts, x.At) != nil
		r.CouldHour, r.CouldDay, r.CouldMonth = ahead.could(accounts, lane(r.Own))
		if known.accounts != nil {
			r.CouldHour, r.CouldDay = ahead.beyond(&known.Principal, known.role, accounts, lane(r.Own), r.CouldHour, r.CouldDay)
		}
		x.Rows = append(x.Rows, r)
	}

	seen := map[string]bool{}
	for _, r := range x.Rows {
		if r.Party.Kind == weir.ByCredential {
			seen[r.Role] = true
		}
	}
	for _, role := range pol.Roles() {
		if seen[role] {
			continue
		}
		accounts := pol.Accounts(&weir.Principal{Kind: weir.Staff, Role: role, Name: Unseen, Credential: Unseen})
		r := Risk{Party: accounts[0].Party, Role: role, Budget: *accounts[0].Budgets}
		r.Own = r.Budget[weir.Clear] == weir.Budget{} && r.Budget[weir.Own] != weir.Budget{}
		r.CouldHour, r.CouldDay, r.CouldMonth = ahead.could(accounts, lane(r.Own))
		x.Rows = append(x.Rows, r)
	}
	for _, r := range x.Rows {
		if r.Party.Kind == weir.ByCredential || r.Party.Kind == weir.ByPrincipal {
			x.Hour, x.Day = most(x.Hour, r.CouldHour), most(x.Day, r.CouldDay)
		}
		if r.Party.Kind == weir.ByCredential {
			x.Taken = max(x.Taken, r.Taken[weir.Clear][weir.Day])
		}
	}
	slices.SortFunc(x.Rows, func(a, b Risk) int {
		return cmp.Or(
			cmp.Compare(a.Party.Kind, b.Party.Kind),
			cmp.Compare(uint(b.CouldHour), uint(a.CouldHour)), // Unbounded, as -1, is the largest
			cmp.Compare(b.Taken[weir.Clear][weir.Day], a.Taken[weir.Clear][weir.Day]),
			cmp.Compare(a.Party.Name, b.Party.Name),
		)
	})
	return x
}

// lane is the lane in which a customer, or anybody else, sees data unmasked.
func lane(own bool) weir.Lane {
	if own {
		return weir.Own
	}
	return weir.Clear
}

// An outlook answers for one moment what accounts could yet take. Most share
// their role, issuer, network and the deployment, whose tallies are long, so that
// each is asked about once.
type outlook struct {
	guard    *Guard
	now      time.Time
	tallies  tallies
	seen     map[outlookKey]ahead
	observes bool // something is not enforced: nothing bounds whoever goes there
}

type outlookKey struct {
	party weir.Party
	lane  weir.Lane
}

// ahead is what of a party's tally will still count in an hour and in a day.
type ahead struct{ hour, day [weir.NumWindows]int }

func (o *outlook) of(party weir.Party, lane weir.Lane) ahead {
	key := outlookKey{party, lane}
	a, asked := o.seen[key]
	if !asked {
		a.hour = o.tallies.of(party, lane, time.Hour).Staying
		a.day = o.tallies.of(party, lane, 24*time.Hour).Staying
		if party.Kind > weir.ByActor { // the others are hardly met twice
			o.seen[key] = a
		}
	}
	return a
}

// could gives the most customers that somebody charged to all these accounts
// could take in a lane within the next hour, day and 30 days.
func (o *outlook) could(accounts []weir.Account, lane weir.Lane) (hour, day, month int) {
	hour, day, month = weir.Unbounded, weir.Unbounded, weir.Unbounded
	if o.observes {
		return hour, day, month
	}
	for _, a := range accounts {
		b := a.Budgets[lane]
		staying := o.of(a.Party, lane)
		hour = least(hour, b[weir.Hour], left(b[weir.Day], staying.hour[weir.Day]), left(b[weir.Month], staying.hour[weir.Month]))
		day = least(day, times(24, b[weir.Hour]), b[weir.Day], left(b[weir.Month], staying.day[weir.Month]))
		month = least(month, times(30, b[weir.Day]), b[weir.Month])
	}
	return hour, day, month
}

func left(limit, staying int) int {
	if limit == weir.Unbounded {
		return limit
	}
	return max(0, limit-staying)
}

func times(n, limit int) int {
	if limit == weir.Unbounded {
		return limit
	}
	return n * limit
}

// least and most treat Unbounded as more than any number.
func least(limits ...int) int {
	min := weir.Unbounded
	for _, l := range limits {
		if l != weir.Unbounded && (min == weir.Unbounded || l < min) {
			min = l
		}
	}
	return min
}

func most(a, b int) int {
	if a == weir.Unbounded || b == weir.Unbounded {
		return weir.Unbounded
	}
	return max(a, b)
}

// Package policy says what personal data may flow, to whom, and how much of it.
//
// One YAML file, which a person can read in a review, is compiled by Parse into
// lookup tables: for each role and each purpose the action for each class, and
// for each party the number of distinct customers that it may take in each
// window. Plan then answers a request by reading those tables. The vocabulary
// is closed: there are no expressions, so every grant can be listed, compared
// and bounded before anybody uses it.
//
// What the file does not say is not permitted: an undeclared class is blocked, a
// role that is not named gets no plan, a budget that is not given is none. A
// file with a mistake in it gives no policy at all, and every mistake is shown
// with its line. A Policy never changes after Parse and may be used by any
// number of goroutines at once.
//
// It does no input or output, reads no clock, counts nothing and finds nothing:
// it is told the time and the holds, the meter counts what its budgets bound,
// and inspect finds the classes that it names. A detector that the file brings is
// stated here and compiled by whoever inspects.
package policy

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/getweir/weir"
)

// A Policy is a policy file, compiled. It never changes.
type Policy struct {
	version string
	digest  [sha256.Size]byte
	sources []Source     // the file and those that it includes
	files   []sourceFile // the same, for messages
	declare at           // where classes are declared

	classes    []Class
	points     []point            // what a table has an action for; those of classes come first, in their order
	exact      map[weir.Class]int // classes, into points
	families   map[weir.Class]int // families without their .*, into points
	purposes   []Purpose
	roles      map[string]*role
	roleNames  []string // in the order of the file
	issuers    map[string]*weir.Budgets
	networks   map[string]*weir.Budgets
	other      *weir.Budgets // for networks that are not named
	deployment *weir.Budgets
	// Terms of those that have any: nil maps, mostly.
	issuerTerms, networkTerms   map[string]*weir.Terms
	otherTerms, deploymentTerms *weir.Terms
	hasTerms                    bool // any of these

	vendors      []Vendor
	hosts        map[string]int // of vendors
	standing     []standingHold
	holds        Holds // of standing
	public       []PublicField
	publicKeys   []PublicField // those with a class and a key
	combinations []Combination
	partOf       []string // the classes of combinations: bit i is of partOf[i]
	parts        []uint64 // for each point the bits of the classes that cover it

	routes          []*route // in the order of the file
	tree            routeNode
	blockUndeclared bool
	observe         bool // where no route says otherwise

	approvals int // 0: not said
	approvers []Approver
	watch     WatchRules
	detectors []Detector
	warnings  []Warning
	takes     []namedTake // every `take` of the file, for Unbounded
}

// A Purpose is a reason for processing, with the legal basis that carries it.
type Purpose struct {
	Name weir.Purpose
	// Basis is one of GDPR art. 6(1): consent, contract, legal-obligation,
	// vital-interests, public-task, legitimate-interests.
	Basis string
	// About says it in words, for the privacy notice.
	About string

	at at
}

// WatchRules are the thresholds of the rules that follow the ledger.
type WatchRules struct {
	BudgetSpent BudgetSpent
	IDWalking   IDWalking
}

// BudgetSpent: a budget came to its end.
type BudgetSpent struct {
	// Hold is how long the credential is then held; 0: only an alert.
	Hold time.Duration
}

// IDWalking: a customer asks for records of other customers.
type IDWalking struct {
	// Strangers is how many different customers, not its own, a customer must
	// ask for within the time Within; 0: the rule is off.
	Strangers int
	Within    time.Duration
	// Hold is how long the customer is then held; 0: only an alert.
	Hold time.Duration
}

// A role, compiled.
type role struct {
	at
	name     string
	own      bool
	needs    *needs // nil: nothing
	purposes []weir.Purpose
	tables   []table // for each of purposes
	sees     []sight
	decides  []int // for each point which of sees decides, from 1; 0: none
	take     *weir.Budgets
	together *weir.Budgets
	// terms of take and of together, and take as a fresh second factor raises it;
	// nil: none.
	terms, togetherTerms *weir.Terms
	raised               *weir.Budgets
}

// most is what the role's take comes to at most.
func (r *role) most() *weir.Budgets {
	if r.raised != nil {
		return r.raised
	}
	return r.take
}

// A table has the action for each of Policy.points.
type table []weir.Action

// find gives the table for a purpose of the role.
func (r *role) find(purpose weir.Purpose) (table, bool) {
	for i, p := range r.purposes {
		if p == purpose {
			return r.tables[i], true
		}
	}
	return nil, false
}

// Version names the policy by its content: "sha256:" and the first 12
// hexadecimal digits of Digest.
func (p *Policy) Version() string { return p.version }

// File is the name that Parse was given.
func (p *Policy) File() string { return p.files[0].name }

// Files gives the names of its files as messages show them: the first, then those
// that it includes.
func (p *Policy) Files() (names []string) {
	for i := range p.files {
		names = append(names, p.files[i].name)
	}
	return names
}

// Purposes gives the declared purposes in the order of the file.
func (p *Policy) Purposes() []Purpose { return slices.Clone(p.purposes) }

// Roles gives the names of the roles in the order of the file.
func (p *Policy) Roles() []string { return slices.Clone(p.roleNames) }

// A Route is a place of the policy where requests name a customer, answers hold
// customers, or something passes unread.
type Route struct {
	Position
	Text    string   // GET /v1/customers/{id}
	Name    string   // what the ledger calls it
	Subject string   // as it is written; "": by the identifiers in each record
	Opaque  []string // media types that pass unread
	Observe bool     // nothing is enforced on it, by its own mode or the file's
	// Unreadable is how many customers an answer that cannot be inspected is taken
	// to hold, and passes; 0: it is withheld.
	Unreadable int
}

// Routes gives the routes in the order of the file.
func (p *Policy) Routes() (all []Route) {
	for _, r := range p.routes {
		all = append(all, Route{p.position(r.at), r.text, r.name, r.about, slices.Clone(r.opaque), r.observe, r.unreadable})
	}
	return all
}

// UndeclaredBlocked reports whether a request that matches no route is refused.
func (p *Policy) UndeclaredBlocked() bool { return p.blockUndeclared }

// Observe reports whether nothing is enforced where no route says otherwise.
func (p *Policy) Observe() bool { return p.observe }

// Watch gives the thresholds of the watching rules.
func (p *Policy) Watch() WatchRules { return p.watch }

// Warnings gives what is legal and still deserves a look, in the order of the
// file.
func (p *Policy) Warnings() []Warning { return slices.Clone(p.warnings) }

package exposure

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/policy"
)

// Kind says why something is not bounded.
type Kind string

const (
	NotEnforced Kind = "not-enforced" // the policy is only observed
	Budget      Kind = "budget"       // a budget of the policy is open
	PastWeir    Kind = "past-weir"    // the service can be reached past Weir, or nobody has tried
	Undeclared  Kind = "undeclared"   // routes and classes that were seen and are not in the policy
	Unread      Kind = "unread"       // what passes without being inspected
	Author      Kind = "author"       // who may change the policy
	Keys        Kind = "keys"         // who holds the keys
	Host        Kind = "host"         // who owns what Weir runs on
)

// An Open is something that no budget bounds.
type Open struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
	Do   string `json:"do,omitempty"` // what would bound it; "": nothing here would
	// Position in the policy, as file:line:column; "": none.
	Position string `json:"position,omitempty"`
}

// A Trouble is something that weir doctor has found.
type Trouble struct{ Text, Do string }

// Facts are what the list is made of. Policy is required.
type Facts struct {
	Policy    *policy.Policy
	Mode      guard.Mode
	Upstream  string // "": not known
	Witnesses int
	Now       time.Time // that what was tried long ago is seen as such
	// Coverage of the ledger; nil: not known.
	Coverage *coverage.Report
	// Vendors that data went to.
	Vendors []string
	// Doctor is when weir doctor was here last; zero: never. Past is what it said of
	// ways past Weir, Loose what it said of keys that others can read.
	Doctor      time.Time
	Past, Loose []Trouble
}

// old is how long a visit of doctor says something.
const old = 30 * 24 * time.Hour

func (f *Facts) mode() string {
	if f.Mode == guard.Observe || f.Policy.Observe() {
		return "observe"
	}
	return "enforced"
}

// Unbounded lists what no budget bounds, the worst first.
func Unbounded(f Facts) (all []Open) {
	say := func(kind Kind, where policy.Position, do, format string, args ...any) {
		o := Open{Kind: kind, Text: fmt.Sprintf(format, args...), Do: do}
		if where.Line > 0 {
			o.Position = fmt.Sprint(where)
		}
		all = append(all, o)
	}
	nowhere := policy.Position{}
	if f.mode() == "observe" {
		say(NotEnforced, nowhere, "take mode: observe out of the policy, or route by route, and start weir serve without --observe", "Weir only observes: every credential can take every customer")
	}
	for _, r := range f.Policy.Routes() {
		if r.Observe && !f.Policy.Observe() {
			say(NotEnforced, r.Position, "take mode: observe from the route", "nothing is withheld on %s, which is only observed", r.Text)
		}
	}
	for _, o := range f.Policy.Unbounded() {
		say(Budget, o.Position, "give it a number in each window: weir exposure --tighten has those that would have bothered nobody",
			"%s may take any number of customers in the lane %s (%s)", o.Whose, o.Lane, strings.Join(o.Windows, ", "))
	}
	f.past(say)
	f.seen(say)
	for _, r := range f.Policy.Routes() {
		if len(r.Opaque) > 0 {
			say(Unread, r.Position, "narrow opaque to types that hold nothing of customers", "%s pass unread on %s", strings.Join(r.Opaque, ", "), r.Text)
		}
	}
	for _, p := range f.Policy.PublicProfile() {
		say(Unread, p.Position, "", "%s passes in clear to everybody and is charged to nobody: customers publish it themselves", p.Text)
	}
	for _, v := range f.Policy.Vendors() {
		if v.Over(f.Now) {
			say(Undeclared, v.Position, "cut it off, or put the new contract's day into the policy", "the contract with vendor %s ended on %s", v.Name, v.Contract.Format(time.DateOnly))
		}
	}
	for _, name := range f.Vendors {
		if !slices.ContainsFunc(f.Policy.Vendors(), func(v policy.Vendor) bool { return v.Name == name }) {
			say(Undeclared, nowhere, "declare it under vendors, or cut it off", "data went to %s, which is no vendor of the policy", name)
		}
	}
	if f.Policy.Approvals() < 2 {
		say(Author, nowhere, "approvals: 2 in the policy", "whoever may change the policy alone: no second person has to agree")
	}
	for _, t := range f.Loose {
		say(Keys, nowhere, t.Do, "%s", t.Text)
	}
	if f.Witnesses == 0 {
		say(Keys, nowhere, "name witnesses under ledger: witnesses:", "whoever holds the ledger's key: without witnesses, another history could be signed")
	} else {
		say(Keys, nowhere, "", "whoever holds the keys in the state folder: the subjects' key opens pseudonyms")
	}
	say(Host, nowhere, "", "whoever owns this host, or the database below the service")
	return all
}

type sayer func(kind Kind, where policy.Position, do, format string, args ...any)

// past says what is known of ways past Weir.
func (f *Facts) past(say sayer) {
	service := f.Upstream
	if service == "" {
		service = "the service"
	}
	const try = "weir doctor tries"
	switch {
	case f.Doctor.IsZero():
		say(PastWeir, policy.Position{}, try, "whoever reaches %s past Weir: nobody has tried yet", service)
	case len(f.Past) > 0:
		for _, t := range f.Past {
			say(PastWeir, policy.Position{}, t.Do, "whoever reaches %s past Weir: %s (weir doctor, %s)", service, t.Text, f.Doctor.UTC().Format(time.DateOnly))
		}
	case f.Now.Sub(f.Doctor) > old:
		say(PastWeir, policy.Position{}, try, "whoever reaches %s past Weir: it was tried last on %s", service, f.Doctor.UTC().Format(time.DateOnly))
	default:
		say(PastWeir, policy.Position{}, "weir doctor --from-network NAME prints what to try elsewhere",
			"whoever reaches %s past Weir: not by this host's addresses, when weir doctor tried on %s", service, f.Doctor.UTC().Format(time.DateOnly))
	}
}

// mostSeen is how many routes or fields that are not declared are named.
const mostSeen = 10

// seen says what of the traffic the policy does not reach.
func (f *Facts) seen(say sayer) {
	if !f.Policy.UndeclaredBlocked() {
		say(Undeclared, policy.Position{}, "undeclared-routes: block, once all are named", "routes that the policy does not name: there a count is of the customers whom detectors recognise, so it reads at least")
	}
	if f.Coverage == nil {
		return
	}
	named := map[Kind]int{}
	for _, p := range f.Coverage.Problems {
		kind := map[coverage.Kind]Kind{coverage.Undeclared: Undeclared, coverage.NoSubject: Undeclared, coverage.Unread: Unread}[p.Kind]
		if kind == "" {
			continue
		}
		if named[kind]++; named[kind] <= mostSeen {
			say(kind, policy.Position{}, p.Do, "%s", p.Text)
		}
	}
	for _, kind := range []Kind{Undeclared, Unread} {
		if more := named[kind] - mostSeen; more > 0 {
			say(kind, policy.Position{}, "weir coverage lists them", "and %d more of this kind", more)
		}
	}
}

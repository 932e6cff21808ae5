package ledger

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/getweir/weir"
)

// Kind says what an Entry records. The zero Kind is not valid: an entry that
// nobody classified is refused.
type Kind uint8

const (
	Start        Kind = iota + 1 // a node began to serve
	Intent                       // an exchange is about to release its first batch
	Release                      // a batch of segments may leave
	Denied                       // a request, or the rest of an answer, was refused
	Close                        // an exchange ended; Outcome says how
	Summary                      // N exchanges of the last second held nothing personal
	PolicyLoaded                 // Policy is in force from here on
	Alert                        // a rule of watch saw something
	Hold                         // Party is refused until Until
	Lift                         // the hold on Party has ended
	Staff                        // a person did something in the console or on the command line
	Stop                         // a node ended on purpose
	KeyChange                    // the log's key is another from here on; Keys says which
	Heartbeat                    // a node is alive; Heads says what it saw of the others
	Dropped                      // the entries of Span are no longer kept; their hashes are
	Succession                   // this log goes on where that of Heads ends; Keys has both keys
	Coverage                     // what the traffic since the last one of the node held, and what was done about it; Seen has it
	PolicyStep                   // a policy that widens went a step on its way into force; Rule says which, Change has it
	Request                      // a request for more customers went a step; Rule says which, Asked has it
	WouldDeny                    // a request, or the rest of an answer, would have been refused, and was only observed
	endKinds
)

var kindNames = [...]string{
	"unknown", "start", "intent", "release", "denied", "close", "summary",
	"policy-loaded", "alert", "hold", "lift", "staff", "stop",
	"key-change", "heartbeat", "dropped", "succession", "coverage", "policy-step", "request", "would-deny",
}

// String gives the name of k in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("unknown(%d)", uint8(k))
}

// MaxSubjects is how many subjects one Entry can hold. More go into further
// entries of the same Append.
const MaxSubjects = 1000

// MaxEntry is the length in bytes of the longest encoded Entry. It is what a
// length of 16 bits can say, because entry bundles of the C2SP tlog-tiles
// format give each entry such a length.
const MaxEntry = 1<<16 - 1

// ErrEntry is what Append and Decode say of an entry that the format cannot
// hold or that is not written in the one way in which it may be written.
var ErrEntry = errors.New("invalid ledger entry")

// An Entry is one line of the ledger: who received what of whom, or an act that
// matters for judging that. It holds pseudonyms, names of the configuration and
// counts. It has no field for a personal value, and no caller may put one into
// a field meant for something else.
//
// Where the principal is a customer, Principal is the customer's pseudonym as
// text, so that the entry links to nobody once the subject directory has
// forgotten that customer.
type Entry struct {
	Kind Kind
	// Time is when it happened, in UTC and with nanoseconds. The log sets it
	// to now where it is zero, and to the previous entry's time where it is
	// earlier than that: time never runs backwards within a log.
	Time time.Time
	// Salt is random and set by the log. It keeps the hash of an entry from
	// being a test of a guess about the entry.
	Salt [16]byte
	Node string // which node wrote it; the log sets it where it is empty

	Exchange weir.ExchangeID // zero where it belongs to none

	Credential    string // fingerprint of what was shown
	Principal     string
	PrincipalKind weir.Kind
	Act           []string // whoever acts through Principal, outermost first
	Role          string
	Issuer        string
	Network       string

	Door      string
	Route     string // the policy's name of the route, not a path
	Recipient string // the vendor that receives; "": the principal
	Purpose   weir.Purpose
	Policy    string // version of the policy that decided

	Actions  []Count // what was done to which class, and how often
	Subjects []Taken // whose data it was; at most MaxSubjects
	// Would is what the policy would have done, had it been enforced in the
	// exchange. nil: it was. Actions and Subjects say what really left.
	Would *Would

	Read   int64 // bytes inspected
	Unread int64 // bytes that passed without being inspected

	Outcome string      // Close: "" complete, else what went wrong
	Reason  weir.Reason // Denied, WouldDeny, Hold: why
	Status  int         // the HTTP status that the client received
	Party   string      // text of the weir.Party whose budget or hold it is

	N     int       // Summary: how many exchanges
	Rule  string    // Alert, Hold: which rule; Denied, WouldDeny, Close for a budget: its lane and window, as clear/hour; Start: how long the machine had been up, as its guard writes it; KeyChange: Rotated or Replaced
	Text  string    // Alert, Hold, Lift, Staff: a sentence about it
	Until time.Time // Hold: when it ends by itself; zero: it does not. KeyChange: how long the old key signs, too

	Keys  KeyPair // KeyChange: the log's public keys before and after
	Heads []Head  // Heartbeat: the newest checkpoints that the node has seen of other logs
	Span  *Span   // Dropped: which entries
	Seen  []Seen  // Coverage: routes, classes and fields; at most MaxSeen

	Change *Change // PolicyLoaded, PolicyStep: from which policy to which
	Asked  *Asked  // Request: for what; Intent, Release: under which request, where that was beyond what is ordinary
	Pieces *Pieces // Release: what the batch held before it was decided on; nil: not recorded
}

// What Rule says in an entry of kind PolicyStep.
const (
	Proposed  = "proposed"  // it waits for approvals
	Signed    = "signed"    // Principal agrees; the Change has the signature
	Withdrawn = "withdrawn" // it waits no longer
)

// What Rule says in an entry of kind PolicyLoaded, of the policy against the one
// before.
const (
	First   = "first"   // none is known
	Widens  = "widens"  // in something, whatever it narrows elsewhere
	Narrows = "narrows" // it widens nothing
	Still   = "still"   // it is the same: said again, so that it is known when old entries are dropped
)

// What Rule says in an entry of kind Request: by Principal, about Party.
const (
	RequestAsked     = "asked"     // Until: when it would end
	RequestApproved  = "approved"  // from here until Until
	RequestRefused   = "refused"   // it never will be
	RequestExpired   = "expired"   // its time is over, or nobody agreed in time
	RequestWithdrawn = "withdrawn" // by who asked, or who had agreed
)

// A Change names what is to take whose place. From and To are SHA-256 digests of
// whole policies; a zero From is none.
type Change struct {
	ID        [12]byte // of the proposal, random; zero: none was needed
	From, To  [32]byte
	Signature string // Signed: as ssh-keygen -Y sign writes it
}

// Asked is what somebody wants beyond what is ordinary: so many different customers,
// in each of the lanes.
type Asked struct {
	ID        [12]byte // random
	Lanes     weir.Lanes
	Customers int
}

// What Rule says in an entry of kind KeyChange.
const (
	Rotated  = "rotated"  // the old key has signed the checkpoint that covers the entry
	Replaced = "replaced" // it could not, or was not to: nobody vouches for the new key but itself
)

// A KeyPair names two public keys of a log as text: name+hash+data.
type KeyPair struct{ Old, New string }

// A Head is the newest checkpoint that somebody has seen of a log.
type Head struct {
	Origin string // of the log
	Size   int64
	Root   tlog.Hash
}

// A Span is a run of a log's entries, From up to and without To.
type Span struct {
	From, To     int64
	Since, Until time.Time // times of the first and the last of them
	Root         tlog.Hash // of the tree of the first To entries
}

// MaxSeen is how many Seen one Entry can hold. They fit into MaxEntry if their texts
// have 500 bytes each.
const MaxSeen = 100

// A Seen says what the traffic held in one place, and what was done about it. It is
// about a route where Class and Field are empty; about a class on a route where only
// Field is; and about a field of its answers where Field is there: one in which
// nothing was found has no Class. Rule of the entry is "" where the policy was
// enforced, else why it was not.
type Seen struct {
	// Route is the policy's name of it; where the policy has none, the method and the
	// shape of the path, as "GET /orders/{id}".
	Route   string
	Role    string
	Purpose weir.Purpose
	Class   weir.Class
	// Field is where in an answer: "$.items[*].email" in JSON, "column email" in CSV,
	// "header Location", "text", "html". Keys that could be somebody's are "{id}".
	Field  string
	Action weir.Action // what was done about Class

	N        int   // exchanges of the route; findings of the class; of the field, those that were looked at
	Read     int64 // of a route: bytes inspected,
	Unread   int64 // bytes that passed without being inspected,
	Withheld int   // and segments that were withheld
}

// Count says how often an Action was taken on findings of a Class.
type Count struct {
	Class  weir.Class
	Action weir.Action
	N      int
}

// Taken says that data of Subject left, and in which manner.
type Taken struct {
	Subject weir.Subject
	Lanes   weir.Lanes
}

// A Would is what an exchange that was only observed would have come to.
type Would struct {
	// Actions is what would have been done to the findings that Entry.Actions
	// counts. What would have been withheld with its record, or come after the end
	// of a budget, is a Block.
	Actions []Count
	// Lanes has, for each of Entry.Subjects, those in which the policy charges the
	// customer, which is what counts against budgets; none: it would not have left.
	Lanes []weir.Lanes
}

// Charged gives the lanes in which the i-th of Subjects counts against budgets.
func (e *Entry) Charged(i int) weir.Lanes {
	if e.Would != nil {
		return e.Would.Lanes[i]
	}
	return e.Subjects[i].Lanes
}

// Parties gives everybody that the entry's exchange is charged to: credential,
// principal, actors, role, issuer, network and, always, the deployment, and the
// allowance under which it went beyond what is ordinary. One without a name is left
// out.
func (e *Entry) Parties() []weir.Party {
	ps := make([]weir.Party, 0, 7+len(e.Act))
	add := func(kind weir.PartyKind, name string) {
		if name != "" {
			ps = append(ps, weir.Party{Kind: kind, Name: name})
		}
	}
	add(weir.ByCredential, e.Credential)
	add(weir.ByPrincipal, e.Principal)
	for _, a := range e.Act {
		add(weir.ByActor, a)
	}
	add(weir.ByRole, e.Role)
	add(weir.ByIssuer, e.Issuer)
	add(weir.ByNetwork, e.Network)
	ps = append(ps, weir.Party{Kind: weir.ByDeployment})
	if e.Asked != nil {
		add(weir.ByAllowance, weir.ExchangeID(e.Asked.ID).String())
	}
	return ps
}

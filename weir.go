// Package weir holds the words that every other package of Weir speaks:
// who asks (Principal), for what (Purpose), what flows (Exchange, Segment),
// what was found in it (Class, Finding), whose it is (Identifier, Subject),
// what is done about it (Action, Denial) and in which amount (Lane, Budget).
//
// It holds no mechanism: types, their names as text, and the printing rules
// that keep personal values out of every log, error and dump.
//
// It guarantees two things. The zero value of each type is the safe one: the
// zero Action withholds, the zero Sensitivity is the highest, the zero Budget
// lets no customer through. And a personal value held in a Plain or a Segment
// never prints, whatever verb, handler or encoder meets it.
//
// It decides nothing, reads nothing and imports only the standard library.
package weir

import (
	"encoding/hex"
	"fmt"
	"iter"
	"math/bits"
	"strings"
	"time"
)

// A Class names one kind of personal data: a family, a dot and a name, such as
// "contact.email" or "media.viewing_history".
type Class string

// Secret reports whether c is of the family "credential": what opens something,
// such as a token or a key. It is judged and recorded as all else is, but a secret
// alone is nobody's data: the answer to a sign-in holds one and no customer.
func (c Class) Secret() bool { return strings.HasPrefix(string(c), "credential.") }

// A Purpose names why data is processed (GDPR art. 5(1)(b)): "support",
// "delivery", "recommendation". The policy gives each its legal basis.
type Purpose string

// Sensitivity grades a Class. The zero value is High, so that a class nobody
// graded is treated as the worst.
type Sensitivity uint8

const (
	High Sensitivity = iota
	Moderate
	Low
)

var sensitivityNames = [...]string{"high", "moderate", "low"}

func (s Sensitivity) String() string { return name(sensitivityNames[:], int(s)) }

// An Action says what happens to one finding. The zero value is Block: what
// nobody decided is withheld.
type Action uint8

const (
	// Block withholds the whole segment that holds the finding.
	Block Action = iota
	// Mask replaces the value by a blank of the same shape.
	Mask
	// Allow lets the value pass in clear.
	Allow
)

var actionNames = [...]string{"block", "mask", "allow"}

func (a Action) String() string { return name(actionNames[:], int(a)) }

// Confidence says how sure a detector is of a Finding.
type Confidence uint8

const (
	Unsure      Confidence = iota // a shape that many other things share
	LikelyMatch                   // a shape with some support from its context
	SureMatch                     // a checksum, or a shape that its context names
)

var confidenceNames = [...]string{"low", "medium", "high"}

func (c Confidence) String() string { return name(confidenceNames[:], int(c)) }

// Form says how the bytes of a Finding are written in their Segment, so that a
// replacement can be written the same way.
type Form uint8

const (
	FormText   Form = iota // characters of plain text, a header, a log line
	FormString             // the inside of a JSON string, escapes and all
	FormScalar             // a bare JSON number or literal
	FormTree               // a whole JSON array or object
	FormField              // the inside of a CSV field, without its quotes
	FormMarkup             // HTML text or attribute value, entities and all
)

// A Finding is personal data recognised in a Segment. It says where and what,
// never the value.
type Finding struct {
	Class      Class
	Start, End int // byte offsets in Segment.Body: [Start, End)
	Form       Form
	Confidence Confidence
	Checked    bool   // a checksum backs it
	Detector   string // which detector found it
	// Object numbers the innermost JSON object (or CSV row) of the segment
	// that holds the finding, from 0 in order of appearance. Findings of one
	// object are taken to be about one person. -1: no such structure.
	Object int
	// Customer is whose it is, where fingerprints of the company's own customers
	// tell; zero: not known.
	Customer Subject
}

// An Identifier points at one person: a kind ("customer", "email", "phone",
// "card", "iban") and a canonical value.
type Identifier struct {
	Kind  string
	Value Plain
}

// IsZero reports whether i points at nobody.
func (i Identifier) IsZero() bool { return i.Kind == "" }

// Equal reports whether i and j are the same identifier.
func (i Identifier) Equal(j Identifier) bool { return i.Kind == j.Kind && i.Value.Equal(j.Value) }

// A Subject is the random pseudonym of one customer. Only the subject
// directory can link it to an identifier; the zero Subject is nobody.
type Subject [16]byte

// String gives "s-" and 32 hexadecimal digits.
func (s Subject) String() string { return "s-" + hex.EncodeToString(s[:]) }

// ParseSubject reads what Subject.String writes.
func ParseSubject(text string) (Subject, error) {
	var s Subject
	if len(text) != 2+2*len(s) || text[:2] != "s-" {
		return Subject{}, fmt.Errorf("a subject is written s- and %d hexadecimal digits", 2*len(s))
	}
	if _, err := hex.Decode(s[:], []byte(text[2:])); err != nil {
		return Subject{}, fmt.Errorf("a subject is written s- and %d hexadecimal digits", 2*len(s))
	}
	return s, nil
}

// Kind says what sort of principal somebody is.
type Kind uint8

const (
	Anonymous Kind = iota // no credential: known by network only
	Customer              // may see its own record and nobody else's
	Staff
	Service
)

var kindNames = [...]string{"anonymous", "customer", "staff", "service"}

func (k Kind) String() string { return name(kindNames[:], int(k)) }

// ParseKind reads what Kind.String writes.
func ParseKind(s string) (Kind, error) {
	for i, n := range kindNames {
		if s == n {
			return Kind(i), nil
		}
	}
	return Anonymous, fmt.Errorf("unknown kind of principal (one of %v)", kindNames)
}

// A Principal is who takes part in an exchange, as its credential shows.
type Principal struct {
	Kind       Kind
	Name       string     // stable within Issuer; "" for anonymous and for customers, who are known by Own
	Role       string     // the policy's role
	Issuer     string     // who vouches for it: a token issuer, a key file, a certificate authority
	Network    string     // the network it comes from: a name of the configuration, else an address prefix
	Credential string     // a fingerprint of what could be stolen; never the credential
	Act        []string   // whoever acts through it (RFC 8693 "act"), outermost first
	Own        Identifier // the customer that it is, for Kind Customer
	// SecondFactor is when a second factor was last shown; zero: never.
	SecondFactor time.Time
	// Levels are what the credential's issuer calls a sign-in with a second factor
	// (the values of "acr" to ask it for); none: nobody has said.
	Levels []string
	// Expires is when the credential ends; zero: it does not say.
	Expires time.Time
}

// An ExchangeID names one exchange in the ledger: random, and of no meaning.
type ExchangeID [12]byte

// String gives 24 hexadecimal digits.
func (id ExchangeID) String() string { return hex.EncodeToString(id[:]) }

// An Exchange is what is known of a request before it is answered.
type Exchange struct {
	ID        ExchangeID
	Time      time.Time
	Door      string // "inbound", "egress", ...
	Principal Principal
	Purpose   Purpose // as asked for; "": the route's
	Method    string
	Path      Plain  // may hold identifiers
	Ticket    string // the ticket that the request names, as the client wrote it; "": none
	Approved  bool   // a second person has approved what the principal does now; the guard says so
	Recipient string // the vendor that receives the data; "": the principal
}

// Syntax says how a Segment is written.
type Syntax uint8

const (
	Text Syntax = iota // lines, logs, anything without a known structure
	JSON
	CSV
	HTML
	Header // the value of one header field
)

var syntaxNames = [...]string{"text", "json", "csv", "html", "header"}

func (s Syntax) String() string { return name(syntaxNames[:], int(s)) }

// A Segment is the smallest piece that is released or withheld whole: a JSON
// document, an element of an array, a row, a line, a header field. It prints as
// its syntax and length, never as its bytes (but for %p, which asks no method
// first, and which go vet refuses of a struct).
type Segment struct {
	Syntax Syntax
	Body   []byte
	// Path leads from the root of a JSON document to where Body begins: keys,
	// and "[]" for each array level. Element 3 of data.items has the path
	// ["data" "items" "[]"]. Shared between segments: not to be changed.
	Path []string
	// Record is true for a whole record, and false for a piece of the envelope
	// around an array, which begins and ends inside the document.
	Record bool
	// Columns names the fields of a CSV row, in order; Body is one row.
	Columns []string
	// Name is the field name of a Header segment.
	Name string
}

// Lane is the manner in which a customer's data left. Each lane has budgets of
// its own. One release can charge several.
type Lane uint8

const (
	Clear     Lane = iota // something of the customer left in clear
	Sensitive             // something of sensitivity high left in clear
	Masked                // something left masked; what is masked can be joined
	Probed                // the request named the customer; hit or miss is an answer
	Own                   // the customer saw its own record
	NumLanes
)

var laneNames = [...]string{"clear", "sensitive", "masked", "probed", "own"}

func (l Lane) String() string { return name(laneNames[:], int(l)) }

// Lanes is a set of lanes, a bit for each.
type Lanes uint8

// Has reports whether l is in the set.
func (s Lanes) Has(l Lane) bool { return s&(1<<l) != 0 }

// With gives the set with l in it.
func (s Lanes) With(l Lane) Lanes { return s | 1<<l }

// All goes through the lanes of the set.
func (s Lanes) All() iter.Seq[Lane] {
	return func(yield func(Lane) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(Lane(bits.TrailingZeros8(uint8(s)))) {
				return
			}
		}
	}
}

// Window is a span of time over which distinct customers are counted.
type Window uint8

const (
	Hour  Window = iota
	Day          // 24 hours
	Month        // 30 days: the ceiling, which no approval renews
	NumWindows
)

var windowNames = [...]string{"hour", "day", "30 days"}

func (w Window) String() string { return name(windowNames[:], int(w)) }

// Duration gives the length of the window.
func (w Window) Duration() time.Duration {
	return [...]time.Duration{time.Hour, 24 * time.Hour, 30 * 24 * time.Hour}[w]
}

// Unbounded, as a limit, lets any number through.
const Unbounded = -1

// A Budget is how many distinct customers may be taken in each window. The zero
// Budget lets none through.
type Budget [NumWindows]int

// Budgets has a Budget for each lane.
type Budgets [NumLanes]Budget

// PartyKind says in which capacity a Party is charged.
type PartyKind uint8

const (
	ByCredential PartyKind = iota
	ByPrincipal
	ByActor // one of the principal's Act chain
	ByRole
	ByIssuer
	ByNetwork
	ByDeployment
	ByAllowance // an approved request for more customers
)

var partyNames = [...]string{"credential", "principal", "actor", "role", "issuer", "network", "deployment", "allowance"}

func (k PartyKind) String() string { return name(partyNames[:], int(k)) }

// A Party is one whom a release is charged to. Each exchange has several.
type Party struct {
	Kind PartyKind
	Name string
}

// String gives "kind:name", or the kind alone where there is only one.
func (p Party) String() string {
	if p.Name == "" {
		return p.Kind.String()
	}
	return p.Kind.String() + ":" + p.Name
}

// ParseParty reads what Party.String writes.
func ParseParty(s string) (Party, error) {
	for k, n := range partyNames {
		if s == n {
			return Party{Kind: PartyKind(k)}, nil
		}
		if len(s) > len(n) && s[:len(n)] == n && s[len(n)] == ':' {
			return Party{Kind: PartyKind(k), Name: s[len(n)+1:]}, nil
		}
	}
	return Party{}, fmt.Errorf("unknown kind of party (one of %v)", partyNames)
}

// An Account is a party and what it may take. Many share their Budgets, which
// are not to be changed; nil lets none through.
type Account struct {
	Party   Party
	Budgets *Budgets
	// Terms say what else holds; nil: nothing. Not to be changed.
	Terms *Terms
}

// Terms say what holds of an account beside its budgets, by lane.
type Terms struct {
	// Burst is the most different customers in any minute; 0: no bound of its own.
	Burst [NumLanes]int
	// Alerts are shares of the budget, in percent, at which an alert is raised.
	Alerts [NumLanes][]int
	// Alerted are the lanes that have Alerts, and Bursts those that have a Burst.
	Alerted, Bursts Lanes
	// What happens at the end of the budget. Final: no approval raises it. StepUp: a
	// fresh second factor does, once. Ask: whoever is denied is told to ask for more.
	Final, StepUp, Ask Lanes
	// Fresh is how old the second factor for StepUp may be.
	Fresh time.Duration
}

// Budget gives what the party may take in a lane.
func (a *Account) Budget(lane Lane) Budget {
	if a.Budgets == nil {
		return Budget{}
	}
	return a.Budgets[lane]
}

// A Reason says, in a word that programs can compare, why something was denied.
type Reason string

const (
	ReasonCredential Reason = "credential"     // the credential shown does not hold
	ReasonRole       Reason = "role"           // no such role, or the role may not do this
	ReasonPurpose    Reason = "purpose"        // the purpose is not one of the role's
	ReasonNeeds      Reason = "needs"          // the role needs something that the request lacks; Denial.Needs says what
	ReasonBlocked    Reason = "blocked"        // the policy blocks a class in the answer
	ReasonNotOwn     Reason = "not-own"        // a customer asked for another's record
	ReasonBudget     Reason = "budget"         // a budget of distinct customers is spent
	ReasonHold       Reason = "hold"           // a hold is in force
	ReasonUnreadable Reason = "unreadable"     // the answer cannot be inspected
	ReasonRequest    Reason = "request"        // the request is not one that can be decided
	ReasonRecord     Reason = "record"         // the ledger cannot record it
	ReasonStore      Reason = "store"          // what the nodes of the deployment share cannot be asked
	ReasonUpstream   Reason = "upstream"       // the service behind the door failed
	ReasonInternal   Reason = "internal-error" // Weir failed
)

// A Denial is the one error that may be shown outside. Its text holds no
// personal value, and no detail of the policy beyond the reason.
type Denial struct {
	Reason  Reason
	Message string        // a sentence for the person who is denied
	Party   Party         // whose budget or hold it is; not shown outside
	Lane    Lane          // for ReasonBudget
	Window  Window        // for ReasonBudget
	Retry   time.Duration // when it may be tried again; 0: not by waiting
	Burst   bool          // for ReasonBudget: it is the bound of a minute, and none of a Window
	Needs   []Need        // for ReasonNeeds and ReasonBudget: what would help
}

// A NeedKind names what a role may need beside a credential.
type NeedKind string

const (
	NeedSecondFactor NeedKind = "second-factor"
	NeedNetwork      NeedKind = "network"
	NeedHours        NeedKind = "hours"
	NeedTicket       NeedKind = "ticket"
	NeedApproval     NeedKind = "approval"
)

// NeedKinds gives all kinds.
func NeedKinds() []NeedKind {
	return []NeedKind{NeedSecondFactor, NeedNetwork, NeedHours, NeedTicket, NeedApproval}
}

// A Need is something that a request lacks.
type Need struct {
	Kind NeedKind
	// MaxAge is how old the second factor may be, for NeedSecondFactor.
	MaxAge time.Duration
}

func (d *Denial) Error() string { return string(d.Reason) + ": " + d.Message }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

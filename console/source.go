package console

import (
	"context"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/watch"
)

// A Source is what the console shows and the two acts that it offers. Its
// methods are called from several goroutines, and none of them hands out a
// personal value: a customer is a pseudonym here, or a count.
type Source interface {
	// Exposure is read a few times a second while somebody looks.
	Exposure() Exposure
	// Coverage says what the traffic held; nil: it is not known yet.
	Coverage() *coverage.Report
	// Alerts gives the recent alerts, newest first.
	Alerts() []watch.Alert
	// Holds gives the holds in force.
	Holds() []Hold
	// Ledger gives the state of the ledger.
	Ledger() LedgerStatus
	// Replay calls fn with each durable entry from the index on, and returns.
	Replay(from int64, fn func(index int64, e *ledger.Entry) error) error
	// Follow does the same and then waits for more, until ctx ends.
	Follow(ctx context.Context, from int64, fn func(index int64, e *ledger.Entry) error) error
	// Verify checks the whole ledger. It calls progress with how much it has
	// checked, of how much, in any unit. An error means that it could not look; a ledger
	// that does not hold is a Verification that says so.
	Verify(ctx context.Context, progress func(done, of int64)) (Verification, error)
	// Lift ends the hold on a party and records who did it and why, as a Lift
	// entry, before it returns.
	Lift(ctx context.Context, party weir.Party, by, reason string) error
	// Requests gives the requests for more customers that wait, and those in force.
	Requests() []Request
	// Decide approves or refuses a request, on record, or says why not (a Refusal).
	Decide(ctx context.Context, d Decision) error
}

// Mode says whether the policy is in force.
type Mode string

// The modes that the console knows how to speak of. Whatever is not Enforcing is
// shown as no protection.
const (
	Enforcing Mode = "enforcing"
	Observe   Mode = "observe" // recorded, nothing withheld
	Partly    Mode = "partly"  // enforced on some routes, and only observed on others
)

// Exposure is how many customers could be lost and how many were taken.
type Exposure struct {
	Mode   Mode
	Policy string // version of the policy in force
	File   string // a sentence: why the policy's file is not what is in force; "": it is
	Node   string // this node's name; "": there is only one
	// Unbounded is what Weir does not bound, the worst first: open budgets, ways past
	// it, who holds the keys, who owns the host.
	Unbounded []exposure.Open
	// Observing names the routes that are only observed, where Mode is Partly.
	Observing []string
	// Would is what would have been done since the start, where nothing is enforced.
	Would Would
	// Rows are the parties worth a look; a few hundred are plenty, since each
	// look sorts them.
	Rows []Row
	// More counts, by kind, the parties left out of Rows, none of which could
	// take more than those in it.
	More map[weir.PartyKind]int
}

// A Would counts what observing has let pass.
type Would struct {
	Stopped  int64 // exchanges that would have been refused, or broken off
	Withheld int64 // records
	Masked   int64 // values
}

// A Row is one party that releases are charged to.
type Row struct {
	Party weir.Party
	// Role of a credential, principal or actor; "" for the others.
	Role string
	// Who, for a credential: the principal that it was last seen with.
	Who string
	// Own marks a customer: what it takes in lane Own is its own record, and the
	// bars show that lane instead of Clear.
	Own bool
	// Taken and Budget count distinct customers by lane and window.
	// weir.Unbounded is a budget without an end.
	Taken, Budget weir.Budgets
	// CouldHour and CouldDay are the most customers that could leave in clear to
	// this party in the next hour and day, were it stolen now; weir.Unbounded:
	// there is no most.
	CouldHour, CouldDay int
	Denied              int64 // exchanges, since start
	Held                bool
}

// A Hold keeps a party from being admitted.
type Hold struct {
	Party        weir.Party
	Reason       string
	Since, Until time.Time // a zero Until: until it is lifted
}

// LedgerStatus is the state of the ledger.
type LedgerStatus struct {
	Entries, Bytes int64
	// The last signed checkpoint; a zero CheckpointTime: none yet.
	CheckpointSize int64
	CheckpointRoot [32]byte // RFC 6962 tree hash
	CheckpointTime time.Time
	Witnesses      Witnesses
	Failed         string // a sentence: why it has stopped; "": it works
	// Archive says how the copy elsewhere stands; "": there is none. ArchiveFails:
	// it is not being brought up to date.
	Archive      string
	ArchiveFails bool
}

// Witnesses say who vouches for the ledger besides its own key. The zero value:
// nobody is asked to.
type Witnesses struct {
	Of, Need int       // how many are asked, and how many have to sign
	By       int       // how many have signed the newest checkpoint that enough did; 0: none yet
	Size     int64     // what it covers
	Last     time.Time // when the last of them signed
}

// A Verification is what a check of the ledger found.
type Verification struct {
	OK      bool
	Entries int64  // checked
	Text    string // a sentence: what holds, or where it breaks
}

package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
)

// A Store is what nodes share. store/postgres is one; storetest says what each must
// do, and has one in memory.
//
// A store has one clock, and every moment in a Store's methods is that clock's: a
// Stamp. What a method has returned without an error is durable; after an error it may
// have happened or not, and every method may be called again with the same.
type Store interface {
	// Join makes the node known, and tells what the store remembers of it. Where the
	// store remembers nothing of any node, every ledger that it has a copy of is missed
	// from then on until it is Ready. A store that has a smaller tick than
	// Last has forgotten: every node is missed until it is Ready again.
	//
	// The policy of a node that joins where no other is alive is the deployment's.
	Join(ctx context.Context, b Beat) (Joined, error)
	// Load says that a node has put another policy in force, which is the deployment's
	// from now on.
	Load(ctx context.Context, log, policy string) error
	// Acknowledged tells when the store had the entries of a log from an index on, in
	// order and at least one unless it has none of them; who asks goes on behind the last.
	Acknowledged(ctx context.Context, log string, from int64) ([]Mark, error)
	// Ready says that all that the log says was taken is in the store, up to counted,
	// as far as the recovery that Join told of is concerned, and ends whatever leases
	// the log's node had.
	Ready(ctx context.Context, log string, counted, recovery int64) error
	// Recover says that the store has forgotten something. Every node is missed until
	// it is Ready again.
	Recover(ctx context.Context, log string) error
	// Accept says of a log that is missed that it is to be missed no more.
	Accept(ctx context.Context, log string) error
	// Sync tells that a node is alive and what it has, and gives what is new to it.
	Sync(ctx context.Context, b Beat) (News, error)
	// Publish keeps acts in the order given, each numbered behind all others that are
	// there, and notes that the log's acts are published up to upto, an index of its
	// entries. Acts of entries that were published already are passed over: others may
	// have decided since. Of two holds on one party the longer one stays.
	Publish(ctx context.Context, log string, upto int64, acts []Act) error
	// Charge charges the longest prefix of segments that every account can afford, in
	// one step. Whoever counts in a window costs nothing more there, unless more count
	// than may: some are counted longer than they need be.
	Charge(ctx context.Context, c *Charge) (Charged, error)
	// Settle takes over what was taken under leases, and grants others. Of a lease that
	// has ended nothing is left when more is wanted: the next begins with what was used.
	Settle(ctx context.Context, s *Settlement) (Settled, error)
	// Usage tells what was taken by each account, in order, beside what is leased.
	Usage(ctx context.Context, accounts []Account) ([]Usage, error)
	// Sweep forgets what counts no more, some of it each time.
	Sweep(ctx context.Context) error
	// Changes receives something, now and then, soon after others have published.
	// What it misses the next Sync has.
	Changes() <-chan struct{}
}

// ErrForgotten is what a Store says that does not know what it has told before: it was
// put back to an older state.
var ErrForgotten = errors.New("the store has forgotten what it said before")

// A Stamp is a moment of the store's clock, in microseconds since 1970.
type Stamp int64

// At gives the moment as a time.
func (s Stamp) At() time.Time { return time.UnixMicro(int64(s)).UTC() }

// Add gives the moment d later.
func (s Stamp) Add(d time.Duration) Stamp { return s + Stamp(d/time.Microsecond) }

// Sub gives the time from t to s.
func (s Stamp) Sub(t Stamp) time.Duration { return time.Duration(s-t) * time.Microsecond }

// Grace is how much longer than the window says the store counts a customer. For so
// long whoever was told that somebody counts may take that customer again without
// asking: it still counts for a whole window from then on.
const Grace = time.Minute

// Kept tells for how long, after it was last taken, a customer counts in a window.
func Kept(w weir.Window) time.Duration { return w.Duration() + Grace }

// An Account is what one party takes in one lane.
type Account struct {
	Party weir.Party
	Lane  weir.Lane
}

// Bound is an account and what it may take.
type Bound struct {
	Account
	Limits weir.Budget
}

// A Charge is what one Release would take. Accounts differ from each other, and so do
// the demands of one account.
type Charge struct {
	// Log and Tick say what the store told this node before: one that does not know the
	// tick, or counts another recovery, has forgotten, and fails with ErrForgotten. An
	// empty Log says nothing.
	Log      string
	Tick     int64
	Recovery int64
	Bounds   []Bound
	Demands  []Demand // in the order of their segments
	Segments int      // how many there are; some may have no demand
	// The store's clock stands between these two, as far as the node can tell; zero:
	// it cannot. What leaves a window leaves it by the earlier of the clock and
	// Latest, what is taken is taken at the later of the clock and Earliest.
	Earliest, Latest Stamp
}

// A Demand is a customer that a segment would take from an account.
type Demand struct {
	Segment int
	Bound   int // its place in Bounds
	Subject weir.Subject
}

// Charged is what came of a Charge.
type Charged struct {
	Fit  int         // how many segments were charged, in full
	Over *meter.Over // which limit did not allow the next; nil: all fit
	Now  Stamp
}

// A Settlement is what one node settles.
type Settlement struct {
	Log string
	// Tick and Recovery are as in a Charge; a store that does not know them grants
	// nothing.
	Tick, Recovery int64
	Counted        int64 // all that the log's entries before this one say was taken is in the store with it; 0: says nothing
	Lines          []Line
	// Earliest and Latest are as in a Charge.
	Earliest, Latest Stamp
}

// A Line is an account's part of a settlement.
type Line struct {
	Bound
	Takes []Take
	Used  int64 // how many customers were taken under the lease, of all that was ever granted
	Want  int64 // how many more are wanted
	Span  time.Duration
	// Sealed: nothing more is taken under the lease, and Takes has the last of it. What
	// is left comes back when the lease has ended.
	Sealed bool
}

// A Take is a customer that was taken.
type Take struct {
	Subject weir.Subject
	At      Stamp // zero, or later than now: now
}

// Settled is what came of a Settlement.
type Settled struct {
	Leases []Lease // one for each line
	Now    Stamp
}

// A Lease is a number of customers that a node may take from an account without
// asking, until it ends. It counts in full, but for those that Settle has taken over,
// until it has ended by the store's clock if the node has sealed it, and else for as
// long as anybody taken under it could count.
type Lease struct {
	Granted int64 // all that was ever granted under it; 0: there is none
	Used    int64 // as the store knows
	Ends    Stamp
}

// Usage is what was taken by an account, as meter.Usage has it.
type Usage struct {
	Taken  [weir.NumWindows]int
	Leased [weir.NumWindows]int // counted beside it
	// InHour and InDay are how many of Taken will still count then; none in a window
	// that has passed as a whole.
	InHour, InDay [weir.NumWindows]int
}

// Joined is what the store remembers of a node.
type Joined struct {
	Now      Stamp
	Counted  int64 // up to which entry of its ledger what was taken is counted
	Acts     int64 // up to which entry its acts are published
	Obeyed   int64 // up to which number it has the acts on its ledger
	Recovery int64
	Tick     int64
}

// A Mark says when the store acknowledged entries of a ledger: those from First on and
// before Next.
type Mark struct {
	First, Next int64
	At          Stamp
}

// A Beat is what a node tells of itself.
type Beat struct {
	Log, Node string
	Last      int64 // the Tick that the store was heard to have; one that has less keeps nothing of this
	Tick      int64 // never smaller than before; to be kept where it is greater
	Policy    string
	Seen      int64 // acts up to this number are known
	Obeyed    int64 // acts up to this number are on the node's ledger; kept with Tick
}

// News is what a node does not know yet.
type News struct {
	Now      Stamp
	Before   int64 // the greatest Tick that the store had of this node before; -1: it knows no such node
	Acts     []Act // that are numbered higher than Seen, in order
	Recovery int64
	Policy   string   // the deployment's
	Loaded   Stamp    // since when
	Missing  []string // logs of nodes that are not Ready after the recovery
	Nodes    []Node
}

// A Node is a node as the store knows it.
type Node struct {
	Log, Node, Policy string
	Seen              Stamp
}

// An Act is a change that every node carries out, such as a hold.
type Act struct {
	Key   string // what it is about; of several with one key the last counts
	Index int64  // of its entry in the ledger of the node that publishes it
	Seq   int64  // set by the store
	Until Stamp  // when it ends by itself; 0: it does not
	Lifts bool   // whatever stood under Key, this is what counts now
	Entry *ledger.Entry
}

// Alive is how long after its last word a node is taken to be alive.
const Alive = 5 * time.Second

// Part is which part of what is left of a budget one grant may be at most, so that one
// node does not keep the others from the rest.
const Part = 4

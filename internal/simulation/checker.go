package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Lane is a way in which customers leave, counted apart.
type Lane uint8

const (
	Clear     Lane = iota // something about them was readable
	Sensitive             // so was a card's number
	Masked                // nothing was but their customer number, beside blanks
	Own                   // the client saw its own record
	Probed                // the client learned whether they exist
	lanes
)

var laneNames = [lanes]string{"clear", "sensitive", "masked", "own", "probed"}

func (l Lane) String() string { return laneNames[l] }

// windows are the spans in which customers are counted.
var windows = [...]struct {
	name string
	long time.Duration
}{{"hour", time.Hour}, {"day", 24 * time.Hour}, {"30 days", 30 * 24 * time.Hour}}

// A Limit is how many different customers may leave in an hour, a day and 30 days;
// negative: any number.
type Limit [len(windows)]int

// Limits has a Limit for each lane.
type Limits [lanes]Limit

// An Account is a party and what it may take.
type Account struct {
	Party  string
	Limits *Limits
}

// A Client is one exchange as it is seen from outside.
type Client struct {
	Exchange string
	Node     string // which node answers
	// Accounts are everybody who is charged, with what each may take by the rules that
	// were in force when the exchange was admitted.
	Accounts []Account
	// Hidden are the values that may not be readable by those rules.
	Hidden Kinds
	// Customer is true where the client is a customer, who may see the record of Self
	// and nobody else's.
	Customer bool
	Self     Person
}

// A Taking is that somebody was received in an exchange.
type Taking struct {
	Exchange string
	Person   Person
	Kinds    Kinds
	At       time.Time
}

// A Checker counts who was received. Its methods may be called from any goroutine.
type Checker struct {
	// Again is for how long whoever was received may be received again whatever a limit
	// is by then: nodes that share what they count do not ask about everybody each time.
	Again time.Duration

	mu      sync.Mutex
	last    map[line]map[Person]time.Time // when each was last received
	held    map[held]during               // what is on hold, and when
	takings []Taking
	wrong   []string
}

type line struct {
	party string
	lane  Lane
}

// held is a party on a node.
type held struct{ party, node string }

// during is from a time until another; a zero until: for good.
type during struct{ from, until time.Time }

// NewChecker gives a Checker that has seen nothing.
func NewChecker() *Checker {
	return &Checker{last: map[line]map[Person]time.Time{}, held: map[held]during{}}
}

// mostWrong is how many violations are kept.
const mostWrong = 20

func (c *Checker) fail(format string, args ...any) {
	if len(c.wrong) < mostWrong {
		c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	}
}

// Receive counts what a client got at a time: whole values, none divided between two
// calls.
func (c *Checker) Receive(at time.Time, client *Client, b []byte) {
	if len(b) == 0 {
		return
	}
	people := Shown(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	var in [lanes][]Person
	for p, kinds := range people {
		c.takings = append(c.takings, Taking{client.Exchange, p, kinds, at})
		if p >= Ghosts {
			c.fail("law 2: exchange %s at %v: %s left, whose records cannot be decided on", client.Exchange, at, p.ID())
		}
		if got := kinds & client.Hidden; got != 0 {
			c.fail("law 2: exchange %s at %v: values %06b of %s were readable and should not be", client.Exchange, at, got, p.ID())
		}
		if kinds&ID != 0 && client.Customer && p != client.Self {
			c.fail("law 3: exchange %s at %v: customer %s received the record of %s", client.Exchange, at, client.Self.ID(), p.ID())
		}
		switch {
		case client.Customer:
			in[Own] = append(in[Own], p)
			continue
		case kinds&Card != 0:
			in[Sensitive] = append(in[Sensitive], p)
			fallthrough
		case kinds&^ID != 0:
			in[Clear] = append(in[Clear], p)
		default:
			in[Masked] = append(in[Masked], p)
		}
	}
	for lane, who := range in {
		slices.Sort(who)
		c.count(at, client, Lane(lane), who)
	}
	if len(people) > 0 {
		for _, a := range client.Accounts {
			h, ok := c.held[held{a.Party, client.Node}]
			if ok && !at.Before(h.from) && (h.until.IsZero() || at.Before(h.until)) {
				c.fail("law 3: exchange %s at %v: %s is on hold from %v until %v and received %d customers through %s", client.Exchange, at, a.Party, h.from, h.until, len(people), client.Node)
			}
		}
	}
}

// Probe counts that a client learned whether a customer exists.
func (c *Checker) Probe(at time.Time, client *Client, p Person) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(at, client, Probed, []Person{p})
}

// count puts people into a lane of every account, and holds each window that ends now
// against the limit that is in force for the client.
func (c *Checker) count(at time.Time, client *Client, lane Lane, people []Person) {
	if len(people) == 0 {
		return
	}
	for _, a := range client.Accounts {
		k := line{a.Party, lane}
		last := c.last[k]
		if last == nil {
			last = map[Person]time.Time{}
			c.last[k] = last
		}
		again := c.Again > 0
		for _, p := range people {
			before, ever := last[p]
			again = again && ever && at.Sub(before) <= c.Again
			last[p] = at
		}
		if again {
			continue
		}
		var n [len(windows)]int
		for _, t := range last {
			for w := range windows {
				if at.Sub(t) <= windows[w].long {
					n[w]++
				}
			}
		}
		for w, limit := range a.Limits[lane] {
			if limit >= 0 && n[w] > limit {
				c.fail("law 3: exchange %s at %v: %s has received %d different customers %s within %s; the budget is %d",
					client.Exchange, at, a.Party, n[w], lane, windows[w].name, limit)
			}
		}
	}
}

// Hold says that nothing may reach a party through a node from a time until another;
// zero: until it is lifted. Of two holds the longer counts.
func (c *Checker) Hold(party, node string, from, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := held{party, node}
	h, ok := c.held[k]
	switch {
	case !ok, !h.until.IsZero() && !from.Before(h.until):
		c.held[k] = during{from, until}
	case until.IsZero() || !h.until.IsZero() && until.After(h.until):
		c.held[k] = during{h.from, until}
	}
}

// Lift ends the hold on a party through every node.
func (c *Checker) Lift(party string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.held {
		if k.party == party {
			delete(c.held, k)
		}
	}
}

// Fail adds what somebody else found to be wrong.
func (c *Checker) Fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(format, args...)
}

// Wrong gives the first violations.
func (c *Checker) Wrong() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.wrong)
}

// Takings gives everybody who was received.
func (c *Checker) Takings() []Taking {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.takings)
}

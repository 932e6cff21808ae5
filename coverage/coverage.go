// Package coverage says where customers' data was seen and what was done about it:
// every route, class and field of the traffic, since when, and which lines of the
// policy met nothing. What silently does not apply stands first.
//
// A Reader takes over the entries of one ledger or of several, in any order of the
// ledgers; a Report compares what it has read with a policy. The same entries and the
// same policy give the same Report.
//
// It guarantees that each finding that was recorded is counted in its class and its
// route, and that nothing is listed as in order that has a problem. Which field of an
// answer it was comes from a sample: a rare field may come late, its class does not.
// Counts of the last hour before a crash may be missing.
//
// It reads no answers and holds no values; names of fields are as the guard has
// written them, with {id} in the place of keys that could be somebody's. It does not
// see what Weir does not see: traffic past it, and answers it was told to pass unread.
package coverage

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// Kind says what is wrong with a line.
type Kind string

const (
	NotEnforced Kind = "not-enforced" // the policy is only observed there
	Undeclared  Kind = "undeclared"   // the policy has no such route, or no such class
	Unread      Kind = "unread"       // bytes passed without being inspected
	NoSubject   Kind = "no-subject"   // personal data where the policy does not say whose it is, or says it wrong
	Unused      Kind = "unused"       // a line of the policy that has met nothing
)

// Kinds are all of them, the worst first.
var Kinds = []Kind{NotEnforced, Undeclared, Unread, NoSubject, Unused}

// A Reader gathers what entries say. The zero Reader has read nothing. It is for one
// goroutine at a time.
type Reader struct {
	From, To time.Time // of the entries that it has read; zero: of none
	// After: what was recorded before it is passed over.
	After time.Time

	routes map[string]*routeSeen
	cells  map[place]*cell
	nodes  map[string]bool
}

// place is what is told apart.
type place struct {
	Route, Role string
	Purpose     weir.Purpose
	Class       weir.Class
	Field       string
	Action      weir.Action
}

type cell struct {
	First, Last time.Time
	Policy      string // of the first entry, without a break
	Latest      string // of the last one
	N           int
}

type routeSeen struct {
	First, Last  time.Time
	Policy, Mode string // of the last entry
	N            int
	Read, Unread int64
	Withheld     int
	LastUnread   time.Time
	Roles        map[string]bool
}

// Read takes an entry over.
func (r *Reader) Read(e *ledger.Entry) {
	if e.Time.Before(r.After) {
		return
	}
	if r.From.IsZero() || e.Time.Before(r.From) {
		r.From = e.Time
	}
	if e.Time.After(r.To) {
		r.To = e.Time
	}
	if e.Kind != ledger.Coverage {
		return
	}
	if r.routes == nil {
		r.routes, r.cells, r.nodes = map[string]*routeSeen{}, map[place]*cell{}, map[string]bool{}
	}
	r.nodes[e.Node] = true
	for i := range e.Seen {
		s := &e.Seen[i]
		r.route(e, s)
		if s.Class == "" && s.Field == "" {
			continue
		}
		at := place{s.Route, s.Role, s.Purpose, s.Class, s.Field, s.Action}
		c := r.cells[at]
		if c == nil {
			c = &cell{First: e.Time, Policy: e.Policy}
			r.cells[at] = c
		}
		if e.Time.Before(c.First) {
			c.First, c.Policy = e.Time, e.Policy
		}
		if !e.Time.Before(c.Last) {
			c.Last, c.Latest = e.Time, e.Policy
		}
		c.N += s.N
	}
}

func (r *Reader) route(e *ledger.Entry, s *ledger.Seen) {
	at := r.routes[s.Route]
	if at == nil {
		at = &routeSeen{First: e.Time, Roles: map[string]bool{}}
		r.routes[s.Route] = at
	}
	if e.Time.Before(at.First) {
		at.First = e.Time
	}
	if !e.Time.Before(at.Last) {
		at.Last, at.Policy, at.Mode = e.Time, e.Policy, e.Rule
	}
	at.Roles[s.Role] = true
	if s.Class != "" || s.Field != "" {
		return
	}
	at.N += s.N
	at.Read += s.Read
	at.Unread += s.Unread
	at.Withheld += s.Withheld
	if s.Unread > 0 && e.Time.After(at.LastUnread) {
		at.LastUnread = e.Time
	}
}

// snapshot is what a Reader knows, in JSON.
type snapshot struct {
	Version  int
	From, To time.Time
	Nodes    []string
	Routes   map[string]*routeSeen
	Cells    []snapshotCell
}

type snapshotCell struct {
	place
	cell
}

const snapshotVersion = 1

// Snapshot writes what the Reader knows, for Load.
func (r *Reader) Snapshot() ([]byte, error) {
	s := snapshot{Version: snapshotVersion, From: r.From, To: r.To, Nodes: slices.Sorted(maps.Keys(r.nodes)), Routes: r.routes}
	for at, c := range r.cells {
		s.Cells = append(s.Cells, snapshotCell{at, *c})
	}
	return json.Marshal(&s)
}

var errSnapshot = errors.New("coverage: not a snapshot of this version")

// Load gives the Reader that Snapshot has written.
func Load(state []byte) (*Reader, error) {
	var s snapshot
	if err := json.Unmarshal(state, &s); err != nil {
		return nil, errSnapshot
	}
	if s.Version != snapshotVersion {
		return nil, errSnapshot
	}
	r := &Reader{From: s.From, To: s.To, routes: map[string]*routeSeen{}, cells: map[place]*cell{}, nodes: map[string]bool{}}
	for name, at := range s.Routes {
		if at == nil {
			return nil, errSnapshot
		}
		if at.Roles == nil {
			at.Roles = map[string]bool{}
		}
		r.routes[name] = at
	}
	for _, c := range s.Cells {
		r.cells[c.place] = &c.cell
	}
	for _, n := range s.Nodes {
		r.nodes[n] = true
	}
	return r, nil
}

// compare gives the order of places in a report.
func compare(a, b place) int {
	return cmp.Or(strings.Compare(a.Route, b.Route), strings.Compare(a.Field, b.Field), strings.Compare(string(a.Class), string(b.Class)),
		strings.Compare(a.Role, b.Role), strings.Compare(string(a.Purpose), string(b.Purpose)), cmp.Compare(a.Action, b.Action))
}

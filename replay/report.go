package replay

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// A Report is what a draft would have done. Requests are those that are on record one
// by one; Quiet are those that held nothing personal, of which nobody knows whose they
// were.
type Report struct {
	Draft      string         `json:"draft"`    // version
	Policies   []Version      `json:"policies"` // that were in force
	Since      time.Time      `json:"since"`
	From       time.Time      `json:"from"` // of the first entry
	To         time.Time      `json:"to"`   // of the last
	Entries    int            `json:"entries"`
	Quiet      int            `json:"quiet"`
	Total      Counts         `json:"total"`
	Rows       []*Row         `json:"rows"` // worst first
	Stops      []Stop         `json:"stops"`
	MoreStops  int            `json:"more_stops"` // that Stops has no room for
	Unknowable map[string]int `json:"unknowable"` // requests, by why
}

// A Version is a policy that was in force, and whether it was at hand.
type Version struct {
	Version string `json:"version"`
	AtHand  bool   `json:"at_hand"`
}

// Counts are of requests, and of records: the segments of answers that hold something
// personal or are somebody's.
type Counts struct {
	Requests     int `json:"requests"`
	WereRefused  int `json:"were_refused"`
	WereStopped  int `json:"were_stopped"`
	Refused      int `json:"refused"` // under the draft
	StoppedShort int `json:"stopped"` // under the draft
	Unknowable   int `json:"unknowable"`
	NewlyRefused int `json:"newly_refused"` // of Refused, what had passed, or begun to

	Records    int `json:"records"`
	Same       int `json:"records_same"`
	Masked     int `json:"records_masked"`      // something in clear would be masked
	Unmasked   int `json:"records_unmasked"`    // something masked would be in clear
	Blocked    int `json:"records_blocked"`     // withheld by what they hold
	NotOwn     int `json:"records_not_own"`     // withheld as somebody else's
	Stopped    int `json:"records_stopped"`     // behind a stop, or of a request that is refused
	LetThrough int `json:"records_let_through"` // they were withheld
	Unknown    int `json:"records_unknowable"`
}

// A Row is what becomes of the requests of one principal, in one role, on one route.
type Row struct {
	Principal string `json:"principal"`
	Role      string `json:"role"`
	Route     string `json:"route"`
	Counts
	Classes []Turn `json:"classes"`
}

// A Turn says in how many records a class would be treated in another way.
type Turn struct {
	Class weir.Class `json:"class"`
	Was   string     `json:"was"`
	Now   string     `json:"now"`
	N     int        `json:"records"`
}

// A Stop is a budget that the draft ends, the first time in its window.
type Stop struct {
	Time      time.Time `json:"time"`
	Principal string    `json:"principal"`
	Role      string    `json:"role"`
	Route     string    `json:"route"`
	Party     string    `json:"party"` // whose budget
	Lane      string    `json:"lane"`
	Window    string    `json:"window"`
	After     int       `json:"after"` // customers
	Limit     int       `json:"limit"`
}

// Bounds on a report. What does not fit is counted in one row, and in MoreStops.
const (
	mostRows  = 10_000
	mostStops = 1_000
	others    = "(others)"
)

type rowKey struct{ principal, role, route string }

// Customers is the Principal of the row of all of them: each sees itself.
const Customers = "(customers)"

func principal(e *ledger.Entry) string {
	if e.PrincipalKind == weir.Customer {
		return Customers
	}
	return e.Principal
}

func (r *Replay) row(e *ledger.Entry) *Row {
	k := rowKey{principal(e), e.Role, e.Route}
	row := r.rows[k]
	if row == nil && len(r.rows) >= mostRows {
		k = rowKey{others, others, others}
		row = r.rows[k]
	}
	if row == nil {
		row = &Row{Principal: k.principal, Role: k.role, Route: k.route, Classes: []Turn{}}
		r.rows[k] = row
	}
	return row
}

func (r *Row) turn(c weir.Class, was, now weir.Action) {
	for i := range r.Classes {
		if t := &r.Classes[i]; t.Class == c && t.Was == was.String() && t.Now == now.String() {
			t.N++
			return
		}
	}
	r.Classes = append(r.Classes, Turn{c, was.String(), now.String(), 1})
}

func (r *Report) stop(s Stop) {
	if len(r.Stops) >= mostStops {
		r.MoreStops++
		return
	}
	r.Stops = append(r.Stops, s)
}

// count counts n requests of which x is one.
func (r *Replay) count(x *exchange, n int) {
	c := &x.Counts
	c.Requests += n
	if x.denied {
		c.WereRefused += n
	}
	if x.stopped {
		c.WereStopped += n
	}
	switch x.fate {
	case refused:
		c.Refused += n
		if !x.denied && (!x.stopped || x.left > 0) {
			c.NewlyRefused += n
		}
	case stopped:
		c.StoppedShort += n
	case unknown:
		c.Unknowable += n
		r.report.Unknowable[x.why] += n
	}
	x.row.add(c)
	if r.trace != nil {
		r.trace(x)
	}
}

func (c *Counts) add(o *Counts) {
	c.Requests += o.Requests
	c.WereRefused += o.WereRefused
	c.WereStopped += o.WereStopped
	c.Refused += o.Refused
	c.StoppedShort += o.StoppedShort
	c.Unknowable += o.Unknowable
	c.NewlyRefused += o.NewlyRefused
	c.Records += o.Records
	c.Same += o.Same
	c.Masked += o.Masked
	c.Unmasked += o.Unmasked
	c.Blocked += o.Blocked
	c.NotOwn += o.NotOwn
	c.Stopped += o.Stopped
	c.LetThrough += o.LetThrough
	c.Unknown += o.Unknown
}

// worse orders by what people would notice: refused and stopped first, then what would
// be withheld, masked, let through, unknowable.
func (c *Counts) worse() [5]int {
	return [...]int{c.NewlyRefused, c.Stopped, c.Blocked + c.NotOwn, c.Masked, c.LetThrough + c.Unmasked + c.Unknown + c.Unknowable}
}

func (r *Report) finish(rows map[rowKey]*Row) *Report {
	r.Rows = slices.SortedFunc(maps.Values(rows), func(a, b *Row) int {
		return cmp.Or(-slices.Compare(arrayOf(a), arrayOf(b)), cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Route, b.Route))
	})
	r.Total = Counts{}
	for _, row := range r.Rows {
		r.Total.add(&row.Counts)
		slices.SortFunc(row.Classes, func(a, b Turn) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Class, b.Class)) })
	}
	if r.Stops == nil {
		r.Stops = []Stop{}
	}
	return r
}

func arrayOf(r *Row) []int {
	w := r.worse()
	return w[:]
}

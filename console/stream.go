package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// Bounds on what the console remembers of the ledger.
const (
	maxExchanges = 100  // shown, newest first; and as many denied ones
	maxDistinct  = 2048 // customers told apart within one exchange
	maxChips     = 8    // classes shown for one exchange
	maxSeconds   = 120  // of per-second figures
)

// stream is the recent past as the ledger tells it: the last exchanges and
// figures for each second. It is not safe for concurrent use.
type stream struct {
	last, denied ring
	open         map[weir.ExchangeID]*exchange // those in last that are not closed
	seconds      [maxSeconds]second
	newest       int64 // Unix second of the newest entry
	next         int64 // index of the entry to read next
	total        int64 // exchanges seen
}

// second is what happened within one second, by the clock of the entries.
type second struct {
	unix                     int64
	exchanges, denied, clear int
}

// exchange is what several entries say of one exchange.
type exchange struct {
	ID        weir.ExchangeID
	Time      time.Time
	Principal string
	Kind      weir.Kind
	Role      string
	Purpose   weir.Purpose
	Route     string
	Recipient string
	Chips     []chip
	More      int // classes beyond maxChips

	Clear, Masked, Own int
	AtMost             bool // counts may hold a customer twice: too many to tell apart

	Denied  bool
	Closed  bool
	Outcome string // in words, once closed

	lanes map[weir.Subject]weir.Lanes // nil once closed
}

// chip is what was done with one class.
type chip struct {
	Class  weir.Class
	Action weir.Action
	N      int
}

// ring keeps the last exchanges.
type ring struct {
	at   int
	kept [maxExchanges]*exchange
}

// push keeps x and gives what it took the place of.
func (r *ring) push(x *exchange) (gone *exchange) {
	gone, r.kept[r.at] = r.kept[r.at], x
	r.at = (r.at + 1) % len(r.kept)
	return gone
}

// newest gives what is kept, newest first.
func (r *ring) newest() []*exchange {
	all := make([]*exchange, 0, len(r.kept))
	for i := range r.kept {
		if x := r.kept[(r.at-1-i+2*len(r.kept))%len(r.kept)]; x != nil {
			all = append(all, x)
		}
	}
	return all
}

func newStream() *stream { return &stream{open: map[weir.ExchangeID]*exchange{}} }

// observe takes in one entry.
func (s *stream) observe(index int64, e *ledger.Entry) {
	s.next = index + 1
	switch e.Kind {
	case ledger.Summary:
		s.second(e.Time).exchanges += e.N
		s.total += int64(e.N)
		return
	case ledger.Intent, ledger.Release, ledger.Denied, ledger.Close:
	default:
		return
	}
	x, ok := s.open[e.Exchange]
	if !ok {
		if e.Kind == ledger.Close && !tells(e) {
			return // the end of an exchange that has left the screen, or had nothing personal
		}
		x = &exchange{ID: e.Exchange, Time: e.Time, lanes: map[weir.Subject]weir.Lanes{}}
		if gone := s.last.push(x); gone != nil {
			gone.lanes = nil
			delete(s.open, gone.ID)
		}
		s.open[x.ID] = x
		s.second(e.Time).exchanges++
		s.total++
	}
	x.take(e, s.second(e.Time))
	if e.Kind == ledger.Denied || e.Kind == ledger.Close {
		x.Closed, x.lanes = true, nil
		delete(s.open, x.ID)
	}
	if e.Reason != "" && !x.Denied {
		x.Denied = true
		s.second(e.Time).denied++
		s.denied.push(x)
	}
}

// tells reports whether a Close is worth a line of its own.
func tells(e *ledger.Entry) bool {
	return e.Reason != "" || len(e.Subjects) > 0 || len(e.Actions) > 0
}

// take adds what e says to x.
func (x *exchange) take(e *ledger.Entry, sec *second) {
	x.Principal = cmp.Or(x.Principal, e.Principal, e.Credential)
	x.Kind = max(x.Kind, e.PrincipalKind)
	x.Role = cmp.Or(x.Role, e.Role)
	x.Purpose = cmp.Or(x.Purpose, e.Purpose)
	x.Route = cmp.Or(x.Route, e.Route)
	x.Recipient = cmp.Or(x.Recipient, e.Recipient)
	for _, c := range e.Actions {
		x.chip(chip{c.Class, c.Action, c.N})
	}
	if e.Kind != ledger.Intent {
		for _, t := range e.Subjects {
			x.count(t.Subject, t.Lanes, sec)
		}
	}
	switch {
	case e.Reason != "":
		x.Outcome = string(e.Reason)
	case e.Outcome != "":
		x.Outcome = e.Outcome
	case e.Kind == ledger.Close:
		x.Outcome = "complete"
	}
}

func (x *exchange) chip(c chip) {
	for i := range x.Chips {
		if x.Chips[i].Class == c.Class && x.Chips[i].Action == c.Action {
			x.Chips[i].N += c.N
			return
		}
	}
	if len(x.Chips) == maxChips {
		x.More++
		return
	}
	x.Chips = append(x.Chips, c)
	// What left in clear first: it is what matters.
	slices.SortStableFunc(x.Chips, func(a, b chip) int {
		return cmp.Or(cmp.Compare(b.Action, a.Action), strings.Compare(string(a.Class), string(b.Class)))
	})
}

// count adds a customer to the lanes in which it was not yet counted.
func (x *exchange) count(s weir.Subject, lanes weir.Lanes, sec *second) {
	before := x.lanes[s]
	if len(x.lanes) < maxDistinct {
		if x.lanes == nil {
			x.lanes = map[weir.Subject]weir.Lanes{}
		}
		x.lanes[s] = before | lanes
	} else if before == 0 {
		x.AtMost = true
	}
	fresh := lanes &^ before
	inClear := func(l weir.Lanes) bool { return l.Has(weir.Clear) || l.Has(weir.Sensitive) }
	if inClear(fresh) && !inClear(before) {
		x.Clear++
		sec.clear++
	}
	if fresh.Has(weir.Masked) {
		x.Masked++
	}
	if fresh.Has(weir.Own) {
		x.Own++
	}
}

// second gives the figures of t's second. An entry older than what is kept adds
// to the oldest second, which is about to be forgotten.
func (s *stream) second(t time.Time) *second {
	unix := t.Unix()
	if unix > s.newest {
		s.newest = unix
	}
	unix = max(unix, s.newest-maxSeconds+1)
	sec := &s.seconds[((unix%maxSeconds)+maxSeconds)%maxSeconds]
	if sec.unix != unix {
		*sec = second{unix: unix}
	}
	return sec
}

// since gives the figures of the n seconds up to and with the one of now, oldest
// first.
func (s *stream) since(now time.Time, n int) []second {
	all := make([]second, n)
	for i := range all {
		unix := now.Unix() - int64(n-1-i)
		all[i].unix = unix
		if sec := s.seconds[((unix%maxSeconds)+maxSeconds)%maxSeconds]; sec.unix == unix {
			all[i] = sec
		}
	}
	return all
}

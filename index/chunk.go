package index

import (
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// A chunk gathers the visits of consecutive entries. Its names are numbered from
// 1 on, within it.
type chunk struct {
	number     int64
	begin, end time.Time // of the first and the last entry
	entries    int64

	subjects names[weir.Subject, weir.Subject]
	whos     names[whoKey, Who]
	wheres   names[Where, Where]
	sets     names[string, []Treated]
	words    names[string, string]

	visits []*visit
	open   map[visitKey]*visit // not closed yet
}

// names numbers values by a comparable key.
type names[K comparable, V any] struct {
	by  map[K]uint32
	all []V // all[n-1] is number n
}

func (n *names[K, V]) number(k K, v func() V) uint32 {
	id, ok := n.by[k]
	if !ok {
		if n.by == nil {
			n.by = map[K]uint32{}
		}
		n.all = append(n.all, v())
		id = uint32(len(n.all))
		n.by[k] = id
	}
	return id
}

// whoKey is a Who that can be compared: its actors are joined by a byte that no
// text has.
type whoKey struct {
	credential, principal string
	kind                  weir.Kind
	act                   string
	role, issuer, network string
}

// visitKey tells visits apart: an exchange, and who and where it says it is.
type visitKey struct {
	exchange   weir.ExchangeID
	who, where uint32
}

// A visit is a Visit with numbers for names. Times are in ns since 1970.
type visit struct {
	visitKey
	started bool // an Intent is among its batches: nothing of it lies before
	batches []batch
	sights  []Sight // of all batches
	closed  bool
	close   int64
	closeAt int64
	outcome uint32
	unread  int64
	upTo    int64 // while it is put together: the last chunk whose part of it is in
}

// A batch has no pointers: there are many.
type batch struct {
	index, at int64
	kind      ledger.Kind
	set       uint32
	reason    uint32
	n         int32
	from, to  int32 // its sights among those of the visit
}

func (v *visit) sightsOf(b *batch) []Sight { return v.sights[b.from:b.to:b.to] }

// whole reports whether no other chunk can have anything of the visit.
func (v *visit) whole() bool { return v.started && v.closed || v.exchange == weir.ExchangeID{} }

// before is what the entry before says that the next one may leave out: a batch of
// more customers than an entry holds goes on in the next one, which does not say
// again what was done.
type before struct {
	index    int64
	exchange weir.ExchangeID
	actions  []ledger.Count
	full     bool
}

// warm is how many entries before a chunk have to be read so that before is right:
// more than any one Append can hold of full entries.
const warm = 1024

// continues gives the actions of a Release.
func (b *before) continues(index int64, e *ledger.Entry) []ledger.Count {
	actions := e.Actions
	if e.Kind != ledger.Release {
		*b = before{}
		return nil
	}
	if len(actions) == 0 && e.Read == 0 && b.full && b.index == index-1 && b.exchange == e.Exchange {
		actions = b.actions
	}
	*b = before{index, e.Exchange, actions, len(e.Subjects) == ledger.MaxSubjects}
	return actions
}

// add takes in an entry; actions are what continues said of it.
func (c *chunk) add(index int64, e *ledger.Entry, actions []ledger.Count) {
	if c.entries == 0 {
		c.begin = e.Time
	}
	c.entries++
	c.end = e.Time
	switch e.Kind {
	case ledger.Intent, ledger.Release, ledger.Denied, ledger.Close:
	default:
		return
	}
	v := c.visit(e)
	if e.Kind == ledger.Close {
		v.closed, v.close, v.closeAt, v.unread = true, index, e.Time.UnixNano(), e.Unread
		if e.Outcome != "" {
			v.outcome = c.words.number(e.Outcome, func() string { return e.Outcome })
		}
		delete(c.open, v.visitKey)
		return
	}
	b := batch{index: index, at: e.Time.UnixNano(), kind: e.Kind, from: int32(len(v.sights))}
	switch e.Kind {
	case ledger.Intent:
		v.started = true
	case ledger.Release:
		b.set = c.set(actions)
	case ledger.Denied:
		b.n = int32(min(e.N, 1<<31-1))
		if e.Reason != "" {
			b.reason = c.words.number(string(e.Reason), func() string { return string(e.Reason) })
		}
	}
	for _, t := range e.Subjects {
		v.sights = append(v.sights, Sight{c.subjects.number(t.Subject, func() weir.Subject { return t.Subject }), t.Lanes})
	}
	b.to = int32(len(v.sights))
	v.batches = append(v.batches, b)
}

// visit finds the visit that an entry belongs to, or begins it.
func (c *chunk) visit(e *ledger.Entry) *visit {
	w := whoKey{e.Credential, e.Principal, e.PrincipalKind, strings.Join(e.Act, "\x00"), e.Role, e.Issuer, e.Network}
	k := visitKey{exchange: e.Exchange}
	k.who = c.whos.number(w, func() Who {
		return Who{e.Credential, e.Principal, e.PrincipalKind, e.Act, e.Role, e.Issuer, e.Network}
	})
	where := Where{e.Door, e.Route, e.Recipient, e.Purpose}
	k.where = c.wheres.number(where, func() Where { return where })
	if v := c.open[k]; v != nil && e.Exchange != (weir.ExchangeID{}) {
		return v
	}
	v := &visit{visitKey: k}
	c.visits = append(c.visits, v)
	if c.open == nil {
		c.open = map[visitKey]*visit{}
	}
	c.open[k] = v
	return v
}

// set numbers what was done to which classes.
func (c *chunk) set(actions []ledger.Count) uint32 {
	if len(actions) == 0 {
		return 0
	}
	all := make([]Treated, len(actions))
	for i, a := range actions {
		all[i] = Treated{a.Class, a.Action}
	}
	slices.SortFunc(all, func(a, b Treated) int {
		if d := strings.Compare(string(a.Class), string(b.Class)); d != 0 {
			return d
		}
		return int(a.Action) - int(b.Action)
	})
	all = slices.Compact(all)
	key := string(encodeTreated(all))
	return c.sets.number(key, func() []Treated { return all })
}

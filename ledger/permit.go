package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/getweir/weir"
)

// ErrPermit is what Take says where a permit does not cover what is asked for:
// it is the zero one, another log's, of another exchange, of other customers or
// classes, used already, or too old.
var ErrPermit = errors.New("no permit of the ledger for this")

// PermitLife is how long a Permit is good, from when its entries are durable.
const PermitLife = 30 * time.Second

// A Permit is a receipt that opens values: the entries of one exchange are
// durable, and what they say may leave may be read, each class of each customer
// once, for a short time. Only Log.Permit makes valid ones; the zero Permit
// covers nothing. Copies of a Permit are one: what was taken from one is taken
// from all. Its methods may be called concurrently.
type Permit struct{ made *permit }

type permit struct {
	log      *Log
	receipt  Receipt
	exchange weir.ExchangeID
	ends     time.Time // by the monotonic clock

	mu sync.Mutex
	// covers is guarded by mu; false: taken. Without a class it is the answer to
	// whether something is so.
	covers map[Taking]bool
}

// Permit records entries as Append does, and gives what may be read on their
// account. They must be of kind Release and of one exchange, and say who reads
// (Principal, or Network for who shows no credential), for what (Purpose) and
// why (Route, or Text where a person says it). Covered are, for each of their
// Subjects, the classes of Actions that are not blocked; and where Lanes has
// weir.Probed, one answer about that customer.
func (l *Log) Permit(ctx context.Context, entries ...*Entry) (Permit, error) {
	p := &permit{log: l, covers: make(map[Taking]bool)}
	for i, e := range entries {
		if err := p.cover(e, i == 0); err != nil {
			return Permit{}, fmt.Errorf("permit: %w", err)
		}
	}
	var err error
	if p.receipt, err = l.Append(ctx, entries...); err != nil {
		return Permit{}, fmt.Errorf("permit: %w", err)
	}
	p.ends = time.Now().Add(PermitLife)
	return Permit{p}, nil
}

func (p *permit) cover(e *Entry, first bool) error {
	switch {
	case e.Kind != Release:
		return fmt.Errorf("%w: only releases permit anything, and this is: %s", ErrEntry, e.Kind)
	case e.Exchange == weir.ExchangeID{}:
		return fmt.Errorf("%w: it belongs to no exchange", ErrEntry)
	case !first && e.Exchange != p.exchange:
		return fmt.Errorf("%w: it belongs to another exchange than the first", ErrEntry)
	case e.Principal == "" && (e.PrincipalKind != weir.Anonymous || e.Network == ""):
		return fmt.Errorf("%w: it does not say who reads", ErrEntry)
	case e.Purpose == "":
		return fmt.Errorf("%w: it does not say for what purpose", ErrEntry)
	case e.Route == "" && e.Text == "":
		return fmt.Errorf("%w: it does not say why", ErrEntry)
	}
	p.exchange = e.Exchange
	for _, s := range e.Subjects {
		if s.Subject == (weir.Subject{}) {
			return fmt.Errorf("%w: a subject is nobody", ErrEntry)
		}
		for _, c := range e.Actions {
			if c.Action != weir.Block && c.Class != "" {
				p.covers[Taking{s.Subject, c.Class}] = true
			}
		}
		if s.Lanes.Has(weir.Probed) {
			p.covers[Taking{Who: s.Subject}] = true
		}
	}
	return nil
}

// Valid reports whether the permit is one of Log.Permit's. It may be used or too
// old.
func (p Permit) Valid() bool { return p.made != nil }

// Receipt gives that of the entries.
func (p Permit) Receipt() Receipt {
	if p.made == nil {
		return Receipt{}
	}
	return p.made.receipt
}

// Take uses the permit up for values of classes of a customer: all of them or, if
// it does not cover one, none, and then it fails with ErrPermit. log is the
// ledger whose permits the caller believes.
func (p Permit) Take(log *Log, exchange weir.ExchangeID, who weir.Subject, classes ...weir.Class) error {
	all := make([]Taking, len(classes))
	for i, c := range classes {
		all[i] = Taking{who, c}
	}
	return p.TakeAll(log, exchange, all)
}

// A Taking is a class of a customer.
type Taking struct {
	Who   weir.Subject
	Class weir.Class
}

// TakeAll is Take for several customers at once. One that is named twice is taken
// once.
func (p Permit) TakeAll(log *Log, exchange weir.ExchangeID, all []Taking) error {
	if len(all) == 0 {
		return fmt.Errorf("%w: nothing is asked for", ErrPermit)
	}
	for _, t := range all {
		if t.Class == "" {
			return fmt.Errorf("%w: no class is asked for", ErrPermit)
		}
	}
	return p.take(log, exchange, all)
}

// TakeAnswer uses the permit up for one answer about a customer.
func (p Permit) TakeAnswer(log *Log, exchange weir.ExchangeID, who weir.Subject) error {
	return p.take(log, exchange, []Taking{{Who: who}})
}

func (p Permit) take(log *Log, exchange weir.ExchangeID, all []Taking) error {
	m := p.made
	switch {
	case m == nil:
		return fmt.Errorf("%w: none was given", ErrPermit)
	case log == nil || m.log != log:
		return fmt.Errorf("%w: it is another ledger's", ErrPermit)
	case m.exchange != exchange:
		return fmt.Errorf("%w: it is of another exchange", ErrPermit)
	case time.Now().After(m.ends):
		return fmt.Errorf("%w: it is older than %v", ErrPermit, PermitLife)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range all {
		switch left, covered := m.covers[t]; {
		case !covered && t.Class == "":
			return fmt.Errorf("%w: its entries record no answer about this customer", ErrPermit)
		case !covered:
			return fmt.Errorf("%w: its entries do not record %s of this customer", ErrPermit, t.Class)
		case !left:
			return fmt.Errorf("%w: it was used already", ErrPermit)
		}
	}
	for _, t := range all {
		m.covers[t] = false
	}
	return nil
}

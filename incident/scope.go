// Package incident answers, when a credential was stolen or a vendor was
// breached, the first question: which customers.
//
// A Scope takes in what an index says of the exchanges of whoever is asked about
// and sorts their customers into three sets. Confirmed: something of the customer
// left in clear, or as its own record, and the transfer ended as it should.
// Possible: something left, but no outcome is on record, the transfer broke off,
// bytes left that were not inspected, or nobody can say whose pseudonym it is.
// Excluded: the customer was asked about and nothing of it left, or what left of
// it was masked. Every customer stands in one set, the first of these that fits,
// with the entries of the ledger that say so.
//
// It guarantees that the sets are those of the entries and nothing else: the same
// entries give the same scope, and each statement names the entries behind it,
// which weir ledger prove and weir-verify turn into proofs.
//
// It does no I/O, opens no pseudonym, knows no country of residence (nothing that
// the ledger holds says it), and cannot speak of exchanges in which nothing was
// recognised: those the ledger only counts, for everybody together.
package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/ledger"
)

// Certainty says how sure it is that a customer's data left.
type Certainty uint8

const (
	Excluded Certainty = iota
	Possible
	Confirmed
	certainties
)

var certaintyNames = [...]string{"excluded", "possible", "confirmed"}

func (c Certainty) String() string { return certaintyNames[c] }

// Why a customer, or an exchange, is in a set other than Confirmed.
const (
	NoOutcome = "no-outcome" // no end of the exchange is on record
	Broken    = "broken-off" // the transfer broke off; some of it may have arrived
	Unread    = "unread"     // bytes left that were not inspected
	Unnamed   = "unnamed"    // the directory has no identifier: data without one, or the customer was erased
	Masked    = "masked"     // all that was recognised was masked; what is masked can sometimes be joined
	Denied    = "denied"     // asked about, and denied
	Nothing   = "nothing"    // asked about, and nothing of the customer was in the answer
)

// delivered are the outcomes after which all that was released has been written to
// the client: the exchange was complete, or the guard stopped it behind that.
func delivered(outcome string) bool { return outcome == "" || outcome == "stopped" }

// A Detail is what happened to a customer's data in exchanges of one certainty.
type Detail struct {
	Clear      []weir.Class // seen in clear
	Masked     []weir.Class
	Shared     bool // a batch held others, too: the classes are then the batch's, at most the customer's
	First      time.Time
	Last       time.Time
	Times      int // entries that say so
	Doors      []string
	Routes     []string
	Recipients []string // vendors; what went to the principal itself has none
	Purposes   []weir.Purpose
	Entries    []Run // of the ledger, with those of the outcomes
}

// A Run is the entries First to Last.
type Run struct{ First, Last int64 }

// A Customer is one pseudonym in a set.
type Customer struct {
	Subject weir.Subject
	Why     []string // empty for Confirmed
	Detail
	Also *Detail // for Confirmed: what is possible beyond that
}

// Unattributed are exchanges whose customers nobody can name.
type Unattributed struct {
	Why       string
	Route     string
	Door      string
	Recipient string
	Exchanges int
	Bytes     int64        // that were not inspected
	Classes   []weir.Class // recognised without a customer
	Entries   []Run
}

// A Taker is one who made exchanges that the scope is about.
type Taker struct {
	index.Who
	Exchanges   int
	First, Last time.Time
}

// A Scope is the answer. Sets are ordered by first entry.
type Scope struct {
	Sets         [certainties][]Customer // by Certainty
	Unattributed []Unattributed
	Takers       []Taker
	Exchanges    int
}

// A Scoping gathers a Scope. For one goroutine.
type Scoping struct {
	customers map[uint32]*[certainties]*tally
	gaps      map[gap]*Unattributed
	takers    map[uint32]*Taker
	entries   map[*Unattributed][]int64
	exchanges int
}

type gap struct {
	why   string
	where *index.Where
}

// tally is a Detail that is being gathered.
type tally struct {
	wheres      []*index.Where
	sets        []uint32
	treated     [][]index.Treated
	entries     []int64
	first, last time.Time
	times       int
	shared      bool
	why         []string
}

// NewScoping begins with nobody.
func NewScoping() *Scoping {
	return &Scoping{
		customers: map[uint32]*[certainties]*tally{}, gaps: map[gap]*Unattributed{},
		takers: map[uint32]*Taker{}, entries: map[*Unattributed][]int64{},
	}
}

// left are the lanes of data that could be read.
const left = weir.Lanes(1<<weir.Clear | 1<<weir.Sensitive | 1<<weir.Own)

// Add takes in a visit.
func (s *Scoping) Add(v *index.Visit) {
	s.exchanges++
	s.take(v)
	about, found := false, false // a customer, or a class, is in it
	for i := range v.Batches {
		b := &v.Batches[i]
		found = found || b.Kind == ledger.Release && released(b.Treated)
		for _, sight := range b.Sights {
			about = about || b.Kind != ledger.Denied
			c, why := certainty(v, b, sight.Lanes)
			s.customer(sight.Subject, c, why, v, b)
		}
	}
	if v.Unread > 0 {
		s.gap(Unread, v) // whoever else they are about
		return
	}
	denied := len(v.Batches) > 0 && !slices.ContainsFunc(v.Batches, func(b index.Batch) bool { return b.Kind != ledger.Denied })
	switch {
	case about, denied:
	case !v.Closed:
		s.gap(NoOutcome, v)
	case found:
		s.gap(Unnamed, v)
	}
}

// released reports whether anything of what was recognised went on.
func released(all []index.Treated) bool {
	return slices.ContainsFunc(all, func(t index.Treated) bool { return t.Action != weir.Block })
}

// certainty says what one entry proves about one of its customers.
func certainty(v *index.Visit, b *index.Batch, lanes weir.Lanes) (Certainty, string) {
	if b.Kind == ledger.Denied {
		return Excluded, Denied
	}
	clear := b.Kind == ledger.Release && lanes&left != 0
	switch {
	case !v.Closed && (clear || b.Kind == ledger.Intent):
		return Possible, NoOutcome
	case clear && !delivered(v.Outcome):
		return Possible, Broken
	case clear:
		return Confirmed, ""
	case v.Unread > 0:
		return Possible, Unread
	case b.Kind == ledger.Release && lanes.Has(weir.Masked):
		return Excluded, Masked
	}
	return Excluded, Nothing
}

func (s *Scoping) customer(id uint32, c Certainty, why string, v *index.Visit, b *index.Batch) {
	all := s.customers[id]
	if all == nil {
		all = new([certainties]*tally)
		s.customers[id] = all
	}
	t := all[c]
	if t == nil {
		t = &tally{first: b.Time, last: b.Time}
		all[c] = t
	}
	t.times++
	t.why = with(t.why, why)
	t.entries = append(t.entries, b.Index)
	if v.Closed {
		t.entries = append(t.entries, v.Close)
	}
	t.wheres = with(t.wheres, v.Where)
	if b.Set != 0 && !slices.Contains(t.sets, b.Set) {
		t.sets, t.treated = append(t.sets, b.Set), append(t.treated, b.Treated)
	}
	t.shared = t.shared || b.Kind == ledger.Release && len(b.Sights) > 1
	if b.Time.Before(t.first) {
		t.first = b.Time
	}
	if b.Time.After(t.last) {
		t.last = b.Time
	}
}

func (s *Scoping) gap(why string, v *index.Visit) {
	k := gap{why, v.Where}
	g := s.gaps[k]
	if g == nil {
		g = &Unattributed{Why: why, Route: v.Where.Route, Door: v.Where.Door, Recipient: v.Where.Recipient}
		s.gaps[k] = g
	}
	g.Exchanges++
	g.Bytes += v.Unread
	for _, b := range v.Batches {
		s.entries[g] = append(s.entries[g], b.Index)
		for _, t := range b.Treated {
			if t.Action != weir.Block {
				g.Classes = with(g.Classes, t.Class)
			}
		}
	}
	if v.Closed {
		s.entries[g] = append(s.entries[g], v.Close)
	}
}

func (s *Scoping) take(v *index.Visit) {
	t := s.takers[v.Who]
	if t == nil {
		t = &Taker{}
		s.takers[v.Who] = t
	}
	t.Exchanges++
	for _, b := range v.Batches {
		if t.First.IsZero() || b.Time.Before(t.First) {
			t.First = b.Time
		}
		if b.Time.After(t.Last) {
			t.Last = b.Time
		}
	}
}

// with adds x to a short list that does not have it.
func with[T comparable](list []T, x T) []T {
	if n := len(list); n > 0 && list[n-1] == x || slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

// Scope gives the result, with the names that the answer has for numbers. named
// says which of the subjects the directory knows, and is asked about those only
// that would be confirmed; nil: nobody can say, and all stay confirmed.
func (s *Scoping) Scope(a *index.Answer, named func([]weir.Subject) ([]bool, error)) (*Scope, error) {
	out := &Scope{Exchanges: s.exchanges}
	nameless := map[weir.Subject]bool{}
	if named != nil {
		var sure []weir.Subject
		for id, all := range s.customers {
			if all[Confirmed] != nil {
				sure = append(sure, a.Subject(id))
			}
		}
		known, err := named(sure)
		if err != nil {
			return nil, err
		}
		for i, k := range known {
			nameless[sure[i]] = !k
		}
	}
	for id, all := range s.customers {
		c := Customer{Subject: a.Subject(id)}
		set := Confirmed
		for all[set] == nil {
			set--
		}
		if set == Confirmed && nameless[c.Subject] {
			merged := join(all[Confirmed], all[Possible])
			merged.why = with(merged.why, Unnamed)
			all = &[certainties]*tally{Possible: merged}
			set = Possible
		}
		c.Detail = all[set].detail()
		if set != Confirmed {
			c.Why = slices.Sorted(slices.Values(all[set].why))
		} else if all[Possible] != nil {
			also := all[Possible].detail()
			c.Also = &also
		}
		out.Sets[set] = append(out.Sets[set], c)
	}
	for _, set := range out.Sets {
		slices.SortFunc(set, func(a, b Customer) int {
			return cmp.Or(cmp.Compare(a.Entries[0].First, b.Entries[0].First), slices.Compare(a.Subject[:], b.Subject[:]))
		})
	}
	for _, g := range s.gaps {
		g.Entries = runs(s.entries[g])
		slices.Sort(g.Classes)
		out.Unattributed = append(out.Unattributed, *g)
	}
	slices.SortFunc(out.Unattributed, func(a, b Unattributed) int {
		return cmp.Or(strings.Compare(a.Why, b.Why), strings.Compare(a.Door, b.Door), strings.Compare(a.Route, b.Route), strings.Compare(a.Recipient, b.Recipient), slices.CompareFunc(a.Entries, b.Entries, compareRuns))
	})
	for id, t := range s.takers {
		t.Who = *a.Who(id)
		out.Takers = append(out.Takers, *t)
	}
	slices.SortFunc(out.Takers, func(a, b Taker) int {
		return cmp.Or(b.Exchanges-a.Exchanges, strings.Compare(a.Principal, b.Principal), strings.Compare(a.Credential, b.Credential), a.First.Compare(b.First))
	})
	return out, nil
}

func compareRuns(a, b Run) int {
	return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
}

// join adds one tally to another; b may be nil.
func join(a, b *tally) *tally {
	if b == nil {
		return a
	}
	t := *a
	for _, w := range b.wheres {
		t.wheres = with(t.wheres, w)
	}
	for i, set := range b.sets {
		if !slices.Contains(t.sets, set) {
			t.sets, t.treated = append(t.sets, set), append(t.treated, b.treated[i])
		}
	}
	for _, why := range b.why {
		if why != "" {
			t.why = with(t.why, why)
		}
	}
	t.entries = append(t.entries, b.entries...)
	t.times += b.times
	t.shared = t.shared || b.shared
	if b.first.Before(t.first) {
		t.first = b.first
	}
	if b.last.After(t.last) {
		t.last = b.last
	}
	return &t
}

func (t *tally) detail() Detail {
	d := Detail{Shared: t.shared, First: t.first, Last: t.last, Times: t.times, Entries: runs(t.entries)}
	t.why = slices.DeleteFunc(t.why, func(s string) bool { return s == "" })
	for _, all := range t.treated {
		for _, x := range all {
			switch x.Action {
			case weir.Allow:
				d.Clear = with(d.Clear, x.Class)
			case weir.Mask:
				d.Masked = with(d.Masked, x.Class)
			}
		}
	}
	for _, w := range t.wheres {
		d.Doors = withName(d.Doors, w.Door)
		d.Routes = withName(d.Routes, w.Route)
		d.Recipients = withName(d.Recipients, w.Recipient)
		if w.Purpose != "" {
			d.Purposes = with(d.Purposes, w.Purpose)
		}
	}
	slices.Sort(d.Clear)
	slices.Sort(d.Masked)
	slices.Sort(d.Doors)
	slices.Sort(d.Routes)
	slices.Sort(d.Recipients)
	slices.Sort(d.Purposes)
	return d
}

func withName(list []string, s string) []string {
	if s == "" {
		return list
	}
	return with(list, s)
}

// runs writes entries, in any order and some twice, as runs.
func runs(all []int64) (list []Run) {
	all = slices.Clone(all)
	slices.Sort(all)
	for _, i := range all {
		if n := len(list); n > 0 && i <= list[n-1].Last+1 {
			list[n-1].Last = i
		} else {
			list = append(list, Run{i, i})
		}
	}
	return list
}

// Entries gives all entries behind the scope, as runs.
func (s *Scope) Entries() []Run {
	var all []Run
	for _, set := range s.Sets {
		for _, c := range set {
			all = append(all, c.Entries...)
			if c.Also != nil {
				all = append(all, c.Also.Entries...)
			}
		}
	}
	for _, u := range s.Unattributed {
		all = append(all, u.Entries...)
	}
	slices.SortFunc(all, compareRuns)
	var list []Run
	for _, r := range all {
		if n := len(list); n > 0 && r.First <= list[n-1].Last+1 {
			list[n-1].Last = max(list[n-1].Last, r.Last)
		} else {
			list = append(list, r)
		}
	}
	return list
}

// Holds reports whether an entry is in runs, which ascend.
func Holds(list []Run, i int64) bool {
	_, found := slices.BinarySearchFunc(list, i, func(r Run, i int64) int {
		switch {
		case r.Last < i:
			return -1
		case r.First > i:
			return 1
		}
		return 0
	})
	return found
}

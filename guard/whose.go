package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// mostCustomers is how many different customers one segment may be about. A
// segment of more is withheld: it should have been cut, or it hides a table.
const mostCustomers = 1000

// person is what one segment holds about one customer.
type person struct {
	ID    weir.Identifier // zero: Who is known
	Who   weir.Subject
	lanes weir.Lanes
	group int
	bare  bool   // something of it that was not recognised leaves in clear with it
	finds uint64 // what was found of it, as places in the piece's finds
	has   uint64 // the kinds of identifiers that are this person's (see crowd.kind)
}

// crowd is the people that one segment is about.
//
// Findings come in groups that are taken to be about one person: the whole
// record where its subject is declared, else the innermost object. A group's
// person has the first identifier of each kind in it; every further one (a
// second e-mail, another card) is somebody else.
//
// Whoever writes a text that the service stores decides how many identifiers a
// segment has, so that what each costs must not grow with all that went before:
// those met are found by their sums, and what a person has by bits.
type crowd struct {
	people []person
	IDs    []weir.Identifier // each different identifier met
	sums   []uint64          // of IDs' values, to compare first
	seed   maphash.Seed      // of sums
	owner  []int             // for each of IDs, its position in people
	kinds  []string          // of IDs, each once; its position is its bit in person.has
}

func (c *crowd) reset() {
	clear(c.people)
	clear(c.IDs)
	c.people, c.IDs, c.sums, c.owner, c.kinds = c.people[:0], c.IDs[:0], c.sums[:0], c.owner[:0], c.kinds[:0]
}

func (c *crowd) sum(id weir.Identifier) uint64 {
	if c.seed == (maphash.Seed{}) {
		c.seed = maphash.MakeSeed()
	}
	return maphash.String(c.seed, id.Value.Reveal())
}

// met gives the place of an identifier in IDs; -1: it is new.
func (c *crowd) met(id weir.Identifier) int {
	sum := c.sum(id)
	for i, s := range c.sums {
		if s == sum && c.IDs[i].Equal(id) {
			return i
		}
	}
	return -1
}

// claim counts a strong identifier of a group.
func (c *crowd) claim(id weir.Identifier, group int, lanes weir.Lanes, find uint64) {
	if i := c.met(id); i >= 0 {
		c.people[c.owner[i]].lanes |= lanes
		c.people[c.owner[i]].finds |= find
		return
	}
	j := c.without(group, c.kind(id.Kind))
	if j < 0 {
		j = len(c.people)
		c.people = append(c.people, person{ID: id, group: group})
	}
	c.give(id, j)
	c.people[j].lanes |= lanes
	c.people[j].finds |= find
}

// give makes person j the owner of an identifier.
func (c *crowd) give(id weir.Identifier, j int) {
	if c.met(id) >= 0 {
		return
	}
	c.IDs, c.sums, c.owner = append(c.IDs, id), append(c.sums, c.sum(id)), append(c.owner, j)
	c.people[j].has |= c.kind(id.Kind)
}

// kind gives the bit of a kind of identifier.
func (c *crowd) kind(name string) uint64 {
	for i, k := range c.kinds {
		if k == name {
			return 1 << min(i, 63)
		}
	}
	c.kinds = append(c.kinds, name)
	return 1 << min(len(c.kinds)-1, 63)
}

// without finds the person of a group that has no identifier of a kind yet.
func (c *crowd) without(group int, kind uint64) int {
	for j := range c.people {
		if p := &c.people[j]; p.group == group && p.has&kind == 0 {
			return j
		}
	}
	return -1
}

var (
	unreadableSubject = weir.Denial{Reason: weir.ReasonUnreadable, Message: "The record does not say unmistakably whose it is."}
	tooMany           = weir.Denial{Reason: weir.ReasonUnreadable, Message: "One record is about too many people to be passed on."}
	notOwn            = weir.Denial{Reason: weir.ReasonNotOwn, Message: "This record belongs to another customer."}
)

// whose works out which customers each segment is about, and puts them into its
// demands. It returns a denial only if the subject directory fails.
func (p *Pass) whose(ctx context.Context, pieces []*piece) *weir.Denial {
	ids := p.scratch.IDs[:0]
	for _, pc := range pieces {
		switch {
		case pc.withheld == nil:
			pc.withheld = p.persons(pc)
		case pc.withheld.Reason == weir.ReasonBlocked && pc.finds.n >= 0:
			// Who it is about is recorded, so that what another policy would have
			// done can be told (weir policy replay).
			if unreadable := p.persons(pc); unreadable != nil {
				pc.finds.lost()
			}
		default:
			pc.crowd.reset()
		}
		if pc.withheld == nil || pc.withheld.Reason == weir.ReasonBlocked {
			for i := range pc.crowd.people {
				if id := pc.crowd.people[i].ID; !id.IsZero() {
					ids = append(ids, id)
				}
			}
		}
	}
	var subjects []weir.Subject
	if len(ids) > 0 {
		var err error
		if subjects, err = p.guard.subjects.Resolve(ctx, ids); err != nil {
			return p.guard.unrecordable("subject directory failed", err)
		}
	}
	clear(ids)
	p.scratch.IDs = ids
	for _, pc := range pieces {
		if pc.withheld != nil && pc.withheld.Reason != weir.ReasonBlocked {
			continue
		}
		for i := range pc.crowd.people {
			who := &pc.crowd.people[i]
			if !who.ID.IsZero() {
				who.Who, subjects = subjects[0], subjects[1:]
			}
			if pc.withheld != nil {
				continue
			}
			pc.demands = append(pc.demands, meter.Demand{Subject: who.Who, Lanes: who.lanes})
		}
		if pc.withheld != nil {
			continue
		}
		if pc.withheld = p.ownOnly(pc); pc.withheld != nil && pc.declared && len(p.strangers) < ledger.MaxSubjects {
			p.strangers = take(p.strangers, ledger.Taken{Subject: pc.crowd.people[0].Who, Lanes: weir.Lanes(0).With(weir.Probed)})
		}
		pc.demands = distinct(pc.demands)
	}
	return nil
}

// ownOnly moves what a customer sees of its own record into the lane for that,
// and withholds, from those who may see nothing else, all that is not declared
// to be theirs.
func (p *Pass) ownOnly(pc *piece) *weir.Denial {
	if p.own == (weir.Subject{}) || len(pc.demands) == 0 {
		if p.plan.Own && len(pc.demands) > 0 {
			return &notOwn
		}
		return nil
	}
	if p.ownLanes(pc, pc.demands) {
		return nil
	}
	if p.plan.Own {
		return &notOwn
	}
	return nil
}

// ownLanes moves demands into the lane for one's own record, if a segment is that.
func (p *Pass) ownLanes(pc *piece, demands []meter.Demand) bool {
	if p.own == (weir.Subject{}) || !pc.declared || len(demands) == 0 || demands[0].Subject != p.own {
		return false
	}
	// Others who are named in it belong to the record: members of the
	// household, whoever a present goes to.
	for i := range demands {
		demands[i].Lanes = weir.Lanes(0).With(weir.Own)
	}
	return true
}

// distinct merges demands of one customer, who may be named in two ways.
func distinct(demands []meter.Demand) []meter.Demand {
	kept := demands[:0]
next:
	for _, d := range demands {
		for i := range kept {
			if kept[i].Subject == d.Subject {
				kept[i].Lanes |= d.Lanes
				continue next
			}
		}
		kept = append(kept, d)
	}
	return kept
}

// persons fills the crowd of a segment, or says why it must be withheld.
func (p *Pass) persons(pc *piece) *weir.Denial {
	c := &pc.crowd
	c.reset()
	if pc.failed {
		p.everybody(pc)
		return nil
	}
	var ok bool
	if pc.declared, ok = p.declare(pc); !ok {
		return &unreadableSubject
	}
	if !pc.declared && p.shapeless(pc.Segment) && !p.leaving {
		return &unreadableSubject
	}
	findings := pc.report.Findings
	if !pc.personal() {
		lanes := weir.Lanes(0).With(weir.Clear)
		for i, f := range findings {
			if !pc.isPublic(i) {
				lanes |= p.lanes(f.Class, pc.actions[i])
			}
		}
		switch {
		case !pc.Segment.Record, p.failed && !p.element(pc.Segment):
			c.reset() // nobody's: an envelope, a header, an error
		case pc.declared:
			// Nothing about a person was recognised in a record that is declared
			// to be somebody's. It leaves as it is, so it counts as seen in clear.
			c.people[0].lanes = lanes &^ weir.Lanes(0).With(weir.Masked)
			c.people[0].bare, c.people[0].finds = true, pc.finds.all()
		case p.element(pc.Segment), p.single(pc.Segment):
			// A record that leaves out whose it is, such as one asked for with
			// fields=nickname, is still somebody's.
			c.people = append(c.people, person{Who: freshSubject(), lanes: lanes &^ weir.Lanes(0).With(weir.Masked), bare: true, finds: pc.finds.all()})
		}
		return nil
	}
	if p.plan.Subject.From == policy.URL {
		// One answer is about one customer, however many records it has: what
		// belongs to it is remembered from record to record.
		for _, id := range p.Owned {
			c.give(id, 0)
		}
		defer func() {
			for i, id := range c.IDs {
				if c.owner[i] == 0 && i >= len(p.Owned) {
					p.Owned = append(p.Owned, id)
				}
			}
		}()
	}
	var anonymous unnamed
	for i, f := range findings {
		if pc.isPublic(i) {
			continue
		}
		lanes, find := p.lanes(f.Class, pc.actions[i]), pc.finds.of(i)
		group := f.Object
		if pc.declared {
			group = 0
		} else if group < 0 {
			group = -1 - i // outside of any object each finding stands alone
		}
		if id, strong := p.rules.inspect.Identifier(pc.Segment, f); strong {
			switch {
			case !pc.declared || p.isOwn(pc):
			case p.guard.bonds.holds(p.declaredAs(pc), id):
				c.give(id, 0)
			default:
				c.people[0].has |= c.kind(id.Kind) // it has another
			}
			c.claim(id, group, lanes, find)
		} else if pc.declared {
			c.people[0].lanes |= lanes
			c.people[0].finds |= find
		} else if !f.Class.Secret() {
			anonymous.add(f.Class, group, lanes, find)
		}
		if len(c.people) > mostCustomers {
			return &tooMany
		}
	}
	anonymous.join(c)
	if len(c.people) > mostCustomers {
		return &tooMany
	}
	if pc.declared && c.people[0].lanes == 0 {
		// All that was recognised in its record is somebody else's; the rest
		// leaves as it is.
		c.people[0].lanes = weir.Lanes(0).With(weir.Clear)
		c.people[0].bare = c.people[0].finds == 0
	}
	together := p.together(pc)
	for i := range c.people {
		if l := &c.people[i].lanes; l.Has(weir.Masked) {
			*l |= together
		}
		if l := &c.people[i].lanes; l.Has(weir.Clear) {
			*l &^= weir.Lanes(0).With(weir.Masked) // whoever is seen in clear is counted there
		}
	}
	return nil
}

// personal tells whether a segment holds something about a person: neither a secret
// alone nor what customers publish themselves.
func (pc *piece) personal() bool {
	for i := range pc.report.Findings {
		if !pc.report.Findings[i].Class.Secret() && !pc.isPublic(i) {
			return true
		}
	}
	return false
}

// together gives the lanes in which everybody in a segment is counted because of what
// leaves masked together in it. Where the segment is about several people, nobody can
// say whose is which, so each is taken to be all of it.
func (p *Pass) together(pc *piece) (lanes weir.Lanes) {
	if !pc.masks || !p.plan.Combines() {
		return 0
	}
	var parts uint64
	for i := range pc.report.Findings {
		if pc.actions[i] != weir.Block && !pc.isPublic(i) {
			parts |= p.plan.Parts(pc.report.Findings[i].Class)
		}
	}
	return p.plan.Complete(parts)
}

// declare puts the subject that the route declares into the crowd, as its first
// person and the owner of group 0. ok is false when the record is ambiguous.
func (p *Pass) declare(pc *piece) (declared, ok bool) {
	c := &pc.crowd
	switch p.plan.Subject.From {
	case policy.URL:
		c.people = append(c.people, person{Who: p.subject})
		return true, true
	case policy.Body:
		if !pc.Segment.Record {
			return false, true
		}
		switch pc.report.SubjectState {
		case inspect.Found:
			if nobody(pc.report.Subject) {
				return false, true
			}
			id := weir.Identifier{Kind: p.plan.Subject.Kind, Value: weir.NewPlain(string(pc.report.Subject))}
			c.people = append(c.people, person{ID: id})
			return true, true
		case inspect.Absent:
			return false, true
		}
		return false, p.leaving // it leaves all the same
	}
	return false, true
}

// declaredAs gives the identifier that a declared segment goes by.
func (p *Pass) declaredAs(pc *piece) weir.Identifier {
	if p.plan.Subject.From == policy.URL {
		return p.plan.Subject.Value
	}
	return pc.crowd.people[0].ID
}

// isOwn tells whether a declared segment is the record of the customer who asks,
// who may well have got a new address.
func (p *Pass) isOwn(pc *piece) bool {
	own := p.exchange.Principal.Own
	return !own.IsZero() && p.declaredAs(pc).Equal(own)
}

// nobody tells whether an identifier points at no customer in particular, such as
// the 0 or the empty string that services write for guests: by it, all of them
// would count as one.
func nobody(id []byte) bool { return len(bytes.Trim(id, "0*- \t\r\n")) == 0 }

// element tells whether a segment is an element of the array that the route
// declares to hold customers' records, or what takes its place where the answer
// is written as a bare array, in lines or in rows.
func (p *Pass) element(seg *weir.Segment) bool {
	a := p.plan.Subject.Array
	if p.plan.Subject.From != policy.Body || a == nil || !seg.Record || len(seg.Path) == 0 {
		return false
	}
	return len(seg.Path) == 1 || len(seg.Path) == len(a)+1 && slices.Equal(seg.Path[:len(a)], a)
}

// single tells whether a segment is a record on a route whose answers are declared
// to be one customer's each. An answer without a value is nobody's.
func (p *Pass) single(seg *weir.Segment) bool {
	if p.plan.Subject.From != policy.Body || p.plan.Subject.Array != nil || !seg.Record {
		return false
	}
	switch string(bytes.TrimSpace(seg.Body)) {
	case "null", "{}", "[]", "":
		return false
	}
	return true
}

// shapeless tells whether a segment that names no subject stands where the route
// declares records that each name theirs, and is written so that nobody can say
// how many it holds: as text or markup, as rows under a first one that does not
// name the column and may be a record itself, as an array within the array, or as
// an object in the array's place.
func (p *Pass) shapeless(seg *weir.Segment) bool {
	if p.plan.Subject.From != policy.Body {
		return false
	}
	if !seg.Record {
		return seg.Syntax == weir.CSV && !p.failed && !p.heads(seg.Body)
	}
	body := bytes.TrimSpace(seg.Body)
	switch {
	case seg.Syntax == weir.CSV:
		return false
	case seg.Syntax != weir.JSON:
		return !p.failed && len(body) > 0
	case p.plan.Subject.Array == nil:
		return false
	case p.element(seg):
		return holds(body, '[')
	}
	for _, key := range p.plan.Subject.Array {
		var members map[string]json.RawMessage
		if json.Unmarshal(body, &members) != nil {
			return false
		}
		body = members[key]
	}
	return holds(body, '{')
}

// heads tells whether the first row of a table names the column of the subject's
// identifier, and is one row to whoever takes a bare CR for the end of one.
func (p *Pass) heads(row []byte) bool {
	if len(p.plan.Subject.Path) != 1 || bytes.IndexByte(bytes.TrimRight(row, "\r\n"), '\r') >= 0 {
		return false
	}
	for name := range bytes.FieldsFuncSeq(row, func(r rune) bool { return strings.ContainsRune(",;\t|\r\n", r) }) {
		if string(bytes.Trim(name, "\" \ufeff")) == p.plan.Subject.Path[0] {
			return true
		}
	}
	return false
}

// holds tells whether a JSON value is an array or object, as open says, of
// anything.
func holds(value []byte, open byte) bool {
	return len(value) > 0 && value[0] == open && len(bytes.TrimSpace(value[1:])) > 1
}

// unnamed counts the people of whom a segment holds names, addresses or
// histories but no identifier: as many as the most frequent of those classes has
// objects.
type unnamed struct {
	objects map[weir.Class]map[int]bool
	lanes   weir.Lanes
	finds   uint64
}

func (u *unnamed) add(c weir.Class, object int, lanes weir.Lanes, find uint64) {
	if u.objects == nil {
		u.objects = map[weir.Class]map[int]bool{}
	}
	if u.objects[c] == nil {
		u.objects[c] = map[int]bool{}
	}
	u.objects[c][object] = true
	u.lanes |= lanes
	u.finds |= find
}

// join adds those beyond the people already known, each as somebody new, and
// counts what was found about somebody unnamed to everybody it could be about.
func (u *unnamed) join(c *crowd) {
	most := 0
	for _, objects := range u.objects {
		most = max(most, len(objects))
	}
	for i := range c.people {
		c.people[i].lanes |= u.lanes
		c.people[i].finds |= u.finds
	}
	for len(c.people) < most {
		c.people = append(c.people, person{Who: freshSubject(), lanes: u.lanes, finds: u.finds})
	}
}

// lanes says how an action on a finding counts.
func (p *Pass) lanes(c weir.Class, a weir.Action) (l weir.Lanes) {
	switch a {
	case weir.Allow:
		l = l.With(weir.Clear)
		if p.plan.Sensitivity(c) == weir.High {
			l = l.With(weir.Sensitive)
		}
	case weir.Mask:
		l = l.With(weir.Masked)
	}
	return l
}

package index

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// A Question asks for visits. The zero Question asks for all.
type Question struct {
	// Parties and Recipients: visits that any of these made, or that went to any
	// of them.
	Parties    []weir.Party
	Recipients []string
	// Subject, if not zero: visits about this customer, and of their batches and
	// sights only its own.
	Subject weir.Subject
	// From and To: visits of which an entry lies in this span (with Subject: one of
	// those batches), and of their batches only those. From is in it, To is not;
	// zero: no bound.
	From, To time.Time
}

// everybody reports whether who made a visit does not matter.
func (q *Question) everybody() bool {
	return len(q.Parties) == 0 && len(q.Recipients) == 0 ||
		slices.ContainsFunc(q.Parties, func(p weir.Party) bool { return p.Kind == weir.ByDeployment })
}

// within reports whether a time, in ns, lies in the question's span.
func (a *asking) within(t int64) bool { return t >= a.from && t < a.to }

// ns gives a time in ns since 1970, or the given bound where it is zero or beyond
// what can be written so.
func ns(t time.Time, bound int64) int64 {
	switch {
	case t.IsZero():
		return bound
	case t.Year() < 1700:
		return math.MinInt64
	case t.Year() > 2250:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// An Answer says what the numbers in visits stand for, and which entries were
// looked at.
type Answer struct {
	Reach Reach

	subjects map[uint32]weir.Subject
	whos     map[uint32]*Who
}

// Subject gives the customer of a number that was in a visit.
func (a *Answer) Subject(id uint32) weir.Subject { return a.subjects[id] }

// Who gives who made a visit.
func (a *Answer) Who(id uint32) *Who { return a.whos[id] }

// Ask calls fn with the visits that q asks for, in no particular order, and then
// gives what their numbers mean. Visits of s come first, then what the log has
// beyond; with s nil all is read from the log. It fails with ledger.ErrCursor
// where s is the index of another ledger, or of one that was rewritten.
func Ask(ctx context.Context, s Store, log Log, q Question, fn func(*Visit) error) (*Answer, error) {
	a := &asking{
		ctx: ctx, log: log, q: &q, fn: fn,
		answer:  &Answer{subjects: map[uint32]weir.Subject{}, whos: map[uint32]*Who{}},
		pending: map[joint]*visit{},
		new:     map[Kind]map[Key]uint32{},
		from:    ns(q.From, math.MinInt64), to: ns(q.To, math.MaxInt64),
	}
	first, err := log.Tree.First()
	if err != nil {
		return nil, wrap(err, "ask index")
	}
	a.answer.Reach.First, a.answer.Reach.Kept, a.answer.Reach.Next = first, first, first
	if s == nil {
		err = a.all()
	} else {
		err = s.View(ctx, func(r Reader) error {
			a.r = r
			return a.all()
		})
	}
	if err != nil {
		return nil, wrap(err, "ask index")
	}
	return a.answer, nil
}

// asking is one question under way.
type asking struct {
	ctx    context.Context
	log    Log
	q      *Question
	fn     func(*Visit) error
	answer *Answer

	r Reader // nil: there is no index
	h *head  // the same

	// What numbers stand for. Those behind the index's own are this answer's.
	wheres []*Where
	sets   [][]Treated
	words  []string
	new    map[Kind]map[Key]uint32 // numbers given by this answer, and those of wheres, sets, words
	counts [NumKinds]uint32        // how many numbers there are

	made    *bits  // numbers of those whose visits are looked at; nil: everybody's
	parties bits   // of them, those who are asked about themselves
	subject uint32 // the customer asked about; 0: the index does not know it, or none is
	lo, hi  int64  // the chunks that overlap the span

	from, to int64 // the span, in ns

	pending map[joint]*visit // began, and their end was not met yet
	seen    bits             // customers in visits given
	shown   bits             // who made them
	out     Visit            // used again
}

// joint is what the parts of a visit in different chunks have in common.
type joint visitKey

func (a *asking) all() error {
	if err := a.open(); err != nil {
		return err
	}
	if a.h != nil {
		if err := a.pages(); err != nil {
			return err
		}
	}
	if err := a.tail(); err != nil {
		return err
	}
	rest := slices.SortedFunc(maps.Values(a.pending), func(x, y *visit) int { return cmp.Compare(x.at(), y.at()) })
	for _, v := range rest {
		if err := a.give(v); err != nil {
			return err
		}
	}
	if a.h == nil {
		return nil
	}
	return a.names()
}

// open checks that the index is this log's, and reads the short lists of names.
func (a *asking) open() (err error) {
	a.wheres, a.sets, a.words = make([]*Where, 1), make([][]Treated, 1), make([]string, 1)
	for _, k := range []Kind{Subjects, Whos, Wheres, Treatings, Words} {
		a.new[k] = map[Key]uint32{}
	}
	if a.r != nil {
		if a.h, err = readHead(a.r); err != nil {
			return err
		}
	}
	if a.h == nil {
		return nil
	}
	if err := a.log.Tree.Check(a.h.Cursor); err != nil {
		return err
	}
	reach := &a.answer.Reach
	reach.First, reach.Next, reach.Indexed, reach.Last = a.h.First, a.h.Cursor.Next, a.h.Cursor.Next, a.h.Last
	if reach.Kept > reach.Next {
		return dropped(reach.Next, reach.Kept)
	}
	a.counts = a.h.Counts
	load := func(kind Kind, put func(id uint32, body []byte) error) error {
		ids := make([]uint32, a.counts[kind])
		for i := range ids {
			ids[i] = uint32(i + 1)
		}
		return a.r.Bodies(kind, ids, func(i int, body []byte) error {
			a.new[kind][keyOf(body)] = ids[i]
			return put(ids[i], body)
		})
	}
	if err := load(Wheres, func(_ uint32, body []byte) error {
		w, err := decodeWhere(body)
		a.wheres = append(a.wheres, w)
		return err
	}); err != nil {
		return err
	}
	if err := load(Treatings, func(_ uint32, body []byte) error {
		t, err := decodeTreated(body)
		a.sets = append(a.sets, t)
		return err
	}); err != nil {
		return err
	}
	if err := load(Words, func(_ uint32, body []byte) error { a.words = append(a.words, string(body)); return nil }); err != nil {
		return err
	}
	if !a.q.everybody() {
		a.made = &bits{}
		for _, p := range a.q.Parties {
			ids, err := a.r.Linked(p.String())
			if err != nil {
				return err
			}
			for _, id := range ids {
				a.made.add(id)
				a.parties.add(id)
			}
		}
		for _, recipient := range a.q.Recipients {
			ids, err := a.r.Linked(vendorLink(recipient))
			if err != nil {
				return err
			}
			for _, id := range ids {
				a.made.add(id)
			}
		}
	}
	return nil
}

// span finds the chunks that overlap the question's span.
func (a *asking) span() error {
	a.lo, a.hi = 1<<62, -1
	return a.r.Pages(Times, 0, 0, 1<<62, func(chunk int64, body []byte) error {
		begin, end, err := readTimes(body)
		if err == nil && !end.Before(a.q.From) && (a.q.To.IsZero() || begin.Before(a.q.To)) {
			a.lo, a.hi = min(a.lo, chunk), max(a.hi, chunk)
		}
		return err
	})
}

// pages gives the visits of the index.
func (a *asking) pages() error {
	if err := a.span(); err != nil {
		return err
	}
	if a.hi < 0 {
		return nil
	}
	if a.q.Subject != (weir.Subject{}) {
		return a.about()
	}
	for bucket := range VisitBuckets {
		if a.made != nil && !a.made.bucket(bucket) {
			continue
		}
		if err := a.read(bucket, a.lo, a.hi, a.made, false); err != nil {
			return err
		}
		if err := a.ends(bucket); err != nil {
			return err
		}
	}
	return nil
}

// read takes in the visits of a bucket in some chunks. With ends, only those that
// go on with one that is pending.
func (a *asking) read(bucket int, from, to int64, made *bits, ends bool) error {
	var r pageReader
	return a.r.Pages(Visits, bucket, from, to, func(chunk int64, body []byte) error {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if ends && len(a.pending) == 0 {
			return errNoMore
		}
		r.reset(body, bucket, chunk*a.h.Chunk)
		for {
			v, err := r.next(made)
			if v == nil || err != nil {
				return err
			}
			if p := a.pending[joint(v.visitKey)]; ends && (p == nil || p.upTo >= chunk) {
				continue
			}
			if err := a.part(v, chunk); err != nil {
				return err
			}
		}
	})
}

// errNoMore ends a reading of pages that has what it wanted.
var errNoMore = errors.New("no more pages are wanted")

// ends looks for the ends of the pending visits of a bucket.
func (a *asking) ends(bucket int) error {
	from := int64(1 << 62)
	for k, v := range a.pending {
		if int(k.who%VisitBuckets) == bucket {
			from = min(from, v.upTo+1)
		}
	}
	if from == 1<<62 {
		return nil
	}
	if err := a.read(bucket, from, 1<<62, nil, true); !errors.Is(err, errNoMore) {
		return err
	}
	return nil
}

// about gives the visits about one customer.
func (a *asking) about() error {
	var id [1]uint32
	if err := a.r.IDs(Subjects, []Key{Key(a.q.Subject)}, id[:]); err != nil {
		return err
	}
	if a.subject = id[0]; a.subject == 0 {
		return nil
	}
	a.new[Subjects][Key(a.q.Subject)] = a.subject
	// By bucket and chunk, who is wanted there.
	wanted := map[int]map[int64]*bits{}
	err := a.r.Pages(Sights, int(a.subject%SightBuckets), a.lo, a.hi, func(chunk int64, body []byte) error {
		whos, err := whoSaw(body, a.subject)
		for _, who := range whos {
			if a.made != nil && !a.made.has(who) {
				continue
			}
			b := int(who % VisitBuckets)
			if wanted[b] == nil {
				wanted[b] = map[int64]*bits{}
			}
			if wanted[b][chunk] == nil {
				wanted[b][chunk] = &bits{}
			}
			wanted[b][chunk].add(who)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, bucket := range slices.Sorted(maps.Keys(wanted)) {
		for _, chunk := range slices.Sorted(maps.Keys(wanted[bucket])) {
			if err := a.read(bucket, chunk, chunk, wanted[bucket][chunk], false); err != nil {
				return err
			}
		}
		if err := a.ends(bucket); err != nil {
			return err
		}
	}
	return nil
}

// tail gives the visits of the entries that the index does not have.
func (a *asking) tail() error {
	reach := &a.answer.Reach
	if a.h != nil && !a.q.To.IsZero() && !reach.Last.Before(a.q.To) && len(a.pending) == 0 {
		return nil // nothing of it can lie there
	}
	g := gather{next: reach.Next, chunk: a.log.chunk()}
	if a.h != nil {
		g.chunk = a.h.Chunk
	}
	take := func(c *chunk) error {
		visits, err := a.local(c)
		if err != nil {
			return err
		}
		for _, v := range visits {
			if err := a.part(v, c.number); err != nil {
				return err
			}
		}
		return nil
	}
	err := a.log.Read(max(0, reach.Next-warm), func(index int64, e *ledger.Entry) error {
		if index >= reach.Next {
			reach.Next, reach.Last = index+1, e.Time
		}
		if c := g.add(index, e); c != nil {
			if err := a.ctx.Err(); err != nil {
				return err
			}
			return take(c)
		}
		return nil
	})
	if err == nil && g.c != nil {
		err = take(g.c)
	}
	return err
}

// local gives the visits of a chunk that was just read that are asked for, with
// this answer's numbers.
func (a *asking) local(c *chunk) ([]*visit, error) {
	wanted := make([]bool, len(c.whos.all))
	for i := range wanted {
		wanted[i] = a.q.everybody() || slices.ContainsFunc(c.whos.all[i].Parties(), func(p weir.Party) bool { return slices.Contains(a.q.Parties, p) })
	}
	var about uint32
	if a.q.Subject != (weir.Subject{}) {
		about = c.subjects.by[a.q.Subject]
	}
	var n numbered
	need := [NumKinds][]bool{Subjects: make([]bool, len(c.subjects.all)), Whos: make([]bool, len(c.whos.all))}
	var kept []*visit
	for _, v := range c.visits {
		if !wanted[v.who-1] && !slices.Contains(a.q.Recipients, c.wheres.all[v.where-1].Recipient) {
			continue
		}
		if a.q.Subject != (weir.Subject{}) && len(a.pending) == 0 && !v.saw(about) {
			continue
		}
		need[Whos][v.who-1] = true
		for _, s := range v.sights {
			need[Subjects][s.Subject-1] = need[Subjects][s.Subject-1] || a.q.Subject == weir.Subject{} || s.Subject == about
		}
		kept = append(kept, v)
	}
	if len(kept) == 0 {
		return nil, nil
	}
	bodies := [NumKinds]func(i int) []byte{
		Subjects:  func(i int) []byte { return c.subjects.all[i][:] },
		Whos:      func(i int) []byte { return encodeWho(&c.whos.all[i]) },
		Wheres:    func(i int) []byte { return encodeWhere(&c.wheres.all[i]) },
		Treatings: func(i int) []byte { return encodeTreated(c.sets.all[i]) },
		Words:     func(i int) []byte { return []byte(c.words.all[i]) },
	}
	lengths := [NumKinds]int{len(c.subjects.all), len(c.whos.all), len(c.wheres.all), len(c.sets.all), len(c.words.all)}
	for kind := range NumKinds {
		var err error
		if n[kind], err = a.number(kind, lengths[kind], need[kind], bodies[kind]); err != nil {
			return nil, err
		}
	}
	for i, id := range n[Whos] {
		if id > a.index(Whos) {
			a.answer.whos[id] = &c.whos.all[i]
		}
		if id != 0 && wanted[i] {
			a.parties.add(id)
		}
	}
	for i, id := range n[Subjects] {
		if id > a.index(Subjects) {
			a.answer.subjects[id] = c.subjects.all[i]
		}
	}
	for i, id := range n[Wheres] {
		if int(id) == len(a.wheres) {
			a.wheres = append(a.wheres, &c.wheres.all[i])
		}
	}
	for i, id := range n[Treatings] {
		if int(id) == len(a.sets) {
			a.sets = append(a.sets, c.sets.all[i])
		}
	}
	for i, id := range n[Words] {
		if int(id) == len(a.words) {
			a.words = append(a.words, c.words.all[i])
		}
	}
	if a.subject == 0 && about != 0 {
		a.subject = n.of(Subjects, about)
	}
	for _, v := range kept {
		v.who, v.where, v.outcome = n.of(Whos, v.who), n.of(Wheres, v.where), n.of(Words, v.outcome)
		for i := range v.batches {
			b := &v.batches[i]
			b.set, b.reason = n.of(Treatings, b.set), n.of(Words, b.reason)
		}
		for i := range v.sights {
			v.sights[i].Subject = n.of(Subjects, v.sights[i].Subject)
		}
	}
	return kept, nil
}

// index gives how many names of a kind the index has.
func (a *asking) index(kind Kind) uint32 {
	if a.h == nil {
		return 0
	}
	return a.h.Counts[kind]
}

// number gives the numbers of names of a chunk, of those that need says (nil: all).
func (a *asking) number(kind Kind, n int, need []bool, body func(i int) []byte) ([]uint32, error) {
	ids := make([]uint32, n)
	var keys []Key
	var asked []int
	for i := range ids {
		if need != nil && !need[i] {
			continue
		}
		var k Key
		if b := body(i); kind == Subjects {
			k = Key(b)
		} else {
			k = keyOf(b)
		}
		if id := a.new[kind][k]; id != 0 {
			ids[i] = id
			continue
		}
		keys, asked = append(keys, k), append(asked, i)
	}
	found := make([]uint32, len(keys))
	if a.h != nil && need != nil { // the short lists were read already
		if err := a.r.IDs(kind, keys, found); err != nil {
			return nil, err
		}
	}
	for j, i := range asked {
		if found[j] == 0 {
			a.counts[kind]++
			found[j] = a.counts[kind]
		}
		ids[i] = found[j]
		a.new[kind][keys[j]] = found[j]
	}
	return ids, nil
}

// part takes in a visit, or the part of it that one chunk has.
func (a *asking) part(v *visit, chunk int64) error {
	if v.whole() {
		return a.give(v)
	}
	k := joint(v.visitKey)
	p := a.pending[k]
	if p == nil {
		if v.closed {
			return a.give(v)
		}
		if a.q.Subject != (weir.Subject{}) && !v.saw(a.subject) {
			return nil
		}
		p = &visit{visitKey: v.visitKey}
		a.pending[k] = p
	}
	p.upTo = chunk
	for _, b := range v.batches {
		b.from, b.to = b.from+int32(len(p.sights)), b.to+int32(len(p.sights))
		p.batches = append(p.batches, b)
	}
	p.sights = append(p.sights, v.sights...)
	if !v.closed {
		return nil
	}
	p.closed, p.close, p.closeAt, p.outcome, p.unread = true, v.close, v.closeAt, v.outcome, v.unread
	delete(a.pending, k)
	return a.give(p)
}

// give hands out a visit, if it is asked for.
func (a *asking) give(v *visit) error {
	if int(v.where) >= len(a.wheres) || int(v.outcome) >= len(a.words) {
		return ErrFormat
	}
	where := a.wheres[v.where]
	if len(a.q.Recipients) > 0 && !a.q.everybody() && !slices.Contains(a.q.Recipients, where.Recipient) && !a.parties.has(v.who) {
		return nil
	}
	about := a.q.Subject != (weir.Subject{})
	relevant := !about && v.closed && a.within(v.closeAt)
	out := &a.out
	*out = Visit{Who: v.who, Where: where, Batches: out.Batches[:0], Closed: v.closed, Outcome: a.words[v.outcome], Unread: v.unread, Close: v.close}
	for i := range v.batches {
		b := &v.batches[i]
		if !a.within(b.at) {
			continue
		}
		if int(b.set) >= len(a.sets) || int(b.reason) >= len(a.words) {
			return ErrFormat
		}
		sights := v.sightsOf(b)
		if about {
			k := slices.IndexFunc(sights, func(s Sight) bool { return s.Subject == a.subject && a.subject != 0 })
			if k < 0 {
				continue
			}
			sights = sights[k : k+1]
		} else {
			for _, s := range sights {
				a.seen.add(s.Subject)
			}
		}
		relevant = true
		out.Batches = append(out.Batches, Batch{
			Index: b.index, Time: time.Unix(0, b.at).UTC(), Kind: b.kind, Treated: a.sets[b.set], Set: b.set,
			Reason: weir.Reason(a.words[b.reason]), N: int(b.n), Sights: sights,
		})
	}
	if !relevant {
		return nil
	}
	a.shown.add(v.who)
	return a.fn(out)
}

// names finds out what the numbers in the visits stand for.
func (a *asking) names() error {
	var ids []uint32
	for id := range a.shown.all() {
		if id <= a.h.Counts[Whos] && a.answer.whos[id] == nil {
			ids = append(ids, id)
		}
	}
	if err := a.r.Bodies(Whos, ids, func(i int, body []byte) error {
		w, err := decodeWho(body)
		a.answer.whos[ids[i]] = w
		return err
	}); err != nil {
		return err
	}
	if a.q.Subject != (weir.Subject{}) {
		a.answer.subjects[a.subject] = a.q.Subject
		return nil
	}
	return a.r.Pages(Roll, 0, 0, 1<<62, func(_ int64, body []byte) error {
		return readRoll(body, func(id uint32, s weir.Subject) {
			if a.seen.has(id) {
				a.answer.subjects[id] = s
			}
		})
	})
}

// saw reports whether a visit is about a customer.
func (v *visit) saw(subject uint32) bool {
	return subject != 0 && slices.ContainsFunc(v.sights, func(s Sight) bool { return s.Subject == subject })
}

// at gives the index of a visit's first entry.
func (v *visit) at() int64 {
	if len(v.batches) > 0 {
		return v.batches[0].index
	}
	return v.close
}

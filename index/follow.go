package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// Config says what an Index follows and where it is kept. Store, Log.Tree and
// Follow are required.
type Config struct {
	Store Store
	Log   Log
	// Follow calls fn with each entry from an index on, and those to come, until
	// ctx ends.
	Follow func(ctx context.Context, from int64, fn func(index int64, e *ledger.Entry) error) error
	Logger *slog.Logger // nil: none
}

// An Index follows one ledger. Run is called once.
type Index struct {
	c Config
}

// New gives an Index that does nothing until Run.
func New(c Config) *Index {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Index{c}
}

// retry is how long Run waits after it could not go on.
const retry = 5 * time.Second

// Run writes the index as the ledger grows, until ctx ends. It returns no error
// of its own: an index that cannot be written is told to the logger and tried
// again, since questions find what it lacks in the ledger, and nothing that
// passes a door waits for it.
func (x *Index) Run(ctx context.Context) error {
	var told string
	for ctx.Err() == nil {
		err := x.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if text := fmt.Sprint(err); text != told {
			told = text
			x.c.Logger.Warn("the index does not follow; questions read the ledger instead (weir ledger reindex makes it anew)", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
	return nil
}

func (x *Index) follow(ctx context.Context) error {
	var h *head
	if err := x.c.Store.View(ctx, func(r Reader) (err error) { h, err = readHead(r); return err }); err != nil {
		return wrap(err, "read index")
	}
	next := int64(0)
	if h != nil {
		if err := x.c.Log.Tree.Check(h.Cursor); err != nil {
			return wrap(err, "check index")
		}
		next = h.Cursor.Next
	}
	kept, err := x.c.Log.Tree.First()
	if err != nil {
		return wrap(err, "check index")
	}
	if h != nil && kept > next {
		return wrap(dropped(next, kept), "check index")
	}
	w := &writing{head: h, chunk: x.c.Log.chunk()}
	if h != nil {
		w.chunk = h.Chunk
	}
	g := gather{next: next, chunk: w.chunk}
	return x.c.Follow(ctx, max(0, next-warm), func(index int64, e *ledger.Entry) error {
		c := g.add(index, e)
		if c == nil {
			return nil
		}
		cursor, err := x.proven(ctx, index+1)
		if err != nil {
			return err
		}
		return wrap(x.c.Store.Update(ctx, func(to Writer) error { return w.write(to, c, cursor) }), "write index")
	})
}

// dropped says that the ledger's files begin behind the end of the index.
func dropped(next, kept int64) error {
	return fmt.Errorf("%w: entries %d to %d were dropped before the index had them", ledger.ErrCursor, next, kept-1)
}

// proven waits until a checkpoint covers the first next entries.
func (x *Index) proven(ctx context.Context, next int64) (ledger.Cursor, error) {
	for {
		c, err := x.c.Log.Tree.Cursor(next)
		if !errors.Is(err, ledger.ErrUnproven) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Rebuild makes the index anew from what the ledger's files hold, in one
// transaction: until it ends, and if it fails, the old index stays. progress, if
// not nil, is told how many entries of how many are done. What the files no longer
// hold is in the new index neither.
func Rebuild(ctx context.Context, s Store, log Log, progress func(done, of int64)) (Reach, error) {
	var reach Reach
	signed, _, err := log.Tree.Checkpoint()
	if err != nil {
		return reach, wrap(err, "rebuild index")
	}
	end := signed.Size / log.chunk() * log.chunk()
	cursor, err := log.Tree.Cursor(end)
	if err != nil {
		return reach, wrap(err, "rebuild index")
	}
	err = s.Update(ctx, func(to Writer) error {
		if err := to.Clear(); err != nil {
			return err
		}
		g := gather{chunk: log.chunk()}
		w := &writing{chunk: log.chunk()}
		done := errors.New("done")
		err := log.Read(0, func(index int64, e *ledger.Entry) error {
			if index >= end {
				return done
			}
			c := g.add(index, e)
			if c == nil {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if progress != nil {
				progress(index+1, end)
			}
			// The roots in between are written over by the last one.
			at := cursor
			at.Next = index + 1
			return w.write(to, c, at)
		})
		if err != nil && !errors.Is(err, done) {
			return err
		}
		if h := w.head; h != nil {
			if h.Cursor != cursor {
				return fmt.Errorf("%w: the ledger ends before what it has signed", ledger.ErrDamaged)
			}
			reach = Reach{First: h.First, Next: h.Cursor.Next, Last: h.Last, Indexed: h.Cursor.Next, Kept: h.First}
		}
		return nil
	})
	return reach, wrap(err, "rebuild index")
}

// gather puts entries together to chunks.
type gather struct {
	next   int64 // entries before it are read for what they say about the next only
	chunk  int64 // entries a chunk
	before before
	c      *chunk
}

// add gives a chunk that the entry completes, or nil.
func (g *gather) add(index int64, e *ledger.Entry) *chunk {
	actions := g.before.continues(index, e)
	if index < g.next {
		return nil
	}
	if g.c == nil {
		g.c = &chunk{number: index / g.chunk}
	}
	g.c.add(index, e, actions)
	if (index+1)%g.chunk != 0 {
		return nil
	}
	c := g.c
	g.c = nil
	return c
}

// writing writes chunk after chunk to one index.
type writing struct {
	head  *head  // as it was last written; nil: the index is empty
	chunk int64  // entries a chunk
	known recent // numbers of customers
}

// write adds a chunk, and moves the head to the cursor behind it.
func (w *writing) write(to Writer, c *chunk, cursor ledger.Cursor) error {
	h, err := readHead(to)
	if err != nil {
		return err
	}
	switch {
	case (h == nil) != (w.head == nil), h != nil && (h.Made != w.head.Made || h.Cursor != w.head.Cursor):
		return ErrMoved
	case h == nil:
		h = &head{Version: version, Made: time.Now().UnixNano(), Chunk: w.chunk, First: cursor.Next - c.entries}
	}
	numbered, err := w.numbers(to, h, c)
	if err != nil {
		return err
	}
	if err := w.pages(to, c, numbered); err != nil {
		return err
	}
	h.Cursor, h.Last = cursor, c.end
	if err := h.write(to); err != nil {
		return err
	}
	w.head = h
	return nil
}

// numbered are the numbers in the index of a chunk's names: of number n at n-1.
type numbered [NumKinds][]uint32

func (n *numbered) of(kind Kind, id uint32) uint32 {
	if id == 0 {
		return 0
	}
	return n[kind][id-1]
}

// numbers looks the chunk's names up, and names what is new.
func (w *writing) numbers(to Writer, h *head, c *chunk) (n numbered, err error) {
	if n[Subjects], err = w.customers(to, h, c); err != nil {
		return n, err
	}
	name := func(kind Kind, bodies [][]byte, fresh func(i int, id uint32) error) error {
		keys := make([]Key, len(bodies))
		for i, b := range bodies {
			keys[i] = keyOf(b)
		}
		n[kind] = make([]uint32, len(keys))
		if err := to.IDs(kind, keys, n[kind]); err != nil {
			return err
		}
		for i, id := range n[kind] {
			if id != 0 {
				continue
			}
			h.Counts[kind]++
			n[kind][i] = h.Counts[kind]
			if err := to.Name(kind, keys[i], n[kind][i], bodies[i]); err != nil {
				return err
			}
			if fresh != nil {
				if err := fresh(i, n[kind][i]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	bodies := make([][]byte, len(c.whos.all))
	for i := range bodies {
		bodies[i] = encodeWho(&c.whos.all[i])
	}
	err = name(Whos, bodies, func(i int, id uint32) error {
		for _, p := range c.whos.all[i].Parties() {
			if err := to.Link(p.String(), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	bodies = make([][]byte, len(c.wheres.all))
	for i := range bodies {
		bodies[i] = encodeWhere(&c.wheres.all[i])
	}
	if err := name(Wheres, bodies, nil); err != nil {
		return n, err
	}
	bodies = make([][]byte, len(c.sets.all))
	for i := range bodies {
		bodies[i] = encodeTreated(c.sets.all[i])
	}
	if err := name(Treatings, bodies, nil); err != nil {
		return n, err
	}
	bodies = make([][]byte, len(c.words.all))
	for i := range bodies {
		bodies[i] = []byte(c.words.all[i])
	}
	return n, name(Words, bodies, nil)
}

// customers numbers the chunk's subjects.
func (w *writing) customers(to Writer, h *head, c *chunk) ([]uint32, error) {
	ids := make([]uint32, len(c.subjects.all))
	var keys []Key
	var asked []int
	for i, s := range c.subjects.all {
		if ids[i] = w.known.get(s); ids[i] == 0 {
			keys, asked = append(keys, Key(s)), append(asked, i)
		}
	}
	found := make([]uint32, len(keys))
	if err := to.IDs(Subjects, keys, found); err != nil {
		return nil, err
	}
	first := h.Counts[Subjects] + 1
	var fresh []weir.Subject
	for j, i := range asked {
		if found[j] == 0 {
			h.Counts[Subjects]++
			found[j] = h.Counts[Subjects]
			if err := to.Name(Subjects, keys[j], found[j], nil); err != nil {
				return nil, err
			}
			fresh = append(fresh, c.subjects.all[i])
		}
		ids[i] = found[j]
		w.known.put(c.subjects.all[i], found[j])
	}
	if len(fresh) == 0 {
		return ids, nil
	}
	return ids, to.Page(Roll, 0, c.number, rollPage(first, fresh))
}

// pages writes the visits and sights of a chunk.
func (w *writing) pages(to Writer, c *chunk, n numbered) error {
	var visits [VisitBuckets][]*visit
	var sights [SightBuckets][]sighting
	vendors := map[string]*bits{}
	for _, v := range c.visits {
		recipient := c.wheres.all[v.where-1].Recipient
		v.who, v.where, v.outcome = n.of(Whos, v.who), n.of(Wheres, v.where), n.of(Words, v.outcome)
		for i := range v.batches {
			b := &v.batches[i]
			b.set, b.reason = n.of(Treatings, b.set), n.of(Words, b.reason)
		}
		for i := range v.sights {
			s := &v.sights[i]
			s.Subject = n.of(Subjects, s.Subject)
			sights[s.Subject%SightBuckets] = append(sights[s.Subject%SightBuckets], sighting{s.Subject, v.who})
		}
		visits[v.who%VisitBuckets] = append(visits[v.who%VisitBuckets], v)
		if recipient == "" {
			continue
		}
		if vendors[recipient] == nil {
			vendors[recipient] = &bits{}
		}
		if !vendors[recipient].has(v.who) {
			vendors[recipient].add(v.who)
			if err := to.Link(vendorLink(recipient), v.who); err != nil {
				return err
			}
		}
	}
	for bucket, list := range visits {
		if len(list) == 0 {
			continue
		}
		if err := to.Page(Visits, bucket, c.number, page(list, c.number*w.chunk, c.begin.UnixNano())); err != nil {
			return err
		}
	}
	for bucket, list := range sights {
		if len(list) == 0 {
			continue
		}
		if err := to.Page(Sights, bucket, c.number, sightsPage(list)); err != nil {
			return err
		}
	}
	return to.Page(Times, 0, c.number, timesPage(c.begin, c.end))
}

// vendorLink is what whoever sent data to a recipient is linked to. No party is
// written so.
func vendorLink(recipient string) string { return "recipient:" + recipient }

// recent remembers the numbers of customers in two generations, as many as fit
// into some 16 MB: what is used goes into the young one, and when that is full it
// becomes the old one, whose unused rest is forgotten.
type recent struct {
	young, old map[weir.Subject]uint32
}

const recentCustomers = 1 << 18

func (r *recent) get(s weir.Subject) uint32 {
	if id := r.young[s]; id != 0 {
		return id
	}
	id := r.old[s]
	if id != 0 {
		r.put(s, id)
	}
	return id
}

func (r *recent) put(s weir.Subject, id uint32) {
	if len(r.young) >= recentCustomers {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = map[weir.Subject]uint32{}
	}
	r.young[s] = id
}

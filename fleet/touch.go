package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// followed is how far Run has read the node's own ledger.
type followed struct {
	mu    sync.Mutex
	at    int64          // the next entry to read
	acts  int64          // from this one on acts are to be published
	count int64          // the store was told that what comes before is counted
	own   []own          // read, and not published
	upto  int64          // where they have been read up to
	skip  map[int64]bool // entries that are copies of others' acts
}

// own is an act of this node's own: when it was heard of, and how much longer it lasts
// from then on, by the clock that it was written by; 0: it does not end by itself.
type own struct {
	Act
	heard moment
	lasts time.Duration
}

func (w *followed) from(at, acts int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.acts, w.upto, w.count, w.own, w.skip = at, acts, acts, at, nil, map[int64]bool{}
}

func (w *followed) next() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// countEvery is how many entries may pass until the store is told that what they say
// was taken is counted, if there is nothing else to tell.
const countEvery = 1000

func (w *followed) uncounted(at int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return at >= w.count+countEvery
}

func (w *followed) counted(at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count = max(w.count, at)
}

// actOf gives what the other nodes have to do by an entry; ok is false for most.
func actOf(e *ledger.Entry) (a Act, ok bool) {
	switch {
	case e.Kind == ledger.Hold, e.Kind == ledger.Lift:
		a = Act{Key: "hold " + e.Party, Lifts: e.Kind == ledger.Lift, Entry: e}
	case e.Kind == ledger.Request && e.Asked != nil && e.Rule != ledger.RequestExpired: // each node sees for itself that one is over
		// Each step of a request follows the one before.
		a = Act{Key: fmt.Sprintf("request %x", e.Asked.ID), Lifts: true, Entry: e}
	default:
		return a, false
	}
	return a, true
}

// hearOwn takes in an entry of the node's own ledger.
func (f *Fleet) hearOwn(index int64, e *ledger.Entry) {
	w := &f.follow
	w.mu.Lock()
	w.at = index + 1
	a, is := actOf(e)
	switch {
	case index < w.acts || !is || e.Node != f.c.Node:
	case w.skip[index]:
		delete(w.skip, index)
	default:
		o := own{Act: a, heard: f.now()}
		o.Index = index
		if !e.Until.IsZero() {
			o.lasts = max(e.Until.Sub(e.Time), 1)
		}
		w.own = append(w.own, o)
		defer wake(f.act)
	}
	w.upto = max(w.upto, w.at)
	w.mu.Unlock()
}

// publish gives the store the acts that stand on the node's own ledger. When they end is
// told by the store's clock, at the latest that it may stand at: no node's is another's.
func (f *Fleet) publish(ctx context.Context) error {
	w := &f.follow
	w.mu.Lock()
	all, upto := w.own, w.upto
	w.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	now := f.now()
	f.mu.Lock()
	_, latest := f.clock.bounds(now)
	f.mu.Unlock()
	if latest == 0 && slices.ContainsFunc(all, func(o own) bool { return o.lasts > 0 }) {
		return nil // its time is not known yet
	}
	acts := make([]Act, 0, len(all))
	for _, o := range all {
		if o.lasts > 0 {
			left := o.lasts - now.since(o.heard)
			if left <= 0 {
				continue
			}
			o.Until = latest.Add(left)
		}
		acts = append(acts, o.Act)
	}
	if err := f.c.Store.Publish(ctx, f.c.Log, upto, acts); err != nil {
		return err
	}
	w.mu.Lock()
	w.own = w.own[len(all):]
	w.mu.Unlock()
	return nil
}

func (f *Fleet) keepInTouch(ctx context.Context, holds func() []policy.Hold) {
	every(ctx, f.c.Every, f.c.Store.Changes(), f.act, func() { f.Touch(ctx, holds) })
}

// Touch publishes what the node has decided, and hears what the others have. Run does
// so several times a second.
func (f *Fleet) Touch(ctx context.Context, holds func() []policy.Hold) {
	f.mu.Lock()
	joined := f.joined
	f.mu.Unlock()
	var err error
	if !joined {
		err = f.Join(ctx) // may take a while
	}
	within, cancel := context.WithTimeout(ctx, max(f.c.Refresh, time.Second))
	defer cancel()
	if err == nil {
		err = f.publish(within)
	}
	if err == nil {
		err = f.tellPolicy(within)
	}
	if err == nil {
		err = f.sync(within, holds)
	}
	if err == nil {
		err = f.publish(within) // what waited for the store's clock
	}
	if err != nil && ctx.Err() == nil {
		f.out(err)
	}
}

// tellPolicy tells the store of a policy that was loaded.
func (f *Fleet) tellPolicy(ctx context.Context) error {
	f.mu.Lock()
	load := f.load
	f.load = false
	f.mu.Unlock()
	if !load {
		return nil
	}
	err := f.c.Store.Load(ctx, f.c.Log, f.policy())
	if err != nil {
		f.mu.Lock()
		f.load = true
		f.mu.Unlock()
	}
	return err
}

// policyGrace is for how long nodes may have different policies while a new one is on
// its way to all of them.
const policyGrace = 10 * time.Second

// out says once that the node has lost touch.
func (f *Fleet) out(err error) {
	f.mu.Lock()
	lost := !f.silent && f.now().since(f.heard) > f.c.Refresh
	f.silent = f.silent || lost
	f.mu.Unlock()
	if lost {
		f.c.Logger.Error("out of touch with the other nodes; nothing is released until the shared store answers", "err", err)
	}
}

// tickEvery is how often a Sync has something to write.
const tickEvery = time.Second

func (f *Fleet) sync(ctx context.Context, holds func() []policy.Hold) error {
	asked := f.now()
	b := Beat{Log: f.c.Log, Node: f.c.Node, Policy: f.policy(), Last: f.tick, Tick: f.tick, Seen: f.seen, Obeyed: f.obeyed}
	if f.ticked == (moment{}) || asked.since(f.ticked) >= tickEvery {
		b.Tick++
	}
	news, err := f.c.Store.Sync(ctx, b)
	if err != nil {
		return err
	}
	got := f.now()
	if news.Before < f.tick {
		f.rolledBack()
		return ErrMissing
	}
	if b.Tick > f.tick {
		f.mu.Lock()
		f.tick = b.Tick
		if news.Before < b.Tick {
			f.ticked = asked
		} // else an answer was lost, and this has told the store nothing: the next one will
		f.mu.Unlock()
	}
	if err := f.obey(ctx, news.Acts, news.Now, holds); err != nil {
		return err
	}
	if n := len(news.Acts); n > 0 {
		f.seen = news.Acts[n-1].Seq
		f.obeyed = max(f.obeyed, f.seen)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if news.Recovery != f.recovery {
		// Another node has noticed that the store had forgotten something.
		f.joined = false
		f.distrust()
		f.c.Logger.Error("the shared store had forgotten something; this node tells again what its ledger says was taken")
		return nil
	}
	if f.clock.hear(news.Now, asked, got) {
		if f.clock.frozen != 0 {
			f.distrust()
			f.c.Logger.Error("clocks disagree: no budgets are leased until they agree again or this node is started anew", "what", f.clock.says())
		} else {
			f.c.Logger.Info("clocks agree again")
		}
	}
	f.nodes = news.Nodes
	was := f.closed
	f.closed = nil
	if len(news.Missing) > 0 {
		f.closed = &forgotten
		if was == nil {
			f.c.Logger.Error("nothing is released: the shared store lost what was taken, and these ledgers have not told it again; start their nodes, or say that they are gone with weir store accept", "ledgers", strings.Join(news.Missing, " "))
		}
	} else if news.Policy != b.Policy && news.Now.Sub(news.Loaded) > policyGrace {
		f.closed = &otherPolicy
		if was == nil {
			f.c.Logger.Error("nothing is released here: the other nodes have another policy in force; give this node the same file, or put its own in force for all by SIGHUP", "here", b.Policy, "deployment", news.Policy)
		}
	} else if was != nil {
		f.c.Logger.Info("this node counts and obeys as the others do again")
	}
	f.heard, f.news = asked, true
	if f.silent {
		f.silent = false
		f.c.Logger.Info("in touch with the other nodes again")
	}
	return nil
}

// rolledBack is what is done where the store does not know what it has answered
// before: it was put back to an older state.
func (f *Fleet) rolledBack() {
	f.mu.Lock()
	f.joined = false // with the next Touch the store hears of it
	f.distrust()
	f.mu.Unlock()
	f.c.Logger.Error("the shared store was put back to an older state; every node tells again what its ledger says was taken")
}

// obey appends to the node's own ledger what the others have decided and it does not
// say yet. The guard reads it there.
func (f *Fleet) obey(ctx context.Context, acts []Act, now Stamp, holds func() []policy.Hold) error {
	if len(acts) == 0 {
		return nil
	}
	held := map[string]policy.Hold{}
	for _, h := range holds() {
		held[h.Party.String()] = h
	}
	var entries []*ledger.Entry
	for _, a := range acts {
		h, is := held[a.Entry.Party]
		e := *a.Entry
		e.Salt, e.Time, e.Until = [16]byte{}, time.Time{}, time.Time{}
		if a.Until != 0 {
			// As long as by the store's clock, by this node's.
			e.Time = f.c.Time()
			e.Until = e.Time.Add(a.Until.Sub(now))
		}
		mine := e.Node == f.c.Node && h.Until.Sub(e.Until).Abs() < time.Minute // what the clocks may differ by
		switch {
		case a.Entry.Kind == ledger.Request && (a.Seq <= f.obeyed || a.Entry.Node == f.c.Node || a.Until != 0 && a.Until <= now):
			// What this node has written itself, or has copied already, its ledger has.
		case a.Entry.Kind == ledger.Request:
			entries = append(entries, &e)
		case a.Lifts && !is, !a.Lifts && a.Until != 0 && a.Until <= now:
		case !a.Lifts && is && (h.Until.IsZero() || mine || !e.Until.IsZero() && !h.Until.Before(e.Until)):
		default:
			entries = append(entries, &e)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	r, err := f.c.Ledger.Append(ctx, entries...)
	if err != nil {
		return fmt.Errorf("record what the other nodes decided: %w", err)
	}
	w := &f.follow
	w.mu.Lock()
	for i := range int64(r.N()) {
		if index := r.Index() + i; index >= w.at {
			w.skip[index] = true
		}
	}
	// One that was followed before its place was known counts for a decision of this
	// node's own, if it was this node's once: taking it back changes nothing.
	w.own = slices.DeleteFunc(w.own, func(a own) bool {
		return slices.ContainsFunc(entries, func(e *ledger.Entry) bool { return e.Salt == a.Entry.Salt && e.Salt != [16]byte{} })
	})
	w.mu.Unlock()
	return nil
}

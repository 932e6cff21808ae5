package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/getweir/weir"
)

// settleEvery is how often what was taken under leases is told to the store, at least.
const settleEvery = 250 * time.Millisecond

func (f *Fleet) keepSettling(ctx context.Context) {
	var last moment
	every(ctx, settleEvery, f.poke, nil, func() {
		// Whoever is charged one after another pokes each time.
		if now := f.now(); now.since(last) > settleEvery/10 || last == (moment{}) {
			last = now
			f.Settle(ctx)
		}
	})
	// What is told now does not have to be found on the ledger by the next start.
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	f.Settle(late)
}

// mostLines and mostTakes bound one settlement: while it is carried out its accounts
// are charged by nobody else.
const (
	mostLines = 200
	mostTakes = 600
)

// Settle tells the store what was taken since it was last told, and asks for the
// leases that are wanted. Run does so several times a second.
func (f *Fleet) Settle(ctx context.Context) {
	f.settling.Lock() // or one could say that all is counted which the other has not brought yet
	defer f.settling.Unlock()
	// What was on the ledger before the lines are gathered was charged before, and is
	// with them or in the store.
	counted := f.follow.next()
	for {
		s, of, whole := f.gather(counted)
		if len(s.Lines) == 0 && s.Counted == 0 {
			return
		}
		asked := f.now()
		done, err := f.c.Store.Settle(ctx, &s)
		if err != nil {
			f.giveBack(s.Lines, of)
			if ctx.Err() == nil {
				f.c.Logger.Debug("the shared store did not settle", "err", err)
			}
			return
		}
		f.settled(&s, of, &done, asked)
		if whole {
			return
		}
	}
}

// gather takes from the lines what there is to settle. whole: that is all of it.
func (f *Fleet) gather(counted int64) (s Settlement, of []*line, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	s = Settlement{Log: f.c.Log, Tick: f.tick, Recovery: f.recovery}
	s.Earliest, s.Latest = f.clock.bounds(now)
	whole = true
	takes := 0
	for a, l := range f.lines {
		// A lease whose time is up is sealed when nobody works with it any more.
		if l.span > 0 && now.since(l.leased) >= l.span-l.span/20 && l.want == 0 {
			l.sealing = true
		}
		n := min(len(l.pending), mostTakes-takes)
		seal := l.sealing && l.reserved == 0 && n == len(l.pending)
		want := int64(0)
		over := l.span > 0 && now.since(l.leased) >= l.span-l.span/20
		// What is under way under a lease that has ended belongs to none that follows.
		if !l.sealing && !(over && l.reserved > 0) && f.clock.frozen == 0 && f.standing(now) == nil {
			want = max(0, l.want-l.left(now))
			if want <= l.want/2 && l.span > 0 && now.since(l.leased) < l.span/2 {
				want = 0 // enough is left
			}
		}
		// To ask for more would go on with what is left of the one before.
		if l.barred && l.span == 0 {
			if l.barred = now.ticks.Sub(l.leased.ticks) < f.c.Lease+f.c.Lease/20+2*jump; l.barred {
				want = 0
			}
		}
		whole = whole && n == len(l.pending)
		if n == 0 && want == 0 && !seal {
			continue
		}
		if len(s.Lines) == mostLines {
			whole = false
			break
		}
		li := Line{Bound: Bound{a, l.limits}, Used: max(0, l.used-int64(len(l.pending)-n)), Want: want, Span: f.c.Lease, Sealed: seal}
		for _, subject := range l.pending[:n] {
			li.Takes = append(li.Takes, Take{Subject: subject})
		}
		takes += n
		if l.pending = l.pending[n:]; len(l.pending) == 0 {
			l.pending = nil
		}
		s.Lines, of = append(s.Lines, li), append(of, l)
	}
	if whole && (len(s.Lines) > 0 || f.follow.uncounted(counted)) {
		s.Counted = counted
	}
	order := make([]int, len(of))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compare(s.Lines[a].Account, s.Lines[b].Account) })
	lines, sorted := make([]Line, len(of)), make([]*line, len(of))
	for to, from := range order {
		lines[to], sorted[to] = s.Lines[from], of[from]
	}
	s.Lines = lines
	return s, sorted, whole
}

// giveBack has what was not settled, or is not known to be, settled again.
func (f *Fleet) giveBack(lines []Line, of []*line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, l := range of {
		for _, t := range lines[i].Takes {
			l.pending = append(l.pending, t.Subject)
		}
	}
}

// settled takes over what the store said.
func (f *Fleet) settled(s *Settlement, of []*line, done *Settled, asked moment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follow.counted(s.Counted)
	for i, l := range of {
		told, got := &s.Lines[i], &done.Leases[i]
		switch {
		case told.Sealed:
			// The store lets what is left return when its clock says so; here it is over.
			// What is granted next begins a new one, or goes on with this one's numbers.
			l.span, l.sealing, l.want, l.share = 0, false, 0, l.share/2
			l.granted = l.used
		case told.Want > 0 && got.Granted > 0 && !l.sealing:
			if got.Ends.Sub(done.Now) < told.Span/2 {
				break // it was not made longer: nothing is left to be had
			}
			l.granted, l.leased, l.span = got.Granted, asked, told.Span
			l.want = 0
		}
		if told.Want > 0 {
			l.want = 0 // the next charge says what it wants
		}
	}
}

// tidy forgets lines that nobody has charged for a while.
func (f *Fleet) tidy() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for a, l := range f.lines {
		if l.span == 0 && l.reserved == 0 && len(l.pending) == 0 && now.since(l.last) > 2*Grace {
			delete(f.lines, a)
		}
	}
}

// distrust forgets all that the store is said to know, and gives up all leases. The
// lock is held.
func (f *Fleet) distrust() {
	for _, l := range f.lines {
		l.young, l.old = map[weir.Subject]moment(nil), nil
		l.drop()
	}
}

package guard

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

// record writes what is about to leave, and returns when that is durable. The
// intent goes before the first batch that is about somebody, in the same commit.
// A batch about nobody is only counted.
func (p *Pass) record(ctx context.Context, pieces []*piece) *weir.Denial {
	var taken []ledger.Taken
	var counts []ledger.Count
	var bytes int64
	var beyond []*piece     // what an allowance let through
	var would *ledger.Would // nil: the policy is enforced
	if p.observe {
		would = new(ledger.Would)
	}
	unread := false // something passes that could not be inspected, because the route says so
	taken = p.scratch.taken[:0]
	for _, pc := range pieces {
		for i, f := range pc.report.Findings {
			action := weir.Block // what is withheld with its record was not passed, whatever was decided for it alone
			if pc.withheld == nil && i < len(pc.actions) && !pc.late {
				action = pc.actions[i]
			}
			if p.observe {
				would.Actions = count(would.Actions, f.Class, action)
				action = weir.Allow
			}
			counts = count(counts, f.Class, action)
		}
		if p.observe {
			if pc.failed {
				unread = true
			} else if !pc.unread {
				bytes += int64(len(pc.Segment.Body) - pc.report.Unread)
				p.unread += int64(pc.report.Unread)
			}
			taken = p.left(pc, taken, would)
			p.tally(pc)
			continue
		}
		if pc.withheld != nil {
			continue
		}
		if pc.failed {
			unread = true
			p.unread += int64(len(pc.Segment.Body))
			bytes -= int64(len(pc.Segment.Body) - pc.report.Unread)
		}
		bytes += int64(len(pc.Segment.Body) - pc.report.Unread)
		p.unread += int64(pc.report.Unread)
		if pc.under != nil {
			beyond = append(beyond, pc)
			continue
		}
		for _, d := range pc.demands {
			taken = take(taken, ledger.Taken{Subject: d.Subject, Lanes: d.Lanes})
		}
	}
	p.scratch.taken = taken
	p.read += bytes
	if len(taken) == 0 && len(counts) == 0 && len(p.probed) == 0 && len(beyond) == 0 && !unread {
		p.sighted(pieces, nil)
		return nil
	}
	var entries []*ledger.Entry
	if !p.recorded {
		entries = append(entries, p.intent())
	}
	if len(taken) > 0 || len(counts) > 0 || len(beyond) > 0 || unread {
		sortCounts(counts)
		if would != nil {
			sortCounts(would.Actions)
		}
		var parts *ledger.Pieces
		if len(beyond) == 0 && !p.observe {
			parts = p.pieces(pieces, taken)
		}
		for first := true; first || len(taken) > 0; first = false {
			n := min(len(taken), ledger.MaxSubjects)
			e := p.entry(ledger.Release)
			e.Subjects, taken = slices.Clone(taken[:n]), taken[n:]
			if first {
				e.Actions, e.Read, e.Pieces = counts, bytes, parts
				if unread {
					e.Rule = ruleUnreadable
				}
			}
			if would != nil {
				e.Would = &ledger.Would{Lanes: would.Lanes[:n:n]}
				if would.Lanes = would.Lanes[n:]; first {
					e.Would.Actions = would.Actions
				}
				p.guard.left.Restore(p.guard.counted(e.Time), e.Parties(), demandsOf(e))
			}
			entries = append(entries, e)
		}
		entries = append(entries, p.beyondEntries(beyond)...)
	}
	if len(entries) == 0 {
		p.sighted(pieces, nil)
		return nil
	}
	if err := p.guard.append(ctx, entries...); err != nil {
		if ctx.Err() == nil {
			return p.guard.unrecordable("ledger did not take a release", err)
		}
		return &weir.Denial{Reason: weir.ReasonRecord, Message: "The exchange ended before its release was recorded."}
	}
	p.recorded = true
	p.sighted(pieces, counts)
	return nil
}

// beyondEntries tell of what allowances let through, each of its own.
func (p *Pass) beyondEntries(pieces []*piece) (entries []*ledger.Entry) {
	for len(pieces) > 0 {
		under := pieces[0].under
		var taken []ledger.Taken
		rest := pieces[:0:0]
		for _, pc := range pieces {
			if pc.under != under {
				rest = append(rest, pc)
				continue
			}
			for _, d := range pc.demands {
				taken = take(taken, ledger.Taken{Subject: d.Subject, Lanes: d.Lanes})
			}
		}
		pieces = rest
		for len(taken) > 0 {
			n := min(len(taken), ledger.MaxSubjects)
			e := p.entry(ledger.Release)
			e.Subjects, taken = slices.Clone(taken[:n]), taken[n:]
			e.Asked = under.asked()
			entries = append(entries, e)
		}
	}
	return entries
}

// intent begins the record of what is about to leave, with what was asked about.
func (p *Pass) intent() *ledger.Entry {
	e := p.entry(ledger.Intent)
	e.Subjects, e.Asked = p.probed, p.probedUnder.asked()
	if p.plan.Ticket && p.plan == &p.room { // it was looked at: see Plan
		e.Text = "ticket " + p.exchange.Ticket
	}
	if p.observe {
		e.Would = new(ledger.Would)
		for _, t := range p.probed {
			if !p.charged() {
				t.Lanes = 0
			}
			e.Would.Lanes = append(e.Would.Lanes, t.Lanes)
		}
	}
	return e
}

func sortCounts(counts []ledger.Count) {
	slices.SortFunc(counts, func(a, b ledger.Count) int {
		if c := strings.Compare(string(a.Class), string(b.Class)); c != 0 {
			return c
		}
		return int(a.Action) - int(b.Action)
	})
}

func count(counts []ledger.Count, c weir.Class, a weir.Action) []ledger.Count {
	for i := range counts {
		if counts[i].Class == c && counts[i].Action == a {
			counts[i].N++
			return counts
		}
	}
	return append(counts, ledger.Count{Class: c, Action: a, N: 1})
}

// take merges t into a batch's customers. Neighbouring segments are often about
// the same one, and a batch has few hundred, so the search begins at the end.
func take(taken []ledger.Taken, t ledger.Taken) []ledger.Taken {
	for i := len(taken) - 1; i >= 0; i-- {
		if taken[i].Subject == t.Subject {
			taken[i].Lanes |= t.Lanes
			return taken
		}
	}
	return append(taken, t)
}

// entry begins an entry about the exchange.
func (p *Pass) entry(kind ledger.Kind) *ledger.Entry {
	x := &p.exchange
	e := &ledger.Entry{
		Kind: kind, Time: p.guard.now(), Exchange: x.ID,
		Credential: x.Principal.Credential, Principal: policy.PrincipalName(&x.Principal), PrincipalKind: x.Principal.Kind,
		Act: x.Principal.Act, Role: x.Principal.Role, Issuer: x.Principal.Issuer, Network: x.Principal.Network,
		Door: x.Door, Recipient: x.Recipient, Purpose: x.Purpose,
	}
	if p.plan != nil {
		e.Role, e.Route, e.Purpose, e.Policy = p.plan.Role, p.plan.Route, p.plan.Purpose, p.plan.Version
	} else {
		rules := p.guard.Policy()
		e.Policy = rules.Version()
		// Whoever is denied before there is a plan may have written anything where
		// a purpose goes; the ledger takes names of the policy only.
		if !slices.ContainsFunc(rules.Purposes(), func(known policy.Purpose) bool { return known.Name == e.Purpose }) {
			e.Purpose = ""
		}
	}
	return e
}

// PassUnread records that n bytes are about to leave without being inspected,
// where the policy declares the media type opaque on this route. Where the route's
// address names a customer, they are that customer's, and count as seen in clear.
func (p *Pass) PassUnread(ctx context.Context, n int) *weir.Denial {
	if stop := p.standing(ctx); stop != nil {
		return stop
	}
	if p.stopped = p.asked(ctx); p.stopped != nil {
		return p.stopped
	}
	charged := p.guard.now()
	var batch [][]meter.Demand
	var entries []*ledger.Entry
	if !p.recorded {
		entries = append(entries, p.intent())
		batch = append(batch, p.probes())
	}
	if p.unread == 0 && p.plan.Subject.From == policy.URL && !p.failed {
		d := meter.Demand{Subject: p.subject, Lanes: weir.Lanes(0).With(weir.Clear)}
		if p.subject == p.own {
			d.Lanes = weir.Lanes(0).With(weir.Own)
		}
		_, denial, under := p.spend(ctx, [][]meter.Demand{{d}})
		if denial != nil {
			p.stopped = denial
			return p.stopped
		}
		batch = append(batch, []meter.Demand{d})
		release := p.entry(ledger.Release)
		if under != nil {
			release.Asked = under[0].asked()
		}
		release.Subjects = []ledger.Taken{{Subject: d.Subject, Lanes: d.Lanes}}
		release.Pieces = &ledger.Pieces{
			Shapes: []ledger.Shape{{Declared: true, People: []ledger.Person{{Bare: true}}}},
			Runs:   []ledger.Run{{N: 1}},
		}
		if p.observe {
			p.guard.left.Restore(p.guard.counted(release.Time), release.Parties(), demandsOf(release))
			if !p.charged() {
				d.Lanes = 0
			}
			release.Would = &ledger.Would{Lanes: []weir.Lanes{d.Lanes}}
		}
		entries = append(entries, release)
	}
	if len(entries) > 0 {
		if err := p.guard.append(ctx, entries...); err != nil {
			p.stopped = p.guard.unrecordable("ledger did not take an intent", err)
			return p.stopped
		}
		p.recorded = true
		if p.stopped = p.late(ctx, charged, batch); p.stopped != nil {
			return p.stopped
		}
	}
	p.unread += int64(n)
	return nil
}

// Opaque tells whether a media type may pass unread on this route.
func (p *Pass) Opaque(mediaType string) bool {
	for _, pattern := range p.plan.Opaque {
		if family, all := strings.CutSuffix(pattern, "/*"); pattern == mediaType || all && strings.HasPrefix(mediaType, family+"/") {
			return true
		}
	}
	return false
}

// An Outcome tells how an exchange ended.
type Outcome struct {
	Status int    // the HTTP status that the client received, or what answers to it
	Err    string // "": complete; else a constant of the door's, such as "client-left"
	// Denial is what the door refused by itself, such as an answer that it could
	// not cut. What the guard refused it knows.
	Denial *weir.Denial
}

// Close ends the exchange: with an entry of its own where it was on record or
// did not go well, and in the summary of the second where it was about nobody.
func (p *Pass) Close(ctx context.Context, o Outcome) {
	if p.closed {
		return
	}
	p.closed = true
	g := p.guard
	p.covered.closed(p)
	ctx = context.WithoutCancel(ctx) // the client may have gone; its outcome is still to be told
	defer func() {
		g.recycle(p.scratch)
		p.scratch = nil
	}()
	if !p.recorded && len(p.probed) > 0 {
		// Nothing was released, and still the customer was asked about: that was
		// paid for, and is to be known after a restart.
		if err := g.send(ctx, p.intent()); err != nil {
			g.log.Error("ledger did not take an intent", "err", err)
		}
		p.recorded = true
	}
	if o.Denial == nil {
		o.Denial = p.stopped
	}
	if o.Denial != nil {
		g.told(ctx, p, o.Denial, ledger.Denied)
	}
	if !p.recorded && o.Denial == nil && o.Err == "" {
		g.quiet.passed(p.read)
		return
	}
	e := p.entry(ledger.Close)
	e.Read, e.Unread, e.Outcome, e.Status = p.read, p.unread, o.Err, o.Status
	if o.Denial != nil {
		e.Reason = o.Denial.Reason
		if d := o.Denial; d.Reason == weir.ReasonBudget {
			e.Party, e.Rule = d.Party.String(), budgetRule(d)
		}
		if e.Outcome == "" {
			e.Outcome = "stopped"
		}
	}
	if err := g.send(ctx, e); err != nil {
		g.log.Error("ledger did not take an outcome", "err", err)
	}
}

// told puts a denial on the ledger, or one that would have been. The first of a kind in a second goes at
// once, so that watch sees it; those that follow are counted and go together at
// the second's end, so that whoever hammers at the door does not fill the disk.
func (g *Guard) told(ctx context.Context, p *Pass, d *weir.Denial, kind ledger.Kind) {
	e := p.entry(kind)
	e.Reason, e.N = d.Reason, 1
	if d.Reason == weir.ReasonBudget || d.Reason == weir.ReasonHold {
		e.Party = d.Party.String()
	}
	if d.Reason == weir.ReasonBudget {
		e.Rule = budgetRule(d)
	}
	if d.Reason == weir.ReasonNeeds {
		e.Rule = needWords(d.Needs)
	}
	e.Subjects = p.probed
	if d.Reason == weir.ReasonNotOwn && len(p.strangers) > 0 {
		// Whoever walks through orders asks about customers, too.
		e.Subjects = append(slices.Clone(p.probed), p.strangers...)
		e.Subjects = e.Subjects[:min(len(e.Subjects), ledger.MaxSubjects)]
	}
	if kind == ledger.Denied {
		g.known.denied(p)
	}
	if !g.quiet.first(e) {
		return
	}
	if err := g.send(context.WithoutCancel(ctx), e); err != nil {
		g.log.Error("ledger did not take a denial", "err", err)
	}
}

// flush writes what was counted in the last second.
func (g *Guard) flush(ctx context.Context) {
	entries := g.quiet.drain(g.now())
	if len(entries) == 0 {
		return
	}
	if err := g.send(ctx, entries...); err != nil && ctx.Err() == nil {
		g.log.Error("ledger did not take a summary", "err", err)
	}
}

// quiet gathers what is told once a second: exchanges about nobody, so that a
// blind detector is visible by their number, and denials of one kind.
type quiet struct {
	mu     sync.Mutex
	n      int
	read   int64
	denied map[denialKey]*ledger.Entry // nil entry: told, and none since
}

type denialKey struct {
	credential, principal, party, rule, route string
	reason                                    weir.Reason
	kind                                      ledger.Kind
}

// mostDenials bounds the different denials kept apart in a second; those beyond
// are told one by one.
const mostDenials = 10000

func (q *quiet) passed(read int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
	q.read += read
}

// first reports whether e is to be told at once; otherwise it is kept.
func (q *quiet) first(e *ledger.Entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.denied == nil {
		q.denied = map[denialKey]*ledger.Entry{}
	}
	k := denialKey{e.Credential, e.Principal, e.Party, e.Rule, e.Route, e.Reason, e.Kind}
	kept, told := q.denied[k]
	switch {
	case !told && len(q.denied) >= mostDenials:
		return true
	case !told:
		q.denied[k] = nil
		return true
	case kept == nil:
		e.Subjects = slices.Clone(e.Subjects)
		q.denied[k] = e
	default:
		kept.N++
		for _, s := range e.Subjects {
			if len(kept.Subjects) < ledger.MaxSubjects {
				kept.Subjects = take(kept.Subjects, s)
			}
		}
	}
	return false
}

func (q *quiet) drain(now time.Time) (entries []*ledger.Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.denied {
		if e != nil {
			entries = append(entries, e)
		}
	}
	q.denied = nil
	slices.SortFunc(entries, func(a, b *ledger.Entry) int { return a.Time.Compare(b.Time) })
	if q.n > 0 {
		entries = append(entries, &ledger.Entry{Kind: ledger.Summary, Time: now, N: q.n, Read: q.read})
		q.n, q.read = 0, 0
	}
	return entries
}

// budgetRule names on an entry the bound that was reached: its lane and window, as
// "clear/hour", or "clear/burst".
func budgetRule(d *weir.Denial) string {
	if d.Burst {
		return d.Lane.String() + "/burst"
	}
	return d.Lane.String() + "/" + d.Window.String()
}

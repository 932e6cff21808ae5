package simulation_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"

	. "github.com/getweir/weir/internal/simulation"
)

// sabotage is a defect that is put into a run, to see that it is found.
type sabotage uint8

const (
	nothing         sabotage = iota
	forgets                  // a restart does not read the ledger
	earlyReceipt             // the ledger says durable before it is
	beforeRelease            // the door does not wait for Release
	twoAsOne                 // the directory gives two customers one pseudonym
	wideBudgets              // the guard's policy has other budgets than are believed
	clearForMask             // the guard's policy lets through what is believed to be masked
	deafToHolds              // the guard does not hear of holds
	probesUnwritten          // the ledger loses who was asked for
	believesClock            // the machine vouches for whatever its clock says
	ledgerByClock            // the ledger's own times follow the machine's clock when it is set
)

// A world is people, principals and a node, and true time, which no machine knows.
type world struct {
	seed     uint64
	rng      *rand.Rand
	now      time.Time
	checker  *Checker
	people   *directory
	cast     []*principal
	rules    *rules // the newest
	nodes    []*node
	open     []*exchange
	sabotage sabotage
	trace    []string
	did      map[string]int // how often each thing happened, for the tests of the simulation
	ids      uint64
}

// A node is one machine with a guard on it.
type node struct {
	world  *world
	name   string
	disk   *disk
	offset time.Duration // what its clock shows beyond true time
	boot   string
	booted time.Time // by true time

	rules   *rules // in force here
	guard   *guard.Guard
	journal *journal
	life    int // counts processes
	dead    bool
	end     context.CancelFunc
	ended   sync.WaitGroup
}

// newWorld makes a world up.
func newWorld(seed uint64, s sabotage) *world {
	w := &world{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), sabotage: s,
		now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), checker: NewChecker(), people: &directory{merge: s == twoAsOne}, did: map[string]int{},
	}
	w.cast = cast(w.rng)
	w.rules = w.draw()
	w.nodes = []*node{{world: w, name: "node-1", disk: &disk{}, boot: "boot-0", booted: w.now.Add(-time.Hour), rules: w.rules}}
	return w
}

// draw makes rules up that compile.
func (w *world) draw() *rules {
	r := draw(w.rng)
	asBelieved := *r
	if w.sabotage == wideBudgets {
		r.roles["support"].take[inClear][0] += 3
		r.roles["support"].take[inClear][1] += 3
		r.roles["support"].take[inClear][2] += 3
	}
	r.mask = w.sabotage == clearForMask
	if err := r.compile(); err != nil {
		panic(fmt.Sprintf("seed %d: %v\n%s", w.seed, err, r.yaml()))
	}
	if w.sabotage == wideBudgets {
		r.roles["support"].take[inClear][0] -= 3
		r.roles["support"].take[inClear][1] -= 3
		r.roles["support"].take[inClear][2] -= 3
	}
	asBelieved.policy, asBelieved.finder = r.policy, r.finder
	return &asBelieved
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, w.now.Format("02T15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// start begins a process on n.
func (n *node) start() {
	w := n.world
	n.disk.last = time.Time{}
	if len(n.disk.entries) > 0 {
		_ = n.disk.each(int64(len(n.disk.entries)-1), func(_ int64, e *ledger.Entry) error { n.disk.last = e.Time; return nil })
	}
	n.life++
	n.dead = false
	// A process reads the machine's clock once and then counts by the monotonic one.
	began, wall := w.now, w.now.Add(n.offset)
	clock := func() time.Time { return wall.Add(w.now.Sub(began)) }
	ledgerClock := clock
	if w.sabotage == ledgerByClock {
		ledgerClock = func() time.Time { return w.now.Add(n.offset) }
	}
	n.journal = &journal{
		disk: n.disk, rng: w.rng, ready: make(chan struct{}),
		clock: ledgerClock,
		truth: func() time.Time { return w.now },
		stall: func(d time.Duration) { w.now = w.now.Add(d); w.note("%s: the disk takes %v", n.name, d) },
		die:   func() { n.dead = true },
		early: w.sabotage == earlyReceipt,
		blank: w.sabotage == probesUnwritten,
	}
	var log guard.Ledger = n.journal
	if w.sabotage == deafToHolds {
		log = deaf{n.journal}
	}
	n.rules = w.rules
	var err error
	n.guard, err = guard.New(guard.Config{
		Policy: n.rules.policy, Inspect: n.rules.finder, Ledger: log, Subjects: w.people,
		Now:    clock,
		Uptime: n.uptime,
	})
	if err == nil && w.sabotage != forgets {
		err = n.guard.Restore(context.Background())
	}
	if err != nil {
		w.checker.Fail("%s does not start: %v", n.name, err)
		n.dead = true
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.end = cancel
	g := n.guard
	n.ended.Go(func() { _ = g.Run(ctx) })
	<-n.journal.ready
	if w.rng.IntN(2) == 0 {
		_ = g.Begin(ctx, "") // else it is recorded with the first thing that it writes
	}
}

// uptime is what the machine says of how long it has been up.
func (n *node) uptime() (string, time.Duration) {
	if n.world.sabotage == believesClock {
		return "the only one", n.world.now.Add(n.offset).Sub(time.Unix(0, 0))
	}
	return n.boot, n.world.now.Sub(n.booted)
}

// stop ends the process on n, orderly or not.
func (n *node) stop(orderly bool) {
	w := n.world
	w.open = slices.DeleteFunc(w.open, func(x *exchange) bool {
		if x.node == n && orderly {
			x.close()
		}
		return x.node == n
	})
	if !orderly {
		n.journal.stop(false)
	}
	n.end()
	n.ended.Wait()
	n.journal.stop(true)
}

// reap buries a process that died by itself, or whose ledger stopped, and starts
// another.
func (n *node) reap() {
	n.journal.mu.Lock()
	stopped := n.journal.stopped
	n.journal.mu.Unlock()
	if !n.dead && !stopped {
		return
	}
	n.world.did["process died"]++
	n.stop(false)
	n.between()
	n.start()
}

// between is what happens to a machine while no process runs on it.
func (n *node) between() {
	w := n.world
	w.pass(time.Duration(w.rng.Int64N(int64([...]time.Duration{time.Second, time.Minute, 2 * time.Hour}[w.rng.IntN(3)]))))
	switch w.rng.IntN(6) {
	case 0:
		n.step()
	case 1:
		n.boot, n.booted = fmt.Sprintf("boot-%d", w.did["boot"]+1), w.now
		w.did["boot"]++
		w.note("%s: the machine boots anew", n.name)
	case 2:
		n.boot, n.booted = fmt.Sprintf("boot-%d", w.did["boot"]+1), w.now
		w.did["boot"]++
		n.step()
	}
}

// step sets the machine's clock.
func (n *node) step() {
	w := n.world
	by := time.Duration(w.rng.Int64N(int64([...]time.Duration{time.Minute, 3 * time.Hour, 40 * 24 * time.Hour}[w.rng.IntN(3)])))
	if w.rng.IntN(2) == 0 {
		by = -by
	}
	n.offset += by
	w.did["clock step"]++
	w.note("%s: the clock is set by %v to %v off", n.name, by, n.offset)
}

// pass lets true time pass.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for _, n := range w.nodes {
		if n.journal != nil && w.rng.IntN(2) == 0 {
			n.journal.mu.Lock()
			if !n.journal.stopped && !n.journal.early {
				n.journal.sync()
			}
			n.journal.mu.Unlock()
		}
	}
}

// run lets a number of things happen, and gives what was wrong.
func (w *world) run(steps int) []string {
	for _, n := range w.nodes {
		n.start()
	}
	for range steps {
		w.happen()
		for _, n := range w.nodes {
			n.reap()
		}
		if len(w.checker.Wrong()) > 0 {
			break
		}
	}
	for _, n := range w.nodes {
		n.stop(true)
	}
	w.lawOne()
	return w.checker.Wrong()
}

// happen lets one thing happen.
func (w *world) happen() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	switch k := w.rng.IntN(100); {
	case k < 40:
		w.ask(n)
	case k < 60:
		if len(w.open) > 0 {
			w.open[w.rng.IntN(len(w.open))].goOn()
		}
	case k < 64:
		if len(w.open) > 0 {
			i := w.rng.IntN(len(w.open))
			w.open[i].close()
			w.open = slices.Delete(w.open, i, i+1)
		}
	case k < 80:
		w.pass(w.while())
	case k < 84:
		n.journal.next = trouble(w.rng.IntN(int(troubles)))
		if n.journal.next != none {
			w.did[fmt.Sprintf("trouble %d", n.journal.next)]++
			w.note("%s: trouble %d comes with the next append", n.name, n.journal.next)
		}
	case k < 88:
		w.did["restart"]++
		orderly := w.rng.IntN(2) == 0
		w.note("%s: ends, orderly: %v", n.name, orderly)
		n.stop(orderly)
		n.between()
		n.start()
	case k < 90:
		n.step()
		n.journal.next = none
		_ = n.journal.Send(context.Background(), &ledger.Entry{Kind: ledger.Staff, Text: "somebody has signed in"})
	case k < 93:
		w.hold(n)
	case k < 95:
		w.reload(n)
	case k < 97:
		p := w.cast[w.rng.IntN(len(w.cast))]
		if p.kind == "staff" || p.kind == "service" {
			p.rotated++
			p.credential = fmt.Sprintf("key:%s.%d", p.name, p.rotated)
			w.did["rotation"]++
		}
	default:
		w.scrape(n)
	}
}

// while gives how long nothing happens: often just about as long as a window.
func (w *world) while() time.Duration {
	switch w.rng.IntN(10) {
	case 0, 1, 2:
		return time.Duration(w.rng.Int64N(int64(5 * time.Second)))
	case 3, 4:
		return time.Duration(w.rng.Int64N(int64(40 * time.Minute)))
	case 5, 6:
		return time.Hour + time.Duration(w.rng.Int64N(int64(6*time.Second))) - 3*time.Second
	case 7:
		return 24*time.Hour + time.Duration(w.rng.Int64N(int64(6*time.Second))) - 3*time.Second
	case 8:
		return time.Duration(w.rng.Int64N(int64(30 * time.Hour)))
	}
	return time.Duration(w.rng.Int64N(int64(31 * 24 * time.Hour)))
}

// hold puts somebody on hold, or lifts a hold. It is in force when the guard that
// follows the ledger has read it.
func (w *world) hold(n *node) {
	p := w.cast[w.rng.IntN(len(w.cast))]
	accounts := w.rules.accounts(p)
	party := accounts[w.rng.IntN(len(accounts)-1)].Party // not the deployment
	if w.rng.IntN(2) == 0 {
		party = accounts[0].Party
	}
	e := &ledger.Entry{Kind: ledger.Hold, Party: w.inLedger(p, party), Text: "a test"}
	lasts := time.Duration(w.rng.Int64N(int64(5 * time.Hour)))
	var until time.Time
	if w.rng.IntN(3) == 0 {
		e.Kind = ledger.Lift
	} else if cause, at := n.journal.newest(); at.Equal(w.now) {
		// As watch does it: from the time that the entry has that it is about.
		until, e.Time, e.Until = w.now.Add(lasts), cause, cause.Add(lasts)
	}
	n.journal.next = none
	if _, err := n.journal.Append(context.Background(), e); err != nil {
		return
	}
	w.did[e.Kind.String()]++
	w.note("%s: %v %s until %v (true time)", n.name, e.Kind, party, until)
	if e.Kind == ledger.Lift {
		w.checker.Lift(party)
	} else {
		w.checker.Hold(party, w.now, until)
	}
}

// inLedger names a party as the ledger does, which knows customers by pseudonyms.
func (w *world) inLedger(p *principal, party string) string {
	if p.kind == "customer" && party == "principal:"+p.name {
		return "principal:" + w.people.of("customer", p.self.ID()).String()
	}
	return party
}

// reload puts another policy in force.
func (w *world) reload(n *node) {
	next := w.draw()
	if err := n.guard.SetPolicy(context.Background(), next.policy, next.finder); err != nil {
		w.note("%s: the policy is not reloaded: %v", n.name, err)
		return
	}
	w.rules, n.rules = next, next
	w.did["reload"]++
	w.note("%s: the policy is reloaded", n.name)
}

// lawOne holds the surviving ledgers against what was received: each customer of each
// exchange is on record.
func (w *world) lawOne() {
	recorded := map[string]map[weir.Subject]weir.Lanes{}
	for _, n := range w.nodes {
		err := n.disk.each(0, func(_ int64, e *ledger.Entry) error {
			if e.Kind == ledger.Release {
				of := recorded[e.Exchange.String()]
				if of == nil {
					of = map[weir.Subject]weir.Lanes{}
					recorded[e.Exchange.String()] = of
				}
				for _, s := range e.Subjects {
					of[s.Subject] |= s.Lanes
				}
			}
			return nil
		})
		if err != nil {
			w.checker.Fail("law 1: the ledger of %s cannot be read: %v", n.name, err)
		}
	}
	received := map[string]map[Person]bool{}
	for _, t := range w.checker.Takings() {
		if received[t.Exchange] == nil {
			received[t.Exchange] = map[Person]bool{}
		}
		received[t.Exchange][t.Person] = true
		if !w.people.any(t.Person, func(s weir.Subject) bool { return recorded[t.Exchange][s] != 0 }) {
			w.checker.Fail("law 1: exchange %s: %s was received at %v and is not on the ledger", t.Exchange, t.Person.ID(), t.At)
		}
	}
	for x, people := range received {
		if len(recorded[x]) < len(people) {
			w.checker.Fail("law 1: exchange %s: %d customers were received, %d are on the ledger", x, len(people), len(recorded[x]))
		}
	}
}

// deaf is a ledger whose followers hear nothing.
type deaf struct{ *journal }

func (d deaf) Follow(ctx context.Context, _ int64, _ func(int64, *ledger.Entry) error) error {
	close(d.ready)
	<-ctx.Done()
	return ctx.Err()
}

// A directory is the subject directory: a pseudonym for each identifier.
type directory struct {
	mu    sync.Mutex
	known map[string]weir.Subject
	merge bool // sabotage: neighbours have one
}

func (d *directory) of(kind, value string) weir.Subject {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]weir.Subject{}
	}
	key := kind + " " + value
	if d.merge {
		for p := range Person(People) {
			key = strings.ReplaceAll(key+" ", p.ID()+" ", (p/2).ID()+" ")
		}
	}
	s, ok := d.known[key]
	if !ok {
		binary.BigEndian.PutUint64(s[:], uint64(len(d.known)+1))
		d.known[key] = s
	}
	return s
}

func (d *directory) Resolve(_ context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	all := make([]weir.Subject, len(ids))
	for i, id := range ids {
		all[i] = d.of(id.Kind, id.Value.Reveal())
	}
	return all, nil
}

// any tells whether a pseudonym that stands for a person is one of those wanted.
func (d *directory) any(p Person, wanted func(weir.Subject) bool) bool {
	for kind, value := range map[string]string{"customer": p.ID(), "email": p.Email(), "phone": strings.TrimPrefix(p.Phone(), "+"), "card": p.Card()} {
		if wanted(d.of(kind, value)) || wanted(d.of(kind, "+"+value)) {
			return true
		}
	}
	return false
}

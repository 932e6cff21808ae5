package simulation_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/fleet"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/storetest"

	. "github.com/getweir/weir/internal/simulation"
)

// sabotage is a defect that is put into a run, to see that it is found.
type sabotage uint8

const (
	nothing         sabotage = iota
	alone                    // nodes do not share what they count
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

// A world is people, principals and nodes, the store that several nodes share, and true
// time, which no machine knows.
type world struct {
	shared  *storetest.Fleet // nil: one node, alone
	skew    time.Duration    // of the shared store's clock
	said    []said           // by one node, and not heard of by the others
	allowed []allowed
	scale   int // of budgets

	seed     uint64
	rng      *rand.Rand
	now      time.Time    // read by its own goroutine alone; others: time
	since    atomic.Int64 // beginning, in nanoseconds
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
	offset atomic.Int64 // what its clock shows beyond true time
	boot   string
	booted time.Time // by true time

	link  *storetest.Link // to the shared store; nil: there is none
	cut   bool            // it is cut
	lossy bool            // some answers are lost
	down  bool            // no process runs: it could not join the others
	fleet *fleet.Fleet

	rules   *rules // in force here
	guard   *guard.Guard
	journal *journal
	life    int // counts processes
	dead    bool
	end     context.CancelFunc
	ended   sync.WaitGroup
}

// beginning is when each world begins.
var beginning = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// newWorld makes a world up.
func newWorld(seed uint64, s sabotage) *world {
	w := &world{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), sabotage: s,
		now: beginning, checker: NewChecker(), people: &directory{merge: s == twoAsOne}, did: map[string]int{},
	}
	w.cast = cast(w.rng)
	w.scale = 1
	nodes := 1
	if seed%2 == 1 {
		nodes = 3
		w.checker.Again = fleet.Grace
		if seed%4 == 3 { // so that shares of budgets are leased
			w.scale = 8
		}
		w.skew = time.Duration(w.rng.Int64N(int64(time.Hour))) - 30*time.Minute
		w.shared = storetest.NewFleet(func() time.Time { return w.time().Add(w.skew) })
	}
	w.rules = w.draw()
	for i := range nodes {
		n := &node{world: w, name: fmt.Sprintf("node-%d", i+1), disk: &disk{}, boot: fmt.Sprintf("boot-%d", -i), booted: w.now.Add(-time.Hour), rules: w.rules}
		if w.shared != nil {
			n.link = w.shared.Link()
			w.shared.HasLog(n.log())
		}
		w.nodes = append(w.nodes, n)
	}
	return w
}

// draw makes rules up that compile.
func (w *world) draw() *rules {
	r := draw(w.rng, w.scale)
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
	began, wall := w.now, w.now.Add(n.off())
	clock := func() time.Time { return wall.Add(w.time().Sub(began)) }
	ledgerClock := clock
	if w.sabotage == ledgerByClock {
		ledgerClock = func() time.Time { return w.time().Add(n.off()) }
	}
	n.journal = &journal{
		disk: n.disk, node: n.name, rng: w.rng, ready: make(chan struct{}, 2), away: func() bool { return n.cut },
		clock: ledgerClock,
		truth: w.time,
		stall: func(d time.Duration) { w.passed(d); w.note("%s: the disk takes %v", n.name, d) },
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
	var shared guard.Shared
	if w.shared != nil && w.sabotage != alone {
		n.fleet, err = fleet.New(fleet.Config{
			Store: n.link, Ledger: n.journal, Log: n.log(), Node: n.name, Leased: leased,
			Now: func() time.Time { return n.booted.Add(w.time().Sub(n.booted)) }, Wall: func() time.Time { return w.time().Add(n.off()) },
			Time: func() time.Time { return n.guard.Now() },
		})
		if err != nil {
			w.checker.Fail("%s: %v", n.name, err)
			return
		}
		shared = n.fleet
	}
	n.guard, err = guard.New(guard.Config{
		Shared: shared, Policy: n.rules.policy, Inspect: n.rules.finder, Ledger: log, Subjects: w.people,
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
	if n.down = n.fleet != nil && n.fleet.Join(context.Background()) != nil; n.down {
		w.note("%s: does not join the others", n.name)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.end = cancel
	g := n.guard
	n.ended.Go(func() { _ = g.Run(ctx) })
	<-n.journal.ready
	if f := n.fleet; f != nil {
		n.ended.Go(func() { _ = f.Follow(ctx) })
		<-n.journal.ready
		n.touch()
	}
	if w.rng.IntN(2) == 0 {
		_ = g.Begin(ctx, "") // else it is recorded with the first thing that it writes
	}
}

// leased is the smallest budget of which nodes lease shares here: of less they get none.
const leased = 32

// log is the name of the node's ledger.
func (n *node) log() string { return "weir.example/" + n.name }

// touch is what a node does several times a second.
func (n *node) touch() {
	if n.fleet == nil || n.dead || n.down {
		return
	}
	w := n.world
	n.fleet.Settle(context.Background())
	n.fleet.Touch(context.Background(), n.guard.Holds)
	if n.cut {
		return
	}
	w.said = slices.DeleteFunc(w.said, func(s said) bool {
		switch {
		case s.by != n:
			return false
		case s.lifts:
			w.checker.Lift(s.party) // also what another node has said since
		case n.lossy:
		default:
			for _, other := range w.nodes {
				if other != n {
					w.checker.Hold(s.party, other.name, w.now.Add(time.Second), s.until)
				}
			}
		}
		return !n.lossy
	})
}

// said is a hold or its end as one node has it.
type said struct {
	by    *node
	party string
	until time.Time
	lifts bool
}

// uptime is what the machine says of how long it has been up.
func (n *node) uptime() (string, time.Duration) {
	if n.world.sabotage == believesClock {
		return "the only one", n.world.time().Add(n.off()).Sub(time.Unix(0, 0))
	}
	return n.boot, n.world.time().Sub(n.booted)
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
	if n.down {
		return
	}
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
	if n.down {
		n.start()
		return
	}
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
	n.offset.Add(int64(by))
	w.did["clock step"]++
	w.note("%s: the clock is set by %v to %v off", n.name, by, n.off())
}

// passed moves true time on.
func (w *world) passed(d time.Duration) {
	w.now = w.now.Add(d)
	w.since.Add(int64(d))
}

// time gives true time to whoever asks in a goroutine of its own: guards write what
// they have gathered once a second of the machine's that runs the tests.
func (w *world) time() time.Time { return beginning.Add(time.Duration(w.since.Load())) }

// off is what the machine's clock shows beyond true time.
func (n *node) off() time.Duration { return time.Duration(n.offset.Load()) }

// pass lets true time pass.
func (w *world) pass(d time.Duration) {
	w.passed(d)
	for _, n := range w.nodes {
		if n.guard != nil && !n.dead && w.rng.IntN(8) > 0 {
			n.touch()
		}
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
	if n.down {
		w.partition(n)
		return
	}
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
	case k < 92:
		w.hold(n)
	case k < 93:
		w.approve(n)
	case k < 95:
		w.reload()
	case k < 95+2*len(w.nodes)/3 && n.link != nil:
		w.partition(n)
	case k < 98:
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

// partition takes a node's way to the store away, or its answers, or gives them back.
func (w *world) partition(n *node) {
	switch w.rng.IntN(6) {
	case 0, 1:
		n.cut = true
		n.link.Cut(true)
		w.did["cut off"]++
		w.note("%s: cut off", n.name)
	case 2:
		op := []string{"Charge", "Settle", "Sync", "Publish"}[w.rng.IntN(4)]
		n.link.Fail(nil, func(o string) error {
			if o == op {
				return errGone
			}
			return nil
		})
		n.lossy = true
		w.did["answers lost"]++
		w.note("%s: answers to %s are lost", n.name, op)
	default:
		n.cut, n.lossy = false, false
		n.link.Cut(false)
		n.link.Fail(nil, nil)
		w.note("%s: in touch again", n.name)
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
		if e.Kind == ledger.Lift { // it may be on the ledger all the same
			w.checker.Lift(party)
			w.said = append(w.said, said{n, party, until, true})
		}
		return
	}
	w.did[e.Kind.String()]++
	w.note("%s: %v %s until %v (true time)", n.name, e.Kind, party, until)
	if e.Kind == ledger.Lift {
		w.checker.Lift(party)
	} else {
		w.checker.Hold(party, n.name, w.now, until)
	}
	if w.shared != nil {
		w.said = append(w.said, said{n, party, until, e.Kind == ledger.Lift})
	}
}

// allowed is what somebody may take beyond the ordinary through one node.
type allowed struct {
	node  *node
	who   string
	role  string
	lanes []Lane
	until time.Time // by true time
	boot  string    // of the node, when it began
}

// approve lets somebody take more for a while.
func (w *world) approve(n *node) {
	p := w.cast[w.rng.IntN(len(w.cast))]
	if p.kind != "staff" && p.kind != "service" || n.dead {
		return
	}
	a := allowed{node: n, who: p.name, role: p.role, lanes: []Lane{Clear, Masked, Probed}, boot: n.boot}
	lasts := time.Duration(w.rng.Int64N(int64(3 * time.Hour)))
	a.until = w.now.Add(lasts)
	e := &ledger.Entry{Kind: ledger.Request, Rule: ledger.RequestApproved, Party: "principal:" + p.name, Role: p.role, Time: n.guard.Now(),
		Asked: &ledger.Asked{Lanes: weir.Lanes(0).With(weir.Clear).With(weir.Masked).With(weir.Probed), Customers: 1 + w.rng.IntN(4)}}
	w.ids++
	binary.BigEndian.PutUint64(e.Asked.ID[:], w.ids)
	e.Until = e.Time.Add(lasts)
	n.journal.next = none
	if _, err := n.journal.Append(context.Background(), e); err != nil {
		return
	}
	w.allowed = append(w.allowed, a)
	w.did["approval"]++
	w.note("%s: %s may take more until %v (true time)", n.name, p.name, a.until)
}

// now gives what an exchange's parties may take now: where more was approved, somebody's
// credential and name up to the ceiling of 30 days, and never more.
func (x *exchange) now(accounts []Account) []Account {
	var more [len(Limits{})]bool
	w := x.world
	for _, a := range w.allowed {
		// Where the machine has booted since, only its clock tells when that ends, and it
		// may stand behind.
		if (a.node == x.node || w.shared != nil) && a.who == x.who.name && a.role == x.who.role && (w.now.Before(a.until) || x.node.boot != a.boot) {
			for _, lane := range a.lanes {
				more[lane] = true
			}
		}
	}
	all := slices.Clone(accounts)
	for i := range all {
		if !strings.HasPrefix(all[i].Party, "credential:") && !strings.HasPrefix(all[i].Party, "principal:") {
			continue
		}
		l := *all[i].Limits
		for lane, ceiling := range more {
			if ceiling {
				l[lane] = Limit{l[lane][2], l[lane][2], l[lane][2]}
			}
		}
		all[i].Limits = &l
	}
	return all
}

// inLedger names a party as the ledger does, which knows customers by pseudonyms.
func (w *world) inLedger(p *principal, party string) string {
	if p.kind == "customer" && party == "principal:"+p.name {
		return "principal:" + w.people.of("customer", p.self.ID()).String()
	}
	return party
}

// reload puts another policy in force, on every node. One that cannot record it has a
// ledger that has stopped, and comes back with it.
func (w *world) reload() {
	w.rules = w.draw()
	for _, n := range w.nodes {
		if n.down {
			continue
		}
		if err := n.guard.SetPolicy(context.Background(), w.rules.policy, w.rules.finder); err != nil {
			w.note("%s: the policy is not reloaded: %v", n.name, err)
			continue
		}
		n.rules = w.rules
		w.note("%s: the policy is reloaded", n.name)
	}
	w.did["reload"]++
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
	d.ready <- struct{}{}
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

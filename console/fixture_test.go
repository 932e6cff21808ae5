package console

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/watch"
)

// world is a Source with invented traffic: what the console shows of a deployment
// in which a stolen support credential scrapes and a customer walks identifiers.
type world struct {
	requests  []Request
	decided   []string
	decideErr error
	mu        sync.Mutex // guards what follows
	random    *rand.Rand
	entries   []*ledger.Entry
	grown     chan struct{} // closed and replaced at each append
	exposure  Exposure
	coverage  *coverage.Report
	alerts    []watch.Alert
	holds     []Hold
	lifted    []string // "party: reason", in order
	liftErr   error
	failed    string

	verified chan struct{} // if not nil, Verify waits for it half way
}

func newWorld() *world {
	return &world{
		random: rand.New(rand.NewPCG(1, 2)), grown: make(chan struct{}),
		exposure: Exposure{Mode: Enforcing, Policy: "sha256:4f1d09b2c7aa"},
	}
}

func limit(hour, day, month int) weir.Budget { return weir.Budget{hour, day, month} }

// people of the platform, with their budgets.
var cast = []struct {
	name, role, credential string
	kind                   weir.Kind
	clear, masked          weir.Budget
}{
	{"stolen-support", "support", "tok-9c41f7a2", weir.Staff, limit(40, 200, 1000), limit(400, 2000, 9000)},
	{"amira.k", "support", "tok-1b7e66d0", weir.Staff, limit(40, 200, 1000), limit(400, 2000, 9000)},
	{"recommender", "recommender", "cert-77ab03e9", weir.Service, limit(0, 0, 0), limit(6000, 6000, 6000)},
	{"newsletter", "marketing", "key-e20c54b8", weir.Service, limit(1500, 5000, 5000), limit(6000, 6000, 6000)},
	{"billing-sync", "billing", "cert-0f93aa17", weir.Service, limit(300, 2500, weir.Unbounded), limit(0, 0, 0)},
}

// populate fills the world as it stands after a while of traffic.
func (w *world) populate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exposure.Unbounded = []exposure.Open{
		{Text: "Role billing has no limit for 30 days in clear."},
		{Text: "Who owns this host can read what passes through it."},
		{Text: "Who holds the key-encryption key can open what is stored."},
		{Text: "The database of the service behind Weir can be read past it."},
		{Text: "The policy has one author: nobody else signs a change that widens it."},
	}
	for _, p := range cast {
		row := Row{Party: weir.Party{Kind: weir.ByCredential, Name: p.credential}, Who: p.name, Role: p.role, CouldHour: p.clear[0], CouldDay: p.clear[1]}
		row.Budget[weir.Clear], row.Budget[weir.Masked] = p.clear, p.masked
		w.exposure.Rows = append(w.exposure.Rows, row)
		row.Party, row.Who = weir.Party{Kind: weir.ByPrincipal, Name: p.name}, ""
		w.exposure.Rows = append(w.exposure.Rows, row)
	}
	for i := range 40 {
		row := Row{
			Party: weir.Party{Kind: weir.ByCredential, Name: fmt.Sprintf("tok-%08x", 0xc0ffee00+i*977)}, Who: weir.Subject{1, byte(i)}.String(),
			Role: "customer", Own: true, CouldHour: 1, CouldDay: 1,
		}
		row.Budget[weir.Own] = limit(1, 1, 1)
		row.Taken[weir.Own] = weir.Budget{i % 2, 1, 1}
		w.exposure.Rows = append(w.exposure.Rows, row)
	}
	shared := func(kind weir.PartyKind, name string, clear, masked weir.Budget) {
		row := Row{Party: weir.Party{Kind: kind, Name: name}, CouldHour: clear[0], CouldDay: clear[1]}
		row.Budget[weir.Clear], row.Budget[weir.Masked] = clear, masked
		w.exposure.Rows = append(w.exposure.Rows, row)
	}
	shared(weir.ByRole, "support", limit(200, 900, 4000), limit(2000, 8000, 20000))
	shared(weir.ByRole, "marketing", limit(1500, 5000, 5000), limit(6000, 6000, 6000))
	shared(weir.ByRole, "customer", limit(5000, 5000, 5000), limit(0, 0, 0))
	shared(weir.ByIssuer, "staff-sso", limit(200, 900, 4000), limit(2000, 8000, 20000))
	shared(weir.ByNetwork, "office", limit(200, 900, 4000), limit(2000, 8000, 20000))
	shared(weir.ByDeployment, "", limit(2500, 8000, 20000), limit(12000, 20000, 60000))
	w.take("amira.k", 11, 38, 210, 23)
	w.take("newsletter", 1240, 1240, 4610, 0)
	w.take("recommender", 0, 0, 0, 4410)
	w.take("billing-sync", 96, 410, 6120, 0)
	// Two minutes of exchanges that held nothing personal.
	for i := range 110 {
		n := 14 + w.random.IntN(9) + i/10
		w.write(&ledger.Entry{Kind: ledger.Summary, Time: time.Now().UTC().Add(time.Duration(i-110) * time.Second), N: n})
	}
}

// take adds customers to the rows of a principal and to what it shares.
func (w *world) take(principal string, hour, day, month, masked int) {
	for i := range w.exposure.Rows {
		r := &w.exposure.Rows[i]
		if r.Who != principal && r.Party.Name != principal && r.Party.Kind != weir.ByDeployment {
			continue
		}
		for window, n := range []int{hour, day, month} {
			r.Taken[weir.Clear][window] += n
			r.Taken[weir.Masked][window] += masked
		}
	}
}

// append makes entries durable.
func (w *world) append(entries ...*ledger.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(entries...)
}

func (w *world) write(entries ...*ledger.Entry) {
	w.entries = append(w.entries, entries...)
	close(w.grown)
	w.grown = make(chan struct{})
}

// exchangeID gives the number i as an id.
func exchangeID(i int) weir.ExchangeID {
	return weir.ExchangeID{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
}

// happen lets one exchange take place.
func (w *world) happen(i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := cast[w.random.IntN(len(cast))]
	if w.random.IntN(3) == 0 {
		p = cast[0] // the thief is busy
	}
	e := ledger.Entry{
		Time: time.Now().UTC(), Exchange: exchangeID(i), Credential: p.credential, Principal: p.name, PrincipalKind: p.kind,
		Role: p.role, Network: "office", Door: "inbound", Policy: w.exposure.Policy,
	}
	subjects := func(n int, lanes ...weir.Lane) {
		var set weir.Lanes
		for _, l := range lanes {
			set = set.With(l)
		}
		for range n {
			var s weir.Subject
			for i := range s {
				s[i] = byte(w.random.Uint32())
			}
			e.Subjects = append(e.Subjects, ledger.Taken{Subject: s, Lanes: set})
		}
	}
	deny := func(reason weir.Reason, party string) {
		denied := e
		denied.Kind, denied.Reason, denied.Party, denied.Actions, denied.Subjects = ledger.Denied, reason, party, nil, nil
		w.write(&denied)
		for i := range w.exposure.Rows {
			if r := &w.exposure.Rows[i]; r.Who == p.name || r.Party.Name == p.name {
				r.Denied++
			}
		}
	}
	switch p.name {
	case "stolen-support", "amira.k":
		e.Route, e.Purpose = "customer", "support"
		row := slices.IndexFunc(w.exposure.Rows, func(r Row) bool { return r.Who == p.name })
		held := slices.ContainsFunc(w.holds, func(h Hold) bool { return h.Party.Name == p.credential })
		switch {
		case held:
			deny(weir.ReasonHold, "credential:"+p.credential)
			return
		case w.exposure.Rows[row].Taken[weir.Clear][weir.Hour] >= p.clear[0]:
			deny(weir.ReasonBudget, "credential:"+p.credential)
			w.alert(watch.RuleBudgetSpent, p.name, p.credential, p.role, 15*time.Minute)
			return
		}
		e.Actions = []ledger.Count{{Class: "person.name", Action: weir.Allow, N: 1}, {Class: "contact.email", Action: weir.Mask, N: 1}, {Class: "contact.phone", Action: weir.Mask, N: 1}}
		subjects(1, weir.Clear, weir.Masked)
		w.take(p.name, 1, 1, 1, 1)
	case "recommender":
		e.Route, e.Purpose = "histories", "recommendation"
		e.Actions = []ledger.Count{{Class: "media.viewing_history", Action: weir.Mask, N: 25}}
		subjects(25, weir.Masked)
		w.take(p.name, 0, 0, 0, 3)
	case "newsletter":
		e.Route, e.Purpose, e.Recipient = "export-csv", "marketing", "mailer.example"
		e.Actions = []ledger.Count{{Class: "contact.email", Action: weir.Allow, N: 12}, {Class: "person.name", Action: weir.Allow, N: 12}, {Class: "contact.address", Action: weir.Block, N: 2}}
		subjects(12, weir.Clear)
		w.take(p.name, 1, 2, 2, 0)
	default:
		e.Route, e.Purpose = "orders", "billing"
		e.Actions = []ledger.Count{{Class: "payment.card", Action: weir.Mask, N: 3}, {Class: "commerce.order", Action: weir.Allow, N: 3}}
		subjects(3, weir.Sensitive, weir.Clear, weir.Masked)
		w.take(p.name, 1, 1, 1, 0)
	}
	release, end := e, e
	release.Kind = ledger.Release
	end.Kind, end.Actions, end.Subjects, end.Status = ledger.Close, nil, nil, 200
	w.write(&release, &end)
}

// alert writes an alert and a hold, as watch would. w.mu is held.
func (w *world) alert(rule, principal, credential, role string, hold time.Duration) {
	now := time.Now().UTC()
	party := weir.Party{Kind: weir.ByCredential, Name: credential}
	a := watch.Alert{
		Index: int64(len(w.entries)), Time: now, Rule: rule, Party: party.String(), Credential: credential, Principal: principal, Role: role,
		Text: "The budget of customers is spent: nobody new leaves until some of those taken have left the window.", Until: now.Add(hold),
	}
	why := "It spent its budget of customers."
	if rule == watch.RuleIDWalking {
		a.Text, why = "A customer asked for the records of 5 others within 1m and got none of them.", "It walked through other customers' identifiers."
	}
	w.alerts = append([]watch.Alert{a}, w.alerts...)
	w.holds = append(w.holds, Hold{party, why, now, now.Add(hold)})
	w.write(&ledger.Entry{Kind: ledger.Alert, Time: now, Rule: rule, Party: a.Party, Text: a.Text},
		&ledger.Entry{Kind: ledger.Hold, Time: now, Rule: rule, Party: a.Party, Until: a.Until})
	for i := range w.exposure.Rows {
		if r := &w.exposure.Rows[i]; r.Party == party {
			r.Held = true
		}
	}
}

func (w *world) Exposure() Exposure {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.exposure
	x.Rows = slices.Clone(x.Rows)
	return x
}

func (w *world) Coverage() *coverage.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.coverage
}

func (w *world) Alerts() []watch.Alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.alerts)
}

func (w *world) Holds() []Hold {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.holds)
}

func (w *world) Ledger() LedgerStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := LedgerStatus{Entries: int64(len(w.entries)), Bytes: int64(len(w.entries)) * 312, Failed: w.failed}
	if s.Entries > 0 {
		s.CheckpointSize, s.CheckpointTime = s.Entries, w.entries[s.Entries-1].Time.Truncate(time.Second)
		s.CheckpointRoot = [32]byte{0x8e, 0x21, byte(s.Entries), byte(s.Entries >> 8), 30: 0xb0, 31: 0x4d}
	}
	return s
}

func (w *world) Replay(from int64, fn func(int64, *ledger.Entry) error) error {
	w.mu.Lock()
	all := w.entries
	w.mu.Unlock()
	for i := from; i < int64(len(all)); i++ {
		if err := fn(i, all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Follow(ctx context.Context, from int64, fn func(int64, *ledger.Entry) error) error {
	for {
		w.mu.Lock()
		all, grown := w.entries, w.grown
		w.mu.Unlock()
		for ; from < int64(len(all)); from++ {
			if err := fn(from, all[from]); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

func (w *world) Verify(ctx context.Context, progress func(done, of int64)) (Verification, error) {
	n := w.Ledger().Entries
	for i := range int64(10) {
		progress(i*n/10, n)
		if i == 5 && w.verified != nil {
			select {
			case <-ctx.Done():
				return Verification{}, ctx.Err()
			case <-w.verified:
			}
		}
	}
	return Verification{OK: true, Entries: n, Text: "All entries are as they were signed. Self-attested: no witness has cosigned."}, nil
}

func (w *world) Lift(_ context.Context, party weir.Party, by, reason string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.liftErr != nil {
		return w.liftErr
	}
	at := slices.IndexFunc(w.holds, func(h Hold) bool { return h.Party == party })
	if at < 0 {
		return errors.New("no such hold")
	}
	w.holds = slices.Delete(w.holds, at, at+1)
	w.lifted = append(w.lifted, party.String()+": "+reason)
	for i := range w.exposure.Rows {
		if r := &w.exposure.Rows[i]; r.Party == party {
			r.Held = false
		}
	}
	w.write(&ledger.Entry{Kind: ledger.Lift, Time: time.Now().UTC(), Party: party.String(), Principal: by, Text: reason})
	return nil
}

// start runs a console over the world until the test ends, and gives it.
func start(t *testing.T, w *world, listen string) *Console {
	t.Helper()
	c, err := New(Config{Source: w, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return c
}

package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

const testPolicy = `
version: 1
classes:
  contact.*: {sensitivity: moderate}
  person.*: {sensitivity: low}
  payment.*: {sensitivity: high}
  identity.*: {sensitivity: high}
  network.*: {sensitivity: low}
  device.*: {sensitivity: moderate}
  location.*: {sensitivity: high}
  media.*: {sensitivity: high}
  commerce.*: {sensitivity: moderate}
  message.*: {sensitivity: high}
  credential.*: {sensitivity: high}
purposes:
  support: {basis: contract}
roles:
  support:
    purposes: [support]
    see: {"*": mask, contact.email: clear, person.name: clear, payment.card: clear, credential.*: clear, credential.password_hash: mask}
    take:
      clear:     {hour: 10, day: 20, 30 days: 30}
      sensitive: {hour: 1, day: 2, 30 days: 3}
      masked:    {hour: 10, day: 20, 30 days: 30}
      probed:    {hour: 10, day: 20, 30 days: 30}
  bulk:
    purposes: [support]
    see: {"*": mask}
    take:
      clear:  {30 days: unbounded}
      masked: {30 days: unbounded}
  customer:
    own: true
    purposes: [support]
    see: {"*": clear}
    take:
      own: {hour: 1, day: 1, 30 days: 1}
deployment:
  take:
    clear:  {30 days: unbounded}
    masked: {30 days: unbounded}
    probed: {30 days: unbounded}
    own:    {30 days: unbounded}
routes:
  - {route: "GET /c/{id}", name: customer, subject: "customer {id}"}
  - {route: GET /c, name: customers, subject: "customer $.items[*].id"}
`

// memory is a ledger in memory.
type memory struct {
	mu      sync.Mutex
	entries []*ledger.Entry
	grown   chan struct{}
	fail    error
}

func newMemory() *memory { return &memory{grown: make(chan struct{})} }

func (m *memory) Append(_ context.Context, entries ...*ledger.Entry) (ledger.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return ledger.Receipt{}, m.fail
	}
	m.entries = append(m.entries, entries...)
	close(m.grown)
	m.grown = make(chan struct{})
	return ledger.Receipt{}, nil
}

func (m *memory) Send(ctx context.Context, entries ...*ledger.Entry) error {
	_, err := m.Append(ctx, entries...)
	return err
}

func (m *memory) Replay(from int64, each func(int64, *ledger.Entry) error) error {
	m.mu.Lock()
	entries := m.entries[min(int(from), len(m.entries)):]
	m.mu.Unlock()
	for i, e := range entries {
		if err := each(from+int64(i), e); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Follow(ctx context.Context, from int64, each func(int64, *ledger.Entry) error) error {
	for {
		m.mu.Lock()
		grown := m.grown
		m.mu.Unlock()
		if err := m.Replay(from, func(i int64, e *ledger.Entry) error { from = i + 1; return each(i, e) }); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

func (m *memory) kinds() (all []ledger.Kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		all = append(all, e.Kind)
	}
	return all
}

// numbered is a subject directory that numbers whom it meets.
type numbered struct {
	mu    sync.Mutex
	known map[string]weir.Subject
}

func (n *numbered) Resolve(_ context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = map[string]weir.Subject{}
	}
	var all []weir.Subject
	for _, id := range ids {
		k := id.Kind + ":" + id.Value.Reveal()
		s, ok := n.known[k]
		if !ok {
			s = weir.Subject{1, byte(len(n.known) >> 8), byte(len(n.known))}
			n.known[k] = s
		}
		all = append(all, s)
	}
	return all, nil
}

type fixture struct {
	*Guard
	log *memory
	now time.Time
}

func newFixture(t testing.TB, mode Mode) *fixture {
	t.Helper()
	p, err := policy.Parse("test", []byte(testPolicy))
	if err != nil {
		t.Fatal(err)
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{log: newMemory(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	f.Guard, err = New(Config{Policy: p, Inspect: finder, Ledger: f.log, Subjects: &numbered{}, Mode: mode, Now: func() time.Time { return f.now }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func exchange(name, role, path string) *weir.Exchange {
	return &weir.Exchange{
		Door: "inbound", Method: "GET", Path: weir.NewPlain(path),
		Principal: weir.Principal{Kind: weir.Staff, Name: name, Role: role, Issuer: "sso", Network: "office", Credential: "key:" + name},
	}
}

func records(bodies ...string) (all []weir.Segment) {
	for _, b := range bodies {
		all = append(all, weir.Segment{Syntax: weir.JSON, Body: []byte(b), Path: []string{"items", "[]"}, Record: true})
	}
	return all
}

func bodyOf(i int) string {
	return fmt.Sprintf(`{"id":"c-%d","full_name":"Person Number%d","email":"person%d@example.com","phone":"+1415555%04d"}`, i, i, i, 100+i)
}

func admit(t testing.TB, f *fixture, x *weir.Exchange) *Pass {
	t.Helper()
	p, denial := f.Admit(t.Context(), x)
	if denial != nil {
		t.Fatalf("denied: %v", denial)
	}
	return p
}

// TestReleaseLongestPrefix: of a batch, what fits leaves, and nothing after it,
// neither now nor later in the exchange.
func TestReleaseLongestPrefix(t *testing.T) {
	f := newFixture(t, Enforce)
	p := admit(t, f, exchange("a", "support", "/c"))
	var bodies []string
	for i := range 14 {
		bodies = append(bodies, bodyOf(i))
	}
	r := p.Release(t.Context(), records(bodies...))
	if len(r.Out) != 10 || r.Stop == nil || r.Stop.Reason != weir.ReasonBudget || r.Stop.Lane != weir.Clear || r.Stop.Window != weir.Hour {
		t.Fatalf("%d left, stop %+v", len(r.Out), r.Stop)
	}
	if again := p.Release(t.Context(), records(bodyOf(0))); len(again.Out) != 0 || again.Stop == nil {
		t.Error("an exchange that was stopped went on")
	}
	p.Close(t.Context(), Outcome{Status: 200})
	p.Close(t.Context(), Outcome{Status: 200}) // once is enough
	want := []ledger.Kind{ledger.Intent, ledger.Release, ledger.Denied, ledger.Close}
	if got := f.log.kinds(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ledger has %v, want %v", got, want)
	}
}

// TestSensitiveLane: a class of high sensitivity has a budget of its own.
func TestSensitiveLane(t *testing.T) {
	f := newFixture(t, Enforce)
	p := admit(t, f, exchange("a", "support", "/c"))
	r := p.Release(t.Context(), records(
		`{"id":"c-1","email":"a@example.com","card":"4242 4242 4242 4242"}`,
		`{"id":"c-2","email":"b@example.com"}`,
		`{"id":"c-3","email":"c@example.com","card":"5555 5555 5555 4444"}`))
	if len(r.Out) != 2 || r.Stop == nil || r.Stop.Lane != weir.Sensitive {
		t.Errorf("%d left, stop %+v", len(r.Out), r.Stop)
	}
}

// TestWhatLiesInAMaskedValueIsMasked: an order is masked whole, so the name in it
// does not leave, and does not count as clear, although names are allowed.
func TestWhatLiesInAMaskedValueIsMasked(t *testing.T) {
	f := newFixture(t, Enforce)
	p := admit(t, f, exchange("a", "support", "/c"))
	r := p.Release(t.Context(), records(`{"id":"c-1","order":{"order_id":"o-1","total":12.5,"items":[{"sku":"x"}],"recipient_name":"Ada Okafor"}}`))
	if r.Stop != nil || len(r.Out) != 1 || strings.Contains(string(r.Out[0]), "Okafor") {
		t.Fatalf("%s %+v", r.Out, r)
	}
	last := f.log.entries[len(f.log.entries)-1]
	if len(last.Subjects) != 1 || last.Subjects[0].Lanes != weir.Lanes(0).With(weir.Masked) {
		t.Errorf("recorded %+v", last)
	}
}

// TestHoldActsInTheMiddle: a hold that comes while an exchange runs stops it at
// the next batch, and the next admission.
func TestHoldActsInTheMiddle(t *testing.T) {
	f := newFixture(t, Enforce)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	p := admit(t, f, exchange("a", "support", "/c"))
	if r := p.Release(ctx, records(bodyOf(1))); r.Stop != nil {
		t.Fatal(r.Stop)
	}
	party := weir.Party{Kind: weir.ByPrincipal, Name: "a"}
	if err := f.log.Send(ctx, &ledger.Entry{Kind: ledger.Hold, Party: party.String(), Time: f.now, Until: f.now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for len(f.Holds()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if r := p.Release(ctx, records(bodyOf(2))); r.Stop == nil || r.Stop.Reason != weir.ReasonHold || len(r.Out) > 0 {
		t.Errorf("under a hold: %+v", r)
	}
	if _, denial := f.Admit(ctx, exchange("a", "support", "/c")); denial == nil || denial.Reason != weir.ReasonHold || denial.Retry != time.Hour {
		t.Errorf("admitted under a hold: %+v", denial)
	}
	if _, denial := f.Admit(ctx, exchange("b", "support", "/c")); denial != nil {
		t.Errorf("somebody else is held as well: %v", denial)
	}
	if err := f.log.Send(ctx, &ledger.Entry{Kind: ledger.Lift, Party: party.String(), Time: f.now}); err != nil {
		t.Fatal(err)
	}
	for len(f.Holds()) > 0 {
		time.Sleep(time.Millisecond)
	}
	if _, denial := f.Admit(ctx, exchange("a", "support", "/c")); denial != nil {
		t.Errorf("denied after the hold was lifted: %v", denial)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRestore: a guard that was restarted knows what was taken and who is held.
func TestRestore(t *testing.T) {
	f := newFixture(t, Enforce)
	p := admit(t, f, exchange("a", "support", "/c"))
	for i := range 10 {
		if r := p.Release(t.Context(), records(bodyOf(i))); r.Stop != nil {
			t.Fatal(r.Stop)
		}
	}
	p.Close(t.Context(), Outcome{Status: 200})
	if err := f.log.Send(t.Context(), &ledger.Entry{Kind: ledger.Hold, Party: "role:bulk", Time: f.now, Until: f.now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	g := newFixture(t, Enforce)
	g.subjects = f.subjects
	g.Guard.ledger = f.log
	if err := g.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := admit(t, g, exchange("a", "support", "/c"))
	if r := q.Release(t.Context(), records(bodyOf(3))); r.Stop != nil {
		t.Errorf("a customer already taken: %v", r.Stop)
	}
	if r := q.Release(t.Context(), records(bodyOf(99))); r.Stop == nil {
		t.Error("after a restart an eleventh customer was released")
	}
	if _, denial := g.Admit(t.Context(), exchange("z", "bulk", "/c")); denial == nil || denial.Reason != weir.ReasonHold {
		t.Errorf("the hold was forgotten: %v", denial)
	}
	x, y := f.Exposure(), g.Exposure()
	if fmt.Sprint(x.Hour, x.Day, x.Taken) != fmt.Sprint(y.Hour, y.Day, y.Taken) {
		t.Errorf("exposure %v %v %v before, %v %v %v after", x.Hour, x.Day, x.Taken, y.Hour, y.Day, y.Taken)
	}
}

// TestOwnRecordOnly: of a list, a customer gets its own record; others who are
// named in it belong to it.
func TestOwnRecordOnly(t *testing.T) {
	f := newFixture(t, Enforce)
	x := exchange("", "customer", "/c")
	x.Principal.Kind, x.Principal.Name = weir.Customer, ""
	x.Principal.Own = weir.Identifier{Kind: "customer", Value: weir.NewPlain("c-1")}
	p := admit(t, f, x)
	r := p.Release(t.Context(), records(bodyOf(0), bodyOf(1), bodyOf(2)))
	if r.Stop != nil || len(r.Out) != 3 || r.Out[0] != nil || r.Out[1] == nil || r.Out[2] != nil || r.Withheld == nil || r.Withheld.Reason != weir.ReasonNotOwn {
		t.Errorf("%+v", r)
	}
	for _, e := range f.log.entries {
		if e.Kind == ledger.Release && (len(e.Subjects) != 1 || e.Subjects[0].Lanes != weir.Lanes(0).With(weir.Own)) {
			t.Errorf("recorded %v", e.Subjects)
		}
	}
}

// TestExpiredCredential: neither admitted nor carried on.
func TestExpiredCredential(t *testing.T) {
	f := newFixture(t, Enforce)
	x := exchange("a", "support", "/c")
	x.Principal.Expires = f.now.Add(time.Minute)
	p := admit(t, f, x)
	f.now = f.now.Add(time.Minute)
	if r := p.Release(t.Context(), records(bodyOf(1))); r.Stop == nil || len(r.Out) > 0 {
		t.Errorf("%+v", r)
	}
	if _, denial := f.Admit(t.Context(), x); denial == nil || denial.Reason != weir.ReasonCredential {
		t.Errorf("%v", denial)
	}
}

// TestObservingRecordsEverything: what is only observed passes, is counted and
// is on record, and the exposure says that nothing bounds it.
func TestObservingRecordsEverything(t *testing.T) {
	f := newFixture(t, Observe)
	p := admit(t, f, exchange("a", "nobody", "/c"))
	var bodies []string
	for i := range 100 {
		bodies = append(bodies, bodyOf(i))
	}
	segments := records(bodies...)
	r := p.Release(t.Context(), segments)
	if r.Stop != nil || len(r.Out) != 100 || string(r.Out[7]) != bodies[7] {
		t.Fatalf("%d left, %v", len(r.Out), r.Stop)
	}
	taken := 0
	for _, e := range f.log.entries {
		taken += len(e.Subjects)
	}
	if x := f.Exposure(); taken != 100 || x.Hour != weir.Unbounded {
		t.Errorf("%d recorded, exposure %d", taken, x.Hour)
	}
}

// TestDenialsAreGathered: whoever hammers at the door gets one entry at once and
// one a second, with the count.
func TestDenialsAreGathered(t *testing.T) {
	f := newFixture(t, Enforce)
	for range 500 {
		if _, denial := f.Admit(t.Context(), exchange("x", "no-such-role", "/c")); denial == nil {
			t.Fatal("admitted")
		}
	}
	f.flush(t.Context())
	n := 0
	for _, e := range f.log.entries {
		n += e.N
	}
	if len(f.log.entries) != 2 || n != 500 {
		t.Errorf("%d entries tell of %d denials", len(f.log.entries), n)
	}
}

// TestTheLedgerTakesNamesOnly: what a client writes where a purpose goes does not
// get onto the ledger, unless the policy knows it.
func TestTheLedgerTakesNamesOnly(t *testing.T) {
	f := newFixture(t, Enforce)
	for _, purpose := range []weir.Purpose{"ada@example.com", "\xff\xfe", "support"} {
		x := exchange("x", "no-such-role", "/c")
		x.Purpose = purpose
		if _, denial := f.Admit(t.Context(), x); denial == nil {
			t.Fatal("admitted")
		}
		f.flush(t.Context())
	}
	for i, e := range f.log.entries {
		if want := (map[bool]weir.Purpose{true: "support"})[i == 2]; e.Purpose != want && e.Kind == ledger.Denied {
			t.Errorf("entry %d has the purpose %q", i, e.Purpose)
		}
	}
}

// TestSummaryCountsTheRest: exchanges about nobody are counted, so that a blind
// detector is visible.
func TestSummaryCountsTheRest(t *testing.T) {
	f := newFixture(t, Enforce)
	for range 7 {
		p := admit(t, f, exchange("a", "support", "/catalogue"))
		if r := p.Release(t.Context(), records(`{"sku":"x"}`)); r.Stop != nil || r.Personal {
			t.Fatalf("%+v", r)
		}
		p.Close(t.Context(), Outcome{Status: 200})
	}
	f.flush(t.Context())
	if len(f.log.entries) != 1 || f.log.entries[0].Kind != ledger.Summary || f.log.entries[0].N != 7 || f.log.entries[0].Read != 7*11 {
		t.Errorf("%+v", f.log.entries)
	}
}

func TestLedgerFailureStopsTheExchange(t *testing.T) {
	f := newFixture(t, Enforce)
	p := admit(t, f, exchange("a", "support", "/c"))
	f.log.mu.Lock()
	f.log.fail = errors.New("disk full")
	f.log.mu.Unlock()
	if r := p.Release(t.Context(), records(bodyOf(1))); r.Stop == nil || r.Stop.Reason != weir.ReasonRecord || len(r.Out) > 0 {
		t.Errorf("%+v", r)
	}
	f.log.mu.Lock()
	f.log.fail = nil
	f.log.mu.Unlock()
	if r := p.Release(t.Context(), records(bodyOf(1))); r.Stop == nil {
		t.Error("an exchange whose record failed went on")
	}
}

// TestPeopleInARecord is the table of docs/decisions/0004.
func TestPeopleInARecord(t *testing.T) {
	cases := []struct {
		name, path, body string
		want             int
	}{
		{"declared, with its own address and number", "/c", bodyOf(1), 1},
		{"declared, and two more addresses", "/c", `{"id":"c-1","email":"a@example.com","others":["b@example.com","c@example.com"]}`, 3},
		{"declared, the same address twice", "/c", `{"id":"c-1","email":"a@example.com","login":"A@example.com"}`, 1},
		{"declared, nothing recognised", "/c", `{"id":"c-1","mood":"good"}`, 1},
		{"undeclared, one object", "/x", `{"email":"a@example.com","phone":"+14155550101","full_name":"Ada Okafor"}`, 1},
		{"undeclared, two objects", "/x", `{"a":{"email":"a@example.com"},"b":{"phone":"+14155550101"}}`, 2},
		{"undeclared, two addresses in one object", "/x", `{"email":"a@example.com","cc":"b@example.com"}`, 2},
		{"undeclared, names only", "/x", `{"team":[{"full_name":"Ada Okafor"},{"full_name":"Ben Ito"},{"full_name":"Cleo Marsh"}]}`, 3},
		{"undeclared, one address and three names", "/x", `{"team":[{"full_name":"Ada Okafor","email":"a@example.com"},{"full_name":"Ben Ito"},{"full_name":"Cleo Marsh"}]}`, 3},
		{"nobody", "/x", `{"sku":"x"}`, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Enforce)
			p := admit(t, f, exchange("a", "support", c.path))
			r := p.Release(t.Context(), records(c.body))
			if r.Stop != nil || r.Withheld != nil {
				t.Fatalf("%+v", r)
			}
			n := 0
			for _, e := range f.log.entries {
				n += len(e.Subjects)
			}
			if n != c.want {
				t.Errorf("%d people, want %d", n, c.want)
			}
		})
	}
	t.Run("an answer about one customer that lists others", func(t *testing.T) {
		f := newFixture(t, Enforce)
		p := admit(t, f, exchange("a", "support", "/c/c-1"))
		left := 0
		for i := range 20 { // a batch each, as a slow service would send them
			left += len(p.Release(t.Context(), records(bodyOf(i))).Out)
		}
		// 20 e-mail addresses and 20 phone numbers: one of each is the customer's.
		if left >= 20 {
			t.Errorf("%d records of different people left as one customer's", left)
		}
	})
	t.Run("records of a declared list that do not say whose they are", func(t *testing.T) {
		f := newFixture(t, Enforce)
		p := admit(t, f, exchange("a", "support", "/c"))
		var bodies []string
		for i := range 14 {
			bodies = append(bodies, fmt.Sprintf(`{"nickname":"n%d"}`, i))
		}
		if r := p.Release(t.Context(), records(bodies...)); len(r.Out) != 10 || r.Stop == nil {
			t.Errorf("%d left, stop %v", len(r.Out), r.Stop)
		}
	})
	t.Run("a thousand in one record", func(t *testing.T) {
		f := newFixture(t, Observe)
		f.mode = Enforce
		body := `{"id":"c-1","all":[`
		for i := range 1500 {
			body += fmt.Sprintf(`"x%d@example.com",`, i)
		}
		p := admit(t, f, exchange("a", "bulk", "/c"))
		if r := p.Release(t.Context(), records(body+`"z@example.com"]}`)); r.Withheld == nil {
			t.Errorf("%+v", r)
		}
	})
}

// TestSecretsAreNobody: a credential makes nobody a customer who is counted, but
// what is declared to be a customer's record is counted as ever.
func TestSecretsAreNobody(t *testing.T) {
	const clear, sensitive, masked = "clear ", "sensitive ", "masked "
	token := weir.Finding{Class: "credential.jwt", Form: weir.FormString}
	hash := weir.Finding{Class: "credential.password_hash", Form: weir.FormString}
	name := weir.Finding{Class: "person.name", Form: weir.FormString}
	address := weir.Finding{Class: "contact.address", Form: weir.FormString}
	for _, c := range []struct {
		name, path string
		body       string
		findings   []weir.Finding
		want       []string // the lanes of each person
	}{
		{"a token", "/x", `{}`, []weir.Finding{token}, nil},
		{"two tokens and a hash", "/x", `{}`, []weir.Finding{token, token, hash}, nil},
		{"a token beside a name", "/x", `{}`, []weir.Finding{token, name}, []string{clear}},
		{"a token beside what is masked", "/x", `{}`, []weir.Finding{address, token}, []string{masked}},
		{"a token in a declared record", "/c", `{"id":"c-1"}`, []weir.Finding{token}, []string{clear + sensitive}},
		{"a hash in a declared record, whose rest nobody knows", "/c", `{"id":"c-1"}`, []weir.Finding{hash}, []string{clear}},
		{"a token in a declared record that is masked", "/c", `{"id":"c-1"}`, []weir.Finding{address, token}, []string{clear + sensitive}},
		{"a token in an element that does not say whose it is", "/c", `{}`, []weir.Finding{token}, []string{clear + sensitive}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := admit(t, newFixture(t, Enforce), exchange("a", "support", c.path))
			pc := p.inspect(records(c.body))[0]
			pc.report.Findings = c.findings
			pc.finds.read(c.findings, nil)
			for _, f := range c.findings {
				pc.actions = append(pc.actions, p.plan.Action(f.Class))
			}
			if d := p.persons(pc); d != nil {
				t.Fatal(d)
			}
			var got []string
			for _, who := range pc.crowd.people {
				lanes := ""
				for l := range weir.NumLanes {
					if who.lanes.Has(l) {
						lanes += l.String() + " "
					}
				}
				got = append(got, lanes)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// BenchmarkRelease is the cost of the five verbs without the disk: a batch of
// 130 customers of 500 bytes, and one about nobody.
func BenchmarkRelease(b *testing.B) {
	for _, c := range []struct {
		name string
		body func(i int) string
	}{
		{"personal", func(i int) string {
			return fmt.Sprintf(`{"id":"c-%d","full_name":"Person Number","email":"person%d@example.com","phone":"+1415555%04d","plan":"family","created_at":"2024-01-01T00:00:00Z","avatar":"https://cdn.example.com/a/%08x.webp","preferences":{"subtitles":true,"autoplay":false,"quality":"high","theme":"dark","rails":["new","continue","because-you-watched","shop","live"]},"flags":["a","b","c","d"],"note":"nothing here is about anybody, but it takes its place in the record, as things do"}`, i, i, 100+i, i)
		}},
		{"clean", func(i int) string {
			return fmt.Sprintf(`{"sku":"RC-%d","title":"The Long Weir","price":1250,"currency":"EUR","updated_at":%d,"image":"https://cdn.example.com/t/%08x.webp","tags":["drama","river","slow"],"description":"A river, a dam and three people who do not talk to each other, over two winters and one very long summer, told from the water's side; with subtitles, and without a moral at the end of it, as critics have remarked","stock":{"warehouse-1":12,"warehouse-2":0,"on_order":400}}`, i, 1767225600000+i, i*7919)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := newFixture(b, Enforce)
			var bodies []string
			size := 0
			for i := range 130 {
				bodies = append(bodies, c.body(i))
				size += len(bodies[i])
			}
			segments := records(bodies...)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				p, denial := f.Admit(b.Context(), exchange("a", "bulk", "/c"))
				if denial != nil {
					b.Fatal(denial)
				}
				if r := p.Release(b.Context(), segments); r.Stop != nil {
					b.Fatal(r.Stop)
				}
				p.Close(b.Context(), Outcome{Status: 200})
				if len(f.log.entries) > 10000 {
					f.log.entries = nil
				}
			}
		})
	}
}

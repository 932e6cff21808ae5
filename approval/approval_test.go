package approval

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/sshsig"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

const shop = `version: 1
purposes: {support: {basis: contract}}
classes: {contact.email: {sensitivity: moderate}}
roles:
  support:
    purposes: [support]
    see: {contact.email: clear}
    take: {clear: {hour: 10, day: 20, 30 days: 30}}
deployment: {take: {clear: {30 days: 1000}}}
`

func secretOf(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

// approvers gives the lines that name invented people.
func approvers(n int, names ...string) string {
	s := fmt.Sprintf("approvals: %d\napprovers:\n", n)
	for _, name := range names {
		s += "  " + name + ": {keys: [" + sshsig.PublicKey(secretOf(name)).String() + "]}\n"
	}
	return s
}

func parse(t interface {
	Helper()
	Fatal(...any)
}, src string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// node is a Book on a real ledger, which can be ended and begun again.
type node struct {
	t    testing.TB
	dir  string
	key  ledger.Key
	log  *ledger.Log
	book *Book
	mu   sync.Mutex
	skew time.Duration
	stop func()
}

func newNode(t testing.TB) *node {
	t.Helper()
	key, _, err := ledger.GenerateKey("weir.example/approval")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, dir: t.TempDir(), key: key}
	log, err := ledger.Create(filepath.Join(n.dir, "ledger"), ledger.Options{Key: key, Node: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	n.start()
	t.Cleanup(func() { n.stop() })
	return n
}

func (n *node) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Add(n.skew)
}

func (n *node) pass(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.skew += d
}

func (n *node) start() {
	n.t.Helper()
	var err error
	if n.log, err = ledger.Open(filepath.Join(n.dir, "ledger"), ledger.Options{Key: n.key, Node: "node-1"}); err != nil {
		n.t.Fatal(err)
	}
	n.book, err = New(Config{Ledger: n.log, Cursors: n.log, Versions: OpenFolder(filepath.Join(n.dir, "policies")), Now: n.now})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.book.Restore(context.Background()); err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.log.Run(ctx) })
	wg.Go(func() { _ = n.book.Run(ctx) })
	n.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		if err := n.log.Close(); err != nil {
			n.t.Error(err)
		}
	})
}

func (n *node) restart(in *policy.Policy) {
	n.t.Helper()
	n.stop()
	n.start()
	if in != nil {
		n.book.Enforced(in)
	}
}

// load does what the guard does when a policy comes in force.
func (n *node) load(p *policy.Policy) {
	n.t.Helper()
	from, _ := n.book.InForce()
	if err := n.book.Keep(context.Background(), p); err != nil {
		n.t.Fatal(err)
	}
	r, err := n.log.Append(context.Background(), &ledger.Entry{Kind: ledger.PolicyLoaded, Time: n.now(), Policy: p.Version(), Change: &ledger.Change{From: from, To: p.Digest()}})
	if err != nil {
		n.t.Fatal(err)
	}
	n.book.Enforced(p)
	for followed := int64(0); followed <= r.Index(); time.Sleep(time.Millisecond) {
		n.book.mu.Lock()
		followed = n.book.next
		n.book.mu.Unlock()
	}
}

func (n *node) sign(id ID, by string) error {
	p := slices.IndexFunc(n.book.Proposals(), func(p Proposal) bool { return p.ID == id })
	if p < 0 {
		return ErrUnknown
	}
	statement := n.book.Proposals()[p].Statement()
	_, _, err := n.book.Sign(context.Background(), id, sshsig.Sign(secretOf(by), PolicyNamespace, statement), "")
	return err
}

// TestTwoPeople: a policy that widens waits for two different people whom the policy
// in force names; one that narrows waits for nobody; and a restart forgets nothing.
func TestTwoPeople(t *testing.T) {
	n, ctx := newNode(t), t.Context()
	base := parse(t, shop+approvers(2, "ada", "ben", "cy"))
	n.load(base)
	narrow := parse(t, strings.Replace(shop, "hour: 10", "hour: 5", 1)+approvers(2, "ada", "ben", "cy"))
	if v, err := n.book.Propose(ctx, narrow, "eve", "local"); err != nil || !v.Allowed || v.Wider != 0 || v.Proposal != nil {
		t.Errorf("to narrow needs nobody: %+v, %v", v, err)
	}
	// The new policy says that its author alone may change it, and names eve.
	wide := parse(t, strings.Replace(shop, "hour: 10", "hour: 20", 1)+approvers(1, "ada", "ben", "cy", "eve"))
	v, err := n.book.Propose(ctx, wide, "eve", "local")
	if err != nil || v.Allowed || v.Need != 2 || v.Proposal == nil {
		t.Fatalf("%+v, %v", v, err)
	}
	id := v.Proposal.ID
	if again, err := n.book.Propose(ctx, wide, "eve", "local"); err != nil || again.Proposal.ID != id {
		t.Errorf("proposed twice: %+v, %v", again, err)
	}
	if err := n.sign(id, "eve"); !errors.Is(err, ErrRefused) {
		t.Errorf("eve is named by the new policy only: %v", err)
	}
	other := parse(t, strings.Replace(shop, "hour: 10", "hour: 15", 1)+approvers(2, "ada", "ben", "cy"))
	o, err := n.book.Propose(ctx, other, "eve", "local")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.book.Sign(ctx, id, sshsig.Sign(secretOf("ada"), PolicyNamespace, o.Proposal.Statement()), ""); !errors.Is(err, ErrRefused) {
		t.Errorf("a signature of another proposal: %v", err)
	}
	if _, _, err := n.book.Sign(ctx, id, sshsig.Sign(secretOf("ada"), "git", v.Proposal.Statement()), ""); !errors.Is(err, ErrRefused) {
		t.Errorf("a signature for another purpose: %v", err)
	}
	for range 3 { // the same person three times is one person
		if err := n.sign(id, "ada"); err != nil {
			t.Fatal(err)
		}
	}
	if v := n.book.Judge(base, wide); v.Allowed || !slices.Equal(v.Have, []string{"ada"}) {
		t.Errorf("one person is enough: %+v", v)
	}
	n.restart(base)
	if v := n.book.Judge(base, wide); v.Allowed || !slices.Equal(v.Have, []string{"ada"}) {
		t.Errorf("after a restart: %+v", v)
	}
	if err := n.sign(id, "ben"); err != nil {
		t.Fatal(err)
	}
	v = n.book.Judge(base, wide)
	if !v.Allowed || !slices.Equal(v.Have, []string{"ada", "ben"}) || v.String() != "" {
		t.Errorf("two people: %+v", v)
	}
	if n.book.Judge(base, other).Allowed {
		t.Error("they agreed to something else")
	}
	n.restart(base)
	if !n.book.Judge(base, wide).Allowed {
		t.Error("after a restart the agreement is gone")
	}

	// Both signatures stand on the ledger, and there they can be verified.
	signed := map[string]bool{}
	if err := n.log.Replay(0, func(_ int64, e *ledger.Entry) error {
		if e.Kind == ledger.PolicyStep && e.Rule == ledger.Signed {
			p := Proposal{ID: e.Change.ID, From: e.Change.From, To: e.Change.To}
			name, _, err := signer(base, p.Statement(), PolicyNamespace, []byte(e.Change.Signature))
			if err != nil || name != e.Principal {
				t.Errorf("%s: %v", e.Principal, err)
			}
			signed[name] = true
		}
		return nil
	}); err != nil || len(signed) != 2 {
		t.Errorf("%v, %v", signed, err)
	}

	// Once it is in force and taken back, the same has to be agreed to anew.
	n.load(wide)
	n.load(base)
	if v := n.book.Judge(base, wide); v.Allowed || v.Proposal != nil {
		t.Errorf("old signatures count again: %+v", v)
	}
	if err := n.sign(id, "cy"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an old proposal is signed: %v", err)
	}
}

// TestProposalsEnd: what waited too long, was withdrawn, or was made on another
// policy, does not count however many have signed.
func TestProposalsEnd(t *testing.T) {
	n, ctx := newNode(t), t.Context()
	people := approvers(2, "ada", "ben")
	base, wide := parse(t, shop+people), parse(t, strings.Replace(shop, "hour: 10", "hour: 20", 1)+people)
	n.load(base)
	agreed := func() ID {
		t.Helper()
		v, err := n.book.Propose(ctx, wide, "", "local")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(n.sign(v.Proposal.ID, "ada"), n.sign(v.Proposal.ID, "ben")); err != nil {
			t.Fatal(err)
		}
		if !n.book.Judge(base, wide).Allowed {
			t.Fatal("two people are not enough")
		}
		return v.Proposal.ID
	}
	id := agreed()
	if err := n.book.Withdraw(ctx, id, "ada", "local", ""); !errors.Is(err, ErrRefused) {
		t.Errorf("without a reason: %v", err)
	}
	if err := n.book.Withdraw(ctx, id, "ada", "local", "too much after all"); err != nil {
		t.Fatal(err)
	}
	if n.book.Judge(base, wide).Allowed {
		t.Error("it was withdrawn")
	}
	agreed()
	n.pass(ProposalLife)
	if n.book.Judge(base, wide).Allowed || len(n.book.Proposals()) > 0 {
		t.Error("it has waited too long")
	}
}

// TestInForceIsSaidAgain: the ledger says which policy is in force before the entry that
// said so last may be dropped.
func TestInForceIsSaidAgain(t *testing.T) {
	n, ctx := newNode(t), t.Context()
	p := parse(t, shop)
	n.load(p)
	said := func() (n2 int) {
		if err := n.log.Replay(0, func(_ int64, e *ledger.Entry) error {
			if e.Kind == ledger.PolicyLoaded {
				n2++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n2
	}
	for range 3 {
		if err := n.book.affirm(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if said() != 1 {
		t.Errorf("said %d times", said())
	}
	_, since := n.book.InForce()
	n.pass(affirmEvery)
	for range 3 {
		if err := n.book.affirm(ctx); err != nil {
			t.Fatal(err)
		}
	}
	in, still := n.book.InForce()
	if said() != 2 || in != p.Digest() || !still.Equal(since) {
		t.Errorf("said %d times: %s since %s", said(), in, still)
	}
}

// TestVersionsAreWhole: what is stored is what was in force, with what it includes,
// and what was changed behind the Book's back is not believed.
func TestVersionsAreWhole(t *testing.T) {
	f, ctx := OpenFolder(filepath.Join(t.TempDir(), "policies")), t.Context()
	p := parse(t, shop)
	if _, err := f.Version(ctx, p.Digest()); !errors.Is(err, ErrNoVersion) {
		t.Errorf("before it is stored: %v", err)
	}
	for range 2 {
		if err := f.Keep(ctx, p.Digest(), p.Sources()); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := f.Version(ctx, p.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if read, err := Compile(p.Digest(), sources); err != nil || read.Version() != p.Version() {
		t.Errorf("%v", err)
	}
	sources[0].Text = append(sources[0].Text, "# changed\n"...)
	if _, err := Compile(p.Digest(), sources); err == nil {
		t.Error("another policy is taken for it")
	}
	many := []policy.Source{{Name: "policy.yaml", Text: []byte("a")}, {Name: "roles/b.yaml", Text: []byte("b")}, {Name: "c.yaml", Text: []byte("c")}}
	if err := f.Keep(ctx, [32]byte{1}, many); err != nil {
		t.Fatal(err)
	}
	got, err := f.Version(ctx, [32]byte{1})
	slices.SortFunc(got[1:], func(a, b policy.Source) int { return -strings.Compare(a.Name, b.Name) })
	if err != nil || !reflect.DeepEqual(got, many) {
		t.Errorf("%v, %v", got, err)
	}
	if err := f.Keep(ctx, [32]byte{2}, []policy.Source{{Name: "p"}, {Name: "../out", Text: []byte("x")}}); err == nil {
		t.Error("a file outside of the folder")
	}
}

var (
	agent = Person{Name: "agent-8", Credential: "key:agent-8"}
	ada   = Person{Name: "ada", Credential: "key:ada"}
	clear = weir.Lanes(0).With(weir.Clear)
)

func ask() Request {
	return Request{Lanes: clear, Customers: 50, For: Span(2 * time.Hour), Reason: "a recall of product 7"}
}

// TestSecondPerson: a request is approved by somebody else, whom the policy names,
// through another credential, or not at all.
func TestSecondPerson(t *testing.T) {
	n, ctx := newNode(t), t.Context()
	n.load(parse(t, shop+strings.Replace(approvers(1, "ada", "ben", "agent-8", "cy"), "cy: {", "cy: {approves: [policy], ", 1)))
	r, err := n.book.Ask(ctx, agent, ask())
	if err != nil || r.State != Waiting || r.Principal != "agent-8" {
		t.Fatalf("%+v, %v", r, err)
	}
	refused := func(what string, who Person, id ID) {
		t.Helper()
		if _, err := n.book.Approve(ctx, id, who); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("the same principal", Person{Name: "agent-8", Credential: "key:other"}, r.ID)
	refused("the same credential", Person{Name: "ada", Credential: "key:agent-8"}, r.ID)
	refused("a stranger", Person{Name: "eve", Credential: "key:eve"}, r.ID)
	refused("an approver of policies", Person{Name: "cy", Credential: "key:cy"}, r.ID)
	refused("no credential", Person{Name: "ada"}, r.ID)
	refused("through somebody", Person{Name: "ada", Credential: "key:ada", Act: []string{"agent-8"}}, r.ID)
	if _, err := n.book.ApproveSigned(ctx, r.ID, sshsig.Sign(secretOf("agent-8"), RequestNamespace, r.Statement())); !errors.Is(err, ErrRefused) {
		t.Errorf("by the key of who asked: %v", err)
	}
	if _, err := n.book.ApproveSigned(ctx, r.ID, sshsig.Sign(secretOf("ada"), PolicyNamespace, r.Statement())); !errors.Is(err, ErrRefused) {
		t.Errorf("a signature for another purpose: %v", err)
	}
	// Who asks for another may not approve it either, nor who acted through who asked.
	forOther, err := n.book.Ask(ctx, Person{Name: "ada", Credential: "key:ada", Act: []string{"ben"}}, func() Request { r := ask(); r.Principal = "agent-8"; return r }())
	if err != nil {
		t.Fatal(err)
	}
	refused("who asked for another", Person{Name: "ada", Credential: "key:ada-2"}, forOther.ID)
	refused("who acted through who asked", Person{Name: "ben", Credential: "key:ben"}, forOther.ID)
	refused("who receives", Person{Name: "agent-8", Credential: "key:agent-8"}, forOther.ID)

	n.restart(n.book.Policy())
	got, err := n.book.ApproveSigned(ctx, r.ID, sshsig.Sign(secretOf("ada"), RequestNamespace, r.Statement()))
	if err != nil || got.State != Approved || got.Decided != "ada" {
		t.Fatalf("%+v, %v", got, err)
	}
	refused("approved already", ada, r.ID)
	n.restart(n.book.Policy())
	if got, err = n.book.Request(r.ID); err != nil || got.State != Approved {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	n.pass(2 * time.Hour)
	if got, err = n.book.Request(r.ID); err != nil || got.State != Expired {
		t.Errorf("after its time: %+v, %v", got, err)
	}
	refused("expired", ada, r.ID)
	// That it has ended comes on record by itself.
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var rules []string
		if err := n.log.Replay(0, func(_ int64, e *ledger.Entry) error {
			if e.Kind == ledger.Request && e.Asked.ID == r.ID {
				rules = append(rules, e.Rule)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(rules, []string{ledger.RequestAsked, ledger.RequestApproved, ledger.RequestExpired}) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("on record: %v", rules)
		}
	}
}

// TestOnlyOneDecides: of many who decide at once, one does.
func TestOnlyOneDecides(t *testing.T) {
	n, ctx := newNode(t), t.Context()
	n.load(parse(t, shop+approvers(1, "ada", "ben")))
	r, err := n.book.Ask(ctx, agent, ask())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	done := make(chan State, 20)
	for i := range 20 {
		wg.Go(func() {
			if i%2 == 0 {
				if got, err := n.book.Approve(ctx, r.ID, ada); err == nil {
					done <- got.State
				}
			} else if got, err := n.book.Refuse(ctx, r.ID, Person{Name: "ben", Credential: "key:ben"}, "not today"); err == nil {
				done <- got.State
			}
		})
	}
	wg.Wait()
	close(done)
	if len(done) != 1 {
		t.Errorf("%d decisions", len(done))
	}
	want := <-done
	n.restart(n.book.Policy())
	if got, _ := n.book.Request(r.ID); got.State != want {
		t.Errorf("%s became %s", want, got.State)
	}
}

// TestAskRefuses: what nobody could agree to is not put on record.
func TestAskRefuses(t *testing.T) {
	n, ctx := newNode(t), t.Context()
	n.load(parse(t, shop))
	if _, err := n.book.Ask(ctx, agent, ask()); err == nil || !strings.Contains(err.Error(), "approvers") {
		t.Errorf("nobody could agree: %v", err)
	}
	n.load(parse(t, shop+approvers(1, "ada")))
	for name, change := range map[string]func(*Request, *Person){
		"no reason":       func(r *Request, _ *Person) { r.Reason = " " },
		"lines":           func(r *Request, _ *Person) { r.Reason = "one\ntwo" },
		"nobody":          func(r *Request, _ *Person) { r.Customers = 0 },
		"everybody":       func(r *Request, _ *Person) { r.Customers = MaxCustomers + 1 },
		"no lane":         func(r *Request, _ *Person) { r.Lanes = 0 },
		"own":             func(r *Request, _ *Person) { r.Lanes = r.Lanes.With(weir.Own) },
		"an unknown lane": func(r *Request, _ *Person) { r.Lanes = 1 << 7 },
		"no time":         func(r *Request, _ *Person) { r.For = 0 },
		"for ever":        func(r *Request, _ *Person) { r.For = Span(MaxFor + time.Second) },
		"an unknown role": func(r *Request, _ *Person) { r.Role = "none" },
		"without a name":  func(_ *Request, p *Person) { p.Name = "" },
		"no credential":   func(_ *Request, p *Person) { p.Credential = "" },
	} {
		r, who := ask(), agent
		change(&r, &who)
		if _, err := n.book.Ask(ctx, who, r); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range mostOf {
		if _, err := n.book.Ask(ctx, agent, ask()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.book.Ask(ctx, agent, ask()); !errors.Is(err, ErrRefused) {
		t.Errorf("without end: %v", err)
	}
	if len(n.book.Requests()) != mostOf {
		t.Errorf("%d on record", len(n.book.Requests()))
	}
}

// TestRestartKnowsTheSame: whatever steps are taken, a restart knows what was known.
func TestRestartKnowsTheSame(t *testing.T) {
	n, ctx := newNode(t), t.Context()
	base := parse(t, shop+approvers(2, "ada", "ben", "cy"))
	n.load(base)
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			all, proposals := n.book.Requests(), n.book.Proposals()
			var r Request
			if len(all) > 0 {
				r = all[rapid.IntRange(0, min(len(all)-1, 9)).Draw(t, "which")]
			}
			who := Person{Name: rapid.SampledFrom([]string{"ada", "ben", "agent-8"}).Draw(t, "who")}
			who.Credential = "key:" + who.Name
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				_, _ = n.book.Ask(ctx, who, ask())
			case 1:
				_, _ = n.book.Approve(ctx, r.ID, who)
			case 2:
				_, _ = n.book.Refuse(ctx, r.ID, who, "no reason but chance")
			case 3:
				_, _ = n.book.WithdrawRequest(ctx, r.ID, who, "no longer needed")
			case 4:
				hours := rapid.IntRange(11, 15).Draw(t, "hour")
				_, _ = n.book.Propose(ctx, parse(t, strings.Replace(shop, "hour: 10", fmt.Sprintf("hour: %d", hours), 1)+approvers(2, "ada", "ben", "cy")), "", "local")
			case 5:
				if len(proposals) > 0 {
					_ = n.sign(proposals[rapid.IntRange(0, len(proposals)-1).Draw(t, "proposal")].ID, who.Name)
				}
			}
		}
		before, proposed := n.book.Requests(), n.book.Proposals()
		again, err := New(Config{Ledger: n.log, Versions: OpenFolder(filepath.Join(n.dir, "policies")), Now: n.now})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Restore(ctx); err != nil {
			t.Fatal(err)
		}
		if after := again.Requests(); !reflect.DeepEqual(plain(after), plain(before)) {
			t.Fatalf("requests were\n%+v, are\n%+v", before, after)
		}
		kept, err := json.Marshal(&n.book.state)
		var read state
		if err == nil {
			err = json.Unmarshal(kept, &read)
		}
		if err != nil || len(read.Requests) != len(n.book.state.Requests) || len(read.Proposals) != len(n.book.state.Proposals) || read.InForce != n.book.state.InForce {
			t.Fatalf("what the cursor keeps: %v", err)
		}
		for id, r := range read.Requests {
			if was := plain([]Request{*n.book.state.Requests[id]}); !reflect.DeepEqual(plain([]Request{*r}), was) {
				t.Fatalf("%+v, was %+v", r, was)
			}
		}
		if after := again.Proposals(); !reflect.DeepEqual(utc(after), utc(proposed)) {
			t.Fatalf("proposals were\n%+v, are\n%+v", proposed, after)
		}
	})
}

// plain and utc take from times what a ledger does not keep.
func plain(rs []Request) []Request {
	for i := range rs {
		rs[i].Asked, rs[i].Until = rs[i].Asked.UTC().Round(0), rs[i].Until.UTC().Round(0)
		if rs[i].Act == nil {
			rs[i].Act = []string{}
		}
	}
	return rs
}

func utc(ps []Proposal) []Proposal {
	for i := range ps {
		ps[i].At = ps[i].At.UTC().Round(0)
		for k := range ps[i].Signed {
			ps[i].Signed[k].At = ps[i].Signed[k].At.UTC().Round(0)
		}
	}
	return ps
}

// TestJSON: a request is written and read with its lanes by name.
func TestJSON(t *testing.T) {
	r := Request{ID: newID(), Principal: "agent-8", Lanes: clear.With(weir.Masked), Customers: 5, For: Span(time.Hour), State: Waiting}
	b, err := r.MarshalJSON()
	var back Request
	if err == nil {
		err = back.UnmarshalJSON(b)
	}
	if err != nil || !reflect.DeepEqual(back, r) || !strings.Contains(string(b), `"lanes":["clear","masked"]`) {
		t.Errorf("%s: %+v, %v", b, back, err)
	}
}

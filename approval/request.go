package approval

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// RequestNamespace is what signatures of requests are made for (ssh-keygen -n).
const RequestNamespace = "weir-request"

// Bounds on a request. What it may come to is bounded by the 30-day ceiling, the
// role, the issuer, the network and the deployment all the same.
const (
	MaxFor       = 7 * 24 * time.Hour
	MaxCustomers = 1_000_000
	// AskLife is how long a request waits for somebody to agree.
	AskLife = 24 * time.Hour

	mostWaiting = 1000 // requests that wait at once
	mostOf      = 20   // of one principal
	keepEnded   = 31 * 24 * time.Hour
	mostKept    = 10_000 // requests kept, ended ones included
)

// State says where a request stands.
type State string

const (
	Waiting   State = "waiting"
	Approved  State = "approved" // and in force
	Refused   State = "refused"
	Expired   State = "expired"
	Withdrawn State = "withdrawn"
)

// A Person is who takes a step: a principal, as a credential showed it.
type Person struct {
	Name       string
	Credential string   // its fingerprint
	Act        []string // who acts through it
}

// names gives everybody who takes part in what the person does.
func (p *Person) names() []string { return append([]string{p.Name}, p.Act...) }

// A Request asks for more customers than a budget allows, for one principal, in
// some lanes, for a time.
type Request struct {
	ID         ID         `json:"id"`
	Principal  string     `json:"principal"`      // who is to receive more
	Role       string     `json:"role,omitempty"` // in which role; "": in any
	Lanes      weir.Lanes `json:"-"`
	Customers  int        `json:"customers"`
	For        Span       `json:"for"` // from the approval on
	Reason     string     `json:"reason"`
	By         string     `json:"asked_by"`
	Credential string     `json:"asked_with"` // the fingerprint of who asked
	Act        []string   `json:"asked_through,omitempty"`
	Asked      time.Time  `json:"asked"`
	State      State      `json:"state"`
	// Until is when it lapses if nobody agrees; approved, when it ends.
	Until   time.Time `json:"until"`
	Decided string    `json:"decided_by,omitempty"` // who agreed, refused or withdrew
	Why     string    `json:"why,omitempty"`
}

// A Span is a time.Duration that is written as 2h0m0s.
type Span time.Duration

// MarshalText and UnmarshalText write and read it as time.Duration does.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*s = Span(d)
	return err
}

// LaneNames gives the lanes of the request by name.
func (r *Request) LaneNames() (names []string) {
	for lane := range weir.NumLanes {
		if r.Lanes.Has(lane) {
			names = append(names, lane.String())
		}
	}
	return names
}

// requestJSON is a Request with its lanes by name.
type requestJSON struct {
	plainRequest
	Lanes []string `json:"lanes"`
}

type plainRequest Request

// MarshalJSON writes lanes by name.
func (r Request) MarshalJSON() ([]byte, error) {
	return json.Marshal(requestJSON{plainRequest(r), r.LaneNames()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Request) UnmarshalJSON(b []byte) error {
	var j requestJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*r = Request(j.plainRequest)
	var err error
	r.Lanes, err = ParseLanes(j.Lanes)
	return err
}

// ParseLanes reads names of lanes.
func ParseLanes(names []string) (lanes weir.Lanes, err error) {
	for _, name := range names {
		known := false
		for lane := range weir.NumLanes {
			if lane.String() == name {
				lanes, known = lanes.With(lane), true
			}
		}
		if !known || name == weir.Own.String() {
			return 0, fmt.Errorf("%w: a lane is clear, sensitive, masked or probed", ErrRefused)
		}
	}
	return lanes, nil
}

// Statement is what an approver signs to agree: a few lines that name this request
// and no other.
func (r *Request) Statement() []byte {
	return fmt.Appendf(nil, "weir request approval\nrequest %s\nprincipal %s\nrole %s\nlanes %s\ncustomers %d\nfor %s\n",
		r.ID, r.Principal, cmp.Or(r.Role, "any"), strings.Join(r.LaneNames(), ","), r.Customers, time.Duration(r.For))
}

// Ask puts a request on record.
func (b *Book) Ask(ctx context.Context, who Person, r Request) (*Request, error) {
	b.acting.Lock()
	defer b.acting.Unlock()
	reason, err := oneLine(r.Reason)
	if err != nil {
		return nil, err
	}
	if r.Principal == "" {
		r.Principal = who.Name
	}
	version := ""
	if p := b.Policy(); p != nil {
		version = p.Version()
		if r.Role != "" && !slices.Contains(p.Roles(), r.Role) {
			return nil, fmt.Errorf("%w: the policy in force has no role of this name", ErrRefused)
		}
		if !slices.ContainsFunc(p.Approvers(), func(a policy.Approver) bool { return a.Requests }) {
			return nil, fmt.Errorf("%w: nobody may approve requests: the policy names them under approvers", ErrRefused)
		}
	}
	waiting, of := 0, 0
	for _, other := range b.Requests() {
		if other.State == Waiting {
			waiting++
			if other.By == who.Name {
				of++
			}
		}
	}
	switch {
	case who.Name == "" || who.Credential == "":
		return nil, fmt.Errorf("%w: who asks must show a credential", ErrRefused)
	case r.Lanes == 0 || r.Lanes.Has(weir.Own) || r.Lanes >= 1<<weir.NumLanes:
		return nil, fmt.Errorf("%w: name lanes: clear, sensitive, masked or probed", ErrRefused)
	case r.Customers < 1 || r.Customers > MaxCustomers:
		return nil, fmt.Errorf("%w: ask for 1 to %d customers", ErrRefused, MaxCustomers)
	case time.Duration(r.For) < time.Minute || time.Duration(r.For) > MaxFor:
		return nil, fmt.Errorf("%w: ask for a time from 1m to %dh", ErrRefused, int(MaxFor.Hours()))
	case waiting >= mostWaiting || of >= mostOf:
		return nil, fmt.Errorf("%w: too many requests wait already", ErrRefused)
	}
	r.For = Span(time.Duration(r.For).Round(time.Second))
	r.Lanes = r.Lanes.With(weir.Probed) // what is taken has to be asked for
	id := newID()
	e := &ledger.Entry{
		Kind: ledger.Request, Rule: ledger.RequestAsked, Policy: version,
		Principal: who.Name, PrincipalKind: weir.Staff, Credential: who.Credential, Act: who.Act,
		Party: weir.Party{Kind: weir.ByPrincipal, Name: r.Principal}.String(), Role: r.Role,
		Text: reason, N: int(time.Duration(r.For) / time.Second), Until: b.now().Add(AskLife),
		Asked: &ledger.Asked{ID: id, Lanes: r.Lanes, Customers: r.Customers},
	}
	if err := b.write(ctx, e); err != nil {
		return nil, err
	}
	return b.Request(id)
}

// Approve has a person agree who has shown a credential.
func (b *Book) Approve(ctx context.Context, id ID, who Person) (*Request, error) {
	b.acting.Lock()
	defer b.acting.Unlock()
	if who.Credential == "" {
		return nil, fmt.Errorf("%w: who approves must show a credential", ErrRefused)
	}
	if len(who.Act) > 0 {
		return nil, fmt.Errorf("%w: a person approves in person: nobody else may act through the credential", ErrRefused)
	}
	return b.approve(ctx, id, who, "")
}

// ApproveSigned has the person agree whose signature of the request's Statement it
// is.
func (b *Book) ApproveSigned(ctx context.Context, id ID, signature []byte) (*Request, error) {
	b.acting.Lock()
	defer b.acting.Unlock()
	r, err := b.Request(id)
	if err != nil {
		return nil, err
	}
	base := b.Policy()
	if base == nil {
		return nil, fmt.Errorf("%w: no policy is in force", ErrRefused)
	}
	name, key, err := signer(base, r.Statement(), RequestNamespace, signature)
	if err != nil {
		return nil, err
	}
	return b.approve(ctx, id, Person{Name: name, Credential: "ssh:" + key}, string(signature))
}

// approve is Approve; acting is held.
func (b *Book) approve(ctx context.Context, id ID, who Person, signature string) (*Request, error) {
	r, err := b.waitingRequest(id)
	if err != nil {
		return nil, err
	}
	base := b.Policy()
	if base == nil {
		return nil, fmt.Errorf("%w: no policy is in force", ErrRefused)
	}
	approver, known := base.Approver(who.Name)
	asker := Person{Name: r.By, Act: r.Act}
	switch {
	case !known || !approver.Requests:
		return nil, fmt.Errorf("%w: the policy in force does not name you as an approver of requests", ErrRefused)
	case slices.Contains(asker.names(), who.Name):
		return nil, fmt.Errorf("%w: nobody approves what they asked for themselves", ErrRefused)
	case who.Name == r.Principal:
		return nil, fmt.Errorf("%w: nobody approves more for themselves", ErrRefused)
	case who.Credential == r.Credential:
		return nil, fmt.Errorf("%w: it was asked for with this credential", ErrRefused)
	}
	e := b.requestEntry(r, ledger.RequestApproved, who)
	e.Policy = base.Version()
	e.Until = b.now().Add(time.Duration(r.For))
	if signature != "" {
		e.Change = &ledger.Change{ID: r.ID, Signature: signature}
	}
	if err := b.write(ctx, e); err != nil {
		return nil, err
	}
	return b.Request(id)
}

// Refuse ends a request that waits. To refuse is to narrow: who it was is on record,
// and nothing else is asked of them.
func (b *Book) Refuse(ctx context.Context, id ID, who Person, reason string) (*Request, error) {
	return b.end(ctx, id, who, reason, ledger.RequestRefused, Waiting)
}

// Withdraw ends a request, whether it waits or is in force.
func (b *Book) WithdrawRequest(ctx context.Context, id ID, who Person, reason string) (*Request, error) {
	return b.end(ctx, id, who, reason, ledger.RequestWithdrawn, Waiting, Approved)
}

func (b *Book) end(ctx context.Context, id ID, who Person, reason, rule string, in ...State) (*Request, error) {
	b.acting.Lock()
	defer b.acting.Unlock()
	reason, err := oneLine(reason)
	if err != nil {
		return nil, err
	}
	r, err := b.Request(id)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(in, r.State) {
		return nil, fmt.Errorf("%w: the request is %s", ErrRefused, r.State)
	}
	e := b.requestEntry(r, rule, who)
	e.Text = reason
	if err := b.write(ctx, e); err != nil {
		return nil, err
	}
	return b.Request(id)
}

func (b *Book) requestEntry(r *Request, rule string, who Person) *ledger.Entry {
	return &ledger.Entry{
		Kind: ledger.Request, Rule: rule, Principal: who.Name, PrincipalKind: weir.Staff, Credential: who.Credential, Act: who.Act,
		Party: weir.Party{Kind: weir.ByPrincipal, Name: r.Principal}.String(), Role: r.Role,
		Asked: &ledger.Asked{ID: r.ID, Lanes: r.Lanes, Customers: r.Customers},
	}
}

func (b *Book) waitingRequest(id ID) (*Request, error) {
	r, err := b.Request(id)
	if err == nil && r.State != Waiting {
		err = fmt.Errorf("%w: the request is %s", ErrRefused, r.State)
	}
	return r, err
}

// Request gives one as it stands now.
func (b *Book) Request(id ID) (*Request, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.state.Requests[id]
	if r == nil {
		return nil, fmt.Errorf("%w: no request %s", ErrUnknown, id)
	}
	shown := r.asOf(b.now())
	return &shown, nil
}

// asOf gives the request with what the clock has ended since.
func (r *Request) asOf(now time.Time) Request {
	shown := *r
	if (r.State == Waiting || r.State == Approved) && !now.Before(r.Until) {
		shown.State = Expired
	}
	return shown
}

// Requests gives all that are known, those that wait first, then the newest first.
func (b *Book) Requests() (all []Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, r := range b.state.Requests {
		all = append(all, r.asOf(now))
	}
	rank := map[State]int{Waiting: 0, Approved: 1}
	at := func(s State) int {
		if n, ok := rank[s]; ok {
			return n
		}
		return 2
	}
	slices.SortFunc(all, func(p, q Request) int {
		return cmp.Or(cmp.Compare(at(p.State), at(q.State)), q.Asked.Compare(p.Asked), strings.Compare(p.ID.String(), q.ID.String()))
	})
	return all
}

// expire puts on record that requests are over.
func (b *Book) expire(ctx context.Context) error {
	b.acting.Lock()
	defer b.acting.Unlock()
	now := b.now()
	var entries []*ledger.Entry
	b.mu.Lock()
	for _, r := range b.state.Requests {
		if s := r.asOf(now); s.State == Expired && r.State != Expired {
			e := b.requestEntry(r, ledger.RequestExpired, Person{})
			e.PrincipalKind = weir.Anonymous
			e.Text = map[State]string{Waiting: "nobody agreed in time", Approved: "its time is over"}[r.State]
			entries = append(entries, e)
		}
	}
	b.mu.Unlock()
	if len(entries) == 0 {
		return nil
	}
	slices.SortFunc(entries, func(a, b *ledger.Entry) int { return strings.Compare(ID(a.Asked.ID).String(), ID(b.Asked.ID).String()) })
	return b.write(ctx, entries...)
}

// requested takes over what an entry says of a request.
func (b *Book) requested(e *ledger.Entry) {
	if e.Asked == nil {
		return
	}
	r := b.state.Requests[e.Asked.ID]
	if e.Rule == ledger.RequestAsked {
		party, err := weir.ParseParty(e.Party)
		if r != nil || err != nil || party.Kind != weir.ByPrincipal {
			return
		}
		b.forget(e.Time)
		b.state.Requests[e.Asked.ID] = &Request{
			ID: e.Asked.ID, Principal: party.Name, Role: e.Role, Lanes: e.Asked.Lanes, Customers: e.Asked.Customers,
			For: Span(time.Duration(e.N) * time.Second), Reason: e.Text, By: e.Principal, Credential: e.Credential, Act: e.Act,
			Asked: e.Time, State: Waiting, Until: e.Until,
		}
		return
	}
	if r == nil || r.State != Waiting && r.State != Approved {
		return
	}
	switch e.Rule {
	case ledger.RequestApproved:
		r.State, r.Until = Approved, e.Until
	case ledger.RequestRefused:
		r.State = Refused
	case ledger.RequestWithdrawn:
		r.State = Withdrawn
	case ledger.RequestExpired:
		r.State = Expired
		return // who agreed stays known
	default:
		return
	}
	r.Decided, r.Why = e.Principal, e.Text
}

// forget drops requests that ended long ago.
func (b *Book) forget(now time.Time) {
	if len(b.state.Requests) < mostKept/2 {
		return
	}
	for id, r := range b.state.Requests {
		s := r.asOf(now)
		if s.State != Waiting && s.State != Approved && (now.Sub(r.Asked) > keepEnded || len(b.state.Requests) > mostKept) {
			delete(b.state.Requests, id)
		}
	}
}

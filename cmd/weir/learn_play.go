package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/door/inbound"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/learn"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// learnt is what weir learn has come to.
type learnt struct {
	policy, config string
	report         *learnReport
}

// work makes the files and the report: it plays the recording once without bounds, to see
// what is taken, and once as the written policy would have it.
func work(ctx context.Context, l *learn.Learner, spool *learn.Spool, api *learn.API, upstream string, s *streams) (*learnt, error) {
	routes := api.Join(l.Routes())
	who := newRecognizer(l)
	open := &learn.Draft{Open: true, Routes: routes, From: l.From, To: l.To, Exchanges: l.Answered}
	if err := spool.Each(func(x *learn.Exchange) error { who.see(x); return nil }); err != nil {
		return nil, err
	}
	open.Roles, open.Purposes = who.all(), who.purposes()
	first, err := play(ctx, open.Policy(), spool, who, s.pace("what is taken", int64(spool.Len())))
	if err != nil {
		return nil, fmt.Errorf("a first policy: %w", err)
	}
	draft := *open
	draft.Open, draft.Issuers, draft.Trouble = false, map[string]weir.Budgets{}, map[string]string{}
	for _, h := range first.habits.All() {
		switch h.Party.Kind {
		case weir.ByCredential, weir.ByPrincipal, weir.ByActor:
			if r := who.roles[h.Role]; r != nil {
				widest(&r.Take, &h.Need)
			}
		case weir.ByRole:
			if r := who.roles[h.Party.Name]; r != nil {
				r.Together = h.Need
			}
		case weir.ByIssuer:
			if h.Party.Name != "keys" {
				draft.Issuers[h.Party.Name] = h.Need
			}
		case weir.ByDeployment:
			draft.Deployment = h.Need
		}
	}
	for role, classes := range first.classes {
		if r := who.roles[role]; r != nil {
			r.Classes = classes
		}
	}
	second, err := play(ctx, draft.Policy(), spool, who, s.pace("what would be stopped", int64(spool.Len())))
	if err != nil {
		return nil, fmt.Errorf("the policy: %w", err)
	}
	for route, stops := range second.stopped {
		reasons := slices.Sorted(maps.Keys(stops))
		n := 0
		for _, k := range stops {
			n += k
		}
		draft.Trouble[route] = fmt.Sprintf("enforced, it would have stopped %s (%s)", plural(n, "exchange"), strings.Join(reasons, ", "))
	}
	r := &learnt{policy: draft.Policy(), config: who.config(upstream)}
	r.report = newLearnReport(l, &draft, who, first, second)
	return r, nil
}

func widest(to, of *weir.Budgets) {
	for l := range to {
		for w := range to[l] {
			to[l][w] = max(to[l][w], of[l][w])
		}
	}
}

// recognizer says who asks, as the written configuration will.
type recognizer struct {
	l       *learn.Learner
	issuers []*learn.Issuer
	roles   map[string]*learn.Role
	people  map[string]map[string]bool
	used    map[string]map[weir.Purpose]int
	keys    map[string]int // by fingerprint, in the order in which they came
	hashes  map[int]string
	refused map[string]int // requests with credentials that cannot be checked, by why
	asked   map[string]int // requests without one, or with a session
}

func newRecognizer(l *learn.Learner) *recognizer {
	return &recognizer{l: l, issuers: l.Issuers(), roles: map[string]*learn.Role{}, people: map[string]map[string]bool{}, used: map[string]map[weir.Purpose]int{},
		keys: map[string]int{}, hashes: map[int]string{}, refused: map[string]int{}, asked: map[string]int{}}
}

// mostKeys is how many keys have a role of their own.
const mostKeys = 50

var uncheckable = &weir.Denial{Reason: weir.ReasonCredential, Message: "The credential cannot be checked."}

// principal gives who asks.
func (k *recognizer) principal(x *learn.Exchange) (weir.Principal, *weir.Denial) {
	nobody := weir.Principal{Kind: weir.Anonymous, Role: policy.AnonymousRole, Network: "other:recorded"}
	w := k.l.Identify(x)
	if w == nil {
		return nobody, nil
	}
	is := k.l.IssuerOf(w)
	switch w.Scheme {
	case learn.Cookie:
		return nobody, nil // sessions are not seen until they are named
	case learn.Basic, learn.Opaque:
		return nobody, uncheckable
	case learn.Key:
		n, known := k.keys[w.Print]
		if !known {
			if len(k.keys) >= mostKeys {
				return nobody, uncheckable
			}
			n = len(k.keys) + 1
			k.keys[w.Print] = n
			k.hashes[n] = keyHash(x.Request.Get(w.Place))
		}
		name := fmt.Sprintf("service-%d", n)
		return weir.Principal{Kind: weir.Service, Name: name, Role: name, Issuer: "keys", Credential: w.Print, Network: nobody.Network}, nil
	}
	if is == nil {
		return nobody, uncheckable
	}
	p := weir.Principal{Kind: is.Kind, Name: w.Person, Role: roleName(w, is), Issuer: issuerName(is), Credential: w.Print, Network: nobody.Network}
	if is.Kind == weir.Customer {
		p.Name, p.Own = "", w.Own(is)
		if p.Own.IsZero() {
			return nobody, uncheckable
		}
	}
	return p, nil
}

// roleName is what a token says, if that is a word; else the kind.
func roleName(w *learn.Who, is *learn.Issuer) string {
	if role := w.Role(is); role != "" && plainName(role) {
		return role
	}
	return is.Kind.String()
}

// plainName tells whether a name may be written down: of a role, an issuer, an
// audience.
func plainName(s string) bool {
	if s == "" || len(s) > 128 || strings.Contains(s, "@") {
		return false
	}
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if digits++; digits > 6 {
				return false
			}
		case c|0x20 >= 'a' && c|0x20 <= 'z', strings.IndexByte("._-:/|", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func issuerName(is *learn.Issuer) string {
	if plainName(is.Name) {
		return is.Name
	}
	return "issuer"
}

// see counts who asks, and for what purpose.
func (k *recognizer) see(x *learn.Exchange) {
	p, d := k.principal(x)
	if d != nil {
		if w := k.l.Identify(x); w != nil {
			k.refused[string(w.Scheme)+" "+w.Place]++
		}
		return
	}
	if w := k.l.Identify(x); w == nil {
		k.asked["none"]++
	} else if w.Scheme == learn.Cookie {
		k.asked[w.Place]++
	}
	r := k.roles[p.Role]
	if r == nil {
		r = &learn.Role{Name: p.Role, Kind: p.Kind}
		k.roles[p.Role], k.people[p.Role], k.used[p.Role] = r, map[string]bool{}, map[weir.Purpose]int{}
	}
	r.Requests++
	if len(k.people[p.Role]) < 1<<20 {
		k.people[p.Role][cmp.Or(p.Name, p.Credential)] = true
		r.People = len(k.people[p.Role])
	}
	k.used[p.Role][purposeOf(x)]++
}

// purposeOf gives the purpose that a request names; else the only one.
func purposeOf(x *learn.Exchange) weir.Purpose {
	p := x.Request.Get("Weir-Purpose")
	if p == "" || len(p) > 40 || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return "service"
	}
	return weir.Purpose(p)
}

// all gives the roles, by name. Whoever shows no credential has one at any rate.
func (k *recognizer) all() (all []*learn.Role) {
	if k.roles[policy.AnonymousRole] == nil {
		k.roles[policy.AnonymousRole] = &learn.Role{Name: policy.AnonymousRole}
		k.used[policy.AnonymousRole] = map[weir.Purpose]int{"service": 1}
	}
	for _, name := range slices.Sorted(maps.Keys(k.roles)) {
		r := k.roles[name]
		used := k.used[name]
		r.Purposes = slices.SortedFunc(maps.Keys(used), func(a, b weir.Purpose) int {
			return cmp.Or(cmp.Compare(used[b], used[a]), cmp.Compare(a, b))
		})
		all = append(all, r)
	}
	return all
}

func (k *recognizer) purposes() []weir.Purpose {
	all := map[weir.Purpose]bool{}
	for _, used := range k.used {
		for p := range used {
			all[p] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// played is what a recording comes to under a policy.
type played struct {
	habits   *guard.Habits
	classes  map[string]map[weir.Class]int // that a role saw
	routes   map[string]map[string]int     // roles that were on a route, with how many customers' data left there
	stopped  map[string]map[string]int     // by route and reason
	others   map[string]int                // by route: customers' requests that were given others' records
	observed guard.Observed
	n        int
}

// play shows a recording to a whole Weir but its ledger, which only remembers: the
// real door, guard and detectors.
func play(ctx context.Context, text string, spool *learn.Spool, who *recognizer, tell *pace) (*played, error) {
	defer tell.done()
	rules, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		return nil, err
	}
	p := &played{habits: guard.NewHabits(), classes: map[string]map[weir.Class]int{}, routes: map[string]map[string]int{}, stopped: map[string]map[string]int{}, others: map[string]int{}}
	stage := &recording{played: p, who: who, subjects: map[uint64]weir.Subject{}, seed: maphash.MakeSeed()}
	stage.guard, err = guard.New(guard.Config{Policy: rules, Inspect: finder, Ledger: stage, Subjects: stage, Mode: guard.Observe, Now: func() time.Time { return stage.now }})
	if err != nil {
		return nil, err
	}
	nowhere, _ := url.Parse("http://recorded.invalid") // a constant
	door, err := inbound.New(inbound.Config{Upstream: nowhere, Guard: stage.guard, Auth: stage, Transport: stage, MaxSegment: 1 << 20})
	if err != nil {
		return nil, err
	}
	err = spool.Each(func(x *learn.Exchange) error {
		tell.add(1)
		if x.Status == 0 || x.Status < 200 || x.Status > 599 {
			return ctx.Err()
		}
		stage.play(door, x)
		return ctx.Err()
	})
	p.observed = stage.guard.Observed()
	return p, err
}

// recording plays the service, the clients, the ledger and the directory.
type recording struct {
	played   *played
	who      *recognizer
	guard    *guard.Guard
	now      time.Time
	at       *learn.Exchange
	route    string
	role     string
	reason   string
	seed     maphash.Seed
	subjects map[uint64]weir.Subject
}

func (r *recording) play(door http.Handler, x *learn.Exchange) {
	if x.Time.After(r.now) {
		r.now = x.Time
	}
	target, err := url.ParseRequestURI(x.Target.Reveal())
	if err != nil || target.Host != "" {
		return
	}
	r.at, r.route, r.role, r.reason = x, "", "", ""
	header := http.Header{}
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
		if v := x.Request[name]; len(v) == 1 {
			header[name] = v
		}
	}
	if p := purposeOf(x); p != "service" {
		header["Weir-Purpose"] = []string{string(p)}
	}
	before := r.guard.Observed()
	req := &http.Request{Method: x.Method, URL: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Host: "recorded.invalid", RemoteAddr: "192.0.2.1:1", Body: http.NoBody}
	func() {
		// An answer that breaks off ends so; there is nobody to notice.
		defer func() {
			if err := recover(); err != nil && err != http.ErrAbortHandler {
				panic(err)
			}
		}()
		door.ServeHTTP(&deaf{header: http.Header{}}, req)
	}()
	r.played.n++
	if after := r.guard.Observed(); after.Stopped > before.Stopped {
		route := cmp.Or(r.route, "(no route)")
		if r.played.stopped[route] == nil {
			r.played.stopped[route] = map[string]int{}
		}
		r.played.stopped[route][cmp.Or(r.reason, "as before")]++
	}
}

// deaf is a client that receives nothing.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(b []byte) (int, error) { return len(b), nil }
func (d *deaf) WriteHeader(int)             {}

// Authenticate takes the place of identity.
func (r *recording) Authenticate(*http.Request) (weir.Principal, *weir.Denial) {
	return r.who.principal(r.at)
}

// RoundTrip takes the place of the service.
func (r *recording) RoundTrip(req *http.Request) (*http.Response, error) {
	h := http.Header{}
	for name, v := range r.at.Response {
		if !strings.HasPrefix(name, ":") {
			h[name] = slices.Clone(v)
		}
	}
	return &http.Response{
		StatusCode: r.at.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Request: req,
		Body: io.NopCloser(bytes.NewReader(r.at.Body)), ContentLength: int64(len(r.at.Body)),
	}, nil
}

// Append takes the place of the ledger.
func (r *recording) Append(_ context.Context, entries ...*ledger.Entry) (ledger.Receipt, error) {
	for _, e := range entries {
		r.played.habits.Read(e)
		if e.Route != "" {
			r.route = e.Route
		}
		switch e.Kind {
		case ledger.WouldDeny:
			r.reason = string(e.Reason)
			if e.Reason == weir.ReasonNotOwn {
				r.played.others[e.Route]++
			}
		case ledger.Release:
			r.role = e.Role
			if r.played.classes[e.Role] == nil {
				r.played.classes[e.Role] = map[weir.Class]int{}
			}
			for _, a := range e.Actions {
				r.played.classes[e.Role][a.Class] += a.N
			}
			if r.played.routes[e.Route] == nil {
				r.played.routes[e.Route] = map[string]int{}
			}
			r.played.routes[e.Route][e.Role] += len(e.Subjects)
		}
	}
	return ledger.Receipt{}, nil
}

// Send does the same.
func (r *recording) Send(ctx context.Context, entries ...*ledger.Entry) error {
	_, err := r.Append(ctx, entries...)
	return err
}

// Replay and Follow have nothing to give.
func (r *recording) Replay(int64, func(int64, *ledger.Entry) error) error { return nil }
func (r *recording) Follow(ctx context.Context, _ int64, _ func(int64, *ledger.Entry) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// Resolve takes the place of the subject directory, and keeps sums in place of values.
func (r *recording) Resolve(_ context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	all := make([]weir.Subject, len(ids))
	for i, id := range ids {
		var h maphash.Hash
		h.SetSeed(r.seed)
		_, _ = h.WriteString(id.Kind)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(id.Value.Reveal())
		s, known := r.subjects[h.Sum64()]
		if !known {
			_, _ = rand.Read(s[:])
			r.subjects[h.Sum64()] = s
		}
		all[i] = s
	}
	return all, nil
}

package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/cut"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// memory is a ledger in memory, through the encoding of the real one.
type memory struct {
	mu      sync.Mutex
	entries []*ledger.Entry
}

func (m *memory) Append(_ context.Context, entries ...*ledger.Entry) (ledger.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		b, err := e.AppendTo(nil)
		if err != nil {
			return ledger.Receipt{}, err
		}
		back, err := ledger.Decode(b)
		if err != nil {
			return ledger.Receipt{}, err
		}
		m.entries = append(m.entries, back)
	}
	return ledger.Receipt{}, nil
}

func (m *memory) Send(ctx context.Context, entries ...*ledger.Entry) error {
	_, err := m.Append(ctx, entries...)
	return err
}

func (m *memory) Replay(int64, func(int64, *ledger.Entry) error) error { return nil }

func (m *memory) Follow(ctx context.Context, _ int64, _ func(int64, *ledger.Entry) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// directory gives each identifier a pseudonym, the same in every run.
type directory struct {
	mu    sync.Mutex
	known map[string]weir.Subject
}

func (d *directory) Resolve(_ context.Context, ids []weir.Identifier) (all []weir.Subject, _ error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		k := id.Kind + ":" + id.Value.Reveal()
		s, ok := d.known[k]
		if !ok {
			binary.BigEndian.PutUint32(s[:], uint32(len(d.known)+1))
			d.known[k] = s
		}
		all = append(all, s)
	}
	return all, nil
}

// A request is one of the traffic, some time after the one before.
type request struct {
	who   weir.Principal
	path  string // with its query
	ask   weir.Purpose
	after time.Duration
}

// outcome is what the client saw.
type outcome struct {
	denied, stopped bool
	out             []string // of each segment, what left; withheld has none
	withheld        []bool
}

// world is the sample platform, with its answers cut once for all runs.
type world struct {
	handler http.Handler
	finder  *inspect.Inspector
	cuts    map[string][]weir.Segment
}

const customers = 24

func newWorld(t testing.TB) *world {
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &world{reelcart.New(reelcart.Seed, customers).Handler(), finder, map[string][]weir.Segment{}}
}

func (w *world) segments(t testing.TB, path string, array []string) []weir.Segment {
	key := path + " " + strings.Join(array, "/")
	if array == nil {
		key = path
	}
	if s, ok := w.cuts[key]; ok {
		return s
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	o := cut.Options{Array: array}
	var c *cut.Cutter
	switch kind, _, _ := strings.Cut(rec.Header().Get("Content-Type"), ";"); kind {
	case "application/json":
		c = cut.NewJSON(o)
	case "text/csv":
		c = cut.NewCSV(o)
	default:
		c = cut.NewWhole(o, weir.HTML)
	}
	var all []weir.Segment
	pieces, err := c.Feed(rec.Body.Bytes(), true)
	for {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pieces {
			s := p.Segment
			s.Body = bytes.Clone(s.Body)
			all = append(all, s)
		}
		if !c.More() {
			break
		}
		pieces, err = c.Feed(nil, true)
	}
	w.cuts[key] = all
	return all
}

// send sends the traffic through a guard with a policy, from scratch.
func (w *world) send(t testing.TB, p *policy.Policy, names *directory, traffic []request) ([]outcome, []*ledger.Entry) {
	log := &memory{}
	now := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	g, err := guard.New(guard.Config{Policy: p, Inspect: w.finder, Ledger: log, Subjects: names, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	var all []outcome
	for i, r := range traffic {
		now = now.Add(r.after)
		route, _, _ := strings.Cut(r.path, "?")
		x := &weir.Exchange{Time: now, Door: "inbound", Principal: r.who, Purpose: r.ask, Method: http.MethodGet, Path: weir.NewPlain(route)}
		binary.BigEndian.PutUint64(x.ID[:], uint64(i+1))
		o := outcome{}
		pass, denial := g.Admit(t.Context(), x)
		if denial != nil {
			o.denied = true
		} else {
			segments := w.segments(t, r.path, pass.Array())
			var why *weir.Denial
			for len(segments) > 0 && !o.stopped {
				batch := segments[:min(len(segments), 16)]
				segments = segments[len(batch):]
				rel := pass.Release(t.Context(), batch)
				for _, b := range rel.Out {
					o.out, o.withheld = append(o.out, string(b)), append(o.withheld, b == nil)
				}
				if rel.Stop != nil {
					o.stopped, why = true, rel.Stop
				}
			}
			_ = why
			pass.Close(t.Context(), guard.Outcome{Status: 200})
		}
		all = append(all, o)
		if err := g.Run(over); err != nil { // writes what it gathers in a second
			t.Fatal(err)
		}
	}
	return all, log.entries
}

var (
	budgetLine = regexp.MustCompile(`(clear|sensitive|masked|probed|own): +\{hour: \d+, day: \d+, 30 days: \d+\}`)
	sightLine  = regexp.MustCompile(`(?m)^      ("\*"|[a-z]+\.[a-z_*]+): (clear|mask|block)$`)
	gradeLine  = regexp.MustCompile(`sensitivity: (high|moderate|low)`)
)

// mutate changes a policy's text here and there.
func mutate(t *rapid.T, text string, most int) string {
	replaceOne := func(re *regexp.Regexp, with func(string) string) {
		all := re.FindAllStringIndex(text, -1)
		if len(all) == 0 {
			return
		}
		at := all[rapid.IntRange(0, len(all)-1).Draw(t, "place")]
		text = text[:at[0]] + with(text[at[0]:at[1]]) + text[at[1]:]
	}
	for range rapid.IntRange(0, most).Draw(t, "mutations") {
		switch rapid.IntRange(0, 11).Draw(t, "mutation") {
		case 0, 1, 2, 3: // a budget
			replaceOne(budgetLine, func(s string) string {
				lane, _, _ := strings.Cut(s, ":")
				h := rapid.IntRange(0, customers+10).Draw(t, "hour")
				d := h + rapid.IntRange(0, 20).Draw(t, "day")
				return fmt.Sprintf("%s: {hour: %d, day: %d, 30 days: %d}", lane, h, d, d+rapid.IntRange(0, 20).Draw(t, "month"))
			})
		case 4, 5, 6: // a class
			replaceOne(sightLine, func(s string) string {
				name, _, _ := strings.Cut(s, ": ")
				return name + ": " + rapid.SampledFrom([]string{"clear", "mask", "mask", "block"}).Draw(t, "action")
			})
		case 7:
			replaceOne(gradeLine, func(string) string {
				return "sensitivity: " + rapid.SampledFrom([]string{"high", "moderate", "low"}).Draw(t, "grade")
			})
		case 8: // a route goes
			replaceOne(regexp.MustCompile(`(?m)^  - route: .*\n    name: .*\n    subject: .*\n`), func(string) string { return "" })
		case 9: // a route comes
			text = strings.Replace(text, "\nundeclared-routes:", "\n  - route: "+rapid.SampledFrom([]string{
				"GET /healthz", "GET /v1/customers/C10001", "POST /v1/orders", "GET /v1/{rest...}",
			}).Draw(t, "route")+"\nundeclared-routes:", 1)
		case 10:
			text = strings.Replace(text, "undeclared-routes: inspect", "undeclared-routes: block", 1)
		case 11:
			text = rapid.SampledFrom([]func() string{
				func() string {
					return strings.Replace(text, "purposes: [support]\n", "purposes: [recommendation, support]\n", 1)
				},
				func() string { return strings.Replace(text, "purposes: [marketing]\n", "purposes: [support]\n", 1) },
				func() string { return strings.Replace(text, "  marketing:\n    purposes", "  press:\n    purposes", 1) },
				func() string {
					return strings.Replace(text, "  recommender:\n    purposes", "  recommender:\n    own: true\n    purposes", 1)
				},
			}).Draw(t, "role")()
		}
	}
	return text
}

// small sizes the demonstration's budgets for few customers, so that they come to
// their end.
func small(text string) string {
	text = regexp.MustCompile(`hour: (\d+), day: (\d+), 30 days: (\d+)`).ReplaceAllStringFunc(text, func(s string) string {
		var h, d, m int
		if _, err := fmt.Sscanf(s, "hour: %d, day: %d, 30 days: %d", &h, &d, &m); err != nil {
			panic(err)
		}
		least := func(n int) int { return (n + 9) / 10 }
		if h > 1000 {
			return "hour: 60, day: 90, 30 days: 120"
		}
		return fmt.Sprintf("hour: %d, day: %d, 30 days: %d", least(h), least(d), least(m))
	})
	i := strings.Index(text, "\nwatch:")
	return text[:i+1]
}

func drawTraffic(t *rapid.T) (all []request) {
	staff := func(name, role, issuer string) weir.Principal {
		return weir.Principal{Kind: weir.Staff, Name: name, Role: role, Issuer: issuer, Network: "198.51.100.0/24", Credential: "tok:" + name}
	}
	service := func(name, role string) weir.Principal {
		p := staff(name, role, "services")
		p.Kind = weir.Service
		return p
	}
	app := func(i int) weir.Principal {
		id := people.ID(i)
		return weir.Principal{Kind: weir.Customer, Role: "customer", Issuer: "accounts", Network: "203.0.113.0/24", Credential: "app:" + id,
			Own: weir.Identifier{Kind: "customer", Value: weir.NewPlain(id)}}
	}
	for range rapid.IntRange(4, 16).Draw(t, "requests") {
		r := request{after: time.Duration(rapid.SampledFrom([]int{0, 1, 20, 600, 4000, 90_000}).Draw(t, "seconds")) * time.Second}
		i := rapid.IntRange(0, customers-1).Draw(t, "customer")
		one := "/v1/customers/" + people.ID(i) + rapid.SampledFrom([]string{"", "", "/orders", "/history"}).Draw(t, "part")
		list := rapid.SampledFrom([]string{"/v1/customers", "/v1/orders", "/v1/histories", "/v1/debug/sessions"}).Draw(t, "list")
		list += fmt.Sprintf("?limit=%d&cursor=%d", rapid.SampledFrom([]int{4, 8, 24}).Draw(t, "limit"), rapid.SampledFrom([]int{0, 8, 16}).Draw(t, "cursor"))
		r.path = rapid.SampledFrom([]string{one, one, one, list, list, "/healthz", "/v1/catalogue?limit=20", "/export/customers.csv", "/account/" + people.ID(i)}).Draw(t, "path")
		switch rapid.IntRange(0, 6).Draw(t, "who") {
		case 0, 1:
			r.who = staff("agent-1", "support", "staff-sso")
		case 2:
			r.who = staff("agent-2", "support", "staff-sso")
		case 3:
			r.who = service("recommender", "recommender")
		case 4:
			r.who = service("mailer", "marketing")
		case 5:
			r.who = app(rapid.IntRange(0, 3).Draw(t, "app"))
		case 6:
			r.who = weir.Principal{Network: "192.0.2.0/24"}
		}
		if rapid.IntRange(0, 5).Draw(t, "names a purpose") == 0 {
			r.ask = weir.Purpose(rapid.SampledFrom([]string{"support", "marketing", "recommendation"}).Draw(t, "purpose"))
		}
		all = append(all, r)
	}
	return all
}

// check sends the traffic through a guard with one policy, replays what that recorded
// under a draft, sends it again through a guard with the draft, from scratch, and
// compares what the replay said of each request with what the client saw.
func (w *world) check(t fataler, in testing.TB, was, draft *policy.Policy, traffic []request) *Report {
	names := &directory{known: map[string]weir.Subject{}}
	real, entries := w.send(in, was, names, traffic)
	would, _ := w.send(in, draft, names, traffic)
	r := New(Config{Draft: draft, Was: func(v string) *policy.Policy {
		if v == was.Version() {
			return was
		}
		return nil
	}})
	r.trace = func(x *exchange) {
		i := int(binary.BigEndian.Uint64(x.id[:])) - 1
		a, b := real[i], would[i]
		about := func() string {
			return fmt.Sprintf("request %d: %s of %s %s: %+v\nwas    denied %v stopped %v, %d segments\nwould  denied %v stopped %v, %d segments", i, traffic[i].path, traffic[i].who.Role,
				traffic[i].who.Name, *x, a.denied, a.stopped, len(a.out), b.denied, b.stopped, len(b.out))
		}
		if x.denied != a.denied {
			t.Fatalf("what happened is not what the replay takes it to be\n%s", about())
		}
		var let, withheld, changed int
		for k := range min(len(a.out), len(b.out)) {
			switch {
			case a.withheld[k] && !b.withheld[k]:
				let++
			case !a.withheld[k] && b.withheld[k]:
				withheld++
			case a.out[k] != b.out[k]:
				changed++
			}
		}
		switch x.fate {
		case passes:
			if b.denied || b.stopped {
				t.Fatalf("it passes, said the replay\n%s", about())
			}
		case refused:
			if !b.denied && !b.stopped {
				t.Fatalf("it is refused, said the replay\n%s", about())
			}
			return
		case stopped:
			if !b.stopped {
				t.Fatalf("it is stopped, said the replay\n%s", about())
			}
		case unknown:
			return
		}
		if x.LetThrough != let || x.Blocked+x.NotOwn != withheld || x.Masked+x.Unmasked != changed {
			t.Fatalf("really %d let through, %d withheld, %d changed\n%s", let, withheld, changed, about())
		}
	}
	for _, e := range entries {
		r.Read(e)
	}
	// Law 7: under the policy that was in force nothing comes out otherwise.
	again := New(Config{Draft: was})
	for _, e := range entries {
		again.Read(e)
	}
	if c := again.Report().Total; c.Unknowable+c.Unknown+c.NewlyRefused+c.Masked+c.Unmasked+c.Blocked+c.NotOwn+c.LetThrough+c.Stopped > 0 || c.Refused != c.WereRefused || c.StoppedShort != c.WereStopped {
		t.Fatalf("under the same policy: %+v", c)
	}
	report := r.Report()
	if report.Total.Requests == 0 && len(entries) > 5 {
		t.Fatalf("nothing was counted")
	}
	return report
}

type fataler interface{ Fatalf(string, ...any) }

// TestReplayIsWhatHappens: with random drafts and random traffic on the sample
// platform, whatever the replay did not call unknowable came out as it said, seen from
// the client.
func TestReplayIsWhatHappens(t *testing.T) {
	w := newWorld(t)
	base := small(string(reelcart.Policy()))
	rapid.Check(t, func(rt *rapid.T) {
		was, draft := mutated(rt, "policy.yaml", base, 4), mutated(rt, "draft.yaml", base, 6)
		w.check(rt, t, was, draft, drawTraffic(rt))
	})
}

// mutated draws a policy that differs from base in up to most places. Changes that
// contradict one another are drawn anew, and after some attempts it is base itself.
func mutated(rt *rapid.T, file, base string, most int) *policy.Policy {
	for range 8 {
		if p, err := policy.Parse(file, []byte(mutate(rt, base, most))); err == nil {
			return p
		}
	}
	p, err := policy.Parse(file, []byte(base))
	if err != nil {
		rt.Fatalf("%v", err)
	}
	return p
}

// TestReplayReaches: each change of a policy shows in its place, so that the random
// drafts have something to be wrong about.
func TestReplayReaches(t *testing.T) {
	w := newWorld(t)
	base := small(string(reelcart.Policy()))
	edit := func(old, with string) string {
		if !strings.Contains(base, old) {
			t.Fatalf("the policy has no %q", old)
		}
		return strings.Replace(base, old, with, 1)
	}
	agent := weir.Principal{Kind: weir.Staff, Name: "agent-1", Role: "support", Issuer: "staff-sso", Network: "198.51.100.0/24", Credential: "tok:agent-1"}
	traffic := []request{
		{who: agent, path: "/v1/customers/" + people.ID(1)}, {who: agent, path: "/v1/customers/" + people.ID(2)},
		{who: agent, path: "/v1/customers?limit=24&cursor=0"}, {who: agent, path: "/v1/customers/" + people.ID(3)},
	}
	const wide, narrow = "clear:  {hour: 4, day: 12, 30 days: 40}", "clear:  {hour: 2, day: 12, 30 days: 40}"
	for _, c := range []struct {
		name, was, draft string
		shows            func(c *Counts) int
	}{
		{"masked", base, edit("person.name: clear", "person.name: mask"), func(c *Counts) int { return c.Masked }},
		{"in clear", edit("person.name: clear", "person.name: mask"), base, func(c *Counts) int { return c.Unmasked }},
		{"withheld", base, edit("person.name: clear", "person.name: block"), func(c *Counts) int { return c.Blocked }},
		{"let through", edit("person.name: clear", "person.name: block"), base, func(c *Counts) int { return c.LetThrough }},
		{"refused as another's", base, edit("  support:\n    purposes", "  support:\n    own: true\n    purposes"), func(c *Counts) int { return c.NewlyRefused }},
		{"stopped sooner", base, edit(wide, narrow), func(c *Counts) int { return c.Stopped }},
		{"stopped later", edit(wide, narrow), base, func(c *Counts) int { return c.Unknowable }},
		{"another route", base, edit("\nundeclared-routes:", "\n  - route: GET /v1/{rest...}\nundeclared-routes:"), func(c *Counts) int { return c.Unknowable }},
	} {
		t.Run(c.name, func(t *testing.T) {
			was, err := policy.Parse("policy.yaml", []byte(c.was))
			if err != nil {
				t.Fatal(err)
			}
			draft, err := policy.Parse("draft.yaml", []byte(c.draft))
			if err != nil {
				t.Fatal(err)
			}
			r := w.check(t, t, was, draft, traffic)
			if c.shows(&r.Total) == 0 {
				t.Errorf("it does not show: %+v", r.Total)
			}
		})
	}
}

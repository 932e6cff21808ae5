package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crypto/sha256"

	"pgregory.net/rapid"
)

// A station is one node of a deployment of tests: a real log, served over HTTP.
type station struct {
	name    string
	dir     string
	key     Key
	l       *Log
	peers   *Peers
	url     string
	handler atomic.Pointer[http.Handler]
	down    atomic.Bool
	stop    func()
}

const readToken = "a-token-of-tests"

func (s *station) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := s.handler.Load()
	if s.down.Load() || h == nil {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	(*h).ServeHTTP(w, r)
}

// serve shows the log, and where it has peers what it remembers.
func (s *station) serve() {
	h := s.l.Tree().Handler(HandlerOptions{Readers: [][32]byte{sha256.Sum256([]byte(readToken))}, Peers: s.peers})
	s.handler.Store(&h)
}

func newStation(t testing.TB, name string) *station {
	t.Helper()
	k, _, err := GenerateKey("ledger.example.com/" + name)
	if err != nil {
		t.Fatal(err)
	}
	s := &station{name: name, dir: filepath.Join(t.TempDir(), "ledger"), key: k}
	if s.l, err = Create(s.dir, s.options()); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	s.serve()
	return s
}

func (s *station) options() Options {
	return Options{Key: s.key, Node: s.name, CheckpointEvery: 10 * time.Millisecond}
}

// run runs the log until stop is called.
func (s *station) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	l := s.l
	go func() { done <- l.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.stop = func() {}
	}
	t.Cleanup(func() { s.stop() })
}

func (s *station) append(t testing.TB, entries ...*Entry) {
	t.Helper()
	if _, err := s.l.Append(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

// signed waits until a checkpoint covers everything.
func (s *station) signed(t testing.TB) Checkpoint {
	t.Helper()
	for range 2000 {
		if st := s.l.Status(); st.Checkpoint.Size == st.Entries {
			return st.Checkpoint
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("no checkpoint covers the log")
	return Checkpoint{}
}

func (s *station) source() Source {
	return Source{Name: s.name, At: s.url, Keys: []string{s.key.Verifier()}, Token: readToken}
}

// A deployment of three stations with a roster.
type deployment struct {
	of        []*station
	rosterKey Key
	roster    Roster
}

func newDeployment(t testing.TB) *deployment {
	t.Helper()
	d := &deployment{roster: Roster{Serial: 1, Time: time.Now()}}
	var err error
	if d.rosterKey, _, err = GenerateKey("ledger.example.com/roster"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s := newStation(t, fmt.Sprintf("node-%d", i+1))
		d.of = append(d.of, s)
		d.roster.Nodes = append(d.roster.Nodes, Node{Name: s.name, Key: s.key.Verifier(), URL: s.url, Since: time.Now()})
	}
	for _, s := range d.of {
		d.watch(t, s)
		s.run(t)
	}
	return d
}

func (d *deployment) signed(t testing.TB) []byte {
	t.Helper()
	b, err := d.roster.Sign(d.rosterKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (d *deployment) watch(t testing.TB, s *station) {
	t.Helper()
	var err error
	if s.peers, err = s.l.Peers(PeersOptions{RosterKey: d.rosterKey.Verifier(), Roster: d.signed(t)}); err != nil {
		t.Fatal(err)
	}
	s.serve()
}

func (d *deployment) round(t testing.TB) {
	t.Helper()
	for _, s := range d.of {
		s.signed(t)
	}
	for _, s := range d.of {
		if err := s.peers.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.signed(t)
	}
}

func (d *deployment) verify(t testing.TB, o RosterOptions, sources ...Source) *RosterReport {
	t.Helper()
	r, err := OpenRoster(d.signed(t), d.rosterKey.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	report, err := VerifyRoster(t.Context(), r, sources, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (d *deployment) sources() (all []Source) {
	for _, s := range d.of {
		all = append(all, s.source())
	}
	return all
}

// rewrite puts another log of n entries in the place of a station's, under the
// same key.
func (s *station) rewrite(t testing.TB, n int) {
	t.Helper()
	s.stop()
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.l, err = Create(s.dir, s.options()); err != nil {
		t.Fatal(err)
	}
	s.run(t)
	for i := range n {
		s.append(t, &Entry{Kind: Staff, Text: fmt.Sprint("another history ", i)})
	}
	s.signed(t)
	s.serve()
}

func TestADeploymentHolds(t *testing.T) {
	d := newDeployment(t)
	for i, s := range d.of {
		for j := range 5 * (i + 1) {
			s.append(t, entry(j))
		}
	}
	d.round(t)
	d.round(t)
	for _, sources := range [][]Source{d.sources(), {{At: d.of[0].dir}, {At: d.of[1].dir}, d.of[2].source()}} {
		r := d.verify(t, RosterOptions{}, sources...)
		if !r.Holds() {
			t.Fatal(r)
		}
		for _, n := range r.Nodes {
			if n.Heartbeat.IsZero() || n.Remembered < 4 {
				t.Errorf("%+v", n)
			}
		}
	}
	var beats []*Entry
	if err := d.of[0].l.Replay(0, func(_ int64, e *Entry) error {
		if e.Kind == Heartbeat {
			beats = append(beats, e)
		}
		return nil
	}); err != nil || len(beats) != 2 || len(beats[1].Heads) != 2 || beats[1].Heads[0].Origin != "ledger.example.com/node-2" || beats[1].Heads[0].Size < 10 {
		t.Fatal(beats, err)
	}
	// Without a token heartbeats cannot be read; what the others have kept can.
	var open []Source
	for _, s := range d.sources() {
		s.Token = ""
		open = append(open, s)
	}
	if r := d.verify(t, RosterOptions{}, open...); !r.Holds() || len(r.Nodes[0].Notes) != 1 || r.Nodes[0].Remembered != 2 {
		t.Fatal(r)
	}
	// The key changes: the roster's is still enough.
	if _, err := d.of[1].l.Rotate(t.Context(), must(GenerateKey("ledger.example.com/node-2")), time.Time{}); err != nil {
		t.Fatal(err)
	}
	d.of[1].append(t, entry(1))
	d.round(t)
	if r := d.verify(t, RosterOptions{}, d.sources()...); !r.Holds() {
		t.Fatal(r)
	}
}

func must(k Key, _ string, err error) Key {
	if err != nil {
		panic(err)
	}
	return k
}

func TestWhatIsWrongWithADeployment(t *testing.T) {
	d := newDeployment(t)
	for _, s := range d.of {
		for j := range 20 {
			s.append(t, entry(j))
		}
	}
	d.round(t)
	d.round(t)
	problem := func(r *RosterReport, node int, want string) {
		t.Helper()
		if r.Holds() || len(r.Nodes[node].Problems) != 1 || !strings.Contains(r.Nodes[node].Problems[0], want) || !strings.Contains(r.String(), want) {
			t.Errorf("want %q of %s:\n%s", want, r.Nodes[node].Node.Name, r)
		}
	}
	all := d.sources()
	problem(d.verify(t, RosterOptions{}, all[0], all[2]), 1, "the log of node node-2 is missing")
	problem(d.verify(t, RosterOptions{now: func() time.Time { return time.Now().Add(time.Hour) }}, all...), 2, "silent since")
	problem(d.verify(t, RosterOptions{}, all[0], all[1], all[2], Source{At: d.of[1].dir}), 1, "two of the sources")
	stranger := newStation(t, "stranger")
	if r := d.verify(t, RosterOptions{}, append(all, stranger.source())...); r.Holds() || len(r.Others) != 1 {
		t.Error(r)
	}
	d.of[0].down.Store(true)
	problem(d.verify(t, RosterOptions{}, all...), 0, "missing")
	d.of[0].down.Store(false)

	end := d.of[2].signed(t)
	d.roster.Nodes[2].Retired = &end
	if r := d.verify(t, RosterOptions{now: func() time.Time { return time.Now().Add(4 * time.Minute) }}, all...); !r.Holds() {
		t.Error(r)
	}
	d.of[2].append(t, entry(1))
	d.of[2].signed(t)
	problem(d.verify(t, RosterOptions{}, all...), 2, "was retired with")
	d.roster.Nodes[2].Retired = nil

	d.of[1].rewrite(t, 5)
	problem(d.verify(t, RosterOptions{}, all...), 1, "rolled back")
	d.of[1].rewrite(t, 0)
	problem(d.verify(t, RosterOptions{}, all...), 1, "rolled back")
	d.of[1].rewrite(t, 60)
	problem(d.verify(t, RosterOptions{}, all...), 1, "written anew")
}

// A node whose files are an older copy, or another log, is told so by its peers
// before it serves; what a peer makes up counts for nothing.
func TestPeersRememberWhatANodeHasShown(t *testing.T) {
	d := newDeployment(t)
	s := d.of[0]
	for j := range 20 {
		s.append(t, entry(j))
	}
	d.round(t)
	check := func() error {
		p, err := s.l.Peers(PeersOptions{RosterKey: d.rosterKey.Verifier(), Roster: d.signed(t)})
		if err != nil {
			t.Fatal(err)
		}
		return p.Check(t.Context())
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	s.rewrite(t, 3)
	if err := check(); !errors.Is(err, ErrRolledBack) {
		t.Error(err)
	}
	d.of[1].down.Store(true)
	if err := check(); !errors.Is(err, ErrRolledBack) {
		t.Error(err)
	}
	d.of[2].down.Store(true)
	if err := check(); err != nil {
		t.Error("nobody answers:", err)
	}
	d.of[1].down.Store(false)
	s.rewrite(t, 40)
	if err := check(); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	lie, err := d.of[1].key.sign(Checkpoint{Size: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	var liar http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(strings.ReplaceAll(string(lie), "node-2", "node-1") + "\nnonsense\n\n"))
	})
	d.of[1].handler.Store(&liar)
	if err := check(); err != nil {
		t.Error("a made up checkpoint counts:", err)
	}
}

// A node that shows a peer two histories is an alert in that peer's log, once,
// and the peer goes on remembering the first.
func TestASplitViewIsAnAlert(t *testing.T) {
	d := newDeployment(t)
	for j := range 20 {
		d.of[1].append(t, entry(j))
	}
	d.round(t)
	before := d.of[0].peers.Heads()
	d.of[1].rewrite(t, 60)
	for range 3 {
		if err := d.of[0].peers.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	alerts := 0
	if err := d.of[0].l.Replay(0, func(_ int64, e *Entry) error {
		if e.Kind == Alert {
			alerts++
			if e.Rule != "split-view" || e.Party != "node:node-2" || !strings.Contains(e.Text, "two histories") {
				t.Errorf("%+v", e)
			}
		}
		return nil
	}); err != nil || alerts != 1 {
		t.Fatal(alerts, err)
	}
	origin := []byte("ledger.example.com/node-2\n20\n")
	if now := d.of[0].peers.Heads(); !strings.Contains(string(before), string(origin)) || !strings.Contains(string(now), string(origin)) {
		t.Errorf("%s\n---\n%s", before, now)
	}
	// Also by a process that starts anew.
	d.watch(t, d.of[0])
	if err := d.of[0].peers.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := d.of[0].peers; p.state["ledger.example.com/node-2"] != "split" {
		t.Error(p.state)
	}
}

// A roster that was changed at one node is known by the others; an older one, or
// one by another key, is not taken.
func TestTheRosterSpreads(t *testing.T) {
	d := newDeployment(t)
	d.round(t)
	saved := make(chan []byte, 1)
	d.of[1].peers.o.Save = func(b []byte) error { saved <- b; return nil }
	d.roster.Serial = 2
	d.roster.Nodes[2].URL = ""
	newer := d.signed(t)
	if err := d.of[0].peers.Take(newer); err != nil {
		t.Fatal(err)
	}
	d.round(t)
	for _, s := range d.of {
		if r, b := s.peers.Roster(); r.Serial != 2 || string(b) != string(newer) {
			t.Error(s.name, r.Serial)
		}
	}
	if string(<-saved) != string(newer) {
		t.Error("something else was saved")
	}
	d.roster.Serial = 1
	if err := d.of[0].peers.Take(d.signed(t)); !errors.Is(err, ErrRoster) {
		t.Error(err)
	}
	d.roster.Serial = 3
	d.rosterKey = must(GenerateKey("ledger.example.com/roster"))
	if err := d.of[0].peers.Take(d.signed(t)); !errors.Is(err, ErrRoster) {
		t.Error(err)
	}
	// Who is not on it, or has another key, or is retired, has no peers.
	o := PeersOptions{RosterKey: d.rosterKey.Verifier()}
	end := Checkpoint{}
	for _, spoil := range []func(*Node){
		func(n *Node) { n.Key = must(GenerateKey("ledger.example.com/other")).Verifier() },
		func(n *Node) { n.Key = must(GenerateKey("ledger.example.com/node-1")).Verifier() },
		func(n *Node) { n.Retired = &end },
	} {
		was := d.roster.Nodes[0]
		spoil(&d.roster.Nodes[0])
		o.Roster = d.signed(t)
		if _, err := d.of[0].l.Peers(o); !errors.Is(err, ErrRoster) {
			t.Error(err)
		}
		d.roster.Nodes[0] = was
	}
}

func TestRosterReadsBack(t *testing.T) {
	k := must(GenerateKey("ledger.example.com/roster"))
	rapid.Check(t, func(t *rapid.T) {
		r := &Roster{Serial: rapid.Int64Range(1, 1<<62).Draw(t, "serial"), Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 0).UTC()}
		for i := range rapid.IntRange(0, 5).Draw(t, "nodes") {
			n := Node{Name: fmt.Sprint(rapid.StringMatching(`[a-zäß0-9.-]{0,9}`).Draw(t, "name"), i), URL: rapid.SampledFrom([]string{"", "https://n.example:8090/x"}).Draw(t, "url"),
				Key: must(GenerateKey(fmt.Sprint("ledger.example.com/", i))).Verifier(), Since: r.Time}
			if rapid.Bool().Draw(t, "retired") {
				n.Retired = &Checkpoint{Size: rapid.Int64Range(0, 1<<62).Draw(t, "size")}
				n.Retired.Root[3] = 7
			}
			r.Nodes = append(r.Nodes, n)
		}
		b, err := r.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		again, err := OpenRoster(b, k.Verifier())
		if err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", r) && len(r.Nodes) > 0 && again.text("") != r.text("") {
			t.Fatalf("%+v\n%+v\n%v", r, again, err)
		}
		b[rapid.IntRange(0, len(b)-100).Draw(t, "byte")] ^= 1
		if _, err := OpenRoster(b, k.Verifier()); err == nil {
			t.Fatal("a changed roster is taken")
		}
	})
	good := Node{Name: "n", Key: k.Verifier(), Since: day}
	for name, r := range map[string]*Roster{
		"no serial":  {Nodes: []Node{good}},
		"no name":    {Serial: 1, Nodes: []Node{{Key: k.Verifier()}}},
		"two names":  {Serial: 1, Nodes: []Node{good, {Name: "n", Key: must(GenerateKey("x.example/2")).Verifier()}}},
		"one log":    {Serial: 1, Nodes: []Node{good, {Name: "m", Key: k.Verifier()}}},
		"a space":    {Serial: 1, Nodes: []Node{{Name: "a b", Key: k.Verifier()}}},
		"a newline":  {Serial: 1, Nodes: []Node{{Name: "n", URL: "http://x\nnode", Key: k.Verifier()}}},
		"not a key":  {Serial: 1, Nodes: []Node{{Name: "n", Key: "a+b+c"}}},
		"many nodes": {Serial: 1, Nodes: make([]Node, maxNodes+1)},
	} {
		if _, err := r.Sign(k); !errors.Is(err, ErrRoster) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRoster(f *testing.F) {
	k := must(GenerateKey("ledger.example.com/roster"))
	r := &Roster{Serial: 3, Time: day, Nodes: []Node{{Name: "a", Key: k.Verifier(), Since: day}, {Name: "b", URL: "https://b.example", Key: must(GenerateKey("x.example/1")).Verifier(), Since: day, Retired: &Checkpoint{Size: 7}}}}
	f.Add(r.text("n"))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRoster(text, "n")
		if err != nil {
			if !errors.Is(err, ErrRoster) {
				t.Fatal(err)
			}
			return
		}
		if r.text("n") != text {
			t.Fatal("it reads as something else")
		}
	})
}

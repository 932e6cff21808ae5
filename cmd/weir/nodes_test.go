package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/internal/pgtest"
	"github.com/getweir/weir/ledger"
)

// relay is a way to PostgreSQL that can be cut.
type relay struct {
	server *pgtest.Server
	listen net.Listener

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newRelay(t *testing.T, server *pgtest.Server) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{server: server, listen: l, conns: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		r.set(true)
	})
	return r
}

func (r *relay) carry(c net.Conn) {
	s, err := r.server.Dial()
	if err != nil {
		c.Close()
		return
	}
	r.mu.Lock()
	cut := r.cut
	r.conns[c], r.conns[s] = true, true
	r.mu.Unlock()
	if !cut {
		go func() { _, _ = io.Copy(s, c); s.Close(); c.Close() }()
		_, _ = io.Copy(c, s)
	}
	s.Close()
	c.Close()
	r.mu.Lock()
	delete(r.conns, c)
	delete(r.conns, s)
	r.mu.Unlock()
}

// set cuts the way, or mends it.
func (r *relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for c := range r.conns {
			c.Close()
		}
	}
}

// newNodes makes the sites of a deployment on one store. The last one's way there is
// the relay.
func newNodes(t *testing.T, upstream, policyText string, n int) (sites []*site, server *pgtest.Server, way *relay) {
	t.Helper()
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	url, err := server.Database()
	if err != nil {
		t.Fatal(err)
	}
	way = newRelay(t, server)
	addrs, err := freeAddresses(n)
	if err != nil {
		t.Fatal(err)
	}
	key, hash := identity.NewKey()
	for i := range n {
		s := &site{dir: t.TempDir(), url: "http://" + addrs[i], key: key}
		name, at := fmt.Sprintf("node-%d", i+1), url
		if i == n-1 {
			database, _, _ := strings.Cut(strings.TrimPrefix(url, "postgres://weir@/"), "?")
			at = server.URL("weir", database, way.listen.Addr().String())
		}
		config := fmt.Sprintf("version: 1\nlisten: %s\nupstream: %s\npolicy: policy.yaml\nstate: state\nnode: %s\nidentity:\n  keys: [{name: thief, role: support, kind: staff, hashes: [%q]}]\nstore: {postgres: %q, patience: 1m}\n",
			addrs[i], upstream, name, hash, at)
		for name, text := range map[string]string{"weir.yaml": config, "policy.yaml": policyText} {
			if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := createState(filepath.Join(s.dir, "state"), name); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			b, err := os.ReadFile(filepath.Join(sites[0].dir, "state/keys/subjects.key"))
			if err == nil {
				err = os.WriteFile(filepath.Join(s.dir, "state/keys/subjects.key"), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		sites = append(sites, s)
		if out, code := s.weir(t, "store", "init"); code != 0 {
			t.Fatalf("weir store init: %d\n%s", code, out)
		}
	}
	return sites, server, way
}

// received is what clients got, counted from the bytes alone.
type receivedPeople struct {
	mu  sync.Mutex
	got map[string]bool
}

var personInBody = regexp.MustCompile(`person(\d+)@example\.com`)

func (r *receivedPeople) take(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range personInBody.FindAllSubmatch(body, -1) {
		r.got[string(m[1])] = true
	}
}

func (r *receivedPeople) n() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// TestLaw3ThreeNodes has one stolen credential scrape three real nodes on one real
// PostgreSQL at once. In the middle of it one is killed, one loses its way to the
// database, and one is killed and its disk wiped; each comes back. What the clients
// received never passes the budget, and all of it stands on the ledgers.
func TestLaw3ThreeNodes(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	sites, _, way := newNodes(t, back.URL, strings.ReplaceAll(killPolicy, ": 60", ": 200"), 3)
	killed, wiped, cut := sites[0], sites[1], sites[2]
	ends := make([]func(syscall.Signal) string, 3)
	var starting sync.WaitGroup
	for i, s := range sites {
		starting.Go(func() { ends[i] = s.start(t) })
	}
	starting.Wait()

	got := &receivedPeople{got: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer func() { stop(); clients.Wait() }()
	for g := range 6 {
		r := rand.New(rand.NewPCG(5, uint64(g)))
		clients.Go(func() {
			for ctx.Err() == nil {
				path := fmt.Sprintf("/c/c-%d", r.IntN(3000))
				if r.IntN(3) == 0 {
					path = fmt.Sprintf("/c?from=%d", r.IntN(3000))
				}
				one, cancel := context.WithTimeout(ctx, 3*time.Second)
				_, body := sites[(g+r.IntN(2))%3].get(one, path)
				cancel()
				got.take(body)
				time.Sleep(time.Duration(10+r.IntN(20)) * time.Millisecond) // else all is over before anything has happened
			}
		})
	}
	reach := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); got.n() < n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d customers received after a minute, %d wanted", got.n(), n)
			}
		}
	}
	reach(15)
	ends[0](syscall.SIGKILL)
	reach(30)
	way.set(true)
	reach(45)
	ends[1](syscall.SIGKILL)
	for _, name := range []string{"ledger", "index.db"} {
		if err := os.RemoveAll(filepath.Join(wiped.dir, "state", name)); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := wiped.weir(t, "ledger", "rebuild", "--from-store"); code != 0 {
		t.Fatalf("rebuild: %d\n%s", code, out)
	}
	starting.Go(func() { ends[1] = wiped.start(t) })
	starting.Go(func() { ends[0] = killed.start(t) })
	starting.Wait()
	status, body := cut.get(ctx, "/c/c-1")
	if status == 200 {
		t.Errorf("the node that is cut off answers %d: %s", status, body)
	}
	way.set(false)
	// On each of them nothing more is to be had, and that is said.
	for i, s := range sites {
		next := 4000 + 1000*i
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			next++
			status, body := s.get(ctx, fmt.Sprintf("/c/c-%d", next))
			if status == 429 {
				break
			}
			got.take(body)
			if time.Now().After(deadline) {
				t.Fatalf("node %d answers %d where the budget is spent: %s", i+1, status, body)
			}
		}
	}
	stop()
	clients.Wait()
	// Who was charged in an exchange that a kill ended was not received.
	if n := got.n(); n > 200 {
		t.Errorf("%d customers were received under a budget of 200", n)
	} else {
		t.Logf("%d customers were received under a budget of 200", n)
	}
	for _, end := range ends {
		end(syscall.SIGTERM)
	}
	onLedgers(t, sites, got.got)
}

// onLedgers holds all nodes' ledgers together to what was received, and what each node
// says of somebody to its ledger.
func onLedgers(t *testing.T, sites []*site, got map[string]bool) {
	t.Helper()
	cfg, err := loadConfig(filepath.Join(sites[0].dir, "weir.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	store, subjects, err := openShared(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	names := map[weir.Subject]string{}
	for id := range got {
		subject, known, err := subjects.Lookup(t.Context(), weir.Identifier{Kind: "customer", Value: weir.NewPlain("c-" + id)})
		if err != nil || !known {
			t.Errorf("customer c-%s was received and has no pseudonym: %v", id, err)
		}
		names[subject] = id
	}
	recorded := map[string]bool{}
	for i, s := range sites {
		dir := filepath.Join(s.dir, "state/ledger")
		if report, err := ledger.Verify(dir, ledger.VerifyOptions{}); err != nil {
			t.Errorf("node %d: %v\n%v", i+1, err, report)
		}
		here := ""
		err := ledger.Read(dir, 0, func(_ int64, e *ledger.Entry) error {
			for _, taken := range e.Subjects {
				if id := names[taken.Subject]; id != "" && e.Kind == ledger.Release && taken.Lanes.Has(weir.Clear) {
					recorded[id], here = true, id
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if here == "" {
			t.Errorf("node %d has released nothing: it was not tried", i+1)
			continue
		}
		if out, code := s.weir(t, "who-saw", "customer:c-"+here); code != 0 || !strings.Contains(out, "thief") {
			t.Errorf("node %d: who-saw customer:c-%s: %d\n%s", i+1, here, code, out)
		}
	}
	for id := range got {
		if !recorded[id] {
			t.Errorf("customer c-%s was received and is on no ledger", id)
		}
	}
}

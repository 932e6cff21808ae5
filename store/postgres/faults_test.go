package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/pgtest"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/postgres"
)

// A wire stands between a store and the server, and can be cut.
type wire struct {
	listen net.Listener
	server *pgtest.Server

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
	// left is how many bytes may still pass, requests and answers; negative: all.
	requests, answers atomic.Int64
}

func newWire(t *testing.T, s *pgtest.Server) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listen: l, server: s, conns: map[net.Conn]bool{}}
	w.heal()
	t.Cleanup(func() { l.Close(); w.cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.join(c)
		}
	}()
	return w
}

func (w *wire) join(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		c.Close()
		return
	}
	s, err := w.server.Dial()
	if err != nil {
		c.Close()
		return
	}
	w.conns[c], w.conns[s] = true, true
	go w.carry(s, c, &w.requests)
	go w.carry(c, s, &w.answers)
}

func (w *wire) carry(to, from net.Conn, left *atomic.Int64) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		end := false
		if l := left.Load(); l >= 0 {
			if int64(n) >= l {
				n, end = int(l), true
			}
			left.Add(-int64(n))
		}
		if _, err := to.Write(b[:n]); err != nil || end {
			return
		}
	}
}

// cut ends all connections; with the wire down no new ones come about.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.Close()
		delete(w.conns, c)
	}
}

func (w *wire) setDown(down bool) {
	w.mu.Lock()
	w.down = down
	w.mu.Unlock()
	if down {
		w.cut()
	}
}

func (w *wire) heal() { w.requests.Store(-1); w.answers.Store(-1) }

// through gives the configuration by way of the wire.
func (w *wire) through(c postgres.Config) postgres.Config {
	c.URL = server.URL("weir", database(c.URL), w.listen.Addr().String())
	return c
}

func aBatch(first int64, size int) *ledger.Batch {
	b := &ledger.Batch{First: first, N: 1, Frames: bytes.Repeat([]byte{byte(first)}, size), Signature: []byte("s")}
	b.Root[0] = byte(first)
	return b
}

// TestCutAnywhere cuts the connection behind every so many bytes of request or
// answer: the same batch put again is there once.
func TestCutAnywhere(t *testing.T) {
	d := databases{again: true}
	c := d.config(t, "one")
	w := newWire(t, server)
	s := open(t, w.through(c))
	defer s.Close()
	kept, err := s.Claim(t.Context(), "log.example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if err := kept.Put(t.Context(), aBatch(0, 900), nil); err != nil { // prepares the statement
		t.Fatal(err)
	}
	first, lost, undone := int64(1), 0, 0
	for _, side := range []*atomic.Int64{&w.requests, &w.answers} {
		for _, after := range []int64{0, 1, 5, 40, 300, 700, 1000, 1100} {
			if side == &w.answers && after > 40 {
				continue
			}
			side.Store(after)
			b := aBatch(first, 900)
			err := kept.Put(t.Context(), b, []ledger.Note{{Size: first + 1, Text: []byte("note")}})
			w.heal()
			if err == nil {
				t.Fatalf("cut after %d bytes, and nobody noticed", after)
			}
			if errors.Is(err, ledger.ErrFenced) || errors.Is(err, ledger.ErrForked) {
				t.Fatal(err)
			}
			look := open(t, c)
			stands, lerr := look.Ledgers(t.Context())
			look.Close()
			if lerr != nil || len(stands) != 1 {
				t.Fatal(lerr)
			}
			if stands[0].Entries == first+1 {
				lost++
			} else {
				undone++
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if err = kept.Put(t.Context(), b, []ledger.Note{{Size: first + 1, Text: []byte("note")}}); err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
			first++
		}
	}
	if lost == 0 || undone == 0 {
		t.Errorf("%d times the answer was lost, %d times the request: both were to be tried", lost, undone)
	}
	got, err := kept.Batches(t.Context(), 0)
	if err != nil || int64(len(got)) != first {
		t.Errorf("%d batches, %v", len(got), err)
	}
	if notes, err := kept.Checkpoints(t.Context(), 0); err != nil || int64(len(notes)) != first-1 {
		t.Errorf("%d notes, %v", len(notes), err)
	}
}

// A process whose connection is cut loses its lock to another, and when it comes
// back it is refused.
func TestCutOffAndTakenOver(t *testing.T) {
	d := databases{again: true}
	c := d.config(t, "one")
	w := newWire(t, server)
	s, other := open(t, w.through(c)), open(t, c)
	defer s.Close()
	defer other.Close()
	a, err := s.Claim(t.Context(), "log.example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Put(t.Context(), aBatch(0, 10), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Claim(t.Context(), "log.example.com"); !errors.Is(err, ledger.ErrLocked) || !strings.Contains(err.Error(), `"node-1"`) {
		t.Fatal(err)
	}
	w.setDown(true)
	var b ledger.Copy
	for deadline := time.Now().Add(time.Minute); ; {
		if b, err = other.Claim(t.Context(), "log.example.com"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	defer b.Close()
	if err := a.Put(t.Context(), aBatch(1, 10), nil); err == nil || errors.Is(err, ledger.ErrFenced) {
		t.Fatalf("cut off: %v", err)
	}
	w.setDown(false)
	if err := a.Put(t.Context(), aBatch(1, 10), nil); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("come back: %v", err)
	}
	if err := b.Put(t.Context(), aBatch(1, 20), nil); err != nil {
		t.Error(err)
	}
}

// A row that somebody else holds costs the time that the caller gives, and no
// more than that.
func TestHeldRow(t *testing.T) {
	d := databases{again: true}
	c := d.config(t, "one")
	for name, slow := range map[string]func(*postgres.Config) time.Duration{
		"the caller's time":   func(*postgres.Config) time.Duration { return 300 * time.Millisecond },
		"a statement timeout": func(c *postgres.Config) time.Duration { c.URL += "&statement_timeout=300"; return time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			patience := slow(&c)
			s := open(t, c)
			defer s.Close()
			kept, err := s.Claim(t.Context(), "log.example.com/"+strings.ReplaceAll(name, " ", "-"))
			if err != nil {
				t.Fatal(err)
			}
			defer kept.Close()
			release := aHold(t, c)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := kept.Put(ctx, aBatch(0, 10), nil); err == nil {
				t.Error("put through a lock")
			}
			release()
			if err := kept.Put(t.Context(), aBatch(0, 10), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// aHold locks the table of heads until release.
func aHold(t *testing.T, c postgres.Config) (release func()) {
	t.Helper()
	p := server.Session(database(c.URL))
	if err := p.Start("BEGIN; LOCK TABLE weir.ledger_heads IN EXCLUSIVE MODE; SELECT 'held';", "held"); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	release = func() { once.Do(p.End) }
	t.Cleanup(release)
	return release
}

func TestServerWithoutSyncIsRefused(t *testing.T) {
	var d databases
	c := d.config(t, "one")
	defer func() {
		if err := server.SQL("postgres", `ALTER SYSTEM RESET ALL`); err != nil {
			t.Error(err)
		}
		if err := server.SQL("postgres", `SELECT pg_reload_conf()`); err != nil {
			t.Error(err)
		}
		settled(t, func() error {
			s, err := postgres.Open(t.Context(), c)
			if err == nil {
				s.Close()
			}
			return err
		})
	}()
	if err := server.SQL("postgres", `ALTER SYSTEM SET fsync = off`); err != nil {
		t.Fatal(err)
	}
	if err := server.SQL("postgres", `SELECT pg_reload_conf()`); err != nil {
		t.Fatal(err)
	}
	settled(t, func() error {
		s, err := postgres.Open(t.Context(), c)
		if err == nil {
			s.Close()
			return errors.New("opened")
		}
		if !errors.Is(err, postgres.ErrUnsafe) {
			return err
		}
		return nil
	})
	// What a database has as its default does not matter.
	if err := server.SQL(database(c.URL), `ALTER DATABASE `+database(c.URL)+` SET synchronous_commit = off`); err != nil {
		t.Fatal(err)
	}
}

// settled waits until do gives no error.
func settled(t *testing.T, do func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := do()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func ids(from, to int) (out []weir.Identifier) {
	for i := from; i < to; i++ {
		out = append(out, weir.Identifier{Kind: "email", Value: weir.NewPlain(fmt.Sprintf("customer%d@example.com", i))})
	}
	return out
}

// Nodes that meet the same people at the same moment give them the same names,
// also where the database undoes what collides.
func TestNodesMeetTheSamePeople(t *testing.T) {
	var d databases
	c := d.config(t, "one")
	for _, level := range []string{"read committed", "serializable"} {
		if err := server.SQL("postgres", fmt.Sprintf(`ALTER DATABASE %s SET default_transaction_isolation = %q`, database(c.URL), level)); err != nil {
			t.Fatal(err)
		}
		const nodes = 3
		var got [nodes][]weir.Subject
		var wg sync.WaitGroup
		for n := range nodes {
			s := open(t, c)
			defer s.Close()
			subjects := s.Subjects([]byte(strings.Repeat("k", 32)))
			wg.Go(func() {
				for i := range 15 {
					people := ids(i*20, i*20+40)
					if n%2 == 1 {
						slices.Reverse(people)
					}
					ss, err := subjects.Resolve(t.Context(), people)
					if err != nil {
						t.Errorf("%s: %v", level, err)
						return
					}
					if n%2 == 1 {
						slices.Reverse(ss)
					}
					got[n] = append(got[n], ss...)
				}
			})
		}
		wg.Wait()
		for n := range nodes {
			if !slices.Equal(got[n], got[0]) {
				t.Fatalf("%s: node %d gave others", level, n)
			}
		}
		if err := server.SQL(database(c.URL), `TRUNCATE weir.subjects`); err != nil {
			t.Fatal(err)
		}
	}
}

// What one node erases another forgets, whether it hears of it or is cut off.
func TestErasedElsewhere(t *testing.T) {
	d := databases{again: true}
	c := d.config(t, "one")
	w := newWire(t, server)
	key := []byte(strings.Repeat("k", 32))
	a, b := open(t, c), open(t, w.through(c))
	defer a.Close()
	defer b.Close()
	here, there := a.Subjects(key), b.Subjects(key)
	defer run(t, b)()
	person := ids(0, 1)
	for range 3 {
		was, err := there.Resolve(t.Context(), person)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := there.Resolve(t.Context(), person); err != nil {
			t.Fatal(err)
		}
		if err := here.Erase(t.Context(), person[0]); err != nil {
			t.Fatal(err)
		}
		settled(t, func() error {
			now, err := there.Resolve(t.Context(), person)
			if err == nil && now[0] == was[0] {
				err = errors.New("the other node gives the erased pseudonym")
			}
			return err
		})
		w.cut() // and it comes back by itself
	}
}

// origin makes a key and an empty log with a store.
func newLog(t *testing.T, s ledger.Store, patience time.Duration) (dir string, o ledger.Options, l *ledger.Log) {
	t.Helper()
	key, _, err := ledger.GenerateKey("ledger.example.com/node-1")
	if err != nil {
		t.Fatal(err)
	}
	dir, o = filepath.Join(t.TempDir(), "ledger"), ledger.Options{Key: key, Node: "node-1", CheckpointEvery: 50 * time.Millisecond}
	if l, err = ledger.Create(dir, o); err != nil {
		t.Fatal(err)
	}
	if err := l.Attach(t.Context(), s, ledger.AttachOptions{Patience: patience}); err != nil {
		t.Fatal(err)
	}
	return dir, o, l
}

// TestTrafficThroughFaults writes from many sides while the connection is cut at
// random and the server crashes: every receipt is for an entry that a log made
// anew from the store has, too.
func TestTrafficThroughFaults(t *testing.T) {
	var d databases
	url := d.config(t, "one").URL
	w := newWire(t, server)
	c := config(server.URL("weir", database(url), w.listen.Addr().String()))
	c.ClaimWait = time.Minute
	s := open(t, c)
	defer s.Close()
	dir, o, l := newLog(t, s, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	var mu sync.Mutex
	acked := map[int64]int{}
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for g := range 8 {
		writers.Go(func() {
			for i := g; ; i += 8 {
				select {
				case <-stop:
					return
				default:
				}
				r, err := l.Append(ctx, &ledger.Entry{Kind: ledger.Release, N: i})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[r.Index()] = i
				mu.Unlock()
			}
		})
	}
	grown := func(by int64) {
		t.Helper()
		from := l.Status().Entries
		settled(t, func() error {
			if l.Status().Entries < from+by {
				return fmt.Errorf("stuck at %d entries: %+v", from, l.Status().Store)
			}
			return nil
		})
	}
	for range 12 {
		grown(5)
		switch rand.IntN(3) {
		case 0:
			w.cut()
		case 1:
			w.answers.Store(rand.Int64N(60))
			grown(0)
			time.Sleep(5 * time.Millisecond)
			w.heal()
		case 2:
			w.requests.Store(rand.Int64N(3000))
			time.Sleep(5 * time.Millisecond)
			w.heal()
		}
	}
	grown(5)
	server.Stop(syscall.SIGQUIT)
	before := l.Status().Entries
	settled(t, func() error {
		if st := l.Status().Store; st.Err == nil || st.Away.IsZero() {
			return fmt.Errorf("the status does not tell that the store is away: %+v", st)
		}
		return nil
	})
	if now := l.Status().Entries; now != before {
		t.Errorf("%d entries became visible while the store was away", now-before)
	}
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	grown(20)
	close(stop)
	writers.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	again := dir + "-again"
	rebuilt, err := ledger.Rebuild(t.Context(), again, o, s, ledger.RebuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if rebuilt.Checkpoints == 0 || rebuilt.Signed.Size != rebuilt.Head.Size {
		t.Errorf("%+v", rebuilt)
	}
	found := 0
	if err := ledger.Read(again, 0, func(index int64, e *ledger.Entry) error {
		if n, ok := acked[index]; ok && n == e.N {
			found++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found != len(acked) || found == 0 {
		t.Errorf("%d receipts, %d of them are in the log made anew", len(acked), found)
	}
	for _, each := range []string{dir, again} {
		report, err := ledger.Verify(each, ledger.VerifyOptions{Key: o.Key.Verifier()})
		if err != nil || report.Entries != rebuilt.Head.Size {
			t.Errorf("%v, %v", report, err)
		}
	}
}

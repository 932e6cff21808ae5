package postgres_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/internal/pgtest"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/postgres"
	"github.com/getweir/weir/store/storetest"
)

// server is one PostgreSQL for all tests of the package; each has databases of
// its own.
var server *pgtest.Server

func TestMain(m *testing.M) {
	var err error
	if server, err = pgtest.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	server.Close()
	os.Exit(code)
}

// databases gives each name of a store a database.
type databases struct {
	again bool // emptied ones will do; a new one costs half a second

	mu   sync.Mutex
	urls map[string]string
}

// used are databases that nobody uses any more.
var used = make(chan string, 100)

// empty makes a new database, or empties a used one.
func (d *databases) empty(t testing.TB) (url string) {
	t.Helper()
	if d.again {
		t.Cleanup(func() { used <- url })
		select {
		case url = <-used:
			if err := server.SQL(database(url), `TRUNCATE weir.subjects, weir.checks, weir.ledger_heads, weir.ledger_batches, weir.ledger_checkpoints,
				weir.fleet, weir.nodes, weir.acts, weir.accounts, weir.taken, weir.counts, weir.leases, weir.vault_meta, weir.vault_keys,
				weir.vault_customers, weir.vault_index, weir.vault_tokens, weir.vault_token_values, weir.vault_token_pages`); err != nil {
				t.Fatal(err)
			}
			return url
		default:
		}
	}
	url, err := server.Database()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.Create(t.Context(), config(url)); err != nil {
		t.Fatal(err)
	}
	return url
}

func (d *databases) config(t testing.TB, name string) postgres.Config {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.urls == nil {
		d.urls = map[string]string{}
	}
	if d.urls[name] == "" {
		d.urls[name] = d.empty(t)
	}
	return config(d.urls[name])
}

// database gives the name in a URL of the server.
func database(url string) string {
	return strings.TrimPrefix(strings.SplitN(url, "?", 2)[0], "postgres://weir@/")
}

func config(url string) postgres.Config {
	return postgres.Config{URL: url, Node: "node-1", ClaimWait: 300 * time.Millisecond}
}

func open(t testing.TB, c postgres.Config) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSubjects(t *testing.T) {
	d := databases{again: true}
	storetest.Subjects(t, func(t *testing.T, dir string, key []byte) (storetest.Directory, func()) {
		s := open(t, d.config(t, dir))
		subjects := s.Subjects(key)
		stop := run(t, s)
		return subjects, func() {
			stop()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// run runs s until stop is called.
func run(t *testing.T, s *postgres.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestCopies(t *testing.T) {
	d := databases{again: true}
	storetest.Copies(t, func(t *testing.T, dir string) (ledger.Store, func()) {
		s := open(t, d.config(t, dir))
		return s, func() { s.Close() }
	})
}

func TestPolicies(t *testing.T) {
	d := databases{again: true}
	storetest.Policies(t, func(t *testing.T, dir string) (approval.Versions, func()) {
		s := open(t, d.config(t, dir))
		return s.Policies(), func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCreateRefusesWhatExistsAndOpenNeverCreates(t *testing.T) {
	url, err := server.Database()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := postgres.Open(t.Context(), config(url)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := postgres.Create(t.Context(), config(url)); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Create(t.Context(), config(url)); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if err := postgres.Upgrade(t.Context(), config(url)); err != nil {
		t.Fatal(err)
	}
	open(t, config(url)).Close()
	if err := server.SQL(database(url), `UPDATE weir.version SET steps = 999`); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Open(t.Context(), config(url)); !errors.Is(err, postgres.ErrForeign) {
		t.Error(err)
	}
	if err := postgres.Upgrade(t.Context(), config(url)); !errors.Is(err, postgres.ErrForeign) {
		t.Error(err)
	}
	if err := server.SQL(database(url), `DROP TABLE weir.version`); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Open(t.Context(), config(url)); !errors.Is(err, postgres.ErrForeign) {
		t.Error(err)
	}
}

// Of many that create at once one does, and all find it.
func TestCreateAtOnce(t *testing.T) {
	url, err := server.Database()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		wg.Go(func() {
			err := postgres.Create(t.Context(), config(url))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d have made it", made)
	}
	open(t, config(url)).Close()
}

func TestRefusesAWayThatCannotBeTrusted(t *testing.T) {
	for _, url := range []string{
		"postgres://weir@db.example.com/weir",
		"postgres://weir@db.example.com/weir?sslmode=disable",
		"postgres://weir@db.example.com/weir?sslmode=prefer",
		"postgres://weir@db.example.com/weir?sslmode=require",
		"postgres://weir@127.0.0.1,db.example.com/weir?sslmode=prefer",
		"postgres://weir@192.0.2.7/weir",
	} {
		if _, err := postgres.Open(t.Context(), config(url)); !errors.Is(err, postgres.ErrUnsafe) {
			t.Errorf("%s: %v", url, err)
		}
	}
	_, err := postgres.Open(t.Context(), config("postgres://weir:opensesame@db.example.com/weir?sslmode=bogus"))
	if err == nil || strings.Contains(err.Error(), "opensesame") {
		t.Errorf("the password is told, or the mistake is not: %v", err)
	}
}

// A role with the rights of a node can do a node's work and cannot change or
// remove what is in a ledger.
func TestGrant(t *testing.T) {
	var d databases
	owner := d.config(t, "one")
	name := database(owner.URL)
	if err := server.SQL("postgres", `CREATE ROLE "a node" LOGIN`); err != nil {
		t.Fatal(err)
	}
	node := config(server.URL("a%20node", name, ""))
	s, err := postgres.Open(t.Context(), node)
	if err == nil {
		s.Close()
		t.Fatal("opened without rights")
	}
	if err := postgres.Grant(t.Context(), owner, "a node"); err != nil {
		t.Fatal(err)
	}
	s = open(t, node)
	defer s.Close()
	subjects := s.Subjects([]byte(strings.Repeat("k", 32)))
	id := weir.Identifier{Kind: "email", Value: weir.NewPlain("ada@example.com")}
	if _, err := subjects.Resolve(t.Context(), []weir.Identifier{id}); err != nil {
		t.Fatal(err)
	}
	if err := subjects.Erase(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	c, err := s.Claim(t.Context(), "log.example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Put(t.Context(), &ledger.Batch{N: 1, Frames: []byte("some frames"), Signature: []byte("s")}, nil); err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{
		`UPDATE weir.ledger_batches SET n = 2`, `DELETE FROM weir.ledger_batches`, `TRUNCATE weir.ledger_batches`,
		`DELETE FROM weir.ledger_heads`, `DELETE FROM weir.ledger_checkpoints`, `UPDATE weir.subjects SET subject = subject`,
		`DROP TABLE weir.subjects`, `UPDATE weir.version SET steps = 0`,
	} {
		if err := server.SQL(name, `SET ROLE "a node"; `+forbidden); err == nil || !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "must be owner") {
			t.Errorf("%s: %v", forbidden, err)
		}
	}
}

// A node that joins brings its own directory along.
func TestImportAndNamed(t *testing.T) {
	d := databases{again: true}
	s := open(t, d.config(t, "one"))
	defer s.Close()
	subjects := s.Subjects([]byte(strings.Repeat("k", 32)))
	people := ids(0, 3)
	here, err := subjects.Resolve(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	var theirs []directory.Row
	if err := server.Rows(database(d.config(t, "one").URL), `SELECT encode(mac, 'hex') || encode(subject, 'hex') FROM weir.subjects ORDER BY subject`, func(line string) {
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Error(err)
		}
		row, err := directory.ReadRow(b[:32], b[32:])
		if err != nil {
			t.Error(err)
		}
		theirs = append(theirs, row)
	}); err != nil {
		t.Fatal(err)
	}
	theirs[1].Subject = weir.Subject{1}
	for i := range 3 {
		theirs = append(theirs, directory.Row{Mac: directory.Mac{byte(i + 1)}, Subject: weir.Subject{2, byte(i)}})
	}
	for i, want := range [][2]int{{3, 2}, {0, 5}} {
		if added, same, err := s.Import(t.Context(), theirs); err != nil || added != want[0] || same != want[1] {
			t.Errorf("import %d: %d added, %d the same, %v", i, added, same, err)
		}
	}
	if again, err := subjects.Resolve(t.Context(), people); err != nil || !slices.Equal(again, here) {
		t.Error("an import has changed what was there", err)
	}
	if err := subjects.Erase(t.Context(), people[1]); err != nil {
		t.Fatal(err)
	}
	got, err := s.Named(t.Context(), []weir.Subject{here[2], {1}, here[1], here[0], here[2], {2, 1}})
	if want := []bool{true, false, false, true, true, true}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v: %v", got, want, err)
	}
}

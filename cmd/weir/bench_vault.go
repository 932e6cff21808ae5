package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/postgres"
	"github.com/getweir/weir/store/sqlite"
	"github.com/getweir/weir/vault"
)

type benchVaultCommand struct {
	JSON      bool          `name:"json" help:"Print as JSON."`
	Dir       string        `type:"path" help:"Where to write: the file system that is measured. Default: the folder for temporary files." placeholder:"DIR"`
	Postgres  string        `help:"Measure a shared store, too: a connection string of an empty database." placeholder:"URL"`
	Clients   int           `default:"64" help:"How many create and read at once."`
	Duration  time.Duration `default:"3s" help:"How long each figure is measured."`
	Customers int64         `default:"20000" help:"How many customers' keys are rotated, and searched among."`
}

func (benchVaultCommand) Help() string {
	return `create: customers of 12 values, three of them identifiers, each durable before its client makes the next. read: whole customers, drawn at random, each reading durable on a ledger before it is opened. tokenise/100: values a second, in batches of 100 for different customers, each batch durable. rotate: customers' keys wrapped anew a second; rotate/reencrypt: customers encrypted anew a second. search/p99: of exact search among --customers. memory: the most that the process has held.

All of it through package vault, with a key file; HTTP is not in it. An error ends the measurement.

Examples:
  weir bench vault --json
  weir bench vault --postgres "postgres://weir@/bench?host=/var/run/postgresql"
  weir bench vault --customers 1000000`
}

func (c *benchVaultCommand) Run(s *streams) (err error) {
	if c.Clients < 1 || c.Duration <= 0 || c.Customers < 1000 {
		return usageError{errors.New("at least one client, some duration and 1000 customers are needed")}
	}
	dir, err := os.MkdirTemp(c.Dir, "weir-bench-")
	if err != nil {
		return usageError{err}
	}
	defer os.RemoveAll(dir)
	var all []measurement
	b := &vaultBench{benchVaultCommand: c, s: s, crowd: people.New(1, 2000)}
	for _, f := range vault.DefaultFields() {
		b.classes = append(b.classes, ledger.Count{Class: f.Class, Action: weir.Allow, N: 1})
	}
	db, err := sqlite.Create(filepath.Join(dir, subjectsFile))
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := db.Vault(s.ctx)
	if err != nil {
		return err
	}
	some, err := b.measure(dir, "sqlite", store, db.Subjects(make([]byte, 32)), true)
	if err != nil {
		return err
	}
	all = append(all, some...)
	if c.Postgres != "" {
		config := postgres.Config{URL: c.Postgres, Node: "bench"}
		if err := postgres.Create(s.ctx, config); err != nil {
			return err
		}
		db, err := postgres.Open(s.ctx, config)
		if err != nil {
			return err
		}
		defer db.Close()
		subjects := db.Subjects(make([]byte, 32))
		running, stop := context.WithCancel(s.ctx)
		ended := make(chan error, 1)
		go func() { ended <- db.Run(running) }()
		some, err := b.measure(filepath.Join(dir, "postgres"), "postgres", db.Vault(), subjects, false)
		stop()
		if err = errors.Join(err, <-ended); err != nil {
			return err
		}
		all = append(all, some...)
	}
	all = append(all, measurement{Name: "memory", Value: mostMemory(os.Getpid()), Unit: "MiB"})
	progress(s, "")
	return printMeasurements(s, c.JSON, all)
}

// A vaultBench measures one vault after the other.
type vaultBench struct {
	*benchVaultCommand
	s     *streams
	crowd *people.Population
	// classes are those of all fields, as an entry has them.
	classes []ledger.Count

	vault *vault.Vault
	log   *ledger.Log
	mu    sync.Mutex
	made  []weir.Subject // guarded by mu
}

// customer gives the n-th: somebody of the crowd, with identifiers of its own.
func (b *vaultBench) customer(n int) vault.New {
	c := &b.crowd.Customers[n%len(b.crowd.Customers)]
	one := func(values ...string) (all []weir.Plain) {
		for _, v := range values {
			all = append(all, weir.NewPlain(v))
		}
		return all
	}
	return vault.New{Residence: c.Country, Values: vault.Values{
		vault.KeyField: one(fmt.Sprintf("c-%d", n)), "email": one(fmt.Sprintf("%d.%s", n, c.Email)), "phone": one(fmt.Sprintf("+999%09d", n)),
		"name": one(c.Name()), "birth_date": one(c.Born), "address": one(c.Address.Lines()...), "device": one(fmt.Sprintf("device-%d", n), "television"),
		"viewing_history": one(strings.Repeat(`{"title_id":"t-1","watched_at":"2026-01-02T20:15:00Z"}`, 3)), "order": one(`{"order_id":"o-1","total":12.5}`),
	}}
}

func (b *vaultBench) measure(dir, name string, store vault.Store, subjects *directory.Directory, rotations bool) (all []measurement, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	keys, err := vault.CreateKeyFile(filepath.Join(dir, "vault.keys"), []byte("a passphrase to measure with"), 0)
	if err != nil {
		return nil, err
	}
	key, _, err := ledger.GenerateKey("bench.example.com/" + name)
	if err != nil {
		return nil, err
	}
	if b.log, err = ledger.Create(filepath.Join(dir, "ledger"), ledger.Options{Key: key}); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(b.s.ctx))
	ended := make(chan error, 1)
	go func() { ended <- b.log.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended, b.log.Close())
	}()
	c := vault.Config{Store: store, Keys: keys, Directory: subjects, Ledger: b.log}
	if err := vault.Create(b.s.ctx, c); err != nil {
		return nil, err
	}
	if b.vault, err = vault.Open(b.s.ctx, c); err != nil {
		return nil, err
	}
	b.made = nil
	next := 0
	steps := []struct {
		name, unit string
		each       float64 // how many of unit one call is
		call       func(ctx context.Context, client int) error
	}{
		{"create", "customers/s", 1, func(ctx context.Context, _ int) error {
			b.mu.Lock()
			n := next
			next++
			b.mu.Unlock()
			return b.create(ctx, n)
		}},
		{"read", "customers/s", 1, b.read},
		{"tokenise/100", "values/s", 100, b.tokenise},
	}
	for _, step := range steps {
		progress(b.s, "%s/%s", name, step.name)
		run, err := b.drive(step.call)
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", name, step.name, err)
		}
		all = append(all,
			measurement{Name: name + "/" + step.name, Value: run.perSecond * step.each, Unit: step.unit},
			measurement{Name: name + "/" + step.name + "/p50", Value: run.p50, Unit: "µs"},
			measurement{Name: name + "/" + step.name + "/p99", Value: run.p99, Unit: "µs"},
			measurement{Name: name + "/" + step.name + "/cpu", Value: run.cpu / step.each, Unit: "µs each"})
	}
	if !rotations {
		return all, nil
	}
	more, err := b.large(name, keys, &next)
	return append(all, more...), err
}

func (b *vaultBench) create(ctx context.Context, n int) error {
	h, _, err := b.vault.Create(ctx, b.customer(n))
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.made = append(b.made, h.Subject)
	b.mu.Unlock()
	return nil
}

func (b *vaultBench) any() weir.Subject {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.made[rand.IntN(len(b.made))]
}

func (b *vaultBench) read(ctx context.Context, client int) error {
	e := &ledger.Entry{
		Kind: ledger.Release, Credential: "key:4f1e88aa", Principal: "support-7", PrincipalKind: weir.Staff, Role: "support", Issuer: "sso", Network: "office",
		Door: "vault", Route: "customer", Purpose: "support", Policy: "sha256:0123456789ab", Actions: b.classes,
		Exchange: weir.ExchangeID{byte(client), 1}, Subjects: []ledger.Taken{{Subject: b.any(), Lanes: 1}},
	}
	p, err := b.log.Permit(ctx, e)
	if err != nil {
		return err
	}
	rec, err := b.vault.Open(ctx, vault.Reading{Permit: p, Exchange: e.Exchange, Who: e.Subjects[0].Subject})
	if err == nil && len(rec.Values["email"]) != 1 {
		err = errors.New("a record is not whole")
	}
	return err
}

func (b *vaultBench) tokenise(ctx context.Context, _ int) error {
	values := make([]vault.Owned, 100)
	for i := range values {
		values[i] = vault.Owned{Who: b.any(), Value: weir.NewPlain("somebody@example.com")}
	}
	tokens, err := b.vault.Tokenise(ctx, vault.Tokenising{Class: "contact.email", Scope: "mailer"}, values)
	if err == nil && len(tokens) != len(values) {
		err = errors.New("there are not as many tokens as values")
	}
	return err
}

// drive calls from all clients for a while, and measures.
func (b *vaultBench) drive(call func(ctx context.Context, client int) error) (appended, error) {
	times, errs := make([][]time.Duration, b.Clients), make([]error, b.Clients)
	before, began := ownTime(), time.Now()
	end := began.Add(b.Duration)
	var all sync.WaitGroup
	for i := range b.Clients {
		all.Go(func() {
			for sent := began; sent.Before(end) && b.s.ctx.Err() == nil; {
				if errs[i] = call(b.s.ctx, i); errs[i] != nil {
					return
				}
				now := time.Now()
				times[i] = append(times[i], now.Sub(sent))
				sent = now
			}
		})
	}
	all.Wait()
	spent, used := time.Since(began), ownTime()-before
	if err := errors.Join(append(errs, b.s.ctx.Err())...); err != nil {
		return appended{}, err
	}
	took := slices.Concat(times...)
	slices.Sort(took)
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return appended{
		perSecond: float64(len(took)) / spent.Seconds(), p50: us(took[len(took)/2]), p99: us(took[len(took)*99/100]),
		cpu: us(used) / float64(len(took)),
	}, nil
}

// large measures what depends on how many customers there are.
func (b *vaultBench) large(name string, keys *vault.KeyFile, next *int) (all []measurement, err error) {
	errs := make([]error, b.Clients)
	var clients sync.WaitGroup
	for i := range b.Clients {
		clients.Go(func() {
			for b.s.ctx.Err() == nil && errs[i] == nil {
				b.mu.Lock()
				n := *next
				*next++
				b.mu.Unlock()
				if int64(n) >= b.Customers {
					return
				}
				if n%1000 == 0 {
					progress(b.s, "%s: %d of %d customers", name, n, b.Customers)
				}
				errs[i] = b.create(b.s.ctx, n)
			}
		})
	}
	clients.Wait()
	if err := errors.Join(append(errs, b.s.ctx.Err())...); err != nil {
		return nil, err
	}
	total := len(b.made)
	searches := make([]time.Duration, 5000)
	for i := range searches {
		id := weir.Identifier{Kind: "customer", Value: weir.NewPlain(fmt.Sprintf("c-%d", rand.IntN(total)))}
		began := time.Now()
		found, err := b.vault.Search(b.s.ctx, id)
		if searches[i] = time.Since(began); err != nil || len(found) != 1 {
			return nil, errors.Join(err, errors.New("a customer is not found"))
		}
	}
	slices.Sort(searches)
	all = append(all,
		measurement{Name: name + "/customers", Value: float64(total), Unit: "customers"},
		measurement{Name: name + "/search/p50", Value: float64(searches[len(searches)/2].Microseconds()), Unit: "µs"},
		measurement{Name: name + "/search/p99", Value: float64(searches[len(searches)*99/100].Microseconds()), Unit: "µs"})
	for _, reencrypt := range []bool{false, true} {
		figure := "rotate"
		if reencrypt {
			figure = "rotate/reencrypt"
		}
		if _, err := keys.Add(); err != nil {
			return nil, err
		}
		began := time.Now()
		done, err := b.vault.Rotate(b.s.ctx, vault.Rotation{Reencrypt: reencrypt, Progress: func(done, of int64) {
			progress(b.s, "%s/%s: %d of %d", name, figure, done, of)
		}})
		if err == nil && done.Done != int64(total) {
			err = fmt.Errorf("%d of %d were rotated", done.Done, total)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, measurement{Name: figure, Value: float64(total) / time.Since(began).Seconds(), Unit: "customers/s"})
	}
	return all, nil
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

type benchLedgerCommand struct {
	JSON     bool          `name:"json" help:"Print as JSON."`
	Dir      string        `type:"path" help:"Where to write: the file system that is measured. Default: the folder for temporary files." placeholder:"DIR"`
	Duration time.Duration `default:"1s" help:"How long each kind of append runs, in each round."`
	Rounds   int           `default:"5" help:"Rounds, in each of which the ledger and the bare group commit take turns; the median counts."`
	Entries  int64         `default:"1000000" help:"How long the log is that is killed, opened, verified and proven."`
}

func (benchLedgerCommand) Help() string {
	return `Appends: 1, 64 and 1,000 writers, each of which waits until its entry of 300 bytes is durable before it writes the next; and 64 with entries that name 130 customers. Against it, in turn and in the same folder, "group-commit": as many writers of as many bytes, one write and one fdatasync for all that wait, and nothing else: no encoding, no checksum, no tree, no signature. Ratios are to that; of p50 and cpu less is better. cpu is processor time of the whole process an append, writers and all. The ledger overwrites zeros that it wrote ahead, which spares a sync the file system's journal; the bare file grows. That is why it can be the faster one.

Then a process fills a log with --entries entries of 300 bytes and is ended by SIGKILL. "fill" is its rate; "memory" the most that a process held. "open" is how long the killed log takes to be ready. "verify" runs "weir ledger verify" on it: entries a second by the clock, and verify/core by processor time, against reading the files and hashing (SHA-256 of each leaf and of one node for each) on one core. "prove" is the median time of an inclusion proof against the newest checkpoint.

Takes about 330 bytes of disk an entry, and two minutes.

Examples:
  weir bench ledger --json
  weir bench ledger --dir /var/lib/weir --entries 10000000`
}

func (c *benchLedgerCommand) Run(s *streams) (err error) {
	if c.Rounds < 1 || c.Duration <= 0 || c.Entries < 1000 {
		return usageError{errors.New("at least one round, some duration and 1000 entries are needed")}
	}
	dir, err := os.MkdirTemp(c.Dir, "weir-bench-")
	if err != nil {
		return usageError{err}
	}
	defer os.RemoveAll(dir)
	all, err := c.appends(s, dir)
	if err != nil {
		return err
	}
	long, err := c.longLog(s, dir)
	if err != nil {
		return err
	}
	return printMeasurements(s, c.JSON, append(all, long...))
}

// appended is what one run of appends showed.
type appended struct{ perSecond, p50, p99, cpu float64 } // appends/s, µs, µs, µs an append

func (c *benchLedgerCommand) appends(s *streams, dir string) (all []measurement, err error) {
	for _, kind := range []struct {
		name          string
		writers, size int
	}{{"append/1", 1, 300}, {"append/64", 64, 300}, {"append/1000", 1000, 300}, {"append/64/130subjects", 64, 130 * 19}} {
		runs := map[string][]appended{}
		for round := range c.Rounds + 1 { // the first warms up
			order := []string{"ledger", "group-commit"}
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, name := range order {
				progress(s, "%s: round %d of %d, %s", kind.name, round, c.Rounds, name)
				run := c.appendLedger
				if name == "group-commit" {
					run = c.appendBare
				}
				one, err := run(s.ctx, filepath.Join(dir, "append"), kind.writers, kind.size)
				if err = errors.Join(err, os.RemoveAll(filepath.Join(dir, "append"))); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", kind.name, name, err)
				}
				if round > 0 {
					runs[name] = append(runs[name], one)
				}
			}
		}
		for _, name := range []string{"ledger", "group-commit"} {
			for _, m := range []struct {
				name, unit string
				of         func(appended) float64
			}{
				{"", "appends/s", func(a appended) float64 { return a.perSecond }},
				{"/p50", "µs", func(a appended) float64 { return a.p50 }},
				{"/p99", "µs", func(a appended) float64 { return a.p99 }},
				{"/cpu", "µs/append", func(a appended) float64 { return a.cpu }},
			} {
				one := measurement{Name: kind.name + m.name, Value: medianOf(runs[name], m.of), Unit: m.unit}
				if name == "ledger" {
					one.Against, one.Ratio = "group-commit", one.Value/medianOf(runs["group-commit"], m.of)
				} else {
					one.Name = kind.name + "/group-commit" + m.name
				}
				all = append(all, one)
			}
		}
	}
	progress(s, "")
	return all, nil
}

func medianOf[T any](all []T, of func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, one := range all {
		values[i] = of(one)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// progress shows one line in the place of the one before; none where text is empty.
func progress(s *streams, format string, args ...any) {
	fmt.Fprintf(s.err, "\r\033[K"+format, args...)
}

// benchEntry gives an entry of about n encoded bytes, of the kind that fills a log.
func benchEntry(n int) (*ledger.Entry, error) {
	e := &ledger.Entry{
		Kind: ledger.Release, Time: time.Unix(1<<30, 0), Node: "bench", Exchange: weir.ExchangeID{1}, Credential: "key:4f1e88aa",
		Principal: "support-7", PrincipalKind: weir.Staff, Role: "support", Issuer: "sso", Network: "office", Door: "inbound",
		Route: "customer", Purpose: "support", Policy: "sha256:0123456789ab", Read: 65536,
		Actions: []ledger.Count{{Class: "contact.email", Action: weir.Mask, N: 1}, {Class: "person.name", Action: weir.Allow, N: 1}},
	}
	for {
		e.Subjects = append(e.Subjects, ledger.Taken{Subject: weir.Subject{byte(len(e.Subjects)), 1}, Lanes: 1})
		if b, err := e.AppendTo(nil); err != nil || len(b) >= n {
			return e, err
		}
	}
}

// appendLedger measures appends to a new log in dir.
func (c *benchLedgerCommand) appendLedger(ctx context.Context, dir string, writers, size int) (appended, error) {
	key, _, err := ledger.GenerateKey("bench.example.com/ledger")
	if err != nil {
		return appended{}, err
	}
	log, err := ledger.Create(dir, ledger.Options{Key: key})
	if err != nil {
		return appended{}, err
	}
	entries := make([]*ledger.Entry, writers)
	for i := range entries {
		if entries[i], err = benchEntry(size); err != nil {
			return appended{}, errors.Join(err, log.Close())
		}
	}
	return c.drive(ctx, writers, log.Run, func(writer int) error {
		entries[writer].Time = time.Time{}
		_, err := log.Append(ctx, entries[writer])
		return err
	})
}

// appendBare measures the same number of bytes in a bare group commit.
func (c *benchLedgerCommand) appendBare(ctx context.Context, dir string, writers, size int) (appended, error) {
	e, err := benchEntry(size)
	if err != nil {
		return appended{}, err
	}
	const frameHead = 8 // what the ledger puts before an entry
	payload, err := e.AppendTo(make([]byte, frameHead))
	if err != nil {
		return appended{}, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return appended{}, err
	}
	log, err := newBareCommit(filepath.Join(dir, "bare"))
	if err != nil {
		return appended{}, err
	}
	return c.drive(ctx, writers, log.run, func(int) error { return log.append(payload) })
}

// drive calls append from all writers for a while, beside run, and measures.
func (c *benchLedgerCommand) drive(ctx context.Context, writers int, run func(context.Context) error, append_ func(writer int) error) (appended, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- run(running) }()
	times := make([][]time.Duration, writers)
	errs := make([]error, writers)
	before, began := ownTime(), time.Now()
	end := began.Add(c.Duration)
	var wg sync.WaitGroup
	for w := range writers {
		times[w] = make([]time.Duration, 0, 4096)
		wg.Go(func() {
			for sent := began; sent.Before(end) && ctx.Err() == nil; {
				if errs[w] = append_(w); errs[w] != nil {
					return
				}
				now := time.Now()
				times[w] = append(times[w], now.Sub(sent))
				sent = now
			}
		})
	}
	wg.Wait()
	spent, used := time.Since(began), ownTime()-before
	stop()
	if err := errors.Join(append(errs, <-ended, ctx.Err())...); err != nil {
		return appended{}, err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return appended{
		perSecond: float64(len(all)) / spent.Seconds(),
		p50:       us(all[len(all)/2]), p99: us(all[len(all)*99/100]),
		cpu: us(used) / float64(len(all)),
	}, nil
}

// longLog measures what depends on the length of a log.
func (c *benchLedgerCommand) longLog(s *streams, dir string) ([]measurement, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	key, secret, err := ledger.GenerateKey("bench.example.com/ledger")
	if err != nil {
		return nil, err
	}
	logDir, keyPath := filepath.Join(dir, "long"), filepath.Join(dir, "key")
	if err := os.WriteFile(keyPath, []byte(secret), 0o600); err != nil {
		return nil, err
	}
	progress(s, "filling a log of %d entries", c.Entries)
	began := time.Now()
	memory, err := killedWhenFilled(s, self, "bench", "fill", "--key", keyPath, "--entries", strconv.FormatInt(c.Entries, 10), logDir)
	if err != nil {
		return nil, err
	}
	n := float64(c.Entries)
	all := []measurement{
		{Name: "fill", Value: n / time.Since(began).Seconds(), Unit: "entries/s"},
		{Name: "fill/memory", Value: memory, Unit: "MiB"},
	}

	progress(s, "opening it")
	began = time.Now()
	log, err := ledger.Open(logDir, ledger.Options{Key: key})
	if err != nil {
		return nil, err
	}
	all = append(all, measurement{Name: "open", Value: time.Since(began).Seconds(), Unit: "s"})
	n = float64(log.Status().Entries) // some came between the last count and the end
	// An end in order signs what the killed process had not signed.
	ended, stop := context.WithCancel(s.ctx)
	stop()
	if err := log.Run(ended); err != nil {
		return nil, err
	}

	verified, err := c.verify(s, self, logDir, n)
	if err != nil {
		return nil, err
	}
	proved, err := prove(s, logDir)
	progress(s, "")
	return append(append(all, verified...), proved), err
}

// verify runs the verification of a log of n entries in processes of their own, in
// turn with what it cannot do without.
func (c *benchLedgerCommand) verify(s *streams, self, dir string, n float64) (all []measurement, err error) {
	type verification struct{ clock, core, hashing, memory float64 }
	var runs []verification
	for round := range c.Rounds {
		progress(s, "verifying it: round %d of %d", round+1, c.Rounds)
		began := time.Now()
		cmd := exec.CommandContext(s.ctx, self, "ledger", "verify", dir)
		var told strings.Builder
		cmd.Stdout, cmd.Stderr = &told, &told
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		memory := 0.0
		for running := true; running; {
			memory = max(memory, mostMemory(cmd.Process.Pid))
			select {
			case err = <-ended:
				running = false
			case <-time.After(10 * time.Millisecond):
			}
		}
		if err != nil {
			return nil, fmt.Errorf("verify: %w\n%s", err, told.String())
		}
		spent := time.Since(began)
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		floor, err := hashing(dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, verification{n / spent.Seconds(), n / used.Seconds(), n / floor.Seconds(), memory})
	}
	core := medianOf(runs, func(v verification) float64 { return v.core })
	floor := medianOf(runs, func(v verification) float64 { return v.hashing })
	return []measurement{
		{Name: "verify", Value: medianOf(runs, func(v verification) float64 { return v.clock }), Unit: "entries/s"},
		{Name: "verify/core", Value: core, Unit: "entries/s", Against: "hashing", Ratio: core / floor},
		{Name: "verify/hashing", Value: floor, Unit: "entries/s"},
		{Name: "verify/memory", Value: medianOf(runs, func(v verification) float64 { return v.memory }), Unit: "MiB"},
	}, nil
}

// hashing reads the segments in dir and hashes as many leaves and nodes as a
// Merkle tree over them has, as if all entries had 300 bytes; it gives the
// processor time of that.
func hashing(dir string) (time.Duration, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 308*800)
	before := ownTime()
	var node [65]byte
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		for {
			k, err := io.ReadFull(f, buf)
			for b := buf[:k]; len(b) >= 308; b = b[308:] {
				leaf := sha256.Sum256(b[7:308])
				copy(node[1:], leaf[:])
				leaf = sha256.Sum256(node[:])
				copy(node[33:], leaf[:])
			}
			if err != nil {
				break
			}
		}
		if err := f.Close(); err != nil {
			return 0, err
		}
	}
	return ownTime() - before, nil
}

// ownTime gives the processor time that this process has used.
func ownTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// prove measures proofs of entries all over the log.
func prove(s *streams, dir string) (measurement, error) {
	progress(s, "proving entries of it")
	tree, err := ledger.OpenTree(dir, "")
	if err != nil {
		return measurement{}, err
	}
	c, _, err := tree.Checkpoint()
	if err != nil {
		return measurement{}, err
	}
	times := make([]time.Duration, 1000)
	for i := range times {
		began := time.Now()
		if _, err := tree.ProveInclusion(rand.Int64N(c.Size), c.Size); err != nil {
			return measurement{}, err
		}
		times[i] = time.Since(began)
	}
	return measurement{Name: "prove", Value: medianOf(times, func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }), Unit: "µs"}, nil
}

// killedWhenFilled runs a program until it says "filled", ends it by SIGKILL and
// gives the most memory that it had held, in MiB.
func killedWhenFilled(s *streams, args ...string) (memory float64, err error) {
	cmd := exec.CommandContext(s.ctx, args[0], args[1:]...)
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	word := make([]byte, len("filled\n"))
	_, rerr := io.ReadFull(out, word)
	memory = mostMemory(cmd.Process.Pid)
	_ = cmd.Process.Kill()
	werr := cmd.Wait()
	if s.ctx.Err() != nil {
		return 0, s.ctx.Err()
	}
	if rerr != nil || string(word) != "filled\n" {
		return 0, fmt.Errorf("fill a log: %w\n%s", werr, told.String())
	}
	return memory, nil
}

// mostMemory gives the most memory that a process has held, in MiB, from proc(5):
// VmHWM of status, in KiB. Zero where there is no /proc. (What the kernel tells at
// the end of a process counts the one that started it, too.)
func mostMemory(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}

type benchFillCommand struct {
	Dir     string `arg:"" type:"path"`
	Key     string `required:"" type:"existingfile"`
	Entries int64  `required:""`
}

// Run makes a log, says when it has the entries, and goes on until it is ended.
func (c *benchFillCommand) Run(s *streams) error {
	secret, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	key, err := ledger.ParseKey(string(secret))
	if err != nil {
		return err
	}
	log, err := ledger.Create(c.Dir, ledger.Options{Key: key})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	err = func() error {
		batch := make([]*ledger.Entry, 500)
		for i := range batch {
			if batch[i], err = benchEntry(300); err != nil {
				return err
			}
		}
		told := false
		for n := int64(0); ; n += int64(len(batch)) {
			if n >= c.Entries && !told {
				told = true
				fmt.Fprint(s.out, "filled\n")
			}
			for _, e := range batch {
				e.Time = time.Time{}
			}
			if _, err := log.Append(ctx, batch...); err != nil {
				return err
			}
		}
	}()
	stop()
	return errors.Join(err, <-ended)
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir))
		os.Exit(3)
	}
	code := m.Run()
	if code == 0 && all() {
		if err := injected.check(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func TestOneOwner(t *testing.T) {
	dir, o := t.TempDir(), Options{Key: testKey(t)}
	l, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, o); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	if _, err := Create(dir, o); !errors.Is(err, fs.ErrExist) && !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	end := run(t, l)
	if _, err := Open(dir, o); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), entry(1)); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	if _, err := Create(dir, o); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if l, err = Open(dir, o); err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestOpenNeverCreates(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, Options{Key: testKey(t)}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Fatal("it left", names)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
}

func TestCreateRefusesForeignDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letters.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, Options{Key: testKey(t)}); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

// Many writers at once: every receipt names its own entries, in the order within
// a call, one behind the other, and times do not run backwards.
func TestReceiptsAreExact(t *testing.T) {
	dir := t.TempDir()
	l, err := Create(dir, Options{Key: testKey(t), SegmentBytes: 20000, CheckpointEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, l)
	const writers, calls = 16, 30
	var mu sync.Mutex
	want := map[int64]string{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range calls {
				var batch []*Entry
				for j := range 1 + i%4 {
					e := entry(i)
					e.Text = fmt.Sprint(w, i, j)
					e.Time = day.Add(time.Duration(rand.IntN(1000))) // clocks disagree
					batch = append(batch, e)
				}
				r, err := l.Append(t.Context(), batch...)
				if err != nil || r.N() != len(batch) {
					t.Error(r, err)
					return
				}
				mu.Lock()
				for j, e := range batch {
					want[r.Index()+int64(j)] = e.Text
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	var last time.Time
	n := 0
	err = Read(dir, 0, func(i int64, e *Entry) error {
		if want[i] != e.Text || e.Time.Before(last) {
			t.Errorf("entry %d is %q at %v after %v, want %q", i, e.Text, e.Time, last, want[i])
		}
		last = e.Time
		n++
		return nil
	})
	if err != nil || n != len(want) {
		t.Fatal(n, len(want), err)
	}
	if r, err := Verify(dir, VerifyOptions{}); err != nil || r.Checkpoints < 3 {
		t.Fatal(r, err)
	}
}

func TestTimeDoesNotRunBackwardsOverARestart(t *testing.T) {
	for _, frontierKept := range []bool{true, false} {
		d, w := newMemDisk(), newWitness()
		o := Options{Key: w.key, disk: d}
		l, err := Create(faultDir, o)
		if err != nil {
			t.Fatal(err)
		}
		e := entry(1)
		e.Time = day.Add(time.Hour)
		if _, err := l.appendNow(e); err != nil {
			t.Fatal(err)
		}
		if err := l.checkpoint(); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if !frontierKept {
			delete(d.names, faultDir+"/"+frontierFile)
		}
		if l, err = Open(faultDir, o); err != nil {
			t.Fatal(err)
		}
		early := entry(2)
		early.Time = day
		if _, err := l.appendNow(early); err != nil {
			t.Fatal(err)
		}
		if !early.Time.Equal(e.Time) {
			t.Errorf("frontier kept %v: %v was written after %v", frontierKept, early.Time, e.Time)
		}
		l.Close()
	}
}

func TestFollowSeesAllAndWakes(t *testing.T) {
	l, err := Create(t.TempDir(), Options{Key: testKey(t), SegmentBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	for i := range 20 {
		if _, err := l.Append(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan int64, 200)
	ended := make(chan error, 1)
	go func() {
		ended <- l.Follow(ctx, 5, func(i int64, e *Entry) error {
			if e.Actions[0].N != int(i) {
				t.Errorf("entry %d is %d", i, e.Actions[0].N)
			}
			seen <- i
			return nil
		})
	}()
	for want := int64(5); want < 20; want++ {
		if i := <-seen; i != want {
			t.Fatal(i, want)
		}
	}
	for i := 20; i < 60; i++ {
		r, err := l.Append(t.Context(), entry(i))
		if err != nil {
			t.Fatal(err)
		}
		// Nothing but the commit wakes it: were it to poll or to sleep, this
		// would never end.
		if got := <-seen; got != r.Index() {
			t.Fatal(got, r)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	n := 0
	if err := l.Replay(0, func(int64, *Entry) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Fatal(n, err)
	}
	if err := l.Replay(1000, func(int64, *Entry) error { t.Error("beyond the end"); return nil }); err != nil {
		t.Fatal(err)
	}
}

// A reader in another process sees whole entries only, at any time.
func TestReadWhileWriting(t *testing.T) {
	dir := t.TempDir()
	l, err := Create(dir, Options{Key: testKey(t), SegmentBytes: 5000, CheckpointEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, l)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 300 {
			if _, err := l.Append(t.Context(), entry(i), entry(i)); err != nil {
				t.Error(err)
			}
		}
	})
	for before := int64(0); before < 600; {
		n := int64(0)
		if err := Read(dir, 0, func(i int64, e *Entry) error { n = i + 1; return nil }); err != nil || n < before {
			t.Fatal(n, before, err)
		}
		before = n
		if r, err := Verify(dir, VerifyOptions{}); err != nil || r.Entries < n {
			t.Fatal(r, err)
		}
	}
	wg.Wait()
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

// Nobody drains the queue: it fills up to its limit, callers wait, and their
// contexts let them go.
func TestAFullQueueMakesCallersWait(t *testing.T) {
	l, err := Create(t.TempDir(), Options{Key: testKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	big := func() *Entry { return &Entry{Kind: Alert, Text: strings.Repeat("x", 60000)} }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := 0
	for ; ; sent++ {
		if sent == groupLimit/60000 {
			cancel()
		}
		if err := l.Send(ctx, big()); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			break
		}
	}
	if sent > groupLimit/60000+1 {
		t.Fatal("there is no limit", sent)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- l.Send(t.Context(), big()) }()
	end := run(t, l)
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if n := l.Status().Entries; n != int64(sent+1) {
		t.Fatal(n, sent)
	}
}

func TestAppendTakesAllOrNothing(t *testing.T) {
	l, err := Create(t.TempDir(), Options{Key: testKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	for _, bad := range [][]*Entry{nil, {entry(1), {Kind: 0}}, {entry(1), {Kind: Alert, Text: "\xff"}}} {
		if r, err := l.Append(t.Context(), bad...); !errors.Is(err, ErrEntry) || r.Valid() {
			t.Fatal(r, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := l.Append(ctx, entry(1)); err == nil && !r.Valid() || err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(r, err)
	}
	if (Receipt{}).Valid() {
		t.Fatal("the zero receipt is valid")
	}
}

// What was taken before the end of Run is durable and signed after it.
func TestTheEndServesWhoIsIn(t *testing.T) {
	dir := t.TempDir()
	o := Options{Key: testKey(t)}
	l, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := l.Send(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(dir, VerifyOptions{}); err != nil || r.Signed.Size != 10 {
		t.Fatal(r, err)
	}
}

func TestTheTreeIsThatOfTlog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f frontier
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(indexes []int64) (hs []tlog.Hash, err error) {
			for _, i := range indexes {
				hs = append(hs, stored[i])
			}
			return hs, nil
		})
		for n := range rapid.Int64Range(0, 70).Draw(t, "leaves") {
			frame := append(make([]byte, headSize), rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "entry")...)
			hs, err := tlog.StoredHashes(n, frame[headSize:], reader)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, hs...)
			f.push(leafHash(frame))
			if want, _ := tlog.TreeHash(n+1, reader); f.root() != want {
				t.Fatalf("root of %d leaves", n+1)
			}
		}
		if want, _ := tlog.TreeHash(0, reader); (&frontier{}).root() != want {
			t.Fatal("root of the empty tree")
		}
	})
}

func TestNamesAndParties(t *testing.T) {
	seen := map[string]bool{}
	for k := Start; k < endKinds; k++ {
		if s := k.String(); s == "" || strings.Contains(s, "unknown") || seen[s] {
			t.Errorf("kind %d is %q", k, s)
		} else {
			seen[s] = true
		}
	}
	var got []string
	e := full()
	e.Act = []string{"agent-1"}
	for _, p := range e.Parties() {
		got = append(got, p.String())
	}
	want := "credential:key:4f1e principal:support-7 actor:agent-1 role:support issuer:sso network:office deployment"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("\n got %s\nwant %s", s, want)
	}
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// A reading is one run of Follow beside a test.
type reading struct {
	mu    sync.Mutex
	got   []Merged
	told  []string
	saved Positions
	end   func() error
}

func read3(t testing.TB, m Merge, at Positions) *reading {
	t.Helper()
	r := &reading{}
	m.Poll = 10 * time.Millisecond
	m.Save = func(at Positions) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.saved = at
		return nil
	}
	m.Tell = func(name string, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, fmt.Sprint(name, ": ", err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- m.Follow(ctx, at, func(x Merged) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, x)
			return nil
		})
	}()
	r.end = sync.OnceValue(func() error {
		if !m.Once {
			cancel()
		}
		select {
		case err := <-done:
			cancel()
			return err
		case <-time.After(time.Minute):
			cancel()
			t.Error("it does not end")
			return <-done
		}
	})
	t.Cleanup(func() { _ = r.end() })
	return r
}

func (r *reading) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		r.mu.Lock()
		ok := holds()
		r.mu.Unlock()
		if ok {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never: %s; %d entries, told %v", what, len(r.got), r.told)
}

// complete wants every entry of every log once, each log in its order.
func complete(t testing.TB, got []Merged, of []*station) {
	t.Helper()
	next := map[string]int64{}
	for _, x := range got {
		if x.Index != next[x.Name] {
			t.Fatalf("%s: entry %d comes in the place of %d", x.Name, x.Index, next[x.Name])
		}
		next[x.Name]++
	}
	for _, s := range of {
		if n := s.l.Status().Entries; next[s.name] != n {
			t.Errorf("%s: %d of %d entries", s.name, next[s.name], n)
		}
	}
}

// ordered wants what is not late in the order of time.
func ordered(t testing.TB, got []Merged) {
	t.Helper()
	var last time.Time
	for _, x := range got {
		if x.Late != x.Entry.Time.Before(last) {
			t.Fatalf("%s %d: late is %v", x.Name, x.Index, x.Late)
		}
		if !x.Late {
			last = x.Entry.Time
		}
	}
}

func TestThreeLogsAsOneStream(t *testing.T) {
	d := newDeployment(t)
	var all [3][]*Entry
	for i := range 900 { // several bundles, all in the past
		e := entry(i)
		e.Time = day.Add(time.Duration(i) * time.Second)
		all[(i*i+i/7)%3] = append(all[(i*i+i/7)%3], e)
	}
	for i, s := range d.of {
		s.append(t, all[i]...)
	}
	d.round(t)
	r := read3(t, Merge{Sources: d.sources(), Once: true}, nil)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	complete(t, r.got, d.of)
	ordered(t, r.got)
	for i, x := range r.got[:900] {
		if x.Late || x.Entry.N != entry(i).N {
			t.Fatalf("entry %d of the stream is %+v", i, x.Entry)
		}
	}
	// It goes on from where it ended, and across a file.
	at, err := ParsePositions(r.saved.Text())
	if err != nil || len(at) != 3 {
		t.Fatal(at, err)
	}
	d.of[1].append(t, entry(1000))
	d.of[1].signed(t)
	again := read3(t, Merge{Sources: d.sources(), Once: true}, at)
	if err := again.end(); err != nil || len(again.got) != 1 || again.got[0].Name != "node-2" {
		t.Fatal(again.got, err)
	}
	// Directories are followed as addresses are.
	dirs := read3(t, Merge{Sources: []Source{{At: d.of[0].dir}, {At: d.of[1].dir}, {At: d.of[2].dir}}, Once: true}, nil)
	if err := dirs.end(); err != nil || len(dirs.got) != len(r.got)+1 {
		t.Fatal(len(dirs.got), err)
	}
}

// Live: what happens now on three nodes comes out in order though one of them has
// nothing to say, and no later than the bound on skew asks for.
func TestLiveLogsAsOneStream(t *testing.T) {
	d := newDeployment(t)
	r := read3(t, Merge{Sources: d.sources(), Skew: 300 * time.Millisecond}, nil)
	const n = 60
	for i := range n {
		d.of[i%2].append(t, entry(i)) // the third is silent
	}
	r.until(t, "all are given out", func() bool { return len(r.got) == n })
	if err := r.end(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	complete(t, r.got, d.of)
	ordered(t, r.got)
	if at := r.saved["ledger.example.com/node-1"]; at.Next != n/2 || at.Seen.Size < n/2 {
		t.Error(r.saved)
	}
}

// A log that dies is told of and not waited for; when it is back what it has is
// given out, late where it is late, and nothing is lost.
func TestALogDies(t *testing.T) {
	d := newDeployment(t)
	for i, s := range d.of {
		s.append(t, entry(i))
		s.signed(t)
	}
	r := read3(t, Merge{Sources: d.sources(), Skew: 50 * time.Millisecond, Stall: 500 * time.Millisecond}, nil)
	r.until(t, "the first entries are given out", func() bool { return len(r.got) == 3 })
	d.of[2].down.Store(true)
	d.of[2].append(t, entry(100))
	for i := range 20 {
		d.of[i%2].append(t, entry(i))
	}
	r.until(t, "the others go on", func() bool { return len(r.got) == 23 })
	r.until(t, "it is told of", func() bool {
		return slices.ContainsFunc(r.told, func(s string) bool { return strings.HasPrefix(s, "node-3: ledger cannot be read") })
	})
	d.of[2].down.Store(false)
	r.until(t, "it is back", func() bool { return len(r.got) == 24 && slices.Contains(r.told, "node-3: <nil>") })
	if x := r.got[23]; x.Name != "node-3" || !x.Late {
		t.Errorf("%+v", x)
	}
	complete(t, r.got, d.of)
	ordered(t, r.got)
}

// A log that lags is waited for only so long, and nothing of it is lost.
func TestALogLags(t *testing.T) {
	d := newDeployment(t)
	slow := d.sources()
	past := time.Now().Add(-time.Hour)
	var all [2][]*Entry
	for i := range 50 {
		e := entry(i)
		e.Time = past.Add(time.Duration(i) * time.Minute)
		all[i%2] = append(all[i%2], e)
	}
	d.of[0].append(t, all[0]...)
	d.of[1].append(t, all[1]...)
	d.of[2].signed(t)
	r := read3(t, Merge{Sources: slow, Skew: 50 * time.Millisecond}, nil)
	r.until(t, "the first fifty", func() bool { return len(r.got) == 50 })
	// Its clock is half an hour behind.
	e := entry(7)
	e.Time = past.Add(30 * time.Minute)
	d.of[2].append(t, e)
	r.until(t, "the late one", func() bool { return len(r.got) == 51 })
	if x := r.got[50]; !x.Late || x.Name != "node-3" {
		t.Errorf("%+v", x)
	}
	complete(t, r.got, d.of)
	ordered(t, r.got)
}

// A log that forks, while it is followed, since it was, or as others have seen
// it, ends the stream.
func TestALogForks(t *testing.T) {
	grown := func(t *testing.T) *deployment {
		d := newDeployment(t)
		for i := range 30 {
			d.of[i%3].append(t, entry(i))
		}
		for _, s := range d.of {
			s.signed(t)
		}
		return d
	}
	split := func(t *testing.T, err error, old int64) {
		t.Helper()
		var s *SplitView
		if !errors.As(err, &s) || s.Origin != "ledger.example.com/node-2" || old > 0 && s.Old.Size != old {
			t.Fatalf("%v, %+v", err, s)
		}
	}
	t.Run("while it is followed", func(t *testing.T) {
		d := grown(t)
		r := read3(t, Merge{Sources: d.sources(), Skew: 20 * time.Millisecond, Stall: time.Hour}, nil)
		r.until(t, "all are given out", func() bool { return len(r.got) == 30 })
		d.of[1].rewrite(t, 20)
		ended := make(chan error, 1)
		go func() {
			time.Sleep(200 * time.Millisecond)
			ended <- r.end()
		}()
		split(t, <-ended, 10)
	})
	t.Run("since it was", func(t *testing.T) {
		d := grown(t)
		r := read3(t, Merge{Sources: d.sources(), Once: true}, nil)
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		d.of[1].rewrite(t, 20)
		again := read3(t, Merge{Sources: d.sources(), Once: true}, r.saved)
		split(t, again.end(), 10)
		d.of[1].rewrite(t, 5)
		again = read3(t, Merge{Sources: d.sources(), Once: true}, r.saved)
		split(t, again.end(), 10)
	})
	t.Run("as others have seen it", func(t *testing.T) {
		d := grown(t)
		d.round(t)
		d.of[1].rewrite(t, 50)
		r := read3(t, Merge{Sources: d.sources(), Skew: 20 * time.Millisecond}, nil)
		ended := make(chan error, 1)
		go func() {
			time.Sleep(500 * time.Millisecond)
			ended <- r.end()
		}()
		split(t, <-ended, 0)
	})
	t.Run("entries that were not signed", func(t *testing.T) {
		d := grown(t)
		s := d.sources()
		p, err := s[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.from = &liar{p.from}
		if _, err := p.Entries(t.Context(), 0, 10, func(int64, *Entry) error { return nil }); !errors.Is(err, ErrUnreachable) {
			t.Fatal(err)
		}
	})
	t.Run("another key", func(t *testing.T) {
		d := grown(t)
		s := d.sources()
		s[1].Keys = []string{must(GenerateKey("ledger.example.com/node-2")).Verifier()}
		r := read3(t, Merge{Sources: s, Once: true}, nil)
		if err := r.end(); !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
		s[1].Keys = nil
		if err := (Merge{Sources: s}).Follow(t.Context(), nil, nil); !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
	})
}

// A liar changes one bit of the entries.
type liar struct{ fetcher }

func (l *liar) tile(ctx context.Context, tile tlog.Tile) ([]byte, error) {
	b, err := l.fetcher.tile(ctx, tile)
	if tile.L < 0 && err == nil {
		b[len(b)/2] ^= 1
	}
	return b, err
}

// The stream of any logs holds every entry once, and where each log was read
// before, in the order of time.
func TestMergedInOrder(t *testing.T) {
	d := newDeployment(t)
	at, runs := day, 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; runs > 12 {
			return // each waits for checkpoints
		}
		var all [3][]*Entry
		for range rapid.IntRange(1, 300).Draw(rt, "entries") {
			at = at.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "pause")) * time.Millisecond)
			i := rapid.IntRange(0, 2).Draw(rt, "log")
			all[i] = append(all[i], &Entry{Kind: Staff, Time: at})
		}
		for i, s := range d.of {
			if len(all[i]) > 0 {
				s.append(t, all[i]...)
			}
			s.signed(t)
		}
		r := read3(t, Merge{Sources: d.sources(), Once: true}, nil)
		if err := r.end(); err != nil {
			rt.Fatal(err)
		}
		complete(t, r.got, d.of)
		for _, x := range r.got {
			if x.Late {
				rt.Fatalf("%+v", x)
			}
		}
		ordered(t, r.got)
	})
}

func FuzzPositions(f *testing.F) {
	f.Add(Positions{"a.example/1": {Next: 3, Seen: Checkpoint{Size: 5}}, "b": {}}.Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		at, err := ParsePositions(b)
		if err != nil {
			return
		}
		if again, err := ParsePositions(at.Text()); err != nil || !reflect.DeepEqual(at, again) {
			t.Fatal(again, err)
		}
	})
}

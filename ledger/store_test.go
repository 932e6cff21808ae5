package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// liveWith is live with a store: every receipt is for what both have.
func (w *witness) liveWith(t *testing.T, d *memDisk, s *MemStore, serial *int) error {
	o := Options{Key: w.key, SegmentBytes: 700, disk: d}
	l, err := Open(faultDir, o)
	if isMissing(err) {
		l, err = Create(faultDir, o)
	}
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Attach(t.Context(), s, AttachOptions{Patience: 20 * time.Second}); err != nil {
		return err
	}
	var first error
	for i := range 5 {
		var batch []*Entry
		for range 1 + i%3 {
			*serial++
			e := entry(*serial)
			e.N = *serial
			batch = append(batch, e)
		}
		r, err := l.appendNow(batch...)
		if err == nil && first != nil {
			t.Fatalf("a receipt after %v", first)
		}
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		for j, e := range batch {
			w.acked[r.Index()+int64(j)] = e.N
		}
		if l.copierStatus().Entries != l.tree.size {
			t.Fatalf("a receipt for entry %d, the store has %d", l.tree.size, l.copierStatus().Entries)
		}
		if i%2 == 1 && first == nil {
			first = l.checkpoint()
		}
	}
	if first == nil {
		first = l.checkpoint()
	}
	if first == nil {
		l.copier.flush()
	}
	return first
}

func (l *Log) copierStatus() StoreStatus { return l.Status().Store }

// judgeStore holds disk and store to one another, after an orderly end.
func (w *witness) judgeStore(t *testing.T, d *memDisk, s *MemStore) {
	t.Helper()
	w.judge(t, d)
	kept := s.logs[w.key.Origin()]
	l, err := Open(faultDir, Options{Key: w.key, SegmentBytes: 700, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if is := (CopyHead{l.tree.size, l.tree.root()}); is != kept.head {
		t.Fatalf("the disk has %d entries, the store %d, or others", is.Size, kept.head.Size)
	}
}

// TestEveryFaultWithStore is TestEveryFault with a store: every batch put
// into the store goes wrong in every way, and every call to the disk beside it; what is left of the
// disk is some of it, or nothing at all. The log comes back to where the store
// is, by itself where a crash may have made the difference, by Rebuild where the
// disk is gone, and no receipt was for less than both.
func TestEveryFaultWithStore(t *testing.T) {
	probe := newMemDisk()
	w, serial := newWitness(), 0
	store := &MemStore{Disk: probe}
	for range 2 {
		if err := w.liveWith(t, probe, store, &serial); err != nil {
			t.Fatal(err)
		}
	}
	w.judgeStore(t, probe, store)
	puts := 0
	for _, c := range probe.calls {
		if c == "put into store" {
			puts++
		}
	}
	if puts < 10 {
		t.Fatalf("the store was asked %d times", puts)
	}
	var fetched atomic.Int64
	t.Cleanup(func() {
		if fetched.Load() == 0 {
			t.Error("no fault left the store ahead of the disk: the test has lost a subject")
		}
	})
	for at := 1; at <= len(probe.calls); at++ {
		// The disk alone is TestEveryFault's. Here it fails beside the store.
		hows, afters := []fault{shortly, killedAfter}, []string{"some", "nothing"}
		if probe.calls[at-1] == "put into store" {
			hows, afters = []fault{failed, butDone, killed, killedAfter}, []string{"process", "none", "some", "nothing"}
		}
		for _, how := range hows {
			for try, survives := range afters {
				name := fmt.Sprintf("call %d, %s, %v, then %s", at, probe.calls[at-1], how, survives)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					fetched.Add(faultWithStore(t, at, how, survives, uint64(at*100+try)))
				})
			}
		}
	}
}

func faultWithStore(t *testing.T, at int, how fault, survives string, seed uint64) (fetched int64) {
	dice := rand.New(rand.NewPCG(seed, uint64(how)))
	d, w, serial := newMemDisk(), newWitness(), 0
	s := &MemStore{Disk: d}
	d.at, d.how = at, how
	if how == shortly {
		// The store is the faster of the two.
		s.Disk = nil
		d.pause = func() {
			for size, n := s.size(), 0; s.size() == size && n < 20; n++ {
				time.Sleep(time.Millisecond)
			}
		}
	}
	for range 3 {
		err := w.liveWith(t, d, s, &serial)
		if len(d.calls) >= at || s.Disk == nil && err != nil {
			break
		}
		if err != nil {
			t.Fatalf("before the fault: %v", err)
		}
	}
	s.Disk, d.pause = d, nil
	switch survives {
	case "process":
		d.restartProcess()
	case "nothing":
		for name := range d.names {
			delete(d.names, name)
			delete(d.durable, name)
		}
		d.pending = nil
		d.restart()
		if kept := s.logs[w.key.Origin()]; kept != nil && kept.head.Size > 0 {
			r, err := Rebuild(t.Context(), faultDir, Options{Key: w.key, SegmentBytes: 700, disk: d}, s, RebuildOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Head != kept.head {
				t.Fatalf("%+v is not %+v", r.Head, kept.head)
			}
		}
		d.powerLoss("none", dice)
	default:
		d.powerLoss(survives, dice)
	}
	onDisk := int64(0)
	if l, err := Open(faultDir, Options{Key: w.key, SegmentBytes: 700, disk: d}); err == nil {
		onDisk = l.tree.size
		l.Close()
	}
	if kept := s.logs[w.key.Origin()]; kept != nil && kept.head.Size > onDisk {
		fetched = 1
	}
	for life := range 2 {
		if err := w.liveWith(t, d, s, &serial); err != nil {
			t.Fatalf("life %d after the fault: %v", life, err)
		}
		if _, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w}); err != nil {
			t.Fatal(err)
		}
		d.powerLoss("none", dice)
		w.judgeStore(t, d, s)
	}
	return fetched
}

// TestRebuildIsInterruptedAnywhere: every fault at every call of a Rebuild leaves
// no log that looks whole, and the next Rebuild makes it.
func TestRebuildIsInterruptedAnywhere(t *testing.T) {
	w, serial := newWitness(), 0
	s := &MemStore{}
	for range 2 {
		d := newMemDisk()
		if serial > 0 {
			if _, err := Rebuild(t.Context(), faultDir, Options{Key: w.key, SegmentBytes: 700, disk: d}, s, RebuildOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.liveWith(t, d, s, &serial); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Key: w.key, SegmentBytes: 700}
	calls := 1 << 30
	for at := 0; at <= calls; at++ {
		for _, how := range []fault{shortly, butDone, killedAfter} {
			for _, survives := range []string{"process", "some"} {
				d := newMemDisk()
				d.at, d.how, o.disk = at, how, d
				_, err := Rebuild(t.Context(), faultDir, o, s, RebuildOptions{})
				if at == 0 {
					calls = len(d.calls)
				}
				if at > 0 && err == nil {
					t.Fatalf("call %d of %d, %v: the fault went unnoticed", at, calls, how)
				}
				if survives == "process" {
					d.restartProcess()
				} else {
					d.powerLoss(survives, rand.New(rand.NewPCG(uint64(at), uint64(how))))
				}
				if l, err := Open(faultDir, o); err == nil {
					if l.tree.size != s.logs[w.key.Origin()].head.Size {
						t.Fatalf("call %d, %v, %s: a log of %d entries looks whole", at, how, survives, l.tree.size)
					}
					l.Close()
				} else if _, err := Rebuild(t.Context(), faultDir, o, s, RebuildOptions{}); err != nil {
					t.Fatalf("call %d, %v, %s: %v", at, how, survives, err)
				}
				w.judgeStore(t, d, s)
			}
		}
	}
}

// attached makes a log with a store and n entries in it.
func attached(t *testing.T, w *witness, s Store, n int) (*memDisk, *Log) {
	t.Helper()
	d := newMemDisk()
	l, err := Create(faultDir, Options{Key: w.key, SegmentBytes: 700, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Attach(t.Context(), s, AttachOptions{Patience: 300 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := l.appendNow(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	return d, l
}

func TestAttachRefuses(t *testing.T) {
	w, s := newWitness(), &MemStore{}
	d, l := attached(t, w, s, 4)
	if err := l.Attach(t.Context(), s, AttachOptions{}); err == nil {
		t.Error("attached twice")
	}
	l.Close()
	old := newMemDisk()
	for name, m := range d.names {
		old.names[name] = &memFile{seen: append([]byte{}, m.seen...)}
	}
	o := Options{Key: w.key, SegmentBytes: 700, disk: d}
	if l, _ = Open(faultDir, o); l == nil {
		t.Fatal("not opened")
	}
	if err := l.Attach(t.Context(), s, AttachOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := l.appendNow(entry(10 + i)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	// An older copy of the directory.
	o.disk = old
	if l, _ = Open(faultDir, o); l == nil {
		t.Fatal("not opened")
	}
	if err := l.Attach(t.Context(), s, AttachOptions{}); !errors.Is(err, ErrRolledBack) {
		t.Error(err)
	}
	l.Close()
	// Another log of that name, shorter and longer.
	for _, n := range []int{2, 7, 12} {
		d := newMemDisk()
		l, err := Create(faultDir, Options{Key: w.key, disk: d})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if _, err := l.appendNow(entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		err = l.Attach(t.Context(), s, AttachOptions{})
		if want := ErrForked; n >= 7 && !errors.Is(err, want) || n < 7 && !errors.Is(err, ErrRolledBack) {
			t.Errorf("%d entries: %v", n, err)
		}
		l.Close()
	}
}

// A second process takes over; the first gives no further receipt and stops.
func TestFencedStops(t *testing.T) {
	w, s := newWitness(), &MemStore{}
	_, l := attached(t, w, s, 2)
	if _, err := s.Claim(t.Context(), w.key.Origin()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.appendNow(entry(3)); !errors.Is(err, ErrStopped) || !errors.Is(err, ErrFenced) {
		t.Fatal(err)
	}
	if l.Status().Entries != 2 {
		t.Fatal("what the store has not is in sight")
	}
	l.Close()
}

// A store that is away for less than patience costs a wait, one that is away for
// longer the log; the status says which.
func TestStoreAway(t *testing.T) {
	w, s := newWitness(), &MemStore{}
	d, l := attached(t, w, s, 2)
	away := &awayStore{Copy: l.copier.copy, fail: 3}
	l.copier.copy = away
	if _, err := l.appendNow(entry(3)); err != nil {
		t.Fatal(err)
	}
	if st := l.Status().Store; !st.On || st.Err != nil || st.Entries != 3 {
		t.Fatalf("%+v", st)
	}
	away.fail = 1 << 30
	if r, err := l.appendNow(entry(4)); !errors.Is(err, ErrStopped) || !errors.Is(err, ErrNoAnswer) || r.Valid() {
		t.Fatal(err)
	}
	if st := l.Status(); st.Store.Err == nil || st.Store.Away.IsZero() || st.Entries != 3 {
		t.Fatalf("%+v", st)
	}
	l.Close()
	d.restartProcess()
	// It is on the disk, without a receipt; the next start gives it to the store.
	l, err := Open(faultDir, Options{Key: w.key, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Attach(t.Context(), s, AttachOptions{}); err != nil {
		t.Fatal(err)
	}
	if st := l.Status(); st.Entries != 4 || st.Store.Entries != 4 {
		t.Fatalf("%+v", st)
	}
	l.Close()
}

type awayStore struct {
	Copy
	fail int
}

func (s *awayStore) Put(ctx context.Context, b *Batch, notes []Note) error {
	if s.fail > 0 {
		s.fail--
		return ErrNoAnswer
	}
	return s.Copy.Put(ctx, b, notes)
}

// TestRebuildRefusesWhatWasChanged: whatever somebody who can write to the store
// changes there is found.
func TestRebuildRefusesWhatWasChanged(t *testing.T) {
	fill := func(t *testing.T) (*witness, *MemStore, *memLog) {
		w, s := newWitness(), &MemStore{}
		_, l := attached(t, w, s, 5)
		if err := l.checkpoint(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.appendNow(entry(6), entry(7)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.appendNow(entry(8)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		return w, s, s.logs[w.key.Origin()]
	}
	for name, change := range map[string]func(l *memLog){
		"nothing":                       nil,
		"a byte of a signed entry":      func(l *memLog) { l.batches[2].Frames[30] ^= 1 },
		"a byte of an unsigned entry":   func(l *memLog) { l.batches[6].Frames[30] ^= 1 },
		"a missing batch":               func(l *memLog) { l.batches = append(l.batches[:3:3], l.batches[4:]...) },
		"a missing first batch":         func(l *memLog) { l.batches = l.batches[1:] },
		"a missing last batch":          func(l *memLog) { l.batches = l.batches[:6] },
		"two batches in other order":    func(l *memLog) { l.batches[1], l.batches[2] = l.batches[2], l.batches[1] },
		"the signature of a late batch": func(l *memLog) { l.batches[6].Signature[3] ^= 1 },
		"the root of the head":          func(l *memLog) { l.head.Root[0] ^= 1 },
		"the size of the head":          func(l *memLog) { l.head.Size-- },
		"a checkpoint":                  func(l *memLog) { l.notes[1][40] ^= 1 },
		"a batch of another key": func(l *memLog) {
			w := newWitness()
			_, other := attached(t, w, &MemStore{}, 0)
			other.tree = frontier{}
			b := l.batches[6]
			b.N, b.First = 1, 8
			l.batches = append(l.batches, b)
			l.head.Size = 9
			other.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, kept := fill(t)
			if change != nil {
				change(kept)
			}
			d := newMemDisk()
			_, err := Rebuild(t.Context(), faultDir, Options{Key: w.key, disk: d}, s, RebuildOptions{})
			if (err == nil) != (change == nil) {
				t.Fatal(err)
			}
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not ErrDamaged", err)
			}
			if _, oerr := Open(faultDir, Options{Key: w.key, disk: d}); (oerr == nil) != (err == nil) {
				t.Errorf("opening what was made: %v", oerr)
			}
		})
	}
}

// A log that has changed its key is made anew with all its keys, for whoever
// believes any of them; also where the change was not signed yet when the disk
// was lost.
func TestRebuildAfterAChangeOfKeys(t *testing.T) {
	var keys []Key
	for range 3 {
		k, _, err := GenerateKey("ledger.example.com/node-1")
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	s := &MemStore{}
	dir := filepath.Join(t.TempDir(), "ledger")
	o := Options{Key: keys[0], CheckpointEvery: 10 * time.Millisecond}
	l, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Attach(t.Context(), s, AttachOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	for i := range 3 {
		if i > 0 {
			if _, err := l.Rotate(ctx, keys[i], time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		for j := range 4 {
			if _, err := l.Append(ctx, entry(10*i+j)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	want := l.Status().Entries
	for name, o := range map[string]Options{
		"the newest key":        {Key: keys[2]},
		"all, the oldest first": {Key: keys[0], Others: keys[1:]},
	} {
		again := filepath.Join(t.TempDir(), "again")
		r, err := Rebuild(t.Context(), again, o, s, RebuildOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, k := range keys {
			report, err := Verify(again, VerifyOptions{Key: k.Verifier()})
			if err != nil || report.Entries != want || r.Head.Size != want || report.Signed.Size != want {
				t.Errorf("%s, to whoever believes key %d: %v, %v", name, i, report, err)
			}
		}
		l, err := Open(again, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Attach(t.Context(), s, AttachOptions{}); err != nil {
			t.Error(err)
		}
		l.Close()
	}
	stranger, _, err := GenerateKey("ledger.example.com/node-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Rebuild(t.Context(), filepath.Join(t.TempDir(), "no"), Options{Key: stranger}, s, RebuildOptions{}); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	// The disk is lost after the entry and before anything that both keys signed.
	kept := s.logs[keys[0].Origin()]
	changed := kept.batches[len(kept.batches)-1]
	for i := len(kept.sizes) - 1; kept.sizes[i] >= changed.First; i-- {
		kept.notes, kept.sizes = kept.notes[:i], kept.sizes[:i]
	}
	again := filepath.Join(t.TempDir(), "again")
	if _, err := Rebuild(t.Context(), again, Options{Key: keys[2], Others: keys[:2]}, s, RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestRebuildRefusesWhatExists(t *testing.T) {
	w, s := newWitness(), &MemStore{}
	d, l := attached(t, w, s, 2)
	l.Close()
	if _, err := Rebuild(t.Context(), faultDir, Options{Key: w.key, disk: d}, s, RebuildOptions{}); err == nil {
		t.Error("made over a log that is there")
	}
	if _, err := Rebuild(t.Context(), filepath.Join(t.TempDir(), "none"), Options{Key: w.key}, &MemStore{}, RebuildOptions{}); err == nil {
		t.Error("made of nothing")
	}
}

// FuzzBatch: nothing that a store may give is read as something else than what
// was written, nor ends the program.
func FuzzBatch(f *testing.F) {
	w, s := newWitness(), &MemStore{}
	d := newMemDisk()
	l, err := Create(faultDir, Options{Key: w.key, disk: d})
	if err != nil {
		f.Fatal(err)
	}
	if err := l.Attach(f.Context(), s, AttachOptions{}); err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		if _, err := l.appendNow(entry(i), entry(i+1)); err != nil {
			f.Fatal(err)
		}
	}
	good := s.logs[w.key.Origin()].batches
	for _, b := range good {
		f.Add(b.First, b.N, b.Frames, b.Root[:])
	}
	f.Add(int64(2), 2, good[1].Frames[:20], good[1].Root[:])
	f.Add(int64(-1), 1<<31, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, first int64, n int, frames, root []byte) {
		b := Batch{First: first, N: n, Frames: frames}
		copy(b.Root[:], root)
		var tree frontier
		for _, g := range good[:1] {
			if _, _, _, err := g.read(&tree, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		fresh, k, _, err := b.read(&tree, time.Time{})
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if tree.root() != b.Root || tree.size != first+int64(n) || k < 1 || len(fresh) > len(frames) {
			t.Fatalf("%d entries of %d bytes were taken", k, len(fresh))
		}
	})
}

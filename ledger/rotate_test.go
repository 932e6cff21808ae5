package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func newKey(t testing.TB) Key {
	t.Helper()
	k, _, err := GenerateKey("ledger.example.com/rotated")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rotateNow does what Rotate does while Run runs, in one goroutine.
func (l *Log) rotateNow(next Key, until time.Time) (int64, error) {
	if err := l.fits(next); err != nil {
		return 0, err
	}
	turn := &turn{to: next}
	_, g, err := l.admit(context.Background(), []*Entry{{Kind: KeyChange, Rule: Rotated, Until: until, Keys: KeyPair{l.keys().last().text, next.public}}}, turn)
	if err != nil {
		return 0, err
	}
	l.commit()
	<-g.done
	return turn.index, g.err
}

// A rotated log has had three keys: the first overlaps with the second until a
// day has passed, the second not with the third.
type rotatedLog struct {
	disk  *memDisk
	keys  []Key
	clock time.Time
	l     *Log
	notes map[int64][]byte // by size
	at    []int64          // the entries that changed the key
}

func (x *rotatedLog) options() Options {
	return Options{Key: x.keys[0], Others: x.keys[1:], SegmentBytes: 4000, disk: x.disk, now: func() time.Time { return x.clock }}
}

func (x *rotatedLog) grow(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		x.clock = x.clock.Add(3 * time.Hour)
		if _, err := x.l.appendNow(entry(i)); err != nil {
			t.Fatal(err)
		}
		if err := x.l.checkpoint(); err != nil {
			t.Fatal(err)
		}
		c, msg, err := x.l.Tree().Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		x.notes[c.Size] = bytes.Clone(msg)
	}
}

func (x *rotatedLog) rotate(t testing.TB, overlap time.Duration) {
	t.Helper()
	next := newKey(t)
	var until time.Time
	if overlap > 0 {
		until = x.clock.Add(overlap)
	}
	index, err := x.l.rotateNow(next, until)
	if err != nil {
		t.Fatal(err)
	}
	x.keys, x.at = append(x.keys, next), append(x.at, index)
	_, msg, _ := x.l.Tree().Checkpoint()
	x.notes[index+1] = bytes.Clone(msg)
}

func newRotatedLog(t testing.TB) *rotatedLog {
	t.Helper()
	x := &rotatedLog{disk: newMemDisk(), keys: []Key{newKey(t)}, clock: day, notes: map[int64][]byte{}}
	var err error
	if x.l, err = Create(faultDir, x.options()); err != nil {
		t.Fatal(err)
	}
	x.grow(t, 5)
	x.rotate(t, 24*time.Hour) // entry 5
	x.grow(t, 12)
	x.rotate(t, 0) // entry 18
	x.grow(t, 5)
	return x
}

func (x *rotatedLog) reopen(t testing.TB) {
	t.Helper()
	if err := x.l.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if x.l, err = Open(faultDir, x.options()); err != nil {
		t.Fatal(err)
	}
}

// by tells which of the log's keys have signed a note.
func (x *rotatedLog) by(t testing.TB, msg []byte) (by []int) {
	t.Helper()
	for i, k := range x.keys {
		if _, err := note.Open(msg, note.VerifierList(k.verifier)); err == nil {
			by = append(by, i)
		}
	}
	return by
}

// From a change on the new key signs, and the old one beside it for as long as
// was said: at least the checkpoint that covers the change.
func TestWhoSignsWhenTheKeyChanges(t *testing.T) {
	x := newRotatedLog(t)
	for size, msg := range x.notes {
		want := []int{0}
		switch {
		case size > 5 && size <= 6+7:
			want = []int{0, 1}
		case size > 6+7 && size <= 18:
			want = []int{1}
		case size == 19:
			want = []int{1, 2}
		case size > 19:
			want = []int{2}
		}
		if got := x.by(t, msg); !slices.Equal(got, want) {
			t.Errorf("%d entries: signed by %v, not %v", size, got, want)
		}
	}
	if !slices.Equal(x.at, []int64{5, 18}) {
		t.Fatal(x.at)
	}
	uses, err := keyUses(x.disk, faultDir)
	if err != nil || len(uses) != 3 {
		t.Fatal(uses, err)
	}
	for i, want := range []KeyUse{
		{Entry: -1, First: 0, Last: 13, Checkpoints: 14, Until: day.Add(39 * time.Hour)},
		{Entry: 5, First: 6, Last: 19, Checkpoints: 14, Since: day.Add(15 * time.Hour)},
		{Entry: 18, First: 19, Last: 24, Checkpoints: 6, Since: day.Add(51 * time.Hour), InForce: true},
	} {
		want.Key = x.keys[i].Verifier()
		if uses[i] != want {
			t.Errorf("key %d:\n%+v, not\n%+v", i, uses[i], want)
		}
	}
}

// Whoever believes any one of the keys follows to all the others.
func TestAnyKeyIsEnough(t *testing.T) {
	x := newRotatedLog(t)
	x.reopen(t)
	x.grow(t, 3)
	for i, k := range x.keys {
		for size, msg := range x.notes {
			if size%3 != int64(i) && size != x.at[0]+1 {
				continue
			}
			r, err := Verify(faultDir, VerifyOptions{Key: k.Verifier(), Checkpoint: string(msg), disk: x.disk})
			if err != nil || !r.Older || len(r.Changes) != 2 || r.Key != x.keys[2].Verifier() {
				t.Fatalf("key %d, checkpoint of %d: %v\n%v", i, size, err, r)
			}
		}
		tree, err := openTree(x.disk, faultDir, k.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		if c, _, err := tree.Checkpoint(); err != nil || c.Size != 27 {
			t.Fatal(c, err)
		}
		var b bytes.Buffer
		if _, err := writeBundle(&b, faultDir, BundleOptions{Key: k.Verifier(), Want: func(i int64, _ *Entry) bool { return i%7 == 1 }, disk: x.disk}); err != nil {
			t.Fatal(err)
		}
		for j, k := range x.keys {
			r, err := VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), VerifyOptions{Key: k.Verifier()}, nil)
			if err != nil || r.Entries != 4 || r.OwnKey || r.Key != x.keys[2].Verifier() {
				t.Fatalf("bundle with key %d: %+v %v", j, r, err)
			}
		}
	}
	other := newKey(t)
	if _, err := Verify(faultDir, VerifyOptions{Key: other.Verifier(), disk: x.disk}); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
	if r, err := Verify(faultDir, VerifyOptions{Key: other.Verifier() + "\n" + x.keys[0].Verifier(), disk: x.disk}); err != nil || r.OwnKey {
		t.Fatal(err)
	}
}

// Open wants the key in force, and takes older ones for the overlap only.
func TestOpenWithWhichKeys(t *testing.T) {
	x := newRotatedLog(t)
	x.l.Close()
	for _, c := range []struct {
		keys []Key
		ok   bool
	}{
		{x.keys, true}, {x.keys[2:], true}, {[]Key{x.keys[2], x.keys[0]}, true}, {[]Key{newKey(t), x.keys[2]}, true},
		{x.keys[:1], false}, {x.keys[:2], false}, {[]Key{newKey(t)}, false},
	} {
		o := x.options()
		o.Key, o.Others = c.keys[0], c.keys[1:]
		l, err := Open(faultDir, o)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrKey) {
			t.Fatal(len(c.keys), c.ok, err)
		}
		if err == nil {
			l.Close()
		}
	}
	o := x.options()
	o.Key, _, _ = GenerateKey("ledger.example.com/another")
	if _, err := Open(faultDir, o); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
}

func TestWhatIsNoNextKey(t *testing.T) {
	x := newRotatedLog(t)
	foreign, _, _ := GenerateKey("ledger.example.com/another")
	for name, k := range map[string]Key{"none": {}, "the same": x.keys[2], "an old one": x.keys[0], "another log's": foreign} {
		if _, err := x.l.rotateNow(k, time.Time{}); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := x.l.appendNow(&Entry{Kind: KeyChange}); !errors.Is(err, ErrEntry) {
		t.Error("anybody can append a change of keys:", err)
	}
	if n := x.l.Status().Entries; n != 24 {
		t.Error(n)
	}
}

func TestRotateWhileOthersAppend(t *testing.T) {
	dir := t.TempDir() + "/ledger"
	first, next := newKey(t), newKey(t)
	l, err := Create(dir, Options{Key: first, CheckpointEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	appended := make(chan error, 4)
	for range 4 {
		go func() {
			for i := range 300 {
				if _, err := l.Append(ctx, entry(i)); err != nil {
					appended <- err
					return
				}
			}
			appended <- nil
		}()
	}
	index, err := l.Rotate(ctx, next, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Rotate(ctx, next, time.Time{}); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
	for range 4 {
		if err := <-appended; err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := l.Rotate(t.Context(), newKey(t), time.Time{}); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	for _, k := range []Key{first, next} {
		r, err := Verify(dir, VerifyOptions{Key: k.Verifier()})
		if err != nil || r.Entries != 1201 || r.Changes[0].Entry != index {
			t.Fatal(r, err)
		}
	}
	if l, err = Open(dir, Options{Key: next}); err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// A key that is lost can be replaced, and whoever believed it is told that this
// was not with its consent.
func TestReplacedKey(t *testing.T) {
	x := newRotatedLog(t)
	if _, err := x.l.appendNow(entry(1)); err != nil { // not signed by the key that is lost
		t.Fatal(err)
	}
	x.l.Close()
	lost := x.keys
	x.keys = []Key{newKey(t)}
	if _, err := Open(faultDir, x.options()); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
	o := x.options()
	index, err := Replace(faultDir, o, "the host was stolen")
	if err != nil || index != 25 {
		t.Fatal(index, err)
	}
	if again, err := Replace(faultDir, o, "once more"); err != nil || again != index {
		t.Fatal(again, err)
	}
	if x.l, err = Open(faultDir, o); err != nil {
		t.Fatal(err)
	}
	x.notes = map[int64][]byte{}
	x.grow(t, 2)
	for _, k := range lost {
		r, err := Verify(faultDir, VerifyOptions{Key: k.Verifier(), disk: x.disk})
		if !errors.Is(err, ErrBroken) || r.Break.From != index || !strings.Contains(r.Break.What, "break of trust") {
			t.Fatal(r, err)
		}
		if _, err := openTree(x.disk, faultDir, k.Verifier()); !errors.Is(err, ErrKey) || !errors.Is(err, errTrust) {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := writeBundle(&b, faultDir, BundleOptions{Want: func(int64, *Entry) bool { return true }, disk: x.disk}); err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), VerifyOptions{Key: k.Verifier()}, nil); !errors.Is(err, ErrBroken) {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"", x.keys[0].Verifier(), lost[0].Verifier() + "\n" + x.keys[0].Verifier()} {
		r, err := Verify(faultDir, VerifyOptions{Key: key, disk: x.disk})
		if err != nil || !r.Changes[2].Replaced || !strings.Contains(r.String(), "without a signature of the one before") {
			t.Fatal(r, err)
		}
	}
}

// What the holder of the old key can make after a change is worth nothing to
// whoever knows of the change.
func TestAStolenOldKey(t *testing.T) {
	x := newRotatedLog(t)
	stolen := x.keys[0]
	c := x.l.Status().Checkpoint
	keys := x.l.keys()
	forged, err := stolen.sign(Checkpoint{Size: c.Size + 10, Root: tlog.Hash{1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.open(forged); err == nil {
		t.Error("a checkpoint by the old key alone is taken")
	}
	for name, put := range map[string]func(){
		"published": func() { x.disk.names[faultDir+"/"+checkpointFile] = &memFile{seen: forged} },
		"kept": func() {
			f := x.disk.names[faultDir+"/"+historyFile]
			x.disk.names[faultDir+"/"+historyFile] = &memFile{seen: append(append(bytes.Clone(f.seen), forged...), '\n')}
		},
	} {
		was := []*memFile{x.disk.names[faultDir+"/"+checkpointFile], x.disk.names[faultDir+"/"+historyFile]}
		put()
		if _, err := Verify(faultDir, VerifyOptions{Key: stolen.Verifier(), disk: x.disk}); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
		x.disk.names[faultDir+"/"+checkpointFile], x.disk.names[faultDir+"/"+historyFile] = was[0], was[1]
	}
	// One for a size at which it was in force, for other entries, convicts it.
	forged, _ = stolen.sign(Checkpoint{Size: 4, Root: tlog.Hash{1}})
	if _, err := Verify(faultDir, VerifyOptions{Key: x.keys[2].Verifier(), Checkpoint: string(forged), disk: x.disk}); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	// Another history altogether holds only for those who know the old key alone.
	y := &rotatedLog{disk: newMemDisk(), keys: []Key{stolen}, clock: day, notes: map[int64][]byte{}}
	if y.l, err = Create(faultDir, y.options()); err != nil {
		t.Fatal(err)
	}
	y.grow(t, 20)
	y.rotate(t, 0)
	if _, err := Verify(faultDir, VerifyOptions{Key: stolen.Verifier(), disk: y.disk}); err != nil {
		t.Error(err)
	}
	if _, err := Verify(faultDir, VerifyOptions{Key: x.keys[1].Verifier(), disk: y.disk}); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if _, err := Verify(faultDir, VerifyOptions{Key: stolen.Verifier(), Checkpoint: string(x.notes[10]), disk: y.disk}); err == nil {
		t.Error("a checkpoint that was kept does not tell the histories apart")
	}
}

// Each bit of the file keys counts, and so does the file.
func TestEveryByteOfTheKeysCounts(t *testing.T) {
	x := newRotatedLog(t)
	f := x.disk.names[faultDir+"/"+keysFile]
	for at := range f.seen {
		if at+1 < len(f.seen) && f.seen[at+1] == '=' {
			continue // the last digit before = has bits that mean nothing
		}
		f.seen[at] ^= 1 << (at % 8)
		if _, err := Verify(faultDir, VerifyOptions{Key: x.keys[at%3].Verifier(), disk: x.disk}); !errors.Is(err, ErrKey) && !errors.Is(err, ErrBroken) {
			t.Errorf("byte %d: %v", at, err)
		}
		f.seen[at] ^= 1 << (at % 8)
	}
	delete(x.disk.names, faultDir+"/"+keysFile)
	if _, err := Verify(faultDir, VerifyOptions{Key: x.keys[2].Verifier(), disk: x.disk}); !errors.Is(err, ErrBroken) {
		t.Error("no file:", err)
	}
	if _, err := Verify(faultDir, VerifyOptions{Key: x.keys[0].Verifier(), disk: x.disk}); !errors.Is(err, ErrKey) {
		t.Error("no file:", err)
	}
}

// A witness that knows the old key goes on signing during the overlap, one that
// was told of the new one after it.
func TestWitnessesAcrossARotation(t *testing.T) {
	x := newRotatedLog(t)
	x.l.Close()
	w := &witnessedLog{disk: newMemDisk(), key: newKey(t)}
	var err error
	if w.l, err = Create(faultDir, w.options()); err != nil {
		t.Fatal(err)
	}
	w.of = []*outsider{newOutsider(t, "witness.example.net/0", w.key.verifier), newOutsider(t, "witness.example.net/1", w.key.verifier)}
	w.witness(t)
	round := func(ok bool) {
		t.Helper()
		w.grow(t, 0, 3)
		if err := w.w.round(t.Context()); (err == nil) != ok {
			t.Fatal(err)
		}
	}
	round(true)
	next := newKey(t)
	end := time.Now().Add(time.Hour)
	if _, err := w.l.rotateNow(next, end); err != nil {
		t.Fatal(err)
	}
	round(true)
	w.l.o.now = func() time.Time { return end.Add(time.Second) }
	round(false)
	for _, o := range w.of {
		o.log = next.verifier
	}
	round(true)
	size := w.l.Status().Checkpoint.Size
	w.l.Close()
	if w.l, err = Open(faultDir, Options{Key: next, disk: w.disk}); err != nil {
		t.Fatal(err)
	}
	w.witness(t)
	if err := w.w.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, k := range []Key{w.key, next} {
		if r, err := w.verify(VerifyOptions{Key: k.Verifier()}); err != nil || r.Witnessed.Checkpoint.Size != size || r.Witnessed.By != 2 {
			t.Fatal(r, err)
		}
	}
}

// turning is a life in which the key changes: what it recorded, and under which
// keys, is judged after every fault.
func turning(d *memDisk, keys []Key, serial *int) (err error) {
	o := Options{Key: keys[0], Others: keys[1:], SegmentBytes: 700, disk: d, now: func() time.Time { return day.Add(time.Duration(*serial) * time.Second) }}
	l, err := Open(faultDir, o)
	if isMissing(err) {
		l, err = Create(faultDir, o)
	}
	if err != nil {
		return err
	}
	defer func() {
		if cerr := l.Close(); err == nil {
			err = cerr
		}
	}()
	work := func() error {
		*serial++
		if _, err := l.appendNow(entry(*serial)); err != nil {
			return err
		}
		return l.checkpoint()
	}
	err = work()
	for _, k := range keys[1:] {
		if err == nil && l.keys().has(k.public) < 0 {
			if _, err = l.rotateNow(k, day.Add(time.Hour)); err == nil {
				err = work()
			}
		}
	}
	return err
}

// Whatever single call goes wrong while the key changes: the log opens again with
// the keys that were kept, exactly one key is in force, each change has its entry,
// and whoever believes any of the keys follows to the others.
func TestEveryFaultOfARotation(t *testing.T) {
	keys := []Key{newKey(t), newKey(t)}
	probe, serial := newMemDisk(), 0
	if err := turning(probe, keys[:1], &serial); err != nil {
		t.Fatal(err)
	}
	before := len(probe.calls)
	probe, serial = newMemDisk(), 0
	if err := turning(probe, keys, &serial); err != nil {
		t.Fatal(err)
	}
	calls := probe.calls
	for _, edge := range []string{"write keys.tmp", "sync keys.tmp", "rename to keys", "rename to key.pub", "write checkpoints"} {
		if !slices.Contains(calls, edge) {
			t.Fatalf("the work of this test does not reach %s: %v", edge, calls)
		}
	}
	for at := before; at <= len(calls); at++ {
		for _, how := range []fault{failed, shortly, butDone, killedAfter} {
			for _, survives := range []string{"process", "none", "some"} {
				if survives != "process" && how == shortly {
					continue // what a write has done by half, the dice do as well
				}
				t.Run(fmt.Sprintf("call %d, %s, %v, then %s", at, calls[at-1], how, survives), func(t *testing.T) {
					t.Parallel()
					d, serial := newMemDisk(), 0
					d.at, d.how = at, how
					if err := turning(d, keys, &serial); err == nil {
						t.Fatal("the fault went unnoticed")
					}
					if survives == "process" {
						d.restartProcess()
					} else {
						d.powerLoss(survives, rand.New(rand.NewPCG(uint64(at), uint64(how))))
					}
					// Before it is opened again it can be verified as it lies there.
					if _, err := readFile(d, faultDir+"/"+keyFile); err == nil {
						if r, err := Verify(faultDir, VerifyOptions{disk: d}); err != nil && !errors.Is(err, ErrBroken) {
							t.Fatal(r, err)
						}
					}
					if err := turning(d, keys, &serial); err != nil {
						t.Fatal(err)
					}
					turned(t, d, keys, keys[0])
					d.powerLoss("none", nil)
					if err := turning(d, keys[1:], &serial); err != nil {
						t.Fatal(err)
					}
					turned(t, d, keys, keys[1])
				})
			}
		}
	}
}

// turned holds a log to what its changes of keys were to be, for somebody who
// believes k.
func turned(t *testing.T, d *memDisk, keys []Key, k Key) {
	t.Helper()
	changes := 0
	if err := read(d, faultDir, 0, func(_ int64, e *Entry) error {
		if e.Kind == KeyChange {
			if changes++; changes < len(keys) && e.Keys != (KeyPair{keys[changes-1].public, keys[changes].public}) {
				t.Fatal(changes, e.Keys)
			}
		}
		return nil
	}); err != nil || changes != len(keys)-1 {
		t.Fatal(changes, err)
	}
	if r, err := Verify(faultDir, VerifyOptions{Key: k.Verifier(), disk: d}); err != nil || len(r.Changes) != changes {
		t.Fatal(r, err)
	}
}

func FuzzChain(f *testing.F) {
	x := newRotatedLog(f)
	b := x.disk.names[faultDir+"/"+keysFile].seen
	f.Add(b)
	f.Add(append(bytes.Clone(b), b[len(keysHeader):]...))
	f.Add(bytes.ReplaceAll(b, []byte("\n\n"), []byte("\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseChain(b)
		if err != nil {
			if !errors.Is(err, ErrKey) {
				t.Fatal(err)
			}
			return
		}
		if again, err := parseChain(c.file()); err != nil || len(again.links) != len(c.links) {
			t.Fatal("it does not read back", err)
		}
	})
}

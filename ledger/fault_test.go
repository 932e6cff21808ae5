package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A witness watches a log over all its lives: what it was told to be durable,
// and everything that was ever signed. It signs by a hash, because thousands of
// lives would spend their time on curves.
type witness struct {
	key    Key
	acked  map[int64]int // index -> N of the entry that has a receipt for it
	signed []Checkpoint
}

func newWitness() *witness {
	w := &witness{acked: map[int64]int{}}
	w.key = Key{signer: w, verifier: w, public: "a witness of tests"}
	return w
}

func (w *witness) Name() string    { return "ledger.example.com/witnessed" }
func (w *witness) KeyHash() uint32 { return 0x01020304 }

func (w *witness) Verify(msg, sig []byte) bool {
	sum := sha256.Sum256(msg)
	return bytes.Equal(sum[:], sig)
}

func (w *witness) Sign(msg []byte) ([]byte, error) {
	// What is signed for a store is no checkpoint.
	if !bytes.HasPrefix(msg, []byte("weir ledger batch 1\n")) {
		c, err := parseCheckpointText(w.Name(), string(msg))
		if err != nil {
			return nil, err
		}
		w.signed = append(w.signed, c)
	}
	sum := sha256.Sum256(msg)
	return sum[:], nil
}

// appendNow does what Append does while Run runs, in one goroutine.
func (l *Log) appendNow(entries ...*Entry) (Receipt, error) {
	b, g, err := l.enter(context.Background(), entries)
	if err != nil {
		return Receipt{}, err
	}
	l.commit()
	<-g.done
	if g.err != nil {
		return Receipt{}, g.err
	}
	return Receipt{first: g.first + b.rank, n: len(entries)}, nil
}

const faultDir = "/ledger"

// live opens the log, or creates it, and works with it: appends batches, signs,
// fills several segments. It gives the first error.
func (w *witness) live(t *testing.T, d *memDisk, serial *int) error {
	o := Options{Key: w.key, SegmentBytes: 700, disk: d}
	l, err := Open(faultDir, o)
	if errors.Is(err, fs.ErrNotExist) {
		l, err = Create(faultDir, o)
	}
	if err != nil {
		return err
	}
	var first error
	for i := range 7 {
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
			if !errors.Is(err, ErrStopped) {
				t.Fatalf("an append failed otherwise than by ErrStopped: %v", err)
			}
			if first == nil {
				first = err
			}
			continue
		}
		for j, e := range batch {
			index := r.Index() + int64(j)
			if was, ok := w.acked[index]; ok {
				t.Fatalf("entry %d has receipts for %d and for %d", index, was, e.N)
			}
			w.acked[index] = e.N
		}
		if i%2 == 1 && first == nil {
			first = l.checkpoint()
		}
	}
	if first == nil {
		first = l.checkpoint()
	}
	if first == nil {
		proves(t, l.Tree(), d, 2)
	}
	if err := l.Close(); first == nil {
		first = err
	}
	return first
}

// judge holds the log to everything that was promised about it.
func (w *witness) judge(t *testing.T, d *memDisk) {
	t.Helper()
	signed := map[int64]tlog.Hash{}
	for _, c := range w.signed {
		if root, ok := signed[c.Size]; ok && root != c.Root {
			t.Fatalf("two roots were signed for size %d", c.Size)
		}
		signed[c.Size] = c.Root
	}
	var tree frontier
	delete(signed, 0)
	segs, err := listSegments(d, faultDir)
	if err != nil {
		t.Fatal(err)
	}
	acked := 0
	for _, s := range segs {
		f, err := d.open(faultDir+"/"+segmentName(s.first), readOnly)
		if err != nil {
			t.Fatal(err)
		}
		for r := newFrameReader(f, segmentHeader, s.bytes); ; {
			frame, _, err := r.next()
			if err != nil {
				break
			}
			e, err := Decode(frame[headSize:])
			if err != nil {
				t.Fatal(err)
			}
			if n, ok := w.acked[tree.size]; ok {
				if e.N != n {
					t.Fatalf("entry %d is %d; the receipt was for %d", tree.size, e.N, n)
				}
				acked++
			}
			tree.push(leafHash(frame))
			if root, ok := signed[tree.size]; ok {
				if root != tree.root() {
					t.Fatalf("the log has forked from what was signed for %d", tree.size)
				}
				delete(signed, tree.size)
			}
		}
	}
	if acked != len(w.acked) {
		t.Fatalf("%d entries have receipts, %d of them are there", len(w.acked), acked)
	}
	if len(signed) > 0 {
		t.Fatalf("%d checkpoints cover more than the log's %d entries", len(signed), tree.size)
	}
}

// Law 1 below the ledger: whatever single call to the file system goes wrong, in
// whatever way, and whatever then is left of what was not synced, no receipt is
// given without durability, the log opens again, everything that had a receipt is
// in its place, and no two checkpoints ever disagree.
func TestEveryFault(t *testing.T) {
	probe := newMemDisk()
	w, serial := newWitness(), 0
	for range 2 {
		if err := w.live(t, probe, &serial); err != nil {
			t.Fatal(err)
		}
	}
	w.judge(t, probe)
	calls := probe.calls
	rolled, edges := false, map[string]int{}
	for _, c := range calls {
		rolled = rolled || c == "create "+segmentName(7)
		edges[c]++
	}
	if !rolled || len(edges) < 15 {
		t.Fatalf("the work of this test does not reach every edge: %v", edges)
	}
	// A process that is killed before a call was killed after the one before.
	after := []string{"process", "none", "some", "some"}
	for at := 1; at <= len(calls); at++ {
		for _, how := range []fault{failed, shortly, butDone, killedAfter} {
			for try, survives := range after {
				name := fmt.Sprintf("call %d, %s, %v, then %s #%d", at, calls[at-1], how, survives, try)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					oneFault(t, at, how, survives, uint64(at*100+try))
				})
			}
		}
	}
}

func oneFault(t *testing.T, at int, how fault, survives string, seed uint64) {
	dice := rand.New(rand.NewPCG(seed, uint64(how)))
	d, w, serial := newMemDisk(), newWitness(), 0
	d.at, d.how = at, how
	hit := false
	for life, more := 0, 2; more > 0; life++ {
		err := w.live(t, d, &serial)
		if !hit {
			hit = len(d.calls) >= at
			if !hit {
				continue // the fault comes in the next life
			}
			if err == nil {
				t.Fatal("the fault went unnoticed")
			}
			if survives == "process" {
				d.restartProcess()
			} else {
				d.powerLoss(survives, dice)
			}
			continue
		}
		if err != nil {
			t.Fatalf("life %d, after the fault: %v", life, err)
		}
		w.judge(t, d)
		if _, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w}); err != nil {
			t.Fatal(err)
		}
		more--
		// Whatever was in sight only would be gone now.
		d.powerLoss("none", dice)
		w.judge(t, d)
	}
}

// The mending itself can be hit as well: first a crash that leaves half a write
// or an empty segment file, then every fault at every call of the next start.
func TestEveryFaultWhileMending(t *testing.T) {
	for _, first := range []struct {
		call string
		nth  int
		how  fault
	}{
		{"write " + segmentName(3), 2, shortly},
		{"write " + segmentName(7), 1, killed},
		{"create " + segmentName(7), 1, killedAfter},
		{"sync " + segmentName(12), 2, failed},
		{"write checkpoints", 3, shortly},
		{"rename to frontier", 2, killed},
	} {
		broken := func(t *testing.T) (*memDisk, *witness, int) {
			probe, w, serial := newMemDisk(), newWitness(), 0
			if err := w.live(t, probe, &serial); err != nil {
				t.Fatal(err)
			}
			d, w, serial := newMemDisk(), newWitness(), 0
			for i, c := range probe.calls {
				if c == first.call {
					if first.nth--; first.nth == 0 {
						d.at = i + 1
					}
				}
			}
			first.nth = 1
			d.how = first.how
			if err := w.live(t, d, &serial); err == nil {
				t.Fatal("the first fault was not met")
			}
			d.restartProcess()
			return d, w, serial
		}
		nth := first.nth
		d, w, serial := broken(t)
		before := len(d.calls)
		if err := w.live(t, d, &serial); err != nil {
			t.Fatal(err)
		}
		calls := d.calls[before:]
		for at := 1; at <= min(len(calls), 12); at++ {
			for _, how := range []fault{failed, shortly, butDone, killedAfter} {
				for _, survives := range []string{"process", "none", "some"} {
					t.Run(fmt.Sprintf("%s %v, then %d %s %v, %s", first.call, first.how, at, calls[at-1], how, survives), func(t *testing.T) {
						first.nth = nth
						d, w, serial := broken(t)
						d.at, d.how = len(d.calls)+at, how
						if err := w.live(t, d, &serial); err == nil {
							t.Fatal("the fault went unnoticed")
						}
						if survives == "process" {
							d.restartProcess()
						} else {
							d.powerLoss(survives, rand.New(rand.NewPCG(uint64(at), uint64(how))))
						}
						if err := w.live(t, d, &serial); err != nil {
							t.Fatal(err)
						}
						d.powerLoss("none", nil)
						w.judge(t, d)
					})
				}
			}
		}
	}
}

// A disk that stays full, or a sync that keeps failing, never yields a receipt
// and never a second try; an emptied disk does, after a new start.
func TestStoppedStaysStopped(t *testing.T) {
	d, w := newMemDisk(), newWitness()
	l, err := Create(faultDir, Options{Key: w.key, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	if _, err := l.Append(ctx, entry(1)); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.at, d.how = len(d.calls)+1, shortly
	d.mu.Unlock()
	for range 3 {
		if r, err := l.Append(ctx, entry(2)); !errors.Is(err, ErrStopped) || r.Valid() {
			t.Fatal(r, err)
		}
		if err := l.Send(ctx, entry(2)); !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
	}
	if err := <-ended; !errors.Is(err, ErrStopped) || !errors.Is(err, errFault) {
		t.Fatal(err)
	}
	if s := l.Status(); !errors.Is(s.Err, ErrStopped) || s.Entries != 1 {
		t.Fatalf("%+v", s)
	}
	if err := l.Run(ctx); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	d.restartProcess()
	if l, err = Open(faultDir, Options{Key: w.key, disk: d}); err != nil {
		t.Fatal(err)
	}
	if l.Repaired() == 0 || l.Status().Entries != 1 {
		t.Fatal("half an entry was not cut off")
	}
	if _, err := l.appendNow(entry(3)); err != nil {
		t.Fatal(err)
	}
	l.Close()
}

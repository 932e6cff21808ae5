package ledger

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// leftOpen gives a log of n entries as a killed process leaves it: zeros stand
// behind the last one.
func leftOpen(t *testing.T, n int) (d *memDisk, w *witness, name string) {
	t.Helper()
	d, w, name = newMemDisk(), newWitness(), segmentName(0)
	l, err := Create(faultDir, Options{Key: w.key, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := l.appendNow(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.checkpoint(); err != nil {
		t.Fatal(err)
	}
	if f := d.names[faultDir+"/"+name]; l.Status().Bytes >= int64(len(f.seen)) {
		t.Fatal("nothing was written ahead")
	}
	d.restartProcess()
	return d, w, name
}

func TestZerosWrittenAheadAreNothing(t *testing.T) {
	d, w, name := leftOpen(t, 5)
	r, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w})
	if err != nil || r.Entries != 5 || r.Unfinished != 0 {
		t.Fatal(r, err)
	}
	n := 0
	if err := read(d, faultDir, 0, func(int64, *Entry) error { n++; return nil }); err != nil || n != 5 {
		t.Fatal(n, err)
	}
	l, err := Open(faultDir, Options{Key: w.key, disk: d})
	if err != nil || l.Repaired() != 0 || l.Status().Entries != 5 {
		t.Fatal(l, err)
	}
	if f := d.names[faultDir+"/"+name]; l.Status().Bytes != int64(len(f.seen)) {
		t.Error("they stand there still")
	}
	if _, err := l.appendNow(entry(5)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if f := d.names[faultDir+"/"+name]; bytes.HasSuffix(f.seen, make([]byte, headSize)) {
		t.Error("an end in order leaves zeros")
	}
}

// A bit among the zeros is a torn write, and the place of an entry that was
// signed is never taken for one.
func TestOnlyZerosAreZeros(t *testing.T) {
	d, w, name := leftOpen(t, 5)
	f := d.names[faultDir+"/"+name]
	whole := bytes.Clone(f.seen)
	end := len(bytes.TrimRight(whole, "\x00"))
	for at := end; at < len(whole); at += 1 + (at-end)/8 {
		f.seen = bytes.Clone(whole)
		f.seen[at] ^= 1 << (at % 8)
		r, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w})
		if err != nil || r.Entries != 5 || r.Unfinished == 0 {
			t.Fatalf("byte %d: %+v %v", at, r, err)
		}
	}
	for at := segmentHeader; at < end; at++ {
		f.seen = append(bytes.Clone(whole[:at]), make([]byte, len(whole)-at)...)
		if bytes.Equal(f.seen, whole) {
			continue
		}
		if _, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w}); !errors.Is(err, ErrBroken) {
			t.Fatalf("zeros from byte %d on: %v", at, err)
		}
		_, err := Open(faultDir, Options{Key: w.key, disk: d})
		if !errors.Is(err, ErrRolledBack) && !errors.Is(err, ErrDamaged) {
			t.Fatalf("zeros from byte %d on: opened, %v", at, err)
		}
	}
}

// A disk that goes wrong at a random call while appends and signatures are under
// way at once, as in a server.
func TestFaultsUnderTraffic(t *testing.T) {
	met := 0
	for seed := range uint64(150) {
		dice := rand.New(rand.NewPCG(seed, 1))
		d, w, serial := newMemDisk(), newWitness(), 0
		for life := range 3 {
			o := Options{Key: w.key, SegmentBytes: 3000, CheckpointEvery: 100 * time.Microsecond, disk: d}
			open := Open
			if life == 0 {
				open = Create
			}
			l, err := open(faultDir, o)
			if err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			if life == 0 {
				d.at, d.how = len(d.calls)+1+dice.IntN(150), []fault{failed, shortly, butDone, killedAfter}[dice.IntN(4)]
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- l.Run(ctx) }()
			var mu sync.Mutex
			var writers sync.WaitGroup
			for range 4 {
				writers.Go(func() {
					for range 15 {
						mu.Lock()
						serial++
						e := entry(serial)
						e.N = serial
						mu.Unlock()
						r, err := l.Append(ctx, e)
						if err != nil {
							return
						}
						mu.Lock()
						if was, ok := w.acked[r.Index()]; ok {
							t.Errorf("seed %d: entry %d has receipts for %d and for %d", seed, r.Index(), was, e.N)
						}
						w.acked[r.Index()] = e.N
						mu.Unlock()
					}
				})
			}
			writers.Wait()
			cancel()
			if err := <-ended; err != nil && life > 0 {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			} else if err != nil {
				met++
			}
			if life == 0 && dice.IntN(2) == 0 {
				d.restartProcess()
			} else {
				d.powerLoss("some", dice)
			}
			if life > 0 {
				w.judge(t, d)
				if _, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w}); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
	}
	if met < 50 {
		t.Errorf("only %d of 150 lives met their fault", met)
	}
}

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// retainNow does what Retain does while Run runs, in one goroutine.
func (l *Log) retainNow(o RetainOptions) (*Retained, error) {
	if err := l.removeBelow(l.kept()); err != nil {
		return nil, err
	}
	p, err := l.plan(o)
	if err != nil || p.done.Segments == 0 {
		return &p.done, err
	}
	if p.record, err = l.restate(context.Background(), p, o.Text); err != nil {
		return nil, err
	}
	r, err := l.appendNow(p.record...)
	if err != nil {
		return nil, err
	}
	p.recorded(r)
	if err := l.checkpoint(); err != nil {
		return nil, err
	}
	return &p.done, l.drop(context.Background(), p)
}

// A clock that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

const dayLong = 24 * time.Hour

// oldLog makes a log of n days, each of which has k entries and is signed, and
// ends a segment every day.
func oldLog(t testing.TB, d *memDisk, c *clock, key Key, days, k int) *Log {
	t.Helper()
	l, err := Create(faultDir, Options{Key: key, Node: "node-1", disk: d, now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	for i := range days {
		for j := range k {
			e := entry(i*k + j)
			e.N = i*k + j
			if _, err := l.appendNow(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.checkpoint(); err != nil {
			t.Fatal(err)
		}
		c.pass(dayLong)
		if err := l.age(); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// Whole segments go, the record of it stays, and everything that is kept can
// still be read, proven, served, verified and appended to, also after a new
// start without any of the files that can be made again.
func TestRetention(t *testing.T) {
	d, w, c := newMemDisk(), newWitness(), &clock{at: day}
	l := oldLog(t, d, c, w.key, 100, 10)
	if s := l.Status(); s.Segments != 101 || s.First != 0 {
		t.Fatalf("a segment a day was not begun: %+v", s)
	}
	if _, err := l.Retain(t.Context(), RetainOptions{Keep: 30 * dayLong}); err == nil {
		t.Fatal("it keeps less than the budgets need")
	}
	var old []Checkpoint
	old = append(old, w.signed...)
	preview, err := l.Retention(RetainOptions{Keep: 40 * dayLong})
	if err != nil {
		t.Fatal(err)
	}
	done, err := l.retainNow(RetainOptions{Keep: 40 * dayLong, Text: "kept for 40 days"})
	if err != nil {
		t.Fatal(err)
	}
	if preview.Span != done.Span || preview.Bytes != done.Bytes || preview.Segments != done.Segments {
		t.Fatalf("%+v was said before, %+v done", preview, done)
	}
	// At day 100 what was written on day 59 is 41 days old.
	if done.Segments != 60 || done.Span.From != 0 || done.Span.To != 600 || done.Index != 1000 ||
		!done.Span.Since.Equal(day) || !done.Span.Until.Equal(day.Add(59*dayLong)) {
		t.Fatalf("%+v", done)
	}
	if again, err := l.retainNow(RetainOptions{Keep: 40 * dayLong}); err != nil || again.Segments != 0 {
		t.Fatal(again, err)
	}
	holds := func(l *Log, entries int64) {
		t.Helper()
		n := int64(600)
		if err := l.Replay(0, func(i int64, e *Entry) error {
			if i != n || i < 1000 && e.N != int(i) {
				t.Fatalf("entry %d, not %d: %+v", i, n, e)
			}
			if i == 1000 && (e.Kind != Dropped || *e.Span != done.Span || e.Text != "kept for 40 days") {
				t.Fatalf("%+v", e)
			}
			n++
			return nil
		}); err != nil || n != entries {
			t.Fatal(n, err)
		}
		tree := l.Tree()
		head, _, err := tree.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range old {
			if c.Size == 0 {
				continue
			}
			p, err := tree.ProveConsistency(c.Size, head.Size)
			if err != nil {
				t.Fatal(err)
			}
			if c.Size != head.Size && tlog.CheckTree(p, head.Size, head.Root, c.Size, c.Root) != nil {
				t.Fatalf("the tree of %d no longer leads to that of %d", c.Size, head.Size)
			}
		}
		if _, err := tree.ProveInclusion(3, head.Size); err != nil {
			t.Fatal("that a dropped entry was there is no longer proven:", err)
		}
		if _, err := tree.Bundle(0, 256); !errors.Is(err, ErrDropped) {
			t.Fatal(err)
		}
		if _, err := tree.Bundle(2, 256); !errors.Is(err, ErrDropped) {
			t.Fatal("a bundle that is half kept:", err)
		}
		if _, err := tree.Bundle(3, 200); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w})
		if err != nil || r.First != 600 || r.DroppedBy != 1000 || r.Entries != entries || !r.From.Equal(day.Add(60*dayLong)) {
			t.Fatalf("%v\n%+v", err, r)
		}
		if want := "Entries 0 to 599 were dropped on " + done.Time.Format(time.DateOnly) + ", as recorded in entry 1000; their hashes are kept."; !strings.Contains(r.String(), want) {
			t.Fatal(r)
		}
	}
	holds(l, 1001)
	rec := newRecorder(t, l)
	if code := rec("/tile/entries/000"); code != http.StatusGone {
		t.Fatal(code)
	}
	if code := rec("/tile/0/000"); code != http.StatusOK {
		t.Fatal(code)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, lost := range [][]string{nil, {frontierFile}, {frontierFile, checkpointFile, tileDir + "/" + wholeFile}} {
		for _, name := range lost {
			_ = d.remove(filepath.Join(faultDir, name))
		}
		if l, err = Open(faultDir, Options{Key: w.key, Node: "node-1", disk: d, now: c.now}); err != nil {
			t.Fatal(lost, err)
		}
		if _, err := l.appendNow(entry(1)); err != nil {
			t.Fatal(err)
		}
		if err := l.checkpoint(); err != nil {
			t.Fatal(err)
		}
		holds(l, l.Status().Entries)
		l.Close()
	}
}

// newRecorder asks the log's handler and gives the status.
func newRecorder(t *testing.T, l *Log) func(path string) int {
	srv := serveLog(t, l)
	return func(path string) int {
		_, code, err := fetch(srv.URL+path, "let-me-in")
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
}

// A bundle for an auditor holds what is kept, also from a bundle of tiles whose
// first entries are gone.
func TestProofsBesideWhatWasDropped(t *testing.T) {
	d, c, key := newMemDisk(), &clock{at: day}, testKey(t)
	l := oldLog(t, d, c, key, 50, 9)
	done, err := l.retainNow(RetainOptions{Keep: 40 * dayLong})
	if err != nil || done.Span.To != 90 {
		t.Fatal(done, err)
	}
	var b bytes.Buffer
	bundled, err := WriteBundle(&b, faultDir, BundleOptions{disk: d, Want: func(int64, *Entry) bool { return true }})
	if err != nil || bundled.Entries != 451-90 || bundled.First != 90 {
		t.Fatal(bundled, err)
	}
	r, err := VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), VerifyOptions{Key: key.Verifier()}, nil)
	if err != nil || r.Entries != 451-90 {
		t.Fatal(r, err)
	}
}

// Holds that are in force live on, as they were; those that were lifted or have
// run out do not come back.
func TestHoldsOutliveTheirEntries(t *testing.T) {
	d, w, c := newMemDisk(), newWitness(), &clock{at: day}
	l, err := Create(faultDir, Options{Key: w.key, disk: d, now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	hold := func(party string, until time.Time) *Entry {
		return &Entry{Kind: Hold, Party: party, Reason: "held", Rule: "walk", Text: "walked", Until: until}
	}
	must := func(entries ...*Entry) {
		t.Helper()
		if _, err := l.appendNow(entries...); err != nil {
			t.Fatal(err)
		}
	}
	must(hold("principal:for-good", time.Time{}), hold("principal:long", day.Add(100*dayLong)),
		hold("principal:over", day.Add(dayLong)), hold("principal:lifted", time.Time{}),
		hold("principal:long", day.Add(time.Hour)), // shorter: changes nothing
		hold("principal:later-again", time.Time{}))
	c.pass(dayLong)
	if err := errors.Join(l.checkpoint(), l.age()); err != nil {
		t.Fatal(err)
	}
	must(&Entry{Kind: Lift, Party: "principal:lifted"}, hold("principal:kept", time.Time{}))
	c.pass(32 * dayLong)
	if err := errors.Join(l.checkpoint(), l.age()); err != nil {
		t.Fatal(err)
	}
	must(entry(1))
	done, err := l.retainNow(RetainOptions{Keep: LeastKeep})
	if err != nil || done.Span.To != 8 || done.Holds != 4 {
		t.Fatalf("%+v %v", done, err)
	}
	inforce := map[string]time.Time{}
	if err := l.Replay(0, func(_ int64, e *Entry) error {
		if e.Kind == Hold {
			if e.Reason != "held" || e.Text != "walked" || e.Rule != "walk" {
				t.Fatalf("%+v", e)
			}
			inforce[e.Party] = e.Until
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{"principal:for-good": {}, "principal:long": day.Add(100 * dayLong), "principal:kept": {}, "principal:later-again": {}}
	if fmt.Sprint(inforce) != fmt.Sprint(want) {
		t.Fatalf("in force are\n%v, not\n%v", inforce, want)
	}
	l.Close()
}

// A hold that is lifted while it is being recorded again ends.
func TestALiftBetweenReadingAndRestating(t *testing.T) {
	d, w, c := newMemDisk(), newWitness(), &clock{at: day}
	l := oldLog(t, d, c, w.key, 1, 1)
	if _, err := l.appendNow(&Entry{Kind: Hold, Party: "role:support"}); err != nil {
		t.Fatal(err)
	}
	c.pass(40 * dayLong)
	if err := errors.Join(l.checkpoint(), l.age()); err != nil {
		t.Fatal(err)
	}
	p, err := l.plan(RetainOptions{Keep: LeastKeep})
	if err != nil || p.done.Span.To != 2 {
		t.Fatal(p, err)
	}
	if p.record, err = l.restate(t.Context(), p, ""); err != nil || len(p.record) != 2 {
		t.Fatal(p.record, err)
	}
	if _, err := l.appendNow(&Entry{Kind: Lift, Party: "role:support", Text: "it was a drill"}); err != nil {
		t.Fatal(err)
	}
	r, err := l.appendNow(p.record...)
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, l)
	if err := l.liftAgain(t.Context(), p, r); err != nil {
		t.Fatal(err)
	}
	last := Kind(0)
	if err := l.Replay(0, func(_ int64, e *Entry) error {
		if e.Party == "role:support" {
			last = e.Kind
		}
		return nil
	}); err != nil || last != Lift {
		t.Fatal(last, err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

// Retain works beside traffic and readers: nobody meets a missing file.
func TestRetentionBesideReaders(t *testing.T) {
	dir, c := t.TempDir(), &clock{at: day}
	l, err := Create(dir, Options{Key: testKey(t), SegmentBytes: 4 << 10, now: c.now, CheckpointEvery: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for range 90 {
		var batch []*Entry
		for i := range 20 {
			batch = append(batch, entry(i))
		}
		if _, err := l.appendNow(batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.checkpoint(); err != nil {
		t.Fatal(err)
	}
	c.at = day.Add(40 * dayLong)
	end := run(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 8)
	for _, read := range []func() error{
		func() error { return l.Replay(0, func(int64, *Entry) error { return nil }) },
		func() error { return Read(dir, 0, func(int64, *Entry) error { return nil }) },
		func() error { _, err := Verify(dir, VerifyOptions{}); return err },
		func() error { _, err := l.Append(ctx, entry(7)); return err },
	} {
		go func() {
			for ctx.Err() == nil {
				if err := read(); err != nil && ctx.Err() == nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for kept := int64(100); kept < 1700; kept += 400 {
		// Whatever is asked before, only so much is archived.
		done, err := l.Retain(ctx, RetainOptions{Keep: LeastKeep, Archived: func(_, end int64) bool { return end <= kept }})
		if err != nil || done.Segments == 0 || done.Span.To > kept {
			t.Fatal(done, err)
		}
		if s := l.Status(); s.First != done.Span.To {
			t.Fatalf("%+v", s)
		}
	}
	cancel()
	for range 4 {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir, VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Whoever removes the first segments without the log's word for it is found, at
// the start and by verification, and so is who touches what is left of dropped
// entries.
func TestASilentDropIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		spoil        func(d *memDisk)
		verify, open bool // whether these find it
	}{
		"nothing":          {func(d *memDisk) {}, false, false},
		"one more segment": {func(d *memDisk) { _ = d.remove(faultDir + "/" + segmentName(50)) }, true, true},
		"no file about it": {func(d *memDisk) { _ = d.remove(faultDir + "/" + droppedFile) }, false, true},
		"another file about it": {func(d *memDisk) {
			_ = d.remove(faultDir + "/" + segmentName(50))
			_ = replaceFile(d, faultDir+"/"+droppedFile, droppedText(60, 250), true)
		}, true, true},
		"a hash of a dropped entry": {func(d *memDisk) { d.names[faultDir+"/tile/0"].seen[32*7] ^= 1 }, true, true},
		"a hash above dropped ones, and no frontier": {func(d *memDisk) {
			d.names[faultDir+"/tile/0"].seen[32*48] ^= 1
			_ = d.remove(faultDir + "/" + frontierFile)
		}, true, true},
		"all hashes": {func(d *memDisk) { _ = d.remove(faultDir + "/tile/0"); _ = d.remove(faultDir + "/tile/whole") }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, w, clk := newMemDisk(), newWitness(), &clock{at: day}
			l := oldLog(t, d, clk, w.key, 25, 10)
			clk.pass(21 * dayLong)
			if done, err := l.retainNow(RetainOptions{Keep: 41 * dayLong}); err != nil || done.Span.To != 50 {
				t.Fatal(done, err)
			}
			l.Close()
			c.spoil(d)
			if r, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w}); (err != nil) != c.verify || err != nil && !errors.Is(err, ErrBroken) {
				t.Fatal(r, err)
			}
			l, err := Open(faultDir, Options{Key: w.key, disk: d, now: clk.now})
			if (err != nil) != c.open || err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			if err == nil {
				l.Close()
			}
		})
	}
}

// retaining is one life of a log that drops what is old.
func retaining(t *testing.T, w *witness, d *memDisk, c *clock, serial *int) (err error) {
	o := Options{Key: w.key, SegmentBytes: 900, disk: d, now: c.now}
	l, err := Open(faultDir, o)
	if isMissing(err) {
		if l, err = Create(faultDir, o); err == nil {
			_, err = l.appendNow(&Entry{Kind: Hold, Party: "role:support", Text: "held for good"})
			if err == nil {
				w.acked[0] = 0
			}
		}
	}
	if err != nil {
		return err
	}
	defer func() {
		if cerr := l.Close(); err == nil {
			err = cerr
		}
	}()
	for range 4 {
		*serial++
		e := entry(*serial)
		e.N = *serial
		r, err := l.appendNow(e, entry(0))
		if err != nil {
			return err
		}
		w.acked[r.Index()] = e.N
		c.pass(20 * dayLong)
	}
	if err := l.checkpoint(); err != nil {
		return err
	}
	if _, err := l.retainNow(RetainOptions{Keep: LeastKeep}); err != nil {
		return err
	}
	return l.checkpoint()
}

// judgeRetained holds a log that has dropped entries to what was promised.
func judgeRetained(t *testing.T, w *witness, d *memDisk) (first int64) {
	t.Helper()
	segs, err := listSegments(d, faultDir)
	if err != nil {
		t.Fatal(err)
	}
	first = segs[0].first
	dropped, held := int64(0), false
	seen := map[int64]*Entry{}
	if err := read(d, faultDir, 0, func(i int64, e *Entry) error {
		seen[i] = e
		if e.Kind == Dropped {
			dropped = e.Span.To
		}
		held = held || e.Kind == Hold && e.Party == "role:support"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if first > dropped {
		t.Fatalf("the first entry is %d, and only those before %d were recorded as dropped", first, dropped)
	}
	if n, acked := w.acked[0]; acked && n == 0 && !held {
		t.Fatal("the hold is gone")
	}
	for i, n := range w.acked {
		if i < first {
			continue
		}
		if e := seen[i]; e == nil || e.N != n {
			t.Fatalf("entry %d is %+v, its receipt was for %d", i, e, n)
		}
	}
	return first
}

// Whatever call goes wrong while segments are dropped, the log opens again, what
// is gone is on record, what is kept is whole, and dropping goes on.
func TestEveryFaultOfRetention(t *testing.T) {
	probe, w, serial, c := newMemDisk(), newWitness(), 0, &clock{at: day}
	for range 3 {
		if err := retaining(t, w, probe, c, &serial); err != nil {
			t.Fatal(err)
		}
	}
	if first := judgeRetained(t, w, probe); first == 0 {
		t.Fatal("nothing was dropped")
	}
	edges := map[string]bool{}
	for _, call := range probe.calls {
		edges[call] = true
	}
	for _, call := range []string{"rename to dropped", "sync dropped.tmp", "remove " + segmentName(0)} {
		if !edges[call] {
			t.Fatalf("%s is not among the calls", call)
		}
	}
	for at := 1; at <= len(probe.calls); at++ {
		for _, how := range []fault{failed, shortly, butDone, killedAfter} {
			for try, survives := range []string{"process", "none", "some"} {
				t.Run(fmt.Sprintf("call %d, %s, %v, then %s", at, probe.calls[at-1], how, survives), func(t *testing.T) {
					t.Parallel()
					d, w, serial, c := newMemDisk(), newWitness(), 0, &clock{at: day}
					d.at, d.how = at, how
					for more := 2; more > 0; {
						err := retaining(t, w, d, c, &serial)
						if len(d.calls) >= at && d.at > 0 {
							if err == nil {
								t.Fatal("the fault went unnoticed")
							}
							if d.at = 0; survives == "process" {
								d.restartProcess()
							} else {
								d.powerLoss(survives, rand.New(rand.NewPCG(uint64(at*10+try), uint64(how))))
							}
							continue
						}
						if err != nil {
							t.Fatal(err)
						}
						if d.at == 0 {
							more--
							judgeRetained(t, w, d)
							d.powerLoss("none", nil)
							if judgeRetained(t, w, d) == 0 && more == 0 {
								t.Fatal("it no longer drops anything")
							}
							if _, err := Verify(faultDir, VerifyOptions{disk: d, trusted: w}); err != nil {
								t.Fatal(err)
							}
						}
					}
				})
			}
		}
	}
}

func FuzzDroppedFile(f *testing.F) {
	f.Add(droppedText(300, 1000))
	f.Add([]byte(droppedMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		to, recorded, ok := parseDropped(b)
		if ok && (!bytes.Equal(droppedText(to, recorded), b) || to <= 0 || recorded < to) {
			t.Fatal(to, recorded)
		}
	})
}

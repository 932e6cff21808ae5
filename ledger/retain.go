package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/getweir/weir"
)

// Whole segments at the beginning of a log may be dropped once they are older
// than somebody wants to keep. Their hashes stay in tile/, so that the tree
// grows on, old checkpoints still match, and every proof about what is kept
// holds. That they are gone is itself an entry, durable and signed before the
// first file goes. docs/ledger-format.md has the order.

// ErrDropped is what a reader says of entries that are no longer kept. Their
// hashes are: that they were there is still proven.
var ErrDropped = errors.New("these entries were dropped by retention")

// LeastKeep is the shortest time for which Retain keeps entries: budgets reach
// back 30 days and are counted anew from the ledger at each start.
const LeastKeep = 31 * 24 * time.Hour

// RetainOptions say what may be dropped.
type RetainOptions struct {
	// Keep is for how long entries are kept, at least LeastKeep: a segment is
	// dropped when its newest entry is older.
	Keep time.Duration
	// Archived, if not nil, says whether a copy of the segment of the entries
	// [first, end) stands elsewhere; without a copy it stays.
	Archived func(first, end int64) bool
	// Text goes into the entry: by which rule, and where copies are.
	Text string
}

// A Retained says what Retain has done.
type Retained struct {
	Span     Span      // what was dropped now; To 0: nothing
	Segments int       // so many files
	Bytes    int64     // that they had
	Index    int64     // of the Dropped entry
	Time     time.Time // of that entry
	Holds    int       // in force, and recorded again because their entries go
}

// Retain drops whole segments that are older than o.Keep and covered by a
// checkpoint. Before that it records the holds that are in force and would lose
// their entries again, and then what it drops; it waits until that is signed, so
// Run must be running. It may be called at any time, but not twice at once. What
// a crash leaves of it, Open completes.
func (l *Log) Retain(ctx context.Context, o RetainOptions) (*Retained, error) {
	r, err := l.retain(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("drop from ledger: %w", err)
	}
	return r, nil
}

func (l *Log) retain(ctx context.Context, o RetainOptions) (*Retained, error) {
	if o.Keep < LeastKeep {
		return nil, fmt.Errorf("entries are kept for at least %d days, since budgets of 30 days are counted from them", int(LeastKeep.Hours()/24))
	}
	// Of a removal that failed before.
	if err := l.removeBelow(l.kept()); err != nil {
		return nil, err
	}
	p, err := l.plan(o)
	if err != nil || p.done.Segments == 0 {
		return &p.done, err
	}
	p.record, err = l.restate(ctx, p, o.Text)
	if err != nil {
		return nil, err
	}
	receipt, err := l.Append(ctx, p.record...)
	if err != nil {
		return nil, err
	}
	p.recorded(receipt)
	if err := l.liftAgain(ctx, p, receipt); err != nil {
		return nil, err
	}
	// Only what is signed can be told from a deletion by whoever can delete.
	if err := l.awaitSigned(ctx, p.done.Index+1); err != nil {
		return nil, err
	}
	if err := l.drop(ctx, p); err != nil {
		return nil, err
	}
	return &p.done, nil
}

// A retention is one run of Retain.
type retention struct {
	done   Retained
	record []*Entry // what is written before: holds, and the Dropped entry last
	read   int64    // the holds are those in force after the entries below
	held   map[string]*Entry
}

// Retention tells what Retain would drop now, and changes nothing. Of the report
// Index, Time and Holds are not known.
func (l *Log) Retention(o RetainOptions) (*Retained, error) {
	p, err := l.plan(o)
	if err != nil {
		return nil, fmt.Errorf("plan retention of ledger: %w", err)
	}
	return &p.done, nil
}

// plan finds which segments go.
func (l *Log) plan(o RetainOptions) (*retention, error) {
	l.mu.Lock()
	v, signed := l.view, l.newest.Size
	l.mu.Unlock()
	segs := append(v.sealed[:len(v.sealed):len(v.sealed)], v.tail)
	n, bytes, err := expired(l.o.disk, l.dir, segs, signed, l.o.now().Add(-o.Keep), o.Archived)
	p := &retention{}
	if err != nil || n == 0 {
		return p, err
	}
	p.done.Segments, p.done.Bytes = n, bytes
	p.done.Span = Span{From: segs[0].first, To: segs[n].first}
	if p.done.Span.Since, err = firstTime(l.o.disk, l.dir, segs[0]); err != nil {
		return nil, err
	}
	if p.done.Span.Until, err = lastTime(l.o.disk, l.dir, segs[n-1]); err != nil {
		return nil, err
	}
	p.done.Span.Root, err = l.Tree().Root(p.done.Span.To)
	return p, err
}

// expired gives how many of segs, from the first on, hold nothing from before on
// and nothing that is not signed, and how many bytes these are. The last one
// always stays.
func expired(d disk, dir string, segs []segment, signed int64, before time.Time, archived func(int64, int64) bool) (n int, bytes int64, err error) {
	for ; n < len(segs)-1; n++ {
		next := segs[n+1]
		if next.first > signed || archived != nil && !archived(segs[n].first, next.first) {
			return n, bytes, nil
		}
		// Nothing in it is later than the first entry behind it. Only where that
		// is too young its own last entry has to be looked for.
		last, err := firstTime(d, dir, next)
		if err == nil && !last.Before(before) || next.bytes == segmentHeader {
			last, err = lastTime(d, dir, segs[n])
		}
		if err != nil || !last.Before(before) {
			return n, bytes, err
		}
		bytes += segs[n].bytes
	}
	return n, bytes, nil
}

// firstTime gives the time of a segment's first entry; zero where it has none.
func firstTime(d disk, dir string, s segment) (time.Time, error) { return edgeTime(d, dir, s, false) }

// lastTime gives that of its last entry, and reads all of it for that.
func lastTime(d disk, dir string, s segment) (time.Time, error) { return edgeTime(d, dir, s, true) }

func edgeTime(d disk, dir string, s segment, last bool) (at time.Time, err error) {
	f, err := d.open(filepath.Join(dir, segmentName(s.first)), readOnly)
	if err != nil {
		return at, err
	}
	defer f.Close()
	for r := newFrameReader(f, segmentHeader, s.bytes); ; {
		frame, _, err := r.next()
		if err == io.EOF || errors.Is(err, errShort) {
			return at, nil
		}
		if err == nil {
			at, err = check(frame[headSize:])
		}
		if err != nil {
			return at, fmt.Errorf("%w: %s, byte %d: %w", ErrDamaged, segmentName(s.first), r.at, err)
		}
		if !last {
			return at, nil
		}
	}
}

// restate gives the entries that Retain writes. A hold may be older than all that
// is kept, and must not end because its entry goes.
func (l *Log) restate(ctx context.Context, p *retention, text string) ([]*Entry, error) {
	p.held = map[string]*Entry{}
	going := map[string]bool{} // whether the hold's entry goes
	now := l.o.now()
	err := l.Replay(0, func(index int64, e *Entry) error {
		p.read = index + 1
		if ApplyHold(p.held, e, now) {
			going[e.Party] = index < p.done.Span.To
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	var all []*Entry
	for party, e := range p.held {
		if !going[party] {
			delete(p.held, party)
			continue
		}
		again := *e
		again.Salt, again.Time = [16]byte{}, time.Time{}
		if _, err := weir.ParseParty(party); err != nil {
			return nil, fmt.Errorf("%w: a hold on a party of an unknown kind would be lost", ErrEntry)
		}
		all = append(all, &again)
	}
	slices.SortFunc(all, func(a, b *Entry) int { return bytes.Compare([]byte(a.Party), []byte(b.Party)) })
	p.done.Holds = len(all)
	return append(all, &Entry{Kind: Dropped, Span: &p.done.Span, Text: text}), nil
}

// ApplyHold brings held, which has the hold in force on each party, up to e, as
// the guard does: of two holds the longer one counts, and a Lift ends both. A hold
// that has ended by now is none. It reports whether e is now the one in force.
func ApplyHold(held map[string]*Entry, e *Entry, now time.Time) bool {
	switch e.Kind {
	case Hold:
		if old := held[e.Party]; inForce(e, now) && (old == nil || longer(e.Until, old.Until)) {
			held[e.Party] = e
			return true
		}
	case Lift:
		delete(held, e.Party)
	}
	return false
}

// longer says whether a hold until a ends after one until b.
func longer(a, b time.Time) bool { return a.IsZero() || !b.IsZero() && a.After(b) }

func inForce(hold *Entry, now time.Time) bool { return hold.Until.IsZero() || hold.Until.After(now) }

func (p *retention) recorded(r Receipt) {
	p.done.Index = r.Index() + int64(r.N()) - 1
	p.done.Time = p.record[len(p.record)-1].Time
}

// liftAgain ends holds that somebody has lifted after restate had read the log
// and before they were recorded again.
func (l *Log) liftAgain(ctx context.Context, p *retention, r Receipt) error {
	var late []*Entry
	err := l.Replay(p.read, func(index int64, e *Entry) error {
		if index < r.Index() && e.Kind == Lift && p.held[e.Party] != nil {
			again := *e
			again.Salt, again.Time = [16]byte{}, time.Time{}
			late = append(late, &again)
		}
		return ctx.Err()
	})
	if err != nil || len(late) == 0 {
		return err
	}
	_, err = l.Append(ctx, late...)
	return err
}

// awaitSigned waits for a checkpoint of at least size entries.
func (l *Log) awaitSigned(ctx context.Context, size int64) error {
	tick := time.NewTicker(max(l.o.CheckpointEvery/10, time.Millisecond))
	defer tick.Stop()
	for {
		s := l.Status()
		if s.Checkpoint.Size >= size {
			return nil
		}
		if s.Err != nil {
			return s.Err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// drop takes the segments of p from the log, whose entry is durable and signed.
func (l *Log) drop(ctx context.Context, p *retention) error {
	to := p.done.Span.To
	// From here on Open completes it.
	if err := replaceFile(l.o.disk, l.path(droppedFile), droppedText(to, p.done.Index), true); err != nil {
		return err
	}
	if err := l.o.disk.syncDir(l.dir); err != nil {
		return err
	}
	if err := l.between(ctx, func() error {
		// Their hashes were synced when they were full; this costs nothing then.
		if err := l.tiles.sync(); err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.view.sealed = slices.Clone(l.view.sealed[p.done.Segments:])
		return nil
	}); err != nil {
		return err
	}
	return l.removeBelow(to)
}

// between has Run call do between two groups, since Run alone changes the view.
func (l *Log) between(ctx context.Context, do func() error) error {
	l.mu.Lock()
	running := l.running
	l.mu.Unlock()
	if !running {
		return do()
	}
	done := make(chan error, 1)
	select {
	case l.asked <- func() { done <- do() }:
		return <-done
	case <-l.ended:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kept gives the first entry that is kept.
func (l *Log) kept() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.first()
}

// removeBelow removes the files of all segments before first, the oldest first.
func (l *Log) removeBelow(first int64) error {
	names, err := l.o.disk.list(l.dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	removed := false
	for _, name := range names {
		if at, ok := parseSegmentName(name); ok && at < first {
			if err := l.o.disk.remove(l.path(name)); err != nil && !isMissing(err) {
				return err
			}
			removed = true
		}
	}
	if !removed {
		return nil
	}
	return l.o.disk.syncDir(l.dir)
}

// droppedFile says up to where segments are dropped, and which entry says so. It
// is there before the first one goes.
const droppedFile = "dropped"

const droppedMagic = "weir ledger dropped 1\n"

func droppedText(to, recorded int64) []byte {
	b := fmt.Appendf(nil, "%sbelow %d\nrecorded %d\n", droppedMagic, to, recorded)
	return fmt.Appendf(b, "crc32c %d\n", crc32.Checksum(b, castagnoli))
}

func parseDropped(b []byte) (to, recorded int64, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte(droppedMagic))
	if ok {
		to, rest, ok = cutNumber(rest, "below")
	}
	if ok {
		recorded, _, ok = cutNumber(rest, "recorded")
	}
	return to, recorded, ok && to > 0 && recorded >= to && bytes.Equal(b, droppedText(to, recorded))
}

// finishDrop completes a drop that a crash has cut short, and refuses a log whose
// first segments are gone without one.
func (l *Log) finishDrop(segs []segment) ([]segment, error) {
	b, err := readFile(l.o.disk, l.path(droppedFile))
	if isMissing(err) {
		if segs[0].first != 0 {
			return nil, fmt.Errorf("%w: the entries before %d are gone, and were not dropped by retention", ErrDamaged, segs[0].first)
		}
		return segs, nil
	}
	if err != nil {
		return nil, err
	}
	to, recorded, ok := parseDropped(b)
	if !ok {
		return nil, fmt.Errorf("%w: %s cannot be read", ErrDamaged, droppedFile)
	}
	k := slices.IndexFunc(segs, func(s segment) bool { return s.first == to })
	if k < 0 {
		return nil, fmt.Errorf("%w: the segment of entry %d, the first one kept, is missing", ErrDamaged, to)
	}
	e, err := l.entryAt(segs[k:], recorded)
	if err != nil {
		return nil, err
	}
	if e == nil || e.Kind != Dropped || e.Span == nil || e.Span.To != to {
		return nil, fmt.Errorf("%w: entry %d does not say what %s says of it", ErrDamaged, recorded, droppedFile)
	}
	if k == 0 {
		return segs, nil
	}
	l.o.Log.Info("ledger: completing an interrupted drop", "segments", k)
	return segs[k:], l.removeBelow(to)
}

var errFound = errors.New("found")

// entryAt reads one entry; nil where there is none.
func (l *Log) entryAt(segs []segment, index int64) (found *Entry, err error) {
	n := len(segs) - 1
	r := &reader{disk: l.o.disk, dir: l.dir, want: index, outside: true}
	defer r.close()
	err = r.read(context.Background(), view{sealed: segs[:n], tail: segs[n]}, func(i int64, e *Entry) error {
		if i == index {
			found = e
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}

package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
)

// recover brings l to where the files are: it reads the signed history, goes on
// from the newest frontier that fits it, reads the frames behind that, and cuts
// off what a crash left behind the last whole one.
func (l *Log) recover() error {
	if _, err := readFile(l.o.disk, l.path(restoredFile)); !isMissing(err) {
		return cmp.Or(err, ErrRestored)
	}
	notes, err := l.openHistory()
	if err != nil {
		return err
	}
	head := notes[len(notes)-1]
	segs, err := listSegments(l.o.disk, l.dir)
	if err != nil {
		return err
	}
	if segs, err = l.dropUnborn(segs); err != nil {
		return err
	}
	if segs, err = l.finishDrop(segs); err != nil {
		return err
	}
	from, err := l.loadResume(notes, segs)
	if err != nil {
		return err
	}
	l.tree, l.last, l.newest, l.signed, l.handed = from.tree, from.last, head, head.Size, head.Size
	if from.tree.size == head.Size {
		l.newest.Time = from.signed
	}
	if from.tree.size == head.Size && from.tree.root() != head.Root {
		return fmt.Errorf("%w: the checkpoint of %d entries is for other entries", ErrDamaged, head.Size)
	}
	resumeAt := from.segs[len(from.segs)-1]
	k := slices.IndexFunc(segs, func(s segment) bool { return s.first == resumeAt.first })
	for i := k; i < len(segs); i++ {
		if segs[i].first != l.tree.size && i > k {
			return fmt.Errorf("%w: %s should begin with entry %d", ErrDamaged, segmentName(segs[i].first), l.tree.size)
		}
		at := int64(segmentHeader)
		if i == k {
			at = resumeAt.bytes
		}
		if segs[i].bytes, err = l.readOn(segs[i], at, i == len(segs)-1, head); err != nil {
			return err
		}
	}
	if l.tree.size < head.Size {
		return fmt.Errorf("%w: %d entries are signed, %d are there", ErrRolledBack, head.Size, l.tree.size)
	}
	n := len(segs) - 1
	l.view = view{size: l.tree.size, sealed: segs[:n:n], tail: segs[n], grown: make(chan struct{})}
	unsigned := int64(0) // where in the last segment what is not under the frontier begins
	if k == n && from.tree.size > segs[n].first {
		unsigned = resumeAt.bytes
	}
	if l.began, err = firstTime(l.o.disk, l.dir, segs[n]); err != nil {
		return err
	}
	if err := l.settle(unsigned, segs[n].bytes); err != nil {
		return err
	}
	return l.openTiles()
}

// openHistory opens the file of all checkpoints, cuts off what a crash left of
// the last one, and gives the newest ones, at least one.
func (l *Log) openHistory() ([]Checkpoint, error) {
	f, err := l.o.disk.open(l.path(historyFile), readWrite)
	if err != nil {
		return nil, err
	}
	l.past = f
	size, err := f.size()
	if err != nil {
		return nil, err
	}
	// The newest few are enough, and each costs a check of its signature; the
	// whole file has to do where they are longer than expected.
	from := max(0, size-4<<10)
	b, notes, rest, err := l.historyFrom(from, size)
	if err == nil && len(notes) == 0 && from > 0 {
		b, notes, rest, err = l.historyFrom(0, size)
	}
	if err != nil {
		return nil, err
	}
	if len(notes) == 0 {
		return nil, fmt.Errorf("%w: %s holds no checkpoint by this key", ErrDamaged, historyFile)
	}
	l.pastAt = size - int64(len(rest))
	if holdsNote(rest, l.chain) {
		return nil, fmt.Errorf("%w: %s has a checkpoint that does not hold before one that does", ErrDamaged, historyFile)
	}
	// What is left is of a write that was not completed. The last whole one is
	// written once more, for the reason that settle gives.
	if err := l.settleHistory(b[:len(b)-len(rest)], size); err != nil {
		return nil, err
	}
	// The published one is written after the history.
	msg, err := readFile(l.o.disk, l.path(checkpointFile))
	if err != nil && !isMissing(err) {
		return nil, err
	}
	if err := l.keepCover(&notes); err != nil {
		return nil, err
	}
	head := notes[len(notes)-1]
	if c, err := l.chain.open(msg); err == nil {
		if c.Size > head.Size {
			return nil, fmt.Errorf("%w: %s is for %d entries, %s ends with %d", ErrRolledBack, checkpointFile, c.Size, historyFile, head.Size)
		}
		if c.Size == head.Size && c.Root != head.Root {
			return nil, fmt.Errorf("%w: %s and %s disagree", ErrDamaged, checkpointFile, historyFile)
		}
	}
	return notes, nil
}

// historyFrom reads the history from offset from on.
func (l *Log) historyFrom(from, size int64) (b []byte, notes []Checkpoint, rest []byte, err error) {
	b = make([]byte, size-from)
	if _, err := l.past.ReadAt(b, from); err != nil && err != io.EOF {
		return nil, nil, nil, err
	}
	notes, rest = openNotes(b, from == 0, l.chain)
	return b, notes, rest, nil
}

// settleHistory cuts the history behind notes, which end at pastAt, and writes
// the last of them again.
func (l *Log) settleHistory(notes []byte, size int64) error {
	if size > l.pastAt {
		if err := l.past.truncate(l.pastAt); err != nil {
			return err
		}
	}
	last := notes[:len(notes)-2]
	for range 2 { // a note holds one empty line, and one separates it from the note before
		last = last[:max(0, bytes.LastIndex(last, []byte("\n\n")))]
	}
	l.note = bytes.Clone(bytes.TrimLeft(notes[len(last):len(notes)-1], "\n"))
	if _, err := l.past.WriteAt(notes[len(last):], l.pastAt-int64(len(notes)-len(last))); err != nil {
		return err
	}
	return l.past.sync()
}

// holdsNote reports whether a signed note stands anywhere in b.
func holdsNote(b []byte, keys *chain) bool {
	for i := 0; i >= 0 && len(b) > 0; {
		if msg, _, ok := splitNote(b); ok {
			if _, err := keys.open(msg); err == nil {
				return true
			}
		}
		i = bytes.Index(b, []byte("\n\n"))
		b = b[i+2:]
	}
	return false
}

// openNotes reads notes from b as long as they hold; rest begins with the first
// that does not. Unless b begins with a note, it is searched for a first one.
func openNotes(b []byte, atStart bool, keys *chain) (notes []Checkpoint, rest []byte) {
	for {
		msg, next, ok := splitNote(b)
		if !ok {
			return notes, b
		}
		c, err := keys.open(msg)
		if err != nil && len(notes) == 0 && !atStart {
			b = b[bytes.Index(b, []byte("\n\n"))+2:]
			continue
		}
		if err != nil {
			return notes, b
		}
		notes = append(notes, c)
		b = next
	}
}

// listSegments gives the segments of dir in order, at least one, with the lengths
// of their files. The first begins with entry 0 unless those before were dropped.
func listSegments(d disk, dir string) ([]segment, error) {
	names, err := d.list(dir)
	if err != nil {
		return nil, err
	}
	var segs []segment
	for _, name := range names {
		first, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		f, err := d.open(filepath.Join(dir, name), readOnly)
		if isMissing(err) {
			continue // dropped since it was listed
		}
		if err != nil {
			return nil, err
		}
		n, err := f.size()
		f.Close()
		if err != nil {
			return nil, err
		}
		segs = append(segs, segment{first: first, bytes: n})
	}
	slices.SortFunc(segs, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	if len(segs) == 0 {
		return nil, fmt.Errorf("%w: there is no segment", ErrDamaged)
	}
	return segs, nil
}

// dropUnborn removes a last segment that a crash has left without its header:
// nothing was ever written to it.
func (l *Log) dropUnborn(segs []segment) ([]segment, error) {
	last := segs[len(segs)-1]
	if len(segs) == 1 || last.bytes > segmentHeader {
		return segs, nil
	}
	name := l.path(segmentName(last.first))
	b, err := readFile(l.o.disk, name)
	if err != nil {
		return nil, err
	}
	if checkSegmentHeader(b, last.first) {
		return segs, nil
	}
	if err := l.o.disk.remove(name); err != nil {
		return nil, err
	}
	l.repaired += int64(len(b))
	return segs[:len(segs)-1], l.o.disk.syncDir(l.dir)
}

// loadResume gives where to go on from: what the frontier file says, if that
// agrees with a signed checkpoint and with the files, else the first entry that is
// kept, whose tree the hashes of those before it give.
func (l *Log) loadResume(notes []Checkpoint, segs []segment) (resume, error) {
	if r, ok := l.newestResume(notes, segs); ok {
		return r, nil
	}
	tree, err := keptFrontier(l.o.disk, l.path(tileDir), segs[0].first)
	return resume{tree: tree, segs: []segment{{first: segs[0].first, bytes: segmentHeader}}}, err
}

func (l *Log) newestResume(notes []Checkpoint, segs []segment) (r resume, ok bool) {
	b, err := readFile(l.o.disk, l.path(frontierFile))
	if err != nil {
		return r, false
	}
	if r, err = parseResume(b); err != nil {
		return r, false
	}
	root := r.tree.root()
	if !slices.ContainsFunc(notes, func(c Checkpoint) bool { return c.Size == r.tree.size && c.Root == root }) {
		return r, false
	}
	// It may have been written before the first ones were dropped.
	for len(r.segs) > 0 && r.segs[0].first < segs[0].first {
		r.segs = r.segs[1:]
	}
	if len(r.segs) == 0 || len(r.segs) > len(segs) {
		return r, false
	}
	// The full segments must still have the length that they had, and the last
	// one at least that. Where not, reading all of it says what is wrong.
	for i, s := range r.segs {
		if s.first != segs[i].first || s.bytes > segs[i].bytes || i < len(r.segs)-1 && s.bytes != segs[i].bytes {
			return r, false
		}
	}
	return r, true
}

// readOn reads the frames of one segment from offset at on into the tree, and
// gives the offset at which the last whole one ends.
func (l *Log) readOn(s segment, at int64, isLast bool, head Checkpoint) (int64, error) {
	name := segmentName(s.first)
	f, err := l.o.disk.open(l.path(name), readOnly)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	header := make([]byte, segmentHeader)
	if _, err := f.ReadAt(header, 0); err != nil && err != io.EOF {
		return 0, err
	}
	if !checkSegmentHeader(header, s.first) {
		return 0, fmt.Errorf("%w: %s does not begin as a segment", ErrDamaged, name)
	}
	r := newFrameReader(f, at, s.bytes)
	r.ahead = isLast
	for {
		frame, _, err := r.next()
		if err == io.EOF {
			return r.at, nil
		}
		if brokenFrame(err) {
			if err != errTorn || l.tree.size < head.Size {
				return 0, fmt.Errorf("%w: %s, byte %d, entry %d", ErrDamaged, name, r.at, l.tree.size)
			}
			l.repaired += r.torn
			return r.at, nil
		}
		if err != nil {
			return 0, err
		}
		t, err := check(frame[headSize:])
		if err != nil {
			return 0, fmt.Errorf("%w: %s, byte %d, entry %d: %w", ErrDamaged, name, r.at-int64(len(frame)), l.tree.size, err)
		}
		if kindOf(frame[headSize:]) == KeyChange && l.tree.size >= head.Size {
			if l.unfinished != nil {
				return 0, fmt.Errorf("%w: entries %d and %d both change the key, and neither is signed", ErrDamaged, l.unfinished.index, l.tree.size)
			}
			l.unfinished = &turn{index: l.tree.size, entry: bytes.Clone(frame[headSize:])}
		}
		l.last = t
		l.tree.push(leafHash(frame))
		if l.tree.size == head.Size && l.tree.root() != head.Root {
			return 0, fmt.Errorf("%w: the first %d entries are not those that were signed", ErrDamaged, head.Size)
		}
	}
}

// settle opens the last segment for writing, cuts it at end, and writes what
// stands behind from, all that is not under the frontier, once more; and it
// makes the names in the directory durable. A sync that failed in the process
// before may have left these in memory only, where a further sync would pass
// over them.
func (l *Log) settle(from, end int64) error {
	f, err := l.o.disk.open(l.path(segmentName(l.view.tail.first)), readWrite)
	if err != nil {
		return err
	}
	l.tail, l.length = f, end
	// Through a length that it does not have: this one is written, too, even if
	// the file has it already.
	for _, length := range []int64{end + 1, end} {
		if err := f.truncate(length); err != nil {
			return err
		}
	}
	if b := make([]byte, end-from); len(b) > 0 {
		if _, err := f.ReadAt(b, from); err != nil {
			return err
		}
		if _, err := f.WriteAt(b, from); err != nil {
			return err
		}
	}
	if err := f.sync(); err != nil {
		return err
	}
	if err := l.o.disk.syncDir(l.dir); err != nil {
		return err
	}
	return l.o.disk.syncDir(filepath.Dir(filepath.Clean(l.dir)))
}

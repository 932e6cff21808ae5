package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrBroken is what Verify says of a log that does not hold. The report says
// where.
var ErrBroken = errors.New("ledger does not hold")

// VerifyOptions say against what a log is verified.
type VerifyOptions struct {
	// Key is the text of the public key that the auditor trusts, or of several, a
	// line each. One of the log's keys is enough, old or new: from it the changes
	// are followed to the others. Where it is empty the log's own key.pub is
	// believed, which proves only that the files agree with one another.
	Key string
	// Checkpoint is the text of an older checkpoint of this log that was kept
	// elsewhere. The log must still begin with what it was signed for. This, and
	// nothing in the directory, shows a history that the holder of the key has
	// written anew.
	Checkpoint string
	// Witnesses are the texts of the public keys of witnesses that the auditor
	// trusts, and Threshold how many of them must have signed a checkpoint; 0:
	// all. With witnesses, a log of which they have signed nothing does not hold.
	Witnesses []string
	Threshold int
	// Progress, if not nil, is told now and then how many of the bytes are done.
	Progress func(done, total int64)

	block   int // 0: blockSize, where that is worth it
	disk    disk
	trusted note.Verifier // nil: the one that Key says
}

// A VerifyReport says what holds, and where it ends holding.
type VerifyReport struct {
	Origin string
	Key    string // the public key that is in force at the end
	OwnKey bool   // what was believed came from the directory itself
	// Changes are those of the key, in order; none where it never changed.
	Changes []KeyUse
	Entries int64 // in the tree: found and well-formed, and those of which only the hashes are kept
	First   int64 // the first that is kept
	// Dropped says which entries are not kept, as the entry at DroppedBy, from
	// DroppedAt, records it; nil where all are.
	Dropped   *Span
	DroppedBy int64
	DroppedAt time.Time
	Bytes     int64 // of those, in segment files
	From      time.Time
	To        time.Time // times of the first and the last of them
	// Signed is the newest checkpoint that the entries match; behind it stand
	// Entries - Signed.Size entries that nobody has signed yet.
	Signed      Checkpoint
	Checkpoints int  // how many match
	Older       bool // VerifyOptions.Checkpoint was given and matches
	// Witnessed is the newest checkpoint that enough of VerifyOptions.Witnesses
	// have signed.
	Witnessed Witnessed
	// Unfinished is the length of an incomplete write at the end, behind all
	// that was signed: of a crash, or of a server that is writing just now.
	Unfinished int64
	Break      *Break // nil: all holds
}

// A Break is the first place at which a log does not hold.
type Break struct {
	// The trouble begins at one of the entries [From, To). What the checksum of
	// a frame shows is one entry; what only a root hash shows lies between two
	// checkpoints.
	From, To int64
	Segment  string // the file; "" where it is not in a segment
	Offset   int64  // byte in the file where it shows
	What     string // a sentence
}

func (b *Break) String() string {
	where := fmt.Sprintf("entry %d", b.From)
	if b.To > b.From+1 {
		where = fmt.Sprintf("entries %d to %d", b.From, b.To-1)
	}
	if b.Segment != "" {
		where += fmt.Sprintf(" (%s, byte %d)", b.Segment, b.Offset)
	}
	return where + ": " + b.What
}

// SelfAttested reports whether nobody but the log's own key vouches for it: a
// further signature on a checkpoint counts only if VerifyOptions names its key.
func (r *VerifyReport) SelfAttested() bool { return !r.Witnessed.Holds() }

// String says in plain words what was found.
func (r *VerifyReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "log %s: %d entries", r.Origin, r.Entries)
	if r.Break == nil {
		fmt.Fprintf(&b, ", all whole and in order.\n%d checkpoints match; the newest covers %d entries.\n", r.Checkpoints, r.Signed.Size)
	} else {
		fmt.Fprintf(&b, " hold. It breaks at %s.\n%d checkpoints match; the newest that does covers %d entries.\n", r.Break, r.Checkpoints, r.Signed.Size)
	}
	if r.Dropped != nil {
		fmt.Fprintf(&b, "Entries 0 to %d were dropped on %s, as recorded in entry %d; their hashes are kept.\n",
			r.First-1, r.DroppedAt.Format(time.DateOnly), r.DroppedBy)
	}
	if n := r.Entries - r.Signed.Size; n > 0 {
		fmt.Fprintf(&b, "%d entries behind it are not signed yet.\n", n)
	}
	if r.Unfinished > 0 {
		fmt.Fprintf(&b, "%d bytes of an unfinished write follow.\n", r.Unfinished)
	}
	if r.Older {
		b.WriteString("It begins with everything that the older checkpoint was signed for.\n")
	}
	for _, c := range r.Changes {
		if c.Replaced {
			fmt.Fprintf(&b, "Entry %d replaced the key, on %s, without a signature of the one before: who believes one of these two has no reason in the log to believe the other.\n", c.Entry, c.Since.Format(time.RFC3339))
		} else {
			fmt.Fprintf(&b, "Entry %d changed the key, on %s; the one before has signed for it.\n", c.Entry, c.Since.Format(time.RFC3339))
		}
	}
	if r.OwnKey {
		b.WriteString("The key was taken from the directory itself: this shows that the files agree with one another, not who wrote them.\n")
	}
	if w := r.Witnessed; w.Holds() {
		fmt.Fprintf(&b, "Witnessed: %d of the %d witnesses that you trust have signed the first %d entries, last at %s. Whoever holds the log's key cannot have written these anew.\n",
			w.By, w.Of, w.Checkpoint.Size, w.Checkpoint.Time.Format(time.RFC3339))
		if n := r.Entries - w.Checkpoint.Size; n > 0 {
			fmt.Fprintf(&b, "For the %d entries behind these only the log's own key vouches.\n", n)
		}
	} else {
		b.WriteString("Self-attested: no outside signature. Whoever holds the key could have written all of it anew.\n")
	}
	return b.String()
}

// Verify reads a whole log from outside, also while a server writes to it: each
// frame's checksum, each entry's encoding and place in time, the Merkle tree over
// all of them, and every checkpoint that was kept: its signature, and that the
// tree had its root at its size. It takes no lock and changes nothing.
//
// It fails with ErrBroken where something does not hold, and the report says
// where; and without a report, with ErrKey where the key is missing or is not the
// log's, and with other errors where files cannot be read.
func Verify(dir string, o VerifyOptions) (*VerifyReport, error) {
	if o.disk == nil {
		o.disk = osDisk{}
	}
	var v *verification
	for try := 0; ; try++ {
		v = &verification{dir: dir, o: o, report: &VerifyReport{}}
		err := v.run()
		if isMissing(err) && try < 3 {
			// The first segments may have been dropped meanwhile.
			if segs, lerr := listSegments(o.disk, dir); lerr == nil && segs[0].first > v.report.First {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("verify ledger: %w", err)
		}
		break
	}
	if v.report.Break != nil {
		return v.report, fmt.Errorf("verify ledger: %w: %s", ErrBroken, v.report.Break)
	}
	return v.report, nil
}

// A verification is one run of Verify.
type verification struct {
	dir    string
	o      VerifyOptions
	report *VerifyReport

	quorum quorum
	keys   *chain
	links  []link  // the changes whose entries have not been met yet
	broken *link   // the first key that nobody who is believed has signed for
	signed int64   // the largest size for which there is a claim
	claims []claim // sorted by size
	tree   frontier
	root   tlog.Hash // of the tree of the entries that are not kept
	last   time.Time
	total  int64
	done   int64
}

// A claim is a root that somebody signed for a size.
type claim struct {
	size  int64
	root  tlog.Hash
	where string // the file that it stands in
	older bool
	by    Witnessed
}

func (v *verification) fail(from, to int64, segment string, offset int64, what string) {
	if v.report.Break == nil {
		v.report.Break = &Break{From: from, To: to, Segment: segment, Offset: offset, What: what}
	}
}

func (v *verification) run() error {
	// What is signed is read before the keys, so that it is by keys known then.
	signed, err := v.readSigned()
	if err != nil {
		return err
	}
	if err := v.believe(); err != nil {
		return err
	}
	if v.quorum, err = newQuorum(v.o.Witnesses, v.o.Threshold); err != nil {
		return err
	}
	v.report.Witnessed = Witnessed{Of: len(v.quorum.of), Need: v.quorum.need}
	// Checkpoints before segments: what is signed by now is there by now.
	broken, err := v.readClaims(v.keys, signed)
	if err != nil {
		return err
	}
	segs, err := listSegments(v.o.disk, v.dir)
	if errors.Is(err, ErrDamaged) {
		v.fail(0, 1, "", 0, "there is no segment")
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range segs {
		v.total += s.bytes
	}
	if !v.claimed("", 0) {
		return nil
	}
	if ok, err := v.dropped(segs[0].first); !ok || err != nil {
		return err
	}
	for i, s := range segs {
		ok, err := v.segment(s, i == len(segs)-1)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
	}
	if len(v.claims) > 0 {
		c := v.claims[len(v.claims)-1]
		v.fail(v.tree.size, c.size, segmentName(segs[len(segs)-1].first), segs[len(segs)-1].bytes,
			fmt.Sprintf("the log ends here, but %s has a checkpoint for %d entries", c.where, c.size))
		return nil
	}
	if v.report.First > 0 && v.report.Dropped == nil {
		v.fail(0, v.report.First, "", 0, "these entries are missing, and no entry behind them says that they were dropped")
		return nil
	}
	if len(v.links) > 0 {
		l := v.links[0]
		v.fail(v.tree.size, l.index+1, "", 0, fmt.Sprintf("%s has a change of keys in entry %d, which is not there", keysFile, l.index))
	}
	if b := v.broken; b != nil {
		v.fail(b.index, v.tree.size, "", 0, fmt.Sprintf(
			"break of trust: %s replaced the key before, which has not signed for it. Only whoever believes the new key for another reason may believe what is signed since", b.text))
	}
	// A broken note in the history is told last: where the entries break
	// matters more.
	if broken != "" {
		v.fail(v.report.Signed.Size, v.tree.size, "", 0, broken)
	}
	if len(v.quorum.of) > 0 && !v.report.Witnessed.Holds() {
		v.fail(0, v.tree.size, "", 0, fmt.Sprintf("no checkpoint of them is signed by %d of the %d witnesses given", v.quorum.need, len(v.quorum.of)))
	}
	return nil
}

// believe finds out which of the log's keys are to be believed.
func (v *verification) believe() error {
	if v.o.trusted != nil {
		v.keys = newChain(v.o.trusted, "")
		return nil
	}
	keys := believedKeys(v.o.Key)
	for _, k := range keys {
		if _, err := note.NewVerifier(k); err != nil {
			return fmt.Errorf("%w: not the text of a public note key", ErrKey)
		}
	}
	c, current, err := readChain(v.o.disk, v.dir)
	if isMissing(err) && len(keys) == 1 {
		c, err = chainOf(keys[0])
		current = keys[0]
	}
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		keys, v.report.OwnKey = []string{current}, true
	}
	if v.broken, err = c.believed(keys); err != nil {
		return err
	}
	v.keys, v.links = c, c.links[1:]
	v.report.Key, v.report.Origin, v.report.Changes = c.last().text, c.origin(), c.uses()[1:]
	return nil
}

// readSigned reads the files of signed notes; one that is missing is empty.
func (v *verification) readSigned() (signed map[string][]byte, err error) {
	signed = map[string][]byte{}
	for _, name := range []string{checkpointFile, witnessedFile, historyFile} {
		if signed[name], err = readFile(v.o.disk, filepath.Join(v.dir, name)); err != nil && !isMissing(err) {
			return nil, err
		}
	}
	return signed, nil
}

// readClaims collects every signed root. broken says what is wrong with the
// history file itself.
func (v *verification) readClaims(key *chain, signed map[string][]byte) (broken string, err error) {
	published, history, witnessed := signed[checkpointFile], signed[historyFile], signed[witnessedFile]
	notes, rest := openNotes(history, true, key)
	for i, c := range notes {
		if i > 0 && c.Size <= notes[i-1].Size {
			broken = fmt.Sprintf("%s: checkpoint %d covers no more than the one before", historyFile, i)
		}
		v.claims = append(v.claims, claim{size: c.Size, root: c.Root, where: historyFile})
	}
	// Half a note at the end may be one that is being written.
	if _, _, whole := splitNote(rest); whole || holdsNote(rest, key) {
		broken = fmt.Sprintf("%s: checkpoint %d is not signed by the key, or not a checkpoint of this log", historyFile, len(notes))
	}
	if len(notes) == 0 && broken == "" {
		broken = historyFile + " holds no checkpoint"
	}
	if c, err := key.open(published); err == nil {
		v.claims = append(v.claims, claim{size: c.Size, root: c.Root, where: checkpointFile})
		if len(notes) > 0 && c.Size > notes[len(notes)-1].Size && broken == "" {
			broken = historyFile + " ends before the published checkpoint"
		}
	} else if len(published) > 0 && broken == "" {
		broken = checkpointFile + " is not signed by the key, or not a checkpoint of this log"
	}
	if v.o.Checkpoint != "" {
		c, err := key.open([]byte(v.o.Checkpoint))
		by, werr := v.quorum.open([]byte(v.o.Checkpoint), key)
		if err != nil || werr != nil {
			return "", fmt.Errorf("%w: the older checkpoint is not one that this key signed for this log", ErrKey)
		}
		v.claims = append(v.claims, claim{size: c.Size, root: c.Root, where: "the checkpoint kept elsewhere", older: true, by: by})
	}
	for msg, rest, ok := splitNote(witnessed); ok; msg, rest, ok = splitNote(rest) {
		by, err := v.quorum.open(msg, key)
		if err != nil {
			if broken == "" {
				broken = witnessedFile + " has a checkpoint whose signatures do not hold, or not one of this log"
			}
			break
		}
		v.claims = append(v.claims, claim{size: by.Checkpoint.Size, root: by.Checkpoint.Root, where: witnessedFile, by: by})
	}
	for _, l := range key.links[1:] {
		v.claims = append(v.claims, claim{size: l.cover.Size, root: l.cover.Root, where: keysFile})
	}
	for _, c := range v.claims {
		v.signed = max(v.signed, c.size)
	}
	slices.SortStableFunc(v.claims, func(a, b claim) int { return cmp.Compare(a.size, b.size) })
	return broken, nil
}

// claimed compares the tree, when it has grown to a size for which there are
// claims, with their roots.
func (v *verification) claimed(segment string, offset int64) bool {
	for len(v.claims) > 0 && v.claims[0].size == v.tree.size {
		c := v.claims[0]
		v.claims = v.claims[1:]
		root := v.tree.root()
		if root != c.root {
			v.fail(v.report.Signed.Size, max(c.size, 1), segment, offset,
				fmt.Sprintf("these are not the entries for which %s has a checkpoint of %d", c.where, c.size))
			return false
		}
		v.report.Signed = Checkpoint{Size: c.size, Root: c.root}
		if c.by.Holds() {
			v.report.Witnessed = c.by
		}
		if c.where == witnessedFile || c.where == keysFile {
			continue
		}
		if c.older {
			v.report.Older = true
		} else {
			v.report.Checkpoints++
		}
	}
	return true
}

// dropped puts the hashes of the entries before first, of which nothing else is
// kept, into the tree. They are believed no more than entries are: what they
// lead to must have been signed. It gives false where that breaks.
func (v *verification) dropped(first int64) (bool, error) {
	if v.report.First = first; first == 0 {
		return true, nil
	}
	name := filepath.Join(tileDir, tileName(0))
	f, err := v.o.disk.open(filepath.Join(v.dir, name), readOnly)
	if err != nil && !isMissing(err) {
		return false, err
	}
	if err != nil {
		v.fail(0, first, name, 0, "the entries were dropped, and their hashes are missing")
		return false, nil
	}
	defer f.Close()
	b := make([]byte, readSize)
	for at := int64(0); v.tree.size < first; at += int64(len(b)) {
		b = b[:min(int64(len(b)), (first-v.tree.size)*tlog.HashSize)]
		if _, err := io.ReadFull(io.NewSectionReader(f, at, int64(len(b))), b); err != nil {
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				return false, err
			}
			v.fail(v.tree.size, first, name, at, "the entries were dropped, and their hashes are missing")
			return false, nil
		}
		for i := 0; i < len(b); i += tlog.HashSize {
			v.tree.push(tlog.Hash(b[i:]))
			if !v.claimed(name, at+int64(i)) {
				return false, nil
			}
		}
	}
	v.report.Entries, v.root = v.tree.size, v.tree.root()
	for len(v.links) > 0 && v.links[0].index < first {
		v.links = v.links[1:] // its proof in the file keys is what is left of it
	}
	return true, nil
}

// recorded takes note of an entry that says what was dropped.
func (v *verification) recorded(index int64, entry []byte) error {
	e, err := Decode(entry)
	if err != nil {
		return err
	}
	if e.Span != nil && v.report.First > 0 && e.Span.To >= v.report.First && v.report.Dropped == nil {
		v.report.Dropped, v.report.DroppedBy, v.report.DroppedAt = e.Span, index, e.Time
		if e.Span.To == v.report.First && e.Span.Root != v.root {
			v.fail(0, v.report.First, "", 0, fmt.Sprintf("entry %d says that other entries than these were dropped", index))
		}
	}
	return nil
}

// changed reports whether the entry at index is the next change of keys that the
// file keys has, or one that is not signed yet.
func (v *verification) changed(index int64, entry []byte) bool {
	if len(v.links) > 0 && v.links[0].index == index && bytes.Equal(v.links[0].entry, entry) {
		v.links = v.links[1:]
		return true
	}
	return len(v.links) == 0 && index >= v.signed
}

// segment reads one file. It gives false where the log breaks.
func (v *verification) segment(s segment, isLast bool) (bool, error) {
	name := segmentName(s.first)
	if s.first != v.tree.size {
		v.fail(v.tree.size, max(s.first, v.tree.size+1), name, 0, fmt.Sprintf("a segment with entry %d is missing, or this one is misnamed", v.tree.size))
		return false, nil
	}
	f, err := v.o.disk.open(filepath.Join(v.dir, name), readOnly)
	if err != nil {
		return false, err
	}
	defer f.Close()
	header := make([]byte, segmentHeader)
	if _, err := f.ReadAt(header, 0); err != nil && err != io.EOF {
		return false, err
	}
	if !checkSegmentHeader(header, s.first) {
		if isLast && s.bytes <= segmentHeader && len(v.claims) == 0 {
			v.report.Unfinished = s.bytes
			return true, nil
		}
		v.fail(s.first, s.first+1, name, 0, "the file does not begin as this segment does")
		return false, nil
	}
	r := newFrameReader(f, segmentHeader, s.bytes)
	r.ahead = isLast
	ahead := v.readAhead(f, s.bytes)
	defer ahead.stop()
	end := r.at // of the block before
	for b := ahead.next(); b != nil && r.at == end; b = ahead.next() {
		end = b.end
		if v.follows(b) {
			if !v.take(name, b) {
				return false, nil
			}
			r.reset(f, end, s.bytes)
		} else if whole, err := v.frames(name, r, end); err != nil || !whole {
			return v.report.Break == nil, err
		}
		ahead.free <- b
	}
	_, err = v.frames(name, r, s.bytes)
	return v.report.Break == nil, err
}

// frames reads frame by frame up to the offset to. It gives false where the file
// ends before, or the log breaks.
func (v *verification) frames(name string, r *frameReader, to int64) (bool, error) {
	for r.at < to {
		at := r.at
		frame, _, err := r.next()
		if err == io.EOF {
			return false, nil
		}
		index := v.tree.size
		if err == errTorn && len(v.claims) == 0 {
			v.report.Unfinished = r.torn
			return false, nil
		}
		if brokenFrame(err) {
			if err == errTorn {
				err = errDamage // it was signed
			}
			v.fail(index, index+1, name, at, err.Error())
			return false, nil
		}
		if err != nil {
			return false, err
		}
		t, err := check(frame[headSize:])
		if err != nil {
			v.fail(index, index+1, name, at, err.Error())
			return false, nil
		}
		if t.Before(v.last) {
			v.fail(index, index+1, name, at, "the entry is earlier than the one before it")
			return false, nil
		}
		v.last = t
		if index == v.report.First {
			v.report.From = t
		}
		if kindOf(frame[headSize:]) == Dropped {
			if err := v.recorded(index, frame[headSize:]); err != nil || v.report.Break != nil {
				return false, err
			}
		}
		if kindOf(frame[headSize:]) == KeyChange && !v.changed(index, frame[headSize:]) {
			v.fail(index, index+1, name, at, fmt.Sprintf("it changes the key, and %s does not say so", keysFile))
			return false, nil
		}
		n := int64(len(frame))
		v.tree.push(leafHash(frame))
		v.report.Entries, v.report.To = v.tree.size, t
		v.report.Bytes += n
		if v.done += n; v.o.Progress != nil && v.tree.size%(1<<16) == 0 {
			v.o.Progress(v.done, v.total)
		}
		if !v.claimed(name, at) {
			return false, nil
		}
	}
	return true, nil
}

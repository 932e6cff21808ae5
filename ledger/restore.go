package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrRestored is what Open says of a log that was restored from an archive: what
// the log had recorded behind the last archived entry is not in it, so that
// going on from there would fork it.
var ErrRestored = errors.New("ledger was restored from an archive and may lack its newest entries")

// RestoreOptions say how a log is restored.
type RestoreOptions struct {
	// Verify says against what the restored log is verified before it stands.
	Verify VerifyOptions
	// UpToFault restores what lies before the first piece that is missing or does
	// not hold, in place of refusing.
	UpToFault bool
	// Progress, if not nil, is told now and then how many entries are restored.
	Progress func(done, total int64)

	disk disk
}

// A Restored says what was restored, and what is known to be missing.
type Restored struct {
	Report *VerifyReport // of the restored log
	Pieces int           // that it was made from
	Bytes  int64         // of these
	Reused int64         // bytes of segments that an interrupted restore had left
	// Known is the newest checkpoint that the archive, or the older checkpoint
	// of RestoreOptions.Verify, has: Known.Size - Report.Entries entries at least
	// were recorded and are not restored.
	Known Checkpoint
	// Fault is what ended a restore with UpToFault; nil: all of the archive.
	Fault error
}

// Missing gives how many entries the log is known to have had behind the last
// restored one. There may have been more.
func (r *Restored) Missing() int64 { return max(0, r.Known.Size-r.Report.Entries) }

// restoring is put behind the name of a directory while it is being restored.
const restoring = ".restoring"

// restoredFile marks a log that is complete as a record and not to be written to.
const restoredFile = "restored"

// Restore makes the log of an archive in dir, which must not exist: it fails with
// an error that is fs.ErrExist. Every frame, hash and checkpoint is checked as it
// comes, and all of it verified once more before dir has its name. It fails with
// ErrArchive, naming piece and entries, where the archive does not hold. What an
// interrupted Restore has left beside dir is gone on from.
//
// The restored log can be read, proven from and verified like any other, and
// Open refuses it with ErrRestored.
func Restore(ctx context.Context, b Bucket, dir string, o RestoreOptions) (*Restored, error) {
	if o.disk == nil {
		o.disk = osDisk{}
	}
	dir = filepath.Clean(dir)
	r := &restoration{ctx: ctx, o: o, bucket: b, d: o.disk, dir: dir, tmp: dir + restoring, out: &Restored{}}
	if err := r.run(); err != nil {
		return nil, fmt.Errorf("restore ledger: %w", err)
	}
	return r.out, nil
}

// A restoration is one run of Restore.
type restoration struct {
	ctx      context.Context
	o        RestoreOptions
	bucket   Bucket
	d        disk
	dir, tmp string
	out      *Restored

	origin string
	key    []byte // of the last piece: its files key.pub and keys
	keys   []byte
	tree   frontier
	last   time.Time
	tiles  *tiles
	total  int64

	segs []segment // written; the last one is open
	from int64     // the segment of the log that the last one's entries are from
	seg  file

	history, witnessed keptNotes
}

func (r *restoration) run() (err error) {
	if err := r.refuse(); err != nil {
		return err
	}
	if r.origin, err = readMark(r.ctx, r.bucket); err != nil {
		return err
	}
	all, err := listManifests(r.ctx, r.bucket)
	if err != nil {
		return err
	}
	path, fault := planRestore(all)
	if fault != nil && !r.o.UpToFault {
		return fault
	}
	if len(path) == 0 {
		return fmt.Errorf("%w: there is no piece in %s", ErrArchive, r.bucket)
	}
	r.out.Fault = fault
	r.total = path[len(path)-1].end
	if err := r.d.mkdir(r.tmp); err != nil {
		return err
	}
	lock, err := r.d.lock(filepath.Join(r.tmp, lockFile))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := r.begin(); err != nil {
		return err
	}
	defer r.close()
	for i := range path {
		err := r.ctx.Err()
		if err == nil {
			err = r.piece(&path[i])
		}
		if err != nil && errors.Is(err, ErrArchive) && r.o.UpToFault && i > 0 {
			r.out.Fault = err
			break
		}
		if err != nil {
			return err
		}
		if r.o.Progress != nil {
			r.o.Progress(r.tree.size, r.total)
		}
	}
	return r.finish()
}

// refuse refuses a directory that holds something.
func (r *restoration) refuse() error {
	names, err := r.d.list(r.dir)
	if isMissing(err) || err == nil && len(names) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s is not empty", fs.ErrExist, r.dir)
}

// planRestore chooses pieces that follow each other from entry 0 as far as it
// goes. A fault is a gap with pieces behind it.
func planRestore(all []piece) (path []piece, fault error) {
	rank := map[string]int{wholePiece: 0, tailPiece: 1, hashPiece: 2}
	slices.SortStableFunc(all, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(rank[a.kind], rank[b.kind]), cmp.Compare(b.end, a.end))
	})
	by := map[int64]int{} // end -> the piece that leads there
	far, last := int64(0), int64(0)
	for i, p := range all {
		last = max(last, p.end)
		before, ok := by[p.first]
		if p.first != 0 && !ok {
			continue
		}
		// Hashes stand for entries only where nothing does that has them.
		if p.kind == hashPiece && p.first != 0 && all[before].kind != hashPiece {
			continue
		}
		if _, there := by[p.end]; !there {
			by[p.end] = i
			far = max(far, p.end)
		}
	}
	for at := far; at > 0; at = path[len(path)-1].first {
		path = append(path, all[by[at]])
	}
	slices.Reverse(path)
	if far < last {
		next := last
		for _, p := range all {
			if p.first > far {
				next = min(next, p.first)
			}
		}
		fault = fmt.Errorf("%w: entries %d to %d are in no piece; entries behind them are", ErrArchive, far, next-1)
	}
	return path, fault
}

// begin opens what the restored log is written to, and keeps full segments of a
// restore that was cut short.
func (r *restoration) begin() error {
	tiles := filepath.Join(r.tmp, tileDir)
	if err := r.d.mkdir(tiles); err != nil {
		return err
	}
	for _, dir := range []string{tiles, r.tmp} {
		names, err := r.d.list(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, isSegment := parseSegmentName(name); isSegment || name == lockFile || name == tileDir || strings.Contains(name, "/") {
				continue
			}
			if err := r.d.remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	r.tiles = newTiles(r.d, tiles)
	var err error
	if r.history.f, err = r.d.open(filepath.Join(r.tmp, historyFile), createWrite); err != nil {
		return err
	}
	r.witnessed.f, err = r.d.open(filepath.Join(r.tmp, witnessedFile), createWrite)
	return err
}

func (r *restoration) close() {
	if r.seg != nil {
		r.seg.Close()
		r.seg = nil
	}
	for _, f := range []file{r.history.f, r.witnessed.f} {
		if f != nil {
			f.Close()
		}
	}
	r.tiles.close()
}

// piece restores one piece.
func (r *restoration) piece(p *piece) error {
	m, err := r.manifest(p)
	if err != nil {
		return err
	}
	if m.kind == wholePiece {
		if have, err := r.reuse(&m); err != nil || have {
			return err
		}
	}
	spool := filepath.Join(r.tmp, spoolFile)
	if err := r.fetch(spool, &m); err != nil {
		return err
	}
	f, err := r.d.open(spool, readOnly)
	if err != nil {
		return err
	}
	defer f.Close()
	err = r.unpack(io.NewSectionReader(f, 0, m.size), &m, nil)
	var elsewhere *writeError
	if err != nil && !errors.As(err, &elsewhere) && r.ctx.Err() == nil {
		err = fmt.Errorf("%w: %s (entries %d to %d): %w", ErrArchive, m.object, m.first, m.end-1, err)
	}
	return err
}

func (r *restoration) manifest(p *piece) (manifest, error) {
	name := (&manifest{piece: *p}).name()
	b, err := getSmall(r.ctx, r.bucket, name)
	if err != nil {
		return manifest{}, err
	}
	m, err := parseManifest(b)
	if err == nil && (m.name() != name || m.origin != r.origin) {
		err = fmt.Errorf("%w: it is about something else", ErrArchive)
	}
	if err != nil {
		return m, fmt.Errorf("%s (entries %d to %d): %w", name, p.first, p.end-1, err)
	}
	return m, nil
}

// fetch copies an object to a file, and tries again where that breaks off or
// brings other bytes than the manifest says.
func (r *restoration) fetch(spool string, m *manifest) (err error) {
	for try := 1; ; try++ {
		var here *writeError
		if err = r.fetchOnce(spool, m); err == nil || try == 3 || r.ctx.Err() != nil || errors.As(err, &here) {
			return err
		}
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s (entries %d to %d) is missing", ErrArchive, m.object, m.first, m.end-1)
		}
	}
}

func (r *restoration) fetchOnce(spool string, m *manifest) error {
	in, err := r.bucket.Get(r.ctx, m.object)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := r.d.open(spool, createWrite)
	if err != nil {
		return &writeError{err}
	}
	defer f.Close()
	out := &fileWriter{f: f, hash: sha256.New()}
	if _, err := io.Copy(out, &interruptible{r.ctx, io.LimitReader(in, m.size+1)}); err != nil {
		return err
	}
	if out.at != m.size || [32]byte(out.hash.Sum(nil)) != m.sum {
		return fmt.Errorf("%w: %s (entries %d to %d) has other bytes than its manifest says", ErrArchive, m.object, m.first, m.end-1)
	}
	return nil
}

// reuse takes a full segment that a restore before this one has written, and from
// the archive only what goes with it.
func (r *restoration) reuse(m *manifest) (bool, error) {
	f, err := r.d.open(filepath.Join(r.tmp, segmentName(m.first)), readOnly)
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	header := make([]byte, segmentHeader)
	size, err := f.size()
	if _, rerr := f.ReadAt(header, 0); err != nil || rerr != nil || size != segmentHeader+m.bytes || !checkSegmentHeader(header, m.first) {
		return false, err
	}
	in, err := r.bucket.Get(r.ctx, m.object)
	if err != nil {
		return false, nil
	}
	defer in.Close()
	if err := r.unpack(in, m, io.NewSectionReader(f, segmentHeader, m.bytes)); err != nil {
		// Whatever it is that does not hold: all of it anew.
		return false, r.ctx.Err()
	}
	r.out.Reused += m.bytes
	return true, nil
}

// unpack checks a piece and adds what is in it. Where the content is in its place
// already, have is it, and it is checked as if it came from the piece.
func (r *restoration) unpack(in io.Reader, m *manifest, have io.Reader) error {
	c, err := openPiece(in)
	if err != nil {
		return err
	}
	defer c.close()
	if !bytes.Equal(c.about.text(), m.piece.text()) {
		return errors.New("it is not the piece that its manifest describes")
	}
	if m.first != r.tree.size || !bytes.Equal(m.edge.appendRoots(nil), r.tree.appendRoots(nil)) {
		return errors.New("it does not go on from the entries before it")
	}
	sum := sha256.New()
	content := io.TeeReader(&interruptible{r.ctx, c.content()}, sum)
	tree, segs, p := r.tree, r.segs, m.piece
	switch {
	case m.kind == hashPiece:
		if err := pushHashes(content, m.end-m.first, &tree, r.tiles); err != nil {
			return err
		}
	case have != nil:
		content = io.TeeReader(&interruptible{r.ctx, have}, sum)
		if err := p.read(content, &tree, r.last, io.Discard); err != nil {
			return err
		}
		if err := r.endSegment(); err != nil {
			return &writeError{err}
		}
		segs = append(segs, segment{first: m.first, bytes: segmentHeader + m.bytes})
	default:
		out, err := r.into(m)
		if err != nil {
			return &writeError{err}
		}
		if err := p.read(content, &tree, r.last, out); err != nil {
			return err
		}
		if err := out.flush(); err != nil {
			return &writeError{err}
		}
		segs = slices.Clone(r.segs)
		segs[len(segs)-1].bytes = out.at
	}
	if [32]byte(sum.Sum(nil)) != m.content {
		return errors.New("its content is not what it says")
	}
	if have == nil {
		if err := c.drain(); err != nil {
			return err
		}
	}
	if err := r.accept(m, tree, c); err != nil {
		return err
	}
	r.segs = segs
	if m.kind != hashPiece {
		r.last = p.to
	}
	return nil
}

// accept takes over what a piece of the tree and of the history holds, if it
// leads to its checkpoint.
func (r *restoration) accept(m *manifest, tree frontier, c *container) error {
	is, err := parseNote(r.origin, c.note)
	if err != nil || !leads(c.consistency, is, m.end, tree.root()) {
		return errors.New("its entries are not those that its checkpoint is for")
	}
	for _, kept := range []struct {
		notes []byte
		to    *keptNotes
	}{{c.notes, &r.history}, {c.witnessed, &r.witnessed}} {
		if err := kept.to.add(r.origin, kept.notes, m.end); err != nil {
			return err
		}
	}
	r.tree, r.key, r.keys = tree, c.key, c.keys
	if is.Size > r.out.Known.Size {
		r.out.Known = is
	}
	r.out.Pieces++
	r.out.Bytes += m.size
	return nil
}

// into opens the segment file that the entries of m go into.
func (r *restoration) into(m *manifest) (*segmentWriter, error) {
	if n := len(r.segs); n > 0 && r.seg != nil && m.kind == tailPiece && r.from == m.segment {
		return &segmentWriter{f: r.seg, at: r.segs[n-1].bytes}, nil
	}
	if err := r.endSegment(); err != nil {
		return nil, err
	}
	f, err := r.d.open(filepath.Join(r.tmp, segmentName(m.first)), createWrite)
	if err != nil {
		return nil, err
	}
	r.seg, r.from = f, m.segment
	r.segs = append(r.segs, segment{first: m.first, bytes: segmentHeader})
	_, err = f.WriteAt(appendSegmentHeader(nil, m.first), 0)
	return &segmentWriter{f: f, at: segmentHeader}, err
}

// endSegment makes the last segment durable, if it is open.
func (r *restoration) endSegment() error {
	if r.seg == nil {
		return nil
	}
	f := r.seg
	r.seg = nil
	return errors.Join(f.sync(), f.Close())
}

// keptNotes is a file of checkpoints that is being restored.
type keptNotes struct {
	f      file
	at     int64
	covers int64  // of the last one
	last   []byte // as it was signed
}

// add writes notes that go on from those before and cover at most end entries.
func (k *keptNotes) add(origin string, notes []byte, end int64) error {
	bad := errors.New("its checkpoints are not whole, or not in order")
	for rest := notes; len(rest) > 0; {
		msg, next, ok := splitNote(rest)
		if !ok {
			return bad
		}
		c, err := parseNote(origin, msg)
		if err != nil || c.Size > end || k.last != nil && c.Size <= k.covers {
			return bad
		}
		k.last, k.covers, rest = msg, c.Size, next
	}
	if _, err := k.f.WriteAt(notes, k.at); err != nil {
		return &writeError{err}
	}
	k.at += int64(len(notes))
	return nil
}

// finish completes the directory, verifies all of it, and gives it its name.
func (r *restoration) finish() error {
	if len(r.segs) == 0 || r.history.last == nil {
		return fmt.Errorf("%w: there is no entry in it that a checkpoint covers", ErrArchive)
	}
	if err := r.endSegment(); err != nil {
		return err
	}
	names, err := r.d.list(r.tmp)
	if err != nil {
		return err
	}
	for _, name := range names {
		// Of a restore before this one, or a piece on its way.
		first, isSegment := parseSegmentName(name)
		ours := slices.ContainsFunc(r.segs, func(s segment) bool { return s.first == first })
		if isSegment && !ours || name == spoolFile {
			if err := r.d.remove(filepath.Join(r.tmp, name)); err != nil {
				return err
			}
		}
	}
	for _, s := range r.segs {
		if err := cutFile(r.d, filepath.Join(r.tmp, segmentName(s.first)), s.bytes); err != nil {
			return err
		}
	}
	if err := errors.Join(r.history.f.sync(), r.witnessed.f.sync()); err != nil {
		return err
	}
	if err := r.tiles.flush(); err != nil {
		return err
	}
	if err := r.tiles.fill(r.tmp, r.segs, r.tree); err != nil {
		return err
	}
	if err := r.tiles.sync(); err != nil {
		return err
	}
	if err := r.trimKeys(); err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{keysFile, r.keys},
		{filepath.Join(tileDir, wholeFile), []byte(wholeText)},
		{checkpointFile, r.history.last},
		{keyFile, r.key},
		{restoredFile, fmt.Appendf(nil, "weir ledger restored 1\nentries %d\n", r.tree.size)},
	} {
		if f.content == nil {
			continue
		}
		if err := replaceFile(r.d, filepath.Join(r.tmp, f.name), f.content, true); err != nil {
			return err
		}
	}
	if err := errors.Join(r.d.syncDir(filepath.Join(r.tmp, tileDir)), r.d.syncDir(r.tmp)); err != nil {
		return err
	}
	if err := r.verify(); err != nil {
		return err
	}
	if err := r.refuse(); err != nil {
		return err
	}
	if err := r.d.remove(r.dir); err != nil && !isMissing(err) { // an empty one
		return err
	}
	if err := r.d.rename(r.tmp, r.dir); err != nil {
		return err
	}
	return r.d.syncDir(filepath.Dir(r.dir))
}

// trimKeys leaves the changes of keys out that only entries behind the restored
// ones make.
func (r *restoration) trimKeys() error {
	if len(r.keys) == 0 {
		r.keys = nil
		return nil
	}
	c, err := parseChain(r.keys)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrArchive, err)
	}
	n := 1
	for n < len(c.links) && c.links[n].cover.Size <= r.tree.size {
		n++
	}
	c = &chain{links: c.links[:n]}
	r.keys, r.key = c.file(), []byte(c.last().text+"\n")
	return nil
}

// cutFile cuts what stands behind the end of a file, and makes it durable.
func cutFile(d disk, name string, end int64) error {
	f, err := d.open(name, readWrite)
	if err != nil {
		return err
	}
	size, err := f.size()
	if err == nil && size > end {
		err = f.truncate(end)
	}
	if err == nil {
		err = f.sync()
	}
	return errors.Join(err, f.Close())
}

// verify holds the restored log to what anybody can be held to, and to what the
// caller knows of it.
func (r *restoration) verify() error {
	o := r.o.Verify
	o.disk = r.d
	if o.Checkpoint != "" {
		c, err := parseNote(r.origin, []byte(o.Checkpoint))
		if err != nil {
			return fmt.Errorf("%w: the older checkpoint is not one of this log", ErrKey)
		}
		if c.Size > r.tree.size {
			// That much is missing, and cannot be compared.
			r.out.Known, o.Checkpoint = c, ""
		}
	}
	report, err := Verify(r.tmp, o)
	r.out.Report = report
	return err
}

const spoolFile = "piece.tmp"

// A segmentWriter gathers frames and writes them to the end of a segment.
type segmentWriter struct {
	f   file
	at  int64
	buf []byte
}

func (w *segmentWriter) Write(b []byte) (int, error) {
	w.buf = append(w.buf, b...)
	if len(w.buf) < 1<<20 {
		return len(b), nil
	}
	return len(b), w.flush()
}

func (w *segmentWriter) flush() error {
	_, err := w.f.WriteAt(w.buf, w.at)
	w.at += int64(len(w.buf))
	w.buf = w.buf[:0]
	return err
}

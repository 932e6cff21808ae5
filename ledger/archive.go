package ledger

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// An archive is a copy of a log in a bucket, in pieces that are written once and
// never changed: each full segment, and the last one bit by bit as it grows. Each
// piece is a tar file under zstd with the frames, the hashes that they go on
// from, the checkpoint that covers them and the proof that leads there, so that
// it can be checked alone. Behind each piece a manifest is written: what has one
// is whole. docs/ledger-format.md describes every byte.

// ErrArchive is what is said of an archive that does not hold, or holds another
// log. The error names the piece and its entries.
var ErrArchive = errors.New("archive does not hold")

// A Bucket is where an archive stands: a Folder, or an S3 bucket. Nothing in it
// is ever changed or deleted, so that it may be one that does not allow it.
type Bucket interface {
	// Put writes a durable object of size bytes with that SHA-256 hash. It fails
	// with an error that is fs.ErrExist where there is one of that name already.
	Put(ctx context.Context, name string, content io.ReaderAt, size int64, sum [32]byte) error
	// Get opens an object; an error that is fs.ErrNotExist says that there is none.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List gives the names with a prefix, which ends in a slash, in order.
	List(ctx context.Context, prefix string, each func(name string, size int64) error) error
	// String says where it is, without anything secret.
	String() string
}

// ArchiveOptions say how a log is archived. The zero value is usable.
type ArchiveOptions struct {
	// Every is how often what has been signed since is archived. Default a
	// minute. That much, and what an outage of the bucket adds, is what losing
	// the disk loses.
	Every time.Duration
	// Timeout bounds the writing of one piece, so that a bucket that does not
	// answer is noticed. Default ten minutes.
	Timeout time.Duration
	// Progress, if not nil, is told how many bytes of how many are archived.
	Progress func(done, total int64)
	// Log is told of failures and of their end. Default: nobody.
	Log *slog.Logger

	disk    disk
	trusted note.Verifier // nil: the log's own keys
}

// ArchiveStatus is how an archive stands.
type ArchiveStatus struct {
	Where   string
	Entries int64     // so many, from the first on, are in it
	Signed  int64     // so many were signed when it was brought up to date last
	Time    time.Time // when that was; zero: not yet
	Pieces  int       // written by this process
	Bytes   int64     // of these
	Err     error     // why the last round failed; nil where it did not
	Since   time.Time // since when rounds fail
}

// An Archiver brings an archive up to date with the log in a directory. It reads
// the log from outside, also while a server writes to it, and takes no lock. Run
// or Once is called by one goroutine; the other methods at any time.
type Archiver struct {
	dir    string
	bucket Bucket
	o      ArchiveOptions
	listed bool
	whole  map[[2]int64]bool // owned by Once, and read under mu
	hashed int64             // so many hashes of dropped entries, from 0 on, are there
	tails  map[int64]int64   // first -> end of the pieces of last segments
	at     place             // where the next piece of the last segment begins

	mu     sync.Mutex
	status ArchiveStatus
}

// A place is where in a segment file an entry stands.
type place struct {
	segment, index, offset int64
}

// NewArchiver archives the log in dir to b.
func NewArchiver(dir string, b Bucket, o ArchiveOptions) *Archiver {
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	return &Archiver{dir: dir, bucket: b, o: o, whole: map[[2]int64]bool{}, tails: map[int64]int64{}, status: ArchiveStatus{Where: b.String()}}
}

// Status tells how the archive stands.
func (a *Archiver) Status() ArchiveStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Holds says whether the full segment of the entries [first, end) is archived. It
// is what RetainOptions.Archived asks.
func (a *Archiver) Holds(first, end int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.whole[[2]int64{first, end}]
}

// Run archives until ctx ends, and returns nil then. A round that fails is told,
// and tried again with the next.
func (a *Archiver) Run(ctx context.Context) error {
	a.removeSpools()
	tick := time.NewTicker(a.o.Every)
	defer tick.Stop()
	for {
		failing := a.Status().Err != nil
		err := a.Once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			a.o.Log.Error("ledger: not archived, will be tried again", "to", a.bucket.String(), "err", err)
		case failing:
			a.o.Log.Info("ledger: archived again", "to", a.bucket.String())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Once brings the archive up to what is signed now. It fails with ErrArchive if
// the archive is of another log or holds something else than the log does; what
// a further call cannot mend by itself.
func (a *Archiver) Once(ctx context.Context) error {
	covered, signed, err := a.once(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if err != nil {
		if a.status.Err == nil {
			a.status.Since = now
		}
		a.status.Err = err
		return fmt.Errorf("archive ledger: %w", err)
	}
	a.status.Err, a.status.Since = nil, time.Time{}
	a.status.Entries, a.status.Signed, a.status.Time = covered, signed, now
	return nil
}

func (a *Archiver) once(ctx context.Context) (covered, signed int64, err error) {
	// Keys before checkpoints, so that the former do not go beyond these.
	w := &archiving{Archiver: a, ctx: ctx}
	defer w.close()
	if err := w.open(); err != nil {
		return 0, 0, err
	}
	if !a.listed {
		if err := a.mark(ctx, w.origin); err != nil {
			return 0, 0, err
		}
		if err := a.list(ctx); err != nil {
			return 0, 0, err
		}
		a.listed = true
	}
	head, _, err := w.tree.Checkpoint()
	if err != nil {
		return 0, 0, err
	}
	segs, err := listSegments(a.o.disk, a.dir)
	if err != nil {
		return 0, 0, err
	}
	for i, s := range segs[:len(segs)-1] {
		if end := segs[i+1].first; !a.whole[[2]int64{s.first, end}] && end <= head.Size {
			w.total += s.bytes
		}
	}
	if err := w.dropped(segs[0].first); err != nil {
		return 0, 0, err
	}
	covered = segs[0].first
	for i, s := range segs[:len(segs)-1] {
		end := segs[i+1].first
		if end > head.Size {
			return covered, head.Size, nil // signed in a moment
		}
		if !a.Holds(s.first, end) {
			if err := w.put(&piece{kind: wholePiece, first: s.first, end: end, segment: s.first, offset: segmentHeader, bytes: s.bytes - segmentHeader}); err != nil {
				return 0, 0, err
			}
			a.mu.Lock()
			a.whole[[2]int64{s.first, end}] = true
			a.mu.Unlock()
		}
		covered = end
	}
	tail := segs[len(segs)-1]
	for end, ok := a.tails[covered]; ok; end, ok = a.tails[covered] {
		covered = end
	}
	if covered >= head.Size {
		return covered, head.Size, nil
	}
	p := &piece{kind: tailPiece, first: covered, end: head.Size, segment: tail.first}
	if err := w.locate(p, tail); err != nil {
		return 0, 0, err
	}
	if err := w.put(p); err != nil {
		return 0, 0, err
	}
	a.tails[p.first] = p.end
	a.at = place{segment: p.segment, index: p.end, offset: p.offset + p.bytes}
	return p.end, head.Size, nil
}

// Names in an archive.
const (
	archiveMark  = "archive.txt"
	archiveMagic = "weir ledger archive 1\n"
	manifestDir  = "manifest/"
	pieceSuffix  = ".tar.zst"
)

func markText(origin string) []byte { return fmt.Appendf(nil, "%sorigin %s\n", archiveMagic, origin) }

// mark says whose archive it is, or finds out that it is somebody else's.
func (a *Archiver) mark(ctx context.Context, origin string) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	text := markText(origin)
	err := a.bucket.Put(ctx, archiveMark, bytes.NewReader(text), int64(len(text)), sha256.Sum256(text))
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	is, err := readMark(ctx, a.bucket)
	if err == nil && is != origin {
		err = fmt.Errorf("%w: %s is the archive of the log %s, not of %s; give each log a place of its own", ErrArchive, a.bucket, is, origin)
	}
	return err
}

func readMark(ctx context.Context, b Bucket) (origin string, err error) {
	text, err := getSmall(ctx, b, archiveMark)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: there is no archive in %s", fs.ErrNotExist, b)
	}
	if err != nil {
		return "", err
	}
	origin, ok := strings.CutPrefix(string(text), archiveMagic+"origin ")
	origin = strings.TrimSuffix(origin, "\n")
	if !ok || origin == "" || !bytes.Equal(markText(origin), text) || strings.ContainsAny(origin, " \n") {
		return "", fmt.Errorf("%w: %s is not one of an archive", ErrArchive, archiveMark)
	}
	return origin, nil
}

// maxSmall bounds what is read of manifests and marks.
const maxSmall = 64 << 10

func getSmall(ctx context.Context, b Bucket, name string) ([]byte, error) {
	r, err := b.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = fmt.Errorf("%w: %s is too long", ErrArchive, name)
	}
	return text, err
}

// list finds out what is archived.
func (a *Archiver) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	all, err := listManifests(ctx, a.bucket)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range all {
		switch m.kind {
		case wholePiece:
			a.whole[[2]int64{m.first, m.end}] = true
		case tailPiece:
			a.tails[m.first] = max(a.tails[m.first], m.end)
		case hashPiece:
			if m.first == a.hashed { // they come in order
				a.hashed = m.end
			}
		}
	}
	return nil
}

// removeSpools removes what an archiver that was killed has left.
func (a *Archiver) removeSpools() {
	names, err := a.o.disk.list(a.dir)
	if err != nil {
		return
	}
	for _, name := range names {
		if strings.HasPrefix(name, spoolPrefix) && strings.HasSuffix(name, ".tmp") {
			_ = a.o.disk.remove(filepath.Join(a.dir, name))
		}
	}
}

const spoolPrefix = "archive-"

// An archiving is one round of an Archiver.
type archiving struct {
	*Archiver
	ctx         context.Context
	origin      string
	key, keys   []byte // the files key.pub and keys
	tree        *Tree
	tiles       *tiles
	done, total int64
}

func (w *archiving) open() (err error) {
	if w.key, err = readFile(w.o.disk, filepath.Join(w.dir, keyFile)); err != nil {
		return err
	}
	if w.keys, err = readFile(w.o.disk, filepath.Join(w.dir, keysFile)); err != nil && !isMissing(err) {
		return err
	}
	w.tree = outsideTree(w.o.disk, w.dir, func() (*chain, error) {
		if w.o.trusted != nil {
			return newChain(w.o.trusted, ""), nil
		}
		c, _, err := readChain(w.o.disk, w.dir)
		return c, err
	})
	c, err := w.tree.keys()
	if err == nil {
		w.origin = c.origin()
	}
	return err
}

func (w *archiving) close() {
	if w.tiles != nil {
		w.tiles.close()
	}
}

// hashPieceEntries is how many hashes go into one piece: 256 MiB.
const hashPieceEntries = 8 << 20

// dropped archives the hashes of entries that are no longer kept, without which
// nothing behind them could be checked once their own pieces are gone.
func (w *archiving) dropped(first int64) error {
	for w.hashed < first {
		p := &piece{kind: hashPiece, first: w.hashed, end: min(w.hashed+hashPieceEntries, first)}
		p.bytes, p.offset = (p.end-p.first)*tlog.HashSize, p.first*tlog.HashSize
		if err := w.put(p); err != nil {
			return err
		}
		w.hashed = p.end
	}
	return nil
}

// locate finds out where the entries of p stand in the last segment.
func (w *archiving) locate(p *piece, tail segment) error {
	f, err := w.o.disk.open(filepath.Join(w.dir, segmentName(tail.first)), readOnly)
	if err != nil {
		return err
	}
	defer f.Close()
	index, at := tail.first, int64(segmentHeader)
	if w.at.offset > 0 && w.at.segment == tail.first && w.at.index == p.first {
		index, at = w.at.index, w.at.offset
	}
	r := newFrameReader(f, at, tail.bytes)
	for ; index < p.end; index++ {
		if index == p.first {
			p.offset = r.at
		}
		if _, _, err := r.next(); err != nil {
			return fmt.Errorf("%w: %s, byte %d, entry %d", ErrDamaged, segmentName(tail.first), r.at, index)
		}
	}
	p.bytes = r.at - p.offset
	return nil
}

// put checks what is to be archived against the signed tree, writes the piece,
// and behind it its manifest.
func (w *archiving) put(p *piece) error {
	whole := w.ctx
	ctx, cancel := context.WithTimeout(whole, w.o.Timeout)
	w.ctx = ctx
	defer func() {
		cancel()
		w.ctx = whole
	}()
	p.origin = w.origin
	name := p.name()
	m, err := w.proof(p)
	if err != nil {
		return fmt.Errorf("entries %d to %d: %w", p.first, p.end-1, err)
	}
	var salt [6]byte
	rand.Read(salt[:])
	spool := filepath.Join(w.dir, spoolPrefix+hex.EncodeToString(salt[:])+".tmp")
	f, err := w.o.disk.open(spool, createWrite)
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		_ = w.o.disk.remove(spool)
	}()
	out := &fileWriter{f: f, hash: sha256.New()}
	if err := w.write(out, p, m); err != nil {
		return err
	}
	is := manifest{piece: *p, object: name, size: out.at, sum: [32]byte(out.hash.Sum(nil))}
	if is.size > maxPiece {
		return fmt.Errorf("%s is longer than %d bytes", name, int64(maxPiece))
	}
	err = w.bucket.Put(w.ctx, name, f, is.size, is.sum)
	if errors.Is(err, fs.ErrExist) {
		// Of a round that was cut short, or whose success was not told.
		is, err = w.same(p)
	}
	if err != nil {
		return err
	}
	text := is.text()
	err = w.bucket.Put(w.ctx, is.name(), bytes.NewReader(text), int64(len(text)), sha256.Sum256(text))
	if errors.Is(err, fs.ErrExist) {
		there, gerr := getSmall(w.ctx, w.bucket, is.name())
		if err = gerr; err == nil && !bytes.Equal(there, text) {
			err = fmt.Errorf("%w: %s says something else than what is there", ErrArchive, is.name())
		}
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.status.Pieces++
	w.status.Bytes += is.size
	w.mu.Unlock()
	return nil
}

// same compares the piece that is in the archive already with p.
func (w *archiving) same(p *piece) (manifest, error) {
	is := manifest{piece: *p, object: p.name()}
	broken := func(err error) (manifest, error) {
		return is, fmt.Errorf("%w: %s is there with other content, and nothing is overwritten: %w", ErrArchive, is.object, err)
	}
	r, err := w.bucket.Get(w.ctx, is.object)
	if err != nil {
		return is, err
	}
	defer r.Close()
	in := &counted{r: io.LimitReader(r, maxPiece+1), hash: sha256.New()}
	c, err := openPiece(in)
	if err != nil {
		return broken(err)
	}
	defer c.close()
	if c.about.first != p.first || c.about.end != p.end || c.about.origin != p.origin || c.about.content != p.content {
		return broken(errors.New("it is about other entries"))
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, c.content()); err != nil {
		return broken(err)
	}
	if [32]byte(sum.Sum(nil)) != p.content {
		return broken(errors.New("its entries are others"))
	}
	if err := c.drain(); err != nil {
		return broken(err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return is, err
	}
	is.piece, is.size, is.sum = c.about, in.n, [32]byte(in.hash.Sum(nil))
	return is, nil
}

// evidence is what leads from a piece to a signed root.
type evidence struct {
	note        []byte         // the first checkpoint that covers the piece
	consistency tlog.TreeProof // from the tree that ends with the piece to that
	notes       []byte         // all checkpoints from the piece's first entry to its last
	witnessed   []byte         // those of them that witnesses had signed by now
}

// proof reads what p is to hold, fills in its hashes and times, and gives what
// proves it. Nothing is archived that the log has not signed.
func (w *archiving) proof(p *piece) (*evidence, error) {
	if w.tiles == nil {
		w.tiles = newTiles(w.o.disk, filepath.Join(w.dir, tileDir))
	}
	tree, err := w.tiles.frontier(p.first)
	if err != nil {
		return nil, err
	}
	p.edge = tree
	f, err := w.source(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if p.kind == hashPiece {
		if err := pushHashes(io.TeeReader(io.NewSectionReader(f, p.offset, p.bytes), sum), p.end-p.first, &tree, nil); err != nil {
			return nil, fmt.Errorf("%w: the hashes of dropped entries: %w", ErrDamaged, err)
		}
	} else if err := p.read(io.NewSectionReader(f, p.offset, p.bytes), &tree, time.Time{}, sum); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, segmentName(p.segment), err)
	}
	p.content = [32]byte(sum.Sum(nil))
	e := &evidence{}
	history, err := w.o.disk.open(filepath.Join(w.dir, historyFile), readOnly)
	if err != nil {
		return nil, err
	}
	defer history.Close()
	from := p.first
	if from == 0 {
		from = -1 // with the one for the empty tree
	}
	if e.notes, e.note, err = notesOf(history, from, p.end); err != nil {
		return nil, err
	}
	witnessed, err := w.o.disk.open(filepath.Join(w.dir, witnessedFile), readOnly)
	if err == nil {
		defer witnessed.Close()
		e.witnessed, err = notesBetween(witnessed, from, p.end)
	}
	if err != nil && !isMissing(err) {
		return nil, err
	}
	c, err := parseNote(w.origin, e.note)
	if err != nil {
		return nil, err
	}
	if e.consistency, err = w.tree.ProveConsistency(p.end, c.Size); err != nil {
		return nil, err
	}
	if !leads(e.consistency, c, p.end, tree.root()) {
		return nil, fmt.Errorf("%w: they are not what was signed", ErrDamaged)
	}
	return e, nil
}

// leads says whether the tree of the first size entries, with that root, is the
// beginning of the one that c is for.
func leads(proof tlog.TreeProof, c Checkpoint, size int64, root tlog.Hash) bool {
	if size == c.Size {
		return root == c.Root && len(proof) == 0
	}
	return size < c.Size && tlog.CheckTree(proof, c.Size, c.Root, size, root) == nil
}

// source opens the file that the content of p is in.
func (w *archiving) source(p *piece) (file, error) {
	if p.kind == hashPiece {
		return w.o.disk.open(filepath.Join(w.dir, tileDir, tileName(0)), readOnly)
	}
	return w.o.disk.open(filepath.Join(w.dir, segmentName(p.segment)), readOnly)
}

// Members of a piece, in this order.
const (
	aboutMember       = "about"
	keyMember         = keyFile
	keysMember        = keysFile // empty where the key never changed
	noteMember        = checkpointFile
	consistencyMember = "consistency"
	notesMember       = historyFile
	witnessedMember   = witnessedFile
	contentMember     = "content"
)

func (w *archiving) write(out io.Writer, p *piece, e *evidence) error {
	// No more memory than the content needs.
	window := pieceWindow
	for window > 64<<10 && int64(window/2) >= p.bytes {
		window /= 2
	}
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	t := tar.NewWriter(z)
	head := func(name string, size int64) error {
		return t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, Format: tar.FormatUSTAR})
	}
	for _, m := range []struct {
		name    string
		content []byte
	}{
		{aboutMember, p.text()}, {keyMember, w.key}, {keysMember, w.keys}, {noteMember, e.note},
		{consistencyMember, append(appendHashes(nil, e.consistency), '\n')}, {notesMember, e.notes}, {witnessedMember, e.witnessed},
	} {
		if err := head(m.name, int64(len(m.content))); err != nil {
			return err
		}
		if _, err := t.Write(m.content); err != nil {
			return err
		}
	}
	if err := head(contentMember, p.bytes); err != nil {
		return err
	}
	f, err := w.source(p)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	r := io.NewSectionReader(f, p.offset, p.bytes)
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(io.MultiWriter(t, sum), r, 1<<20)
		if w.done += n; w.o.Progress != nil && p.kind == wholePiece {
			w.o.Progress(w.done, w.total)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if [32]byte(sum.Sum(nil)) != p.content {
		return fmt.Errorf("%w: %s changes while it is read", ErrDamaged, segmentName(p.segment))
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// Archived gives how many entries, from the first on and without a gap, an archive
// says that it holds. It reads names only, and proves nothing.
func Archived(ctx context.Context, b Bucket) (int64, error) {
	all, err := listManifests(ctx, b)
	if err != nil {
		return 0, fmt.Errorf("list archive: %w", err)
	}
	slices.SortFunc(all, func(a, b piece) int { return cmp.Compare(a.first, b.first) })
	end := int64(0)
	for i, p := range all {
		if i == 0 {
			end = p.first // what retention had dropped before there was an archive
		}
		if p.first > end {
			break
		}
		end = max(end, p.end)
	}
	return end, nil
}

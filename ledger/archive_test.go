package ledger

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// A memBucket is a bucket in memory whose calls can go wrong.
type memBucket struct {
	objects map[string][]byte
	puts    []string
	at      int // the put that goes wrong, from 1 on; 0: none
	how     fault
	dead    bool
}

func newMemBucket() *memBucket { return &memBucket{objects: map[string][]byte{}} }

func (b *memBucket) String() string { return "a bucket of tests" }

func (b *memBucket) Put(_ context.Context, name string, content io.ReaderAt, size int64, sum [32]byte) error {
	if b.dead {
		return errKilled
	}
	b.puts = append(b.puts, name)
	how := noFault
	if len(b.puts) == b.at {
		how = b.how
		injected.add(putIntoArchive, how)
	}
	_, there := b.objects[name]
	if there && how == noFault {
		return fmt.Errorf("put %s: %w", name, fs.ErrExist)
	}
	if !there && how.does() {
		all := make([]byte, size)
		if _, err := content.ReadAt(all, 0); err != nil && err != io.EOF {
			return err
		}
		if sha256.Sum256(all) != sum {
			return errors.New("the content has another hash than was said")
		}
		b.objects[name] = all
	}
	switch how {
	case noFault:
		return nil
	case killed, killedAfter:
		b.dead = true
		return errKilled
	}
	return errFault
}

func (b *memBucket) Get(_ context.Context, name string) (io.ReadCloser, error) {
	c, ok := b.objects[name]
	if !ok {
		return nil, missing(name)
	}
	return io.NopCloser(bytes.NewReader(c)), nil
}

func (b *memBucket) List(_ context.Context, prefix string, each func(string, int64) error) error {
	for _, name := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(name, prefix) {
			if err := each(name, int64(len(b.objects[name]))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *memBucket) clone() *memBucket { return &memBucket{objects: maps.Clone(b.objects)} }

// grow appends n groups of entries and signs.
func grow(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := range n {
		if _, err := l.appendNow(entry(i), entry(i+1)); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			if err := l.checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.checkpoint(); err != nil {
		t.Fatal(err)
	}
}

func archiver(d *memDisk, b Bucket) *Archiver {
	return NewArchiver(faultDir, b, ArchiveOptions{disk: d})
}

// archiverOf is for logs that a witness of tests watches.
func archiverOf(d *memDisk, w *witness, b Bucket) *Archiver {
	return NewArchiver(faultDir, b, ArchiveOptions{disk: d, trusted: w})
}

const restoredDir = "/restored"

func restoreTo(b Bucket, d *memDisk, w *witness, dir string, change func(*RestoreOptions)) (*Restored, error) {
	o := RestoreOptions{Verify: VerifyOptions{trusted: w}, disk: d}
	if change != nil {
		change(&o)
	}
	return Restore(context.Background(), b, dir, o)
}

// equalLogs compares the files of two logs that need to be the same.
func equalLogs(t *testing.T, a *memDisk, adir string, b *memDisk, bdir string, size int64) {
	t.Helper()
	for name, f := range a.names {
		rest, ok := strings.CutPrefix(name, adir+"/")
		_, isSegment := parseSegmentName(rest)
		if !ok || !isSegment && rest != historyFile && rest != keyFile && rest != tileDir+"/0" && rest != tileDir+"/1" && rest != tileDir+"/places" {
			continue
		}
		g := b.names[bdir+"/"+rest]
		if g == nil {
			t.Fatalf("%s is missing", rest)
		}
		// Zeros are written ahead in the last segment of a log that is open.
		if !bytes.Equal(bytes.TrimRight(f.seen, "\x00"), bytes.TrimRight(g.seen, "\x00")) {
			t.Fatalf("%s differs: %d bytes, %d restored", rest, len(f.seen), len(g.seen))
		}
	}
}

// What is archived bit by bit comes back byte for byte, can be read, proven from
// and verified, and is not gone on from.
func TestArchiveAndRestore(t *testing.T) {
	d, key, b := newMemDisk(), testKey(t), newMemBucket()
	o := Options{Key: key, SegmentBytes: 3000, disk: d}
	l, err := Create(faultDir, o)
	if err != nil {
		t.Fatal(err)
	}
	a := archiver(d, b)
	for i := range 12 {
		grow(t, l, 4*i)
		if i%5 == 4 {
			a = archiver(d, b) // another process
		}
		if err := a.Once(t.Context()); err != nil {
			t.Fatal(i, err)
		}
		s := a.Status()
		if s.Entries != l.Status().Entries || s.Err != nil || s.Signed != s.Entries {
			t.Fatalf("%+v", s)
		}
		into := newMemDisk()
		r, err := Restore(t.Context(), b, restoredDir, RestoreOptions{Verify: VerifyOptions{Key: key.Verifier()}, disk: into})
		if l.Status().Entries == 0 {
			if !errors.Is(err, ErrArchive) {
				t.Fatal(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(i, err)
		}
		if r.Missing() != 0 || r.Report.Entries != s.Entries || r.Report.OwnKey || r.Fault != nil {
			t.Fatalf("%+v %+v", r, r.Report)
		}
		equalLogs(t, d, faultDir, into, restoredDir, s.Entries)
	}
	if l.Status().Segments < 5 {
		t.Fatal("too few segments for a test")
	}
	puts := len(b.objects)
	if err := archiver(d, b).Once(t.Context()); err != nil || len(b.objects) != puts {
		t.Fatal("there was something to do", err)
	}
	into := newMemDisk()
	if _, err := Restore(t.Context(), b, restoredDir, RestoreOptions{disk: into}); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), b, restoredDir, RestoreOptions{disk: into}); !errors.Is(err, fs.ErrExist) {
		t.Fatal("restored over a log:", err)
	}
	if _, err := Open(restoredDir, Options{Key: key, disk: into}); !errors.Is(err, ErrRestored) {
		t.Fatal("a restored log goes on:", err)
	}
	var out bytes.Buffer
	if got, err := WriteBundle(&out, restoredDir, BundleOptions{disk: into, Want: func(int64, *Entry) bool { return true }}); err != nil || int64(got.Entries) != l.Status().Entries {
		t.Fatal(got, err)
	}
	if _, err := Restore(t.Context(), newMemBucket(), "/other", RestoreOptions{disk: into}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	other, _, err := GenerateKey("ledger.example.com/node-2")
	if err != nil {
		t.Fatal(err)
	}
	d2 := newMemDisk()
	l2, err := Create(faultDir, Options{Key: other, disk: d2})
	if err != nil {
		t.Fatal(err)
	}
	grow(t, l2, 3)
	if err := archiver(d2, b).Once(t.Context()); !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), "node-1, not of") {
		t.Fatal("two logs in one archive:", err)
	}
}

// What is lost is said: an archive that ends in front of entries that it has a
// checkpoint for, and one that a checkpoint kept elsewhere goes beyond.
func TestRestoreSaysWhatIsMissing(t *testing.T) {
	d, w, b := newMemDisk(), newWitness(), newMemBucket()
	l, err := Create(faultDir, Options{Key: w.key, SegmentBytes: 3000, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	for l.Status().Segments < 2 {
		if _, err := l.appendNow(entry(1), entry(2), entry(3)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := archiverOf(d, w, b).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := l.view.sealed[0]
	for name := range b.objects {
		if strings.Contains(name, "tail") {
			delete(b.objects, name)
		}
	}
	r, err := restoreTo(b, newMemDisk(), w, restoredDir, nil)
	if err != nil || r.Report.Entries != l.view.tail.first || r.Missing() != 3 {
		t.Fatalf("%+v %v %+v", r, err, first)
	}
	grow(t, l, 3)
	_, msg, err := l.Tree().Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	r, err = restoreTo(b, newMemDisk(), w, restoredDir, func(o *RestoreOptions) { o.Verify.Checkpoint = string(msg) })
	if err != nil || r.Missing() != 9 || r.Report.Older {
		t.Fatalf("%+v %v", r, err)
	}
}

// Witnesses' signatures come back, too.
func TestCosignaturesAreArchived(t *testing.T) {
	d, b, key := newMemDisk(), newMemBucket(), testKey(t)
	l, err := Create(faultDir, Options{Key: key, SegmentBytes: 3000, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	grow(t, l, 30)
	_, msg, err := l.Tree().Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(d, faultDir+"/"+witnessedFile, append(bytes.Clone(msg), '\n'), true); err != nil {
		t.Fatal(err)
	}
	if err := archiver(d, b).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	into := newMemDisk()
	if _, err := Restore(t.Context(), b, restoredDir, RestoreOptions{disk: into}); err != nil {
		t.Fatal(err)
	}
	if got := into.names[restoredDir+"/"+witnessedFile]; got == nil || !bytes.Equal(got.seen, append(bytes.Clone(msg), '\n')) {
		t.Fatal("not restored")
	}
}

// An archive that was begun after entries were dropped holds their hashes, and one
// whose older pieces are gone by a rule of the bucket is as good.
func TestArchiveOfALogThatHasDroppedEntries(t *testing.T) {
	d, w, c, b := newMemDisk(), newWitness(), &clock{at: day}, newMemBucket()
	l := oldLog(t, d, c, w.key, 50, 9)
	early := newMemBucket()
	if err := archiverOf(d, w, early).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	done, err := l.retainNow(RetainOptions{Keep: 40 * dayLong})
	if err != nil || done.Span.To != 90 {
		t.Fatal(done, err)
	}
	grow(t, l, 2)
	for _, one := range []*memBucket{b, early} {
		if err := archiverOf(d, w, one).Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name := range early.objects {
		// All of the first ten days, by a rule of the bucket.
		if i := strings.Index(name, "/000000000000000000"); i > 0 && strings.Contains(name, wholePiece) || strings.HasPrefix(name, wholePiece+"/") {
			var first, end int
			if _, err := fmt.Sscanf(name[strings.Index(name, "/")+1:], "%d-%d", &first, &end); err == nil && end <= 90 {
				delete(early.objects, name)
			}
		}
	}
	for _, one := range []*memBucket{b, early} {
		into := newMemDisk()
		r, err := restoreTo(one, into, w, restoredDir, nil)
		if err != nil || r.Report.First != 90 || r.Report.DroppedBy != 450 || r.Missing() != 0 {
			t.Fatalf("%+v %v", r, err)
		}
		tree := openRestoredTree(into, w)
		head := w.signed[len(w.signed)-1]
		for _, i := range []int64{0, 89, 90, 300, 454} {
			p, err := tree.ProveInclusion(i, head.Size)
			if err != nil {
				t.Fatal(i, err)
			}
			if i >= 90 {
				continue
			}
			if len(p) == 0 {
				t.Fatal("no proof")
			}
		}
		if _, err := tree.Bundle(1, 100); err != nil {
			t.Fatal(err)
		}
	}
}

func openRestoredTree(d *memDisk, w *witness) *Tree {
	return outsideTree(d, restoredDir, func() (*chain, error) { return newChain(w, ""), nil })
}

// archived is a log of some segments with a tail in several pieces, and its archive.
func archived(t testing.TB) (*memDisk, *witness, *memBucket) {
	t.Helper()
	d, w, b := newMemDisk(), newWitness(), newMemBucket()
	l, err := Create(faultDir, Options{Key: w.key, SegmentBytes: 3300, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	a := archiverOf(d, w, b)
	for range 4 {
		grow(t, l, 7)
		if err := a.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	return d, w, b
}

// Whatever somebody who can write to the archive does to it, nothing is restored
// that the log did not sign, and the error says where.
func TestHostileArchives(t *testing.T) {
	_, w, good := archived(t)
	names := slices.Sorted(maps.Keys(good.objects))
	refused := func(what string, b *memBucket, where string) {
		t.Helper()
		into := newMemDisk()
		r, err := restoreTo(b, into, w, restoredDir, nil)
		if err == nil {
			// Nothing of what is needed was touched.
			if r.Report.Break != nil {
				t.Fatalf("%s: %+v", what, r)
			}
			equalSubset(t, what, good, w, into)
			return
		}
		if !errors.Is(err, ErrArchive) && !errors.Is(err, ErrBroken) && !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s: %v", what, err)
		}
		if where != "" && !strings.Contains(err.Error(), where) {
			t.Fatalf("%s: it does not say %s: %v", what, where, err)
		}
		for name := range into.names {
			if strings.HasPrefix(name, restoredDir+"/") {
				t.Fatalf("%s: %s is there", what, name)
			}
		}
	}
	for i, name := range names {
		content := good.objects[name]
		span := ""
		if k := strings.Index(name, "/"); k > 0 {
			var first, end int64
			if _, err := fmt.Sscanf(name[k+1:], "%d-%d", &first, &end); err == nil {
				span = fmt.Sprintf("entries %d to %d", first, end-1)
			}
		}
		b := good.clone()
		delete(b.objects, name)
		refused("without "+name, b, "")
		for at := 0; at < len(content); at += 1 + len(content)/40 {
			b := good.clone()
			b.objects[name] = bytes.Clone(content)
			b.objects[name][at] ^= 0x20
			refused(fmt.Sprintf("%s with another byte %d", name, at), b, span)
		}
		b = good.clone()
		b.objects[name] = content[:len(content)/2]
		refused("half of "+name, b, span)
		b = good.clone()
		b.objects[name] = append(bytes.Clone(content), content...)
		refused("twice "+name, b, span)
		for _, other := range names[i+1:] {
			b := good.clone()
			b.objects[name], b.objects[other] = b.objects[other], b.objects[name]
			refused(name+" for "+other, b, "")
		}
	}
	// Somebody who writes manifests that fit, too, meets the tree.
	for _, name := range names {
		if !strings.HasSuffix(name, pieceSuffix) {
			continue
		}
		for what, forge := range map[string]func(c *forged){
			"an entry changed":    func(c *forged) { c.content[40]++; resealFrames(c.content) },
			"a frame twice":       func(c *forged) { c.content = append(c.content, c.content[:frameSize(c.content)]...) },
			"a frame less":        func(c *forged) { c.content = c.content[frameSize(c.content):] },
			"other hashes before": func(c *forged) { c.about.edge.roots[0][0]++ },
			"no proof":            func(c *forged) { c.members[4] = []byte("\n") },
			"another checkpoint":  func(c *forged) { c.members[3] = bytes.Replace(c.members[3], []byte("\n1"), []byte("\n2"), 1) },
			"checkpoints left out": func(c *forged) {
				if i := bytes.Index(c.members[5], []byte("\n\n")); i > 0 {
					c.members[5] = c.members[5][i:]
				}
			},
			"something behind": func(c *forged) { c.behind = true },
		} {
			b := good.clone()
			c := openForged(t, b.objects[name])
			forge(c)
			c.store(b, name)
			refused(name+": "+what, b, "")
		}
	}
	// A piece that is all zeros to no end, or claims to be.
	for _, claimed := range []int64{1 << 20, 4 << 30} {
		b := good.clone()
		c := openForged(t, b.objects[names[len(names)-1]])
		c.about.bytes = claimed
		c.zeros = min(claimed, 64<<20)
		c.store(b, names[len(names)-1])
		refused("zeros", b, "")
	}
}

// equalSubset holds what was restored to the log that the archive is of.
func equalSubset(t *testing.T, what string, good *memBucket, w *witness, into *memDisk) {
	t.Helper()
	r, err := Verify(restoredDir, VerifyOptions{disk: into, trusted: w})
	if err != nil {
		t.Fatal(what, err)
	}
	signed := false
	for _, c := range w.signed {
		signed = signed || c.Size == r.Signed.Size && c.Root == r.Signed.Root
	}
	if !signed {
		t.Fatalf("%s: the log never signed %+v", what, r.Signed)
	}
}

// forged is a piece in its parts, to be put together again otherwise.
type forged struct {
	about   piece
	members [7][]byte
	content []byte
	zeros   int64
	behind  bool
}

func openForged(t testing.TB, b []byte) *forged {
	t.Helper()
	c, err := openPiece(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	content, err := io.ReadAll(c.content())
	if err != nil {
		t.Fatal(err)
	}
	return &forged{about: c.about, content: content, members: [7][]byte{
		nil, c.key, c.keys, c.note, append(appendHashes(nil, c.consistency), '\n'), c.notes, c.witnessed}}
}

func (c *forged) store(b *memBucket, name string) {
	if c.zeros == 0 {
		c.about.bytes, c.about.content = int64(len(c.content)), sha256.Sum256(c.content)
	}
	c.members[0] = c.about.text()
	var out bytes.Buffer
	z, _ := zstd.NewWriter(&out)
	writeTar(z, c)
	z.Close()
	b.objects[name] = out.Bytes()
	m := manifest{piece: c.about, object: name, size: int64(out.Len()), sum: sha256.Sum256(out.Bytes())}
	b.objects[m.name()] = m.text()
}

func frameSize(b []byte) int {
	n, _, _ := frameLength(b)
	return n
}

// resealFrames gives every frame the checksum that it should have.
func resealFrames(b []byte) {
	for len(b) > 0 {
		n, first, ok := frameLength(b)
		if !ok || n > len(b) {
			return
		}
		sealFrame(b[:n], first)
		b = b[n:]
	}
}

// What is missing in the middle is named, and what lies before it can be had.
func TestGapsAreNamed(t *testing.T) {
	_, w, b := archived(t)
	all, err := listManifests(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	path, fault := planRestore(all)
	if fault != nil || len(path) < 3 {
		t.Fatal(path, fault)
	}
	gone := path[1]
	for name := range b.objects {
		var first, end int64
		if k := strings.Index(name, "/"); k > 0 {
			if _, err := fmt.Sscanf(name[k+1:], "%d-%d", &first, &end); err == nil && first < gone.end && end > gone.first {
				delete(b.objects, name)
			}
		}
	}
	want := fmt.Sprintf("entries %d to %d are in no piece", gone.first, gone.end-1)
	if _, err := restoreTo(b, newMemDisk(), w, restoredDir, nil); !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), want) {
		t.Fatal(err)
	}
	r, err := restoreTo(b, newMemDisk(), w, restoredDir, func(o *RestoreOptions) { o.UpToFault = true })
	if err != nil || r.Report.Entries != gone.first || r.Fault == nil || !strings.Contains(r.Fault.Error(), want) {
		t.Fatal(r, err)
	}
	// A damaged one, the same.
	_, w, b = archived(t)
	b.objects[path[2].name()] = []byte("damaged")
	r, err = restoreTo(b, newMemDisk(), w, restoredDir, func(o *RestoreOptions) { o.UpToFault = true })
	if err != nil || r.Report.Entries != path[2].first || r.Fault == nil {
		t.Fatal(r, err)
	}
}

// Whatever put to the archive fails, was done though it failed, or is the last
// thing that the process did: the next round goes on, and all comes back.
func TestEveryFaultOfArchiving(t *testing.T) {
	life := func(d *memDisk, w *witness, b *memBucket) error {
		o := Options{Key: w.key, SegmentBytes: 1200, disk: d}
		l, err := Open(faultDir, o)
		if isMissing(err) {
			l, err = Create(faultDir, o)
		}
		if err != nil {
			return err
		}
		defer l.Close()
		a := archiverOf(d, w, b)
		for range 2 {
			for i := range 5 {
				if _, err := l.appendNow(entry(i), entry(i)); err != nil {
					return err
				}
			}
			if err := l.checkpoint(); err != nil {
				return err
			}
			if err := a.Once(context.Background()); err != nil {
				return err
			}
		}
		return nil
	}
	whole := func(t *testing.T, d *memDisk, w *witness, b *memBucket) {
		t.Helper()
		into := newMemDisk()
		r, err := restoreTo(b, into, w, restoredDir, nil)
		if err != nil || r.Missing() != 0 {
			t.Fatal(r, err)
		}
		equalLogs(t, d, faultDir, into, restoredDir, r.Report.Entries)
	}
	d, w, b := newMemDisk(), newWitness(), newMemBucket()
	for range 2 {
		if err := life(d, w, b); err != nil {
			t.Fatal(err)
		}
	}
	whole(t, d, w, b)
	puts, calls := b.puts, d.calls
	if len(puts) < 12 {
		t.Fatal(puts)
	}
	for at := 1; at <= len(puts); at++ {
		for _, how := range []fault{failed, butDone, killed, killedAfter} {
			t.Run(fmt.Sprintf("put %d, %s, %v", at, puts[at-1], how), func(t *testing.T) {
				t.Parallel()
				d, w, b := newMemDisk(), newWitness(), newMemBucket()
				b.at, b.how = at, how
				failures := 0
				for more := 2; more > 0; more-- {
					if err := life(d, w, b); err != nil {
						if !errors.Is(err, errFault) && !errors.Is(err, errKilled) {
							t.Fatal(err)
						}
						failures, more, b.dead = failures+1, more+1, false
						if how == killed || how == killedAfter {
							d.powerLoss("none", nil)
						}
					}
				}
				if failures != 1 {
					t.Fatal(failures, "failures")
				}
				whole(t, d, w, b)
			})
		}
	}
	// And the spool in the log's folder.
	for at := 1; at <= len(calls); at++ {
		if !strings.Contains(calls[at-1], spoolPrefix) {
			continue
		}
		for _, how := range []fault{failed, shortly, butDone, killedAfter} {
			d, w, b := newMemDisk(), newWitness(), newMemBucket()
			d.at, d.how = at, how
			for more := 2; more > 0; more-- {
				if err := life(d, w, b); err != nil {
					d.at, more = 0, more+1
					d.restartProcess()
				}
			}
			whole(t, d, w, b)
		}
	}
}

// Whatever call fails while a log is restored, there is no half of a log under
// its name, and the next try succeeds.
func TestEveryFaultOfRestoring(t *testing.T) {
	d, w, b := archived(t)
	probe := newMemDisk()
	if _, err := restoreTo(b, probe, w, restoredDir, nil); err != nil {
		t.Fatal(err)
	}
	reused := false
	for at := 1; at <= len(probe.calls); at++ {
		for _, how := range []fault{failed, shortly, butDone, killedAfter} {
			into := newMemDisk()
			into.at, into.how = at, how
			_, err := restoreTo(b, into, w, restoredDir, nil)
			last := strings.HasPrefix(probe.calls[at-1], "rename to restored") && probe.calls[at-1] == "rename to restored" || at == len(probe.calls)
			if err == nil && !strings.HasPrefix(probe.calls[at-1], "remove") {
				t.Fatalf("call %d, %s, %v went unnoticed", at, probe.calls[at-1], how)
			}
			into.at = 0
			if at%2 == 0 {
				into.powerLoss("some", rand.New(rand.NewPCG(uint64(at), uint64(how))))
			} else {
				into.restartProcess()
			}
			if into.names[restoredDir+"/"+keyFile] == nil {
				r, err := restoreTo(b, into, w, restoredDir, nil)
				if err != nil {
					t.Fatalf("after call %d, %s, %v: %v", at, probe.calls[at-1], how, err)
				}
				reused = reused || r.Reused > 0
			} else if !last {
				t.Fatalf("after call %d, %s, %v there is a log", at, probe.calls[at-1], how)
			}
			equalLogs(t, d, faultDir, into, restoredDir, 0)
		}
	}
	if !reused {
		t.Fatal("nothing of an interrupted restore was ever used again")
	}
}

// On a real disk, beside a log that is being written to, and by two at once.
func TestArchivingBesideWriting(t *testing.T) {
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "archive")
	key := testKey(t)
	l, err := Create(dir, Options{Key: key, SegmentBytes: 8 << 10, CheckpointEvery: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	a := NewArchiver(dir, NewFolder(to), ArchiveOptions{Every: 20 * time.Millisecond})
	go func() { ran <- a.Run(ctx) }()
	for range 60 {
		var batch []*Entry
		for i := range 10 {
			batch = append(batch, entry(i))
		}
		if _, err := l.Append(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	if err := NewArchiver(dir, NewFolder(to), ArchiveOptions{}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names, err := filepath.Glob(filepath.Join(dir, spoolPrefix+"*")); err != nil || len(names) > 0 {
		t.Fatal(names, err)
	}
	back := filepath.Join(t.TempDir(), "back")
	r, err := Restore(t.Context(), NewFolder(to), back, RestoreOptions{Verify: VerifyOptions{Key: key.Verifier()}})
	if err != nil || r.Report.Entries != 600 || r.Missing() != 0 {
		t.Fatal(r, err)
	}
	segs, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(segs) < 5 {
		t.Fatal(segs, err)
	}
	for _, name := range segs {
		was, err := os.ReadFile(name)
		is, rerr := os.ReadFile(filepath.Join(back, filepath.Base(name)))
		if err != nil || rerr != nil || !bytes.Equal(was, is) {
			t.Fatal(name, err, rerr)
		}
	}
	// Ctrl-C leaves nothing under the name.
	ctx, cancel = context.WithCancel(t.Context())
	again := filepath.Join(t.TempDir(), "again")
	_, err = Restore(ctx, NewFolder(to), again, RestoreOptions{Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(again); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if r, err = Restore(t.Context(), NewFolder(to), again, RestoreOptions{}); err != nil || r.Reused == 0 {
		t.Fatal(r, err)
	}
}

func TestFolder(t *testing.T) {
	f := NewFolder(filepath.Join(t.TempDir(), "a", "b"))
	put := func(name, content string) error {
		return f.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), sha256.Sum256([]byte(content)))
	}
	if err := f.List(t.Context(), "m/", func(string, int64) error { return errFault }); err != nil {
		t.Fatal("a folder that is not there is empty:", err)
	}
	for _, name := range []string{"", "..", "../x", "a/../../x", "/etc/x", "a/b/c", "x.tmp", `a\b`} {
		if err := put(name, "x"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := f.Get(t.Context(), name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := f.Put(t.Context(), "m/x", strings.NewReader("content"), 7, [32]byte{}); !errors.Is(err, ErrDamaged) {
		t.Fatal("the hash is not held against the content:", err)
	}
	if err := put("m/x", "content"); err != nil {
		t.Fatal(err)
	}
	if err := put("m/x", "other"); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), "m/y"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// Looking for checkpoints by halving finds what reading all of them does.
func TestCheckpointsByHalving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []byte
		type at struct {
			size int64
			text []byte
		}
		var notes []at
		size := int64(rapid.IntRange(0, 1).Draw(t, "begin"))
		for range rapid.IntRange(1, 60).Draw(t, "notes") {
			n := fmt.Appendf(nil, "origin.example/x\n%d\nAAAA\n\n\u2014 origin.example/x %s\n", size, strings.Repeat("s", rapid.IntRange(1, 300).Draw(t, "length")))
			if rapid.Bool().Draw(t, "cosigned") {
				n = append(n, "\u2014 w "+strings.Repeat("c", rapid.IntRange(1, 6000).Draw(t, "more"))+"\n"...)
			}
			notes = append(notes, at{size, n})
			all = append(append(all, n...), '\n')
			size += int64(rapid.IntRange(1, 5).Draw(t, "step"))
		}
		half := rapid.IntRange(0, len(notes[0].text)).Draw(t, "half")
		d := newMemDisk()
		f, err := d.open("/notes", createWrite)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(append(bytes.Clone(all), notes[0].text[:half]...), 0); err != nil {
			t.Fatal(err)
		}
		from := int64(rapid.IntRange(-1, int(size)+2).Draw(t, "from"))
		to := from + int64(rapid.IntRange(0, int(size)+2).Draw(t, "span"))
		var want, covering []byte
		for _, n := range notes {
			if n.size > from && n.size <= to {
				want = append(append(want, n.text...), '\n')
			}
			if n.size >= to && covering == nil {
				covering = n.text
			}
		}
		got, cover, err := notesOf(f, from, to)
		if covering == nil {
			if !errors.Is(err, ErrUnproven) {
				t.Fatal(err)
			}
			return
		}
		if err != nil || !bytes.Equal(got, want) || !bytes.Equal(cover, covering) {
			t.Fatalf("%v: %d bytes, not %d; covering %q, not %q", err, len(got), len(want), cover, covering)
		}
	})
}

func FuzzManifest(f *testing.F) {
	_, _, b := archived(f)
	for name, content := range b.objects {
		if strings.HasPrefix(name, manifestDir) {
			f.Add(content, name)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		if p, ok := parseManifestName(name); ok && (p.first < 0 || p.end <= p.first) {
			t.Fatal(p)
		}
		m, err := parseManifest(b)
		if err != nil {
			if !errors.Is(err, ErrArchive) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(m.text(), b) || m.first < 0 || m.end <= m.first || m.edge.size != m.first {
			t.Fatalf("%+v", m)
		}
	})
}

func FuzzPiece(f *testing.F) {
	_, _, b := archived(f)
	for name, content := range b.objects {
		if strings.HasSuffix(name, pieceSuffix) {
			f.Add(content)
			z, _ := zstd.NewReader(bytes.NewReader(content))
			plain, _ := io.ReadAll(z)
			f.Add(plain)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var packed bytes.Buffer
		z, _ := zstd.NewWriter(&packed)
		z.Write(b)
		z.Close()
		for _, in := range [][]byte{b, packed.Bytes()} {
			c, err := openPiece(bytes.NewReader(in))
			if err != nil {
				continue
			}
			tree := c.about.edge
			if err := c.about.read(c.content(), &tree, time.Time{}, io.Discard); err == nil && tree.size != c.about.end {
				t.Fatal("it says another number of entries than it has")
			}
			_ = c.drain()
			c.close()
		}
	})
}

// writeTar writes the parts of a piece, one of which may be zeros without end.
func writeTar(w io.Writer, c *forged) {
	t := tar.NewWriter(w)
	for i, name := range []string{aboutMember, keyMember, keysMember, noteMember, consistencyMember, notesMember, witnessedMember} {
		_ = t.WriteHeader(&tar.Header{Name: name, Size: int64(len(c.members[i]))})
		_, _ = t.Write(c.members[i])
	}
	size := int64(len(c.content))
	if c.zeros > 0 {
		size = c.about.bytes
	}
	_ = t.WriteHeader(&tar.Header{Name: contentMember, Size: size})
	if c.zeros > 0 {
		zeros := make([]byte, 1<<20)
		for n := int64(0); n < c.zeros; n += int64(len(zeros)) {
			_, _ = t.Write(zeros)
		}
		return
	}
	_, _ = t.Write(c.content)
	if c.behind {
		_ = t.WriteHeader(&tar.Header{Name: "more", Size: 1})
		_, _ = t.Write([]byte("x"))
	}
	_ = t.Close()
}

package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A reference is the tree as the library stores it, all in memory.
type reference []tlog.Hash

func (r *reference) add(t testing.TB, n int64, leaf tlog.Hash) {
	hashes, err := tlog.StoredHashesForRecordHash(n, leaf, r)
	if err != nil {
		t.Fatal(err)
	}
	*r = append(*r, hashes...)
}

func (r *reference) ReadHashes(indexes []int64) (hashes []tlog.Hash, err error) {
	for _, i := range indexes {
		hashes = append(hashes, (*r)[i])
	}
	return hashes, nil
}

// leaves puts the entries of the log in d into a reference.
func leaves(t testing.TB, d disk) (ref *reference, encoded [][]byte) {
	t.Helper()
	ref = new(reference)
	segs, err := listSegments(d, faultDir)
	if err != nil {
		t.Fatal(err)
	}
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
			encoded = append(encoded, bytes.Clone(frame[headSize:]))
			ref.add(t, int64(len(encoded)-1), tlog.RecordHash(encoded[len(encoded)-1]))
		}
	}
	return ref, encoded
}

// proves holds about n of the proofs that tree gives to those of the reference.
func proves(t testing.TB, tree *Tree, d disk, n int64) {
	t.Helper()
	c, msg, err := tree.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := tree.open(msg); err != nil || again.Size != c.Size || again.Root != c.Root {
		t.Fatalf("the note of the checkpoint is for %v, %v", again, err)
	}
	ref, encoded := leaves(t, d)
	step := max(1, c.Size/n)
	for i := int64(0); i < c.Size; i += step {
		p, err := tree.ProveInclusion(i, c.Size)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := ParseProof(Proof{Index: i, Path: p, Note: msg}.Text())
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.Check(c, encoded[i]); err != nil {
			t.Fatal(err)
		}
		if err := proof.Check(c, encoded[(i+1)%c.Size]); c.Size > 1 && !errors.Is(err, ErrProof) {
			t.Fatal("the proof of an entry holds for the next one", err)
		}
		old, size := i, i+(c.Size-i)/2
		root, err := tree.Root(size)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := tlog.TreeHash(size, ref); size > 0 && (err != nil || root != want) {
			t.Fatalf("root of %d is %v, want %v %v", size, root, want, err)
		}
		if old == 0 || old == size {
			continue
		}
		grown, err := tree.ProveConsistency(old, size)
		if err != nil {
			t.Fatal(err)
		}
		oldRoot, err := tlog.TreeHash(old, ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(grown, size, root, old, oldRoot); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tree.ProveInclusion(c.Size, c.Size+1); !errors.Is(err, ErrUnproven) {
		t.Fatal(err)
	}
	if _, err := tree.ProveConsistency(c.Size, c.Size+1); !errors.Is(err, ErrUnproven) {
		t.Fatal(err)
	}
	if _, err := tree.ProveInclusion(c.Size, c.Size); !errors.Is(err, ErrUnproven) {
		t.Fatal(err)
	}
}

// Whatever becomes of the tiles between two lives of a log, the next one has
// them as the segments say.
func TestTilesFollowTheSegments(t *testing.T) {
	d, w := newMemDisk(), newWitness()
	o := Options{Key: w.key, SegmentBytes: 20 << 10, disk: d}
	l, err := Create(faultDir, o)
	if err != nil {
		t.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(1, 2))
	file := func(name string) *memFile { return d.names[faultDir+"/"+tileDir+"/"+name] }
	for life, spoil := range []func(){
		func() {},
		func() { delete(d.names, faultDir+"/"+tileDir+"/0") },
		func() { f := file("0"); f.seen = f.seen[:len(f.seen)/2] },
		func() { f := file("0"); f.seen = append(f.seen, make([]byte, 3000)...) },
		func() { f := file("0"); f.seen[len(f.seen)/2*0] ^= 1 },
		func() { file("1").seen[5] ^= 1 },
		func() { delete(d.names, faultDir+"/"+tileDir+"/1") },
		func() { f := file(placesFile); f.seen = f.seen[:8] },
		func() { delete(d.names, faultDir+"/"+tileDir+"/"+wholeFile) },
		func() { file(wholeFile).seen = []byte("weir ledger tiles 2\n") },
		func() {
			for name := range d.names {
				if filepath.Dir(name) == faultDir+"/"+tileDir {
					delete(d.names, name)
				}
			}
		},
		func() {},
	} {
		if life > 0 {
			// What is behind the last signed entry has to be found as well.
			if _, err := l.appendNow(entry(life), entry(life+1)); err != nil {
				t.Fatal(err)
			}
			l.Close()
			spoil()
			if l, err = Open(faultDir, o); err != nil {
				t.Fatal(life, err)
			}
		}
		for n := 40 + dice.IntN(60); n > 0; n-- {
			if _, err := l.appendNow(entry(n), entry(n+1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.checkpoint(); err != nil {
			t.Fatal(err)
		}
		if life == 4 {
			// A byte that is wrong under a subtree that was not looked at is
			// found when it is used, and then nothing is proven by it.
			if _, err := l.Tree().ProveInclusion(1, l.newest.Size); !errors.Is(err, ErrTiles) {
				t.Fatal(err)
			}
			file("0").seen[0] ^= 1
		}
		proves(t, l.Tree(), d, 40)
	}
	if n := l.tree.size; n < 1200 {
		t.Fatalf("only %d entries: the test has become too small for its tiles", n)
	}
	// Places are where the frames are.
	segs := append(l.view.sealed, l.view.tail)
	for i := int64(0); i < l.tree.size; i += tileWidth {
		at := int64(binary.BigEndian.Uint64(file(placesFile).seen[i/tileWidth*8:]))
		for k := len(segs) - 1; ; k-- {
			if segs[k].first > i {
				continue
			}
			frame := d.names[faultDir+"/"+segmentName(segs[k].first)].seen[at:]
			n, _, ok := frameLength(frame)
			if !ok || !frameHolds(frame[:n]) {
				t.Errorf("entry %d does not stand at byte %d", i, at)
			}
			break
		}
	}
}

// Tiles that lie under a hash of the right edge are seen at the start already.
func TestOpenDoesNotTakeTilesThatLie(t *testing.T) {
	d, w := newMemDisk(), newWitness()
	o := Options{Key: w.key, SegmentBytes: 20 << 10, disk: d}
	l, err := Create(faultDir, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		if _, err := l.appendNow(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.checkpoint(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	whole := bytes.Clone(d.names[faultDir+"/tile/0"].seen)
	for _, name := range []string{"0", "1"} {
		f := d.names[faultDir+"/tile/"+name]
		for i := 0; i < len(f.seen); i++ {
			f.seen[i] ^= 0x55
		}
		if l, err = Open(faultDir, o); err != nil {
			t.Fatal(err)
		}
		proves(t, l.Tree(), d, 40)
		l.Close()
		if !bytes.Equal(d.names[faultDir+"/tile/0"].seen, whole) {
			t.Error("the tiles are not what they were")
		}
	}
}

// Every byte of the tiles that a proof uses is checked: with any of them changed
// there is no proof, and never a wrong one.
func TestDamagedTilesProveNothing(t *testing.T) {
	s := newSpecimen(t, 1)
	tree := s.tree()
	c, _, err := tree.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	good, err := tree.ProveInclusion(3, c.Size)
	if err != nil {
		t.Fatal(err)
	}
	b := s.content("tile/0")
	for at := range b {
		b[at] ^= 1 << (at % 8)
		if p, err := tree.ProveInclusion(3, c.Size); !errors.Is(err, ErrTiles) {
			t.Fatalf("byte %d: %v %v", at, p, err)
		}
		b[at] ^= 1 << (at % 8)
	}
	for n := range len(b) {
		s.put("tile/0", b[:n])
		if _, err := tree.ProveInclusion(3, c.Size); !errors.Is(err, ErrTiles) {
			t.Fatal(n, err)
		}
	}
	s.put("tile/0", b)
	if p, err := tree.ProveInclusion(3, c.Size); err != nil || fmt.Sprint(p) != fmt.Sprint(good) {
		t.Fatal(p, err)
	}
}

func (s *specimen) tree() *Tree {
	return &Tree{disk: s.disk, dir: faultDir, keys: func() (*chain, error) { return newChain(s.w, ""), nil },
		newest: func() (Checkpoint, []byte, error) {
			msg := s.content(checkpointFile)
			c, err := openCheckpoint(msg, s.w)
			return c, msg, err
		},
		vouched:  func() ([]byte, error) { return nil, nil },
		segments: func() ([]segment, error) { return listSegments(s.disk, faultDir) },
	}
}

// The three levels of a log of seventy thousand entries are the ones that
// C2SP tlog-tiles gives as its example.
func TestLevels(t *testing.T) {
	d, n := newMemDisk(), int64(70_000)
	w := &tiles{disk: d, dir: faultDir + "/tile"}
	for i := range w.levels {
		w.levels[i].name = tileName(i)
	}
	w.places.name = placesFile
	var tree frontier
	var ref reference
	for i := range n {
		leaf := syntheticLeaf(i)
		ref.add(t, i, leaf)
		w.place(i, i)
		tree.grow(leaf, w)
		if i%1000 == 0 {
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.sync(); err != nil {
		t.Fatal(err)
	}
	for level, hashes := range []int{70_000, 273, 1, 0} {
		f := d.names[faultDir+"/tile/"+tileName(level)]
		if hashes == 0 {
			if f != nil {
				t.Error("a level without hashes")
			}
			continue
		}
		var want []byte
		for i := range hashes {
			h := ref[tlog.StoredHashIndex(level*tileHeight, int64(i))]
			want = append(want, h[:]...)
		}
		if !bytes.Equal(f.durable, want) {
			t.Errorf("level %d has %d bytes, not those of the %d hashes", level, len(f.durable), hashes)
		}
	}
	for _, size := range []int64{1, 255, 256, 257, 65_535, 65_536, 65_537, n} {
		edge, err := w.frontier(size)
		want, _ := tlog.TreeHash(size, &ref)
		if err != nil || edge.root() != want {
			t.Errorf("the frontier of %d: %v", size, err)
		}
	}
}

func syntheticLeaf(i int64) tlog.Hash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return sha256.Sum256(b[:])
}

func FuzzProof(f *testing.F) {
	s := newSpecimen(f, 1)
	tree := s.tree()
	c, msg, _ := tree.Checkpoint()
	path, err := tree.ProveInclusion(3, c.Size)
	if err != nil {
		f.Fatal(err)
	}
	_, encoded := leaves(f, s.disk)
	good := Proof{Index: 3, Path: path, Note: msg}.Text()
	f.Add(good)
	f.Add([]byte(proofHeader + "index 0\n\n"))
	f.Add([]byte(proofHeader + "extra AAAA\nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if err != nil {
			if !errors.Is(err, ErrProof) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(p.Text(), b) {
			t.Fatalf("%q is written as %q", b, p.Text())
		}
		if p.Check(c, encoded[3]) == nil && (p.Index != 3 || fmt.Sprint(p.Path) != fmt.Sprint(path)) {
			t.Fatal("another proof for the same entry")
		}
	})
}

// BenchmarkProve measures proofs on a tree of WEIR_BENCH_LEAVES leaves, a
// million where that is not set; 100 million take half a minute to make and 3.3
// GB of disk.
func BenchmarkProve(b *testing.B) {
	n, err := strconv.ParseInt(os.Getenv("WEIR_BENCH_LEAVES"), 10, 64)
	if err != nil {
		n = 1_000_000
	}
	dir := b.TempDir()
	k, _, err := GenerateKey("ledger.example.com/bench")
	if err != nil {
		b.Fatal(err)
	}
	w := &tiles{disk: osDisk{}, dir: filepath.Join(dir, tileDir)}
	for i := range w.levels {
		w.levels[i].name = tileName(i)
	}
	w.places.name = placesFile
	if err := w.disk.mkdir(w.dir); err != nil {
		b.Fatal(err)
	}
	var tree frontier
	for i := range n {
		w.place(i, i)
		tree.grow(syntheticLeaf(i), w)
		if w.full() {
			if err := w.flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.sync(); err != nil {
		b.Fatal(err)
	}
	c := Checkpoint{Size: n, Root: tree.root()}
	msg, err := k.sign(c)
	if err != nil {
		b.Fatal(err)
	}
	t := &Tree{disk: osDisk{}, dir: dir, keys: func() (*chain, error) { return newChain(k.verifier, k.public), nil }, newest: func() (Checkpoint, []byte, error) { return c, msg, nil }}
	b.Run(fmt.Sprintf("inclusion/%d", n), func(b *testing.B) {
		for b.Loop() {
			i := rand.Int64N(n)
			p, err := t.ProveInclusion(i, n)
			if err != nil {
				b.Fatal(err)
			}
			if err := tlog.CheckRecord(p, n, c.Root, i, syntheticLeaf(i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(fmt.Sprintf("consistency/%d", n), func(b *testing.B) {
		for b.Loop() {
			if _, err := t.ProveConsistency(1+rand.Int64N(n-1), n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

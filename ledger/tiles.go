package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// The hashes of the tree are kept in the directory tile, a file for every eighth
// level: tile/0 holds those of the leaves, tile/1 those of the full subtrees of
// 256 leaves, and so on, each file nothing but hashes one behind the other. Cut
// every 256 hashes they are the tiles of C2SP tlog-tiles; one file a level
// instead of one a tile, because a hundred million entries would make four
// hundred thousand small files.
//
// All of it is derived from the segments and never believed over them: a hash is
// used only where it leads to the root of a signed checkpoint. What it adds is
// that a proof reads a few of these files in place of the whole log.
const (
	tileDir    = "tile"
	placesFile = "places" // where in its segment file each 256th frame stands, 8 bytes each
	wholeFile  = "whole"  // says that the hashes of all full segments are durable
	wholeText  = "weir ledger tiles 1\n"

	tileHeight = 8
	tileWidth  = 1 << tileHeight
	tileLevels = 8 // enough for 2^63 leaves
)

func tileName(level int) string { return strconv.Itoa(level) }

// tileFlush is how many bytes of hashes wait in memory for the next write.
const tileFlush = 1 << 20

// tiles writes the hash files. Open and Run own it.
type tiles struct {
	disk    disk
	dir     string // of the tiles
	levels  [tileLevels]tileFile
	places  tileFile
	created bool // a file was made, whose name is not durable yet
}

// A tileFile is one file that grows at its end.
type tileFile struct {
	name  string
	f     file // nil: not opened yet
	at    int64
	buf   []byte // stands behind at, not written yet
	dirty bool   // written and not synced
}

func newTiles(d disk, dir string) *tiles {
	t := &tiles{disk: d, dir: dir}
	for i := range t.levels {
		t.levels[i].name = tileName(i)
	}
	t.places.name = placesFile
	return t
}

// add appends the hash of a full subtree of 256^level leaves.
func (t *tiles) add(level int, h tlog.Hash) {
	t.levels[level].buf = append(t.levels[level].buf, h[:]...)
}

// place says that the frame of an entry stands at offset of its segment file.
func (t *tiles) place(index, offset int64) {
	if index%tileWidth == 0 {
		t.places.buf = binary.BigEndian.AppendUint64(t.places.buf, uint64(offset))
	}
}

// full reports whether enough waits to be worth a write.
func (t *tiles) full() bool { return len(t.levels[0].buf) >= tileFlush }

func (t *tiles) each(do func(*tileFile) error) error {
	for i := range t.levels {
		if err := do(&t.levels[i]); err != nil {
			return err
		}
	}
	return do(&t.places)
}

// flush writes what waits. Readers may then read it; it is not durable.
func (t *tiles) flush() error {
	return t.each(func(f *tileFile) error {
		if len(f.buf) == 0 {
			return nil
		}
		if err := t.open(f, true); err != nil {
			return fmt.Errorf("write tiles: %w", err)
		}
		if _, err := f.f.WriteAt(f.buf, f.at); err != nil {
			return fmt.Errorf("write tiles: %w", err)
		}
		f.at += int64(len(f.buf))
		f.buf, f.dirty = f.buf[:0], true
		return nil
	})
}

// sync makes all that was added durable.
func (t *tiles) sync() error {
	if err := t.flush(); err != nil {
		return err
	}
	err := t.each(func(f *tileFile) error {
		if !f.dirty {
			return nil
		}
		f.dirty = false
		return f.f.sync()
	})
	if err == nil && t.created {
		t.created = false
		err = t.disk.syncDir(t.dir)
	}
	if err != nil {
		return fmt.Errorf("sync tiles: %w", err)
	}
	return nil
}

// open opens f, and with create makes it where it is missing.
func (t *tiles) open(f *tileFile, create bool) (err error) {
	if f.f != nil {
		return nil
	}
	name := filepath.Join(t.dir, f.name)
	f.f, err = t.disk.open(name, readWrite)
	if isMissing(err) && create {
		t.created = true
		f.f, err = t.disk.open(name, createWrite)
	}
	if err != nil {
		f.f = nil
	}
	return err
}

func (t *tiles) close() error {
	var errs []error
	_ = t.each(func(f *tileFile) error {
		if f.f != nil {
			errs = append(errs, f.f.Close())
			f.f = nil
		}
		return nil
	})
	return errors.Join(errs...)
}

// openTiles brings the hash files to where the segments are, whose tree l.tree
// is. The hashes of full segments were synced before the segment after them was
// begun, and are gone on from; those of the last segment are always made anew.
// Where they do not lead to the tree they are all made anew.
func (l *Log) openTiles() error {
	t := newTiles(l.o.disk, l.path(tileDir))
	l.tiles = t
	if err := t.disk.mkdir(t.dir); err != nil {
		return err
	}
	mark, err := readFile(t.disk, filepath.Join(t.dir, wholeFile))
	if err != nil && !isMissing(err) {
		return err
	}
	whole := string(mark) == wholeText
	segs := append(l.view.sealed[:len(l.view.sealed):len(l.view.sealed)], l.view.tail)
	begin := 0
	have, err := t.have()
	if err != nil {
		return err
	}
	if have < segs[0].first {
		return errLostHashes(segs[0].first)
	}
	if whole {
		for begin < len(segs)-1 && segs[begin+1].first <= have {
			begin++
		}
	}
	if begin < len(segs)-1 && whole {
		// What is made anew now belongs to full segments; a crash on the way
		// must not leave it looking durable.
		if err := t.unmark(); err != nil {
			return err
		}
		whole = false
	}
	err = t.fill(l.dir, segs[begin:], l.tree)
	if errors.Is(err, errTiles) && begin > 0 {
		l.o.Log.Warn("ledger: hash tiles do not fit the segments and are made anew")
		if err := t.unmark(); err != nil {
			return err
		}
		begin, whole = 0, false
		err = t.fill(l.dir, segs, l.tree)
	}
	if errors.Is(err, errTiles) && segs[0].first > 0 {
		err = errLostHashes(segs[0].first)
	}
	if err != nil {
		return err
	}
	if whole {
		return nil
	}
	if err := t.sync(); err != nil {
		return err
	}
	if err := replaceFile(t.disk, filepath.Join(t.dir, wholeFile), []byte(wholeText), true); err != nil {
		return err
	}
	if err := t.disk.syncDir(t.dir); err != nil {
		return err
	}
	return t.disk.syncDir(l.dir)
}

// errTiles says that hashes on disk are not those of the segments.
var errTiles = errors.New("hash tiles do not fit the segments")

func (t *tiles) unmark() error {
	err := t.disk.remove(filepath.Join(t.dir, wholeFile))
	if err != nil && !isMissing(err) {
		return err
	}
	return t.disk.syncDir(t.dir)
}

// have gives how many entries all the files cover.
func (t *tiles) have() (int64, error) {
	counts := [tileLevels]int64{}
	for i := range t.levels {
		n, err := t.length(&t.levels[i])
		if err != nil {
			return 0, err
		}
		counts[i] = n / tlog.HashSize
	}
	n, err := t.length(&t.places)
	if err != nil {
		return 0, err
	}
	have := min(counts[0], n/8*tileWidth)
	for i := 1; i < tileLevels; i++ {
		if shift := i * tileHeight; counts[i] < have>>shift {
			have = counts[i] << shift
		}
	}
	return have, nil
}

func (t *tiles) length(f *tileFile) (int64, error) {
	if err := t.open(f, false); isMissing(err) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return f.f.size()
}

// fill writes the hashes of segs, the last ones of the log in dir whose tree is
// given, behind those of all before them, and cuts off what stands behind. It
// fails with errTiles where these do not lead to that tree.
func (t *tiles) fill(dir string, segs []segment, whole frontier) error {
	first := segs[0].first
	tree, err := t.frontier(first)
	if err != nil {
		return err
	}
	for i := range t.levels {
		t.levels[i].at, t.levels[i].buf = first>>(i*tileHeight)*tlog.HashSize, nil
	}
	t.places.at, t.places.buf = (first+tileWidth-1)/tileWidth*8, nil
	for _, s := range segs {
		f, err := t.disk.open(filepath.Join(dir, segmentName(s.first)), readOnly)
		if err != nil {
			return err
		}
		err = fillFrom(&tree, t, f, s)
		f.Close()
		if err != nil {
			return err
		}
	}
	if tree.size != whole.size || tree.root() != whole.root() {
		return errTiles
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.each(func(f *tileFile) error {
		n, err := t.length(f)
		if err == nil && n > f.at {
			f.dirty = true
			err = f.f.truncate(f.at)
		}
		return err
	})
}

// errLostHashes says that the hashes of dropped entries, which nothing gives
// again, are not whole.
func errLostHashes(first int64) error {
	return fmt.Errorf("%w: the hashes of the %d dropped entries, in %s, are not those that were signed: put them back from a copy", ErrDamaged, first, tileDir)
}

// keptFrontier gives the tree of the first entries, which are dropped, from
// their hashes. Whether these are right shows only when what follows leads to a
// signed root.
func keptFrontier(d disk, dir string, first int64) (frontier, error) {
	if first == 0 {
		return frontier{}, nil
	}
	t := newTiles(d, dir)
	defer t.close()
	have, err := t.have()
	if err == nil && have < first {
		err = errLostHashes(first)
	}
	if err != nil {
		return frontier{}, err
	}
	return t.frontier(first)
}

// fillFrom adds the entries of one segment.
func fillFrom(tree *frontier, t *tiles, f file, s segment) error {
	r := newFrameReader(f, segmentHeader, s.bytes)
	for {
		at := r.at
		frame, _, err := r.next()
		if err == io.EOF {
			return nil
		}
		if brokenFrame(err) {
			return fmt.Errorf("%w: %s, byte %d, entry %d", ErrDamaged, segmentName(s.first), at, tree.size)
		}
		if err != nil {
			return err
		}
		t.place(tree.size, at)
		tree.grow(leafHash(frame), t)
		if t.full() {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
}

// frontier gives the right edge of the tree of the first size leaves, from the
// files alone.
func (t *tiles) frontier(size int64) (frontier, error) {
	tree := frontier{size: size}
	for i := 0; size>>i != 0; i++ {
		if size>>i&1 == 0 {
			continue
		}
		level := i / tileHeight
		at := size >> (i + 1) << (i + 1) >> (level * tileHeight)
		hashes := make([]tlog.Hash, 1<<(i%tileHeight))
		b := make([]byte, len(hashes)*tlog.HashSize)
		f := &t.levels[level]
		if err := t.open(f, false); err != nil {
			return frontier{}, err
		}
		if _, err := f.f.ReadAt(b, at*tlog.HashSize); err != nil && err != io.EOF {
			return frontier{}, err
		}
		for j := range hashes {
			hashes[j] = tlog.Hash(b[j*tlog.HashSize:])
		}
		for ; len(hashes) > 1; hashes = hashes[:len(hashes)/2] {
			for j := range len(hashes) / 2 {
				hashes[j] = tlog.NodeHash(hashes[2*j], hashes[2*j+1])
			}
		}
		tree.roots[i] = hashes[0]
	}
	return tree, nil
}

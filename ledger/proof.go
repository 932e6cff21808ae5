package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrUnproven: no checkpoint covers the entry, or the tree of that size, yet.
	ErrUnproven = errors.New("no checkpoint covers it yet")
	// ErrTiles: the hash tiles are missing or do not lead to the signed root.
	// They are derived from the segments: opening the log makes them anew.
	ErrTiles = errors.New("hash tiles do not fit the checkpoint")
	// ErrProof is what Check and the parsers of this package say of a proof that
	// does not hold or is not written as one.
	ErrProof = errors.New("proof does not hold")
)

// A Tree gives proofs from the hash tiles of a log. Every hash that it uses has
// been followed up to the root of the newest signed checkpoint, so that damaged
// tiles give an error and never a wrong proof. It reads a handful of tiles for
// each question, however large the log is, and keeps nothing between two. Its
// methods may be called concurrently.
type Tree struct {
	disk   disk
	dir    string
	keys   func() (*chain, error)
	newest func() (Checkpoint, []byte, error)
	// vouched gives the newest note that enough witnesses have signed, or nil.
	vouched  func() ([]byte, error)
	segments func() ([]segment, error)
}

// Tree gives proofs under the log's newest checkpoint, for as long as the log is
// open and after.
func (l *Log) Tree() *Tree {
	return &Tree{disk: l.o.disk, dir: l.dir,
		keys: func() (*chain, error) { return l.keys(), nil },
		newest: func() (Checkpoint, []byte, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.newest, l.note, nil
		},
		vouched: func() ([]byte, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.witnessedNote, nil
		},
		segments: func() ([]segment, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return append(l.view.sealed[:len(l.view.sealed):len(l.view.sealed)], l.view.tail), nil
		},
	}
}

// OpenTree reads the tree of the log in dir from outside, also while a server
// writes to it. key is the text of a public key of the log, or of several, a line
// each; "" believes the log's own.
func OpenTree(dir, key string) (*Tree, error) {
	t, err := openTree(osDisk{}, dir, key)
	if err != nil {
		return nil, fmt.Errorf("open tree of ledger: %w", err)
	}
	return t, nil
}

func openTree(d disk, dir, key string) (*Tree, error) {
	believed := believedKeys(key)
	t := outsideTree(d, dir, func() (*chain, error) {
		c, _, err := readChain(d, dir)
		if err != nil || len(believed) == 0 {
			return c, err
		}
		broken, err := c.believed(believed)
		if err == nil && broken != nil {
			err = fmt.Errorf("%w: %w at entry %d: no key that is believed has signed for the key since", ErrKey, errTrust, broken.index)
		}
		return c, err
	})
	if _, err := t.keys(); err != nil {
		return nil, err
	}
	return t, nil
}

// outsideTree gives the tree of a log that another process may be writing to.
func outsideTree(d disk, dir string, keys func() (*chain, error)) *Tree {
	t := &Tree{disk: d, dir: dir, keys: keys}
	t.segments = func() ([]segment, error) { return listSegments(d, dir) }
	t.vouched = func() (last []byte, err error) {
		b, err := readFile(d, filepath.Join(dir, witnessedFile))
		if isMissing(err) {
			return nil, nil
		}
		for msg, rest, ok := splitNote(b); ok; msg, rest, ok = splitNote(rest) {
			last = msg
		}
		return last, err
	}
	t.newest = func() (Checkpoint, []byte, error) {
		msg, err := readFile(d, filepath.Join(dir, checkpointFile))
		if err != nil {
			return Checkpoint{}, nil, err
		}
		c, err := t.open(msg)
		return c, msg, err
	}
	return t
}

// open reads a note with the keys that the log has now.
func (t *Tree) open(msg []byte) (Checkpoint, error) {
	keys, err := t.keys()
	if err != nil {
		return Checkpoint{}, err
	}
	return keys.open(msg)
}

// First gives the index of the first entry that the log's files hold.
func (t *Tree) First() (int64, error) {
	segs, err := t.segments()
	if err != nil {
		return 0, fmt.Errorf("first entry of ledger: %w", err)
	}
	return segs[0].first, nil
}

// Checkpoint gives the newest checkpoint, and the signed note that it stands in.
func (t *Tree) Checkpoint() (Checkpoint, []byte, error) {
	c, msg, err := t.newest()
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("read checkpoint: %w", err)
	}
	return c, msg, nil
}

// Witnessed gives the newest checkpoint that enough witnesses have signed, and its
// note; nil where there is none. Whether the cosignatures hold says Verify, or
// whoever has the witnesses' keys.
func (t *Tree) Witnessed() (Checkpoint, []byte, error) {
	msg, err := t.vouched()
	if err != nil || msg == nil {
		return Checkpoint{}, nil, err
	}
	c, err := t.open(msg)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("read witnessed checkpoint: %w", err)
	}
	return c, msg, nil
}

// ProveInclusion proves that an entry is the one at index in the tree of the
// first size entries (RFC 6962, section 2.1.1). It fails with ErrUnproven where
// the newest checkpoint does not cover size, and with ErrTiles.
func (t *Tree) ProveInclusion(index, size int64) (tlog.RecordProof, error) {
	r, done, err := t.reader(size)
	if err == nil && (index < 0 || index >= size) {
		err = fmt.Errorf("%w: entry %d of %d", ErrUnproven, index, size)
	}
	if err != nil {
		return nil, fmt.Errorf("prove inclusion: %w", err)
	}
	defer done()
	p, err := tlog.ProveRecord(size, index, r)
	if err != nil {
		return nil, fmt.Errorf("prove inclusion: %w", tilesError(err))
	}
	return p, nil
}

// ProveConsistency proves that the tree of the first old entries is the
// beginning of the tree of the first size (RFC 6962, section 2.1.2). The proof
// is empty where old is 0 or size. Errors are those of ProveInclusion.
func (t *Tree) ProveConsistency(old, size int64) (tlog.TreeProof, error) {
	r, done, err := t.reader(size)
	if err == nil && (old < 0 || old > size) {
		err = fmt.Errorf("%w: %d entries of %d", ErrUnproven, old, size)
	}
	if err != nil {
		return nil, fmt.Errorf("prove consistency: %w", err)
	}
	defer done()
	if old == 0 || old == size {
		return nil, nil
	}
	p, err := tlog.ProveTree(size, old, r)
	if err != nil {
		return nil, fmt.Errorf("prove consistency: %w", tilesError(err))
	}
	return p, nil
}

// Root gives the root of the tree of the first size entries.
func (t *Tree) Root(size int64) (tlog.Hash, error) {
	if size == 0 {
		return (&frontier{}).root(), nil
	}
	r, done, err := t.reader(size)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("root of ledger: %w", err)
	}
	defer done()
	h, err := tlog.TreeHash(size, r)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("root of ledger: %w", tilesError(err))
	}
	return h, nil
}

// reader gives hashes that have been checked against the newest checkpoint,
// which must cover size.
func (t *Tree) reader(size int64) (r tlog.HashReader, done func(), err error) {
	c, _, err := t.newest()
	if err != nil {
		return nil, nil, err
	}
	if size < 0 || size > c.Size {
		return nil, nil, fmt.Errorf("%w: %d entries, %d are signed", ErrUnproven, size, c.Size)
	}
	files := &tileReader{tree: t}
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, files), files.close, nil
}

// tilesError tells what reading tiles failed with. The library has no sentinel
// for hashes that do not fit; whatever is not the disk's fault is that.
func tilesError(err error) error {
	var broken *diskError
	if errors.As(err, &broken) {
		return broken.err
	}
	return fmt.Errorf("%w: %w", ErrTiles, err)
}

// A diskError keeps a failure to read apart from hashes that do not fit.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }

// A tileReader reads tiles for one question.
type tileReader struct {
	tree  *Tree
	files [tileLevels]file
	// wanted is the tile that is to be kept, and kept its hashes, when they
	// were found to be right.
	wanted tlog.Tile
	kept   []byte
}

func (r *tileReader) Height() int { return tileHeight }

func (r *tileReader) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(list))
	for i, tile := range list {
		b := make([]byte, tile.W*tlog.HashSize)
		if err := r.read(tile, b); err != nil {
			return nil, err
		}
		all[i] = b
	}
	return all, nil
}

func (r *tileReader) read(tile tlog.Tile, b []byte) (err error) {
	if r.files[tile.L] == nil {
		f, err := r.tree.disk.open(filepath.Join(r.tree.dir, tileDir, tileName(tile.L)), readOnly)
		if isMissing(err) {
			return fmt.Errorf("there are none of level %d", tile.L)
		}
		if err != nil {
			return &diskError{err}
		}
		r.files[tile.L] = f
	}
	n, err := r.files[tile.L].ReadAt(b, tile.N<<tileHeight*tlog.HashSize)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return fmt.Errorf("level %d ends too early", tile.L)
	}
	return &diskError{err}
}

func (r *tileReader) SaveTiles(list []tlog.Tile, all [][]byte) {
	for i, tile := range list {
		if tile.L == r.wanted.L && tile.N == r.wanted.N && tile.W >= r.wanted.W {
			r.kept = all[i][:r.wanted.W*tlog.HashSize]
		}
	}
}

func (r *tileReader) close() {
	for _, f := range r.files {
		if f != nil {
			f.Close()
		}
	}
}

// A Proof shows, to anybody who has the log's public key and an entry, that the
// entry was recorded: it is C2SP tlog-proof.
type Proof struct {
	Index int64
	Path  tlog.RecordProof // from the entry's sibling to the root's child
	// Note is the signed checkpoint, with the cosignatures that it has.
	Note []byte
}

const (
	proofHeader = "c2sp.org/tlog-proof@v1\n"
	maxPath     = 63 // hashes in a proof: the height of the largest tree
)

// Text writes the proof in the format of C2SP tlog-proof.
func (p Proof) Text() []byte {
	b := fmt.Appendf(nil, "%sindex %d\n", proofHeader, p.Index)
	b = appendHashes(b, p.Path)
	return append(append(b, '\n'), p.Note...)
}

func appendHashes(b []byte, hashes []tlog.Hash) []byte {
	for _, h := range hashes {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return b
}

// cutHashes reads lines of hashes up to an empty line, behind which rest begins.
func cutHashes(b []byte) (hashes []tlog.Hash, rest []byte, ok bool) {
	for {
		line, next, found := bytes.Cut(b, []byte("\n"))
		if !found || len(hashes) > maxPath {
			return nil, nil, false
		}
		if len(line) == 0 {
			return hashes, next, true
		}
		h, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if err != nil || len(h) != tlog.HashSize {
			return nil, nil, false
		}
		hashes = append(hashes, tlog.Hash(h))
		b = next
	}
}

// cutNumber reads a line of a word and a number in its one decimal form.
func cutNumber(b []byte, word string) (n int64, rest []byte, ok bool) {
	line, rest, found := bytes.Cut(b, []byte("\n"))
	digits, is := strings.CutPrefix(string(line), word+" ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !found || !is || err != nil || n < 0 || strconv.FormatInt(n, 10) != digits {
		return 0, nil, false
	}
	return n, rest, true
}

// ParseProof reads what Text writes. Extra data, which the format allows and
// which is proven by nothing, is refused.
func ParseProof(b []byte) (Proof, error) {
	rest, ok := bytes.CutPrefix(b, []byte(proofHeader))
	var p Proof
	if ok {
		p.Index, rest, ok = cutNumber(rest, "index")
	}
	if ok {
		p.Path, rest, ok = cutHashes(rest)
	}
	if !ok || len(p.Path) > maxPath {
		return Proof{}, fmt.Errorf("%w: not written as a tlog-proof", ErrProof)
	}
	p.Note = rest
	return p, nil
}

// Check says whether the proof shows that entry, as it is encoded in the log,
// is the one at p.Index under c, the checkpoint of p.Note that the caller has
// verified. It fails with ErrProof.
func (p Proof) Check(c Checkpoint, entry []byte) error {
	if p.Index < 0 || p.Index >= c.Size {
		return fmt.Errorf("%w: entry %d is not among the %d that are signed", ErrProof, p.Index, c.Size)
	}
	if err := tlog.CheckRecord(p.Path, c.Size, c.Root, p.Index, tlog.RecordHash(entry)); err != nil {
		return fmt.Errorf("%w: entry %d is not what was signed", ErrProof, p.Index)
	}
	return nil
}

package fingerprint

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"

	"github.com/FastFilter/xorfilter"

	"github.com/getweir/weir"
)

// entrySize is what a value of a row takes in the sorted list: its hash and the row.
const entrySize = 12

// An Index is what a Builder wrote. It does not change.
type Index struct {
	key     Key
	hash    hasher
	Columns []Column
	rows    []byte
	gate    gate
	columns []column
}

type column struct {
	filter  *xorfilter.BinaryFuse[uint16] // nil: the column is empty
	entries []byte
}

// Open reads the file at path.
func Open(key Key, path string) (*Index, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	x, err := Load(key, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// Load takes apart what WriteTo wrote. The Index goes on using b. It fails with
// ErrKey, or with ErrFile.
func Load(key Key, b []byte) (*Index, error) {
	b, ok := bytes.CutPrefix(b, []byte(fileMagic))
	if !ok || len(b) < 4 {
		return nil, ErrFile
	}
	n := int(binary.LittleEndian.Uint32(b))
	if b = b[4:]; n > len(b)-sha256.Size {
		return nil, ErrFile
	}
	head, seal := b[:n], b[n:n+sha256.Size]
	b = b[n+sha256.Size:]
	var h fileHeader
	if err := json.Unmarshal(head, &h); err != nil {
		return nil, ErrFile
	}
	if h.Key != key.ID() {
		return nil, fmt.Errorf("%w: it is of key %.16q, this is %s", ErrKey, h.Key, key.ID())
	}
	if !hmac.Equal(seal, sealOf(key, head)) {
		return nil, ErrFile
	}
	// From here on the header is what a Builder with this key wrote.
	parts := make([][]byte, len(h.Parts))
	for i, p := range h.Parts {
		if p.Size < 0 || p.Size > int64(len(b)) {
			return nil, ErrFile
		}
		parts[i], b = b[:p.Size], b[p.Size:]
		if sum := sha256.Sum256(parts[i]); !bytes.Equal(sum[:], p.Sum) {
			return nil, fmt.Errorf("%w: its %s are not what they were", ErrFile, p.Name)
		}
	}
	if len(b) > 0 || len(parts) != 2+2*len(h.Columns) || len(parts[0]) != h.Rows*len(weir.Subject{}) {
		return nil, ErrFile
	}
	x := &Index{key: key, hash: key.hasher(), rows: parts[0], gate: parts[1]}
	for i, c := range h.Columns {
		col := column{entries: parts[3+2*i]}
		if c.Values > 0 {
			prints := parts[2+2*i]
			f := &xorfilter.BinaryFuse[uint16]{
				Seed: c.Seed, SegmentLength: c.Length, SegmentLengthMask: c.Length - 1,
				SegmentCount: c.Count, SegmentCountLength: c.Count * c.Length,
				Fingerprints: make([]uint16, len(prints)/2),
			}
			for k := range f.Fingerprints {
				f.Fingerprints[k] = binary.LittleEndian.Uint16(prints[2*k:])
			}
			col.filter = f
		}
		x.Columns, x.columns = append(x.Columns, c.Column), append(x.columns, col)
	}
	return x, nil
}

// Rows is how many customers the index knows.
func (x *Index) Rows() int { return len(x.rows) / len(weir.Subject{}) }

// Memory is how many bytes the filters hold that answer whether a value is known.
func (x *Index) Memory() (n int) {
	for _, c := range x.columns {
		if c.filter != nil {
			n += 2 * len(c.filter.Fingerprints)
		}
	}
	return n
}

// Values is how many values the filters know.
func (x *Index) Values() (n int) {
	for _, c := range x.columns {
		n += len(c.entries) / entrySize
	}
	return n
}

func (x *Index) subject(row uint32) weir.Subject {
	return weir.Subject(x.rows[int(row)*len(weir.Subject{}):][:len(weir.Subject{})])
}

// has reports whether a column may have a value, wrongly once in 65,536 times.
func (c *column) has(hash uint64) bool { return c.filter != nil && c.filter.Contains(hash) }

// holders gives the rows that have the value, and whether it is one that too many
// have, and so none.
func (c *column) holders(dst []uint32, hash uint64) (rows []uint32, shared bool) {
	n := uint64(len(c.entries) / entrySize)
	if n == 0 {
		return dst, false
	}
	at := func(i uint64) uint64 { return binary.LittleEndian.Uint64(c.entries[i*entrySize:]) }
	// Hashes are spread evenly, so that the place can be reckoned; it is a few off.
	i, _ := bits.Mul64(hash, n)
	for i > 0 && at(i) >= hash {
		i--
	}
	for i < n && at(i) < hash {
		i++
	}
	for ; i < n && at(i) == hash; i++ {
		row := binary.LittleEndian.Uint32(c.entries[i*entrySize+8:])
		if row == common {
			return dst, true
		}
		dst = append(dst, row)
	}
	return dst, false
}

// A gate is a set of hashes that says no for most of what is not in it, and stays in
// the processor's nearer caches: one bit for each.
type gate []byte

// maxGate is its largest size in bytes.
const maxGate = 1 << 21

func gateOf(hashes []uint64) gate {
	size := 64
	for size < 2*len(hashes) && size < maxGate { // sixteen bits for each
		size *= 2
	}
	g := make(gate, size)
	for _, h := range hashes {
		i := h >> 3 & uint64(size-1)
		g[i] |= 1 << (h & 7)
	}
	return g
}

func (g gate) has(h uint64) bool {
	return len(g) > 0 && g[h>>3&uint64(len(g)-1)]&(1<<(h&7)) != 0
}

// A Set is what is known at one time. It does not change.
type Set struct {
	Indexes []*Index
	// Gone are customers who were erased since the indexes were made: they are
	// nobody's any more.
	Gone map[weir.Subject]bool
}

// Live holds the Set in force. The zero Live holds none.
type Live struct{ set atomic.Pointer[Set] }

// Load gives the Set in force; nil: none.
func (l *Live) Load() *Set {
	if l == nil {
		return nil
	}
	return l.set.Load()
}

// Store puts a Set in force. Searches that have begun go on in the one before.
func (l *Live) Store(s *Set) { l.set.Store(s) }

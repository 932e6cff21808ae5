package ledger

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// A frontier is all of a Merkle tree that is needed to grow it: the roots of the
// full subtrees along its right edge. Bit i of size says whether there is one of
// 2^i leaves, and then it is in roots[i]. The zero frontier is the empty tree.
type frontier struct {
	size  int64
	roots [63]tlog.Hash
}

// push adds a leaf.
func (f *frontier) push(h tlog.Hash) { f.grow(h, nil) }

// grow adds a leaf, and to t, if it is not nil, every hash that tiles hold and
// that is known from now on.
func (f *frontier) grow(h tlog.Hash, t *tiles) {
	if t != nil {
		t.add(0, h)
	}
	i := 0
	for ; f.size>>i&1 != 0; i++ {
		h = tlog.NodeHash(f.roots[i], h)
		if t != nil && (i+1)%tileHeight == 0 {
			t.add((i+1)/tileHeight, h)
		}
	}
	f.roots[i] = h
	f.size++
}

// root gives the hash of the tree (RFC 6962, section 2.1).
func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		return tlog.Hash(sha256.Sum256(nil))
	}
	i := bits.TrailingZeros64(uint64(f.size))
	h := f.roots[i]
	for i++; f.size>>i != 0; i++ {
		if f.size>>i&1 != 0 {
			h = tlog.NodeHash(f.roots[i], h)
		}
	}
	return h
}

// leafHash gives tlog.RecordHash of the payload of a whole frame. It does so
// without a copy by writing the zero byte that RFC 6962 puts before a leaf over
// the last byte of the frame's head, which therefore must not be needed again.
func leafHash(frame []byte) tlog.Hash {
	frame[headSize-1] = 0
	return tlog.Hash(sha256.Sum256(frame[headSize-1:]))
}

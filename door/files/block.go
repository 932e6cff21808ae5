package files

// A block is a stretch of a file that is read on its own, and what was found in it.
type block struct {
	format Format
	t      []byte // the bytes
	base   int64  // offset in the file of t[0]
	// Only what begins in t[from:to] is this block's; what lies around it is read for
	// its sake, and belongs to its neighbours.
	from, to int
	pieces   []piece  // of a JSON document that is too long to be read as a whole
	columns  []string // of a table; nil: it names none
	comma    byte
	last     bool // no other of the file follows
	header   int  // length of the row that names them, where it is in this block

	found  []Finding // lines counted from 0 in this block, columns from 0 in each line
	lines  int       // LFs in t[from:to]
	tail   int       // characters after the last of them
	unread int64
	asText int64
	lent   bool          // it is with a reader
	done   chan struct{} // tells that it is not any more
}

// A piece is a segment of JSON in a block.
type piece struct {
	lo, hi int
	record bool
	path   []string
	index  int // of the element in its array, or of the one that comes next
}

// maxJoined bounds how many bytes of elements are read together.
const maxJoined = 64 << 10

// add adds a piece, which ends where the bytes of b do. Elements that follow one
// another become one piece: the inspector takes JSON values one after another.
func (b *block) add(p piece) {
	if n := len(b.pieces); n > 0 && p.record && p.index > 0 {
		if last := &b.pieces[n-1]; last.record && p.hi-last.lo <= maxJoined {
			last.hi = p.hi
			return
		}
	}
	b.pieces = append(b.pieces, p)
}

func newBlock() *block {
	return &block{t: make([]byte, 0, blockSize), done: make(chan struct{}, 1)}
}

// reset makes b ready to be filled from offset base on.
func (b *block) reset(base int64) {
	clear(b.found)
	*b = block{t: b.t[:0], base: base, pieces: b.pieces[:0], found: b.found[:0], done: b.done}
	if cap(b.t) == 0 {
		b.t = make([]byte, 0, blockSize)
	}
	if cap(b.found) > 1<<14 {
		b.found = nil
	}
}

var each = []string{"[]"}

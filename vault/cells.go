package vault

import (
	"encoding/binary"
	"errors"
	"math"
)

// A cell is one value of a record, as the row holds it.
type cell struct {
	field   string
	nth     uint64 // tells values of one field apart
	version int64  // of the record, when it was written
	marked  bool   // it is an identifier: mark and bind are set
	unique  bool
	mark    Mac // in the blind index
	bind    Mac // in the subject directory
	sealed  []byte
}

// Cells of a row are written one behind the other, and behind them the seal of
// the whole:
//
//	format  1 byte: 1
//	n       uvarint
//	n times:
//	  field    uvarint length, bytes
//	  nth      uvarint
//	  version  uvarint
//	  flags    1 byte: 1 marked, 2 unique
//	  mark     32 bytes, bind 32 bytes; if marked
//	  sealed   uvarint length, bytes: nonce, ciphertext, tag
//	seal    28 bytes: nonce and tag
//
// A length is written in its shortest form, so that there is one way to write a
// row.
const (
	cellFormat = 1
	flagMarked = 1
	flagUnique = 2
	sealSize   = 28 // 12 of nonce, 16 of tag (NIST SP 800-38D)
)

var errCells = errors.New("its cells cannot be read")

func appendCells(b []byte, cells []cell) []byte {
	b = append(b, cellFormat)
	b = binary.AppendUvarint(b, uint64(len(cells)))
	for i := range cells {
		c := &cells[i]
		b = binary.AppendUvarint(b, uint64(len(c.field)))
		b = append(b, c.field...)
		b = binary.AppendUvarint(b, c.nth)
		b = binary.AppendUvarint(b, uint64(c.version))
		var flags byte
		if c.marked {
			flags |= flagMarked
		}
		if c.unique {
			flags |= flagUnique
		}
		b = append(b, flags)
		if c.marked {
			b = append(append(b, c.mark[:]...), c.bind[:]...)
		}
		b = binary.AppendUvarint(b, uint64(len(c.sealed)))
		b = append(b, c.sealed...)
	}
	return b
}

// decodeCells reads what appendCells has written and a seal behind it. The cells
// lie in b.
func decodeCells(b []byte) (cells []cell, body, seal []byte, err error) {
	r := reader{rest: b}
	if r.byte() != cellFormat {
		return nil, nil, nil, errCells
	}
	n := r.uvarint()
	if n > MaxValues {
		return nil, nil, nil, errCells
	}
	if n > 0 && !r.bad {
		cells = make([]cell, 0, n)
	}
	for range n {
		c := cell{field: string(r.bytes(r.uvarint())), nth: r.uvarint(), version: int64(r.uvarint() & math.MaxInt64)}
		flags := r.byte()
		c.marked, c.unique = flags&flagMarked != 0, flags&flagUnique != 0
		if flags > flagMarked|flagUnique || c.unique && !c.marked {
			r.bad = true
		}
		if c.marked {
			copy(c.mark[:], r.bytes(uint64(len(c.mark))))
			copy(c.bind[:], r.bytes(uint64(len(c.bind))))
		}
		c.sealed = r.bytes(r.uvarint())
		if r.bad || !fieldName(c.field) || len(c.sealed) < sealSize {
			return nil, nil, nil, errCells
		}
		cells = append(cells, c)
	}
	if r.bad || len(r.rest) != sealSize {
		return nil, nil, nil, errCells
	}
	end := len(b) - sealSize
	return cells, b[:end], b[end:], nil
}

// A reader takes pieces from the front of rest; after the first that is not there
// it is bad and gives nothing.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uvarint() uint64 {
	if r.bad {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	// The last byte of a longer form than needed is zero.
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

package fingerprint

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/FastFilter/xorfilter"

	"github.com/getweir/weir"
)

// A Column is one kind of value that customers have.
type Column struct {
	Class weir.Class `json:"class"`
	Kind  Kind       `json:"kind"`
}

// maxHolders is how many customers may share a value that still points at any of
// them: a name that more have is nobody's.
const maxHolders = 16

// common stands in place of a row for a value that too many have.
const common = ^uint32(0)

// An entry is one value of one row.
type entry struct {
	hash uint64
	row  uint32
}

// A Builder gathers customers and writes an Index. It is used by one goroutine, and
// holds 16 bytes for each value.
type Builder struct {
	key     Key
	hash    hasher
	columns []Column
	entries [][]entry // for each column
	starts  []uint64  // hashes of the first two words of names and streets
	rows    []weir.Subject
	buf     []byte
}

// NewBuilder gives an empty Builder.
func NewBuilder(key Key, columns []Column) (*Builder, error) {
	if len(columns) == 0 || len(columns) > 255 {
		return nil, errors.New("fingerprints need between one and 255 columns")
	}
	for _, c := range columns {
		if c.Class == "" || c.Kind >= kinds {
			return nil, fmt.Errorf("fingerprints: the column %q is of no kind", c.Class)
		}
	}
	return &Builder{key: key, hash: key.hasher(), columns: columns, entries: make([][]entry, len(columns))}, nil
}

// Row begins the next customer, whose values Add then takes.
func (b *Builder) Row(subject weir.Subject) { b.rows = append(b.rows, subject) }

// Rows is how many customers there are.
func (b *Builder) Rows() int { return len(b.rows) }

// Add adds a value of the customer that Row began. It reports whether the value can
// be found again: a name of one word, an empty value and a street without a number
// cannot. Nothing of v is kept.
func (b *Builder) Add(column int, v []byte) bool {
	if len(b.rows) == 0 {
		panic("fingerprint: Add before Row")
	}
	row := uint32(len(b.rows) - 1)
	put := func(canonical []byte) {
		b.entries[column] = append(b.entries[column], entry{b.hash.sum(canonical), row})
	}
	switch b.columns[column].Kind {
	case Code:
		if b.buf = AppendCode(b.buf[:0], v); len(b.buf) < 4 {
			return false
		}
		put(b.buf)
		return true
	case Name:
		ws := words(v)
		if len(ws) < 2 || len(ws) > most {
			return false
		}
		b.start(ws)
		put(bytes.Join(ws, []byte(" ")))
		// "Doe, Jane" for "Jane Doe".
		turned := append([][]byte{ws[len(ws)-1]}, ws[:len(ws)-1]...)
		b.start(turned)
		put(bytes.Join(turned, []byte(" ")))
		return true
	case Street:
		ws := words(v)
		if ws = numberLast(ws); ws == nil || len(ws) > most {
			return false
		}
		b.start(ws)
		put(bytes.Join(ws, []byte(" ")))
		return true
	}
	return false
}

func (b *Builder) start(ws [][]byte) {
	b.buf = append(append(append(b.buf[:0], ws[0]...), ' '), ws[1]...)
	b.starts = append(b.starts, b.hash.sum(b.buf))
}

// numberLast gives the words of a street with the house's number behind them, wherever
// it stood; nil where there is no number or no street.
func numberLast(ws [][]byte) [][]byte {
	if len(ws) < 2 {
		return nil
	}
	last := len(ws) - 1
	switch {
	case number(ws[last]):
		return ws
	case number(ws[0]):
		return append(slices.Clone(ws[1:]), ws[0])
	}
	return nil
}

const fileMagic = "weir fingerprints 1\n"

// A fileHeader begins a file, as JSON, and is sealed by the key. The parts follow it
// in the order of Parts.
type fileHeader struct {
	Key     string         `json:"key"` // Key.ID
	Rows    int            `json:"rows"`
	Columns []columnHeader `json:"columns"`
	Parts   []part         `json:"parts"`
}

type columnHeader struct {
	Column
	Entries int    `json:"entries"` // different values, times the customers that have each
	Values  int    `json:"values"`  // different values
	Seed    uint64 `json:"seed"`    // of the filter, as are the others
	Length  uint32 `json:"length"`
	Count   uint32 `json:"count"`
}

// A part is some bytes of the file, and what they are to be.
type part struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  []byte `json:"sha256"`
}

// WriteTo writes the Index. Nothing may be added after it.
func (b *Builder) WriteTo(w io.Writer) (int64, error) {
	header := fileHeader{Key: b.key.ID(), Rows: len(b.rows)}
	var parts [][]byte
	add := func(name string, p []byte) {
		sum := sha256.Sum256(p)
		header.Parts = append(header.Parts, part{name, int64(len(p)), sum[:]})
		parts = append(parts, p)
	}
	rows := make([]byte, 0, len(b.rows)*len(weir.Subject{}))
	for _, s := range b.rows {
		rows = append(rows, s[:]...)
	}
	add("rows", rows)
	add("starts", gateOf(b.starts))
	for i, c := range b.columns {
		entries := compact(b.entries[i])
		h := columnHeader{Column: c, Entries: len(entries)}
		hashes := make([]uint64, 0, len(entries))
		list := make([]byte, 0, len(entries)*entrySize)
		for k, e := range entries {
			if k == 0 || e.hash != entries[k-1].hash {
				hashes = append(hashes, e.hash)
			}
			list = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(list, e.hash), e.row)
		}
		h.Values = len(hashes)
		var filter []byte
		if len(hashes) > 0 {
			f, err := xorfilter.NewBinaryFuse[uint16](hashes)
			if err != nil {
				return 0, fmt.Errorf("fingerprints of %s: %w", c.Class, err)
			}
			h.Seed, h.Length, h.Count = f.Seed, f.SegmentLength, f.SegmentCount
			filter = make([]byte, 0, 2*len(f.Fingerprints))
			for _, x := range f.Fingerprints {
				filter = binary.LittleEndian.AppendUint16(filter, x)
			}
		}
		header.Columns = append(header.Columns, h)
		add(fmt.Sprintf("filter %d", i), filter)
		add(fmt.Sprintf("entries %d", i), list)
		b.entries[i] = nil
	}
	head, err := json.Marshal(header)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 1<<20)
	n := int64(0)
	write := func(p []byte) {
		m, _ := out.Write(p) // Flush tells what went wrong
		n += int64(m)
	}
	write([]byte(fileMagic))
	write(binary.LittleEndian.AppendUint32(nil, uint32(len(head))))
	write(head)
	write(sealOf(b.key, head))
	for _, p := range parts {
		write(p)
	}
	return n, out.Flush()
}

// sealOf is the HMAC-SHA-256 of the header under a key of its own: whoever has not
// the key can make no file, and a wrong key is noticed.
func sealOf(key Key, head []byte) []byte {
	m := hmac.New(sha256.New, key.derive("header", 32))
	m.Write(head)
	return m.Sum(nil)
}

// compact sorts entries, drops those that stand twice, and makes one of the entries of
// a value that too many have.
func compact(es []entry) []entry {
	slices.SortFunc(es, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row))
	})
	es = slices.Compact(es)
	out := es[:0]
	for i := 0; i < len(es); {
		k := i + 1
		for k < len(es) && es[k].hash == es[i].hash {
			k++
		}
		if k-i > maxHolders {
			out = append(out, entry{es[i].hash, common})
		} else {
			out = append(out, es[i:k]...)
		}
		i = k
	}
	return out
}

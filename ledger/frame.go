package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// A frame holds one entry in a segment file, big-endian:
//
//	0  CRC-32C of all that follows in the frame
//	4  1 bit: the frame is the first of what was written and synced at once;
//	   15 bits of zero; 16 bits: length of the entry, at least 1
//	8  the entry
//
// The bit for the first frame of a group is what tells a torn write from a
// damaged file after a crash: whatever stands before the start of a later group
// had been synced when that group was written.
const (
	headSize   = 8
	groupStart = 1 << 31 // the bit for the first frame of a group
	lengthBits = 1<<16 - 1
)

// A segment file begins with a magic number, which holds the version of the
// format, and the index of its first entry.
const (
	segmentMagic  = "weirseg\x01"
	segmentHeader = 16
	segmentSuffix = ".seg"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealFrame fills in the head of frame, whose entry is in place.
func sealFrame(frame []byte, first bool) {
	head := uint32(len(frame) - headSize)
	if first {
		head |= groupStart
	}
	binary.BigEndian.PutUint32(frame[4:], head)
	binary.BigEndian.PutUint32(frame, crc32.Checksum(frame[4:], castagnoli))
}

// frameLength reads the head at the start of b, which has at least headSize
// bytes, and gives the length of the whole frame; ok is false where no frame
// begins so.
func frameLength(b []byte) (n int, first, ok bool) {
	head := binary.BigEndian.Uint32(b[4:])
	n = int(head & lengthBits)
	return headSize + n, head&groupStart != 0, n > 0 && head&^(groupStart|lengthBits) == 0
}

// frameHolds checks the CRC of a whole frame.
func frameHolds(frame []byte) bool {
	return binary.BigEndian.Uint32(frame) == crc32.Checksum(frame[4:], castagnoli)
}

// segmentName gives the name of the file whose first entry has the given index:
// 19 digits, so that names sort as their numbers do.
func segmentName(first int64) string { return fmt.Sprintf("%019d%s", first, segmentSuffix) }

// parseSegmentName reads what segmentName writes.
func parseSegmentName(name string) (first int64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 19 {
		return 0, false
	}
	first, err := strconv.ParseInt(digits, 10, 64)
	return first, err == nil && first >= 0 && segmentName(first) == name
}

func appendSegmentHeader(b []byte, first int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, segmentMagic...), uint64(first))
}

// checkSegmentHeader reports whether b begins as the segment of first does.
func checkSegmentHeader(b []byte, first int64) bool {
	return len(b) >= segmentHeader && string(b[:8]) == segmentMagic && binary.BigEndian.Uint64(b[8:]) == uint64(first)
}

// How a sequence of frames can end, other than by io.EOF at a boundary.
var (
	errShort  = errors.New("the last frame is incomplete")
	errDamage = errors.New("a frame does not hold: its checksum or its head is wrong")
	// errTorn: the same at the end of the last file, where it may be what a crash
	// left of the last write, or what is being written just now.
	errTorn = errors.New("the last write is incomplete")
)

func brokenFrame(err error) bool { return err == errShort || err == errDamage || err == errTorn }

// A frameReader walks the frames of a file up to limit, which for the file that
// is being written is where durable data ends.
type frameReader struct {
	f     io.ReaderAt
	limit int64
	ahead bool   // the file is the last one: zeros written ahead or a torn write may end it
	torn  int64  // with errTorn: how long what is left of the last write is
	at    int64  // offset in the file of the next frame
	buf   []byte // buf[r:w] are the bytes from at on
	r, w  int
}

const readSize = 256 << 10

// writeAhead bounds the zeros that stand behind the last frame of the file that is
// being written.
const writeAhead = 512 << 10

func newFrameReader(f io.ReaderAt, at, limit int64) *frameReader {
	return &frameReader{f: f, at: at, limit: limit}
}

// reset goes on with another file, or elsewhere in the same, with the same buffer.
func (r *frameReader) reset(f io.ReaderAt, at, limit int64) {
	r.f, r.at, r.limit, r.r, r.w = f, at, limit, 0, 0
}

// fill makes at least n bytes stand in the buffer, if the file has as many.
func (r *frameReader) fill(n int) error {
	if r.w-r.r >= n {
		return nil
	}
	// No more memory than there is to read, for the many short files of tests
	// and for those who follow what grows slowly.
	to := r.buf
	if left := r.limit - r.at; int64(len(to)) < min(left, readSize) {
		to = make([]byte, min(readSize, max(left, int64(2*len(to)))))
	}
	copy(to, r.buf[r.r:r.w])
	r.buf, r.r, r.w = to, 0, r.w-r.r
	from := r.at + int64(r.w)
	want := min(int64(len(r.buf)-r.w), r.limit-from)
	if want <= 0 {
		return nil
	}
	k, err := r.f.ReadAt(r.buf[r.w:r.w+int(want)], from)
	r.w += k
	if err != nil && err != io.EOF {
		return err
	}
	return nil
}

// next gives the next frame, head and all, valid until the following call. The
// caller may write into it. At a boundary at the end it gives io.EOF, otherwise
// errShort, errDamage or errTorn, and at stays where the trouble begins.
func (r *frameReader) next() (frame []byte, first bool, err error) {
	frame, first, err = r.read()
	if !r.ahead || !brokenFrame(err) {
		return frame, first, err
	}
	behind := make([]byte, max(0, r.limit-r.at))
	k, rerr := r.f.ReadAt(behind, r.at)
	if rerr != nil && rerr != io.EOF {
		return nil, false, rerr
	}
	switch behind = behind[:k]; {
	case laterGroup(behind):
		// What stands before it was whole when it was written. Where somebody
		// is writing that was perhaps after the frame was read: so once more.
		r.r, r.w = 0, 0
		return r.read()
	case len(bytes.TrimRight(behind, "\x00")) == 0:
		return nil, false, io.EOF
	}
	r.torn = int64(len(bytes.TrimRight(behind, "\x00")))
	return nil, false, errTorn
}

func (r *frameReader) read() (frame []byte, first bool, err error) {
	if err := r.fill(headSize); err != nil {
		return nil, false, err
	}
	switch have := r.w - r.r; {
	case have == 0:
		return nil, false, io.EOF
	case have < headSize:
		return nil, false, errShort
	}
	n, first, ok := frameLength(r.buf[r.r:])
	if !ok {
		return nil, false, errDamage
	}
	if err := r.fill(n); err != nil {
		return nil, false, err
	}
	if r.w-r.r < n {
		return nil, false, errShort
	}
	frame = r.buf[r.r : r.r+n : r.r+n]
	if !frameHolds(frame) {
		return nil, false, errDamage
	}
	r.r += n
	r.at += int64(n)
	return frame, first, nil
}

// laterGroup looks in b, behind a broken frame at its start, for the start of a
// further group. Where there is one, the broken frame had been synced, and is
// damage; where there is none, it is what a crash left of the last write.
func laterGroup(b []byte) bool {
	for i := 1; i+headSize <= len(b); i++ {
		// The four bytes of a head that starts a group begin 0x80 0x00.
		if b[i+4] != 0x80 || b[i+5] != 0 {
			continue
		}
		n, _, ok := frameLength(b[i:])
		if ok && i+n <= len(b) && frameHolds(b[i:i+n]) {
			return true
		}
	}
	return false
}

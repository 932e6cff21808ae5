package ledger

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A resume is what Open needs in order not to read the whole log: the tree at
// some checkpoint and where in the files that was. It needs no signature,
// because its root is compared with the signed one.
type resume struct {
	tree   frontier
	segs   []segment // the last one as long as it was then
	last   time.Time // not before the time of the last entry
	signed time.Time // when the checkpoint was signed
}

const resumeMagic = "weir ledger frontier 1\n"

var errResume = errors.New("not a frontier file")

// text writes r in lines: size, the two times in nanoseconds, a line for each
// subtree root from the smallest, a line for each segment, and a checksum.
func (r resume) text() []byte {
	b := []byte(resumeMagic)
	b = fmt.Appendf(b, "size %d\nlast %d\nsigned %d\n", r.tree.size, unixNano(r.last), unixNano(r.signed))
	for i := 0; r.tree.size>>i != 0; i++ {
		if r.tree.size>>i&1 != 0 {
			b = fmt.Appendf(b, "root %s\n", r.tree.roots[i])
		}
	}
	for _, s := range r.segs {
		b = fmt.Appendf(b, "segment %d %d\n", s.first, s.bytes)
	}
	return fmt.Appendf(b, "crc32c %d\n", crc32.Checksum(b, castagnoli))
}

func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromUnixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// parseResume reads what text writes.
func parseResume(b []byte) (r resume, err error) {
	if !bytes.HasPrefix(b, []byte(resumeMagic)) {
		return r, errResume
	}
	i := bytes.LastIndex(b, []byte("crc32c "))
	var sum uint32
	if i < 0 {
		return r, errResume
	}
	if _, err := fmt.Sscanf(string(b[i:]), "crc32c %d\n", &sum); err != nil || sum != crc32.Checksum(b[:i], castagnoli) {
		return r, errResume
	}
	lines := bufio.NewScanner(bytes.NewReader(b[len(resumeMagic):i]))
	var last, signed int64
	for _, f := range []struct {
		format string
		to     *int64
	}{{"size %d", &r.tree.size}, {"last %d", &last}, {"signed %d", &signed}} {
		if !lines.Scan() {
			return r, errResume
		}
		if _, err := fmt.Sscanf(lines.Text(), f.format, f.to); err != nil || *f.to < 0 {
			return r, errResume
		}
	}
	r.last, r.signed = fromUnixNano(last), fromUnixNano(signed)
	for i := 0; r.tree.size>>i != 0; i++ {
		if r.tree.size>>i&1 == 0 {
			continue
		}
		if !lines.Scan() {
			return r, errResume
		}
		text, ok := bytes.CutPrefix(lines.Bytes(), []byte("root "))
		h, err := base64.StdEncoding.DecodeString(string(text))
		if !ok || err != nil || len(h) != tlog.HashSize {
			return r, errResume
		}
		r.tree.roots[i] = tlog.Hash(h)
	}
	for lines.Scan() {
		var s segment
		if _, err := fmt.Sscanf(lines.Text(), "segment %d %d", &s.first, &s.bytes); err != nil {
			return r, errResume
		}
		r.segs = append(r.segs, s)
	}
	if lines.Err() != nil || len(r.segs) == 0 {
		return r, errResume
	}
	return r, nil
}

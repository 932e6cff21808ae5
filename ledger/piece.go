package ledger

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/tlog"
)

// Kinds of pieces. Their names are also the folders in the archive.
const (
	wholePiece = "whole"  // a full segment
	tailPiece  = "tail"   // what a last segment had grown by
	hashPiece  = "hashes" // of entries that were dropped before they were archived
)

const (
	maxPiece     = 5 << 30   // bytes of a piece: what one PUT of S3 takes
	maxMember    = 256 << 20 // bytes of a member other than the content
	pieceWindow  = 4 << 20   // of zstd, which bounds what a reader needs of memory
	leastPerLeaf = 16        // bytes of an entry in any compressed form: its salt is random
)

// A piece is what an archive keeps under one name: the entries [first, end).
type piece struct {
	origin     string
	kind       string
	first, end int64
	segment    int64     // the segment file that they are from, or 0
	offset     int64     // where in the file they begin
	bytes      int64     // how long they are there
	content    [32]byte  // SHA-256 of these bytes
	from, to   time.Time // times of the first and the last entry; zero for hashes
	edge       frontier  // the tree of the entries before first
}

func (p *piece) name() string {
	return fmt.Sprintf("%s/%019d-%019d%s", p.kind, p.first, p.end, pieceSuffix)
}

// text writes p in lines; parsePiece reads it.
func (p *piece) text() []byte {
	b := fmt.Appendf(nil, "%sorigin %s\nkind %s\nfirst %d\nend %d\nsegment %d\noffset %d\nbytes %d\nsha256 %x\nfrom %d\nto %d\n",
		archiveMagic, p.origin, p.kind, p.first, p.end, p.segment, p.offset, p.bytes, p.content, unixNano(p.from), unixNano(p.to))
	return p.edge.appendRoots(b)
}

// appendRoots writes a line for each full subtree along the right edge, from the
// smallest.
func (f *frontier) appendRoots(b []byte) []byte {
	for i := 0; f.size>>i != 0; i++ {
		if f.size>>i&1 != 0 {
			b = fmt.Appendf(b, "root %s\n", f.roots[i])
		}
	}
	return b
}

// A lineReader reads lines of a word and a value each.
type lineReader struct {
	b   []byte
	bad bool
}

func (r *lineReader) text(word string) string {
	line, rest, ok := bytes.Cut(r.b, []byte("\n"))
	value, is := strings.CutPrefix(string(line), word+" ")
	if !ok || !is || value == "" {
		r.bad = true
		return ""
	}
	r.b = rest
	return value
}

func (r *lineReader) number(word string) int64 {
	n, rest, ok := cutNumber(r.b, word)
	if !ok {
		r.bad = true
		return 0
	}
	r.b = rest
	return n
}

func (r *lineReader) sum(word string) (h [32]byte) {
	b, err := hex.DecodeString(r.text(word))
	if err != nil || len(b) != len(h) {
		r.bad = true
		return h
	}
	return [32]byte(b)
}

func (r *lineReader) roots(size int64) frontier {
	f := frontier{size: size}
	for i := 0; size>>i != 0; i++ {
		if size>>i&1 == 0 {
			continue
		}
		h, err := base64.StdEncoding.Strict().DecodeString(r.text("root"))
		if err != nil || len(h) != tlog.HashSize {
			r.bad = true
			return frontier{}
		}
		f.roots[i] = tlog.Hash(h)
	}
	return f
}

func parsePiece(b []byte) (p piece, err error) {
	rest, ok := bytes.CutPrefix(b, []byte(archiveMagic))
	r := &lineReader{b: rest, bad: !ok}
	p.origin, p.kind = r.text("origin"), r.text("kind")
	p.first, p.end = r.number("first"), r.number("end")
	p.segment, p.offset, p.bytes = r.number("segment"), r.number("offset"), r.number("bytes")
	p.content = r.sum("sha256")
	p.from, p.to = fromUnixNano(r.number("from")), fromUnixNano(r.number("to"))
	p.edge = r.roots(p.first)
	n := p.end - p.first
	switch {
	case r.bad || len(r.b) > 0 || n <= 0 || p.bytes <= 0 || p.bytes > 64*maxPiece:
		r.bad = true
	case p.kind == hashPiece:
		r.bad = p.bytes/tlog.HashSize != n || p.bytes%tlog.HashSize != 0
	case p.kind == wholePiece, p.kind == tailPiece:
		r.bad = p.bytes/(headSize+1) < n || (p.bytes-1)/(headSize+MaxEntry) >= n || p.offset < segmentHeader || p.segment > p.first
	default:
		r.bad = true
	}
	if r.bad || !bytes.Equal(p.text(), b) {
		return piece{}, fmt.Errorf("%w: not written as what describes a piece", ErrArchive)
	}
	return p, nil
}

// A manifest says that a piece is whole, and which bytes it is.
type manifest struct {
	piece
	object string // the piece's name
	size   int64
	sum    [32]byte
}

const manifestMagic = "weir ledger manifest 1\n"

func (m *manifest) name() string {
	return fmt.Sprintf("%s%019d-%019d.%s", manifestDir, m.first, m.end, m.kind)
}

func (m *manifest) text() []byte {
	b := fmt.Appendf(nil, "%sobject %s\nsize %d\nsha256 %x\n", manifestMagic, m.object, m.size, m.sum)
	return append(b, m.piece.text()...)
}

func parseManifest(b []byte) (m manifest, err error) {
	rest, ok := bytes.CutPrefix(b, []byte(manifestMagic))
	r := &lineReader{b: rest, bad: !ok}
	m.object, m.size, m.sum = r.text("object"), r.number("size"), r.sum("sha256")
	if r.bad {
		return m, fmt.Errorf("%w: not written as a manifest", ErrArchive)
	}
	if m.piece, err = parsePiece(r.b); err != nil {
		return m, err
	}
	if m.object != m.piece.name() || m.size <= 0 || m.size > maxPiece || (m.end-m.first)*leastPerLeaf > m.size {
		return m, fmt.Errorf("%w: a manifest that fits no piece", ErrArchive)
	}
	return m, nil
}

// parseManifestName reads what name writes: which entries, and in which form.
func parseManifestName(name string) (p piece, ok bool) {
	rest, ok := strings.CutPrefix(name, manifestDir)
	var kind string
	if n, err := fmt.Sscanf(rest, "%d-%d.%s", &p.first, &p.end, &kind); !ok || n != 3 || err != nil {
		return p, false
	}
	p.kind = kind
	m := manifest{piece: p}
	return p, m.name() == name && p.first >= 0 && p.end > p.first && (kind == wholePiece || kind == tailPiece || kind == hashPiece)
}

// listManifests gives what an archive says that it holds, in order of the first
// entries. Names that are none of a manifest are passed over.
func listManifests(ctx context.Context, b Bucket) (all []piece, err error) {
	err = b.List(ctx, manifestDir, func(name string, _ int64) error {
		if p, ok := parseManifestName(name); ok {
			all = append(all, p)
		}
		return nil
	})
	return all, err
}

// A container is a piece that is being read.
type container struct {
	about       piece
	key, keys   []byte
	note        []byte
	consistency tlog.TreeProof
	notes       []byte
	witnessed   []byte

	z *zstd.Decoder
	t *tar.Reader
}

// openPiece reads all of a piece but its content, which content then gives. What
// it needs of memory is bounded, whatever the bytes claim.
func openPiece(r io.Reader) (*container, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(pieceWindow), zstd.WithDecoderMaxMemory(64*maxPiece))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	c := &container{z: z, t: tar.NewReader(z)}
	if err := c.open(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *container) open() (err error) {
	about, err := c.member(aboutMember, maxSmall)
	if err != nil {
		return err
	}
	if c.about, err = parsePiece(about); err != nil {
		return err
	}
	if c.key, err = c.member(keyMember, maxSmall); err != nil {
		return err
	}
	if c.keys, err = c.member(keysMember, maxKeys); err != nil {
		return err
	}
	if c.note, err = c.member(noteMember, maxSmall); err != nil {
		return err
	}
	proof, err := c.member(consistencyMember, maxSmall)
	if err != nil {
		return err
	}
	var rest []byte
	var ok bool
	if c.consistency, rest, ok = cutHashes(proof); !ok || len(rest) > 0 {
		return fmt.Errorf("%w: %s is no proof", ErrArchive, consistencyMember)
	}
	if c.notes, err = c.member(notesMember, maxMember); err != nil {
		return err
	}
	if c.witnessed, err = c.member(witnessedMember, maxMember); err != nil {
		return err
	}
	h, err := c.t.Next()
	if err != nil || h.Name != contentMember || h.Size != c.about.bytes || h.Typeflag != tar.TypeReg {
		return fmt.Errorf("%w: %s is missing, or not as long as is said", ErrArchive, contentMember)
	}
	return nil
}

func (c *container) member(name string, limit int64) ([]byte, error) {
	h, err := c.t.Next()
	if err != nil || h.Name != name || h.Size > limit || h.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("%w: %s is missing or too long", ErrArchive, name)
	}
	// Not by the length that is claimed: memory grows with what is there.
	var b bytes.Buffer
	if _, err := io.Copy(&b, c.t); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrArchive, name, err)
	}
	return b.Bytes(), nil
}

func (c *container) content() io.Reader { return c.t }

// drain reads what is behind the content, which must be nothing.
func (c *container) drain() error {
	if _, err := c.t.Next(); err != io.EOF {
		return fmt.Errorf("%w: something stands behind the content", ErrArchive)
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(c.z, 1)); err != nil || n > 0 {
		return fmt.Errorf("%w: something stands behind the content", ErrArchive)
	}
	return nil
}

func (c *container) close() { c.z.Close() }

// read reads the frames of p from r into tree and copies them to out. It sets
// p's times. Each frame is checked before it is copied, so that of what is no log
// nothing is written.
func (p *piece) read(r io.Reader, tree *frontier, last time.Time, out io.Writer) error {
	in := newFrameReader(&sequential{r: r}, 0, p.bytes)
	p.from = time.Time{}
	for {
		frame, _, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", tree.size, err)
		}
		t, err := check(frame[headSize:])
		if err != nil {
			return fmt.Errorf("entry %d: %w", tree.size, err)
		}
		if t.Before(last) {
			return fmt.Errorf("entry %d is earlier than the one before it", tree.size)
		}
		if last = t; p.from.IsZero() {
			p.from = t
		}
		if tree.size == p.end {
			return fmt.Errorf("there are entries behind %d", p.end-1)
		}
		if _, err := out.Write(frame); err != nil {
			return &writeError{err}
		}
		tree.push(leafHash(frame))
	}
	if p.to = last; tree.size != p.end {
		return fmt.Errorf("entry %d is missing", tree.size)
	}
	return nil
}

// A writeError says that not the piece is at fault but where it is written to.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

// pushHashes reads n hashes of leaves into tree, and to t, if it is not nil.
func pushHashes(r io.Reader, n int64, tree *frontier, t *tiles) error {
	var h tlog.Hash
	in := &sequential{r: r}
	for i := range n {
		if _, err := in.ReadAt(h[:], i*tlog.HashSize); err != nil {
			return fmt.Errorf("entry %d: %w", tree.size, err)
		}
		if t != nil {
			t.place(tree.size, 0)
		}
		tree.grow(h, t)
		if t != nil && t.full() {
			if err := t.flush(); err != nil {
				return &writeError{err}
			}
		}
	}
	return nil
}

// A sequential reads a stream as a file whose bytes are asked for in order.
type sequential struct {
	r  io.Reader
	at int64
}

func (s *sequential) ReadAt(b []byte, off int64) (int, error) {
	if off != s.at {
		return 0, errors.New("read out of order")
	}
	n, err := io.ReadFull(s.r, b)
	s.at += int64(n)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

// An interruptible ends with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}

// A fileWriter writes to the end of a file, and hashes.
type fileWriter struct {
	f    file
	at   int64
	hash hash.Hash // nil: none
}

func (w *fileWriter) Write(b []byte) (int, error) {
	n, err := w.f.WriteAt(b, w.at)
	if err != nil {
		err = &writeError{err}
	}
	if w.hash != nil {
		w.hash.Write(b[:n])
	}
	w.at += int64(n)
	return n, err
}

// A counted counts and hashes what is read.
type counted struct {
	r    io.Reader
	n    int64
	hash hash.Hash
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.hash.Write(b[:n])
	return n, err
}

// parseNote reads a checkpoint without checking its signature.
func parseNote(origin string, msg []byte) (Checkpoint, error) {
	text, _, ok := bytes.Cut(msg, []byte("\n\n"))
	if !ok {
		return Checkpoint{}, errNote
	}
	return parseCheckpointText(origin, string(text)+"\n")
}

// notesOf gives the part of a history file that covers more than from and at most
// to entries, and the first note that covers at least to. Checkpoints ascend, and
// there may be millions: it looks for the place by halving.
func notesOf(history file, from, to int64) (notes, covering []byte, err error) {
	if notes, err = notesBetween(history, from, to); err != nil {
		return nil, nil, err
	}
	size, err := history.size()
	if err != nil {
		return nil, nil, err
	}
	at, err := seekNote(history, size, to)
	if err != nil {
		return nil, nil, err
	}
	covering, _, _, err = noteAt(history, size, at)
	if err == nil && covering == nil {
		err = fmt.Errorf("%w: %d entries", ErrUnproven, to)
	}
	return notes, covering, err
}

func notesBetween(f file, from, to int64) ([]byte, error) {
	size, err := f.size()
	if err != nil {
		return nil, err
	}
	begin, err := seekNote(f, size, from+1)
	if err != nil {
		return nil, err
	}
	end, err := seekNote(f, size, to+1)
	if err != nil {
		return nil, err
	}
	if end-begin > maxMember {
		return nil, fmt.Errorf("%w: more than %d bytes of checkpoints in one segment", ErrDamaged, maxMember)
	}
	notes := make([]byte, end-begin)
	if _, err := f.ReadAt(notes, begin); err != nil && err != io.EOF {
		return nil, err
	}
	return notes, nil
}

// seekNote gives where the first note that covers at least want entries begins,
// or where the last whole one ends.
func seekNote(f file, size, want int64) (int64, error) {
	// No note that begins before low covers want, all that begin at high or
	// behind it do.
	low, high := int64(0), size
	for low < high {
		mid := low + (high-low)/2
		msg, at, covers, err := noteAt(f, size, mid)
		if err != nil {
			return 0, err
		}
		if msg == nil || at >= high || covers >= want {
			high = mid
		} else {
			low = at + int64(len(msg)) + 1
		}
	}
	_, at, _, err := noteAt(f, size, low)
	return at, err
}

// noteAt gives the first whole note that begins at or behind offset at, where it
// begins, and how many entries it covers; no note where there is none, and then
// where the last one ended.
func noteAt(f file, size, at int64) (msg []byte, begin, covers int64, err error) {
	from := max(0, at-2) // so that one that begins just there is known for one
	for length := int64(4 << 10); ; length *= 4 {
		b := make([]byte, min(length, size-from))
		if _, err := f.ReadAt(b, from); err != nil && err != io.EOF {
			return nil, 0, 0, err
		}
		isAll := from+int64(len(b)) == size
		i, found := noteIn(b, at == 0)
		if found {
			if msg, _, ok := splitNote(b[i:]); ok {
				lines := bytes.SplitN(msg, []byte("\n"), 3)
				if _, err := fmt.Sscanf(string(lines[1]), "%d", &covers); err != nil {
					return nil, 0, 0, fmt.Errorf("%w: %s, byte %d", ErrDamaged, historyFile, from+int64(i))
				}
				return msg, from + int64(i), covers, nil
			}
		}
		if isAll && found {
			return nil, from + int64(i), 0, nil
		}
		if isAll {
			return nil, size, 0, nil
		}
	}
}

// noteIn gives where the first note in b begins, at its start or behind an empty
// line. Behind other empty lines come signatures.
func noteIn(b []byte, atStart bool) (int, bool) {
	if atStart {
		return 0, len(b) > 0
	}
	for i := 0; ; {
		k := bytes.Index(b[i:], []byte("\n\n"))
		if k < 0 {
			return 0, false
		}
		i += k + 2
		const signature = "— "
		if rest := b[i:min(len(b), i+len(signature))]; !strings.HasPrefix(signature, string(rest)) {
			return i, true
		}
	}
}

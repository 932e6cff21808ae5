package ledger

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrCursor: a cursor was made on another log, or on entries that this log does
// not have: it was rewritten, or it is an older copy.
var ErrCursor = errors.New("cursor does not belong to this ledger")

// A Cursor says how far somebody has followed a log, in a way that only this
// log's history fits.
type Cursor struct {
	Origin string    // the name of the log
	Next   int64     // the first entry that is not followed yet
	Root   tlog.Hash // of the tree of all entries before it
}

// Cursor gives the cursor behind the first next entries. It fails with
// ErrUnproven where no checkpoint covers them yet.
func (t *Tree) Cursor(next int64) (Cursor, error) {
	keys, err := t.keys()
	if err != nil {
		return Cursor{}, fmt.Errorf("make cursor: %w", err)
	}
	root, err := t.Root(next)
	if err != nil {
		return Cursor{}, fmt.Errorf("make cursor: %w", err)
	}
	return Cursor{keys.origin(), next, root}, nil
}

// Check reports whether the log is the one that c was made on and still begins
// with the same entries; else it fails with ErrCursor.
func (t *Tree) Check(c Cursor) error {
	keys, err := t.keys()
	if err != nil {
		return fmt.Errorf("check cursor: %w", err)
	}
	if c.Origin != keys.origin() {
		return fmt.Errorf("%w: it is for %q", ErrCursor, c.Origin)
	}
	root, err := t.Root(c.Next)
	if errors.Is(err, ErrUnproven) {
		return fmt.Errorf("%w: it stands behind %d entries, and fewer are signed", ErrCursor, c.Next)
	}
	if err != nil {
		return fmt.Errorf("check cursor: %w", err)
	}
	if root != c.Root {
		return fmt.Errorf("%w: the first %d entries are others", ErrCursor, c.Next)
	}
	return nil
}

// Entries calls fn with the entries from index from up to to, in order, each
// checked against the newest checkpoint, which must cover them (ErrUnproven). It
// begins with the first entry that is kept. The *Entry is fn's to keep.
func (t *Tree) Entries(from, to int64, fn func(index int64, e *Entry) error) error {
	first, err := t.First()
	if err != nil {
		return err
	}
	for at := max(from, first, 0); at < to; {
		n := at >> tileHeight
		width := min(tileWidth, to-n<<tileHeight)
		b, skipped, err := t.keptBundle(n, int(width))
		if err != nil {
			return fmt.Errorf("read entries: %w", err)
		}
		for index := n<<tileHeight + skipped; len(b) > 0; index++ {
			end := 2 + int(binary.BigEndian.Uint16(b))
			if index >= at {
				e, err := Decode(b[2:end])
				if err != nil {
					return fmt.Errorf("%w: entry %d: %w", ErrDamaged, index, err)
				}
				if err := fn(index, e); err != nil {
					return err
				}
			}
			b = b[end:]
		}
		at = n<<tileHeight + width
	}
	return nil
}

// Named cursors are files of this directory, one each, so that a follower that
// ends goes on where it was. They are notes to itself: nothing of the log depends
// on them, and whoever deletes one has its follower begin anew.
const (
	cursorDir   = "cursors"
	cursorMagic = "weir ledger cursor 1\n"
)

// maxCursorState bounds what a follower keeps beside its cursor.
const maxCursorState = 64 << 20

var errCursorFile = errors.New("the file of the cursor is not whole")

// CursorName reports whether a cursor may have this name: lower-case letters,
// digits and hyphens, at most 64 of them.
func CursorName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// Keep puts the named cursor behind the first next entries, durably, and with it
// what the follower knows at that point. It fails with ErrUnproven where no
// checkpoint covers those entries yet: the follower then keeps it later.
func (t *Tree) Keep(name string, next int64, state []byte) error {
	c, err := t.Cursor(next)
	if err == nil {
		err = t.keep(name, len(state), c.text(state))
	}
	if err != nil {
		return fmt.Errorf("keep cursor %s: %w", name, err)
	}
	return nil
}

// keep writes the file of a cursor with a state of n bytes.
func (t *Tree) keep(name string, n int, file []byte) error {
	if !CursorName(name) {
		return errors.New("a cursor's name has lower-case letters, digits and hyphens")
	}
	if n > maxCursorState {
		return fmt.Errorf("a state of %d bytes is too long", n)
	}
	dir := filepath.Join(t.dir, cursorDir)
	if err := t.disk.mkdir(dir); err != nil {
		return err
	}
	if err := replaceFile(t.disk, filepath.Join(dir, name), file, true); err != nil {
		return err
	}
	if err := t.disk.syncDir(dir); err != nil {
		return err
	}
	return t.disk.syncDir(t.dir)
}

// Resume gives the place of the named cursor and the state that was kept with
// it; 0 and nil where there is none. It fails with ErrCursor where the cursor
// was kept on other entries than the log has, or is damaged.
func (t *Tree) Resume(name string) (next int64, state []byte, err error) {
	b, err := readFile(t.disk, filepath.Join(t.dir, cursorDir, name))
	if isMissing(err) {
		return 0, nil, nil
	}
	var c Cursor
	if err == nil {
		if c, state, err = parseCursor(b); err != nil {
			err = fmt.Errorf("%w: %w", ErrCursor, err)
		}
	}
	if err == nil {
		err = t.Check(c)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("resume cursor %s: %w", name, err)
	}
	return c.Next, state, nil
}

// Resume gives the place and the state that the log itself has kept under a name. It
// is that of the Tree, and fails with ErrCursor, too, where the file does not carry
// the seal of the log's key: what a process believes of its own past is not for
// everybody to write who can write the folder.
func (l *Log) Resume(name string) (next int64, state []byte, err error) {
	t := l.Tree()
	b, err := readFile(t.disk, filepath.Join(t.dir, cursorDir, name))
	if isMissing(err) {
		return 0, nil, nil
	}
	var c Cursor
	if err == nil {
		// By the key in force alone: one that was replaced may be in other hands.
		if c, state, err = l.inForce().unseal(name, b); err != nil {
			err = fmt.Errorf("%w: %w", ErrCursor, err)
		}
	}
	if err == nil {
		err = t.Check(c)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("resume cursor %s: %w", name, err)
	}
	return c.Next, state, nil
}

// Keep is that of the Tree, with the seal of the log's key on the file.
func (l *Log) Keep(name string, next int64, state []byte) error {
	t := l.Tree()
	c, err := t.Cursor(next)
	if err == nil {
		err = t.keep(name, len(state), l.inForce().seal(name, c, state))
	}
	if err != nil {
		return fmt.Errorf("keep cursor %s: %w", name, err)
	}
	return nil
}

// inForce gives the key in force, with its secret half; the zero Key, which opens no
// seal, where that is not at hand.
func (l *Log) inForce() Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, _ := l.key(l.chain.last().text)
	return k
}

// A sealed cursor has another first line and, in place of the sum, an HMAC-SHA-256 in
// hexadecimal over its name, a line feed and all bytes above.
const (
	sealedMagic = "weir ledger cursor 2\n"
	sealWord    = "hmac-sha256 "
)

var errSeal = errors.New("it is not sealed by the key of this ledger")

// seal writes a cursor and a state under the key's seal.
func (k Key) seal(name string, c Cursor, state []byte) []byte {
	b := c.body(sealedMagic, state)
	return fmt.Appendf(b, "%s%x\n", sealWord, k.mac(name, b))
}

// unseal reads what seal writes.
func (k Key) unseal(name string, b []byte) (c Cursor, state []byte, err error) {
	end := len(b) - len(sealWord) - 2*sha256.Size - 1
	if end < 0 || k.sealing == nil || !hmac.Equal(fmt.Appendf(nil, "%s%x\n", sealWord, k.mac(name, b[:end])), b[end:]) {
		return Cursor{}, nil, errSeal
	}
	c, state, rest, err := parseBody(sealedMagic, b[:end])
	if err == nil && len(rest) > 0 {
		err = errCursorFile
	}
	return c, state, err
}

func (k Key) mac(name string, b []byte) []byte {
	h := hmac.New(sha256.New, k.sealing)
	fmt.Fprintf(h, "%s\n", name)
	h.Write(b)
	return h.Sum(nil)
}

// text writes a cursor and a state; the last line has the CRC-32C of all bytes
// above it.
func (c Cursor) text(state []byte) []byte {
	b := c.body(cursorMagic, state)
	return fmt.Appendf(b, "crc32c %d\n", crc32.Checksum(b, castagnoli))
}

// body writes all but the last line.
func (c Cursor) body(magic string, state []byte) []byte {
	b := fmt.Appendf(nil, "%sorigin %s\nnext %d\nroot %s\nstate %d\n", magic, c.Origin, c.Next, c.Root, len(state))
	return append(append(b, state...), '\n')
}

// parseCursor reads what text writes.
func parseCursor(b []byte) (c Cursor, state []byte, err error) {
	c, state, rest, err := parseBody(cursorMagic, b)
	if err != nil {
		return Cursor{}, nil, err
	}
	sum := crc32.Checksum(b[:len(b)-len(rest)], castagnoli)
	if string(rest) != fmt.Sprintf("crc32c %d\n", sum) {
		return Cursor{}, nil, errCursorFile
	}
	return c, state, nil
}

// parseBody reads what body writes, and gives what comes after it.
func parseBody(magic string, b []byte) (c Cursor, state, rest []byte, err error) {
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	line := func(word string) string {
		text, after, found := bytes.Cut(rest, []byte("\n"))
		value, is := bytes.CutPrefix(text, []byte(word+" "))
		ok, rest = ok && found && is, after
		return string(value)
	}
	number := func(word string) int64 {
		text := line(word)
		n, err := strconv.ParseInt(text, 10, 64)
		ok = ok && err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
		return n
	}
	c.Origin, c.Next = line("origin"), number("next")
	root, err := base64.StdEncoding.Strict().DecodeString(line("root"))
	n := number("state")
	if !ok || err != nil || len(root) != tlog.HashSize || n >= int64(len(rest)) || rest[n] != '\n' {
		return Cursor{}, nil, nil, errCursorFile
	}
	c.Root = tlog.Hash(root)
	return c, rest[:n:n], rest[n+1:], nil
}

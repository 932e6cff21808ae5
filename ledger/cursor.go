package ledger

import (
	"bytes"
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
		err = t.keep(name, c, state)
	}
	if err != nil {
		return fmt.Errorf("keep cursor %s: %w", name, err)
	}
	return nil
}

func (t *Tree) keep(name string, c Cursor, state []byte) error {
	if !CursorName(name) {
		return errors.New("a cursor's name has lower-case letters, digits and hyphens")
	}
	if len(state) > maxCursorState {
		return fmt.Errorf("a state of %d bytes is too long", len(state))
	}
	dir := filepath.Join(t.dir, cursorDir)
	if err := t.disk.mkdir(dir); err != nil {
		return err
	}
	if err := replaceFile(t.disk, filepath.Join(dir, name), c.text(state), true); err != nil {
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

// Resume and Keep are those of the log's Tree.
func (l *Log) Resume(name string) (next int64, state []byte, err error) { return l.Tree().Resume(name) }

// Keep is that of the log's Tree.
func (l *Log) Keep(name string, next int64, state []byte) error {
	return l.Tree().Keep(name, next, state)
}

// text writes a cursor and a state; the last line has the CRC-32C of all bytes
// above it.
func (c Cursor) text(state []byte) []byte {
	b := fmt.Appendf(nil, "%sorigin %s\nnext %d\nroot %s\nstate %d\n", cursorMagic, c.Origin, c.Next, c.Root, len(state))
	b = append(append(b, state...), '\n')
	return fmt.Appendf(b, "crc32c %d\n", crc32.Checksum(b, castagnoli))
}

// parseCursor reads what text writes.
func parseCursor(b []byte) (c Cursor, state []byte, err error) {
	rest, ok := bytes.CutPrefix(b, []byte(cursorMagic))
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
		return Cursor{}, nil, errCursorFile
	}
	c.Root = tlog.Hash(root)
	state, rest = rest[:n:n], rest[n+1:]
	sum := crc32.Checksum(b[:len(b)-len(rest)], castagnoli)
	if string(rest) != fmt.Sprintf("crc32c %d\n", sum) {
		return Cursor{}, nil, errCursorFile
	}
	return c, state, nil
}

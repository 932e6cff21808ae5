package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Checkpoint is a signed statement that the first Size entries of a log have
// the root hash Root.
type Checkpoint struct {
	Size int64
	Root tlog.Hash
	// Time is when this process signed it, or when the last one did; zero
	// where that is not known. It is not part of what is signed.
	Time time.Time
}

var errNote = errors.New("not a checkpoint of this log")

// checkpointText gives the body of a checkpoint (C2SP tlog-checkpoint): the
// origin, the size in decimal and the root in base64, a line each.
func checkpointText(origin string, c Checkpoint) string {
	return origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// parseCheckpointText reads a body. Lines behind the third are extensions, which
// the format allows and this reader passes over.
func parseCheckpointText(origin, text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != origin {
		return Checkpoint{}, errNote
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != lines[1] {
		return Checkpoint{}, errNote
	}
	h, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(h) != tlog.HashSize {
		return Checkpoint{}, errNote
	}
	return Checkpoint{Size: n, Root: tlog.Hash(h)}, nil
}

// sign gives the signed note for c.
func (k Key) sign(c Checkpoint) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: checkpointText(k.Origin(), c)}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return b, nil
}

// signWith gives the signed note for c by the key in force and, behind its
// signature, those of older keys. One of these that cannot sign is left out: only
// the key in force is needed.
func (k Key) signWith(c Checkpoint, older []Key) ([]byte, error) {
	msg, err := k.sign(c)
	if err != nil {
		return nil, err
	}
	text := len(checkpointText(k.Origin(), c)) + 1
	for _, o := range older {
		if other, err := o.sign(c); err == nil {
			msg = append(msg, other[text:]...)
		}
	}
	return msg, nil
}

// The history file holds all checkpoints one behind the other, an empty line
// after each. splitNote cuts the first one off b: a note is a text, an empty
// line and the signatures; rest begins behind the empty line that follows. ok is
// false where b holds no whole one.
func splitNote(b []byte) (msg, rest []byte, ok bool) {
	i := bytes.Index(b, []byte("\n\n"))
	if i < 0 {
		return nil, b, false
	}
	j := bytes.Index(b[i+2:], []byte("\n\n"))
	if j < 0 {
		return nil, b, false
	}
	end := i + 2 + j + 1
	return b[:end], b[end+1:], true
}

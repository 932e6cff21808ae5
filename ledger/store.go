package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What a store and a log that is kept in one say beside ErrLocked, ErrRolledBack
// and ErrDamaged. Whatever else a store fails with may pass and is tried again.
var (
	// ErrFenced: another process has claimed the log since; this one may write to
	// the store no more.
	ErrFenced = errors.New("ledger was taken over by another process")
	// ErrForked: the store holds other entries than the log does.
	ErrForked = errors.New("the store holds other entries under the name of this ledger")
)

// A Store is a place that many nodes share and in which each keeps a copy of its
// log. store/postgres is one; storetest says what each must do.
type Store interface {
	// Claim makes the caller the one writer of the log named origin, and begins an
	// empty copy of it where there is none. Whoever had claimed it before can
	// write no more. It fails with ErrLocked while another writer is alive, where
	// the store can tell.
	Claim(ctx context.Context, origin string) (Copy, error)
}

// A Copy is the copy of one log in a store, claimed. Its methods are called by
// one goroutine at a time.
type Copy interface {
	// Head tells how much the store had acknowledged at the claim.
	Head() CopyHead
	// Keys gives the newest Keys of a note that the store had at the claim; nil
	// where the log has had one key only.
	Keys() []byte
	// Put adds b behind what is there, and keeps notes, checkpoints as they were
	// signed. What it has returned nil for is durable. Putting again what is
	// there already does nothing and is no error. A nil b keeps notes only.
	//
	// It fails with ErrFenced, with ErrForked where the store holds something
	// else at that place, and with any other error where it is not known
	// whether b is there: then the same is put again.
	Put(ctx context.Context, b *Batch, notes []Note) error
	// Batches gives some of the batches in order: the one that holds entry from,
	// or the first behind it, and as many of those that follow as are
	// convenient; none at the end.
	Batches(ctx context.Context, from int64) ([]Batch, error)
	// Checkpoints gives some of the notes that cover more than size entries, in
	// order of what they cover; none at the end.
	Checkpoints(ctx context.Context, size int64) ([][]byte, error)
	// Close gives up the claim, so that the next one finds nobody in its way.
	Close() error
}

// A Note is a checkpoint as it was signed, and how many entries it covers.
type Note struct {
	Size int64
	Text []byte
	// Keys, if not nil, is the file keys from this checkpoint on: how the log came
	// by the key that has signed it.
	Keys []byte
}

// A CopyHead is how far a copy of a log reaches.
type CopyHead struct {
	Size int64     // entries
	Root tlog.Hash // of the tree of these; of the empty tree where Size is 0
}

// A Batch is entries as a store keeps them: what was written and synced at once.
type Batch struct {
	First  int64     // index of the first entry
	N      int       // how many there are
	Frames []byte    // of them, as in a segment file
	Root   tlog.Hash // of the tree of all entries up to the last of them
	// Signature is the log's key's over these facts. A checkpoint would not do: of
	// one that was signed before the entries were durable, another version could
	// come to be. Without it, who can write to the store could put entries into a
	// log that goes on from there.
	Signature []byte
}

// batchText is what is signed. Its first line has spaces, as no origin has, so
// that it is never taken for a checkpoint.
func (b *Batch) text(origin string) []byte {
	return fmt.Appendf(nil, "weir ledger batch 1\n%s\n%d\n%d\n%s\n", origin, b.First, b.N, b.Root)
}

func (b *Batch) sign(k Key) (err error) {
	if b.Signature, err = k.signer.Sign(b.text(k.Origin())); err != nil {
		return fmt.Errorf("sign batch: %w", err)
	}
	return nil
}

func (b *Batch) signedBy(v note.Verifier) bool {
	return v.Verify(b.text(v.Name()), b.Signature)
}

// read reads the frames of b into tree, which has the entries before b, or the
// first of b itself, which are then passed over. It gives the frames that are
// new, how many they are, and the time of the last. It fails with ErrDamaged if
// a frame does not hold, is not where it should be or is earlier than last, or
// if the tree that comes out is not the one that b names.
func (b *Batch) read(tree *frontier, last time.Time) (frames []byte, n int, newest time.Time, err error) {
	broken := func(what string) error {
		return fmt.Errorf("%w: the batch of entry %d in the store: %s", ErrDamaged, b.First, what)
	}
	if b.First < 0 || b.N <= 0 || b.First > tree.size || b.First+int64(b.N) <= tree.size {
		return nil, 0, last, broken("it is out of order")
	}
	r := newFrameReader(bytes.NewReader(b.Frames), 0, int64(len(b.Frames)))
	index, from := b.First, int64(0)
	for {
		frame, _, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, 0, last, broken(err.Error())
		}
		t, err := check(frame[headSize:])
		if err != nil {
			return nil, 0, last, broken(err.Error())
		}
		if index++; index <= tree.size {
			from = r.at
			continue
		}
		if t.Before(last) {
			return nil, 0, last, broken("an entry is earlier than the one before it")
		}
		last = t
		tree.push(leafHash(frame))
		n++
	}
	if index != b.First+int64(b.N) {
		return nil, 0, last, broken("it has another number of entries than it says")
	}
	if tree.root() != b.Root {
		return nil, 0, last, broken("the tree with it is not the one that was signed")
	}
	return b.Frames[from:], n, last, nil
}

// StoreStatus is how the copy of a log in a store stands.
type StoreStatus struct {
	On      bool  // the log has a store
	Entries int64 // that it has acknowledged
	// Forgot: when the log was attached to it, it lacked entries that were signed, and so
	// had been acknowledged: it was put back to an older state.
	Forgot bool
	Away   time.Time // since when it has not answered; zero while it does
	Err    error     // what it said last; nil while it answers
}

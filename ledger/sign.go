package ledger

import (
	"bytes"
	"fmt"
	"time"
)

// A snapshot is what a checkpoint is made of: a tree of durable entries, of which
// every hash has been written, and where in the files it ends.
type snapshot struct {
	tree frontier
	view view
	last time.Time
}

// snapshot is called by whoever owns the tree. Whoever sees a checkpoint finds
// the hashes that prove what is under it: they are written first.
func (l *Log) snapshot() (snapshot, error) {
	if err := l.tiles.flush(); err != nil {
		return snapshot{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return snapshot{tree: l.tree, view: l.view, last: l.last}, nil
}

// hand gives the tree as it is to the signer, if it has grown. A signer that is
// still at work gets a newer one at the next tick.
func (l *Log) hand(to chan<- snapshot) error {
	if l.tree.size == l.handed {
		return nil
	}
	s, err := l.snapshot()
	if err != nil {
		return l.fail(err)
	}
	select {
	case to <- s:
		l.handed = s.tree.size
	default:
	}
	return nil
}

// signAll signs what it is given until the channel is closed. It runs beside the
// commits, so that no append waits for a checkpoint to reach the disk. Its error
// has stopped the log.
func (l *Log) signAll(from <-chan snapshot) error {
	for s := range from {
		if err := l.sign(s); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint signs the tree as it is, if it has grown, and keeps the signature.
// It is called when nothing else is at work on the log.
func (l *Log) checkpoint() error {
	s, err := l.snapshot()
	if err != nil {
		return l.fail(err)
	}
	return l.sign(s)
}

// sign signs s and keeps the signature, unless as much is signed already. Only
// durable entries are in s. Its error has stopped the log: one that cannot sign
// what it records would look, at the next start, like one that has signed less
// than it has.
func (l *Log) sign(s snapshot) error {
	l.signing.Lock()
	defer l.signing.Unlock()
	if s.tree.size <= l.signed {
		return nil
	}
	if err := l.keepCheckpoint(s); err != nil {
		return l.fail(err)
	}
	return nil
}

func (l *Log) keepCheckpoint(s snapshot) error {
	c := Checkpoint{Size: s.tree.size, Root: s.tree.root(), Time: l.o.now().UTC()}
	key, older, err := l.signers(c.Time)
	if err != nil {
		return err
	}
	msg, err := key.signWith(c, older)
	if err != nil {
		return err
	}
	return l.keep(s, c, msg)
}

// keep makes the signed checkpoint of s durable and shows it.
func (l *Log) keep(s snapshot, c Checkpoint, msg []byte) error {
	if err := l.appendHistory(msg); err != nil {
		return err
	}
	l.signed = c.Size
	// The two that follow can be made again from the history and the segments:
	// they need to be whole, and which of them stands there matters little.
	segs := append(s.view.sealed[:len(s.view.sealed):len(s.view.sealed)], s.view.tail)
	from := resume{tree: s.tree, segs: segs, last: s.last, signed: c.Time}
	if err := replaceFile(l.o.disk, l.path(frontierFile), from.text(), true); err != nil {
		return fmt.Errorf("keep frontier: %w", err)
	}
	if err := replaceFile(l.o.disk, l.path(checkpointFile), msg, true); err != nil {
		return fmt.Errorf("publish checkpoint: %w", err)
	}
	l.copier.keep(c.Size, msg)
	l.mu.Lock()
	l.newest, l.note = c, msg
	l.mu.Unlock()
	return nil
}

func (l *Log) appendHistory(msg []byte) error {
	kept := append(bytes.Clone(msg), '\n')
	if _, err := l.past.WriteAt(kept, l.pastAt); err != nil {
		return fmt.Errorf("keep checkpoint: %w", err)
	}
	if err := l.past.sync(); err != nil {
		return fmt.Errorf("keep checkpoint: %w", err)
	}
	l.pastAt += int64(len(kept))
	return nil
}

// fail stops the log on account of err, and gives the error that says so.
func (l *Log) fail(err error) error {
	err = fmt.Errorf("%w: %w", ErrStopped, err)
	l.stop(err)
	return err
}

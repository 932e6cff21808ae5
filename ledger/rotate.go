package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// errTrust says that nobody who was believed has signed for a key.
var errTrust = errors.New("break of trust")

// A turn is a change of keys on its way: its entry is recorded, or about to be.
type turn struct {
	to    Key
	index int64 // of the entry; in its group until that is durable
	entry []byte
}

// Rotate puts next in force in the place of the log's key, and returns when that
// is recorded, signed by both and durable; index is that of the entry. Until
// until the old key signs every checkpoint, too, for readers and witnesses that
// do not know the new one yet; zero: only the checkpoint that covers the entry.
//
// next must be kept where the next Open will be given it before Rotate is called:
// from the moment at which the entry is durable the log cannot be opened without
// it. Rotate works while Run runs. It fails with ErrKey if next is not another key
// of the same origin, and otherwise as Append does: then the change may or may
// not come to be, and the next Open settles it.
func (l *Log) Rotate(ctx context.Context, next Key, until time.Time) (index int64, err error) {
	index, err = l.rotate(ctx, next, until)
	if err != nil {
		return 0, fmt.Errorf("rotate key of ledger: %w", err)
	}
	return index, nil
}

func (l *Log) rotate(ctx context.Context, next Key, until time.Time) (int64, error) {
	if err := l.fits(next); err != nil {
		return 0, err
	}
	if !l.beginTurn() {
		return 0, fmt.Errorf("%w: it is being changed already", ErrKey)
	}
	defer l.endTurn()
	t := &turn{to: next}
	_, g, err := l.admit(ctx, []*Entry{{Kind: KeyChange, Rule: Rotated, Until: until, Keys: KeyPair{l.keys().last().text, next.public}}}, t)
	if err != nil {
		return 0, err
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if g.err != nil {
		return 0, g.err
	}
	return t.index, nil
}

// fits reports whether next can follow on the key in force.
func (l *Log) fits(next Key) error {
	switch {
	case next.signer == nil:
		return fmt.Errorf("%w: no key given", ErrKey)
	case next.Origin() != l.o.Key.Origin():
		return fmt.Errorf("%w: the new key is for %s, the log is %s", ErrKey, next.Origin(), l.o.Key.Origin())
	case l.keys().has(next.public) >= 0:
		return fmt.Errorf("%w: the new key has been the log's before", ErrKey)
	}
	_, err := note.NewVerifier(next.public)
	if err != nil {
		return fmt.Errorf("%w: the new key has no public text", ErrKey)
	}
	return nil
}

func (l *Log) beginTurn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := !l.turning
	l.turning = true
	return ok
}

func (l *Log) endTurn() {
	l.mu.Lock()
	l.turning = false
	l.mu.Unlock()
}

// Replace puts o.Key in force in the log in dir without the key before, which is
// lost or must not be used again. Nobody who believes the key before has a reason
// to believe the new one: Verify tells them of a break of trust at this entry, and
// they have to be told of the new key by another way. reason goes into the entry.
//
// It opens the log, and fails as Open does. A Replace that was cut short is
// completed by the next one, or by Open, with the same key.
func Replace(dir string, o Options, reason string) (index int64, err error) {
	o.replace = true
	l, err := Open(dir, o)
	if err != nil {
		return 0, fmt.Errorf("replace key of ledger: %w", err)
	}
	defer l.Close()
	if last := l.keys().last(); last.text == o.Key.public && last.replaced {
		return last.index, nil // Open has completed it
	}
	if err := l.fits(o.Key); err != nil {
		return 0, fmt.Errorf("replace key of ledger: %w", err)
	}
	t := &turn{to: o.Key}
	_, g, err := l.admit(context.Background(), []*Entry{{Kind: KeyChange, Rule: Replaced, Text: reason, Keys: KeyPair{l.keys().last().text, o.Key.public}}}, t)
	if err == nil {
		err = l.commit()
	}
	if err == nil {
		<-g.done
		err = g.err
	}
	if err != nil {
		return 0, fmt.Errorf("replace key of ledger: %w", err)
	}
	return t.index, nil
}

// keys gives the log's keys.
func (l *Log) keys() *chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chain
}

// PublicKey gives the text of the key in force: name+hash+data.
func (l *Log) PublicKey() string { return l.keys().last().text }

// key gives the secret half of one of the log's keys.
func (l *Log) key(text string) (Key, bool) {
	for _, k := range append([]Key{l.o.Key}, l.o.Others...) {
		if k.signer != nil && k.public == text {
			return k, true
		}
	}
	return Key{}, false
}

// signers gives the key in force, and the older ones that sign beside it now.
func (l *Log) signers(now time.Time) (in Key, older []Key, err error) {
	links := l.keys().links
	for i := len(links) - 1; i > 0; i-- {
		if k, ok := l.key(links[i-1].text); ok && now.Before(links[i].until) {
			older = append(older, k)
		}
	}
	in, ok := l.key(links[len(links)-1].text)
	if !ok {
		return Key{}, nil, fmt.Errorf("%w: that in force was not given", ErrKey)
	}
	return in, older, nil
}

// openKeys reads which keys the log has, and checks that the one in force is at
// hand. Whether a change was recorded that is not signed yet is not known before
// the entries have been read: finishTurn sees to that.
func (l *Log) openKeys() error {
	b, err := readFile(l.o.disk, l.path(keyFile))
	if err != nil {
		return err
	}
	// A log that never changed its key may have one that note cannot parse.
	if one := l.o.Key.public; string(b) == one+"\n" {
		if _, err := readFile(l.o.disk, l.path(keysFile)); isMissing(err) {
			l.chain = newChain(l.o.Key.verifier, one)
			return nil
		}
	}
	c, _, err := readChain(l.o.disk, l.dir)
	if err != nil {
		return err
	}
	if c.origin() != l.o.Key.Origin() {
		return fmt.Errorf("%w: the log is %s, the key is for %s", ErrKey, c.origin(), l.o.Key.Origin())
	}
	l.chain = c
	return nil
}

// unsigned notes the change of keys that is among frames, of which the first is
// entry from and none is signed.
func (l *Log) unsigned(frames []byte, from int64) error {
	for r := newFrameReader(bytes.NewReader(frames), 0, int64(len(frames))); ; from++ {
		frame, _, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if kindOf(frame[headSize:]) != KeyChange {
			continue
		}
		if l.unfinished != nil {
			return fmt.Errorf("%w: entries %d and %d both change the key, and neither is signed", ErrDamaged, l.unfinished.index, from)
		}
		l.unfinished = &turn{index: from, entry: bytes.Clone(frame[headSize:])}
	}
}

// keepCover adds the checkpoint under which the newest change of keys stands to
// the history, if a crash came before it was written there.
func (l *Log) keepCover(notes *[]Checkpoint) error {
	last := l.chain.last()
	head := (*notes)[len(*notes)-1]
	if len(l.chain.links) == 1 || last.cover.Size <= head.Size {
		return nil
	}
	if err := l.appendHistory(last.proof.Note); err != nil {
		return err
	}
	l.note = slices.Clone(last.proof.Note)
	*notes = append(*notes, last.cover)
	return nil
}

// finishTurn completes what a crash has left of a change of keys, and fails with
// ErrKey where the key in force is not at hand.
func (l *Log) finishTurn() error {
	t := l.unfinished
	last := l.chain.last()
	if t != nil {
		e, err := Decode(t.entry)
		if err != nil {
			return err
		}
		var ok bool
		if t.to, ok = l.key(e.Keys.New); !ok || e.Keys.Old != last.text {
			return fmt.Errorf("%w: entry %d puts %s in force, and that key was not given", ErrKey, t.index, e.Keys.New)
		}
		if _, ok := l.key(last.text); !ok && e.Rule != Replaced {
			return fmt.Errorf("%w: entry %d puts %s in force, for which the key before has to sign, and that was not given", ErrKey, t.index, e.Keys.New)
		}
		l.o.Log.Warn("ledger: completed a change of its key that was cut short", "entry", t.index)
		if err := l.finish(t); err != nil {
			return err
		}
		l.unfinished, last = nil, l.chain.last()
	}
	if _, ok := l.key(last.text); !ok && !l.o.replace {
		return fmt.Errorf("%w: %s is in force, and was not given", ErrKey, last.text)
	}
	// A crash may have come before the newest key was published.
	public, err := readFile(l.o.disk, l.path(keyFile))
	if err == nil && string(public) != last.text+"\n" {
		err = l.publishKey(last.text)
	}
	return err
}

// finish makes a change of keys whose entry is durable come true: both keys sign
// what the log now is, and the file keys, the moment it is in its place, puts the
// new one in force. No other checkpoint covers the entry before this one.
func (l *Log) finish(t *turn) error {
	l.signing.Lock()
	defer l.signing.Unlock()
	before := l.keys()
	s, err := l.snapshot()
	if err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	c := Checkpoint{Size: s.tree.size, Root: s.tree.root(), Time: l.o.now().UTC()}
	e, err := Decode(t.entry)
	if err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	var older []Key
	if e.Rule != Replaced {
		in, also, err := l.signers(c.Time)
		if err != nil {
			return fmt.Errorf("change key: %w", err)
		}
		older = append([]Key{in}, also...)
	}
	msg, err := t.to.signWith(c, older)
	if err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	tree := l.Tree()
	tree.newest = func() (Checkpoint, []byte, error) { return c, msg, nil }
	path, err := tree.ProveInclusion(t.index, c.Size)
	if err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	// What readers will check is checked here first.
	after, err := before.follow(t.entry, Proof{Index: t.index, Path: path, Note: msg})
	if err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	if err := replaceFile(l.o.disk, l.path(keysFile), after.file(), true); err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	if err := l.o.disk.syncDir(l.dir); err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	l.mu.Lock()
	l.chain = after
	if _, ok := l.key(t.to.public); !ok {
		l.o.Others = append(slices.Clone(l.o.Others), t.to)
	}
	l.mu.Unlock()
	if err := l.keep(s, c, msg); err != nil {
		return err
	}
	l.o.Log.Info("ledger: another key is in force", "entry", t.index)
	return l.publishKey(t.to.public)
}

func (l *Log) publishKey(text string) error {
	if err := replaceFile(l.o.disk, l.path(keyFile), []byte(text+"\n"), true); err != nil {
		return fmt.Errorf("publish key: %w", err)
	}
	if err := l.o.disk.syncDir(l.dir); err != nil {
		return fmt.Errorf("publish key: %w", err)
	}
	return nil
}

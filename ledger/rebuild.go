package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// RebuildOptions say how a log is made anew.
type RebuildOptions struct {
	// Progress, if not nil, is told now and then how many of the entries are there.
	Progress func(done, total int64)
}

// A Rebuilt tells what Rebuild has made.
type Rebuilt struct {
	Head        CopyHead   // what the store had acknowledged, and the directory now holds
	Bytes       int64      // of entries
	Checkpoints int        // signed ones from the store, all of which match
	Signed      Checkpoint // the newest of them; the entries behind it hold by the batches' own signatures
}

// rebuilding is put behind the name of a directory while it is being made.
const rebuilding = ".rebuilding"

// Rebuild makes the log that a store has a copy of in dir, where there must be
// none: it fails with an error that is fs.ErrExist where there is something. It
// claims the copy, so that no other process can write to it any more, and checks
// every frame, every checkpoint in the store and, for entries behind the newest
// of them, the signature of every batch. The tree that comes out must be the
// one that the store had acknowledged. Only then does dir appear; a Rebuild that
// was cut short is begun again.
//
// It proves that the store gave back what the holder of the key had put there,
// and not that it is all: a store that was itself put back to an older state is
// noticed by witnesses and by whoever kept a newer checkpoint.
func Rebuild(ctx context.Context, dir string, o Options, s Store, ro RebuildOptions) (Rebuilt, error) {
	r, err := rebuild(ctx, dir, o, s, ro)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("rebuild ledger: %w", err)
	}
	return r, nil
}

func rebuild(ctx context.Context, dir string, o Options, s Store, ro RebuildOptions) (out Rebuilt, err error) {
	if o, err = o.withDefaults(); err != nil {
		return out, err
	}
	dir = filepath.Clean(dir)
	d := o.disk
	if names, err := d.list(dir); err == nil && len(names) > 0 {
		return out, fmt.Errorf("%w: %s is not empty", fs.ErrExist, dir)
	}
	kept, err := s.Claim(ctx, o.Key.Origin())
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	if out.Head = kept.Head(); out.Head.Size == 0 {
		return out, fmt.Errorf("%w: the store has no entry of %s", fs.ErrNotExist, o.Key.Origin())
	}
	tmp := dir + rebuilding
	if err := clearDir(d, tmp); err != nil {
		return out, err
	}
	if err := create(tmp, o); err != nil {
		return out, err
	}
	l, err := Open(tmp, o)
	if err != nil {
		return out, err
	}
	b := &builder{log: l, from: kept, report: &out, progress: ro.Progress}
	err = b.begin(ctx)
	if err == nil {
		err = b.build(ctx)
	}
	if err == nil {
		err = b.end()
	}
	if err := errors.Join(err, l.Close()); err != nil {
		return out, err
	}
	// All of it once more, from the files, as the next start will read it.
	if l, err = Open(tmp, o); err != nil {
		return out, err
	}
	is := CopyHead{Size: l.tree.size, Root: l.tree.root()}
	out.Bytes = l.Status().Bytes
	if err := l.Close(); err != nil {
		return out, err
	}
	if is != out.Head {
		return out, fmt.Errorf("%w: what was written is not what the store has", ErrDamaged)
	}
	if err := d.remove(dir); err != nil && !isMissing(err) { // an empty directory
		return out, err
	}
	if err := d.rename(tmp, dir); err != nil {
		return out, err
	}
	return out, d.syncDir(filepath.Dir(dir))
}

// clearDir removes what an earlier Rebuild has left.
func clearDir(d disk, dir string) error {
	for _, sub := range []string{filepath.Join(dir, tileDir), dir} {
		names, err := d.list(sub)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := d.remove(filepath.Join(sub, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// A builder fills an empty log from a store.
type builder struct {
	log      *Log
	from     Copy
	report   *Rebuilt
	progress func(done, total int64)

	waiting []byte   // frames that are checked and not written yet
	notes   [][]byte // read ahead
	noted   int64    // what the last one read covers
	last    bool     // there are no more
	history []byte   // that match, to be written
	newest  []byte   // of them
}

// buildBytes is how much is written and synced at once.
const buildBytes = 4 << 20

// begin takes over the log's keys, and the note for the empty log.
func (b *builder) begin(ctx context.Context) error {
	l := b.log
	if text := b.from.Keys(); text != nil {
		keys, err := parseChain(text)
		if err != nil {
			return err
		}
		known := func(k Key) bool { return k.signer != nil && keys.has(k.public) >= 0 }
		if keys.origin() != l.o.Key.Origin() || !known(l.o.Key) && !slices.ContainsFunc(l.o.Others, known) {
			return fmt.Errorf("%w: the store has other keys for %s than those given", ErrKey, l.o.Key.Origin())
		}
		l.chain = keys
		// The note that is there is signed by a key that was not in force then.
		if err := l.past.truncate(0); err != nil {
			return err
		}
		l.pastAt = 0
	}
	notes, err := b.from.Checkpoints(ctx, -1)
	if err != nil || len(notes) == 0 {
		return err
	}
	if c, err := l.chain.open(notes[0]); err == nil && c.Size == 0 && c.Root == l.tree.root() {
		l.pastAt = 0
		b.history = append(append(b.history, notes[0]...), '\n')
	}
	return nil
}

// end writes what says that the log is whole, key.pub last.
func (b *builder) end() error {
	l := b.log
	files := []struct {
		name string
		text []byte
	}{{checkpointFile, b.newest}, {keysFile, l.chain.file()}, {keyFile, []byte(l.chain.last().text + "\n")}}
	for _, f := range files {
		if f.text == nil {
			continue
		}
		if err := replaceFile(l.o.disk, l.path(f.name), f.text, true); err != nil {
			return err
		}
	}
	return l.o.disk.syncDir(l.dir)
}

func (b *builder) build(ctx context.Context) error {
	l, head := b.log, b.report.Head
	tree, last := l.tree, l.last
	for tree.size < head.Size {
		batches, err := b.from.Batches(ctx, tree.size)
		if err != nil {
			return err
		}
		if len(batches) == 0 {
			return fmt.Errorf("%w: the store has acknowledged %d entries and has %d", ErrDamaged, head.Size, tree.size)
		}
		for i := range batches {
			if err := ctx.Err(); err != nil {
				return err
			}
			batch := &batches[i]
			if batch.First != tree.size {
				return fmt.Errorf("%w: the store has entry %d and not entry %d", ErrDamaged, batch.First, tree.size)
			}
			before := tree
			frames, _, t, err := batch.read(&tree, last)
			if err != nil {
				return err
			}
			last = t
			signed, err := b.match(ctx, before, batch)
			if err != nil {
				return err
			}
			if !signed && !l.chain.signed(batch) {
				return fmt.Errorf("%w: the batch of entry %d in the store is not signed by this ledger's key", ErrDamaged, batch.First)
			}
			b.waiting = append(b.waiting, frames...)
			if len(b.waiting) >= buildBytes || l.view.tail.bytes+int64(len(b.waiting)) > l.o.SegmentBytes {
				if err := b.write(); err != nil {
					return err
				}
			}
			if b.progress != nil {
				b.progress(tree.size, head.Size)
			}
		}
	}
	if tree.size != head.Size || tree.root() != head.Root {
		return fmt.Errorf("%w: the store's entries do not lead to the root that it has acknowledged", ErrDamaged)
	}
	return b.write()
}

// write writes what waits, entries before the checkpoints that cover them.
func (b *builder) write() error {
	l := b.log
	if len(b.waiting) > 0 {
		if err := l.adopt(b.waiting); err != nil {
			return err
		}
		b.waiting = b.waiting[:0]
	}
	if _, err := l.past.WriteAt(b.history, l.pastAt); err != nil {
		return err
	}
	l.pastAt += int64(len(b.history))
	b.history = b.history[:0]
	return l.past.sync()
}

// match compares the tree, while it grows by batch from before, with every
// checkpoint in the store. It reports whether a checkpoint covers the batch.
func (b *builder) match(ctx context.Context, tree frontier, batch *Batch) (signed bool, err error) {
	end := batch.First + int64(batch.N)
	var r *frameReader
	for {
		if len(b.notes) == 0 && !b.last {
			if b.notes, err = b.from.Checkpoints(ctx, b.noted); err != nil {
				return false, err
			}
			b.last = len(b.notes) == 0
		}
		if len(b.notes) == 0 {
			return false, nil
		}
		msg := b.notes[0]
		c, err := b.log.chain.open(msg)
		if err != nil || c.Size <= b.report.Signed.Size {
			return false, fmt.Errorf("%w: a checkpoint in the store is not signed by this ledger's key, or out of order", ErrDamaged)
		}
		if c.Size > b.report.Head.Size {
			return false, fmt.Errorf("%w: a checkpoint in the store is for %d entries, the store has %d", ErrRolledBack, c.Size, b.report.Head.Size)
		}
		if c.Size > end {
			return true, nil
		}
		if r == nil {
			r = newFrameReader(bytes.NewReader(batch.Frames), 0, int64(len(batch.Frames)))
		}
		for tree.size < c.Size {
			frame, _, err := r.next()
			if err != nil {
				return false, fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			tree.push(leafHash(frame))
		}
		if tree.root() != c.Root {
			return false, fmt.Errorf("%w: the store's first %d entries are not those that were signed", ErrDamaged, c.Size)
		}
		b.report.Signed, b.noted, b.notes = c, c.Size, b.notes[1:]
		b.report.Checkpoints++
		b.newest = msg
		b.history = append(append(b.history, msg...), '\n')
		if c.Size == end {
			return true, nil
		}
	}
}

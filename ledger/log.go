package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// What callers compare.
var (
	// ErrStopped: the log takes no entry any more, because Run has ended or
	// because writing or syncing failed. Nothing mends that but a new Open.
	ErrStopped = errors.New("ledger stopped")
	// ErrLocked: another process owns the log.
	ErrLocked = errors.New("ledger is in use by another process")
	// ErrDamaged: the files hold something else than what was written.
	ErrDamaged = errors.New("ledger is damaged")
	// ErrRolledBack: a checkpoint that was signed covers more than the files
	// hold: entries that had been durable are gone.
	ErrRolledBack = errors.New("ledger has lost signed entries")
)

// Options say how a log is kept. Only Key is required.
type Options struct {
	// Key signs checkpoints. Its name is the origin of the log.
	Key Key
	// Others are further keys of the log: older ones, which go on signing
	// beside the one in force as long as that was said when it changed, and a
	// newer one, of a change that was cut short. The log knows which is which.
	Others []Key
	// Node is written into entries that name none.
	Node string
	// SegmentBytes is the length at which a new segment file is begun.
	// Default 64 MiB.
	SegmentBytes int64
	// SegmentAge is the age of its first entry at which a segment is ended though
	// it is not full, so that archive and retention reach the entries of a quiet
	// log, too. Default a day.
	SegmentAge time.Duration
	// CheckpointEvery is how long a log may have grown without being signed.
	// Default one second.
	CheckpointEvery time.Duration
	// Log is told of repairs and of the failure that stops the log. Default:
	// nobody.
	Log *slog.Logger

	replace bool // Open need not be given the key in force

	disk disk             // nil: the operating system's
	now  func() time.Time // nil: the machine's clock at Open, and the monotonic one from then on
}

func (o Options) withDefaults() (Options, error) {
	if o.Key.signer == nil {
		return o, fmt.Errorf("%w: no key given", ErrKey)
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.SegmentAge <= 0 {
		o.SegmentAge = 24 * time.Hour
	}
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	if o.now == nil {
		// By the monotonic clock from here on: times of entries do not run backwards, so
		// one that was written while the machine's clock stood ahead would move all that
		// follow.
		began := time.Now()
		o.now = func() time.Time { return began.Add(time.Since(began)) }
	}
	return o, nil
}

// Names in a log's directory, besides the segments.
const (
	keyFile        = "key.pub"     // text of the newest key; its presence completes Create
	historyFile    = "checkpoints" // every checkpoint, in order
	checkpointFile = "checkpoint"  // the newest, for others to fetch
	frontierFile   = "frontier"    // where Open can go on from
	lockFile       = "lock"
)

// A segment is one file of frames.
type segment struct {
	first int64 // index of its first entry, and its name
	bytes int64 // how long it is; of the last one, how much of it is durable
}

// A Log is an open log. Append, Send, Follow, Replay, Status and Repaired may be
// called concurrently; entries become durable only while Run runs.
type Log struct {
	dir      string
	o        Options
	lock     io.Closer
	repaired int64
	wake     chan struct{} // has a token when pending may hold entries
	asked    chan func()   // what Run does between two groups
	ended    chan struct{} // closed when Run has ended
	spare    sync.Pool     // *batch

	// Owned by Run, and by Open before it.
	tree   frontier
	tail   file      // the last segment
	length int64     // of that file, with the zeros that were written ahead
	began  time.Time // when its first entry was written; meaningless while it is empty
	tiles  *tiles    // the hashes of the tree
	served int64     // entries in the group before
	buf    []byte    // the buffer of the group before, to be used again
	handed int64     // size of the last tree that was given to the signer
	copier *copier   // nil: the log has no store
	// A change of keys that Open has found to be recorded and not signed yet.
	unfinished *turn

	signing sync.Mutex // held while a checkpoint is made and kept; guards what follows
	signed  int64      // size of the last checkpoint
	past    file       // the history file
	pastAt  int64      // its length

	mu      sync.Mutex
	running bool
	stopped error // why nothing is taken any more; nil while it is
	pending *group
	last    time.Time // of the last entry that was taken
	view    view
	newest  Checkpoint
	note    []byte // newest as it was signed
	chain   *chain // set by Run, and by Open before it
	turning bool   // a change of keys is under way

	stored        StoreStatus
	witnessed     Witnessed // set by Witnessing
	witnessedNote []byte
}

// A view is what a reader may see: durable entries only.
type view struct {
	size   int64         // entries
	sealed []segment     // the full ones, in order
	tail   segment       // the one that is written to
	grown  chan struct{} // closed when there is a newer view
}

// first gives the index of the first entry that is kept.
func (v view) first() int64 {
	if len(v.sealed) > 0 {
		return v.sealed[0].first
	}
	return v.tail.first
}

// Create makes a log in dir, which may exist if it holds no log, and opens it.
// It fails with an error that is fs.ErrExist where a log is there already. A
// Create that was cut short leaves a directory in which the next one succeeds.
func Create(dir string, o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	if err := create(dir, o); err != nil {
		return nil, fmt.Errorf("create ledger: %w", err)
	}
	return Open(dir, o)
}

func create(dir string, o Options) error {
	d := o.disk
	if err := d.mkdir(dir); err != nil {
		return err
	}
	lock, err := d.lock(filepath.Join(dir, lockFile))
	if err != nil {
		return err
	}
	defer lock.Close()
	names, err := d.list(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		unfinished := name == lockFile || name == historyFile || name == checkpointFile ||
			name == segmentName(0) || filepath.Ext(name) == ".tmp"
		if !unfinished {
			return fmt.Errorf("%w: %s is in the directory", fs.ErrExist, name)
		}
	}
	// A first segment with entries is no leftover of a Create.
	if b, err := readFile(d, filepath.Join(dir, segmentName(0))); err == nil && len(b) > segmentHeader {
		return fmt.Errorf("%w: %s has entries", fs.ErrExist, segmentName(0))
	}
	empty := Checkpoint{Root: (&frontier{}).root()}
	msg, err := o.Key.sign(empty)
	if err != nil {
		return err
	}
	files := []struct {
		name    string
		content []byte
	}{
		{segmentName(0), appendSegmentHeader(nil, 0)},
		{historyFile, append(slices.Clone(msg), '\n')},
		{checkpointFile, msg},
		{keyFile, []byte(o.Key.Verifier() + "\n")}, // last: it says that the rest is there
	}
	for i, f := range files {
		if err := replaceFile(d, filepath.Join(dir, f.name), f.content, true); err != nil {
			return err
		}
		if i >= len(files)-2 {
			if err := d.syncDir(dir); err != nil {
				return err
			}
		}
	}
	return d.syncDir(filepath.Dir(filepath.Clean(dir)))
}

// Open opens the log in dir, and fails with an error that is fs.ErrNotExist
// where there is none. What a crash left of the last write, behind the last
// whole entry, is cut off; Repaired tells how much. It fails with ErrLocked
// while another process has the log open, with ErrRolledBack if the files hold
// fewer entries than were signed, with ErrDamaged if what they hold is not what
// was signed or if an entry is broken that had been durable, and with ErrKey if
// the key in force is not among those given. A change of keys that a crash cut
// short is completed.
func Open(dir string, o Options) (l *Log, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l = &Log{
		dir: dir, o: o,
		wake:    make(chan struct{}, 1),
		asked:   make(chan func()),
		ended:   make(chan struct{}),
		pending: newGroup(),
	}
	defer func() {
		if err != nil {
			l.closeFiles()
			l, err = nil, fmt.Errorf("open ledger: %w", err)
		}
	}()
	if _, err := readFile(o.disk, filepath.Join(dir, keyFile)); err != nil {
		return l, err
	}
	if l.lock, err = o.disk.lock(filepath.Join(dir, lockFile)); err != nil {
		return l, err
	}
	if err := l.openKeys(); err != nil {
		return l, err
	}
	if err := l.recover(); err != nil {
		return l, err
	}
	if err := l.finishTurn(); err != nil {
		return l, err
	}
	if l.repaired > 0 {
		o.Log.Warn("ledger: cut off an incomplete write at the end", "bytes", l.repaired, "entries", l.tree.size)
	}
	return l, nil
}

// Repaired gives how many bytes of an incomplete write Open has cut off.
func (l *Log) Repaired() int64 { return l.repaired }

// Close gives up a log on which Run was never called. Run itself closes what it
// ran on, and then Close does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.running || l.stopped != nil {
		l.mu.Unlock()
		return nil
	}
	l.mu.Unlock()
	l.stop(fmt.Errorf("%w: closed", ErrStopped))
	return errors.Join(l.trim(l.view.tail.bytes), l.closeFiles())
}

func (l *Log) closeFiles() error {
	var errs []error
	if l.tail != nil {
		errs = append(errs, l.tail.Close())
	}
	if l.past != nil {
		errs = append(errs, l.past.Close())
	}
	if l.tiles != nil {
		errs = append(errs, l.tiles.close())
	}
	errs = append(errs, l.copier.close())
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	l.copier, l.tail, l.past, l.tiles, l.lock = nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

// Status is how a log stands at a moment.
type Status struct {
	Entries    int64 // durable
	First      int64 // the first that is kept; those before were dropped
	Bytes      int64 // durable, in segment files
	Segments   int
	Checkpoint Checkpoint // the newest
	Witnessed  Witnessed  // the newest that enough witnesses have signed
	Store      StoreStatus
	Repaired   int64 // bytes that Open cut off
	Err        error // why it has stopped; nil while it takes entries
}

// Status tells how the log stands.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{
		Entries: l.view.size, First: l.view.first(), Bytes: l.view.tail.bytes, Segments: len(l.view.sealed) + 1,
		Checkpoint: l.newest, Witnessed: l.witnessed, Store: l.stored, Repaired: l.repaired, Err: l.stopped,
	}
	for _, seg := range l.view.sealed {
		s.Bytes += seg.bytes
	}
	return s
}

func (l *Log) path(name string) string { return filepath.Join(l.dir, name) }

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

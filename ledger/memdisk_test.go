package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A memDisk is a disk in memory that keeps apart what programs see and what
// would survive a loss of power, and that lets chosen calls go wrong. It is as
// unhelpful as a file system may be: a sync that fails drops what it could not
// write from the list of what is still to be written, and leaves it in sight.
type memDisk struct {
	mu      sync.Mutex
	names   map[string]*memFile // in sight
	durable map[string]*memFile // after a loss of power
	pending []func(map[string]*memFile)
	locked  map[string]bool

	calls []string // every call that changes something, in order
	at    int      // the call that goes wrong, from 1 on; 0: none
	how   fault
	dead  bool   // the process was killed: nothing happens any more
	pause func() // nil, or called before the call that goes wrong
}

type memFile struct {
	seen    []byte
	durable []byte
	pending []change
}

// A change writes data at off, or with data nil cuts to off.
type change struct {
	off  int64
	data []byte
}

type fault int

const (
	noFault     fault = iota
	failed            // an error, and nothing was done
	shortly           // an error, and half was done
	butDone           // an error, and yet it was done
	killed            // the process ends before the call
	killedAfter       // the process ends when the call has been done
)

var faultNames = [...]string{"none", "failed", "half done", "failed but persisted", "killed before", "killed after"}

func (f fault) String() string { return faultNames[f] }

var (
	errFault  = errors.New("injected fault")
	errKilled = errors.New("the process is dead")
)

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*memFile{}, durable: map[string]*memFile{}, locked: map[string]bool{}}
}

// call counts a changing call and says what is to become of it.
func (d *memDisk) call(what string) fault {
	if d.dead {
		return killed
	}
	d.calls = append(d.calls, what)
	if len(d.calls) != d.at {
		return noFault
	}
	if d.pause != nil {
		d.pause()
	}
	injected.add(what, d.how)
	if d.how == killed {
		d.dead = true
	}
	return d.how
}

// done gives the error of a call that was carried out under f.
func (d *memDisk) done(f fault) error {
	switch f {
	case noFault:
		return nil
	case killedAfter:
		d.dead = true
		return errKilled
	case killed:
		return errKilled
	}
	return errFault
}

// does reports whether a call under f is carried out at all.
func (f fault) does() bool { return f == noFault || f == butDone || f == killedAfter }

func (d *memDisk) change(what string, do func(map[string]*memFile)) error {
	f := d.call(what)
	if f.does() {
		do(d.names)
		d.pending = append(d.pending, do)
	}
	return d.done(f)
}

func missing(name string) error { return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist} }

func (d *memDisk) open(name string, mode openMode) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, errKilled
	}
	m := d.names[name]
	if mode == createWrite {
		f := d.call("create " + filepath.Base(name))
		if f.does() {
			if m == nil {
				m = new(memFile)
				do := func(names map[string]*memFile) { names[name] = m }
				do(d.names)
				d.pending = append(d.pending, do)
			} else {
				m.change(change{off: 0})
			}
		}
		if err := d.done(f); err != nil {
			return nil, err
		}
	} else if mode == readWrite {
		if f := d.call("open " + filepath.Base(name)); f != noFault {
			return nil, d.done(f)
		}
	}
	if m == nil {
		return nil, missing(name)
	}
	return &memHandle{d: d, m: m, name: filepath.Base(name)}, nil
}

func (d *memDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	inside := slices.ContainsFunc(slices.Collect(maps.Keys(d.names)), func(name string) bool { return strings.HasPrefix(name, from+"/") })
	if d.names[from] == nil && !inside {
		return missing(from)
	}
	return d.change("rename to "+filepath.Base(to), func(names map[string]*memFile) {
		for name, m := range maps.Clone(names) {
			if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
				names[to+rest] = m
				delete(names, name)
			}
		}
	})
}

func (d *memDisk) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.change("remove "+filepath.Base(name), func(names map[string]*memFile) { delete(names, name) })
}

func (d *memDisk) list(dir string) (list []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.names {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			list = append(list, rest)
		}
	}
	return list, nil
}

func (d *memDisk) mkdir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done(d.call("mkdir"))
}

func (d *memDisk) syncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.call("sync directory")
	if f.does() {
		for _, do := range d.pending {
			do(d.durable)
		}
		d.pending = nil
	}
	return d.done(f)
}

type memLock struct {
	d    *memDisk
	name string
}

func (d *memDisk) lock(name string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked[name] {
		return nil, ErrLocked
	}
	d.locked[name] = true
	return memLock{d, name}, nil
}

func (l memLock) Close() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	delete(l.d.locked, l.name)
	return nil
}

// powerLoss ends all processes and restarts the machine. Of what was not synced
// nothing has survived, all of it, or what the dice say.
func (d *memDisk) powerLoss(survives string, dice *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	switch survives {
	case "all":
		n = len(d.pending)
	case "some":
		n = dice.IntN(len(d.pending) + 1) // a journal keeps the order of names
	}
	for _, do := range d.pending[:n] {
		do(d.durable)
	}
	d.pending = nil
	d.names = maps.Clone(d.durable)
	files := map[*memFile]bool{}
	for _, m := range d.names {
		files[m] = true
	}
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		m := d.names[name]
		if !files[m] {
			continue
		}
		delete(files, m)
		for _, c := range m.pending {
			switch {
			case survives == "none" || survives == "some" && dice.IntN(3) == 0:
				continue
			case survives == "some" && len(c.data) > 0 && dice.IntN(2) == 0:
				// Part of a write, from either end: pages are written in any order.
				i := dice.IntN(len(c.data))
				if dice.IntN(2) == 0 {
					c.data = c.data[:i]
				} else {
					c.off, c.data = c.off+int64(i), c.data[i:]
				}
			}
			m.durable = c.apply(m.durable)
		}
		m.pending = nil
		m.seen = slices.Clone(m.durable)
	}
	d.restart()
}

// restartProcess is what comes after a kill: what was in sight still is.
func (d *memDisk) restartProcess() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restart()
}

func (d *memDisk) restart() {
	d.dead, d.at, d.locked = false, 0, map[string]bool{}
}

func (c change) apply(b []byte) []byte {
	if c.data == nil {
		return b[:min(int64(len(b)), c.off)]
	}
	end := c.off + int64(len(c.data))
	for int64(len(b)) < end {
		b = append(b, 0)
	}
	copy(b[c.off:], c.data)
	return b
}

func (m *memFile) change(c change) {
	m.seen = c.apply(m.seen)
	m.pending = append(m.pending, c)
}

type memHandle struct {
	d    *memDisk
	m    *memFile
	name string
}

func (h *memHandle) ReadAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if off >= int64(len(h.m.seen)) {
		return 0, io.EOF
	}
	n := copy(p, h.m.seen[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *memHandle) WriteAt(p []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	f := h.d.call(fmt.Sprint("write ", h.name))
	n := len(p)
	if f == shortly {
		n /= 2
	}
	if f.does() || f == shortly {
		h.m.change(change{off, append([]byte{}, p[:n]...)})
	}
	return n, h.d.done(f)
}

func (h *memHandle) sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	f := h.d.call("sync " + h.name)
	done := h.m.pending
	switch f {
	case failed:
		done = nil
	case shortly:
		done = done[:len(done)/2]
	case killed:
		return errKilled
	}
	for _, c := range done {
		h.m.durable = c.apply(h.m.durable)
	}
	h.m.pending = nil
	return h.d.done(f)
}

func (h *memHandle) truncate(size int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	f := h.d.call("truncate " + h.name)
	if f.does() {
		h.m.change(change{off: size})
	}
	return h.d.done(f)
}

func (h *memHandle) size() (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return int64(len(h.m.seen)), nil
}

func (h *memHandle) Close() error { return nil }

package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A Merge follows several logs as one stream in the order of time. Every entry was
// found to be what its log has signed, and every checkpoint to continue the one
// before, also across restarts.
//
// Clocks of nodes differ, and an entry reaches a follower only when a checkpoint
// covers it. So an entry waits until every other log has shown that it has passed
// that time, by an entry behind it or by a checkpoint that was read Skew later; a
// log that cannot be read for Stall is told of and not waited for. What comes later
// than that is given out when it comes, marked late, and never lost.
type Merge struct {
	Sources []Source
	// Skew bounds how long an entry waits for logs that have nothing to say. It
	// should be more than the time between two checkpoints, or two witnessed
	// ones where there are witnesses, and the difference of the clocks
	// together. Default five seconds.
	Skew time.Duration
	// Poll is how often a log is asked for a newer checkpoint. Default a second.
	Poll time.Duration
	// Stall is how long a log that cannot be read is waited for. Default 30
	// seconds.
	Stall time.Duration
	// Once ends Follow, without an error, when everything that the logs had signed
	// at its beginning was given out. A log that is not read by Stall is left out.
	Once bool
	// Save, if not nil, is given how far the stream was given out, now and then
	// and at the end, and must keep it. What was given out behind the last
	// Save is given out again.
	Save func(Positions) error
	// Tell, if not nil, is told when a log cannot be read, when it can again (with a
	// nil error), and which entries it does not keep any more (ErrDropped).
	Tell func(name string, err error)

	now func() time.Time // nil: time.Now
}

// A Merged is one entry of the stream.
type Merged struct {
	Name  string // of the source
	Index int64
	Entry *Entry
	// Late: an entry of a later time was given out before it.
	Late bool
}

// Positions say how far each log was given out, by its origin.
type Positions map[string]Position

// A Position is a place in one log.
type Position struct {
	Next int64      // the next entry
	Seen Checkpoint // the newest checkpoint that was read
}

// Follow gives fn the entries from at on, until ctx ends, whose error it then
// gives. It fails with what fn or Save fails with; with a *SplitView as soon as a
// log shows two histories, or other entries than another log's heartbeats say
// that it had; and with ErrKey where the keys of a log are not believed.
func (m Merge) Follow(ctx context.Context, at Positions, fn func(Merged) error) error {
	err := m.follow(ctx, at, fn)
	if err != nil {
		return fmt.Errorf("follow ledgers: %w", err)
	}
	return nil
}

func (m Merge) follow(ctx context.Context, at Positions, fn func(Merged) error) error {
	if m.Skew <= 0 {
		m.Skew = 5 * time.Second
	}
	if m.Poll <= 0 {
		m.Poll = time.Second
	}
	if m.Stall <= 0 {
		m.Stall = 30 * time.Second
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.Tell == nil {
		m.Tell = func(string, error) {}
	}
	run := &merging{m: m, at: at, start: m.now(), heads: map[string][]seenHead{}, news: make(chan news)}
	for _, s := range m.Sources {
		p, err := s.Open()
		if err != nil {
			return err
		}
		run.feeds = append(run.feeds, &feed{peer: p, answered: run.start, room: make(chan struct{}, feedRoom)})
	}
	if len(run.feeds) == 0 {
		return errors.New("there is no log to follow")
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for _, f := range run.feeds {
		all.Go(func() { run.read(ctx, f) })
	}
	return run.give(ctx, fn)
}

// feedRoom is how many bundles of a log wait to be given out.
const feedRoom = 8

// merging is one run of Follow.
type merging struct {
	m     Merge
	at    Positions
	start time.Time
	feeds []*feed
	news  chan news

	mu    sync.Mutex
	heads map[string][]seenHead // by origin: what other logs say that it had
}

type seenHead struct {
	Head
	by      string
	learned time.Time
}

// A feed is one log. What is not said otherwise belongs to give.
type feed struct {
	peer *Peer
	room chan struct{} // has a token for each bundle in queue

	origin   string
	queue    [][]Merged
	passed   time.Time // of the newest entry that was read
	caught   time.Time // when it was asked for the checkpoint up to which all was read
	answered time.Time // when something was read last
	down     bool      // it was told that it cannot be read
	failed   error     // why not
	next     int64     // the entry after the last that was given out
}

// news is what a reader tells give.
type news struct {
	feed    *feed
	entries []Merged
	caught  time.Time
	next    int64 // of a feed that begins
	begins  bool
	dropped error
	err     error
	fatal   bool
}

// read reads one log and sends what is new.
func (r *merging) read(ctx context.Context, f *feed) {
	send := func(n news) bool {
		n.feed = f
		select {
		case r.news <- n:
			return true
		case <-ctx.Done():
			return false
		}
	}
	next, begun := int64(0), false
	for ctx.Err() == nil {
		asked := r.m.now()
		c, err := f.peer.Checkpoint(ctx)
		if err == nil && !begun {
			// Only now the log's origin is known, and with it where to go on.
			pos := r.at[f.peer.Origin()]
			if next = pos.Next; pos.Seen.Size > 0 {
				err = f.peer.Saw(ctx, pos.Seen, nil, "at the last reading")
			}
			if begun = err == nil; begun && !send(news{begins: true, next: next}) {
				return
			}
		}
		for err == nil && next < c.Size {
			select {
			case f.room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			var entries []Merged
			var to int64
			to, err = f.peer.Entries(ctx, next, c.Size, func(index int64, e *Entry) error {
				entries = append(entries, Merged{Name: f.peer.Name(), Index: index, Entry: e})
				return nil
			})
			if errors.Is(err, ErrDropped) {
				<-f.room
				if to, err = f.peer.firstKept(ctx, next, c.Size); err == nil {
					if !send(news{dropped: fmt.Errorf("%w: %d to %d", ErrDropped, next, to-1)}) {
						return
					}
					next = to
				}
				continue
			}
			if err != nil {
				<-f.room
				break
			}
			next = to
			if !send(news{entries: entries}) {
				return
			}
		}
		if err == nil {
			err = r.compare(ctx, f.peer, asked)
		}
		n := news{caught: asked, err: err}
		if err != nil {
			n.caught, n.fatal = time.Time{}, !errors.Is(err, ErrUnreachable)
		}
		if !send(n) || n.fatal {
			return
		}
		select {
		case <-time.After(r.m.Poll):
		case <-ctx.Done():
		}
	}
}

// compare holds what other logs say that they have seen of this one against it,
// which was asked for its newest checkpoint then.
func (r *merging) compare(ctx context.Context, p *Peer, asked time.Time) error {
	newest, _ := p.Newest()
	origin := p.Origin()
	r.mu.Lock()
	var now, later []seenHead
	for _, h := range r.heads[origin] {
		if h.Size <= newest.Size || h.learned.Before(asked) {
			now = append(now, h)
		} else {
			later = append(later, h)
		}
	}
	r.heads[origin] = later
	r.mu.Unlock()
	for i, h := range now {
		if err := p.Saw(ctx, Checkpoint{Size: h.Size, Root: h.Root}, nil, "to "+h.by); err != nil {
			r.mu.Lock()
			r.heads[origin] = append(r.heads[origin], now[i:]...)
			r.mu.Unlock()
			return err
		}
	}
	return nil
}

// learn notes what an entry says of other logs. One head for each log that says
// so is enough, the newest: it stands for those before, which it continues.
func (r *merging) learn(x Merged) {
	if x.Entry.Kind != Heartbeat {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range x.Entry.Heads {
		all := r.heads[h.Origin]
		kept := all[:0]
		for _, old := range all {
			if old.by != x.Name {
				kept = append(kept, old)
			}
		}
		r.heads[h.Origin] = append(kept, seenHead{h, x.Name, r.m.now()})
	}
}

// give hands out what may be.
func (r *merging) give(ctx context.Context, fn func(Merged) error) (err error) {
	var last, saved time.Time
	given := false
	save := func() error {
		given, saved = false, r.m.now()
		if r.m.Save == nil {
			return nil
		}
		return r.m.Save(r.positions())
	}
	defer func() {
		if given {
			err = errors.Join(err, save())
		}
	}()
	tick := time.NewTicker(min(r.m.Poll, r.m.Skew, r.m.Stall)/4 + time.Millisecond)
	defer tick.Stop()
	for {
		for {
			f := r.ready()
			if f == nil {
				break
			}
			x := f.queue[0][0]
			if x.Late = x.Entry.Time.Before(last); !x.Late {
				last = x.Entry.Time
			}
			if err := fn(x); err != nil {
				return err
			}
			given, f.next = true, x.Index+1
			if f.queue[0] = f.queue[0][1:]; len(f.queue[0]) == 0 {
				f.queue = f.queue[1:]
				<-f.room
			}
			if r.m.now().Sub(saved) > time.Second {
				if err := save(); err != nil {
					return err
				}
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if r.m.Once && r.drained() {
			return nil
		}
		select {
		case n := <-r.news:
			if err := r.take(n); err != nil {
				return err
			}
		case <-tick.C:
			r.stalled()
			if given {
				if err := save(); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take notes news. Its error ends the stream.
func (r *merging) take(n news) error {
	f := n.feed
	switch {
	case n.fatal:
		return n.err
	case n.err != nil:
		f.failed = n.err
		return nil
	case n.dropped != nil:
		r.m.Tell(f.peer.Name(), n.dropped)
	case n.begins:
		f.next, f.origin = n.next, f.peer.Origin()
	case len(n.entries) > 0:
		f.queue = append(f.queue, n.entries)
		f.passed = n.entries[len(n.entries)-1].Entry.Time
		for _, x := range n.entries {
			r.learn(x)
		}
	default:
		f.caught = n.caught
	}
	f.answered, f.failed = r.m.now(), nil
	if f.down {
		f.down = false
		r.m.Tell(f.peer.Name(), nil)
	}
	return nil
}

// stalled gives up waiting for logs that have not been read for too long. One
// whose reader waits for room in the queue is not such a log.
func (r *merging) stalled() {
	for _, f := range r.feeds {
		if f.down || len(f.queue) > 0 || r.m.now().Sub(f.answered) <= r.m.Stall {
			continue
		}
		f.down = true
		err := f.failed
		if err == nil {
			err = ErrUnreachable
		}
		r.m.Tell(f.peer.Name(), err)
	}
}

// ready gives the feed whose next entry may be given out, nil if none may.
func (r *merging) ready() (first *feed) {
	for _, f := range r.feeds {
		if len(f.queue) > 0 && (first == nil || f.queue[0][0].Entry.Time.Before(first.queue[0][0].Entry.Time)) {
			first = f
		}
	}
	if first == nil {
		return nil
	}
	t := first.queue[0][0].Entry.Time
	for _, f := range r.feeds {
		switch {
		case len(f.queue) > 0, f.down, f.passed.After(t), !f.caught.Before(t.Add(r.m.Skew)):
		case r.m.Once && !f.caught.Before(r.start):
		default:
			return nil
		}
	}
	return first
}

// drained reports whether all that was there at the beginning was given out.
func (r *merging) drained() bool {
	for _, f := range r.feeds {
		if !f.down && (len(f.queue) > 0 || f.caught.Before(r.start)) {
			return false
		}
	}
	return true
}

func (r *merging) positions() Positions {
	at := Positions{} // with those of logs that have not answered
	maps.Copy(at, r.at)
	for _, f := range r.feeds {
		if f.origin != "" {
			c, _ := f.peer.Newest()
			at[f.origin] = Position{Next: f.next, Seen: Checkpoint{Size: c.Size, Root: c.Root}}
		}
	}
	return at
}

const positionsMagic = "weir ledger positions 1\n"

// Text writes positions for a file.
func (at Positions) Text() []byte {
	b := []byte(positionsMagic)
	for _, origin := range slices.Sorted(maps.Keys(at)) {
		p := at[origin]
		b = fmt.Appendf(b, "log %s %d %d %s\n", origin, p.Next, p.Seen.Size, p.Seen.Root)
	}
	return fmt.Appendf(b, "crc32c %d\n", crc32.Checksum(b, castagnoli))
}

// ParsePositions reads what Text writes.
func ParsePositions(b []byte) (Positions, error) {
	bad := errors.New("not a file of positions, or one that was not written whole")
	text, ok := strings.CutPrefix(string(b), positionsMagic)
	i := strings.LastIndex(text, "crc32c ")
	if !ok || i < 0 {
		return nil, bad
	}
	at := Positions{}
	for line := range strings.Lines(text[:i]) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(f) != 5 || f[0] != "log" {
			return nil, bad
		}
		next, _, ok1 := cutNumber([]byte("n "+f[2]+"\n"), "n")
		size, _, ok2 := cutNumber([]byte("n "+f[3]+"\n"), "n")
		root, err := base64.StdEncoding.Strict().DecodeString(f[4])
		if !ok1 || !ok2 || err != nil || len(root) != tlog.HashSize || next > size {
			return nil, bad
		}
		at[f[1]] = Position{Next: next, Seen: Checkpoint{Size: size, Root: tlog.Hash(root)}}
	}
	if string(at.Text()) != string(b) {
		return nil, bad
	}
	return at, nil
}

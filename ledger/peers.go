package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// headsFile keeps, of each other log of the deployment, the newest checkpoint that
// this node has seen, as it was signed: notes one behind the other, as in the
// history.
const headsFile = "heads"

// PeersOptions say how a node watches the other nodes of its deployment.
type PeersOptions struct {
	// RosterKey is the text of the public key of the roster.
	RosterKey string
	// Roster is the signed roster as it is known here. It may be empty: the
	// others are asked for theirs only by nodes that have one.
	Roster []byte
	// Save is given a newer roster that another node had; it must make it durable.
	Save func(roster []byte) error
	// Every is how often the others are asked and a Heartbeat is recorded.
	// Default a minute.
	Every time.Duration
	// Client asks. Default: one that gives up after ten seconds.
	Client *http.Client
	// Log is told of nodes that do not answer or that show two histories.
	// Default: nobody.
	Log *slog.Logger
}

// Peers remember what the other logs of a deployment have shown, and record it in
// this one: a log that is missing, cut, or written anew is then missed by others.
type Peers struct {
	log *Log
	o   PeersOptions

	mu     sync.Mutex
	roster *Roster
	signed []byte            // roster as it was signed
	notes  map[string][]byte // by origin: the newest note seen
	state  map[string]string // by origin: what was last told of it

	// Owned by Run, and by Check before it.
	peers map[string]*Peer // by origin
}

// Peers prepares watching; Run does it. It fails with ErrRoster and ErrKey where
// the roster does not hold, and where this log is not on it.
func (l *Log) Peers(o PeersOptions) (*Peers, error) {
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Save == nil {
		o.Save = func([]byte) error { return nil }
	}
	r, err := OpenRoster(o.Roster, o.RosterKey)
	if err != nil {
		return nil, fmt.Errorf("watch peers: %w", err)
	}
	me := r.Find(l.keys().origin())
	if me == nil {
		return nil, fmt.Errorf("watch peers: %w: this node's log %s is not on it: add it with weir ledger roster add", ErrRoster, l.keys().origin())
	}
	if l.keys().has(me.Key) < 0 {
		return nil, fmt.Errorf("watch peers: %w: the key that it has for %s was never this log's", ErrRoster, me.Name)
	}
	if me.Retired != nil {
		return nil, fmt.Errorf("watch peers: %w: %s is retired, and its log has ended", ErrRoster, me.Name)
	}
	p := &Peers{log: l, o: o, roster: r, signed: bytes.Clone(o.Roster), notes: map[string][]byte{}, state: map[string]string{}, peers: map[string]*Peer{}}
	b, err := readFile(l.o.disk, l.path(headsFile))
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("watch peers: %w", err)
	}
	for msg, rest, ok := splitNote(b); ok; msg, rest, ok = splitNote(rest) {
		origin, _, _ := bytes.Cut(msg, []byte("\n"))
		p.notes[string(origin)] = bytes.Clone(msg)
	}
	return p, nil
}

// Roster gives the newest roster that is known, and as it was signed.
func (p *Peers) Roster() (*Roster, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster, p.signed
}

// Heads gives the file of heads.
func (p *Peers) Heads() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heads()
}

func (p *Peers) heads() (b []byte) {
	for _, origin := range slices.Sorted(maps.Keys(p.notes)) {
		b = append(append(b, p.notes[origin]...), '\n')
	}
	return b
}

// others gives the nodes in service that can be asked.
func (p *Peers) others() (all []Node) {
	r, _ := p.Roster()
	for _, n := range r.Nodes {
		if n.Retired == nil && n.URL != "" && n.Origin() != p.log.keys().origin() {
			all = append(all, n)
		}
	}
	return all
}

// Check asks each other node which checkpoint of this log it remembers, and fails
// with ErrRolledBack if that covers more than there is, and with ErrDamaged if it
// is for other entries: then these are not the files that were shown to it. What a
// node says counts only with this log's own signature. One that does not answer
// proves nothing and is passed over. It is called before Run.
func (p *Peers) Check(ctx context.Context) error {
	for _, n := range p.others() {
		peer, err := p.peer(n)
		var notes [][]byte
		if err == nil {
			notes, err = peer.Heads(ctx)
		}
		if err != nil {
			p.o.Log.Warn("ledger: a node cannot say what it remembers of this log", "node", n.Name, "err", err)
			continue
		}
		for _, msg := range notes {
			c, err := p.log.keys().open(msg)
			if err != nil {
				continue // of another log
			}
			if have := p.log.Status().Checkpoint.Size; c.Size > have {
				return fmt.Errorf("check ledger with peers: %w: %s remembers %d entries, there are %d", ErrRolledBack, n.Name, c.Size, have)
			}
			root, err := p.log.Tree().Root(c.Size)
			if err != nil {
				return fmt.Errorf("check ledger with peers: %w", err)
			}
			if root != c.Root {
				return fmt.Errorf("check ledger with peers: %w: %s remembers other entries than the first %d of this log", ErrDamaged, n.Name, c.Size)
			}
		}
	}
	return nil
}

// Run asks the other nodes and records a Heartbeat until ctx ends, and returns nil
// then. It fails with ErrStopped where nothing can be recorded.
func (p *Peers) Run(ctx context.Context) error {
	tick := time.NewTicker(p.o.Every)
	defer tick.Stop()
	for {
		if err := p.round(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// round asks all others at once, and records what they have shown.
func (p *Peers) round(ctx context.Context) error {
	others := p.others()
	entry := &Entry{Kind: Heartbeat}
	alerts := make([]*Entry, len(others))
	peers := make([]*Peer, len(others))
	for i, n := range others {
		var err error
		if peers[i], err = p.peer(n); err != nil {
			p.o.Log.Error("ledger: a node of the roster cannot be asked", "node", n.Name, "err", err)
		}
	}
	var all sync.WaitGroup
	for i, n := range others {
		if peers[i] != nil {
			all.Go(func() { alerts[i] = p.ask(ctx, n, peers[i]) })
		}
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, n := range others {
		if peers[i] == nil {
			continue
		}
		if c, msg := peers[i].Newest(); c.Size > 0 && msg != nil {
			entry.Heads = append(entry.Heads, Head{Origin: n.Origin(), Size: c.Size, Root: c.Root})
			p.mu.Lock()
			p.notes[n.Origin()] = msg
			p.mu.Unlock()
		}
	}
	slices.SortFunc(entry.Heads, func(a, b Head) int { return cmp.Compare(a.Origin, b.Origin) })
	if err := replaceFile(p.log.o.disk, p.log.path(headsFile), p.Heads(), true); err != nil {
		return fmt.Errorf("remember peers: %w", err)
	}
	entries := []*Entry{entry}
	for _, a := range alerts {
		if a != nil {
			entries = append(entries, a)
		}
	}
	_, err := p.log.Append(ctx, entries...)
	return err
}

// ask reads one node's newest checkpoint and roster. It gives an alert where the
// node shows two histories, once for each time that this begins.
func (p *Peers) ask(ctx context.Context, n Node, peer *Peer) *Entry {
	_, err := peer.Checkpoint(ctx)
	var split *SplitView
	is := ""
	switch {
	case errors.As(err, &split):
		is = "split"
	case err != nil:
		is = "away"
	}
	p.mu.Lock()
	was := p.state[n.Origin()]
	p.state[n.Origin()] = is
	p.mu.Unlock()
	switch {
	case is == was:
	case is == "":
		p.o.Log.Info("ledger: a node answers again", "node", n.Name)
	case is == "away":
		p.o.Log.Warn("ledger: a node does not answer, or not as it should", "node", n.Name, "err", err)
	}
	if err == nil {
		if err := p.askRoster(ctx, n); err != nil {
			p.o.Log.Warn("ledger: the roster of a node was not taken", "node", n.Name, "err", err)
		}
	}
	if is != "split" || was == "split" {
		return nil
	}
	p.o.Log.Error("ledger: a node shows two histories", "node", n.Name, "err", err, "before", string(split.OldNote), "now", string(split.NewNote))
	return &Entry{Kind: Alert, Rule: "split-view", Party: "node:" + n.Name, Text: split.Error()}
}

// askRoster takes over a newer roster.
func (p *Peers) askRoster(ctx context.Context, n Node) error {
	f := &httpFetcher{prefix: n.URL, client: p.o.Client}
	b, err := f.optional(ctx, "/roster")
	if err != nil || len(b) == 0 {
		return err
	}
	known, signed := p.Roster()
	if bytes.Equal(b, signed) {
		return nil
	}
	r, err := OpenRoster(b, p.o.RosterKey)
	if err != nil || r.Serial <= known.Serial {
		return err
	}
	if err := p.o.Save(b); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Serial > p.roster.Serial {
		p.roster, p.signed = r, b
		p.o.Log.Info("ledger: a newer roster is known", "serial", r.Serial, "from", n.Name)
	}
	return nil
}

// Take makes a roster the known one if it is newer: it was put there by hand.
func (p *Peers) Take(signed []byte) error {
	r, err := OpenRoster(signed, p.o.RosterKey)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.Serial > p.roster.Serial:
		p.roster, p.signed = r, bytes.Clone(signed)
	case r.Serial < p.roster.Serial:
		return fmt.Errorf("%w: its serial is %d, and %d is known", ErrRoster, r.Serial, p.roster.Serial)
	}
	return nil
}

// peer gives the reader of a node's log, which goes on from what is remembered.
func (p *Peers) peer(n Node) (*Peer, error) {
	if peer := p.peers[n.Origin()]; peer != nil && peer.o.At == n.URL && slices.Equal(peer.o.Keys, []string{n.Key}) {
		return peer, nil
	}
	peer, err := Source{Name: n.Name, At: n.URL, Keys: []string{n.Key}, Client: p.o.Client}.Open()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	msg := p.notes[n.Origin()]
	p.mu.Unlock()
	if msg != nil {
		// It was checked before it was kept, by this process or the one before;
		// its signature is checked again whenever it is shown to anybody.
		if text, _, ok := bytes.Cut(msg, []byte("\n\n")); ok {
			if c, err := parseCheckpointText(n.Origin(), string(text)+"\n"); err == nil {
				peer.Remember(c)
				peer.note = msg
			}
		}
	}
	p.peers[n.Origin()] = peer
	return peer, nil
}

// serveText serves what give gives, as HandlerOptions say.
func serveText(give func() []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b := give()
		if len(b) == 0 {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = io.Copy(w, bytes.NewReader(b))
	}
}

package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A Source says where a log is read from that this process does not keep, and
// what is believed of it.
type Source struct {
	// Name is what the log is called here, such as the name of its node.
	// Default: its origin.
	Name string
	// At is the URL under which it is served (C2SP tlog-tiles), or its directory.
	At string
	// Keys are the texts of public keys. One of the log's is enough, old or new;
	// keys of other logs are passed over. Without any, a directory's own key.pub
	// is believed, and a URL is refused.
	Keys []string
	// Token is shown to whoever serves the entries.
	Token string
	// Client asks. Default: one that gives up after ten seconds.
	Client *http.Client
}

// ErrUnreachable: the log cannot be read now, or what was read is not what it
// should be. It may pass, and says nothing against the log.
var ErrUnreachable = errors.New("ledger cannot be read")

// A SplitView says that a log has shown two histories: a fork, a rollback or
// another log under its name. Where both notes are there they prove it to
// everybody: the log's own keys have signed both.
type SplitView struct {
	Origin           string
	Old, New         Checkpoint
	OldNote, NewNote []byte
	Where            string // who has seen the old one
}

func (s *SplitView) Error() string {
	where := s.Where
	if where == "" {
		where = "before"
	}
	if s.New.Size < s.Old.Size {
		return fmt.Sprintf("log %s was rolled back: it shows %d entries, and has shown %d %s", s.Origin, s.New.Size, s.Old.Size, where)
	}
	return fmt.Sprintf("log %s shows two histories: its first %d entries are not those that it has shown %s", s.Origin, s.Old.Size, where)
}

// A Peer reads a log from outside. It believes nothing that does not lead to a
// checkpoint signed by the log's keys, and no checkpoint that does not continue
// the one before. Its methods may be called concurrently.
type Peer struct {
	o    Source
	from fetcher

	mu     sync.Mutex
	keys   *chain // nil: not known yet
	newest Checkpoint
	note   []byte
	cache  map[tlog.Tile][]byte // full tiles that were found to be right
}

// A fetcher gets what a log serves, unchecked. A missing file of keys or of heads
// is empty.
type fetcher interface {
	checkpoint(ctx context.Context) ([]byte, error)
	changes(ctx context.Context) ([]byte, error)
	heads(ctx context.Context) ([]byte, error)
	tile(ctx context.Context, t tlog.Tile) ([]byte, error)
}

// Open makes a Peer of s. It asks nobody yet.
func (s Source) Open() (*Peer, error) {
	p := &Peer{o: s, cache: map[tlog.Tile][]byte{}}
	if u, err := url.Parse(s.At); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		if u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("open peer: %s: only scheme, host, port and path are allowed", u.Redacted())
		}
		if len(s.Keys) == 0 {
			return nil, fmt.Errorf("open peer: %w: %s: over the network a log is believed by a key that is known before", ErrKey, s.At)
		}
		if p.o.Client == nil {
			p.o.Client = &http.Client{Timeout: 10 * time.Second}
		}
		p.from = &httpFetcher{prefix: strings.TrimSuffix(s.At, "/"), token: s.Token, client: p.o.Client}
		return p, nil
	}
	if _, err := os.Stat(filepath.Join(s.At, keyFile)); err != nil {
		return nil, fmt.Errorf("open peer: there is no ledger in %s", s.At)
	}
	t, err := openTree(osDisk{}, s.At, "")
	if err != nil {
		return nil, fmt.Errorf("open peer: %w", err)
	}
	if len(s.Keys) == 0 {
		keys, err := t.keys()
		if err != nil {
			return nil, fmt.Errorf("open peer: %w", err)
		}
		p.o.Keys = []string{keys.last().text}
	}
	p.from = &dirFetcher{dir: s.At, tree: t}
	return p, nil
}

// Origin names the log; "" until a checkpoint was read.
func (p *Peer) Origin() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil {
		return ""
	}
	return p.keys.origin()
}

// Name gives what the log is called.
func (p *Peer) Name() string {
	if p.o.Name != "" {
		return p.o.Name
	}
	if origin := p.Origin(); origin != "" {
		return origin
	}
	return p.o.At
}

// Newest gives the newest checkpoint that was read, and its note.
func (p *Peer) Newest() (Checkpoint, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest, p.note
}

// Remember says which checkpoint was read before, by another process: what is
// read from now on must continue it. It is called before the first Checkpoint.
func (p *Peer) Remember(c Checkpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest, p.note = c, nil
}

// Checkpoint reads the newest checkpoint. It fails with a *SplitView if that does
// not continue the one before, with ErrKey if the log's keys are not believed,
// and with ErrUnreachable where it cannot be read. Then the one before stays.
func (p *Peer) Checkpoint(ctx context.Context) (Checkpoint, error) {
	msg, err := p.from.checkpoint(ctx)
	if err != nil {
		return Checkpoint{}, p.unreachable(err)
	}
	c, keys, err := p.open(ctx, msg)
	if err != nil {
		return Checkpoint{}, err
	}
	p.mu.Lock()
	old, oldNote := p.newest, p.note
	p.mu.Unlock()
	if err := p.continues(ctx, old, oldNote, c, msg, keys.origin()); err != nil {
		return Checkpoint{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
	if c.Size > p.newest.Size || p.note == nil {
		p.newest, p.note = c, bytes.Clone(msg)
	}
	return c, nil
}

func (p *Peer) continues(ctx context.Context, old Checkpoint, oldNote []byte, c Checkpoint, msg []byte, origin string) error {
	split := &SplitView{Origin: origin, Old: old, New: c, OldNote: oldNote, NewNote: bytes.Clone(msg)}
	switch {
	case old.Size == 0:
		return nil
	case c.Size < old.Size:
		return split
	case c.Size == old.Size:
		if c.Root != old.Root {
			return split
		}
		return nil
	}
	root, err := p.rootUnder(ctx, c, old.Size)
	if err != nil {
		return err
	}
	if root != old.Root {
		return split
	}
	return nil
}

// open checks a note with the keys that are known, and where they do not fit with
// those that the log has now.
func (p *Peer) open(ctx context.Context, msg []byte) (Checkpoint, *chain, error) {
	p.mu.Lock()
	keys := p.keys
	p.mu.Unlock()
	if keys != nil {
		if c, err := keys.open(msg); err == nil {
			return c, keys, nil
		}
	}
	changes, err := p.from.changes(ctx)
	if err != nil {
		return Checkpoint{}, nil, p.unreachable(err)
	}
	var tried []*chain
	if len(changes) > 0 {
		c, err := parseChain(changes)
		if err != nil {
			return Checkpoint{}, nil, fmt.Errorf("%s: %w", p.o.At, err)
		}
		broken, err := c.believed(p.o.Keys)
		if err == nil && broken != nil {
			err = fmt.Errorf("%w: %w at entry %d: no key that is believed has signed for the key since", ErrKey, errTrust, broken.index)
		}
		if err != nil {
			return Checkpoint{}, nil, fmt.Errorf("%s: %w", p.o.At, err)
		}
		tried = append(tried, c)
	} else {
		for _, k := range p.o.Keys {
			c, err := chainOf(k)
			if err != nil {
				return Checkpoint{}, nil, err
			}
			tried = append(tried, c)
		}
	}
	for _, c := range tried {
		if is, err := c.open(msg); err == nil {
			return is, c, nil
		}
	}
	return Checkpoint{}, nil, fmt.Errorf("%s: %w: its checkpoint is not signed by a key that is believed", p.o.At, ErrKey)
}

// Root gives the root of the tree of the first size entries, which the newest
// checkpoint must cover, else it fails with ErrUnproven.
func (p *Peer) Root(ctx context.Context, size int64) (tlog.Hash, error) {
	c, _ := p.Newest()
	return p.rootUnder(ctx, c, size)
}

func (p *Peer) rootUnder(ctx context.Context, c Checkpoint, size int64) (tlog.Hash, error) {
	switch {
	case size == 0:
		return (&frontier{}).root(), nil
	case size == c.Size:
		return c.Root, nil
	case size < 0 || size > c.Size:
		return tlog.Hash{}, fmt.Errorf("%w: %d entries, %d are signed", ErrUnproven, size, c.Size)
	}
	h, err := tlog.TreeHash(size, p.hashes(ctx, c))
	if err != nil {
		return tlog.Hash{}, p.unreachable(err)
	}
	return h, nil
}

// Saw holds a checkpoint that somebody else has seen of the log, where says who,
// against the newest one. It fails with a *SplitView if they disagree, and with
// ErrUnreachable where that cannot be said now. note may be nil.
func (p *Peer) Saw(ctx context.Context, c Checkpoint, note []byte, where string) error {
	newest, msg := p.Newest()
	split := &SplitView{Origin: p.Origin(), Old: c, New: newest, OldNote: note, NewNote: msg, Where: where}
	if c.Size > newest.Size {
		return split
	}
	root, err := p.rootUnder(ctx, newest, c.Size)
	if err != nil {
		return err
	}
	if root != c.Root {
		return split
	}
	return nil
}

// Heads gives the checkpoints of other logs that this one's node remembers, as
// they were signed.
func (p *Peer) Heads(ctx context.Context) (notes [][]byte, err error) {
	b, err := p.from.heads(ctx)
	if err != nil {
		return nil, p.unreachable(err)
	}
	for msg, rest, ok := splitNote(b); ok; msg, rest, ok = splitNote(rest) {
		notes = append(notes, msg)
	}
	return notes, nil
}

// Entries gives fn the entries from index from to the end of their bundle of 256,
// or up to size, which the newest checkpoint must cover; next is where to go on.
// Each was found to be what was signed. It fails with ErrDropped where they are
// not kept any more, and with ErrUnreachable.
func (p *Peer) Entries(ctx context.Context, from, size int64, fn func(index int64, e *Entry) error) (next int64, err error) {
	c, _ := p.Newest()
	if from < 0 || from >= size || size > c.Size {
		return from, fmt.Errorf("%w: entries from %d of %d", ErrUnproven, from, c.Size)
	}
	n := from >> tileHeight
	width := min(tileWidth, size-n<<tileHeight)
	leaves := make([]int64, width)
	for i := range leaves {
		leaves[i] = tlog.StoredHashIndex(0, n<<tileHeight+int64(i))
	}
	hashes, err := p.hashes(ctx, c).ReadHashes(leaves)
	if err != nil {
		return from, p.unreachable(err)
	}
	b, err := p.from.tile(ctx, tlog.Tile{H: tileHeight, L: -1, N: n, W: int(width)})
	if err != nil {
		return from, p.unreachable(err)
	}
	for i := range width {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return from, p.unreachable(fmt.Errorf("the entries behind %d are cut short", n<<tileHeight+i))
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		entry := b[2:end]
		b = b[end:]
		index := n<<tileHeight + i
		if tlog.RecordHash(entry) != hashes[i] {
			return from, p.unreachable(fmt.Errorf("entry %d is not what was signed", index))
		}
		if index < from {
			continue
		}
		e, err := Decode(entry)
		if err != nil {
			return from, fmt.Errorf("%s: entry %d: %w", p.o.At, index, err)
		}
		if err := fn(index, e); err != nil {
			return index, err
		}
		from = index + 1
	}
	return from, nil
}

// firstKept gives the first entry from from on whose bundle is kept whole.
func (p *Peer) firstKept(ctx context.Context, from, size int64) (int64, error) {
	stop := errors.New("stop")
	kept := func(n int64) (bool, error) {
		_, err := p.Entries(ctx, max(from, n<<tileHeight), size, func(int64, *Entry) error { return stop })
		switch {
		case errors.Is(err, stop) || err == nil:
			return true, nil
		case errors.Is(err, ErrDropped):
			return false, nil
		}
		return false, err
	}
	lo, hi := from>>tileHeight, (size+tileWidth-1)>>tileHeight // lo is dropped; hi is behind the end
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		ok, err := kept(mid)
		if err != nil {
			return 0, err
		}
		if ok {
			hi = mid
		} else {
			lo = mid
		}
	}
	return min(size, hi<<tileHeight), nil
}

// unreachable tells an error of reading. Who reads entries that were dropped or
// has ended its context is told that.
func (p *Peer) unreachable(err error) error {
	if errors.Is(err, ErrDropped) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", p.o.At, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, p.o.At, err)
}

// hashes reads hashes that lead to the root of c.
func (p *Peer) hashes(ctx context.Context, c Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, &peerTiles{ctx: ctx, peer: p})
}

// peerTiles reads tiles for one question.
type peerTiles struct {
	ctx  context.Context
	peer *Peer
}

// peerCache is how many full tiles a Peer keeps: 2 MiB.
const peerCache = 256

func (t *peerTiles) Height() int { return tileHeight }

func (t *peerTiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(list))
	for i, tile := range list {
		t.peer.mu.Lock()
		all[i] = t.peer.cache[tile]
		t.peer.mu.Unlock()
		if all[i] != nil {
			continue
		}
		b, err := t.peer.from.tile(t.ctx, tile)
		if err != nil {
			return nil, err
		}
		if len(b) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("a tile has %d bytes, not %d", len(b), tile.W*tlog.HashSize)
		}
		all[i] = b
	}
	return all, nil
}

// SaveTiles is given tiles that lead to the root.
func (t *peerTiles) SaveTiles(list []tlog.Tile, all [][]byte) {
	t.peer.mu.Lock()
	defer t.peer.mu.Unlock()
	for i, tile := range list {
		if tile.W != tileWidth {
			continue
		}
		if len(t.peer.cache) >= peerCache {
			clear(t.peer.cache)
		}
		t.peer.cache[tile] = bytes.Clone(all[i])
	}
}

// What is read of an answer at most.
const (
	maxNote    = 64 << 10
	maxEntries = tileWidth * (2 + MaxEntry)
)

// httpFetcher reads what Handler serves.
type httpFetcher struct {
	prefix, token string
	client        *http.Client
}

func (f *httpFetcher) get(ctx context.Context, path string, limit int64, token string) ([]byte, int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.prefix+path, nil)
	if err != nil {
		return nil, 0, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errors.New("the answer is too long")
	}
	if err != nil {
		return nil, 0, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return b, resp.StatusCode, nil
	case http.StatusUnauthorized:
		return nil, resp.StatusCode, errors.New("entries are for readers with a token, and the one given, if any, is not known there")
	case http.StatusGone:
		return nil, resp.StatusCode, ErrDropped
	}
	return nil, resp.StatusCode, fmt.Errorf("%s was answered with status %d", path, resp.StatusCode)
}

func (f *httpFetcher) checkpoint(ctx context.Context) ([]byte, error) {
	b, _, err := f.get(ctx, "/checkpoint", maxNote, "")
	return b, err
}

// optional reads a file that a log may not have.
func (f *httpFetcher) optional(ctx context.Context, path string) ([]byte, error) {
	b, code, err := f.get(ctx, path, maxKeys, "")
	if code == http.StatusNotFound {
		return nil, nil
	}
	return b, err
}

func (f *httpFetcher) changes(ctx context.Context) ([]byte, error) { return f.optional(ctx, "/keys") }
func (f *httpFetcher) heads(ctx context.Context) ([]byte, error)   { return f.optional(ctx, "/heads") }

func (f *httpFetcher) tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	// The library's paths begin with the height, and call entries data.
	path := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	limit, token := int64(tileWidth*tlog.HashSize), ""
	if t.L < 0 {
		path = "entries/" + strings.TrimPrefix(path, "data/")
		limit, token = maxEntries, f.token
	}
	b, _, err := f.get(ctx, "/tile/"+path, limit, token)
	return b, err
}

// dirFetcher reads a directory as if it were served.
type dirFetcher struct {
	dir  string
	tree *Tree
}

func (f *dirFetcher) checkpoint(context.Context) ([]byte, error) {
	return readFile(f.tree.disk, filepath.Join(f.dir, checkpointFile))
}

func (f *dirFetcher) optional(name string) ([]byte, error) {
	b, err := readFile(f.tree.disk, filepath.Join(f.dir, name))
	if isMissing(err) {
		return nil, nil
	}
	return b, err
}

func (f *dirFetcher) changes(context.Context) ([]byte, error) { return f.optional(keysFile) }
func (f *dirFetcher) heads(context.Context) ([]byte, error)   { return f.optional(headsFile) }

func (f *dirFetcher) tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	if t.L < 0 {
		return f.tree.Bundle(t.N, t.W)
	}
	return f.tree.Tile(t.L, t.N, t.W)
}

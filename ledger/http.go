package ledger

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// HandlerOptions say who may read what over HTTP.
type HandlerOptions struct {
	// Readers are the SHA-256 hashes of the bearer tokens whose holders may read
	// entries. Without any nobody may. Checkpoints and hashes are open to all:
	// entries are salted, so that a hash is no test of a guess.
	Readers [][32]byte
	// Peers, if not nil, gives the roster and the heads of other logs: /roster
	// and /heads.
	Peers *Peers
	// Log is told of what could not be read. Default: nobody.
	Log *slog.Logger
}

// Handler serves the log as C2SP tlog-tiles: /checkpoint, /tile/<L>/<N>[.p/<W>]
// and, for authorised readers, /tile/entries/<N>[.p/<W>]; and /keys, how its key
// has changed, where it has. It serves what the
// newest checkpoint covers, and nothing that does not lead to its root.
func (t *Tree) Handler(o HandlerOptions) http.Handler {
	h := &handler{tree: t, o: o}
	if h.o.Log == nil {
		h.o.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", h.checkpoint)
	mux.HandleFunc("GET /tile/{path...}", h.tile)
	mux.HandleFunc("GET /keys", serveText(h.keys))
	if o.Peers != nil {
		mux.HandleFunc("GET /heads", serveText(o.Peers.Heads))
		mux.HandleFunc("GET /roster", serveText(func() []byte { _, signed := o.Peers.Roster(); return signed }))
	}
	return mux
}

type handler struct {
	tree *Tree
	o    HandlerOptions
}

func (h *handler) keys() []byte {
	c, err := h.tree.keys()
	if err != nil {
		h.o.Log.Error("ledger: cannot be served", "err", err)
		return nil
	}
	return c.file()
}

func (h *handler) checkpoint(w http.ResponseWriter, _ *http.Request) {
	// With witnesses, what they have not signed yet is not published: a client
	// that asks for their signatures would refuse it.
	_, msg, err := h.tree.Witnessed()
	if err == nil && msg == nil {
		_, msg, err = h.tree.Checkpoint()
	}
	if err != nil {
		h.fail(w, err)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Cache-Control", "no-cache")
	w.Write(msg)
}

func (h *handler) tile(w http.ResponseWriter, r *http.Request) {
	tile, ok := parseTilePath(r.PathValue("path"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	head := w.Header()
	if tile.L < 0 {
		if !h.mayRead(r) {
			head.Set("WWW-Authenticate", `Bearer realm="ledger entries"`)
			http.Error(w, "entries are for authorised readers", http.StatusUnauthorized)
			return
		}
		b, err := h.tree.Bundle(tile.N, tile.W)
		if err != nil {
			h.fail(w, err)
			return
		}
		head.Set("Content-Type", "application/octet-stream")
		head.Set("Cache-Control", "private, no-store")
		w.Write(b)
		return
	}
	b, err := h.tree.Tile(tile.L, tile.N, tile.W)
	if err != nil {
		h.fail(w, err)
		return
	}
	head.Set("Content-Type", "application/octet-stream")
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(b)
}

// mayRead compares in a time that does not tell how much of a token was right.
func (h *handler) mayRead(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return false
	}
	sum := sha256.Sum256([]byte(token))
	may := 0
	for i := range h.o.Readers {
		may |= subtle.ConstantTimeCompare(sum[:], h.o.Readers[i][:])
	}
	return may == 1
}

// fail answers without saying what is wrong with the files.
func (h *handler) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrUnproven) {
		http.Error(w, "not in the log, or not covered by its checkpoint yet", http.StatusNotFound)
		return
	}
	if errors.Is(err, ErrDropped) {
		http.Error(w, "dropped by retention; the hashes are still there", http.StatusGone)
		return
	}
	h.o.Log.Error("ledger: cannot be served", "err", err)
	http.Error(w, "the log cannot be read", http.StatusInternalServerError)
}

// parseTilePath reads what follows /tile/ in C2SP tlog-tiles. Level -1 stands
// for entries.
func parseTilePath(path string) (tlog.Tile, bool) {
	if len(path) > 64 || strings.HasPrefix(path, "data/") {
		return tlog.Tile{}, false
	}
	if rest, ok := strings.CutPrefix(path, "entries/"); ok {
		path = "data/" + rest
	}
	// The library's paths begin with the height, and it accepts none but the
	// one way to write each.
	tile, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, path))
	return tile, err == nil && tile.L < 64
}

// Tile gives the first width hashes of tile n of a level, 32 bytes each: as C2SP
// tlog-tiles numbers them, with 256 hashes to a full tile. It fails with
// ErrUnproven where the newest checkpoint does not cover them.
func (t *Tree) Tile(level int, n int64, width int) ([]byte, error) {
	c, _, err := t.newest()
	if err != nil {
		return nil, fmt.Errorf("read tile: %w", err)
	}
	if level < 0 || n < 0 || width < 1 || width > tileWidth || level >= tileLevels ||
		n > c.Size>>(level*tileHeight)>>tileHeight || n<<tileHeight+int64(width) > c.Size>>(level*tileHeight) {
		return nil, fmt.Errorf("read tile: %w", ErrUnproven)
	}
	files := &tileReader{tree: t, wanted: tlog.Tile{H: tileHeight, L: level, N: n, W: width}}
	defer files.close()
	last := tlog.StoredHashIndex(level*tileHeight, n<<tileHeight+int64(width)-1)
	if _, err := tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, files).ReadHashes([]int64{last}); err != nil {
		return nil, fmt.Errorf("read tile: %w", tilesError(err))
	}
	return files.kept, nil
}

// Bundle gives the first width entries of bundle n, which begins with entry
// 256*n, each behind its length in two bytes, big-endian: C2SP tlog-tiles. Each
// has been checked against the newest checkpoint. It fails with ErrUnproven where
// that does not cover them, and with ErrDropped where one of them was dropped.
func (t *Tree) Bundle(n int64, width int) ([]byte, error) {
	b, skipped, err := t.keptBundle(n, width)
	if err == nil && skipped > 0 {
		err = ErrDropped
	}
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	return b, nil
}

// keptBundle gives what is kept of a bundle, behind the first entries, skipped
// many, that are not.
func (t *Tree) keptBundle(n int64, width int) (b []byte, skipped int64, err error) {
	hashes, err := t.Tile(0, n, width)
	if err != nil {
		return nil, 0, err
	}
	segs, err := t.segments()
	if err != nil {
		return nil, 0, err
	}
	first := n << tileHeight
	at := t.placeOf(n)
	if kept := segs[0].first; kept > first {
		if skipped = kept - first; skipped >= int64(width) {
			return nil, skipped, ErrDropped
		}
		first, at, hashes = kept, segmentHeader, hashes[skipped*tlog.HashSize:]
	}
	k := len(segs) - 1
	for segs[k].first > first {
		k--
	}
	// The place says where to begin; where it is wrong, so is what is found.
	b, err = t.bundle(segs[k:], first, at, 0, hashes)
	if errors.Is(err, ErrDamaged) {
		b, err = t.bundle(segs[k:], first, segmentHeader, first-segs[k].first, hashes)
	}
	if isMissing(err) {
		// Dropped since they were listed.
		if now, lerr := t.segments(); lerr == nil && now[0].first > segs[k].first {
			err = ErrDropped
		}
	}
	return b, skipped, err
}

// placeOf gives where the frame of entry 256*n is said to stand.
func (t *Tree) placeOf(n int64) int64 {
	f, err := t.disk.open(filepath.Join(t.dir, tileDir, placesFile), readOnly)
	if err != nil {
		return segmentHeader
	}
	defer f.Close()
	var b [8]byte
	if _, err := f.ReadAt(b[:], n*8); err != nil {
		return segmentHeader
	}
	return int64(binary.BigEndian.Uint64(b[:]) &^ (1 << 63))
}

// bundle reads entries from offset at of the first of segs on, after passing
// over skip of them, and compares each with its hash.
func (t *Tree) bundle(segs []segment, first, at, skip int64, hashes []byte) (b []byte, err error) {
	for _, s := range segs {
		f, err := t.disk.open(filepath.Join(t.dir, segmentName(s.first)), readOnly)
		if err != nil {
			return nil, err
		}
		r := newFrameReader(f, at, s.bytes)
		at = segmentHeader
		for len(hashes) > 0 {
			frame, _, err := r.next()
			if err == io.EOF {
				break
			}
			if err == nil && skip > 0 {
				skip--
				continue
			}
			if brokenFrame(err) {
				err = fmt.Errorf("%w: behind entry %d", ErrDamaged, first)
			}
			if err == nil {
				b = binary.BigEndian.AppendUint16(b, uint16(len(frame)-headSize))
				b = append(b, frame[headSize:]...)
				if h := leafHash(frame); !bytes.Equal(h[:], hashes[:tlog.HashSize]) {
					err = fmt.Errorf("%w: an entry behind %d is not the one that was signed", ErrDamaged, first)
				}
			}
			if err != nil {
				f.Close()
				return nil, err
			}
			hashes = hashes[tlog.HashSize:]
		}
		f.Close()
		if len(hashes) == 0 {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: entries behind %d are missing", ErrDamaged, first)
}

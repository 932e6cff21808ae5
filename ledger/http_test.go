package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A tileClient reads tiles as tools for public logs do, by the library's own
// client code.
type tileClient struct{ url string }

func (c tileClient) Height() int { return tileHeight }

func (c tileClient) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, tile := range tiles {
		// tile/8/L/N in the library, tile/L/N in the format.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		b, status, err := fetch(c.url+path, "")
		if err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %v", path, status, err)
		}
		all = append(all, b)
	}
	return all, nil
}

func (c tileClient) SaveTiles([]tlog.Tile, [][]byte) {}

func fetch(url, token string) (body []byte, status int, err error) {
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return nil, 0, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return body, resp.StatusCode, err
}

func newServedLog(t *testing.T, n int) (*Log, *memDisk, *httptest.Server) {
	t.Helper()
	d, w := newMemDisk(), newWitness()
	l, err := Create(faultDir, Options{Key: w.key, SegmentBytes: 10 << 10, disk: d})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < n; i += 5 {
		if _, err := l.appendNow(entry(i), entry(i+1), entry(i+2), entry(i+3), entry(i+4)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.checkpoint(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, d, serveLog(t, l)
}

func serveLog(t *testing.T, l *Log) *httptest.Server {
	srv := httptest.NewServer(l.Tree().Handler(HandlerOptions{Readers: [][32]byte{sha256.Sum256([]byte("another")), sha256.Sum256([]byte("let-me-in"))}}))
	t.Cleanup(srv.Close)
	return srv
}

// A public client with nothing but the URL and the key verifies the log, entry
// by entry.
func TestPublicClientsReadTheLog(t *testing.T) {
	const n = 1030
	l, d, srv := newServedLog(t, n)
	msg, status, err := fetch(srv.URL+"/checkpoint", "")
	if err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	c, err := openCheckpoint(msg, l.o.Key.verifier)
	if err != nil || c.Size != n {
		t.Fatal(c, err)
	}
	tree := tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tileClient{srv.URL + "/"})
	ref, encoded := leaves(t, d)
	for i := int64(0); i < n; i += 37 {
		p, err := tlog.ProveRecord(n, i, tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(p, n, c.Root, i, tlog.RecordHash(encoded[i])); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := tlog.TreeHash(700, tree); err != nil {
		t.Fatal(err)
	} else if want, _ := tlog.TreeHash(700, ref); h != want {
		t.Fatal("another root")
	}
	for bundle := range 5 {
		path, width := fmt.Sprintf("/tile/entries/%03d", bundle), tileWidth
		if bundle == 4 {
			path, width = path+".p/6", 6
		}
		b, status, err := fetch(srv.URL+path, "let-me-in")
		if err != nil || status != http.StatusOK {
			t.Fatal(path, status, err)
		}
		for i := range width {
			k := int(binary.BigEndian.Uint16(b))
			if want := encoded[bundle*tileWidth+i]; !bytes.Equal(b[2:2+k], want) {
				t.Fatalf("bundle %d, entry %d is another", bundle, i)
			}
			b = b[2+k:]
		}
		if len(b) > 0 {
			t.Errorf("%s has more than its entries", path)
		}
	}
}

func TestEntriesAreForAuthorisedReaders(t *testing.T) {
	_, _, srv := newServedLog(t, 300)
	for token, want := range map[string]int{"": 401, "let-me": 401, "let-me-in": 200, "another": 200} {
		if _, status, err := fetch(srv.URL+"/tile/entries/000", token); err != nil || status != want {
			t.Errorf("token %q: %d, want %d %v", token, status, want, err)
		}
	}
}

func TestTilePaths(t *testing.T) {
	_, _, srv := newServedLog(t, 300)
	for path, want := range map[string]int{
		"/checkpoint":                         200,
		"/tile/0/000":                         200,
		"/tile/0/000.p/1":                     200, // its full tile is there, and so is it
		"/tile/0/001.p/44":                    200,
		"/tile/1/000.p/1":                     200,
		"/tile/0/001.p/45":                    404,
		"/tile/0/001":                         404,
		"/tile/0/000.p/256":                   404,
		"/tile/0/000.p/0":                     404,
		"/tile/0/000.p/01":                    404,
		"/tile/0/0":                           404,
		"/tile/00/000":                        404,
		"/tile/-1/000":                        404,
		"/tile/1/000":                         404,
		"/tile/8/000":                         404,
		"/tile/63/000.p/1":                    404,
		"/tile/64/000.p/1":                    404,
		"/tile/data/000":                      404,
		"/tile/0/x000/000":                    404,
		"/tile/0/x036/x028/x797/x018/963/968": 404,
		"/tile/0/x009/x223/x372/x036/x854/x775/807": 404,
		"/tile/": 404,
		"/":      404,
	} {
		b, status, err := fetch(srv.URL+path, "")
		if err != nil || status != want {
			t.Errorf("%s: %d, want %d %v", path, status, want, err)
		}
		if status == 200 && strings.HasPrefix(path, "/tile/") && len(b)%tlog.HashSize != 0 {
			t.Errorf("%s has %d bytes", path, len(b))
		}
	}
	resp, err := http.Post(srv.URL+"/checkpoint", "text/plain", nil)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp, err)
	}
	resp.Body.Close()
}

// Wrong places cost a longer search and nothing else; wrong entries are not
// served.
func TestBundlesAreChecked(t *testing.T) {
	_, d, srv := newServedLog(t, 600)
	url := srv.URL + "/tile/entries/001"
	good, status, err := fetch(url, "let-me-in")
	if err != nil || status != 200 {
		t.Fatal(status, err)
	}
	places := d.names[faultDir+"/tile/places"].seen
	for _, spoil := range []func(){
		func() { places[15] ^= 4 },
		func() { places[8] ^= 0xff },
		func() { d.names[faultDir+"/tile/places"].seen = places[:3] },
	} {
		spoil()
		if b, status, err := fetch(url, "let-me-in"); err != nil || status != 200 || !bytes.Equal(b, good) {
			t.Errorf("%d %v", status, err)
		}
	}
	segs, _ := listSegments(d, faultDir)
	for _, s := range segs {
		b := d.names[faultDir+"/"+segmentName(s.first)].seen
		b[len(b)-3] ^= 1
	}
	if _, status, err := fetch(url, "let-me-in"); err != nil || status != 500 {
		t.Errorf("%d %v", status, err)
	}
}

func FuzzTilePath(f *testing.F) {
	for _, path := range []string{"0/000", "0/x001/x234/067.p/8", "entries/000", "data/000", "63/000.p/255", "1/x/000"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, ok := parseTilePath(path)
		if !ok {
			return
		}
		if tile.L < -1 || tile.L > 63 || tile.N < 0 || tile.W < 1 || tile.W > tileWidth || tile.H != tileHeight {
			t.Fatalf("%q is %+v", path, tile)
		}
		again := strings.Replace(strings.TrimPrefix(tile.Path(), "tile/8/"), "data/", "entries/", 1)
		if again != path {
			t.Fatalf("%q is written %q", path, again)
		}
	})
}

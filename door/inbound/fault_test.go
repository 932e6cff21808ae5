package inbound

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
)

// TestServicesThatLie runs the door before services that break every rule they
// can. What must never happen is a transfer that looks whole and is not, and a
// byte that nobody has read.
func TestServicesThatLie(t *testing.T) {
	gz := zipped(`{"a":1}`)
	bomb := zipped("[" + strings.Repeat(`"`+strings.Repeat("a", 1000)+`",`, 40<<10) + `1]`)
	for _, tt := range []struct {
		name, answer string
		status       int
		broken       bool
		body         string // what may be received; "": a problem
		outcome      string
		reason       weir.Reason
	}{
		{"nothing at all", "", 502, false, "", upstreamFailed, ""},
		{"no HTTP", "hello\n\n", 502, false, "", upstreamFailed, ""},
		{"a status that is none", "HTTP/1.1 099 X\nContent-Length: 0\n\n", 502, false, "", "", weir.ReasonUnreadable},
		{"a status beyond all", "HTTP/1.1 999 X\nContent-Length: 0\n\n", 502, false, "", "", weir.ReasonUnreadable},
		{"two lengths", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 2\nContent-Length: 3\n\n{}", 502, false, "", upstreamFailed, ""},
		{"a length that is none", "HTTP/1.1 200 OK\nContent-Length: -1\n\n", 502, false, "", upstreamFailed, ""},
		{"too short", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 9\n\n{}", 502, false, "", upstreamStopped, ""},
		{"too short, with whole records", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 99\n\n[1,2", 200, true, "[1", upstreamStopped, ""},
		{"too long", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 2\nConnection: close\n\n{}SECRET", 200, false, "{}", "", ""},
		{"a chunk that is none", "HTTP/1.1 200 OK\nContent-Type: application/json\nTransfer-Encoding: chunked\n\nzz\n{}", 502, false, "", upstreamStopped, ""},
		{"a chunk cut", "HTTP/1.1 200 OK\nContent-Type: application/x-ndjson\nTransfer-Encoding: chunked\n\n4\n1\n\n9\n2", 200, true, "1\r\n", upstreamStopped, ""},
		{"both length and chunks", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 5\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\n", 200, false, "{}", "", ""},
		{"a huge header", "HTTP/1.1 200 OK\nX-A: " + strings.Repeat("x", 300<<10) + "\n\n", 502, false, "", upstreamFailed, ""},
		{"an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: websocket\n\nSECRET", 502, false, "", "", weir.ReasonUnreadable},
		{"a part nobody asked for", "HTTP/1.1 206 Partial Content\nContent-Type: application/json\nContent-Range: bytes 0-1/9\nContent-Length: 2\n\n{}", 502, false, "", "", weir.ReasonUnreadable},
		{"an encoding that is none", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: gzip\nContent-Length: 2\n\n{}", 502, false, "", "", weir.ReasonUnreadable},
		{"an encoding that ends early", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: gzip\nConnection: close\n\n" + gz[:len(gz)-9], 502, false, "", "", weir.ReasonUnreadable},
		{"an encoding with a wrong sum", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: gzip\nConnection: close\n\n" + gz[:len(gz)-8] + "12345678", 502, false, "", "", weir.ReasonUnreadable},
		{"an encoding with something after it", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: gzip\nConnection: close\n\n" + gz + "SECRET SECRET", 502, false, "", "", weir.ReasonUnreadable},
		{"an encoding twice", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: gzip, gzip\nConnection: close\n\n" + zipped(gz), 502, false, "", "", weir.ReasonUnreadable},
		{"an encoding twice, in two fields", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: gzip\nContent-Encoding: gzip\nConnection: close\n\n" + zipped(gz), 502, false, "", "", weir.ReasonUnreadable},
		{"another encoding", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: br\nContent-Length: 2\n\n{}", 502, false, "", "", weir.ReasonUnreadable},
		{"a bomb", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: gzip\nConnection: close\n\n" + bomb, 200, true, "*", "", weir.ReasonUnreadable},
		{"JSON that is none", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 6\n\nSECRET", 502, false, "", "", weir.ReasonUnreadable},
		{"JSON that ends early", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 8\n\n{\"a\":\"SE", 502, false, "", "", weir.ReasonUnreadable},
		{"JSON with something after it", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 8\n\n{}SECRET", 502, false, "", "", weir.ReasonUnreadable},
		{"JSON in UTF-16", "HTTP/1.1 200 OK\nContent-Type: application/json; charset=utf-16\nContent-Length: 4\n\n{\x00}\x00", 502, false, "", "", weir.ReasonUnreadable},
		{"text in UTF-16, unsaid", "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 4\n\nh\x00i\x00", 502, false, "", "", weir.ReasonUnreadable},
		{"text in UTF-7", "HTTP/1.1 200 OK\nContent-Type: text/html; charset=utf-7\nContent-Length: 2\n\nhi", 502, false, "", "", weir.ReasonUnreadable},
		{"nested too deeply", "HTTP/1.1 200 OK\nContent-Type: application/json\nConnection: close\n\n" + strings.Repeat(`{"a":`, 600), 502, false, "", "", weir.ReasonUnreadable},
		{"a type that is unknown", "HTTP/1.1 200 OK\nContent-Type: application/pdf\nContent-Length: 4\n\n%PDF", 502, false, "", "", weir.ReasonUnreadable},
		{"gRPC", "HTTP/1.1 200 OK\nContent-Type: application/grpc\nContent-Length: 4\n\nabcd", 502, false, "", "", weir.ReasonUnreadable},
		{"no type, and bytes of none", "HTTP/1.1 200 OK\nContent-Length: 4\n\n\x01\x02\x03\x04", 502, false, "", "", weir.ReasonUnreadable},
		{"two types", "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Type: image/png\nContent-Length: 2\n\nhi", 502, false, "", "", weir.ReasonUnreadable},
		{"a type that is no type", "HTTP/1.1 200 OK\nContent-Type: ;;;\nContent-Length: 2\n\nhi", 502, false, "", "", weir.ReasonUnreadable},
		{"a picture that is none", "HTTP/1.1 200 OK\nContent-Type: image/png\nContent-Length: 12\n\nid,name\n1,x\n", 502, false, "", "", weir.ReasonUnreadable},
		{"a film that is a picture", "HTTP/1.1 200 OK\nContent-Type: video/mp4\nContent-Length: 6\n\nGIF89a", 502, false, "", "", weir.ReasonUnreadable},
		{"a picture cut", "HTTP/1.1 200 OK\nContent-Type: image/gif\nContent-Length: 60000\n\nGIF89a" + strings.Repeat("x", 30000), 200, true, "*", upstreamStopped, ""},
		{"a record that is too long", "HTTP/1.1 200 OK\nContent-Type: application/json\nConnection: close\n\n[1,\"" + strings.Repeat("x", 300<<10) + "\"]", 200, true, "*", "", weir.ReasonUnreadable},
		{"a line that is too long", "HTTP/1.1 200 OK\nContent-Type: text/plain\nConnection: close\n\n" + strings.Repeat("x", 300<<10), 502, false, "", "", weir.ReasonUnreadable},
		{"a page that is too long", "HTTP/1.1 200 OK\nContent-Type: text/html\nConnection: close\n\n" + strings.Repeat("x", 600<<10), 502, false, "", "", weir.ReasonUnreadable},
		{"early hints", "HTTP/1.1 103 Early Hints\nLink: </SECRET>\n\nHTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 2\n\n{}", 200, false, "{}", "", ""},
		{"trailers", "HTTP/1.1 200 OK\nContent-Type: application/json\nTransfer-Encoding: chunked\nTrailer: X-Note\n\n2\n{}\n0\nX-Note: SECRET\n\n", 200, false, "{}", "", ""},
		{"no content, and content", "HTTP/1.1 204 No Content\nContent-Length: 6\n\nSECRET", 204, false, "", "", ""},
		{"not modified, unasked", "HTTP/1.1 304 Not Modified\nEtag: \"x\"\n\n", 304, false, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			head, body, _ := strings.Cut(tt.answer, "\n\n")
			up := rawServer(t, func(c net.Conn, r *bufio.Reader) {
				if _, err := http.ReadRequest(r); err != nil || tt.answer == "" {
					return
				}
				answer := strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body
				if strings.Contains(head, "chunked") || strings.Contains(head, " 103 ") {
					answer = strings.ReplaceAll(tt.answer, "\n", "\r\n")
				}
				_, _ = io.WriteString(c, answer)
			})
			k := newKeeper()
			k.opaque = []string{"image/png", "image/gif", "video/mp4"}
			h := newHall(t, up, k)
			g := h.get("/", "Accept-Encoding", "gzip")
			if g.StatusCode != tt.status || g.broken != tt.broken {
				t.Errorf("%d, broken=%v, %.200q", g.StatusCode, g.broken, g.body)
			}
			for name, values := range g.Header {
				if strings.Contains(fmt.Sprint(values), "SECRET") {
					t.Errorf("%s: %q", name, values)
				}
			}
			switch {
			case strings.Contains(g.body, "SECRET") || len(g.Trailer) > 0 && g.Trailer.Get("X-Note") != "":
				t.Errorf("%.200q %v", g.body, g.Trailer)
			case tt.body == "" && g.StatusCode == 502 && !strings.HasPrefix(g.body, `{"type":"about:blank"`):
				t.Errorf("%.200q", g.body)
			case tt.body != "*" && tt.body != "" && g.body != tt.body:
				t.Errorf("%.200q", g.body)
			}
			o := h.last()
			var reason weir.Reason
			if o.Denial != nil {
				reason = o.Denial.Reason
			}
			if o.Status != tt.status || o.Err != tt.outcome || reason != tt.reason {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

func TestServicesThatAreNotThere(t *testing.T) {
	h := newHall(t, "http://127.0.0.1:1", newKeeper())
	if g := h.get("/"); g.StatusCode != 502 || !strings.Contains(g.body, `"reason":"upstream"`) {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	if o := h.last(); o.Err != upstreamFailed || o.Denial != nil {
		t.Errorf("%+v", o)
	}
}

func TestServicesThatAreSlow(t *testing.T) {
	sent := make(chan string, 1)
	up := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, <-sent)
		_, _ = io.Copy(io.Discard, r) // until the door gives up
	})
	for name, tt := range map[string]struct {
		answer string
		status int
		broken bool
	}{
		"before the header": {"", 504, false},
		"before the body":   {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n", 504, false},
		"within a record":   {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\"", 504, false},
		"between records":   {"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\n", 200, true},
		"between events":    {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n", 200, true},
		"within a picture":  {"HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Length: 90000\r\n\r\nGIF89a" + strings.Repeat("x", 20000), 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper()
			k.opaque = []string{"image/gif"}
			h := newHall(t, up, k, func(c *Config) { c.HeaderTimeout, c.BodyTimeout = 50*time.Millisecond, 50*time.Millisecond })
			sent <- tt.answer
			g := h.get("/")
			if g.StatusCode != tt.status || g.broken != tt.broken {
				t.Errorf("%d broken=%v %s", g.StatusCode, g.broken, g.body)
			}
			if o := h.last(); o.Err != upstreamSlow {
				t.Errorf("%+v", o)
			}
		})
	}
}

func TestClientsThatLeave(t *testing.T) {
	release := make(chan struct{})
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		if r.URL.Path == "/header" {
			select {
			case <-r.Context().Done():
			case <-release:
			}
			return
		}
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("{\"a\":1}\n", 1000)); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	})
	defer close(release)
	for _, p := range protocols {
		for _, path := range []string{"/header", "/body"} {
			k := newKeeper()
			h := newHall(t, up, k)
			base, rt := p.set(h)
			ctx, cancel := context.WithCancel(context.Background())
			r, _ := http.NewRequestWithContext(ctx, "GET", base+path, nil)
			if path == "/header" {
				go func() {
					for {
						k.mu.Lock()
						n := len(k.paths)
						k.mu.Unlock()
						if n > 0 {
							break
						}
						time.Sleep(time.Millisecond)
					}
					cancel()
				}()
				if res, err := rt.RoundTrip(r); err == nil {
					t.Errorf("%s: answered %d", p.name, res.StatusCode)
				}
			} else {
				res, err := rt.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.ReadFull(res.Body, make([]byte, 1<<20))
				cancel()
				res.Body.Close()
			}
			rt.CloseIdleConnections()
			if o := h.last(); o.Err != clientLeft || o.Denial != nil {
				t.Errorf("%s %s: %+v", p.name, path, o)
			}
			cancel()
		}
	}
}

func TestClientsThatDoNotRead(t *testing.T) {
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("{\"a\":1}\n", 1000)); err != nil {
				return
			}
		}
	})
	h := newHall(t, up, newKeeper(), func(c *Config) { c.ClientTimeout = 50 * time.Millisecond })
	c, err := net.Dial("tcp", h.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for {
		h.keeper.mu.Lock()
		n := len(h.keeper.paths)
		h.keeper.mu.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if o := h.last(); o.Err != clientLeft {
		t.Errorf("%+v", o)
	}
}

func TestAStreamFlowsAsItComes(t *testing.T) {
	next, gone := make(chan string), make(chan struct{})
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case s := <-next:
				_, _ = io.WriteString(w, s)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				gone <- struct{}{}
				return
			}
		}
	})
	for _, p := range protocols {
		for media, tt := range map[string]struct{ feeds, reads []string }{
			"application/x-ndjson": {[]string{"{\"a\":1}\n{\"b\"", ":2}\n", "3\n"}, []string{"{\"a\":1}\n", "{\"b\":2}\n", "3\n"}},
			"text/csv":             {[]string{"a,b\n1", ",2\n", "3,4\n"}, []string{"a,b\n", "1,2\n", "3,4\n"}},
			"text/event-stream":    {[]string{"data: 1\n", "\n", ":\n\n"}, []string{"", "data: 1\n\n", ":\n\n"}},
			"text/plain":           {[]string{"a\n[b", "]\n", "{\n"}, []string{"a\n", "[b]\n", "{\n"}},
			"application/json":     {[]string{"[{}", ",1,", "2,"}, []string{"[{}", ",1", ",2"}},
		} {
			h := newHall(t, up, newKeeper())
			base, rt := p.set(h)
			r, _ := http.NewRequest("GET", base+"/?type="+media, nil)
			done := make(chan struct{})
			go func() { // the first feed: the header waits for a segment
				if media != "text/event-stream" {
					next <- tt.feeds[0]
				}
				close(done)
			}()
			res, err := rt.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			<-done
			for i, want := range tt.reads {
				if i > 0 || media == "text/event-stream" {
					next <- tt.feeds[i]
				}
				b := make([]byte, len(want))
				if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != want {
					t.Fatalf("%s %s: %q, %v", p.name, media, b, err)
				}
			}
			if res.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("%v", res.Header)
			}
			res.Body.Close()
			rt.CloseIdleConnections()
			h.front.CloseClientConnections()
			<-gone
		}
	}
}

func TestBodilessAnswers(t *testing.T) {
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pdf")
		w.Header().Set("Content-Length", "1234")
		w.Header().Set("X-Note", "SECRET")
		if r.Method != "HEAD" {
			w.Header().Del("Content-Length")
			w.WriteHeader(204)
		}
	})
	h := newHall(t, up, newKeeper())
	for _, p := range protocols {
		for _, method := range []string{"HEAD", "GET"} {
			base, rt := p.set(h)
			r, _ := http.NewRequest(method, base+"/", nil)
			g := take(t, rt, r)
			rt.CloseIdleConnections()
			if want := map[string]int{"HEAD": 200, "GET": 204}[method]; g.StatusCode != want || g.body != "" || g.Header.Get("X-Note") != "******" || g.Header.Get("Content-Length") == "1234" {
				t.Errorf("%s %s: %d %q %v", p.name, method, g.StatusCode, g.body, g.Header)
			}
		}
	}
	empty := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/chunked" {
			_ = http.NewResponseController(w).Flush()
		}
	}), newKeeper())
	for _, path := range []string{"/", "/chunked"} {
		if g := empty.get(path); g.StatusCode != 200 || g.body != "" || g.ContentLength != 0 {
			t.Errorf("%s: %d %q %v", path, g.StatusCode, g.body, g.Header)
		}
	}
}

func TestOpaqueBodies(t *testing.T) {
	film := "\x00\x00\x00\x18stypmsdh" + strings.Repeat("film SECRET ", 50_000)
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/mp4")
		w.Header().Set("Etag", `"v1"`)
		w.Header().Set("Cache-Control", "max-age=60")
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, zipped(film))
			return
		}
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", fmt.Sprint(len(film)))
		}
		_, _ = io.WriteString(w, film)
	})
	k := newKeeper()
	h := newHall(t, up, k)
	if g := h.get("/"); g.StatusCode != 502 {
		t.Errorf("undeclared: %d", g.StatusCode)
	}
	k.opaque = []string{"video/mp4"}
	for _, path := range []string{"/", "/length", "/gzip"} {
		k.passed = 0
		g := h.get(path)
		if g.StatusCode != 200 || g.body != film || g.broken || k.passed != len(film) || g.Header.Get("Cache-Control") != "max-age=60" || g.Header.Get("Etag") == "" {
			t.Errorf("%s: %d, %d bytes, %d told of, %v", path, g.StatusCode, len(g.body), k.passed, g.Header)
		}
		if path == "/length" && g.ContentLength != int64(len(film)) {
			t.Errorf("length %d", g.ContentLength)
		}
	}
	k.passed, k.unread = 0, 100_000
	for _, path := range []string{"/", "/length"} {
		k.passed = 0
		if g := h.get(path); g.StatusCode != 200 || !g.broken || len(g.body) > 100_000 || len(g.body) != k.passed {
			t.Errorf("%s beyond the volume: %d, %d bytes, %d told of, broken=%v", path, g.StatusCode, len(g.body), k.passed, g.broken)
		}
	}
}

func TestHTTP10(t *testing.T) {
	h := newHall(t, serve(t, answer200("application/json", `{"a":1}`)), newKeeper())
	if code, body := h.raw("GET / HTTP/1.0\nHost: a\n\n"); code != 200 || body != `{"a":1}` {
		t.Errorf("%d %q", code, body)
	}
	h = newHall(t, serve(t, answer200("application/json", "["+strings.Repeat("1,", 200_000)+"1]")), newKeeper())
	if code, body := h.raw("GET / HTTP/1.0\nHost: a\n\n"); code != 502 {
		t.Errorf("%d %.100q", code, body)
	}
}

func TestCompress(t *testing.T) {
	h := newHall(t, serve(t, answer200("application/json", `{"a":"`+strings.Repeat("x", 5000)+`"}`)), newKeeper(), func(c *Config) { c.Compress = true })
	if g := h.get("/", "Accept-Encoding", "gzip"); g.Header.Get("Content-Encoding") != "gzip" || len(g.body) > 500 || g.Header.Get("Vary") != "Accept-Encoding" || g.ContentLength != int64(len(g.body)) {
		t.Errorf("%v, %d bytes", g.Header, len(g.body))
	}
	if g := h.get("/"); g.Header.Get("Content-Encoding") != "" || len(g.body) < 5000 {
		t.Errorf("%v", g.Header)
	}
}

// TestMemoryIsBounded sends 64 MiB through the door and looks how much of the
// heap is alive meanwhile.
func TestMemoryIsBounded(t *testing.T) {
	const size = 64 << 20
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "[1")
		block := []byte(strings.Repeat(`,{"id":"`+strings.Repeat("x", 1000)+`"}`, 64))
		for n := 0; n < size; n += len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, "]")
	})
	h := newHall(t, up, &keeper{budget: -1, forget: true})
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	res, err := http.Get(h.front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var read, most uint64
	buf := make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(res.Body, buf)
		read += uint64(n)
		if read%(8<<20) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		if err != nil {
			break
		}
	}
	if read < size {
		t.Errorf("%d bytes", read)
	}
	if most > before+8<<20 {
		t.Errorf("%d KiB more than before", (most-before)>>10)
	}
}

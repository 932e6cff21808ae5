package inbound

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
)

func answer200(media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", media)
		_, _ = io.WriteString(w, body)
	}
}

func TestPassesOnWhatWasReleased(t *testing.T) {
	h := newHall(t, serve(t, answer200("application/json", `{"id": 1, "phone": "SECRET"}`)), newKeeper())
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			base, rt := p.set(h)
			defer rt.CloseIdleConnections()
			r, _ := http.NewRequest("GET", base+"/v1/customers/1?x=1", nil)
			g := take(t, rt, r)
			if g.StatusCode != 200 || g.body != `{"id": 1, "phone": "******"}` || g.broken {
				t.Fatalf("%d %q broken=%v", g.StatusCode, g.body, g.broken)
			}
			if (g.ProtoMajor == 2) != (p.name != "HTTP/1.1") {
				t.Errorf("spoke %s", g.Proto)
			}
			if g.ContentLength != int64(len(g.body)) || g.Header.Get("Cache-Control") != "private, no-store" || g.Header.Get("Weir-Exchange") == "" {
				t.Errorf("%v, length %d", g.Header, g.ContentLength)
			}
			if o := h.last(); o != (guard.Outcome{Status: 200}) {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

func TestRequestsThatCannotBeDecided(t *testing.T) {
	h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the service was asked for %q", r.RequestURI)
	}), newKeeper())
	for _, target := range []string{
		"/a/../b", "/..", "/a/.", "/./a", "/a/%2e%2e/b", "/a/%2E/b", "/a%2fb", "/a%5cb", "/a%00b", "/a\\b", "//a", "/a//b", "//",
		"/a/..;x=1/b", "/a/;/../b", "/%252e%252e/a", "/a%252fb", "/a%0ab", "/a%ff", "http://other.example/a", "*",
		"/a%7fb", "/.%2e/a", "/a;v=1/b", "/a%3bb", "/a/7;x", "/%2561", "/a%25C3%25A9",
	} {
		code, body := h.raw("GET " + target + " HTTP/1.1\nHost: shop.example\nConnection: close\n\n")
		if code != 400 {
			t.Errorf("%s: %d %s", target, code, body)
		}
	}
	for _, method := range []string{"TRACE", "CONNECT", "get", "Get", "G3T", "GET_X"} {
		if code, body := h.raw(method + " /a HTTP/1.1\nHost: shop.example\nConnection: close\n\n"); code != 400 {
			t.Errorf("%s: %d %s", method, code, body)
		}
	}
	for _, field := range []string{"Weir-Purpose: a b", "Weir-Purpose: a\nWeir-Purpose: b", "Weir-Purpose: " + strings.Repeat("x", 65), "Connection: upgrade\nUpgrade: \xff"} {
		if code, body := h.raw("GET /a HTTP/1.1\nHost: shop.example\n" + field + "\n\n"); code != 400 {
			t.Errorf("%s: %d %s", field, code, body)
		}
	}
	h.door.Wait()
	if len(h.keeper.paths) != 0 || len(h.keeper.denied) == 0 {
		t.Errorf("admitted %q, denied %v", h.keeper.paths, h.keeper.denied)
	}
}

func TestRequestsThatCan(t *testing.T) {
	var seen []string
	h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) { seen = append(seen, r.RequestURI) }), newKeeper())
	targets := []string{"/", "/a/", "/a/.well-known/x..y", "/a%20b/%C3%A9", "/a/b?q=../..%2f;v=1%2561", "/100%25", "/5%25%20off", "/a?", "/...", "/a+b:c@d"}
	for _, target := range targets {
		if code, body := h.raw("GET " + target + " HTTP/1.1\nHost: shop.example\nConnection: close\n\n"); code != 200 {
			t.Errorf("%s: %d %s", target, code, body)
		}
	}
	h.door.Wait()
	if want := []string{"/", "/a/", "/a/.well-known/x..y", "/a b/é", "/a/b", "/100%", "/5% off", "/a", "/...", "/a+b:c@d"}; !slices.Equal(h.keeper.paths, want) {
		t.Errorf("decided on %q", h.keeper.paths)
	}
	if len(seen) != len(targets) {
		t.Errorf("the service saw %q", seen)
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		denial weir.Denial
		status int
		field  string
		value  string
	}{
		{weir.Denial{Reason: weir.ReasonCredential}, 401, "Www-Authenticate", `Bearer realm="weir"`},
		{weir.Denial{Reason: weir.ReasonCredential, Retry: time.Second}, 503, "Retry-After", "1"},
		{weir.Denial{Reason: weir.ReasonRole}, 403, "Retry-After", ""},
		{weir.Denial{Reason: weir.ReasonPurpose}, 403, "", ""},
		{weir.Denial{Reason: weir.ReasonBlocked}, 403, "", ""},
		{weir.Denial{Reason: weir.ReasonNotOwn}, 403, "", ""},
		{weir.Denial{Reason: weir.ReasonBudget, Retry: 1500 * time.Millisecond}, 429, "Retry-After", "2"},
		{weir.Denial{Reason: weir.ReasonHold}, 403, "", ""},
		{weir.Denial{Reason: weir.ReasonHold, Retry: time.Minute}, 429, "Retry-After", "60"},
		{weir.Denial{Reason: weir.ReasonUnreadable}, 502, "", ""},
		{weir.Denial{Reason: weir.ReasonRequest}, 400, "", ""},
		{weir.Denial{Reason: weir.ReasonRecord}, 503, "", ""},
		{weir.Denial{Reason: weir.ReasonUpstream}, 502, "", ""},
		{weir.Denial{Reason: weir.ReasonInternal}, 500, "", ""},
		{weir.Denial{}, 500, "", ""},
	} {
		t.Run(string(tt.denial.Reason), func(t *testing.T) {
			k := newKeeper()
			tt.denial.Message = "A sentence."
			k.refuse = &tt.denial
			h := newHall(t, serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the service was asked") }), k)
			g := h.get("/v1/customers/c-1")
			var p struct {
				Type, Title, Detail, Reason, Exchange string
				Status                                int
			}
			if err := json.Unmarshal([]byte(g.body), &p); err != nil {
				t.Fatal(err)
			}
			if g.StatusCode != tt.status || p.Status != tt.status || p.Detail != "A sentence." || p.Reason != string(tt.denial.Reason) || len(p.Exchange) != 24 || p.Type != "about:blank" {
				t.Errorf("%d %+v", g.StatusCode, p)
			}
			if g.Header.Get("Content-Type") != "application/problem+json" || tt.field != "" && g.Header.Get(tt.field) != tt.value {
				t.Errorf("%v", g.Header)
			}
		})
	}
}

func TestCredentialDenialsAreRecorded(t *testing.T) {
	h := newHall(t, serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the service was asked") }), newKeeper(), func(c *Config) {
		c.Auth = anybody{&weir.Denial{Reason: weir.ReasonCredential, Message: "No."}}
	})
	if g := h.get("/a", "Authorization", "Bearer x"); g.StatusCode != 401 || !strings.Contains(g.Header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("%d %v", g.StatusCode, g.Header)
	}
	if !slices.Equal(h.keeper.denied, []weir.Reason{weir.ReasonCredential}) {
		t.Errorf("recorded %v", h.keeper.denied)
	}
}

type stripping struct{ anybody }

func (stripping) Strip(h http.Header) { h.Del("X-Session") }

func TestWhatTheServiceIsTold(t *testing.T) {
	var seen *http.Request
	h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) { seen = r }), newKeeper(), func(c *Config) {
		c.Auth = stripping{}
		c.Upstream = c.Upstream.JoinPath("base")
	})
	g := h.get("/a/b?x=1", "Range", "bytes=0-1", "If-None-Match", `"x"`, "If-Modified-Since", "x", "If-Range", `"x"`,
		"Connection", "upgrade", "Upgrade", "websocket", "Weir-Purpose", "support", "Weir-Other", "x",
		"X-Api-Key", "weir_abc", "Authorization", "Bearer weir_def", "X-Session", "s", "X-Http-Method-Override", "DELETE",
		"X-Original-Url", "/admin", "X-Forwarded-For", "192.0.2.1", "Forwarded", "for=192.0.2.1", "Accept-Encoding", "br, gzip;q=0.5", "X-Kept", "weir")
	if g.StatusCode != 200 {
		t.Fatal(g.StatusCode, g.body)
	}
	want := http.Header{
		"Accept-Encoding": {"gzip"}, "X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {strings.TrimPrefix(h.front.URL, "http://")},
		"X-Forwarded-Proto": {"http"}, "X-Kept": {"weir"},
	}
	for name := range seen.Header {
		if name == "User-Agent" {
			continue
		}
		if !slices.Equal(seen.Header[name], want[name]) {
			t.Errorf("%s: %q, want %q", name, seen.Header[name], want[name])
		}
	}
	if seen.RequestURI != "/base/a/b?x=1" || seen.Host == seen.Header.Get("X-Forwarded-Host") {
		t.Errorf("%s %s", seen.Host, seen.RequestURI)
	}
	if h.keeper.purposes[0] != "support" {
		t.Errorf("purpose %q", h.keeper.purposes[0])
	}
	h.get("/", "Accept-Encoding", "gzip;q=0, br", "Authorization", "Bearer eyJhbGciOi.x.y")
	if seen.Header.Get("Accept-Encoding") != "identity" || seen.Header.Get("Authorization") != "Bearer eyJhbGciOi.x.y" {
		t.Errorf("%v", seen.Header)
	}
}

func TestHeaderOfTheAnswer(t *testing.T) {
	set := http.Header{}
	h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range set {
			w.Header()[name] = values
		}
		if w.Header().Get("Location") != "" {
			w.WriteHeader(302)
		}
		_, _ = io.WriteString(w, `{}`)
	}), newKeeper())
	h.keeper.budget = 100

	set = http.Header{
		"Content-Type": {"application/json; charset=UTF-8; name=jane"}, "Etag": {`"v1"`}, "Last-Modified": {"Sat, 21 Nov 2026 10:00:00 GMT"},
		"Accept-Ranges": {"bytes"}, "Digest": {"x"}, "Content-Md5": {"x"}, "Alt-Svc": {`h3=":443"`}, "Weir-Withheld": {"9"},
		"X-Note": {"BLOCK", "kept", "SECRET"}, "Vary": {"Origin"}, "Cache-Control": {"max-age=60"},
		"Server": {"BLOCK/1"}, "Age": {"jane@example.com BLOCK"},
	}
	g := h.get("/")
	want := map[string]string{
		"Content-Type": "application/json; charset=UTF-8", "X-Note": "kept|******", "Vary": "Origin", "X-Content-Type-Options": "nosniff",
		"Cache-Control": "private, no-store", "Content-Length": "2", "Server": "BLOCK/1",
	}
	for name, values := range g.Header {
		if name == "Date" || name == "Weir-Exchange" {
			continue
		}
		if strings.Join(values, "|") != want[name] {
			t.Errorf("%s: %q, want %q", name, values, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}

	delete(set, "X-Note")
	delete(set, "Age")
	g = h.get("/")
	if g.Header.Get("Etag") != `"v1"` || g.Header.Get("Cache-Control") != "max-age=60" || g.Header.Get("Last-Modified") == "" || g.Header.Get("Accept-Ranges") != "" {
		t.Errorf("nothing personal: %v", g.Header)
	}
	h.keeper.declared = true
	if g = h.get("/"); g.Header.Get("Etag") != "" || g.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("a declared subject: %v", g.Header)
	}

	set = http.Header{"Content-Type": {"application/json"}, "Location": {"/a?email=BLOCK"}}
	if g = h.get("/"); g.StatusCode != 403 {
		t.Errorf("a redirect that is withheld: %d", g.StatusCode)
	}
	set.Set("Location", "/a?x=SECRET")
	if g = h.get("/"); g.StatusCode != 302 || g.Header.Get("Location") != "/a?x=******" {
		t.Errorf("a redirect that is masked: %d %v", g.StatusCode, g.Header)
	}
	set = http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"a=PERSON; Path=/", "b=BLOCK"}}
	h.keeper.budget = 0
	if g = h.get("/"); g.StatusCode != 429 || g.Header.Get("Set-Cookie") != "" {
		t.Errorf("a cookie beyond the budget: %d %v", g.StatusCode, g.Header)
	}
}

func TestRedirectsLeadThroughTheDoor(t *testing.T) {
	h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", strings.ReplaceAll(r.URL.Query().Get("to"), "HOST", r.Host))
		w.WriteHeader(302)
	}), newKeeper(), func(c *Config) { c.Upstream = c.Upstream.JoinPath("/base") })
	for to, want := range map[string]string{
		"http://HOST/base/a%20b?x=1": "/a%20b?x=1", "https://HOST/base": "/", "http://HOST": "/", "http://HOST/other": "/other",
		"/a": "/a", "http://other.example/base/a": "http://other.example/base/a", "//HOST/base/a": "/a",
	} {
		if g := h.get("/?to=" + url.QueryEscape(to)); g.Header.Get("Location") != want {
			t.Errorf("%s: %q, want %q", to, g.Header.Get("Location"), want)
		}
	}
}

// FuzzDecidable holds that what is taken to be a decided path is read the same
// way by whoever cleans or decodes it once more.
func FuzzDecidable(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "/a/../b", "/a%2fb", "/a%252e", "/a;b/..;/c", "//", "/%e2%82%ac", "/a%", "/100%25", "/.a/..b/c."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		p, denial := decidable(&http.Request{Method: "GET", URL: u})
		if denial != nil {
			return
		}
		if c := path.Clean(p); c != p && c+"/" != p {
			t.Fatalf("%q is cleaned to %q", p, c)
		}
		if again, err := url.PathUnescape(p); err == nil && strings.Count(again, "/") != strings.Count(p, "/") {
			t.Fatalf("%q is decoded to %q", p, again)
		}
		if strings.ContainsAny(p, "\\\x00\n") || strings.Contains(p, "/../") {
			t.Fatalf("%q was taken", p)
		}
	})
}

func TestWithheldElements(t *testing.T) {
	for _, tt := range []struct{ media, body, want, withheld string }{
		{"application/json", `[ "BLOCK" , 1, "BLOCK", 2 , "BLOCK" ]`, `[ 1, 2 ]`, "3"},
		{"application/json", `["BLOCK","BLOCK"]`, `[]`, "2"},
		{"application/json", `[1,"BLOCK"]`, `[1]`, "1"},
		{"application/json", `{"items":["BLOCK",1],"x":{"items":[]},"items":["BLOCK",2,3]}`, `{"items":[1],"x":{"items":[]},"items":[2,3]}`, "2"},
		{"application/x-ndjson", "1\n\"BLOCK\"\n\n2\n", "1\n\n2\n", "1"},
		{"text/csv", "a,b\r\n1,BLOCK\r\n2,x\r\n", "a,b\r\n2,x\r\n", "1"},
		{"text/plain", "one\nBLOCK\nthree", "one\nthree", "1"},
		{"text/plain", `["BLOCK",1]`, `[1]`, "1"},
		{"text/plain", "{\"a\":\"BLOCK\"}\n{\"a\":1}\n", "{\"a\":1}\n", "1"},
		{"text/plain", "[info] BLOCK\n[info] ok\n", "[info] ok\n", "1"},
		{"", `["BLOCK",1]`, `[1]`, "1"},
	} {
		k := newKeeper()
		if strings.HasPrefix(tt.body, "{\"items") {
			k.array = []string{"items"}
		}
		h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			if tt.media != "" {
				w.Header().Set("Content-Type", tt.media)
			}
			_, _ = io.WriteString(w, tt.body)
		}), k)
		g := h.get("/")
		if g.StatusCode != 200 || g.body != tt.want || g.Header.Get("Weir-Withheld") != tt.withheld || g.broken {
			t.Errorf("%s %q: %d %q %v", tt.media, tt.body, g.StatusCode, g.body, g.Header)
		}
	}
}

func TestWithheldWhole(t *testing.T) {
	for media, body := range map[string]string{
		"application/json":         `{"a":"BLOCK"}`,
		"application/problem+json": `{"a":"BLOCK"}`,
		"text/html":                `<p>BLOCK</p>`,
		"image/svg+xml":            `<svg><text>BLOCK</text></svg>`,
		"text/csv":                 "a,BLOCK\n1,2\n",
	} {
		h := newHall(t, serve(t, answer200(media, body)), newKeeper())
		g := h.get("/")
		if g.StatusCode != 403 || strings.Contains(g.body, "BLOCK") {
			t.Errorf("%s: %d %q", media, g.StatusCode, g.body)
		}
		if o := h.last(); o.Status != 403 || o.Denial == nil || o.Denial.Reason != weir.ReasonBlocked {
			t.Errorf("%s: %+v", media, o)
		}
	}
}

// exports are long answers of n records each, in every syntax that has records.
var exports = []struct {
	name, media string
	array       []string
	write       func(n int) string
	count       func(t *testing.T, body string) int // whole records received
}{
	{"declared array", "application/json", []string{"data", "items"}, func(n int) string {
		return `{"data":{"items":[` + strings.TrimSuffix(strings.Repeat(`{"id":"PERSON","pad":"`+strings.Repeat("x", 200)+`"},`, n), ",") + `]},"next":null}`
	}, func(_ *testing.T, body string) int { return strings.Count(body, `x"}`) }},
	{"top-level array", "application/json", nil, func(n int) string {
		return `[` + strings.TrimSuffix(strings.Repeat(`{"id":"PERSON"},`, n), ",") + `]`
	}, func(_ *testing.T, body string) int { return strings.Count(body, `"}`) }},
	{"NDJSON", "application/x-ndjson", nil, func(n int) string {
		return strings.Repeat("{\"id\":\"PERSON\"}\n", n)
	}, func(_ *testing.T, body string) int { return strings.Count(body, "\n") }},
	{"CSV", "text/csv", nil, func(n int) string {
		return "id,name\n" + strings.Repeat("1,\"PERSON\n, x\"\n", n)
	}, func(_ *testing.T, body string) int { return strings.Count(body, "x\"\n") }},
	{"events", "text/event-stream", nil, func(n int) string {
		return strings.Repeat("data: PERSON\n\n", n)
	}, func(_ *testing.T, body string) int { return strings.Count(body, "\n\n") }},
}

func TestTheBudgetEndsInMidStream(t *testing.T) {
	const all, budget = 5000, 1234
	for _, export := range exports {
		t.Run(export.name, func(t *testing.T) {
			body := export.write(all)
			up := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", export.media)
				flushed := r.URL.Query().Has("flushed")
				if !flushed {
					w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				}
				for at := 0; at < len(body); at += 9001 {
					_, _ = io.WriteString(w, body[at:min(at+9001, len(body))])
					if flushed {
						_ = http.NewResponseController(w).Flush()
					}
				}
			})
			for _, p := range protocols {
				for _, query := range []string{"?flushed", ""} {
					k := newKeeper()
					k.array, k.budget = export.array, budget
					h := newHall(t, up, k)
					base, rt := p.set(h)
					r, _ := http.NewRequest("GET", base+"/"+query, nil)
					g := take(t, rt, r)
					rt.CloseIdleConnections()
					if n := export.count(t, g.body); g.StatusCode != 200 || !g.broken || n != budget {
						t.Errorf("%s %s: %d, %d records, broken=%v", p.name, query, g.StatusCode, n, g.broken)
					}
					if o := h.last(); o.Status != 200 || o.Err != "" {
						t.Errorf("outcome %+v", o)
					}
					// Again: nothing is left, and nothing was sent yet.
					r, _ = http.NewRequest("GET", base+"/"+query, nil)
					g = take(t, rt, r)
					rt.CloseIdleConnections()
					if export.name == "events" {
						if n := export.count(t, g.body); n != 0 || !g.broken {
							t.Errorf("again: %d events, broken=%v", n, g.broken)
						}
					} else if g.StatusCode != 429 || g.Header.Get("Retry-After") != "90" {
						t.Errorf("again: %d", g.StatusCode)
					}
				}
			}
		})
	}
}

func TestLaw4ThroughTheDoor(t *testing.T) {
	bodies := map[string][2]string{}
	for _, e := range exports {
		body := strings.ReplaceAll(e.write(300), "PERSON", "SECRET é")
		body = strings.Replace(body, "SECRET", "BLOCK", 7)
		bodies[e.name] = [2]string{e.media, body}
	}
	bodies["document"] = [2]string{"application/json", `{"a":"` + strings.Repeat("SECRET \\u00e9 é", 3000) + `","b":{"c":[1,2,3]}}`}
	bodies["page"] = [2]string{"text/html; charset=utf-8", "<p>" + strings.Repeat("SECRET ", 5000) + "</p>"}
	bodies["text"] = [2]string{"text/plain", strings.Repeat("[a] SECRET\n", 3000)}
	for name, b := range bodies {
		t.Run(name, func(t *testing.T) {
			up := serve(t, func(w http.ResponseWriter, r *http.Request) {
				most, _ := strconv.Atoi(r.URL.Query().Get("most"))
				coded := r.URL.Query().Has("coded")
				random := rand.New(rand.NewPCG(uint64(most), 4))
				w.Header().Set("Content-Type", b[0])
				var out io.Writer = w
				flush := func() {}
				if coded {
					w.Header().Set("Content-Encoding", "gzip")
					z := gzip.NewWriter(w)
					defer z.Close()
					out, flush = z, func() { z.Flush() }
				}
				body := b[1]
				for len(body) > 0 {
					n := len(body)
					if most > 0 {
						n = min(1+random.IntN(most), n)
					}
					_, _ = io.WriteString(out, body[:n])
					body = body[n:]
					flush()
					_ = http.NewResponseController(w).Flush()
				}
			})
			k := newKeeper()
			if name == "declared array" {
				k.array = []string{"data", "items"}
			}
			h := newHall(t, up, k)
			want := h.get("/")
			if want.StatusCode != 200 || want.broken || strings.Contains(want.body, "SECRET") || strings.Contains(want.body, "BLOCK") {
				t.Fatalf("%d broken=%v", want.StatusCode, want.broken)
			}
			for _, most := range []int{3, 100, 5000, 70000} {
				for _, coded := range []bool{false, true} {
					if most == 3 && coded {
						continue // a flush of gzip for each byte or two proves nothing more
					}
					query := "/?most=" + strconv.Itoa(most)
					if coded {
						query += "&coded"
					}
					for _, asks := range []string{"identity", "gzip"} {
						g := h.get(query, "Accept-Encoding", asks)
						body := g.body
						if g.Header.Get("Content-Encoding") == "gzip" {
							z, err := gzip.NewReader(strings.NewReader(g.body))
							if err != nil {
								t.Fatal(err)
							}
							plain, err := io.ReadAll(z)
							if err != nil {
								t.Fatal(err)
							}
							body = string(plain)
						}
						if g.broken || body != want.body {
							t.Fatalf("cuts of up to %d (coded=%v, asks %s): %d bytes, whole %d, broken=%v, %+v", most, coded, asks, len(body), len(want.body), g.broken, h.last())
						}
						if g.Header.Get("Content-Encoding") == "gzip" != (coded && asks == "gzip") {
							t.Errorf("coded=%v asks %s: %v", coded, asks, g.Header)
						}
						withheld := g.Header.Get("Weir-Withheld") + g.Trailer.Get("Weir-Withheld")
						if n := want.Header.Get("Weir-Withheld") + want.Trailer.Get("Weir-Withheld"); withheld != n && !(withheld == "0" && n == "") && !(withheld == "" && n == "0") {
							t.Errorf("withheld %q, whole %q", withheld, n)
						}
					}
				}
			}
		})
	}
}

func TestNothingThatWasNotReleased(t *testing.T) {
	// Whatever the client has received, the guard has released: counted by the
	// client, over transfers that the upstream breaks at random places.
	r := rand.New(rand.NewPCG(9, 9))
	for _, export := range exports {
		body := export.write(400)
		k := newKeeper()
		k.array = export.array
		h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", export.media)
			end, _ := strconv.Atoi(r.URL.Query().Get("end"))
			_, _ = io.WriteString(w, body[:end])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}), k)
		for range 20 {
			end := r.IntN(len(body))
			k.released.Reset()
			g := h.get("/?end=" + strconv.Itoa(end))
			if g.StatusCode == 200 && !g.broken {
				t.Fatalf("%s: a transfer that broke at %d ended cleanly", export.name, end)
			}
			h.door.Wait()
			if g.StatusCode == 200 {
				rel := strings.NewReplacer(",", "", " ", "").Replace(k.released.String())
				rec := strings.NewReplacer(",", "", " ", "").Replace(g.body)
				if !strings.Contains(rel, rec) {
					t.Fatalf("%s: %d bytes received that were not released", export.name, len(rec)-len(rel))
				}
			}
			if o := h.last(); o.Err != upstreamStopped {
				t.Errorf("outcome %+v", o)
			}
		}
	}
}

// TestExchangesDoNotMix has many clients at once, some of whom leave in the
// middle, and looks for anything in an answer that belongs to another.
func TestExchangesDoNotMix(t *testing.T) {
	kinds := []struct{ media, open, each, shut string }{
		{"application/json", `{"a":"`, "NAME ", `"}`},
		{"application/json", `[0`, `,"NAME"`, `]`},
		{"application/x-ndjson", "", "\"NAME\"\n", ""},
		{"text/csv", "a\n", "NAME\n", ""},
		{"text/html", "<p>", "NAME ", "</p>"},
		{"video/mp4", "\x00\x00\x00\x18stypmsdh", "NAME ", ""},
	}
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		k, _ := strconv.Atoi(q.Get("kind"))
		n, _ := strconv.Atoi(q.Get("n"))
		w.Header().Set("Content-Type", kinds[k].media)
		body := kinds[k].open + strings.Repeat(strings.ReplaceAll(kinds[k].each, "NAME", q.Get("name")), n) + kinds[k].shut
		if q.Has("gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			body = zipped(body)
		}
		_, _ = io.WriteString(w, body)
	})
	k := newKeeper()
	k.opaque, k.forget = []string{"video/mp4"}, true
	h := newHall(t, up, k)
	for _, p := range protocols {
		base, rt := p.set(h)
		var wg sync.WaitGroup
		for client := range 8 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(client), 1))
				for i := range 15 {
					name := fmt.Sprintf("client-%d-%04d", client, i)
					kind, n := r.IntN(len(kinds)), 1+r.IntN(10_000)
					query := fmt.Sprintf("/?kind=%d&n=%d&name=%s", kind, n, name)
					if r.IntN(3) == 0 {
						query += "&gzip"
					}
					req, _ := http.NewRequest("GET", base+query, nil)
					res, err := rt.RoundTrip(req)
					if err != nil {
						t.Error(err)
						return
					}
					var body []byte
					if r.IntN(4) == 0 {
						body, _ = io.ReadAll(io.LimitReader(res.Body, int64(r.IntN(1000))))
					} else if body, err = io.ReadAll(res.Body); err != nil || strings.Count(string(body), name) != n {
						t.Errorf("%s: %d of %d, %v", query, strings.Count(string(body), name), n, err)
					}
					res.Body.Close()
					if left := strings.ReplaceAll(string(body), name, ""); strings.Contains(left, "client-") && len(left)-strings.LastIndex(left, "client-") > 20 {
						t.Errorf("%s: somebody else's data", query)
					}
				}
			})
		}
		wg.Wait()
		rt.CloseIdleConnections()
	}
}

func TestPanics(t *testing.T) {
	k := newKeeper()
	k.panics = true
	h := newHall(t, serve(t, answer200("application/json", `{}`)), k)
	g := h.get("/v1/customers/jane.roe@example.com")
	if g.StatusCode != 500 || strings.Contains(g.body, "jane") {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	if o := h.last(); o.Status != 500 || o.Err != panicked {
		t.Errorf("%+v", o)
	}
	if log := h.log.String(); strings.Contains(log, "jane") || !strings.Contains(log, "exchange panicked") {
		t.Errorf("logged %q", log)
	}
}

func TestLaw6NoPersonalDataInLogs(t *testing.T) {
	h := newHall(t, "http://127.0.0.1:1", newKeeper())
	for _, target := range []string{"/v1/customers/jane.roe@example.com?q=jane.roe@example.com", "/jane.roe/../x"} {
		h.raw("GET " + target + " HTTP/1.1\nHost: jane.roe.example\nX-User: jane.roe@example.com\nConnection: close\n\n")
	}
	h.raw("GET /jane.roe HTTP/1.1\nHost: a\nHost: jane.roe\n\n")
	h.door.Wait()
	if log := h.log.String(); strings.Contains(log, "jane") || !strings.Contains(log, "exchange did not end well") {
		t.Errorf("logged %q", log)
	}
}

func TestNewRefuses(t *testing.T) {
	good, _ := url.Parse("http://service.example/base")
	for name, c := range map[string]Config{
		"no guard":         {Upstream: good, Auth: anybody{}},
		"no authenticator": {Upstream: good},
		"no upstream":      {Auth: anybody{}},
		"a bare host":      {Auth: anybody{}, Upstream: &url.URL{Path: "service.example"}},
		"another scheme":   {Auth: anybody{}, Upstream: &url.URL{Scheme: "ftp", Host: "service.example"}},
		"a query":          {Auth: anybody{}, Upstream: &url.URL{Scheme: "http", Host: "service.example", RawQuery: "a"}},
		"too little room":  {Auth: anybody{}, Upstream: good, MaxSegment: 1 << 20, MaxExchange: 1 << 20},
	} {
		var err error
		if name == "no guard" {
			_, err = New(c)
		} else {
			_, err = newDoor(c, newKeeper())
		}
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := newDoor(Config{Upstream: good, Auth: anybody{}}, newKeeper()); err != nil {
		t.Error(err)
	}
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

package inbound

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
)

// waved is a guard that lets everything through and looks at nothing: what is
// left is the door's own cost.
type waved struct{}

func (waved) Admit(context.Context, *weir.Exchange) (pass, *weir.Denial) { return new(wavedPass), nil }
func (waved) Deny(_ context.Context, _ *weir.Exchange, d *weir.Denial) (pass, *weir.Denial) {
	return nil, d
}

type wavedPass struct{ out [][]byte }

func (*wavedPass) Observed() bool                               { return false }
func (*wavedPass) Overlook(context.Context, *weir.Denial)       {}
func (*wavedPass) Array() []string                              { return nil }
func (*wavedPass) Declared() bool                               { return false }
func (*wavedPass) Answered(bool)                                {}
func (*wavedPass) Opaque(media string) bool                     { return media == "video/mp4" }
func (*wavedPass) PassUnread(context.Context, int) *weir.Denial { return nil }
func (*wavedPass) Uninspected() bool                            { return false }
func (*wavedPass) PassUninspected(context.Context, int) *weir.Denial {
	return nil
}
func (*wavedPass) Close(context.Context, guard.Outcome) {}
func (p *wavedPass) Release(_ context.Context, segments []weir.Segment) guard.Release {
	p.out = p.out[:0]
	for i := range segments {
		p.out = append(p.out, segments[i].Body)
	}
	return guard.Release{Out: p.out}
}

// BenchmarkDoor compares the door with the reverse proxy of the standard library
// that it is built on; load, proxy and service share the machine.
func BenchmarkDoor(b *testing.B) {
	item := `{"id":123,"sku":"RC-000861","title":"The long way round","price":{"amount":12.99,"currency":"EUR"},"tags":["drama","new"],"about":"A quiet village, a lost letter and seven days to find out."},`
	bodies := map[string][]byte{}
	for name, size := range map[string]int{"4KiB": 4 << 10, "64KiB": 64 << 10, "1MiB": 1 << 20} {
		bodies["/"+name] = []byte(`{"items":[` + strings.Repeat(item, size/len(item)) + `0]}`)
	}
	bodies["/array/64KiB"] = bodies["/64KiB"][len(`{"items":`) : len(bodies["/64KiB"])-1]
	bodies["/film/4MiB"] = []byte("\x00\x00\x00\x18stypmsdh" + strings.Repeat("x", 4<<20))
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bodies[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/film") {
			w.Header().Set("Content-Type", "video/mp4")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}))
	defer up.Close()
	target, err := url.Parse(up.URL)
	if err != nil {
		b.Fatal(err)
	}
	door, err := newDoor(Config{Upstream: target, Auth: anybody{}}, waved{})
	if err != nil {
		b.Fatal(err)
	}
	plain := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 256, DisableCompression: true, ReadBufferSize: 64 << 10, WriteBufferSize: 16 << 10,
		},
		BufferPool: &buffers{},
	}
	for _, path := range []string{"/4KiB", "/64KiB", "/array/64KiB", "/1MiB", "/film/4MiB"} {
		for name, h := range map[string]http.Handler{"plain": plain, "door": door} {
			b.Run(path[1:]+"/"+name, func(b *testing.B) {
				s := httptest.NewServer(h)
				defer s.Close()
				b.SetBytes(int64(len(bodies[path])))
				b.ReportAllocs()
				b.SetParallelism(8)
				rt := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, ReadBufferSize: 64 << 10}
				defer rt.CloseIdleConnections()
				b.RunParallel(func(pb *testing.PB) {
					buf := make([]byte, 64<<10)
					for pb.Next() {
						r, _ := http.NewRequest("GET", s.URL+path, nil)
						res, err := rt.RoundTrip(r)
						if err != nil {
							b.Error(err)
							return
						}
						var n int64
						for {
							m, err := res.Body.Read(buf)
							n += int64(m)
							if err == io.EOF {
								break
							}
							if err != nil {
								b.Error(err)
								return
							}
						}
						res.Body.Close()
						if n != int64(len(bodies[path])) {
							b.Errorf("%d bytes", n)
						}
					}
				})
			})
		}
	}
}

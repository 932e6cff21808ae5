package learn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"pgregory.net/rapid"
)

func newLearner(t testing.TB) *Learner {
	t.Helper()
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return New(finder)
}

func seen(method, target, body string, header ...string) *Exchange {
	x := &Exchange{Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Method: method, Target: weir.NewPlain(target), Request: http.Header{}, Status: 200, Response: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	for i := 0; i < len(header); i += 2 {
		x.Request.Set(header[i], header[i+1])
	}
	return x
}

func subjectsOf(l *Learner) map[string]string {
	all := map[string]string{}
	for _, r := range l.Routes() {
		all[r.Text()] = ""
		if r.Subject != nil {
			all[r.Text()] = r.Subject.Text
		}
	}
	return all
}

// TestRoutesAndSubjects: addresses of many customers become one route, whose customers
// are named by the value that names them elsewhere; what is no customer's stays without.
func TestRoutesAndSubjects(t *testing.T) {
	l := newLearner(t)
	for i := range 12 {
		id := fmt.Sprintf("c-%05d", 10000+i)
		mail := fmt.Sprintf("person%d@example.com", i)
		l.Add(seen("GET", "/api/v2/customers/"+id, `{"id":"`+id+`","email":"`+mail+`","name":"Ada Okafor"}`))
		l.Add(seen("GET", "/api/v2/customers/"+id+"/orders?page=1", `{"items":[{"order_id":"o-`+id+`","recipient_name":"Ada Okafor","shipping_address":{"street":"12 Main Street","city":"Springfield","postal_code":"12345"}}]}`))
		l.Add(seen("GET", fmt.Sprintf("/api/v2/orders/%d", 900000+i), fmt.Sprintf(`{"id":%d,"customerId":"%s","email":"%s"}`, 900000+i, id, mail)))
		l.Add(seen("GET", "/u/"+strings.ToLower("ada"+string(rune('a'+i))), `{"user":{"id":"`+id+`"},"username":"ada`+string(rune('a'+i))+`","email":"`+mail+`"}`))
		l.Add(seen("GET", fmt.Sprintf("/products/%d", i), fmt.Sprintf(`{"id":%d,"title":"A lamp"}`, i)))
		l.Add(seen("POST", "/api/v2/search", fmt.Sprintf(`{"data":{"hits":[{"customer":{"id":"%s","email":"%s"}}]},"total":1}`, id, mail)))
	}
	got := subjectsOf(l)
	for route, want := range map[string]string{
		"GET /api/v2/customers/{id}": "customer {id}", "GET /api/v2/customers/{id}/orders": "customer {id}", "GET /api/v2/orders/{id}": "customer $.customerId",
		"GET /products/{id}": "", "POST /api/v2/search": "customer $.data.hits[*].customer.id",
	} {
		if subject, is := got[route]; !is || subject != want {
			t.Errorf("%s: %q instead of %q; all: %v", route, subject, want, got)
		}
	}
}

// TestNamesInAddressesAreNoRoutes: a name that stands in an address and in somebody's
// record is not written down as a word of the address.
func TestNamesInAddressesAreNoRoutes(t *testing.T) {
	l := newLearner(t)
	for _, name := range []string{"okafor", "Marsh", "o.hart"} {
		l.Add(seen("GET", "/people/"+name+"/page", `{"last_name":"`+name+`","email":"x@example.com"}`))
	}
	l.Add(seen("GET", "/people/ada@example.com/page", `{}`))
	for route := range subjectsOf(l) {
		if strings.Contains(route, "okafor") || strings.Contains(route, "Marsh") || strings.Contains(route, "hart") || strings.Contains(route, "ada") {
			t.Errorf("a route is %s", route)
		}
	}
}

// TestNothingPrints: an exchange prints as nothing, whatever the verb.
func TestNothingPrints(t *testing.T) {
	x := *seen("GET", "/c/secret", "secret", "Authorization", "secret")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, x) + fmt.Sprintf(verb, &x); strings.Contains(text, "secret") || strings.Contains(text, "736563") {
			t.Errorf("%s: %s", verb, text)
		}
	}
	if b, err := json.Marshal(x); err == nil || bytes.Contains(b, []byte("secret")) {
		t.Errorf("%s", b)
	}
}

// har writes a recording around entries.
func har(entries ...string) string {
	return `{"log":{"version":"1.2","creator":{"name":"test","version":"1"},"entries":[` + strings.Join(entries, ",") + `]}}`
}

const entry = `{"startedDateTime":"2026-03-01T12:00:00.5+01:00","time":3,"response":{"content":{"encoding":"base64","text":"eyJpZCI6MX0=","mimeType":"application/json"},"headers":[{"name":"Content-Encoding","value":"br"}],"status":200},"request":{"method":"GET","url":"https://shop.example/v1/c/7?q=%C3%A9","headers":[{"name":":path","value":"/x"},{"name":"authorization","value":"Bearer t"}]}}`

func TestReadHAR(t *testing.T) {
	var all []*Exchange
	read := func(text string) error {
		all = nil
		return Read(strings.NewReader(text), func(x *Exchange) error { all = append(all, x); return nil })
	}
	if err := read("\ufeff" + har(entry, entry)); err != nil || len(all) != 2 {
		t.Fatalf("%d, %v", len(all), err)
	}
	x := all[0]
	if x.Method != "GET" || x.Host != "shop.example" || x.Target.Reveal() != "/v1/c/7?q=%C3%A9" || x.Status != 200 || string(x.Body) != `{"id":1}` ||
		x.Request.Get("Authorization") != "Bearer t" || x.Response.Get("Content-Type") != "application/json" || x.Response.Get("Content-Encoding") != "" || x.Time.Unix() != 1772362800 {
		t.Errorf("%s %s %d %s %v %v", x.Method, x.Target.Reveal(), x.Status, x.Body, x.Response, x.Time)
	}
	whole := har(entry, entry)
	if err := read(whole[:len(whole)-60]); !errors.Is(err, io.ErrUnexpectedEOF) || len(all) != 1 {
		t.Errorf("a recording that was cut: %d, %v", len(all), err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"log":7}`, `{"log":{"entries":{}}}`, strings.Repeat(`{"log":`, 1000), `{"a":` + strings.Repeat("[", 100000)} {
		if err := read(bad); err == nil {
			t.Errorf("%.40q is read", bad)
		}
	}
}

func TestReadTap(t *testing.T) {
	body := base64.StdEncoding.EncodeToString([]byte(`{"id":1}`))
	trace := `{"http_buffered_trace":{"request":{"headers":[{"key":":authority","value":"shop.example"},{"key":":path","value":"/v1/c/7"},{"key":":method","value":"GET"},{"key":"x-api-key","value":"k"}]},` +
		`"response":{"headers":[{"key":":status","value":"200"},{"key":"content-type","value":"application/json"},{"key":"date","value":"Sun, 01 Mar 2026 12:00:00 GMT"}],"body":{"truncated":false,"as_bytes":"` + body + `"}}}}`
	var all []*Exchange
	if err := Read(strings.NewReader(trace+"\n"+trace), func(x *Exchange) error { all = append(all, x); return nil }); err != nil || len(all) != 2 {
		t.Fatalf("%d, %v", len(all), err)
	}
	x := all[1]
	if x.Method != "GET" || x.Target.Reveal() != "/v1/c/7" || x.Status != 200 || string(x.Body) != `{"id":1}` || x.Request.Get("X-Api-Key") != "k" || x.Time.IsZero() || x.Cut {
		t.Errorf("%s %s %d %s", x.Method, x.Target.Reveal(), x.Status, x.Body)
	}
	if err := Read(strings.NewReader(`{"http_streamed_trace_segment":{}}`), nil); !errors.Is(err, ErrRecording) || !strings.Contains(err.Error(), "buffered") {
		t.Error(err)
	}
}

// endless writes a HAR of so many bytes, entry by entry.
type endless struct {
	left int
	buf  bytes.Buffer
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	for e.buf.Len() < len(p) && e.left > 0 {
		if e.n == 0 {
			e.buf.WriteString(`{"log":{"entries":[`)
		} else {
			e.buf.WriteByte(',')
		}
		text := fmt.Sprintf(`{\"id\":\"c-%d\",\"email\":\"p%d@example.com\",\"rest\":\"%s\"}`, e.n, e.n, strings.Repeat("x", 4000))
		if e.n%50 == 49 {
			text = strings.Repeat("y", 12<<20) // a film in text
		}
		n, _ := fmt.Fprintf(&e.buf, `{"request":{"method":"GET","url":"http://shop.example/v1/customers/c-%d"},"response":{"status":200,"content":{"mimeType":"application/json","text":"%s"}}}`, e.n, text)
		e.n++
		if e.left -= n; e.left <= 0 {
			e.buf.WriteString("]}}")
		}
	}
	return e.buf.Read(p)
}

// TestMemoryIsBounded reads a recording far larger than what it may hold.
func TestMemoryIsBounded(t *testing.T) {
	l := newLearner(t)
	var most uint64
	n := 0
	err := Read(&endless{left: 70 << 20}, func(x *Exchange) error {
		if n++; n%25 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		if len(x.Body) < 1<<20 {
			l.Add(x)
		}
		return nil
	})
	if err != nil || n < 200 {
		t.Fatal(n, err)
	}
	if most > 64<<20 {
		t.Errorf("%d MiB are held at once", most>>20)
	}
}

// TestStreamIsJSON: whatever is JSON is read as encoding/json reads it.
func TestStreamIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{}
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			want[rapid.StringN(0, 20, 60).Draw(t, "key")] = rapid.StringN(0, 50, -1).Draw(t, "value")
		}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		// As others read it: invalid UTF-8 is gone.
		clean := map[string]string{}
		if err := json.Unmarshal(b, &clean); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		s := newStream(iotestOneByte(bytes.NewReader(b)))
		if err := s.object(func(key string) error {
			v, err := s.scalar(1 << 10)
			got[key] = v
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(clean) {
			t.Fatalf("%q instead of %q", got, clean)
		}
	})
}

// iotestOneByte gives a byte a read.
func iotestOneByte(r io.Reader) io.Reader { return &oneByte{r} }

type oneByte struct{ r io.Reader }

func (o *oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

const petAPI = `openapi: 3.1.0
info: {title: Shop, version: "1"}
servers: [{url: "https://shop.example/v1"}]
paths:
  /members/{memberId}:
    get:
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema: {$ref: "#/components/schemas/Member"}
  /members/{memberId}/friends:
    get:
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Member"}}}}}
components:
  schemas:
    Member:
      type: object
      properties:
        id: {type: string}
        email: {type: [string, "null"], format: email}
        friends: {type: array, items: {$ref: "#/components/schemas/Member"}}
`

func TestOpenAPI(t *testing.T) {
	var a API
	if err := a.Read([]byte(petAPI)); err != nil {
		t.Fatal(err)
	}
	if !LooksLikeAPI([]byte(petAPI)) || LooksLikeAPI([]byte(har())) {
		t.Error("a document and a recording are mixed up")
	}
	l := newLearner(t)
	for i := range 3 {
		l.Add(seen("GET", fmt.Sprintf("/v1/members/%d", 1000+i), fmt.Sprintf(`{"id":%d,"email":"p%d@example.com"}`, 1000+i, i)))
	}
	found := map[string]*Route{}
	for _, r := range a.Join(l.Routes()) {
		found[r.Text()] = r
	}
	r := found["GET /v1/members/{memberId}"]
	if r == nil || !r.Seen || !r.Documented || r.Subject == nil || r.Subject.Text != "customer {memberId}" {
		t.Errorf("%+v", found)
	}
	r = found["GET /v1/members/{memberId}/friends"]
	if r == nil || r.Seen || !r.Documented || len(r.Classes()) == 0 {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"", "x", "openapi: 2.0", "openapi: 3.0.0\npaths: 7", `{"swagger":"2.0"}`, "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {/a: {$ref: 'http://127.0.0.1:1/x'}}"} {
		var b API
		if err := b.Read([]byte(bad)); err != nil && !errors.Is(err, ErrAPI) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(har(entry)))
	f.Add([]byte(`{"http_buffered_trace":{"request":{"headers":[{"key":":method","value":"GET"}]},"response":{"body":{"as_bytes":"e30="}}}}`))
	f.Add([]byte(`{"log":{"entries":[{"request":{"url":"\ud800","headers":7}}]}}`))
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := New(finder)
		n := 0
		err := Read(bytes.NewReader(b), func(x *Exchange) error {
			n++
			l.Add(x)
			return nil
		})
		if err == nil && !json.Valid(bytes.TrimPrefix(b, []byte("\ufeff"))) && n == 0 && len(b) < 10 {
			t.Fatal("nothing was read, and that is no error")
		}
		for _, r := range l.Routes() {
			_ = r.Text()
		}
	})
}

func FuzzOpenAPI(f *testing.F) {
	f.Add([]byte(petAPI))
	f.Add([]byte(`{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/a/{b}":{"get":{"responses":{"200":{"description":"x"}}}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		var a API
		if err := a.Read(b); err != nil && !errors.Is(err, ErrAPI) {
			t.Fatal(err)
		}
	})
}

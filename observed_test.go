package weir_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
)

func observing(c *guard.Config) { c.Mode = guard.Observe }

// done is what the ledger says of one exchange.
type done struct {
	acts   map[string]int // what was, or would have been, done to which class
	denied weir.Reason
}

// TestObservedLeavesAsItIs plays every exchange file once as it is and once to a
// Weir that only observes. Then each client receives what the service answered,
// status, header and content, whatever the policy says; and the ledger says what
// the enforcing one has done.
func TestObservedLeavesAsItIs(t *testing.T) {
	files, err := filepath.Glob("testdata/exchanges/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d exchange files: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("mode: observe")) {
			continue // nothing to compare: it is about observing itself, and TestExchanges plays it
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			enforced, _ := play(t, file, false)
			observed, denied := play(t, file, true)
			if denied > 0 {
				t.Errorf("%d denials", denied)
			}
			for i := range enforced {
				e, o := enforced[i], observed[i]
				if e.denied != o.denied && !strings.HasSuffix(file, "truncated.txtar") { // that is the service's own end
					t.Errorf("exchange %d: denied for %q, would have been for %q", i, e.denied, o.denied)
				}
				if e.denied == weir.ReasonBudget {
					break // from here on they have taken different customers
				}
				if e.denied == "" && !maps.Equal(e.acts, o.acts) {
					t.Errorf("exchange %d: did %v, would have done %v", i, e.acts, o.acts)
				}
			}
		})
	}
}

// play gives what the ledger says of each exchange of a file, and how many denials
// it has. While observing it also compares what clients receive.
func play(t *testing.T, file string, observe bool) (all []done, denials int) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	policyText, err := os.ReadFile("testdata/exchanges/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var options []houseOption
	for _, f := range archive.Files {
		if f.Name == "policy.yaml" {
			policyText = f.Data
		}
	}
	if observe {
		options = append(options, observing)
	}
	h := newHouse(t, string(policyText), options...)
	front := httptest.NewServer(h.door)
	defer front.Close()
	for i := range archive.Files {
		f := &archive.Files[i]
		switch f.Name {
		case "as":
			h.as(t, f.Data)
		case "pause":
			d, _ := time.ParseDuration(strings.TrimSpace(string(f.Data)))
			h.clock.pass(d)
		case "request":
			answer := []byte("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{}")
			if i+1 < len(archive.Files) && archive.Files[i+1].Name == "answer" {
				answer = archive.Files[i+1].Data
			}
			if observe || i+1 < len(archive.Files) && archive.Files[i+1].Name == "answer" {
				h.upstream.answers(answer)
			}
			got := exchangeOnce(t, front.Listener.Addr().String(), f.Data)
			if observe {
				sameAnswer(t, f.Data, answer, got)
			}
			d, n := h.done(t)
			all, denials = append(all, d), denials+n
		}
	}
	return all, denials
}

// sameAnswer compares what a client received with what the service answered.
func sameAnswer(t *testing.T, request, answer []byte, got string) {
	t.Helper()
	method, _, _ := strings.Cut(string(request), " ")
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(onWire(answer, false))), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil { // the service's own end is early: as far as it went
		if !strings.Contains(got, "[broken off]") && !strings.Contains(got, "502") && got != "[no response]" {
			t.Errorf("an answer cut short looks whole:\n%s", got)
		}
		return
	}
	head, content, _ := strings.Cut(got, "\n\n")
	content, _, _ = strings.Cut(content, "\n[trailer]")
	if status := fmt.Sprintf("%s %s", r.Proto, r.Status); !strings.HasPrefix(head, status) {
		t.Errorf("%q instead of %q", head, status)
	}
	if want := exchangeID.ReplaceAllString(string(body), "0123456789abcdef01234567"); content != want {
		t.Errorf("%s %q\nreceived\n%q\ninstead of\n%q", method, head, content, want)
	}
	for name, values := range r.Header {
		for _, v := range values {
			if line := name + ": " + v; name != "Date" && name != "Connection" && !strings.Contains(head+"\n", "\n"+line+"\n") {
				t.Errorf("the header lacks %s:\n%s", line, head)
			}
		}
	}
	for line := range strings.Lines(head) {
		name, _, is := strings.Cut(line, ":")
		if is && r.Header.Get(name) == "" && name != "Date" && name != "Content-Length" && name != "Connection" {
			t.Errorf("the header gained %s", line)
		}
	}
}

// done reads what the ledger has gained.
func (h *house) done(t *testing.T) (d done, denials int) {
	t.Helper()
	h.quiesce(t)
	if _, err := h.ledger.Append(t.Context(), &ledger.Entry{Kind: ledger.Staff, Time: h.clock.now(), Text: "read"}); err != nil {
		t.Fatal(err)
	}
	d.acts = map[string]int{}
	err := h.ledger.Replay(h.seen, func(index int64, e *ledger.Entry) error {
		h.seen = index + 1
		acts := e.Actions
		switch e.Kind {
		case ledger.Release:
			if e.Would != nil {
				for _, a := range e.Actions {
					if a.Action != weir.Allow {
						t.Errorf("%s left, and the ledger says %s", a.Class, a.Action)
					}
				}
				acts = e.Would.Actions
			}
		case ledger.Denied, ledger.WouldDeny:
			d.denied = e.Reason
			if e.Kind == ledger.Denied {
				denials++
			}
		case ledger.Close:
			if e.Reason != "" {
				d.denied = e.Reason // the second of a kind in a second has no entry of its own yet
			}
		}
		for _, a := range acts {
			if a.N > 0 {
				d.acts[string(a.Class)+":"+a.Action.String()] += a.N
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, denials
}

// TestObservedServicesThatCannotBeRead: what Weir does not carry when it enforces
// goes on while it observes: other protocols, ranges, trailers, encodings, types.
func TestObservedServicesThatCannotBeRead(t *testing.T) {
	policyText, err := os.ReadFile("testdata/exchanges/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	record := `{"id":"c-1","email":"ada@example.com"}`
	_, _ = z.Write([]byte(record))
	_ = z.Close()
	long := `{"email":"ada@example.com","rest":"` + strings.Repeat("x", 3<<20) + `"}`
	half := `[{"email":"ada@example.com"},{"email":"ben@example.com"},{"email":` + strings.Repeat("y", 300) + `]` + strings.Repeat("and so on, ", 50000)
	for _, c := range []struct {
		name    string
		answer  string
		content string
		header  map[string]string
	}{
		{"an encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello", "hello", map[string]string{"Content-Encoding": "br"}},
		{"gzip", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nEtag: \"a\"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), zipped.Bytes()), record, map[string]string{"Etag": `W/"a"`}},
		{"no type", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x00\x01\x02\x03", "\x00\x01\x02\x03", nil},
		{"two types", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", "hi", nil},
		{"a part", "HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Range: bytes 3-6/100\r\nContent-Length: 4\r\n\r\n\"id\"", `"id"`, map[string]string{"Content-Range": "bytes 3-6/100"}},
		{"too long", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(long), long), long, nil},
		{"wrong in the middle", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(half), half), half, nil},
		{"a trailer", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n", "hi", nil},
		{"a picture that is none", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 15\r\n\r\nada@example.com", "ada@example.com", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, string(policyText), observing)
			front := httptest.NewServer(h.door)
			defer front.Close()
			h.as(t, []byte("{kind: staff, name: agent-7, role: support}"))
			h.upstream.mu.Lock()
			h.upstream.next = append(h.upstream.next, []byte(c.answer))
			h.upstream.mu.Unlock()
			path := "/v1/customers/c-1"
			if c.name == "a picture that is none" {
				path = "/media/x.png"
			}
			r, _ := http.NewRequest("GET", front.URL+path, nil)
			r.Header.Set("Range", "bytes=3-6")
			client := &http.Client{Transport: new(http.Transport)}
			defer client.CloseIdleConnections()
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if res.Uncompressed || err != nil || string(body) != c.content {
				if c.name != "gzip" || err != nil || !slices.Equal(body, []byte(c.content)) {
					t.Errorf("%d bytes instead of %d, %v", len(body), len(c.content), err)
				}
			}
			for name, want := range c.header {
				if res.Header.Get(name) != want {
					t.Errorf("%s: %q", name, res.Header.Get(name))
				}
			}
			if c.name == "a trailer" && res.Trailer.Get("X-Sum") != "7" {
				t.Errorf("trailer %v", res.Trailer)
			}
			entries := h.entries(t)
			if strings.Contains(entries, "\ndenied") || !strings.Contains(entries, "customer:c-1") && c.name != "a picture that is none" {
				t.Errorf("the ledger says\n%s", entries)
			}
		})
	}
}

// TestObservedUpgrade: another protocol passes, and is on record as unread.
func TestObservedUpgrade(t *testing.T) {
	policyText, err := os.ReadFile("testdata/exchanges/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, string(policyText), observing)
	front := httptest.NewServer(h.door)
	defer front.Close()
	h.as(t, []byte("{kind: staff, name: agent-7, role: support}"))
	h.upstream.mu.Lock()
	h.upstream.next = append(h.upstream.next, []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nada@example.com\n"))
	h.upstream.mu.Unlock()
	conn, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET /v1/customers/c-1 HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	line, err := br.ReadString('\n')
	if err != nil || line != "ada@example.com\n" {
		t.Fatalf("%q, %v", line, err)
	}
	conn.Close()
	entries := h.entries(t)
	if !strings.Contains(entries, "would-deny") || !strings.Contains(entries, "unread=16") || !strings.Contains(entries, "customer:c-1(clear; would:)") {
		t.Errorf("the ledger says\n%s", entries)
	}
}

// TestObservedCredentials: whoever shows what is not known here passes while all is
// observed, and is refused on a route that is enforced.
func TestObservedCredentials(t *testing.T) {
	policyText, err := os.ReadFile("testdata/exchanges/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode, path string
		status     int
	}{
		{"mode: observe\n", "/v1/customers/c-1", 200}, {"mode: observe\n", "/elsewhere", 200}, {"mode: observe\n", "/v1;x/customers/c-1", 200},
		{"", "/v1/customers/c-1", 401}, {"mode: enforce\n", "/elsewhere", 401},
	} {
		h := newHouse(t, c.mode+string(policyText))
		h.who.refuse = &weir.Denial{Reason: weir.ReasonCredential, Message: "no"}
		front := httptest.NewServer(h.door)
		h.upstream.answers([]byte("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"email\":\"ada@example.com\"}"))
		res, err := http.Get(front.URL + c.path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%q %s: %d", c.mode, c.path, res.StatusCode)
		}
		front.Close()
	}
}

// TestLaw1WhileObserving: what cannot be recorded does not leave, observed or not.
func TestLaw1WhileObserving(t *testing.T) {
	policyText, err := os.ReadFile("testdata/exchanges/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, string(policyText), observing)
	h.as(t, []byte("{kind: staff, name: agent-7, role: support}"))
	front := httptest.NewServer(h.door)
	defer front.Close()
	h.upstream.answers([]byte("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"email\":\"ada@example.com\"}"))
	var once sync.Once
	once.Do(h.stop)
	res, err := http.Get(front.URL + "/elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != 503 || bytes.Contains(body, []byte("ada@")) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

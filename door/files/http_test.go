package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHandler(t *testing.T) {
	const email = "jo@example.com"
	long := strings.Repeat("x", 5000)
	tests := map[string]struct {
		media, packed, body string
		status              int // of the answer
		out                 func(body string) bool
	}{
		"json":      {"application/json; charset=utf-8", "", `{"email":"` + email + `"}`, 200, func(b string) bool { return b == `{"email":"**@*******.***"}` }},
		"no type":   {"", "", "mail " + email + "\n", 200, func(b string) bool { return b == "mail **@*******.***\n" }},
		"picture":   {"image/png", "", "\x89PNG\r\n\x1a\n" + email, 200, func(b string) bool { return strings.HasSuffix(b, email) }},
		"packed":    {"application/json", "br", "....", 502, func(b string) bool { return !strings.Contains(b, "....") }},
		"not json":  {"application/json", "", `{"email":"` + email, 502, func(b string) bool { return !strings.Contains(b, email) }},
		"is binary": {"application/octet-stream", "", strings.Repeat("\x00\x01", 9000), 502, func(b string) bool { return !strings.Contains(b, "\x00") }},
		"events":    {"text/event-stream", "", "data: {\"email\":\"" + email + "\",\"x\":\"" + long + "\"}\n\n", 200, func(b string) bool { return !strings.Contains(b, email) && strings.Contains(b, long) }},
	}
	for name, test := range tests {
		behind := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "" || r.Header.Get("Range") != "" {
				t.Errorf("%s: %v", name, r.Header)
			}
			if test.media != "" {
				w.Header().Set("Content-Type", test.media)
			}
			if test.packed != "" {
				w.Header().Set("Content-Encoding", test.packed)
			}
			w.Header().Set("ETag", `"1"`)
			for i := range test.body {
				if _, err := io.WriteString(w, test.body[i:i+1]); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		})
		server := httptest.NewServer(NewHandler(behind, MaskOptions{Inspector: inspector(t)}))
		answer, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != test.status || err != nil || !test.out(string(body)) {
			t.Errorf("%s: %d %v %q", name, answer.StatusCode, err, body)
		}
		if name == "json" && answer.Header.Get("ETag") != "" {
			t.Error("the mark of another body stays")
		}
		server.Close()
	}
	// What turns out wrong in the middle is broken off.
	server := httptest.NewServer(NewHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `[{"a":1},{"b":2}] jo@example.com`)
	}), MaskOptions{Inspector: inspector(t)}))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err == nil {
		_, err = io.ReadAll(answer.Body)
	}
	if err == nil {
		t.Error("a broken answer reads as a whole one")
	}
	if answer, err := http.Head(server.URL); err != nil || answer.StatusCode != 200 {
		t.Errorf("HEAD: %v %v", answer, err)
	}
}

type secret struct{}

func (secret) String() string { return "for jo@example.com" }

func TestLogHandler(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(NewLogHandler(slog.NewJSONHandler(&b, nil), MaskOptions{Inspector: inspector(t)}))
	log.With("email", "with@example.com").WithGroup("g").Info("to jo@example.com",
		slog.Group("in", "mail", "jo@example.com", "ok", true), "err", errors.New("no jo@example.com"), "n", 3, "took", time.Second,
		"any", map[string]any{"email": "jo@example.com", "n": 1}, "stringer", secret{}, "list", []int{1, 2}, "card", 4242424242424242, "nil", nil,
		"bytes", []byte("jo@example.com"))
	line := b.String()
	if strings.Contains(line, "jo") || strings.Contains(line, "with@") || strings.Contains(line, "424242424242") {
		t.Errorf("%s", line)
	}
	var got struct {
		G struct {
			In   struct{ OK bool }
			N    int
			Any  struct{ Email string }
			List []int
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || !got.G.In.OK || got.G.N != 3 || got.G.Any.Email != "**@*******.***" || len(got.G.List) != 2 {
		t.Errorf("%v %s", err, line)
	}
	only := slog.New(NewLogHandler(slog.NewJSONHandler(&b, nil), MaskOptions{Inspector: inspector(t), Classes: []string{"payment.*"}}))
	b.Reset()
	only.Info("jo@example.com")
	if !strings.Contains(b.String(), "jo@example.com") {
		t.Error("a class that was not asked for is masked")
	}
}

package adminsock

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

type ask struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

type answer struct {
	Twice int `json:"twice"`
	UID   int `json:"uid"`
	PID   int `json:"pid"`
}

func sample() *Mux {
	m := &Mux{}
	Handle(m, "twice", func(_ context.Context, who Caller, in *ask) (answer, error) {
		switch {
		case in.N < 0:
			return answer{}, Refuse(http.StatusConflict, "%d is negative", in.N)
		case in.N == 13:
			return answer{}, errors.New("the disk is full")
		}
		return answer{2 * in.N, who.UID, who.PID}, nil
	})
	return m
}

// serve runs a server in dir until the test, or end, ends it.
func serve(t *testing.T, dir string) (end func()) {
	t.Helper()
	s, err := Listen(dir, sample(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	end = func() {
		once.Do(func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(end)
	return end
}

// TestCalls makes the same calls through a socket and within the process: they
// answer alike, and both name the caller.
func TestCalls(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	remote, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	for _, c := range []*Client{remote, sample().Client(Self())} {
		got, err := Call[answer](t.Context(), c, "twice", ask{N: 21})
		if want := (answer{42, os.Geteuid(), os.Getpid()}); err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
		var p *Problem
		if _, err = Call[answer](t.Context(), c, "twice", ask{N: -1}); !errors.As(err, &p) || p.Status != http.StatusConflict || p.Message != "-1 is negative" {
			t.Errorf("refused: %v", err)
		}
		if _, err = Call[answer](t.Context(), c, "twice", ask{N: 13}); errors.As(err, &p) || err == nil || err.Error() != "the disk is full" {
			t.Errorf("failed: %v", err)
		}
		if _, err = Call[answer](t.Context(), c, "twice", map[string]int{"m": 1}); !errors.As(err, &p) || p.Status != http.StatusBadRequest || !strings.Contains(err.Error(), `"m"`) {
			t.Errorf("an unknown key: %v", err)
		}
		if _, err = Call[answer](t.Context(), c, "thrice", ask{}); err == nil || !strings.Contains(err.Error(), "same version") {
			t.Errorf("an unknown call: %v", err)
		}
	}
	var p *Problem
	if _, err = Call[answer](t.Context(), remote, "twice", ask{Text: strings.Repeat("x", MaxBody)}); !errors.As(err, &p) {
		t.Errorf("a call that is too long: %v", err)
	}
	if remote.Local() || !sample().Client(Self()).Local() {
		t.Error("only a client of the Mux itself is local")
	}
	info, err := os.Stat(filepath.Join(dir, Name))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
}

// TestLifecycle: none before, one after; what a killed server left is replaced,
// and what is no socket is not.
func TestLifecycle(t *testing.T) {
	// Longer than the address of a Unix socket.
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	none := func(when string) {
		t.Helper()
		if _, err := Dial(dir); !errors.Is(err, ErrNoServer) {
			t.Errorf("%s: %v", when, err)
		}
	}
	none("before the first start")
	end := serve(t, dir)
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	end()
	none("after an end in order")
	if _, err := os.Lstat(filepath.Join(dir, Name)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := Call[answer](t.Context(), c, "twice", ask{}); !errors.Is(err, ErrNoServer) {
		t.Errorf("a call after the end: %v", err)
	}
	s, err := Listen(dir, sample(), nil)
	if err != nil {
		t.Fatal(err)
	}
	left := s.listen.(unlinking).Listener.Close() // as kill -9 does
	none("after a kill")
	if _, err := os.Lstat(filepath.Join(dir, Name)); left != nil || err != nil {
		t.Fatal("the socket is to be left behind", left, err)
	}
	serve(t, dir)()
	if err := os.WriteFile(filepath.Join(dir, Name), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(dir, sample(), nil); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file is in the way: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, Name)); string(b) != "mine" {
		t.Error("the file is gone", err)
	}
}

// TestStranger: calls over a connection whose other end the kernel does not name
// as a trusted user are refused, whatever they are.
func TestStranger(t *testing.T) {
	s := &Server{mux: sample(), log: slog.New(slog.DiscardHandler)}
	ours, theirs := net.Pipe() // no Unix socket: nobody can be asked
	defer ours.Close()
	defer theirs.Close()
	ctx := s.name(t.Context(), ours)
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/v1/twice", strings.NewReader(`{"n":1}`))
	w := &written{header: http.Header{}}
	s.mux.http.ServeHTTP(w, r)
	if w.status != http.StatusForbidden || strings.Contains(w.body.String(), "twice") {
		t.Errorf("%d %s", w.status, &w.body)
	}
	for uid, want := range map[int]bool{os.Geteuid(): true, 0: true, -1: false, 65534: os.Geteuid() == 65534} {
		if trusted(Caller{UID: uid}) != want {
			t.Errorf("user %d: %v", uid, !want)
		}
	}
}

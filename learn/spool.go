package learn

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/getweir/weir"
)

// A Spool keeps exchanges for a second reading, in a file that has no name: nothing of
// it is left behind, whatever becomes of the process. It is for one goroutine.
type Spool struct {
	f    *os.File
	w    *bufio.Writer
	at   int64
	all  []place
	last time.Time
}

type place struct {
	time   int64 // Unix nanoseconds
	at     int64
	length int32
}

// NewSpool makes one in a folder; "": that of the system for temporary files.
func NewSpool(dir string) (*Spool, error) {
	f, err := os.CreateTemp(dir, "weir-learn-")
	if err != nil {
		return nil, fmt.Errorf("keep what is learnt from: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("keep what is learnt from: %w", err)
	}
	return &Spool{f: f, w: bufio.NewWriterSize(f, 1<<20), last: time.Now()}, nil
}

// spooled is an exchange as it is kept.
type spooled struct {
	T       time.Time
	M, H, U string
	Q, A    map[string][]string
	S       int
	B       []byte
	C       bool
}

// Add keeps an exchange. One that does not say when it was, was when the one before it was.
func (s *Spool) Add(x *Exchange) error {
	if x.Time.IsZero() {
		x.Time = s.last
	}
	s.last = x.Time
	b, err := json.Marshal(spooled{x.Time, x.Method, x.Host, x.Target.Reveal(), x.Request, x.Response, x.Status, x.Body, x.Cut})
	if err == nil {
		_, err = s.w.Write(b)
	}
	if err != nil {
		return fmt.Errorf("keep what is learnt from: %w", err)
	}
	s.all = append(s.all, place{x.Time.UnixNano(), s.at, int32(len(b))})
	s.at += int64(len(b))
	return nil
}

// Len gives how many exchanges are kept.
func (s *Spool) Len() int { return len(s.all) }

// Each gives every exchange in the order of time.
func (s *Spool) Each(each func(*Exchange) error) error {
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("keep what is learnt from: %w", err)
	}
	slices.SortStableFunc(s.all, func(a, b place) int { return cmp.Compare(a.time, b.time) })
	var b []byte
	for _, p := range s.all {
		b = slices.Grow(b[:0], int(p.length))[:p.length]
		if _, err := s.f.ReadAt(b, p.at); err != nil && err != io.EOF {
			return fmt.Errorf("read what was kept: %w", err)
		}
		var k spooled
		if err := json.Unmarshal(b, &k); err != nil {
			return fmt.Errorf("read what was kept: %w", err)
		}
		if err := each(&Exchange{Time: k.T, Method: k.M, Host: k.H, Target: weir.NewPlain(k.U), Request: k.Q, Response: k.A, Status: k.S, Body: k.B, Cut: k.C}); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of the file.
func (s *Spool) Close() error { return s.f.Close() }

package main

import (
	"context"
	"os"
	"runtime"
	"sync"
)

// A bareCommit is what the ledger is measured against: the same group commit, and
// nothing else. Callers copy bytes into a group; one goroutine appends the group
// to a file with one write and one fdatasync, and lets them all go. It waits, as
// the ledger does, for those whom it has just let go to be back.
type bareCommit struct {
	f    *os.File
	wake chan struct{} // has a token when the group may hold something

	mu    sync.Mutex
	group *bareGroup
}

type bareGroup struct {
	buf  []byte
	n    int
	done chan struct{} // closed when err is set, for good
	err  error
}

func newBareCommit(path string) (*bareCommit, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &bareCommit{f: f, wake: make(chan struct{}, 1), group: &bareGroup{done: make(chan struct{})}}, nil
}

// append returns when p is durable.
func (c *bareCommit) append(p []byte) error {
	c.mu.Lock()
	g := c.group
	g.buf = append(g.buf, p...)
	g.n++
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	<-g.done
	return g.err
}

// run owns the file until ctx ends.
func (c *bareCommit) run(ctx context.Context) error {
	var spare []byte
	at, served := int64(0), 0
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return c.f.Close()
		}
		for before := -1; ; runtime.Gosched() {
			c.mu.Lock()
			n := c.group.n
			c.mu.Unlock()
			if n >= served || n == before {
				break
			}
			before = n
		}
		c.mu.Lock()
		g := c.group
		c.group = &bareGroup{buf: spare[:0], done: make(chan struct{})}
		c.mu.Unlock()
		if _, g.err = c.f.WriteAt(g.buf, at); g.err == nil {
			g.err = datasync(c.f)
		}
		at += int64(len(g.buf))
		served, spare = g.n, g.buf
		close(g.done)
	}
}

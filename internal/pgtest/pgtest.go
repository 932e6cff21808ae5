// Package pgtest runs a private PostgreSQL server for tests.
//
// A Server is made by initdb in a folder of its own, listens on a socket in that
// folder only, syncs what it commits, and runs as the user postgres where the
// tests run as root, since PostgreSQL refuses root.
//
// It guarantees that a test without PostgreSQL fails and says what to install,
// and that the server ends with the test program, however that ends where the
// system can see to it. It is for tests only; nothing that is shipped imports it.
package pgtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A Server is a running PostgreSQL. Its methods are for one goroutine, but for
// Database and URL.
type Server struct {
	bin  string
	dir  string
	as   *syscall.Credential // nil: whoever runs the tests
	cmd  *exec.Cmd
	done chan struct{}
	n    atomic.Int64
}

// ErrMissing says what to install.
var ErrMissing = errors.New("PostgreSQL is not installed, and the shared store is to be tested on a real one: apt-get install postgresql")

// binaries gives the folder of the newest PostgreSQL.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", ErrMissing
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// Start makes a server and starts it. Whoever calls Start calls Close.
func Start() (_ *Server, err error) {
	s := new(Server)
	if s.bin, err = binaries(); err != nil {
		return nil, err
	}
	// Below the system's folder: the name of a socket may have 107 bytes.
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(s.dir)
		}
	}()
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres: %w", err)
		}
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if err := errors.Join(uerr, gerr, os.Chown(s.dir, uid, gid)); err != nil {
			return nil, err
		}
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	initdb := s.command("initdb", "--pgdata", s.data(), "--username", "weir", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// Where ALTER SYSTEM can change it, for tests that want a bad server.
	if err := appendFile(filepath.Join(s.data(), "postgresql.conf"), "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n"); err != nil {
		return nil, err
	}
	return s, s.Run()
}

func appendFile(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = attributes(s.as)
	return cmd
}

// Run starts the server again after Stop.
func (s *Server) Run() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = s.command("postgres", "-D", s.data(), "-k", s.dir, "-h", "", "-p", "5432",
		"-c", "shared_buffers=32MB", "-c", "max_connections=60", "-c", "log_statement=none")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	done := make(chan struct{})
	s.done = done
	go func() {
		_ = s.cmd.Wait()
		close(done)
	}()
	for deadline := time.Now().Add(time.Minute); ; {
		out, err := s.command("pg_isready", "-h", s.dir, "-p", "5432").CombinedOutput()
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("PostgreSQL has ended:\n%s", s.Log())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Stop(syscall.SIGQUIT)
			return fmt.Errorf("PostgreSQL is not ready: %s\n%s", bytes.TrimSpace(out), s.Log())
		}
	}
}

// Stop ends the server by a signal: SIGINT breaks off what runs, SIGQUIT is a
// crash of which it recovers at the next Run.
func (s *Server) Stop(sig syscall.Signal) {
	select {
	case <-s.done:
		return
	default:
	}
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// Close stops the server and removes its files.
func (s *Server) Close() {
	s.Stop(syscall.SIGQUIT)
	os.RemoveAll(s.dir)
}

// Log gives what the server has written.
func (s *Server) Log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(b)
}

// URL gives how to reach a database as a user, over the server's socket or, if
// it is not empty, at another address.
func (s *Server) URL(user, database, address string) string {
	if address == "" {
		return fmt.Sprintf("postgres://%s@/%s?host=%s&port=5432", user, database, s.dir)
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", user, address, database)
}

// Database makes a new, empty database and gives its URL.
func (s *Server) Database() (url string, err error) {
	name := fmt.Sprintf("test%d", s.n.Add(1))
	if err := s.SQL("postgres", "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.URL("weir", name, ""), nil
}

// SQL carries out statements as the superuser.
func (s *Server) SQL(database, statements string) error {
	out, err := s.command("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-p", "5432", "-U", "weir", "-d", database, "-c", statements).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

// Rows gives each line of what a query of one column gives.
func (s *Server) Rows(database, query string, each func(string)) error {
	out, err := s.command("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-p", "5432", "-U", "weir", "-d", database, "-c", query).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		each(strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// Dial opens a bare connection to the server's socket, for tests that stand
// between it and a client.
func (s *Server) Dial() (net.Conn, error) {
	return net.Dial("unix", filepath.Join(s.dir, ".s.PGSQL.5432"))
}

// A Session is a client that holds what its statements have taken.
type Session struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// Session prepares a session of the superuser's.
func (s *Server) Session(database string) *Session {
	return &Session{cmd: s.command("psql", "-X", "-q", "-A", "-t", "-h", s.dir, "-p", "5432", "-U", "weir", "-d", database)}
}

// Start carries out statements and waits until they have given the line until.
func (p *Session) Start(statements, until string) (err error) {
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if _, err := io.WriteString(p.in, statements+"\n"); err != nil {
		return err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == until {
			return nil
		}
	}
	return errors.New("the session has ended")
}

// End ends the session; what it has not committed is undone.
func (p *Session) End() {
	p.in.Close()
	_ = p.cmd.Wait()
}

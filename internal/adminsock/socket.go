package adminsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A Server answers the calls of a Mux on a socket. Run is called once.
type Server struct {
	mux    *Mux
	log    *slog.Logger
	listen net.Listener
}

// Listen makes the socket in the folder dir, mode 0600, and gives a Server that
// answers once Run has been called. A socket that a server left behind is
// replaced, so the caller holds what keeps a second server from dir; anything else
// of that name is left, and an error. log may be nil.
func Listen(dir string, mux *Mux, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	path := filepath.Join(dir, Name)
	switch info, err := os.Lstat(path); {
	case err == nil && info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is in the way of the admin socket: it is no socket", path)
	case err == nil:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the admin socket of an earlier server: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	var listen net.Listener
	err := reachable(path, func(path string) (err error) {
		listen, err = net.Listen("unix", path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on the admin socket: %w", err)
	}
	// It is unlinked by its real path: the one it was bound by may not last.
	listen.(*net.UnixListener).SetUnlinkOnClose(false)
	s := &Server{mux, log, unlinking{listen, path}}
	// Until then the peer's user is what keeps others out.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("admin socket: %w", err), s.Close())
	}
	return s, nil
}

// unlinking removes the socket's file when it is closed.
type unlinking struct {
	net.Listener
	path string
}

func (u unlinking) Close() error {
	err := u.Listener.Close()
	if err == nil {
		err = os.Remove(u.path)
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Close gives up a Server whose Run was not called.
func (s *Server) Close() error { return s.listen.Close() }

// Run answers calls until ctx ends, which is no error; calls that are under way
// may then finish, for some seconds. It closes and removes the socket.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           &s.mux.http,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       s.name,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listen) }()
	var failed error
	select {
	case <-ctx.Done():
		patience, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		if err := server.Shutdown(patience); err != nil {
			server.Close()
		}
		failed = <-served
	case failed = <-served:
	}
	if errors.Is(failed, http.ErrServerClosed) {
		return nil
	}
	return errors.Join(fmt.Errorf("serve the admin socket: %w", failed), s.listen.Close())
}

// name puts the other end's user into the context of its calls. Without one they
// are refused.
func (s *Server) name(ctx context.Context, c net.Conn) context.Context {
	who, err := peer(c)
	if err != nil || !trusted(who) {
		s.log.Warn("somebody else's call on the admin socket is refused", "uid", who.UID, "pid", who.PID, "err", err)
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, who)
}

// trusted are this process's own user and root, who can do what it does anyway.
func trusted(who Caller) bool { return who.UID == os.Geteuid() || who.UID == 0 }

// Self is the Caller that this process is.
func Self() Caller { return Caller{UID: os.Geteuid(), PID: os.Getpid()} }

// Dial gives a Client for the server whose socket is in the folder dir. It fails
// with ErrNoServer where none listens. Only a socket of this user, of root or of
// dir's owner is spoken to: else ErrStranger.
func Dial(dir string) (*Client, error) {
	path := filepath.Join(dir, Name)
	dial := func(ctx context.Context) (c net.Conn, err error) {
		err = reachable(path, func(path string) (err error) {
			var d net.Dialer
			c, err = d.DialContext(ctx, "unix", path)
			return err
		})
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, ErrNoServer
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w: run this as the user that the server runs as (%w)", ErrStranger, err)
		}
		if err != nil {
			return nil, fmt.Errorf("reach the admin socket: %w", err)
		}
		who, err := peer(c)
		if err == nil && !trusted(who) && !owns(dir, who) {
			err = ErrStranger
		}
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return c, nil
	}
	first, err := dial(context.Background())
	if err != nil {
		return nil, err
	}
	if err := first.Close(); err != nil {
		return nil, err
	}
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}, nil
}

func owns(dir string, who Caller) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == who.UID
}

package adminsock

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// peer asks the kernel who is at the other end of c (SO_PEERCRED, unix(7)).
func peer(c net.Conn) (Caller, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Caller{UID: -1}, errors.New("not a Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Caller{UID: -1}, err
	}
	var cred *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, asked); err != nil {
		return Caller{UID: -1}, fmt.Errorf("ask who is at the other end: %w", err)
	}
	return Caller{UID: int(cred.Uid), PID: int(cred.Pid)}, nil
}

// longest is what an address of a Unix socket holds: sun_path has 108 bytes, one of
// them the end (unix(7)).
const longest = 107

// reachable hands fn a path of the socket that is short enough for its address,
// whatever the folder's path is.
func reachable(path string, fn func(path string) error) error {
	if len(path) <= longest {
		return fn(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return fn(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

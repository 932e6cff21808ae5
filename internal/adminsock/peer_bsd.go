//go:build darwin || freebsd

package adminsock

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peer asks the kernel who is at the other end of c (LOCAL_PEERCRED, unix(4)).
func peer(c net.Conn) (Caller, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Caller{UID: -1}, errors.New("not a Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Caller{UID: -1}, err
	}
	var cred *unix.Xucred
	var asked error
	err = raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptXucred(int(fd), 0 /* SOL_LOCAL */, unix.LOCAL_PEERCRED)
	})
	if err = errors.Join(err, asked); err != nil {
		return Caller{UID: -1}, fmt.Errorf("ask who is at the other end: %w", err)
	}
	return Caller{UID: int(cred.Uid)}, nil
}

// reachable hands fn the socket's path: an address holds 103 bytes, and there is
// no way round that.
func reachable(path string, fn func(path string) error) error { return fn(path) }

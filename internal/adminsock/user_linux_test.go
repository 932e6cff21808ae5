package adminsock

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// lockAsNobody makes this goroutine's thread, and no other, the user nobody. The
// goroutine is to end without unlocking, which ends the thread.
func lockAsNobody(t *testing.T) {
	runtime.LockOSThread()
	const nobody = 65534
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
		t.Error(errno)
	}
}

// TestOtherUser makes the call as another user, which needs root: the permissions
// of the socket keep it out, and where those are lost, the kernel's word does.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can be another user; TestStranger holds the rest")
		return
	}
	// t.TempDir's parents are closed to others.
	dir, err := os.MkdirTemp("/tmp", "weir-admin")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	serve(t, dir)
	path := filepath.Join(dir, Name)
	call := func() (reply string) {
		fd := make(chan string)
		go func() {
			// The thread keeps its user for good and is thrown away.
			lockAsNobody(t)
			fd <- rawCall(path)
		}()
		return <-fd
	}
	if got := call(); !strings.Contains(got, "permission denied") {
		t.Errorf("through the permissions: %s", got)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := call(); !strings.Contains(got, "403") {
		t.Errorf("past the permissions: %s", got)
	}
}

// rawCall speaks to the socket by system calls alone, so that no other thread does
// a part of it.
func rawCall(path string) string {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err.Error()
	}
	defer syscall.Close(fd)
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return err.Error()
	}
	body := `{"n":1}`
	if _, err := syscall.Write(fd, fmt.Appendf(nil, "POST /v1/twice HTTP/1.1\r\nHost: admin\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)); err != nil {
		return err.Error()
	}
	b := make([]byte, 4096)
	n, err := syscall.Read(fd, b)
	return fmt.Sprint(string(b[:max(n, 0)]), err)
}

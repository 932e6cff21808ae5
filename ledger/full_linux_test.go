package ledger

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A disk that is really full, at every start until there is room again: a small
// file system of its own where this may be mounted, else a limit on the length of
// files.
func TestTheDiskIsFull(t *testing.T) {
	root := t.TempDir()
	limit, room := "", func() {}
	switch err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=700k"); {
	case err == nil:
		t.Cleanup(func() {
			if err := unix.Unmount(root, 0); err != nil {
				t.Error(err)
			}
		})
		room = func() {
			if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_REMOUNT, "size=16m"); err != nil {
				t.Fatal(err)
			}
		}
	case errors.Is(err, syscall.EPERM):
		limit = "ulimit -f 600; "
	default:
		t.Fatal(err)
	}
	v := newVictim(t, root)
	for range 3 {
		code, said := v.live(t, -1, limit)
		full := strings.Contains(said, syscall.ENOSPC.Error()) || strings.Contains(said, syscall.EFBIG.Error())
		if code < 1 || !full {
			t.Fatalf("it ended with %d and said: %s", code, said)
		}
		if len(v.acked) < 100 {
			t.Fatalf("%d receipts: the disk was full before it began", len(v.acked))
		}
		v.judge(t)
	}
	room()
	before := len(v.acked)
	if code, said := v.live(t, 200, ""); code != -1 || len(v.acked) < before+200 {
		t.Fatalf("with room again: %d, %d receipts, %s", code, len(v.acked)-before, said)
	}
	v.judge(t)
}

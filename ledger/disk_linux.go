package ledger

import "golang.org/x/sys/unix"

// sync uses fdatasync, which writes the length of a file that has grown but
// spares its times. A call that a signal interrupts has done nothing yet.
func (f osFile) sync() error {
	fd := int(f.Fd())
	for {
		if err := unix.Fdatasync(fd); err != unix.EINTR {
			return err
		}
	}
}

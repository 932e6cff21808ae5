package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Thread gives the processor time that this thread has spent in the program.
func Thread() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

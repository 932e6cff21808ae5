package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime gives the processor time that this thread has spent in the program.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

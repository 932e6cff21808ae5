package guard

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machineUptime reads CLOCK_BOOTTIME (clock_gettime(2)), which nobody can set and
// which goes on while the machine sleeps, and the random id that the kernel gives
// each boot (proc_sys_kernel(5)).
func machineUptime() (boot string, up time.Duration) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", 0
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return "", 0
	}
	return strings.TrimSpace(string(id)), time.Duration(t.Nano())
}

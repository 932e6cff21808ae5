//go:build !linux

package guard

import "time"

// machineUptime cannot tell on this system: after a restart, the time since the last
// entry counts as not passed.
func machineUptime() (boot string, up time.Duration) { return "", 0 }

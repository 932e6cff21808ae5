//go:build !linux

package cputime

import "time"

var began = time.Now()

// Thread gives the time that has passed: the best that is known here.
func Thread() time.Duration { return time.Since(began) }

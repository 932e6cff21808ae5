//go:build !linux

package main

import "time"

var began = time.Now()

// threadTime gives the time that has passed: the best that is known here.
func threadTime() time.Duration { return time.Since(began) }

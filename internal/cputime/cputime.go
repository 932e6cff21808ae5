// Package cputime measures the processor time of a thread, which what else a
// machine does hardly disturbs.
//
// Whoever measures holds on to its thread (runtime.LockOSThread) and subtracts. On
// Linux the time is exactly the thread's; elsewhere it is the time that passes, so a
// figure is an upper bound there.
package cputime

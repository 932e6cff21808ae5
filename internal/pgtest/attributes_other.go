//go:build !linux

package pgtest

import "syscall"

// attributes lets a process run as somebody else.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as}
}

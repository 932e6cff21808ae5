package pgtest

import "syscall"

// attributes lets a process run as somebody else, and end by SIGQUIT when the
// tests end.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
}

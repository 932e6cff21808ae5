package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes what was written to f durable, as the ledger does it.
func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

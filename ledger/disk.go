package ledger

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A disk is the part of a file system that a log uses. It is an interface so
// that tests can let every single call fail, or the machine die at it.
type disk interface {
	// open opens a file for reading, and with write also for writing; with
	// create it makes an empty one where there is none.
	open(name string, mode openMode) (file, error)
	rename(from, to string) error
	remove(name string) error
	list(dir string) ([]string, error)
	mkdir(dir string) error
	// syncDir makes the names in dir durable.
	syncDir(dir string) error
	// lock takes the exclusive lock of name or fails at once.
	lock(name string) (io.Closer, error)
}

type openMode int

const (
	readOnly openMode = iota
	readWrite
	createWrite // emptied where it exists
)

// A file is an open file of a disk. Only what came before a sync that returned
// nil is durable.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	sync() error
	truncate(size int64) error
	size() (int64, error)
}

// osDisk is the real one.
type osDisk struct{}

type osFile struct{ *os.File }

func (osDisk) open(name string, mode openMode) (file, error) {
	flag := os.O_RDONLY
	switch mode {
	case readWrite:
		flag = os.O_RDWR
	case createWrite:
		flag = os.O_RDWR | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(name string) error     { return os.Remove(name) }
func (osDisk) mkdir(dir string) error       { return os.MkdirAll(dir, 0o700) }

func (osDisk) list(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f osFile) truncate(size int64) error { return f.Truncate(size) }

func (f osFile) size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// readFile reads a whole small file.
func readFile(d disk, name string) ([]byte, error) {
	f, err := d.open(name, readOnly)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := f.size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	k, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(name), err)
	}
	return b[:k], nil
}

// replaceFile puts content in the place of name, so that a reader sees the old
// one or the new one. With durable it is synced before it is put there; the name
// itself is durable after syncDir.
func replaceFile(d disk, name string, content []byte, durable bool) error {
	tmp := name + ".tmp"
	f, err := d.open(tmp, createWrite)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil && durable {
		err = f.sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return d.rename(tmp, name)
}

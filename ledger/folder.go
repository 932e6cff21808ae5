package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// A Folder is a Bucket in a directory, such as a mounted share. It writes each
// object beside its place, syncs it, and renames it.
type Folder struct {
	dir  string
	disk disk
}

// NewFolder gives the bucket in dir, which is made with the first object.
func NewFolder(dir string) *Folder { return &Folder{dir: dir, disk: osDisk{}} }

// String gives the directory.
func (f *Folder) String() string { return f.dir }

// path gives where an object stands. Names are those of this package and have at
// most one slash; a name that would lead elsewhere has none.
func (f *Folder) path(name string) (string, error) {
	if !filepath.IsLocal(name) || strings.Count(name, "/") > 1 || strings.Contains(name, `\`) || strings.HasSuffix(name, ".tmp") {
		return "", fmt.Errorf("%w: no name of an object", fs.ErrInvalid)
	}
	return filepath.Join(f.dir, filepath.FromSlash(name)), nil
}

// Put implements Bucket.
func (f *Folder) Put(ctx context.Context, name string, content io.ReaderAt, size int64, sum [32]byte) error {
	if err := f.put(ctx, name, content, size, sum); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

func (f *Folder) put(ctx context.Context, name string, content io.ReaderAt, size int64, sum [32]byte) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if there, err := f.disk.open(path, readOnly); err == nil {
		there.Close()
		return fs.ErrExist
	} else if !isMissing(err) {
		return err
	}
	dir := filepath.Dir(path)
	if err := f.disk.mkdir(dir); err != nil {
		return err
	}
	tmp := path + ".tmp"
	out, err := f.disk.open(tmp, createWrite)
	if err != nil {
		return err
	}
	w := &fileWriter{f: out, hash: sha256.New()}
	for err == nil && w.at < size {
		if err = ctx.Err(); err == nil {
			_, err = io.CopyN(w, io.NewSectionReader(content, w.at, size-w.at), min(1<<20, size-w.at))
		}
	}
	if err == nil && [32]byte(w.hash.Sum(nil)) != sum {
		err = fmt.Errorf("%w: its content has changed meanwhile", ErrDamaged)
	}
	if err == nil {
		err = out.sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.disk.rename(tmp, path)
	}
	if err != nil {
		_ = f.disk.remove(tmp)
		return err
	}
	// The folders may be new, too.
	for _, d := range []string{dir, f.dir, filepath.Dir(filepath.Clean(f.dir))} {
		if err := f.disk.syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// Get implements Bucket.
func (f *Folder) Get(_ context.Context, name string) (io.ReadCloser, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	in, err := f.disk.open(path, readOnly)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	size, err := in.size()
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(in, 0, size), in}, nil
}

// List implements Bucket.
func (f *Folder) List(ctx context.Context, prefix string, each func(name string, size int64) error) error {
	sub, ok := strings.CutSuffix(prefix, "/")
	if !ok || strings.Contains(sub, "/") {
		return fmt.Errorf("list %s: %w: no prefix of objects", prefix, fs.ErrInvalid)
	}
	names, err := f.disk.list(filepath.Join(f.dir, sub))
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", prefix, err)
	}
	slices.Sort(names)
	for _, name := range names {
		path, err := f.path(prefix + name)
		if err != nil {
			continue // half of one that was being written
		}
		in, err := f.disk.open(path, readOnly)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		size, err := in.size()
		in.Close()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		if err := each(prefix+name, size); err != nil {
			return err
		}
	}
	return nil
}

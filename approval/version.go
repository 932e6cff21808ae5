package approval

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/getweir/weir/policy"
)

// ErrNoVersion is what Versions say of a policy that they do not have.
var ErrNoVersion = errors.New("no policy of this hash is stored")

// Versions keep whole policies, each with the files that it includes, by digest.
type Versions interface {
	// Keep stores a policy durably. One that is stored already stays as it is.
	Keep(ctx context.Context, digest [32]byte, sources []policy.Source) error
	// Version gives what Keep was given, or ErrNoVersion.
	Version(ctx context.Context, digest [32]byte) ([]policy.Source, error)
}

// A Folder keeps versions as files: <digest>.yaml, and what it includes below
// <digest>/. It may be read beside a running server.
type Folder struct{ dir string }

// OpenFolder gives the versions of a folder, which is made with the first of them.
func OpenFolder(dir string) *Folder { return &Folder{dir} }

// Path gives where the first file of a policy is stored.
func (f *Folder) Path(digest [32]byte) string {
	return filepath.Join(f.dir, hex.EncodeToString(digest[:])+".yaml")
}

// Keep is that of Versions. The first file is written last: where it is, all are.
func (f *Folder) Keep(_ context.Context, digest [32]byte, sources []policy.Source) error {
	if len(sources) == 0 {
		return errors.New("a policy of no file")
	}
	path := f.Path(digest)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	folder := hex.EncodeToString(digest[:])
	for _, s := range sources[1:] {
		name := filepath.FromSlash(s.Name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("the name of an included file leads out of the folder")
		}
		if err := writeFile(filepath.Join(f.dir, folder, name), s.Text); err != nil {
			return err
		}
	}
	return writeFile(path, sources[0].Text)
}

// writeFile writes a file so that after a crash it is whole or not there.
func writeFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".writing-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(0o600), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Version is that of Versions.
func (f *Folder) Version(_ context.Context, digest [32]byte) ([]policy.Source, error) {
	main, err := os.ReadFile(f.Path(digest))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoVersion
	}
	if err != nil {
		return nil, err
	}
	sources := []policy.Source{{Name: "policy.yaml", Text: main}}
	dir := filepath.Join(f.dir, hex.EncodeToString(digest[:]))
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) && path == dir {
			return fs.SkipAll // it includes nothing
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		sources = append(sources, policy.Source{Name: filepath.ToSlash(name), Text: text})
		return err
	})
	return sources, err
}

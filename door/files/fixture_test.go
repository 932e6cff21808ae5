package files

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
)

func inspector(t testing.TB) *inspect.Inspector {
	t.Helper()
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// tree writes files under a new folder.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scanned gives what a scan finds, with file names relative to dir.
func scanned(t testing.TB, dir string, o Options, paths ...string) ([]Finding, Summary) {
	t.Helper()
	if o.Inspector == nil {
		o.Inspector = inspector(t)
	}
	if len(paths) == 0 {
		paths = []string{dir}
	}
	var all []Finding
	sum, err := Scan(context.Background(), paths, o, func(f Finding) {
		if name, err := filepath.Rel(dir, f.File); err == nil && f.File != "-" {
			f.File = filepath.ToSlash(name)
		}
		all = append(all, f)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, sum
}

// content gives what one file with the content holds.
func content(t testing.TB, name, content string, o Options) ([]Finding, Summary) {
	t.Helper()
	return scanned(t, tree(t, map[string]string{name: content}), o)
}

func packed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// masked gives what a Filter makes of in, read in pieces of the given sizes, over
// and over.
func masked(t testing.TB, in []byte, o MaskOptions, sizes ...int) ([]byte, error) {
	t.Helper()
	if o.Inspector == nil {
		o.Inspector = inspector(t)
	}
	var r io.Reader = bytes.NewReader(in)
	if len(sizes) > 0 {
		r = &pieces{in, sizes, 0}
	}
	return io.ReadAll(NewFilter(r, o))
}

// pieces gives a few bytes at a time.
type pieces struct {
	rest  []byte
	sizes []int
	i     int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := min(max(1, p.sizes[p.i%len(p.sizes)]), len(b), len(p.rest))
	p.i++
	copy(b, p.rest[:n])
	p.rest = p.rest[n:]
	return n, nil
}

func has(all []Finding, class weir.Class) bool {
	return slices.ContainsFunc(all, func(f Finding) bool { return f.Class == class })
}

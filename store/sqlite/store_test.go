package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/store/sqlite"
	"github.com/getweir/weir/store/storetest"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = sqlite.Create(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSubjects(t *testing.T) {
	storetest.Subjects(t, func(t *testing.T, dir string, key []byte) (storetest.Directory, func()) {
		s := open(t, filepath.Join(dir, "a name? with #some% signs.db"))
		return s.Subjects(key), func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCreateRefusesWhatExistsAndOpenNeverCreates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	if _, err := sqlite.Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("Open made a file")
	}
	s, err := sqlite.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Create(path); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(filepath.Dir(path)); err == nil {
		t.Fatal("a directory was opened")
	}
}

func TestOpenRefusesForeignFiles(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"another database": func(path string) error {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.Exec(`CREATE TABLE customers (name TEXT)`)
			return err
		},
		"a newer schema": func(path string) error {
			s, err := sqlite.Create(path)
			if err != nil {
				return err
			}
			s.Close()
			db, err := sql.Open("sqlite", path)
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.Exec(`PRAGMA user_version = 999`)
			return err
		},
		"no database": func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("not a database. "), 1000), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			if s, err := sqlite.Open(path); err == nil {
				s.Close()
				t.Fatal("opened")
			} else if name != "no database" && !errors.Is(err, sqlite.ErrForeign) {
				t.Fatal(err)
			}
			// WAL mode is noted in two bytes of the header; tables must be as they were.
			if after, _ := os.ReadFile(path); len(after) != len(before) || !bytes.Equal(after[100:], before[100:]) {
				t.Error("the file was changed")
			}
		})
	}
}

// An erased link must not be found in any of the files by somebody who knows
// what to look for.
func TestErasedIsNotInTheFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "weir.db"))
	defer s.Close()
	d := s.Subjects(bytes.Repeat([]byte{7}, 32))
	var ids []weir.Identifier
	for i := range 300 {
		ids = append(ids, weir.Identifier{Kind: "customer", Value: weir.NewPlain(fmt.Sprint("c-", i))})
	}
	ss, err := d.Resolve(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	holds := func(b []byte) (n int) {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(text, b)
		}
		return n
	}
	if holds(ss[123][:]) == 0 {
		t.Fatal("the test does not see what is stored")
	}
	if err := d.Erase(t.Context(), ids[123]); err != nil {
		t.Fatal(err)
	}
	if n := holds(ss[123][:]); n != 0 {
		t.Errorf("the pseudonym still stands %d times in the files", n)
	}
	if holds(ss[124][:]) == 0 {
		t.Error("another one is gone")
	}
	for _, id := range ids[:3] {
		if holds([]byte(id.Value.Reveal()+"\x00")) != 0 {
			t.Error("an identifier stands in the files")
		}
	}
}

func identifiers(n int, name string) []weir.Identifier {
	ids := make([]weir.Identifier, n)
	for i := range ids {
		ids[i] = weir.Identifier{Kind: "email", Value: weir.NewPlain(fmt.Sprintf("%s%d@example.com", name, i))}
	}
	return ids
}

func BenchmarkResolveCached(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "weir.db"))
	defer s.Close()
	d := s.Subjects(bytes.Repeat([]byte{7}, 32))
	ids := identifiers(1000, "known")
	if _, err := d.Resolve(b.Context(), ids); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Resolve(b.Context(), ids); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/subject")
}

func BenchmarkResolveNew(b *testing.B) {
	for _, size := range []int{1, 130, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "weir.db"))
			defer s.Close()
			d := s.Subjects(bytes.Repeat([]byte{7}, 32))
			i := 0
			for b.Loop() {
				i++
				if _, err := d.Resolve(b.Context(), identifiers(size, strings.Repeat("x", 5)+fmt.Sprint(i, "-"))); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "subjects/s")
		})
	}
}

func BenchmarkResolveNewFrom64(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "weir.db"))
	defer s.Close()
	d := s.Subjects(bytes.Repeat([]byte{7}, 32))
	var i atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.Resolve(b.Context(), identifiers(1, fmt.Sprint("y", i.Add(1), "-"))); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "subjects/s")
}

func TestNamed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "weir.db"))
	defer s.Close()
	d := s.Subjects(bytes.Repeat([]byte{7}, 32))
	ids := identifiers(3, "named")
	ss, err := d.Resolve(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Erase(t.Context(), ids[1]); err != nil {
		t.Fatal(err)
	}
	got, err := s.Named(t.Context(), []weir.Subject{ss[2], {1}, ss[1], ss[0], ss[2]})
	if want := []bool{true, false, false, true, true}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v: %v", got, want, err)
	}
}

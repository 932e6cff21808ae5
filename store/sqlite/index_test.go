package sqlite_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/getweir/weir/index"
	"github.com/getweir/weir/store/sqlite"
	"github.com/getweir/weir/store/storetest"
)

func TestIndex(t *testing.T) {
	storetest.Index(t, func(t *testing.T, dir string) (index.Store, func()) {
		path := filepath.Join(dir, "index.db")
		s, err := sqlite.OpenIndex(path)
		if errors.Is(err, fs.ErrNotExist) {
			s, err = sqlite.CreateIndex(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s, func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// The subject directory is not taken for an index, nor the other way round.
func TestFilesAreNotMixedUp(t *testing.T) {
	dir := t.TempDir()
	subjects, pages := filepath.Join(dir, "subjects.db"), filepath.Join(dir, "index.db")
	s, err := sqlite.Create(subjects)
	if err != nil {
		t.Fatal(err)
	}
	x, err := sqlite.CreateIndex(pages)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), x.Close()); err != nil {
		t.Fatal(err)
	}
	// Bytes 16 and 17 of a database are the size of its pages (sqlite.org/fileformat2.html).
	if b, err := os.ReadFile(pages); err != nil || binary.BigEndian.Uint16(b[16:]) != 16384 {
		t.Errorf("the index has pages of %d bytes: %v", binary.BigEndian.Uint16(b[16:]), err)
	}
	if _, err := sqlite.OpenIndex(subjects); !errors.Is(err, sqlite.ErrForeign) {
		t.Error(err)
	}
	if _, err := sqlite.Open(pages); !errors.Is(err, sqlite.ErrForeign) {
		t.Error(err)
	}
	if _, err := sqlite.CreateIndex(pages); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

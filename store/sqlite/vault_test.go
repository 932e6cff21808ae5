package sqlite_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getweir/weir/store/sqlite"
	"github.com/getweir/weir/store/storetest"
	"github.com/getweir/weir/vault"
)

func openVault(t testing.TB, path string) storetest.VaultStore {
	t.Helper()
	s, err := sqlite.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = sqlite.Create(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return storetest.VaultStore{Store: v, Directory: s.Subjects([]byte(strings.Repeat("k", 32))), Close: func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}}
}

func TestVault(t *testing.T) {
	storetest.Vault(t, func(t *testing.T, dir string) storetest.VaultStore {
		return openVault(t, filepath.Join(dir, "subjects.db"))
	})
}

func TestVaultExists(t *testing.T) {
	s, err := sqlite.Create(filepath.Join(t.TempDir(), "subjects.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.Vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if there, err := v.Exists(t.Context()); err != nil || there {
		t.Error(there, err)
	}
	f := storetest.NewVault(t, storetest.VaultStore{Store: v, Directory: s.Subjects([]byte(strings.Repeat("k", 32)))}, nil)
	if _, _, err := f.Create(t.Context(), vault.New{}); err != nil {
		t.Fatal(err)
	}
	if there, err := v.Exists(t.Context()); err != nil || !there {
		t.Error(there, err)
	}
}

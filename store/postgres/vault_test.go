package postgres_test

import (
	"strings"
	"testing"

	"github.com/getweir/weir/store/storetest"
)

func TestVault(t *testing.T) {
	d := databases{again: true}
	storetest.Vault(t, func(t *testing.T, dir string) storetest.VaultStore {
		s := open(t, d.config(t, dir))
		subjects := s.Subjects([]byte(strings.Repeat("k", 32)))
		stop := run(t, s)
		return storetest.VaultStore{Store: s.Vault(), Directory: subjects, Close: func() {
			stop()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}}
	})
}

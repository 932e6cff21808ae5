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

// TestVaultSerializable has many change the same where every transaction is serialisable, as
// it always is in CockroachDB: what loses to another (40001) is tried again.
func TestVaultSerializable(t *testing.T) {
	d := databases{}
	storetest.VaultAtOnce(t, func(t *testing.T, dir string) storetest.VaultStore {
		c := d.config(t, dir)
		if err := server.SQL("postgres", "ALTER DATABASE "+database(c.URL)+" SET default_transaction_isolation = 'serializable'"); err != nil {
			t.Fatal(err)
		}
		s := open(t, c)
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

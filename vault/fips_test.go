package vault_test

import (
	"crypto/fips140"
	"crypto/md5"
	"os"
	"strings"
	"testing"
)

// TestFIPSIsOn makes sure, in the run of TestFIPS, that what is not approved fails.
func TestFIPSIsOn(t *testing.T) {
	if !strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		if fips140.Enabled() {
			t.Log("FIPS 140 mode is on by itself")
		}
		return
	}
	if !fips140.Enabled() || !fips140.Enforced() {
		t.Fatal("FIPS 140 mode is not on")
	}
	defer func() {
		if recover() == nil {
			t.Error("MD5 still works")
		}
	}()
	md5.Sum(nil)
}

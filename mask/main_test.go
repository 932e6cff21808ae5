package mask_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain draws the same values in every run, so that a failure is of a change
// and not of chance; -rapid.seed draws others, and make torture many.
func TestMain(m *testing.M) {
	seed := flag.Lookup("rapid.seed")
	if err := seed.Value.Set("20261122"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

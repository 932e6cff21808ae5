package main

import (
	"testing"

	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/policy"
)

// TestPoliciesCoverWhatIsFound: no policy that comes with Weir withholds data for
// the one reason that nobody thought of its class.
func TestPoliciesCoverWhatIsFound(t *testing.T) {
	for name, src := range map[string][]byte{
		"starter": policy.Starter(), "sample platform": reelcart.Policy(), "bench": []byte(benchPolicy), "kill": []byte(killPolicy),
	} {
		p, err := policy.Parse(name, src)
		if err != nil {
			t.Fatal(err)
		}
		if missing := undeclared(p, inspect.Classes()); len(missing) > 0 {
			t.Errorf("%s: nothing declares %v", name, missing)
		}
	}
}

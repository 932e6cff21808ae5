package identity

import (
	"testing"
	"time"
)

// TestLevels: what an issuer calls a sign-in with two factors counts as one, and
// nothing else that it writes there.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		acr    string // as it is written in JSON
		levels []string
		shown  bool
	}{
		{`"gold"`, []string{"silver", "gold"}, true},
		{`"bronze"`, []string{"silver", "gold"}, false},
		{`"gold"`, nil, false},
		{`1`, []string{"1"}, false},
		{`["gold","bronze"]`, []string{"gold"}, false},
		{`null`, []string{"gold"}, false},
	} {
		at, d := secondFactor(claims{"acr": []byte(c.acr), "auth_time": []byte(`1000`)}, time.Unix(2000, 0), c.levels)
		if d != nil || at.IsZero() == c.shown {
			t.Errorf("%v of %v: %v %v", c.acr, c.levels, at, d)
		}
	}
}

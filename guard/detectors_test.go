package guard

import (
	"strings"
	"testing"

	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// TestDetectorsChangeWithThePolicy: an exchange has the policy and the detectors
// that it began with, whole; the next has the new ones, whole.
func TestDetectorsChangeWithThePolicy(t *testing.T) {
	f := newFixture(t, Enforce)
	record := `{"id":"c-1","card":"RC-1234"}`
	const masked = `{"id":"c-1","card":"**-****"}`
	release := func(p *Pass) string {
		r := p.Release(t.Context(), records(record))
		if r.Stop != nil || r.Withheld != nil {
			t.Fatalf("%+v", r)
		}
		return string(r.Out[0])
	}
	change := func(text string) {
		p, err := policy.Parse("test", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		finder, err := inspect.New(inspect.Config{Detectors: Detectors(p)})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetPolicy(t.Context(), p, finder); err != nil {
			t.Fatal(err)
		}
	}
	own := strings.Replace(testPolicy, "purposes:", "  member.number: {sensitivity: low}\npurposes:", 1) +
		"detectors:\n  - {class: member.number, pattern: 'RC-[0-9]{4}', literal: RC-, confidence: high, cases: {match: [RC-1234]}}\n"

	before := admit(t, f, exchange("a", "support", "/c"))
	if got := release(before); got != record {
		t.Errorf("before: %s", got)
	}
	change(own)
	if got := release(before); got != record {
		t.Errorf("begun before the change: %s", got)
	}
	after := admit(t, f, exchange("a", "support", "/c"))
	if got := release(after); got != masked {
		t.Errorf("after: %s", got)
	}
	change(testPolicy) // whose classes do not know what the old detectors find
	if got := release(after); got != masked {
		t.Errorf("begun before the change back: %s", got)
	}
	if got := release(admit(t, f, exchange("a", "support", "/c"))); got != record {
		t.Errorf("after the change back: %s", got)
	}
	loaded := 0
	for _, k := range f.log.kinds() {
		if k == ledger.PolicyLoaded {
			loaded++
		}
	}
	if loaded != 2 {
		t.Errorf("%d policies on the ledger", loaded)
	}
	if err := f.SetPolicy(t.Context(), f.Policy(), nil); err == nil {
		t.Error("a policy without an inspector was put in force")
	}
}

package main

import (
	"os"
	"strings"
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

// TestStarterNamesWhatIsFound: each class that the first policy names is one that
// a detector knows.
func TestStarterNamesWhatIsFound(t *testing.T) {
	known := map[string]bool{}
	for _, c := range inspect.Classes() {
		known[string(c.Name)] = true
	}
	p, err := policy.Parse("starter", policy.Starter())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range p.Grants() {
		for _, c := range append(g.Except, g.Class) {
			if name := string(c); !strings.HasSuffix(name, ".*") && !known[name] {
				t.Errorf("line %d names %s, which no detector knows", g.Line, name)
			}
		}
	}
	for _, w := range uncovered(p) {
		t.Error(w)
	}
}

// TestExamplesOfDetectors: what the documentation and the first policy show of own
// detectors does what its cases say.
func TestExamplesOfDetectors(t *testing.T) {
	doc, err := os.ReadFile("../../docs/policy-language.md")
	if err != nil {
		t.Fatal(err)
	}
	const classes = "version: 1\nclasses: {commerce.*: {}}\ndeployment: {take: {}}\n"
	var examples []string
	for _, block := range strings.Split(string(doc), "```")[1:] {
		if at := strings.Index(block, "\ndetectors:"); at >= 0 {
			examples = append(examples, classes+block[at+1:])
		}
	}
	_, shown, _ := strings.Cut(string(policy.Starter()), "\n# detectors:\n")
	examples = append(examples, classes+"detectors:\n"+strings.NewReplacer("#   ", "  ", "#     ", "    ").Replace(shown))
	if len(examples) < 3 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		p, err := policy.Parse("example", []byte(e))
		if err != nil {
			t.Fatalf("%v\n%s", err, e)
		}
		if own, err := loadDetectors(p); err != nil || len(own) == 0 {
			t.Errorf("%d detectors: %v\n%s", len(own), err, e)
		}
	}
}

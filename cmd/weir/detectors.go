package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/policy"
)

// newInspector makes the one who finds what a policy judges.
func newInspector(p *policy.Policy, countries []string) (*inspect.Inspector, error) {
	return inspect.New(inspect.Config{Countries: countries})
}

// uncovered warns of classes that can be found and that a policy does not
// declare, and of those that it declares and no detector finds.
func uncovered(p *policy.Policy) (doubts []policy.Warning) {
	var known []weir.Class
	for _, c := range inspect.Classes() {
		known = append(known, c.Name)
	}
	for _, d := range p.Detectors() {
		known = append(known, d.Class)
	}
	if missing := undeclared(p, inspect.Classes()); len(missing) > 0 {
		doubts = append(doubts, p.DoubtClasses(fmt.Sprintf("nothing here declares %s: whatever holds such data is withheld from everybody", strings.Join(missing, ", "))))
	}
	for _, c := range p.Classes() {
		family, isFamily := strings.CutSuffix(string(c.Name), "*")
		found := slices.ContainsFunc(known, func(k weir.Class) bool {
			return k == c.Name || isFamily && strings.HasPrefix(string(k), family)
		})
		if !found {
			doubts = append(doubts, p.Doubt(&c, fmt.Sprintf("no detector finds %s", c.Name)))
		}
	}
	return doubts
}

// undeclared lists the classes of which no declaration holds; a family of which
// none is declared by itself.
func undeclared(p *policy.Policy, known []inspect.Class) (missing []string) {
	declared := map[string]bool{} // families of which a class is
	family := func(c weir.Class) string {
		name, _, _ := strings.Cut(string(c), ".")
		return name + ".*"
	}
	for _, c := range known {
		if _, ok := p.Class(c.Name); ok {
			declared[family(c.Name)] = true
		}
	}
	for _, c := range known {
		name := string(c.Name)
		if !declared[family(c.Name)] {
			name = family(c.Name)
		}
		if _, ok := p.Class(c.Name); !ok && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

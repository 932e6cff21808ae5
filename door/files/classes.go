package files

import (
	"fmt"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
)

// classes are those that count. It does not change.
type classes struct {
	names    map[weir.Class]bool
	families []string // "identity." and the like
}

// newClasses reads names of classes, and of families: "identity.*".
func newClasses(names []string) *classes {
	if names == nil {
		return nil
	}
	c := &classes{names: map[weir.Class]bool{}}
	for _, n := range names {
		if family, ok := strings.CutSuffix(n, "*"); ok {
			c.families = append(c.families, family)
		} else {
			c.names[weir.Class(n)] = true
		}
	}
	return c
}

// has reports whether a class counts.
func (c *classes) has(class weir.Class) bool {
	if c.names[class] {
		return true
	}
	for _, f := range c.families {
		if strings.HasPrefix(string(class), f) {
			return true
		}
	}
	return false
}

// CheckClasses says which of names, or families such as "identity.*", is no class
// that inspect can find.
func CheckClasses(names []string) error {
	for _, n := range names {
		known := false
		family, isFamily := strings.CutSuffix(n, "*")
		for _, c := range inspect.Classes() {
			known = known || string(c.Name) == n || isFamily && strings.HasPrefix(string(c.Name), family)
		}
		if !known {
			return fmt.Errorf("no class is named %q; weir scan --classes lists them", n)
		}
	}
	return nil
}

package policy

import (
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// A sight is one line of a role's `see`.
type sight struct {
	at
	pattern string // a class, "family.*" or "*"
	action  weir.Action
}

// actionWords are the actions as the language names them.
var actionWords = [...]string{weir.Block: "block", weir.Mask: "mask", weir.Allow: "clear"}

func (c *compiler) readSee(n *node) (sees []sight) {
	if n.kind != mapping {
		c.errorf(n.at, "see: classes, each with clear, mask or block, not %s", nodeKindNames[n.kind])
		return nil
	}
	seen := make(map[string]bool, len(n.pairs))
	for _, p := range n.pairs {
		if seen[p.key] {
			continue // reported already
		}
		seen[p.key] = true
		c.checkSight(p)
		word := c.word(p, actionWords[weir.Allow], actionWords[weir.Mask], actionWords[weir.Block])
		action := weir.Action(max(0, slices.Index(actionWords[:], word)))
		sees = append(sees, sight{p.at, p.key, action})
	}
	return sees
}

// checkSight finds a class or a family that is not declared: a line that never
// applies looks like a rule and is none.
func (c *compiler) checkSight(p pair) {
	if _, ok := c.index[weir.Class(p.key)]; ok {
		return
	}
	switch {
	case isWildcard(p.key):
		for i := range c.classes {
			if covers(p.key, c.classes[i].Name) {
				return
			}
		}
		c.errorf(p.at, "%q covers no declared class", p.key)
	case !isClassName(p.key):
		c.errorf(p.at, `%q: a class as contact.email, a family as contact.*, or "*"`, p.key)
	default:
		names := make([]string, len(c.classes))
		for i := range c.classes {
			names[i] = string(c.classes[i].Name)
		}
		c.errorf(p.at, "unknown class %q: it is not declared under classes%s", p.key, c.hint(p.key, names))
	}
}

func isWildcard(pattern string) bool {
	family, ok := strings.CutSuffix(pattern, ".*")
	return pattern == "*" || ok && isClassPart(family)
}

func covers(pattern string, class weir.Class) bool {
	if pattern == "*" {
		return true
	}
	if family, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(string(class), family)
	}
	return pattern == string(class)
}

// judge compiles the lines of a role into a table for each of its purposes.
func (c *compiler) judge(r *role) {
	lines := make(map[string]int, len(r.sees)) // pattern -> index into sees, from 1
	for i, s := range r.sees {
		lines[s.pattern] = i + 1
	}
	actions := make(table, len(c.classes))
	r.decides = make([]int, len(c.classes))
	for i := range c.classes {
		name := string(c.classes[i].Name)
		family, _, _ := strings.Cut(name, ".")
		for _, pattern := range [...]string{name, family + ".*", "*"} { // the most specific first
			if line := lines[pattern]; line > 0 {
				actions[i], r.decides[i] = r.sees[line-1].action, line
				break
			}
		}
	}
	r.tables = make([]table, len(r.purposes))
	for k, purpose := range r.purposes {
		limited := make(table, len(actions))
		for i, allowed := range c.allowed[purpose] {
			if allowed {
				limited[i] = actions[i]
			}
		}
		r.tables[k] = c.once(limited)
	}
}

// once gives one and the same table for equal ones: thousands of roles differ
// in far fewer ways.
func (c *compiler) once(t table) table {
	key := make([]byte, len(t))
	for i, a := range t {
		key[i] = byte(a)
	}
	if have, ok := c.tables[string(key)]; ok {
		return have
	}
	c.tables[string(key)] = t
	return t
}

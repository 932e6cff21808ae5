package policy

import (
	"slices"

	"github.com/getweir/weir"
)

// A sight is one line of a role's `see`.
type sight struct {
	at
	pattern string // a class, a family as "contact.*", or "*"
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
	switch {
	case p.key == "*":
		if len(c.classes) == 0 {
			c.errorf(p.at, "%q covers no declared class", p.key)
		}
	case isFamily(p.key):
		if c.declaring(p.key) >= 0 {
			return
		}
		for i := range c.classes {
			if covers(p.key, string(c.classes[i].Name)) {
				return
			}
		}
		c.errorf(p.at, "%q covers no declared class", p.key)
	case !isClassName(p.key):
		c.errorf(p.at, `%q: a class as contact.email, a family as contact.*, or "*"`, p.key)
	case c.declaring(p.key) < 0:
		names := make([]string, len(c.classes))
		for i := range c.classes {
			names[i] = string(c.classes[i].Name)
		}
		c.errorf(p.at, "unknown class %q: it is not declared under classes%s", p.key, c.hint(p.key, names))
	}
}

// judge compiles the lines of each role into a table for each of its purposes.
// What the roles name beside the declared classes must be known first, since all
// tables have the same points.
func (c *compiler) judge() {
	named := 0
	judged := make([]*role, 0, len(c.roleNames)+len(c.vendors))
	for _, name := range c.roleNames {
		judged = append(judged, c.roles[name])
	}
	for i := range c.vendors {
		judged = append(judged, c.vendors[i].rules)
	}
	for _, r := range judged {
		for _, s := range r.sees {
			if s.pattern == "*" || c.at(s.pattern) >= 0 {
				continue
			}
			if named++; named > maxDeclared {
				c.errorf(s.at, "the roles name more than %d classes and families that are not declared by themselves", maxDeclared)
				return
			}
			c.addPoint(s.pattern)
		}
	}
	for _, pattern := range c.partOf {
		if c.at(pattern) < 0 {
			c.addPoint(pattern)
		}
	}
	c.nest()
	c.combine()
	for _, r := range judged {
		c.judgeRole(r)
	}
}

func (c *compiler) judgeRole(r *role) {
	lines := make([]int, len(c.points)) // for each point its own line of sees, from 1
	everything := 0
	for i, s := range r.sees {
		if s.pattern == "*" {
			everything = i + 1
		} else if at := c.at(s.pattern); at >= 0 {
			lines[at] = i + 1
		}
	}
	actions := make(table, len(c.points))
	r.decides = make([]int, len(c.points))
	for i := range c.points {
		line := everything
		for k := i; k >= 0; k = c.points[k].within { // the most specific first
			if lines[k] > 0 {
				line = lines[k]
				break
			}
		}
		if line > 0 && c.points[i].class >= 0 {
			actions[i], r.decides[i] = r.sees[line-1].action, line
		}
	}
	r.tables = make([]table, len(r.purposes))
	for k, purpose := range r.purposes {
		limited := make(table, len(actions))
		for i := range c.points {
			if class := c.points[i].class; class >= 0 && c.allowed[purpose][class] {
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

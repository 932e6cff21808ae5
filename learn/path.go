package learn

import (
	"net/url"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// A node is what may follow a beginning of a path.
type node struct {
	literals map[string]*node
	variable *node
	routes   map[string]*route // by method
}

// mostLiterals is how many different words may stand in one place of a path: more
// than those are values.
const mostLiterals = 40

// route finds the route of a path, or makes one; nil: there are too many.
func (l *Learner) route(method string, path []string) *route {
	if method == "HEAD" {
		method = "GET"
	}
	n := l.top
	for _, s := range path {
		switch next := n.literals[s]; {
		case next != nil:
			n = next
		case n.variable != nil && len(n.literals) == 0, looksLikeID(s):
			if n.variable == nil {
				n.variable = new(node)
			}
			n = n.variable
		default:
			if len(n.literals) >= mostLiterals {
				l.fold(n, func(string, *node) bool { return true })
				n = n.variable
				continue
			}
			if n.literals == nil {
				n.literals = map[string]*node{}
			}
			next = new(node)
			n.literals[s] = next
			n = next
		}
	}
	r := n.routes[method]
	if r == nil {
		if l.routes >= maxRoutes {
			return nil
		}
		l.routes++
		if n.routes == nil {
			n.routes = map[string]*route{}
		}
		r = newRoute()
		n.routes[method] = r
	}
	return r
}

// fold makes the literals that are values into the variable of the node.
func (l *Learner) fold(n *node, is func(string, *node) bool) {
	for name, next := range n.literals {
		if !is(name, next) {
			continue
		}
		delete(n.literals, name)
		if n.variable == nil {
			n.variable = new(node)
		}
		l.merge(n.variable, next, name, 0)
	}
}

func (l *Learner) merge(to, from *node, name string, depth int) {
	for method, r := range from.routes {
		have := to.routes[method]
		if have == nil {
			if to.routes == nil {
				to.routes = map[string]*route{}
			}
			to.routes[method] = r
			continue
		}
		have.merge(r)
		l.routes--
	}
	for name, next := range from.literals {
		have := to.literals[name]
		if have == nil {
			if to.literals == nil {
				to.literals = map[string]*node{}
			}
			have = new(node)
			to.literals[name] = have
		}
		l.merge(have, next, name, depth+1)
	}
	if from.variable != nil {
		if to.variable == nil {
			to.variable = new(node)
		}
		l.merge(to.variable, from.variable, "", depth+1)
	}
}

// settle folds all literals that turned out to be values: that are found in the
// answers as somebody's, or that a detector knows.
func (l *Learner) settle(n *node) {
	l.fold(n, func(name string, _ *node) bool { return l.isValue(name) || l.personal(name) })
	for _, next := range n.literals {
		l.settle(next)
	}
	if n.variable != nil {
		l.settle(n.variable)
	}
}

// personal reports whether a detector finds something in a segment of a path.
func (l *Learner) personal(s string) bool {
	seg := weir.Segment{Syntax: weir.Text, Body: []byte(s)}
	return l.finder.Inspect(&l.report, &seg, nil) != nil || len(l.report.Findings) > 0
}

// pathOf gives the decoded segments of a request's path; ok is false where the door
// would not take it.
func pathOf(x *Exchange) (path []string, ok bool) {
	raw, _, _ := strings.Cut(x.Target.Reveal(), "?")
	p, err := url.PathUnescape(raw)
	if err != nil || !strings.HasPrefix(p, "/") || len(p) > 4096 || strings.ContainsAny(p, ";\\\x00") || strings.Contains(p, "//") {
		return nil, false
	}
	p = strings.Trim(p, "/")
	if p == "" {
		return nil, true
	}
	path = strings.Split(p, "/")
	return path, len(path) <= 32 && !slices.Contains(path, "..") && !slices.Contains(path, ".")
}

// looksLikeID tells whether a segment of a path is an identifier by its look: what is
// not made of words, with a version or a small number at their end at most.
func looksLikeID(s string) bool {
	if len(s) > 48 {
		return true
	}
	name := s
	if dot := strings.LastIndexByte(s, '.'); dot > 0 && len(s)-dot <= 6 {
		name = s[:dot] // report.csv, index.html
	}
	digits, letters, capitals, other := 0, 0, 0, 0
	turns, was := 0, byte(0) // how often letters and digits change
	for i := range len(name) {
		c, kind := name[i], byte(0)
		switch {
		case c >= '0' && c <= '9':
			digits, kind = digits+1, 1
		case c >= 'a' && c <= 'z':
			letters, kind = letters+1, 2
		case c >= 'A' && c <= 'Z':
			letters, capitals, kind = letters+1, capitals+1, 2
		case c == '-' || c == '_' || c == '.':
		default:
			other++
		}
		if kind != 0 && was != 0 && kind != was {
			turns++
		}
		if kind != 0 {
			was = kind
		}
	}
	switch {
	case other > 0, letters == 0:
		return true // an address, a list, a number; somebody's name with a sign in it
	case digits == 0:
		return false
	case letters == 1 && name[0] == 'v' && digits <= 3:
		return false // v1
	case digits > 2 || turns > 2:
		return true
	}
	return len(name) < 4
}

// opens is what a literal must be to be written down: nothing that YAML, or the
// policy's patterns, would read another way.
func opens(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// singular of the words that stand before identifiers.
func singular(s string) string {
	switch {
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "ses") && len(s) > 4:
		return s[:len(s)-2]
	case strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && len(s) > 3:
		return s[:len(s)-1]
	}
	return s
}

// identifier makes of a word what may stand in braces.
func identifier(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' && b.Len() > 0:
			b.WriteByte(c)
		case b.Len() > 0:
			b.WriteByte('_')
		}
	}
	return strings.Trim(b.String(), "_")
}

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// maxSegments bounds the depth of a pattern, and so of the search.
const maxSegments = 64

// A route, compiled.
type route struct {
	at
	name    string
	text    string
	purpose weir.Purpose
	subject Subject // without its value
	about   string  // the subject as it is written
	segment int     // which path segment holds the subject, for FromURL
	opaque  []string
	observe bool
}

// A pattern is a method and a path of segments.
type pattern struct {
	method   string
	segments []segment
}

type segment struct {
	text string // the literal, or the name of the variable
	kind segmentKind
}

type segmentKind uint8

const (
	literal  segmentKind = iota
	variable             // {x}
	rest                 // {x...}
)

// parsePattern reads "GET /v1/customers/{id}". Its error is a sentence for the
// author of the policy.
func parsePattern(text string) (pattern, error) {
	method, path, ok := strings.Cut(text, " ")
	path = strings.TrimLeft(path, " ")
	if !ok || path == "" {
		return pattern{}, fmt.Errorf("a route is a method and a path, as GET /v1/customers/{id}")
	}
	if method != "*" && (method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "") {
		return pattern{}, fmt.Errorf("a method is written in capitals, or * for any")
	}
	if path[0] != '/' {
		return pattern{}, fmt.Errorf("a path begins with /")
	}
	if strings.ContainsAny(path, "?#") {
		return pattern{}, fmt.Errorf("a route has no query and no fragment")
	}
	p := pattern{method: method}
	path = strings.TrimSuffix(path[1:], "/")
	if path == "" {
		return p, nil
	}
	var names []string
	parts := strings.Split(path, "/")
	if len(parts) > maxSegments {
		return pattern{}, fmt.Errorf("more than %d segments", maxSegments)
	}
	for i, part := range parts {
		switch {
		case part == "":
			return pattern{}, fmt.Errorf("an empty segment: it would never match, because paths are cleaned first")
		case part == "." || part == "..":
			return pattern{}, fmt.Errorf("the segment %s: it would never match, because paths are cleaned first", part)
		case part[0] == '{' && part[len(part)-1] == '}':
			s := segment{kind: variable, text: part[1 : len(part)-1]}
			if name, ok := strings.CutSuffix(s.text, "..."); ok {
				s = segment{kind: rest, text: name}
				if i != len(parts)-1 {
					return pattern{}, fmt.Errorf("%s stands for all that follow: it must come last", part)
				}
			}
			if !isName(s.text) {
				return pattern{}, fmt.Errorf("%s: a variable is named with letters, digits and underscores", part)
			}
			if slices.Contains(names, s.text) {
				return pattern{}, fmt.Errorf("the variable %s stands here twice", s.text)
			}
			names = append(names, s.text)
			p.segments = append(p.segments, s)
		case strings.ContainsAny(part, "{}*"):
			return pattern{}, fmt.Errorf("%s: a variable is a whole segment, as {id}", part)
		default:
			p.segments = append(p.segments, segment{text: part})
		}
	}
	return p, nil
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// A routeNode is what may follow a beginning of a path.
type routeNode struct {
	literals map[string]*routeNode
	variable *routeNode
	leaf     leaf // the path may end here
	rest     leaf // or go on with anything
}

// leaf has the routes of one path, by method.
type leaf map[string]*route

func (l leaf) find(method string) *route {
	if r := l[method]; r != nil {
		return r
	}
	// HEAD asks for the header of what GET would give (RFC 9110, 9.3.2).
	if r := l["GET"]; r != nil && method == "HEAD" {
		return r
	}
	return l["*"]
}

// insert adds a route. It gives the one that already stands in its place, if
// there is one.
func (n *routeNode) insert(p pattern, r *route) *route {
	for _, s := range p.segments {
		switch s.kind {
		case literal:
			next := n.literals[s.text]
			if next == nil {
				next = new(routeNode)
				if n.literals == nil {
					n.literals = make(map[string]*routeNode)
				}
				n.literals[s.text] = next
			}
			n = next
		case variable:
			if n.variable == nil {
				n.variable = new(routeNode)
			}
			n = n.variable
		case rest:
			return n.rest.insert(p.method, r)
		}
	}
	return n.leaf.insert(p.method, r)
}

func (l *leaf) insert(method string, r *route) *route {
	if before := (*l)[method]; before != nil {
		return before
	}
	if *l == nil {
		*l = make(leaf)
	}
	(*l)[method] = r
	return nil
}

// match finds the most specific route for a path without its first slash. Read
// from the left, a literal segment is more specific than {x}, {x} more than
// {x...}; then the method itself more than *. A more specific path that has no
// route for the method does not hide a less specific one that has. Each node of
// the tree is visited once at most, so no path can make the search long.
func (n *routeNode) match(method, path string) *route {
	if path == "" {
		if r := n.leaf.find(method); r != nil {
			return r
		}
		return n.rest.find(method)
	}
	head, tail, _ := strings.Cut(path, "/")
	if next := n.literals[head]; next != nil {
		if r := next.match(method, tail); r != nil {
			return r
		}
	}
	if n.variable != nil && head != "" {
		if r := n.variable.match(method, tail); r != nil {
			return r
		}
	}
	return n.rest.find(method)
}

// seek finds a route for a path by what pick takes from its end, as match does, but
// slower, and takes literals whatever their case where none fits to the letter.
func (n *routeNode) seek(path string, pick func(leaf) *route) *route {
	if path == "" {
		if r := pick(n.leaf); r != nil {
			return r
		}
		return pick(n.rest)
	}
	head, tail, _ := strings.Cut(path, "/")
	if next := n.literals[head]; next != nil {
		if r := next.seek(tail, pick); r != nil {
			return r
		}
	}
	for _, text := range slices.Sorted(maps.Keys(n.literals)) {
		if text != head && strings.EqualFold(text, head) {
			if r := n.literals[text].seek(tail, pick); r != nil {
				return r
			}
		}
	}
	if n.variable != nil && head != "" {
		if r := n.variable.seek(tail, pick); r != nil {
			return r
		}
	}
	return pick(n.rest)
}

// route finds the route of a request. Many services take a path whatever its case,
// so where none is written like it, one that differs in case is meant.
func (p *Policy) route(method, path string) *route {
	if r := p.tree.match(method, path); r != nil {
		return r
	}
	return p.tree.seek(path, func(l leaf) *route { return l.find(method) })
}

// namesake finds a route that declares whose the path is, for another method: who
// may not GET another's record may not get it by POST either. A preflight (OPTIONS)
// asks about the service, not about anybody.
func (p *Policy) namesake(method, path string) *route {
	if method == "OPTIONS" {
		return nil
	}
	return p.tree.seek(path, func(l leaf) *route {
		for _, m := range slices.Sorted(maps.Keys(l)) {
			if l[m].subject.From == URL {
				return l[m]
			}
		}
		return nil
	})
}

// cutSlashes takes the slashes off both ends of a path: a service that answers
// /customers/7/ as it does /customers/7 must not be a way round a route.
func cutSlashes(path string) string { return strings.Trim(path, "/") }

// nthSegment gives segment i of a path without its first slash.
func nthSegment(path string, i int) string {
	for ; i > 0; i-- {
		_, path, _ = strings.Cut(path, "/")
	}
	head, _, _ := strings.Cut(path, "/")
	return head
}

// checkMediaRange checks a media type, or a range of one type (RFC 9110, 12.5.1).
// "*/*" is refused: it would let everything pass unread.
func checkMediaRange(s string) error {
	kind, sub, ok := strings.Cut(s, "/")
	if !ok || !isToken(kind) || !isToken(sub) && sub != "*" {
		if s == "*/*" {
			return fmt.Errorf("*/* would let everything pass unread: name the types")
		}
		return fmt.Errorf("%q is not a media type as image/png or image/*", s)
	}
	return nil
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$&-^_.+", rune(c)) {
			return false
		}
	}
	return s != ""
}

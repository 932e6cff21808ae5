package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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
	public  [][]string // what customers publish in its answers
	// unreadable is how many customers an answer that cannot be inspected is taken
	// to hold; 0: it is withheld.
	unreadable int
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

	// folds has literals by their letters whatever their case, each in the order of
	// its text. finish makes it.
	folds map[string][]foldedNode
}

type foldedNode struct {
	text string
	node *routeNode
}

// leaf has the routes of one path, by method. They are few.
type leaf struct {
	routes []methodRoute // in the order of their methods
	about  *route        // the first that says whose the path is
}

type methodRoute struct {
	method string
	route  *route
}

func (l *leaf) of(method string) *route {
	for i := range l.routes {
		if l.routes[i].method == method {
			return l.routes[i].route
		}
	}
	return nil
}

func (l *leaf) find(method string) *route {
	if len(l.routes) == 0 {
		return nil
	}
	if r := l.of(method); r != nil {
		return r
	}
	// HEAD asks for the header of what GET would give (RFC 9110, 9.3.2).
	if method == "HEAD" {
		if r := l.of("GET"); r != nil {
			return r
		}
	}
	return l.of("*")
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
	i, twice := slices.BinarySearchFunc(l.routes, method, func(have methodRoute, method string) int { return strings.Compare(have.method, method) })
	if twice {
		return l.routes[i].route
	}
	l.routes = slices.Insert(l.routes, i, methodRoute{method, r})
	return nil
}

// finish makes, when all routes are in the tree, what is looked up in it.
func (n *routeNode) finish() {
	n.leaf.finish()
	n.rest.finish()
	if n.variable != nil {
		n.variable.finish()
	}
	if len(n.literals) == 0 {
		return
	}
	n.folds = make(map[string][]foldedNode, len(n.literals))
	for _, text := range slices.Sorted(maps.Keys(n.literals)) {
		next := n.literals[text]
		next.finish()
		key := string(appendFolded(nil, text))
		n.folds[key] = append(n.folds[key], foldedNode{text, next})
	}
}

func (l *leaf) finish() {
	for i := range l.routes {
		if r := l.routes[i].route; r.subject.From == URL {
			l.about = r
			return
		}
	}
}

// appendFolded writes s so that two texts that differ in case only, as
// strings.EqualFold has it, are written alike.
func appendFolded(to []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return appendFoldedRunes(to, s[i:])
		}
		// The first of a letter's forms by code point: K, k and the sign of the kelvin.
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

func appendFoldedRunes(to []byte, s string) []byte {
	for _, r := range s {
		first := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			first = min(first, next)
		}
		to = utf8.AppendRune(to, first)
	}
	return to
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
	if n.literals != nil {
		if next := n.literals[head]; next != nil {
			if r := next.match(method, tail); r != nil {
				return r
			}
		}
	}
	if n.variable != nil && head != "" {
		if r := n.variable.match(method, tail); r != nil {
			return r
		}
	}
	return n.rest.find(method)
}

// seek finds a route as match does, but takes literals whatever their case where
// none fits to the letter. about becomes, where it is nil, the first route on the
// way that says whose the path is, for another method.
func (n *routeNode) seek(method, path string, about **route) *route {
	if path == "" {
		if r := n.leaf.seek(method, about); r != nil {
			return r
		}
		return n.rest.seek(method, about)
	}
	head, tail, _ := strings.Cut(path, "/")
	if n.literals != nil {
		exact := n.literals[head]
		if exact != nil {
			if r := exact.seek(method, tail, about); r != nil {
				return r
			}
		}
		var room [64]byte
		for _, other := range n.folds[string(appendFolded(room[:0], head))] {
			if other.node != exact {
				if r := other.node.seek(method, tail, about); r != nil {
					return r
				}
			}
		}
	}
	if n.variable != nil && head != "" {
		if r := n.variable.seek(method, tail, about); r != nil {
			return r
		}
	}
	return n.rest.seek(method, about)
}

func (l *leaf) seek(method string, about **route) *route {
	if *about == nil {
		*about = l.about
	}
	return l.find(method)
}

// route finds the route of a request. Many services take a path whatever its case,
// so where none is written like it, one that differs in case is meant.
//
// Where there is none, about is a route that says whose the path is, for another
// method: who may not GET another's record may not get it by POST either. A
// preflight (OPTIONS) asks about the service, not about anybody.
func (p *Policy) route(method, path string) (matched, about *route) {
	if r := p.tree.match(method, path); r != nil {
		return r, nil
	}
	if r := p.tree.seek(method, path, &about); r != nil {
		return r, nil
	}
	if method == "OPTIONS" {
		about = nil
	}
	return nil, about
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

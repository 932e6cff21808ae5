package learn

import (
	"maps"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// A Route is one method and path of the service.
type Route struct {
	Method    string
	Path      string // with {id} for what changes
	Name      string
	Exchanges int // answered
	Personal  int // of those, with something personal in the answer
	Unread    int // answers that could not be read
	Open      int // requests without a credential
	Media     []string
	Opaque    []string // media types that there is nothing to read in
	Subject   *Declared
	Fields    []Field
	// Documented: an OpenAPI document has it. Seen: the traffic has.
	Documented, Seen bool

	segments []string // of Path
	vars     []variable
	stats    *route
}

// A Field is a place in answers where something personal stands.
type Field struct {
	Place   string // "": in text, markup or lines
	Classes []weir.Class
	Times   int
}

type variable struct {
	index  int // of the segment
	name   string
	people bool // the word before it is one for people
}

// Text gives the route as the policy has it.
func (r *Route) Text() string { return r.Method + " " + r.Path }

// Classes gives what was found on the route, in order.
func (r *Route) Classes() []weir.Class {
	if r.stats == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(r.stats.classes()))
}

// Routes gives what was learnt, the most used first. Nothing is to be added after.
func (l *Learner) Routes() []*Route {
	l.settle(l.top)
	var all []*Route
	var collect func(n *node, path []string)
	collect = func(n *node, path []string) {
		for _, method := range slices.Sorted(maps.Keys(n.routes)) {
			all = append(all, l.result(method, path, n.routes[method]))
		}
		for _, name := range slices.Sorted(maps.Keys(n.literals)) {
			if opens(name) {
				collect(n.literals[name], append(slices.Clone(path), name))
			}
		}
		if n.variable != nil {
			collect(n.variable, append(slices.Clone(path), ""))
		}
	}
	collect(l.top, nil)
	customers := l.customers(all)
	l.people.settle(customers)
	for _, r := range all {
		r.Subject = l.declare(r, customers)
	}
	slices.SortStableFunc(all, byUse)
	named := map[string]bool{}
	for _, r := range all {
		r.Name = unique(routeName(r), named)
	}
	return all
}

func (l *Learner) result(method string, path []string, stats *route) *Route {
	r := &Route{Method: method, Exchanges: stats.exchanges, Personal: stats.personal, Unread: stats.unread, Open: stats.open, Seen: true, stats: stats}
	names := map[string]bool{}
	for i, s := range path {
		if s != "" {
			r.segments = append(r.segments, s)
			continue
		}
		before := ""
		if i > 0 {
			before = path[i-1]
		}
		v := variable{index: i, people: before != "" && among(wordsOf(before), peopleWords)}
		v.name = "id"
		if len(r.vars) > 0 {
			if v.name = identifier(singular(before)); v.name == "" {
				v.name = "item"
			}
			v.name += "_id"
		}
		v.name = unique(v.name, names)
		r.vars = append(r.vars, v)
		r.segments = append(r.segments, "{"+v.name+"}")
	}
	r.Path = "/" + strings.Join(r.segments, "/")
	for _, m := range slices.Sorted(maps.Keys(stats.media)) {
		if m == "" || len(m) > 80 || strings.Trim(m, "abcdefghijklmnopqrstuvwxyz0123456789/+-.") != "" {
			continue
		}
		r.Media = append(r.Media, m)
		if opaqueType(m) {
			r.Opaque = append(r.Opaque, m)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(stats.fields)) {
		f := Field{Place: place, Classes: slices.Sorted(maps.Keys(stats.fields[place]))}
		for _, n := range stats.fields[place] {
			f.Times += n
		}
		r.Fields = append(r.Fields, f)
	}
	return r
}

// routeName makes a short name: of the words of the path, without what all have.
func routeName(r *Route) string {
	var words []string
	for i, s := range r.segments {
		switch {
		case s == "api" || s == "rest" || len(s) <= 3 && strings.HasPrefix(s, "v") && strings.Trim(s[1:], "0123456789") == "":
		case strings.HasPrefix(s, "{"):
			if len(words) > 0 && i == len(r.segments)-1 {
				if one := singular(words[len(words)-1]); one != words[len(words)-1] {
					words[len(words)-1] = one
				} else {
					words = append(words, "one")
				}
			} else if len(words) > 0 {
				words[len(words)-1] = singular(words[len(words)-1])
			}
		default:
			words = append(words, strings.Trim(strings.ToLower(strings.Map(func(c rune) rune {
				if c == '.' || c == '_' || c == '~' {
					return '-'
				}
				return c
			}, s)), "-"))
		}
	}
	name := strings.Join(words, "-")
	if name == "" {
		name = "root"
	}
	if r.Method != "GET" {
		name += "-" + strings.ToLower(r.Method)
	}
	return name
}

func unique(name string, taken map[string]bool) string {
	free := name
	for n := 2; taken[free]; n++ {
		free = name + "-" + string(rune('0'+n%10))
		if n > 9 {
			free = name + "-more" + strings.Repeat("-x", n-9)
		}
	}
	taken[free] = true
	return free
}

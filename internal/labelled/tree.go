package labelled

import (
	"strings"

	"github.com/getweir/weir"
)

// A run is a part of a value: plain, personal or a decoy.
type run struct {
	text  string
	class weir.Class   // "": not personal
	also  []weir.Class // other classes that are as right
	like  weir.Class   // of a decoy: what it looks like
	decoy string       // of a decoy: what it is
	loose bool         // a finding of a part of it, or of more, is right
}

// A node is a value of a tree: a leaf, an array or an object.
type node struct {
	runs []run
	bare bool // a number or a literal, where the format has some

	keys []string // of an object; nil: an array
	kids []*node
	tree bool // not a leaf

	class weir.Class // of a tree: it is personal as a whole
	loose bool       // of a tree: a finding of a part of it is as right
	shape weir.Class // of a leaf: the class of its tree, where the format has no trees
}

func text(s string) *node         { return &node{runs: []run{{text: s}}} }
func number(s string) *node       { return &node{runs: []run{{text: s}}, bare: true} }
func array(kids ...*node) *node   { return &node{tree: true, kids: kids} }
func runs(rs ...run) *node        { return &node{runs: rs} }
func object(members ...any) *node { return (&node{tree: true, keys: []string{}}).with(members...) }
func plain(s string) run          { return run{text: s} }
func personal(c weir.Class, s string, also ...weir.Class) run {
	return run{text: s, class: c, also: also}
}
func decoy(like weir.Class, kind, s string) run {
	return run{text: s, like: like, decoy: kind}
}

// with adds members, each a key and a *node, a run or a string; a key of "" is
// passed over with its value.
func (n *node) with(members ...any) *node {
	for i := 0; i < len(members); i += 2 {
		key := members[i].(string)
		if key == "" || members[i+1] == nil {
			continue
		}
		var v *node
		switch x := members[i+1].(type) {
		case *node:
			v = x
		case run:
			v = runs(x)
		case string:
			v = text(x)
		}
		if v == nil {
			continue
		}
		n.keys = append(n.keys, key)
		n.kids = append(n.kids, v)
	}
	return n
}

// shaped notes at the leaves of a tree that they make up a class.
func (n *node) shaped(c weir.Class, keys ...string) *node {
	for i, k := range n.keys {
		for _, want := range keys {
			if k == want {
				n.kids[i].shape = c
			}
		}
	}
	return n
}

// numeric says that a value may be written as a number.
func (n *node) numeric(yes bool) *node {
	s := n.runs[0].text
	n.bare = yes && len(n.runs) == 1 && len(s) < 19 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
	return n
}

// A field is a leaf with the keys that lead to it.
type field struct {
	path []string
	*node
}

// flat gives the leaves of a record, of each array the first element.
func (n *node) flat(path []string) (out []field) {
	if !n.tree {
		return []field{{path, n}}
	}
	for i, kid := range n.kids {
		p := path
		if n.keys != nil {
			p = append(path[:len(path):len(path)], n.keys[i])
		} else if i > 0 {
			break
		}
		out = append(out, kid.flat(p)...)
	}
	return out
}

// A style is a manner of writing a key of several words.
type style uint8

const (
	snake style = iota
	camel
	kebab
	pascal
	numStyles
)

func (s style) join(phrase string) string {
	words := strings.Split(phrase, " ")
	for i, w := range words {
		if (s == camel && i > 0 || s == pascal) && w[0] < 0x80 {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	switch s {
	case snake:
		return strings.Join(words, "_")
	case kebab:
		return strings.Join(words, "-")
	}
	return strings.Join(words, "")
}

// titled writes a phrase as a label that people read.
func titled(phrase string) string {
	if phrase == "" || phrase[0] >= 0x80 {
		return phrase
	}
	return strings.ToUpper(phrase[:1]) + phrase[1:]
}

// header writes a phrase as the name of a header field.
func header(phrase string) string {
	words := strings.Split(phrase, " ")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return "X-" + strings.Join(words, "-")
}

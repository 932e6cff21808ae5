package assure

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/getweir/weir"
)

// Draft gives the policy file that the decisions ask for: src with the lines changed
// that they are about. What it cannot change there, such as a credential, or a role
// that another file has, it says in words. src is a policy that Parse takes.
func (r *Review) Draft(src []byte) (draft []byte, byHand []string, err error) {
	file, err := parser.ParseBytes(src, parser.ParseComments)
	if err != nil {
		return nil, nil, fmt.Errorf("read the policy: %w", err)
	}
	var roles *ast.MappingNode
	if len(file.Docs) > 0 {
		roles = under(file.Docs[0].Body, "roles")
	}
	d := &drafting{lines: strings.SplitAfter(string(src), "\n")}
	for _, row := range r.Rows {
		if row.Decision != Narrow && row.Decision != Revoke {
			continue
		}
		if row.Kind != "role" {
			d.hand("%s of %s, row %d: %s. Credentials and principals are the configuration's, or the issuer's", row.Party, row.Role, row.N, row.Decision)
			continue
		}
		i := -1
		if roles != nil {
			i = slices.IndexFunc(roles.Values, func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == row.Role })
		}
		switch {
		case i < 0:
			d.hand("role %s, row %d: %s. This file does not have it", row.Role, row.N, row.Decision)
		case row.Decision == Revoke:
			d.drop(roles, i, row)
		default:
			d.narrow(roles.Values[i].Value, row)
		}
	}
	return d.text(), d.byHand, nil
}

type drafting struct {
	lines  []string
	edits  []edit
	gone   [][2]int // runs of lines, from 0, without the second
	byHand []string
}

// An edit puts text in the place of a token.
type edit struct {
	at   *token.Token
	text string
}

func (d *drafting) hand(format string, args ...any) {
	d.byHand = append(d.byHand, fmt.Sprintf(format, args...))
}

// under gives the mapping below a key of a mapping; nil: there is none.
func under(n ast.Node, key string) *ast.MappingNode {
	v := at(n, key)
	if v == nil {
		return nil
	}
	return mapping(v.Value)
}

func at(n ast.Node, key string) *ast.MappingValueNode {
	m := mapping(n)
	if m == nil {
		return nil
	}
	for _, v := range m.Values {
		if v.Key.GetToken().Value == key {
			return v
		}
	}
	return nil
}

func mapping(n ast.Node) *ast.MappingNode {
	switch x := n.(type) {
	case *ast.MappingNode:
		return x
	case *ast.MappingValueNode:
		return &ast.MappingNode{Values: []*ast.MappingValueNode{x}}
	}
	return nil
}

func (d *drafting) narrow(role ast.Node, row *Row) {
	see := under(role, "see")
	for _, c := range row.See {
		var v *ast.MappingValueNode
		if see != nil {
			v = at(see, string(c.Class))
		}
		if v == nil {
			// A wider line lets it: one of its own is more specific.
			d.hand("role %s: let it see %s masked; a wider line lets it see that in clear", row.Role, c.Class)
			continue
		}
		d.edits = append(d.edits, edit{v.Value.GetToken(), c.Now})
	}
	take := under(role, "take")
	for _, c := range row.Take {
		lane := at(take, c.Lane)
		if take == nil || lane == nil {
			if c.Lane == weir.Sensitive.String() {
				continue // it follows clear
			}
			d.hand("role %s: let it take %d customers %s in %s", row.Role, c.Now, c.Lane, c.Window)
			continue
		}
		window := at(lane.Value, c.Window)
		switch {
		case window != nil:
			d.edits = append(d.edits, edit{window.Value.GetToken(), strconv.Itoa(c.Now)})
		case mapping(lane.Value) == nil && c.Window == weir.Month.String(): // unbounded
			d.edits = append(d.edits, edit{lane.Value.GetToken(), fmt.Sprintf("{30 days: %d}", c.Now)})
		}
	}
}

// drop takes a role out, with the comment right above it.
func (d *drafting) drop(roles *ast.MappingNode, i int, row *Row) {
	from := roles.Values[i].Key.GetToken().Position
	indent := from.Column - 1
	line := d.lines[from.Line-1]
	if strings.TrimSpace(line[:min(indent, len(line))]) != "" || len(roles.Values) == 1 {
		d.hand("role %s, row %d: revoke. Take it out of the file", row.Role, row.N)
		return
	}
	first, end := from.Line-1, from.Line
	for ; end < len(d.lines); end++ {
		text := strings.TrimRight(d.lines[end], " \r\n")
		if text == "" || strings.HasPrefix(strings.TrimLeft(text, " "), "#") {
			continue
		}
		if len(text)-len(strings.TrimLeft(text, " ")) <= indent {
			break
		}
	}
	// What follows it, blank or a comment, belongs to the next.
	for end > from.Line && blank(d.lines[end-1]) {
		end--
	}
	for first > 0 && strings.HasPrefix(strings.TrimSpace(d.lines[first-1]), "#") {
		first--
	}
	for first > 0 && end < len(d.lines) && strings.TrimSpace(d.lines[first-1]) == "" && strings.TrimSpace(d.lines[end]) == "" {
		first--
	}
	d.gone = append(d.gone, [2]int{first, end})
}

func blank(line string) bool {
	text := strings.TrimSpace(line)
	return text == "" || text[0] == '#'
}

// text carries the edits out, from the end to the beginning.
func (d *drafting) text() []byte {
	slices.SortFunc(d.edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(b.at.Position.Line, a.at.Position.Line), cmp.Compare(b.at.Position.Column, a.at.Position.Column))
	})
	for _, e := range d.edits {
		line := d.lines[e.at.Position.Line-1]
		from := 0
		for range e.at.Position.Column - 1 {
			_, n := utf8.DecodeRuneInString(line[from:])
			from += n
		}
		was := strings.TrimSpace(e.at.Origin)
		if !strings.HasPrefix(line[from:], was) {
			d.hand("line %d: %s", e.at.Position.Line, e.text)
			continue
		}
		d.lines[e.at.Position.Line-1] = line[:from] + e.text + line[from+len(was):]
	}
	slices.SortFunc(d.gone, func(a, b [2]int) int { return cmp.Compare(b[0], a[0]) })
	for _, g := range d.gone {
		d.lines = slices.Delete(d.lines, g[0], g[1])
	}
	return []byte(strings.Join(d.lines, ""))
}

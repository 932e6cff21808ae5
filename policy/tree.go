package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on what is read, so that a file made to exhaust the reader is refused
// before the work is done.
const (
	maxFile  = 1 << 20 // bytes
	maxDepth = 100     // levels of nesting, as the tokens show them
	// maxWork bounds the sum, over the blocks of all files of a policy, of half the square of
	// their entries, which is what the YAML reader's time grows with: 20,000
	// entries in one block, or 10,000 in each of four.
	maxWork = 200_000_000
)

// A node is a YAML value with its place. The policy's own tree is plainer than
// YAML: no anchors, aliases, tags or merge keys, and one document.
type node struct {
	at
	kind  nodeKind
	text  string // of a scalar
	plain bool   // the scalar stands without quotes
	pairs []pair // of a mapping, in the order of the file
	items []*node
}

type nodeKind uint8

const (
	nothing nodeKind = iota
	scalar
	sequence
	mapping
)

var nodeKindNames = [...]string{"nothing", "a single value", "a list", "keys and values"}

// pair is a key of a mapping with its value.
type pair struct {
	at
	key   string
	value *node
}

// readTree reads one YAML document. It gives nil where it can read nothing; the
// mistakes then say why.
func readTree(m *mistakes, src []byte) (root *node) {
	if len(src) > maxFile {
		m.errorf(m.top(), "the file is longer than %d bytes", maxFile)
		return nil
	}
	if !utf8.Valid(src) {
		m.errorf(firstInvalid(m, src), "not UTF-8")
		return nil
	}
	// The YAML reader has panicked on malformed input before. A policy that
	// makes it do so is a mistake in the policy, never the end of the process.
	defer func() {
		if recover() != nil {
			m.errorf(m.top(), "this is not YAML that can be read")
			root = nil
		}
	}()
	tokens := lexer.Tokenize(string(src))
	if !fit(m, tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		m.errorf(syntaxError(m, err))
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType && len(file.Docs) > 1 {
			continue
		}
		if body != nil {
			m.errorf(m.begin(doc.Body), "a second YAML document: a policy is one")
			return nil
		}
		body = doc.Body
	}
	if body == nil || body.Type() == ast.NullType {
		m.errorf(m.top(), "the file holds no policy")
		return nil
	}
	return convert(m, body)
}

// firstInvalid finds the first byte that is not UTF-8.
func firstInvalid(m *mistakes, src []byte) at {
	where := m.top()
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r == utf8.RuneError && n == 1 {
			break
		}
		where.column++
		if r == '\n' {
			where.line, where.column = where.line+1, 1
		}
		src = src[n:]
	}
	return where
}

// fit refuses, before anything is built, what a policy has no use for and an
// attacker has: aliases, tags, merge keys, bottomless nesting.
func fit(m *mistakes, tokens token.Tokens) bool {
	type level struct{ column, entries int }
	var open []level // the block structures that are open
	flow := 0
	for _, t := range tokens {
		where := m.place(t)
		switch t.Type {
		case token.InvalidType:
			m.errorf(where, "%s", sentence(t.Error))
			return false
		case token.AliasType:
			m.errorf(where, `aliases are not part of the language (a value that begins with * goes in quotes: "*")`)
			return false
		case token.AnchorType:
			m.errorf(where, "anchors are not part of the language")
			return false
		case token.TagType:
			m.errorf(where, "tags are not part of the language")
			return false
		case token.MergeKeyType:
			m.errorf(where, "merge keys are not part of the language")
			return false
		case token.DirectiveType:
			m.errorf(where, "directives are not part of the language")
			return false
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.CommentType:
			continue
		}
		if flow == 0 {
			for len(open) > 0 && open[len(open)-1].column > where.column {
				open = open[:len(open)-1]
			}
			if len(open) == 0 || open[len(open)-1].column < where.column {
				open = append(open, level{column: where.column})
			}
			if l := &open[len(open)-1]; t.Type != token.SequenceEntryType {
				l.entries++
				m.work += l.entries
			}
		}
		if m.work > maxWork {
			m.errorf(where, "too many entries in one block")
			return false
		}
		if flow+len(open) > maxDepth {
			m.errorf(where, "nested too deeply")
			return false
		}
	}
	return true
}

// syntaxError takes an error of the YAML reader apart.
func syntaxError(m *mistakes, err error) (at, string, any) {
	var shown interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &shown) {
		return m.top(), "%s", sentence(err.Error())
	}
	return m.place(shown.GetToken()), "%s", sentence(shown.GetMessage())
}

// sentence makes one line of a message of the YAML reader.
func sentence(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	message = strings.ReplaceAll(message, "\t", `\t`)
	if message == "" {
		return "not YAML"
	}
	return "not YAML: " + message
}

// top is where the file begins that is being read.
func (m *mistakes) top() at { return at{line: 1, column: 1, file: m.reading} }

// place is where a token stands in the file that is being read.
func (m *mistakes) place(t *token.Token) at {
	if t == nil || t.Position == nil {
		return m.top()
	}
	return at{line: t.Position.Line, column: t.Position.Column, file: m.reading}
}

// begin finds where a node begins.
func (m *mistakes) begin(n ast.Node) at {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return m.begin(n.Values[0])
		}
	case *ast.MappingValueNode:
		return m.place(n.Key.GetToken())
	}
	return m.place(n.GetToken())
}

func convert(m *mistakes, n ast.Node) *node {
	out := &node{at: m.begin(n)}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.MappingNode:
		out.kind = mapping
		for _, v := range n.Values {
			out.pairs = appendPair(m, out.pairs, v)
		}
		noteDuplicates(m, out.pairs)
	case *ast.MappingValueNode:
		out.kind = mapping
		out.pairs = appendPair(m, nil, n)
	case *ast.SequenceNode:
		out.kind = sequence
		for _, v := range n.Values {
			out.items = append(out.items, convert(m, v))
		}
	case *ast.StringNode:
		out.kind, out.text = scalar, n.Value
		out.plain = n.Token == nil || n.Token.Type == token.StringType
	case *ast.LiteralNode:
		out.kind = scalar
		if n.Value != nil {
			out.text = strings.TrimSpace(n.Value.Value)
		}
	case ast.ScalarNode: // numbers, booleans and their kin: as written
		out.kind, out.plain = scalar, true
		out.text = n.GetToken().Value
	default:
		m.errorf(out.at, "%s is not part of the language", strings.ToLower(fmt.Sprint(n.Type())))
	}
	return out
}

func appendPair(m *mistakes, pairs []pair, v *ast.MappingValueNode) []pair {
	where := m.place(v.Key.GetToken())
	key, ok := v.Key.(ast.ScalarNode)
	if !ok {
		m.errorf(where, "a key is a single word")
		return pairs
	}
	text := key.GetToken().Value
	if s, ok := v.Key.(*ast.StringNode); ok {
		text = s.Value
	}
	value := convert(m, v.Value)
	if value.kind == nothing {
		value.at = where // an absent value has no place of its own
	}
	return append(pairs, pair{where, text, value})
}

func noteDuplicates(m *mistakes, pairs []pair) {
	first := make(map[string]at, len(pairs))
	for _, p := range pairs {
		if before, ok := first[p.key]; ok {
			m.errorf(p.at, "the key %q stands here a second time (first on %s)", p.key, m.lineFrom(p.at, before))
			continue
		}
		first[p.key] = p.at
	}
}

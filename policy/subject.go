package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/getweir/weir"
)

// From says where the identifier of a route's subject stands.
type From uint8

const (
	None From = iota // no subject is declared: the identifiers in each record tell
	URL              // in the path of the request
	Body             // in each record of the answer
)

var fromNames = [...]string{"none", "url", "body"}

func (f From) String() string {
	if int(f) < len(fromNames) {
		return fromNames[f]
	}
	return fmt.Sprintf("unknown(%d)", f)
}

// A Subject says whose the records of an answer are.
type Subject struct {
	// Kind of its identifier, as weir.Identifier has it: "customer".
	Kind string
	From From
	// Array leads to the array whose elements are the records: keys from the
	// root. Empty and not nil: the root is the array. nil: the answer is one
	// record. Not to be changed.
	Array []string
	// Path leads from a record to its identifier: keys. Not to be changed.
	Path []string
	// Value is the identifier, where it stands in the URL.
	Value weir.Identifier
}

// parseSubject reads "customer {id}" or "customer $.data.items[*].id". The name
// of the variable, for the first form, is given apart. Its error is a sentence
// for the author of the policy.
func parseSubject(text string) (s Subject, variableName string, err error) {
	kind, place, ok := strings.Cut(strings.TrimSpace(text), " ")
	place = strings.TrimLeft(place, " ")
	if !ok || place == "" {
		return s, "", fmt.Errorf("a subject is a kind and a place, as customer {id} or customer $.items[*].id")
	}
	if !isWord(kind) {
		return s, "", fmt.Errorf("%q: a kind is a word of lower-case letters, digits and hyphens", kind)
	}
	s.Kind = kind
	switch {
	case place[0] == '{' && place[len(place)-1] == '}':
		name := place[1 : len(place)-1]
		if !isName(name) {
			return s, "", fmt.Errorf("%s does not name a variable of the route", place)
		}
		s.From = URL
		return s, name, nil
	case place[0] == '$':
		s.From = Body
		s.Array, s.Path, err = parseJSONPath(place)
		return s, "", err
	}
	return s, "", fmt.Errorf("a place is a variable as {id}, or a path as $.items[*].id")
}

// parseJSONPath reads the part of JSONPath (RFC 9535) that names one value in
// each record: member names, in dots or in brackets, and one [*] at the array of
// records.
func parseJSONPath(text string) (array, path []string, err error) {
	rest := text[1:]
	path = []string{}
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "[*]"):
			if array != nil {
				return nil, nil, fmt.Errorf("%s: only one [*]: the array whose elements are the records", text)
			}
			array, path = path, []string{}
			rest = rest[len("[*]"):]
		case strings.HasPrefix(rest, "['"), strings.HasPrefix(rest, `["`):
			end := strings.Index(rest[2:], rest[1:2]+"]")
			if end <= 0 || strings.ContainsRune(rest[2:2+end], '\\') {
				return nil, nil, fmt.Errorf("%s: a key in brackets is written ['key'], without escapes", text)
			}
			path = append(path, rest[2:2+end])
			rest = rest[2+end+2:]
		case rest[0] == '.':
			end := 1
			for end < len(rest) && memberByte(rest[end]) {
				end++
			}
			if end == 1 {
				return nil, nil, fmt.Errorf("%s: a key must follow the dot (.. and .* are not part of the language)", text)
			}
			path = append(path, rest[1:end])
			rest = rest[end:]
		default:
			return nil, nil, fmt.Errorf("%s: only .key, ['key'] and one [*] may stand in a path", text)
		}
		if len(array)+len(path) > maxSegments {
			return nil, nil, fmt.Errorf("a path of more than %d keys", maxSegments)
		}
	}
	if len(path) == 0 {
		return nil, nil, fmt.Errorf("%s: a path ends at the key that holds the identifier", text)
	}
	return array, path, nil
}

// memberByte reports whether a byte may stand in a key after a dot. RFC 9535
// has letters, digits, the underscore and all beyond ASCII; the hyphen is added
// because keys have it and nothing here subtracts.
func memberByte(c byte) bool {
	return c == '_' || c == '-' || c >= utf8.RuneSelf ||
		'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isWord reports whether s is a name of the language: lower-case letters,
// digits and hyphens, beginning with a letter.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// maxName bounds every name in the file, in bytes.
const maxName = 200

// isPartyName reports whether s may name a role, an issuer or a network: what
// prints and has no space in it.
func isPartyName(s string) bool {
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == utf8.RuneError {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

package jsonlex

// Presence says what Find found.
type Presence uint8

const (
	Absent    Presence = iota // there is no such member
	Found                     // there is exactly one
	Duplicate                 // a key of the path occurs twice in its object
)

// Find gives the first token of the value that path leads to in body, a whole
// document: each key names a member of the object that the key before it led
// to. Arrays are not entered. A key of the path that occurs twice in its object
// gives Duplicate, since readers differ in which of the two they take; keys off
// the path may occur as often as they like. An empty path leads to the document
// itself. The whole body is read, so an error anywhere in it is given.
func Find(body []byte, path []string) (Token, Presence, error) {
	var l Lexer
	l.Reset(body)
	var found Token
	state := Absent
	seen := 0    // path[:seen] has been met
	matched := 0 // depth of objects entered along the path
	for {
		t, err := l.Next()
		if err != nil {
			return Token{}, Absent, err
		}
		switch {
		case t.Kind == End:
			return found, state, nil
		case t.Start == first(body) && len(path) == 0:
			found, state = t, Found
		case t.Kind == ObjectOpen && l.depth == 1 && matched == 0:
			matched = 1
		case t.Kind == ObjectClose && l.depth < matched:
			matched = l.depth
		case t.Kind == Key && l.depth == matched && matched <= len(path):
			a, b := t.Inner()
			if !Equal(body[a:b], path[matched-1]) {
				continue
			}
			if seen >= matched {
				state = Duplicate
				continue
			}
			seen = matched
			v, err := l.Next()
			if err != nil {
				return Token{}, Absent, err
			}
			switch {
			case matched == len(path):
				if state == Absent {
					found, state = v, Found
				}
			case v.Kind == ObjectOpen:
				matched++
			}
		}
	}
}

// first gives the offset of the first byte that is no white space.
func first(b []byte) int {
	i := 0
	for i < len(b) && space(b[i]) {
		i++
	}
	return i
}

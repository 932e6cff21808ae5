// Package shape writes names that come from traffic so that they can be shown: keys
// of JSON, columns, segments of paths. A name is shown as it is only where it is made
// of words that APIs use for kinds of things; whatever else could be somebody's name,
// number or address, and is written {id}.
//
// It guarantees that what it gives for a name is the name itself, made of words of
// its list and of numbers of up to two digits, or {id}; and that it takes time linear
// in the name. It does not know whether a word of the list is meant as one: a
// customer called "order" is shown.
package shape

import "strings"

// ID stands for a name that is not shown.
const ID = "{id}"

// maxName is how long a name may be that is shown.
const maxName = 64

// Known reports whether name is made of words that kinds of things are called by:
// customer_id, billingAddress, line1, X-Request-Id.
func Known(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	found := false
	for i := 0; i < len(name); {
		switch c := name[i]; {
		case c == '_' || c == '-' || c == '.' || c == '$' && i == 0 || c == '@' && i == 0:
			i++
		case c >= '0' && c <= '9':
			end := i
			for end < len(name) && name[end] >= '0' && name[end] <= '9' {
				end++
			}
			if end-i > 2 || !found {
				return false
			}
			i = end
		case letter(c):
			end := wordEnd(name, i)
			if !inList(name[i:end]) {
				return false
			}
			found, i = true, end
		default:
			return false
		}
	}
	return found
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func upper(c byte) bool  { return c >= 'A' && c <= 'Z' }

// wordEnd gives the end of the word that begins at s[i]: at a sign, a digit, or where
// a capital begins the next, as in billingAddress and userID.
func wordEnd(s string, i int) int {
	end := i + 1
	for end < len(s) && letter(s[end]) {
		if upper(s[end]) && (!upper(s[end-1]) || end+1 < len(s) && letter(s[end+1]) && !upper(s[end+1])) {
			break
		}
		end++
	}
	return end
}

func inList(word string) bool {
	var buf [maxName]byte
	n := copy(buf[:], word)
	for i, c := range buf[:n] {
		buf[i] = c | 0x20
	}
	w := buf[:n]
	if words[string(w)] {
		return true
	}
	// The plural: orders, addresses, histories.
	if n > 3 && w[n-1] == 's' {
		if words[string(w[:n-1])] {
			return true
		}
		if w[n-2] == 'e' && words[string(w[:n-2])] {
			return true
		}
		if n > 4 && w[n-2] == 'e' && w[n-3] == 'i' {
			w[n-3] = 'y'
			return words[string(w[:n-2])]
		}
	}
	return false
}

// Key gives how a key, a column or a header is shown.
func Key(name string) string {
	if Known(name) {
		return name
	}
	return ID
}

// Names reports whether name has the form of a name that a programmer gives: a letter
// first, then letters, digits and signs that join words, and not so many digits that
// it is a number of something. It may still be somebody's.
func Names(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	row, all, hexes := 0, 0, 0
	for i, r := range name {
		switch {
		case r >= '0' && r <= '9':
			row++
			all++
			hexes++
			if i == 0 || row > 3 || all > 4 {
				return false
			}
			continue
		case r|0x20 >= 'a' && r|0x20 <= 'f':
			hexes++
		case r|0x20 >= 'a' && r|0x20 <= 'z':
		case i > 0 && (r == '_' || r == '-'):
		case i == 0 && (r == '_' || r == '$'):
		default:
			return false
		}
		row = 0
	}
	return hexes < len(name) || len(name) < 8
}

// AppendPath appends the shape of a URL's path to b: segments of known words as they
// are, {id} for the others, and no more than maxSegments of them.
func AppendPath(b []byte, path string) []byte {
	path = strings.Trim(path, "/")
	if path == "" {
		return append(b, '/')
	}
	for n := 0; path != ""; n++ {
		if n == maxSegments {
			return append(b, "/…"...)
		}
		var s string
		s, path, _ = strings.Cut(path, "/")
		b = append(b, '/')
		if version(s) || Known(s) {
			b = append(b, s...)
		} else {
			b = append(b, ID...)
		}
	}
	return b
}

const maxSegments = 12

// version reports whether s is v and a number: v1.
func version(s string) bool {
	return len(s) >= 2 && len(s) <= 3 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9' && (len(s) == 2 || s[2] >= '0' && s[2] <= '9')
}

package files

import (
	"bytes"
	"strings"
)

// labels follows a page from finding to finding and tells what stands before it:
// a label's text, else the tag or attribute that holds it.
type labels struct {
	t     []byte
	read  int    // offset reached: after a tag
	next  int    // where the next tag begins, as far as that is known
	tag   string // open just before
	label string // the text of the last label
}

// maxLabel bounds a label.
const maxLabel = 40

// at gives the label of what begins at offset p.
func (l *labels) at(p int) string {
	t := l.t
	for l.next < p {
		i := bytes.IndexByte(t[l.read:], '<')
		if i < 0 {
			l.next = len(t)
			break
		}
		i += l.read
		if l.next = i; i >= p {
			break
		}
		end := bytes.IndexByte(t[i:], '>')
		if end < 0 || i+end >= p {
			return l.within(t[i:p])
		}
		end += i
		switch name := tagName(t[i+1 : end]); {
		case name == "":
		case name[0] == '/':
			l.tag = ""
		default:
			l.tag = name
		}
		l.read, l.next = end+1, end+1
		next := bytes.IndexByte(t[end:], '<')
		if next < 0 {
			next = len(t) - end
		}
		if l.next = end + next; l.next >= p {
			break
		}
		text := strings.TrimSpace(string(t[end+1 : min(end+next, end+1+4*maxLabel)]))
		switch {
		case text == "":
		case (l.tag == "dt" || l.tag == "th" || l.tag == "label" || strings.HasSuffix(text, ":")) && len(text) <= maxLabel && !telling([]byte(text)):
			l.label = shown(strings.TrimSuffix(text, ":"))
		default:
			l.label = ""
		}
	}
	switch {
	case l.label != "":
		return l.label
	case l.tag != "":
		return "<" + l.tag + ">"
	}
	return ""
}

// within gives the tag and the attribute that the open tag t ends in.
func (l *labels) within(t []byte) string {
	name := tagName(t[1:])
	if name == "" {
		return ""
	}
	eq := bytes.LastIndexByte(t, '=')
	if eq < 0 {
		return "<" + name + ">"
	}
	a := eq
	for a > 0 && t[a-1] > ' ' && t[a-1] != '"' && t[a-1] != '\'' {
		a--
	}
	if attribute := t[a:eq]; simple(attribute) && !telling(attribute) {
		return "<" + name + " " + string(attribute) + ">"
	}
	return "<" + name + ">"
}

// tagName gives the name of a tag, of which t is the inside, in lower case.
func tagName(t []byte) string {
	n := 0
	for n < len(t) && n < maxLabel && (letter(t[n]) || t[n]-'0' < 10 || t[n] == '-' || t[n] == ':' || n == 0 && t[n] == '/') {
		n++
	}
	return strings.ToLower(string(t[:n]))
}

package inspect

import (
	"bytes"

	"github.com/getweir/weir"
)

// A page is the state of reading one HTML document: what the label, the attributes
// and the column around the next text say about it.
type page struct {
	*walk
	t []byte

	tag    meaning // said by the attributes of the tag just opened
	label  meaning // said by the text before: dt, th of the row, label, "Phone:"
	inHead bool    // within th: a column's or row's name

	heading bool    // within h1 to h6
	section meaning // said by the heading above: mHistory, mPages, mQueries
	item    bool    // within li or td

	columns [32]meaning
	column  int
	heads   int // th in this row
	cells   int // td in this row

	row  [16]cell // what the row holds, for shapes that are spread over cells
	rowN int
}

// A cell is a text with a meaning.
type cell struct {
	span
	m meaning
}

// html reads a document (WHATWG HTML, section 13.2.5, as far as telling text, tags,
// attributes, comments and scripts apart takes).
func (w *walk) html(t []byte) {
	w.form, w.object = weir.FormMarkup, -1
	p := page{walk: w, t: t, column: -1}
	for i := 0; i < len(t); {
		n := bytes.IndexByte(t[i:], '<')
		if n < 0 {
			p.text(i, len(t))
			break
		}
		if n > 0 {
			p.text(i, i+n)
		}
		i += n
		if i+1 == len(t) {
			break
		}
		switch c := t[i+1]; {
		case bytes.HasPrefix(t[i:], []byte("<!--")):
			end := index(t, i+4, "-->")
			w.scan(t, i+4, end)
			i = end
		case c == '/':
			end := index(t, i, ">")
			p.close(name(t, i+2))
			i = end + 1
		case alpha(c):
			i = p.open(i + 1)
		default:
			end := index(t, i, ">")
			w.scan(t, i+1, end)
			i = end
		}
	}
	p.group()
}

// index gives the offset of s in t[i:], or the end.
func index(t []byte, i int, s string) int {
	if i > len(t) {
		return len(t)
	}
	if n := bytes.Index(t[i:], []byte(s)); n >= 0 {
		return i + n
	}
	return len(t)
}

// name gives the name that begins at t[i].
func name(t []byte, i int) []byte {
	a := i
	for i < len(t) && (wordByte(t[i]) || t[i] == '-' || t[i] == ':') {
		i++
	}
	return t[a:i]
}

// isHeading reports whether a tag is one of h1 to h6.
func isHeading(tag []byte) bool {
	return len(tag) == 2 && tag[0]|0x20 == 'h' && tag[1]-'1' < 6
}

// is reports whether a name is s, in any case.
func is(n []byte, s string) bool {
	if len(n) != len(s) {
		return false
	}
	for i := range n {
		if n[i]|0x20 != s[i] && n[i] != s[i] {
			return false
		}
	}
	return true
}

// open reads the tag whose name begins at t[i] and gives where to go on.
func (p *page) open(i int) int {
	t := p.t
	tag := name(t, i)
	i += len(tag)
	switch {
	case is(tag, "table"), is(tag, "dl"), is(tag, "form"), is(tag, "section"), is(tag, "article"), is(tag, "ul"), is(tag, "ol"):
		p.group()
		clear(p.columns[:])
	case isHeading(tag):
		p.heading, p.section = true, mNone
	case is(tag, "li"):
		p.item = true
	case is(tag, "tr"):
		p.endRow()
	case is(tag, "th"):
		p.column++
		p.heads++
		p.inHead = true
	case is(tag, "td"):
		if p.cells == 0 && p.heads > 0 && p.heads < 2 {
			// The row is named by its first cell.
		} else {
			p.label = mNone
		}
		p.column++
		p.cells++
		p.item = true
	}
	p.tag = mNone
	i = p.attributes(i)
	if m := p.element(tag); m == mPerson || m == mHolder {
		p.group()
		p.frames[0].parent = mPerson
	} else if p.tag == mNone && m.asks() {
		p.tag = m
	}
	for _, raw := range []string{"script", "style"} {
		if is(tag, raw) {
			end := p.rawEnd(i, raw)
			if raw == "script" {
				p.script(i, end)
			} else {
				p.scan(t, i, end)
			}
			return end
		}
	}
	return i
}

// element gives what the name of an element says that HTML does not have: in XML, and
// in elements of one's own, it is the key of what it holds.
func (p *page) element(tag []byte) meaning {
	if i := bytes.LastIndexByte(tag, ':'); i >= 0 {
		tag = tag[i+1:]
	}
	var buf [16]byte
	if len(tag) <= len(buf) && elements[string(lower(buf[:0], tag))] {
		return mNone
	}
	return p.keys.of(tag, 0, len(tag), means)
}

// elements are those of HTML (WHATWG HTML, index of elements) whose names are keys, too.
var elements = map[string]bool{
	"address": true, "title": true, "time": true, "data": true, "label": true, "code": true, "map": true, "link": true, "track": true, "source": true, "video": true, "object": true,
	"param": true, "section": true, "summary": true, "details": true, "body": true, "main": true, "header": true, "footer": true, "a": true, "b": true, "i": true, "p": true, "q": true, "s": true, "u": true,
	"li": true, "td": true, "th": true, "tr": true, "dt": true, "dd": true, "dl": true, "ol": true, "ul": true, "br": true, "hr": true, "em": true, "span": true, "div": true, "form": true, "input": true, "output": true,
	"base": true, "meta": true, "mark": true, "cite": true, "abbr": true, "area": true, "audio": true, "search": true, "menu": true, "nav": true, "var": true, "kbd": true, "pre": true, "sub": true, "sup": true,
}

// attributes reads the attributes from t[i] on, and gives the end of the tag.
func (p *page) attributes(i int) int {
	t := p.t
	named := mNone // by name="email" or the like, for value="..."
	var value, content span
	for i < len(t) {
		for i < len(t) && (t[i] <= ' ' || t[i] == '/') {
			i++
		}
		if i == len(t) || t[i] == '>' {
			i++
			break
		}
		a := i
		for i < len(t) && t[i] > ' ' && t[i] != '=' && t[i] != '>' && t[i] != '/' {
			i++
		}
		attr := t[a:i]
		if i == a {
			i++
			continue
		}
		i = skipSpace(t, i)
		if i == len(t) || t[i] != '=' {
			continue
		}
		i = skipSpace(t, i+1)
		if i == len(t) {
			break
		}
		var v span
		if q := t[i]; q == '"' || q == '\'' {
			end := bytes.IndexByte(t[i+1:], q)
			if end < 0 {
				p.value(mNone, t, i+1, len(t))
				return len(t)
			}
			v = span{i + 1, i + 1 + end}
			i = v.b + 1
		} else {
			a := i
			for i < len(t) && t[i] > ' ' && t[i] != '>' {
				i++
			}
			v = span{a, i}
		}
		switch {
		case is(attr, "value"):
			value = v
		case is(attr, "content"):
			content = v
		case is(attr, "name"), is(attr, "itemprop"), is(attr, "id"), is(attr, "class"), is(attr, "data-field"), is(attr, "data-label"), is(attr, "autocomplete"):
			if m := p.classes(v); m != mNone && (named == mNone || is(attr, "itemprop")) {
				named = m
			}
			p.value(mNone, t, v.a, v.b)
		case len(attr) > 5 && is(attr[:5], "data-"):
			p.value(means(attr[5:]), t, v.a, v.b)
		default:
			p.value(mNone, t, v.a, v.b)
		}
	}
	p.value(named, t, value.a, value.b)
	p.value(named, t, content.a, content.b)
	p.tag = named
	return i
}

// classes gives the meaning of the first word of an attribute's value that says what
// the text is, else of the first that has any.
func (p *page) classes(v span) (m meaning) {
	for a := v.a; a < v.b; {
		b := a
		for b < v.b && p.t[b] > ' ' {
			b++
		}
		said := means(p.t[a:b])
		if said.asks() && said != mID && said != mNumber {
			return said
		}
		if m == mNone && present.has(said) {
			m = said
		}
		a = b + 1
	}
	return m
}

// text reads the text t[a:b] between two tags.
func (p *page) text(a, b int) {
	for a < b && p.t[a] <= ' ' {
		a++
	}
	for b > a && p.t[b-1] <= ' ' {
		b--
	}
	if a == b {
		return
	}
	// "Phone:" is a label, "Phone: ..." a label and its value.
	said, after := mNone, b
	if n := bytes.IndexByte(p.t[a:min(b, a+maxKey)], ':'); n > 0 {
		said, after = labels(p.t[a:a+n]), skipSpace(p.t[:b], a+n+1)
	} else if b-a <= maxKey {
		said = labels(p.t[a:b])
	}
	if p.inHead {
		if p.column >= 0 && p.column < len(p.columns) {
			p.columns[p.column] = said
		}
		p.label = said
		p.value(mNone, p.t, a, b)
		return
	}
	for _, c := range containers {
		if p.heading && said == c.m {
			p.section = said
		}
		if p.item && p.section == c.m && !blank(p.t[a:b]) {
			p.whole(c.class, a, b, weir.SureMatch, false, "heading")
		}
	}
	m := p.tag
	p.tag = mNone
	if m == mNone && p.label != mNone {
		m = p.label
	}
	if m == mNone && p.cells > 0 && p.column < len(p.columns) {
		m = p.columns[p.column]
	}
	// A label that tells what a value is not gives way to one that tells what it is.
	vetoes := said == mOpaque || said == mVersion
	if m == mOpaque || m == mVersion {
		if said.asks() && after == b {
			m = mNone
		}
	}
	if after == b && ((said.asks() || present.has(said) || vetoes) && m == mNone || said != mNone && said == m && p.t[b-1] == ':') {
		p.label = said
		p.value(mNone, p.t, a, b)
		return
	}
	if after < b && m == mNone && said.asks() {
		m, a = said, after
	}
	p.label = mNone
	if p.rowN < len(p.row) && !blank(p.t[a:b]) {
		p.row[p.rowN] = cell{span{a, b}, m}
		p.rowN++
	}
	p.value(m, p.t, a, b)
}

// labels gives the meaning of a text as a label: words, and nothing that values have.
func labels(text []byte) meaning {
	if digit(text[0]) || bytes.IndexByte(text, '@') >= 0 || bytes.IndexByte(text, '*') >= 0 {
		return mNone
	}
	return means(text)
}

// close reads a closing tag.
func (p *page) close(tag []byte) {
	switch {
	case is(tag, "th"):
		p.inHead = false
	case isHeading(tag):
		p.heading = false
	case is(tag, "li"), is(tag, "td"):
		p.item = false
	case is(tag, "tr"):
		p.endRow()
	case is(tag, "table"), is(tag, "dl"), is(tag, "form"), is(tag, "section"), is(tag, "article"), is(tag, "ul"), is(tag, "ol"):
		p.group()
		clear(p.columns[:])
	}
	p.tag = mNone
	if m := p.element(tag); m == mPerson || m == mHolder {
		p.group()
		p.frames[0].parent = mNone
	}
}

// endRow reports the shape that the cells of a row make up.
func (p *page) endRow() {
	var f frame
	for i, c := range p.row[:p.rowN] {
		if c.m == mOrders {
			p.row[i].m = mOrderID // a column "Order" has the orders' numbers
		}
		f.has |= 1 << p.row[i].m
	}
	if class, of := f.shape(); class != "" && (of == mNone || of != p.section) {
		for _, c := range p.row[:p.rowN] {
			if shaping(class).has(c.m) {
				p.whole(class, c.a, c.b, weir.SureMatch, false, "shape")
			}
		}
	}
	p.rowN, p.column, p.heads, p.cells, p.inHead = 0, -1, 0, 0, false
	p.label = mNone
}

// group ends a part of the page whose values belong together.
func (p *page) group() {
	p.endRow()
	root := &p.frames[0]
	p.resolve(root)
	root.has = 0
}

// rawEnd gives where the content of a script or style ends.
func (p *page) rawEnd(i int, tag string) int {
	for {
		i = index(p.t, i, "</")
		if i == len(p.t) || is(name(p.t, i+2), tag) {
			return i
		}
		i += 2
	}
}

// script reads the content of a script: JSON as JSON, anything else as text.
func (p *page) script(a, b int) {
	i := skipSpace(p.t[:b], a)
	if i < b && (p.t[i] == '{' || p.t[i] == '[') {
		w := p.in.walks.Get().(*walk)
		before := len(p.r.Findings)
		w.start(p.r, &weir.Segment{})
		w.objects = p.objects
		err := w.json(p.t[a:b], nil, false, nil)
		p.objects = w.objects
		w.r = nil
		w.release()
		p.in.walks.Put(w)
		if err == nil {
			for k := range p.r.Findings[before:] {
				p.r.Findings[before+k].Start += a
				p.r.Findings[before+k].End += a
			}
			return
		}
		p.r.Findings = p.r.Findings[:before]
	}
	p.scan(p.t, a, b)
}

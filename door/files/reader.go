package files

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
)

// A reader reads blocks. Each goroutine has its own.
type reader struct {
	inspector *inspect.Inspector
	wanted    *classes // nil: all
	reveal    bool
	masking   *masking // not nil: findings are masked, and not told

	report inspect.Report
	Seg    weir.Segment // exported, so that its printing rules hold
	trail  trail
	buf    []byte
	depth  int // of parts in parts

	// Of the block being read.
	b      *block
	place  place
	prefix string // what the paths of its findings begin with
}

// read finds what is in b.
func (r *reader) read(b *block) {
	r.b, r.place, r.prefix = b, place{at: b.from}, ""
	lo, hi := 0, len(b.t)
	switch b.format {
	case JSON:
		r.json(lo, hi)
	case NDJSON:
		r.lines(lo, hi)
	case CSV:
		r.rows(lo, hi)
	case HTML:
		r.markup(lo, hi)
	case Form:
		r.form(lo, hi)
	case Multipart:
		r.multipart(lo, hi)
	case HTTP:
		r.message(lo, hi)
	case Events:
		r.events(lo, hi)
	case utf16:
		r.text(lo, hi)
		if len(b.found) == 0 {
			b.unread += int64(b.to - b.from) // the inspector may not know this encoding: better counted than passed over
		}
	default:
		r.text(lo, hi)
	}
	if !b.last { // nobody asks where the last ends
		r.place.to(b.t, b.to)
	}
	b.lines, b.tail = r.place.line, r.place.column
	r.b = nil
}

// inspect reads t[lo:hi] as r.Seg says, and reports whether that could be done.
func (r *reader) inspect(lo, hi int) bool {
	r.Seg.Body = r.b.t[lo:hi:hi]
	if r.inspector.Inspect(&r.report, &r.Seg, nil) != nil {
		return false
	}
	r.b.unread += int64(r.report.Unread)
	return true
}

// keep takes what was found in t[lo:...], of which label, where it is not nil, gives
// the path.
func (r *reader) keep(lo int, label func(f *weir.Finding) string) {
	if r.masking != nil {
		r.masking.segment(r, lo)
		return
	}
	b := r.b
	for i := range r.report.Findings {
		f := &r.report.Findings[i]
		at := lo + f.Start
		path := ""
		if label != nil {
			path = label(f) // also for what is not wanted: the trail must see each
		}
		if at < b.from || at >= b.to || r.wanted != nil && !r.wanted.has(f.Class) {
			continue
		}
		r.place.to(b.t, at)
		if r.prefix != "" {
			path = strings.TrimSuffix(r.prefix+" "+path, " ")
		}
		found := Finding{Offset: b.base + int64(at), Length: f.End - f.Start, Line: r.place.line, Column: r.place.column, Path: path,
			Class: f.Class, Detector: f.Detector, Confidence: f.Confidence, Checked: f.Checked, Customer: f.Customer}
		if r.reveal {
			found.Value = weir.NewPlain(string(b.t[at : lo+f.End]))
		}
		b.found = append(b.found, found)
	}
}

func (r *reader) text(lo, hi int) {
	r.Seg = weir.Segment{Syntax: weir.Text, Record: true}
	if lo >= hi {
		return
	}
	if !r.inspect(lo, hi) {
		r.b.unread += int64(hi - lo)
		return
	}
	r.keep(lo, nil)
}

// instead reads as text what could not be read as what it should be.
func (r *reader) instead(lo, hi int) {
	r.b.asText += int64(hi - lo)
	r.text(lo, hi)
}

// json reads a document, or the pieces of one.
func (r *reader) json(lo, hi int) {
	if len(r.b.pieces) == 0 {
		if lo < hi && (!looksJSON(r.b.t[lo:hi]) || !r.value(lo, hi, nil, 0)) {
			r.lines(lo, hi)
		}
		return
	}
	for i := range r.b.pieces {
		p := &r.b.pieces[i]
		r.Seg = weir.Segment{Syntax: weir.JSON, Record: p.record, Path: p.path}
		if !r.inspect(p.lo, p.hi) {
			r.instead(p.lo, p.hi)
			continue
		}
		if len(r.report.Findings) == 0 {
			continue
		}
		r.trail.start(r.b.t[p.lo:p.hi], p.path, p.index)
		if !p.record && p.path != nil {
			r.trail.within(p.index)
		}
		r.keep(p.lo, r.onTrail)
	}
}

// value reads one JSON value, or several one after another, and reports whether it
// is JSON.
func (r *reader) value(lo, hi int, path []string, index int) bool {
	if r.masking != nil && !r.masking.valid(r.b.t[lo:hi]) {
		return false
	}
	r.Seg = weir.Segment{Syntax: weir.JSON, Record: true}
	if !r.inspect(lo, hi) {
		return false
	}
	if len(r.report.Findings) > 0 {
		r.trail.start(r.b.t[lo:hi], path, index)
		r.keep(lo, r.onTrail)
	}
	return true
}

// onTrail gives the path of a finding in JSON.
func (r *reader) onTrail(f *weir.Finding) string {
	inKey := r.trail.to(f.Start)
	r.buf = r.trail.append(r.buf[:0], inKey)
	return string(r.buf)
}

// lines reads lines of JSON. Those that are none are read as text.
func (r *reader) lines(lo, hi int) {
	t := r.b.t
	// Neighbours of one kind are read together: the inspector takes JSON values one
	// after another, and looks at nothing between them.
	for lo < hi {
		end := lo + lineEnd(t[lo:hi])
		json := looksJSON(t[lo:end])
		for end < hi {
			n := lineEnd(t[end:hi])
			if looksJSON(t[end:end+n]) != json {
				break
			}
			end += n
		}
		switch {
		case !json && r.b.format == JSON:
			r.instead(lo, end)
		case !json:
			r.text(lo, end)
		case r.value(lo, end, nil, 0):
		default:
			for at := lo; at < end; {
				n := lineEnd(t[at:end])
				if !r.value(at, at+n, nil, 0) {
					r.instead(at, at+n)
				}
				at += n
			}
		}
		lo = end
	}
}

// looksJSON reports whether a line begins and ends as JSON does.
func looksJSON(line []byte) bool {
	for n := len(line); n > 0; n-- {
		switch line[n-1] {
		case ' ', '\t', '\r', '\n':
			continue
		case '}', ']', '"':
			return opens(line)
		}
		return false
	}
	return true
}

// opens reports whether a line begins as JSON does.
func opens(line []byte) bool {
	for _, c := range line {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '{' || c == '[' || c == '"'
	}
	return false
}

// lineEnd gives the length of the line that t begins with, with its LF.
func lineEnd(t []byte) int {
	if n := bytes.IndexByte(t, '\n'); n >= 0 {
		return n + 1
	}
	return len(t)
}

// rows reads the rows of a table.
func (r *reader) rows(lo, hi int) {
	b := r.b
	for lo < hi {
		n := rowEnd(b.t[lo:hi], b.comma)
		if n < 0 {
			n = hi - lo
		}
		r.row(lo, lo+n)
		lo += n
	}
}

func (r *reader) row(lo, hi int) {
	b := r.b
	row := bytes.TrimRight(b.t[lo:hi], "\r\n")
	if len(row) == 0 {
		return
	}
	r.Seg = weir.Segment{Syntax: weir.CSV, Record: true, Path: each, Columns: b.columns}
	if hi <= b.header {
		r.Seg = weir.Segment{Syntax: weir.CSV}
	}
	if !r.inspect(lo, hi) {
		r.instead(lo, hi)
		return
	}
	if len(r.report.Findings) == 0 {
		return
	}
	c := column{row: row, comma: b.comma}
	r.keep(lo, func(f *weir.Finding) string {
		n := c.to(f.Start)
		if hi > b.header && n < len(b.columns) && b.columns[n] != "" && !telling([]byte(b.columns[n])) {
			return shown(b.columns[n])
		}
		return "#" + strconv.Itoa(n+1)
	})
}

// shown gives a name as it may be printed: bounded, in one line.
func shown(name string) string {
	return strings.Trim(string(appendQuoted(nil, []byte(name))), "'")
}

// markup reads a page.
func (r *reader) markup(lo, hi int) {
	r.Seg = weir.Segment{Syntax: weir.HTML, Record: true}
	if !r.inspect(lo, hi) {
		r.instead(lo, hi)
		return
	}
	if len(r.report.Findings) == 0 {
		return
	}
	l := labels{t: r.b.t[lo:hi]}
	r.keep(lo, func(f *weir.Finding) string { return l.at(f.Start) })
}

// named reads t[lo:hi] as the value of a field with a name.
func (r *reader) named(name string, lo, hi int) {
	if lo >= hi {
		return
	}
	r.Seg = weir.Segment{Syntax: weir.Header, Record: true, Name: name}
	if !r.inspect(lo, hi) {
		r.instead(lo, hi)
		return
	}
	if len(r.report.Findings) == 0 {
		return
	}
	label := shown(name)
	if telling([]byte(name)) {
		label = "*"
	}
	value := r.b.t[lo:hi]
	cookies := strings.EqualFold(name, "cookie") || strings.EqualFold(name, "set-cookie")
	r.keep(lo, func(f *weir.Finding) string {
		if !cookies {
			return label
		}
		a := bytes.LastIndexByte(value[:f.Start], ';') + 1
		if cookie, _, ok := bytes.Cut(value[a:f.Start], []byte("=")); ok && !telling(cookie) {
			return label + "." + shown(strings.TrimSpace(string(cookie)))
		}
		return label
	})
}

// form reads fields: name=value, divided by & or lines.
func (r *reader) form(lo, hi int) {
	t := r.b.t
	for lo < hi {
		end := lo
		for end < hi && t[end] != '&' && t[end] != '\n' && t[end] != '\r' {
			end++
		}
		if eq := bytes.IndexByte(t[lo:end], '='); eq > 0 {
			if telling(t[lo : lo+eq]) {
				r.text(lo, lo+eq)
			}
			r.named(string(t[lo:lo+eq]), lo+eq+1, end)
		} else if end > lo {
			r.text(lo, end)
		}
		lo = end + 1
	}
}

// A part is what header fields say of the body behind them.
type part struct {
	media, boundary string
	name, file      string
	packed          bool // in an encoding that is not undone
}

// fields reads header fields up to and with an empty line, and gives where what
// follows begins.
func (r *reader) fields(lo, hi int) (p part, body int) {
	t := r.b.t
	for lo < hi {
		end := lo + lineEnd(t[lo:hi])
		for end < hi && (t[end] == ' ' || t[end] == '\t') { // RFC 9112, section 5.2: folded
			end += lineEnd(t[end:hi])
		}
		line := bytes.TrimRight(t[lo:end], "\r\n")
		if len(line) == 0 {
			return p, end
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !token(line[:colon]) {
			r.text(lo, end)
			lo = end
			continue
		}
		name := string(line[:colon])
		value := strings.TrimSpace(string(line[colon+1:]))
		switch strings.ToLower(name) {
		case "content-type":
			p.media, _, _ = strings.Cut(strings.ToLower(value), ";")
			p.boundary = parameter(value, "boundary")
		case "content-disposition":
			p.name, p.file = parameter(value, "name"), parameter(value, "filename")
		case "content-encoding":
			p.packed = value != "" && !strings.EqualFold(value, "identity")
		case "content-transfer-encoding":
			p.packed = strings.EqualFold(value, "base64") || strings.EqualFold(value, "quoted-printable")
		}
		v := lo + colon + 1
		for v < lo+len(line) && (t[v] == ' ' || t[v] == '\t') {
			v++
		}
		r.named(name, v, lo+len(line))
		lo = end
	}
	return p, hi
}

// token reports whether a name may be a header field's (RFC 9110, section 5.6.2).
func token(name []byte) bool {
	for _, c := range name {
		if !letter(c) && c-'0' >= 10 && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

// parameter gives a parameter of a header field's value.
func parameter(value, name string) string {
	for _, p := range strings.Split(value, ";")[1:] {
		k, v, ok := strings.Cut(strings.TrimSpace(p), "=")
		if ok && strings.EqualFold(k, name) {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// message reads HTTP messages: a first line, fields, and what follows an empty line.
func (r *reader) message(lo, hi int) {
	if message(r.b.t[lo:hi]) {
		end := lo + lineEnd(r.b.t[lo:hi])
		r.text(lo, end)
		lo = end
	}
	p, body := r.fields(lo, hi)
	r.body(p, body, hi)
}

// maxParts bounds how deep parts may lie within parts.
const maxParts = 8

// body reads what stands behind header fields, as they say.
func (r *reader) body(p part, lo, hi int) {
	if lo >= hi {
		return
	}
	t := r.b.t[lo:hi]
	format := detect(p.file, t, true)
	switch {
	case format == binary || format == archive:
		r.b.unread += int64(hi - lo)
		return
	case strings.HasPrefix(p.media, "multipart/") && p.boundary != "":
		r.parts(p.boundary, lo, hi)
		return
	case p.media == "application/x-www-form-urlencoded":
		format = Form
	case p.media == "text/event-stream":
		format = Events
	case p.media == "text/csv":
		format = CSV
	}
	switch format {
	case JSON, NDJSON:
		if !r.value(lo, hi, nil, 0) {
			r.lines(lo, hi)
		}
	case HTML:
		r.markup(lo, hi)
	case Form:
		r.form(lo, hi)
	case Events:
		r.events(lo, hi)
	case CSV:
		b := r.b
		columns, comma, header := b.columns, b.comma, b.header
		b.columns, b.comma, b.header = head(b.t[lo:hi])
		b.header += lo
		r.rows(lo, hi)
		b.columns, b.comma, b.header = columns, comma, header
	default:
		if p.name != "" && p.file == "" {
			r.named(p.name, lo, hi)
			return
		}
		r.text(lo, hi)
	}
}

// multipart reads a body of parts whose boundary is its first line.
func (r *reader) multipart(lo, hi int) {
	t := r.b.t
	for lo < hi && t[lo] <= ' ' {
		lo++
	}
	line := bytes.TrimRight(t[lo:lo+lineEnd(t[lo:hi])], " \t\r\n")
	if len(line) < 3 || string(line[:2]) != "--" {
		r.text(lo, hi)
		return
	}
	r.parts(string(line[2:]), lo, hi)
}

// parts reads the parts of t[lo:hi].
func (r *reader) parts(boundary string, lo, hi int) {
	t := r.b.t
	delimiter := []byte("--" + boundary)
	prefix := r.prefix
	defer func() { r.prefix, r.depth = prefix, r.depth-1 }()
	if r.depth++; r.depth > maxParts {
		r.instead(lo, hi)
		return
	}
	for lo < hi {
		// A delimiter begins a line (RFC 2046, section 5.1.1).
		n := lo
		for {
			i := bytes.Index(t[n:hi], delimiter)
			if i < 0 {
				r.text(lo, hi)
				return
			}
			if n += i; n == lo || t[n-1] == '\n' {
				break
			}
			n++
		}
		if n > lo {
			r.text(lo, n) // before the first part
		}
		n += len(delimiter)
		if bytes.HasPrefix(t[n:hi], []byte("--")) {
			if n+2 < hi {
				r.text(n+2, hi)
			}
			return
		}
		lo = n + lineEnd(t[n:hi])
		end := hi
		if i := bytes.Index(t[lo:hi], append([]byte{'\n'}, delimiter...)); i >= 0 {
			end = lo + i + 1
		}
		p, body := r.fields(lo, end)
		r.prefix = strings.TrimSpace(prefix + " " + shown(p.name))
		if telling([]byte(p.name)) {
			r.prefix = prefix + " *"
		}
		stop := end
		for stop > body && (t[stop-1] == '\n' || t[stop-1] == '\r') && stop > end-2 {
			stop--
		}
		if p.name != "" && p.file == "" {
			r.prefix = prefix
		}
		r.body(p, body, stop)
		r.prefix = prefix
		lo = end
	}
}

// events reads server-sent events line by line: what data fields hold is JSON or
// text.
func (r *reader) events(lo, hi int) {
	t := r.b.t
	for lo < hi {
		end := lo + lineEnd(t[lo:hi])
		at := lo
		if bytes.HasPrefix(t[lo:end], []byte("data:")) {
			at += len("data:")
		}
		if at == lo || !looksJSON(t[at:end]) || !r.value(at, end, nil, 0) {
			r.text(at, end)
		}
		lo = end
	}
}

package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// A Detector is one of the user's own: a pattern that holds a literal, read only
// around that.
//
// A match counts where it holds the literal, lies in one value (a JSON string or
// number, a CSV field, a header, a line of text, a run of HTML text, an attribute),
// reaches no further than 256 bytes to either side of the literal, and passes the
// checksum. It is looked for in what escapes stand for. Patterns are Go's regular
// expressions (RE2 syntax, linear time), and each byte is read at most a few times
// by each detector whose literal is near: time grows linearly with the segment.
type Detector struct {
	// Class is what a match is: a family, a dot and a name in lower-case letters,
	// digits and underscores.
	Class weir.Class
	// Pattern is a regular expression. The bytes of its first group are what the
	// checksum is reckoned on, those of the match where it has none.
	Pattern string
	// Literal is in every match, written just so: two bytes or more.
	Literal string
	// Checksum is one of Checksums, or "".
	Checksum string
	// Words support a match: with some, the confidence holds only where one of them
	// stands, as a whole word, in the name of the column or header or in the 64
	// bytes before the match, where a key or label would be. Elsewhere it is one
	// step lower. Several words in one string stand one after the other.
	Words []string
	// Confidence is that of a match. The zero value means LikelyMatch.
	Confidence weir.Confidence
	// Unsure makes the confidence Unsure, whatever Confidence says.
	Unsure bool
	// Cases are run by Check.
	Cases []Case
}

// A Case is a text and the matches in it.
type Case struct {
	Text string
	Want []string // none: nothing may match
}

// A DetectorError says what is wrong with a Detector.
type DetectorError struct {
	Class weir.Class
	Field string // "class", "pattern", "literal", "checksum", "words" or "cases"
	Err   error
}

func (e *DetectorError) Error() string {
	return fmt.Sprintf("detector %s: %s: %v", e.Class, e.Field, e.Err)
}

func (e *DetectorError) Unwrap() error { return e.Err }

// aside is how far a match may reach to either side of its literal, and stretch how
// many bytes of literals are looked at together.
const (
	aside   = 256
	stretch = 1024
)

// ownDetector is the detector of findings by users' own.
const ownDetector = "own"

// An own is a Detector made ready.
type own struct {
	Detector
	pattern *regexp.Regexp
	literal []byte
	sum     func([]byte) bool
	words   [][]byte // in lower case, joined and enclosed by _
	c       weir.Confidence
}

// compile makes d ready. An error is a *DetectorError.
func (d Detector) compile() (*own, error) {
	o := &own{Detector: d, literal: []byte(d.Literal), c: d.Confidence}
	wrong := func(field, format string, args ...any) error {
		return &DetectorError{d.Class, field, fmt.Errorf(format, args...)}
	}
	if !className(string(d.Class)) {
		return nil, wrong("class", "it is named family.name, in lower-case letters, digits and underscores")
	}
	if d.Pattern == "" {
		return nil, wrong("pattern", "there is none")
	}
	var err error
	if o.pattern, err = regexp.Compile(d.Pattern); err != nil {
		return nil, &DetectorError{d.Class, "pattern", err}
	}
	switch {
	case d.Literal == "":
		return nil, wrong("literal", "there is none: name two bytes or more that are in every match")
	case len(d.Literal) < 2:
		return nil, wrong("literal", "it is too short: name two bytes or more that are in every match")
	case len(d.Literal) > aside:
		return nil, wrong("literal", "it is longer than %d bytes", aside)
	case blank([]byte(d.Literal)) && o.pattern.MatchString(""):
		return nil, wrong("pattern", "it matches nothing at all")
	}
	if d.Checksum != "" {
		if o.sum = checksums[d.Checksum]; o.sum == nil {
			return nil, wrong("checksum", "%q is none (known: %s)", d.Checksum, strings.Join(Checksums(), ", "))
		}
	}
	for _, w := range d.Words {
		norm := normal(nil, []byte(w))
		if len(norm) < 3 {
			return nil, wrong("words", "%q has no letter and no digit", w)
		}
		o.words = append(o.words, norm)
	}
	switch {
	case d.Unsure:
		o.c = weir.Unsure
	case d.Confidence == weir.Unsure:
		o.c = weir.LikelyMatch
	}
	return o, nil
}

// className reports whether a class is well named.
func className(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if p == "" || p[0]-'a' >= 26 {
			return false
		}
		for _, c := range []byte(p) {
			if c-'a' >= 26 && !digit(c) && c != '_' {
				return false
			}
		}
	}
	return len(parts) >= 2
}

// Check reports what is wrong with d, and which of its cases do not come out as
// they should. The errors are *DetectorErrors, joined; they tell a case by its
// number, never by its text.
func (d Detector) Check() error {
	in, err := New(Config{Unsure: true, Detectors: []Detector{d}})
	if err != nil {
		return err
	}
	var wrong []error
	for i, c := range d.Cases {
		var r Report
		seg := weir.Segment{Syntax: weir.Text, Body: []byte(c.Text)}
		if err := in.Inspect(&r, &seg, nil); err != nil {
			wrong = append(wrong, &DetectorError{d.Class, "cases", fmt.Errorf("case %d: %w", i+1, err)})
			continue
		}
		var got []string
		for _, f := range r.Findings {
			if f.Detector == ownDetector {
				got = append(got, c.Text[f.Start:f.End])
			}
		}
		if !slices.Equal(got, c.Want) {
			wrong = append(wrong, &DetectorError{d.Class, "cases", fmt.Errorf("case %d: %d matches, not the %d that are wanted", i+1, len(got), len(c.Want))})
		}
	}
	return errors.Join(wrong...)
}

// own reads seg for the users' own detectors, after all else. It reports whether
// what they found can be told apart.
func (w *walk) own(seg *weir.Segment) bool {
	body := seg.Body
	near := false
	for _, o := range w.in.own {
		near = near || bytes.Contains(body, o.literal)
	}
	if !near && bytes.IndexByte(body, '%') < 0 && bytes.IndexByte(body, hider(seg.Syntax)) < 0 {
		return true
	}
	before := len(w.r.Findings)
	w.form, w.object = weir.FormText, -1
	switch seg.Syntax {
	case weir.JSON:
		w.ownJSON(body)
	case weir.CSV:
		w.form, w.object = weir.FormField, 0
		_ = fields(body, separates(body, len(seg.Columns)), func(i, a, b int) {
			name := ""
			if i < len(seg.Columns) {
				name = seg.Columns[i]
			}
			w.ownValue(body, a, b, name)
		})
	case weir.HTML:
		w.form = weir.FormMarkup
		for i := 0; i < len(body); {
			n := bytes.IndexAny(body[i:], "<>\"\n")
			if n < 0 {
				n = len(body) - i
			}
			w.ownValue(body, i, i+n, "")
			i += n + 1
		}
	case weir.Header:
		w.ownValue(body, 0, len(body), seg.Name)
	default:
		for i := 0; i < len(body); {
			n := bytes.IndexByte(body[i:], '\n')
			if n < 0 {
				n = len(body) - i
			}
			w.ownValue(body, i, i+n, "")
			i += n + 1
		}
	}
	return len(w.r.Findings) == before || nest(w.r)
}

// hider is the byte that the escapes of a syntax begin with.
func hider(s weir.Syntax) byte {
	switch s {
	case weir.JSON:
		return '\\'
	case weir.CSV:
		return '"'
	case weir.HTML:
		return '&'
	}
	return '%'
}

// ownJSON reads the strings and numbers of t.
func (w *walk) ownJSON(t []byte) {
	var open []int // the objects that are open
	objects := 0
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == '{':
			open = append(open, objects)
			objects++
		case c == '}' && len(open) > 0:
			open = open[:len(open)-1]
		case c == '"' || digit(c) || c == '-':
			w.object = -1
			if len(open) > 0 {
				w.object = open[len(open)-1]
			}
			if c != '"' {
				end := max(numberEnd(t, i), i+1)
				w.form = weir.FormScalar
				w.ownValue(t, i, end, "")
				i = end - 1
				continue
			}
			end := stringEnd(t, i+1)
			if end < 0 {
				return
			}
			w.form = weir.FormString
			w.ownValue(t, i+1, end, "")
			i = end
		}
	}
}

// ownValue reads the value t[a:b], of which a column or header says name.
func (w *walk) ownValue(t []byte, a, b int, name string) {
	v := t[a:b]
	if w.form != weir.FormScalar && (w.escapes(v) || bytes.IndexByte(v, '%') >= 0) {
		v = w.fold(t, a, b, w.syntax()|foldPercent)
		w.ownMatches(t, v, name)
		w.origin = nil
		return
	}
	for _, o := range w.in.own {
		if bytes.Contains(v, o.literal) {
			w.back = w.back[:0]
			for i := a; i <= b; i++ {
				w.back = append(w.back, int32(i))
			}
			w.origin = w.back
			w.ownMatches(t, v, name)
			w.origin = nil
			return
		}
	}
}

// ownMatches reports the matches in v, which w.origin leads from to t.
func (w *walk) ownMatches(t, v []byte, name string) {
	for _, o := range w.in.own {
		last := 0 // the end of the last match
		for p := 0; ; {
			n := bytes.Index(v[p:], o.literal)
			if n < 0 {
				break
			}
			p += n
			// All literals of a stretch at once.
			lo, hi := max(0, p-aside), min(len(v), p+stretch+len(o.literal)+aside)
			for _, m := range o.pattern.FindAllSubmatchIndex(v[lo:hi], -1) {
				x, y := lo+m[0], lo+m[1]
				k := bytes.Index(v[x:y], o.literal)
				if k < 0 || x < last || k > aside || y-x-k-len(o.literal) > aside || lo > 0 && x == lo || hi < len(v) && y == hi {
					continue
				}
				part := v[x:y]
				if len(m) >= 4 && m[2] >= 0 {
					part = v[lo+m[2] : lo+m[3]]
				}
				if blank(part) || bytes.IndexByte(v[x:y], '*') >= 0 || o.sum != nil && !o.sum(solid(part)) {
					continue
				}
				last = y
				w.ownFound(o, t, x, y, name)
			}
			p = min(p+stretch, len(v))
			if p < last {
				p = last
			}
		}
	}
}

// ownFound reports the match v[x:y] of o.
func (w *walk) ownFound(o *own, t []byte, x, y int, name string) {
	c := o.c
	a := int(w.origin[x])
	if len(o.words) > 0 && c > weir.Unsure {
		var buf [2 * (aside + maxKey)]byte
		near := normal(buf[:0], t[max(0, a-64):a])
		named := normal(nil, []byte(name[:min(len(name), maxKey)]))
		if !slices.ContainsFunc(o.words, func(word []byte) bool { return bytes.Contains(near, word) || bytes.Contains(named, word) }) {
			c--
		}
	}
	if w.form == weir.FormScalar {
		x, y = 0, len(w.origin)-1 // a number goes as a whole
	}
	w.whole(o.Class, x, y, c, o.sum != nil, ownDetector)
}

// normal appends the words of v in lower case, joined and enclosed by _.
func normal(dst, v []byte) []byte {
	dst = append(dst, '_')
	prev := byte(0)
	for i, c := range v {
		if !alnum(c) && c < 0x80 {
			prev = 0
			continue
		}
		big := c-'A' < 26
		turn := prev == 0 || digit(prev) != digit(c) || big && prev-'A' >= 26 || big && i+1 < len(v) && v[i+1]-'a' < 26
		if turn && dst[len(dst)-1] != '_' {
			dst = append(dst, '_')
		}
		if prev = c; big {
			c += 0x20
		}
		dst = append(dst, c)
	}
	if dst[len(dst)-1] != '_' {
		dst = append(dst, '_')
	}
	return dst
}

// solid gives the letters and digits of v, letters as capitals.
func solid(v []byte) (out []byte) {
	for _, c := range v {
		if alnum(c) {
			out = append(out, upper(c))
		}
	}
	return out
}

// late reports whether a finding is of those that are looked for after all else: users'
// own, and what customers are known by.
func late(f weir.Finding) bool { return f.Detector == ownDetector || f.Detector == byCustomer }

// nest widens late findings until none overlaps another partly, and drops those
// that say the same of the same bytes. It gives up, and the segment with it, on
// longer chains of overlaps than anybody's detectors mean.
func nest(r *Report) bool {
	for range 16 {
		slices.SortStableFunc(r.Findings, order)
		r.Findings = slices.CompactFunc(r.Findings, func(a, b weir.Finding) bool {
			return a.Class == b.Class && a.Start == b.Start && a.End == b.End && late(b)
		})
		widened := false
		var open []int
		for i := range r.Findings {
			f := &r.Findings[i]
			for len(open) > 0 && r.Findings[open[len(open)-1]].End <= f.Start {
				open = open[:len(open)-1]
			}
			if len(open) > 0 {
				if out := &r.Findings[open[len(open)-1]]; f.End > out.End {
					if widened = true; late(*out) {
						out.End = f.End
					} else {
						f.Start = out.Start // f is one that came late: no others overlap
					}
				}
			}
			open = append(open, i)
		}
		if !widened {
			return true
		}
	}
	return false
}

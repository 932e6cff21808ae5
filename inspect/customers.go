package inspect

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/fingerprint"
)

// byCustomer is the detector of findings by the company's own customers.
const byCustomer = "customer"

// maxCompared bounds how many matches of a segment are compared with one another;
// those beyond stand for themselves.
const maxCompared = 256

// A match is a name or street of one or some customers.
type match struct {
	at      span
	class   weir.Class
	holders []weir.Subject // none: too many to be told apart
}

// customers reads seg for names and streets of the company's own customers, after all
// else. A name points at one customer if nobody else has it, or if something else in
// the segment that is the same customer's tells which. It reports whether what it
// found can be told apart.
func (w *walk) customers(seg *weir.Segment) bool {
	set := w.in.customers.Load()
	if set == nil || len(set.Indexes) == 0 {
		return true
	}
	w.matches = w.matches[:0]
	body := seg.Body
	switch seg.Syntax {
	case weir.JSON:
		w.form = weir.FormString
		w.search(set, body, 0, len(body), false) // no match goes beyond a string's quotes
		w.searchEscaped(set, body, '"')
	case weir.CSV:
		w.form = weir.FormField
		_ = fields(body, separates(body, len(seg.Columns)), func(_, a, b int) {
			w.search(set, body, a, b, w.escapes(body[a:b]) || bytes.IndexByte(body[a:b], '%') >= 0)
		})
	case weir.HTML:
		w.form = weir.FormMarkup
		w.search(set, body, 0, len(body), false) // nor beyond a tag
		w.searchEscaped(set, body, '<')
	default:
		w.form = weir.FormText
		w.search(set, body, 0, len(body), false)
		w.searchEscaped(set, body, '\n')
	}
	if len(w.matches) == 0 {
		return true
	}
	slices.SortFunc(w.matches, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.at.a, b.at.a), cmp.Compare(b.at.b, a.at.b), cmp.Compare(a.class, b.class))
	})
	// What was found in the text as it stands and with its escapes undone.
	w.matches = slices.CompactFunc(w.matches, func(a, b match) bool { return a.at == b.at && a.class == b.class })
	w.tellApart(set, seg)
	late := w.take()
	clear(w.matches)
	if late > 0 && seg.Syntax == weir.JSON {
		objectsOf(body, w.r.Findings[len(w.r.Findings)-late:])
	}
	return late == 0 || nest(w.r)
}

// search looks for customers in body[a:b], with its escapes undone if it has some.
func (w *walk) search(set *fingerprint.Set, body []byte, a, b int, escaped bool) {
	v := body[a:b]
	if escaped {
		v = w.fold(body, a, b, w.syntax()|foldPercent)
	}
	w.seek.Text(set, v, func(m fingerprint.Match) {
		at := span{a + m.Start, a + m.End}
		if escaped {
			at = span{int(w.origin[m.Start]), int(w.origin[m.End])}
		}
		w.matches = append(w.matches, match{at: at, class: m.Class, holders: slices.Clone(m.Holders)})
	})
	w.origin = nil
}

// searchEscaped looks for customers in those stretches between two bytes edge that
// have escapes in them.
func (w *walk) searchEscaped(set *fingerprint.Set, body []byte, edge byte) {
	other := hider(map[weir.Form]weir.Syntax{weir.FormString: weir.JSON, weir.FormMarkup: weir.HTML, weir.FormText: weir.Text}[w.form])
	for i := 0; i < len(body); {
		n := bytes.IndexByte(body[i:], other)
		if p := bytes.IndexByte(body[i:], '%'); n < 0 || p >= 0 && p < n {
			n = p
		}
		if n < 0 {
			return
		}
		at := i + n
		a := max(bytes.LastIndexByte(body[i:at], edge)+i+1, i)
		var b int
		if edge == '"' {
			// An escaped quote ends nothing.
			if b = stringEnd(body, at); b < 0 {
				b = len(body)
			}
		} else if k := bytes.IndexByte(body[at:], edge); k < 0 {
			b = len(body)
		} else {
			b = at + k
		}
		w.search(set, body, a, b, true)
		i = b + 1
	}
}

// tellApart finds out, for names that several customers have, which of them is meant:
// the one of whom something else is in the segment.
func (w *walk) tellApart(set *fingerprint.Set, seg *weir.Segment) {
	open := func(m match) bool { return len(m.holders) > 1 }
	if !slices.ContainsFunc(w.matches, open) {
		return
	}
	var there []weir.Subject // who is certainly in it
	compared := w.matches[:min(len(w.matches), maxCompared)]
	for _, m := range compared {
		if len(m.holders) == 1 {
			there = append(there, m.holders[0])
		}
	}
	for _, f := range w.r.Findings[:min(len(w.r.Findings), maxCompared)] {
		if id, ok := w.in.Identifier(seg, f); ok {
			who, _ := w.seek.Code(set, f.Class, []byte(id.Value.Reveal()))
			if len(who) == 1 {
				there = append(there, who[0])
			}
		}
	}
	for i := range compared {
		m := &compared[i]
		if !open(*m) {
			continue
		}
		var one []weir.Subject
		for _, h := range m.holders {
			if slices.Contains(there, h) {
				one = append(one, h)
			}
		}
		// Or whom two values have in common that several have each.
		if len(one) == 0 {
			for k := range compared {
				if o := &compared[k]; k != i && o.class != m.class && len(o.holders) > 1 {
					for _, h := range m.holders {
						if slices.Contains(o.holders, h) && !slices.Contains(one, h) {
							one = append(one, h)
						}
					}
				}
			}
		}
		if len(one) == 1 {
			m.holders = one
		}
	}
}

// take reports the matches, or says of findings that are there already whose they are.
// It gives how many it has added.
func (w *walk) take() (added int) {
	// Of whom is there more than one thing?
	first := map[weir.Subject]weir.Class{}
	sure := map[weir.Subject]bool{}
	for _, m := range w.matches {
		if len(m.holders) == 1 {
			if class, met := first[m.holders[0]]; !met {
				first[m.holders[0]] = m.class
			} else if class != m.class {
				sure[m.holders[0]] = true
			}
		}
	}
	sortFindings(w.r.Findings)
	known := w.r.Findings
	var open []int // of known, those that the match may lie in, one within another
	next := 0
	for _, m := range w.matches {
		c, who := weir.LikelyMatch, weir.Subject{}
		switch len(m.holders) {
		case 0:
			c = weir.Unsure
		case 1:
			if who = m.holders[0]; sure[who] {
				c = weir.SureMatch
			}
		}
		shut := func(at int) {
			for len(open) > 0 && known[open[len(open)-1]].End <= at {
				open = open[:len(open)-1]
			}
		}
		for ; next < len(known) && known[next].Start <= m.at.a; next++ {
			shut(known[next].Start)
			open = append(open, next)
		}
		shut(m.at.a)
		within := -1
		for k := len(open) - 1; k >= 0 && k >= len(open)-maxNested; k-- {
			if f := &known[open[k]]; f.Class == m.class && f.Form != weir.FormTree && m.at.b <= f.End {
				within = open[k]
				break
			}
		}
		if within >= 0 {
			f := &known[within]
			if f.Customer == (weir.Subject{}) {
				f.Customer = who
			}
			f.Confidence = max(f.Confidence, c)
			continue
		}
		if c < w.in.least {
			continue
		}
		f := weir.Finding{Class: m.class, Start: m.at.a, End: m.at.b, Form: w.form, Confidence: c, Detector: byCustomer, Object: -1, Customer: who}
		if w.form == weir.FormField {
			f.Object = 0
		}
		w.r.Findings = append(w.r.Findings, f)
		added++
	}
	return added
}

// maxNested is how many findings around a match are looked at for one of its class.
const maxNested = 8

// objectsOf says of each finding in which object of the JSON t it lies: the innermost,
// numbered in order of appearance.
func objectsOf(t []byte, fs []weir.Finding) {
	slices.SortFunc(fs, order)
	var open []int
	objects, next := 0, 0
	for i := 0; i < len(t) && next < len(fs); i++ {
		for next < len(fs) && fs[next].Start <= i {
			if len(open) > 0 {
				fs[next].Object = open[len(open)-1]
			}
			next++
		}
		switch t[i] {
		case '{':
			open = append(open, objects)
			objects++
		case '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case '"':
			end := stringEnd(t, i+1)
			if end < 0 {
				end = len(t)
			}
			for next < len(fs) && fs[next].Start <= end {
				if len(open) > 0 {
					fs[next].Object = open[len(open)-1]
				}
				next++
			}
			i = end
		}
	}
}

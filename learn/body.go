package learn

import (
	"bytes"
	"encoding/csv"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/jsonlex"
)

// walker goes through one JSON body.
type walker struct {
	lines  bool // the body is one of many lines: as an element of an array at the top
	stack  []step
	places map[string]*met // candidates met in this body
	counts map[string]int  // elements of each array, by its place
	inside map[string]bool // arrays, and "" for the whole, with something personal inside
}

// step is an array or an object that is open.
type step struct {
	array bool
	key   string // of the member at hand
}

// met is what one body says of a candidate.
type met struct {
	c     *candidate
	sums  []uint64
	count int
}

// place writes where the walker stands: keys after dots, [*] for elements. scope is
// the outermost array, and rest the keys behind it; ok is false where a second
// array is in between.
func (w *walker) place() (place, scope string, keys, behind []string, arrays int) {
	var b strings.Builder
	b.WriteByte('$')
	if w.lines {
		b.WriteString("[*]")
		scope, arrays = b.String(), 1
	}
	for i := range w.stack {
		s := &w.stack[i]
		if s.array {
			b.WriteString("[*]")
			if arrays++; arrays == 1 {
				scope, keys = b.String(), behind
				behind = nil
			}
			continue
		}
		writeKey(&b, s.key)
		behind = append(behind, s.key)
	}
	return b.String(), scope, keys, behind, arrays
}

func writeKey(b *strings.Builder, key string) {
	if isWord(key) {
		b.WriteByte('.')
		b.WriteString(key)
		return
	}
	b.WriteString("['")
	b.WriteString(key)
	b.WriteString("']")
}

func isWord(key string) bool {
	for i := range len(key) {
		c := key[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return key != ""
}

// json reads a document that has been inspected: l.report has what was found.
func (l *Learner) json(r *route, body []byte, path []string) {
	w := &l.walk
	w.stack = w.stack[:0]
	w.places, w.counts, w.inside = map[string]*met{}, map[string]int{}, map[string]bool{}
	findings := l.report.Findings
	own := make([]uint64, len(path))
	for i, s := range path {
		own[i] = l.sumText(s)
	}
	var lex jsonlex.Lexer
	lex.Reset(body)
	next := 0 // of findings
	personal := false
	for {
		t, err := lex.Next()
		if err != nil {
			break
		}
		if t.Kind == jsonlex.End {
			break
		}
		switch t.Kind {
		case jsonlex.Key:
			a, b := t.Inner()
			key, err := jsonlex.Append(nil, body[a:b])
			if err != nil || len(key) > 64 {
				key = []byte("{id}")
			}
			w.stack[len(w.stack)-1].key = l.shown(string(key))
			continue
		case jsonlex.ObjectClose, jsonlex.ArrayClose:
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		if n := len(w.stack); n > 0 && w.stack[n-1].array && (n == 1 || !w.deep()) {
			place, _, _, _, _ := w.place()
			w.counts[place]++
		}
		// What was found in this value, or is the whole of it.
		for ; next < len(findings) && findings[next].Start < t.End; next++ {
			f := findings[next]
			place, scope, _, _, _ := w.place()
			r.found(f.Class, place)
			if f.Class.Secret() {
				continue
			}
			personal = true
			w.inside[scope] = true
			w.inside[""] = true
			if f.Form != weir.FormTree && f.End <= len(body) {
				l.keepValue(body[f.Start:f.End])
			}
		}
		switch t.Kind {
		case jsonlex.ObjectOpen, jsonlex.ArrayOpen:
			w.stack = append(w.stack, step{array: t.Kind == jsonlex.ArrayOpen})
		case jsonlex.String, jsonlex.Number:
			l.candidate(r, body, t, own)
		}
	}
	if personal {
		r.personal++
	}
	for _, m := range w.places {
		c := m.c
		c.answers++
		records := 1
		if c.array {
			records = w.counts[scopeText(c)]
		}
		c.records += max(records, m.count)
		c.seen += m.count
		if c.array && w.inside[scopeText(c)] || !c.array && w.inside[""] {
			c.within++
		}
		different := map[uint64]bool{}
		matches := false
		for _, s := range m.sums {
			different[s] = true
			for _, o := range own {
				matches = matches || s == o
			}
		}
		c.distinct += len(different)
		if matches {
			c.matches++
		}
	}
}

// deep tells whether the walker stands within a second array.
func (w *walker) deep() bool {
	n := 0
	if w.lines {
		n++
	}
	for i := range w.stack {
		if w.stack[i].array {
			n++
		}
	}
	return n > 1
}

func scopeText(c *candidate) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, k := range c.scope {
		writeKey(&b, k)
	}
	b.WriteString("[*]")
	return b.String()
}

// candidate notes a value that may be the customer's identifier.
func (l *Learner) candidate(r *route, body []byte, t jsonlex.Token, own []uint64) {
	a, b := t.Inner()
	if b-a == 0 || b-a > 128 || t.Escaped {
		return
	}
	w := &l.walk
	if n := len(w.stack); n == 0 || w.stack[n-1].array || !identifies(w.stack[n-1].key) {
		return
	}
	place, _, scope, keys, arrays := w.place()
	if arrays > 1 || len(keys) > 8 {
		return
	}
	m := w.places[place]
	if m == nil {
		c := r.candidates[place]
		if c == nil {
			if len(r.candidates) >= maxCandidates {
				return
			}
			c = &candidate{scope: append([]string{}, scope...), array: arrays == 1, keys: append([]string(nil), keys...)}
			r.candidates[place] = c
		}
		m = &met{c: c}
		w.places[place] = m
	}
	sum := l.sum(body[a:b])
	m.count++
	m.c.sums.add(sum)
	if len(m.sums) < 10000 {
		m.sums = append(m.sums, sum)
	}
}

// csv reads a table: each row is a record.
func (l *Learner) csv(r *route, x *Exchange) {
	rd := csv.NewReader(bytes.NewReader(x.Body))
	if line, _, _ := bytes.Cut(x.Body, []byte("\n")); bytes.Count(line, []byte(";")) > bytes.Count(line, []byte(",")) {
		rd.Comma = ';'
	}
	rd.FieldsPerRecord, rd.ReuseRecord, rd.LazyQuotes = -1, true, true
	head, err := rd.Read()
	if err != nil {
		return
	}
	columns := make([]string, len(head))
	for i, c := range head {
		columns[i] = l.shown(strings.TrimPrefix(c, "\ufeff"))
	}
	var candidates []*candidate
	different := make([]map[uint64]bool, len(columns))
	for i, c := range columns {
		var b strings.Builder
		b.WriteString("$[*]")
		writeKey(&b, c)
		candidates = append(candidates, nil)
		if !identifies(c) || c == "{id}" {
			continue
		}
		if r.candidates[b.String()] == nil && len(r.candidates) < maxCandidates {
			r.candidates[b.String()] = &candidate{scope: []string{}, array: true, keys: []string{c}}
		}
		candidates[i] = r.candidates[b.String()]
		different[i] = map[uint64]bool{}
	}
	rows, personal := 0, false
	for rows < 5000 {
		row, err := rd.Read()
		if err != nil {
			break
		}
		rows++
		seg := weir.Segment{Syntax: weir.CSV, Record: true, Columns: head, Body: joinRow(row)}
		if rows <= 200 && l.finder.Inspect(&l.report, &seg, nil) == nil {
			for _, f := range l.report.Findings {
				r.found(f.Class, l.column(seg.Body, f, columns))
				l.keepValue(seg.Body[f.Start:f.End])
				personal = personal || !f.Class.Secret()
			}
		}
		for i, v := range row {
			if i < len(candidates) && candidates[i] != nil && v != "" && len(v) <= 128 {
				c := candidates[i]
				c.seen++
				sum := l.sumText(v)
				c.sums.add(sum)
				different[i][sum] = true
			}
		}
	}
	for i, c := range candidates {
		if c != nil {
			c.answers, c.records, c.distinct = c.answers+1, c.records+rows, c.distinct+len(different[i])
			if personal {
				c.within++
			}
		}
	}
	if personal {
		r.personal++
	}
}

// joinRow writes a row so that no field needs quotes.
func joinRow(row []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(row) // into memory
	w.Flush()
	return b.Bytes()
}

// column names the place of a finding in a row.
func (l *Learner) column(row []byte, f weir.Finding, columns []string) string {
	i, quoted := 0, false
	for _, c := range row[:min(f.Start, len(row))] {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			i++
		}
	}
	if i >= len(columns) {
		return ""
	}
	var b strings.Builder
	b.WriteString("$[*]")
	writeKey(&b, columns[i])
	return b.String()
}

// shown gives a key as it may be written down: one that is made of words. Keys that
// are values (a map by e-mail address, or by number) are all the same one.
func (l *Learner) shown(key string) string {
	if key == "" || len(key) > 64 || strings.ContainsAny(key, "'\"\\{}[]\n\r\t*") || looksLikeID(strings.ReplaceAll(key, " ", "_")) && !strings.Contains(strings.ToLower(key), "id") || l.isValue(key) {
		return "{id}"
	}
	digits := 0
	for i := range len(key) {
		switch c := key[i]; {
		case c >= '0' && c <= '9':
			if digits++; digits > 2 {
				return "{id}"
			}
		case c >= 0x80 || c < ' ' || c == '@':
			return "{id}"
		}
	}
	return key
}

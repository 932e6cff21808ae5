package guard

import (
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/jsonlex"
)

// publish lets pass in clear what customers publish themselves, and marks it as
// charged to nobody. It is called where the plan has public fields only: where each
// finding lies is worth a second pass over the segment then, and not otherwise.
func (p *Pass) publish(pc *piece) {
	var where spots
	for i := range pc.report.Findings {
		f := &pc.report.Findings[i]
		if f.Class.Secret() {
			continue
		}
		if path := where.of(pc.Segment, f); path != nil && p.plan.Public(f.Class, path) {
			if pc.public == nil {
				pc.public = make([]bool, len(pc.report.Findings))
			}
			pc.public[i] = true
		}
	}
	if pc.public != nil {
		pc.finds.lost() // its record does not say what was public
	}
}

// isPublic tells whether finding i is charged to nobody.
func (pc *piece) isPublic(i int) bool { return pc.public != nil && pc.public[i] }

// spots finds where in a document findings lie. Those of a segment are asked about
// in the order in which they begin; one that is out of order is nowhere.
type spots struct {
	lex    jsonlex.Lexer
	begun  bool
	broken bool
	path   []string // of the token read last, and beneath
	levels []open
	token  jsonlex.Token
	fields []int // CSV: where each field begins
}

type open struct {
	array bool
	depth int // len(path) when it was opened
}

// of gives the keys from the root of the answer to a finding, with "[]" for each
// array level; nil: nobody can say. It is valid until the next call.
func (s *spots) of(seg *weir.Segment, f *weir.Finding) []string {
	switch seg.Syntax {
	case weir.JSON:
		return s.json(seg, f.Start)
	case weir.CSV:
		return s.csv(seg, f.Start)
	}
	return nil
}

func (s *spots) json(seg *weir.Segment, at int) []string {
	if !s.begun {
		s.begun = true
		s.path = append(s.path[:0], seg.Path...)
		if !seg.Record {
			s.broken = true // a piece of an envelope: it begins in the middle
		}
		s.lex.Reset(seg.Body)
	}
	for !s.broken {
		if s.token.Kind.Scalar() && s.token.Start <= at && at < s.token.End ||
			(s.token.Kind == jsonlex.ObjectOpen || s.token.Kind == jsonlex.ArrayOpen) && s.token.Start == at {
			return s.path
		}
		if s.token.Start > at {
			return nil // in a key, or before what was read
		}
		s.step(seg.Body)
	}
	return nil
}

// step reads one token and has path be that of it.
func (s *spots) step(body []byte) {
	// What ended a value takes its key off the path.
	switch s.token.Kind {
	case jsonlex.ObjectOpen, jsonlex.ArrayOpen:
		array := s.token.Kind == jsonlex.ArrayOpen
		s.levels = append(s.levels, open{array, len(s.path)})
		if array {
			s.path = append(s.path, "[]")
		}
	}
	t, err := s.lex.Next()
	if err != nil || t.Kind == jsonlex.End {
		s.broken = true
		return
	}
	s.token = t
	switch t.Kind {
	case jsonlex.Key:
		top := s.levels[len(s.levels)-1]
		a, b := t.Inner()
		key, err := jsonlex.Append(nil, body[a:b])
		if err != nil {
			s.broken = true
			return
		}
		s.path = append(s.path[:top.depth], string(key))
	case jsonlex.ObjectClose, jsonlex.ArrayClose:
		top := s.levels[len(s.levels)-1]
		s.levels = s.levels[:len(s.levels)-1]
		s.path = s.path[:top.depth]
	}
}

// separators of fields in a row.
const separators = ",;\t|"

// csv gives the column that a finding lies in. The separator is the one by which
// the row has as many fields as there are columns.
func (s *spots) csv(seg *weir.Segment, at int) []string {
	if !seg.Record || len(seg.Columns) == 0 {
		return nil
	}
	if !s.begun {
		s.begun = true
		for i := range len(separators) {
			if s.fields = cutRow(s.fields[:0], seg.Body, separators[i]); len(s.fields) == len(seg.Columns) {
				break
			}
			s.fields = s.fields[:0]
		}
	}
	for i := len(s.fields) - 1; i >= 0; i-- {
		if s.fields[i] <= at {
			return append(append(s.path[:0], "[]"), strings.TrimSpace(seg.Columns[i]))
		}
	}
	return nil
}

// cutRow gives where the fields of a row begin (RFC 4180, with any separator).
func cutRow(to []int, row []byte, separator byte) []int {
	to = append(to, 0)
	quoted := false
	for i, c := range row {
		switch {
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			to = append(to, i+1)
		}
	}
	return to
}

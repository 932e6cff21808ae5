package cut

import (
	"bytes"
	"strings"

	"github.com/getweir/weir"
)

// rows reads the rows of a CSV body.
type rows struct {
	columns []string // nil until the first row is whole
	comma   byte
	counts  [len(commas)]int // of each separator in the first row
	state   csvState
}

type csvState uint8

const (
	csvField  csvState = iota // at the start of a field
	csvBare                   // inside a field without quotes
	csvQuoted                 // inside quotes
	csvClosed                 // after a quote that ends the field, or stands before another
	csvCR                     // after a quoted field and its CR
)

// commas are what may separate fields; the first is the standard's, and wins
// where the first row does not tell.
const commas = ",;\t|"

// separates reports whether x ends a field. While the first row is read, which
// of them it is is not yet known.
func (r *rows) separates(x byte) bool {
	if r.columns != nil {
		return x == r.comma
	}
	i := strings.IndexByte(commas, x)
	if i < 0 {
		return false
	}
	r.counts[i]++
	return true
}

// next takes one byte and reports whether it ends the row and whether it may
// stand there.
func (r *rows) next(x byte) (ends, ok bool) {
	switch r.state {
	case csvQuoted:
		if x == '"' {
			r.state = csvClosed
		}
		return false, x != 0
	case csvClosed:
		switch {
		case x == '"':
			r.state = csvQuoted
		case x == '\r':
			r.state = csvCR
		case x == '\n':
			return true, true
		case r.separates(x):
			r.state = csvField
		default:
			return false, false
		}
		return false, true
	case csvCR:
		return true, x == '\n'
	}
	switch {
	case x == '\n':
		return true, true
	case x == '"':
		ok = r.state == csvField
		r.state = csvQuoted
		return false, ok
	case r.separates(x):
		r.state = csvField
	default:
		r.state = csvBare
	}
	return false, x != 0
}

func (c *Cutter) stepCSV(eof bool) {
	r := &c.csv
	for !c.full() {
		b := c.window()
		i := c.pos - c.start
		ends, ok := false, true
		if i == 0 && r.columns != nil {
			// Most rows have no quotes, and are lines.
			if n := bytes.IndexByte(b, '\n') + 1; bytes.IndexByte(b[:n], '"') < 0 && nul(b[:n]) < 0 {
				i, ends = n, n > 0
			}
		}
		for i < len(b) && !ends {
			if ends, ok = r.next(b[i]); !ok {
				c.pos = c.start + i
				c.fail(ErrSyntax)
				return
			}
			i++
		}
		c.pos = c.start + i
		if !ends {
			switch {
			case c.tooLong():
				c.fail(ErrTooLong)
				return
			case !eof || i == 0:
				return
			case r.state == csvQuoted:
				c.fail(ErrTruncated)
				return
			}
		}
		r.state = csvField
		row := b[c.bom:i]
		switch {
		case blanks(row) == len(row):
			r.counts = [len(commas)]int{}
			c.emit(c.pos, i, true, weir.Segment{})
		case r.columns == nil:
			r.comma = commas[0]
			most := r.counts[0]
			for k, n := range r.counts {
				if n > most {
					r.comma, most = commas[k], n
				}
			}
			r.columns = fields(row, r.comma)
			c.emit(c.pos, c.bom, false, weir.Segment{Syntax: weir.CSV})
		default:
			c.emit(c.pos, c.bom, true, weir.Segment{Syntax: weir.CSV, Record: true, Path: each, Columns: r.columns})
		}
	}
}

// fields gives the fields of one row, without quotes and white space around
// them. It is used for the first row only, and always gives at least one.
func fields(row []byte, comma byte) []string {
	var all []string
	var f strings.Builder
	quoted := false
	for i := 0; i < len(row); i++ {
		x := row[i]
		switch {
		case x == '"' && quoted && i+1 < len(row) && row[i+1] == '"':
			f.WriteByte(x)
			i++
		case x == '"':
			quoted = !quoted
		case x == comma && !quoted:
			all = append(all, strings.TrimSpace(f.String()))
			f.Reset()
		default:
			f.WriteByte(x)
		}
	}
	return append(all, strings.TrimSpace(f.String()))
}

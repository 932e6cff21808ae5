package files

import (
	"bytes"
	"strings"
)

// separators are what may stand between the fields of a table; the first wins where
// the first row does not tell.
const separators = ",;\t|"

// separator gives what stands between the fields of the first row.
func separator(row []byte) byte {
	var counts [len(separators)]int
	quoted := false
	for _, c := range row {
		if c == '"' {
			quoted = !quoted
		} else if i := strings.IndexByte(separators, c); i >= 0 && !quoted {
			counts[i]++
		}
	}
	best := 0
	for i, n := range counts {
		if n > counts[best] {
			best = i
		}
	}
	return separators[best]
}

// split gives the fields of a row, without quotes.
func split(row []byte, comma byte) (all []string) {
	for i := 0; ; {
		n := fieldEnd(row, i, comma)
		f := strings.TrimSpace(string(row[i:n]))
		if len(f) >= 2 && f[0] == '"' && f[len(f)-1] == '"' {
			f = strings.ReplaceAll(f[1:len(f)-1], `""`, `"`)
		}
		all = append(all, f)
		if n == len(row) {
			return all
		}
		i = n + 1
	}
}

// fieldEnd gives the end of the field that begins at row[i].
func fieldEnd(row []byte, i int, comma byte) int {
	if i < len(row) && row[i] == '"' {
		for i++; i < len(row); i++ {
			n := bytes.IndexByte(row[i:], '"')
			if n < 0 {
				return len(row)
			}
			if i += n; i+1 >= len(row) || row[i+1] != '"' {
				break
			}
			i++
		}
	}
	if i < len(row) {
		if n := bytes.IndexByte(row[i:], comma); n >= 0 {
			return i + n
		}
	}
	return len(row)
}

// A column counts the fields of a row on the way from finding to finding.
type column struct {
	row   []byte
	comma byte
	n, at int // the number of the field reached, and where it begins
}

// to gives the number of the field that holds row[p]. p does not go back.
func (c *column) to(p int) int {
	for {
		end := fieldEnd(c.row, c.at, c.comma)
		if p <= end || end == len(c.row) {
			return c.n
		}
		c.n, c.at = c.n+1, end+1
	}
}

// rowEnd gives the end of the row that t begins with, after its LF; -1 where t does
// not hold it. Quotes count where they begin a field (RFC 4180).
func rowEnd(t []byte, comma byte) int {
	n := bytes.IndexByte(t, '\n')
	switch {
	case n < 0:
		return -1
	case bytes.IndexByte(t[:n], '"') < 0:
		return n + 1
	}
	for i := 0; ; i++ {
		if i < len(t) && t[i] == '"' {
			for i++; ; i++ {
				q := bytes.IndexByte(t[min(i, len(t)):], '"')
				if q < 0 {
					return -1
				}
				if i += q + 1; i == len(t) || t[i] != '"' {
					break
				}
			}
		}
		for i < len(t) && t[i] != comma && t[i] != '\n' {
			i++
		}
		switch {
		case i == len(t):
			return -1
		case t[i] == '\n':
			return i + 1
		}
	}
}

// lastRow gives the end of the last row of t by the quotes before each LF: what is
// quoted holds an odd number of them. 0: none ends.
func lastRow(t []byte) int {
	quotes := bytes.Count(t, []byte(`"`))
	for end := len(t); ; {
		n := bytes.LastIndexByte(t[:end], '\n')
		quotes -= bytes.Count(t[n+1:end], []byte(`"`))
		if n < 0 || quotes&1 == 0 {
			return n + 1
		}
		end = n
	}
}

// headed reports whether a first row names columns: words, and no data.
func headed(columns []string) bool {
	for _, c := range columns {
		if len(c) == 0 || len(c) > 64 || c[0]-'0' < 10 || c[0] == '+' || c[0] == '-' || strings.IndexByte(c, '@') >= 0 {
			return false
		}
	}
	return true
}

// head gives what the first row of a table says, and its length: 0 where it holds
// data.
func head(t []byte) (columns []string, comma byte, header int) {
	lead := 0
	if bytes.HasPrefix(t, []byte(bom)) {
		lead = len(bom)
	}
	for lead < len(t) && (t[lead] == '\r' || t[lead] == '\n') {
		lead++
	}
	first := t[lead:]
	if n := bytes.IndexByte(first, '\n'); n >= 0 && bytes.Count(first[:n], []byte(`"`))&1 == 0 {
		first = first[:n]
	}
	comma = separator(first)
	if n := rowEnd(t[lead:], comma); n >= 0 {
		first = t[lead : lead+n]
	} else {
		first = t[lead:]
	}
	columns = split(bytes.TrimRight(first, "\r\n"), comma)
	if !headed(columns) {
		return nil, comma, 0
	}
	return columns, comma, lead + len(first)
}

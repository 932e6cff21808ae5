package inspect

import (
	"bytes"
	"slices"

	"github.com/getweir/weir"
)

// csv reads one row (RFC 4180) whose fields columns names. Without columns it is a
// row of names, read as text.
func (w *walk) csv(t []byte, columns []string, subject []string) error {
	w.form, w.object = weir.FormField, 0
	root := &w.frames[0]
	root.object = 0
	wanted := -1
	if len(subject) == 1 {
		for i, c := range columns {
			if c == subject[0] && wanted >= 0 {
				w.r.SubjectState = Duplicate
			} else if c == subject[0] {
				wanted = i
			}
		}
	}
	w.head(columns)
	sep := separates(t, len(columns))
	err := fields(t, sep, func(i, a, b int) {
		m := mNone
		if i < len(columns) {
			m = w.means[i]
		}
		w.value(m, t, a, b)
		if i == wanted && w.r.SubjectState != Duplicate && b > a {
			w.r.SubjectState = Found
			w.r.Subject = appendField(w.r.Subject[:0], t[a:b])
		}
	})
	if err != nil {
		return err
	}
	w.resolve(root)
	// What would be one tree in JSON is several fields here.
	class, _ := root.shape()
	if class == "" {
		return nil
	}
	return fields(t, sep, func(i, a, b int) {
		if i < len(columns) && shaping(class).has(w.means[i]) && !blank(t[a:b]) {
			w.whole(class, a, b, weir.SureMatch, false, "shape")
		}
	})
}

// head finds out what the columns mean, unless they are those of the row before.
func (w *walk) head(columns []string) {
	if slices.Equal(columns, w.columns) {
		return
	}
	w.columns, w.means = append(w.columns[:0], columns...), w.means[:0]
	for _, c := range columns {
		w.means = append(w.means, means([]byte(c)))
	}
}

// separates gives what separates the fields of the row t: a comma, or else a
// semicolon, a tab or a bar, whichever gives as many fields as there are columns.
func separates(t []byte, columns int) byte {
	if columns < 2 {
		return ','
	}
	sep, most := byte(','), 0
	for _, c := range []byte{',', ';', '\t', '|'} {
		n := 0
		if bytes.IndexByte(t, '"') < 0 {
			n = bytes.Count(t, []byte{c}) + 1
		} else if fields(t, c, func(_, _, _ int) { n++ }) != nil {
			continue
		}
		if n == columns {
			return c
		}
		// A row of another length: what divides it most.
		if n > most && n < columns {
			sep, most = c, n
		}
	}
	return sep
}

// shaping are the meanings that make up a shape.
func shaping(class weir.Class) set {
	switch class {
	case Viewing:
		return of(mTitleID, mTitle, mWatched, mProgress)
	case Browsing:
		return of(mPage, mVisited)
	case Searches:
		return of(mQuery, mSearched)
	}
	return of(mOrderID, mItems, mTotal)
}

// fields calls each with the number of a field and where its text is: between the
// quotes, where it has some.
func fields(t []byte, sep byte, each func(i, a, b int)) error {
	end := len(bytes.TrimRight(t, "\r\n"))
	for i, n := 0, 0; ; n++ {
		if i < end && t[i] == '"' {
			k := i + 1
			for {
				q := bytes.IndexByte(t[k:end], '"')
				if q < 0 {
					return ErrMalformed
				}
				k += q
				if k+1 == end || t[k+1] != '"' {
					break
				}
				k += 2
			}
			each(n, i+1, k)
			i = k + 1
			if i < end && t[i] != sep {
				return ErrMalformed
			}
		} else {
			k := bytes.IndexByte(t[i:end], sep)
			if k < 0 {
				k = end - i
			}
			each(n, i, i+k)
			i += k
		}
		if i >= end {
			return nil
		}
		i++
	}
}

// appendField appends a field's text with its doubled quotes undone.
func appendField(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		dst = append(dst, v[i])
		if v[i] == '"' && i+1 < len(v) && v[i+1] == '"' {
			i++
		}
	}
	return dst
}

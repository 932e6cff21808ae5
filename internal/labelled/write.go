package labelled

import (
	"slices"
	"strconv"
	"strings"
)

// A writer writes records in the body's format and notes where their values come to
// stand.
type writer struct {
	*maker
	body *Body
	hide string
	out  []byte
}

func (w *writer) put(s string) { w.out = append(w.out, s...) }

// value writes the runs of a leaf, which stands under key.
func (w *writer) value(n *node, key string, esc escape) {
	if w.hide == base64Hidden || w.hide == base64uHidden {
		if len(n.runs) == 1 && bySight(n.runs[0]) && w.chance(0.7) {
			start := len(w.out)
			w.escaped(w.coded(n.runs[0].text, w.hide), esc)
			w.label(n.runs[0], start, key, w.hide, true)
			return
		}
	}
	for _, r := range n.runs {
		start := len(w.out)
		s, how := r.text, ""
		e := esc
		if numeral(r.class) && w.chance(0.7) {
			switch w.hide {
			case wideHidden, zeroHidden:
				s, how = w.disguise(s, w.hide), w.hide
			case scriptHidden:
				if strings.ContainsAny(s, "0123456789") && !strings.Contains(s, "@") && !strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
					s, how = w.disguise(s, w.hide), w.hide
				}
			}
		}
		if r.class != "" && w.chance(0.7) {
			switch w.hide {
			case jsonHidden:
				e, how = w.mixed(s, allJSON, esc), w.hide
			case entityHidden:
				e, how = w.mixed(s, allHTML, esc), w.hide
			case percentHidden:
				if numeral(r.class) && (w.body.Format == Form || w.body.Format == Query || strings.ContainsAny(s, "@+")) {
					e, how = w.mixed(s, allPercent, escapeQuery), w.hide
				}
			case twiceHidden:
				if strings.ContainsAny(s, "@+") {
					e, how = twicePercent, w.hide
				}
			}
		}
		w.escaped(s, e)
		switch {
		case r.class != "":
			w.label(r, start, key, how, r.loose)
		case r.decoy != "":
			w.body.Decoys = append(w.body.Decoys, Decoy{r.like, r.decoy, start, len(w.out), key})
		}
	}
}

func (w *writer) escaped(s string, esc escape) {
	for _, r := range s {
		w.out = esc(w.out, r)
	}
}

func (w *writer) label(r run, start int, key, how string, loose bool) {
	w.body.Labels = append(w.body.Labels, Label{r.class, r.also, start, len(w.out), how, loose, key})
}

// shaped labels a leaf that is a part of what would be one tree elsewhere.
func (w *writer) shaped(n *node, start int, key string) {
	if n.shape != "" && start < len(w.out) {
		w.body.Labels = append(w.body.Labels, Label{Class: n.shape, Start: start, End: len(w.out), Key: key})
	}
}

func (w *writer) write(records []*node) {
	switch w.body.Format {
	case JSON:
		w.document(records)
	case NDJSON:
		for _, r := range records {
			w.json(r, "", -1)
			w.put("\n")
		}
	case SSE:
		w.events(records)
	case CSV:
		w.table(records, pick(w.maker, []string{",", ",", ";"}))
	case TSV:
		w.table(records, "\t")
	case HTML:
		w.html(records)
	case Form:
		w.form(records[0])
	case Query:
		w.urls(records)
	case Header:
		w.headers(records[0])
	}
}

// document wraps the records as services do.
func (w *writer) document(records []*node) {
	indent := -1
	if w.chance(0.3) {
		indent = 0
	}
	var n *node
	list := array(records...)
	switch w.IntN(4) {
	case 0:
		n = list
	case 1:
		n = object("data", list, "meta", object("total", number(strconv.Itoa(w.IntN(9000))), "page", number("1"), "request id", w.uuid()))
	case 2:
		n = object("status", "ok", "result", object("items", list, "next cursor", w.hexes(12)))
	default:
		n = records[0]
	}
	w.json(n, "", indent)
}

// json writes a value; indent is how deep it stands, -1 on one line.
func (w *writer) json(n *node, key string, indent int) {
	if !n.tree {
		if n.bare && (n.runs[0].class == "" || w.hide == "") {
			w.value(n, key, verbatim)
			return
		}
		w.put(`"`)
		w.value(n, key, escapeJSON)
		w.put(`"`)
		return
	}
	start := len(w.out)
	open, shut := "[", "]"
	if n.keys != nil {
		open, shut = "{", "}"
	}
	inner, line, colon := indent, "", ":"
	if indent >= 0 {
		inner, line, colon = indent+1, "\n"+strings.Repeat("  ", indent+1), ": "
	}
	w.put(open)
	for i, kid := range n.kids {
		if i > 0 {
			w.put(",")
		}
		w.put(line)
		k := key
		if n.keys != nil {
			k = n.keys[i]
			w.put(`"` + w.style.join(k) + `"` + colon)
		}
		w.json(kid, k, inner)
	}
	if indent >= 0 && len(n.kids) > 0 {
		w.put(line[:len(line)-2])
	}
	w.put(shut)
	if n.class != "" {
		w.body.Labels = append(w.body.Labels, Label{Class: n.class, Start: start, End: len(w.out), Key: key, Loose: n.loose})
	}
}

// events writes server-sent events with a JSON object each.
func (w *writer) events(records []*node) {
	for i, r := range records {
		if w.chance(0.5) {
			w.put("event: " + pick(w.maker, []string{"update", "message", "record"}) + "\n")
		}
		if w.chance(0.5) {
			w.put("id: " + strconv.Itoa(1000+i) + "\n")
		}
		w.put("data: ")
		w.json(r, "", -1)
		w.put("\n\n")
	}
}

// columns gives the leaves of the records and the columns that they make.
func (w *writer) columns(records []*node, join func([]string) string) (names []string, rows []map[string]field) {
	for _, r := range records {
		row := map[string]field{}
		for _, f := range r.flat(nil) {
			name := join(f.path)
			if _, twice := row[name]; twice {
				continue
			}
			row[name] = f
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		rows = append(rows, row)
	}
	return names, rows
}

// joined gives the functions that write a path as one key.
func (w *writer) joined() func([]string) string {
	dot := w.chance(0.3)
	return func(path []string) string {
		if dot {
			parts := make([]string, len(path))
			for i, p := range path {
				parts[i] = w.style.join(p)
			}
			return strings.Join(parts, ".")
		}
		return w.style.join(strings.Join(path, " "))
	}
}

func (w *writer) table(records []*node, sep string) {
	names, rows := w.columns(records, w.joined())
	w.put(strings.Join(names, sep) + "\r\n")
	always := w.chance(0.3)
	for _, row := range rows {
		for i, name := range names {
			if i > 0 {
				w.put(sep)
			}
			f, ok := row[name]
			if !ok {
				continue
			}
			quote := always
			for _, r := range f.runs {
				quote = quote || strings.ContainsAny(r.text, sep+"\"\r\n")
			}
			if quote {
				w.put(`"`)
			}
			start := len(w.out)
			w.value(f.node, name, escapeCSV)
			w.shaped(f.node, start, name)
			if quote {
				w.put(`"`)
			}
		}
		w.put("\r\n")
	}
}

func (w *writer) html(records []*node) {
	title := func(path []string) string { return titled(strings.Join(path, " ")) }
	w.put("<!doctype html><html><head><meta charset=\"utf-8\"><title>" + own(w.maker, 0, []string{"Account", "Your details", "Customer", "Order", "Overview", "Konto"}) + "</title></head><body>\n")
	switch layout := w.IntN(4); layout {
	case 0:
		names, rows := w.columns(records, title)
		w.put("<table><thead><tr>")
		for _, n := range names {
			w.put("<th>" + n + "</th>")
		}
		w.put("</tr></thead><tbody>\n")
		for _, row := range rows {
			w.put("<tr>")
			for _, n := range names {
				w.put("<td>")
				if f, ok := row[n]; ok {
					start := len(w.out)
					w.value(f.node, n, escapeHTML)
					w.shaped(f.node, start, n)
				}
				w.put("</td>")
			}
			w.put("</tr>\n")
		}
		w.put("</tbody></table>")
	default:
		around := [...][5]string{
			1: {"<dl>\n", "<dt>", "</dt><dd>", "</dd>\n", "</dl>\n"},
			2: {"<table>\n", "<tr><th>", "</th><td>", "</td></tr>\n", "</table>\n"},
			3: {"<form>\n", "<label>", "</label> <span>", "</span><br>\n", "</form>\n"},
		}[layout]
		names, rows := w.columns(records[:1], title)
		w.put(around[0])
		for _, n := range names {
			f := rows[0][n]
			if f.shape != "" {
				continue // a history is a table
			}
			w.put(around[1] + n + around[2])
			w.value(f.node, n, escapeHTML)
			w.put(around[3])
		}
		w.put(around[4])
	}
	w.put("</body></html>\n")
}

// form writes application/x-www-form-urlencoded (WHATWG URL, section 5).
func (w *writer) form(record *node) {
	brackets := w.chance(0.4)
	for i, f := range record.flat(nil) {
		if i > 0 {
			w.put("&")
		}
		key := ""
		for k, p := range f.path {
			p = w.style.join(p)
			switch {
			case k == 0:
				key = p
			case brackets:
				key += "[" + p + "]"
			default:
				key += "." + p
			}
		}
		w.escaped(strings.NewReplacer("[", "\x01", "]", "\x02").Replace(key), keyEscape)
		w.put("=")
		w.value(f.node, key, escapeQuery)
	}
}

// keyEscape writes a key of a form, whose brackets most clients leave as they are.
func keyEscape(b []byte, r rune) []byte {
	switch r {
	case 1:
		return append(b, '[')
	case 2:
		return append(b, ']')
	}
	return escapeQuery(b, r)
}

// urls writes a line for each record, with its values in the query of a URL.
func (w *writer) urls(records []*node) {
	for _, r := range records {
		w.put("https://" + own(w.maker, 0, []string{"shop", "api", "play", "account"}) + ".example/" + own(w.maker, 0, []string{"v1/callback", "welcome", "checkout/return", "verify"}) + "?")
		w.form(r)
		w.put("\n")
	}
}

// headers writes a header block; the rest of the values go into a cookie.
func (w *writer) headers(record *node) {
	w.put("Date: Sun, 22 Nov 2026 07:22:36 GMT\r\nContent-Type: application/json\r\nETag: \"" + w.hexes(16) + "\"\r\n")
	var cookies []field
	for _, f := range record.flat(nil) {
		name := header(strings.Join(f.path, " "))
		if strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 }) >= 0 || !f.ascii() || w.chance(0.3) {
			cookies = append(cookies, f)
			continue
		}
		w.put(name + ": ")
		w.value(f.node, name, verbatim)
		w.put("\r\n")
	}
	if len(cookies) == 0 {
		return
	}
	w.put("Cookie: ")
	cookies = append(cookies, field{[]string{"theme"}, text("dark")})
	for i, f := range cookies {
		if i > 0 {
			w.put("; ")
		}
		key := w.style.join(strings.Join(f.path, " "))
		w.escaped(key, escapeCookie)
		w.put("=")
		w.value(f.node, key, escapeCookie)
	}
	w.put("\r\n")
}

func (n *node) ascii() bool {
	for _, r := range n.runs {
		if strings.IndexFunc(r.text, func(r rune) bool { return r >= 0x80 }) >= 0 {
			return false
		}
	}
	return true
}

// log writes a line for each record, its values as key=value.
func (w *writer) log(records []*node) {
	for _, r := range records {
		w.put(w.stamp() + " " + pick(w.maker, []string{"INFO", "WARN", "DEBUG", "ERROR"}) + " [" + own(w.maker, 0, []string{"checkout", "accounts", "player", "billing", "gateway", "search"}) + "] " +
			own(w.maker, 0, []string{"saved", "updated record", "request done", "sent to queue", "cache miss", "retrying"}))
		for _, f := range r.flat(nil) {
			key := w.style.join(strings.Join(f.path, " "))
			quote := false
			for _, r := range f.runs {
				quote = quote || strings.ContainsAny(r.text, " \"")
			}
			w.put(" " + key + "=")
			if quote {
				w.put(`"`)
			}
			w.value(f.node, key, verbatim)
			if quote {
				w.put(`"`)
			}
		}
		w.put("\n")
	}
}

// prose writes sentences, each of them runs.
func (w *writer) prose(sentences []*node) {
	for i, s := range sentences {
		if i > 0 {
			w.put(pick(w.maker, []string{" ", "\n"}))
		}
		w.value(s, "", verbatim)
	}
	w.put("\n")
}

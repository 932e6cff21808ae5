package learn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
)

// MaxAPI is how long an OpenAPI document may be, in bytes.
const MaxAPI = 16 << 20

// An API is what OpenAPI documents (3.0 and 3.1) say of a service: routes, what their
// variables are called, and which fields their answers have. Of the fields it is tried
// what a detector makes of an invented value there. The zero API has none.
type API struct {
	Routes []*Route
}

// LooksLikeAPI tells by its beginning whether a file is an OpenAPI document.
func LooksLikeAPI(head []byte) bool {
	head = bytes.TrimLeft(head, "\ufeff \t\r\n")
	if bytes.HasPrefix(head, []byte("openapi:")) || bytes.HasPrefix(head, []byte("swagger:")) || bytes.HasPrefix(head, []byte("---")) || bytes.Contains(head, []byte("\nopenapi:")) {
		return true
	}
	return bytes.HasPrefix(head, []byte("{")) && (bytes.Contains(head, []byte(`"openapi"`)) || bytes.Contains(head, []byte(`"swagger"`))) && !bytes.Contains(head, []byte(`"log"`))
}

// ErrAPI is given for a document that cannot be used.
var ErrAPI = errors.New("not an OpenAPI document (3.0 or 3.1) that can be read")

// Bounds of what is read of a document.
const (
	maxAPIRoutes = 2000
	maxSample    = 400 // values of one sample
)

// Read takes in a document. References to other files and addresses are not followed.
func (a *API) Read(text []byte) (err error) {
	defer func() {
		// A document is somebody else's: whatever a library makes of it is no crash.
		if p := recover(); p != nil {
			err = ErrAPI
		}
	}()
	if len(text) > MaxAPI {
		return ErrAPI
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAPI, firstLine(err.Error()))
	}
	if doc.OpenAPI == "" || !strings.HasPrefix(doc.OpenAPI, "3.") {
		return fmt.Errorf("%w: version 2 (swagger) has to be converted first", ErrAPI)
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		return err
	}
	l := New(finder)
	base := ""
	if len(doc.Servers) > 0 && doc.Servers[0] != nil {
		if u, uerr := url.Parse(doc.Servers[0].URL); uerr == nil && !strings.ContainsAny(u.Path, "{}") {
			base = strings.TrimSuffix(u.Path, "/")
		}
	}
	type named struct{ vars []string }
	names := map[string]named{}
	n := 0
	if doc.Paths == nil {
		return nil
	}
	paths := doc.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path]
		if item == nil {
			continue
		}
		ops := item.Operations()
		for _, m := range slices.Sorted(maps.Keys(ops)) {
			if n++; n > maxAPIRoutes {
				return fmt.Errorf("%w: it has more than %d operations", ErrAPI, maxAPIRoutes)
			}
			if !method(m) {
				continue
			}
			target, vars, ok := sampleTarget(base + path)
			if !ok {
				continue
			}
			x := &Exchange{Method: m, Target: weir.NewPlain(target), Request: http.Header{}, Status: 200, Response: http.Header{}}
			if schema := answerOf(ops[m]); schema != nil {
				s := sampler{finder: finder, left: maxSample}
				if b, merr := json.Marshal(s.value("", schema, 0)); merr == nil {
					x.Body = b
					x.Response.Set("Content-Type", "application/json")
				}
			}
			l.Add(x)
			names[m+" "+shape(target)] = named{vars}
		}
	}
	for _, r := range l.Routes() {
		if known, ok := names[r.Method+" "+shape(r.Path)]; ok && len(known.vars) == len(r.vars) {
			r.call(known.vars)
		}
		r.Documented, r.Seen, r.Exchanges, r.Personal = true, false, 0, min(r.Personal, 1)
		a.Routes = append(a.Routes, r)
	}
	return nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), 200)]
}

// shape gives a path with all variables alike.
func shape(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") || looksLikeID(p) {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}

// sampleID stands in a path for a variable: nobody's identifier.
const sampleID = "00000000-0000-4000-8000-000000000000"

// sampleTarget fills the variables of a path.
func sampleTarget(path string) (target string, vars []string, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		if strings.ContainsAny(p, "{}") {
			if !strings.HasPrefix(p, "{") || !strings.HasSuffix(p, "}") {
				return "", nil, false // half a segment
			}
			vars = append(vars, p[1:len(p)-1])
			parts[i] = sampleID
		}
	}
	return "/" + strings.Join(parts, "/"), vars, len(parts) <= 32
}

// call gives the variables of a route their documented names.
func (r *Route) call(names []string) {
	taken := map[string]bool{}
	for i := range r.vars {
		name := identifier(names[i])
		if name == "" || len(name) > 40 {
			name = r.vars[i].name
		}
		name = unique(name, taken)
		if r.Subject != nil {
			r.Subject.Text = strings.Replace(r.Subject.Text, "{"+r.vars[i].name+"}", "{"+name+"}", 1)
		}
		r.vars[i].name = name
		for k, s := range r.segments {
			if k == r.vars[i].index && strings.HasPrefix(s, "{") {
				r.segments[k] = "{" + name + "}"
			}
		}
	}
	r.Path = "/" + strings.Join(r.segments, "/")
}

// Join adds the documented routes to those that were seen, and gives these the names
// that the document has for their variables.
func (a *API) Join(seen []*Route) []*Route {
	at := map[string]*Route{}
	named := map[string]bool{}
	for _, r := range seen {
		at[r.Method+" "+shape(r.Path)] = r
		named[r.Name] = true
	}
	all := seen
	for _, d := range a.Routes {
		r := at[d.Method+" "+shape(d.Path)]
		if r == nil {
			d.Name = unique(d.Name, named)
			all = append(all, d)
			continue
		}
		r.Documented = true
		if len(r.vars) == len(d.vars) && len(r.vars) > 0 {
			var names []string
			for _, v := range d.vars {
				names = append(names, v.name)
			}
			r.call(names)
		}
	}
	return all
}

// answerOf gives the schema of an operation's good answer in JSON; nil: it has none.
func answerOf(op *openapi3.Operation) *openapi3.SchemaRef {
	if op == nil || op.Responses == nil {
		return nil
	}
	all := op.Responses.Map()
	for _, code := range slices.Sorted(maps.Keys(all)) {
		res := all[code]
		if !strings.HasPrefix(code, "2") || res == nil || res.Value == nil {
			continue
		}
		for _, media := range slices.Sorted(maps.Keys(res.Value.Content)) {
			if c := res.Value.Content[media]; strings.HasSuffix(media, "json") && c != nil {
				return c.Schema
			}
		}
	}
	return nil
}

// sampler invents a document that a schema describes.
type sampler struct {
	finder *inspect.Inspector
	left   int
	report inspect.Report
}

// invented are values that belong to nobody (example domains, test numbers).
var invented = []string{"jane.roe@example.com", "Jane Roe", "+14155550123", "12 Main Street", "1990-02-03", "4242424242424242", "192.0.2.7", "Springfield", "94103"}

func (s *sampler) value(key string, ref *openapi3.SchemaRef, depth int) any {
	if s.left--; ref == nil || ref.Value == nil || depth > 8 || s.left < 0 {
		return nil
	}
	v := ref.Value
	for _, of := range []openapi3.SchemaRefs{v.AllOf, v.OneOf, v.AnyOf} {
		if len(of) == 0 {
			continue
		}
		merged := map[string]any{}
		for _, part := range of {
			if m, is := s.value(key, part, depth+1).(map[string]any); is {
				maps.Copy(merged, m)
			}
		}
		s.members(merged, v, depth)
		if len(merged) > 0 {
			return merged
		}
		return s.value(key, of[0], depth+1)
	}
	switch {
	case len(v.Properties) > 0 || v.Type.Includes("object"):
		m := map[string]any{}
		s.members(m, v, depth)
		return m
	case v.Type.Includes("array") || v.Items != nil:
		return []any{s.value(key, v.Items, depth+1)}
	case v.Type.Includes("integer"), v.Type.Includes("number"):
		return 7
	case v.Type.Includes("boolean"):
		return true
	}
	if v.Format == "uuid" || identifies(key) {
		return sampleID
	}
	for _, text := range invented {
		b, err := json.Marshal(map[string]string{key: text})
		if err != nil {
			break
		}
		seg := weir.Segment{Syntax: weir.JSON, Record: true, Body: b}
		if s.finder.Inspect(&s.report, &seg, nil) == nil && len(s.report.Findings) > 0 {
			return text
		}
	}
	return "text"
}

func (s *sampler) members(m map[string]any, v *openapi3.Schema, depth int) {
	for _, name := range slices.Sorted(maps.Keys(v.Properties)) {
		m[name] = s.value(name, v.Properties[name], depth+1)
	}
}

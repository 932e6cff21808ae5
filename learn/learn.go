// Package learn makes of recorded traffic what a first policy needs: which routes
// there are, whose data each answers with and where that stands, who asks, and in
// which role.
//
// Recordings (HAR, taps of Envoy, mirrored requests) are read as streams, one exchange
// at a time. A Learner is shown each of them, keeps counts and keyed sums of values,
// and at the end folds addresses into routes and picks the place in each answer that
// names the customer: the value that stands in the address too, the identifier beside
// names and contacts, what other routes name customers by. An OpenAPI document adds
// routes that nobody has used yet, and names for what is in addresses.
//
// It guarantees that memory is bounded whatever the recording holds: by routes, fields,
// candidates and sums a route, and by the one exchange at hand; and that nothing
// it gives back is a value from a body, a header or an address: names of keys, of roles
// and of issuers, segments of addresses that stand where no identifier does, and counts.
//
// It checks no credential, decides nothing and counts no budgets: whoever plays the
// recording to a guard does.
package learn

import (
	"fmt"
	"hash/maphash"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
)

// An Exchange is a request and its answer, as they were recorded. It holds personal
// data, and prints as nothing but that it is one.
type Exchange struct {
	Time    time.Time // zero: the recording does not say
	Method  string
	Host    string
	Target  weir.Plain // path and query, as sent; "*" for none
	Request http.Header
	// Status is that of the answer; 0: none was recorded.
	Status   int
	Response http.Header
	Body     []byte // of the answer, decoded
	Cut      bool   // Body is only its beginning
}

// Format is for fmt: whatever the verb, nothing of it prints.
func (x Exchange) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "exchange") }

// MarshalJSON refuses, since it would print.
func (x Exchange) MarshalJSON() ([]byte, error) {
	return nil, fmt.Errorf("an exchange is not to be written as JSON")
}

// MaxBody is how much of a body is looked at, in bytes.
const MaxBody = 4 << 20

// media gives the media type of the answer.
func (x *Exchange) media() string {
	media, _, _ := mime.ParseMediaType(x.Response.Get("Content-Type"))
	return media
}

// The bounds of what a Learner keeps.
const (
	maxRoutes     = 5000
	maxPlaces     = 300  // of a route
	maxCandidates = 60   // of a route
	maxSums       = 4096 // of a candidate, or of what stands in an address
	maxValues     = 1 << 20
)

// A Learner takes in exchanges. It is for one goroutine.
type Learner struct {
	finder *inspect.Inspector
	seed   maphash.Seed
	top    *node
	routes int
	values map[uint64]struct{} // sums of values that are somebody's, of which no route is made
	people credentials

	From, To  time.Time // of the exchanges that say when they were
	Exchanges int
	Answered  int // of those, with an answer
	Left      int // exchanges on routes beyond the most that are kept apart
	report    inspect.Report
	walk      walker
}

// New makes a Learner that knows nothing. The Inspector finds what is personal.
func New(finder *inspect.Inspector) *Learner {
	l := &Learner{finder: finder, seed: maphash.MakeSeed(), top: new(node), values: map[uint64]struct{}{}}
	l.people.init(l)
	return l
}

func (l *Learner) sum(b []byte) uint64     { return maphash.Bytes(l.seed, b) }
func (l *Learner) sumText(s string) uint64 { return maphash.String(l.seed, s) }
func (l *Learner) isValue(s string) bool   { _, is := l.values[l.sumText(s)]; return is }
func (l *Learner) keepValue(b []byte) {
	if len(b) > 0 && len(b) <= 128 && len(l.values) < maxValues {
		l.values[l.sum(b)] = struct{}{}
	}
}

// Add takes an exchange in. Errors of the service (5xx), and what is not HTTP's
// usual methods, are counted and not learnt from.
func (l *Learner) Add(x *Exchange) {
	l.Exchanges++
	if !x.Time.IsZero() {
		if l.From.IsZero() || x.Time.Before(l.From) {
			l.From = x.Time
		}
		if x.Time.After(l.To) {
			l.To = x.Time
		}
	}
	path, ok := pathOf(x)
	if !ok || x.Status >= 500 || !method(x.Method) {
		return
	}
	who := l.people.add(x)
	if x.Status == 0 {
		return
	}
	l.Answered++
	if x.Status >= 400 {
		return // nobody made the route for what it does not find
	}
	r := l.route(x.Method, path)
	if r == nil {
		l.Left++
		return
	}
	r.exchanges++
	for i, s := range path {
		r.variable(i).add(l.sumText(s))
	}
	r.media[x.media()]++
	if who != nil {
		r.credentials[who.Scheme] = true
	} else {
		r.open++
	}
	l.read(r, x, path)
}

func method(m string) bool {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
		return true
	}
	return false
}

// read looks at an answer's body.
func (l *Learner) read(r *route, x *Exchange, path []string) {
	if len(x.Body) == 0 || x.Method == "HEAD" {
		return
	}
	seg := weir.Segment{Body: x.Body, Record: true}
	switch media := x.media(); {
	case strings.HasSuffix(media, "json"):
		seg.Syntax = weir.JSON
		if strings.Contains(media, "nd") || strings.Contains(media, "lines") {
			l.rows(r, x, path)
			return
		}
	case strings.HasSuffix(media, "/csv"):
		l.csv(r, x)
		return
	case strings.Contains(media, "html") || strings.HasSuffix(media, "xml"):
		seg.Syntax = weir.HTML
	case opaqueType(media):
		return
	default:
		seg.Syntax = weir.Text
	}
	if l.finder.Inspect(&l.report, &seg, nil) != nil {
		r.unread++
		return
	}
	if seg.Syntax == weir.JSON {
		l.json(r, x.Body, path)
		return
	}
	l.classes(r, x.Body)
}

// classes notes what is found where no place has a name.
func (l *Learner) classes(r *route, body []byte) {
	for _, f := range l.report.Findings {
		r.found(f.Class, "")
		l.keepValue(body[f.Start:f.End])
	}
	if len(l.report.Findings) > 0 {
		r.personal++
	}
}

// rows takes the first of a body's lines, each a document.
func (l *Learner) rows(r *route, x *Exchange, path []string) {
	n := 0
	for line := range strings.Lines(string(x.Body)) {
		if n++; n > 200 {
			return
		}
		seg := weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(strings.TrimSpace(line))}
		if len(seg.Body) > 0 && l.finder.Inspect(&l.report, &seg, nil) == nil {
			l.walk.lines = true
			l.json(r, seg.Body, path)
			l.walk.lines = false
		}
	}
}

// opaqueType tells whether there is nothing to read in a media type.
func opaqueType(media string) bool {
	for _, family := range [...]string{"image/", "video/", "audio/", "font/"} {
		if strings.HasPrefix(media, family) && media != "image/svg+xml" {
			return true
		}
	}
	return false
}

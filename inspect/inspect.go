// Package inspect finds personal data in bytes: which classes, where, and how
// sure that is; and the identifier of the customer that a record is about.
//
// An Inspector reads a segment once, 64 bytes at a time. Each block is turned
// into bit sets (quotes, digits, separators, @ and the like), and shifts of those
// give the few places where an e-mail address, a number, an address of the network
// or a key could be. Only there do hand-written scanners look, with checksums and
// issuer or country tables behind them, and with what the key, column, label or
// words beside a value say about it. JSON is followed as far as its braces and
// keys, so that a name is known to be a customer's and not a product's. Where a
// value is written in escapes (of JSON, percent, HTML, full-width or with
// zero-width characters between), that value is undone and read, and the finding
// points at the original bytes. Of base64 the finding is the whole. What is hidden in
// UTF-16, base64, quoted-printable or a string that holds JSON is read as a segment of
// its own, two deep at most.
//
// It guarantees that the result depends on the segment alone; that findings lie
// within it, in order; that time grows linearly with its length, whatever is in
// it, and memory no further; that bytes in which nothing is found allocate
// nothing; and that a value which is blanked by "*", 0, null or "" is none.
//
// It does not find names or addresses in free text, where nothing says what they
// are, unless they are customers' that it was given fingerprints of; it does not undo what is hidden three deep, nor compression; and it does not check JSON any
// further than it has to follow it: whoever cuts a body into segments does. A
// segment that it cannot follow is an error, and is to be withheld.
package inspect

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/fingerprint"
	"github.com/getweir/weir/internal/jsonlex"
	"github.com/getweir/weir/internal/tokenform"
)

// ErrMalformed is given for a segment that is not written in its syntax.
var ErrMalformed = errors.New("segment does not follow its syntax")

// Config says what counts.
type Config struct {
	// Countries are the ISO 3166-1 alpha-2 codes of those whose national phone
	// numbers and numbers of persons count without a key or a word that says so.
	// nil means the layouts of phones that are unmistakable in US GB DE FR ES IT NL
	// BR IN JP AU CA MX PL SE, and of numbers of persons those alone that little
	// else looks like.
	Countries []string
	// Min is the least confidence that is reported. The zero value means
	// LikelyMatch; to have everything, set Unsure.
	Min weir.Confidence
	// Unsure reports everything, whatever Min says.
	Unsure bool
	// Detectors are the user's own, beside those that are built in.
	Detectors []Detector
	// Customers are the company's own, whose names and streets are then found in
	// running text as well; nil: none are known.
	Customers *fingerprint.Live
}

// An Inspector finds personal data. It does not change, and is safe for
// concurrent use.
type Inspector struct {
	countries countries
	chosen    ruleSet // the rules of the countries that were named
	regions   []uint8 // the places of these in regions
	close     bool    // every number is looked at closely: something was chosen, or all is reported
	least     weir.Confidence
	own       []*own
	customers *fingerprint.Live
	walks     sync.Pool // of *walk: scratch, which carries no result over
}

// New makes an Inspector. It fails for a country that is not known, and with a
// *DetectorError for a detector that does not hold; it runs no cases.
func New(c Config) (*Inspector, error) {
	in := &Inspector{least: c.Min, customers: c.Customers}
	if c.Min == weir.Unsure {
		in.least = weir.LikelyMatch
	}
	if c.Unsure {
		in.least = weir.Unsure
	}
	if c.Countries == nil {
		in.countries = 1<<len(countryNames) - 1
	}
	for _, name := range c.Countries {
		if len(name) != 2 || !isCountry(name[0], name[1]) {
			return nil, fmt.Errorf("inspect: %q is no country's code (ISO 3166-1 alpha-2, in capitals)", name)
		}
		if i := slices.Index(countryNames[:], name); i >= 0 {
			in.countries |= 1 << i
		}
		if i := regionOf(name); i >= 0 {
			in.regions = append(in.regions, uint8(i))
		}
		for i, r := range rules {
			if r.country == name {
				in.chosen |= 1 << i
			}
		}
	}
	in.close = in.chosen != 0 || len(in.regions) > 0 || in.least == weir.Unsure
	for _, d := range c.Detectors {
		o, err := d.compile()
		if err != nil {
			return nil, err
		}
		in.own = append(in.own, o)
	}
	in.walks.New = func() any { return &walk{in: in, keys: newMeanings(4096), said: newMeanings(1024)} }
	return in, nil
}

// SubjectState says what became of the search for the subject.
type SubjectState uint8

const (
	Absent    SubjectState = iota // nothing at the path, or null
	Found                         // one string or number
	Duplicate                     // a key of the path occurs twice in its object: readers differ in which they take
	NotScalar                     // something else than a string or a number
)

var stateNames = [...]string{"absent", "found", "duplicate", "not-scalar"}

func (s SubjectState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// A Report is what Inspect found. It may be used again for the next segment, and
// then keeps its memory. The zero Report is ready.
type Report struct {
	// Findings are in order of Start; of those that start together, the longest
	// comes first. They nest or stand apart: none overlaps another partly.
	Findings []weir.Finding
	// Subject is the value at the path that was wanted: a string without its
	// escapes, a number as written. It is valid until the Report is used again.
	Subject      []byte
	SubjectState SubjectState
	// Unread is how many bytes could not be read for personal data.
	Unread int
}

// Inspect finds the personal data in seg and replaces what r holds. subject is
// the path of the subject's identifier within the record: keys of JSON objects,
// from the record's own down; or the name of one CSV column; nil where none is
// wanted. An error is, or wraps, ErrMalformed: the segment is to be withheld, and
// r says nothing. seg is not changed and not kept.
func (in *Inspector) Inspect(r *Report, seg *weir.Segment, subject []string) error {
	r.Findings = r.Findings[:0]
	r.Subject = r.Subject[:0]
	r.SubjectState = Absent
	r.Unread = 0
	if len(seg.Body) > math.MaxInt32 || len(subject) > jsonlex.MaxDepth {
		r.Unread = len(seg.Body)
		return ErrMalformed
	}
	w := in.walks.Get().(*walk)
	err := w.inspect(r, seg, subject)
	in.walks.Put(w)
	if err != nil {
		r.Findings = r.Findings[:0]
		r.SubjectState = Absent
	}
	return err
}

func (w *walk) inspect(r *Report, seg *weir.Segment, subject []string) (err error) {
	w.start(r, seg)
	switch seg.Syntax {
	case weir.JSON:
		if !seg.Record {
			subject = nil
		}
		err = w.json(seg.Body, seg.Path, !seg.Record, subject)
	case weir.CSV:
		err = w.csv(seg.Body, seg.Columns, subject)
	case weir.HTML:
		w.html(seg.Body)
	case weir.Header:
		if m := w.headerMeaning(seg.Name); m != mText {
			w.single = true
			w.value(m, seg.Body, 0, len(seg.Body))
			w.resolve(&w.frames[0])
		} else {
			w.pairs(seg.Body)
		}
	default:
		if little, ok := wideOrder(seg.Body); ok {
			r.Unread += w.scanWide(seg.Body, little)
			break
		}
		w.pairs(seg.Body)
	}
	if len(w.in.own) > 0 && err == nil && !w.own(seg) {
		err = ErrMalformed
	}
	if w.in.customers != nil && err == nil && !w.customers(seg) {
		err = ErrMalformed
	}
	w.r = nil
	w.release()
	r.Findings = withoutTokens(seg.Body, r.Findings)
	sortFindings(r.Findings)
	return err
}

// withoutTokens leaves out what lies within one of the vault's tokens: under a key
// that says what the value was, its token would be taken for one.
func withoutTokens(body []byte, findings []weir.Finding) []weir.Finding {
	return slices.DeleteFunc(findings, func(f weir.Finding) bool { return tokenform.Covers(body, f.Start, f.End) })
}

// sortFindings puts findings in order; those that are equal stay as they are. Nearly
// all stand right: a value that waited for its object, and the object itself, come
// some places too late. They are moved one by one, as long as that is not far.
func sortFindings(f []weir.Finding) {
	left := 32 * len(f)
	for i := 1; i < len(f); i++ {
		k := i
		for k > 0 && left > 0 && order(f[k-1], f[i]) > 0 {
			k--
			left--
		}
		if left == 0 {
			slices.SortStableFunc(f, order)
			return
		}
		if k < i {
			late := f[i]
			copy(f[k+1:i+1], f[k:i])
			f[k] = late
		}
	}
}

// order is that of a Report.
func order(a, b weir.Finding) int {
	if a.Start != b.Start {
		return a.Start - b.Start
	}
	return b.End - a.End
}

// headerMeaning gives the meaning of a header field by its name. Forwarded and Via
// and the like are read as text.
func (w *walk) headerMeaning(name string) meaning {
	switch m := w.keys.named(name); m {
	case mNone:
		return mText
	case mLine, mCity, mPostcode:
		// No other field supports it: its own name does.
		for _, of := range [...]string{"address", "billing", "shipping", "delivery", "mailing"} {
			if strings.Contains(strings.ToLower(name), of) {
				return mStreet
			}
		}
		return m
	default:
		return m
	}
}

// Package labelled invents bodies whose personal data is known to the byte: the
// answers of streaming and commerce services, their forms, headers and logs, in
// many languages, with a label on everything personal in them and a decoy beside
// it that only looks so.
//
// Each body is drawn by one generator of pseudo-random numbers (PCG) from its seed:
// a country, a kind of record, a manner of writing keys, a format, now and then a
// form that hides a value, and values with the check digits that their standards
// ask for. A body is built as a tree whose leaves know what they are, and written
// out by a writer of its format that notes where each value comes to stand.
//
// It guarantees that the same seed gives the same body; that a label covers the
// bytes of its value exactly, or says that it does not; that the generators of
// check digits share no line with the code that is measured with them; and that
// seeds divide the bodies in three parts, which differ in more than chance: the names
// of keys, the domains, the issuers, the words around a value come from lists of which
// each part has its own entries.
//
// It does not imitate traffic: how often a class, a format or a decoy occurs here
// says nothing of how often it does elsewhere. Addresses lie in example domains and
// documentation networks, cards under test issuers; numbers of persons and accounts
// are drawn evenly from what is valid, and belong to nobody by more than chance.
package labelled

import (
	"math/rand/v2"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/cut"
	"github.com/getweir/weir/internal/people"
)

// A Part is one of the three that the seeds divide the bodies into.
type Part uint64

const (
	Tuning   Part = iota // rules may be written after looking at these
	Checking             // rules are tried on these before they are kept
	HeldOut              // figures are reported on these, and nobody looks at what is missed
	numParts
)

var partNames = [...]string{"tuning", "checking", "held out"}

func (p Part) String() string { return partNames[p] }

// Seed gives the seed of the nth body of a part.
func (p Part) Seed(n int) uint64 { return uint64(numParts)*uint64(n) + uint64(p) }

// PartOf gives the part that a seed belongs to.
func PartOf(seed uint64) Part { return Part(seed % uint64(numParts)) }

// A Format is how a body is written.
type Format uint8

const (
	JSON Format = iota
	NDJSON
	SSE
	CSV
	TSV
	HTML
	Form
	Query
	Header
	Log
	Prose
	numFormats
)

var formatNames = [...]string{"json", "ndjson", "sse", "csv", "tsv", "html", "form", "query", "header", "log", "prose"}

func (f Format) String() string { return formatNames[f] }

// A Label says what is at [Start, End) of a body.
type Label struct {
	Class weir.Class
	// Also are other classes that say the same of the value.
	Also       []weir.Class
	Start, End int
	Hidden     string // how it is hidden; "": it is written plainly
	// Loose is true where the value's bytes cannot be told from those around it (in
	// base64, whose characters hold parts of two bytes): a finding that overlaps the
	// label is right.
	Loose bool
	// Key is what the value stood under, for a list of misses.
	Key string
}

// A Decoy is something at [Start, End) that is not personal, or not of the class
// that it looks like.
type Decoy struct {
	Like       weir.Class
	Kind       string
	Start, End int
	Key        string
}

// A Body is an invented body and what is in it.
type Body struct {
	Seed    uint64
	Country string // ISO 3166-1 alpha-2
	Format  Format
	Bytes   []byte
	Labels  []Label // in no order
	Decoys  []Decoy
	wide    bool // in UTF-16, which is one segment
}

// A Piece is a segment of a body and where in it that begins.
type Piece struct {
	Segment weir.Segment
	Offset  int
}

// Pieces cuts the body as the doors do.
func (b *Body) Pieces() ([]Piece, error) {
	o := cut.Options{MaxSegment: 4 << 20}
	var c *cut.Cutter
	switch b.Format {
	case JSON:
		c = cut.NewJSON(o)
	case NDJSON:
		c = cut.NewNDJSON(o)
	case SSE:
		c = cut.NewEvents(o)
	case CSV, TSV:
		c = cut.NewCSV(o)
	case HTML:
		c = cut.NewWhole(o, weir.HTML)
	case Header:
		return headers(b.Bytes), nil
	case Log, Prose:
		c = cut.NewText(o)
	default:
		c = cut.NewWhole(o, weir.Text)
	}
	if b.wide {
		return []Piece{{Segment: weir.Segment{Syntax: weir.Text, Body: b.Bytes, Record: true}}}, nil
	}
	var out []Piece
	at := 0
	for feed := b.Bytes; ; feed = nil {
		pieces, err := c.Feed(feed, true)
		if err != nil {
			return nil, err
		}
		if len(pieces) == 0 {
			return out, nil
		}
		for _, p := range pieces {
			at += len(p.Lead)
			if s := p.Segment; len(s.Body) > 0 {
				// The cutter uses its memory again.
				s.Body = b.Bytes[at : at+len(s.Body)]
				out = append(out, Piece{s, at})
				at += len(s.Body)
			}
		}
	}
}

// headers cuts the fields of a header block.
func headers(b []byte) (out []Piece) {
	for i := 0; i < len(b); {
		colon, end := i, i
		for b[end] != '\r' {
			if colon == i && b[end] == ':' {
				colon = end
			}
			end++
		}
		v := colon + 2
		out = append(out, Piece{weir.Segment{Syntax: weir.Header, Name: string(b[i:colon]), Body: b[v:end], Record: true}, v})
		i = end + 2
	}
	return out
}

// A maker draws one body.
type maker struct {
	*rand.Rand
	part    Part
	land    *land
	cat     *people.Catalogue
	local   bool // keys in the country's language
	style   style
	now     int64 // seconds since 1970
	trees   bool  // the format has objects
	oneLine bool  // the format has no room for line breaks in a value
}

// New draws the body of a seed.
func New(seed uint64) *Body {
	m := newMaker(seed)
	b := &Body{Seed: seed, Country: m.land.code, Format: m.format()}
	w := &writer{maker: m, body: b, hide: m.hiding(b.Format)}
	switch b.Format {
	case Prose:
		w.prose(m.sentences())
	case Log:
		w.log(m.records(b.Format))
	default:
		w.write(m.records(b.Format))
	}
	b.Bytes = w.out
	if w.hide == utf16Hidden {
		w.widen()
	}
	return b
}

func newMaker(seed uint64) *maker {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x6c6162656c)), part: PartOf(seed)}
	m.land = &lands[m.IntN(len(lands))]
	m.cat = catalogue
	m.local = m.chance(0.35)
	m.style = style(m.IntN(int(numStyles)))
	m.now = 1767225600 + m.Int64N(300*24*3600)
	return m
}

// catalogue is what the invented services offer.
var catalogue = &people.New(20261122, 0).Catalogue

func (m *maker) chance(p float64) bool { return m.Float64() < p }

// format draws a format: JSON is the commonest by far among HTTP bodies.
func (m *maker) format() Format {
	if m.chance(0.4) {
		return JSON
	}
	return Format(1 + m.IntN(int(numFormats)-1))
}

func pick[T any](m *maker, of []T) T { return of[m.IntN(len(of))] }

// own draws from what of a list belongs to the body's part. Common is how many at the
// front belong to all. Of the others, those at even places are Tuning's and those at
// odd places Checking's; HeldOut has lists of its own.
func own(m *maker, common int, of []string) string {
	if m.part == HeldOut {
		if others := heldOutLists[of[0]]; others != "" {
			return pick(m, append(of[:common:common], parts(others)...))
		}
		return pick(m, of)
	}
	return ownOf(m, common, of)
}

// ownOf is own for what is not told by a name: HeldOut draws from all of the list.
func ownOf[T any](m *maker, common int, of []T) T {
	if m.part == HeldOut {
		return pick(m, of)
	}
	n := (len(of) - common + 1 - int(m.part)) / 2
	i := m.IntN(common + n)
	if i < common {
		return of[i]
	}
	return of[common+2*(i-common)+int(m.part)]
}

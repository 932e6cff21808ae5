package policy

import (
	"regexp"
	"slices"

	"github.com/getweir/weir"
)

// A Detector finds a class of personal data that only the author of the policy
// knows, such as the numbers of a loyalty card. The policy states it; whoever
// inspects compiles it, and weir policy check runs its examples.
type Detector struct {
	// Class that it finds.
	Class weir.Class
	// Pattern is a regular expression in the syntax of RE2.
	Pattern string
	// Literal is a text that stands in every match, so that what does not hold it
	// is passed over at full speed.
	Literal string
	// Checksum names the arithmetic that the digits of a match must satisfy; "":
	// none.
	Checksum string
	// Words are those of which one in the key of a match, or shortly before it,
	// supports it; elsewhere its confidence is one step lower. None: it needs none.
	Words []string
	// Confidence of a match.
	Confidence weir.Confidence
	// Match and NoMatch are texts in which it must find something, and must not.
	Match, NoMatch []Example

	at     at // of the block
	fields map[string]at
}

// An Example is a text that shows what a detector does.
type Example struct {
	Text string
	at   at
}

// Bounds on what a policy may add to the work of every segment.
const (
	maxDetectors = 100
	maxPattern   = 1000 // bytes
	maxExamples  = 100  // of each kind
	maxExample   = 10_000
)

// Detectors gives the policy's own detectors in the order of the file.
func (p *Policy) Detectors() []Detector { return slices.Clone(p.detectors) }

// Mistake says that something is wrong with a detector, at the place of one of
// its keys; of its class, where the key is not given. It is for those who compile
// what the policy only states.
func (p *Policy) Mistake(d *Detector, key, message string) *Error {
	where, ok := d.fields[key]
	if !ok {
		where = d.at
	}
	return p.mistake(where, message)
}

// WrongExample says that an example of a detector does not show what it should.
func (p *Policy) WrongExample(e *Example, message string) *Error { return p.mistake(e.at, message) }

// Doubt says that something about a declared class deserves a look.
func (p *Policy) Doubt(c *Class, message string) Warning {
	return Warning(*p.mistake(c.at, message))
}

// DoubtClasses says that something about the classes as a whole deserves a look.
func (p *Policy) DoubtClasses(message string) Warning { return Warning(*p.mistake(p.declare, message)) }

func (p *Policy) mistake(where at, message string) *Error {
	position, source := showAt(p.files, where)
	return &Error{position, clip(message), source}
}

func (c *compiler) readDetectors(n *node) {
	if n == nil {
		return
	}
	if n.kind != sequence {
		c.errorf(n.at, "here stands a list of detectors, each beginning with - class:, not %s", nodeKindNames[n.kind])
		return
	}
	for i, item := range n.items {
		if i == maxDetectors {
			c.errorf(item.at, "more than %d of them", maxDetectors)
			return
		}
		if d, ok := c.readDetector(item); ok {
			c.detectors = append(c.detectors, d)
		}
	}
}

func (c *compiler) readDetector(n *node) (d Detector, ok bool) {
	fields, ok := c.fields(n, inDetector)
	if !ok {
		return d, false
	}
	d.at, d.fields = n.at, make(map[string]at, len(fields))
	for name, f := range fields {
		d.fields[name] = f.value.at
	}
	text := func(key string) string {
		f, ok := c.required(n, fields, "this detector", key)
		if !ok {
			return ""
		}
		text, _ := c.text(f)
		return text
	}
	d.Class = weir.Class(text("class"))
	if d.Class != "" && !isClassName(string(d.Class)) {
		c.errorf(d.fields["class"], "class: %q is not named family.name, in lower-case letters, digits and underscores", d.Class)
	}
	d.Pattern = text("pattern")
	if len(d.Pattern) > maxPattern {
		c.errorf(d.fields["pattern"], "pattern: at most %d bytes", maxPattern)
	} else if _, err := regexp.Compile(d.Pattern); err != nil {
		c.errorf(d.fields["pattern"], "pattern: %s", err)
	}
	d.Literal = text("literal")
	if f, ok := fields["checksum"]; ok {
		d.Checksum, _ = c.text(f)
	}
	if f, ok := fields["words"]; ok {
		for _, w := range c.list(f) {
			d.Words = append(d.Words, w.text)
		}
	}
	d.Confidence = weir.LikelyMatch
	if f, ok := fields["confidence"]; ok && c.word(f, "medium", "high") == "high" {
		d.Confidence = weir.SureMatch
	}
	if f, ok := c.required(n, fields, "this detector", "cases"); ok {
		c.readExamples(&d, f)
	}
	return d, true
}

func (c *compiler) readExamples(d *Detector, p pair) {
	fields, ok := c.fields(p.value, inCases)
	if !ok {
		return
	}
	read := func(f pair) (all []Example) {
		for i, n := range c.list(f) {
			switch {
			case i == maxExamples:
				c.errorf(n.at, "%s: more than %d of them", f.key, maxExamples)
			case len(n.text) > maxExample:
				c.errorf(n.at, "%s: at most %d bytes", f.key, maxExample)
			default:
				all = append(all, Example{n.text, n.at})
			}
		}
		return all
	}
	if f, ok := c.required(p.value, fields, "cases", "match"); ok {
		if d.Match = read(f); f.value.kind == sequence && len(f.value.items) == 0 {
			c.errorf(f.value.at, "match: an empty list: what the detector never finds is not known to be found")
		}
	}
	if f, ok := fields["no-match"]; ok {
		d.NoMatch = read(f)
	}
}

package policy

import (
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// A Class is one kind of personal data that the policy declares, or a family of
// kinds.
type Class struct {
	// Name is a class, "contact.email", or a family, "identity.*", which stands
	// for every class whose name begins so.
	Name        weir.Class
	Sensitivity weir.Sensitivity
	// Purposes for which it may be processed; none: any.
	Purposes []weir.Purpose
	// About says it in words, for the privacy notice; "": not said.
	About string
	// Retention says, for the privacy notice, how long it is kept; "": not said.
	Retention string
	// Keep is Retention as whoever deletes reads it.
	Keep Retention

	at at
}

// Family reports whether c declares a family of classes.
func (c *Class) Family() bool { return isFamily(string(c.Name)) }

// A point is a class or a family that the file names, declared or in a role's
// see. What holds at a point holds for every class of which it is the nearest.
type point struct {
	pattern string
	class   int // of Policy.classes, which declares it; -1: nothing does
	within  int // the nearest family around it that is a point, or -1
}

// Classes gives the declared classes and families in the order of the file.
// Which of them a detector knows is for the caller to compare, by Class: policy
// does not know detectors.
func (p *Policy) Classes() []Class { return slices.Clone(p.classes) }

// Class gives the declaration that holds for a class: its own, else that of the
// smallest family around it. ok is false where nothing declares it, so that it is
// blocked for everybody.
func (p *Policy) Class(name weir.Class) (c Class, ok bool) {
	i := p.find(name)
	if i < 0 || p.points[i].class < 0 {
		return Class{}, false
	}
	return p.classes[p.points[i].class], true
}

// find gives the nearest point of a class: its own, else the smallest family
// around it, else -1.
func (p *Policy) find(name weir.Class) int {
	if i, ok := p.exact[name]; ok {
		return i
	}
	return p.around(name)
}

// around gives the smallest family around a class or a family, or -1.
func (p *Policy) around(name weir.Class) int {
	for dot := strings.LastIndexByte(string(name), '.'); dot > 0; dot = strings.LastIndexByte(string(name[:dot]), '.') {
		if i, ok := p.families[name[:dot]]; ok {
			return i
		}
	}
	return -1
}

// at gives the point of a class or a family itself, or -1.
func (p *Policy) at(pattern string) int {
	from, name := p.exact, pattern
	if family, ok := strings.CutSuffix(pattern, ".*"); ok {
		from, name = p.families, family
	}
	if i, ok := from[weir.Class(name)]; ok {
		return i
	}
	return -1
}

// declaring gives the class whose declaration holds for a class or a family, or
// -1. It is for the time when only the declared classes are points.
func (p *Policy) declaring(pattern string) int {
	if i := p.at(pattern); i >= 0 {
		return i
	}
	return p.around(weir.Class(strings.TrimSuffix(pattern, ".*")))
}

func (p *Policy) addPoint(pattern string) {
	if family, ok := strings.CutSuffix(pattern, ".*"); ok {
		p.families[weir.Class(family)] = len(p.points)
	} else {
		p.exact[weir.Class(pattern)] = len(p.points)
	}
	p.points = append(p.points, point{pattern: pattern, class: -1, within: -1})
}

// nest finds what is around each point, and what declares it.
func (c *compiler) nest() {
	for i := range c.points {
		c.points[i].within = c.around(weir.Class(strings.TrimSuffix(c.points[i].pattern, ".*")))
	}
	for i := range c.points {
		k := i
		for k >= len(c.classes) { // points that are not declared themselves
			k = c.points[k].within
		}
		c.points[i].class = k
	}
}

func (c *compiler) readClasses(n *node) {
	for _, p := range c.few(c.entries(n, "classes")) {
		class := Class{Name: weir.Class(p.key), at: p.at}
		switch {
		case p.key == "*":
			c.errorf(p.at, `"*": what may flow is declared by families, such as contact.*, and not all at once`)
		case !isClassName(p.key) && !isFamily(p.key):
			c.errorf(p.at, "%q: a class is named family.name, a family of them family.*, in lower-case letters, digits and underscores", p.key)
		}
		if fields, ok := c.fields(p.value, inClass); ok {
			if f, ok := fields["sensitivity"]; ok {
				switch c.word(f, "high", "moderate", "low") {
				case "moderate":
					class.Sensitivity = weir.Moderate
				case "low":
					class.Sensitivity = weir.Low
				}
			}
			if f, ok := fields["purposes"]; ok {
				class.Purposes = c.purposeList(f)
				// An empty list would mean any purpose, which nobody who writes
				// one means.
				if f.value.kind == sequence && len(f.value.items) == 0 {
					c.errorf(f.value.at, "purposes: an empty list (leave the key out for any purpose)")
				}
			}
			if f, ok := fields["about"]; ok {
				class.About, _ = c.text(f)
			}
			if f, ok := fields["retention"]; ok {
				if text, ok := c.text(f); ok {
					class.Retention = text
					var message string
					if class.Keep, message = parseRetention(text); message != "" {
						c.errorf(f.value.at, "retention: %s", message)
					}
				}
			}
		}
		c.addPoint(p.key)
		c.classes = append(c.classes, class)
	}
	for purpose := range c.allowed {
		c.allowed[purpose] = make([]bool, len(c.classes))
	}
	for i := range c.classes {
		if len(c.classes[i].Purposes) == 0 {
			for purpose := range c.allowed {
				c.allowed[purpose][i] = true
			}
		}
		for _, purpose := range c.classes[i].Purposes {
			c.allowed[purpose][i] = true
		}
	}
}

// covers reports whether a family covers a class or a smaller family.
func covers(family, name string) bool {
	return strings.HasPrefix(name, strings.TrimSuffix(family, "*"))
}

// isFamily reports whether s is "family.*", or deeper, as "identity.us.*".
func isFamily(s string) bool {
	family, ok := strings.CutSuffix(s, ".*")
	return ok && areClassParts(family) && len(s) <= maxName
}

// isClassName reports whether s is "family.name", or deeper, as
// "identity.us.ssn": lower-case letters, digits and underscores in each part,
// which begins with a letter.
func isClassName(s string) bool {
	return strings.Contains(s, ".") && areClassParts(s) && len(s) <= maxName
}

func areClassParts(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if !isClassPart(part) {
			return false
		}
	}
	return true
}

func isClassPart(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

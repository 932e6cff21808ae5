package policy

import (
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// A PublicField is something that customers publish themselves, such as a display
// name: it passes in clear and is charged to nobody.
type PublicField struct {
	Position
	// Route and Field: the place in the answers of a route, by its name; keys from
	// the root, with "[]" for each element of an array. What lies in it is public as
	// well.
	Route string
	Field []string
	// Class and Key: findings of a class, or a family, right under a key, on every
	// route.
	Class weir.Class
	Key   string
	// Text is the field in one line.
	Text string

	at at
}

// PublicProfile gives the fields that customers publish, in the order of the file.
func (p *Policy) PublicProfile() []PublicField {
	all := slices.Clone(p.public)
	for i := range all {
		all[i].Position = p.position(all[i].at)
	}
	return all
}

// HasPublic reports whether anything may be public in the answers of this
// exchange, so that it is worth finding out where a finding lies.
func (pl *Plan) HasPublic() bool {
	return len(pl.public) > 0 || pl.policy != nil && len(pl.policy.publicKeys) > 0
}

// Public reports whether customers publish themselves what lies at a path: keys
// from the root of the answer, with "[]" for each array level.
func (pl *Plan) Public(class weir.Class, path []string) bool {
	if pl.policy == nil || class.Secret() || len(path) == 0 {
		return false
	}
	for _, field := range pl.public {
		if len(path) >= len(field) && slices.Equal(path[:len(field)], field) {
			return true
		}
	}
	for i := range pl.policy.publicKeys {
		f := &pl.policy.publicKeys[i]
		if f.Key == path[len(path)-1] && (f.Class == class || isFamily(string(f.Class)) && covers(string(f.Class), string(class))) {
			return true
		}
	}
	return false
}

func (c *compiler) readPublic(n *node) {
	if n == nil {
		return
	}
	if n.kind != sequence {
		c.errorf(n.at, "here stands a list of fields, each with route and field, or with class and key, not %s", nodeKindNames[n.kind])
		return
	}
	if len(n.items) > maxDeclared {
		c.errorf(n.items[maxDeclared].at, "more than %d of them", maxDeclared)
		return
	}
	seen := map[string]at{}
	for _, item := range n.items {
		fields, ok := c.fields(item, inPublic)
		if !ok {
			continue
		}
		_, byRoute := fields["route"]
		_, byField := fields["field"]
		_, byClass := fields["class"]
		_, byKey := fields["key"]
		f := PublicField{at: item.at}
		switch {
		case byRoute && byField && !byClass && !byKey:
			ok = c.publicField(&f, fields)
		case byClass && byKey && !byRoute && !byField:
			ok = c.publicKey(&f, fields)
		default:
			c.errorf(item.at, "a public field is a route and a field of its answers, or a class and a key")
			continue
		}
		if !ok {
			continue
		}
		if before, twice := seen[f.Text]; twice {
			c.errorf(item.at, "%s stands on %s already", f.Text, c.lineFrom(item.at, before))
			continue
		}
		seen[f.Text] = item.at
		c.public = append(c.public, f)
	}
}

func (c *compiler) publicField(f *PublicField, fields map[string]pair) bool {
	name, ok := c.text(fields["route"])
	if !ok {
		return false
	}
	i := slices.IndexFunc(c.routes, func(r *route) bool { return r.name == name || r.text == name })
	if i < 0 {
		var names []string
		for _, r := range c.routes {
			names = append(names, r.name)
		}
		c.errorf(fields["route"].value.at, "route: no route is named %s%s", name, c.hint(name, names))
		return false
	}
	text, ok := c.text(fields["field"])
	if !ok {
		return false
	}
	if text[0] != '$' {
		c.errorf(fields["field"].value.at, "field: a place in the answer as $.profile.display_name or $.items[*].nickname")
		return false
	}
	array, path, err := parseJSONPath(text)
	if err != nil {
		c.errorf(fields["field"].value.at, "field: %s", err)
		return false
	}
	if array != nil {
		path = append(append(slices.Clone(array), "[]"), path...)
	}
	r := c.routes[i]
	f.Route, f.Field, f.Text = r.name, path, text+" of "+r.name
	r.public = append(r.public, path)
	if r.subject.From == URL || r.subject.From == Body && r.subject.Array == nil {
		c.warnf(f.at, "the answers of %s are about one customer, who is counted all the same: only what says nothing of whose it is passes uncounted", r.name)
	}
	return true
}

func (c *compiler) publicKey(f *PublicField, fields map[string]pair) bool {
	class, ok := c.text(fields["class"])
	key, ok2 := c.text(fields["key"])
	if !ok || !ok2 {
		return false
	}
	where := fields["class"]
	where.key = class
	declared, known := c.declared(class)
	switch {
	case class == "*" || !isFamily(class) && !isClassName(class):
		c.errorf(where.value.at, "class: a class as person.nickname, or a family as person.*")
		return false
	case weir.Class(class).Secret() || class == "credential.*":
		c.errorf(where.value.at, "class: credentials are nobody's profile")
		return false
	case !known:
		where.at = where.value.at
		if c.checkSight(where); !isFamily(class) || len(c.errors) > 0 {
			return false
		}
		// A family of which classes are declared, and it is not itself.
	}
	f.Class, f.Key, f.Text = weir.Class(class), key, class+" under the key "+key
	if !known || declared.Sensitivity == weir.High {
		c.warnf(f.at, "%s is of high sensitivity, and passes in clear to everybody under the key %s", class, key)
	}
	c.publicKeys = append(c.publicKeys, *f)
	return true
}

// publics compares what customers publish.
func (d *differ) publics() {
	has := func(p *Policy, text string) bool {
		return slices.ContainsFunc(p.public, func(f PublicField) bool { return f.Text == text })
	}
	for _, f := range d.to.public {
		if !has(d.from, f.Text) {
			d.say("public profile", f.at, true, "%s passes in clear to everybody and is charged to nobody", f.Text)
		}
	}
	for _, f := range d.from.public {
		if !has(d.to, f.Text) {
			d.gone("public profile", f.at, false, "%s is no longer public", f.Text)
		}
	}
}

// A Combination is a set of classes that are as good as clear when all of them
// leave together about a customer, even if each is masked.
type Combination struct {
	Position
	Name    string
	Classes []weir.Class // or families

	at   at
	mask uint64 // a bit for each of Classes: see Policy.parts
}

// maxParts is how many classes all combinations together may name: a bit each.
const maxParts = 64

// Combinations gives the combinations in the order of the file.
func (p *Policy) Combinations() []Combination {
	all := slices.Clone(p.combinations)
	for i := range all {
		all[i].Position = p.position(all[i].at)
	}
	return all
}

// Combines reports whether the policy has combinations at all.
func (pl *Plan) Combines() bool { return pl.policy != nil && len(pl.policy.combinations) > 0 }

// Parts gives the classes of combinations that a class stands for, a bit each.
func (pl *Plan) Parts(class weir.Class) uint64 {
	if pl.policy == nil {
		return 0
	}
	if i := pl.policy.find(class); i >= 0 && i < len(pl.policy.parts) {
		return pl.policy.parts[i]
	}
	return 0
}

// Complete gives the lanes in which somebody is counted of whom these parts leave:
// none, or as if one of the classes of a complete combination had left in clear.
func (pl *Plan) Complete(parts uint64) (lanes weir.Lanes) {
	if pl.policy == nil {
		return 0
	}
	for i := range pl.policy.combinations {
		c := &pl.policy.combinations[i]
		if parts&c.mask != c.mask {
			continue
		}
		lanes = lanes.With(weir.Clear)
		for _, class := range c.Classes {
			if d, ok := pl.policy.declared(string(class)); !ok || d.Sensitivity == weir.High {
				lanes = lanes.With(weir.Sensitive)
			}
		}
	}
	return lanes
}

func (c *compiler) readCombinations(n *node) {
	bits := 0
	for _, p := range c.few(c.entries(n, "combinations")) {
		combination := Combination{Name: p.key, at: p.at}
		for _, item := range c.list(p) {
			pattern := item.text
			switch {
			case !isFamily(pattern) && !isClassName(pattern):
				c.errorf(item.at, "%q: a class as contact.postcode, or a family as contact.*", pattern)
				continue
			case isFamily(pattern):
				c.checkSight(pair{at: item.at, key: pattern})
			case c.declaring(pattern) < 0:
				c.checkSight(pair{at: item.at, key: pattern})
				continue
			}
			if bits == maxParts {
				c.errorf(item.at, "the combinations name more than %d classes together", maxParts)
				return
			}
			combination.Classes = append(combination.Classes, weir.Class(pattern))
			combination.mask |= 1 << bits
			c.partOf = append(c.partOf, pattern)
			bits++
		}
		if p.value.kind == sequence && len(p.value.items) < 2 {
			c.errorf(p.value.at, "%s: a combination is of two classes at least", p.key)
		}
		c.combinations = append(c.combinations, combination)
	}
}

// combine makes of the classes of combinations what Plan.Parts looks up. Each of
// them is a point, so that every class that it covers has a point within it.
func (c *compiler) combine() {
	if len(c.partOf) == 0 {
		return
	}
	c.parts = make([]uint64, len(c.points))
	for i := range c.points {
		for bit, pattern := range c.partOf {
			name := c.points[i].pattern
			if pattern == name || isFamily(pattern) && covers(pattern, name) {
				c.parts[i] |= 1 << bit
			}
		}
	}
}

// doubtCombination finds roles for which a combination shuts the door.
func (c *compiler) doubtCombination(r *role, combination *Combination) {
	for _, t := range r.tables {
		all := true
		for _, class := range combination.Classes {
			i := c.nearest(string(class))
			all = all && i >= 0 && t[i] != weir.Block
		}
		if all && r.take[weir.Clear] == (weir.Budget{}) && !r.own {
			c.warnf(combination.at, "role %s sees all of %s and takes no customer in clear: every record that holds all of it is refused", r.name, combination.Name)
			return
		}
	}
}

// mixtures compares combinations.
func (d *differ) mixtures() {
	words := func(c *Combination) string {
		all := make([]string, len(c.Classes))
		for i, class := range c.Classes {
			all[i] = string(class)
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}
	has := func(p *Policy, text string) bool {
		return slices.ContainsFunc(p.combinations, func(c Combination) bool { return words(&c) == text })
	}
	for i := range d.to.combinations {
		if c := &d.to.combinations[i]; !has(d.from, words(c)) {
			d.say("combination "+c.Name, c.at, false, "counts as clear now: %s", words(c))
		}
	}
	for i := range d.from.combinations {
		if c := &d.from.combinations[i]; !has(d.to, words(c)) {
			d.gone("combination "+c.Name, c.at, true, "no longer counts as clear: %s", words(c))
		}
	}
}

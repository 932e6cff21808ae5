package learn

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Words of keys and of paths that speak of the people whom a policy protects, and of
// things that have identifiers, too.
var (
	peopleWords = []string{"customer", "user", "account", "member", "subscriber", "profile", "client", "consumer", "buyer", "shopper", "person", "people", "guest", "patient", "viewer", "contact", "owner"}
	thingWords  = []string{"order", "device", "session", "product", "title", "sku", "item", "cart", "payment", "card", "tracking", "message", "request", "trace", "event", "region", "country", "currency", "category", "plan", "page", "video", "movie", "episode", "invoice", "ticket", "transaction", "shipment", "address", "review", "image", "tenant", "store", "campaign", "channel"}
)

// wordsOf cuts a key into its words, in lower case: customerId, customer_id.
func wordsOf(key string) (all []string) {
	start := 0
	flush := func(end int) {
		if end > start {
			all = append(all, strings.ToLower(key[start:end]))
		}
		start = end
	}
	for i := range len(key) {
		c := key[i]
		switch {
		case c == '_' || c == '-' || c == '.' || c == ' ':
			flush(i)
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > start && (key[i-1] < 'A' || key[i-1] > 'Z'):
			flush(i)
		}
	}
	flush(len(key))
	return all
}

func among(words []string, of []string) bool {
	for _, w := range words {
		if slices.Contains(of, w) || slices.Contains(of, singular(w)) {
			return true
		}
	}
	return false
}

// identifies tells whether a key may name an identifier.
func identifies(key string) bool {
	words := wordsOf(key)
	if len(words) == 0 {
		return false
	}
	switch last := words[len(words)-1]; last {
	case "id", "uuid", "guid", "sub", "uid", "userid", "customerid", "accountid", "memberid":
		return true
	case "number", "no", "key", "ref", "reference", "code":
		return among(words[:len(words)-1], peopleWords)
	}
	return len(words) == 1 && slices.Contains(peopleWords, words[0])
}

// speaks grades what the keys of a candidate say: more than 0 of people, less of
// things.
func (c *candidate) speaks() int {
	last := wordsOf(c.keys[len(c.keys)-1])
	about := slices.Clone(last)
	for _, k := range c.keys[:len(c.keys)-1] {
		about = append(about, wordsOf(k)...)
	}
	switch {
	case among(last, peopleWords) && !among(last, thingWords), slices.Contains(last, "userid"), slices.Contains(last, "customerid"):
		return 10
	case among(last, thingWords):
		return -6
	case len(c.keys) > 1 && among(wordsOf(c.keys[len(c.keys)-2]), peopleWords):
		return 10
	case among(about, thingWords):
		return -6
	}
	return 0
}

// whole tells whether nearly every record has the value, and that they are many.
func (c *candidate) whole() bool { return c.seen > 0 && c.seen*100 >= c.records*95 }

// A Declared is the place that names a route's customers, as the policy has it.
type Declared struct {
	Text string // "customer {id}", or "customer $.data.items[*].id"
	// Why says, in words, what speaks for it.
	Why string
	// sure is how much does.
	sure int
}

// customers gathers the sums of values that are customers' identifiers as far as can be
// told without looking at other routes.
func (l *Learner) customers(all []*Route) map[uint64]struct{} {
	set := map[uint64]struct{}{}
	add := func(s sums) {
		if len(set) < maxValues {
			maps.Copy(set, s)
		}
	}
	for _, r := range all {
		if r.stats.personal == 0 {
			continue
		}
		for _, c := range r.stats.candidates {
			if c.within == 0 || !c.whole() {
				continue
			}
			switch s := c.speaks(); {
			case s >= 10:
				add(c.sums)
			case s == 0 && len(c.keys) == 1 && l.named(r, c):
				add(c.sums)
			}
		}
		for _, v := range r.vars {
			if v.people && v.index < len(r.stats.vars) {
				add(*r.stats.vars[v.index])
			}
		}
	}
	return set
}

// named tells whether the records of a candidate have a name or a contact of their
// own, beside it.
func (l *Learner) named(r *Route, c *candidate) bool {
	prefix := "$"
	if c.array {
		prefix = scopeText(c)
	}
	for place, classes := range r.stats.fields {
		rest, in := strings.CutPrefix(place, prefix)
		if !in || strings.Count(rest, ".")+strings.Count(rest, "['") > 1 || strings.Contains(rest, "[*]") {
			continue
		}
		for class := range classes {
			switch class {
			case "person.name", "contact.email", "contact.phone", "person.birth_date":
				return true
			}
		}
	}
	return false
}

// declare picks the place that names a route's customers; nil: none does.
func (l *Learner) declare(r *Route, customers map[uint64]struct{}) *Declared {
	if r.stats.personal == 0 {
		return nil
	}
	var best *Declared
	better := func(d *Declared) {
		if best == nil || d.sure > best.sure || d.sure == best.sure && d.Text < best.Text {
			best = d
		}
	}
	for _, place := range slices.Sorted(maps.Keys(r.stats.candidates)) {
		c := r.stats.candidates[place]
		if c.within == 0 || !c.whole() || slices.Contains(c.keys, "{id}") || slices.Contains(c.scope, "{id}") {
			continue
		}
		d := &Declared{Text: "customer " + place, sure: c.speaks()}
		var why []string
		if d.sure > 0 {
			why = append(why, "its name")
		}
		known := c.sums.shared(customers)
		if known >= 0.5 {
			d.sure += 8
			why = append(why, "the same values name customers on other routes")
		}
		if len(c.keys) == 1 && d.sure >= 0 && l.named(r, c) {
			d.sure += 4
			why = append(why, "it stands beside names and contacts")
		}
		if c.matches == c.answers && c.answers > 0 && d.sure > 0 {
			d.sure += 3
			why = append(why, "the same value stands in the address")
		}
		// An answer with many records of one customer is cut into records all the
		// same; one that is not at an array holds one record.
		if !c.array && l.arraysInside(r) && d.sure > 0 {
			d.sure--
		}
		d.Why = strings.Join(why, "; ")
		if d.sure >= 5 {
			better(d)
		}
	}
	// The address: one answer is about one customer.
	for i := len(r.vars) - 1; i >= 0; i-- {
		v := r.vars[i]
		if v.index >= len(r.stats.vars) {
			continue
		}
		d := &Declared{Text: "customer {" + v.name + "}"}
		var why []string
		if v.people {
			d.sure += 8
			why = append(why, "the word before it")
		}
		if len(customers) > 0 && r.stats.vars[v.index].shared(customers) >= 0.5 {
			d.sure += 8
			why = append(why, "the same values name customers in answers")
		}
		d.Why = strings.Join(why, "; ")
		if d.sure < 8 {
			continue
		}
		// Where the records name others than the address does, they are not its.
		if best != nil && strings.Contains(best.Text, "[*]") && !l.same(r, best.Text) && d.sure < 16 {
			continue
		}
		d.sure += 10
		better(d)
	}
	return best
}

// arraysInside tells whether something personal stands in an array.
func (l *Learner) arraysInside(r *Route) bool {
	for place := range r.stats.fields {
		if strings.Contains(place, "[*]") {
			return true
		}
	}
	return false
}

// same tells whether a place always names whom the address names.
func (l *Learner) same(r *Route, text string) bool {
	c := r.stats.candidates[strings.TrimPrefix(text, "customer ")]
	return c != nil && c.matches == c.answers && c.distinct == c.answers
}

// byUse sorts routes: the most used first.
func byUse(a, b *Route) int {
	return cmp.Or(cmp.Compare(b.Exchanges, a.Exchanges), cmp.Compare(a.Text(), b.Text()))
}

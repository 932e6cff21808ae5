package policy

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// Parse reads a policy that is one file. The name of the file is for messages
// only. The error, where there is one, is an *Errors: every mistake that could be
// found, with its place. It panics on no input.
func Parse(file string, src []byte) (*Policy, error) { return ParseFiles(file, src, nil) }

// ParseFiles is Parse of a policy that may include other files, which read gives.
func ParseFiles(file string, src []byte, read Reader) (*Policy, error) {
	c := &compiler{
		Policy: &Policy{
			exact:    make(map[weir.Class]int),
			families: make(map[weir.Class]int),
			roles:    make(map[string]*role),
			issuers:  make(map[string]*weir.Budgets),
			networks: make(map[string]*weir.Budgets),
			hosts:    make(map[string]int),
		},
		allowed: make(map[weir.Purpose][]bool),
		tables:  make(map[string]table),
		zones:   make(map[string]*time.Location),
		tickets: make(map[string]*regexp.Regexp),
	}
	if root := c.gather(file, src, read); root != nil {
		c.compile(root)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	c.doubts()
	slices.SortStableFunc(c.mistakes.warnings, func(a, b Warning) int { return c.compare(a.Position, b.Position) })
	c.Policy.warnings = c.mistakes.warnings
	c.Policy.files = c.mistakes.files
	c.digest = digestOf(c.sources)
	c.version = versionOf(c.digest)
	slices.SortStableFunc(c.takes, func(a, b namedTake) int { return cmp.Or(a.file-b.file, a.line-b.line) })
	return c.Policy, nil
}

// compiler makes a policy of a tree. It goes on after a mistake, with the
// narrowest meaning in its place, to find the others.
type compiler struct {
	mistakes
	*Policy
	// allowed says for each declared purpose which classes, by index, may be
	// processed for it.
	allowed map[weir.Purpose][]bool
	tables  map[string]table          // equal tables are kept once
	zones   map[string]*time.Location // loaded
	tickets map[string]*regexp.Regexp // compiled
}

func (c *compiler) compile(root *node) {
	fields, ok := c.fields(root, inFile)
	if !ok {
		return
	}
	if f, ok := c.required(root, fields, inFile, "version"); ok {
		if f.value.kind != scalar || f.value.text != "1" {
			c.errorf(f.value.at, "the version of the language is 1")
		}
	}
	// Classes name purposes and roles name both, so the order here is not free.
	c.readPurposes(fields["purposes"].value)
	c.readClasses(fields["classes"].value)
	c.declare = fields["classes"].at
	if f, ok := c.required(root, fields, inFile, "deployment"); ok {
		t := c.taker("the deployment", f.value, inDeployment)
		c.deployment, c.deploymentTerms = t.budgets, t.terms
	}
	if c.deployment == nil {
		c.deployment = new(weir.Budgets)
	}
	c.other, c.otherTerms = c.deployment, nil // the deployment's own are looked at there
	for _, f := range c.entries(fields["issuers"].value, "issuers") {
		t := c.taker("issuer "+f.key, f.value, inIssuer)
		c.issuers[f.key] = t.budgets
		if t.terms != nil {
			c.issuerTerms = with(c.issuerTerms, f.key, t.terms)
		}
	}
	for _, f := range c.entries(fields["networks"].value, "networks") {
		t := c.taker("network "+f.key, f.value, inNetwork)
		if f.key == "other" {
			c.other, c.otherTerms = t.budgets, t.terms
			continue
		}
		c.networks[f.key] = t.budgets
		if t.terms != nil {
			c.networkTerms = with(c.networkTerms, f.key, t.terms)
		}
	}
	for _, f := range c.entries(fields["roles"].value, "roles") {
		c.readRole(f)
	}
	for _, f := range c.few(c.entries(fields["vendors"].value, "vendors")) {
		c.readVendor(f)
	}
	c.hasTerms = c.issuerTerms != nil || c.networkTerms != nil || c.otherTerms != nil || c.deploymentTerms != nil
	c.readCombinations(fields["combinations"].value)
	c.judge()
	if f, ok := fields["mode"]; ok {
		if c.observe = c.observing(f); c.observe {
			c.warnf(f.at, "nothing is enforced where no route says otherwise: everything passes, and the exposure is unbounded")
		}
	}
	c.readRoutes(fields["routes"].value)
	if f, ok := fields["undeclared-routes"]; ok {
		c.blockUndeclared = c.word(f, "inspect", "block") == "block"
	}
	c.tree.finish()
	c.readPublic(fields["public-profile"].value)
	c.readHolds(fields["holds"].value)
	c.readWatch(fields["watch"].value)
	c.readApprovals(fields)
	c.readDetectors(fields["detectors"].value)
}

// with gives a map with one more entry.
func with(m map[string]*weir.Terms, name string, t *weir.Terms) map[string]*weir.Terms {
	if m == nil {
		m = make(map[string]*weir.Terms)
	}
	m[name] = t
	return m
}

// fields takes a block with fixed keys apart. A key that stands twice is
// reported already; the first counts.
func (c *compiler) fields(n *node, block string) (map[string]pair, bool) {
	if n == nil {
		return nil, false
	}
	known := keysIn(block)
	if n.kind != mapping {
		c.errorf(n.at, "here stand keys and values (%s), not %s", strings.Join(known, ", "), nodeKindNames[n.kind])
		return nil, false
	}
	fields := make(map[string]pair, len(n.pairs))
	for _, p := range n.pairs {
		if !slices.Contains(known, p.key) && !(block == inBudget && isThreshold(p.key)) {
			c.errorf(p.at, "unknown key %q%s", p.key, c.hint(p.key, known))
			continue
		}
		if _, twice := fields[p.key]; !twice {
			fields[p.key] = p
		}
	}
	return fields, true
}

// entries takes a block apart whose keys the author chose.
func (c *compiler) entries(n *node, what string) []pair {
	if n == nil {
		return nil
	}
	if n.kind != mapping {
		c.errorf(n.at, "here stand %s by name, each with a block, not %s", what, nodeKindNames[n.kind])
		return nil
	}
	seen := make(map[string]bool, len(n.pairs))
	all := n.pairs[:0:0]
	for _, p := range n.pairs {
		if seen[p.key] {
			continue // reported already
		}
		seen[p.key] = true
		if !isPartyName(p.key) {
			c.errorf(p.at, "%q: the names of %s have no spaces in them and at most %d bytes", p.key, what, maxName)
			continue
		}
		all = append(all, p)
	}
	return all
}

func (c *compiler) required(n *node, fields map[string]pair, block, key string) (pair, bool) {
	f, ok := fields[key]
	if !ok {
		where := block
		if where == inFile {
			where = "the policy"
		}
		c.errorf(n.at, "%s: the key %q is missing", where, key)
	}
	return f, ok
}

// text reads a single value that is not empty.
func (c *compiler) text(p pair) (string, bool) {
	if p.value.kind != scalar || strings.TrimSpace(p.value.text) == "" {
		c.errorf(p.value.at, "%s: text, not %s", p.key, kindOrEmpty(p.value))
		return "", false
	}
	return p.value.text, true
}

func kindOrEmpty(n *node) string {
	if n.kind == scalar {
		return "an empty one"
	}
	return nodeKindNames[n.kind]
}

// word reads one of the words of a closed list. It gives "" for a mistake.
func (c *compiler) word(p pair, known ...string) string {
	if p.value.kind == scalar && slices.Contains(known, p.value.text) {
		return p.value.text
	}
	if p.value.kind == scalar {
		c.errorf(p.value.at, "%s: %q is none of %s%s", p.key, p.value.text, strings.Join(known, ", "), c.hint(p.value.text, known))
	} else {
		c.errorf(p.value.at, "%s: one of %s, not %s", p.key, strings.Join(known, ", "), nodeKindNames[p.value.kind])
	}
	return ""
}

// list reads a list of texts.
func (c *compiler) list(p pair) []*node {
	if p.value.kind != sequence {
		c.errorf(p.value.at, "%s: a list as [a, b], not %s", p.key, nodeKindNames[p.value.kind])
		return nil
	}
	var all []*node
	seen := make(map[string]bool, len(p.value.items))
	for _, item := range p.value.items {
		if item.kind != scalar || item.text == "" {
			if item.kind == mapping { // YAML's reading of mon-fri 08:00-18:00 in a list
				c.errorf(item.at, "%s: text, in quotes if there is a colon in it, not %s", p.key, nodeKindNames[item.kind])
				continue
			}
			c.errorf(item.at, "%s: a single word, not %s", p.key, kindOrEmpty(item))
			continue
		}
		if seen[item.text] {
			c.errorf(item.at, "%s: %q stands here twice", p.key, item.text)
			continue
		}
		seen[item.text] = true
		all = append(all, item)
	}
	return all
}

// span reads a time: "15m", "1h30m", "2 days".
func (c *compiler) span(p pair) time.Duration {
	const longest = 366 * 24 * time.Hour
	text, ok := c.text(p)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if number, ok := cutDays(text); ok {
		var n int
		n, err = strconv.Atoi(number)
		d = time.Duration(min(n, 1000)) * 24 * time.Hour
	}
	switch {
	case err != nil:
		c.errorf(p.value.at, "%s: a time as 90s, 15m, 1h or 2 days", p.key)
	case d <= 0:
		c.errorf(p.value.at, "%s: a time longer than nothing", p.key)
	case d > longest:
		c.errorf(p.value.at, "%s: at most 366 days", p.key)
	default:
		return d
	}
	return 0
}

func cutDays(text string) (number string, ok bool) {
	for _, unit := range []string{" days", " day", "d"} {
		if number, ok = strings.CutSuffix(text, unit); ok {
			return number, true
		}
	}
	return "", false
}

func (c *compiler) readPurposes(n *node) {
	for _, p := range c.few(c.entries(n, "purposes")) {
		purpose := Purpose{Name: weir.Purpose(p.key), at: p.at}
		if !isWord(p.key) {
			c.errorf(p.at, "%q: a purpose is named with lower-case letters, digits and hyphens", p.key)
		}
		if fields, ok := c.fields(p.value, inPurpose); ok {
			if f, ok := c.required(&node{at: p.at}, fields, "purpose "+p.key, "basis"); ok {
				purpose.Basis = c.word(f, "consent", "contract", "legal-obligation", "vital-interests", "public-task", "legitimate-interests")
			}
			if f, ok := fields["about"]; ok {
				purpose.About, _ = c.text(f)
			}
		}
		c.purposes = append(c.purposes, purpose)
		c.allowed[purpose.Name] = nil
	}
}

// purposeList reads a list of declared purposes.
func (c *compiler) purposeList(p pair) (all []weir.Purpose) {
	for _, n := range c.list(p) {
		if purpose, ok := c.purpose(n); ok {
			all = append(all, purpose)
		}
	}
	return all
}

func (c *compiler) purpose(n *node) (weir.Purpose, bool) {
	if _, ok := c.allowed[weir.Purpose(n.text)]; ok {
		return weir.Purpose(n.text), true
	}
	names := make([]string, len(c.purposes))
	for i := range c.purposes {
		names[i] = string(c.purposes[i].Name)
	}
	c.errorf(n.at, "unknown purpose %q%s", n.text, c.hint(n.text, names))
	return "", false
}

// maxDeclared bounds classes, purposes, and the classes and families that only
// roles name: their product with the roles is what compiling costs.
const maxDeclared = 1000

func (c *compiler) few(entries []pair) []pair {
	if len(entries) > maxDeclared {
		c.errorf(entries[maxDeclared].at, "more than %d of them", maxDeclared)
		return entries[:maxDeclared]
	}
	return entries
}

// taker reads a block whose one key is `take`.
func (c *compiler) taker(whose string, n *node, block string) namedTake {
	none := namedTake{budgets: new(weir.Budgets)}
	fields, ok := c.fields(n, block)
	if !ok {
		return none
	}
	f, ok := c.required(n, fields, whose, "take")
	if !ok {
		return none
	}
	return c.take(whose, block, f.value)
}

func (c *compiler) readRole(p pair) {
	r := &role{name: p.key, at: p.at, take: new(weir.Budgets), together: c.deployment}
	c.roles[p.key] = r
	c.roleNames = append(c.roleNames, p.key)
	fields, ok := c.fields(p.value, inRole)
	if !ok {
		return
	}
	if f, ok := fields["purposes"]; ok {
		r.purposes = c.purposeList(f)
	}
	if f, ok := fields["own"]; ok {
		r.own = c.word(f, "true", "false") == "true"
	}
	if f, ok := fields["see"]; ok {
		r.sees = c.readSee(f.value)
	}
	if f, ok := fields["needs"]; ok {
		r.needs = c.readNeeds(p.key, f)
	}
	if f, ok := fields["take"]; ok {
		t := c.take("role "+p.key, inRole, f.value)
		r.take, r.terms = t.budgets, t.terms
		r.raise()
	}
	if f, ok := fields["together"]; ok {
		t := c.take("role "+p.key+" together", inTogether, f.value)
		r.together, r.togetherTerms = t.budgets, t.terms
	}
}

func (c *compiler) readRoutes(n *node) {
	if n == nil {
		return
	}
	if n.kind != sequence {
		c.errorf(n.at, "here stands a list of routes, each beginning with - route:, not %s", nodeKindNames[n.kind])
		return
	}
	names := make(map[string]at, len(n.items))
	for _, item := range n.items {
		c.readRoute(item, names)
	}
}

func (c *compiler) readRoute(n *node, names map[string]at) {
	fields, ok := c.fields(n, inRoute)
	if !ok {
		return
	}
	r := &route{at: n.at}
	f, ok := c.required(n, fields, "this route", "route")
	if !ok {
		return
	}
	if r.text, ok = c.text(f); !ok {
		return
	}
	r.at = f.value.at
	p, err := parsePattern(r.text)
	if err != nil {
		c.errorf(f.value.at, "%s", err)
		return
	}
	r.name = r.text
	named := f.value.at
	if f, ok := fields["name"]; ok {
		named = f.value.at
		switch name, ok := c.text(f); {
		case !ok:
		case !isPartyName(name):
			c.errorf(f.value.at, "name: a word without spaces of at most %d bytes", maxName)
		default:
			r.name = name
		}
	}
	if before, twice := names[r.name]; twice {
		c.errorf(named, "a route named %q stands on %s already", r.name, c.lineFrom(named, before))
	} else {
		names[r.name] = named
	}
	if f, ok := fields["purpose"]; ok {
		if _, ok := c.text(f); ok {
			r.purpose, _ = c.purpose(f.value)
		}
	}
	if f, ok := fields["subject"]; ok {
		c.readSubject(r, p, f)
	}
	if f, ok := fields["opaque"]; ok {
		for _, n := range c.list(f) {
			if err := checkMediaRange(n.text); err != nil {
				c.errorf(n.at, "opaque: %s", err)
				continue
			}
			r.opaque = append(r.opaque, strings.ToLower(n.text))
		}
	}
	c.readFailure(r, fields)
	r.observe = c.observe
	if f, ok := fields["mode"]; ok {
		if r.observe = c.observing(f); r.observe && !c.observe {
			c.warnf(f.at, "nothing is enforced on this route: everything passes, and the exposure is unbounded")
		}
	}
	if before := c.tree.insert(p, r); before != nil {
		c.errorf(f.value.at, "the same requests as the route on %s", c.lineFrom(f.value.at, before.at))
		return
	}
	c.routes = append(c.routes, r)
}

// readFailure reads what happens to an answer that cannot be inspected.
func (c *compiler) readFailure(r *route, fields map[string]pair) {
	records, counted := fields["records"]
	n := 0
	if counted {
		var err error
		if n, err = strconv.Atoi(records.value.text); err != nil || !records.value.plain || n < 1 || n > maxUnreadable {
			c.errorf(records.value.at, "records: the most customers that an answer of this route can hold, from 1 to %d", maxUnreadable)
			n = 0
		}
	}
	f, ok := fields["on-inspection-failure"]
	switch {
	case !ok || c.word(f, "withhold", "pass") != "pass":
		if counted && !ok {
			c.warnf(records.at, "records says nothing where on-inspection-failure: pass is not said")
		}
	case !counted:
		c.errorf(f.at, "on-inspection-failure: pass needs records: the most customers that an answer of this route can hold")
	default:
		r.unreadable = n
		c.warnf(f.at, "what cannot be inspected on this route passes, and the exposure is unbounded")
	}
}

// maxUnreadable bounds what one answer may be taken to hold: more is no answer
// that could be charged at once.
const maxUnreadable = 10_000

// observing reads a mode. What is not one is enforced.
func (c *compiler) observing(f pair) bool { return c.word(f, "enforce", "observe") == "observe" }

func (c *compiler) readSubject(r *route, p pattern, f pair) {
	text, ok := c.text(f)
	if !ok {
		return
	}
	subject, name, err := parseSubject(text)
	if err != nil {
		c.errorf(f.value.at, "subject: %s", err)
		return
	}
	r.subject, r.about = subject, text
	if subject.From != URL {
		return
	}
	var known []string
	for i, s := range p.segments {
		switch {
		case s.kind == literal:
		case s.text != name:
			known = append(known, s.text)
		case s.kind == rest:
			c.errorf(f.value.at, "subject: {%s...} may be several segments, a subject is one", name)
			return
		default:
			r.segment = i
			return
		}
	}
	c.errorf(f.value.at, "subject: the route has no variable {%s}%s", name, c.hint(name, known))
}

// The rule of id walking that holds where the policy names none.
const (
	defaultStrangers = 5
	defaultWithin    = time.Minute
)

func (c *compiler) readWatch(n *node) {
	c.watch.IDWalking = IDWalking{Strangers: defaultStrangers, Within: defaultWithin}
	fields, _ := c.fields(n, inWatch)
	if f, ok := fields["budget-spent"]; ok {
		if fields, ok := c.fields(f.value, inBudgetSpent); ok {
			if f, ok := fields["hold"]; ok {
				c.watch.BudgetSpent.Hold = c.span(f)
			}
		}
	}
	f, ok := fields["id-walking"]
	if !ok {
		return
	}
	fields, ok = c.fields(f.value, inIDWalking)
	if !ok {
		return
	}
	rule := IDWalking{}
	if s, ok := c.required(f.value, fields, f.key, "strangers"); ok {
		i, err := strconv.Atoi(s.value.text)
		if err != nil || i < 1 || i > 10_000 {
			c.errorf(s.value.at, "strangers: a number of customers from 1 to 10000")
		}
		rule.Strangers = i
	}
	if s, ok := c.required(f.value, fields, f.key, "within"); ok {
		rule.Within = c.span(s)
	}
	if s, ok := fields["hold"]; ok {
		rule.Hold = c.span(s)
	}
	c.watch.IDWalking = rule
}

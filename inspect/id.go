package inspect

import (
	"math/bits"
	"strings"

	"github.com/getweir/weir"
)

// A rule is how numbers of one kind are told from others. Numbers of persons have a
// file a country (id_us.go), with their source and cases beside them; rules lists
// them all.
type rule struct {
	class   weir.Class
	country string // ISO 3166-1 alpha-2; "": not of one country
	about   string
	source  string
	// keys are the keys, labels and words that name it: phrases as of means, and
	// patterns as of expanded, with spaces between them. Several rules may have the
	// same: then the check decides.
	keys string
	// forms are the ways it is written, with | between them: d is a digit, A a
	// capital letter, N either, anything else itself. One with ! is so unlike other
	// things that it counts without a key, a word or a chosen country.
	forms    string
	capitals bool // small letters are none of its own
	checked  bool // a valid one passes a checksum, unless its rule says otherwise
	// check tells a number from others. It is given in capitals, without separators.
	check          func(v []byte) proof
	valid, invalid []string
}

// proof is what a check makes of a number.
type proof uint8

const (
	refuted   proof = iota
	plausible       // has the published structure
	checked         // passes a checksum too
)

// Phrases that name numbers of several countries.
const (
	taxKeys      = "tax_id tax_identification_number tax_number tax_no taxid tin fiscal_number"
	nationalKeys = "national_id national_id_number national_identity_number nationalid national_identification_number national_insurance_id national_number identity_number identity_no id_number id_no person_number personal_id personal_number documento documento_de_identidad"
)

// rules are all rules, in the order in which Classes lists them. There are 64 at
// most.
var rules = [...]*rule{
	&usSSN, &usITIN, &gbNHS, &gbNINO, &iePPS, &frNIR, &deTaxID, &esDNI, &esNIE, &itCodiceFiscale, &nlBSN, &beNN, &plPESEL,
	&sePersonnummer, &dkCPR, &fiHETU, &noFodselsnummer, &ptNIF, &roCNP, &chAHV, &inAadhaar, &inPAN, &cnResidentID, &jpMyNumber,
	&krRRN, &brCPF, &brCNPJ, &mxCURP, &auTFN, &auMedicare,
	&passport, &usRouting, &gbSortCode, &bankAccount, &bic, &cvv, &imei, &advertisingID, &macAddress,
}

// maxRules is how many rules a set has room for.
const maxRules = 64

// ruleSet is a set of rules by their places in rules.
type ruleSet uint64

// Meanings that only this part of the package knows. The first two count by being
// there; of the others none is in a set, and the last stand for sets of rules.
const (
	mSecured  meaning = 61 + iota // the security code of a card
	mNational                     // a number of a person
	mBanking                      // a bank: beside one, an account is the bank's
	mGeo                          // a place in degrees
	mLatitude
	mLongitude
	mZone   // the machine-readable zone of a passport
	mExpiry // of a card, where there is one
	mExpiryMonth
	mExpiryYear
	mAccountNo // of a bank, where there is one
	mRules
	lastRules meaning = 127
)

// A layout is a way in which rules write a number: of digits in groups.
type layout struct {
	lengths uint64 // of the groups, four bits each
	seps    uint64 // what stands between them, eight bits each
	rule    uint8
	alone   bool
}

// A shape is a way in which rules write a number that has letters in it.
type shape struct {
	text  string
	rule  uint8
	alone bool
}

// A ruleTable has the rules by what is looked for.
type ruleTable struct {
	layouts [maxDigits + 1][]layout // by the number of digits
	alone   [maxDigits + 1]ruleSet  // those that write one run of so many digits and count alone
	any     [maxDigits + 1]ruleSet  // those that have so many digits, however written
	pairs   [maxGroup]uint32        // by the length of the first group, those of the second
	opens   [16][maxGroup]uint32    // the same, by the last four bits of what stands between, of what counts alone
	shapes  []shape
	forms   [len(rules)][]string
	// shortestAlone is the fewest digits that a card or what counts alone has in one run.
	shortestAlone int
	digits        [256]uint64 // those that the digits among the first eight bytes allow, and
	alnums        [256]uint64 // the letters and digits among them
	phrases       map[string]meaning
	sets          []ruleSet // by meaning, from mRules on
}

// maxPlain is how much of a number, without separators, is checked at most.
const maxPlain = 64

// maxGroup is more than any group of digits of a layout has; shortestBare the fewest
// digits that a number without groups has.
const (
	maxGroup     = 16
	shortestBare = 8
)

// maxDigits is the longest number of digits that a rule has.
const maxDigits = 19

// ruleTab does not change.
var ruleTab = newRuleTable()

func newRuleTable() *ruleTable {
	x := &ruleTable{phrases: map[string]meaning{}, shortestAlone: 13}
	byPhrase := map[string]ruleSet{}
	for i, r := range rules {
		for _, form := range strings.Split(r.forms, "|") {
			form, alone := strings.CutSuffix(form, "!")
			x.forms[i] = append(x.forms[i], form)
			x.form(uint8(i), form, alone)
		}
		for _, p := range r.phrases() {
			byPhrase[p] |= 1 << i
		}
	}
	for i, r := range rules {
		for _, p := range r.phrases() {
			if _, ok := x.phrases[p]; ok || byPhrase[p]&(1<<i) == 0 {
				continue
			}
			m := mRules
			for int(m-mRules) < len(x.sets) && x.sets[m-mRules] != byPhrase[p] {
				m++
			}
			if int(m-mRules) == len(x.sets) {
				x.sets = append(x.sets, byPhrase[p])
			}
			x.phrases[p] = m
		}
	}
	return x
}

// phrases gives what names the rule's numbers.
func (r *rule) phrases() (all []string) {
	for _, pattern := range strings.Fields(r.keys) {
		all = append(all, expanded(pattern)...)
	}
	return all
}

// form adds one way of writing.
func (x *ruleTable) form(i uint8, form string, alone bool) {
	if form == "" {
		return
	}
	if strings.ContainsAny(form, "AN") {
		x.shapes = append(x.shapes, shape{form, i, alone})
		x.begin(form, 1<<(len(x.shapes)-1))
		return
	}
	l := layout{rule: i, alone: alone}
	n, group, groups := 0, uint64(0), 0
	for k := range form {
		if form[k] == 'd' {
			n++
			group++
			continue
		}
		l.lengths |= group << (4 * groups)
		l.seps |= uint64(form[k]) << (8 * groups)
		groups++
		group = 0
	}
	if groups == 0 {
		group = 0 // one run: its length is n
	}
	l.lengths |= group << (4 * groups)
	if groups > 0 {
		x.pairs[l.lengths&15] |= 1 << (l.lengths >> 4 & 15)
		if alone {
			x.opens[l.seps&15][l.lengths&15] |= 1 << (l.lengths >> 4 & 15)
		}
	}
	x.layouts[n] = append(x.layouts[n], l)
	x.any[n] |= 1 << i
	if alone && groups == 0 {
		x.alone[n] |= 1 << i
		x.shortestAlone = min(x.shortestAlone, n)
	}
}

// begin notes for which first bytes a shape is worth a look.
func (x *ruleTable) begin(form string, bit uint64) {
	for set := range x.digits {
		digits, alnums := true, true
		for i := range min(8, len(form)) {
			is := set>>i&1 != 0
			digits = digits && (form[i] == 'N' || is == (form[i] == 'd'))
			alnums = alnums && is == (form[i] == 'd' || form[i] == 'A' || form[i] == 'N')
		}
		if digits {
			x.digits[set] |= bit
		}
		if alnums {
			x.alnums[set] |= bit
		}
	}
}

// shapesAt gives the shapes that t[a:hi] may begin with, by their place: there are 64
// at most.
func (x *ruleTable) shapesAt(t []byte, a, hi int) uint64 {
	digits, alnums := 0, 0
	for i, c := range t[a:min(a+8, hi)] {
		if digit(c) {
			digits |= 1 << i
			alnums |= 1 << i
		} else if alpha(c) {
			alnums |= 1 << i
		}
	}
	return x.digits[digits] & x.alnums[alnums]
}

// named gives the rules that a meaning names.
func named(m meaning) ruleSet {
	if m < mRules || m > lastRules {
		return 0
	}
	return ruleTab.sets[m-mRules]
}

// stands reports whether a run of digits is the number of a rule that counts alone.
func (x *ruleTable) stands(v []byte) bool {
	for s := x.alone[len(v)]; s != 0; s &= s - 1 {
		if rules[bits.TrailingZeros64(uint64(s))].check(v) != refuted {
			return true
		}
	}
	return false
}

// standsDivided reports whether the first runs divide the number of a rule that counts
// alone, written so.
func (w *walk) standsDivided(t []byte, runs []run) bool {
	x, v := ruleTab, w.plain[:0]
	lengths, seps := uint64(0), uint64(0)
	for i, r := range runs {
		if i == maxGroupsID || len(v)+r.len() > maxDigits || r.len() > 15 {
			break
		}
		v = append(v, t[r.a:r.b]...)
		lengths |= uint64(r.len()) << (4 * i)
		if i == 0 {
			continue
		}
		seps |= uint64(r.sep) << (8 * (i - 1))
		for _, l := range x.layouts[len(v)] {
			if l.alone && l.lengths == lengths && l.seps == seps && rules[l.rule].check(v) != refuted {
				return true
			}
		}
	}
	return false
}

// maxGroupsID is into how many groups a number of a rule is divided at most.
const maxGroupsID = 7

// has reports whether the set holds r.
func (s ruleSet) has(r *rule) bool {
	for ; s != 0; s &= s - 1 {
		if rules[bits.TrailingZeros64(uint64(s))] == r {
			return true
		}
	}
	return false
}

// identity looks for a number of a rule, of digits alone, that begins with the first
// run, and gives how many runs it took.
func (w *walk) identity(t []byte, lo, hi int, runs []run) int {
	x := ruleTab
	if runs[0].len() >= maxGroup {
		// No group is as long: a number by itself.
		runs = runs[:1]
	} else if len(runs) > 1 && named(w.ctx) == 0 && (runs[1].len() >= maxGroup || x.pairs[runs[0].len()]>>runs[1].len()&1 == 0) {
		// No layout begins so.
		if runs[0].len() < shortestBare {
			return 0
		}
		if runs[1].sep != ' ' {
			return 0
		}
		runs = runs[:1]
	}
	used, n := 0, 0
	for _, r := range runs {
		if used == maxGroupsID || n+r.len() > maxDigits || used > 0 && r.len() > 15 {
			break
		}
		used, n = used+1, n+r.len()
	}
	for ; used > 0; used-- {
		if x.any[n] != 0 {
			if c, i, ok := w.identified(t, lo, hi, runs, used, n); ok {
				a, b := runs[0].a, runs[used-1].b
				w.emit(rules[i].class, a, b, c.confidence, c.checked, "rule")
				w.found(mNational)
				return used
			}
		}
		n -= runs[used-1].len()
	}
	return 0
}

// weight is how much a candidate weighs.
type weight struct {
	confidence weir.Confidence
	checked    bool
}

func (c weight) over(d weight) bool {
	return c.confidence > d.confidence || c.confidence == d.confidence && c.checked && !d.checked
}

// identified gives the rule that fits the first runs, as many as used, best.
func (w *walk) identified(t []byte, lo, hi int, runs []run, used, n int) (best weight, rule uint8, ok bool) {
	x := ruleTab
	if w.ctxVetoes() {
		return best, 0, false
	}
	lengths, seps := uint64(0), uint64(0)
	if used > 1 {
		if lengths, seps, ok = divided(t, runs[:used]); !ok {
			return best, 0, false
		}
	}
	// Which rules write it so: those of the layout, and by its key any.
	var so, alone ruleSet
	for _, l := range x.layouts[n] {
		if l.lengths == lengths && l.seps == seps {
			so |= 1 << l.rule
			if l.alone {
				alone |= 1 << l.rule
			}
		}
	}
	said := named(w.ctx)
	if used == 1 || said&(said-1) == 0 {
		so |= said & x.any[n] // a key of several kinds says less: one that is divided is so as its kind is
	}
	if so == 0 {
		return best, 0, false
	}
	if said == 0 {
		if inRow(runs, used) {
			w.barred = runs[0].a
			return best, 0, false
		}
		said = named(w.nearby(t, lo, runs[0].a))
	}
	if said != 0 {
		// It is one of these, or none.
		if so &= said; so == 0 {
			return best, 0, false
		}
	}
	a, b := runs[0].a, runs[used-1].b
	if said == 0 && (w.vetoes() || so&w.in.chosen|alone == 0 && w.in.least > weir.Unsure) {
		return best, 0, false
	}
	v := w.plain[:0]
	for _, r := range runs[:used] {
		v = append(v, t[r.a:r.b]...)
	}
	ok = false
	for s := so; s != 0; s &= s - 1 {
		i := uint8(bits.TrailingZeros64(uint64(s)))
		r, one := rules[i], ruleSet(1)<<i
		p := r.check(v)
		if p == refuted {
			continue
		}
		c := weight{weir.Unsure, p == checked}
		stands := alone&one != 0 && (c.checked || !r.checked)
		switch {
		case said&one != 0, stands && w.in.chosen&one != 0:
			c.confidence = weir.SureMatch
		case stands, w.in.chosen&one != 0 && (c.checked || !r.checked && used > 1):
			c.confidence = weir.LikelyMatch
		}
		if c.confidence >= w.in.least && (!ok || c.over(best)) {
			best, rule, ok = c, i, true
		}
	}
	return best, rule, ok && w.standsAlone(t, lo, hi, a, b)
}

// bare gives the rule that a JSON number fits which counts alone.
func (x *ruleTable) bare(v []byte) (*rule, bool) {
	if len(v) < 13 || len(v) > maxDigits {
		return nil, false
	}
	for s := x.alone[len(v)]; s != 0; s &= s - 1 {
		if r := rules[bits.TrailingZeros64(uint64(s))]; r.check(v) == checked {
			return r, true
		}
	}
	return nil, false
}

// divided gives how the runs divide a number: the lengths of the groups, and what
// stands between them. There is one separator between two groups.
func divided(t []byte, runs []run) (lengths, seps uint64, ok bool) {
	for i, r := range runs {
		if i > 0 {
			if r.a-1 != runs[i-1].b {
				return 0, 0, false
			}
			seps |= uint64(t[r.a-1]) << (8 * (i - 1))
		}
		if r.len() > 15 {
			return 0, 0, false
		}
		lengths |= uint64(r.len()) << (4 * i)
	}
	return lengths, seps, true
}

// inRow reports whether the first runs, as many as used, are a part of a longer row
// of numbers.
func inRow(runs []run, used int) bool {
	before, after := runs[0].sep, byte(0)
	if used < len(runs) {
		after = runs[used].sep
	}
	if used == 1 {
		return before != 0 && before != ' ' || after != 0 && after != ' '
	}
	return before != 0 && before == runs[1].sep || after != 0 && after == runs[used-1].sep
}

// ctxVetoes reports whether the key of the value says that it is none of a rule's
// numbers; vetoes, whether the words beside it do.
func (w *walk) ctxVetoes() bool {
	switch w.ctx {
	case mPhone, mOpaque, mOrderID, mVersion, mIP, mBirth, mTitleID:
		return true
	}
	return false
}

func (w *walk) vetoes() bool {
	return w.near == mPhone || w.near == mOpaque || w.near == mVersion
}

// nearby gives what the words before the numbers that begin at t[a] say. They are
// beside all of the runs looked at together. A part of a path is named by the path.
func (w *walk) nearby(t []byte, lo, a int) meaning {
	if !w.nearKnown {
		w.near, w.nearKnown = mNone, true
		if a == lo || t[a-1] != '/' {
			w.near = w.beside(t, lo, a)
		}
	}
	return w.near
}

// maxShape is the longest that a number with letters is written; maxBack how far
// before a digit of it it may begin.
const (
	maxShape = 24
	maxBack  = 16
)

// smallMax is how many letters and digits in a row may have small letters among them:
// what is longer is a hash, unless its key says.
const smallMax = 9

// lettered looks for a number of a rule, of letters and digits, whose bytes lie
// around t[from:to], a run of letters and digits. It gives its end.
func (w *walk) lettered(t []byte, lo, hi, from, to int) (end int, ok bool) {
	if to-from > 18 || to-from > smallMax && named(w.ctx) == 0 && hasSmall(t[from:to]) {
		return 0, false
	}
	start := from
	for floor := max(lo, w.last, from-maxBack); ; {
		if end, ok = w.letteredAt(t, lo, hi, start); ok && end > from {
			return end, true
		}
		// The group before, if one separator is between.
		if start-2 < floor || !alnum(t[start-2]) || t[start-1] != ' ' && t[start-1] != '-' && t[start-1] != '.' && t[start-1] != '/' {
			return 0, false
		}
		for start -= 2; start > floor && alnum(t[start-1]); {
			start--
		}
	}
}

func hasSmall(v []byte) bool {
	for _, c := range v {
		if c-'a' < 26 {
			return true
		}
	}
	return false
}

// letteredAt looks for a number of a rule that begins at t[a].
func (w *walk) letteredAt(t []byte, lo, hi, a int) (end int, ok bool) {
	var best weight
	var rule uint8
	set := ruleTab.shapesAt(t, a, hi)
	for ; set != 0; set &= set - 1 {
		s := ruleTab.shapes[bits.TrailingZeros64(set)]
		b := a + len(s.text)
		if b > hi || b < hi && alnum(t[b]) || !fits(s.text, t[a:b]) {
			continue
		}
		v, small := compact(w.plain[:], t[a:b])
		r := rules[s.rule]
		p := r.check(v)
		if p == refuted || !w.standsAlone(t, lo, hi, a, b) {
			continue
		}
		in := func(s2 ruleSet) bool { return s2&(1<<s.rule) != 0 }
		said := named(w.ctx)
		if said == 0 {
			w.nearKnown = false
			said = named(w.nearby(t, lo, a))
			w.nearKnown = false // of another place than that of the runs
		}
		c := weight{weir.Unsure, p == checked}
		switch alone := s.alone && !small && (c.checked || !r.checked); {
		case in(said):
			c.confidence = weir.SureMatch
		case w.ctxVetoes() || w.near == mOpaque || w.near == mVersion:
		case alone && in(w.in.chosen):
			c.confidence = weir.SureMatch
		case alone, in(w.in.chosen) && !small:
			c.confidence = weir.LikelyMatch
		}
		if c.confidence >= w.in.least && (!ok || c.over(best)) {
			best, rule, end, ok = c, s.rule, b, true
		}
	}
	if ok {
		w.emit(rules[rule].class, a, end, best.confidence, best.checked, "rule")
		w.found(mNational)
	}
	return end, ok
}

// fits reports whether v is written as form says, in capitals or small letters.
func fits(form string, v []byte) bool {
	for i, c := range v {
		switch form[i] {
		case 'd':
			if !digit(c) {
				return false
			}
		case 'A':
			if !alpha(c) {
				return false
			}
		case 'N':
			if !alnum(c) {
				return false
			}
		default:
			if c != form[i] {
				return false
			}
		}
	}
	return true
}

// compact writes the letters and digits of v to buf in capitals, as far as there is
// room, and reports whether there were small letters among them.
func compact(buf, v []byte) (out []byte, small bool) {
	n := 0
	for _, c := range v {
		if !alnum(c) {
			continue
		}
		if n == len(buf) {
			break
		}
		small = small || c-'a' < 26
		buf[n] = upper(c)
		n++
	}
	return buf[:n], small
}

// byRule reports the value v, which stands at at and has its escapes undone, if it
// is what one of the rules that its key names says, and whether it is.
func (w *walk) byRule(m meaning, v []byte, at span) bool {
	if len(v) > len(w.plain) {
		return false
	}
	for _, c := range v {
		if !alnum(c) && c != ' ' && c != '-' && c != '.' && c != '/' && c != '+' && c != ':' && c != '_' {
			return false
		}
	}
	plain, small := compact(w.plain[:], v)
	set := named(m)
	best, rule := refuted, uint8(0)
	// A key of several kinds says less: a number that is divided is divided as its
	// kind is.
	divided := len(plain) < len(v) && set&(set-1) != 0
	for s := set; s != 0; s &= s - 1 {
		i := uint8(bits.TrailingZeros64(uint64(s)))
		if divided && !writes(i, v) {
			continue
		}
		if p := rules[i].check(plain); p > best && !(small && rules[i].capitals) {
			best, rule = p, i
		}
	}
	if best == refuted {
		return false
	}
	w.keyedAs(rules[rule].class, at, best == checked)
	return true
}

// writes reports whether the rule writes its numbers as v is written.
func writes(rule uint8, v []byte) bool {
	for _, form := range ruleTab.forms[rule] {
		if len(form) == len(v) && fits(form, v) {
			return true
		}
	}
	return false
}

// keyedAs reports a value of the body that its key names and a rule confirms.
func (w *walk) keyedAs(class weir.Class, at span, checked bool) {
	switch class {
	case BankAccount, BIC:
		w.found(mBanking)
	case CVV:
		w.found(mSecured)
	default:
		if strings.HasPrefix(string(class), "identity.") {
			w.found(mNational)
		}
	}
	origin := w.origin
	w.origin = nil
	w.whole(class, at.a, at.b, weir.SureMatch, checked, byKey)
	w.origin = origin
}

// isDevices reports whether m names identifiers of devices: what is none by its
// rule may be another kind of one.
func isDevices(m meaning) bool {
	set := named(m)
	return set != 0 && strings.HasPrefix(string(rules[bits.TrailingZeros64(uint64(set))].class), "device.")
}

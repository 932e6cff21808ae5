package inspect

import (
	"bytes"

	"github.com/getweir/weir"
)

// A run is a run of digits, t[a:b], and what stands between it and the run before.
type run struct {
	a, b int
	sep  byte // 0: the first; '(' or ')' where a parenthesis is among two separators
}

func (r run) len() int { return r.b - r.a }

// maxRuns is how many runs are looked at together.
const maxRuns = 16

func separator(c byte) bool {
	switch c {
	case ' ', '-', '.', '/', '(', ')':
		return true
	}
	return false
}

// gap gives the separator between a run that ends at t[i] and the next run, and
// where that begins: one separator, or two with a parenthesis among them.
func gap(t []byte, i, hi int) (sep byte, next int) {
	if i+1 >= hi || !separator(t[i]) {
		return 0, -1
	}
	if digit(t[i+1]) {
		return t[i], i + 1
	}
	if i+2 < hi && separator(t[i+1]) && digit(t[i+2]) {
		switch {
		case t[i] == ')' || t[i+1] == '(':
			return ')', i + 2
		}
	}
	return 0, -1
}

// number looks at the digits around t[p] for cards, account numbers, addresses and
// phones within t[lo:hi], and gives where to go on.
func (w *walk) number(t []byte, lo, hi, p int) int {
	if n := date(t, lo, hi, p); n > 0 {
		if !w.born(t, lo, hi, n-10, n) {
			w.last = n
		}
		return n
	}
	if n := w.dull(t, lo, hi, p); n > 0 {
		return n
	}
	w.near = mNone
	// Digits with letters around them are a part of an account number or of nothing
	// that is looked for here (a hash, a UUID).
	from, to, letters := p, p+1, false
	for ; from > lo && alnum(t[from-1]); from-- {
		letters = letters || !digit(t[from-1])
	}
	for ; to < hi && alnum(t[to]); to++ {
		letters = letters || !digit(t[to])
	}
	if end, ok := w.iban(t, lo, hi, p); ok {
		return end
	}
	if letters || capitalNear(t, lo, hi, from, to) {
		if end, ok := w.lettered(t, lo, hi, from, to); ok {
			return end
		}
		if from > lo && t[from-1] == '<' || to < hi && t[to] == '<' || to-from >= 30 && to-from <= 44 {
			if end, ok := w.zone(t, lo, hi, from, to); ok {
				return end
			}
		}
	}
	if letters {
		return to
	}
	if from-3 >= lo && t[from-1] == '.' && digit(t[from-2]) || to+1 < hi && t[to] == '.' && digit(t[to+1]) {
		if end, ok := w.place(t, lo, hi, p); ok {
			return end
		}
	}
	// Back to the first run, over a bounded stretch.
	a := p
	for floor := max(lo, w.last, p-numberReach); a > floor; {
		if digit(t[a-1]) || a-1 > floor && separator(t[a-1]) && (digit(t[a-2]) || t[a-2] == ')') {
			a--
		} else {
			break
		}
	}
	for a < p && !digit(t[a]) {
		a++
	}
	var runs [maxRuns]run
	n := 0
	sep, i := byte(0), a
	for n < maxRuns && i >= 0 {
		end := i
		for end < hi && digit(t[end]) {
			end++
		}
		if n > 0 && i > p && lettersBehind(t, end, hi) {
			break // looked at by itself
		}
		runs[n] = run{i, end, sep}
		n++
		sep, i = gap(t, end, hi)
	}
	end := runs[n-1].b
	todo := n
	if i >= 0 && n == maxRuns {
		// There are more: the last ones are looked at again with those.
		todo = n - 6
		end = runs[todo].a
	}
	group := runs[:n]
	if a > lo && t[a-1] == '*' {
		// What mask keeps of a number begins no other.
		lo = group[0].b
		if group, todo = group[1:], todo-1; len(group) > 0 {
			group[0].sep = 0
		}
	}
	w.near, w.nearKnown = mNone, false
	end = max(end, w.row(t, max(lo, w.last), hi, group, todo))
	return max(end, p+1, w.last)
}

// lettersBehind reports whether the digits that end at t[i] have letters behind them
// that can be of the same number.
func lettersBehind(t []byte, i, hi int) bool {
	return i < hi && (alpha(t[i]) || t[i] == '-' && i+1 < hi && alpha(t[i+1]) && (i+2 == hi || !alnum(t[i+2])))
}

// row looks for numbers that begin with the first of the runs, as many as todo, and
// gives the end of the last. A number that is found is no neighbour of what stands
// beside it: what comes after begins anew, and what comes before is looked at again
// without it, so that nothing more is found once it is masked.
func (w *walk) row(t []byte, lo, hi int, runs []run, todo int) (end int) {
	from := 0 // the first run that is in no number
	for k := 0; k < todo; {
		if dated(t, runs[k:]) && !wordBefore(t, lo, runs[k].a) {
			a, b := runs[k].a, runs[k+2].b
			if !w.born(t, lo, hi, a, b) {
				w.last = max(w.last, b)
			}
			if k += 3; k < len(runs) {
				runs[k].sep = 0
			}
			from, lo, end = k, b, b
			continue
		}
		used := w.runs(t, lo, hi, runs[k:])
		if used == 0 && end > 0 {
			// What is said before a number that is masked is not said of this one.
			near := w.near
			w.nearKnown = false
			if used = w.runs(t, lo, hi, runs[k:]); used == 0 {
				w.near, w.nearKnown = near, true
			}
		}
		if used == 0 {
			k++
			continue
		}
		if k > from {
			last, near, known := w.last, w.near, w.nearKnown
			w.last = lo
			if end > 0 {
				w.nearKnown = false
			}
			w.row(t, lo, runs[k].a, runs[from:k], k-from)
			w.last, w.near, w.nearKnown = last, near, known
		}
		if k += used; k < len(runs) {
			runs[k].sep = 0
		}
		from, lo, end = k, runs[k-1].b, runs[k-1].b
	}
	return end
}

// capitalNear reports whether a capital letter stands within a few bytes of the
// digits t[from:to]: it may be a part of their number.
func capitalNear(t []byte, lo, hi, from, to int) bool {
	for _, c := range t[max(lo, from-capitalReach):from] {
		if c-'A' < 26 {
			return true
		}
	}
	for _, c := range t[to:min(hi, to+capitalReach)] {
		if c-'A' < 26 {
			return true
		}
	}
	return false
}

// date gives the end of the ISO 8601 date whose day t[p] is in, 0 for none: the
// commonest numbers in groups that are none of ours.
func date(t []byte, lo, hi, p int) int {
	if p-lo < 8 || p+2 > hi || t[p-1] != '-' || t[p-4] != '-' || !digit(t[p+1]) || p+2 < hi && digit(t[p+2]) ||
		!(t[p-8] == '1' && t[p-7] == '9' || t[p-8] == '2' && t[p-7] == '0') || t[p-3] > '1' || t[p] > '3' || p-lo > 8 && wordByte(t[p-9]) {
		return 0
	}
	return p + 2
}

// dated reports whether the first runs are a date as of ISO 8601, of this century or
// the last.
func dated(t []byte, runs []run) bool {
	if len(runs) < 3 || runs[1].sep != '-' || runs[2].sep != '-' || runs[0].len() != 4 || runs[1].len() != 2 || runs[2].len() != 2 {
		return false
	}
	y := t[runs[0].a:]
	return (y[0] == '1' && y[1] == '9' || y[0] == '2' && y[1] == '0') && t[runs[1].a] <= '1' && t[runs[2].a] <= '3'
}

// runs looks for a number that begins with the first run, and gives how many runs
// it took.
func (w *walk) runs(t []byte, lo, hi int, runs []run) int {
	first := runs[0]
	if wordBefore(t, lo, first.a) || first.sep == '.' && first.len() > 3 {
		return 0
	}
	if len(runs) >= 4 && runs[1].sep == '.' {
		var next *run
		if len(runs) > 4 {
			next = &runs[4]
		}
		if first.sep != '.' && w.ipv4(t, lo, hi, runs[:4], next) {
			return 4
		}
	}
	if used := parcel(t, runs); used > 0 {
		return used
	}
	if used := w.card(t, lo, hi, runs); used > 0 {
		return used
	}
	if len(runs) >= 3 && first.len() <= 2 && runs[1].len() <= 2 && runs[2].len() == 4 && w.born(t, lo, hi, first.a, runs[2].b) {
		return 3
	}
	if used := w.identity(t, lo, hi, runs); used > 0 {
		return used
	}
	return w.national(t, lo, hi, runs)
}

// ideograph reports whether a character that begins with c is of a script that sets
// no spaces between words and numbers, or of its punctuation: U+3000 to U+D7FF, and
// U+F000 on.
func ideograph(c byte) bool { return c >= 0xe3 && c <= 0xed || c == 0xef }

// wordBefore reports whether a letter or digit stands before t[a], so that what
// begins there is a part of a word.
func wordBefore(t []byte, lo, a int) bool {
	if a == lo || !wordByte(t[a-1]) {
		return false
	}
	return t[a-1] < 0x80 || a-3 < lo || !ideograph(t[a-3])
}

// standsAlone reports whether t[a:b] stands by itself: it is not the rest of an
// identifier, a decimal, a block id, a UUID or an address.
func (w *walk) standsAlone(t []byte, lo, hi, a, b int) bool {
	if a > lo && a != w.last {
		switch c := t[a-1]; {
		case wordBefore(t, lo, a) || c == '.' || c == '%' || c == '\\':
			return false
		case c == '-' && (a-1 == lo || !separator(t[a-2]) || t[a-2] == '-'):
			// A sign, or a part joined to what is before.
			return false
		}
	}
	if b < hi {
		switch c := t[b]; {
		case wordByte(c) && !ideograph(c):
			return false
		case (c == '.' || c == '-') && b+1 < hi && wordByte(t[b+1]):
			return false
		case c == ':' && (b-a < 5 || !digits(t[b-5:b])):
			// The first group of an IPv6 address has another colon soon.
			i := b + 1
			for i < hi && i < b+5 && hex(t[i]) {
				i++
			}
			if i < hi && t[i] == ':' {
				return false
			}
		}
	}
	return true
}

// inTable reports whether the runs are groups of a longer row or table: beside them,
// over the separator that is between them, stands another group of hexadecimal digits
// about as long as they are; or they count up.
func inTable(t []byte, lo, hi int, runs []run) bool {
	a, b, sep := runs[0].a, runs[len(runs)-1].b, t[runs[1].a-1]
	group := func(from, n int) bool {
		if from < lo || from+n > hi || from > lo && alnum(t[from-1]) || from+n < hi && alnum(t[from+n]) {
			return false
		}
		for _, c := range t[from : from+n] {
			if !hex(c) {
				return false
			}
		}
		return true
	}
	first, last := runs[0].len(), runs[len(runs)-1].len()
	if a-1 >= lo && t[a-1] == sep && (group(a-1-first, first) || group(a-2-first, first+1)) || b < hi && t[b] == sep && (group(b+1, last) || group(b+1, last+1)) {
		return true
	}
	// A list counts up.
	up := 0
	for i, r := range runs[1:] {
		if r.len() <= 8 && decimal(t[r.a:r.b]) == decimal(t[runs[i].a:min(runs[i].b, runs[i].a+9)])+1 {
			up++
		}
	}
	return up >= 2
}

// cards reports whether the key of the value says that it is a card's number. "pan"
// is one of the names of that.
func (w *walk) cards() bool { return w.ctx == mCard || named(w.ctx).has(&inPAN) }

// card looks for a card number that begins with the first run.
func (w *walk) card(t []byte, lo, hi int, runs []run) int {
	if n := runs[0].len(); n < 13 && !(n == 4 && len(runs) >= 3) && !(n == 8 && len(runs) >= 2) && !w.cards() {
		return 0
	}
	var buf [19]byte
	used := 0
	digits := buf[:0]
	for _, r := range runs {
		if len(digits)+r.len() > len(buf) || used > 0 && r.sep != ' ' && r.sep != '-' && !(r.sep == '.' && (w.cards() || len(runs) > 2 && r.len() > 3 && w.nearby(t, lo, runs[0].a) == mCard)) || used > 1 && r.sep != runs[1].sep {
			break
		}
		digits = append(digits, t[r.a:r.b]...)
		used++
	}
	// The longest that fits first.
	for ; used > 0; used-- {
		a, b := runs[0].a, runs[used-1].b
		if len(digits) >= 13 && (used == 1 || cardGroups(runs[:used]) || w.cards() && used < 6) && cardNumber(digits) && w.standsAlone(t, lo, hi, a, b) {
			if used > 1 && !w.cards() && inTable(t, lo, hi, runs[:used]) {
				w.barred = a
				digits = digits[:len(digits)-runs[used-1].len()]
				continue
			}
			w.emit(Card, a, b, w.cardConfidence(t, lo, a, len(digits), used), true, "card")
			w.besideCard(t, hi, b)
			return used
		}
		digits = digits[:len(digits)-runs[used-1].len()]
	}
	return 0
}

// column reports whether other groups of four digits stand on the line near the number
// of n bytes at t[a], as in a table.
func column(t []byte, lo, a, n int) bool {
	const near = 32
	before, after := t[min(a, max(lo, a-near)):a], t[a+n:min(len(t), a+n+near)]
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	if i := bytes.IndexByte(after, '\n'); i >= 0 {
		after = after[:i]
	}
	for _, v := range [...][]byte{before, after} {
		k := 0
		for i := 0; i <= len(v); i++ {
			switch {
			case i < len(v) && digit(v[i]):
				k++
			case k == 4 && (i == len(v) || !alnum(v[i])):
				return true
			default:
				k = 0
			}
		}
	}
	return false
}

// cardConfidence weighs what the check cannot: one number in ten passes it, and
// ids of the lengths of cards abound. Groups are how cards are written; a bare
// number needs the commonest lengths or a context; a part of a path, or a parameter
// whose name says nothing of a card, is an id.
func (w *walk) cardConfidence(t []byte, lo, a, digits, groups int) weir.Confidence {
	context := w.ctx
	if context != mCard {
		if b := w.beside(t, lo, a); b != mNone {
			context = b
		}
	}
	switch {
	case context == mCard || w.cards() || named(context).has(&inPAN):
		return weir.SureMatch
	case groups > 2:
		if column(t, max(lo, w.last), a, digits+groups-1) {
			return weir.LikelyMatch
		}
		return weir.SureMatch
	case context == mOpaque || context == mID || context == mOrderID || context == mVersion || a > lo && (t[a-1] == '/' || t[a-1] == '='):
		return weir.Unsure
	case digits == 15 || digits == 16:
		return weir.LikelyMatch
	}
	return weir.Unsure
}

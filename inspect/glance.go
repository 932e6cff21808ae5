package inspect

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// glanced is how many bytes before a place, and how many from it on, a glance takes in.
const glanced = 64

// A glance says which of the bytes around a place in a text are of a kind: in the
// first word those before it, bit 63 the nearest, in the second those from it on, bit
// 0 the first. The kernels in glance_amd64.s know its layout.
type glance struct {
	digit [2]uint64
	alnum [2]uint64
	upper [2]uint64
	sep   [2]uint64 // separators of numbers
	stop  [2]uint64 // ends of lines, *, and 0x80 and above
}

// surroundings are the bytes that a glance takes in.
type surroundings [2 * glanced]byte

// plain marks the bytes of b on any machine, eight at a time, as classifyAny does.
func (g *glance) plain(b *surroundings) {
	*g = glance{}
	for i := 0; i < len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		lo := x & lows
		is := func(c uint64) uint64 { return ^(lo ^ c*ones + lows) }
		from := func(c uint64) uint64 { return lo + (0x80-c)*ones }
		small := lo | 0x20*ones
		digits := from('0') &^ from('9'+1) &^ x
		letters := (small + (0x80-'a')*ones) &^ (small + (0x80-'z'-1)*ones) &^ x
		k, at := i/glanced, i%glanced
		g.digit[k] |= gather(digits&highs) << at
		g.alnum[k] |= gather((digits|letters)&highs) << at
		g.upper[k] |= gather(from('A')&^from('Z'+1)&^x&highs) << at
		g.sep[k] |= gather((is(' ')|from('-')&^from('/'+1)|from('(')&^from(')'+1))&^x&highs) << at
		g.stop[k] |= gather((is('\n')|is('*')|x)&highs) << at
	}
}

// How far number looks back, for the capitals of a number, and for its first digits.
const (
	capitalReach = 6
	numberReach  = 40
)

// dull looks at the digit t[p], at which a number may be, and gives the end of the
// digits that it is among if they are nothing: by their layout they are data only
// where a word says so, and none of the words before them does. 0: look closely. It
// knows what number finds as long as no country was chosen.
//
// Nearly all numbers of logs end here: sizes, times, versions, ports and ids.
func (w *walk) dull(t []byte, lo, hi, p int) int {
	if w.in.close || w.ctx == mPhone || w.ctx == mCard || w.ctx >= mGeo && w.ctx <= lastRules {
		return 0
	}
	b := &w.around
	if p >= glanced && p+glanced <= hi {
		b = (*surroundings)(t[p-glanced:])
	} else {
		*b = surroundings{}
		from := max(p-glanced, 0)
		copy(b[from-p+glanced:], t[from:hi])
	}
	g := &w.seen
	g.look(b)
	digit0, digit1, alnum0, alnum1, upper0 := g.digit[0], g.digit[1], g.alnum[0], g.alnum[1], g.upper[0]
	if n := p - lo; n < glanced {
		in := ^(^uint64(0) >> n)
		digit0, alnum0, upper0 = digit0&in, alnum0&in, upper0&in
	}
	if n := hi - p; n < glanced {
		in := uint64(1)<<n - 1
		digit1, alnum1 = digit1&in, alnum1&in
	}
	// The letters and digits without a gap around it.
	back, on := bits.LeadingZeros64(^alnum0), bits.TrailingZeros64(^alnum1)
	if back > numberReach || on > numberReach {
		return 0
	}
	// Two letters and two digits begin an account number.
	letter0 := alnum0 &^ digit0
	if begin := letter0 &^ (alnum0 << 1) & (letter0 >> 1) & (digit0>>2 | digit1<<62) & (digit0>>3 | digit1<<61); begin>>(glanced-ibanReach) != 0 {
		return 0
	}
	letters := letter0>>(glanced-back)|(alnum1&^digit1)<<(glanced-on) != 0
	if letters || upper0<<back>>(glanced-capitalReach)|g.upper[1]>>on<<(glanced-capitalReach) != 0 {
		from, to, floor := glanced-back, glanced+on, glanced-(p-max(lo, w.last))
		switch mayBeLettered(b, [2]uint64{digit0, digit1}, [2]uint64{alnum0, alnum1}, from, to, floor) {
		case fitsAlone:
			return 0
		case fitsIfSaid:
			if w.told(&voices, b, max(lo, w.last), p, back) {
				return 0
			}
		}
	}
	if letters {
		return p + on
	}
	// Back to the first run of digits, as number does.
	chain := digit0 | g.sep[0]&(digit0<<1)
	back = min(bits.LeadingZeros64(^chain), max(p-w.last, 0))
	if back >= numberReach {
		return 0
	}
	digits := digit0>>(glanced-back) | digit1<<back
	skip := bits.TrailingZeros64(digits)
	back -= skip
	digits >>= skip
	end, is := w.dullRuns(t, b, lo, hi, p, back, digits)
	if is == ifSaid {
		// A key that is no person's says that it is nothing.
		if b[glanced-back-1] == '=' && silent.has(w.hinted(p-back)) || !w.told(&voices, b, max(lo, w.last), p, back) {
			is = nothing
		}
	}
	if is != nothing {
		return 0
	}
	return end
}

// What is written as a number of a rule is.
const (
	fitsNot    = iota
	fitsIfSaid // and is one only if a word before it says so
	fitsAlone  // and may be one without that, or there is more of it
)

// mayBeLettered tells whether lettered or zone may find something around b[from:to],
// letters and digits: there is something from floor on that is written as a number of
// a rule is.
func mayBeLettered(b *surroundings, digit, alnum [2]uint64, from, to, floor int) (fit int) {
	long, small := to-from > smallMax, hasSmall(b[from:to])
	if b[from-1] == '<' || b[to] == '<' || !small && to-from >= 30 && to-from <= 44 {
		return fitsAlone
	}
	if to-from > 18 || long && small {
		return fitsNot
	}
	floor = max(floor, from-maxBack)
	for at := from; ; {
		// What may begin here, by the letters and digits among eight bytes.
		k, n := at/glanced, at%glanced
		digits, alnums := digit[k]>>n, alnum[k]>>n
		if k == 0 {
			digits |= digit[1] << (glanced - n)
			alnums |= alnum[1] << (glanced - n)
		}
		for set := ruleTab.digits[digits&0xff] & ruleTab.alnums[alnums&0xff]; set != 0; set &= set - 1 {
			s := &ruleTab.shapes[bits.TrailingZeros64(set)]
			if end := at + len(s.text); alnum[end/glanced]>>(end%glanced)&1 == 0 && fits(s.text, b[at:end]) {
				if at < from || end > to || s.alone && !small {
					return fitsAlone
				}
				fit = fitsIfSaid
			}
		}
		// The group before, if one separator is between.
		n = at - 2
		if n < floor || alnum[0]>>n&1 == 0 || b[at-1] != ' ' && b[at-1] != '-' && b[at-1] != '.' && b[at-1] != '/' {
			return fit
		}
		at = max(floor, n+1-bits.LeadingZeros64(^(alnum[0]<<(glanced-1-n))))
	}
}

// silent are the keys after which beside asks no word.
var silent = of(mText, mID, mOrderID, mOrders, mOpaque, mVersion)

// A verdict is what the layout of a number says.
type verdict uint8

const (
	undecided verdict = iota
	ifSaid            // it is something only if a word says so
	nothing
)

// dullRuns looks at the layout of the runs of digits of which the first begins so
// many bytes before t[p], and gives their end. digits are those from there on.
func (w *walk) dullRuns(t []byte, b *surroundings, lo, hi, p, back int, digits uint64) (end int, is verdict) {
	at := glanced - back // where the first run begins in b
	before := b[at-1]
	if b[at-2] == ')' && separator(before) {
		return 0, undecided
	}
	runs := &w.groups
	runs[0].sep = 0
	n, i, dots := 0, 0, 0
	for {
		k := bits.TrailingZeros64(^(digits >> i))
		if n == len(runs)-1 || i+k > glanced-3 {
			return 0, undecided
		}
		r := &runs[n]
		r.a, r.b = p-back+i, p-back+i+k
		if n > 0 && r.a > p && lettersBehind(t, r.b, hi) {
			break
		}
		n++
		i += k
		c := b[at+i]
		if !separator(c) {
			break
		}
		more := digits>>(i+1)&1 != 0
		if c == '(' || c == ')' || !more && b[at+i+1] == '(' {
			if more || digits>>(i+2)&1 != 0 {
				return 0, undecided
			}
			break
		}
		if !more {
			break
		}
		i++
		runs[n].sep = c
		if c == '.' {
			dots++
		}
	}
	end = runs[n-1].b
	if dots > 0 && (before == ',' || before == '+' || before == '-' || before == ' ' && b[at-2] == ',') {
		return 0, undecided // a place, maybe
	}
	quad := dots == 3 && n == 4 && before != '*'
	if quad && !wordBefore(t, lo, runs[0].a) {
		if private, ok := w.quad(t, lo, hi, runs[:4], nil); ok {
			switch floor := max(lo, w.last); {
			case w.saidBefore(b, floor, p, back) == mIP:
				w.addressAs(mIP, runs[0].a, end, private, "ipv4")
			case w.told(&hostWords, b, floor, p, back):
				w.address(t, lo, runs[0].a, end, private, "ipv4")
			default:
				w.addressAs(w.ctx, runs[0].a, end, private, "ipv4")
			}
			return end, nothing
		}
	}
	// A number stands alone only where none of what begins one is before it: behind a
	// dot or a dash in the row none does, nor behind a letter.
	is = nothing
	for i := range runs[:n] {
		r := &runs[i]
		switch {
		case i > 0:
			if r.sep == '.' || r.sep == '-' {
				continue
			}
		case r.a > lo && r.a != w.last && (before == '_' || before == '.' || before == '-' && !separator(b[at-2])):
			if n >= 3 {
				is = ifSaid // born in it, somebody
			}
			continue
		}
		if is2 := w.dullFrom(t, runs[i:n], quad); is2 == undecided {
			return 0, undecided
		} else if is2 == ifSaid {
			is = ifSaid
		}
	}
	return end, is
}

// dullFrom gives the verdict about what may begin with the first of the runs. quad: they
// are known to be no address.
func (w *walk) dullFrom(t []byte, runs []run, quad bool) verdict {
	x := ruleTab
	r := &runs[0]
	k := r.len()
	if k >= x.shortestAlone && k <= maxDigits && (cardNumber(t[r.a:r.b]) || x.stands(t[r.a:r.b])) {
		return undecided
	}
	total := r.b - r.a
	for _, r := range runs[1:] {
		total += r.len()
	}
	if len(runs) < 2 {
		if total < 7 {
			return nothing
		}
		return ifSaid
	}
	next := &runs[1]
	if l := next.len(); k < maxGroup && l < maxGroup && x.opens[next.sep&15][k]>>l&1 != 0 && w.standsDivided(t, runs) {
		return undecided
	}
	if next.sep == ' ' || next.sep == '-' {
		// The groups of cards.
		if l := next.len(); k == 4 && (l == 4 || l == 6) && len(runs) > 2 || k == 8 && l == 8 {
			return undecided
		}
	}
	if len(runs) >= 4 && !quad && next.sep == '.' && runs[2].sep == '.' && runs[3].sep == '.' && k <= 3 && next.len() <= 3 && runs[2].len() <= 3 && runs[3].len() <= 3 {
		return undecided
	}
	if dated(t, runs) {
		return undecided
	}
	// A trunk prefix.
	if t[r.a] == '0' && k >= 2 && k <= 5 && t[r.a+1] != '0' && total >= 9 {
		return undecided
	}
	// Numbers of North America.
	if k == 1 {
		runs = runs[1:]
	}
	if len(runs) >= 3 && runs[0].len() == 3 && runs[1].len() == 3 && runs[2].len() == 4 && (k == 1 || runs[1].sep == '-' || runs[1].sep == '.') {
		return undecided
	}
	if total < leastSaid {
		return nothing
	}
	return ifSaid
}

// leastSaid is how many digits a number in groups has at least that a word makes data.
const leastSaid = 6

// told reports whether a word before the number that begins so many bytes before the
// place of the glance may be one of the set: of those that beside looks at, or more.
// What comes before floor is not looked at.
func (w *walk) told(set *wordSet, b *surroundings, floor, p, back int) bool {
	at := glanced - back
	if at < besideMax {
		return true
	}
	from := at - besideMax
	if n := p - floor; n < glanced {
		from = max(from, glanced-n)
	}
	within := ^uint64(0) << from
	if back > 0 {
		within &= 1<<at - 1
	}
	g := &w.seen
	if stop := g.stop[0] & within; stop != 0 {
		i := 63 - bits.LeadingZeros64(stop)
		if b[i] >= 0x80 {
			return true
		}
		within &^= 2<<i - 1
	}
	words := g.alnum[0] & within
	if words&0x7f != 0 {
		return true // too far back
	}
	for starts, ends := words&^(words<<1), words&^(words>>1); starts != 0; starts, ends = starts&(starts-1), ends&(ends-1) {
		first, last := bits.TrailingZeros64(starts)&63, bits.TrailingZeros64(ends)&63
		n := last + 1 - first
		if g.digit[0]>>first&1 != 0 {
			continue
		}
		x := binary.LittleEndian.Uint64(b[last-7:])
		if set.words.has(x, n) {
			return true
		}
		// What is written soThat is read as keys are.
		up := g.upper[0] & (2<<(last&63) - 2<<first)
		if up&^((g.upper[0]|g.digit[0])<<1) != 0 && set.says(w.keys.of(b[:], first, last+1, look)) {
			return true
		}
	}
	return false
}

// saidBefore gives what the word says that stands before the number and a space, where
// beside would ask it first.
func (w *walk) saidBefore(b *surroundings, floor, p, back int) meaning {
	end := glanced - back - 1
	if b[end] != ' ' || end <= besideMax || w.ctx == mVersion {
		return mNone
	}
	n := bits.LeadingZeros64(^(w.seen.alnum[0] << (glanced - end)))
	a := end - n
	if n == 0 || n > 16 || p-glanced+a <= floor || b[a-1] == '_' || b[a-1] >= 0x80 || (w.seen.digit[0]|w.seen.upper[0])>>a&(1<<n-1) != 0 {
		return mNone
	}
	return w.said.of(b[:], a, end, sayWord)
}

// A wordSet holds the last words of all phrases of some meanings, as far as they are
// written in ASCII: a bit for a hash of the last eight letters of each, so that it may
// hold others too.
type wordSet struct {
	says  func(meaning) bool
	words hashes
}

// voices are the words by which beside makes a number data, hostWords those that say
// something of an address.
var (
	voices = wordsThat(func(m meaning) bool {
		return m == mPhone || m == mCard || m == mBirth || m >= mGeo && m <= lastRules
	})
	hostWords = wordsThat(func(m meaning) bool { return m == mIP || m == mVersion })
)

func wordsThat(says func(meaning) bool) wordSet {
	s := wordSet{says: says}
	for _, table := range []map[string]meaning{spoken, phrases} {
		for p, m := range table {
			if says(m) {
				s.words.add(p[strings.LastIndexByte(p, '_')+1:])
			}
		}
	}
	return s
}

type hashes [1 << wordBits / 64]uint64

const wordBits = 15

// hashOfWord gives the hash of a word of n bytes, of which x has the last as its
// highest byte; of a word in capitals too.
func hashOfWord(x uint64, n int) uint64 {
	if n < 8 {
		x >>= 8 * (8 - n)
	}
	return (x | 0x20*ones) * 0x9e3779b97f4a7c15 >> (64 - wordBits)
}

func (s *hashes) has(x uint64, n int) bool {
	h := hashOfWord(x, n)
	return s[h>>6]>>(h&63)&1 != 0
}

func (s *hashes) add(word string) {
	x := uint64(0)
	for i := range len(word) {
		x = x>>8 | uint64(word[i])<<56
	}
	h := hashOfWord(x, len(word))
	s[h>>6] |= 1 << (h & 63)
}

package inspect

import (
	"bytes"
	"math/bits"
	"unicode/utf8"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/fingerprint"
)

// A walk is the scratch of one Inspect. Its memory is used again by the next; it
// grows with the segment and no further.
type walk struct {
	// They come first, so that they begin where a line of the processor's cache does.
	sheet sheet // of the text being read
	under sheet // of what is hidden in it
	outer sheet // of the JSON that it is a string of
	tape  tape  // of that

	in *Inspector
	r  *Report

	form      weir.Form // how what is being read is written
	object    int       // the object that it is in
	ctx       meaning   // what its key says
	near      meaning   // what the words beside the numbers being read say
	nearKnown bool
	last      int     // what comes before this offset has been used up
	begun     int     // where the first finding of a trigger begins
	barred    int     // where the last number begins that was passed over for what stands beside it
	written   written // how the value of the pair being read is written
	text      []byte  // that pairs reads, nil when it does not, and
	read      int     // where the pairs begin that have not been read

	columns []string  // of the last row, and
	means   []meaning // what they mean

	// While an undone value is read: where each byte of it, and its end, was in
	// the body. nil: the body itself is being read.
	origin []int32
	single bool // what is being read is one value, without others beside it
	depth  int  // how much of what is hidden in one another has been undone
	buf    []byte
	back   []int32 // the memory of origin

	frames  []frame
	pending []pending
	blanks  []span // trees known to hold blanks only, apart and in order
	objects int

	seek    fingerprint.Search // of customers, and
	matches []match            // what it has found

	nest   Report         // of JSON among text, while it is read
	keys   meanings       // of the keys of JSON
	said   meanings       // of the words beside numbers
	plain  [maxPlain]byte // a number being checked
	seen   glance         // of the number being looked at, and
	groups [maxRuns]run   // its groups of digits
	around surroundings   // a copy of what the glance took in, near the ends of a text
}

// A span is the bytes [a, b) of the body.
type span struct{ a, b int }

// pending is a value whose meaning hangs on the rest of its object.
type pending struct {
	span
	m      meaning
	form   weir.Form
	object int
	// postcode: it has the form of a postal code, and its key says which kind of
	// thing has one.
	postcode bool
}

func (w *walk) start(r *Report, seg *weir.Segment) {
	w.r = r
	w.form, w.object, w.ctx, w.last, w.barred = weir.FormText, -1, mNone, 0, -1
	w.origin, w.depth, w.single = nil, 0, false
	w.frames = append(w.frames[:0], frame{kind: rootFrame, object: -1, subject: -1})
	w.pending = w.pending[:0]
	w.blanks = w.blanks[:0]
	w.text = nil
	w.objects = 0
}

// keep is how much memory a walk may keep between segments.
const keep = 1 << 20

func (w *walk) release() {
	if cap(w.buf)+4*cap(w.back) > keep {
		w.buf, w.back = nil, nil
	}
	if cap(w.pending) > keep/64 {
		w.pending = nil
	}
	if cap(w.blanks) > keep/64 {
		w.blanks = nil
	}
	if cap(w.nest.Findings) > keep/64 {
		w.nest.Findings = nil
	}
}

// emit reports t[a:b] of what is being read, and uses it up.
func (w *walk) emit(class weir.Class, a, b int, c weir.Confidence, checked bool, detector string) {
	if c < w.in.least {
		return
	}
	w.last = b
	w.begun = min(w.begun, a)
	w.whole(class, a, b, c, checked, detector)
}

// whole reports t[a:b] of what is being read without using it up: other data may
// lie within.
func (w *walk) whole(class weir.Class, a, b int, c weir.Confidence, checked bool, detector string) {
	if c < w.in.least {
		return
	}
	if w.origin != nil {
		a, b = int(w.origin[a]), int(w.origin[b])
	}
	w.r.Findings = append(w.r.Findings, weir.Finding{Class: class, Start: a, End: b, Form: w.form,
		Confidence: c, Checked: checked, Detector: detector, Object: w.object})
}

// scan reads t[lo:hi] as text, where nothing says what it is but w.ctx.
func (w *walk) scan(t []byte, lo, hi int) {
	t = t[:hi]
	s := &w.sheet
	if w.origin != nil {
		s = &w.under
	}
	s.begin()
	next := lo
	w.last = max(w.last, lo)
	for off, k := lo, batch; off < hi; off, k = off+64, k+1 {
		if k == batch {
			s.mark(t, off)
			k = 0
		}
		ev := s.trig[k] | s.sign[k] | s.anchor[k]
		if high := s.high[k]; high != 0 && w.origin == nil {
			ev |= wide(t, off, high)
		}
		token := s.token[k] &^ ev // and nothing else
		ev |= token
		if next > off {
			if next-off >= 64 {
				continue
			}
			ev &= ^uint64(0) << (next - off)
		}
		for ev != 0 {
			p := off + bits.TrailingZeros64(ev)
			ev &= ev - 1
			if p < next {
				continue
			}
			if p >= hi {
				break
			}
			if s.anchor[k]>>(p-off)&1 != 0 {
				if next = w.anchored(t, lo, hi, p); next > 0 {
					continue
				}
			}
			if s.token[k]>>(p-off)&1 != 0 {
				n := 0
				if w.origin == nil {
					n = w.coded(t, lo, hi, p)
				} else {
					n = w.ibanWord(t, lo, hi, p)
				}
				if n > 0 || token>>(p-off)&1 != 0 {
					next = max(next, n)
					continue
				}
			}
			if next = idle(t[:hi], lo, p); next > 0 {
				continue
			}
			if next = w.trigger(t, lo, hi, p); next < 0 {
				w.undo(t, lo, hi, foldPercent)
				return
			}
		}
	}
}

// idle gives where to go on after a trigger t[p] that the commonest of the things
// that are no data of persons has set off, at the first sight of them; 0 for none.
// These are a time (ISO 8601), a number in a path, and a sign that begins nothing.
func idle(t []byte, lo, p int) int {
	switch c := t[p]; {
	case digit(c):
		if n := date(t, lo, len(t), p); n > 0 {
			if t[n-10] == '1' || t[n-8] < '2' {
				return 0 // somebody's birth, maybe
			}
			return clock(t, n)
		}
		// The sixth digit of a row.
		if p-lo < 6 || t[p-6] != '/' || !digit(t[p-1]) || !digit(t[p-2]) || !digit(t[p-3]) || !digit(t[p-4]) || !digit(t[p-5]) {
			return 0
		}
		end := p + 1
		for end < len(t) && digit(t[end]) {
			end++
		}
		if end-p > 7 || end < len(t) && wordByte(t[end]) || end+1 < len(t) && separator(t[end]) && (digit(t[end+1]) || t[end+1] == '(') {
			return 0
		}
		return end
	case c == '+':
		if p+1 == len(t) || !digit(t[p+1]) && t[p+1] != '(' {
			return p + 1
		}
		// A zone of time: no country's code begins with 0.
		if p+4 < len(t) && t[p+1] == '0' && p > lo && t[p-1] == ' ' && digit(t[p+2]) && digit(t[p+3]) && digit(t[p+4]) && (p+5 == len(t) || !digit(t[p+5])) {
			return p + 5
		}
	case c == ':':
		// A time behind a year, as web servers write it: 10/Oct/2000:13:55:36.
		if p-lo >= 11 && p+2 < len(t) && t[p-3] == ':' && t[p-6] == ':' && t[p-11] == '/' && digit(t[p-1]) && digit(t[p-2]) && digit(t[p-4]) && digit(t[p-5]) &&
			digits(t[p-10:p-6]) && digit(t[p+1]) && digit(t[p+2]) && (p+3 == len(t) || t[p+3] == ' ') {
			return p + 3
		}
	case c == '%':
		if !hides(t[p:]) {
			return p + 1
		}
	case c == '?':
		// A signed query is longer than most.
		if p+signedMin > len(t) {
			return p + 1
		}
		named := false
		for _, c := range t[p+1 : p+signedMin] {
			if urlEnd[c] {
				return p + 1
			}
			named = named || c == '='
		}
		if !named && p+2*signedMin < len(t) && bytes.IndexByte(t[p+signedMin:p+2*signedMin], '=') < 0 {
			return p + 1
		}
	}
	return 0
}

// signedMin is how long a signed query is at least, with its question mark.
const signedMin = 16

// clock gives the end of the time of day after the date that ends at t[i]:
// T20:15:00.123456+02:00, and with a space for the T.
func clock(t []byte, i int) int {
	two := func(k int, c byte) bool { return k+2 < len(t) && t[k] == c && digit(t[k+1]) && digit(t[k+2]) }
	if !(two(i, 'T') || two(i, ' ')) || !two(i+3, ':') {
		return i
	}
	if i += 6; two(i, ':') {
		i += 3
	}
	if i+1 < len(t) && (t[i] == '.' || t[i] == ',') && digit(t[i+1]) {
		for i++; i < len(t) && digit(t[i]); {
			i++
		}
	}
	if (two(i, '+') || two(i, '-')) && two(i+3, ':') {
		i += 6
	}
	return i
}

// trigger looks at t[p], within t[lo:hi], and gives where to go on; -1 where the
// whole of t[lo:hi] has to be undone first.
func (w *walk) trigger(t []byte, lo, hi, p int) int {
	last := w.last
	w.begun = hi
	next := w.trial(t, lo, hi, p)
	if w.begun < hi && w.barred >= last && w.barred < w.begun {
		w.unbar(t, max(lo, last), w.begun)
	}
	return next
}

// unbar looks again for a number in t[lo:b], of which one was passed over for what
// stands beside it: that has been found to be something of its own, which begins at
// t[b].
func (w *walk) unbar(t []byte, lo, b int) {
	const nearby = 3 // bytes between two numbers that are taken for one row
	last := w.last
	for more := true; more; {
		p := b - 1
		for p > lo && p > b-nearby && !digit(t[p]) {
			p--
		}
		if p < lo || !digit(t[p]) {
			break
		}
		w.last, w.begun = lo, b
		w.number(t, lo, b, p)
		more = w.begun < b
		b = w.begun
	}
	w.last = max(w.last, last)
}

// trial is trigger for what stands at t[p] alone.
func (w *walk) trial(t []byte, lo, hi, p int) int {
	switch c := t[p]; {
	case c == '@':
		if end := w.urlAt(t, lo, hi, p); end > 0 {
			return end
		}
		return w.email(t, lo, hi, p)
	case c == '?':
		if end := w.urlAt(t, lo, hi, p); end > 0 {
			return end
		}
	case digit(c):
		n := w.number(t, lo, hi, p)
		if w.origin == nil && w.last < n && n-lo >= codedMin && !digits(t[n-codedMin:n]) && allAlnum(t[n-codedMin:n]) {
			// It has passed over what would have led to base64, which digits alone are
			// not: their first byte begins no character of ASCII's.
			n = max(n, w.coded(t, lo, hi, p))
		}
		return n
	case c == '+':
		if p+1 < hi && (digit(t[p+1]) || t[p+1] == '(') {
			return w.international(t, lo, hi, p)
		}
	case c == ':':
		if end, ok := w.mac(t, lo, hi, p); ok {
			return end
		}
		return w.ipv6(t, lo, hi, p)
	case c == '%':
		if w.origin == nil && hides(t[p:hi]) {
			return -1
		}
	case c >= 0x80:
		if w.origin == nil {
			return -1
		}
	}
	return p + 1
}

// hides reports whether the percent escape at the start of t stands for a
// character that makes data: an @, a +, or another percent escape of one.
func hides(t []byte) bool {
	for depth := 0; depth < maxPercent && len(t) >= 3; depth++ {
		switch {
		case t[1] == '4' && t[2] == '0', t[1] == '2' && t[2]|0x20 == 'b':
			return true
		case t[1] == '2' && t[2] == '5':
			t = t[2:]
		default:
			return false
		}
	}
	return false
}

// wide marks, of the bytes of t[off:] that are not ASCII, those that begin a
// character by which data is written otherwise: a full-width digit, @ or + or a
// colon before a digit (U+FF10 to U+FF19, U+FF20, U+FF0B, U+FF1A), one of no width
// (U+200B to U+200F, U+2060, U+FEFF), a digit of another script, or a space or dash
// between digits. What is written with those is undone before it is read.
func wide(t []byte, off int, high uint64) (ev uint64) {
	for high != 0 {
		i := bits.TrailingZeros64(high)
		high &= high - 1
		p := off + i
		if t[p] < 0xc0 {
			continue
		}
		if p+2 >= len(t) {
			return ev
		}
		found := false
		between := func(n int) bool {
			return p > 0 && p+n < len(t) && (digit(t[p-1]) && (alnum(t[p+n]) || t[p+n] == '(') || (alnum(t[p-1]) || t[p-1] == ')') && digit(t[p+n]))
		}
		switch a, b, c := t[p], t[p+1], t[p+2]; a {
		case 0xc2:
			found = b == 0xa0 && between(2)
		case 0xd9:
			found = b-0xa0 < 10
		case 0xdb:
			found = b-0xb0 < 10
		case 0xdf:
			found = b-0x80 < 10
		case 0xe0, 0xe1:
			r, _ := utf8.DecodeRune(t[p:])
			found = plainDigit(r) >= 0
		case 0xe2:
			switch b {
			case 0x80:
				found = c-0x8b < 5 || (c <= 0x8a || c-0x90 < 6 || c == 0xaf) && between(3)
			case 0x81:
				found = c == 0xa0
			case 0x88:
				found = c == 0x92 && between(3)
			}
		case 0xe3:
			found = b == 0x80 && c == 0x80 && between(3)
		case 0xef:
			found = b == 0xbc && (c-0x90 < 10 || c == 0xa0 || c == 0x8b || c == 0x9a && p+3 < len(t) && digit(t[p+3])) || b == 0xbb && c == 0xbf
		case 0xf0:
			found = b == 0x9d && c == 0x9f
		}
		if found {
			ev |= 1 << i
		}
	}
	return ev
}

// undo reads t[lo:hi] of the body again, with what hides it undone.
func (w *walk) undo(t []byte, lo, hi int, how folding) {
	for n := len(w.r.Findings); n > 0 && w.r.Findings[n-1].Start >= lo && w.r.Findings[n-1].Form == w.form && w.r.Findings[n-1].Detector != byKey; n-- {
		w.r.Findings = w.r.Findings[:n-1]
	}
	folded := w.fold(t, lo, hi, how|w.folding(t[lo:hi]))
	w.last = 0
	w.scan(folded, 0, len(folded))
	w.origin = nil
	w.last = hi
}

// folding gives the escapes that have to be undone to read v.
func (w *walk) folding(v []byte) folding {
	switch w.written {
	case asPercent:
		return w.syntax() | foldPercent
	case asPercent | asPlus:
		return w.syntax() | foldPercent | foldPlus
	}
	for i := 0; i < len(v); i++ {
		n := bytes.IndexByte(v[i:], '%')
		if n < 0 {
			break
		}
		if i += n; hides(v[i:]) {
			return w.syntax() | foldPercent
		}
	}
	return w.syntax()
}

// syntax gives the escapes that what is being read is written with.
func (w *walk) syntax() folding {
	switch w.form {
	case weir.FormString:
		return foldJSON
	case weir.FormField:
		return foldCSV
	case weir.FormMarkup:
		return foldMarkup
	}
	return 0
}

// escapes reports whether v has escapes of the syntax it is written in.
func (w *walk) escapes(v []byte) bool {
	if w.written != 0 && bytes.IndexByte(v, '%') >= 0 || w.written&asPlus != 0 && bytes.IndexByte(v, '+') >= 0 {
		return true
	}
	switch w.form {
	case weir.FormString:
		return bytes.IndexByte(v, '\\') >= 0
	case weir.FormField:
		return bytes.IndexByte(v, '"') >= 0
	case weir.FormMarkup:
		return bytes.IndexByte(v, '&') >= 0
	}
	return false
}

// besideMax is how far to the left of a number a word may stand that says what it
// is.
const besideMax = 40

// beside gives what the nearest word before t[a] that means something says.
func (w *walk) beside(t []byte, lo, a int) meaning {
	switch m := w.hinted(a); m {
	case mID, mOrderID, mOrders, mOpaque:
		return mOpaque
	case mVersion:
		return m
	case mText:
		return mNone
	}
	lo = min(max(lo, w.last), a) // a word of another finding says nothing of this one
	floor := max(lo, a-besideMax)
	var ends [3]int // of the words to the right, the nearest to the left first
	words, next := 0, -1
	held := mNone // said by a word that the one to its left may turn
	for i := a; i > floor; {
		for i > floor && (!wordByte(t[i-1]) || i-3 >= floor && (t[i-3] == 0xef && t[i-2] == 0xbc || t[i-3] == 0xe3 && t[i-2] == 0x80)) {
			switch c := t[i-1]; {
			case c == '\n' || c == '*':
				return held // another line, or what was another finding
			case c >= 0x80:
				i -= 2 // a full-width sign
			}
			i--
		}
		end := i
		for i > floor && wordByte(t[i-1]) && t[i-1] != '_' {
			i--
		}
		if i == end {
			if i > floor {
				i--
			}
			continue
		}
		if i == floor && floor > lo && wordByte(t[i-1]) {
			return held // cut off
		}
		if end != next-1 {
			words = 0 // not beside the word to its right
		}
		next = i
		copy(ends[1:], ends[:])
		ends[0] = end
		words = min(words+1, len(ends))
		if digit(t[i]) {
			words = 0
			continue
		}
		if camel(t[i:end]) {
			switch m := means(t[i:end]); m {
			case mPhone, mCard, mIP, mBirth, mVersion:
				return m
			case mOpaque, mOrders, mOrderID:
				return mOpaque
			default:
				if m >= mGeo && m <= lastRules {
					return m
				}
			}
		}
		// With the words to its right, the most first.
		for k := words - 1; k > 0; k-- {
			if m := w.said.of(t, i, ends[k], sayPhrase); m != mNone {
				return longer(t, floor, i, ends[k], m)
			}
		}
		if held != mNone {
			return held
		}
		if end < a && t[end] == '_' {
			continue // not the last word of a name: call_start
		}
		m := w.said.of(t, i, end, sayWord)
		if m == mPhone && (t[end] == '(' || i > 0 && (t[i-1] == '.' || t[i-1] == '_')) && looksSpoken(t[i:end]) {
			continue // a call of a function
		}
		switch m {
		case mNone:
		case mSilent:
			return mNone
		case mHeld:
			held = mOpaque
		case mCard:
			held = mCard // or a pan card, a passport card
		default:
			return m
		}
	}
	return held
}

// longer gives what the words t[a:b] say, which is m, with the one or two words before
// them, if these together say something: the account number of a bank.
func longer(t []byte, floor, a, b int, m meaning) meaning {
	for range 2 {
		end := a
		for end > floor && t[end-1] == ' ' {
			end--
		}
		a = end
		for a > floor && wordByte(t[a-1]) {
			a--
		}
		if a == end {
			break
		}
		if more := sayPhrase(t[a:b]); more != mNone {
			return more
		}
	}
	return m
}

// What a word beside a number may say that no key does, and that beside keeps to
// itself.
const (
	mSilent meaning = 254 + iota // nothing, and neither do the words before it
	mHeld                        // mOpaque, unless the word before it turns it
)

// looksSpoken reports whether a word says what it says in sentences only: it is no key.
func looksSpoken(word []byte) bool {
	var buf [16]byte
	return len(word) <= len(buf) && phrases[string(lower(buf[:0], word))] == mNone
}

// sayPhrase gives what several words beside a number say together, if that is
// something.
func sayPhrase(v []byte) meaning {
	if len(v) < 3 || len(v) > besideMax || !spokenEndings.may(v[len(v)-3:]) {
		return mNone
	}
	var buf [besideMax]byte
	n := copy(buf[:], v)
	for j, c := range buf[:n] {
		switch {
		case c-'A' < 26:
			buf[j] = c + 0x20
		case !wordByte(c):
			buf[j] = '_'
		}
	}
	switch m := phrases[string(buf[:n])]; m {
	case mPhone, mCard, mIP, mBirth:
		return m
	default:
		if m >= mGeo && m <= lastRules {
			return m
		}
	}
	return mNone
}

// sayWord gives what a word beside a number says.
func sayWord(v []byte) meaning {
	if len(v) > 0 && ideograph(v[0]) {
		// No space is before "is" either.
		for _, is := range []string{"是", "为", "は", "은", "는"} {
			v = bytes.TrimSuffix(v, []byte(is))
		}
	}
	if len(v) == 0 {
		return mNone
	}
	if len(v) > besideMax || len(v) >= 3 && !spokenEndings.may(v[len(v)-3:]) {
		return mNone
	}
	var buf [besideMax]byte
	n := copy(buf[:], v)
	for k, c := range buf[:n] {
		if c-'A' < 26 {
			buf[k] = c + 0x20
		}
	}
	if m, ok := spoken[string(buf[:n])]; ok {
		if m == mNone {
			return mSilent
		}
		return m
	}
	switch m := phrases[string(buf[:n])]; m {
	case mPhone, mCard, mIP, mVersion, mBirth:
		return m
	case mID:
		return mHeld
	case mOpaque, mOrders, mOrderID:
		return mOpaque
	default:
		if m >= mGeo && m <= lastRules {
			return m
		}
	}
	if ideograph(v[0]) {
		// No space tells where the word begins.
		_, n := utf8.DecodeRune(v)
		if n < len(v) {
			return sayWord(v[n:])
		}
	}
	return mNone
}

// camel reports whether a word turns from small letters to a capital within.
func camel(word []byte) bool {
	for i := 1; i < len(word); i++ {
		if word[i]-'A' < 26 && word[i-1]-'a' < 26 {
			return true
		}
	}
	return false
}

// spokenEndings are the endings of all words that beside looks for.
var spokenEndings = func() tailSet {
	s := tails(spoken)
	for i, e := range endings {
		s[i] |= e
	}
	return s
}()

// spoken are words that say what follows them in a sentence, beside those that are
// keys.
var spoken = map[string]meaning{
	"call": mPhone, "dial": mPhone, "ring": mPhone, "sms": mPhone, "callback": mPhone, "tél": mPhone, "anrufen": mPhone,
	"llame": mPhone, "ligue": mPhone, "appelez": mPhone,
	"credit": mCard, "debit": mCard, "cc": mCard, "ccn": mCard, "karte": mCard, "carte": mCard, "cartão": mCard,
	"client": mNone, "from": mIP, "host": mIP, "peer": mIP,
	"block": mOpaque, "ticket": mOpaque, "invoice": mOpaque, "parcel": mOpaque, "shipment": mOpaque, "transaction": mOpaque, "job": mOpaque, "pid": mOpaque,
	"case": mOpaque, "waybill": mOpaque, "consignment": mOpaque, "batch": mOpaque, "lot": mOpaque, "article": mOpaque, "booking": mOpaque, "receipt": mOpaque, "rma": mOpaque, "voucher": mOpaque,
	"chapter": mVersion, "section": mVersion, "clause": mVersion, "paragraph": mVersion, "kapitel": mVersion, "abschnitt": mVersion, "chapitre": mVersion,
	"release": mVersion, "oid": mVersion,
}

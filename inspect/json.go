package inspect

import (
	"bytes"
	"math/bits"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/jsonlex"
)

// A reader follows one JSON segment.
type reader struct {
	*walk
	t       []byte
	piece   bool
	base    int // frames that the segment did not open
	subject []string

	top  *frame // the innermost
	next int    // where to go on: what comes before has been read

	// The string that was looked at last, so that one with many triggers is
	// measured once.
	str, strEnd int
	strEscaped  bool
}

// A tape says where a batch of blocks has to be looked at.
type tape struct {
	at    places            // where there is something
	stop  [batch]uint64     // the places as bits
	in    [batch]uint64     // in strings
	token [batch]uint64     // sets off the search for base64 and nothing else
	quote [1 + batch]uint64 // begins or ends a string; the first word is of the block before
	slash [1 + batch]uint64 // backslashes, likewise

	off    int    // where the batch begins
	blocks int    // how many it has
	escape uint64 // its first byte is escaped
	open   uint64 // it begins in a string: all bits
	q1, q2 int    // the last quote before it, and the one before that; -1: none
}

// json reads t, a whole value or a piece of a document under path.
func (w *walk) json(t []byte, path []string, piece bool, subject []string) error {
	r := reader{walk: w, t: t, piece: piece, subject: subject, str: -1}
	root := &w.frames[0]
	if len(subject) > 0 {
		root.subject = 0
	}
	w.form = weir.FormString
	if piece {
		for _, k := range path {
			top := &w.frames[len(w.frames)-1]
			if len(w.frames) > jsonlex.MaxDepth {
				return ErrMalformed
			}
			if k == "[]" {
				w.frames = append(w.frames, frame{kind: arrayFrame, start: -1, parent: top.key, key: top.key, subject: -1, object: -1})
				continue
			}
			w.frames = append(w.frames, frame{kind: objectFrame, start: -1, parent: top.key, key: r.keys.named(k), subject: -1, object: -1})
		}
	} else {
		for i := len(path) - 1; i >= 0; i-- {
			if path[i] != "[]" {
				root.key = r.keys.named(path[i])
				break
			}
		}
	}
	r.base = len(w.frames)
	r.top = &w.frames[len(w.frames)-1]
	if !r.run() {
		return ErrMalformed
	}
	if !piece && len(w.frames) != 1 {
		return ErrMalformed
	}
	for len(w.frames) > 0 {
		f := &w.frames[len(w.frames)-1]
		w.resolve(f)
		w.frames = w.frames[:len(w.frames)-1]
	}
	return nil
}

// run reads the segment batch by batch and stops at braces, at colons outside
// strings, and at triggers.
func (r *reader) run() bool {
	if !r.lone() {
		return false
	}
	tp := &r.tape
	tp.quote[0], tp.slash[0], tp.escape, tp.open, tp.q1, tp.q2 = 0, 0, 0, 0, -1, -1
	r.outer.begin()
	for tp.off = 0; tp.off < len(r.t); tp.off += batchBytes {
		n := r.record()
		if n < 0 {
			return false
		}
		for _, at := range tp.at[:n] {
			p := tp.off + int(at)
			if p < r.next {
				continue
			}
			if tp.in[at>>6]>>(at&63)&1 != 0 {
				if !r.triggered(p) {
					return false
				}
				continue
			}
			ok := true
			switch r.t[p] {
			case ':':
				ok = r.key(p)
			case '{', '[':
				ok = r.open(p)
			case '}', ']':
				ok = r.close(p)
			case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
				r.next = r.scalar(r.top.key, p)
			default:
				ok = false
			}
			if !ok {
				return false
			}
		}
		tp.q1, tp.q2 = tp.quotes(tp.off + 64*tp.blocks)
		tp.quote[0], tp.slash[0] = tp.quote[tp.blocks], tp.slash[tp.blocks]
	}
	return tp.open == 0
}

// record marks the batch at tp.off and fills the tape. It gives how many places there
// are on it, -1 where the segment is not JSON.
func (r *reader) record() (n int) {
	t, tp := r.t, &r.tape
	s := &r.outer // undoing a string marks others, so this is apart
	s.mark(t, tp.off)
	tp.blocks = min((len(t)-tp.off+63)/64, batch)
	for k := range tp.blocks {
		quote, in, slash := s.quote[k], s.parity[k], s.slash[k]
		trig := s.trig[k] | s.sign[k] | s.anchor[k]
		if slash|tp.escape != 0 {
			esc := escaped(slash, &tp.escape)
			quote &^= esc
			trig |= slash &^ esc
			in = inside(quote)
		}
		in ^= tp.open
		tp.open = uint64(int64(in) >> 63)
		if high := s.high[k]; high != 0 {
			trig |= wide(t, tp.off+64*k, high)
		}
		token := s.token[k]
		tp.in[k], tp.token[k], tp.quote[1+k], tp.slash[1+k] = in, token&^trig, quote, slash
		// Outside strings no JSON has these, but for a + in an exponent: what follows
		// is no JSON, and would pass unread.
		if out := s.sign[k] &^ in; out != 0 && !exponents(t, tp.off+64*k, out) {
			return -1
		}
		// Of a row of digits the first place is enough: it is read to its end.
		rows := s.digit[k] & (s.digit[k] << 1)
		bare := s.bare[k] &^ (s.bare[k] << 1)
		trig &^= trig << 1 & rows
		tp.stop[k] = (s.colon[k]|s.brace[k]|bare)&^in | (trig|token)&in
	}
	return tp.at.fill(&tp.stop, tp.blocks)
}

// keyAt gives where the key before the colon t[p] is; a is -1 for none.
func (r *reader) keyAt(p int) (a, b int) {
	b, a = r.tape.quotes(p)
	if a >= 0 {
		a++
	}
	return a, b
}

// exponents reports whether all signs at t[off:] are + after an e.
func exponents(t []byte, off int, signs uint64) bool {
	for ; signs != 0; signs &= signs - 1 {
		if p := off + bits.TrailingZeros64(signs); t[p] != '+' || p == 0 || t[p-1]|0x20 != 'e' {
			return false
		}
	}
	return true
}

// quotes gives where the last two quotes before p are, a place in the batch or its
// end; -1 for none.
func (tp *tape) quotes(p int) (last, before int) {
	k := (p - tp.off) >> 6
	var q uint64
	if k < tp.blocks {
		q = tp.quote[1+k] & (1<<((p-tp.off)&63) - 1)
	}
	last = -1
	for {
		for ; q == 0; q = tp.quote[1+k] {
			if k--; k < 0 {
				if last < 0 {
					return tp.q1, tp.q2
				}
				return last, tp.q1
			}
		}
		b := 63 - bits.LeadingZeros64(q)
		if last >= 0 {
			return last, tp.off + 64*k + b
		}
		last = tp.off + 64*k + b
		q &^= 1 << b
	}
}

// triggered looks at the trigger t[p], which is in a string.
func (r *reader) triggered(p int) bool {
	tp, k, bit := &r.tape, (p-r.tape.off)>>6, uint64(1)<<((p-r.tape.off)&63)
	anchor := r.outer.anchor[k]&bit != 0
	if !anchor {
		if n := idle(r.t, 0, p); n > 0 {
			r.next = n
			return true
		}
	}
	if p < r.str || p >= r.strEnd {
		start, _ := tp.quotes(p)
		r.str = start + 1
		if r.strEnd, r.strEscaped = r.stringAt(r.str); r.strEnd < 0 {
			return false
		}
		r.last = max(r.last, r.str)
		if !anchor && !r.strEscaped && r.passes(r.t[r.str:r.strEnd]) {
			r.next = r.strEnd
			return true
		}
	}
	if anchor && alpha(r.t[p]) && r.strEnd-p < shortestSecret && r.outer.token[k]&bit == 0 && isWord(r.t[p:r.strEnd]) {
		r.next = p + 1
		return true
	}
	if !r.strEscaped && r.outer.token[k]&bit != 0 && !anchor {
		if n := r.hidden(p); n > 0 {
			r.next = n
			return true
		}
	}
	if tp.token[k]&bit == 0 {
		r.inString(p, anchor)
	}
	return true
}

// lone reads a segment that is one scalar: no mark would stop at it.
func (r *reader) lone() bool {
	i := skipSpace(r.t, 0)
	if i == len(r.t) {
		return r.piece
	}
	if r.piece || r.t[i] == '{' || r.t[i] == '[' {
		return true
	}
	c := r.t[i]
	if c != '"' && c != '-' && !digit(c) && c != 't' && c != 'f' && c != 'n' {
		return false
	}
	if m := r.frames[0].key; m.asks() {
		r.take(m, i)
	}
	return true
}

// key reads the key before the colon t[p].
func (r *reader) key(p int) bool {
	top := r.top
	if top.kind != objectFrame {
		return false
	}
	// The quotes of the 64 bytes before p: most keys lie in them, and end at p.
	tp, keys := &r.tape, &r.keys
	k, sh := (p-tp.off)>>6&(batch-1), (p-tp.off)&63
	quotes := tp.quote[1+k]<<(64-sh) | tp.quote[k]>>sh
	size := bits.LeadingZeros64(quotes << 1)
	m := mNone
	switch {
	case quotes>>63 == 0 || quotes<<1 == 0 || tp.slash[1+k]|tp.slash[k] != 0:
		a, b := r.keyAt(p)
		if a < 0 {
			return false
		}
		if m = keys.of(r.t, a, b, look); bytes.IndexByte(r.t[a:b], '\\') >= 0 {
			m = means(r.fold(r.t, a, b, foldJSON))
			r.origin = nil
		}
	case uint(size-1) < 16 && p > 16:
		// What of does, without a call where the key is the newer of its place.
		place, first, last := keys.place(r.t[p-17:p-1], size)
		if e := &keys.short[place]; e.first == first && e.last == last && int(e.n) == size {
			m = e.m
			break
		}
		fallthrough
	default:
		m = keys.of(r.t, p-1-size, p-1, look)
	}
	top.key = m
	if top.subject >= 0 {
		a, b := r.keyAt(p)
		r.onPath(top, a, b, p+1)
	}
	if m >= firstPart {
		top.parts |= 1 << (m - firstPart)
		return true
	}
	switch weighs[m] {
	case byPresence:
		// Most are there.
		if t := r.t[p+1:]; len(t) > 3 && (t[0] == '"' && alnum(t[1]) || t[0] == ' ' && t[1] == '"' && alnum(t[2])) {
			top.has |= 1 << m
			return true
		}
		r.take(m, p+1)
	case byValue:
		r.take(m, p+1)
	}
	return true
}

// onPath compares a key with the next of the subject's path, and takes the
// subject where it is the last.
func (r *reader) onPath(top *frame, a, b, v int) {
	top.on = jsonlex.Equal(r.t[a:b], r.subject[top.subject])
	if !top.on {
		return
	}
	if top.seen {
		r.r.SubjectState = Duplicate
		top.on = false
		return
	}
	top.seen = true
	if int(top.subject)+1 < len(r.subject) || r.r.SubjectState == Duplicate {
		return
	}
	top.on = false
	v = skipSpace(r.t, v)
	if v == len(r.t) {
		return
	}
	switch c := r.t[v]; {
	case c == '"':
		end := stringEnd(r.t, v+1)
		if end < 0 {
			return
		}
		var err error
		if r.r.Subject, err = jsonlex.Append(r.r.Subject[:0], r.t[v+1:end]); err != nil {
			r.r.SubjectState = NotScalar
			return
		}
		r.r.SubjectState = Found
	case digit(c) || c == '-':
		r.r.Subject = append(r.r.Subject[:0], r.t[v:numberEnd(r.t, v)]...)
		r.r.SubjectState = Found
	case c == 'n':
	default:
		r.r.SubjectState = NotScalar
	}
}

// take reads the value at or after t[v], of which the key says m, as far as the
// key is needed to know it. What shows by itself is met by run.
func (r *reader) take(m meaning, v int) {
	v = skipSpace(r.t, v)
	if v == len(r.t) {
		return
	}
	top := r.top
	switch c := r.t[v]; {
	case c == '"':
		if !m.asks() {
			if !blankString(r.t, v+1) {
				top.has |= 1 << m
			}
			return
		}
		if m == mID && top.parent != mDevices {
			top.has |= 1 << m
			return
		}
		end, escapes := r.stringAt(v + 1)
		if end < 0 || blank(r.t[v+1:end]) {
			return
		}
		if m == mNumber {
			m = r.numbers()
		}
		r.object = int(top.object)
		text := r.t[v+1 : end]
		if escapes {
			text = r.fold(r.t, v+1, end, foldJSON)
		}
		if r.keyed(m, text, v+1, end) {
			r.next = end + 1
		}
		r.origin = nil
	case digit(c) || c == '-':
		if present.has(m) || m == mID {
			// A long one is met by run.
			top.has |= 1 << m
			return
		}
		r.next = r.scalar(m, v)
	case c == 'n':
	case present.has(m), c == '{' || c == '[':
		top.has |= 1 << m
	}
}

// blankString reports whether the string that begins at t[i] is blank.
func blankString(t []byte, i int) bool {
	for ; i < len(t) && t[i] != '"'; i++ {
		if wordByte(t[i]) && t[i] != '_' {
			return false
		}
	}
	return true
}

// scalar reads the number around t[p], of which the key says m, and gives its end.
func (r *reader) scalar(m meaning, p int) int {
	a, b := p, numberEnd(r.t, p)
	for a > 0 && (digit(r.t[a-1]) || r.t[a-1] == '.' || r.t[a-1] == '-' || r.t[a-1]|0x20 == 'e' || r.t[a-1] == '+') {
		a--
	}
	if a == b {
		return p + 1
	}
	if m == mNumber {
		m = r.numbers()
	}
	v := r.t[a:b]
	r.form, r.object = weir.FormScalar, int(r.top.object)
	if m == mLatitude || m == mLongitude || m == mGeo {
		r.degrees(m, v, span{a, b})
		r.form = weir.FormString
		return b
	}
	if m >= firstKnown && r.known(m, v, span{a, b}) {
		r.form = weir.FormString
		return b
	}
	for _, c := range v {
		if !digit(c) {
			r.form = weir.FormString
			return b
		}
	}
	at := span{a, b}
	switch {
	case m >= mGeo && m <= lastRules && r.byNumber(m, v, at):
	case m == mPhone && len(v) >= 7 && len(v) <= 15:
		r.found(m)
		r.report(Phone, at, weir.SureMatch)
	case m == mBirth && len(v) == 8 && dateValue(v):
		r.found(m)
		r.report(BirthDate, at, weir.SureMatch)
	case m == mDevice && len(v) >= 6:
		r.report(Device, at, weir.SureMatch)
	case m == mStreet && v[0] != '0':
		r.found(m)
		r.report(Address, at, weir.SureMatch)
	case m == mPostcode && v[0] != '0':
		r.found(m)
		r.wait(m, at)
		r.pending[len(r.pending)-1].postcode = len(v) >= 4 && len(v) <= 9
	case cardNumber(v):
		c := weir.Unsure
		switch {
		case m == mCard:
			c = weir.SureMatch
		case m != mOpaque && m != mID && m != mOrderID && m != mVersion && len(v) <= 16 && len(v) >= 15:
			c = weir.LikelyMatch
		}
		r.whole(Card, a, b, c, true, "card")
	case m.loose() && m != mOpaque && m != mID:
		if of, ok := ruleTab.bare(v); ok {
			r.whole(of.class, a, b, weir.LikelyMatch, true, "rule")
		}
	}
	r.form = weir.FormString
	return b
}

// uuidLen is how long a UUID is in text (RFC 9562 section 4).
const uuidLen = 36

// shortestSecret is the least length of a secret that shows by how it begins and is one
// word.
const shortestSecret = 16

func isWord(v []byte) bool {
	for _, c := range v {
		if !alnum(c) && c != '_' {
			return false
		}
	}
	return true
}

// passes reports whether the string v, which no key has made anything of, is one of
// those that look like numbers and are the commonest of all: a UUID, a hash, a time.
func (r *reader) passes(v []byte) bool {
	switch n := len(v); {
	case n == uuidLen && v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-':
		for i, c := range v {
			if !hex(c) && (c != '-' || i != 8 && i != 13 && i != 18 && i != 23) {
				return false
			}
		}
		return true
	case n >= 20 && n <= 35 && v[10] == 'T':
		// Nothing stands before it that could make it somebody's birth.
		end := 0
		if date(v, 0, n, 8) == 10 {
			end = clock(v, 10)
		}
		return end == n || end == n-1 && v[end] == 'Z'
	case n >= leastHash && n <= 128 && !(alpha(v[0]) && alpha(v[1]) && digit(v[2]) && digit(v[3])):
		// In hexadecimal, with a letter, and not begun like an IBAN: no number, and no
		// base64 of text in which anything could be found, since that text has no @ and
		// no two digits side by side.
		letters := false
		for _, c := range v {
			if kindsOf[c]&kHexLow == 0 {
				return false
			}
			letters = letters || c >= 'a'
		}
		m := r.top.key
		return letters && !(m >= mGeo && m <= lastRules)
	case n < ibanMin && r.in.least > weir.Unsure:
		return r.vetoed() && isCode(v)
	}
	return false
}

// vetoed reports whether the string being read is a value of which the key says that
// it is a number of the system's own.
func (r *reader) vetoed() bool {
	switch r.top.key {
	case mOpaque, mOrderID, mVersion, mTitleID:
		after := skipSpace(r.t, r.strEnd+1)
		return r.top.kind != objectFrame || after == len(r.t) || r.t[after] != ':'
	}
	return false
}

// isCode reports whether v is letters and digits in groups, of letters no more than
// two together and no two groups of them side by side, so that none is a word:
// RC-040866. Digits alone may have up to two points between: 1.19.3.
func isCode(v []byte) bool {
	letters, before := 0, false // in the group; the group before was of letters
	points, words := 0, 0
	for i, c := range v {
		switch {
		case digit(c):
			letters, before = 0, false
		case alpha(c):
			letters++
			words++
			if letters > 2 || before || letters == 2 && is(v[i-1:i+1], "cf") {
				return false
			}
		case c == '-' || c == '_':
			if letters > 0 {
				letters, before = 0, true
			}
		case c == '.':
			points++
		default:
			return false
		}
	}
	return points == 0 || points <= 2 && words == 0
}

// leastHash is how long a number in hexadecimal is that is taken for a hash.
const leastHash = 16

// stringAt gives the end of the string that begins at t[start], -1 where it has none,
// and whether there are escapes in it.
func (r *reader) stringAt(start int) (end int, escapes bool) {
	tp := &r.tape
	k, sh := (start-tp.off)>>6, (start-tp.off)&63
	if start >= tp.off && k < tp.blocks {
		// Most end in this block or the next.
		q, slash := tp.quote[1+k]>>sh, tp.slash[1+k]>>sh
		if k+1 < tp.blocks {
			q |= tp.quote[2+k] << (64 - sh)
			slash |= tp.slash[2+k] << (64 - sh)
		}
		if q != 0 {
			return start + bits.TrailingZeros64(q), slash&(q&-q-1) != 0
		}
	}
	if end = stringEnd(r.t, start); end < 0 {
		return -1, false
	}
	return end, bytes.IndexByte(r.t[start:end], '\\') >= 0
}

// inString looks at the trigger t[p] in the string being read: a value, or a key.
// anchor says that a secret may begin there.
func (r *reader) inString(p int, anchor bool) {
	start, top := r.str, r.top
	r.object = int(top.object)
	r.ctx = mNone
	if after := skipSpace(r.t, r.strEnd+1); top.kind != objectFrame || after == len(r.t) || r.t[after] != ':' {
		if r.ctx = top.key.context(); r.ctx == mNumber {
			r.ctx = r.numbers().context()
		}
	}
	switch {
	case r.t[p] == '\\' && r.depth < maxInner && (r.t[start] == '{' || r.t[start] == '[') && r.embedded(start, p):
		r.next = r.strEnd + 1
	case r.t[p] == '\\':
		if !unprintable(r.t[p:r.strEnd]) || p > start && apart(r.t[p-1:r.strEnd]) {
			r.next = p + 2
			break
		}
		fallthrough
	case r.strEscaped:
		r.undo(r.t, start, r.strEnd, 0)
		r.next = r.strEnd + 1
	default:
		if anchor {
			if end := r.anchored(r.t, start, r.strEnd, p); end > 0 {
				r.next = end
				break
			}
		}
		if r.next = r.trigger(r.t, start, r.strEnd, p); r.next < 0 {
			r.undo(r.t, start, r.strEnd, foldPercent)
			r.next = r.strEnd + 1
		}
	}
	r.ctx = mNone
}

// embedded reads the string that begins at r.t[start], whose first escape is at p, as the
// JSON document that it holds, if it holds one.
func (r *reader) embedded(start, p int) bool {
	for _, c := range r.t[start:p] {
		if c != '{' && c != '[' && c > ' ' {
			return false
		}
	}
	v := r.fold(r.t, start, r.strEnd, foldJSON)
	r.origin = nil
	if !holdsJSON(v) {
		return false
	}
	r.inner(v, r.back)
	r.last = r.strEnd
	return true
}

// hidden looks for base64 at t[p], in the string being read.
func (r *reader) hidden(p int) int {
	r.object, r.ctx = int(r.top.object), mNone
	return r.coded(r.t, r.str, r.strEnd, p)
}

// unprintable reports whether the escape at the start of t stands for a character
// that needs none, so that it may be there to hide something: ASCII, full-width,
// or without width.
func unprintable(t []byte) bool {
	if len(t) < 6 || t[1] != 'u' {
		return false
	}
	return t[2] == '0' && t[3] == '0' || t[2]|0x20 == 'f' && (t[3]|0x20 == 'f' || t[3]|0x20 == 'e') || t[2] == '2' && t[3] == '0'
}

// apart reports whether t, from a space on, is a sign that writers for the web escape,
// between two spaces: no part of anything.
func apart(t []byte) bool {
	return len(t) > 7 && t[0] == ' ' && t[7] == ' ' && t[3] == '0' && t[4] == '0' &&
		(t[5] == '2' && (t[6] == '6' || t[6] == '7') || t[5] == '3' && (t[6]|0x20 == 'c' || t[6]|0x20 == 'e'))
}

// open reads the brace t[p].
func (r *reader) open(p int) bool {
	n := len(r.frames)
	if n > jsonlex.MaxDepth {
		return false
	}
	if n == cap(r.frames) {
		r.frames = append(r.frames, frame{})[:n]
		r.top = &r.frames[n-1]
	}
	top := r.top
	r.frames = r.frames[:n+1]
	f := &r.frames[n]
	r.top = f
	// One by one: what is written in small pieces is slow to be copied in large ones.
	f.has, f.parts = 0, 0
	f.start, f.wait = int32(p), int32(len(r.pending))
	f.parent, f.inside = top.key, top.inside
	if top.kind != rootFrame {
		f.inside |= 1 << top.parent
	}
	f.subject, f.on, f.seen = -1, false, false
	if r.t[p] == '[' {
		f.kind, f.key, f.object = arrayFrame, f.parent, top.object
		r.elements(p + 1)
		return true
	}
	f.kind, f.key, f.object = objectFrame, mNone, int32(r.objects)
	r.objects++
	if top.subject >= 0 {
		switch {
		case top.kind == rootFrame && top.subject == 0 && len(r.subject) > 0:
			f.subject = 0
		case top.kind == objectFrame && top.on:
			f.subject = top.subject + 1
		}
		top.on = false
	}
	return true
}

// close reads the brace t[p].
func (r *reader) close(p int) bool {
	n := len(r.frames) - 1
	f := &r.frames[n]
	want := objectFrame
	if r.t[p] == ']' {
		want = arrayFrame
	}
	if f.kind != want {
		// The array around a piece may have been left out of its path.
		return r.piece && n < r.base && want == arrayFrame
	}
	if len(r.pending) > int(f.wait) {
		r.resolve(f)
	}
	r.frames = r.frames[:n]
	r.top = &r.frames[n-1]
	r.base = min(r.base, n)
	if f.parts != 0 || f.has&shaped != 0 || shapes[f.parent] {
		r.tree(r.t, f, p+1) // f stays as it is until another is opened
	}
	if r.top.kind == arrayFrame {
		r.elements(p + 1)
	}
	return true
}

// elements reads the scalars of an array from t[i] on, if its key says something
// of them, up to an array or object among them.
func (r *reader) elements(i int) {
	m := r.top.key
	if !m.asks() {
		return
	}
	for i < len(r.t) {
		switch c := r.t[i]; {
		case c == ',' || alpha(c) || c <= ' ':
			i++
		case c == '"':
			r.take(m, i)
			if i = stringEnd(r.t, i+1); i < 0 {
				return
			}
			i++
		case digit(c) || c == '-':
			r.take(m, i)
			i = max(numberEnd(r.t, i), i+1)
		default:
			return
		}
	}
}

func skipSpace(t []byte, i int) int {
	for i < len(t) && (t[i] == ' ' || t[i] == '\n' || t[i] == '\t' || t[i] == '\r') {
		i++
	}
	return i
}

// stringEnd gives the offset of the quote that ends the string that t[i] is in; -1
// where there is none.
func stringEnd(t []byte, i int) int {
	for start := i; ; i++ {
		n := bytes.IndexByte(t[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		k := i
		for k > start && t[k-1] == '\\' {
			k--
		}
		if (i-k)&1 == 0 {
			return i
		}
	}
}

// numberEnd gives the end of the number that t[i] is in.
func numberEnd(t []byte, i int) int {
	for i < len(t) && (digit(t[i]) || t[i] == '-' || t[i] == '+' || t[i] == '.' || t[i]|0x20 == 'e') {
		i++
	}
	return i
}

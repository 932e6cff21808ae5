package inspect

import (
	"math"
	"math/bits"
	"strings"
)

// random reports whether v looks drawn at random: its bytes are spread, and its
// letters do not follow each other as they do in words.
func random(v []byte) bool { return spread(v) && !wordy(v) }

// spread reports whether the bytes of v are many, and not in steps (abcdef, 12345).
func spread(v []byte) bool {
	n := len(v)
	if n < 8 {
		return false
	}
	var count [256]uint16
	var there [4]uint64 // the bytes that v has, as bits
	distinct, steps := 0, 0
	for i, c := range v {
		if count[c] == 0 {
			distinct++
			there[c>>6] |= 1 << (c & 63)
		}
		if count[c] < math.MaxUint16 {
			count[c]++
		}
		if i > 0 && c+1-v[i-1] <= 2 {
			steps++
		}
	}
	return distinct >= min(n/2, 8) && steps*2 <= n && entropy(&count, &there, n) >= min(2.8, 0.7*math.Log2(float64(n)))
}

// wordy reports whether v is made of words: two thirds of the pairs of letters in
// English text are among the usual, and a quarter of those drawn evenly; of
// hexadecimal digits a bit less than half. And words have few digits.
func wordy(v []byte) bool {
	pairs, common, digits := 0, 0, 0
	for i, c := range v {
		if digit(c) {
			digits++
		}
		if i > 0 && alpha(c) && alpha(v[i-1]) {
			pairs++
			if usual.has(v[i-1], c) && (c >= 'a' || v[i-1] < 'a') { // no word goes on in capitals
				common++
			}
		}
	}
	return pairs >= 12 && common*100 > pairs*62 && pairs*2 > len(v) && digits*6 < len(v)
}

// entropy gives the bits a byte that the counts of n bytes have, of which there says which
// are not zero (C. E. Shannon, A Mathematical Theory of Communication, section 6).
func entropy(count *[256]uint16, there *[4]uint64, n int) (entropy float64) {
	for i, set := range there {
		for ; set != 0; set &= set - 1 {
			p := float64(count[64*i+bits.TrailingZeros64(set)]) / float64(n)
			entropy -= p * math.Log2(p)
		}
	}
	return entropy
}

// pairSet is a set of pairs of letters, without case.
type pairSet [26]uint32

func (s *pairSet) has(a, b byte) bool { return s[(a|0x20)-'a']&(1<<((b|0x20)-'a')) != 0 }

// usual are the commonest pairs of letters of English: a quarter of all there are.
var usual = func() (s pairSet) {
	for _, p := range strings.Fields("th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de " +
		"hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr " +
		"ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su " +
		"id os iv ia am fi ci vi pl ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od " +
		"bo sp rd do uc bu ei ov by rm ep tt oc fa ef cu rn sc gi da yo cr ey ok my ck") {
		s[p[0]-'a'] |= 1 << (p[1] - 'a')
	}
	return s
}()

// placeholder reports whether v stands where a secret belongs and is none: an
// example, a blank, a variable.
func placeholder(v []byte) bool {
	if len(v) == 0 || v[0] == '$' && len(v) > 1 && (v[1] == '{' || v[1] == '(') || v[0] == '<' || v[0] == '%' && v[len(v)-1] == '%' ||
		v[0] == '{' && len(v) > 1 && v[1] == '{' || v[0] == '[' && v[len(v)-1] == ']' {
		return true
	}
	// A secret drawn at random holds xxxx or 234567 now and then: such a run must be
	// of one case and no small part of the whole.
	part := len(v) / 8
	same, alike, steps, stars := 0, 0, 0, 0
	for i := range v {
		if v[i] == '*' {
			stars++
		}
		if i == 0 {
			continue
		}
		if same++; v[i]|0x20 != v[i-1]|0x20 || v[i] == '-' {
			same = 0
		}
		if alike++; v[i] != v[i-1] {
			alike = 0
		}
		if steps++; v[i] != v[i-1]+1 {
			steps = 0
		}
		if same >= 5 && !digit(v[i]) || same >= 7 || alike >= 3 && (v[i]|0x20 == 'x' && alike >= part || v[i] == '.') || steps >= max(5, part) || stars >= 3 {
			return true
		}
	}
	for i := range v {
		if words := fillers[v[i]|0x20]; words != nil {
			for _, w := range words {
				if len(v)-i >= len(w) && is(v[i:i+len(w)], w) {
					return true
				}
			}
		}
	}
	return false
}

// fillers are the words that people write where a secret belongs, by their first
// letter.
var fillers = func() (t [256][]string) {
	for _, w := range []string{"example", "changeme", "change_me", "change-me", "changeit", "placeholder", "your_", "your-", "yourapi", "yourtoken", "yoursecret", "yourpass", "yourkey",
		"dummy", "redacted", "sample", "insert", "replace", "fakekey", "faketoken", "foobar", "abcdef", "123456", "qwerty", "deadbeef", "notreal", "not_real",
		"my_secret", "mysecret", "my-secret", "mytoken", "my_token", "goeshere", "goes_here", "goes-here", "undefined", "filtered", "masked", "hidden", "removed", "secret_here"} {
		t[w[0]] = append(t[w[0]], w)
	}
	return t
}()

package inspect

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
)

// The places where a secret may begin are found as Teddy does (Geoffrey Langdale's
// literal matcher in Hyperscan, NSDI 2019, section 4.2 and its sources): each anchor
// belongs to one of sixteen buckets, and a bit in a table for each of four bytes in a
// row says which buckets can go on with that byte. What passes all tables is looked
// at.

// anchorBytes is how many bytes decide.
const anchorBytes = 4

// A sifter says, for each of four bytes in a row, in which buckets that byte may
// stand there: first for the anchors that no letter or digit stands before, then for
// the others. All are ASCII.
type sifter [2][anchorBytes][128]uint8

// Which of the two.
const (
	gated = iota
	free
)

// An anchor is four bytes in the beginning of a secret: not always the first, since
// others are rarer. Of one that is shorter anything may be the rest.
type anchor struct {
	window string
	back   int  // how many bytes of the beginning come before it
	gate   bool // no letter or digit stands before it
}

// inner are beginnings whose first bytes are common words, and where a rarer part of
// them begins.
var inner = map[string]int{
	"github_pat_": 4, "discord.com/api/webhooks/": 5, "discordapp.com/api/webhooks/": 8, "hooks.slack.com/": 3, "-----BEGIN ": 7,
	"Bearer ": 3, "bearer ": 3, "BEARER ": 3, "Basic ": 2, "basic ": 2, "BASIC ": 2,
}

// anchorOf gives the anchor of what begins with prefix.
func anchorOf(prefix string, gate bool) anchor {
	i := inner[prefix]
	return anchor{prefix[i:min(i+anchorBytes, len(prefix))], i, gate && i == 0}
}

// anchors are those of all shapes of secrets.
var anchors = func() (all []anchor) {
	for _, f := range families {
		if len(f.prefix) >= 3 {
			all = append(all, anchorOf(f.prefix, true))
			continue
		}
		for c, k := range kindsOf {
			if k&f.kinds != 0 && c < 0x80 {
				all = append(all, anchorOf(f.prefix+string(rune(c)), true))
			}
		}
	}
	for _, s := range specials {
		all = append(all, anchorOf(s.prefix, false))
	}
	slices.SortFunc(all, func(a, b anchor) int { return strings.Compare(a.window, b.window) })
	return slices.Compact(all)
}()

// within are the anchors that have something before them, by their first byte.
var within = func() (t [128][]anchor) {
	for _, a := range anchors {
		if a.back > 0 {
			t[a.window[0]] = append(t[a.window[0]], a)
		}
	}
	return t
}()

// anchorSifter marks where an anchor may begin.
var anchorSifter = siftAnchors(anchors)

// anchorSet holds the anchors exactly, but for few: a bit for each hash.
var anchorSet = func() (set [2][1 << hashBits / 64]uint64) {
	for _, a := range anchors {
		h := hashOf(uint32(a.window[0]) | uint32(a.window[1])<<8 | uint32(a.window[2])<<16)
		k := 0
		if len(a.window) == anchorBytes {
			h = hashOf(uint32(a.window[0]) | uint32(a.window[1])<<8 | uint32(a.window[2])<<16 | uint32(a.window[3])<<24)
			k = 1
		}
		set[k][h>>6] |= 1 << (h & 63)
	}
	return set
}()

const hashBits = 15

func hashOf(x uint32) uint32 { return x * 0x9e3779b1 >> (32 - hashBits) }

// sure leaves those of the marks at t that are anchors.
func sure(t []byte, marks uint64) (is uint64) {
	for ; marks != 0; marks &= marks - 1 {
		i := bits.TrailingZeros64(marks)
		x := binary.LittleEndian.Uint32(t[i : i+4])
		a, b := hashOf(x&0xffffff), hashOf(x)
		if (anchorSet[0][a>>6]>>(a&63)|anchorSet[1][b>>6]>>(b&63))&1 != 0 {
			is |= 1 << i
		}
	}
	return is
}

// siftAnchors puts each anchor into the bucket where it makes the fewest other
// strings pass.
func siftAnchors(all []anchor) *sifter {
	var s sifter
	var sizes [2][8][anchorBytes]int
	for _, a := range all {
		half := free
		if a.gate {
			half = gated
		}
		best, least := 0, -1
		for b := range sizes[half] {
			was, now := 1, 1
			for k, n := range sizes[half][b] {
				was *= n
				switch {
				case k >= len(a.window):
					n = 128
				case s[half][k][a.window[k]]&(1<<b) == 0:
					n++
				}
				now *= n
			}
			if least < 0 || now-was < least {
				best, least = b, now-was
			}
		}
		for k := range anchorBytes {
			for c := range s[half][k] {
				if (k >= len(a.window) || a.window[k] == byte(c)) && s[half][k][c]&(1<<best) == 0 {
					s[half][k][c] |= 1 << best
					sizes[half][best][k]++
				}
			}
		}
	}
	return &s
}

// anchorAny marks, of the 64 bytes of t, those at which an anchor may begin: first
// those that are gated, then others. t goes on for three bytes more.
func (s *sifter) anchorAny(t *[64 + anchorBytes - 1]byte) (shut, open uint64) {
	for i := range 64 {
		if t[i]|t[i+1]|t[i+2] >= 0x80 {
			continue
		}
		a, b, c, d := t[i], t[i+1], t[i+2], t[i+3]&0x7f
		if s[gated][0][a]&s[gated][1][b]&s[gated][2][c]&s[gated][3][d] != 0 {
			shut |= 1 << i
		}
		if s[free][0][a]&s[free][1][b]&s[free][2][c]&s[free][3][d] != 0 {
			open |= 1 << i
		}
	}
	return shut, open
}

// anchored looks for a secret whose anchor may begin at t[p], and gives its end, 0
// where there is none.
func (w *walk) anchored(t []byte, lo, hi, p int) int {
	last := w.last
	w.begun = hi
	end := w.anchorAt(t, lo, hi, p)
	if end > 0 && w.begun < hi && w.barred >= last && w.barred < w.begun {
		w.unbar(t, max(lo, last), w.begun)
	}
	return end
}

// anchorAt is anchored for what stands at t[p] alone.
func (w *walk) anchorAt(t []byte, lo, hi, p int) int {
	if p+2 < hi && (t[p+2] == '=' || t[p+2] == ':') {
		// The commonest, and nothing else: the end of a key.
		return w.pair(t, lo, hi, p+1)
	}
	if end := w.secret(t, lo, hi, p); end > 0 {
		return end
	}
	if t[p] >= 0x80 {
		return 0
	}
	for _, a := range within[t[p]] {
		if p-a.back >= max(lo, w.last) && hi-p >= len(a.window) && string(t[p:p+len(a.window)]) == a.window {
			if end := w.secret(t, lo, hi, p-a.back); end > 0 {
				return end
			}
		}
	}
	return 0
}

// address of a URL: how far before an @ or ? its scheme may be.
const urlReach = 512

// urlAt looks at the URL in which the @ or ? at t[p] stands, and gives where to go
// on, 0 where there is nothing of a secret in it.
func (w *walk) urlAt(t []byte, lo, hi, p int) int {
	path, query := false, false // begin before p
	for i, floor := p-1, max(lo, w.last, p-urlReach); i-2 >= floor; i-- {
		switch c := t[i]; {
		case urlEnd[c] || t[p] == '@' && c == '@':
			return 0
		case c == '?':
			query = true
		case c != '/':
		case t[i-1] == '/' && t[i-2] == ':':
			if t[p] == '@' && path && !query && !hasQuery(t[p:hi]) {
				return 0 // no user, and nothing that is signed
			}
			return w.url(t, lo, hi, i-2, i+1)
		default:
			path = true
		}
	}
	return 0
}

// hasQuery reports whether the URL in which t begins has a query from there on.
func hasQuery(t []byte) bool {
	for _, c := range t {
		if c == '?' || urlEnd[c] {
			return c == '?'
		}
	}
	return false
}

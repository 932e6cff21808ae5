package inspect

import "slices"

// The places where a secret may begin are found as Teddy does (Geoffrey Langdale's
// literal matcher in Hyperscan, NSDI 2019, section 4.2 and its sources): each anchor
// belongs to one of eight buckets, and a bit in a table for each of three bytes in
// a row says which buckets can go on with that byte. What passes all three tables
// is looked at.

// fingerprint is how many bytes decide.
const fingerprint = 3

// A sifter says, for each of three bytes in a row, in which buckets that byte may
// stand there.
type sifter [fingerprint][256]uint8

// anchors are what all shapes of secrets begin with, none shorter than the
// fingerprint.
var anchors = func() (all []string) {
	for _, f := range families {
		if len(f.prefix) >= fingerprint {
			all = append(all, f.prefix)
			continue
		}
		for c, k := range kindsOf {
			if k&f.kinds != 0 {
				all = append(all, f.prefix+string(rune(c)))
			}
		}
	}
	for _, s := range specials {
		all = append(all, s.prefix)
	}
	slices.Sort(all)
	return slices.Compact(all)
}()

// anchorSifter marks where an anchor may begin.
var anchorSifter = sift(anchors)

// sift puts each string into the bucket where it makes the fewest other strings
// pass.
func sift(all []string) *sifter {
	var s sifter
	var sizes [8][fingerprint]int
	for _, a := range all {
		best, least := 0, -1
		for b := range sizes {
			was, now := 1, 1
			for k, n := range sizes[b] {
				was *= n
				if s[k][a[k]]&(1<<b) == 0 {
					n++
				}
				now *= n
			}
			if least < 0 || now-was < least {
				best, least = b, now-was
			}
		}
		for k := range fingerprint {
			if s[k][a[k]]&(1<<best) == 0 {
				s[k][a[k]] |= 1 << best
				sizes[best][k]++
			}
		}
	}
	return &s
}

// anchored marks, of the 64 bytes t[off:], those at which an anchor may begin: all
// at which one does, and a few more. Anchors that the end of t cuts off are not
// marked.
func anchored(t []byte, off int) (marks uint64) {
	t = t[off:min(len(t), off+64+fingerprint-1)]
	s := anchorSifter
	for i := 0; i+2 < len(t); i++ {
		if s[0][t[i]]&s[1][t[i+1]]&s[2][t[i+2]] != 0 {
			marks |= 1 << i
		}
	}
	return marks
}

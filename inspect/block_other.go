//go:build !amd64

package inspect

// classify marks the blocks of t as the blocks from k on.
func (s *sheet) classify(t []byte, k int) {
	for ; len(t) > 0; t = t[64:] {
		s.classifyAny((*[64]byte)(t), k)
		k++
	}
}

// sift turns the marks of n blocks into triggers.
func (s *sheet) sift(n int) {
	s.gate(n)
	s.siftAny(n)
}

// anchors marks the n blocks of t as the blocks from k on. t is a little longer.
func (s *sheet) anchors(t []byte, k, n int) {
	for i := range n {
		s.shut[k+i], s.anchor[k+i] = anchorSifter.anchorAny((*[64 + anchorBytes - 1]byte)(t[64*i:]))
	}
}

// fill writes the places of the bits of n blocks, and gives how many they are.
func (p *places) fill(set *[batch]uint64, n int) int { return p.fillAny(set, n) }

package inspect

import "golang.org/x/sys/cpu"

// wide32 says whether the machine has 32-byte registers that compare bytes, and
// wide64 whether it has 64-byte ones with masks.
var (
	wide32 = cpu.X86.HasAVX2
	wide64 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && wide32
	tables = wide64 && cpu.X86.HasAVX512VBMI
)

// classifyAVX2 marks the n blocks at b as the blocks from k on.
//
//go:noescape
func classifyAVX2(b *byte, s *sheet, k, n int)

// classifyAVX512 does the same.
//
//go:noescape
func classifyAVX512(b *byte, s *sheet, k, n int)

// siftAVX2 does what siftAny does, for four blocks at a time: for n, and up to
// three more, of which nothing is said.
//
//go:noescape
func siftAVX2(s *sheet, n int)

// classify marks the blocks of t as the blocks from k on.
func (s *sheet) classify(t []byte, k int) {
	switch {
	case wide64:
		classifyAVX512(&t[0], s, k, len(t)/64)
	case wide32:
		classifyAVX2(&t[0], s, k, len(t)/64)
	default:
		for ; len(t) > 0; t = t[64:] {
			s.classifyAny((*[64]byte)(t), k)
			k++
		}
	}
}

// sift turns the marks of n blocks into triggers.
func (s *sheet) sift(n int) {
	if wide32 {
		siftAVX2(s, n)
		return
	}
	s.siftAny(n)
}

// anchorVBMI marks the n blocks at b as the blocks from k on. It reads three bytes
// more.
//
//go:noescape
func anchorVBMI(b *byte, s *sheet, k, n int, x *sifter)

// anchors marks the n blocks of t as the blocks from k on. t is a little longer.
func (s *sheet) anchors(t []byte, k, n int) {
	if tables {
		anchorVBMI(&t[0], s, k, n, anchorSifter)
		return
	}
	for i := range n {
		s.shut[k+i], s.anchor[k+i] = anchorSifter.anchorAny((*[64 + fingerprint - 1]byte)(t[64*i:]))
	}
}

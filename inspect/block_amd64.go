package inspect

import "golang.org/x/sys/cpu"

// wide32 says whether the machine has 32-byte registers that compare bytes, wide64
// whether it has 64-byte ones with masks, and wideTables whether these look up tables of
// bytes, shift over words and turn matrices of bits.
var (
	wide32     = cpu.X86.HasAVX2
	wide64     = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && wide32
	wideTables = wide64 && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2 && cpu.X86.HasAVX512GFNI
)

// classifyAVX2 marks the n blocks at b as the blocks from k on.
//
//go:noescape
func classifyAVX2(b *byte, s *sheet, k, n int)

// classifyAVX512 does the same.
//
//go:noescape
func classifyAVX512(b *byte, s *sheet, k, n int)

// classifyWide does the same for a multiple of eight blocks.
//
//go:noescape
func classifyWide(b *byte, s *sheet, k, n int, kinds *[128]uint8)

// siftAVX2 does what siftAny does, for four blocks at a time: for n, and up to
// three more, of which nothing is said.
//
//go:noescape
func siftAVX2(s *sheet, n int)

// siftWide does what gate and siftAny do, for eight blocks at a time: for n, and up to
// seven more, of which nothing is said.
//
//go:noescape
func siftWide(s *sheet, n int)

// anchorWide marks the n blocks at b as the blocks from k on. It reads three bytes
// more.
//
//go:noescape
func anchorWide(b *byte, s *sheet, k, n int, x *sifter)

// marksOf are the marks of a byte, as bits in the order that classifyWide stores them in.
var marksOf = func() (t [128]uint8) {
	for c := range t {
		for bit, is := range [...]bool{c == '"', c == '\\', c == ':', c|0x26 == 0x7f, digit(byte(c)), c < '0',
			c == '@' || c == '%' || c == '+' || c == '?', alnum(byte(c))} {
			if is {
				t[c] |= 1 << bit
			}
		}
	}
	return t
}()

// classify marks the blocks of t as the blocks from k on.
func (s *sheet) classify(t []byte, k int) {
	if n := len(t) / 64 &^ 7; wideTables && n > 0 {
		classifyWide(&t[0], s, k, n, &marksOf)
		t, k = t[64*n:], k+n
		if len(t) == 0 {
			return
		}
	}
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
	switch {
	case wideTables:
		siftWide(s, n)
	case wide32:
		s.gate(n)
		siftAVX2(s, n)
	default:
		s.gate(n)
		s.siftAny(n)
	}
}

// anchors marks the n blocks of t as the blocks from k on. t is a little longer.
func (s *sheet) anchors(t []byte, k, n int) {
	if wideTables {
		anchorWide(&t[0], s, k, n, anchorSifter)
		return
	}
	for i := range n {
		s.shut[k+i], s.anchor[k+i] = anchorSifter.anchorAny((*[64 + anchorBytes - 1]byte)(t[64*i:]))
	}
}

// fillBMI does what fillAny does. What lies behind the places is written over, up to
// four of them.
//
//go:noescape
func fillBMI(p *places, set *[batch]uint64, n int) int

// fill writes the places of the bits of n blocks, and gives how many they are.
func (p *places) fill(set *[batch]uint64, n int) int {
	if wide32 {
		return fillBMI(p, set, n)
	}
	return p.fillAny(set, n)
}

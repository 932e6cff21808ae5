package inspect

import (
	"encoding/binary"
	"math/bits"
)

// batch is how many blocks of 64 bytes are marked at a time.
const batch = 32

// batchBytes is how many bytes that is.
const batchBytes = 64 * batch

// A sheet says, for the 64 bytes of each block of a batch, which of them are of a
// kind (bit i stands for byte i), and, from that, where a scanner should look. The
// kernels in block_amd64.s know its layout.
type sheet struct {
	// What the bytes are.
	quote [batch]uint64
	slash [batch]uint64
	colon [batch]uint64
	brace [batch]uint64 // { } [ ], and the bytes Y _ y DEL, which JSON has only in strings
	digit [batch]uint64
	low   [batch]uint64 // below '0': the separators of numbers are among them
	sign  [batch]uint64 // @ % + ?
	high  [batch]uint64 // 0x80 and above
	alnum [batch]uint64

	// What follows from it: sift.
	trig   [batch]uint64
	bare   [batch]uint64
	token  [batch]uint64
	parity [batch]uint64 // how many quotes there are up to here in the block: odd or even

	// What the blocks before contribute to patterns that cross an edge. Only one word
	// of each counts: the first, or the last where eight blocks are sifted at a time.
	carry [carries][8]uint64

	anchor [batch]uint64 // where a secret may begin
	shut   [batch]uint64 // the same, if no letter or digit stands before
}

// The words of carry: which of the sets of sift they are the last block of.
const (
	carryDigit = iota
	carryRun3
	carryRun6
	carryLow
	carryJoint
	carryJoint2
	carryJoint6
	carryColon
	carryColon2
	carryColon5
	carrySecond
	carrySecond2
	carrySecond5
	carryAlpha
	carryAlpha2
	carryAlpha5
	carryAlnum
	carryAlnum2
	carryAlnum4
	carryAlnum8
	carryAlnum16
	carryWay
	carryWay2
	carrySlash
	carryFree
	carries
)

// begin makes the sheet ready for a new text.
func (s *sheet) begin() {
	s.carry = [carries][8]uint64{}
}

// mark marks the blocks of t[off:], as many as the sheet holds. What lies behind
// the end counts as zeros.
func (s *sheet) mark(t []byte, off int) {
	// The last blocks are copied, so that kernels may read a little too far.
	var tail [3 * 64]byte
	t = t[off:]
	n := min(max(len(t)-anchorBytes+1, 0)/64, batch)
	whole := n
	if n > 0 {
		s.classify(t[:64*n], 0)
		s.anchors(t, 0, n)
	}
	if n < batch && 64*n < len(t) {
		copy(tail[:], t[64*n:min(len(t), 64*n+len(tail))])
		k := min((len(t)-64*n+63)/64, batch-n)
		s.classify(tail[:64*k], n)
		s.anchors(tail[:], n, k)
		n += k
	}
	s.sift(n)
	for i, a := range s.anchor[:n] {
		if a == 0 {
			continue
		}
		if i < whole {
			s.anchor[i] = sure(t[64*i:], a)
		} else {
			s.anchor[i] = sure(tail[64*(i-whole):], a)
		}
	}
}

// gate adds the anchors that no letter or digit stands before to the others.
func (s *sheet) gate(n int) {
	for i := range n {
		slash := s.slash[i]
		// The n of an escaped line's end is no letter.
		a := s.alnum[i] &^ back(slash, s.before(carrySlash, slash), 1)
		s.anchor[i] |= s.shut[i] &^ back(a, s.before(carryFree, a), 1)
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	lows  = 0x7f7f7f7f7f7f7f7f
)

// gather moves the top bits of the eight bytes of x into the lowest byte.
func gather(x uint64) uint64 { return (x >> 7) * 0x0102040810204080 >> 56 }

// classifyAny marks the block b as block k, eight bytes at a time, on any machine.
// Each byte is compared without carries between bytes: with its top bit cleared,
// adding 0x7f sets the top bit unless the byte is zero, and adding 0x80-n sets it
// from n up.
func (s *sheet) classifyAny(b *[64]byte, k int) {
	var quote, slash, colon, brace, digits, low, sign, high, alphas uint64
	var rare, signs, tops uint64
	for i := 0; i < 64; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		lo := x & lows
		from0 := lo + (0x80-'0')*ones
		from10 := lo + (0x80-':')*ones
		small := lo | 0x20*ones
		quote |= gather(^(lo^'"'*ones+lows|x)&highs) << i
		colon |= gather(^(lo^':'*ones+lows|x)&highs) << i
		brace |= gather(^((lo|0x26*ones)^0x7f*ones+lows|x)&highs) << i
		digits |= gather(from0&^from10&^x&highs) << i
		low |= gather(^(from0|x)&highs) << i
		alphas |= gather((small+(0x80-'a')*ones)&^(small+(0x80-'{')*ones)&^x&highs) << i
		rare |= ^(lo ^ '\\'*ones + lows | x)
		signs |= ^((lo^'@'*ones+lows)&(lo^'%'*ones+lows)&(lo^'+'*ones+lows)&(lo^'?'*ones+lows) | x)
		tops |= x
	}
	// The rare ones are gathered only where there are some.
	if rare&highs != 0 {
		for i := 0; i < 64; i += 8 {
			x := binary.LittleEndian.Uint64(b[i:])
			slash |= gather(^(x&lows^'\\'*ones+lows|x)&highs) << i
		}
	}
	if signs&highs != 0 {
		for i := 0; i < 64; i += 8 {
			x := binary.LittleEndian.Uint64(b[i:])
			lo := x & lows
			sign |= gather(^((lo^'@'*ones+lows)&(lo^'%'*ones+lows)&(lo^'+'*ones+lows)&(lo^'?'*ones+lows)|x)&highs) << i
		}
	}
	if tops&highs != 0 {
		for i := 0; i < 64; i += 8 {
			high |= gather(binary.LittleEndian.Uint64(b[i:])&highs) << i
		}
	}
	s.quote[k], s.slash[k], s.colon[k], s.brace[k], s.digit[k] = quote, slash, colon, brace, digits
	s.low[k], s.sign[k], s.high[k], s.alnum[k] = low, sign, high, alphas|digits
}

// siftAny turns the marks of n blocks into triggers: places where a scanner should
// look. A pattern is marked at its last byte, so that it looks backwards only:
//   - the sixth and later digits in a row (phones, cards, IBANs);
//   - the second digit within seven bytes that comes after another and one or two
//     separators, and digits or separators since (numbers in groups, dotted quads);
//   - the third colon of three that are less than six bytes apart, and the second
//     of two side by side (IPv6);
//   - the second digit after five letters or more (identifiers of persons).
//
// Apart from those: in bare the thirteenth and later digits in a row, the only ones
// of interest in a bare JSON number, whose shorter kinds need a key to mean
// anything; in token the sixteenth letter or digit in a row.
func (s *sheet) siftAny(n int) {
	for i := range n {
		d := s.digit[i]
		pd := s.before(carryDigit, d)
		d1, d2 := back(d, pd, 1), back(d, pd, 2)
		run3 := d & d1 & d2
		run6 := run3 & back(run3, s.before(carryRun3, run3), 3)
		s.bare[i] = run6 & back(run6, s.before(carryRun6, run6), 6) & back(d, pd, 12)

		low := s.low[i]
		pl := s.before(carryLow, low)
		joint := d & back(low, pl, 1) & (d2 | back(low, pl, 2)&back(d, pd, 3))
		// Of joints, smeared over the up to 6 bytes from each on that are digits or
		// low: two to seven on.
		w := d | low
		w2 := w & back(w, s.before(carryWay, w), 1)
		w4 := w2 & back(w2, s.before(carryWay2, w2), 2)
		j2 := joint | back(joint, s.before(carryJoint, joint), 1)&w
		p2 := s.before(carryJoint2, j2)
		j6 := j2 | back(j2, p2, 2)&w2 | back(j2, p2, 4)&w4
		pair := joint & w2 & back(j6, s.before(carryJoint6, j6), 2)

		c := s.colon[i]
		pc := s.before(carryColon, c)
		double := c & back(c, pc, 1)
		c2 := c | back(c, pc, 1)
		c5 := c2 | back(c2, s.before(carryColon2, c2), 2) | back(c, pc, 4)
		second := c & back(c5, s.before(carryColon5, c5), 1)
		ps := s.before(carrySecond, second)
		s2 := second | back(second, ps, 1)
		s5 := s2 | back(s2, s.before(carrySecond2, s2), 2) | back(second, ps, 4)
		third := second & back(s5, s.before(carrySecond5, s5), 1)

		a := s.alnum[i]
		l := a &^ d
		pa := s.before(carryAlpha, l)
		l2 := l & back(l, pa, 1)
		l5 := l2 & back(l2, s.before(carryAlpha2, l2), 2) & back(l, pa, 4)
		mixed := d & d1 & back(l5, s.before(carryAlpha5, l5), 2)
		s.trig[i] = run6 | pair | double | third | mixed

		a2 := a & back(a, s.before(carryAlnum, a), 1)
		a4 := a2 & back(a2, s.before(carryAlnum2, a2), 2)
		a8 := a4 & back(a4, s.before(carryAlnum4, a4), 4)
		a16 := a8 & back(a8, s.before(carryAlnum8, a8), 8)
		s.token[i] = a16 &^ back(a16, s.before(carryAlnum16, a16), 1)

		s.parity[i] = inside(s.quote[i])
	}
}

// before gives the set that had been kept under k, the one of the block before, and
// keeps x.
func (s *sheet) before(k int, x uint64) uint64 {
	p := s.carry[k][0]
	s.carry[k][0] = x
	return p
}

// back gives cur moved n bytes on, with what moves in from the block before.
func back(cur, prev uint64, n int) uint64 { return cur<<n | prev>>(64-n) }

// inside gives, from the quotes of a block, which bytes are within a string:
// from the opening quote up to, not including, the closing one. It is the
// running parity of the quotes.
func inside(quotes uint64) uint64 {
	q := quotes
	q ^= q << 1
	q ^= q << 2
	q ^= q << 4
	q ^= q << 8
	q ^= q << 16
	q ^= q << 32
	return q
}

// escaped gives the bytes that a backslash before them escapes. carry says that
// the first byte is one, and afterwards that the first of the next block is.
//
// It is the way of simdjson (Geoff Langdale and Daniel Lemire, Parsing Gigabytes of
// JSON per Second, 2019, section 3.1.1): where a row of backslashes begins at an odd
// place, adding it to itself carries behind its end, and there odd and even places
// change their roles.
func escaped(slash uint64, carry *uint64) uint64 {
	const even = 0x5555555555555555
	slash &^= *carry
	follows := slash<<1 | *carry
	var turned uint64
	turned, *carry = bits.Add64(slash&^even&^follows, slash, 0)
	return (even ^ turned<<1) & follows
}

// places are the places of bytes in a batch.
type places [batchBytes + 8]uint16

// fillAny writes the places of the bits of n blocks, and gives how many they are. Four
// are written at a time, so that their number need not be guessed.
func (p *places) fillAny(set *[batch]uint64, n int) (m int) {
	for k, x := range set[:n] {
		for left := bits.OnesCount64(x); left > 0; left -= 4 {
			to := p[m : m+4 : m+4]
			for i := range to {
				to[i] = uint16(64*k + bits.TrailingZeros64(x))
				x &= x - 1
			}
			m += min(left, 4)
		}
	}
	return m
}

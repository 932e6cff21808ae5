package inspect

import (
	"encoding/binary"
	"math/bits"
)

// marks says, for the 64 bytes of a block, which of them are of a kind: bit i
// stands for byte i.
type marks struct {
	quote, slash, colon uint64
	brace               uint64 // { } [ ], and the bytes Y _ y DEL, which JSON has only in strings
	digit               uint64
	low                 uint64 // below '0': the separators of numbers are among them
	sign                uint64 // @ % +
	high                uint64 // 0x80 and above
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	lows  = 0x7f7f7f7f7f7f7f7f
)

// gather moves the top bits of the eight bytes of x into the lowest byte.
func gather(x uint64) uint64 { return (x >> 7) * 0x0102040810204080 >> 56 }

// batch is how many blocks are marked at a time.
const batch = 32

// batchBytes is how many bytes that is.
const batchBytes = 64 * batch

// mark marks the blocks of t[off:], as many as ms holds. What lies behind the end
// counts as zeros.
func mark(t []byte, off int, ms *[batch]marks) {
	n := min((len(t)-off)/64, batch)
	if n > 0 {
		classifyAll(t[off:off+64*n], ms[:n])
	}
	if n < batch && off+64*n < len(t) {
		var tail [64]byte
		copy(tail[:], t[off+64*n:])
		classifyAll(tail[:], ms[n:n+1])
	}
}

// classify marks the block b, eight bytes at a time, on any machine. Each byte is compared
// without carries between bytes: with its top bit cleared, adding 0x7f sets the
// top bit unless the byte is zero, and adding 0x80-n sets it from n up.
func classify(b *[64]byte, m *marks) {
	*m = marks{}
	var slash, sign, high uint64
	for i := 0; i < 64; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		lo := x & lows
		from0 := lo + (0x80-'0')*ones
		from10 := lo + (0x80-':')*ones
		m.quote |= gather(^(lo^'"'*ones+lows|x)&highs) << i
		m.colon |= gather(^(lo^':'*ones+lows|x)&highs) << i
		m.brace |= gather(^((lo|0x26*ones)^0x7f*ones+lows|x)&highs) << i
		m.digit |= gather(from0&^from10&^x&highs) << i
		m.low |= gather(^(from0|x)&highs) << i
		slash |= ^(lo ^ '\\'*ones + lows | x)
		sign |= ^((lo^'@'*ones+lows)&(lo^'%'*ones+lows)&(lo^'+'*ones+lows) | x)
		high |= x
	}
	// The rare ones are gathered only where there are some.
	if slash&highs != 0 {
		for i := 0; i < 64; i += 8 {
			x := binary.LittleEndian.Uint64(b[i:])
			m.slash |= gather(^(x&lows^'\\'*ones+lows|x)&highs) << i
		}
	}
	if sign&highs != 0 {
		for i := 0; i < 64; i += 8 {
			x := binary.LittleEndian.Uint64(b[i:])
			lo := x & lows
			m.sign |= gather(^((lo^'@'*ones+lows)&(lo^'%'*ones+lows)&(lo^'+'*ones+lows)|x)&highs) << i
		}
	}
	if high&highs != 0 {
		for i := 0; i < 64; i += 8 {
			m.high |= gather(binary.LittleEndian.Uint64(b[i:])&highs) << i
		}
	}
}

// A sieve turns marks into triggers: places where a scanner should look. It
// holds what the blocks before contribute to patterns that cross an edge. A
// pattern is marked at its last byte, so that it looks backwards only.
type sieve struct {
	digit, low, colon, joint, run3, run6, twice uint64 // of the block before
}

// back gives cur moved n bytes on, with what moves in from the block before.
func back(cur, prev uint64, n int) uint64 { return cur<<n | prev>>(64-n) }

// within5 marks the one to five bytes after those marked in cur, and in prev, the
// block before.
func within5(cur, prev uint64) uint64 {
	m := cur << 1
	m |= m << 1
	m |= m<<2 | cur<<5
	p := prev >> 59
	p |= p >> 1
	p |= p >> 2
	return m | p | p>>4
}

// A place where something may be:
//   - the sixth and later digits in a row (phones, cards, IBANs);
//   - the second digit within seven bytes that comes after another and one or two
//     separators (numbers in groups, dotted quads);
//   - the third colon of three that are less than six bytes apart (IPv6).
//
// long are the thirteenth and later digits in a row: the only ones of interest
// in a bare JSON number, whose shorter kinds need a key to mean anything.
func (s *sieve) triggers(m *marks) (trig, long uint64) {
	d := m.digit
	if d|m.colon == 0 {
		*s = sieve{}
		return 0, 0
	}
	run3 := d & back(d, s.digit, 1) & back(d, s.digit, 2)
	run6 := run3 & back(run3, s.run3, 3)
	long = run6 & back(run6, s.run6, 6) & back(d, s.digit, 12)
	low1 := back(m.low, s.low, 1)
	joint := d & low1 & (back(d, s.digit, 2) | back(m.low, s.low, 2)&back(d, s.digit, 3))
	pair := uint64(0)
	if joint != 0 {
		// Two to seven bytes on.
		pair = joint << 2
		pair |= pair << 1
		pair |= pair<<2 | joint<<6 | joint<<7
		if s.joint>>57 != 0 {
			for n := 2; n <= 7; n++ {
				pair |= s.joint >> (64 - n)
			}
		}
		pair &= joint
	}
	var second, third uint64
	if c := m.colon; c != 0 {
		second = c & within5(c, s.colon)
		// "::" counts by itself.
		third = second&within5(second, s.twice) | c&back(c, s.colon, 1)
	}
	*s = sieve{d, m.low, m.colon, joint, run3, run6, second}
	return run6 | pair | third, long
}

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
func escaped(slash uint64, carry *uint64) uint64 {
	e := *carry
	slash &^= e
	*carry = 0
	for slash != 0 {
		i := bits.TrailingZeros64(slash)
		if i == 63 {
			*carry = 1
			break
		}
		e |= 1 << (i + 1)
		slash &^= 3 << i
	}
	return e
}

package inspect

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainMarks marks a block byte by byte.
func plainMarks(b *[64]byte) (m marks) {
	for i, c := range b {
		set := func(to *uint64, is bool) {
			if is {
				*to |= 1 << i
			}
		}
		set(&m.quote, c == '"')
		set(&m.slash, c == '\\')
		set(&m.colon, c == ':')
		set(&m.brace, strings.IndexByte("{}[]Y_y\x7f", c) >= 0)
		set(&m.digit, c >= '0' && c <= '9')
		set(&m.low, c < '0')
		set(&m.sign, c == '@' || c == '%' || c == '+')
		set(&m.high, c >= 0x80)
	}
	return m
}

// TestMarksAgree compares what marks blocks, on this machine and on any, with the
// obvious way.
func TestMarksAgree(t *testing.T) {
	var b [64]byte
	for c := range 256 {
		for i := range b {
			b[i] = byte(c + i*(c%3))
		}
		checkMarks(t, &b)
	}
	rapid.Check(t, func(t *rapid.T) {
		copy(b[:], rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "block"))
		checkMarks(t, &b)
	})
}

func checkMarks(t interface{ Errorf(string, ...any) }, b *[64]byte) {
	want := plainMarks(b)
	var got marks
	if classify(b, &got); got != want {
		t.Errorf("%q: got %x, want %x", b, got, want)
	}
	var ms [3]marks
	three := append(append(append([]byte(nil), b[:]...), make([]byte, 64)...), b[:]...)
	if classifyAll(three, ms[:]); ms[0] != want || ms[2] != want {
		t.Errorf("%q: got %x, want %x", b, ms, want)
	}
}

// TestTriggers compares the shifts of the sieve, over block edges, with patterns
// looked for byte by byte.
func TestTriggers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("0123456789  -.:ax")), 1, 300, -1).Draw(t, "text"))
		at := func(i int, is func(byte) bool) bool { return i >= 0 && is(text[i]) }
		isLow := func(c byte) bool { return c < '0' }
		colon := func(c byte) bool { return c == ':' }
		joint := func(i int) bool {
			return at(i, digit) && at(i-1, isLow) && (at(i-2, digit) || at(i-2, isLow) && at(i-3, digit))
		}
		second := func(i int) bool {
			for n := 1; n <= 5; n++ {
				if at(i, colon) && at(i-n, colon) {
					return true
				}
			}
			return false
		}
		row := func(i, n int) bool {
			for k := range n {
				if !at(i-k, digit) {
					return false
				}
			}
			return true
		}
		var s sieve
		for off := 0; off < len(text); off += 64 {
			var b [64]byte
			copy(b[:], text[off:])
			m := plainMarks(&b)
			trig, long := s.triggers(&m)
			for i := off; i < min(off+64, len(text)); i++ {
				want := row(i, 6) || at(i, colon) && at(i-1, colon)
				for n := 2; n <= 7; n++ {
					want = want || joint(i) && i >= n && joint(i-n)
				}
				for n := 1; n <= 5; n++ {
					want = want || second(i) && i >= n && second(i-n)
				}
				if got := trig&(1<<(i-off)) != 0; got != want {
					t.Fatalf("%q at %d: got %v", text, i, got)
				}
				if got := long&(1<<(i-off)) != 0; got != row(i, 13) {
					t.Fatalf("%q at %d: long is %v", text, i, got)
				}
			}
		}
	})
}

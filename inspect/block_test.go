package inspect

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainMarks marks block k of s byte by byte.
func plainMarks(s *sheet, b []byte, k int) {
	for i, c := range b {
		set := func(to *[batch]uint64, is bool) {
			if is {
				to[k] |= 1 << i
			}
		}
		set(&s.quote, c == '"')
		set(&s.slash, c == '\\')
		set(&s.colon, c == ':')
		set(&s.brace, strings.IndexByte("{}[]Y_y\x7f", c) >= 0)
		set(&s.digit, c >= '0' && c <= '9')
		set(&s.low, c < '0')
		set(&s.sign, c == '@' || c == '%' || c == '+' || c == '?')
		set(&s.high, c >= 0x80)
		set(&s.alnum, alnum(c))
	}
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
	var want, any, here sheet
	three := append(append(append([]byte(nil), b[:]...), make([]byte, 64)...), b[:]...)
	for k := range 3 {
		plainMarks(&want, three[64*k:64*k+64], k+1)
		any.classifyAny((*[64]byte)(three[64*k:]), k+1)
	}
	here.classify(three, 1)
	if any != want || here != want {
		t.Errorf("%q: got %x and %x, want %x", b, any, here, want)
	}
	for _, how := range kernels {
		var s sheet
		if how(&s, three, 1); s != want {
			t.Errorf("%q: got %x, want %x", b, s, want)
		}
	}
}

// TestTriggers compares what is sifted, over the edges of blocks and batches, with
// patterns looked for byte by byte.
func TestTriggers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("0123456789  -.:aaaaaaaaxyz\"")), 1, 300, -1).Draw(t, "text"))
		if rapid.Bool().Draw(t, "long") {
			text = append(make([]byte, batchBytes-100), text...)
		}
		checkTriggers(t, text)
	})
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		text := make([]byte, r.IntN(2*batchBytes+300))
		for i := range text {
			text[i] = "0011 -.:ab\""[r.IntN(11)]
		}
		checkTriggers(t, text)
	}
}

func checkTriggers(t interface{ Fatalf(string, ...any) }, text []byte) {
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
	row := func(i, n int, is func(byte) bool) bool {
		for k := range n {
			if !at(i-k, is) {
				return false
			}
		}
		return true
	}
	var s, any sheet
	s.begin()
	odd := uint64(0)
	for i := range text {
		if i%batchBytes == 0 {
			s.mark(text, i)
			carry := any.carry
			any = s
			any.carry = carry
			any.siftAny(batch)
		}
		if i%64 == 0 {
			odd = 0
		}
		if text[i] == '"' {
			odd ^= 1
		}
		trig := row(i, 6, digit) || at(i, colon) && at(i-1, colon) || row(i, 2, digit) && row(i-2, 5, alpha)
		for n := 2; n <= 7; n++ {
			trig = trig || joint(i) && i >= n && joint(i-n) && row(i, n, func(c byte) bool { return digit(c) || isLow(c) })
		}
		for n := 1; n <= 5; n++ {
			trig = trig || second(i) && i >= n && second(i-n)
		}
		is := func(name string, got, plain *[batch]uint64, want bool) {
			k := i / 64 % batch
			if g := got[k]>>(i%64)&1 != 0; g != want {
				t.Fatalf("%q at %d: %s is %v", text, i, name, g)
			}
			if g := plain[k]>>(i%64)&1 != 0; g != want {
				t.Fatalf("%q at %d: the plain %s is %v", text, i, name, g)
			}
		}
		is("trig", &s.trig, &any.trig, trig)
		is("bare", &s.bare, &any.bare, row(i, 13, digit))
		is("token", &s.token, &any.token, row(i, 16, alnum) && !at(i-16, alnum))
		is("parity", &s.parity, &any.parity, odd != 0)
	}
}

// TestPlaces compares the places that are written, by this machine and by any, with
// the bits one by one.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set [batch]uint64
		n := rapid.IntRange(0, batch).Draw(t, "blocks")
		for k := range set {
			set[k] = rapid.Uint64().Draw(t, "block") & rapid.OneOf(rapid.Just(^uint64(0)), rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "mask")
		}
		var want []uint16
		for i := range 64 * n {
			if set[i/64]>>(i%64)&1 != 0 {
				want = append(want, uint16(i))
			}
		}
		var here, any places
		if m := here.fill(&set, n); !slices.Equal(here[:m], want) {
			t.Fatalf("got %v, want %v", here[:m], want)
		}
		if m := any.fillAny(&set, n); !slices.Equal(any[:m], want) {
			t.Fatalf("got %v, want %v", any[:m], want)
		}
	})
}

// TestEscaped compares the bytes that are escaped with counting.
func TestEscaped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var carry uint64
		odd := false
		for range 4 {
			slash := rapid.Uint64().Draw(t, "slash") | rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "more")
			got := escaped(slash, &carry)
			for i := range 64 {
				if is := got>>i&1 != 0; is != odd {
					t.Fatalf("%x: byte %d: %v", slash, i, is)
				}
				odd = !odd && slash>>i&1 != 0
			}
		}
	})
}

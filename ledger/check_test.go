package ledger

import (
	"testing"

	"pgregory.net/rapid"
)

// What servers write is of the common form: else a verification would take twice
// as long, and nothing but a watch would tell.
func TestCommonEntriesArePlain(t *testing.T) {
	for _, n := range []int{100, 300, 2470, 19000} {
		e := sized(n)
		e.Time = day
		b, err := e.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if ns, ok := plain(b); !ok || ns != day.UnixNano() {
			t.Errorf("an entry of %d bytes: %d, %v", len(b), ns, ok)
		}
	}
}

// plain never says yes to what the decoder refuses: one byte of an entry is
// changed, left out or put in.
func TestPlainIsNoSecondOpinion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.Custom(func(t *rapid.T) []byte {
			b, _ := drawEntry(t).AppendTo(nil) // nil for one that cannot be written
			return b
		}).Filter(func(b []byte) bool { return b != nil }).Draw(t, "entry")
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			b[at] = rapid.Byte().Draw(t, "byte")
		case 1:
			b = append(b[:at], b[at+1:]...)
		case 2:
			b = append(b[:at], append([]byte{rapid.Byte().Draw(t, "byte")}, b[at:]...)...)
		}
		ns, ok := plain(b)
		if e, err := Decode(b); ok && (err != nil || e.Time.UnixNano() != ns) {
			t.Fatalf("plain says yes and %d to %x, the decoder %v", ns, b, err)
		}
	})
}

package tokenform_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/getweir/weir/internal/tokenform"
)

func TestTokensAreKnownAndNothingElseIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id [16]byte
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		plain := tokenform.Plain(id)
		if got, ok := tokenform.ParsePlain(plain); !ok || got != id {
			t.Fatalf("%s reads %x", plain, got)
		}
		for _, token := range []string{plain, tokenform.Email(id), tokenform.Phone(rapid.Uint64().Draw(t, "n"))} {
			if !tokenform.Is([]byte(token)) || len(token) > tokenform.Longest {
				t.Fatalf("%s is no token", token)
			}
			at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
			other := []byte(token)
			other[at] ^= 1
			if tokenform.Is(other) && token[0] != 'w' { // of letters two of check tell all but one in 1024
				t.Fatalf("%s is one, too", other)
			}
			for _, text := range []string{`{"a":"%s"}`, "%s", "x %s.", "<b>%s</b>", "to=%s&b=1"} {
				doc := fmt.Appendf(nil, text, token)
				start := strings.Index(text, "%")
				if !tokenform.Covers(doc, start, start+len(token)) || !tokenform.Covers(doc, start+3, start+9) {
					t.Fatalf("it is not seen in %s", doc)
				}
			}
			for _, text := range []string{"x%s", "%sx", "jo.%s", "%s,1"} {
				if doc := fmt.Appendf(nil, text, token); tokenform.Is(doc) {
					t.Fatalf("%s is one", doc)
				}
			}
		}
	})
	for _, s := range []string{"", "wt_", "+999", "+447700900123", "wt-@token.invalid", "jo@token.invalid", "+999447700900123", strings.Repeat("w", 31)} {
		if tokenform.Is([]byte(s)) {
			t.Errorf("%s is one", s)
		}
	}
}

func FuzzCovers(f *testing.F) {
	f.Add([]byte(`{"a":"wt_0123"}`), 3, 9)
	f.Add([]byte("+999"), 0, 4)
	f.Fuzz(func(t *testing.T, text []byte, start, end int) {
		if start < 0 || end > len(text) || start >= end {
			return
		}
		tokenform.Covers(text, start, end)
	})
}

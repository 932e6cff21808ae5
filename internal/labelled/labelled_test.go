package labelled

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestBodies holds what the package promises: the same seed gives the same body,
// every body can be cut as its format is, pieces lie where they say, and labels and
// decoys lie within the body and apart, but for trees.
func TestBodies(t *testing.T) {
	formats := map[Format]int{}
	for seed := range uint64(4000) {
		b := New(seed)
		again := New(seed)
		if !bytes.Equal(b.Bytes, again.Bytes) || len(b.Labels) != len(again.Labels) {
			t.Fatalf("seed %d: two bodies", seed)
		}
		formats[b.Format]++
		pieces, err := b.Pieces()
		if err != nil {
			t.Fatalf("seed %d: %v in %q", seed, err, b.Bytes)
		}
		for _, p := range pieces {
			if !bytes.Equal(p.Segment.Body, b.Bytes[p.Offset:p.Offset+len(p.Segment.Body)]) {
				t.Fatalf("seed %d: a piece is not where it says", seed)
			}
		}
		for _, l := range b.Labels {
			if l.Start < 0 || l.End <= l.Start || l.End > len(b.Bytes) {
				t.Fatalf("seed %d: %+v of %d bytes", seed, l, len(b.Bytes))
			}
			within := slices.ContainsFunc(pieces, func(p Piece) bool {
				return p.Offset <= l.Start && l.End <= p.Offset+len(p.Segment.Body)
			})
			if !within {
				t.Fatalf("seed %d: %+v is cut apart: %q", seed, l, b.Bytes[l.Start:l.End])
			}
		}
		for _, d := range b.Decoys {
			if d.Start < 0 || d.End <= d.Start || d.End > len(b.Bytes) {
				t.Fatalf("seed %d: %+v of %d bytes", seed, d, len(b.Bytes))
			}
			for _, l := range b.Labels {
				if l.Start <= d.Start && d.End <= l.End && !bytes.ContainsAny(b.Bytes[l.Start:l.Start+1], "[{") {
					t.Fatalf("seed %d: %+v lies in %+v", seed, d, l)
				}
			}
		}
	}
	for f := range numFormats {
		if formats[f] < 100 {
			t.Errorf("%s: %d bodies of 4000", f, formats[f])
		}
	}
}

// TestChecks tries the generators of check digits on the examples that the rules
// are published with.
func TestChecks(t *testing.T) {
	if got := with10("424242424242424"); got != "4242424242424242" {
		t.Errorf("ISO/IEC 7812-1: %s", got)
	}
	if got := 98 - remainder97("NWBK60161331926819"+"GB00"); got != 29 {
		t.Errorf("ISO 13616: %d", got)
	}
	if dihedral("2363") != 0 || dihedral("2364") == 0 {
		t.Error("Verhoeff: 236 has the check digit 3")
	}
}

func FuzzNew(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		if _, err := New(seed).Pieces(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHeldOutNames holds that the names that only HeldOut draws are in none of the
// lists that the other parts draw from.
func TestHeldOutNames(t *testing.T) {
	apart := func(what, others, heldOut string) {
		known := parts(strings.ReplaceAll(others, "|", ";"))
		for _, name := range parts(heldOut) {
			if heldOut != "" && slices.Contains(known, name) {
				t.Errorf("%s: %q is of other parts too", what, name)
			}
		}
	}
	for lang, keys := range heldOutKeys {
		for c, names := range keys {
			apart(lang, keysOf[lang][c], names)
			if keysOf[lang][c] == "" && names != "" {
				t.Errorf("%s has no names of concept %d for the other parts", lang, c)
			}
		}
	}
	classes := 0
	for i := range ids {
		if names := heldOutIDs[string(ids[i].class)]; names != "" {
			classes++
			apart(string(ids[i].class), ids[i].keys, names)
		}
	}
	if classes != len(heldOutIDs) {
		t.Errorf("names for %d classes, of which %d are drawn", len(heldOutIDs), classes)
	}
	for i := range heldOutSayings {
		if slices.Contains(sayings, heldOutSayings[i]) {
			t.Errorf("%q is of other parts too", heldOutSayings[i])
		}
	}
}

package ledger

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// FuzzHostileFiles changes any file of a log in any way. Nobody panics; a log that
// is said to hold has just the entries that were signed; and one that is opened
// for writing has them, too, and holds from then on.
func FuzzHostileFiles(f *testing.F) {
	s := newSpecimen(f, 1)
	segs := s.segments(f)
	var names []string
	for _, seg := range segs {
		names = append(names, segmentName(seg.first))
	}
	names = append(names, historyFile, checkpointFile, frontierFile, keyFile, "tile/0", "tile/"+placesFile)
	whole := map[string][]byte{}
	for name, m := range s.disk.names {
		whole[name] = bytes.Clone(m.seen)
	}
	var want [][]byte
	if err := read(s.disk, faultDir, 0, func(_ int64, e *Entry) error {
		b, err := e.AppendTo(nil)
		want = append(want, b)
		return err
	}); err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), uint16(100), uint16(1), []byte{0})
	f.Add(uint8(len(segs)-1), uint16(20), uint16(1000), []byte{})
	f.Add(uint8(len(segs)), uint16(0), uint16(0), []byte("x\n\n"))
	f.Add(uint8(len(segs)+2), uint16(30), uint16(2), []byte("99"))
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, put []byte) {
		for name, b := range whole {
			s.disk.names[name] = &memFile{seen: bytes.Clone(b)}
		}
		s.disk.restart()
		name := faultDir + "/" + names[int(which)%len(names)]
		b := s.disk.names[name].seen
		from := min(int(at), len(b))
		s.disk.names[name].seen = slices.Replace(bytes.Clone(b), from, min(from+int(cut), len(b)), put...)
		same := func(d disk, what string) {
			n := 0
			if err := read(d, faultDir, 0, func(i int64, e *Entry) error {
				b, err := e.AppendTo(nil)
				if err != nil || n < len(want) && !bytes.Equal(b, want[n]) {
					t.Fatalf("%s: entry %d is another (%v)", what, i, err)
				}
				n++
				return nil
			}); err != nil || n < len(want) {
				t.Fatalf("%s: %d entries of %d, %v", what, n, len(want), err)
			}
		}
		if _, err := s.verify(); err == nil {
			same(s.disk, "verified")
		}
		l, err := Open(faultDir, Options{Key: s.w.key, disk: s.disk})
		if err != nil {
			return
		}
		// The frontier spares a start the reading of what is under it; that is
		// for Verify to find. All that comes after must hold in itself.
		if _, err := l.appendNow(entry(1)); err != nil {
			t.Fatal(err)
		}
		if err := l.checkpoint(); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.verify(); err == nil {
			same(s.disk, "opened")
		}
	})
}

func FuzzKey(f *testing.F) {
	_, secret, err := GenerateKey("ledger.example.com/fuzzed")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(secret)
	f.Add("PRIVATE+KEY+a+00000000+AQ==")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(text)
		if err != nil {
			if !errors.Is(err, ErrKey) {
				t.Fatal(err)
			}
			return
		}
		msg, err := k.sign(Checkpoint{Size: 3})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := newChain(k.verifier, k.public).open(msg); err != nil || c.Size != 3 {
			t.Fatalf("what %s signs does not hold: %v", k.Verifier(), err)
		}
	})
}

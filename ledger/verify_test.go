package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// A specimen is a log of which every entry was signed on its own, so that a
// break is told to the entry.
type specimen struct {
	disk *memDisk
	w    *witness
	n    int64
}

func newSpecimen(t testing.TB, salt int) *specimen {
	t.Helper()
	s := &specimen{disk: newMemDisk(), w: newWitness(), n: 12}
	l, err := Create(faultDir, Options{Key: s.w.key, SegmentBytes: 600, disk: s.disk})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.n {
		e := entry(int(i))
		e.N, e.Time = salt, day
		if _, err := l.appendNow(e); err != nil {
			t.Fatal(err)
		}
		if err := l.checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	return s
}

// verify verifies entry by entry, and in small blocks that are worked on ahead:
// both must say the same.
func (s *specimen) verify() (*VerifyReport, error) {
	r, err := Verify(faultDir, VerifyOptions{disk: s.disk, trusted: s.w})
	ahead, aerr := Verify(faultDir, VerifyOptions{disk: s.disk, trusted: s.w, block: 400})
	if !reflect.DeepEqual(r, ahead) || fmt.Sprint(err) != fmt.Sprint(aerr) {
		panic(fmt.Sprintf("entry by entry:\n%v %v\nahead:\n%v %v", r, err, ahead, aerr))
	}
	return r, err
}

func (s *specimen) content(name string) []byte { return s.disk.names[faultDir+"/"+name].seen }

func (s *specimen) put(name string, b []byte) {
	s.disk.names[faultDir+"/"+name] = &memFile{seen: b}
}

func (s *specimen) segments(t testing.TB) []segment {
	t.Helper()
	segs, err := listSegments(s.disk, faultDir)
	if err != nil || len(segs) < 3 {
		t.Fatal(segs, err)
	}
	return segs
}

// frames gives the frames of one segment file.
func frames(t testing.TB, b []byte) (fs [][]byte) {
	t.Helper()
	for r := newFrameReader(bytes.NewReader(b), segmentHeader, int64(len(b))); ; {
		f, _, err := r.next()
		if err != nil {
			return fs
		}
		fs = append(fs, bytes.Clone(f))
	}
}

// breaks wants Verify to find the first trouble at entry index.
func (s *specimen) breaks(t *testing.T, what string, index int64) {
	t.Helper()
	r, err := s.verify()
	if !errors.Is(err, ErrBroken) || r.Break == nil {
		t.Errorf("%s: not noticed (%v)", what, err)
		return
	}
	if b := r.Break; b.From != index || b.To != index+1 && what != "truncation" {
		t.Errorf("%s at entry %d: found at %v", what, index, b)
	}
	if r.Entries < index || r.Signed.Size > index {
		t.Errorf("%s at entry %d: %d are said to be well-formed, %d signed", what, index, r.Entries, r.Signed.Size)
	}
}

func TestAWholeLogHolds(t *testing.T) {
	s := newSpecimen(t, 1)
	r, err := s.verify()
	if err != nil || r.Entries != s.n || r.Signed.Size != s.n || r.Checkpoints != int(s.n)+2 || r.Unfinished != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if !r.From.Equal(day) || !r.To.Equal(day) {
		t.Error(r.From, r.To)
	}
}

func TestEveryBitOfTheSegmentsCounts(t *testing.T) {
	s := newSpecimen(t, 1)
	for _, seg := range s.segments(t) {
		name := segmentName(seg.first)
		b := bytes.Clone(s.content(name))
		index, end := seg.first, int64(segmentHeader)
		fs := frames(t, b)
		for at := range b {
			for end <= int64(at) {
				end += int64(len(fs[0]))
				fs = fs[1:]
				if end > int64(segmentHeader)+int64(len(b)) || int64(at) >= end {
					t.Fatal("lost count")
				}
				if at > segmentHeader {
					index++
				}
			}
			broken := bytes.Clone(b)
			broken[at] ^= 1 << (at % 8)
			s.put(name, broken)
			s.breaks(t, fmt.Sprintf("a bit of %s, byte %d", name, at), index)
		}
		s.put(name, b)
	}
	if _, err := s.verify(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryByteOfTheCheckpointsCounts(t *testing.T) {
	s := newSpecimen(t, 1)
	for _, name := range []string{historyFile, checkpointFile} {
		b := s.content(name)
		for at := range b {
			broken := bytes.Clone(b)
			broken[at] ^= 1 << (at % 8)
			s.put(name, broken)
			if _, err := s.verify(); !errors.Is(err, ErrBroken) {
				t.Fatalf("a bit of %s, byte %d: %v", name, at, err)
			}
		}
		s.put(name, b)
	}
	for _, name := range []string{historyFile} {
		b := s.content(name)
		delete(s.disk.names, faultDir+"/"+name)
		if _, err := s.verify(); !errors.Is(err, ErrBroken) {
			t.Fatalf("%s missing: %v", name, err)
		}
		s.put(name, b)
	}
}

// What somebody does who can write the files, knows the format and has no key.
func TestEveryBoundaryIsGuarded(t *testing.T) {
	s, other := newSpecimen(t, 1), newSpecimen(t, 2)
	segs := s.segments(t)
	for k, seg := range segs {
		name := segmentName(seg.first)
		whole := s.content(name)
		fs, alien := frames(t, whole), frames(t, other.content(name))
		join := func(fs [][]byte) []byte { return slices.Concat(append([][]byte{whole[:segmentHeader]}, fs...)...) }
		for i := range fs {
			index := seg.first + int64(i)
			try := func(what string, b []byte) {
				t.Helper()
				s.put(name, b)
				s.breaks(t, what, index)
				s.put(name, whole)
			}
			try("deletion", join(slices.Delete(slices.Clone(fs), i, i+1)))
			try("truncation", join(fs[:i]))
			try("splicing in", join(slices.Insert(slices.Clone(fs), i, alien[i])))
			try("replacing", join(slices.Replace(slices.Clone(fs), i, i+1, alien[i])))
			if i+1 < len(fs) {
				swapped := slices.Clone(fs)
				swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
				try("reordering", join(swapped))
			}
			doubled := join(slices.Insert(slices.Clone(fs), i+1, fs[i]))
			s.put(name, doubled)
			if index+1 < s.n {
				s.breaks(t, "doubling", index+1)
			} else if r, err := s.verify(); err != nil || r.Entries != s.n+1 || r.Signed.Size != s.n {
				// Behind the last checkpoint anything well-formed may stand: it
				// is told to be unsigned.
				t.Error("doubling the last", r, err)
			}
			s.put(name, whole)

			e, err := Decode(fs[i][headSize:])
			if err != nil {
				t.Fatal(err)
			}
			e.Subjects = nil
			forged, err := e.AppendTo(make([]byte, headSize))
			if err != nil {
				t.Fatal(err)
			}
			sealFrame(forged, true)
			try("rewriting", join(slices.Replace(slices.Clone(fs), i, i+1, forged)))
		}
		// Truncation between the boundaries.
		for n := range whole {
			s.put(name, whole[:n])
			if r, err := s.verify(); !errors.Is(err, ErrBroken) || r.Break.From < seg.first || r.Break.From > seg.first+int64(len(fs)) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
		s.put(name, whole)

		delete(s.disk.names, faultDir+"/"+name)
		if r, err := s.verify(); !errors.Is(err, ErrBroken) || r.Break.From != seg.first {
			t.Errorf("%s deleted: %v", name, err)
		}
		s.put(name, whole)
		if k+1 < len(segs) {
			next := segmentName(segs[k+1].first)
			b := s.content(next)
			s.put(name, b)
			s.put(next, whole)
			s.breaks(t, "two segments swapped", seg.first)
			s.put(name, whole)
			s.put(next, b)
		}
	}
	if _, err := s.verify(); err != nil {
		t.Fatal(err)
	}
}

func TestEntriesAreInTheOrderOfTheirTimes(t *testing.T) {
	s := newSpecimen(t, 1)
	name := segmentName(0)
	whole := s.content(name)
	e, _ := Decode(frames(t, whole)[1][headSize:])
	e.Time = e.Time.Add(-1)
	forged, _ := e.AppendTo(make([]byte, headSize))
	sealFrame(forged, true)
	s.put(name, slices.Concat(whole[:segmentHeader], frames(t, whole)[0], forged))
	r, err := s.verify()
	if !errors.Is(err, ErrBroken) || r.Break.From != 1 || !strings.Contains(r.Break.What, "earlier") {
		t.Fatal(err)
	}
}

// writeLog makes a log of n entries in dir and gives its checkpoint.
func writeLog(t *testing.T, dir string, k Key, n, salt int) string {
	t.Helper()
	l, err := Create(dir, Options{Key: k})
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, l)
	for i := range n {
		e := entry(i)
		e.N = salt
		if _, err := l.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	b, err := readFile(osDisk{}, filepath.Join(dir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatTheKeyProves(t *testing.T) {
	mine, theirs := testKey(t), testKey(t)
	dir, forged := t.TempDir(), t.TempDir()
	kept := writeLog(t, dir, mine, 10, 1)

	r, err := Verify(dir, VerifyOptions{})
	if err != nil || !r.OwnKey || !r.SelfAttested() || r.Older || r.Key != mine.Verifier() {
		t.Fatalf("%+v %v", r, err)
	}
	for _, want := range []string{"10 entries", "Self-attested", "from the directory itself"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, r)
		}
	}
	r, err = Verify(dir, VerifyOptions{Key: mine.Verifier(), Checkpoint: kept})
	if err != nil || r.OwnKey || !r.Older {
		t.Fatalf("%+v %v", r, err)
	}

	// Somebody without the key writes another history, under a key of theirs.
	writeLog(t, forged, theirs, 10, 2)
	if _, err := Verify(forged, VerifyOptions{Key: mine.Verifier()}); !errors.Is(err, ErrKey) {
		t.Error("a log under another key:", err)
	}
	if err := replaceFile(osDisk{}, filepath.Join(forged, keyFile), []byte(mine.Verifier()+"\n"), false); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(forged, VerifyOptions{Key: mine.Verifier()}); !errors.Is(err, ErrBroken) {
		t.Error("a log under another key that names the right one:", err)
	}
	if _, err := Verify(forged, VerifyOptions{}); !errors.Is(err, ErrBroken) {
		t.Error("the same, by its own key:", err)
	}

	// The holder of the key does. Only what was kept elsewhere shows it.
	rewritten := t.TempDir()
	writeLog(t, rewritten, mine, 12, 3)
	if _, err := Verify(rewritten, VerifyOptions{Key: mine.Verifier()}); err != nil {
		t.Error("a history by the key's holder looks wrong in itself:", err)
	}
	r, err = Verify(rewritten, VerifyOptions{Key: mine.Verifier(), Checkpoint: kept})
	if !errors.Is(err, ErrBroken) || r.Older {
		t.Error("a rewritten history passes a kept checkpoint:", err)
	}
	shorter := t.TempDir()
	writeLog(t, shorter, mine, 3, 1)
	if _, err := Verify(shorter, VerifyOptions{Key: mine.Verifier(), Checkpoint: kept}); !errors.Is(err, ErrBroken) {
		t.Error("a history cut short passes a kept checkpoint:", err)
	}
	if _, err := Verify(dir, VerifyOptions{Key: mine.Verifier(), Checkpoint: "no checkpoint"}); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if r, err := Verify(dir, VerifyOptions{Key: "no key"}); !errors.Is(err, ErrKey) || r != nil {
		t.Error(r, err)
	}
	// A line that says to be a witness's signature proves nothing by itself.
	if err := replaceFile(osDisk{}, filepath.Join(dir, checkpointFile), []byte(kept+"— witness.example AAAAAAAA\n"), false); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(dir, VerifyOptions{Key: mine.Verifier()}); err != nil || !r.SelfAttested() {
		t.Error(r, err)
	}
	if _, err := Verify(t.TempDir(), VerifyOptions{}); err == nil || errors.Is(err, ErrBroken) {
		t.Error("an empty directory:", err)
	}
}

func TestOthersReadOurCheckpoints(t *testing.T) {
	k := testKey(t)
	dir := t.TempDir()
	msg := writeLog(t, dir, k, 3, 1)
	v, err := note.NewVerifier(k.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(msg), note.VerifierList(v))
	if err != nil || !strings.HasPrefix(n.Text, k.Origin()+"\n3\n") || strings.Count(n.Text, "\n") != 3 {
		t.Fatalf("%q %v", msg, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*specimen)
		want  error
	}{
		"a log cut short": {func(s *specimen) {
			name := segmentName(s.last())
			s.put(name, s.content(name)[:segmentHeader])
		}, ErrRolledBack},
		"a log without its last segment":  {func(s *specimen) { delete(s.disk.names, faultDir+"/"+segmentName(s.last())) }, ErrRolledBack},
		"a log without its first segment": {func(s *specimen) { delete(s.disk.names, faultDir+"/"+segmentName(0)) }, ErrDamaged},
		"a changed entry that was signed": {func(s *specimen) {
			delete(s.disk.names, faultDir+"/"+frontierFile)
			s.content(segmentName(0))[100] ^= 1
		}, ErrDamaged},
		"a history older than the published checkpoint": {func(s *specimen) {
			b := s.content(historyFile)
			s.put(historyFile, b[:bytes.LastIndex(b[:len(b)-300], []byte("\n\n"))+2])
		}, ErrRolledBack},
		"another key": {func(s *specimen) { s.put(keyFile, []byte("other\n")) }, ErrKey},
	} {
		s := newSpecimen(t, 1)
		c.spoil(s)
		_, err := Open(faultDir, Options{Key: s.w.key, disk: s.disk})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.disk.locked) > 0 {
			t.Errorf("%s: the lock is kept", name)
		}
	}
}

func (s *specimen) last() int64 {
	segs, _ := listSegments(s.disk, faultDir)
	return segs[len(segs)-1].first
}

// Behind the last checkpoint a torn write is cut off, but not an entry that had
// been synced before a later one was written.
func TestTornIsToldFromDamaged(t *testing.T) {
	make3 := func() (*specimen, string, []byte) {
		s := &specimen{disk: newMemDisk(), w: newWitness()}
		l, err := Create(faultDir, Options{Key: s.w.key, disk: s.disk})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if _, err := l.appendNow(entry(2*i), entry(2*i+1)); err != nil {
				t.Fatal(err)
			}
		}
		l.Close() // without a checkpoint
		s.disk.restartProcess()
		return s, segmentName(0), s.content(segmentName(0))
	}
	s, name, whole := make3()
	fs := frames(t, whole)
	offset := segmentHeader
	for i, f := range fs {
		b := bytes.Clone(whole)
		b[offset+len(f)-1] ^= 1
		offset += len(f)
		s.put(name, b)
		s.disk.restartProcess()
		l, err := Open(faultDir, Options{Key: s.w.key, disk: s.disk})
		if i < 4 {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("entry %d was synced: %v", i, err)
			}
			if err := read(s.disk, faultDir, 0, func(int64, *Entry) error { return nil }); !errors.Is(err, ErrDamaged) {
				t.Error("read passes over it:", err)
			}
			continue
		}
		if err != nil || l.Status().Entries != int64(i) || l.Repaired() == 0 {
			t.Errorf("entry %d is of the last write: %v", i, err)
		}
	}
}

package ledger

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

type member struct {
	name    string
	content []byte
}

func members(t testing.TB, b []byte) (all []member) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, member{f.Name, content})
	}
	return all
}

func zipped(t testing.TB, all []member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range all {
		f, err := z.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		f.Write(m.content)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newBundle gives a bundle of three entries of a witnessed log.
func newBundle(t testing.TB) (x *witnessedLog, b []byte, verify func(b []byte) (*BundleReport, error)) {
	t.Helper()
	x = newWitnessedLog(t)
	x.grow(t, 0, 300)
	if err := x.w.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.grow(t, 1000, 5)
	x.l.Close()
	var out bytes.Buffer
	done, err := WriteBundle(&out, faultDir, BundleOptions{disk: x.disk, About: "Some entries.", Want: func(i int64, _ *Entry) bool { return i == 3 || i == 255 || i == 256 }})
	if err != nil || done.Entries != 3 || !done.Witnessed || done.Checkpoint.Size != 300 {
		t.Fatalf("%+v %v", done, err)
	}
	var keys []string
	for _, w := range x.of {
		keys = append(keys, w.vkey())
	}
	return x, out.Bytes(), func(b []byte) (*BundleReport, error) {
		return VerifyBundle(bytes.NewReader(b), int64(len(b)), VerifyOptions{Key: x.key.Verifier(), Witnesses: keys}, nil)
	}
}

func TestBundle(t *testing.T) {
	x, b, verify := newBundle(t)
	r, err := verify(b)
	if err != nil || r.Entries != 3 || r.SelfAttested() || r.OwnKey || r.Witnessed.By != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	var got []int64
	r, err = VerifyBundle(bytes.NewReader(b), int64(len(b)), VerifyOptions{}, func(i int64, e *Entry) error {
		got = append(got, i)
		return nil
	})
	if err != nil || !r.SelfAttested() || !r.OwnKey || !slices.Equal(got, []int64{3, 255, 256}) {
		t.Fatalf("%+v %v %v", r, got, err)
	}
	other, _, err := GenerateKey(x.key.Origin())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyBundle(bytes.NewReader(b), int64(len(b)), VerifyOptions{Key: other.Verifier()}, nil); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	stranger := newOutsider(t, "witness.example.org/x", x.key.verifier)
	if _, err := VerifyBundle(bytes.NewReader(b), int64(len(b)), VerifyOptions{Witnesses: []string{stranger.vkey()}}, nil); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	// What no witness has signed yet comes with the log's own newest checkpoint.
	var out bytes.Buffer
	done, err := WriteBundle(&out, faultDir, BundleOptions{disk: x.disk, Want: func(i int64, _ *Entry) bool { return i == 302 }})
	if err != nil || done.Witnessed || done.Checkpoint.Size != 305 {
		t.Fatalf("%+v %v", done, err)
	}
	if _, err := verify(out.Bytes()); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

// Every byte of what a bundle proves with counts, also for somebody who packs the
// zip file anew.
func TestEveryByteOfABundleCounts(t *testing.T) {
	_, b, verify := newBundle(t)
	all := members(t, b)
	for i, m := range all {
		if m.name == readmeName {
			continue
		}
		for at := range m.content {
			if bytes.HasPrefix(m.content[at+1:], []byte("==")) && m.name == checkpointFile {
				continue // the last digit before == has bits that mean nothing
			}
			broken := slices.Clone(all)
			broken[i].content = bytes.Clone(m.content)
			broken[i].content[at] ^= 1 << (at % 8)
			if r, err := verify(zipped(t, broken)); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrKey) {
				t.Errorf("%s, byte %d: %v %v", m.name, at, r, err)
			}
		}
	}
	for name, change := range map[string]func([]member) []member{
		"an entry without proof":   func(m []member) []member { return m[:len(m)-1] },
		"a proof without entry":    func(m []member) []member { return slices.Delete(m, 3, 4) },
		"another order":            func(m []member) []member { return append(append(slices.Clone(m[:3]), m[5:7]...), m[3:5]...) },
		"an entry twice":           func(m []member) []member { return append(m, m[7], m[8]) },
		"the proof of another":     func(m []member) []member { m[4].content = m[6].content; return m },
		"the name of another":      func(m []member) []member { m[3].name, m[4].name = entryName(4), proofName(4); return m },
		"something else in it":     func(m []member) []member { return append(m, member{"x", nil}, member{"y", nil}) },
		"no checkpoint":            func(m []member) []member { return slices.Delete(m, 2, 3) },
		"nothing":                  func(m []member) []member { return nil },
		"a file that is too long":  func(m []member) []member { m[3].content = make([]byte, 1<<20); return m },
		"an entry spelled another": func(m []member) []member { m[3].name = "entries/03.cbor"; return m },
	} {
		if r, err := verify(zipped(t, change(slices.Clone(all)))); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
}

func FuzzBundle(f *testing.F) {
	x, b, _ := newBundle(f)
	f.Add(b)
	f.Add(zipped(f, members(f, b)[:3]))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	good := map[int64]bool{3: true, 255: true, 256: true}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := VerifyBundle(bytes.NewReader(b), int64(len(b)), VerifyOptions{Key: x.key.Verifier()}, func(i int64, e *Entry) error {
			if !good[i] {
				t.Errorf("entry %d was never in it", i)
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
	})
}

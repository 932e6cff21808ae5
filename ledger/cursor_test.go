package ledger

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// signedLog gives a log of n entries in a directory, closed and signed.
func signedLog(t testing.TB, k Key, dir string, n, from int) {
	t.Helper()
	l, err := Create(dir, Options{Key: k})
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, l)
	for i := range n {
		if _, err := l.Append(t.Context(), entry(from+i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

func TestCursorsAreKept(t *testing.T) {
	k := testKey(t)
	dir := filepath.Join(t.TempDir(), "ledger")
	signedLog(t, k, dir, 300, 0)
	tree, err := OpenTree(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if next, state, err := tree.Resume("watch"); next != 0 || state != nil || err != nil {
		t.Fatal(next, state, err)
	}
	for _, next := range []int64{0, 1, 256, 257, 300} {
		for _, state := range [][]byte{nil, []byte("what it knows\nat that point\n")} {
			if err := tree.Keep("watch", next, state); err != nil {
				t.Fatal(err)
			}
			if n, s, err := tree.Resume("watch"); n != next || !bytes.Equal(s, state) || err != nil {
				t.Errorf("kept %d %q, resumed %d %q: %v", next, state, n, s, err)
			}
		}
	}
	if err := tree.Keep("watch", 301, nil); !errors.Is(err, ErrUnproven) {
		t.Errorf("a cursor behind what is signed: %v", err)
	}
	if n, _, err := tree.Resume("watch"); n != 300 || err != nil {
		t.Errorf("a refused Keep changed the cursor: %d %v", n, err)
	}
	for _, name := range []string{"", "../key.pub", "A", "a b", "a/b", "."} {
		if err := tree.Keep(name, 1, nil); err == nil {
			t.Errorf("a cursor named %q was kept", name)
		}
	}
	// Whoever opens the log again finds cursors no hindrance, and the same ones.
	l, err := Open(dir, Options{Key: k})
	if err != nil {
		t.Fatal(err)
	}
	if n, _, err := l.Tree().Resume("watch"); n != 300 || err != nil {
		t.Error(n, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir, VerifyOptions{}); err != nil {
		t.Error(err)
	}
}

func TestEntriesFromAnywhere(t *testing.T) {
	k := testKey(t)
	dir := filepath.Join(t.TempDir(), "ledger")
	signedLog(t, k, dir, 600, 0)
	tree, err := OpenTree(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, span := range [][2]int64{{0, 600}, {0, 0}, {1, 2}, {255, 257}, {256, 512}, {300, 599}, {599, 600}, {600, 600}, {-5, 3}} {
		next := max(span[0], 0)
		if err := tree.Entries(span[0], span[1], func(index int64, e *Entry) error {
			if index != next || e.Read != index+1 {
				t.Fatalf("%v: entry %d reads %d, want entry %d", span, index, e.Read, next)
			}
			next++
			return nil
		}); err != nil || next != max(span[1], 0) {
			t.Errorf("%v: read to %d: %v", span, next, err)
		}
	}
	if err := tree.Entries(590, 601, func(int64, *Entry) error { return nil }); !errors.Is(err, ErrUnproven) {
		t.Errorf("beyond what is signed: %v", err)
	}
}

// A cursor of another log, of one that was rewritten or of one that has lost
// entries is noticed.
func TestACursorFitsOneHistory(t *testing.T) {
	k := testKey(t)
	root := t.TempDir()
	mine, rewritten, shorter, other := filepath.Join(root, "mine"), filepath.Join(root, "rewritten"), filepath.Join(root, "shorter"), filepath.Join(root, "other")
	signedLog(t, k, mine, 20, 0)
	signedLog(t, k, rewritten, 20, 0) // other salts: other entries
	signedLog(t, k, shorter, 5, 0)
	stranger, _, err := GenerateKey("ledger.example.com/stranger")
	if err != nil {
		t.Fatal(err)
	}
	signedLog(t, stranger, other, 20, 0)
	tree, err := OpenTree(mine, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := tree.Cursor(17)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Check(c); err != nil {
		t.Error(err)
	}
	if err := tree.Keep("index", 17, []byte("x")); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(mine, cursorDir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{rewritten, shorter, other} {
		tree, err := OpenTree(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Check(c); !errors.Is(err, ErrCursor) {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
		if err := os.MkdirAll(filepath.Join(dir, cursorDir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, cursorDir, "index"), kept, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tree.Resume("index"); !errors.Is(err, ErrCursor) {
			t.Errorf("%s: resumed: %v", filepath.Base(dir), err)
		}
	}
	for i := range kept { // whatever is damaged in the file is no cursor
		if err := os.WriteFile(filepath.Join(mine, cursorDir, "index"), kept[:i], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tree.Resume("index"); !errors.Is(err, ErrCursor) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestCursorsAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Cursor{Origin: "ledger.example.com/x", Next: rapid.Int64Min(0).Draw(t, "next"), Root: tlog.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root"))}
		state := rapid.SliceOf(rapid.Byte()).Draw(t, "state")
		text := c.text(state)
		got, s, err := parseCursor(text)
		if err != nil || got != c || !bytes.Equal(s, state) {
			t.Fatalf("%+v %q %v", got, s, err)
		}
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		text[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, _, err := parseCursor(text); err == nil {
			t.Fatalf("a flipped bit at %d went unnoticed: %+v", at, got)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{Origin: "ledger.example.com/x", Next: 5}.text([]byte("state")))
	f.Add(Cursor{}.text(nil))
	f.Add(Cursor{Origin: "ledger.example.com/x", Next: 5}.body(sealedMagic, []byte("state")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, state, rest, err := parseBody(sealedMagic, b); err == nil && !bytes.Equal(append(c.body(sealedMagic, state), rest...), b) {
			t.Errorf("%q is read as %+v %q, which is written otherwise", b, c, state)
		}
		c, state, err := parseCursor(b)
		if err == nil && !bytes.Equal(c.text(state), b) {
			t.Errorf("%q is read as %+v %q, which is written otherwise", b, c, state)
		}
	})
}

// TestSealedCursors: what the log keeps for those who decide by it is believed only
// as it was written, by the holder of the key, under its name and for this log.
func TestSealedCursors(t *testing.T) {
	k := testKey(t)
	dir := filepath.Join(t.TempDir(), "ledger")
	signedLog(t, k, dir, 20, 0)
	other := filepath.Join(t.TempDir(), "ledger")
	signedLog(t, testKey(t), other, 20, 0) // of the same name
	l, err := Open(dir, Options{Key: k})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused := func(what string) {
		t.Helper()
		if n, state, err := l.Resume("guard"); !errors.Is(err, ErrCursor) || n != 0 || state != nil {
			t.Errorf("%s: resumed %d %q %v", what, n, state, err)
		}
	}
	file := filepath.Join(dir, cursorDir, "guard")
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Keep("guard", 17, []byte("what was taken")); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	good := func() {
		t.Helper()
		if n, state, err := l.Resume("guard"); n != 17 || string(state) != "what was taken" || err != nil {
			t.Errorf("resumed %d %q %v", n, state, err)
		}
	}
	good()
	for i := range kept {
		for bit := range 8 {
			flipped := bytes.Clone(kept)
			flipped[i] ^= 1 << bit
			put(flipped)
			refused("a flipped bit")
		}
		put(kept[:i])
		refused("cut short")
	}
	put(append(bytes.Clone(kept), '\n'))
	refused("longer")

	// Whoever may write the folder and not read the key: another follower's, one
	// without a seal, and one of another log.
	if err := l.Keep("watch", 17, []byte("nothing was taken")); err != nil {
		t.Fatal(err)
	}
	swapped, err := os.ReadFile(filepath.Join(dir, cursorDir, "watch"))
	if err != nil {
		t.Fatal(err)
	}
	put(swapped)
	refused("another follower's")
	if err := l.Tree().Keep("guard", 17, []byte("nothing was taken")); err != nil {
		t.Fatal(err)
	}
	refused("without a seal")
	if _, _, err := l.Tree().Resume("watch"); !errors.Is(err, ErrCursor) {
		t.Errorf("a follower without a key has read a sealed one: %v", err)
	}
	o, err := Open(other, Options{Key: testKey(t)})
	if err == nil {
		o.Close()
		t.Fatal("a log was opened by another key")
	}
	put(kept)
	good()
}

// TestSealsFollowTheKey: a key that is no longer in force seals nothing.
func TestSealsFollowTheKey(t *testing.T) {
	a, b := testKey(t), testKey(t)
	c := Cursor{Origin: "ledger.example.com/x", Next: 5}
	if _, _, err := b.unseal("guard", a.seal("guard", c, nil)); err == nil {
		t.Error("one key has opened the other's seal")
	}
	if _, _, err := (Key{}).unseal("guard", (Key{}).seal("guard", c, nil)); err == nil {
		t.Error("no key has opened a seal")
	}
	// One whose seed is kept elsewhere makes the same seal at each start.
	far := func() Key {
		k, err := NewKey(a.signer, a.public)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if got, state, err := far().unseal("guard", far().seal("guard", c, []byte("x"))); got != c || string(state) != "x" || err != nil {
		t.Error(got, state, err)
	}
}

package ledger

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A bundle is a zip file with entries and what proves them, for somebody who has
// nothing else of the log. Its files, in this order:
//
//	README.txt                     how to check it
//	key.pub                        the log's public key
//	keys                           how it changed, where it did
//	checkpoint                     one checkpoint, with its cosignatures
//	entries/17.cbor                an entry as it is encoded in the log
//	proofs/17.tlog-proof           and its proof (C2SP tlog-proof), for each entry
const (
	readmeName     = "README.txt"
	entryDir       = "entries/"
	entrySuffix    = ".cbor"
	proofDir       = "proofs/"
	proofSuffix    = ".tlog-proof"
	maxBundledFile = 128 << 10 // bytes of the longest file in a bundle
)

// BundleOptions say what goes into a bundle.
type BundleOptions struct {
	// Want chooses the entries.
	Want func(index int64, e *Entry) bool
	// About is a sentence for the README: which entries these are.
	About string
	// Key is the text of a public key of the log; "" believes the log's own.
	Key string

	disk disk
}

// A Bundled says what went into a bundle.
type Bundled struct {
	Entries    int
	Uncovered  int   // wanted, but no checkpoint covers them yet
	First      int64 // the first entry that is kept; those before were dropped and are not looked at
	Checkpoint Checkpoint
	Witnessed  bool // it is one that witnesses have signed
}

// WriteBundle writes the wanted entries of the log in dir, with proofs, as a zip
// file. It takes no lock. The checkpoint is the newest witnessed one if that covers
// all wanted entries, else the newest. It fails with ErrTiles where the log has
// not been opened since its hash tiles were lost.
func WriteBundle(w io.Writer, dir string, o BundleOptions) (*Bundled, error) {
	if o.disk == nil {
		o.disk = osDisk{}
	}
	b, err := writeBundle(w, dir, o)
	if err != nil {
		return nil, fmt.Errorf("write bundle: %w", err)
	}
	return b, nil
}

func writeBundle(w io.Writer, dir string, o BundleOptions) (*Bundled, error) {
	t, err := openTree(o.disk, dir, o.Key)
	if err != nil {
		return nil, err
	}
	c, msg, err := t.Checkpoint()
	if err != nil {
		return nil, err
	}
	segs, err := t.segments()
	if err != nil {
		return nil, err
	}
	out := &Bundled{First: segs[0].first}
	var wanted []int64
	if err := read(o.disk, dir, 0, func(index int64, e *Entry) error {
		switch {
		case !o.Want(index, e):
		case index >= c.Size:
			out.Uncovered++
		default:
			wanted = append(wanted, index)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	old, vouched, err := t.Witnessed()
	if err != nil {
		return nil, err
	}
	if vouched != nil && old.Size > 0 && (len(wanted) == 0 || wanted[len(wanted)-1] < old.Size) {
		c, msg, out.Witnessed = old, vouched, true
	}
	out.Checkpoint, out.Entries = c, len(wanted)
	keys, err := t.keys()
	if err != nil {
		return nil, err
	}
	z := zip.NewWriter(w)
	add := func(name string, content []byte) error {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write(content)
		}
		return err
	}
	if err := errors.Join(add(readmeName, readme(o.About, c, out)), add(keyFile, []byte(keys.last().text+"\n"))); err != nil {
		return nil, err
	}
	if changes := keys.file(); changes != nil {
		if err := add(keysFile, changes); err != nil {
			return nil, err
		}
	}
	if err := add(checkpointFile, msg); err != nil {
		return nil, err
	}
	entries := entryReader{tree: t, bundle: -1}
	for _, index := range wanted {
		encoded, err := entries.at(index)
		if err != nil {
			return nil, err
		}
		path, err := t.ProveInclusion(index, c.Size)
		if err != nil {
			return nil, err
		}
		proof := Proof{Index: index, Path: path, Note: msg}
		if err := errors.Join(add(entryName(index), encoded), add(proofName(index), proof.Text())); err != nil {
			return nil, err
		}
	}
	return out, z.Close()
}

func entryName(index int64) string { return fmt.Sprint(entryDir, index, entrySuffix) }
func proofName(index int64) string { return fmt.Sprint(proofDir, index, proofSuffix) }

// An entryReader gives single encoded entries in ascending order.
type entryReader struct {
	tree    *Tree
	bundle  int64
	skipped int64 // of its first entries, dropped
	entries [][]byte
}

func (r *entryReader) at(index int64) ([]byte, error) {
	if n := index >> tileHeight; n != r.bundle {
		c, _, err := r.tree.newest()
		if err != nil {
			return nil, err
		}
		b, skipped, err := r.tree.keptBundle(n, int(min(tileWidth, c.Size-n<<tileHeight)))
		if err != nil {
			return nil, err
		}
		r.bundle, r.skipped, r.entries = n, skipped, r.entries[:0]
		for len(b) > 0 {
			end := 2 + int(binary.BigEndian.Uint16(b))
			r.entries = append(r.entries, b[2:end])
			b = b[end:]
		}
	}
	i := index&(tileWidth-1) - r.skipped
	if i < 0 {
		return nil, fmt.Errorf("entry %d: %w", index, ErrDropped)
	}
	return r.entries[i], nil
}

func readme(about string, c Checkpoint, b *Bundled) []byte {
	witnessed := "It carries no signature but the log's own."
	if b.Witnessed {
		witnessed = "It carries the signatures of witnesses, too: others, who remember what they\nhave seen of the log and sign no other history."
	}
	return fmt.Appendf(nil, `Entries of a ledger, with proofs
================================

%s

%d entries are in this file. Each was recorded when it says and has not been
changed since: that is what the proofs show to whoever has the log's public key.
They do not show that there are no further entries.

checkpoint is the log's signed statement about its first %d entries.
%s

To check it with the tool:

    weir-verify -key KEY [-witness KEY]... [-threshold N] bundle.zip

KEY is the log's public key, any one that it ever had. Take it from where you have kept it, not from
key.pub in this file, which whoever made the file could have put there; the same
goes for the keys of witnesses. -entries prints what the entries say.

To check it by hand, for entries/N.cbor and proofs/N.tlog-proof:

 1. The last lines of the proof, from the log's name on, are the checkpoint, the
    same in all proofs. Verify its signatures (https://c2sp.org/signed-note,
    https://c2sp.org/tlog-cosignature).
 2. The leaf is SHA-256 of a zero byte followed by the bytes of entries/N.cbor.
 3. The lines between "index N" and the empty line are an inclusion proof
    (RFC 6962, section 2.1.1; the whole file is https://c2sp.org/tlog-proof). From
    the leaf upward, SHA-256 of the byte 1 and both neighbours gives each next
    hash; the last one is the third line of the checkpoint.
 4. An entry is a CBOR map (RFC 8949) whose keys docs/ledger-format.md of Weir lists.
`, about, b.Entries, c.Size, witnessed)
}

// A BundleReport says what a bundle proves.
type BundleReport struct {
	Origin     string
	Key        string // the public key that signed the checkpoint
	OwnKey     bool   // what was believed came from the bundle itself
	Entries    int    // proven
	From, To   time.Time
	Checkpoint Checkpoint
	Witnessed  Witnessed
}

// SelfAttested reports whether nobody but the log's own key vouches for it.
func (r *BundleReport) SelfAttested() bool { return !r.Witnessed.Holds() }

// String says in plain words what was found.
func (r *BundleReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "log %s: %d entries, each proven to be among the first %d of the log.\n", r.Origin, r.Entries, r.Checkpoint.Size)
	if r.Entries > 0 {
		fmt.Fprintf(&b, "They are from %s to %s.\n", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	}
	b.WriteString("That there are no others is not shown by a bundle.\n")
	if r.OwnKey {
		b.WriteString("The key was taken from the bundle itself: this shows that its files agree with one another, not who wrote them.\n")
	}
	if w := r.Witnessed; w.Holds() {
		fmt.Fprintf(&b, "Witnessed: %d of the %d witnesses that you trust have signed the checkpoint, last at %s.\n", w.By, w.Of, w.Checkpoint.Time.Format(time.RFC3339))
	} else {
		b.WriteString("Self-attested: no outside signature. Whoever holds the key could have written all of it anew.\n")
	}
	return b.String()
}

// VerifyBundle checks a bundle of size bytes: every entry, every proof, the
// checkpoint's signatures, and that nothing else is in it. each, if not nil, is
// given the entries that hold, in order. It fails with ErrBroken where something
// does not hold, and with ErrKey where the key is missing or is not the log's. Of
// o, Key, Witnesses, Threshold and Progress count, the latter in files.
func VerifyBundle(r io.ReaderAt, size int64, o VerifyOptions, each func(index int64, e *Entry) error) (*BundleReport, error) {
	report, err := verifyBundle(r, size, o, each)
	if err != nil {
		return nil, fmt.Errorf("verify bundle: %w", err)
	}
	return report, nil
}

func verifyBundle(r io.ReaderAt, size int64, o VerifyOptions, each func(int64, *Entry) error) (*BundleReport, error) {
	q, err := newQuorum(o.Witnesses, o.Threshold)
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: not a zip file", ErrBroken)
	}
	if len(z.File) < 3 {
		return nil, fmt.Errorf("%w: it does not hold the files of a bundle", ErrBroken)
	}
	next := 0
	take := func(name string) ([]byte, error) {
		if next == len(z.File) {
			return nil, fmt.Errorf("%w: %s is missing", ErrBroken, name)
		}
		f := z.File[next]
		if f.Name != name {
			return nil, fmt.Errorf("%w: %s should be here, %q is", ErrBroken, name, f.Name)
		}
		b, err := unzip(f)
		if err != nil {
			return nil, fmt.Errorf("%w: %s cannot be read or is too long", ErrBroken, name)
		}
		if next++; o.Progress != nil && next%64 == 0 {
			o.Progress(int64(next), int64(len(z.File)))
		}
		return b, nil
	}
	if _, err := take(readmeName); err != nil {
		return nil, err
	}
	own, err := take(keyFile)
	if err != nil {
		return nil, err
	}
	current := strings.TrimSpace(string(own))
	var changes []byte
	if z.File[next].Name == keysFile {
		if changes, err = take(keysFile); err != nil {
			return nil, err
		}
	}
	report := &BundleReport{}
	keys := believedKeys(o.Key)
	if report.OwnKey = len(keys) == 0; report.OwnKey {
		keys = []string{current}
	}
	key, err := bundledKeys(current, changes)
	if err != nil {
		return nil, err
	}
	distrusted, err := key.believed(keys)
	if err != nil {
		return nil, err
	}
	msg, err := take(checkpointFile)
	if err != nil {
		return nil, err
	}
	report.Origin = key.origin()
	if report.Witnessed, err = q.open(msg, key); err != nil {
		return nil, fmt.Errorf("%w: the checkpoint is not signed by the key, or a witness's signature does not hold", ErrBroken)
	}
	report.Checkpoint = Checkpoint{Size: report.Witnessed.Checkpoint.Size, Root: report.Witnessed.Checkpoint.Root}
	report.Key = key.at(report.Checkpoint.Size).text
	if distrusted != nil && distrusted.index < report.Checkpoint.Size {
		return nil, fmt.Errorf("%w: break of trust at entry %d of the log: the key that signed the checkpoint replaced the one given, which has not signed for it", ErrBroken, distrusted.index)
	}
	if len(q.of) > 0 && !report.Witnessed.Holds() {
		return nil, fmt.Errorf("%w: its checkpoint is signed by %d of the %d witnesses given, %d are needed", ErrBroken, report.Witnessed.By, len(q.of), q.need)
	}
	var names interner
	for last := int64(-1); next < len(z.File); {
		var index int64
		if n, err := fmt.Sscanf(z.File[next].Name, entryDir+"%d"+entrySuffix, &index); n != 1 || err != nil || index <= last {
			return nil, fmt.Errorf("%w: %q is not the entry that could follow", ErrBroken, z.File[next].Name)
		}
		last = index
		encoded, err := take(entryName(index))
		if err != nil {
			return nil, err
		}
		text, err := take(proofName(index))
		if err != nil {
			return nil, err
		}
		p, err := ParseProof(text)
		if err == nil && (p.Index != index || !bytes.Equal(p.Note, msg)) {
			err = fmt.Errorf("%w: it is for another entry or checkpoint", ErrProof)
		}
		if err == nil {
			err = p.Check(report.Checkpoint, encoded)
		}
		e := new(Entry)
		if err == nil {
			err = decode(encoded, e, &names)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrBroken, index, err)
		}
		if report.Entries++; report.Entries == 1 {
			report.From = e.Time
		}
		report.To = e.Time
		if each != nil {
			if err := each(index, e); err != nil {
				return nil, err
			}
		}
	}
	return report, nil
}

// bundledKeys gives the keys of which a bundle says that they are the log's.
func bundledKeys(current string, changes []byte) (*chain, error) {
	if changes == nil {
		return chainOf(current)
	}
	c, err := parseChain(changes)
	if err == nil && c.last().text != current {
		err = fmt.Errorf("%w: %s is for other keys than %s", ErrKey, keysFile, keyFile)
	}
	return c, err
}

// unzip reads a file that may claim to be of any length.
func unzip(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxBundledFile+1))
	if err == nil && len(b) > maxBundledFile {
		err = io.ErrShortBuffer
	}
	return b, err
}

// IsBundle reports whether path is a file, as a bundle is, and not a directory,
// as a log is.
func IsBundle(path string) (bool, error) {
	st, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return st.Mode().IsRegular(), nil
}

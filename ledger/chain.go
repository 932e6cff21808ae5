package ledger

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A log may change its key. At each size one key is in force: the one that the
// newest KeyChange among that many entries names, or the first of all. Its
// signature is what makes a checkpoint of that size one of this log; further
// signatures by older keys are for readers who know only those.
//
// The file keys holds, for each change, the entry with its proof (C2SP tlog-proof)
// under the first checkpoint that covers it, which both keys have signed. So
// whoever believes any one of the keys can follow to all the others: the old one
// has signed for the entry that names the new one, and the new one for the entry
// that names the old one.
const (
	keysFile   = "keys"
	keysHeader = "weir ledger keys 1\n"
	maxKeys    = 1 << 20 // bytes of the file that a reader accepts: some thousand changes
)

// A chain is the keys of a log in their order. It is not changed once it is made.
type chain struct {
	links []link // at least one
	known note.Verifiers
}

// A link is one key and how it came to be in force.
type link struct {
	key   note.Verifier
	text  string // name+hash+data
	index int64  // of the entry that names it; -1 for the first key
	// What follows is zero for the first key.
	replaced bool      // the key before has not signed for this one
	since    time.Time // of the entry
	until    time.Time // how long the key before signs, too
	entry    []byte    // as it is encoded
	proof    Proof     // of the entry
	cover    Checkpoint
}

// newChain gives the chain of a log that never changed its key.
func newChain(key note.Verifier, text string) *chain {
	return (&chain{}).with(link{key: key, text: text, index: -1})
}

// with gives the chain with one more link.
func (c *chain) with(l link) *chain {
	next := &chain{links: append(slices.Clone(c.links), l)}
	var all []note.Verifier
	for _, l := range next.links {
		all = append(all, l.key)
	}
	next.known = note.VerifierList(all...)
	return next
}

func (c *chain) origin() string { return c.links[0].key.Name() }
func (c *chain) last() *link    { return &c.links[len(c.links)-1] }

// at gives the key in force for the first size entries.
func (c *chain) at(size int64) *link {
	for i := len(c.links) - 1; i > 0; i-- {
		if c.links[i].index < size {
			return &c.links[i]
		}
	}
	return &c.links[0]
}

// has gives the position of a key, -1 where it is none of the log's.
func (c *chain) has(text string) int {
	return slices.IndexFunc(c.links, func(l link) bool { return l.text == text })
}

// believed says what somebody who believes some of the keys may believe of the
// chain: all of it (nil), or all before a link, whose key replaced another that
// has not signed for it. It fails with ErrKey where none of the keys is the log's.
func (c *chain) believed(keys []string) (broken *link, err error) {
	newest := -1
	for _, k := range keys {
		newest = max(newest, c.has(k))
	}
	if newest < 0 {
		return nil, fmt.Errorf("%w: the log says that its key is another", ErrKey)
	}
	for i := newest + 1; i < len(c.links); i++ {
		if c.links[i].replaced {
			return &c.links[i], nil
		}
	}
	return nil, nil
}

// open checks the signatures of one signed note by the log's keys, of which the
// one in force must be there, and reads it.
func (c *chain) open(msg []byte) (Checkpoint, error) {
	return c.opened(msg, c.known, func(*note.Note) error { return nil })
}

// opened does so with more verifiers, and lets judge look at what was verified.
func (c *chain) opened(msg []byte, known note.Verifiers, judge func(*note.Note) error) (Checkpoint, error) {
	n, err := note.Open(msg, known)
	if err != nil {
		return Checkpoint{}, errNote
	}
	p, err := parseCheckpointText(c.origin(), n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if !signedBy(n, c.at(p.Size).key) {
		return Checkpoint{}, errNote
	}
	return p, judge(n)
}

func signedBy(n *note.Note, v note.Verifier) bool {
	return slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Name == v.Name() && s.Hash == v.KeyHash() })
}

// signed reports whether a batch in a store is signed by the key that was in force
// at its beginning, or by one since, with which it was sent again.
func (c *chain) signed(b *Batch) bool {
	for i := len(c.links) - 1; i >= 0; i-- {
		if b.signedBy(c.links[i].key) {
			return true
		}
		if c.links[i].index < b.First {
			return false
		}
	}
	return false
}

// follow adds the key that a proven entry names. It fails with ErrKey.
func (c *chain) follow(entry []byte, p Proof) (*chain, error) {
	bad := func(what string) (*chain, error) {
		return nil, fmt.Errorf("%w: the change of keys in entry %d: %s", ErrKey, p.Index, what)
	}
	e, err := Decode(entry)
	if err != nil || e.Kind != KeyChange || e.Rule != Rotated && e.Rule != Replaced {
		return bad("it is not an entry that changes the key")
	}
	key, err := note.NewVerifier(e.Keys.New)
	if err != nil || key.Name() != c.origin() {
		return bad("it names what is no key for this log")
	}
	before := c.last()
	if e.Keys.Old != before.text || c.has(e.Keys.New) >= 0 {
		return bad("it does not follow on the key before")
	}
	if p.Index < before.cover.Size {
		return bad("it comes before the one before")
	}
	l := link{key: key, text: e.Keys.New, index: p.Index, replaced: e.Rule == Replaced, since: e.Time, until: e.Until, entry: entry, proof: p}
	next := c.with(l)
	l.cover, err = next.opened(p.Note, next.known, func(n *note.Note) error {
		if !l.replaced && !signedBy(n, before.key) {
			return errNote
		}
		return nil
	})
	if err != nil {
		return bad("the checkpoint that covers it lacks a signature of its keys")
	}
	if err := p.Check(l.cover, entry); err != nil {
		return bad("it is not proven")
	}
	return c.with(l), nil
}

// text gives the file; nil for a chain of one key.
func (c *chain) file() []byte {
	if len(c.links) == 1 {
		return nil
	}
	b := []byte(keysHeader)
	for _, l := range c.links[1:] {
		b = append(b, "entry "...)
		b = append(base64.StdEncoding.AppendEncode(b, l.entry), '\n')
		b = append(append(b, l.proof.Text()...), '\n')
	}
	return b
}

// parseChain reads what file writes, of at least one change, and checks each.
func parseChain(b []byte) (*chain, error) {
	bad := fmt.Errorf("%w: %s is not a file of keys", ErrKey, keysFile)
	rest, ok := bytes.CutPrefix(b, []byte(keysHeader))
	if !ok || len(rest) == 0 {
		return nil, bad
	}
	var c *chain
	for len(rest) > 0 {
		line, next, ok := bytes.Cut(rest, []byte("\n"))
		text, is := bytes.CutPrefix(line, []byte("entry "))
		if !ok || !is {
			return nil, bad
		}
		entry, err := base64.StdEncoding.Strict().DecodeString(string(text))
		if err != nil {
			return nil, bad
		}
		end := bytes.Index(next, []byte("\n\n"))
		if end < 0 {
			return nil, bad
		}
		msg, after, ok := splitNote(next[end+2:])
		if !ok {
			return nil, bad
		}
		p, err := ParseProof(next[: end+2+len(msg) : end+2+len(msg)])
		if err != nil {
			return nil, bad
		}
		rest = after
		if c == nil {
			if c, err = firstOf(entry); err != nil {
				return nil, bad
			}
		}
		if c, err = c.follow(entry, p); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// firstOf begins a chain with the key that an entry says was before.
func firstOf(entry []byte) (*chain, error) {
	e, err := Decode(entry)
	if err != nil {
		return nil, err
	}
	return chainOf(e.Keys.Old)
}

// chainOf begins a chain with the text of a key.
func chainOf(text string) (*chain, error) {
	key, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not the text of a public note key", ErrKey)
	}
	return newChain(key, text), nil
}

// readChain reads the chain of the log in dir, of which nothing is believed yet.
// current is what key.pub says: the newest key, or, for a moment, the one before.
func readChain(d disk, dir string) (c *chain, current string, err error) {
	b, err := readFile(d, filepath.Join(dir, keyFile))
	if err != nil {
		return nil, "", err
	}
	current = strings.TrimSpace(string(b))
	b, err = readFile(d, filepath.Join(dir, keysFile))
	if isMissing(err) {
		c, err = chainOf(current)
		return c, current, err
	}
	if err != nil {
		return nil, "", err
	}
	if c, err = parseChain(b); err != nil {
		return nil, "", err
	}
	if c.has(current) < 0 {
		return nil, "", fmt.Errorf("%w: %s is for other keys than %s", ErrKey, keysFile, keyFile)
	}
	return c, current, nil
}

// A KeyUse is one key of a log.
type KeyUse struct {
	Key      string    // its public text
	Entry    int64     // the entry that put it in force; -1 for the first key
	Since    time.Time // of that entry
	Replaced bool      // the key before has not signed for it
	// First and Last are the sizes of the first and the last checkpoint that
	// it has signed, of those that the log keeps, and Checkpoints how many
	// these are; the times are not signed, and not known for all.
	First, Last int64
	Checkpoints int
	// Until is how long it goes on signing beside the one after it.
	Until time.Time
	// InForce: it is the newest.
	InForce bool
}

// uses gives the keys without what only the history knows.
func (c *chain) uses() []KeyUse {
	all := make([]KeyUse, len(c.links))
	for i, l := range c.links {
		all[i] = KeyUse{Key: l.text, Entry: l.index, Since: l.since, Replaced: l.replaced, InForce: i == len(c.links)-1, First: -1, Last: -1}
		if i > 0 {
			all[i-1].Until = l.until
		}
	}
	return all
}

// Keys lists the keys of the log in dir, and which checkpoints they have signed.
// It takes no lock. It fails with ErrKey where the changes do not hold, and with
// ErrDamaged where a checkpoint is not by these keys.
func Keys(dir string) ([]KeyUse, error) {
	all, err := keyUses(osDisk{}, dir)
	if err != nil {
		return nil, fmt.Errorf("list keys of ledger: %w", err)
	}
	return all, nil
}

func keyUses(d disk, dir string) ([]KeyUse, error) {
	history, err := readFile(d, filepath.Join(dir, historyFile))
	if err != nil {
		return nil, err
	}
	c, _, err := readChain(d, dir)
	if err != nil {
		return nil, err
	}
	all := c.uses()
	for msg, rest, ok := splitNote(history); ok; msg, rest, ok = splitNote(rest) {
		var by []note.Signature
		p, err := c.opened(msg, c.known, func(n *note.Note) error { by = n.Sigs; return nil })
		if err != nil {
			return nil, fmt.Errorf("%w: %s has a checkpoint that is not by the log's keys", ErrDamaged, historyFile)
		}
		for i, l := range c.links {
			if slices.ContainsFunc(by, func(s note.Signature) bool { return s.Hash == l.key.KeyHash() }) {
				if all[i].Checkpoints++; all[i].Checkpoints == 1 {
					all[i].First = p.Size
				}
				all[i].Last = p.Size
			}
		}
	}
	return all, nil
}

// believedKeys reads the texts of the keys that somebody believes, a line each.
func believedKeys(text string) (keys []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, line)
		}
	}
	return keys
}

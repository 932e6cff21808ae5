package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Source is a file of a policy.
type Source struct {
	// Name is, for an included file, its path from the folder of the first one,
	// with slashes; for the first, what Parse was given.
	Name string
	Text []byte // not to be changed
}

// A Reader gives the text of an included file. The name is a path from the folder
// of the policy's first file, with slashes, clean, and never out of that folder;
// that a link does not lead out of it is for the Reader to see to (os.Root does).
type Reader func(name string) ([]byte, error)

// Bounds on what one policy may include.
const (
	maxFiles   = 100
	maxSources = 2 << 20 // bytes of all files together
)

// Sources gives the files of the policy: the first, then those that it includes,
// as they were read. ParseFiles makes the same policy of them.
func (p *Policy) Sources() []Source { return slices.Clone(p.sources) }

// gather reads the file and all that it includes into one tree: what an included
// file says stands as if it were written in the first. A key that may stand once
// in a file may stand once in all of them.
func (c *compiler) gather(file string, src []byte, read Reader) *node {
	g := gatherer{compiler: c, read: read, included: map[string]at{}, first: filepath.ToSlash(file)}
	return g.file(file, path.Base(g.first), src, nil)
}

type gatherer struct {
	*compiler
	read     Reader
	first    string        // the first file, as Parse was given it
	included map[string]at // each file by its path, and where it is included
	bytes    int
}

// file reads one file. chain has the files that led to it, the first one first.
func (g *gatherer) file(shown, name string, src []byte, chain []string) *node {
	g.sources = append(g.sources, Source{shown, bytes.Clone(src)})
	if len(chain) > 0 {
		g.sources[len(g.sources)-1].Name = name
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // a byte order mark, as some editors write it
	g.mistakes.files = append(g.mistakes.files, sourceFile{shown, lines(src)})
	reading := len(g.mistakes.files) - 1
	g.mistakes.reading = reading
	if g.bytes += len(src); g.bytes > maxSources {
		g.errorf(g.top(), "the files of the policy are longer than %d bytes together", maxSources)
		return nil
	}
	root := readTree(&g.mistakes, src)
	if root == nil || root.kind != mapping {
		if root != nil && len(chain) > 0 {
			g.errorf(root.at, "an included file holds keys and values, as a policy does, not %s", nodeKindNames[root.kind])
			return nil
		}
		return root
	}
	chain = append(chain, name)
	for i := 0; i < len(root.pairs); i++ {
		if root.pairs[i].key != "include" {
			continue
		}
		f := root.pairs[i]
		root.pairs = slices.Delete(root.pairs, i, i+1)
		i--
		for _, n := range g.list(f) {
			if more := g.include(n, chain); more != nil {
				g.merge(root, more)
			}
		}
	}
	return root
}

// include reads the file that an entry of `include` names.
func (g *gatherer) include(n *node, chain []string) *node {
	name, ok := localPath(path.Dir(chain[len(chain)-1]), n.text)
	switch before, twice := g.included[name]; {
	case g.read == nil:
		g.errorf(n.at, "include: this policy is read by itself, so it includes nothing")
		return nil
	case !ok:
		g.errorf(n.at, "include: %q leads out of the folder of the policy: a path from this file as roles/support.yaml", n.text)
		return nil
	case slices.Contains(chain, name):
		loop := chain[slices.Index(chain, name):]
		g.errorf(n.at, "include: a loop: %s includes %s", strings.Join(loop, " includes "), name)
		return nil
	case twice:
		g.errorf(n.at, "include: %s is included on %s already", name, g.lineFrom(n.at, before))
		return nil
	case len(g.included) >= maxFiles:
		g.errorf(n.at, "include: more than %d files", maxFiles)
		return nil
	}
	g.included[name] = n.at
	src, err := g.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		g.errorf(n.at, "include: there is no %s", name)
		return nil
	case err != nil:
		g.errorf(n.at, "include: %s cannot be read (%s)", name, reasonOf(err))
		return nil
	}
	shown := name
	if dir := path.Dir(g.first); dir != "." {
		shown = path.Join(dir, name)
	}
	return g.file(filepath.FromSlash(shown), name, src, chain)
}

// reasonOf gives what went wrong with a file, without its path, which the message
// has already.
func reasonOf(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// localPath gives where a path from a folder leads, if it stays within the
// policy's.
func localPath(dir, name string) (string, bool) {
	if strings.ContainsAny(name, "\\\x00") || path.IsAbs(name) {
		return "", false
	}
	name = path.Join(dir, name)
	return name, fs.ValidPath(name) && name != "."
}

// merge adds what an included file says to what is there: names to names, lists to
// lists.
func (g *gatherer) merge(to, from *node) {
	for _, p := range from.pairs {
		i := slices.IndexFunc(to.pairs, func(have pair) bool { return have.key == p.key })
		if i < 0 {
			to.pairs = append(to.pairs, p)
			continue
		}
		have := to.pairs[i].value
		switch {
		case p.key == "version": // each file may say it, and each must say the same
			if p.value.kind != scalar || p.value.text != "1" {
				g.errorf(p.value.at, "the version of the language is 1")
			}
		case !slices.Contains(merged, p.key):
			g.errorf(p.at, "the key %q stands here a second time (first on %s)", p.key, g.lineFrom(p.at, to.pairs[i].at))
		case p.value.kind == nothing:
		case have.kind == nothing:
			to.pairs[i].value = p.value
		case have.kind != p.value.kind:
			g.errorf(p.value.at, "%s: %s here, and %s on %s", p.key, nodeKindNames[p.value.kind], nodeKindNames[have.kind], g.lineFrom(p.at, to.pairs[i].at))
		case have.kind == sequence:
			have.items = append(have.items, p.value.items...)
		case have.kind == mapping:
			first := make(map[string]at, len(have.pairs))
			for _, q := range have.pairs {
				first[q.key] = q.at
			}
			for _, q := range p.value.pairs {
				if before, twice := first[q.key]; twice && before.file != q.file {
					g.errorf(q.at, "%s: %q stands on %s already", p.key, q.key, g.lineFrom(q.at, before))
					continue
				}
				have.pairs = append(have.pairs, q)
			}
		}
	}
}

// merged are the keys at the top that may stand in several files, each of which
// adds to the others.
var merged = []string{"classes", "purposes", "roles", "issuers", "networks", "routes", "detectors", "approvers", "vendors", "combinations", "public-profile", "holds"}

// digestOf hashes the files of a policy. What stands in one file keeps the hash of
// its bytes.
func digestOf(sources []Source) (sum [sha256.Size]byte) {
	if len(sources) == 1 {
		return sha256.Sum256(sources[0].Text)
	}
	h := sha256.New()
	h.Write([]byte("weir policy of several files\n"))
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for i, s := range sources {
		name := s.Name
		if i == 0 {
			name = "" // where it lies is no part of what it says
		}
		part([]byte(name))
		part(s.Text)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// versionLength is how many bytes of the digest name a policy.
const versionLength = 6

func versionOf(digest [sha256.Size]byte) string {
	return "sha256:" + hex.EncodeToString(digest[:versionLength])
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/getweir/weir/ledger"
)

// keyringFile holds the secret keys of the ledger, a line each. The first is in
// force, or is to be: whoever holds the ledger sees to that. Those below are older
// and sign beside it until the time that stands behind them, when they are removed.
const keyringFile = "keys/ledger.key"

// A keyring is what stands in that file.
type keyring struct {
	keys    []ledger.Key
	secrets []string
	until   []time.Time // zero for the first
}

func readKeyring(dir string) (*keyring, error) {
	b, err := os.ReadFile(filepath.Join(dir, keyringFile))
	if err != nil {
		return nil, err
	}
	return parseKeyring(string(b))
}

func parseKeyring(text string) (*keyring, error) {
	r := &keyring{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		secret, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if secret == "" || strings.HasPrefix(secret, "#") {
			continue
		}
		k, err := ledger.ParseKey(secret)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", keyringFile, n, err)
		}
		var until time.Time
		if at, ok := strings.CutPrefix(strings.TrimSpace(rest), "until "); ok && len(r.keys) > 0 {
			if until, err = time.Parse(time.RFC3339, at); err != nil {
				return nil, fmt.Errorf("%s, line %d: behind a key that is not the first stands until and a time, such as until 2026-12-31T00:00:00Z", keyringFile, n)
			}
		} else if rest != "" || len(r.keys) > 0 && !ok {
			return nil, fmt.Errorf("%s, line %d: behind a key that is not the first stands until and a time, such as until 2026-12-31T00:00:00Z", keyringFile, n)
		}
		if len(r.keys) > 0 && k.Origin() != r.keys[0].Origin() {
			return nil, fmt.Errorf("%s, line %d: the key is for another ledger than the first", keyringFile, n)
		}
		r.keys, r.secrets, r.until = append(r.keys, k), append(r.secrets, secret), append(r.until, until)
	}
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("%s holds no key", keyringFile)
	}
	return r, nil
}

func (r *keyring) text() []byte {
	var b strings.Builder
	b.WriteString(r.secrets[0] + "\n")
	for i := 1; i < len(r.keys); i++ {
		fmt.Fprintf(&b, "%s until %s\n", r.secrets[i], r.until[i].UTC().Format(time.RFC3339))
	}
	return []byte(b.String())
}

// put makes a key the first; the one that was first signs until then.
func (r *keyring) put(k ledger.Key, secret string, until time.Time) {
	r.until[0] = until
	r.keys = append([]ledger.Key{k}, r.keys...)
	r.secrets = append([]string{secret}, r.secrets...)
	r.until = append([]time.Time{{}}, r.until...)
}

// prune removes keys that sign no more, and tells whether there were any.
func (r *keyring) prune(now time.Time) bool {
	kept := &keyring{keys: r.keys[:1:1], secrets: r.secrets[:1:1], until: r.until[:1:1]}
	for i := 1; i < len(r.keys); i++ {
		if now.Before(r.until[i]) {
			kept.keys, kept.secrets, kept.until = append(kept.keys, r.keys[i]), append(kept.secrets, r.secrets[i]), append(kept.until, r.until[i])
		}
	}
	pruned := len(kept.keys) < len(r.keys)
	*r = *kept
	return pruned
}

// write replaces the file, durably: a ledger that was given a key cannot be
// opened without it.
func (r *keyring) write(dir string) error {
	return replaceDurably(filepath.Join(dir, keyringFile), r.text(), 0o600)
}

// options gives what opens the ledger of a state folder.
func (r *keyring) options() ledger.Options {
	return ledger.Options{Key: r.keys[0], Others: r.keys[1:]}
}

// overlap gives until when the key before the first signs beside it.
func (r *keyring) overlap() time.Time {
	if len(r.until) < 2 {
		return time.Time{}
	}
	return r.until[1]
}

// replaceDurably puts content in the place of a file, so that after a crash it is
// the old one or the new one.
func replaceDurably(path string, content []byte, mode os.FileMode) error {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeNew(tmp, content, mode); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// followKeys puts the first key of the keyring in force when that is another one,
// and removes keys that sign no more, until ctx ends.
func (s *server) followKeys(ctx context.Context) {
	path := filepath.Join(s.cfg.State, keyringFile)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	stamp := ""
	var ring *keyring
	for {
		if now := fileStamp(path); now != stamp {
			stamp = now
			var err error
			if ring, err = readKeyring(s.cfg.State); err == nil {
				err = s.turnKey(ctx, ring)
			}
			if err != nil {
				s.log.Error("ledger: its key was not changed, the old one stays in force", "err", err)
				ring = nil
			}
		}
		if ring != nil && ring.prune(time.Now()) {
			if err := ring.write(s.cfg.State); err != nil {
				s.log.Error("ledger: an old key could not be removed from its file", "err", err)
			} else {
				s.log.Info("ledger: an old key signs no more and was removed")
			}
			stamp = fileStamp(path)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *server) turnKey(ctx context.Context, ring *keyring) error {
	if ring.keys[0].Verifier() == s.state.ledger.PublicKey() {
		return nil
	}
	index, err := s.state.ledger.Rotate(ctx, ring.keys[0], ring.overlap())
	if err == nil {
		s.log.Info("ledger: its key was changed", "entry", index, "key", ring.keys[0].Verifier())
	}
	return err
}

package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/getweir/weir"
)

// A Rotation says how keys are brought under the newest key-encryption key.
type Rotation struct {
	// Reencrypt gives each customer a new data key, and seals the values anew under
	// it. Else the data keys stay and are wrapped anew, which is some hundred times
	// faster: enough where a key-encryption key may be known to somebody who never
	// saw the database.
	Reencrypt bool
	// Progress, if not nil, is told from time to time how many customers of how
	// many are done.
	Progress func(done, total int64)
}

// Rotated tells what Rotate did.
type Rotated struct {
	Version int   // the newest
	Done    int64 // customers whose key is under it now
}

// How many keys are wrapped anew at once, and rows sealed anew at once and beside
// each other.
const (
	rewrapAtOnce  = 2000
	resealAtOnce  = 200
	resealWorkers = 8
)

// Rotate brings the keys of all customers under the newest version of the
// key-encryption keys. It may be interrupted, by a crash too, and called again: it
// goes on with those that are left. Others may read and write meanwhile.
//
// A customer whose row is damaged stays as it is; the rest is done, and then the
// error names some of them.
func (v *Vault) Rotate(ctx context.Context, r Rotation) (Rotated, error) {
	done, err := v.rotate(ctx, r)
	if err != nil {
		return done, fmt.Errorf("rotate keys: %w", err)
	}
	return done, nil
}

func (v *Vault) rotate(ctx context.Context, r Rotation) (out Rotated, err error) {
	if out.Version, err = v.ring.version(ctx); err != nil {
		return out, err
	}
	if err := v.rewrapRoot(ctx, out.Version); err != nil {
		return out, err
	}
	step, size := v.rewrap, rewrapAtOnce
	if r.Reencrypt {
		step, size = v.reencrypt, resealAtOnce
	}
	var failed []error
	// Whoever was created meanwhile by somebody who did not know the newest version
	// yet may stand before the place that has been reached: so once more from the
	// start, until none is left or none can be done.
	for before := int64(-1); before != out.Done; {
		before = out.Done
		stale, err := v.stale(ctx, out.Version)
		if err != nil {
			return out, err
		}
		if stale == 0 {
			return out, nil
		}
		failed = failed[:0]
		var after weir.Subject
		for {
			keys, err := v.store.Stale(ctx, out.Version, after, size)
			if err != nil {
				return out, err
			}
			if len(keys) == 0 {
				break
			}
			after = keys[len(keys)-1].Subject
			n, bad, err := step(ctx, keys)
			out.Done += int64(n)
			failed = append(failed, bad...)
			if err != nil {
				return out, err
			}
			if r.Progress != nil {
				r.Progress(out.Done, max(before+stale, out.Done))
			}
		}
	}
	if len(failed) > 0 {
		n := len(failed)
		if n > 10 {
			failed = failed[:10]
		}
		return out, fmt.Errorf("%d customers stay under an older version: %w", n, errors.Join(failed...))
	}
	return out, nil
}

// stale counts the keys that are not under the newest version.
func (v *Vault) stale(ctx context.Context, version int) (n int64, err error) {
	counts, err := v.store.Count(ctx)
	for kek, of := range counts {
		if kek < version {
			n += of
		}
	}
	return n, err
}

// rewrapRoot wraps the vault's own key anew.
func (v *Vault) rewrapRoot(ctx context.Context, version int) error {
	for range tries {
		h, was, err := v.head(ctx)
		if err != nil || h.KEK >= version {
			return err
		}
		wrapped, kek, err := v.ring.wrap(ctx, v.roots.root)
		if err != nil {
			return err
		}
		h.KEK, h.Root = kek, wrapped[0]
		text, err := json.Marshal(h)
		if err != nil {
			return err
		}
		if done, err := v.store.SetMeta(ctx, metaName, was, text); done || err != nil {
			return err
		}
	}
	return ErrVersion
}

func (v *Vault) rewrap(ctx context.Context, old []WrappedKey) (int, []error, error) {
	byVersion := make(map[int][]WrappedKey)
	for _, k := range old {
		byVersion[k.KEK] = append(byVersion[k.KEK], k)
	}
	done := 0
	var failed []error
	for version, keys := range byVersion {
		good, secrets, bad, err := v.unwrapAll(ctx, version, keys)
		if failed = append(failed, bad...); err != nil {
			return done, failed, err
		}
		if len(good) == 0 {
			continue
		}
		wrapped, kek, err := v.ring.wrap(ctx, secrets...)
		for _, s := range secrets {
			clear(s)
		}
		if err != nil {
			return done, failed, err
		}
		fresh := make([]WrappedKey, len(good))
		for i := range good {
			fresh[i] = WrappedKey{good[i].Subject, kek, wrapped[i]}
		}
		n, err := v.store.Rewrap(ctx, good, fresh)
		if done += n; err != nil {
			return done, failed, err
		}
	}
	return done, failed, nil
}

// unwrapAll leaves out the keys that are damaged.
func (v *Vault) unwrapAll(ctx context.Context, version int, keys []WrappedKey) (good []WrappedKey, secrets [][]byte, bad []error, err error) {
	wrapped := make([][]byte, len(keys))
	for i := range keys {
		wrapped[i] = keys[i].Wrapped
	}
	secrets, err = v.ring.unwrap(ctx, version, wrapped...)
	if err == nil || !errors.Is(err, ErrWrongKey) {
		return keys, secrets, nil, err
	}
	for i := range keys {
		one, err := v.ring.unwrap(ctx, version, wrapped[i])
		switch {
		case errors.Is(err, ErrWrongKey):
			bad = append(bad, fmt.Errorf("%w: customer %s: its key was not wrapped by this vault's keys", ErrDamaged, keys[i].Subject))
		case err != nil:
			return nil, nil, bad, err
		default:
			good, secrets = append(good, keys[i]), append(secrets, one[0])
		}
	}
	return good, secrets, bad, nil
}

// reencrypt gives customers new data keys, several beside each other: their
// changes share what a commit costs.
func (v *Vault) reencrypt(ctx context.Context, old []WrappedKey) (done int, failed []error, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	work := make(chan weir.Subject)
	for range resealWorkers {
		all.Go(func() {
			for who := range work {
				oerr := v.reencryptOne(ctx, who)
				mu.Lock()
				switch {
				case oerr == nil:
					done++
				case errors.Is(oerr, ErrNotFound): // deleted meanwhile
				case errors.Is(oerr, ErrDamaged):
					failed = append(failed, oerr)
				default:
					err = errors.Join(err, oerr)
				}
				mu.Unlock()
			}
		})
	}
	for i := range old {
		mu.Lock()
		stop := err != nil
		mu.Unlock()
		if stop {
			break
		}
		work <- old[i].Subject
	}
	close(work)
	all.Wait()
	return done, failed, err
}

func (v *Vault) reencryptOne(ctx context.Context, who weir.Subject) (err error) {
	for range tries {
		if err = v.tryReencrypt(ctx, who); !errors.Is(err, ErrVersion) {
			return err
		}
	}
	return err
}

func (v *Vault) tryReencrypt(ctx context.Context, who weir.Subject) error {
	row, data, cells, err := v.row(ctx, who)
	if err != nil {
		return err
	}
	secret := randomBytes(dataKeySize)
	copy(secret[keySize:], data.secret[keySize:]) // the key for tokens stays
	wrapped, kek, err := v.ring.wrap(ctx, secret)
	if err != nil {
		return err
	}
	fresh, err := newDataKey(secret)
	if err != nil {
		return err
	}
	next := *row
	next.Revision++
	next.Key = WrappedKey{who, kek, wrapped[0]}
	var a binding
	for i := range cells {
		value, err := data.openCell(&a, v.tenant, who, &cells[i])
		if err != nil {
			return err
		}
		cells[i].sealed = fresh.cells.Seal(nil, nil, value, a.cell(v.tenant, who, &cells[i]))
		clear(value)
	}
	fresh.sealRow(&a, v.tenant, &next, cells)
	if err := v.store.Apply(ctx, &Change{Subject: who, Revision: row.Revision, Row: &next, Rekey: true}); err != nil {
		return err
	}
	v.ring.cache.forget(row.Key.Wrapped)
	return nil
}

// Keys tells how many customers' keys there are under each version of the
// key-encryption keys, and which version is the newest.
func (v *Vault) Keys(ctx context.Context) (counts map[int]int64, newest int, err error) {
	if newest, err = v.ring.version(ctx); err == nil {
		counts, err = v.store.Count(ctx)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("count keys: %w", err)
	}
	return counts, newest, nil
}

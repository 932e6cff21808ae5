package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Keys hold the key-encryption keys, which have versions: 1, 2 and so on. It is
// all that has to be written for another key service:
//
//   - Version asks for the newest version, which Wrap uses.
//   - Wrap encrypts keys of up to 64 bytes, each by itself, authenticated, and
//     says under which version. Wrapping the same twice gives two texts.
//   - Unwrap gives back what Wrap was given, in order, and fails as a whole if one
//     was changed or is another service's.
//
// Up to a few thousand keys come at once. Methods may be called concurrently.
// Errors that are not ErrWrongKey are taken to pass: the vault says ErrKeys, and
// asks again the next time. None may hold a key.
type Keys interface {
	Version(ctx context.Context) (int, error)
	Wrap(ctx context.Context, keys [][]byte) (wrapped [][]byte, version int, err error)
	Unwrap(ctx context.Context, wrapped [][]byte, version int) (keys [][]byte, err error)
}

// keyring asks Keys, within a time, and remembers some of what it was told.
type keyring struct {
	keys    Keys
	timeout time.Duration
	cache   keyCache
}

// trouble says what went wrong with the keys, as one of the vault's own errors.
func (k *keyring) trouble(ctx context.Context, err error) error {
	if errors.Is(err, ErrWrongKey) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("%w: no answer within %v", ErrKeys, k.timeout)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrKeys, err)
}

func (k *keyring) version(ctx context.Context) (int, error) {
	asking, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	v, err := k.keys.Version(asking)
	if err != nil {
		return 0, k.trouble(ctx, err)
	}
	return v, nil
}

func (k *keyring) wrap(ctx context.Context, keys ...[]byte) ([][]byte, int, error) {
	asking, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	wrapped, version, err := k.keys.Wrap(asking, keys)
	if err == nil && (len(wrapped) != len(keys) || version < 1) {
		err = errors.New("the key service gave something else than was asked for")
	}
	if err != nil {
		return nil, 0, k.trouble(ctx, err)
	}
	return wrapped, version, nil
}

func (k *keyring) unwrap(ctx context.Context, version int, wrapped ...[]byte) ([][]byte, error) {
	asking, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	keys, err := k.keys.Unwrap(asking, wrapped, version)
	if err == nil && len(keys) != len(wrapped) {
		err = errors.New("the key service gave something else than was asked for")
	}
	if err != nil {
		return nil, k.trouble(ctx, err)
	}
	return keys, nil
}

// open gives the data keys of customers, from memory where they are there.
func (k *keyring) open(ctx context.Context, wanted []WrappedKey) ([]*dataKey, error) {
	out := make([]*dataKey, len(wanted))
	missing := map[int][]int{} // places in wanted, by version
	for i := range wanted {
		if out[i] = k.cache.get(wanted[i].Wrapped); out[i] == nil {
			missing[wanted[i].KEK] = append(missing[wanted[i].KEK], i)
		}
	}
	for version, places := range missing {
		wrapped := make([][]byte, len(places))
		for j, i := range places {
			wrapped[j] = wanted[i].Wrapped
		}
		secrets, err := k.unwrap(ctx, version, wrapped...)
		if err != nil && len(places) == 1 && errors.Is(err, ErrWrongKey) {
			return nil, fmt.Errorf("%w: customer %s: its key was not wrapped by this vault's keys", ErrDamaged, wanted[places[0]].Subject)
		}
		if err != nil {
			return nil, err
		}
		for j, i := range places {
			if out[i], err = newDataKey(secrets[j]); err != nil {
				return nil, fmt.Errorf("%w: customer %s: %w", ErrDamaged, wanted[i].Subject, err)
			}
			clear(secrets[j])
			k.cache.put(wanted[i].Wrapped, out[i])
		}
	}
	return out, nil
}

// keyCache remembers the data keys that were used most recently, at most limit of
// them, each for life at most. It has two generations: what is used goes into
// the young one; when that holds half of limit it becomes the old one, whose
// unused rest is forgotten. Whole generations end by time, too.
type keyCache struct {
	limit int
	life  time.Duration

	mu         sync.Mutex
	young, old map[string]cached // guarded by mu, by the wrapped key
}

type cached struct {
	key  *dataKey
	ends time.Time
}

func (c *keyCache) get(wrapped []byte) *dataKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.young[string(wrapped)]
	if !ok {
		if e, ok = c.old[string(wrapped)]; ok {
			delete(c.old, string(wrapped))
			c.add(string(wrapped), e)
		}
	}
	if !ok {
		return nil
	}
	if time.Now().After(e.ends) {
		delete(c.young, string(wrapped))
		return nil
	}
	return e.key
}

func (c *keyCache) put(wrapped []byte, k *dataKey) {
	if c.limit < 2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(string(wrapped), cached{k, time.Now().Add(c.life)})
}

func (c *keyCache) add(wrapped string, e cached) {
	if len(c.young) >= c.limit/2 {
		c.young, c.old = make(map[string]cached), c.young
	}
	if c.young == nil {
		c.young = make(map[string]cached)
	}
	c.young[wrapped] = e
}

// forget removes a key.
func (c *keyCache) forget(wrapped []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, string(wrapped))
	delete(c.old, string(wrapped))
}

// sweep removes what has ended.
func (c *keyCache) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range []map[string]cached{c.young, c.old} {
		for k, e := range m {
			if now.After(e.ends) {
				delete(m, k)
			}
		}
	}
}

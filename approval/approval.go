// Package approval keeps what one person asks for and another has to agree to: a
// policy that permits more than the one in force, and a request for more customers
// than a budget allows.
//
// A Book is read from the ledger and written to it: each step (proposed, signed;
// asked, approved, refused, expired, withdrawn) is an entry, which is durable before
// it counts, so that a restart knows what was known, and an auditor who asked and
// who agreed. Signatures are those of ssh-keygen -Y sign, which a reviewer has at
// hand, over a few lines of text that name what is agreed to.
//
// It guarantees that a policy that widens is allowed only with as many signatures
// of different people as the policy in force wants, by keys that the policy in force
// names, over this change and no other; that a request is approved only by a person
// whom the policy in force names, who is neither who asked nor who receives, through
// another credential; and that an approved request ends by itself.
//
// It puts no policy in force and gives nobody a budget: whoever loads policies asks
// Judge first, and the guard follows the ledger. It does not know who is at the
// keyboard: who holds a person's key is that person.
package approval

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

var (
	// ErrRefused is what is said of a step that may not be taken; its text says why,
	// to the person who tried.
	ErrRefused = errors.New("refused")
	// ErrUnknown is what is said of a name that names nothing.
	ErrUnknown = errors.New("there is none")
)

// A Digest names a policy by its content: see policy.Policy.Digest. The zero one is
// none.
type Digest [32]byte

// String gives "sha256:" and 64 hexadecimal digits.
func (d Digest) String() string { return "sha256:" + hex.EncodeToString(d[:]) }

// Short gives the Digest as Policy.Version has it.
func (d Digest) Short() string { return d.String()[:len("sha256:")+12] }

// MarshalText and UnmarshalText write and read it as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Digest) UnmarshalText(b []byte) error {
	digits, ok := strings.CutPrefix(string(b), "sha256:")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(d) {
		return errors.New("a policy's digest is sha256: and 64 hexadecimal digits")
	}
	copy(d[:], raw)
	return nil
}

// An ID names a proposal or a request: random, and of no meaning.
type ID [12]byte

// String gives 24 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText and UnmarshalText write and read it as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func (id *ID) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(id) {
		return errors.New("an id has 24 hexadecimal digits")
	}
	copy(id[:], raw)
	return nil
}

func newID() (id ID) {
	rand.Read(id[:]) // never fails (crypto/rand, Go 1.24)
	return id
}

// Ledger is what a Book needs of the ledger.
type Ledger interface {
	// Append returns when the entries are durable.
	Append(ctx context.Context, entries ...*ledger.Entry) (ledger.Receipt, error)
	// Replay gives every entry there is from index from.
	Replay(from int64, each func(index int64, e *ledger.Entry) error) error
	// Follow gives every entry from index from, and then those to come, until
	// ctx ends.
	Follow(ctx context.Context, from int64, each func(index int64, e *ledger.Entry) error) error
}

// Cursors keep how far the Book has read. *ledger.Log satisfies it.
type Cursors interface {
	Resume(name string) (next int64, state []byte, err error)
	Keep(name string, next int64, state []byte) error
}

// Config is what a Book is made of. Ledger and Versions are required.
type Config struct {
	Ledger   Ledger
	Versions Versions
	// Cursors let a start go on from what was known a while ago; nil: it reads the
	// whole ledger.
	Cursors Cursors
	Log     *slog.Logger     // nil: none
	Now     func() time.Time // nil: time.Now
}

// A Book is one node's record of what is proposed, asked and agreed to. Its methods
// may be called from any goroutine; Restore comes first, Run once.
type Book struct {
	ledger   Ledger
	versions Versions
	cursors  Cursors
	log      *slog.Logger
	now      func() time.Time

	acting sync.Mutex // held from a look at the state to the step that it allows

	mu    sync.Mutex // guards what follows
	state state
	ahead map[int64]bool // entries that were applied when they were written, and will come again
	base  *policy.Policy // in force
	next  int64          // the first entry that is not followed yet
	kept  int64
}

// state is what a Book knows, as its cursor keeps it.
type state struct {
	InForce   Digest
	Since     time.Time
	Affirmed  time.Time // when the ledger last said so
	Proposals map[ID]*Proposal
	Requests  map[ID]*Request
}

// New makes a Book that knows nothing yet.
func New(c Config) (*Book, error) {
	if c.Ledger == nil || c.Versions == nil {
		return nil, errors.New("approval: ledger and versions are both needed")
	}
	b := &Book{ledger: c.Ledger, versions: c.Versions, cursors: c.Cursors, log: c.Log, now: c.Now, ahead: map[int64]bool{}}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.now == nil {
		b.now = time.Now
	}
	b.state = state{Proposals: map[ID]*Proposal{}, Requests: map[ID]*Request{}}
	return b, nil
}

const (
	cursorName  = "approval"
	keepEntries = 50_000 // after so many the cursor is kept; they are read again in a moment
	keepPause   = 5 * time.Minute
)

// Restore reads the ledger. It comes once, before anything else.
func (b *Book) Restore(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cursors != nil {
		next, kept, err := b.cursors.Resume(cursorName)
		s := state{Proposals: map[ID]*Proposal{}, Requests: map[ID]*Request{}}
		if err == nil && next > 0 {
			err = json.Unmarshal(kept, &s)
		}
		if err != nil {
			b.log.Warn("the cursor of approvals cannot be used; the ledger is read from the beginning", "err", err)
		} else {
			b.state, b.next, b.kept = s, next, next
		}
	}
	err := b.ledger.Replay(b.next, func(index int64, e *ledger.Entry) error {
		b.apply(e)
		b.next = max(b.next, index+1)
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("restore approvals from ledger: %w", err)
	}
	return nil
}

// Run follows the ledger and ends what is over, until ctx ends.
func (b *Book) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() {
		second, while := time.NewTicker(time.Second), time.NewTicker(keepPause)
		defer second.Stop()
		defer while.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-second.C:
				if err := b.expire(ctx); err != nil && ctx.Err() == nil {
					b.log.Error("the ledger did not take that a request has ended; it has, all the same", "err", err)
				}
			case <-while.C:
				if err := b.affirm(ctx); err != nil && ctx.Err() == nil {
					b.log.Error("the ledger did not take which policy is in force; it is tried again", "err", err)
				}
				b.keep()
			}
		}
	})
	b.mu.Lock()
	next := b.next
	b.mu.Unlock()
	err := b.ledger.Follow(ctx, next, func(index int64, e *ledger.Entry) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.next = index + 1
		if b.ahead[index] {
			delete(b.ahead, index)
			return nil
		}
		b.apply(e)
		return nil
	})
	wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("follow ledger: %w", err)
}

// affirmEvery is how often the ledger is told again which policy is in force. No entry
// is dropped before it is 31 days old (ledger.LeastKeep).
const affirmEvery = 7 * 24 * time.Hour

// affirm has the ledger say again which policy is in force, if it has not for long: a
// start must find it, however few entries are kept.
func (b *Book) affirm(ctx context.Context) error {
	b.acting.Lock()
	defer b.acting.Unlock()
	b.mu.Lock()
	in, due := b.state.InForce, b.now().Sub(b.state.Affirmed) >= affirmEvery
	p := b.base
	b.mu.Unlock()
	if !due || p == nil || in != p.Digest() {
		return nil
	}
	return b.write(ctx, &ledger.Entry{Kind: ledger.PolicyLoaded, Rule: ledger.Still, Policy: p.Version(), Change: &ledger.Change{From: in, To: in}})
}

// keep notes what is known behind the entries that were followed.
func (b *Book) keep() {
	b.mu.Lock()
	next := b.next
	due := b.cursors != nil && next-b.kept >= keepEntries && len(b.ahead) == 0
	kept, err := []byte(nil), error(nil)
	if due {
		kept, err = json.Marshal(&b.state)
	}
	b.mu.Unlock()
	if !due {
		return
	}
	if err == nil {
		err = b.cursors.Keep(cursorName, next, kept)
	}
	switch {
	case errors.Is(err, ledger.ErrUnproven):
		return // soon they are signed
	case err != nil:
		b.log.Warn("the cursor of approvals cannot be kept; the next start reads the ledger from the one before", "err", err)
	}
	b.mu.Lock()
	b.kept = next
	b.mu.Unlock()
}

// write takes a step: it is durable, and known here, when write returns. The caller
// holds acting.
func (b *Book) write(ctx context.Context, entries ...*ledger.Entry) error {
	now := b.now()
	for _, e := range entries {
		e.Time = now
	}
	// Whoever asked may leave: what was looked at is no longer to change before it
	// is written, and what is written is to be known.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	r, err := b.ledger.Append(ctx, entries...)
	if err != nil {
		return fmt.Errorf("the ledger did not record it, so it is not done: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, e := range entries {
		if index := r.Index() + int64(i); index >= b.next {
			b.ahead[index] = true
			b.apply(e)
		}
	}
	return nil
}

// apply takes over what an entry says; mu is held.
func (b *Book) apply(e *ledger.Entry) {
	switch e.Kind {
	case ledger.PolicyLoaded:
		b.loaded(e)
	case ledger.PolicyStep:
		b.stepped(e)
	case ledger.Request:
		b.requested(e)
	}
}

// oneLine gives a reason without white space around it, if it is one.
func oneLine(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	if n := len([]rune(reason)); n < 3 || n > 500 || strings.ContainsFunc(reason, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%w: give a reason, in 3 to 500 characters on one line", ErrRefused)
	}
	return reason, nil
}

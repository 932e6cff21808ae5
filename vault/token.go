package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/tokenform"
	"github.com/getweir/weir/ledger"
)

// A Shape is what a token looks like.
type Shape string

const (
	ShapePlain Shape = ""      // wt_ and 28 letters and digits
	ShapeCard  Shape = "card"  // as many digits as the card number has, never valid
	ShapeEmail Shape = "email" // an address in token.invalid
	ShapePhone Shape = "phone" // a number under the country code 999
)

// MaxTokens is how many values are tokenised, or tokens opened, at once.
const MaxTokens = 1000

// Tokenising says how values are replaced.
type Tokenising struct {
	Class weir.Class // of the values
	// Scope names for whom the tokens are, such as a vendor. A token is opened in
	// its own scope only.
	Scope string
	Shape Shape
	// Same gives one value the same token each time, within the scope; other scopes
	// have others. Whoever sees such tokens sees which values are alike, so they
	// are for services only: For must be weir.Service.
	Same bool
	For  weir.Kind
	// Expires, if not zero, is from when on no token opens.
	Expires time.Time
	// Once: a token opens one time.
	Once bool
	// KeepIssuer and KeepLast4 keep the first six and the last four digits, for
	// ShapeCard (what PCI DSS v4.0.1, requirement 3.4.1, lets be shown).
	KeepIssuer, KeepLast4 bool
}

// An Owned is a value, and whose it is. Nobody's values are each somebody's of
// whom nothing else is known.
type Owned struct {
	Who   weir.Subject
	Value weir.Plain
}

// A Token tells what a token stands for, without the value.
type Token struct {
	Who     weir.Subject
	Class   weir.Class
	Shape   Shape
	Expires time.Time // zero: never
	Once    bool
}

// tokenKeys are the keys of tokens that do not depend on their scope.
type tokenKeys struct {
	find  []byte       // for the HMAC by which a token's row is found
	place cipher.Block // makes the place of a token in a page its text
}

func (k *tokenKeys) open(r roots) (err error) {
	if k.find, err = r.derive("tokens", ""); err != nil {
		return err
	}
	key, err := r.derive("token places", "")
	if err == nil {
		k.place, err = aes.NewCipher(key)
	}
	return err
}

// Tokens of pages are the encryption, by one block of AES-256 (FIPS 197), of where
// their value stands: the random number of the page, the slot, and zeros by which
// a text that is no such token is told. A page's tokens are random to whoever has
// not the key, and thousands of them cost one row.
func (k *tokenKeys) text(page [8]byte, slot int) string {
	var plain, id [16]byte
	copy(plain[:], page[:])
	binary.BigEndian.PutUint16(plain[8:], uint16(slot))
	k.place.Encrypt(id[:], plain[:])
	return tokenform.Plain(id)
}

func (k *tokenKeys) at(token string) (page [8]byte, slot int, ok bool) {
	id, ok := tokenform.ParsePlain(token)
	if !ok {
		return page, 0, false
	}
	var plain [16]byte
	k.place.Decrypt(plain[:], id[:])
	if [6]byte(plain[10:]) != [6]byte{} {
		return page, 0, false
	}
	return [8]byte(plain[:8]), int(binary.BigEndian.Uint16(plain[8:])), true
}

// check looks at what is asked for.
func (v *Vault) checkTokenising(t *Tokenising, values []Owned) error {
	switch {
	case t.Class == ClassCVV:
		return fmt.Errorf("%w: a card's verification code is stored by nobody, as a token neither (PCI DSS v4.0.1, requirement 3.3.1.2)", ErrInput)
	case t.Class == ClassCard && !v.cards || v.allowed != nil && !v.allowed(t.Class):
		return fmt.Errorf("%w: the policy does not allow values of class %s to be stored, so that there can be no token for one", ErrInput, t.Class)
	case !strings.Contains(string(t.Class), "."):
		return fmt.Errorf("%w: a class is needed, such as contact.email", ErrInput)
	case len(t.Scope) > 128 || !utf8.ValidString(t.Scope):
		return fmt.Errorf("%w: the name of a scope has at most 128 bytes", ErrInput)
	case t.Same && t.For != weir.Service:
		return fmt.Errorf("%w: tokens that are the same for the same value are for services only, and this is for: %s", ErrInput, t.For)
	case t.Same && t.Scope == "":
		return fmt.Errorf("%w: tokens that are the same for the same value need a scope", ErrInput)
	case t.Same && (t.Once || !t.Expires.IsZero()):
		return fmt.Errorf("%w: a token that is the same each time neither expires nor is used up", ErrInput)
	case (t.KeepIssuer || t.KeepLast4) && t.Shape != ShapeCard:
		return fmt.Errorf("%w: issuer and last digits are kept of cards only", ErrInput)
	case t.Shape != ShapePlain && t.Shape != ShapeCard && t.Shape != ShapeEmail && t.Shape != ShapePhone:
		return fmt.Errorf("%w: there is no such shape of tokens", ErrInput)
	case !t.Expires.IsZero() && !t.Expires.After(v.now()):
		return fmt.Errorf("%w: the tokens would have expired already", ErrInput)
	case len(values) > MaxTokens:
		return fmt.Errorf("%w: %d values at once; at most %d", ErrInput, len(values), MaxTokens)
	}
	for i := range values {
		value := values[i].Value.Reveal()
		switch {
		case value == "" || len(value) > MaxValue || !utf8.ValidString(value):
			return fmt.Errorf("%w: value %d is empty, longer than %d bytes, or not UTF-8", ErrInput, i+1, MaxValue)
		case t.Shape == ShapeCard:
			if _, ok := Canonical("card", value); !ok {
				return fmt.Errorf("%w: value %d is no card number", ErrInput, i+1)
			}
		}
	}
	return nil
}

// Tokenise gives a token for each value, in order. They are durable when it
// returns.
func (v *Vault) Tokenise(ctx context.Context, t Tokenising, values []Owned) ([]string, error) {
	tokens, err := v.tokenise(ctx, t, values)
	if err != nil {
		return nil, fmt.Errorf("tokenise: %w", err)
	}
	return tokens, nil
}

func (v *Vault) tokenise(ctx context.Context, t Tokenising, values []Owned) ([]string, error) {
	if err := v.checkTokenising(&t, values); err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return nil, nil
	}
	owners, err := v.owners(ctx, values)
	if err != nil {
		return nil, err
	}
	known := true
	for i := range values {
		known = known && owners[values[i].Who] != nil
	}
	// A page is for customers of the vault only: what is in it cannot be found by
	// its owner, and is gone with the owner's key.
	if known && t.Shape == ShapePlain && !t.Same && !t.Once {
		return v.page(ctx, &t, values, owners)
	}
	return v.rows(ctx, &t, values, owners)
}

// owners gives the data keys of those who are customers of the vault.
func (v *Vault) owners(ctx context.Context, values []Owned) (map[weir.Subject]*dataKey, error) {
	owners := make(map[weir.Subject]*dataKey, len(values))
	var wanted []weir.Subject
	for i := range values {
		who := values[i].Who
		if _, seen := owners[who]; !seen && who != (weir.Subject{}) {
			owners[who] = nil
			wanted = append(wanted, who)
		}
	}
	return owners, v.keysOf(ctx, wanted, owners)
}

func (v *Vault) keysOf(ctx context.Context, wanted []weir.Subject, owners map[weir.Subject]*dataKey) error {
	if len(wanted) == 0 {
		return nil
	}
	wrapped, err := v.store.Keys(ctx, wanted)
	if err != nil {
		return err
	}
	keys, err := v.ring.open(ctx, wrapped)
	if err != nil {
		return err
	}
	for i := range wrapped {
		owners[wrapped[i].Subject] = keys[i]
	}
	return nil
}

// Tokens tells what tokens stand for, in order; nil for one that cannot be opened in
// this scope.
func (v *Vault) Tokens(ctx context.Context, scope string, tokens []string) ([]*Token, error) {
	found, err := v.find(ctx, scope, tokens)
	if err != nil {
		return nil, fmt.Errorf("look up tokens: %w", err)
	}
	out := make([]*Token, len(tokens))
	for i, f := range found {
		if f == nil {
			continue
		}
		out[i] = &Token{Who: f.who, Class: f.class, Shape: f.shape, Once: f.once}
		if f.expires != 0 {
			out[i].Expires = time.Unix(f.expires, 0).UTC()
		}
	}
	return out, nil
}

// Detokenise gives what tokens stand for, in order. All must be open in the scope,
// else it fails with ErrToken; and the permit must cover the class and the owner
// of each, as Tokens tells them. Tokens that are used once are used up then.
func (v *Vault) Detokenise(ctx context.Context, p ledger.Permit, exchange weir.ExchangeID, scope string, tokens []string) ([]weir.Plain, error) {
	values, err := v.detokenise(ctx, p, exchange, scope, tokens)
	if err != nil {
		return nil, fmt.Errorf("detokenise: %w", err)
	}
	return values, nil
}

func (v *Vault) detokenise(ctx context.Context, p ledger.Permit, exchange weir.ExchangeID, scope string, tokens []string) ([]weir.Plain, error) {
	found, err := v.find(ctx, scope, tokens)
	if err != nil {
		return nil, err
	}
	takings := make([]ledger.Taking, len(found))
	var wanted []weir.Subject
	owners := make(map[weir.Subject]*dataKey)
	for i, f := range found {
		if f == nil {
			return nil, fmt.Errorf("%w: number %d", ErrToken, i+1)
		}
		takings[i] = ledger.Taking{Who: f.who, Class: f.class}
		if _, seen := owners[f.who]; !seen && !f.nobody {
			owners[f.who] = nil
			wanted = append(wanted, f.who)
		}
	}
	if err := p.TakeAll(v.ledger, exchange, takings); err != nil {
		return nil, err
	}
	if err := v.keysOf(ctx, wanted, owners); err != nil {
		return nil, err
	}
	out := make([]weir.Plain, len(found))
	for i, f := range found {
		aead, err := v.tokenAEAD(f.scope, owners[f.who], f.nobody)
		if errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("%w: number %d", ErrToken, i+1) // its owner was deleted
		}
		if err != nil {
			return nil, err
		}
		value, err := aead.Open(nil, nil, f.sealed, f.binding)
		if err != nil {
			return nil, fmt.Errorf("%w: token number %d, of customer %s: this value was not written here", ErrDamaged, i+1, f.who)
		}
		out[i] = weir.NewPlain(string(value))
	}
	for i, f := range found {
		if !f.once {
			continue
		}
		used, err := v.store.UseToken(ctx, f.mac)
		if err != nil {
			return nil, err
		}
		if !used {
			return nil, fmt.Errorf("%w: number %d", ErrToken, i+1)
		}
	}
	return out, nil
}

// SweepTokens removes tokens that have expired, some at a time, and tells how many
// rows and pages are gone.
func (v *Vault) SweepTokens(ctx context.Context) (n int, err error) {
	const some = 1000
	for {
		dropped, err := v.store.DropTokens(ctx, v.now().Unix(), some)
		n += dropped
		if err != nil {
			return n, fmt.Errorf("sweep tokens: %w", err)
		}
		if dropped == 0 {
			return n, nil
		}
	}
}

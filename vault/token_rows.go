package vault

import (
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/tokenform"
)

// found is a token that can be opened.
type found struct {
	mac     Mac // of its row; zero: it stands in a page
	who     weir.Subject
	class   weir.Class
	scope   string
	shape   Shape
	expires int64
	once    bool
	nobody  bool // sealed under the scope's key: the owner is no customer of the vault
	sealed  []byte
	binding []byte
}

// Of nobody's values the seal begins with 0, of customers' with 1.
const (
	sealedByScope    = 0
	sealedByCustomer = 1
)

// tokenAEAD gives what a token is sealed with: the owner's key or, where the owner
// is no customer of the vault, the scope's.
func (v *Vault) tokenAEAD(scope string, owner *dataKey, nobody bool) (cipher.AEAD, error) {
	if owner != nil {
		return owner.tokens, nil
	}
	if !nobody {
		return nil, ErrNotFound
	}
	key, err := v.roots.derive("token values", scope)
	if err != nil {
		return nil, err
	}
	return newAEAD(key)
}

// bindToken binds a value to all that its row says of it.
func (v *Vault) bindToken(r *TokenRow) []byte {
	b := appendPart([]byte(aadToken), v.tenant)
	b = append(append(b, r.Mac[:]...), r.Subject[:]...)
	b = appendPart(appendPart(appendPart(b, string(r.Class)), r.Scope), r.Shape)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Expires))
	if r.Once {
		return append(b, 1)
	}
	return append(b, 0)
}

// mintTries bounds how often another text is tried for one value. Of the shapes
// the card that keeps both ends has the fewest texts, a million.
const mintTries = 100

// rows makes tokens that have a row each.
func (v *Vault) rows(ctx context.Context, t *Tokenising, values []Owned, owners map[weir.Subject]*dataKey) ([]string, error) {
	mint, err := v.roots.derive("token texts", t.Scope)
	if err != nil {
		return nil, err
	}
	type making struct {
		at      int // the first of values that wants it
		same    Mac
		counter int
		text    string
	}
	out := make([]string, len(values))
	first := make(map[Mac]int) // deterministic: which of values asked first
	var left []making
	for i := range values {
		m := making{at: i}
		if t.Same {
			m.same = mac(mint, "same", string(t.Class), string(t.Shape), strconv.FormatBool(t.KeepIssuer), strconv.FormatBool(t.KeepLast4), values[i].Value.Reveal())
			if _, again := first[m.same]; again {
				continue
			}
			first[m.same] = i
		}
		left = append(left, m)
	}
	for try := 0; len(left) > 0; try++ {
		if try == mintTries {
			return nil, errNoToken
		}
		if t.Same {
			wanted := make([]Mac, len(left))
			for i := range left {
				wanted[i] = left[i].same
			}
			there, err := v.store.Same(ctx, wanted)
			if err != nil {
				return nil, err
			}
			for _, r := range there {
				i := slices.IndexFunc(left, func(m making) bool { return m.same == r.Same })
				if i < 0 {
					continue
				}
				text := t.text(mint, values[left[i].at].Value.Reveal(), left[i].same[:], r.Counter)
				if v.tokenMac(text) != r.Mac {
					return nil, fmt.Errorf("%w: a token of customer %s", ErrDamaged, r.Subject)
				}
				out[left[i].at] = text
				left = slices.Delete(left, i, i+1)
			}
		}
		rows := make([]TokenRow, len(left))
		for i := range left {
			m := &left[i]
			seed := m.same[:]
			if !t.Same {
				seed = randomBytes(keySize)
			}
			value := values[m.at]
			if m.text, m.counter, err = v.fresh(t, mint, value.Value.Reveal(), seed, m.counter); err != nil {
				return nil, err
			}
			if rows[i], err = v.tokenRow(t, m.text, value, owners[value.Who]); err != nil {
				return nil, err
			}
			rows[i].Same, rows[i].Counter = m.same, m.counter
		}
		if len(rows) == 0 {
			break
		}
		added, err := v.store.AddTokens(ctx, rows)
		if err != nil {
			return nil, err
		}
		var again []making
		for i, ok := range added {
			if ok {
				out[left[i].at] = left[i].text
				continue
			}
			left[i].counter++ // its text is another's; or the value got a token meanwhile
			again = append(again, left[i])
		}
		left = again
	}
	if t.Same {
		for i := range values {
			if out[i] == "" {
				out[i] = out[first[mac(mint, "same", string(t.Class), string(t.Shape), strconv.FormatBool(t.KeepIssuer), strconv.FormatBool(t.KeepLast4), values[i].Value.Reveal())]]
			}
		}
	}
	return out, nil
}

var errNoToken = errors.New("no free token was found: the scope has too many of this shape")

// fresh makes a token's text, by the first counter from the one given on whose
// text is not taken for data.
func (v *Vault) fresh(t *Tokenising, mint []byte, value string, seed []byte, counter int) (string, int, error) {
	for end := counter + mintTries; counter < end; counter++ {
		text := t.text(mint, value, seed, counter)
		if t.Shape != ShapeCard || v.looks == nil || !v.looks(text) {
			return text, counter, nil
		}
	}
	return "", 0, errNoToken
}

func (v *Vault) tokenRow(t *Tokenising, text string, value Owned, owner *dataKey) (r TokenRow, err error) {
	r = TokenRow{Mac: v.tokenMac(text), Subject: value.Who, Class: t.Class, Scope: t.Scope, Shape: string(t.Shape), Once: t.Once}
	if r.Subject == (weir.Subject{}) {
		r.Subject = weir.Subject(randomBytes(len(r.Subject)))
	}
	if !t.Expires.IsZero() {
		r.Expires = t.Expires.Unix()
	}
	by := byte(sealedByCustomer)
	if owner == nil {
		by = sealedByScope
	}
	aead, err := v.tokenAEAD(t.Scope, owner, owner == nil)
	if err != nil {
		return r, err
	}
	r.Sealed = aead.Seal([]byte{by}, nil, []byte(value.Value.Reveal()), append(v.bindToken(&r), by))
	return r, nil
}

func (v *Vault) tokenMac(text string) Mac { return mac(v.tokens.find, text) }

// text makes a token's text, the same for the same seed and counter.
func (t *Tokenising) text(mint []byte, value string, seed []byte, counter int) string {
	m := mac(mint, "text", string(seed), strconv.Itoa(counter))
	n := binary.BigEndian.Uint64(m[16:])
	switch t.Shape {
	case ShapeEmail:
		return tokenform.Email([16]byte(m[:16]))
	case ShapePhone:
		return tokenform.Phone(n)
	case ShapeCard:
		digits, _ := Canonical("card", value)
		first, last := "9", "" // national use (ISO/IEC 7812-1, 4.2): no scheme issues it
		if t.KeepIssuer {
			first = digits[:6]
		}
		if t.KeepLast4 {
			last = digits[len(digits)-4:]
		}
		return tokenform.Card(len(digits), first, last, n)
	}
	return tokenform.Plain([16]byte(m[:16]))
}

// find looks tokens up, in order; nil for one that cannot be opened in the scope.
func (v *Vault) find(ctx context.Context, scope string, tokens []string) ([]*found, error) {
	if len(tokens) > MaxTokens {
		return nil, fmt.Errorf("%w: %d tokens at once; at most %d", ErrInput, len(tokens), MaxTokens)
	}
	now := v.now().Unix()
	out := make([]*found, len(tokens))
	var macs []Mac
	var pages [][8]byte
	byMac := make(map[Mac][]int)
	byPage := make(map[[8]byte][]int)
	slots := make([]int, len(tokens))
	for i, text := range tokens {
		if page, slot, ok := v.tokens.at(text); ok {
			if slots[i] = slot; byPage[page] == nil {
				pages = append(pages, page)
			}
			byPage[page] = append(byPage[page], i)
			continue
		}
		m := v.tokenMac(text)
		if byMac[m] == nil {
			macs = append(macs, m)
		}
		byMac[m] = append(byMac[m], i)
	}
	if len(macs) > 0 {
		rows, err := v.store.Tokens(ctx, macs)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.Scope != scope || r.Expires != 0 && r.Expires <= now || len(r.Sealed) < 1+sealSize {
				continue
			}
			by := r.Sealed[0]
			for _, i := range byMac[r.Mac] {
				out[i] = &found{r.Mac, r.Subject, r.Class, r.Scope, Shape(r.Shape), r.Expires, r.Once, by == sealedByScope, r.Sealed[1:], append(v.bindToken(&r), by)}
			}
		}
	}
	if len(pages) > 0 {
		there, err := v.store.TokenPages(ctx, pages)
		if err != nil {
			return nil, err
		}
		for _, p := range there {
			if p.Expires != 0 && p.Expires <= now {
				continue
			}
			for _, i := range byPage[p.ID] {
				if out[i], err = v.slot(&p, scope, slots[i]); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

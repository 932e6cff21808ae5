package vault

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/getweir/weir"
)

// The slots of a page are written one behind the other:
//
//	format  1 byte: 1
//	class   uvarint length, bytes
//	scope   uvarint length, bytes
//	n       uvarint
//	n times:
//	  owner   16 bytes
//	  sealed  uvarint length, bytes: nonce, ciphertext, tag
//
// Each value is sealed under the token key of its owner, and bound to the page,
// its slot, its owner, class, scope and expiry.
const slotsFormat = 1

var errSlots = errors.New("its slots cannot be read")

func (v *Vault) bindSlot(b []byte, p *TokenPage, slot int, who weir.Subject, class, scope string) []byte {
	b = appendPart(append(b[:0], aadSlot...), v.tenant)
	b = append(append(b, p.ID[:]...), who[:]...)
	b = binary.AppendUvarint(b, uint64(slot))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Expires))
	return appendPart(appendPart(b, class), scope)
}

// page makes random tokens for values of the vault's customers.
func (v *Vault) page(ctx context.Context, t *Tokenising, values []Owned, owners map[weir.Subject]*dataKey) ([]string, error) {
	p := TokenPage{ID: [8]byte(randomBytes(8))}
	if !t.Expires.IsZero() {
		p.Expires = t.Expires.Unix()
	}
	size := 16 + len(t.Class) + len(t.Scope)
	for i := range values {
		size += 16 + 3 + sealSize + len(values[i].Value.Reveal())
	}
	b := append(make([]byte, 0, size), slotsFormat)
	b = appendPart(appendPart(b, string(t.Class)), t.Scope)
	b = binary.AppendUvarint(b, uint64(len(values)))
	var bound []byte
	out := make([]string, len(values))
	for i := range values {
		who, value := values[i].Who, values[i].Value.Reveal()
		b = append(b, who[:]...)
		b = binary.AppendUvarint(b, uint64(len(value)+sealSize))
		bound = v.bindSlot(bound, &p, i, who, string(t.Class), t.Scope)
		b = owners[who].tokens.Seal(b, nil, []byte(value), bound)
		out[i] = v.tokens.text(p.ID, i)
	}
	p.Slots = b
	return out, v.store.AddTokenPage(ctx, p)
}

// slot finds a value in a page; nil: there is none, or for another scope.
func (v *Vault) slot(p *TokenPage, scope string, slot int) (*found, error) {
	class, of, owner, sealed, err := readSlot(p.Slots, slot)
	if err != nil {
		return nil, fmt.Errorf("%w: page %x of tokens: %w", ErrDamaged, p.ID, err)
	}
	if of != scope || sealed == nil {
		return nil, nil
	}
	return &found{
		who: owner, class: weir.Class(class), scope: of, expires: p.Expires,
		sealed: sealed, binding: v.bindSlot(nil, p, slot, owner, class, of),
	}, nil
}

// readSlot reads one of the slots of a page; sealed is nil where it has fewer.
func readSlot(b []byte, slot int) (class, scope string, owner weir.Subject, sealed []byte, err error) {
	r := reader{rest: b}
	if r.byte() != slotsFormat {
		return "", "", owner, nil, errSlots
	}
	class, scope = string(r.bytes(r.uvarint())), string(r.bytes(r.uvarint()))
	n := r.uvarint()
	if r.bad || n > MaxTokens {
		return "", "", owner, nil, errSlots
	}
	for i := range int(n) {
		who, one := r.bytes(uint64(len(owner))), r.bytes(r.uvarint())
		if r.bad || len(one) < sealSize {
			return "", "", owner, nil, errSlots
		}
		if i == slot {
			copy(owner[:], who)
			sealed = one
		}
	}
	if len(r.rest) != 0 {
		return "", "", owner, nil, errSlots
	}
	return class, scope, owner, sealed, nil
}

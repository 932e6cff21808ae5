package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/getweir/weir"
)

// keySize is that of AES-256 (FIPS 197) and of all keys for HMAC-SHA-256.
const keySize = 32

// dataKeySize is what is wrapped for a customer: a key for cells and a key for
// tokens. They are apart so that cells can be encrypted anew while tokens, which
// nobody can find by their customer, stay.
const dataKeySize = 2 * keySize

// A dataKey is a customer's, unwrapped.
type dataKey struct {
	secret [dataKeySize]byte // for whoever makes the next one of it
	cells  cipher.AEAD
	tokens cipher.AEAD
}

// newAEAD gives AES-256-GCM whose nonces are random and stand before what is
// sealed (NIST SP 800-38D, section 8.2.2: no more than 2^32 for one key).
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func newDataKey(secret []byte) (*dataKey, error) {
	if len(secret) != dataKeySize {
		return nil, errors.New("a data key has another length")
	}
	k := &dataKey{secret: [dataKeySize]byte(secret)}
	var err error
	if k.cells, err = newAEAD(secret[:keySize]); err == nil {
		k.tokens, err = newAEAD(secret[keySize:])
	}
	return k, err
}

// randomBytes draws n bytes (NIST SP 800-90A; crypto/rand never fails).
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// appendPart appends s with its length, so that no two lists of parts give the
// same bytes.
func appendPart(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// What is bound to seals begins with what it is.
const (
	aadCell  = "weir vault 1 cell"
	aadRow   = "weir vault 1 row"
	aadToken = "weir vault 1 token"
	aadSlot  = "weir vault 1 token slot"
)

// A binding makes associated data; its memory is used again.
type binding struct{ b []byte }

// cell binds a value to tenant, customer, field, and the version it was written in.
func (a *binding) cell(tenant string, who weir.Subject, c *cell) []byte {
	a.b = appendPart(append(a.b[:0], aadCell...), tenant)
	a.b = append(a.b, who[:]...)
	a.b = appendPart(a.b, c.field)
	a.b = binary.AppendUvarint(a.b, c.nth)
	a.b = binary.AppendUvarint(a.b, uint64(c.version))
	return a.b
}

// row binds all cells of a row to each other and to the rest of it.
func (a *binding) row(tenant string, r *Row, body []byte) []byte {
	a.b = appendPart(append(a.b[:0], aadRow...), tenant)
	a.b = append(a.b, r.Subject[:]...)
	for _, n := range []int64{r.Version, r.Revision, r.Created, r.Updated} {
		a.b = binary.BigEndian.AppendUint64(a.b, uint64(n))
	}
	a.b = appendPart(a.b, r.Residence)
	a.b = appendPart(a.b, string(r.Aliases))
	sum := sha256.Sum256(body)
	a.b = append(a.b, sum[:]...)
	return a.b
}

// sealRow puts cells, sealed already, and the seal of the whole into r.Cells.
func (k *dataKey) sealRow(a *binding, tenant string, r *Row, cells []cell) {
	size := 16
	for i := range cells {
		size += len(cells[i].sealed) + len(cells[i].field) + 90
	}
	body := appendCells(make([]byte, 0, size+sealSize), cells)
	r.Cells = k.cells.Seal(body, nil, nil, a.row(tenant, r, body))
}

// openRow reads the cells of a row. Where the row is not what was sealed it fails
// with ErrDamaged, and says which field is to blame if one is.
func (k *dataKey) openRow(a *binding, tenant string, r *Row) ([]cell, error) {
	cells, body, seal, err := decodeCells(r.Cells)
	if err != nil {
		return nil, fmt.Errorf("%w: customer %s: %w", ErrDamaged, r.Subject, err)
	}
	if _, err := k.cells.Open(nil, nil, seal, a.row(tenant, r, body)); err == nil {
		return cells, nil
	}
	bad, good := "", 0
	for i := range cells {
		if _, err := k.openCell(a, tenant, r.Subject, &cells[i]); err == nil {
			good++
		} else if bad == "" {
			bad = cells[i].field
		}
	}
	switch {
	case bad != "" && good == 0:
		return nil, fmt.Errorf("%w: customer %s: nothing in its row was written with its key (the first field is %s)", ErrDamaged, r.Subject, bad)
	case bad != "":
		return nil, fmt.Errorf("%w: customer %s, field %s: this value was not written here", ErrDamaged, r.Subject, bad)
	}
	return nil, fmt.Errorf("%w: customer %s: its fields were written one by one, but not as this row", ErrDamaged, r.Subject)
}

func (k *dataKey) openCell(a *binding, tenant string, who weir.Subject, c *cell) ([]byte, error) {
	v, err := k.cells.Open(nil, nil, c.sealed, a.cell(tenant, who, c))
	if err != nil {
		return nil, fmt.Errorf("%w: customer %s, field %s: this value was not written here", ErrDamaged, who, c.field)
	}
	return v, nil
}

// roots are the keys of the vault itself, made from the one that Create drew
// (HKDF-SHA-256, RFC 5869): for the blind index, a key for each class, and for
// tokens, a key for each scope.
type roots struct{ root []byte }

func (r roots) derive(purpose, name string) ([]byte, error) {
	return hkdf.Key(sha256.New, r.root, nil, string(appendPart([]byte("weir vault 1 "+purpose), name)), keySize)
}

// mac gives HMAC-SHA-256 (RFC 2104) over parts.
func mac(key []byte, parts ...string) (m Mac) {
	h := hmac.New(sha256.New, key)
	var b []byte
	for _, p := range parts {
		b = appendPart(b, p)
	}
	h.Write(b)
	clear(b)
	h.Sum(m[:0])
	return m
}

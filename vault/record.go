package vault

import (
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// Values are those of a record, by field; the order of a field's values is kept.
type Values map[string][]weir.Plain

// A Head says what the vault has of a customer, without a value.
type Head struct {
	Subject   weir.Subject
	Version   int64  // of the content, from 1
	Residence string // ISO 3166-1 alpha-2; "": not said
	Created   time.Time
	Updated   time.Time
	// Aliases are pseudonyms under which the customer was met before it was known
	// that they are one.
	Aliases []weir.Subject
	// Fields tells how many values each field has, in the order of names.
	Fields []FieldCount
}

// A FieldCount tells how many values a field has.
type FieldCount struct {
	Name string
	N    int
}

// A Record is a customer's data, or the part of it that was asked for.
type Record struct {
	Head
	Values Values
}

func (r *Row) head(cells []cell) Head {
	h := Head{
		Subject: r.Subject, Version: r.Version, Residence: r.Residence,
		Created: time.Unix(0, r.Created).UTC(), Updated: time.Unix(0, r.Updated).UTC(),
	}
	for rest := r.Aliases; len(rest) >= len(weir.Subject{}); rest = rest[len(weir.Subject{}):] {
		h.Aliases = append(h.Aliases, weir.Subject(rest[:len(weir.Subject{})]))
	}
	counts := make(map[string]int)
	for i := range cells {
		counts[cells[i].field]++
	}
	for name, n := range counts {
		h.Fields = append(h.Fields, FieldCount{name, n})
	}
	slices.SortFunc(h.Fields, func(a, b FieldCount) int { return strings.Compare(a.Name, b.Name) })
	return h
}

func checkResidence(country string) error {
	if country == "" {
		return nil
	}
	if len(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z' {
		return fmt.Errorf("%w: the residence is two capital letters, such as DE (ISO 3166-1 alpha-2)", ErrInput)
	}
	return nil
}

// check looks at values that are to be written, and gives the names of their
// fields in order.
func (s *schema) check(values Values) (names []string, err error) {
	n, size := 0, 0
	for name, vs := range values {
		f, err := s.field(name)
		if err == nil {
			err = f.check(vs)
		}
		if err != nil {
			return nil, err
		}
		n += len(vs)
		for _, v := range vs {
			size += len(v.Reveal())
		}
		names = append(names, name)
	}
	if n > MaxValues {
		return nil, fmt.Errorf("%w: a record has at most %d values, and %d were given", ErrInput, MaxValues, n)
	}
	if size > MaxRecord {
		return nil, fmt.Errorf("%w: the values of a record have together at most %d bytes, and these have %d", ErrInput, MaxRecord, size)
	}
	slices.Sort(names)
	return names, nil
}

// A sealer makes short texts that only this vault reads.
type sealer struct{ aead cipher.AEAD }

func (r roots) sealer(purpose string) (s sealer, err error) {
	key, err := r.derive(purpose, "")
	if err == nil {
		s.aead, err = newAEAD(key)
	}
	return s, err
}

func (s sealer) seal(b []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, b, nil))
}

func (s sealer) open(text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		b, err = s.aead.Open(nil, nil, b, nil)
	}
	return b, err
}

package vault

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getweir/weir"
)

// Limits of a record. They bound what one row costs to read, since a row is read
// whole.
const (
	MaxValue  = 64 << 10 // bytes of one value
	MaxValues = 1000     // values of one record
	MaxRecord = 1 << 20  // bytes of all values of one record
)

// A Field is what records may have.
type Field struct {
	// Name is how callers and the row call it: lower-case letters, digits and
	// underscores, a letter first, at most 64.
	Name string `yaml:"name"`
	// Class is what kind of personal data it is. The policy must declare it.
	Class weir.Class `yaml:"class"`
	// Kind makes the field an identifier of that kind, which can be searched for
	// exactly: "customer", "email", "phone", "card", "iban", or one of your own.
	Kind string `yaml:"kind"`
	// Unique: no two customers may have the same value. It needs Kind.
	Unique bool `yaml:"unique"`
	// Many: a record may have several values of it.
	Many bool `yaml:"many"`
}

// KeyField is the field that every record has: the company's own name for the
// customer, such as c-10001. It is an identifier of kind "customer".
const KeyField = "customer"

// Classes that the vault treats in their own way.
const (
	ClassCustomer weir.Class = "person.customer_id"
	ClassCard     weir.Class = "payment.card"
	ClassCVV      weir.Class = "payment.cvv"
)

// DefaultFields are those that a vault has when nothing else is said; the slice
// is the caller's.
func DefaultFields() []Field {
	return []Field{
		{Name: KeyField, Class: ClassCustomer, Kind: "customer", Unique: true},
		{Name: "name", Class: "person.name"},
		{Name: "birth_date", Class: "person.birth_date"},
		{Name: "email", Class: "contact.email", Kind: "email", Unique: true, Many: true},
		{Name: "phone", Class: "contact.phone", Kind: "phone", Many: true},
		{Name: "address", Class: "contact.address", Many: true},
		{Name: "card", Class: ClassCard, Kind: "card", Many: true},
		{Name: "iban", Class: "payment.iban", Kind: "iban", Many: true},
		{Name: "device", Class: "device.id", Many: true},
		{Name: "passport", Class: "identity.passport", Many: true},
		{Name: "viewing_history", Class: "media.viewing_history", Many: true},
		{Name: "order", Class: "commerce.order", Many: true},
	}
}

// schema is the fields of a vault by name. It never changes.
type schema struct {
	fields map[string]Field
	kinds  map[string][]Field // those that are identifiers, by kind
	names  []string           // sorted
}

func newSchema(fields []Field, allowed func(weir.Class) bool, cards bool) (*schema, error) {
	s := &schema{fields: make(map[string]Field), kinds: make(map[string][]Field)}
	for _, f := range fields {
		switch {
		case !fieldName(f.Name):
			return nil, fmt.Errorf("%w: the name of a field has lower-case letters, digits and underscores, a letter first, at most 64", ErrInput)
		case s.fields[f.Name].Name != "":
			return nil, fmt.Errorf("%w: field %s is declared twice", ErrInput, f.Name)
		case f.Class == ClassCVV:
			return nil, fmt.Errorf("%w: field %s would hold a card's verification code, which nobody may store after authorisation (PCI DSS v4.0.1, requirement 3.3.1.2)", ErrInput, f.Name)
		case !strings.Contains(string(f.Class), "."):
			return nil, fmt.Errorf("%w: field %s has no class, such as person.name", ErrInput, f.Name)
		case f.Unique && f.Kind == "":
			return nil, fmt.Errorf("%w: field %s is to be unique and is no identifier: give it a kind", ErrInput, f.Name)
		case strings.IndexByte(f.Kind, 0) >= 0:
			return nil, fmt.Errorf("%w: field %s has a zero byte in its kind", ErrInput, f.Name)
		}
		if allowed != nil && !allowed(f.Class) || f.Class == ClassCard && !cards {
			continue // it cannot be written; see field
		}
		s.fields[f.Name] = f
		if f.Kind != "" {
			s.kinds[f.Kind] = append(s.kinds[f.Kind], f)
		}
	}
	k, ok := s.fields[KeyField]
	if !ok || k.Kind != "customer" || !k.Unique || k.Many {
		return nil, fmt.Errorf("%w: the field %s must be there, of kind customer, unique, with one value, and the policy must declare its class, %s", ErrInput, KeyField, ClassCustomer)
	}
	s.names = slices.Sorted(maps.Keys(s.fields))
	return s, nil
}

func fieldName(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 64
}

// field gives the field that may be written under a name.
func (s *schema) field(name string) (Field, error) {
	f, ok := s.fields[name]
	if ok {
		return f, nil
	}
	if !fieldName(name) {
		return f, fmt.Errorf("%w: a field has a name that none can have", ErrInput) // it may be a value
	}
	return f, fmt.Errorf("%w: there is no field %s, or the policy does not allow its class to be stored (fields: %s)", ErrInput, name, strings.Join(s.names, ", "))
}

// check looks at the values of a field.
func (f *Field) check(values []weir.Plain) error {
	if len(values) > 1 && !f.Many {
		return fmt.Errorf("%w: field %s takes one value, and %d were given", ErrInput, f.Name, len(values))
	}
	if len(values) > MaxValues {
		return fmt.Errorf("%w: field %s was given %d values; a record has at most %d", ErrInput, f.Name, len(values), MaxValues)
	}
	for i, p := range values {
		v := p.Reveal()
		switch {
		case v == "":
			return fmt.Errorf("%w: field %s: value %d is empty; to remove a field give no values", ErrInput, f.Name, i+1)
		case len(v) > MaxValue:
			return fmt.Errorf("%w: field %s: value %d has %d bytes, and at most %d are kept", ErrInput, f.Name, i+1, len(v), MaxValue)
		case !utf8.ValidString(v):
			return fmt.Errorf("%w: field %s: value %d is not UTF-8", ErrInput, f.Name, i+1)
		}
		if f.Kind != "" {
			if _, ok := Canonical(f.Kind, v); !ok {
				return fmt.Errorf("%w: field %s: value %d cannot be an identifier of kind %s", ErrInput, f.Name, i+1, f.Kind)
			}
		}
	}
	return nil
}

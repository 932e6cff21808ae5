package vault

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// A Reading says what is to be read, and by which permit.
type Reading struct {
	// Permit is what the ledger gave for recording it. Reading takes from it the
	// classes of Fields.
	Permit   ledger.Permit
	Exchange weir.ExchangeID // which the permit is for
	Who      weir.Subject
	Fields   []string // nil: all that the record has
}

// Open gives a customer's values. It fails with ledger.ErrPermit where the permit
// does not cover all of them, and reads none then.
func (v *Vault) Open(ctx context.Context, r Reading) (*Record, error) {
	rec, err := v.open(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("open customer: %w", err)
	}
	return rec, nil
}

func (v *Vault) open(ctx context.Context, r Reading) (*Record, error) {
	// First whether the row is whole: until then its fields may be called anything.
	row, data, cells, err := v.row(ctx, r.Who)
	if err != nil {
		return nil, err
	}
	names := r.Fields
	if names == nil {
		for i := range cells {
			if !slices.Contains(names, cells[i].field) {
				names = append(names, cells[i].field)
			}
		}
	}
	var classes []weir.Class
	for _, name := range names {
		f, err := v.declared.field(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(classes, f.Class) {
			classes = append(classes, f.Class)
		}
	}
	if err := r.Permit.Take(v.ledger, r.Exchange, r.Who, classes...); err != nil {
		return nil, err
	}
	var a binding
	rec := &Record{Head: row.head(cells), Values: make(Values, len(names))}
	for i := range cells {
		c := &cells[i]
		if !slices.Contains(names, c.field) {
			continue
		}
		value, err := data.openCell(&a, v.tenant, row.Subject, c)
		if err != nil {
			return nil, err
		}
		rec.Values[c.field] = append(rec.Values[c.field], weir.NewPlain(string(value)))
	}
	return rec, nil
}

// row reads a customer's row and makes sure that it is what was written.
func (v *Vault) row(ctx context.Context, who weir.Subject) (*Row, *dataKey, []cell, error) {
	rows, err := v.store.Rows(ctx, []weir.Subject{who})
	if err != nil {
		return nil, nil, nil, err
	}
	if len(rows) == 0 {
		return nil, nil, nil, ErrNotFound
	}
	data, err := v.ring.open(ctx, []WrappedKey{rows[0].Key})
	if err != nil {
		return nil, nil, nil, err
	}
	var a binding
	cells, err := data[0].openRow(&a, v.tenant, rows[0])
	return rows[0], data[0], cells, err
}

// Match tells whether a customer has a value in a field: identifiers in any
// spelling, other values to the letter. The answer says something about the
// customer, so it takes one from the permit (ledger.Permit.TakeAnswer).
func (v *Vault) Match(ctx context.Context, p ledger.Permit, exchange weir.ExchangeID, who weir.Subject, field string, value weir.Plain) (bool, error) {
	yes, err := v.match(ctx, p, exchange, who, field, value)
	if err != nil {
		return false, fmt.Errorf("match customer: %w", err)
	}
	return yes, nil
}

func (v *Vault) match(ctx context.Context, p ledger.Permit, exchange weir.ExchangeID, who weir.Subject, field string, value weir.Plain) (yes bool, err error) {
	f, err := v.declared.field(field)
	if err != nil {
		return false, err
	}
	if err := p.TakeAnswer(v.ledger, exchange, who); err != nil {
		return false, err
	}
	_, data, cells, err := v.row(ctx, who)
	if err != nil {
		return false, err
	}
	asked := cell{}
	if f.Kind != "" {
		if asked, _, err = v.mark(f, value); errors.Is(err, ErrInput) {
			return false, nil // no customer has what cannot be
		} else if err != nil {
			return false, err
		}
	}
	var a binding
	for i := range cells {
		c := &cells[i]
		switch {
		case c.field != field:
		case c.marked:
			yes = yes || subtle.ConstantTimeCompare(c.mark[:], asked.mark[:]) == 1
		default:
			was, err := data.openCell(&a, v.tenant, who, c)
			if err != nil {
				return false, err
			}
			yes = subtle.ConstantTimeCompare(was, []byte(value.Reveal())) == 1 || yes
			clear(was)
		}
	}
	return yes, nil
}

// Search gives the customers that have an identifier, in any field of its kind and
// any spelling. It gives pseudonyms and no value; whether somebody is a customer
// is an answer all the same, and whoever passes it on has it recorded.
func (v *Vault) Search(ctx context.Context, id weir.Identifier) ([]weir.Subject, error) {
	who, err := v.search(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("search customer: %w", err)
	}
	return who, nil
}

func (v *Vault) search(ctx context.Context, id weir.Identifier) (who []weir.Subject, err error) {
	fields := v.declared.kinds[id.Kind]
	if len(fields) == 0 {
		return nil, fmt.Errorf("%w: no field is an identifier of that kind", ErrInput)
	}
	id, ok := canonicalID(id)
	if !ok {
		return nil, nil
	}
	var marks []Mac
	for _, f := range fields {
		if m := mac(v.index[f.Class], f.Kind, id.Value.Reveal()); !slices.Contains(marks, m) {
			marks = append(marks, m)
		}
	}
	found, err := v.store.Marked(ctx, marks)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		for _, s := range found[m] {
			if !slices.Contains(who, s) {
				who = append(who, s)
			}
		}
	}
	return who, nil
}

// Describe tells what there is of a customer, without a value.
func (v *Vault) Describe(ctx context.Context, who weir.Subject) (Head, error) {
	row, _, cells, err := v.row(ctx, who)
	if err != nil {
		return Head{}, fmt.Errorf("describe customer: %w", err)
	}
	return row.head(cells), nil
}

// MaxList is how many heads List gives at once.
const MaxList = 1000

// List gives customers, up to limit of them, in an order that means nothing, and
// a cursor from which the next call goes on: "" at the end. A customer that was
// there all the time is given once. It looks at no value; what it tells of a
// damaged row may be wrong, and Open says so.
func (v *Vault) List(ctx context.Context, cursor string, limit int) ([]Head, string, error) {
	heads, next, err := v.list(ctx, cursor, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list customers: %w", err)
	}
	return heads, next, nil
}

func (v *Vault) list(ctx context.Context, cursor string, limit int) ([]Head, string, error) {
	var after weir.Subject
	if cursor != "" {
		b, err := v.cursors.open(cursor)
		if err != nil || len(b) != len(after) {
			return nil, "", fmt.Errorf("%w: the cursor is not one of this vault's", ErrInput)
		}
		after = weir.Subject(b)
	}
	if limit <= 0 || limit > MaxList {
		limit = MaxList
	}
	rows, err := v.store.List(ctx, after, limit)
	if err != nil {
		return nil, "", err
	}
	heads := make([]Head, len(rows))
	for i, r := range rows {
		cells, _, _, err := decodeCells(r.Cells)
		if err != nil {
			return nil, "", fmt.Errorf("%w: customer %s: %w", ErrDamaged, r.Subject, err)
		}
		heads[i] = r.head(cells)
		after = r.Subject
	}
	if len(rows) < limit {
		return heads, "", nil
	}
	return heads, v.cursors.seal(after[:]), nil
}

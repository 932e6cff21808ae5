package vault

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// tries bounds how often a change that lost to another is tried again.
const tries = 20

// errAsked: it is not the version that the caller has asked for.
var errAsked = errors.New("not the version asked for")

// New is a customer to be created.
type New struct {
	Residence string
	// Values needs no KeyField: then one is made up.
	Values Values
}

// Create makes a record. It fails with ErrExists where another customer has a
// value of a unique field: of those who create one at once, one does. The key
// under which it can be found is in the record's field KeyField; key is that.
func (v *Vault) Create(ctx context.Context, n New) (h Head, key weir.Plain, err error) {
	h, key, err = v.create(ctx, n)
	if err != nil {
		return Head{}, weir.Plain{}, fmt.Errorf("create customer: %w", err)
	}
	return h, key, nil
}

func (v *Vault) create(ctx context.Context, n New) (h Head, key weir.Plain, err error) {
	if err := checkResidence(n.Residence); err != nil {
		return h, key, err
	}
	values := n.Values
	if len(values[KeyField]) == 0 {
		values = make(Values, len(n.Values)+1)
		for name, vs := range n.Values {
			values[name] = vs
		}
		made := "c-" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(randomBytes(15)))
		values[KeyField] = []weir.Plain{weir.NewPlain(made)}
	}
	names, err := v.fields.check(values)
	if err != nil {
		return h, key, err
	}
	secret := randomBytes(dataKeySize)
	wrapped, kek, err := v.ring.wrap(ctx, secret)
	if err != nil {
		return h, key, err
	}
	data, err := newDataKey(secret)
	if err != nil {
		return h, key, err
	}
	for range tries {
		h, err = v.insert(ctx, n.Residence, values, names, data, WrappedKey{KEK: kek, Wrapped: wrapped[0]})
		// Somebody else took the same pseudonym for a customer of theirs, by an
		// identifier that both have.
		if !errors.Is(err, ErrVersion) {
			break
		}
	}
	return h, values[KeyField][0], err
}

func (v *Vault) insert(ctx context.Context, residence string, values Values, names []string, data *dataKey, wrapped WrappedKey) (Head, error) {
	now := v.now().UnixNano()
	row := &Row{Version: 1, Revision: 1, Residence: residence, Created: now, Updated: now}
	var cells []cell
	var ids []weir.Identifier // of cells that are marked, in their order
	for _, name := range names {
		f := v.fields.fields[name]
		for i, p := range values[name] {
			c, id, err := v.mark(f, p)
			if err != nil {
				return Head{}, err
			}
			c.nth, c.version = uint64(i), 1
			cells = append(cells, c)
			if c.marked {
				ids = append(ids, id)
			}
		}
	}
	c := &Change{Row: row, Rekey: true}
	var err error
	if row.Subject, row.Aliases, err = v.adopt(ctx, weir.Subject{}, ids, c); err != nil {
		return Head{}, err
	}
	c.Subject, wrapped.Subject, row.Key = row.Subject, row.Subject, wrapped
	row.Key.Subject = row.Subject
	var a binding
	at := 0
	for _, name := range names {
		for _, p := range values[name] {
			cells[at].sealed = data.cells.Seal(nil, nil, []byte(p.Reveal()), a.cell(v.tenant, row.Subject, &cells[at]))
			at++
		}
	}
	data.sealRow(&a, v.tenant, row, cells)
	if c.Add, err = marksOf(cells); err != nil {
		return Head{}, err
	}
	if err := v.apply(ctx, c, cells); err != nil {
		return Head{}, err
	}
	v.ring.cache.put(row.Key.Wrapped, data)
	return row.head(cells), nil
}

// mark makes a cell for a value, not sealed yet, and its identifier if it is one.
func (v *Vault) mark(f Field, p weir.Plain) (c cell, id weir.Identifier, err error) {
	c = cell{field: f.Name}
	if f.Kind == "" {
		return c, id, nil
	}
	id, ok := canonicalID(weir.Identifier{Kind: f.Kind, Value: p})
	if !ok {
		return c, id, fmt.Errorf("%w: field %s: a value cannot be an identifier of kind %s", ErrInput, f.Name, f.Kind)
	}
	c.marked, c.unique = true, f.Unique
	c.mark = mac(v.index[f.Class], f.Kind, id.Value.Reveal())
	c.bind, err = v.directory.Mac(id)
	return c, id, err
}

// marksOf gives the entries of the blind index that cells have, each once.
func marksOf(cells []cell) (all []Mark, err error) {
	seen := make(map[Mac]bool)
	for i := range cells {
		c := &cells[i]
		if !c.marked {
			continue
		}
		if seen[c.mark] {
			if c.unique {
				return nil, fmt.Errorf("%w: field %s has the same value twice in one record", ErrInput, c.field)
			}
			continue
		}
		seen[c.mark] = true
		all = append(all, Mark{c.mark, c.unique})
	}
	return all, nil
}

// adopt makes identifiers lead to a customer. A new one (who is zero) takes the
// pseudonym that traffic has given to the first of them, so that what is on
// record of it stays its own; other pseudonyms that the rest had become aliases.
// What leads to another customer is left alone.
func (v *Vault) adopt(ctx context.Context, who weir.Subject, ids []weir.Identifier, c *Change) (weir.Subject, []byte, error) {
	found, err := v.directory.LookupAll(ctx, ids)
	if err != nil {
		return who, nil, err
	}
	var met []weir.Subject
	for _, s := range found {
		if s != (weir.Subject{}) && s != who && !slices.Contains(met, s) {
			met = append(met, s)
		}
	}
	taken := make(map[weir.Subject]bool)
	if len(met) > 0 {
		keys, err := v.store.Keys(ctx, met)
		if err != nil {
			return who, nil, err
		}
		for _, k := range keys {
			taken[k.Subject] = true
		}
	}
	var aliases []byte
	for _, s := range met {
		switch {
		case taken[s]:
		case who == weir.Subject{}:
			who = s
		case s != who:
			aliases = append(aliases, s[:]...)
		}
	}
	for who == (weir.Subject{}) {
		who = weir.Subject(randomBytes(len(who)))
	}
	for i, s := range found {
		if s == who || taken[s] {
			continue
		}
		m, err := v.directory.Mac(ids[i])
		if err != nil {
			return who, nil, err
		}
		if !slices.ContainsFunc(c.Bind, func(b Bind) bool { return b.Mac == m }) {
			c.Bind = append(c.Bind, Bind{m, s != weir.Subject{}})
		}
	}
	return who, aliases, nil
}

// apply carries a change out, keeps the directory's memory true, and says which
// field is in the way where one is.
func (v *Vault) apply(ctx context.Context, c *Change, cells []cell) error {
	forget := func() {
		for _, m := range c.Unbind {
			v.directory.Forget(m)
		}
		for _, b := range c.Bind {
			v.directory.Forget(b.Mac)
		}
	}
	// Before, too: whoever reads the row until the change is there must not be
	// the one who remembers it.
	forget()
	err := v.store.Apply(ctx, c)
	forget()
	if !errors.Is(err, ErrExists) {
		return err
	}
	var marks []Mac
	for i := range cells {
		if cells[i].unique {
			marks = append(marks, cells[i].mark)
		}
	}
	others, ferr := v.store.Marked(ctx, marks)
	if ferr != nil {
		return err
	}
	for i := range cells {
		if cells[i].unique && slices.ContainsFunc(others[cells[i].mark], func(s weir.Subject) bool { return s != c.Subject }) {
			return fmt.Errorf("%w: another customer has this value of field %s", ErrExists, cells[i].field)
		}
	}
	return err
}

// What Put did.
type Outcome uint8

const (
	Unchanged Outcome = iota // the record was so already
	Created
	Changed
)

// Put makes the record of values' KeyField what is given: it creates it, replaces
// what is other, or does nothing. Doing it twice is doing it once. version, if
// not 0, is the one that a record must have that is there.
func (v *Vault) Put(ctx context.Context, n New, version int64) (Head, Outcome, error) {
	h, o, err := v.put(ctx, n, version)
	if err != nil {
		return Head{}, Unchanged, fmt.Errorf("put customer: %w", err)
	}
	return h, o, nil
}

func (v *Vault) put(ctx context.Context, n New, version int64) (h Head, o Outcome, err error) {
	if len(n.Values[KeyField]) != 1 {
		return h, o, fmt.Errorf("%w: the field %s, which names the customer, is needed", ErrInput, KeyField)
	}
	id := weir.Identifier{Kind: "customer", Value: n.Values[KeyField][0]}
	for range tries {
		var who []weir.Subject
		if who, err = v.search(ctx, id); err != nil {
			return h, o, err
		}
		if len(who) == 0 && version != 0 {
			return h, o, ErrNotFound
		}
		if len(who) == 0 {
			h, _, err = v.create(ctx, n)
			if !errors.Is(err, ErrExists) {
				return h, Created, err
			}
			// It may be this very customer, created meanwhile.
			if who, serr := v.search(ctx, id); serr != nil || len(who) == 0 {
				return h, o, errors.Join(err, serr)
			}
			continue
		}
		changes := Changes{Residence: &n.Residence, Set: make(Values)}
		for name := range v.fields.fields {
			changes.Set[name] = nil
		}
		for name, vs := range n.Values {
			changes.Set[name] = vs
		}
		h, changed, err := v.update(ctx, who[0], version, changes)
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if changed {
			o = Changed
		}
		return h, o, err
	}
	return h, o, err
}

// Changes are what Update does to a record.
type Changes struct {
	// Residence, if not nil, is the new one.
	Residence *string
	// Set has fields whose values are replaced; without values they are removed.
	Set Values
}

// Update changes a record. version, if not 0, is the one that the record must
// have; else it fails with ErrVersion. A change that changes nothing leaves the
// version as it is.
func (v *Vault) Update(ctx context.Context, who weir.Subject, version int64, c Changes) (Head, error) {
	h, _, err := v.update(ctx, who, version, c)
	if err != nil {
		return Head{}, fmt.Errorf("update customer: %w", err)
	}
	return h, nil
}

func (v *Vault) update(ctx context.Context, who weir.Subject, version int64, c Changes) (h Head, changed bool, err error) {
	if c.Residence != nil {
		if err := checkResidence(*c.Residence); err != nil {
			return h, false, err
		}
	}
	names, err := v.fields.check(c.Set)
	if err != nil {
		return h, false, err
	}
	if vs, ok := c.Set[KeyField]; ok && len(vs) == 0 {
		return h, false, fmt.Errorf("%w: the field %s cannot be removed", ErrInput, KeyField)
	}
	for range tries {
		// Somebody was faster: with what the record has become, if that has the
		// version which the caller has asked for.
		h, changed, err = v.tryUpdate(ctx, who, version, c, names)
		if !errors.Is(err, ErrVersion) || errors.Is(err, errAsked) {
			break
		}
	}
	return h, changed, err
}

func (v *Vault) tryUpdate(ctx context.Context, who weir.Subject, version int64, c Changes, names []string) (h Head, changed bool, err error) {
	row, data, cells, err := v.row(ctx, who)
	if err != nil {
		return h, false, err
	}
	if version != 0 && row.Version != version {
		return h, false, fmt.Errorf("%w: %w: it has %d, and not %d", ErrVersion, errAsked, row.Version, version)
	}
	next := *row
	next.Version, next.Revision, next.Updated = row.Version+1, row.Revision+1, max(v.now().UnixNano(), row.Updated+1)
	if c.Residence != nil && *c.Residence != row.Residence {
		next.Residence, changed = *c.Residence, true
	}
	ch := &Change{Subject: who, Revision: row.Revision, Row: &next}
	var a binding
	var kept, dropped, added []cell
	var ids []weir.Identifier
	kept = slices.Clone(cells)
	for _, name := range names {
		same, err := v.same(&a, data, row.Subject, cells, name, c.Set[name])
		if err != nil {
			return h, false, err
		}
		if same {
			continue
		}
		changed = true
		f, nth := v.fields.fields[name], uint64(0)
		kept = slices.DeleteFunc(kept, func(o cell) bool {
			if o.field != name {
				return false
			}
			nth = max(nth, o.nth+1)
			dropped = append(dropped, o)
			return true
		})
		for _, p := range c.Set[name] {
			one, id, err := v.mark(f, p)
			if err != nil {
				return h, false, err
			}
			one.nth, one.version = nth, next.Version
			nth++
			one.sealed = data.cells.Seal(nil, nil, []byte(p.Reveal()), a.cell(v.tenant, who, &one))
			added = append(added, one)
			if one.marked {
				ids = append(ids, id)
			}
		}
	}
	if !changed {
		return row.head(cells), false, nil
	}
	all := append(kept, added...)
	slices.SortStableFunc(all, func(a, b cell) int { return strings.Compare(a.field, b.field) })
	if err := v.fits(all); err != nil {
		return h, false, err
	}
	if err := ch.move(cells, all, dropped); err != nil {
		return h, false, err
	}
	_, aliases, err := v.adopt(ctx, who, ids, ch)
	if err != nil {
		return h, false, err
	}
	next.Aliases = append(bytes.Clone(row.Aliases), aliases...)
	if len(next.Aliases) > math.MaxUint16 {
		return h, false, fmt.Errorf("%w: the customer has been met under too many pseudonyms", ErrInput)
	}
	data.sealRow(&a, v.tenant, &next, all)
	if err := v.apply(ctx, ch, all); err != nil {
		return h, false, err
	}
	return next.head(all), true, nil
}

// same reports whether a field has exactly these values already.
func (v *Vault) same(a *binding, data *dataKey, who weir.Subject, cells []cell, name string, values []weir.Plain) (bool, error) {
	n := 0
	for i := range cells {
		if cells[i].field != name {
			continue
		}
		if n >= len(values) {
			return false, nil
		}
		was, err := data.openCell(a, v.tenant, who, &cells[i])
		if err != nil {
			return false, err
		}
		is := string(was) == values[n].Reveal()
		clear(was)
		if !is {
			return false, nil
		}
		n++
	}
	return n == len(values), nil
}

// fits bounds what a record has become.
func (v *Vault) fits(cells []cell) error {
	size := 0
	for i := range cells {
		size += len(cells[i].sealed) - sealSize
	}
	if len(cells) > MaxValues || size > MaxRecord {
		return fmt.Errorf("%w: the record would have %d values of %d bytes together, and has room for %d of %d", ErrInput, len(cells), size, MaxValues, MaxRecord)
	}
	return nil
}

// move works out what the blind index and the directory lose and gain.
func (c *Change) move(before, after, dropped []cell) error {
	was, err := marksOf(before)
	if err != nil {
		return err
	}
	is, err := marksOf(after)
	if err != nil {
		return err
	}
	for _, m := range was {
		if !slices.Contains(is, m) {
			c.Drop = append(c.Drop, m)
		}
	}
	for _, m := range is {
		if !slices.Contains(was, m) {
			c.Add = append(c.Add, m)
		}
	}
	for i := range dropped {
		d := &dropped[i]
		if d.marked && !slices.ContainsFunc(after, func(o cell) bool { return o.marked && o.bind == d.bind }) {
			c.Unbind = append(c.Unbind, d.bind)
		}
	}
	return nil
}

// Delete removes a customer: key, record, index, tokens, and what leads to it in
// the subject directory. version, if not 0, is the one that the record must have.
func (v *Vault) Delete(ctx context.Context, who weir.Subject, version int64) error {
	err := ErrVersion
	for i := 0; i < tries && errors.Is(err, ErrVersion) && !errors.Is(err, errAsked); i++ {
		err = v.tryDelete(ctx, who, version)
	}
	if err != nil {
		return fmt.Errorf("delete customer: %w", err)
	}
	return nil
}

func (v *Vault) tryDelete(ctx context.Context, who weir.Subject, version int64) error {
	rows, err := v.store.Rows(ctx, []weir.Subject{who})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return ErrNotFound
	}
	row := rows[0]
	if version != 0 && row.Version != version {
		return fmt.Errorf("%w: %w: it has %d, and not %d", ErrVersion, errAsked, row.Version, version)
	}
	// What is to be deleted need not be readable, and a damaged row must not be
	// there for ever. Stores remove only what is this customer's.
	cells, _, _, err := decodeCells(row.Cells)
	if err != nil {
		cells = nil
	}
	c := &Change{Subject: who, Revision: row.Revision}
	for i := range cells {
		if cells[i].marked {
			c.Drop = append(c.Drop, Mark{cells[i].mark, cells[i].unique})
			c.Unbind = append(c.Unbind, cells[i].bind)
		}
	}
	if err := v.apply(ctx, c, nil); err != nil {
		return err
	}
	v.ring.cache.forget(row.Key.Wrapped)
	return nil
}

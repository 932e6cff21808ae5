package actors

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getweir/weir/internal/people"
)

// Truth is what there is to be stolen: every value of every customer, laid out
// to be looked up as bytes go by. It never changes after NewTruth and may be used
// by any number of goroutines at once.
type Truth struct {
	customers int
	// sole holds the values that point at one customer wherever they stand:
	// the hash of an e-mail address, an IBAN, an order's, device's or parcel's
	// number.
	sole map[uint64]int32
	// digits holds telephone and card numbers, in each form that is a run of
	// digits once its separators are left out.
	digits map[number]int32
	// lengths says how many digits the numbers in digits have.
	lengths [maxDigits + 1]bool
	// all has, for each customer, the hashes of all values: those that many
	// share, such as a first name or a title, count when they stand in that
	// customer's record. Sorted.
	all [][]uint64

	buffers sync.Pool // of *[bufferSize]byte, for bodies that are read
}

const bufferSize = 32 << 10

func (t *Truth) buffer() *[bufferSize]byte {
	if b, ok := t.buffers.Get().(*[bufferSize]byte); ok {
		return b
	}
	return new([bufferSize]byte)
}

// A number is a run of digits: its value and how many there are.
type number struct {
	value  uint64
	length uint8
}

// maxDigits is how many digits a number may have: the longest card. Nineteen
// always fit in 64 bits.
const maxDigits = 19

// NewTruth lays out the customers.
func NewTruth(customers []people.Customer) *Truth {
	t := &Truth{
		customers: len(customers),
		sole:      make(map[uint64]int32, 8*len(customers)),
		digits:    make(map[number]int32, 5*len(customers)),
		all:       make([][]uint64, len(customers)),
	}
	for i := range customers {
		t.add(int32(i), &customers[i])
	}
	return t
}

// Customers gives how many there are.
func (t *Truth) Customers() int { return t.customers }

func (t *Truth) add(i int32, c *people.Customer) {
	var own []uint64
	value := func(vs ...string) {
		for _, v := range vs {
			own = append(own, hashOf(v))
			// A value with a comma or an ampersand falls apart where those
			// separate. Its longer parts say enough.
			for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r < 0x80 && separators[r] }) {
				if len(part) > 5 {
					own = append(own, hashOf(part))
				}
			}
		}
	}
	sole := func(v string) {
		if v != "" {
			t.sole[hashOf(v)] = i
			value(v)
		}
	}
	sole(c.Email)
	sole(c.IBAN)
	for _, f := range phoneForms(c.Country, c.Phone) {
		t.number(f, i)
	}
	t.number(c.Card.Number, i)

	value(c.Phone, c.Card.Number, c.FirstName, c.LastName, c.Name(), c.LastName+" "+c.FirstName, c.Born)
	value(c.Address.Street, c.Address.Postcode)
	for _, d := range c.Devices {
		sole(d.ID)
		value(d.IP)
	}
	for _, o := range c.Orders {
		sole(o.ID)
		sole(o.Tracking)
		for _, it := range o.Items {
			value(it.SKU, it.Name)
		}
	}
	for _, v := range c.Views {
		value(v.Title, v.TitleID)
		value(moments(v.At)...)
	}
	for _, v := range c.Visits {
		value(v.SKU, v.Name, v.Path)
		value(moments(v.At)...)
	}
	for _, s := range c.Searches {
		value(s.Query)
		value(moments(s.At)...)
	}
	slices.Sort(own)
	t.all[i] = slices.Compact(own)
}

// moments gives the forms in which the time of an act is written.
func moments(at time.Time) []string {
	return []string{at.Format(time.RFC3339Nano), at.Format("2006-01-02T15:04:05.000Z07:00"), strconv.FormatInt(at.UnixMilli(), 10)}
}

func (t *Truth) number(digits string, i int32) {
	v, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || len(digits) > maxDigits {
		return // longer than any number that is looked for
	}
	n := number{v, uint8(len(digits))}
	if _, taken := t.digits[n]; !taken { // a national form may be two countries'
		t.digits[n] = i
	}
	t.lengths[len(digits)] = true
}

// trunks has, for each country, its calling code and what is dialled before a
// number within the country. Where that is nothing, the bare national number is
// a form of its own.
var trunks = map[string]struct{ code, trunk string }{
	"US": {"1", ""}, "CA": {"1", ""}, "GB": {"44", "0"}, "DE": {"49", "0"}, "FR": {"33", "0"}, "ES": {"34", ""},
	"IT": {"39", ""}, "NL": {"31", "0"}, "BR": {"55", ""}, "IN": {"91", ""}, "JP": {"81", "0"}, "AU": {"61", "0"},
}

// phoneForms gives the runs of digits by which a telephone number is written:
// international, with 00 before it, with 0 in parentheses, and national.
func phoneForms(country, e164 string) []string {
	digits := strings.TrimPrefix(e164, "+")
	forms := []string{digits, "00" + digits}
	if p, ok := trunks[country]; ok {
		national := p.trunk + strings.TrimPrefix(digits, p.code)
		forms = append(forms, national)
		if p.trunk != "" {
			forms = append(forms, p.code+national)
		}
	}
	return forms
}

// owns reports whether a value is one of a customer's.
func (t *Truth) owns(i int32, h uint64) bool {
	_, ok := slices.BinarySearch(t.all[i], h)
	return ok
}

// hashOf gives the hash of a value as the judge sees it: without surrounding
// space, in lower case, with single spaces.
func hashOf(v string) uint64 { return hash(normal([]byte(v))) }

// normal puts a piece of text into the form that is compared, in place.
func normal(p []byte) []byte {
	out, space := p[:0], true
	for _, c := range p {
		if n := len(out); c == 0xa0 && n > 0 && out[n-1] == 0xc2 {
			out, c = out[:n-1], ' ' // the no-break space in UTF-8
			space = n > 1 && out[n-2] == ' '
		}
		switch {
		case c == ' ' || c == '+' || c == '\t':
			// Plus signs are spaces in forms; those before telephone numbers
			// do not matter.
			if !space {
				out = append(out, ' ')
			}
			space = true
			continue
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		space = false
		out = append(out, c)
	}
	if n := len(out); n > 0 && out[n-1] == ' ' {
		out = out[:n-1]
	}
	return out
}

// hash is FNV-1a (draft-eastlake-fnv), over 64 bits: two of a million values are
// the same with a chance of one in ten million.
func hash(p []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range p {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}

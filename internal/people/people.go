// Package people invents customers: a population of people who do not exist,
// with everything that a streaming service with a shop would know of them.
//
// One generator of pseudo-random numbers (PCG, seeded by the population's seed
// and the customer's number) draws each customer, in order. What must be unique
// is drawn until it is.
//
// It guarantees three things. The same seed gives the same customers, byte for
// byte, and a larger population begins with the smaller one. Each customer has
// exactly one e-mail address, one telephone number, one card and at most one
// IBAN, and shares none of them with anybody, so that people can be counted by
// them. And nobody real is met: addresses lie in example domains, telephone
// numbers in ranges kept for fiction or in blocks that cannot be dialled, cards
// under test issuers, accounts at banks that do not exist, devices in the
// networks kept for documentation.
//
// It does not imitate how real customers are distributed: names are drawn
// evenly, and nobody moves house, shares a household or closes an account.
package people

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// First is the number of the first customer: its identifier is "c-10001".
const First = 10001

// Now gives the moment at which every population stands still: histories end
// before it. A fixed date keeps a seed's customers the same on every day.
func Now() time.Time { return time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC) }

// A Customer is one invented person.
type Customer struct {
	Index     int    // position in the population, from 0
	ID        string // "c-" and First+Index
	Country   string // ISO 3166-1 alpha-2
	FirstName string
	LastName  string
	Email     string // unique; in lower case, ASCII, in an example domain
	Phone     string // unique; E.164 with its plus sign, no separators
	Born      string // YYYY-MM-DD
	Joined    time.Time
	Plan      string // the subscription: "basic", "standard" or "premium"
	Address   Address
	Card      Card
	IBAN      string // unique; without spaces; "" where the country has none
	Devices   []Device
	Orders    []Order  // oldest first, at least one
	Views     []View   // what was watched, newest first, at least four
	Visits    []Visit  // shop pages looked at, newest first, at least two
	Searches  []Search // newest first, at least two
}

// Name gives the full name, given name first.
func (c *Customer) Name() string { return c.FirstName + " " + c.LastName }

// An Address is a postal address. Street and postcode have the shape that the
// country uses; the street is invented.
type Address struct {
	Street   string
	City     string
	Region   string // state or province, where the country writes one
	Postcode string
	Country  string // ISO 3166-1 alpha-2
}

// Lines gives the address as it is written on an envelope, without the name.
func (a Address) Lines() []string {
	var town string
	switch a.Country {
	case "US", "CA", "AU":
		town = a.City + " " + a.Region + " " + a.Postcode
	case "GB":
		return []string{a.Street, a.City, a.Postcode}
	case "IN":
		town = a.City + " " + a.Postcode
	case "BR":
		return []string{a.Street, a.City + " - " + a.Region, a.Postcode}
	case "JP":
		return []string{"〒" + a.Postcode, a.City + " " + a.Street}
	case "IT":
		town = a.Postcode + " " + a.City + " " + a.Region
	default: // DE, FR, ES, NL
		town = a.Postcode + " " + a.City
	}
	return []string{a.Street, town}
}

// A Card is a payment card under a test issuer.
type Card struct {
	Brand  string // "visa", "mastercard", "amex" or "discover"
	Number string // unique; 15 or 16 digits that pass the Luhn check
	Month  int    // of expiry
	Year   int
}

// A Device is something that the customer watches on.
type Device struct {
	ID       string // unique; a UUID
	Type     string
	IP       string // in a network kept for documentation; not unique
	LastSeen time.Time
}

// An Order is a purchase in the shop, sent to the customer's own address.
type Order struct {
	ID        string // unique; "o-" and ten hexadecimal digits
	Placed    time.Time
	Status    string
	Items     []Item
	Currency  string // ISO 4217
	Total     int    // in hundredths of Currency
	Recipient string
	Ship      Address
	Carrier   string
	Tracking  string // unique
}

// An Item is a line of an Order.
type Item struct {
	SKU      string
	Name     string
	Quantity int
	Price    int // for each, in hundredths of the order's currency
}

// A View says that a title was watched.
type View struct {
	TitleID  string
	Title    string
	At       time.Time // to the millisecond
	Position time.Duration
	Progress float64 // 0 to 1
}

// A Visit says that a product's page was looked at.
type Visit struct {
	SKU  string
	Name string
	Path string
	At   time.Time
}

// A Search is what somebody looked for.
type Search struct {
	Query   string
	At      time.Time
	Results int
}

// A Population is a catalogue and the customers who use it.
type Population struct {
	Seed      uint64
	Catalogue Catalogue
	Customers []Customer
}

// New invents n customers. It panics when n is negative.
func New(seed uint64, n int) *Population {
	p := &Population{Seed: seed, Catalogue: newCatalogue(seed)}
	p.Customers = make([]Customer, n)
	d := drawer{cat: &p.Catalogue, taken: make(map[string]struct{}, 8*n)}
	for i := range p.Customers {
		d.rnd = rand.New(rand.NewPCG(seed, uint64(i)+1))
		d.customer(&p.Customers[i], i)
	}
	return p
}

// Find gives the customer with an identifier, or nil.
func (p *Population) Find(id string) *Customer {
	i, ok := Index(id)
	if !ok || i >= len(p.Customers) {
		return nil
	}
	return &p.Customers[i]
}

// ID gives the identifier of the customer at a position, from 0.
func ID(index int) string { return fmt.Sprintf("c-%d", First+index) }

// Index gives the position that an identifier stands for; whether the
// population reaches that far is another matter.
func Index(id string) (int, bool) {
	if len(id) < 3 || len(id) > 12 || id[:2] != "c-" || id[2] == '0' {
		return 0, false
	}
	n := 0
	for _, ch := range []byte(id[2:]) {
		if ch < '0' || ch > '9' {
			return 0, false
		}
		n = n*10 + int(ch-'0')
	}
	if n < First {
		return 0, false
	}
	return n - First, true
}

// A drawer draws customers one after another. taken holds every unique value
// drawn so far.
type drawer struct {
	rnd   *rand.Rand
	cat   *Catalogue
	taken map[string]struct{}
}

// take claims a value, and reports whether it was free.
func (d *drawer) take(kind, value string) bool {
	k := kind + value
	if _, ok := d.taken[k]; ok {
		return false
	}
	d.taken[k] = struct{}{}
	return true
}

// unique draws until a value is free.
func (d *drawer) unique(kind string, draw func() string) string {
	for {
		if v := draw(); d.take(kind, v) {
			return v
		}
	}
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func (d *drawer) customer(c *Customer, index int) {
	r := d.rnd
	land, phone := d.landAndPhone()
	c.Index, c.ID = index, ID(index)
	c.Country, c.Phone = land.code, phone
	c.FirstName, c.LastName = pick(r, land.first), pick(r, land.last)
	c.Email = d.email(c.FirstName, c.LastName)
	c.Born = time.Date(1941+r.IntN(66), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	c.Joined = Now().Add(-time.Duration(60+r.IntN(2900)) * 24 * time.Hour).Truncate(time.Second)
	c.Plan = pick(r, []string{"basic", "standard", "standard", "premium"})
	c.Address = land.address(r)
	c.Card = d.card()
	if land.iban != nil {
		c.IBAN = d.unique("iban ", func() string { return checkedIBAN(land.code, land.iban(r)) })
	}
	d.life(c, land)
}

package people

import (
	"fmt"
	"strings"
	"time"
)

// life draws what the customer did: devices, orders and histories.
func (d *drawer) life(c *Customer, land *land) {
	r := d.rnd
	for range 1 + r.IntN(3) {
		c.Devices = append(c.Devices, Device{
			ID:       d.unique("device ", func() string { return uuid(r) }),
			Type:     pick(r, []string{"smart-tv", "phone", "tablet", "browser", "console"}),
			IP:       d.ip(),
			LastSeen: Now().Add(-time.Duration(r.Int64N(int64(30 * 24 * time.Hour)))).Truncate(time.Second),
		})
	}

	at := Now().Add(-time.Duration(200+r.IntN(500)) * 24 * time.Hour)
	for range 1 + r.IntN(4) {
		at = at.Add(time.Duration(1+r.Int64N(40*24*3600)) * time.Second)
		c.Orders = append(c.Orders, d.order(c, land, at))
	}

	at = Now()
	for range 4 + r.IntN(24) {
		at = at.Add(-time.Duration(600_000+r.Int64N(5*24*3600*1000)) * time.Millisecond)
		t := &d.cat.Titles[r.IntN(len(d.cat.Titles))]
		progress := float64(3+r.IntN(98)) / 100
		c.Views = append(c.Views, View{
			TitleID: t.ID, Title: t.Name, At: at, Progress: progress,
			Position: time.Duration(progress * float64(t.Minutes) * float64(time.Minute)).Truncate(time.Millisecond),
		})
	}

	at = Now()
	for range 2 + r.IntN(8) {
		at = at.Add(-time.Duration(60_000+r.Int64N(9*24*3600*1000)) * time.Millisecond)
		p := &d.cat.Products[r.IntN(len(d.cat.Products))]
		c.Visits = append(c.Visits, Visit{SKU: p.SKU, Name: p.Name, Path: "/shop/" + strings.ToLower(p.SKU), At: at})
	}

	at = Now()
	for range 2 + r.IntN(5) {
		at = at.Add(-time.Duration(60_000+r.Int64N(14*24*3600*1000)) * time.Millisecond)
		c.Searches = append(c.Searches, Search{
			Query: pick(r, words("films series shows documentaries posters mugs")) + " about " +
				pick(r, words("lighthouses railways islands cooking winter robots gardens chess sailing volcanoes orchestras deserts")),
			At: at, Results: r.IntN(60),
		})
	}
}

func (d *drawer) order(c *Customer, land *land, at time.Time) Order {
	r := d.rnd
	o := Order{
		ID: d.unique("order ", func() string { return "o-" + hexes(r, 5) }), Placed: at,
		Status: pick(r, []string{"delivered", "delivered", "shipped", "returned"}), Currency: land.currency,
		Recipient: c.Name(), Ship: c.Address,
	}
	for range 1 + r.IntN(3) {
		p := &d.cat.Products[r.IntN(len(d.cat.Products))]
		it := Item{SKU: p.SKU, Name: p.Name, Quantity: 1 + r.IntN(2), Price: p.Price}
		o.Total += it.Quantity * it.Price
		o.Items = append(o.Items, it)
	}
	// The shapes of real tracking numbers, which share their lengths with
	// other numbers: 18 characters, 12 digits, 22 digits.
	o.Tracking = d.unique("tracking ", func() string {
		switch r.IntN(3) {
		case 0:
			o.Carrier = "brownline"
			return "1Z" + shaped(r, "@@@") + digits(r, 13)
		case 1:
			o.Carrier = "nightfreight"
			return "7" + digits(r, 11)
		default:
			o.Carrier = "parcelmail"
			return "94001" + digits(r, 17)
		}
	})
	return o
}

// ip gives an address in the networks kept for documentation: RFC 5737 for
// IPv4, RFC 3849 for IPv6.
func (d *drawer) ip() string {
	r := d.rnd
	if r.IntN(4) == 0 {
		return fmt.Sprintf("2001:db8:%x:%x::%x", 1+r.IntN(0xfffe), 1+r.IntN(0xfffe), 1+r.IntN(0xfffe))
	}
	return fmt.Sprintf("%s.%d", pick(r, []string{"192.0.2", "198.51.100", "203.0.113"}), 1+r.IntN(254))
}

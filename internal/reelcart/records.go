package reelcart

import (
	"time"

	"github.com/getweir/weir/internal/people"
)

// The records as they travel. Each begins with its customer's identifier.

type customerRecord struct {
	ID        string          `json:"id"`
	FirstName string          `json:"first_name"`
	LastName  string          `json:"last_name"`
	Email     string          `json:"email"`
	Phone     string          `json:"phone"`
	Born      string          `json:"birth_date"`
	Plan      string          `json:"plan"`
	Joined    time.Time       `json:"joined_at"`
	Addresses []addressRecord `json:"addresses"`
	Cards     []cardRecord    `json:"cards"`
	IBAN      string          `json:"iban,omitempty"`
	Devices   []deviceRecord  `json:"devices"`
}

// summaryRecord is what lists of customers hold.
type summaryRecord struct {
	ID        string        `json:"id"`
	FirstName string        `json:"first_name"`
	LastName  string        `json:"last_name"`
	Email     string        `json:"email"`
	Phone     string        `json:"phone"`
	Address   addressRecord `json:"address"`
	Plan      string        `json:"plan"`
	Joined    time.Time     `json:"joined_at"`
}

type addressRecord struct {
	Street   string `json:"street"`
	City     string `json:"city"`
	Region   string `json:"region,omitempty"`
	Postcode string `json:"postal_code"`
	Country  string `json:"country"`
}

type cardRecord struct {
	Brand  string `json:"brand"`
	Number string `json:"card_number"`
	Month  int    `json:"exp_month"`
	Year   int    `json:"exp_year"`
}

type deviceRecord struct {
	ID       string    `json:"device_id"`
	Type     string    `json:"type"`
	IP       string    `json:"ip"`
	LastSeen time.Time `json:"last_seen_at"`
}

type customerOrderRecord struct {
	Customer string      `json:"customer_id"`
	Order    orderRecord `json:"order"`
}

type orderRecord struct {
	ID        string        `json:"order_id"`
	Placed    time.Time     `json:"placed_at"`
	Status    string        `json:"status"`
	Items     []itemRecord  `json:"items"`
	Currency  string        `json:"currency"`
	Total     float64       `json:"total"`
	Recipient string        `json:"recipient_name"`
	Ship      addressRecord `json:"shipping_address"`
	Carrier   string        `json:"carrier"`
	Tracking  string        `json:"tracking_number"`
}

type itemRecord struct {
	SKU      string  `json:"sku"`
	Name     string  `json:"name"`
	Quantity int     `json:"quantity"`
	Price    float64 `json:"unit_price"`
}

type viewRecord struct {
	TitleID  string    `json:"title_id"`
	Title    string    `json:"title"`
	At       time.Time `json:"watched_at"`
	Position int64     `json:"position_ms"`
	Progress float64   `json:"progress"`
}

type visitRecord struct {
	Path string    `json:"page_url"`
	SKU  string    `json:"sku"`
	Name string    `json:"product"`
	At   time.Time `json:"visited_at"`
}

type searchRecord struct {
	Query   string    `json:"search_query"`
	At      time.Time `json:"searched_at"`
	Results int       `json:"results"`
}

type historyRecord struct {
	Customer  string       `json:"customer_id"`
	FirstName string       `json:"first_name"`
	LastName  string       `json:"last_name"`
	Email     string       `json:"email"`
	Views     []viewRecord `json:"viewing_history"`
}

type sessionRecord struct {
	Session string        `json:"session"`
	Started int64         `json:"started_ms"`
	Build   string        `json:"build"`
	Person  sessionPerson `json:"customer"`
}

type sessionPerson struct {
	customerRecord
	Orders   []orderRecord  `json:"orders"`
	Views    []viewRecord   `json:"viewing_history"`
	Visits   []visitRecord  `json:"browsing_history"`
	Searches []searchRecord `json:"search_history"`
}

type titleRecord struct {
	ID       string    `json:"id"`
	UUID     string    `json:"uuid"`
	Title    string    `json:"title"`
	Kind     string    `json:"kind"`
	Genre    string    `json:"genre"`
	Year     int       `json:"year"`
	Minutes  int       `json:"minutes"`
	Rating   float64   `json:"rating"`
	SHA256   string    `json:"master_sha256"`
	Ingested int64     `json:"ingested_ms"`
	Updated  time.Time `json:"updated_at"`
}

type productRecord struct {
	SKU      string  `json:"sku"`
	GTIN     string  `json:"gtin"`
	Name     string  `json:"name"`
	Price    float64 `json:"price"`
	Stock    int     `json:"stock"`
	ETag     string  `json:"etag"`
	Modified int64   `json:"modified_ms"`
}

// all turns a list of one shape into a list of another.
func all[A, B any](as []A, f func(*A) B) []B {
	bs := make([]B, len(as))
	for i := range as {
		bs[i] = f(&as[i])
	}
	return bs
}

func money(hundredths int) float64 { return float64(hundredths) / 100 }

func address(a people.Address) addressRecord {
	return addressRecord{a.Street, a.City, a.Region, a.Postcode, a.Country}
}

func device(d *people.Device) deviceRecord { return deviceRecord{d.ID, d.Type, d.IP, d.LastSeen} }

func view(v *people.View) viewRecord {
	return viewRecord{v.TitleID, v.Title, v.At, v.Position.Milliseconds(), v.Progress}
}

func visit(v *people.Visit) visitRecord { return visitRecord{v.Path, v.SKU, v.Name, v.At} }

func search(s *people.Search) searchRecord { return searchRecord{s.Query, s.At, s.Results} }

func item(i *people.Item) itemRecord {
	return itemRecord{i.SKU, i.Name, i.Quantity, money(i.Price)}
}

func order(o *people.Order) orderRecord {
	return orderRecord{o.ID, o.Placed, o.Status, all(o.Items, item), o.Currency, money(o.Total),
		o.Recipient, address(o.Ship), o.Carrier, o.Tracking}
}

func customer(c *people.Customer) customerRecord {
	return customerRecord{
		ID: c.ID, FirstName: c.FirstName, LastName: c.LastName, Email: c.Email, Phone: c.Phone, Born: c.Born,
		Plan: c.Plan, Joined: c.Joined, Addresses: []addressRecord{address(c.Address)},
		Cards: []cardRecord{{c.Card.Brand, c.Card.Number, c.Card.Month, c.Card.Year}},
		IBAN:  c.IBAN, Devices: all(c.Devices, device),
	}
}

func summary(c *people.Customer) summaryRecord {
	return summaryRecord{c.ID, c.FirstName, c.LastName, c.Email, c.Phone, address(c.Address), c.Plan, c.Joined}
}

func history(c *people.Customer) historyRecord {
	return historyRecord{c.ID, c.FirstName, c.LastName, c.Email, all(c.Views, view)}
}

func title(t *people.Title) titleRecord {
	return titleRecord{t.ID, t.UUID, t.Name, t.Kind, t.Genre, t.Year, t.Minutes, t.Rating, t.SHA256, t.Ingested.UnixMilli(), t.Ingested}
}

func product(p *people.Product) productRecord {
	return productRecord{p.SKU, p.GTIN, p.Name, money(p.Price), p.Stock, p.ETag, p.Modified.UnixMilli()}
}

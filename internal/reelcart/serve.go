package reelcart

import (
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"html/template"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"github.com/getweir/weir/internal/people"
)

func (p *Platform) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"status": "ok"})
}

func (p *Platform) marker(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"sample": MarkerName, "version": 1, "customers": len(p.pop.Customers)})
}

func (p *Platform) customer(w http.ResponseWriter, c *people.Customer) { answer(w, customer(c)) }

func (p *Platform) customers(w http.ResponseWriter, r *http.Request) {
	all := p.pop.Customers
	from, to, ok := page(w, r, len(all), 50, MaxLimit)
	if !ok {
		return
	}
	l := p.list(w, `{"data":{"items":[`)
	for i := from; i < to; i++ {
		l.add(summary(&all[i]))
	}
	l.end(to, len(all))
}

// ofOne answers with what belongs to one customer, whose identifier stands
// before the items.
func ofOne[A, B any](p *Platform, w http.ResponseWriter, c *people.Customer, as []A, f func(*A) B) {
	l := p.list(w, `{"data":{"customer_id":"`+c.ID+`","items":[`)
	for i := range as {
		l.add(f(&as[i]))
	}
	l.end(len(as), len(as))
}

func (p *Platform) customerOrders(w http.ResponseWriter, c *people.Customer) {
	ofOne(p, w, c, c.Orders, order)
}

func (p *Platform) customerViews(w http.ResponseWriter, c *people.Customer) {
	ofOne(p, w, c, c.Views, view)
}

func (p *Platform) customerSearches(w http.ResponseWriter, c *people.Customer) {
	ofOne(p, w, c, c.Searches, search)
}

func (p *Platform) customerVisits(w http.ResponseWriter, c *people.Customer) {
	ofOne(p, w, c, c.Visits, visit)
}

// orders lists the orders of everybody, customer by customer.
func (p *Platform) orders(w http.ResponseWriter, r *http.Request) {
	total := p.before[len(p.before)-1]
	from, to, ok := page(w, r, total, 50, MaxLimit)
	if !ok {
		return
	}
	l := p.list(w, `{"data":{"items":[`)
	for i := from; i < to; i++ {
		c, k := p.orderAt(i)
		l.add(customerOrderRecord{c.ID, order(&c.Orders[k])})
	}
	l.end(to, total)
}

// orderAt gives the customer of the i-th order of all, and which of its orders
// it is.
func (p *Platform) orderAt(i int) (*people.Customer, int) {
	n := sort.SearchInts(p.before, i+1) - 1
	return &p.pop.Customers[n], i - p.before[n]
}

// histories serves whoever learns from what was watched. It returns names and
// e-mail addresses too, which learning does not need.
func (p *Platform) histories(w http.ResponseWriter, r *http.Request) {
	all := p.pop.Customers
	from, to, ok := page(w, r, len(all), 50, MaxLimit)
	if !ok {
		return
	}
	l := p.list(w, `{"data":{"items":[`)
	for i := from; i < to; i++ {
		l.add(history(&all[i]))
	}
	l.end(to, len(all))
}

func (p *Platform) catalogue(w http.ResponseWriter, r *http.Request) {
	cat := &p.pop.Catalogue
	from, to, ok := page(w, r, len(cat.Titles), 50, MaxLimit)
	if !ok {
		return
	}
	l := p.list(w, `{"data":{"items":[`)
	for i := from; i < to; i++ {
		l.add(title(&cat.Titles[i]))
	}
	l.raw(`],"products":[`)
	l.n = 0
	for i := from; i < min(to, len(cat.Products)); i++ {
		l.add(product(&cat.Products[i]))
	}
	l.end(to, len(cat.Titles))
}

func (p *Platform) title(w http.ResponseWriter, r *http.Request) {
	for i := range p.pop.Catalogue.Titles {
		if t := &p.pop.Catalogue.Titles[i]; t.ID == r.PathValue("id") {
			answer(w, title(t))
			return
		}
	}
	fail(w, http.StatusNotFound, "not_found", "There is no such title.")
}

// search finds titles and, because the staff asked for it once, customers by
// their names: for everybody.
func (p *Platform) search(w http.ResponseWriter, r *http.Request) {
	q := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("q")))
	if q == "" {
		fail(w, http.StatusBadRequest, "bad_query", "Say what to look for.")
		return
	}
	const most = 50
	l := p.list(w, `{"data":{"titles":[`)
	for i := range p.pop.Catalogue.Titles {
		if t := &p.pop.Catalogue.Titles[i]; l.n < most && strings.Contains(strings.ToLower(t.Name), q) {
			l.add(title(t))
		}
	}
	l.raw(`],"customers":[`)
	l.n = 0
	for i := range p.pop.Customers {
		if c := &p.pop.Customers[i]; l.n < most && strings.Contains(strings.ToLower(c.Name()), q) {
			l.add(summary(c))
		}
	}
	l.raw("]}}\n")
}

// sessions is an endpoint that somebody left in after a night of debugging: it
// returns everything about everyone who is signed in.
func (p *Platform) sessions(w http.ResponseWriter, r *http.Request) {
	all := p.pop.Customers
	from, to, ok := page(w, r, len(all), SessionsPage, SessionsPage)
	if !ok {
		return
	}
	l := p.list(w, `{"data":{"sessions":[`)
	for i := from; i < to; i++ {
		l.add(session(&all[i]))
	}
	l.end(to, len(all))
}

func session(c *people.Customer) sessionRecord {
	sum := sha256.Sum256([]byte("session of " + c.ID))
	return sessionRecord{
		Session: hex.EncodeToString(sum[:16]), Started: c.Views[0].At.UnixMilli(), Build: hex.EncodeToString(sum[16:26]),
		Person: sessionPerson{customer(c), all(c.Orders, order), all(c.Views, view), all(c.Visits, visit), all(c.Searches, search)},
	}
}

//go:embed account.html
var accountPage string

var accountTemplate = template.Must(template.New("account").Funcs(template.FuncMap{
	"money": func(n int) string { return strconv.FormatFloat(money(n), 'f', 2, 64) },
}).Parse(accountPage))

func (p *Platform) account(w http.ResponseWriter, c *people.Customer) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	accountTemplate.Execute(w, c) // an error means that the client has gone
}

var exportColumns = []string{"customer_id", "first_name", "last_name", "email", "phone", "birth_date", "street", "city",
	"region", "postal_code", "country", "card_number", "iban", "plan", "joined_at", "lifetime_value"}

// export streams all customers, or limit of them from cursor on.
func (p *Platform) export(w http.ResponseWriter, r *http.Request) {
	all := p.pop.Customers
	from, to, ok := page(w, r, len(all), len(all), len(all))
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="customers.csv"`)
	flush := http.NewResponseController(w)
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	out.Write(exportColumns)
	for i := from; i < to; i++ {
		c := &all[i]
		worth := 0
		for _, o := range c.Orders {
			worth += o.Total
		}
		out.Write([]string{c.ID, c.FirstName, c.LastName, c.Email, c.Phone, c.Born, c.Address.Street, c.Address.City,
			c.Address.Region, c.Address.Postcode, c.Country, c.Card.Number, c.IBAN, c.Plan,
			c.Joined.Format("2006-01-02"), strconv.FormatFloat(money(worth), 'f', 2, 64)})
		if (i+1-from)%(4*flushEvery) == 0 {
			out.Flush()
			if out.Error() != nil || flush.Flush() != nil {
				return // the client has gone
			}
		}
	}
	out.Flush()
}

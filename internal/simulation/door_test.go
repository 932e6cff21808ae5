package simulation_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/internal/cut"

	. "github.com/getweir/weir/internal/simulation"
)

// An exchange is one that is under way: an answer that is cut, of which some has left.
type exchange struct {
	world  *world
	node   *node
	pass   *guard.Pass
	who    *principal // as it was when it asked
	client *Client
	pieces []cut.Piece
	next   int
	probed Person // whom the client asks for, of whose existence it has learned nothing yet
}

const nobody Person = -1

// ask has somebody ask for something.
func (w *world) ask(n *node) {
	p := w.cast[w.rng.IntN(len(w.cast))]
	path, syntax, body := w.request(p)
	if x := w.admit(n, p, path, syntax, body); x != nil {
		w.open = append(w.open, x)
		if w.rng.IntN(4) > 0 { // else the service takes its time
			x.goOn()
		}
	}
}

// scrape has somebody take as much as possible at once.
func (w *world) scrape(n *node) {
	p := w.cast[w.rng.IntN(len(w.cast))]
	w.did["scrape"]++
	from := w.rng.IntN(Ghosts)
	for i := range 12 + 8*(w.scale-1) {
		who := Person((from + i) % Ghosts)
		if n.fleet != nil && w.scale > 1 {
			n = w.nodes[w.rng.IntN(len(w.nodes))]
			if n.dead || n.down {
				return
			}
			n.touch()
		}
		x := w.admit(n, p, "/c/"+who.ID(), weir.JSON, record(w.rng, who))
		if x == nil {
			continue
		}
		for x.next < len(x.pieces) && x.goOn() {
		}
		x.close()
		if n.dead {
			return
		}
	}
}

// request makes up what is asked for, and what the service will answer.
func (w *world) request(p *principal) (path string, syntax weir.Syntax, body string) {
	r := w.rng
	who := func() Person { return Person(r.IntN(Ghosts)) }
	var items []string
	switch r.IntN(6) {
	case 0, 1:
		about := who()
		if p.kind == "customer" && r.IntN(2) == 0 {
			about = p.self
		}
		if r.IntN(8) == 0 {
			return "/c/" + Person(Ghosts).ID(), weir.JSON, "" // there is nobody by this number
		}
		return "/c/" + about.ID(), weir.JSON, record(r, about)
	case 2:
		for range 1 + r.IntN(10) {
			items = append(items, item(r, who()))
		}
		return "/c", weir.JSON, `{"data":{"items":[` + strings.Join(items, ", ") + `]},"page":1}`
	case 3:
		for range 1 + r.IntN(6) {
			items = append(items, undeclared(who()))
		}
		return "/people", weir.JSON, "[" + strings.Join(items, ",") + "]"
	case 4:
		for i := range 1 + r.IntN(6) {
			items = append(items, fmt.Sprintf("parcel %d goes to %s", i, who().Email()))
		}
		return "/parcels", weir.Text, strings.Join(items, "\n") + "\n"
	}
	items = append(items, "id,email,full_name")
	for range 1 + r.IntN(6) {
		p := who()
		items = append(items, p.ID()+","+p.Email()+","+p.Name())
	}
	return "/rows", weir.CSV, strings.Join(items, "\r\n") + "\r\n"
}

// record is a customer's record as the service has it. Others who belong to the
// household are in it. Of some customers it has nothing that would be recognised.
func record(r *rand.Rand, p Person) string {
	fields := []string{fmt.Sprintf(`"id":%q`, p.ID())}
	if r.IntN(8) > 0 {
		fields = append(fields, fmt.Sprintf(`"full_name":%q`, p.Name()), fmt.Sprintf(`"email":%q`, p.Email()))
		if r.IntN(5) == 0 {
			fields = append(fields, fmt.Sprintf(`"members":[{"email":%q}]`, Person(r.IntN(Ghosts)).Email()))
		}
		if r.IntN(3) == 0 {
			fields = append(fields, fmt.Sprintf(`"phone":%q`, p.Phone()))
		}
		if r.IntN(4) == 0 {
			fields = append(fields, fmt.Sprintf(`"card":%q`, p.Card()))
		}
	} else {
		fields = append(fields, fmt.Sprintf(`"segment":%q`, p.Fact()))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// item is an element of a list: a record, or something that nobody can decide on.
func item(r *rand.Rand, p Person) string {
	ghost := Person(Ghosts + r.IntN(People-Ghosts))
	switch r.IntN(12) {
	case 0:
		return fmt.Sprintf(`{"id":%q,"id":%q,"email":%q}`, ghost.ID(), ghost.ID(), ghost.Email()) // whose?
	case 1:
		return fmt.Sprintf(`{"id":{"is":%q},"email":%q}`, ghost.ID(), ghost.Email())
	}
	return record(r, p)
}

func undeclared(p Person) string {
	return fmt.Sprintf(`{"full_name":%q,"email":%q,"phone":%q}`, p.Name(), p.Email(), p.Phone())
}

// principal gives p as identity would.
func (p *principal) identity() weir.Principal {
	kinds := map[string]weir.Kind{"staff": weir.Staff, "service": weir.Service, "customer": weir.Customer, "anonymous": weir.Anonymous}
	who := weir.Principal{Kind: kinds[p.kind], Name: p.name, Role: p.role, Issuer: p.issuer, Network: p.network, Credential: p.credential, Act: p.act}
	switch p.kind {
	case "customer":
		who.Name, who.Own = "", weir.Identifier{Kind: "customer", Value: weir.NewPlain(p.self.ID())}
	case "anonymous":
		who.Name, who.Role = "", ""
	}
	return who
}

// admit begins an exchange; nil: it was refused.
func (w *world) admit(n *node, p *principal, path string, syntax weir.Syntax, body string) *exchange {
	w.ids++
	x := &weir.Exchange{Door: "inbound", Method: "GET", Path: weir.NewPlain(path), Principal: p.identity(), Time: w.now}
	binary.BigEndian.PutUint64(x.ID[:], w.ids)
	asked := *p
	r := n.rules.roles[p.role]
	client := &Client{
		Exchange: x.ID.String(), Node: n.name, Accounts: n.rules.accounts(p), Hidden: r.hidden(), Customer: p.kind == "customer", Self: p.self,
	}
	pass, denial := n.guard.Admit(context.Background(), x)
	if denial != nil {
		w.did["denied: "+string(denial.Reason)]++
		w.note("%s: %s %s %s is denied: %s", n.name, x.ID, p.name, path, denial.Reason)
		return nil
	}
	w.did["admitted"]++
	w.note("%s: %s %s %s", n.name, x.ID, p.name, path)
	probed := nobody
	if id, ok := strings.CutPrefix(path, "/c/"); ok && (p.kind != "customer" || id != p.self.ID()) {
		var number int
		_, _ = fmt.Sscanf(id, "c-%d", &number)
		probed = Person(number)
	}
	pass.Answered(body == "")
	if body == "" {
		body = `{"error":"nobody by this number"}`
	}
	var cutter *cut.Cutter
	switch o := (cut.Options{Array: pass.Array()}); syntax {
	case weir.CSV:
		cutter = cut.NewCSV(o)
	case weir.Text:
		cutter = cut.NewText(o)
	default:
		cutter = cut.NewJSON(o)
	}
	pieces, err := cutter.Feed([]byte(body), true)
	if err != nil || cutter.More() {
		panic(fmt.Sprintf("seed %d: %q: %v", w.seed, body, err))
	}
	return &exchange{world: w, node: n, pass: pass, who: &asked, client: client, pieces: pieces, probed: probed}
}

// goOn releases some more of the answer, and gives the client what came.
func (x *exchange) goOn() bool {
	w := x.world
	n := min(len(x.pieces)-x.next, 1+w.rng.IntN(6))
	if n == 0 {
		return false
	}
	batch := x.pieces[x.next : x.next+n]
	x.next += n
	segments := make([]weir.Segment, n)
	for i := range batch {
		segments[i] = batch[i].Segment
	}
	if w.sabotage == beforeRelease {
		for _, s := range segments {
			w.checker.Receive(w.now, x.client, s.Body)
		}
	}
	release := x.pass.Release(context.Background(), segments)
	if x.node.dead {
		return false
	}
	if x.probed != nobody && (release.Stop == nil || release.Stop.Reason == weir.ReasonBudget && release.Stop.Lane != weir.Probed) {
		// Whatever comes now, or is too much, tells. The request was charged when it came,
		// and others may have come since under another policy.
		client := *x.client
		for _, n := range w.nodes {
			client.Accounts = wider(client.Accounts, n.rules.accounts(x.who))
		}
		client.Accounts = x.now(client.Accounts)
		w.checker.Probe(w.now, &client, x.probed)
		x.probed = nobody
	}
	var got []byte
	for i, out := range release.Out {
		got = append(append(got, batch[i].Lead...), out...)
	}
	if len(got) > 0 {
		w.did["released"]++
	}
	if release.Withheld != nil {
		w.did["withheld"]++
	}
	if release.Stop != nil {
		w.did["stopped: "+string(release.Stop.Reason)]++
		x.next = len(x.pieces)
	}
	w.note("%s: %s receives %s", x.node.name, x.client.Exchange, got)
	client := *x.client
	client.Accounts = x.now(client.Accounts)
	w.checker.Receive(w.now, &client, got)
	return release.Stop == nil
}

// wider gives the same accounts with the larger limit of each.
func wider(a, b []Account) (all []Account) {
	for i := range a {
		l := *a[i].Limits
		for lane := range l {
			for win := range l[lane] {
				l[lane][win] = max(l[lane][win], b[i].Limits[lane][win])
			}
		}
		all = append(all, Account{Party: a[i].Party, Limits: &l})
	}
	return all
}

func (x *exchange) close() { x.pass.Close(context.Background(), guard.Outcome{Status: 200}) }

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

func laneNames(t ledger.Taken) (names []string) {
	for l := range weir.NumLanes {
		if t.Lanes.Has(l) {
			names = append(names, l.String())
		}
	}
	return names
}

// readLedger gives the entries of a state folder's ledger.
func readLedger(state string, after time.Time, each func(index int64, e *ledger.Entry) error) error {
	dir := filepath.Join(state, "ledger")
	err := ledger.Read(dir, 0, func(index int64, e *ledger.Entry) error {
		if e.Time.Before(after) {
			return nil
		}
		return each(index, e)
	})
	if errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("there is no ledger in %s; name the folder with --state", dir)}
	}
	return err
}

// sight is what one principal saw of one customer.
type sight struct {
	Subject   string    `json:"subject,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Role      string    `json:"role,omitempty"`
	Lanes     []string  `json:"lanes"`
	Classes   []string  `json:"classes"` // of the batches that it was in
	Doors     []string  `json:"doors"`
	Routes    []string  `json:"routes"`
	Purposes  []string  `json:"purposes"`
	To        []string  `json:"recipients"`
	Releases  int       `json:"releases"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	lanes     weir.Lanes
}

func (t *sight) add(e *ledger.Entry, lanes weir.Lanes) {
	t.lanes |= lanes
	t.Lanes = laneNames(ledger.Taken{Lanes: t.lanes})
	for _, a := range e.Actions {
		if a.Action != weir.Block {
			t.Classes = include(t.Classes, string(a.Class)+" "+map[weir.Action]string{weir.Allow: "clear", weir.Mask: "masked"}[a.Action])
		}
	}
	t.Doors, t.Routes, t.Purposes = include(t.Doors, e.Door), include(t.Routes, e.Route), include(t.Purposes, string(e.Purpose))
	if t.To = include(t.To, e.Recipient); t.To == nil {
		t.To = []string{}
	}
	if e.Kind == ledger.Release {
		t.Releases++
	}
	if t.First.IsZero() {
		t.First = e.Time
	}
	t.Last = e.Time
}

func include(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

type sawCommand struct {
	Principal string        `arg:"" help:"A principal's name, or a party: credential:..., role:..., actor:..., issuer:..., network:..."`
	State     string        `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Since     time.Duration `help:"Only the last, such as 24h." placeholder:"SPAN"`
	JSON      bool          `name:"json" help:"Print as JSON."`
}

func (sawCommand) Help() string {
	return `Lists the customers, by pseudonym, whose data was released to a principal: in which manner, which classes left in the same batches, by which route and when.

Examples:
  weir saw stolen-support
  weir saw --since 24h --json credential:key:mailer`
}

func (c *sawCommand) Run(s *streams) error {
	want, err := weir.ParseParty(c.Principal)
	if err != nil {
		want = weir.Party{Kind: weir.ByPrincipal, Name: c.Principal}
	}
	found := map[weir.Subject]*sight{}
	var order []weir.Subject
	err = readLedger(c.State, since(c.Since), func(_ int64, e *ledger.Entry) error {
		if e.Kind != ledger.Release && e.Kind != ledger.Intent || !slices.Contains(e.Parties(), want) {
			return nil
		}
		for _, t := range e.Subjects {
			if found[t.Subject] == nil {
				found[t.Subject] = &sight{Subject: t.Subject.String()}
				order = append(order, t.Subject)
			}
			found[t.Subject].add(e, t.Lanes)
		}
		return s.ctx.Err()
	})
	if err != nil {
		return err
	}
	all := make([]*sight, 0, len(order))
	lanes := map[string]int{}
	for _, subject := range order {
		all = append(all, found[subject])
		for _, l := range found[subject].Lanes {
			lanes[l]++
		}
	}
	if c.JSON {
		return printJSON(s, struct {
			Party    string         `json:"party"`
			Lanes    map[string]int `json:"customers"`
			Subjects []*sight       `json:"subjects"`
		}{want.String(), lanes, all})
	}
	if len(all) == 0 {
		fmt.Fprintf(s.out, "%s saw nobody's data.\n", want)
		return nil
	}
	err = table(s, "CUSTOMER\tHOW\tRELEASES\tLAST\tROUTES\tCLASSES", func(row func(...any)) {
		for _, t := range all {
			row(t.Subject, strings.Join(t.Lanes, ","), t.Releases, t.Last.Format("2006-01-02 15:04:05"), strings.Join(t.Routes, ","), strings.Join(t.Classes, ", "))
		}
	})
	fmt.Fprintf(s.out, "\n%s: %d customers", want, len(all))
	for l := range weir.NumLanes {
		if n := lanes[l.String()]; n > 0 {
			fmt.Fprintf(s.out, ", %d %s", n, l)
		}
	}
	fmt.Fprintln(s.out)
	return err
}

type whoSawCommand struct {
	Subject string        `arg:"" help:"A pseudonym (s-...), or an identifier: customer:ID, email:ADDRESS, phone:NUMBER."`
	State   string        `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Since   time.Duration `help:"Only the last, such as 24h." placeholder:"SPAN"`
	JSON    bool          `name:"json" help:"Print as JSON."`
}

func (whoSawCommand) Help() string {
	return `Lists the principals that a customer's data was released to. An identifier is looked up in the subject directory, which needs the state's keys; the pseudonym alone does not.

Examples:
  weir who-saw customer:c-10001
  weir who-saw --since 720h s-0f3c5e8a9b7d6c5e4f3a2b1c0d9e8f7a`
}

func (c *whoSawCommand) Run(s *streams) error {
	subject, err := c.find(s)
	if err != nil {
		return err
	}
	found := map[string]*sight{}
	var order []string
	err = readLedger(c.State, since(c.Since), func(_ int64, e *ledger.Entry) error {
		if e.Kind != ledger.Release && e.Kind != ledger.Intent {
			return nil
		}
		for _, t := range e.Subjects {
			if t.Subject != subject {
				continue
			}
			who := e.Principal + " " + e.Credential
			if found[who] == nil {
				found[who] = &sight{Principal: e.Principal, Role: e.Role}
				order = append(order, who)
			}
			found[who].add(e, t.Lanes)
		}
		return s.ctx.Err()
	})
	if err != nil {
		return err
	}
	all := make([]*sight, 0, len(order))
	for _, who := range order {
		all = append(all, found[who])
	}
	if c.JSON {
		return printJSON(s, struct {
			Subject    string   `json:"subject"`
			Principals []*sight `json:"principals"`
		}{named(subject), all})
	}
	if len(all) == 0 {
		fmt.Fprintf(s.out, "Nobody saw %s.\n", subject)
		return nil
	}
	if _, err := weir.ParseSubject(c.Subject); err != nil && !strings.HasPrefix(c.Subject, "customer:") {
		defer fmt.Fprintln(s.out, "\n"+underCustomer)
	}
	return table(s, "PRINCIPAL\tROLE\tHOW\tRELEASES\tLAST\tROUTES\tCLASSES", func(row func(...any)) {
		for _, t := range all {
			row(t.Principal, t.Role, strings.Join(t.Lanes, ","), t.Releases, t.Last.Format("2006-01-02 15:04:05"), strings.Join(t.Routes, ","), strings.Join(t.Classes, ", "))
		}
	})
}

// find gives the pseudonym that is asked about.
func (c *whoSawCommand) find(s *streams) (weir.Subject, error) {
	if subject, err := weir.ParseSubject(c.Subject); err == nil {
		return subject, nil
	}
	kind, value, ok := strings.Cut(c.Subject, ":")
	if !ok || kind == "" || value == "" {
		return weir.Subject{}, usageError{errors.New("a customer is named by a pseudonym (s-...) or an identifier such as customer:c-10001 or email:ada@example.com")}
	}
	store, subjects, err := openSubjects(c.State)
	if errors.Is(err, os.ErrNotExist) {
		return weir.Subject{}, usageError{fmt.Errorf("%s holds no state of Weir; name the folder with --state", c.State)}
	}
	if err != nil {
		return weir.Subject{}, err
	}
	defer store.Close()
	subject, known, err := subjects.Lookup(s.ctx, weir.Identifier{Kind: kind, Value: weir.NewPlain(canonical(kind, value))})
	if err != nil {
		return weir.Subject{}, err
	}
	if !known {
		if c.JSON {
			return weir.Subject{}, nil // nobody, whom nobody saw
		}
		fmt.Fprintln(s.out, "The subject directory does not know this identifier. "+underCustomer)
		return weir.Subject{}, exit(0)
	}
	return subject, nil
}

// named writes a pseudonym; nobody's is empty.
func named(subject weir.Subject) string {
	if subject == (weir.Subject{}) {
		return ""
	}
	return subject.String()
}

// underCustomer keeps an answer about one identifier from being taken for an
// answer about the person.
const underCustomer = "What is in the record of a customer that a route declares is kept under that customer alone: ask for customer:ID as well."

// canonical writes an identifier as the subject directory has it, however it was
// typed.
func canonical(kind, value string) string {
	keep := func(ok func(rune) bool) string {
		return strings.Map(func(r rune) rune {
			if ok(r) {
				return r
			}
			return -1
		}, value)
	}
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	switch kind {
	case "email":
		return strings.ToLower(strings.TrimSpace(value))
	case "phone":
		return keep(func(r rune) bool { return digit(r) || r == '+' })
	case "card":
		return keep(digit)
	case "iban":
		value = strings.ToUpper(value)
		return keep(func(r rune) bool { return digit(r) || r >= 'A' && r <= 'Z' })
	}
	return value
}

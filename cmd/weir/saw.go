package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/internal/directory"
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

	entry   int64 // the first
	lanes   weir.Lanes
	wheres  []*index.Where
	sets    []uint32 // numbers of treated
	treated [][]index.Treated
}

// add takes in one entry of a visit.
func (t *sight) add(v *index.Visit, b *index.Batch, lanes weir.Lanes) {
	t.lanes |= lanes
	if b.Kind == ledger.Release {
		t.Releases++
	}
	if b.Set != 0 && !slices.Contains(t.sets, b.Set) {
		t.sets, t.treated = append(t.sets, b.Set), append(t.treated, b.Treated)
	}
	if !slices.Contains(t.wheres, v.Where) {
		t.wheres = append(t.wheres, v.Where)
	}
	if t.First.IsZero() || b.Index < t.entry {
		t.First, t.entry = b.Time, b.Index
	}
	if b.Time.After(t.Last) {
		t.Last = b.Time
	}
}

// finish writes out what add has gathered.
func (t *sight) finish() {
	t.Lanes = laneNames(ledger.Taken{Lanes: t.lanes})
	for _, all := range t.treated {
		for _, x := range all {
			if x.Action != weir.Block {
				t.Classes = include(t.Classes, string(x.Class)+" "+map[weir.Action]string{weir.Allow: "clear", weir.Mask: "masked"}[x.Action])
			}
		}
	}
	for _, w := range t.wheres {
		t.Doors, t.Routes, t.Purposes = include(t.Doors, w.Door), include(t.Routes, w.Route), include(t.Purposes, string(w.Purpose))
		t.To = include(t.To, w.Recipient)
	}
	for _, list := range []*[]string{&t.Classes, &t.Doors, &t.Routes, &t.Purposes, &t.To} {
		slices.Sort(*list)
		if *list == nil {
			*list = []string{}
		}
	}
}

// how writes the sight's columns that both commands have in common.
func (t *sight) how() []any {
	to := strings.Join(t.To, ",")
	if to == "" {
		to = "-"
	}
	return []any{
		strings.Join(t.Lanes, ","), t.Releases, t.Last.Format("2006-01-02 15:04:05"), strings.Join(t.Doors, ","),
		strings.Join(t.Routes, ","), to, strings.Join(t.Classes, ", "),
	}
}

const howHeader = "HOW\tRELEASES\tLAST\tDOOR\tROUTES\tTO\tCLASSES"

func include(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// inOrder finishes sights and orders them by their first entry.
func inOrder(all []*sight) []*sight {
	for _, t := range all {
		t.finish()
	}
	slices.SortFunc(all, func(a, b *sight) int {
		return cmp.Or(cmp.Compare(a.entry, b.entry), strings.Compare(a.Subject, b.Subject), strings.Compare(a.Principal, b.Principal))
	})
	return all
}

// party reads a party as the command line has it: a principal's name alone, or
// with the kind before it.
func party(text string) weir.Party {
	p, err := weir.ParseParty(text)
	if err != nil {
		return weir.Party{Kind: weir.ByPrincipal, Name: text}
	}
	return p
}

type sawCommand struct {
	Principal string `arg:"" help:"A principal's name, or a party: credential:..., role:..., actor:..., issuer:..., network:..., deployment"`
	State     string `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Since     string `help:"Only since then: a date, a time, or how long ago, such as 24h or 30d." placeholder:"WHEN"`
	JSON      bool   `name:"json" help:"Print as JSON."`
}

func (sawCommand) Help() string {
	return `Lists the customers, by pseudonym, whose data was released to a principal: in which manner, how often, through which door and route, to which vendor, and which classes left in the same batches. The index that weir serve keeps answers at once; what it has not reached yet is read from the ledger.

Examples:
  weir saw stolen-support
  weir saw --since 24h --json credential:key:mailer`
}

func (c *sawCommand) Run(s *streams) error {
	want := party(c.Principal)
	from, err := moment(c.Since, time.Now())
	if err != nil {
		return err
	}
	found := map[uint32]*sight{}
	a, err := askLedger(s.ctx, c.State, index.Question{Parties: []weir.Party{want}, From: from}, func(v *index.Visit) error {
		for i := range v.Batches {
			b := &v.Batches[i]
			if b.Kind == ledger.Denied {
				continue
			}
			for _, x := range b.Sights {
				t := found[x.Subject]
				if t == nil {
					t = &sight{}
					found[x.Subject] = t
				}
				t.add(v, b, x.Lanes)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	all := make([]*sight, 0, len(found))
	lanes := map[string]int{}
	for id, t := range found {
		t.Subject = a.Subject(id).String()
		all = append(all, t)
	}
	for _, t := range inOrder(all) {
		for _, l := range t.Lanes {
			lanes[l]++
		}
	}
	if c.JSON {
		return printJSON(s, struct {
			Party    string         `json:"party"`
			Covers   reachJSON      `json:"covers"`
			Lanes    map[string]int `json:"customers"`
			Subjects []*sight       `json:"subjects"`
		}{want.String(), toReachJSON(a.Reach), lanes, all})
	}
	if len(all) == 0 {
		fmt.Fprintf(s.out, "%s saw nobody's data.\n%s\n", want, reachLine(a.Reach))
		return nil
	}
	err = table(s, "CUSTOMER\t"+howHeader, func(row func(...any)) {
		for _, t := range all {
			row(append([]any{t.Subject}, t.how()...)...)
		}
	})
	fmt.Fprintf(s.out, "\n%s: %d customers", want, len(all))
	for l := range weir.NumLanes {
		if n := lanes[l.String()]; n > 0 {
			fmt.Fprintf(s.out, ", %d %s", n, l)
		}
	}
	fmt.Fprintf(s.out, "\n%s\n", reachLine(a.Reach))
	return err
}

type whoSawCommand struct {
	Subject string `arg:"" help:"A pseudonym (s-...), or an identifier: customer:ID, email:ADDRESS, phone:NUMBER."`
	State   string `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Config  string `short:"c" type:"path" help:"weir.yaml, where the subject directory is in a store that nodes share." placeholder:"FILE"`
	Since   string `help:"Only since then: a date, a time, or how long ago, such as 24h or 30d." placeholder:"WHEN"`
	JSON    bool   `name:"json" help:"Print as JSON."`
}

func (whoSawCommand) Help() string {
	return `Lists the principals that a customer's data was released to, how, through which door and route, and to which vendor. An identifier is looked up in the subject directory, which needs the state's keys; the pseudonym alone does not.

Examples:
  weir who-saw customer:c-10001
  weir who-saw --since 30d s-0f3c5e8a9b7d6c5e4f3a2b1c0d9e8f7a`
}

func (c *whoSawCommand) Run(s *streams) error {
	if _, err := c.config(); err != nil {
		return err
	}
	from, err := moment(c.Since, time.Now())
	if err != nil {
		return err
	}
	subject, err := c.find(s)
	if err != nil {
		return err
	}
	byWho := map[uint32]*sight{}
	var reach index.Reach
	all := []*sight{}
	if subject != (weir.Subject{}) {
		a, err := askLedger(s.ctx, c.State, index.Question{Subject: subject, From: from}, func(v *index.Visit) error {
			for i := range v.Batches {
				if b := &v.Batches[i]; b.Kind != ledger.Denied {
					t := byWho[v.Who]
					if t == nil {
						t = &sight{}
						byWho[v.Who] = t
					}
					t.add(v, b, b.Sights[0].Lanes)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		all, reach = principals(a, byWho), a.Reach
	}
	if c.JSON {
		return printJSON(s, struct {
			Subject    string    `json:"subject"`
			Covers     reachJSON `json:"covers"`
			Principals []*sight  `json:"principals"`
		}{named(subject), toReachJSON(reach), all})
	}
	if len(all) == 0 {
		fmt.Fprintf(s.out, "Nobody saw %s.\n%s\n", subject, reachLine(reach))
		return nil
	}
	err = table(s, "PRINCIPAL\tROLE\t"+howHeader, func(row func(...any)) {
		for _, t := range all {
			row(append([]any{t.Principal, t.Role}, t.how()...)...)
		}
	})
	fmt.Fprintf(s.out, "\n%s\n", reachLine(reach))
	if _, perr := weir.ParseSubject(c.Subject); perr != nil && !strings.HasPrefix(c.Subject, "customer:") {
		fmt.Fprintln(s.out, underCustomer)
	}
	return err
}

// principals puts together what one principal saw by one credential, from whatever
// network and with whatever role; the first role is shown.
func principals(a *index.Answer, byWho map[uint32]*sight) []*sight {
	type key struct{ principal, credential string }
	found := map[key]*sight{}
	all := []*sight{}
	ids := slices.SortedFunc(maps.Keys(byWho), func(x, y uint32) int { return cmp.Compare(byWho[x].entry, byWho[y].entry) })
	for _, id := range ids {
		who, t := a.Who(id), byWho[id]
		k := key{who.Principal, who.Credential}
		if f := found[k]; f != nil {
			f.merge(t)
			continue
		}
		t.Principal, t.Role = who.Principal, who.Role
		found[k] = t
		all = append(all, t)
	}
	return inOrder(all)
}

// merge takes in another sight, which began later.
func (t *sight) merge(o *sight) {
	t.lanes |= o.lanes
	t.Releases += o.Releases
	for i, set := range o.sets {
		if !slices.Contains(t.sets, set) {
			t.sets, t.treated = append(t.sets, set), append(t.treated, o.treated[i])
		}
	}
	for _, w := range o.wheres {
		if !slices.Contains(t.wheres, w) {
			t.wheres = append(t.wheres, w)
		}
	}
	if o.Last.After(t.Last) {
		t.Last = o.Last
	}
}

// config reads weir.yaml, if it is named, which then says where the state is.
func (c *whoSawCommand) config() (*config, error) {
	if c.Config == "" {
		return nil, nil
	}
	cfg, err := loadConfig(c.Config)
	if err == nil {
		c.State = cfg.State
	}
	return cfg, err
}

// directory opens the subject directory: the node's own, or the one that nodes share.
func (c *whoSawCommand) directory(ctx context.Context) (io.Closer, *directory.Directory, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, nil, err
	}
	if cfg == nil || !cfg.Store.shared() {
		return openSubjects(c.State)
	}
	return openShared(ctx, cfg, nil)
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
	store, subjects, err := c.directory(s.ctx)
	if errors.Is(err, os.ErrNotExist) {
		return weir.Subject{}, usageError{fmt.Errorf("%s holds no subject directory; name the folder with --state or, where nodes share a store, weir.yaml with --config", c.State)}
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

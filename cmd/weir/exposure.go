package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

type exposureCommand struct {
	Config  string        `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names policy and state. Default: weir.yaml."`
	Policy  string        `type:"path" help:"Judge by this policy instead, such as a draft." placeholder:"FILE"`
	State   string        `type:"path" help:"Read this state folder instead. With --policy, no configuration is needed." placeholder:"DIR"`
	Since   time.Duration `default:"720h" help:"What counts as habit. Default: 720h, which is 30 days." placeholder:"SPAN"`
	All     bool          `help:"List every customer's credential, too, not only the one that could take most."`
	Tighten bool          `help:"Print the tightest budgets that would have bothered nobody, to paste into the policy."`
	JSON    bool          `name:"json" help:"Print as JSON."`
}

func (exposureCommand) Help() string {
	return `How many customers could leave in clear if a credential were stolen now: in an hour, a day and 30 days, by the narrowest budget of all that would be charged. Beside it, what really was taken: the most in any hour, day and 30 days, and the 99th percentile of its busy hours. What nothing bounds stands first.

It reads the policy and the ledger; a server may be running.

Examples:
  weir exposure
  weir exposure --policy draft.yaml
  weir exposure --tighten`
}

// recorded is a ledger that only remembers.
type recorded struct {
	state  string
	after  time.Time
	habits *guard.Habits
}

var errReadOnly = errors.New("the ledger is only read here")

func (r *recorded) Append(context.Context, ...*ledger.Entry) (ledger.Receipt, error) {
	return ledger.Receipt{}, errReadOnly
}
func (r *recorded) Send(context.Context, ...*ledger.Entry) error { return errReadOnly }
func (r *recorded) Follow(context.Context, int64, func(int64, *ledger.Entry) error) error {
	return errReadOnly
}
func (r *recorded) Resolve(context.Context, []weir.Identifier) ([]weir.Subject, error) {
	return nil, errReadOnly
}

func (r *recorded) Replay(_ int64, each func(int64, *ledger.Entry) error) error {
	return readLedger(r.state, time.Time{}, func(index int64, e *ledger.Entry) error {
		if !e.Time.Before(r.after) {
			r.habits.Read(e)
		}
		return each(index, e)
	})
}

// exposureRow is a line of the report.
type exposureRow struct {
	Party   string         `json:"party"`
	Role    string         `json:"role,omitempty"`
	Who     string         `json:"principal,omitempty"`
	Own     bool           `json:"own"`
	Hour    any            `json:"hour"` // numbers, or "unbounded"
	Day     any            `json:"day"`
	Month   any            `json:"month"`
	Classes []string       `json:"classes"` // that it sees in clear
	Peak    map[string]int `json:"peak"`
	Usual   int            `json:"usual"`
	Held    bool           `json:"held"`
}

type exposureReport struct {
	Policy    string        `json:"policy"`
	At        time.Time     `json:"at"`
	Hour      any           `json:"hour"`
	Day       any           `json:"day"`
	Unbounded []string      `json:"unbounded"`
	Rows      []exposureRow `json:"rows"`
	Tightest  string        `json:"tightest"`
}

func (c *exposureCommand) Run(s *streams) error {
	cfg := &config{}
	if c.Policy == "" || c.State == "" {
		var err error
		if cfg, err = loadConfig(c.Config); err != nil {
			return err
		}
	}
	p, err := loadPolicy(cmp.Or(c.Policy, cfg.Policy))
	if err != nil {
		return usageError{err}
	}
	if c.Policy == "" {
		p = inForce(s, cmp.Or(c.State, cfg.State), p)
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		return err
	}
	past := &recorded{state: cmp.Or(c.State, cfg.State), after: since(c.Since), habits: guard.NewHabits()}
	g, err := guard.New(guard.Config{Policy: p, Inspect: finder, Ledger: past, Subjects: past})
	if err != nil {
		return err
	}
	if err := g.Restore(s.ctx); err != nil {
		return err
	}
	x := g.Exposure()
	habits := past.habits.All()
	report := exposureReport{Policy: p.Version(), At: x.At, Hour: limitJSON(x.Hour), Day: limitJSON(x.Day), Unbounded: unboundedNow(cfg, p), Tightest: tightest(p, habits)}
	if c.Tighten && !c.JSON {
		_, err := fmt.Fprint(s.out, report.Tightest)
		return err
	}
	report.Rows = c.rows(p, x, habits)
	if c.JSON {
		return printJSON(s, report)
	}
	fmt.Fprintf(s.out, "If one credential were stolen now: %s customers in clear in an hour, %s in a day.\n\nNot bounded:\n", limitWords(x.Hour), limitWords(x.Day))
	for _, u := range report.Unbounded {
		fmt.Fprintln(s.out, "  - "+u)
	}
	fmt.Fprintln(s.out)
	err = table(s, "PARTY\tROLE\tHOUR\tDAY\t30 DAYS\tTOOK (HOUR, DAY, 30 DAYS)\tUSUAL HOUR\tIN CLEAR", func(row func(...any)) {
		for _, r := range report.Rows {
			party := r.Party
			if r.Held {
				party += " (held)"
			}
			row(party, r.Role, r.Hour, r.Day, r.Month, fmt.Sprintf("%d, %d, %d", r.Peak["hour"], r.Peak["day"], r.Peak["30 days"]), r.Usual, strings.Join(r.Classes, " "))
		}
	})
	fmt.Fprintln(s.out, "\nHOUR, DAY, 30 DAYS: the most different customers that could yet be taken. TOOK: the most at any moment. USUAL HOUR: the 99th percentile of its busy hours. The tightest budgets that would have bothered nobody: weir exposure --tighten")
	return err
}

func limitJSON(n int) any {
	if n == weir.Unbounded {
		return "unbounded"
	}
	return n
}

func limitWords(n int) string { return fmt.Sprint(limitJSON(n)) }

// rows gives the report's lines: of customers, whose credentials open one record
// each, only the one that could take most.
func (c *exposureCommand) rows(p *policy.Policy, x guard.Exposure, habits []guard.Habit) (all []exposureRow) {
	took := map[weir.Party]*guard.Habit{}
	for i := range habits {
		took[habits[i].Party] = &habits[i]
	}
	sees := map[string][]string{}
	for _, g := range p.Grants() {
		if g.Action == weir.Allow {
			sees[g.Role] = include(sees[g.Role], string(g.Class))
		}
	}
	customers := map[string]bool{}
	for _, r := range x.Rows {
		if r.Own && r.Party.Kind <= weir.ByActor && !c.All {
			if key := r.Party.Kind.String() + r.Role; customers[key] {
				continue
			} else {
				customers[key] = true
			}
		}
		row := exposureRow{Party: r.Party.String(), Role: r.Role, Who: r.Who, Own: r.Own, Hour: limitJSON(r.CouldHour), Day: limitJSON(r.CouldDay), Month: limitJSON(r.CouldMonth),
			Classes: sees[r.Role], Held: r.Held, Peak: map[string]int{}}
		if row.Classes == nil {
			row.Classes = []string{}
		}
		lane := weir.Clear
		if r.Own {
			lane = weir.Own
		}
		if h := took[r.Party]; h != nil {
			row.Usual = h.Usual[lane]
			for w, n := range h.Peak[lane] {
				row.Peak[weir.Window(w).String()] = n
			}
		}
		all = append(all, row)
	}
	return all
}

// unboundedNow lists what no budget bounds, in sentences.
func unboundedNow(cfg *config, p *policy.Policy) (all []string) {
	for _, o := range p.Unbounded() {
		all = append(all, fmt.Sprintf("%s may take any number of customers in the lane %s (%s), %s", o.Whose, o.Lane, strings.Join(o.Windows, ", "), o.Position))
	}
	for _, r := range p.Routes() {
		if len(r.Opaque) > 0 {
			all = append(all, fmt.Sprintf("%s pass unread on %s, %s", strings.Join(r.Opaque, ", "), r.Text, r.Position))
		}
	}
	if !p.UndeclaredBlocked() {
		all = append(all, "routes that the policy does not name: there a count is of the customers whom detectors recognise, so it reads at least")
	}
	if p.Approvals() < 2 {
		all = append(all, "whoever may change the policy: it has one author, and no second person has to agree (approvals: 2 in the policy)")
	}
	if len(cfg.Ledger.Witnesses) == 0 {
		all = append(all, "whoever holds the ledger's key: without witnesses, another history could be signed")
	}
	return append(all,
		"whoever reaches "+cmp.Or(cfg.Upstream, "the service")+" past Weir",
		"whoever owns this host, or the database below the service")
}

// tightest writes the budgets that would have stopped nobody, as a policy has them.
func tightest(p *policy.Policy, habits []guard.Habit) string {
	take, together := map[string]weir.Budgets{}, map[string]weir.Budgets{}
	deployment := weir.Budgets{}
	widen := func(to map[string]weir.Budgets, role string, peak *weir.Budgets) {
		b := to[role]
		for l := range b {
			for w := range b[l] {
				b[l][w] = max(b[l][w], peak[l][w])
			}
		}
		to[role] = b
	}
	for i := range habits {
		h := &habits[i]
		switch h.Party.Kind {
		case weir.ByCredential, weir.ByPrincipal, weir.ByActor:
			widen(take, h.Role, &h.Need)
		case weir.ByRole:
			widen(together, h.Party.Name, &h.Need)
		case weir.ByDeployment:
			deployment = h.Need
		}
	}
	var b strings.Builder
	b.WriteString("# The tightest budgets that would have stopped nobody so far. Whoever took nothing has none.\nroles:\n")
	for _, role := range p.Roles() {
		fmt.Fprintf(&b, "  %s:\n", role)
		writeTake(&b, "    ", "take", take[role])
		writeTake(&b, "    ", "together", together[role])
	}
	b.WriteString("deployment:\n")
	writeTake(&b, "  ", "take", deployment)
	return b.String()
}

func writeTake(b *strings.Builder, indent, key string, budgets weir.Budgets) {
	if budgets == (weir.Budgets{}) {
		fmt.Fprintf(b, "%s%s: {}\n", indent, key)
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, key)
	for _, lane := range []weir.Lane{weir.Clear, weir.Sensitive, weir.Masked, weir.Probed, weir.Own} {
		budget := budgets[lane]
		// What follows clear where it is not said must be said where it is less.
		if budget == (weir.Budget{}) && !(lane == weir.Sensitive && budgets[weir.Clear] != weir.Budget{}) {
			continue
		}
		fmt.Fprintf(b, "%s  %s: {hour: %d, day: %d, 30 days: %d}\n", indent, lane, budget[weir.Hour], budget[weir.Day], budget[weir.Month])
	}
}

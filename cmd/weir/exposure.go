package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
)

type exposureCommand struct {
	Config  string        `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names policy and state. Default: weir.yaml."`
	Policy  string        `type:"path" help:"Judge by this policy instead, such as a draft." placeholder:"FILE"`
	State   string        `type:"path" help:"Read this state folder instead. With --policy, no configuration is needed." placeholder:"DIR"`
	Since   time.Duration `default:"720h" help:"What counts as habit. Default: 720h, which is 30 days." placeholder:"SPAN"`
	All     bool          `help:"List every customer's credential, too, not only the one that could take most."`
	Tighten bool          `help:"Print the tightest budgets that would have bothered nobody, to paste into the policy."`
	HTML    string        `name:"html" type:"path" help:"Write a page for people to this file, which must not exist." placeholder:"FILE"`
	JSON    bool          `name:"json" help:"Print as JSON."`
}

func (exposureCommand) Help() string {
	return `How many customers could leave in clear if a credential were stolen now: in an hour, a day and 30 days, by the narrowest budget of all that would be charged. Beside it, what really was taken: the most in any hour, day and 30 days, and the 99th percentile of its busy hours. What nothing bounds stands first.

Doors have no budgets of their own, and no door carries a vendor's out yet: beside what left there stands what the deployment may lose. A routine visit of weir doctor tells whether the service is reached past Weir.

It reads the policy and the ledger; a server may be running.

Examples:
  weir exposure
  weir exposure --policy draft.yaml
  weir exposure --html exposure.html
  weir exposure --tighten`
}

// recorded is a ledger that only remembers.
type recorded struct {
	state   string
	after   time.Time
	took    *exposure.Took
	covered *coverage.Reader
	mode    guard.Mode // that the server last began with
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
			r.took.Read(e)
		}
		r.covered.Read(e)
		if e.Kind == ledger.Start {
			r.mode = guard.Enforce
			if e.Text == modeText(guard.Observe) {
				r.mode = guard.Observe
			}
		}
		return each(index, e)
	})
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
	state := cmp.Or(c.State, cfg.State)
	past := &recorded{state: state, after: since(c.Since), took: exposure.NewTook(), covered: &coverage.Reader{After: since(c.Since)}}
	g, err := guard.New(guard.Config{Policy: p, Inspect: finder, Ledger: past, Subjects: past})
	if err != nil {
		return err
	}
	if err := g.Restore(s.ctx); err != nil {
		return err
	}
	facts := exposureFacts(cfg, state)
	facts.Policy, facts.Mode, facts.Coverage = p, past.mode, past.covered.Report(p)
	report := exposure.Of(facts, g.Exposure(), past.took, c.All)
	if c.HTML != "" {
		if err := writeExposurePage(c.HTML, report); err != nil {
			return err
		}
		fmt.Fprintf(s.err, "Written: %s\n", c.HTML)
	}
	switch {
	case c.JSON:
		return printJSON(s, report)
	case c.Tighten:
		_, err := fmt.Fprint(s.out, report.Tightest)
		return err
	case c.HTML != "":
		return nil
	}
	return printExposure(s, report)
}

// exposureFacts gives what configuration and state folder say of the exposure.
func exposureFacts(cfg *config, state string) exposure.Facts {
	f := exposure.Facts{Upstream: cfg.Upstream, Witnesses: len(cfg.Ledger.Witnesses), Now: time.Now()}
	if r := lastDoctor(state); r != nil {
		f.Doctor = r.At
		for _, k := range r.troubles(checkUpstream) {
			f.Past = append(f.Past, exposure.Trouble{Text: k.Text, Do: k.Do})
		}
		for _, k := range append(r.troubles(checkKeys), r.troubles(checkState)...) {
			f.Loose = append(f.Loose, exposure.Trouble{Text: k.Text, Do: k.Do})
		}
	}
	return f
}

func printExposure(s *streams, r *exposure.Report) error {
	fmt.Fprintf(s.out, "If one credential were stolen now: %s customers in clear in an hour, %s in a day, %s in 30 days.\nAll together: %s, %s, %s.\n\nNot bounded:\n",
		r.Hour, r.Day, r.Month, r.Total[weir.Hour], r.Total[weir.Day], r.Total[weir.Month])
	for _, o := range r.Unbounded {
		where := ""
		if o.Position != "" {
			where = ", " + o.Position
		}
		fmt.Fprintf(s.out, "  - %s%s\n", o.Text, where)
		if o.Do != "" {
			fmt.Fprintf(s.out, "      -> %s\n", o.Do)
		}
	}
	if o := r.Observed; o != (exposure.Observed{}) {
		fmt.Fprintf(s.out, "\nOnly observed so far; enforcing would have stopped %s requests and answers, withheld %s values and masked %s.\n",
			thousands(int64(o.Stopped)), thousands(int64(o.Withheld)), thousands(int64(o.Masked)))
	}
	fmt.Fprintln(s.out)
	err := table(s, "PARTY\tROLE\tHOUR\tDAY\t30 DAYS\tTOOK (HOUR, DAY, 30 DAYS)\tUSUAL HOUR\tIN CLEAR", func(row func(...any)) {
		for _, r := range r.Rows {
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

//go:embed exposure.html
var exposurePage string

// writeExposurePage writes the page for people to a new file.
func writeExposurePage(file string, r *exposure.Report) error {
	page, err := template.New("exposure").Funcs(template.FuncMap{
		"date":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
		"joined": func(all []string) string { return strings.Join(all, ", ") },
		"open":   func(l exposure.Limit) bool { return l == weir.Unbounded },
		"peak":   func(r exposure.Row, window string) int { return r.Peak[window] },
	}).Parse(exposurePage)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := page.Execute(&b, r); err != nil {
		return err
	}
	return writeNew(file, []byte(b.String()), 0o600)
}

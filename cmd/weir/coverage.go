package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/ledger"
)

type coverageCommand struct {
	Config string        `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names policy and state. Default: weir.yaml."`
	Policy string        `type:"path" help:"Compare with this policy instead, such as a draft." placeholder:"FILE"`
	State  []string      `type:"path" help:"Read these state folders instead, such as those of all nodes. With --policy, no configuration is needed." placeholder:"DIR"`
	Since  time.Duration `default:"720h" help:"How far to look back. Default: 720h, which is 30 days." placeholder:"SPAN"`
	FailOn []string      `help:"End with exit code 3 if there are problems of these kinds: not-enforced, undeclared, unread, no-subject, unused." placeholder:"KIND"`
	All    bool          `help:"List every line, also fields in which nothing was found and each line of the policy that met nothing."`
	JSON   bool          `name:"json" help:"Print as JSON."`
}

func (coverageCommand) Help() string {
	return `What the traffic held and what was done about it: every route, class and field that was seen, as what it was enforced for whom since when, and what of the policy has met nothing. What silently does not apply stands first and is marked:

  not-enforced   the policy is only observed there
  undeclared     the policy has no such route, or no class that covers what was found
  unread         bytes passed without being inspected
  no-subject     personal data, and the policy does not say whose; or at a path that no answer has
  unused         a route, class, role or grant that met nothing

It reads the ledger; a server may be running. New places are on it within ten seconds, counts within the hour. Names of fields are keys, columns and headers; a key that could be somebody's is written {id}.

Examples:
  weir coverage
  weir coverage --since 24h --fail-on undeclared,unread,no-subject    # in CI, after the tests have run through Weir
  weir coverage --policy draft.yaml --json | jq '.problems[]'
  weir coverage --policy policy.yaml --state node-1 --state node-2`
}

func (c *coverageCommand) Run(s *streams) error {
	for _, k := range c.FailOn {
		if !slices.Contains(coverage.Kinds, coverage.Kind(k)) {
			return usageError{fmt.Errorf("--fail-on %s: one of %v", k, coverage.Kinds)}
		}
	}
	if c.Since < 0 {
		return usageError{errors.New("--since: a span such as 24h")}
	}
	policyFile, states := c.Policy, c.State
	if policyFile == "" || len(states) == 0 {
		cfg, err := loadConfig(c.Config)
		if err != nil {
			return err
		}
		policyFile = cmp.Or(policyFile, cfg.Policy)
		if len(states) == 0 {
			states = []string{cfg.State}
		}
	}
	p, err := loadPolicy(policyFile)
	if err != nil {
		return usageError{err}
	}
	if c.Policy == "" && len(states) == 1 {
		p = inForce(s, states[0], p)
	}
	r := &coverage.Reader{After: since(c.Since)}
	for _, dir := range states {
		if err := readLedger(dir, time.Time{}, func(_ int64, e *ledger.Entry) error { r.Read(e); return s.ctx.Err() }); err != nil {
			return err
		}
	}
	report := r.Report(p)
	if c.JSON {
		err = printJSON(s, report)
	} else {
		err = c.print(s, report)
	}
	if err != nil {
		return err
	}
	for _, problem := range report.Problems {
		if slices.Contains(c.FailOn, string(problem.Kind)) {
			return exitRefuted
		}
	}
	return nil
}

// mostUnused is how many lines of the policy that met nothing are listed without --all.
const mostUnused = 12

func (c *coverageCommand) print(s *streams, r *coverage.Report) error {
	if len(r.Routes) == 0 && r.From.IsZero() {
		fmt.Fprintln(s.out, "The ledger has nothing in this span: no traffic was seen.")
	}
	counts := map[coverage.Kind]int{}
	for _, p := range r.Problems {
		counts[p.Kind]++
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(s.out, "Every route and class that was seen is declared and enforced, and every line of the policy has met something.")
	} else {
		fmt.Fprintln(s.out, "What does not apply:")
	}
	unused := 0
	for _, p := range r.Problems {
		if p.Kind == coverage.Unused {
			if unused++; unused > mostUnused && !c.All {
				continue
			}
		}
		line := ""
		if p.Position != "" {
			line = fmt.Sprintf(" (%s)", p.Position)
		}
		fmt.Fprintf(s.out, "  ! %-13s %s%s\n    %-13s %s\n", p.Kind, p.Text, line, "", p.Do)
	}
	if unused > mostUnused && !c.All {
		fmt.Fprintf(s.out, "  ! %-13s and %d more lines of the policy (--all)\n", coverage.Unused, unused-mostUnused)
	}
	fmt.Fprintln(s.out)
	err := table(s, "\tROUTE\tENFORCED\tEXCHANGES\tREAD\tUNREAD\tWITHHELD\tCLASSES\tLAST SEEN", func(row func(...any)) {
		for _, at := range r.Routes {
			row(mark(at.Kinds), cmp.Or(at.Text, at.Name), cmp.Or(at.Mode, "-"), at.Exchanges, byteText(at.Read), byteText(at.Unread), at.Withheld, at.Classes, seenText(at.Last))
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	hidden := 0
	err = table(s, "\tROUTE\tFIELD\tCLASS\tENFORCED (ROLE: HOW, SINCE, POLICY)\tLAST SEEN", func(row func(...any)) {
		for _, f := range r.Fields {
			if f.Class == "" && !c.All {
				hidden++
				continue
			}
			row(mark(f.Kinds), f.Route, cmp.Or(f.Field, "(not looked up yet)"), cmp.Or(string(f.Class), "-"), enforcedText(f.Enforced), seenText(f.Last))
		}
	})
	if hidden > 0 {
		fmt.Fprintf(s.out, "\n%d more fields in which nothing was found (--all).\n", hidden)
	}
	return err
}

func mark(kinds []coverage.Kind) string {
	if len(kinds) == 0 {
		return ""
	}
	return "!"
}

func enforcedText(all []coverage.Enforced) string {
	var parts []string
	for _, e := range all {
		parts = append(parts, fmt.Sprintf("%s: %s, %s, %s", e.Role, e.Action, e.Since.Format(time.DateOnly), strings.TrimPrefix(e.Policy, "sha256:")))
	}
	return strings.Join(parts, "; ")
}

func seenText(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// byteText writes n bytes in binary units (IEC 80000-13).
func byteText(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprint(n, " B")
	}
	f, u := float64(n)/1024, 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[u])
}

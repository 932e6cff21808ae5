package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
	"github.com/getweir/weir/replay"
)

type policyReplayCommand struct {
	Draft  string   `arg:"" type:"path" help:"The policy file as it would be."`
	Since  string   `default:"24h" help:"From when on: a date, or how long ago, such as 24h or 7d. Default: 24h." placeholder:"TIME"`
	Config string   `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names policy and state. Default: weir.yaml."`
	State  string   `type:"path" help:"Read this state folder's ledger instead. No configuration is then needed." placeholder:"DIR"`
	Ledger []string `type:"path" help:"Read these ledgers' folders instead, as one stream in the order of time; repeatable." placeholder:"DIR"`
	Was    []string `type:"path" help:"Policy files that were in force, beside the one of the configuration; repeatable." placeholder:"FILE"`
	HTML   string   `name:"html" type:"path" help:"Write a page for people to this file, too." placeholder:"FILE"`
	JSON   bool     `name:"json" help:"Print as JSON."`
}

func (policyReplayCommand) Help() string {
	return `Decides the traffic that the ledger has on record anew, by a draft of the policy: what would have been masked, withheld, stopped at a budget or refused, for each principal, role and route, the worst first. What was taken in the 30 days before fills the budgets' windows.

Nothing is guessed. What the ledger does not hold, such as the answer to a request that was refused and would not be, is unknowable, counted apart, and with it what depends on it. Clients are taken to have asked what they asked: whether one that is stopped sooner had gone on, nobody knows. To compare with what was in force, its policy has to be at hand: the configuration's, those that the state folder keeps, or those that --was names.

It reads the ledger; a server may be running.

Examples:
  weir policy replay draft.yaml
  weir policy replay --since 7d --html replay.html draft.yaml
  weir policy replay --ledger node-1/ledger --ledger node-2/ledger --was before.yaml draft.yaml`
}

func (c *policyReplayCommand) Run(s *streams) error {
	draft, err := loadPolicy(c.Draft)
	if err != nil {
		return usageError{err}
	}
	from, err := moment(c.Since, time.Now().UTC())
	if err != nil {
		return err
	}
	known := map[string]*policy.Policy{}
	learn := func(files ...string) error {
		for _, f := range files {
			p, err := loadPolicy(f)
			if err != nil {
				return usageError{err}
			}
			known[p.Version()] = p
		}
		return nil
	}
	if err := learn(c.Was...); err != nil {
		return err
	}
	folders, state := c.Ledger, c.State
	if len(folders) == 0 {
		if state == "" {
			cfg, err := loadConfig(c.Config)
			if err != nil {
				return err
			}
			// What is there with a mistake is not in force; the replay says what it lacks.
			if p, err := loadPolicy(cfg.Policy); err == nil {
				known[p.Version()] = p
			}
			state = cfg.State
		}
		past, err := pastLedgers(state)
		if err != nil {
			return err
		}
		folders = append(past, filepath.Join(state, "ledger"))
	}
	r := replay.New(replay.Config{Draft: draft, Since: from, Was: func(version string) *policy.Policy {
		if p := known[version]; p != nil || state == "" {
			return p
		}
		digest, sources, err := findVersion(state, version)
		if err != nil {
			return nil // the report says what is not at hand
		}
		p, err := approval.Compile(digest, sources)
		if err != nil {
			return nil
		}
		return p
	}})
	before := from.Add(-30 * 24 * time.Hour)
	tell, clear := percent(s, "replaying")
	span := time.Since(before)
	n := 0
	for e, err := range merged(s.ctx, folders, before) {
		if err != nil {
			clear()
			return err
		}
		if n++; n%10_000 == 0 && tell != nil {
			tell(int64(e.Time.Sub(before)), int64(span))
		}
		r.Read(e)
	}
	clear()
	report := r.Report()
	if c.HTML != "" {
		if err := c.page(report, draft, c.HTML); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(s, report)
	}
	return printReplay(s, report)
}

// merged gives the entries of several ledgers from a time on, in the order of time.
// Each is in that order itself.
func merged(ctx context.Context, folders []string, from time.Time) iter.Seq2[*ledger.Entry, error] {
	return func(yield func(*ledger.Entry, error) bool) {
		type head struct {
			e    *ledger.Entry
			next func() (*ledger.Entry, error, bool)
		}
		var heads []head
		for _, dir := range folders {
			next, stop := iter.Pull2(entriesOf(ctx, dir, from))
			defer stop()
			e, err, ok := next()
			if err != nil {
				yield(nil, err)
				return
			}
			if ok {
				heads = append(heads, head{e, next})
			}
		}
		for len(heads) > 0 {
			first := 0
			for i := range heads {
				if heads[i].e.Time.Before(heads[first].e.Time) {
					first = i
				}
			}
			h := &heads[first]
			if !yield(h.e, nil) {
				return
			}
			e, err, ok := h.next()
			if err != nil {
				yield(nil, err)
				return
			}
			if h.e = e; !ok {
				heads = slices.Delete(heads, first, first+1)
			}
		}
	}
}

var errEnough = errors.New("enough")

func entriesOf(ctx context.Context, dir string, from time.Time) iter.Seq2[*ledger.Entry, error] {
	return func(yield func(*ledger.Entry, error) bool) {
		err := ledger.Read(dir, 0, func(_ int64, e *ledger.Entry) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			// Holds and approved requests may last from before.
			if e.Time.Before(from) && e.Kind != ledger.Hold && e.Kind != ledger.Lift && e.Kind != ledger.Request {
				return nil
			}
			if !yield(e, nil) {
				return errEnough
			}
			return nil
		})
		switch {
		case err == nil || errors.Is(err, errEnough):
		case errors.Is(err, os.ErrNotExist):
			yield(nil, usageError{fmt.Errorf("there is no ledger in %s; name the state folder with --state, or ledgers with --ledger", dir)})
		default:
			yield(nil, err)
		}
	}
}

// replayWords says what changes for a row, in words.
func replayWords(c *replay.Counts, classes []replay.Turn) string {
	var all []string
	say := func(n int, format string) {
		if n > 0 {
			all = append(all, fmt.Sprintf(format, n))
		}
	}
	say(c.NewlyRefused, "%d requests refused that passed")
	say(c.Stopped, "%d records behind a stop or a refusal")
	say(c.Blocked, "%d records withheld")
	say(c.NotOwn, "%d records withheld as somebody else's")
	say(c.Masked, "%d records masked further")
	say(c.Unmasked, "%d records in clear that were masked")
	say(c.LetThrough, "%d records let through that were withheld")
	say(c.Unknown, "%d records unknowable")
	say(c.Unknowable, "%d requests unknowable")
	if len(all) == 0 {
		return "the same"
	}
	text := strings.Join(all, ", ")
	if len(classes) > 0 {
		var turns []string
		for i, t := range classes {
			if i == 6 {
				turns = append(turns, fmt.Sprintf("%d more", len(classes)-i))
				break
			}
			turns = append(turns, fmt.Sprintf("%s %s -> %s (%d)", t.Class, t.Was, t.Now, t.N))
		}
		text += ": " + strings.Join(turns, ", ")
	}
	return text
}

// replayLimits are what the replay cannot say; every form of it has them.
func replayLimits(r *replay.Report) (all []string) {
	for _, why := range slices.SortedFunc(maps.Keys(r.Unknowable), func(a, b string) int { return cmp.Or(cmp.Compare(r.Unknowable[b], r.Unknowable[a]), cmp.Compare(a, b)) }) {
		all = append(all, fmt.Sprintf("%d requests: %s.", r.Unknowable[why], why))
	}
	for _, v := range r.Policies {
		if !v.AtHand {
			all = append(all, fmt.Sprintf("The policy %s was in force and is not at hand: name its file with --was.", v.Version))
		}
	}
	if r.Quiet > 0 {
		all = append(all, fmt.Sprintf("%d exchanges held nothing personal; the ledger only counts them, so whether the draft would refuse some is not known.", r.Quiet))
	}
	return append(all, "Clients are taken to have asked what they asked. Whether one that is stopped sooner had gone on, asked elsewhere or given up is not known.")
}

func printReplay(s *streams, r *replay.Report) error {
	if r.Entries == 0 {
		fmt.Fprintf(s.out, "There are no entries since %s.\n", r.Since.Format(time.RFC3339))
		return nil
	}
	t := &r.Total
	fmt.Fprintf(s.out, "Draft %s, %d entries from %s to %s\n\n", r.Draft, r.Entries, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	fmt.Fprintf(s.out, "%d requests: %d refused (were %d), %d stopped (were %d), %d unknowable\n%d records: %s\n\n",
		t.Requests, t.Refused, t.WereRefused, t.StoppedShort, t.WereStopped, t.Unknowable, t.Records, replayWords(t, nil))
	err := table(s, "PRINCIPAL\tROLE\tROUTE\tREQUESTS\tRECORDS\tUNDER THE DRAFT", func(row func(...any)) {
		for _, x := range r.Rows {
			row(orDash(x.Principal), orDash(x.Role), orDash(x.Route), x.Requests, x.Records, replayWords(&x.Counts, x.Classes))
		}
	})
	if len(r.Stops) > 0 {
		fmt.Fprintln(s.out, "\nBudgets that end:")
		for i, st := range r.Stops {
			if i == 20 {
				fmt.Fprintf(s.out, "  and %d more (--json has them)\n", len(r.Stops)-i+r.MoreStops)
				break
			}
			fmt.Fprintln(s.out, "  "+stopWords(&st))
		}
	}
	fmt.Fprintln(s.out, "\nWhat this cannot say:")
	for _, l := range replayLimits(r) {
		fmt.Fprintln(s.out, "  - "+l)
	}
	return err
}

func stopWords(st *replay.Stop) string {
	return fmt.Sprintf("%s  %s (%s) on %s: stopped after %d customers, %s in %s of %s",
		st.Time.UTC().Format("2006-01-02 15:04:05"), orDash(st.Principal), orDash(st.Role), orDash(st.Route), st.After, st.Lane, st.Window, st.Party)
}

//go:embed replay.html
var replayPage string

func (c *policyReplayCommand) page(r *replay.Report, draft *policy.Policy, file string) error {
	page, err := template.New("replay").Funcs(template.FuncMap{
		"date":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"words": func(x *replay.Row) string { return replayWords(&x.Counts, x.Classes) },
		"dash":  orDash,
		"stop":  func(st replay.Stop) string { return stopWords(&st) },
	}).Parse(replayPage)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".replay-*")
	if err != nil {
		return err
	}
	err = page.Execute(f, struct {
		*replay.Report
		File   string
		Limits []string
		Words  string
	}{r, filepath.Base(draft.File()), replayLimits(r), replayWords(&r.Total, nil)})
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

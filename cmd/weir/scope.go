package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/incident"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/ledger"
)

type scopeCommand struct {
	Credential []string `sep:"none" help:"A credential's fingerprint, as weir ledger show --json has it; repeatable." placeholder:"C"`
	Principal  []string `sep:"none" help:"A principal's name; repeatable." placeholder:"NAME"`
	Actor      []string `sep:"none" help:"Somebody who acted through others; repeatable." placeholder:"NAME"`
	Role       []string `sep:"none" help:"A role; repeatable." placeholder:"NAME"`
	Issuer     []string `sep:"none" help:"Who vouched for the principals; repeatable." placeholder:"NAME"`
	Network    []string `sep:"none" help:"A network; repeatable." placeholder:"NAME"`
	Vendor     []string `sep:"none" help:"A vendor that received data; repeatable." placeholder:"NAME"`
	From       string   `help:"From when on: a date, a time, or how long ago, such as 36h or 30d. Default: the beginning." placeholder:"WHEN"`
	To         string   `help:"Until when, not included. Default: now." placeholder:"WHEN"`
	State      string   `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Config     string   `short:"c" type:"path" help:"weir.yaml, where the subject directory is in a store that nodes share." placeholder:"FILE"`
	JSON       bool     `name:"json" help:"Print as JSON."`
	HTML       string   `name:"html" type:"path" help:"Also write a page for people; the file must not exist." placeholder:"FILE"`
	Out        string   `short:"o" type:"path" help:"Also write the entries behind it, with their proofs, as a zip file for weir-verify; it must not exist." placeholder:"FILE"`
}

func (scopeCommand) Help() string {
	return `Says which customers a stolen credential, a principal or a vendor reached, in which classes, when, through which door and route, and to whom. Several flags together ask for whatever any of them made.

Each customer stands in one of three sets:
  confirmed  something of it left in clear, or as its own record, and the transfer ended as it should
  possible   something left, but: no-outcome (no end is on record), broken-off (the transfer broke off), unread (bytes left that were not inspected), unnamed (the subject directory knows no identifier for the pseudonym: data without one, which may belong to somebody who is listed, too, or a customer erased since)
  excluded   denied (asked about and denied), nothing (asked about, nothing of it was in the answer), masked (all that was recognised was masked)

Classes are those of the batches that the customer was in: exact where it was alone in them, else marked "at most". Exchanges with bytes, classes or outcomes that belong to no known customer are listed by themselves. Not in it: exchanges in which nothing was recognised, which the ledger only counts for everybody together, and countries of residence, which nothing on the ledger tells.

Examples:
  weir scope --principal stolen-support
  weir scope --credential token:5d1e... --from 2026-03-01 --to 2026-03-04T12:00 -o proof.zip --html scope.html
  weir scope --vendor mailhouse --from 30d --json`
}

func (c *scopeCommand) question() (q index.Question, err error) {
	for _, asked := range []struct {
		kind  weir.PartyKind
		names []string
	}{{weir.ByCredential, c.Credential}, {weir.ByPrincipal, c.Principal}, {weir.ByActor, c.Actor}, {weir.ByRole, c.Role}, {weir.ByIssuer, c.Issuer}, {weir.ByNetwork, c.Network}} {
		for _, name := range asked.names {
			if name == "" {
				return q, usageError{fmt.Errorf("--%s needs a name", asked.kind)}
			}
			q.Parties = append(q.Parties, weir.Party{Kind: asked.kind, Name: name})
		}
	}
	for _, name := range c.Vendor {
		if name == "" {
			return q, usageError{errors.New("--vendor needs a name")}
		}
		q.Recipients = append(q.Recipients, name)
	}
	if len(q.Parties)+len(q.Recipients) == 0 {
		return q, usageError{errors.New("say whose scope it is: --credential, --principal, --actor, --role, --issuer, --network or --vendor")}
	}
	now := time.Now()
	if q.From, err = moment(c.From, now); err != nil {
		return q, err
	}
	if q.To, err = moment(c.To, now); err != nil {
		return q, err
	}
	if !q.To.IsZero() && !q.From.Before(q.To) {
		return q, usageError{fmt.Errorf("--from %s is not before --to %s", c.From, c.To)}
	}
	return q, nil
}

func (c *scopeCommand) Run(s *streams) error {
	q, err := c.question()
	if err != nil {
		return err
	}
	for _, file := range []string{c.HTML, c.Out} {
		if _, err := os.Lstat(file); file != "" && err == nil {
			return usageError{fmt.Errorf("%s is there already, and nothing is overwritten", file)}
		}
	}
	r := &scopeReport{question: q, asked: asked(q), at: time.Now().UTC()}
	scoping := incident.NewScoping()
	a, err := askLedger(s.ctx, c.State, q, func(v *index.Visit) error { scoping.Add(v); return nil })
	if err != nil {
		return err
	}
	r.reach = a.Reach
	named, done := c.directory(s, r)
	defer done()
	if r.Scope, err = scoping.Scope(a, named); err != nil {
		return err
	}
	if c.Out != "" {
		if err := c.prove(s, r); err != nil {
			return err
		}
	}
	if c.HTML != "" {
		if err := r.writeHTML(c.HTML); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(s, r.json())
	}
	return r.print(s)
}

// directory gives what tells customers with an identifier from those without, if
// the state has it.
func (c *scopeCommand) directory(s *streams, r *scopeReport) (named func([]weir.Subject) ([]bool, error), done func()) {
	store, err := c.subjects(s.ctx)
	if err != nil {
		return nil, func() {}
	}
	r.directory = true
	return func(all []weir.Subject) ([]bool, error) { return store.Named(s.ctx, all) }, func() { store.Close() }
}

// A nameStore says which pseudonyms an identifier leads to.
type nameStore interface {
	Named(ctx context.Context, subjects []weir.Subject) ([]bool, error)
	Close() error
}

// subjects opens the node's own directory, or the one that nodes share.
func (c *scopeCommand) subjects(ctx context.Context) (nameStore, error) {
	if c.Config != "" {
		cfg, err := loadConfig(c.Config)
		if err != nil {
			return nil, err
		}
		if cfg.Store.shared() {
			s, _, err := openShared(ctx, cfg, nil)
			return s, err
		}
	}
	s, _, err := openSubjects(c.State)
	return s, err
}

// prove writes the entries behind the scope and their proofs.
func (c *scopeCommand) prove(s *streams, r *scopeReport) (err error) {
	runs := r.Entries()
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usageError{fmt.Errorf("%s is there already, and nothing is overwritten", c.Out)}
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(c.Out))
		}
	}()
	done, err := ledger.WriteBundle(f, filepath.Join(c.State, "ledger"), ledger.BundleOptions{
		About: "The entries behind the scope of " + r.asked + ".",
		Want:  func(index int64, _ *ledger.Entry) bool { return s.ctx.Err() == nil && incident.Holds(runs, index) },
	})
	if err := errors.Join(err, s.ctx.Err(), f.Sync(), f.Close()); err != nil {
		return err
	}
	r.bundle = done
	return nil
}

// asked says in words what a question asks for.
func asked(q index.Question) string {
	var all []string
	for _, p := range q.Parties {
		all = append(all, p.String())
	}
	for _, v := range q.Recipients {
		all = append(all, "vendor:"+v)
	}
	text := strings.Join(all, ", ")
	if !q.From.IsZero() {
		text += " from " + q.From.Format("2006-01-02 15:04:05")
	}
	if !q.To.IsZero() {
		text += " until " + q.To.Format("2006-01-02 15:04:05")
	}
	return text
}

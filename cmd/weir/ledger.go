package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir/ledger"
)

type ledgerCommand struct {
	Verify ledgerVerifyCommand `cmd:"" help:"Check that a ledger is whole and was not changed."`
	Prove  ledgerProveCommand  `cmd:"" help:"Write entries with their proofs for an auditor."`
	Show   ledgerShowCommand   `cmd:"" help:"Print a ledger's entries."`
	Follow ledgerFollowCommand `cmd:"" help:"Print the entries of several ledgers as one verified stream."`
	Keys   ledgerKeysCommand   `cmd:"" help:"List the keys that have signed a ledger."`
	Roster ledgerRosterCommand `cmd:"" help:"Keep the signed list of the nodes of a deployment."`
	Rotate ledgerRotateCommand `cmd:"" name:"rotate-key" help:"Give the ledger a new signing key."`

	Archive ledgerArchiveCommand `cmd:"" help:"Copy a ledger to a folder or an S3 bucket."`
	Restore ledgerRestoreCommand `cmd:"" help:"Make a ledger's folder from its archive."`
	Succeed ledgerSucceedCommand `cmd:"" help:"Begin the ledger that follows on a restored one."`
	Retain  ledgerRetainCommand  `cmd:"" help:"Drop a ledger's old entries, on record."`
	Du      ledgerDuCommand      `cmd:"" help:"Say what a ledger takes of the disk, and what would be free."`
	Rebuild ledgerRebuildCommand `cmd:"" help:"Make a lost ledger anew from the shared store."`

	Reindex ledgerReindexCommand `cmd:"" help:"Make the index anew from the ledger."`
	Export  ledgerExportCommand  `cmd:"" help:"Write entries as OCSF events or JSON, once or as they come."`
}

type ledgerVerifyCommand struct {
	Dir        []string      `arg:"" optional:"" help:"The ledger's folder. Default: weir-state/ledger. With --roster: folders and addresses; default: the roster's addresses."`
	Key        []string      `sep:"none" help:"A public key of the ledger that you trust, old or new, as text; repeatable. Without any, the folder's own is believed." placeholder:"KEY"`
	Checkpoint string        `help:"A file with an older checkpoint of this ledger that was kept elsewhere." placeholder:"FILE" type:"path"`
	Witness    []string      `sep:"none" help:"The public key of a witness that you trust, as text; repeatable." placeholder:"KEY"`
	Threshold  int           `help:"How many of the witnesses must have signed. Default: all." placeholder:"N"`
	Roster     string        `type:"path" help:"Say instead whether every ledger of this roster is there." placeholder:"FILE"`
	RosterKey  string        `help:"With --roster: its public key that you trust, as text; else roster.pub beside it is believed." placeholder:"KEY"`
	Token      string        `name:"token-file" type:"path" help:"With --roster: a file with a reader's token. Default: $WEIR_LEDGER_TOKEN." placeholder:"FILE"`
	Silent     time.Duration `default:"5m" help:"With --roster: how old a node's newest entry may be."`
	JSON       bool          `name:"json" help:"Print as JSON."`
}

func (ledgerVerifyCommand) Help() string {
	return `Reads the whole ledger, also while a server writes to it: each entry's encoding, the Merkle tree over all of them, and every signed checkpoint that was kept. Exit code 0: it holds; 3: it does not.

A ledger's own key proves that its files agree with one another. That nobody with the key has written another history shows only against --key and --checkpoint that were kept elsewhere, or against --witness: the checkpoints that enough of these have signed.

Examples:
  weir ledger verify weir-state/ledger
  weir ledger verify --checkpoint monday.checkpoint weir-state/ledger

With --roster it says whether every ledger of a deployment is there, how old its newest entry is, and whether it continues every checkpoint that the other nodes remember of it.

  weir ledger verify --roster weir-state/roster --token-file reader.token
  weir ledger verify --roster roster copy-of-node-1/ledger https://node-2.shop.example:8090`
}

func (c *ledgerVerifyCommand) Run(s *streams) error {
	if c.Roster != "" {
		return c.verifyRoster(s)
	}
	dir := "weir-state/ledger"
	switch {
	case len(c.Dir) > 1:
		return usageError{errors.New("one ledger at a time, but with --roster")}
	case len(c.Dir) == 1:
		dir = c.Dir[0]
	}
	o := ledger.VerifyOptions{Key: strings.Join(c.Key, "\n"), Witnesses: c.Witness, Threshold: c.Threshold}
	if c.Checkpoint != "" {
		text, err := os.ReadFile(c.Checkpoint)
		if err != nil {
			return usageError{err}
		}
		o.Checkpoint = string(text)
	}
	if f, ok := s.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.Progress = func(done, total int64) {
			if total > 0 {
				fmt.Fprintf(s.err, "\rverifying %3d %% ", done*100/total)
			}
		}
		defer fmt.Fprint(s.err, "\r\033[K")
	}
	report, err := ledger.Verify(dir, o)
	if report == nil {
		return err
	}
	if c.JSON {
		if err := printJSON(s, verifiedJSON(report)); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(s.out, report)
	}
	if errors.Is(err, ledger.ErrBroken) {
		return exitRefuted
	}
	return err
}

func verifiedJSON(r *ledger.VerifyReport) any {
	type change struct {
		Entry    int64     `json:"entry"`
		Since    time.Time `json:"since"`
		Key      string    `json:"key"`
		Replaced bool      `json:"replaced_without_signature"`
	}
	var changes []change
	for _, k := range r.Changes {
		changes = append(changes, change{k.Entry, k.Since, k.Key, k.Replaced})
	}
	v := struct {
		Holds        bool      `json:"holds"`
		Origin       string    `json:"origin"`
		Key          string    `json:"key"`
		OwnKey       bool      `json:"key_from_folder"`
		Changes      []change  `json:"key_changes,omitempty"`
		Entries      int64     `json:"entries"`
		First        int64     `json:"first"`
		DroppedBy    int64     `json:"dropped_by,omitempty"`
		Signed       int64     `json:"signed"`
		Root         string    `json:"root"`
		Checkpoints  int       `json:"checkpoints"`
		SelfAttested bool      `json:"self_attested"`
		WitnessedBy  int       `json:"witnessed_by"`
		Witnesses    int       `json:"witnesses"`
		Witnessed    int64     `json:"witnessed"`
		From         time.Time `json:"from"`
		To           time.Time `json:"to"`
		Break        string    `json:"break,omitempty"`
	}{r.Break == nil, r.Origin, r.Key, r.OwnKey, changes, r.Entries, r.First, r.DroppedBy, r.Signed.Size, r.Signed.Root.String(), r.Checkpoints, r.SelfAttested(), r.Witnessed.By, r.Witnessed.Of, r.Witnessed.Checkpoint.Size, r.From, r.To, ""}
	if r.Break != nil {
		v.Break = r.Break.String()
	}
	return v
}

type ledgerShowCommand struct {
	Dir   string        `arg:"" optional:"" default:"weir-state/ledger" type:"path" help:"The ledger's folder. Default: weir-state/ledger."`
	From  int64         `default:"0" help:"The first entry, by number."`
	Since time.Duration `help:"Only entries of the last, such as 24h." placeholder:"SPAN"`
	Kind  []string      `help:"Only entries of these kinds: release, denied, alert, hold, ..." placeholder:"KIND"`
	JSON  bool          `name:"json" help:"Print a JSON object a line."`
}

func (ledgerShowCommand) Help() string {
	return `Examples:
  weir ledger show --kind alert,hold
  weir ledger show --since 1h --json weir-state/ledger`
}

func (c *ledgerShowCommand) Run(s *streams) error {
	after := since(c.Since)
	enc := json.NewEncoder(s.out)
	wanted := c.From
	err := ledger.Read(c.Dir, c.From, func(index int64, e *ledger.Entry) error {
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		if index > wanted {
			fmt.Fprintf(s.err, "Entries %d to %d were dropped by retention; an entry of kind dropped says when.\n", wanted, index-1)
		}
		wanted = index + 1
		if e.Time.Before(after) || len(c.Kind) > 0 && !slices.Contains(c.Kind, e.Kind.String()) {
			return nil
		}
		if c.JSON {
			return enc.Encode(entryJSON(index, e))
		}
		_, err := fmt.Fprintln(s.out, entryLine(index, e))
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no ledger in %s", c.Dir)
	}
	return err
}

// since gives the time from which on something counts; zero span: all time.
func since(span time.Duration) time.Time {
	if span == 0 {
		return time.Time{}
	}
	return time.Now().Add(-span)
}

// entryLine tells an entry in one line.
func entryLine(index int64, e *ledger.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8d  %s  %-13s", index, e.Time.Format("2006-01-02 15:04:05.000"), e.Kind)
	add := func(name string, v any) {
		if text := fmt.Sprint(v); text != "" && text != "0" {
			fmt.Fprintf(&b, "  %s=%s", name, text)
		}
	}
	add("principal", e.Principal)
	add("role", e.Role)
	add("via", strings.Join(e.Act, ","))
	add("purpose", e.Purpose)
	add("door", e.Door)
	add("route", e.Route)
	add("to", e.Recipient)
	for _, a := range e.Actions {
		fmt.Fprintf(&b, "  %s:%s*%d", a.Class, a.Action, a.N)
	}
	if n := len(e.Subjects); n == 1 {
		add("subject", e.Subjects[0].Subject.String()+" "+strings.Join(laneNames(e.Subjects[0]), ","))
	} else {
		add("subjects", n)
	}
	add("read", e.Read)
	add("unread", e.Unread)
	add("reason", e.Reason)
	add("party", e.Party)
	add("outcome", e.Outcome)
	add("status", e.Status)
	add("n", e.N)
	add("rule", e.Rule)
	if e.Span != nil {
		fmt.Fprintf(&b, "  entries=%d-%d", e.Span.From, e.Span.To-1)
	}
	if e.Text != "" {
		fmt.Fprintf(&b, "  %q", e.Text)
	}
	if !e.Until.IsZero() {
		add("until", e.Until.Format("2006-01-02 15:04:05"))
	}
	add("key", e.Keys.New)
	add("before", e.Keys.Old)
	for _, h := range e.Heads {
		add("saw", fmt.Sprintf("%s:%d", h.Origin, h.Size))
	}
	return b.String()
}

// entryJSON is an entry in JSON; names are stable.
func entryJSON(index int64, e *ledger.Entry) any {
	type action struct {
		Class  string `json:"class"`
		Action string `json:"action"`
		N      int    `json:"n"`
	}
	type taken struct {
		Subject string   `json:"subject"`
		Lanes   []string `json:"lanes"`
	}
	type head struct {
		Origin string `json:"origin"`
		Size   int64  `json:"size"`
		Root   string `json:"root"`
	}
	type span struct {
		From  int64     `json:"from"`
		To    int64     `json:"to"` // not among them
		Since time.Time `json:"since"`
		Until time.Time `json:"until"`
		Root  string    `json:"root"`
	}
	v := struct {
		Index      int64      `json:"index"`
		Time       time.Time  `json:"time"`
		Kind       string     `json:"kind"`
		Node       string     `json:"node,omitempty"`
		Exchange   string     `json:"exchange,omitempty"`
		Credential string     `json:"credential,omitempty"`
		Principal  string     `json:"principal,omitempty"`
		As         string     `json:"principal_kind,omitempty"`
		Act        []string   `json:"act,omitempty"`
		Role       string     `json:"role,omitempty"`
		Issuer     string     `json:"issuer,omitempty"`
		Network    string     `json:"network,omitempty"`
		Door       string     `json:"door,omitempty"`
		Route      string     `json:"route,omitempty"`
		Recipient  string     `json:"recipient,omitempty"`
		Purpose    string     `json:"purpose,omitempty"`
		Policy     string     `json:"policy,omitempty"`
		Actions    []action   `json:"actions,omitempty"`
		Subjects   []taken    `json:"subjects,omitempty"`
		Read       int64      `json:"read,omitempty"`
		Unread     int64      `json:"unread,omitempty"`
		Outcome    string     `json:"outcome,omitempty"`
		Reason     string     `json:"reason,omitempty"`
		Status     int        `json:"status,omitempty"`
		Party      string     `json:"party,omitempty"`
		N          int        `json:"n,omitempty"`
		Rule       string     `json:"rule,omitempty"`
		Text       string     `json:"text,omitempty"`
		Until      *time.Time `json:"until,omitempty"`
		Key        string     `json:"key,omitempty"`
		KeyBefore  string     `json:"key_before,omitempty"`
		Heads      []head     `json:"heads,omitempty"`
		Span       *span      `json:"span,omitempty"`
	}{
		Index: index, Time: e.Time, Kind: e.Kind.String(), Node: e.Node,
		Credential: e.Credential, Principal: e.Principal, Act: e.Act, Role: e.Role, Issuer: e.Issuer, Network: e.Network,
		Door: e.Door, Route: e.Route, Recipient: e.Recipient, Purpose: string(e.Purpose), Policy: e.Policy,
		Read: e.Read, Unread: e.Unread, Outcome: e.Outcome, Reason: string(e.Reason), Status: e.Status, Party: e.Party,
		N: e.N, Rule: e.Rule, Text: e.Text, Key: e.Keys.New, KeyBefore: e.Keys.Old,
	}
	for _, h := range e.Heads {
		v.Heads = append(v.Heads, head{h.Origin, h.Size, h.Root.String()})
	}
	if e.Exchange != [12]byte{} {
		v.Exchange, v.As = e.Exchange.String(), e.PrincipalKind.String()
	}
	for _, a := range e.Actions {
		v.Actions = append(v.Actions, action{string(a.Class), a.Action.String(), a.N})
	}
	for _, t := range e.Subjects {
		v.Subjects = append(v.Subjects, taken{t.Subject.String(), laneNames(t)})
	}
	if !e.Until.IsZero() {
		v.Until = &e.Until
	}
	if p := e.Span; p != nil {
		v.Span = &span{p.From, p.To, p.Since, p.Until, p.Root.String()}
	}
	return v
}

// readLedger gives the entries of a state folder's ledger, from a time on.
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

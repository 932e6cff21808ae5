package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/vault"
)

// vaultRecord is a customer as the command line reads and writes it.
type vaultRecord struct {
	Version   int64               `json:"version,omitempty"`
	Residence string              `json:"residence,omitempty"`
	Fields    map[string][]string `json:"fields"`
}

// vaultDoor is what the ledger calls the command line.
const vaultDoor = "command-line"

// act begins an entry about what somebody does on the command line.
func (v *openedVault) act(kind ledger.Kind) *ledger.Entry {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	e := &ledger.Entry{Kind: kind, Principal: name, PrincipalKind: weir.Staff, Issuer: "host", Door: vaultDoor}
	rand.Read(e.Exchange[:])
	return e
}

// customer finds a customer by an identifier, such as customer:c-10001.
func (v *openedVault) customer(s *streams, text string) (weir.Subject, error) {
	if who, err := weir.ParseSubject(text); err == nil {
		return who, nil
	}
	kind, value, ok := strings.Cut(text, ":")
	if !ok || kind == "" || value == "" {
		return weir.Subject{}, usageError{errors.New("a customer is named by a pseudonym (s-...) or an identifier such as customer:c-10001 or email:ada@example.com")}
	}
	found, err := v.Search(s.ctx, weir.Identifier{Kind: kind, Value: weir.NewPlain(value)})
	switch {
	case err != nil:
		return weir.Subject{}, err
	case len(found) == 0:
		return weir.Subject{}, vault.ErrNotFound
	case len(found) > 1:
		return weir.Subject{}, fmt.Errorf("%d customers have this identifier; name one by customer:ID", len(found))
	}
	return found[0], nil
}

type vaultPutCommand struct {
	vaultFlags
	File string `arg:"" optional:"" type:"path" help:"JSON. Default: standard input." placeholder:"FILE"`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (vaultPutCommand) Help() string {
	return `Reads customers as JSON objects, one behind the other, and makes each record what is given: it creates it, replaces it, or leaves it alone where it is so already. A customer is named by the field "customer". With "version" a record is replaced only if it has that version. It is on record who did it to whom; weir serve must not run meanwhile. It ends at the first that cannot be kept, and says which; what was before it stays.

Fields are those of weir vault status. Values are read from a file or from standard input, and never from the command line, which others on the machine can see.

Examples:
  weir vault put customers.json
  echo '{"residence":"DE","fields":{"customer":["c-1"],"email":["jo@example.com"]}}' | weir vault put`
}

func (c *vaultPutCommand) Run(s *streams) (err error) {
	in := s.in
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		in = f
	}
	v, err := c.open(s, true)
	if err != nil {
		return err
	}
	defer v.close(&err)
	done := map[vault.Outcome]int{}
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	for n := 1; ; n++ {
		var r vaultRecord
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			// What the decoder says may quote what it read.
			return usageError{fmt.Errorf("customer number %d, before byte %d: this is not JSON of the form {\"residence\":\"DE\",\"fields\":{\"customer\":[\"c-1\"]}}", n, dec.InputOffset())}
		}
		if err := v.put(s, r, done); err != nil {
			return fmt.Errorf("customer number %d: %w", n, err)
		}
	}
	if c.JSON {
		return printJSON(s, map[string]int{"created": done[vault.Created], "changed": done[vault.Changed], "unchanged": done[vault.Unchanged]})
	}
	fmt.Fprintf(s.out, "%d created, %d changed, %d as they were.\n", done[vault.Created], done[vault.Changed], done[vault.Unchanged])
	return nil
}

func (v *openedVault) put(s *streams, r vaultRecord, done map[vault.Outcome]int) error {
	values := make(vault.Values)
	for name, all := range r.Fields {
		for _, one := range all {
			values[name] = append(values[name], weir.NewPlain(one))
		}
	}
	h, outcome, err := v.Put(s.ctx, vault.New{Residence: r.Residence, Values: values}, r.Version)
	if err != nil {
		return err
	}
	done[outcome]++
	if outcome == vault.Unchanged {
		return nil
	}
	e := v.act(ledger.Staff)
	e.Text = "vault put"
	e.Subjects = []ledger.Taken{{Subject: h.Subject}}
	_, err = v.ledger.Append(s.ctx, e)
	return err
}

type vaultGetCommand struct {
	vaultFlags
	Customer string   `arg:"" help:"An identifier, such as customer:c-10001 or email:ada@example.com, or a pseudonym (s-...)."`
	Field    []string `help:"Read this field only; may be given several times." placeholder:"NAME"`
	Purpose  string   `required:"" help:"For what purpose, one of the policy's." placeholder:"PURPOSE"`
	Reason   string   `required:"" help:"Why, for the record; no names." placeholder:"TEXT"`
}

func (vaultGetCommand) Help() string {
	return `Reads a customer's values and prints them as JSON. That you read them, whose and which, for what purpose and why, is in the ledger before they are printed, and counts against your budgets when weir serve runs again; it must not run meanwhile.

Whoever can call this has the host, the store and the passphrase, and is not bounded by the policy: no role is asked for.

Examples:
  weir vault get customer:c-10001 --purpose support --reason "ticket 4711"
  weir vault get email:ada@example.com --field address --purpose support --reason "parcel 12 came back"`
}

func (c *vaultGetCommand) Run(s *streams) (err error) {
	v, err := c.open(s, true)
	if err != nil {
		return err
	}
	defer v.close(&err)
	if err := v.purpose(c.Purpose); err != nil {
		return err
	}
	who, err := v.customer(s, c.Customer)
	if err != nil {
		return err
	}
	h, err := v.Describe(s.ctx, who)
	if err != nil {
		return err
	}
	e := v.act(ledger.Release)
	e.Purpose, e.Text = weir.Purpose(c.Purpose), c.Reason
	var names []string
	counts := map[weir.Class]int{}
	for _, has := range h.Fields {
		if len(c.Field) == 0 || slices.Contains(c.Field, has.Name) {
			names = append(names, has.Name)
			counts[v.class(has.Name)] += has.N
		}
	}
	for _, name := range c.Field {
		if !slices.Contains(names, name) {
			return usageError{fmt.Errorf("the customer has no field of one of these names; it has: %s", fieldNames(h))}
		}
	}
	for class, n := range counts {
		e.Actions = append(e.Actions, ledger.Count{Class: class, Action: weir.Allow, N: n})
	}
	slices.SortFunc(e.Actions, func(a, b ledger.Count) int { return strings.Compare(string(a.Class), string(b.Class)) })
	e.Subjects = []ledger.Taken{{Subject: who, Lanes: weir.Lanes(0).With(weir.Clear).With(weir.Sensitive)}}
	permit, err := v.ledger.Permit(s.ctx, e)
	if err != nil {
		return err
	}
	rec, err := v.Open(s.ctx, vault.Reading{Permit: permit, Exchange: e.Exchange, Who: who, Fields: names})
	if err != nil {
		return err
	}
	out := vaultRecord{Version: rec.Version, Residence: rec.Residence, Fields: make(map[string][]string)}
	for name, all := range rec.Values {
		for _, one := range all {
			out.Fields[name] = append(out.Fields[name], one.Reveal())
		}
	}
	return printJSON(s, out)
}

// purpose refuses what is none of the policy's.
func (v *openedVault) purpose(name string) error {
	p, err := loadPolicy(v.cfg.Policy)
	if err != nil {
		return err
	}
	var all []string
	for _, one := range p.Purposes() {
		if string(one.Name) == name {
			return nil
		}
		all = append(all, string(one.Name))
	}
	return usageError{fmt.Errorf("the policy has no such purpose; it has: %s", strings.Join(all, ", "))}
}

// class gives the class of a field, of those that are declared.
func (v *openedVault) class(name string) weir.Class {
	for _, f := range append(vault.DefaultFields(), v.cfg.Vault.Fields...) {
		if f.Name == name {
			return f.Class
		}
	}
	return ""
}

func fieldNames(h vault.Head) string {
	var all []string
	for _, f := range h.Fields {
		all = append(all, f.Name)
	}
	return strings.Join(all, ", ")
}

type vaultMatchCommand struct {
	vaultFlags
	Customer string `arg:"" help:"An identifier, such as customer:c-10001, or a pseudonym (s-...)."`
	Field    string `required:"" help:"The field to compare with." placeholder:"NAME"`
	Purpose  string `required:"" help:"For what purpose, one of the policy's." placeholder:"PURPOSE"`
	Reason   string `required:"" help:"Why, for the record; no names." placeholder:"TEXT"`
}

func (vaultMatchCommand) Help() string {
	return `Reads one value from standard input and says whether the customer has it in a field: yes, and exit code 0, or no, and exit code 3. Identifiers match in any spelling, other values to the letter. It is on record; weir serve must not run meanwhile.

Example:
  weir vault match customer:c-10001 --field email --purpose support --reason "ticket 4711" < typed-by-the-caller`
}

func (c *vaultMatchCommand) Run(s *streams) (err error) {
	value, err := io.ReadAll(io.LimitReader(s.in, vault.MaxValue+2))
	if err != nil {
		return err
	}
	v, err := c.open(s, true)
	if err != nil {
		return err
	}
	defer v.close(&err)
	if err := v.purpose(c.Purpose); err != nil {
		return err
	}
	who, err := v.customer(s, c.Customer)
	if err != nil {
		return err
	}
	e := v.act(ledger.Release)
	e.Purpose, e.Text = weir.Purpose(c.Purpose), c.Reason
	e.Subjects = []ledger.Taken{{Subject: who, Lanes: weir.Lanes(0).With(weir.Probed)}}
	permit, err := v.ledger.Permit(s.ctx, e)
	if err != nil {
		return err
	}
	yes, err := v.Match(s.ctx, permit, e.Exchange, who, c.Field, weir.NewPlain(strings.TrimRight(string(value), "\r\n")))
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, yesNo(yes))
	if !yes {
		return exitRefuted
	}
	return nil
}

type vaultDeleteCommand struct {
	vaultFlags
	Customer string `arg:"" help:"An identifier, such as customer:c-10001, or a pseudonym (s-...)."`
	Reason   string `required:"" help:"Why, for the record; no names." placeholder:"TEXT"`
}

func (vaultDeleteCommand) Help() string {
	return `Removes a customer from the vault: the key first, then the record, the index, the tokens, and what leads to the customer in the subject directory. Entries of the ledger stay, and lead to nobody any more. Copies of the store that were made before still hold the customer, under keys that they hold, too. It is on record; weir serve must not run meanwhile.

Example:
  weir vault delete customer:c-10001 --reason "request 2026-114"`
}

func (c *vaultDeleteCommand) Run(s *streams) (err error) {
	v, err := c.open(s, true)
	if err != nil {
		return err
	}
	defer v.close(&err)
	who, err := v.customer(s, c.Customer)
	if err != nil {
		return err
	}
	e := v.act(ledger.Staff)
	e.Text = "vault delete: " + c.Reason
	e.Subjects = []ledger.Taken{{Subject: who}}
	if _, err := v.ledger.Append(s.ctx, e); err != nil {
		return err
	}
	if err := v.Delete(s.ctx, who, 0); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Customer %s is deleted.\n", who)
	return nil
}

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/policy"
)

type policyExplainCommand struct {
	File      string       `default:"policy.yaml" type:"path" short:"f" help:"The policy file. Default: policy.yaml."`
	Role      string       `help:"The role of the principal. Default: the one that --principal last had in the ledger, else anonymous." placeholder:"ROLE"`
	Principal string       `help:"The principal's name." placeholder:"NAME"`
	Issuer    string       `help:"The issuer of its credential." placeholder:"NAME"`
	Network   string       `help:"The network that it comes from." placeholder:"NAME"`
	Purpose   weir.Purpose `help:"The purpose that the request names. Default: none." placeholder:"PURPOSE"`
	Route     string       `help:"The request: a method and a path." placeholder:"'GET /v1/customers/7'" required:""`
	Class     []weir.Class `help:"What is found in the answer. Default: every class that the policy declares by itself." placeholder:"CLASS"`
	State     string       `default:"weir-state" type:"path" help:"The state folder, for --principal. Default: weir-state."`
	JSON      bool         `name:"json" help:"Print as JSON."`
}

func (policyExplainCommand) Help() string {
	return `Every line that had a part in the decision is shown, in the order in which it was asked. Nothing is counted and nobody is charged.

Examples:
  weir policy explain --role support --route 'GET /v1/customers/7' --class contact.phone
  weir policy explain --principal ada --purpose marketing --route 'GET /v1/customers' --class contact.email --class payment.card`
}

func (c *policyExplainCommand) Run(s *streams) error {
	p, err := loadPolicy(c.File)
	if err != nil {
		return usageError{err}
	}
	x := &weir.Exchange{Purpose: c.Purpose, Principal: weir.Principal{Kind: weir.Staff, Name: c.Principal, Role: c.Role, Issuer: c.Issuer, Network: c.Network}}
	method, path, ok := strings.Cut(c.Route, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		return usageError{errors.New("--route is a method and a path, as 'GET /v1/customers/7'")}
	}
	x.Method, x.Path = method, weir.NewPlain(path)
	if c.Role == "" {
		if x.Principal, err = c.known(s); err != nil {
			return err
		}
	}
	classes := c.Class
	if len(classes) == 0 {
		for _, class := range p.Classes() {
			if !class.Family() {
				classes = append(classes, class.Name)
			}
		}
	}
	if len(classes) == 0 {
		classes = []weir.Class{""}
	}
	var all []policy.Explanation
	for _, class := range classes {
		all = append(all, p.Explain(x, class, time.Now(), nil))
	}
	if c.JSON {
		return printJSON(s, all)
	}
	first := all[0]
	fmt.Fprintf(s.out, "%s, policy %s\n", c.Route, first.Version)
	shared := len(first.Steps) // what is said of the exchange is said once
	for _, e := range all[1:] {
		n := 0
		for n < min(shared, len(e.Steps)) && e.Steps[n] == first.Steps[n] {
			n++
		}
		shared = n
	}
	if len(all) == 1 && first.Sees != "" {
		shared = 0
	}
	for _, step := range first.Steps[:shared] {
		fmt.Fprintln(s.out, step)
	}
	for _, e := range all {
		switch {
		case e.Denied != "":
			fmt.Fprintf(s.out, "\ndenied: %s\n", e.Denied)
		case e.Class != "":
			fmt.Fprintf(s.out, "\n%s: %s\n", e.Class, e.Sees)
		}
		for _, step := range e.Steps[shared:] {
			fmt.Fprintln(s.out, step)
		}
		if e.Denied != "" {
			break
		}
	}
	return nil
}

// known gives the principal as the ledger last saw it.
func (c *policyExplainCommand) known(s *streams) (weir.Principal, error) {
	pr := weir.Principal{Kind: weir.Anonymous, Network: c.Network}
	if c.Principal == "" {
		return pr, nil
	}
	last := map[uint32]int64{} // by who: the newest entry
	a, err := askLedger(s.ctx, c.State, index.Question{Parties: []weir.Party{{Kind: weir.ByPrincipal, Name: c.Principal}}}, func(v *index.Visit) error {
		last[v.Who] = max(last[v.Who], v.Close)
		for _, b := range v.Batches {
			last[v.Who] = max(last[v.Who], b.Index)
		}
		return nil
	})
	if err != nil {
		return pr, err
	}
	newest := int64(-1)
	for id, at := range last {
		if w := a.Who(id); w.Role != "" && at > newest {
			newest = at
			pr = weir.Principal{Kind: w.Kind, Name: w.Principal, Role: w.Role, Credential: w.Credential, Issuer: w.Issuer, Network: w.Network, Act: slices.Clone(w.Act)}
		}
	}
	if newest < 0 {
		err = usageError{fmt.Errorf("the ledger knows no principal %q; name its role with --role", c.Principal)}
	}
	return pr, err
}

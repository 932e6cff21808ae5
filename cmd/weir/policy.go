package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/getweir/weir/policy"
)

type policyCommand struct {
	Check   policyCheckCommand   `cmd:"" help:"Say whether policy files are right, and where not."`
	Grants  policyGrantsCommand  `cmd:"" help:"List what a policy permits, to whom, of how many customers."`
	Explain policyExplainCommand `cmd:"" help:"Say what a policy decides about a request, and which lines decide."`
	Diff    policyDiffCommand    `cmd:"" help:"Say in words what differs between two policies, and what widens."`
	Test    policyTestCommand    `cmd:"" help:"Try the cases that stand beside a policy."`
}

type policyCheckCommand struct {
	Files []string `arg:"" optional:"" type:"path" help:"Policy files. Default: policy.yaml."`
	JSON  bool     `name:"json" help:"Print as JSON."`
}

func (policyCheckCommand) Help() string {
	return `Every mistake is shown with its file, line, column and the line itself. Warnings are about what may be said but is seldom meant. Exit code 0: no mistakes; 2: mistakes.

Examples:
  weir policy check
  weir policy check policy.yaml draft.yaml`
}

type checkedPolicy struct {
	File     string           `json:"file"`
	Version  string           `json:"version,omitempty"`
	Errors   []*policy.Error  `json:"errors"`
	Warnings []policy.Warning `json:"warnings"`
}

func (c *policyCheckCommand) Run(s *streams) error {
	if len(c.Files) == 0 {
		c.Files = []string{"policy.yaml"}
	}
	var all []checkedPolicy
	wrong := false
	for _, file := range c.Files {
		checked := checkedPolicy{File: file, Errors: []*policy.Error{}, Warnings: []policy.Warning{}}
		p, err := loadPolicy(file)
		if err == nil {
			_, err = loadDetectors(p)
		}
		var mistakes *policy.Errors
		switch {
		case errors.As(err, &mistakes):
			checked.Errors, wrong = mistakes.List, true
		case err != nil:
			return usageError{err}
		default:
			checked.Version = p.Version()
			checked.Warnings = append(p.Warnings(), uncovered(p)...)
			slices.SortStableFunc(checked.Warnings, func(a, b policy.Warning) int {
				return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
			})
		}
		all = append(all, checked)
	}
	if c.JSON {
		if err := printJSON(s, all); err != nil {
			return err
		}
	} else {
		for _, p := range all {
			for _, e := range p.Errors {
				fmt.Fprintln(s.out, e)
			}
			for _, w := range p.Warnings {
				fmt.Fprintln(s.out, w)
			}
			if len(p.Errors) == 0 {
				fmt.Fprintf(s.out, "%s: right, version %s, %d warnings\n", p.File, p.Version, len(p.Warnings))
			}
		}
	}
	if wrong {
		return exitUsage
	}
	return nil
}

type policyGrantsCommand struct {
	File string `arg:"" optional:"" default:"policy.yaml" type:"path" help:"The policy file. Default: policy.yaml."`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (policyGrantsCommand) Help() string {
	return `What is not listed is blocked.

Example:
  weir policy grants policy.yaml`
}

func (c *policyGrantsCommand) Run(s *streams) error {
	p, err := loadPolicy(c.File)
	if err != nil {
		return usageError{err}
	}
	if c.JSON {
		return printJSON(s, p.Grants())
	}
	fmt.Fprint(s.out, policy.GrantsText(p.Grants()))
	return nil
}

// loadPolicy reads and compiles a policy file.
func loadPolicy(path string) (*policy.Policy, error) {
	src, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s", path)
	}
	if err != nil {
		return nil, err
	}
	return policy.Parse(path, src)
}

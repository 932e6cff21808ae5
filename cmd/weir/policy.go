package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/getweir/weir/policy"
)

type policyCommand struct {
	Check   policyCheckCommand   `cmd:"" help:"Say whether policy files are right, and where not."`
	Grants  policyGrantsCommand  `cmd:"" help:"List what a policy permits, to whom, of how many customers."`
	Explain policyExplainCommand `cmd:"" help:"Say what a policy decides about a request, and which lines decide."`
	Diff    policyDiffCommand    `cmd:"" help:"Say in words what differs between two policies, and what widens."`
	Schema  policySchemaCommand  `cmd:"" help:"Print the language as a JSON Schema, for editors."`
	Test    policyTestCommand    `cmd:"" help:"Try the cases that stand beside a policy."`
	Replay  policyReplayCommand  `cmd:"" help:"Say what a draft would have done with the traffic on the ledger."`

	Versions  policyVersionsCommand  `cmd:"" help:"List the policies that were in force, and who agreed to them."`
	Show      policyShowCommand      `cmd:"" help:"Print a policy that was in force, by its hash."`
	Rollback  policyRollbackCommand  `cmd:"" help:"Write a policy that was in force as a draft."`
	Propose   policyProposeCommand   `cmd:"" help:"Have a draft wait for the people who have to agree."`
	Proposals policyProposalsCommand `cmd:"" help:"List the policies that wait for people to agree."`
	Approve   policyApproveCommand   `cmd:"" help:"Agree to a proposed policy, with your SSH key."`
	Withdraw  policyWithdrawCommand  `cmd:"" help:"End a proposal."`
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
			checked.Warnings = slices.Concat(p.Warnings(), p.Due(time.Now()), uncovered(p))
			slices.SortStableFunc(checked.Warnings, func(a, b policy.Warning) int {
				return cmp.Or(cmp.Compare(order(p, a.File), order(p, b.File)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
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

// order gives which of a policy's files is named so.
func order(p *policy.Policy, file string) int {
	return slices.IndexFunc(p.Files(), func(f string) bool { return f == file })
}

type policySchemaCommand struct {
	Included bool `help:"For files that others include, which need not say all that a policy must."`
}

func (policySchemaCommand) Help() string {
	return `JSON Schema, draft 2020-12: an editor that knows it completes keys, shows what they mean and marks what is misspelt. What no schema can say, weir policy check finds.

Examples:
  weir policy schema > policy.schema.json
  # then, as the first line of policy.yaml, for the YAML language server:
  # yaml-language-server: $schema=policy.schema.json`
}

func (c *policySchemaCommand) Run(s *streams) error {
	_, err := s.out.Write(policy.Schema(c.Included))
	return err
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

// loadPolicy reads and compiles a policy file and what it includes.
func loadPolicy(path string) (*policy.Policy, error) {
	p, _, err := readPolicy(path)
	return p, err
}

// policyFiles are the files that a policy was read from, or that it asked for, as
// they were right before.
type policyFiles struct{ paths, stamps []string }

func (f *policyFiles) add(path string) {
	f.paths, f.stamps = append(f.paths, path), append(f.stamps, fileStamp(path))
}

// changed tells whether the policy is to be read anew.
func (f *policyFiles) changed() bool {
	for i, path := range f.paths {
		if fileStamp(path) != f.stamps[i] {
			return true
		}
	}
	return false
}

// readPolicy is loadPolicy that gives the files as well, whatever came of them.
func readPolicy(path string) (p *policy.Policy, files policyFiles, err error) {
	files.add(path)
	src, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, files, fmt.Errorf("there is no %s", path)
	}
	if err != nil {
		return nil, files, err
	}
	dir := filepath.Dir(path)
	// No link in what is included leads out of the folder.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, files, err
	}
	defer root.Close()
	p, err = policy.ParseFiles(path, src, func(name string) ([]byte, error) {
		files.add(filepath.Join(dir, filepath.FromSlash(name)))
		f, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil, cmp.Or(err, errors.New("no file of text"))
		}
		return io.ReadAll(io.LimitReader(f, 2<<20)) // the reader of policies refuses what is longer than 1 MiB
	})
	return p, files, err
}

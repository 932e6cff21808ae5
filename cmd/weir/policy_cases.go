package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/getweir/weir/policy"
)

type policyTestCommand struct {
	Files []string `arg:"" optional:"" type:"path" help:"Policy files. Default: policy.yaml."`
	Cases string   `type:"path" help:"The file of cases. Default: the one beside the policy, policy.test.yaml for policy.yaml." placeholder:"FILE"`
	JSON  bool     `name:"json" help:"Print as JSON."`
}

func (policyTestCommand) Help() string {
	return `Cases say what a policy must decide, in a file beside it:

  version: 1
  cases:
    - case: support sees telephone numbers masked
      role: support
      request: GET /v1/customers/7
      sees: {contact.phone: mask, payment.card: block}
      takes: {clear: {hour: 40}}

docs/policy-language.md has every key. Exit code 0: all as it must be; 3: something is not; 2: a file is wrong.

Examples:
  weir policy test
  weir policy test --cases policy.test.yaml draft.yaml`
}

type testedPolicy struct {
	File     string               `json:"file"`
	Version  string               `json:"version"`
	Cases    int                  `json:"cases"`
	Failures []policy.CaseFailure `json:"failures"`
}

func (c *policyTestCommand) Run(s *streams) error {
	if len(c.Files) == 0 {
		c.Files = []string{"policy.yaml"}
	}
	var all []testedPolicy
	failed := 0
	for _, file := range c.Files {
		p, err := loadPolicy(file)
		if err != nil {
			return usageError{err}
		}
		beside := c.Cases
		if beside == "" {
			beside = strings.TrimSuffix(file, filepath.Ext(file)) + ".test.yaml"
		}
		src, err := os.ReadFile(beside)
		if errors.Is(err, os.ErrNotExist) {
			return usageError{fmt.Errorf("there is no %s; weir policy test -h shows what stands in it", beside)}
		}
		if err != nil {
			return err
		}
		cases, err := policy.ParseCases(beside, src)
		if err != nil {
			return usageError{err}
		}
		tested := testedPolicy{File: file, Version: p.Version(), Cases: len(cases), Failures: []policy.CaseFailure{}}
		for _, k := range cases {
			tested.Failures = append(tested.Failures, p.Try(k)...)
		}
		failed += len(tested.Failures)
		all = append(all, tested)
	}
	if c.JSON {
		if err := printJSON(s, all); err != nil {
			return err
		}
	} else {
		for _, t := range all {
			for _, f := range t.Failures {
				fmt.Fprintln(s.out, f)
				for _, step := range f.Because {
					fmt.Fprintln(s.out, "    "+strings.ReplaceAll(step.String(), "\n", "\n    "))
				}
				fmt.Fprintln(s.out)
			}
			fmt.Fprintf(s.out, "%s: %d cases, %d decided otherwise than they must be\n", t.File, t.Cases, len(t.Failures))
		}
	}
	if failed > 0 {
		return exitRefuted
	}
	return nil
}

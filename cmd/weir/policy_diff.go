package main

import (
	"fmt"

	"github.com/getweir/weir/policy"
)

type policyDiffCommand struct {
	From    string `arg:"" type:"path" help:"The policy file as it was."`
	To      string `arg:"" type:"path" help:"The policy file as it is to be."`
	Widened bool   `name:"no-wider" help:"Exit with 3 if anything widens: for a check before a merge."`
	JSON    bool   `name:"json" help:"Print as JSON."`
}

func (policyDiffCommand) Help() string {
	return `What permits more than before is marked with +, all else with a space. What is written otherwise and means the same is no difference. Where only the traffic could tell, it is taken to widen.

Examples:
  weir policy diff policy.yaml draft.yaml
  git show HEAD:policy.yaml > before.yaml && weir policy diff --no-wider before.yaml policy.yaml`
}

func (c *policyDiffCommand) Run(s *streams) error {
	from, err := loadPolicy(c.From)
	if err != nil {
		return usageError{err}
	}
	to, err := loadPolicy(c.To)
	if err != nil {
		return usageError{err}
	}
	changes := policy.Diff(from, to)
	wider := 0
	for _, ch := range changes {
		if ch.Widens {
			wider++
		}
	}
	if c.JSON {
		err = printJSON(s, struct {
			From    string          `json:"from"`
			To      string          `json:"to"`
			Wider   int             `json:"wider"`
			Changes []policy.Change `json:"changes"`
		}{from.Version(), to.Version(), wider, append([]policy.Change{}, changes...)})
	} else {
		printChanges(s, changes, wider)
	}
	if err == nil && c.Widened && wider > 0 {
		return exitRefuted
	}
	return err
}

func printChanges(s *streams, changes []policy.Change, wider int) {
	if len(changes) == 0 {
		fmt.Fprintln(s.out, "They permit the same.")
		return
	}
	about := ""
	for _, ch := range changes {
		if ch.About != about {
			about = ch.About
			fmt.Fprintf(s.out, "%s\n", about)
		}
		mark := " "
		if ch.Widens {
			mark = "+"
		}
		fmt.Fprintf(s.out, "  %s %s  (%s)\n", mark, ch.Text, ch.Position)
	}
	fmt.Fprintf(s.out, "\n%d changes, %d of them widen.\n", len(changes), wider)
}

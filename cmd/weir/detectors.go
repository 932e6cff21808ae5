package main

import (
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/policy"
)

// newInspector makes the one who finds what a policy judges.
func newInspector(p *policy.Policy, countries []string) (*inspect.Inspector, error) {
	return inspect.New(inspect.Config{Countries: countries})
}

package policy

import (
	_ "embed"
)

//go:embed starter.yaml
var starter string

// Starter gives a policy file, with comments, that works as it stands before any
// HTTP service: nobody's requests see everything masked but the tokens that they
// sign in with, services see most in clear, and all budgets are modest.
func Starter() []byte { return []byte(starter) }

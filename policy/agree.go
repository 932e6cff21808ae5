package policy

import (
	"strings"

	"github.com/getweir/weir"
)

// Agrees reports whether both plans, which may be of two policies, do the same with
// every class, and grade it alike.
func (pl *Plan) Agrees(with *Plan) bool {
	if pl.policy == nil || with.policy == nil {
		return pl.policy == with.policy
	}
	for _, p := range [...]*Policy{pl.policy, with.policy} {
		for i := range p.points {
			class := weir.Class(p.points[i].pattern)
			if family, ok := strings.CutSuffix(p.points[i].pattern, ".*"); ok {
				class = weir.Class(family + ".\x00") // one of it that no line names
			}
			if pl.Action(class) != with.Action(class) || pl.Sensitivity(class) != with.Sensitivity(class) {
				return false
			}
		}
	}
	return true
}

// Acts reports whether a role may act for a purpose.
func (p *Policy) Acts(role string, purpose weir.Purpose) bool {
	r := p.roles[role]
	if r == nil {
		return false
	}
	_, ok := r.find(purpose)
	return ok
}

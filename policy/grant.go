package policy

import "github.com/getweir/weir"

// A Grant is one thing that the policy permits: a role sees a class in clear or
// masked for a purpose, of as many customers as the budgets say.
type Grant struct {
	Role        string
	Purpose     weir.Purpose
	Class       weir.Class
	Sensitivity weir.Sensitivity
	Action      weir.Action // Allow or Mask
	// Own: of its own record only.
	Own bool
	// Take is what one credential or principal of the role may take.
	Take weir.Budgets
	// Together is what the whole role may take.
	Together weir.Budgets
	// Line of the file that grants it.
	Line int
}

// Grants lists everything that the policy permits, by role, purpose and class in
// the order of the file. What it does not list is blocked.
func (p *Policy) Grants() (all []Grant) {
	for _, name := range p.roleNames {
		r := p.roles[name]
		for k, purpose := range r.purposes {
			for i, action := range r.tables[k] {
				if action == weir.Block {
					continue
				}
				all = append(all, Grant{
					Role: name, Purpose: purpose,
					Class: p.classes[i].Name, Sensitivity: p.classes[i].Sensitivity,
					Action: action, Own: r.own,
					Take: *r.take, Together: *r.together,
					Line: r.decides[i],
				})
			}
		}
	}
	return all
}

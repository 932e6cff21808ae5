package policy

import (
	"slices"

	"github.com/getweir/weir"
)

// A Notice is the table of a privacy notice: what is collected, why and on which
// legal basis, who receives it, how long it is kept (GDPR art. 13(1)(c) and (e),
// 13(2)(a); CCPA, Cal. Civ. Code 1798.100(a)). It holds what the policy enforces, no
// more and no less: what no row names is withheld from everybody.
type Notice struct {
	Version string      `json:"policy"`
	Rows    []NoticeRow `json:"rows"`
}

// A NoticeRow is about one declared class, or a family of them.
type NoticeRow struct {
	Class weir.Class `json:"class"`
	// Except are classes and families inside of Class that have rows of their own.
	Except      []weir.Class      `json:"except,omitempty"`
	About       string            `json:"about,omitempty"` // as the policy says it
	Sensitivity string            `json:"sensitivity"`
	Purposes    []NoticePurpose   `json:"purposes"`
	Recipients  []NoticeRecipient `json:"recipients"`
	// Own: customers see it in their own record.
	Own       bool   `json:"own"`
	Retention string `json:"retention,omitempty"`
}

// A NoticePurpose is why a class is processed.
type NoticePurpose struct {
	Name  weir.Purpose `json:"purpose"`
	Basis string       `json:"basis"`
	About string       `json:"about,omitempty"`
}

// A NoticeRecipient is a role that receives a class.
type NoticeRecipient struct {
	Role string `json:"role"`
	// Sees is clear, or mask where it is never more.
	Sees     string         `json:"sees"`
	Purposes []weir.Purpose `json:"purposes"`
}

// Notice gives the table that the policy carries, in the order of its classes. A
// purpose stands in a row only if somebody may receive the class for it.
func (p *Policy) Notice() Notice {
	n := Notice{Version: p.version, Rows: []NoticeRow{}}
	for i, c := range p.classes {
		row := NoticeRow{Class: c.Name, About: c.About, Sensitivity: c.Sensitivity.String(), Retention: c.Retention,
			Purposes: []NoticePurpose{}, Recipients: []NoticeRecipient{}}
		for k := range p.classes {
			if c.Family() && k != i && p.points[k].within == i {
				row.Except = append(row.Except, p.classes[k].Name)
			}
		}
		for _, name := range p.roleNames {
			r := p.roles[name]
			to := NoticeRecipient{Role: name}
			most := weir.Block
			for k, purpose := range r.purposes {
				// The class itself, and what the roles name inside of it.
				seen := weir.Block
				for at := range p.points {
					if p.points[at].class == i {
						seen = max(seen, r.tables[k][at])
					}
				}
				if seen > weir.Block {
					to.Purposes = append(to.Purposes, purpose)
					most = max(most, seen)
				}
			}
			if most == weir.Block {
				continue
			}
			to.Sees = actionWords[most]
			for _, purpose := range to.Purposes {
				if !slices.ContainsFunc(row.Purposes, func(p NoticePurpose) bool { return p.Name == purpose }) {
					at := slices.IndexFunc(p.purposes, func(p Purpose) bool { return p.Name == purpose })
					row.Purposes = append(row.Purposes, NoticePurpose{purpose, p.purposes[at].Basis, p.purposes[at].About})
				}
			}
			if r.own {
				row.Own = true
			} else {
				row.Recipients = append(row.Recipients, to)
			}
		}
		if len(row.Purposes) > 0 {
			n.Rows = append(n.Rows, row)
		}
	}
	return n
}

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
	// Public are the places in the answers of routes that customers publish
	// themselves, of whatever class.
	Public []string `json:"public,omitempty"`
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
	Vendors     []NoticeVendor    `json:"vendors"`
	// Own: customers see it in their own record.
	Own bool `json:"own"`
	// Public: what customers publish of it themselves.
	Public    []string `json:"public,omitempty"`
	Retention string   `json:"retention,omitempty"`
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

// A NoticeVendor is a vendor that receives a class (GDPR art. 13(1)(e) and (f)).
type NoticeVendor struct {
	Vendor    string         `json:"vendor"`
	About     string         `json:"about,omitempty"`
	Sees      string         `json:"sees"` // clear, or mask where it is never more
	Purposes  []weir.Purpose `json:"purposes"`
	Consent   bool           `json:"consent"` // only of customers who have agreed
	Countries []string       `json:"countries,omitempty"`
}

// Notice gives the table that the policy carries, in the order of its classes. A
// purpose stands in a row only if somebody may receive the class for it.
func (p *Policy) Notice() Notice {
	n := Notice{Version: p.version, Rows: []NoticeRow{}}
	for _, f := range p.public {
		if f.Class == "" {
			n.Public = append(n.Public, f.Text)
		}
	}
	for i, c := range p.classes {
		row := NoticeRow{Class: c.Name, About: c.About, Sensitivity: c.Sensitivity.String(), Retention: c.Retention,
			Purposes: []NoticePurpose{}, Recipients: []NoticeRecipient{}}
		for k := range p.classes {
			if c.Family() && k != i && p.points[k].within == i {
				row.Except = append(row.Except, p.classes[k].Name)
			}
		}
		row.Vendors = []NoticeVendor{}
		explain := func(purposes []weir.Purpose) {
			for _, purpose := range purposes {
				if !slices.ContainsFunc(row.Purposes, func(p NoticePurpose) bool { return p.Name == purpose }) {
					at := slices.IndexFunc(p.purposes, func(p Purpose) bool { return p.Name == purpose })
					row.Purposes = append(row.Purposes, NoticePurpose{purpose, p.purposes[at].Basis, p.purposes[at].About})
				}
			}
		}
		for _, name := range p.roleNames {
			r := p.roles[name]
			sees, purposes := p.receives(r, i)
			if sees == weir.Block {
				continue
			}
			explain(purposes)
			if r.own {
				row.Own = true
			} else {
				row.Recipients = append(row.Recipients, NoticeRecipient{name, actionWords[sees], purposes})
			}
		}
		for _, v := range p.vendors {
			if sees, purposes := p.receives(v.rules, i); sees != weir.Block {
				explain(purposes)
				row.Vendors = append(row.Vendors, NoticeVendor{v.Name, v.About, actionWords[sees], purposes, v.Consent, v.Countries})
			}
		}
		for _, f := range p.public {
			if at := p.nearest(string(f.Class)); f.Class != "" && at >= 0 && p.points[at].class == i {
				row.Public = append(row.Public, f.Text)
			}
		}
		if len(row.Purposes)+len(row.Public) > 0 {
			n.Rows = append(n.Rows, row)
		}
	}
	return n
}

// receives gives what a role or a vendor sees at most of a class that is declared,
// or of what is named inside of it, and for which purposes.
func (p *Policy) receives(r *role, class int) (most weir.Action, purposes []weir.Purpose) {
	for k, purpose := range r.purposes {
		seen := weir.Block
		for at := range p.points {
			if p.points[at].class == class {
				seen = max(seen, r.tables[k][at])
			}
		}
		if seen > weir.Block {
			purposes = append(purposes, purpose)
			most = max(most, seen)
		}
	}
	return most, purposes
}

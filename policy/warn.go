package policy

import (
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// doubts finds what is legal and still deserves a look: what can never apply,
// what is wider than it looks, and what permits nothing although it seems to.
// Unbounded budgets are noted where they are read.
func (c *compiler) doubts() {
	used := make(map[weir.Purpose]bool)
	seen := make([]bool, len(c.classes))
	for _, name := range c.roleNames {
		r := c.roles[name]
		for _, purpose := range r.purposes {
			used[purpose] = true
		}
		for i, line := range r.decides {
			if line > 0 {
				seen[c.points[i].class] = true
			}
		}
		c.doubtRole(r)
		for i := range c.combinations {
			c.doubtCombination(r, &c.combinations[i])
		}
	}
	for _, v := range c.vendors {
		for _, purpose := range v.Purposes {
			used[purpose] = true
		}
		for i, line := range v.rules.decides {
			if line > 0 {
				seen[c.points[i].class] = true
			}
		}
	}
	for _, p := range c.purposes {
		if !used[p.Name] {
			c.warnf(p.at, "no role has the purpose %s", p.Name)
		}
	}
	for i, class := range c.classes {
		if !seen[i] {
			c.warnf(class.at, "no role's see covers %s: it is blocked for everybody", class.Name)
		}
	}
	for _, r := range c.routes {
		c.doubtRoute(r, used)
	}
	c.doubtTakes()
	for i := range c.detectors {
		c.doubtDetector(&c.detectors[i])
	}
}

func (c *compiler) doubtDetector(d *Detector) {
	if _, declared := c.Class(d.Class); !declared {
		c.warnf(d.fields["class"], "nothing under classes declares %s: whatever holds it is withheld from everybody", d.Class)
	}
	if len(d.NoMatch) == 0 {
		c.warnf(d.at, "no case says what the detector of %s must not find (no-match)", d.Class)
	}
}

func (c *compiler) doubtRole(r *role) {
	where := r.at
	if len(r.purposes) == 0 {
		c.warnf(where, "role %s has no purposes, so it can do nothing", r.name)
		return
	}
	// What the lines of `see` come to, after more specific lines and purposes.
	decides := make([]bool, len(r.sees))
	applies := make([]bool, len(r.sees))
	var clear, masked bool // something about customers; a secret is nobody's
	for i, line := range r.decides {
		if line == 0 {
			continue
		}
		decides[line-1] = true
		for _, t := range r.tables {
			if t[i] == r.sees[line-1].action {
				applies[line-1] = true
			}
			if !weir.Class(c.points[i].pattern).Secret() {
				clear = clear || t[i] == weir.Allow
				masked = masked || t[i] == weir.Mask
			}
		}
	}
	for i, s := range r.sees {
		switch {
		case !decides[i]:
			c.warnf(s.at, "role %s: the line %q never applies, because more specific ones cover all of it", r.name, s.pattern)
		case !applies[i]:
			c.warnf(s.at, "role %s: the line %q never applies, because no purpose of the role is one of the class", r.name, s.pattern)
		}
	}
	if r.needs != nil && r.needs.approval && r.terms != nil && r.terms.Final != 0 {
		c.warnf(r.needs.at, "role %s needs an approval, and part of its take is not raised by one (at 100%%: stop)", r.name)
	}
	takes := func(l weir.Lane) bool { return r.take[l][weir.Month] != 0 }
	own := r.own && takes(weir.Own)
	switch {
	case r.own && !own:
		c.warnf(where, "role %s sees its own record, and its budget own is 0", r.name)
	case clear && !takes(weir.Clear) && !own:
		c.warnf(where, "role %s sees something in clear, and takes no customer in clear: every answer with it is refused", r.name)
	case masked && !takes(weir.Masked) && !own:
		c.warnf(where, "role %s sees something masked, and takes no customer masked: every answer with it is refused", r.name)
	}
	// Only others' records are probed, so a role that sees its own needs none.
	if !r.own && !takes(weir.Probed) && slices.ContainsFunc(c.routes, func(r *route) bool { return r.subject.From == URL }) {
		c.warnf(where, "role %s takes no customer probed: every request that names a customer is refused", r.name)
	}
}

// readable are types that Weir can read, so that there is no need to let them
// pass unread.
var readable = [...]string{"text/", "application/json", "application/csv", "application/x-ndjson", "application/xhtml+xml"}

func (c *compiler) doubtRoute(r *route, used map[weir.Purpose]bool) {
	if r.purpose != "" && !used[r.purpose] {
		c.warnf(r.at, "no role has this route's purpose, %s: only requests that name another can use it", r.purpose)
	}
	for _, t := range r.opaque {
		if slices.ContainsFunc(readable[:], func(known string) bool { return strings.HasPrefix(t, known) }) || strings.HasSuffix(t, "+json") || t == "application/*" {
			c.warnf(r.at, "%s passes unread on this route, although it can be read", t)
		}
	}
}

// doubtTakes finds budgets that promise more than a wider one allows, and lanes
// that an issuer or a network was left without.
func (c *compiler) doubtTakes() {
	var taken [weir.NumLanes]bool
	for _, r := range c.roles {
		for lane := range taken {
			taken[lane] = taken[lane] || r.take[lane] != weir.Budget{}
		}
	}
	for _, t := range c.takes {
		if t.budgets == c.deployment || t.block == inVendor {
			continue
		}
		for lane, where := range t.lanes {
			// Who means none says so: {30 days: 0}. Customers seldom come by the
			// issuers and networks of staff, so the lane own is let be.
			if (t.block == inIssuer || t.block == inNetwork) && where == (at{}) && taken[lane] &&
				lane != int(weir.Sensitive) && lane != int(weir.Own) {
				c.warnf(t.at, "%s takes nobody in the lane %s, which is not named here", t.whose, weir.Lane(lane))
			}
			if where != (at{}) && wider(t.budgets[lane], c.deployment[lane]) {
				c.warnf(where, "%s: the budget %s is wider than the deployment's, which bounds it", t.whose, weir.Lane(lane))
			}
		}
	}
	for _, name := range c.roleNames {
		r := c.roles[name]
		if r.together == c.deployment {
			continue
		}
		for lane := range r.take {
			if wider(r.take[lane], r.together[lane]) {
				c.warnf(r.at, "role %s: what one may take in the lane %s is more than the role may take together", name, weir.Lane(lane))
			}
		}
	}
}

package policy

import (
	"time"

	"github.com/getweir/weir"
)

// A standingHold is a hold that the policy itself states. Nobody lifts it but by a
// change of the policy.
type standingHold struct {
	Hold
	at
}

// Holds gives the holds that the policy itself states, in the order of the file.
func (p *Policy) Holds() (all []Hold) {
	for _, h := range p.standing {
		all = append(all, h.Hold)
	}
	return all
}

// Held gives the denial for the hold of the policy's own on any of the accounts, or
// nil.
func (p *Policy) Held(accounts []weir.Account, now time.Time) *weir.Denial {
	if len(p.standing) == 0 || len(p.standing) <= fewHolds && !p.concerned(accounts) {
		return nil
	}
	return p.holds.Check(accounts, now)
}

// fewHolds is how many holds are compared one by one faster than they are looked up.
const fewHolds = 16

// concerned reports whether any of the accounts is on hold, or was.
func (p *Policy) concerned(accounts []weir.Account) bool {
	for i := range p.standing {
		held := &p.standing[i].Party
		for k := range accounts {
			if accounts[k].Party.Kind == held.Kind && accounts[k].Party.Name == held.Name {
				return true
			}
		}
	}
	return false
}

func (c *compiler) readHolds(n *node) {
	if n == nil {
		return
	}
	if n.kind != sequence {
		c.errorf(n.at, "here stands a list of holds, each beginning with - party:, not %s", nodeKindNames[n.kind])
		return
	}
	for _, item := range n.items {
		fields, ok := c.fields(item, inHold)
		if !ok {
			continue
		}
		h := standingHold{at: item.at}
		if f, ok := c.required(item, fields, "this hold", "party"); ok {
			if text, ok := c.text(f); ok {
				party, err := weir.ParseParty(text)
				switch {
				case err != nil || party.Kind > weir.ByDeployment || (party.Name == "") != (party.Kind == weir.ByDeployment):
					c.errorf(f.value.at, "party: who is held, as principal:pat, credential:…, role:support, issuer:…, network:… or deployment")
				case hasHold(c.holds, party):
					c.errorf(f.value.at, "party: %s is on hold already", party)
				case party.Kind == weir.ByRole && c.roles[party.Name] == nil:
					c.errorf(f.value.at, "party: no role is named %s%s", party.Name, c.hint(party.Name, c.roleNames))
				}
				h.Party = party
			}
		}
		if f, ok := c.required(item, fields, "this hold", "reason"); ok {
			h.Reason, _ = c.text(f)
		}
		if f, ok := fields["until"]; ok {
			if text, ok := c.text(f); ok {
				until, err := time.Parse(time.RFC3339, text)
				if err != nil {
					until, err = time.Parse(time.DateOnly, text)
				}
				if err != nil {
					c.errorf(f.value.at, "until: a day as 2027-03-31, or a time as 2027-03-31T08:00:00Z")
				}
				h.Until = until
			}
		}
		c.standing = append(c.standing, h)
		if c.holds == nil {
			c.holds = Holds{}
		}
		c.holds[h.Party] = h.Hold
	}
}

func hasHold(holds Holds, party weir.Party) bool { _, ok := holds[party]; return ok }

// holds compares the holds that the policies state.
func (d *differ) holds() {
	for _, h := range d.to.standing {
		before, was := d.from.holds[h.Party]
		about := "hold on " + h.Party.String()
		switch {
		case !was:
			d.say(about, h.at, false, "is new: %s", untilText(h.Until))
		case !before.Until.Equal(h.Until):
			d.say(about, h.at, !h.Until.IsZero() && (before.Until.IsZero() || h.Until.Before(before.Until)), "%s now (was: %s)", untilText(h.Until), untilText(before.Until))
		}
	}
	for _, h := range d.from.standing {
		if !hasHold(d.to.holds, h.Party) {
			d.gone("hold on "+h.Party.String(), h.at, true, "is gone")
		}
	}
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return "until the policy is changed"
	}
	return "until " + t.UTC().Format(time.RFC3339)
}

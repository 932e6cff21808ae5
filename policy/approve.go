package policy

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getweir/weir/internal/sshsig"
)

// An Approver is a person who may agree to what another asks for.
type Approver struct {
	Position
	// Name is the principal's, by which a person who asks is told from one who
	// agrees.
	Name string
	// Keys verify the person's signatures.
	Keys []sshsig.Key
	// Policy: may agree to a policy that widens. Requests: to a request for more
	// customers.
	Policy, Requests bool

	at at
}

// maxApprovals bounds how many people a change may need.
const maxApprovals = 9

// Approvals is how many different people have to sign a policy that permits more
// than this one, before it takes this one's place. 1: its author alone, without a
// signature.
func (p *Policy) Approvals() int { return max(1, p.approvals) }

// Approvers gives those who may agree, in the order of the file.
func (p *Policy) Approvers() []Approver {
	all := slices.Clone(p.approvers)
	for i := range all {
		all[i].Position = p.position(all[i].at)
	}
	return all
}

// Approver finds one by name.
func (p *Policy) Approver(name string) (Approver, bool) {
	i := slices.IndexFunc(p.approvers, func(a Approver) bool { return a.Name == name })
	if i < 0 {
		return Approver{}, false
	}
	return p.approvers[i], true
}

// SignedBy finds the approver whose key it is.
func (p *Policy) SignedBy(key sshsig.Key) (Approver, bool) {
	i := slices.IndexFunc(p.approvers, func(a Approver) bool { return slices.Contains(a.Keys, key) })
	if i < 0 {
		return Approver{}, false
	}
	return p.approvers[i], true
}

// Digest is the SHA-256 of all that the policy was made of: of the file's bytes; of
// a policy that includes others, of all their names, lengths and bytes (see
// Source). Version is its beginning, which is enough to find a policy by and too
// little to trust.
func (p *Policy) Digest() [sha256.Size]byte { return p.digest }

// what an approver may approve, as the file has the words.
const (
	approvePolicy   = "policy"
	approveRequests = "requests"
)

func (c *compiler) readApprovals(fields map[string]pair) {
	asked, given := fields["approvals"]
	if given {
		n, err := 0, error(nil)
		if asked.value.kind == scalar && asked.value.plain {
			n, err = strconv.Atoi(asked.value.text)
		}
		if err != nil || n < 1 || n > maxApprovals {
			c.errorf(asked.value.at, "approvals: a number of people, from 1 to %d", maxApprovals)
		} else {
			c.approvals = n
		}
	}
	owners := map[sshsig.Key]string{}
	for _, p := range c.few(c.entries(fields["approvers"].value, "approvers")) {
		c.approvers = append(c.approvers, c.approver(p, owners))
	}
	able := 0
	for _, a := range c.approvers {
		if a.Policy {
			able++
		}
	}
	if c.approvals > 1 && able < c.approvals {
		c.errorf(asked.at, "approvals: %d people have to sign, and the policy names %d who may: name them under approvers, or nothing can be approved", c.approvals, able)
	}
}

func (c *compiler) approver(p pair, owners map[sshsig.Key]string) Approver {
	a := Approver{at: p.at, Name: p.key, Policy: true, Requests: true}
	fields, ok := c.fields(p.value, inApprover)
	if !ok {
		return a
	}
	if f, ok := c.required(&node{at: p.at}, fields, "approver "+p.key, "keys"); ok {
		for _, n := range c.list(f) {
			key, err := sshsig.ParseKey(n.text)
			owner, twice := owners[key]
			switch {
			case err != nil:
				c.errorf(n.at, "keys: %v", err)
				continue
			case twice:
				c.errorf(n.at, "this key is %s's already: each person has their own", owner)
				continue
			}
			owners[key] = p.key
			a.Keys = append(a.Keys, key)
		}
	}
	if f, ok := fields["approves"]; ok {
		a.Policy, a.Requests = false, false
		for _, n := range c.list(f) {
			switch n.text {
			case approvePolicy:
				a.Policy = true
			case approveRequests:
				a.Requests = true
			default:
				known := []string{approvePolicy, approveRequests}
				c.errorf(n.at, "approves: %q is none of %s%s", n.text, strings.Join(known, ", "), c.hint(n.text, known))
			}
		}
	}
	return a
}

// approvals compares who has to agree. With two people's agreement in force, any
// other set of people widens: who may name the people, decides.
func (d *differ) approvals() {
	before, after := d.from.Approvals(), d.to.Approvals()
	where := at{line: 1, column: 1}
	guarded := before > 1
	if before != after {
		d.say("approvals", where, after < before, "a policy that widens needs %s now (was: %s)", people(after), people(before))
	}
	of := func(p *Policy) map[string]Approver {
		all := map[string]Approver{}
		for _, a := range p.approvers {
			all[a.Name] = a
		}
		return all
	}
	was, is := of(d.from), of(d.to)
	for _, a := range d.to.approvers {
		about, where := "approver "+a.Name, a.at
		b, known := was[a.Name]
		if !known {
			d.say(about, where, guarded || a.Requests, "may approve %s now", a.what())
			continue
		}
		if a.what() != b.what() {
			d.say(about, where, guarded && a.Policy != b.Policy || a.Requests && !b.Requests, "may approve %s now (was: %s)", a.what(), b.what())
		}
		if !sameKeys(a.Keys, b.Keys) {
			d.say(about, where, guarded || a.Requests, "signs with %s now (was: %s)", prints(a.Keys), prints(b.Keys))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, stays := is[name]; !stays {
			a := was[name]
			d.gone("approver "+name, a.at, guarded, "may approve nothing any more (was: %s)", a.what())
		}
	}
}

func people(n int) string {
	if n == 1 {
		return "nobody but its author"
	}
	return fmt.Sprintf("%d people", n)
}

// what says what an approver may approve.
func (a *Approver) what() string {
	switch {
	case a.Policy && a.Requests:
		return "policies and requests"
	case a.Policy:
		return "policies"
	case a.Requests:
		return "requests"
	}
	return "nothing"
}

func sameKeys(a, b []sshsig.Key) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(k sshsig.Key) bool { return !slices.Contains(b, k) })
}

// prints shows keys by their fingerprints.
func prints(keys []sshsig.Key) string {
	if len(keys) == 0 {
		return "no key"
	}
	var all []string
	for _, k := range keys {
		all = append(all, k.Fingerprint())
	}
	return strings.Join(all, ", ")
}

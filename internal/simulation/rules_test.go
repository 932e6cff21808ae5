package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	. "github.com/getweir/weir/internal/simulation"
	"github.com/getweir/weir/policy"
)

// budgets are how many customers may be taken in each of the policy's lanes: clear,
// sensitive, masked, probed, own.
type budgets [5]Limit

const (
	inClear = iota
	inSensitive
	inMasked
	inProbed
	inOwn
)

var policyLanes = [...]string{"clear", "sensitive", "masked", "probed", "own"}

// limits says the same to the checker.
func (b *budgets) limits() *Limits {
	return &Limits{Clear: b[inClear], Sensitive: b[inSensitive], Masked: b[inMasked], Own: b[inOwn], Probed: b[inProbed]}
}

func (b *budgets) yaml() string {
	var all []string
	for lane, l := range b {
		all = append(all, fmt.Sprintf("%s: {hour: %d, day: %d, 30 days: %d}", policyLanes[lane], l[0], l[1], l[2]))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// some gives budgets of a few customers, times a factor.
func some(r *rand.Rand, factor int) (b budgets) {
	for lane := range b {
		hour := factor * (1 + r.IntN(5))
		day := hour + r.IntN(1+3*factor)
		b[lane] = Limit{hour, day, day + r.IntN(1+4*factor)}
	}
	if r.IntN(3) > 0 { // whoever probes is not to be what always ends first
		for w := range b[inProbed] {
			b[inProbed][w] += 10 * factor
		}
	}
	b[inSensitive] = b[inClear]
	if r.IntN(2) == 0 {
		b[inSensitive] = Limit{1, 1 + r.IntN(2), 2 + r.IntN(3)}
	}
	return b
}

// bounded is some, by another name where that is taken.
func bounded(r *rand.Rand, factor int) budgets { return some(r, factor) }

// A role, as a policy has it.
type role struct {
	own            bool
	see            map[string]string // name, email, phone, card: clear, mask or block
	take, together budgets
}

func (r *role) hidden() (k Kinds) {
	for value, kind := range map[string]Kinds{"name": Name, "email": Email, "phone": Phone, "card": Card} {
		if r.see[value] != "clear" {
			k |= kind
		}
	}
	return k
}

// rules are a policy, and what it says in plain numbers.
type rules struct {
	roles             map[string]*role
	issuers, networks map[string]*budgets // "other" among the networks
	deployment        budgets
	mask              bool // of a sabotaged run: what is to be masked leaves in clear

	policy *policy.Policy
	finder *inspect.Inspector
}

var roleNames = []string{"support", "analyst", "customer", "anonymous"}

// draw makes rules up, with budgets of a few customers times a scale.
func draw(r *rand.Rand, scale int) *rules {
	others, all := scale, 5*scale
	if scale > 1 && r.IntN(2) == 0 {
		others, all = 6*scale, 4*scale // all together may take less than most could alone
	}
	some := func(r *rand.Rand, factor int) budgets { return some(r, others*factor) }
	words := [...]string{"clear", "mask", "mask", "block"}
	c := &rules{
		roles:      map[string]*role{},
		issuers:    map[string]*budgets{},
		networks:   map[string]*budgets{},
		deployment: bounded(r, all),
	}
	for _, name := range roleNames {
		c.roles[name] = &role{
			see:  map[string]string{"name": "clear", "email": "clear", "phone": words[r.IntN(3)], "card": words[r.IntN(4)]},
			take: some(r, 1), together: some(r, 3),
		}
	}
	if r.IntN(4) == 0 {
		c.roles["support"].see["email"] = "mask"
	}
	for _, name := range []string{"analyst", "anonymous"} {
		for value := range c.roles[name].see {
			c.roles[name].see[value] = "mask"
		}
	}
	c.roles["customer"].own = true
	for value := range c.roles["customer"].see {
		c.roles["customer"].see[value] = "clear"
	}
	for _, name := range []string{"sso", "mint"} {
		b := some(r, 3)
		c.issuers[name] = &b
	}
	for _, name := range []string{"office", "other"} {
		b := some(r, 4)
		c.networks[name] = &b
	}
	return c
}

// yaml writes the policy.
func (c *rules) yaml() string {
	var b strings.Builder
	b.WriteString(`version: 1
classes:
  person.*: {sensitivity: moderate}
  contact.*: {sensitivity: moderate}
  payment.*: {sensitivity: high}
  identity.*: {sensitivity: high}
  network.*: {sensitivity: low}
  device.*: {sensitivity: moderate}
  location.*: {sensitivity: high}
  media.*: {sensitivity: high}
  commerce.*: {sensitivity: moderate}
  message.*: {sensitivity: high}
  credential.*: {sensitivity: high}
purposes:
  work: {basis: contract}
roles:
`)
	for _, name := range roleNames {
		r := c.roles[name]
		see := func(value string) string {
			if c.mask {
				return "clear"
			}
			return r.see[value]
		}
		fmt.Fprintf(&b, "  %s:\n    own: %v\n    purposes: [work]\n    see: {person.name: %s, contact.email: %s, contact.phone: %s, payment.card: %s}\n    take: %s\n    together: %s\n",
			name, r.own, see("name"), see("email"), see("phone"), see("card"), r.take.yaml(), r.together.yaml())
	}
	for block, all := range map[string]map[string]*budgets{"issuers": c.issuers, "networks": c.networks} {
		b.WriteString(block + ":\n")
		for name, take := range all {
			fmt.Fprintf(&b, "  %s: {take: %s}\n", name, take.yaml())
		}
	}
	fmt.Fprintf(&b, "deployment: {take: %s}\n", c.deployment.yaml())
	b.WriteString(`routes:
  - {route: "GET /c/{id}", subject: "customer {id}"}
  - {route: GET /c, subject: "customer $.data.items[*].id"}
  - {route: GET /rows, subject: "customer $[*].id"}
`)
	return b.String()
}

// compile has the rooms read the policy.
func (c *rules) compile() error {
	p, err := policy.Parse("policy.yaml", []byte(c.yaml()))
	if err != nil {
		return err
	}
	finder, err := inspect.New(inspect.Config{Detectors: guard.Detectors(p)})
	c.policy, c.finder = p, finder
	return err
}

// accounts says who pays for a principal's exchange, and at most how much, as
// docs/policy-language.md has it.
func (c *rules) accounts(p *principal) (all []Account) {
	r := c.roles[p.role]
	pay := func(kind, name string, b *budgets) {
		all = append(all, Account{Party: kind + ":" + name, Limits: b.limits()})
	}
	if p.credential != "" {
		pay("credential", p.credential, &r.take)
	}
	pay("principal", p.name, &r.take)
	for _, a := range p.act {
		pay("actor", a, &r.take)
	}
	pay("role", p.role, &r.together)
	if p.issuer != "" {
		issuer := c.issuers[p.issuer]
		if issuer == nil {
			issuer = &c.deployment
		}
		pay("issuer", p.issuer, issuer)
	}
	network := c.networks[p.network]
	if network == nil {
		network = c.networks["other"]
	}
	pay("network", p.network, network)
	pay("deployment", "", &c.deployment)
	return all
}

// A principal is somebody who asks.
type principal struct {
	kind       string // staff, service, customer, anonymous
	name       string
	role       string
	issuer     string
	network    string
	credential string
	act        []string
	self       Person
	rotated    int
}

// cast makes up who takes part: agents who share an issuer, some of them through one
// back-office account, a service, customers, and nobody in particular.
func cast(r *rand.Rand) (all []*principal) {
	networks := []string{"office", "192.0.2.0/24", "198.51.100.0/24"}
	issuers := []string{"sso", "mint", "partner"}
	for i := range 2 + r.IntN(3) {
		all = append(all, &principal{
			kind: "staff", name: fmt.Sprintf("agent-%d", i), role: []string{"support", "support", "analyst"}[r.IntN(3)],
			issuer: issuers[r.IntN(2)], network: networks[r.IntN(2)], credential: fmt.Sprintf("key:agent-%d.0", i),
		})
	}
	for i := range r.IntN(3) {
		all = append(all, &principal{
			kind: "service", name: "back-office", role: "support", issuer: issuers[r.IntN(3)], network: networks[0],
			credential: "key:back-office.0", act: []string{fmt.Sprintf("agent-%d", i)},
		})
	}
	for range r.IntN(3) {
		self := Person(r.IntN(Ghosts))
		all = append(all, &principal{
			kind: "customer", name: self.ID(), role: "customer", issuer: issuers[r.IntN(2)], network: networks[1+r.IntN(2)],
			credential: "session:" + self.ID(), self: self,
		})
	}
	if r.IntN(2) == 0 {
		all = append(all, &principal{kind: "anonymous", name: "anonymous@" + networks[1], role: "anonymous", network: networks[1]})
	}
	return all
}

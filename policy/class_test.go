package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

const families = `
version: 1
classes:
  identity.*: {sensitivity: high, retention: request answered + 1 month}
  identity.us.*: {sensitivity: moderate}
  identity.us.ssn: {purposes: [payroll]}
  credential.*: {sensitivity: low}
  contact.email: {sensitivity: moderate}
purposes:
  support: {basis: contract}
  payroll: {basis: legal-obligation}
roles:
  support:
    purposes: [support, payroll]
    see:
      "*": mask
      identity.us.*: clear
      identity.us.itin: block
      credential.api.*: block
      contact.*: clear
    take: {clear: {30 days: 1}, masked: {30 days: 1}}
  payroll:
    purposes: [payroll]
    see: {identity.*: clear}
    take: {clear: {30 days: 1}}
deployment: {take: {clear: {30 days: 1}, masked: {30 days: 1}}}
`

func planOf(t testing.TB, p *policy.Policy, role string, purpose weir.Purpose) *policy.Plan {
	t.Helper()
	pl, d := p.Plan(exchange(weir.Principal{Kind: weir.Staff, Name: "n", Role: role}, purpose, "GET", "/"), now, nil)
	if d != nil {
		t.Fatal(d)
	}
	return pl
}

func TestFamilies(t *testing.T) {
	p := parse(t, families)
	support, payroll := planOf(t, p, "support", "support"), planOf(t, p, "payroll", "payroll")
	for _, c := range []struct {
		class            string
		declared         string // the name of the declaration that holds; "": none
		sensitivity      weir.Sensitivity
		support, payroll weir.Action
	}{
		{"identity.de.tax", "identity.*", weir.High, weir.Mask, weir.Allow},
		{"identity.us.ein", "identity.us.*", weir.Moderate, weir.Allow, weir.Allow},
		{"identity.us.state.ca", "identity.us.*", weir.Moderate, weir.Allow, weir.Allow},
		{"identity.us.ssn", "identity.us.ssn", weir.High, weir.Block, weir.Allow},
		{"identity.us.itin", "identity.us.*", weir.Moderate, weir.Block, weir.Allow},
		{"identity.usx.y", "identity.*", weir.High, weir.Mask, weir.Allow},
		{"identity.us", "identity.*", weir.High, weir.Mask, weir.Allow}, // no member of identity.us
		{"credential.jwt", "credential.*", weir.Low, weir.Mask, weir.Block},
		{"credential.api.shop", "credential.*", weir.Low, weir.Block, weir.Block},
		{"contact.email", "contact.email", weir.Moderate, weir.Allow, weir.Block},
		{"contact.phone", "", weir.High, weir.Block, weir.Block}, // see is no declaration
		{"identityx.us", "", weir.High, weir.Block, weir.Block},
		{"identity", "", weir.High, weir.Block, weir.Block},
		{"", "", weir.High, weir.Block, weir.Block},
		{".", "", weir.High, weir.Block, weir.Block},
	} {
		class := weir.Class(c.class)
		if got, ok := p.Class(class); string(got.Name) != c.declared || ok != (c.declared != "") {
			t.Errorf("%s is declared by %q, want %q", class, got.Name, c.declared)
		}
		if got := support.Sensitivity(class); got != c.sensitivity {
			t.Errorf("%s has the sensitivity %s, want %s", class, got, c.sensitivity)
		}
		if got := support.Action(class); got != c.support {
			t.Errorf("support sees %s: %s, want %s", class, got, c.support)
		}
		if got := payroll.Action(class); got != c.payroll {
			t.Errorf("payroll sees %s: %s, want %s", class, got, c.payroll)
		}
	}
	if c, _ := p.Class("identity.de.tax"); !c.Family() || c.Retention != "request answered + 1 month" {
		t.Errorf("%+v", c)
	}
}

func TestGrantsOfFamilies(t *testing.T) {
	const want = `ROLE     PURPOSE  CLASS                                                SEES   AN HOUR  A DAY  30 DAYS  LINE
support  support  identity.*                                           mask   1        1      1        16
support  support  identity.us.* but identity.us.ssn, identity.us.itin  clear  1        1      1        17
support  support  credential.* but credential.api.*                    mask   1        1      1        16
support  support  contact.email                                        clear  1        1      1        20
support  payroll  identity.*                                           mask   1        1      1        16
support  payroll  identity.us.* but identity.us.itin                   clear  1        1      1        17
support  payroll  identity.us.ssn                                      clear  1        1      1        17
support  payroll  credential.* but credential.api.*                    mask   1        1      1        16
support  payroll  contact.email                                        clear  1        1      1        20
payroll  payroll  identity.*                                           clear  1        1      1        24
payroll  payroll  identity.us.*                                        clear  1        1      1        24
payroll  payroll  identity.us.ssn                                      clear  1        1      1        24
`
	if got := policy.GrantsText(parse(t, families).Grants()); got != want {
		t.Errorf("got:\n%s", got)
	}
}

// TestManyFamilies: what roles name is bounded, however many roles there are.
func TestManyFamilies(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nclasses: {a.*: {}}\npurposes: {p: {basis: contract}}\ndeployment: {take: {}}\nroles:\n")
	for i := range 1001 {
		fmt.Fprintf(&b, "  r%d: {purposes: [p], see: {a.b%d: mask}}\n", i, i)
	}
	if _, err := policy.Parse("policy.yaml", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "name more than 1000") {
		t.Errorf("%v", err)
	}
	deep := "a" + strings.Repeat(".a", 99)
	p := parse(t, strings.ReplaceAll("version: 1\nclasses: {a.*: {}}\npurposes: {p: {basis: contract}}\ndeployment: {take: {}}\nroles: {r: {purposes: [p], see: {DEEP: clear, a.*: mask}}}\n", "DEEP", deep))
	pl := planOf(t, p, "r", "p")
	if pl.Action(weir.Class(deep)) != weir.Allow || pl.Action(weir.Class(deep+".a")) != weir.Mask {
		t.Error("deep classes")
	}
}

func TestActionDoesNotAllocate(t *testing.T) {
	pl := planOf(t, parse(t, families), "support", "support")
	if n := testing.AllocsPerRun(100, func() {
		for _, c := range []weir.Class{"contact.email", "identity.br.cpf", "identity.us.state.ca", "no.such"} {
			pl.Action(c)
			pl.Sensitivity(c)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAction(b *testing.B) {
	pl := planOf(b, parse(b, families), "support", "support")
	for _, class := range []weir.Class{"contact.email", "credential.jwt", "identity.br.cpf"} {
		b.Run(string(class), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pl.Action(class)
			}
		})
	}
}

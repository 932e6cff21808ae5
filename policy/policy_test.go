package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, src string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shop is a policy as a shop would have it.
const shop = `
version: 1
classes:
  contact.email: {sensitivity: moderate, purposes: [support, marketing]}
  contact.phone: {sensitivity: moderate}
  payment.card: {sensitivity: high}
  media.viewing_history: {purposes: [recommendation]}
  network.ip: {sensitivity: low}
purposes:
  support: {basis: contract, about: Answering customers' questions}
  marketing: {basis: consent}
  recommendation: {basis: legitimate-interests}
  own-account: {basis: contract}
roles:
  support:
    purposes: [support, marketing]
    see:
      "*": mask
      contact.*: clear
      payment.card: block
    take:
      clear: {hour: 40, day: 200, 30 days: 1000}
      sensitive: {hour: 4, day: 20, 30 days: 100}
      masked: {day: 300, 30 days: 3000}
      probed: {30 days: 5000}
    together:
      clear: {30 days: 4000}
  recommender:
    purposes: [recommendation]
    see: {media.*: clear, contact.email: clear}
    take: {clear: {30 days: 9000}}
  customer:
    own: true
    purposes: [own-account]
    see: {"*": clear}
    take: {own: {30 days: 1}}
  anonymous:
    purposes: [support]
    see: {network.ip: mask}
    take: {masked: {30 days: 3}}
issuers:
  staff-sso: {take: {clear: {30 days: 6000}}}
networks:
  office: {take: {clear: {30 days: 7000}}}
  other: {take: {clear: {30 days: 70}, masked: {30 days: 7}}}
deployment:
  take: {clear: {30 days: 10000}, masked: {30 days: 10000}, probed: unbounded, own: {30 days: 500}}
routes:
  - route: GET /v1/customers/{id}
    name: customer
    subject: customer {id}
  - route: GET /v1/customers
    name: customers
    purpose: marketing
    subject: customer $.data.items[*].id
  - route: GET /v1/export
    subject: customer $[*]['customer id']
  - route: GET /v1/me
    subject: customer $.account.id
  - route: GET /media/{file...}
    opaque: [image/*, VIDEO/mp4]
`

func agent() weir.Principal {
	return weir.Principal{
		Kind: weir.Staff, Name: "pat", Role: "support", Issuer: "staff-sso", Network: "office",
		Credential: "c1", Act: []string{"desk"},
	}
}

func exchange(pr weir.Principal, purpose weir.Purpose, method, path string) *weir.Exchange {
	return &weir.Exchange{Principal: pr, Purpose: purpose, Method: method, Path: weir.NewPlain(path)}
}

func TestActions(t *testing.T) {
	p := parse(t, shop)
	role := func(name string) weir.Principal { return weir.Principal{Kind: weir.Service, Name: "x", Role: name} }
	for _, c := range []struct {
		why     string
		who     weir.Principal
		purpose weir.Purpose
		class   weir.Class
		want    weir.Action
	}{
		{"the family's line", agent(), "support", "contact.email", weir.Allow},
		{"the class's own line before \"*\"", agent(), "support", "payment.card", weir.Block},
		{"\"*\" where nothing else covers", agent(), "support", "network.ip", weir.Mask},
		{"a class whose purposes are others", agent(), "support", "media.viewing_history", weir.Block},
		{"a class without purposes is for any", agent(), "marketing", "contact.phone", weir.Allow},
		{"\"*\" does not cover what is not declared", agent(), "support", "contact.fax", weir.Block},
		{"nor what is no class at all", agent(), "support", "", weir.Block},
		{"clear for the right purpose", role("recommender"), "recommendation", "media.viewing_history", weir.Allow},
		{"clear for the wrong purpose", role("recommender"), "recommendation", "contact.email", weir.Block},
		{"no line covers it", role("recommender"), "recommendation", "contact.phone", weir.Block},
		{"nobody sees little", weir.Principal{}, "", "network.ip", weir.Mask},
		{"nobody sees little", weir.Principal{}, "", "contact.phone", weir.Block},
	} {
		pl, d := p.Plan(exchange(c.who, c.purpose, "GET", "/"), now, nil)
		if d != nil {
			t.Errorf("%s: %v", c.why, d)
			continue
		}
		if got := pl.Action(c.class); got != c.want {
			t.Errorf("%s: %s for %s: %s, want %s", c.why, c.class, c.purpose, got, c.want)
		}
	}
}

func TestSensitivity(t *testing.T) {
	pl, d := parse(t, shop).Plan(exchange(agent(), "", "GET", "/"), now, nil)
	if d != nil {
		t.Fatal(d)
	}
	for class, want := range map[weir.Class]weir.Sensitivity{
		"contact.email": weir.Moderate, "network.ip": weir.Low,
		"media.viewing_history": weir.High, // not graded
		"contact.fax":           weir.High, // not declared
	} {
		if got := pl.Sensitivity(class); got != want {
			t.Errorf("%s: %s, want %s", class, got, want)
		}
	}
}

func TestZeroPlanWithholds(t *testing.T) {
	var pl policy.Plan
	if a, s := pl.Action("contact.email"), pl.Sensitivity("contact.email"); a != weir.Block || s != weir.High {
		t.Errorf("the zero plan: %s, %s", a, s)
	}
}

func TestPurposeAndDenials(t *testing.T) {
	p := parse(t, shop)
	strict := parse(t, shop+"undeclared-routes: block\n")
	stranger := agent()
	stranger.Role = "sales"
	for _, c := range []struct {
		why     string
		p       *policy.Policy
		x       *weir.Exchange
		purpose weir.Purpose
		route   string
		reason  weir.Reason
	}{
		{"the request's purpose before the route's", p, exchange(agent(), "support", "GET", "/v1/customers"), "support", "customers", ""},
		{"the route's before the role's", p, exchange(agent(), "", "GET", "/v1/customers"), "marketing", "customers", ""},
		{"the role's first", p, exchange(agent(), "", "GET", "/v1/customers/7"), "support", "customer", ""},
		{"no route", p, exchange(agent(), "", "GET", "/elsewhere"), "support", "", ""},
		{"no route, and routes must be declared", strict, exchange(agent(), "", "GET", "/elsewhere"), "", "", weir.ReasonRequest},
		{"a route where they must", strict, exchange(agent(), "", "GET", "/v1/customers/7"), "support", "customer", ""},
		{"a purpose that the role has not", p, exchange(agent(), "recommendation", "GET", "/"), "", "", weir.ReasonPurpose},
		{"a purpose that nobody has", p, exchange(agent(), "curiosity", "GET", "/"), "", "", weir.ReasonPurpose},
		{"the route's purpose is not the role's", p, exchange(weir.Principal{Kind: weir.Service, Role: "recommender"}, "", "GET", "/v1/customers"), "", "", weir.ReasonPurpose},
		{"a role that nobody declared", p, exchange(stranger, "", "GET", "/"), "", "", weir.ReasonRole},
		{"no role at all", p, exchange(weir.Principal{Kind: weir.Staff, Name: "x"}, "", "GET", "/"), "", "", weir.ReasonRole},
	} {
		pl, d := c.p.Plan(c.x, now, nil)
		if c.reason != "" {
			if d == nil || d.Reason != c.reason || pl != nil {
				t.Errorf("%s: %+v, %v, want the denial %s", c.why, pl, d, c.reason)
			}
			continue
		}
		if d != nil {
			t.Errorf("%s: %v", c.why, d)
			continue
		}
		if pl.Purpose != c.purpose || pl.Route != c.route || pl.Version != c.p.Version() {
			t.Errorf("%s: purpose %q, route %q", c.why, pl.Purpose, pl.Route)
		}
	}
}

func TestUnenforced(t *testing.T) {
	p := parse(t, shop)
	x := exchange(agent(), "curiosity", "GET", "/v1/customers/7")
	x.Principal.Role = "sales"
	pl := p.Unenforced(x)
	if pl.Route != "customer" || pl.Subject.Value.Value.Reveal() != "7" || pl.Role != "sales" || len(pl.Accounts) != 7 {
		t.Errorf("%+v", pl)
	}
	if pl.Action("contact.email") != weir.Block || pl.Sensitivity("contact.email") != weir.Moderate {
		t.Error("an unenforced plan decides, or does not know sensitivities")
	}
}

func TestSubjects(t *testing.T) {
	p := parse(t, shop)
	for _, c := range []struct {
		path  string
		from  policy.From
		array []string
		keys  []string
		value string
	}{
		{"/v1/customers/7", policy.URL, nil, nil, "7"},
		{"/v1/customers/7/", policy.URL, nil, nil, "7"},
		{"/v1/customers/a b", policy.URL, nil, nil, "a b"},
		{"/v1/customers", policy.Body, []string{"data", "items"}, []string{"id"}, ""},
		{"/v1/export", policy.Body, []string{}, []string{"customer id"}, ""},
		{"/v1/me", policy.Body, nil, []string{"account", "id"}, ""},
		{"/media/a/b.png", policy.None, nil, nil, ""},
		{"/nowhere", policy.None, nil, nil, ""},
	} {
		pl, d := p.Plan(exchange(agent(), "support", "GET", c.path), now, nil)
		if d != nil {
			t.Fatal(d)
		}
		s := pl.Subject
		if s.From != c.from || fmt.Sprintf("%#v %#v", s.Array, s.Path) != fmt.Sprintf("%#v %#v", c.array, c.keys) || s.Value.Value.Reveal() != c.value {
			t.Errorf("%s: %s %#v %#v %q", c.path, s.From, s.Array, s.Path, s.Value.Value.Reveal())
		}
		if s.From == policy.URL && s.Value.Kind != "customer" {
			t.Errorf("%s: an identifier of the kind %q", c.path, s.Value.Kind)
		}
	}
}

func TestOpaque(t *testing.T) {
	pl, d := parse(t, shop).Plan(exchange(agent(), "support", "GET", "/media/x"), now, nil)
	if d != nil || fmt.Sprint(pl.Opaque) != "[image/* video/mp4]" {
		t.Errorf("%v %v", pl, d)
	}
}

func TestAccounts(t *testing.T) {
	p := parse(t, shop)
	anonymous := weir.Principal{Network: "203.0.113.0/24"}
	unknown := agent()
	unknown.Role, unknown.Issuer, unknown.Act = "sales", "partner", nil
	for _, c := range []struct {
		who  weir.Principal
		lane weir.Lane
		want string // party=hour/day/30 days
	}{
		{agent(), weir.Clear, "credential:c1=40/200/1000 principal:pat=40/200/1000 actor:desk=40/200/1000 " +
			"role:support=4000/4000/4000 issuer:staff-sso=6000/6000/6000 network:office=7000/7000/7000 deployment=10000/10000/10000"},
		{agent(), weir.Sensitive, "credential:c1=4/20/100 principal:pat=4/20/100 actor:desk=4/20/100 " +
			"role:support=4000/4000/4000 issuer:staff-sso=6000/6000/6000 network:office=7000/7000/7000 deployment=10000/10000/10000"},
		{agent(), weir.Masked, "credential:c1=300/300/3000 principal:pat=300/300/3000 actor:desk=300/300/3000 " +
			"role:support=0/0/0 issuer:staff-sso=0/0/0 network:office=0/0/0 deployment=10000/10000/10000"},
		{agent(), weir.Probed, "credential:c1=5000/5000/5000 principal:pat=5000/5000/5000 actor:desk=5000/5000/5000 " +
			"role:support=0/0/0 issuer:staff-sso=0/0/0 network:office=0/0/0 deployment=-1/-1/-1"},
		{anonymous, weir.Masked, "principal:anonymous@203.0.113.0/24=3/3/3 role:anonymous=10000/10000/10000 " +
			"network:203.0.113.0/24=7/7/7 deployment=10000/10000/10000"},
		{unknown, weir.Clear, "credential:c1=0/0/0 principal:pat=0/0/0 role:sales=10000/10000/10000 " +
			"issuer:partner=10000/10000/10000 network:office=7000/7000/7000 deployment=10000/10000/10000"},
	} {
		var got []string
		for _, a := range p.Accounts(&c.who) {
			b := a.Budgets[c.lane]
			got = append(got, fmt.Sprintf("%s=%d/%d/%d", a.Party, b[weir.Hour], b[weir.Day], b[weir.Month]))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s of %s:\n got %s\nwant %s", c.lane, c.who.Role, s, c.want)
		}
	}
}

func TestOwn(t *testing.T) {
	p := parse(t, shop)
	for _, c := range []struct {
		kind weir.Kind
		role string
		want bool
	}{
		{weir.Customer, "customer", true},
		{weir.Customer, "support", true}, // a customer with the wrong role still sees only itself
		{weir.Service, "customer", true},
		{weir.Staff, "support", false},
	} {
		x := exchange(weir.Principal{Kind: c.kind, Name: "n", Role: c.role}, "", "GET", "/")
		pl, d := p.Plan(x, now, nil)
		if d != nil || pl.Own != c.want || p.Unenforced(x).Own != c.want {
			t.Errorf("a %s of the role %s: %+v %v", c.kind, c.role, pl, d)
		}
	}
}

// TestBudgets: what is listed for a party is what it is charged against.
func TestBudgets(t *testing.T) {
	p := parse(t, shop)
	pr := agent()
	for _, a := range p.Accounts(&pr) {
		switch a.Party.Kind {
		case weir.ByCredential, weir.ByPrincipal, weir.ByActor:
			if p.Budgets(a.Party) != (weir.Budgets{}) {
				t.Errorf("%s has budgets without its role", a.Party)
			}
		default:
			if p.Budgets(a.Party) != *a.Budgets {
				t.Errorf("%s: %v, charged against %v", a.Party, p.Budgets(a.Party), *a.Budgets)
			}
		}
	}
	for _, party := range []weir.Party{{Kind: weir.ByRole, Name: "sales"}, {Kind: weir.ByIssuer, Name: "partner"}} {
		if p.Budgets(party) != p.Budgets(weir.Party{Kind: weir.ByDeployment}) {
			t.Errorf("%s is not named, and takes other than the deployment", party)
		}
	}
	if p.Budgets(weir.Party{Kind: weir.ByNetwork, Name: "192.0.2.0/24"})[weir.Masked][weir.Day] != 7 {
		t.Error("a network that is not named takes other than the others")
	}
}

func TestHolds(t *testing.T) {
	p := parse(t, shop)
	x := exchange(agent(), "", "GET", "/")
	every := p.Accounts(&x.Principal)
	for _, a := range every {
		holds := policy.Holds{a.Party: {Party: a.Party, Since: now.Add(-time.Minute), Until: now.Add(time.Hour)}}
		_, d := p.Plan(x, now, holds)
		if d == nil || d.Reason != weir.ReasonHold || d.Party != a.Party || d.Retry != time.Hour {
			t.Errorf("a hold on %s: %+v", a.Party, d)
		}
		if _, d := p.Plan(x, now.Add(time.Hour), holds); d != nil {
			t.Errorf("a hold on %s that has ended: %v", a.Party, d)
		}
	}
	credential, role := every[0].Party, weir.Party{Kind: weir.ByRole, Name: "support"}
	holds := policy.Holds{credential: {Until: now.Add(time.Hour)}, role: {Until: now.Add(2 * time.Hour)}}
	if _, d := p.Plan(x, now, holds); d == nil || d.Party != role || d.Retry != 2*time.Hour {
		t.Errorf("of two holds not the one that lasts: %+v", d)
	}
	holds[credential] = policy.Hold{} // until it is lifted
	if _, d := p.Plan(x, now, holds); d == nil || d.Party != credential || d.Retry != 0 {
		t.Errorf("of two holds not the one without an end: %+v", d)
	}
	if _, d := p.Plan(x, now, policy.Holds{{Kind: weir.ByCredential, Name: "other"}: {}}); d != nil {
		t.Errorf("held for somebody else: %v", d)
	}
	// A hold comes before all else: it tells nobody whether the role exists.
	x.Principal.Role = "sales"
	if _, d := p.Plan(x, now, holds); d == nil || d.Reason != weir.ReasonHold {
		t.Errorf("%v", d)
	}
}

func TestPlanIntoForgets(t *testing.T) {
	p := parse(t, shop)
	var pl policy.Plan
	if d := p.PlanInto(&pl, exchange(agent(), "", "GET", "/v1/customers/7"), now, nil); d != nil {
		t.Fatal(d)
	}
	if d := p.PlanInto(&pl, exchange(agent(), "curiosity", "GET", "/"), now, nil); d == nil {
		t.Fatal("not denied")
	}
	if pl.Action("contact.email") != weir.Block || pl.Accounts != nil || pl.Route != "" {
		t.Errorf("a denied plan remembers: %+v", pl)
	}
}

func TestWatch(t *testing.T) {
	w := parse(t, shop+`
watch:
  budget-spent: {hold: 15m}
  id-walking: {strangers: 7, within: 2m, hold: 2 days}
`).Watch()
	want := policy.WatchRules{
		BudgetSpent: policy.BudgetSpent{Hold: 15 * time.Minute},
		IDWalking:   policy.IDWalking{Strangers: 7, Within: 2 * time.Minute, Hold: 48 * time.Hour},
	}
	if w != want {
		t.Errorf("%+v", w)
	}
	if w := parse(t, shop).Watch(); w.BudgetSpent.Hold != 0 || w.IDWalking.Hold != 0 || w.IDWalking.Strangers == 0 {
		t.Errorf("without rules there are alerts and no holds: %+v", w)
	}
}

func TestVersion(t *testing.T) {
	a, b := parse(t, shop), parse(t, shop+"\n")
	if a.Version() == b.Version() || !strings.HasPrefix(a.Version(), "sha256:") || len(a.Version()) != len("sha256:")+12 {
		t.Errorf("%s %s", a.Version(), b.Version())
	}
}

func TestStarter(t *testing.T) {
	p, err := policy.Parse("starter.yaml", policy.Starter())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range p.Warnings() {
		t.Errorf("%s", w)
	}
	pl, d := p.Plan(exchange(weir.Principal{}, "", "GET", "/v1/customers/7"), now, nil)
	if d != nil {
		t.Fatal(d)
	}
	for _, class := range p.Classes() {
		want := weir.Mask
		if class.Name.Secret() { // the answer to a sign-in carries one
			want = weir.Allow
		}
		if a := pl.Action(class.Name); a != want {
			t.Errorf("%s for nobody: %s", class.Name, a)
		}
	}
	if len(p.Unbounded()) > 0 {
		t.Errorf("unbounded: %+v", p.Unbounded())
	}
	// The examples in its comments must be good once the # is taken away.
	open := strings.NewReplacer("\n# routes:", "\nroutes:", "\n# detectors:", "\ndetectors:", "\n#       ", "\n      ", "\n#   -", "\n  -", "\n#     ", "\n    ").Replace(string(policy.Starter()))
	p, err = policy.Parse("starter.yaml", []byte(open))
	if err != nil {
		t.Fatalf("with its examples: %v", err)
	}
	if len(p.Warnings()) > 0 || len(p.Detectors()) != 1 {
		t.Errorf("with its examples: %v %v", p.Warnings(), p.Detectors())
	}
}

// TestBombs has files made to exhaust whoever reads them.
func TestBombs(t *testing.T) {
	var roles, flat, classes strings.Builder
	classes.WriteString("version: 1\ndeployment: {take: {}}\nclasses:\n")
	roles.WriteString("version: 1\nclasses: {contact.email: {}}\npurposes: {support: {basis: contract}}\ndeployment: {take: {}}\nroles:\n")
	for i := range 10_000 {
		fmt.Fprintf(&roles, "  r%d: {purposes: [support], see: {\"*\": mask}}\n", i)
	}
	for i := range 1_001 {
		fmt.Fprintf(&classes, "  a.b%d: {}\n", i)
	}
	var needy, patterns, held, flow strings.Builder
	flow.WriteString("{version: 1, deployment: {take: {}}, roles: {")
	for _, b := range []*strings.Builder{&needy, &patterns} {
		b.WriteString("version: 1\npurposes: {support: {basis: contract}}\ndeployment: {take: {}}\nroles:\n")
	}
	held.WriteString("version: 1\ndeployment: {take: {}}\nholds:\n")
	for i := range 1_000 {
		fmt.Fprintf(&needy, "  r%d: {needs: {hours: mon 01:00-02:00 Asia/Tokyo, ticket: 'x{1000}'}}\n", i)
		fmt.Fprintf(&patterns, "  r%d: {needs: {ticket: 'x{1000}y%d'}}\n", i, i)
		fmt.Fprintf(&held, "  - {party: \"principal:p%d\", reason: r}\n", i)
		fmt.Fprintf(&flow, "r%d: {}, ", i)
	}
	flow.WriteString("}}")
	for i := range 100_000 {
		fmt.Fprintf(&flat, "k%d: 1\n", i)
	}
	for _, c := range []struct{ name, src, want string }{
		{"10,000 roles", roles.String(), ""},
		{"roles with needs", needy.String(), ""},
		{"patterns", patterns.String(), "more than 100 different patterns"},
		{"holds", held.String(), ""},
		{"roles on a line", flow.String(), ""},
		{"too long", strings.Repeat("#", 1<<20+1), "longer than"},
		{"brackets", strings.Repeat("[", 1<<19), "nested too deeply"},
		{"braces", strings.Repeat("{", 1<<19), "nested too deeply"},
		{"dashes", strings.Repeat("- ", 1<<19), "nested too deeply"},
		{"question marks", strings.Repeat("? ", 1<<19), "nested too deeply"},
		{"keys", strings.Repeat("a: {", 1<<18), "nested too deeply"},
		{"1,001 classes", classes.String(), "more than 1000"},
		{"keys in one block", flat.String(), "too many entries"},
		{"laughs", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "anchors"},
		{"not text", "version: \xff\xfe", "not UTF-8"},
	} {
		_, err := policy.Parse("policy.yaml", []byte(c.src))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %.200v", c.name, err)
		}
	}
}

// TestManyMistakes: a file of nothing but mistakes is not answered with a flood.
func TestManyMistakes(t *testing.T) {
	_, err := policy.Parse("policy.yaml", []byte("version: 1\ndeployment: {take: {}}\nroles:\n"+manyRoles(1000)))
	var all *policy.Errors
	if !errors.As(err, &all) || len(all.List) != 50 || all.Omitted != 950 {
		t.Fatalf("%T with %d and %d more", err, len(all.List), all.Omitted)
	}
	var one *policy.Error
	if !errors.As(err, &one) || one.Line != 4 || one.Column != 8 || one.File != "policy.yaml" {
		t.Errorf("the first: %+v", one)
	}
	if !strings.HasSuffix(err.Error(), "\nand 950 more") {
		t.Error("the rest is not counted")
	}
}

func manyRoles(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  r%d: {purpose: x}\n", i)
	}
	return b.String()
}

func TestFileForms(t *testing.T) {
	for name, src := range map[string]string{
		"lines that end in CR LF": strings.ReplaceAll(shop, "\n", "\r\n"),
		"a byte order mark":       "\ufeff" + shop,
		"a document start":        "---" + shop,
		"a document end":          shop + "...\n",
	} {
		p, err := policy.Parse("policy.yaml", []byte(src))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(p.Grants()) != len(parse(t, shop).Grants()) {
			t.Errorf("%s: another policy", name)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	p := parse(b, shop)
	x := exchange(agent(), "", "GET", "/v1/customers/7")
	holds := policy.Holds{{Kind: weir.ByCredential, Name: "other"}: {}}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, d := p.Plan(x, now, nil); d != nil {
				b.Fatal(d)
			}
		}
	})
	b.Run("into", func(b *testing.B) {
		var pl policy.Plan
		b.ReportAllocs()
		for b.Loop() {
			if d := p.PlanInto(&pl, x, now, nil); d != nil {
				b.Fatal(d)
			}
		}
	})
	b.Run("into/no subject", func(b *testing.B) {
		x := exchange(agent(), "support", "GET", "/media/a/b/c.png")
		var pl policy.Plan
		b.ReportAllocs()
		for b.Loop() {
			if d := p.PlanInto(&pl, x, now, nil); d != nil {
				b.Fatal(d)
			}
		}
	})
	for _, c := range []struct{ name, method, path string }{
		{"undeclared", "GET", "/v2/catalogue/films/7"},
		{"in another case", "GET", "/V1/customers/7"},
		{"by another method", "POST", "/v1/customers/7"},
	} {
		b.Run("into/"+c.name, func(b *testing.B) {
			x := exchange(agent(), "support", c.method, c.path)
			var pl policy.Plan
			b.ReportAllocs()
			for b.Loop() {
				if d := p.PlanInto(&pl, x, now, nil); d != nil {
					b.Fatal(d)
				}
			}
		})
	}
	b.Run("into/holds", func(b *testing.B) {
		var pl policy.Plan
		b.ReportAllocs()
		for b.Loop() {
			if d := p.PlanInto(&pl, x, now, holds); d != nil {
				b.Fatal(d)
			}
		}
	})
	b.Run("action", func(b *testing.B) {
		pl, _ := p.Plan(x, now, nil)
		b.ReportAllocs()
		for b.Loop() {
			if pl.Action("contact.phone") != weir.Allow {
				b.Fatal()
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	src := policy.Starter()
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Parse("starter.yaml", src); err != nil {
			b.Fatal(err)
		}
	}
}

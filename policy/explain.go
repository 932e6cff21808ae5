package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/getweir/weir"
)

// A Step is one line of a policy that had a part in a decision.
type Step struct {
	// Position of the line; its Line is 0 where nothing stands in the file and the
	// language itself decides.
	Position
	Text string `json:"text"`
	// Source is the line, as it stands in the file.
	Source string `json:"source,omitempty"`
}

// String is written as an Error is.
func (s Step) String() string {
	if s.Line == 0 {
		return s.Text
	}
	return show(s.Position, s.Text, s.Source)
}

// An Explanation says what the policy decides about a class in an exchange, and by
// which lines.
type Explanation struct {
	Version string       `json:"policy"`
	Route   string       `json:"route,omitempty"`
	Role    string       `json:"role"`
	Purpose weir.Purpose `json:"purpose,omitempty"`
	Class   weir.Class   `json:"class,omitempty"`
	// Sees is clear, mask or block: what happens to a finding of the class.
	Sees string `json:"sees,omitempty"`
	// Denied is the reason for which the exchange as a whole is refused; "": it is not.
	Denied weir.Reason `json:"denied,omitempty"`
	// Observed: nothing is enforced on the route, so Sees and Denied are only recorded.
	Observed bool `json:"observed,omitempty"`
	// Needs are what the request lacks of what its role needs. Sees and Denied are what
	// holds once it has it.
	Needs []weir.NeedKind `json:"needs,omitempty"`
	Steps []Step          `json:"because"`
}

// Explain says what Plan and Plan.Action decide about a class in an exchange, and
// which lines of the file say so. class may be "": then it is the exchange alone.
func (p *Policy) Explain(x *weir.Exchange, class weir.Class, now time.Time, holds Holds) Explanation {
	e := Explanation{Version: p.version, Role: roleName(&x.Principal), Class: class}
	step := func(where at, format string, args ...any) {
		s := Step{Text: fmt.Sprintf(format, args...)}
		if where.line > 0 {
			s.Position, s.Source = showAt(p.files, where)
		}
		e.Steps = append(e.Steps, s)
	}
	var nowhere at
	pl, denial := p.Plan(x, now, holds)
	path := cutSlashes(x.Path.Reveal())
	matched, _ := p.route(x.Method, path)
	switch {
	case matched != nil:
		e.Route = matched.name
		step(matched.at, "the request is one of this route")
		if matched.subject.From != None {
			step(matched.at, "its records are about %s", matched.about)
		}
	case p.blockUndeclared:
		step(nowhere, "no route matches %s of this path, and undeclared routes are blocked", x.Method)
	default:
		step(nowhere, "no route matches %s of this path: what is found in the answer is judged all the same", x.Method)
	}
	if matched != nil && matched.observe || matched == nil && p.observe {
		e.Observed = true
		step(nowhere, "nothing is enforced here: what follows is recorded and changes nothing")
	}
	needs := denial != nil && denial.Reason == weir.ReasonNeeds
	if needs {
		// What is missing is told, and then what holds once it is there.
		for _, n := range denial.Needs {
			e.Needs = append(e.Needs, n.Kind)
		}
		pl, denial = p.supplied(x, now, holds)
	}
	if denial != nil {
		e.Denied = denial.Reason
	}
	r := p.roles[e.Role]
	if r == nil {
		step(nowhere, "no role is named %s: it may do nothing", e.Role)
		return e
	}
	step(r.at, "the role")
	switch e.Purpose = choosePurpose(x, matched, r); {
	case x.Purpose != "":
		step(nowhere, "the purpose %s is the request's own", e.Purpose)
	case matched != nil && matched.purpose != "":
		step(matched.at, "the purpose %s is the route's", e.Purpose)
	case e.Purpose != "":
		step(nowhere, "the purpose %s is the role's first: neither the request nor the route names one", e.Purpose)
	}
	if _, ok := r.find(e.Purpose); !ok {
		step(r.at, "the role may not act for it")
		return e
	}
	if denial != nil {
		if denial.Reason == weir.ReasonHold {
			where := nowhere
			for i := range p.standing {
				if p.standing[i].Party == denial.Party {
					where = p.standing[i].at
				}
			}
			step(where, "%s is on hold", denial.Party)
		}
		return e
	}
	for _, kind := range weir.NeedKinds() {
		if text := r.needs.words(kind); text != "" {
			lacks := ""
			if slices.Contains(e.Needs, kind) {
				lacks = ", which this request lacks"
			}
			step(r.needs.at, "the role needs %s%s", text, lacks)
		}
	}
	p.explainTakes(x, r, step)
	if class != "" {
		e.Sees = actionWords[pl.Action(class)]
		p.explainSight(class, r, e.Purpose, step)
		for i := range p.combinations {
			if c := &p.combinations[i]; pl.Action(class) == weir.Mask && pl.Parts(class)&c.mask != 0 {
				step(c.at, "masked together with the rest of %s it counts as clear", c.Name)
			}
		}
		for i := range p.public {
			if f := &p.public[i]; f.Class == class || matched != nil && f.Route == matched.name {
				step(f.at, "but %s passes in clear and is charged to nobody", f.Text)
			}
		}
		if pl.Own {
			step(nowhere, "only of its own record: anybody else's is withheld")
		}
	}
	return e
}

// supplied is Plan as if the request had all that its role needs.
func (p *Policy) supplied(x *weir.Exchange, now time.Time, holds Holds) (*Plan, *weir.Denial) {
	open := *p
	if r := p.roles[roleName(&x.Principal)]; r != nil {
		without := *r
		without.needs = nil
		open.roles = map[string]*role{r.name: &without}
	}
	pl, d := open.Plan(x, now, holds)
	if pl != nil {
		pl.policy = p
	}
	return pl, d
}

func (p *Policy) explainSight(class weir.Class, r *role, purpose weir.Purpose, step func(at, string, ...any)) {
	i := p.find(class)
	if i < 0 || p.points[i].class < 0 {
		step(p.declare, "%s is not declared, by itself or with a family: it is blocked for everybody", class)
		return
	}
	declared := p.classes[p.points[i].class]
	step(declared.at, "%s is declared here, of %s sensitivity", class, declared.Sensitivity)
	line := r.decides[i]
	if line == 0 {
		step(r.at, "no line of the role's see covers it: it is blocked")
		return
	}
	s := r.sees[line-1]
	t, _ := r.find(purpose)
	if t[i] != s.action {
		step(declared.at, "it may not be processed for %s: it is blocked, whatever the role sees", purpose)
		return
	}
	step(s.at, "this line of the role decides: %s", actionWords[s.action])
}

// explainTakes says what bounds the customers that the exchange may take.
func (p *Policy) explainTakes(x *weir.Exchange, r *role, step func(at, string, ...any)) {
	for _, a := range p.Accounts(&x.Principal) {
		var whose string
		switch a.Party.Kind {
		case weir.ByCredential, weir.ByPrincipal, weir.ByActor:
			whose = "role " + r.name
			if a.Party.Kind != weir.ByPrincipal {
				continue // they share the line
			}
		case weir.ByRole:
			whose = "role " + r.name + " together"
		case weir.ByDeployment:
			whose = "the deployment"
		case weir.ByNetwork:
			whose = "network " + a.Party.Name
			if p.networks[a.Party.Name] == nil {
				whose = "network other"
			}
		default:
			whose = "issuer " + a.Party.Name
		}
		take := p.taken(whose)
		if take.line == 0 {
			continue // the deployment's holds for it
		}
		who := whose
		if a.Party.Kind == weir.ByPrincipal {
			who = "each credential and principal of the " + whose
		}
		where := take.at
		if lane := take.lanes[weir.Clear]; lane.line > 0 {
			where = lane
		}
		step(where, "%s may take %s in clear%s", who, budgetText(a.Budget(weir.Clear)), termsText(a.Terms))
	}
}

// termsText says what else holds of the budget of the lane clear.
func termsText(t *weir.Terms) (text string) {
	if t == nil {
		return ""
	}
	if n := t.Burst[weir.Clear]; n > 0 {
		text += fmt.Sprintf(", %s in a minute", grouped(n))
	}
	if t.StepUp.Has(weir.Clear) {
		text += "; half of it in an hour and a day without a second factor of the last " + spanText(t.Fresh)
	}
	return text
}

// budgetText writes a budget: "40 customers an hour, 200 a day and 1,000 in 30 days".
func budgetText(b weir.Budget) string {
	switch {
	case b == weir.Budget{}:
		return "no customer"
	case b[weir.Hour] == b[weir.Month]:
		return grouped(b[weir.Month]) + " customers in 30 days"
	case b[weir.Hour] == b[weir.Day]:
		return grouped(b[weir.Day]) + " customers a day and " + grouped(b[weir.Month]) + " in 30 days"
	}
	return fmt.Sprintf("%s customers an hour, %s a day and %s in 30 days", grouped(b[weir.Hour]), grouped(b[weir.Day]), grouped(b[weir.Month]))
}

package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/learn"
)

// learnReport is what weir learn says: what a stolen credential could take today, and
// what with the policy that it wrote.
type learnReport struct {
	From      time.Time    `json:"from"`
	To        time.Time    `json:"to"`
	Exchanges int          `json:"exchanges"`
	Answered  int          `json:"answered"`
	Today     []string     `json:"unbounded_today"`
	Roles     []learnRole  `json:"roles"`
	Routes    []learnRoute `json:"routes"`
	// Stopped is how many of the recorded exchanges the written policy would have
	// stopped, of Played.
	Played  int      `json:"played"`
	Stopped int64    `json:"stopped"`
	Notes   []string `json:"notes"`
}

type learnRole struct {
	Role     string         `json:"role"`
	Kind     string         `json:"kind"`
	Requests int            `json:"requests"`
	People   int            `json:"principals"`
	Classes  []string       `json:"in_clear"`
	Took     map[string]int `json:"took"`   // the most of one credential, by window
	Budget   map[string]any `json:"budget"` // of one credential
}

type learnRoute struct {
	Route      string   `json:"route"`
	Name       string   `json:"name"`
	Exchanges  int      `json:"exchanges"`
	Subject    string   `json:"subject,omitempty"`
	Why        string   `json:"why,omitempty"`
	Classes    []string `json:"classes"`
	Fields     []string `json:"fields"`
	Roles      []string `json:"roles"`
	Open       int      `json:"without_credential"`
	Unread     int      `json:"unread"`
	Documented bool     `json:"documented"`
	Seen       bool     `json:"seen"`
	Trouble    string   `json:"trouble,omitempty"`
}

// laneOf is the lane that a role's data leaves in.
func laneOf(r *learn.Role) weir.Lane {
	if r.Kind == weir.Customer {
		return weir.Own
	}
	return weir.Clear
}

func newLearnReport(l *learn.Learner, d *learn.Draft, who *recognizer, first, second *played) *learnReport {
	r := &learnReport{From: l.From, To: l.To, Exchanges: l.Exchanges, Answered: l.Answered, Played: second.n, Stopped: second.observed.Stopped, Today: []string{}, Notes: []string{}}
	for _, role := range d.Roles {
		row := learnRole{Role: role.Name, Kind: role.Kind.String(), Requests: role.Requests, People: role.People, Classes: []string{}, Took: map[string]int{}, Budget: map[string]any{}}
		for c := range role.Classes {
			row.Classes = append(row.Classes, string(c))
		}
		slices.Sort(row.Classes)
		take, _ := d.Taken(role)
		lane := laneOf(role)
		for w := range weir.NumWindows {
			row.Took[w.String()], row.Budget[w.String()] = role.Take[lane][w], exposure.Limit(take[lane][w])
		}
		r.Roles = append(r.Roles, row)
		if role.Requests > 0 && len(role.Classes) > 0 && role.Kind != weir.Customer {
			r.Today = append(r.Today, fmt.Sprintf("a stolen credential of %s: nothing stops it from taking every customer; the most that one took in an hour was %d", role.Name, role.Take[weir.Clear][weir.Hour]))
		}
	}
	slices.SortStableFunc(r.Roles, func(a, b learnRole) int { return b.Took["hour"] - a.Took["hour"] })
	for _, route := range d.Routes {
		row := learnRoute{Route: route.Text(), Name: route.Name, Exchanges: route.Exchanges, Classes: []string{}, Fields: []string{}, Roles: []string{},
			Open: route.Open, Unread: route.Unread, Documented: route.Documented, Seen: route.Seen, Trouble: d.Trouble[route.Name]}
		if route.Subject != nil {
			row.Subject, row.Why = route.Subject.Text, route.Subject.Why
		}
		for _, c := range route.Classes() {
			row.Classes = append(row.Classes, string(c))
		}
		for _, f := range route.Fields {
			if f.Place != "" {
				row.Fields = append(row.Fields, f.Place)
			}
		}
		for role := range first.routes[route.Name] {
			row.Roles = append(row.Roles, role)
		}
		slices.Sort(row.Roles)
		r.Routes = append(r.Routes, row)
		if route.Open > 0 && route.Personal > 0 {
			r.Today = append(r.Today, fmt.Sprintf("%s answers whoever shows no credential (%s)", route.Text(), strings.Join(row.Classes, ", ")))
		}
		if n := second.others[route.Name]; n > 0 {
			r.Today = append(r.Today, fmt.Sprintf("%s gave customers records of others: whoever counts identifiers up gets them all", route.Text()))
		}
	}
	slices.SortStableFunc(r.Routes, func(a, b learnRoute) int { return len(b.Classes) - len(a.Classes) })
	if r.Answered < r.Exchanges {
		r.Notes = append(r.Notes, fmt.Sprintf("%d of %d exchanges have no answer to learn from.", r.Exchanges-r.Answered, r.Exchanges))
	}
	if who.asked["none"] > 0 && len(who.issuers) == 0 {
		r.Notes = append(r.Notes, "No request shows a credential. Browsers leave them out of a HAR unless it is exported with sensitive data.")
	}
	for _, is := range who.issuers {
		switch is.Scheme {
		case learn.Cookie:
			r.Notes = append(r.Notes, fmt.Sprintf("%s show a session cookie. Until weir.yaml says whom to ask about it, they are all anonymous, with one budget.", plural(is.Requests, "request")))
		case learn.Basic, learn.Opaque:
			r.Notes = append(r.Notes, fmt.Sprintf("%s show a credential that Weir cannot check as weir.yaml stands, and would refuse: see introspection there.", plural(is.Requests, "request")))
		}
	}
	if l.Left > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d exchanges were on routes beyond the most that are told apart.", l.Left))
	}
	if span := l.To.Sub(l.From); !l.From.IsZero() && span < 30*24*time.Hour {
		r.Notes = append(r.Notes, fmt.Sprintf("The traffic spans %s: budgets of longer windows are estimated.", span.Round(time.Second)))
	}
	if len(second.stopped) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("Enforced, the policy would have stopped %d of %d exchanges; the routes are marked mode: observe, with why.", r.Stopped, r.Played))
	} else {
		r.Notes = append(r.Notes, fmt.Sprintf("Enforced, the policy would have stopped none of %d exchanges.", r.Played))
	}
	return r
}

func (r *learnReport) print(s *streams) error {
	fmt.Fprintf(s.out, "%d exchanges", r.Exchanges)
	if !r.From.IsZero() {
		fmt.Fprintf(s.out, ", %s to %s", r.From.Local().Format("2006-01-02 15:04:05"), r.To.Local().Format("2006-01-02 15:04:05"))
	}
	fmt.Fprint(s.out, "\n\nToday, without a bound:\n")
	for _, t := range r.Today {
		fmt.Fprintln(s.out, "  - "+t)
	}
	if len(r.Today) == 0 {
		fmt.Fprintln(s.out, "  - nothing personal was seen")
	}
	fmt.Fprint(s.out, "\nWith the policy, one credential could take (customers):\n")
	err := table(s, "ROLE\tREQUESTS\tPRINCIPALS\tTOOK IN AN HOUR\tMAY IN AN HOUR\tIN A DAY\tIN 30 DAYS\tIN CLEAR", func(row func(...any)) {
		for _, x := range r.Roles {
			row(x.Role, x.Requests, x.People, x.Took["hour"], x.Budget["hour"], x.Budget["day"], x.Budget["30 days"], orDash(few(x.Classes, 6)))
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	if err := table(s, "ROUTE\tANSWERS\tWHOSE\tROLES\tFOUND", func(row func(...any)) {
		for _, x := range r.Routes {
			if len(x.Classes) > 0 || x.Trouble != "" {
				row(x.Route, x.Exchanges, orDash(x.Subject), orDash(strings.Join(x.Roles, " ")), orDash(few(x.Classes, 4)))
			}
		}
	}); err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	for _, n := range r.Notes {
		fmt.Fprintln(s.out, n)
	}
	return nil
}

// few lists some of many.
func few(all []string, most int) string {
	if len(all) <= most {
		return strings.Join(all, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], " "), len(all)-most)
}

//go:embed learn.html
var learnPage string

// writeHTML writes the report as one page that loads nothing.
func (r *learnReport) writeHTML(path string, force bool) error {
	t, err := template.New("learn").Funcs(template.FuncMap{
		"join": func(all []string) string { return strings.Join(all, ", ") },
		"date": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
	}).Parse(learnPage)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil && !force {
		return fmt.Errorf("%s is there already. --force writes over it", path)
	}
	put := writeNew
	if force {
		put = replaceDurably
	}
	return put(path, []byte(b.String()), 0o644)
}

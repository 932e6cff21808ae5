package main

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/incident"
	"github.com/getweir/weir/index"
	"github.com/getweir/weir/ledger"
)

// scopeReport is a scope as people and programs read it.
type scopeReport struct {
	*incident.Scope
	question  index.Question
	asked     string
	at        time.Time
	reach     index.Reach
	directory bool            // whether unnamed customers are told apart
	bundle    *ledger.Bundled // nil: none was asked for
}

var scopeSets = []incident.Certainty{incident.Confirmed, incident.Possible, incident.Excluded}

// limits are what the scope cannot say; every form of the report has them.
func (r *scopeReport) limits() []string {
	all := []string{
		"Countries of residence are unknown: nothing on the ledger tells them.",
		"Exchanges in which nothing was recognised are counted by the ledger for everybody together, and are not in this scope.",
	}
	if !r.directory {
		all = append(all, "The subject directory was not at hand: customers without an identifier are not told apart from others.")
	}
	if r.reach.Kept > r.reach.First {
		all = append(all, fmt.Sprintf("Entries before %d were dropped by retention: what is said of them comes from the index, and cannot be proven entry by entry.", r.reach.Kept))
	}
	if r.bundle != nil && r.bundle.Uncovered > 0 {
		all = append(all, fmt.Sprintf("%d entries are not covered by a checkpoint yet and are left out of the proofs.", r.bundle.Uncovered))
	}
	return all
}

// why counts a set's customers by reason.
func why(set []incident.Customer) string {
	counts := map[string]int{}
	for _, c := range set {
		for _, w := range c.Why {
			counts[w]++
		}
	}
	var all []string
	for _, w := range []string{incident.NoOutcome, incident.Broken, incident.Unread, incident.Unnamed, incident.Denied, incident.Nothing, incident.Masked} {
		if counts[w] > 0 {
			all = append(all, fmt.Sprintf("%d %s", counts[w], w))
		}
	}
	return strings.Join(all, ", ")
}

// classes writes what a customer's classes are, or are at most.
func classes(d *incident.Detail) string {
	var all []string
	if len(d.Clear) > 0 {
		all = append(all, joined(d.Clear)+" clear")
	}
	if len(d.Masked) > 0 {
		all = append(all, joined(d.Masked)+" masked")
	}
	text := strings.Join(all, "; ")
	if d.Shared && text != "" {
		text = "at most " + text
	}
	return orDash(text)
}

func joined[T ~string](list []T) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = string(s)
	}
	return strings.Join(all, ", ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// entries writes runs, as weir ledger show --from takes the first of each.
func entries(list []incident.Run) string {
	all := make([]string, len(list))
	for i, r := range list {
		if all[i] = fmt.Sprint(r.First); r.Last > r.First {
			all[i] = fmt.Sprintf("%d-%d", r.First, r.Last)
		}
	}
	return strings.Join(all, " ")
}

// fewEntries shortens a long list for a table.
func fewEntries(list []incident.Run) string {
	const few = 4
	if len(list) <= few {
		return entries(list)
	}
	return fmt.Sprintf("%s and %d more", entries(list[:few]), len(list)-few)
}

func (r *scopeReport) print(s *streams) error {
	fmt.Fprintf(s.out, "Scope of %s\n%s\n\n", r.asked, reachLine(r.reach))
	for _, c := range scopeSets {
		set := r.Sets[c]
		fmt.Fprintf(s.out, "%-10s %6d customers", c, len(set))
		if text := why(set); text != "" {
			fmt.Fprintf(s.out, ": %s", text)
		}
		fmt.Fprintln(s.out)
	}
	fmt.Fprintf(s.out, "in %d exchanges\n", r.Exchanges)
	for _, c := range scopeSets {
		set := r.Sets[c]
		if len(set) == 0 {
			continue
		}
		fmt.Fprintf(s.out, "\n%s\n", strings.ToUpper(c.String()))
		if err := table(s, "CUSTOMER\tWHY\tCLASSES\tTIMES\tFIRST\tLAST\tDOOR\tROUTES\tTO\tPURPOSES\tENTRIES", func(row func(...any)) {
			for i := range set {
				x := &set[i]
				row(x.Subject, orDash(strings.Join(x.Why, ",")), classes(&x.Detail), x.Times, x.First.Format("2006-01-02 15:04:05"), x.Last.Format("2006-01-02 15:04:05"),
					orDash(joined(x.Doors)), orDash(joined(x.Routes)), orDash(joined(x.Recipients)), orDash(joined(x.Purposes)), fewEntries(x.Entries))
			}
		}); err != nil {
			return err
		}
	}
	if len(r.Unattributed) > 0 {
		fmt.Fprint(s.out, "\nPOSSIBLE, OF NO KNOWN CUSTOMER\n")
		if err := table(s, "WHY\tDOOR\tROUTE\tTO\tEXCHANGES\tUNREAD BYTES\tCLASSES\tENTRIES", func(row func(...any)) {
			for _, u := range r.Unattributed {
				row(u.Why, orDash(u.Door), orDash(u.Route), orDash(u.Recipient), u.Exchanges, u.Bytes, orDash(joined(u.Classes)), fewEntries(u.Entries))
			}
		}); err != nil {
			return err
		}
	}
	if len(r.Takers) > 0 {
		fmt.Fprint(s.out, "\nMADE BY\n")
		if err := table(s, "PRINCIPAL\tROLE\tCREDENTIAL\tVIA\tNETWORK\tEXCHANGES\tFIRST\tLAST", func(row func(...any)) {
			for _, t := range r.Takers {
				row(orDash(t.Principal), orDash(t.Role), orDash(t.Credential), orDash(strings.Join(t.Act, ",")), orDash(t.Network), t.Exchanges, date(t.First), date(t.Last))
			}
		}); err != nil {
			return err
		}
	}
	fmt.Fprintln(s.out)
	for _, l := range r.limits() {
		fmt.Fprintln(s.out, l)
	}
	if r.bundle != nil {
		fmt.Fprintf(s.out, "%d entries are proven under the checkpoint of %d. Check them with weir-verify.\n", r.bundle.Entries, r.bundle.Checkpoint.Size)
	}
	return nil
}

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02 15:04:05")
}

type scopeDetailJSON struct {
	Clear      []string   `json:"classes_clear"`
	Masked     []string   `json:"classes_masked"`
	AtMost     bool       `json:"classes_at_most"` // a batch held others, too
	Times      int        `json:"times"`
	First      time.Time  `json:"first"`
	Last       time.Time  `json:"last"`
	Doors      []string   `json:"doors"`
	Routes     []string   `json:"routes"`
	Recipients []string   `json:"recipients"`
	Purposes   []string   `json:"purposes"`
	Entries    [][2]int64 `json:"entries"` // first and last of each run
}

func toScopeDetail(d *incident.Detail) scopeDetailJSON {
	return scopeDetailJSON{
		list(d.Clear), list(d.Masked), d.Shared, d.Times, d.First, d.Last,
		list(d.Doors), list(d.Routes), list(d.Recipients), list(d.Purposes), toRuns(d.Entries),
	}
}

func toRuns(all []incident.Run) [][2]int64 {
	out := make([][2]int64, len(all))
	for i, r := range all {
		out[i] = [2]int64{r.First, r.Last}
	}
	return out
}

// list is never null in JSON.
func list[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}

type scopeCustomerJSON struct {
	Subject string   `json:"subject"`
	Country string   `json:"country"` // of residence
	Why     []string `json:"why"`
	scopeDetailJSON
	Also *scopeDetailJSON `json:"possible_beyond,omitempty"`
}

func (r *scopeReport) json() any {
	type gap struct {
		Why       string     `json:"why"`
		Door      string     `json:"door"`
		Route     string     `json:"route"`
		Recipient string     `json:"recipient"`
		Exchanges int        `json:"exchanges"`
		Bytes     int64      `json:"unread_bytes"`
		Classes   []string   `json:"classes"`
		Entries   [][2]int64 `json:"entries"`
	}
	type taker struct {
		Principal  string    `json:"principal"`
		Kind       string    `json:"kind"`
		Role       string    `json:"role"`
		Credential string    `json:"credential"`
		Act        []string  `json:"act"`
		Issuer     string    `json:"issuer"`
		Network    string    `json:"network"`
		Exchanges  int       `json:"exchanges"`
		First      time.Time `json:"first"`
		Last       time.Time `json:"last"`
	}
	v := struct {
		Parties      []string                       `json:"parties"`
		Vendors      []string                       `json:"vendors"`
		From         *time.Time                     `json:"from"`
		To           *time.Time                     `json:"to"`
		Covers       reachJSON                      `json:"covers"`
		Counts       map[string]int                 `json:"customers"`
		Sets         map[string][]scopeCustomerJSON `json:"sets"`
		Unattributed []gap                          `json:"unattributed"`
		Takers       []taker                        `json:"made_by"`
		Exchanges    int                            `json:"exchanges"`
		Limits       []string                       `json:"limits"`
	}{
		Parties: []string{}, Vendors: list(r.question.Recipients), Covers: toReachJSON(r.reach), Counts: map[string]int{}, Sets: map[string][]scopeCustomerJSON{},
		Unattributed: []gap{}, Takers: []taker{}, Exchanges: r.Exchanges, Limits: r.limits(),
	}
	for _, p := range r.question.Parties {
		v.Parties = append(v.Parties, p.String())
	}
	if !r.question.From.IsZero() {
		v.From = &r.question.From
	}
	if !r.question.To.IsZero() {
		v.To = &r.question.To
	}
	for _, c := range scopeSets {
		all := make([]scopeCustomerJSON, 0, len(r.Sets[c]))
		for i := range r.Sets[c] {
			x := &r.Sets[c][i]
			j := scopeCustomerJSON{Subject: x.Subject.String(), Country: "unknown", Why: list(x.Why), scopeDetailJSON: toScopeDetail(&x.Detail)}
			if x.Also != nil {
				also := toScopeDetail(x.Also)
				j.Also = &also
			}
			all = append(all, j)
		}
		v.Counts[c.String()], v.Sets[c.String()] = len(all), all
	}
	for _, u := range r.Unattributed {
		v.Unattributed = append(v.Unattributed, gap{u.Why, u.Door, u.Route, u.Recipient, u.Exchanges, u.Bytes, list(u.Classes), toRuns(u.Entries)})
	}
	for _, t := range r.Takers {
		v.Takers = append(v.Takers, taker{t.Principal, t.Kind.String(), t.Role, t.Credential, list(t.Act), t.Issuer, t.Network, t.Exchanges, t.First, t.Last})
	}
	return v
}

//go:embed scope.html
var scopePage string

// writeHTML writes the page for people to a new file.
func (r *scopeReport) writeHTML(file string) (err error) {
	page, err := template.New("scope").Funcs(template.FuncMap{
		"classes":  func(c incident.Customer) string { return classes(&c.Detail) },
		"reasons":  func(c incident.Customer) string { return strings.Join(c.Why, ", ") },
		"joined":   func(l []string) string { return orDash(joined(l)) },
		"purposes": func(l []weir.Purpose) string { return orDash(joined(l)) },
		"class":    func(l []weir.Class) string { return orDash(joined(l)) },
		"entries":  entries,
		"date":     date,
	}).Parse(scopePage)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(file))
		}
	}()
	type set struct {
		Name, Meaning, Why string
		Customers          []incident.Customer
	}
	meanings := map[incident.Certainty]string{
		incident.Confirmed: "Something of these customers left in clear, or as their own record, and the transfer ended as it should.",
		incident.Possible:  "Something of these customers may have left, or it is not known whose it was.",
		incident.Excluded:  "These customers were asked about, and nothing of them left but masked values.",
	}
	var sets []set
	for _, c := range scopeSets {
		sets = append(sets, set{c.String(), meanings[c], why(r.Sets[c]), r.Sets[c]})
	}
	var recipients []string
	var all []weir.Class
	for _, c := range r.Sets[incident.Confirmed] {
		recipients = append(recipients, c.Recipients...)
		all = append(all, c.Clear...)
	}
	slices.Sort(recipients)
	slices.Sort(all)
	return page.Execute(f, map[string]any{
		"Asked": r.asked, "At": r.at, "Covers": reachLine(r.reach), "Sets": sets, "Unattributed": r.Unattributed, "Takers": r.Takers,
		"Exchanges": r.Exchanges, "Limits": r.limits(), "Recipients": slices.Compact(recipients), "Classes": slices.Compact(all), "Bundle": r.bundle,
	})
}

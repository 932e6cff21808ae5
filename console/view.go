package console

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/watch"
)

// Bounds on what is shown at once.
const (
	maxRows   = 24  // parties of one kind
	maxOwn    = 4   // customers among them who do nothing but see their own record
	maxHolds  = 50  // holds
	maxShown  = 30  // alerts
	chartSpan = 120 // seconds of the flow chart
)

// view is the state of the whole page at one moment. Templates read it; nothing
// changes it.
type view struct {
	Now          time.Time
	CSRF         string // only for the page as a whole
	Exposure     Exposure
	Figures      []figure
	Rate         rate
	Groups       []group
	Holds        []Hold
	MoreHolds    int
	Requests     []Request
	MoreRequests int
	Alerts       []watch.Alert
	Exchanges    []*exchange
	Denied       []*exchange
	Total        int64
	Reading      string
	Ledger       LedgerStatus
	Check        check
}

// figure is one of the big numbers.
type figure struct {
	ID        string
	Scope     string // "One credential", "All together"
	Span      string // "next hour"
	Could     int    // weir.Unbounded: no bound
	Known     bool   // false: nobody to speak of yet
	Taken     bar
	Who       string // whose figure it is; "": obvious
	TakenText string
}

// group is the parties of one kind.
type group struct {
	Kind  weir.PartyKind
	ID    string
	Title string
	Rows  []Row
	More  int // rows left out, all with smaller figures
	// MoreOwn counts customers left out who see their own record and nothing
	// else: there are many, and little to see.
	MoreOwn int
}

// listing is a table of exchanges; its prefix keeps the ids of two listings apart.
type listing struct {
	List string
	Now  time.Time
	Rows []*exchange
}

// bar is how full a budget is.
type bar struct {
	Taken, Limit int
	Own          bool // a customer's own record: that it is full is as it should be
}

// page gives the view of now.
func (c *Console) page(csrf string) view {
	v := view{Now: time.Now().UTC(), CSRF: csrf, Exposure: c.source.Exposure(), Ledger: c.source.Ledger()}
	v.Holds = slices.Clone(c.source.Holds())
	slices.SortStableFunc(v.Holds, func(a, b Hold) int {
		return cmp.Or(b.Since.Compare(a.Since), strings.Compare(a.Party.String(), b.Party.String()))
	})
	v.Alerts = alertsOf(c.source.Alerts(), v.Holds)
	if over := len(v.Holds) - maxHolds; over > 0 {
		v.Holds, v.MoreHolds = v.Holds[:maxHolds], over
	}
	v.Requests = c.source.Requests()
	if over := len(v.Requests) - maxRequests; over > 0 {
		v.Requests, v.MoreRequests = v.Requests[:maxRequests], over
	}
	v.Exposure = v.Exposure.honest()
	v.Figures = figuresOf(v.Exposure)
	v.Groups = groupsOf(v.Exposure)

	c.mu.Lock()
	defer c.mu.Unlock()
	v.Rate = rateOf(c.stream.since(v.Now.Add(-time.Second), chartSpan)) // this second is not over
	v.Total = c.stream.total
	v.Exchanges = copies(c.stream.last.newest())
	v.Denied = copies(c.stream.denied.newest())
	v.Reading = c.reading
	v.Check = c.check
	return v
}

// alertsOf gives the newest alerts. The end of the hold that came with one is
// shown only while somebody of it is still held.
func alertsOf(all []watch.Alert, holds []Hold) []watch.Alert {
	shown := slices.Clone(all[:min(len(all), maxShown)])
	for i := range shown {
		a := &shown[i]
		credential := weir.Party{Kind: weir.ByCredential, Name: a.Credential}
		if !slices.ContainsFunc(holds, func(h Hold) bool { return h.Party == credential || h.Party.String() == a.Party }) {
			a.Until = time.Time{}
		}
	}
	return shown
}

// copies gives the exchanges as they are now, so that they can be rendered
// without the lock.
func copies(xs []*exchange) []*exchange {
	all := make([]*exchange, len(xs))
	for i, x := range xs {
		kept := *x
		kept.Chips = slices.Clone(x.Chips)
		kept.lanes = nil
		all[i] = &kept
	}
	return all
}

// render makes the newest state of the regions and publishes it. Unless all are
// wanted, the lists of exchanges are left out while they change faster than
// anybody reads: they are what costs a browser most.
func (c *Console) render(all bool) error {
	v := c.page("")
	var html [len(regions)][]byte
	for i, name := range regions {
		if !all && v.Rate.Now > busyRate && (name == "exchanges" || name == "denied") {
			continue
		}
		var b bytes.Buffer
		if err := c.pages.ExecuteTemplate(&b, name, v); err != nil {
			return err
		}
		html[i] = b.Bytes()
	}
	c.live.publish(&html)
	return nil
}

// honest gives the exposure with no bound claimed where no policy is in force.
func (x Exposure) honest() Exposure {
	if x.Mode == Enforcing {
		return x
	}
	why := "Nothing is enforced: every credential can take every customer."
	switch x.Mode {
	case Observe:
		why = "Weir only observes: every credential can take every customer."
	case Partly:
		why = "Weir only observes these, so that every credential can take every customer there: " + strings.Join(x.Observing, ", ") + "."
	}
	if len(x.Unbounded) == 0 || x.Unbounded[0].Kind != exposure.NotEnforced {
		x.Unbounded = append([]exposure.Open{{Kind: exposure.NotEnforced, Text: why}}, x.Unbounded...)
	}
	x.Rows = slices.Clone(x.Rows)
	for i := range x.Rows {
		x.Rows[i].CouldHour, x.Rows[i].CouldDay = weir.Unbounded, weir.Unbounded
	}
	return x
}

// figuresOf gives the big numbers: the worst single credential, and everybody
// together, in the next hour and day.
func figuresOf(x Exposure) []figure {
	var hour, day, together *Row // worst by hour, worst by day, the deployment
	var tookHour, tookDay *Row   // who took most
	for i := range x.Rows {
		r := &x.Rows[i]
		switch r.Party.Kind {
		case weir.ByCredential:
			if hour == nil || more(r.CouldHour, hour.CouldHour) {
				hour = r
			}
			if day == nil || more(r.CouldDay, day.CouldDay) {
				day = r
			}
			if tookHour == nil || r.Taken[r.lane()][weir.Hour] > tookHour.Taken[tookHour.lane()][weir.Hour] {
				tookHour = r
			}
			if tookDay == nil || r.Taken[r.lane()][weir.Day] > tookDay.Taken[tookDay.lane()][weir.Day] {
				tookDay = r
			}
		case weir.ByDeployment:
			together = r
		}
	}
	one := func(id, span, past string, could, took *Row, w weir.Window, amount func(*Row) int) figure {
		f := figure{ID: id, Scope: "One stolen credential", Span: span}
		if could == nil {
			return f
		}
		f.Known, f.Could = true, amount(could)
		f.Who = cmp.Or(could.Who, could.Party.Name)
		lane := took.lane()
		f.Taken = bar{took.Taken[lane][w], took.Budget[lane][w], took.Own}
		f.TakenText = "most by one credential " + past
		return f
	}
	all := func(id, span, past string, w weir.Window, amount func(*Row) int) figure {
		f := figure{ID: id, Scope: "All credentials together", Span: span}
		if together == nil {
			return f
		}
		f.Known, f.Could = true, amount(together)
		f.Taken = bar{Taken: together.Taken[weir.Clear][w], Limit: together.Budget[weir.Clear][w]}
		f.TakenText = "taken " + past
		return f
	}
	couldHour := func(r *Row) int { return r.CouldHour }
	couldDay := func(r *Row) int { return r.CouldDay }
	return []figure{
		one("one-hour", "in the next hour", "in the last hour", hour, tookHour, weir.Hour, couldHour),
		one("one-day", "in the next day", "in the last day", day, tookDay, weir.Day, couldDay),
		all("all-hour", "in the next hour", "in the last hour", weir.Hour, couldHour),
		all("all-day", "in the next day", "in the last day", weir.Day, couldDay),
	}
}

// more reports whether limit a lets more through than b.
func more(a, b int) bool {
	if a == weir.Unbounded || b == weir.Unbounded {
		return a == weir.Unbounded && b != weir.Unbounded
	}
	return a > b
}

// groupsOf gives the parties by kind, the worst of each first.
func groupsOf(x Exposure) []group {
	groups := []group{
		{Kind: weir.ByCredential, Title: "Credentials"},
		{Kind: weir.ByPrincipal, Title: "Principals"},
		{Kind: weir.ByActor, Title: "Actors"},
		{Kind: weir.ByRole, Title: "Roles"},
		{Kind: weir.ByIssuer, Title: "Issuers"},
		{Kind: weir.ByNetwork, Title: "Networks"},
		{Kind: weir.ByDeployment, Title: "Deployment"},
	}
	for i := range groups {
		g := &groups[i]
		g.ID = g.Kind.String()
		for _, r := range x.Rows {
			if r.Party.Kind == g.Kind {
				g.Rows = append(g.Rows, r)
			}
		}
		g.More = x.More[g.Kind]
		slices.SortStableFunc(g.Rows, worstFirst)
		own := 0
		g.Rows = slices.DeleteFunc(g.Rows, func(r Row) bool {
			if !r.Own || r.Held || r.Denied > 0 {
				return false
			}
			own++
			return own > maxOwn
		})
		g.MoreOwn = max(0, own-maxOwn)
		if over := len(g.Rows) - maxRows; over > 0 {
			g.Rows = g.Rows[:maxRows]
			g.More += over
		}
	}
	return groups
}

func worstFirst(a, b Row) int {
	switch {
	case more(a.CouldHour, b.CouldHour) && a.CouldHour == weir.Unbounded:
		return -1
	case more(b.CouldHour, a.CouldHour) && b.CouldHour == weir.Unbounded:
		return 1
	case a.Held != b.Held && a.Held:
		return -1
	case a.Held != b.Held:
		return 1
	}
	return cmp.Or(
		cmp.Compare(b.Budget[b.lane()][weir.Hour], a.Budget[a.lane()][weir.Hour]),
		cmp.Compare(b.Taken[b.lane()][weir.Hour], a.Taken[a.lane()][weir.Hour]),
		cmp.Compare(b.Taken[b.lane()][weir.Day], a.Taken[a.lane()][weir.Day]),
		strings.Compare(a.Party.Name, b.Party.Name),
	)
}

// lane is the lane whose bars are shown.
func (r *Row) lane() weir.Lane {
	if r.Own {
		return weir.Own
	}
	return weir.Clear
}

// Bars gives a bar for each window.
func (r Row) Bars() []bar {
	bars := make([]bar, weir.NumWindows)
	for w := range weir.NumWindows {
		bars[w] = bar{r.Taken[r.lane()][w], r.Budget[r.lane()][w], r.Own}
	}
	return bars
}

// MaskedDay gives what left masked within a day.
func (r Row) MaskedDay() bar {
	return bar{Taken: r.Taken[weir.Masked][weir.Day], Limit: r.Budget[weir.Masked][weir.Day]}
}

// Name is how the party is called in its table.
func (r Row) Name() string { return cmp.Or(r.Party.Name, "all of it") }

// ID is the party's element id, of letters that an id may have.
func (r Row) ID() string { return "p-" + elementID(r.Party.String()) }

// Open reports whether there is no bound.
func (b bar) Open() bool { return b.Limit == weir.Unbounded }

// Fill gives how full the bar is, in hundredths; whatever was taken shows.
func (b bar) Fill() int {
	switch {
	case b.Open(), b.Limit <= 0 && b.Taken > 0:
		return 100
	case b.Limit <= 0 || b.Taken <= 0:
		return 0
	}
	return min(100, max(2, 100*b.Taken/b.Limit))
}

// Level says in a word how full it is: open, none, own, calm, near or spent.
func (b bar) Level() string {
	switch {
	case b.Open():
		return "open"
	case b.Limit <= 0 && b.Taken <= 0:
		return "none"
	case b.Own && b.Taken <= b.Limit:
		return "own"
	case b.Taken >= b.Limit:
		return "spent"
	case 5*b.Taken >= 4*b.Limit:
		return "near"
	}
	return "calm"
}

// Text says it in words.
func (b bar) Text() string {
	if b.Open() {
		return number(b.Taken) + " of no limit"
	}
	return number(b.Taken) + " of " + number(b.Limit)
}

// rate is the flow of the last minutes.
type rate struct {
	Now, Clear, Denied int    // in the last whole second
	Peak               int    // exchanges in the busiest second shown
	Flow, Stopped      string // SVG paths in a box of chartSpan by 40
}

func rateOf(seconds []second) rate {
	var r rate
	for _, s := range seconds {
		r.Peak = max(r.Peak, s.exchanges)
	}
	if n := len(seconds); n > 0 {
		last := seconds[n-1]
		r.Now, r.Clear, r.Denied = last.exchanges, last.clear, last.denied
	}
	area := func(amount func(second) int) string {
		var path strings.Builder
		path.WriteString("M0 40")
		for i, s := range seconds {
			fmt.Fprintf(&path, "L%d %.1f", i, 40-36*float64(amount(s))/float64(max(1, r.Peak)))
		}
		fmt.Fprintf(&path, "L%d 40Z", max(0, len(seconds)-1))
		return path.String()
	}
	r.Flow = area(func(s second) int { return s.exchanges })
	r.Stopped = area(func(s second) int { return s.denied })
	return r
}

// Ended says in words how the exchange ended.
func (x *exchange) Ended() string {
	switch weir.Reason(x.Outcome) {
	case "":
		return "under way"
	case weir.ReasonCredential:
		return "credential does not hold"
	case weir.ReasonRole:
		return "not for this role"
	case weir.ReasonPurpose:
		return "not for this purpose"
	case weir.ReasonBlocked:
		return "blocked by policy"
	case weir.ReasonNotOwn:
		return "not its own record"
	case weir.ReasonBudget:
		return "budget spent"
	case weir.ReasonHold:
		return "held"
	case weir.ReasonRecord:
		return "not recordable"
	case weir.ReasonStore:
		return "node out of touch"
	}
	return strings.ReplaceAll(x.Outcome, "-", " ")
}

// ElementID is the exchange's element id.
func (x *exchange) ElementID() string { return "x-" + x.ID.String() }

// Percent gives how much of the verification is done.
func (k check) Percent() int {
	if k.of <= 0 {
		return 0
	}
	return int(100 * min(k.done, k.of) / k.of)
}

// Running, At, Result and Failed show a check to the templates.
func (k check) Running() bool        { return k.running }
func (k check) At() time.Time        { return k.at }
func (k check) Result() Verification { return k.result }
func (k check) Failed() bool         { return k.err }

// elementID gives an id that differs for different s.
func elementID(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func parsePages() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"number": func(n any) string {
			switch n := n.(type) {
			case int64:
				return number(int(n))
			case int:
				return number(n)
			}
			return ""
		},
		"bytes": byteCount,
		"short": short,
		"clock": clock,
		"seen": func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return t.UTC().Format("2 Jan 2006 15:04")
		},
		"witnessed": witnessed,
		"stamp":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"left":      left,
		"partyID":   func(p weir.Party) string { return elementID(p.String()) },
		"party":     func(text string) weir.Party { p, _ := weir.ParseParty(text); return p },
		"root":      func(hash [32]byte) string { return fmt.Sprintf("%x…%x", hash[:4], hash[30:]) },
		"hex":       func(hash [32]byte) string { return fmt.Sprintf("%x", hash) },
		"list": func(prefix string, now time.Time, rows []*exchange) listing {
			return listing{prefix, now, rows}
		},
		"words": func(s string) string { return strings.ReplaceAll(s, "-", " ") },
	}).ParseFS(assets, "assets/*.html")
}

// number writes n with thousands apart.
func number(n int) string {
	digits := fmt.Sprint(max(n, -n))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "−" + digits
	}
	return digits
}

// byteCount writes n bytes in binary units (IEC 80000-13).
func byteCount(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprint(n, " B")
	}
	f, u := float64(n)/1024, 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[u])
}

// short cuts the middle out of a long name; the whole stays in its title.
func short(s string) string {
	r := []rune(s)
	if len(r) <= 26 {
		return s
	}
	return string(r[:16]) + "…" + string(r[len(r)-7:])
}

// witnessed says in a sentence who vouches for the ledger.
func witnessed(now time.Time, l LedgerStatus) string {
	w := l.Witnesses
	switch {
	case w.Of == 0:
		return "Self-attested: nobody but its own key vouches for it."
	case w.By == 0:
		return fmt.Sprintf("Not yet: %d of %d witnesses have to sign.", w.Need, w.Of)
	}
	text := fmt.Sprintf("By %d of %d, last %s ago", w.By, w.Of, span(now.Sub(w.Last)))
	if behind := l.Entries - w.Size; behind > 0 {
		return fmt.Sprintf("%s; for the last %s entries only its own key vouches.", text, number(int(behind)))
	}
	return text + "."
}

// span writes how long ago something was, in its largest unit.
func span(d time.Duration) string {
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// clock writes the time of day in UTC, with the date where it is not now's.
func clock(now, t time.Time) string {
	t = t.UTC()
	if now.Sub(t).Abs() < 12*time.Hour || now.Format(time.DateOnly) == t.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2 Jan 15:04")
}

// left says how long it is until t, in the largest unit that says enough.
func left(now, t time.Time) string {
	d := t.Sub(now)
	switch {
	case d <= 0:
		return "over"
	case d < time.Minute:
		return "under a minute left"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min left", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h left", int(d.Hours()))
	}
	return fmt.Sprintf("%d days left", int(d.Hours())/24)
}

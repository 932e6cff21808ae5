package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	// So that a policy means the same on a machine without a zone database.
	_ "time/tzdata"

	"github.com/getweir/weir"
)

// needs are what a role asks of a request beside the credential.
type needs struct {
	at
	secondFactor time.Duration // no older than; 0: none is needed
	networks     []string      // one of them; nil: any
	hours        []hours       // in one of them; nil: always
	ticket       *regexp.Regexp
	ticketText   string // as it is written: true, or a pattern
	approval     bool
}

// hours are times of the week in a zone.
type hours struct {
	text     string
	days     [7]bool // by time.Weekday
	from, to int     // minutes of the day; to <= from: until that time of the next day
	zone     *time.Location
}

// anyTicket is what every ticket looks like, whatever the policy says besides: it
// goes on the record, so nothing else may be written in its place.
const anyTicket = `[0-9A-Za-z#_./-]{1,64}`

var ticketForm = regexp.MustCompile(`\A` + anyTicket + `\z`)

// A Requirement is what a role needs, in words.
type Requirement struct {
	Position
	Role  string        `json:"role"`
	Needs weir.NeedKind `json:"needs"`
	Text  string        `json:"text"`
}

// Needs lists what roles need beside a credential, in the order of the file.
func (p *Policy) Needs() (all []Requirement) {
	for _, name := range p.roleNames {
		r := p.roles[name]
		if r.needs == nil {
			continue
		}
		for _, kind := range weir.NeedKinds() {
			if text := r.needs.words(kind); text != "" {
				all = append(all, Requirement{p.position(r.needs.at), name, kind, text})
			}
		}
	}
	return all
}

// words says what is needed of a kind; "": nothing.
func (n *needs) words(kind weir.NeedKind) string {
	if n == nil {
		return ""
	}
	switch {
	case kind == weir.NeedSecondFactor && n.secondFactor > 0:
		return "a second factor not older than " + spanText(n.secondFactor)
	case kind == weir.NeedNetwork && n.networks != nil:
		return "one of the networks " + strings.Join(n.networks, ", ")
	case kind == weir.NeedHours && n.hours != nil:
		var all []string
		for _, h := range n.hours {
			all = append(all, h.text)
		}
		return "the hours " + strings.Join(all, ", ")
	case kind == weir.NeedTicket && n.ticket != nil && n.ticketText == "true":
		return "a ticket"
	case kind == weir.NeedTicket && n.ticket != nil:
		return "a ticket like " + n.ticketText
	case kind == weir.NeedApproval && n.approval:
		return "the approval of a second person"
	}
	return ""
}

// missing says what an exchange lacks; nil: nothing. The sentences go to whoever
// asks, so they say what to do and name nothing of the policy's.
func (n *needs) missing(x *weir.Exchange, now time.Time) *weir.Denial {
	var lacks []weir.Need
	var words []string
	var retry time.Duration
	lack := func(kind weir.NeedKind, text string) {
		lacks, words = append(lacks, weir.Need{Kind: kind}), append(words, text)
	}
	if n.secondFactor > 0 && !fresh(&x.Principal, n.secondFactor, now) {
		lack(weir.NeedSecondFactor, "Sign in again with a second factor; it may not be older than "+spanText(n.secondFactor)+".")
		lacks[len(lacks)-1].MaxAge = n.secondFactor
	}
	if n.networks != nil && !slices.Contains(n.networks, x.Principal.Network) {
		lack(weir.NeedNetwork, "This role may not act from this network.")
	}
	if n.hours != nil && !slices.ContainsFunc(n.hours, func(h hours) bool { return h.hold(now) }) {
		lack(weir.NeedHours, "This role may not act at this hour.")
		retry = n.opens(now)
	}
	if n.ticket != nil && !(ticketForm.MatchString(x.Ticket) && n.ticket.MatchString(x.Ticket)) {
		text := "Name the ticket that you work on."
		if x.Ticket != "" {
			text = "The ticket that is named is not written as one."
		}
		lack(weir.NeedTicket, text)
	}
	if n.approval && !x.Approved {
		lack(weir.NeedApproval, "Ask for the approval of a second person.")
	}
	if lacks == nil {
		return nil
	}
	return &weir.Denial{Reason: weir.ReasonNeeds, Message: strings.Join(words, " "), Needs: lacks, Retry: retry}
}

// fresh reports whether a second factor was shown within a time. One that is said
// to come from the future was not.
func fresh(pr *weir.Principal, within time.Duration, now time.Time) bool {
	// As far ahead as identity lets an issuer's clock be.
	const ahead = 2 * time.Minute
	age := now.Sub(pr.SecondFactor)
	return !pr.SecondFactor.IsZero() && age <= within && age >= -ahead
}

// hold reports whether a moment is within the hours.
func (h *hours) hold(t time.Time) bool {
	t = t.In(h.zone)
	minute := 60*t.Hour() + t.Minute()
	if h.from < h.to {
		return h.days[t.Weekday()] && minute >= h.from && minute < h.to
	}
	// Over midnight: what began yesterday goes on.
	return h.days[t.Weekday()] && minute >= h.from || h.days[(t.Weekday()+6)%7] && minute < h.to
}

// opens gives how long until the hours begin, to the minute.
func (n *needs) opens(now time.Time) time.Duration {
	var soonest time.Duration
	for i := range n.hours {
		h := &n.hours[i]
		t := now.In(h.zone)
		for day := range 8 {
			at := time.Date(t.Year(), t.Month(), t.Day()+day, h.from/60, h.from%60, 0, 0, h.zone)
			if wait := at.Sub(now); h.days[at.Weekday()] && wait > 0 {
				if soonest == 0 || wait < soonest {
					soonest = wait
				}
				break
			}
		}
	}
	return soonest
}

// spanText writes a time as the language does.
func spanText(d time.Duration) string {
	day := 24 * time.Hour
	unit := func(n time.Duration, name string) string {
		if n == 1 {
			return "1 " + name
		}
		return strconv.Itoa(int(n)) + " " + name + "s"
	}
	switch {
	case d%day == 0:
		return unit(d/day, "day")
	case d%time.Hour == 0:
		return unit(d/time.Hour, "hour")
	case d%time.Minute == 0:
		return unit(d/time.Minute, "minute")
	}
	return d.String()
}

func (c *compiler) readNeeds(role string, f pair) *needs {
	fields, ok := c.fields(f.value, inNeeds)
	if !ok {
		return nil
	}
	n := &needs{at: f.at}
	if f, ok := fields["second factor"]; ok {
		n.secondFactor = c.span(f)
	}
	if f, ok := fields["networks"]; ok {
		n.networks = []string{}
		for _, item := range c.list(f) {
			if !isPartyName(item.text) {
				c.errorf(item.at, "networks: the names of networks have no spaces in them and at most %d bytes", maxName)
				continue
			}
			n.networks = append(n.networks, item.text)
		}
		if f.value.kind == sequence && len(f.value.items) == 0 {
			c.errorf(f.value.at, "networks: an empty list: nobody could act in the role (leave the key out for any network)")
		}
	}
	if f, ok := fields["hours"]; ok {
		n.hours = []hours{}
		items := []*node{f.value}
		if f.value.kind == sequence {
			items = c.list(f)
		} else if _, ok := c.text(f); !ok {
			items = nil
		}
		for _, item := range items {
			h, message := c.hoursOf(item.text)
			if message != "" {
				c.errorf(item.at, "hours: %s", message)
				continue
			}
			n.hours = append(n.hours, h)
		}
	}
	if f, ok := fields["ticket"]; ok {
		if text, ok := c.text(f); ok {
			c.readTicket(n, f, text)
		}
	}
	if f, ok := fields["approval"]; ok {
		n.approval = c.word(f, "true", "false") == "true"
	}
	if len(fields) == 0 {
		c.warnf(f.at, "role %s: needs names nothing that is needed", role)
	}
	return n
}

func (c *compiler) readTicket(n *needs, f pair, text string) {
	n.ticketText = text
	pattern := text
	switch text {
	case "true":
		pattern = anyTicket
	case "false":
		return
	}
	re, compiled := c.tickets[pattern]
	switch {
	case compiled:
	case len(pattern) > maxPattern:
		c.errorf(f.value.at, "ticket: a pattern of at most %d bytes", maxPattern)
		return
	case len(c.tickets) == maxTickets:
		c.errorf(f.value.at, "ticket: more than %d different patterns", maxTickets)
		return
	default:
		c.tickets[pattern] = nil
		if _, err := regexp.Compile(pattern); err != nil {
			c.errorf(f.value.at, "ticket: true, or a pattern as INC-[0-9]+ (%s)", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			return
		}
		var err error
		if re, err = regexp.Compile(`\A(?:` + pattern + `)\z`); err != nil { // it was as deep as a pattern may be
			c.errorf(f.value.at, "ticket: this pattern nests too deeply")
			return
		}
		c.tickets[pattern] = re
	}
	if re == nil {
		c.errorf(f.value.at, "ticket: the same mistake as before")
		return
	}
	if re.MatchString("") {
		c.errorf(f.value.at, "ticket: this pattern takes no ticket at all for one")
	}
	n.ticket = re
}

// Bounds on what is loaded and compiled: each costs, and 10,000 roles may name as
// many.
const (
	maxZones   = 600 // there are fewer
	maxTickets = 100
)

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// hoursOf reads "mon-fri 08:00-18:00 Europe/Berlin". The message is a sentence for
// the author of the policy; "": none.
func (c *compiler) hoursOf(text string) (h hours, message string) {
	const form = "days, times and a zone, as mon-fri 08:00-18:00 Europe/Berlin"
	parts := strings.Fields(text)
	if len(parts) == 2 {
		return h, "in which zone? " + form
	}
	if len(parts) != 3 {
		return h, form
	}
	h.text = strings.Join(parts, " ")
	for part := range strings.SplitSeq(parts[0], ",") {
		if part == "daily" {
			h.days = [7]bool{true, true, true, true, true, true, true}
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		from := slices.Index(weekdays[:], first)
		to := from
		if isRange {
			to = slices.Index(weekdays[:], last)
		}
		if from < 0 || to < 0 {
			return h, fmt.Sprintf("%q: days are written as mon, mon-fri, sat,sun or daily", part)
		}
		for d := from; ; d = (d + 1) % 7 {
			h.days[d] = true
			if d == to {
				break
			}
		}
	}
	from, to, _ := strings.Cut(parts[1], "-")
	var ok, ok2 bool
	if h.from, ok = minuteOf(from); ok {
		h.to, ok2 = minuteOf(to)
	}
	if !ok || !ok2 || h.from == 24*60 || h.to == 0 && h.from == 0 || h.from == h.to {
		return h, fmt.Sprintf("%q: times are written as 08:00-18:00, and 22:00-06:00 goes over midnight", parts[1])
	}
	// "Local" would mean what the machine is set to, and "" is UTC without a word.
	zone, loaded := c.zones[parts[2]]
	if !loaded && len(c.zones) < maxZones {
		if found, err := time.LoadLocation(parts[2]); err == nil && parts[2] != "Local" {
			zone = found
		}
		c.zones[parts[2]] = zone
	}
	if zone == nil {
		return h, fmt.Sprintf("%q is no time zone as Europe/Berlin or UTC", parts[2])
	}
	h.zone = zone
	return h, ""
}

func minuteOf(text string) (int, bool) {
	hour, minute, ok := strings.Cut(text, ":")
	a, err := strconv.Atoi(hour)
	b, err2 := strconv.Atoi(minute)
	if !ok || err != nil || err2 != nil || len(hour) != 2 || len(minute) != 2 || a < 0 || b < 0 || b > 59 || a*60+b > 24*60 {
		return 0, false
	}
	return a*60 + b, true
}

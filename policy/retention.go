package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Retention says how long something is kept: a time after an event. The zero
// Retention says nothing.
type Retention struct {
	// After is the event that begins the time: one of Events.
	After Event
	// The time, by the calendar; none of them: it goes when the event comes.
	Years, Months, Days int
}

// An Event is something that happens to a customer's record, from which a
// retention counts.
type Event string

// The events of the language.
const (
	Collected        Event = "collected"         // the value was first stored
	AccountClosed    Event = "account closed"    // the customer has left
	ContractEnded    Event = "contract ended"    // a subscription or another contract
	ConsentWithdrawn Event = "consent withdrawn" // to the purpose that it is kept for
	LastOrder        Event = "last order"
	LastSignIn       Event = "last sign-in"
	LastContact      Event = "last contact"    // with the support
	PaymentSettled   Event = "payment settled" // of the order that it belongs to
	RequestAnswered  Event = "request answered"
	Expired          Event = "expired" // by itself, as a card or a token does
)

// Events gives the events that a retention may count from.
func Events() []Event {
	return []Event{Collected, AccountClosed, ContractEnded, ConsentWithdrawn, LastOrder, LastSignIn, LastContact, PaymentSettled, RequestAnswered, Expired}
}

// IsZero reports whether r says nothing.
func (r Retention) IsZero() bool { return r.After == "" }

// End gives when what is kept must be gone, for an event at a time.
func (r Retention) End(event time.Time) time.Time { return event.AddDate(r.Years, r.Months, r.Days) }

// maxYears bounds a retention: longer is meant by nobody.
const maxYears = 100

// parseRetention reads "account closed + 30 days". The message is a sentence for
// the author of the policy; "": none.
func parseRetention(text string) (r Retention, message string) {
	event, span, later := strings.Cut(text, "+")
	after := Event(strings.TrimSpace(event))
	if !slices.Contains(Events(), after) {
		var known []string
		for _, e := range Events() {
			known = append(known, string(e))
		}
		return r, strconv.Quote(string(after)) + " is no event from which a time counts (" + strings.Join(known, ", ") + "), as in account closed + 30 days" + didYouMean(string(after), known)
	}
	r.After = after
	if !later {
		return r, ""
	}
	const form = "a time is written as 30 days, 6 months or 10 years"
	number, unit, ok := strings.Cut(strings.TrimSpace(span), " ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 {
		return Retention{}, form
	}
	switch strings.TrimSuffix(strings.TrimSpace(unit), "s") {
	case "day":
		r.Days = n
	case "week":
		r.Days = 7 * min(n, 53*maxYears)
	case "month":
		r.Months = n
	case "year":
		r.Years = n
	default:
		return Retention{}, form
	}
	if r.Years > maxYears || r.Months > 12*maxYears || r.Days > 366*maxYears {
		return Retention{}, "longer than " + strconv.Itoa(maxYears) + " years"
	}
	return r, ""
}

package guard

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir/ledger"
)

// An Uptime tells how long the machine has been up since it booted, asleep or not,
// and which boot that was. An empty boot: it cannot tell.
//
// Nobody can set that clock. Across a restart of Weir it vouches for how much time
// has passed, which the wall clock does not: whoever sets that one forward would
// empty every window.
type Uptime func() (boot string, up time.Duration)

// reading is the rule of a Start entry: a boot and how long the machine had been up.
func reading(boot string, up time.Duration) string {
	if boot == "" {
		return ""
	}
	return fmt.Sprintf("up/%s/%d", boot, up.Nanoseconds())
}

func parseReading(rule string) (boot string, up time.Duration) {
	text, ok := strings.CutPrefix(rule, "up/")
	boot, ns, more := strings.Cut(text, "/")
	n, err := strconv.ParseInt(ns, 10, 64)
	if !ok || !more || boot == "" || err != nil || n < 0 {
		return "", 0
	}
	return boot, time.Duration(n)
}

// A timeline gives the times of entries as the meter counts them: only time that
// somebody vouches for passes. Within the life of a process that is its monotonic
// clock, which every entry of a guard's has its time from; from one process to the
// next, the machine's uptime, if it has not booted in between. What else lies between
// two entries, if the machine was off, or somebody set its clock, does not count: the
// windows hold that much longer.
type timeline struct {
	Newest time.Time     // of the entries that guards have written
	Lag    time.Duration // how far the counted time is behind the times of entries
	// The newest reading of the uptime, and the counted time at it.
	Boot string
	Up   time.Duration
	At   time.Time
}

// read takes in the next entry of the ledger, and gives its time as it is counted.
func (t *timeline) read(e *ledger.Entry) time.Time {
	switch e.Kind {
	case ledger.Start:
		boot, up := parseReading(e.Rule)
		at := t.after(boot, up)
		if t.Newest.IsZero() || at.After(e.Time) {
			at = e.Time
		}
		t.Lag = e.Time.Sub(at)
		t.Boot, t.Up, t.At = boot, up, at
	case ledger.Intent, ledger.Release, ledger.Denied, ledger.Close, ledger.Summary, ledger.PolicyLoaded:
	default:
		return e.Time.Add(-t.Lag) // another's clock
	}
	if e.Time.After(t.Newest) {
		t.Newest = e.Time
	}
	return e.Time.Add(-t.Lag)
}

// now gives the counted time of the newest entry that tells it.
func (t *timeline) now() time.Time { return t.Newest.Add(-t.Lag) }

// after gives the counted time at a later reading.
func (t *timeline) after(boot string, up time.Duration) time.Time {
	at := t.now()
	if boot != "" && boot == t.Boot && up > t.Up {
		if vouched := t.At.Add(up - t.Up); vouched.After(at) {
			at = vouched
		}
	}
	return at
}

// begin sets the guard's clock to go on from where the ledger ends, at last. Its time
// is the machine's, or later where that was set back; what of it counts is what the
// uptime vouches for.
func (g *Guard) begin(last time.Time) {
	if last.After(g.base) {
		g.log.Warn("clock stands before the ledger's last entry; going on from there", "behind", last.Sub(g.base).Round(time.Second))
		g.base = last
	}
	t := &g.times
	if t.Newest.IsZero() {
		return
	}
	boot, up := g.uptime()
	counted := t.after(boot, up)
	if vouched := counted.Add(t.Lag); vouched.After(g.base) {
		g.base = vouched // the clock was set back, and this much has passed all the same
	}
	g.follows, g.lag = true, g.base.Sub(counted)
	if unsure := g.lag - t.Lag; unsure > time.Minute {
		g.log.Warn("nobody vouches for the time since the last entry: the machine was off, or its clock was set; budgets count it as not passed", "since", unsure.Round(time.Second))
	}
}

// started is the entry that says that a guard's times begin anew, and how they hang
// together with those before.
func (g *Guard) started(text string) *ledger.Entry {
	e := &ledger.Entry{Kind: ledger.Start, Time: g.now(), Policy: g.Policy().Version(), Text: text}
	e.Rule = reading(g.uptime())
	return e
}

// withStart puts that entry before the first of a guard's that was not begun: without
// it, the time between its entries and those before would count as passed.
func (g *Guard) withStart(entries []*ledger.Entry) []*ledger.Entry {
	if g.begun.Load() || !g.follows {
		return entries
	}
	return append([]*ledger.Entry{g.started("")}, entries...)
}

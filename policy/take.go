package policy

import (
	"strconv"

	"github.com/getweir/weir"
)

// unbounded is the word for a limit that there is not.
const unbounded = "unbounded"

// maxCustomers is the largest number that a budget may name. Whoever needs more
// than this has no bound to speak of, and says so with the word.
const maxCustomers = 10_000_000_000

// namedTake is a `take` of the file: whose, where, and what it gives.
type namedTake struct {
	at
	whose   string
	block   string // the block of the language that it stands in
	budgets *weir.Budgets
	terms   *weir.Terms       // nil: none
	lanes   [weir.NumLanes]at // where each lane stands; zero where it does not
}

// take reads a `take` or `together` block.
func (c *compiler) take(whose, block string, n *node) namedTake {
	budgets := new(weir.Budgets)
	named := namedTake{at: n.at, whose: whose, block: block, budgets: budgets}
	fields, ok := c.fields(n, inTake)
	if !ok {
		return named
	}
	for lane := weir.Clear; lane < weir.NumLanes; lane++ {
		if f, ok := fields[lane.String()]; ok {
			budgets[lane] = c.budget(whose, f)
			named.lanes[lane] = f.at
			c.terms(&named, lane, f)
		}
	}
	if _, ok := fields[weir.Sensitive.String()]; !ok {
		budgets[weir.Sensitive] = budgets[weir.Clear]
	} else if wider(budgets[weir.Sensitive], budgets[weir.Clear]) {
		c.warnf(named.lanes[weir.Sensitive], "%s: the lane sensitive is wider than the lane clear, which bounds it", whose)
	}
	c.takes = append(c.takes, named)
	return named
}

// budget reads the windows of one lane. A window that is not given takes the
// value of the next longer one; the ceiling must always be stated.
func (c *compiler) budget(whose string, p pair) (b weir.Budget) {
	n := p.value
	if n.kind == scalar {
		if n.text == unbounded {
			c.warnf(p.at, "%s: the lane %s is unbounded", whose, p.key)
			return weir.Budget{weir.Unbounded, weir.Unbounded, weir.Unbounded}
		}
		if _, err := strconv.Atoi(n.text); err == nil {
			c.errorf(n.at, "say in which time: {30 days: %s}", n.text)
			return b
		}
		c.errorf(n.at, "a budget is a number for each of hour, day and 30 days, or %s", unbounded)
		return b
	}
	fields, ok := c.fields(n, inBudget)
	if !ok {
		return b
	}
	if len(n.pairs) == 0 {
		c.errorf(p.at, "the budget of %s gives no number", p.key)
		return b
	}
	_, hour := fields[weir.Hour.String()]
	_, day := fields[weir.Day.String()]
	_, month := fields[weir.Month.String()]
	switch {
	case !month:
		c.errorf(p.at, "the budget of %s needs its ceiling: %s", p.key, weir.Month)
		return b
	case hour && !day:
		c.errorf(p.at, "the budget of %s has %s, so it needs %s", p.key, weir.Hour, weir.Day)
		return b
	}
	for w := int(weir.Month); w >= int(weir.Hour); w-- {
		f, given := fields[weir.Window(w).String()]
		if !given {
			b[w] = b[w+1]
			continue
		}
		limit, ok := c.limit(f)
		if !ok {
			return b
		}
		if w < int(weir.Month) && exceeds(limit, b[w+1]) {
			c.errorf(f.at, "%s is more than %s: %s > %s", weir.Window(w), weir.Window(w+1), limitText(limit), limitText(b[w+1]))
		}
		if limit == weir.Unbounded {
			c.warnf(f.at, "%s: the lane %s is unbounded in %s", whose, p.key, weir.Window(w))
		}
		b[w] = limit
	}
	return b
}

// limit reads a number of customers.
func (c *compiler) limit(p pair) (int, bool) {
	n := p.value
	if n.kind != scalar {
		c.errorf(n.at, "%s: a number of customers, or %s, not %s", p.key, unbounded, nodeKindNames[n.kind])
		return 0, false
	}
	if n.text == unbounded {
		return weir.Unbounded, true
	}
	i, err := strconv.Atoi(n.text)
	switch {
	case err != nil || !n.plain:
		c.errorf(n.at, "%s: a whole number of customers, or %s%s", p.key, unbounded, c.hint(n.text, []string{unbounded}))
	case i < 0:
		c.errorf(n.at, "%s: less than no customer", p.key)
	case i > maxCustomers:
		c.errorf(n.at, "%s: more than %d customers: say %s", p.key, maxCustomers, unbounded)
	default:
		return i, true
	}
	return 0, false
}

// exceeds reports whether limit a lets more through than limit b.
func exceeds(a, b int) bool {
	return b != weir.Unbounded && (a == weir.Unbounded || a > b)
}

// wider reports whether a lets more through than b in any window.
func wider(a, b weir.Budget) bool {
	for w := range a {
		if exceeds(a[w], b[w]) {
			return true
		}
	}
	return false
}

func limitText(limit int) string {
	if limit == weir.Unbounded {
		return unbounded
	}
	return strconv.Itoa(limit)
}

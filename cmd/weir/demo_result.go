package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/actors"
	"github.com/getweir/weir/ledger"
)

// demoResult is what weir demo --once says.
type demoResult struct {
	Policy     string          `json:"policy"`
	Mode       string          `json:"mode"`
	Customers  int             `json:"customers"`
	Principals []demoPrincipal `json:"principals"`
	// BoundHeld: nobody received more customers in clear than its budget.
	BoundHeld bool `json:"bound_held"`
	// CountsAgree: the ledger has at least what each received, and exactly that
	// where no answer broke off.
	CountsAgree bool `json:"counts_agree"`
	// WorkDone: every honest principal received 99 % of what it is permitted.
	WorkDone bool `json:"work_done"`
	// Theft: the stolen credential asked for everybody and got somebody.
	Theft  bool `json:"theft"`
	Ledger struct {
		Entries  int64 `json:"entries"`
		Verified bool  `json:"verified"`
	} `json:"ledger"`
	Alerts int `json:"alerts"`
	Holds  int `json:"holds"`
	// Why has, in sentences, what does not hold.
	Why []string `json:"why"`
}

// demoPrincipal is one actor. got_* are counted from the bytes that it received,
// against the true list of customers; ledger_* are the ledger's.
type demoPrincipal struct {
	Name         string `json:"name"`
	Role         string `json:"role"`
	Asked        int    `json:"asked"`
	Permitted    int    `json:"permitted"`
	GotClear     int    `json:"got_clear"`
	GotMasked    int    `json:"got_masked"`
	Budget       int    `json:"budget"`
	Denied       int    `json:"denied"`
	Broken       int    `json:"broken"`
	LedgerClear  int    `json:"ledger_clear"`
	LedgerMasked int    `json:"ledger_masked"`
	Honest       bool   `json:"honest"`
}

func (r *demoResult) holds() bool {
	return r.BoundHeld && r.CountsAgree && r.WorkDone && r.Theft && r.Ledger.Verified
}

// thief is the actor whose credential is stolen.
const thief = "stolen-support"

// judge compares what everybody received with what they may and with the ledger.
func (st *stage) judge(ctx context.Context) (*demoResult, error) {
	r := &demoResult{
		Policy: st.server.guard.Policy().Version(), Mode: modeText(st.server.guard.Mode()), Customers: len(st.truth.Customers),
		BoundHeld: true, CountsAgree: true, WorkDone: true, Theft: true, Why: []string{},
	}
	wrong := func(held *bool, format string, args ...any) {
		*held = false
		r.Why = append(r.Why, fmt.Sprintf(format, args...))
	}
	if err := st.settle(ctx); err != nil {
		return nil, err
	}
	clear, masked, alerts, holds, _, err := st.records(ctx)
	if err != nil {
		return nil, err
	}
	r.Alerts, r.Holds = alerts, holds
	tallies := st.play.Tallies()
	for i, a := range st.play.Actors() {
		t := tallies[i]
		p := demoPrincipal{
			Name: a.Name, Role: a.Role, Asked: t.Asked, Permitted: a.Permitted, GotClear: t.GotClear, GotMasked: t.GotMasked,
			Budget: st.budget(a), Denied: t.Denied, Broken: t.Broken, LedgerClear: clear[a.Name], LedgerMasked: masked[a.Name], Honest: a.Honest,
		}
		r.Principals = append(r.Principals, p)
		if p.GotClear > p.Budget {
			wrong(&r.BoundHeld, "%s received %d customers in clear, more than its budget of %d", p.Name, p.GotClear, p.Budget)
		}
		got, recorded := p.GotClear+p.GotMasked, p.LedgerClear+p.LedgerMasked
		if recorded < got || p.LedgerClear < p.GotClear || t.Broken == 0 && (p.LedgerClear != p.GotClear || p.LedgerMasked != p.GotMasked) {
			wrong(&r.CountsAgree, "%s received %d in clear and %d masked; the ledger has %d and %d", p.Name, p.GotClear, p.GotMasked, p.LedgerClear, p.LedgerMasked)
		}
		if a.Honest && got*100 < p.Permitted*99 {
			wrong(&r.WorkDone, "%s received %d of the %d customers that it is permitted", p.Name, got, p.Permitted)
		}
		if a.Name == thief {
			if p.Asked < r.Customers {
				wrong(&r.Theft, "%s asked for %d of %d customers", p.Name, p.Asked, r.Customers)
			}
			if p.GotClear == 0 {
				wrong(&r.Theft, "%s received nobody, so nothing was put to the test", p.Name)
			}
		}
	}
	report, err := ledger.Verify(filepath.Join(st.dir, "ledger"), ledger.VerifyOptions{})
	if report == nil {
		return nil, err
	}
	r.Ledger.Entries, r.Ledger.Verified = report.Entries, err == nil
	if err != nil {
		wrong(&r.Ledger.Verified, "the ledger does not verify: %v", err)
	}
	return r, nil
}

// settle waits until what the exchanges sent to the ledger, and what watch made
// of it, is on it: until no entry has come for a moment.
func (st *stage) settle(ctx context.Context) error {
	quiet := 0
	for last := int64(-1); quiet < 3; {
		n := st.server.state.ledger.Status().Entries
		if n == last {
			quiet++
		} else {
			quiet = 0
		}
		last = n
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return nil
}

// budget gives how many customers an actor may take in clear in an hour, or, for
// a customer, of its own.
func (st *stage) budget(a *actors.Actor) int {
	lane := weir.Clear
	if a.Kind == weir.Customer {
		lane = weir.Own
	}
	for _, account := range st.server.guard.Policy().Accounts(&weir.Principal{Kind: a.Kind, Name: a.Subject, Role: a.Role, Issuer: a.Issuer}) {
		if account.Party.Kind == weir.ByPrincipal {
			return account.Budgets[lane][weir.Hour]
		}
	}
	return 0
}

// shown is a line of the table that people see: an actor, or all apps together.
type shown struct {
	name, role                                         string
	asked, clear, masked, budget, denied, ledgerRecord int
	honest                                             bool
}

// lines folds the apps, which are many and alike, into one.
func lines(principals []demoPrincipal) (all []shown) {
	apps := shown{role: "customer", honest: true}
	n := 0
	for _, p := range principals {
		if strings.HasPrefix(p.Name, "app-") {
			n++
			apps.asked += p.Asked
			apps.clear += p.GotClear
			apps.masked += p.GotMasked
			apps.budget += p.Budget
			apps.denied += p.Denied
			apps.ledgerRecord += p.LedgerClear + p.LedgerMasked
			continue
		}
		all = append(all, shown{p.Name, p.Role, p.Asked, p.GotClear, p.GotMasked, p.Budget, p.Denied, p.LedgerClear + p.LedgerMasked, p.Honest})
	}
	apps.name = fmt.Sprintf("%d apps", n)
	return append([]shown{apps}, all...)
}

func writeLines(w io.Writer, all []shown, colour bool) {
	fmt.Fprintf(w, "%-18s %-12s %10s %10s %10s %10s %10s\n", "PRINCIPAL", "ROLE", "ASKED FOR", "IN CLEAR", "MASKED", "BUDGET", "DENIED")
	for _, l := range all {
		on, off := "", ""
		if colour && !l.honest {
			on, off = "\033[1;31m", "\033[0m"
		}
		fmt.Fprintf(w, "%s%-18s%s %-12s %10d %10d %10d %10d %10d\n", on, l.name, off, l.role, l.asked, l.clear, l.masked, l.budget, l.denied)
	}
}

func printResult(s *streams, r *demoResult) {
	writeLines(s.out, lines(r.Principals), false)
	fmt.Fprintf(s.out, "\nCustomers are counted from the bytes that each principal received, against the true list of %d.\n", r.Customers)
	yes := func(held bool, is, isNot string) {
		mark, text := "yes", is
		if !held {
			mark, text = "NO ", isNot
		}
		fmt.Fprintf(s.out, "  %s  %s\n", mark, text)
	}
	yes(r.BoundHeld, "The bound held: nobody received more customers in clear than its budget.", "The bound did not hold.")
	yes(r.CountsAgree, "The ledger agrees with what was received.", "The ledger and what was received disagree.")
	yes(r.WorkDone, "Everybody honest got their work done.", "Somebody honest was kept from their work.")
	yes(r.Theft, "The stolen credential asked for every customer.", "The theft was not tried in full.")
	yes(r.Ledger.Verified, fmt.Sprintf("The ledger verifies: %d entries. %d alerts, %d holds.", r.Ledger.Entries, r.Alerts, r.Holds), "The ledger does not verify.")
	for _, why := range r.Why {
		fmt.Fprintf(s.out, "       %s\n", why)
	}
}

// liveTable shows what everybody has: in place on a terminal, as lines elsewhere.
type liveTable struct {
	out   io.Writer
	tty   bool
	drawn int
	began time.Time
}

func (t *liveTable) show(st *stage) {
	if t.began.IsZero() {
		t.began = time.Now()
	}
	var principals []demoPrincipal
	tallies := st.play.Tallies()
	for i, a := range st.play.Actors() {
		y := tallies[i]
		principals = append(principals, demoPrincipal{
			Name: a.Name, Role: a.Role, Asked: y.Asked, GotClear: y.GotClear, GotMasked: y.GotMasked, Budget: st.budget(a), Denied: y.Denied, Honest: a.Honest,
		})
	}
	elapsed := time.Since(t.began).Round(time.Second)
	status := st.server.state.ledger.Status()
	if !t.tty {
		for _, l := range lines(principals) {
			fmt.Fprintf(t.out, "%s %s role=%s asked=%d clear=%d masked=%d budget=%d denied=%d\n", elapsed, strings.ReplaceAll(l.name, " ", "-"), l.role, l.asked, l.clear, l.masked, l.budget, l.denied)
		}
		return
	}
	var b strings.Builder
	if t.drawn > 0 {
		fmt.Fprintf(&b, "\033[%dA\033[J", t.drawn)
	}
	writeLines(&b, lines(principals), true)
	fmt.Fprintf(&b, "\nLedger: %d entries, signed up to %d. Running for %s.\n", status.Entries, status.Checkpoint.Size, elapsed)
	holds := st.server.guard.Holds()
	for _, h := range holds {
		fmt.Fprintf(&b, "Held: %s until %s\n", h.Party, h.Until.Local().Format("15:04:05"))
	}
	text := b.String()
	t.drawn = strings.Count(text, "\n")
	fmt.Fprint(t.out, text)
}

package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/console"
	"github.com/getweir/weir/coverage"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/watch"
)

// consoleSource shows a server to the console.
type consoleSource server

func (s *consoleSource) Exposure() console.Exposure {
	x := s.guard.Exposure()
	p := s.guard.Policy()
	shown := console.Exposure{Mode: console.Enforcing, Policy: p.Version(), File: s.note.String(), Node: s.cfg.Node}
	switch routes := observedRoutes(p); {
	case x.Mode == guard.Observe:
		shown.Mode = console.Observe
	case len(routes) > 0:
		shown.Mode, shown.Observing = console.Partly, routes
	}
	shown.Would = console.Would(x.Observed)
	shown.Unbounded = s.covering.unbounded((*server)(s))
	kinds := map[weir.PartyKind]int{}
	for _, r := range x.Rows { // those who took most of a kind come first
		if kinds[r.Party.Kind]++; kinds[r.Party.Kind] > mostRows {
			if shown.More == nil {
				shown.More = map[weir.PartyKind]int{}
			}
			shown.More[r.Party.Kind]++
			continue
		}
		row := console.Row{
			Party: r.Party, Role: r.Role, Who: r.Who, Own: r.Own, Budget: r.Budget,
			CouldHour: r.CouldHour, CouldDay: r.CouldDay, Denied: int64(r.Denied), Held: r.Held,
		}
		if r.Party.Name == guard.Unseen {
			row.Who = "any of role " + r.Role
		}
		for lane := range r.Taken {
			row.Taken[lane] = weir.Budget(r.Taken[lane])
		}
		shown.Rows = append(shown.Rows, row)
	}
	return shown
}

// mostRows is how many parties of a kind the console lists.
const mostRows = 200

func (s *consoleSource) Coverage() *coverage.Report { return s.covering.report(s.guard.Policy()) }

func (s *consoleSource) Alerts() []watch.Alert { return s.watch.Alerts() }

func (s *consoleSource) Holds() (all []console.Hold) {
	for _, h := range s.guard.Policy().Holds() {
		all = append(all, console.Hold{Party: h.Party, Reason: h.Reason + " (by the policy: only a change of it lifts this)", Until: h.Until})
	}
	for _, h := range s.guard.Holds() {
		all = append(all, console.Hold{Party: h.Party, Reason: h.Reason, Since: h.Since, Until: h.Until})
	}
	return all
}

func (s *consoleSource) Ledger() console.LedgerStatus {
	st := s.state.ledger.Status()
	shown := console.LedgerStatus{
		Entries: st.Entries, Bytes: st.Bytes,
		CheckpointSize: st.Checkpoint.Size, CheckpointRoot: st.Checkpoint.Root, CheckpointTime: st.Checkpoint.Time,
	}
	if st.Store.Err != nil {
		shown.Failed = "The shared store does not acknowledge it, so nothing is released. It is tried again."
	}
	if s.archive != nil {
		shown.Archive, shown.ArchiveFails = archiveText(s.archive.Status(), st.Entries)
	}
	if w := st.Witnessed; w.Of > 0 {
		shown.Witnesses = console.Witnesses{Of: w.Of, Need: w.Need, By: w.By, Size: w.Checkpoint.Size, Last: w.Checkpoint.Time}
	}
	if st.Err != nil {
		shown.Failed = "It cannot be written, so nothing is released. The log has the cause."
	}
	return shown
}

func (s *consoleSource) Replay(from int64, fn func(int64, *ledger.Entry) error) error {
	return s.state.ledger.Replay(from, fn)
}

func (s *consoleSource) Follow(ctx context.Context, from int64, fn func(int64, *ledger.Entry) error) error {
	return s.state.ledger.Follow(ctx, from, fn)
}

func (s *consoleSource) Verify(ctx context.Context, progress func(done, of int64)) (console.Verification, error) {
	report, err := ledger.Verify(filepath.Join(s.cfg.State, "ledger"), ledger.VerifyOptions{Progress: progress})
	if report == nil {
		return console.Verification{}, err
	}
	return console.Verification{OK: err == nil, Entries: report.Entries, Text: report.String()}, nil
}

func (s *consoleSource) Requests() (all []console.Request) {
	for _, r := range s.book.Requests() {
		if r.State != approval.Waiting && r.State != approval.Approved {
			continue
		}
		all = append(all, console.Request{
			ID: r.ID.String(), Principal: r.Principal, Role: r.Role, Lanes: strings.Join(r.LaneNames(), ", "), Customers: r.Customers,
			For: time.Duration(r.For), Reason: r.Reason, By: r.By, Approved: r.Decided, Asked: r.Asked, Until: r.Until,
		})
	}
	return all
}

func (s *consoleSource) Decide(ctx context.Context, d console.Decision) error {
	var id approval.ID
	if err := id.UnmarshalText([]byte(d.ID)); err != nil {
		return console.Refusal("There is no such request.")
	}
	p, err := s.requests.person(ctx, d.Credential.Reveal())
	if err == nil && d.Approve {
		_, err = s.requests.approve(ctx, p, id)
	} else if err == nil {
		_, err = s.requests.end(ctx, p, id, d.Reason, true)
	}
	if errors.Is(err, approval.ErrRefused) || errors.Is(err, approval.ErrUnknown) {
		return console.Refusal(err.Error())
	}
	return err
}

func (s *consoleSource) Lift(ctx context.Context, party weir.Party, by, reason string) error {
	_, err := s.state.ledger.Append(ctx, &ledger.Entry{Kind: ledger.Lift, Party: party.String(), Principal: by, PrincipalKind: weir.Staff, Text: reason})
	return err
}

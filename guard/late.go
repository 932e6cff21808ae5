package guard

import (
	"context"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/meter"
)

// latest is how long after a charge its customers may leave. Recording takes a
// millisecond, but a disk or a store may stall; a window counts from when somebody was
// received, so what waited longer is withheld, and a restart counts everybody as taken
// so much later than the entry says.
const latest = 15 * time.Second

var tooLate = weir.Denial{Reason: weir.ReasonRecord, Retry: 5 * time.Second,
	Message: "It took too long to record the release, so nothing is released. Try again."}

// late makes good for the time that recording took: who was charged at a time leaves
// only now, and is charged again for now. Whoever is in every window costs nothing more.
func (p *Pass) late(ctx context.Context, charged time.Time, segments [][]meter.Demand) *weir.Denial {
	now := p.guard.now()
	switch {
	case p.observe:
		return nil
	case now.Sub(charged) > latest:
		return &tooLate
	case second(now) == second(charged):
		return nil // the meter counts whole seconds
	}
	_, denial, _ := p.pay(ctx, segments)
	return denial
}

// asked charges again, for now, for whom the request asked about, if that was in
// another second: what the client learns of them it learns from the answer.
func (p *Pass) asked(ctx context.Context) *weir.Denial {
	now := p.guard.now()
	if p.recorded || len(p.probed) == 0 || p.observe || second(now) == second(p.began) {
		return nil
	}
	_, denial, under := p.pay(ctx, [][]meter.Demand{p.probes()})
	if under != nil {
		p.probedUnder = under[0]
	}
	return denial
}

func (p *Pass) probes() []meter.Demand {
	demands := make([]meter.Demand, len(p.probed))
	for i, t := range p.probed {
		demands[i] = meter.Demand{Subject: t.Subject, Lanes: t.Lanes}
	}
	return demands
}

// second gives the second that the meter counts a time in.
func second(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

package inbound

import (
	"context"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
)

// admission is what the door needs of the guard.
type admission interface {
	Admit(ctx context.Context, x *weir.Exchange) (pass, *weir.Denial)
	// Deny gives a pass all the same where the exchange is only observed.
	Deny(ctx context.Context, x *weir.Exchange, d *weir.Denial) (pass, *weir.Denial)
}

// pass is what the door needs of an admitted exchange.
type pass interface {
	Observed() bool
	Overlook(ctx context.Context, d *weir.Denial)
	Array() []string
	Declared() bool
	Answered(failed bool)
	Opaque(mediaType string) bool
	Release(ctx context.Context, segments []weir.Segment) guard.Release
	PassUnread(ctx context.Context, n int) *weir.Denial
	Uninspected() bool
	PassUninspected(ctx context.Context, n int) *weir.Denial
	Close(ctx context.Context, o guard.Outcome)
}

// guarded makes a Guard the admission it is.
type guarded struct{ *guard.Guard }

func (g guarded) Admit(ctx context.Context, x *weir.Exchange) (pass, *weir.Denial) {
	return admitted(g.Guard.Admit(ctx, x))
}

func (g guarded) Deny(ctx context.Context, x *weir.Exchange, d *weir.Denial) (pass, *weir.Denial) {
	return admitted(g.Guard.Deny(ctx, x, d))
}

func admitted(p *guard.Pass, d *weir.Denial) (pass, *weir.Denial) {
	if d != nil {
		return nil, d
	}
	return p, nil
}

package inbound

import (
	"context"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
)

// admission is what the door needs of the guard.
type admission interface {
	Admit(ctx context.Context, x *weir.Exchange) (pass, *weir.Denial)
	Deny(ctx context.Context, x *weir.Exchange, d *weir.Denial)
}

// pass is what the door needs of an admitted exchange.
type pass interface {
	Array() []string
	Declared() bool
	Answered(failed bool)
	Opaque(mediaType string) bool
	Release(ctx context.Context, segments []weir.Segment) guard.Release
	PassUnread(ctx context.Context, n int) *weir.Denial
	Close(ctx context.Context, o guard.Outcome)
}

// guarded makes a Guard the admission it is.
type guarded struct{ *guard.Guard }

func (g guarded) Admit(ctx context.Context, x *weir.Exchange) (pass, *weir.Denial) {
	p, denial := g.Guard.Admit(ctx, x)
	if denial != nil {
		return nil, denial
	}
	return p, nil
}

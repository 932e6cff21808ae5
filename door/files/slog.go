package files

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/mask"
)

// A LogHandler masks what is logged, messages and attributes, before another handler
// has it. An attribute is read as the value of a field of its name. Times, durations
// and booleans stay what they are; a number that is masked becomes text; what is no
// plain value is read as the JSON or the text that it prints as, and given on as that
// only if something in it is masked.
//
// Keys, levels and source places are not masked.
type LogHandler struct {
	next      slog.Handler
	inspector *inspect.Inspector
	wanted    *classes
}

// NewLogHandler masks what goes to next. Format of the options is not used.
func NewLogHandler(next slog.Handler, o MaskOptions) *LogHandler {
	return &LogHandler{next, o.Inspector, newClasses(o.Classes)}
}

// Enabled asks the handler behind it.
func (h *LogHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle masks a record and gives it on.
func (h *LogHandler) Handle(ctx context.Context, r slog.Record) error {
	message, _ := h.mask(weir.Segment{Syntax: weir.Text, Record: true}, r.Message)
	masked := slog.NewRecord(r.Time, r.Level, message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		masked.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, masked)
}

// WithAttrs masks the attributes once.
func (h *LogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		all[i] = h.attr(a)
	}
	return &LogHandler{h.next.WithAttrs(all), h.inspector, h.wanted}
}

// WithGroup names a group of what follows.
func (h *LogHandler) WithGroup(name string) slog.Handler {
	return &LogHandler{h.next.WithGroup(name), h.inspector, h.wanted}
}

func (h *LogHandler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	named := weir.Segment{Syntax: weir.Header, Record: true, Name: a.Key}
	switch v.Kind() {
	case slog.KindGroup:
		group := v.Group()
		all := make([]slog.Attr, len(group))
		for i, inner := range group {
			all[i] = h.attr(inner)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(all...)}
	case slog.KindBool, slog.KindTime, slog.KindDuration:
		return slog.Attr{Key: a.Key, Value: v}
	case slog.KindAny:
		return slog.Attr{Key: a.Key, Value: h.any(named, v)}
	}
	text, changed := h.mask(named, v.String())
	if changed {
		return slog.String(a.Key, text)
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// any masks a value of any type by what it prints as.
func (h *LogHandler) any(named weir.Segment, v slog.Value) slog.Value {
	text := ""
	switch x := v.Any().(type) {
	case nil:
		return v
	case error:
		text = x.Error()
	case fmt.Stringer:
		text = x.String()
	case []byte:
		text = string(x)
	default:
		// Under a name of its own, so that the name of the attribute counts.
		b, err := json.Marshal(map[string]any{named.Name: x})
		if err != nil {
			text = fmt.Sprint(x)
			break
		}
		masked, changed := h.mask(weir.Segment{Syntax: weir.JSON, Record: true}, string(b))
		if !changed {
			return v
		}
		var whole map[string]json.RawMessage
		if json.Unmarshal([]byte(masked), &whole) == nil {
			for _, raw := range whole { // there is one
				return slog.AnyValue(raw)
			}
		}
		return slog.StringValue(withheld)
	}
	if masked, changed := h.mask(named, text); changed {
		return slog.StringValue(masked)
	}
	return v
}

// withheld stands for a value that cannot be read.
const withheld = "[withheld]"

// mask gives the text with its personal data masked, and whether there was any.
func (h *LogHandler) mask(seg weir.Segment, text string) (string, bool) {
	var r inspect.Report
	seg.Body = []byte(text)
	if err := h.inspector.Inspect(&r, &seg, nil); err != nil || r.Unread > 0 {
		return withheld, true
	}
	acts := make([]weir.Action, len(r.Findings))
	for i, f := range r.Findings {
		acts[i] = weir.Mask
		if h.wanted != nil && !h.wanted.has(f.Class) {
			acts[i] = weir.Allow
		}
	}
	if len(acts) == 0 {
		return text, false
	}
	out := mask.Append(nil, &seg, r.Findings, acts)
	return string(out), !bytes.Equal(out, seg.Body)
}

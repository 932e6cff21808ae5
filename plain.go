package weir

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
)

// Plain holds a personal value and never prints it: not by any verb of fmt, not
// through log/slog, encoding/json, encoding/xml or encoding/gob, not in a panic,
// and not when it sits in a field that those can only reach by reflection. The
// one way to the value is Reveal, which is easy to search for.
//
// The value hangs behind a pointer, because fmt does not call the methods of
// unexported fields: it would print a string there, and prints an address here.
// The zero Plain holds "".
type Plain struct{ value *string }

// redacted is what stands in print for a personal value.
const redacted = "[personal]"

var errPlain = errors.New("weir: a personal value is not encoded")

// NewPlain holds value.
func NewPlain(value string) Plain { return Plain{&value} }

// PlainAt holds the value that stands at an address, without a copy: it changes with
// what stands there. It is for whoever owns the place and uses it again and again.
func PlainAt(value *string) Plain { return Plain{value} }

// Reveal gives the value. Whoever calls it answers for where it goes.
func (p Plain) Reveal() string {
	if p.value == nil {
		return ""
	}
	return *p.value
}

// Equal reports whether two values are the same. Plains are not to be compared
// by ==, which compares addresses.
func (p Plain) Equal(q Plain) bool { return p.Reveal() == q.Reveal() }

func (p Plain) String() string               { return redacted }
func (p Plain) GoString() string             { return redacted }
func (p Plain) Format(f fmt.State, _ rune)   { f.Write([]byte(redacted)) }
func (p Plain) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (p Plain) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (p Plain) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// GobEncode refuses: what is encoded by gob is meant to be read back, and a
// personal value is not passed on that way.
func (p Plain) GobEncode() ([]byte, error) { return nil, errPlain }

func (s Segment) String() string {
	return "[" + s.Syntax.String() + " segment of " + strconv.Itoa(len(s.Body)) + " bytes]"
}
func (s Segment) GoString() string             { return s.String() }
func (s Segment) Format(f fmt.State, _ rune)   { f.Write([]byte(s.String())) }
func (s Segment) LogValue() slog.Value         { return slog.StringValue(s.String()) }
func (s Segment) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
func (s Segment) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, s.String()), nil }

// GobEncode refuses, as Plain's does.
func (s Segment) GobEncode() ([]byte, error) { return nil, errPlain }

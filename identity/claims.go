package identity

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/go-jose/go-jose/v4/json"
)

// maxIdentifier bounds the bytes of a name or customer identifier in a claim.
const maxIdentifier = 256

// claims holds the members of a token's payload or of an introspection answer.
// The JSON package of go-jose is used because it refuses an object that has the
// same name twice and does not take "SUB" for "sub".
type claims map[string]json.RawMessage

func parseClaims(b []byte) (claims, bool) {
	var c claims
	if err := json.Unmarshal(b, &c); err != nil || c == nil {
		return nil, false
	}
	return c, true
}

// at gives the claim of that name, or what the JSON pointer leads to. Pointers
// lead through objects only.
func (c claims) at(name string) (json.RawMessage, bool) {
	if !strings.HasPrefix(name, "/") {
		raw, ok := c[name]
		return raw, ok && string(raw) != "null"
	}
	first, rest, more := strings.Cut(name[1:], "/")
	first = strings.ReplaceAll(strings.ReplaceAll(first, "~1", "/"), "~0", "~")
	raw, ok := c[first]
	if !ok || string(raw) == "null" {
		return nil, false
	}
	if !more {
		return raw, true
	}
	inner, ok := parseClaims(raw)
	if !ok {
		return nil, false
	}
	return inner.at("/" + rest)
}

// identifier gives a claim that is a string, or a whole number as some issuers
// write identifiers, in the digits that they are written with.
func (c claims) identifier(name string) (string, bool) {
	raw, ok := c.at(name)
	if !ok {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
		if _, err := strconv.ParseUint(s, 10, 64); err != nil {
			return "", false
		}
	}
	return s, s != "" && len(s) <= maxIdentifier
}

// text gives a claim that is a string, and false when it is something else.
// A claim that is not there is "".
func (c claims) text(name string) (string, bool) {
	raw, ok := c.at(name)
	if !ok {
		return "", true
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

// list gives a claim that is a string or a list of strings.
func (c claims) list(name string) ([]string, bool) {
	raw, ok := c.at(name)
	if !ok {
		return nil, true
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []string{s}, true
	}
	var all []*string
	if json.Unmarshal(raw, &all) != nil {
		return nil, false
	}
	list := make([]string, len(all))
	for i, s := range all {
		if s == nil {
			return nil, false
		}
		list[i] = *s
	}
	return list, true
}

// maxDate is the last second of the year 9999. Later dates are not RFC 3339, and
// no issuer means them.
const maxDate = 253402300799

// date gives a NumericDate (RFC 7519 section 2): seconds, perhaps with a
// fraction. The zero time stands for a claim that is not there.
func (c claims) date(name string) (time.Time, bool) {
	raw, ok := c.at(name)
	if !ok {
		return time.Time{}, true
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || seconds < 0 || seconds > maxDate {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// A reader makes a principal of claims, as the configuration of their issuer
// says.
type reader struct {
	names    namer
	issuer   string
	claims   Claims
	kind     weir.Kind // of claims that do not say; Anonymous: they are refused
	role     string    // of claims that do not say; "": they are refused
	roles    []string  // that are believed, the best first; nil: any
	roleless bool      // the role is not the issuer's to give
	leeway   time.Duration
}

// principal reads who c speaks of. Issuer, kind, name or own identifier, role,
// actors and second factor are set; the caller knows the credential.
func (rd *reader) principal(c claims, now time.Time) (weir.Principal, *weir.Denial) {
	p := weir.Principal{Issuer: rd.issuer, Kind: rd.kind}
	if rd.claims.Kind != "" {
		text, ok := c.text(rd.claims.Kind)
		if !ok {
			return p, refuse("The credential's kind of principal cannot be read.")
		}
		if text != "" {
			kind, err := weir.ParseKind(text)
			if err != nil {
				return p, refuse("The credential names an unknown kind of principal.")
			}
			p.Kind = kind
		}
	}
	var d *weir.Denial
	switch p.Kind {
	case weir.Anonymous:
		return p, refuse("The credential names no kind of principal.")
	case weir.Customer:
		id, ok := c.identifier(rd.claims.Customer)
		if !ok {
			return p, refuse("The credential names no customer.")
		}
		p.Own = weir.Identifier{Kind: "customer", Value: weir.NewPlain(id)}
	default:
		name, ok := c.identifier(rd.claims.Name)
		if !ok {
			return p, refuse("The credential names nobody.")
		}
		p.Name = rd.names.name(rd.issuer, name)
	}
	if !rd.roleless {
		if p.Role, d = rd.chooseRole(c); d != nil {
			return p, d
		}
	}
	if p.Act, d = rd.actors(c); d != nil {
		return p, d
	}
	p.SecondFactor, d = secondFactor(c, now.Add(rd.leeway), rd.claims.SecondFactor)
	p.Levels = rd.claims.SecondFactor
	return p, d
}

// chooseRole gives the one role that the policy is asked about.
func (rd *reader) chooseRole(c claims) (string, *weir.Denial) {
	has, ok := c.list(rd.claims.Role)
	if !ok {
		return "", refuse("The credential's role cannot be read.")
	}
	if len(has) == 0 && rd.role != "" {
		return rd.role, nil
	}
	return pickRole(has, rd.roles)
}

// pickRole gives the first of believed that is in has, or the only one in has if
// all are believed.
func pickRole(has, believed []string) (string, *weir.Denial) {
	for _, b := range believed {
		for _, h := range has {
			if h == b {
				return b, nil
			}
		}
	}
	switch {
	case len(has) == 0:
		return "", refuse("The credential names no role.")
	case len(believed) > 0:
		return "", refuse("The credential names no role that is accepted.")
	case len(has) > 1:
		return "", refuse("The credential names several roles.")
	case !isPlain(has[0]):
		return "", refuse("The credential's role cannot be read.")
	}
	return has[0], nil
}

// actors reads the chain of RFC 8693 section 4.1: the outermost "act" is who
// acts now, those within it acted before.
func (rd *reader) actors(c claims) ([]string, *weir.Denial) {
	var chain []string
	for {
		raw, ok := c.at("act")
		if !ok {
			return chain, nil
		}
		if len(chain) == maxAct {
			return nil, refuse("Too many act through this credential.")
		}
		if c, ok = parseClaims(raw); !ok {
			return nil, refuse("The credential's chain of actors cannot be read.")
		}
		name, ok := rd.party(c)
		if !ok {
			return nil, refuse("The credential's chain of actors cannot be read.")
		}
		chain = append(chain, name)
	}
}

// party gives the name of somebody that a claim tells of by "sub", and by "iss"
// when it is known elsewhere: there the same name is somebody else.
func (rd *reader) party(c claims) (string, bool) {
	sub, ok := c.identifier("sub")
	if !ok {
		return "", false
	}
	iss, ok := c.text("iss")
	if !ok || len(iss) > maxIdentifier {
		return "", false
	}
	if iss == "" || iss == rd.issuer {
		return rd.names.name(rd.issuer, sub), true
	}
	return rd.names.name("", iss) + "|" + rd.names.name(iss, sub), true
}

// factorSorts sorts the authentication methods of RFC 8176 section 2 by what
// they show. Methods that are no factor by themselves (geo, mca, rba, user, wia)
// are left out.
var factorSorts = map[string]uint8{
	"kba": 1, "pin": 1, "pwd": 1,
	"hwk": 2, "otp": 2, "sc": 2, "sms": 2, "swk": 2, "tel": 2,
	"face": 4, "fpt": 4, "iris": 4, "retina": 4, "vbm": 4,
}

// secondFactor gives when two factors were shown: at auth_time, and never when
// the issuer does not say when. latest is when now is by a clock that is ahead.
func secondFactor(c claims, latest time.Time, levels []string) (time.Time, *weir.Denial) {
	at, ok := c.date("auth_time")
	if !ok || at.After(latest) {
		return time.Time{}, refuse("The credential's time of sign-in cannot be right.")
	}
	// Issuers write what they like there; who configured no levels does not read it.
	if len(levels) > 0 {
		if level, ok := c.list("acr"); ok && len(level) == 1 && slices.Contains(levels, level[0]) {
			return at, nil
		}
	}
	methods, ok := c.list("amr")
	if !ok {
		return time.Time{}, refuse("The credential's means of sign-in cannot be read.")
	}
	var sorts uint8
	for _, m := range methods {
		if m == "mfa" {
			return at, nil
		}
		sorts |= factorSorts[m]
	}
	if sorts&(sorts-1) == 0 { // fewer than two bits
		return time.Time{}, nil
	}
	return at, nil
}
